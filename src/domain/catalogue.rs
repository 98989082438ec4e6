//! What we saw: products, their options and combinations, and the figures WHMCS gave for them.

use std::fmt;
use std::hash::Hash;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::domain::catalogue::options::Options;
use crate::domain::catalogue::price::Price;

pub mod options;
pub mod price;

/// WHMCS's number of a product (`pid`), unique within an installation.
pub type ProductId = i64;
/// WHMCS's number of a configurable option, unique within an installation.
pub type OptionId = i64;
/// WHMCS's number of a choice of a configurable option; 0 means "no" of a yes/no option.
pub type ChoiceId = i64;

/// How many are left. Never guessed: what cannot be read is `Unknown`, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Level {
    /// WHMCS controls the stock and this many are left (may be negative).
    Known(i64),
    /// WHMCS sells it without counting.
    NotControlled,
    /// Missing, ambiguous or unreadable.
    Unknown,
}

impl Level {
    /// The figure, where there is one.
    #[must_use]
    pub fn known(self) -> Option<i64> {
        match self {
            Self::Known(n) => Some(n),
            Self::NotControlled | Self::Unknown => None,
        }
    }

    /// `known`, `not_controlled` or `unknown`: the `state` of the API.
    #[must_use]
    pub fn state(self) -> &'static str {
        match self {
            Self::Known(_) => "known",
            Self::NotControlled => "not_controlled",
            Self::Unknown => "unknown",
        }
    }
}

/// A number as it was sent, before anything is believed of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Figure {
    /// The field was not there, or null.
    #[default]
    Absent,
    /// The field was there and is not a whole number.
    Unreadable,
    /// An integer, or a string that holds one.
    Number(i64),
}

impl Figure {
    /// The number, where there is one.
    #[must_use]
    pub fn number(self) -> Option<i64> {
        match self {
            Self::Number(n) => Some(n),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

/// A name as WHMCS sent it (`raw`) and as people read it (`shown`): HTML entities decoded once, control and
/// bidirectional-override characters removed, white space folded. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(Arc<Texts>);

/// One pointer wide from outside: a catalogue holds a great many names, most of them shared.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Texts {
    raw: Box<str>,
    /// Where it differs from `raw`.
    shown: Option<Box<str>>,
}

impl Name {
    /// Makes the shown form from the raw one.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        let shown = readable(raw);
        let shown = (shown != raw).then(|| shown.into());
        Self(Arc::new(Texts {
            raw: raw.into(),
            shown,
        }))
    }

    /// The text exactly as WHMCS sent it.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0.raw
    }

    /// The text for people.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.0.shown.as_deref().unwrap_or(&self.0.raw)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown())
    }
}

/// Decodes HTML entities once, drops control, zero-width and bidirectional-control characters, folds white space.
#[must_use]
pub fn readable(raw: &str) -> String {
    let decoded = html_escape::decode_html_entities(raw);
    let mut shown = String::with_capacity(decoded.len());
    for c in decoded.chars() {
        if c.is_whitespace() {
            if !shown.is_empty() && !shown.ends_with(' ') {
                shown.push(' ');
            }
        } else if !c.is_control() && !is_invisible_control(c) {
            shown.push(c);
        }
    }
    shown.truncate(shown.trim_end().len());
    shown
}

/// Marks that reorder or hide text; emoji joiners (U+200D) stay, since removing them changes what is shown.
fn is_invisible_control(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

/// A product as GetProducts lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    pub id: ProductId,
    pub group_id: Option<i64>,
    pub name: Name,
    /// `quantity_available` (WHMCS 8.12 and later).
    pub quantity: Figure,
    /// What it costs a month, where that recurs.
    pub price: Option<Arc<Price>>,
    /// The configurable options, in the order WHMCS sent them.
    pub options: Options,
    /// A hash of the element's bytes: the same bytes are not read twice.
    pub source_hash: u64,
}

/// A product as GetProductDetails (our companion, or another custom action) describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Details {
    pub id: ProductId,
    pub group_id: Option<i64>,
    pub group: Option<Name>,
    pub name: Option<Name>,
    pub hidden: Option<bool>,
    pub retired: Option<bool>,
    /// `stockcontrol`.
    pub controlled: Option<bool>,
    /// `qty`.
    pub quantity: Figure,
    /// Services of the product that hold hardware.
    pub in_use: Option<i64>,
    /// The options with counts (and hidden flags); empty where the action does not send them.
    pub options: Options,
    /// Combinations in use; only those.
    pub combinations: Arc<[CombinationUse]>,
    /// A hash of the element's bytes.
    pub source_hash: u64,
}

/// One configurable option of a product.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigOption {
    pub id: OptionId,
    pub name: Name,
    pub kind: OptionKind,
    pub hidden: bool,
    pub choices: Box<[Choice]>,
}

/// WHMCS's option types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptionKind {
    /// 1
    Dropdown,
    /// 2
    Radio,
    /// 3
    YesNo,
    /// 4
    Quantity,
    /// Anything else; never part of a combination.
    Other,
}

impl OptionKind {
    /// Whether the option's choices are part of a combination's key.
    #[must_use]
    pub fn combines(self) -> bool {
        matches!(self, Self::Dropdown | Self::Radio | Self::YesNo)
    }
}

/// One choice of an option.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub id: ChoiceId,
    pub name: Name,
    pub hidden: bool,
    /// Services that hold this choice (for a quantity option the sum of the quantities).
    pub in_use: Option<i64>,
    /// A level the site knows from elsewhere.
    pub stock: Figure,
}

/// A combination that services use.
#[derive(Debug, Clone, PartialEq)]
pub struct CombinationUse {
    pub key: CombinationKey,
    pub in_use: Option<i64>,
    pub stock: Figure,
}

/// Which choice of which option: pairs in ascending option id. Written `4=11;5=20`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CombinationKey(Arc<[(OptionId, ChoiceId)]>);

impl CombinationKey {
    /// Sorts the pairs by number.
    #[must_use]
    pub fn new(mut pairs: Vec<(OptionId, ChoiceId)>) -> Self {
        pairs.sort_unstable();
        Self(pairs.into())
    }

    /// The pairs, ascending.
    #[must_use]
    pub fn pairs(&self) -> &[(OptionId, ChoiceId)] {
        &self.0
    }

    /// Whether every pair of `self` is in `other`.
    #[must_use]
    pub fn is_part_of(&self, other: &Self) -> bool {
        self.0.iter().all(|pair| other.0.contains(pair))
    }
}

impl fmt::Display for CombinationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (option, choice)) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(";")?;
            }
            write!(f, "{option}={choice}")?;
        }
        Ok(())
    }
}

/// A combination's key that is not of the form `4=11;5=20`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a combination: {0:?} (expected option=choice pairs such as \"4=11;5=20\")")]
pub struct BadCombinationKey(pub String);

impl FromStr for CombinationKey {
    type Err = BadCombinationKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadCombinationKey(text.chars().take(80).collect());
        let mut pairs = Vec::new();
        for part in text.split(';') {
            let (option, choice) = part.split_once('=').ok_or_else(bad)?;
            let pair = (
                option.trim().parse().map_err(|_| bad())?,
                choice.trim().parse().map_err(|_| bad())?,
            );
            pairs.push(pair);
        }
        pairs.sort_unstable();
        if pairs.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(bad());
        }
        Ok(Self(pairs.into()))
    }
}

/// One product of a look: what the catalogue says, and the details where there are some.
#[derive(Debug, Clone)]
pub struct Product {
    pub listing: Arc<Listing>,
    pub details: Option<Arc<Details>>,
    /// Whether the details were asked in the very poll the listing is of. Older ones only settle whether stock
    /// is controlled (and are the level's last resort where GetProducts sends none).
    pub details_fresh: bool,
}

impl Product {
    /// WHMCS's number of the product.
    #[must_use]
    pub fn id(&self) -> ProductId {
        self.listing.id
    }

    /// The options with the most that is known of them: the details' where sent, else the listing's.
    #[must_use]
    pub fn options(&self) -> &Options {
        match &self.details {
            Some(details) if !details.options.is_empty() => &details.options,
            _ => &self.listing.options,
        }
    }

    /// Services that hold all pairs of the key; unknown where the details do not count.
    #[must_use]
    pub fn in_use_of(&self, key: &CombinationKey) -> Option<i64> {
        let details = self.details.as_ref()?;
        let counts = details.in_use.is_some() || !details.combinations.is_empty();
        if !counts {
            return None;
        }
        details
            .combinations
            .iter()
            .filter(|used| key.is_part_of(&used.key))
            .try_fold(0i64, |sum, used| Some(sum.saturating_add(used.in_use?)))
    }

    /// The group's number, from whichever source has it.
    #[must_use]
    pub fn group_id(&self) -> Option<i64> {
        self.listing
            .group_id
            .or_else(|| self.details.as_ref().and_then(|d| d.group_id))
    }

    /// The group's name; only details have it.
    #[must_use]
    pub fn group(&self) -> Option<&Name> {
        self.details.as_ref().and_then(|d| d.group.as_ref())
    }
}

/// Who answers GetProductDetails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Companion {
    /// The action is not available.
    Absent,
    /// Our companion (`contract: 1`).
    Contract1,
    /// Another custom action of that name.
    Foreign,
}

/// What one look at WHMCS showed: whole and well-formed, not yet believed.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When GetProducts was asked.
    pub observed_at: Timestamp,
    /// Ascending and unique by id. A product whose bytes did not change since the last look is the same `Arc`.
    pub products: Vec<Arc<Product>>,
    pub companion: Companion,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_decoded_once_and_stripped_of_what_could_deceive() {
        let name = Name::new("VPS &amp;amp; \u{202e}x\r\nBcc: y\u{0}  z ");
        assert_eq!(name.raw(), "VPS &amp;amp; \u{202e}x\r\nBcc: y\u{0}  z ");
        assert_eq!(name.shown(), "VPS &amp; x Bcc: y z");
    }

    #[test]
    fn a_combination_key_is_written_in_ascending_option_id() {
        let key: CombinationKey = "5=20;4=11".parse().expect("well-formed");
        assert_eq!(key.to_string(), "4=11;5=20");
        assert_eq!(key, CombinationKey::new(vec![(4, 11), (5, 20)]));
        for bad in ["", "4", "4=;5=1", "4=1;4=2", "a=b"] {
            assert!(bad.parse::<CombinationKey>().is_err(), "{bad:?}");
        }
    }
}
