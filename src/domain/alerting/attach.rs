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
                let names = named(&combination.key, &combination.label);
                combination.effective = match names {
                    Some(names) => self.effective(&Subject {
                        instance,
                        group_id: product.group_id,
                        group: product.group.as_ref(),
                        product_id: product.id,
                        product: &product.name,
                        pairs: Some(&pairs_of(&combination.key, &names)),
                    }),
                    None => Arc::clone(&effective),
                };
            }
            product.effective = effective;
        }
    }
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

fn pairs_of<'a>(key: &CombinationKey, names: &'a [(Name, Name)]) -> Vec<NamedPair<'a>> {
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
}
