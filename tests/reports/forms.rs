//! One report in each of its forms, as receivers get it.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use whmcs_stock_monitor::domain::report::Period;
use whmcs_stock_monitor::jobs::report::Plan;
use whmcs_stock_monitor::jobs::report::Step;

use crate::shop::item;
use crate::world::World;
use crate::world::at;
use crate::world::plan;

const DUE: &str = "2026-11-21T08:00:00Z";

/// The daily report to these channels.
fn daily(channels: &[&str]) -> Plan {
    Plan {
        channels: channels.iter().map(|&name| name.to_owned()).collect(),
        ..plan("0 8 * * *", "UTC", Period::Day)
    }
}

/// A shop that sold three of its product every twelve hours for two weeks, and has had none for twelve hours.
async fn sold_out() -> World {
    let world = World::open(vec![item(42, "DS-64", 84)]).await;
    let mut now = at("2026-11-06T20:00:00Z");
    for sold in 0..=28 {
        world.shop.stock(42, 84 - 3 * sold);
        world.poll(now).await;
        now = now.checked_add(SignedDuration::from_hours(12)).unwrap();
    }
    world.poll(at(DUE)).await;
    world
}

/// Begins the report, makes it a little after it was due, and delivers it by each of its channels.
async fn sent(world: &World, plan: &Plan, now: Timestamp) {
    let begun = world
        .running
        .reporting
        .step(plan, at("2026-11-20T09:00:00Z"))
        .await;
    assert_eq!(begun.unwrap(), Step::Begun);
    let made = world.running.reporting.step(plan, now).await.unwrap();
    assert!(matches!(made, Step::Queued(due, _) if due == at(DUE)), "{made:?}");
    for channel in &plan.channels {
        for attempted in world.deliver(channel, now).await {
            attempted.result.unwrap();
        }
    }
}

#[tokio::test]
async fn what_was_not_earned_is_told_in_every_part_of_a_mail_with_what_that_assumes() {
    let world = sold_out().await;
    sent(&world, &daily(&["mail"]), at(DUE)).await;
    let mails = world.mail.mails();
    let mail = mails.last().unwrap();
    // 49.00 a month, six a day, half a day at zero.
    for part in [mail.text(), mail.html()] {
        assert!(part.contains("147"), "{part}");
        let plain = part.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(plain.contains("upper bound"), "{plain}");
    }
    let list = whmcs_stock_monitor::sinks::mime::part(&mail.raw, "text/csv").unwrap();
    let mut rows = csv::Reader::from_reader(list.as_bytes());
    let names = rows.headers().unwrap().clone();
    let row = rows.records().next().unwrap().unwrap();
    let cell = |name: &str| &row[names.iter().position(|column| column == name).unwrap()];
    assert_eq!(
        (cell("lost"), cell("currency"), cell("hours_out")),
        ("147.00", "EUR", "12")
    );
}

#[tokio::test]
async fn a_report_reaches_webhooks_and_chats() {
    let world = sold_out().await;
    // Clocks have nanoseconds.
    let now = at("2026-11-21T08:00:03.123456789Z");
    sent(&world, &daily(&["hook", "chat"]), now).await;
    let bodies: Vec<Value> = world
        .hooks
        .requests()
        .iter()
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    let [hook, chat] = bodies.as_slice() else {
        panic!("{bodies:#?}")
    };
    assert_eq!(hook["type"], "report.digest");
    assert_eq!(hook["data"]["name"], "daily");
    assert_eq!(hook["data"]["made_at"], "2026-11-21T08:00:03.123Z");
    assert_eq!(hook["timestamp"], "2026-11-21T08:00:03.123Z");
    let sections = hook["data"]["sections"].as_array().unwrap();
    let money = sections
        .iter()
        .find(|section| section["topic"] == "money")
        .unwrap();
    assert_eq!(
        money["total"],
        serde_json::json!([{"currency": "EUR", "hundredths": 14700}])
    );
    assert_eq!(money["assumptions"].as_array().unwrap().len(), 3);
    assert!(chat["blocks"].is_array(), "{chat}");
    assert!(chat.to_string().contains("DS-64"), "{chat}");
}

#[tokio::test]
async fn two_reports_that_are_due_at_the_same_minute_are_two_mails() {
    let world = sold_out().await;
    let mut sales = daily(&["mail"]);
    sales.outline.name = "sales".to_owned();
    let both = [daily(&["mail"]), sales];
    let reporting = &world.running.reporting;
    for plan in &both {
        reporting.step(plan, at("2026-11-20T09:00:00Z")).await.unwrap();
    }
    let (first, second) = tokio::join!(
        reporting.step(&both[0], at(DUE)),
        reporting.step(&both[1], at(DUE))
    );
    for made in [first.unwrap(), second.unwrap()] {
        assert!(matches!(made, Step::Queued(..)), "{made:?}");
    }
    for attempted in world.deliver("mail", at(DUE)).await {
        attempted.result.unwrap();
    }
    let mut mails = world.mails();
    mails.sort();
    assert_eq!(mails, ["Daily report: 1 out", "Daily report: sales: 1 out"]);
    for plan in &both {
        assert_eq!(reporting.step(plan, at(DUE)).await.unwrap(), Step::Idle);
    }
}
