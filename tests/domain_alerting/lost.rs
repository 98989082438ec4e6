//! What a pool's uses named and name no more is missed; what only its definition changed is no news of stock.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::depart::depart;
use whmcs_stock_monitor::domain::alerting::pools::Pools;
use whmcs_stock_monitor::domain::alerting::pools::ShopParts;
use whmcs_stock_monitor::domain::alerting::remind;
use whmcs_stock_monitor::domain::catalogue::Choice;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::ConfigOption;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::OptionKind;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::pool::PoolRule;
use whmcs_stock_monitor::domain::pool::PoolUse;
use whmcs_stock_monitor::domain::pool::PoolUser;
use whmcs_stock_monitor::domain::source::Cause;

use crate::shop::Shop;
use crate::shop::heard;
use crate::shop::minutes;
use crate::shop::plain_rules;
use crate::shop::said;

const NOTHING: [&str; 0] = [];

/// Shops that share pools.
struct World {
    shops: Vec<Shop>,
    pools: Pools,
    now: Timestamp,
}

impl World {
    fn new(names: &[&str], pools: &[PoolRule]) -> Self {
        let shops: Vec<Shop> = names
            .iter()
            .map(|name| {
                let mut shop = Shop::new(plain_rules());
                (*name).clone_into(&mut shop.name);
                shop.companion = Companion::Contract1;
                shop.capacities.pools = pools.to_vec();
                shop
            })
            .collect();
        let parts = names.iter().map(|name| ShopParts::new(name, minutes(15)));
        Self {
            pools: Pools::of(parts.collect()),
            now: shops[0].now,
            shops,
        }
    }

    fn with(&mut self, shop: usize, step: impl FnOnce(&mut Shop) -> Decision) -> Decision {
        self.now = self.now.checked_add(minutes(1)).expect("in range");
        let looked = &mut self.shops[shop];
        looked.now = self.now;
        looked.pools = Some(self.pools.clone());
        let decision = step(looked);
        self.pools = looked.pools.take().expect("still there");
        self.now = looked.now;
        decision
    }

    fn look(&mut self, shop: usize) -> Decision {
        self.with(shop, Shop::look)
    }

    fn hears(&mut self, shop: usize) -> Vec<String> {
        heard(&self.look(shop), "mail")
    }

    fn declare(&mut self, pools: &[PoolRule]) {
        for shop in &mut self.shops {
            shop.capacities.pools = pools.to_vec();
            shop.rules.epoch += 1;
        }
    }

    fn left(&self) -> Level {
        self.pools.pool("kits").expect("the pool").series.level
    }

    fn unknown(&self) -> String {
        let board = self.pools.board(&self.shops[0].capacities, self.now);
        board.pool("kits").expect("the pool").unknown.clone()
    }
}

fn a_use(choice: &str) -> PoolUse {
    PoolUse {
        instance: None,
        what: PoolUser::Choice {
            option: Pattern::text("ram"),
            choice: Pattern::text(choice),
        },
        need: 1,
    }
}

fn whole(name: &str) -> PoolUse {
    PoolUse {
        instance: None,
        what: PoolUser::Product(Pattern::text(name)),
        need: 1,
    }
}

fn kits(capacity: i64, uses: &[PoolUse]) -> PoolRule {
    PoolRule {
        name: "kits".to_owned(),
        capacity,
        uses: uses.to_vec(),
        ..PoolRule::default()
    }
}

/// A product with a RAM option of these choices: id, name, services.
fn server(shop: &mut Shop, id: i64, choices: &[(i64, &str, Option<i64>)]) {
    let choices: Vec<Choice> = choices
        .iter()
        .map(|(id, name, in_use)| Choice {
            id: *id,
            name: Name::new(name),
            hidden: false,
            in_use: *in_use,
            stock: Figure::Absent,
        })
        .collect();
    let ram = ConfigOption {
        id: 4,
        name: Name::new("RAM"),
        kind: OptionKind::Dropdown,
        hidden: false,
        choices: choices.into(),
    };
    shop.edit(id, |item| {
        item.detailed = true;
        item.controlled = Some(true);
        if item.quantity == Figure::Absent {
            item.quantity = Figure::Number(20);
        }
        item.in_use = Some(9);
        item.options = vec![ram];
    });
}

/// A pool of 8, of which one shop uses 9.
fn short() -> World {
    let mut world = World::new(&["eu"], &[kits(8, &[a_use("64 GB")])]);
    server(
        &mut world.shops[0],
        1,
        &[(11, "32 GB", Some(3)), (12, "64 GB", Some(9))],
    );
    world.look(0);
    assert_eq!(world.left(), Level::Known(-1));
    world
}

#[test]
fn a_choice_that_was_renamed_frees_nothing_until_it_has_its_name_again() {
    let mut world = short();
    server(&mut world.shops[0], 1, &[(12, "64 GB DDR5", Some(10))]);
    let decision = world.look(0);
    assert_eq!(heard(&decision, "mail"), NOTHING);
    assert_eq!(world.left(), Level::Unknown);
    let lost = decision.pools.expect("evaluated").lost;
    assert_eq!((lost.len(), &*lost[0].0), (1, "kits"));
    assert_eq!(
        world.unknown(),
        "eu: nobody counts Product 001's \"RAM: 64 GB\" (10 services), which no use of the pool names any more (it is \
         now \"RAM: 64 GB DDR5\"). Change the pool's uses to what is meant."
    );
    let decision = world.look(0);
    assert_eq!(decision.pools.expect("evaluated").lost, [], "said once");
    assert_eq!(world.left(), Level::Unknown);
    server(&mut world.shops[0], 1, &[(12, "64 GB", Some(7))]);
    assert_eq!(world.hears(0), NOTHING, "better is said after its hold");
    assert_eq!(world.left(), Level::Known(1));
}

#[test]
fn a_choice_that_was_renamed_is_free_once_nobody_has_it() {
    let mut world = short();
    server(&mut world.shops[0], 1, &[(12, "64 GB DDR5", Some(9))]);
    assert_eq!(world.hears(0), NOTHING);
    server(&mut world.shops[0], 1, &[(12, "64 GB DDR5", Some(0))]);
    assert_eq!(world.hears(0), ["pool \"kits\" recovered ok"]);
    assert_eq!(world.left(), Level::Known(8));
}

#[test]
fn a_choice_made_anew_under_its_name_leaves_what_the_old_one_held_missing_until_the_uses_change() {
    let mut world = short();
    server(&mut world.shops[0], 1, &[(99, "64 GB", Some(1))]);
    assert_eq!(world.hears(0), NOTHING);
    assert_eq!(world.left(), Level::Unknown);
    assert!(
        world
            .unknown()
            .contains("(9 services), which is gone: choice 99 has its name now"),
        "{}",
        world.unknown()
    );
    world.declare(&[kits(8, &[a_use("64 GB")])]);
    assert_eq!(world.hears(0), NOTHING, "the same uses");
    assert_eq!(world.left(), Level::Unknown);
    world.declare(&[kits(8, &[a_use("64 GB*")])]);
    assert_eq!(world.hears(0), ["pool \"kits\" rule_changed ok"]);
    assert_eq!(world.left(), Level::Known(7));
}

#[test]
fn a_product_that_was_renamed_frees_nothing_and_one_that_is_gone_does() {
    let mut world = World::new(&["eu"], &[kits(8, &[whole("Barebone")])]);
    server(&mut world.shops[0], 1, &[]);
    world.shops[0].edit(1, |item| "Barebone".clone_into(&mut item.name));
    server(&mut world.shops[0], 2, &[]);
    world.look(0);
    assert_eq!(world.left(), Level::Known(-1));
    world.shops[0].edit(1, |item| "Barebone 2".clone_into(&mut item.name));
    world.look(0);
    assert_eq!(world.left(), Level::Unknown);
    world.shops[0].remove(1);
    for _ in 0..3 {
        assert_eq!(world.left(), Level::Unknown);
        world.look(0);
    }
    assert_eq!(world.left(), Level::Known(8));
}

#[test]
fn a_shop_that_is_no_longer_configured_leaves_a_pool_that_names_it_unknown() {
    let named = PoolUse {
        instance: Some(Pattern::text("us")),
        ..a_use("64 GB")
    };
    let everywhere = a_use("32 GB");
    let mut world = World::new(&["eu", "us"], &[kits(8, &[named, everywhere.clone()])]);
    server(&mut world.shops[0], 1, &[(11, "32 GB", Some(1))]);
    server(&mut world.shops[1], 1, &[(12, "64 GB", Some(9))]);
    world.look(0);
    world.look(1);
    assert_eq!(world.left(), Level::Known(-2));
    let us = world.pools.shops.remove(1);
    world.pools.departed = vec![us];
    assert_eq!(world.hears(0), NOTHING);
    assert_eq!(world.left(), Level::Unknown);
    assert!(
        world.unknown().starts_with("us is no longer configured"),
        "{}",
        world.unknown()
    );
    world.declare(&[kits(8, &[everywhere])]);
    assert_eq!(world.hears(0), ["pool \"kits\" rule_changed ok"]);
    assert_eq!(world.left(), Level::Known(7));
}

#[test]
fn a_shop_that_sells_nothing_of_a_pool_blinds_nothing_when_it_is_down() {
    let mut world = World::new(&["eu", "us"], &[kits(8, &[a_use("64 GB")])]);
    server(&mut world.shops[0], 1, &[(12, "64 GB", Some(2))]);
    server(&mut world.shops[1], 1, &[(11, "32 GB", Some(9))]);
    world.look(0);
    assert_eq!(world.left(), Level::Unknown, "us was never read");
    world.look(1);
    assert_eq!(world.left(), Level::Known(6));
    let mut down = Vec::new();
    for _ in 0..4 {
        down.extend(
            world
                .with(1, |shop| shop.fails(minutes(10), Cause::Timeout))
                .messages,
        );
    }
    let Body::SourceDown { pools, .. } = &down[0].body else {
        panic!("{down:?}");
    };
    assert_eq!(*pools, NOTHING);
    world.look(0);
    assert_eq!(world.left(), Level::Known(6));
}

#[test]
fn a_shop_that_is_down_names_the_pools_that_count_its_services() {
    let mut world = short();
    let mut down = Vec::new();
    for _ in 0..4 {
        down.extend(
            world
                .with(0, |shop| shop.fails(minutes(10), Cause::Timeout))
                .messages,
        );
    }
    let Body::SourceDown { pools, .. } = &down[0].body else {
        panic!("{down:?}");
    };
    assert_eq!(*pools, ["kits"]);
}

#[test]
fn another_capacity_is_a_rule_that_changed() {
    let mut world = short();
    world.declare(&[kits(40, &[a_use("64 GB")])]);
    assert_eq!(world.hears(0), ["pool \"kits\" rule_changed ok"]);
    world.declare(&[kits(9, &[a_use("64 GB")])]);
    assert_eq!(world.hears(0), ["pool \"kits\" rule_changed out"]);
    assert_eq!(world.hears(0), NOTHING);
}

#[test]
fn a_product_that_a_pool_limits_is_told_a_changed_rule_when_the_pool_comes_goes_or_grows() {
    let pool = |capacity| PoolRule {
        channels: Some(Vec::new()),
        ..kits(capacity, &[whole("Product 001")])
    };
    let mut world = World::new(&["eu"], &[]);
    server(&mut world.shops[0], 1, &[]);
    world.look(0);
    world.declare(&[pool(9)]);
    assert_eq!(world.hears(0), ["1 rule_changed out"], "new");
    world.declare(&[pool(40)]);
    assert_eq!(world.hears(0), ["1 rule_changed ok"], "grown");
    world.shops[0].edit(1, |item| item.in_use = Some(40));
    assert_eq!(world.hears(0), ["1 first out"], "sold");
    world.shops[0].restart();
    world.shops[0].edit(1, |item| item.in_use = Some(9));
    assert_eq!(
        world.hears(0),
        ["1 recovered ok"],
        "stock again, whatever was restarted"
    );
    world.declare(&[pool(9)]);
    assert_eq!(world.hears(0), ["1 rule_changed out"]);
    world.declare(&[]);
    assert_eq!(world.hears(0), ["1 rule_changed ok"], "gone");
}

#[test]
fn a_combination_is_told_a_changed_rule_when_its_pool_grows() {
    let pool = |capacity| PoolRule {
        channels: Some(Vec::new()),
        ..kits(capacity, &[a_use("64 GB")])
    };
    let mut world = World::new(&["eu"], &[pool(9)]);
    server(&mut world.shops[0], 1, &[(12, "64 GB", Some(2))]);
    world.look(0);
    world.declare(&[pool(2)]);
    assert_eq!(world.hears(0), ["1/4=12 rule_changed out"]);
    world.declare(&[pool(15)]);
    assert_eq!(world.hears(0), ["1/4=12 rule_changed ok"]);
}

#[test]
fn a_pool_that_is_read_again_after_it_was_too_old_moves_by_stock() {
    let pool = PoolRule {
        channels: Some(Vec::new()),
        ..kits(9, &[whole("Product 001")])
    };
    let mut world = World::new(&["eu", "us"], &[pool]);
    for shop in &mut world.shops {
        server(shop, 1, &[]);
        shop.edit(1, |item| item.in_use = Some(1));
    }
    world.look(0);
    world.look(1);
    world.look(0);
    world.now = world.now.checked_add(minutes(30)).expect("in range");
    world.look(0);
    assert_eq!(world.left(), Level::Unknown, "us is too old");
    world.shops[1].edit(1, |item| item.in_use = Some(8));
    world.look(1);
    assert_eq!(world.left(), Level::Known(0));
    assert_eq!(world.hears(0), ["1 first out"]);
}

#[test]
fn what_is_open_in_a_shop_that_is_gone_is_taken_back_once_and_told_anew_when_it_returns() {
    let mut shop = Shop::open(plain_rules(), &[(1, 9), (2, 9), (3, 9)]);
    shop.stock(1, 0);
    assert_eq!(heard(&shop.look(), "mail"), ["1 first out"]);
    let leave = |shop: &Shop| {
        let leaving = [remind::Shop {
            instance: &shop.name,
            memory: &shop.memory,
            people: &shop.people,
        }];
        depart(&shop.rules, &leaving, shop.now, &mut || Uuid::from_u128(1))
    };
    let gone = leave(&shop);
    assert_eq!(said(&gone.messages, "mail"), ["1 withdrawn ok"]);
    let left = &gone.shops[0];
    assert_eq!((left.changes.len(), left.events.len()), (1, 1));
    shop.memory.products[0] = Arc::clone(&left.changes[0].after);
    let again = leave(&shop);
    assert!(
        again.messages.is_empty() && again.shops[0].changes.is_empty(),
        "{again:?}"
    );
    // Read from the database: no look is at hand.
    shop.restart();
    assert_eq!(heard(&shop.look(), "mail"), ["1 first out"], "no baseline");
}
