//! People who buy and give back, and the shop's owner who orders more: stock that moves between nothing and full, for as
//! long as anybody watches.

use std::collections::BTreeMap;

use crate::simulator::product::OptionKind;
use crate::simulator::product::Picks;
use crate::simulator::product::Product;
use crate::simulator::random::Random;
use crate::simulator::shop::Shop;

/// What has no more than this is left alone while the story is calm.
const PLENTY: i64 = 10;
/// For so many steps after that much is bought and delivered; then it goes on as slowly as in a busy shop.
const LIVELY: u64 = 240;
/// What a full shelf holds at least.
const SHELF: i64 = 8;
/// So many services more than usual are many.
const MANY: i64 = 30;
/// With so few left the owner orders.
const FEW: i64 = 3;

/// Those who move the stock, by chance.
#[derive(Debug, Clone)]
pub struct Customers {
    random: Random,
    calm_until: u64,
    spared: Vec<i64>,
    parts: Option<Parts>,
    usual: Option<Usual>,
}

/// A choice that takes a part of which there are only so many.
#[derive(Debug, Clone, Copy)]
struct Parts {
    /// Option and choice.
    of: (i64, i64),
    /// How many there are beside those in use in the beginning.
    spare: i64,
}

/// The shop as it was in the beginning.
#[derive(Debug, Clone)]
struct Usual {
    /// The stock of a full shelf.
    full: BTreeMap<i64, i64>,
    /// The services of each product.
    services: BTreeMap<i64, i64>,
    /// How many of the parts there are in all.
    parts: i64,
}

/// How often things happen: once in so many steps.
struct Pace {
    /// Somebody buys, and somebody gives back.
    trade: u32,
    /// What is sold out is delivered.
    out: u32,
    /// What is nearly sold out is.
    few: u32,
    /// Somebody gives several of the parts back once all are in use.
    parts: u32,
}

impl Customers {
    /// Through step `calm_until` they leave alone whatever has 10 or fewer and the `spared` products entirely, give
    /// nothing back, and nothing is delivered.
    #[must_use]
    pub fn new(seed: u64, calm_until: u64, spared: &[i64]) -> Self {
        Self {
            random: Random::new(seed),
            calm_until,
            spared: spared.to_vec(),
            parts: None,
            usual: None,
        }
    }

    /// From then on the choice (`of`: option, choice) takes a part of which there are so many beside those in use: no
    /// more of it are sold.
    #[must_use]
    pub fn sharing(mut self, of: (i64, i64), spare: i64) -> Self {
        self.parts = Some(Parts { of, spare });
        self
    }

    /// What they do in a step.
    pub fn step(&mut self, shop: &mut Shop, step: u64) {
        let parts = self.parts;
        let usual = self.usual.take().unwrap_or_else(|| Usual::of(shop, parts));
        let calm = step <= self.calm_until;
        let pace = Pace::at(step, self.calm_until);
        if self.random.once_in(pace.trade) {
            self.buy(shop, &usual, calm);
        }
        if !calm {
            // The more there are who bought, the more give back.
            let often = if usual.grown_by(shop) > MANY { 2 } else { 1 };
            if self.random.once_in(pace.trade / often) {
                self.give_back(shop, &usual);
            }
            self.return_parts(shop, &usual, &pace);
            self.deliver(shop, &usual, &pace);
        }
        self.usual = Some(usual);
    }

    fn buy(&mut self, shop: &mut Shop, usual: &Usual, calm: bool) {
        let for_sale = |product: &&Product| {
            let left_alone = product.qty <= PLENTY || self.spared.contains(&product.pid);
            is_sold(product) && product.qty > 0 && !(calm && left_alone)
        };
        // Some products are asked for more than others.
        let wanted: Vec<&Product> = shop
            .products()
            .filter(for_sale)
            .flat_map(|product| vec![product; if product.pid % 3 == 0 { 3 } else { 1 }])
            .collect();
        let are_gone = calm || usual.parts_left(shop, self.parts) <= 0;
        let Some(chosen) = self.random.one_of(&wanted) else {
            return;
        };
        let (pid, picks) = (chosen.pid, self.picks(chosen, are_gone));
        let _ = shop.order(pid, &picks);
    }

    /// What somebody chooses: rather what is cheap, and not what there are no parts for.
    fn picks(&mut self, product: &Product, are_gone: bool) -> Picks {
        let mut picks = product.default_picks();
        for (id, picked) in &mut picks {
            let Some(option) = product.options.iter().find(|option| option.id == *id) else {
                continue;
            };
            let usual = *picked;
            match option.kind {
                OptionKind::Dropdown | OptionKind::Radio => {
                    let choice = self.random.early_one_of(&option.choices);
                    *picked = choice.map_or(usual, |choice| choice.id);
                }
                OptionKind::YesNo => {
                    let yes = option.choices.first().map_or(0, |choice| choice.id);
                    *picked = if self.random.once_in(3) { yes } else { 0 };
                }
                OptionKind::Quantity => *picked = option.min + self.random.below(4),
            }
            if are_gone && self.parts.is_some_and(|parts| parts.of == (*id, *picked)) {
                *picked = usual;
            }
        }
        picks
    }

    /// One of the services that were sold since ends; now and then what it held is sold again.
    fn give_back(&mut self, shop: &mut Shop, usual: &Usual) {
        let grown: Vec<&Product> = shop
            .products()
            .filter(|product| is_sold(product) && product.in_use() > usual.services_of(product))
            .collect();
        let Some(chosen) = self.random.one_of(&grown) else {
            return;
        };
        // Parts come back several at a time.
        let keeps = |picks: &Picks| self.parts.is_some_and(|parts| picks.contains(&parts.of));
        let all: Vec<&Picks> = chosen
            .services
            .iter()
            .filter(|(picks, _)| !keeps(picks))
            .flat_map(|(picks, count)| vec![picks; usize::try_from(*count).unwrap_or_default()])
            .collect();
        let Some(picks) = self.random.one_of(&all).map(|picks| (*picks).clone()) else {
            return;
        };
        let fits = (1..usual.shelf_of(chosen)).contains(&chosen.qty);
        let pid = chosen.pid;
        let _ = shop.terminate(pid, &picks);
        if fits && self.random.once_in(3) {
            let _ = shop.restock(pid, 1);
        }
    }

    /// Once all parts are in use, somebody gives several back after a while.
    fn return_parts(&mut self, shop: &mut Shop, usual: &Usual, pace: &Pace) {
        let Some(parts) = self.parts.filter(|_| usual.parts_left(shop, self.parts) <= 0) else {
            return;
        };
        if !self.random.once_in(pace.parts) {
            return;
        }
        for _ in 0..4 + self.random.below(5) {
            let holding: Vec<(i64, &Picks)> = shop
                .products()
                .flat_map(|product| product.services.keys().map(|picks| (product.pid, picks)))
                .filter(|(_, picks)| picks.contains(&parts.of))
                .collect();
            let Some((pid, picks)) = self.random.one_of(&holding) else {
                return;
            };
            let (pid, picks) = (*pid, (*picks).clone());
            let _ = shop.terminate(pid, &picks);
        }
    }

    /// The owner fills shelves that are empty, or nearly.
    fn deliver(&mut self, shop: &mut Shop, usual: &Usual, pace: &Pace) {
        let short: Vec<(i64, i64, i64)> = shop
            .products()
            .filter(|product| is_sold(product) && product.qty <= FEW)
            .map(|product| (product.pid, product.qty, usual.shelf_of(product)))
            .collect();
        for (pid, left, full) in short {
            let waits = if left <= 0 { pace.out } else { pace.few };
            if self.random.once_in(waits) {
                let kept_back = self.random.below(u32::try_from(full / 4).unwrap_or_default());
                let _ = shop.restock(pid, full - kept_back - left);
            }
        }
    }
}

/// Whether anybody may buy it, and it is counted.
fn is_sold(product: &Product) -> bool {
    product.stock_control && !product.retired && !product.hidden
}

impl Pace {
    fn at(step: u64, calm_until: u64) -> Self {
        if step <= calm_until + LIVELY {
            Self {
                trade: 3,
                out: 150,
                few: 200,
                parts: 150,
            }
        } else {
            Self {
                trade: 15,
                out: 900,
                few: 700,
                parts: 900,
            }
        }
    }
}

impl Usual {
    fn of(shop: &Shop, parts: Option<Parts>) -> Self {
        let counted = || shop.products().filter(|product| is_sold(product));
        Self {
            full: counted()
                .map(|product| (product.pid, product.qty.max(SHELF)))
                .collect(),
            services: counted().map(|product| (product.pid, product.in_use())).collect(),
            parts: parts.map_or(0, |parts| shop.in_use_of(parts.of) + parts.spare),
        }
    }

    /// Products that came later hold as much as they did when they came, for all anybody knows.
    fn shelf_of(&self, product: &Product) -> i64 {
        self.full.get(&product.pid).copied().unwrap_or(SHELF)
    }

    fn services_of(&self, product: &Product) -> i64 {
        self.services.get(&product.pid).copied().unwrap_or_default()
    }

    fn grown_by(&self, shop: &Shop) -> i64 {
        let sold = shop.products().filter(|product| is_sold(product));
        sold.map(|product| product.in_use() - self.services_of(product))
            .sum()
    }

    fn parts_left(&self, shop: &Shop, parts: Option<Parts>) -> i64 {
        parts.map_or(0, |parts| self.parts - shop.in_use_of(parts.of))
    }
}
