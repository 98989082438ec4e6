//! From a look to everything it leads to: the pure heart of the monitor.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::alerting::decision::Decision;
use crate::domain::alerting::decision::EventKind;
use crate::domain::alerting::decision::Outcome;
use crate::domain::alerting::judge;
use crate::domain::alerting::product;
use crate::domain::alerting::product::Policy;
use crate::domain::alerting::rules::Subject;
use crate::domain::alerting::source::accept_source;
use crate::domain::alerting::source::baselining;
use crate::domain::alerting::source::source_channels;
use crate::domain::alerting::source::source_event;
use crate::domain::alerting::source::stored_part;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Telling;
use crate::domain::alerting::walk::Look;
use crate::domain::alerting::walk::Walk;
use crate::domain::capacity;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::ProductId;
use crate::domain::catalogue::Snapshot;
use crate::domain::message::Body;
use crate::domain::source::Cause;
use crate::domain::source::Failure;

/// What came of looking.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    Catalogue(&'a Snapshot),
    /// Some products only, asked out of turn; see [`can_take_part`].
    Part(&'a Snapshot),
    Failed(&'a Failure),
}

/// Whether a look at some products only can be judged: the last look at all of them was accepted. Where it cannot, a
/// [`Seen::Part`] changes nothing.
#[must_use]
pub fn can_take_part(memory: &Memory) -> bool {
    let source = &memory.source;
    source.last_accepted_at.is_some()
        && source.failures == 0
        && source.suspect.is_none()
        && source.down.is_none()
}

/// Decides what a look at `now` means, given what is remembered. Pure: nothing holds until the caller commits it.
/// `new_id` makes the random ids of messages.
#[must_use]
pub fn decide(
    policy: Policy<'_>,
    before: &Memory,
    seen: Seen<'_>,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Decision {
    match seen {
        Seen::Failed(failure) => not_accepted(
            policy,
            before,
            Outcome::Failed(failure.cause),
            &failure.detail,
            now,
            new_id,
        ),
        Seen::Catalogue(snapshot) => {
            let looks = looks(policy, before, snapshot);
            let levels = levels(&looks);
            let mut counted_polls = 1;
            if let Some(doubt) = judge::suspicion(before, &levels) {
                let run = judge::suspect_run(before.source.suspect, &levels);
                if run.polls < judge::AGREEING_POLLS {
                    let mut decision = not_accepted(policy, before, Outcome::Suspect, &doubt, now, new_id);
                    decision.next.source.suspect = Some(run);
                    return decision;
                }
                counted_polls = run.polls;
            }
            let extent = Extent::Whole { counted_polls };
            accept(policy, before, snapshot, looks, extent, now, new_id)
        }
        Seen::Part(snapshot) => {
            if !can_take_part(before) {
                return unmoved(before, Outcome::Accepted, "");
            }
            let looks = looks(policy, before, snapshot);
            match judge::suspicion_of_part(before, &levels(&looks)) {
                Some(doubt) => unmoved(before, Outcome::Suspect, &doubt),
                None => accept(policy, before, snapshot, looks, Extent::Part, now, new_id),
            }
        }
    }
}

/// How much of the catalogue an accepted look shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All of it; it stands for this many looks in a row (suspect ones that agreed).
    Whole { counted_polls: u32 },
    /// The products that were asked for; of the others and of the source it says nothing.
    Part,
}

fn levels(looks: &[Look<'_>]) -> Vec<(ProductId, Level)> {
    looks
        .iter()
        .map(|look| (look.product.id(), look.level.level))
        .collect()
}

/// Each product of the catalogue with its rules and its level; what did not change is taken from the memory.
fn looks<'a>(policy: Policy<'_>, before: &'a Memory, snapshot: &'a Snapshot) -> Vec<Look<'a>> {
    let mut remembered = before.products.iter().peekable();
    let mut found = Vec::with_capacity(snapshot.products.len());
    for product in &snapshot.products {
        while remembered.next_if(|tracked| tracked.id < product.id()).is_some() {}
        let tracked = remembered.next_if(|tracked| tracked.id == product.id());
        found.push(look(policy, tracked, product));
    }
    found
}

fn look<'a>(policy: Policy<'_>, tracked: Option<&'a Arc<Tracked>>, product: &'a Arc<Product>) -> Look<'a> {
    if let Some(known) = tracked {
        let same = known.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, product));
        if same && known.epoch == policy.rules.epoch {
            let level = capacity::ProductLevel {
                level: known.series.level,
                controlled: known.controlled,
                ambiguous_zero: known.ambiguous_zero,
            };
            return Look {
                product,
                tracked,
                level,
                effective: Arc::clone(&known.effective),
                unchanged: true,
            };
        }
    }
    let group = product::last_group(product, tracked.map(|known| &**known));
    let effective = policy.rules.effective(&Subject {
        instance: policy.instance,
        group_id: product
            .group_id()
            .or_else(|| tracked.and_then(|known| known.group_id)),
        group: group.as_ref(),
        product_id: product.id(),
        product: &product.listing.name,
        pairs: None,
    });
    let seen_other = tracked.is_some_and(|known| known.series.seen_other_than_zero);
    let declared = effective.declared_control();
    let mut level = capacity::product_level(product, declared, seen_other);
    let was_not_controlled = tracked.is_some_and(|known| known.controlled == Some(false));
    if was_not_controlled && level.controlled.or(declared).is_none() {
        // Nobody says any more whether the figure counts, and last it did not.
        level.level = Level::Unknown;
    }
    Look {
        product,
        tracked,
        level,
        effective,
        unchanged: false,
    }
}

fn accept(
    policy: Policy<'_>,
    before: &Memory,
    snapshot: &Snapshot,
    looks: Vec<Look<'_>>,
    extent: Extent,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Decision {
    let first_sight = before.source.last_accepted_at.is_none();
    let mut telling = Telling::new(policy.rules, policy.instance, now);
    let (baselining, counted_polls) = match extent {
        Extent::Whole { counted_polls } => (baselining(policy, before, &looks), counted_polls),
        Extent::Part => (Vec::new(), 0),
    };
    telling.set_baselining(&baselining);
    let mut decision = empty_decision(before, Outcome::Accepted, "");
    decision.next.products = Vec::with_capacity(before.products.len().max(looks.len()));
    let mut walk = Walk {
        instance: policy.instance,
        rules: policy.rules,
        capacities: policy.capacities,
        first_sight,
        counted_polls,
        last_look: before.source.last_accepted_at.unwrap_or(now),
        now,
        telling,
        next_series: before.source.next_series,
        changes: Vec::new(),
        events: Vec::new(),
        level_changes: 0,
    };
    let not_shown = |walk: &mut Walk<'_>, tracked: &Arc<Tracked>| match extent {
        Extent::Whole { .. } => walk.absent(tracked),
        Extent::Part => Arc::clone(tracked),
    };
    let mut remembered = before.products.iter().peekable();
    for look in looks {
        while let Some(absent) = remembered.next_if(|tracked| tracked.id < look.product.id()) {
            decision.next.products.push(not_shown(&mut walk, absent));
        }
        let _ = remembered.next_if(|tracked| tracked.id == look.product.id());
        decision.next.products.push(walk.present(&look));
    }
    for absent in remembered {
        decision.next.products.push(not_shown(&mut walk, absent));
    }
    match extent {
        Extent::Whole { .. } => accept_source(
            policy,
            before,
            snapshot,
            &mut decision,
            &mut walk,
            &baselining,
            new_id,
        ),
        Extent::Part => decision.next.source.next_series = walk.next_series,
    }
    decision
        .messages
        .extend(walk.telling.messages(&decision.next, new_id));
    decision.changes = walk.changes;
    decision.events.extend(walk.events);
    decision.level_changes = walk.level_changes;
    decision.source_changed = stored_part(&decision.next.source) != stored_part(&before.source);
    decision
}

/// A poll that changes no level: failed, or not credible. Tells once that the source is down.
fn not_accepted(
    policy: Policy<'_>,
    before: &Memory,
    outcome: Outcome,
    detail: &str,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Decision {
    let mut decision = unmoved(before, outcome, detail);
    let source = &mut decision.next.source;
    source.failures = source.failures.saturating_add(1);
    let since = *source.failing_since.get_or_insert(now);
    let failures = source.failures;
    if outcome == Outcome::Suspect && before.source.suspect.is_none() {
        source_event(
            policy,
            &mut decision,
            EventKind::Suspected(detail.to_owned()),
            now,
        );
    }
    let after = SignedDuration::try_from(policy.rules.source_down_after).unwrap_or(SignedDuration::MAX);
    let long_enough = now.duration_since(since) >= after && failures >= policy.rules.source_down_polls;
    if long_enough && before.source.down.is_none() {
        let cause = outcome.cause().unwrap_or(Cause::Suspect);
        decision.next.source.down = Some((since, cause));
        source_event(policy, &mut decision, EventKind::SourceDown(cause), now);
        let telling = Telling::new(policy.rules, policy.instance, now);
        for channel in source_channels(policy, &before.source) {
            let body = Body::SourceDown {
                cause,
                detail: detail.to_owned(),
                since,
            };
            decision.messages.push(telling.message(channel, body, new_id));
        }
    }
    decision.source_changed = stored_part(&decision.next.source) != stored_part(&before.source);
    decision
}

fn unmoved(before: &Memory, outcome: Outcome, detail: &str) -> Decision {
    let mut decision = empty_decision(before, outcome, detail);
    decision.next.products.clone_from(&before.products);
    decision
}

fn empty_decision(before: &Memory, outcome: Outcome, detail: &str) -> Decision {
    Decision {
        outcome,
        detail: detail.to_owned(),
        next: Memory {
            source: before.source.clone(),
            products: Vec::new(),
        },
        changes: Vec::new(),
        source_changed: false,
        events: Vec::new(),
        messages: Vec::new(),
        level_changes: 0,
    }
}
