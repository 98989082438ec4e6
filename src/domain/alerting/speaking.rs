//! What one channel hears of a series: what differs from what it was told, unless it is muted, flaps, or waits.

use std::sync::Arc;

use crate::domain::alerting::about::About;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Told;
use crate::domain::alerting::telling::Mode;
use crate::domain::alerting::telling::Said;
use crate::domain::alerting::telling::Telling;
use crate::domain::message::Reason;
use crate::domain::stand::Severity;

/// A channel beside a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ear {
    pub channel: usize,
    /// What it was last told.
    pub told: Severity,
    /// What it is to know now.
    pub view: Severity,
    /// Whether it hears of the series, and not only of the end of what it was told.
    pub routed: bool,
    pub quiet: bool,
}

impl Telling<'_> {
    pub(super) fn one_channel(
        &mut self,
        channel: usize,
        silent: bool,
        series: &mut SeriesState,
        effective: &Effective,
        about: About<'_>,
        mode: Mode,
    ) -> Said {
        let ear = self.ear(channel, series, effective, mode);
        let covered = matches!(mode, Mode::Covered { .. });
        // A combination that its product covers has nothing to say yet, so it cannot count as told.
        if mode == Mode::Settle || (silent && !covered) {
            self.set_told(channel, series, ear.view);
            return Said::Nothing;
        }
        if mode != Mode::Withdraw && series.notes().muted {
            return Said::Nothing;
        }
        let reason = self.reason(series, effective, ear, mode);
        match self.while_flapping(series, ear, mode, reason) {
            Some(reason) if ear.quiet && !self.is_told_in_quiet(ear, reason) => {
                self.wait(series, ear, reason);
                Said::Nothing
            }
            Some(reason) => {
                self.say(series, effective, about, ear, reason);
                Said::Something
            }
            None if mode == Mode::Withdraw => Said::Nothing,
            None => self.what_waited(series, effective, about, ear, covered),
        }
    }

    /// Whether the channel hears of the series only since nobody had taken it on.
    pub(super) fn is_escalated(&self, channel: usize, series: &SeriesState) -> bool {
        let entry = series.told_entry(&self.names[channel]);
        entry.is_some_and(|told| told.escalated)
    }

    pub(super) fn ear(&self, channel: usize, series: &SeriesState, effective: &Effective, mode: Mode) -> Ear {
        let entry = series.told_entry(&self.names[channel]);
        let told = entry.map_or(Severity::Ok, |told| told.severity);
        let routed = effective.channels.contains(&channel) || self.is_escalated(channel, series);
        let seen = self.rules.channels[channel].view(series.severity);
        let view = match (mode, routed) {
            (Mode::Withdraw, _) => Severity::Ok,
            (
                Mode::Speak { .. } | Mode::Flap(_) | Mode::Settle | Mode::Announced | Mode::Covered { .. },
                true,
            ) => seen,
            // A recovery goes to every channel that was told, also one that is no longer routed to.
            (
                Mode::Speak { .. } | Mode::Flap(_) | Mode::Settle | Mode::Announced | Mode::Covered { .. },
                false,
            ) => told.min(seen),
        };
        Ear {
            channel,
            told,
            view,
            routed,
            quiet: self.quiet[channel],
        }
    }

    fn reason(&self, series: &SeriesState, effective: &Effective, ear: Ear, mode: Mode) -> Option<Reason> {
        let Ear { told, view, .. } = ear;
        let covered = matches!(mode, Mode::Covered { .. });
        let rule_changed = match mode {
            Mode::Speak { rule_changed } | Mode::Covered { rule_changed } => rule_changed,
            Mode::Settle | Mode::Announced | Mode::Withdraw | Mode::Flap(_) => false,
        };
        // What got worse beyond what the channel takes is no recovery.
        let no_better = view < told && series.severity >= told && mode != Mode::Withdraw;
        if view == told || no_better {
            return None;
        }
        if mode == Mode::Withdraw {
            return Some(Reason::Withdrawn);
        }
        if view > told {
            let reason = if told == Severity::Ok {
                Reason::First
            } else {
                Reason::Worse
            };
            return (!covered).then_some(if rule_changed { Reason::RuleChanged } else { reason });
        }
        if rule_changed && (!covered || view == Severity::Ok) {
            return Some(Reason::RuleChanged);
        }
        if view == Severity::Ok {
            return Some(Reason::Recovered);
        }
        // Where nothing is waited for, it left out long ago: the channel could not be told then.
        let held = series.better_since.is_none() || self.is_held(series, effective);
        (told == Severity::Out && held && !covered).then_some(Reason::Better)
    }

    /// While a series flaps, only what is worse than all the channel was told since; at first that it does.
    fn while_flapping(
        &self,
        series: &SeriesState,
        ear: Ear,
        mode: Mode,
        reason: Option<Reason>,
    ) -> Option<Reason> {
        if !series.is_flapping() || mode == Mode::Withdraw {
            return reason;
        }
        let policy = &self.rules.channels[ear.channel];
        if let Mode::Flap(moved) = mode {
            // A channel that takes neither severity sees nothing go to and fro.
            let seen = policy.view(moved.from) != Severity::Ok || policy.view(moved.to) != Severity::Ok;
            if ear.routed && seen && !ear.quiet {
                return Some(Reason::Flapping);
            }
        }
        let worst = series
            .told_entry(&policy.name)
            .map_or(Severity::Ok, |told| told.worst);
        reason.filter(|_| ear.view > worst.max(ear.told))
    }

    /// Whether the channel is told that in its quiet hours, or at least sent it then.
    fn is_told_in_quiet(&self, ear: Ear, reason: Reason) -> bool {
        match reason {
            Reason::First | Reason::Worse => self.rules.channels[ear.channel].is_pierced_by(ear.view),
            // Nobody would ever say it later: it is delivered after them.
            Reason::Withdrawn => true,
            Reason::Better
            | Reason::Recovered
            | Reason::Reminder
            | Reason::RuleChanged
            | Reason::Escalated
            | Reason::Overdue
            | Reason::Flapping => false,
        }
    }

    /// The channel is not told in its quiet hours; the worst of that is remembered.
    fn wait(&self, series: &mut SeriesState, ear: Ear, reason: Reason) {
        match reason {
            Reason::First | Reason::Worse | Reason::RuleChanged if ear.view > ear.told => {
                let now = self.now;
                self.remember(ear.channel, series, |told| {
                    if told.missed < ear.view {
                        told.missed = ear.view;
                        if told.severity == Severity::Ok {
                            told.at = now;
                        }
                    }
                });
            }
            Reason::First
            | Reason::Worse
            | Reason::Better
            | Reason::Recovered
            | Reason::Reminder
            | Reason::RuleChanged
            | Reason::Withdrawn
            | Reason::Escalated
            | Reason::Overdue
            | Reason::Flapping => {}
        }
    }

    /// Tells the channel, and remembers that.
    pub(super) fn say(
        &mut self,
        series: &mut SeriesState,
        effective: &Effective,
        about: About<'_>,
        ear: Ear,
        reason: Reason,
    ) {
        let alert = self.alert(series, effective, about, reason, ear.told, ear.view);
        let gathered = &mut self.gathered[ear.channel];
        if ear.quiet && reason == Reason::Withdrawn {
            gathered.held.push(alert);
        } else {
            gathered.alerts.push(alert);
        }
        self.set_told(ear.channel, series, ear.view);
        let flaps = series.is_flapping();
        let now = self.now;
        self.remember(ear.channel, series, |told| {
            told.at = now;
            told.missed = Severity::Ok;
            told.overdue = false;
            if flaps {
                told.worst = told.worst.max(ear.view);
            }
        });
    }

    pub(super) fn set_told(&self, channel: usize, series: &mut SeriesState, severity: Severity) {
        let now = self.now;
        self.remember(channel, series, |told| {
            if told.severity != severity {
                told.severity = severity;
                told.at = now;
            }
            if severity == Severity::Ok {
                told.escalated = false;
                told.overdue = false;
            }
        });
    }

    /// Changes what is remembered of the channel; what says nothing is forgotten.
    pub(super) fn remember(&self, channel: usize, series: &mut SeriesState, change: impl FnOnce(&mut Told)) {
        let name = &self.names[channel];
        let at = series.told.iter().position(|told| told.channel == *name);
        let at = at.unwrap_or_else(|| {
            series
                .told
                .push(Told::new(Arc::clone(name), Severity::Ok, self.now));
            series.told.len() - 1
        });
        change(&mut series.told[at]);
        series.told.retain(|told| !told.is_nothing());
    }
}
