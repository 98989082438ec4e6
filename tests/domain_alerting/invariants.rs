//! What holds whatever a shop does: random catalogues, channels and rules, every poll held to it. That a decision
//! is the same twice, that keys are unique, and that changes lead from one memory to the next is checked by the
//! shop itself at each look.

use std::collections::BTreeMap;

use proptest::prelude::*;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::message::Status;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::channel;
use crate::shop::minutes;
use crate::shop::option;

/// Something that happens to the shop before a poll.
#[derive(Debug, Clone)]
enum Happens {
    Stock(i64, i64),
    Unreadable(i64),
    Choice(i64, usize, Option<i64>),
    Removed(i64),
    Hidden(i64, bool),
    Retired(i64, bool),
    Controlled(i64, Option<bool>),
    Detailed(i64, bool),
    Renamed(i64),
    AnotherOption(i64, bool),
    Companion(Companion),
    Rules(usize),
    Restart,
}

fn something() -> impl Strategy<Value = Happens> {
    let id = || 1i64..9;
    let level = || prop_oneof![4 => -1i64..9, 1 => Just(0i64), 1 => Just(40i64)];
    prop_oneof![
        12 => (id(), level()).prop_map(|(id, level)| Happens::Stock(id, level)),
        6 => (id(), 0usize..2, prop::option::of(level())).prop_map(|(id, at, n)| Happens::Choice(id, at, n)),
        1 => id().prop_map(Happens::Unreadable),
        2 => id().prop_map(Happens::Removed),
        1 => (id(), any::<bool>()).prop_map(|(id, on)| Happens::Hidden(id, on)),
        1 => (id(), any::<bool>()).prop_map(|(id, on)| Happens::Retired(id, on)),
        2 => (id(), any::<Option<bool>>()).prop_map(|(id, on)| Happens::Controlled(id, on)),
        2 => (id(), any::<bool>()).prop_map(|(id, on)| Happens::Detailed(id, on)),
        1 => id().prop_map(Happens::Renamed),
        1 => (id(), any::<bool>()).prop_map(|(id, on)| Happens::AnotherOption(id, on)),
        1 => prop_oneof![Just(Companion::Absent), Just(Companion::Contract1)].prop_map(Happens::Companion),
        1 => (0usize..4).prop_map(Happens::Rules),
        1 => Just(Happens::Restart),
    ]
}

/// A poll: what happens before it, how many minutes it is later, and whether it fails.
fn a_poll() -> impl Strategy<Value = (Vec<Happens>, u64, bool)> {
    (
        prop::collection::vec(something(), 0..6),
        0u64..12,
        prop::bool::weighted(0.1),
    )
}

fn rules(which: usize) -> Rules {
    let names = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    let slow = Rule {
        products: vec![Pattern::Id(1), Pattern::Id(2)],
        low: Some(7),
        confirm: Some(minutes(5)),
        ignore_hidden: Some(true),
        ..Rule::default()
    };
    let large = Rule {
        options: vec![(Pattern::text("ram"), Pattern::Id(12))],
        critical: Some(3),
        channels: names(&["sales", "mail"]),
        ..Rule::default()
    };
    let elsewhere = Rule {
        products: vec![Pattern::Id(3)],
        channels: names(&["sales"]),
        ..Rule::default()
    };
    let mut sales = channel("sales", &[Severity::Low, Severity::Critical]);
    sales.default = false;
    let (mail, pager) = (channel("mail", &[]), channel("pager", &[Severity::Out]));
    match which {
        0 => Rules::new(5, 1, vec![], vec![mail, pager]),
        1 => Rules::new(5, 1, vec![slow, large], vec![pager, mail, sales]),
        2 => Rules::new(3, 2, vec![elsewhere, large], vec![sales, mail]),
        _ => Rules::new(5, 1, vec![slow, elsewhere], vec![mail, sales, pager]),
    }
}

fn happen(shop: &mut Shop, what: Happens) {
    match what {
        Happens::Stock(id, level) => shop.stock(id, level),
        Happens::Removed(id) => shop.remove(id),
        Happens::Rules(which) => shop.reload(rules(which)),
        Happens::Restart => shop.restart(),
        Happens::Companion(companion) => shop.companion = companion,
        Happens::Unreadable(id) => shop.edit(id, |item| item.quantity = Figure::Unreadable),
        Happens::Hidden(id, on) => shop.edit(id, |item| item.hidden = Some(on)),
        Happens::Retired(id, on) => shop.edit(id, |item| item.retired = Some(on)),
        Happens::Controlled(id, on) => shop.edit(id, |item| item.controlled = on),
        Happens::Detailed(id, on) => shop.edit(id, |item| item.detailed = on),
        Happens::Renamed(id) => shop.edit(id, |item| item.name.push('x')),
        Happens::AnotherOption(id, on) => shop.edit(id, |item| {
            item.options.truncate(1);
            if on {
                item.options.push(option(5, "Disk", &[(20, None), (21, Some(6))]));
            }
        }),
        Happens::Choice(id, at, left) => shop.edit(id, |item| {
            if item.options.is_empty() {
                item.options.push(option(4, "RAM", &[(11, None), (12, None)]));
            }
            item.options[0].choices[at].stock = left.map_or(Figure::Absent, Figure::Number);
        }),
    }
}

type ToldBy = BTreeMap<(String, String), Severity>;

/// Every series that is there, by alert id, with what each channel was told of it.
fn remembered(shop: &Shop) -> ToldBy {
    let mut found = ToldBy::new();
    for tracked in &shop.memory.products {
        let own = (format!("default/{}/-", tracked.id), &tracked.series);
        let combinations = tracked
            .combinations
            .iter()
            .map(|c| (format!("default/{}/{}", tracked.id, c.key), &c.series));
        for (alert_id, series) in std::iter::once(own).chain(combinations) {
            // Of one that flaps the worst that was told is kept, also while it is ok.
            for told in series.told.iter().filter(|told| told.severity != Severity::Ok) {
                found.insert((told.channel.to_string(), alert_id.clone()), told.severity);
            }
        }
    }
    found
}

/// What the messages of a decision make of what was told before: alerts by themselves; what counts as told without
/// an alert, where a baseline or an event of the product says so.
fn replay(told: &mut ToldBy, decision: &Decision, after: &ToldBy, shop: &Shop) {
    // A removed channel is forgotten.
    told.retain(|(name, _), _| shop.rules.channels.iter().any(|channel| channel.name == *name));
    for message in &decision.messages {
        let mut take_over = |prefix: &str| {
            told.retain(|(name, id), _| *name != message.channel || !id.starts_with(prefix));
            let counts = after
                .iter()
                .filter(|((name, id), _)| *name == message.channel && id.starts_with(prefix));
            told.extend(counts.map(|(key, severity)| (key.clone(), *severity)));
        };
        match &message.body {
            Body::Baseline { .. } => take_over("default/"),
            Body::Products { events } => {
                use whmcs_stock_monitor::domain::stand::ProductEventKind as Kind;
                for event in events {
                    if matches!(event.kind, Kind::New | Kind::Returned | Kind::ControlOn) {
                        take_over(&format!("default/{}/", event.product.id));
                    }
                }
            }
            Body::Alerts { .. }
            | Body::SourceDown { .. }
            | Body::SourceUp { .. }
            | Body::SourceDegraded { .. }
            | Body::SourceRestored { .. }
            | Body::Report(_)
            | Body::ReportOverdue { .. }
            | Body::Ping => {}
        }
    }
    for message in &decision.messages {
        let Body::Alerts { alerts, .. } = &message.body else {
            continue;
        };
        for alert in alerts {
            let key = (message.channel.clone(), alert.alert_id.clone());
            // That it flaps is news, however it stands at that moment.
            assert!(
                alert.severity != alert.previous_severity || alert.reason == Reason::Flapping,
                "told the same twice: {alert:?}"
            );
            assert_eq!(
                alert.status == Status::Resolved,
                alert.severity == Severity::Ok,
                "{alert:?}"
            );
            if alert.severity == Severity::Ok {
                told.remove(&key);
            } else {
                told.insert(key, alert.severity);
            }
        }
    }
}

/// Each alert builds on what that channel was told before.
fn check_previous(told: &ToldBy, decision: &Decision) {
    let baselined = |name: &str| {
        decision
            .messages
            .iter()
            .any(|message| message.channel == name && message.body.kind() == "stock.baseline")
    };
    for message in &decision.messages {
        let Body::Alerts { alerts, .. } = &message.body else {
            continue;
        };
        for alert in alerts {
            let key = (message.channel.clone(), alert.alert_id.clone());
            let before = told.get(&key).copied().unwrap_or_default();
            if !baselined(&message.channel) {
                assert_eq!(alert.previous_severity, before, "{alert:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn what_was_told_is_what_was_said(polls in prop::collection::vec(a_poll(), 1..40), which in 0usize..4) {
        let mut shop = Shop::new(rules(which));
        for id in 1..=6 {
            shop.stock(id, 4 * id - 4);
            shop.edit(id, |item| item.detailed = id % 2 == 0);
        }
        let mut told = ToldBy::new();
        for (happens, later, fails) in polls {
            for what in happens {
                happen(&mut shop, what);
            }
            let decision = if fails {
                shop.fails(minutes(later), Cause::Server)
            } else {
                shop.wait(minutes(later));
                shop.look()
            };
            check_previous(&told, &decision);
            let after = remembered(&shop);
            if decision.outcome == Outcome::Accepted {
                replay(&mut told, &decision, &after, &shop);
            }
            prop_assert_eq!(&told, &after);
            for tracked in shop.memory.products.iter().filter(|tracked| tracked.gone) {
                let mut told = tracked.series.told.iter();
                prop_assert!(told.all(|told| told.severity == Severity::Ok));
            }
            let whole = shop.memory.products.iter().all(|tracked| tracked.gone || tracked.missing == 0);
            if whole && decision.outcome == Outcome::Accepted {
                let again = shop.look();
                prop_assert!(again.messages.is_empty(), "{:?}", again.messages);
                prop_assert!(again.events.is_empty() && again.changes.is_empty(), "{:?}", again);
            }
        }
    }
}
