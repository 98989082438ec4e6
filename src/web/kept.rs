//! What the overview is made of, kept while somebody looks: made once for all, and dropped when nobody has for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::domain::alerting::state::Memory;
use crate::domain::pool::Board;
use crate::observe::said::Said;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::store::trends::Marks;
use crate::web::brief::Brief;
use crate::web::index::Index;
use crate::web::trend;

/// Nobody looked for so long: what they look at is dropped.
const UNUSED: Duration = Duration::from_secs(60);
/// Series whose past is kept; beyond that all of it is read anew.
const MOST: usize = 2000;

/// What is kept.
#[derive(Debug)]
pub struct Kept {
    index: Mutex<Option<Held>>,
    past: Mutex<Past>,
    /// What people said.
    pub said: Brief<Arc<Said>>,
    /// How many deliveries were given up.
    pub dead: Brief<u64>,
    unused: Duration,
}

impl Default for Kept {
    fn default() -> Self {
        Self::unused_for(UNUSED)
    }
}

#[derive(Debug)]
struct Held {
    of: Made,
    index: Arc<Index>,
    asked: Instant,
}

/// A level at the end of each slot.
type SlotLevels = Arc<[Option<i64>]>;

/// Levels at the ends of slots that are over: they change no more.
#[derive(Debug, Default)]
struct Past {
    /// The slot that goes on.
    present: i64,
    marks: HashMap<Arc<str>, Marks>,
    levels: HashMap<(Arc<str>, u32), SlotLevels>,
}

impl Kept {
    /// Nothing yet; what comes is dropped when nobody asked for it so long.
    #[must_use]
    pub fn unused_for(unused: Duration) -> Self {
        Self {
            index: Mutex::default(),
            past: Mutex::default(),
            said: Brief::default(),
            dead: Brief::default(),
            unused,
        }
    }

    /// The index of that moment.
    pub async fn index(self: &Arc<Self>, seen: &Seen) -> Arc<Index> {
        let mut slot = self.index.lock().await;
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
            tokio::spawn(forget(Arc::downgrade(self), asked + self.unused));
        }
        index
    }

    /// How the series of a shop stood in the slots before the present one, in their order.
    pub async fn past(
        &self,
        reader: &Reader,
        shop: &Arc<str>,
        series: &[u32],
        present: i64,
    ) -> Result<Vec<Arc<[Option<i64>]>>, StoreError> {
        let mut past = self.past.lock().await;
        if past.present != present || past.levels.len() > MOST {
            *past = Past {
                present,
                ..Past::default()
            };
        }
        let is_missing = |number: &u32| !past.levels.contains_key(&(Arc::clone(shop), *number));
        let missing: Vec<u32> = series.iter().copied().filter(is_missing).collect();
        if !missing.is_empty() {
            past.read(reader, shop, &missing).await?;
        }
        let levels = series.iter().map(|number| {
            let known = past.levels.get(&(Arc::clone(shop), *number));
            known.map_or_else(|| Arc::from([]), Arc::clone)
        });
        Ok(levels.collect())
    }

    /// Whether nothing is kept.
    pub async fn is_empty(&self) -> bool {
        self.index.lock().await.is_none()
    }
}

impl Past {
    async fn read(&mut self, reader: &Reader, shop: &Arc<str>, series: &[u32]) -> Result<(), StoreError> {
        if !self.marks.contains_key(shop) {
            let Some(instance) = reader.instance(shop).await? else {
                return Ok(());
            };
            let marks = reader.marks(instance, trend::past(self.present)).await?;
            self.marks.insert(Arc::clone(shop), marks);
        }
        let Some(marks) = self.marks.get(shop) else {
            return Ok(());
        };
        for (number, mut levels) in reader.levels_at(marks, series).await? {
            for (slot, level) in levels.iter_mut().enumerate() {
                *level = level.filter(|_| marks.is_read(slot));
            }
            self.levels.insert((Arc::clone(shop), number), levels.into());
        }
        Ok(())
    }
}

/// What an index was made of; it does not hold that.
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
async fn forget(kept: Weak<Kept>, mut next: Instant) {
    loop {
        sleep_until(next).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut slot = kept.index.lock().await;
        match slot.as_ref().map(|held| held.asked + kept.unused) {
            Some(until) if until > Instant::now() => next = until,
            Some(_) | None => {
                *slot = None;
                *kept.past.lock().await = Past::default();
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_index_is_made_once_a_moment() {
        let kept = Arc::new(Kept::default());
        let mut seen = Seen::default();
        let index = kept.index(&seen).await;
        assert!(Arc::ptr_eq(&index, &kept.index(&seen.clone()).await));
        seen.pools = Arc::default();
        assert!(!Arc::ptr_eq(&index, &kept.index(&seen).await));
    }

    #[tokio::test]
    async fn what_nobody_looks_at_is_dropped_each_time() {
        let kept = Arc::new(Kept::unused_for(Duration::from_millis(20)));
        for _ in 0..2 {
            let index = Arc::downgrade(&kept.index(&Seen::default()).await);
            let dropped = async {
                while !kept.is_empty().await {
                    tokio::task::yield_now().await;
                }
            };
            let waited = tokio::time::timeout(Duration::from_secs(20), dropped).await;
            assert!(waited.is_ok() && index.upgrade().is_none());
        }
    }
}
