//! What a shop's WHMCS is like: its version, who answers GetProductDetails, and how it writes.

use jiff::SignedDuration;

use crate::simulator::json::Spelling;
use crate::simulator::product::Currency;

/// Everything about a simulated WHMCS that is not a product.
#[derive(Debug, Clone)]
pub struct Habits {
    pub version: Version,
    pub companion: Companion,
    /// Every price is listed in each of them.
    pub currencies: Vec<Currency>,
    pub spelling: Spelling,
    pub list_shape: ListShape,
    /// GetProducts answers in pages of this size (`limitstart`); `None`: the whole catalogue at once.
    pub page_size: Option<usize>,
    /// Each answer begins with a byte-order mark and a line break.
    pub byte_order_mark: bool,
    /// How far the `Date` of its answers is ahead of this host's clock.
    pub clock_ahead: SignedDuration,
}

impl Habits {
    /// What most installations are like, with one currency.
    #[must_use]
    pub fn new(version: Version, companion: Companion) -> Self {
        Self {
            version,
            companion,
            currencies: vec![Currency::new("EUR", "€", " EUR", 100)],
            spelling: Spelling::default(),
            list_shape: ListShape::Array,
            page_size: None,
            byte_order_mark: false,
            clock_ahead: SignedDuration::ZERO,
        }
    }
}

/// WHMCS's age: it decides which fields there are, and how a missing action is worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// No stock field in GetProducts.
    V8_3,
    /// `quantity_available` and `allowqty`.
    V8_12,
    /// The same, and "Invalid API Action" for an action that is not there.
    V9_0,
}

impl Version {
    /// What WhmcsDetails answers.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::V8_3 => "8.3.2",
            Self::V8_12 => "8.12.0",
            Self::V9_0 => "9.0.1",
        }
    }

    /// Whether GetProducts carries stock.
    #[must_use]
    pub fn has_stock(self) -> bool {
        match self {
            Self::V8_3 => false,
            Self::V8_12 | Self::V9_0 => true,
        }
    }
}

/// Who answers GetProductDetails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Companion {
    /// Nobody: the action does not exist.
    None,
    /// Nobody: the role may call it, but its file was removed.
    FileMissing,
    /// Our companion, as `companion.md` says.
    Contract1,
    /// Another custom action of that name: one product a call, without counts.
    Foreign,
}

/// How a list of elements is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListShape {
    /// `[…]`, always.
    Array,
    /// An object with the keys "0", "1", …
    NumericKeys,
    /// A list of one is the element itself, an empty one is `""`.
    SingleObject,
}
