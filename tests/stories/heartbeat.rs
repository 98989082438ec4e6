//! Proof of life outside: asked while all goes well, told when the monitor is blind, and never in the way.

use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::daemon::eventually;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Mode;
use crate::shop::Shop;
use crate::shop::item;

const PINGS: &str = "whmcs_stock_heartbeat_pings_total";
const FAILURES: &str = "whmcs_stock_heartbeat_failures_total";
const SUCCESS: &str = "whmcs_stock_heartbeat_last_success_timestamp_seconds";

/// What the service was asked, in order.
fn asked(receivers: &Receivers) -> Vec<(String, String)> {
    let requests = receivers.hook.requests();
    requests
        .iter()
        .map(|request| (format!("{} {}", request.method, request.path), request.text()))
        .collect()
}

#[test]
fn a_shop_that_cannot_be_read_is_told_as_fail_and_the_pings_come_again_afterwards() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.unset("WEBHOOK_URL");
    home.unset("WEBHOOK_SECRET");
    home.set("SOURCE_DOWN_AFTER", "1s");
    home.set("SOURCE_DOWN_POLLS", "2");
    let address = receivers.hook.address();
    home.set("HEARTBEAT_URL", &format!("http://{address}/canary-0123?rid=1"));
    let mut daemon = home.start();
    eventually("the first ping", || (asked(&receivers).len() == 1).then_some(()));
    shop.mode(Mode::Plain(500, String::new(), "broken".to_owned()));
    eventually("the monitor is blind", || {
        (asked(&receivers).len() == 2).then_some(())
    });
    shop.mode(Mode::Catalogue);
    eventually("all is well again", || {
        (asked(&receivers).len() >= 3).then_some(())
    });
    let asked = asked(&receivers);
    assert_eq!(asked[0].0, "GET /canary-0123?rid=1");
    assert_eq!(asked[1].0, "POST /canary-0123/fail?rid=1");
    assert!(
        asked[1].1.starts_with("default cannot be read since 20"),
        "{asked:?}"
    );
    assert_eq!(asked[2], asked[0]);
    eventually("the metrics count them", || {
        (daemon.metric(PINGS)? >= 3.0).then_some(())
    });
    assert_eq!(daemon.metric(FAILURES), Some(0.0));
    assert!(daemon.metric(SUCCESS).is_some_and(|at| at > 1.7e9));
    daemon.stop();
    assert!(!daemon.log().contains("canary"), "{}", daemon.log());
}

#[test]
fn a_service_that_hangs_or_refuses_holds_up_no_poll_and_no_shutdown() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.unset("WEBHOOK_URL");
    home.unset("WEBHOOK_SECRET");
    receivers.hook.always(Reply::Status(404));
    let address = receivers.hook.address();
    home.set("HEARTBEAT_URL", &format!("http://{address}/canary-0123"));
    let mut daemon = home.start();
    daemon.wait_for_log("HEARTBEAT_URL was not reached; the next poll tries again.");
    eventually("it counts as failed", || {
        (daemon.metric(FAILURES) == Some(1.0)).then_some(())
    });
    assert_eq!(daemon.metric(SUCCESS), None);
    daemon.stop();
    assert!(!daemon.log().contains("canary"), "{}", daemon.log());
    receivers.hook.always(Reply::Hang);
    let mut daemon = home.start();
    eventually("it is asked again", || {
        (receivers.hook.requests().len() == 2).then_some(())
    });
    daemon.wait_for_polls("default", 5);
    assert_eq!(daemon.metric(FAILURES), Some(0.0), "it still hangs");
    daemon.stop();
    assert_eq!(receivers.subjects().len(), 1);
}
