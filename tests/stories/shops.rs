//! Several shops in one daemon: none waits for another, each is named, and none is mixed up with another.

use rustix::process::Signal;
use serde_json::Value;
use serde_json::json;

use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::daemon::eventually;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Mode;
use crate::shop::Shop;
use crate::shop::item;

/// An `[[instance]]` of that shop.
fn instance(name: &str, shop: &Shop, more: &str) -> String {
    format!(
        "[[instance]]\nname = \"{name}\"\nurl = \"{}\"\nidentifier = \"id-{name}\"\nsecret = \"secret-{name}\"\n{more}\n",
        shop.url()
    )
}

/// A home with the environment's shop and these beside it.
fn home_of(default: &Shop, receivers: &Receivers, others: &[(&str, &Shop)]) -> Home {
    let home = home(default, receivers);
    configure(&home, others);
    home
}

fn configure(home: &Home, others: &[(&str, &Shop)]) {
    let tables: String = others
        .iter()
        .map(|(name, shop)| instance(name, shop, ""))
        .collect();
    home.write("config/monitor.toml", &tables);
}

fn refusal() -> Mode {
    let message = json!({"result": "error", "message": "Authentication Failed"});
    Mode::Plain(403, String::new(), message.to_string())
}

/// The times between the requests for the catalogue, in seconds.
fn intervals(shop: &Shop) -> Vec<f64> {
    let asked = shop.asked();
    let polls: Vec<_> = asked
        .iter()
        .filter(|asked| asked.action == "GetProducts")
        .collect();
    polls
        .windows(2)
        .map(|two| two[1].at.duration_since(two[0].at).as_secs_f64())
        .collect()
}

/// The items of `/api/v1/stock` as shop, product and level.
fn stock(daemon: &Daemon) -> Vec<(String, i64, Value)> {
    let stock = daemon.json("/api/v1/stock");
    let items = stock["items"].as_array().unwrap();
    let short = |item: &Value| {
        (
            item["instance"].as_str().unwrap().to_owned(),
            item["product_id"].as_i64().unwrap(),
            item["level"].clone(),
        )
    };
    items.iter().map(short).collect()
}

#[test]
fn a_shop_that_hangs_and_one_that_refuses_do_not_delay_the_third() {
    let hanging = Shop::open(vec![item(1, "H", 9)]);
    let refusing = Shop::open(vec![item(1, "R", 9)]);
    let well = Shop::open(vec![item(1, "W", 9)]);
    hanging.mode(Mode::Hang);
    refusing.mode(refusal());
    let receivers = Receivers::start();
    let mut home = home_of(&hanging, &receivers, &[("refusing", &refusing), ("well", &well)]);
    home.set("POLL_SCHEDULE", "every 1s");
    home.set("WHMCS_API_TIMEOUT", "2s");
    home.set("SOURCE_DOWN_AFTER", "3s");
    home.set("SOURCE_DOWN_POLLS", "2");
    let mut daemon = home.start();
    eventually("twelve polls of the third", || {
        (well.polled() >= 12).then_some(())
    });
    let mut between = intervals(&well);
    between.truncate(11);
    between.sort_by(f64::total_cmp);
    let (least, median, most) = (between[0], between[between.len() / 2], between[between.len() - 1]);
    println!("the third shop, every 1 s: median {median:.4} s, least {least:.4} s, most {most:.4} s");
    assert!((0.9..=1.1).contains(&median), "{between:?}");
    // None is left out, however loaded the machine: the schedule counts on from its own times.
    let mean = between.iter().sum::<f64>() / between.len() as f64;
    assert!((0.9..=1.1).contains(&mean), "{between:?}");
    assert!(hanging.polled() >= 1 && refusing.polled() >= 1);

    // What it sells is told meanwhile, by its name.
    well.stock(1, 3);
    eventually("the alert", || {
        (receivers.of_type("stock.alerts").len() == 1).then_some(())
    });
    eventually("both are down", || {
        (receivers.of_type("source.down").len() == 2).then_some(())
    });
    let causes = |name: &str| {
        let down = receivers.of_type("source.down");
        let of = down.iter().find(|payload| payload["data"]["instance"] == name);
        of.map(|payload| payload["data"]["cause"].clone())
    };
    assert_eq!(causes("default"), Some(json!("timeout")));
    assert_eq!(causes("refusing"), Some(json!("credentials")));
    eventually("the mails", || (receivers.mail.mails().len() == 4).then_some(()));
    let mut subjects = receivers.subjects();
    subjects.sort();
    assert_eq!(subjects[0], "LOW: W, 3 left (was 9) · well");
    assert!(
        subjects[1].starts_with("WHMCS default unreadable for "),
        "{subjects:?}"
    );
    assert!(
        subjects[2].starts_with("WHMCS refusing unreadable for "),
        "{subjects:?}"
    );
    assert_eq!(subjects[3], "WHMCS well baseline: watching 1 product");

    // Metrics tell them apart.
    for (series, value) in [
        ("whmcs_up{whmcs=\"default\"}", 0.0),
        ("whmcs_up{whmcs=\"refusing\"}", 0.0),
        ("whmcs_up{whmcs=\"well\"}", 1.0),
        ("whmcs_stock_level{whmcs=\"well\",product_id=\"1\"}", 3.0),
    ] {
        assert_eq!(
            daemon.metric(series),
            Some(value),
            "{series}\n{}",
            daemon.metrics()
        );
    }
    let failures = |name: &str, reason: &str| {
        daemon.metric(&format!(
            "whmcs_poll_failures_total{{reason=\"{reason}\",whmcs=\"{name}\"}}"
        ))
    };
    assert!(failures("default", "timeout") >= Some(1.0) && failures("refusing", "credentials") >= Some(1.0));
    assert_eq!(failures("refusing", "timeout").unwrap_or_default(), 0.0);
    daemon.stop();
}

#[test]
fn a_check_of_several_shops_asks_them_side_by_side_and_names_each() {
    let shops: Vec<Shop> = (0..3).map(|_| Shop::open(vec![item(1, "Same", 9)])).collect();
    let receivers = Receivers::start();
    let mut home = home_of(&shops[0], &receivers, &[("eu", &shops[1]), ("us", &shops[2])]);
    home.set("WHMCS_API_TIMEOUT", "1s");
    for shop in &shops[..2] {
        shop.mode(Mode::Hang);
    }
    let (alone, both) = (
        home.run(&["check", "--dry-run", "--instance", "eu"]),
        home.run(&["check", "--dry-run"]),
    );
    assert_eq!((alone.code, both.code), (3, 3), "{both:?}");
    // Each tries three times, with pauses: one after the other they would take twice as long.
    assert!(
        both.took < alone.took.mul_f64(1.6),
        "{:?}, alone {:?}",
        both.took,
        alone.took
    );
    for name in ["default: timeout: ", "eu: timeout: "] {
        assert!(both.err.contains(name), "{both:?}");
    }
    for shop in &shops {
        shop.mode(Mode::Catalogue);
    }
    shops[1].stock(1, 2);
    let recorded = home.run(&["check"]);
    assert_eq!(recorded.code, 2, "{recorded:?}");
    let header: Vec<&str> = recorded.out.lines().next().unwrap().split_whitespace().collect();
    assert!(header.contains(&"SHOP"), "{recorded:?}");
    for name in ["default", "eu", "us"] {
        assert!(recorded.out.contains(&format!("{name}: as of ")), "{recorded:?}");
    }
    let deliveries = home.run(&["deliveries"]);
    assert!(
        deliveries.out.lines().next().unwrap().contains("SHOP"),
        "{deliveries:?}"
    );
    for said in ["WHMCS default baseline", "WHMCS eu baseline", "WHMCS us baseline"] {
        assert!(deliveries.out.contains(said), "{deliveries:?}");
    }
    let ambiguous = home.run(&["history", "1"]);
    assert_eq!(ambiguous.code, 64);
    assert!(
        ambiguous.err.contains("(shops: default, eu, us)"),
        "{ambiguous:?}"
    );
    let clear = home.run(&["history", "1", "--instance", "eu"]);
    assert!(clear.out.starts_with("Same (product 1, shop eu)"), "{clear:?}");
    let unknown = home.run(&["status", "--instance", "mars"]);
    assert_eq!(unknown.code, 78, "{unknown:?}");
}

#[test]
fn products_of_the_same_ids_do_not_mix() {
    let (one, two) = (
        Shop::open(vec![item(1, "Same", 9), item(2, "Other", 9)]),
        Shop::open(vec![item(1, "Same", 30), item(2, "Else", 1)]),
    );
    let receivers = Receivers::start();
    let home = home(&one, &receivers);
    let rule = "[[rule]]\ninstances = [\"eu\"]\nproducts = [1]\nlow = 20\n";
    home.write("config/monitor.toml", &(instance("eu", &two, "") + rule));
    let mut daemon = home.start();
    receivers.wait_for(2);
    two.stock(1, 15);
    eventually("the alert", || {
        (receivers.of_type("stock.alerts").len() == 1).then_some(())
    });
    let alert = receivers.of_type("stock.alerts")[0]["data"]["alerts"][0].clone();
    assert_eq!(
        (
            &alert["alert_id"],
            &alert["instance"],
            &alert["level"],
            &alert["thresholds"]["low"]
        ),
        (&json!("eu/1/-"), &json!("eu"), &json!(15), &json!(20))
    );
    one.stock(1, 0);
    eventually("the second alert", || {
        (receivers.of_type("stock.alerts").len() == 2).then_some(())
    });
    assert_eq!(
        stock(&daemon),
        [
            ("default".to_owned(), 1, json!(0)),
            ("default".to_owned(), 2, json!(9)),
            ("eu".to_owned(), 1, json!(15)),
            ("eu".to_owned(), 2, json!(1)),
        ]
    );
    daemon.wait_for_empty_outbox();
    let subjects = receivers.subjects();
    assert!(
        subjects.contains(&"OUT?: Same (shows 0, was 9) · default".to_owned()),
        "{subjects:?}"
    );
    assert!(
        subjects.contains(&"LOW: Same, 15 left (was 30) · eu".to_owned()),
        "{subjects:?}"
    );
    let history = daemon.json("/api/v1/products/eu/1/history");
    let levels: Vec<&Value> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| &point["level"])
        .collect();
    assert_eq!(levels, [&json!(30), &json!(15)]);
    let page = daemon.get("/").body;
    assert!(
        page.contains("<bdi>eu</bdi>") && page.contains("<bdi>default</bdi>"),
        "{page}"
    );
    daemon.stop();
}

#[test]
fn a_reload_adds_and_removes_shops_and_what_is_removed_keeps_its_history() {
    let shops: Vec<Shop> = (0..3).map(|_| Shop::open(vec![item(1, "Same", 9)])).collect();
    let receivers = Receivers::start();
    let home = home_of(&shops[0], &receivers, &[("eu", &shops[1])]);
    let mut daemon = home.start();
    receivers.wait_for(2);
    configure(&home, &[("us", &shops[2])]);
    daemon.signal(Signal::HUP);
    receivers.wait_for(3);
    daemon.wait_for_log("No longer configured: its history is kept.");
    let polled = shops[1].polled();
    daemon.wait_for_polls("us", 2);
    assert_eq!(
        shops[1].polled(),
        polled,
        "the removed shop is not asked any more"
    );
    let metrics = daemon.metrics();
    assert!(metrics.contains("whmcs_up{whmcs=\"us\"} 1"), "{metrics}");
    assert!(!metrics.contains("whmcs=\"eu\""), "{metrics}");
    let names: Vec<String> = stock(&daemon).into_iter().map(|(name, _, _)| name).collect();
    assert_eq!(names, ["default", "us"]);
    daemon.stop();
    let listed = home.run(&["instance", "list"]);
    let eu = listed
        .out
        .lines()
        .find(|line| line.trim_start().starts_with("eu "))
        .unwrap();
    assert!(
        eu.contains("no longer configured; its history is kept"),
        "{listed:?}"
    );
    let history = home.run(&["history", "1", "--instance", "eu"]);
    assert_eq!(history.code, 0, "{history:?}");
    assert!(history.err.contains("no longer configured"), "{history:?}");
    // Back under its name it goes on where it was: no second baseline.
    configure(&home, &[("us", &shops[2]), ("eu", &shops[1])]);
    let mut daemon = home.start();
    daemon.wait_for_polls("eu", 2);
    daemon.stop();
    assert_eq!(receivers.of_type("stock.baseline").len(), 3);
}

#[test]
fn what_is_open_in_a_shop_that_is_removed_is_taken_back_once() {
    let shops: Vec<Shop> = (0..2).map(|_| Shop::open(vec![item(1, "Same", 9)])).collect();
    let receivers = Receivers::start();
    let home = home_of(&shops[0], &receivers, &[("eu", &shops[1])]);
    let mut daemon = home.start();
    receivers.wait_for(2);
    let reasons = || -> Vec<(Value, Value)> {
        let messages = receivers.of_type("stock.alerts");
        let alerts = messages
            .iter()
            .flat_map(|message| message["data"]["alerts"].as_array().unwrap());
        alerts
            .map(|alert| (alert["instance"].clone(), alert["reason"].clone()))
            .collect()
    };
    let heard = |count| eventually("the alert", || (reasons().len() == count).then_some(()));
    shops[1].stock(1, 0);
    heard(1);
    configure(&home, &[]);
    daemon.signal(Signal::HUP);
    heard(2);
    daemon.wait_for_empty_outbox();
    // Whatever happens then, it was said.
    daemon.signal(Signal::KILL);
    daemon.wait();
    let mut daemon = home.start();
    daemon.wait_for_polls("default", 2);
    daemon.wait_for_empty_outbox();
    assert_eq!(reasons().len(), 2, "{:?}", reasons());
    daemon.stop();
    configure(&home, &[("eu", &shops[1])]);
    let mut daemon = home.start();
    heard(3);
    daemon.wait_for_polls("eu", 2);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    let expected = ["first", "withdrawn", "first"].map(|reason| (json!("eu"), json!(reason)));
    assert_eq!(reasons(), expected);
    assert_eq!(
        receivers.of_type("stock.baseline").len(),
        2,
        "none of its own again"
    );
}

#[test]
fn a_shop_that_is_renamed_keeps_its_history() {
    let shops: Vec<Shop> = (0..2).map(|_| Shop::open(vec![item(1, "Same", 9)])).collect();
    let receivers = Receivers::start();
    let home = home_of(&shops[0], &receivers, &[("eu", &shops[1])]);
    let mut daemon = home.start();
    receivers.wait_for(2);
    shops[1].stock(1, 4);
    receivers.wait_for(3);
    let refused = home.run(&["instance", "rename", "eu", "europe"]);
    assert_eq!(refused.code, 75, "{refused:?}");
    assert!(refused.err.contains("Stop it"), "{refused:?}");
    daemon.stop();
    for (old, new, said) in [
        ("mars", "europe", "There are: default, eu."),
        ("eu", "default", "a history of its own"),
        ("eu", "not a name", "is not a name"),
        ("eu", "eu", "the same"),
    ] {
        let refused = home.run(&["instance", "rename", old, new]);
        assert_eq!(refused.code, 64, "{refused:?}");
        assert!(refused.err.contains(said), "{refused:?}");
    }
    let renamed = home.run(&["instance", "rename", "eu", "europe"]);
    assert_eq!(renamed.code, 0, "{renamed:?}");
    assert!(renamed.err.contains("rename it there too"), "{renamed:?}");
    configure(&home, &[("europe", &shops[1])]);
    let history = home.run(&["history", "1", "--instance", "europe", "--csv"]);
    let levels: Vec<&str> = history
        .out
        .lines()
        .filter_map(|line| line.split(',').nth(2))
        .collect();
    assert_eq!(levels, ["level", "9", "4"], "{history:?}");
    let mut daemon = home.start();
    daemon.wait_for_polls("europe", 2);
    shops[1].stock(1, 0);
    eventually("the alert", || {
        (receivers.of_type("stock.alerts").len() == 2).then_some(())
    });
    daemon.stop();
    let alert = receivers.of_type("stock.alerts")[1]["data"]["alerts"][0].clone();
    assert_eq!(
        (&alert["instance"], &alert["reason"], &alert["previous_severity"]),
        (&json!("europe"), &json!("worse"), &json!("low")),
        "it goes on where it was"
    );
    assert_eq!(receivers.of_type("stock.baseline").len(), 2);
    let json = home.run(&["instance", "list", "--json"]).json();
    assert_eq!(json["items"][1]["instance"], "europe");
    assert_eq!(json["items"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_name_that_was_never_asked_is_free_for_a_history() {
    let shops: Vec<Shop> = (0..2).map(|_| Shop::open(vec![item(1, "Same", 9)])).collect();
    let receivers = Receivers::start();
    let home = home_of(&shops[0], &receivers, &[("eu", &shops[1])]);
    assert_eq!(home.run(&["check"]).code, 0);
    // Renamed in the configuration alone, and stopped before the shop answered.
    configure(&home, &[("europe", &shops[1])]);
    shops[0].mode(Mode::Hang);
    shops[1].mode(Mode::Hang);
    let mut daemon = home.start();
    eventually("europe is known", || {
        let listed = home.run(&["instance", "list", "--json"]).json();
        let items = listed["items"].as_array().unwrap().clone();
        (items.len() == 3).then_some(())
    });
    daemon.stop();
    let renamed = home.run(&["instance", "rename", "eu", "europe"]);
    assert_eq!((renamed.code, renamed.err.as_str()), (0, ""), "{renamed:?}");
    let listed = home.run(&["instance", "list", "--json"]).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");
    assert!(listed["items"][1]["first_poll_at"].is_string(), "{listed}");
}
