//! Levels of choices and combinations: stock that is sent, capacities, hidden choices, the limit, changed options.

use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::capacity::CapacityRule;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::pool::Board;
use whmcs_stock_monitor::jobs::check::Checked;
use whmcs_stock_monitor::observe::lines::lines;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;

use crate::world::Declared;
use crate::world::World;
use crate::world::capacity;
use crate::world::combinations;
use crate::world::known;
use crate::world::product;
use crate::world::server;
use crate::world::shop;
use crate::world::told;

async fn open(product: Product, capacities: Vec<CapacityRule>) -> World {
    let declared = Declared {
        capacities,
        ..Declared::default()
    };
    World::with(shop(Companion::Contract1, [product]), declared).await
}

#[tokio::test]
async fn without_a_figure_there_is_no_series() {
    let mut world = open(server(), Vec::new()).await;
    let checked = world.look().await;
    assert_eq!(combinations(&checked, 1), []);
    let shown = lines("default", &checked.memory, product(&checked, 1));
    let keys: Vec<String> = shown
        .iter()
        .filter_map(|line| line.key())
        .map(ToString::to_string)
        .collect();
    assert_eq!(keys, ["4=11;5=20", "4=11;5=21", "4=12;5=20", "4=12;5=21"]);
    assert_eq!(shown[1].label(), Some("RAM: 32 GB, Disk: SATA"));
    assert!(shown[1..].iter().all(|line| {
        let item = line.item(&Board::default());
        item.derived && item.level == Some(20)
    }));
}

#[tokio::test]
async fn the_stock_of_a_choice_limits_every_combination_with_it() {
    let mut product = server();
    product.options[0].choices[1].stock = Some(2);
    let mut world = open(product, Vec::new()).await;
    let both = known([("4=12;5=20", 2), ("4=12;5=21", 2)]);
    assert_eq!(combinations(&world.look().await, 1), both);
    world.site.shop().set_qty(1, 1).unwrap();
    let limited = known([("4=12;5=20", 1), ("4=12;5=21", 1)]);
    assert_eq!(combinations(&world.look().await, 1), limited);
}

#[tokio::test]
async fn the_stock_of_a_combination_wins_over_everything() {
    let mut product = server();
    product.options[0].choices[1].stock = Some(2);
    product.combination_stock.insert("4=12;5=21".to_owned(), 33);
    let mut world = open(product, Vec::new()).await;
    let expected = known([("4=12;5=20", 2), ("4=12;5=21", 33)]);
    assert_eq!(combinations(&world.look().await, 1), expected);
}

#[tokio::test]
async fn a_capacity_of_a_choice_is_less_what_is_in_use() {
    let product = server()
        .with_services(&[(4, 12), (5, 20)], 3)
        .with_services(&[(4, 12), (5, 21)], 2);
    let mut world = open(product, vec![capacity(&[("ram", "64 GB")], 12)]).await;
    let checked = world.look().await;
    assert_eq!(
        combinations(&checked, 1),
        known([("4=12;5=20", 7), ("4=12;5=21", 7)])
    );
    assert_eq!(product_bottleneck(&checked).as_deref(), Some("RAM: 64 GB"));
    world.site.shop().order(1, &[(4, 12), (5, 20)]).unwrap();
    let checked = world.look().await;
    assert_eq!(
        combinations(&checked, 1),
        known([("4=12;5=20", 6), ("4=12;5=21", 6)])
    );
}

fn product_bottleneck(checked: &Checked) -> Option<String> {
    let bottleneck = &product(checked, 1).combinations[0].bottleneck;
    bottleneck.as_ref().map(ToString::to_string)
}

#[tokio::test]
async fn a_capacity_of_a_combination_or_of_part_of_its_pairs_counts_the_services_that_hold_them() {
    let raid = ConfigOption::new(6, "RAID", OptionKind::YesNo, &[(30, "RAID")]);
    let product = server()
        .with_option(raid)
        .with_services(&[(4, 12), (5, 21), (6, 0)], 3)
        .with_services(&[(4, 12), (5, 21), (6, 30)], 2);
    let whole = capacity(&[("RAM", "64 GB"), ("Disk", "NVMe"), ("RAID", "no")], 10);
    let mut world = open(product.clone(), vec![whole]).await;
    assert_eq!(
        combinations(&world.look().await, 1),
        known([("4=12;5=21;6=0", 7)])
    );
    let part = capacity(&[("RAM", "64 GB"), ("Disk", "NVMe")], 10);
    let mut world = open(product.clone(), vec![part]).await;
    let both = known([("4=12;5=21;6=0", 5), ("4=12;5=21;6=30", 5)]);
    assert_eq!(combinations(&world.look().await, 1), both);
    let no = capacity(&[("RAID", "No")], 4);
    let mut world = open(product, vec![no]).await;
    let without: Vec<_> = combinations(&world.look().await, 1);
    assert_eq!(without.len(), 4);
    assert!(
        without
            .iter()
            .all(|(key, level)| key.ends_with("6=0") && *level == Level::Known(1))
    );
}

#[tokio::test]
async fn a_quantity_option_is_followed_by_itself_and_counts_quantities() {
    let disks = ConfigOption::new(7, "Disks", OptionKind::Quantity, &[(70, "Disk")]);
    let product = Product::new(1, 3, "Dedicated", "DS-64")
        .with_stock(20)
        .with_option(disks)
        .with_services(&[(7, 4)], 3);
    let mut world = open(product, vec![capacity(&[("Disks", "Disk")], 14)]).await;
    assert_eq!(combinations(&world.look().await, 1), known([("7=70", 2)]));
}

#[tokio::test]
async fn a_hidden_choice_takes_its_combinations_away_and_they_are_not_zero() {
    let mut product = server();
    product.options[1].choices[0].stock = Some(0);
    let mut world = open(product, Vec::new()).await;
    let checked = world.look().await;
    assert_eq!(
        combinations(&checked, 1),
        known([("4=11;5=20", 0), ("4=12;5=20", 0)])
    );
    world.edit(1, |product| product.options[0].choices[1].hidden = true);
    let checked = world.look().await;
    assert_eq!(combinations(&checked, 1), known([("4=11;5=20", 0)]));
    let gone = &tracked(&checked).combinations[1];
    assert!(gone.gone);
    assert_eq!(world.events("options_changed").await, 0);
    let at = world.now;
    let past = world
        .store
        .reader()
        .catalogue_at(world.check.shop.id, at)
        .await
        .unwrap()
        .unwrap();
    let states: Vec<_> = past
        .items
        .iter()
        .map(|item| (item.stood.state(), item.stood.level()))
        .collect();
    assert_eq!(states, [("known", Some(20)), ("known", Some(0)), ("gone", None)]);
}

#[tokio::test]
async fn past_the_limit_a_product_is_followed_per_choice() {
    let mut product = server();
    product.options[0].choices[1].stock = Some(2);
    let declared = Declared {
        limit: Some(3),
        ..Declared::default()
    };
    let mut world = World::with(shop(Companion::Contract1, [product]), declared).await;
    let checked = world.look().await;
    assert!(tracked(&checked).per_choice);
    assert_eq!(combinations(&checked, 1), known([("4=12", 2)]));
    let tracked = tracked(&checked);
    let shown = lines("default", &checked.memory, tracked);
    let keys: Vec<String> = shown
        .iter()
        .filter_map(|line| line.key())
        .map(ToString::to_string)
        .collect();
    assert_eq!(keys, ["4=11", "4=12", "5=20", "5=21"]);
    assert_eq!(shown[0].item(&Board::default()).combinations, Some("per_choice"));
}

#[tokio::test]
async fn another_option_changes_every_key_with_one_event_and_no_alert_about_the_old_ones() {
    let mut product = server();
    product.options[0].choices[1].stock = Some(9);
    let mut world = open(product, Vec::new()).await;
    world.look().await;
    world.edit(1, |product| product.options[0].choices[1].stock = Some(0));
    let checked = world.look().await;
    assert_eq!(told(&checked).len(), 1, "{:?}", checked.headlines);
    world.edit(1, |product| {
        product.options[0].choices[1].stock = None;
        let option = ConfigOption::new(6, "Panel", OptionKind::Radio, &[(40, "None"), (41, "Plesk")]);
        product.options.push(option);
    });
    let checked = world.look().await;
    assert_eq!(combinations(&checked, 1), []);
    assert_eq!(world.events("options_changed").await, 1);
    let subjects = told(&checked);
    assert!(!subjects.is_empty());
    let open = tracked(&checked)
        .combinations
        .iter()
        .any(|c| !c.series.told.is_empty());
    assert!(!open, "what was told of the old keys is taken back: {subjects:?}");
    let checked = world.look().await;
    assert_eq!(told(&checked), [] as [&str; 0]);
    assert_eq!(world.events("options_changed").await, 1);
}

fn tracked(checked: &Checked) -> &Tracked {
    product(checked, 1)
}

#[tokio::test]
async fn a_companion_that_vanishes_leaves_combinations_unknown_and_brings_them_back() {
    let mut with_stock = server();
    with_stock.options[0].choices[1].stock = Some(2);
    let mut world = open(with_stock, Vec::new()).await;
    let before = combinations(&world.look().await, 1);
    world.companion(Companion::None);
    let checked = world.look().await;
    let unknown: Vec<_> = before
        .iter()
        .map(|(key, _)| (key.clone(), Level::Unknown))
        .collect();
    assert_eq!(combinations(&checked, 1), unknown);
    assert_eq!(told(&checked).len(), 1, "{:?}", checked.headlines);
    assert_eq!(told(&world.look().await), [] as [&str; 0]);
    assert_eq!(
        (
            world.events("source_degraded").await,
            world.events("severity").await
        ),
        (1, 0)
    );
    world.companion(Companion::Contract1);
    world.asked();
    let checked = world.look_after(24 * 60).await;
    assert_eq!(combinations(&checked, 1), before);
    assert_eq!(world.events("source_restored").await, 1);
    assert_eq!(told(&checked).len(), 1, "{:?}", checked.headlines);
    assert_eq!(world.events("options_changed").await, 0);
}
