//! One round of upkeep: daily figures are worked out, what is older than its time is taken away, and room is given back.

use std::time::Duration;
use std::time::Instant;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::domain::retention::LEAST_CHANGES;
use crate::domain::retention::Retention;
use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::prune_told::Walk;
use crate::store::upkeep::Room;

/// Free pages given back in one transaction.
const PAGES: u64 = 500;
/// Fewer free pages are left for what comes next.
const FREE_PAGES: u64 = 256;
/// Free pages are left where they are less than that part of the file.
const FREE_PART: u64 = 5;
/// The longest pause after a slice.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The upkeep of the database.
#[derive(Debug, Clone)]
pub struct Keep {
    pub store: Store,
    pub retention: Retention,
}

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Daily figures that were worked out.
    pub days: u64,
    /// Rows that were taken away.
    pub removed: usize,
    /// Single levels went before their time, so that the database fits; it begins then.
    pub early: Option<Timestamp>,
    /// It still holds so many bytes more than it may.
    pub over: u64,
    /// Pages that were given back to the disk.
    pub given_back: u64,
}

/// Why a round ended before its end.
enum Cut {
    Told,
    Failed(StoreError),
}

impl From<StoreError> for Cut {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Keep {
    /// Does what is to be done, a slice at a time; between slices as much time passes as the slice took, so that polls go
    /// first. `None` where it was told to stop; the next round goes on.
    pub async fn run(&self, now: Timestamp, cancel: &CancellationToken) -> Result<Option<Kept>, StoreError> {
        match self.round(now, cancel).await {
            Ok(kept) => Ok(Some(kept)),
            Err(Cut::Told) => Ok(None),
            Err(Cut::Failed(error)) => Err(error),
        }
    }

    async fn round(&self, now: Timestamp, cancel: &CancellationToken) -> Result<Kept, Cut> {
        let mut kept = Kept {
            days: self.store.work_out_days(now).await?,
            ..Kept::default()
        };
        if let Some(seen) = self.store.reader().last_seen(now).await? {
            if let Some(before) = before(seen, self.retention.messages) {
                kept.removed += self.messages(before, cancel).await?;
            }
            if let Some(before) = before(seen, self.retention.events) {
                kept.removed += self.events(before, cancel).await?;
            }
            if let Some(before) = before(seen, self.retention.changes) {
                kept.removed += self.levels(before, cancel).await?;
            }
            self.fit(seen, &mut kept, cancel).await?;
        }
        kept.given_back = self.give_back(cancel).await?;
        self.store.note_upkeep(now).await?;
        Ok(kept)
    }

    async fn levels(&self, before: Timestamp, cancel: &CancellationToken) -> Result<usize, Cut> {
        let Some(mut pruning) = self.store.begin_pruning(before).await? else {
            return Ok(0);
        };
        let mut removed = 0;
        loop {
            let begun = Instant::now();
            match pruning.slice(&self.store).await? {
                Some(taken) => removed += taken,
                None => return Ok(removed),
            }
            pause(begun, cancel).await?;
        }
    }

    async fn events(&self, before: Timestamp, cancel: &CancellationToken) -> Result<usize, Cut> {
        let (mut removed, mut walk) = (0, Walk::default());
        let mut begun = Instant::now();
        while let Some(taken) = self.store.prune_events(before, &mut walk).await? {
            removed += taken;
            pause(begun, cancel).await?;
            begun = Instant::now();
        }
        self.store.prune_marks(before).await?;
        Ok(removed)
    }

    async fn messages(&self, before: Timestamp, cancel: &CancellationToken) -> Result<usize, Cut> {
        let (mut removed, mut walk) = (0, Walk::default());
        let mut begun = Instant::now();
        while let Some(taken) = self.store.prune_deliveries(before, &mut walk).await? {
            removed += taken;
            pause(begun, cancel).await?;
            begun = Instant::now();
        }
        let mut walk = Walk::default();
        while let Some(taken) = self.store.prune_messages(before, &mut walk).await? {
            removed += taken;
            pause(begun, cancel).await?;
            begun = Instant::now();
        }
        Ok(removed)
    }

    /// Where the database holds more than it may, the oldest day of single levels goes, then the next; what sell rates and
    /// reports need stays.
    async fn fit(&self, now: Timestamp, kept: &mut Kept, cancel: &CancellationToken) -> Result<(), Cut> {
        let Some(most) = self.retention.size else {
            return Ok(());
        };
        let least = before(now, Some(LEAST_CHANGES));
        loop {
            let used = self.store.reader().room().await?.used();
            kept.over = used.saturating_sub(most);
            if kept.over == 0 {
                return Ok(());
            }
            let begins = self.store.reader().begins().await?;
            let next = begins.and_then(|begins| begins.checked_add(DAY).ok());
            let Some(next) = next.filter(|next| least.is_some_and(|least| *next <= least)) else {
                return Ok(());
            };
            kept.removed += self.levels(next, cancel).await?;
            if self.store.reader().begins().await? == begins {
                return Ok(());
            }
            kept.early = Some(next);
        }
    }

    /// Free pages go back to the disk where they are many.
    async fn give_back(&self, cancel: &CancellationToken) -> Result<u64, Cut> {
        let mut given = 0;
        loop {
            let room = self.store.reader().room().await?;
            let left = FREE_PAGES.max(room.pages / FREE_PART / 4);
            let many = room.free > FREE_PAGES.max(room.pages / FREE_PART);
            if !room.gives_back || room.free <= left || (given == 0 && !many) {
                return Ok(given);
            }
            let begun = Instant::now();
            let pages = PAGES.min(room.free - left);
            self.store.give_back(pages).await?;
            let now: Room = self.store.reader().room().await?;
            if now.free >= room.free {
                return Ok(given);
            }
            given += pages;
            pause(begun, cancel).await?;
        }
    }
}

/// That long before `now`.
fn before(now: Timestamp, kept: Option<Duration>) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::try_from(kept?).ok()?).ok()
}

/// As long as what was done since `begun`, so that the database is others' half of the time.
async fn pause(begun: Instant, cancel: &CancellationToken) -> Result<(), Cut> {
    if cancel.is_cancelled() {
        return Err(Cut::Told);
    }
    tokio::select! {
        () = cancel.cancelled() => Err(Cut::Told),
        () = tokio::time::sleep(begun.elapsed().min(LONGEST_PAUSE)) => Ok(()),
    }
}
