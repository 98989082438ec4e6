//! `/metrics` as Prometheus' own tools read it: promtool finds nothing, and a real Prometheus scrapes and answers.

use std::io::Write;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use crate::CONTROLLED;
use crate::daemon::eventually;
use crate::daemon::metric;
use crate::home;
use crate::prometheus::Prometheus;
use crate::prometheus::is_there;
use crate::receivers::Receivers;
use crate::shop::Mode;
use crate::shop::Shop;
use crate::shop::item;

/// What promtool has to say of the text: nothing, where all is well.
fn promtool(metrics: &str) -> String {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    format!(
        "{}{}",
        String::from_utf8_lossy(&said),
        if output.status.success() { "" } else { "failed" }
    )
}

fn shop() -> Shop {
    Shop::open(vec![
        item(1, "Well", 40),
        item(2, "Low \"4\"", 4),
        item(3, "Critical\nline", 2),
        item(4, "Out 🦀", 0),
        item(5, "Negative", -3),
    ])
}

#[test]
fn promtool_finds_nothing_to_say_of_the_metrics_in_good_times_and_in_bad() {
    if !is_there("promtool") {
        return;
    }
    let shop = shop();
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("SOURCE_DOWN_AFTER", "1s");
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    assert_eq!(promtool(&daemon.metrics()), "");
    shop.mode(Mode::Plain(503, String::new(), "busy".to_owned()));
    receivers.wait_for(2);
    let metrics = daemon.metrics();
    assert_eq!(promtool(&metrics), "");
    assert_eq!(metric(&metrics, "whmcs_up{whmcs=\"default\"}"), Some(0.0));
    daemon.stop();
}

#[test]
fn a_real_prometheus_scrapes_with_the_token_and_agrees_with_page_and_api_on_every_product() {
    if !is_there("prometheus") {
        return;
    }
    let shop = shop();
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("HTTP_TOKEN", "a-token-for-prometheus");
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    assert_eq!(daemon.ask("/metrics", "").unwrap().status, 401);
    let prometheus = Prometheus::start(
        &home,
        &format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: stock\n  authorization: {{credentials: a-token-for-prometheus}}\n  static_configs: [{{targets: ['{}']}}]\n",
            daemon.address
        ),
    );
    let levels = eventually("Prometheus has the levels", || {
        let levels = prometheus.query("whmcs_stock_level");
        (levels.len() == 5).then_some(levels)
    });
    let up = prometheus.query("whmcs_up");
    assert_eq!(up.len(), 1, "{up:?}");
    assert_eq!((up[0].0["whmcs"].as_str(), up[0].1), (Some("default"), 1.0));
    let joined =
        prometheus.query("whmcs_stock_level*on(whmcs,product_id)group_left(product)whmcs_stock_product_info");
    assert_eq!(joined.len(), 5, "{joined:?}");
    let metrics = daemon.metrics();
    let page = daemon.get("/").body;
    let stock = daemon.json("/api/v1/stock");
    let items = stock["items"].as_array().unwrap();
    assert_eq!(items.len(), 5);
    for item in items {
        let id = item["product_id"].to_string();
        let level = item["level"].as_f64().unwrap();
        let of = |samples: &[(Value, f64)]| {
            let found: Vec<f64> = samples
                .iter()
                .filter(|(labels, _)| labels["product_id"] == id)
                .map(|(_, value)| *value)
                .collect();
            assert_eq!(found.len(), 1, "{id}: {samples:?}");
            found[0]
        };
        assert_eq!(of(&levels), level);
        assert_eq!(of(&joined), level);
        assert_eq!(
            metric(
                &metrics,
                &format!("whmcs_stock_level{{whmcs=\"default\",product_id=\"{id}\"}}")
            ),
            Some(level)
        );
        let severity = ["ok", "low", "critical", "out"]
            .iter()
            .position(|name| item["severity"] == *name)
            .unwrap();
        assert_eq!(
            metric(
                &metrics,
                &format!("whmcs_stock_severity{{whmcs=\"default\",product_id=\"{id}\"}}")
            ),
            Some(severity as f64)
        );
        let label = joined
            .iter()
            .find(|(labels, _)| labels["product_id"] == id)
            .unwrap()
            .0["product"]
            .clone();
        assert_eq!(label, item["product"]);
        if severity > 0 {
            assert_eq!(level_on(&page, &id), Some(item["level"].to_string()), "{page}");
        }
    }
    shop.stock(1, 1);
    eventually("Prometheus sees the level fall", || {
        let levels = prometheus.query("whmcs_stock_level{product_id=\"1\"}");
        levels
            .first()
            .is_some_and(|(_, level)| *level == 1.0)
            .then_some(())
    });
    daemon.stop();
}

/// The level in the page's row of a product.
fn level_on(page: &str, id: &str) -> Option<String> {
    let row = page.split(&format!("<tr id=\"p0-{id}\"")).nth(1)?;
    let cell = row.split_once("data-label=\"Left\"><b class=\"level\">")?.1;
    Some(cell.split_once('<')?.0.to_owned())
}
