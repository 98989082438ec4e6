//! Random stories: the catalogue rebuilt from changes is the catalogue that was served, at every poll.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::product::Choice;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::world::World;
use crate::world::server;
use crate::world::shop;

/// What happens to a product between two polls.
#[derive(Debug, Clone)]
enum Move {
    Stock(i64),
    Control(bool),
    Rename(u8),
    Regroup(u8),
    Hide(bool),
    Retire(bool),
    Sell,
    /// Removed, or added again.
    Toggle,
    AddOption,
    DropOption,
    ChoiceStock(usize, Option<i64>),
    HideChoice(usize, bool),
    CombinationStock(Option<i64>),
}

fn some_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (-1i64..12).prop_map(Move::Stock),
        2 => any::<bool>().prop_map(Move::Control),
        1 => (0u8..4).prop_map(Move::Rename),
        1 => (0u8..3).prop_map(Move::Regroup),
        1 => any::<bool>().prop_map(Move::Hide),
        1 => any::<bool>().prop_map(Move::Retire),
        2 => Just(Move::Sell),
        3 => Just(Move::Toggle),
        1 => Just(Move::AddOption),
        1 => Just(Move::DropOption),
        3 => (0usize..4, prop::option::of(0i64..9)).prop_map(|(at, stock)| Move::ChoiceStock(at, stock)),
        2 => (0usize..4, any::<bool>()).prop_map(|(at, hidden)| Move::HideChoice(at, hidden)),
        1 => prop::option::of(0i64..9).prop_map(Move::CombinationStock),
    ]
}

/// A product as it is shown: name, group, hidden, retired, level or "not counted".
type Face = (String, String, bool, bool, Option<i64>);

/// Everything that was served at a poll: products, and levels of combinations by product and key.
#[derive(Debug, Clone, PartialEq)]
struct Served {
    products: BTreeMap<i64, Face>,
    combinations: BTreeMap<(i64, String), i64>,
}

fn make(shop: &mut Shop, removed: &mut BTreeMap<i64, Product>, pid: i64, what: &Move) {
    if let Move::Toggle = what {
        if let Some(product) = removed.remove(&pid) {
            shop.add(product);
        } else if shop.products().count() > 1
            && let Ok(product) = shop.remove(pid)
        {
            removed.insert(pid, product);
        }
        return;
    }
    let choice = |product: &mut Product, at: usize, change: &dyn Fn(&mut Choice)| {
        if let Some(choice) = product.options.iter_mut().flat_map(|o| &mut o.choices).nth(at) {
            change(choice);
        }
    };
    // A product that is removed just now has its moves when it is back.
    let _ = shop.edit(pid, |product| match what {
        Move::Stock(qty) => product.qty = *qty,
        Move::Control(on) => product.stock_control = *on,
        Move::Rename(nth) => product.name = format!("Name {nth} of {pid} & more"),
        Move::Regroup(gid) => {
            product.gid = 10 + i64::from(*gid);
            product.group = format!("Group {gid}");
        }
        Move::Hide(hidden) => product.hidden = *hidden,
        Move::Retire(retired) => product.retired = *retired,
        Move::Sell => {
            let picks = product.default_picks();
            product.add_services(&picks, 1);
            product.qty -= 1;
        }
        Move::AddOption => {
            let names = [(60, "None"), (61, "Plesk")];
            if product.options.iter().all(|option| option.id != 6) {
                product
                    .options
                    .push(ConfigOption::new(6, "Panel", OptionKind::Dropdown, &names));
            }
        }
        Move::DropOption => product.options.retain(|option| option.id != 6),
        Move::ChoiceStock(at, stock) => choice(product, *at, &|choice| choice.stock = *stock),
        Move::HideChoice(at, hidden) => choice(product, *at, &|choice| choice.hidden = *hidden),
        Move::CombinationStock(stock) => match stock {
            Some(stock) => drop(product.combination_stock.insert("4=11;5=20".to_owned(), *stock)),
            None => drop(product.combination_stock.remove("4=11;5=20")),
        },
        Move::Toggle => {}
    });
}

/// Options with the choices taken, and the stocks of these choices.
type Way = (Vec<(i64, i64)>, Vec<i64>);

/// Every way to take one visible choice of each option.
fn ways(options: &[ConfigOption]) -> Vec<Way> {
    let mut found = vec![(Vec::new(), Vec::new())];
    for option in options {
        let visible: Vec<&Choice> = option.choices.iter().filter(|choice| !choice.hidden).collect();
        if visible.is_empty() {
            continue;
        }
        let with = |(pairs, stocks): &Way, choice: &Choice| {
            let (mut pairs, mut stocks) = (pairs.clone(), stocks.clone());
            pairs.push((option.id, choice.id));
            stocks.extend(choice.stock);
            (pairs, stocks)
        };
        found = found
            .iter()
            .flat_map(|way| visible.iter().map(move |choice| with(way, choice)))
            .collect();
    }
    found.retain(|(pairs, _)| !pairs.is_empty());
    found
}

fn serves(shop: &Shop) -> Served {
    let mut served = Served {
        products: BTreeMap::new(),
        combinations: BTreeMap::new(),
    };
    for product in shop.products() {
        let level = product.stock_control.then_some(product.qty);
        let face = (
            product.name.clone(),
            product.group.clone(),
            product.hidden,
            product.retired,
            level,
        );
        served.products.insert(product.pid, face);
        for (pairs, stocks) in ways(&product.options) {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(option, choice)| format!("{option}={choice}"))
                .collect();
            let key = pairs.join(";");
            let own = product.combination_stock.get(&key).copied();
            let least = stocks
                .into_iter()
                .min()
                .map(|own| level.map_or(own, |n| n.min(own)));
            if let Some(level) = own.or(least) {
                served.combinations.insert((product.pid, key), level);
            }
        }
    }
    served
}

async fn rebuilt(world: &World, at: Timestamp) -> Served {
    let past = world
        .store
        .reader()
        .catalogue_at(world.check.shop.id, at)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(past.observed_at, at);
    let mut served = Served {
        products: BTreeMap::new(),
        combinations: BTreeMap::new(),
    };
    for item in past.items.into_iter().filter(|item| item.present) {
        match item.combination {
            None => {
                let group = item.group.map(|group| group.raw().to_owned()).unwrap_or_default();
                let (hidden, retired) = (item.hidden.unwrap(), item.retired.unwrap());
                let level = match item.stood.state() {
                    "known" => item.stood.level(),
                    "not_controlled" => None,
                    other => panic!("product {} is {other}", item.product_id),
                };
                let face = (item.name.raw().to_owned(), group, hidden, retired, level);
                served.products.insert(item.product_id, face);
            }
            Some(key) if item.stood.state() != "gone" => {
                let level = item.stood.level().unwrap();
                served
                    .combinations
                    .insert((item.product_id, key.to_string()), level);
            }
            Some(_) => {}
        }
    }
    served
}

async fn tell(story: Vec<Vec<(i64, Move)>>) {
    let products = (1..=6).map(|pid| {
        let mut product = server();
        (product.pid, product.qty) = (pid, 3 + pid);
        product
    });
    let mut world = World::open(shop(Companion::Contract1, products)).await;
    let mut removed = BTreeMap::new();
    let mut polls = Vec::new();
    for moves in story {
        {
            let mut shop = world.site.shop();
            for (pid, what) in &moves {
                make(&mut shop, &mut removed, *pid, what);
            }
        }
        let served = serves(&world.site.shop());
        world.look().await;
        assert_eq!(rebuilt(&world, world.now).await, served, "after {moves:?}");
        polls.push((world.now, served));
    }
    for (at, served) in polls {
        assert_eq!(rebuilt(&world, at).await, served, "looking back to {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.min(24).max(ProptestConfig::default().cases / 32), ..ProptestConfig::default() })]
    #[test]
    fn prop_the_catalogue_rebuilt_from_changes_is_the_catalogue_that_was_served(
        story in prop::collection::vec(prop::collection::vec((1i64..7, some_move()), 0..3), 1..14)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(tell(story));
    }
}
