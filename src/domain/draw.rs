//! Who draws on pools: the uses that a product and its choices match, what their services take, and what that leaves.

use std::sync::Arc;

use crate::domain::catalogue::ChoiceId;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::OptionId;
use crate::domain::catalogue::OptionKind;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::options::OptionView;
use crate::domain::offer;
use crate::domain::pool::Bottleneck;
use crate::domain::pool::PoolRule;
use crate::domain::pool::PoolUse;
use crate::domain::pool::PoolUser;

/// That a product, or a choice of it, draws on a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// The pool's place in [`crate::domain::capacity::Capacities::pools`].
    pub pool: usize,
    /// The choice; `None` for the whole product.
    pub pair: Option<(OptionId, ChoiceId)>,
    /// How many one order takes: the sum over the pool's uses that it matches, each once.
    pub need: i64,
    /// Services that hold it; `None` where nobody counted them.
    pub in_use: Option<i64>,
    /// `RAM: 64 GB`; `None` for the whole product.
    pub label: Option<Arc<str>>,
    /// A customer can take it, and its level is not sent from elsewhere.
    pub offered: bool,
}

/// The uses of all pools that concern one shop.
#[derive(Debug, Clone, Default)]
pub struct Uses<'a> {
    uses: Vec<(usize, &'a PoolUse)>,
}

impl<'a> Uses<'a> {
    /// Those of the shop of that name.
    #[must_use]
    pub fn of(pools: &'a [PoolRule], instance: &str) -> Self {
        let all = pools.iter().enumerate();
        let uses = all.flat_map(|(pool, rule)| rule.uses.iter().map(move |used| (pool, used)));
        Self {
            // A use that takes nothing, or gives, is none.
            uses: uses
                .filter(|(_, used)| used.concerns(instance) && used.need > 0)
                .collect(),
        }
    }

    /// Whether no pool concerns the shop.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty()
    }

    /// What the product and its choices draw on; ascending by pool, the whole product before its choices.
    #[must_use]
    pub fn draws(&self, product: &Product) -> Vec<Draw> {
        let mut found: Vec<Draw> = Vec::new();
        for (pool, used) in &self.uses {
            match &used.what {
                PoolUser::Product(pattern) => {
                    if pattern.matches(Some(product.id()), Some(&product.listing.name)) {
                        add(&mut found, whole(*pool, product), used.need);
                    }
                }
                PoolUser::Choice { option, choice } => {
                    for offered in product.options().iter() {
                        if option.matches(Some(offered.id), Some(offered.name)) {
                            let named = choices(*pool, product, offered);
                            for draw in named.filter(|(name, id, _)| choice.matches(Some(*id), Some(name))) {
                                add(&mut found, draw.2, used.need);
                            }
                        }
                    }
                }
            }
        }
        found.sort_by_key(|draw| (draw.pool, draw.pair));
        found
    }

    /// The pools that a product of that number and name may draw on, where nothing else is known of it.
    pub fn possible(&self, id: i64, name: &Name) -> impl Iterator<Item = usize> {
        let may = move |used: &PoolUse| match &used.what {
            PoolUser::Product(pattern) => pattern.matches(Some(id), Some(name)),
            PoolUser::Choice { .. } => true,
        };
        self.uses
            .iter()
            .filter(move |(_, used)| may(used))
            .map(|(pool, _)| *pool)
    }

    /// The uses of one pool.
    pub fn of_pool(&self, pool: usize) -> impl Iterator<Item = &'a PoolUse> {
        self.uses
            .iter()
            .filter(move |(of, _)| *of == pool)
            .map(|(_, used)| *used)
    }
}

/// One use more of the pool by the same user makes its orders take more.
fn add(found: &mut Vec<Draw>, draw: Draw, need: i64) {
    let same = |known: &&mut Draw| known.pool == draw.pool && known.pair == draw.pair;
    match found.iter_mut().find(same) {
        Some(known) => known.need = known.need.saturating_add(need),
        None => found.push(Draw { need, ..draw }),
    }
}

fn whole(pool: usize, product: &Product) -> Draw {
    Draw {
        pool,
        pair: None,
        need: 0,
        in_use: counted(product.details.as_ref().and_then(|details| details.in_use)),
        label: None,
        offered: true,
    }
}

/// The choices of an option by name and number, hidden ones too; "no" of a yes/no option is one.
fn choices<'a>(
    pool: usize,
    product: &'a Product,
    option: OptionView<'a>,
) -> impl Iterator<Item = (Name, ChoiceId, Draw)> {
    let yes_no = option.kind == OptionKind::YesNo;
    let on_offer = |id: ChoiceId| {
        // Of a yes/no option the first choice means "yes"; others cannot be ordered.
        let mut visible = option.choices().filter(|choice| !choice.hidden);
        !option.hidden
            && if yes_no {
                visible.next().is_some_and(|first| id == 0 || first.id == id)
            } else {
                visible.any(|choice| choice.id == id)
            }
    };
    let draw = move |id, name: &Name, in_use, offered| Draw {
        pool,
        pair: Some((option.id, id)),
        need: 0,
        in_use: counted(in_use),
        label: Some(format!("{}: {name}", option.name).into()),
        offered,
    };
    let mut found: Vec<(Name, ChoiceId, Draw)> = option
        .choices()
        .map(|choice| {
            let offered = on_offer(choice.id) && choice.stock.number().is_none();
            let drawn = draw(choice.id, choice.name, choice.in_use, offered);
            (choice.name.clone(), choice.id, drawn)
        })
        .collect();
    if yes_no {
        let no = Name::new(offer::NO);
        let in_use = product.in_use_of(&CombinationKey::new(vec![(option.id, 0)]));
        let drawn = draw(0, &no, in_use, on_offer(0));
        found.push((no, 0, drawn));
    }
    found.into_iter()
}

/// A count below 0 is none.
fn counted(in_use: Option<i64>) -> Option<i64> {
    in_use.filter(|services| *services >= 0)
}

impl Draw {
    /// What its services together take of the pool; `None` where nobody counted them.
    #[must_use]
    pub fn taken(&self) -> Option<i64> {
        self.in_use.map(|services| services.saturating_mul(self.need))
    }
}

/// What the pools leave for orders of a product, or of something of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    /// How many more orders each limit allows, and what the limit is.
    pub known: Vec<(i64, Bottleneck)>,
    /// Pools that limit as well, but nobody can tell to what.
    pub unknown: Vec<Bottleneck>,
}

impl Limits {
    /// Whether nothing limits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_empty()
    }

    /// The tightest of those that are known.
    #[must_use]
    pub fn tightest(&self) -> Option<&(i64, Bottleneck)> {
        self.known.iter().min_by_key(|(left, _)| *left)
    }

    /// Adds what is left of a pool for orders that each take `need` of it.
    pub fn add_pool(&mut self, rule: &PoolRule, left: Level, need: i64) {
        let pool = Bottleneck::Pool(rule.name.as_str().into());
        match left {
            // Needs are positive.
            Level::Known(n) => self.known.push((n.div_euclid(need.max(1)), pool)),
            Level::Unknown | Level::NotControlled => self.unknown.push(pool),
        }
    }
}

/// What is left of each pool, and what a product draws on them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pooled<'a> {
    pub rules: &'a [PoolRule],
    /// By the pool's place among the rules; `Unknown` where there is none.
    pub left: &'a [Level],
    pub draws: &'a [Draw],
}

impl<'a> Pooled<'a> {
    /// What the pools leave for orders that take all of these; each pool must suffice for the sum of what it gives.
    #[must_use]
    pub fn limits(&self, draws: &[&Draw]) -> Limits {
        let mut needs: Vec<(usize, i64)> = Vec::new();
        for draw in draws {
            match needs.iter_mut().find(|(pool, _)| *pool == draw.pool) {
                Some((_, need)) => *need = need.saturating_add(draw.need),
                None => needs.push((draw.pool, draw.need)),
            }
        }
        let mut limits = Limits::default();
        for (pool, need) in needs {
            if let Some(rule) = self.rules.get(pool) {
                let left = self.left.get(pool).copied().unwrap_or(Level::Unknown);
                limits.add_pool(rule, left, need);
            }
        }
        limits
    }

    /// What the whole product draws on.
    pub fn whole(&self) -> impl Iterator<Item = &'a Draw> {
        self.draws.iter().filter(|draw| draw.pair.is_none())
    }

    /// What the choice draws on by itself.
    pub fn of(&self, pair: (OptionId, ChoiceId)) -> impl Iterator<Item = &'a Draw> {
        self.draws.iter().filter(move |draw| draw.pair == Some(pair))
    }

    /// What limits orders that take all of these choices, beside what limits the product itself: the product's own
    /// need counts where a choice draws on the same pool.
    #[must_use]
    pub fn limits_of(&self, choices: &[&'a Draw]) -> Limits {
        let mut draws = choices.to_vec();
        let same = |whole: &&Draw| choices.iter().any(|draw| draw.pool == whole.pool);
        draws.extend(self.whole().filter(same));
        self.limits(&draws)
    }

    /// The pools of the whole product that nobody can tell.
    pub fn unknown_of_whole(&self) -> Vec<Bottleneck> {
        let whole: Vec<&Draw> = self.whole().collect();
        self.limits(&whole).unknown
    }
}

/// The level of a whole product: the smallest of what WHMCS itself says (`own`) and what its pools leave. `before` is
/// what limited it when its level was last known, and that level.
///
/// A pool that is unknown can only limit further. It leaves the figure of WHMCS as it is, unless that pool was what
/// limited the product: then a higher figure would be a recovery that nobody saw, and the level is unknown. While one
/// of them is `awaited`, having never been read, the level is unknown as well: the figure of WHMCS alone would fall at
/// its first reading, although nothing happened.
#[must_use]
pub fn limited(
    own: Level,
    limits: &Limits,
    before: Option<(&Bottleneck, i64)>,
    awaited: bool,
) -> (Level, Option<Bottleneck>) {
    let tightest = limits.tightest();
    let by_pool = tightest.filter(|(left, _)| own.known().is_none_or(|n| *left < n));
    let least = match (by_pool, own.known()) {
        (Some((left, pool)), _) => Some((*left, Some(pool.clone()))),
        (None, n) => n.map(|n| (n, None)),
    };
    let Some(unknown) = limits.unknown.first() else {
        return least.map_or((own, None), |(n, pool)| (Level::Known(n), pool));
    };
    let frozen = |n: i64| before.is_some_and(|(pool, last)| limits.unknown.contains(pool) && n > last);
    match least {
        Some((n, pool)) if n <= 0 || (own.known().is_some() && !awaited && !frozen(n)) => {
            (Level::Known(n), pool)
        }
        Some(_) | None => (Level::Unknown, Some(unknown.clone())),
    }
}
