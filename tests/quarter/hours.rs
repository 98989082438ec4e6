//! Hours that come again: a channel's quiet ones, and maintenance windows.

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::Time;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// From a time of some days until a time of the same or the next day.
#[derive(Debug, Clone)]
pub struct Hours {
    pub from: Time,
    pub until: Time,
    /// The days on which they begin; all where empty.
    pub days: Vec<Weekday>,
    pub zone: TimeZone,
    /// Severities that are told all the same.
    pub pierce: Vec<usize>,
}

/// So many minutes from a time of some days on.
#[derive(Debug, Clone)]
pub struct Window {
    pub name: &'static str,
    pub from: Time,
    pub minutes: i64,
    /// The day on which it begins; every day where there is none.
    pub day: Option<Weekday>,
    pub zone: TimeZone,
    /// The group it is for; everything where there is none.
    pub group: Option<i64>,
}

/// Today and yesterday: what holds at `now` began on one of them.
fn days(now: Timestamp, zone: &TimeZone) -> Vec<Date> {
    let today = now.to_zoned(zone.clone()).date();
    [Some(today), today.yesterday().ok()]
        .into_iter()
        .flatten()
        .collect()
}

fn moment(day: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    Some(day.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp())
}

impl Hours {
    /// When they end, where they hold at `now`.
    pub fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let on = |day: &Date| self.days.is_empty() || self.days.contains(&day.weekday());
        let ends = days(now, &self.zone).into_iter().filter(on).filter_map(|day| {
            let last = if self.until <= self.from {
                day.tomorrow().ok()?
            } else {
                day
            };
            let from = moment(day, self.from, &self.zone)?;
            let until = moment(last, self.until, &self.zone)?;
            (from <= now && now < until).then_some(until)
        });
        ends.max()
    }
}

impl Window {
    /// When it ends, where it holds at `now`.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let on = |day: &Date| self.day.is_none_or(|weekday| day.weekday() == weekday);
        let ends = days(now, &self.zone).into_iter().filter(on).filter_map(|day| {
            let from = moment(day, self.from, &self.zone)?;
            let until = from + SignedDuration::from_mins(self.minutes);
            (from <= now && now < until).then_some(until)
        });
        ends.max()
    }
}
