//! What the levels of one series did over a period.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::forecast::observed::Observed;

/// How a series stood from some time on, as far as movements go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stood {
    Known(i64),
    /// Nobody knows; what it fell or rose meanwhile shows once it is known again.
    Unknown,
    /// Not there, or not counted: a figure that comes later begins anew.
    Away,
}

/// What the levels of one series did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Movement {
    /// By how much it fell and rose in the period, in all.
    pub sold: i64,
    pub restocked: i64,
    /// How long it was known and observed to be at zero or below in the period.
    pub out: SignedDuration,
    /// When it last fell.
    pub fell_at: Option<Timestamp>,
    /// Since when there has been a figure.
    pub counted_since: Option<Timestamp>,
}

/// Follows one series through its levels, oldest first.
#[derive(Debug)]
pub struct Following<'a> {
    /// When anybody looked: what stood before is not known to have stood on.
    observed: &'a Observed,
    from: Timestamp,
    until: Timestamp,
    movement: Movement,
    /// The last figure since it was last away.
    figure: Option<i64>,
    /// How it has stood, and since when.
    now: Option<(Timestamp, Stood)>,
}

impl<'a> Following<'a> {
    /// For what happens from `from`, inclusive, until `until`, exclusive. What was before is wanted too: the level with
    /// which the period began, and whatever else is known.
    #[must_use]
    pub fn new(from: Timestamp, until: Timestamp, observed: &'a Observed) -> Self {
        Self {
            observed,
            from,
            until,
            movement: Movement::default(),
            figure: None,
            now: None,
        }
    }

    /// From then on it stood so.
    pub fn stood(&mut self, at: Timestamp, stood: Stood) {
        self.pass(at);
        match stood {
            Stood::Known(level) => {
                match self.figure {
                    Some(before) => self.moved(at, level.saturating_sub(before)),
                    None => self.movement.counted_since = Some(at),
                }
                self.figure = Some(level);
            }
            Stood::Unknown => {}
            Stood::Away => {
                self.figure = None;
                self.movement.counted_since = None;
                self.movement.fell_at = None;
            }
        }
        self.now = Some((at, stood));
    }

    fn moved(&mut self, at: Timestamp, by: i64) {
        let within = self.from <= at && at < self.until;
        if by < 0 {
            self.movement.fell_at = Some(at);
        }
        if !within {
            return;
        }
        let movement = &mut self.movement;
        if by < 0 {
            movement.sold = movement.sold.saturating_sub(by);
        } else {
            movement.restocked = movement.restocked.saturating_add(by);
        }
    }

    /// Counts the time up to `at` as it has stood.
    fn pass(&mut self, at: Timestamp) {
        let Some((since, Stood::Known(i64::MIN..=0))) = self.now else {
            return;
        };
        let (since, at) = (since.max(self.from), at.min(self.until));
        let seen = self.observed.within(since.as_millisecond(), at.as_millisecond());
        let seen = seen.map(|(from, to)| (to - from).max(0)).sum();
        self.movement.out = self
            .movement
            .out
            .saturating_add(SignedDuration::from_millis(seen));
    }

    /// What it amounts to, where the last level still holds at the end of the period.
    #[must_use]
    pub fn end(mut self) -> Movement {
        self.pass(self.until);
        self.movement
    }
}
