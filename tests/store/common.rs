//! A store in a folder of its own, and small products to put into it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use whmcs_stock_monitor::domain::alerting::decision::Change;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::rules::Effective;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::rules::Subject;
use whmcs_stock_monitor::domain::alerting::state::Combination;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::SeriesState;
use whmcs_stock_monitor::domain::alerting::state::SourceState;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::store::error::OpenError;
use whmcs_stock_monitor::store::error::StoreError;
use whmcs_stock_monitor::store::save::PollRecord;
use whmcs_stock_monitor::store::value::InstanceId;
use whmcs_stock_monitor::store::value::PollId;

/// A folder that goes away with it, and where the database is in it.
pub struct Place {
    pub folder: TempDir,
    pub settings: StoreSettings,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            path: folder.path().join("stock.db"),
        };
        Self { folder, settings }
    }

    pub fn beside(&self, suffix: &str) -> PathBuf {
        self.folder.path().join(format!("stock.db{suffix}"))
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.settings).await.unwrap().store
    }
}

pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

pub fn placeholder() -> Arc<Effective> {
    let name = Name::new("any");
    Rules::new(5, 1, Vec::new(), Vec::new()).effective(&Subject {
        instance: "default",
        group_id: None,
        group: None,
        product_id: 1,
        product: &name,
        pairs: None,
    })
}

pub fn series(number: u32, level: Level) -> SeriesState {
    SeriesState {
        number,
        level,
        last_level: level.known(),
        last_known_at: None,
        previous_level: None,
        severity: Severity::Ok,
        since: at(1000),
        started_at: None,
        pending: [None; 3],
        frozen_since: None,
        better_since: None,
        transition: 0,
        fingerprint: u64::MAX - 7,
        seen_other_than_zero: level != Level::Known(0),
        born_open: false,
        notes: None,
        told: Vec::new(),
    }
}

pub fn product(id: i64, number: u32, level: Level) -> Tracked {
    Tracked {
        id,
        name: Name::new(&format!("Product {id}")),
        group_id: None,
        group: None,
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
        series: series(number, level),
        effective: placeholder(),
        combinations: Vec::new(),
        drawn: None,
        seen: None,
        epoch: 0,
    }
}

pub fn combination(key: &str, number: u32, level: Level) -> Combination {
    Combination {
        key: key.parse().unwrap(),
        label: Arc::from(format!("Choice {key}")),
        bottleneck: None,
        effective: placeholder(),
        gone: false,
        series: series(number, level),
    }
}

/// A decision that leads from one memory to another; changes are found by comparing.
pub fn decision(before: &Memory, next: Memory) -> Decision {
    let changes: Vec<Change> = next
        .products
        .iter()
        .filter_map(|after| {
            let before = before.product(after.id).cloned();
            let same = before.as_ref().is_some_and(|before| Arc::ptr_eq(before, after));
            (!same).then(|| Change {
                before,
                after: Arc::clone(after),
            })
        })
        .collect();
    Decision {
        outcome: Outcome::Accepted,
        detail: String::new(),
        source_changed: before.source != next.source,
        level_changes: changes.len(),
        pools: None,
        next,
        changes,
        events: Vec::new(),
        acks: Vec::new(),
        messages: Vec::new(),
    }
}

pub fn record(observed_at: Timestamp, outcome: Outcome, decision: &Decision) -> PollRecord {
    PollRecord {
        part: false,
        observed_at,
        duration: Duration::from_millis(120),
        outcome,
        detail: String::new(),
        products: Some(decision.next.products.len()),
        changes: decision.level_changes,
        attempts: Vec::new(),
    }
}

/// Records a poll and what it decided, as the check does.
pub async fn save(
    store: &Store,
    instance: InstanceId,
    observed_at: Timestamp,
    decision: &Decision,
) -> Result<PollId, StoreError> {
    let mut tx = store.begin_write().await?;
    let poll = tx
        .poll(instance, &record(observed_at, decision.outcome, decision))
        .await?;
    tx.save(instance, poll, decision).await?;
    tx.commit().await?;
    Ok(poll)
}

/// What a memory holds, comparable.
pub fn text_of(memory: &Memory) -> String {
    format!("{memory:#?}")
}

/// So many products, each with a level of its own.
pub fn many(products: u32) -> Memory {
    let one = |number: u32| {
        product(
            i64::from(number) + 1,
            number,
            Level::Known(i64::from(number % 50)),
        )
    };
    Memory {
        source: SourceState {
            next_series: products,
            ..SourceState::default()
        },
        products: (0..products).map(|number| Arc::new(one(number))).collect(),
        ..Memory::default()
    }
}

/// One poll of the shop `default` that saw so many products for the first time.
pub async fn fill(store: &Store, products: u32) -> InstanceId {
    let instance = store.instance("default").await.unwrap();
    let decided = decision(&Memory::default(), many(products));
    save(store, instance, at(1000), &decided).await.unwrap();
    instance
}

/// Opens again what was dropped without a close, as soon as its lock is free.
pub async fn reopen(place: &Place) -> Store {
    loop {
        let opened = Store::open(&place.settings).await;
        if !matches!(opened, Err(OpenError::InUse(_))) {
            return opened.unwrap().store;
        }
        tokio::task::yield_now().await;
    }
}
