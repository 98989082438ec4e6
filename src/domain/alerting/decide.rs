//! From a look to everything it leads to: the pure heart of the monitor.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::alerting::counted;
use crate::domain::alerting::decision::Decision;
use crate::domain::alerting::decision::EventKind;
use crate::domain::alerting::decision::Outcome;
use crate::domain::alerting::decision::PoolsDecision;
use crate::domain::alerting::judge;
use crate::domain::alerting::looks;
use crate::domain::alerting::pooling;
use crate::domain::alerting::pooling::Counts;
use crate::domain::alerting::pooling::Reading;
use crate::domain::alerting::pools;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::product::Policy;
use crate::domain::alerting::source::accept_source;
use crate::domain::alerting::source::baselining;
use crate::domain::alerting::source::source_channels;
use crate::domain::alerting::source::source_event;
use crate::domain::alerting::source::stored_part;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Stand;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Telling;
use crate::domain::alerting::walk::Look;
use crate::domain::alerting::walk::Walk;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::ProductId;
use crate::domain::catalogue::Snapshot;
use crate::domain::draw::Uses;
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
    let mut decision = decided(policy, before, seen, now, new_id);
    let whole = matches!(seen, Seen::Catalogue(_)) && decision.outcome == Outcome::Accepted;
    if whole || before.forecasts.at.is_none() {
        decision.next.forecasts = policy.forecasts.clone();
    }
    decision
}

/// Whether a look at `now` that shows nothing new may lead to something all the same: time or people may change what is
/// told, or something is still to be confirmed.
#[must_use]
pub fn is_waiting(policy: Policy<'_>, memory: &Memory, now: Timestamp) -> bool {
    let source = &memory.source;
    if source.last_accepted_at.is_none()
        || source.failures > 0
        || source.suspect.is_some()
        || source.down.is_some()
    {
        return true;
    }
    let mut telling = Telling::new(policy.rules, policy.instance, now);
    telling.set_people(policy.people, None);
    let moved = telling.mutes.signature() != source.mutes;
    let mut there = memory.products.iter().filter(|product| !product.gone);
    there.any(|product| product.missing > 0 || telling.is_waiting(product, moved))
}

/// Other sell rates hold once all products were judged by them.
fn decided(
    policy: Policy<'_>,
    before: &Memory,
    seen: Seen<'_>,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Decision {
    let uses = match policy.pools {
        Some(_) => Uses::of(&policy.capacities.pools, policy.instance),
        None => Uses::default(),
    };
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
            let looks = looks::looks(policy, &uses, before, snapshot);
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
            let accepted = Accepted {
                snapshot,
                looks,
                uses: &uses,
                extent: Extent::Whole { counted_polls },
            };
            accept(policy, before, accepted, now, new_id)
        }
        Seen::Part(snapshot) => {
            if !can_take_part(before) {
                return unmoved(before, Outcome::Accepted, "");
            }
            let looks = looks::looks(policy, &uses, before, snapshot);
            match judge::suspicion_of_part(before, &levels(&looks)) {
                Some(doubt) => unmoved(before, Outcome::Suspect, &doubt),
                None => {
                    let accepted = Accepted {
                        snapshot,
                        looks,
                        uses: &uses,
                        extent: Extent::Part,
                    };
                    accept(policy, before, accepted, now, new_id)
                }
            }
        }
    }
}

/// An accepted look.
struct Accepted<'a> {
    snapshot: &'a Snapshot,
    looks: Vec<Look<'a>>,
    /// The uses of pools that concern the shop.
    uses: &'a Uses<'a>,
    extent: Extent,
}

/// How much of the catalogue an accepted look shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All of it; it stands for this many looks in a row (suspect ones that agreed).
    Whole { counted_polls: u32 },
    /// The products that were asked for; of the others and of the source it says nothing.
    Part,
}

impl Extent {
    /// How many looks in a row at all products it stands for.
    fn counted_polls(self) -> u32 {
        match self {
            Self::Whole { counted_polls } => counted_polls,
            Self::Part => 0,
        }
    }
}

fn levels(looks: &[Look<'_>]) -> Vec<(ProductId, Level)> {
    looks.iter().map(|look| (look.product.id(), look.own)).collect()
}

fn accept(
    policy: Policy<'_>,
    before: &Memory,
    accepted: Accepted<'_>,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Decision {
    let mut telling = Telling::new(policy.rules, policy.instance, now);
    let baselining = match accepted.extent {
        Extent::Whole { .. } => baselining(policy, before, &accepted.looks),
        Extent::Part => Vec::new(),
    };
    telling.set_baselining(&baselining);
    telling.set_forecasts(policy.forecasts);
    let pools = policy.pools.map(|pools| (pools, &*policy.capacities.pools));
    telling.set_people(policy.people, pools);
    let mutes = telling.mutes.signature();
    let mut decision = empty_decision(before, Outcome::Accepted, "");
    decision.pools = policy
        .pools
        .map(|pools| evaluated(policy, pools, before, &accepted, now, &mut telling));
    let stands = decision.pools.as_ref().map(|pools| {
        let rules = &policy.capacities.pools;
        pools::stands(&pools.next, rules, &pools.board)
    });
    let stands = stands.unwrap_or_default();
    let mut walk = Walk {
        instance: policy.instance,
        rules: policy.rules,
        capacities: policy.capacities,
        uses: accepted.uses,
        left: stands.iter().map(|pool| pool.level).collect(),
        first_sight: before.source.last_accepted_at.is_none(),
        counted_polls: accepted.extent.counted_polls(),
        mutes_moved: mutes != before.source.mutes,
        last_look: before.source.last_accepted_at.unwrap_or(now),
        now,
        recast: !policy.forecasts.is(&before.forecasts),
        telling,
        next_series: before.source.next_series,
        changes: Vec::new(),
        events: Vec::new(),
        level_changes: 0,
    };
    let (extent, snapshot) = (accepted.extent, accepted.snapshot);
    decision.next.products = walked(policy, before, accepted, &stands, &mut walk);
    match extent {
        Extent::Whole { .. } => {
            decision.next.source.mutes = mutes;
            accept_source(
                policy,
                before,
                snapshot,
                &mut decision,
                &mut walk,
                &baselining,
                new_id,
            );
        }
        Extent::Part => decision.next.source.next_series = walk.next_series,
    }
    let mut telling = walk.telling;
    decision.acks = telling.acks.clone().into_steps();
    if let Some(pools) = &mut decision.pools {
        pools.acks = telling.pool_acks.clone().into_steps();
        pools.events.append(&mut telling.pool_happened);
    }
    decision.events.extend(walk.events);
    decision.events.append(&mut telling.happened);
    decision.messages.extend(telling.messages(&decision.next, new_id));
    decision.changes = walk.changes;
    decision.level_changes = walk.level_changes;
    decision.source_changed = stored_part(&decision.next.source) != stored_part(&before.source);
    decision
}

/// The pools after the look, with the services it counted.
fn evaluated(
    policy: Policy<'_>,
    pools: &Pools,
    before: &Memory,
    accepted: &Accepted<'_>,
    now: Timestamp,
    telling: &mut Telling<'_>,
) -> PoolsDecision {
    let Accepted { looks, uses, .. } = accepted;
    let polls = accepted.extent.counted_polls();
    let parts = || counted::parts(policy, uses, before, looks, polls);
    let counts = match accepted.extent {
        Extent::Whole { .. } => Counts::All(parts()),
        // Of the others, what was last seen counts; they were not all seen since the rules are as they are.
        Extent::Part if !looks::all_seen(policy.rules.epoch, before, looks) => Counts::Unchanged,
        Extent::Part => Counts::Some(parts()),
    };
    let reading = Reading {
        instance: policy.instance,
        rules: policy.rules,
        capacities: policy.capacities,
        now,
    };
    pooling::evaluate(reading, pools, counts, telling)
}

/// All products after the look: those it showed, and what that means for the others.
fn walked(
    policy: Policy<'_>,
    before: &Memory,
    accepted: Accepted<'_>,
    stands: &[Stand],
    walk: &mut Walk<'_>,
) -> Vec<Arc<Tracked>> {
    let Accepted {
        looks, uses, extent, ..
    } = accepted;
    let left = walk.left.clone();
    let not_shown = |walk: &mut Walk<'_>, tracked: &Arc<Tracked>| match extent {
        Extent::Whole { .. } => walk.absent(tracked),
        Extent::Part => match looks::again(policy, uses, tracked, stands) {
            Some(mut look) => {
                look.under(policy, uses, stands, &left);
                walk.present(&look)
            }
            None => Arc::clone(tracked),
        },
    };
    let mut next = Vec::with_capacity(before.products.len().max(looks.len()));
    let mut remembered = before.products.iter().peekable();
    for mut look in looks {
        while let Some(absent) = remembered.next_if(|tracked| tracked.id < look.product.id()) {
            next.push(not_shown(walk, absent));
        }
        let _ = remembered.next_if(|tracked| tracked.id == look.product.id());
        look.under(policy, uses, stands, &left);
        next.push(walk.present(&look));
    }
    for absent in remembered {
        next.push(not_shown(walk, absent));
    }
    next
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
    if outcome == Outcome::Suspect && before.source.suspect.is_none() {
        source_event(
            policy,
            &mut decision,
            EventKind::Suspected(detail.to_owned()),
            now,
        );
    }
    let mut mutes = policy.people.mutes.iter();
    let muted = mutes.any(|mute| mute.matcher.matches_source(policy.instance));
    let unread = decision.next.source.unread_since(policy.rules.patience(), now);
    if unread.is_some() && !muted && before.source.down.is_none() {
        let cause = outcome.cause().unwrap_or(Cause::Suspect);
        decision.next.source.down = Some((since, cause));
        source_event(policy, &mut decision, EventKind::SourceDown(cause), now);
        let telling = Telling::new(policy.rules, policy.instance, now);
        for channel in source_channels(policy, &before.source) {
            let body = Body::SourceDown {
                cause,
                detail: detail.to_owned(),
                since,
                pools: blinded(policy),
            };
            decision.messages.push(telling.message(channel, body, new_id));
        }
    }
    decision.source_changed = stored_part(&decision.next.source) != stored_part(&before.source);
    decision
}

/// The pools in which the shop's services count, so that they become unknown when it is not read any more.
fn blinded(policy: Policy<'_>) -> Vec<String> {
    let shop = policy.pools.and_then(|pools| pools.shop(policy.instance));
    let Some(shop) = shop else { return Vec::new() };
    let rules = policy.capacities.pools.iter();
    rules
        .filter(|rule| shop.is_concerned(rule))
        .map(|rule| rule.name.clone())
        .collect()
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
            forecasts: before.forecasts.clone(),
        },
        changes: Vec::new(),
        source_changed: false,
        events: Vec::new(),
        acks: Vec::new(),
        messages: Vec::new(),
        level_changes: 0,
        pools: None,
    }
}
