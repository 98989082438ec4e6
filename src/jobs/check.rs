//! One check of one shop: look, decide, record everything in one transaction.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::alerting::counted::counted;
use crate::domain::alerting::decide::Seen;
use crate::domain::alerting::decide::can_take_part;
use crate::domain::alerting::decide::decide;
use crate::domain::alerting::decision::Change;
use crate::domain::alerting::decision::Decision;
use crate::domain::alerting::decision::Outcome;
use crate::domain::alerting::lost::Lost;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::product::Policy;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::capacity::Capacities;
use crate::domain::catalogue::Companion;
use crate::domain::catalogue::ProductId;
use crate::domain::catalogue::Snapshot;
use crate::domain::forecast::Forecasts;
use crate::domain::people::People;
use crate::domain::pool::Board;
use crate::jobs::firsts::First;
use crate::jobs::shop;
use crate::jobs::shop::Known;
use crate::jobs::shop::Looking;
use crate::jobs::shop::Shelf;
use crate::jobs::shop::Shop;
use crate::jobs::shop::Telling;
use crate::maintenance::Window;
use crate::notify::subject::subject;
use crate::store::db::Store;
use crate::store::error::ErrorKind;
use crate::store::error::StoreError;
use crate::store::outbox::Queued;
use crate::store::save::PollRecord;
use crate::whmcs::client::Client;
use crate::whmcs::client::Look;

/// Tries to record a check while the database is busy.
const RECORD_TRIES: u32 = 3;

/// Everything a check of one shop needs.
#[derive(Debug, Clone)]
pub struct Check {
    pub shop: Arc<Shop>,
    pub client: Arc<Client>,
    pub store: Store,
    pub rules: Arc<Rules>,
    pub capacities: Arc<Capacities>,
    /// The pools of all shops; `None` where there are none.
    pub pools: Option<Arc<Shelf>>,
    /// In which nothing of what they match is told.
    pub windows: Arc<[Window]>,
    pub telling: Arc<Telling>,
    /// How long a look may spend on asking a foreign GetProductDetails product by product.
    pub details_budget: Duration,
}

/// How a check ended.
#[derive(Debug)]
pub struct Checked {
    pub look: Look,
    pub outcome: Outcome,
    /// Particulars of a failure or doubt; "" where none.
    pub detail: String,
    pub memory: Arc<Memory>,
    /// What is remembered of the pools, and how they stand; `None` where they were not evaluated.
    pub pools: Option<(Pools, Arc<Board>)>,
    /// The pools that stand otherwise than before, by their places among the rules.
    pub moved: Vec<usize>,
    pub level_changes: usize,
    /// What is missed in a pool from this look on, with the pool's name.
    pub lost: Vec<(Arc<str>, Lost)>,
    /// Products that are followed per choice from now on: they have more combinations than the limit.
    pub per_choice: Vec<String>,
    /// Channel and subject of each message that was queued.
    pub headlines: Vec<(String, String)>,
}

impl Check {
    /// Looks at WHMCS once and records what that led to; `None` where it was cancelled before anything was seen.
    pub async fn run(
        &self,
        now: Timestamp,
        cancel: &CancellationToken,
    ) -> Result<Option<Checked>, StoreError> {
        self.run_part(&[], now, cancel).await
    }

    /// The same for these products only, ascending by id; for all where none is named, or where nothing is known yet
    /// that a part could be judged by.
    pub async fn run_part(
        &self,
        ids: &[ProductId],
        now: Timestamp,
        cancel: &CancellationToken,
    ) -> Result<Option<Checked>, StoreError> {
        let Some((looking, look)) = self.begin(ids, now, cancel).await? else {
            return Ok(None);
        };
        if self.count(&look).await? && !self.wait_for_others(&look, cancel).await? {
            return Ok(None);
        }
        let mut guard = self.shop.hold().await;
        self.settle(&mut guard, look, Some(looking), (now, false)).await
    }

    /// Looks at everything and records nothing yet; `None` where it was cancelled before anything was seen.
    pub async fn look(&self, now: Timestamp, cancel: &CancellationToken) -> Result<Option<Look>, StoreError> {
        let begun = self.begin(&[], now, cancel).await?;
        Ok(begun.map(|(_, look)| look))
    }

    /// Has other shops decide by what a first look counted, before that is recorded. Whether it counted anything.
    pub async fn count(&self, look: &Look) -> Result<bool, StoreError> {
        let Some(shelf) = self.pools.as_ref().filter(|_| !look.part) else {
            return Ok(false);
        };
        let Some(place) = shelf.awaited(&self.shop.name) else {
            return Ok(false);
        };
        let before = self.shop.memory(&self.store, &self.rules).await?;
        let snapshot = look.result.as_ref().ok();
        let guard = shelf.hold(&self.store, &self.rules, look.observed_at).await?;
        // Who took of the pools before is followed.
        let (people, forecasts) = (People::default(), Forecasts::default());
        let policy = self.policy(guard.as_ref().map(|known| &known.pools), &people, &forecasts);
        let parts = snapshot.and_then(|snapshot| counted(policy, &before, snapshot));
        drop(guard);
        let is_counted = parts.is_some();
        let first = parts.map_or(First::Missed, |parts| {
            First::Counted(look.observed_at, parts.into_iter().map(Arc::new).collect())
        });
        shelf.first(place, first);
        Ok(is_counted)
    }

    /// Decides what a look means, and records that.
    pub async fn conclude(&self, look: Look) -> Result<Option<Checked>, StoreError> {
        let mut guard = self.shop.hold().await;
        let now = look.observed_at;
        self.settle(&mut guard, look, None, (now, false)).await
    }

    /// Derives anew what was last seen, as the pools stand now, without asking WHMCS. `None` where nothing changed, and
    /// where nothing can be derived: the shop was not read since the start, fails, or is being looked at.
    pub async fn refresh(&self, now: Timestamp) -> Result<Option<Checked>, StoreError> {
        let mut guard = self.shop.hold().await;
        let before = shop::load(&mut guard, &self.shop, &self.store, &self.rules).await?;
        if !can_take_part(&before) {
            return Ok(None);
        }
        let Some(observed_at) = self.shop.between_looks(now) else {
            return Ok(None);
        };
        let look = Look {
            observed_at,
            duration: Duration::ZERO,
            attempts: Vec::new(),
            requests: Vec::new(),
            part: true,
            result: Ok(Snapshot {
                observed_at,
                products: Vec::new(),
                companion: Companion::Absent,
            }),
        };
        self.settle(&mut guard, look, None, (now, true)).await
    }

    async fn begin(
        &self,
        ids: &[ProductId],
        now: Timestamp,
        cancel: &CancellationToken,
    ) -> Result<Option<(Looking<'_>, Look)>, StoreError> {
        let known = self.shop.memory(&self.store, &self.rules).await?;
        let ids = if can_take_part(&known) { ids } else { &[] };
        let looking = self.shop.begin_look(now);
        let look = self
            .client
            .look_at(ids, looking.observed_at, self.details_budget, cancel);
        // Worked out beside the first look, which takes longer than that.
        let (look, forecasts) = tokio::join!(look, self.shop.forecasts(&self.store, now));
        forecasts?;
        Ok(look.map(|look| (looking, look)))
    }

    async fn wait_for_others(&self, look: &Look, cancel: &CancellationToken) -> Result<bool, StoreError> {
        let Some(shelf) = &self.pools else {
            return Ok(true);
        };
        let from = (&self.store, &*self.rules);
        shelf
            .wait_for_others(&self.shop.name, from, look.observed_at, cancel)
            .await
    }

    /// Decides what a look means and records that `now`; `None` where it does so `quietly` and nothing changed.
    async fn settle(
        &self,
        guard: &mut Option<Arc<Memory>>,
        look: Look,
        looking: Option<Looking<'_>>,
        (now, quietly): (Timestamp, bool),
    ) -> Result<Option<Checked>, StoreError> {
        let before = shop::load(guard, &self.shop, &self.store, &self.rules).await?;
        // Never held over the network, and after the shop.
        let mut shelf = match &self.pools {
            Some(pools) => Some(pools.hold(&self.store, &self.rules, look.observed_at).await?),
            None => None,
        };
        // Whoever moves a pool from here on has to refresh this shop.
        drop(looking);
        let known = shelf.as_ref().and_then(|guard| guard.as_ref());
        let beside = known.and_then(|known| self.pools.as_ref()?.beside(&self.shop.name, known));
        let pools = beside.as_ref().or_else(|| known.map(|known| &known.pools));
        // Read anew each time: people speak beside the daemon.
        let id = Some(self.shop.id);
        let people = shop::people(self.store.reader(), id, &self.windows, look.observed_at).await?;
        let forecasts = self.shop.forecasts(&self.store, look.observed_at).await?;
        let decision = decided(self.policy(pools, &people, &forecasts), &before, &look);
        let queued = self.telling.queue(&decision.messages)?;
        let next = decision.pools.as_ref().zip(known);
        let next = next.map(|(pools, known)| known.after(pools, &self.shop.name));
        let moved = self.moved(known, next.as_ref());
        if quietly && decision.changes_nothing() {
            *guard = Some(Arc::new(decision.next));
            return Ok(None);
        }
        // Until the commit is known to have succeeded, nothing is remembered.
        *guard = None;
        if let Some(shelf) = shelf.as_deref_mut().filter(|_| next.is_some()) {
            *shelf = None;
        }
        self.record(&look, &decision, &queued, now).await?;
        let headlines = queued
            .into_iter()
            .map(|message| (message.channel, message.headline))
            .collect();
        let checked = Checked::new(look, decision, headlines, moved);
        *guard = Some(Arc::clone(&checked.memory));
        if let Some(shelf) = shelf.as_deref_mut().filter(|_| next.is_some()) {
            *shelf = next;
        }
        self.note_recorded(&checked);
        Ok(Some(checked))
    }

    /// The pools that stand otherwise after this, by their places among the rules.
    fn moved(&self, before: Option<&Known>, after: Option<&Known>) -> Vec<usize> {
        match (&self.pools, before, after) {
            (Some(shelf), Some(before), Some(after)) => shelf.moved(before, after),
            (Some(_) | None, Some(_) | None, _) => Vec::new(),
        }
    }

    fn note_recorded(&self, checked: &Checked) {
        if let Some(shelf) = &self.pools
            && !checked.look.part
            && checked.outcome == Outcome::Accepted
        {
            shelf.recorded(&self.shop.name);
        }
    }

    fn policy<'a>(
        &'a self,
        pools: Option<&'a Pools>,
        people: &'a People,
        forecasts: &'a Forecasts,
    ) -> Policy<'a> {
        Policy {
            instance: &self.shop.name,
            rules: &self.rules,
            capacities: &self.capacities,
            pools,
            people,
            forecasts,
        }
    }

    async fn record(
        &self,
        look: &Look,
        decision: &Decision,
        queued: &[Queued],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tries = 1;
        loop {
            match self.record_once(look, decision, queued, now).await {
                Err(error) if error.kind() == ErrorKind::Transient && tries < RECORD_TRIES => tries += 1,
                other => return other,
            }
        }
    }

    async fn record_once(
        &self,
        look: &Look,
        decision: &Decision,
        queued: &[Queued],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let record = PollRecord {
            observed_at: look.observed_at,
            duration: look.duration,
            outcome: decision.outcome,
            part: look.part,
            detail: decision.detail.clone(),
            products: look.result.as_ref().ok().map(|snapshot| snapshot.products.len()),
            changes: decision.level_changes,
            attempts: look.attempts.clone(),
        };
        let mut tx = self.store.begin_write().await?;
        let poll = tx.poll(self.shop.id, &record).await?;
        tx.save(self.shop.id, poll, decision).await?;
        if let (Some(shelf), Some(pools)) = (&self.pools, &decision.pools) {
            tx.save_pools(shelf.id, self.shop.id, poll, pools).await?;
            tx.save_acks(&pools.acks, look.observed_at).await?;
        }
        tx.save_acks(&decision.acks, look.observed_at).await?;
        // Looks are never told out of order, so that after the clock was set back they bear the time of before; what
        // they lead to is due all the same.
        tx.enqueue_at(queued, now).await?;
        tx.commit().await
    }
}

/// What a look leads to, recording and sending nothing: what a check would find and say.
#[must_use]
pub fn dry(policy: Policy<'_>, memory: &Memory, look: Look) -> Checked {
    let decision = decided(policy, memory, &look);
    let headlines = decision
        .messages
        .iter()
        .map(|message| (message.channel.clone(), subject(message, false)))
        .collect();
    Checked::new(look, decision, headlines, Vec::new())
}

fn decided(policy: Policy<'_>, before: &Memory, look: &Look) -> Decision {
    let seen = match &look.result {
        Ok(snapshot) if look.part => Seen::Part(snapshot),
        Ok(snapshot) => Seen::Catalogue(snapshot),
        Err(failure) => Seen::Failed(failure),
    };
    decide(policy, before, seen, look.observed_at, &mut Uuid::new_v4)
}

impl Checked {
    fn new(look: Look, decision: Decision, headlines: Vec<(String, String)>, moved: Vec<usize>) -> Self {
        let newly = |change: &&Change| {
            change.after.per_choice && !change.before.as_ref().is_some_and(|before| before.per_choice)
        };
        let per_choice = decision
            .changes
            .iter()
            .filter(newly)
            .map(|change| change.after.name.shown().to_owned())
            .collect();
        Self {
            look,
            outcome: decision.outcome,
            detail: decision.detail,
            memory: Arc::new(decision.next),
            lost: decision
                .pools
                .as_ref()
                .map_or_else(Vec::new, |pools| pools.lost.clone()),
            pools: decision.pools.map(|pools| (pools.next, pools.board)),
            moved,
            level_changes: decision.level_changes,
            per_choice,
            headlines,
        }
    }
}
