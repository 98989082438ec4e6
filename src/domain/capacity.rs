//! What an option has left: declared capacities, pools, and the level of each product and combination.

use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::CombinationUse;
use crate::domain::catalogue::Figure;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::OptionKind;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::options::ChoiceView;
use crate::domain::catalogue::options::Options;
use crate::domain::offer;
use crate::domain::offer::Offer;
use crate::domain::offer::Pick;
use crate::domain::pattern::Pattern;
use crate::domain::pool::Bottleneck;
use crate::domain::pool::PoolRule;

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
    pub bottleneck: Option<Bottleneck>,
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

/// A choice on offer, and what is left of it with what that comes from.
struct Counted<'a> {
    pick: Pick<'a>,
    left: Option<(i64, Bottleneck)>,
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
    if product.options().is_empty() {
        return Derivation::default();
    }
    let resolved = resolve(product, capacities, owner);
    let offer = Offer::of(product, owner.combine, owner.limit);
    let combining: Vec<Vec<Counted<'_>>> = offer
        .combining
        .into_iter()
        .map(|picks| counted(product, picks, &resolved))
        .collect();
    let mut single = counted(product, offer.counted, &resolved);
    let mut found = Vec::new();
    if offer.per_choice {
        single.extend(combining.into_iter().flatten());
    } else if has_figures(product, &combining, &resolved) {
        let ways = offer::every_way(&combining);
        found.extend(ways.filter_map(|chosen| one_combination(product, level, &chosen, &resolved)));
    }
    found.extend(single.iter().filter_map(|choice| single_choice(choice, level)));
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found.dedup_by(|a, b| a.key == b.key);
    Derivation {
        combinations: found,
        per_choice: offer.per_choice,
    }
}

fn has_figures(product: &Product, combining: &[Vec<Counted<'_>>], resolved: &[Resolved<'_>]) -> bool {
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

fn counted<'a>(product: &Product, picks: Vec<Pick<'a>>, resolved: &[Resolved<'_>]) -> Vec<Counted<'a>> {
    let counted = |pick| Counted {
        pick,
        left: left_of(product, pick, resolved),
    };
    picks.into_iter().map(counted).collect()
}

/// What is left of a choice by itself: its stock, or its declared capacity less what is in use.
fn left_of(product: &Product, pick: Pick<'_>, resolved: &[Resolved<'_>]) -> Option<(i64, Bottleneck)> {
    let stock = pick.choice.and_then(|choice| choice.stock.number());
    if let Some(stock) = stock {
        return Some((stock, Bottleneck::Choice(pick.label().into())));
    }
    let key = CombinationKey::new(vec![pick.pair()]);
    let declared = resolved.iter().find(|capacity| capacity.key == key)?;
    let in_use = match pick.choice {
        Some(choice) => choice.in_use?,
        // Nobody counts "no" by itself.
        None => in_use_of(product, &key)?,
    };
    Some((
        declared.rule.capacity.saturating_sub(in_use),
        Bottleneck::Choice(pick.label().into()),
    ))
}

fn single_choice(choice: &Counted<'_>, level: Level) -> Option<Derived> {
    let left = choice.left.clone()?;
    let key = CombinationKey::new(vec![choice.pick.pair()]);
    Some(smallest(key, choice.pick.label(), level, vec![left]))
}

fn one_combination(
    product: &Product,
    level: Level,
    chosen: &[&Counted<'_>],
    resolved: &[Resolved<'_>],
) -> Option<Derived> {
    let picks: Vec<&Pick<'_>> = chosen.iter().map(|choice| &choice.pick).collect();
    let key = offer::key(&picks);
    let used = uses(product);
    if let Some(stock) = used
        .iter()
        .find(|used| used.key == key)
        .and_then(|used| used.stock.number())
    {
        return Some(Derived {
            key,
            label: offer::label(&picks),
            level: Level::Known(stock),
            bottleneck: None,
        });
    }
    let mut limits: Vec<(i64, Bottleneck)> = chosen.iter().filter_map(|choice| choice.left.clone()).collect();
    for capacity in resolved {
        if capacity.key.pairs().len() > 1
            && capacity.key.is_part_of(&key)
            && let Some(in_use) = in_use_of(product, &capacity.key)
        {
            limits.push((
                capacity.rule.capacity.saturating_sub(in_use),
                Bottleneck::Capacity(capacity.rule.origin.as_str().into()),
            ));
        }
    }
    if limits.is_empty() {
        return None;
    }
    Some(smallest(key, offer::label(&picks), level, limits))
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

fn smallest(key: CombinationKey, label: String, level: Level, limits: Vec<(i64, Bottleneck)>) -> Derived {
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
fn keys_of(rule: &CapacityRule, options: &Options) -> Vec<CombinationKey> {
    let no = Name::new(offer::NO);
    let mut sets: Vec<Vec<(i64, i64)>> = vec![Vec::new()];
    for (option_pattern, choice_pattern) in &rule.options {
        let mut pairs = Vec::new();
        for option in options
            .iter()
            .filter(|o| option_pattern.matches(Some(o.id), Some(o.name)))
        {
            let named = |c: &ChoiceView<'_>| choice_pattern.matches(Some(c.id), Some(c.name));
            pairs.extend(option.choices().filter(named).map(|c| (option.id, c.id)));
            if option.kind == OptionKind::YesNo && choice_pattern.matches(Some(0), Some(&no)) {
                pairs.push((option.id, 0));
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
