//! How things stand, and what that is about: severities, thresholds, counts, products and combinations by name.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::Serializer;
use utoipa::ToSchema;

use crate::domain::catalogue::Level;
use crate::domain::catalogue::ProductId;

/// How bad a series stands. `Ok < Low < Critical < Out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Default, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    #[default]
    Ok,
    Low,
    Critical,
    Out,
}

impl Severity {
    /// All four, mildest first.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Low, Self::Critical, Self::Out];

    /// The fixed name: `ok`, `low`, `critical`, `out`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Low => "low",
            Self::Critical => "critical",
            Self::Out => "out",
        }
    }

    /// The severity of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }

    /// 0 ok, 1 low, 2 critical, 3 out: the value of `whmcs_stock_severity`.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Low => 1,
            Self::Critical => 2,
            Self::Out => 3,
        }
    }

    /// The severity of that rank; anything past 3 is `Out`.
    #[must_use]
    pub fn from_rank(rank: i64) -> Self {
        match rank {
            i64::MIN..=0 => Self::Ok,
            1 => Self::Low,
            2 => Self::Critical,
            3.. => Self::Out,
        }
    }
}

/// Effective thresholds and where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, ToSchema)]
pub struct Thresholds {
    pub low: i64,
    pub critical: i64,
    /// "global", "rule 2", or one per threshold where they differ.
    pub origin: String,
    /// The stock counts as low while it lasts less long than this; in days where it is shown, not there without one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_days")]
    #[schema(value_type = Option<f64>)]
    pub cover: Option<Duration>,
}

#[expect(clippy::ref_option, reason = "serde hands the field over so")]
fn in_days<S: Serializer>(cover: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    cover
        .map(|cover| cover.as_secs_f64() / 86_400.0)
        .serialize(serializer)
}

/// The product an alert or event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProductRef {
    #[schema(value_type = i64)]
    pub id: ProductId,
    /// The readable name.
    pub name: String,
    /// The group's readable name, where known.
    pub group: Option<String>,
}

/// The combination an alert or item is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CombinationRef {
    /// `4=11;5=20`
    pub key: String,
    /// `RAM: 32 GB, Disk: 2x NVMe`
    pub label: String,
}

/// How many products, combinations or pools stand where, for the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Counts {
    pub ok: usize,
    pub low: usize,
    pub critical: usize,
    pub out: usize,
    pub not_controlled: usize,
    pub unknown: usize,
}

impl Counts {
    /// How many were counted.
    #[must_use]
    pub fn total(&self) -> usize {
        self.ok + self.low + self.critical + self.out + self.not_controlled + self.unknown
    }

    /// Counts one.
    pub fn add(&mut self, level: Level, severity: Severity) {
        match level {
            Level::NotControlled => self.not_controlled += 1,
            Level::Unknown => self.unknown += 1,
            Level::Known(_) => match severity {
                Severity::Ok => self.ok += 1,
                Severity::Low => self.low += 1,
                Severity::Critical => self.critical += 1,
                Severity::Out => self.out += 1,
            },
        }
    }
}

/// The kinds of product events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProductEventKind {
    New,
    Gone,
    Returned,
    Renamed,
    OptionsChanged,
    ControlOn,
    ControlOff,
}

impl ProductEventKind {
    /// The fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Returned => "returned",
            Self::Renamed => "renamed",
            Self::OptionsChanged => "options_changed",
            Self::ControlOn => "control_on",
            Self::ControlOff => "control_off",
        }
    }
}

/// Who has taken an alert on, as an alert and an item show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AckRef {
    pub id: i64,
    pub by: String,
    pub at: Timestamp,
    pub note: String,
    pub quantity: Option<i64>,
    pub arrived: i64,
    pub eta: Option<Timestamp>,
    /// The time for it has passed.
    pub overdue: bool,
}
