//! Channels that fail: what is tried again, what is given up, and that one never disturbs the other.

use rustix::process::Signal;
use serde_json::json;
use whmcs_stock_monitor::sinks::mail_script::Fault;
use whmcs_stock_monitor::sinks::mail_script::Step;
use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::daemon::eventually;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Shop;
use crate::shop::item;

#[test]
fn a_webhook_that_answers_500_is_tried_again_with_the_same_id_and_mail_does_not_wait() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    receivers.hook.next(Reply::Status(500));
    receivers.hook.next(Reply::RetryAfter(503, "1".to_owned()));
    shop.stock(1, 4);
    eventually("the mail comes while the webhook fails", || {
        (receivers.mail.mails().len() == 2).then_some(())
    });
    eventually("three attempts", || {
        (receivers.hook.requests().len() == 4).then_some(())
    });
    daemon.wait_for_empty_outbox();
    // Attempts: the baseline's, two that failed, and the one that got through.
    eventually("four attempts are counted", || {
        let attempts = daemon.metric("whmcs_stock_deliveries_total{channel=\"webhook\"}");
        (attempts == Some(4.0)).then_some(())
    });
    let metrics = daemon.metrics();
    let failures = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("whmcs_stock_delivery_failures_total{channel=\"webhook\","));
    let failures: f64 = failures
        .map(|rest| rest.split_once("} ").unwrap().1.parse::<f64>().unwrap())
        .sum();
    assert_eq!(failures, 2.0, "{metrics}");
    daemon.stop();
    let requests = receivers.hook.requests();
    let id = |place: usize| requests[place].header("webhook-id").unwrap().to_owned();
    assert_eq!((id(1), id(2)), (id(2), id(3)));
    assert_eq!(
        (&requests[1].body, &requests[2].body),
        (&requests[2].body, &requests[3].body)
    );
    assert_eq!(receivers.mail.mails().len(), 2);
    let first = requests[2]
        .arrived
        .duration_since(requests[1].arrived)
        .as_secs_f64();
    let second = requests[3]
        .arrived
        .duration_since(requests[2].arrived)
        .as_secs_f64();
    assert!((3.9..30.0).contains(&first), "about 5 s, not {first}");
    assert!(
        (0.9..30.0).contains(&second),
        "Retry-After said 1 s, not {second}"
    );
}

#[test]
fn one_refused_address_is_a_dead_letter_and_the_other_gets_its_mail() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("ALERT_EMAIL_TO", "gone@shop.example, Sales <sales@shop.example>");
    receivers.mail.next(Step::Rcpt, Fault::Code(550));
    let mut daemon = home.start();
    receivers.wait_for(1);
    daemon.wait_for_empty_outbox();
    let listed = daemon.json("/api/v1/deliveries");
    let dead: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["state"] == "dead")
        .cloned()
        .collect();
    assert_eq!(dead.len(), 1, "{listed}");
    assert_eq!(dead[0]["recipient"], "gone@shop.example");
    assert!(
        dead[0]["last_error"].as_str().unwrap().contains("550"),
        "{}",
        dead[0]
    );
    assert_eq!(
        daemon.metric("whmcs_stock_outbox_messages{channel=\"email\",state=\"dead\"}"),
        Some(1.0)
    );
    daemon.stop();
    let mails = receivers.mail.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["sales@shop.example"]);
}

#[test]
fn what_waits_for_a_channel_that_a_reload_removes_becomes_a_dead_letter() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    receivers.hook.always(Reply::Status(500));
    shop.stock(1, 4);
    eventually("the webhook failed", || {
        (receivers.hook.requests().len() == 2).then_some(())
    });
    home.unset("WEBHOOK_URL");
    home.unset("WEBHOOK_SECRET");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("The new configuration is in force.");
    daemon.wait_for_empty_outbox();
    assert_eq!(
        daemon.metric("whmcs_stock_outbox_messages{channel=\"webhook\",state=\"dead\"}"),
        Some(1.0)
    );
    shop.stock(1, 0);
    eventually("mail goes on", || {
        (receivers.mail.mails().len() == 3).then_some(())
    });
    daemon.stop();
    assert_eq!(receivers.hook.requests().len(), 2);
}

#[test]
fn a_receiver_that_is_gone_is_left_alone_until_the_next_start() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    receivers.hook.always(Reply::Status(410));
    let mut daemon = home.start();
    receivers.wait_for(1);
    shop.stock(1, 4);
    eventually("the mail", || (receivers.mail.mails().len() == 2).then_some(()));
    daemon.wait_for_polls("default", 3);
    daemon.stop();
    assert_eq!(receivers.hook.requests().len(), 1);
    receivers.hook.always(Reply::Status(204));
    let mut daemon = home.start();
    eventually("what waited", || {
        (receivers.hook.requests().len() == 2).then_some(())
    });
    daemon.wait_for_empty_outbox();
    daemon.stop();
    assert_eq!(
        receivers.said(),
        ["stock.baseline", "stock.alerts: 1 first low 4"]
    );
    let alert = &receivers.payloads()[1]["data"]["alerts"][0];
    assert_eq!(
        (&alert["level"], &alert["instance"]),
        (&json!(4), &json!("default"))
    );
}
