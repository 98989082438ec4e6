//! The same semantics told again, short and from the text alone, and compared over random walks of one product.

use std::time::Duration;

use proptest::prelude::*;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::source::Cause;

use crate::shop::Shop;
use crate::shop::alerts;
use crate::shop::channel;

/// What a poll shows of the product.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shows {
    Level(i64),
    Unknown,
    NotControlled,
    /// The poll itself fails.
    Failure,
}

#[derive(Debug, Clone)]
struct Thresholds {
    low: i64,
    critical: i64,
    margin: i64,
    confirm: i64,
    confirm_out: i64,
    hold: i64,
}

const OK: usize = 0;
const LOW: usize = 1;
const OUT: usize = 3;
const NAMES: [&str; 4] = ["ok", "low", "critical", "out"];

/// One series and one channel. Time is the time in which the level was known: unknown spells are cut out of it.
#[derive(Default)]
struct Model {
    severity: usize,
    told: usize,
    /// Since when the level has called for at least this severity without a break.
    called_for: [Option<i64>; 4],
    left_out: Option<i64>,
    cut_out: i64,
    unknown_since: Option<i64>,
    not_controlled: bool,
}

impl Model {
    fn say(&mut self, reason: &str, severity: usize) -> Vec<String> {
        self.told = severity;
        vec![format!("{reason} {}", NAMES[severity])]
    }

    fn sees(&mut self, shows: Shows, now: i64, rule: &Thresholds, first: bool) -> Vec<String> {
        let level = match shows {
            Shows::Failure => return vec![],
            Shows::Unknown => {
                self.unknown_since.get_or_insert(now);
                return vec![];
            }
            Shows::NotControlled => {
                let told = self.told;
                *self = Self {
                    not_controlled: true,
                    ..Self::default()
                };
                return if told > OK {
                    self.say("withdrawn", OK)
                } else {
                    vec![]
                };
            }
            Shows::Level(level) => level,
        };
        self.cut_out += self.unknown_since.take().map_or(0, |since| now - since);
        let now = now - self.cut_out;
        let called = match level {
            i64::MIN..=0 => OUT,
            n if n <= rule.critical.min(rule.low) => 2,
            n if n <= rule.low => LOW,
            _ => OK,
        };
        if first || std::mem::take(&mut self.not_controlled) {
            // A baseline, or the first reading after control was switched on: silent, and it counts as told.
            (self.severity, self.told) = (called, called);
            return vec![];
        }
        let was = self.severity;
        for severity in LOW..=OUT {
            let since = self.called_for[severity].filter(|_| called >= severity && severity > was);
            self.called_for[severity] = since.or((called >= severity && severity > was).then_some(now));
            let wait = if severity == OUT {
                rule.confirm_out
            } else {
                rule.confirm
            };
            if self.called_for[severity].is_some_and(|since| now - since >= wait) {
                self.severity = severity;
            }
        }
        let margin_holds = was == LOW && called == OK && level <= rule.low + rule.margin;
        if called < was && !margin_holds {
            self.severity = called;
        }
        match (was, self.severity) {
            (OUT, LOW | 2) => self.left_out = Some(now),
            (_, OK | OUT) => self.left_out = None,
            _ => {}
        }
        let held = self.left_out.is_some_and(|since| now - since >= rule.hold);
        match (self.told, self.severity) {
            (OK, worse @ LOW..) => self.say("first", worse),
            (told, worse) if worse > told => self.say("worse", worse),
            (LOW.., OK) => self.say("recovered", OK),
            (OUT, better @ (LOW | 2)) if held => self.say("better", better),
            _ => vec![],
        }
    }
}

fn a_rule() -> impl Strategy<Value = Thresholds> {
    let waits = || prop_oneof![Just(0i64), Just(60), Just(300)];
    (0i64..9, 0i64..9, 0i64..4, waits(), waits(), waits()).prop_map(
        |(low, critical, margin, confirm, confirm_out, hold)| Thresholds {
            low,
            critical,
            margin,
            confirm,
            confirm_out,
            hold,
        },
    )
}

fn what_is_shown() -> impl Strategy<Value = Shows> {
    prop_oneof![
        12 => (-1i64..13).prop_map(Shows::Level),
        2 => Just(Shows::Unknown),
        1 => Just(Shows::NotControlled),
        1 => Just(Shows::Failure),
    ]
}

fn seconds(n: i64) -> Duration {
    Duration::from_secs(n.unsigned_abs())
}

fn rules(rule: &Thresholds) -> Rules {
    let all = Rule {
        confirm: Some(seconds(rule.confirm)),
        confirm_out: Some(seconds(rule.confirm_out)),
        hold: Some(seconds(rule.hold)),
        recover_margin: Some(rule.margin),
        ..Rule::default()
    };
    let mut rules = Rules::new(rule.low, rule.critical, vec![all], vec![channel("mail", &[])]);
    // That a source is down is another story, and so is what goes to and fro.
    rules.source_down_polls = u32::MAX;
    rules.flap_limit = 0;
    rules
}

/// Sets product 1 as the poll shows it; false where the poll fails.
fn stage(shop: &mut Shop, shows: Shows) -> bool {
    let (controlled, figure) = match shows {
        Shows::Level(level) => (Some(true), Figure::Number(level)),
        Shows::Unknown => {
            // Unreadable, whether or not it is controlled: what was said of that last still stands.
            let known = shop.items.get(&1).and_then(|item| item.controlled);
            (known.filter(|controlled| *controlled), Figure::Unreadable)
        }
        Shows::NotControlled => (Some(false), Figure::Number(0)),
        Shows::Failure => return false,
    };
    shop.edit(1, |item| {
        item.detailed = true;
        item.controlled = controlled;
        item.quantity = figure;
    });
    true
}

proptest! {
    #[test]
    fn what_is_told_is_what_the_text_says(
        rule in a_rule(),
        first in -1i64..13,
        steps in prop::collection::vec((what_is_shown(), 1i64..400), 1..60),
    ) {
        let mut shop = Shop::new(rules(&rule));
        shop.companion = Companion::Contract1;
        shop.stock(2, 1000);
        stage(&mut shop, Shows::Level(first));
        let mut model = Model::default();
        let began = shop.now;
        shop.look();
        model.sees(Shows::Level(first), 0, &rule, true);
        for (step, (shows, gap)) in steps.into_iter().enumerate() {
            let decision = if stage(&mut shop, shows) {
                shop.wait(seconds(gap));
                shop.look()
            } else {
                shop.fails(seconds(gap), Cause::Timeout)
            };
            let told: Vec<String> = alerts(&decision, "mail")
                .iter()
                .map(|alert| format!("{} {}", alert.reason.as_str(), alert.severity.as_str()))
                .collect();
            let now = crate::shop::since(&shop, began).as_secs();
            let expected = model.sees(shows, now, &rule, false);
            prop_assert_eq!(told, expected, "step {}: {:?}", step, shows);
            prop_assert_eq!(
                shop.severity(1).as_str(),
                NAMES[model.severity],
                "severity at step {}: {:?}",
                step,
                shows
            );
        }
    }
}
