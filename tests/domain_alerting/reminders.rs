//! Reminders: what is still open, once a day a channel, or as a rule says.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;
use whmcs_stock_monitor::domain::alerting::remind::Reminded;
use whmcs_stock_monitor::domain::alerting::remind::Reminders;
use whmcs_stock_monitor::domain::alerting::remind::Shop as RemindedShop;
use whmcs_stock_monitor::domain::alerting::remind::remind;
use whmcs_stock_monitor::domain::alerting::rules::Repeat;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::message::Status;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::channel;
use crate::shop::minutes;
use crate::shop::option;
use crate::shop::plain_rules;
use crate::shop::said;

const NOTHING: [&str; 0] = [];
const DAY: u64 = 24 * 60;

/// Moves the shop's clock to nine of the next day.
fn nine(shop: &mut Shop) -> Timestamp {
    let day = shop.now.as_second().div_euclid(86_400) + 1;
    shop.now = Timestamp::from_second(day * 86_400 + 9 * 3600).expect("in range");
    shop.now
}

/// Reminds now; the daily slot is due for every channel where `slot` is given.
fn reminded(shop: &mut Shop, slot: Option<Timestamp>) -> Reminders {
    let mut ids = 1u128 << 100;
    let mut new_id = || {
        ids += 1;
        Uuid::from_u128(ids)
    };
    let slots = vec![slot; shop.rules.channels.len()];
    let shops = [RemindedShop {
        instance: "default",
        memory: &shop.memory,
        people: &shop.people,
    }];
    let reminders = remind(&shop.rules, &shops, None, &slots, shop.now, &mut new_id);
    assert_eq!(reminders.shops.len(), 1);
    let before = shop.memory.clone();
    if let Some(Reminded { memory, changes, .. }) = &reminders.shops[0] {
        for (old, new) in before.products.iter().zip(&memory.products) {
            let changed = changes.iter().any(|change| change.after.id == new.id);
            assert_eq!(!changed, Arc::ptr_eq(old, new), "changes list what differs");
        }
        shop.memory = memory.clone();
    }
    reminders
}

/// What "mail" is reminded of at nine of the next day.
fn at_nine(shop: &mut Shop) -> Vec<String> {
    let slot = nine(shop);
    said(&reminded(shop, Some(slot)).messages, "mail")
}

#[test]
fn critical_and_out_are_said_again_once_a_day_and_low_is_not() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20), (3, 20), (4, 20)]);
    for (id, level) in [(1, 4), (2, 1), (3, 0)] {
        shop.shows(id, level);
    }
    assert_eq!(at_nine(&mut shop), ["3 reminder out", "2 reminder critical"]);
    let slot = shop.now;
    shop.wait(minutes(1));
    assert_eq!(
        said(&reminded(&mut shop, Some(slot)).messages, "mail"),
        NOTHING,
        "once"
    );
    assert_eq!(at_nine(&mut shop), ["3 reminder out", "2 reminder critical"]);
}

#[test]
fn a_reminder_is_firing_and_carries_where_it_stands() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    shop.shows(1, 0);
    let began = shop.now;
    let slot = nine(&mut shop);
    let reminders = reminded(&mut shop, Some(slot));
    let Body::Alerts { alerts, open } = &reminders.messages[0].body else {
        panic!("alerts")
    };
    assert_eq!(open.total, 0);
    let alert = &alerts[0];
    assert_eq!((alert.reason, alert.status), (Reason::Reminder, Status::Firing));
    assert_eq!(
        (alert.severity, alert.previous_severity),
        (Severity::Out, Severity::Out)
    );
    assert_eq!((alert.level, alert.started_at), (Some(0), Some(began)));
}

#[test]
fn what_was_told_after_the_slot_is_not_said_again_the_same_day() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    let slot = nine(&mut shop);
    shop.shows(1, 0);
    assert_eq!(said(&reminded(&mut shop, Some(slot)).messages, "mail"), NOTHING);
}

#[test]
fn nothing_is_said_before_the_slot() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    shop.shows(1, 0);
    shop.wait(minutes(3 * DAY));
    assert_eq!(said(&reminded(&mut shop, None).messages, "mail"), NOTHING);
}

#[test]
fn what_recovered_is_not_reminded_of() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    shop.shows(1, 0);
    shop.shows(1, 20);
    assert_eq!(at_nine(&mut shop), NOTHING);
}

#[test]
fn what_was_open_at_first_sight_is_reminded_of_but_a_product_born_open_is_not() {
    let mut shop = Shop::open(plain_rules(), &[(1, -1), (2, 20)]);
    assert_eq!(shop.shows(3, -1), ["3 new: -1 out"]);
    assert_eq!(at_nine(&mut shop), ["1 reminder out"]);
    shop.shows(3, 4);
    shop.shows(3, -1);
    assert_eq!(at_nine(&mut shop), ["1 reminder out"], "never above low yet");
    shop.shows(3, 6);
    shop.shows(3, -1);
    assert_eq!(at_nine(&mut shop), ["1 reminder out", "3 reminder out"]);
}

#[test]
fn a_rule_says_how_often_and_then_of_any_severity() {
    let repeating = |id: i64, repeat: Repeat| Rule {
        products: vec![Pattern::Id(id)],
        repeat: Some(repeat),
        ..Rule::default()
    };
    let rules = vec![
        repeating(1, Repeat::Never),
        repeating(2, Repeat::Every(minutes(DAY))),
        repeating(3, Repeat::Every(minutes(2 * DAY))),
        repeating(4, Repeat::Every(minutes(60))),
    ];
    let mut shop = Shop::open(
        Rules::new(5, 1, rules, vec![channel("mail", &[])]),
        &[(1, 20), (2, 20), (3, 20), (4, 20)],
    );
    shop.stock(1, 0);
    for (id, level) in [(2, 4), (3, 3), (4, 2)] {
        shop.stock(id, level);
    }
    shop.later(minutes(1));
    shop.wait(minutes(59));
    assert_eq!(said(&reminded(&mut shop, None).messages, "mail"), NOTHING);
    shop.wait(minutes(1));
    assert_eq!(
        said(&reminded(&mut shop, None).messages, "mail"),
        ["4 reminder low"]
    );
    assert_eq!(at_nine(&mut shop), ["4 reminder low", "2 reminder low"]);
    assert_eq!(
        at_nine(&mut shop),
        ["4 reminder low", "3 reminder low", "2 reminder low"]
    );
    assert_eq!(at_nine(&mut shop), ["4 reminder low", "2 reminder low"]);
}

#[test]
fn a_source_that_is_down_mutes_its_reminders() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    shop.shows(1, 0);
    for _ in 0..4 {
        shop.fails(minutes(6), Cause::Timeout);
    }
    assert_eq!(at_nine(&mut shop), NOTHING);
    shop.later(minutes(1));
    assert_eq!(at_nine(&mut shop), ["1 reminder out"]);
}

#[test]
fn what_is_unknown_gone_or_retired_is_not_reminded_of() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20), (3, 20), (4, 20), (5, 20)]);
    for id in 1..=3 {
        shop.shows(id, 1);
    }
    shop.edit(1, |item| item.quantity = Figure::Unreadable);
    shop.edit(2, |item| {
        item.detailed = true;
        item.retired = Some(true);
    });
    shop.remove(3);
    for _ in 0..3 {
        shop.later(minutes(1));
    }
    assert_eq!(at_nine(&mut shop), NOTHING);
}

#[test]
fn a_channel_is_reminded_only_of_what_it_was_told_and_is_routed_to_it() {
    let mut rules = plain_rules();
    rules.channels.push(channel("pager", &[Severity::Out]));
    let mut shop = Shop::open(rules, &[(1, 20), (2, 20)]);
    shop.shows(1, 1);
    shop.shows(2, 0);
    let slot = nine(&mut shop);
    let messages = reminded(&mut shop, Some(slot)).messages;
    assert_eq!(said(&messages, "mail"), ["2 reminder out", "1 reminder critical"]);
    assert_eq!(said(&messages, "pager"), ["2 reminder out"]);
    let away = Rule {
        channels: Some(vec!["pager".to_owned()]),
        ..Rule::default()
    };
    shop.reload(Rules::new(
        5,
        1,
        vec![away],
        vec![channel("mail", &[]), channel("pager", &[Severity::Out])],
    ));
    shop.later(minutes(1));
    let slot = nine(&mut shop);
    let messages = reminded(&mut shop, Some(slot)).messages;
    assert_eq!(said(&messages, "mail"), NOTHING);
    assert_eq!(said(&messages, "pager"), ["2 reminder out"]);
}

#[test]
fn a_reminder_between_a_reload_and_the_next_look_harms_nothing() {
    let mut rules = plain_rules();
    rules.channels.push(channel("pager", &[]));
    let mut shop = Shop::open(rules, &[(1, 20), (2, 20)]);
    shop.shows(1, 0);
    let only = Rules::new(5, 1, vec![], vec![channel("pager", &[])]);
    shop.reload(only);
    let slot = nine(&mut shop);
    let messages = reminded(&mut shop, Some(slot)).messages;
    assert_eq!(said(&messages, "pager"), ["1 reminder out"]);
    assert_eq!(messages.len(), 1);
}

#[test]
fn a_combination_is_reminded_of_only_while_it_is_below_its_product() {
    let mut shop = Shop::new(plain_rules());
    shop.companion = Companion::Contract1;
    for id in [1, 2] {
        shop.stock(id, 20);
    }
    shop.edit(1, |item| {
        item.detailed = true;
        item.controlled = Some(true);
        item.options = vec![option(4, "RAM", &[(11, Some(0))])];
    });
    shop.look();
    assert_eq!(at_nine(&mut shop), ["1/4=11 reminder out"]);
    shop.shows(1, 0);
    assert_eq!(at_nine(&mut shop), ["1 reminder out"]);
}

#[test]
fn the_reminders_of_several_shops_are_one_message() {
    let mut one = Shop::open(plain_rules(), &[(1, 20)]);
    let mut other = Shop::open(plain_rules(), &[(2, 20)]);
    one.shows(1, 1);
    other.shows(2, 0);
    let slot = nine(&mut one);
    let shops = [
        RemindedShop {
            instance: "default",
            memory: &one.memory,
            people: &one.people,
        },
        RemindedShop {
            instance: "eu",
            memory: &other.memory,
            people: &other.people,
        },
    ];
    let reminders = remind(&one.rules, &shops, None, &[Some(slot)], slot, &mut || {
        Uuid::from_u128(1)
    });
    assert_eq!(reminders.messages.len(), 1);
    assert_eq!(reminders.messages[0].instance, None);
    assert_eq!(
        said(&reminders.messages, "mail"),
        ["2 reminder out", "1 reminder critical"]
    );
    assert!(reminders.shops.iter().all(Option::is_some));
}

#[test]
fn more_than_a_hundred_reminders_go_in_further_messages() {
    let stock: Vec<(i64, i64)> = (1..=230).map(|id| (id, -1)).collect();
    let mut shop = Shop::open(plain_rules(), &stock);
    let slot = nine(&mut shop);
    let messages = reminded(&mut shop, Some(slot)).messages;
    let sizes: Vec<usize> = messages
        .iter()
        .map(|message| said(std::slice::from_ref(message), "mail").len())
        .collect();
    assert_eq!(sizes, [100, 100, 30]);
}

#[test]
fn the_example_of_the_documentation_is_true() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    let at = |shop: &mut Shop, time: &str, level: Option<i64>| {
        shop.now = format!("2026-11-22T{time}:00Z").parse().expect("a time");
        let figure = level.map_or(Figure::Unreadable, Figure::Number);
        shop.edit(1, |item| item.quantity = figure);
        shop.later(minutes(0))
    };
    for (time, level, said) in [
        ("09:00", Some(20), None),
        ("09:05", Some(4), Some("1 first low")),
        ("09:10", Some(6), None),
        ("09:15", Some(1), Some("1 worse critical")),
        ("09:20", Some(3), None),
        ("09:25", Some(0), Some("1 worse out")),
        ("09:30", None, None),
        ("09:35", Some(3), None),
        ("09:40", Some(3), Some("1 better low")),
        ("10:00", Some(0), Some("1 worse out")),
    ] {
        assert_eq!(at(&mut shop, time, level), Vec::from_iter(said), "{time}");
    }
    assert_eq!(at_nine(&mut shop), ["1 reminder out"]);
    // At eleven: fewer than seven flips within a day.
    shop.wait(minutes(119));
    assert_eq!(shop.shows(1, 30), ["1 recovered ok"]);
}
