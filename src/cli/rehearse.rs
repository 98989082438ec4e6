//! `rehearse`: what the present rules, or others, would have said of a time that is past.

use std::collections::BTreeMap;
use std::sync::Arc;

use comfy_table::Cell;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::cli::arguments::RehearseArguments;
use crate::cli::check;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::history;
use crate::cli::misconfigured;
use crate::cli::print;
use crate::cli::run::exit_of;
use crate::cli::say;
use crate::cli::table;
use crate::config::lenient;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::message::Message;
use crate::jobs::rehearse;
use crate::jobs::rehearse::Rehearse;
use crate::jobs::rehearse::Rehearsed;
use crate::notify::subject::subject;
use crate::store::error::StoreError;
use crate::store::reader::Reader;

/// Messages that are listed without `--all`: the last ones.
const LISTED: usize = 50;

/// What was rehearsed, as it is shown.
struct Shown<'a> {
    config: &'a Config,
    rehearse: &'a Rehearse,
    rehearsed: &'a Rehearsed,
    /// What the history does not hold, in sentences.
    missing: Vec<String>,
    /// There are several shops, also where one is asked for.
    several: bool,
}

/// Prints what would have been said.
pub async fn rehearse(sources: &Sources, options: &RehearseArguments) -> Exit {
    let (config, unset) = match lenient::load(sources) {
        Ok(loaded) => loaded,
        Err(errors) => return misconfigured(&errors),
    };
    if !unset.is_empty() {
        say(&format!(
            "Not set, and not needed here: {}. Nothing is sent.",
            unset.join(", ")
        ));
    }
    if let Err(exit) = check::is_there(&config, options.instance.as_deref()) {
        return exit;
    }
    let reader = match Reader::open(&config.store.path).await {
        Ok(reader) => reader,
        Err(error) => return exit_of(Err(error.into())),
    };
    let exit = answer(&config, &reader, options).await;
    reader.close().await;
    exit.unwrap_or_else(|exit| exit)
}

async fn answer(config: &Config, reader: &Reader, options: &RehearseArguments) -> Result<Exit, Exit> {
    let rehearse = prepared(config, reader, options).await?;
    let rehearsed = rehearse.run();
    let shown = Shown {
        config,
        missing: missing(config, &rehearse, &rehearsed),
        rehearse: &rehearse,
        rehearsed: &rehearsed,
        several: config.instances.len() > 1,
    };
    for sentence in &shown.missing {
        say(sentence);
    }
    if options.json {
        print(&shown.json(options.all).to_string());
    } else {
        print(&shown.text(options.all));
    }
    Ok(Exit::Ok)
}

/// The time in question, and what the shops showed in it.
async fn prepared(config: &Config, reader: &Reader, options: &RehearseArguments) -> Result<Rehearse, Exit> {
    let now = Timestamp::now();
    let moment = |text: &str, name: &str| {
        history::parse_moment(text, &config.timezone, now).ok_or_else(|| {
            let problem = format!(
                "{name}: {text:?} is neither a duration (\"30d\") nor a time (\"2026-11-20 09:00\")."
            );
            fail(Exit::Usage, &problem)
        })
    };
    let since = moment(&options.since, "--since")?;
    let until = match &options.until {
        Some(text) => moment(text, "--until")?.min(now),
        None => now,
    };
    if until <= since {
        return Err(fail(Exit::Usage, "--until must be later than --since."));
    }
    let broken = |error: StoreError| exit_of(Err(error.into()));
    let kept = reader.upkeep().await.map_err(broken)?.horizon;
    if let Some(kept) = kept.filter(|kept| since < *kept) {
        let kept = table::time(kept, &config.timezone);
        let problem = format!(
            "--since: single levels are kept since {kept} only (RETENTION_CHANGES). Begin there or later."
        );
        return Err(fail(Exit::Usage, &problem));
    }
    let mut shops = Vec::new();
    let wanted = |name: &str| options.instance.as_deref().is_none_or(|only| only == name);
    for instance in config.instances.iter().filter(|instance| wanted(&instance.name)) {
        let Some(id) = reader.instance(&instance.name).await.map_err(broken)? else {
            say(&format!(
                "The database has no history of the shop {:?}.",
                instance.name
            ));
            continue;
        };
        let mut timeline = reader.timeline(id, since, until).await.map_err(broken)?;
        if options.without_people {
            timeline.acks.clear();
        }
        if config.rules.rules.iter().any(|rule| rule.cover.is_some()) {
            timeline.rates = reader.daily_rates(id, since, until).await.map_err(broken)?;
        }
        shops.push((instance.name.clone(), timeline));
    }
    let silences = if options.without_people {
        Vec::new()
    } else {
        reader.silences(None).await.map_err(broken)?
    };
    Ok(Rehearse {
        silences,
        windows: Arc::clone(&config.windows),
        rules: Arc::clone(&config.rules),
        shops,
        since,
        until,
        remind_at: config.reminder_at,
        zone: config.timezone.clone(),
    })
}

/// What cannot be told, in sentences.
fn missing(config: &Config, rehearse: &Rehearse, rehearsed: &Rehearsed) -> Vec<String> {
    let mut missing = Vec::new();
    let combinations: usize = rehearse.shops.iter().map(|(_, shop)| shop.combinations).sum();
    if combinations > 0 {
        missing.push(format!(
            "Not rehearsed: {combinations} combinations. The history does not hold the options they are made of."
        ));
    }
    if !config.capacities.pools.is_empty() {
        missing.push(
            "Not rehearsed: the pools. What they limited speaks for itself here, with the levels it had."
                .to_owned(),
        );
    }
    if rehearsed.suspect > 0 {
        missing.push(format!(
            "{} polls were suspect; what they showed is not kept, so they count as failed.",
            rehearsed.suspect
        ));
    }
    for (name, shop) in &rehearse.shops {
        if shop.start.is_none() {
            missing.push(format!(
                "{name}: nothing was accepted before, so it begins with a baseline."
            ));
        }
    }
    missing
}

impl Shown<'_> {
    fn channels(&self) -> Vec<&str> {
        self.rehearse
            .rules
            .channels
            .iter()
            .map(|channel| channel.name.as_str())
            .collect()
    }

    fn days(&self) -> BTreeMap<Date, BTreeMap<String, usize>> {
        rehearse::by_day(&self.rehearsed.messages, &self.rehearse.zone)
    }

    /// The messages to list, the last ones where not `all`.
    fn listed(&self, all: bool) -> &[Message] {
        let messages = &self.rehearsed.messages;
        let skipped = if all {
            0
        } else {
            messages.len().saturating_sub(LISTED)
        };
        &messages[skipped..]
    }

    fn text(&self, all: bool) -> String {
        let (zone, total) = (&self.rehearse.zone, self.rehearsed.messages.len());
        let mut text = format!(
            "{} to {}: {total} messages of {} polls.",
            table::time(self.rehearse.since, zone),
            table::time(self.rehearse.until, zone),
            self.rehearsed.polls
        );
        if total == 0 {
            return text;
        }
        text += &format!("\n\n{}", self.counts());
        let listed = self.listed(all);
        if listed.len() < total {
            text += &format!("\n\nThe last {} of {total}; --all lists them all.", listed.len());
        }
        let mut lines = table::new(&["TIME", "CHANNEL", "SUBJECT"]);
        for message in listed {
            lines.add_row([
                table::time(message.at, zone),
                message.channel.clone(),
                subject(message, self.several),
            ]);
        }
        text + &format!("\n\n{lines}")
    }

    /// So many messages by day and channel.
    fn counts(&self) -> String {
        let channels = self.channels();
        let mut header = vec!["DAY"];
        header.extend(&channels);
        let mut counts = table::new(&header);
        let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
        let days = self.days();
        for (day, by_channel) in &days {
            let mut row = vec![Cell::new(day)];
            for channel in &channels {
                let count = by_channel.get(*channel).copied().unwrap_or_default();
                *sums.entry(channel).or_default() += count;
                row.push(table::number(count));
            }
            counts.add_row(row);
        }
        let mut row = vec![Cell::new("in all")];
        row.extend(channels.iter().map(|channel| table::number(sums[channel])));
        counts.add_row(row);
        counts.to_string()
    }

    fn json(&self, all: bool) -> Value {
        let days = self.days();
        let days: Vec<Value> = days
            .iter()
            .map(|(day, channels)| json!({ "day": day, "messages": channels }))
            .collect();
        let messages = self.listed(all).iter().map(|message| {
            json!({
                "at": message.at,
                "channel": message.channel,
                "type": message.body.kind(),
                "instance": message.instance,
                "subject": subject(message, self.several),
            })
        });
        json!({
            "since": self.rehearse.since,
            "until": self.rehearse.until,
            "timezone": self.config.timezone_name,
            "polls": self.rehearsed.polls,
            "days": days,
            "total": self.rehearsed.messages.len(),
            "messages": messages.collect::<Vec<_>>(),
            "not_rehearsed": self.missing,
        })
    }
}
