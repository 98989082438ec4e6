//! The outside, asked over a real socket: metrics, API, page and health agree and let nothing through.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/memory.rs"]
mod fixture;

use std::io::Write;
use std::net::SocketAddr;
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
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::observe::counters::Counters;
use whmcs_stock_monitor::observe::view::Instance;
use whmcs_stock_monitor::observe::view::LastPoll;
use whmcs_stock_monitor::observe::view::View;
use whmcs_stock_monitor::web::server;
use whmcs_stock_monitor::web::state::AppState;
use whmcs_stock_monitor::web::state::Settings;

const HOSTILE: &str = "</td><script>alert(1)</script> \"q\" \\ {x=\"1\"} =cmd() é 🦀 \u{202e}r\nl";

struct Site {
    address: SocketAddr,
    view: Arc<View>,
    cancel: CancellationToken,
    served: JoinHandle<()>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

fn settings(token: Option<&str>) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        token: token.map(Into::into),
        metrics_public: false,
        allowed_hosts: Vec::new(),
    }
}

fn accepted() -> LastPoll {
    LastPoll {
        observed_at: minute(10),
        outcome: Outcome::Accepted,
        detail: String::new(),
    }
}

async fn site(settings: Settings, shops: Vec<(&str, Arc<Memory>)>) -> Site {
    let names: Vec<String> = shops.iter().map(|(name, _)| (*name).to_owned()).collect();
    let channels = ["email".to_owned()];
    let instances = shops
        .iter()
        .map(|(name, memory)| Instance::new(name, Arc::clone(memory)));
    let view = Arc::new(View::new(instances.collect(), &channels));
    for (name, memory) in shops {
        view.publish(name, memory, accepted());
    }
    let state = AppState {
        view: Arc::clone(&view),
        counters: Arc::new(Counters::new(&names, &channels).unwrap()),
        scrapes: Arc::default(),
    };
    let bound = server::bind(&settings, state).await.unwrap();
    let cancel = CancellationToken::new();
    Site {
        address: bound.address().unwrap(),
        view,
        served: tokio::spawn(bound.serve(cancel.clone())),
        cancel,
    }
}

impl Site {
    async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n"))
            .await
    }

    async fn ask(&self, head: &str) -> Answer {
        let bytes = self.raw(&format!("{head}Connection: close\r\n\r\n")).await;
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Answer {
            status: status.expect("a status"),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    async fn raw(&self, request: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    }
}

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
    options.combinations[0].bottleneck = Some(Arc::from("RAM: 32 GB"));
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
        [(1, 0), (2, 1), (3, 3), (5, 2), (8, 3), (9, 0)].map(|(id, n)| format!("{}}} {n}", label(id)))
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
    assert!(!page.contains("<script") && !page.contains("<i>"), "{page}");
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
            "bottleneck": null, "hidden": null, "retired": null, "ambiguous_zero": false,
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
        "/style.css",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/stock",
        "/nothing",
    ] {
        let head = site.get(path).await.head;
        for line in [
            "content-security-policy: default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
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
    assert!(bytes.len() < 4000, "{}", bytes.len());
    let plain = site.get("/metrics").await;
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
        "Last read: 1, <time",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let metrics = site.get("/metrics").await.body;
    assert_eq!(lines(&metrics, "whmcs_up"), ["whmcs=\"default\"} 0"]);
    assert!(lines(&metrics, "whmcs_stock_level").len() == 5);
}

#[tokio::test]
async fn a_page_of_many_products_is_cut_into_pages_worst_first() {
    let products = (1..=10_000)
        .map(|id| product(id, &format!("P{id:05}"), series(Level::Known(10_000 - id))))
        .collect();
    let site = site(settings(None), vec![("default", memory(products))]).await;
    let first = site.get("/").await.body;
    assert_eq!(
        first.matches("<tr>").count() - first.matches("<thead>").count(),
        100
    );
    assert!(first.contains("Page 1 of 100") && first.contains("href=\"/?page=2\""));
    let at = |name: &str| first.find(name).unwrap_or_else(|| panic!("{name}"));
    assert!(at("P10000") < at("P09999") && at("P09999") < at("P09998") && at("P09998") < at("P00001"));
    assert!(first.len() < 200_000, "{}", first.len());
    let last = site.get("/?show=ok&page=99999").await.body;
    assert!(last.contains("Page 100 of 100") && last.contains("P09994") && !last.contains("P10000"));
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
    let state = AppState {
        view: Arc::default(),
        counters: Arc::new(Counters::new(&[], &[]).unwrap()),
        scrapes: Arc::default(),
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
    let well = memory(vec![product(1, "DS-64", series(Level::Known(40)))]);
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
