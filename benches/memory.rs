//! What a large catalogue with details costs in memory: sizes of the types, and the process after each step.
//!
//! `cargo bench --bench memory`, or with a number of products. Each product has 3 options of 4 choices of its own ids
//! in both actions, as a shop has whose products do not share option groups: the worst case.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use uuid::Uuid;
use whmcs_stock_monitor::domain::alerting::decide::Seen;
use whmcs_stock_monitor::domain::alerting::decide::decide;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::product::Policy;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::state::Combination;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::capacity::Capacities;
use whmcs_stock_monitor::domain::catalogue::Choice;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::ConfigOption;
use whmcs_stock_monitor::domain::catalogue::Details;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::forecast::Forecasts;
use whmcs_stock_monitor::domain::people::People;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::store::save::PollRecord;
use whmcs_stock_monitor::whmcs::intern::Interner;
use whmcs_stock_monitor::whmcs::wire::Element;

const OPTIONS: usize = 3;
const CHOICES: usize = 4;

fn main() {
    let products: i64 = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(100_000);
    println!(
        "bytes: Choice {}, ConfigOption {}, Listing {}, Details {}, Product {}, Tracked {}, Combination {}",
        size_of::<Choice>(),
        size_of::<ConfigOption>(),
        size_of::<Listing>(),
        size_of::<Details>(),
        size_of::<Product>(),
        size_of::<Tracked>(),
        size_of::<Combination>()
    );
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(measure(products));
}

async fn measure(products: i64) {
    report("at the start");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stock.db");
    let store = Store::open(&StoreSettings { path }).await.unwrap().store;
    let instance = store.instance("default").await.unwrap();
    let rules = Rules::new(5, 1, Vec::new(), Vec::new());
    let mut interner = Interner::default();
    let mut listings: Vec<Arc<Listing>> = Vec::new();
    for id in 1..=products {
        let element = listing(id);
        listings.push(Arc::new(
            Listing::read(element.as_bytes(), &mut interner).unwrap(),
        ));
    }
    report("listings read");
    let mut seen: Vec<Arc<Product>> = Vec::new();
    for listing in &listings {
        let element = details(listing.id);
        let details = Details::read(element.as_bytes(), &mut interner).unwrap();
        seen.push(Arc::new(Product {
            listing: Arc::clone(listing),
            details: Some(Arc::new(details)),
            details_fresh: true,
        }));
    }
    report("details read");
    let mut memory = Memory::default();
    for poll in ["the first poll", "a poll without changes"] {
        let started = Instant::now();
        interner.sweep(
            seen.iter().map(|product| &*product.listing),
            seen.iter().filter_map(|product| product.details.as_deref()),
        );
        let snapshot = Snapshot {
            observed_at: Timestamp::now(),
            products: seen.clone(),
            companion: Companion::Contract1,
        };
        let decision = decided(&rules, &memory, &snapshot);
        report(&format!("{poll} decided ({:?})", started.elapsed()));
        let mut tx = store.begin_write().await.unwrap();
        let id = tx.poll(instance, &record(&snapshot, &decision)).await.unwrap();
        tx.save(instance, id, &decision).await.unwrap();
        tx.commit().await.unwrap();
        memory = decision.next;
        report(&format!("{poll} recorded ({:?})", started.elapsed()));
    }
    store.close().await;
    report("closed");
    assert_eq!(memory.products.len(), seen.len());
}

fn decided(rules: &Rules, before: &Memory, snapshot: &Snapshot) -> Decision {
    let policy = Policy {
        instance: "default",
        rules,
        capacities: &Capacities::default(),
        pools: None,
        people: &People::default(),
        forecasts: &Forecasts::default(),
    };
    decide(
        policy,
        before,
        Seen::Catalogue(snapshot),
        snapshot.observed_at,
        &mut Uuid::new_v4,
    )
}

fn record(snapshot: &Snapshot, decision: &Decision) -> PollRecord {
    PollRecord {
        part: false,
        observed_at: snapshot.observed_at,
        duration: Duration::from_secs(1),
        outcome: decision.outcome,
        detail: String::new(),
        products: Some(snapshot.products.len()),
        changes: decision.level_changes,
        attempts: Vec::new(),
    }
}

fn listing(id: i64) -> String {
    format!(
        r#"{{"pid":{id},"gid":{},"name":"Server {id:06}","quantity_available":{},"configoptions":{{"configoption":[{}]}}}}"#,
        1 + id % 20,
        id % 60,
        options(id, false)
    )
}

fn details(id: i64) -> String {
    let keys = format!(
        r#"{{"options":"{0}=1{0};{1}=1{1}","inuse":{2}}}"#,
        id,
        id + 1,
        id % 9
    );
    format!(
        r#"{{"pid":{id},"gid":{gid},"groupname":"Group {gid}","name":"Server {id:06}","hidden":0,"retired":0,"stockcontrol":1,"qty":{},"inuse":{},"configoptions":{{"configoption":[{}]}},"combinations":{{"combination":[{keys}]}}}}"#,
        id % 60,
        id % 9,
        options(id, true),
        gid = 1 + id % 20,
    )
}

/// Ids that no other product has; names that all have.
fn options(product: i64, counted: bool) -> String {
    let mut text = String::new();
    for (nth, option) in (product * 10..).take(OPTIONS).enumerate() {
        let comma = if nth > 0 { "," } else { "" };
        let _ = write!(
            text,
            r#"{comma}{{"id":{option},"name":"Option {nth}","type":"1","options":{{"option":["#
        );
        for (nth, choice) in (option * 10..).take(CHOICES).enumerate() {
            let comma = if nth > 0 { "," } else { "" };
            let count = if counted {
                format!(r#","hidden":0,"inuse":{}"#, choice % 7)
            } else {
                String::new()
            };
            let _ = write!(text, r#"{comma}{{"id":{choice},"name":"Choice {nth}"{count}}}"#);
        }
        text.push_str("]}}");
    }
    text
}

/// What the kernel counts for this process, now and at its peak.
fn report(step: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        status
            .lines()
            .find_map(|line| {
                line.strip_prefix(name)?
                    .trim()
                    .strip_suffix(" kB")?
                    .trim()
                    .parse::<u64>()
                    .ok()
            })
            .map_or_else(
                || "?".to_owned(),
                |kilobytes| format!("{:.1} MB", kilobytes as f64 / 1000.0),
            )
    };
    println!("{step:<60} {:>10} (peak {})", of("VmRSS:"), of("VmHWM:"));
}
