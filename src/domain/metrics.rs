//! Which combinations have series of their own in the metrics: a series of each would be too many in some shops.

use crate::domain::catalogue::Name;
use crate::domain::pattern::Pattern;

/// What holds where nothing is said: no more combinations than this have series.
pub const MOST: usize = 20_000;

/// Which combinations have series, and how many at the most: where there are more, none has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CombinationSeries {
    pub which: Which,
    pub most: usize,
}

/// Which combinations have series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    All,
    None,
    /// Those that one of these matches.
    Listed(Vec<Listing>),
}

/// What a table `[[metrics]]` of the configuration names. An empty list matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub instances: Vec<Pattern>,
    pub groups: Vec<Pattern>,
    pub products: Vec<Pattern>,
    /// Of a combination's label (`RAM: 64 GB, Disk: 2x NVMe`).
    pub combinations: Vec<Pattern>,
}

/// The product of a combination, as listings name it.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    pub instance: &'a str,
    pub id: i64,
    pub name: &'a Name,
    pub group: Option<&'a Name>,
}

impl Default for CombinationSeries {
    fn default() -> Self {
        Self {
            which: Which::All,
            most: MOST,
        }
    }
}

impl CombinationSeries {
    /// What is asked of the labels of a product's combinations.
    #[must_use]
    pub fn of<'a>(&'a self, product: Of<'_>) -> Wanted<'a> {
        match &self.which {
            Which::All => Wanted::All,
            Which::None => Wanted::Some(Vec::new()),
            Which::Listed(listings) => {
                let matching = listings.iter().filter(|listing| listing.names(product));
                let patterns: Vec<&[Pattern]> =
                    matching.map(|listing| listing.combinations.as_slice()).collect();
                if patterns.iter().any(|patterns| patterns.is_empty()) {
                    Wanted::All
                } else {
                    Wanted::Some(patterns)
                }
            }
        }
    }
}

/// Which of a product's combinations have series.
#[derive(Debug)]
pub enum Wanted<'a> {
    All,
    /// Those whose label one of these matches.
    Some(Vec<&'a [Pattern]>),
}

impl Wanted<'_> {
    /// Whether the combination of that label has series.
    #[must_use]
    pub fn takes(&self, label: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(patterns) => patterns
                .iter()
                .any(|patterns| patterns.iter().any(|pattern| pattern.matches_text(label))),
        }
    }
}

impl Listing {
    fn names(&self, product: Of<'_>) -> bool {
        let any = |patterns: &[Pattern], holds: &dyn Fn(&Pattern) -> bool| {
            patterns.is_empty() || patterns.iter().any(holds)
        };
        any(&self.instances, &|pattern| pattern.matches_text(product.instance))
            && any(&self.groups, &|pattern| pattern.matches(None, product.group))
            && any(&self.products, &|pattern| {
                pattern.matches(Some(product.id), Some(product.name))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(series: &CombinationSeries, id: i64, name: &str, label: &str) -> bool {
        let (name, group) = (Name::new(name), Name::new("Dedicated Servers"));
        let product = Of {
            instance: "eu",
            id,
            name: &name,
            group: Some(&group),
        };
        series.of(product).takes(label)
    }

    fn listed(listings: Vec<Listing>) -> CombinationSeries {
        CombinationSeries {
            which: Which::Listed(listings),
            most: MOST,
        }
    }

    #[test]
    fn a_listing_takes_what_all_of_its_lists_match() {
        let text = |text: &str| vec![Pattern::text(text)];
        let large = listed(vec![Listing {
            instances: text("eu"),
            groups: text("dedicated*"),
            products: vec![Pattern::Id(42), Pattern::text("VPS *")],
            combinations: text("*RAM: 64 GB*"),
        }]);
        assert!(takes(&large, 42, "DS-64", "RAM: 64 GB, Disk: 2x NVMe"));
        assert!(takes(&large, 7, "vps L", "Disk: 2x NVMe, ram: 64 gb"));
        assert!(!takes(&large, 42, "DS-64", "RAM: 32 GB, Disk: 2x NVMe"));
        assert!(!takes(&large, 43, "DS-64", "RAM: 64 GB, Disk: 2x NVMe"));
        let elsewhere = Listing {
            instances: text("us"),
            ..Listing::default()
        };
        assert!(!takes(
            &listed(vec![elsewhere.clone()]),
            42,
            "DS-64",
            "RAM: 64 GB"
        ));
        assert!(takes(
            &listed(vec![elsewhere, Listing::default()]),
            42,
            "DS-64",
            "RAM: 64 GB"
        ));
        assert!(!takes(&listed(Vec::new()), 42, "DS-64", "RAM: 64 GB"));
    }

    #[test]
    fn all_or_none_is_all_or_none() {
        for (which, expected) in [(Which::All, true), (Which::None, false)] {
            let series = CombinationSeries { which, most: 1 };
            assert_eq!(takes(&series, 1, "A", "B"), expected);
        }
    }
}
