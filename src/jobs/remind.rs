//! One round of reminders: what is still open, said again, once a day a channel or as often as a rule says.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::domain::alerting::remind;
use crate::domain::alerting::remind::Reminders;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::capacity::Capacities;
use crate::jobs::shop;
use crate::jobs::shop::Shelf;
use crate::jobs::shop::Shop;
use crate::jobs::shop::Telling;
use crate::maintenance::Window;
use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::outbox::Queued;

/// Everything reminding needs.
#[derive(Debug)]
pub struct Remind {
    pub shops: Vec<Arc<Shop>>,
    pub store: Store,
    pub rules: Arc<Rules>,
    pub capacities: Arc<Capacities>,
    /// The pools of all shops; `None` where there are none.
    pub pools: Option<Arc<Shelf>>,
    /// In which nothing of what they match is told.
    pub windows: Arc<[Window]>,
    pub telling: Arc<Telling>,
    pub at: Time,
    pub zone: TimeZone,
    /// The last day each channel is known to have had its reminder, by channel.
    done: Mutex<HashMap<String, Date>>,
}

/// What a round led to.
#[derive(Debug, Default)]
pub struct Reminded {
    /// Channel and headline of each message.
    pub headlines: Vec<(String, String)>,
    /// Shops whose memory changed, by name.
    pub memories: Vec<(String, Arc<Memory>)>,
}

impl Remind {
    /// Reminders at `at` of each day in `zone`.
    #[must_use]
    pub fn new(
        shops: Vec<Arc<Shop>>,
        store: Store,
        rules: Arc<Rules>,
        (capacities, pools): (Arc<Capacities>, Option<Arc<Shelf>>),
        telling: Arc<Telling>,
        at: Time,
        zone: TimeZone,
    ) -> Self {
        Self {
            shops,
            store,
            rules,
            capacities,
            pools,
            windows: Arc::from([]),
            telling,
            at,
            zone,
            done: Mutex::default(),
        }
    }

    /// With maintenance windows; without this there are none.
    #[must_use]
    pub fn with_windows(mut self, windows: &Arc<[Window]>) -> Self {
        self.windows = Arc::clone(windows);
        self
    }

    /// Says again what is due at `now`.
    pub async fn run(&self, now: Timestamp) -> Result<Reminded, StoreError> {
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let due = self.due(now).await?;
        let slots: Vec<Option<Timestamp>> = due.iter().map(|due| due.map(|(_, slot)| slot)).collect();
        let mut guards = Vec::with_capacity(self.shops.len());
        for shop in &self.shops {
            let mut guard = shop.hold().await;
            let memory = shop::load(&mut guard, shop, &self.store, &self.rules).await?;
            let people = shop::people(self.store.reader(), Some(shop.id), &self.windows, now).await?;
            guards.push((guard, memory, people));
        }
        let shops: Vec<remind::Shop<'_>> = self
            .shops
            .iter()
            .zip(&guards)
            .map(|(shop, (_, memory, people))| remind::Shop {
                instance: &shop.name,
                memory,
                people,
            })
            .collect();
        let mut shelf = match &self.pools {
            Some(pools) => Some(pools.hold(&self.store, &self.rules, now).await?),
            None => None,
        };
        let people = shop::people(self.store.reader(), None, &self.windows, now).await?;
        let known = shelf.as_ref().and_then(|guard| guard.as_ref());
        let shared = known.map(|known| remind::Shared {
            pools: &known.pools,
            board: &known.board,
            capacities: &self.capacities,
            people: &people,
        });
        let reminders = remind::remind(&self.rules, &shops, shared, &slots, now, &mut Uuid::new_v4);
        let queued = self.telling.queue(&reminders.messages)?;
        let silences = self.store.reader().has_unnoted_silences(now).await?;
        if reminders.is_nothing() && !silences && due.iter().all(Option::is_none) {
            return Ok(Reminded::default());
        }
        self.record(&due, &reminders, &queued, now).await?;
        let mut reminded = Reminded::default();
        let known = shelf.as_deref_mut().and_then(Option::as_mut);
        if let (Some(known), Some(pools)) = (known, &reminders.pools) {
            known.pools.memory = pools.memory.clone();
        }
        for ((shop, (guard, ..)), changed) in self.shops.iter().zip(&mut guards).zip(reminders.shops) {
            if let Some(changed) = changed {
                let next = Arc::new(changed.memory);
                **guard = Some(Arc::clone(&next));
                reminded.memories.push((shop.name.clone(), next));
            }
        }
        reminded.headlines = queued
            .into_iter()
            .map(|message| (message.channel, message.headline))
            .collect();
        Ok(reminded)
    }

    /// For each channel the day's reminder that is still to be said, and its moment. In the quiet hours of a channel it
    /// waits, also until the next day.
    async fn due(&self, now: Timestamp) -> Result<Vec<Option<(Date, Timestamp)>>, StoreError> {
        let mut due = Vec::with_capacity(self.rules.channels.len());
        for channel in &self.rules.channels {
            due.push(match remind::slot(channel, self.at, &self.zone, now) {
                Some((day, _)) if self.was_said(&channel.name, day).await? => None,
                slot => slot,
            });
        }
        Ok(due)
    }

    async fn was_said(&self, channel: &str, day: Date) -> Result<bool, StoreError> {
        let known = {
            let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done.get(channel) == Some(&day)
        };
        let said = known || self.store.reader().was_reminded(channel, day).await?;
        if said {
            self.note(channel, day);
        }
        Ok(said)
    }

    fn note(&self, channel: &str, day: Date) {
        self.done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(channel.to_owned(), day);
    }

    async fn record(
        &self,
        due: &[Option<(Date, Timestamp)>],
        reminders: &Reminders,
        queued: &[Queued],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let days = || self.rules.channels.iter().zip(due);
        let mut tx = self.store.begin_write().await?;
        for (channel, due) in days() {
            if let Some((day, _)) = due {
                tx.mark_reminded(&channel.name, *day).await?;
            }
        }
        let shops = self.shops.iter().map(|shop| shop.id).zip(&reminders.shops);
        let pools = self.pools.iter().map(|shelf| shelf.id);
        for (id, changed) in shops.chain(pools.zip([&reminders.pools])) {
            if let Some(changed) = changed {
                tx.save_between_polls(id, &changed.changes, &changed.events)
                    .await?;
                tx.save_acks(&changed.acks, now).await?;
            }
        }
        tx.note_ended_silences(now).await?;
        tx.enqueue(queued).await?;
        tx.commit().await?;
        for (channel, due) in days() {
            if let Some((day, _)) = due {
                self.note(&channel.name, *day);
            }
        }
        Ok(())
    }
}
