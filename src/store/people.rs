//! What people said: acks and silences, made and ended beside a running daemon, and read for each decision.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::domain::alerting::acks::AckStep;
use crate::domain::catalogue::ProductId;
use crate::domain::pattern::Pattern;
use crate::domain::people::Ack;
use crate::domain::people::AckEnd;
use crate::domain::people::Matcher;
use crate::domain::people::People;
use crate::domain::people::Silence;
use crate::store::db::Store;
use crate::store::db::WriteTx;
use crate::store::error::StoreError;
use crate::store::history::limit_of;
use crate::store::reader::Reader;
use crate::store::rows::millis;
use crate::store::value::InstanceId;
use crate::store::value::POOLS;
use crate::store::value::json;
use crate::store::value::optional_timestamp;
use crate::store::value::timestamp;
use crate::store::value::to_json;

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

/// A silence to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSilence {
    pub matcher: Matcher,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub by: String,
    /// "" where none.
    pub comment: String,
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

/// A series as people name it: what an ack is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesName {
    pub number: u32,
    pub product_id: ProductId,
    pub combination: Option<String>,
    pub label: Option<String>,
    /// No longer there.
    pub gone: bool,
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
        let mut tx = self.begin_write().await?;
        let conn = tx.conn();
        let about = about(conn, instance, series)
            .await?
            .ok_or(StoreError::NoSeries(series))?;
        let in_force: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM acks WHERE instance_id = ? AND series = ? AND ended_at IS NULL",
        )
        .bind(instance.0)
        .bind(series)
        .fetch_optional(&mut *conn)
        .await?;
        if let Some(id) = in_force {
            end(conn, id, AckEnd::Replaced, now).await?;
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
        Ok(ack)
    }

    /// Ends an ack; `false` where there is none of that number, or it ended before. The history says so.
    pub async fn end_ack(&self, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await?;
        let ended = end(tx.conn(), id, AckEnd::Ended, now).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Makes a silence. The history says so.
    pub async fn add_silence(&self, new: &NewSilence, now: Timestamp) -> Result<Silence, StoreError> {
        let mut tx = self.begin_write().await?;
        let conn = tx.conn();
        let done = sqlx::query(
            "INSERT INTO silences (matcher, made_at, starts_at, ends_at, made_by, comment) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(to_json(&StoredMatcher::of(&new.matcher))?)
        .bind(now.as_millisecond())
        .bind(new.starts_at.as_millisecond())
        .bind(new.ends_at.as_millisecond())
        .bind(new.by.as_str())
        .bind(new.comment.as_str())
        .execute(&mut *conn)
        .await?;
        let id = done.last_insert_rowid();
        let said = Said {
            key: format!("silence/{id}/silenced"),
            kind: "silenced",
            reason: None,
            detail: by_and_what(&new.by, &new.comment),
        };
        said.of_nothing(conn, now).await?;
        tx.commit().await?;
        Ok(Silence {
            id,
            matcher: new.matcher.clone(),
            made_at: timestamp(now.as_millisecond())?,
            starts_at: timestamp(new.starts_at.as_millisecond())?,
            ends_at: timestamp(new.ends_at.as_millisecond())?,
            by: Arc::from(new.by.as_str()),
            comment: Arc::from(new.comment.as_str()),
            ended_at: None,
        })
    }

    /// Ends a silence before its time; `false` where there is none of that number, or it ended before. The history says
    /// so.
    pub async fn end_silence(&self, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await?;
        let conn = tx.conn();
        let done = sqlx::query(
            "UPDATE silences SET ended_at = ?1, noted = 1 WHERE id = ?2 AND ended_at IS NULL AND ends_at > ?1 \
             AND noted = 0",
        )
        .bind(now.as_millisecond())
        .bind(id)
        .execute(&mut *conn)
        .await?;
        let ended = done.rows_affected() == 1;
        if ended {
            silence_ended(conn, id, now).await?;
        }
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

    /// Has the history say of each silence whose time is over that it ended; how many there were.
    pub async fn note_ended_silences(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let conn = self.conn();
        let over: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT id, ends_at FROM silences WHERE noted = 0 AND ends_at <= ? ORDER BY ends_at, id",
        )
        .bind(now.as_millisecond())
        .fetch_all(&mut *conn)
        .await?;
        for (id, ends_at) in &over {
            silence_ended(conn, *id, timestamp(*ends_at)?).await?;
            sqlx::query("UPDATE silences SET noted = 1 WHERE id = ?")
                .bind(id)
                .execute(&mut *conn)
                .await?;
        }
        Ok(over.len())
    }
}

impl Reader {
    /// What people said that holds for the shop at `now`, and for the pools. The configuration's maintenance windows are
    /// added by [`People::with_mutes`]. `None` is a shop that was never polled.
    pub async fn people(&self, instance: Option<InstanceId>, now: Timestamp) -> Result<People, StoreError> {
        let mut view = self.pool.begin().await?;
        let pools: Option<i64> = sqlx::query_scalar("SELECT id FROM instances WHERE name = ?")
            .bind(POOLS)
            .fetch_optional(&mut *view)
            .await?;
        let mut people = People::default();
        if let Some(instance) = instance {
            people.acks = acks_in_force(&mut view, instance, now).await?;
            people.ended = acks_ended(&mut view, instance).await?;
        }
        if let Some(pools) = pools.map(InstanceId) {
            people.pool_acks = acks_in_force(&mut view, pools, now).await?;
            people.pool_ended = acks_ended(&mut view, pools).await?;
        }
        let silences = silences_where(&mut view, Some(now)).await?;
        Ok(people.with_mutes(silences.iter().map(Silence::mute)))
    }

    /// All silences, or only those in force at that time; the newest first.
    pub async fn silences(&self, in_force_at: Option<Timestamp>) -> Result<Vec<Silence>, StoreError> {
        let mut conn = self.pool.acquire().await?;
        silences_where(&mut conn, in_force_at).await
    }

    /// Silences before the one given, the newest first; all of them, or those that are not over by that time.
    pub async fn silences_before(
        &self,
        not_over_at: Option<Timestamp>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Silence>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM silences WHERE id < ?1 AND (?2 IS NULL OR (ended_at IS NULL AND ends_at > ?2)) \
             ORDER BY id DESC LIMIT ?3",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(millis(not_over_at))
        .bind(limit_of(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(silence).collect()
    }

    /// Whether the time of a silence is over without the history saying so.
    pub async fn has_unnoted_silences(&self, now: Timestamp) -> Result<bool, StoreError> {
        let found =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM silences WHERE noted = 0 AND ends_at <= ?)");
        Ok(found.bind(now.as_millisecond()).fetch_one(&self.pool).await?)
    }

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

    /// The series of a product (of a pool by its number), the product's own first; `None` for none.
    pub async fn series_of(
        &self,
        instance: InstanceId,
        product: ProductId,
    ) -> Result<Vec<SeriesName>, StoreError> {
        let rows: Vec<(u32, String, Option<String>, bool)> = sqlx::query_as(
            "SELECT number, combination, label, gone FROM series WHERE instance_id = ? AND product_id = ? \
             ORDER BY combination",
        )
        .bind(instance.0)
        .bind(product)
        .fetch_all(&self.pool)
        .await?;
        let name = |(number, combination, label, gone): (u32, String, Option<String>, bool)| SeriesName {
            number,
            product_id: product,
            combination: Some(combination).filter(|text| !text.is_empty()),
            label,
            gone,
        };
        Ok(rows.into_iter().map(name).collect())
    }
}

/// What a series is of, for the history.
struct OfSeries {
    product_id: i64,
    combination: String,
    last_level: Option<i64>,
    previous_level: Option<i64>,
}

async fn about(
    conn: &mut SqliteConnection,
    instance: InstanceId,
    series: u32,
) -> Result<Option<OfSeries>, StoreError> {
    let row: Option<(i64, String, Option<i64>, Option<i64>)> = sqlx::query_as(
        "SELECT product_id, combination, last_level, previous_level FROM series INDEXED BY series_number \
         WHERE instance_id = ? AND number = ?",
    )
    .bind(instance.0)
    .bind(series)
    .fetch_optional(conn)
    .await?;
    Ok(
        row.map(|(product_id, combination, last_level, previous_level)| OfSeries {
            product_id,
            combination,
            last_level,
            previous_level,
        }),
    )
}

/// A line of history about what people said.
struct Said {
    key: String,
    kind: &'static str,
    reason: Option<&'static str>,
    detail: String,
}

impl Said {
    async fn of_series(
        self,
        conn: &mut SqliteConnection,
        instance: InstanceId,
        about: &OfSeries,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO events (instance_id, key, at, kind, product_id, combination, reason, level, previous_level, \
             detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(instance.0)
        .bind(self.key)
        .bind(now.as_millisecond())
        .bind(self.kind)
        .bind(about.product_id)
        .bind(Some(about.combination.as_str()).filter(|text| !text.is_empty()))
        .bind(self.reason)
        .bind(about.last_level)
        .bind(about.previous_level)
        .bind(Some(self.detail).filter(|text| !text.is_empty()))
        .execute(conn)
        .await?;
        Ok(())
    }

    async fn of_nothing(self, conn: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO events (key, at, kind, reason, detail) VALUES (?, ?, ?, ?, ?)")
            .bind(self.key)
            .bind(now.as_millisecond())
            .bind(self.kind)
            .bind(self.reason)
            .bind(Some(self.detail).filter(|text| !text.is_empty()))
            .execute(conn)
            .await?;
        Ok(())
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

fn by_and_what(by: &str, what: &str) -> String {
    match (by, what) {
        (by, "") => by.to_owned(),
        ("", what) => what.to_owned(),
        (by, what) => format!("{by}: {what}"),
    }
}

/// Ends the ack where it is in force; whether it was.
async fn end(conn: &mut SqliteConnection, id: i64, why: AckEnd, now: Timestamp) -> Result<bool, StoreError> {
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

async fn silence_ended(conn: &mut SqliteConnection, id: i64, at: Timestamp) -> Result<(), StoreError> {
    let (by, comment): (String, String) =
        sqlx::query_as("SELECT made_by, comment FROM silences WHERE id = ?")
            .bind(id)
            .fetch_one(&mut *conn)
            .await?;
    let said = Said {
        key: format!("silence/{id}/silence_ended"),
        kind: "silence_ended",
        reason: None,
        detail: by_and_what(&by, &comment),
    };
    said.of_nothing(conn, at).await
}

async fn acks_in_force(
    conn: &mut SqliteConnection,
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

async fn acks_ended(
    conn: &mut SqliteConnection,
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

async fn silences_where(
    conn: &mut SqliteConnection,
    in_force_at: Option<Timestamp>,
) -> Result<Vec<Silence>, StoreError> {
    let query = match in_force_at {
        Some(now) => sqlx::query(
            "SELECT * FROM silences INDEXED BY silences_open WHERE noted = 0 AND ended_at IS NULL AND starts_at <= ?1 \
             AND ends_at > ?1 \
             ORDER BY id DESC",
        )
        .bind(now.as_millisecond()),
        None => sqlx::query("SELECT * FROM silences ORDER BY id DESC"),
    };
    query.fetch_all(conn).await?.iter().map(silence).collect()
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

fn silence(row: &SqliteRow) -> Result<Silence, StoreError> {
    let matcher: StoredMatcher = json(row.try_get("matcher")?)?;
    Ok(Silence {
        id: row.try_get("id")?,
        matcher: matcher.read(),
        made_at: timestamp(row.try_get("made_at")?)?,
        starts_at: timestamp(row.try_get("starts_at")?)?,
        ends_at: timestamp(row.try_get("ends_at")?)?,
        by: Arc::from(row.try_get::<&str, _>("made_by")?),
        comment: Arc::from(row.try_get::<&str, _>("comment")?),
        ended_at: optional_timestamp(row.try_get("ended_at")?)?,
    })
}

/// A [`Pattern`] as it is stored: a number for an id, a text for a name.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredPattern {
    Id(i64),
    Glob(String),
}

/// A [`Matcher`] as it is stored; what is empty is left out.
#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct StoredMatcher {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instances: Vec<StoredPattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<StoredPattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    products: Vec<StoredPattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<(StoredPattern, StoredPattern)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pools: Vec<StoredPattern>,
}

impl StoredPattern {
    fn of(pattern: &Pattern) -> Self {
        match pattern {
            Pattern::Id(id) => Self::Id(*id),
            Pattern::Glob(glob) => Self::Glob(glob.clone()),
        }
    }

    fn read(self) -> Pattern {
        match self {
            Self::Id(id) => Pattern::Id(id),
            Self::Glob(glob) => Pattern::Glob(glob),
        }
    }
}

impl StoredMatcher {
    fn of(matcher: &Matcher) -> Self {
        let all = |patterns: &[Pattern]| patterns.iter().map(StoredPattern::of).collect();
        let pair =
            |(option, choice): &(Pattern, Pattern)| (StoredPattern::of(option), StoredPattern::of(choice));
        Self {
            instances: all(&matcher.instances),
            groups: all(&matcher.groups),
            products: all(&matcher.products),
            options: matcher.options.iter().map(pair).collect(),
            pools: all(&matcher.pools),
        }
    }

    fn read(self) -> Matcher {
        let all = |patterns: Vec<StoredPattern>| patterns.into_iter().map(StoredPattern::read).collect();
        let options = self.options.into_iter();
        Matcher {
            instances: all(self.instances),
            groups: all(self.groups),
            products: all(self.products),
            options: options
                .map(|(option, choice)| (option.read(), choice.read()))
                .collect(),
            pools: all(self.pools),
        }
    }
}
