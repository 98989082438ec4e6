//! What a memory read from the store lacks: the rules that hold for each series now.

use std::sync::Arc;

use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::NamedPair;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::rules::Subject;
use crate::domain::alerting::state::Memory;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Name;

impl Rules {
    /// What holds where no rule matches.
    #[must_use]
    pub fn global(&self) -> Arc<Effective> {
        self.effective_of(&[])
    }

    /// Gives each product and combination of a memory read from the store the rules that hold for it, so that pages
    /// and metrics can show thresholds before the first look. A combination's names are read from its label.
    pub fn attach(&self, instance: &str, memory: &mut Memory) {
        for product in &mut memory.products {
            let effective = self.effective(&Subject {
                instance,
                group_id: product.group_id,
                group: product.group.as_ref(),
                product_id: product.id,
                product: &product.name,
                pairs: None,
            });
            let product = Arc::make_mut(product);
            for combination in &mut product.combinations {
                let names = names_of(&combination.key, &combination.label);
                combination.effective = self.effective(&Subject {
                    instance,
                    group_id: product.group_id,
                    group: product.group.as_ref(),
                    product_id: product.id,
                    product: &product.name,
                    pairs: Some(&pairs_of(&combination.key, &names)),
                });
            }
            product.effective = effective;
        }
    }
}

/// The names of option and choice of each pair, read from the label; empty where they cannot be told, so that the pairs
/// are known by their numbers alone.
#[must_use]
pub fn names_of(key: &CombinationKey, label: &str) -> Vec<(Name, Name)> {
    let nameless = || {
        let pairs = key.pairs().iter();
        pairs.map(|_| (Name::new(""), Name::new(""))).collect()
    };
    named(key, label).unwrap_or_else(nameless)
}

/// The names of option and choice in a label such as `RAM: 32 GB, Disk: NVMe`; `None` where a name holds the marks
/// that part them, so that they cannot be told.
pub(super) fn named(key: &CombinationKey, label: &str) -> Option<Vec<(Name, Name)>> {
    let names: Vec<(Name, Name)> = label
        .split(", ")
        .map(|part| {
            part.split_once(": ")
                .map(|(option, choice)| (Name::new(option), Name::new(choice)))
        })
        .collect::<Option<_>>()?;
    (names.len() == key.pairs().len()).then_some(names)
}

/// The pairs with their names.
#[must_use]
pub fn pairs_of<'a>(key: &CombinationKey, names: &'a [(Name, Name)]) -> Vec<NamedPair<'a>> {
    let pairs = key.pairs().iter().zip(names);
    pairs
        .map(|(&(option_id, choice_id), (option, choice))| NamedPair {
            option_id,
            option,
            choice_id,
            choice,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_a_label_where_they_can_be_told() {
        let key: CombinationKey = "4=11;5=20".parse().expect("well-formed");
        let names = named(&key, "RAM: 32 GB, Disk: 2x NVMe").expect("two pairs");
        let shown: Vec<(&str, &str)> = names.iter().map(|(o, c)| (o.shown(), c.shown())).collect();
        assert_eq!(shown, [("RAM", "32 GB"), ("Disk", "2x NVMe")]);
        assert!(named(&key, "RAM: 32 GB, fast, Disk: 2x NVMe").is_none());
        assert!(named(&key, "").is_none());
    }

    #[test]
    fn where_names_cannot_be_told_pairs_are_known_by_their_numbers() {
        let key: CombinationKey = "4=11;5=20".parse().expect("well-formed");
        let names = names_of(&key, "RAM: 32 GB, fast, Disk: 2x NVMe");
        let pairs = pairs_of(&key, &names);
        assert_eq!((pairs[1].option_id, pairs[1].choice_id), (5, 20));
        assert_eq!(pairs[1].choice.shown(), "");
    }
}
