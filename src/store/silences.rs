//! Silences: made and ended beside a running daemon, read for each decision, and listed.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::domain::pattern::Pattern;
use crate::domain::people::Matcher;
use crate::domain::people::Silence;
use crate::store::db::Store;
use crate::store::db::WriteTx;
use crate::store::error::StoreError;
use crate::store::history::limit_of;
use crate::store::reader::Reader;
use crate::store::rows::millis;
use crate::store::said::Said;
use crate::store::said::by_and_what;
use crate::store::value::json;
use crate::store::value::optional_timestamp;
use crate::store::value::timestamp;
use crate::store::value::to_json;
use crate::store::watched::Conn;

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

impl Store {
    /// Makes a silence. The history says so.
    pub async fn add_silence(&self, new: &NewSilence, now: Timestamp) -> Result<Silence, StoreError> {
        let mut tx = self.begin_said().await?;
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
        let mut tx = self.begin_said().await?;
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
}

async fn silence_ended(conn: &mut Conn, id: i64, at: Timestamp) -> Result<(), StoreError> {
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

pub(super) async fn silences_where(
    conn: &mut Conn,
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
