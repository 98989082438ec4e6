//! The marks along a picture's edges: round numbers upwards, and hours, days or months of a time zone along.

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::Time;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// A mark of time, and what stands at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    pub at: Timestamp,
    pub label: String,
}

/// How far marks of time are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// In seconds, less than a day.
    Clock(i64),
    Days(i64),
    Weeks(i64),
    Months(i64),
}

const ALL: [Apart; 22] = [
    Apart::Clock(MINUTE),
    Apart::Clock(2 * MINUTE),
    Apart::Clock(5 * MINUTE),
    Apart::Clock(10 * MINUTE),
    Apart::Clock(15 * MINUTE),
    Apart::Clock(30 * MINUTE),
    Apart::Clock(HOUR),
    Apart::Clock(2 * HOUR),
    Apart::Clock(3 * HOUR),
    Apart::Clock(6 * HOUR),
    Apart::Clock(12 * HOUR),
    Apart::Days(1),
    Apart::Days(2),
    Apart::Weeks(1),
    Apart::Weeks(2),
    Apart::Months(1),
    Apart::Months(2),
    Apart::Months(3),
    Apart::Months(6),
    Apart::Months(12),
    Apart::Months(60),
    Apart::Months(600),
];

impl Apart {
    fn seconds(self) -> i64 {
        match self {
            Self::Clock(seconds) => seconds,
            Self::Days(days) => days * DAY,
            Self::Weeks(weeks) => weeks * 7 * DAY,
            Self::Months(months) => months * 30 * DAY,
        }
    }
}

/// Round times of that zone between the two, at most about `most` of them, ascending.
#[must_use]
pub fn times(from: Timestamp, until: Timestamp, zone: &TimeZone, most: i64) -> Vec<Tick> {
    let lasts = until.duration_since(from).as_secs().max(1);
    let fits = |apart: &Apart| lasts / apart.seconds() < most.max(1);
    let apart = ALL.into_iter().find(fits).unwrap_or(Apart::Months(600));
    let first = from.to_zoned(zone.clone()).date();
    let last = until.to_zoned(zone.clone()).date();
    let mut ticks: Vec<Tick> = Vec::new();
    let mut day = Some(begin(first, apart));
    while let Some(date) = day.filter(|date| *date <= last) {
        for time in times_of(apart) {
            let local = zone.to_ambiguous_timestamp(date.to_datetime(time)).compatible();
            let at = local.ok().filter(|at| (from..=until).contains(at));
            let is_new = |at: &Timestamp| ticks.last().is_none_or(|last| last.at < *at);
            if let Some(at) = at.filter(is_new) {
                let label = label(date, time, apart);
                ticks.push(Tick { at, label });
            }
        }
        day = next(date, apart);
    }
    ticks
}

/// The first day to look at: one on which marks of that distance stand.
fn begin(date: Date, apart: Apart) -> Date {
    let back = |days: i64| {
        date.checked_sub(SignedDuration::from_hours(24 * days))
            .unwrap_or(date)
    };
    match apart {
        Apart::Clock(_) | Apart::Days(1) => date,
        Apart::Days(days) => back((i64::from(date.day()) - 1).rem_euclid(days)),
        Apart::Weeks(_) => back(i64::from(date.weekday().since(Weekday::Monday))),
        Apart::Months(months) => {
            let month = (i64::from(date.month()) - 1) / months * months + 1;
            let month = i8::try_from(month.clamp(1, 12)).unwrap_or(1);
            let years = i16::try_from((months / 12).max(1)).unwrap_or(1);
            let year = date.year() - date.year().rem_euclid(years);
            Date::new(year, month, 1).unwrap_or(date)
        }
    }
}

fn next(date: Date, apart: Apart) -> Option<Date> {
    let days = |days: i64| date.checked_add(SignedDuration::from_hours(24 * days)).ok();
    match apart {
        Apart::Clock(_) => days(1),
        Apart::Days(count) => {
            // Every other day of a month: the first of the next is one of them again.
            let next = days(count)?;
            Some(if next.month() == date.month() {
                next
            } else {
                next.first_of_month()
            })
        }
        Apart::Weeks(weeks) => days(7 * weeks),
        Apart::Months(months) => {
            let count = i64::from(date.year()) * 12 + i64::from(date.month()) - 1 + months;
            let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
            Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()
        }
    }
}

/// The times of a day that marks stand at.
fn times_of(apart: Apart) -> Vec<Time> {
    match apart {
        Apart::Clock(seconds) => (0..DAY / seconds)
            .filter_map(|n| {
                let at = n * seconds;
                let (hour, minute) = (
                    i8::try_from(at / HOUR).ok()?,
                    i8::try_from(at % HOUR / MINUTE).ok()?,
                );
                Time::new(hour, minute, 0, 0).ok()
            })
            .collect(),
        Apart::Days(_) | Apart::Weeks(_) | Apart::Months(_) => vec![Time::midnight()],
    }
}

fn label(date: Date, time: Time, apart: Apart) -> String {
    match apart {
        Apart::Clock(_) if time != Time::midnight() => time.strftime("%H:%M").to_string(),
        Apart::Days(1) => date.strftime("%a %-d").to_string(),
        Apart::Clock(_) | Apart::Days(_) | Apart::Weeks(_) => date.strftime("%-d %b").to_string(),
        Apart::Months(months) if months >= 12 || date.month() == 1 => date.strftime("%Y").to_string(),
        Apart::Months(_) => date.strftime("%b").to_string(),
    }
}

/// Round numbers from `lowest` (0 or less) up to at least `highest`, zero among them, about `most` of them, ascending.
#[must_use]
pub fn numbers(lowest: i64, highest: i64, most: i64) -> Vec<i64> {
    let (lowest, highest) = (i128::from(lowest.min(0)), i128::from(highest.max(1)));
    let most = i128::from(most.max(2));
    let rounds = std::iter::successors(Some(1i128), |power| power.checked_mul(10));
    let mut rounds = rounds.flat_map(|power| [1, 2, 5].map(|round| power.saturating_mul(round)));
    let step = rounds
        .find(|step| (highest - lowest) / step < most)
        .unwrap_or(i128::MAX);
    let first = lowest.div_euclid(step) * step;
    let last = (highest + step - 1).div_euclid(step) * step;
    let mut ticks = Vec::new();
    let mut next = first;
    while next <= last {
        ticks.extend(i64::try_from(next));
        next += step;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(from: &str, until: &str, zone: &str, most: i64) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let ticks = times(from.parse().unwrap(), until.parse().unwrap(), &zone, most);
        let each: Vec<String> = ticks
            .iter()
            .map(|tick| format!("{} {}", tick.at.strftime("%dT%H:%M"), tick.label))
            .collect();
        each.join(", ")
    }

    #[test]
    fn marks_stand_at_round_times_of_the_zone() {
        insta::assert_snapshot!(
            [
                shown("2026-11-21T09:03:00Z", "2026-11-21T09:13:00Z", "Europe/Berlin", 6),
                shown("2026-11-20T09:03:00Z", "2026-11-21T09:03:00Z", "Europe/Berlin", 8),
                shown("2026-11-14T09:03:00Z", "2026-11-21T09:03:00Z", "Europe/Berlin", 8),
                shown("2026-10-24T09:03:00Z", "2026-11-21T09:03:00Z", "Europe/Berlin", 8),
                shown("2025-11-21T09:03:00Z", "2026-11-21T09:03:00Z", "Asia/Kolkata", 7),
            ]
            .join("\n"),
            @r"
        21T09:04 10:04, 21T09:06 10:06, 21T09:08 10:08, 21T09:10 10:10, 21T09:12 10:12
        20T11:00 12:00, 20T17:00 18:00, 20T23:00 21 Nov, 21T05:00 06:00
        14T23:00 Sun 15, 15T23:00 Mon 16, 16T23:00 Tue 17, 17T23:00 Wed 18, 18T23:00 Thu 19, 19T23:00 Fri 20, 20T23:00 Sat 21
        25T23:00 26 Oct, 01T23:00 2 Nov, 08T23:00 9 Nov, 15T23:00 16 Nov
        31T18:30 2026, 28T18:30 Mar, 30T18:30 May, 30T18:30 Jul, 31T18:30 Sep, 31T18:30 Nov
        "
        );
    }

    #[test]
    fn clocks_that_are_put_back_leave_no_mark_twice() {
        let berlin = shown(
            "2026-10-24T21:00:00Z",
            "2026-10-25T06:00:00Z",
            "Europe/Berlin",
            12,
        );
        insta::assert_snapshot!(berlin, @"24T21:00 23:00, 24T22:00 25 Oct, 24T23:00 01:00, 25T00:00 02:00, 25T02:00 03:00, 25T03:00 04:00, 25T04:00 05:00, 25T05:00 06:00, 25T06:00 07:00");
    }

    #[test]
    fn numbers_are_round_and_reach_from_the_lowest_to_the_highest() {
        for (lowest, highest, most, expected) in [
            (0, 0, 5, vec![0, 1]),
            (0, 4, 5, vec![0, 1, 2, 3, 4]),
            (0, 7, 5, vec![0, 2, 4, 6, 8]),
            (-3, 12, 5, vec![-5, 0, 5, 10, 15]),
            (0, 1000, 5, vec![0, 500, 1000]),
        ] {
            assert_eq!(numbers(lowest, highest, most), expected, "{lowest} {highest}");
        }
        let far = numbers(i64::MIN, i64::MAX, 5);
        assert!(far.len() >= 2 && far.len() <= 8 && far.contains(&0), "{far:?}");
    }
}
