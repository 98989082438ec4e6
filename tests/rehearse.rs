//! `rehearse`: a history that the real jobs recorded, step by step on a fast clock, is replayed by the program. The same
//! rules say what was said then, others what they would have said.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod daemon;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use daemon::Ended;
use daemon::Home;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::Connection;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteConnectOptions;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::app::Generation;
use whmcs_stock_monitor::config::load::Config;
use whmcs_stock_monitor::config::overlay::Sources;
use whmcs_stock_monitor::jobs::check::Check;
use whmcs_stock_monitor::jobs::remind::Remind;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::store::db::Store;

const BEGIN: &str = "2025-03-24T06:00:00Z";

/// A shop, and the daemon's parts without its loops.
struct World {
    home: Home,
    simulator: Simulator,
    store: Store,
    check: Check,
    remind: Remind,
    now: Timestamp,
}

/// Time, channel, type and subject.
type Line = (String, String, String, String);

fn config_of(home: &Home) -> Config {
    let sources = Sources {
        env: Vec::new(),
        dir: home.path(""),
        config_file: None,
    };
    Config::load(&sources).unwrap_or_else(|errors| panic!("{errors}"))
}

impl World {
    async fn begin() -> Self {
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let product = |pid| Product::new(pid, 1 + pid % 2, "Servers", &format!("DS-{pid}")).with_stock(20);
        let shop = Shop::new(Version::V8_12, Companion::Contract1).with_products((1..=9).map(product));
        let simulator = Simulator::start(shop).await.expect("a shop");
        let home = Home::new(&[
            ("WHMCS_API_URL", &simulator.url()),
            ("WHMCS_API_IDENTIFIER", simulator.identifier()),
            ("WHMCS_API_SECRET", simulator.secret()),
            ("TIMEZONE", "Europe/Berlin"),
        ]);
        home.write("config/monitor.toml", RULES);
        let config = config_of(&home);
        let store = Store::open(&config.store).await.expect("opens").store;
        let (remind_at, zone) = (config.reminder_at, config.timezone.clone());
        let generation = Generation::new(config, &store, &[]).await.expect("starts");
        let remind = Remind::new(
            vec![Arc::clone(&generation.shops[0].0)],
            store.clone(),
            Arc::clone(&generation.rules),
            (Arc::clone(&generation.capacities), None),
            Arc::clone(&generation.telling),
            remind_at,
            zone,
        )
        .with_windows(&generation.config.windows);
        Self {
            check: generation.check(0, &store, Duration::from_secs(1)),
            remind,
            home,
            simulator,
            store,
            now: BEGIN.parse().expect("a time"),
        }
    }

    /// Polls, and holds rounds of reminders, every five minutes for so long.
    async fn go_on(&mut self, minutes: i64) {
        let end = self.now + SignedDuration::from_mins(minutes);
        let never = CancellationToken::new();
        while self.now < end {
            self.check
                .run(self.now, &never)
                .await
                .expect("records")
                .expect("looks");
            self.remind.run(self.now).await.expect("reminds");
            self.now += SignedDuration::from_mins(5);
        }
    }

    /// Days in which everything happens that can be replayed.
    async fn live(&mut self) {
        self.go_on(60).await;
        for (pid, qty) in [(1, 4), (2, 2), (3, 0), (4, 5)] {
            self.simulator.shop().set_qty(pid, qty).expect("a product");
        }
        self.go_on(24 * 60).await;
        self.simulator.shop().rename(1, "DS-1 Gold").expect("a product");
        self.simulator.shop().set_qty(2, 0).expect("a product");
        self.simulator.shop().set_qty(3, 3).expect("a product");
        self.go_on(30).await;
        self.simulator
            .fail_always(Fault::Refused(Refusal::AccountDisabled));
        self.go_on(90).await;
        self.simulator.heal();
        self.simulator.shop().set_qty(4, 0).expect("a product");
        self.go_on(8 * 60).await;
        let gone = self.simulator.shop().remove(2).expect("a product");
        self.simulator
            .shop()
            .set_stock_control(5, false)
            .expect("a product");
        self.simulator.shop().set_hidden(3, true).expect("a product");
        self.go_on(3 * 60).await;
        self.simulator.shop().add(gone);
        self.simulator
            .shop()
            .add(Product::new(70, 1, "Servers", "DS-70").with_stock(1));
        self.simulator
            .shop()
            .set_stock_control(5, true)
            .expect("a product");
        self.simulator.shop().set_qty(1, 30).expect("a product");
        self.go_on(2 * 24 * 60).await;
    }

    /// The messages that were really queued.
    async fn queued(&self) -> Vec<Line> {
        let options = SqliteConnectOptions::new().filename(self.path()).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await.expect("opens");
        let rows: Vec<(i64, String, String, String)> =
            sqlx::query_as("SELECT recorded_at, channel, kind, headline FROM messages ORDER BY number")
                .fetch_all(&mut connection)
                .await
                .expect("reads");
        let line = |(at, channel, kind, headline)| {
            let at = Timestamp::from_millisecond(at).expect("a time");
            (at.to_string(), channel, kind, headline)
        };
        sorted(rows.into_iter().map(line).collect())
    }

    fn path(&self) -> PathBuf {
        config_of(&self.home).store.path
    }

    fn rehearse(&self, more: &[&str]) -> Ended {
        let until = self.now.to_string();
        let mut arguments = vec!["rehearse", "--until", &until];
        arguments.extend(more);
        self.home.run(&arguments)
    }
}

fn sorted(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort();
    lines
}

fn lines(ended: &Ended) -> Vec<Line> {
    assert_eq!(ended.code, 0, "{}", ended.err);
    let found: Value = serde_json::from_str(&ended.out).expect("JSON");
    let messages = found["messages"].as_array().expect("messages");
    assert_eq!(found["total"], messages.len());
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    let line = |one: &Value| {
        (
            word(&one["at"]),
            word(&one["channel"]),
            word(&one["type"]),
            word(&one["subject"]),
        )
    };
    sorted(messages.iter().map(line).collect())
}

const RULES: &str = r#"
[[channel]]
name = "desk"
type = "webhook"
url = "http://127.0.0.1:9/desk"

[[channel]]
name = "depot"
type = "webhook"
url = "http://127.0.0.1:9/depot"
severities = ["out"]

[[rule]]
groups = [1]
repeat = "6h"
hold = "20m"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_rules_say_what_they_said_and_others_what_they_would_have_said() {
    let mut world = World::begin().await;
    world.live().await;
    let queued = world.queued().await;
    assert!(queued.len() > 40, "{queued:#?}");

    // From before the first poll on, everything again; beside a daemon that has the database open.
    let all = world.rehearse(&["--since", "2025-03-20", "--all", "--json"]);
    assert_eq!(lines(&all), queued);

    // From the second day on, what was open counts as told; the rest is as it was.
    let since = "2025-03-25T07:00:00Z";
    let later: Vec<Line> = queued
        .iter()
        .filter(|line| line.0.as_str() > since)
        .cloned()
        .collect();
    let part = world.rehearse(&["--since", since, "--all", "--json"]);
    // What is said again every six hours is counted from there on.
    let steady = |lines: &[Line]| -> Vec<Line> {
        let is_reminder = |line: &&Line| line.3.contains("still");
        lines.iter().filter(|line| !is_reminder(line)).cloned().collect()
    };
    assert_eq!(steady(&lines(&part)), steady(&later));

    // Other rules, in a file that names variables nobody has set here.
    let other = RULES.replace("http://127.0.0.1:9/desk", "${DESK_URL}") + "low = 2\n";
    world.home.write("other.toml", &other);
    let others = world.rehearse(&[
        "--since",
        "2025-03-20",
        "--all",
        "--json",
        "--config",
        "other.toml",
    ]);
    assert!(
        others.err.contains("Not set, and not needed here: DESK_URL."),
        "{}",
        others.err
    );
    // DS-4 fell to 5, which is not low any more.
    let first = |lines: &[Line]| -> Vec<String> {
        let then = lines
            .iter()
            .filter(|line| line.0 == "2025-03-24T07:00:00Z" && line.1 == "desk");
        then.map(|line| line.3.clone()).collect()
    };
    assert_eq!(first(&queued), ["1 out, 3 low: DS-3, DS-2 +2"]);
    assert_eq!(first(&lines(&others)), ["1 out, 2 low: DS-3, DS-2 +1"]);

    // For people: the counts of each day, and the last messages.
    let text = world.rehearse(&["--since", "2025-03-20"]);
    assert_eq!(text.code, 0, "{}", text.err);
    assert!(text.err.contains("nothing was accepted before"), "{}", text.err);
    assert!(text.out.contains("in all"), "{}", text.out);
    world.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_the_stock_lasted_then_is_rehearsed_too() {
    let mut world = World::begin().await;
    let never = CancellationToken::new();
    world.simulator.shop().set_qty(1, 30).expect("a product");
    // One unit of DS-1 every twelve hours, over eight days: 14 are left in the end, which last a week.
    for hour in 1..=8 * 24 {
        world
            .check
            .run(world.now, &never)
            .await
            .expect("records")
            .expect("looks");
        if hour % 12 == 0 {
            let left = 30 - hour / 12;
            world.simulator.shop().set_qty(1, left).expect("a product");
        }
        world.now += SignedDuration::from_hours(1);
    }
    let said = |rehearsed: &Ended| -> Vec<Line> {
        let alerts = lines(rehearsed).into_iter();
        alerts
            .filter(|line| line.1 == "desk" && line.2 == "stock.alerts")
            .collect()
    };
    let arguments = ["--since", "2025-03-20", "--all", "--json"];
    assert_eq!(said(&world.rehearse(&arguments)), []);
    let other = RULES.replace("repeat = \"6h\"", "repeat = \"never\"") + "[[rule]]\ncover = \"12d\"\n";
    world.home.write("other.toml", &other);
    let mut covered = arguments.to_vec();
    covered.extend(["--config", "other.toml"]);
    let covered = world.rehearse(&covered);
    assert!(!covered.err.contains("cover"), "{}", covered.err);
    // Five days of history are needed, which there are with the rates of the sixth morning.
    let low = said(&covered);
    assert_eq!(low.len(), 1, "{low:#?}");
    assert!(low[0].3.contains("DS-1"), "{low:#?}");
    assert!(low[0].0.starts_with("2025-03-29"), "{low:#?}");
    world.store.close().await;
}

#[tokio::test]
async fn what_cannot_be_rehearsed_is_said() {
    let home = Home::new(&[
        ("WHMCS_API_URL", "http://127.0.0.1:9/includes/api.php"),
        ("WHMCS_API_IDENTIFIER", "i"),
        ("WHMCS_API_SECRET", "s"),
    ]);
    let none = home.run(&["rehearse"]);
    assert_ne!(none.code, 0, "there is no database: {}", none.err);
    for (arguments, said) in [
        (
            &["rehearse", "--since", "tomorrow-ish"][..],
            "is neither a duration",
        ),
        (
            &["rehearse", "--since", "1d", "--until", "2d"],
            "--until must be later than --since",
        ),
        (&["rehearse", "--instance", "eu"], "There is no shop \"eu\""),
    ] {
        let store = Store::open(&config_of(&home).store).await.expect("opens").store;
        let ended = home.run(arguments);
        assert!(
            ended.code != 0 && ended.err.contains(said),
            "{arguments:?}: {}",
            ended.err
        );
        store.close().await;
    }
}
