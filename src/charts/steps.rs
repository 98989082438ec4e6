//! A level over time for a picture: thinned to what a picture can show without losing its lowest, and counted in full.

use std::collections::VecDeque;

use jiff::SignedDuration;
use jiff::Timestamp;

/// How a series stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Known(i64),
    Unknown,
    NotControlled,
    Gone,
}

impl Held {
    /// The figure, where there is one.
    #[must_use]
    pub fn known(self) -> Option<i64> {
        match self {
            Self::Known(level) => Some(level),
            Self::Unknown | Self::NotControlled | Self::Gone => None,
        }
    }

    fn kind(self) -> u8 {
        match self {
            Self::Known(_) => 0,
            Self::Unknown => 1,
            Self::NotControlled => 2,
            Self::Gone => 3,
        }
    }
}

/// How it stood from a time on, until the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub at: Timestamp,
    pub held: Held,
}

/// A rise, or a large fall, between two figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leap {
    pub at: Timestamp,
    pub from: i64,
    pub to: i64,
}

/// What happened over all the time, every change counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    pub changes: u64,
    pub lowest: Option<i64>,
    pub highest: Option<i64>,
    /// By how much it fell and rose.
    pub fallen: i64,
    pub risen: i64,
    /// How often it rose.
    pub rises: u64,
    /// How often it came to 0 or less, and for how long in all.
    pub outs: u64,
    pub out_for: SignedDuration,
}

/// How many leaps are kept, the largest.
const LEAPS: usize = 40;
/// How many changes are kept for a table, the latest.
pub const LATEST: usize = 100;

/// A level over time as it is drawn and told.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// When it was first known how it stood, at the earliest where the picture begins.
    pub from: Timestamp,
    pub until: Timestamp,
    /// Ascending; the first at `from`.
    pub steps: Vec<Step>,
    /// The largest, ascending by time.
    pub leaps: Vec<Leap>,
    /// The latest changes, ascending.
    pub latest: Vec<Step>,
    pub tally: Tally,
}

/// Takes levels one by one and keeps what a picture of so many slots can show.
#[derive(Debug)]
pub struct Steps {
    from: Timestamp,
    until: Timestamp,
    slots: i64,
    kept: Vec<Step>,
    slot: Slot,
    now: Option<Step>,
    leaps: Vec<Leap>,
    latest: VecDeque<Step>,
    tally: Tally,
}

/// What is kept of a slot: how it began and ended, its lowest and highest, and the first of each other state.
#[derive(Debug, Default)]
struct Slot {
    number: i64,
    first: Option<Step>,
    lowest: Option<Step>,
    highest: Option<Step>,
    others: Vec<Step>,
    last: Option<Step>,
}

impl Slot {
    fn take(&mut self, step: Step) {
        self.first.get_or_insert(step);
        self.last = Some(step);
        match step.held.known() {
            Some(level) => {
                let known = |kept: Option<Step>| kept.and_then(|step| step.held.known());
                if known(self.lowest).is_none_or(|lowest| level < lowest) {
                    self.lowest = Some(step);
                }
                if known(self.highest).is_none_or(|highest| level > highest) {
                    self.highest = Some(step);
                }
            }
            None if self
                .others
                .iter()
                .all(|other| other.held.kind() != step.held.kind()) =>
            {
                self.others.push(step);
            }
            None => {}
        }
    }

    fn empty_into(&mut self, kept: &mut Vec<Step>) {
        let ends = [self.first, self.lowest, self.highest, self.last];
        let mut steps: Vec<Step> = ends.into_iter().flatten().chain(self.others.drain(..)).collect();
        steps.sort_by_key(|step| step.at);
        steps.dedup();
        kept.extend(steps);
        *self = Self::default();
    }
}

impl Steps {
    /// For a picture from the one time to the other, of so many slots.
    #[must_use]
    pub fn new(from: Timestamp, until: Timestamp, slots: i64) -> Self {
        Self {
            from,
            until: until.max(from),
            slots: slots.max(1),
            kept: Vec::new(),
            slot: Slot::default(),
            now: None,
            leaps: Vec::new(),
            latest: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    /// How it stood from that time on; ascending. The first may be before the picture begins; where it is later, the
    /// picture begins with it.
    pub fn add(&mut self, at: Timestamp, held: Held) {
        if self.now.is_none() {
            self.from = self.from.max(at).min(self.until);
        }
        let step = Step {
            at: at.clamp(self.from, self.until),
            held,
        };
        if self.now.is_some_and(|before| before.held == held) {
            return;
        }
        self.count(step);
        let number = self.number(step.at);
        if number != self.slot.number {
            self.slot.empty_into(&mut self.kept);
            self.slot.number = number;
        }
        self.slot.take(step);
        self.now = Some(step);
    }

    /// All that was taken; `None` where nothing was.
    #[must_use]
    pub fn finish(mut self) -> Option<Traced> {
        let now = self.now?;
        self.passed(now, self.until);
        self.slot.empty_into(&mut self.kept);
        self.leaps.sort_by_key(|leap| leap.at);
        Some(Traced {
            from: self.from,
            until: self.until,
            steps: self.kept,
            leaps: self.leaps,
            latest: self.latest.into(),
            tally: self.tally,
        })
    }

    fn number(&self, at: Timestamp) -> i64 {
        let whole = self.until.duration_since(self.from).as_millis().max(1);
        let part = at.duration_since(self.from).as_millis();
        i64::try_from(part * i128::from(self.slots) / whole).unwrap_or_default()
    }

    fn count(&mut self, step: Step) {
        let tally = &mut self.tally;
        if let Some(level) = step.held.known() {
            tally.lowest = Some(tally.lowest.map_or(level, |lowest| lowest.min(level)));
            tally.highest = Some(tally.highest.map_or(level, |highest| highest.max(level)));
        }
        if self.latest.len() == LATEST {
            self.latest.pop_front();
        }
        self.latest.push_back(step);
        let is_out = |held: Held| held.known().is_some_and(|level| level <= 0);
        let Some(before) = self.now else {
            self.tally.outs += u64::from(is_out(step.held));
            return;
        };
        self.tally.changes += 1;
        self.tally.outs += u64::from(is_out(step.held) && !is_out(before.held));
        self.passed(before, step.at);
        if let (Some(from), Some(to)) = (before.held.known(), step.held.known()) {
            self.moved(Leap {
                at: step.at,
                from,
                to,
            });
        }
    }

    /// That level held until then.
    fn passed(&mut self, step: Step, until: Timestamp) {
        if step.held.known().is_some_and(|level| level <= 0) {
            let out_for = self.tally.out_for.checked_add(until.duration_since(step.at));
            self.tally.out_for = out_for.unwrap_or(SignedDuration::MAX);
        }
    }

    fn moved(&mut self, leap: Leap) {
        let by = leap.to.saturating_sub(leap.from);
        if by > 0 {
            self.tally.rises += 1;
            self.tally.risen = self.tally.risen.saturating_add(by);
        } else {
            self.tally.fallen = self.tally.fallen.saturating_sub(by);
        }
        self.leaps.push(leap);
        if self.leaps.len() > 4 * LEAPS {
            self.leaps
                .sort_by_key(|leap| std::cmp::Reverse(leap.to.abs_diff(leap.from)));
            self.leaps.truncate(LEAPS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_short_out_among_thousands_of_points_stays() {
        let mut steps = Steps::new(at(0), at(100_000), 100);
        for n in 0..50_000 {
            let level = if n == 31_234 { 0 } else { 50 + n % 7 };
            steps.add(at(2 * n), Held::Known(level));
        }
        let traced = steps.finish().unwrap();
        assert!(traced.steps.len() <= 400, "{}", traced.steps.len());
        let zero: Vec<&Step> = traced
            .steps
            .iter()
            .filter(|step| step.held == Held::Known(0))
            .collect();
        assert_eq!(
            zero,
            [&Step {
                at: at(62_468),
                held: Held::Known(0)
            }]
        );
        assert!(traced.steps.windows(2).all(|two| two[0].at <= two[1].at));
        let tally = &traced.tally;
        assert_eq!(
            (tally.changes, tally.outs, tally.lowest, tally.highest),
            (49_999, 1, Some(0), Some(56))
        );
        assert_eq!(tally.out_for, SignedDuration::from_secs(2));
        assert_eq!(traced.latest.len(), LATEST);
    }

    #[test]
    fn what_was_in_force_before_holds_from_the_beginning_on() {
        let mut steps = Steps::new(at(100), at(200), 10);
        steps.add(at(20), Held::Known(3));
        steps.add(at(150), Held::Unknown);
        steps.add(at(150), Held::Unknown);
        steps.add(at(190), Held::Known(9));
        let traced = steps.finish().unwrap();
        let shown: Vec<(i64, Held)> = traced
            .steps
            .iter()
            .map(|step| (step.at.as_second(), step.held))
            .collect();
        assert_eq!(
            shown,
            [(100, Held::Known(3)), (150, Held::Unknown), (190, Held::Known(9))]
        );
        assert_eq!(
            (traced.tally.risen, traced.tally.fallen),
            (0, 0),
            "nothing is known of the rise"
        );
    }

    #[test]
    fn a_picture_begins_when_something_was_first_seen() {
        let mut steps = Steps::new(at(0), at(1000), 10);
        for second in 900..1000 {
            steps.add(at(second), Held::Known(second % 5));
        }
        let traced = steps.finish().unwrap();
        assert_eq!(traced.from, at(900));
        assert!(
            traced.steps.len() >= 30,
            "its slots are those of what is shown: {}",
            traced.steps.len()
        );
        assert!(Steps::new(at(0), at(1000), 10).finish().is_none());
    }
}
