//! Rules that ask how long the stock lasts.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::forecast::Forecasts;
use whmcs_stock_monitor::domain::forecast::SellRate;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::channel;
use crate::shop::minutes;

const NOTHING: [&str; 0] = [];
const DAY: Duration = Duration::from_secs(86_400);

fn ten_days() -> Rules {
    let rule = Rule {
        origin: "rule 1".to_owned(),
        cover: Some(10 * DAY),
        ..Rule::default()
    };
    Rules::new(5, 1, vec![rule], vec![channel("mail", &[])])
}

/// So many a day of the first series.
fn selling(per_day: f64) -> Forecasts {
    let rate = SellRate {
        per_day,
        low: per_day / 2.0,
        high: per_day * 2.0,
        window_days: 28,
        drops: 20,
        sold: 20,
        observed_days: 28.0,
    };
    Forecasts::new(HashMap::from([(0, rate)]), Timestamp::UNIX_EPOCH)
}

#[test]
fn what_will_not_last_as_long_as_a_restock_takes_is_low() {
    let mut shop = Shop::open(ten_days(), &[(1, 40)]);
    shop.forecasts = selling(2.0);
    assert_eq!(shop.shows(1, 20), NOTHING, "ten days are enough");
    assert_eq!(shop.shows(1, 19), ["1 first low"]);
    assert_eq!(shop.shows(1, 5), NOTHING, "it is low already");
    assert_eq!(shop.shows(1, 1), ["1 worse critical"]);
}

#[test]
fn it_stays_low_until_the_stock_lasts_a_fifth_longer_than_asked() {
    let mut shop = Shop::open(ten_days(), &[(1, 40)]);
    shop.forecasts = selling(2.0);
    assert_eq!(shop.shows(1, 19), ["1 first low"]);
    assert_eq!(shop.shows(1, 23), NOTHING);
    assert_eq!(shop.severity(1), Severity::Low);
    assert_eq!(shop.shows(1, 24), ["1 recovered ok"]);
    assert_eq!(shop.shows(1, 23), NOTHING);
}

#[test]
fn the_margin_of_the_level_holds_beside_that_of_the_cover() {
    let mut shop = Shop::open(ten_days(), &[(1, 40)]);
    shop.forecasts = selling(0.1);
    assert_eq!(shop.shows(1, 5), ["1 first low"]);
    assert_eq!(shop.shows(1, 6), NOTHING);
    assert_eq!(shop.shows(1, 7), ["1 recovered ok"]);
}

#[test]
fn a_rate_that_rose_speaks_though_nothing_about_the_product_changed() {
    let mut shop = Shop::open(ten_days(), &[(1, 40)]);
    shop.forecasts = selling(2.0);
    assert_eq!(shop.later(minutes(60)), NOTHING);
    shop.forecasts = selling(5.0);
    assert_eq!(shop.later(minutes(60)), ["1 first low"]);
    assert_eq!(shop.later(minutes(60)), NOTHING);
    shop.forecasts = selling(1.0);
    assert_eq!(shop.later(minutes(60)), ["1 recovered ok"]);
}

#[test]
fn without_enough_history_the_rule_does_not_speak() {
    let mut shop = Shop::open(ten_days(), &[(1, 40)]);
    assert_eq!(shop.shows(1, 6), NOTHING);
    assert_eq!(shop.shows(1, 5), ["1 first low"]);
}

#[test]
fn an_unknown_level_freezes_what_the_cover_said() {
    let mut shop = Shop::open(ten_days(), &[(1, 40), (2, 40)]);
    shop.forecasts = selling(2.0);
    assert_eq!(shop.shows(1, 19), ["1 first low"]);
    shop.edit(1, |item| item.quantity = Figure::Unreadable);
    shop.forecasts = selling(0.1);
    assert_eq!(shop.later(minutes(60)), NOTHING);
    assert_eq!(shop.severity(1), Severity::Low);
}

#[test]
fn the_alert_says_how_long_it_lasts_and_what_was_asked() {
    let mut shop = Shop::open(ten_days(), &[(1, 40)]);
    shop.forecasts = selling(2.0);
    shop.stock(1, 12);
    let messages = shop.look().messages;
    let Body::Alerts { alerts, .. } = &messages[0].body else {
        panic!("{messages:?}")
    };
    assert_eq!(alerts[0].days_of_cover, Some(6.0));
    assert_eq!(alerts[0].thresholds.cover, Some(10 * DAY));
    let told = whmcs_stock_monitor::notify::subject::subject(&messages[0], false);
    insta::assert_snapshot!(told, @"LOW: Product 001, 12 left (was 40), will last about 6 days; a restock takes 10 days");
}
