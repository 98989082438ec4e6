//! `check`: one poll now, how each product was understood, and what that means.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app;
use crate::app::Generation;
use crate::cli::arguments::CheckArguments;
use crate::cli::configured;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::listing;
use crate::cli::print;
use crate::cli::relinks;
use crate::cli::run::exit_of;
use crate::cli::say;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::alerting::counted::counted;
use crate::domain::alerting::decision::Outcome;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::product::Policy;
use crate::domain::alerting::relink;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::unmatched;
use crate::domain::alerting::unmatched::MATCHING;
use crate::domain::capacity::Capacities;
use crate::domain::forecast::Forecasts;
use crate::domain::people::People;
use crate::domain::pool::Board;
use crate::domain::stand::Severity;
use crate::jobs::check;
use crate::jobs::check::Check;
use crate::jobs::check::Checked;
use crate::jobs::deliver::Deliver;
use crate::jobs::shop;
use crate::maintenance;
use crate::maintenance::Window;
use crate::observe::items;
use crate::observe::pools::PoolItem;
use crate::observe::said::Said;
use crate::store::db::Store;
use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::whmcs::client::Client;
use crate::whmcs::client::Look;

/// How long a look may spend on asking a foreign GetProductDetails product by product.
const DETAILS_BUDGET: Duration = Duration::from_secs(600);

/// How times are shown.
struct Shown {
    zone: jiff::tz::TimeZone,
    rules: Arc<Rules>,
    capacities: Arc<Capacities>,
    /// Of the database.
    path: PathBuf,
    windows: Arc<[Window]>,
    /// There are several shops, also where one is asked for.
    several: bool,
}

/// One shop's outcome.
pub(super) struct Looked {
    pub(super) instance: String,
    pub(super) checked: Checked,
    recorded: bool,
}

/// Polls once.
pub async fn check(sources: &Sources, options: &CheckArguments) -> Exit {
    let config = match configured(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let only = options.instance.as_deref();
    if let Err(exit) = is_there(&config, only) {
        return exit;
    }
    let progress = progress(&config, only);
    let shown = Shown {
        zone: config.timezone.clone(),
        rules: Arc::clone(&config.rules),
        capacities: Arc::clone(&config.capacities),
        path: config.store.path.clone(),
        windows: Arc::clone(&config.windows),
        several: config.instances.len() > 1,
    };
    let looked = looked(config, only, options.dry_run).await;
    progress.finish_and_clear();
    match looked {
        Ok((looked, board)) => report(&shown, &looked, &board, options).await,
        Err(exit) => exit,
    }
}

/// Whether the shop that is asked for is configured; what is wrong is said.
pub(super) fn is_there(config: &Config, wanted: Option<&str>) -> Result<(), Exit> {
    let Some(wanted) = wanted else { return Ok(()) };
    let names: Vec<&str> = config.instances.iter().map(|shop| shop.name.as_str()).collect();
    if names.contains(&wanted) {
        return Ok(());
    }
    let problem = format!(
        "There is no shop {wanted:?} in the configuration. There are: {}.",
        names.join(", ")
    );
    Err(fail(Exit::Config, &problem))
}

/// Records where it may, else looks without recording.
async fn looked(
    config: Config,
    only: Option<&str>,
    dry_run: bool,
) -> Result<(Vec<Looked>, Arc<Board>), Exit> {
    if dry_run {
        return dry(&config, only).await;
    }
    match Store::open(&config.store).await {
        Ok(opened) => {
            for warning in &opened.warnings {
                say(&format!("warning: {warning}"));
            }
            let looked = recording(config, only, &opened.store).await;
            opened.store.close().await;
            looked
        }
        Err(OpenError::InUse(_)) => {
            say("A daemon is running: this is a dry run, nothing is recorded or sent.");
            dry(&config, only).await
        }
        Err(error) => Err(exit_of(Err(error.into()))),
    }
}

async fn recording(
    config: Config,
    only: Option<&str>,
    store: &Store,
) -> Result<(Vec<Looked>, Arc<Board>), Exit> {
    let cancel = CancellationToken::new();
    let generation = Generation::with(config, store, &[], only)
        .await
        .map_err(|error| exit_of(Err(error)))?;
    let broken = |error: StoreError| exit_of(Err(error.into()));
    store.void_leases(Timestamp::now()).await.map_err(broken)?;
    let began = Timestamp::now();
    let mut looks = JoinSet::new();
    for place in 0..generation.shops.len() {
        let check = generation.check(place, store, DETAILS_BUDGET);
        check.client.hurry();
        let cancel = cancel.clone();
        looks.spawn(async move {
            let look = check.look(began, &cancel).await;
            (place, check.shop.name.clone(), (check, look))
        });
    }
    let looked = concluded(in_order(looks).await).await.map_err(broken)?;
    for place in 0..generation.telling.channels.len() {
        let deliver = Deliver::new(store.clone(), Arc::clone(&generation.telling), place);
        loop {
            let delivered = deliver
                .run(&Timestamp::now, &|| 0.5, &cancel)
                .await
                .map_err(broken)?;
            for attempted in &delivered.attempts {
                match &attempted.result {
                    Ok(_) => say(&format!("delivered to {}", attempted.recipient)),
                    Err(error) => say(&format!("not delivered to {}: {error}", attempted.recipient)),
                }
            }
            if !delivered.more {
                break;
            }
        }
    }
    let board = generation.board(store, began).await.map_err(broken)?;
    Ok((looked, board))
}

/// What came of looking at a shop: nothing where it was cancelled.
type Seen = Result<Option<Look>, StoreError>;

/// Decides and records, one shop after the other, once the services of all are counted.
async fn concluded(looks: Vec<(String, (Check, Seen))>) -> Result<Vec<Looked>, StoreError> {
    let mut counted = Vec::with_capacity(looks.len());
    for (instance, (check, look)) in looks {
        if let Some(look) = look? {
            check.count(&look).await?;
            counted.push((instance, check, look));
        }
    }
    let mut looked = Vec::with_capacity(counted.len());
    for (instance, check, look) in counted {
        let checked = check.conclude(look).await?;
        looked.extend(checked.map(|checked| Looked {
            instance,
            checked,
            recorded: true,
        }));
    }
    Ok(looked)
}

/// Waits for the looks, which go on side by side: by shop, in the order of the configuration.
async fn in_order<T: 'static>(mut looks: JoinSet<(usize, String, T)>) -> Vec<(String, T)> {
    let mut ended = Vec::new();
    while let Some(look) = looks.join_next().await {
        match look {
            Ok(look) => ended.push(look),
            // A fault of ours: it goes on in this task, where it is reported.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(cancelled) => say(&cancelled.to_string()),
            },
        }
    }
    ended.sort_by_key(|(place, _, _)| *place);
    ended.into_iter().map(|(_, name, ended)| (name, ended)).collect()
}

/// Looks without recording.
pub(super) async fn dry(config: &Config, only: Option<&str>) -> Result<(Vec<Looked>, Arc<Board>), Exit> {
    let reader = match Reader::open(&config.store.path).await {
        Ok(reader) => Some(reader),
        Err(OpenError::Missing(_)) => None,
        Err(error) => return Err(exit_of(Err(error.into()))),
    };
    let broken = |error: StoreError| exit_of(Err(error.into()));
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    let began = Timestamp::now();
    let mut looks = JoinSet::new();
    for (place, instance) in config.instances.iter().enumerate() {
        if !wanted(&instance.name) {
            continue;
        }
        let memory = remembered_with_rates(config, reader.as_ref(), &instance.name, began)
            .await
            .map_err(broken)?;
        let client = Client::new(instance.api.clone())
            .map_err(|error| fail(Exit::Config, &format!("{}: {error}", instance.name)))?;
        client.hurry();
        let name = instance.name.clone();
        looks.spawn(async move {
            let cancel = CancellationToken::new();
            let look = client.look(began, DETAILS_BUDGET, &cancel).await;
            (place, name, look.map(|look| (memory, look)))
        });
    }
    let looks = in_order(looks).await;
    let looks: Vec<_> = looks
        .into_iter()
        .filter_map(|(name, look)| Some((name, look?)))
        .collect();
    let mut pools = pools_of(config, reader.as_ref()).await.map_err(broken)?;
    if let Some(pools) = &mut pools {
        count(config, &looks, pools);
    }
    // One after the other: how a pool stands after a shop counts for the next.
    let mut looked = Vec::new();
    for (instance, (memory, look)) in looks {
        let people = people(config, reader.as_ref(), &instance, look.observed_at)
            .await
            .map_err(broken)?;
        let policy = policy(config, &instance, pools.as_ref(), &people, &memory.forecasts);
        let checked = check::dry(policy, &memory, look);
        if let Some((next, _)) = &checked.pools {
            pools = Some(next.clone());
        }
        looked.push(Looked {
            instance,
            checked,
            recorded: false,
        });
    }
    if let Some(reader) = reader {
        reader.close().await;
    }
    // However long a shop that hangs took, nothing of this run is old.
    let board = pools.map(|pools| pools.board(&config.capacities, began));
    Ok((looked, Arc::new(board.unwrap_or_default())))
}

/// Counts the services of all shops before any of them is decided.
fn count(config: &Config, looks: &[(String, (Memory, Look))], pools: &mut Pools) {
    for (instance, (memory, look)) in looks {
        let snapshot = look.result.as_ref().ok();
        // Neither says anything of services.
        let (people, forecasts) = (People::default(), Forecasts::default());
        let policy = policy(config, instance, Some(&*pools), &people, &forecasts);
        let parts = snapshot.and_then(|snapshot| counted(policy, memory, snapshot));
        if let Some(parts) = parts {
            let parts = parts.into_iter().map(Arc::new).collect();
            pools.put(instance, look.observed_at, parts);
        }
    }
}

fn policy<'a>(
    config: &'a Config,
    instance: &'a str,
    pools: Option<&'a Pools>,
    people: &'a People,
    forecasts: &'a Forecasts,
) -> Policy<'a> {
    Policy {
        instance,
        rules: &config.rules,
        capacities: &config.capacities,
        pools,
        people,
        forecasts,
    }
}

/// What people said that holds for the shop at `now`.
async fn people(
    config: &Config,
    reader: Option<&Reader>,
    instance: &str,
    now: Timestamp,
) -> Result<People, StoreError> {
    let Some(reader) = reader else {
        return Ok(People::default().with_mutes(maintenance::mutes(&config.windows, now)));
    };
    let id = reader.instance(instance).await?;
    shop::people(reader, id, &config.windows, now).await
}

/// What the database remembers of the pools; `None` where none is configured.
pub(super) async fn pools_of(config: &Config, reader: Option<&Reader>) -> Result<Option<Pools>, StoreError> {
    if config.capacities.pools.is_empty() {
        return Ok(None);
    }
    let shops = app::sharing(config, reader).await?;
    let now = Timestamp::now();
    let Some(reader) = reader else {
        return Ok(Some(Pools::of(
            shops.iter().map(|shop| shop.unread(now)).collect(),
        )));
    };
    let id = reader.pools().await?;
    let read = shop::read_pools(reader, id, &shops, &config.rules, &config.capacities, now).await?;
    Ok(Some(read))
}

/// As [`remembered`], with how fast its series sell.
pub(super) async fn remembered_with_rates(
    config: &Config,
    reader: Option<&Reader>,
    instance: &str,
    now: Timestamp,
) -> Result<Memory, StoreError> {
    let mut memory = remembered(config, reader, instance).await?;
    if let Some(reader) = reader
        && let Some(id) = reader.instance(instance).await?
    {
        memory.forecasts = reader.forecasts(id, now).await?;
    }
    Ok(memory)
}

/// What the database remembers of the shop; nothing where there is none.
pub(super) async fn remembered(
    config: &Config,
    reader: Option<&Reader>,
    instance: &str,
) -> Result<Memory, StoreError> {
    let Some(reader) = reader else {
        return Ok(Memory::default());
    };
    let Some(id) = reader.instance(instance).await? else {
        return Ok(Memory::default());
    };
    let mut memory = reader.memory(id, &config.rules.global()).await?;
    config.rules.attach(instance, &mut memory);
    Ok(memory)
}

pub(super) fn progress(config: &Config, only: Option<&str>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let all = config.instances.iter().map(|shop| shop.name.as_str());
    let names = only.map_or_else(|| all.collect::<Vec<_>>().join(", "), str::to_owned);
    let bar = ProgressBar::new_spinner().with_message(format!("Asking {names} …"));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

async fn report(shown_in: &Shown, looked: &[Looked], board: &Board, options: &CheckArguments) -> Exit {
    let mut exit = Exit::Ok;
    for Looked {
        instance,
        checked,
        recorded,
    } in looked
    {
        if let Some(cause) = checked.outcome.cause() {
            let detail = if checked.detail.is_empty() {
                String::new()
            } else {
                format!(" ({})", checked.detail)
            };
            say(&format!(
                "{instance}: {}: {}{detail} {}",
                cause.as_str(),
                cause.words(),
                cause.mend()
            ));
        }
        for (channel, headline) in &checked.headlines {
            let told = if *recorded { "told" } else { "would tell" };
            say(&format!("{instance}: {told} {channel}: {headline}"));
        }
        exit = worst(exit, exit_for(checked));
    }
    let pools = board.pools.iter().filter(|pool| pool.level.known().is_some());
    let pools = pools.filter_map(|pool| pool.severity()).max();
    exit = worst(exit, exit_of_severity(pools.unwrap_or_default()));
    let shown: Vec<(&str, &Memory)> = looked
        .iter()
        .map(|looked| (looked.instance.as_str(), &*looked.checked.memory))
        .collect();
    let mut offers = Vec::new();
    // With one shop of several asked for, what matches elsewhere is not known.
    if options.instance.is_none()
        && looked
            .iter()
            .all(|looked| looked.checked.outcome == Outcome::Accepted)
    {
        for origin in unmatched::unmatched(&shown_in.rules, &shown_in.capacities, &shown) {
            say(&format!("warning: {origin} matches no product. {MATCHING}"));
        }
        offers = relinks::found(&shown_in.rules, &shown_in.capacities, &shown_in.path, &shown).await;
        for Looked {
            instance, checked, ..
        } in looked
        {
            let pools = checked.pools.as_ref();
            if let Some(shop) = pools.and_then(|(pools, _)| pools.shop(instance)) {
                offers.extend(relink::of_missed(shop, &offers));
            }
        }
    }
    if options.combinations
        && let Some(unknown) = listing::unknown_options(&shown)
    {
        say(&unknown);
    }
    let said = said(shown_in, &shown).await;
    let listed = listing::listed(&shown, options.combinations);
    if options.json {
        let items: Vec<items::Item<'_>> = listed.iter().map(|line| said.item(line, board)).collect();
        let pools: Vec<PoolItem<'_>> = board.pools.iter().map(|pool| said.pool(pool)).collect();
        let offers: Vec<Value> = offers.iter().map(relinks::json).collect();
        let all = json!({ "at": Timestamp::now(), "items": items, "pools": pools, "offers": offers });
        print(&all.to_string());
    } else {
        print(&listing::table(
            &shown,
            listed,
            board,
            &said,
            &shown_in.zone,
            Timestamp::now(),
        ));
        let pools = listing::pools(board, &said, shown_in.several, &shown_in.zone);
        if !pools.is_empty() {
            print(&format!("\n{pools}"));
        }
        if !offers.is_empty() {
            print(&relinks::text(&offers, looked.len() > 1));
        }
    }
    exit
}

/// What people said, where there is a database that says it.
async fn said(shown_in: &Shown, shops: &[(&str, &Memory)]) -> Said {
    let Ok(reader) = Reader::open(&shown_in.path).await else {
        return Said::default();
    };
    let names: Vec<&str> = shops.iter().map(|(name, _)| *name).collect();
    let said = Said::read(&reader, &names, &shown_in.windows, Timestamp::now()).await;
    reader.close().await;
    said.unwrap_or_default()
}

/// What the poll alone says: unreadable, else the worst severity; an unknown level does not change it.
fn exit_for(checked: &Checked) -> Exit {
    if checked.outcome != Outcome::Accepted {
        return Exit::Unreadable;
    }
    let worst = items::entries("", &checked.memory)
        .filter(|entry| entry.state() == "known" && !entry.is_silent())
        .filter_map(|entry| entry.severity())
        .max()
        .unwrap_or_default();
    exit_of_severity(worst)
}

fn exit_of_severity(worst: Severity) -> Exit {
    match worst {
        Severity::Ok => Exit::Ok,
        Severity::Low => Exit::Low,
        Severity::Critical | Severity::Out => Exit::Critical,
    }
}

fn worst(a: Exit, b: Exit) -> Exit {
    if b.code() > a.code() { b } else { a }
}
