//! `silence`: what is not to be told of for a while.

use jiff::Timestamp;
use serde_json::json;

use crate::cli::arguments::SilenceAddArguments;
use crate::cli::arguments::SilenceCommand;
use crate::cli::check::pools_of;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::people::ahead;
use crate::cli::people::beside;
use crate::cli::people::broken;
use crate::cli::people::faulty;
use crate::cli::people::known;
use crate::cli::people::who;
use crate::cli::print;
use crate::cli::table;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::nameless;
use crate::domain::nameless::called;
use crate::domain::pattern::Pattern;
use crate::domain::people::Matcher;
use crate::notify::clean;
use crate::observe::said;
use crate::people::draft;
use crate::people::listed;
use crate::people::listed::SilenceItem;
use crate::people::when::Day;
use crate::scheduler;
use crate::store::db::Store;

/// How many series are named of those that it matches.
const NAMED: usize = 10;

/// Makes, lists or ends.
pub async fn silence(sources: &Sources, what: &SilenceCommand) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match what {
        SilenceCommand::Add(options) => beside(&config, |store| add(sources, &config, store, options)).await,
        SilenceCommand::List { all, json } => {
            beside(&config, |store| list(&config, store, *all, *json)).await
        }
        SilenceCommand::End { id } => beside(&config, |store| end(store, *id)).await,
    }
}

async fn add(
    sources: &Sources,
    config: &Config,
    store: Store,
    options: &SilenceAddArguments,
) -> Result<Exit, Exit> {
    let now = Timestamp::now();
    let zone = &config.timezone;
    let starts = match &options.starts {
        Some(starts) => Some(ahead(starts, "--starts", Day::Begin, zone, now)?),
        None => None,
    };
    let ends = match (&options.for_, &options.until) {
        // For so long from its beginning on.
        (Some(lasts), _) => after(lasts, starts.unwrap_or(now))?,
        (None, Some(until)) => ahead(until, "--until", Day::End, zone, now)?,
        (None, None) => return Err(fail(Exit::Usage, "Give it an end: --for or --until.")),
    };
    let by = who(options.by.as_ref(), sources)?;
    let new = draft::silence(matcher(options)?, starts, ends, &by, &options.comment, now)
        .map_err(|fault| faulty(&fault))?;
    let made = store.add_silence(&new, now).await.map_err(broken)?;
    let from = match made.starts_at > now {
        true => format!(" from {}", table::time(made.starts_at, zone)),
        false => String::new(),
    };
    print(&format!(
        "Silence {}{from} until {} ({}: {}): {}.",
        made.id,
        table::time(made.ends_at, zone),
        made.by,
        made.comment,
        listed::in_words(&made.matcher)
    ));
    print(&matches(config, &store, &made.matcher).await?);
    Ok(Exit::Ok)
}

/// So long after that time.
fn after(lasts: &str, from: Timestamp) -> Result<Timestamp, Exit> {
    let ends = scheduler::parse_duration(lasts).and_then(|lasts| from.checked_add(lasts).ok());
    ends.ok_or_else(|| {
        let problem = format!("--for: {lasts:?} is not a span such as 90m, 2h or 3d.");
        fail(Exit::Usage, &problem)
    })
}

fn matcher(options: &SilenceAddArguments) -> Result<Matcher, Exit> {
    for (name, given) in [
        ("--instance", &options.instance),
        ("--group", &options.group),
        ("--product", &options.product),
        ("--pool", &options.pool),
    ] {
        if given.iter().any(|text| text.trim().is_empty()) {
            let problem = format!("{name} is empty. Name something, or leave it out: then it is any.");
            return Err(fail(Exit::Usage, &problem));
        }
    }
    let numbered = |text: &String| match text.trim().parse() {
        Ok(id) => Pattern::Id(id),
        Err(_) => Pattern::text(text.trim()),
    };
    let shown = |text: &String| nameless::number(text).map_or_else(|| numbered(text), Pattern::Id);
    let named = |text: &String| Pattern::text(text.trim());
    let pair = |text: &String| match text.split_once('=') {
        Some((option, choice)) if !option.trim().is_empty() && !choice.trim().is_empty() => {
            Ok((numbered(&option.to_owned()), numbered(&choice.to_owned())))
        }
        Some(_) | None => Err(fail(
            Exit::Usage,
            &format!("--option: {text:?} is not of the form NAME=CHOICE."),
        )),
    };
    Ok(Matcher {
        instances: options.instance.iter().map(named).collect(),
        groups: options.group.iter().map(numbered).collect(),
        products: options.product.iter().map(shown).collect(),
        options: options.option.iter().map(pair).collect::<Result<_, _>>()?,
        pools: options.pool.iter().map(named).collect(),
    })
}

/// What it is for now, in words.
async fn matches(config: &Config, store: &Store, matcher: &Matcher) -> Result<String, Exit> {
    let known = known(config, store.reader()).await.map_err(broken)?;
    let shops = known.shops();
    let mut names: Vec<String> = said::matched(matcher, &shops)
        .map(|entry| {
            let product = clean::line(&called(entry.product.name.shown(), entry.product.id), 60);
            format!("{product} ({})", entry.alert_id())
        })
        .collect();
    let pools = pools_of(config, Some(store.reader())).await.map_err(broken)?;
    if let Some(pools) = pools {
        let board = pools.board(&config.capacities, Timestamp::now());
        let concerned = board.pools.iter();
        let concerned = concerned.filter(|pool| matcher.matches_pool(&pool.name, &pool.shops));
        names.extend(concerned.map(|pool| format!("pool {}", clean::line(&pool.name, 60))));
    }
    let count = names.len();
    Ok(match count {
        0 => "It matches nothing now. Check its spelling; `status` lists what there is.".to_owned(),
        1..=NAMED => format!("It matches {count} now: {}.", names.join(", ")),
        _ => format!(
            "It matches {count} now: {} and {} more.",
            names[..NAMED].join(", "),
            count - NAMED
        ),
    })
}

async fn list(config: &Config, store: Store, all: bool, json: bool) -> Result<Exit, Exit> {
    let now = Timestamp::now();
    let silences = store.reader().silences(None).await.map_err(broken)?;
    let mut items: Vec<SilenceItem> = silences
        .iter()
        .map(|silence| SilenceItem::of(silence, now))
        .collect();
    items.retain(|item| all || item.is_to_come());
    if json {
        print(&json!({ "items": items }).to_string());
        return Ok(Exit::Ok);
    }
    if items.is_empty() {
        print("No silences.");
        return Ok(Exit::Ok);
    }
    let zone = &config.timezone;
    let mut shown = table::new(&["ID", "STATE", "FROM", "UNTIL", "BY", "COMMENT", "WHAT"]);
    for item in &items {
        let silence = silences.iter().find(|silence| silence.id == item.id);
        shown.add_row([
            item.id.to_string(),
            item.state.replace('_', " "),
            table::time(item.starts_at, zone),
            table::time(item.ended_at.unwrap_or(item.ends_at), zone),
            clean::line(&item.by, 60),
            clean::line(&item.comment, 200),
            silence.map_or_else(String::new, |silence| listed::in_words(&silence.matcher)),
        ]);
    }
    print(&shown.to_string());
    Ok(Exit::Ok)
}

async fn end(store: Store, id: i64) -> Result<Exit, Exit> {
    if store.end_silence(id, Timestamp::now()).await.map_err(broken)? {
        print(&format!(
            "Silence {id} has ended; what still differs from what was told is told at the next poll."
        ));
        Ok(Exit::Ok)
    } else {
        let problem = format!("There is no silence {id} that could be ended. `silence list` shows them.");
        Err(fail(Exit::Low, &problem))
    }
}
