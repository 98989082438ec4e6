//! What the store costs at the sizes of the documentation: prints a table, asserts nothing.
//!
//! `cargo bench --bench store`, or with a part of a row's name for those rows alone.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
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
use whmcs_stock_monitor::domain::catalogue::CombinationKey;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::delivery::Medium;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::store::db::Opened;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::store::outbox::Queued;
use whmcs_stock_monitor::store::outbox::Settled;
use whmcs_stock_monitor::store::outbox::Settlement;
use whmcs_stock_monitor::store::save::PollRecord;
use whmcs_stock_monitor::store::value::InstanceId;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let wants = |row: &str| wanted.as_deref().is_none_or(|wanted| row.contains(wanted));
    if wants("large catalogue") {
        runtime.block_on(large_catalogue());
    }
    if wants("polls") {
        runtime.block_on(polls());
    }
    if wants("day on disk") {
        runtime.block_on(day_on_disk());
    }
    if wants("outbox") {
        runtime.block_on(outbox());
    }
    if wants("year of history") {
        runtime.block_on(year_of_history());
    }
}

fn report(row: &str, value: impl std::fmt::Display) {
    println!("{row:<72} {value}");
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + millis).unwrap()
}

fn settings(folder: &Path) -> StoreSettings {
    StoreSettings {
        path: folder.join("stock.db"),
    }
}

async fn open(folder: &Path) -> Opened {
    Store::open(&settings(folder)).await.unwrap()
}

fn size(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("stock.db")).unwrap().len()
}

fn median(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    format!(
        "{:?} (worst {:?})",
        times[times.len() / 2],
        times[times.len() - 1]
    )
}

fn series(number: u32, level: i64) -> SeriesState {
    SeriesState {
        number,
        level: Level::Known(level),
        last_level: Some(level),
        last_known_at: None,
        previous_level: Some(level + 1),
        severity: Severity::Ok,
        since: at(0),
        started_at: None,
        pending: [None; 3],
        frozen_since: None,
        better_since: None,
        transition: 0,
        fingerprint: 0x1234_5678_9abc_def0,
        seen_other_than_zero: true,
        born_open: false,
        notes: None,
        told: Vec::new(),
    }
}

fn placeholder() -> Arc<Effective> {
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

fn catalogue(products: u32, combinations: bool) -> Memory {
    let effective = placeholder();
    let product = |index: u32| {
        let combination = |number: u32| Combination {
            key: CombinationKey::new(vec![(4, 11), (5, i64::from(index % 97))]),
            label: Arc::from("RAM: 32 GB, Disk: 2x NVMe"),
            bottleneck: None,
            effective: Arc::clone(&effective),
            gone: false,
            series: series(number, 3),
        };
        Arc::new(Tracked {
            id: i64::from(index) + 1,
            name: Name::new(&format!("Dedicated server DS-{index}")),
            group_id: Some(i64::from(index % 20)),
            group: Some(Name::new("Dedicated servers")),
            hidden: Some(false),
            retired: Some(false),
            price: None,
            controlled: Some(true),
            missing: 0,
            gone: false,
            options_key: u64::from(index) << 40,
            per_choice: false,
            ambiguous_zero: false,
            bottleneck: None,
            series: series(index, i64::from(index % 50)),
            effective: Arc::clone(&effective),
            combinations: if combinations {
                vec![combination(products + index)]
            } else {
                Vec::new()
            },
            drawn: None,
            seen: None,
            epoch: 0,
        })
    };
    Memory {
        source: SourceState {
            next_series: products * 2,
            ..SourceState::default()
        },
        products: (0..products).map(product).collect(),
        ..Memory::default()
    }
}

fn decision(next: Memory, changes: Vec<Change>) -> Decision {
    Decision {
        outcome: Outcome::Accepted,
        detail: String::new(),
        level_changes: changes.len(),
        pools: None,
        next,
        changes,
        source_changed: false,
        events: Vec::new(),
        messages: Vec::new(),
        acks: Vec::new(),
    }
}

fn first_sight(memory: Memory) -> Decision {
    let change = |after: &Arc<Tracked>| Change {
        before: None,
        after: Arc::clone(after),
    };
    let changes = memory.products.iter().map(change).collect();
    decision(memory, changes)
}

/// Every `step`-th product's level moves, others each time.
fn some_changed(memory: &Memory, step: usize, turn: usize) -> Decision {
    let mut next = memory.clone();
    let mut changes = Vec::new();
    for product in next.products.iter_mut().skip(turn % step).step_by(step) {
        let mut after = (**product).clone();
        let level = after.series.level.known().unwrap_or_default();
        after.series.previous_level = Some(level);
        after.series.level = Level::Known((level + 7) % 50);
        after.series.last_level = after.series.level.known();
        let after = Arc::new(after);
        changes.push(Change {
            before: Some(Arc::clone(product)),
            after: Arc::clone(&after),
        });
        *product = after;
    }
    decision(next, changes)
}

async fn save(store: &Store, instance: InstanceId, millis: i64, decided: &Decision) -> Duration {
    let begun = Instant::now();
    let mut tx = store.begin_write().await.unwrap();
    let record = PollRecord {
        part: false,
        observed_at: at(millis),
        duration: Duration::from_millis(120),
        outcome: Outcome::Accepted,
        detail: String::new(),
        products: Some(decided.next.products.len()),
        changes: decided.level_changes,
        attempts: Vec::new(),
    };
    let poll = tx.poll(instance, &record).await.unwrap();
    tx.save(instance, poll, decided).await.unwrap();
    tx.commit().await.unwrap();
    begun.elapsed()
}

async fn large_catalogue() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.store;
    let instance = store.instance("default").await.unwrap();
    let took = save(&store, instance, 0, &first_sight(catalogue(100_000, true))).await;
    report(
        "large catalogue: first poll, 100,000 products and combinations",
        format!("{took:?}"),
    );
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let memory = store.reader().memory(instance, &placeholder()).await.unwrap();
        times.push(begun.elapsed());
        assert_eq!(memory.products.len(), 100_000);
    }
    report("large catalogue: memory read back", median(times));
    let begun = Instant::now();
    let past = store
        .reader()
        .catalogue_at(instance, at(10))
        .await
        .unwrap()
        .unwrap();
    report(
        "large catalogue: as it stood",
        format!("{:?}, {} items", begun.elapsed(), past.items.len()),
    );
    store.close().await;
    let begun = Instant::now();
    let opened = open(folder.path()).await;
    report(
        "large catalogue: open",
        format!(
            "{:?}, {} bytes, checked: {}",
            begun.elapsed(),
            size(folder.path()),
            !opened.unchecked
        ),
    );
    opened.store.close().await;
}

async fn polls() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.store;
    let instance = store.instance("default").await.unwrap();
    let mut memory = catalogue(10_000, false);
    save(&store, instance, 0, &first_sight(memory.clone())).await;
    let mut times = Vec::new();
    for turn in 0..100 {
        let decided = decision(memory.clone(), Vec::new());
        times.push(save(&store, instance, 1 + turn, &decided).await);
    }
    report("polls: 10,000 products, nothing changed", median(times));
    let mut times = Vec::new();
    for turn in 0..100usize {
        let decided = some_changed(&memory, 100, turn * 37);
        times.push(save(&store, instance, 1000 + i64::try_from(turn).unwrap(), &decided).await);
        memory = decided.next;
    }
    report("polls: 10,000 products, 1 % changed", median(times));
    store.close().await;
}

async fn day_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.store;
    let instance = store.instance("default").await.unwrap();
    let mut memory = catalogue(1000, false);
    save(&store, instance, 0, &first_sight(memory.clone())).await;
    store.close().await;
    let before = size(folder.path());
    let store = open(folder.path()).await.store;
    for turn in 1..=1440i32 {
        let decided = some_changed(&memory, 100, usize::try_from(turn).unwrap() * 37);
        save(&store, instance, i64::from(turn) * 60_000, &decided).await;
        memory = decided.next;
    }
    store.close().await;
    report(
        "day on disk: 1,000 products each minute, 1 % changing",
        format!(
            "{} bytes more than the {before} of the first poll",
            size(folder.path()) - before
        ),
    );
}

async fn outbox() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.store;
    let message = |channel: &str, number: i64| Queued {
        id: uuid::Uuid::new_v4(),
        channel: channel.to_owned(),
        kind: "stock.alerts".to_owned(),
        instance: None,
        recorded_at: at(number),
        not_before: None,
        headline: "1 product is out".to_owned(),
        content: "x".repeat(1500),
        medium: Medium::Webhook,
        recipients: vec![channel.to_owned()],
    };
    let mut tx = store.begin_write().await.unwrap();
    let begun = Instant::now();
    let dead: Vec<_> = (0..10_000).map(|number| message("dead", number)).collect();
    tx.enqueue(&dead).await.unwrap();
    let good: Vec<_> = (0..2_000).map(|number| message("good", number)).collect();
    tx.enqueue(&good).await.unwrap();
    tx.commit().await.unwrap();
    report("outbox: 12,000 messages queued", format!("{:?}", begun.elapsed()));
    let begun = Instant::now();
    let mut sent = 0;
    loop {
        let claims = store
            .claim("good", at(20_000), Duration::from_secs(60), 50)
            .await
            .unwrap();
        if claims.is_empty() {
            break;
        }
        sent += claims.len();
        let settled: Vec<_> = claims
            .iter()
            .map(|claim| Settled {
                delivery: claim.delivery,
                attempt: claim.attempts,
                settlement: Settlement::Sent {
                    receipt: "200".to_owned(),
                },
            })
            .collect();
        store.settle(&settled, at(20_000)).await.unwrap();
    }
    let rate = f64::from(u32::try_from(sent).unwrap()) / begun.elapsed().as_secs_f64();
    report(
        "outbox: claimed and settled beside 10,000 of another channel",
        format!("{rate:.0} a second"),
    );
    let begun = Instant::now();
    let counts = store.reader().outbox_counts().await.unwrap();
    report(
        "outbox: counted",
        format!("{:?}, {} channels", begun.elapsed(), counts.len()),
    );
    store.close().await;
}

async fn year_of_history() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.store;
    let instance = store.instance("default").await.unwrap();
    let mut memory = catalogue(10_000, false);
    save(&store, instance, 0, &first_sight(memory.clone())).await;
    let begun = Instant::now();
    for turn in 1..=1000usize {
        let decided = some_changed(&memory, 2, turn);
        save(&store, instance, i64::try_from(turn).unwrap() * 60_000, &decided).await;
        memory = decided.next;
    }
    report(
        "year of history: 5,000,000 changes recorded",
        format!("{:?}", begun.elapsed()),
    );
    store.close().await;
    let begun = Instant::now();
    let Opened { store, unchecked, .. } = open(folder.path()).await;
    let opened = begun.elapsed();
    let read = store.reader().memory(instance, &placeholder()).await.unwrap();
    assert_eq!(read.products.len(), 10_000);
    report(
        "year of history: start",
        format!(
            "{opened:?} to open, {:?} with the memory, {} bytes",
            begun.elapsed(),
            size(folder.path())
        ),
    );
    let begun = Instant::now();
    store.quick_check().await.unwrap();
    report(
        "year of history: quick_check",
        format!("{:?}, left for later: {unchecked}", begun.elapsed()),
    );
    let begun = Instant::now();
    store
        .reader()
        .catalogue_at(instance, at(500 * 60_000))
        .await
        .unwrap()
        .unwrap();
    report(
        "year of history: the catalogue half way",
        format!("{:?}", begun.elapsed()),
    );
    store.close().await;
}
