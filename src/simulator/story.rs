//! Stock that moves as a shop's does, only faster: what happens at each step, the same for the same seed.

use crate::simulator::customers::Customers;
use crate::simulator::product::Product;
use crate::simulator::samples::KITS;
use crate::simulator::samples::KITS_LEFT;
use crate::simulator::samples::STAR;
use crate::simulator::shop::Shop;
use crate::simulator::shop::ShopError;

/// The product of the sample shop whose stock cannot be read for a while ("Storage Box 10 TB").
pub const GARBLED: i64 = 72;
/// Steps until a thing happens again.
pub const HOUR: u64 = 3600;

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
    /// From now on WHMCS tells no number for its stock, as behind a broken add-on, or tells it again.
    Garble(bool),
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
    script: Vec<Scene>,
    customers: Option<Customers>,
}

/// What is written beforehand.
#[derive(Debug, Clone, Copy)]
struct Scene {
    step: u64,
    /// So many steps later again, and so on.
    again: Option<u64>,
    pid: i64,
    what: Move,
}

impl Scene {
    fn is_at(&self, step: u64) -> bool {
        let since = step.checked_sub(self.step);
        since.is_some_and(|since| match self.again {
            Some(every) => since.is_multiple_of(every.max(1)),
            None => since == 0,
        })
    }
}

impl Story {
    /// A story in which nothing happens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The story of `demo`, for `Shop::sample` at about a step a second. Product `STAR` ("DS-64") goes
    /// 20 → 4 (step 5) → 2 (step 12) → 0 (step 19) → 30 (step 30): low, critical, out and recovered for
    /// thresholds of 5 and 2. At step 24 the last [`KITS_LEFT`] modules of 128 GB are sold. Of product [`GARBLED`] no
    /// number can be read from step 40 through 129, and for as long in each hour. Meanwhile customers buy only what there
    /// is plenty of; from step 61 on they buy everything, the star included, and give back, and what is sold out is
    /// delivered: levels stay between nothing and what a full shelf holds.
    #[must_use]
    pub fn demo(seed: u64) -> Self {
        let customers = Customers::new(seed, 60, &[STAR]).sharing(KITS, KITS_LEFT);
        Self::new()
            .at(5, STAR, Move::Sell(16))
            .at(12, STAR, Move::Sell(2))
            .at(19, STAR, Move::Sell(2))
            .at(24, 43, kits(3))
            .at(24, 83, kits(3))
            .at(24, 80, kits(KITS_LEFT - 6))
            .at(30, STAR, Move::Restock(30))
            .each(40, HOUR, GARBLED, Move::Garble(true))
            .each(130, HOUR, GARBLED, Move::Garble(false))
            .with_customers(customers)
    }

    /// At step `step` (the first is 1) this happens to a product.
    #[must_use]
    pub fn at(self, step: u64, pid: i64, what: Move) -> Self {
        self.with_scene(step, None, pid, what)
    }

    /// At step `step`, and each time so many steps later, this happens to a product.
    #[must_use]
    pub fn each(self, step: u64, again: u64, pid: i64, what: Move) -> Self {
        self.with_scene(step, Some(again), pid, what)
    }

    fn with_scene(mut self, step: u64, again: Option<u64>, pid: i64, what: Move) -> Self {
        self.script.push(Scene {
            step,
            again,
            pid,
            what,
        });
        self
    }

    /// Lets customers buy.
    #[must_use]
    pub fn with_customers(mut self, customers: Customers) -> Self {
        self.customers = Some(customers);
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
        for scene in self.script.iter().filter(|scene| scene.is_at(self.step)) {
            // Selling out and a product that was removed are part of the story.
            let _ = carry_out(shop, scene.pid, scene.what);
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
        Move::Garble(is) => shop.edit(pid, |product| product.garbled = is),
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
    fn a_story_of_a_working_day_stays_that_of_a_shop() {
        let (mut shop, mut story) = (Shop::sample(), Story::demo(1));
        let (modules, services) = (shop.in_use_of(KITS), in_use(&shop));
        let (mut hours, mut pool) = ([(0, 0); 10], Vec::new());
        for step in 0..10 * HOUR {
            let changes = story.step(&mut shop);
            let (out, full) = &mut hours[usize::try_from(step / HOUR).unwrap()];
            *out += changes.iter().filter(|change| change.to == 0).count();
            let is_delivery = |change: &&Change| change.from <= 2 && change.to > 5;
            *full += changes.iter().filter(is_delivery).count();
            for change in changes {
                assert!((0..=64).contains(&change.to), "{change:?}");
                let more = in_use(&shop) - services;
                assert!((-40..=150).contains(&more), "step {step}: {more}");
                pool.push(modules + KITS_LEFT - shop.in_use_of(KITS));
            }
        }
        assert!(
            hours.iter().all(|(out, full)| *full > 0 && *out < 30),
            "{hours:?}"
        );
        assert!(hours.iter().map(|(out, _)| out).sum::<usize>() > 9, "{hours:?}");
        let (least, most) = (pool.iter().min(), pool.iter().max());
        assert!(
            least == Some(&0) && most < Some(&25),
            "{least:?}, {most:?} modules left"
        );
        let emptied = pool.windows(2).filter(|pair| pair[0] > 0 && pair[1] == 0).count();
        assert!((5..100).contains(&emptied), "{emptied}");
    }

    #[test]
    fn a_figure_cannot_be_read_for_a_while_in_each_hour() {
        let (mut shop, mut story) = (Shop::sample(), Story::demo(1));
        let garbled: Vec<u64> = (1..HOUR + 200)
            .filter(|_| {
                story.step(&mut shop);
                shop.product(GARBLED).unwrap().garbled
            })
            .collect();
        let expected: Vec<u64> = (40..130).chain(HOUR + 40..HOUR + 130).collect();
        assert_eq!(garbled, expected);
    }

    fn in_use(shop: &Shop) -> i64 {
        shop.products().map(Product::in_use).sum()
    }

    #[test]
    fn what_is_sold_is_counted_as_services() {
        let (mut shop, mut story) = (Shop::sample(), Story::demo(1));
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
