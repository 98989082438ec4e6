//! Keeps one copy of each name and of each shape of an option list, since a catalogue repeats them in every product.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::domain::catalogue::Details;
use crate::domain::catalogue::Listing;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::options::Options;
use crate::domain::catalogue::options::Shape;
use crate::domain::catalogue::price::Price;

/// Below this many entries nothing is swept out.
const SMALL: usize = 1024;

/// Names by their raw text, option lists by what they are and by the bytes they were read from.
#[derive(Debug, Default)]
pub struct Interner {
    names: HashMap<u64, Name>,
    shapes: HashSet<Shape>,
    prices: HashSet<Arc<Price>>,
    /// Lists without figures, by a hash of their bytes with all their prices. A cache: it may be emptied.
    read: HashMap<u64, Shape>,
    /// How many names were in use at the last sweep.
    swept: usize,
}

impl Interner {
    /// The shared name of that raw text.
    pub fn name(&mut self, raw: &str) -> Name {
        let key = xxh3_64(raw.as_bytes());
        match self.names.get(&key) {
            Some(name) if name.raw() == raw => name.clone(),
            Some(_) => Name::new(raw),
            None => {
                let name = Name::new(raw);
                self.names.insert(key, name.clone());
                name
            }
        }
    }

    /// The shared copy of that price.
    pub fn price(&mut self, price: Price) -> Arc<Price> {
        if let Some(known) = self.prices.get(&price) {
            return Arc::clone(known);
        }
        let price = Arc::new(price);
        self.prices.insert(Arc::clone(&price));
        price
    }

    /// The option list that was read from these very bytes.
    #[must_use]
    pub fn options(&self, source: u64) -> Option<Options> {
        self.read.get(&source).map(Shape::without_figures)
    }

    /// The list that was read from these bytes, on the shared copy of its shape.
    pub fn keep_options(&mut self, source: u64, options: Options) -> Options {
        let options = match self.shapes.get(options.shape()) {
            Some(shape) => options.on(shape),
            None => {
                self.shapes.insert(options.shape().clone());
                options
            }
        };
        // Counts differ from product to product: such a list is hardly ever read twice.
        if !options.has_figures() {
            self.read.insert(source, options.shape().clone());
        }
        options
    }

    /// Forgets what the present catalogue no longer uses, once there is enough of it to be worth the walk.
    pub fn sweep<'a>(
        &mut self,
        listings: impl Iterator<Item = &'a Listing>,
        details: impl Iterator<Item = &'a Details>,
    ) {
        if self.read.len() > 2 * self.shapes.len().max(SMALL) {
            self.read = HashMap::new();
        }
        if self.prices.len() > SMALL {
            self.prices.retain(|price| Arc::strong_count(price) > 1);
        }
        if self.shapes.len() > SMALL {
            // Held by both maps here and by the two answers of a single product: not worth knowing by its bytes.
            self.read.retain(|_, shape| !shape.is_held_by_at_most(4));
            self.read.shrink_to_fit();
            self.shapes.retain(|shape| !shape.is_held_by_at_most(1));
        }
        if self.names.len() <= 2 * self.swept.max(SMALL) {
            return;
        }
        let mut names = HashMap::new();
        let mut keep = |name: &Name| {
            names
                .entry(xxh3_64(name.raw().as_bytes()))
                .or_insert_with(|| name.clone());
        };
        for listing in listings {
            keep(&listing.name);
            listing.options.shape().names().for_each(&mut keep);
        }
        for details in details {
            details.name.iter().chain(&details.group).for_each(&mut keep);
            details.options.shape().names().for_each(&mut keep);
        }
        self.swept = names.len();
        self.names = names;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogue::ConfigOption;
    use crate::domain::catalogue::Figure;
    use crate::domain::catalogue::OptionKind;

    fn options(id: i64) -> Options {
        Options::from(vec![ConfigOption {
            id,
            name: Name::new("RAM"),
            kind: OptionKind::Dropdown,
            hidden: false,
            choices: Box::default(),
        }])
    }

    #[test]
    fn what_no_product_has_any_more_is_forgotten() {
        let mut interner = Interner::default();
        let listing = Listing {
            id: 1,
            group_id: None,
            name: interner.name("stays"),
            quantity: Figure::Absent,
            price: None,
            options: interner.keep_options(0, options(0)),
            source_hash: 0,
        };
        for i in 1..5000 {
            interner.name(&format!("passing {i}"));
            let _ = interner.keep_options(i, options(i64::try_from(i).unwrap()));
        }
        interner.sweep([&listing].into_iter(), std::iter::empty());
        assert_eq!((interner.shapes.len(), interner.read.len()), (1, 0));
        assert_eq!(interner.names.len(), 2);
        assert_eq!(interner.name("stays"), listing.name);
    }

    #[test]
    fn prices_that_change_for_ever_fill_nothing() {
        let mut interner = Interner::default();
        let kept = interner.keep_options(0, options(1));
        for i in 1..20_000 {
            let _ = interner.keep_options(i, options(1));
            interner.sweep(std::iter::empty(), std::iter::empty());
        }
        assert!(interner.read.len() <= 2 * SMALL + 1, "{}", interner.read.len());
        assert_eq!(interner.shapes.len(), 1);
        drop(kept);
    }
}
