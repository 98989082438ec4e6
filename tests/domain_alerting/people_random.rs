//! What holds whatever people say: nothing of what is muted is told, nothing is told twice, and a look that skips what did
//! not change tells the same as one that skips nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::message::Alert;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::people::ack;
use crate::people::mute;
use crate::people::products;
use crate::people::quiet;
use crate::people::round;
use crate::people::series;
use crate::people::unmute;
use crate::shop::Shop;
use crate::shop::channel;
use crate::shop::minutes;
use crate::shop::said;

#[derive(Debug, Clone, Copy)]
enum Happens {
    Stock(i64, i64),
    Muted(i64),
    Unmuted(i64),
    TakenOn(i64, Option<u64>),
    Left(i64),
    Round,
    Restart,
}

fn something() -> impl Strategy<Value = Happens> {
    let id = || 1i64..4;
    prop_oneof![
        8 => (id(), prop_oneof![Just(0i64), Just(1), Just(4), Just(9), Just(30)])
            .prop_map(|(id, level)| Happens::Stock(id, level)),
        1 => id().prop_map(Happens::Muted),
        2 => id().prop_map(Happens::Unmuted),
        2 => (id(), prop::option::of(0u64..300)).prop_map(|(id, eta)| Happens::TakenOn(id, eta)),
        1 => id().prop_map(Happens::Left),
        3 => Just(Happens::Round),
        1 => Just(Happens::Restart),
    ]
}

fn rules() -> Rules {
    let all = Rule {
        origin: "rule 1".to_owned(),
        hold: Some(Duration::from_secs(600)),
        escalate_after: Some(minutes(90)),
        escalate_to: Some(vec!["boss".to_owned()]),
        ..Rule::default()
    };
    let sales = ChannelPolicy {
        quiet: Some(quiet("22:00", "06:00", "UTC", true)),
        ..channel("sales", &[])
    };
    let boss = ChannelPolicy {
        default: false,
        ..channel("boss", &[])
    };
    let mut rules = Rules::new(5, 1, vec![all], vec![channel("mail", &[]), sales, boss]);
    rules.flap_limit = 4;
    rules
}

fn happen(shop: &mut Shop, happens: Happens) {
    match happens {
        Happens::Stock(id, level) => shop.stock(id, level),
        Happens::Muted(id) => {
            unmute(shop, &id.to_string());
            mute(shop, &id.to_string(), products(Pattern::Id(id)));
        }
        Happens::Unmuted(id) => unmute(shop, &id.to_string()),
        Happens::TakenOn(id, eta) => {
            let number = series(shop, id);
            ack(shop, number, None, eta);
        }
        Happens::Left(id) => {
            let number = series(shop, id);
            shop.people.acks.retain(|ack| ack.series != number);
        }
        Happens::Restart => shop.restart(),
        Happens::Round => {}
    }
}

fn alerts(messages: &[Message]) -> Vec<(&str, &Alert)> {
    let mut found = Vec::new();
    for message in messages {
        if let Body::Alerts { alerts, .. } = &message.body {
            found.extend(alerts.iter().map(|alert| (message.channel.as_str(), alert)));
        }
    }
    found
}

/// What each channel was last told of each product.
type Known = BTreeMap<(String, i64), Severity>;

/// Holds what was said to what was told before.
fn check(shop: &Shop, messages: &[Message], known: &mut Known) -> Result<(), TestCaseError> {
    for (channel, alert) in alerts(messages) {
        let id = alert.product_id().expect("about a product");
        let muted = shop.people.mutes.iter().any(|mute| *mute.id == *id.to_string());
        prop_assert!(!muted, "{id} is muted: {:?}", alert.reason);
        let told = known.entry((channel.to_owned(), id)).or_default();
        match alert.reason {
            Reason::First | Reason::Worse | Reason::Escalated => prop_assert!(alert.severity > *told),
            Reason::Better | Reason::Recovered if alert.meanwhile => {
                prop_assert!(alert.severity <= *told);
                prop_assert!(alert.previous_severity > *told);
            }
            Reason::Better | Reason::Recovered => prop_assert!(alert.severity < *told),
            Reason::Reminder | Reason::Overdue => {
                prop_assert!(*told != Severity::Ok);
                continue;
            }
            Reason::Flapping => {}
            Reason::RuleChanged | Reason::Withdrawn => prop_assert!(false, "{:?}", alert.reason),
        }
        *told = alert.severity;
    }
    Ok(())
}

fn lines(messages: &[Message]) -> Vec<Vec<String>> {
    ["mail", "sales", "boss"]
        .map(|name| said(messages, name))
        .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_muted_is_told_nothing_is_told_twice_and_nothing_is_skipped_that_would_tell(
        steps in prop::collection::vec((prop::collection::vec(something(), 0..3), 1u64..120), 1..60)
    ) {
        let stock = [(1, 20), (2, 20), (3, 20)];
        // The other one looks at everything each time, as after a start.
        let mut shops = [Shop::open(rules(), &stock), Shop::open(rules(), &stock)];
        let mut known = Known::new();
        for (all, wait) in steps {
            let mut told = Vec::new();
            for (place, shop) in shops.iter_mut().enumerate() {
                shop.wait(minutes(wait));
                let mut messages = Vec::new();
                for happens in &all {
                    happen(shop, *happens);
                    if matches!(happens, Happens::Round) {
                        messages.extend(round(shop, None).messages);
                        if place == 0 {
                            check(shop, &messages, &mut known)?;
                        }
                        told.push(lines(&messages));
                        messages.clear();
                    }
                }
                if place == 1 {
                    shop.restart();
                }
                messages = shop.look().messages;
                if place == 0 {
                    check(shop, &messages, &mut known)?;
                }
                told.push(lines(&messages));
            }
            let (one, other) = told.split_at(told.len() / 2);
            prop_assert_eq!(one, other, "at {}", shops[0].now);
        }
    }
}
