//! The source itself over time: baselines, up again, capabilities lost and regained, and whom that is told.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::alerting::decision::Decision;
use crate::domain::alerting::decision::Event;
use crate::domain::alerting::decision::EventKind;
use crate::domain::alerting::judge::Abilities;
use crate::domain::alerting::product::Policy;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SourceState;
use crate::domain::alerting::telling::Telling;
use crate::domain::alerting::walk::Look;
use crate::domain::alerting::walk::Walk;
use crate::domain::catalogue::Companion;
use crate::domain::catalogue::Snapshot;
use crate::domain::message::Body;
use crate::domain::message::Capability;
use crate::domain::stand::Counts;

/// What the accepted look says of the source: up again, baseline, capabilities lost and regained.
pub(super) fn accept_source(
    policy: Policy<'_>,
    before: &Memory,
    snapshot: &Snapshot,
    decision: &mut Decision,
    walk: &mut Walk<'_>,
    baselining: &[usize],
    new_id: &mut dyn FnMut() -> Uuid,
) {
    let now = walk.now;
    let source = &mut decision.next.source;
    source.next_series = walk.next_series;
    source.last_accepted_at = Some(now);
    source.last_accepted_products = snapshot.products.len();
    source.failures = 0;
    source.failing_since = None;
    source.suspect = None;
    // A channel that was removed begins anew should it come back.
    source
        .baselined
        .retain(|name| policy.rules.channels.iter().any(|channel| channel.name == **name));
    let mut said = Vec::new();
    let mut happened = Vec::new();
    if let Some((since, cause)) = source.down.take() {
        happened.push(EventKind::SourceUp);
        said.push(Body::SourceUp {
            cause: Some(cause),
            since,
        });
    }
    capabilities(snapshot, decision, now, &mut said, &mut happened);
    for channel in source_channels(policy, &before.source) {
        for body in &said {
            decision
                .messages
                .push(walk.telling.message(channel, body.clone(), new_id));
        }
    }
    for channel in baselining {
        decision
            .next
            .source
            .baselined
            .push(Arc::clone(walk.telling.channel_name(*channel)));
        let body = baseline(*channel, &decision.next, &walk.telling);
        decision
            .messages
            .push(walk.telling.message(*channel, body, new_id));
    }
    if walk.first_sight {
        happened.push(EventKind::Baseline);
    }
    for kind in happened {
        source_event(policy, decision, kind, now);
    }
}

fn capabilities(
    snapshot: &Snapshot,
    decision: &mut Decision,
    now: Timestamp,
    said: &mut Vec<Body>,
    happened: &mut Vec<EventKind>,
) {
    let abilities = Abilities::of(snapshot);
    let source = &mut decision.next.source;
    let regained: Vec<(Capability, Timestamp)> = source
        .lost
        .iter()
        .copied()
        .filter(|(capability, _)| abilities.has(*capability))
        .collect();
    source.lost.retain(|(capability, _)| !abilities.has(*capability));
    for (capability, since) in regained {
        happened.push(EventKind::Restored(capability));
        said.push(Body::SourceRestored {
            regained: capability,
            since,
        });
    }
    if snapshot.products.is_empty() {
        return;
    }
    if let Some(lost) = abilities.newly_lost(source) {
        source.lost.push((lost, now));
        source.had_stock_fields &= abilities.stock_fields || lost == Capability::StockFields;
        happened.push(EventKind::Degraded(lost));
        said.push(Body::SourceDegraded { lost });
    }
    source.had_stock_fields |= abilities.stock_fields;
    if source.had_companion.is_none() || snapshot.companion != Companion::Absent {
        source.had_companion = Some(snapshot.companion);
    }
}

/// What of the source's state is stored: all but what the polls themselves tell.
pub(super) fn stored_part(source: &SourceState) -> impl PartialEq {
    (
        source.down,
        source.lost.clone(),
        source.had_stock_fields,
        source.had_companion,
        source.baselined.clone(),
        source.transition,
        source.next_series,
    )
}

pub(super) fn source_event(policy: Policy<'_>, decision: &mut Decision, kind: EventKind, now: Timestamp) {
    let source = &mut decision.next.source;
    source.transition = source.transition.saturating_add(1);
    decision.events.push(Event {
        key: format!(
            "{}/source/{}/{}",
            policy.instance,
            kind.as_str(),
            source.transition
        ),
        at: now,
        kind,
        product_id: None,
        combination: None,
        level: None,
        previous_level: None,
    });
}

/// The channels that something is routed to and that had no baseline yet.
pub(super) fn baselining(policy: Policy<'_>, before: &Memory, looks: &[Look<'_>]) -> Vec<usize> {
    let fresh: Vec<usize> = (0..policy.rules.channels.len())
        .filter(|channel| {
            let name = policy.rules.channels[*channel].name.as_str();
            !before.source.baselined.iter().any(|known| &**known == name)
        })
        .collect();
    fresh
        .into_iter()
        .filter(|channel| {
            policy.rules.channels[*channel].default
                || looks.iter().any(|look| look.effective.channels.contains(channel))
                || hears_of_combinations(policy, *channel)
        })
        .collect()
}

/// Whether a rule for combinations of this instance names the channel.
fn hears_of_combinations(policy: Policy<'_>, channel: usize) -> bool {
    let name = &policy.rules.channels[channel].name;
    policy.rules.rules.iter().any(|rule| {
        let named = rule.channels.as_ref().is_some_and(|names| names.contains(name));
        let here = rule.instances.is_empty()
            || rule
                .instances
                .iter()
                .any(|pattern| pattern.matches_text(policy.instance));
        named && here && !rule.options.is_empty()
    })
}

/// Whom to tell of the source itself: every channel that hears of its products.
pub(super) fn source_channels(policy: Policy<'_>, source: &SourceState) -> Vec<usize> {
    (0..policy.rules.channels.len())
        .filter(|channel| {
            let channel = &policy.rules.channels[*channel];
            channel.default || source.baselined.iter().any(|name| **name == *channel.name)
        })
        .collect()
}

fn baseline(channel: usize, next: &Memory, telling: &Telling<'_>) -> Body {
    let mut counts = Counts::default();
    let mut combinations = Counts::default();
    let mut products = 0;
    for tracked in next
        .products
        .iter()
        .filter(|tracked| !tracked.gone && !tracked.is_silent())
    {
        if tracked.effective.channels.contains(&channel) {
            products += 1;
            counts.add(tracked.series.level, tracked.series.severity);
            let there = tracked
                .combinations
                .iter()
                .filter(|combination| !combination.gone);
            for combination in there.filter(|combination| combination.effective.channels.contains(&channel)) {
                combinations.add(combination.series.level, combination.series.severity);
            }
        }
    }
    let mut pools = Counts::default();
    let heard = telling.pools.pools.iter();
    for pool in heard.filter(|pool| !pool.gone && pool.effective.channels.contains(&channel)) {
        pools.add(pool.series.level, pool.series.severity);
    }
    let open = telling.open(channel, next, &[]);
    Body::Baseline {
        products,
        counts,
        combinations,
        pools,
        open,
    }
}
