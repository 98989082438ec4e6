//! Maintenance windows of the configuration: times that come again and again, in which nothing is told.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::message::MuteKind;
use crate::domain::people::Matcher;
use crate::domain::people::Mute;
use crate::scheduler::CronSchedule;

/// Beginnings of one window that may lie within its length; more of them change nothing but the end that is shown.
const OVERLAPPING: usize = 100;

/// A window in which what it matches is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Names it in messages and in what is stored.
    pub name: Arc<str>,
    /// When it begins, in its time zone.
    pub begins: CronSchedule,
    /// In elapsed time, also over a change of the clocks.
    pub lasts: Duration,
    pub matcher: Matcher,
    /// "" where none.
    pub comment: Arc<str>,
}

impl Window {
    /// When it ends, where it is in force at `now`: from its beginning on, until its end, exclusive.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> Option<Timestamp> {
        let lasts = SignedDuration::try_from(self.lasts).ok()?;
        let mut after = now.checked_sub(lasts).ok()?;
        let mut until = None;
        for _ in 0..OVERLAPPING {
            match self.begins.next_after(after) {
                Some(began) if began <= now => {
                    until = began.checked_add(lasts).ok();
                    after = began;
                }
                Some(_) | None => break,
            }
        }
        until.filter(|until| *until > now)
    }

    fn mute(&self, now: Timestamp) -> Option<Mute> {
        Some(Mute {
            kind: MuteKind::Maintenance,
            id: Arc::clone(&self.name),
            matcher: self.matcher.clone(),
            by: Arc::from(""),
            comment: Arc::clone(&self.comment),
            until: self.in_force(now)?,
        })
    }
}

/// What those of the windows that are in force at `now` keep from being told.
#[must_use]
pub fn mutes(windows: &[Window], now: Timestamp) -> Vec<Mute> {
    windows.iter().filter_map(|window| window.mute(now)).collect()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn window(cron: &str, zone: &str, lasts: Duration) -> Window {
        let zone = TimeZone::get(zone).unwrap();
        Window {
            name: "backups".into(),
            begins: CronSchedule::parse(cron, &zone).unwrap(),
            lasts,
            matcher: Matcher::default(),
            comment: "".into(),
        }
    }

    fn hours(n: u64) -> Duration {
        Duration::from_secs(3600 * n)
    }

    fn until(window: &Window, now: &str) -> Option<String> {
        let until = window.in_force(now.parse().unwrap());
        until.map(|until| until.to_string())
    }

    #[test]
    fn it_is_in_force_from_its_beginning_until_its_end_exclusive() {
        let night = window("0 22 * * *", "Europe/Berlin", hours(4));
        for (now, expected) in [
            ("2026-11-21T20:59:59.999Z", None),
            ("2026-11-21T21:00:00Z", Some("2026-11-22T01:00:00Z")),
            ("2026-11-22T00:59:59.999Z", Some("2026-11-22T01:00:00Z")),
            ("2026-11-22T01:00:00Z", None),
        ] {
            assert_eq!(until(&night, now).as_deref(), expected, "{now}");
        }
    }

    #[test]
    fn it_begins_at_the_local_hour_and_lasts_as_long_over_a_change_of_the_clocks() {
        // The clocks of Berlin go from 02:00 to 03:00 on 29 March, and from 03:00 to 02:00 on 25 October.
        let night = window("30 1 * * *", "Europe/Berlin", hours(2));
        for (now, expected) in [
            ("2026-03-29T00:30:00Z", Some("2026-03-29T02:30:00Z")),
            ("2026-03-29T02:30:00Z", None),
            ("2026-10-24T23:30:00Z", Some("2026-10-25T01:30:00Z")),
            ("2026-10-25T01:29:00Z", Some("2026-10-25T01:30:00Z")),
            ("2026-10-25T01:30:00Z", None),
        ] {
            assert_eq!(until(&night, now).as_deref(), expected, "{now}");
        }
    }

    #[test]
    fn windows_that_overlap_themselves_end_with_the_last_of_them() {
        let often = window("0 * * * *", "UTC", hours(3));
        assert_eq!(
            until(&often, "2026-11-21T12:30:00Z").as_deref(),
            Some("2026-11-21T15:00:00Z")
        );
        let always = window("* * * * * *", "UTC", hours(240));
        assert!(always.in_force("2026-11-21T12:30:00Z".parse().unwrap()).is_some());
    }
}
