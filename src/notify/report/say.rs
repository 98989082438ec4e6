//! The wording of a report: dates, spans of days, rates, money, orders.

use jiff::Span;
use jiff::Timestamp;
use jiff::Zoned;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::domain::forecast::Cover;
use crate::domain::forecast::SellRate;
use crate::domain::report::Amount;
use crate::domain::report::Period;
use crate::domain::report::Report;
use crate::domain::stand::AckRef;
use crate::notify::clean;

/// How much of who ordered, and of a note, is shown, in characters.
const NOTE: usize = 120;
const WHO: usize = 40;
/// Beyond that nobody plans, in days.
const FAR: f64 = 365.0;

/// A name on one line, kept apart from the words around it where it is written from right to left.
#[must_use]
pub fn name(text: &str, limit: usize) -> String {
    let shown = clean::line(text, limit);
    if shown.chars().any(is_right_to_left) {
        format!("\u{2068}{shown}\u{2069}")
    } else {
        shown
    }
}

fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}')
}

/// `12 December`; with the year where it is not that of `beside`.
#[must_use]
pub fn date(at: Timestamp, beside: Timestamp, zone: &TimeZone) -> String {
    let (at, beside) = (at.to_zoned(zone.clone()), beside.to_zoned(zone.clone()));
    let form = if at.year() == beside.year() {
        "%-d %B"
    } else {
        "%-d %B %Y"
    };
    at.strftime(form).to_string()
}

/// `12 December, 14:30`, with the year where it is not that of `beside`.
#[must_use]
pub fn moment(at: Timestamp, beside: Timestamp, zone: &TimeZone) -> String {
    let time = at.to_zoned(zone.clone()).strftime("%H:%M").to_string();
    format!("{}, {time}", date(at, beside, zone))
}

/// What the report looks back on: `16 to 22 November 2026`, `22 November 2026`; with times where it is not of whole days.
#[must_use]
pub fn looked_back(report: &Report, zone: &TimeZone) -> String {
    let from = report.from.to_zoned(zone.clone());
    let until = report.until.to_zoned(zone.clone());
    let whole = from.time() == Time::midnight() && until.time() == Time::midnight() && from < until;
    let last = last_moment(&until);
    let (first, ending) = match whole {
        true if from.date() == last.date() => (None, last.strftime("%-d %B %Y")),
        true if from.month() == last.month() && from.year() == last.year() => {
            (Some(from.strftime("%-d")), last.strftime("%-d %B %Y"))
        }
        true if from.year() == last.year() => (Some(from.strftime("%-d %B")), last.strftime("%-d %B %Y")),
        true => (Some(from.strftime("%-d %B %Y")), last.strftime("%-d %B %Y")),
        false => (
            Some(from.strftime("%-d %B, %H:%M,")),
            until.strftime("%-d %B %Y, %H:%M"),
        ),
    };
    match first {
        Some(first) => format!("{first} to {ending}"),
        None => ending.to_string(),
    }
}

/// The moment before `until`: the last day of what ends at midnight.
fn last_moment(until: &Zoned) -> Zoned {
    until
        .checked_sub(Span::new().nanoseconds(1))
        .unwrap_or_else(|_| until.clone())
}

/// The last day before `until`: `22 November`.
#[must_use]
pub fn last_date(until: Timestamp, beside: Timestamp, zone: &TimeZone) -> String {
    date(
        last_moment(&until.to_zoned(zone.clone())).timestamp(),
        beside,
        zone,
    )
}

/// What the report is called: `Daily report`, `Monday report`, `November report`, and whose it is where that says more.
#[must_use]
pub fn title(report: &Report, zone: &TimeZone) -> String {
    let until = report.until.to_zoned(zone.clone());
    let kind = match report.period {
        Period::Day => "Daily report".to_owned(),
        Period::Week => until.strftime("%A report").to_string(),
        Period::Month => last_moment(&until).strftime("%B report").to_string(),
    };
    match own_name(report) {
        Some(name) => format!("{kind}: {name}"),
        None => kind,
    }
}

/// The report's name where it says more than its period does.
#[must_use]
pub fn own_name(report: &Report) -> Option<String> {
    let plain = [
        "day", "week", "month", "daily", "weekly", "monthly", "report", "digest", "default",
    ];
    let name = clean::line(&report.name, WHO);
    (!name.is_empty() && !plain.contains(&name.to_lowercase().as_str())).then_some(name)
}

/// `1 day`, `7 days`.
#[must_use]
pub fn days(count: i64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} day{plural}")
}

/// `10 days`, `2.5 days`.
#[must_use]
pub fn days_of(count: f64) -> String {
    let plural = if (count - 1.0).abs() < 0.05 { "" } else { "s" };
    format!("{} day{plural}", number(count))
}

/// The whole days between two times.
#[must_use]
pub fn days_between(from: Timestamp, until: Timestamp) -> i64 {
    (until.as_second() - from.as_second()).max(0) / 86_400
}

/// How long it lasts: `about 6 days (4 to 9)`, `less than a day`, `more than a year`.
#[must_use]
pub fn cover(cover: &Cover) -> String {
    if !cover.days.is_finite() || cover.days >= FAR {
        return "more than a year".to_owned();
    }
    let middle = whole(cover.days.round());
    let earliest = whole(cover.earliest.min(cover.days).floor());
    let latest = cover
        .latest
        .filter(|latest| latest.is_finite() && *latest < FAR)
        .map(|latest| whole(latest.max(cover.days).ceil()));
    let about = if cover.days < 1.0 {
        "less than a day".to_owned()
    } else {
        format!("about {}", days(middle.max(1)))
    };
    match latest {
        Some(latest) if latest <= 1 || (earliest == middle && latest == middle) => about,
        Some(latest) => format!("{about} ({earliest} to {latest})"),
        None => format!("{about} ({earliest} or more)"),
    }
}

/// The days in large: `6`, `<1`, `365+`.
#[must_use]
pub fn cover_figure(cover: &Cover) -> String {
    if !cover.days.is_finite() || cover.days >= FAR {
        "365+".to_owned()
    } else if cover.days < 1.0 {
        "<1".to_owned()
    } else {
        whole(cover.days.round()).to_string()
    }
}

/// `sells 1.4 a day`, `sells 3 a week`, `sells 2 a month`.
#[must_use]
pub fn rate(rate: &SellRate) -> String {
    let per_day = rate.per_day;
    let (many, unit) = if per_day >= 1.0 {
        (per_day, "day")
    } else if per_day * 7.0 >= 1.0 {
        (per_day * 7.0, "week")
    } else {
        (per_day * 30.0, "month")
    };
    if per_day > 0.0 {
        format!("sells {} a {unit}", number(many))
    } else {
        "does not sell".to_owned()
    }
}

/// A number with one decimal where that says something: `1.4`, `3`, `120`.
#[must_use]
pub fn number(value: f64) -> String {
    let tenths = whole((value * 10.0).round());
    if tenths % 10 == 0 || tenths.abs() >= 200 {
        whole(value.round()).to_string()
    } else {
        format!("{}.{}", tenths / 10, (tenths % 10).abs())
    }
}

/// `31 hours`, `less than an hour`; from four days on in days.
#[must_use]
pub fn hours(hours: f64) -> String {
    match whole(hours.round()) {
        ..=0 => "less than an hour".to_owned(),
        1 => "1 hour".to_owned(),
        2..96 => format!("{} hours", whole(hours.round())),
        _ => format!("{} days", number(hours / 24.0)),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast stops at the ends of the range"
)]
fn whole(value: f64) -> i64 {
    value as i64
}

/// `1,234.50 EUR`
#[must_use]
pub fn amount(amount: &Amount) -> String {
    let hundredths = amount.hundredths.unsigned_abs();
    let sign = if amount.hundredths < 0 { "-" } else { "" };
    let units = grouped(hundredths / 100);
    let currency = name(&amount.currency, 8);
    format!("{sign}{units}.{:02} {currency}", hundredths % 100)
        .trim_end()
        .to_owned()
}

/// `12,345`
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `20 ordered for 12 December`, `20 ordered, 12 of them came`, `taken on`: what was done about it.
#[must_use]
pub fn ordered(ack: &AckRef, now: Timestamp, zone: &TimeZone) -> String {
    let what = match ack.quantity {
        Some(quantity) => format!("{quantity} ordered"),
        None => "taken on".to_owned(),
    };
    let came = match ack.arrived {
        0 => String::new(),
        arrived => format!(", {arrived} came so far"),
    };
    let when = match ack.eta {
        Some(eta) if ack.overdue => {
            let late = match days_between(eta, now) {
                0 => String::new(),
                late => format!(" ({} ago)", days(late)),
            };
            format!(", due {}{late}", date(eta, now, zone))
        }
        Some(eta) => format!(", expected {}", date(eta, now, zone)),
        None => String::new(),
    };
    format!("{what}{when}{came}")
}

/// `by Ann, 20 November: PO 881`
#[must_use]
pub fn ordered_by(ack: &AckRef, now: Timestamp, zone: &TimeZone) -> String {
    let who = name(&ack.by, WHO);
    let note = name(&ack.note, NOTE);
    let on = date(ack.at, now, zone);
    match (who.is_empty(), note.is_empty()) {
        (true, true) => format!("on {on}"),
        (true, false) => format!("on {on}: {note}"),
        (false, true) => format!("by {who}, {on}"),
        (false, false) => format!("by {who}, {on}: {note}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasts(days: f64, earliest: f64, latest: Option<f64>) -> String {
        cover(&Cover {
            days,
            earliest,
            latest,
        })
    }

    #[test]
    fn cover_is_told_with_its_range() {
        assert_eq!(lasts(6.2, 4.4, Some(8.6)), "about 6 days (4 to 9)");
        assert_eq!(lasts(0.4, 0.2, Some(0.9)), "less than a day");
        assert_eq!(lasts(0.4, 0.2, Some(2.9)), "less than a day (0 to 3)");
        assert_eq!(lasts(1.2, 1.0, None), "about 1 day (1 or more)");
        assert_eq!(lasts(2000.0, 900.0, None), "more than a year");
        assert_eq!(lasts(6.0, 6.0, Some(6.0)), "about 6 days");
    }

    #[test]
    fn rates_are_told_in_the_unit_in_which_they_can_be_pictured() {
        let told = |per_day| {
            rate(&SellRate {
                per_day,
                low: 0.0,
                high: 0.0,
                window_days: 7,
                drops: 3,
                sold: 3,
                observed_days: 7.0,
            })
        };
        assert_eq!(told(1.44), "sells 1.4 a day");
        assert_eq!(told(25.6), "sells 26 a day");
        assert_eq!(told(0.5), "sells 3.5 a week");
        assert_eq!(told(0.1), "sells 3 a month");
        assert_eq!(told(0.0), "does not sell");
    }

    #[test]
    fn money_is_told_with_its_currency() {
        let told = |hundredths| {
            amount(&Amount {
                currency: "EUR".to_owned(),
                hundredths,
            })
        };
        assert_eq!(told(123_456_789), "1,234,567.89 EUR");
        assert_eq!(told(5), "0.05 EUR");
        assert_eq!(told(-5), "-0.05 EUR");
    }
}
