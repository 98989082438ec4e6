//! Deliveries as people see them: the list, the counts, and dead letters sent again.

use jiff::Timestamp;
use sqlx::QueryBuilder;
use sqlx::Row;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteRow;

use crate::domain::delivery::Medium;
use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::history::limit_of;
use crate::store::outbox::Claim;
use crate::store::outbox::medium;
use crate::store::reader::Reader;
use crate::store::value::timestamp;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    Pending,
    Sent,
    Dead,
}

impl DeliveryState {
    /// `pending`, `sent` or `dead`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Sent, Self::Dead]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// Which deliveries; what is `None` does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryFilter<'a> {
    pub state: Option<DeliveryState>,
    pub channel: Option<&'a str>,
}

/// A delivery, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: i64,
    pub message: String,
    pub channel: String,
    pub medium: Medium,
    pub recipient: String,
    pub kind: String,
    pub instance: Option<String>,
    pub headline: String,
    pub recorded_at: Timestamp,
    pub state: DeliveryState,
    pub attempts: u32,
    /// An attempt has begun and is not over.
    pub under_way: bool,
    /// Under a lease, when that ends; `None` once it is settled.
    pub next_attempt_at: Option<Timestamp>,
    pub reason: Option<String>,
    pub last_error: Option<String>,
    pub settled_at: Option<Timestamp>,
    pub receipt: Option<String>,
}

/// What a channel has in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxCount {
    pub channel: String,
    pub pending: u64,
    pub dead: u64,
    /// Since when the oldest pending one waits.
    pub oldest: Option<Timestamp>,
}

/// What a channel delivered lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentCount {
    pub channel: String,
    pub sent: u64,
    /// When the last one was taken.
    pub last: Timestamp,
}

/// A message that a recipient took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub content: String,
    pub headline: String,
    pub at: Option<Timestamp>,
}

/// What [`delivery`] reads.
const LISTED: &str = "SELECT o.*, m.id AS message_id, m.kind, m.instance, m.headline, m.recorded_at FROM outbox o \
                      JOIN messages m ON m.number = o.message";

impl Store {
    /// Makes a dead letter due again, with all its attempts and its time to expiry; `false` where it is not one.
    pub async fn replay(&self, delivery: i64, now: Timestamp) -> Result<bool, StoreError> {
        let count = self.revive(now, |which| which.push("id = ").push_bind(delivery));
        Ok(count.await? == 1)
    }

    /// The same for all dead letters of the channel; how many there were.
    pub async fn replay_channel(&self, channel: &str, now: Timestamp) -> Result<u64, StoreError> {
        self.revive(now, |which| {
            which.push("channel = ").push_bind(channel.to_owned())
        })
        .await
    }

    async fn revive<F>(&self, now: Timestamp, narrowed: F) -> Result<u64, StoreError>
    where
        F: FnOnce(&mut QueryBuilder<Sqlite>) -> &mut QueryBuilder<Sqlite>,
    {
        let mut update = QueryBuilder::<Sqlite>::new(
            "UPDATE outbox SET state = 'pending', attempts = 0, leased = 0, reason = NULL, settled_at = NULL, queued_at = ",
        );
        update.push_bind(now.as_millisecond());
        update
            .push(", next_attempt_at = ")
            .push_bind(now.as_millisecond());
        update.push(" WHERE state = 'dead' AND ");
        narrowed(&mut update);
        let mut tx = self.begin_said().await?;
        let done = update.build().persistent(false).execute(tx.conn()).await?;
        tx.commit().await?;
        self.tell_of_replays(done.rows_affected());
        Ok(done.rows_affected())
    }
}

impl Reader {
    /// What each channel has in the outbox; channels with nothing pending or dead are not among them.
    pub async fn outbox_counts(&self) -> Result<Vec<OutboxCount>, StoreError> {
        let rows: Vec<(String, i64, i64, Option<i64>)> = sqlx::query_as(
            "SELECT channel, sum(pending), sum(dead), min(oldest) FROM ( \
             SELECT channel, count(*) AS pending, 0 AS dead, min(queued_at) AS oldest FROM outbox \
             WHERE state = 'pending' GROUP BY channel UNION ALL \
             SELECT channel, 0, count(*), NULL FROM outbox WHERE state = 'dead' GROUP BY channel) \
             GROUP BY channel ORDER BY channel",
        )
        .fetch_all(&self.pool)
        .await?;
        let count = |(channel, pending, dead, oldest): (String, i64, i64, Option<i64>)| {
            Ok(OutboxCount {
                channel,
                pending: pending.unsigned_abs(),
                dead: dead.unsigned_abs(),
                oldest: oldest.map(timestamp).transpose()?,
            })
        };
        rows.into_iter().map(count).collect()
    }

    /// The contents of what the recipient of a delivery took of the messages that were recorded after its own.
    pub async fn sent_after(&self, claim: &Claim) -> Result<Vec<String>, StoreError> {
        let contents = sqlx::query_scalar(
            "SELECT m.content FROM outbox o CROSS JOIN messages m ON m.number = o.message \
             WHERE o.id > ? AND o.state = 'sent' AND o.channel = ? AND o.recipient = ?",
        )
        .bind(claim.delivery)
        .bind(claim.channel.as_str())
        .bind(claim.recipient.as_str())
        .fetch_all(&self.pool)
        .await?;
        Ok(contents)
    }

    /// What the recipient of a delivery took of the messages on the same shop that were recorded after its own, newest
    /// first; of `stock` or `source` as the delivery itself is.
    pub async fn newer_taken(&self, claim: &Claim) -> Result<Vec<Taken>, StoreError> {
        let rows: Vec<(String, String, Option<i64>)> = sqlx::query_as(
            "SELECT m.content, m.headline, o.settled_at FROM outbox o CROSS JOIN messages m ON m.number = o.message \
             WHERE o.id > ?1 AND o.state = 'sent' AND o.channel = ?2 AND o.recipient = ?3 AND m.instance IS ?4 \
             AND substr(m.kind, 1, instr(m.kind, '.')) = substr(?5, 1, instr(?5, '.')) ORDER BY o.id DESC LIMIT 100",
        )
        .bind(claim.delivery)
        .bind(claim.channel.as_str())
        .bind(claim.recipient.as_str())
        .bind(claim.instance.as_deref())
        .bind(claim.kind.as_str())
        .fetch_all(&self.pool)
        .await?;
        let taken = |(content, headline, at): (String, String, Option<i64>)| {
            Ok(Taken {
                content,
                headline,
                at: at.map(timestamp).transpose()?,
            })
        };
        rows.into_iter().map(taken).collect()
    }

    /// Deliveries, newest first, in one state or in all, before the one given.
    pub async fn deliveries(
        &self,
        state: Option<DeliveryState>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let filter = DeliveryFilter {
            state,
            ..DeliveryFilter::default()
        };
        self.deliveries_of(filter, before, limit).await
    }

    /// Deliveries that the filter lets pass, newest first, before the one given.
    pub async fn deliveries_of(
        &self,
        filter: DeliveryFilter<'_>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(LISTED);
        query.push(" WHERE o.id < ").push_bind(before.unwrap_or(i64::MAX));
        // Said literally, so that the few that wait or are dead are found by their own index.
        query.push(match filter.state {
            Some(DeliveryState::Pending) => " AND o.state = 'pending'",
            Some(DeliveryState::Sent) => " AND o.state = 'sent'",
            Some(DeliveryState::Dead) => " AND o.state = 'dead'",
            None => "",
        });
        if let Some(channel) = filter.channel {
            query.push(" AND o.channel = ").push_bind(channel);
        }
        query
            .push(" ORDER BY o.id DESC LIMIT ")
            .push_bind(limit_of(limit));
        let rows = query.build().persistent(false).fetch_all(&self.pool).await?;
        rows.iter().map(delivery).collect()
    }

    /// All deliveries of the message of that one, by their ids; none where there is no such delivery.
    pub async fn deliveries_beside(&self, delivery_id: i64) -> Result<Vec<Delivery>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(LISTED);
        query.push(" WHERE o.message = (SELECT message FROM outbox WHERE id = ");
        query.push_bind(delivery_id).push(") ORDER BY o.id LIMIT 1000");
        let rows = query.build().fetch_all(&self.pool).await?;
        rows.iter().map(delivery).collect()
    }

    /// What each channel delivered from then on, as far as it is among the last 20,000 deliveries.
    pub async fn sent_since(&self, since: Timestamp) -> Result<Vec<SentCount>, StoreError> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT channel, count(*), max(settled_at) FROM outbox \
             WHERE id > (SELECT coalesce(max(id), 0) - 20000 FROM outbox) AND state = 'sent' AND settled_at >= ? \
             GROUP BY channel ORDER BY channel",
        )
        .bind(since.as_millisecond())
        .fetch_all(&self.pool)
        .await?;
        let count = |(channel, sent, last): (String, i64, i64)| {
            Ok(SentCount {
                channel,
                sent: sent.unsigned_abs(),
                last: timestamp(last)?,
            })
        };
        rows.into_iter().map(count).collect()
    }

    /// One delivery; `None` where there is none of that number.
    pub async fn delivery(&self, id: i64) -> Result<Option<Delivery>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(LISTED);
        query.push(" WHERE o.id = ").push_bind(id);
        let row = query.build().fetch_optional(&self.pool).await?;
        row.as_ref().map(delivery).transpose()
    }
}

fn delivery(row: &SqliteRow) -> Result<Delivery, StoreError> {
    let named: &str = row.try_get("state")?;
    let state = DeliveryState::parse(named)
        .ok_or_else(|| StoreError::BadData(format!("a delivery's state {named:?}")))?;
    let next = timestamp(row.try_get("next_attempt_at")?)?;
    let settled_at: Option<i64> = row.try_get("settled_at")?;
    Ok(Delivery {
        id: row.try_get("id")?,
        message: row.try_get("message_id")?,
        channel: row.try_get("channel")?,
        medium: medium(row.try_get("medium")?)?,
        recipient: row.try_get("recipient")?,
        kind: row.try_get("kind")?,
        instance: row.try_get("instance")?,
        headline: row.try_get("headline")?,
        recorded_at: timestamp(row.try_get("recorded_at")?)?,
        state,
        attempts: row.try_get("attempts")?,
        under_way: row.try_get("leased")?,
        next_attempt_at: Some(next).filter(|_| state == DeliveryState::Pending),
        reason: row.try_get("reason")?,
        last_error: row.try_get("last_error")?,
        settled_at: settled_at.map(timestamp).transpose()?,
        receipt: row.try_get("receipt")?,
    })
}
