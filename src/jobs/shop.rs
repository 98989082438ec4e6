//! What the jobs share: a shop with what is remembered of it, and how messages are put into words.

use std::sync::Arc;
use std::sync::Mutex as BriefMutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::Mutex;
use tokio::sync::MutexGuard;
use tokio_util::sync::CancellationToken;

use crate::domain::alerting::decision::PoolsDecision;
use crate::domain::alerting::pools;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::pools::ShopParts;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::capacity::Capacities;
use crate::domain::forecast::Forecasts;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::domain::message::Reason;
use crate::domain::people::People;
use crate::domain::people::Quiet;
use crate::domain::pool::Board;
use crate::jobs::firsts::First;
use crate::jobs::firsts::Firsts;
use crate::maintenance;
use crate::maintenance::Window;
use crate::notify::channel::Channel;
use crate::scheduler::Schedule;
use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::outbox::Queued;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;

/// How often it is worked out anew how fast series sell.
const FORECAST_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// One shop and what is remembered of it. The memory mirrors what is committed: it is replaced after a commit only,
/// and read again after a failed one.
#[derive(Debug)]
pub struct Shop {
    pub name: String,
    pub id: InstanceId,
    memory: Mutex<Option<Arc<Memory>>>,
    forecasts: BriefMutex<Forecasts>,
    observed: BriefMutex<Observed>,
}

/// When a shop was observed: its observations never go back in time.
#[derive(Debug)]
struct Observed {
    last: Timestamp,
    /// Looks that were not decided yet.
    under_way: usize,
}

/// A look that is under way, until what it means is decided.
#[derive(Debug)]
pub(super) struct Looking<'a> {
    shop: &'a Shop,
    /// The time to give the observation: never before the last one, in whole milliseconds.
    pub observed_at: Timestamp,
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.shop.observed(|observed| observed.under_way -= 1);
    }
}

/// The pools of all shops and what is remembered of them, which mirrors what is committed as a shop's memory does.
/// Whoever holds a shop may take it; never the other way round.
#[derive(Debug)]
pub struct Shelf {
    pub id: InstanceId,
    capacities: Arc<Capacities>,
    shops: Vec<Sharing>,
    known: Mutex<Option<Known>>,
    firsts: Firsts,
}

/// A shop whose services may draw on pools.
#[derive(Debug, Clone)]
pub struct Sharing {
    pub name: Arc<str>,
    /// `None` where it was never polled.
    pub id: Option<InstanceId>,
    pub schedule: Schedule,
}

/// What is remembered of the pools, and how they stand.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub pools: Pools,
    pub board: Arc<Board>,
}

/// What messages need beside their content: the channels by name, the zone their times are told in.
#[derive(Debug)]
pub struct Telling {
    pub channels: Vec<Channel>,
    /// The quiet hours of those that have some, by name.
    pub quiet: Vec<(String, Quiet)>,
    pub zone: TimeZone,
    /// The page's address, where people can reach it.
    pub page_url: Option<String>,
}

impl Shop {
    /// A shop whose memory is read at its first use.
    #[must_use]
    pub fn new(name: &str, id: InstanceId) -> Self {
        Self {
            name: name.to_owned(),
            id,
            memory: Mutex::new(None),
            forecasts: BriefMutex::default(),
            observed: BriefMutex::new(Observed {
                last: Timestamp::UNIX_EPOCH,
                under_way: 0,
            }),
        }
    }

    /// What is remembered, read from the store where it is not at hand.
    pub async fn memory(&self, store: &Store, rules: &Rules) -> Result<Arc<Memory>, StoreError> {
        let mut guard = self.memory.lock().await;
        load(&mut guard, self, store, rules).await
    }

    /// Holds the memory for a change that is committed before it is released.
    pub(super) async fn hold(&self) -> MutexGuard<'_, Option<Arc<Memory>>> {
        self.memory.lock().await
    }

    /// How fast the shop's series sell, as last worked out; at the first use that is done now.
    pub async fn forecasts(&self, store: &Store, now: Timestamp) -> Result<Forecasts, StoreError> {
        let known = self.known_forecasts();
        if known.at.is_some() {
            return Ok(known);
        }
        self.renew_forecasts(store, now).await?;
        Ok(self.known_forecasts())
    }

    /// Works that out anew, where it was last done an hour ago or more.
    pub async fn renew_forecasts(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let known = self.known_forecasts().at;
        if known.is_some_and(|at| now.duration_since(at) < FORECAST_EVERY) {
            return Ok(());
        }
        let fresh = store.reader().forecasts(self.id, now).await?;
        *self.forecasts.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn known_forecasts(&self) -> Forecasts {
        let known = self.forecasts.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// Begins a look at `now`.
    pub(super) fn begin_look(&self, now: Timestamp) -> Looking<'_> {
        let observed_at = self.observed(|observed| {
            observed.under_way += 1;
            observed.at(now)
        });
        Looking {
            shop: self,
            observed_at,
        }
    }

    /// The time to give to what is derived anew at `now` from what was seen before; `None` while a look is under way,
    /// which takes everything into account once it is decided.
    pub(super) fn between_looks(&self, now: Timestamp) -> Option<Timestamp> {
        self.observed(|observed| (observed.under_way == 0).then(|| observed.at(now)))
    }

    fn observed<T>(&self, change: impl FnOnce(&mut Observed) -> T) -> T {
        change(&mut self.observed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows what is remembered as last committed (else `known`); nothing is committed before `show` returns.
    pub async fn show(&self, known: &Arc<Memory>, show: impl FnOnce(Arc<Memory>)) {
        let guard = self.memory.lock().await;
        show(Arc::clone(guard.as_ref().unwrap_or(known)));
    }
}

impl Observed {
    fn at(&mut self, now: Timestamp) -> Timestamp {
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        self.last = now.max(self.last);
        self.last
    }
}

impl Sharing {
    /// The shop as it is before it was ever read.
    #[must_use]
    pub fn unread(&self, now: Timestamp) -> ShopParts {
        ShopParts::new(&self.name, self.stale_after(now))
    }

    /// Its counts are relied on for three of its intervals.
    fn stale_after(&self, now: Timestamp) -> Duration {
        self.schedule.typical_interval(now).saturating_mul(3)
    }
}

impl Known {
    /// What to remember after a decision about that shop. What the others counted stays as they recorded it.
    pub(super) fn after(&self, decision: &PoolsDecision, shop: &str) -> Self {
        let mut pools = decision.next.clone();
        let others = pools.shops.iter_mut().zip(&self.pools.shops);
        for (next, recorded) in others.filter(|(next, _)| *next.instance != *shop) {
            next.clone_from(recorded);
        }
        Self {
            pools,
            board: Arc::clone(&decision.board),
        }
    }
}

impl Shelf {
    /// The pools of these shops; what is remembered of them is read at the first use.
    #[must_use]
    pub fn new(id: InstanceId, capacities: Arc<Capacities>, shops: Vec<Sharing>) -> Self {
        Self {
            id,
            capacities,
            firsts: Firsts::new(shops.len()),
            shops,
            known: Mutex::new(None),
        }
    }

    /// Has each shop's first decision wait so long, at the most, for the first looks of those without whose counts a
    /// pool cannot be told. Without this it waits for none.
    #[must_use]
    pub fn waiting(mut self, patience: Duration) -> Self {
        self.firsts.wait_at_most(patience);
        self
    }

    /// Nobody is to wait for the shop of that name: it is not looked at.
    pub fn miss(&self, shop: &str) {
        if let Some(place) = self.place(shop) {
            self.firsts.set(place, First::Missed);
        }
    }

    fn place(&self, shop: &str) -> Option<usize> {
        self.shops.iter().position(|known| &*known.name == shop)
    }

    /// The shop's place, where none of its looks was recorded yet.
    pub(super) fn awaited(&self, shop: &str) -> Option<usize> {
        self.place(shop).filter(|place| !self.firsts.is_over(*place))
    }

    /// Says how far the shop at that place is with its first look.
    pub(super) fn first(&self, place: usize, first: First) {
        self.firsts.set(place, first);
    }

    /// Waits for the first looks of the shops without whose counts a pool of this one cannot be told; not for ever.
    /// Whether it was not cancelled.
    pub(super) async fn wait_for_others(
        &self,
        shop: &str,
        (store, rules): (&Store, &Rules),
        now: Timestamp,
        cancel: &CancellationToken,
    ) -> Result<bool, StoreError> {
        let guard = self.hold(store, rules, now).await?;
        let unread = |known: &Known| known.pools.unread_beside(shop, &self.capacities, now);
        let others = guard.as_ref().map(unread).unwrap_or_default();
        // Never held while waiting.
        drop(guard);
        Ok(self.firsts.wait_for(&others, cancel).await)
    }

    /// The pools as the shop is to be decided by: with what first looks of others counted that is not recorded yet.
    pub(super) fn beside(&self, shop: &str, known: &Known) -> Option<Pools> {
        self.firsts.beside(self.place(shop)?, &known.pools)
    }

    /// Notes that a look of the shop was recorded.
    pub(super) fn recorded(&self, shop: &str) {
        if let Some(place) = self.awaited(shop) {
            self.firsts.set(place, First::Recorded);
        }
    }

    /// The pools that stand otherwise than they did, by their places among the rules.
    pub(super) fn moved(&self, before: &Known, after: &Known) -> Vec<usize> {
        let rules = &self.capacities.pools;
        let stands = |known: &Known| pools::stands(&known.pools, rules, &known.board);
        let (before, after) = (stands(before), stands(after));
        let moved = |place: &usize| before.get(*place) != after.get(*place);
        (0..after.len()).filter(moved).collect()
    }

    /// Holds what is remembered for a change that is committed before it is released.
    pub(super) async fn hold(
        &self,
        store: &Store,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<MutexGuard<'_, Option<Known>>, StoreError> {
        let mut guard = self.known.lock().await;
        match &mut *guard {
            Some(known) => {
                for (shop, sharing) in known.pools.shops.iter_mut().zip(&self.shops) {
                    shop.stale_after = sharing.stale_after(now);
                }
                self.renew_forecasts(known, store.reader(), now).await?;
            }
            None => {
                let pools = read_pools(
                    store.reader(),
                    Some(self.id),
                    &self.shops,
                    rules,
                    &self.capacities,
                    now,
                )
                .await?;
                let board = Arc::new(pools.board(&self.capacities, now));
                *guard = Some(Known { pools, board });
            }
        }
        Ok(guard)
    }

    /// Works out anew how fast the pools empty, where that was last done an hour ago or more.
    async fn renew_forecasts(
        &self,
        known: &mut Known,
        reader: &Reader,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let last = known.pools.memory.forecasts.at;
        if last.is_some_and(|at| now.duration_since(at) < FORECAST_EVERY) {
            return Ok(());
        }
        known.pools.memory.forecasts = reader.pool_forecasts(self.id, now).await?;
        known.board = Arc::new(known.pools.board(&self.capacities, now));
        Ok(())
    }

    /// Shows how the pools stand, as last committed; nothing is committed before `show` returns.
    pub async fn show(
        &self,
        store: &Store,
        rules: &Rules,
        now: Timestamp,
        show: impl FnOnce(Arc<Board>),
    ) -> Result<(), StoreError> {
        let guard = self.hold(store, rules, now).await?;
        if let Some(known) = &*guard {
            show(Arc::clone(&known.board));
        }
        Ok(())
    }
}

/// What the database remembers of the pools (`id` is the instance of their series), and of these shops' part in them.
pub async fn read_pools(
    reader: &Reader,
    id: Option<InstanceId>,
    shops: &[Sharing],
    rules: &Rules,
    capacities: &Capacities,
    now: Timestamp,
) -> Result<Pools, StoreError> {
    let mut pools = Pools::default();
    if let Some(id) = id {
        pools.memory = reader.memory(id, &rules.global()).await?;
        pools.memory.forecasts = reader.pool_forecasts(id, now).await?;
    }
    for shop in shops {
        let stale_after = shop.stale_after(now);
        pools.shops.push(match shop.id {
            Some(id) => reader.pool_parts(id, &shop.name, stale_after).await?,
            None => shop.unread(now),
        });
    }
    if !capacities.pools.is_empty() {
        pools.departed = departed(reader, shops).await?;
    }
    pools.attach(rules, capacities);
    Ok(pools)
}

/// What shops took of pools that are no longer among these.
async fn departed(reader: &Reader, shops: &[Sharing]) -> Result<Vec<ShopParts>, StoreError> {
    let mut departed = Vec::new();
    for known in reader.instances().await? {
        if !shops.iter().any(|shop| *shop.name == *known.name) {
            let name = Arc::from(known.name.as_str());
            departed.push(reader.pool_parts(known.id, &name, Duration::MAX).await?);
        }
    }
    departed.retain(|shop| !shop.parts.is_empty());
    Ok(departed)
}

/// What people said that holds for the shop at `now`, and the windows that are in force then.
pub async fn people(
    reader: &Reader,
    shop: Option<InstanceId>,
    windows: &[Window],
    now: Timestamp,
) -> Result<People, StoreError> {
    let people = reader.people(shop, now).await?;
    Ok(people.with_mutes(maintenance::mutes(windows, now)))
}

/// The memory in the guard, read from the store where it is not there.
pub(super) async fn load(
    guard: &mut Option<Arc<Memory>>,
    shop: &Shop,
    store: &Store,
    rules: &Rules,
) -> Result<Arc<Memory>, StoreError> {
    if let Some(memory) = guard {
        return Ok(Arc::clone(memory));
    }
    let mut memory = store.reader().memory(shop.id, &rules.global()).await?;
    rules.attach(&shop.name, &mut memory);
    memory.forecasts = shop.known_forecasts();
    let accepted = memory.source.last_accepted_at.unwrap_or(Timestamp::UNIX_EPOCH);
    shop.observed(|observed| observed.last = observed.last.max(accepted));
    let memory = Arc::new(memory);
    *guard = Some(Arc::clone(&memory));
    Ok(memory)
}

impl Telling {
    /// Until when the message waits for the quiet hours of its channel. What they leave of alerts to be told is decided
    /// already, save what was taken back.
    fn not_before(&self, message: &Message) -> Option<Timestamp> {
        let waits = match &message.body {
            Body::Alerts { alerts, .. } => alerts.iter().all(|alert| alert.reason == Reason::Withdrawn),
            Body::Baseline { .. }
            | Body::Products { .. }
            | Body::SourceDown { .. }
            | Body::SourceUp { .. }
            | Body::SourceDegraded { .. }
            | Body::SourceRestored { .. }
            | Body::Report(_)
            | Body::ReportOverdue { .. } => true,
            Body::Ping => false,
        };
        let quiet = self.quiet.iter().find(|(name, _)| *name == message.channel);
        quiet.filter(|_| waits)?.1.until(message.at)
    }

    /// The messages with their text frozen in the channel's form, one delivery for each recipient.
    pub fn queue(&self, messages: &[Message]) -> Result<Vec<Queued>, StoreError> {
        self.queue_in(messages, &self.zone)
    }

    /// The same with times told in that zone.
    pub fn queue_in(&self, messages: &[Message], zone: &TimeZone) -> Result<Vec<Queued>, StoreError> {
        let mut queued = Vec::with_capacity(messages.len());
        for message in messages {
            let Some(channel) = self
                .channels
                .iter()
                .find(|channel| channel.name() == message.channel)
            else {
                continue;
            };
            let content = channel.render(message, zone, self.page_url.as_deref());
            let content = serde_json::to_string(&content)
                .map_err(|error| StoreError::BadData(format!("a message that JSON cannot hold: {error}")))?;
            queued.push(Queued {
                id: message.id,
                channel: message.channel.clone(),
                kind: message.body.kind().to_owned(),
                instance: message.instance.clone(),
                recorded_at: message.at,
                not_before: self.not_before(message),
                headline: channel.headline(message),
                content,
                medium: channel.medium(),
                recipients: channel.recipients(),
            });
        }
        Ok(queued)
    }
}
