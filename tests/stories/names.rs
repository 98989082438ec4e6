//! Names that would break out of what holds them are right wherever they are shown.

use serde_json::Value;

use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::daemon::eventually;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Shop;
use crate::shop::item;

/// What WHMCS sends, and what people read: entities decoded once, white space folded, and nothing that is invisible or
/// turns the direction of writing. The ids ascend from 1.
fn hostile() -> Vec<(String, String)> {
    let long = "long ".repeat(800);
    let pairs = [
        (
            "</td></table><script>alert(1)</script>",
            "</td></table><script>alert(1)</script>",
        ),
        (
            "quotes \" ' ` and back\\slash\\n",
            "quotes \" ' ` and back\\slash\\n",
        ),
        (
            "two\nlines\r\nBcc: all@shop.example",
            "two lines Bcc: all@shop.example",
        ),
        ("{whmcs=\"x\"} 1 # HELP", "{whmcs=\"x\"} 1 # HELP"),
        ("=cmd|' /C calc'!A0,\"x\"", "=cmd|' /C calc'!A0,\"x\""),
        ("🦀 emoji 服务器 ünïcödé", "🦀 emoji 服务器 ünïcödé"),
        ("right \u{202e}tfel ot\u{202c} left", "right tfel ot left"),
        ("{{7*7}} ${HOME} %s %0A", "{{7*7}} ${HOME} %s %0A"),
        ("&lt;b&gt; &amp;amp; &quot;", "<b> &amp; \""),
        ("عربي مع RAM", "عربي مع RAM"),
        ("\u{0}\u{7}\u{1b}[31mred", "[31mred"),
        (&long, long.trim_end()),
    ];
    pairs
        .map(|(raw, shown)| (raw.to_owned(), shown.to_owned()))
        .to_vec()
}

#[test]
fn hostile_names_are_right_in_metrics_mail_page_api_history_and_webhook() {
    let names = hostile();
    let items = names
        .iter()
        .zip(1..)
        .map(|((raw, _), id)| item(id, raw, 9))
        .collect();
    let shop = Shop::open(items);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    let shown: Vec<String> = daemon.json("/api/v1/stock")["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["product"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<&String> = names.iter().map(|(_, shown)| shown).collect();
    assert_eq!(shown.iter().collect::<Vec<_>>(), expected);
    for id in 1..=names.len() {
        shop.stock(i64::try_from(id).unwrap(), 3);
    }
    receivers.wait_for(2);
    in_metrics_and_page(&daemon, &shown);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    in_messages(&receivers, &shown);
    in_commands(&home, &shown);
    let log = daemon.log();
    assert!(!log.contains('\u{1b}') && !log.contains('\u{7}'), "{log}");
    // Each line begins with its time: no name began one of its own.
    assert!(log.lines().all(|line| line.starts_with("20")), "{log}");
}

fn in_metrics_and_page(daemon: &Daemon, shown: &[String]) {
    let metrics = daemon.metrics();
    for (place, name) in shown.iter().enumerate() {
        let id = place + 1;
        let label = name
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let line = format!(
            "whmcs_stock_product_info{{whmcs=\"default\",product_id=\"{id}\",product=\"{label}\",group=\"\"}} 1"
        );
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    let page = daemon.get("/").body;
    assert!(!page.contains("<script>"), "{page}");
    assert!(page.contains("🦀 emoji 服务器 ünïcödé"));
    assert!(
        page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"),
        "{page}"
    );
    assert!(
        page.contains("<bdi>عربي مع RAM</bdi>"),
        "what is written from the right stays within its place"
    );
}

fn in_messages(receivers: &Receivers, shown: &[String]) {
    let alerts: Vec<Value> = receivers.payloads()[1..]
        .iter()
        .flat_map(|payload| payload["data"]["alerts"].as_array().unwrap().clone())
        .collect();
    assert_eq!(alerts.len(), shown.len());
    for alert in &alerts {
        let id = usize::try_from(alert["product"]["id"].as_u64().unwrap()).unwrap();
        let (told, shown) = (alert["product"]["name"].as_str().unwrap(), &shown[id - 1]);
        assert!(
            told == shown || (shown.len() > 200 && shown.starts_with(told.trim_end_matches('…'))),
            "{told:?} for {shown:?}"
        );
    }
    let mail = &receivers.mail.mails()[1];
    assert_eq!(mail.to, ["sales@shop.example"]);
    let head = String::from_utf8_lossy(&mail.raw)
        .split_once("\r\n\r\n")
        .unwrap()
        .0
        .to_owned();
    assert!(
        !head.lines().any(|line| line.to_lowercase().starts_with("bcc:")),
        "{head}"
    );
    let (text, html) = (mail.text(), mail.html());
    assert!(
        text.contains("🦀 emoji 服务器 ünïcödé") && html.contains("🦀 emoji 服务器 ünïcödé"),
        "{text}"
    );
    assert!(!html.contains("<script"), "{html}");
    assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
    assert!(!text.contains('\u{1b}') && !html.contains('\u{1b}'));
}

fn in_commands(home: &Home, shown: &[String]) {
    for (place, name) in shown.iter().enumerate() {
        let id = (place + 1).to_string();
        let json = home.run(&["history", &id, "--json"]).json();
        assert_eq!(json["product"].as_str().unwrap(), name);
        assert_eq!(json["items"].as_array().unwrap().len(), 2, "{json}");
        let csv = home.run(&["history", &id, "--csv"]).out;
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "observed_at,state,level"), "{csv}");
        let table = home.run(&["history", &id]);
        assert_eq!(table.code, 0, "{table:?}");
        assert!(
            !table.out.contains('\u{1b}') && !table.out.contains('\u{7}'),
            "{table:?}"
        );
    }
    let status = home.run(&["status"]);
    assert!(
        !status.out.contains('\u{1b}') && !status.out.contains('\u{7}'),
        "{status:?}"
    );
}

#[test]
fn a_name_beyond_all_measure_fails_the_poll_and_names_the_product_in_the_cause() {
    let shop = Shop::open(vec![item(1, "A", 9), item(2, "B", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    shop.change(|items| items[0].name = "x".repeat(10_000_000));
    shop.stock(2, 0);
    eventually("the poll fails", || {
        let failures = "whmcs_poll_failures_total{reason=\"too_large\",whmcs=\"default\"}";
        daemon.metric(failures).filter(|count| *count > 0.0)
    });
    assert_eq!(daemon.item(2).unwrap()["level"], 9, "nothing was believed");
    assert!(daemon.resident() < 200 << 20, "{}", daemon.resident());
    daemon.stop();
    assert_eq!(receivers.said(), ["stock.baseline"]);
}
