//! A product with a month of history: how long it lasts is told everywhere, and a rule may ask for it.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;

use crate::daemon::Home;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Shop;
use crate::shop::item;

/// Makes the only product have sold 2 a day for 28 days, looked at each six hours, until now; `left` are left.
fn sold_two_a_day(home: &Home, left: i64) {
    let options = SqliteConnectOptions::new().filename(home.path("data/stock.db"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut database = options.connect().await.unwrap();
        let mut work = database.begin().await.unwrap();
        let looks = 28 * 4;
        let first: i64 = sqlx::query_scalar("SELECT max(id) FROM polls")
            .fetch_one(&mut *work)
            .await
            .unwrap();
        let began = Timestamp::now() - SignedDuration::from_hours(28 * 24);
        for look in 0..=looks {
            let at = began + SignedDuration::from_hours(6 * look);
            sqlx::query(
                "INSERT OR REPLACE INTO polls (id, instance_id, observed_at, duration_ms, outcome, changes) \
                 SELECT ?, id, ?, 10, 0, 0 FROM instances",
            )
            .bind(first + look)
            .bind(at.as_millisecond())
            .execute(&mut *work)
            .await
            .unwrap();
            if look % 2 == 0 {
                sqlx::query(
                    "INSERT OR REPLACE INTO levels (instance_id, series, poll_id, state, level) \
                     SELECT id, 0, ?, 0, ? FROM instances",
                )
                .bind(first + look)
                .bind(left + (looks - look) / 2)
                .execute(&mut *work)
                .await
                .unwrap();
            }
        }
        sqlx::query("UPDATE series SET level = ?1, last_level = ?1")
            .bind(left)
            .execute(&mut *work)
            .await
            .unwrap();
        work.commit().await.unwrap();
        database.close().await.unwrap();
    });
}

#[test]
fn how_long_a_product_lasts_is_told_everywhere_and_a_rule_speaks_when_that_is_too_short() {
    let shop = Shop::open(vec![item(64, "DS-64", 20)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    assert_eq!(home.run(&["check"]).code, 0);
    let status = home.run(&["status", "--json"]);
    assert_eq!(status.json()["items"][0]["days_of_cover"], json!(null));
    let unknown = home.run(&["config", "suggest", "--thresholds", "--lead-time", "10d"]);
    assert!(unknown.out.contains("# --- Not enough history"), "{unknown:?}");
    sold_two_a_day(&home, 20);
    let days = |shown: &serde_json::Value| shown["days_of_cover"].as_f64().unwrap();
    let status = home.run(&["status", "--json"]).json();
    assert!((days(&status["items"][0]) - 10.0).abs() < 0.5, "{status}");
    let status = home.run(&["status"]);
    assert!(status.out.contains("  about 10 days"), "{status:?}");
    let proposed = home.run(&["config", "suggest", "--thresholds", "--lead-time", "10d"]);
    assert!(
        proposed.out.contains("\n#products = [64]\n#low = "),
        "{proposed:?}"
    );
    assert_eq!(shop.polled(), 1, "WHMCS is not asked for that");
    let wrong = home.run(&["config", "suggest", "--thresholds", "--lead-time", "soon"]);
    assert_eq!(wrong.code, 78, "{wrong:?}");

    // Twelve will not last for ten days.
    home.write(
        "config/monitor.toml",
        "[[rule]]\nproducts = [64]\ncover = \"10d\"\nlow = 4\n",
    );
    shop.stock(64, 12);
    let mut daemon = home.start();
    let shown = daemon.wait_for_item(64, "low", |item| item["severity"] == json!("low"));
    assert!((days(&shown) - 6.0).abs() < 0.7, "{shown}");
    assert_eq!(shown["thresholds"]["cover"], json!(10.0));
    let seconds = daemon.metric("whmcs_stock_cover_seconds{whmcs=\"default\",product_id=\"64\"}");
    assert!((seconds.unwrap() / 86_400.0 - 6.0).abs() < 0.7, "{seconds:?}");
    let page = daemon.get("/");
    assert!(page.body.contains("<span class=\"about"), "{}", page.body);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    let mails = receivers.mail.mails();
    let subject = mails.last().unwrap().header("Subject").unwrap_or_default();
    assert!(
        subject.contains("DS-64") && subject.contains("a restock takes 10 days"),
        "{subject}"
    );
}
