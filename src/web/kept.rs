//! The index of the present moment, kept while somebody looks: made once for all, and dropped when nobody has for a while.

use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::domain::alerting::state::Memory;
use crate::domain::pool::Board;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::index::Index;

/// Nobody looked for so long: what they look at is dropped.
const UNUSED: Duration = Duration::from_secs(60);

/// What is kept.
#[derive(Debug)]
pub struct Kept {
    held: Mutex<Option<Held>>,
    unused: Duration,
}

impl Default for Kept {
    fn default() -> Self {
        Self::for_as_long_as(UNUSED)
    }
}

#[derive(Debug)]
struct Held {
    of: Made,
    index: Arc<Index>,
    asked: Instant,
}

impl Kept {
    /// Drops what nobody asked for in that time.
    #[must_use]
    pub fn for_as_long_as(unused: Duration) -> Self {
        Self {
            held: Mutex::default(),
            unused,
        }
    }

    /// The index of that moment.
    pub async fn index(self: &Arc<Self>, seen: &Seen) -> Arc<Index> {
        let mut slot = self.held.lock().await;
        let asked = Instant::now();
        if let Some(held) = slot.as_mut().filter(|held| held.of.is(seen)) {
            held.asked = asked;
            return Arc::clone(&held.index);
        }
        let index = Arc::new(Index::new(seen));
        let held = Held {
            of: Made::of(seen),
            index: Arc::clone(&index),
            asked,
        };
        if slot.replace(held).is_none() {
            tokio::spawn(forget(Arc::downgrade(self), self.unused));
        }
        index
    }

    /// Whether anything is kept.
    pub async fn is_empty(&self) -> bool {
        self.held.lock().await.is_none()
    }
}

/// What an index was made of; that is not held by it.
#[derive(Debug)]
struct Made {
    shops: Vec<Weak<Memory>>,
    pools: Weak<Board>,
}

impl Made {
    fn of(seen: &Seen) -> Self {
        let shops = seen.instances.iter();
        Self {
            shops: shops.map(|shop| Arc::downgrade(&shop.memory)).collect(),
            pools: Arc::downgrade(&seen.pools),
        }
    }

    fn is(&self, seen: &Seen) -> bool {
        let same =
            |(known, shop): (&Weak<Memory>, &Instance)| Weak::as_ptr(known) == Arc::as_ptr(&shop.memory);
        Weak::as_ptr(&self.pools) == Arc::as_ptr(&seen.pools)
            && self.shops.len() == seen.instances.len()
            && self.shops.iter().zip(&seen.instances).all(same)
    }
}

/// Drops what is kept once nobody has asked for it for a while; ends then.
async fn forget(kept: Weak<Kept>, unused: Duration) {
    let mut next = Instant::now() + unused;
    loop {
        sleep_until(next).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut slot = kept.held.lock().await;
        match slot.as_ref() {
            Some(held) if held.asked + unused > Instant::now() => next = held.asked + unused,
            Some(_) | None => {
                *slot = None;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_index_is_made_once_a_moment_and_dropped_when_nobody_looks() {
        let kept = Arc::new(Kept::for_as_long_as(Duration::from_secs(600)));
        let mut seen = Seen::default();
        let index = kept.index(&seen).await;
        assert!(Arc::ptr_eq(&index, &kept.index(&seen).await));
        seen.pools = Arc::default();
        let other = kept.index(&seen).await;
        assert!(!Arc::ptr_eq(&index, &other));
        assert!(!kept.is_empty().await);
        let short = Arc::new(Kept::for_as_long_as(Duration::from_millis(20)));
        for _ in 0..2 {
            drop(short.index(&seen).await);
            while !short.is_empty().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}
