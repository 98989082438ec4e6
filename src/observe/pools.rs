//! A pool as the API and the command line show it, and as it stands beside what it limits.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::limit;
use crate::domain::limit::Beside;
use crate::domain::message::Alert;
use crate::domain::message::HeldBack;
use crate::domain::message::PoolRef;
use crate::domain::message::Reason;
use crate::domain::message::Status;
use crate::domain::people::Silenced;
use crate::domain::pool::Board;
use crate::domain::pool::Limited;
use crate::domain::pool::Pool;
use crate::domain::pool::Standing;
use crate::domain::pool::User;
use crate::domain::stand::AckRef;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;

/// An item of `/api/v1/pools`, and of `pools` in `check --json` and `status --json`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PoolItem<'a> {
    pub name: &'a str,
    pub capacity: i64,
    /// What all services together take of it; null while that is not known.
    pub used: Option<i64>,
    /// What is left; null while that is not known.
    pub level: Option<i64>,
    /// `known` or `unknown`.
    pub state: &'static str,
    /// The frozen one while the level is unknown; null where there never was a figure.
    pub severity: Option<Severity>,
    /// Since when the severity holds.
    pub since: Option<Timestamp>,
    pub thresholds: Option<&'a Thresholds>,
    /// When it was last evaluated.
    pub observed_at: Option<Timestamp>,
    /// How long what is left lasts; null without enough history, and while the level is not known.
    pub days_of_cover: Option<f64>,
    /// Why the level is not known, in words; null where it is.
    pub unknown: Option<&'a str>,
    /// The last figure, where the level is no longer known.
    pub last_level: Option<i64>,
    pub last_known_at: Option<Timestamp>,
    /// Those who draw on it and are on offer, those held back first.
    pub users: Vec<UserItem>,
    /// How many draw on it in all.
    pub users_total: usize,
    /// How many of them cannot be ordered because what is left does not suffice.
    pub holds_back_total: usize,
    /// Who has taken on the pool itself; who has taken on what its orders need is with that alert.
    pub ack: Option<AckRef>,
    pub silenced: Option<Silenced>,
}

/// Somebody who draws on a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserItem {
    #[serde(flatten)]
    pub user: HeldBack,
    /// Whether what is left does not suffice for one.
    pub held_back: bool,
}

/// The pool beside what it limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitingPool {
    pub name: String,
    /// What is left; null while that is not known.
    pub level: Option<i64>,
    /// The names of what else it holds back, a few.
    pub also_holds_back: Vec<String>,
    /// How many that are in all.
    pub holds_back_total: usize,
}

impl LimitingPool {
    /// The pool beside that product or combination.
    #[must_use]
    pub fn new(pool: PoolRef, own: &Limited<'_>) -> Self {
        Self {
            also_holds_back: limit::names(&pool, Beside::Limited(own)),
            name: pool.name,
            level: pool.level,
            holds_back_total: pool.holds_back_total,
        }
    }
}

/// The pool as it is shown, without what people said of it: [`Said::pool`](crate::observe::said::Said::pool).
#[must_use]
pub fn item(pool: &Pool) -> PoolItem<'_> {
    let standing = pool.standing.as_ref();
    let severity = pool.severity();
    let known = pool.level.known();
    let last = standing.filter(|_| known.is_none());
    PoolItem {
        name: &pool.name,
        capacity: pool.capacity,
        used: pool.used,
        level: known,
        state: pool.level.state(),
        severity,
        since: standing
            .filter(|_| severity.is_some())
            .map(|standing| standing.since),
        thresholds: standing.map(|standing| &standing.thresholds),
        observed_at: pool.observed_at,
        days_of_cover: pool.cover.map(|cover| cover.shown_days()),
        unknown: (known.is_none() && !pool.unknown.is_empty()).then_some(&*pool.unknown),
        last_level: last.and_then(|standing| standing.last_level),
        last_known_at: last.and_then(|standing| standing.last_known_at),
        users: users(pool),
        users_total: pool.by_need.iter().map(|(_, users)| users).sum(),
        holds_back_total: pool.held_back(),
        ack: None,
        silenced: None,
    }
}

fn users(pool: &Pool) -> Vec<UserItem> {
    let item = |user: &User| UserItem {
        user: user.held(),
        held_back: pool.holds(user.need),
    };
    let mut users: Vec<UserItem> = pool.users.iter().map(item).collect();
    // Stable: among themselves they stay in the pool's order.
    users.sort_by_key(|user| !user.held_back);
    users
}

/// The pools, worst first: out, critical, low, then what is not known, then the rest; among equals the emptiest.
#[must_use]
pub fn worst_first(board: &Board) -> Vec<&Pool> {
    let mut pools: Vec<&Pool> = board.pools.iter().collect();
    pools.sort_by_key(|pool| (urgency(pool), pool.level.known()));
    pools
}

fn urgency(pool: &Pool) -> u8 {
    match (pool.level.known(), pool.severity()) {
        (Some(_), Some(Severity::Out)) => 0,
        (Some(_), Some(Severity::Critical)) => 1,
        (Some(_), Some(Severity::Low)) => 2,
        (None, _) => 3,
        (Some(_), Some(Severity::Ok) | None) => 4,
    }
}

/// The severity of each open alert of a pool: its own, and those of orders that take more than one.
pub fn open(board: &Board) -> impl Iterator<Item = Severity> {
    let known = |pool: &&Pool| pool.severity().is_some();
    let standing = board.pools.iter().filter(known);
    let standing = standing.filter_map(|pool| pool.standing.as_ref());
    standing.flat_map(|standing| standing.open().map(|(_, voice)| voice.severity))
}

/// The alerts that are open for the pool: its own, and those of orders that take more than one and for which it does
/// not speak.
pub fn open_alerts(pool: &Pool) -> impl Iterator<Item = Alert> {
    let standing = pool.standing.as_ref().filter(|_| pool.severity().is_some());
    let open = standing.into_iter().flat_map(Standing::open);
    open.map(|(need, voice)| open_alert(pool, need, voice))
}

fn open_alert(pool: &Pool, need: Option<i64>, voice: &Standing) -> Alert {
    Alert {
        alert_id: voice.alert_id.clone(),
        instance: voice.instance.clone(),
        reason: Reason::Reminder,
        status: Status::Firing,
        severity: voice.severity,
        previous_severity: voice.told,
        product: None,
        combination: None,
        pool: Some(need.map_or_else(|| pool.told(), |need| pool.told_of(need))),
        bottleneck: None,
        level: voice.last_level,
        previous_level: voice.previous_level,
        thresholds: voice.thresholds.clone(),
        started_at: voice.started_at,
        observed_at: pool.observed_at.unwrap_or(voice.since),
        days_of_cover: None,
        ack: None,
        after: None,
        meanwhile: false,
        ambiguous_zero: false,
    }
}
