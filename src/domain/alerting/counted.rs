//! What a shop's services take of the pools, as a look shows it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::alerting::judge;
use crate::domain::alerting::looks;
use crate::domain::alerting::pools;
use crate::domain::alerting::pools::Drawer;
use crate::domain::alerting::pools::Part;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::product::Policy;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::walk::Look;
use crate::domain::catalogue::Snapshot;
use crate::domain::draw::Uses;

/// What a look at all products of a shop counts, for others that are decided before it; `None` where the look would
/// not be believed.
#[must_use]
pub fn counted(policy: Policy<'_>, before: &Memory, snapshot: &Snapshot) -> Option<Vec<Part>> {
    let uses = Uses::of(&policy.capacities.pools, policy.instance);
    let looks = looks::looks(policy, &uses, before, snapshot);
    let levels: Vec<_> = looks.iter().map(|look| (look.product.id(), look.own)).collect();
    let mut polls = 1;
    if judge::suspicion(before, &levels).is_some() {
        polls = judge::suspect_run(before.source.suspect, &levels).polls;
        if polls < judge::AGREEING_POLLS {
            return None;
        }
    }
    Some(parts(policy, &uses, before, &looks, polls))
}

/// What the products of a look take, and those that it does not show but that count. `polls` is how many looks in a
/// row it stands for, 0 where it shows some products only.
pub(super) fn parts(
    policy: Policy<'_>,
    uses: &Uses<'_>,
    before: &Memory,
    looks: &[Look<'_>],
    polls: u32,
) -> Vec<Part> {
    let others = looks::drawers(uses, policy.rules.epoch, before, looks, polls);
    let others = others.iter().map(|(drawn, tracked)| Drawer {
        id: tracked.id,
        name: &tracked.name,
        drawn,
        silent: tracked.is_silent(),
    });
    let drawers = looks.iter().filter_map(Look::drawer).chain(others);
    pools::parts(
        &policy.capacities.pools,
        uses,
        &Arc::from(policy.instance),
        policy.pools.and_then(|pools| pools.shop(policy.instance)),
        drawers,
        &|id| looks::there(policy.rules.epoch, before, looks, polls, id),
    )
}

impl Pools {
    /// Takes a look's counts for those of its shop.
    pub fn put(&mut self, instance: &str, observed_at: Timestamp, parts: Vec<Arc<Part>>) {
        let own = |shop: &&mut pools::ShopParts| *shop.instance == *instance;
        if let Some(shop) = self.shops.iter_mut().find(own) {
            shop.observed_at = Some(observed_at);
            shop.parts = parts;
        }
    }
}
