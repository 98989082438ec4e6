//! What a shop sold before now, so that it has a history: levels that lead down to those it has.

use crate::simulator::product::Product;
use crate::simulator::shop::Shop;

/// For how many days what is left will last, product by product, over and over.
const LASTS: [i64; 6] = [2, 21, 5, 9, 60, 12];
/// What a product had that is sold out now.
const SOLD_OUT: i64 = 6;

/// A past of so many days, seen in so many steps.
#[derive(Debug, Clone)]
pub struct Past {
    steps: i64,
    /// Product, its stock in the end, and what it had more in the beginning.
    products: Vec<(i64, i64, i64)>,
}

impl Past {
    /// The past of a shop that ends as it is now; products whose stock is not counted have none.
    #[must_use]
    pub fn of(shop: &Shop, days: i64, steps: i64) -> Self {
        let counted = shop
            .products()
            .filter(|product| product.stock_control && product.qty >= 0);
        let products = counted.zip(LASTS.into_iter().cycle());
        let sold = |product: &Product, lasts: i64| match product.qty {
            0 => SOLD_OUT,
            left => (left * days + lasts - 1) / lasts,
        };
        Self {
            steps: steps.max(1),
            products: products
                .map(|(product, lasts)| (product.pid, product.qty, sold(product, lasts)))
                .collect(),
        }
    }

    /// Gives the shop the stock that it had so many steps before the end; 0 is the end.
    pub fn show(&self, shop: &mut Shop, before: i64) {
        for (pid, left, sold) in &self.products {
            // What is sold out now has been for the last quarter.
            let idle = if *left == 0 { self.steps / 4 } else { 0 };
            let ahead = (before - idle).max(0);
            let more = (sold * ahead + self.steps / 2) / (self.steps - idle).max(1);
            // A product that was removed meanwhile has no past.
            let _ = shop.set_qty(*pid, left + more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::samples::STAR;

    #[test]
    fn levels_only_fall_and_end_as_they_are_now() {
        let now = Shop::sample();
        let past = Past::of(&now, 8, 32);
        let mut shop = Shop::sample();
        let levels = |shop: &Shop| -> Vec<i64> { shop.products().map(|product| product.qty).collect() };
        past.show(&mut shop, 32);
        assert_eq!(shop.product(STAR).map(|product| product.qty), Some(52));
        let mut before = levels(&shop);
        for step in (0..32).rev() {
            past.show(&mut shop, step);
            let after = levels(&shop);
            assert!(
                before.iter().zip(&after).all(|(before, after)| before >= after),
                "{step}"
            );
            before = after;
        }
        assert_eq!(before, levels(&now));
    }
}
