//! `/metrics` at scale and in both formats: a real Prometheus takes 100,000 series as OpenMetrics, and combinations
//! have series as far as the configuration says.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod daemon;
#[path = "support/memory.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod fixture;
#[path = "support/peers.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod peers;
#[path = "support/prometheus.rs"]
mod prometheus;
#[path = "support/site.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod site;

use std::sync::Arc;

use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::metrics::CombinationSeries;
use whmcs_stock_monitor::domain::metrics::Listing;
use whmcs_stock_monitor::domain::metrics::Which;
use whmcs_stock_monitor::domain::pattern::Pattern;

use crate::daemon::Home;
use crate::daemon::eventually;
use crate::fixture::combination;
use crate::fixture::memory;
use crate::fixture::product;
use crate::fixture::series;
use crate::prometheus::Prometheus;
use crate::prometheus::is_there;
use crate::site::Site;
use crate::site::settings;
use crate::site::site;

/// What Prometheus 2.42 sends.
const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Products with one combination each: seven series a product.
fn shop(products: i64) -> Arc<Memory> {
    let of = |id: i64| {
        let mut product = product(id, &format!("Server \"DS-{id}\""), series(Level::Known(id % 90)));
        let label = format!("RAM: {} GB, Disk: 2x NVMe", 32 << (id % 3));
        product.combinations = vec![combination("4=11;5=20", &label, series(Level::Known(3)))];
        product
    };
    memory((1..=products).map(of).collect())
}

async fn scraped(site: &Site, accept: &str) -> site::Answer {
    let answer = site
        .ask(&format!(
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n"
        ))
        .await;
    assert_eq!(answer.status, 200);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_takes_a_hundred_thousand_series_as_openmetrics() {
    if !is_there("prometheus") {
        return;
    }
    let site = site(settings(None), vec![("default", shop(14_300))]).await;
    let home = Home::new(&[]);
    let prometheus = Prometheus::start(
        &home,
        &format!(
            "global: {{scrape_interval: 5s}}\nscrape_configs:\n- job_name: stock\n  static_configs: [{{targets: ['{}']}}]\n",
            site.address
        ),
    );
    let samples = eventually("Prometheus has scraped", || {
        let samples = prometheus.query("scrape_samples_scraped{job=\"stock\"}");
        samples
            .first()
            .map(|(_, count)| *count)
            .filter(|count| *count > 0.0)
    });
    assert!(samples >= 100_000.0, "{samples}");
    let targets = prometheus.api("targets", &[]).unwrap();
    let target = &targets["activeTargets"][0];
    assert_eq!(
        (&target["health"], &target["lastError"]),
        (&"up".into(), &"".into())
    );
    let counts = |query: &str| prometheus.query(query).first().map(|(_, count)| *count);
    assert_eq!(counts("count(whmcs_stock_combination_info)"), Some(14_300.0));
    let named = prometheus.query("whmcs_stock_product_info{product_id=\"7\"}");
    assert_eq!(named[0].0["product"], "Server \"DS-7\"");
    // Only OpenMetrics describes a counter without its ending.
    let described = |metric: &str| prometheus.api("metadata", &[("metric", metric)]).unwrap();
    assert_eq!(described("whmcs_polls")["whmcs_polls"][0]["type"], "counter");
    assert_eq!(described("whmcs_polls_total"), serde_json::json!({}));
    assert_eq!(counts("count(whmcs_polls_total)"), Some(1.0));
    let bounds = prometheus.query("whmcs_poll_duration_seconds_bucket");
    let mut bounds: Vec<&str> = bounds
        .iter()
        .map(|(labels, _)| labels["le"].as_str().unwrap())
        .collect();
    bounds.retain(|bound| bound.starts_with("10"));
    assert_eq!(bounds, ["10.0"]);
}

#[tokio::test]
async fn a_hundred_thousand_series_travel_as_a_tenth_of_their_text() {
    let site = site(settings(None), vec![("default", shop(14_300))]).await;
    let plain = site.get("/metrics").await.body.len();
    let asked =
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    let bytes = site.raw(asked).await.len();
    eprintln!("{plain} bytes, compressed {bytes}");
    assert!(bytes * 10 < plain, "{bytes} of {plain}");
}

#[tokio::test]
async fn both_formats_tell_the_same_and_each_says_which_it_is() {
    let site = site(settings(None), vec![("default", shop(5))]).await;
    let open = scraped(&site, PROMETHEUS).await;
    let text = scraped(&site, "*/*").await;
    assert!(
        open.head
            .contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{}",
        open.head
    );
    assert!(
        text.head.contains("content-type: text/plain; version=0.0.4"),
        "{}",
        text.head
    );
    for answer in [&open, &text] {
        assert!(answer.head.contains("vary: accept"), "{}", answer.head);
    }
    assert!(open.body.ends_with("\n# EOF\n") && !text.body.contains("# EOF"));
    assert!(!open.body.contains("_total counter") && open.body.contains("# TYPE whmcs_polls counter\n"));
    // What the machine has left moves on between the two.
    let samples = |body: &str| -> Vec<String> {
        let moving = |line: &str| line.starts_with("process_") || line.starts_with("whmcs_stock_disk_");
        let lines = body
            .lines()
            .filter(|line| !line.starts_with('#') && !moving(line));
        let bound = |line: &str| {
            let (name, bound) = line.split_once("le=\"").unwrap_or((line, ""));
            format!("{name}{}", bound.replace(".0\"", "\""))
        };
        lines.map(bound).collect()
    };
    assert_eq!(samples(&open.body), samples(&text.body));
}

#[tokio::test]
async fn combinations_have_series_as_far_as_the_configuration_says() {
    let site = site(settings(None), vec![("eu", shop(6)), ("us", shop(6))]).await;
    let listed = |listing: Listing| Which::Listed(vec![listing]);
    let of_eu = Listing {
        instances: vec![Pattern::text("eu")],
        ..Listing::default()
    };
    let large = Listing {
        products: vec![Pattern::Id(2), Pattern::Id(3)],
        combinations: vec![Pattern::text("ram: 128 gb*")],
        ..Listing::default()
    };
    for (which, most, shown, omitted) in [
        (Which::All, 12, 12, 0),
        (Which::All, 11, 0, 12),
        (Which::None, 1, 0, 0),
        (listed(of_eu), 6, 6, 0),
        (listed(large), 6, 2, 0),
        (Which::Listed(Vec::new()), 6, 0, 0),
    ] {
        let case = format!("{which:?}, {most}");
        site.view
            .limit_combinations(Arc::new(CombinationSeries { which, most }));
        let text = scraped(&site, "*/*").await.body;
        for family in ["whmcs_stock_combination_level{", "whmcs_stock_combination_info{"] {
            let series = text.lines().filter(|line| line.starts_with(family)).count();
            assert_eq!(series, shown, "{case}: {family}");
        }
        let gauge = format!("\nwhmcs_stock_metrics_combinations_omitted {omitted}\n");
        assert!(text.contains(&gauge), "{case}");
        assert!(
            text.contains("\nwhmcs_stock_level{whmcs=\"us\",product_id=\"6\"} 6\n"),
            "{case}"
        );
    }
}
