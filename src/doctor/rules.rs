//! The walk of rules, capacities, pools and thresholds: what matches nothing, and what can never be reached.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::doctor::finding::Id;
use crate::doctor::finding::Walk;
use crate::doctor::finding::Wrong;
use crate::doctor::stock;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::unmatched;
use crate::domain::alerting::unmatched::MATCHING;
use crate::domain::capacity::Capacities;
use crate::store::past::Greatest;

/// How long a product must have been watched before its thresholds are called too high.
const WATCHED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A shop whose catalogue was read.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub name: &'a str,
    pub memory: &'a Memory,
    /// The greatest level of each product in the history; ascending by id, empty where there is none.
    pub greatest: &'a [Greatest],
}

/// Looks through what was seen. `complete` is whether every shop of the configuration is among it.
#[must_use]
pub fn walk(
    rules: &Rules,
    capacities: &Capacities,
    shops: &[Seen<'_>],
    complete: bool,
    now: Timestamp,
) -> Walk {
    let mut walk = Walk::new("rules", None);
    if complete {
        matching(rules, capacities, shops, &mut walk);
    } else {
        walk.not_checked(&["matching"], "not every shop's products are known");
    }
    if shops.is_empty() {
        walk.not_checked(&["thresholds"], "no shop's products are known");
        return walk;
    }
    let found = too_high(shops, now);
    if found.is_empty() {
        walk.ok("thresholds", "below what was seen");
    }
    for wrong in found {
        walk.found("thresholds", wrong);
    }
    walk
}

fn matching(rules: &Rules, capacities: &Capacities, shops: &[Seen<'_>], walk: &mut Walk) {
    let shops: Vec<(&str, &Memory)> = shops.iter().map(|shop| (shop.name, shop.memory)).collect();
    let nothing = unmatched::unmatched(rules, capacities, &shops);
    if nothing.is_empty() {
        walk.ok("matching", "each rule, capacity and pool concerns something");
    }
    for origin in nothing {
        let wrong = Wrong::warning(
            Id::RuleMatchesNothing,
            format!("{origin} matches nothing that any shop sells, and does nothing."),
            MATCHING,
        );
        walk.found("matching", wrong.about(origin));
    }
}

/// Products that never had more than their threshold since they are watched; by the rule that sets it.
fn too_high(shops: &[Seen<'_>], now: Timestamp) -> Vec<Wrong> {
    let mut found: BTreeMap<(&str, i64), Vec<String>> = BTreeMap::new();
    for shop in shops {
        for greatest in shop.greatest {
            let Some(tracked) = shop.memory.product(greatest.product_id) else {
                continue;
            };
            let most = tracked.series.level.known().unwrap_or(0).max(greatest.level);
            let silent = tracked.effective.ignore_hidden && tracked.hidden == Some(true);
            let thresholds = &tracked.effective.thresholds;
            // What never had any stock is sold out, not misjudged.
            let concerns = most > 0 && !tracked.gone && !silent;
            if concerns && now.duration_since(greatest.since) >= WATCHED && most <= thresholds.low {
                let told = format!(
                    "{} ({}) of {}, {most} at most",
                    stock::name(tracked),
                    tracked.id,
                    shop.name
                );
                let key = (low_origin(&thresholds.origin), thresholds.low);
                found.entry(key).or_default().push(told);
            }
        }
    }
    let wrong = |((origin, low), products)| never_reached(origin, low, products);
    found.into_iter().map(wrong).collect()
}

/// What sets `low`, where low and critical have origins of their own ("low: rule 1, critical: global").
fn low_origin(origin: &str) -> &str {
    origin
        .strip_prefix("low: ")
        .and_then(|rest| rest.split(", critical: ").next())
        .unwrap_or(origin)
}

fn never_reached(origin: &str, low: i64, products: Vec<String>) -> Wrong {
    let setting = if origin == "global" { "LOW_STOCK" } else { origin };
    let mut shown = products;
    let more = shown.len().saturating_sub(stock::LISTED);
    shown.truncate(stock::LISTED);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    Wrong::warning(
        Id::ThresholdAboveAnythingSeen,
        format!(
            "Some products never had more than their threshold, low at {low} by {setting}, and so are low for ever: {}.",
            shown.join("; ")
        ),
        format!("Lower it there ({setting}), or give these products a [[rule]] with a lower low."),
    )
    .about(setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_low_is_told_apart_from_that_of_critical() {
        for (origin, low) in [
            ("global", "global"),
            ("rule 2", "rule 2"),
            ("low: rule 1, critical: global", "rule 1"),
        ] {
            assert_eq!(low_origin(origin), low);
        }
    }
}
