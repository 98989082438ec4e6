//! A look at some products only: what it moves, and all that it leaves alone.

use std::sync::Arc;

use whmcs_stock_monitor::domain::alerting::decide::can_take_part;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::heard;
use crate::shop::minutes;
use crate::shop::plain_rules;

const NOTHING: [&str; 0] = [];

fn shop_of(products: i64) -> Shop {
    let stock: Vec<(i64, i64)> = (1..=products).map(|id| (id, 20)).collect();
    Shop::open(plain_rules(), &stock)
}

#[test]
fn what_was_asked_for_is_judged_and_all_else_stays_as_it_is() {
    let mut shop = shop_of(12);
    let source = shop.memory.source.clone();
    let other = Arc::clone(&shop.memory.products[1]);
    shop.stock(1, 0);
    shop.stock(2, 0);
    shop.wait(minutes(1));
    let decision = shop.look_at(&[1]);
    assert_eq!(heard(&decision, "mail"), ["1 first out"]);
    assert_eq!(shop.severity(1), Severity::Out);
    assert_eq!(shop.tracked(1).series.since, shop.now);
    assert!(
        Arc::ptr_eq(&other, &shop.memory.products[1]),
        "nobody looked at 2"
    );
    assert_eq!(shop.memory.source, source);
    assert!(!decision.source_changed);
    assert_eq!(shop.later(minutes(1)), ["2 first out"], "1 was told");
}

#[test]
fn what_was_not_asked_for_never_goes_missing() {
    let mut shop = shop_of(2);
    for _ in 0..5 {
        shop.wait(minutes(1));
        assert_eq!(heard(&shop.look_at(&[1]), "mail"), NOTHING);
    }
    assert_eq!((shop.tracked(2).missing, shop.tracked(2).gone), (0, false));
    // Asked for, but not in the answer.
    shop.remove(2);
    for _ in 0..5 {
        shop.wait(minutes(1));
        assert_eq!(heard(&shop.look_at(&[2]), "mail"), NOTHING);
    }
    assert_eq!((shop.tracked(2).missing, shop.tracked(2).gone), (0, false));
}

#[test]
fn a_product_first_seen_in_a_part_is_new_and_takes_the_next_number() {
    let mut shop = shop_of(2);
    shop.stock(3, 3);
    shop.wait(minutes(1));
    let decision = shop.look_at(&[3]);
    assert_eq!(heard(&decision, "mail"), ["3 new: 3 low"]);
    assert!(decision.source_changed, "the next number is stored");
    assert_eq!(shop.memory.source.last_accepted_products, 2);
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn a_part_means_nothing_before_the_first_look_and_while_the_shop_cannot_be_read() {
    let mut shop = Shop::new(plain_rules());
    shop.stock(1, 0);
    assert!(!can_take_part(&shop.memory));
    assert!(shop.look_at(&[1]).next.products.is_empty());
    let mut shop = shop_of(2);
    assert!(can_take_part(&shop.memory));
    shop.fails(minutes(1), Cause::Timeout);
    shop.stock(1, 0);
    let decision = shop.look_at(&[1]);
    assert_eq!(decision.outcome, Outcome::Accepted);
    assert!(decision.changes.is_empty() && decision.messages.is_empty());
    assert_eq!(shop.memory.source.failures, 1);
    assert_eq!(shop.later(minutes(1)), ["1 first out"]);
    assert!(can_take_part(&shop.memory));
}

#[test]
fn zeros_all_over_a_part_are_not_believed_and_leave_no_trace() {
    for (asked, zeros, believed) in [(6, 4, true), (5, 5, false), (20, 5, true), (16, 5, false)] {
        let mut shop = shop_of(100);
        for id in 1..=zeros {
            shop.stock(id, 0);
        }
        shop.wait(minutes(1));
        let source = shop.memory.source.clone();
        let ids: Vec<i64> = (1..=asked).collect();
        let decision = shop.look_at(&ids);
        assert_eq!(
            decision.outcome == Outcome::Accepted,
            believed,
            "{zeros} of {asked}"
        );
        assert_eq!(decision.detail.is_empty(), believed, "{}", decision.detail);
        assert_eq!(shop.severity(1) == Severity::Out, believed, "{zeros} of {asked}");
        assert_eq!(shop.memory.source, source);
        assert!(decision.events.is_empty() || believed);
    }
}
