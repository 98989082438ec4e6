//! When a shop was not read although it should have been.

use jiff::Timestamp;

use crate::domain::forecast::observed;
use crate::scheduler::Schedule;
use crate::store::forecast::CLOSE;

/// So many polls in a row that were due and read nothing are a gap.
const MISSED: usize = 3;
/// With fewer intervals between polls nearby than this nobody knows what was usual.
const ENOUGH: usize = 8;
/// So many of them on either side are looked at.
const NEAR: usize = 16;
/// A schedule is known by so many of its intervals.
const INTERVALS: usize = 8;

/// A time without a look at the whole shop: from, until (`None`: still).
pub type Gap = (Timestamp, Option<Timestamp>);

/// The gaps up to `until`, of a shop that was first asked at `first` and read at those times (ascending, milliseconds
/// since 1970). They are judged by the polls that were due; where polls were made by quite another schedule than the
/// present one, by what was usual then. Of polls closer together than [`CLOSE`] only some are known: what is hardly
/// longer than that is no gap.
#[must_use]
pub fn gaps(first: Option<Timestamp>, read: &[i64], schedule: &Schedule, until: Timestamp) -> Vec<Gap> {
    let Some(last) = read.last() else {
        return Vec::new();
    };
    let mut gaps = Vec::new();
    // What was before its first look, where that was not the first attempt.
    let before = first.map(Timestamp::as_millisecond).zip(read.first().copied());
    let before = before.filter(|(first, read)| first < read);
    let between = read.windows(2).enumerate();
    let between = between.map(|(place, pair)| (place, pair[0], pair[1]));
    let all = before
        .map(|(first, read)| (0, first, read))
        .into_iter()
        .chain(between);
    for (place, from, to) in all {
        if let Some((from, to)) = moment(from).zip(moment(to))
            // The last of the polls that were due is the one that read it.
            && is_gap(read, place, schedule, (from, to), MISSED + 1)
        {
            gaps.push((from, Some(to)));
        }
    }
    if let Some(from) = moment(*last)
        && is_gap(read, read.len() - 1, schedule, (from, until), MISSED)
    {
        gaps.push((from, None));
    }
    gaps
}

fn moment(at: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(at).ok()
}

fn is_gap(
    read: &[i64],
    place: usize,
    schedule: &Schedule,
    (from, to): (Timestamp, Timestamp),
    due: usize,
) -> bool {
    let lasted = to.as_millisecond() - from.as_millisecond();
    if lasted < 2 * CLOSE {
        return false;
    }
    let before = intervals(&read[place.saturating_sub(NEAR)..=place]);
    let after = read.get(place + 1..).unwrap_or_default();
    let after = intervals(&after[..after.len().min(NEAR + 1)]);
    let closed = due > MISSED;
    // Too little of the present schedule is known yet to tell by: what came as usual until then was no gap.
    if closed
        && median(&after).is_none()
        && median(&before).is_some_and(|usual| lasted <= usual.saturating_mul(2))
    {
        return false;
    }
    // What comes after the last few is the present schedule's.
    if let Some(usual) = median(&before).max(median(&after))
        && median(&after).is_some()
    {
        // Most of them, told without the schedule.
        if lasted <= usual.saturating_mul(2) {
            return false;
        }
        let slower = if median(&before) == Some(usual) {
            before
        } else {
            after
        };
        if !follows(slower, schedule, from) {
            return lasted > usual.saturating_mul(observed::GAP_INTERVALS);
        }
    }
    std::iter::successors(schedule.next_after(from), |at| schedule.next_after(*at))
        .take(due)
        .filter(|at| *at < to || (closed && *at == to))
        .count()
        == due
}

/// The time from each to the next.
fn intervals(read: &[i64]) -> Vec<i64> {
    read.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The usual one of enough intervals.
fn median(intervals: &[i64]) -> Option<i64> {
    let mut sorted = intervals.to_vec();
    sorted.sort_unstable();
    sorted
        .get(sorted.len() / 2)
        .copied()
        .filter(|_| sorted.len() >= ENOUGH)
}

/// Whether intervals between polls may be of that schedule. The shorter ones are compared: nights and weekends without
/// polls are longer, and so is every time in which a poll failed.
fn follows(around: Vec<i64>, schedule: &Schedule, from: Timestamp) -> bool {
    let times = std::iter::successors(schedule.next_after(from), |at| schedule.next_after(*at));
    let times: Vec<i64> = times.take(INTERVALS + 1).map(Timestamp::as_millisecond).collect();
    let (polled, planned) = (short(around), short(intervals(&times)));
    polled <= planned.saturating_mul(observed::GAP_INTERVALS)
        && planned <= polled.saturating_mul(observed::GAP_INTERVALS)
}

/// One that a quarter of them are shorter than.
fn short(mut intervals: Vec<i64>) -> i64 {
    intervals.sort_unstable();
    intervals.get(intervals.len() / 4).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::tz::TimeZone;

    use super::*;

    fn schedule(text: &str) -> Schedule {
        Schedule::parse(text, &TimeZone::UTC).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Each time of the schedule, with the few seconds a poll takes.
    fn polled(schedule: &Schedule, from: &str, until: &str) -> Vec<i64> {
        let times = std::iter::successors(schedule.next_after(at(from)), |at| schedule.next_after(*at));
        let times = times.take_while(|time| *time < at(until));
        times.map(|time| time.as_millisecond() + 3000).collect()
    }

    fn shown(read: &[i64], schedule: &Schedule, until: &str) -> Vec<String> {
        let gaps = gaps(
            read.first().map(|first| moment(*first).unwrap()),
            read,
            schedule,
            at(until),
        );
        gaps.into_iter()
            .map(|(from, to)| {
                let hours = |time: Timestamp| time.strftime("%d %H:%M").to_string();
                format!("{} to {}", hours(from), to.map_or("now".to_owned(), hours))
            })
            .collect()
    }

    #[test]
    fn polls_that_are_so_quick_that_only_some_are_known_leave_no_gaps() {
        // Polled each second and each three; one in ten seconds is known.
        for (every, known) in [("every 1s", 10), ("every 3s", 12)] {
            let schedule = schedule(every);
            let begin = at("2026-11-02T08:00:00Z").as_millisecond();
            let read: Vec<i64> = (0..30).map(|nth| begin + nth * known * 1000).collect();
            let until = at("2026-11-02T08:06:00Z");
            assert!(
                gaps(
                    moment(begin),
                    &read[..5],
                    &schedule,
                    moment(read[4] + 9000).unwrap()
                )
                .is_empty()
            );
            assert!(
                gaps(
                    moment(begin),
                    &read,
                    &schedule,
                    until.min(moment(read[29] + 9000).unwrap())
                )
                .is_empty()
            );
            let mut interrupted = read;
            interrupted.drain(10..20);
            assert_eq!(
                gaps(
                    moment(begin),
                    &interrupted,
                    &schedule,
                    moment(interrupted[19]).unwrap()
                )
                .len(),
                1
            );
        }
    }

    #[test]
    fn nights_and_weekends_of_office_hours_are_no_gaps() {
        let office = schedule("*/15 9-17 * * MON-FRI");
        let mut read = polled(&office, "2026-11-09T00:00:00Z", "2026-11-23T09:10:00Z");
        assert_eq!(shown(&read, &office, "2026-11-23T09:12:00Z"), [""; 0]);
        // Seen on a Monday before the first poll is due, all is well as well.
        read.pop();
        assert_eq!(shown(&read, &office, "2026-11-23T08:00:00Z"), [""; 0]);
        let out = |time: &i64| {
            !(at("2026-11-18T10:00:00Z")..at("2026-11-18T13:00:00Z")).contains(&moment(*time).unwrap())
        };
        read.retain(out);
        assert_eq!(
            shown(&read, &office, "2026-11-23T08:00:00Z"),
            ["18 09:45 to 18 13:00"]
        );
        assert_eq!(
            shown(&read, &office, "2026-11-23T09:31:00Z"),
            ["18 09:45 to 18 13:00", "20 17:45 to now"]
        );
    }

    #[test]
    fn what_another_schedule_made_is_judged_by_what_was_usual_then() {
        let (fast, slow) = (schedule("every 5m"), schedule("every 1d"));
        let hourly = polled(
            &schedule("every 1h"),
            "2026-11-01T00:00:00Z",
            "2026-11-20T00:00:00Z",
        );
        let dense = polled(&fast, "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
        let mut read = [hourly, dense].concat();
        assert_eq!(shown(&read, &fast, "2026-11-21T00:01:00Z"), [""; 0]);
        // Once a day since yesterday: that half a day was not read before shows still.
        let out = |time: &i64| {
            !(at("2026-11-20T06:00:00Z")..at("2026-11-20T18:00:00Z")).contains(&moment(*time).unwrap())
        };
        read.retain(out);
        assert_eq!(
            shown(&read, &slow, "2026-11-21T12:00:00Z"),
            ["20 05:55 to 20 18:00"]
        );
    }

    #[test]
    fn a_schedule_that_has_only_just_become_denser_makes_no_gaps_of_what_was_usual() {
        let fast = schedule("every 5m");
        let mut read = polled(
            &schedule("every 1h"),
            "2026-11-19T00:00:00Z",
            "2026-11-20T00:00:01Z",
        );
        let first = polled(&fast, "2026-11-20T00:00:00Z", "2026-11-20T00:16:00Z");
        for polls in 0..=first.len() {
            let read = [read.as_slice(), &first[..polls]].concat();
            let until = moment(read[read.len() - 1] + 60_000).unwrap();
            assert_eq!(shown(&read, &fast, &until.to_string()), [""; 0], "{polls}");
        }
        // What was due by the present schedule since is missing.
        assert_eq!(shown(&read, &fast, "2026-11-20T00:31:00Z"), ["20 00:00 to now"]);
        let out = |time: &i64| {
            !(at("2026-11-19T20:30:00Z")..at("2026-11-19T23:30:00Z")).contains(&moment(*time).unwrap())
        };
        read.retain(out);
        let read = [read, first].concat();
        assert_eq!(
            shown(&read, &fast, "2026-11-20T00:17:00Z"),
            ["19 20:00 to 20 00:00"]
        );
    }

    #[test]
    fn three_polls_that_were_due_and_missed_are_a_gap() {
        let hourly = schedule("every 1h");
        let start = at("2026-11-20T00:00:00Z");
        let hour = |hour: i64| (start + SignedDuration::from_hours(hour)).as_millisecond();
        assert_eq!(
            shown(&[hour(0), hour(3)], &hourly, "2026-11-20T05:00:00Z"),
            [""; 0]
        );
        assert_eq!(
            shown(&[hour(0), hour(4)], &hourly, "2026-11-20T05:00:00Z"),
            ["20 00:00 to 20 04:00"]
        );
        assert_eq!(shown(&[hour(0)], &hourly, "2026-11-20T03:00:00Z"), [""; 0]);
        assert_eq!(
            shown(&[hour(0)], &hourly, "2026-11-20T03:00:01Z"),
            ["20 00:00 to now"]
        );
    }

    #[test]
    fn what_was_before_the_first_attempt_is_no_gap_and_what_failed_after_it_is() {
        let (hourly, read) = (
            schedule("every 1h"),
            [at("2026-11-20T09:00:00Z").as_millisecond()],
        );
        let first = at("2026-11-20T02:00:00Z");
        let until = at("2026-11-20T10:00:00Z");
        assert_eq!(gaps(moment(read[0]), &read, &hourly, until), []);
        assert_eq!(
            gaps(Some(first), &read, &hourly, until),
            [(first, moment(read[0]))]
        );
        assert_eq!(gaps(Some(first), &[], &hourly, until), []);
    }
}
