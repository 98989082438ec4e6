//! Severities, hysteresis, confirmation, and what is said of them.

use jiff::SignedDuration;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::message::Status;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::alerts;
use crate::shop::channel;
use crate::shop::minutes;
use crate::shop::plain_rules;
use crate::shop::since;

const NOTHING: [&str; 0] = [];

/// One rule for everything, and the channel "mail".
fn ruled(rule: Rule) -> Rules {
    Rules::new(5, 1, vec![rule], vec![channel("mail", &[])])
}

#[test]
fn a_level_at_a_threshold_has_the_severity_of_that_threshold() {
    for (level, severity) in [
        (6, Severity::Ok),
        (5, Severity::Low),
        (2, Severity::Low),
        (1, Severity::Critical),
        (0, Severity::Out),
        (-1, Severity::Out),
        (i64::MIN, Severity::Out),
        (i64::MAX, Severity::Ok),
    ] {
        let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
        shop.shows(1, level);
        assert_eq!(shop.severity(1), severity, "{level}");
    }
}

#[test]
fn twenty_four_two_zero_thirty_says_low_critical_out_recovered_each_once() {
    let mut shop = Shop::open(Rules::new(5, 2, vec![], vec![channel("mail", &[])]), &[(1, 20)]);
    assert_eq!(shop.shows(1, 4), ["1 first low"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.shows(1, 2), ["1 worse critical"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.shows(1, 0), ["1 worse out"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.shows(1, 30), ["1 recovered ok"]);
    assert_eq!(shop.later(minutes(60)), NOTHING);
}

#[test]
fn low_is_left_only_above_the_margin() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    assert_eq!(shop.shows(1, 5), ["1 first low"]);
    assert_eq!(shop.shows(1, 6), NOTHING);
    assert_eq!(shop.severity(1), Severity::Low);
    assert_eq!(shop.shows(1, 7), ["1 recovered ok"]);
}

#[test]
fn the_margin_can_be_set_to_nothing() {
    let rule = Rule {
        recover_margin: Some(0),
        ..Rule::default()
    };
    let mut shop = Shop::open(ruled(rule), &[(1, 20)]);
    shop.shows(1, 5);
    assert_eq!(shop.shows(1, 6), ["1 recovered ok"]);
}

#[test]
fn critical_and_out_have_no_margin() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    shop.stock(1, 1);
    shop.shows(2, 0);
    shop.stock(1, 6);
    assert_eq!(shop.shows(2, 6), ["2 recovered ok", "1 recovered ok"]);
}

#[test]
fn a_level_that_swings_within_the_margin_is_one_episode() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    assert_eq!(shop.shows(1, 5), ["1 first low"]);
    for level in [6, 5, 6, 5, 6, 4, 6] {
        assert_eq!(shop.shows(1, level), NOTHING);
    }
}

#[test]
fn a_jump_over_several_thresholds_is_said_once_as_the_worst() {
    let mut shop = Shop::open(plain_rules(), &[(1, 1_000_000_000)]);
    assert_eq!(shop.shows(1, -3), ["1 first out"]);
    assert_eq!(shop.shows(1, 1_000_000_000), ["1 recovered ok"]);
}

#[test]
fn critical_that_eases_to_low_says_nothing_and_low_that_worsens_again_neither() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    assert_eq!(shop.shows(1, 1), ["1 first critical"]);
    assert_eq!(shop.shows(1, 3), NOTHING);
    assert_eq!(shop.severity(1), Severity::Low);
    assert_eq!(shop.shows(1, 1), NOTHING);
    assert_eq!(shop.shows(1, 0), ["1 worse out"]);
}

#[test]
fn a_worsening_waits_for_its_confirmation() {
    let rule = Rule {
        confirm: Some(minutes(5)),
        ..Rule::default()
    };
    let mut shop = Shop::open(ruled(rule), &[(1, 20)]);
    assert_eq!(shop.shows(1, 4), NOTHING);
    assert_eq!(shop.severity(1), Severity::Ok);
    assert_eq!(shop.later(minutes(4)), NOTHING);
    assert_eq!(shop.later(minutes(1)), ["1 first low"]);
}

#[test]
fn a_dip_shorter_than_the_confirmation_is_never_said() {
    let rule = Rule {
        confirm: Some(minutes(5)),
        ..Rule::default()
    };
    let mut shop = Shop::open(ruled(rule), &[(1, 20)]);
    for level in [4, 1, 20, 4, 20] {
        assert_eq!(shop.shows(1, level), NOTHING);
    }
    assert_eq!(shop.shows(1, 4), NOTHING, "the timer began anew");
    assert_eq!(shop.later(minutes(4)), NOTHING);
    assert_eq!(shop.later(minutes(1)), ["1 first low"]);
}

#[test]
fn each_severity_is_confirmed_on_its_own() {
    let rule = Rule {
        confirm: Some(minutes(5)),
        ..Rule::default()
    };
    let mut shop = Shop::open(ruled(rule), &[(1, 20)]);
    shop.shows(1, 4);
    shop.wait(minutes(2));
    assert_eq!(shop.shows(1, 1), NOTHING);
    assert_eq!(shop.later(minutes(2)), ["1 first low"], "low for five minutes");
    assert_eq!(
        shop.later(minutes(3)),
        ["1 worse critical"],
        "critical for five minutes"
    );
}

#[test]
fn out_skips_the_confirmation_unless_it_has_its_own() {
    let rule = Rule {
        confirm: Some(minutes(5)),
        ..Rule::default()
    };
    let mut shop = Shop::open(ruled(rule.clone()), &[(1, 20)]);
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
    let own = Rule {
        confirm_out: Some(minutes(2)),
        ..rule
    };
    let mut shop = Shop::open(ruled(own), &[(1, 20)]);
    assert_eq!(shop.shows(1, 0), NOTHING);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.later(minutes(1)), ["1 first out"]);
}

#[test]
fn better_is_said_after_the_hold_and_once() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
    assert_eq!(shop.shows(1, 3), NOTHING);
    assert_eq!(
        shop.severity(1),
        Severity::Low,
        "the severity itself does not wait"
    );
    assert_eq!(shop.later(minutes(4)), NOTHING);
    assert_eq!(shop.later(minutes(1)), ["1 better low"]);
    assert_eq!(shop.later(minutes(60)), NOTHING);
    assert!(
        !shop.tracked(1).series.is_waiting(),
        "nothing more is to be said of it"
    );
}

#[test]
fn better_is_dropped_when_it_is_superseded() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    shop.stock(1, 0);
    shop.shows(2, 0);
    shop.stock(1, 3);
    assert_eq!(shop.shows(2, 3), NOTHING);
    assert_eq!(shop.shows(1, 0), NOTHING, "out again: it was told as out");
    assert_eq!(
        shop.shows(2, 20),
        ["2 recovered ok"],
        "ok before the hold had passed"
    );
    assert_eq!(shop.later(minutes(10)), NOTHING);
    assert_eq!(shop.shows(1, 3), NOTHING, "the hold begins anew");
    assert_eq!(shop.later(minutes(5)), ["1 better low"]);
}

#[test]
fn better_names_where_the_level_stands_when_the_hold_has_passed() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    shop.shows(1, 0);
    assert_eq!(shop.shows(1, 3), NOTHING);
    assert_eq!(shop.shows(1, 1), NOTHING);
    assert_eq!(shop.later(minutes(4)), ["1 better critical"]);
    assert_eq!(shop.shows(1, 3), NOTHING, "easing from critical says nothing");
}

#[test]
fn after_better_a_worsening_is_said_again() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    shop.shows(1, 0);
    shop.shows(1, 3);
    assert_eq!(shop.later(minutes(5)), ["1 better low"]);
    assert_eq!(shop.shows(1, 0), ["1 worse out"]);
}

#[test]
fn an_unknown_level_freezes_the_severity_and_says_nothing() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    shop.shows(1, 4);
    shop.edit(1, |item| item.quantity = Figure::Unreadable);
    assert_eq!(shop.later(minutes(10)), NOTHING);
    assert_eq!(shop.severity(1), Severity::Low);
    assert_eq!(shop.tracked(1).series.last_level, Some(4));
    let known = shop
        .tracked(1)
        .series
        .last_known_at
        .expect("the age of what was last known");
    assert_eq!(since(&shop, known), SignedDuration::from_mins(10));
    assert_eq!(shop.shows(1, 4), NOTHING, "back as it was");
    assert_eq!(shop.tracked(1).series.last_known_at, None);
    assert_eq!(shop.shows(1, 20), ["1 recovered ok"]);
}

#[test]
fn an_unknown_level_stops_the_clock_of_confirmation_and_hold() {
    let rule = Rule {
        confirm: Some(minutes(5)),
        ..Rule::default()
    };
    let mut shop = Shop::open(ruled(rule), &[(1, 20), (2, 20), (3, 20)]);
    shop.shows(2, 0);
    shop.stock(1, 4);
    assert_eq!(shop.shows(2, 3), NOTHING);
    shop.wait(minutes(2));
    for id in [1, 2] {
        shop.edit(id, |item| item.quantity = Figure::Absent);
    }
    assert_eq!(shop.later(minutes(0)), NOTHING);
    assert_eq!(shop.later(minutes(600)), NOTHING);
    shop.stock(1, 4);
    shop.stock(2, 3);
    assert_eq!(shop.later(minutes(0)), NOTHING, "two of five minutes have passed");
    assert_eq!(shop.later(minutes(2)), NOTHING);
    assert_eq!(shop.later(minutes(1)), ["2 better low", "1 first low"]);
}

#[test]
fn an_alert_carries_what_it_was_where_it_stands_and_since_when() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    shop.shows(1, 4);
    let began = shop.now;
    shop.shows(1, 3);
    shop.stock(1, 0);
    shop.wait(minutes(1));
    let alert = alerts(&shop.look(), "mail").remove(0);
    assert_eq!(alert.alert_id, "default/1/-");
    assert_eq!(alert.status, Status::Firing);
    assert_eq!(alert.previous_severity, Severity::Low);
    assert_eq!((alert.level, alert.previous_level), (Some(0), Some(3)));
    assert_eq!((alert.started_at, alert.observed_at), (Some(began), shop.now));
    assert_eq!((alert.thresholds.low, alert.thresholds.critical), (5, 1));
    assert_eq!(alert.thresholds.origin, "global");
    shop.stock(1, 9);
    shop.wait(minutes(1));
    let alert = alerts(&shop.look(), "mail").remove(0);
    assert_eq!(alert.status, Status::Resolved);
    assert_eq!(alert.started_at, Some(began), "the episode's beginning");
    assert_eq!(alert.previous_severity, Severity::Out);
}

#[test]
fn critical_is_never_above_low() {
    let rule = Rule {
        origin: "rule 1".to_owned(),
        low: Some(3),
        ..Rule::default()
    };
    let rules = Rules::new(20, 10, vec![rule], vec![channel("mail", &[])]);
    let mut shop = Shop::open(rules, &[(1, 50)]);
    assert_eq!(shop.shows(1, 4), NOTHING);
    shop.stock(1, 3);
    shop.wait(minutes(1));
    let alert = alerts(&shop.look(), "mail").remove(0);
    assert_eq!(alert.severity, Severity::Critical);
    assert_eq!((alert.thresholds.low, alert.thresholds.critical), (3, 3));
    assert_eq!(alert.thresholds.origin, "low: rule 1, critical: global");
}

#[test]
fn every_move_of_a_severity_is_recorded_once_whoever_is_told() {
    let mut shop = Shop::open(Rules::new(5, 1, vec![], vec![]), &[(1, 20)]);
    let mut kinds = Vec::new();
    for level in [4, 4, 1, 0, 3, 3, 20] {
        shop.stock(1, level);
        shop.wait(minutes(1));
        kinds.extend(
            shop.look()
                .events
                .into_iter()
                .map(|event| format!("{:?}", event.kind)),
        );
    }
    assert_eq!(
        kinds,
        [
            "Severity { from: Ok, to: Low, reason: First }",
            "Severity { from: Low, to: Critical, reason: Worse }",
            "Severity { from: Critical, to: Out, reason: Worse }",
            "Severity { from: Out, to: Low, reason: Better }",
            "Severity { from: Low, to: Ok, reason: Recovered }",
        ]
    );
}
