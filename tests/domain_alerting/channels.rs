//! What each channel hears: severities it takes, recoveries, routing, new and removed channels.

use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::channel;
use crate::shop::heard;
use crate::shop::minutes;

const NOTHING: [&str; 0] = [];

/// What two channels hear of a level.
fn both(shop: &mut Shop, level: i64) -> (Vec<String>, Vec<String>) {
    shop.stock(1, level);
    shop.wait(minutes(1));
    let decision = shop.look();
    (heard(&decision, "mail"), heard(&decision, "pager"))
}

fn with_pager(severities: &[Severity]) -> Rules {
    Rules::new(
        5,
        1,
        vec![],
        vec![channel("mail", &[]), channel("pager", severities)],
    )
}

/// A rule that sends products to channels.
fn route(products: &[i64], channels: &[&str]) -> Rule {
    Rule {
        products: products.iter().copied().map(Pattern::Id).collect(),
        channels: Some(channels.iter().map(|&name| name.to_owned()).collect()),
        ..Rule::default()
    }
}

fn named(name: &str) -> ChannelPolicy {
    ChannelPolicy {
        default: false,
        quiet: None,
        ..channel(name, &[])
    }
}

#[test]
fn a_channel_sees_the_severities_it_does_not_take_as_ok() {
    let mut shop = Shop::open(with_pager(&[Severity::Out]), &[(1, 20)]);
    let nothing: Vec<String> = Vec::new();
    assert_eq!(both(&mut shop, 4), (vec!["1 first low".into()], nothing.clone()));
    assert_eq!(
        both(&mut shop, 0),
        (vec!["1 worse out".into()], vec!["1 first out".into()])
    );
    assert_eq!(
        both(&mut shop, 3),
        (nothing.clone(), vec!["1 recovered ok".into()])
    );
    assert_eq!(both(&mut shop, 20), (vec!["1 recovered ok".into()], nothing));
}

#[test]
fn a_recovery_goes_only_to_channels_that_were_told() {
    let mut shop = Shop::open(with_pager(&[Severity::Critical, Severity::Out]), &[(1, 20)]);
    both(&mut shop, 4);
    let (mail, pager) = both(&mut shop, 20);
    assert_eq!(mail, ["1 recovered ok"]);
    assert_eq!(pager, NOTHING);
}

#[test]
fn what_worsens_beyond_what_a_channel_takes_is_not_a_recovery_to_it() {
    let mut shop = Shop::open(with_pager(&[Severity::Low]), &[(1, 20)]);
    assert_eq!(both(&mut shop, 4).1, ["1 first low"]);
    assert_eq!(both(&mut shop, 1).1, NOTHING);
    assert_eq!(both(&mut shop, 0).1, NOTHING);
    assert_eq!(both(&mut shop, 3).1, NOTHING);
    assert_eq!(both(&mut shop, 20).1, ["1 recovered ok"]);
}

#[test]
fn a_new_channel_gets_its_baseline_and_no_flood() {
    let stock: Vec<(i64, i64)> = (1..=40).map(|id| (id, -1)).chain([(41, 20)]).collect();
    let mut shop = Shop::open(with_pager(&[]), &stock);
    let mut rules = with_pager(&[]);
    rules.channels.push(channel("chat", &[]));
    shop.reload(rules);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(
        heard(&decision, "chat"),
        ["baseline 41: 40 out, 0 critical, 0 low, 1 ok, 0 unknown, 0 not controlled"]
    );
    assert_eq!(decision.messages.len(), 1, "the others hear nothing");
    shop.stock(1, 30);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(
        heard(&decision, "chat"),
        ["1 recovered ok"],
        "what is open counts as told"
    );
}

#[test]
fn a_new_channel_is_not_flooded_when_frozen_levels_come_back() {
    let mut shop = Shop::open(with_pager(&[]), &[(1, 20), (2, 20)]);
    both(&mut shop, 0);
    shop.edit(1, |item| item.quantity = Figure::Unreadable);
    shop.wait(minutes(1));
    shop.look();
    let mut rules = with_pager(&[]);
    rules.channels.push(channel("chat", &[]));
    shop.reload(rules);
    shop.wait(minutes(1));
    assert_eq!(heard(&shop.look(), "chat").len(), 1, "its baseline");
    shop.stock(1, 0);
    shop.wait(minutes(1));
    assert_eq!(heard(&shop.look(), "chat"), NOTHING);
}

#[test]
fn a_channel_that_no_product_is_routed_to_has_no_baseline_until_one_is() {
    let rules = |rule: Vec<Rule>| Rules::new(5, 1, rule, vec![channel("mail", &[]), named("sales")]);
    let mut shop = Shop::new(rules(vec![]));
    shop.stock(1, 20);
    shop.stock(2, -1);
    assert_eq!(heard(&shop.look(), "sales"), NOTHING);
    shop.reload(rules(vec![route(&[2], &["sales"])]));
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(
        heard(&decision, "sales"),
        ["baseline 1: 1 out, 0 critical, 0 low, 0 ok, 0 unknown, 0 not controlled"]
    );
    assert_eq!(heard(&decision, "mail"), NOTHING);
}

#[test]
fn a_product_that_is_routed_elsewhere_is_told_there_and_its_recovery_in_both_places() {
    let rules = |rule: Vec<Rule>| Rules::new(5, 1, rule, vec![channel("mail", &[]), named("sales")]);
    let mut shop = Shop::open(rules(vec![route(&[9], &["sales"])]), &[(1, 20), (9, 20)]);
    assert_eq!(shop.shows(1, 4), ["1 first low"]);
    shop.reload(rules(vec![route(&[1, 9], &["sales"])]));
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), NOTHING);
    assert_eq!(heard(&decision, "sales"), ["1 first low"]);
    shop.stock(1, 0);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(
        heard(&decision, "mail"),
        NOTHING,
        "no more bad news where it is not routed"
    );
    assert_eq!(heard(&decision, "sales"), ["1 worse out"]);
    shop.stock(1, 20);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["1 recovered ok"]);
    assert_eq!(heard(&decision, "sales"), ["1 recovered ok"]);
}

#[test]
fn channels_and_origins_are_no_rule_change() {
    let rules = |origin: &str| {
        let rule = Rule {
            origin: origin.to_owned(),
            low: Some(5),
            ..route(&[1], &["mail"])
        };
        Rules::new(5, 1, vec![rule], vec![channel("mail", &[])])
    };
    let mut shop = Shop::open(rules("rule 1"), &[(1, 20)]);
    shop.shows(1, 5);
    shop.shows(1, 6);
    shop.reload(rules("rule 2"));
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.severity(1), Severity::Low, "the margin still holds it");
}

#[test]
fn a_removed_channel_is_forgotten_and_begins_anew_when_it_comes_back() {
    let mut shop = Shop::open(with_pager(&[]), &[(1, 20), (2, 20)]);
    both(&mut shop, 0);
    shop.reload(crate::shop::plain_rules());
    assert_eq!(both(&mut shop, 0).1, NOTHING);
    assert!(
        shop.tracked(1)
            .series
            .told
            .iter()
            .all(|told| &*told.channel == "mail")
    );
    shop.reload(with_pager(&[]));
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(
        heard(&decision, "pager"),
        ["baseline 2: 1 out, 0 critical, 0 low, 1 ok, 0 unknown, 0 not controlled"]
    );
    assert_eq!(heard(&decision, "mail"), NOTHING);
}

#[test]
fn a_product_that_goes_after_channels_were_removed_harms_nothing() {
    let mut shop = Shop::open(with_pager(&[]), &[(1, 20), (2, 20), (3, 4)]);
    shop.remove(3);
    shop.later(minutes(1));
    shop.later(minutes(1));
    shop.reload(crate::shop::plain_rules());
    assert_eq!(shop.later(minutes(1)), ["3 withdrawn ok", "3 gone: gone"]);
}

#[test]
fn a_channel_added_under_first_run_alert_hears_what_is_open() {
    let mut shop = Shop::open(crate::shop::plain_rules(), &[(1, -1), (2, 20)]);
    let mut rules = with_pager(&[]);
    rules.first_run_alerts = true;
    shop.reload(rules);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(
        heard(&decision, "pager").last().map(String::as_str),
        Some("1 first out")
    );
    assert_eq!(heard(&decision, "mail"), NOTHING);
}

#[test]
fn every_message_names_its_channel_its_shop_and_its_moment() {
    let mut shop = Shop::open(with_pager(&[]), &[(1, 20)]);
    shop.stock(1, 0);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(decision.messages.len(), 2);
    for (message, name) in decision.messages.iter().zip(["mail", "pager"]) {
        assert_eq!(message.channel, name);
        assert_eq!(message.instance.as_deref(), Some("default"));
        assert_eq!(message.at, shop.now);
        assert!(matches!(message.body, Body::Alerts { .. }));
    }
    assert_ne!(decision.messages[0].id, decision.messages[1].id);
}
