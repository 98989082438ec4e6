//! Where series stand on the page, and what a reader needs to know of each.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::alerting::state::SourceState;
use crate::domain::catalogue::Level;
use crate::domain::forecast::Cover;
use crate::domain::message::Capability;
use crate::domain::stand::Severity;
use crate::observe::items::Entry;

/// What lasts less long will be out soon, where its rule does not say how long it should.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// The groups of the page, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Out,
    Critical,
    Low,
    Unknown,
    Ok,
    NotControlled,
    /// Retired products, and hidden ones that a rule leaves out: nobody is told of them.
    Silent,
}

impl Group {
    /// Every group, in the page's order.
    pub const ALL: [Self; 7] = [
        Self::Out,
        Self::Critical,
        Self::Low,
        Self::Unknown,
        Self::Ok,
        Self::NotControlled,
        Self::Silent,
    ];

    /// The name in addresses and style sheets.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Critical => "critical",
            Self::Low => "low",
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::NotControlled => "not_controlled",
            Self::Silent => "silent",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Out => "Out",
            Self::Critical => "Critical",
            Self::Low => "Low",
            Self::Unknown => "Unknown",
            Self::Ok => "OK",
            Self::NotControlled => "Not controlled",
            Self::Silent => "Not alerted",
        }
    }

    /// The group of that key.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.key() == key)
    }

    /// Where the series stands.
    #[must_use]
    pub fn of(entry: &Entry<'_>) -> Self {
        if entry.is_silent() {
            return Self::Silent;
        }
        match entry.series().level {
            Level::NotControlled => Self::NotControlled,
            Level::Unknown => Self::Unknown,
            Level::Known(_) => Self::from(entry.series().severity),
        }
    }

    /// Whether its rows ask for somebody's attention.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::Out | Self::Critical | Self::Low | Self::Unknown)
    }
}

impl From<Severity> for Group {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Out => Self::Out,
            Severity::Critical => Self::Critical,
            Severity::Low => Self::Low,
            Severity::Ok => Self::Ok,
        }
    }
}

/// How many stand in each group, and how many will be out soon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    groups: [usize; Group::ALL.len()],
    pub soon: usize,
}

impl Counts {
    /// One more.
    pub fn add(&mut self, group: Group, soon: bool) {
        self.groups[group as usize] += 1;
        self.soon += usize::from(soon);
    }

    /// How many stand there.
    #[must_use]
    pub fn of(&self, group: Group) -> usize {
        self.groups[group as usize]
    }

    /// How many there are in all.
    #[must_use]
    pub fn all(&self) -> usize {
        self.groups.iter().sum()
    }
}

/// Whether it will be out soon: before its rule says that it should last, or within a week where that says nothing.
#[must_use]
pub fn is_soon(cover: Option<Cover>, wanted: Option<Duration>) -> bool {
    cover.is_some_and(|cover| cover.is_below(wanted.unwrap_or(SOON)))
}

/// Why a level is unknown, and how to settle it; `None` where it is known.
#[must_use]
pub fn why_unknown(entry: &Entry<'_>, source: &SourceState) -> Option<&'static str> {
    if entry.state() != "unknown" {
        return None;
    }
    let lost = |capability| source.lost.iter().any(|(lost, _)| *lost == capability);
    Some(if lost(Capability::StockFields) {
        "WHMCS stopped sending stock figures. Check for an update, a hook or an API role that removes them."
    } else if lost(Capability::Companion) {
        "GetProductDetails stopped answering. Check that the companion is still installed and allowed."
    } else if entry.product.ambiguous_zero {
        "Shows 0: sold out, or not stock-controlled? Install the companion, or say stock_control = \"on\" or \"off\" in a rule."
    } else if entry.combination.is_some() {
        "No figure of this combination could be read."
    } else {
        "WHMCS sends no readable figure. WHMCS 8.12 or later does, or any version with the companion."
    })
}

/// A moment for machines, and how long ago for people.
pub struct When {
    pub iso: String,
    pub age: String,
}

impl When {
    /// The moment as it is seen now.
    #[must_use]
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        Self {
            iso: at.to_string(),
            age: age(at, now),
        }
    }
}

/// How long ago, roughly, as people say it.
#[must_use]
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second());
    let plural = |n: i64, unit: &str| format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" });
    match seconds {
        i64::MIN..45 => "just now".to_owned(),
        45..3570 => format!("{} min ago", (seconds + 30) / 60),
        3570..129_600 => format!("{} h ago", (seconds + 1800) / 3600),
        129_600.. => plural((seconds + 43_200) / 86_400, "day"),
    }
}
