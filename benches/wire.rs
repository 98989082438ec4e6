//! How fast a body is scanned and read, against serde_json on the same bytes.

#![expect(clippy::expect_used, reason = "a bench may panic")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use serde::Deserialize;
use serde::de::IgnoredAny;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::whmcs::answer::Answer;
use whmcs_stock_monitor::whmcs::answer::Page;
use whmcs_stock_monitor::whmcs::form::Credentials;
use whmcs_stock_monitor::whmcs::form::SignIn;
use whmcs_stock_monitor::whmcs::intern::Interner;
use whmcs_stock_monitor::whmcs::judge::Reply;
use whmcs_stock_monitor::whmcs::recall::Recall;
use whmcs_stock_monitor::whmcs::scan::Scanner;
use whmcs_stock_monitor::whmcs::wire::source_hash;

/// About what a busy connection hands over at once.
const CHUNK: usize = 64 * 1024;

/// A catalogue in the documented shape: 3 options of 4 choices, the full price matrix, about 5.8 kB a product.
fn body(products: usize) -> Vec<u8> {
    let prices = r#"{"EUR":{"prefix":"","suffix":" EUR","msetupfee":"0.00","qsetupfee":"0.00","ssetupfee":"0.00","asetupfee":"0.00","bsetupfee":"0.00","tsetupfee":"0.00","monthly":"5.00","quarterly":"15.00","semiannually":"30.00","annually":"60.00","biennially":"-1.00","triennially":"-1.00"}}"#;
    let options = |product: usize| {
        (0..3)
            .map(|option| {
                let id = product * 3 + option;
                let choices = (0..4)
                    .map(|choice| format!(r#"{{"id":{},"name":"Choice {choice}","rawName":"Choice {choice}","recurring":5,"required":0,"pricing":{prices}}}"#, id * 4 + choice))
                    .collect::<Vec<_>>();
                format!(r#"{{"id":{id},"name":"Option {option}","type":"1","minqty":0,"maxqty":0,"options":{{"option":[{}]}}}}"#, choices.join(","))
            })
            .collect::<Vec<_>>()
            .join(",")
    };
    let list = (0..products)
        .map(|i| {
            format!(
                r#"{{"pid":{i},"gid":{},"type":"server","name":"DS-{i} &amp; more","slug":"ds-{i}","product-url":"https:\/\/shop.example\/store\/ds-{i}","description":"{}","module":"proxmox","paytype":"recurring","allowqty":0,"quantity_available":{},"pricing":{prices},"customfields":{{"customfield":[{{"id":{i},"name":"Hostname","description":"","required":"on"}}]}},"configoptions":{{"configoption":[{}]}}}}"#,
                i % 10,
                "<p>A server with \\\"much\\\" of everything.<\\/p>\\r\\n".repeat(8),
                i % 50,
                options(i)
            )
        })
        .collect::<Vec<_>>()
        .join(",");
    format!(r#"{{"result":"success","totalresults":{products},"products":{{"product":[{list}]}}}}"#)
        .into_bytes()
}

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow)]
    products: Products<'a>,
}

#[derive(Deserialize)]
struct Products<'a> {
    #[serde(borrow)]
    product: Vec<Typed<'a>>,
}

#[derive(Deserialize)]
struct Typed<'a> {
    pid: i64,
    gid: i64,
    name: std::borrow::Cow<'a, str>,
    quantity_available: i64,
}

fn read(body: &[u8], known: &Arc<Vec<Arc<Listing>>>, interner: &Arc<Mutex<Interner>>) -> Page<Listing> {
    let mut answer = Answer::new(Recall::new(Arc::clone(known)), Arc::clone(interner));
    for chunk in body.chunks(CHUNK) {
        assert!(answer.feed(chunk));
    }
    let reply = Reply {
        status: 200,
        framed: true,
        ..Reply::default()
    };
    let credentials = Credentials {
        sign_in: SignIn::Credentials {
            identifier: "i".into(),
            secret: "s".into(),
        },
        access_key: None,
    };
    answer.finish(&reply, &credentials).expect("a sound body")
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    for products in [100, 10_000] {
        let body = body(products);
        let name = |what: &str| BenchmarkId::new(what.to_owned(), products);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name("floor: serde_json ignores the whole"), |b| {
            b.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(&body)).expect("sound"));
        });
        group.bench_function(name("floor: serde_json reads 4 fields"), |b| {
            b.iter(|| {
                let whole: Whole<'_> = serde_json::from_slice(black_box(&body)).expect("sound");
                whole
                    .products
                    .product
                    .iter()
                    .map(|p| p.pid + p.gid + p.quantity_available + p.name.len() as i64)
                    .sum::<i64>()
            });
        });
        group.bench_function(name("scan"), |b| {
            b.iter(|| {
                let mut scanner = Scanner::new();
                for chunk in black_box(&body).chunks(CHUNK) {
                    scanner.feed(chunk, |_| Ok::<(), ()>(())).expect("sound");
                }
                scanner.finish().expect("whole").elements
            });
        });
        group.bench_function(name("scan and hash"), |b| {
            b.iter(|| {
                let mut scanner = Scanner::new();
                let mut hash = 0;
                for chunk in black_box(&body).chunks(CHUNK) {
                    let take = |element: &[u8]| {
                        hash ^= source_hash(element);
                        Ok::<(), ()>(())
                    };
                    scanner.feed(chunk, take).expect("sound");
                }
                hash
            });
        });
        group.bench_function(name("first look"), |b| {
            b.iter(|| {
                read(black_box(&body), &Arc::default(), &Arc::default())
                    .items
                    .len()
            });
        });
        let interner = Arc::default();
        let known = Arc::new(read(&body, &Arc::default(), &interner).items);
        group.bench_function(name("a look at what did not change"), |b| {
            b.iter(|| read(black_box(&body), &known, &interner).items.len());
        });
    }
    group.finish();
}

criterion_group!(wire, benches);
criterion_main!(wire);
