//! When a shop was looked at, and when nobody looked.

use jiff::Timestamp;

/// A gap longer than this many typical intervals is time in which nothing was observed.
pub const GAP_INTERVALS: i64 = 3;
/// The typical interval is the median of so many in a row: a schedule may change.
const NEIGHBOURS: usize = 64;

/// The stretches of time in which a shop was observed, ascending, apart from each other. Times are milliseconds since
/// 1970 in UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    stretches: Vec<(i64, i64)>,
}

impl Observed {
    /// From the times of the accepted polls, in any order.
    #[must_use]
    pub fn from_polls(mut polls: Vec<i64>) -> Self {
        polls.sort_unstable();
        polls.dedup();
        let gaps: Vec<i64> = polls
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]))
            .collect();
        let mut stretches: Vec<(i64, i64)> = Vec::new();
        for (run, chunk) in gaps.chunks(NEIGHBOURS).enumerate() {
            let longest = median(near(&gaps, run * NEIGHBOURS)).saturating_mul(GAP_INTERVALS);
            for (at, gap) in (run * NEIGHBOURS..).zip(chunk) {
                if *gap > longest {
                    continue;
                }
                match stretches.last_mut() {
                    Some((_, end)) if *end == polls[at] => *end = polls[at + 1],
                    Some(_) | None => stretches.push((polls[at], polls[at + 1])),
                }
            }
        }
        Self { stretches }
    }

    /// From the times of the accepted polls up to `end`: the last of them still tells how it is until then, unless that
    /// is longer ago than three usual intervals.
    #[must_use]
    pub fn up_to(end: Timestamp, polls: Vec<i64>) -> Self {
        let end = end.as_millisecond();
        let newest = polls.iter().copied().max();
        let mut sorted = polls.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let usual = usual(&sorted, sorted.len().saturating_sub(1));
        let mut observed = Self::from_polls(polls);
        let (Some(newest), Some(usual)) = (newest, usual) else {
            return observed;
        };
        if newest < end && end - newest <= usual.saturating_mul(GAP_INTERVALS) {
            match observed.stretches.last_mut() {
                Some((_, last)) if *last == newest => *last = end,
                Some(_) | None => observed.stretches.push((newest, end)),
            }
        }
        observed
    }

    /// All of that time.
    #[must_use]
    pub fn throughout(from: Timestamp, to: Timestamp) -> Self {
        Self {
            stretches: vec![(from.as_millisecond(), to.as_millisecond())],
        }
    }

    /// The parts of `from..to` that were observed.
    pub fn within(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, i64)> {
        let first = self.stretches.partition_point(|(_, end)| *end <= from);
        self.stretches[first..]
            .iter()
            .take_while(move |(start, _)| *start < to)
            .map(move |(start, end)| ((*start).max(from), (*end).min(to)))
    }

    /// Up to when it was observed before `at`, where the time just before `at` was not; `None` where it was, and where
    /// there is nothing before.
    pub(super) fn blind_since(&self, at: i64) -> Option<i64> {
        let before = self.stretches.partition_point(|(start, _)| *start < at);
        let (_, end) = self.stretches.get(before.checked_sub(1)?)?;
        (*end < at).then_some(*end)
    }
}

/// The usual interval of the polls around the one at `place`, of all of them ascending; `None` with one poll or none.
fn usual(polls: &[i64], place: usize) -> Option<i64> {
    Some(median(&around(polls, place)?))
}

/// The intervals between the polls around the one at `place`.
fn around(polls: &[i64], place: usize) -> Option<Vec<i64>> {
    let run = place.min(polls.len().checked_sub(2)?) / NEIGHBOURS * NEIGHBOURS;
    let end = (run + NEIGHBOURS).min(polls.len() - 1);
    let begin = run.min(end.saturating_sub(NEIGHBOURS));
    let gaps = polls[begin..=end].windows(2);
    Some(gaps.map(|pair| pair[1].saturating_sub(pair[0])).collect())
}

/// The gaps of the run that begins there; the last few are judged with those before them.
fn near(gaps: &[i64], run: usize) -> &[i64] {
    let end = (run + NEIGHBOURS).min(gaps.len());
    &gaps[run.min(end.saturating_sub(NEIGHBOURS))..end]
}

fn median(gaps: &[i64]) -> i64 {
    let mut sorted = gaps.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_of_more_than_three_usual_intervals_was_not_observed() {
        let polls = vec![0, 10, 20, 50, 60, 91, 101, 111];
        assert_eq!(Observed::from_polls(polls).stretches, [(0, 60), (91, 111)]);
    }

    #[test]
    fn a_schedule_that_changed_is_judged_by_the_interval_of_its_time() {
        let slow = (0..200).map(|n| n * 900);
        let fast = (1..200).map(|n| 199 * 900 + n * 60);
        let polls: Vec<i64> = slow.chain(fast).collect();
        let observed = Observed::from_polls(polls);
        assert_eq!(observed.stretches[0].0, 0);
        let seen: i64 = observed.within(0, i64::MAX).map(|(from, to)| to - from).sum();
        assert!(seen > 199 * 900 + 198 * 60 - 40 * 900, "{observed:?}");
    }

    #[test]
    fn the_last_look_holds_for_three_usual_intervals() {
        let observed = |end| Observed::up_to(Timestamp::from_millisecond(end).unwrap(), vec![0, 10, 20, 90]);
        assert_eq!(observed(110).stretches, [(0, 20), (90, 110)]);
        assert_eq!(observed(121).stretches, [(0, 20)]);
    }

    #[test]
    fn nothing_was_observed_with_one_poll_or_none() {
        assert_eq!(Observed::from_polls(vec![]), Observed::default());
        assert_eq!(Observed::from_polls(vec![7]), Observed::default());
    }

    #[test]
    fn blindness_ends_with_the_first_look() {
        let observed = Observed {
            stretches: vec![(0, 60), (91, 111)],
        };
        assert_eq!(observed.blind_since(30), None);
        assert_eq!(observed.blind_since(60), None);
        assert_eq!(observed.blind_since(91), Some(60));
        assert_eq!(observed.blind_since(0), None);
    }
}
