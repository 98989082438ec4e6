//! How a level went over the last seven days: a small picture, and the same in words.

use std::fmt;
use std::fmt::Write;

use askama::filters::HtmlSafe;
use jiff::SignedDuration;
use jiff::Timestamp;

use crate::store::trends::Slots;

/// Slots of the picture; the last one is still going on.
pub const SLOTS: usize = 56;
/// How long one is: seven days in all.
const SLOT: i64 = 3 * 3600;
const A_DAY: usize = 8;
/// The picture's size in CSS pixels: a slot is two wide.
const WIDTH: usize = 2 * SLOTS;
const HEIGHT: usize = 28;
/// How much stays free above and below.
const EDGE: f64 = 3.0;

/// The number of the slot that goes on now; it changes every three hours.
#[must_use]
pub fn present(now: Timestamp) -> i64 {
    now.as_second().div_euclid(SLOT)
}

/// The slots before that one: what was in them changes no more.
#[must_use]
pub fn past(present: i64) -> Slots {
    let slots = i64::try_from(SLOTS - 1).unwrap_or_default();
    let from = (present - slots) * SLOT;
    Slots {
        from: Timestamp::from_second(from).unwrap_or(Timestamp::UNIX_EPOCH),
        length: SignedDuration::from_secs(SLOT),
        count: SLOTS - 1,
    }
}

/// The levels at the end of each slot, the last one now; none where a level was not known, or nobody looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    pub levels: Vec<Option<i64>>,
    /// Below it the level is low.
    pub low: Option<i64>,
}

impl Trend {
    /// `7 days: 20 to 4, lowest 2`
    #[must_use]
    pub fn words(&self) -> String {
        let known: Vec<i64> = self.levels.iter().copied().flatten().collect();
        let begun = self.levels.iter().position(Option::is_some);
        let days = begun.map_or(0, |begun| (self.levels.len() - begun).div_ceil(A_DAY));
        let days = match days {
            0 | 1 => "1 day".to_owned(),
            days => format!("{days} days"),
        };
        let (Some(first), Some(last)) = (known.first(), known.last()) else {
            return "7 days: not known".to_owned();
        };
        let lowest = known.iter().min().filter(|level| *level < first.min(last));
        let highest = known.iter().max().filter(|level| *level > first.max(last));
        let mut words = match (first == last, lowest, highest) {
            (true, None, None) => format!("{days}: always {last}"),
            _ => format!("{days}: {first} to {last}"),
        };
        for (name, level) in [("lowest", lowest), ("highest", highest)] {
            if let Some(level) = level {
                let _ = write!(words, ", {name} {level}");
            }
        }
        if self
            .levels
            .iter()
            .skip(begun.unwrap_or_default())
            .any(Option::is_none)
        {
            words.push_str(", not known throughout");
        }
        words
    }

    /// What the picture reaches down and up to.
    fn reach(&self) -> Option<(i64, i64)> {
        let known = || self.levels.iter().copied().flatten();
        let highest = known().max()?;
        // A threshold far above all levels would press them flat.
        let low = self.low.filter(|low| *low <= highest.saturating_mul(4));
        Some((known().min()?.min(0), highest.max(low.unwrap_or_default()).max(1)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "levels are far below 2^52")]
fn height(level: i64, (lowest, highest): (i64, i64)) -> f64 {
    let part = (level - lowest) as f64 / (highest - lowest).max(1) as f64;
    let free = HEIGHT as f64 - 2.0 * EDGE;
    ((HEIGHT as f64 - EDGE - part.clamp(0.0, 1.0) * free) * 10.0).round() / 10.0
}

/// The picture: steps where the level was known, a dashed line for `low`, a dot for now.
impl fmt::Display for Trend {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "<svg class=\"trend\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             role=\"img\" aria-label=\"{}\">",
            self.words()
        )?;
        if let Some(reach) = self.reach() {
            if let Some(low) = self.low.filter(|low| (reach.0..=reach.1).contains(low)) {
                let at = height(low, reach);
                write!(out, "<path class=\"limit\" d=\"M0 {at}H{WIDTH}\"/>")?;
            }
            out.write_str("<path class=\"course\" d=\"")?;
            self.steps(out, reach)?;
            out.write_str("\"/>")?;
            if let Some(level) = self.levels.last().copied().flatten() {
                let (x, at) = (WIDTH - 3, height(level, reach));
                write!(out, "<circle cx=\"{x}\" cy=\"{at}\" r=\"2.5\"/>")?;
            }
        }
        out.write_str("</svg>")
    }
}

impl Trend {
    fn steps(&self, out: &mut fmt::Formatter<'_>, reach: (i64, i64)) -> fmt::Result {
        let mut drawn: Option<i64> = None;
        for (slot, level) in self.levels.iter().enumerate() {
            let x = 2 * slot;
            match (drawn, level) {
                (Some(before), Some(level)) if before == *level => {}
                (Some(_), Some(level)) => write!(out, "H{x}V{}", height(*level, reach))?,
                (None, Some(level)) => write!(out, "M{x} {}", height(*level, reach))?,
                (Some(_), None) => write!(out, "H{x}")?,
                (None, None) => {}
            }
            drawn = *level;
        }
        match drawn {
            Some(_) => write!(out, "H{}", WIDTH - 3),
            None => Ok(()),
        }
    }
}

// Only digits and words of our own.
impl HtmlSafe for Trend {}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(levels: &[(usize, Option<i64>)]) -> Trend {
        let levels = levels.iter().flat_map(|(slots, level)| vec![*level; *slots]);
        Trend {
            levels: levels.collect(),
            low: Some(5),
        }
    }

    #[test]
    fn a_trend_says_in_words_what_it_draws() {
        for (levels, said) in [
            (vec![(56, Some(4))], "7 days: always 4"),
            (vec![(30, Some(20)), (26, Some(4))], "7 days: 20 to 4"),
            (
                vec![(20, Some(20)), (10, Some(0)), (6, Some(30)), (20, Some(4))],
                "7 days: 20 to 4, lowest 0, highest 30",
            ),
            (vec![(46, None), (10, Some(-2))], "2 days: always -2"),
            (
                vec![(20, Some(9)), (10, None), (26, Some(9))],
                "7 days: always 9, not known throughout",
            ),
            (
                vec![(55, Some(9)), (1, None)],
                "7 days: always 9, not known throughout",
            ),
            (vec![(56, None)], "7 days: not known"),
            (Vec::new(), "7 days: not known"),
        ] {
            assert_eq!(trend(&levels).words(), said);
        }
    }

    #[test]
    fn a_picture_breaks_where_nothing_was_known() {
        insta::assert_snapshot!(
            trend(&[(2, None), (18, Some(10)), (10, None), (16, Some(7)), (10, Some(2))]),
            @""
        );
        insta::assert_snapshot!(trend(&[(56, None)]), @"");
    }

    #[test]
    fn levels_of_any_size_stay_within_the_picture() {
        for levels in [vec![i64::MAX, 0], vec![-5, -9], vec![0, 0], vec![1_000_000, 5]] {
            let trend = Trend {
                levels: levels.into_iter().map(Some).collect(),
                low: Some(i64::MAX),
            };
            let reach = trend.reach().expect("levels");
            for level in trend.levels.iter().flatten() {
                let at = height(*level, reach);
                assert!((0.0..=28.0).contains(&at), "{at} of {trend:?}");
            }
        }
    }
}
