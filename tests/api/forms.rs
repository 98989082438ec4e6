//! The forms of an answer: JSON and CSV, whole and unchanged, with and without a body.

use std::sync::Arc;

use serde_json::Value;
use serde_json::json;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::catalogue::Level;

use crate::fixture::combination;
use crate::fixture::frozen;
use crate::fixture::memory;
use crate::fixture::product;
use crate::fixture::series;
use crate::harness::Answer;
use crate::harness::Site;
use crate::harness::accepted;
use crate::harness::settings;
use crate::harness::site;

fn stocked() -> Arc<Memory> {
    let mut options = product(9, "DS-64", series(Level::Known(7)));
    options.combinations = vec![
        combination("4=11", "RAM: 32 GB", series(Level::Known(0))),
        combination("4=12", "RAM: 64 GB", series(Level::Known(5))),
    ];
    memory(vec![
        product(1, "=cmd()", series(Level::Known(40))),
        product(2, "Low, \"very\"", series(Level::Known(4))),
        product(3, "Out", series(Level::Known(-2))),
        product(4, "Uncounted", series(Level::NotControlled)),
        product(5, "Lost", frozen(1)),
        options,
    ])
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let start = format!("{name}: ");
    answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix(start.as_str()))
}

async fn with(site: &Site, method: &str, path: &str, headers: &str) -> Answer {
    site.ask(&format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}"
    ))
    .await
}

#[tokio::test]
async fn a_list_is_csv_where_that_is_asked_for_and_no_name_is_a_formula() {
    let site = site(settings(None), vec![("default", stocked())]).await;
    let asked = site.get("/api/v1/stock?format=csv&limit=3").await;
    assert_eq!(
        header(&asked, "content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    assert_eq!(
        header(&asked, "content-disposition"),
        Some("attachment; filename=\"stock.csv\"")
    );
    let text = asked.body.strip_prefix('\u{feff}').unwrap().replace('\r', "");
    let short: Vec<String> = text
        .lines()
        .map(|line| line.split(',').take(3).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(
        short,
        [
            "instance|product_id|product",
            "default|1|'=cmd()",
            "default|2|\"Low",
            "default|3|Out"
        ]
    );
    let columns = text.lines().next().unwrap().split(',').count();
    assert_eq!(columns, 35);
    let next = header(&asked, "link").unwrap();
    assert_eq!(
        next,
        "</api/v1/stock?format=csv&limit=3&cursor=default%2f3%2f->; rel=\"next\""
    );
    let by_header = with(&site, "GET", "/api/v1/stock?limit=3", "Accept: text/csv\r\n").await;
    assert_eq!(by_header.body, asked.body);
    for path in [
        "alerts",
        "alerts?status=firing",
        "events",
        "polls",
        "deliveries",
        "acks",
        "silences",
        "pools",
        "sources",
        "windows",
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let answer = site.get(&format!("/api/v1/{path}{joint}format=csv")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(
            header(&answer, "content-type").unwrap().starts_with("text/csv"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_406_and_what_is_unknown_400() {
    let site = site(settings(None), vec![("default", stocked())]).await;
    for (path, accept, status) in [
        ("/api/v1/stock", "text/html,application/xhtml+xml,*/*;q=0.8", 200),
        ("/api/v1/stock", "application/*", 200),
        ("/api/v1/stock", "image/png", 406),
        ("/api/v1/summary", "text/csv", 406),
        ("/api/v1/stock?format=json", "image/png", 200),
        ("/api/v1/stock?format=xml", "*/*", 400),
        ("/api/v1/summary?format=csv", "*/*", 400),
    ] {
        let answer = with(&site, "GET", path, &format!("Accept: {accept}\r\n")).await;
        assert_eq!(answer.status, status, "{path} {accept}: {}", answer.body);
        if status != 200 {
            assert_eq!(header(&answer, "content-type"), Some("application/problem+json"));
            assert!(answer.json()["parameter"].is_string(), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again_until_it_does() {
    let site = site(settings(None), vec![("default", stocked())]).await;
    for path in [
        "/api/v1/stock",
        "/api/v1/stock?sort=urgency&format=csv",
        "/api/v1/alerts?status=firing",
        "/api/v1/pools",
        "/api/v1/summary",
        "/api/v1/products/default/9",
        "/api/v1/openapi.json",
        "/api/v1/polls",
    ] {
        let first = site.get(path).await;
        assert_eq!(first.status, 200, "{path}: {}", first.body);
        assert_eq!(
            header(&first, "cache-control"),
            Some("private, no-cache"),
            "{path}"
        );
        let tag = header(&first, "etag").unwrap().replace("w/", "W/");
        let same = with(
            &site,
            "GET",
            path,
            &format!("If-None-Match: \"other\", {tag}\r\n"),
        )
        .await;
        assert_eq!((same.status, same.body.as_str()), (304, ""), "{path}");
        assert_eq!(header(&same, "etag"), header(&first, "etag"), "{path}");
        let head = with(&site, "HEAD", path, "").await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(header(&head, "etag"), header(&first, "etag"), "{path}");
        assert_eq!(
            header(&head, "content-length"),
            header(&first, "content-length"),
            "{path}"
        );
    }
    let before = site.get("/api/v1/stock").await;
    let tag = header(&before, "etag").unwrap().replace("w/", "W/");
    site.view.publish(
        "default",
        memory(vec![product(1, "One", series(Level::Known(1)))]),
        accepted(),
    );
    let after = with(
        &site,
        "GET",
        "/api/v1/stock",
        &format!("If-None-Match: {tag}\r\n"),
    )
    .await;
    assert_eq!(
        (after.status, after.json()["items"][0]["level"].clone()),
        (200, json!(1))
    );
}

fn ids(list: &Value) -> Vec<(i64, String)> {
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            let key = item["combination"]["key"].as_str().unwrap_or("-");
            (item["product_id"].as_i64().unwrap(), key.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn the_stock_can_be_sorted_and_read_page_by_page_in_any_order() {
    let site = site(settings(None), vec![("eu", stocked()), ("us", stocked())]).await;
    let of = |list: &[(i64, &str)]| -> Vec<(i64, String)> {
        list.iter().map(|(id, key)| (*id, (*key).to_owned())).collect()
    };
    let one = site.get("/api/v1/stock?instance=eu&sort=urgency").await.json();
    assert_eq!(
        ids(&one),
        of(&[
            (3, "-"),
            (9, "4=11"),
            (2, "-"),
            (9, "4=12"),
            (5, "-"),
            (1, "-"),
            (9, "-"),
            (4, "-")
        ])
    );
    let levels = site.get("/api/v1/stock?instance=eu&sort=level").await.json();
    assert_eq!(
        ids(&levels),
        of(&[
            (3, "-"),
            (9, "4=11"),
            (2, "-"),
            (9, "4=12"),
            (9, "-"),
            (1, "-"),
            (4, "-"),
            (5, "-")
        ])
    );
    for combinations in ["series", "all"] {
        for sort in ["id", "urgency", "name", "level", "cover", "since"] {
            let path = format!("/api/v1/stock?sort={sort}&combinations={combinations}");
            let whole = site.get(&path).await.json();
            assert_eq!(ids(&whole).len(), 16, "{path}");
            let mut pages = Vec::new();
            let mut cursor = String::new();
            loop {
                let page = site
                    .get(&format!("{path}&limit=3&cursor={}", cursor.replace('=', "%3D")))
                    .await
                    .json();
                pages.extend(page["items"].as_array().unwrap().clone());
                match page["cursor"].as_str() {
                    Some(next) => cursor = next.to_owned(),
                    None => break,
                }
            }
            assert_eq!(json!(pages), whole["items"], "{path}");
        }
    }
    for (filter, count) in [
        ("state=unknown", 2),
        ("group=dedi*", 16),
        ("group=other", 0),
        ("severity=out&state=known", 4),
    ] {
        let list = site.get(&format!("/api/v1/stock?{filter}")).await.json();
        assert_eq!(ids(&list).len(), count, "{filter}");
    }
    for path in ["sort=worst", "state=lost", "sort=level&cursor=eu/3/-", "cursor=x"] {
        let answer = site.get(&format!("/api/v1/stock?{path}")).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn one_product_is_told_with_its_combinations_and_a_summary_counts_all() {
    let site = site(settings(None), vec![("a/b", stocked())]).await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    site.view.expect("a/b", Some(soon));
    let one = site.get("/api/v1/products/a%2Fb/9").await.json();
    assert_eq!(one["product"]["product"], "DS-64");
    assert_eq!(one["product"]["forecast"], Value::Null);
    let keys: Vec<&Value> = one["combinations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["combination"]["key"])
        .collect();
    assert_eq!(keys, [&json!("4=11"), &json!("4=12")]);
    for (path, parameter) in [("mars/9", "instance"), ("a%2Fb/8", "pid"), ("a%2Fb/x", "pid")] {
        let answer = site.get(&format!("/api/v1/products/{path}")).await;
        assert_eq!(
            (answer.status, &answer.json()["parameter"]),
            (404, &json!(parameter)),
            "{path}"
        );
    }
    let broken = site.get("/api/v1/products/%ff/9").await;
    assert_eq!(
        (broken.status, &broken.json()["parameter"]),
        (400, &json!("path"))
    );
    let summary = site.get("/api/v1/summary").await.json();
    assert_eq!(
        summary["products"],
        json!({"ok": 2, "low": 1, "critical": 0, "out": 1, "not_controlled": 1, "unknown": 1})
    );
    assert_eq!(summary["open"], json!({"low": 2, "critical": 1, "out": 2}));
    assert_eq!(
        (&summary["trust"]["state"], &summary["trust"]["why"]),
        (&json!("partial"), &json!(["1 product has no known level."]))
    );
    let sources = site.get("/api/v1/sources").await.json();
    assert_eq!(
        (
            &sources["items"][0]["instance"],
            &sources["items"][0]["state"],
            &sources["items"][0]["gaps"]
        ),
        (&json!("a/b"), &json!("up"), &Value::Null)
    );
}
