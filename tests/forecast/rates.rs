//! What must hold of the sell rate, whatever the history.

use proptest::prelude::*;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::forecast::SellRate;
use whmcs_stock_monitor::domain::forecast::observed::Observed;
use whmcs_stock_monitor::domain::forecast::rate::Step;
use whmcs_stock_monitor::domain::forecast::rate::sell_rate;
use whmcs_stock_monitor::domain::forecast::rate::window;

use crate::market::HOUR;
use crate::market::at;

fn step(day: f64, level: i64) -> Step {
    Step {
        at: at(day),
        level: Some(Level::Known(level)),
    }
}

/// One less every so many hours from a start, over `days`.
fn falling(from: i64, every: f64, days: f64) -> Vec<Step> {
    let mut steps = vec![step(0.0, from)];
    let mut level = from;
    let mut day = every * HOUR;
    while day < days {
        level -= 1;
        steps.push(step(day, level));
        day += every * HOUR;
    }
    steps
}

fn all(days: f64) -> Observed {
    Observed::throughout(at(0.0), at(days))
}

fn rate(steps: &[Step], days: f64) -> Option<SellRate> {
    sell_rate(steps, &all(days), at(days))
}

/// Polls each hour, but none from one day to the other.
fn hourly_without(days: f64, from: f64, to: f64) -> Observed {
    let hours = (0..)
        .map(|hour| f64::from(hour) * HOUR)
        .take_while(|day| *day <= days);
    let seen = hours.filter(|day| !(from..to).contains(day));
    Observed::from_polls(seen.map(|day| at(day).as_millisecond()).collect())
}

fn near(rate: Option<SellRate>, per_day: f64) {
    let rate = rate.expect("a rate");
    assert!((rate.per_day - per_day).abs() < 0.05 * per_day, "{rate:?}");
}

#[test]
fn drops_are_divided_by_the_time_in_stock() {
    near(rate(&falling(1000, 8.0, 28.0), 28.0), 3.0);
}

#[test]
fn two_drops_or_four_days_are_not_enough_history() {
    let two = [step(0.0, 10), step(5.0, 9), step(9.0, 8)];
    assert_eq!(rate(&two, 28.0), None);
    assert_eq!(rate(&falling(1000, 8.0, 4.9), 4.9), None);
    near(rate(&falling(1000, 8.0, 5.1), 5.1), 3.0);
}

#[test]
fn time_at_zero_is_no_time_in_which_nothing_sold() {
    let mut steps = falling(30, 8.0, 10.0);
    steps.push(step(10.0, 0));
    steps.truncate(30);
    steps.push(step(10.0, 0));
    let rate = rate(&steps, 28.0).expect("a rate");
    assert!((rate.observed_days - 10.0).abs() < 0.5, "{rate:?}");
    assert!((rate.per_day - 3.0).abs() < 0.2, "{rate:?}");
}

#[test]
fn time_that_is_unknown_leaves_the_denominator_unless_the_level_fell_over_it() {
    let unknown = Step {
        at: at(10.0),
        level: None,
    };
    let unknown = Step {
        level: Some(Level::Unknown),
        ..unknown
    };
    let before = falling(100, 8.0, 10.0);
    let level = before
        .last()
        .and_then(|step| step.level)
        .and_then(Level::known)
        .expect("a level");
    let same = [before.clone(), vec![unknown, step(20.0, level)]].concat();
    let rate_same = window(&same, &all(21.0), at(21.0), 28).expect("a rate");
    assert!((rate_same.observed_days - 11.0).abs() < 0.1, "{rate_same:?}");
    let fell = [before, vec![unknown, step(20.0, level - 30)]].concat();
    let rate_fell = window(&fell, &all(21.0), at(21.0), 28).expect("a rate");
    assert!((rate_fell.observed_days - 21.0).abs() < 0.1, "{rate_fell:?}");
    assert!((rate_fell.per_day - 2.8).abs() < 0.1, "{rate_fell:?}");
}

#[test]
fn a_drop_across_a_gap_counts_with_the_time_of_the_gap() {
    let steps = falling(200, 8.0, 28.0);
    let seen: Vec<Step> = steps
        .into_iter()
        .filter(|step| !(at(12.0)..at(16.0)).contains(&step.at))
        .collect();
    let rate = sell_rate(&seen, &hourly_without(28.0, 12.0, 16.0), at(28.0)).expect("a rate");
    assert!((rate.per_day - 3.0).abs() < 0.1, "{rate:?}");
    assert!((rate.observed_days - 28.0).abs() < 0.5, "{rate:?}");
    assert_eq!(rate.sold, 84);
}

#[test]
fn what_sells_often_keeps_its_rate_over_a_gap_wherever_it_lies() {
    // Twelve single ones a day, and nobody looked for days: the fall over them is no bulk order.
    for (length, ended_ago) in [(4.0, 8.0), (2.6, 0.05), (4.0, 1.0), (6.0, 0.5)] {
        let (to, from) = (35.0 - ended_ago, 35.0 - ended_ago - length);
        let steps = falling(1000, 2.0, 35.0);
        let seen: Vec<Step> = steps
            .into_iter()
            .filter(|step| !(at(from)..at(to)).contains(&step.at))
            .collect();
        let observed = hourly_without(35.0, from, to);
        near(sell_rate(&seen, &observed, at(35.0)), 12.0);
    }
}

#[test]
fn a_gap_over_which_nothing_fell_leaves_the_denominator() {
    let steps = [falling(200, 8.0, 12.0), vec![step(20.0, 163), step(22.0, 160)]].concat();
    let rate = window(&steps, &hourly_without(28.0, 12.0, 16.0), at(28.0), 28).expect("a rate");
    assert!((rate.observed_days - 24.0).abs() < 0.2, "{rate:?}");
}

#[test]
fn one_bulk_order_counts_as_the_next_largest_drop() {
    let steps = falling(500, 12.0, 28.0);
    let plain = rate(&steps, 28.0);
    let bulk: Vec<Step> = steps
        .iter()
        .map(|step| Step {
            level: step.level.map(|level| match level {
                Level::Known(n) if step.at >= at(20.0) => Level::Known(n - 100),
                other => other,
            }),
            ..*step
        })
        .collect();
    assert_eq!(rate(&bulk, 28.0), plain);
}

#[test]
fn a_restock_is_no_negative_sale() {
    let mut steps = falling(500, 12.0, 28.0);
    for step in &mut steps {
        if let Some(Level::Known(n)) = &mut step.level
            && step.at > at(14.0)
        {
            *n += 300;
        }
    }
    near(rate(&steps, 28.0), 2.0);
}

#[test]
fn a_demand_that_clearly_changed_is_judged_by_the_last_week() {
    let mut steps = falling(1000, 24.0, 21.0);
    let level = steps
        .last()
        .and_then(|step| step.level)
        .and_then(Level::known)
        .expect("a level");
    steps.extend((1..84).map(|n| step(21.0 + f64::from(n) * 2.0 * HOUR, level - i64::from(n))));
    let rate = rate(&steps, 28.0).expect("a rate");
    assert_eq!(rate.window_days, 7);
    assert!((rate.per_day - 12.0).abs() < 0.5, "{rate:?}");
}

/// Any history: hours since the last step, and what was seen then.
fn history() -> impl Strategy<Value = Vec<Step>> {
    let seen = prop_oneof![
        8 => (-3..200_i64).prop_map(|n| Some(Level::Known(n))),
        1 => Just(Some(Level::Unknown)),
        1 => Just(Some(Level::NotControlled)),
        1 => Just(None),
    ];
    prop::collection::vec((1..60_u32, seen), 0..120).prop_map(|steps| {
        let mut hours = 0;
        let steps = steps.into_iter().map(|(later, level)| {
            hours += later;
            Step {
                at: at(f64::from(hours) * HOUR),
                level,
            }
        });
        steps.collect()
    })
}

/// The hours of polls, in any order.
fn polls() -> impl Strategy<Value = Vec<i64>> {
    let hour = |hour: u32| at(f64::from(hour) * HOUR).as_millisecond();
    prop::collection::vec((0..2000_u32).prop_map(hour), 0..400)
}

proptest! {
    #[test]
    fn a_rate_is_a_number_within_its_range_and_never_below_zero(
        steps in history(),
        polls in polls(),
        now in 0..2500_u32,
        level in prop::num::i64::ANY,
    ) {
        let now = at(f64::from(now) * HOUR);
        if let Some(rate) = sell_rate(&steps, &Observed::from_polls(polls), now) {
            prop_assert!(rate.per_day.is_finite() && rate.per_day >= 0.0, "{rate:?}");
            prop_assert!(0.0 <= rate.low && rate.low <= rate.per_day, "{rate:?}");
            prop_assert!(rate.per_day <= rate.high && rate.high.is_finite(), "{rate:?}");
            prop_assert!(rate.drops >= 3 && rate.sold >= 0, "{rate:?}");
            prop_assert!((5.0..=f64::from(rate.window_days) + 1e-6).contains(&rate.observed_days), "{rate:?}");
            if let Some(cover) = rate.cover(level) {
                prop_assert!(cover.days.is_finite() && cover.days >= 0.0, "{cover:?}");
                prop_assert!(cover.earliest >= 0.0 && cover.earliest <= cover.days, "{cover:?}");
                prop_assert!(cover.latest.is_none_or(|latest| latest >= cover.days), "{cover:?}");
            }
        }
    }

    #[test]
    fn the_order_of_polls_and_polls_recorded_twice_change_nothing(
        polls in polls(),
        twice in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let mut again: Vec<i64> = polls.iter().rev().copied().collect();
        if !polls.is_empty() {
            again.extend(twice.iter().map(|index| *index.get(&polls)));
        }
        prop_assert_eq!(Observed::from_polls(again), Observed::from_polls(polls));
    }

    #[test]
    fn a_level_recorded_twice_changes_nothing(
        steps in history(),
        at_step in any::<prop::sample::Index>(),
        now in 0..2500_u32,
    ) {
        prop_assume!(!steps.is_empty());
        let now = at(f64::from(now) * HOUR);
        let mut again = steps.clone();
        let place = at_step.index(steps.len());
        again.insert(place, steps[place]);
        let close = |a: Option<SellRate>, b: Option<SellRate>| match (a, b) {
            (Some(a), Some(b)) => (a.per_day - b.per_day).abs() < 1e-9 && a.drops == b.drops,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let seen = Observed::throughout(at(0.0), at(200.0));
        prop_assert!(close(sell_rate(&steps, &seen, now), sell_rate(&again, &seen, now)));
    }

    #[test]
    fn more_stock_lasts_no_shorter(steps in history(), level in 0..10_000_i64) {
        let seen = Observed::throughout(at(0.0), at(300.0));
        if let Some(rate) = steps.last().and_then(|last| sell_rate(&steps, &seen, last.at)) {
            let (less, more) = (rate.cover(level), rate.cover(level + 1));
            prop_assert!(less.zip(more).is_none_or(|(less, more)| less.days <= more.days));
        }
    }
}
