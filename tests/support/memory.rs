//! What the monitor remembers, built by hand: shops with products of every state.

use std::sync::Arc;

use jiff::Timestamp;
use whmcs_stock_monitor::domain::alerting::rules::Effective;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::rules::Subject;
use whmcs_stock_monitor::domain::alerting::state::Combination;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::SeriesState;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::stand::Severity;

/// A moment, minutes after an arbitrary one.
pub fn minute(n: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + n * 60).expect("in range")
}

/// The global rule: low 5, critical 1.
pub fn effective() -> Arc<Effective> {
    Rules::new(5, 1, Vec::new(), Vec::new()).effective(&Subject {
        instance: "default",
        group_id: None,
        group: None,
        product_id: 1,
        product: &Name::new("any"),
        pairs: None,
    })
}

/// A series at that level, with the severity the global rule gives it.
pub fn series(level: Level) -> SeriesState {
    let severity = match level {
        Level::Known(i64::MIN..=0) => Severity::Out,
        Level::Known(1) => Severity::Critical,
        Level::Known(2..=5) => Severity::Low,
        Level::Known(_) | Level::NotControlled | Level::Unknown => Severity::Ok,
    };
    SeriesState {
        number: 1,
        level,
        last_level: level.known(),
        last_known_at: None,
        previous_level: None,
        severity,
        since: minute(0),
        started_at: (severity > Severity::Ok).then(|| minute(0)),
        pending: [None; 3],
        frozen_since: None,
        better_since: None,
        transition: 0,
        fingerprint: 0,
        seen_other_than_zero: true,
        born_open: false,
        notes: None,
        told: Vec::new(),
    }
}

/// A series whose level is no longer known, last seen at `last`.
pub fn frozen(last: i64) -> SeriesState {
    SeriesState {
        level: Level::Unknown,
        last_known_at: Some(minute(5)),
        frozen_since: Some(minute(6)),
        ..series(Level::Known(last))
    }
}

/// A product of a group called "Dedicated".
pub fn product(id: i64, name: &str, series: SeriesState) -> Tracked {
    Tracked {
        id,
        name: Name::new(name),
        group_id: Some(3),
        group: Some(Name::new("Dedicated")),
        hidden: None,
        retired: None,
        price: None,
        controlled: None,
        missing: 0,
        gone: false,
        options_key: 0,
        per_choice: false,
        ambiguous_zero: false,
        bottleneck: None,
        series,
        effective: effective(),
        combinations: Vec::new(),
        drawn: None,
        seen: None,
        epoch: 0,
    }
}

/// A combination with a figure of its own.
pub fn combination(key: &str, label: &str, series: SeriesState) -> Combination {
    Combination {
        key: key.parse().expect("a key"),
        label: Arc::from(label),
        bottleneck: None,
        effective: effective(),
        gone: false,
        series,
    }
}

/// The memory of a shop whose last accepted poll was at minute 10.
pub fn memory(products: Vec<Tracked>) -> Arc<Memory> {
    let mut memory = Memory::default();
    memory.source.last_accepted_at = Some(minute(10));
    memory.products = products.into_iter().map(Arc::new).collect();
    memory.products.sort_by_key(|product| product.id);
    Arc::new(memory)
}
