//! Combinations: which are series of their own, and when they speak beside their product.

use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::stand::ProductEventKind;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::alerts;
use crate::shop::channel;
use crate::shop::heard;
use crate::shop::minutes;
use crate::shop::option;
use crate::shop::plain_rules;

const NOTHING: [&str; 0] = [];

/// Product 1 with 20 left and RAM in two sizes (`4=11`, `4=12`), beside a product 2; not looked at yet.
fn unseen(rules: Rules, small: Option<i64>, large: Option<i64>) -> Shop {
    let mut shop = Shop::new(rules);
    shop.companion = Companion::Contract1;
    for id in [1, 2] {
        shop.stock(id, 20);
        shop.edit(id, |item| {
            item.detailed = true;
            item.controlled = Some(true);
        });
    }
    ram(&mut shop, small, large);
    shop
}

fn shop(rules: Rules, small: Option<i64>, large: Option<i64>) -> Shop {
    let mut shop = unseen(rules, small, large);
    shop.look();
    shop
}

fn ram(shop: &mut Shop, small: Option<i64>, large: Option<i64>) {
    shop.edit(1, |item| {
        item.options = vec![option(4, "RAM", &[(11, small), (12, large)])]
    });
}

/// Looks a minute later, after the choices changed.
fn shows(shop: &mut Shop, small: Option<i64>, large: Option<i64>) -> Vec<String> {
    ram(shop, small, large);
    shop.later(minutes(1))
}

#[test]
fn a_combination_without_a_figure_is_no_series() {
    let mut shop = shop(plain_rules(), None, None);
    assert!(shop.tracked(1).combinations.is_empty());
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
}

#[test]
fn a_combination_speaks_when_it_falls_below_its_product() {
    let mut shop = shop(plain_rules(), Some(50), Some(50));
    assert_eq!(shows(&mut shop, Some(50), Some(4)), ["1/4=12 first low"]);
    assert_eq!(shows(&mut shop, Some(50), Some(0)), ["1/4=12 worse out"]);
    ram(&mut shop, Some(50), Some(50));
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["1/4=12 recovered ok"]);
    let alert = alerts(&decision, "mail").remove(0);
    assert_eq!(alert.alert_id, "default/1/4=12");
    let combination = alert.combination.expect("of a combination");
    assert_eq!(combination.label, "RAM: choice 12");
}

#[test]
fn a_product_that_sells_out_speaks_alone() {
    let mut shop = shop(plain_rules(), Some(50), Some(50));
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
    assert_eq!(shop.tracked(1).combinations[0].series.level, Level::Known(0));
    assert_eq!(shop.tracked(1).combinations[0].series.severity, Severity::Out);
    assert_eq!(shop.shows(1, 20), ["1 recovered ok"]);
}

#[test]
fn a_combination_that_was_covered_speaks_once_its_product_leaves_it_behind() {
    let mut shop = shop(plain_rules(), Some(50), Some(3));
    shop.stock(1, 0);
    assert_eq!(shows(&mut shop, Some(50), Some(0)), ["1 first out"]);
    assert_eq!(shop.shows(1, 20), ["1/4=12 worse out", "1 recovered ok"]);
}

#[test]
fn a_combination_that_was_told_hears_its_recovery_even_when_covered() {
    let mut shop = shop(plain_rules(), Some(50), Some(50));
    assert_eq!(shows(&mut shop, Some(50), Some(0)), ["1/4=12 first out"]);
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
    ram(&mut shop, Some(50), Some(50));
    assert_eq!(shop.shows(1, 9), ["1 recovered ok", "1/4=12 recovered ok"]);
}

#[test]
fn combinations_that_their_product_covers_do_not_count_as_told_at_first_sight() {
    let mut shop = unseen(plain_rules(), Some(50), Some(0));
    shop.stock(1, 0);
    shop.look();
    assert_eq!(shop.shows(1, 20), ["1/4=12 first out", "1 recovered ok"]);
}

#[test]
fn combinations_below_their_product_count_as_told_at_first_sight() {
    let mut shop = shop(plain_rules(), Some(50), Some(0));
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shows(&mut shop, Some(50), Some(50)), ["1/4=12 recovered ok"]);
}

#[test]
fn combinations_of_a_new_product_count_as_told_and_are_not_reminded_of() {
    let mut shop = shop(plain_rules(), None, None);
    shop.stock(3, 20);
    shop.edit(3, |item| {
        item.detailed = true;
        item.controlled = Some(true);
        item.options = vec![option(7, "Disk", &[(1, Some(0))])];
    });
    assert_eq!(shop.later(minutes(1)), ["3 new: 20 ok"]);
    let series = &shop.tracked(3).combinations[0].series;
    assert!(series.born_open);
    assert_eq!(series.told("mail"), Severity::Out);
}

#[test]
fn a_figure_that_appears_later_speaks_and_is_recorded() {
    let rule = Rule {
        confirm: Some(minutes(5)),
        ..Rule::default()
    };
    let rules = Rules::new(5, 1, vec![rule], vec![channel("mail", &[])]);
    let mut shop = shop(rules, None, None);
    ram(&mut shop, Some(0), Some(4));
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["1/4=11 first out"]);
    let kind = EventKind::Severity {
        from: Severity::Ok,
        to: Severity::Out,
        reason: whmcs_stock_monitor::domain::message::Reason::First,
    };
    assert!(decision.events.iter().any(|event| event.kind == kind));
    assert_eq!(
        shop.later(minutes(5)),
        ["1/4=12 first low"],
        "low waits for its confirmation"
    );
}

#[test]
fn a_hidden_choice_is_gone_not_zero() {
    let mut shop = shop(plain_rules(), Some(50), Some(50));
    shows(&mut shop, Some(50), Some(3));
    shop.edit(1, |item| item.options[0].choices[1].hidden = true);
    assert_eq!(shop.later(minutes(1)), ["1/4=12 withdrawn ok"]);
    assert!(shop.tracked(1).combinations[1].gone);
    let number = shop.tracked(1).combinations[1].series.number;
    assert_eq!(shows(&mut shop, Some(50), Some(3)), ["1/4=12 first low"]);
    assert_eq!(shop.tracked(1).combinations[1].series.number, number);
}

#[test]
fn an_added_option_withdraws_the_old_combinations_and_says_so_once() {
    let mut shop = shop(plain_rules(), Some(50), Some(3));
    shop.edit(1, |item| {
        item.options.push(option(5, "Disk", &[(20, None), (21, None)]));
    });
    let said = shop.later(minutes(1));
    assert_eq!(
        said,
        [
            "1/4=12;5=20 first low",
            "1/4=12;5=21 first low",
            "1/4=12 withdrawn ok",
            "1 options_changed: 20 ok",
        ]
    );
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn combinations_are_unknown_without_details_and_say_nothing() {
    let mut shop = shop(plain_rules(), Some(50), Some(3));
    shop.edit(1, |item| item.detailed = false);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    let combination = &shop.tracked(1).combinations[1];
    assert_eq!(combination.series.level, Level::Unknown);
    assert_eq!(combination.series.severity, Severity::Low);
    shop.edit(1, |item| item.detailed = true);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shows(&mut shop, Some(50), Some(50)), ["1/4=12 recovered ok"]);
}

#[test]
fn a_gone_product_takes_its_combinations_along() {
    let mut shop = shop(plain_rules(), Some(50), Some(3));
    shop.stock(3, 20);
    shop.later(minutes(1));
    shop.remove(1);
    shop.later(minutes(1));
    shop.later(minutes(1));
    assert_eq!(shop.later(minutes(1)), ["1/4=12 withdrawn ok", "1 gone: gone"]);
    assert!(shop.tracked(1).combinations.iter().all(|c| c.gone));
}

#[test]
fn a_rule_for_combinations_holds_for_them_alone_and_has_its_own_channel() {
    let rule = Rule {
        origin: "rule 1".to_owned(),
        options: vec![(Pattern::text("ram"), Pattern::text("choice 12"))],
        low: Some(15),
        channels: Some(vec!["sales".to_owned()]),
        ..Rule::default()
    };
    let mut sales = channel("sales", &[]);
    sales.default = false;
    let mut shop = unseen(
        Rules::new(5, 1, vec![rule], vec![channel("mail", &[]), sales]),
        Some(16),
        Some(12),
    );
    let first = shop.look();
    assert_eq!(
        heard(&first, "sales").len(),
        1,
        "a baseline for a channel that only combinations use"
    );
    ram(&mut shop, Some(14), Some(1));
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), NOTHING);
    assert_eq!(heard(&decision, "sales"), ["1/4=12 worse critical"]);
}

#[test]
fn past_the_limit_a_product_is_followed_per_choice() {
    let rule = Rule {
        max_combinations: Some(3),
        ..Rule::default()
    };
    let mut shop = unseen(
        Rules::new(5, 1, vec![rule], vec![channel("mail", &[])]),
        Some(9),
        Some(8),
    );
    shop.edit(1, |item| {
        item.options.push(option(5, "Disk", &[(20, Some(7)), (21, None)]));
    });
    shop.look();
    assert!(shop.tracked(1).per_choice);
    let keys: Vec<String> = shop
        .tracked(1)
        .combinations
        .iter()
        .map(|c| c.key.to_string())
        .collect();
    assert_eq!(keys, ["4=11", "4=12", "5=20"]);
}

#[test]
fn a_combination_of_an_uncontrolled_product_speaks_for_itself() {
    let mut shop = unseen(plain_rules(), Some(50), Some(50));
    shop.edit(1, |item| item.controlled = Some(false));
    shop.look();
    assert_eq!(shop.tracked(1).series.level, Level::NotControlled);
    assert_eq!(shows(&mut shop, Some(50), Some(3)), ["1/4=12 first low"]);
    shop.edit(1, |item| item.controlled = Some(true));
    let said = shop.later(minutes(1));
    assert_eq!(said, ["1 control_on: 20 ok"]);
}

#[test]
fn a_zero_of_a_combination_is_never_ambiguous() {
    let mut shop = shop(plain_rules(), Some(50), Some(50));
    shop.edit(1, |item| item.controlled = None);
    ram(&mut shop, Some(50), Some(0));
    shop.wait(minutes(1));
    let alert = alerts(&shop.look(), "mail").remove(0);
    assert_eq!(alert.level, Some(0));
    assert!(!alert.ambiguous_zero);
}

#[test]
fn a_retired_product_silences_its_combinations() {
    let mut shop = shop(plain_rules(), Some(50), Some(50));
    shows(&mut shop, Some(50), Some(3));
    shop.edit(1, |item| item.retired = Some(true));
    assert_eq!(shop.later(minutes(1)), ["1/4=12 withdrawn ok"]);
    assert_eq!(shows(&mut shop, Some(0), Some(0)), NOTHING);
}

#[test]
fn details_that_come_back_after_the_restart_change_nothing() {
    let mut shop = shop(plain_rules(), Some(50), Some(3));
    shop.restart();
    assert_eq!(shop.later(minutes(1)), NOTHING);
    shop.restart();
    shop.edit(1, |item| {
        item.detailed = false;
        item.quantity = Figure::Number(20);
    });
    assert_eq!(shop.later(minutes(1)), NOTHING);
    shop.edit(1, |item| item.detailed = true);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert!(decision.messages.is_empty());
    let changed = EventKind::Product(ProductEventKind::OptionsChanged);
    assert!(decision.events.iter().all(|event| event.kind != changed));
}

/// Rules that send the large RAM of every product to `sales` too, which hears of nothing else.
fn large_to_sales() -> Rules {
    let large = Rule {
        options: vec![(Pattern::text("ram"), Pattern::Id(12))],
        channels: Some(vec!["sales".to_owned(), "mail".to_owned()]),
        ..Rule::default()
    };
    let mut sales = channel("sales", &[]);
    sales.default = false;
    Rules::new(5, 1, vec![large], vec![channel("mail", &[]), sales])
}

#[test]
fn a_combination_that_comes_back_is_told_where_its_product_is_not_heard_of() {
    let mut shop = shop(large_to_sales(), None, Some(9));
    shop.remove(1);
    for _ in 0..3 {
        shop.later(minutes(1));
    }
    assert!(shop.tracked(1).gone);
    shop.stock(1, 20);
    shop.edit(1, |item| {
        item.detailed = true;
        item.controlled = Some(true);
    });
    ram(&mut shop, None, Some(1));
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["1 returned: 20 ok"]);
    assert_eq!(heard(&decision, "sales"), ["1/4=12 first critical"]);
    shop.wait(minutes(1));
    assert!(shop.look().messages.is_empty());
    ram(&mut shop, None, Some(9));
    shop.wait(minutes(1));
    let decision = shop.look();
    for channel in ["mail", "sales"] {
        assert_eq!(heard(&decision, channel), ["1/4=12 recovered ok"]);
    }
}

#[test]
fn a_combination_of_a_new_product_is_told_where_its_product_is_not_heard_of() {
    let mut shop = Shop::open(large_to_sales(), &[(2, 20), (3, 20)]);
    shop.companion = Companion::Contract1;
    for id in [2, 3] {
        shop.edit(id, |item| {
            item.detailed = true;
            item.controlled = Some(true);
        });
    }
    shop.look();
    shop.stock(1, 20);
    shop.edit(1, |item| {
        item.detailed = true;
        item.controlled = Some(true);
    });
    ram(&mut shop, None, Some(0));
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["1 new: 20 ok"]);
    assert_eq!(heard(&decision, "sales"), ["1/4=12 first out"]);
}
