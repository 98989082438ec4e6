//! The real program under `kill -9` at random instants while stock crosses thresholds: each crossing recorded once,
//! each message delivered, none told out of line.
//!
//! `KILLS` says how often (30), `KILL_SEED` repeats a run's instants as far as a machine can.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod daemon;
#[path = "support/receivers.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod receivers;

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use daemon::Home;
use jiff::Timestamp;
use receivers::Receivers;
use rustix::process::Signal;
use serde_json::Value;
use sqlx::Connection;
use sqlx::Row;
use sqlx::SqliteConnection;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::ShopHandle;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::sinks::mail_script::Fault;
use whmcs_stock_monitor::sinks::mail_script::Step;
use whmcs_stock_monitor::sinks::webhook::Reply;

const PRODUCTS: i64 = 12;
/// Only these sell out: more of them at once would be doubted.
const MAY_SELL_OUT: i64 = 4;
/// Around the thresholds of 5 and 2 and the margin of 1.
const STOCKS: [i64; 9] = [12, 7, 6, 5, 4, 3, 2, 1, 0];
const CHANNELS: [&str; 2] = ["email", "webhook"];
const STAFF: [&str; 2] = ["sales@shop.example", "depot@shop.example"];

/// Random numbers that a seed repeats.
struct Random(u64);

impl Random {
    /// One of 0 to `below`, exclusive.
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        let last = u64::try_from(list.len()).expect("a length");
        list[usize::try_from(self.below(last)).expect("a place")]
    }
}

fn number_of(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

fn opened() -> Shop {
    let product = |pid| Product::new(pid, 1, "Servers", &format!("DS-{pid}")).with_stock(12);
    Shop::new(Version::V8_12, Companion::None).with_products((1..=PRODUCTS).map(product))
}

/// Sells and restocks until told to stop.
fn trade(shop: &ShopHandle, mut random: Random, closing: &AtomicBool) {
    while !closing.load(Ordering::SeqCst) {
        let pid = 1 + i64::try_from(random.below(PRODUCTS.unsigned_abs())).expect("small");
        let stock = random.of(&STOCKS);
        let stock = if pid > MAY_SELL_OUT { stock.max(1) } else { stock };
        shop.lock().set_qty(pid, stock).expect("a product");
        thread::sleep(Duration::from_millis(20 + random.below(100)));
    }
}

/// What is recorded of a shop, as the test reads it: without the program's own code.
#[derive(Default)]
struct Recorded {
    /// Accepted ones, in order, each with the levels that changed in it.
    polls: Vec<(i64, BTreeMap<i64, i64>)>,
    crossings: Vec<Crossing>,
    deliveries: Vec<Delivery>,
    /// By channel and product.
    told: BTreeMap<(String, i64), i64>,
}

/// A severity that moved; the numbers are those of the schema.
#[derive(Debug, PartialEq, Eq)]
struct Crossing {
    poll: i64,
    product: i64,
    from: i64,
    to: i64,
    reason: &'static str,
    level: i64,
    previous_level: Option<i64>,
}

#[derive(Debug)]
struct Delivery {
    id: String,
    channel: String,
    recipient: String,
    kind: String,
    state: String,
}

const REASONS: [&str; 4] = ["first", "worse", "better", "recovered"];

async fn recorded(home: &Home) -> Recorded {
    let url = format!("sqlite://{}", home.path("data/stock.db").display());
    let mut db = SqliteConnection::connect(&url).await.expect("opens");
    let integrity: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&mut db)
        .await
        .expect("checks");
    assert_eq!(integrity, ["ok"]);
    let dangling = sqlx::query("PRAGMA foreign_key_check")
        .fetch_all(&mut db)
        .await
        .expect("checks");
    assert_eq!(dangling.len(), 0, "references that point nowhere");
    let mut recorded = Recorded::default();
    let mut all = async |sql| sqlx::query(sql).fetch_all(&mut db).await.expect(sql);
    for row in all("SELECT id FROM polls WHERE outcome = 0 ORDER BY id").await {
        recorded.polls.push((row.get(0), BTreeMap::new()));
    }
    let levels = "SELECT l.poll_id, s.product_id, l.level FROM levels l JOIN series s \
        ON s.instance_id = l.instance_id AND s.number = l.series ORDER BY l.poll_id";
    for row in all(levels).await {
        let poll: i64 = row.get(0);
        let at = recorded
            .polls
            .binary_search_by_key(&poll, |(id, _)| *id)
            .expect("an accepted poll");
        recorded.polls[at].1.insert(row.get(1), row.get(2));
    }
    let events = "SELECT poll_id, product_id, severity_from, severity_to, reason, level, previous_level \
        FROM events WHERE kind = 'severity' ORDER BY poll_id, product_id";
    for row in all(events).await {
        let reason: String = row.get(4);
        recorded.crossings.push(Crossing {
            poll: row.get(0),
            product: row.get(1),
            from: row.get(2),
            to: row.get(3),
            reason: REASONS
                .into_iter()
                .find(|known| *known == reason)
                .expect("a reason"),
            level: row.get(5),
            previous_level: row.get(6),
        });
    }
    let deliveries = "SELECT m.id, o.channel, o.recipient, m.kind, o.state \
        FROM outbox o JOIN messages m ON m.number = o.message ORDER BY o.id";
    for row in all(deliveries).await {
        recorded.deliveries.push(Delivery {
            id: row.get(0),
            channel: row.get(1),
            recipient: row.get(2),
            kind: row.get(3),
            state: row.get(4),
        });
    }
    let told = "SELECT t.channel, s.product_id, t.severity FROM told t JOIN series s \
        ON s.instance_id = t.instance_id AND s.number = t.series";
    for row in all(told).await {
        recorded.told.insert((row.get(0), row.get(1)), row.get(2));
    }
    recorded
}

/// The severity of a level on its own.
fn classified(level: i64) -> i64 {
    match level {
        ..=0 => 3,
        1..=2 => 2,
        3..=5 => 1,
        6.. => 0,
    }
}

/// The crossings that the recorded levels make, by a model of its own, and the last levels.
fn modelled(recorded: &Recorded) -> (Vec<Crossing>, BTreeMap<i64, i64>) {
    let (mut levels, mut severities) = (BTreeMap::new(), BTreeMap::new());
    let mut crossings = Vec::new();
    for (poll, changed) in &recorded.polls {
        for (product, level) in changed {
            let previous_level = levels.insert(*product, *level);
            assert_ne!(
                previous_level,
                Some(*level),
                "a level that did not change has no row"
            );
            let Some(from) = severities.get(product).copied() else {
                severities.insert(*product, classified(*level));
                continue;
            };
            // Low is left above 6 only.
            let to = if from == 1 && *level == 6 {
                1
            } else {
                classified(*level)
            };
            severities.insert(*product, to);
            let reason = match (from, to) {
                _ if from == to => continue,
                (_, 0) => "recovered",
                (0, _) => "first",
                _ if to > from => "worse",
                _ => "better",
            };
            crossings.push(Crossing {
                poll: *poll,
                product: *product,
                from,
                to,
                reason,
                level: *level,
                previous_level,
            });
        }
    }
    (crossings, levels)
}

/// Each recorded catalogue is one that was served, in the order of serving; served ones may be missing.
fn assert_seen_as_served(recorded: &Recorded, simulator: &Simulator) {
    let served = simulator.served();
    let mut rest = served.iter();
    let mut levels = BTreeMap::new();
    for (poll, changed) in &recorded.polls {
        levels.extend(changed);
        let fits = rest.any(|answer| {
            answer
                .levels
                .iter()
                .map(|(pid, level)| (pid, level))
                .eq(levels.iter().map(|(pid, level)| (*pid, *level)))
        });
        assert!(
            fits,
            "poll {poll} recorded what was not served after the one before: {levels:?}"
        );
    }
}

/// When each message reached each recipient.
fn arrivals(receivers: &Receivers) -> BTreeMap<(String, String), Vec<Timestamp>> {
    let mut arrivals: BTreeMap<(String, String), Vec<Timestamp>> = BTreeMap::new();
    for request in receivers.hook.requests() {
        let id = request.header("webhook-id").expect("an id").to_owned();
        arrivals
            .entry((id, "webhook".to_owned()))
            .or_default()
            .push(request.arrived);
    }
    for mail in receivers.mail.mails() {
        let header = mail.header("message-id").expect("an id");
        let id = header
            .trim_start_matches('<')
            .split('@')
            .next()
            .unwrap_or_default()
            .to_owned();
        let [recipient] = mail.to.as_slice() else {
            panic!("a mail to {:?}", mail.to);
        };
        arrivals
            .entry((id, recipient.clone()))
            .or_default()
            .push(mail.arrived);
    }
    arrivals
}

/// Every recorded message reached every recipient; how many came again, which only a kill between may cause.
fn assert_delivered(recorded: &Recorded, receivers: &Receivers, kills: &[Timestamp]) -> usize {
    let mut arrivals = arrivals(receivers);
    let mut repeats = 0;
    for delivery in &recorded.deliveries {
        let key = (delivery.id.clone(), delivery.recipient.clone());
        let came = arrivals.remove(&key).unwrap_or_default();
        assert!(!came.is_empty(), "lost: {delivery:?}");
        assert_eq!(delivery.state, "sent", "{delivery:?}");
        for two in came.windows(2) {
            let explained = kills.iter().any(|kill| (two[0]..=two[1]).contains(kill));
            assert!(
                explained,
                "{delivery:?} came twice without a kill between: {two:?}"
            );
            repeats += 1;
        }
    }
    assert!(arrivals.is_empty(), "came, but is not recorded: {arrivals:?}");
    repeats
}

fn rank(severity: &Value) -> i64 {
    let names = ["ok", "low", "critical", "out"];
    let rank = names
        .iter()
        .position(|name| severity == *name)
        .expect("a severity");
    i64::try_from(rank).expect("small")
}

/// What a message says of a product: its id, the severity last told, the severity now.
type Word = (i64, i64, i64);

/// What is to be told of the crossings, poll by poll, and where that ends.
fn to_be_told(recorded: &Recorded, crossings: &[Crossing]) -> (Vec<Vec<Word>>, BTreeMap<i64, i64>) {
    let first = &recorded.polls.first().expect("a poll").1;
    let mut told: BTreeMap<i64, i64> = first
        .iter()
        .map(|(product, level)| (*product, classified(*level)))
        .collect();
    let mut messages = Vec::new();
    for of_poll in crossings.chunk_by(|one, next| one.poll == next.poll) {
        let mut alerts = Vec::new();
        for Crossing { product, to, .. } in of_poll {
            let before = told.insert(*product, *to).expect("a product");
            // What got better is said where it left out, and where it is well again.
            if *to > before || (*to < before && (*to == 0 || before == 3)) {
                alerts.push((*product, before, *to));
            } else {
                told.insert(*product, before);
            }
        }
        if !alerts.is_empty() {
            messages.push(alerts);
        }
    }
    (messages, told)
}

/// What was told is what the crossings call for, each word once and in line with the one before.
fn assert_told_in_line(recorded: &Recorded, receivers: &Receivers, crossings: &[Crossing]) {
    let requests = receivers.hook.requests();
    let alerts = |delivery: &Delivery| {
        let came = requests
            .iter()
            .find(|request| request.header("webhook-id") == Some(&delivery.id));
        let payload: Value = serde_json::from_slice(&came.expect("it came").body).expect("JSON");
        let told = |alert: &Value| {
            let product = alert["product"]["id"].as_i64().expect("an id");
            (
                product,
                rank(&alert["previous_severity"]),
                rank(&alert["severity"]),
            )
        };
        let mut alerts: Vec<_> = payload["data"]["alerts"]
            .as_array()
            .expect("alerts")
            .iter()
            .map(told)
            .collect();
        alerts.sort_unstable();
        alerts
    };
    let said = |channel: &'static str| {
        recorded
            .deliveries
            .iter()
            .filter(move |one| one.channel == channel)
    };
    let by_webhook: Vec<_> = said("webhook")
        .filter(|delivery| delivery.kind == "stock.alerts")
        .map(alerts)
        .collect();
    let (messages, last) = to_be_told(recorded, crossings);
    assert_eq!(by_webhook, messages);
    for channel in CHANNELS {
        for (product, severity) in &last {
            let stored = recorded
                .told
                .get(&(channel.to_owned(), *product))
                .copied()
                .unwrap_or(0);
            assert_eq!(stored, *severity, "{channel} was last told of product {product}");
        }
    }
    // Both channels take everything, so both were told the same; a mail goes to each of the staff.
    let kinds = |channel| said(channel).map(|delivery| delivery.kind.as_str());
    for recipient in STAFF {
        let mails = said("email").filter(|delivery| delivery.recipient == recipient);
        assert!(
            mails.map(|delivery| delivery.kind.as_str()).eq(kinds("webhook")),
            "{recipient}"
        );
    }
}

#[test]
fn kills_at_random_instants_lose_nothing_and_record_every_crossing_once() {
    let kills = number_of("KILLS").unwrap_or(30);
    let seed = number_of("KILL_SEED").unwrap_or_else(|| Timestamp::now().as_microsecond().unsigned_abs());
    println!("KILLS={kills} KILL_SEED={seed}");
    let mut random = Random(seed);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let simulator = runtime.block_on(Simulator::start(opened())).expect("a shop");
    let receivers = Receivers::start();
    // Slow to let us begin and slow to thank, so that kills hit the time before acceptance and the time after it.
    receivers.hook.always(Reply::Late(204, Duration::from_millis(15)));
    let slowly = Some(Fault::Tarpit(Duration::from_millis(1)));
    receivers.mail.always(Step::Rcpt, slowly.clone());
    receivers.mail.always(Step::Body, slowly);
    let mut home = Home::new(&[]);
    for (name, value) in receivers.settings(&simulator.url()) {
        home.set(name, &value);
    }
    for (name, value) in [
        ("WHMCS_API_IDENTIFIER", simulator.identifier()),
        ("WHMCS_API_SECRET", simulator.secret()),
        ("POLL_SCHEDULE", "every 100ms"),
        ("FLAP_LIMIT", "0"),
        ("ALERT_EMAIL_TO", &STAFF.join(",")),
    ] {
        home.set(name, value);
    }
    // A zero is a zero, and what got better is said at once.
    home.write(
        "config/monitor.toml",
        "[[rule]]\nstock_control = \"on\"\nhold = \"0s\"\n",
    );

    let closing = Arc::new(AtomicBool::new(false));
    let (shop, moves, closed) = (simulator.shop_handle(), Random(seed ^ 1), Arc::clone(&closing));
    let trading = thread::spawn(move || trade(&shop, moves, &closed));
    let mut killed = Vec::new();
    for _ in 0..kills {
        // Half of them count from when it polls, so that a slow start does not take all of them.
        let mut daemon = if random.below(2) == 0 {
            home.spawn()
        } else {
            home.start()
        };
        thread::sleep(Duration::from_millis(5 + random.below(396)));
        assert_eq!(daemon.ended(), None, "it ended by itself");
        killed.push(Timestamp::now());
        daemon.signal(Signal::KILL);
        daemon.wait();
    }
    closing.store(true, Ordering::SeqCst);
    trading.join().expect("traded");

    let mut daemon = home.start();
    let actual: BTreeMap<i64, i64> = simulator
        .shop()
        .products()
        .map(|product| (product.pid, product.qty))
        .collect();
    for (product, level) in &actual {
        daemon.wait_for_item(*product, "its last stock", |item| item["level"] == *level);
    }
    daemon.wait_for_empty_outbox();
    daemon.stop();
    let recorded = runtime.block_on(recorded(&home));
    let (crossings, levels) = modelled(&recorded);
    let repeats = assert_delivered(&recorded, &receivers, &killed);
    println!(
        "{} kills, {} polls, {} crossings, {} deliveries, {repeats} of them repeated",
        killed.len(),
        recorded.polls.len(),
        crossings.len(),
        recorded.deliveries.len()
    );
    assert_eq!(levels, actual);
    assert_seen_as_served(&recorded, &simulator);
    assert_eq!(recorded.crossings, crossings);
    assert_told_in_line(&recorded, &receivers, &crossings);
    let enough = usize::try_from(kills).expect("a count");
    assert!(crossings.len() >= enough, "too little happened to prove anything");
}
