//! What a scrape of `/metrics` costs: the stock series of 10,000 and 100,000 series, written and compressed, and the
//! memory that their text takes.

#![expect(clippy::expect_used, reason = "a bench fails as a test does")]

#[path = "../tests/support/memory.rs"]
mod fixture;

use std::hint::black_box;
use std::io::Write;
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
use flate2::Compression;
use flate2::write::GzEncoder;
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
    Seen {
        instances: vec![Instance::new("default", memory(products.collect()))],
        channels: vec![Arc::from("email")],
        pools: Arc::default(),
        ..Seen::default()
    }
}

/// As the server compresses it.
fn compressed(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).expect("a Vec takes all");
    gzip.finish().expect("a Vec takes all")
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
        let text = metrics::stock(&seen);
        group.bench_function(format!("{wanted} series, compressed"), |bench| {
            bench.iter(|| compressed(black_box(&text)));
        });
        println!(
            "{series} series: {} bytes of text in {} of memory, {} compressed",
            text.len(),
            text.capacity(),
            compressed(&text).len()
        );
    }
    group.finish();
}

criterion_group!(benches, scrape);
criterion_main!(benches);
