//! `history`: a product's or a pool's levels over time, or how a product stood at one moment.

use jiff::Span;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::json;

use crate::cli::arguments::HistoryArguments;
use crate::cli::check::pools_of;
use crate::cli::check::remembered;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::listing::STYLE;
use crate::cli::print;
use crate::cli::run::exit_of;
use crate::cli::say;
use crate::cli::table;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::alerting::series;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::daily::Daily;
use crate::domain::nameless;
use crate::domain::nameless::called;
use crate::notify::clean;
use crate::notify::people;
use crate::observe::items::Entry;
use crate::observe::said::Said;
use crate::scheduler;
use crate::store::days::DailyPast;
use crate::store::error::StoreError;
use crate::store::history::LevelQuery;
use crate::store::history::Point;
use crate::store::history::RecordedEvent;
use crate::store::past::PastItem;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;

/// Said where a combination has no series.
const DERIVED: &str = "The combination had no figure of its own then: it is what its product is.";
/// Points read at once.
const PAGE: usize = 1000;

/// What was asked for, resolved.
struct Subject {
    instance: String,
    id: InstanceId,
    memory: Memory,
    /// Index into `memory.products`.
    place: usize,
    combination: Option<CombinationKey>,
}

impl Subject {
    fn product(&self) -> &Tracked {
        &self.memory.products[self.place]
    }

    /// The series as it stands now; the product's where the combination has none.
    fn entry(&self) -> Entry<'_> {
        let product = self.product();
        let key = self.combination.as_ref();
        let own = key.and_then(|key| {
            product
                .combinations
                .iter()
                .find(|known| known.key == *key && !known.gone)
        });
        Entry {
            instance: &self.instance,
            forecasts: &self.memory.forecasts,
            observed_at: self.memory.source.last_accepted_at,
            product,
            combination: own,
        }
    }
}

/// Prints the history.
pub async fn history(sources: &Sources, options: &HistoryArguments) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let reader = match Reader::open(&config.store.path).await {
        Ok(reader) => reader,
        Err(error) => return exit_of(Err(error.into())),
    };
    let exit = answer(&config, &reader, options)
        .await
        .unwrap_or_else(|exit| exit);
    reader.close().await;
    exit
}

async fn answer(config: &Config, reader: &Reader, options: &HistoryArguments) -> Result<Exit, Exit> {
    let zone = &config.timezone;
    let now = Timestamp::now();
    let moment = |text: &Option<String>, name: &str| match text {
        Some(text) => parse_moment(text, zone, now).map(Some).ok_or_else(|| {
            fail(
                Exit::Usage,
                &format!(
                    "{name}: {text:?} is neither a duration (\"7d\") nor a time (\"2026-11-20 09:00\")."
                ),
            )
        }),
        None => Ok(None),
    };
    let since = moment(&options.since, "--since")?;
    let at = moment(&options.at, "--at")?;
    if let Some(name) = &options.pool {
        return of_pool(config, reader, name, since, options).await;
    }
    let subject = subject(config, reader, options).await?;
    match at {
        Some(at) => stood(config, reader, &subject, at, options).await,
        None => levels(config, reader, &subject, since, options).await,
    }
}

async fn subject(config: &Config, reader: &Reader, options: &HistoryArguments) -> Result<Subject, Exit> {
    let combination = match options.combination.as_deref().map(str::parse::<CombinationKey>) {
        Some(Ok(key)) => Some(key),
        Some(Err(error)) => return Err(fail(Exit::Usage, &error.to_string())),
        None => None,
    };
    let wanted = options.product.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    for name in shops(config, reader, options).await? {
        let broken = |error: StoreError| exit_of(Err(error.into()));
        let Some(id) = reader.instance(&name).await.map_err(broken)? else {
            continue;
        };
        let memory = remembered(config, Some(reader), &name).await.map_err(broken)?;
        for place in places(&memory, wanted) {
            found.push((name.clone(), id, place));
        }
        if let [(instance, id, place)] = found.as_slice()
            && *instance == name
        {
            let (instance, id, place) = (instance.clone(), *id, *place);
            // Another shop may have the name too, unless this one was asked for.
            if options.instance.is_some() || config.instances.len() == 1 {
                return Ok(Subject {
                    instance,
                    id,
                    memory,
                    place,
                    combination,
                });
            }
        }
    }
    match found.as_slice() {
        [] => Err(fail(
            Exit::Low,
            &format!("No product {wanted:?} was ever seen. `status` lists them."),
        )),
        [(instance, id, place)] => {
            let memory = remembered(config, Some(reader), instance)
                .await
                .map_err(|error| exit_of(Err(error.into())))?;
            Ok(Subject {
                instance: instance.clone(),
                id: *id,
                memory,
                place: *place,
                combination,
            })
        }
        several => {
            let shops: Vec<&str> = several.iter().map(|(instance, _, _)| instance.as_str()).collect();
            Err(fail(
                Exit::Usage,
                &format!(
                    "{wanted:?} names several products (shops: {}). Give its id, and --instance.",
                    shops.join(", ")
                ),
            ))
        }
    }
}

/// The shops to look in: the one that is asked for, also where it is no longer configured, else all that are.
async fn shops(config: &Config, reader: &Reader, options: &HistoryArguments) -> Result<Vec<String>, Exit> {
    let configured: Vec<String> = config.instances.iter().map(|shop| shop.name.clone()).collect();
    let Some(wanted) = &options.instance else {
        return Ok(configured);
    };
    if !configured.contains(wanted) {
        let known = reader.instance(wanted).await;
        if known.map_err(|error| exit_of(Err(error.into())))?.is_none() {
            let problem = format!(
                "There is no shop {wanted:?}, and the database has no history of one. `instance list` shows them."
            );
            return Err(fail(Exit::Config, &problem));
        }
        say(&format!(
            "The shop {wanted:?} is no longer configured; this is its history."
        ));
    }
    Ok(vec![wanted.clone()])
}

/// By id, else by its name in any case.
fn places(memory: &Memory, wanted: &str) -> Vec<usize> {
    if let Some(id) = nameless::number(wanted)
        && let Ok(place) = memory.products.binary_search_by_key(&id, |product| product.id)
    {
        return vec![place];
    }
    let wanted = wanted.to_lowercase();
    (0..memory.products.len())
        .filter(|place| {
            let name = &memory.products[*place].name;
            name.shown().to_lowercase() == wanted || name.raw().to_lowercase() == wanted
        })
        .collect()
}

/// A duration back from now, or a time, in the zone where it has none of its own.
pub(super) fn parse_moment(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return zone.to_ambiguous_timestamp(civil).compatible().ok();
    }
    if let Some(back) = scheduler::parse_duration(text) {
        return now.checked_sub(back).ok();
    }
    let span: Span = text.parse().ok()?;
    now.to_zoned(zone.clone())
        .checked_sub(span)
        .ok()
        .map(|zoned| zoned.timestamp())
}

/// Every change of the level; a combination without a figure of its own is what its product is.
async fn levels(
    config: &Config,
    reader: &Reader,
    subject: &Subject,
    since: Option<Timestamp>,
    options: &HistoryArguments,
) -> Result<Exit, Exit> {
    let broken = |error: StoreError| exit_of(Err(error.into()));
    let mut points = all_points(reader, subject, subject.combination.as_ref(), since)
        .await
        .map_err(broken)?;
    let derived = points.is_none() && subject.combination.is_some();
    if derived {
        points = all_points(reader, subject, None, since).await.map_err(broken)?;
    }
    let points = points.unwrap_or_default();
    let key = subject.combination.as_ref().filter(|_| !derived);
    let whose = (subject.id, subject.product().id);
    let past = reader.daily_past(whose, key, since, None).await.map_err(broken)?;
    if derived && !options.json {
        say(DERIVED);
    }
    let pools = pools_of(config, Some(reader)).await.map_err(broken)?;
    let board = pools.map(|pools| pools.board(&config.capacities, Timestamp::now()));
    let board = board.unwrap_or_default();
    let said = Said::read(reader, &[&*subject.instance], &config.windows, Timestamp::now())
        .await
        .map_err(broken)?;
    let happened = match derived {
        true => {
            reader
                .people_events(subject.id, subject.product().id, None, since)
                .await
        }
        false => {
            let key = subject.combination.as_ref();
            reader
                .people_events(subject.id, subject.product().id, key, since)
                .await
        }
    };
    let happened = happened.map_err(broken)?;
    if options.json {
        let items: Vec<Value> = points.iter().map(point_json).collect();
        let now = said.beside(&subject.entry(), subject.entry().item(&board));
        let head = json!({
            "instance": subject.instance,
            "product_id": subject.product().id,
            "product": subject.product().name.shown(),
            "combination": combination_json(subject),
            "derived": derived,
            "bottleneck": now.bottleneck,
            "pool": now.pool,
            "ack": now.ack,
            "silenced": now.silenced,
            "levels_since": past.horizon,
            "days": past.days.iter().map(day_json).collect::<Vec<Value>>(),
            "items": items,
            "events": happened.iter().map(event_json).collect::<Vec<Value>>(),
        });
        print(&head.to_string());
    } else if options.csv {
        print(&separated(&past.days, &points));
    } else {
        let listed = format!(
            "{}{}",
            daily(&past, &config.timezone),
            listed(&points, &config.timezone)
        );
        let why = subject.entry().why(&board, STYLE);
        let why = why.map_or_else(String::new, |why| format!("\nnow {why}"));
        let people = people_lines(&said, &subject.entry(), &config.timezone);
        let happened = what_happened(&happened, &config.timezone);
        print(&format!("{}{why}{people}\n{listed}{happened}", title(subject)));
    }
    Ok(Exit::Ok)
}

/// Who has taken it on, and what keeps it from being told of, each on a line of its own.
fn people_lines(said: &Said, entry: &Entry<'_>, zone: &TimeZone) -> String {
    let now = Timestamp::now();
    let ack = said.ack(entry).map(|ack| people::taken_on(&ack, zone, now));
    let silenced = said.silenced(entry).map(|by| people::silenced(&by, zone, now));
    let lines = [ack, silenced].into_iter().flatten();
    lines.map(|line| format!("\n{line}")).collect()
}

/// Every change of what was left in a pool that is configured.
async fn of_pool(
    config: &Config,
    reader: &Reader,
    name: &str,
    since: Option<Timestamp>,
    options: &HistoryArguments,
) -> Result<Exit, Exit> {
    let broken = |error: StoreError| exit_of(Err(error.into()));
    let wanted = name.to_lowercase();
    let pools = pools_of(config, Some(reader)).await.map_err(broken)?;
    let pools = pools.map(|pools| pools.memory.products).unwrap_or_default();
    let pool = pools.iter().find(|pool| pool.name.raw().to_lowercase() == wanted);
    let (Some(pool), Some(id)) = (pool, reader.pools().await.map_err(broken)?) else {
        let problem = format!("No level of a pool {name:?} was ever recorded. `status` lists the pools.");
        return Err(fail(Exit::Low, &problem));
    };
    let points = points_of(reader, id, pool.id, None, since)
        .await
        .map_err(broken)?;
    let points = points.unwrap_or_default();
    let past = reader
        .daily_past((id, pool.id), None, since, None)
        .await
        .map_err(broken)?;
    let happened = reader.people_events(id, pool.id, None, since).await;
    let happened = happened.map_err(broken)?;
    if options.json {
        let items: Vec<Value> = points.iter().map(point_json).collect();
        let events: Vec<Value> = happened.iter().map(event_json).collect();
        let head = json!({
            "pool": pool.name.raw(),
            "capacity": pool.group_id,
            "levels_since": past.horizon,
            "days": past.days.iter().map(day_json).collect::<Vec<Value>>(),
            "items": items,
            "events": events,
        });
        print(&head.to_string());
    } else if options.csv {
        print(&separated(&past.days, &points));
    } else {
        let listed = format!(
            "{}{}",
            daily(&past, &config.timezone),
            listed(&points, &config.timezone)
        );
        let happened = what_happened(&happened, &config.timezone);
        print(&format!("pool {}\n{listed}{happened}", pool.name.shown()));
    }
    Ok(Exit::Ok)
}

/// What people did, and what came of it, beneath the levels; "" where there is nothing.
fn what_happened(events: &[RecordedEvent], zone: &TimeZone) -> String {
    if events.is_empty() {
        return String::new();
    }
    let mut listed = table::new(&["AT", "WHAT", "PARTICULARS"]);
    for event in events {
        let particulars = [event.reason.as_deref(), event.detail.as_deref()];
        let particulars: Vec<String> = particulars
            .into_iter()
            .flatten()
            .map(|text| clean::line(text, 200))
            .collect();
        listed.add_row([
            table::time(event.at, zone),
            event.kind.replace('_', " "),
            particulars.join(": "),
        ]);
    }
    format!("\n{listed}")
}

fn event_json(event: &RecordedEvent) -> Value {
    json!({
        "at": event.at,
        "kind": event.kind,
        "reason": event.reason,
        "level": event.level,
        "detail": event.detail,
    })
}

/// Days stand as dates, with how it stood at their end.
fn separated(days: &[Daily], points: &[Point]) -> String {
    let mut text = String::from("observed_at,state,level\n");
    for day in days {
        let level = day.last.and_then(Level::known);
        let level = level.map_or_else(String::new, |level| level.to_string());
        text.push_str(&format!("{},{},{level}\n", date(day), day_state(day)));
    }
    for point in points {
        let level = point.stood.level();
        let level = level.map_or_else(String::new, |level| level.to_string());
        text.push_str(&format!(
            "{},{},{level}\n",
            point.observed_at,
            point.stood.state()
        ));
    }
    text
}

/// The day in UTC: `2026-11-21`.
fn date(day: &Daily) -> String {
    Timestamp::from_millisecond(day.span().0).map_or_else(
        |_| day.day.to_string(),
        |begins| begins.strftime("%Y-%m-%d").to_string(),
    )
}

fn day_state(day: &Daily) -> &'static str {
    day.last.map_or("gone", Level::state)
}

fn day_json(day: &Daily) -> Value {
    json!({
        "day": date(day),
        "first": day.first,
        "state": day_state(day),
        "level": day.last.and_then(Level::known),
        "least": day.least,
        "most": day.most,
        "known_seconds": day.known_ms / 1000,
        "out_seconds": day.out_ms / 1000,
        "falls": day.falls,
        "rises": day.rises,
        "changes": day.changes,
    })
}

/// The days before single levels begin; "" where there are none.
fn daily(past: &DailyPast, zone: &TimeZone) -> String {
    let Some(horizon) = past.horizon.filter(|_| !past.days.is_empty()) else {
        return String::new();
    };
    let mut listed = table::new(&[
        "DAY (UTC)",
        "AT ITS END",
        "LEAST",
        "MOST",
        "FELL BY",
        "ROSE BY",
        "HOURS OUT",
    ]);
    for day in &past.days {
        let figure = |level: Option<i64>| level.map_or_else(|| "–".to_owned(), |level| level.to_string());
        let end = match day.last {
            Some(Level::Known(level)) => level.to_string(),
            Some(Level::Unknown | Level::NotControlled) | None => day_state(day).replace('_', " "),
        };
        listed.add_row([
            comfy_table::Cell::new(date(day)),
            table::number(end),
            table::number(figure(day.least)),
            table::number(figure(day.most)),
            table::number(day.falls),
            table::number(day.rises),
            table::number(format!("{:.1}", day.out_ms as f64 / 3_600_000.0)),
        ]);
    }
    format!(
        "Of the time before {} one figure a day is kept, of days on which something changed:\n{listed}\n",
        table::time(horizon, zone)
    )
}

fn listed(points: &[Point], zone: &TimeZone) -> comfy_table::Table {
    let mut listed = table::new(&["SINCE", "LEVEL", "STATE"]);
    for point in points {
        let level = point.stood.level();
        let level = level.map_or_else(|| "–".to_owned(), |level| level.to_string());
        listed.add_row([
            comfy_table::Cell::new(table::time(point.observed_at, zone)),
            table::number(level),
            comfy_table::Cell::new(point.stood.state().replace('_', " ")),
        ]);
    }
    listed
}

async fn all_points(
    reader: &Reader,
    subject: &Subject,
    combination: Option<&CombinationKey>,
    from: Option<Timestamp>,
) -> Result<Option<Vec<Point>>, StoreError> {
    points_of(reader, subject.id, subject.product().id, combination, from).await
}

async fn points_of(
    reader: &Reader,
    instance: InstanceId,
    product: i64,
    combination: Option<&CombinationKey>,
    from: Option<Timestamp>,
) -> Result<Option<Vec<Point>>, StoreError> {
    let mut points: Vec<Point> = Vec::new();
    loop {
        let query = LevelQuery {
            instance,
            product,
            combination,
            from,
            to: None,
            after: points.last().map(|point| point.poll),
            limit: PAGE,
        };
        let Some(page) = reader.level_history(&query).await? else {
            return Ok(None);
        };
        let whole = page.len() == PAGE;
        points.extend(page);
        if !whole {
            return Ok(Some(points));
        }
    }
}

fn point_json(point: &Point) -> Value {
    json!({
        "observed_at": point.observed_at,
        "state": point.stood.state(),
        "level": point.stood.level(),
    })
}

fn title(subject: &Subject) -> String {
    let product = subject.product();
    let combination = match &subject.combination {
        Some(key) => format!(" · {}", label(product, key)),
        None => String::new(),
    };
    format!(
        "{} (product {}, shop {}){combination}",
        called(product.name.shown(), product.id),
        product.id,
        subject.instance
    )
}

fn label(product: &Tracked, key: &CombinationKey) -> String {
    let known = product
        .combinations
        .iter()
        .find(|combination| combination.key == *key);
    known.map_or_else(|| key.to_string(), |combination| combination.label.to_string())
}

fn combination_json(subject: &Subject) -> Value {
    match &subject.combination {
        Some(key) => json!({ "key": key.to_string(), "label": label(subject.product(), key) }),
        None => Value::Null,
    }
}

/// How it stood at a moment: what the last accepted poll observed by then.
async fn stood(
    config: &Config,
    reader: &Reader,
    subject: &Subject,
    at: Timestamp,
    options: &HistoryArguments,
) -> Result<Exit, Exit> {
    if let Some(exit) = stood_that_day(config, reader, subject, at, options).await? {
        return Ok(exit);
    }
    let past = reader
        .catalogue_at(subject.id, at)
        .await
        .map_err(|error| exit_of(Err(error.into())))?;
    let Some(past) = past else {
        return Err(fail(Exit::Low, "No poll was accepted by then."));
    };
    let of_product = |combination: Option<&CombinationKey>| {
        past.items
            .iter()
            .find(|item| item.product_id == subject.product().id && item.combination.as_ref() == combination)
    };
    // A combination without a figure of its own is what its product is.
    let item = of_product(subject.combination.as_ref()).or_else(|| of_product(None));
    let derived = item.is_some_and(|item| item.combination != subject.combination);
    if derived && !options.json {
        say(DERIVED);
    }
    let Some(item) = item else {
        return Err(fail(Exit::Low, "The product was not seen by then."));
    };
    let age = at.duration_since(past.observed_at);
    if options.json {
        print(
            &json!({ "at": at, "items": [past_json(subject, item, past.observed_at, age.as_secs())] })
                .to_string(),
        );
    } else if options.csv {
        let level = item
            .stood
            .level()
            .map_or_else(String::new, |level| level.to_string());
        print(&format!(
            "observed_at,state,level\n{},{},{level}\n",
            past.observed_at,
            state(item)
        ));
    } else {
        let level = item
            .stood
            .level()
            .map_or_else(|| "–".to_owned(), |level| level.to_string());
        print(&format!(
            "{}\n{level} ({}), observed {}, {} s before the time asked for",
            title(subject),
            state(item).replace('_', " "),
            table::time(past.observed_at, &config.timezone),
            age.as_secs()
        ));
    }
    Ok(Exit::Ok)
}

/// Before single levels begin: the figure of that day, where one can be told. `None` where single levels tell.
async fn stood_that_day(
    config: &Config,
    reader: &Reader,
    subject: &Subject,
    at: Timestamp,
    options: &HistoryArguments,
) -> Result<Option<Exit>, Exit> {
    let broken = |error: StoreError| exit_of(Err(error.into()));
    let whose = (subject.id, subject.product().id);
    let next = at.checked_add(Span::new().seconds(1)).unwrap_or(at);
    let key = subject.combination.as_ref();
    let past = reader
        .daily_past(whose, key, Some(at), Some(next))
        .await
        .map_err(broken)?;
    let Some(horizon) = past.horizon.filter(|horizon| at < *horizon) else {
        return Ok(None);
    };
    if options.json {
        let days: Vec<Value> = past.days.iter().map(day_json).collect();
        print(&json!({ "at": at, "levels_since": horizon, "items": [], "days": days }).to_string());
        return Ok(Some(Exit::Ok));
    }
    say(&format!(
        "Single levels are kept since {}; of the time before, one figure a day.",
        table::time(horizon, &config.timezone)
    ));
    let Some(day) = past.days.last() else {
        return Err(fail(
            Exit::Low,
            "No figure of that day is kept: nothing was seen by then.",
        ));
    };
    if options.csv {
        print(&separated(&past.days, &[]));
    } else {
        let level = day.last.and_then(Level::known);
        let level = level.map_or_else(
            || day_state(day).replace('_', " "),
            |level| format!("{level} left"),
        );
        let when = if (day.span().0..day.span().1).contains(&at.as_millisecond()) {
            "at the end of that day"
        } else {
            "all that day"
        };
        print(&format!(
            "{}\n{level} {when} (UTC), by the figures of {}",
            title(subject),
            date(day)
        ));
    }
    Ok(Some(Exit::Ok))
}

fn state(item: &PastItem) -> &'static str {
    item.stood.state()
}

/// The item of `/api/v1/stock` as it would have been; the severity is what the present thresholds say of the level.
fn past_json(subject: &Subject, item: &PastItem, observed_at: Timestamp, age_seconds: i64) -> Value {
    let product = subject.product();
    let own = subject.combination.as_ref().and_then(|key| {
        product
            .combinations
            .iter()
            .find(|combination| combination.key == *key)
    });
    let effective = own.map_or(&product.effective, |combination| &combination.effective);
    json!({
        "instance": subject.instance,
        "product_id": item.product_id,
        "product": item.name.shown(),
        "group": item.group.as_ref().map(|group| group.shown().to_owned()),
        "combination": combination_json(subject),
        "state": state(item),
        "level": item.stood.level(),
        "severity": item.stood.level().map(|level| series::classify(level, effective)),
        "since": Value::Null,
        "observed_at": observed_at,
        "age_seconds": age_seconds,
        "present": item.present,
        "thresholds": effective.thresholds,
        "days_of_cover": Value::Null,
        "bottleneck": Value::Null,
        "derived": item.combination != subject.combination,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_in_the_configured_one() {
        let zone = TimeZone::get("Europe/Berlin").expect("known zone");
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("2026-11-20 09:00", "2026-11-20T08:00:00Z"),
            ("2026-07-01T09:00", "2026-07-01T07:00:00Z"),
            ("2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z"),
            ("2026-11-20", "2026-11-19T23:00:00Z"),
            ("90m", "2026-11-21T10:30:00Z"),
            ("7d", "2026-11-14T12:00:00Z"),
        ] {
            let at = parse_moment(text, &zone, now).expect(text);
            assert_eq!(at.to_string(), expected, "{text}");
        }
        assert_eq!(parse_moment("yesterday-ish", &zone, now), None);
    }
}
