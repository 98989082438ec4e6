//! What a page reads of one product's past: levels over a stretch, when the shop was looked at, and what happened.

use std::sync::Arc;

use jiff::Timestamp;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::decision::Event;
use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::CombinationKey;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::ProductEventKind;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::past_levels::Happening;
use whmcs_stock_monitor::store::past_levels::Stretch;
use whmcs_stock_monitor::store::value::InstanceId;
use whmcs_stock_monitor::store::value::Stood;

use crate::common::Place;
use crate::common::at;
use crate::common::decision;
use crate::common::product;
use crate::common::save;

/// Two shops asked by turns each minute; of the first, product 1 has a level more each time.
async fn two_shops(store: &Store, polls: i64) -> (InstanceId, InstanceId) {
    let one = store.instance("one").await.unwrap();
    let other = store.instance("other").await.unwrap();
    let mut before = memory(Vec::new());
    for n in 0..polls {
        let next = memory(vec![product(1, 0, Level::Known(n))]);
        let decided = decision(&before, next.clone());
        save(store, one, at(n * 60_000), &decided).await.unwrap();
        save(store, other, at(n * 60_000 + 30_000), &nothing())
            .await
            .unwrap();
        before = next;
    }
    (one, other)
}

fn memory(products: Vec<Tracked>) -> Memory {
    Memory {
        products: products.into_iter().map(Arc::new).collect(),
        ..Memory::default()
    }
}

fn nothing() -> Decision {
    decision(&memory(Vec::new()), memory(Vec::new()))
}

fn stretch(instance: InstanceId, from: i64, until: i64) -> Stretch<'static> {
    Stretch {
        instance,
        product: 1,
        combination: None,
        from: at(from),
        until: at(until),
    }
}

async fn levels(store: &Store, stretch: &Stretch<'_>) -> Vec<(i64, Option<i64>)> {
    let mut levels = Vec::new();
    let each = |at: Timestamp, stood: Stood| {
        levels.push((at.as_millisecond() / 60_000, stood.level()));
    };
    assert!(store.reader().each_level(stretch, each).await.unwrap());
    levels
}

#[tokio::test]
async fn the_levels_of_a_stretch_begin_with_the_one_in_force() {
    let place = Place::new();
    let store = place.open().await;
    let (one, other) = two_shops(&store, 40).await;
    for (from, until, first, count) in [
        (0, 39 * 60_000, 0, 40),
        (10 * 60_000, 12 * 60_000, 10, 3),
        (10 * 60_000 + 1, 12 * 60_000 - 1, 10, 2),
        (10 * 60_000 - 1, 12 * 60_000, 9, 4),
        (-5, 59_999, 0, 1),
        (90 * 60_000, 95 * 60_000, 39, 1),
    ] {
        let levels = levels(&store, &stretch(one, from, until)).await;
        assert_eq!(levels.len(), count, "{from} to {until}: {levels:?}");
        assert_eq!(levels[0], (first, Some(first)), "{from} to {until}");
    }
    assert!(levels(&store, &stretch(one, -9, -5)).await.is_empty());
    let key: CombinationKey = "4=11".parse().unwrap();
    for unknown in [
        stretch(other, 0, 1),
        Stretch {
            combination: Some(&key),
            ..stretch(one, 0, 1)
        },
    ] {
        assert!(!store.reader().each_level(&unknown, |_, _| {}).await.unwrap());
    }
}

#[tokio::test]
async fn more_levels_than_are_read_at_once_come_in_order_and_whole() {
    let place = Place::new();
    let store = place.open().await;
    let one = store.instance("one").await.unwrap();
    let first = decision(&memory(Vec::new()), memory(vec![product(1, 0, Level::Known(-1))]));
    save(&store, one, at(0), &first).await.unwrap();
    store.close().await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", place.settings.path.display()))
        .await
        .unwrap();
    // Ten thousand changes, as years of polls leave them.
    for statement in [
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO polls \
         (id, instance_id, observed_at, duration_ms, outcome, changes) SELECT 2 + i, ?1, 60000 * (i + 1), 1, 0, 1 FROM n",
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO levels \
         (instance_id, series, poll_id, state, level) SELECT ?1, 0, 2 + i, 0, i FROM n",
    ] {
        sqlx::query(statement).bind(one.0).execute(&pool).await.unwrap();
    }
    pool.close().await;
    let store = place.open().await;
    let all = levels(&store, &stretch(one, 0, i64::from(i32::MAX))).await;
    assert_eq!(all.len(), 10_001);
    let is_whole = all[1..]
        .iter()
        .enumerate()
        .all(|(n, (_, level))| *level == i64::try_from(n).ok());
    assert!(is_whole, "{:?}", &all[..5]);
}

#[tokio::test]
async fn looks_are_thinned_to_one_a_slot_and_failed_ones_are_none() {
    let place = Place::new();
    let store = place.open().await;
    let (one, _) = two_shops(&store, 30).await;
    let failed = Decision {
        outcome: Outcome::Failed(Cause::Connect),
        ..nothing()
    };
    save(&store, one, at(31 * 60_000), &failed).await.unwrap();
    let reader = store.reader();
    let looked = reader.looked_at(&stretch(one, 0, 90 * 60_000), 1).await.unwrap();
    assert_eq!(looked.len(), 30);
    let thinned = reader
        .looked_at(&stretch(one, 5 * 60_000 + 1, 90 * 60_000), 10 * 60_000)
        .await
        .unwrap();
    let minutes: Vec<i64> = thinned.iter().map(|at| at / 60_000).collect();
    assert_eq!(minutes, [5, 10, 20]);
}

#[tokio::test]
async fn what_happened_to_a_product_is_told_newest_first_of_its_series_or_of_all() {
    let place = Place::new();
    let store = place.open().await;
    let (one, other) = two_shops(&store, 1).await;
    let key: CombinationKey = "4=11".parse().unwrap();
    let event = |n: i64, product: i64, combination: Option<&CombinationKey>| Event {
        key: format!("{n}"),
        at: at(n * 60_000),
        kind: EventKind::Product(ProductEventKind::Renamed),
        product_id: Some(product),
        combination: combination.cloned(),
        level: None,
        previous_level: None,
    };
    let decided = Decision {
        events: vec![
            event(1, 1, None),
            event(2, 1, Some(&key)),
            event(3, 2, None),
            event(4, 1, None),
        ],
        ..nothing()
    };
    save(&store, one, at(60_000), &decided).await.unwrap();
    let elsewhere = Decision {
        events: vec![event(5, 1, None)],
        ..nothing()
    };
    save(&store, other, at(60_000), &elsewhere).await.unwrap();
    let wanted = Happening {
        instance: one,
        product: 1,
        series: None,
        since: None,
        before: None,
        limit: 10,
    };
    let told = async |wanted: Happening<'_>| -> Vec<String> {
        let events = store.reader().happenings(&wanted).await.unwrap();
        events.into_iter().map(|event| event.key).collect()
    };
    assert_eq!(told(wanted).await, ["4", "2", "1"]);
    let own = Happening {
        series: Some(None),
        ..wanted
    };
    assert_eq!(told(own).await, ["4", "1"]);
    let of_combination = Happening {
        series: Some(Some(&key)),
        ..wanted
    };
    assert_eq!(told(of_combination).await, ["2"]);
    let since = Happening {
        since: Some(at(2 * 60_000)),
        limit: 1,
        ..wanted
    };
    assert_eq!(told(since).await, ["4"]);
    let last = store.reader().happenings(&wanted).await.unwrap()[1].id;
    let older = Happening {
        before: Some(last),
        ..wanted
    };
    assert_eq!(told(older).await, ["1"]);
}
