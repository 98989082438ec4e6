//! The companion's hooks under real PHP: what is told to the monitor, how it is signed, and that no page waits for it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use sha2::Sha256;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::sinks::webhook::Reply;
use whmcs_stock_monitor::sinks::webhook::Request;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;

use crate::daemon::Home;
use crate::daemon::PATIENCE;
use crate::daemon::eventually;
use crate::databases::BOTH;
use crate::databases::Database;
use crate::databases::Kind;
use crate::databases::SHOP;
use crate::databases::ready;
use crate::front::Front;
use crate::peers::Peer;
use crate::peers::python;
use crate::receivers::Receivers;

const SECRET: &str = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMsIDMyIGJ5dGU=";

/// A receiver, and the runtime it lives in.
struct Monitor {
    sink: WebhookSink,
    runtime: Runtime,
}

impl Monitor {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sink = runtime.block_on(WebhookSink::start()).unwrap();
        Self { sink, runtime }
    }

    fn url(&self) -> String {
        format!("http://{}/api/v1/hints", self.sink.address())
    }

    /// All hints so far, of which there must be at least so many.
    fn hints(&self, count: usize) -> Vec<Arc<Request>> {
        self.runtime
            .block_on(self.sink.wait_for(count, PATIENCE))
            .unwrap_or_else(|got| panic!("{} hints instead of {count}", got.len()))
    }
}

fn settings(url: &str, more: &str) -> String {
    format!("<?php return ['url' => '{url}', 'secret' => '{SECRET}', {more}];")
}

fn shop(kind: Kind) -> Front {
    Front::new(Database::with(kind, &[SHOP]))
}

/// Runs hooks; nothing may be printed or returned, and PHP may have nothing to note.
fn run(front: &Front, hooks: &Value) -> Value {
    let answer = front.hooks(hooks);
    let json = answer.json();
    assert_eq!(json["printed"], "", "{json}");
    let returned = json["returned"].as_array().unwrap();
    assert!(returned.iter().all(Value::is_null), "{json}");
    assert_eq!(answer.body.trim_end().lines().count(), 1, "{answer:?}");
    quiet(front);
    json
}

fn quiet(front: &Front) {
    let log = front.log();
    for word in ["Warning", "Notice", "Deprecated", "Fatal"] {
        assert!(!log.contains(word), "{log}");
    }
}

fn signature(request: &Request) -> String {
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let header = |name| request.header(name).unwrap();
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&request.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[test]
fn a_hint_is_signed_and_says_what_changed() {
    if !ready() {
        return;
    }
    let monitor = Monitor::start();
    let front = shop(Kind::Sqlite);
    front.settings(&settings(&monitor.url(), "'instance' => 'eu'"));
    let ids: Vec<Arc<Request>> = (1..=2)
        .map(|nth| {
            run(&front, &json!([["AcceptOrder", {"orderid": 801}]]));
            Arc::clone(&monitor.hints(nth)[nth - 1])
        })
        .collect();
    let hint = &ids[0];
    assert_eq!(
        (hint.method.as_str(), hint.path.as_str()),
        ("POST", "/api/v1/hints")
    );
    assert_eq!(hint.header("content-type"), Some("application/json"));
    assert_eq!(hint.header("webhook-signature"), Some(signature(hint).as_str()));
    assert_ne!(hint.header("webhook-id"), ids[1].header("webhook-id"));
    let at: i64 = hint.header("webhook-timestamp").unwrap().parse().unwrap();
    assert!((Timestamp::now().as_second() - at).abs() < 300);
    let mut body: Value = serde_json::from_slice(&hint.body).unwrap();
    let written: Timestamp = body["timestamp"].as_str().unwrap().parse().unwrap();
    assert!((written.as_second() - at).abs() < 5);
    body["timestamp"] = json!("…");
    assert_eq!(
        body,
        json!({"type": "stock.hint", "timestamp": "…",
            "data": {"instance": "eu", "hook": "AcceptOrder", "products": [1]}})
    );
}

#[test]
fn another_makes_library_believes_the_signature() {
    let Some(python) = python().filter(|_| ready()) else {
        return;
    };
    let peer = Peer::start(&python, "receive.py", &[SECRET]);
    let front = shop(Kind::Sqlite);
    front.settings(&settings(
        &format!("http://127.0.0.1:{}/api/v1/hints", peer.ports[1]),
        "",
    ));
    run(&front, &json!([["ProductEdit", {"pid": 7}]]));
    let received = eventually("a hint", || {
        let received = peer.get(peer.ports[1], "/received");
        let came = |list: &str| !received[list].as_array().unwrap().is_empty();
        (came("webhooks") || came("refused")).then_some(received)
    });
    assert_eq!(received["refused"], json!([]));
    assert_eq!(
        received["webhooks"][0]["body"]["data"],
        json!({"hook": "ProductEdit", "products": [7]})
    );
}

#[test]
fn each_hook_names_its_products_as_far_as_they_can_be_told() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let monitor = Monitor::start();
        let front = shop(kind);
        front.settings(&settings(&monitor.url(), ""));
        front
            .database
            .load("UPDATE tblhosting SET orderid = 600 WHERE id IN (801, 807, 809);\n");
        // The variables as WHMCS documents them; services 1 to 5 are of products 2, 3, 4, 5 and 1.
        let cases = [
            (
                "AfterShoppingCartCheckout",
                json!({"OrderID": 4, "ServiceIDs": [1, 3, 6]}),
                json!([2, 4]),
            ),
            (
                "AfterShoppingCartCheckout",
                json!({"OrderID": 4, "ServiceIDs": []}),
                json!([5]),
            ),
            ("AcceptOrder", json!({"orderid": 600}), json!([1, 7, 99])),
            ("CancelOrder", json!({"orderid": "3"}), json!([4])),
            ("DeleteOrder", json!({"orderid": 3}), json!([4])),
            (
                "FraudOrder",
                json!({"orderid": 3, "isrecurring": false}),
                json!([4]),
            ),
            ("PendingOrder", json!({"orderid": 3}), json!([4])),
            ("CancelAndRefundOrder", json!({"orderid": 3}), json!([4])),
            (
                "OrderPaid",
                json!({"orderId": 3, "userId": 3, "invoiceId": 9}),
                json!([4]),
            ),
            (
                "ProductEdit",
                json!({"pid": 8, "stockcontrol": true, "qty": 3}),
                json!([8]),
            ),
            ("ProductDelete", json!({"pid": 8}), json!([8])),
            ("ServiceEdit", json!({"userid": 1, "serviceid": 5}), json!([1])),
            (
                "ServiceDelete",
                json!({"userid": 1, "serviceid": 7777}),
                json!([]),
            ),
            (
                "AfterModuleCreate",
                json!({"params": {"serviceid": 5, "pid": 1}}),
                json!([1]),
            ),
            (
                "AfterModuleTerminate",
                json!({"params": {"serviceid": 2}}),
                json!([3]),
            ),
            ("AfterProductUpgrade", json!({"upgradeid": 5}), json!([])),
            ("AfterConfigOptionsUpgrade", json!({"upgradeid": 5}), json!([])),
        ];
        let mut registered = vec!["AdminAreaPage", "AfterCronJob"];
        for (nth, (hook, vars, products)) in cases.iter().enumerate() {
            let page = run(&front, &json!([[hook, vars]]));
            let hints = monitor.hints(nth + 1);
            let body: Value = serde_json::from_slice(&hints[nth].body).unwrap();
            assert_eq!(
                body["data"],
                json!({"hook": hook, "products": products}),
                "{kind:?}"
            );
            assert!(page["statements"].as_i64().unwrap() <= 2, "{hook}: {page}");
            registered.push(hook);
        }
        registered.sort_unstable();
        registered.dedup();
        let page = run(&front, &json!([]));
        let mut there: Vec<&str> = page["registered"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        there.sort_unstable();
        assert_eq!(there, registered, "each hook has its case");
        assert_eq!(monitor.sink.requests().len(), cases.len());
    }
}

#[test]
fn what_happens_in_one_request_is_told_once() {
    if !ready() {
        return;
    }
    let monitor = Monitor::start();
    let front = shop(Kind::Sqlite);
    front.settings(&settings(&monitor.url(), ""));
    let many = json!([
        ["AcceptOrder", {"orderid": 1}],
        ["AfterModuleCreate", {"params": {"pid": 2}}],
        ["ServiceEdit", {"serviceid": 5}],
        ["ProductEdit", {"pid": 8}],
    ]);
    run(&front, &many);
    run(
        &front,
        &json!([["ProductEdit", {"pid": 8}], ["AfterProductUpgrade", {"upgradeid": 1}]]),
    );
    let huge: Vec<i64> = (1..=700).collect();
    front.database.load("UPDATE tblhosting SET packageid = id;\n");
    run(
        &front,
        &json!([["AfterShoppingCartCheckout", {"ServiceIDs": huge}]]),
    );
    let told: Vec<Value> = monitor
        .hints(3)
        .iter()
        .map(|hint| serde_json::from_slice::<Value>(&hint.body).unwrap()["data"].clone())
        .collect();
    assert_eq!(
        told,
        [
            json!({"hook": "AcceptOrder", "products": [1, 2, 8]}),
            // One of them could not be told: the monitor looks at all.
            json!({"hook": "ProductEdit", "products": []}),
            json!({"hook": "AfterShoppingCartCheckout", "products": []}),
        ]
    );
}

#[test]
fn hooks_are_switched_in_the_settings() {
    if !ready() {
        return;
    }
    let monitor = Monitor::start();
    let front = shop(Kind::Sqlite);
    front.settings(&settings(&monitor.url(), ""));
    run(&front, &json!([["AfterCronJob", {}]]));
    front.settings(&settings(
        &monitor.url(),
        "'hooks' => ['AfterCronJob' => true, 'ProductEdit' => false]",
    ));
    run(&front, &json!([["ProductEdit", {"pid": 1}]]));
    run(&front, &json!([["AfterCronJob", {}]]));
    let hints = monitor.hints(1);
    assert_eq!(hints.len(), 1);
    assert!(
        hints[0].text().contains(r#""hook":"AfterCronJob","products":[]"#),
        "{}",
        hints[0].text()
    );
}

#[test]
fn a_monitor_that_hangs_holds_up_no_checkout() {
    if !ready() {
        return;
    }
    let monitor = Monitor::start();
    monitor.sink.always(Reply::Hang);
    let hung: [&[&str]; 2] = [&[], &["-d", "disable_functions=curl_init"]];
    for (nth, options) in hung.into_iter().enumerate() {
        let front = Front::with(Database::with(Kind::Sqlite, &[SHOP]), options);
        front.settings(&settings(&monitor.url(), "'log' => true"));
        let answer = front.hooks(&json!([["AcceptOrder", {"orderid": 1}]]));
        monitor.hints(nth + 1);
        // The page was there before PHP gave the monitor up.
        assert!(answer.json()["printed"] == "", "{answer:?}");
        let given_up = answer.whole - answer.first;
        assert!(given_up > Duration::from_millis(400), "{answer:?}");
        assert!(given_up < Duration::from_secs(10), "{answer:?}");
        println!(
            "the page came after {:?}, PHP gave up after {:?}",
            answer.first, answer.whole
        );
        quiet(&front);
        assert_eq!(
            front.activity(),
            "Stock monitor: a hint was not delivered: the monitor did not answer within a second\n"
        );
    }
}

#[test]
fn a_monitor_that_does_not_run_is_not_taken_for_a_slow_one() {
    if !ready() {
        return;
    }
    // A port that was free a moment ago, and that nobody listens at.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refusing: [&[&str]; 2] = [&[], &["-d", "disable_functions=curl_init"]];
    for options in refusing {
        let front = Front::with(Database::with(Kind::Sqlite, &[SHOP]), options);
        front.settings(&settings(
            &format!("http://{nobody}/api/v1/hints"),
            "'log' => true",
        ));
        run(&front, &json!([["AcceptOrder", {"orderid": 1}]]));
        let said = front.activity();
        assert!(
            said.starts_with(
                "Stock monitor: a hint was not delivered: no connection to the monitor could be made"
            ),
            "{said}"
        );
    }
}

#[test]
fn without_curl_the_hint_is_the_same() {
    if !ready() {
        return;
    }
    let monitor = Monitor::start();
    let front = Front::with(
        Database::with(Kind::Sqlite, &[SHOP]),
        &["-d", "disable_functions=curl_init"],
    );
    front.settings(&settings(&monitor.url(), "'log' => true"));
    run(&front, &json!([["AcceptOrder", {"orderid": 1}]]));
    let hint = Arc::clone(&monitor.hints(1)[0]);
    assert_eq!(hint.header("webhook-signature"), Some(signature(&hint).as_str()));
    assert_eq!(hint.header("content-type"), Some("application/json"));
    assert!(hint.text().contains(r#""products":[2]"#), "{}", hint.text());
    assert_eq!(front.activity(), "");
    monitor.sink.next(Reply::Status(401));
    run(&front, &json!([["AcceptOrder", {"orderid": 1}]]));
    assert_eq!(
        front.activity(),
        "Stock monitor: a hint was not delivered: it was answered with HTTP 401\n"
    );
}

#[test]
fn a_redirect_is_not_followed_with_the_signature() {
    if !ready() {
        return;
    }
    let (monitor, other) = (Monitor::start(), Monitor::start());
    for options in [vec![], vec!["-d", "disable_functions=curl_init"]] {
        monitor.sink.next(Reply::Full {
            status: 307,
            header: ("Location".to_owned(), other.url()),
            body: String::new(),
        });
        let front = Front::with(Database::with(Kind::Sqlite, &[SHOP]), &options);
        front.settings(&settings(&monitor.url(), "'log' => true"));
        run(&front, &json!([["AcceptOrder", {"orderid": 1}]]));
        assert!(front.activity().contains("HTTP 307"), "{}", front.activity());
    }
    assert_eq!(other.sink.requests().len(), 0);
}

#[test]
fn settings_that_are_missing_or_wrong_cost_nothing_but_the_hint() {
    if !ready() {
        return;
    }
    let monitor = Monitor::start();
    let front = shop(Kind::Sqlite);
    let order = json!([["AcceptOrder", {"orderid": 1}], ["AfterShoppingCartCheckout", null], ["ServiceEdit", {"serviceid": [[1]]}]]);
    let page = run(&front, &order);
    assert_eq!(page["statements"], 0, "nobody to tell, nothing to look up");
    let url = monitor.url();
    let wrong = [
        "<?php return [".to_owned(),
        "<?php throw new Exception('no');".to_owned(),
        "<?php return 'text';".to_owned(),
        "\u{feff}not PHP".to_owned(),
        "<?php echo 'printed', $missing; return [];".to_owned(),
        format!("<?php return ['url' => '{url}'];"),
        format!("<?php return ['url' => ['{url}'], 'secret' => '{SECRET}'];"),
        format!("<?php return ['url' => '{url}', 'secret' => 'whsec_%%%'];"),
        format!("<?php return ['url' => '{url}', 'secret' => 'whsec_c2hvcnQ='];"),
        format!("<?php return ['url' => '{url}', 'secret' => 'too short a text'];"),
        settings("file:///etc/passwd", ""),
        settings("ftp://127.0.0.1/", ""),
        settings("no address", ""),
        // Nobody listens there.
        settings("http://127.0.0.1:9/api/v1/hints", ""),
    ];
    for settings in wrong {
        front.settings(&settings);
        run(&front, &order);
    }
    assert_eq!(monitor.sink.requests().len(), 0);
    assert_eq!(front.activity(), "");
    front.settings(&format!(
        "<?php return ['url' => '{url}', 'secret' => 'whsec_%%%', 'log' => true];"
    ));
    run(&front, &order);
    assert_eq!(
        front.activity(),
        "Stock monitor: a hint was not delivered: its secret is not whsec_ and base64 of 24 bytes or more\n"
    );
}

#[test]
fn a_database_that_fails_costs_the_products_and_not_the_order() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let monitor = Monitor::start();
        let front = shop(kind);
        front.settings(&settings(&monitor.url(), ""));
        front
            .database
            .load("ALTER TABLE tblhosting RENAME TO elsewhere;\n");
        run(
            &front,
            &json!([["AcceptOrder", {"orderid": 1}], ["ProductEdit", {"pid": 3}]]),
        );
        let hint = Arc::clone(&monitor.hints(1)[0]);
        assert!(hint.text().contains(r#""products":[]"#), "{}", hint.text());
    }
}

#[test]
fn the_action_is_made_tickable_where_whmcs_has_the_catalogue_for_it() {
    if !ready() {
        return;
    }
    let mut front = shop(Kind::Sqlite);
    let twice = json!([["AdminAreaPage", {"filename": "index"}], ["AdminAreaPage", {}]]);
    let page = run(&front, &twice);
    assert_eq!(
        (&page["catalogue"], &page["statements"]),
        (&Value::Null, &json!(0))
    );
    front.set("catalogue", json!("whmcs"));
    assert_eq!(
        run(&front, &twice)["catalogue"],
        json!({
            "actions": {
                "getproducts": {"group": "Products", "name": "GetProducts", "default": 0},
                "getproductdetails": {"group": "StockMonitor", "name": "GetProductDetails", "default": 0},
            },
            "groups": {"Products": {"name": "Products"}, "StockMonitor": {"name": "Stock monitor"}},
        })
    );
    for other in ["different", "throwing"] {
        front.set("catalogue", json!(other));
        assert_eq!(run(&front, &twice)["catalogue"], Value::Null);
    }
}

#[test]
fn the_example_says_every_setting_and_sends_nothing() {
    if !ready() {
        return;
    }
    let front = shop(Kind::Sqlite);
    let example = front.file("includes/stock_monitor/settings.example.php");
    let text = fs::read_to_string(&example).unwrap();
    front.settings(&text);
    let page = run(&front, &json!([["AcceptOrder", {"orderid": 1}]]));
    assert_eq!(page["statements"], 0);
    assert_eq!(front.details(Some("1")).product(1)["inuse"], 66);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_to_string(root.join("docs/companion.md")).unwrap();
    for line in text.lines().filter(|line| line.starts_with("    '")) {
        let name = line.split('\'').nth(1).unwrap();
        assert!(
            docs.contains(&format!("| `{name}` |")),
            "docs/companion.md does not explain {name}"
        );
    }
}

#[test]
fn a_sale_reaches_the_people_through_the_hook_and_the_daemon() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = shop(kind);
        let receivers = Receivers::start();
        let mut home = Home::new(&[]);
        for (name, value) in receivers.settings(&front.url()) {
            home.set(name, &value);
        }
        // What is seen before an hour is over is seen because of the hint.
        home.set("POLL_SCHEDULE", "every 1h");
        home.set("HINT_SECRET", SECRET);
        home.set("HINT_MIN_INTERVAL", "100ms");
        let mut daemon = home.start();
        receivers.wait_for(1);
        eventually("the first poll", || (daemon.polls("default") == 1).then_some(()));
        front.settings(&settings(
            &format!("http://{}/api/v1/hints", daemon.address),
            "'instance' => 'default', 'log' => true",
        ));
        front
            .database
            .load("UPDATE tblproducts SET qty = 0 WHERE id = 2;\n");
        let began = Instant::now();
        run(&front, &json!([["AcceptOrder", {"orderid": 1}]]));
        let (payloads, _) = receivers.wait_for(2);
        println!(
            "{kind:?}: told {:?} after the page was asked for",
            began.elapsed()
        );
        let alerts = &payloads[1]["data"]["alerts"];
        assert_eq!(alerts.as_array().map(Vec::len), Some(1), "{alerts}");
        assert_eq!(
            (&alerts[0]["product"]["id"], &alerts[0]["severity"]),
            (&json!(2), &json!("out"))
        );
        assert_eq!(front.activity(), "");
        daemon.stop();
    }
}
