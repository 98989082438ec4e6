//! The walk of rules, capacities, pools and thresholds: what matches nothing, and what can never be reached.

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
    let found: Vec<Wrong> = shops.iter().filter_map(|shop| too_high(*shop, now)).collect();
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

/// Products that never had more than their threshold, since they are watched.
fn too_high(shop: Seen<'_>, now: Timestamp) -> Option<Wrong> {
    let is_too_high = |greatest: &&Greatest| {
        let tracked = shop.memory.product(greatest.product_id);
        let watched = now.duration_since(greatest.since) >= WATCHED;
        // What never had any stock is sold out, not misjudged.
        greatest.level > 0
            && watched
            && tracked.is_some_and(|tracked| {
                let silent = tracked.effective.ignore_hidden && tracked.hidden == Some(true);
                !tracked.gone && !silent && greatest.level <= tracked.effective.thresholds.low
            })
    };
    let found: Vec<&Greatest> = shop.greatest.iter().filter(is_too_high).collect();
    let first = found.first()?;
    let low = shop.memory.product(first.product_id)?.effective.thresholds.low;
    let named = found.iter().filter_map(|greatest| {
        let tracked = shop.memory.product(greatest.product_id)?;
        Some((tracked.name.shown(), tracked.id))
    });
    let names = stock::names(named, found.len());
    Some(
        Wrong::warning(
            Id::ThresholdAboveAnythingSeen,
            format!(
                "Products of {} that never had more than their threshold, and so are low for ever: {names}. The first \
                 had {} at most, and is low at {low}.",
                shop.name, first.level
            ),
            "Lower LOW_STOCK, or give these products a [[rule]] with a lower low.",
        )
        .about("LOW_STOCK"),
    )
}
