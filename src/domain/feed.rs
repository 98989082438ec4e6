//! What of the stock anybody may see: which products, and what of each.

use std::time::Duration;

use crate::domain::catalogue::Name;
use crate::domain::catalogue::ProductId;
use crate::domain::pattern::Pattern;

/// The public feed as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// What is given must match, and of each list one; not all three are empty.
    pub instances: Vec<Pattern>,
    pub groups: Vec<Pattern>,
    pub products: Vec<Pattern>,
    /// What is told of each; nothing else is.
    pub fields: Vec<Field>,
    /// From that level on only `10+` is told.
    pub level_cap: Option<i64>,
    /// Which web pages may read it through their visitors' browsers.
    pub origins: Origins,
    /// How long others may keep it.
    pub max_age: Duration,
    /// A figure that is older is unknown.
    pub stale_after: Duration,
}

/// Something that can be told of a product or combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Instance,
    ProductId,
    Product,
    Group,
    /// With it, combinations are listed, too.
    Combination,
    State,
    Level,
    Availability,
}

/// The web pages that may read the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    Any,
    /// `https://shop.example`, each; none where empty.
    Only(Vec<String>),
}

impl Field {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 8] = [
        Self::Instance,
        Self::ProductId,
        Self::Product,
        Self::Group,
        Self::Combination,
        Self::State,
        Self::Level,
        Self::Availability,
    ];

    /// The fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::ProductId => "product_id",
            Self::Product => "product",
            Self::Group => "group",
            Self::Combination => "combination",
            Self::State => "state",
            Self::Level => "level",
            Self::Availability => "availability",
        }
    }

    /// The field of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }
}

impl Feed {
    /// Whether the product is told of.
    #[must_use]
    pub fn shows(
        &self,
        instance: &str,
        group: (Option<i64>, Option<&Name>),
        id: ProductId,
        name: &Name,
    ) -> bool {
        let any = |patterns: &[Pattern], matches: &dyn Fn(&Pattern) -> bool| {
            patterns.is_empty() || patterns.iter().any(matches)
        };
        any(&self.instances, &|pattern| pattern.matches_text(instance))
            && any(&self.groups, &|pattern| pattern.matches(group.0, group.1))
            && any(&self.products, &|pattern| pattern.matches(Some(id), Some(name)))
    }

    /// Whether the field is told.
    #[must_use]
    pub fn tells(&self, field: Field) -> bool {
        self.fields.contains(&field)
    }
}
