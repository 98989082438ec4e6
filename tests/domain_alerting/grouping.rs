//! Grouping: one message a channel and poll, at most a hundred alerts in each, worst first, what is open apart.

use whmcs_stock_monitor::domain::message::Alert;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::message::Open;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::minutes;
use crate::shop::plain_rules;

/// A shop of products with 20 of each, and of others with one left, which are open from the start.
fn shop_of(products: i64, open: i64) -> Shop {
    let plenty = (1..=products).map(|id| (id, 20));
    let few = (products + 1..=products + open).map(|id| (id, 1));
    Shop::open(plain_rules(), &plenty.chain(few).collect::<Vec<_>>())
}

fn bodies(messages: &[Message]) -> Vec<(&[Alert], &Open)> {
    let mut found = Vec::new();
    for message in messages {
        if let Body::Alerts { alerts, open } = &message.body {
            found.push((alerts.as_slice(), open));
        }
    }
    found
}

#[test]
fn the_alerts_of_one_poll_are_one_message_worst_first() {
    let mut shop = shop_of(20, 0);
    for (id, level) in [(3, 4), (5, 1), (9, 0), (7, -5), (2, 2)] {
        shop.stock(id, level);
    }
    shop.wait(minutes(1));
    let decision = shop.look();
    let bodies = bodies(&decision.messages);
    assert_eq!(bodies.len(), 1);
    let order: Vec<(i64, Severity)> = bodies[0]
        .0
        .iter()
        .map(|a| (a.product_id().unwrap_or(0), a.severity))
        .collect();
    assert_eq!(
        order,
        [
            (7, Severity::Out),
            (9, Severity::Out),
            (5, Severity::Critical),
            (2, Severity::Low),
            (3, Severity::Low)
        ]
    );
}

#[test]
fn more_than_a_hundred_alerts_go_in_further_messages_and_none_is_lost() {
    let mut shop = shop_of(1000, 0);
    for id in 1..=250 {
        shop.stock(id, if id <= 30 { 0 } else { 3 });
    }
    shop.wait(minutes(1));
    let decision = shop.look();
    let bodies = bodies(&decision.messages);
    let sizes: Vec<usize> = bodies.iter().map(|body| body.0.len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    let mut told: Vec<i64> = bodies
        .iter()
        .flat_map(|body| body.0)
        .map(|a| a.product_id().unwrap_or(0))
        .collect();
    assert!(
        told[..30].iter().all(|id| *id <= 30),
        "the worst in the first message"
    );
    told.sort_unstable();
    assert_eq!(told, (1..=250).collect::<Vec<i64>>());
    assert!(
        bodies.iter().all(|body| body.1.total == 0),
        "nothing else is open"
    );
}

#[test]
fn more_than_a_hundred_events_go_in_further_messages_too() {
    let mut shop = shop_of(5, 0);
    for id in 6..=130 {
        shop.stock(id, 20);
    }
    shop.wait(minutes(1));
    let decision = shop.look();
    let sizes: Vec<usize> = decision
        .messages
        .iter()
        .map(|message| match &message.body {
            Body::Products { events } => events.len(),
            Body::Alerts { .. }
            | Body::Baseline { .. }
            | Body::SourceDown { .. }
            | Body::SourceUp { .. }
            | Body::SourceDegraded { .. }
            | Body::SourceRestored { .. }
            | Body::Report(_)
            | Body::ReportOverdue { .. }
            | Body::Ping => 0,
        })
        .collect();
    assert_eq!(sizes, [100, 25]);
}

#[test]
fn what_is_still_open_stands_apart_the_worst_twenty_and_how_many_there_are() {
    let mut shop = shop_of(10, 30);
    shop.stock(40, 0);
    shop.wait(minutes(1));
    shop.look();
    shop.stock(1, 4);
    shop.stock(11, 0);
    shop.wait(minutes(1));
    let decision = shop.look();
    let (alerts, open) = bodies(&decision.messages)[0];
    let announced: Vec<i64> = alerts.iter().map(|a| a.product_id().unwrap_or(0)).collect();
    assert_eq!(announced, [11, 1]);
    assert_eq!((open.alerts.len(), open.total), (20, 29));
    assert_eq!(
        (open.alerts[0].product_id().unwrap_or(0), open.alerts[0].severity),
        (40, Severity::Out)
    );
    assert!(open.alerts.iter().all(|a| a.reason == Reason::Reminder));
    assert!(
        open.alerts
            .iter()
            .all(|a| a.product_id().unwrap_or(0) != 11 && a.product_id().unwrap_or(0) != 1)
    );
}

#[test]
fn what_is_not_open_is_not_listed() {
    let mut shop = shop_of(10, 2);
    shop.stock(11, 20);
    shop.wait(minutes(1));
    let decision = shop.look();
    let (alerts, open) = bodies(&decision.messages)[0];
    assert_eq!(alerts[0].reason, Reason::Recovered);
    assert_eq!((open.alerts.len(), open.total), (1, 1));
    assert_eq!(open.alerts[0].product_id().unwrap_or(0), 12);
}

#[test]
fn an_unchanged_catalogue_leads_to_nothing_and_keeps_what_is_remembered() {
    let mut shop = shop_of(50, 10);
    shop.stock(1, 0);
    shop.wait(minutes(1));
    shop.look();
    let before = shop.memory.clone();
    shop.wait(minutes(60));
    let decision = shop.look();
    assert!(decision.messages.is_empty() && decision.events.is_empty() && decision.changes.is_empty());
    assert_eq!(decision.level_changes, 0);
    assert!(!decision.source_changed);
    for (old, new) in before.products.iter().zip(&decision.next.products) {
        assert!(std::sync::Arc::ptr_eq(old, new));
    }
}

#[test]
fn level_changes_are_counted_whether_or_not_they_alert() {
    let mut shop = shop_of(10, 0);
    shop.stock(1, 19);
    shop.stock(2, 3);
    shop.wait(minutes(1));
    assert_eq!(shop.look().level_changes, 2);
}

#[test]
fn event_keys_stay_unique_over_a_long_run() {
    // The shop itself fails on a key that was there before.
    let mut shop = shop_of(6, 0);
    let mut events = 0;
    for round in 0..400 {
        for id in 1..=3 {
            shop.stock(id, (round * id * 7) % 11 - 1);
        }
        if round % 9 == 0 {
            shop.remove(6);
        } else if round % 9 == 5 {
            shop.edit(6, |item| item.name = format!("Name {round}"));
            shop.stock(6, 20);
        }
        if round % 50 == 0 {
            shop.restart();
        }
        shop.wait(minutes(1));
        events += shop.look().events.len();
    }
    assert!(events > 400, "{events}");
}
