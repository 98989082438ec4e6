//! The public feed: off unless it is configured, and then what was chosen and nothing else.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::feed::Feed;
use whmcs_stock_monitor::domain::feed::Field;
use whmcs_stock_monitor::domain::feed::Origins;
use whmcs_stock_monitor::domain::pattern::Pattern;

use crate::daemon::Home;
use crate::fixture::combination;
use crate::fixture::frozen;
use crate::fixture::memory;
use crate::fixture::product;
use crate::fixture::series;
use crate::harness::Site;
use crate::harness::settings;
use crate::harness::site;

const PATH: &str = "/api/v1/public/stock.json";
const CANARY: &str = "CANARY";

fn feed(fields: &[Field]) -> Feed {
    Feed {
        instances: vec![Pattern::text("eu")],
        groups: Vec::new(),
        products: vec![Pattern::text("DS-*")],
        fields: fields.to_vec(),
        level_cap: Some(10),
        origins: Origins::Only(vec!["https://shop.example".to_owned()]),
        max_age: Duration::from_secs(60),
        stale_after: Duration::from_secs(3600),
    }
}

/// What is chosen, and, with CANARY in its name or its combination's, what is not.
fn stocked(read_at: Option<Timestamp>) -> Arc<Memory> {
    let mut options = product(1, "DS-64", series(Level::Known(40)));
    options.combinations = vec![combination("4=11", "RAM: CANARY GB", series(Level::Known(0)))];
    let hidden = Tracked {
        hidden: Some(true),
        ..product(7, "DS-CANARY", series(Level::Known(3)))
    };
    let retired = Tracked {
        retired: Some(true),
        ..product(8, "DS-CANARY", series(Level::Known(3)))
    };
    let gone = Tracked {
        gone: true,
        ..product(9, "DS-CANARY", series(Level::Known(3)))
    };
    let mut memory = Memory::clone(&memory(vec![
        options,
        product(2, "DS-2", series(Level::Known(4))),
        product(3, "DS-3", series(Level::Known(-2))),
        product(4, "DS-4", series(Level::NotControlled)),
        product(5, "DS-5", frozen(0)),
        product(6, "CANARY", series(Level::Known(3))),
        hidden,
        retired,
        gone,
    ]));
    memory.source.last_accepted_at = read_at;
    Arc::new(memory)
}

async fn open(feed: Option<Feed>, read_at: Option<Timestamp>) -> Site {
    let other = memory(vec![product(1, "DS-CANARY", series(Level::Known(1)))]);
    let shops = vec![("eu", stocked(read_at)), (CANARY, other)];
    let site = site(settings(Some("secret")), shops).await;
    site.view.open_to_all(feed.map(Arc::new));
    site
}

#[tokio::test]
async fn without_a_word_of_the_configuration_there_is_no_feed() {
    let site = open(None, Some(Timestamp::now())).await;
    let answer = site.get(PATH).await;
    assert_eq!(answer.status, 404);
    assert!(!answer.body.contains("DS-"), "{}", answer.body);
    assert_eq!(site.get("/api/v1/stock").await.status, 401);
}

#[tokio::test]
async fn what_was_chosen_is_told_to_all_and_nothing_else() {
    let fields = [
        Field::ProductId,
        Field::Product,
        Field::Level,
        Field::Availability,
        Field::State,
    ];
    let now = Timestamp::now();
    let site = open(Some(feed(&fields)), Some(now)).await;
    let answer = site.get(PATH).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        !answer.body.contains(CANARY) && !answer.body.contains("eu"),
        "{}",
        answer.body
    );
    let told = answer.json();
    let item = |id: i64, name: &str, level: Value, availability: &str, state: &str| json!({"product_id": id, "product": name, "level": level, "availability": availability, "state": state});
    assert_eq!(
        told["items"],
        json!([
            item(1, "DS-64", json!("10+"), "in_stock", "known"),
            item(2, "DS-2", json!(4), "low", "known"),
            item(3, "DS-3", json!(0), "out", "known"),
            item(4, "DS-4", Value::Null, "in_stock", "not_controlled"),
            item(5, "DS-5", Value::Null, "unknown", "unknown"),
        ])
    );
    assert_eq!(
        (&told["stale"], &told["observed_at"]),
        (&json!(false), &json!(now.to_string()))
    );
    assert!(told["age"].as_i64().unwrap() < 60, "{told}");
    assert!(
        answer.head.contains("cache-control: public, max-age=60"),
        "{}",
        answer.head
    );
    assert_eq!(site.get(&format!("{PATH}?q=x")).await.status, 400);
}

#[tokio::test]
async fn figures_of_a_shop_that_was_not_read_for_long_are_unknown_and_never_out() {
    let fields = [Field::Product, Field::Level, Field::Availability, Field::State];
    let long_ago = Timestamp::now() - Duration::from_secs(3700);
    for read_at in [Some(long_ago), None] {
        let site = open(Some(feed(&fields)), read_at).await;
        let told = site.get(PATH).await.json();
        assert_eq!(told["stale"], json!(true));
        let items = told["items"].as_array().unwrap();
        assert_eq!(items.len(), 5);
        for item in items {
            assert_eq!(
                (&item["level"], &item["availability"], &item["state"]),
                (&Value::Null, &json!("unknown"), &json!("unknown")),
                "{item}"
            );
        }
    }
}

#[tokio::test]
async fn a_page_elsewhere_may_read_it_only_where_its_origin_was_named() {
    let site = open(
        Some(feed(&[Field::Product, Field::Combination])),
        Some(Timestamp::now()),
    )
    .await;
    let ask = |method: &'static str, origin: &'static str| {
        let head = format!("{method} {PATH} HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n");
        let site = &site;
        async move { site.ask(&head).await }
    };
    let shop = ask("GET", "https://shop.example").await;
    assert!(
        shop.head
            .contains("access-control-allow-origin: https://shop.example"),
        "{}",
        shop.head
    );
    assert!(
        shop.head.contains("cross-origin-resource-policy: cross-origin"),
        "{}",
        shop.head
    );
    // Combinations are told where they were chosen.
    assert!(shop.body.contains("RAM: CANARY GB"), "{}", shop.body);
    let evil = ask("GET", "https://evil.example").await;
    assert!(
        evil.status == 200 && !evil.head.contains("access-control-allow-origin"),
        "{}",
        evil.head
    );
    assert!(evil.head.contains("vary: origin"), "{}", evil.head);
    let before = ask("OPTIONS", "https://shop.example").await;
    assert_eq!(before.status, 204);
    assert!(
        before.head.contains("access-control-allow-methods: get, head"),
        "{}",
        before.head
    );
    let elsewhere = site
        .ask("OPTIONS /api/v1/stock HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n")
        .await;
    assert_eq!(elsewhere.status, 405);
    let posted = site
        .ask(&format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\n"))
        .await;
    assert!(
        posted.status == 405 && posted.head.contains("allow: get, head, options"),
        "{}",
        posted.head
    );
}

#[tokio::test]
async fn a_feed_that_did_not_change_is_not_sent_again() {
    let site = open(
        Some(feed(&[Field::Product, Field::Level])),
        Some(Timestamp::now()),
    )
    .await;
    let first = site.get(PATH).await;
    let tag = first
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap();
    let again = format!(
        "GET {PATH} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {}\r\n",
        tag.replace("w/", "W/")
    );
    let same = site.ask(&again).await;
    assert_eq!((same.status, same.body.as_str()), (304, ""));
}

#[test]
fn a_feed_that_does_not_say_what_it_shows_is_refused() {
    let home = Home::new(&[
        ("WHMCS_API_URL", "https://shop.example/includes/api.php"),
        ("WHMCS_API_IDENTIFIER", "x"),
        ("WHMCS_API_SECRET", "y"),
    ]);
    for (file, said) in [
        (
            "[public]\nfields = [\"level\"]\n",
            "nothing says which products anybody may see",
        ),
        (
            "[public]\nproducts = [\"*\"]\n",
            "nothing says what of them anybody may see",
        ),
        (
            "[public]\nproducts = [\"*\"]\nfields = [\"levels\"]\n",
            "There are: instance, product_id, product, group, combination, state, level, availability.",
        ),
        (
            "[public]\nproducts = [\"*\"]\nfields = [\"level\"]\norigins = [\"https://shop.example/x\"]\n",
            "is no origin",
        ),
        (
            "[public]\nproducts = [\"*\"]\nfields = [\"level\"]\nlevel_cap = 0\n",
            "level_cap",
        ),
        (
            "[public]\nproducts = [\"*\"]\nfields = [\"level\"]\nfield = 1\n",
            "Did you mean fields?",
        ),
        // An empty list must not open the whole shop.
        (
            "[public]\nproducts = []\nfields = [\"level\"]\n",
            "products (config/monitor.toml line 2) is an empty list. At least one is needed",
        ),
        (
            "[public]\nproducts = [1]\ngroups = []\nfields = [\"level\"]\n",
            "groups (config/monitor.toml line 3) is an empty list. At least one is needed",
        ),
        (
            "[public]\nproducts = [1]\ninstances = []\nfields = [\"level\"]\n",
            "instances (config/monitor.toml line 3) is an empty list. At least one is needed",
        ),
        (
            "[public]\nproducts = [1]\nfields = []\n",
            "fields (config/monitor.toml line 3) is an empty list. At least one is needed.",
        ),
    ] {
        home.write("config/monitor.toml", file);
        let checked = home.run(&["config", "check"]);
        assert_eq!(checked.code, 78, "{file}: {checked:?}");
        let all = format!("{}{}", checked.out, checked.err);
        assert!(all.contains(said), "{file}: {all}");
    }
    home.write(
        "config/monitor.toml",
        "[public]\nproducts = [\"*\"]\nfields = [\"level\"]\norigins = [\"https://Shop.example/\", \"https://SHOP.example:443\", \"http://[::1]:8080\", \"*\"]\nmax_age = \"5m\"\n",
    );
    let checked = home.run(&["config", "check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(!checked.err.contains("max_age"), "{checked:?}");
}

#[test]
fn a_feed_that_is_kept_for_longer_than_its_figures_are_good_is_warned_of() {
    let home = Home::new(&[
        ("WHMCS_API_URL", "https://shop.example/includes/api.php"),
        ("WHMCS_API_IDENTIFIER", "x"),
        ("WHMCS_API_SECRET", "y"),
    ]);
    for (ages, line) in [
        (
            "max_age = \"10m\"\nstale_after = \"5m\"\n",
            Some("public: max_age (config/monitor.toml line 4)"),
        ),
        (
            "max_age = \"2h\"\n",
            Some("public: max_age (config/monitor.toml line 4)"),
        ),
        (
            "stale_after = \"30s\"\n",
            Some("public: stale_after (config/monitor.toml line 4)"),
        ),
        ("max_age = \"5m\"\nstale_after = \"5m\"\n", None),
        ("max_age = \"1h\"\n", None),
        ("", None),
    ] {
        home.write(
            "config/monitor.toml",
            &format!("[public]\nproducts = [\"*\"]\nfields = [\"level\"]\n{ages}"),
        );
        let checked = home.run(&["config", "check"]);
        assert_eq!(checked.code, 0, "{checked:?}");
        let all = format!("{}{}", checked.out, checked.err);
        let said = "lets others keep the feed for longer than its figures are good";
        assert_eq!(all.contains(said), line.is_some(), "{ages}: {all}");
        assert!(all.contains(line.unwrap_or_default()), "{ages}: {all}");
    }
}
