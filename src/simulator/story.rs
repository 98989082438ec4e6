//! Stock that moves as a shop's does, only faster: what happens at each step, the same for the same seed.

use crate::simulator::product::OptionKind;
use crate::simulator::product::Picks;
use crate::simulator::product::Product;
use crate::simulator::samples::KITS;
use crate::simulator::samples::KITS_LEFT;
use crate::simulator::samples::STAR;
use crate::simulator::shop::Shop;
use crate::simulator::shop::ShopError;

/// Something that happens to a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// So many are ordered, as customers do who choose nothing; no more than are left.
    Sell(i64),
    /// So many are ordered with that choice of that option, and no choice else.
    SellWith { option: i64, choice: i64, count: i64 },
    /// So many are added.
    Restock(i64),
    /// The stock is set by hand.
    SetStock(i64),
}

/// A level that moved within a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub pid: i64,
    pub name: String,
    pub from: i64,
    pub to: i64,
}

/// Moves a shop step by step: what is scripted first, then what its customers do.
#[derive(Debug, Clone, Default)]
pub struct Story {
    step: u64,
    script: Vec<(u64, i64, Move)>,
    customers: Option<Customers>,
}

impl Story {
    /// A story in which nothing happens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The story of `demo`, for `Shop::sample` at about a step a second. Product `STAR` ("DS-64") goes
    /// 20 → 4 (step 5) → 2 (step 12) → 0 (step 19) → 30 (step 30): low, critical, out and recovered for
    /// thresholds of 5 and 2. At step 24 the last [`KITS_LEFT`] modules of 128 GB are sold. Meanwhile customers buy only what there is plenty of; from step 61 on they buy
    /// everything down, the star included, and what is sold out is restocked now and then.
    #[must_use]
    pub fn demo(seed: u64) -> Self {
        Self::new()
            .at(5, STAR, Move::Sell(16))
            .at(12, STAR, Move::Sell(2))
            .at(19, STAR, Move::Sell(2))
            .at(24, 43, kits(3))
            .at(24, 83, kits(3))
            .at(24, 80, kits(KITS_LEFT - 6))
            .at(30, STAR, Move::Restock(30))
            .with_customers(seed, 60, &[STAR])
    }

    /// At step `step` (the first is 1) this happens to a product.
    #[must_use]
    pub fn at(mut self, step: u64, pid: i64, what: Move) -> Self {
        self.script.push((step, pid, what));
        self
    }

    /// Lets customers buy. Through step `calm_until` they leave alone whatever has 10 or fewer, the `spared`
    /// products entirely, and nothing is restocked.
    #[must_use]
    pub fn with_customers(mut self, seed: u64, calm_until: u64, spared: &[i64]) -> Self {
        self.customers = Some(Customers {
            random: Random::new(seed),
            calm_until,
            spared: spared.to_vec(),
        });
        self
    }

    /// How many steps were taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Takes the next step and says which levels moved. Products that the shop does not have are passed over.
    pub fn step(&mut self, shop: &mut Shop) -> Vec<Change> {
        self.step += 1;
        let before: Vec<(i64, i64)> = shop
            .products()
            .map(|product| (product.pid, product.qty))
            .collect();
        for (step, pid, what) in &self.script {
            if *step == self.step {
                // Selling out and a product that was removed are part of the story.
                let _ = carry_out(shop, *pid, *what);
            }
        }
        if let Some(customers) = &mut self.customers {
            customers.step(shop, self.step);
        }
        changes(shop, &before)
    }
}

fn kits(count: i64) -> Move {
    let (option, choice) = KITS;
    Move::SellWith {
        option,
        choice,
        count,
    }
}

fn carry_out(shop: &mut Shop, pid: i64, what: Move) -> Result<(), ShopError> {
    match what {
        Move::Sell(count) => shop.order_default(pid, count),
        Move::SellWith {
            option,
            choice,
            count,
        } => {
            let mut picks = shop.product(pid).map(Product::default_picks).unwrap_or_default();
            picks.retain(|(own, _)| *own != option);
            picks.push((option, choice));
            picks.sort_unstable();
            (0..count).try_for_each(|_| shop.order(pid, &picks))
        }
        Move::Restock(count) => shop.restock(pid, count),
        Move::SetStock(qty) => shop.set_qty(pid, qty),
    }
}

fn changes(shop: &Shop, before: &[(i64, i64)]) -> Vec<Change> {
    let moved = |(pid, from): &(i64, i64)| {
        let product = shop.product(*pid).filter(|product| product.qty != *from)?;
        Some(Change {
            pid: *pid,
            name: product.name.clone(),
            from: *from,
            to: product.qty,
        })
    };
    before.iter().filter_map(moved).collect()
}

/// People who buy, and the shop's owner who orders more when something is sold out.
#[derive(Debug, Clone)]
struct Customers {
    random: Random,
    calm_until: u64,
    spared: Vec<i64>,
}

/// While the story is calm, what has no more than this is left alone.
const PLENTY: i64 = 10;

impl Customers {
    fn step(&mut self, shop: &mut Shop, step: u64) {
        let calm = step <= self.calm_until;
        let for_sale = |product: &&Product| {
            let left_alone = product.qty <= PLENTY || self.spared.contains(&product.pid);
            product.stock_control && !product.retired && !(calm && left_alone)
        };
        let (empty, stocked): (Vec<&Product>, Vec<&Product>) = shop
            .products()
            .filter(for_sale)
            .partition(|product| product.qty <= 0);
        let empty: Vec<i64> = empty.iter().map(|product| product.pid).collect();
        let bought = self.choose(&stocked);
        for pid in empty {
            if self.random.below(25) == 0 {
                let _ = shop.restock(pid, 8 + self.random.below(25));
            }
        }
        if let Some((pid, picks)) = bought {
            for _ in 0..1 + self.random.below(2) {
                // The second one may find it sold out.
                let _ = shop.order(pid, &picks);
            }
        }
    }

    /// Somebody buys at three steps of four.
    fn choose(&mut self, stocked: &[&Product]) -> Option<(i64, Picks)> {
        if self.random.below(4) == 0 {
            return None;
        }
        let chosen = self.random.one_of(stocked)?;
        Some((chosen.pid, self.picks(chosen)))
    }

    fn picks(&mut self, product: &Product) -> Picks {
        let mut picks = product.default_picks();
        for (id, picked) in &mut picks {
            let Some(option) = product.options.iter().find(|option| option.id == *id) else {
                continue;
            };
            match option.kind {
                OptionKind::Dropdown | OptionKind::Radio => {
                    *picked = self
                        .random
                        .one_of(&option.choices)
                        .map_or(*picked, |choice| choice.id);
                }
                OptionKind::YesNo => {
                    let yes = option.choices.first().map_or(0, |choice| choice.id);
                    *picked = if self.random.below(3) == 0 { yes } else { 0 };
                }
                OptionKind::Quantity => *picked = option.min + self.random.below(4),
            }
        }
        picks
    }
}

/// A small xorshift generator: the same numbers for the same seed, everywhere.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // Spreads small seeds over all bits; zero alone would stay zero.
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 up to, not including, `limit`.
    fn below(&mut self, limit: u32) -> i64 {
        i64::try_from((self.next() >> 33) % u64::from(limit.max(1))).unwrap_or_default()
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let limit = u32::try_from(all.len()).ok()?;
        all.get(usize::try_from(self.below(limit)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(seed: u64, steps: usize) -> Vec<Vec<Change>> {
        let (mut shop, mut story) = (Shop::sample(), Story::demo(seed));
        (0..steps).map(|_| story.step(&mut shop)).collect()
    }

    #[test]
    fn the_star_of_the_demo_gets_low_critical_out_and_recovers_within_40_steps() {
        for seed in 0..50 {
            let all = told(seed, 40).concat();
            let star: Vec<i64> = all
                .iter()
                .filter(|change| change.pid == STAR)
                .map(|change| change.to)
                .collect();
            assert_eq!(star, [4, 2, 0, 30], "seed {seed}");
        }
    }

    #[test]
    fn the_shared_modules_of_the_demo_are_sold_out_by_step_24() {
        for seed in 0..50 {
            let (mut shop, mut story) = (Shop::sample(), Story::demo(seed));
            let before = shop.in_use_of(KITS);
            (0..24).for_each(|_| drop(story.step(&mut shop)));
            assert!(shop.in_use_of(KITS) - before >= KITS_LEFT, "seed {seed}");
        }
    }

    #[test]
    fn nothing_but_the_star_gets_low_while_the_demo_is_calm() {
        for seed in 0..50 {
            for change in told(seed, 60).concat() {
                assert!(change.pid == STAR || change.to > 5, "seed {seed}: {change:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_tells_the_same_story_and_another_seed_another() {
        assert_eq!(told(7, 300), told(7, 300));
        assert_ne!(told(7, 300), told(8, 300));
    }

    #[test]
    fn a_long_story_sells_out_restocks_and_never_sells_what_is_not_there() {
        let all = told(3, 3000).concat();
        let others = || all.iter().filter(|change| change.pid != STAR);
        assert!(others().any(|change| change.to == 0));
        assert!(others().any(|change| change.from == 0 && change.to > 0));
        assert!(all.iter().all(|change| change.to >= 0), "a level fell below zero");
    }

    #[test]
    fn what_is_sold_is_counted_as_services() {
        let (mut shop, mut story) = (Shop::sample(), Story::demo(1));
        let in_use = |shop: &Shop| shop.products().map(Product::in_use).sum::<i64>();
        let before = in_use(&shop);
        let sold: i64 = (0..29)
            .flat_map(|_| story.step(&mut shop))
            .map(|change| change.from - change.to)
            .sum();
        assert_eq!(in_use(&shop) - before, sold);
        assert!(sold > 20);
    }

    #[test]
    fn a_script_passes_over_products_that_are_gone() {
        let mut shop = Shop::sample();
        let mut story = Story::new()
            .at(1, 999, Move::SetStock(1))
            .at(1, 40, Move::SetStock(-2))
            .at(2, 40, Move::Sell(1));
        let moved = story.step(&mut shop);
        assert_eq!(
            moved
                .iter()
                .map(|change| (change.pid, change.to))
                .collect::<Vec<_>>(),
            [(40, -2)]
        );
        assert_eq!(story.step(&mut shop), []);
    }
}
