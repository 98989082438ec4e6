//! The pools on the page: worst first, with what each has left and whom it holds back.

use jiff::Timestamp;

use crate::domain::forecast;
use crate::domain::forecast::Cover;
use crate::domain::limit;
use crate::domain::limit::Beside;
use crate::domain::limit::Sentence;
use crate::domain::limit::Style;
use crate::domain::pool::Board;
use crate::domain::pool::Pool;
use crate::domain::stand::Severity;
use crate::notify::clean;
use crate::notify::people::Told;
use crate::observe::pools;
use crate::observe::said::Said;
use crate::observe::view::Seen;
use crate::web::overview;
use crate::web::overview::Group;
use crate::web::overview::When;
use crate::web::show::Words;
use crate::web::show::grouped;

/// How names stand in sentences of the page.
pub const STYLE: Style = Style {
    name: |name| clean::line(name, 80),
    names: 5,
};

/// A pool in its row.
pub struct Row<'a> {
    pub name: &'a str,
    pub group: Group,
    pub level: String,
    pub capacity: i64,
    pub used: Option<i64>,
    /// How many products draw on it.
    pub users: usize,
    /// Whom it holds back.
    pub held_back: Sentence,
    pub limits: Option<Limits<'a>>,
    /// `about 6 days`
    pub lasts: Option<String>,
    pub since: Option<When>,
    pub why: Option<&'a str>,
    /// What people said of it, each with whether it is overdue.
    pub people: Vec<(Words, bool)>,
    /// The last figure of a level that is not known, and when it was read.
    pub last_known: Option<(i64, When)>,
}

/// The effective thresholds.
pub struct Limits<'a> {
    pub low: i64,
    pub critical: i64,
    pub origin: &'a str,
}

/// The pool, with what people said of it. With several shops each product is named with its own.
#[must_use]
pub fn said_row<'a>(pool: &'a Pool, seen: &Seen, said: &Said, now: Timestamp) -> Row<'a> {
    Row {
        people: words(said.of_pool(pool)),
        ..row(pool, seen.instances.len() > 1, now)
    }
}

/// Every pool, worst first, with what people said of it. With several shops each product is named with its own.
#[must_use]
pub fn rows<'a>(seen: &'a Seen, said: &Said, now: Timestamp) -> Vec<Row<'a>> {
    let pools = pools::worst_first(&seen.pools).into_iter();
    pools.map(|pool| said_row(pool, seen, said, now)).collect()
}

fn words(told: Vec<(Told, bool)>) -> Vec<(Words, bool)> {
    told.into_iter()
        .map(|(told, overdue)| (Words(told), overdue))
        .collect()
}

fn row(pool: &Pool, several: bool, now: Timestamp) -> Row<'_> {
    let beside = if several {
        Beside::Shop(None)
    } else {
        Beside::OneShop
    };
    let item = pools::item(pool);
    Row {
        name: item.name,
        group: group(pool),
        level: item.level.map_or_else(|| "?".to_owned(), grouped),
        capacity: item.capacity,
        used: item.used,
        users: pool.products.iter().map(|(_, products)| products).sum(),
        held_back: limit::held_back(&pool.told(), beside, STYLE),
        limits: item.thresholds.map(|thresholds| Limits {
            low: thresholds.low,
            critical: thresholds.critical,
            origin: &thresholds.origin,
        }),
        lasts: lasting(pool),
        since: item.since.map(|since| When::new(since, now)),
        why: item.unknown,
        people: Vec::new(),
        last_known: item
            .last_level
            .zip(item.last_known_at.map(|at| When::new(at, now))),
    }
}

/// How long what is left lasts, while anything is left.
fn lasting(pool: &Pool) -> Option<String> {
    cover(pool).map(|cover| forecast::about(cover.days))
}

fn cover(pool: &Pool) -> Option<Cover> {
    let left = pool.level.known().is_some_and(|left| left > 0);
    pool.cover.filter(|_| left)
}

/// Whether it will be empty soon.
#[must_use]
pub fn is_soon(pool: &Pool) -> bool {
    let wanted = pool
        .standing
        .as_ref()
        .and_then(|standing| standing.thresholds.cover);
    overview::is_soon(cover(pool), wanted)
}

/// Where the pool would stand, were it a product.
#[must_use]
pub fn group(pool: &Pool) -> Group {
    match (pool.level.known(), pool.severity()) {
        (None, _) => Group::Unknown,
        (Some(_), Some(Severity::Out)) => Group::Out,
        (Some(_), Some(Severity::Critical)) => Group::Critical,
        (Some(_), Some(Severity::Low)) => Group::Low,
        (Some(_), Some(Severity::Ok) | None) => Group::Ok,
    }
}

/// The worst of the pools, for the words on top of the page: `1 pool out`; `None` where none asks for attention.
#[must_use]
pub fn verdict(board: &Board) -> Option<String> {
    let worst = board.pools.iter().map(group).min()?;
    let count = board.pools.iter().filter(|pool| group(pool) == worst).count();
    let noun = if count == 1 { "pool" } else { "pools" };
    let counted = grouped(count);
    worst
        .is_urgent()
        .then(|| format!("{counted} {noun} {}", worst.key()))
}
