//! Quiet hours of a channel: what pierces is told at once, all else waits for their end, and what was over is told as such.

use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::people::Quiet;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::people::ack;
use crate::people::in_round;
use crate::people::mute;
use crate::people::products;
use crate::people::quiet;
use crate::people::reminded;
use crate::people::restart_from_file;
use crate::people::series;
use crate::people::unmute;
use crate::shop::Shop;
use crate::shop::alerts;
use crate::shop::channel;
use crate::shop::heard;

const NOTHING: [&str; 0] = [];

fn rules(quiet: Quiet) -> Rules {
    let sales = ChannelPolicy {
        quiet: Some(quiet),
        ..channel("sales", &[])
    };
    Rules::new(5, 1, Vec::new(), vec![sales, channel("mail", &[])])
}

/// A shop at noon of 21 November 2026, whose channel "sales" is left in peace from 22:00 to 06:00.
fn shop(pierce: bool) -> Shop {
    Shop::open(rules(quiet("22:00", "06:00", "UTC", pierce)), &[(1, 20), (2, 20)])
}

fn at(shop: &mut Shop, time: &str) {
    shop.now = time.parse().expect("a time");
}

/// What "sales" hears where the product's level is so at that time.
fn shows_at(shop: &mut Shop, time: &str, level: i64) -> Vec<String> {
    at(shop, time);
    shop.stock(1, level);
    heard(&shop.look(), "sales")
}

#[test]
fn what_got_worse_waits_for_their_end_over_midnight_and_other_channels_do_not() {
    let mut shop = shop(false);
    at(&mut shop, "2026-11-21T22:00:00Z");
    shop.stock(1, 0);
    let decision = shop.look();
    assert_eq!(heard(&decision, "sales"), NOTHING);
    assert_eq!(heard(&decision, "mail"), ["1 first out"]);
    restart_from_file(&mut shop);
    assert_eq!(shows_at(&mut shop, "2026-11-22T05:59:59Z", 0), NOTHING);
    assert_eq!(shows_at(&mut shop, "2026-11-22T06:00:00Z", 0), ["1 first out"]);
    assert_eq!(shows_at(&mut shop, "2026-11-22T06:01:00Z", 0), NOTHING);
}

#[test]
fn out_pierces_where_it_is_so_configured_and_what_is_milder_does_not() {
    let mut shop = shop(true);
    assert_eq!(shows_at(&mut shop, "2026-11-21T23:00:00Z", 1), NOTHING);
    assert_eq!(shows_at(&mut shop, "2026-11-21T23:01:00Z", 0), ["1 first out"]);
    assert_eq!(
        shows_at(&mut shop, "2026-11-21T23:02:00Z", 30),
        NOTHING,
        "good news waits"
    );
    assert_eq!(
        shows_at(&mut shop, "2026-11-22T06:00:00Z", 30),
        ["1 recovered ok"]
    );
}

#[test]
fn what_got_bad_and_was_over_meanwhile_is_told_as_such_once() {
    let mut shop = shop(false);
    shows_at(&mut shop, "2026-11-21T23:00:00Z", 4);
    shows_at(&mut shop, "2026-11-21T23:01:00Z", 0);
    shows_at(&mut shop, "2026-11-21T23:30:00Z", 30);
    restart_from_file(&mut shop);
    at(&mut shop, "2026-11-22T06:00:00Z");
    let decision = shop.look();
    assert_eq!(heard(&decision, "sales"), ["1 recovered ok"]);
    let alert = alerts(&decision, "sales").remove(0);
    assert!(alert.meanwhile);
    assert_eq!(alert.previous_severity, Severity::Out, "the worst of it");
    assert_eq!(heard(&decision, "mail"), NOTHING);
    assert_eq!(shows_at(&mut shop, "2026-11-22T06:01:00Z", 30), NOTHING);
    assert!(
        shop.tracked(1).series.told.is_empty(),
        "nothing is left to remember"
    );
}

#[test]
fn what_was_worse_meanwhile_than_it_was_told_and_is_no_longer_is_better() {
    let mut shop = shop(false);
    assert_eq!(
        shows_at(&mut shop, "2026-11-21T21:00:00Z", 1),
        ["1 first critical"]
    );
    shows_at(&mut shop, "2026-11-21T23:00:00Z", 0);
    shows_at(&mut shop, "2026-11-21T23:30:00Z", 1);
    at(&mut shop, "2026-11-22T06:00:00Z");
    let decision = shop.look();
    assert_eq!(heard(&decision, "sales"), ["1 better critical"]);
    assert!(alerts(&decision, "sales")[0].meanwhile);
}

#[test]
fn what_differs_at_their_end_is_told_as_usual_and_what_was_missed_is_forgotten() {
    let mut shop = shop(false);
    shows_at(&mut shop, "2026-11-21T23:00:00Z", 0);
    shows_at(&mut shop, "2026-11-21T23:30:00Z", 4);
    at(&mut shop, "2026-11-22T06:00:00Z");
    let decision = shop.look();
    assert_eq!(heard(&decision, "sales"), ["1 first low"]);
    assert!(!alerts(&decision, "sales")[0].meanwhile);
    assert_eq!(
        shows_at(&mut shop, "2026-11-22T06:01:00Z", 30),
        ["1 recovered ok"]
    );
}

#[test]
fn what_left_out_long_ago_is_better_at_their_end() {
    let mut shop = shop(false);
    assert_eq!(shows_at(&mut shop, "2026-11-21T21:00:00Z", 0), ["1 first out"]);
    shows_at(&mut shop, "2026-11-21T23:00:00Z", 4);
    // The other channel is told after the hold; that ends the wait.
    shows_at(&mut shop, "2026-11-21T23:30:00Z", 4);
    assert_eq!(shows_at(&mut shop, "2026-11-22T06:00:00Z", 4), ["1 better low"]);
    assert_eq!(shows_at(&mut shop, "2026-11-22T06:01:00Z", 4), NOTHING);
}

#[test]
fn reminders_and_overdue_wait_for_their_end() {
    let mut shop = shop(true);
    assert_eq!(shows_at(&mut shop, "2026-11-20T21:00:00Z", 0), ["1 first out"]);
    at(&mut shop, "2026-11-21T23:00:00Z");
    assert_eq!(reminded(&mut shop, "sales"), NOTHING);
    let number = series(&shop, 1);
    ack(&mut shop, number, None, Some(60));
    at(&mut shop, "2026-11-22T01:00:00Z");
    assert_eq!(in_round(&mut shop, 0, "mail"), ["1 overdue out"]);
    assert_eq!(in_round(&mut shop, 0, "sales"), NOTHING);
    restart_from_file(&mut shop);
    at(&mut shop, "2026-11-22T06:00:00Z");
    assert_eq!(in_round(&mut shop, 0, "sales"), ["1 overdue out"]);
    assert_eq!(in_round(&mut shop, 0, "sales"), NOTHING);
}

#[test]
fn of_an_ack_that_ended_in_the_night_nobody_hears_that_it_was_overdue() {
    let mut shop = shop(true);
    assert_eq!(shows_at(&mut shop, "2026-11-21T21:00:00Z", 0), ["1 first out"]);
    let number = series(&shop, 1);
    ack(&mut shop, number, None, Some(120));
    at(&mut shop, "2026-11-21T23:00:00Z");
    assert_eq!(in_round(&mut shop, 0, "mail"), ["1 overdue out"]);
    shop.people.acks.clear();
    assert_eq!(shows_at(&mut shop, "2026-11-22T06:00:00Z", 0), NOTHING);
    assert!(!shop.tracked(1).series.told[0].overdue);
}

#[test]
fn what_is_taken_back_in_them_is_recorded_at_once_in_a_message_of_its_own() {
    let mut shop = shop(true);
    shows_at(&mut shop, "2026-11-21T21:00:00Z", 0);
    shop.remove(1);
    for time in ["2026-11-21T23:00:00Z", "2026-11-21T23:01:00Z"] {
        at(&mut shop, time);
        shop.look();
    }
    at(&mut shop, "2026-11-21T23:02:00Z");
    shop.stock(2, 0);
    let told = shop.look();
    let mut lines: Vec<String> = Vec::new();
    for message in told.messages.iter().filter(|message| message.channel == "sales") {
        lines.push(crate::shop::said(std::slice::from_ref(message), "sales").join(", "));
    }
    assert_eq!(lines, ["2 first out", "1 withdrawn ok", "1 gone: gone"]);
}

#[test]
fn a_mute_that_ends_in_them_leaves_its_news_for_their_end() {
    let mut shop = shop(false);
    at(&mut shop, "2026-11-21T21:00:00Z");
    mute(&mut shop, "5", products(Pattern::text("product 001")));
    assert_eq!(shows_at(&mut shop, "2026-11-21T21:30:00Z", 0), NOTHING);
    unmute(&mut shop, "5");
    assert_eq!(shows_at(&mut shop, "2026-11-21T23:00:00Z", 0), NOTHING);
    assert_eq!(shows_at(&mut shop, "2026-11-22T06:00:00Z", 0), ["1 first out"]);
}

#[test]
fn hours_are_those_of_the_zone_also_in_the_nights_in_which_its_clocks_change() {
    let berlin = quiet("22:00", "06:00", "Europe/Berlin", false);
    let new_york = quiet("01:30", "03:00", "America/New_York", false);
    let cases = [
        // 29 March: the night is an hour shorter in Berlin.
        (&berlin, "2026-03-28T20:59:59Z", None),
        (&berlin, "2026-03-28T21:00:00Z", Some("2026-03-29T04:00:00Z")),
        (&berlin, "2026-03-29T03:59:59Z", Some("2026-03-29T04:00:00Z")),
        (&berlin, "2026-03-29T04:00:00Z", None),
        // 25 October: an hour longer.
        (&berlin, "2026-10-24T20:00:00Z", Some("2026-10-25T05:00:00Z")),
        (&berlin, "2026-10-25T04:59:59Z", Some("2026-10-25T05:00:00Z")),
        (&berlin, "2026-10-25T05:00:00Z", None),
        // 1 November: 01:30 comes twice in New York, and they begin with the first.
        (&new_york, "2026-11-01T05:29:59Z", None),
        (&new_york, "2026-11-01T05:30:00Z", Some("2026-11-01T08:00:00Z")),
        (&new_york, "2026-11-01T06:15:00Z", Some("2026-11-01T08:00:00Z")),
        (&new_york, "2026-11-01T08:00:00Z", None),
        // 8 March: 02:00 to 03:00 is left out.
        (&new_york, "2026-03-08T06:30:00Z", Some("2026-03-08T07:00:00Z")),
        (&new_york, "2026-03-08T07:00:00Z", None),
    ];
    for (hours, now, expected) in cases {
        let until = hours.until(now.parse().expect("a time"));
        assert_eq!(until.map(|until| until.to_string()).as_deref(), expected, "{now}");
    }
}

#[test]
fn on_named_days_they_are_those_that_begin_then() {
    let mut weekend = quiet("20:00", "08:00", "UTC", false);
    weekend.days = vec![jiff::civil::Weekday::Friday, jiff::civil::Weekday::Saturday];
    for (now, is_quiet) in [
        ("2026-11-19T23:00:00Z", false),
        ("2026-11-20T19:59:59Z", false),
        ("2026-11-20T20:00:00Z", true),
        ("2026-11-21T07:59:59Z", true),
        ("2026-11-21T12:00:00Z", false),
        ("2026-11-22T07:59:59Z", true),
        ("2026-11-22T23:00:00Z", false),
    ] {
        let until = weekend.until(now.parse().expect("a time"));
        assert_eq!(until.is_some(), is_quiet, "{now}");
    }
    let mut day = quiet("00:00", "00:00", "UTC", false);
    assert!(
        day.until("2026-11-21T12:00:00Z".parse().expect("a time"))
            .is_some(),
        "a whole day"
    );
    day.days = vec![jiff::civil::Weekday::Sunday];
    assert!(
        day.until("2026-11-21T12:00:00Z".parse().expect("a time"))
            .is_none()
    );
}

#[test]
fn what_was_out_meanwhile_and_is_milder_now_than_it_was_told_is_better_and_counts_as_told() {
    let mut shop = shop(false);
    shows_at(&mut shop, "2026-11-21T21:00:00Z", 1);
    shows_at(&mut shop, "2026-11-21T23:00:00Z", 0);
    shows_at(&mut shop, "2026-11-21T23:30:00Z", 4);
    at(&mut shop, "2026-11-22T06:00:00Z");
    let decision = shop.look();
    assert_eq!(heard(&decision, "sales"), ["1 better low"]);
    let alert = alerts(&decision, "sales").remove(0);
    assert!(alert.meanwhile);
    assert_eq!(alert.previous_severity, Severity::Out);
    assert_eq!(
        shows_at(&mut shop, "2026-11-22T06:01:00Z", 1),
        ["1 worse critical"]
    );
}

#[test]
fn what_left_out_by_way_of_ok_is_better_only_once_the_hold_has_passed() {
    let mut shop = shop(false);
    assert_eq!(shows_at(&mut shop, "2026-11-21T21:00:00Z", 0), ["1 first out"]);
    shows_at(&mut shop, "2026-11-22T05:57:00Z", 30);
    shows_at(&mut shop, "2026-11-22T05:58:00Z", 4);
    assert_eq!(shows_at(&mut shop, "2026-11-22T06:00:00Z", 4), NOTHING);
    assert_eq!(shows_at(&mut shop, "2026-11-22T06:02:00Z", 4), ["1 better low"]);
    assert!(!shop.tracked(1).series.is_waiting());
}

#[test]
fn of_what_waits_for_the_look_after_them_nobody_is_reminded_before_it() {
    let mut shop = shop(false);
    assert_eq!(shows_at(&mut shop, "2026-11-21T23:00:00Z", 0), NOTHING);
    at(&mut shop, "2026-11-22T06:00:00Z");
    assert_eq!(reminded(&mut shop, "sales"), NOTHING, "it was never told");
    assert_eq!(shows_at(&mut shop, "2026-11-22T06:01:00Z", 0), ["1 first out"]);
    at(&mut shop, "2026-11-23T06:00:00Z");
    assert_eq!(reminded(&mut shop, "sales"), ["1 reminder out"]);
}
