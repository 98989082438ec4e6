//! What a report is to be about: for whom, over which period, in which parts.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::Span;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::catalogue::Name;
use crate::domain::pattern::Pattern;
use crate::domain::report::Period;
use crate::domain::report::Topic;

/// What a report is to be about.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    pub name: String,
    pub period: Period,
    /// In the order in which they stand.
    pub topics: Vec<Topic>,
    /// The shops; all where empty.
    pub instances: Vec<Pattern>,
    /// The groups of products; all where empty.
    pub groups: Vec<Pattern>,
    /// How long a restock takes where the rule of a product does not say (`cover`).
    pub lead_time: Duration,
    /// What is in stock and did not fall for so long is idle.
    pub idle_after: Duration,
    /// Not sent where there is nothing to say.
    pub skip_if_empty: bool,
    /// With pictures of levels.
    pub charts: bool,
}

/// For whom a report is: which parts it has, where it does not name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Sales,
    Provisioning,
    Datacentre,
}

/// Defaults of an outline's values.
pub mod defaults {
    use std::time::Duration;

    /// How long a restock takes.
    pub const LEAD_TIME: Duration = Duration::from_secs(7 * 86_400);
    /// Without a sale for so long is idle.
    pub const IDLE_AFTER: Duration = Duration::from_secs(60 * 86_400);
}

/// All parts, in their usual order.
pub const TOPICS: [Topic; 8] = [
    Topic::ActNow,
    Topic::RunningOut,
    Topic::Ordered,
    Topic::Changed,
    Topic::Idle,
    Topic::Pools,
    Topic::Money,
    Topic::Health,
];

impl Audience {
    /// The audience of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "sales" => Some(Self::Sales),
            "provisioning" => Some(Self::Provisioning),
            "datacentre" => Some(Self::Datacentre),
            _ => None,
        }
    }

    /// What concerns it: sales what is lost and not selling, provisioning what to act on and how well the monitor
    /// sees, the data centre what to order and what is on its way.
    #[must_use]
    pub fn topics(self) -> &'static [Topic] {
        match self {
            Self::Sales => &[
                Topic::Money,
                Topic::ActNow,
                Topic::RunningOut,
                Topic::Changed,
                Topic::Idle,
            ],
            Self::Provisioning => &[
                Topic::ActNow,
                Topic::RunningOut,
                Topic::Ordered,
                Topic::Changed,
                Topic::Health,
            ],
            Self::Datacentre => &[
                Topic::Ordered,
                Topic::RunningOut,
                Topic::Pools,
                Topic::ActNow,
                Topic::Idle,
            ],
        }
    }
}

/// The part of that name, as the configuration writes it.
#[must_use]
pub fn topic(name: &str) -> Option<Topic> {
    TOPICS.into_iter().find(|topic| topic_name(*topic) == name)
}

/// The part's name in the configuration.
#[must_use]
pub fn topic_name(topic: Topic) -> &'static str {
    match topic {
        Topic::ActNow => "act_now",
        Topic::RunningOut => "running_out",
        Topic::Ordered => "ordered",
        Topic::Changed => "changed",
        Topic::Idle => "idle",
        Topic::Pools => "pools",
        Topic::Money => "money",
        Topic::Health => "health",
    }
}

/// The period of that name: `day`, `week`, `month`.
#[must_use]
pub fn period(name: &str) -> Option<Period> {
    match name {
        "day" => Some(Period::Day),
        "week" => Some(Period::Week),
        "month" => Some(Period::Month),
        _ => None,
    }
}

/// When a period that ends at `until` began: as much earlier by the calendar of `zone`, so that a day over which the
/// clocks change has 23 or 25 hours.
#[must_use]
pub fn began(period: Period, until: Timestamp, zone: &TimeZone) -> Timestamp {
    let span = match period {
        Period::Day => Span::new().days(1),
        Period::Week => Span::new().weeks(1),
        Period::Month => Span::new().months(1),
    };
    until
        .to_zoned(zone.clone())
        .checked_sub(span)
        .map_or(Timestamp::MIN, |zoned| zoned.timestamp())
}

/// When the period that begins at `from` will end.
#[must_use]
pub fn ends(period: Period, from: Timestamp) -> Timestamp {
    let days = match period {
        Period::Day => 1,
        Period::Week => 7,
        Period::Month => 31,
    };
    from.checked_add(SignedDuration::from_hours(24 * days))
        .unwrap_or(Timestamp::MAX)
}

impl Outline {
    /// The report of everything.
    #[must_use]
    pub fn new(name: &str, period: Period) -> Self {
        Self {
            name: name.to_owned(),
            period,
            topics: TOPICS.to_vec(),
            instances: Vec::new(),
            groups: Vec::new(),
            lead_time: defaults::LEAD_TIME,
            idle_after: defaults::IDLE_AFTER,
            skip_if_empty: false,
            charts: true,
        }
    }

    /// Whether it has that part.
    #[must_use]
    pub fn has(&self, topic: Topic) -> bool {
        self.topics.contains(&topic)
    }

    /// Whether it is about the shop.
    #[must_use]
    pub fn concerns(&self, instance: &str) -> bool {
        let matches = |pattern: &Pattern| pattern.matches_text(instance);
        self.instances.is_empty() || self.instances.iter().any(matches)
    }

    /// Whether it is about the products of that group.
    #[must_use]
    pub fn concerns_group(&self, id: Option<i64>, name: Option<&Name>) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|pattern| pattern.matches(id, name))
    }
}
