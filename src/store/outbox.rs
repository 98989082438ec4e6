//! Messages that wait to leave: queued with the poll, claimed under a lease, settled after the attempt.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::QueryBuilder;
use sqlx::Row;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::domain::delivery::Medium;
use crate::store::db::Store;
use crate::store::db::WriteTx;
use crate::store::error::StoreError;
use crate::store::history::limit_of;
use crate::store::reader::Reader;
use crate::store::rows::insert;
use crate::store::value::timestamp;

/// A message to queue, its text frozen, for each of its recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    pub id: Uuid,
    /// The channel's name.
    pub channel: String,
    /// `stock.alerts`, `source.down` …
    pub kind: String,
    /// The shop it is about; `None` for several.
    pub instance: Option<String>,
    pub recorded_at: Timestamp,
    /// Not to be attempted before then; at once where `None`.
    pub not_before: Option<Timestamp>,
    /// One line for lists.
    pub headline: String,
    /// JSON, without any secret.
    pub content: String,
    pub medium: Medium,
    /// Mail addresses, or the channel's name; never a URL.
    pub recipients: Vec<String>,
}

/// A delivery to attempt; nobody else has it until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub delivery: i64,
    pub message: Uuid,
    pub channel: String,
    pub medium: Medium,
    pub recipient: String,
    /// This one included.
    pub attempts: u32,
    pub kind: String,
    pub instance: Option<String>,
    /// When the message was recorded.
    pub recorded_at: Timestamp,
    /// When it was recorded or last replayed: its expiry counts from here.
    pub queued_at: Timestamp,
    pub headline: String,
    pub content: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Accepted by the receiver, who answered this.
    Sent { receipt: String },
    /// To be tried again; `reason` is a fixed word, `error` says the same in words.
    Retry {
        at: Timestamp,
        reason: String,
        error: String,
    },
    /// Not begun: due again at once, and not counted as an attempt.
    Untried,
    /// Given up: a dead letter.
    Dead { reason: String, error: String },
}

/// The end of an attempt that [`Store::claim`] began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub delivery: i64,
    /// [`Claim::attempts`]: tells the attempt from a later one.
    pub attempt: u32,
    pub settlement: Settlement,
}

impl WriteTx {
    /// Queues messages, one row for each recipient, due when they were recorded unless they say when.
    pub async fn enqueue(&mut self, messages: &[Queued]) -> Result<(), StoreError> {
        self.enqueue_at(messages, Timestamp::MAX).await
    }

    /// The same, due by `now` where they do not say when: they may bear a later time than the clock says.
    pub async fn enqueue_at(&mut self, messages: &[Queued], now: Timestamp) -> Result<(), StoreError> {
        for message in messages {
            let number = self.insert_message(message).await?;
            let due = match message.not_before {
                Some(not_before) => not_before.max(message.recorded_at),
                None => message.recorded_at.min(now),
            };
            insert(
                self.conn(),
                "INSERT INTO outbox (message, channel, medium, recipient, state, queued_at, next_attempt_at) ",
                &message.recipients,
                |values, recipient| {
                    values
                        .push_bind(number)
                        .push_bind(message.channel.as_str())
                        .push_bind(medium_name(message.medium))
                        .push_bind(recipient.as_str())
                        .push_bind("pending")
                        .push_bind(due.as_millisecond())
                        .push_bind(due.as_millisecond());
                },
            )
            .await?;
        }
        Ok(())
    }

    async fn insert_message(&mut self, message: &Queued) -> Result<i64, StoreError> {
        let done = sqlx::query(
            "INSERT INTO messages (id, channel, kind, instance, recorded_at, headline, content) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(message.id.to_string())
        .bind(message.channel.as_str())
        .bind(message.kind.as_str())
        .bind(message.instance.as_deref())
        .bind(message.recorded_at.as_millisecond())
        .bind(message.headline.as_str())
        .bind(message.content.as_str())
        .execute(self.conn())
        .await?;
        Ok(done.last_insert_rowid())
    }
}

impl Store {
    /// Takes up to `limit` deliveries of the channel that are due, longest due first, for `lease`. Where the lease ends
    /// without a settlement they are due again. Takes no write lock while nothing is due.
    pub async fn claim(
        &self,
        channel: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Claim>, StoreError> {
        if self.reader().next_due(channel).await?.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        let mut tx = self.begin_write().await?;
        let rows = sqlx::query(
            "SELECT o.id, o.channel, o.medium, o.recipient, o.attempts, o.queued_at, m.id AS message, m.kind, \
             m.instance, m.recorded_at, m.headline, m.content FROM outbox o CROSS JOIN messages m \
             ON m.number = o.message WHERE o.state = 'pending' AND o.channel = ? AND o.next_attempt_at <= ? \
             ORDER BY o.next_attempt_at, o.queued_at, o.id LIMIT ?",
        )
        .bind(channel)
        .bind(now.as_millisecond())
        .bind(limit_of(limit))
        .fetch_all(tx.conn())
        .await?;
        let mut claims = Vec::with_capacity(rows.len());
        for row in &rows {
            match claim(row) {
                Ok(claim) => claims.push(claim),
                // One row that cannot be understood must not hold up the channel.
                Err(error) => bury(&mut tx, row.try_get("id")?, &error, now).await?,
            }
        }
        for chunk in claims.chunks(500) {
            let mut update = QueryBuilder::<Sqlite>::new("UPDATE outbox SET leased = 1, next_attempt_at = ");
            update.push_bind(until.as_millisecond());
            update.push(", attempts = attempts + 1 WHERE id IN (");
            let mut ids = update.separated(", ");
            for claim in chunk {
                ids.push_bind(claim.delivery);
            }
            update.push(")");
            update.build().persistent(false).execute(tx.conn()).await?;
        }
        tx.commit().await?;
        Ok(claims)
    }

    /// Records how attempts ended, in one transaction; how many of them counted. One that ended after its lease counts
    /// only where it was sent and nobody settled the delivery since.
    pub async fn settle(&self, settled: &[Settled], now: Timestamp) -> Result<u64, StoreError> {
        if settled.is_empty() {
            return Ok(0);
        }
        let mut tx = self.begin_write().await?;
        let mut counted = 0;
        for one in settled {
            counted += settle_one(&mut tx, one, now).await?;
        }
        tx.commit().await?;
        Ok(counted)
    }

    /// Makes due again what an earlier process had under way; at start only, when the lock proves that nobody else
    /// delivers. How many there were. The attempts do not count, since nobody saw their end and most never began: they
    /// must not lengthen the wait after the next one. What was queued meanwhile does not overtake them.
    pub async fn void_leases(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.begin_write().await?;
        let done = sqlx::query(
            "UPDATE outbox SET leased = 0, attempts = attempts - 1, next_attempt_at = min(queued_at, ?) \
             WHERE state = 'pending' AND leased = 1",
        )
        .bind(now.as_millisecond())
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// Makes dead letters of what waits for channels that are not among `names` any more; how many.
    pub async fn bury_channels_except(&self, names: &[&str], now: Timestamp) -> Result<u64, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "UPDATE outbox SET state = 'dead', leased = 0, reason = 'channel_removed', \
             last_error = 'The channel is no longer configured.', settled_at = ",
        );
        query.push_bind(now.as_millisecond());
        query.push(" WHERE state = 'pending' AND channel NOT IN (");
        let mut list = query.separated(", ");
        for name in names {
            list.push_bind(*name);
        }
        query.push(")");
        let mut tx = self.begin_write().await?;
        let done = query.build().persistent(false).execute(tx.conn()).await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}

impl Reader {
    /// When the channel's next attempt is due, or the lease of one under way ends; `None` where nothing waits.
    pub async fn next_due(&self, channel: &str) -> Result<Option<Timestamp>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT min(next_attempt_at) FROM outbox WHERE state = 'pending' AND channel = ?",
        )
        .bind(channel)
        .fetch_one(&self.pool)
        .await?;
        due.map(timestamp).transpose()
    }
}

async fn settle_one(tx: &mut WriteTx, settled: &Settled, now: Timestamp) -> Result<u64, StoreError> {
    let now = now.as_millisecond();
    let query = match &settled.settlement {
        // Whoever sent it: it arrived, so nobody need try again.
        Settlement::Sent { receipt } => sqlx::query(
            "UPDATE outbox SET state = 'sent', leased = 0, reason = NULL, last_error = NULL, settled_at = ?, \
             receipt = ? WHERE id = ? AND attempts >= ? AND state = 'pending'",
        )
        .bind(now)
        .bind(receipt.as_str()),
        Settlement::Retry { at, reason, error } => sqlx::query(
            "UPDATE outbox SET leased = 0, next_attempt_at = ?, reason = ?, last_error = ? WHERE id = ? \
             AND attempts = ? AND state = 'pending' AND leased = 1",
        )
        .bind(at.as_millisecond())
        .bind(reason.as_str())
        .bind(error.as_str()),
        // Due since it was queued: what was queued meanwhile must not overtake it.
        Settlement::Untried => sqlx::query(
            "UPDATE outbox SET leased = 0, attempts = attempts - 1, next_attempt_at = min(queued_at, ?) WHERE id = ? \
             AND attempts = ? AND state = 'pending' AND leased = 1",
        )
        .bind(now),
        Settlement::Dead { reason, error } => sqlx::query(
            "UPDATE outbox SET state = 'dead', leased = 0, settled_at = ?, reason = ?, last_error = ? WHERE id = ? \
             AND attempts = ? AND state = 'pending' AND leased = 1",
        )
        .bind(now)
        .bind(reason.as_str())
        .bind(error.as_str()),
    };
    let done = query
        .bind(settled.delivery)
        .bind(settled.attempt)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}

async fn bury(tx: &mut WriteTx, delivery: i64, error: &StoreError, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE outbox SET state = 'dead', leased = 0, settled_at = ?, reason = 'unreadable', last_error = ? \
         WHERE id = ?",
    )
    .bind(now.as_millisecond())
    .bind(error.to_string())
    .bind(delivery)
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn claim(row: &SqliteRow) -> Result<Claim, StoreError> {
    let message: &str = row.try_get("message")?;
    let attempts: u32 = row.try_get("attempts")?;
    Ok(Claim {
        delivery: row.try_get("id")?,
        message: message
            .parse()
            .map_err(|_| StoreError::BadData(format!("a message id {message:?}")))?,
        channel: row.try_get("channel")?,
        medium: medium(row.try_get("medium")?)?,
        recipient: row.try_get("recipient")?,
        attempts: attempts.saturating_add(1),
        kind: row.try_get("kind")?,
        instance: row.try_get("instance")?,
        recorded_at: timestamp(row.try_get("recorded_at")?)?,
        queued_at: timestamp(row.try_get("queued_at")?)?,
        headline: row.try_get("headline")?,
        content: row.try_get("content")?,
    })
}

fn medium_name(medium: Medium) -> &'static str {
    match medium {
        Medium::Email => "email",
        Medium::Webhook => "webhook",
    }
}

pub(crate) fn medium(name: &str) -> Result<Medium, StoreError> {
    match name {
        "email" => Ok(Medium::Email),
        "webhook" => Ok(Medium::Webhook),
        other => Err(StoreError::BadData(format!("a medium {other:?}"))),
    }
}
