//! The offers of `check`: what the configuration names and no product offers any more, and what most likely is meant.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::domain::alerting::relink;
use crate::domain::alerting::relink::Past;
use crate::domain::alerting::relink::Relink;
use crate::domain::alerting::relink::Shop;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::capacity::Capacities;
use crate::notify::clean;
use crate::store::reader::Reader;

/// The longest line, in characters.
const LINE: usize = 500;

/// What the configuration names and no product offers any more, with what most likely is meant.
pub async fn found(
    rules: &Rules,
    capacities: &Capacities,
    path: &Path,
    shops: &[(&str, &Memory)],
) -> Vec<Relink> {
    if !relink::is_called_for(rules, capacities, shops) {
        return Vec::new();
    }
    // Without the past, what is remembered has to do.
    let reader = Reader::open(path).await.ok();
    let mut pasts: Vec<Past> = Vec::new();
    for (instance, _) in shops {
        pasts.push(past(reader.as_ref(), instance).await);
    }
    if let Some(reader) = reader {
        reader.close().await;
    }
    let shops: Vec<Shop<'_>> = shops
        .iter()
        .zip(&pasts)
        .map(|((instance, memory), past)| Shop {
            instance,
            memory,
            past,
        })
        .collect();
    relink::relinks(rules, capacities, &shops)
}

async fn past(reader: Option<&Reader>, instance: &str) -> Past {
    let Some(reader) = reader else {
        return Past::default();
    };
    match reader.instance(instance).await {
        Ok(Some(id)) => reader.past_names(id).await.unwrap_or_default(),
        Ok(None) | Err(_) => Past::default(),
    }
}

/// An offer for machines.
#[must_use]
pub fn json(offer: &Relink) -> Value {
    json!({
        "origin": offer.origin,
        "instance": offer.instance,
        "kind": offer.kind.as_str(),
        "gone": offer.by_id,
        "id": offer.id,
        "name": offer.name,
        "now_id": offer.now_id,
        "now_name": offer.now_name,
        "text": offer.to_string(),
    })
}

/// The offers for people, a line each; with several shops each names its own.
#[must_use]
pub fn text(offers: &[Relink], several: bool) -> String {
    let lines = offers.iter().map(|offer| {
        let shop = if several {
            format!("{}: ", offer.instance)
        } else {
            String::new()
        };
        clean::line(&format!("{shop}{offer}"), LINE)
    });
    let lines: Vec<String> = lines.collect();
    format!("\nRenamed or made anew:\n{}", lines.join("\n"))
}
