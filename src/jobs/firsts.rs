//! The first looks of shops that share pools: what each counted, until that is recorded, for the others to decide by.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::domain::alerting::pools::Part;
use crate::domain::alerting::pools::Pools;

/// How far each shop is with its first look.
#[derive(Debug)]
pub(super) struct Firsts {
    shops: watch::Sender<Vec<First>>,
    /// How long a shop waits for the others, at the most.
    patience: Duration,
}

/// How far a shop is with its first look.
#[derive(Debug, Clone)]
pub(super) enum First {
    /// It did not end yet.
    Awaited,
    /// It failed, or there will be none: nobody waits for it.
    Missed,
    /// What it counted is not recorded yet.
    Counted(Timestamp, Vec<Arc<Part>>),
    Recorded,
}

impl Firsts {
    pub(super) fn new(shops: usize) -> Self {
        Self {
            shops: watch::Sender::new(vec![First::Awaited; shops]),
            patience: Duration::ZERO,
        }
    }

    pub(super) fn wait_at_most(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Says how far the shop at that place is.
    pub(super) fn set(&self, place: usize, first: First) {
        self.shops.send_modify(|shops| {
            if let Some(shop) = shops.get_mut(place) {
                *shop = first;
            }
        });
    }

    /// Whether a look of the shop at that place was recorded already.
    pub(super) fn is_over(&self, place: usize) -> bool {
        matches!(self.shops.borrow().get(place), Some(First::Recorded) | None)
    }

    /// Waits until the first looks of the shops at these places ended; not for ever. Whether it was not cancelled.
    pub(super) async fn wait_for(&self, places: &[usize], cancel: &CancellationToken) -> bool {
        let mut shops = self.shops.subscribe();
        let ended = |shops: &Vec<First>| {
            let awaited = |place: &usize| matches!(shops.get(*place), Some(First::Awaited));
            !places.iter().any(awaited)
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => false,
            _ = tokio::time::timeout(self.patience, shops.wait_for(ended)) => true,
        }
    }

    /// The pools with what first looks of other shops than the one at that place counted, where that is younger than
    /// what is recorded of them; `None` where nothing is.
    pub(super) fn beside(&self, place: usize, pools: &Pools) -> Option<Pools> {
        let shops = self.shops.borrow();
        let mut beside = None;
        for (other, first) in shops.iter().enumerate().filter(|(other, _)| *other != place) {
            let First::Counted(observed_at, parts) = first else {
                continue;
            };
            let Some(known) = pools.shops.get(other) else {
                continue;
            };
            if known.observed_at.is_none_or(|at| at < *observed_at) {
                let next: &mut Pools = beside.get_or_insert_with(|| pools.clone());
                next.put(&known.instance, *observed_at, parts.clone());
            }
        }
        beside
    }
}
