//! Hours in which a channel is left in peace.

use jiff::civil::Time;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::config::findings::Given;
use crate::config::findings::Wrong;
use crate::config::keys::Kind;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::section::Section;
use crate::config::values;
use crate::domain::people::Quiet;
use crate::domain::stand::Severity;

/// What only means something beside `quiet`.
const BESIDE: [&str; 3] = ["quiet_days", "quiet_zone", "quiet_pierce"];

/// `quiet` and its companions; absent where the channel has none, broken where something is wrong with them.
pub fn read(reader: &mut Reader, section: &mut Section<'_>, zone: &TimeZone) -> Given<Quiet> {
    let hours = section.one(reader, "quiet", Kind::Plain, hours);
    let days = section.list(reader, "quiet_days", weekday);
    let own_zone = section.one(reader, "quiet_zone", Kind::Plain, values::time_zone);
    let pierce = section.list(reader, "quiet_pierce", values::severity);
    let Given::Is(hours) = hours else {
        return without_hours(reader, section, &hours);
    };
    let days = or_default(days);
    let zone = or(own_zone.map(|zone| zone.value), zone.clone());
    let pierce = or(pierce, vec![Severity::Out]);
    let (Some(days), Some(zone), Some(pierce)) = (days, zone, pierce) else {
        return Given::Broken;
    };
    let Placed {
        value: (from, until),
        place,
    } = hours;
    if from == until && every_day(&days) {
        let wrong = Wrong::new(
            "never ends: it is each whole day",
            "Write other hours, name the days in quiet_days, or remove the channel.",
        );
        reader.findings.wrong(section.key("quiet"), place, wrong);
        return Given::Broken;
    }
    Given::Is(Quiet {
        from,
        until,
        days,
        zone,
        pierce,
    })
}

/// The companions without `quiet` say nothing, which is a mistake.
fn without_hours<T>(reader: &mut Reader, section: &Section<'_>, hours: &Given<T>) -> Given<Quiet> {
    if !hours.is_absent() {
        return Given::Broken;
    }
    let lonely = BESIDE
        .into_iter()
        .find_map(|key| Some((key, section.table.get(key)?.line)));
    let Some((key, line)) = lonely else {
        return Given::Absent;
    };
    reader.wrong(
        section.key(key),
        line,
        "is set without quiet",
        "Write the hours too: quiet = \"22:00-07:00\".",
    );
    Given::Broken
}

fn or<T>(given: Given<T>, default: T) -> Option<T> {
    match given {
        Given::Absent => Some(default),
        Given::Broken => None,
        Given::Is(value) => Some(value),
    }
}

fn or_default<T: Default>(given: Given<T>) -> Option<T> {
    or(given, T::default())
}

fn every_day(days: &[Weekday]) -> bool {
    let mut week = Weekday::Monday.cycle_forward().take(7);
    days.is_empty() || week.all(|day| days.contains(&day))
}

/// `22:00-07:00`; an end of `24:00` is midnight.
fn hours(text: &str) -> Result<(Time, Time), Wrong> {
    let wrong = || {
        Wrong::new(
            "is not a span of hours",
            "Write when it begins and when it ends: 22:00-07:00.",
        )
    };
    let (from, until) = text.split_once(['-', '–']).ok_or_else(wrong)?;
    let until = if until.trim() == "24:00" { "00:00" } else { until };
    let time = |text: &str| values::time_of_day(text).map_err(|_| wrong());
    Ok((time(from)?, time(until)?))
}

/// A day of the week: `mon` or `Monday`.
fn weekday(text: &str) -> Result<Weekday, Wrong> {
    match text.trim().to_lowercase().as_str() {
        "mon" | "monday" => Ok(Weekday::Monday),
        "tue" | "tuesday" => Ok(Weekday::Tuesday),
        "wed" | "wednesday" => Ok(Weekday::Wednesday),
        "thu" | "thursday" => Ok(Weekday::Thursday),
        "fri" | "friday" => Ok(Weekday::Friday),
        "sat" | "saturday" => Ok(Weekday::Saturday),
        "sun" | "sunday" => Ok(Weekday::Sunday),
        _ => Err(Wrong::new(
            "is not a day of the week",
            "Write mon, tue, wed, thu, fri, sat or sun.",
        )),
    }
}
