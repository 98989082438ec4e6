//! A pool as the API and the command line show it, and as it stands beside what it limits.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::limit;
use crate::domain::message::Alert;
use crate::domain::message::HeldBack;
use crate::domain::message::PoolRef;
use crate::domain::message::Reason;
use crate::domain::message::Severity;
use crate::domain::message::Status;
use crate::domain::message::Thresholds;
use crate::domain::pool::Board;
use crate::domain::pool::Limited;
use crate::domain::pool::Pool;
use crate::domain::pool::Standing;
use crate::domain::pool::User;

/// An item of `/api/v1/pools`, and of `pools` in `check --json` and `status --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
}

/// Somebody who draws on a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserItem {
    #[serde(flatten)]
    pub user: HeldBack,
    /// Whether what is left does not suffice for one.
    pub held_back: bool,
}

/// The pool beside what it limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
            also_holds_back: limit::names(&pool, Some(own)),
            name: pool.name,
            level: pool.level,
            holds_back_total: pool.holds_back_total,
        }
    }
}

/// The pool as it is shown.
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
        unknown: (known.is_none() && !pool.unknown.is_empty()).then_some(&*pool.unknown),
        last_level: last.and_then(|standing| standing.last_level),
        last_known_at: last.and_then(|standing| standing.last_known_at),
        users: users(pool),
        users_total: pool.by_need.iter().map(|(_, users)| users).sum(),
        holds_back_total: pool.held_back(),
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

/// The pools that are open alerts, with their severity.
pub fn open(board: &Board) -> impl Iterator<Item = (&Pool, Severity)> {
    let worse = |pool| {
        Some((
            pool,
            Pool::severity(pool).filter(|severity| *severity > Severity::Ok)?,
        ))
    };
    board.pools.iter().filter_map(worse)
}

/// The alert that is open for the pool; `None` where it is well.
#[must_use]
pub fn open_alert(pool: &Pool) -> Option<Alert> {
    let standing: &Standing = pool.standing.as_ref()?;
    let severity = pool.severity().filter(|severity| *severity > Severity::Ok)?;
    Some(Alert {
        alert_id: standing.alert_id.clone(),
        instance: standing.instance.clone(),
        reason: Reason::Reminder,
        status: Status::Firing,
        severity,
        previous_severity: standing.told,
        product: None,
        combination: None,
        pool: Some(pool.told()),
        bottleneck: None,
        level: pool.level.known().or(standing.last_level),
        previous_level: standing.previous_level,
        thresholds: standing.thresholds.clone(),
        started_at: standing.started_at,
        observed_at: pool.observed_at.unwrap_or(standing.since),
        days_of_cover: None,
        ambiguous_zero: false,
    })
}
