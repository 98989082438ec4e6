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
use crate::domain::draw::Draw;
use crate::domain::draw::Limits;
use crate::domain::draw::Pooled;
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
    /// What it draws on pools.
    pub pooled: Pooled<'a>,
}

/// A choice on offer, and what is left of it with what that comes from.
struct Counted<'a> {
    pick: Pick<'a>,
    left: Option<(i64, Bottleneck)>,
    /// What it draws on pools; nothing where its stock was sent.
    draws: Vec<&'a Draw>,
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
    let deriving = Deriving {
        product,
        level,
        resolved: resolve(product, capacities, owner),
        pooled: owner.pooled,
        blind: match level {
            Level::Unknown => owner.pooled.unknown_of_whole(),
            Level::Known(_) | Level::NotControlled => Vec::new(),
        },
    };
    let offer = Offer::of(product, owner.combine, owner.limit);
    let combining: Vec<Vec<Counted<'_>>> = offer
        .combining
        .into_iter()
        .map(|picks| deriving.counted(picks))
        .collect();
    let mut single = deriving.counted(offer.counted);
    let mut found = Vec::new();
    if offer.per_choice {
        single.extend(combining.into_iter().flatten());
    } else if deriving.has_figures(&combining) {
        let ways = offer::every_way(&combining);
        found.extend(ways.filter_map(|chosen| deriving.combination(&chosen)));
    }
    found.extend(single.iter().filter_map(|choice| deriving.single(choice)));
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found.dedup_by(|a, b| a.key == b.key);
    Derivation {
        combinations: found,
        per_choice: offer.per_choice,
    }
}

/// What the levels of one product's combinations are derived from.
struct Deriving<'a> {
    product: &'a Product,
    level: Level,
    resolved: Vec<Resolved<'a>>,
    pooled: Pooled<'a>,
    /// The pools for which nobody can tell what the product itself has left.
    blind: Vec<Bottleneck>,
}

impl<'a> Deriving<'a> {
    fn counted<'p>(&self, picks: Vec<Pick<'p>>) -> Vec<Counted<'p>>
    where
        'a: 'p,
    {
        let counted = |pick: Pick<'p>| {
            let sent = pick.choice.is_some_and(|choice| choice.stock.number().is_some());
            Counted {
                pick,
                left: self.left_of(pick),
                draws: if sent {
                    Vec::new()
                } else {
                    self.pooled.of(pick.pair()).collect()
                },
            }
        };
        picks.into_iter().map(counted).collect()
    }

    /// What is left of a choice by itself, pools aside: its stock, or its declared capacity less what is in use.
    fn left_of(&self, pick: Pick<'_>) -> Option<(i64, Bottleneck)> {
        let stock = pick.choice.and_then(|choice| choice.stock.number());
        if let Some(stock) = stock {
            return Some((stock, Bottleneck::Choice(pick.label().into())));
        }
        let key = CombinationKey::new(vec![pick.pair()]);
        let declared = self.resolved.iter().find(|capacity| capacity.key == key)?;
        let in_use = match pick.choice {
            Some(choice) => choice.in_use?,
            // Nobody counts "no" by itself.
            None => self.product.in_use_of(&key)?,
        };
        Some((
            declared.rule.capacity.saturating_sub(in_use),
            Bottleneck::Choice(pick.label().into()),
        ))
    }

    fn has_figures(&self, combining: &[Vec<Counted<'_>>]) -> bool {
        let own = |choice: &Counted<'_>| choice.left.is_some() || !choice.draws.is_empty();
        combining.iter().flatten().any(own)
            || self
                .resolved
                .iter()
                .any(|capacity| capacity.key.pairs().len() > 1)
            || uses(self.product)
                .iter()
                .any(|used| used.stock.number().is_some())
    }

    fn single(&self, choice: &Counted<'_>) -> Option<Derived> {
        let pools = self.pooled.limits_of(&choice.draws);
        let limits = Limits {
            known: choice.left.clone().into_iter().chain(pools.known).collect(),
            unknown: pools.unknown,
        };
        let key = CombinationKey::new(vec![choice.pick.pair()]);
        self.smallest(key, choice.pick.label(), limits)
    }

    fn combination(&self, chosen: &[&Counted<'a>]) -> Option<Derived> {
        let picks: Vec<&Pick<'_>> = chosen.iter().map(|choice| &choice.pick).collect();
        let key = offer::key(&picks);
        let sent = uses(self.product).iter().find(|used| used.key == key);
        if let Some(stock) = sent.and_then(|used| used.stock.number()) {
            return Some(Derived {
                key,
                label: offer::label(&picks),
                level: Level::Known(stock),
                bottleneck: None,
            });
        }
        let draws: Vec<&Draw> = chosen.iter().flat_map(|choice| choice.draws.clone()).collect();
        let pools = self.pooled.limits_of(&draws);
        let mut limits = Limits {
            known: chosen.iter().filter_map(|choice| choice.left.clone()).collect(),
            unknown: pools.unknown,
        };
        for capacity in &self.resolved {
            if capacity.key.pairs().len() > 1
                && capacity.key.is_part_of(&key)
                && let Some(in_use) = self.product.in_use_of(&capacity.key)
            {
                limits.known.push((
                    capacity.rule.capacity.saturating_sub(in_use),
                    Bottleneck::Capacity(capacity.rule.origin.as_str().into()),
                ));
            }
        }
        limits.known.extend(pools.known);
        self.smallest(key, offer::label(&picks), limits)
    }

    /// The smallest of the product's level and the limits; `None` where there is no limit. While a pool is unknown
    /// nobody can tell the smallest, unless another limit is used up already.
    fn smallest(&self, key: CombinationKey, label: String, mut limits: Limits) -> Option<Derived> {
        if limits.is_empty() {
            return None;
        }
        limits.unknown.extend(self.blind.iter().cloned());
        let own = self.level.known();
        let tightest = limits
            .tightest()
            .filter(|(left, _)| own.is_none_or(|n| *left < n));
        let least = tightest.map(|(left, _)| *left).or(own);
        let (level, bottleneck) = match (least, limits.unknown.first()) {
            (Some(1..) | None, Some(pool)) => (Level::Unknown, Some(pool.clone())),
            (Some(n), _) => (Level::Known(n), tightest.map(|(_, limiter)| limiter.clone())),
            (None, None) => (self.level, None),
        };
        Some(Derived {
            key,
            label,
            level,
            bottleneck,
        })
    }
}

/// The combinations in use. Older details count too: they are at most `DETAILS_INTERVAL` old, and nothing else counts.
fn uses(product: &Product) -> &[CombinationUse] {
    match &product.details {
        Some(details) => &details.combinations,
        None => &[],
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
