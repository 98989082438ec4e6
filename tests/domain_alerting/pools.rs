//! Pools: one voice for an empty one, whoever and however many it holds back.

use std::time::Duration;

use jiff::Timestamp;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::pools::Pools;
use whmcs_stock_monitor::domain::alerting::pools::ShopParts;
use whmcs_stock_monitor::domain::alerting::remind::Shared;
use whmcs_stock_monitor::domain::alerting::remind::Shop as Reminded;
use whmcs_stock_monitor::domain::alerting::remind::remind;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::Choice;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::ConfigOption;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::OptionKind;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Open;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::pool::Board;
use whmcs_stock_monitor::domain::pool::PoolRule;
use whmcs_stock_monitor::domain::pool::PoolUse;
use whmcs_stock_monitor::domain::pool::PoolUser;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::alerts;
use crate::shop::channel;
use crate::shop::heard;
use crate::shop::minutes;
use crate::shop::plain_rules;
use crate::shop::said;

const NOTHING: [&str; 0] = [];

/// Shops that share what stands on one shelf.
pub struct World {
    pub shops: Vec<Shop>,
    pub pools: Pools,
    pub now: Timestamp,
}

impl World {
    /// Shops of these names with nothing in them yet; a count holds for a quarter of an hour.
    pub fn new(names: &[&str], rules: fn() -> Rules, pools: &[PoolRule]) -> Self {
        let shops: Vec<Shop> = names
            .iter()
            .map(|name| {
                let mut shop = Shop::new(rules());
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

    /// A minute later, the shop is looked at.
    pub fn look(&mut self, shop: usize) -> Decision {
        self.now = self.now.checked_add(minutes(1)).expect("in range");
        self.with(shop, Shop::look)
    }

    fn with(&mut self, shop: usize, step: impl FnOnce(&mut Shop) -> Decision) -> Decision {
        let looked = &mut self.shops[shop];
        looked.now = self.now;
        looked.pools = Some(self.pools.clone());
        let decision = step(looked);
        self.pools = looked.pools.take().expect("still there");
        decision
    }

    /// What "mail" hears of the shop a minute later.
    pub fn hears(&mut self, shop: usize) -> Vec<String> {
        heard(&self.look(shop), "mail")
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now.checked_add(time).expect("in range");
    }

    /// Other pools from now on, as after a reload.
    fn declare(&mut self, pools: &[PoolRule]) {
        for shop in &mut self.shops {
            shop.capacities.pools = pools.to_vec();
            shop.rules.epoch += 1;
        }
    }

    fn restart(&mut self) {
        for shop in &mut self.shops {
            shop.restart();
        }
    }

    pub fn pool(&self) -> &Tracked {
        self.pools.pool("kits").expect("the pool")
    }

    fn left(&self) -> Level {
        self.pool().series.level
    }

    fn board(&self) -> Board {
        self.pools.board(&self.shops[0].capacities, self.now)
    }
}

fn a_use(choice: &str, need: i64) -> PoolUse {
    PoolUse {
        instance: None,
        what: PoolUser::Choice {
            option: Pattern::text("ram"),
            choice: Pattern::text(choice),
        },
        need,
    }
}

fn whole(id: i64, need: i64) -> PoolUse {
    PoolUse {
        instance: None,
        what: PoolUser::Product(Pattern::Id(id)),
        need,
    }
}

fn pool(capacity: i64, uses: Vec<PoolUse>) -> PoolRule {
    PoolRule {
        name: "kits".to_owned(),
        capacity,
        uses,
        ..PoolRule::default()
    }
}

/// Twenty kits: 64 GB takes one, 128 GB two.
pub fn kits() -> PoolRule {
    pool(20, vec![a_use("64 GB", 1), a_use("128 GB", 2)])
}

/// A product with 20 in WHMCS and RAM in three sizes, of which that many are in use: 32 GB (11), 64 GB (12), 128 GB (13).
pub fn server(shop: &mut Shop, id: i64, small: Option<i64>, large: Option<i64>) {
    let choice = |id, name: &str, in_use| Choice {
        id,
        name: Name::new(name),
        hidden: false,
        in_use,
        stock: Figure::Absent,
    };
    let ram = ConfigOption {
        id: 4,
        name: Name::new("RAM"),
        kind: OptionKind::Dropdown,
        hidden: false,
        choices: [
            choice(11, "32 GB", Some(3)),
            choice(12, "64 GB", small),
            choice(13, "128 GB", large),
        ]
        .into(),
    };
    shop.edit(id, |item| {
        item.detailed = true;
        item.controlled = Some(true);
        if item.quantity == Figure::Absent {
            item.quantity = Figure::Number(20);
        }
        item.in_use = Some(3 + small.unwrap_or(0) + large.unwrap_or(0));
        item.options = vec![ram];
    });
}

/// One shop, its servers 1 and 2, the kits; looked at once while 18 are left.
fn one_shop(rules: fn() -> Rules) -> World {
    let mut world = World::new(&["eu"], rules, &[kits()]);
    server(&mut world.shops[0], 1, Some(2), Some(0));
    server(&mut world.shops[0], 2, Some(0), Some(0));
    world.look(0);
    world
}

fn open(decision: &Decision) -> Vec<String> {
    let open = |body: &Body| match body {
        Body::Baseline { open, .. } | Body::Alerts { open, .. } => Some(open.clone()),
        Body::Products { .. }
        | Body::SourceDown { .. }
        | Body::SourceUp { .. }
        | Body::SourceDegraded { .. }
        | Body::SourceRestored { .. }
        | Body::Report(_)
        | Body::ReportOverdue { .. }
        | Body::Ping => None,
    };
    let open = decision.messages.iter().filter_map(|message| open(&message.body));
    open.flat_map(|Open { alerts, .. }| alerts.into_iter().map(|alert| alert.alert_id))
        .collect()
}

fn combination(world: &World, shop: usize, id: i64, choice: i64) -> (Level, Severity, Option<String>) {
    let tracked = world.shops[shop].tracked(id);
    let key = format!("4={choice}").parse().expect("a key");
    let found = tracked.combinations.iter().find(|c| c.key == key);
    let found = found.expect("the combination");
    let bottleneck = found.bottleneck.as_ref().map(ToString::to_string);
    (found.series.level, found.series.severity, bottleneck)
}

#[test]
fn an_empty_pool_speaks_once_and_lists_what_it_holds_back() {
    let mut world = one_shop(plain_rules);
    assert_eq!(world.left(), Level::Known(18));
    server(&mut world.shops[0], 1, Some(20), Some(0));
    let decision = world.look(0);
    assert_eq!(heard(&decision, "mail"), ["pool \"kits\" first out"]);
    let alert = alerts(&decision, "mail").remove(0);
    assert_eq!(alert.alert_id, "pool:kits");
    assert_eq!(alert.instance, "eu");
    assert_eq!((alert.product.as_ref(), alert.combination.as_ref()), (None, None));
    assert_eq!((alert.level, alert.previous_level), (Some(0), Some(18)));
    let pool = alert.pool.expect("about a pool");
    assert_eq!(
        (pool.name.as_str(), pool.capacity, pool.level),
        ("kits", 20, Some(0))
    );
    let held: Vec<(i64, &str, i64)> = pool
        .holds_back
        .iter()
        .map(|held| (held.product_id, held.choice.as_deref().unwrap_or("-"), held.need))
        .collect();
    assert_eq!(
        held,
        [
            (1, "RAM: 128 GB", 2),
            (2, "RAM: 128 GB", 2),
            (1, "RAM: 64 GB", 1),
            (2, "RAM: 64 GB", 1)
        ]
    );
    assert_eq!(pool.holds_back_total, 4);
    for choice in [12, 13] {
        let limit = Some("pool kits".to_owned());
        assert_eq!(
            combination(&world, 0, 2, choice),
            (Level::Known(0), Severity::Out, limit)
        );
    }
    let names: Vec<&str> = world.shops[0]
        .tracked(1)
        .combinations
        .iter()
        .map(|c| &*c.label)
        .collect();
    assert_eq!(
        names,
        ["RAM: 64 GB", "RAM: 128 GB"],
        "32 GB has no figure of its own"
    );
    assert_eq!(world.hears(0), NOTHING);
    server(&mut world.shops[0], 1, Some(0), Some(0));
    assert_eq!(world.hears(0), ["pool \"kits\" recovered ok"]);
}

#[test]
fn what_is_left_but_does_not_suffice_is_told_once_for_all_who_need_as_many() {
    let mut world = one_shop(plain_rules);
    // Nineteen in use: one is left, which is critical for 64 GB and not enough for 128 GB.
    server(&mut world.shops[0], 1, Some(19), Some(0));
    let decision = world.look(0);
    assert_eq!(
        heard(&decision, "mail"),
        ["pool \"kits\"/2 first out", "pool \"kits\" first critical"]
    );
    let alert = alerts(&decision, "mail").remove(0);
    assert_eq!(alert.alert_id, "pool:kits/2");
    assert_eq!((alert.product.as_ref(), alert.combination.as_ref()), (None, None));
    assert_eq!(alert.level, Some(0), "so many orders");
    let pool = alert.pool.expect("about a pool");
    assert_eq!((pool.level, pool.need), (Some(1), Some(2)));
    assert_eq!((pool.holds_back_total, pool.holds_back_products), (2, 2));
    let held: Vec<i64> = pool.holds_back.iter().map(|held| held.product_id).collect();
    assert_eq!(held, [1, 2]);
    for id in [1, 2] {
        assert_eq!(combination(&world, 0, id, 13).1, Severity::Out, "as it was");
    }
    server(&mut world.shops[0], 1, Some(20), Some(0));
    assert_eq!(
        world.hears(0),
        ["pool \"kits\" worse out"],
        "128 GB is no worse than before"
    );
    server(&mut world.shops[0], 1, Some(2), Some(0));
    assert_eq!(
        world.hears(0),
        ["pool \"kits\"/2 recovered ok", "pool \"kits\" recovered ok"]
    );
    world.restart();
    assert_eq!(world.hears(0), NOTHING);
}

/// Two shops of 300 servers each that share eight kits, of which 128 GB takes three, and one that holds some of them.
fn two_large_shops() -> World {
    let kits = pool(8, vec![a_use("128 GB", 3), whole(1000, 1)]);
    let mut world = World::new(&["eu", "us"], plain_rules, &[kits]);
    for shop in &mut world.shops {
        for id in 1..=300 {
            server(shop, id, Some(0), Some(0));
        }
    }
    sold(&mut world, 5);
    for shop in [0, 1, 0] {
        world.look(shop);
    }
    assert_eq!(world.left(), Level::Known(3));
    world
}

fn sold(world: &mut World, services: i64) {
    world.shops[0].stock(1000, 50);
    world.shops[0].edit(1000, |item| {
        item.detailed = true;
        item.controlled = Some(true);
        item.in_use = Some(services);
    });
}

/// What both shops' next looks tell.
fn both(world: &mut World) -> Vec<String> {
    [world.hears(0), world.hears(1)].concat()
}

#[test]
fn six_hundred_products_short_of_a_pool_make_one_alert_and_one_recovery() {
    let mut world = two_large_shops();
    // Two are left: enough for the product that takes one, and for nobody who takes three.
    sold(&mut world, 6);
    let decision = world.look(0);
    assert_eq!(heard(&decision, "mail"), ["pool \"kits\"/3 worse out"]);
    let told = alerts(&decision, "mail").remove(0).pool.expect("about a pool");
    assert_eq!((told.holds_back_total, told.holds_back_products), (600, 600));
    assert_eq!(told.instances, ["eu", "us"]);
    assert_eq!(
        both(&mut world),
        NOTHING,
        "also where the others learn of it later"
    );
    for shop in [0, 1] {
        let stands = combination(&world, shop, 300, 13);
        assert_eq!((stands.0, stands.1), (Level::Known(0), Severity::Out));
    }
    let standing = world.board().pools[0].standing.clone().expect("decided");
    let open: Vec<_> = standing
        .open()
        .map(|(need, voice)| (need, voice.severity))
        .collect();
    assert_eq!(open, [(None, Severity::Low), (Some(3), Severity::Out)]);
    world.restart();
    assert_eq!(both(&mut world), NOTHING);
    sold(&mut world, 0);
    let heard = both(&mut world);
    assert_eq!(
        heard,
        ["pool \"kits\" recovered ok"],
        "eight are two orders of three: no longer out, but low"
    );
    world.declare(&[pool(80, vec![a_use("128 GB", 3), whole(1000, 1)])]);
    let looks = [both(&mut world), both(&mut world)].concat();
    assert_eq!(looks, ["pool \"kits\"/3 rule_changed ok"]);
}

#[test]
fn who_needs_less_speaks_for_who_needs_more() {
    let needs = vec![a_use("64 GB", 3), a_use("128 GB", 4), whole(1, 1)];
    let mut world = World::new(&["eu"], plain_rules, &[pool(40, needs)]);
    server(&mut world.shops[0], 1, Some(0), Some(0));
    world.look(0);
    world.shops[0].edit(1, |item| item.in_use = Some(38));
    // The product takes one by itself: with 64 GB it takes four, with 128 GB five.
    let decision = world.look(0);
    assert_eq!(
        heard(&decision, "mail"),
        ["pool \"kits\"/4 first out", "pool \"kits\" first low"]
    );
    let pool = alerts(&decision, "mail").remove(0).pool.expect("about a pool");
    let held: Vec<(Option<&str>, i64)> = pool
        .holds_back
        .iter()
        .map(|held| (held.choice.as_deref(), held.need))
        .collect();
    assert_eq!(held, [(Some("RAM: 128 GB"), 5), (Some("RAM: 64 GB"), 4)]);
    assert_eq!((pool.holds_back_total, pool.holds_back_products), (2, 1));
}

#[test]
fn a_need_that_nobody_has_any_more_is_taken_back_once_all_shops_are_counted() {
    let mut world = World::new(&["eu", "us"], plain_rules, &[kits()]);
    server(&mut world.shops[0], 1, Some(0), Some(0));
    world.shops[1].stock(1, 50);
    world.look(0);
    world.look(1);
    world.look(0);
    server(&mut world.shops[0], 1, Some(19), Some(0));
    assert_eq!(
        world.hears(0),
        ["pool \"kits\"/2 first out", "pool \"kits\" first critical"]
    );
    let alone = pool(20, vec![a_use("64 GB", 1)]);
    world.declare(&[alone]);
    assert_eq!(world.hears(0), NOTHING, "us was not counted anew");
    assert_eq!(world.hears(1), ["pool \"kits\"/2 withdrawn ok"]);
    assert_eq!(both(&mut world), NOTHING);
    world.declare(&[kits()]);
    assert_eq!(world.hears(0), NOTHING);
    assert_eq!(world.hears(1), ["pool \"kits\"/2 first out"]);
}

#[test]
fn beyond_twenty_distinct_needs_who_needs_more_speaks_for_itself() {
    let uses = (1..=22).map(|id| whole(id, id)).collect();
    let mut world = World::new(&["eu"], plain_rules, &[pool(1000, uses)]);
    for id in 1..=22 {
        world.shops[0].stock(id, 50);
        world.shops[0].edit(id, |item| {
            item.detailed = true;
            item.controlled = Some(true);
            item.in_use = Some(0);
        });
    }
    world.look(0);
    world.shops[0].edit(1, |item| item.in_use = Some(979));
    // 21 are left: with 22 there is nothing to order, and needs are followed up to 21.
    let heard = world.hears(0);
    assert_eq!(heard[0], "22 first out", "{heard:?}");
    assert_eq!(
        &heard[1..],
        ["pool \"kits\"/11 first critical", "pool \"kits\"/4 first low"]
    );
}

/// A server with that many disks, each SATA or NVMe; one service has NVMe in the first.
fn disks(shop: &mut Shop, id: i64, disks: i64, in_use: i64) {
    let disk = |nth: i64| {
        let choice = |id, name: &str, in_use| Choice {
            id,
            name: Name::new(name),
            hidden: false,
            in_use: Some(in_use),
            stock: Figure::Absent,
        };
        ConfigOption {
            id: nth,
            name: Name::new(&format!("Disk {nth}")),
            kind: OptionKind::Dropdown,
            hidden: false,
            choices: [
                choice(10 * nth, "SATA", 0),
                choice(10 * nth + 1, "NVMe", if nth == 1 { in_use } else { 0 }),
            ]
            .into(),
        }
    };
    shop.stock(id, 50);
    shop.edit(id, |item| {
        item.detailed = true;
        item.controlled = Some(true);
        item.in_use = Some(in_use);
        item.options = (1..=disks).map(disk).collect();
    });
}

fn nvme(first: i64, others: i64) -> PoolRule {
    let disk = |option: &str, need| PoolUse {
        instance: None,
        what: PoolUser::Choice {
            option: Pattern::text(option),
            choice: Pattern::text("NVMe"),
        },
        need,
    };
    let others = (2..=10).map(|nth| disk(&format!("Disk {nth}"), others));
    pool(10, std::iter::once(disk("Disk 1", first)).chain(others).collect())
}

#[test]
fn choices_that_take_too_many_together_are_held_back_together() {
    let mut world = World::new(&["eu"], plain_rules, &[nvme(1, 2)]);
    disks(&mut world.shops[0], 1, 2, 0);
    world.look(0);
    disks(&mut world.shops[0], 1, 2, 8);
    let decision = world.look(0);
    assert_eq!(
        heard(&decision, "mail"),
        [
            "pool \"kits\"/3 first out",
            "pool \"kits\"/2 worse critical",
            "pool \"kits\" first low"
        ]
    );
    let pool = alerts(&decision, "mail").remove(0).pool.expect("about a pool");
    let held: Vec<(Option<&str>, i64)> = pool
        .holds_back
        .iter()
        .map(|held| (held.choice.as_deref(), held.need))
        .collect();
    assert_eq!(held, [(Some("Disk 1: NVMe, Disk 2: NVMe"), 3)]);
    assert_eq!((pool.holds_back_total, pool.holds_back_products), (1, 1));
    let shown = &world.board().pools[0];
    assert_eq!(shown.by_need, [(3, 1), (2, 1), (1, 1)]);
    assert_eq!(shown.held_back(), 1);
    assert_eq!(shown.products, [(3, 1)]);
}

#[test]
fn of_sums_that_take_the_same_one_is_counted_and_per_choice_none() {
    let mut world = World::new(&["eu"], plain_rules, &[nvme(1, 1)]);
    disks(&mut world.shops[0], 1, 4, 0);
    world.look(0);
    let shown = &world.board().pools[0];
    assert_eq!(shown.by_need, [(4, 1), (3, 1), (2, 1), (1, 4)]);
    let labels: Vec<&str> = shown
        .users
        .iter()
        .filter_map(|user| user.choice.as_deref())
        .collect();
    assert_eq!(
        labels[..2],
        [
            "Disk 1: NVMe, Disk 2: NVMe, Disk 3: NVMe, Disk 4: NVMe",
            "Disk 2: NVMe, Disk 3: NVMe, Disk 4: NVMe"
        ]
    );
    // 1,024 combinations are too many to follow: each choice by itself.
    disks(&mut world.shops[0], 1, 10, 0);
    world.look(0);
    assert!(world.shops[0].tracked(1).per_choice);
    assert_eq!(world.board().pools[0].by_need, [(1, 10)]);
}

#[test]
fn a_pool_at_its_first_sight_is_silent_and_stands_in_the_baseline() {
    let mut world = World::new(&["eu"], plain_rules, &[kits()]);
    server(&mut world.shops[0], 1, Some(20), Some(0));
    let decision = world.look(0);
    let expected = "baseline 1: 0 out, 0 critical, 0 low, 1 ok, 0 unknown, 0 not controlled; \
                    2 of 2 combinations open; 1 of 1 pools open";
    assert_eq!(heard(&decision, "mail"), [expected]);
    assert_eq!(open(&decision), ["pool:kits"]);
    assert_eq!(world.pool().series.severity, Severity::Out);
    assert_eq!(world.hears(0), NOTHING);
    server(&mut world.shops[0], 1, Some(2), Some(0));
    assert_eq!(
        world.hears(0),
        ["pool \"kits\" recovered ok"],
        "it counted as told"
    );
}

#[test]
fn a_pool_that_is_declared_on_a_running_set_up_is_told() {
    let mut world = World::new(&["eu"], plain_rules, &[]);
    server(&mut world.shops[0], 1, Some(20), Some(0));
    world.look(0);
    world.declare(&[kits()]);
    assert_eq!(world.hears(0), ["pool \"kits\" first out"]);
    assert_eq!(world.hears(0), NOTHING);
}

#[test]
fn a_pool_known_only_with_the_second_shop_is_silent_in_its_baseline() {
    let mut world = World::new(&["eu", "us"], plain_rules, &[kits()]);
    server(&mut world.shops[0], 1, Some(4), Some(0));
    server(&mut world.shops[1], 7, Some(0), Some(8));
    let first = world.look(0);
    assert_eq!(world.left(), Level::Unknown);
    assert_eq!(world.board().pools[0].unknown, "us was never read.");
    assert_eq!(open(&first), NOTHING);
    assert_eq!(
        combination(&world, 0, 1, 12).0,
        Level::Unknown,
        "not what the rest would leave"
    );
    let second = world.look(1);
    assert_eq!(world.left(), Level::Known(0), "20 - 4 - 2 * 8");
    assert_eq!(heard(&second, "mail").len(), 1, "the baseline alone");
    assert_eq!(open(&second), ["pool:kits"]);
    assert_eq!(world.hears(0), NOTHING, "what it holds back there is spoken for");
    assert_eq!(combination(&world, 0, 1, 12).0, Level::Known(0));
    server(&mut world.shops[1], 7, Some(0), Some(0));
    assert_eq!(world.hears(1), ["pool \"kits\" recovered ok"]);
}

#[test]
fn a_shop_opened_later_does_not_silence_a_pool_that_is_known() {
    let mut world = one_shop(plain_rules);
    let mut late = Shop::new(plain_rules());
    late.companion = Companion::Contract1;
    "us".clone_into(&mut late.name);
    late.capacities.pools = vec![kits()];
    server(&mut late, 7, Some(18), Some(0));
    world.shops.push(late);
    world.pools.shops.push(ShopParts::new("us", minutes(15)));
    let decision = world.look(1);
    let heard = heard(&decision, "mail");
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(
        heard.contains(&"pool \"kits\" rule_changed out".to_owned()),
        "the services of one shop more: {heard:?}"
    );
}

#[test]
fn a_service_of_either_shop_counts_once() {
    let mut world = World::new(&["eu", "us"], plain_rules, &[kits()]);
    server(&mut world.shops[0], 1, Some(1), Some(0));
    server(&mut world.shops[1], 1, Some(0), Some(1));
    world.look(0);
    world.look(1);
    assert_eq!(world.left(), Level::Known(17));
    for _ in 0..3 {
        world.look(0);
        world.look(1);
        assert_eq!(world.left(), Level::Known(17), "however often they are read");
    }
    let limits =
        |world: &World| [0, 1].map(|shop| [12, 13].map(|choice| combination(world, shop, 1, choice).0));
    assert_eq!(limits(&world), [[Level::Known(17), Level::Known(8)]; 2]);
    server(&mut world.shops[1], 1, Some(15), Some(1));
    let decision = world.look(1);
    let alert = alerts(&decision, "mail")
        .into_iter()
        .find(|alert| alert.alert_id == "pool:kits")
        .expect("of the pool");
    assert_eq!((alert.instance.as_str(), alert.level), ("us", Some(2)));
    assert_eq!(world.left(), Level::Known(2), "eu is not asked for that");
}

#[test]
fn counts_that_are_too_old_make_a_pool_unknown_and_freeze_it() {
    let mut world = World::new(&["eu", "us"], plain_rules, &[kits()]);
    server(&mut world.shops[0], 1, Some(18), Some(0));
    server(&mut world.shops[1], 1, Some(2), Some(0));
    world.look(0);
    world.look(1);
    assert_eq!(world.pool().series.severity, Severity::Out);
    world.wait(minutes(14));
    assert_eq!(world.hears(0), NOTHING, "fifteen minutes are not too old");
    assert_eq!(world.left(), Level::Known(0));
    server(&mut world.shops[0], 1, Some(0), Some(0));
    assert_eq!(world.hears(0), NOTHING, "nobody can tell whether it is better");
    assert_eq!(world.left(), Level::Unknown);
    assert_eq!(world.pool().series.severity, Severity::Out);
    assert_eq!(combination(&world, 0, 1, 12).1, Severity::Out);
    let unknown = &world.board().pools[0].unknown;
    assert!(
        unknown.starts_with("us was last read on 2026-11-21 at 12:"),
        "{unknown}"
    );
    assert_eq!(world.hears(1), ["pool \"kits\" recovered ok"]);
}

#[test]
fn a_companion_that_is_lost_freezes_what_it_counted() {
    let mut world = one_shop(plain_rules);
    server(&mut world.shops[0], 1, Some(20), Some(0));
    assert_eq!(world.hears(0), ["pool \"kits\" first out"]);
    server(&mut world.shops[0], 1, None, None);
    world.shops[0].edit(1, |item| item.in_use = None);
    assert_eq!(world.hears(0), NOTHING);
    assert_eq!(world.left(), Level::Unknown);
    let why = "eu: the services of Product 001 are not counted (the companion counts them).";
    assert_eq!(world.board().pools[0].unknown, why);
    assert_eq!(
        world.shops[0].tracked(1).series.level,
        Level::Known(20),
        "WHMCS says so itself"
    );
    assert_eq!(combination(&world, 0, 2, 12).0, Level::Unknown);
    server(&mut world.shops[0], 1, Some(20), Some(0));
    assert_eq!(world.hears(0), NOTHING, "as it was");
}

#[test]
fn whose_services_are_not_counted_is_said_by_its_number_where_it_has_no_name() {
    let mut world = one_shop(plain_rules);
    server(&mut world.shops[0], 1, Some(20), Some(0));
    world.hears(0);
    server(&mut world.shops[0], 1, None, None);
    world.shops[0].edit(1, |item| {
        item.in_use = None;
        item.name.clear();
    });
    world.hears(0);
    let why = "eu: the services of (no name) #1 are not counted (the companion counts them).";
    assert_eq!(world.board().pools[0].unknown, why);
}

#[test]
fn a_limit_that_is_used_up_counts_though_the_pool_is_unknown() {
    let mut world = World::new(&["eu", "us"], plain_rules, &[kits()]);
    server(&mut world.shops[0], 1, Some(1), Some(0));
    world.shops[0].stock(1, 0);
    world.look(0);
    assert_eq!(
        combination(&world, 0, 1, 12).0,
        Level::Known(0),
        "the product itself is out"
    );
}

#[test]
fn a_pool_that_is_no_longer_declared_is_taken_back_and_keeps_its_number() {
    let mut world = one_shop(plain_rules);
    server(&mut world.shops[0], 1, Some(20), Some(0));
    world.look(0);
    let number = world.pool().id;
    world.declare(&[]);
    let decision = world.look(0);
    assert_eq!(heard(&decision, "mail"), ["pool \"kits\" withdrawn ok"]);
    let pools = decision.pools.as_ref().expect("evaluated");
    assert_eq!(
        pools.withdrawn.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["kits"]
    );
    assert!(matches!(
        pools.events[0].kind,
        EventKind::Severity { to: Severity::Ok, .. }
    ));
    let alert = alerts(&decision, "mail").remove(0);
    assert_eq!(alert.pool.expect("about a pool").capacity, 20);
    assert!(world.pool().gone);
    assert!(world.shops[0].tracked(1).combinations.iter().all(|c| c.gone));
    assert_eq!(world.hears(0), NOTHING);
    world.declare(&[kits()]);
    assert_eq!(world.hears(0), ["pool \"kits\" first out"]);
    assert_eq!((world.pool().id, world.pool().gone), (number, false));
}

#[test]
fn a_pool_has_thresholds_and_channels_of_its_own() {
    fn rules() -> Rules {
        let mut spare = channel("spare", &[]);
        spare.default = false;
        let quiet = Rule {
            low: Some(0),
            ..Rule::default()
        };
        Rules::new(5, 1, vec![quiet], vec![channel("mail", &[]), spare])
    }
    let own = PoolRule {
        low: Some(9),
        channels: Some(vec!["spare".to_owned()]),
        ..kits()
    };
    let mut world = World::new(&["eu"], rules, std::slice::from_ref(&own));
    server(&mut world.shops[0], 1, Some(0), Some(0));
    world.look(0);
    server(&mut world.shops[0], 1, Some(11), Some(0));
    let decision = world.look(0);
    assert_eq!(heard(&decision, "mail"), NOTHING);
    assert_eq!(heard(&decision, "spare"), ["pool \"kits\" first low"]);
    let thresholds = alerts(&decision, "spare").remove(0).thresholds;
    assert_eq!((thresholds.low, thresholds.critical), (9, 1));
    assert_eq!(thresholds.origin, "low: pool \"kits\", critical: global");
    // Where the pool does not speak, what it holds back does.
    server(&mut world.shops[0], 1, Some(20), Some(0));
    let decision = world.look(0);
    assert_eq!(heard(&decision, "mail"), ["1/4=12 first out", "1/4=13 first out"]);
    assert_eq!(heard(&decision, "spare"), ["pool \"kits\" worse out"]);
    world.declare(&[PoolRule { low: Some(3), ..own }]);
    server(&mut world.shops[0], 1, Some(15), Some(0));
    assert_eq!(
        heard(&world.look(0), "spare"),
        [
            "pool \"kits\"/2 rule_changed low",
            "pool \"kits\" rule_changed ok"
        ],
        "five are two orders of two"
    );
}

#[test]
fn a_pool_running_empty_is_no_reason_to_doubt_a_catalogue() {
    let uses = (1..=8).map(|id| whole(id, 1)).collect();
    let mut world = World::new(&["eu"], plain_rules, &[pool(40, uses)]);
    for id in 1..=8 {
        server(&mut world.shops[0], id, Some(0), Some(0));
        world.shops[0].edit(id, |item| item.in_use = Some(4));
    }
    world.look(0);
    assert_eq!(world.left(), Level::Known(8));
    world.shops[0].edit(1, |item| item.in_use = Some(12));
    let decision = world.look(0);
    assert_eq!(
        heard(&decision, "mail"),
        ["pool \"kits\" first out"],
        "eight products fell to 0"
    );
    let tracked = world.shops[0].tracked(5);
    assert_eq!(tracked.series.level, Level::Known(0));
    assert_eq!(
        tracked.bottleneck.as_ref().map(ToString::to_string).as_deref(),
        Some("pool kits")
    );
    // All of WHMCS's own figures at once are another matter, also while the pool is empty.
    for id in 1..=8 {
        world.shops[0].stock(id, 0);
    }
    let decision = world.look(0);
    assert_eq!(decision.detail, "8 of 8 products in stock fell to 0 at once");
}

#[test]
fn a_whole_product_has_the_smaller_of_whmcs_and_the_pool() {
    let mut world = World::new(&["eu"], plain_rules, &[pool(10, vec![whole(1, 3)])]);
    for (quantity, controlled, level, limited) in [
        (20, true, 2, true),
        (2, true, 2, false),
        (1, true, 1, false),
        (0, false, 2, true),
    ] {
        world.shops[0].stock(1, quantity);
        world.shops[0].edit(1, |item| {
            item.detailed = true;
            item.controlled = Some(controlled);
            item.in_use = Some(1);
        });
        world.look(0);
        let tracked = world.shops[0].tracked(1);
        assert_eq!(
            tracked.series.level,
            Level::Known(level),
            "{quantity} {controlled}"
        );
        assert_eq!(tracked.bottleneck.is_some(), limited, "{quantity} {controlled}");
    }
}

#[test]
fn a_product_whose_pool_is_lost_does_not_look_restocked() {
    let mut world = World::new(&["eu"], plain_rules, &[pool(20, vec![whole(1, 1), whole(2, 1)])]);
    for id in [1, 2] {
        world.shops[0].stock(id, 20);
        world.shops[0].edit(id, |item| {
            item.detailed = true;
            item.controlled = Some(true);
            item.in_use = Some(4);
        });
    }
    world.look(0);
    world.shops[0].edit(1, |item| item.in_use = Some(16));
    assert_eq!(world.hears(0), ["pool \"kits\" first out"]);
    world.shops[0].edit(1, |item| item.in_use = None);
    assert_eq!(world.hears(0), NOTHING);
    for id in [1, 2] {
        let tracked = world.shops[0].tracked(id);
        assert_eq!(
            (tracked.series.level, tracked.series.severity),
            (Level::Unknown, Severity::Out)
        );
    }
    world.shops[0].stock(2, 0);
    assert_eq!(world.hears(0), ["2 first out"], "that WHMCS says itself");
    world.shops[0].stock(2, 20);
    world.look(0);
    world.shops[0].edit(1, |item| item.in_use = Some(0));
    let heard = world.hears(0);
    assert!(
        heard.contains(&"pool \"kits\" recovered ok".to_owned()),
        "{heard:?}"
    );
    // One that the pool did not limit is what WHMCS says.
    world.shops[0].stock(1, 3);
    world.look(0);
    world.shops[0].edit(2, |item| item.in_use = None);
    world.look(0);
    assert_eq!(world.shops[0].tracked(1).series.level, Level::Known(3));
}

#[test]
fn what_a_pool_leaves_settles_no_zero_of_whmcs() {
    let mut world = World::new(&["eu"], plain_rules, &[pool(10, vec![whole(1, 1)])]);
    world.shops[0].stock(1, 0);
    world.shops[0].edit(1, |item| {
        item.detailed = true;
        item.in_use = Some(4);
    });
    world.look(0);
    assert_eq!(
        world.shops[0].tracked(1).series.level,
        Level::Known(6),
        "the pool's share"
    );
    world.declare(&[]);
    world.look(0);
    let tracked = world.shops[0].tracked(1);
    assert_eq!(
        (tracked.series.level, tracked.ambiguous_zero),
        (Level::Unknown, true)
    );
}

#[test]
fn hidden_and_retired_products_count_but_only_what_can_speak_is_held_back() {
    let mut world = one_shop(plain_rules);
    server(&mut world.shops[0], 1, Some(14), Some(0));
    world.shops[0].edit(1, |item| item.retired = Some(true));
    server(&mut world.shops[0], 2, Some(6), Some(0));
    world.shops[0].edit(2, |item| item.hidden = Some(true));
    let decision = world.look(0);
    let alert = alerts(&decision, "mail").remove(0);
    let held = alert.pool.expect("about a pool").holds_back;
    assert_eq!(alert.level, Some(0));
    assert!(
        held.iter().all(|held| held.product_id == 2) && held.len() == 2,
        "{held:?}"
    );
}

#[test]
fn a_missing_product_counts_until_it_is_gone() {
    let mut world = one_shop(plain_rules);
    world.shops[0].remove(1);
    for left in [18, 18, 20] {
        world.look(0);
        assert_eq!(world.left(), Level::Known(left));
    }
    assert!(world.shops[0].tracked(1).gone);
}

#[test]
fn a_product_that_is_missing_after_a_restart_leaves_the_pool_unknown_until_it_is_gone() {
    let mut world = one_shop(plain_rules);
    world.restart();
    world.shops[0].remove(1);
    for left in [Level::Unknown, Level::Unknown, Level::Known(20)] {
        world.look(0);
        assert_eq!(world.left(), left);
    }
}

#[test]
fn a_restart_changes_nothing_and_says_nothing() {
    let mut world = one_shop(plain_rules);
    server(&mut world.shops[0], 1, Some(20), Some(0));
    world.look(0);
    world.restart();
    let decision = world.look(0);
    assert_eq!(heard(&decision, "mail"), NOTHING);
    let pools = decision.pools.expect("evaluated");
    assert!(pools.changes.is_empty() && pools.written.is_empty() && pools.dropped.is_empty());
    assert!(decision.changes.is_empty(), "{:?}", decision.changes);
}

#[test]
fn a_look_at_one_product_moves_the_pool_and_what_else_draws_on_it() {
    let mut world = one_shop(plain_rules);
    server(&mut world.shops[0], 1, Some(20), Some(0));
    world.now = world.now.checked_add(minutes(1)).expect("in range");
    let read_at = world.pools.shop("eu").expect("the shop").observed_at;
    let decision = world.with(0, |shop| shop.look_at(&[1]));
    assert_eq!(heard(&decision, "mail"), ["pool \"kits\" first out"]);
    assert_eq!(
        combination(&world, 0, 2, 12).0,
        Level::Known(0),
        "though nobody asked for 2"
    );
    assert_eq!(world.pools.shop("eu").expect("the shop").observed_at, read_at);
    assert_eq!(world.hears(0), NOTHING);
}

#[test]
fn a_look_at_one_product_before_all_were_seen_leaves_the_counts_as_they_are() {
    let mut world = one_shop(plain_rules);
    world.restart();
    server(&mut world.shops[0], 2, Some(1), Some(0));
    let decision = world.with(0, |shop| shop.look_at(&[2]));
    assert_eq!(heard(&decision, "mail"), NOTHING);
    assert_eq!(
        world.left(),
        Level::Known(18),
        "what 1 takes is not known by itself"
    );
    world.look(0);
    assert_eq!(world.left(), Level::Known(17));
}

#[test]
fn another_meaning_of_a_pool_makes_old_counts_worthless() {
    let mut world = World::new(&["eu", "us"], plain_rules, &[kits()]);
    server(&mut world.shops[0], 1, Some(1), Some(0));
    server(&mut world.shops[1], 1, Some(1), Some(0));
    world.look(0);
    world.look(1);
    assert_eq!(world.left(), Level::Known(18));
    world.declare(&[pool(10, vec![a_use("64 GB", 2)])]);
    world.look(0);
    assert_eq!(world.left(), Level::Unknown);
    assert_eq!(
        world.board().pools[0].unknown,
        "us was not read since the pool is as it is."
    );
    world.look(1);
    assert_eq!(world.left(), Level::Known(6));
    // Another size of the same pool needs no new counts.
    world.declare(&[pool(20, vec![a_use("64 GB", 2)])]);
    world.look(0);
    assert_eq!(world.left(), Level::Known(16));
}

#[test]
fn reminders_name_an_open_pool_once_and_not_while_none_of_its_shops_can_be_read() {
    let mut world = World::new(&["eu", "us"], plain_rules, &[kits()]);
    server(&mut world.shops[0], 1, Some(1), Some(0));
    server(&mut world.shops[1], 1, Some(1), Some(0));
    world.look(0);
    world.look(1);
    world.look(0);
    server(&mut world.shops[0], 1, Some(19), Some(0));
    assert_eq!(world.hears(0), ["pool \"kits\" first out"]);
    assert_eq!(world.hears(1), NOTHING);
    let reminded = |world: &World| {
        let shops: Vec<Reminded<'_>> = world
            .shops
            .iter()
            .map(|shop| Reminded {
                instance: &shop.name,
                memory: &shop.memory,
                people: &shop.people,
            })
            .collect();
        let board = std::sync::Arc::new(world.board());
        let shared = Shared {
            pools: &world.pools,
            board: &board,
            capacities: &world.shops[0].capacities,
            people: &world.shops[0].people,
        };
        let slot = world.now;
        let mut id = 0;
        let mut new_id = || {
            id += 1;
            uuid::Uuid::from_u128(id)
        };
        let rules = &world.shops[0].rules;
        remind(rules, &shops, Some(shared), &[Some(slot)], slot, &mut new_id)
    };
    world.wait(minutes(60));
    let reminders = reminded(&world);
    assert_eq!(said(&reminders.messages, "mail"), ["pool \"kits\" reminder out"]);
    assert!(
        reminders.shops.iter().all(Option::is_none),
        "what it holds back is spoken for"
    );
    let pools = reminders.pools.expect("reminded of");
    assert_eq!(pools.changes.len(), 1);
    for shop in &mut world.shops {
        let failures = [1, 8, 8].map(|n| shop.fails(minutes(n), Cause::Timeout));
        assert!(failures.len() == 3 && shop.memory.source.down.is_some());
    }
    assert_eq!(
        said(&reminded(&world).messages, "mail"),
        NOTHING,
        "nobody can tell"
    );
    world.shops[1].look();
    assert_eq!(
        said(&reminded(&world).messages, "mail"),
        ["pool \"kits\" reminder out"]
    );
    world.pools.memory = pools.memory;
    assert_eq!(said(&reminded(&world).messages, "mail"), NOTHING, "once a day");
}

/// Two shops: 1 and 2 draw on the pool as whole products, and 64 GB of 3 does; us takes so many of the twenty. Only eu
/// was looked at.
fn half_read(taken: Option<i64>) -> World {
    let uses = vec![whole(1, 1), whole(2, 1), a_use("64 GB", 4)];
    let mut world = World::new(&["eu", "us"], plain_rules, &[pool(20, uses)]);
    for (shop, id, in_use) in [(0, 1, Some(0)), (0, 2, Some(0)), (1, 1, taken)] {
        world.shops[shop].stock(id, if id == 2 { 1 } else { 9 });
        world.shops[shop].edit(id, |item| {
            item.detailed = true;
            item.controlled = Some(true);
            item.in_use = in_use;
        });
    }
    server(&mut world.shops[0], 3, Some(0), Some(0));
    world.look(0);
    world
}

fn of_product(world: &World, id: i64) -> (Level, Severity, Option<i64>) {
    let series = &world.shops[0].tracked(id).series;
    (series.level, series.severity, series.previous_level)
}

#[test]
fn what_waits_for_a_pool_that_was_never_read_takes_its_first_figure_silently() {
    let mut world = half_read(Some(17));
    for id in [1, 2] {
        assert_eq!(
            of_product(&world, id),
            (Level::Unknown, Severity::Ok, None),
            "{id}"
        );
    }
    assert_eq!(combination(&world, 0, 3, 12).0, Level::Unknown);
    world.look(1);
    assert_eq!(world.left(), Level::Known(3));
    let decision = world.look(0);
    assert_eq!(heard(&decision, "mail"), NOTHING, "nothing happened");
    assert!(decision.events.is_empty(), "{:?}", decision.events);
    // 1 by the pool, 2 by WHMCS, which could not be told before; 64 GB takes four.
    assert_eq!(of_product(&world, 1), (Level::Known(3), Severity::Low, None));
    assert_eq!(of_product(&world, 2), (Level::Known(1), Severity::Critical, None));
    assert_eq!(combination(&world, 0, 3, 12).1, Severity::Out);
    assert_eq!(world.hears(0), NOTHING);
    // From here on it is as if that had been the baseline.
    world.shops[1].edit(1, |item| item.in_use = Some(10));
    assert_eq!(
        world.hears(1).last().map(String::as_str),
        Some("pool \"kits\" recovered ok")
    );
    assert_eq!(world.hears(0), NOTHING, "the pool spoke for it");
    assert_eq!(
        combination(&world, 0, 3, 12).0,
        Level::Known(2),
        "better, which is said later"
    );
}

#[test]
fn what_waits_for_a_pool_is_what_whmcs_says_once_the_pool_cannot_be_read() {
    let mut world = half_read(None);
    world.look(1);
    assert_eq!(world.left(), Level::Unknown, "nobody counts");
    assert_eq!(world.hears(0), NOTHING);
    assert_eq!(of_product(&world, 1), (Level::Known(9), Severity::Ok, None));
    assert_eq!(of_product(&world, 2), (Level::Known(1), Severity::Critical, None));
    world.shops[0].stock(1, 12);
    world.look(0);
    assert_eq!(
        of_product(&world, 1).0,
        Level::Known(12),
        "the pool never limited it"
    );
    // Its first figure is still a late baseline for what it limits; the pool itself is news.
    world.shops[1].edit(1, |item| item.in_use = Some(18));
    assert_eq!(
        world.hears(1),
        ["pool \"kits\"/4 first out", "pool \"kits\" first low"]
    );
    assert_eq!(world.hears(0), NOTHING);
    assert_eq!(of_product(&world, 1), (Level::Known(2), Severity::Low, Some(12)));
    world.shops[1].edit(1, |item| item.in_use = Some(19));
    assert!(
        world
            .hears(1)
            .contains(&"pool \"kits\" worse critical".to_owned())
    );
}

#[test]
fn a_shop_that_starts_anew_before_the_first_figure_takes_it_silently_too() {
    let mut world = half_read(Some(17));
    world.restart();
    world.look(1);
    assert_eq!(world.hears(0), NOTHING);
    assert_eq!(of_product(&world, 1), (Level::Known(3), Severity::Low, None));
    assert_eq!(combination(&world, 0, 3, 12).1, Severity::Out);
}
