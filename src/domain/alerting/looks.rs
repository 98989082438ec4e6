//! Each product of a look beside what is remembered of it: its rules, its level, and what it draws on pools.

use std::sync::Arc;

use crate::domain::alerting::judge::MISSING_POLLS;
use crate::domain::alerting::lost::There;
use crate::domain::alerting::pools::Drawer;
use crate::domain::alerting::product;
use crate::domain::alerting::product::Policy;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::Subject;
use crate::domain::alerting::state::Drawn;
use crate::domain::alerting::state::EverRead;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Stand;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::walk::Look;
use crate::domain::capacity;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::ProductId;
use crate::domain::catalogue::Snapshot;
use crate::domain::draw;
use crate::domain::draw::Draw;
use crate::domain::draw::Pooled;
use crate::domain::draw::Uses;
use crate::domain::pool::Bottleneck;
use crate::domain::taking;

/// Each product of the catalogue with its rules and its level; what did not change is taken from the memory.
pub(super) fn looks<'a>(
    policy: Policy<'_>,
    uses: &Uses<'_>,
    before: &'a Memory,
    snapshot: &'a Snapshot,
) -> Vec<Look<'a>> {
    let mut remembered = before.products.iter().peekable();
    let mut found = Vec::with_capacity(snapshot.products.len());
    for product in &snapshot.products {
        while remembered.next_if(|tracked| tracked.id < product.id()).is_some() {}
        let tracked = remembered.next_if(|tracked| tracked.id == product.id());
        found.push(look(policy, uses, tracked, product));
    }
    found
}

pub(super) fn look<'a>(
    policy: Policy<'_>,
    uses: &Uses<'_>,
    tracked: Option<&'a Arc<Tracked>>,
    product: &'a Arc<Product>,
) -> Look<'a> {
    if let Some(known) = tracked {
        let same = known.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, product));
        if same && known.epoch == policy.rules.epoch {
            let own = known.own_level();
            let level = capacity::ProductLevel {
                level: own,
                controlled: known.controlled,
                ambiguous_zero: known.ambiguous_zero,
            };
            return Look {
                product,
                tracked,
                level,
                own,
                drawn: known.drawn.clone(),
                bottleneck: known.bottleneck.clone(),
                effective: Arc::clone(&known.effective),
                newly_read: Vec::new(),
                unchanged: true,
            };
        }
    }
    afresh(policy, uses, tracked, product)
}

/// As [`look`], whatever was remembered of the same bytes.
pub(super) fn afresh<'a>(
    policy: Policy<'_>,
    uses: &Uses<'_>,
    tracked: Option<&'a Arc<Tracked>>,
    product: &'a Arc<Product>,
) -> Look<'a> {
    let group = product::last_group(product, tracked.map(|known| &**known));
    let effective = policy.rules.effective(&Subject {
        instance: policy.instance,
        group_id: product
            .group_id()
            .or_else(|| tracked.and_then(|known| known.group_id)),
        group: group.as_ref(),
        product_id: product.id(),
        product: &product.listing.name,
        pairs: None,
    });
    let seen_other = tracked.is_some_and(|known| known.series.seen_other_than_zero);
    let declared = effective.declared_control();
    let mut level = capacity::product_level(product, declared, seen_other);
    let was_not_controlled = tracked.is_some_and(|known| known.controlled == Some(false));
    if was_not_controlled && level.controlled.or(declared).is_none() {
        // Nobody says any more whether the figure counts, and last it did not.
        level.level = Level::Unknown;
    }
    Look {
        product,
        tracked,
        level,
        own: level.level,
        drawn: drawn(uses, product, level.level, &effective),
        bottleneck: None,
        effective,
        newly_read: Vec::new(),
        unchanged: false,
    }
}

fn drawn(uses: &Uses<'_>, product: &Product, own: Level, effective: &Effective) -> Option<Arc<Drawn>> {
    if uses.is_empty() {
        return None;
    }
    let draws = uses.draws(product);
    if draws.is_empty() {
        return None;
    }
    let takers = taking::takers(product, &draws, &effective.combine, effective.max_combinations);
    Some(Arc::new(Drawn {
        draws: draws.into(),
        takers: takers.into(),
        unseen: Vec::new(),
        own,
        under: Vec::new(),
    }))
}

/// All products whose services count after the look: those that were seen, and those that are missing but not gone.
/// `counted_polls` is how many looks in a row it stands for, 0 where it shows some products only.
pub(super) fn drawers<'a>(
    uses: &'a Uses<'a>,
    epoch: u64,
    before: &'a Memory,
    looks: &'a [Look<'_>],
    counted_polls: u32,
) -> Vec<(Arc<Drawn>, &'a Tracked)> {
    let mut found = Vec::new();
    if uses.is_empty() {
        return found;
    }
    let mut seen = looks.iter().peekable();
    for tracked in before.products.iter().filter(|tracked| !tracked.gone) {
        while seen.next_if(|look| look.product.id() < tracked.id).is_some() {}
        let shown = seen.peek().is_some_and(|look| look.product.id() == tracked.id);
        let leaves = counted_polls > 0 && tracked.missing.saturating_add(counted_polls) >= MISSING_POLLS;
        if shown || leaves {
            continue;
        }
        let drawn = if tracked.epoch == epoch {
            tracked.drawn.clone()
        } else {
            product::drawn_unseen(tracked, uses)
        };
        found.extend(drawn.map(|drawn| (drawn, &**tracked)));
    }
    found
}

/// How the product of that id is found after these looks, which stand for `counted_polls` looks at all products.
pub(super) fn there<'a>(
    epoch: u64,
    before: &'a Memory,
    looks: &'a [Look<'_>],
    counted_polls: u32,
    id: ProductId,
) -> There<'a> {
    if let Ok(at) = looks.binary_search_by_key(&id, |look| look.product.id()) {
        return There::Seen(looks[at].product);
    }
    let Some(tracked) = before.product(id).filter(|tracked| !tracked.gone) else {
        return There::Gone;
    };
    if counted_polls > 0 && tracked.missing.saturating_add(counted_polls) >= MISSING_POLLS {
        return There::Gone;
    }
    match &tracked.seen {
        Some(seen) if tracked.epoch == epoch => There::Seen(seen),
        Some(_) | None => There::Unseen,
    }
}

impl Look<'_> {
    /// The product as it draws on pools; `None` for nearly all.
    pub(super) fn drawer(&self) -> Option<Drawer<'_>> {
        let drawn = self.drawn.as_ref()?;
        let details = self.product.details.as_ref();
        let known = self.tracked.map(|tracked| (tracked.hidden, tracked.retired));
        let (was_hidden, was_retired) = known.unwrap_or_default();
        let hidden = details.and_then(|details| details.hidden).or(was_hidden);
        let retired = details.and_then(|details| details.retired).or(was_retired);
        Some(Drawer {
            id: self.product.id(),
            name: &self.product.listing.name,
            drawn,
            silent: retired == Some(true) || (hidden == Some(true) && self.effective.ignore_hidden),
        })
    }

    /// Takes into account how the pools stand: what they leave of the product's level. Nothing is done where they
    /// stand as they did when it was last derived.
    pub(super) fn under(&mut self, policy: Policy<'_>, uses: &Uses<'_>, stands: &[Stand], left: &[Level]) {
        let Some(known) = &self.drawn else { return };
        let under = standing(&known.draws, stands);
        if self.unchanged {
            if known.under == under {
                self.level.level = self.tracked.map_or(self.own, |tracked| tracked.series.level);
                return;
            }
            *self = afresh(policy, uses, self.tracked, self.product);
        }
        self.newly_read = self.newly_read(policy, &under);
        let Some(drawn) = &mut self.drawn else { return };
        Arc::make_mut(drawn).under = under;
        let of_whole: Vec<Stand> = drawn.of_whole().collect();
        let judged = self.tracked.map(|tracked| tracked.series.fingerprint);
        self.effective = self.effective.under(&of_whole, judged);
        let pooled = Pooled {
            rules: &policy.capacities.pools,
            left,
            draws: &drawn.draws,
        };
        let whole: Vec<&Draw> = pooled.whole().collect();
        if whole.is_empty() {
            return;
        }
        // What never had a figure can only have been named as the reason why nobody could tell.
        let ever = |name: &str| {
            let pool = policy.pools.and_then(|pools| pools.pool(name));
            pool.is_some_and(|pool| pool.series.last_level.is_some())
        };
        let last = self.tracked.and_then(|tracked| {
            let limit = tracked.bottleneck.as_ref()?;
            limit.pool().is_none_or(ever).then_some(())?;
            Some((limit, tracked.series.last_level?))
        });
        let awaited = whole.iter().any(|draw| {
            let stand = stands.get(draw.pool);
            stand.is_some_and(|stand| stand.read == EverRead::NotYet)
        });
        let (level, bottleneck) = draw::limited(self.own, &pooled.limits(&whole), last, awaited);
        self.level.ambiguous_zero &= level == Level::Unknown;
        self.level.level = level;
        self.bottleneck = bottleneck;
    }
}

impl Drawn {
    /// How the pools stand that the whole product draws on.
    pub(super) fn of_whole(&self) -> impl Iterator<Item = Stand> {
        self.where_drawn(|draw| draw.pair.is_none())
    }

    /// How the pools stand that the whole product or these choices draw on.
    pub(super) fn of_key(&self, key: &CombinationKey) -> impl Iterator<Item = Stand> {
        self.where_drawn(|draw| draw.pair.is_none_or(|pair| key.pairs().contains(&pair)))
    }

    fn where_drawn(&self, wanted: impl Fn(&Draw) -> bool) -> impl Iterator<Item = Stand> {
        let drawn = move |pool| self.draws.iter().any(|draw| draw.pool == pool && wanted(draw));
        let under = self.under.iter().filter(move |(pool, _)| drawn(*pool));
        under.map(|(_, stand)| *stand)
    }
}

impl Look<'_> {
    fn newly_read(&self, policy: Policy<'_>, under: &[(usize, Stand)]) -> Vec<Bottleneck> {
        let same = |tracked: &&Arc<Tracked>| tracked.epoch == policy.rules.epoch;
        let Some(last) = self
            .tracked
            .filter(same)
            .and_then(|tracked| tracked.drawn.as_ref())
        else {
            return Vec::new();
        };
        let before = |pool: usize| last.under.iter().find(|(of, _)| *of == pool);
        let newly = under.iter().filter(|(pool, stand)| {
            stand.read == EverRead::Yes && before(*pool).is_some_and(|(_, then)| then.read != EverRead::Yes)
        });
        newly
            .filter_map(|(pool, _)| policy.capacities.pools.get(*pool))
            .map(|rule| Bottleneck::Pool(rule.name.as_str().into()))
            .collect()
    }

    /// Whether the level is the first that can be told of something which had to wait for a pool to be read, or
    /// comes from a pool's first figure: nothing happened, it is a baseline that came late.
    pub(super) fn is_late(
        &self,
        series: &SeriesState,
        was: Option<&Bottleneck>,
        limit: Option<&Bottleneck>,
        level: Level,
    ) -> bool {
        let waited = series.level == Level::Unknown
            && series.last_level.is_none()
            && was.is_some_and(|limit| limit.pool().is_some());
        let first = |limit: Option<&Bottleneck>| limit.is_some_and(|pool| self.newly_read.contains(pool));
        level.known().is_some() && (waited || first(limit) || (series.level == Level::Unknown && first(was)))
    }
}

/// How the pools of these draws stand, each once, ascending.
fn standing(draws: &[Draw], stands: &[Stand]) -> Vec<(usize, Stand)> {
    let mut under: Vec<(usize, Stand)> = draws
        .iter()
        .filter_map(|draw| Some((draw.pool, *stands.get(draw.pool)?)))
        .collect();
    under.dedup();
    under
}

/// Whether every product that is there was seen under these rules, in these looks or before.
pub(super) fn all_seen(epoch: u64, before: &Memory, looks: &[Look<'_>]) -> bool {
    let shown = |id| looks.binary_search_by_key(&id, |look| look.product.id()).is_ok();
    let mut there = before.products.iter().filter(|tracked| !tracked.gone);
    there.all(|tracked| tracked.epoch == epoch || shown(tracked.id))
}

/// A product that was not looked at, as it was last seen, where a pool it draws on stands otherwise than then.
pub(super) fn again<'a>(
    policy: Policy<'_>,
    uses: &Uses<'_>,
    tracked: &'a Arc<Tracked>,
    stands: &[Stand],
) -> Option<Look<'a>> {
    let drawn = tracked.drawn.as_ref()?;
    let seen = tracked.seen.as_ref()?;
    let moved = standing(&drawn.draws, stands) != drawn.under;
    let current = !tracked.gone && tracked.epoch == policy.rules.epoch;
    (moved && current).then(|| look(policy, uses, Some(tracked), seen))
}
