//! Escalation: what nobody has taken on for a while is told to a further channel, once, which then hears how it goes on.

use std::time::Duration;

use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::people::Matcher;
use whmcs_stock_monitor::domain::people::Quiet;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::people::ack;
use crate::people::in_round;
use crate::people::mute;
use crate::people::quiet;
use crate::people::reminded;
use crate::people::restart_from_file;
use crate::people::round;
use crate::people::series;
use crate::people::unmute;
use crate::shop::Shop;
use crate::shop::channel;
use crate::shop::heard;
use crate::shop::minutes;
use crate::shop::said;

const NOTHING: [&str; 0] = [];

fn rules_with(severities: &[Severity], hours: Option<Quiet>) -> Rules {
    let all = Rule {
        origin: "rule 1".to_owned(),
        hold: Some(Duration::ZERO),
        escalate_after: Some(minutes(60)),
        escalate_to: Some(vec!["boss".to_owned()]),
        ..Rule::default()
    };
    let boss = ChannelPolicy {
        default: false,
        quiet: hours,
        ..channel("boss", severities)
    };
    Rules::new(5, 1, vec![all], vec![channel("mail", &[]), boss])
}

fn shop() -> Shop {
    Shop::open(rules_with(&[], None), &[(1, 20), (2, 20)])
}

/// What "boss" hears of a look after so many minutes.
fn boss(shop: &mut Shop, wait: u64) -> Vec<String> {
    shop.wait(minutes(wait));
    heard(&shop.look(), "boss")
}

#[test]
fn what_nobody_takes_on_is_told_once_to_the_second_channel() {
    let mut shop = shop();
    assert_eq!(shop.shows(1, 1), ["1 first critical"]);
    assert_eq!(boss(&mut shop, 59), NOTHING);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "boss"), ["1 escalated critical"]);
    assert_eq!(heard(&decision, "mail"), NOTHING);
    let kinds: Vec<&EventKind> = decision.events.iter().map(|event| &event.kind).collect();
    assert_eq!(kinds, [&EventKind::Escalated("boss".to_owned())]);
    restart_from_file(&mut shop);
    assert_eq!(boss(&mut shop, 60), NOTHING);
    assert_eq!(in_round(&mut shop, 60, "boss"), NOTHING);
}

#[test]
fn from_then_on_that_channel_hears_how_it_goes_on_until_it_is_well() {
    let mut shop = shop();
    shop.shows(1, 1);
    boss(&mut shop, 60);
    restart_from_file(&mut shop);
    for (level, line) in [
        (0, "1 worse out"),
        (4, "1 better low"),
        (0, "1 worse out"),
        (30, "1 recovered ok"),
    ] {
        shop.stock(1, level);
        assert_eq!(boss(&mut shop, 1), [line], "{level}");
    }
    shop.stock(1, 0);
    assert_eq!(boss(&mut shop, 1), NOTHING, "another episode");
    assert_eq!(boss(&mut shop, 60), ["1 escalated out"]);
    shop.wait(minutes(24 * 60));
    assert_eq!(
        reminded(&mut shop, "boss"),
        NOTHING,
        "reminders are for those it is routed to"
    );
}

#[test]
fn a_round_escalates_while_no_look_comes() {
    let mut shop = shop();
    shop.shows(1, 0);
    assert_eq!(in_round(&mut shop, 59, "boss"), NOTHING);
    shop.wait(minutes(1));
    let reminders = round(&mut shop, None);
    assert_eq!(said(&reminders.messages, "boss"), ["1 escalated out"]);
    let changed = reminders.shops[0].as_ref().expect("escalated");
    assert_eq!(changed.events.len(), 1);
    assert_eq!(boss(&mut shop, 1), NOTHING);
}

#[test]
fn the_time_counts_from_critical_on_without_a_break() {
    let mut shop = shop();
    shop.shows(1, 1);
    shop.wait(minutes(30));
    shop.shows(1, 0);
    assert_eq!(
        boss(&mut shop, 29),
        ["1 escalated out"],
        "out goes on from critical"
    );
    let mut shop = self::shop();
    shop.shows(1, 1);
    shop.wait(minutes(30));
    shop.shows(1, 4);
    shop.shows(1, 1);
    assert_eq!(boss(&mut shop, 59), NOTHING, "low was a break");
    assert_eq!(boss(&mut shop, 1), ["1 escalated critical"]);
}

#[test]
fn low_is_not_escalated() {
    let mut shop = shop();
    shop.shows(1, 4);
    assert_eq!(boss(&mut shop, 600), NOTHING);
}

#[test]
fn while_somebody_has_taken_it_on_it_is_not_escalated_and_its_end_begins_the_time_anew() {
    let mut shop = shop();
    shop.shows(1, 0);
    let number = series(&shop, 1);
    ack(&mut shop, number, None, None);
    assert_eq!(boss(&mut shop, 600), NOTHING);
    let ended = shop.now;
    shop.people.acks.clear();
    shop.people.ended = vec![(number, ended)];
    assert_eq!(boss(&mut shop, 59), NOTHING);
    assert_eq!(boss(&mut shop, 1), ["1 escalated out"]);
}

#[test]
fn an_ack_that_is_overdue_counts_as_none_from_that_moment_on() {
    let mut shop = shop();
    shop.shows(1, 0);
    let number = series(&shop, 1);
    ack(&mut shop, number, None, Some(120));
    shop.wait(minutes(120));
    assert_eq!(heard(&shop.look(), "mail"), ["1 overdue out"]);
    assert_eq!(boss(&mut shop, 59), NOTHING);
    assert_eq!(boss(&mut shop, 1), ["1 escalated out"]);
}

#[test]
fn what_is_muted_unknown_or_of_a_shop_that_is_down_is_not_escalated() {
    let mut shop = shop();
    shop.shows(1, 0);
    mute(&mut shop, "5", Matcher::default());
    assert_eq!(boss(&mut shop, 60), NOTHING);
    assert_eq!(in_round(&mut shop, 1, "boss"), NOTHING);
    shop.edit(1, |item| item.quantity = Figure::Unreadable);
    unmute(&mut shop, "5");
    assert_eq!(boss(&mut shop, 1), NOTHING);
    for wait in [1, 8, 8] {
        shop.fails(minutes(wait), Cause::Timeout);
    }
    assert_eq!(in_round(&mut shop, 1, "boss"), NOTHING);
    shop.stock(1, 0);
    shop.wait(minutes(1));
    assert!(heard(&shop.look(), "boss").contains(&"1 escalated out".to_owned()));
}

#[test]
fn what_was_open_when_it_appeared_is_not_escalated() {
    let mut shop = shop();
    shop.stock(3, 0);
    shop.later(minutes(1));
    assert_eq!(boss(&mut shop, 600), NOTHING);
}

#[test]
fn quiet_hours_and_severities_of_the_second_channel_hold_for_it() {
    let hours = quiet("12:00", "18:00", "UTC", true);
    let mut shop = Shop::open(rules_with(&[Severity::Out], Some(hours)), &[(1, 20)]);
    shop.shows(1, 1);
    assert_eq!(boss(&mut shop, 120), NOTHING);
    shop.stock(1, 0);
    assert_eq!(boss(&mut shop, 1), NOTHING, "escalation does not pierce");
    shop.now = "2026-11-21T18:00:00Z".parse().expect("a time");
    assert_eq!(boss(&mut shop, 0), ["1 escalated out"]);
}

#[test]
fn a_channel_it_was_escalated_to_is_not_reminded_of_it_before_the_first_look_after_a_restart_either() {
    let mut shop = shop();
    shop.shows(1, 0);
    assert_eq!(boss(&mut shop, 60), ["1 escalated out"]);
    restart_from_file(&mut shop);
    shop.wait(minutes(24 * 60));
    let slot = shop.now;
    let messages = round(&mut shop, Some(slot)).messages;
    assert_eq!(said(&messages, "mail"), ["1 reminder out"]);
    assert_eq!(said(&messages, "boss"), NOTHING);
}
