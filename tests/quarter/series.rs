//! One product of the model: how its level moves its severity, and who has taken it on.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::setup::CRITICAL;
use crate::setup::LOW;
use crate::setup::OK;
use crate::setup::OUT;
use crate::setup::Terms;

const CALM: SignedDuration = SignedDuration::from_hours(6);
const FLIPS_COUNT: SignedDuration = SignedDuration::from_hours(24);

/// A product.
#[derive(Debug, Clone)]
pub struct Series {
    pub group: i64,
    /// `None` while it cannot be read.
    pub level: Option<i64>,
    pub last: Option<i64>,
    pub severity: usize,
    /// Since when the level has called for at least this severity without a break.
    called: [Option<Timestamp>; 4],
    pub left_out: Option<Timestamp>,
    unknown_since: Option<Timestamp>,
    pub missing: u32,
    pub gone: bool,
    pub born_open: bool,
    pub told: Vec<Told>,
    /// Since when it is critical or out without a break.
    urgent_since: Option<Timestamp>,
    pub ack: Option<Ack>,
    ack_ended: Option<Timestamp>,
    /// When its severity moved by its level lately.
    flips: Vec<Timestamp>,
    pub flaps: bool,
    /// The mute that held it back and that no message has named yet.
    pub muted: Option<String>,
    /// It was in force at the last look.
    pub is_muted: bool,
    /// A message named it just now.
    pub named: bool,
}

/// What one channel was told of a product.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    pub severity: usize,
    pub at: Timestamp,
    /// The worst that went untold in its quiet hours.
    pub missed: usize,
    /// The worst it was told since the product flaps.
    pub worst: usize,
    pub escalated: bool,
    /// To be told that what was ordered did not come.
    pub overdue: bool,
}

/// Somebody has taken it on.
#[derive(Debug, Clone)]
pub struct Ack {
    pub by: String,
    pub quantity: Option<i64>,
    pub eta: Option<Timestamp>,
    pub arrived: i64,
    pub while_ok: bool,
    pub overdue: Option<Timestamp>,
}

/// What a poll did to it.
#[derive(Debug, Clone, Default)]
pub struct Moved {
    /// The ack that ended with it.
    pub ended: Option<Ack>,
    /// It began to flap.
    pub flaps: bool,
}

/// What a level calls for.
fn calls_for(level: i64, terms: &Terms) -> usize {
    match level {
        i64::MIN..=0 => OUT,
        n if n <= terms.critical.min(terms.low) => CRITICAL,
        n if n <= terms.low => LOW,
        _ => OK,
    }
}

impl Series {
    pub fn new(group: i64, channels: usize, now: Timestamp) -> Self {
        let told = Told {
            severity: OK,
            at: now,
            missed: OK,
            worst: OK,
            escalated: false,
            overdue: false,
        };
        Self {
            group,
            level: None,
            last: None,
            severity: OK,
            called: [None; 4],
            left_out: None,
            unknown_since: None,
            missing: 0,
            gone: false,
            born_open: false,
            told: vec![told; channels],
            urgent_since: None,
            ack: None,
            ack_ended: None,
            flips: Vec::new(),
            flaps: false,
            muted: None,
            is_muted: false,
            named: false,
        }
    }

    /// The level as it is, at once.
    pub fn first_sight(&mut self, level: Option<i64>, terms: &Terms, now: Timestamp) {
        self.level = level;
        self.last = level.or(self.last);
        self.called = [None; 4];
        self.left_out = None;
        self.unknown_since = level.is_none().then_some(now);
        if let Some(level) = level {
            self.severity = calls_for(level, terms);
            self.note_urgency(now);
        }
    }

    /// The level as a further poll shows it: the severity moves where that is confirmed.
    pub fn looked_at(&mut self, level: Option<i64>, terms: &Terms, limit: usize, now: Timestamp) -> Moved {
        let mut moved = Moved::default();
        self.level = level;
        let Some(level) = level else {
            self.unknown_since.get_or_insert(now);
            return moved;
        };
        let rise = self.last.map_or(0, |last| (level - last).max(0));
        self.last = Some(level);
        if let Some(since) = self.unknown_since.take() {
            // While it was unknown, the clocks stood still.
            let stood = now.duration_since(since);
            for clock in self.called.iter_mut().chain([&mut self.left_out]).flatten() {
                *clock += stood;
            }
        }
        let was = self.severity;
        self.judge(level, terms, now);
        self.born_open &= level <= terms.low && self.severity != OK;
        self.note_urgency(now);
        moved.ended = self.arrived(rise, was, now);
        moved.flaps = self.flip(was, limit, now);
        moved
    }

    fn judge(&mut self, level: i64, terms: &Terms, now: Timestamp) {
        let (called, was) = (calls_for(level, terms), self.severity);
        for severity in LOW..=OUT {
            if called < severity || severity <= was {
                self.called[severity] = None;
                continue;
            }
            let since = *self.called[severity].get_or_insert(now);
            let wait = if severity == OUT {
                terms.confirm_out
            } else {
                terms.confirm
            };
            if now.duration_since(since) >= SignedDuration::from_mins(wait) {
                self.severity = severity;
            }
        }
        let in_margin = was == LOW && level <= terms.low + terms.margin;
        if called < was && !(called == OK && in_margin) {
            self.severity = called;
        }
        match (was, self.severity) {
            (_, OUT) => self.left_out = None,
            (OUT, _) => self.left_out = Some(now),
            _ => {}
        }
    }

    fn note_urgency(&mut self, now: Timestamp) {
        if self.severity < CRITICAL {
            self.urgent_since = None;
        } else {
            self.urgent_since.get_or_insert(now);
        }
    }

    /// The ack that ends because of what this poll showed.
    fn arrived(&mut self, rise: i64, was: usize, now: Timestamp) -> Option<Ack> {
        let ack = self.ack.as_mut()?;
        ack.arrived += rise;
        let recovered = was != OK && self.severity == OK;
        let arrived = match ack.quantity {
            Some(quantity) => ack.arrived >= quantity,
            None => ack.while_ok && rise > 0,
        };
        if recovered || arrived {
            self.end_ack(now)
        } else {
            None
        }
    }

    /// Ends the ack, if there is one.
    pub fn end_ack(&mut self, now: Timestamp) -> Option<Ack> {
        let ended = self.ack.take()?;
        self.ack_ended = Some(now);
        self.told.iter_mut().for_each(|told| told.overdue = false);
        Some(ended)
    }

    /// Counts a move of the severity; whether it flaps from now on.
    fn flip(&mut self, was: usize, limit: usize, now: Timestamp) -> bool {
        if self.flaps
            && self
                .flips
                .last()
                .is_none_or(|last| now.duration_since(*last) >= CALM)
        {
            self.flaps = false;
            self.flips.clear();
        }
        if self.severity == was || limit == 0 {
            return false;
        }
        self.flips.push(now);
        self.flips.retain(|at| now.duration_since(*at) < FLIPS_COUNT);
        let begins = !self.flaps && self.flips.len() > limit;
        if begins {
            self.flaps = true;
            self.told.iter_mut().for_each(|told| told.worst = OK);
        }
        begins
    }

    /// It is gone, and nothing is open any more; should it return, it begins anew.
    pub fn close(&mut self, now: Timestamp) {
        self.severity = OK;
        self.flaps = false;
        self.flips.clear();
        self.born_open = false;
        self.urgent_since = None;
        self.end_ack(now);
    }

    /// Somebody has it, and the time for it has not passed.
    pub fn is_taken_on(&self) -> bool {
        self.ack.as_ref().is_some_and(|ack| ack.overdue.is_none())
    }

    /// Since when somebody should have taken it on.
    pub fn neglected_since(&self) -> Option<Timestamp> {
        if self.is_taken_on() || self.born_open {
            return None;
        }
        let overdue = self.ack.as_ref().and_then(|ack| ack.overdue);
        let since = [self.urgent_since?]
            .into_iter()
            .chain(overdue)
            .chain(self.ack_ended);
        since.max()
    }
}
