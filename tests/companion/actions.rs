//! When GetProductDetails is asked: of our companion in every poll, of another's action rarely, of none hardly ever.

use std::sync::Arc;

use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::catalogue::Companion as Known;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::world::World;
use crate::world::product;
use crate::world::server;
use crate::world::shop;

/// The companion, products and requests of a poll.
async fn polled(world: &mut World, minutes: i64) -> (Known, Vec<String>) {
    let checked = world.look_after(minutes).await;
    let seen = checked.look.result.unwrap();
    (seen.companion, world.asked())
}

#[tokio::test]
async fn our_companion_is_asked_for_everything_in_every_poll_in_batches() {
    let mut world = World::open(Shop::bulk(2_500, 3, 4)).await;
    world.look().await;
    world.asked();
    for _ in 0..2 {
        let (companion, asked) = polled(&mut world, 5).await;
        assert_eq!(companion, Known::Contract1);
        let mut sizes: Vec<usize> = asked.iter().map(|ids| ids.split(',').count()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [500, 1_000, 1_000]);
        let mut ids: Vec<i64> = asked
            .iter()
            .flat_map(|ids| ids.split(','))
            .map(|id| id.parse().unwrap())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, (1..=2_500).collect::<Vec<i64>>());
    }
}

#[tokio::test]
async fn an_unchanged_answer_of_the_companion_leaves_everything_as_it_is() {
    let mut world = World::open(Shop::bulk(250, 3, 4)).await;
    let first = world.look().await;
    let second = world.look().await;
    let (before, after) = (first.look.result.unwrap(), second.look.result.unwrap());
    assert_eq!(before.products.len(), 250);
    for (a, b) in before.products.iter().zip(&after.products) {
        assert!(Arc::ptr_eq(a, b), "product {} was made anew", a.id());
    }
    for (a, b) in first.memory.products.iter().zip(&second.memory.products) {
        assert!(Arc::ptr_eq(a, b), "product {} was decided anew", a.id);
    }
    assert_eq!(second.level_changes, 0);
    world.site.shop().order_default(7, 1).unwrap();
    let third = world.look().await;
    let anew = second.memory.products.iter().zip(&third.memory.products);
    let anew: Vec<i64> = anew
        .filter(|(a, b)| !Arc::ptr_eq(a, b))
        .map(|(a, _)| a.id)
        .collect();
    assert_eq!(anew, [7]);
}

#[tokio::test]
async fn another_action_is_asked_for_what_changed_and_for_the_rest_once_an_interval() {
    let products = [1, 2, 3].map(|pid| {
        let mut product = server();
        product.pid = pid;
        product
    });
    let mut world = World::open(shop(Companion::Foreign, products)).await;
    let (companion, asked) = polled(&mut world, 5).await;
    assert_eq!(companion, Known::Foreign);
    assert_eq!(asked.last().map(String::as_str), Some("3"));
    assert_eq!(polled(&mut world, 5).await.1, [] as [&str; 0]);
    world.site.shop().set_qty(2, 4).unwrap();
    assert_eq!(polled(&mut world, 5).await.1, ["2"]);
    assert_eq!(polled(&mut world, 5).await.1, [] as [&str; 0]);
    // An hour after the first poll two are due, the third a while later.
    assert_eq!(polled(&mut world, 45).await.1, ["1", "3"]);
    assert_eq!(polled(&mut world, 10).await.1, ["2"]);
}

#[tokio::test]
async fn an_action_that_is_not_there_is_asked_for_once_a_day() {
    for (version, companion) in [
        (Version::V8_12, Companion::None),
        (Version::V9_0, Companion::None),
        (Version::V8_12, Companion::FileMissing),
        (Version::V9_0, Companion::FileMissing),
    ] {
        let mut world = World::open(Shop::new(version, companion).with_products([server()])).await;
        let mut asked = Vec::new();
        for _ in 0..4 {
            let (known, requests) = polled(&mut world, 5).await;
            assert_eq!(known, Known::Absent);
            asked.push(requests.len());
        }
        asked.push(polled(&mut world, 23 * 60).await.1.len());
        asked.push(polled(&mut world, 2 * 60).await.1.len());
        asked.push(polled(&mut world, 5).await.1.len());
        assert_eq!(asked, [1, 0, 0, 0, 0, 1, 0], "{version:?} {companion:?}");
        let kinds = ["source_degraded", "source_down", "severity"];
        for kind in kinds {
            assert_eq!(world.events(kind).await, 0, "{kind}");
        }
    }
}

#[tokio::test]
async fn a_companion_that_is_installed_later_is_found_within_a_day() {
    let mut world = World::open(shop(Companion::None, [server()])).await;
    world.look().await;
    world.companion(Companion::Contract1);
    assert_eq!(polled(&mut world, 60).await.0, Known::Absent);
    let checked = world.look_after(24 * 60).await;
    assert_eq!(product(&checked, 1).controlled, Some(true));
    assert_eq!(world.events("options_changed").await, 0);
}

#[tokio::test]
async fn a_companion_that_stays_broken_degrades_the_shop_instead_of_blinding_it() {
    let mut world = World::open(shop(Companion::Contract1, [server()])).await;
    world.look().await;
    let broken = Fault::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        body: br#"{"result":"error","message":"GetProductDetails: the database could not be read."}"#
            .to_vec(),
    };
    world.site.faults().keep(Some("GetProductDetails"), broken);
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(world.poll_after(5).await.outcome);
    }
    let failed = Outcome::Failed(Cause::Server);
    assert_eq!(outcomes, [failed, failed, Outcome::Accepted, Outcome::Accepted]);
    assert_eq!(world.events("source_degraded").await, 1);
    assert_eq!(world.look_after(61).await.outcome, Outcome::Accepted);
    assert_eq!(
        world.events("source_down").await + world.events("severity").await,
        0
    );
    world.site.heal();
    assert_eq!(polled(&mut world, 61).await.0, Known::Contract1);
    assert_eq!(world.events("source_restored").await, 1);
}
