//! The simulated shop: products that are sold, restocked, renamed and removed while it answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::simulator::habits::Companion;
use crate::simulator::habits::Habits;
use crate::simulator::habits::Version;
use crate::simulator::product::Currency;
use crate::simulator::product::Picks;
use crate::simulator::product::Product;
use crate::simulator::render;

/// What an order or a change could not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShopError {
    #[error("the shop has no product {0}")]
    NoSuchProduct(i64),
    #[error("product {0} is sold out")]
    SoldOut(i64),
}

/// A shop's products and its WHMCS's habits.
#[derive(Debug)]
pub struct Shop {
    habits: Habits,
    entries: BTreeMap<i64, Entry>,
    catalogue: Option<Arc<Elements>>,
}

#[derive(Debug)]
struct Entry {
    product: Product,
    head: Option<Bytes>,
    tail: Option<Bytes>,
    details: Option<Bytes>,
}

/// Rendered elements, ready to be joined by commas, and the stock that they tell.
#[derive(Debug, Default)]
pub struct Elements {
    /// Each element in one or two pieces.
    pub pieces: Vec<(Bytes, Bytes)>,
    /// (product, stock) as served; only of products whose stock is in the answer.
    pub levels: Arc<[(i64, i64)]>,
}

impl Shop {
    /// An empty shop with one currency.
    #[must_use]
    pub fn new(version: Version, companion: Companion) -> Self {
        Self {
            habits: Habits::new(version, companion),
            entries: BTreeMap::new(),
            catalogue: None,
        }
    }

    /// Adds products, replacing those of the same id.
    #[must_use]
    pub fn with_products(mut self, products: impl IntoIterator<Item = Product>) -> Self {
        for product in products {
            self.add(product);
        }
        self
    }

    /// Lists prices in these currencies.
    #[must_use]
    pub fn with_currencies(mut self, currencies: Vec<Currency>) -> Self {
        self.change_habits(|habits| habits.currencies = currencies);
        self
    }

    /// What its WHMCS is like.
    #[must_use]
    pub fn habits(&self) -> &Habits {
        &self.habits
    }

    /// Makes its WHMCS another: an upgrade, a companion installed or removed, another way of writing.
    pub fn change_habits(&mut self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.habits);
        self.catalogue = None;
        for entry in self.entries.values_mut() {
            (entry.head, entry.tail, entry.details) = (None, None, None);
        }
    }

    /// All products, ascending by id.
    pub fn products(&self) -> impl Iterator<Item = &Product> {
        self.entries.values().map(|entry| &entry.product)
    }

    /// A product.
    #[must_use]
    pub fn product(&self, pid: i64) -> Option<&Product> {
        self.entries.get(&pid).map(|entry| &entry.product)
    }

    /// Adds a product, or replaces the one of the same id.
    pub fn add(&mut self, product: Product) {
        self.catalogue = None;
        let entry = Entry {
            product,
            head: None,
            tail: None,
            details: None,
        };
        self.entries.insert(entry.product.pid, entry);
    }

    /// Removes a product.
    ///
    /// # Errors
    /// There is no such product.
    pub fn remove(&mut self, pid: i64) -> Result<Product, ShopError> {
        self.catalogue = None;
        let entry = self.entries.remove(&pid).ok_or(ShopError::NoSuchProduct(pid))?;
        Ok(entry.product)
    }

    /// Changes anything about a product but its id.
    ///
    /// # Errors
    /// There is no such product.
    pub fn edit(&mut self, pid: i64, change: impl FnOnce(&mut Product)) -> Result<(), ShopError> {
        let entry = self.touch(pid)?;
        entry.tail = None;
        change(&mut entry.product);
        entry.product.pid = pid;
        Ok(())
    }

    /// Sets the stock.
    ///
    /// # Errors
    /// There is no such product.
    pub fn set_qty(&mut self, pid: i64, qty: i64) -> Result<(), ShopError> {
        self.touch(pid)?.product.qty = qty;
        Ok(())
    }

    /// Adds to the stock.
    ///
    /// # Errors
    /// There is no such product.
    pub fn restock(&mut self, pid: i64, count: i64) -> Result<(), ShopError> {
        self.touch(pid)?.product.qty += count;
        Ok(())
    }

    /// Sells one in the given configuration: a service more and, where the stock is counted, one less of it.
    ///
    /// # Errors
    /// There is no such product, or it is sold out.
    pub fn order(&mut self, pid: i64, picks: &[(i64, i64)]) -> Result<(), ShopError> {
        let product = &mut self.touch(pid)?.product;
        if product.stock_control && product.qty <= 0 {
            return Err(ShopError::SoldOut(pid));
        }
        if product.stock_control {
            product.qty -= 1;
        }
        product.add_services(picks, 1);
        Ok(())
    }

    /// Sells several as a customer orders who chooses nothing.
    ///
    /// # Errors
    /// There is no such product, or fewer were left (those are sold).
    pub fn order_default(&mut self, pid: i64, count: i64) -> Result<(), ShopError> {
        let picks: Picks = self
            .product(pid)
            .ok_or(ShopError::NoSuchProduct(pid))?
            .default_picks();
        for _ in 0..count {
            self.order(pid, &picks)?;
        }
        Ok(())
    }

    /// How many services of all products hold that choice of that option.
    #[must_use]
    pub fn in_use_of(&self, (option, choice): (i64, i64)) -> i64 {
        let of_product = |product: &Product| {
            let own = product.options.iter().find(|own| own.id == option);
            own.map_or(0, |own| product.choice_in_use(own, choice))
        };
        self.products().map(of_product).sum()
    }

    /// Ends one service of the given configuration; the stock stays as it is.
    ///
    /// # Errors
    /// There is no such product.
    pub fn terminate(&mut self, pid: i64, picks: &[(i64, i64)]) -> Result<(), ShopError> {
        self.touch(pid)?.product.add_services(picks, -1);
        Ok(())
    }

    /// Renames a product.
    ///
    /// # Errors
    /// There is no such product.
    pub fn rename(&mut self, pid: i64, name: &str) -> Result<(), ShopError> {
        name.clone_into(&mut self.touch(pid)?.product.name);
        Ok(())
    }

    /// Hides a product, or shows it again.
    ///
    /// # Errors
    /// There is no such product.
    pub fn set_hidden(&mut self, pid: i64, hidden: bool) -> Result<(), ShopError> {
        self.touch(pid)?.product.hidden = hidden;
        Ok(())
    }

    /// Switches stock control on or off; the count stays.
    ///
    /// # Errors
    /// There is no such product.
    pub fn set_stock_control(&mut self, pid: i64, on: bool) -> Result<(), ShopError> {
        self.touch(pid)?.product.stock_control = on;
        Ok(())
    }

    /// The elements of GetProducts for the whole catalogue; only what changed since the last call is rendered.
    pub fn catalogue(&mut self) -> Arc<Elements> {
        if let Some(catalogue) = &self.catalogue {
            return Arc::clone(catalogue);
        }
        let has_stock = self.habits.version.has_stock();
        let habits = &self.habits;
        let pieces = self
            .entries
            .values_mut()
            .map(|entry| entry.listing(habits))
            .collect();
        let listed = self.products().filter(|product| has_stock && !product.garbled);
        let levels = listed.map(listed_level).collect();
        let catalogue = Arc::new(Elements { pieces, levels });
        self.catalogue = Some(Arc::clone(&catalogue));
        catalogue
    }

    /// The elements of GetProducts for some products, in ascending order; unknown ids are left out.
    pub fn listings(&mut self, pids: &[i64]) -> Elements {
        let (mut pieces, mut levels) = (Vec::new(), Vec::new());
        for pid in pids {
            let Some(entry) = self.entries.get_mut(pid) else {
                continue;
            };
            pieces.push(entry.listing(&self.habits));
            if self.habits.version.has_stock() && !entry.product.garbled {
                levels.push(listed_level(&entry.product));
            }
        }
        Elements {
            pieces,
            levels: levels.into(),
        }
    }

    /// The elements of GetProducts for the whole catalogue as a version without stock would send them.
    #[must_use]
    pub fn catalogue_without_stock(&self) -> Elements {
        let habits = Habits {
            version: Version::V8_3,
            ..self.habits.clone()
        };
        let plain = |product| {
            let head = Bytes::from(render::listing_head(product, &habits));
            (head, Bytes::from(render::listing_tail(product, &habits)))
        };
        let pieces = self.products().map(plain).collect();
        Elements {
            pieces,
            levels: Arc::from([]),
        }
    }

    /// The elements of GetProductDetails for some products; unknown ids are left out.
    pub fn details(&mut self, pids: &[i64]) -> Elements {
        let (mut pieces, mut levels) = (Vec::with_capacity(pids.len()), Vec::new());
        for pid in pids {
            let Some(entry) = self.entries.get_mut(pid) else {
                continue;
            };
            pieces.push((entry.details(&self.habits), Bytes::new()));
            if entry.product.stock_control && !entry.product.garbled {
                levels.push((*pid, entry.product.qty));
            }
        }
        Elements {
            pieces,
            levels: levels.into(),
        }
    }

    /// The same as a companion without its stock fields would send them.
    #[must_use]
    pub fn details_without_stock(&self, pids: &[i64]) -> Elements {
        let plain = |product| {
            (
                Bytes::from(render::details(product, &self.habits, false)),
                Bytes::new(),
            )
        };
        let products = pids.iter().filter_map(|pid| self.product(*pid));
        let pieces = products.map(plain).collect();
        Elements {
            pieces,
            levels: Arc::from([]),
        }
    }

    fn touch(&mut self, pid: i64) -> Result<&mut Entry, ShopError> {
        self.catalogue = None;
        let entry = self.entries.get_mut(&pid).ok_or(ShopError::NoSuchProduct(pid))?;
        entry.head = None;
        entry.details = None;
        Ok(entry)
    }
}

impl Entry {
    fn listing(&mut self, habits: &Habits) -> (Bytes, Bytes) {
        let head = self
            .head
            .get_or_insert_with(|| render::listing_head(&self.product, habits).into());
        let tail = self
            .tail
            .get_or_insert_with(|| render::listing_tail(&self.product, habits).into());
        (head.clone(), tail.clone())
    }

    fn details(&mut self, habits: &Habits) -> Bytes {
        let rendered = || render::details(&self.product, habits, true).into();
        self.details.get_or_insert_with(rendered).clone()
    }
}

fn listed_level(product: &Product) -> (i64, i64) {
    (product.pid, if product.stock_control { product.qty } else { 0 })
}
