//! A shop of 200 products over a year, on a fast clock, with the upkeep that runs beside it: the database stays under its
//! limit, and how it stood at any instant since the horizon is what the shop had shown.
//!
//! `YEAR_DAYS` says how long (10), `YEAR_SEED` what happens (7). Sizes and times are printed, never asserted, but for the
//! limit of the size.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "../support/daemon.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod daemon;
#[path = "../quarter/random.rs"]
mod random;
#[path = "../quarter/shop.rs"]
mod shop;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::time::Duration;
use std::time::Instant;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::app::Generation;
use whmcs_stock_monitor::config::load::Config;
use whmcs_stock_monitor::config::overlay::Sources;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::retention::Retention;
use whmcs_stock_monitor::jobs::check::Check;
use whmcs_stock_monitor::jobs::deliver::Deliver;
use whmcs_stock_monitor::jobs::keep::Keep;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;
use whmcs_stock_monitor::store::days::DaysQuery;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::whmcs::client::Look;

use crate::daemon::Home;
use crate::random::Random;
use crate::shop::Shop;
use crate::shop::Shown;

/// Minutes between polls.
const STEP: i64 = 5;
/// Polls between rounds of upkeep: four a day.
const ROUNDS: u64 = 72;
/// Instants that are read back.
const ASKED: usize = 400;

fn number(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}

fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 86_400))
}

/// What each product showed and since when; `None` where its figure could not be read.
#[derive(Default)]
struct Model {
    levels: BTreeMap<i64, Vec<(Timestamp, Option<i64>)>>,
    /// When products are absent, which says nothing of how they stand.
    absent: BTreeMap<i64, Vec<(Timestamp, bool)>>,
    accepted: Vec<Timestamp>,
}

impl Model {
    fn polled(&mut self, shown: &Shown, now: Timestamp) {
        let Shown::Catalogue(shown) = shown else { return };
        self.accepted.push(now);
        for (id, (_, level)) in shown {
            let levels = self.levels.entry(*id).or_default();
            if levels.last().map(|(_, last)| last) != Some(level) {
                levels.push((now, *level));
            }
        }
        for id in self.levels.keys() {
            let absent = self.absent.entry(*id).or_default();
            let is_absent = !shown.contains_key(id);
            if absent.last().is_none_or(|(_, was)| *was != is_absent) {
                absent.push((now, is_absent));
            }
        }
    }

    fn at<T: Copy>(series: &[(Timestamp, T)], at: Timestamp) -> Option<T> {
        let next = series.partition_point(|(since, _)| *since <= at);
        Some(series.get(next.checked_sub(1)?)?.1)
    }

    /// How many products' levels of that instant were compared with what is read back.
    async fn compare(&self, store: &Store, at: Timestamp) -> usize {
        let reader = store.reader();
        let shop = reader.instance("default").await.expect("reads").expect("a shop");
        let past = reader
            .catalogue_at(shop, at)
            .await
            .expect("reads")
            .expect("a catalogue");
        let last = self.accepted.partition_point(|accepted| *accepted <= at) - 1;
        assert_eq!(past.observed_at, self.accepted[last], "the poll of {at}");
        let mut compared = 0;
        for (id, levels) in &self.levels {
            if self.absent.get(id).and_then(|absent| Self::at(absent, at)) != Some(false) {
                continue;
            }
            let Some(shown) = Self::at(levels, at) else {
                continue;
            };
            let item = past.items.iter().find(|item| item.product_id == *id);
            let stood = item.map(|item| item.stood.level());
            assert_eq!(stood, Some(shown), "product {id} at {at}");
            compared += 1;
        }
        compared
    }
}

fn loaded(home: &std::path::Path) -> Config {
    let env = [
        // Nothing listens there: the looks are made in memory.
        ("WHMCS_API_URL", "http://127.0.0.1:9/includes/api.php"),
        ("WHMCS_API_IDENTIFIER", "identifier"),
        ("WHMCS_API_SECRET", "secret"),
    ];
    let sources = Sources {
        env: env
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        dir: home.to_owned(),
        config_file: None,
    };
    Config::load(&sources).unwrap_or_else(|errors| panic!("{errors}"))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

/// Where it plays: a home with one channel, and what is kept there.
fn furnished(hook: &WebhookSink) -> Home {
    let mut home = Home::new(&[
        ("WHMCS_API_URL", "http://127.0.0.1:9/includes/api.php"),
        ("WHMCS_API_IDENTIFIER", "identifier"),
        ("WHMCS_API_SECRET", "secret"),
    ]);
    home.set("RETENTION_CHANGES", "120d");
    let file = format!(
        "[[channel]]\nname = \"sales\"\ntype = \"webhook\"\nurl = \"http://{}/\"\n[[rule]]\nstock_control = \"on\"\n",
        hook.address()
    );
    home.write("config/monitor.toml", &file);
    home
}

/// The monitor on this database: its check, its deliveries, its upkeep.
struct Parts {
    check: Check,
    deliver: Deliver,
    keep: Keep,
}

impl Parts {
    async fn new(config: Config, store: &Store, retention: Retention) -> Self {
        let generation = Generation::new(config, store, &[]).await.expect("starts");
        Self {
            check: generation.check(0, store, Duration::from_secs(1)),
            deliver: Deliver::new(store.clone(), generation.telling.clone(), 0),
            keep: Keep {
                store: store.clone(),
                retention,
            },
        }
    }

    /// Polls, delivers and looks after the database from one time to another; the most that was in use.
    async fn live(
        &self,
        shop: &mut Shop,
        model: &mut Model,
        (begin, end): (Timestamp, Timestamp),
    ) -> (u64, Duration) {
        let never = CancellationToken::new();
        let (mut now, mut polls, mut largest, mut longest) = (begin, 0_u64, 0, Duration::ZERO);
        while now < end {
            shop.pass(now, STEP);
            let shown = shop.shown(now);
            let look = Look {
                observed_at: now,
                duration: Duration::from_millis(40),
                attempts: Vec::new(),
                requests: Vec::new(),
                part: false,
                result: shop.answer(&shown, now),
            };
            let checked = self
                .check
                .conclude(look)
                .await
                .expect("records")
                .expect("decides");
            if matches!(shown, Shown::Catalogue(_)) {
                assert_eq!(checked.outcome, Outcome::Accepted, "at {now}");
            }
            model.polled(&shown, now);
            while self
                .deliver
                .run(&move || now, &|| 0.5, &never)
                .await
                .expect("settles")
                .more
            {}
            polls += 1;
            if polls.is_multiple_of(ROUNDS) {
                let begun = Instant::now();
                self.keep
                    .run(now, &never)
                    .await
                    .expect("keeps")
                    .expect("to the end");
                longest = longest.max(begun.elapsed());
                largest = self.note_size(polls).await.max(largest);
            }
            now += SignedDuration::from_mins(STEP);
        }
        self.keep
            .run(now, &never)
            .await
            .expect("keeps")
            .expect("to the end");
        (largest, longest)
    }

    async fn note_size(&self, polls: u64) -> u64 {
        let room = self.keep.store.reader().room().await.expect("reads");
        if polls.is_multiple_of(288 * 30) {
            let (used, free) = (megabytes(room.used()), megabytes(room.free * room.page));
            println!("day {}: {used} in use, {free} free", polls / 288);
        }
        room.used()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_fits_its_limit_and_every_instant_since_the_horizon_is_what_the_shop_had_shown() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (length, seed) = (number("YEAR_DAYS", 10), number("YEAR_SEED", 7));
    println!("{length} days; YEAR_SEED={seed}");
    let long = length >= 200;
    let retention = Retention {
        changes: days(if long { 120 } else { length / 2 }),
        events: days(if long { 200 } else { length / 2 }),
        messages: days(if long { 30 } else { 3 }),
        size: None,
    };
    let hook = WebhookSink::start().await.expect("a receiver");
    let home = furnished(&hook);
    let config = loaded(&home.path(""));
    let settings = config.store.clone();
    let store = Store::open(&settings).await.expect("opens").store;
    let parts = Parts::new(config, &store, retention).await;
    let mut random = Random::new(seed);
    let mut shop = Shop::new(Random::new(random.next()));
    shop.forget_answers();
    let mut model = Model::default();
    let end = Timestamp::from_second(Timestamp::now().as_second() / 300 * 300).expect("a time");
    let begin = end - SignedDuration::from_hours(24 * i64::try_from(length).expect("days"));
    let (largest, longest) = parts.live(&mut shop, &mut model, (begin, end)).await;
    println!(
        "largest {} in use, longest round of upkeep {longest:?}",
        megabytes(largest)
    );
    let horizon = read_back(&store, &model, &mut random, (begin, end)).await;
    daily_figures_are_those_of_the_model(&store, &model, (begin, horizon)).await;
    store.integrity_check().await.expect("a sound database");
    limited(&parts, end, long).await;
    drop(parts);
    store.close().await;
    let size = fs::metadata(&settings.path).expect("a file").len();
    let begun = Instant::now();
    let store = Store::open(&settings).await.expect("opens").store;
    println!("file {}, opened in {:?}", megabytes(size), begun.elapsed());
    for (name, rows) in store.reader().rows().await.expect("reads") {
        println!("  {name}: {rows} rows");
    }
    store.close().await;
    pages(&home, horizon);
}

/// Random instants since the horizon are what the shop had shown; the horizon.
async fn read_back(
    store: &Store,
    model: &Model,
    random: &mut Random,
    (begin, end): (Timestamp, Timestamp),
) -> Timestamp {
    let upkeep = store.reader().upkeep().await.expect("reads");
    let horizon = upkeep.horizon.expect("something was taken away");
    assert!(horizon > begin && upkeep.removed > 0, "{upkeep:?}");
    let mut compared = model.compare(store, horizon).await;
    let since = (end.as_second() - horizon.as_second()).max(1);
    for _ in 0..ASKED {
        let at = horizon.as_second() + random.within(0, since - 1);
        compared += model
            .compare(store, Timestamp::from_second(at).expect("a time"))
            .await;
    }
    assert!(compared > ASKED * 50, "{compared}");
    println!(
        "{} rows removed, horizon {horizon}, {compared} levels read back as shown",
        upkeep.removed
    );
    horizon
}

/// A limit takes the oldest levels early; on a small scale there is nothing that may go.
async fn limited(parts: &Parts, now: Timestamp, long: bool) {
    let reader = parts.keep.store.reader();
    let limit = reader.room().await.expect("reads").used() * 9 / 10;
    let tight = Keep {
        retention: Retention {
            size: Some(limit),
            ..parts.keep.retention
        },
        ..parts.keep.clone()
    };
    let kept = tight
        .run(now, &CancellationToken::new())
        .await
        .expect("keeps")
        .expect("to the end");
    let used = reader.room().await.expect("reads").used();
    let right = if long { used <= limit } else { kept.over > 0 };
    assert!(right, "{used} of {limit}: {kept:?}");
    println!("with a limit of {}: {} in use", megabytes(limit), megabytes(used));
}

/// What the daily figures say of days before the horizon is what a model of single levels says.
async fn daily_figures_are_those_of_the_model(
    store: &Store,
    model: &Model,
    (begin, horizon): (Timestamp, Timestamp),
) {
    const DAY: i64 = 86_400_000;
    let shop = store
        .reader()
        .instance("default")
        .await
        .expect("reads")
        .expect("a shop");
    let mut compared = 0;
    for (id, levels) in &model.levels {
        let query = DaysQuery {
            instance: shop,
            product: *id,
            combination: None,
            from: 0,
            until: horizon.as_millisecond() / DAY,
            limit: 10_000,
        };
        for day in store.reader().daily(&query).await.expect("reads") {
            let (from, until) = day.span();
            let last = Timestamp::from_millisecond(until - 1).expect("a time");
            let gone = model
                .absent
                .get(id)
                .is_some_and(|absent| absent.iter().any(|(at, is)| *is && *at <= last));
            if gone || from < begin.as_millisecond() {
                continue;
            }
            let of_day = levels
                .iter()
                .filter(|(at, _)| (from..until).contains(&at.as_millisecond()));
            let before = Model::at(levels, Timestamp::from_millisecond(from - 1).expect("a time")).flatten();
            let known: Vec<i64> = before
                .into_iter()
                .chain(of_day.clone().filter_map(|(_, level)| *level))
                .collect();
            assert_eq!(day.least, known.iter().min().copied(), "product {id}, {day:?}");
            assert_eq!(day.most, known.iter().max().copied(), "product {id}, {day:?}");
            assert_eq!(
                day.last.and_then(|level| level.known()),
                Model::at(levels, last).flatten(),
                "product {id}, {day:?}"
            );
            let by = |sign: i64| {
                known
                    .windows(2)
                    .map(|two| (sign * (two[1] - two[0])).max(0))
                    .sum::<i64>()
            };
            assert_eq!((day.falls, day.rises), (by(-1), by(1)), "product {id}, {day:?}");
            compared += 1;
        }
    }
    println!("{compared} daily figures are those of the model");
    assert!(compared > 0);
}

/// The real daemon on this history: how long it takes to start, and for its pages.
fn pages(home: &Home, horizon: Timestamp) {
    let begun = Instant::now();
    let mut daemon = home.start();
    println!("the daemon listens after {:?}", begun.elapsed());
    for path in [
        "/",
        "/products/default/7?range=1y",
        "/products/default/7?range=28d",
        "/api/v1/products/default/7/history",
        "/alerts",
        "/metrics",
    ] {
        let begun = Instant::now();
        let answer = daemon.get(path);
        println!("{path}: {} kB in {:?}", answer.body.len() / 1000, begun.elapsed());
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let history = daemon.json("/api/v1/products/default/7/history");
    assert!(history["levels_since"].is_string(), "{horizon}: {history}");
    assert!(
        history["days"].as_array().is_some_and(|days| !days.is_empty()),
        "{history}"
    );
    let page = daemon.get("/products/default/7?range=1y").body;
    assert!(page.contains("it shows one figure a day"), "{page}");
    daemon.stop();
    let early = (horizon - SignedDuration::from_hours(30)).to_string();
    let stood = home.run(&["history", "7", "--at", &early]);
    assert_eq!(stood.code, 0, "{stood:?}");
    assert!(
        stood.out.contains("(UTC), by the figures of") && stood.err.contains("Single levels are kept since"),
        "{stood:?}"
    );
    let stats = home.run(&["db", "stats", "--json"]).json();
    assert_eq!(stats["gives_back"], true, "{stats}");
    assert!(
        stats["removed_rows"].as_u64().is_some_and(|rows| rows > 0),
        "{stats}"
    );
}
