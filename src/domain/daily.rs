//! What a series' day comes to: the figures that stay when its single levels are gone.

use crate::domain::catalogue::Level;

/// A day of UTC in milliseconds.
pub const DAY: i64 = 86_400_000;

/// The day that a time (milliseconds since 1970) lies in, in days since 1970.
#[must_use]
pub fn day_of(at: i64) -> i64 {
    at.div_euclid(DAY)
}

/// A day of one series. Levels are those that were left; times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daily {
    /// Days since 1970 in UTC.
    pub day: i64,
    /// When the day began, or when the series was first seen on it; `None` where it was not known.
    pub first: Option<i64>,
    /// How it stood at the day's end; `None` where it was gone.
    pub last: Option<Level>,
    pub least: Option<i64>,
    pub most: Option<i64>,
    pub known_ms: i64,
    /// 0 or less.
    pub out_ms: i64,
    /// The sum of all falls: what was sold.
    pub falls: i64,
    /// The sum of all rises: what came in or was given back.
    pub rises: i64,
    /// How often it stood otherwise.
    pub changes: i64,
}

impl Daily {
    /// When it begins and ends, in milliseconds since 1970.
    #[must_use]
    pub fn span(&self) -> (i64, i64) {
        let begins = self.day.saturating_mul(DAY);
        (begins, begins.saturating_add(DAY))
    }
}

/// Follows one series through time, and says what each day came to on which it stood otherwise.
#[derive(Debug)]
pub struct Days {
    from: i64,
    until: i64,
    now: Option<Now>,
    ended: Vec<Daily>,
}

/// The day that is being followed.
#[derive(Debug)]
struct Now {
    /// Up to when it is accounted for.
    at: i64,
    /// How it stands; `None`: gone.
    level: Option<Level>,
    /// What the next known level is compared with.
    before: Option<i64>,
    today: Daily,
}

impl Days {
    /// Over the days from `from` until `until`, exclusive (days since 1970).
    #[must_use]
    pub fn new(from: i64, until: i64) -> Self {
        Self {
            from: from.saturating_mul(DAY),
            until: until.saturating_mul(DAY),
            now: None,
            ended: Vec::new(),
        }
    }

    /// It stood so from `at` on (milliseconds since 1970); `None`: it was gone. Before the first day only the last of
    /// them counts, after the last day none.
    pub fn stood(&mut self, at: i64, level: Option<Level>) {
        if at >= self.until {
            return;
        }
        if at < self.from {
            self.now = Some(Now::begin(self.from, level));
            return;
        }
        match &mut self.now {
            Some(now) => {
                now.go_to(at, &mut self.ended);
                now.change(level);
            }
            None => {
                let mut now = Now::begin(at, level);
                now.today.changes = 1;
                self.now = Some(now);
            }
        }
    }

    /// The days on which it stood otherwise than before, oldest first.
    #[must_use]
    pub fn end(mut self) -> Vec<Daily> {
        if let Some(mut now) = self.now {
            now.go_to(self.until, &mut self.ended);
        }
        self.ended
    }
}

impl Now {
    fn begin(at: i64, level: Option<Level>) -> Self {
        let known = level.and_then(Level::known);
        Self {
            at,
            level,
            before: known,
            today: Daily {
                day: day_of(at),
                first: known,
                last: level,
                least: known,
                most: known,
                known_ms: 0,
                out_ms: 0,
                falls: 0,
                rises: 0,
                changes: 0,
            },
        }
    }

    /// Time passes; days in which nothing happens are not told of.
    fn go_to(&mut self, at: i64, ended: &mut Vec<Daily>) {
        let at = at.max(self.at);
        let day = day_of(at);
        if day > self.today.day {
            self.pass(self.today.day.saturating_add(1).saturating_mul(DAY));
            if self.today.changes > 0 {
                ended.push(self.today);
            }
            *self = Self::begin(day.saturating_mul(DAY), self.level);
        }
        self.pass(at);
    }

    fn pass(&mut self, at: i64) {
        let passed = at - self.at;
        self.at = at;
        if let Some(level) = self.level.and_then(Level::known) {
            self.today.known_ms += passed;
            if level <= 0 {
                self.today.out_ms += passed;
            }
        }
    }

    fn change(&mut self, level: Option<Level>) {
        self.level = level;
        let today = &mut self.today;
        today.last = level;
        today.changes += 1;
        match level {
            Some(Level::Known(level)) => {
                if let Some(before) = self.before {
                    let by = level.saturating_sub(before);
                    today.rises = today.rises.saturating_add(by.max(0));
                    today.falls = today.falls.saturating_sub(by.min(0));
                }
                today.least = Some(today.least.map_or(level, |least| least.min(level)));
                today.most = Some(today.most.map_or(level, |most| most.max(level)));
                self.before = Some(level);
            }
            // What is found after a gap is compared with what was known before it.
            Some(Level::Unknown) => {}
            Some(Level::NotControlled) | None => self.before = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn figures(from: i64, until: i64, stood: &[(i64, Option<Level>)]) -> Vec<Daily> {
        let mut days = Days::new(from, until);
        for (at, level) in stood {
            days.stood(*at, *level);
        }
        days.end()
    }

    fn known(level: i64) -> Option<Level> {
        Some(Level::Known(level))
    }

    #[test]
    fn a_day_says_how_it_began_and_ended_what_was_sold_and_how_long_it_was_out() {
        let stood = [
            (-5 * HOUR, known(9)),
            (6 * HOUR, known(2)),
            (12 * HOUR, known(0)),
            (18 * HOUR, known(20)),
        ];
        let days = figures(0, 1, &stood);
        assert_eq!(
            days,
            [Daily {
                day: 0,
                first: Some(9),
                last: known(20),
                least: Some(0),
                most: Some(20),
                known_ms: 24 * HOUR,
                out_ms: 6 * HOUR,
                falls: 9,
                rises: 20,
                changes: 3,
            }]
        );
    }

    #[test]
    fn a_day_without_a_change_has_no_row_and_the_next_begins_where_the_last_ended() {
        let stood = [(HOUR, known(5)), (3 * DAY + HOUR, known(4))];
        let days = figures(0, 5, &stood);
        let told: Vec<_> = days.iter().map(|day| (day.day, day.first, day.last)).collect();
        assert_eq!(told, [(0, Some(5), known(5)), (3, Some(5), known(4))]);
        assert_eq!(days[0].known_ms, 23 * HOUR);
        assert_eq!(days[1].known_ms, 24 * HOUR);
    }

    #[test]
    fn what_fell_while_it_was_unknown_counts_and_what_was_not_controlled_or_gone_meanwhile_does_not() {
        let gap = |between| [(HOUR, known(5)), (2 * HOUR, between), (3 * HOUR, known(3))];
        assert_eq!(figures(0, 1, &gap(Some(Level::Unknown)))[0].falls, 2);
        assert_eq!(figures(0, 1, &gap(Some(Level::NotControlled)))[0].falls, 0);
        assert_eq!(figures(0, 1, &gap(None))[0].falls, 0);
        assert_eq!(figures(0, 1, &gap(Some(Level::Unknown)))[0].known_ms, 22 * HOUR);
    }

    #[test]
    fn days_told_one_by_one_are_those_told_at_once() {
        let levels = [
            known(5),
            known(3),
            Some(Level::Unknown),
            known(2),
            None,
            known(8),
            known(0),
        ];
        let stood: Vec<_> = (0_i64..)
            .map(|n| n * 7 * HOUR + 1)
            .zip(levels.into_iter().cycle())
            .take(60)
            .collect();
        let at_once = figures(0, 20, &stood);
        let one_by_one: Vec<Daily> = (0..20).flat_map(|day| figures(day, day + 1, &stood)).collect();
        assert_eq!(at_once, one_by_one);
        assert!(at_once.len() > 15, "{}", at_once.len());
    }
}
