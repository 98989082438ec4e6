//! `demo`: one command on a fresh machine shows a product selling out, and what that led to.

use std::fs;

use rustix::process::Signal;

use crate::daemon::Home;
use crate::daemon::eventually;
use crate::daemon::metric;

#[test]
fn the_demo_sells_a_product_out_and_page_metrics_mail_and_webhook_agree() {
    let home = Home::new(&[]);
    let mut demo = home.begin(&["demo", "--listen", "127.0.0.1:0"]);
    demo.address = eventually("the page's address", || {
        let log = demo.log();
        let after = log.split_once("page     http://")?.1;
        after.split_once('/')?.0.parse().ok()
    });
    eventually("DS-64 is out, by mail and by webhook", || {
        let log = demo.log();
        let webhook = log.contains("\"level\":0")
            && log.contains("\"reason\":\"worse\"")
            && log.contains("stock.alerts (signed");
        (webhook && log.contains("OUT: DS-64")).then_some(())
    });
    eventually("the pool is empty, and speaks for what it holds back", || {
        let log = demo.log();
        (log.contains("OUT: pool 128 GB modules") && log.contains("\"pool\":{")).then_some(())
    });
    // The story goes on meanwhile: what is compared is taken until it is of one moment.
    let (item, metrics, page) = eventually("page, metrics and API of one moment", || {
        let (before, metrics, page, after) = (
            demo.json("/api/v1/stock"),
            demo.metrics(),
            demo.get("/").body,
            demo.json("/api/v1/stock"),
        );
        let same = before["items"]
            .as_array()?
            .iter()
            .zip(after["items"].as_array()?)
            .all(|(a, b)| a["level"] == b["level"]);
        let item = after["items"]
            .as_array()?
            .iter()
            .find(|item| item["product_id"] == 42)?
            .clone();
        same.then_some((item, metrics, page))
    });
    assert_eq!(item["product"], "DS-64");
    let series = "whmcs_stock_level{whmcs=\"default\",product_id=\"42\"}";
    assert_eq!(metric(&metrics, series), item["level"].as_f64());
    assert!(
        page.contains("<bdi>DS-64</bdi>") && page.contains("#42"),
        "{page}"
    );
    demo.signal(Signal::INT);
    assert_eq!(demo.wait().0, 0, "{}", demo.log());
    let left: Vec<_> = fs::read_dir(home.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["stderr-0"], "nothing is kept");
}

#[test]
fn the_demo_ends_by_itself_when_told_how_long_it_lasts() {
    let home = Home::new(&[]);
    let ended = home.run(&["demo", "--for", "2s", "--listen", "127.0.0.1:0"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    assert!(ended.out.contains("page     http://"), "{ended:?}");
    assert!(ended.took.as_secs() < 12, "{ended:?}");
}
