//! Sell rates from recorded polls and levels.

use std::sync::Arc;

use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::forecast::Forecasts;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::value::InstanceId;

use crate::common::Place;
use crate::common::at;
use crate::common::decision;
use crate::common::many;
use crate::common::product;
use crate::common::record;
use crate::common::save;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Polls each hour of `days`, in which the first of two products sells one at the given hours of the day.
async fn shop(store: &Store, days: std::ops::Range<i64>, sells_at: &[i64], left: &mut i64) -> InstanceId {
    let instance = store.instance("default").await.unwrap();
    let mut before = Memory::default();
    for hour in days.start * 24..days.end * 24 {
        if sells_at.contains(&(hour % 24)) {
            *left -= 1;
        }
        let mut next = many(2);
        let second = Arc::clone(&next.products[1]);
        next.products = vec![Arc::new(product(1, 0, Level::Known(*left))), second];
        if let Some(known) = before.products.get(1) {
            next.products[1] = Arc::clone(known);
        }
        if before
            .products
            .first()
            .is_some_and(|known| known.series == next.products[0].series)
        {
            next.products[0] = Arc::clone(&before.products[0]);
        }
        save(store, instance, at(hour * HOUR), &decision(&before, next.clone()))
            .await
            .unwrap();
        before = next;
    }
    instance
}

#[tokio::test]
async fn a_product_that_sells_two_a_day_is_forecast_so_and_one_that_sells_nothing_is_not() {
    let place = Place::new();
    let store = place.open().await;
    let instance = shop(&store, 0..30, &[9, 15], &mut 100).await;
    let forecasts = store.reader().forecasts(instance, at(30 * DAY)).await.unwrap();
    let rate = forecasts.rate(0).unwrap();
    assert!((rate.per_day - 2.0).abs() < 0.05, "{rate:?}");
    assert!(rate.low < 2.0 && rate.high > 2.0, "{rate:?}");
    assert_eq!((rate.drops, rate.sold), (56, 56));
    assert!(
        rate.observed_days > 27.9 && rate.observed_days <= 28.0,
        "{rate:?}"
    );
    let cover = forecasts.cover(0, 40).unwrap();
    assert!((cover.days - 20.0).abs() < 0.5, "{cover:?}");
    assert_eq!(forecasts.rate(1), None);
    store.close().await;
}

#[tokio::test]
async fn failed_polls_leave_time_unobserved() {
    let place = Place::new();
    let store = place.open().await;
    let mut left = 100;
    let instance = shop(&store, 0..10, &[9], &mut left).await;
    for hour in 240..480 {
        let mut tx = store.begin_write().await.unwrap();
        let failed = record(
            at(hour * HOUR),
            Outcome::Failed(Cause::Timeout),
            &decision(&Memory::default(), Memory::default()),
        );
        tx.poll(instance, &failed).await.unwrap();
        tx.commit().await.unwrap();
    }
    let rate = store.reader().forecasts(instance, at(20 * DAY)).await.unwrap();
    let rate = rate.rate(0).unwrap();
    assert!((rate.observed_days - 10.0).abs() < 0.1, "{rate:?}");
    assert!((rate.per_day - 1.0).abs() < 0.05, "{rate:?}");
    store.close().await;
}

#[tokio::test]
async fn a_history_longer_than_a_page_is_read_whole() {
    let place = Place::new();
    let store = place.open().await;
    let instance = shop(
        &store,
        0..28,
        &(0..24).filter(|hour| hour % 2 == 0).collect::<Vec<_>>(),
        &mut 1000,
    )
    .await;
    // Many series of one level each stand before and after the one that sells.
    let mut crowd = many(9000);
    crowd.products.drain(..2);
    save(
        &store,
        instance,
        at(28 * DAY),
        &decision(&Memory::default(), crowd),
    )
    .await
    .unwrap();
    let forecasts = store.reader().forecasts(instance, at(28 * DAY)).await.unwrap();
    assert_eq!(forecasts.rates.len(), 1);
    assert!((forecasts.rate(0).unwrap().per_day - 12.0).abs() < 0.1);
    assert_eq!(forecasts.at, Some(at(28 * DAY)));
    store.close().await;
}

#[tokio::test]
async fn a_shop_that_was_never_polled_has_no_forecast() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let forecasts = store.reader().forecasts(instance, at(DAY)).await.unwrap();
    assert!(forecasts.is(&Forecasts::default()));
    store.close().await;
}
