//! Each time of a schedule makes one report.

use jiff::SignedDuration;
use jiff::Timestamp;
use whmcs_stock_monitor::domain::report::Period;
use whmcs_stock_monitor::jobs::report::Plan;
use whmcs_stock_monitor::jobs::report::Step;

use crate::shop::item;
use crate::world::World;
use crate::world::at;
use crate::world::plan;

/// A shop of one product that was looked at, and its report begun, at `now`.
async fn begun(plan: &Plan, now: Timestamp) -> World {
    let world = World::open(vec![item(42, "DS-64", 20)]).await;
    world.poll(now).await;
    assert_eq!(world.step(plan, now).await, Step::Begun);
    world
}

/// The times that made a report between two moments, looked at every ten minutes; the shop is read each hour.
async fn made(world: &World, plan: &Plan, from: &str, until: &str) -> Vec<String> {
    let mut now = at(from);
    let mut made = Vec::new();
    while now < at(until) {
        if now.as_second() % 3600 == 0 {
            world.poll(now).await;
        }
        match world.step(plan, now).await {
            Step::Queued(due, _) => made.push(due.to_zoned(plan.zone.clone()).to_string()),
            Step::Idle => {}
            other @ (Step::Begun | Step::Skipped(_)) => made.push(format!("{other:?}")),
        }
        now = now.checked_add(SignedDuration::from_mins(10)).unwrap();
    }
    made
}

#[tokio::test]
async fn a_first_start_sends_no_report_of_yesterday() {
    let daily = plan("0 8 * * *", "UTC", Period::Day);
    let world = begun(&daily, at("2026-11-21T10:00:00Z")).await;
    let made = made(&world, &daily, "2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z").await;
    assert_eq!(made, ["2026-11-22T08:00:00+00:00[UTC]"]);
    assert_eq!(world.mails(), ["Daily report: all is well"]);
}

#[tokio::test]
async fn a_start_two_hours_late_makes_up_for_the_last_report_once() {
    let daily = plan("0 8 * * *", "UTC", Period::Day);
    let world = begun(&daily, at("2026-11-18T10:00:00Z")).await;
    // Down over three mornings.
    let world = world.restart().await;
    let made = made(&world, &daily, "2026-11-21T10:00:00Z", "2026-11-22T07:00:00Z").await;
    assert_eq!(made, ["2026-11-21T08:00:00+00:00[UTC]"]);
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn two_starts_one_after_another_make_one_report() {
    let daily = plan("0 8 * * *", "UTC", Period::Day);
    let mut world = begun(&daily, at("2026-11-20T10:00:00Z")).await;
    for _ in 0..2 {
        world.step(&daily, at("2026-11-21T08:00:01Z")).await;
        world = world.restart().await;
    }
    world.step(&daily, at("2026-11-21T08:00:02Z")).await;
    assert_eq!(world.mails().len(), 1);
}

/// The times at which a report was made, over three days around a change of the clocks.
async fn around(cron: &str, zone: &str, from: &str, until: &str) -> Vec<String> {
    let daily = plan(cron, zone, Period::Day);
    let world = begun(&daily, at(from)).await;
    let made = made(&world, &daily, from, until).await;
    assert_eq!(world.mails().len(), made.len(), "each is delivered");
    made
}

#[tokio::test]
async fn the_night_without_half_past_two_has_one_report() {
    let made = around(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-03-27T12:00:00Z",
        "2026-03-30T12:00:00Z",
    )
    .await;
    assert_eq!(
        made,
        [
            "2026-03-28T02:30:00+01:00[Europe/Berlin]",
            "2026-03-29T03:00:00+02:00[Europe/Berlin]",
            "2026-03-30T02:30:00+02:00[Europe/Berlin]",
        ]
    );
    let made = around(
        "30 2 * * *",
        "America/New_York",
        "2026-03-06T12:00:00Z",
        "2026-03-09T12:00:00Z",
    )
    .await;
    assert_eq!(
        made,
        [
            "2026-03-07T02:30:00-05:00[America/New_York]",
            "2026-03-08T03:00:00-04:00[America/New_York]",
            "2026-03-09T02:30:00-04:00[America/New_York]",
        ]
    );
}

#[tokio::test]
async fn the_night_in_which_an_hour_comes_twice_has_one_report() {
    let made = around(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-23T12:00:00Z",
        "2026-10-26T12:00:00Z",
    )
    .await;
    assert_eq!(
        made,
        [
            "2026-10-24T02:30:00+02:00[Europe/Berlin]",
            "2026-10-25T02:30:00+02:00[Europe/Berlin]",
            "2026-10-26T02:30:00+01:00[Europe/Berlin]",
        ]
    );
    let made = around(
        "30 1 * * *",
        "America/New_York",
        "2026-10-30T12:00:00Z",
        "2026-11-02T12:00:00Z",
    )
    .await;
    assert_eq!(
        made,
        [
            "2026-10-31T01:30:00-04:00[America/New_York]",
            "2026-11-01T01:30:00-04:00[America/New_York]",
            "2026-11-02T01:30:00-05:00[America/New_York]",
        ]
    );
}

#[tokio::test]
async fn a_clock_that_jumps_back_makes_no_report_twice() {
    let daily = plan("0 8 * * *", "UTC", Period::Day);
    let world = begun(&daily, at("2026-11-20T10:00:00Z")).await;
    world.step(&daily, at("2026-11-21T08:00:05Z")).await;
    for again in [
        "2026-11-21T07:30:00Z",
        "2026-11-21T08:00:00Z",
        "2026-11-20T09:00:00Z",
        "2026-11-21T09:00:00Z",
    ] {
        let step = world.step(&daily, at(again)).await;
        assert!(matches!(step, Step::Idle | Step::Begun), "{again}: {step:?}");
    }
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn a_clock_that_went_to_another_century_and_came_back_makes_no_storm_and_stops_no_report() {
    let daily = plan("0 8 * * *", "UTC", Period::Day);
    let world = begun(&daily, at("2026-11-20T10:00:00Z")).await;
    world.step(&daily, at("2106-02-07T10:00:00Z")).await;
    assert_eq!(world.mails().len(), 1, "one, of the last morning");
    world.step(&daily, at("1970-01-01T10:00:00Z")).await;
    assert_eq!(world.mails().len(), 1);
    world.step(&daily, at("2026-11-21T08:00:05Z")).await;
    assert_eq!(world.mails().len(), 2);
}
