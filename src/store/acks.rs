//! Acks: made and ended beside a running daemon, read for each decision, and listed.

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::domain::alerting::acks::AckStep;
use crate::domain::catalogue::ProductId;
use crate::domain::people::Ack;
use crate::domain::people::AckEnd;
use crate::store::db::Store;
use crate::store::db::WriteTx;
use crate::store::error::StoreError;
use crate::store::history::limit_of;
use crate::store::reader::Reader;
use crate::store::rows::millis;
use crate::store::said::Said;
use crate::store::said::about;
use crate::store::said::by_and_what;
use crate::store::value::InstanceId;
use crate::store::value::optional_timestamp;
use crate::store::value::timestamp;
use crate::store::watched::Conn;

/// An ack to make.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewAck {
    pub by: String,
    /// "" where none.
    pub note: String,
    /// How many were ordered.
    pub quantity: Option<i64>,
    /// When they are to be there.
    pub eta: Option<Timestamp>,
}

/// An ack as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAck {
    pub ack: Ack,
    /// The shop's name; "(pools)" for one of a pool.
    pub instance: String,
    pub instance_id: InstanceId,
    /// WHMCS's number of the product; the pool's number for one of a pool.
    pub product_id: ProductId,
    /// The product or pool, as WHMCS or the configuration names it.
    pub name: String,
    /// `4=11;5=20`, or of a pool's need `0=3`; `None` for the product or pool itself.
    pub combination: Option<String>,
    /// The combination in words.
    pub label: Option<String>,
    /// When and why it ended; `None` while in force.
    pub ended: Option<(Timestamp, AckEnd)>,
}

/// What came of an ack that was to take the place of the one that somebody saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenOn {
    Made(Ack),
    /// Meanwhile somebody else took it on, and has it: nothing was changed.
    Held(Ack),
}

impl Store {
    /// Makes an ack of a series, in place of the one in force. The history says so.
    ///
    /// # Errors
    /// There is no such series, or nothing can be written.
    pub async fn add_ack(
        &self,
        instance: InstanceId,
        series: u32,
        new: &NewAck,
        now: Timestamp,
    ) -> Result<Ack, StoreError> {
        match self.ack_unless(|_| false, instance, series, new, now).await? {
            TakenOn::Made(ack) | TakenOn::Held(ack) => Ok(ack),
        }
    }

    /// The same, unless another ack than that of the number `seen` is in force by now.
    ///
    /// # Errors
    /// There is no such series, or nothing can be written.
    pub async fn add_ack_beside(
        &self,
        seen: Option<i64>,
        instance: InstanceId,
        series: u32,
        new: &NewAck,
        now: Timestamp,
    ) -> Result<TakenOn, StoreError> {
        self.ack_unless(|id| Some(id) != seen, instance, series, new, now)
            .await
    }

    async fn ack_unless(
        &self,
        keeps: impl Fn(i64) -> bool,
        instance: InstanceId,
        series: u32,
        new: &NewAck,
        now: Timestamp,
    ) -> Result<TakenOn, StoreError> {
        let mut tx = self.begin_said().await?;
        let conn = tx.conn();
        let Some(about) = about(conn, instance, series).await? else {
            tx.rollback().await?;
            return Err(StoreError::NoSeries(series));
        };
        let in_force =
            sqlx::query("SELECT * FROM acks WHERE instance_id = ? AND series = ? AND ended_at IS NULL")
                .bind(instance.0)
                .bind(series)
                .fetch_optional(&mut *conn)
                .await?;
        if let Some(held) = in_force.as_ref().map(ack).transpose()? {
            if keeps(held.id) {
                tx.rollback().await?;
                return Ok(TakenOn::Held(held));
            }
            end(conn, held.id, AckEnd::Replaced, now).await?;
        }
        let done = sqlx::query(
            "INSERT INTO acks (instance_id, series, made_at, made_by, note, quantity, eta) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(instance.0)
        .bind(series)
        .bind(now.as_millisecond())
        .bind(new.by.as_str())
        .bind(new.note.as_str())
        .bind(new.quantity)
        .bind(millis(new.eta))
        .execute(&mut *conn)
        .await?;
        let ack = Ack {
            id: done.last_insert_rowid(),
            series,
            made_at: timestamp(now.as_millisecond())?,
            by: Arc::from(new.by.as_str()),
            note: Arc::from(new.note.as_str()),
            quantity: new.quantity,
            eta: optional_timestamp(millis(new.eta))?,
            arrived: 0,
            overdue_at: None,
        };
        let said = Said {
            key: format!("ack/{}/acked", ack.id),
            kind: "acked",
            reason: None,
            detail: in_words(&ack),
        };
        said.of_series(conn, instance, &about, now).await?;
        tx.commit().await?;
        Ok(TakenOn::Made(ack))
    }

    /// Ends an ack; `false` where there is none of that number, or it ended before. The history says so.
    pub async fn end_ack(&self, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin_said().await?;
        let ended = end(tx.conn(), id, AckEnd::Ended, now).await?;
        tx.commit().await?;
        Ok(ended)
    }
}

impl WriteTx {
    /// Records what became of acks in a decision; the history says which of them ended or are overdue. What somebody ended
    /// meanwhile stays as it is.
    pub async fn save_acks(&mut self, steps: &[AckStep], now: Timestamp) -> Result<(), StoreError> {
        for step in steps {
            self.save_ack(step, now).await?;
        }
        Ok(())
    }

    async fn save_ack(&mut self, step: &AckStep, now: Timestamp) -> Result<(), StoreError> {
        let conn = self.conn();
        let before: Option<(i64, Option<i64>)> =
            sqlx::query_as("SELECT instance_id, overdue_at FROM acks WHERE id = ? AND ended_at IS NULL")
                .bind(step.ack.id)
                .fetch_optional(&mut *conn)
                .await?;
        let Some((instance, overdue_at)) = before else {
            return Ok(());
        };
        sqlx::query("UPDATE acks SET arrived = ?, overdue_at = ? WHERE id = ?")
            .bind(step.ack.arrived)
            .bind(millis(step.ack.overdue_at))
            .bind(step.ack.id)
            .execute(&mut *conn)
            .await?;
        if overdue_at.is_none() && step.ack.overdue_at.is_some() {
            let about = about(conn, InstanceId(instance), step.ack.series)
                .await?
                .ok_or(StoreError::NoSeries(step.ack.series))?;
            let said = Said {
                key: format!("ack/{}/overdue", step.ack.id),
                kind: "overdue",
                reason: None,
                detail: in_words(&step.ack),
            };
            said.of_series(conn, InstanceId(instance), &about, now).await?;
        }
        if let Some(why) = step.ended {
            end(conn, step.ack.id, why, now).await?;
        }
        Ok(())
    }
}

impl Reader {
    /// The acks of a shop or of all, the pools' too; only those in force, or all; the newest first.
    pub async fn acks(
        &self,
        instance: Option<InstanceId>,
        only_in_force: bool,
    ) -> Result<Vec<ListedAck>, StoreError> {
        self.acks_before(instance, only_in_force, None, usize::MAX).await
    }

    /// The same, before the one given.
    pub async fn acks_before(
        &self,
        instance: Option<InstanceId>,
        only_in_force: bool,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<ListedAck>, StoreError> {
        let rows = sqlx::query(
            "SELECT a.*, i.name AS instance, s.product_id, s.combination, s.label, p.name FROM acks a \
             JOIN instances i ON i.id = a.instance_id \
             JOIN series s INDEXED BY series_number ON s.instance_id = a.instance_id AND s.number = a.series \
             JOIN products p ON p.instance_id = a.instance_id AND p.product_id = s.product_id \
             WHERE (?1 IS NULL OR a.instance_id = ?1) AND (NOT ?2 OR a.ended_at IS NULL) AND a.id < ?3 \
             ORDER BY a.id DESC LIMIT ?4",
        )
        .bind(instance.map(|instance| instance.0))
        .bind(only_in_force)
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit_of(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(listed).collect()
    }

    /// Who had taken the series of changes of severity on when they were recorded, for the events from the one to the
    /// other (both by [`RecordedEvent::id`](crate::store::history::RecordedEvent)), by event.
    pub async fn acks_then(&self, from: i64, to: i64) -> Result<Vec<(i64, Ack)>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.id AS event, a.* FROM events e JOIN series s ON s.instance_id = e.instance_id \
             AND s.product_id = e.product_id AND s.combination = coalesce(e.combination, '') \
             JOIN acks a ON a.instance_id = s.instance_id AND a.series = s.number AND a.made_at <= e.at \
             AND (a.ended_at IS NULL OR a.ended_at >= e.at) \
             WHERE e.kind = 'severity' AND e.id BETWEEN ?1 AND ?2 ORDER BY e.id, a.id",
        )
        .bind(from)
        .bind(to)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("event")?, ack(row)?)))
            .collect()
    }
}

/// `ops: 20 ordered, due 2026-12-12 23:00 UTC, PO 881`
fn in_words(ack: &Ack) -> String {
    let mut parts = Vec::new();
    if let Some(quantity) = ack.quantity {
        parts.push(format!("{quantity} ordered"));
    }
    if let Some(eta) = ack.eta {
        parts.push(format!("due {}", eta.strftime("%Y-%m-%d %H:%M UTC")));
    }
    if !ack.note.is_empty() {
        parts.push(ack.note.to_string());
    }
    by_and_what(&ack.by, &parts.join(", "))
}

/// Ends the ack where it is in force; whether it was.
async fn end(conn: &mut Conn, id: i64, why: AckEnd, now: Timestamp) -> Result<bool, StoreError> {
    let row: Option<(i64, u32, String)> = sqlx::query_as(
        "UPDATE acks SET ended_at = ?, ended_why = ? WHERE id = ? AND ended_at IS NULL \
         RETURNING instance_id, series, made_by",
    )
    .bind(now.as_millisecond())
    .bind(why.as_str())
    .bind(id)
    .fetch_optional(&mut *conn)
    .await?;
    let Some((instance, series, by)) = row else {
        return Ok(false);
    };
    let instance = InstanceId(instance);
    let about = about(conn, instance, series)
        .await?
        .ok_or(StoreError::NoSeries(series))?;
    let said = Said {
        key: format!("ack/{id}/ack_ended"),
        kind: "ack_ended",
        reason: Some(why.as_str()),
        detail: by,
    };
    said.of_series(conn, instance, &about, now).await?;
    Ok(true)
}

pub(super) async fn acks_in_force(
    conn: &mut Conn,
    instance: InstanceId,
    now: Timestamp,
) -> Result<Vec<Ack>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM acks INDEXED BY acks_in_force WHERE instance_id = ? AND ended_at IS NULL AND made_at <= ? \
         ORDER BY series",
    )
    .bind(instance.0)
    .bind(now.as_millisecond())
    .fetch_all(conn)
    .await?;
    rows.iter().map(ack).collect()
}

pub(super) async fn acks_ended(
    conn: &mut Conn,
    instance: InstanceId,
) -> Result<Vec<(u32, Timestamp)>, StoreError> {
    let rows: Vec<(u32, i64)> = sqlx::query_as(
        "SELECT series, max(ended_at) FROM acks WHERE instance_id = ? AND ended_at IS NOT NULL \
         GROUP BY series ORDER BY series",
    )
    .bind(instance.0)
    .fetch_all(conn)
    .await?;
    let ended = |(series, at): (u32, i64)| Ok((series, timestamp(at)?));
    rows.into_iter().map(ended).collect()
}

fn ack(row: &SqliteRow) -> Result<Ack, StoreError> {
    Ok(Ack {
        id: row.try_get("id")?,
        series: row.try_get("series")?,
        made_at: timestamp(row.try_get("made_at")?)?,
        by: Arc::from(row.try_get::<&str, _>("made_by")?),
        note: Arc::from(row.try_get::<&str, _>("note")?),
        quantity: row.try_get("quantity")?,
        eta: optional_timestamp(row.try_get("eta")?)?,
        arrived: row.try_get("arrived")?,
        overdue_at: optional_timestamp(row.try_get("overdue_at")?)?,
    })
}

fn listed(row: &SqliteRow) -> Result<ListedAck, StoreError> {
    let combination: String = row.try_get("combination")?;
    let ended_at = optional_timestamp(row.try_get("ended_at")?)?;
    let why: Option<&str> = row.try_get("ended_why")?;
    let why = why.map(|name| {
        AckEnd::parse(name).ok_or_else(|| StoreError::BadData(format!("an ack that ended for {name:?}")))
    });
    Ok(ListedAck {
        ack: ack(row)?,
        instance: row.try_get("instance")?,
        instance_id: InstanceId(row.try_get("instance_id")?),
        product_id: row.try_get("product_id")?,
        name: row.try_get("name")?,
        combination: Some(combination).filter(|text| !text.is_empty()),
        label: row.try_get("label")?,
        ended: ended_at.zip(why.transpose()?),
    })
}
