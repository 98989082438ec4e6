//! `deliveries`: what was sent, what waits, what was given up, and sending it again.

use jiff::Timestamp;
use serde_json::json;

use crate::cli::arguments::DeliveriesCommand;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::people::beside;
use crate::cli::people::broken;
use crate::cli::print;
use crate::cli::run::exit_of;
use crate::cli::table;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::store::db::Store;
use crate::store::deliveries::Delivery;
use crate::store::deliveries::DeliveryState;
use crate::store::reader::Reader;

/// The most deliveries listed.
const LISTED: usize = 1000;

/// Lists or replays.
pub async fn deliveries(sources: &Sources, what: Option<&DeliveriesCommand>) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match what {
        None => list(&config, None, false).await,
        Some(DeliveriesCommand::List { state, json }) => list(&config, state.as_deref(), *json).await,
        Some(DeliveriesCommand::Replay { id }) => beside(&config, |store| replay(store, *id)).await,
    }
}

async fn list(config: &Config, state: Option<&str>, json: bool) -> Exit {
    let state = match state.map(|name| (name, DeliveryState::parse(name))) {
        Some((name, None)) => {
            return fail(
                Exit::Usage,
                &format!("--state is pending, sent or dead, not {name:?}."),
            );
        }
        Some((_, parsed)) => parsed,
        None => None,
    };
    let reader = match Reader::open(&config.store.path).await {
        Ok(reader) => reader,
        Err(error) => return exit_of(Err(error.into())),
    };
    let found = reader.deliveries(state, None, LISTED).await;
    reader.close().await;
    match found {
        Ok(deliveries) if json => {
            let items: Vec<_> = deliveries.iter().map(item).collect();
            print(&json!({ "items": items }).to_string());
            Exit::Ok
        }
        Ok(deliveries) => {
            print(&shown(config, &deliveries));
            Exit::Ok
        }
        Err(error) => exit_of(Err(error.into())),
    }
}

fn item(delivery: &Delivery) -> serde_json::Value {
    json!({
        "id": delivery.id,
        "message_id": delivery.message,
        "channel": delivery.channel,
        "recipient": delivery.recipient,
        "type": delivery.kind,
        "instance": delivery.instance,
        "headline": delivery.headline,
        "recorded_at": delivery.recorded_at,
        "state": delivery.state.as_str(),
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "reason": delivery.reason,
        "last_error": delivery.last_error,
        "settled_at": delivery.settled_at,
    })
}

fn shown(config: &Config, deliveries: &[Delivery]) -> String {
    if deliveries.is_empty() {
        return "No deliveries.".to_owned();
    }
    let several = config.instances.len() > 1;
    let mut header = vec![
        "ID",
        "RECORDED",
        "STATE",
        "TRIES",
        "CHANNEL",
        "TO",
        "WHAT",
        "LAST ERROR",
    ];
    if several {
        header.insert(6, "SHOP");
    }
    let mut listed = table::new(&header);
    for delivery in deliveries {
        let mut row = vec![
            delivery.id.to_string(),
            table::time(delivery.recorded_at, &config.timezone),
            delivery.state.as_str().to_owned(),
            delivery.attempts.to_string(),
            delivery.channel.clone(),
            delivery.recipient.clone(),
            delivery.headline.clone(),
            delivery.last_error.clone().unwrap_or_default(),
        ];
        if several {
            // What is about several shops names each.
            row.insert(6, delivery.instance.clone().unwrap_or_else(|| "–".to_owned()));
        }
        listed.add_row(row);
    }
    listed.to_string()
}

/// Works beside a daemon, too, which looks for what is due within its minute.
async fn replay(store: Store, id: i64) -> Result<Exit, Exit> {
    if !store.replay(id, Timestamp::now()).await.map_err(broken)? {
        let problem = format!("There is no dead letter {id}. `deliveries list --state dead` shows them.");
        return Err(fail(Exit::Low, &problem));
    }
    print(&format!(
        "Delivery {id} is due again. A running daemon sends it within a minute, else the next one does."
    ));
    Ok(Exit::Ok)
}
