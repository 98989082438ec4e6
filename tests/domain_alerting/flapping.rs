//! A series that goes to and fro says so once; then only what is worst is told, until it was calm for six hours.

use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::people::mute;
use crate::people::products;
use crate::people::restart_from_file;
use crate::people::unmute;
use crate::shop::Shop;
use crate::shop::channel;
use crate::shop::heard;
use crate::shop::minutes;
use crate::shop::plain_rules;

const NOTHING: [&str; 0] = [];

fn limited(limit: u32) -> Rules {
    let mut rules = plain_rules();
    rules.flap_limit = limit;
    rules
}

/// A shop whose product 1 begins to flap with the next flip, which leads to ok.
fn about_to_flap() -> Shop {
    let mut shop = Shop::open(limited(3), &[(1, 20)]);
    assert_eq!(shop.shows(1, 4), ["1 first low"]);
    assert_eq!(shop.shows(1, 20), ["1 recovered ok"]);
    assert_eq!(shop.shows(1, 4), ["1 first low"]);
    shop
}

#[test]
fn the_flip_beyond_the_limit_says_that_it_flaps_and_then_only_what_is_worse_is_told() {
    let mut shop = about_to_flap();
    assert_eq!(shop.shows(1, 20), ["1 flapping ok"]);
    assert_eq!(
        shop.shows(1, 4),
        ["1 first low"],
        "worse than all it was told since"
    );
    assert_eq!(shop.shows(1, 20), NOTHING);
    assert_eq!(shop.shows(1, 4), NOTHING);
    restart_from_file(&mut shop);
    assert_eq!(shop.shows(1, 1), ["1 worse critical"]);
    assert_eq!(shop.shows(1, 20), NOTHING);
    assert_eq!(shop.shows(1, 0), ["1 worse out"]);
    assert_eq!(shop.shows(1, 20), NOTHING);
}

#[test]
fn after_six_hours_without_a_flip_it_is_calm_and_what_differs_is_told() {
    let mut shop = about_to_flap();
    shop.shows(1, 20);
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
    assert_eq!(shop.shows(1, 20), NOTHING);
    assert_eq!(shop.later(minutes(6 * 60 - 1)), NOTHING);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["1 recovered ok"]);
    let kinds: Vec<&str> = decision.events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["calm"]);
    assert_eq!(shop.shows(1, 4), ["1 first low"], "its flips are forgotten");
    assert_eq!(shop.shows(1, 20), ["1 recovered ok"]);
}

#[test]
fn flips_count_for_a_day() {
    let mut shop = about_to_flap();
    shop.wait(minutes(24 * 60));
    assert_eq!(shop.shows(1, 20), ["1 recovered ok"]);
}

#[test]
fn the_flips_of_what_was_gone_are_forgotten_once_it_is_back() {
    let mut shop = Shop::open(limited(3), &[(1, 20), (2, 20)]);
    for level in [4, 20, 4] {
        shop.shows(1, level);
    }
    shop.remove(1);
    for _ in 0..3 {
        shop.later(minutes(1));
    }
    assert!(shop.tracked(1).gone);
    shop.shows(1, 20);
    assert!(!shop.tracked(1).gone);
    assert_eq!(shop.shows(1, 4), ["1 first low"], "not the fourth of a day");
}

#[test]
fn with_a_limit_of_nothing_nothing_flaps() {
    let mut shop = Shop::open(limited(0), &[(1, 20)]);
    for _ in 0..20 {
        assert_eq!(shop.shows(1, 4), ["1 first low"]);
        assert_eq!(shop.shows(1, 20), ["1 recovered ok"]);
    }
    let mut shop = about_to_flap();
    shop.shows(1, 20);
    assert!(shop.tracked(1).series.is_flapping());
    shop.reload(limited(0));
    shop.later(minutes(1));
    assert!(!shop.tracked(1).series.is_flapping(), "turned off, it is calm");
}

#[test]
fn a_rule_that_changes_is_no_flip() {
    let mut shop = Shop::open(limited(1), &[(1, 4)]);
    for low in [3, 5, 3, 5] {
        let mut rules = Rules::new(low, 1, Vec::new(), vec![channel("mail", &[])]);
        rules.flap_limit = 1;
        shop.reload(rules);
        assert!(shop.later(minutes(1))[0].contains("rule_changed"));
    }
}

#[test]
fn a_channel_that_takes_neither_severity_hears_nothing_of_it() {
    let mut rules = Rules::new(
        5,
        1,
        Vec::new(),
        vec![channel("mail", &[]), channel("pager", &[Severity::Out])],
    );
    rules.flap_limit = 1;
    let mut shop = Shop::open(rules, &[(1, 20)]);
    shop.shows(1, 4);
    shop.stock(1, 20);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["1 flapping ok"]);
    assert_eq!(heard(&decision, "pager"), NOTHING);
}

#[test]
fn what_begins_to_flap_while_muted_is_not_told_that_later() {
    let mut shop = about_to_flap();
    mute(&mut shop, "5", products(Pattern::Id(1)));
    shop.stock(1, 20);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), NOTHING);
    assert!(
        decision
            .events
            .iter()
            .any(|event| event.kind == EventKind::Flapping)
    );
    unmute(&mut shop, "5");
    assert_eq!(
        shop.later(minutes(1)),
        NOTHING,
        "good news waits until it is calm"
    );
    assert_eq!(shop.later(minutes(6 * 60)), ["1 recovered ok"]);
}
