//! What a list can name of what the database knows: products, their combinations, and the choices of those.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::config::entry::Target;
use crate::config::entry::Which;
use crate::domain::alerting::attach::names_of;
use crate::domain::alerting::attach::pairs_of;
use crate::domain::alerting::rules::NamedPair;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Name;

/// A product, combination or choice that a list names.
#[derive(Debug, Clone)]
pub struct Listed<'a> {
    pub target: Target,
    pub instance: &'a str,
    pub product: &'a Tracked,
    /// The combination's pairs with their names; `None` for the product itself.
    pairs: Option<Pairs>,
    /// A single choice of combinations: it has no thresholds of its own, at most a capacity.
    pub is_choice: bool,
}

#[derive(Debug, Clone)]
struct Pairs {
    key: CombinationKey,
    names: Vec<(Name, Name)>,
}

impl Listed<'_> {
    /// Its pairs with their names; `None` for the product itself.
    #[must_use]
    pub fn pairs(&self) -> Option<Vec<NamedPair<'_>>> {
        self.pairs
            .as_ref()
            .map(|pairs| pairs_of(&pairs.key, &pairs.names))
    }
}

/// Every line of the shops' products: the product, its combinations, the choices that those are made of.
#[must_use]
pub fn listed<'a>(shops: &[(&'a str, &'a Memory)]) -> Vec<Listed<'a>> {
    let mut found = Vec::new();
    for (instance, memory) in shops {
        for product in memory.products.iter().filter(|product| !product.gone) {
            lines(instance, product, &mut found);
        }
    }
    found
}

fn lines<'a>(instance: &'a str, product: &'a Tracked, found: &mut Vec<Listed<'a>>) {
    let line = |options, pairs, is_choice| Listed {
        target: Target {
            instance: Some(instance.to_owned()),
            product: Which::Id(product.id),
            options,
        },
        instance,
        product,
        pairs,
        is_choice,
    };
    found.push(line(Vec::new(), None, false));
    let combinations: Vec<Pairs> = product
        .combinations
        .iter()
        .filter(|combination| !combination.gone)
        .map(|combination| Pairs {
            names: names_of(&combination.key, &combination.label),
            key: combination.key.clone(),
        })
        .collect();
    let choices = choices(&combinations);
    for (pairs, is_choice) in [(combinations, false), (choices, true)] {
        for (options, pairs) in told_apart(pairs) {
            found.push(line(options, Some(pairs), is_choice));
        }
    }
}

/// The single choices of combinations of several, each once, ascending.
fn choices(combinations: &[Pairs]) -> Vec<Pairs> {
    let mut known: HashSet<(i64, i64)> = HashSet::new();
    let mut found = Vec::new();
    for pairs in combinations.iter().filter(|pairs| pairs.names.len() > 1) {
        for (pair, names) in pairs.key.pairs().iter().zip(&pairs.names) {
            if known.insert(*pair) {
                found.push(Pairs {
                    key: CombinationKey::new(vec![*pair]),
                    names: vec![names.clone()],
                });
            }
        }
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found
}

/// Each with the words for its options: names where they are clear, else numbers.
fn told_apart(all: Vec<Pairs>) -> Vec<(Vec<(String, String)>, Pairs)> {
    let mut count: HashMap<Vec<(String, String)>, usize> = HashMap::new();
    let lower = |named: &[(String, String)]| -> Vec<(String, String)> {
        let lower = named.iter().map(|(o, c)| (o.to_lowercase(), c.to_lowercase()));
        lower.collect()
    };
    let named: Vec<Option<Vec<(String, String)>>> = all.iter().map(named).collect();
    for names in named.iter().flatten() {
        *count.entry(lower(names)).or_default() += 1;
    }
    let told = named.into_iter().zip(all).map(|(named, pairs)| {
        let clear = named.filter(|names| count.get(&lower(names)) == Some(&1));
        let numbers = || {
            let pairs = pairs.key.pairs().iter();
            pairs.map(|(o, c)| (o.to_string(), c.to_string())).collect()
        };
        (clear.unwrap_or_else(numbers), pairs)
    });
    told.collect()
}

fn named(pairs: &Pairs) -> Option<Vec<(String, String)>> {
    let names: Vec<(String, String)> = pairs
        .names
        .iter()
        .map(|(option, choice)| (option.shown().to_owned(), choice.shown().to_owned()))
        .collect();
    let is_clear = |name: &str| !name.is_empty() && !name.contains([';', '=', '*', '?', '"', '\'']);
    let once = |option: &str| {
        names
            .iter()
            .filter(|(other, _)| other.to_lowercase() == option.to_lowercase())
            .count()
            == 1
    };
    names
        .iter()
        .all(|(option, choice)| is_clear(option) && is_clear(choice) && once(option))
        .then_some(names)
}
