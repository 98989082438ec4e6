//! Pools as the outside sees them: metrics, API and page name what limits a level, and let no name through as markup.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::Told;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::forecast::Cover;
use whmcs_stock_monitor::domain::pool::Board;
use whmcs_stock_monitor::domain::pool::Bottleneck;
use whmcs_stock_monitor::domain::pool::Pool;
use whmcs_stock_monitor::domain::pool::Standing;
use whmcs_stock_monitor::domain::pool::User;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::domain::stand::Thresholds;

use crate::fixture::combination;
use crate::fixture::frozen;
use crate::fixture::memory;
use crate::fixture::minute;
use crate::fixture::product;
use crate::fixture::series;
use crate::harness::Site;
use crate::harness::settings;
use crate::lines;

const KITS: &str = "64 GB DIMM kits";
const HOSTILE: &str = "</td><script>alert(1)</script> \"q\" \\ {x=\"1\"} é 🦀 \u{202e}r\nl";

fn user(product_id: i64, product: &str, choice: Option<&str>, need: i64) -> User {
    User {
        instance: Arc::from("default"),
        product_id,
        product: Name::new(product),
        choice: choice.map(Arc::from),
        need,
    }
}

/// A pool of that many, with what the global thresholds say of what is left.
pub fn pool(name: &str, capacity: i64, left: Option<i64>, users: Vec<User>) -> Pool {
    let stood = series(left.map_or(Level::Unknown, Level::Known));
    let mut by_need: Vec<(i64, usize)> = Vec::new();
    for user in &users {
        match by_need.iter_mut().find(|(need, _)| *need == user.need) {
            Some((_, count)) => *count += 1,
            None => by_need.push((user.need, 1)),
        }
    }
    let mut most: BTreeMap<(Arc<str>, i64), i64> = BTreeMap::new();
    for user in &users {
        let most = most
            .entry((Arc::clone(&user.instance), user.product_id))
            .or_default();
        *most = user.need.max(*most);
    }
    let mut products: Vec<(i64, usize)> = Vec::new();
    for most in most.into_values() {
        match products.iter_mut().find(|(need, _)| *need == most) {
            Some((_, count)) => *count += 1,
            None => products.push((most, 1)),
        }
    }
    let mut shops: Vec<Arc<str>> = users.iter().map(|user| Arc::clone(&user.instance)).collect();
    shops.dedup();
    Pool {
        products,
        shops,
        used: left.map(|left| capacity - left),
        level: stood.level,
        users,
        by_need,
        observed_at: Some(minute(10)),
        standing: Some(Standing {
            alert_id: format!("pool:{name}"),
            instance: "default".to_owned(),
            severity: stood.severity,
            since: stood.since,
            started_at: stood.started_at,
            last_level: stood.last_level,
            last_known_at: None,
            previous_level: None,
            thresholds: Thresholds {
                low: 5,
                critical: 1,
                origin: "global".to_owned(),
                cover: None,
            },
            told: Severity::Ok,
            needs: Vec::new(),
        }),
        ..Pool::new(name, capacity)
    }
}

/// A pool that suffices, an empty one, one that does not suffice for one of its users, and one not known any more.
pub fn board() -> Board {
    let lost = frozen(1);
    let mut unknown = pool("Rails", 9, Some(1), vec![user(5, "DS-512", None, 1)]);
    unknown.level = Level::Unknown;
    unknown.used = None;
    unknown.unknown = "us was never read.".to_owned();
    if let Some(standing) = &mut unknown.standing {
        standing.last_known_at = lost.last_known_at;
    }
    let mut short = pool(
        "NVMe",
        50,
        Some(3),
        vec![
            user(4, "DS-4x", Some("Disk: 4x NVMe"), 4),
            user(1, "DS-64", Some("Disk: 1x NVMe"), 1),
        ],
    );
    short.cover = Some(Cover {
        days: 1.5,
        earliest: 1.0,
        latest: Some(3.0),
    });
    Board {
        pools: vec![
            pool("Plenty", 100, Some(60), vec![user(1, "DS-64", None, 1)]),
            unknown,
            pool(
                KITS,
                40,
                Some(0),
                vec![
                    user(1, "DS-64", Some("RAM: 128 GB"), 2),
                    user(1, "DS-64", Some("RAM: 64 GB"), 1),
                    user(2, "DS-128", Some("RAM: 64 GB"), 1),
                    user(3, "DS-256", Some("RAM: 64 GB"), 1),
                ],
            ),
            short,
        ],
    }
}

/// Products limited by the pools of [`board`].
fn limited() -> Arc<Memory> {
    let by = |name: &str| Some(Bottleneck::Pool(Arc::from(name)));
    let mut with_options = product(1, "DS-64", series(Level::Known(12)));
    with_options.combinations = vec![
        combination("4=11", "RAM: 64 GB, Disk: NVMe", series(Level::Known(0))),
        combination("4=12", "RAM: 128 GB", series(Level::Known(4))),
    ];
    with_options.combinations[0].bottleneck = by(KITS);
    with_options.combinations[1].bottleneck = Some(Bottleneck::Capacity(Arc::from("capacity 1")));
    let mut big = product(4, "DS-4x", series(Level::Known(9)));
    big.combinations = vec![combination("5=1", "Disk: 4x NVMe", series(Level::Known(0)))];
    big.combinations[0].bottleneck = by("NVMe");
    let mut whole = product(5, "DS-512", frozen(1));
    whole.bottleneck = by("Rails");
    let mut removed = product(6, "DS-old", series(Level::Known(2)));
    removed.bottleneck = by("A pool that was removed");
    memory(vec![with_options, big, whole, removed])
}

async fn site() -> Site {
    let site = crate::harness::site(settings(None), vec![("default", limited())]).await;
    site.view.show_pools(Arc::new(board()));
    site
}

/// The page as a reader sees it: without tags, white space folded.
fn read(page: &str) -> String {
    let body = page.split("<body>").nth(1).expect("a body");
    let mut text = String::new();
    let mut inside = false;
    for c in body.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push('\u{1}');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    // What stands within one line of text stays together.
    let text = text
        .replace("&#34;", "\"")
        .replace("&#60;", "<")
        .replace("&#62;", ">");
    let text: String = text.replace('\u{1}', "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn metrics_tell_what_each_pool_has_left() {
    let metrics = site().await.get("/metrics").await.body;
    let of = |family| lines(&metrics, family);
    assert_eq!(
        of("whmcs_stock_pool_level"),
        [
            "pool=\"Plenty\"} 60",
            "pool=\"64 GB DIMM kits\"} 0",
            "pool=\"NVMe\"} 3"
        ]
    );
    assert_eq!(
        of("whmcs_stock_pool_capacity"),
        [
            "pool=\"Plenty\"} 100",
            "pool=\"Rails\"} 9",
            "pool=\"64 GB DIMM kits\"} 40",
            "pool=\"NVMe\"} 50"
        ]
    );
    // A severity is kept while the level is unknown.
    assert_eq!(
        of("whmcs_stock_pool_severity"),
        [
            "pool=\"Plenty\"} 0",
            "pool=\"Rails\"} 2",
            "pool=\"64 GB DIMM kits\"} 3",
            "pool=\"NVMe\"} 1"
        ]
    );
    // The empty pool speaks for what it holds back; the one that is low does not speak for what is out.
    assert_eq!(
        of("whmcs_stock_alerts"),
        [
            "severity=\"low\"} 3",
            "severity=\"critical\"} 1",
            "severity=\"out\"} 2"
        ]
    );
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_of() {
    let site = site().await;
    let mut pools = board();
    pools.pools.push(pool(HOSTILE, 4, Some(-2), Vec::new()));
    site.view.show_pools(Arc::new(pools));
    let text = site.get("/metrics").await.body;
    assert!(
        text.contains(r#"whmcs_stock_pool_level{pool="</td><script>alert(1)</script> \"q\" \\ {x=\"1\"}"#),
        "{text}"
    );
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
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn an_item_names_the_pool_that_limits_it_and_whom_else_it_holds_back() {
    let list = site().await.get("/api/v1/stock").await.json();
    let limits: Vec<Value> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            json!([
                item["product_id"],
                item["combination"]["key"],
                item["bottleneck"],
                item["pool"]
            ])
        })
        .collect();
    assert_eq!(
        json!(limits),
        json!([
            [1, null, null, null],
            [1, "4=11", "pool 64 GB DIMM kits", {
                "name": KITS, "level": 0,
                "also_holds_back": ["RAM: 128 GB", "DS-128", "DS-256"], "holds_back_total": 3,
            }],
            [1, "4=12", "capacity 1", null],
            [4, null, null, null],
            [4, "5=1", "pool NVMe", {
                "name": "NVMe", "level": 3, "also_holds_back": [], "holds_back_total": 0,
            }],
            [5, null, "pool Rails", {
                "name": "Rails", "level": null, "also_holds_back": [], "holds_back_total": 0,
            }],
            [6, null, "pool A pool that was removed", null],
        ])
    );
}

#[tokio::test]
async fn the_list_of_pools_tells_who_draws_on_each_and_whom_it_holds_back() {
    let site = site().await;
    let list = site.get("/api/v1/pools").await.json();
    assert_eq!(list["cursor"], Value::Null);
    let thresholds = json!({"low": 5, "critical": 1, "origin": "global"});
    let held = |id: i64, product: &str, choice: Value, need: i64, held: bool| json!({"instance": "default", "product_id": id, "product": product, "choice": choice, "need": need, "held_back": held});
    assert_eq!(
        list["items"][3],
        json!({
            "name": "NVMe", "capacity": 50, "used": 47, "level": 3, "state": "known", "severity": "low",
            "since": minute(0).to_string(), "thresholds": thresholds, "observed_at": minute(10).to_string(),
            "days_of_cover": 1.5, "unknown": null, "last_level": null, "last_known_at": null,
            "users": [
                held(4, "DS-4x", json!("Disk: 4x NVMe"), 4, true),
                held(1, "DS-64", json!("Disk: 1x NVMe"), 1, false),
            ],
            "users_total": 2, "holds_back_total": 1, "ack": null, "silenced": null,
        })
    );
    assert_eq!(
        list["items"][1],
        json!({
            "name": "Rails", "capacity": 9, "used": null, "level": null, "state": "unknown", "severity": "critical",
            "since": minute(0).to_string(), "thresholds": thresholds, "observed_at": minute(10).to_string(),
            "days_of_cover": null, "unknown": "us was never read.",
            "last_level": 1, "last_known_at": minute(5).to_string(),
            "users": [held(5, "DS-512", Value::Null, 1, false)], "users_total": 1, "holds_back_total": 0,
            "ack": null, "silenced": null,
        })
    );
    let first = site.get("/api/v1/pools?limit=3").await.json();
    let rest = site.get("/api/v1/pools?limit=3&cursor=3").await.json();
    assert_eq!(first["cursor"], "3");
    assert_eq!(
        json!([
            first["items"][2]["name"],
            rest["items"][0]["name"],
            rest["cursor"]
        ]),
        json!([KITS, "NVMe", null])
    );
    assert_eq!(
        site.get("/api/v1/pools?cursor=99").await.json()["items"],
        json!([])
    );
    assert_eq!(site.get("/api/v1/pools?name=x").await.status, 400);
    assert_eq!(site.get("/api/v1/pools?cursor=x").await.status, 400);
}

#[tokio::test]
async fn open_alerts_of_pools_stand_among_the_others() {
    let site = site().await;
    let list = site.get("/api/v1/alerts?status=firing&sort=urgency").await.json();
    let all: Vec<Value> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| json!([alert["alert_id"], alert["severity"], alert["level"]]))
        .collect();
    assert_eq!(
        json!(all),
        json!([
            ["default/4/5=1", "out", 0],
            ["pool:64 GB DIMM kits", "out", 0],
            ["pool:Rails", "critical", 1],
            ["default/1/4=12", "low", 4],
            ["default/6/-", "low", 2],
            ["pool:NVMe", "low", 3],
        ])
    );
    let kits = &list["items"][1];
    assert_eq!(kits["product"], Value::Null);
    assert_eq!(kits["pool"]["holds_back_total"], 4);
    assert_eq!(kits["pool"]["holds_back"][1]["choice"], "RAM: 64 GB");
    assert_eq!(list["items"][0]["pool"]["name"], "NVMe");
    let out = site
        .get("/api/v1/alerts?status=firing&severity=critical")
        .await
        .json();
    assert_eq!(out["items"].as_array().unwrap().len(), 1);
    // A pool is of no shop.
    let of_shop = site
        .get("/api/v1/alerts?status=firing&instance=default")
        .await
        .json();
    assert_eq!(of_shop["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_a_channel_heard_of_without_its_pool_is_an_alert_of_its_own() {
    let mut shop = Memory::clone(&limited());
    let heard = Told::new(Arc::from("email"), Severity::Out, minute(1));
    Arc::make_mut(&mut shop.products[0]).combinations[0].series.told = vec![heard];
    let site = crate::harness::site(settings(None), vec![("default", Arc::new(shop))]).await;
    for (told, listed) in [(Severity::Ok, true), (Severity::Out, false)] {
        let mut pools = board();
        if let Some(standing) = &mut pools.pools[2].standing {
            standing.told = told;
        }
        site.view.show_pools(Arc::new(pools));
        let list = site.get("/api/v1/alerts?status=firing").await.json();
        let items = list["items"].as_array().unwrap();
        let found = items.iter().any(|alert| alert["alert_id"] == "default/1/4=11");
        assert_eq!(found, listed, "{told:?}");
    }
}

/// A pool of two that are left, low by itself and out for orders that take three.
fn short() -> Pool {
    let users = vec![
        user(1, "DS-64", Some("RAM: 256 GB"), 3),
        user(2, "DS-128", Some("RAM: 256 GB"), 3),
    ];
    let mut short = pool(KITS, 40, Some(2), users);
    let standing = short.standing.as_mut().expect("decided");
    for (need, severity) in [(2, Severity::Low), (3, Severity::Out), (4, Severity::Out)] {
        let voice = Standing {
            alert_id: format!("pool:{KITS}/{need}"),
            severity,
            last_level: Some(2 / need),
            ..standing.clone()
        };
        standing.needs.push((need, voice));
    }
    short
}

#[tokio::test]
async fn orders_that_take_more_than_is_left_are_one_open_alert_beside_the_pools_own() {
    let site = site().await;
    site.view.show_pools(Arc::new(Board { pools: vec![short()] }));
    let list = site.get("/api/v1/alerts?status=firing&sort=urgency").await.json();
    let items = list["items"].as_array().unwrap();
    let of_pools = items.iter().filter(|alert| alert["product"].is_null());
    let shown: Vec<Value> = of_pools
        .map(|alert| {
            let pool = &alert["pool"];
            json!([
                alert["alert_id"],
                alert["severity"],
                alert["level"],
                pool["level"],
                pool["need"],
                pool["holds_back_total"]
            ])
        })
        .collect();
    assert_eq!(
        json!(shown),
        json!([
            ["pool:64 GB DIMM kits/3", "out", 0, 2, 3, 2],
            ["pool:64 GB DIMM kits", "low", 2, 2, null, 2],
        ])
    );
    let limited = |alert: &&Value| alert["bottleneck"] == "pool 64 GB DIMM kits";
    assert_eq!(items.iter().filter(limited).count(), 0, "spoken for: {items:?}");
    let metrics = site.get("/metrics").await.body;
    let out = items.iter().filter(|alert| alert["severity"] == "out").count();
    assert!(
        metrics.contains(&format!("whmcs_stock_alerts{{severity=\"out\"}} {out}\n")),
        "{metrics}"
    );
}

#[tokio::test]
async fn with_several_shops_the_page_names_the_shop_of_whom_a_pool_holds_back() {
    let shops = vec![("default", limited()), ("us", limited())];
    let site = crate::harness::site(settings(None), shops).await;
    site.view.show_pools(Arc::new(Board { pools: vec![short()] }));
    let text = read(&site.get("/").await.body);
    assert!(
        text.contains("holds back DS-64 (default), DS-128 (default)"),
        "{text}"
    );
}

#[tokio::test]
async fn the_page_says_why_in_words_and_lists_the_pools_worst_first() {
    let site = site().await;
    let page = site.get("/").await.body;
    let text = read(&page);
    for said in [
        "1 out, 2 low, 1 pool out All figures are old",
        "0: 3 left in pool \"NVMe\", one takes 4",
        "limited by capacity 1",
        "limited by pool A pool that was removed",
        "64 GB DIMM kits pool of 40 · 40 in use · drawn on by 3 products",
        "holds back DS-64, DS-128, DS-256 What it limits: 1 out",
        "DS-64 · RAM: 64 GB",
        "What it limits: 1 unknown",
        "us was never read. Last known: 1,",
    ] {
        assert!(text.contains(said), "{said:?} in {text}");
    }
    // Each among the products that stand as it does.
    let rows = |page: &str| -> Vec<String> {
        let rows = page.split("<tr id=\"").skip(1);
        rows.map(|row| row.split('"').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        rows(&page),
        ["pool2", "p0-4", "p0-6", "pool3", "p0-1", "pool1", "pool0"]
    );
    assert_eq!(rows(&site.get("/?show=out").await.body), ["pool2", "p0-4"]);
    site.view.show_pools(Arc::default());
    let page = site.get("/").await.body;
    assert!(!page.contains("<em>pool</em>"), "{page}");
    assert_eq!(rows(&page), ["p0-4", "p0-1", "p0-6", "p0-5"]);
}

#[tokio::test]
async fn hostile_names_of_pools_and_their_users_stay_names() {
    let shop = limited();
    let site = crate::harness::site(settings(None), vec![("default", shop)]).await;
    let users = (0..200).map(|id| user(100 + id, &format!("{id}{HOSTILE}"), Some(HOSTILE), 1));
    let mut hostile = pool(HOSTILE, 4, Some(0), users.collect());
    hostile.unknown = HOSTILE.to_owned();
    site.view.show_pools(Arc::new(Board { pools: vec![hostile] }));
    let page = site.get("/").await.body;
    assert!(!page.contains("<script>"), "{page}");
    assert!(
        page.contains("&#60;script&#62;alert(1)") && page.contains(" +195"),
        "{page}"
    );
    let list = site.get("/api/v1/pools").await.json();
    assert_eq!(list["items"][0]["name"], HOSTILE);
    assert_eq!(list["items"][0]["holds_back_total"], 200);
    let alerts = site.get("/api/v1/alerts?status=firing").await.json();
    let alert = alerts["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|alert| alert["product"].is_null())
        .unwrap();
    assert_eq!(alert["pool"]["holds_back"].as_array().unwrap().len(), 20);
}
