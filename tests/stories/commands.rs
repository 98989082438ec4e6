//! What the commands print and how they end, beside a daemon and without one.

use serde_json::Value;
use serde_json::json;
use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::CONTROLLED;
use crate::daemon::Home;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Mode;
use crate::shop::Shop;
use crate::shop::item;

#[test]
fn a_recording_check_polls_records_and_delivers() {
    let shop = Shop::open(vec![item(1, "A", 9), item(2, "B", 4)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let first = home.run(&["check", "--json"]);
    assert_eq!(first.code, 1, "{first:?}");
    assert_eq!(receivers.said(), ["stock.baseline"]);
    assert_eq!(receivers.mail.mails().len(), 1);
    shop.stock(2, 1);
    let second = home.run(&["check"]);
    assert_eq!(second.code, 2, "{second:?}");
    assert!(
        second.out.contains("critical") && second.out.contains("global"),
        "{second:?}"
    );
    assert_eq!(
        receivers.said(),
        ["stock.baseline", "stock.alerts: 2 worse critical 1"]
    );
    shop.stock(2, 20);
    let third = home.run(&["check"]);
    assert_eq!(third.code, 0, "{third:?}");
    assert_eq!(shop.polled(), 3);
}

#[test]
fn a_dry_check_records_and_sends_nothing() {
    let shop = Shop::open(vec![item(1, "A", 0), item(2, "B", 40)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    let dry = home.run(&["check", "--dry-run", "--json"]);
    assert_eq!(dry.code, 2, "{dry:?}");
    let items = dry.json()["items"].clone();
    assert_eq!(
        (&items[0]["level"], &items[0]["severity"]),
        (&json!(0), &json!("out"))
    );
    assert!(!home.path("data/stock.db").exists());
    assert!(receivers.said().is_empty() && receivers.mail.mails().is_empty());
}

#[test]
fn check_and_status_and_the_api_give_items_of_the_documented_shape() {
    let shop = Shop::open(vec![item(42, "DS-64", 7)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let check = home.run(&["check", "--json"]);
    assert_eq!((check.code, check.out.lines().count()), (0, 1), "{check:?}");
    let (check, status) = (check.json(), home.run(&["status", "--json"]).json());
    let mut daemon = home.start();
    let api = daemon.wait_for_item(42, "there", |_| true);
    daemon.stop();
    for (from, item) in [
        ("check", &check["items"][0]),
        ("status", &status["items"][0]),
        ("api", &api),
    ] {
        let keys: Vec<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
        for key in [
            "instance",
            "product_id",
            "product",
            "group",
            "combination",
            "state",
            "level",
            "severity",
            "since",
            "observed_at",
            "thresholds",
            "days_of_cover",
            "bottleneck",
        ] {
            assert!(keys.contains(&key), "{from} lacks {key}: {item}");
        }
        let mut item = item.clone();
        for time in ["since", "observed_at"] {
            let text = item[time].take();
            let text = text.as_str().unwrap_or_else(|| panic!("{from}: {time}"));
            assert!(
                text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(),
                "{from}: {text}"
            );
        }
        assert_eq!(
            (
                &item["instance"],
                &item["product_id"],
                &item["product"],
                &item["combination"],
                &item["state"],
                &item["level"],
                &item["severity"],
                &item["thresholds"]
            ),
            (
                &json!("default"),
                &json!(42),
                &json!("DS-64"),
                &Value::Null,
                &json!("known"),
                &json!(7),
                &json!("ok"),
                &json!({"low": 5, "critical": 2, "origin": "global"})
            ),
            "{from}"
        );
    }
    for whole in [&check, &status] {
        assert!(whole["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    }
}

#[test]
fn a_shop_that_cannot_be_read_ends_check_with_3_and_the_cause_in_words() {
    let shop = Shop::open(vec![item(1, "A", 0)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let refused = json!({"result": "error", "message": "Invalid IP 203.0.113.9"});
    shop.mode(Mode::Plain(403, String::new(), refused.to_string()));
    for arguments in [&["check"][..], &["check", "--dry-run"], &["check", "--json"]] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(
            ended.err.contains("ip:") && ended.err.contains("203.0.113.9"),
            "{ended:?}"
        );
    }
    assert!(receivers.said().is_empty());
    let unknown = home.run(&["check", "--instance", "mars"]);
    assert_eq!(unknown.code, 78, "{unknown:?}");
}

#[test]
fn beside_a_daemon_a_check_is_a_dry_run_that_says_so_and_keeps_its_exit_code() {
    let shop = Shop::open(vec![item(1, "A", 40)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("POLL_SCHEDULE", "every 1h");
    let mut daemon = home.start();
    receivers.wait_for(1);
    shop.stock(1, 1);
    let ended = home.run(&["check", "--json"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("dry run"), "{ended:?}");
    assert_eq!(ended.json()["items"][0]["level"], 1);
    assert_eq!(daemon.item(1).unwrap()["level"], 40, "nothing was recorded");
    assert_eq!(home.run(&["status", "--json"]).json()["items"][0]["level"], 40);
    daemon.stop();
    assert_eq!(receivers.said(), ["stock.baseline"]);
    assert_eq!(shop.polled(), 2);
}

#[test]
fn history_gives_every_level_and_how_it_stood_at_any_moment() {
    let shop = Shop::open(vec![item(1, "DS-64", 20), item(2, "Other", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    for level in [20, 7, 7, 12] {
        shop.stock(1, level);
        assert_eq!(home.run(&["check"]).code, 0);
    }
    let json = home.run(&["history", "DS-64", "--json"]).json();
    let points: Vec<(i64, String)> = json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            (
                point["level"].as_i64().unwrap(),
                point["observed_at"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(
        points.iter().map(|(level, _)| *level).collect::<Vec<_>>(),
        [20, 7, 12]
    );
    for (level, at) in &points {
        let stood = home.run(&["history", "1", "--at", at, "--json"]).json();
        assert_eq!(
            (
                &stood["items"][0]["level"],
                stood["items"].as_array().unwrap().len()
            ),
            (&json!(level), 1),
            "{stood}"
        );
        assert_eq!(stood["items"][0]["observed_at"], json!(at));
        let table = home.run(&["history", "1", "--at", at]);
        assert!(
            table.code == 0 && table.out.contains(&level.to_string()),
            "{table:?}"
        );
    }
    // Just before the third reading the second held.
    let moment = points[2].1.parse::<jiff::Timestamp>().unwrap() - jiff::Span::new().milliseconds(1);
    let before = home
        .run(&["history", "1", "--at", &moment.to_string(), "--json"])
        .json();
    assert_eq!(before["items"][0]["level"], 7, "{before}");
    let since = home
        .run(&["history", "1", "--since", &points[2].1, "--json"])
        .json();
    assert_eq!(since["items"].as_array().unwrap().last().unwrap()["level"], 12);
    assert!(since["items"].as_array().unwrap().len() < 3, "{since}");
    let csv = home.run(&["history", "1", "--csv", "--since", "7d"]).out;
    let rows: Vec<String> = points
        .iter()
        .map(|(level, at)| format!("{at},known,{level}"))
        .collect();
    assert_eq!(
        csv.trim_end(),
        format!("observed_at,state,level\n{}", rows.join("\n"))
    );
    let early = home.run(&["history", "1", "--at", "2001-01-01", "--json"]);
    assert_eq!((early.code, early.out.as_str()), (1, ""), "{early:?}");
    assert!(early.err.contains("No poll was accepted by then"), "{early:?}");
    for (arguments, code) in [
        (&["history", "nothing"][..], 1),
        (&["history", "1", "--at", "whenever"], 64),
        (&["history", "1", "--combination", "x"], 64),
    ] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, code, "{ended:?}");
        assert_eq!(ended.out, "");
    }
}

#[test]
fn config_check_and_show_speak_of_what_is_in_force() {
    let shop = Shop::open(vec![]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.export("LOW_STOCK", "8");
    home.write("config/monitor.toml", CONTROLLED);
    let check = home.run(&["config", "check"]);
    assert_eq!(check.code, 0, "{check:?}");
    assert!(check.out.contains("1 shop, 2 channels, 1 rule"), "{check:?}");
    let show = home.run(&["config", "show"]);
    let line = |key: &str| {
        show.out
            .lines()
            .find(|line| line.trim_start().starts_with(key))
            .unwrap_or_else(|| panic!("{key}: {show:?}"))
            .to_owned()
    };
    assert!(
        line("LOW_STOCK").contains('8') && line("LOW_STOCK").contains("environment"),
        "{show:?}"
    );
    assert!(
        line("CRITICAL_STOCK").contains('2') && line("CRITICAL_STOCK").contains(".env"),
        "{show:?}"
    );
    assert!(
        line("TIMEZONE").contains("UTC") && line("TIMEZONE").contains("default"),
        "{show:?}"
    );
    assert!(!show.out.contains("test-secret"), "{show:?}");
    assert_eq!(shop.polled(), 0);
    let elsewhere = home.run(&["--config", "nowhere.toml", "config", "check"]);
    assert_eq!(elsewhere.code, 78, "{elsewhere:?}");
}

#[test]
fn deliveries_are_listed_and_a_dead_letter_is_sent_again_by_the_running_daemon() {
    let shop = Shop::open(vec![item(1, "A", 40)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    receivers.hook.next(Reply::Status(422));
    shop.stock(1, 3);
    receivers.wait_for(2);
    daemon.wait_for_empty_outbox();
    assert_eq!(
        daemon.metric("whmcs_stock_outbox_messages{channel=\"webhook\",state=\"dead\"}"),
        Some(1.0)
    );
    let beside = home
        .run(&["deliveries", "list", "--state", "dead", "--json"])
        .json();
    let id = beside["items"][0]["id"].to_string();
    assert_eq!(
        (
            &beside["items"][0]["channel"],
            beside["items"].as_array().unwrap().len()
        ),
        (&json!("webhook"), 1)
    );
    assert_eq!(home.run(&["deliveries", "replay", "999999"]).code, 1);
    let replayed = home.run(&["deliveries", "replay", &id]);
    assert_eq!(replayed.code, 0, "{replayed:?}");
    assert_eq!(
        home.run(&["deliveries", "replay", &id]).code,
        1,
        "it is no dead letter any more"
    );
    // It goes within the minute, or with what is sent next.
    shop.stock(1, 0);
    crate::daemon::eventually("the replayed one arrives", || {
        (receivers.hook.requests().len() == 4).then_some(())
    });
    daemon.wait_for_empty_outbox();
    assert_eq!(
        daemon.metric("whmcs_stock_outbox_messages{channel=\"webhook\",state=\"dead\"}"),
        Some(0.0)
    );
    daemon.stop();
    let requests = receivers.hook.requests();
    let same = requests[2..].iter().filter(|request| {
        (request.header("webhook-id"), &request.body) == (requests[1].header("webhook-id"), &requests[1].body)
    });
    assert_eq!(same.count(), 1, "under its id");
    let all = home.run(&["deliveries"]);
    assert!(
        all.code == 0 && all.out.contains("sent") && all.out.contains("sales@shop.example"),
        "{all:?}"
    );
    assert_eq!(home.run(&["deliveries", "list", "--state", "lost"]).code, 64);
}

#[test]
fn healthcheck_tells_a_running_daemon_from_none() {
    let shop = Shop::open(vec![item(1, "A", 40)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    let mut daemon = home.start();
    home.export("HTTP_LISTEN", &daemon.address.to_string());
    let alive = home.run(&["healthcheck"]);
    assert_eq!(alive.code, 0, "{alive:?}");
    daemon.stop();
    let dead = home.run(&["healthcheck"]);
    assert_eq!(dead.code, 1, "{dead:?}");
}

#[test]
fn status_and_history_without_a_database_say_that_there_is_none() {
    let home = Home::new(&[
        ("WHMCS_API_URL", "http://127.0.0.1:9/includes/api.php"),
        ("WHMCS_API_IDENTIFIER", "i-d"),
        ("WHMCS_API_SECRET", "s-t"),
    ]);
    for arguments in [&["status"][..], &["history", "1"], &["deliveries"]] {
        let ended = home.run(arguments);
        assert_ne!(ended.code, 0, "{ended:?}");
        assert!(ended.err.contains("stock.db"), "{ended:?}");
        assert!(!home.path("data/stock.db").exists());
    }
}
