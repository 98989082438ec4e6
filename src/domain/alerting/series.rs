//! One series over time: how a level moves its severity, with hysteresis, confirmation and frozen timers.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::state::SeriesState;
use crate::domain::catalogue::Level;
use crate::domain::forecast::SellRate;
use crate::domain::message::Reason;
use crate::domain::stand::Severity;

/// A confirmed severity that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    pub from: Severity,
    pub to: Severity,
    pub reason: Reason,
}

/// What an observation did to a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    pub moved: Option<Moved>,
    /// The rule differs from the one that made the severity.
    pub rule_changed: bool,
}

/// The severity a level calls for, before hysteresis and confirmation.
#[must_use]
pub fn classify(level: i64, effective: &Effective) -> Severity {
    if level <= 0 {
        Severity::Out
    } else if level <= effective.thresholds.critical {
        Severity::Critical
    } else if level <= effective.thresholds.low {
        Severity::Low
    } else {
        Severity::Ok
    }
}

/// While it is low, cover has to grow by so much beyond what the rule asks before it is enough.
const COVER_MARGIN: f64 = 1.2;

/// Whether a level will last less long than the rule asks, times `margin`. Without a forecast the rule does not speak.
fn is_short(level: i64, effective: &Effective, rate: Option<&SellRate>, margin: f64) -> bool {
    let cover = rate.and_then(|rate| rate.cover(level));
    effective
        .cover
        .zip(cover)
        .is_some_and(|(wanted, cover)| cover.is_below(wanted.mul_f64(margin)))
}

/// As [`classify`]; at least low where the level will not last as long as the rule asks.
fn calls_for(level: i64, effective: &Effective, rate: Option<&SellRate>) -> Severity {
    let by_level = classify(level, effective);
    if is_short(level, effective, rate, 1.0) {
        by_level.max(Severity::Low)
    } else {
        by_level
    }
}

impl SeriesState {
    /// A series at its first sight: its severity is what the level says, at once.
    #[must_use]
    pub fn first(number: u32, level: Level, effective: &Effective, now: Timestamp) -> Self {
        let mut series = Self {
            number,
            level: Level::Unknown,
            last_level: None,
            last_known_at: None,
            previous_level: None,
            severity: Severity::Ok,
            since: now,
            started_at: None,
            pending: [None; 3],
            frozen_since: None,
            better_since: None,
            transition: 0,
            fingerprint: effective.fingerprint,
            seen_other_than_zero: false,
            born_open: false,
            notes: None,
            told: Vec::new(),
        };
        series.settle(level, effective, None, now);
        series
    }

    /// Takes the level as it is, without confirmation: first sight, a return, stock control switched on.
    /// `rate` is how fast it sells, where that is known.
    pub fn settle(
        &mut self,
        level: Level,
        effective: &Effective,
        rate: Option<&SellRate>,
        now: Timestamp,
    ) -> Option<Moved> {
        self.take_level(level, now, now);
        self.fingerprint = effective.fingerprint;
        self.pending = [None; 3];
        self.frozen_since = if level == Level::Unknown { Some(now) } else { None };
        let severity = match level {
            Level::Known(n) => calls_for(n, effective, rate),
            Level::NotControlled => Severity::Ok,
            Level::Unknown => self.severity,
        };
        let moved = self.change_to(severity, Reason::First, now);
        self.better_since = None;
        moved
    }

    /// Takes a level in and moves the severity where that is confirmed. `last_look` is when the catalogue was last
    /// accepted before this look, `rate` how fast the series sells, where that is known.
    pub fn observe(
        &mut self,
        level: Level,
        effective: &Effective,
        rate: Option<&SellRate>,
        last_look: Timestamp,
        now: Timestamp,
    ) -> Observed {
        self.take_level(level, last_look, now);
        match level {
            // Frozen: neither severity nor timers nor the rule that made them.
            Level::Unknown => Observed::default(),
            Level::NotControlled => {
                let rule_changed = self.fingerprint != effective.fingerprint;
                self.fingerprint = effective.fingerprint;
                self.pending = [None; 3];
                Observed {
                    moved: self.change_to(Severity::Ok, Reason::Withdrawn, now),
                    rule_changed,
                }
            }
            Level::Known(n) => self.judge(n, effective, rate, now),
        }
    }

    fn judge(&mut self, n: i64, effective: &Effective, rate: Option<&SellRate>, now: Timestamp) -> Observed {
        let says = calls_for(n, effective, rate);
        self.born_open &= says != Severity::Ok;
        if self.fingerprint != effective.fingerprint {
            self.fingerprint = effective.fingerprint;
            self.pending = [None; 3];
            return Observed {
                moved: self.change_to(says, Reason::RuleChanged, now),
                rule_changed: true,
            };
        }
        if says > self.severity {
            let confirmed = self.confirm(says, effective, now);
            let reason = if self.severity == Severity::Ok {
                Reason::First
            } else {
                Reason::Worse
            };
            return Observed {
                moved: self.change_to(confirmed, reason, now),
                rule_changed: false,
            };
        }
        self.pending = [None; 3];
        let within_margin = self.severity == Severity::Low
            && says == Severity::Ok
            && (n <= effective.thresholds.low.saturating_add(effective.recover_margin)
                || is_short(n, effective, rate, COVER_MARGIN));
        let to = if within_margin { Severity::Low } else { says };
        let reason = if to == Severity::Ok {
            Reason::Recovered
        } else {
            Reason::Better
        };
        Observed {
            moved: self.change_to(to, reason, now),
            rule_changed: false,
        }
    }

    /// The worst severity the level has called for long enough; each severity has its own timer.
    fn confirm(&mut self, says: Severity, effective: &Effective, now: Timestamp) -> Severity {
        let mut confirmed = self.severity;
        for (slot, severity) in [Severity::Low, Severity::Critical, Severity::Out]
            .into_iter()
            .enumerate()
        {
            if says < severity || severity <= self.severity {
                self.pending[slot] = None;
                continue;
            }
            let since = *self.pending[slot].get_or_insert(now);
            let wait = if severity == Severity::Out {
                effective.confirm_out
            } else {
                effective.confirm
            };
            if now.duration_since(since) >= SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX) {
                confirmed = severity;
            }
        }
        for (slot, severity) in [Severity::Low, Severity::Critical, Severity::Out]
            .into_iter()
            .enumerate()
        {
            if severity <= confirmed {
                self.pending[slot] = None;
            }
        }
        confirmed
    }

    /// Ends a series that is gone: its figures and its number remain, nothing is open.
    pub fn close(&mut self, now: Timestamp) -> Option<Moved> {
        self.pending = [None; 3];
        self.born_open = false;
        self.told.clear();
        self.note(|notes| {
            notes.flips.clear();
            notes.flapping_since = None;
        });
        let moved = self.change_to(Severity::Ok, Reason::Withdrawn, now);
        self.better_since = None;
        moved
    }

    fn change_to(&mut self, to: Severity, reason: Reason, now: Timestamp) -> Option<Moved> {
        let from = self.severity;
        if from == to {
            return None;
        }
        self.severity = to;
        self.since = now;
        self.transition = self.transition.saturating_add(1);
        if from == Severity::Ok {
            self.started_at = Some(now);
        }
        if (from >= Severity::Critical) != (to >= Severity::Critical) {
            self.note(|notes| notes.urgent_since = (to >= Severity::Critical).then_some(now));
        }
        self.better_since = match (from, to) {
            (_, Severity::Out) => None,
            (Severity::Out, Severity::Ok | Severity::Low | Severity::Critical) => Some(now),
            (
                Severity::Ok | Severity::Low | Severity::Critical,
                Severity::Ok | Severity::Low | Severity::Critical,
            ) => self.better_since,
        };
        if to == Severity::Ok {
            self.born_open = false;
        }
        Some(Moved { from, to, reason })
    }

    fn take_level(&mut self, level: Level, last_look: Timestamp, now: Timestamp) {
        if let Level::Known(n) = level {
            if let Some(frozen) = self.frozen_since.take() {
                self.shift_timers(now.duration_since(frozen));
            }
            if self.last_level != Some(n) {
                self.previous_level = self.last_level;
                self.last_level = Some(n);
            }
            self.last_known_at = None;
            self.seen_other_than_zero |= n != 0;
        } else {
            if self.level.known().is_some() {
                self.last_known_at = Some(last_look);
            }
            if level == Level::Unknown {
                self.frozen_since.get_or_insert(now);
            } else {
                self.frozen_since = None;
            }
        }
        self.level = level;
    }

    fn shift_timers(&mut self, by: SignedDuration) {
        for timer in self.pending.iter_mut().chain([&mut self.better_since]).flatten() {
            *timer = timer.checked_add(by).unwrap_or(*timer);
        }
    }

    /// Whether time alone can change anything about it.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.better_since.is_some() || self.pending.iter().any(Option::is_some)
    }
}
