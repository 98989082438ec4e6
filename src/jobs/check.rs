//! One check of one shop: look, decide, record everything in one transaction.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

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
use crate::domain::catalogue::ProductId;
use crate::domain::pool::Board;
use crate::jobs::shop;
use crate::jobs::shop::Known;
use crate::jobs::shop::Shelf;
use crate::jobs::shop::Shop;
use crate::jobs::shop::Telling;
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
        let known = self.shop.memory(&self.store, &self.rules).await?;
        let ids = if can_take_part(&known) { ids } else { &[] };
        let observed_at = self.shop.observation_time(now).await;
        let look = self.client.look_at(ids, observed_at, self.details_budget, cancel);
        let Some(look) = look.await else {
            return Ok(None);
        };
        let mut guard = self.shop.hold().await;
        let before = shop::load(&mut guard, &self.shop, &self.store, &self.rules).await?;
        // Never held over the network, and after the shop.
        let mut shelf = match &self.pools {
            Some(pools) => Some(pools.hold(&self.store, &self.rules, now).await?),
            None => None,
        };
        let pools = shelf.as_ref().and_then(|guard| guard.as_ref());
        let decision = self.decide(&before, pools.map(|known| &known.pools), &look);
        let queued = self.telling.queue(&decision.messages)?;
        // Until the commit is known to have succeeded, nothing is remembered.
        *guard = None;
        let pools = decision.pools.as_ref().map(|pools| Known {
            pools: pools.next.clone(),
            board: Arc::clone(&pools.board),
        });
        if let Some(shelf) = shelf.as_deref_mut().filter(|_| pools.is_some()) {
            *shelf = None;
        }
        self.record(&look, &decision, &queued).await?;
        let headlines = queued
            .into_iter()
            .map(|message| (message.channel, message.headline))
            .collect();
        let checked = Checked::new(look, decision, headlines);
        *guard = Some(Arc::clone(&checked.memory));
        if let Some(shelf) = shelf.as_deref_mut().filter(|_| pools.is_some()) {
            *shelf = pools;
        }
        Ok(Some(checked))
    }

    fn decide(&self, before: &Memory, pools: Option<&Pools>, look: &Look) -> Decision {
        let policy = Policy {
            instance: &self.shop.name,
            rules: &self.rules,
            capacities: &self.capacities,
            pools,
        };
        decided(policy, before, look)
    }

    async fn record(&self, look: &Look, decision: &Decision, queued: &[Queued]) -> Result<(), StoreError> {
        let mut tries = 1;
        loop {
            match self.record_once(look, decision, queued).await {
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
        }
        tx.enqueue(queued).await?;
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
    Checked::new(look, decision, headlines)
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
    fn new(look: Look, decision: Decision, headlines: Vec<(String, String)>) -> Self {
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
            level_changes: decision.level_changes,
            per_choice,
            headlines,
        }
    }
}
