//! What one order takes of the pools: of a product, of a choice of it, or of choices taken together.

use std::sync::Arc;

use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Product;
use crate::domain::draw::Draw;
use crate::domain::offer;
use crate::domain::offer::Offer;
use crate::domain::offer::Pick;
use crate::domain::pattern::Pattern;

/// The most ways to take choices together that are gone through, for each product and pool.
const WAYS: usize = 256;

/// Something that can be ordered and that takes of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taker {
    /// The pool's place in [`crate::domain::capacity::Capacities::pools`].
    pub pool: usize,
    /// `RAM: 64 GB`, `Disk 1: NVMe, Disk 2: NVMe`; `None` for the whole product.
    pub label: Option<Arc<str>>,
    /// How many one order takes in all, the product's own need included.
    pub need: i64,
}

/// Everything of the product that is on offer and takes of a pool: the whole product, each choice, and choices that
/// take more together than by themselves: of several that take the same the first. `combine` and `limit` are as for
/// [`Offer::of`]; a product followed per choice is taken by its choices alone.
#[must_use]
pub fn takers(product: &Product, draws: &[Draw], combine: &[Pattern], limit: usize) -> Vec<Taker> {
    let single = draws.iter().filter(|draw| draw.offered).map(|draw| Taker {
        pool: draw.pool,
        label: draw.label.clone(),
        need: match draw.pair {
            Some(_) => draw.need.saturating_add(whole(draws, draw.pool)),
            None => draw.need,
        },
    });
    let mut found: Vec<Taker> = single.collect();
    let pools = together(draws);
    if !pools.is_empty() {
        let offer = Offer::of(product, combine, limit);
        if !offer.per_choice {
            for pool in pools {
                found.extend(sums(product, draws, pool, &offer));
            }
        }
    }
    found
}

/// How many of the pool one order takes of the product, or of the combination of that key; `None` where nobody knows
/// that it takes any.
#[must_use]
pub fn need(draws: &[Draw], pool: usize, key: Option<&CombinationKey>) -> Option<i64> {
    let takes = |draw: &&Draw| match draw.pair {
        Some(pair) => draw.offered && key.is_some_and(|key| key.pairs().contains(&pair)),
        None => true,
    };
    let drawn = draws.iter().filter(|draw| draw.pool == pool).filter(takes);
    drawn.map(|draw| draw.need).reduce(i64::saturating_add)
}

fn whole(draws: &[Draw], pool: usize) -> i64 {
    let own = draws.iter().find(|draw| draw.pool == pool && draw.pair.is_none());
    own.map_or(0, |draw| draw.need)
}

/// The pools on which choices of several options draw.
fn together(draws: &[Draw]) -> Vec<usize> {
    let mut pools: Vec<usize> = Vec::new();
    let mut first: Option<(usize, i64)> = None;
    // Ascending by pool, then by option.
    for draw in draws.iter().filter(|draw| draw.offered) {
        let Some((option, _)) = draw.pair else { continue };
        match first {
            Some((pool, other)) if pool == draw.pool => {
                if other != option && pools.last() != Some(&pool) {
                    pools.push(pool);
                }
            }
            Some(_) | None => first = Some((draw.pool, option)),
        }
    }
    pools
}

fn sums(product: &Product, draws: &[Draw], pool: usize, offer: &Offer<'_>) -> Vec<Taker> {
    let need = |pick: &Pick<'_>| {
        let same = |draw: &&Draw| draw.pool == pool && draw.offered && draw.pair == Some(pick.pair());
        draws.iter().find(same).map_or(0, |draw| draw.need)
    };
    let options = offer.combining.iter();
    let options = options.map(|picks| picks.iter().map(|pick| (*pick, need(pick))).collect::<Vec<_>>());
    let drawing: Vec<Vec<(Pick<'_>, i64)>> = options
        .filter(|picks| picks.iter().any(|(_, need)| *need > 0))
        .collect();
    let mut found: Vec<Taker> = Vec::new();
    for way in offer::every_way(&drawing).take(WAYS) {
        let taking = way.iter().filter(|(_, need)| *need > 0);
        let picks: Vec<&Pick<'_>> = taking.clone().map(|(pick, _)| pick).collect();
        let sum = taking
            .map(|(_, need)| *need)
            .fold(whole(draws, pool), i64::saturating_add);
        if picks.len() > 1 && !found.iter().any(|taker| taker.need == sum) && !is_sent(product, &picks) {
            found.push(Taker {
                pool,
                label: Some(offer::label(&picks).into()),
                need: sum,
            });
        }
    }
    found
}

/// Whether the stock of exactly these choices is sent from elsewhere: no pool limits them then.
fn is_sent(product: &Product, picks: &[&Pick<'_>]) -> bool {
    let key = offer::key(picks);
    let details = product.details.iter();
    let mut sent = details.flat_map(|details| details.combinations.iter());
    sent.any(|used| used.key == key && used.stock.number().is_some())
}
