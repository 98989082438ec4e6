//! The people's side of alerts: who has taken one on, and what is not to be told for a while.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::Time;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::message::MuteKind;
use crate::domain::pattern::Pattern;
use crate::domain::stand::AckRef;
use crate::domain::stand::Severity;

/// Somebody has taken a series on: its reminders are muted until it recovers, what was ordered has arrived, or the time
/// for that has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Given once, never reused.
    pub id: i64,
    /// The series' number within its instance (pools: within the instance of pools).
    pub series: u32,
    pub made_at: Timestamp,
    pub by: Arc<str>,
    /// "" where none.
    pub note: Arc<str>,
    /// How many were ordered.
    pub quantity: Option<i64>,
    /// When they are to be there.
    pub eta: Option<Timestamp>,
    /// How many came since: the sum of all rises.
    pub arrived: i64,
    /// When it was told that the time for it had passed.
    pub overdue_at: Option<Timestamp>,
}

/// Why an ack ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AckEnd {
    /// The series is ok again.
    Recovered,
    /// As many came as were ordered.
    Arrived,
    /// The series is gone or no longer watched.
    Withdrawn,
    /// Another ack of the series took its place.
    Replaced,
    /// Somebody ended it.
    Ended,
}

impl AckEnd {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Recovered,
        Self::Arrived,
        Self::Withdrawn,
        Self::Replaced,
        Self::Ended,
    ];

    /// The end of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.as_str() == name)
    }

    /// The fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Arrived => "arrived",
            Self::Withdrawn => "withdrawn",
            Self::Replaced => "replaced",
            Self::Ended => "ended",
        }
    }
}

/// Which series something is about; what is empty does not matter. All that is given must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matcher {
    pub instances: Vec<Pattern>,
    pub groups: Vec<Pattern>,
    pub products: Vec<Pattern>,
    /// Option and choice; makes it one for combinations.
    pub options: Vec<(Pattern, Pattern)>,
    /// Makes it one for pools, and for nothing else.
    pub pools: Vec<Pattern>,
}

/// Something that keeps series from being told of, in force at the time of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    pub kind: MuteKind,
    /// The silence's number, or the window's name: what is stored with a muted series.
    pub id: Arc<str>,
    pub matcher: Matcher,
    /// "" where nobody in particular.
    pub by: Arc<str>,
    pub comment: Arc<str>,
    pub until: Timestamp,
}

/// A silence as somebody made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    pub id: i64,
    pub matcher: Matcher,
    pub made_at: Timestamp,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub by: Arc<str>,
    pub comment: Arc<str>,
    /// When somebody ended it before its time.
    pub ended_at: Option<Timestamp>,
}

impl Silence {
    /// Whether it holds at that time.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.starts_at <= now && now < self.ends_at && self.ended_at.is_none()
    }

    /// What it keeps from being told, while in force.
    #[must_use]
    pub fn mute(&self) -> Mute {
        Mute {
            kind: MuteKind::Silence,
            id: self.id.to_string().into(),
            matcher: self.matcher.clone(),
            by: Arc::clone(&self.by),
            comment: Arc::clone(&self.comment),
            until: self.ends_at,
        }
    }
}

/// What people said that holds for one instance at the time of a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// Those in force, ascending by series.
    pub acks: Vec<Ack>,
    /// When the last ack of a series ended, ascending by series.
    pub ended: Vec<(u32, Timestamp)>,
    /// Those of pools that are in force, ascending by series.
    pub pool_acks: Vec<Ack>,
    /// As `ended`, for pools.
    pub pool_ended: Vec<(u32, Timestamp)>,
    /// Those in force, the one that is to end last first; of those that end together the newest silence.
    pub mutes: Vec<Mute>,
}

impl People {
    /// The ack of the series.
    #[must_use]
    pub fn ack(&self, series: u32) -> Option<&Ack> {
        ack_of(&self.acks, series)
    }

    /// The ack of the series of a pool.
    #[must_use]
    pub fn pool_ack(&self, series: u32) -> Option<&Ack> {
        ack_of(&self.pool_acks, series)
    }

    /// The same with these mutes, too.
    #[must_use]
    pub fn with_mutes(mut self, mutes: impl IntoIterator<Item = Mute>) -> Self {
        self.mutes.extend(mutes);
        self.mutes.sort_by(|a, b| {
            let end = b.until.cmp(&a.until);
            end.then_with(|| b.number().cmp(&a.number()))
                .then_with(|| a.id.cmp(&b.id))
        });
        self
    }
}

/// The ack of the series among these, which ascend by series.
pub(crate) fn ack_of(acks: &[Ack], series: u32) -> Option<&Ack> {
    let at = acks.binary_search_by_key(&series, |ack| ack.series);
    at.ok().map(|at| &acks[at])
}

/// What keeps a series from being told of, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Silenced {
    pub kind: MuteKind,
    /// The silence's number, or the window's name.
    pub id: String,
    /// "" for a window.
    pub by: String,
    pub comment: String,
    pub until: Timestamp,
}

impl Mute {
    /// A silence's number; windows have none.
    fn number(&self) -> Option<i64> {
        match self.kind {
            MuteKind::Silence => self.id.parse().ok(),
            MuteKind::Maintenance => None,
        }
    }

    /// As it is shown beside what it is for.
    #[must_use]
    pub fn silenced(&self) -> Silenced {
        Silenced {
            kind: self.kind,
            id: self.id.to_string(),
            by: self.by.to_string(),
            comment: self.comment.to_string(),
            until: self.until,
        }
    }
}

/// Hours in which a channel is left in peace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    pub from: Time,
    /// Exclusive; before or at `from` it is the next day's.
    pub until: Time,
    /// The days on which they begin; all where empty.
    pub days: Vec<Weekday>,
    pub zone: TimeZone,
    /// The severities that are told all the same.
    pub pierce: Vec<Severity>,
}

impl Ack {
    /// As it is shown at `now`.
    #[must_use]
    pub fn shown(&self, now: Timestamp) -> AckRef {
        AckRef {
            id: self.id,
            by: self.by.to_string(),
            at: self.made_at,
            note: self.note.to_string(),
            quantity: self.quantity,
            arrived: self.arrived,
            eta: self.eta,
            overdue: self.is_overdue(now),
        }
    }

    /// Whether the time for it has passed.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.overdue_at.is_some() || self.eta.is_some_and(|eta| eta <= now)
    }
}

impl Quiet {
    /// When they end, where they hold at `now`. Hours that the clocks leave out or repeat count as the zone has them.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let today = now.to_zoned(self.zone.clone()).date();
        // Those that began yesterday may last until today; where the zone skips a day, until the day after.
        let days = [today.yesterday().ok(), Some(today)].into_iter().flatten();
        let ends = days.filter_map(|day| {
            let (from, until) = self.on(day)?;
            (from <= now && now < until).then_some(until)
        });
        ends.max()
    }

    /// The hours that begin on that day, where any do.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.until <= self.from {
            day.tomorrow().ok()?
        } else {
            day
        };
        let at = |date: Date, time: Time| {
            let local = self.zone.to_ambiguous_timestamp(date.to_datetime(time));
            local.compatible().ok()
        };
        Some((at(day, self.from)?, at(last, self.until)?))
    }
}
