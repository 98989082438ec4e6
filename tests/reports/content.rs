//! What stands in a report, from levels, acks and events of a real history.

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use whmcs_stock_monitor::domain::forecast::observed::Observed;
use whmcs_stock_monitor::domain::pool::Board;
use whmcs_stock_monitor::domain::report::LISTED;
use whmcs_stock_monitor::domain::report::Line;
use whmcs_stock_monitor::domain::report::Period;
use whmcs_stock_monitor::domain::report::Report;
use whmcs_stock_monitor::domain::report::Section;
use whmcs_stock_monitor::domain::report::Topic;
use whmcs_stock_monitor::domain::reporting::compose::Span;
use whmcs_stock_monitor::domain::reporting::compose::is_empty;
use whmcs_stock_monitor::domain::reporting::movement::Following;
use whmcs_stock_monitor::domain::reporting::movement::Stood;
use whmcs_stock_monitor::domain::reporting::outline::Outline;
use whmcs_stock_monitor::jobs::digest;
use whmcs_stock_monitor::jobs::digest::Ground;
use whmcs_stock_monitor::jobs::digest::Source;
use whmcs_stock_monitor::notify::report::csv;
use whmcs_stock_monitor::scheduler::Schedule;
use whmcs_stock_monitor::store::acks::NewAck;

use crate::shop::Item;
use crate::shop::item;
use crate::world::World;
use crate::world::at;

const FROM: &str = "2026-11-14T08:00:00Z";
const UNTIL: &str = "2026-11-21T08:00:00Z";

/// The report of the week as of its end.
async fn weekly(world: &World, outline: &Outline) -> Report {
    let running = &world.running;
    let (shop, _) = &running.reporting.shops[0];
    let source = Source {
        name: shop.name.clone(),
        id: Some(shop.id),
        memory: shop
            .memory(&running.store, &running.reporting.rules)
            .await
            .unwrap(),
        schedule: Schedule::parse("every 1d", &TimeZone::UTC).unwrap(),
    };
    let ground = Ground {
        reader: running.store.reader(),
        sources: &[source],
        board: &Board::default(),
        overdue: &[],
    };
    let span = Span {
        from: at(FROM),
        until: at(UNTIL),
        now: at(UNTIL),
        late: false,
    };
    digest::made(outline, span, ground).await.unwrap()
}

fn line(line: &Line) -> String {
    let level = line.level.map_or("?".to_owned(), |level| level.to_string());
    let known = if line.known { "" } else { " (unknown now)" };
    let ack = line.ack.as_ref().map_or(String::new(), |ack| {
        format!(", {} ordered {:?}, overdue {}", ack.by, ack.quantity, ack.overdue)
    });
    let points = line.chart.as_ref().map_or(0, |chart| chart.points.len());
    format!(
        "{} {} {level}{known}, sold {}, restocked {}, out {:.1} h{ack}, {points} points",
        line.product.name,
        line.severity.as_str(),
        line.sold,
        line.restocked,
        line.hours_out
    )
}

fn shown(report: &Report) -> String {
    let mut text = format!("well: {}, empty: {}\n", report.all_is_well, is_empty(report));
    for section in &report.sections {
        let (name, lines): (&str, Vec<String>) = match section {
            Section::ActNow { lines } => ("act now", lines.iter().map(line).collect()),
            Section::RunningOut { lines, .. } => ("running out", lines.iter().map(line).collect()),
            Section::Ordered { lines } => ("ordered", lines.iter().map(line).collect()),
            Section::Changed(changed) => {
                let events = changed.events.iter();
                let events = events.map(|event| format!("{} {}", event.product.name, event.kind.as_str()));
                ("changed", changed.moved.iter().map(line).chain(events).collect())
            }
            Section::Idle { lines } => ("idle", lines.iter().map(line).collect()),
            Section::Pools { lines } => ("pools", lines.iter().map(|pool| pool.name.clone()).collect()),
            Section::Money(money) => ("money", money.lines.iter().map(line).collect()),
            Section::Health(health) => (
                "health",
                vec![format!(
                    "{} polls, {} failed, {} gaps, {} unknown",
                    health.polls,
                    health.failed_polls,
                    health.gaps.len(),
                    health.unknown_products
                )],
            ),
        };
        text += &format!("{name}\n");
        for line in lines {
            text += &format!("  {line}\n");
        }
    }
    text
}

/// Polls at these times, each with these levels of the products.
async fn history(world: &World, polls: &[(&str, &[(i64, i64)])]) {
    for (now, levels) in polls {
        for (id, level) in *levels {
            world.shop.stock(*id, *level);
        }
        world.poll(at(now)).await;
    }
}

#[tokio::test]
async fn a_week_of_a_shop_is_told_by_what_is_most_pressing() {
    let world = World::open(vec![
        item(1, "Out for a day", 3),
        item(2, "Ordered", 4),
        item(3, "Selling", 40),
        item(4, "Idle", 70),
        item(5, "Renamed", 9),
        item(6, "Withdrawn", 9),
    ])
    .await;
    history(
        &world,
        &[
            ("2026-09-01T08:00:00Z", &[]),
            ("2026-11-13T08:00:00Z", &[(3, 50)]),
            ("2026-11-15T08:00:00Z", &[(3, 45), (2, 1)]),
            ("2026-11-17T08:00:00Z", &[(3, 30), (2, 0)]),
            ("2026-11-18T08:00:00Z", &[(3, 60)]),
            ("2026-11-20T08:00:00Z", &[(1, 0), (3, 55)]),
        ],
    )
    .await;
    world.shop.change(|items| {
        items.retain(|item| item.id != 6);
        items[4].name = "Renamed anew".to_owned();
        items.push(item(7, "New", 12));
    });
    for now in [
        "2026-11-20T09:00:00Z",
        "2026-11-20T10:00:00Z",
        "2026-11-21T07:00:00Z",
    ] {
        world.poll(at(now)).await;
    }
    let ack = NewAck {
        by: "anna".to_owned(),
        note: "PO 881".to_owned(),
        quantity: Some(20),
        eta: Some(at("2026-11-20T00:00:00Z")),
    };
    let (shop, _) = &world.running.reporting.shops[0];
    let series = shop
        .memory(&world.running.store, &world.running.reporting.rules)
        .await
        .unwrap();
    let series = series.product(2).unwrap().series.number;
    let made_at = at("2026-11-18T00:00:00Z");
    world
        .running
        .store
        .add_ack(shop.id, series, &ack, made_at)
        .await
        .unwrap();
    let report = weekly(&world, &Outline::new("weekly", Period::Week)).await;
    insta::assert_snapshot!(shown(&report), @"
    well: false, empty: false
    act now
      Out for a day out 0, sold 3, restocked 0, out 24.0 h, 2 points
    running out
    ordered
      Ordered out 0, sold 4, restocked 0, out 96.0 h, anna ordered Some(20), overdue true, 3 points
    changed
      Selling ok 55, sold 25, restocked 30, out 0.0 h, 0 points
      Ordered out 0, sold 4, restocked 0, out 96.0 h, anna ordered Some(20), overdue true, 0 points
      Out for a day out 0, sold 3, restocked 0, out 24.0 h, 0 points
      Withdrawn gone
      New new
      Renamed anew renamed
    idle
      Idle ok 70, sold 0, restocked 0, out 0.0 h, 0 points
      Renamed anew ok 9, sold 0, restocked 0, out 0.0 h, 0 points
    pools
    money
    health
      7 polls, 0 failed, 0 gaps, 0 unknown
    ");
    assert_eq!(report.all.len(), 6, "every series that is still there");
}

#[tokio::test]
async fn an_empty_shop_and_one_of_unknown_levels_have_a_report_too() {
    let world = World::open(Vec::new()).await;
    let outline = Outline::new("weekly", Period::Week);
    assert!(!weekly(&world, &outline).await.all_is_well, "it was never read");
    let world = World::open(vec![Item {
        stock: None,
        ..item(1, "Unknown", 0)
    }])
    .await;
    history(
        &world,
        &[("2026-11-20T08:00:00Z", &[]), ("2026-11-21T07:00:00Z", &[])],
    )
    .await;
    let report = weekly(&world, &outline).await;
    assert_eq!((report.products.unknown, report.products.total()), (1, 1));
    insta::assert_snapshot!(shown(&report), @"
    well: false, empty: true
    act now
    running out
    ordered
    changed
    idle
    pools
    money
    health
      2 polls, 0 failed, 0 gaps, 1 unknown
    ");
}

#[tokio::test]
async fn a_report_of_ten_thousand_products_is_cut_to_the_worst_and_counts_the_rest() {
    let items: Vec<Item> = (1..=10_000)
        .map(|id| item(id, &format!("Product {id}"), 20))
        .collect();
    let world = World::open(items).await;
    world.poll(at("2026-11-13T08:00:00Z")).await;
    for (now, level) in [
        ("2026-11-15T08:00:00Z", 19),
        ("2026-11-16T08:00:00Z", 18),
        ("2026-11-21T07:00:00Z", 1),
    ] {
        world
            .shop
            .change(|items| items.iter_mut().for_each(|item| item.stock = Some(level)));
        world.poll(at(now)).await;
    }
    let began = std::time::Instant::now();
    let report = weekly(&world, &Outline::new("weekly", Period::Week)).await;
    println!(
        "made of 10,000 products and 40,000 levels in {:?}",
        began.elapsed()
    );
    assert_eq!(report.all.len(), 10_000);
    assert!(report.all.iter().all(|line| line.sold == 19));
    let Section::ActNow { lines } = &report.sections[0] else {
        panic!("{:?}", report.sections[0]);
    };
    assert_eq!(lines.len(), LISTED);
    assert_eq!(lines.iter().filter(|line| line.chart.is_some()).count(), 12);
    assert!(report.left_out.contains(&(Topic::ActNow, 10_000 - LISTED)));
    // The list says of every one in which sections it stands, also where a section had no room for it.
    let list = csv::csv(&report);
    let both = list
        .lines()
        .filter(|row| row.starts_with("series,act_now;changed,"));
    assert_eq!(both.count(), 10_000);
}

/// An outage of half a day while nothing was left: nobody knows whether it was so all the time.
#[tokio::test]
async fn time_at_zero_in_which_nobody_looked_is_not_counted_and_not_drawn() {
    let world = World::open(vec![item(1, "Out", 2)]).await;
    let begin = at("2026-11-18T00:00:00Z");
    for hour in (0..80).filter(|hour| !(48..60).contains(hour)) {
        if hour == 36 {
            world.shop.stock(1, 0);
        }
        world.poll(begin + SignedDuration::from_hours(hour)).await;
    }
    let report = weekly(&world, &Outline::new("weekly", Period::Week)).await;
    let Section::ActNow { lines } = &report.sections[0] else {
        panic!("{:?}", report.sections[0]);
    };
    // 44 hours since it ran out, the last look an hour ago; from 47:00 to 60:00 nobody looked.
    assert!((lines[0].hours_out - 31.0).abs() < 0.01, "{}", lines[0].hours_out);
    let chart = lines[0].chart.as_ref().unwrap();
    let hour = |hour: i64| begin + SignedDuration::from_hours(hour);
    let points = [
        (hour(0), Some(2)),
        (hour(36), Some(0)),
        (hour(47), None),
        (hour(60), Some(0)),
    ];
    assert_eq!(chart.points, points);
}

proptest! {
    /// Whatever a level does while it is counted: what came less what went is the difference.
    #[test]
    fn restocked_less_sold_is_what_the_level_rose(
        levels in proptest::collection::vec(proptest::option::weighted(0.8, -5i64..100), 1..40),
        first in 0i64..100,
    ) {
        let hour = |n: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(n);
        let observed = Observed::throughout(hour(0), hour(1000));
        let mut following = Following::new(hour(1), hour(1000), &observed);
        following.stood(hour(0), Stood::Known(first));
        for (n, level) in levels.iter().enumerate() {
            let stood = level.map_or(Stood::Unknown, Stood::Known);
            following.stood(hour(n as i64 + 1), stood);
        }
        let movement = following.end();
        let last = levels.iter().rev().find_map(|level| *level).unwrap_or(first);
        prop_assert_eq!(movement.restocked - movement.sold, last - first);
        prop_assert!(movement.sold >= 0 && movement.restocked >= 0);
    }

    /// Time at zero is no longer than the period, and only where the level was known to be zero.
    #[test]
    fn time_at_zero_is_the_time_in_which_nothing_was_left(
        levels in proptest::collection::vec(proptest::option::weighted(0.8, -1i64..3), 1..40),
        blind in (6i64..20, 5i64..8).prop_map(|(begin, long)| begin..begin + long),
    ) {
        let hour = |n: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(n);
        let (from, until) = (5, 30);
        let mut polls: Vec<i64> = (0..blind.start).chain(blind.end..=40).map(|n| hour(n).as_millisecond()).collect();
        polls.dedup();
        let observed = Observed::from_polls(polls);
        let mut following = Following::new(hour(from), hour(until), &observed);
        let mut expected = 0;
        for (n, level) in levels.iter().enumerate() {
            let (n, stood) = (n as i64, level.map_or(Stood::Unknown, Stood::Known));
            following.stood(hour(n), stood);
            let next = if n as usize + 1 == levels.len() { 1000 } else { n + 1 };
            if level.is_some_and(|level| level <= 0) {
                let (begin, end) = (n.max(from), next.min(until));
                expected += (begin..end).filter(|n| !(blind.start - 1..blind.end).contains(n)).count() as i64;
            }
        }
        prop_assert_eq!(following.end().out, SignedDuration::from_hours(expected));
    }
}
