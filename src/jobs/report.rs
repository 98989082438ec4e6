//! Reports: made when they are due, once each, and queued in the transaction that records it.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::domain::alerting::rules::Rules;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::domain::report::Period;
use crate::domain::report::Report;
use crate::domain::reporting::compose;
use crate::domain::reporting::compose::Span;
use crate::domain::reporting::outline;
use crate::domain::reporting::outline::Outline;
use crate::jobs::digest;
use crate::jobs::digest::Ground;
use crate::jobs::digest::Source;
use crate::jobs::shop::Shelf;
use crate::jobs::shop::Shop;
use crate::jobs::shop::Telling;
use crate::scheduler::Schedule;
use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::outbox::Queued;
use crate::store::reader::Reader;
use crate::store::reports::Reach;
use crate::store::reports::Run;
use crate::store::reports::RunState;

/// A report made so long after it was due is late.
const LATE: SignedDuration = SignedDuration::from_mins(10);
/// One that has reached nobody for so long is overdue.
const OVERDUE: SignedDuration = SignedDuration::from_hours(1);
/// So many occasions are looked at for the last success.
const LOOKED_BACK: usize = 60;

/// A report as configured.
#[derive(Debug, Clone)]
pub struct Plan {
    pub outline: Outline,
    pub schedule: Schedule,
    /// In which its times are told.
    pub zone: TimeZone,
    /// The names of its channels.
    pub channels: Vec<String>,
}

/// Everything reporting needs.
#[derive(Debug)]
pub struct Reporting {
    pub plans: Vec<Plan>,
    pub store: Store,
    pub rules: Arc<Rules>,
    /// Each with when it is polled.
    pub shops: Vec<(Arc<Shop>, Schedule)>,
    /// The pools of all shops; `None` where there are none.
    pub pools: Option<Arc<Shelf>>,
    pub telling: Arc<Telling>,
}

/// What came of looking whether a report is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing is.
    Idle,
    /// Its schedule was seen for the first time: it begins now.
    Begun,
    /// Nothing was to be said.
    Skipped(Timestamp),
    /// One message for each channel: its name and headline.
    Queued(Timestamp, Vec<(String, String)>),
}

/// How a report is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Doing {
    /// When it last reached somebody on each of its channels, or was due with nothing to say.
    pub success: Option<Timestamp>,
    /// What was due for more than an hour and has reached nobody: its occasion, and why in words.
    pub overdue: Option<(Run, String)>,
}

impl Reporting {
    /// Makes the report where it is due at `now`: the latest of those that were missed alone, and none that is older
    /// than the period it is about.
    pub async fn step(&self, plan: &Plan, now: Timestamp) -> Result<Step, StoreError> {
        let name = plan.outline.name.as_str();
        let Some(last) = self.store.reader().last_report(name, now).await? else {
            self.record(plan, now, RunState::Begun, now, &[]).await?;
            return Ok(Step::Begun);
        };
        let Some(due) = unmade(plan, &last, now) else {
            return Ok(Step::Idle);
        };
        let report = self.compose(plan, due, now).await?;
        if plan.outline.skip_if_empty && compose::is_empty(&report) {
            self.record(plan, due, RunState::Skipped, now, &[]).await?;
            return Ok(Step::Skipped(due));
        }
        let messages = messages(plan, &report, now);
        let told = self.record(plan, due, RunState::Queued, now, &messages).await?;
        Ok(told.map_or(Step::Idle, |told| Step::Queued(due, told)))
    }

    async fn compose(&self, plan: &Plan, due: Timestamp, now: Timestamp) -> Result<Report, StoreError> {
        let mut sources = Vec::with_capacity(self.shops.len());
        for (shop, schedule) in &self.shops {
            sources.push(Source {
                name: shop.name.clone(),
                id: Some(shop.id),
                memory: shop.memory(&self.store, &self.rules).await?,
                schedule: schedule.clone(),
            });
        }
        let mut board = Arc::default();
        if let Some(pools) = &self.pools {
            let show = |shown| board = shown;
            pools.show(&self.store, &self.rules, now, show).await?;
        }
        let mut overdue = Vec::new();
        for other in &self.plans {
            let doing = doing(self.store.reader(), other, now).await?;
            // What this one makes up for is no longer overdue.
            let still = doing
                .overdue
                .filter(|(run, _)| other.outline.name != plan.outline.name || run.scheduled_for < due);
            overdue.extend(still.map(|(run, _)| (run.report, run.scheduled_for)));
        }
        let ground = Ground {
            reader: self.store.reader(),
            sources: &sources,
            board: &board,
            overdue: &overdue,
        };
        digest::made(&plan.outline, span(plan, due, now), ground).await
    }

    /// Records the occasion with its messages; `None` where it had been done meanwhile, so that nothing was queued.
    async fn record(
        &self,
        plan: &Plan,
        scheduled_for: Timestamp,
        state: RunState,
        now: Timestamp,
        messages: &[Message],
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        let queued = self.telling.queue_in(messages, &plan.zone)?;
        let run = Run {
            messages: queued.iter().map(|message| message.id.to_string()).collect(),
            ..occasion(plan, scheduled_for, state, now)
        };
        let mut tx = self.store.begin_write().await?;
        if !tx.record_report(&run).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        tx.enqueue(&queued).await?;
        tx.commit().await?;
        Ok(Some(headlines(queued)))
    }

    /// How the report is doing. That one is overdue is told once, to the channels that hear of what happens and are not
    /// its own: their names and headlines.
    pub async fn watch(
        &self,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<(Doing, Vec<(String, String)>), StoreError> {
        let doing = doing(self.store.reader(), plan, now).await?;
        let Some((run, why)) = doing.overdue.as_ref().filter(|(run, _)| run.told_at.is_none()) else {
            return Ok((doing, Vec::new()));
        };
        let others = self.rules.channels.iter();
        let others = others.filter(|channel| channel.default && !plan.channels.contains(&channel.name));
        let message = |channel: &str| Message {
            id: Uuid::new_v4(),
            channel: channel.to_owned(),
            instance: None,
            at: now,
            body: Body::ReportOverdue {
                report: run.report.clone(),
                since: run.scheduled_for,
                why: why.clone(),
            },
        };
        let messages: Vec<Message> = others.map(|channel| message(&channel.name)).collect();
        let queued = self.telling.queue_in(&messages, &plan.zone)?;
        let mut tx = self.store.begin_write().await?;
        // What could not be made has no row yet.
        if run.state == RunState::Failed {
            tx.record_report(run).await?;
        }
        if !tx.mark_report_told(run, now).await? {
            tx.rollback().await?;
            return Ok((doing, Vec::new()));
        }
        tx.enqueue(&queued).await?;
        tx.commit().await?;
        Ok((doing, headlines(queued)))
    }
}

fn headlines(queued: Vec<Queued>) -> Vec<(String, String)> {
    let told = queued.into_iter();
    told.map(|message| (message.channel, message.headline)).collect()
}

fn occasion(plan: &Plan, scheduled_for: Timestamp, state: RunState, now: Timestamp) -> Run {
    Run {
        report: plan.outline.name.clone(),
        scheduled_for,
        state,
        made_at: now,
        messages: Vec::new(),
        told_at: None,
    }
}

/// The stretch of time of the report that is due then.
#[must_use]
pub fn span(plan: &Plan, due: Timestamp, now: Timestamp) -> Span {
    Span {
        from: outline::began(plan.outline.period, due, &plan.zone),
        until: due,
        now,
        late: now.duration_since(due) >= LATE,
    }
}

/// The report's messages, one for each channel.
#[must_use]
pub fn messages(plan: &Plan, report: &Report, now: Timestamp) -> Vec<Message> {
    let message = |channel: &String| Message {
        id: Uuid::new_v4(),
        channel: channel.clone(),
        instance: None,
        at: now,
        body: Body::Report(Box::new(report.clone())),
    };
    plan.channels.iter().map(message).collect()
}

/// How the report is doing: it succeeded where every channel of its has somebody who took it, or nothing was to be said.
pub async fn doing(reader: &Reader, plan: &Plan, now: Timestamp) -> Result<Doing, StoreError> {
    let runs = reader.report_runs(&plan.outline.name, LOOKED_BACK).await?;
    let mut doing = Doing::default();
    let mut unreached = Vec::new();
    for run in &runs {
        doing.success = match run.state {
            RunState::Skipped => Some(run.made_at),
            RunState::Queued => {
                let reach = reader.report_reach(run).await?;
                let reached = reach.reached_at;
                if reached.is_none() && run.scheduled_for <= now {
                    unreached.push((run, reach));
                }
                reached
            }
            RunState::Begun | RunState::Failed => None,
        };
        if doing.success.is_some() {
            break;
        }
    }
    doing.overdue = match runs.iter().find(|run| run.scheduled_for <= now) {
        Some(last) => overdue(plan, last, &unreached, now),
        None => None,
    };
    Ok(doing)
}

/// The first occasion since the last success that reached nobody, once that is long enough ago: the ones that were made
/// since, of a schedule that is dense, change nothing of that.
fn overdue(plan: &Plan, last: &Run, unreached: &[(&Run, Reach)], now: Timestamp) -> Option<(Run, String)> {
    let held = |reach: &Reach| reach.held_until.is_some_and(|until| until > now);
    let waits = |run: &Run| now.duration_since(run.made_at) >= OVERDUE;
    let first = unreached.iter().rfind(|(run, reach)| waits(run) && !held(reach));
    if let Some((run, reach)) = first {
        let told_at = unreached.iter().filter_map(|(run, _)| run.told_at).max();
        let run = Run {
            told_at,
            ..(*run).clone()
        };
        return Some((run, why(reach)));
    }
    let due = first_unmade(plan, last, now).filter(|due| now.duration_since(*due) >= OVERDUE)?;
    let mut run = occasion(plan, due, RunState::Failed, now);
    run.told_at = last.told_at.filter(|_| last.scheduled_for == due);
    let why = "It could not be made: the monitor's log says why.".to_owned();
    Some((run, why))
}

fn why(reach: &Reach) -> String {
    let how = if reach.given_up {
        "It was given up as a dead letter"
    } else {
        "It still waits to be delivered"
    };
    match &reach.error {
        Some(error) => format!("{how}: {error}"),
        None => format!("{how}."),
    }
}

/// The first time of those that [`unmade`] gives the latest of.
fn first_unmade(plan: &Plan, last: &Run, now: Timestamp) -> Option<Timestamp> {
    let latest = unmade(plan, last, now)?;
    let oldest = outline::began(plan.outline.period, now, &plan.zone);
    let first = plan.schedule.next_after(open_since(last).max(oldest));
    Some(first.unwrap_or(latest).min(latest))
}

/// When the report is due that was not made since the last one.
fn unmade(plan: &Plan, last: &Run, now: Timestamp) -> Option<Timestamp> {
    latest(plan, open_since(last), now)
}

/// After which time nothing was made.
fn open_since(last: &Run) -> Timestamp {
    if last.state.is_done() {
        return last.scheduled_for;
    }
    let moment = SignedDuration::from_millis(1);
    last.scheduled_for.checked_sub(moment).unwrap_or(Timestamp::MIN)
}

/// The last time after `after`, and not after `now`, at which the report was due; none that is longer ago than its
/// period.
#[must_use]
pub fn latest(plan: &Plan, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let oldest = outline::began(plan.outline.period, now, &plan.zone);
    // Looked for close to `now` first, so that not every time of a dense schedule is gone through.
    let near =
        [Period::Day, Period::Week, Period::Month].map(|period| outline::began(period, now, &plan.zone));
    near.into_iter()
        .map(|begin| begin.max(after).max(oldest))
        .find_map(|begin| last_between(&plan.schedule, begin, now))
}

fn last_between(schedule: &Schedule, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let next = |at: &Timestamp| schedule.next_after(*at).filter(|next| *next <= now);
    std::iter::successors(next(&after), next).last()
}
