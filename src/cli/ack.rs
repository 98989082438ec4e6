//! `ack`: somebody takes an alert on, says what was ordered, and until when.

use jiff::Timestamp;
use serde_json::json;

use crate::cli::arguments::AckArguments;
use crate::cli::arguments::AckCommand;
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
use crate::domain::catalogue::CombinationKey;
use crate::domain::nameless::called;
use crate::notify::people;
use crate::people::draft;
use crate::people::listed::AckItem;
use crate::people::target;
use crate::people::target::Series;
use crate::people::target::Unclear;
use crate::people::target::Wanted;
use crate::people::when::Day;
use crate::store::db::Store;

/// Makes, lists or ends.
pub async fn ack(sources: &Sources, options: &AckArguments) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match &options.what {
        None => beside(&config, |store| make(sources, &config, store, options)).await,
        Some(AckCommand::List { all, json }) => {
            beside(&config, |store| list(&config, store, *all, *json)).await
        }
        Some(AckCommand::End { id }) => beside(&config, |store| end(store, *id)).await,
    }
}

async fn make(
    sources: &Sources,
    config: &Config,
    store: Store,
    options: &AckArguments,
) -> Result<Exit, Exit> {
    let now = Timestamp::now();
    let zone = &config.timezone;
    let eta = match &options.eta {
        Some(eta) => Some(ahead(eta, "--eta", Day::End, zone, now)?),
        None => None,
    };
    let by = who(options.by.as_ref(), sources)?;
    let note = options.note.as_deref().unwrap_or_default();
    let new = draft::ack(&by, note, options.quantity, eta, now).map_err(|fault| faulty(&fault))?;
    let series = meant(config, &store, options).await?;
    let instance = match &series.instance {
        Some(shop) => store.reader().instance(shop).await,
        None => store.reader().pools().await,
    };
    // It was found there.
    let Some(instance) = instance.map_err(broken)? else {
        return Err(fail(Exit::Low, "Its shop is not in the database."));
    };
    let made = store
        .add_ack(instance, series.number, &new, now)
        .await
        .map_err(broken)?;
    print(&format!(
        "{} ({}): {}. Ack {}.",
        series.title,
        series.alert_id,
        people::taken_on(&made.shown(now), zone, now),
        made.id
    ));
    Ok(Exit::Ok)
}

async fn meant(config: &Config, store: &Store, options: &AckArguments) -> Result<Series, Exit> {
    let combination = match options.combination.as_deref().map(str::parse::<CombinationKey>) {
        Some(Ok(key)) => Some(key),
        Some(Err(error)) => return Err(fail(Exit::Usage, &error.to_string())),
        None => None,
    };
    if let Some(wanted) = &options.instance
        && !config.instances.iter().any(|shop| shop.name == *wanted)
    {
        let problem = format!("There is no shop {wanted:?} in the configuration.");
        return Err(fail(Exit::Config, &problem));
    }
    let text = match (&options.pool, &options.target) {
        (Some(pool), _) => format!("pool:{pool}"),
        (None, Some(target)) => target.clone(),
        (None, None) => return Err(fail(Exit::Usage, "Name a product or --pool.")),
    };
    let known = known(config, store.reader()).await.map_err(broken)?;
    let wanted = Wanted {
        text: &text,
        instance: options.instance.as_deref(),
        combination: combination.as_ref(),
    };
    target::find(&known.shops(), &known.pools, &wanted).map_err(|unclear| match unclear {
        Unclear::Unknown(problem) => fail(Exit::Low, &problem),
        Unclear::Several(problem) => fail(Exit::Usage, &problem),
    })
}

async fn list(config: &Config, store: Store, all: bool, json: bool) -> Result<Exit, Exit> {
    let now = Timestamp::now();
    let acks = store.reader().acks(None, !all).await.map_err(broken)?;
    let items: Vec<AckItem> = acks.iter().map(|ack| AckItem::of(ack, now)).collect();
    if json {
        print(&json!({ "items": items }).to_string());
        return Ok(Exit::Ok);
    }
    if items.is_empty() {
        print("Nobody has taken anything on.");
        return Ok(Exit::Ok);
    }
    let zone = &config.timezone;
    let mut header = vec!["ID", "WHAT", "ALERT", "SINCE", "ACK"];
    if all {
        header.push("ENDED");
    }
    let mut listed = table::new(&header);
    for item in &items {
        let name = called(&item.name, item.product_id.unwrap_or_default());
        let name = match &item.combination {
            Some(label) => format!("{name} · {label}"),
            None => name.into_owned(),
        };
        let mut row = vec![
            item.ack.id.to_string(),
            name,
            item.alert_id.clone(),
            table::time(item.ack.at, zone),
            people::taken_on(&item.ack, zone, now),
        ];
        if all {
            let ended = item.ended_at.zip(item.ended_why);
            row.push(ended.map_or_else(String::new, |(at, why)| {
                format!("{}: {why}", table::time(at, zone))
            }));
        }
        listed.add_row(row);
    }
    print(&listed.to_string());
    Ok(Exit::Ok)
}

async fn end(store: Store, id: i64) -> Result<Exit, Exit> {
    if store.end_ack(id, Timestamp::now()).await.map_err(broken)? {
        print(&format!("Ack {id} has ended; reminders come again."));
        Ok(Exit::Ok)
    } else {
        let problem = format!("There is no ack {id} in force. `ack list` shows them.");
        Err(fail(Exit::Low, &problem))
    }
}
