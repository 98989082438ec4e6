//! What an option has left: declared capacities, pools, and the level of each product and combination.

use crate::domain::catalogue::Choice;
use crate::domain::catalogue::ChoiceId;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::CombinationUse;
use crate::domain::catalogue::ConfigOption;
use crate::domain::catalogue::Figure;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::OptionKind;
use crate::domain::catalogue::Product;
use crate::domain::pattern::Pattern;

/// One `[[capacity]]`: how many of a choice (one pair) or of a combination (several pairs) there are in all.
#[derive(Debug, Clone)]
pub struct CapacityRule {
    /// How messages name it: "capacity 1".
    pub origin: String,
    pub instances: Vec<Pattern>,
    pub groups: Vec<Pattern>,
    pub products: Vec<Pattern>,
    /// Option and choice.
    pub options: Vec<(Pattern, Pattern)>,
    pub capacity: i64,
}

/// One `[[pool]]`: stock shared by choices of several products, or by whole products.
#[derive(Debug, Clone)]
pub struct PoolRule {
    pub name: String,
    pub capacity: i64,
    pub uses: Vec<PoolUse>,
}

/// Who draws on a pool, and how many each takes.
#[derive(Debug, Clone)]
pub struct PoolUse {
    pub instance: Option<Pattern>,
    pub what: PoolUser,
    pub need: i64,
}

/// A choice of an option, or a whole product.
#[derive(Debug, Clone)]
pub enum PoolUser {
    Choice { option: Pattern, choice: Pattern },
    Product(Pattern),
}

/// All declared capacities and pools.
#[derive(Debug, Clone, Default)]
pub struct Capacities {
    pub capacities: Vec<CapacityRule>,
    pub pools: Vec<PoolRule>,
}

/// What the figures of a product amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProductLevel {
    pub level: Level,
    /// Whether WHMCS controls the stock, where it said so.
    pub controlled: Option<bool>,
    /// A zero that may mean "sold out" or "not counted", and that nothing settles.
    pub ambiguous_zero: bool,
}

/// Derives a product's level. `declared` is the operator's word on stock control; `seen_other_than_zero` tells that
/// a figure other than 0 was seen before, so that a 0 is a count.
#[must_use]
pub fn product_level(product: &Product, declared: Option<bool>, seen_other_than_zero: bool) -> ProductLevel {
    let listed = product.listing.quantity;
    let controlled = product.details.as_ref().and_then(|details| details.controlled);
    let detailed = product
        .details
        .as_ref()
        .map_or(Figure::Absent, |details| details.quantity);
    let figure = match (product.details_fresh, listed, detailed) {
        (true, _, Figure::Number(n))
        | (_, Figure::Number(n), _)
        | (false, Figure::Absent, Figure::Number(n)) => Some(n),
        (true, Figure::Absent | Figure::Unreadable, Figure::Absent | Figure::Unreadable)
        | (false, Figure::Absent, Figure::Absent | Figure::Unreadable)
        | (false, Figure::Unreadable, _) => None,
    };
    let plain = |level| ProductLevel {
        level,
        controlled,
        ambiguous_zero: false,
    };
    match (controlled.or(declared), figure) {
        (Some(false), _) => plain(Level::NotControlled),
        (_, None) => plain(Level::Unknown),
        (Some(true), Some(n)) => plain(Level::Known(n)),
        (None, Some(0)) if !seen_other_than_zero => ProductLevel {
            level: Level::Unknown,
            controlled,
            ambiguous_zero: true,
        },
        (None, Some(n)) => plain(Level::Known(n)),
    }
}

/// A combination (or a single choice) that has a figure of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    pub key: CombinationKey,
    /// `RAM: 32 GB, Disk: 2x NVMe`
    pub label: String,
    pub level: Level,
    /// What limits it below its product.
    pub bottleneck: Option<String>,
}

/// A product's combinations with a figure of their own, ascending by key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Derivation {
    pub combinations: Vec<Derived>,
    /// There are more combinations than the limit: followed per choice.
    pub per_choice: bool,
}

/// Whom capacities are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    pub instance: &'a str,
    pub group: Option<&'a Name>,
    /// The options that make combinations; all where empty.
    pub combine: &'a [Pattern],
    /// The most combinations followed.
    pub limit: usize,
}

/// One choice as far as it makes combinations.
struct Offered<'a> {
    option: &'a ConfigOption,
    id: ChoiceId,
    name: &'a str,
    /// What is left of it, and what that comes from.
    left: Option<(i64, String)>,
}

impl Offered<'_> {
    fn label(&self) -> String {
        format!("{}: {}", self.option.name, self.name)
    }
}

/// A declared capacity that was resolved to pairs of one product.
struct Resolved<'a> {
    key: CombinationKey,
    rank: (u8, usize),
    rule: &'a CapacityRule,
}

/// Derives every combination that has a figure of its own. A combination with a hidden choice is not offered and is
/// left out.
#[must_use]
pub fn combinations(
    product: &Product,
    level: Level,
    capacities: &Capacities,
    owner: &Owner<'_>,
) -> Derivation {
    let options = product.options();
    if options.is_empty() {
        return Derivation::default();
    }
    let resolved = resolve(product, capacities, owner);
    let mut combining: Vec<Vec<Offered<'_>>> = Vec::new();
    let mut counted: Vec<Offered<'_>> = Vec::new();
    for option in options.iter().filter(|option| !option.hidden) {
        let choices = offered(option, &resolved);
        let named = owner.combine.is_empty()
            || owner
                .combine
                .iter()
                .any(|pattern| pattern.matches(Some(option.id), Some(&option.name)));
        if option.kind.combines() && named {
            combining.push(choices);
        } else {
            counted.extend(choices);
        }
    }
    combining.retain(|choices| !choices.is_empty());
    combining.sort_by_key(|choices| choices[0].option.id);
    let count = combining
        .iter()
        .try_fold(1usize, |n, choices| n.checked_mul(choices.len()));
    let per_choice = count.is_none_or(|n| n > owner.limit);
    let mut found = Vec::new();
    if per_choice {
        counted.extend(combining.into_iter().flatten());
    } else if has_figures(product, &combining, &resolved) {
        found = product_of_choices(product, level, &combining, &resolved);
    }
    found.extend(counted.iter().filter_map(|choice| single_choice(choice, level)));
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found.dedup_by(|a, b| a.key == b.key);
    Derivation {
        combinations: found,
        per_choice,
    }
}

fn has_figures(product: &Product, combining: &[Vec<Offered<'_>>], resolved: &[Resolved<'_>]) -> bool {
    combining.iter().flatten().any(|choice| choice.left.is_some())
        || resolved.iter().any(|capacity| capacity.key.pairs().len() > 1)
        || uses(product).iter().any(|used| used.stock.number().is_some())
}

/// The combinations in use. Older details count too: they are at most `DETAILS_INTERVAL` old, and nothing else counts.
fn uses(product: &Product) -> &[CombinationUse] {
    match &product.details {
        Some(details) => &details.combinations,
        None => &[],
    }
}

/// The choices of an option a customer can take; "no" of a yes/no option is one.
fn offered<'a>(option: &'a ConfigOption, resolved: &[Resolved<'_>]) -> Vec<Offered<'a>> {
    let mut choices: Vec<Offered<'_>> = option
        .choices
        .iter()
        .filter(|choice| !choice.hidden)
        .map(|choice| Offered {
            option,
            id: choice.id,
            name: choice.name.shown(),
            left: left_of_choice(option, choice, resolved),
        })
        .collect();
    if option.kind == OptionKind::YesNo && !choices.is_empty() {
        choices.truncate(1);
        choices.push(Offered {
            option,
            id: 0,
            name: "No",
            left: None,
        });
    }
    choices
}

fn left_of_choice(
    option: &ConfigOption,
    choice: &Choice,
    resolved: &[Resolved<'_>],
) -> Option<(i64, String)> {
    let label = || format!("{}: {}", option.name, choice.name);
    if let Some(stock) = choice.stock.number() {
        return Some((stock, label()));
    }
    let key = CombinationKey::new(vec![(option.id, choice.id)]);
    let declared = resolved.iter().find(|capacity| capacity.key == key)?;
    Some((declared.rule.capacity.saturating_sub(choice.in_use?), label()))
}

fn single_choice(choice: &Offered<'_>, level: Level) -> Option<Derived> {
    let (left, limiter) = choice.left.as_ref()?;
    let key = CombinationKey::new(vec![(choice.option.id, choice.id)]);
    Some(smallest(
        key,
        choice.label(),
        level,
        vec![(*left, limiter.clone())],
    ))
}

/// Every combination of the choices whose level something of its own decides.
fn product_of_choices(
    product: &Product,
    level: Level,
    combining: &[Vec<Offered<'_>>],
    resolved: &[Resolved<'_>],
) -> Vec<Derived> {
    let mut found = Vec::new();
    let mut at = vec![0usize; combining.len()];
    loop {
        let chosen: Vec<&Offered<'_>> = at
            .iter()
            .zip(combining)
            .map(|(i, choices)| &choices[*i])
            .collect();
        found.extend(one_combination(product, level, &chosen, resolved));
        let Some(wheel) = (0..at.len()).rev().find(|i| at[*i] + 1 < combining[*i].len()) else {
            break;
        };
        at[wheel] += 1;
        at[wheel + 1..].fill(0);
    }
    found
}

fn one_combination(
    product: &Product,
    level: Level,
    chosen: &[&Offered<'_>],
    resolved: &[Resolved<'_>],
) -> Option<Derived> {
    let key = CombinationKey::new(
        chosen
            .iter()
            .map(|choice| (choice.option.id, choice.id))
            .collect(),
    );
    let label = || {
        chosen
            .iter()
            .map(|choice| choice.label())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let used = uses(product);
    if let Some(stock) = used
        .iter()
        .find(|used| used.key == key)
        .and_then(|used| used.stock.number())
    {
        return Some(Derived {
            key,
            label: label(),
            level: Level::Known(stock),
            bottleneck: None,
        });
    }
    let mut limits: Vec<(i64, String)> = chosen.iter().filter_map(|choice| choice.left.clone()).collect();
    for capacity in resolved {
        if capacity.key.pairs().len() > 1
            && capacity.key.is_part_of(&key)
            && let Some(in_use) = in_use_of(product, &capacity.key)
        {
            limits.push((
                capacity.rule.capacity.saturating_sub(in_use),
                capacity.rule.origin.clone(),
            ));
        }
    }
    if limits.is_empty() {
        return None;
    }
    Some(smallest(key, label(), level, limits))
}

/// Services that hold all pairs of the key; unknown where the details do not count.
fn in_use_of(product: &Product, key: &CombinationKey) -> Option<i64> {
    let details = product.details.as_ref()?;
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

fn smallest(key: CombinationKey, label: String, level: Level, limits: Vec<(i64, String)>) -> Derived {
    let tightest = limits.into_iter().min_by_key(|(left, _)| *left);
    match (level.known(), tightest) {
        (Some(n), Some((left, limiter))) if left < n => Derived {
            key,
            label,
            level: Level::Known(left),
            bottleneck: Some(limiter),
        },
        (Some(n), _) => Derived {
            key,
            label,
            level: Level::Known(n),
            bottleneck: None,
        },
        (None, Some((left, limiter))) => Derived {
            key,
            label,
            level: Level::Known(left),
            bottleneck: Some(limiter),
        },
        (None, None) => Derived {
            key,
            label,
            level,
            bottleneck: None,
        },
    }
}

/// The declared capacities that concern the product, resolved to its ids; of two for the same pairs the more exact,
/// then the later one.
fn resolve<'a>(product: &Product, capacities: &'a Capacities, owner: &Owner<'_>) -> Vec<Resolved<'a>> {
    let mut found: Vec<Resolved<'_>> = Vec::new();
    for (index, rule) in capacities.capacities.iter().enumerate() {
        let Some(exact) = concerns(rule, product, owner) else {
            continue;
        };
        for key in keys_of(rule, product.options()) {
            let fresh = Resolved {
                key,
                rank: (exact, index),
                rule,
            };
            match found.iter_mut().find(|known| known.key == fresh.key) {
                Some(known) if known.rank <= fresh.rank => *known = fresh,
                Some(_) => {}
                None => found.push(fresh),
            }
        }
    }
    found
}

fn concerns(rule: &CapacityRule, product: &Product, owner: &Owner<'_>) -> Option<u8> {
    let any = |patterns: &[Pattern], matches: &dyn Fn(&Pattern) -> bool| {
        patterns.is_empty() || patterns.iter().any(matches)
    };
    let name = &product.listing.name;
    let concerned = any(&rule.instances, &|pattern| pattern.matches_text(owner.instance))
        && any(&rule.groups, &|pattern| {
            pattern.matches(product.group_id(), owner.group)
        })
        && any(&rule.products, &|pattern| {
            pattern.matches(Some(product.id()), Some(name))
        });
    let exact = rule
        .products
        .iter()
        .filter(|pattern| pattern.matches(Some(product.id()), Some(name)))
        .map(|pattern| pattern.exactness() + 1)
        .max();
    concerned.then(|| exact.unwrap_or(0))
}

/// Every set of pairs the rule's patterns name in these options; at most 4,096.
fn keys_of(rule: &CapacityRule, options: &[ConfigOption]) -> Vec<CombinationKey> {
    let mut sets: Vec<Vec<(i64, i64)>> = vec![Vec::new()];
    for (option_pattern, choice_pattern) in &rule.options {
        let mut pairs = Vec::new();
        for option in options
            .iter()
            .filter(|o| option_pattern.matches(Some(o.id), Some(&o.name)))
        {
            for choice in option
                .choices
                .iter()
                .filter(|c| choice_pattern.matches(Some(c.id), Some(&c.name)))
            {
                pairs.push((option.id, choice.id));
            }
        }
        sets = sets
            .iter()
            .flat_map(|set| {
                pairs
                    .iter()
                    .filter(|pair| set.iter().all(|(option, _)| *option != pair.0))
                    .map(|pair| [set.as_slice(), &[*pair]].concat())
            })
            .take(4096)
            .collect();
    }
    if rule.options.is_empty() {
        return Vec::new();
    }
    sets.into_iter().map(CombinationKey::new).collect()
}
