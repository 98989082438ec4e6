//! What is told when stock moves: each thing once, by mail and by webhook.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::CONTROLLED;
use crate::daemon::Home;
use crate::daemon::eventually;
use crate::home;
use crate::peers;
use crate::peers::Peer;
use crate::receivers::Receivers;
use crate::receivers::short;
use crate::shop::Item;
use crate::shop::Mode;
use crate::shop::Shop;
use crate::shop::item;

/// A mail's text without what differs from run to run: times and durations.
fn redacted(text: &str) -> String {
    let line = |line: &str| match line.split_once(" · ").or(line.split_once(" for ")) {
        Some((kept, _)) => format!("{kept} <time>"),
        None => line.trim_end().to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Sells a product out and fills it up again, with the ten settings alone: what was received.
fn twenty_four_two_none_thirty(python: &Path) -> Value {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let whmcs = Peer::start(python, "whmcs.py", &[]);
    let receivers = Peer::start(python, "receive.py", &[secret]);
    let (smtp, http) = (receivers.ports[0], receivers.ports[1]);
    let shop = whmcs.ports[0];
    whmcs.post(shop, "/control", &json!({"products": [{"pid": 42, "name": "DS-64", "qty": 20}, {"pid": 7, "name": "VPS M", "qty": 50}]}));
    let mut home = Home::new(&[
        (
            "WHMCS_API_URL",
            &format!("http://127.0.0.1:{shop}/includes/api.php"),
        ),
        ("WHMCS_API_IDENTIFIER", "peer-identifier"),
        ("WHMCS_API_SECRET", "peer-secret"),
        ("LOW_STOCK", "5"),
        ("CRITICAL_STOCK", "2"),
        ("WEBHOOK_URL", &format!("http://127.0.0.1:{http}/hook")),
        ("WEBHOOK_SECRET", secret),
        ("SMTP_URL", &format!("smtp://127.0.0.1:{smtp}?tls=none")),
        ("SMTP_FROM", "stock@shop.example"),
        ("ALERT_EMAIL_TO", "sales@shop.example"),
    ]);
    // The ten are all that is needed; this one is for the test's patience.
    home.export("POLL_SCHEDULE", "every 200ms");
    let mut daemon = home.start();
    for qty in [20, 4, 2, 0, 30] {
        whmcs.post(shop, "/control", &json!({"qty": {"42": qty}}));
        daemon.wait_for_item(42, &format!("at {qty}"), |item| item["level"] == qty);
        daemon.wait_for_polls("default", 2);
    }
    daemon.wait_for_empty_outbox();
    daemon.stop();
    receivers.get(http, "/received")
}

#[test]
fn ten_settings_and_a_shop_that_sells_out_make_low_critical_out_and_recovered_each_once() {
    let Some(python) = peers::python() else { return };
    let received = twenty_four_two_none_thirty(&python);
    assert_eq!(received["refused"], json!([]), "each signature is valid");
    let webhooks = received["webhooks"].as_array().unwrap();
    let said: Vec<String> = webhooks.iter().map(|webhook| short(&webhook["body"])).collect();
    assert_eq!(
        said,
        [
            "stock.baseline",
            "stock.alerts: 42 first low 4",
            "stock.alerts: 42 worse critical 2",
            "stock.alerts: 42 worse out 0",
            "stock.alerts: 42 recovered ok 30",
        ]
    );
    let mails = received["mails"].as_array().unwrap();
    let text = |mail: &Value, key: &str| mail[key].as_str().unwrap_or_default().to_owned();
    let subjects: Vec<String> = mails.iter().map(|mail| text(mail, "subject")).collect();
    insta::assert_snapshot!(subjects.join("\n"), @r"
    WHMCS baseline: watching 2 products
    LOW: DS-64, 4 left (was 20)
    CRITICAL: DS-64, 2 left (was 4)
    OUT?: DS-64 (shows 0, was 2)
    recovered: DS-64 (30)
    ");
    for mail in mails {
        assert_eq!(mail["to"], json!(["sales@shop.example"]));
        assert_eq!(mail["auto_submitted"], "auto-generated");
        assert!(text(mail, "message_id").starts_with('<'), "{mail}");
        assert!(text(mail, "html").contains("</html>"), "{mail}");
    }
    insta::assert_snapshot!(redacted(&text(&mails[0], "text")), @r"
    Now watching 2 products of WHMCS

    This is the baseline: what stands below counts as told. From now on you hear of what changes.

         2 ok

    --
    Shop default <time>
    ");
    insta::assert_snapshot!(redacted(&text(&mails[3], "text")), @r"
    OUT?: DS-64
      shows 0: sold out, or stock control was switched off (was 2)
      told before: critical
      product 42
      low ≤ 5, critical ≤ 2 (global)

    --
    Shop default <time>
    ");
    insta::assert_snapshot!(redacted(&text(&mails[4], "text")), @r"
    RECOVERED: DS-64
      30 left, was 0
      product 42
      low ≤ 5, critical ≤ 2 (global)
      was not ok <time>

    --
    Shop default <time>
    ");
    let mut ids: Vec<String> = webhooks
        .iter()
        .map(|webhook| text(webhook, "id"))
        .chain(mails.iter().map(|mail| text(mail, "message_id")))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10, "no id twice");
    let alert = &webhooks[3]["body"]["data"]["alerts"][0];
    assert_eq!(
        (
            &alert["alert_id"],
            &alert["previous_severity"],
            &alert["previous_level"]
        ),
        (&json!("default/42/-"), &json!("critical"), &json!(2))
    );
    assert_eq!(
        alert["thresholds"],
        json!({"low": 5, "critical": 2, "origin": "global"})
    );
    assert_eq!(webhooks[4]["body"]["data"]["alerts"][0]["status"], "resolved");
}

#[test]
fn what_changed_while_the_daemon_was_down_is_told_after_the_start_and_nothing_twice() {
    let shop = Shop::open(vec![
        item(1, "Sold meanwhile", 9),
        item(2, "Stays low", 3),
        item(3, "Comes back", 0),
        item(4, "Stays", 8),
    ]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    shop.stock(1, 0);
    shop.stock(3, 12);
    shop.stock(4, 7);
    let mut daemon = home.start();
    receivers.wait_for(2);
    daemon.wait_for_polls("default", 3);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    // Once more, with nothing changed.
    let mut daemon = home.start();
    daemon.wait_for_polls("default", 3);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    assert_eq!(
        receivers.said(),
        ["stock.baseline", "stock.alerts: 1 first out 0; 3 recovered ok 12"]
    );
    assert_eq!(receivers.mail.mails().len(), 2, "{:?}", receivers.subjects());
}

#[test]
fn five_hundred_products_with_forty_out_are_one_message_a_channel_on_first_sight() {
    let items: Vec<Item> = (1..=500)
        .map(|id| item(id, &format!("Server {id}"), if id <= 40 { 0 } else { 20 }))
        .collect();
    let shop = Shop::open(items);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    daemon.wait_for_polls("default", 3);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    let (payloads, mails) = receivers.wait_for(1);
    assert_eq!(receivers.said(), ["stock.baseline"]);
    assert_eq!(payloads[0]["data"]["products"], 500);
    assert_eq!(payloads[0]["data"]["open_total"], 40);
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].subject().to_lowercase().contains("baseline"),
        "{}",
        mails[0].subject()
    );
    assert!(mails[0].subject().contains("40 out"), "{}", mails[0].subject());
}

#[test]
fn a_first_run_that_shall_alert_tells_of_each_product_that_is_not_well() {
    let shop = Shop::open(vec![item(1, "Out", 0), item(2, "Low", 4), item(3, "Well", 40)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("FIRST_RUN", "alert");
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    daemon.wait_for_polls("default", 2);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    let alerts: Vec<String> = receivers
        .said()
        .into_iter()
        .filter(|said| said != "stock.baseline")
        .collect();
    assert_eq!(alerts, ["stock.alerts: 1 first out 0; 2 first low 4"]);
}

#[test]
fn stock_fields_that_vanish_make_levels_unknown_and_one_message_and_no_alert() {
    let shop = Shop::open(vec![item(1, "A", 9), item(2, "B", 3), item(3, "C", 30)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    daemon.wait_for_item(1, "at 9", |item| item["level"] == 9);
    shop.change(|items| items.iter_mut().for_each(|item| item.stock = None));
    let unknown = daemon.wait_for_item(2, "unknown", |item| item["state"] == "unknown");
    assert_eq!(
        (&unknown["level"], &unknown["last_level"], &unknown["severity"]),
        (&Value::Null, &json!(3), &json!("low"))
    );
    let metrics = daemon.metrics();
    assert!(!metrics.contains("\nwhmcs_stock_level{"), "{metrics}");
    receivers.wait_for(2);
    daemon.wait_for_polls("default", 4);
    shop.catalogue(vec![item(1, "A", 9), item(2, "B", 3), item(3, "C", 30)]);
    daemon.wait_for_item(1, "at 9 again", |item| item["level"] == 9);
    receivers.wait_for(3);
    daemon.wait_for_polls("default", 3);
    daemon.wait_for_empty_outbox();
    assert_eq!(
        daemon.metric("whmcs_stock_level{whmcs=\"default\",product_id=\"2\"}"),
        Some(3.0)
    );
    daemon.stop();
    assert_eq!(
        receivers.said(),
        ["stock.baseline", "source.degraded", "source.restored"]
    );
    assert_eq!(
        receivers.of_type("source.degraded")[0]["data"]["cause"],
        "stock_fields"
    );
    assert_eq!(receivers.mail.mails().len(), 3, "{:?}", receivers.subjects());
}

#[test]
fn new_renamed_and_gone_products_are_told_as_events_not_as_alerts() {
    let start = vec![item(1, "One", 20), item(2, "Two", 20), item(3, "Three", 20)];
    let shop = Shop::open(start);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    shop.change(|items| items.push(item(4, "Four", 0)));
    receivers.wait_for(2);
    shop.change(|items| items[0].name = "Uno".to_owned());
    receivers.wait_for(3);
    shop.change(|items| items.retain(|item| item.id != 2));
    receivers.wait_for(4);
    daemon.wait_for_item(2, "gone", |item| item["state"] == "gone");
    daemon.wait_for_polls("default", 3);
    daemon.wait_for_empty_outbox();
    assert!(!daemon.metrics().contains("product_id=\"2\""));
    daemon.stop();
    assert_eq!(
        receivers.said(),
        [
            "stock.baseline",
            "stock.product: 4 new",
            "stock.product: 1 renamed",
            "stock.product: 2 gone"
        ]
    );
    let renamed = &receivers.payloads()[2]["data"]["events"][0];
    assert_eq!(
        (&renamed["previous"], &renamed["product"]["name"]),
        (&json!("One"), &json!("Uno"))
    );
    assert_eq!(receivers.payloads()[1]["data"]["events"][0]["severity"], "out");
}

#[test]
fn a_shop_that_cannot_be_read_is_told_once_and_its_recovery_too() {
    let shop = Shop::open(vec![item(1, "One", 20), item(2, "Two", 1)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("SOURCE_DOWN_AFTER", "1s");
    let mut daemon = home.start();
    receivers.wait_for(1);
    let refused = json!({"result": "error", "message": "Invalid IP 203.0.113.9"});
    shop.mode(Mode::Plain(403, String::new(), refused.to_string()));
    receivers.wait_for(2);
    assert_eq!(daemon.metric("whmcs_up{whmcs=\"default\"}"), Some(0.0));
    let failures = daemon.metric("whmcs_poll_failures_total{reason=\"ip\",whmcs=\"default\"}");
    assert!(failures.is_some_and(|failures| failures >= 3.0), "{failures:?}");
    let poll = &daemon.json("/api/v1/polls")["items"][0];
    assert_eq!(
        (&poll["outcome"], &poll["cause"]),
        (&json!("failed"), &json!("ip")),
        "{poll}"
    );
    shop.mode(Mode::Catalogue);
    receivers.wait_for(3);
    eventually("up", || {
        (daemon.metric("whmcs_up{whmcs=\"default\"}") == Some(1.0)).then_some(())
    });
    daemon.wait_for_polls("default", 2);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    assert_eq!(receivers.said(), ["stock.baseline", "source.down", "source.up"]);
    assert_eq!(receivers.payloads()[1]["data"]["cause"], "ip");
    assert_eq!(receivers.mail.mails().len(), 3, "{:?}", receivers.subjects());
}

#[test]
fn mails_link_to_the_page_where_its_address_is_given() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    let mut daemon = home.start();
    let (_, mails) = receivers.wait_for(1);
    assert!(!mails[0].text().contains("All levels"), "{}", mails[0].text());
    daemon.stop();
    home.set("PAGE_URL", "https://stock.example.com");
    let mut daemon = home.start();
    shop.stock(1, 4);
    let (_, mails) = receivers.wait_for(2);
    daemon.stop();
    let text = mails[1].text();
    assert!(text.contains("All levels: https://stock.example.com/"), "{text}");
}
