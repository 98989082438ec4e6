//! Starting, reloading and stopping: signals, exit codes, the lock, and polls that hang.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;
use whmcs_stock_monitor::sinks::mail_script::Fault;
use whmcs_stock_monitor::sinks::mail_script::Step;
use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::CONTROLLED;
use crate::daemon::Home;
use crate::daemon::eventually;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Mode;
use crate::shop::Shop;
use crate::shop::item;

const RELOADED: &str = "whmcs_stock_config_last_reload_successful";

#[test]
fn new_thresholds_are_in_force_after_sighup_and_one_message_says_what_that_changed() {
    let shop = Shop::open(vec![item(1, "A", 9), item(2, "B", 8), item(3, "C", 30)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    home.set("LOW_STOCK", "10");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("The new configuration is in force.");
    receivers.wait_for(2);
    daemon.wait_for_polls("default", 3);
    daemon.wait_for_empty_outbox();
    assert_eq!(daemon.item(1).unwrap()["thresholds"]["low"], 10);
    assert_eq!(daemon.metric(RELOADED), Some(1.0));
    let threshold = "whmcs_stock_threshold{whmcs=\"default\",product_id=\"3\",severity=\"low\"}";
    assert_eq!(daemon.metric(threshold), Some(10.0));
    daemon.stop();
    assert_eq!(
        receivers.said(),
        [
            "stock.baseline",
            "stock.alerts: 2 rule_changed low 8; 1 rule_changed low 9"
        ]
    );
    assert_eq!(receivers.mail.mails().len(), 2, "{:?}", receivers.subjects());
}

#[test]
fn a_token_that_is_set_at_a_reload_is_asked_for_from_then_on() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    let mut daemon = home.start();
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    assert_eq!(daemon.ask("/api/v1/stock", "").unwrap().status, 200);
    home.set("HTTP_TOKEN", "first-token-0123");
    home.set("LOG_FORMAT", "json");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("The new configuration is in force.");
    assert!(
        daemon
            .log()
            .contains("LOG_LEVEL, LOG_FORMAT changed: that takes a restart")
    );
    assert_eq!(daemon.ask("/api/v1/stock", "").unwrap().status, 401);
    assert_eq!(
        daemon
            .ask("/api/v1/stock", &bearer("first-token-0123"))
            .unwrap()
            .status,
        200
    );
    daemon.stop();
}

#[test]
fn a_rule_that_matches_no_product_is_named_by_the_daemon_and_by_check() {
    let shop = Shop::open(vec![item(1, "DS-64", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    home.write(
        "config/monitor.toml",
        "[[rule]]\nproducts = [\"DS-*\"]\nlow = 3\n[[rule]]\nproducts = [\"DX-*\"]\nlow = 3\n[[rule]]\ngroups = [\"Dedicated\"]\nlow = 3\n",
    );
    let mut daemon = home.start();
    daemon.wait_for_log("rule 3 matches no product");
    assert!(daemon.log().contains("rule 2 matches no product"));
    assert!(!daemon.log().contains("rule 1 matches no product"));
    daemon.stop();
    let checked = home.run(&["check", "--dry-run"]);
    assert!(checked.err.contains("rule 2 matches no product"), "{checked:?}");
    assert!(!checked.err.contains("rule 1 matches no product"), "{checked:?}");
}

#[test]
fn a_broken_file_keeps_the_old_configuration_and_says_so() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    home.write("config/monitor.toml", "[[rule]]\nlow = \"many\"\nnonsense = 1\n");
    home.set("CRITICAL_STOCK", "lots");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("The configuration cannot be used; the old one stays.");
    eventually("the metric says so", || {
        (daemon.metric(RELOADED) == Some(0.0)).then_some(())
    });
    let log = daemon.log();
    for problem in ["CRITICAL_STOCK", "nonsense", "low"] {
        assert!(log.contains(problem), "{problem}\n{log}");
    }
    daemon.wait_for_polls("default", 2);
    assert_eq!(
        daemon.item(1).unwrap()["thresholds"],
        json!({"low": 5, "critical": 2, "origin": "global"})
    );
    shop.stock(1, 4);
    receivers.wait_for(2);
    home.set("CRITICAL_STOCK", "4");
    home.write("config/monitor.toml", CONTROLLED);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("The new configuration is in force.");
    receivers.wait_for(3);
    assert_eq!(daemon.metric(RELOADED), Some(1.0));
    daemon.stop();
    assert_eq!(
        receivers.said(),
        [
            "stock.baseline",
            "stock.alerts: 1 first low 4",
            "stock.alerts: 1 rule_changed critical 4"
        ]
    );
}

#[test]
fn sigterm_ends_the_daemon_while_a_poll_a_webhook_and_a_mail_server_hang() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    receivers.hook.always(Reply::Hang);
    receivers.mail.always(Step::Data, Some(Fault::Hang));
    shop.stock(1, 1);
    eventually("the webhook hangs", || {
        (receivers.hook.requests().len() == 2).then_some(())
    });
    eventually("the mail server hangs", || {
        let commands = receivers.mail.commands();
        (commands.iter().filter(|line| line.starts_with("DATA")).count() == 2).then_some(())
    });
    shop.mode(Mode::Hang);
    let polled = shop.polled();
    eventually("a poll hangs", || (shop.polled() > polled).then_some(()));
    daemon.stop();
    // What hung is told after the next start.
    receivers.hook.always(Reply::Status(204));
    receivers.mail.always(Step::Data, None);
    shop.mode(Mode::Catalogue);
    let mut daemon = home.start();
    eventually("the alert is told", || {
        (receivers.mail.mails().len() == 2 && receivers.hook.requests().len() == 3).then_some(())
    });
    daemon.stop();
    let requests = receivers.hook.requests();
    assert_eq!(requests[1].header("webhook-id"), requests[2].header("webhook-id"));
    assert_eq!(
        receivers.said()[1..],
        [
            "stock.alerts: 1 first critical 1",
            "stock.alerts: 1 first critical 1"
        ]
    );
}

#[test]
fn what_hung_during_a_reload_is_delivered_as_soon_as_its_receiver_answers() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    receivers.hook.always(Reply::Hang);
    shop.stock(1, 3);
    eventually("the webhook hangs", || {
        (receivers.hook.requests().len() == 2).then_some(())
    });
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("Reading the configuration again.");
    receivers.hook.always(Reply::Status(204));
    daemon.wait_for_log("The new configuration is in force.");
    daemon.wait_for_empty_outbox();
    daemon.stop();
    assert_eq!(
        receivers.said(),
        [
            "stock.baseline",
            "stock.alerts: 1 first low 3",
            "stock.alerts: 1 first low 3"
        ]
    );
    let requests = receivers.hook.requests();
    assert_eq!(requests[1].header("webhook-id"), requests[2].header("webhook-id"));
}

#[test]
fn sigterm_during_a_reload_that_waits_for_a_hanging_webhook_ends_the_daemon_in_time() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    receivers.hook.always(Reply::Hang);
    shop.stock(1, 3);
    eventually("the webhook hangs", || {
        (receivers.hook.requests().len() == 2).then_some(())
    });
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("Reading the configuration again.");
    daemon.stop();
    assert_eq!(
        receivers.hook.requests().len(),
        2,
        "nothing new is begun after the signal"
    );
}

#[test]
fn sigint_stops_and_a_second_signal_stops_at_once() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    daemon.signal(Signal::INT);
    assert_eq!(daemon.wait().0, 0);
    receivers.hook.always(Reply::Hang);
    shop.stock(1, 0);
    let mut daemon = home.start();
    eventually("the webhook hangs", || {
        (receivers.hook.requests().len() == 2).then_some(())
    });
    daemon.signal(Signal::TERM);
    daemon.wait_for_log("Stopping.");
    daemon.signal(Signal::TERM);
    let (code, took) = daemon.wait();
    assert_eq!(code, 0);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_second_daemon_on_the_same_database_ends_quickly_and_harms_nothing() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut first = home.start();
    receivers.wait_for(1);
    let second = home.run(&["run"]);
    assert_eq!(second.code, 75, "{second:?}");
    assert!(second.took < Duration::from_secs(5), "{second:?}");
    assert!(second.err.contains("in use"), "{second:?}");
    shop.stock(1, 4);
    receivers.wait_for(2);
    first.stop();
    assert_eq!(
        receivers.said(),
        ["stock.baseline", "stock.alerts: 1 first low 4"]
    );
    // Killed, it leaves no lock behind.
    let mut first = home.start();
    first.signal(Signal::KILL);
    first.wait();
    home.start().stop();
}

#[test]
fn a_taken_port_ends_with_69_and_its_number() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.export("HTTP_LISTEN", &address);
    let ended = home.run(&["run"]);
    assert_eq!(ended.code, 69, "{ended:?}");
    assert!(
        ended
            .err
            .contains(&format!("Port {} is in use", taken.local_addr().unwrap().port())),
        "{ended:?}"
    );
    assert_eq!(shop.polled(), 0);
}

#[test]
fn a_bad_configuration_ends_with_78_and_everything_that_is_wrong_at_once() {
    let home = Home::new(&[
        ("WHMCS_API_URL", "not a url"),
        ("LOW_STOCK", "few"),
        ("POLL_SCHEDULE", "now and then"),
        ("TIMEZONE", "Mars/Olympus"),
        ("SMTP_URL", "smtp://mx.example"),
        ("WEBHOOK_SECRET", "hunter2"),
    ]);
    for command in [&["run"][..], &["config", "check"], &["check"], &["status"]] {
        let ended = home.run(command);
        assert_eq!(ended.code, 78, "{ended:?}");
        assert_eq!(ended.out, "");
        for key in [
            "WHMCS_API_URL",
            "WHMCS_API_IDENTIFIER",
            "WHMCS_API_SECRET",
            "LOW_STOCK",
            "POLL_SCHEDULE",
            "TIMEZONE",
            "WEBHOOK_SECRET",
            "SMTP_FROM",
        ] {
            assert!(ended.err.contains(key), "{key}: {ended:?}");
        }
        assert!(!ended.err.contains("hunter2"), "{ended:?}");
    }
    assert!(!home.path("data/stock.db").exists());
}

#[test]
fn a_damaged_and_a_newer_database_are_refused_with_65_and_left_as_they_are() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    daemon.stop();
    let path = home.path("data/stock.db");
    let good = fs::read(&path).unwrap();
    let mut damaged = good.clone();
    damaged[..100].fill(7);
    fs::write(&path, &damaged).unwrap();
    for command in [&["run"][..], &["check"], &["status"]] {
        let ended = home.run(command);
        assert_eq!(ended.code, 65, "{command:?}: {ended:?}");
        assert!(ended.err.contains("stock.db"), "{ended:?}");
    }
    assert_eq!(
        fs::read(&path).unwrap(),
        damaged,
        "nobody mends it behind the operator's back"
    );
    // A page in the middle, which opening alone would not notice.
    damaged.copy_from_slice(&good);
    assert!(good.len() > 4 * 4096, "{}", good.len());
    damaged[2 * 4096..4 * 4096].fill(0x5a);
    fs::write(&path, &damaged).unwrap();
    let ended = home.run(&["run"]);
    assert_eq!(ended.code, 65, "{ended:?}");
    fs::write(&path, &good).unwrap();
    sql(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)",
    );
    let newer = fs::read(&path).unwrap();
    let ended = home.run(&["run"]);
    assert_eq!(ended.code, 65, "{ended:?}");
    assert!(
        ended.err.contains("newer") || ended.err.contains("9999"),
        "{ended:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), newer);
    assert_eq!(receivers.said(), ["stock.baseline"]);
}

fn sql(path: &std::path::Path, statement: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn a_wrong_command_line_ends_with_64_and_help_with_0() {
    let home = Home::new(&[]);
    for wrong in [
        &["runn"][..],
        &["check", "--nope"],
        &["history"],
        &[],
        &["history", "1", "--csv", "--json"],
        &["config"],
    ] {
        let ended = home.run(wrong);
        assert_eq!(ended.code, 64, "{wrong:?}: {ended:?}");
        assert_eq!(ended.out, "", "{wrong:?}");
    }
    for right in [&["--help"][..], &["--version"], &["check", "--help"]] {
        let ended = home.run(right);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{right:?}");
    }
}

#[test]
fn on_a_cron_schedule_the_first_poll_comes_at_once() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    // The 29th of February, at noon.
    home.set("POLL_SCHEDULE", "0 12 29 2 *");
    let mut daemon = home.start();
    daemon.wait_for_item(1, "at 9", |item| item["level"] == 9);
    receivers.wait_for(1);
    assert_eq!(daemon.get("/readyz").status, 200);
    daemon.stop();
    assert_eq!(shop.polled(), 1);
}

#[test]
fn a_shop_that_hangs_does_not_hold_up_the_other() {
    let (good, bad) = (
        Shop::open(vec![item(1, "A", 9)]),
        Shop::open(vec![item(1, "B", 9)]),
    );
    bad.mode(Mode::Hang);
    let receivers = Receivers::start();
    let home = home(&good, &receivers);
    let url = bad.url();
    home.write("config/monitor.toml", &format!("[[instance]]\nname = \"eu\"\nurl = \"{url}\"\nidentifier = \"eu-identifier\"\nsecret = \"eu-secret\"\n"));
    let mut daemon = home.start();
    eventually("the other shop hangs", || (bad.polled() > 0).then_some(()));
    let began = Instant::now();
    let polls = daemon.polls("default");
    daemon.wait_for_polls("default", 10);
    let rhythm = began.elapsed() / u32::try_from(daemon.polls("default") - polls).unwrap();
    assert!(
        rhythm < Duration::from_secs(1),
        "a poll each {rhythm:?} where 200 ms were asked for"
    );
    good.stock(1, 0);
    receivers.wait_for(2);
    assert_eq!(daemon.polls("eu"), 0);
    let ready = daemon.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("eu"), "{ready:?}");
    assert_eq!(daemon.metric("whmcs_up{whmcs=\"default\"}"), Some(1.0));
    assert_eq!(daemon.metric("whmcs_up{whmcs=\"eu\"}"), None);
    daemon.stop();
    assert_eq!(
        receivers.said(),
        ["stock.baseline", "stock.alerts: 1 first out 0"]
    );
}
