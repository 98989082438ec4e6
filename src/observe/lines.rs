//! Every series, and every combination that is offered without a figure of its own: it is what its product is.

use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::offer::Offer;
use crate::domain::offer::Offered;
use crate::domain::pool::Board;
use crate::domain::stand::CombinationRef;
use crate::observe::items::Entry;
use crate::observe::items::Item;
use crate::observe::items::of_product;

/// A series, or a combination that is what its product is.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// The series; the product's where the combination has none.
    pub entry: Entry<'a>,
    /// The combination that has no series.
    pub derived: Option<Offered>,
}

/// What is known of the combinations a product offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of them are listed.
    All,
    /// Too many: its choices are listed.
    PerChoice,
    /// The options are not known before the first look after a start, nor while the product is missing.
    Unknown,
}

impl Extent {
    /// `all`, `per_choice` or `unknown`, as in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::PerChoice => "per_choice",
            Self::Unknown => "unknown",
        }
    }

    /// Of a product; `None` once it is gone.
    #[must_use]
    pub fn of(product: &Tracked) -> Option<Self> {
        match &product.seen {
            _ if product.gone => None,
            None => Some(Self::Unknown),
            Some(_) if product.per_choice => Some(Self::PerChoice),
            Some(_) => Some(Self::All),
        }
    }
}

/// A product and all its combinations, with a figure of their own and without; ascending by key.
#[must_use]
pub fn lines<'a>(instance: &'a str, memory: &'a Memory, product: &'a Tracked) -> Vec<Line<'a>> {
    let series = of_product(instance, memory, product).map(|entry| Line { entry, derived: None });
    let mut lines: Vec<Line<'_>> = series.collect();
    let offered = offered(product);
    // A figure that is gone leaves the combination to be what its product is.
    lines.retain(|line| {
        let combination = line.entry.combination.filter(|combination| combination.gone);
        combination.is_none_or(|gone| offered.iter().all(|offered| offered.key != gone.key))
    });
    let whole = Entry {
        instance,
        forecasts: &memory.forecasts,
        observed_at: memory.source.last_accepted_at,
        product,
        combination: None,
    };
    for offered in offered {
        if product
            .combinations
            .iter()
            .all(|known| known.gone || known.key != offered.key)
        {
            lines.push(Line {
                entry: whole,
                derived: Some(offered),
            });
        }
    }
    lines.sort_by(|a, b| a.key().cmp(&b.key()));
    lines
}

fn offered(product: &Tracked) -> Vec<Offered> {
    match &product.seen {
        Some(seen) if !product.gone => {
            let effective = &product.effective;
            Offer::of(seen, &effective.combine, effective.max_combinations).combinations()
        }
        Some(_) | None => Vec::new(),
    }
}

impl<'a> Line<'a> {
    /// The combination's key; `None` for the product itself.
    #[must_use]
    pub fn key(&self) -> Option<&CombinationKey> {
        match &self.derived {
            Some(offered) => Some(&offered.key),
            None => self.entry.combination.map(|combination| &combination.key),
        }
    }

    /// The combination's label; `None` for the product itself.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match &self.derived {
            Some(offered) => Some(&offered.label),
            None => self.entry.combination.map(|combination| &*combination.label),
        }
    }

    /// `instance/product/combination`, `-` for the product itself.
    #[must_use]
    pub fn id(&self) -> String {
        match self.key() {
            Some(key) => format!("{}/{}/{key}", self.entry.instance, self.entry.product.id),
            None => self.entry.alert_id(),
        }
    }

    /// The item as it is shown, beside these pools.
    #[must_use]
    pub fn item(&self, board: &Board) -> Item<'a> {
        let mut item = self.entry.item(board);
        match &self.derived {
            Some(offered) => {
                item.combination = Some(CombinationRef {
                    key: offered.key.to_string(),
                    label: offered.label.clone(),
                });
                item.derived = true;
            }
            None if self.entry.combination.is_none() => {
                item.combinations = Extent::of(self.entry.product).map(Extent::as_str);
            }
            None => {}
        }
        item
    }
}
