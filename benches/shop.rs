//! The simulated shop as a process of its own: what the daemon and the floor are measured against.
//!
//! It prints its addresses, then a line for each catalogue that was sent and each webhook that arrived, with the
//! nanoseconds since 1970; it takes commands on stdin: `change PERMILLE`, `set PRODUCT STOCK`.

use std::io;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::SystemTime;

use anyhow::Context;
use anyhow::Result;
use clap::Parser;
use clap::ValueEnum;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::sinks::webhook::Reply;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long, default_value_t = 1000)]
    products: usize,
    #[arg(long, value_enum, default_value_t = Details::None)]
    details: Details,
    /// The stock of every product at first; where absent, 0 to 59.
    #[arg(long)]
    stock: Option<i64>,
    /// Gives one combination of each product a stock of its own.
    #[arg(long)]
    combinations: bool,
    /// How many in a thousand products get another stock after each catalogue that was sent.
    #[arg(long, default_value_t = 0)]
    change: usize,
    /// How often it looks whether a catalogue was sent.
    #[arg(long, default_value_t = 1000)]
    watch_us: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Details {
    None,
    Contract1,
    Foreign,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let simulator = Arc::new(runtime.block_on(start(&arguments))?);
    let (live, dead) = runtime.block_on(sinks())?;
    say(&format!("api {}", simulator.url()))?;
    say(&format!("hook {}", live.url()))?;
    say(&format!("dead {}", dead.url()))?;
    let change = Arc::new(AtomicUsize::new(arguments.change));
    let watched = (
        Arc::clone(&simulator),
        Arc::clone(&change),
        Duration::from_micros(arguments.watch_us),
    );
    thread::spawn(move || watch(&watched.0, &watched.1, watched.2));
    runtime.spawn(tell_hooks(live));
    for line in io::stdin().lines() {
        obey(&line?, &simulator, &change)?;
    }
    Ok(())
}

async fn start(arguments: &Arguments) -> Result<Simulator> {
    let mut shop = Shop::bulk(arguments.products, 3, 4);
    shop.change_habits(|habits| {
        habits.companion = match arguments.details {
            Details::None => Companion::None,
            Details::Contract1 => Companion::Contract1,
            Details::Foreign => Companion::Foreign,
        }
    });
    for pid in ids(&shop) {
        shop.edit(pid, |product| {
            if let Some(stock) = arguments.stock {
                product.qty = stock;
            }
            if arguments.combinations {
                let picks = product.default_picks();
                let pairs: Vec<String> = picks
                    .iter()
                    .map(|(option, choice)| format!("{option}={choice}"))
                    .collect();
                product.combination_stock.insert(pairs.join(";"), pid % 40);
            }
        })?;
    }
    // Rendered before the first question, so that nobody waits for it.
    shop.catalogue();
    if arguments.details != Details::None {
        let ids = ids(&shop);
        shop.details(&ids);
    }
    let mut settings = Settings::default();
    settings.access.identifier = "bench".to_owned();
    settings.access.secret = "bench".to_owned();
    Ok(Simulator::start_with(shop, settings).await?)
}

async fn sinks() -> Result<(WebhookSink, WebhookSink)> {
    let (live, dead) = (WebhookSink::start().await?, WebhookSink::start().await?);
    dead.always(Reply::Hang);
    Ok((live, dead))
}

/// Says what was sent and when, and changes the shop after each catalogue.
fn watch(simulator: &Simulator, change: &AtomicUsize, pause: Duration) {
    let ids = ids(&simulator.shop());
    let (mut at, mut last, mut details) = (0, 0, 0);
    loop {
        thread::sleep(pause);
        if simulator.request_count() == last {
            continue;
        }
        let requests = simulator.requests();
        if requests.iter().any(|request| !request.finished) {
            continue;
        }
        let now = nanoseconds(SystemTime::now());
        simulator.forget();
        for request in &requests {
            last = request.number;
            let told = if request.action == "GetProducts" {
                let count = ids.len() * change.load(Ordering::Relaxed) / 1000;
                at = move_stock(simulator, &ids, at, count);
                say(&format!("poll {now}"))
            } else {
                details += 1;
                say(&format!("details {now} {details}"))
            };
            if told.is_err() {
                return;
            }
        }
    }
}

/// Gives the next `count` products another stock, in turn; returns where it got to.
fn move_stock(simulator: &Simulator, ids: &[i64], at: usize, count: usize) -> usize {
    let mut shop = simulator.shop();
    for pid in ids.iter().cycle().skip(at).take(count) {
        let stock = shop.product(*pid).map_or(0, |product| product.qty);
        // Away from the thresholds: what is measured is a level that moves, not an alert.
        let next = if stock == 40 { 41 } else { 40 };
        let _ = shop.set_qty(*pid, next);
    }
    shop.catalogue();
    (at + count) % ids.len().max(1)
}

async fn tell_hooks(sink: WebhookSink) {
    let mut received = sink.subscribe();
    let mut told = 0;
    while received.changed().await.is_ok() {
        let new: Vec<_> = received.borrow_and_update().iter().skip(told).cloned().collect();
        told += new.len();
        for request in new {
            let line = format!("hook {} {}", request.arrived.as_nanosecond(), request.body.len());
            if say(&line).is_err() {
                return;
            }
        }
    }
}

fn obey(line: &str, simulator: &Simulator, change: &AtomicUsize) -> Result<()> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match words[..] {
        ["change", permille] => change.store(permille.parse()?, Ordering::Relaxed),
        ["set", product, stock] => {
            let mut shop = simulator.shop();
            shop.set_qty(product.parse()?, stock.parse()?)?;
            shop.catalogue();
        }
        _ => anyhow::bail!("no such command: {line}"),
    }
    Ok(())
}

fn ids(shop: &Shop) -> Vec<i64> {
    shop.products().map(|product| product.pid).collect()
}

fn nanoseconds(at: SystemTime) -> u128 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos()
}

fn say(line: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").context("nobody listens")?;
    out.flush()?;
    Ok(())
}
