//! What we say: one neutral message for every channel; `notify` gives it the channel's form.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::catalogue::ProductId;
use crate::domain::report::Report;
use crate::domain::source::Cause;
use crate::domain::stand::AckRef;
use crate::domain::stand::CombinationRef;
use crate::domain::stand::Counts;
use crate::domain::stand::ProductEventKind;
use crate::domain::stand::ProductRef;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;

/// Why an alert speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The first word of an episode.
    First,
    /// Worse than what was told.
    Worse,
    /// No longer out, but not well either.
    Better,
    /// Ok again.
    Recovered,
    /// Still open.
    Reminder,
    /// The rules changed, not the stock.
    RuleChanged,
    /// The series is no longer there or no longer watched.
    Withdrawn,
    /// Nobody has taken it on for a while: told to a further channel.
    Escalated,
    /// What was ordered did not come in time.
    Overdue,
    /// It went to and fro too often: only what is worst is told until it is calm.
    Flapping,
}

impl Reason {
    /// The fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Recovered => "recovered",
            Self::Reminder => "reminder",
            Self::RuleChanged => "rule_changed",
            Self::Withdrawn => "withdrawn",
            Self::Escalated => "escalated",
            Self::Overdue => "overdue",
            Self::Flapping => "flapping",
        }
    }
}

/// A pool, as an alert names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PoolRef {
    pub name: String,
    pub capacity: i64,
    /// What is left; `None` while that is not known.
    pub level: Option<i64>,
    /// How many of it one order of what the alert is about takes; `None` for the pool itself, or where not known. Where
    /// the alert is about no product: it is about those orders that take as many.
    pub need: Option<i64>,
    /// What it holds back now beside what the alert is about, at most [`HELD_LISTED`].
    pub holds_back: Vec<HeldBack>,
    /// How many it holds back in all, beside what the alert is about.
    pub holds_back_total: usize,
    /// Of how many products those are, the product aside that the alert is about.
    pub holds_back_products: usize,
    /// The shops that draw on it.
    pub instances: Vec<String>,
}

/// Something that cannot be ordered because a pool does not suffice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldBack {
    pub instance: String,
    #[schema(value_type = i64)]
    pub product_id: ProductId,
    /// The readable name.
    pub product: String,
    /// `RAM: 64 GB`; `None` for the whole product.
    pub choice: Option<String>,
    /// How many of the pool one order takes.
    pub need: i64,
}

/// The most that a [`PoolRef`] lists as held back.
pub const HELD_LISTED: usize = 20;

/// Where a mute comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MuteKind {
    Silence,
    /// A window of the configuration.
    Maintenance,
}

/// The mute that ended before an alert was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EndedMute {
    pub kind: MuteKind,
    pub id: String,
    pub by: String,
    pub comment: String,
}

/// One series that speaks (or is still open).
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Alert {
    /// `instance/product/combination`, `-` for the product itself; `pool:NAME`, `pool:NAME/3`; stable over the series' life.
    pub alert_id: String,
    pub instance: String,
    pub reason: Reason,
    /// `firing`, or `resolved` for what is over.
    pub status: Status,
    pub severity: Severity,
    /// What this channel was last told.
    pub previous_severity: Severity,
    /// `None` where it is about a pool.
    pub product: Option<ProductRef>,
    pub combination: Option<CombinationRef>,
    /// The pool it is about; or, beside a product, the pool that limits it.
    pub pool: Option<PoolRef>,
    /// What limits the level, where that is not the product itself: `pool 64 GB DIMM kits`, `RAM: 64 GB`.
    pub bottleneck: Option<String>,
    /// The last known level.
    pub level: Option<i64>,
    /// The last known level that differs.
    pub previous_level: Option<i64>,
    pub thresholds: Thresholds,
    /// When the series left ok.
    pub started_at: Option<Timestamp>,
    pub observed_at: Timestamp,
    /// How many days the level will last; `None` without enough history.
    pub days_of_cover: Option<f64>,
    /// Who has taken it on, and what was ordered.
    pub ack: Option<AckRef>,
    /// The mute that ended since the channel was last told.
    pub after: Option<EndedMute>,
    /// It got this bad and was over again while the channel was not to be told.
    pub meanwhile: bool,
    /// A zero that may also mean that stock control was switched off.
    pub ambiguous_zero: bool,
}

impl Alert {
    /// The readable name of the product, or of the pool.
    #[must_use]
    pub fn name(&self) -> &str {
        match (&self.product, &self.pool) {
            (Some(product), _) => &product.name,
            (None, Some(pool)) => &pool.name,
            (None, None) => "",
        }
    }

    /// The pool that it is about, where it is about no product.
    #[must_use]
    pub fn about_pool(&self) -> Option<&PoolRef> {
        self.pool.as_ref().filter(|_| self.product.is_none())
    }

    /// The product's number, where it is about one.
    #[must_use]
    pub fn product_id(&self) -> Option<ProductId> {
        self.product.as_ref().map(|product| product.id)
    }
}

/// Whether an alert is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Firing,
    Resolved,
}

/// What is still open beside what a message announces: the worst 20, and how many there are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Open {
    pub alerts: Vec<Alert>,
    pub total: usize,
}

/// The most alerts listed in `Open`.
pub const OPEN_LISTED: usize = 20;
/// The most alerts or events in one message; more go in further messages.
pub const ALERTS_PER_MESSAGE: usize = 100;

/// Something happened to a product that is not about its level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProductEvent {
    pub kind: ProductEventKind,
    pub instance: String,
    pub product: ProductRef,
    /// What it was before, for `renamed` (a name or a group).
    pub previous: Option<String>,
    /// `known`, `not_controlled`, `unknown`.
    pub state: &'static str,
    pub level: Option<i64>,
    /// Null where the state has none.
    pub severity: Option<Severity>,
}

/// What a source (one WHMCS) lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// No product carries a stock field any more.
    StockFields,
    /// GetProductDetails no longer answers.
    Companion,
}

impl Capability {
    /// The fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StockFields => "stock_fields",
            Self::Companion => "companion",
        }
    }
}

/// A message as it was decided: who hears it, about what, from when.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Random, made once; stays the same over retries.
    pub id: Uuid,
    /// The channel's name.
    pub channel: String,
    /// The shop it is about; `None` for several.
    pub instance: Option<String>,
    pub at: Timestamp,
    pub body: Body,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `stock.alerts`: worst first, at most [`ALERTS_PER_MESSAGE`].
    Alerts { alerts: Vec<Alert>, open: Open },
    /// `stock.baseline`: now watching this many.
    Baseline {
        products: usize,
        counts: Counts,
        /// How the combinations of options stand that have a figure of their own.
        combinations: Counts,
        /// How the pools stand that concern the shop.
        pools: Counts,
        open: Open,
    },
    /// `stock.product`
    Products { events: Vec<ProductEvent> },
    /// `source.down`: unreadable since; `detail` are particulars ("" where none).
    SourceDown {
        cause: Cause,
        detail: String,
        since: Timestamp,
        /// The pools that are unknown until then, since its services count in them.
        pools: Vec<String>,
    },
    /// `source.up`: readable again; what it had been, and since when.
    SourceUp { cause: Option<Cause>, since: Timestamp },
    /// `source.degraded`
    SourceDegraded { lost: Capability },
    /// `source.restored`
    SourceRestored { regained: Capability, since: Timestamp },
    /// `report.digest`
    Report(Box<Report>),
    /// `report.overdue`: it was due then and has reached nobody; `why` in words.
    ReportOverdue {
        report: String,
        since: Timestamp,
        why: String,
    },
    /// `test.ping`
    Ping,
}

impl Body {
    /// The webhook's `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Alerts { .. } => "stock.alerts",
            Self::Baseline { .. } => "stock.baseline",
            Self::Products { .. } => "stock.product",
            Self::SourceDown { .. } => "source.down",
            Self::SourceUp { .. } => "source.up",
            Self::SourceDegraded { .. } => "source.degraded",
            Self::SourceRestored { .. } => "source.restored",
            Self::Report(_) => "report.digest",
            Self::ReportOverdue { .. } => "report.overdue",
            Self::Ping => "test.ping",
        }
    }
}
