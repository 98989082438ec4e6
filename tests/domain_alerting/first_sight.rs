//! First sight, restarts, and what happens to products: new, gone, returned, renamed, control switched.

use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::alerts;
use crate::shop::channel;
use crate::shop::heard;
use crate::shop::minutes;
use crate::shop::option;
use crate::shop::plain_rules;

const NOTHING: [&str; 0] = [];

/// A shop with our companion: details for each product, in stock control.
fn with_companion(rules: Rules, stock: &[(i64, i64)]) -> Shop {
    let mut shop = Shop::new(rules);
    shop.companion = Companion::Contract1;
    for (id, level) in stock {
        shop.stock(*id, *level);
        shop.edit(*id, |item| {
            item.detailed = true;
            item.controlled = Some(true);
        });
    }
    shop.look();
    shop
}

#[test]
fn five_hundred_products_with_forty_out_are_one_message_a_channel() {
    let mut rules = plain_rules();
    rules.channels.push(channel("chat", &[]));
    let mut shop = Shop::new(rules);
    for id in 1..=500 {
        shop.stock(id, if id <= 40 { -1 } else { 20 });
    }
    let decision = shop.look();
    assert_eq!(decision.messages.len(), 2);
    for name in ["mail", "chat"] {
        assert_eq!(
            heard(&decision, name),
            ["baseline 500: 40 out, 0 critical, 0 low, 460 ok, 0 unknown, 0 not controlled"]
        );
    }
    let Body::Baseline { open, .. } = &decision.messages[0].body else {
        panic!("a baseline")
    };
    assert_eq!((open.alerts.len(), open.total), (20, 40));
    assert!(
        decision
            .events
            .iter()
            .any(|event| event.kind == EventKind::Baseline)
    );
}

#[test]
fn what_is_open_at_first_sight_counts_as_told() {
    let mut shop = Shop::open(plain_rules(), &[(1, 4), (2, 20)]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.shows(1, 0), ["1 worse out"]);
    assert_eq!(shop.shows(1, 20), ["1 recovered ok"]);
}

#[test]
fn first_run_alert_says_each_product_too() {
    let mut rules = plain_rules();
    rules.first_run_alerts = true;
    let mut shop = Shop::new(rules);
    for (id, level) in [(1, -2), (2, 20), (3, 3)] {
        shop.stock(id, level);
    }
    assert_eq!(
        heard(&shop.look(), "mail"),
        [
            "baseline 3: 1 out, 0 critical, 1 low, 1 ok, 0 unknown, 0 not controlled",
            "1 first out",
            "3 first low",
        ]
    );
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn a_level_unknown_at_first_sight_speaks_when_it_is_known() {
    let mut shop = Shop::new(plain_rules());
    shop.stock(1, 20);
    shop.edit(2, |item| item.quantity = Figure::Unreadable);
    assert_eq!(
        heard(&shop.look(), "mail"),
        ["baseline 2: 0 out, 0 critical, 0 low, 1 ok, 1 unknown, 0 not controlled"]
    );
    assert_eq!(shop.shows(2, 3), ["2 first low"]);
}

#[test]
fn after_a_restart_what_changed_is_announced_and_what_did_not_is_not() {
    let mut shop = Shop::open(plain_rules(), &[(1, 0), (2, 20), (3, 4), (4, 20), (5, 4)]);
    shop.shows(4, 3);
    shop.restart();
    assert_eq!(shop.later(minutes(600)), NOTHING);
    shop.restart();
    shop.stock(2, 1);
    shop.stock(5, 20);
    assert_eq!(shop.later(minutes(600)), ["2 first critical", "5 recovered ok"]);
}

#[test]
fn timers_go_on_over_a_restart() {
    let rule = Rule {
        confirm: Some(minutes(5)),
        ..Rule::default()
    };
    let rules = Rules::new(5, 1, vec![rule], vec![channel("mail", &[])]);
    let mut shop = Shop::open(rules, &[(1, 20), (2, 20)]);
    shop.shows(1, 4);
    shop.restart();
    assert_eq!(shop.later(minutes(4)), NOTHING);
    assert_eq!(shop.later(minutes(1)), ["1 first low"]);
}

#[test]
fn a_product_that_appears_later_is_one_event_and_no_alert() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    assert_eq!(shop.shows(3, -1), ["3 new: -1 out"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.shows(3, 20), ["3 recovered ok"]);
    assert_eq!(shop.shows(3, 4), ["3 first low"]);
}

#[test]
fn a_product_is_gone_after_three_catalogues_without_it() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20), (3, 20)]);
    shop.shows(3, 4);
    shop.remove(3);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["3 withdrawn ok", "3 gone: gone"]);
    assert_eq!(alerts(&decision, "mail")[0].previous_severity, Severity::Low);
    assert!(shop.tracked(3).gone);
    assert_eq!(shop.tracked(3).series.last_level, Some(4), "its history is kept");
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn a_product_that_is_away_for_two_catalogues_was_never_away() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20), (3, 4)]);
    for _ in 0..3 {
        shop.remove(3);
        assert_eq!(shop.later(minutes(1)), NOTHING);
        assert_eq!(shop.later(minutes(1)), NOTHING);
        assert_eq!(shop.shows(3, 4), NOTHING);
    }
}

#[test]
fn failed_polls_do_not_make_a_product_gone() {
    use whmcs_stock_monitor::domain::source::Cause;
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20), (3, 4)]);
    shop.remove(3);
    for _ in 0..2 {
        assert_eq!(shop.later(minutes(1)), NOTHING);
        shop.fails(minutes(1), Cause::Timeout);
    }
    assert!(!shop.tracked(3).gone);
}

#[test]
fn a_product_that_comes_back_says_so_without_an_alert() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20), (3, 20)]);
    shop.remove(3);
    for _ in 0..3 {
        shop.later(minutes(1));
    }
    let number = shop.tracked(3).series.number;
    assert_eq!(shop.shows(3, 3), ["3 returned: 3 low"]);
    assert_eq!(shop.tracked(3).series.number, number);
    assert!(shop.tracked(3).series.born_open);
    assert_eq!(shop.shows(3, 20), ["3 recovered ok"]);
}

#[test]
fn an_id_that_is_used_again_under_another_name_is_no_restock() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20), (3, 3)]);
    shop.remove(3);
    for _ in 0..3 {
        shop.later(minutes(1));
    }
    shop.edit(3, |item| item.name = "Another".to_owned());
    assert_eq!(shop.shows(3, 30), ["3 returned: 30 ok"]);
}

#[test]
fn a_rename_or_a_move_is_an_event_only_and_rules_are_matched_anew() {
    let vps = Rule {
        products: vec![Pattern::text("vps *")],
        low: Some(10),
        ..Rule::default()
    };
    let mut shop = Shop::open(
        Rules::new(5, 1, vec![vps], vec![channel("mail", &[])]),
        &[(1, 8), (2, 20)],
    );
    shop.edit(1, |item| item.name = "VPS 1".to_owned());
    assert_eq!(
        shop.later(minutes(1)),
        ["1 rule_changed low", "1 renamed: 8 low, was Product 001"]
    );
    shop.edit(2, |item| item.group = Some((3, "Dedicated".to_owned())));
    assert_eq!(
        shop.later(minutes(1)),
        NOTHING,
        "a group that was never known before is no move"
    );
    shop.edit(2, |item| item.group = Some((4, "Virtual".to_owned())));
    assert_eq!(shop.later(minutes(1)), ["2 renamed: 20 ok, was group 3"]);
    shop.edit(2, |item| item.name = "Product&nbsp;002".to_owned());
    assert_eq!(
        shop.later(minutes(1)),
        NOTHING,
        "another spelling of the same name"
    );
}

#[test]
fn the_last_known_name_of_a_group_is_kept() {
    let rule = Rule {
        groups: vec![Pattern::text("Dedicated*")],
        low: Some(10),
        ..Rule::default()
    };
    let rules = Rules::new(5, 1, vec![rule], vec![channel("mail", &[])]);
    let mut shop = with_companion(rules, &[(1, 20), (2, 20)]);
    shop.edit(1, |item| item.group = Some((3, "Dedicated".to_owned())));
    shop.later(minutes(1));
    shop.edit(1, |item| {
        item.detailed = false;
        item.group = Some((3, String::new()));
    });
    assert_eq!(
        shop.shows(1, 8),
        ["1 first low"],
        "the rule of the group still holds"
    );
    let group = shop.tracked(1).group.clone().expect("the last known group");
    assert_eq!(group.shown(), "Dedicated");
}

#[test]
fn stock_control_switched_off_takes_open_alerts_back() {
    let mut shop = with_companion(plain_rules(), &[(1, 20), (2, 20)]);
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
    shop.edit(1, |item| item.controlled = Some(false));
    assert_eq!(
        shop.later(minutes(1)),
        ["1 withdrawn ok", "1 control_off: not_controlled"]
    );
    assert_eq!(shop.tracked(1).series.level, Level::NotControlled);
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn the_first_reading_after_control_was_switched_on_is_silent() {
    let mut shop = with_companion(plain_rules(), &[(1, 20), (2, 20)]);
    shop.edit(1, |item| item.controlled = Some(false));
    shop.later(minutes(1));
    shop.edit(1, |item| item.controlled = Some(true));
    assert_eq!(shop.shows(1, 0), ["1 control_on: 0 out"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.shows(1, 20), ["1 recovered ok"]);
}

#[test]
fn control_switched_on_without_a_figure_waits_for_the_first_reading() {
    let mut shop = with_companion(plain_rules(), &[(1, 20), (2, 20)]);
    shop.edit(1, |item| item.controlled = Some(false));
    shop.later(minutes(1));
    shop.edit(1, |item| {
        item.controlled = Some(true);
        item.quantity = Figure::Unreadable;
    });
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.shows(1, 0), ["1 control_on: 0 out"]);
}

#[test]
fn a_retired_product_never_alerts_and_its_open_alerts_are_taken_back() {
    let mut shop = with_companion(plain_rules(), &[(1, 20), (2, 20)]);
    shop.shows(1, 4);
    shop.edit(1, |item| item.retired = Some(true));
    assert_eq!(shop.later(minutes(1)), ["1 withdrawn ok"]);
    assert_eq!(shop.shows(1, 0), NOTHING);
    shop.edit(1, |item| item.retired = Some(false));
    assert_eq!(shop.later(minutes(1)), ["1 first out"], "what differs is told");
}

#[test]
fn retired_products_do_not_count_in_the_baseline() {
    let mut shop = Shop::new(plain_rules());
    shop.stock(1, 20);
    for id in [2, 3] {
        shop.stock(id, 0);
        shop.edit(id, |item| {
            item.detailed = true;
            item.controlled = Some(true);
            item.retired = Some(id == 3);
        });
    }
    assert_eq!(
        heard(&shop.look(), "mail"),
        ["baseline 2: 1 out, 0 critical, 0 low, 1 ok, 0 unknown, 0 not controlled"]
    );
}

#[test]
fn a_hidden_product_alerts_unless_the_rule_says_ignore() {
    let rule = Rule {
        products: vec![Pattern::Id(2)],
        ignore_hidden: Some(true),
        ..Rule::default()
    };
    let rules = Rules::new(5, 1, vec![rule], vec![channel("mail", &[])]);
    let mut shop = with_companion(rules, &[(1, 20), (2, 20)]);
    for id in [1, 2] {
        shop.edit(id, |item| item.hidden = Some(true));
    }
    shop.stock(1, 4);
    assert_eq!(shop.shows(2, 4), ["1 first low"]);
}

#[test]
fn an_option_that_is_added_is_one_event() {
    let mut shop = with_companion(plain_rules(), &[(1, 20), (2, 20)]);
    shop.edit(1, |item| item.options = vec![option(4, "RAM", &[(11, None)])]);
    assert_eq!(
        shop.later(minutes(1)),
        NOTHING,
        "options that were not listed before"
    );
    shop.edit(1, |item| item.options.push(option(5, "Disk", &[(20, None)])));
    assert_eq!(shop.later(minutes(1)), ["1 options_changed: 20 ok"]);
    shop.edit(1, |item| {
        item.options[1] = option(5, "Disk", &[(20, None), (21, None)])
    });
    assert_eq!(
        shop.later(minutes(1)),
        NOTHING,
        "another choice changes no key that was there"
    );
}

#[test]
fn without_the_companion_a_fall_to_zero_is_marked_as_ambiguous() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    shop.stock(1, 0);
    shop.wait(minutes(1));
    assert!(alerts(&shop.look(), "mail")[0].ambiguous_zero);
    let mut shop = with_companion(plain_rules(), &[(1, 20), (2, 20)]);
    shop.stock(1, 0);
    shop.wait(minutes(1));
    assert!(!alerts(&shop.look(), "mail")[0].ambiguous_zero);
}

#[test]
fn a_zero_that_was_never_anything_else_is_unknown_until_it_is_settled() {
    let mut shop = Shop::open(plain_rules(), &[(1, 0), (2, 20)]);
    let tracked = shop.tracked(1);
    assert_eq!(tracked.series.level, Level::Unknown);
    assert!(tracked.ambiguous_zero);
    assert_eq!(shop.shows(1, 8), NOTHING);
    assert_eq!(
        shop.shows(1, 0),
        ["1 first out"],
        "something other than 0 was seen before"
    );
    let declared = Rule {
        products: vec![Pattern::Id(3)],
        stock_control: Some(whmcs_stock_monitor::domain::alerting::rules::StockControl::On),
        ..Rule::default()
    };
    let rules = Rules::new(5, 1, vec![declared], vec![channel("mail", &[])]);
    let shop = Shop::open(rules, &[(3, 0)]);
    assert_eq!(shop.tracked(3).series.level, Level::Known(0));
}
