//! One line of a list of thresholds: whom it is for, and what it sets.

use std::fmt;

/// A product as a list names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    Id(i64),
    /// A name, in which `*` and `?` stand for others, as everywhere.
    Name(String),
}

/// Whom an entry is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// `None` for every shop.
    pub instance: Option<String>,
    pub product: Which,
    /// Option and choice, by name or number; none for the product itself.
    pub options: Vec<(String, String)>,
}

/// The same for what names the same, whatever its case and order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(Target);

/// What an entry sets; what it does not set is inherited.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values {
    pub low: Option<i64>,
    pub critical: Option<i64>,
    pub channels: Option<Vec<String>>,
    pub capacity: Option<i64>,
}

/// One line of a list, as the file keeps it: a rule, a capacity, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub target: Target,
    pub values: Values,
}

impl Target {
    /// What it is told apart by.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let lower = |text: &String| text.to_lowercase();
        let mut options: Vec<(String, String)> =
            self.options.iter().map(|(o, c)| (lower(o), lower(c))).collect();
        options.sort();
        Identity(Self {
            instance: self.instance.as_ref().map(lower),
            product: match &self.product {
                Which::Id(id) => Which::Id(*id),
                Which::Name(name) => Which::Name(lower(name)),
            },
            options,
        })
    }

    /// The options as a list writes them: `RAM=64 GB;Disk=NVMe`.
    #[must_use]
    pub fn option(&self) -> String {
        let pairs: Vec<String> = self.options.iter().map(|(o, c)| format!("{o}={c}")).collect();
        pairs.join(";")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instance = self.instance.as_deref().unwrap_or("*");
        match &self.product {
            Which::Id(id) => write!(f, "{instance}/{id}")?,
            Which::Name(name) => write!(f, "{instance}/{name}")?,
        }
        if self.options.is_empty() {
            Ok(())
        } else {
            write!(f, "/{}", self.option())
        }
    }
}

impl Values {
    /// Whether a rule is needed for it.
    #[must_use]
    pub fn has_rule(&self) -> bool {
        self.low.is_some() || self.critical.is_some() || self.channels.is_some()
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.has_rule() && self.capacity.is_none()
    }
}
