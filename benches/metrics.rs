//! What a scrape of `/metrics` costs: the stock series of 10,000 and 100,000 series.

#![expect(clippy::expect_used, reason = "a bench fails as a test does")]

#[path = "../tests/support/memory.rs"]
mod fixture;

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use fixture::combination;
use fixture::frozen;
use fixture::memory;
use fixture::product;
use fixture::series;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::observe::metrics;
use whmcs_stock_monitor::observe::view::Instance;
use whmcs_stock_monitor::observe::view::Seen;

/// A shop that makes about this many series: five for a product, two for a combination.
fn shop(wanted: usize) -> Seen {
    let products = (0..wanted / 7).map(|n| {
        let id = i64::try_from(n).expect("small");
        let state = match n % 50 {
            0 => frozen(2),
            1 => series(Level::Known(0)),
            _ => series(Level::Known(id % 90)),
        };
        let mut product = product(id, &format!("Dedicated server \"DS-{n}\""), state);
        let label = format!("RAM: {n} GB, Disk: 2x NVMe");
        product.combinations = vec![combination("4=11;5=20", &label, series(Level::Known(3)))];
        product
    });
    let mut seen = Seen::default();
    seen.instances = vec![Instance::new("default", memory(products.collect()))];
    seen.channels = vec![Arc::from("email")];
    seen
}

fn scrape(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("metrics");
    for wanted in [10_000, 100_000] {
        let seen = shop(wanted);
        let series = metrics::stock(&seen)
            .lines()
            .filter(|line| !line.starts_with('#'))
            .count();
        group.throughput(Throughput::Elements(series as u64));
        group.bench_function(format!("{wanted} series"), |bench| {
            bench.iter(|| metrics::stock(black_box(&seen)));
        });
    }
    group.finish();
}

criterion_group!(benches, scrape);
criterion_main!(benches);
