//! Pools are taken on and muted as products are.

use whmcs_stock_monitor::domain::message::Open;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::people::Ack;
use whmcs_stock_monitor::domain::people::AckEnd;
use whmcs_stock_monitor::domain::people::Matcher;

use crate::people::mute;
use crate::people::unmute;
use crate::pools::World;
use crate::pools::kits;
use crate::pools::server;
use crate::shop::alerts;
use crate::shop::heard;
use crate::shop::plain_rules;
use crate::shop::still_open;

const NOTHING: [&str; 0] = [];

/// Two shops that share twenty kits, of which none is in use.
fn world() -> World {
    let mut world = World::new(&["eu", "us"], plain_rules, &[kits()]);
    for shop in 0..2 {
        server(&mut world.shops[shop], 1, Some(0), Some(0));
        world.look(shop);
    }
    world.look(0);
    world
}

#[test]
fn a_pool_is_taken_on_and_what_comes_counts_for_it() {
    let mut world = world();
    server(&mut world.shops[0], 1, Some(19), Some(0));
    assert_eq!(
        world.hears(0),
        ["pool \"kits\"/2 first out", "pool \"kits\" first critical"]
    );
    let ack = Ack {
        id: 7,
        series: world.pool().series.number,
        made_at: world.now,
        by: "ops".into(),
        note: "".into(),
        quantity: Some(30),
        eta: None,
        arrived: 0,
        overdue_at: None,
    };
    for shop in &mut world.shops {
        shop.people.pool_acks = vec![ack.clone()];
    }
    server(&mut world.shops[0], 1, Some(17), Some(0));
    let decision = world.look(0);
    assert!(decision.acks.is_empty(), "it is the pool's");
    let steps = decision.pools.as_ref().map(|pools| pools.acks.clone());
    let steps = steps.expect("the pools were decided");
    assert_eq!((steps.len(), steps[0].ack.arrived, steps[0].ended), (1, 2, None));
    for shop in &mut world.shops {
        shop.people.pool_acks = vec![steps[0].ack.clone()];
    }
    server(&mut world.shops[0], 1, Some(2), Some(0));
    let decision = world.look(0);
    let recovered = alerts(&decision, "mail");
    let own = recovered.iter().find(|alert| alert.alert_id == "pool:kits");
    let named = own
        .and_then(|alert| alert.ack.as_ref())
        .expect("the ack is named");
    assert_eq!((&*named.by, named.arrived), ("ops", 17));
    let steps = &decision.pools.as_ref().expect("decided").acks;
    assert_eq!(steps[0].ended, Some(AckEnd::Recovered));
}

#[test]
fn a_muted_pool_tells_nothing_in_any_shop_and_what_differs_when_that_ends() {
    let mut world = world();
    let matcher = Matcher {
        pools: vec![Pattern::text("kit*")],
        ..Matcher::default()
    };
    for shop in &mut world.shops {
        mute(shop, "5", matcher.clone());
    }
    server(&mut world.shops[0], 1, Some(20), Some(0));
    for shop in [0, 1, 0] {
        assert_eq!(world.hears(shop), NOTHING, "shop {shop}");
    }
    for shop in &mut world.shops {
        unmute(shop, "5");
    }
    let decision = world.look(1);
    assert_eq!(heard(&decision, "mail"), ["pool \"kits\" first out"]);
    let after = alerts(&decision, "mail").remove(0).after.expect("it ended");
    assert_eq!(after.id, "5");
    assert_eq!(world.hears(0), NOTHING);
}

#[test]
fn a_pool_that_recovered_while_muted_is_not_among_what_is_still_open() {
    let mut world = world();
    server(&mut world.shops[0], 1, Some(20), Some(0));
    assert_eq!(world.hears(0), ["pool \"kits\" first out"]);
    let matcher = Matcher {
        pools: vec![Pattern::text("kits")],
        ..Matcher::default()
    };
    for shop in &mut world.shops {
        mute(shop, "5", matcher.clone());
    }
    server(&mut world.shops[0], 1, Some(0), Some(0));
    assert_eq!(world.hears(0), NOTHING);
    world.shops[0].stock(9, 20);
    world.look(0);
    world.shops[0].stock(9, 0);
    let decision = world.look(0);
    assert_eq!(heard(&decision, "mail"), ["9 first out"]);
    assert_eq!(still_open(&decision, "mail"), Open::default());
}

#[test]
fn a_mute_of_one_shop_is_not_for_a_pool_that_concerns_another_too() {
    for (shops, told) in [(vec!["eu"], true), (vec!["eu", "us"], false)] {
        let mut world = world();
        let matcher = Matcher {
            instances: shops.into_iter().map(Pattern::text).collect(),
            ..Matcher::default()
        };
        for shop in &mut world.shops {
            mute(shop, "5", matcher.clone());
        }
        server(&mut world.shops[0], 1, Some(20), Some(0));
        assert_eq!(!world.hears(0).is_empty(), told);
    }
}
