//! The thresholds that hold, as a list: one line for each product and combination, and where each value comes from.

use std::collections::HashMap;

use crate::config::entry::Entry;
use crate::config::entry::Identity;
use crate::config::entry::Target;
use crate::config::entry::Which;
use crate::config::listed::Listed;
use crate::config::listed::listed;
use crate::config::managed::Document;
use crate::config::sheet::Column;
use crate::config::sheet::Row;
use crate::domain::alerting::rules::NamedPair;
use crate::domain::alerting::rules::Rule;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::rules::Subject;
use crate::domain::alerting::state::Memory;
use crate::domain::capacity::CapacityRule;
use crate::domain::pattern::Pattern;

/// What the origin of a value says that an import made.
pub const IMPORT: &str = "import";
/// What a list says for "no channels".
pub const NO_CHANNELS: &str = "none";
/// What a list says for every shop.
pub const EVERY_SHOP: &str = "*";

/// Who set a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    Global,
    /// The very entry of this line.
    Own,
    /// Another rule, by its name.
    Other(&'a str),
}

/// A value and who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<'a, T> {
    pub value: T,
    pub by: By<'a>,
}

/// What holds for one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated<'a> {
    pub low: Said<'a, i64>,
    /// As it was set: where it is above `low`, that counts.
    pub critical: Said<'a, i64>,
    /// In the order of the configuration.
    pub channels: Said<'a, Vec<String>>,
    pub capacity: Option<Said<'a, i64>>,
}

/// The rules and capacities, and which of them an import wrote for whom.
pub struct Book<'a> {
    rules: &'a Rules,
    rule_targets: Vec<Option<Identity>>,
    capacities: &'a [CapacityRule],
    capacity_targets: Vec<Option<Identity>>,
}

/// The list: every product and combination that is known and not gone, choices with a declared capacity, and the entries
/// of earlier imports that concern none of them.
#[must_use]
pub fn rows(
    rules: &Rules,
    capacities: &[CapacityRule],
    file: &Document,
    shops: &[(&str, &Memory)],
) -> Vec<Row> {
    let book = Book::new(rules, file.rules(), capacities, file.capacities());
    let mut unlisted: HashMap<Identity, Entry> = HashMap::new();
    let entries = file.entries();
    for entry in &entries {
        unlisted.insert(entry.target.identity(), entry.clone());
    }
    let mut rows = Vec::new();
    for listed in listed(shops) {
        let identity = listed.target.identity();
        let stated = book.stated(&listed);
        if listed.is_choice {
            let declared = stated.capacity.as_ref().is_some_and(|said| said.by != By::Own);
            if declared && !unlisted.contains_key(&identity) {
                rows.push(row(&listed, &stated));
            }
        } else {
            unlisted.remove(&identity);
            rows.push(row(&listed, &stated));
        }
    }
    let left = entries
        .iter()
        .filter(|entry| unlisted.remove(&entry.target.identity()).is_some());
    rows.extend(left.map(entry_row));
    rows
}

impl<'a> Book<'a> {
    /// A book of these; the targets say which entries an import wrote.
    #[must_use]
    pub fn new(
        rules: &'a Rules,
        rule_targets: Vec<Option<Target>>,
        capacities: &'a [CapacityRule],
        capacity_targets: Vec<Option<Target>>,
    ) -> Self {
        let identities = |targets: Vec<Option<Target>>| {
            let identities = targets
                .into_iter()
                .map(|target| target.map(|target| target.identity()));
            identities.collect()
        };
        Self {
            rules,
            rule_targets: identities(rule_targets),
            capacities,
            capacity_targets: identities(capacity_targets),
        }
    }

    /// What holds for a line.
    #[must_use]
    pub fn stated(&self, line: &Listed<'_>) -> Stated<'a> {
        let own = line.target.identity();
        let named = line.pairs();
        let product = line.product;
        let matching = self.rules.matching(&Subject {
            instance: line.instance,
            group_id: product.group_id,
            group: product.group.as_ref(),
            product_id: product.id,
            product: &product.name,
            pairs: named.as_deref(),
        });
        let by = |index: usize, rule: &'a Rule| match self.rule_targets.get(index) {
            Some(Some(target)) if *target == own => By::Own,
            Some(_) | None => By::Other(rule.origin.as_str()),
        };
        let rules = &self.rules.rules;
        let number = |of: fn(&Rule) -> Option<i64>, global: i64| {
            let found = matching.iter().rev().find_map(|index| {
                let rule = &rules[*index];
                of(rule).map(|value| Said {
                    value,
                    by: by(*index, rule),
                })
            });
            found.unwrap_or(Said {
                value: global,
                by: By::Global,
            })
        };
        let channels = matching.iter().rev().find_map(|index| {
            let rule = &rules[*index];
            rule.channels.as_ref().map(|names| (names, by(*index, rule)))
        });
        let all = self.rules.channels.iter();
        let (channels, by) = match channels {
            Some((names, by)) => (all.filter(|channel| names.contains(&channel.name)).collect(), by),
            None => (
                all.filter(|channel| channel.default).collect::<Vec<_>>(),
                By::Global,
            ),
        };
        Stated {
            low: number(|rule| rule.low, self.rules.low),
            critical: number(|rule| rule.critical, self.rules.critical),
            channels: Said {
                value: channels.into_iter().map(|channel| channel.name.clone()).collect(),
                by,
            },
            capacity: named.and_then(|named| self.capacity(line, &named, &own)),
        }
    }

    /// The capacity declared for exactly these pairs: the one that names the product most exactly, then the later one.
    fn capacity(&self, line: &Listed<'_>, pairs: &[NamedPair<'_>], own: &Identity) -> Option<Said<'a, i64>> {
        let concerned = self.capacities.iter().enumerate().filter_map(|(index, rule)| {
            let exact = concerns(rule, line)?;
            is_exactly(&rule.options, pairs).then_some(((exact, index), rule))
        });
        let ((_, index), rule) = concerned.max_by_key(|(rank, _)| *rank)?;
        let by = match self.capacity_targets.get(index) {
            Some(Some(target)) if target == own => By::Own,
            Some(_) | None => By::Other(rule.origin.as_str()),
        };
        Some(Said {
            value: rule.capacity,
            by,
        })
    }
}

/// How exactly the capacity names the line's product; `None` where it does not concern it.
fn concerns(rule: &CapacityRule, line: &Listed<'_>) -> Option<u8> {
    let product = line.product;
    let names = |pattern: &&Pattern| pattern.matches(Some(product.id), Some(&product.name));
    let exact = rule
        .products
        .iter()
        .filter(names)
        .map(|pattern| pattern.exactness() + 1)
        .max();
    if exact.is_none() && !rule.products.is_empty() {
        return None;
    }
    let any = |patterns: &[Pattern], matches: &dyn Fn(&Pattern) -> bool| {
        patterns.is_empty() || patterns.iter().any(matches)
    };
    let concerned = any(&rule.instances, &|pattern| pattern.matches_text(line.instance))
        && any(&rule.groups, &|pattern| {
            pattern.matches(product.group_id, product.group.as_ref())
        });
    concerned.then(|| exact.unwrap_or(0))
}

fn is_exactly(options: &[(Pattern, Pattern)], pairs: &[NamedPair<'_>]) -> bool {
    options.len() == pairs.len()
        && pairs.iter().all(|pair| {
            options.iter().any(|(option, choice)| {
                option.matches(Some(pair.option_id), Some(pair.option))
                    && choice.matches(Some(pair.choice_id), Some(pair.choice))
            })
        })
}

fn row(listed: &Listed<'_>, stated: &Stated<'_>) -> Row {
    let mut row = target_row(&listed.target);
    row.set(Column::Name, listed.product.name.shown());
    let mut origins = Vec::new();
    if !listed.is_choice {
        let low = stated.low.value;
        row.set(Column::Low, low.to_string());
        row.set(Column::Critical, stated.critical.value.min(low).to_string());
        row.set(Column::Channels, channels_cell(&stated.channels.value));
        origins.extend([
            (Column::Low, stated.low.by),
            (Column::Critical, stated.critical.by),
            (Column::Channels, stated.channels.by),
        ]);
    }
    if let Some(capacity) = &stated.capacity {
        row.set(Column::Capacity, capacity.value.to_string());
        origins.push((Column::Capacity, capacity.by));
    }
    row.set(Column::Origin, origin_cell(&origins));
    row
}

/// An entry that concerns nothing that is known: it is listed lest it be lost.
fn entry_row(entry: &Entry) -> Row {
    let mut row = target_row(&entry.target);
    let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    row.set(Column::Low, number(entry.values.low));
    row.set(Column::Critical, number(entry.values.critical));
    row.set(Column::Capacity, number(entry.values.capacity));
    if let Some(channels) = &entry.values.channels {
        row.set(Column::Channels, channels_cell(channels));
    }
    row.set(Column::Origin, IMPORT);
    row
}

fn target_row(target: &Target) -> Row {
    let mut row = Row::default();
    row.set(Column::Instance, target.instance.as_deref().unwrap_or(EVERY_SHOP));
    match &target.product {
        Which::Id(id) => row.set(Column::Pid, id.to_string()),
        Which::Name(name) => row.set(Column::Name, name),
    }
    row.set(Column::Option, target.option());
    row
}

fn channels_cell(names: &[String]) -> String {
    if names.is_empty() {
        NO_CHANNELS.to_owned()
    } else {
        names.join(" ")
    }
}

/// One word where all values come from the same place, else each value's own: `low: import; critical: global`.
fn origin_cell(origins: &[(Column, By<'_>)]) -> String {
    let words = |by: By<'_>| match by {
        By::Global => "global".to_owned(),
        By::Own => IMPORT.to_owned(),
        By::Other(rule) => rule.replace(';', ","),
    };
    match origins {
        [] => String::new(),
        [(_, first), rest @ ..] if rest.iter().all(|(_, by)| by == first) => words(*first),
        several => {
            let each = several
                .iter()
                .map(|(column, by)| format!("{}: {}", column.as_str(), words(*by)));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}
