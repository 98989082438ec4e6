//! The outside, asked over a real socket: metrics, API, page and health agree and let nothing through.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/memory.rs"]
mod fixture;
#[path = "support/site.rs"]
mod harness;
#[path = "web/classes.rs"]
mod classes;
#[path = "web/lists.rs"]
mod listed;
#[path = "web/overview.rs"]
mod overview;
#[path = "web/lists_alerts.rs"]
mod listed_alerts;
#[path = "web/forms.rs"]
mod forms;
#[path = "web/damage.rs"]
mod damage;
#[path = "web/lists_sources.rs"]
mod listed_sources;
#[path = "web/product.rs"]
mod product_page;
#[path = "web/pools.rs"]
mod pools;

use std::io::Write;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use fixture::combination;
use fixture::frozen;
use fixture::memory;
use fixture::minute;
use fixture::product;
use fixture::series;
use harness::Site;
use harness::accepted;
use harness::database;
use harness::settings;
use harness::site;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use whmcs_stock_monitor::domain::alerting::decision::Change;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::decision::Event;
use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::delivery::Medium;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::pool::Bottleneck;
use whmcs_stock_monitor::domain::source::Attempt;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::observe::counters::Counters;
use whmcs_stock_monitor::observe::view::Instance;
use whmcs_stock_monitor::observe::view::LastPoll;
use whmcs_stock_monitor::observe::view::View;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::outbox::Queued;
use whmcs_stock_monitor::store::outbox::Settled;
use whmcs_stock_monitor::store::outbox::Settlement;
use whmcs_stock_monitor::store::save::PollRecord;
use whmcs_stock_monitor::store::value::PollId;
use whmcs_stock_monitor::web::server;
use whmcs_stock_monitor::web::state::AppState;
use whmcs_stock_monitor::web::state::Settings;

const HOSTILE: &str = "</td><script>alert(1)</script> \"q\" \\ {x=\"1\"} =cmd() é 🦀 \u{202e}r\nl";

/// A shop with one product in each state.
fn every_state() -> Arc<Memory> {
    let gone = Tracked {
        gone: true,
        ..product(7, "Gone", series(Level::Known(3)))
    };
    let retired = Tracked {
        retired: Some(true),
        ..product(8, "Retired", series(Level::Known(0)))
    };
    let ambiguous = Tracked {
        ambiguous_zero: true,
        ..product(6, "Zero?", series(Level::Unknown))
    };
    let mut options = product(9, "DS-64", series(Level::Known(7)));
    options.combinations = vec![
        combination("4=11;5=20", "RAM: 32 GB, Disk: NVMe", series(Level::Known(0))),
        combination("4=12;5=20", "RAM: 64 GB, Disk: NVMe", series(Level::Known(7))),
    ];
    options.combinations[0].bottleneck = Some(Bottleneck::Choice(Arc::from("RAM: 32 GB")));
    memory(vec![
        product(1, "Plenty", series(Level::Known(40))),
        product(2, "Low", series(Level::Known(4))),
        product(3, "Sold out", series(Level::Known(-2))),
        product(4, "Uncounted", series(Level::NotControlled)),
        product(5, "Lost", frozen(1)),
        ambiguous,
        gone,
        retired,
        options,
    ])
}

fn lines<'a>(text: &'a str, family: &str) -> Vec<&'a str> {
    let start = format!("{family}{{");
    text.lines()
        .filter_map(|line| line.strip_prefix(start.as_str()))
        .collect()
}

#[tokio::test]
async fn the_metrics_hold_what_is_known_and_nothing_else() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let answer = site.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .head
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        answer.head
    );
    let of = |family| lines(&answer.body, family);
    let label = |id: i64| format!("whmcs=\"default\",product_id=\"{id}\"");
    assert_eq!(
        of("whmcs_stock_level"),
        [(1, 40), (2, 4), (3, -2), (8, 0), (9, 7)].map(|(id, n)| format!("{}}} {n}", label(id)))
    );
    assert_eq!(
        of("whmcs_stock_severity"),
        [(1, 0), (2, 1), (3, 3), (5, 2), (9, 0)].map(|(id, n)| format!("{}}} {n}", label(id)))
    );
    assert_eq!(
        of("whmcs_stock_combination_level"),
        [
            format!("{},combination=\"4=11;5=20\"}} 0", label(9)),
            format!("{},combination=\"4=12;5=20\"}} 7", label(9)),
        ]
    );
    let thresholds = of("whmcs_stock_threshold");
    assert_eq!(
        thresholds[..2],
        [
            format!("{},severity=\"low\"}} 5", label(1)),
            format!("{},severity=\"critical\"}} 1", label(1)),
        ]
    );
    assert!(
        !thresholds
            .iter()
            .any(|line| line.contains(&label(4)) || line.contains(&label(7)))
    );
    assert_eq!(of("whmcs_stock_product_info").len(), 8);
    assert!(!answer.body.contains("product_id=\"7\""));
    assert_eq!(
        of("whmcs_stock_alerts"),
        [
            "severity=\"low\"} 1",
            "severity=\"critical\"} 1",
            "severity=\"out\"} 2"
        ]
    );
    assert_eq!(of("whmcs_up"), ["whmcs=\"default\"} 1"]);
    assert_eq!(
        of("whmcs_last_success_timestamp_seconds"),
        [format!("whmcs=\"default\"}} {}", minute(10).as_second())]
    );
    assert_eq!(
        of("whmcs_stock_products"),
        ["known\"} 5", "unknown\"} 2", "not_controlled\"} 1"]
            .map(|s| format!("whmcs=\"default\",state=\"{s}"))
    );
    assert!(answer.body.contains("process_resident_memory_bytes "));
    assert!(answer.body.contains("whmcs_polls_total{whmcs=\"default\"} 0"));
}

#[tokio::test]
async fn no_series_stands_twice_and_every_family_is_described() {
    let shops = vec![("eu", every_state()), ("us \"2\"", every_state())];
    let site = site(settings(None), shops).await;
    let text = site.get("/metrics").await.body;
    let mut seen = std::collections::HashSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(seen.insert(series), "twice: {series}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let family = series.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| family.strip_suffix(end))
            .unwrap_or(family);
        for what in ["HELP", "TYPE"] {
            let start = format!("# {what} {family} ");
            assert_eq!(
                text.lines().filter(|l| l.starts_with(&start)).count(),
                1,
                "{start}"
            );
        }
    }
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_of() {
    let mut hostile = product(1, HOSTILE, series(Level::Known(3)));
    hostile.combinations = vec![combination("4=11", HOSTILE, series(Level::Known(2)))];
    let site = site(
        settings(None),
        vec![("default", every_state()), (HOSTILE, memory(vec![hostile]))],
    )
    .await;
    let text = site.get("/metrics").await.body;
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        assert!(
            std::env::var("CI").is_err(),
            "promtool is not installed (Debian: prometheus)"
        );
        eprintln!("skipped: promtool is not installed (Debian: prometheus)");
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let done = promtool.wait_with_output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(done.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn hostile_names_stay_names_everywhere() {
    let mut hostile = product(1, HOSTILE, series(Level::Known(3)));
    hostile.combinations = vec![combination("4=11", "a \"b\"\\\nc <i>", series(Level::Known(2)))];
    let site = site(settings(None), vec![("default", memory(vec![hostile]))]).await;
    let shown = "</td><script>alert(1)</script> \"q\" \\ {x=\"1\"} =cmd() é 🦀 r l";
    let metrics = site.get("/metrics").await.body;
    assert_eq!(
        lines(&metrics, "whmcs_stock_product_info"),
        [
            r#"whmcs="default",product_id="1",product="</td><script>alert(1)</script> \"q\" \\ {x=\"1\"} =cmd() é 🦀 r l",group="Dedicated"} 1"#
        ]
    );
    assert_eq!(
        lines(&metrics, "whmcs_stock_combination_info"),
        [r#"whmcs="default",product_id="1",combination="4=11",label="a \"b\"\\\nc <i>"} 1"#]
    );
    let items = site.get("/api/v1/stock").await.json();
    assert_eq!(items["items"][0]["product"], shown);
    let page = site.get("/").await.body;
    assert!(!page.contains("<script>") && !page.contains("<i>"), "{page}");
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
}

#[tokio::test]
async fn an_item_has_the_documented_shape() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let answer = site.get("/api/v1/stock").await;
    assert!(answer.head.contains("content-type: application/json"));
    let list = answer.json();
    assert_eq!(list["cursor"], Value::Null);
    let items = list["items"].as_array().unwrap();
    let thresholds = json!({"low": 5, "critical": 1, "origin": "global"});
    assert_eq!(
        items[0],
        json!({
            "instance": "default", "product_id": 1, "product": "Plenty", "group": "Dedicated", "combination": null,
            "state": "known", "level": 40, "severity": "ok", "since": minute(0).to_string(),
            "observed_at": minute(10).to_string(), "thresholds": thresholds, "days_of_cover": null,
            "bottleneck": null, "pool": null, "hidden": null, "retired": null, "ambiguous_zero": false,
            "ack": null, "silenced": null,
        })
    );
    let short = |item: &Value| {
        json!([
            item["product_id"],
            item["state"],
            item["level"],
            item["severity"],
            item.get("last_level")
        ])
    };
    let all: Vec<Value> = items.iter().map(short).collect();
    assert_eq!(
        json!(all),
        json!([
            [1, "known", 40, "ok", null],
            [2, "known", 4, "low", null],
            [3, "known", -2, "out", null],
            [4, "not_controlled", null, null, null],
            [5, "unknown", null, "critical", 1],
            [6, "unknown", null, null, null],
            [7, "gone", null, null, null],
            [8, "known", 0, "out", null],
            [9, "known", 7, "ok", null],
            [9, "known", 0, "out", null],
            [9, "known", 7, "ok", null],
        ])
    );
    assert_eq!(items[4]["last_known_at"], minute(5).to_string());
    assert!(items[0].get("last_level").is_none() && items[5].get("last_level").is_some());
    assert_eq!(items[5]["ambiguous_zero"], true);
    assert_eq!(
        items[9]["combination"],
        json!({"key": "4=11;5=20", "label": "RAM: 32 GB, Disk: NVMe"})
    );
    assert_eq!(items[9]["bottleneck"], "RAM: 32 GB");
}

#[tokio::test]
async fn the_list_can_be_narrowed_and_read_page_by_page() {
    let site = site(
        settings(None),
        vec![("eu", every_state()), ("a/b", every_state())],
    )
    .await;
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| {
                let key = item["combination"]["key"].as_str().unwrap_or("-");
                format!(
                    "{}/{}/{key}",
                    item["instance"].as_str().unwrap(),
                    item["product_id"]
                )
            })
            .collect()
    };
    let whole = names(&site.get("/api/v1/stock").await.json());
    assert_eq!(whole.len(), 22);
    for limit in [1, 3, 10, 11, 21, 22] {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let list = site
                .get(&format!("/api/v1/stock?limit={limit}&cursor={cursor}"))
                .await
                .json();
            let page = names(&list);
            assert!(page.len() <= limit && !page.is_empty());
            all.extend(page);
            match list["cursor"].as_str() {
                Some(next) => cursor = next.replace('=', "%3D").replace(';', "%3B"),
                None => break,
            }
        }
        assert_eq!(all, whole, "limit {limit}");
    }
    let out = site.get("/api/v1/stock?severity=out&instance=a%2Fb").await.json();
    assert_eq!(names(&out), ["a/b/3/-", "a/b/8/-", "a/b/9/4=11;5=20"]);
    assert_eq!(
        names(&site.get("/api/v1/stock?q=32%20gb").await.json()),
        ["eu/9/4=11;5=20", "a/b/9/4=11;5=20"]
    );
    assert_eq!(
        names(&site.get("/api/v1/stock?q=2&instance=eu").await.json()),
        ["eu/2/-", "eu/9/4=11;5=20"]
    );
    assert_eq!(
        names(&site.get("/api/v1/stock?q=nothing").await.json()),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_bad_request_is_answered_with_a_problem_that_names_the_parameter() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    for (path, status, parameter) in [
        ("/api/v1/stock?limit=0", 400, Some("limit")),
        ("/api/v1/stock?limit=1001", 400, Some("limit")),
        ("/api/v1/stock?severity=bad", 400, Some("severity")),
        ("/api/v1/stock?severty=out", 400, Some("severty")),
        ("/api/v1/stock?instance=mars", 400, Some("instance")),
        ("/api/v1/stock?cursor=default/x/-", 400, Some("cursor")),
        ("/api/v1/stock?cursor=mars/1/-", 400, Some("cursor")),
        ("/api/v1/stock?q=a&q=b", 400, Some("q")),
        ("/api/v1/stock?q=%FF", 400, Some("q")),
        ("/api/v1/stock?product=-1", 400, Some("product")),
        ("/api/v1/events?product=%2B5", 400, Some("product")),
        ("/api/v1/polls?cursor=-1", 400, Some("cursor")),
        ("/api/v1/polls?cursor=%2B5", 400, Some("cursor")),
        ("/?page=0", 400, Some("page")),
        ("/?show=all", 400, Some("show")),
        ("/api/v1/nothing", 404, None),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer.head.contains("content-type: application/problem+json"),
            "{path}"
        );
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{path}");
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        assert_eq!(problem["parameter"].as_str(), parameter, "{path}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_browsers_careful() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    for path in [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/stock",
        "/nothing",
    ] {
        let head = site.get(path).await.head;
        for line in [
            "content-security-policy: default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: same-origin",
            if path.starts_with("/api/") {
                "cache-control: private, no-cache"
            } else {
                "cache-control: no-store"
            },
        ] {
            assert!(head.contains(line), "{path}: {line} in {head}");
        }
    }
}

#[tokio::test]
async fn only_get_and_head_are_answered() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = site
            .ask(&format!(
                "{method} /api/v1/stock HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
            ))
            .await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.head.contains("allow: get, head"), "{}", answer.head);
    }
    let head = site.ask("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn with_a_token_only_health_is_open() {
    let site = site(settings(Some("a-long-token")), vec![("default", every_state())]).await;
    for path in ["/", "/style.css", "/metrics", "/api/v1/stock", "/nothing"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.head.contains("www-authenticate: basic realm="));
        assert!(!answer.body.contains("a-long-token"));
        let bearer =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a-long-token\r\n");
        assert_ne!(site.ask(&bearer).await.status, 401, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(site.get(path).await.status, 200, "{path}");
    }
    // "x:a-long-token"
    let basic = "GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic eDphLWxvbmctdG9rZW4=\r\n";
    assert_eq!(site.ask(basic).await.status, 200);
}

#[tokio::test]
async fn a_foreign_host_name_is_refused_on_loopback() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    for (host, status) in [
        ("evil.example", 421),
        ("localhost:9717", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
    ] {
        let answer = site
            .ask(&format!("GET /api/v1/stock HTTP/1.1\r\nHost: {host}\r\n"))
            .await;
        assert_eq!(answer.status, status, "{host}");
    }
    let absolute = "GET http://evil.example/api/v1/stock HTTP/1.1\r\nHost: localhost\r\n";
    assert_eq!(site.ask(absolute).await.status, 421);
}

#[tokio::test]
async fn metrics_come_compressed_to_who_asks() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let asked =
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    let bytes = site.raw(asked).await;
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let plain = site.get("/metrics").await;
    assert!(
        bytes.len() * 4 < plain.body.len(),
        "{} of {}",
        bytes.len(),
        plain.body.len()
    );
    assert!(!plain.head.contains("content-encoding"));
    let length = format!("content-length: {}", plain.body.len());
    assert!(plain.head.contains(&length), "{}", plain.head);
}

#[tokio::test]
async fn metrics_page_and_api_follow_what_is_published() {
    let site = site(settings(None), vec![("default", Arc::default())]).await;
    assert!(site.get("/").await.body.contains("Nothing is known yet"));
    assert_eq!(
        site.get("/api/v1/stock").await.json(),
        json!({"items": [], "cursor": null})
    );
    for level in [7, 3] {
        let now = memory(vec![product(1, "DS-64", series(Level::Known(level)))]);
        site.view.publish("default", now, accepted());
        let metrics = site.get("/metrics").await.body;
        assert_eq!(
            lines(&metrics, "whmcs_stock_level"),
            [format!("whmcs=\"default\",product_id=\"1\"}} {level}")]
        );
        let items = site.get("/api/v1/stock").await.json();
        assert_eq!(items["items"][0]["level"], level);
    }
    assert!(site.get("/").await.body.contains("<h1>1 low</h1>"));
}

#[tokio::test]
async fn the_page_says_why_a_source_cannot_be_read_and_how_to_mend_it() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let failed = LastPoll {
        observed_at: minute(11),
        outcome: Outcome::Failed(Cause::Ip),
        detail: "Invalid IP 203.0.113.7 <b>".to_owned(),
    };
    site.view.publish("default", every_state(), failed);
    let page = site.get("/").await.body;
    for text in [
        "refused this host&#39;s IP address",
        "API IP Access Restriction",
        "Invalid IP 203.0.113.7 &#60;b&#62;",
        "Shows 0: sold out, or not stock-controlled?",
        "Last read: 1, <time class=\"ago\"",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let metrics = site.get("/metrics").await.body;
    assert_eq!(lines(&metrics, "whmcs_up"), ["whmcs=\"default\"} 0"]);
    assert!(lines(&metrics, "whmcs_stock_level").len() == 5);
}

#[tokio::test]
async fn combinations_that_share_their_products_trouble_stand_in_its_row() {
    let mut out = product(1, "DS-64", series(Level::Known(0)));
    out.combinations = (1..=12)
        .map(|n| combination(&format!("4={n}"), "RAM", series(Level::Known(0))))
        .collect();
    let site = site(settings(None), vec![("default", memory(vec![out]))]).await;
    let page = site.get("/").await.body;
    assert!(
        page.contains("1 out") && page.contains("12 combinations likewise"),
        "{page}"
    );
    let metrics = site.get("/metrics").await.body;
    assert!(lines(&metrics, "whmcs_stock_alerts").contains(&"severity=\"out\"} 1"));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let site = site(settings(None), Vec::new()).await;
    let taken = Settings {
        listen: site.address,
        ..settings(None)
    };
    let (store, _folder) = database().await;
    let state = AppState {
        view: Arc::default(),
        counters: Arc::new(Counters::new(&[], &[]).unwrap()),
        scrapes: Arc::default(),
        desk: Arc::default(),
        forms: Arc::default(),
        kept: Arc::default(),
        places: Default::default(),
        beats: Default::default(),
        store,
    };
    let error = server::serve(&taken, state, CancellationToken::new())
        .await
        .unwrap_err();
    let port = site.address.port();
    assert_eq!(
        error.to_string(),
        format!(
            "Port {port} is in use (127.0.0.1:{port}). Is the monitor already running? HTTP_LISTEN chooses another."
        )
    );
}

#[tokio::test]
async fn a_stop_waits_for_no_idle_or_half_open_connection() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let mut open = Vec::new();
    for said in [
        "",
        "GET /metr",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        open.push(stream);
    }
    let mut answer = [0; 15];
    open[2].read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    site.cancel.cancel();
    timeout(Duration::from_secs(8), site.served)
        .await
        .expect("stopped in time")
        .unwrap();
    assert!(TcpStream::connect(site.address).await.is_err());
}

#[tokio::test]
async fn the_page_is_calm_only_while_the_shop_can_be_read() {
    let mut well = Memory::clone(&memory(vec![product(1, "DS-64", series(Level::Known(40)))]));
    well.source.last_accepted_at = Some(jiff::Timestamp::now());
    let well = Arc::new(well);
    let site = site(settings(None), vec![("default", Arc::clone(&well))]).await;
    assert!(
        site.get("/")
            .await
            .body
            .contains("<h1 class=\"calm\">Nothing is low</h1>")
    );
    let failed = LastPoll {
        outcome: Outcome::Failed(Cause::Dns),
        ..accepted()
    };
    site.view.publish("default", well, failed);
    let page = site.get("/").await.body;
    assert!(page.contains("<h1>Nothing was low when last read</h1>"), "{page}");
}

/// Records an accepted poll at that minute, after which product 1 of `default` stands at `level`.
async fn record(store: &Store, at: i64, before: Option<&Tracked>, level: i64) -> (Tracked, PollId) {
    let after = product(1, HOSTILE, series(Level::Known(level)));
    let from = before.map_or(Severity::Ok, |before| before.series.severity);
    let to = after.series.severity;
    let reason = match from.cmp(&to) {
        std::cmp::Ordering::Less if from == Severity::Ok => Some(Reason::First),
        std::cmp::Ordering::Less => Some(Reason::Worse),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Reason::Recovered),
    };
    let event = reason.map(|reason| Event {
        key: format!("1/-/{at}"),
        at: minute(at),
        kind: EventKind::Severity { from, to, reason },
        product_id: Some(1),
        combination: None,
        level: Some(level),
        previous_level: before.and_then(|before| before.series.last_level),
    });
    let decision = Decision {
        outcome: Outcome::Accepted,
        detail: String::new(),
        next: Memory::default(),
        changes: vec![Change {
            before: before.cloned().map(Arc::new),
            after: Arc::new(after.clone()),
        }],
        source_changed: false,
        events: event.into_iter().collect(),
        acks: Vec::new(),
        messages: Vec::new(),
        level_changes: 1,
        pools: None,
    };
    let instance = store.instance("default").await.unwrap();
    let mut tx = store.begin_write().await.unwrap();
    let poll = tx
        .poll(instance, &poll_record(at, Outcome::Accepted, ""))
        .await
        .unwrap();
    tx.save(instance, poll, &decision).await.unwrap();
    tx.commit().await.unwrap();
    (after, poll)
}

fn poll_record(at: i64, outcome: Outcome, detail: &str) -> PollRecord {
    let attempts = outcome.cause().map(|cause| Attempt {
        action: "GetProducts".to_owned(),
        cause: Some(cause),
    });
    PollRecord {
        part: false,
        observed_at: minute(at),
        duration: Duration::from_millis(250),
        outcome,
        detail: detail.to_owned(),
        products: (outcome == Outcome::Accepted).then_some(1),
        changes: usize::from(outcome == Outcome::Accepted),
        attempts: attempts.into_iter().collect(),
    }
}

fn fields(list: &Value, names: &[&str]) -> Value {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| names.iter().map(|name| item[*name].clone()).collect::<Value>())
        .collect()
}

#[tokio::test]
async fn the_levels_of_a_product_are_told_from_any_time_on() {
    let site = site(settings(None), vec![("default", Arc::default())]).await;
    let mut last: Option<Tracked> = None;
    for (at, level) in [(1, 20), (2, 4), (3, 0), (4, 30)] {
        last = Some(record(&site.store, at, last.as_ref(), level).await.0);
    }
    let path = "/api/v1/products/default/1/history";
    let whole = site.get(path).await.json();
    let names = ["observed_at", "state", "level"];
    let point = |at: i64, level: i64| json!([minute(at).to_string(), "known", level]);
    assert_eq!(
        fields(&whole, &names),
        json!([point(1, 20), point(2, 4), point(3, 0), point(4, 30)])
    );
    assert_eq!(whole["cursor"], Value::Null);
    let range = format!("{path}?from={}&to={}", minute(2), minute(3));
    assert_eq!(
        fields(&site.get(&range).await.json(), &names),
        json!([point(2, 4), point(3, 0)])
    );
    let first = site.get(&format!("{path}?limit=3")).await.json();
    let cursor = first["cursor"].as_str().unwrap();
    let rest = site.get(&format!("{path}?limit=3&cursor={cursor}")).await.json();
    assert_eq!(fields(&rest, &names), json!([point(4, 30)]));
    // A combination without a figure of its own is what its product is, and says so.
    let derived = site.get(&format!("{path}?combination=4%3D11")).await.json();
    assert_eq!(derived["derived"], json!(true));
    assert_eq!(fields(&derived, &names), fields(&whole, &names));
    for (path, status) in [
        ("/api/v1/products/default/2/history", 404),
        ("/api/v1/products/mars/1/history", 404),
        ("/api/v1/products/default/1/history?combination=x", 400),
        ("/api/v1/products/default/x/history", 400),
        ("/api/v1/products/default/1/history?to=now", 400),
        (
            "/api/v1/products/default/1/history?from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z",
            422,
        ),
        ("/api/v1/alerts?status=firing&cursor=1", 400),
        (
            "/api/v1/alerts?status=firing&cursor=eyJvcmRlciI6InVyZ2VuY3kifQ",
            400,
        ),
    ] {
        assert_eq!(site.get(path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn polls_are_listed_newest_first_with_their_cause() {
    let site = site(settings(None), vec![("default", Arc::default())]).await;
    record(&site.store, 1, None, 20).await;
    let instance = site.store.instance("default").await.unwrap();
    let mut tx = site.store.begin_write().await.unwrap();
    let failed = poll_record(2, Outcome::Failed(Cause::Ip), "Invalid IP 203.0.113.7");
    tx.poll(instance, &failed).await.unwrap();
    tx.commit().await.unwrap();
    let list = site.get("/api/v1/polls").await.json();
    assert_eq!(
        list["items"],
        json!([
            {"id": 2, "instance": "default", "observed_at": minute(2).to_string(), "duration_ms": 250,
             "outcome": "failed", "part": false, "cause": "ip", "detail": "Invalid IP 203.0.113.7", "products": null, "changes": 0,
             "attempts": [{"action": "GetProducts", "cause": "ip"}]},
            {"id": 1, "instance": "default", "observed_at": minute(1).to_string(), "duration_ms": 250,
             "outcome": "accepted", "part": false, "cause": null, "detail": null, "products": 1, "changes": 1,
             "attempts": []},
        ])
    );
    let first = site.get("/api/v1/polls?limit=1&instance=default").await.json();
    assert_eq!(fields(&first, &["id"]), json!([[2]]));
    let cursor = first["cursor"].as_str().unwrap();
    let second = site
        .get(&format!("/api/v1/polls?limit=1&cursor={cursor}"))
        .await
        .json();
    assert_eq!(
        (fields(&second, &["id"]), &second["cursor"]),
        (json!([[1]]), &Value::Null)
    );
    let unknown = site.get("/api/v1/polls?instance=mars").await;
    assert_eq!(
        (unknown.status, unknown.json()["parameter"].as_str()),
        (400, Some("instance"))
    );
}

#[tokio::test]
async fn alerts_are_listed_as_they_were_and_as_they_are_open() {
    let site = site(settings(None), vec![("default", Arc::default())]).await;
    let (low, _) = record(&site.store, 1, None, 4).await;
    let (out, _) = record(&site.store, 2, Some(&low), 0).await;
    let (well, _) = record(&site.store, 3, Some(&out), 30).await;
    site.view.publish("default", memory(vec![out]), accepted());
    let open = site.get("/api/v1/alerts?status=firing").await.json();
    let shown = "</td><script>alert(1)</script> \"q\" \\ {x=\"1\"} =cmd() é 🦀 r l";
    assert_eq!(
        open["items"],
        json!([{
            "alert_id": "default/1/-", "instance": "default", "reason": "reminder", "status": "firing",
            "severity": "out", "previous_severity": "ok",
            "product": {"id": 1, "name": shown, "group": "Dedicated"}, "combination": null,
            "pool": null, "bottleneck": null, "level": 0, "previous_level": null,
            "thresholds": {"low": 5, "critical": 1, "origin": "global"},
            "started_at": minute(0).to_string(), "observed_at": minute(10).to_string(),
            "days_of_cover": null, "ambiguous_zero": false, "ack": null, "after": null, "meanwhile": false,
            "silenced": null,
        }])
    );
    site.view.publish("default", memory(vec![well]), accepted());
    assert_eq!(
        site.get("/api/v1/alerts?status=firing").await.json()["items"],
        json!([])
    );
    let past = site.get("/api/v1/alerts").await.json();
    assert_eq!(
        fields(
            &past,
            &[
                "alert_id",
                "reason",
                "status",
                "previous_severity",
                "severity",
                "level",
                "previous_level",
                "observed_at"
            ]
        ),
        json!([
            [
                "default/1/-",
                "recovered",
                "resolved",
                "out",
                "ok",
                30,
                0,
                minute(3).to_string()
            ],
            [
                "default/1/-",
                "worse",
                "firing",
                "low",
                "out",
                0,
                4,
                minute(2).to_string()
            ],
            [
                "default/1/-",
                "first",
                "firing",
                "ok",
                "low",
                4,
                null,
                minute(1).to_string()
            ],
        ])
    );
    assert_eq!(past["items"][0]["product"]["name"], shown);
    for (path, parameter) in [
        ("/api/v1/alerts?status=resolved", "status"),
        ("/api/v1/alerts?status=firing&instance=mars", "instance"),
    ] {
        let answer = site.get(path).await;
        assert_eq!(
            (answer.status, answer.json()["parameter"].as_str()),
            (400, Some(parameter)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn open_alerts_come_worst_first_page_by_page() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let mut ids = Vec::new();
    let start = "/api/v1/alerts?status=firing&sort=urgency&limit=1";
    let mut path = start.to_owned();
    loop {
        let list = site.get(&path).await.json();
        ids.push(list["items"][0]["alert_id"].as_str().unwrap().to_owned());
        match list["cursor"].as_str() {
            Some(cursor) => path = format!("{start}&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(
        ids,
        ["default/3/-", "default/9/4=11;5=20", "default/5/-", "default/2/-"]
    );
}

#[tokio::test]
async fn an_alert_that_ends_between_two_pages_takes_no_other_off_the_list() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let first = site.get("/api/v1/alerts?status=firing&limit=2").await.json();
    assert_eq!(
        fields(&first, &["alert_id"]),
        json!([["default/2/-"], ["default/3/-"]])
    );
    let mut mended = Memory::clone(&every_state());
    mended.products.retain(|product| product.id != 3);
    site.view.remember("default", Arc::new(mended));
    let path = format!(
        "/api/v1/alerts?status=firing&limit=2&cursor={}",
        first["cursor"].as_str().unwrap()
    );
    let rest = site.get(&path).await.json();
    assert_eq!(
        (fields(&rest, &["alert_id"]), &rest["cursor"]),
        (json!([["default/5/-"], ["default/9/4=11;5=20"]]), &Value::Null)
    );
}

/// Every page of a list; `between` is done after each.
async fn walk(site: &Site, list: &str, mut between: impl FnMut(usize)) -> Vec<String> {
    let (mut ids, mut path) = (Vec::new(), list.to_owned());
    for page in 0.. {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let answer = answer.json();
        let items = answer["items"].as_array().unwrap();
        ids.extend(
            items
                .iter()
                .map(|item| item["alert_id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = answer["cursor"].as_str() else {
            break;
        };
        path = format!("{list}&cursor={cursor}");
        between(page);
    }
    ids
}

/// A product that ran low in that minute, and how many there are by now.
fn low_since(id: i64, begun: i64, level: i64) -> Tracked {
    let mut tracked = product(id, "Moving", series(Level::Known(level)));
    tracked.series.started_at = Some(minute(begun));
    tracked
}

#[tokio::test]
async fn an_alert_that_is_open_all_the_while_is_listed_once_however_it_moves() {
    let begun = [(1, 3), (2, 1), (3, 4), (4, 2), (5, 4)];
    let moment = |levels: [i64; 5]| {
        let products = begun.iter().zip(levels);
        memory(
            products
                .map(|((id, begun), level)| low_since(*id, *begun, level))
                .collect(),
        )
    };
    let site = site(settings(None), vec![("default", moment([4, 4, 4, 4, 4]))]).await;
    // What was not read yet gets as bad as it can, what was read gets better, and one begins.
    let moved = [[4, 0, 4, 0, 4], [0, 1, 4, 0, 0], [4, 0, 0, 4, 1], [1, 4, 4, 0, 4]];
    let view = Arc::clone(&site.view);
    let ids = walk(&site, "/api/v1/alerts?status=firing&limit=1", |page| {
        view.remember("default", moment(moved[page]));
    })
    .await;
    assert_eq!(ids, [3, 5, 1, 4, 2].map(|id| format!("default/{id}/-")));
}

#[tokio::test]
async fn a_cursor_is_of_its_own_order_and_only_what_is_open_is_sorted() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let first = site.get("/api/v1/alerts?status=firing&limit=1").await.json();
    let cursor = first["cursor"].as_str().unwrap();
    for (query, status, parameter) in [
        (
            format!("status=firing&sort=urgency&cursor={cursor}"),
            400,
            "cursor",
        ),
        ("status=firing&sort=level".to_owned(), 400, "sort"),
        ("sort=urgency".to_owned(), 422, "sort"),
    ] {
        let answer = site.get(&format!("/api/v1/alerts?{query}")).await;
        assert_eq!(
            (answer.status, answer.json()["parameter"].as_str()),
            (status, Some(parameter)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn figures_that_nobody_records_are_not_called_current() {
    let site = site(
        settings(None),
        vec![(
            "default",
            memory(vec![product(1, "Plenty", series(Level::Known(40)))]),
        )],
    )
    .await;
    let standing = async || {
        let trust = site.get("/api/v1/summary").await.json()["trust"].take();
        let source = site.get("/api/v1/sources").await.json()["items"][0].take();
        json!([
            trust["state"],
            trust["why"],
            trust["sources_up"],
            source["state"],
            source["cause"],
            source["since"]
        ])
    };
    let shop = site.get("/api/v1/sources").await.json()["items"][0].take();
    let read_at = shop["last_poll_at"].as_str().unwrap();
    let now = jiff::Timestamp::now();
    let hour = jiff::SignedDuration::from_hours(1);
    site.view.expect("default", Some(now + hour));
    assert_eq!(standing().await, json!(["full", [], 1, "up", null, null]));
    site.view.expect("default", Some(now - hour));
    assert_eq!(
        standing().await,
        json!([
            "none",
            ["default should have been read since: no poll was recorded when it was due."],
            0,
            "late",
            "late",
            now - hour
        ])
    );
    site.view.expect("default", Some(now + hour));
    std::fs::rename(
        site.folder.path().join("stock.db"),
        site.folder.path().join("moved.db"),
    )
    .unwrap();
    assert_eq!(
        standing().await,
        json!([
            "none",
            ["The database cannot be written: nothing is recorded."],
            0,
            "unrecorded",
            "database",
            read_at
        ])
    );
}

async fn queue(store: &Store, channel: &str, at: i64) {
    let message = Queued {
        id: Uuid::from_u128(u128::try_from(at).unwrap()),
        channel: channel.to_owned(),
        kind: "stock.alerts".to_owned(),
        instance: Some("default".to_owned()),
        recorded_at: minute(at),
        not_before: None,
        headline: "DS-64 is out".to_owned(),
        content: "{}".to_owned(),
        medium: Medium::Email,
        recipients: vec!["ops@example.com".to_owned()],
    };
    let mut tx = store.begin_write().await.unwrap();
    tx.enqueue(&[message]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn deliveries_and_the_outbox_agree() {
    let site = site(settings(None), vec![("default", Arc::default())]).await;
    let outbox = |text: &str| -> Vec<String> {
        let both = [
            "whmcs_stock_outbox_messages",
            "whmcs_stock_outbox_oldest_timestamp_seconds",
        ];
        both.iter()
            .flat_map(|family| lines(text, family))
            .map(str::to_owned)
            .collect()
    };
    let empty = site.get("/metrics").await.body;
    assert_eq!(
        outbox(&empty),
        [
            "channel=\"email\",state=\"pending\"} 0",
            "channel=\"email\",state=\"dead\"} 0"
        ]
    );
    queue(&site.store, "email", 1).await;
    queue(&site.store, "email", 2).await;
    let lease = Duration::from_secs(60);
    let claimed = site.store.claim("email", minute(3), lease, 1).await.unwrap();
    let dead = Settled {
        delivery: claimed[0].delivery,
        attempt: claimed[0].attempts,
        settlement: Settlement::Dead {
            reason: "smtp_550".to_owned(),
            error: "no such mailbox".to_owned(),
        },
    };
    site.store.settle(&[dead], minute(3)).await.unwrap();
    let metrics = site.get("/metrics").await.body;
    assert_eq!(
        outbox(&metrics),
        [
            "channel=\"email\",state=\"pending\"} 1".to_owned(),
            "channel=\"email\",state=\"dead\"} 1".to_owned(),
            format!("channel=\"email\"}} {}", minute(2).as_second()),
        ]
    );
    let list = site.get("/api/v1/deliveries").await.json();
    assert_eq!(
        fields(&list, &["id", "state", "reason", "recipient", "type", "headline"]),
        json!([
            [
                2,
                "pending",
                null,
                "ops@example.com",
                "stock.alerts",
                "DS-64 is out"
            ],
            [
                1,
                "dead",
                "smtp_550",
                "ops@example.com",
                "stock.alerts",
                "DS-64 is out"
            ],
        ])
    );
    let dead = site.get("/api/v1/deliveries?state=dead").await.json();
    assert_eq!(
        fields(&dead, &["id", "last_error", "attempts"]),
        json!([[1, "no such mailbox", 1]])
    );
    assert_eq!(site.get("/api/v1/deliveries?state=lost").await.status, 400);
}

#[tokio::test]
async fn a_site_is_ready_once_every_shop_was_asked_and_the_database_can_be_written() {
    let (store, folder) = database().await;
    let view = Arc::new(View::new(vec![Instance::new("eu", Arc::default())], &[]));
    let state = AppState {
        view: Arc::clone(&view),
        counters: Arc::new(Counters::new(&[], &[]).unwrap()),
        scrapes: Arc::default(),
        desk: Arc::default(),
        forms: Arc::default(),
        kept: Arc::default(),
        places: Default::default(),
        beats: Default::default(),
        store,
    };
    let bound = server::bind(&settings(None), state).await.unwrap();
    let address = bound.address().unwrap();
    let cancel = CancellationToken::new();
    tokio::spawn(bound.serve(cancel.clone()));
    let ready = || async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let ask = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let waiting = ready().await;
    assert!(
        waiting.starts_with("HTTP/1.1 503") && waiting.contains("has not ended yet: eu"),
        "{waiting}"
    );
    let failed = LastPoll {
        outcome: Outcome::Failed(Cause::Dns),
        ..accepted()
    };
    view.publish("eu", Arc::default(), failed);
    let answer = ready().await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("ready\n"),
        "{answer}"
    );
    std::fs::remove_file(folder.path().join("stock.db")).unwrap();
    let lost = ready().await;
    assert!(
        lost.starts_with("HTTP/1.1 503") && lost.contains("deleted or replaced"),
        "{lost}"
    );
    assert!(!lost.contains(&*folder.path().to_string_lossy()), "{lost}");
    cancel.cancel();
}

#[tokio::test]
async fn a_crowd_of_scrapers_is_answered_alike() {
    let products = (1..=500).map(|id| product(id, HOSTILE, series(Level::Known(id))));
    let site = Arc::new(site(settings(None), vec![("default", memory(products.collect()))]).await);
    let scrapes: Vec<_> = (0..400)
        .map(|_| {
            let site = Arc::clone(&site);
            tokio::spawn(async move { site.get("/metrics").await })
        })
        .collect();
    let mut said = std::collections::BTreeMap::<String, usize>::new();
    for scrape in scrapes {
        let answer = scrape.await.unwrap();
        assert_eq!(answer.status, 200);
        // What is read of the database stays away where that is busy for too long.
        let stock = answer.body.lines().filter(|line| line.contains("product_id="));
        for line in stock {
            *said.entry(line.to_owned()).or_default() += 1;
        }
    }
    assert!(said.len() >= 500, "{}", said.len());
    said.retain(|_, times| *times != 400);
    assert!(said.is_empty(), "not in each answer, or twice in one: {said:#?}");
}
