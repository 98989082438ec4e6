//! A shop of 200 products over weeks, on a fast clock: what the real jobs say, against a separate, simple model of the
//! rules. Each word appears where the model says it must, and nowhere else.
//!
//! `QUARTER_DAYS` says how long (7), `QUARTER_SEED` what happens: 101 where it is not given, so that a red run is
//! the change's doing; `scripts/test --all` takes a new one each time and prints it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

mod acts;
mod hours;
mod model;
mod random;
mod series;
mod setup;
mod shop;
mod table;
mod world;

use std::env;

use jiff::Timestamp;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;

use crate::model::Model;
use crate::model::Said;
use crate::random::Random;
use crate::setup::Setup;
use crate::shop::FLAPPING;
use crate::shop::PRODUCTS;
use crate::shop::Shop;
use crate::shop::Shown;
use crate::world::World;
use crate::world::later;

/// Minutes between polls.
const STEP: i64 = 5;
/// Clocks go back in Berlin a week and a half later, in New York a week after that.
const BEGIN: &str = "2026-10-19T04:00:00Z";

fn number(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_200_products_is_what_a_separate_model_of_the_rules_says() {
    let days = number("QUARTER_DAYS", 7);
    let seed = number("QUARTER_SEED", 101);
    println!("{days} days; QUARTER_SEED={seed}");
    let setup = Setup::usual();
    let mut random = Random::new(seed);
    let mut shop = Shop::new(Random::new(random.next()));
    let mut model = Model::new(&setup);
    let mut world = World::begin(&setup).await;
    let begin: Timestamp = BEGIN.parse().expect("a time");
    let mut now = begin;
    let end = later(now, 24 * 60 * i64::try_from(days).expect("days"));
    while now < end {
        shop.pass(now, STEP);
        let acted = later(now, -2);
        for act in acts::acts(&mut random, now, &model.open(), PRODUCTS, model.silenced()) {
            if model.can(&act) {
                world.act(&act, acted).await;
                model.acted(&act, acted);
            }
        }
        // Twice a day on average the monitor is started anew.
        if random.chance(7_000) {
            world.restart(&setup, now).await;
            shop.forget_answers();
        }
        let shown = shop.shown(now);
        let outcome = world.poll(shop.answer(&shown, now), now).await;
        match shown {
            Shown::Catalogue(_) => assert_eq!(outcome, Outcome::Accepted, "at {now}"),
            Shown::Empty => assert_eq!(outcome, Outcome::Suspect, "at {now}"),
            Shown::Failed(cause) => assert_eq!(outcome, Outcome::Failed(cause), "at {now}"),
        }
        model.polled(&shown, now);
        world.remind(now).await;
        model.round(now);
        world.deliver(now).await;
        now = later(now, STEP);
    }
    // What waits for the end of quiet hours is handed over after the last poll.
    world.deliver(later(end, 3 * 24 * 60)).await;
    let mut heard = world.heard(&setup);
    heard.said.retain(|said| said.at < end);
    model.said.retain(|said| said.at < end);
    table::print(&setup, &heard.messages, &heard.said);
    table::compare("said", model.said, &heard.said);
    table::check_grouping(&heard.messages);
    // At the end itself nothing was done any more.
    let rehearsed = world.rehearsed(&setup, (later(begin, -1), later(end, -1))).await;
    table::compare("rehearsed", heard.decided.clone(), &rehearsed);
    let mut other = setup.clone();
    // More than any of them has: what was the first word is a further one. A silence lasts less than two days.
    other.groups[0].low += 1000;
    other.groups[0].escalate = None;
    let early = later(begin, 2 * 24 * 60);
    let others = world.rehearsed(&other, (later(begin, -1), early)).await;
    let mut rehearsed = rehearsed;
    rehearsed.retain(|said| said.at <= early);
    // The sixth group is what it was, the first is not.
    let of_group = |said: &[Said], group: i64| -> Vec<Said> {
        let mut of_group = said.to_vec();
        of_group.retain(|said| said.id().is_some_and(|id| id > FLAPPING && id % 6 + 1 == group));
        of_group
    };
    assert_eq!(of_group(&others, 6), of_group(&rehearsed, 6));
    assert_ne!(of_group(&others, 1), of_group(&rehearsed, 1));
    world.close().await;
}
