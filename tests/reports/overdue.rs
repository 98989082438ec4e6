//! A report that reaches nobody is told of, once.

use whmcs_stock_monitor::domain::report::Period;
use whmcs_stock_monitor::jobs::report::Step;
use whmcs_stock_monitor::sinks::mail_script::Fault;
use whmcs_stock_monitor::sinks::mail_script::Step as SmtpStep;

use crate::shop::item;
use crate::world::World;
use crate::world::at;
use crate::world::plan;

#[tokio::test]
async fn a_report_that_nobody_takes_for_an_hour_is_told_once_on_the_other_channels() {
    let daily = plan("0 8 * * *", "UTC", Period::Day);
    let mut world = World::open(vec![item(42, "DS-64", 20)]).await;
    world.running.reporting.plans = vec![daily.clone()];
    world.poll(at("2026-11-20T10:00:00Z")).await;
    world.step(&daily, at("2026-11-20T10:00:00Z")).await;
    world.deliver("other", at("2026-11-20T10:00:00Z")).await;
    let before = world.mails().len();
    world.mail.always(SmtpStep::Rcpt, Some(Fault::Code(550)));
    let due = at("2026-11-21T08:00:05Z");
    world.running.reporting.step(&daily, due).await.unwrap();
    assert!(world.deliver("mail", due).await[0].result.is_err());
    let watch = async |now: &str| world.running.reporting.watch(&daily, at(now)).await.unwrap();
    let (doing, told) = watch("2026-11-21T08:59:00Z").await;
    assert!(doing.overdue.is_none() && told.is_empty(), "an hour is not over");
    let (doing, told) = watch("2026-11-21T09:01:00Z").await;
    let (run, why) = doing.overdue.unwrap();
    assert_eq!(run.scheduled_for, at("2026-11-21T08:00:00Z"));
    assert!(why.starts_with("It was given up as a dead letter: "), "{why}");
    assert_eq!(
        told,
        [("other".to_owned(), "Report daily has reached nobody".to_owned())]
    );
    let (doing, told) = watch("2026-11-21T09:02:00Z").await;
    assert!(doing.overdue.is_some() && told.is_empty(), "told once");
    world.mail.always(SmtpStep::Rcpt, None);
    world.deliver("other", at("2026-11-21T09:02:00Z")).await;
    assert_eq!(world.mails()[before..], ["Report daily has reached nobody"]);

    // The next report says so, and that one arrives.
    world.step(&daily, at("2026-11-22T08:00:05Z")).await;
    let mails = world.mail.mails();
    let text = mails.last().unwrap().text();
    let listed = "The report daily was due 21 November, 08:00 and did not go out.";
    assert!(text.contains(listed), "{text}");
    let doing = world
        .running
        .reporting
        .watch(&daily, at("2026-11-22T10:00:00Z"))
        .await
        .unwrap()
        .0;
    assert_eq!(doing.success, Some(at("2026-11-22T08:00:05Z")));
    assert!(doing.overdue.is_none());
}

/// Each hour brings another report, and none of them reaches anybody.
#[tokio::test]
async fn a_report_of_every_hour_that_nobody_takes_is_overdue_and_told_once() {
    let hourly = plan("0 * * * *", "UTC", Period::Day);
    let world = World::open(vec![item(42, "DS-64", 20)]).await;
    world.poll(at("2026-11-20T07:30:00Z")).await;
    world.step(&hourly, at("2026-11-20T07:30:00Z")).await;
    world.mail.always(SmtpStep::Rcpt, Some(Fault::Code(550)));
    let mut told = Vec::new();
    let mut overdue = Vec::new();
    for hour in 8..14 {
        for minute in [0, 30] {
            let now = at(&format!("2026-11-20T{hour:02}:{minute:02}:05Z"));
            world.running.reporting.step(&hourly, now).await.unwrap();
            world.deliver("mail", now).await;
            let (doing, messages) = world.running.reporting.watch(&hourly, now).await.unwrap();
            overdue.push(doing.overdue.map(|(run, _)| run.scheduled_for));
            told.extend(messages);
        }
    }
    assert_eq!(overdue[..2], [None, None], "an hour is not over");
    let first = Some(at("2026-11-20T08:00:00Z"));
    assert!(overdue[2..].iter().all(|due| *due == first), "{overdue:?}");
    assert_eq!(told.len(), 1, "{told:?}");

    // One that arrives ends it.
    world.mail.always(SmtpStep::Rcpt, None);
    let now = at("2026-11-20T14:00:05Z");
    world.step(&hourly, now).await;
    let (doing, _) = world.running.reporting.watch(&hourly, now).await.unwrap();
    assert_eq!((doing.success, doing.overdue), (Some(now), None));
}

/// It was not made at all: each of its hours is younger than one.
#[tokio::test]
async fn a_report_of_every_hour_that_cannot_be_made_is_overdue() {
    let hourly = plan("0 * * * *", "UTC", Period::Day);
    let world = World::open(vec![item(42, "DS-64", 20)]).await;
    world.poll(at("2026-11-20T07:30:00Z")).await;
    world.step(&hourly, at("2026-11-20T07:30:00Z")).await;
    let mut told = Vec::new();
    for now in [
        "2026-11-20T08:30:00Z",
        "2026-11-20T11:30:00Z",
        "2026-11-20T12:30:00Z",
    ] {
        let (doing, messages) = world.running.reporting.watch(&hourly, at(now)).await.unwrap();
        let due = doing.overdue.map(|(run, _)| run.scheduled_for.to_string());
        told.push((due.unwrap_or_default(), messages.len()));
    }
    let due = "2026-11-20T08:00:00Z".to_owned();
    assert_eq!(told, [(String::new(), 0), (due.clone(), 1), (due, 0)]);
}

#[tokio::test]
async fn nothing_to_say_is_no_report_where_that_is_wished_and_counts_as_success() {
    let mut daily = plan("0 8 * * *", "UTC", Period::Day);
    daily.outline.skip_if_empty = true;
    let world = World::open(vec![item(42, "DS-64", 20)]).await;
    for poll in ["2026-11-20T10:00:00Z", "2026-11-21T08:00:00Z"] {
        world.poll(at(poll)).await;
        world.step(&daily, at(poll)).await;
    }
    assert_eq!(world.mails(), Vec::<String>::new());
    let doing = world
        .running
        .reporting
        .watch(&daily, at("2026-11-21T08:00:01Z"))
        .await
        .unwrap()
        .0;
    assert_eq!(doing.success, Some(at("2026-11-21T08:00:00Z")));
    // Three were sold: that is something.
    world.shop.stock(42, 17);
    world.poll(at("2026-11-22T07:00:00Z")).await;
    world.poll(at("2026-11-22T08:00:00Z")).await;
    let step = world.step(&daily, at("2026-11-22T08:00:00Z")).await;
    assert!(matches!(step, Step::Queued(..)), "{step:?}");
    assert_eq!(world.mails().len(), 1);
}
