//! Rules that change while something is open.

use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::rules::StockControl;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::message::Status;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::alerts;
use crate::shop::channel;
use crate::shop::heard;
use crate::shop::minutes;

const NOTHING: [&str; 0] = [];

fn global(low: i64, critical: i64) -> Rules {
    Rules::new(low, critical, vec![], vec![channel("mail", &[])])
}

fn ruled(rule: Rule) -> Rules {
    Rules::new(5, 1, vec![rule], vec![channel("mail", &[])])
}

#[test]
fn a_changed_threshold_tells_what_differs_in_one_grouped_message() {
    let mut shop = Shop::open(global(5, 1), &[(1, 4), (2, 8), (3, 20), (4, 3), (5, 30), (6, 30)]);
    shop.reload(global(10, 4));
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(decision.messages.len(), 1);
    assert_eq!(
        heard(&decision, "mail"),
        [
            "4 rule_changed critical",
            "1 rule_changed critical",
            "2 rule_changed low"
        ]
    );
    assert_eq!(shop.later(minutes(1)), NOTHING);
    shop.reload(global(2, 1));
    shop.wait(minutes(1));
    let resolved = alerts(&shop.look(), "mail");
    assert_eq!(resolved.len(), 3);
    for alert in resolved {
        assert_eq!((alert.severity, alert.status), (Severity::Ok, Status::Resolved));
    }
}

#[test]
fn a_changed_rule_does_not_wait_for_its_confirmation() {
    let slow = |low| Rule {
        low: Some(low),
        confirm: Some(minutes(60)),
        ..Rule::default()
    };
    let mut shop = Shop::open(ruled(slow(5)), &[(1, 8), (2, 20)]);
    shop.reload(ruled(slow(10)));
    assert_eq!(shop.later(minutes(1)), ["1 rule_changed low"]);
}

#[test]
fn a_changed_rule_judges_as_if_it_saw_the_level_for_the_first_time() {
    let mut shop = Shop::open(global(5, 1), &[(1, 20)]);
    shop.shows(1, 5);
    shop.shows(1, 6);
    assert_eq!(
        shop.severity(1),
        Severity::Low,
        "within the margin of the old rule"
    );
    shop.reload(global(5, 2));
    assert_eq!(shop.later(minutes(1)), ["1 rule_changed ok"]);
}

#[test]
fn a_changed_rule_that_changes_nothing_says_nothing() {
    let mut shop = Shop::open(global(5, 1), &[(1, 3), (2, 20)]);
    shop.reload(global(6, 1));
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn a_rule_that_is_deleted_gives_way_to_the_global_one_once() {
    let own = Rule {
        products: vec![Pattern::Id(1)],
        low: Some(50),
        ..Rule::default()
    };
    let mut shop = Shop::open(ruled(own), &[(1, 20), (2, 20)]);
    shop.reload(global(5, 1));
    assert_eq!(shop.later(minutes(1)), ["1 rule_changed ok"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn a_rule_that_changes_while_the_level_is_unknown_waits_for_the_level() {
    let mut shop = Shop::open(global(5, 1), &[(1, 20), (2, 20)]);
    shop.shows(1, 4);
    shop.edit(1, |item| item.quantity = Figure::Unreadable);
    shop.later(minutes(1));
    shop.reload(global(3, 1));
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.shows(1, 4), ["1 rule_changed ok"]);
}

#[test]
fn declaring_the_stock_uncontrolled_takes_the_alert_back() {
    let declared = Rule {
        products: vec![Pattern::Id(1)],
        stock_control: Some(StockControl::Off),
        ..Rule::default()
    };
    let mut shop = Shop::open(global(5, 1), &[(1, 4), (2, 20)]);
    shop.reload(ruled(declared));
    assert_eq!(shop.later(minutes(1)), ["1 withdrawn ok"]);
    shop.reload(global(5, 1));
    assert_eq!(shop.later(minutes(1)), ["1 rule_changed low"]);
}

#[test]
fn several_thresholds_that_change_with_the_level_have_one_outcome() {
    let mut shop = Shop::open(global(5, 1), &[(1, 20)]);
    shop.shows(1, 4);
    shop.reload(global(30, 10));
    assert_eq!(shop.shows(1, 0), ["1 rule_changed out"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn the_most_specific_rule_wins_and_of_two_alike_the_later_one() {
    let by = |origin: &str, low: i64| Rule {
        origin: origin.to_owned(),
        low: Some(low),
        ..Rule::default()
    };
    let rules = vec![
        Rule {
            products: vec![Pattern::Id(1)],
            ..by("id", 11)
        },
        Rule {
            products: vec![Pattern::text("product*")],
            ..by("glob", 12)
        },
        Rule {
            products: vec![Pattern::text("product 002")],
            ..by("name", 13)
        },
        Rule {
            groups: vec![Pattern::Id(3)],
            ..by("group", 14)
        },
        Rule {
            instances: vec![Pattern::text("default")],
            ..by("instance", 15)
        },
        by("all", 16),
        by("all again", 17),
        Rule {
            products: vec![Pattern::text("other*")],
            ..by("other a", 18)
        },
        Rule {
            products: vec![Pattern::text("other*")],
            ..by("other b", 19)
        },
        Rule {
            instances: vec![Pattern::text("elsewhere")],
            products: vec![Pattern::Id(1)],
            ..by("elsewhere", 20)
        },
    ];
    let mut shop = Shop::new(Rules::new(5, 1, rules.clone(), vec![channel("mail", &[])]));
    for id in 1..=6 {
        shop.stock(id, 100);
    }
    shop.edit(4, |item| {
        item.name = "x".to_owned();
        item.group = Some((3, String::new()));
    });
    shop.edit(5, |item| item.name = "y".to_owned());
    shop.edit(6, |item| item.name = "Other".to_owned());
    shop.look();
    let origin = |id: i64| shop.tracked(id).effective.thresholds.clone();
    for (id, low, name) in [
        (1, 11, "id"),
        (2, 13, "name"),
        (3, 12, "glob"),
        (4, 14, "group"),
        (5, 15, "instance"),
        (6, 19, "other b"),
    ] {
        assert_eq!(origin(id).low, low);
        assert_eq!(origin(id).origin, format!("low: {name}, critical: global"));
    }
    let without = Rules::new(5, 1, rules[5..7].to_vec(), vec![]);
    shop.reload(without);
    shop.later(minutes(1));
    assert_eq!(shop.tracked(1).effective.thresholds.low, 17, "the later one");
}

#[test]
fn each_value_is_inherited_on_its_own() {
    let rules = vec![
        Rule {
            origin: "rule 1".to_owned(),
            low: Some(50),
            hold: Some(minutes(9)),
            ..Rule::default()
        },
        Rule {
            origin: "rule 2".to_owned(),
            products: vec![Pattern::Id(1)],
            critical: Some(20),
            ..Rule::default()
        },
    ];
    let shop = Shop::open(Rules::new(5, 1, rules, vec![]), &[(1, 100)]);
    let effective = &shop.tracked(1).effective;
    assert_eq!(
        (effective.thresholds.low, effective.thresholds.critical),
        (50, 20)
    );
    assert_eq!(effective.hold, minutes(9));
    assert_eq!(effective.thresholds.origin, "low: rule 1, critical: rule 2");
}
