//! A report: how it stands, what will happen and what happened, for one audience over one period.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::forecast::Cover;
use crate::domain::forecast::SellRate;
use crate::domain::stand::AckRef;
use crate::domain::stand::CombinationRef;
use crate::domain::stand::Counts;
use crate::domain::stand::ProductEventKind;
use crate::domain::stand::ProductRef;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;

/// How long a report looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    Week,
    Month,
}

/// A part of a report, in the order in which they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Out or critical, and nobody has taken it on.
    ActNow,
    /// Will run out before it can be restocked.
    RunningOut,
    /// Taken on: what was ordered, overdue first.
    Ordered,
    /// What was sold, restocked, new, gone, renamed, switched.
    Changed,
    /// In stock and not selling.
    Idle,
    Pools,
    /// What was probably not earned.
    Money,
    /// The monitor's own health.
    Health,
}

/// An amount of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Amount {
    /// ISO 4217, as WHMCS names it: `EUR`.
    pub currency: String,
    /// In hundredths of the currency's unit.
    pub hundredths: i64,
}

/// A report, made once; every channel gives it its own form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// As configured: `daily`, `sales`.
    pub name: String,
    pub period: Period,
    /// What it looks back on: from, inclusive, until, exclusive.
    pub from: Timestamp,
    pub until: Timestamp,
    /// The shops it is about, by name.
    pub instances: Vec<String>,
    /// How all products stand now.
    pub products: Counts,
    /// Nothing to act on, nothing running out, nothing overdue, and the monitor itself is well.
    pub all_is_well: bool,
    pub sections: Vec<Section>,
    /// How many lines each section lacks, where some do: a section holds at most [`LISTED`] of a kind.
    pub left_out: Vec<(Topic, usize)>,
    /// When it was made: as which time it shows how things stand.
    pub made_at: Timestamp,
    /// It was due at `until`, and nobody could make it then.
    pub late: bool,
    /// Every series that it is about, ascending by shop, product and combination: for lists that leave nothing out.
    #[serde(skip)]
    pub all: Vec<Line>,
    /// What the sections lack, for the same lists.
    #[serde(skip)]
    pub beyond: Beyond,
}

/// What stands in no section since there was no room.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Beyond {
    pub lines: Vec<(Topic, Line)>,
    pub events: Vec<Happened>,
    pub pools: Vec<PoolLine>,
}

/// The most lines of a kind in a section.
pub const LISTED: usize = 50;

/// A section and what stands in it; empty ones are kept, since "none" is an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "topic", rename_all = "snake_case")]
pub enum Section {
    ActNow {
        lines: Vec<Line>,
    },
    RunningOut {
        lead_time_days: Option<f64>,
        lines: Vec<Line>,
    },
    Ordered {
        lines: Vec<Line>,
    },
    Changed(Changed),
    Idle {
        lines: Vec<Line>,
    },
    Pools {
        lines: Vec<PoolLine>,
    },
    Money(Money),
    Health(Box<Health>),
}

/// One series as a report shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    pub instance: String,
    pub product: ProductRef,
    pub combination: Option<CombinationRef>,
    /// The last known level.
    pub level: Option<i64>,
    /// Whether the level is known now; else `level` is the last that was.
    pub known: bool,
    pub severity: Severity,
    /// Since when the severity holds.
    pub since: Timestamp,
    pub thresholds: Thresholds,
    pub rate: Option<SellRate>,
    pub cover: Option<Cover>,
    /// `cover` of its rule, in days: as long as a restock takes.
    pub lead_time_days: Option<f64>,
    /// By how much it fell and rose in the period.
    pub sold: i64,
    pub restocked: i64,
    /// Hours at zero, known, in the period.
    pub hours_out: f64,
    /// Since when at the latest it has not fallen.
    #[serde(skip)]
    pub still_since: Option<Timestamp>,
    pub ack: Option<AckRef>,
    pub bottleneck: Option<String>,
    /// What was probably not earned in the period.
    pub lost: Option<Amount>,
    pub chart: Option<Chart>,
}

/// A level over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    pub from: Timestamp,
    pub until: Timestamp,
    /// Each holds until the next; `None` where it was not known. Ascending by time.
    pub points: Vec<(Timestamp, Option<i64>)>,
    pub low: i64,
    pub critical: i64,
}

/// What changed in the period.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Changed {
    /// Those that fell or rose, most sold first.
    pub moved: Vec<Line>,
    pub moved_total: usize,
    pub events: Vec<Happened>,
    pub events_total: usize,
}

/// Something that happened to a product.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Happened {
    pub at: Timestamp,
    pub kind: ProductEventKind,
    pub instance: String,
    pub product: ProductRef,
}

/// A pool as a report shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolLine {
    pub name: String,
    pub capacity: i64,
    pub level: Option<i64>,
    pub severity: Severity,
    pub cover: Option<Cover>,
    pub holds_back: usize,
    pub ack: Option<AckRef>,
}

/// What was probably not earned, most first.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Money {
    pub lines: Vec<Line>,
    /// By currency.
    pub total: Vec<Amount>,
    /// What it rests on, in words.
    pub assumptions: Vec<String>,
}

/// The monitor's own health over the period.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Health {
    pub polls: u64,
    pub failed_polls: u64,
    /// Answered, but not believed.
    pub suspect_polls: u64,
    /// Shops that were never read.
    pub never_read: Vec<String>,
    /// Times in which at least three polls were due and none read the shop: the shop, from, until (`None`: still).
    pub gaps: Vec<(String, Timestamp, Option<Timestamp>)>,
    pub unknown_products: usize,
    pub pending: u64,
    pub dead_letters: u64,
    /// Silences that end within the next period: by whom, comment, end.
    pub silences_ending: Vec<(String, String, Timestamp)>,
    /// Reports that were due and did not go out: name, since when.
    pub overdue_reports: Vec<(String, Timestamp)>,
}
