//! The orders of a list of the stock, and cursors that stay true while the stock moves.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::domain::stand::Severity;
use crate::observe::items::Entry;
use crate::observe::view::Seen;
use crate::web::answers::cursor;
use crate::web::problem::Problem;

/// By what a list is sorted; equals are sorted by shop, id and combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Shop, in the order of the configuration, then id.
    #[default]
    Id,
    /// Worst first.
    Urgency,
    Name,
    /// Lowest first.
    Level,
    /// Shortest first.
    Cover,
    /// What moved last first.
    Since,
}

/// Where something stands in an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank {
    value: i64,
    name: String,
    shop: usize,
    product: i64,
    combination: Option<String>,
}

/// The last item of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    order: String,
    pub rank: Rank,
    /// The combination, where products are ranked.
    pub combination: Option<String>,
}

impl Placed {
    /// At that rank.
    #[must_use]
    pub fn of(rank: Rank, combination: Option<String>) -> Self {
        Self {
            order: String::new(),
            rank,
            combination,
        }
    }
}

impl Order {
    const ALL: [Self; 6] = [
        Self::Id,
        Self::Urgency,
        Self::Name,
        Self::Level,
        Self::Cover,
        Self::Since,
    ];

    /// As the parameter names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Urgency => "urgency",
            Self::Name => "name",
            Self::Level => "level",
            Self::Cover => "cover",
            Self::Since => "since",
        }
    }

    /// The order of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.as_str() == name)
    }

    /// Where an entry stands; what has no figure stands last.
    #[must_use]
    pub fn rank(self, entry: &Entry<'_>, seen: &Seen) -> Rank {
        let mut name = String::new();
        let value = match self {
            Self::Id => 0,
            Self::Urgency => urgency(entry),
            Self::Name => {
                name = entry.product.name.shown().to_lowercase();
                0
            }
            Self::Level => entry.level().unwrap_or(i64::MAX),
            Self::Cover => entry.cover().map_or(i64::MAX, |cover| cover.seconds()),
            Self::Since => {
                let since = entry.severity().map(|_| entry.series().since);
                since.map_or(i64::MAX, |since| -Timestamp::as_millisecond(since))
            }
        };
        let shops = seen.instances.iter();
        Rank {
            value,
            name,
            shop: shops.take_while(|shop| &*shop.name != entry.instance).count(),
            product: entry.product.id,
            combination: entry.combination.map(|combination| combination.key.to_string()),
        }
    }

    /// The cursor that continues after that item.
    #[must_use]
    pub fn cursor(self, last: &Placed) -> String {
        let last = Placed {
            order: self.as_str().to_owned(),
            ..last.clone()
        };
        cursor::sealed(&last)
    }

    /// Where a cursor of this order continues.
    pub fn after(self, cursor: &str) -> Result<Placed, Problem> {
        cursor::opened(cursor)
            .filter(|placed: &Placed| placed.order == self.as_str())
            .ok_or_else(cursor::refused)
    }
}

/// Out, critical, low, then what is not known, then what is well, then what has no stock.
fn urgency(entry: &Entry<'_>) -> i64 {
    if entry.state() == "unknown" {
        return 3;
    }
    match entry.severity() {
        Some(Severity::Out) => 0,
        Some(Severity::Critical) => 1,
        Some(Severity::Low) => 2,
        Some(Severity::Ok) => 4,
        None => 5,
    }
}
