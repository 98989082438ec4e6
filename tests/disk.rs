//! Trouble under the database of the running program: a full disk, a file that goes away, a lock that another holds.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod daemon;
#[path = "support/disk.rs"]
mod disk;
#[path = "support/receivers.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod receivers;
#[path = "support/shop.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod shop;

use std::fs;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

use daemon::Daemon;
use daemon::Home;
use daemon::eventually;
use disk::Disk;
use receivers::Receivers;
use shop::Shop;
use shop::item;
use sqlx::Connection;
use sqlx::SqliteConnection;

const NOT_RECORDED: &str = "The poll could not be recorded";

/// A shop of two products, the receivers, and a home for the daemon.
fn opened() -> (Shop, Receivers, Home) {
    let shop = Shop::open(vec![item(1, "DS-16", 20), item(2, "DS-32", 20)]);
    let receivers = Receivers::start();
    let mut home = Home::new(&[]);
    for (name, value) in receivers.settings(&shop.url()) {
        home.set(name, &value);
    }
    home.write("config/monitor.toml", "[[rule]]\nstock_control = \"on\"\n");
    (shop, receivers, home)
}

fn wait_until_ready(daemon: &Daemon, status: u16) {
    eventually(&format!("/readyz answers {status}"), || {
        (daemon.get("/readyz").status == status).then_some(())
    });
}

/// A product goes low in peace; then there is trouble, and it sells out. Returned once the daemon has noticed.
fn sell_out_in_trouble(shop: &Shop, receivers: &Receivers, daemon: &Daemon, trouble: impl FnOnce()) {
    wait_until_ready(daemon, 200);
    daemon.wait_for_item(1, "20", |item| item["level"] == 20);
    shop.stock(1, 4);
    receivers.wait_for(2);
    daemon.wait_for_empty_outbox();
    trouble();
    shop.stock(1, 0);
    daemon.wait_for_log(NOT_RECORDED);
    wait_until_ready(daemon, 503);
    // It goes on asking, and says what is certain.
    let asked = shop.polled();
    eventually("it goes on asking", || (shop.polled() > asked + 3).then_some(()));
    assert_eq!(daemon.get("/healthz").status, 200);
    assert_eq!(daemon.get("/metrics").status, 200);
    let shown = daemon.item(1).expect("the product");
    assert_eq!(
        (&shown["level"], &shown["severity"]),
        (&4.into(), &"low".into()),
        "{shown}"
    );
    assert_eq!(
        receivers.said(),
        ["stock.baseline", "stock.alerts: 1 first low 4"]
    );
}

/// The trouble is over: what happened meanwhile is recorded and told, once.
fn recover(receivers: &Receivers, daemon: &mut Daemon) {
    wait_until_ready(daemon, 200);
    daemon.wait_for_item(1, "out", |item| item["level"] == 0 && item["severity"] == "out");
    let (_, mails) = receivers.wait_for(3);
    daemon.wait_for_polls("default", 3);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    assert_eq!(mails.len(), 3);
    let told = [
        "stock.baseline",
        "stock.alerts: 1 first low 4",
        "stock.alerts: 1 worse out 0",
    ];
    assert_eq!(receivers.said(), told);
}

#[test]
fn a_full_disk_stops_nothing_but_the_recording_and_what_it_missed_is_told_once_there_is_space() {
    let (shop, receivers, mut home) = opened();
    let Some(disk) = Disk::mount(home.path("disk")) else {
        return;
    };
    home.set("DATABASE_URL", "sqlite://disk/stock.db");
    let mut daemon = home.start();
    sell_out_in_trouble(&shop, &receivers, &daemon, || disk.fill());
    daemon.wait_for_log("check the disk's space");
    disk.free();
    recover(&receivers, &mut daemon);
}

#[test]
fn a_read_only_disk_is_refused_in_words_and_left_as_it_is() {
    let (shop, receivers, mut home) = opened();
    let Some(disk) = Disk::mount(home.path("disk")) else {
        return;
    };
    home.set("DATABASE_URL", "sqlite://disk/stock.db");
    let mut daemon = home.start();
    receivers.wait_for(1);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    let bytes = fs::read(home.path("disk/stock.db")).expect("reads");
    disk.read_only(true);
    let ended = home.run(&["run"]);
    assert!(ended.code > 0 && ended.code < 80, "{ended:?}");
    assert!(ended.err.contains("disk/stock.db"), "{ended:?}");
    assert!(ended.err.to_lowercase().contains("read-only"), "{ended:?}");
    assert_eq!(fs::read(home.path("disk/stock.db")).expect("reads"), bytes);
    disk.read_only(false);
    shop.stock(1, 0);
    let mut daemon = home.start();
    receivers.wait_for(2);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    assert_eq!(
        receivers.said(),
        ["stock.baseline", "stock.alerts: 1 first out 0"]
    );
}

#[test]
fn a_database_that_was_moved_away_is_not_written_beside_and_goes_on_when_it_is_back() {
    let (shop, receivers, home) = opened();
    let (there, away) = (home.path("data/stock.db"), home.path("data/away.db"));
    let mut daemon = home.start();
    sell_out_in_trouble(&shop, &receivers, &daemon, || {
        fs::rename(&there, &away).expect("moves")
    });
    assert!(!there.exists(), "no new database in its place");
    fs::rename(&away, &there).expect("moves back");
    recover(&receivers, &mut daemon);
}

/// Random bytes over all but the file's first hundred bytes, and over what was not merged into it yet.
fn spoil(home: &Home) {
    for (name, from) in [("data/stock.db", 100), ("data/stock.db-wal", 0)] {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(home.path(name))
            .expect("opens");
        let length = file.metadata().expect("is there").len();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let noise: Vec<u8> = (from..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            })
            .collect();
        file.write_all_at(&noise, from).expect("writes");
    }
}

#[test]
fn a_database_that_gets_damaged_is_said_everywhere_until_it_is_replaced() {
    let (shop, receivers, home) = opened();
    let mut daemon = home.start();
    wait_until_ready(&daemon, 200);
    daemon.wait_for_item(1, "20", |item| item["level"] == 20);
    receivers.wait_for(1);
    daemon.wait_for_empty_outbox();
    spoil(&home);
    shop.stock(1, 0);
    daemon.wait_for_log("The poll could not be recorded: the database is damaged.");
    wait_until_ready(&daemon, 503);
    let failures = || {
        daemon
            .metric("whmcs_stock_database_failures_total")
            .expect("the series")
    };
    let before = failures();
    eventually("failures rise", || (failures() > before + 1.0).then_some(()));
    assert_eq!(daemon.metric("whmcs_stock_database_writable"), Some(0.0));
    assert_eq!(daemon.get("/readyz").status, 503, "it does not come and go");
    for path in [
        "/",
        "/alerts",
        "/pools",
        "/deliveries",
        "/sources",
        "/products/default/1",
    ] {
        let page = daemon.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        let said = "The database cannot be written: it is damaged.</b> Stop the daemon and restore a backup.";
        assert!(page.body.contains(said), "{path}: {}", page.body);
        for calm in [
            "All figures are current",
            "The shop can be read<",
            ">Reading<",
            "No level of it was ever recorded",
            "Nothing is recorded yet",
            "All was delivered",
        ] {
            assert!(!page.body.contains(calm), "{path}: {calm}: {}", page.body);
        }
    }
    let overview = daemon.get("/").body;
    assert!(overview.contains("<b>Nothing is recorded</b>"), "{overview}");
    daemon.stop();
}

#[test]
fn a_database_that_was_deleted_ends_nothing_and_the_next_start_begins_anew_without_alerts() {
    let (shop, receivers, home) = opened();
    let mut daemon = home.start();
    let there = home.path("data/stock.db");
    sell_out_in_trouble(&shop, &receivers, &daemon, || {
        fs::remove_file(&there).expect("deletes")
    });
    daemon.stop();
    // What SQLite left behind belongs to the file that is gone.
    for rest in ["data/stock.db-wal", "data/stock.db-shm"] {
        let _ = fs::remove_file(home.path(rest));
    }
    let mut daemon = home.start();
    receivers.wait_for(3);
    daemon.wait_for_polls("default", 3);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    let told = ["stock.baseline", "stock.alerts: 1 first low 4", "stock.baseline"];
    assert_eq!(receivers.said(), told);
}

#[test]
fn a_lock_that_another_process_holds_for_longer_than_we_wait_loses_no_poll_and_doubles_none() {
    let (shop, receivers, home) = opened();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut daemon = home.start();
    receivers.wait_for(1);
    daemon.wait_for_empty_outbox();
    let url = format!("sqlite://{}", home.path("data/stock.db").display());
    let mut other = runtime.block_on(SqliteConnection::connect(&url)).expect("opens");
    let mut say = |sql| {
        runtime
            .block_on(sqlx::query(sql).execute(&mut other))
            .expect("takes the lock")
    };
    say("BEGIN IMMEDIATE");
    let polls = shop.polled();
    shop.stock(1, 0);
    eventually("a poll", || (shop.polled() > polls).then_some(()));
    // The daemon waits five seconds for a lock; three times for a poll.
    thread::sleep(Duration::from_secs(6));
    assert_eq!(receivers.said(), ["stock.baseline"]);
    assert_eq!(daemon.get("/metrics").status, 200);
    say("ROLLBACK");
    receivers.wait_for(2);
    daemon.wait_for_polls("default", 2);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    assert_eq!(
        receivers.said(),
        ["stock.baseline", "stock.alerts: 1 first out 0"]
    );
    assert!(!daemon.log().contains(NOT_RECORDED), "{}", daemon.log());
}
