//! How long deciding takes: large catalogues, unchanged and with 1 % changed since the last look.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use jiff::Timestamp;
use uuid::Uuid;
use whmcs_stock_monitor::domain::alerting::decide::Seen;
use whmcs_stock_monitor::domain::alerting::decide::decide;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::product::Policy;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::capacity::Capacities;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::forecast::Forecasts;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::people::People;

fn product(id: i64, level: i64) -> Arc<Product> {
    Arc::new(Product {
        listing: Arc::new(Listing {
            id,
            group_id: Some(id % 20),
            name: Name::new(&format!("VPS {id}")),
            quantity: Figure::Number(level),
            price: None,
            options: Vec::new().into(),
            source_hash: 0,
        }),
        details: None,
        details_fresh: false,
    })
}

fn rules() -> Rules {
    let dedicated = Rule {
        origin: "rule 1".to_owned(),
        products: vec![Pattern::text("vps 9*")],
        low: Some(10),
        ..Rule::default()
    };
    let mail = ChannelPolicy {
        name: "mail".to_owned(),
        severities: Vec::new(),
        default: true,
        quiet: None,
    };
    Rules::new(5, 1, vec![dedicated], vec![mail])
}

fn look(rules: &Rules, before: &Memory, snapshot: &Snapshot) -> Decision {
    let capacities = Capacities::default();
    let policy = Policy {
        instance: "default",
        rules,
        capacities: &capacities,
        pools: None,
        people: &People::default(),
        forecasts: &Forecasts::default(),
    };
    let mut ids = 0;
    let mut new_id = || {
        ids += 1;
        Uuid::from_u128(ids)
    };
    let seen = Seen::Catalogue(snapshot);
    decide(policy, before, seen, snapshot.observed_at, &mut new_id)
}

fn snapshot(products: Vec<Arc<Product>>, second: i64) -> Snapshot {
    Snapshot {
        observed_at: Timestamp::from_second(second).unwrap_or_default(),
        products,
        companion: Companion::Absent,
    }
}

fn a_catalogue(criterion: &mut Criterion, size: i64) {
    let rules = rules();
    let products: Vec<Arc<Product>> = (0..size).map(|id| product(id, 20 + id % 80)).collect();
    let first = snapshot(products.clone(), 1_000);
    let memory = look(&rules, &Memory::default(), &first).next;
    let unchanged = snapshot(products.clone(), 1_300);
    let mut fewer = products;
    for (id, slot) in (0..size).zip(&mut fewer).step_by(100) {
        // One in five of them goes low: moves, tells, and is recorded.
        *slot = product(id, if id % 500 == 0 { 3 } else { 19 });
    }
    let changed = snapshot(fewer, 1_300);
    let mut group = criterion.benchmark_group(format!("decide over {size} products"));
    group.sample_size(20);
    group.bench_function("first sight", |bencher| {
        bencher.iter(|| look(&rules, &Memory::default(), black_box(&first)).changes.len());
    });
    group.bench_function("unchanged", |bencher| {
        bencher.iter(|| look(&rules, &memory, black_box(&unchanged)).changes.len());
    });
    group.bench_function("1 % changed", |bencher| {
        bencher.iter(|| look(&rules, &memory, black_box(&changed)).changes.len());
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    a_catalogue(&mut criterion, 10_000);
    a_catalogue(&mut criterion, 100_000);
    criterion.final_summary();
}
