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
            telling,
            at,
            zone,
            done: Mutex::default(),
        }
    }

    /// Says again what is due at `now`.
    pub async fn run(&self, now: Timestamp) -> Result<Reminded, StoreError> {
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let (day, slot) = self.slot(now);
        let due = self.due(day, slot).await?;
        let slots: Vec<Option<Timestamp>> = due.iter().map(|due| if *due { slot } else { None }).collect();
        let mut guards = Vec::with_capacity(self.shops.len());
        for shop in &self.shops {
            let mut guard = shop.hold().await;
            let memory = shop::load(&mut guard, shop, &self.store, &self.rules).await?;
            guards.push((guard, memory));
        }
        let shops: Vec<remind::Shop<'_>> = self
            .shops
            .iter()
            .zip(&guards)
            .map(|(shop, (_, memory))| remind::Shop {
                instance: &shop.name,
                memory,
            })
            .collect();
        let mut shelf = match &self.pools {
            Some(pools) => Some(pools.hold(&self.store, &self.rules, now).await?),
            None => None,
        };
        let known = shelf.as_ref().and_then(|guard| guard.as_ref());
        let shared = known.map(|known| remind::Shared {
            pools: &known.pools,
            board: &known.board,
            capacities: &self.capacities,
        });
        let reminders = remind::remind(&self.rules, &shops, shared, &slots, now, &mut Uuid::new_v4);
        let queued = self.telling.queue(&reminders.messages)?;
        if queued.is_empty() && !due.contains(&true) {
            return Ok(Reminded::default());
        }
        self.record(day, &due, &reminders, &queued).await?;
        let mut reminded = Reminded::default();
        let known = shelf.as_deref_mut().and_then(Option::as_mut);
        if let (Some(known), Some((next, _))) = (known, &reminders.pools) {
            known.pools.memory = next.clone();
        }
        for ((shop, (guard, _)), changed) in self.shops.iter().zip(&mut guards).zip(reminders.shops) {
            if let Some((next, _)) = changed {
                let next = Arc::new(next);
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

    /// Today, and today's moment for reminders where it has come.
    fn slot(&self, now: Timestamp) -> (Date, Option<Timestamp>) {
        let day = now.to_zoned(self.zone.clone()).date();
        let slot = self
            .zone
            .to_ambiguous_timestamp(day.to_datetime(self.at))
            .compatible()
            .ok();
        (day, slot.filter(|slot| *slot <= now))
    }

    /// For each channel whether today's reminder is still to be said.
    async fn due(&self, day: Date, slot: Option<Timestamp>) -> Result<Vec<bool>, StoreError> {
        let mut due = Vec::with_capacity(self.rules.channels.len());
        for channel in &self.rules.channels {
            let known = {
                let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
                done.get(&channel.name) == Some(&day)
            };
            let said =
                known || slot.is_none() || self.store.reader().was_reminded(&channel.name, day).await?;
            if said && slot.is_some() {
                self.note(&channel.name, day);
            }
            due.push(!said);
        }
        Ok(due)
    }

    fn note(&self, channel: &str, day: Date) {
        self.done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(channel.to_owned(), day);
    }

    async fn record(
        &self,
        day: Date,
        due: &[bool],
        reminders: &Reminders,
        queued: &[Queued],
    ) -> Result<(), StoreError> {
        let mut tx = self.store.begin_write().await?;
        for (channel, due) in self.rules.channels.iter().zip(due) {
            if *due {
                tx.mark_reminded(&channel.name, day).await?;
            }
        }
        for (shop, changed) in self.shops.iter().zip(&reminders.shops) {
            if let Some((_, changes)) = changed {
                tx.save_between_polls(shop.id, changes, &[]).await?;
            }
        }
        if let (Some(shelf), Some((_, changes))) = (&self.pools, &reminders.pools) {
            tx.save_between_polls(shelf.id, changes, &[]).await?;
        }
        tx.enqueue(queued).await?;
        tx.commit().await?;
        for (channel, due) in self.rules.channels.iter().zip(due) {
            if *due {
                self.note(&channel.name, day);
            }
        }
        Ok(())
    }
}
