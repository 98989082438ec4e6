//! What the jobs share: a shop with what is remembered of it, and how messages are put into words.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::Mutex;

use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::message::Message;
use crate::notify::channel::Channel;
use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::outbox::Queued;
use crate::store::value::InstanceId;

/// One shop and what is remembered of it. The memory mirrors what is committed: it is replaced after a commit only,
/// and read again after a failed one.
#[derive(Debug)]
pub struct Shop {
    pub name: String,
    pub id: InstanceId,
    memory: Mutex<Option<Arc<Memory>>>,
    /// Of the last poll: observations of one shop never go back in time.
    last_observed: Mutex<Timestamp>,
}

/// What messages need beside their content: the channels by name, the zone their times are told in.
#[derive(Debug)]
pub struct Telling {
    pub channels: Vec<Channel>,
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
            last_observed: Mutex::new(Timestamp::UNIX_EPOCH),
        }
    }

    /// What is remembered, read from the store where it is not at hand.
    pub async fn memory(&self, store: &Store, rules: &Rules) -> Result<Arc<Memory>, StoreError> {
        let mut guard = self.memory.lock().await;
        load(&mut guard, self, store, rules).await
    }

    /// Holds the memory for a change that is committed before it is released.
    pub(super) async fn hold(&self) -> tokio::sync::MutexGuard<'_, Option<Arc<Memory>>> {
        self.memory.lock().await
    }

    /// The time to give an observation begun at `now`: never before the last one, in whole milliseconds.
    pub(super) async fn observation_time(&self, now: Timestamp) -> Timestamp {
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let mut last = self.last_observed.lock().await;
        *last = now.max(*last);
        *last
    }
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
    let mut last = shop.last_observed.lock().await;
    *last = (*last).max(memory.source.last_accepted_at.unwrap_or(Timestamp::UNIX_EPOCH));
    drop(last);
    let memory = Arc::new(memory);
    *guard = Some(Arc::clone(&memory));
    Ok(memory)
}

impl Telling {
    /// The messages with their text frozen in the channel's form, one delivery for each recipient.
    pub fn queue(&self, messages: &[Message]) -> Result<Vec<Queued>, StoreError> {
        let mut queued = Vec::with_capacity(messages.len());
        for message in messages {
            let Some(channel) = self
                .channels
                .iter()
                .find(|channel| channel.name() == message.channel)
            else {
                continue;
            };
            let content = channel.render(message, &self.zone, self.page_url.as_deref());
            let content = serde_json::to_string(&content)
                .map_err(|error| StoreError::BadData(format!("a message that JSON cannot hold: {error}")))?;
            queued.push(Queued {
                id: message.id,
                channel: message.channel.clone(),
                kind: message.body.kind().to_owned(),
                instance: message.instance.clone(),
                recorded_at: message.at,
                headline: channel.headline(message),
                content,
                medium: channel.medium(),
                recipients: channel.recipients(),
            });
        }
        Ok(queued)
    }
}
