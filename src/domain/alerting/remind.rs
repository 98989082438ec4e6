//! What is still open is said again: one message a channel a day, or as often as a rule says.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::alerting::about::About;
use crate::domain::alerting::about::worst_first;
use crate::domain::alerting::decision::Change;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::pools::shown_by;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::Repeat;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Spoken;
use crate::domain::alerting::telling::Telling;
use crate::domain::capacity::Capacities;
use crate::domain::catalogue::Level;
use crate::domain::message::ALERTS_PER_MESSAGE;
use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::domain::message::Open;
use crate::domain::pool::Board;
use crate::domain::pool::PoolRule;
use crate::domain::stand::Severity;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A shop as reminders see it.
#[derive(Debug, Clone, Copy)]
pub struct Shop<'a> {
    pub instance: &'a str,
    pub memory: &'a Memory,
}

/// The pools as reminders see them.
#[derive(Debug, Clone, Copy)]
pub struct Shared<'a> {
    pub pools: &'a Pools,
    pub board: &'a Arc<Board>,
    pub capacities: &'a Capacities,
}

/// What reminding leads to.
#[derive(Debug, Default)]
pub struct Reminders {
    pub messages: Vec<Message>,
    /// For each shop, in the order given: the memory to go on with and what differs, where something does.
    pub shops: Vec<Option<(Memory, Vec<Change>)>>,
    /// The same for the pools.
    pub pools: Option<(Memory, Vec<Change>)>,
}

/// Says again what is still open. `slots` gives, for each channel, today's `REMINDER_AT` where the channel's daily
/// reminder is due now. Shops that cannot be read are silent, pools where none of their shops can; so is what was open
/// when first seen.
#[must_use]
pub fn remind(
    rules: &Rules,
    shops: &[Shop<'_>],
    shared: Option<Shared<'_>>,
    slots: &[Option<Timestamp>],
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Reminders {
    let mut reminders = Reminders::default();
    let mut alerts: Vec<Vec<Alert>> = rules.channels.iter().map(|_| Vec::new()).collect();
    if let Some(shared) = shared {
        reminders.pools = all_pools(rules, shops, shared, slots, now, &mut alerts);
    }
    for shop in shops {
        let mut telling = Telling::new(rules, shop.instance, now);
        telling.set_forecasts(&shop.memory.forecasts);
        if let Some(shared) = shared {
            let concerned =
                |name: &str| rule_of(shared, name).is_some_and(|rule| rule.concerns(shop.instance));
            telling.set_pools(spoken(shared, concerned));
        }
        let changed = one_shop(rules, &telling, shop, slots, &mut alerts);
        reminders.shops.push(changed);
    }
    reminders.messages = grouped(rules, alerts, now, new_id);
    reminders
}

/// One message a channel with the alerts of all shops, worst first, split at the limit.
pub(super) fn grouped(
    rules: &Rules,
    alerts: Vec<Vec<Alert>>,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Vec<Message> {
    let mut messages = Vec::new();
    for (channel, mut alerts) in alerts.into_iter().enumerate() {
        worst_first(&mut alerts);
        for part in alerts.chunks(ALERTS_PER_MESSAGE) {
            let first = part.first().map(|alert| alert.instance.clone());
            let same = part.iter().all(|alert| Some(&alert.instance) == first.as_ref());
            messages.push(Message {
                id: new_id(),
                channel: rules.channels[channel].name.clone(),
                instance: if same { first } else { None },
                at: now,
                body: Body::Alerts {
                    alerts: part.to_vec(),
                    open: Open::default(),
                },
            });
        }
    }
    messages
}

fn rule_of<'a>(shared: Shared<'a>, name: &str) -> Option<&'a PoolRule> {
    shared.capacities.pools.iter().find(|rule| rule.name == name)
}

/// The pools of those names that are there.
fn spoken(shared: Shared<'_>, named: impl Fn(&str) -> bool) -> Spoken {
    let pools = shared.pools.memory.products.iter();
    Spoken {
        board: Arc::clone(shared.board),
        pools: pools
            .filter(|pool| !pool.gone && named(pool.name.raw()))
            .cloned()
            .collect(),
    }
}

/// Each pool once, however many shops it concerns.
fn all_pools(
    rules: &Rules,
    shops: &[Shop<'_>],
    shared: Shared<'_>,
    slots: &[Option<Timestamp>],
    now: Timestamp,
    alerts: &mut [Vec<Alert>],
) -> Option<(Memory, Vec<Change>)> {
    let readable = |name: &str| {
        let rule = rule_of(shared, name);
        let mut up = shops.iter().filter(|shop| shop.memory.source.down.is_none());
        let concerned = |rule: &PoolRule, name: &str| match shared.pools.shop(name) {
            Some(shop) => shop.is_concerned(rule),
            None => rule.concerns(name),
        };
        rule.is_some_and(|rule| up.any(|shop| concerned(rule, shop.instance)))
    };
    let mut next: Option<Memory> = None;
    let mut changes = Vec::new();
    for (index, pool) in shared.pools.memory.products.iter().enumerate() {
        if !readable(pool.name.raw()) {
            continue;
        }
        let mut telling = Telling::new(rules, shown_by(pool), now);
        telling.set_pools(spoken(shared, |_| true));
        let Some(after) = one_product(rules, &telling, pool, pool.pool_series(), slots, alerts) else {
            continue;
        };
        let after = Arc::new(after);
        changes.push(Change {
            before: Some(Arc::clone(pool)),
            after: Arc::clone(&after),
        });
        let next = next.get_or_insert_with(|| shared.pools.memory.clone());
        next.products[index] = after;
    }
    next.map(|memory| (memory, changes))
}

fn one_shop(
    rules: &Rules,
    telling: &Telling<'_>,
    shop: &Shop<'_>,
    slots: &[Option<Timestamp>],
    alerts: &mut [Vec<Alert>],
) -> Option<(Memory, Vec<Change>)> {
    if shop.memory.source.down.is_some() {
        return None;
    }
    let mut next: Option<Memory> = None;
    let mut changes = Vec::new();
    for (index, product) in shop.memory.products.iter().enumerate() {
        let Some(after) = one_product(rules, telling, product, product.all_series(), slots, alerts) else {
            continue;
        };
        let after = Arc::new(after);
        changes.push(Change {
            before: Some(Arc::clone(product)),
            after: Arc::clone(&after),
        });
        next.get_or_insert_with(|| shop.memory.clone()).products[index] = after;
    }
    next.map(|memory| (memory, changes))
}

/// The product after its reminders; `None` where nothing was due.
fn one_product<'a>(
    rules: &Rules,
    telling: &Telling<'_>,
    product: &'a Tracked,
    all: impl Iterator<Item = (&'a SeriesState, &'a Effective, About<'a>)>,
    slots: &[Option<Timestamp>],
    alerts: &mut [Vec<Alert>],
) -> Option<Tracked> {
    let nothing_told =
        product.series.told.is_empty() && product.combinations.iter().all(|c| c.series.told.is_empty());
    if product.gone || nothing_told || product.is_silent() {
        return None;
    }
    let mut reminded: Vec<(u32, usize)> = Vec::new();
    for (series, effective, about) in all {
        let covered = match about {
            About::Combination { .. } => product.covers(series),
            About::Product(_) | About::Pool(_) | About::Need { .. } => false,
        };
        for (channel, slot) in slots.iter().enumerate().take(rules.channels.len()) {
            // Rules read since the last look have other channels: until the next look, whoever was told counts.
            let routed = effective.channels.contains(&channel) || product.epoch != rules.epoch;
            let muted = covered || telling.is_spoken_for(channel, series.severity, about);
            if !muted && routed && is_due(rules, channel, series, effective, *slot, telling.now()) {
                let severity = rules.channels[channel].view(series.severity);
                alerts[channel].push(telling.reminder(series, effective, about, severity));
                reminded.push((series.number, channel));
            }
        }
    }
    if reminded.is_empty() {
        return None;
    }
    let mut after = product.clone();
    let all = std::iter::once(&mut after.series).chain(after.combinations.iter_mut().map(|c| &mut c.series));
    for series in all {
        for told in &mut series.told {
            let hit = reminded.iter().any(|(number, channel)| {
                *number == series.number && rules.channels[*channel].name == *told.channel
            });
            if hit {
                told.at = telling.now();
            }
        }
    }
    Some(after)
}

fn is_due(
    rules: &Rules,
    channel: usize,
    series: &SeriesState,
    effective: &Effective,
    slot: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let policy = &rules.channels[channel];
    let Some(told) = series.told.iter().find(|told| *told.channel == *policy.name) else {
        return false;
    };
    let view = policy.view(series.severity);
    if series.born_open || view == Severity::Ok || !matches!(series.level, Level::Known(_)) {
        return false;
    }
    let before_slot = slot.is_some_and(|slot| told.at < slot);
    let age = now.duration_since(told.at);
    let at_least = |wait: Duration| age >= SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    match effective.repeat {
        Repeat::Daily => before_slot && view >= Severity::Critical,
        Repeat::Never => false,
        // Days are counted in slots: half a day of slack, since the last word was at any hour.
        Repeat::Every(wait) if wait >= DAY => before_slot && at_least(wait - DAY / 2),
        Repeat::Every(wait) => at_least(wait),
    }
}
