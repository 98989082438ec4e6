//! What is still open is said again: one message a channel a day, or as often as a rule says.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::domain::alerting::about::About;
use crate::domain::alerting::about::worst_first;
use crate::domain::alerting::acks::AckStep;
use crate::domain::alerting::decision::Change;
use crate::domain::alerting::decision::Event;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::pools::shown_by;
use crate::domain::alerting::rules::ChannelPolicy;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::Repeat;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Mode;
use crate::domain::alerting::telling::Said;
use crate::domain::alerting::telling::Spoken;
use crate::domain::alerting::telling::Telling;
use crate::domain::capacity::Capacities;
use crate::domain::catalogue::Level;
use crate::domain::message::ALERTS_PER_MESSAGE;
use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::domain::message::Open;
use crate::domain::people::People;
use crate::domain::pool::Board;
use crate::domain::pool::PoolRule;
use crate::domain::stand::Severity;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A shop as reminders see it.
#[derive(Debug, Clone, Copy)]
pub struct Shop<'a> {
    pub instance: &'a str,
    pub memory: &'a Memory,
    /// What people said that is in force now.
    pub people: &'a People,
}

/// The pools as reminders see them.
#[derive(Debug, Clone, Copy)]
pub struct Shared<'a> {
    pub pools: &'a Pools,
    pub board: &'a Arc<Board>,
    pub capacities: &'a Capacities,
    /// What people said that is in force now.
    pub people: &'a People,
}

/// What a round changed of a shop, or of the pools.
#[derive(Debug)]
pub struct Reminded {
    /// The memory to go on with.
    pub memory: Memory,
    /// What differs in it.
    pub changes: Vec<Change>,
    pub events: Vec<Event>,
    /// The acks that are overdue now.
    pub acks: Vec<AckStep>,
}

impl Reminders {
    /// Whether there is nothing to record and nothing to say.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.messages.is_empty() && self.pools.is_none() && self.shops.iter().all(Option::is_none)
    }
}

/// What a round goes by.
#[derive(Debug, Clone, Copy)]
struct Round<'a> {
    rules: &'a Rules,
    slots: &'a [Option<Timestamp>],
}

/// What reminding leads to.
#[derive(Debug, Default)]
pub struct Reminders {
    pub messages: Vec<Message>,
    /// For each shop, in the order given, what differs, where something does.
    pub shops: Vec<Option<Reminded>>,
    /// The same for the pools.
    pub pools: Option<Reminded>,
}

/// The day's reminder that a channel may be due to say at `now`, and its moment: today's once that has come, else the one
/// of the day before where that waited for the end of quiet hours. `None` while it is left in peace.
#[must_use]
pub fn slot(channel: &ChannelPolicy, at: Time, zone: &TimeZone, now: Timestamp) -> Option<(Date, Timestamp)> {
    let today = now.to_zoned(zone.clone()).date();
    let slot = |day: Date| {
        let local = zone.to_ambiguous_timestamp(day.to_datetime(at));
        Some((day, local.compatible().ok()?))
    };
    let waited = |(_, slot): &(Date, Timestamp)| channel.is_quiet(*slot);
    let due = slot(today).filter(|(_, slot)| *slot <= now);
    let yesterday = || today.yesterday().ok().and_then(slot).filter(waited);
    due.or_else(yesterday).filter(|_| !channel.is_quiet(now))
}

/// Says again what is still open, that an ack is overdue, and to further channels what nobody has taken on. `slots` gives, for each channel, today's `REMINDER_AT` where the channel's daily
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
    let round = Round { rules, slots };
    if let Some(shared) = shared {
        reminders.pools = all_pools(round, shops, shared, now, &mut alerts);
    }
    for shop in shops {
        let mut telling = Telling::new(rules, shop.instance, now);
        telling.set_forecasts(&shop.memory.forecasts);
        telling.set_people(shop.people, None);
        if let Some(shared) = shared {
            let concerned =
                |name: &str| rule_of(shared, name).is_some_and(|rule| rule.concerns(shop.instance));
            telling.set_pools(spoken(shared, concerned));
        }
        let changed = one_shop(round, telling, shop, &mut alerts);
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
    round: Round<'_>,
    shops: &[Shop<'_>],
    shared: Shared<'_>,
    now: Timestamp,
    alerts: &mut [Vec<Alert>],
) -> Option<Reminded> {
    let readable = |name: &str| {
        let rule = rule_of(shared, name);
        let mut up = shops.iter().filter(|shop| is_read(round, shop, now));
        let concerned = |rule: &PoolRule, name: &str| match shared.pools.shop(name) {
            Some(shop) => shop.is_concerned(rule),
            None => rule.concerns(name),
        };
        rule.is_some_and(|rule| up.any(|shop| concerned(rule, shop.instance)))
    };
    let mut reminded = Reminded::of(&shared.pools.memory);
    for (index, pool) in shared.pools.memory.products.iter().enumerate() {
        if !readable(pool.name.raw()) {
            continue;
        }
        let mut telling = Telling::new(round.rules, shown_by(pool), now);
        telling.set_people(shared.people, Some((shared.pools, &shared.capacities.pools)));
        telling.set_pools(spoken(shared, |_| true));
        let after = one_product(round, &mut telling, pool, pool.pool_series());
        reminded.put(index, after);
        reminded.take(telling, alerts);
    }
    reminded.if_any()
}

/// Of a shop that is not read nobody knows whether it is still so, also where a silence holds that back.
fn is_read(round: Round<'_>, shop: &Shop<'_>, now: Timestamp) -> bool {
    let source = &shop.memory.source;
    source.unread_since(round.rules.patience(), now).is_none()
}

fn one_shop(
    round: Round<'_>,
    mut telling: Telling<'_>,
    shop: &Shop<'_>,
    alerts: &mut [Vec<Alert>],
) -> Option<Reminded> {
    if !is_read(round, shop, telling.now()) {
        return None;
    }
    let mut reminded = Reminded::of(shop.memory);
    for (index, product) in shop.memory.products.iter().enumerate() {
        let after = one_product(round, &mut telling, product, product.all_series());
        reminded.put(index, after);
    }
    reminded.take(telling, alerts);
    reminded.if_any()
}

impl Reminded {
    fn of(memory: &Memory) -> Self {
        Self {
            memory: memory.clone(),
            changes: Vec::new(),
            events: Vec::new(),
            acks: Vec::new(),
        }
    }

    fn put(&mut self, index: usize, after: Option<Tracked>) {
        let Some(after) = after else { return };
        let after = Arc::new(after);
        let before = std::mem::replace(&mut self.memory.products[index], Arc::clone(&after));
        self.changes.push(Change {
            before: Some(before),
            after,
        });
    }

    /// What was gathered of a shop or a pool.
    fn take(&mut self, telling: Telling<'_>, alerts: &mut [Vec<Alert>]) {
        for (all, gathered) in alerts.iter_mut().zip(telling.gathered) {
            all.extend(gathered.alerts);
        }
        self.events.extend(telling.happened);
        self.events.extend(telling.pool_happened);
        self.acks.extend(telling.acks.into_steps());
        self.acks.extend(telling.pool_acks.into_steps());
    }

    fn if_any(self) -> Option<Self> {
        let any = !(self.changes.is_empty() && self.events.is_empty() && self.acks.is_empty());
        any.then_some(self)
    }
}

/// The product after its reminders; `None` where nothing was due.
fn one_product<'a>(
    round: Round<'_>,
    telling: &mut Telling<'_>,
    product: &'a Tracked,
    all: impl Iterator<Item = (&'a SeriesState, &'a Effective, About<'a>)>,
) -> Option<Tracked> {
    if product.gone || product.is_silent() || !telling.may_speak_between_looks(product) {
        return None;
    }
    let mut after: Option<Tracked> = None;
    for (series, effective, about) in all {
        let mut next = series.clone();
        one_series(round, telling, product, &mut next, effective, about);
        if next != *series {
            let after = after.get_or_insert_with(|| product.clone());
            let own = std::iter::once(&mut after.series);
            let mut all = own.chain(after.combinations.iter_mut().map(|c| &mut c.series));
            if let Some(slot) = all.find(|slot| slot.number == series.number) {
                *slot = next;
            }
        }
    }
    after
}

fn one_series(
    round: Round<'_>,
    telling: &mut Telling<'_>,
    product: &Tracked,
    series: &mut SeriesState,
    effective: &Effective,
    about: About<'_>,
) {
    let covered = match about {
        About::Combination { .. } => product.covers(series),
        About::Product(_) | About::Pool(_) | About::Need { .. } => false,
    };
    let marked = series.notes.clone();
    telling.mark_mute(series, about);
    if series.notes().muted {
        series.notes = marked;
        return;
    }
    telling.find_overdue(series, about);
    let mut said = false;
    let mut escalated = Vec::new();
    for channel in 0..telling.channel_names().len() {
        let covered = covered || telling.is_spoken_for(channel, series.severity, about);
        // Rules read since the last look have other channels: until the next look, whoever was told counts, but for those
        // who were told only since nobody had taken it on.
        let known = product.epoch == round.rules.epoch;
        let mut ear = telling.ear(channel, series, effective, Mode::Speak { rule_changed: false });
        ear.routed = match known {
            true => effective.channels.contains(&channel),
            false => !telling.is_escalated(channel, series),
        };
        let mut done = telling.unattended(series, effective, about, ear, covered || !known);
        let held = telling.acks(about).holds(series.number);
        let slot = round.slots.get(channel).copied().flatten();
        if done == Said::Nothing
            && !(covered || held || ear.quiet)
            && ear.routed
            && is_due(round.rules, channel, series, effective, slot, telling.now())
        {
            telling.remind(channel, series, effective, about);
            done = Said::Something;
        }
        said |= done != Said::Nothing;
        escalated.extend((done == Said::Escalated).then_some(channel));
    }
    telling.note_escalated(series, about, &escalated);
    if said {
        series.told_of_mute();
    }
    // Marks are made by looks alone: they compare what was told when one ends.
    let (was, mute) = marked.map_or((false, None), |notes| (notes.muted, notes.mute));
    series.note(|notes| {
        notes.muted = was;
        notes.mute = if said && notes.mute.is_none() { None } else { mute };
    });
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
    // What it was never told, since that waited for a look after its quiet hours, is nothing to be said again.
    let open = told.severity != Severity::Ok && view != Severity::Ok;
    if series.born_open || !open || !matches!(series.level, Level::Known(_)) {
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
