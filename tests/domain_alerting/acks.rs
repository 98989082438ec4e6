//! Acks: whoever has taken a series on is not reminded; it ends by itself, or is overdue.

use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::people::AckEnd;
use whmcs_stock_monitor::domain::source::Cause;

use crate::people::ack;
use crate::people::in_round;
use crate::people::quiet;
use crate::people::reminded;
use crate::people::restart_from_file;
use crate::people::series;
use crate::shop::Shop;
use crate::shop::alerts;
use crate::shop::channel;
use crate::shop::heard;
use crate::shop::minutes;
use crate::shop::option;
use crate::shop::plain_rules;

const NOTHING: [&str; 0] = [];

/// A shop whose product 1 is out, and told.
fn out() -> Shop {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
    shop
}

fn show(shop: &mut Shop, level: i64) -> Decision {
    shop.stock(1, level);
    shop.wait(minutes(1));
    shop.look()
}

/// How the acks of a decision moved: what arrived, and why it ended.
fn moved(decision: &Decision) -> Vec<(i64, Option<AckEnd>)> {
    let steps = decision.acks.iter();
    steps.map(|step| (step.ack.arrived, step.ended)).collect()
}

#[test]
fn what_somebody_has_taken_on_is_not_reminded_of_until_it_ends() {
    let mut shop = out();
    let number = series(&shop, 1);
    ack(&mut shop, number, None, None);
    shop.wait(minutes(24 * 60));
    assert_eq!(reminded(&mut shop, "mail"), NOTHING);
    restart_from_file(&mut shop);
    assert_eq!(heard(&shop.look(), "mail"), NOTHING);
    assert_eq!(reminded(&mut shop, "mail"), NOTHING);
    shop.people.acks.clear();
    shop.wait(minutes(1));
    assert_eq!(reminded(&mut shop, "mail"), ["1 reminder out"]);
}

#[test]
fn worse_and_recovered_are_told_all_the_same_and_say_who_has_taken_it_on() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    shop.shows(1, 4);
    let number = series(&shop, 1);
    ack(&mut shop, number, Some(20), None);
    for (level, line) in [(0, "1 worse out"), (40, "1 recovered ok")] {
        let decision = show(&mut shop, level);
        assert_eq!(heard(&decision, "mail"), [line]);
        let ack = alerts(&decision, "mail").remove(0).ack.expect("taken on");
        assert_eq!((&*ack.by, &*ack.note, ack.quantity), ("ops", "PO 881", Some(20)));
        assert_eq!(ack.arrived, level, "what came since");
    }
    assert!(shop.people.acks.is_empty(), "it ended with the recovery");
}

#[test]
fn it_ends_once_as_many_came_as_were_ordered_in_any_number_of_rises() {
    let mut shop = out();
    let number = series(&shop, 1);
    ack(&mut shop, number, Some(5), None);
    assert_eq!(moved(&show(&mut shop, 3)), [(3, None)]);
    assert_eq!(moved(&show(&mut shop, 1)), []);
    assert_eq!(moved(&show(&mut shop, 2)), [(4, None)]);
    assert_eq!(moved(&show(&mut shop, 3)), [(5, Some(AckEnd::Arrived))]);
    assert!(shop.people.acks.is_empty());
}

#[test]
fn one_made_while_the_series_was_well_ends_at_the_first_rise() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    let number = series(&shop, 1);
    ack(&mut shop, number, None, None);
    assert_eq!(moved(&show(&mut shop, 0)), [], "a fall is none");
    let rise = show(&mut shop, 2);
    assert_eq!(moved(&rise), [(2, Some(AckEnd::Arrived))]);
    // Made while it was out: it ends with the recovery.
    show(&mut shop, 0);
    ack(&mut shop, number, None, None);
    assert_eq!(moved(&show(&mut shop, 2)), [(2, None)]);
    assert_eq!(moved(&show(&mut shop, 9)), [(9, Some(AckEnd::Recovered))]);
}

#[test]
fn it_is_withdrawn_with_its_product() {
    let mut shop = out();
    let number = series(&shop, 1);
    ack(&mut shop, number, Some(5), None);
    shop.remove(1);
    for expected in [vec![], vec![], vec![(0, Some(AckEnd::Withdrawn))], vec![]] {
        shop.wait(minutes(1));
        assert_eq!(moved(&shop.look()), expected);
    }
}

#[test]
fn an_ack_of_what_is_no_longer_counted_is_withdrawn() {
    let mut shop = out();
    let number = series(&shop, 1);
    ack(&mut shop, number, None, None);
    shop.edit(1, |item| {
        item.detailed = true;
        item.controlled = Some(false);
    });
    shop.wait(minutes(1));
    assert_eq!(moved(&shop.look()), [(0, Some(AckEnd::Withdrawn))]);
}

#[test]
fn when_its_time_has_passed_that_is_told_once_and_reminders_come_again() {
    let mut shop = out();
    let number = series(&shop, 1);
    ack(&mut shop, number, Some(5), Some(60));
    assert_eq!(in_round(&mut shop, 59, "mail"), NOTHING);
    assert_eq!(in_round(&mut shop, 1, "mail"), ["1 overdue out"]);
    assert!(shop.people.acks[0].overdue_at.is_some());
    assert_eq!(in_round(&mut shop, 1, "mail"), NOTHING, "once");
    restart_from_file(&mut shop);
    assert_eq!(heard(&shop.look(), "mail"), NOTHING, "once, also over a restart");
    shop.wait(minutes(24 * 60));
    assert_eq!(reminded(&mut shop, "mail"), ["1 reminder out"]);
    let decision = show(&mut shop, 3);
    assert!(alerts(&decision, "mail").is_empty(), "better waits");
    assert_eq!(shop.people.acks[0].arrived, 3, "it is still in force");
}

#[test]
fn a_look_finds_it_overdue_as_well_as_a_round() {
    let mut shop = out();
    let number = series(&shop, 1);
    ack(&mut shop, number, None, Some(60));
    assert_eq!(shop.later(minutes(60)), ["1 overdue out"]);
    assert_eq!(in_round(&mut shop, 0, "mail"), NOTHING);
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn while_the_level_is_unknown_or_the_shop_is_down_overdue_waits() {
    let mut shop = out();
    let number = series(&shop, 1);
    ack(&mut shop, number, None, Some(60));
    shop.edit(1, |item| item.quantity = Figure::Unreadable);
    shop.wait(minutes(30));
    shop.look();
    assert_eq!(in_round(&mut shop, 60, "mail"), NOTHING);
    assert_eq!(shop.people.acks[0].overdue_at, None);
    for wait in [1, 8, 8] {
        shop.fails(minutes(wait), Cause::Timeout);
    }
    assert!(shop.memory.source.down.is_some());
    assert_eq!(in_round(&mut shop, 60, "mail"), NOTHING);
    shop.stock(1, 0);
    shop.wait(minutes(1));
    let told = heard(&shop.look(), "mail");
    assert_eq!(told.last().map(String::as_str), Some("1 overdue out"));
}

#[test]
fn of_a_series_that_is_well_nobody_is_told_that_its_ack_is_overdue() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    let number = series(&shop, 1);
    ack(&mut shop, number, Some(5), Some(60));
    assert_eq!(shop.later(minutes(60)), NOTHING);
    assert!(shop.people.acks[0].overdue_at.is_some(), "it shows all the same");
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
}

#[test]
fn an_alert_that_is_told_at_that_moment_says_it_as_well() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    shop.shows(1, 4);
    let number = series(&shop, 1);
    ack(&mut shop, number, None, Some(1));
    let decision = show(&mut shop, 0);
    assert_eq!(heard(&decision, "mail"), ["1 worse out"]);
    let ack = alerts(&decision, "mail").remove(0).ack.expect("taken on");
    assert!(ack.overdue);
    assert_eq!(shop.later(minutes(1)), NOTHING, "not a second time");
}

#[test]
fn that_an_ack_is_overdue_is_not_said_any_more_where_another_one_took_its_place() {
    let quiet = ChannelPolicy {
        quiet: Some(quiet("22:00", "06:00", "UTC", false)),
        ..channel("sales", &[])
    };
    let mut shop = Shop::open(Rules::new(5, 1, Vec::new(), vec![quiet]), &[(1, 20)]);
    shop.stock(1, 0);
    assert_eq!(heard(&shop.look(), "sales"), ["1 first out"]);
    let number = series(&shop, 1);
    shop.now = "2026-11-21T22:00:00Z".parse().expect("a time");
    ack(&mut shop, number, None, Some(60));
    assert_eq!(in_round(&mut shop, 60, "sales"), NOTHING, "it waits");
    assert!(shop.people.acks[0].overdue_at.is_some());
    ack(&mut shop, number, None, Some(8 * 60));
    assert_eq!(in_round(&mut shop, 7 * 60, "sales"), NOTHING, "it was replaced");
    assert!(!shop.tracked(1).series.told[0].overdue);
    assert_eq!(
        in_round(&mut shop, 60, "sales"),
        ["1 overdue out"],
        "the new one, in its time"
    );
    assert_eq!(in_round(&mut shop, 1, "sales"), NOTHING);
}

#[test]
fn a_combination_is_taken_on_by_itself() {
    let mut shop = Shop::new(plain_rules());
    shop.stock(1, 20);
    let dimms = |stock| vec![option(4, "RAM", &[(11, Some(stock)), (12, Some(9))])];
    shop.edit(1, |item| {
        item.detailed = true;
        item.options = dimms(9);
    });
    shop.look();
    shop.edit(1, |item| item.options = dimms(0));
    assert_eq!(shop.later(minutes(1)), ["1/4=11 first out"]);
    let number = shop.tracked(1).combinations[0].series.number;
    ack(&mut shop, number, Some(4), Some(60));
    shop.wait(minutes(30));
    assert_eq!(reminded(&mut shop, "mail"), NOTHING);
    assert_eq!(in_round(&mut shop, 30, "mail"), ["1/4=11 overdue out"]);
    shop.edit(1, |item| item.options = dimms(2));
    shop.wait(minutes(1));
    assert_eq!(moved(&shop.look()), [(2, None)]);
    shop.edit(1, |item| item.options = vec![option(4, "RAM", &[(12, Some(9))])]);
    shop.wait(minutes(1));
    assert_eq!(moved(&shop.look()), [(2, Some(AckEnd::Withdrawn))]);
}
