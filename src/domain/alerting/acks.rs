//! The acks in the course of a decision: what comes counts for them, and they end by themselves.

use jiff::Timestamp;

use crate::domain::alerting::state::SeriesState;
use crate::domain::people::Ack;
use crate::domain::people::AckEnd;
use crate::domain::people::ack_of;
use crate::domain::stand::Severity;

/// What became of an ack in a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckStep {
    /// As it is from now on.
    pub ack: Ack,
    /// Why it ended, where it did.
    pub ended: Option<AckEnd>,
}

/// The acks of a shop, or of the pools.
#[derive(Debug, Clone, Default)]
pub(super) struct Acks {
    /// Ascending by series; those that ended in this decision too, since what is told in it names them.
    steps: Vec<AckStep>,
    before: Vec<Ack>,
    /// When the last one of a series ended before, ascending by series.
    ended: Vec<(u32, Timestamp)>,
}

impl Acks {
    pub(super) fn new(in_force: &[Ack], ended: &[(u32, Timestamp)]) -> Self {
        let step = |ack: &Ack| AckStep {
            ack: ack.clone(),
            ended: None,
        };
        Self {
            steps: in_force.iter().map(step).collect(),
            before: in_force.to_vec(),
            ended: ended.to_vec(),
        }
    }

    /// What is to be recorded.
    pub(super) fn into_steps(self) -> Vec<AckStep> {
        let Self { steps, before, .. } = self;
        let changed = |step: &AckStep| {
            step.ended.is_some() || ack_of(&before, step.ack.series).is_none_or(|was| *was != step.ack)
        };
        steps.into_iter().filter(changed).collect()
    }

    fn step(&self, series: u32) -> Option<&AckStep> {
        let at = self.steps.binary_search_by_key(&series, |step| step.ack.series);
        at.ok().map(|at| &self.steps[at])
    }

    fn step_mut(&mut self, series: u32) -> Option<&mut AckStep> {
        let at = self.steps.binary_search_by_key(&series, |step| step.ack.series);
        let step = at.ok().map(|at| &mut self.steps[at]);
        step.filter(|step| step.ended.is_none())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The ack to name in what is told of the series: also one that ended in this decision.
    pub(super) fn named(&self, series: u32) -> Option<&Ack> {
        self.step(series).map(|step| &step.ack)
    }

    /// The ack of the series that is in force.
    pub(super) fn in_force(&self, series: u32) -> Option<&Ack> {
        self.step(series)
            .filter(|step| step.ended.is_none())
            .map(|step| &step.ack)
    }

    /// Whether somebody has taken the series on, and its time has not been found to have passed.
    pub(super) fn holds(&self, series: u32) -> bool {
        self.in_force(series).is_some_and(|ack| ack.overdue_at.is_none())
    }

    /// Since when nobody has taken the series on that had somebody: since the last ack ended, or was found overdue.
    pub(super) fn free_since(&self, series: u32, now: Timestamp) -> Option<Timestamp> {
        let at = self.ended.binary_search_by_key(&series, |(series, _)| *series);
        let before = at.ok().map(|at| self.ended[at].1);
        let this = self.step(series).and_then(|step| match step.ended {
            Some(_) => Some(now),
            None => step.ack.overdue_at,
        });
        before.max(this)
    }

    /// Ends the ack of a series that is gone or no longer watched; the ack where there was one.
    pub(super) fn withdraw(&mut self, series: u32) -> Option<(i64, AckEnd)> {
        let step = self.step_mut(series)?;
        step.ended = Some(AckEnd::Withdrawn);
        Some((step.ack.id, AckEnd::Withdrawn))
    }

    /// Counts what came between two looks at a series; the ack and why it ended, where it did.
    pub(super) fn count(&mut self, before: &SeriesState, after: &SeriesState) -> Option<(i64, AckEnd)> {
        let step = self.step_mut(after.number)?;
        let made_while_ok = match before.severity {
            Severity::Ok => true,
            Severity::Low | Severity::Critical | Severity::Out => {
                before.started_at.is_some_and(|left| left > step.ack.made_at)
            }
        };
        let rise = match (before.last_level, after.level.known()) {
            (Some(was), Some(is)) if is > was => is.saturating_sub(was),
            (Some(_) | None, Some(_) | None) => 0,
        };
        step.ack.arrived = step.ack.arrived.saturating_add(rise);
        let recovered = before.severity != Severity::Ok && after.severity == Severity::Ok;
        let arrived = match step.ack.quantity {
            Some(quantity) => step.ack.arrived >= quantity,
            None => made_while_ok && rise > 0,
        };
        step.ended = match (recovered, arrived) {
            (true, _) => Some(AckEnd::Recovered),
            (false, true) => Some(AckEnd::Arrived),
            (false, false) => None,
        };
        Some((step.ack.id, step.ended?))
    }

    /// Finds that the time of the series' ack has passed; its number where that is so and was not found before.
    pub(super) fn fall_due(&mut self, series: u32, now: Timestamp) -> Option<i64> {
        let step = self.step_mut(series)?;
        let due = step.ack.overdue_at.is_none() && step.ack.eta.is_some_and(|eta| eta <= now);
        due.then(|| {
            step.ack.overdue_at = Some(now);
            step.ack.id
        })
    }
}
