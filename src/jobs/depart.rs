//! Shops that are no longer configured: what is open there is taken back in one transaction, once.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::alerting::depart;
use crate::domain::alerting::remind::Shop;
use crate::domain::alerting::rules::Rules;
use crate::jobs::shop::Telling;
use crate::store::db::Store;
use crate::store::error::StoreError;

/// Takes back what is open in shops of the database that are not among those `configured`; channel and headline of each
/// message that was queued.
pub async fn withdraw_departed(
    store: &Store,
    rules: &Rules,
    telling: &Telling,
    configured: &[String],
    now: Timestamp,
) -> Result<Vec<(String, String)>, StoreError> {
    let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    let mut departed = Vec::new();
    for known in store.reader().instances().await? {
        if !configured.contains(&known.name) && store.reader().has_open(known.id).await? {
            let mut memory = store.reader().memory(known.id, &rules.global()).await?;
            rules.attach(&known.name, &mut memory);
            let people = store.reader().people(Some(known.id), now).await?;
            departed.push((known, memory, people));
        }
    }
    if departed.is_empty() {
        return Ok(Vec::new());
    }
    let shops: Vec<Shop<'_>> = departed
        .iter()
        .map(|(known, memory, people)| Shop {
            instance: &known.name,
            memory,
            people,
        })
        .collect();
    let departure = depart::depart(rules, &shops, now, &mut Uuid::new_v4);
    let queued = telling.queue(&departure.messages)?;
    let mut tx = store.begin_write().await?;
    for ((known, ..), left) in departed.iter().zip(&departure.shops) {
        tx.save_between_polls(known.id, &left.changes, &left.events)
            .await?;
        tx.save_acks(&left.acks, now).await?;
    }
    tx.enqueue(&queued).await?;
    tx.commit().await?;
    Ok(queued
        .into_iter()
        .map(|message| (message.channel, message.headline))
        .collect())
}
