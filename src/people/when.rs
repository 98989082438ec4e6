//! When: times to come, as people write them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::DateTime;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::scheduler;

/// What [`ahead`] reads, for messages.
pub const FORMS: &str = "a date (2026-12-12), a time (15:00, 2026-12-12 15:00, RFC 3339) or a span (2h, 10d)";

/// The last moment of a day that stands for the day.
const END_OF_DAY: Time = Time::constant(23, 59, 59, 0);

/// Which moment of a day a date alone stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// For what begins on that day.
    Begin,
    /// For what lasts until that day.
    End,
}

/// Why a text is no time to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTime {
    #[error("is not {FORMS}")]
    Unreadable,
    #[error("is too far off")]
    TooFar,
}

/// A date is the beginning or the end of that day in the zone, a time alone the next such; a span counts from `now`.
///
/// # Errors
/// It is no time, or one that nothing can be reckoned with.
pub fn ahead(text: &str, day: Day, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, NoTime> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Some(span) = scheduler::parse_duration(text) {
        return now.checked_add(span).map_err(|_| NoTime::TooFar);
    }
    let local = |at: DateTime| {
        let at = zone.to_ambiguous_timestamp(at).compatible();
        at.map_err(|_| NoTime::TooFar)
    };
    if is_plain(text, &['-'])
        && let Ok(date) = text.parse::<Date>()
    {
        return local(match day {
            Day::Begin => date.to_datetime(Time::midnight()),
            Day::End => date.to_datetime(END_OF_DAY),
        });
    }
    if text.contains(':')
        && is_plain(text, &[':'])
        && let Ok(time) = text.parse::<Time>()
    {
        let today = now.to_zoned(zone.clone()).date();
        let next = [Some(today), today.tomorrow().ok()].into_iter().flatten();
        return next
            .filter_map(|date| local(date.to_datetime(time)).ok())
            .find(|at| *at > now)
            .ok_or(NoTime::TooFar);
    }
    let at = text.parse::<DateTime>().map_err(|_| NoTime::Unreadable)?;
    local(at)
}

/// Digits and these signs alone, so that no other form of a time is taken for it.
fn is_plain(text: &str, signs: &[char]) -> bool {
    text.chars().all(|c| c.is_ascii_digit() || signs.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_end_a_time_the_next_one_and_a_span_counts_from_now() {
        let berlin = TimeZone::get("Europe/Berlin").expect("known zone");
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("2026-12-12", "2026-12-12T22:59:59Z"),
            ("2026-07-01", "2026-07-01T21:59:59Z"),
            ("2026-12-12 15:00", "2026-12-12T14:00:00Z"),
            ("2026-12-12T15:00", "2026-12-12T14:00:00Z"),
            ("2026-12-12T15:00:00Z", "2026-12-12T15:00:00Z"),
            ("2026-12-12T15:00:00+05:00", "2026-12-12T10:00:00Z"),
            ("15:00", "2026-11-21T14:00:00Z"),
            ("13:00", "2026-11-22T12:00:00Z"),
            ("08:30", "2026-11-22T07:30:00Z"),
            ("10d", "2026-12-01T12:00:00Z"),
            ("1h30m", "2026-11-21T13:30:00Z"),
        ] {
            let at = ahead(text, Day::End, &berlin, now).expect(text);
            assert_eq!(at.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_starts_on_a_date_starts_as_the_day_begins_also_where_midnight_is_skipped() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        for (zone, text, expected) in [
            ("Europe/Berlin", "2026-12-01", "2026-11-30T23:00:00Z"),
            ("UTC", "2026-12-01", "2026-12-01T00:00:00Z"),
            // The clocks go from 23:59:59 to 01:00:00 that night.
            ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z"),
            ("Europe/Berlin", "2026-12-01 15:00", "2026-12-01T14:00:00Z"),
            ("Europe/Berlin", "2h", "2026-11-21T14:00:00Z"),
        ] {
            let zone = TimeZone::get(zone).expect("known zone");
            let at = ahead(text, Day::Begin, &zone, now).expect(text);
            assert_eq!(at.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_reckoned_with_is_too_far_off() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        for text in ["9999-12-31", "9999-12-31 23:59", "7000000d"] {
            assert_eq!(
                ahead(text, Day::End, &TimeZone::UTC, now),
                Err(NoTime::TooFar),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        let now = Timestamp::UNIX_EPOCH;
        for text in [
            "",
            "soon",
            "2026-13-01",
            "25:00",
            "10",
            "10 days ago",
            "-2h",
            "12.12.2026",
        ] {
            let read = ahead(text, Day::End, &TimeZone::UTC, now);
            assert_eq!(read, Err(NoTime::Unreadable), "{text}");
        }
    }
}
