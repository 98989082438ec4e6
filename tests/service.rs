//! The daemon under a service manager: what systemd hears by sd_notify, from the real program over a real socket.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/receivers.rs"]
mod receivers;
#[path = "support/shop.rs"]
mod shop;
#[path = "service/manager.rs"]
mod manager;
#[path = "service/unit.rs"]
mod unit;
#[path = "service/booted.rs"]
mod booted;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::Path;

use rustix::process::Signal;

use crate::booted::Debian;
use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::daemon::ask;
use crate::daemon::eventually;
use crate::manager::Manager;
use crate::receivers::Receivers;
use crate::shop::Mode;
use crate::shop::Shop;
use crate::shop::item;

/// A shop, those who are told, and a home whose daemon has that manager.
fn home(shop: &Shop, receivers: &Receivers, manager: &Manager) -> Home {
    let settings = receivers.settings(&shop.url());
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut home = Home::new(&settings);
    home.export("NOTIFY_SOCKET", &manager.address());
    home
}

fn world() -> (Shop, Receivers, Manager) {
    let shop = Shop::open(vec![item(1, "A", 9), item(2, "B", 0), item(3, "C", 30)]);
    (shop, Receivers::start(), Manager::listening())
}

#[test]
fn ready_is_said_once_pages_answer_and_the_database_is_there_and_not_before() {
    let (shop, receivers, manager) = world();
    let mut home = home(&shop, &receivers, &manager);
    // A port that is known before: nothing answers there until the daemon does.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    home.export("HTTP_LISTEN", &port.to_string());
    let mut daemon = home.spawn();
    manager.wait_for("READY=1");
    let answer = ask(port, "/healthz", "").expect("it answers as soon as it is ready");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(home.path("data/stock.db").exists());
    let said = manager.said();
    let ready = said.iter().position(|said| said == "READY=1").unwrap();
    assert!(
        said[..ready]
            .iter()
            .any(|said| said.starts_with("STATUS=Opening the database")),
        "{said:?}"
    );
    daemon.stop();
    assert_eq!(manager.count("READY=1"), 1, "{:?}", manager.said());
}

#[test]
fn a_start_that_fails_is_never_ready() {
    let (shop, receivers, manager) = world();
    let mut home = home(&shop, &receivers, &manager);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    home.export("HTTP_LISTEN", &taken.local_addr().unwrap().to_string());
    assert_eq!(home.run(&["run"]).code, 69);
    assert_eq!(manager.count("READY=1"), 0, "{:?}", manager.said());
    // A command is no service.
    let before = manager.said().len();
    assert_eq!(home.run(&["config", "check"]).code, 0);
    assert_eq!(manager.said().len(), before, "{:?}", manager.said());
}

#[test]
fn the_line_of_state_says_how_the_shop_stands_and_what_is_wrong() {
    let (shop, receivers, manager) = world();
    let mut home = home(&shop, &receivers, &manager);
    home.write("config/monitor.toml", "[[rule]]\nstock_control = \"on\"\n");
    home.set("POLL_SCHEDULE", "every 1s");
    let mut daemon = home.start();
    manager.wait_for("STATUS=1 shop read, 1 of 3 products out; next poll ");
    shop.mode(Mode::Plain(500, String::new(), "broken".to_owned()));
    let broken = manager.wait_for("STATUS=0 of 1 shops read (default cannot be read: ");
    assert!(broken.contains("), 1 of 3 products out"), "{broken}");
    shop.mode(Mode::Catalogue);
    let before = manager.said().len();
    eventually("it is read again", || {
        let said = manager.said();
        said[before..]
            .iter()
            .any(|said| said.starts_with("STATUS=1 shop read"))
            .then_some(())
    });
    daemon.stop();
}

#[test]
fn a_reload_is_said_to_begin_and_to_be_over_whether_or_not_it_came_to_anything() {
    let (shop, receivers, manager) = world();
    let mut home = home(&shop, &receivers, &manager);
    let mut daemon = home.start();
    manager.wait_for("READY=1");
    home.set("LOW_STOCK", "10");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("The new configuration is in force.");
    reloaded(&manager, 1);
    home.set("LOW_STOCK", "many");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("The configuration cannot be used; the old one stays.");
    reloaded(&manager, 2);
    daemon.stop();
    let words = manager.words();
    assert_eq!(
        words,
        [
            "READY=1",
            "RELOADING=1",
            "READY=1",
            "RELOADING=1",
            "READY=1",
            "STOPPING=1"
        ]
    );
    assert!(
        manager
            .said()
            .iter()
            .filter(|said| said.starts_with("RELOADING=1"))
            .all(|said| said.lines().any(|line| line
                .strip_prefix("MONOTONIC_USEC=")
                .is_some_and(|usec| usec.parse::<u64>().is_ok()))),
        "{:?}",
        manager.said()
    );
}

fn reloaded(manager: &Manager, times: usize) {
    eventually("the reload is over", || {
        (manager.count("RELOADING=1") == times && manager.count("READY=1") == times + 1).then_some(())
    });
}

#[test]
fn a_daemon_with_nothing_to_do_feeds_the_watchdog_and_one_whose_loop_hangs_does_not() {
    let (shop, receivers, manager) = world();
    let mut home = home(&shop, &receivers, &manager);
    home.export("WATCHDOG_USEC", "2000000");
    // No poll, no message, no reload for an hour: every loop waits.
    home.set("POLL_SCHEDULE", "every 1h");
    home.write("config/monitor.toml", "low_stock = 3\n");
    let mut daemon = home.start();
    manager.wait_for_more("WATCHDOG=1", 5);
    assert_eq!(healthz(&daemon), 200);
    // A file that never ends to be opened: a named pipe that nobody writes to. The reload hangs in it.
    let file = home.path("config/monitor.toml");
    let kept = fs::read(&file).unwrap();
    make_pipe(&file);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("A loop hangs");
    assert!(
        daemon.log().contains("name=\"signals and reloads\""),
        "{}",
        daemon.log()
    );
    manager.wait_for("STATUS=The loop \"signals and reloads\" hangs. ");
    assert_eq!(healthz(&daemon), 503);
    let fed = manager.count("WATCHDOG=1");
    // Longer than the manager's patience: whatever else is said meanwhile, it is not fed.
    manager.wait_for_silence("WATCHDOG=1", std::time::Duration::from_secs(3));
    assert_eq!(manager.count("WATCHDOG=1"), fed, "{:?}", manager.said());
    // Somebody writes to it after all.
    let mut pipe = fs::OpenOptions::new().write(true).open(&file).unwrap();
    pipe.write_all(&kept).unwrap();
    drop(pipe);
    daemon.wait_for_log("The loop goes on.");
    manager.wait_for_more("WATCHDOG=1", 2);
    assert_eq!(healthz(&daemon), 200);
    fs::remove_file(&file).unwrap();
    daemon.stop();
}

#[test]
fn another_process_s_watchdog_is_not_fed() {
    let (shop, receivers, manager) = world();
    let mut home = home(&shop, &receivers, &manager);
    home.export("WATCHDOG_USEC", "200000");
    home.export("WATCHDOG_PID", "1");
    let mut daemon = home.start();
    manager.wait_for("STATUS=1 shop read");
    daemon.wait_for_polls("default", 10);
    daemon.stop();
    assert_eq!(manager.count("WATCHDOG=1"), 0, "{:?}", manager.said());
}

#[test]
fn the_end_is_said_when_it_begins() {
    let (shop, receivers, manager) = world();
    let home = home(&shop, &receivers, &manager);
    let mut daemon = home.start();
    receivers.wait_for(1);
    daemon.stop();
    let said = manager.said();
    let first = said.iter().find(|said| said.starts_with("STOPPING=1")).unwrap();
    assert_eq!(
        first,
        "STOPPING=1\nSTATUS=Told to stop: what has begun is brought to its end."
    );
}

#[test]
fn the_unit_starts_reloads_is_watched_and_stops_under_a_real_systemd() {
    let Some(debian) = Debian::booted() else { return };
    let shop = Shop::open(vec![item(1, "A", 9), item(2, "B", 0), item(3, "C", 30)]);
    let receivers = Receivers::start();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    booted::story(&debian, &shop.url(), &receivers, port);
}

fn healthz(daemon: &Daemon) -> u16 {
    let address: SocketAddr = daemon.address;
    ask(address, "/healthz", "").expect("answers").status
}

fn make_pipe(path: &Path) {
    fs::remove_file(path).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}
