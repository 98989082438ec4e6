//! What the database's upkeep knows of itself: its horizon, its last round, and the room the file takes.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::store::value::optional_timestamp;

/// How far the upkeep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upkeep {
    /// How it stood can be read back exactly from then on; `None`: always.
    pub horizon: Option<Timestamp>,
    /// The last round that came to its end.
    pub ran_at: Option<Timestamp>,
    /// Rows that were ever taken away.
    pub removed: u64,
}

/// The pages of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// In bytes.
    pub page: u64,
    pub pages: u64,
    /// Pages that hold nothing any more and are used again before the file grows.
    pub free: u64,
    /// Whether free pages can be given back to the disk while the daemon runs.
    pub gives_back: bool,
}

impl Room {
    /// What the pages in use take, in bytes.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.pages.saturating_sub(self.free).saturating_mul(self.page)
    }
}

/// How much is recorded a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grown {
    pub polls: f64,
    /// Levels that stood otherwise.
    pub changes: f64,
}

impl Reader {
    /// When a shop was asked first and last of all that is still known; `None` where none was.
    pub async fn polled(&self) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT (SELECT observed_at FROM polls ORDER BY id LIMIT 1), \
             (SELECT observed_at FROM polls ORDER BY id DESC LIMIT 1)",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(optional_timestamp(first)?.zip(optional_timestamp(last)?))
    }

    /// How much was recorded a day lately; `None` where less than a day was watched.
    pub async fn grown(&self, now: Timestamp, lately: SignedDuration) -> Result<Option<Grown>, StoreError> {
        let since = now.checked_sub(lately).unwrap_or(Timestamp::MIN);
        let (polls, changes, first): (i64, Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT count(*), sum(changes), min(observed_at) FROM polls WHERE observed_at >= ? AND outcome <> 1",
        )
        .bind(since.as_millisecond())
        .fetch_one(&self.pool)
        .await?;
        let Some(first) = optional_timestamp(first)? else {
            return Ok(None);
        };
        let days = now.duration_since(first).as_secs_f64() / 86_400.0;
        Ok((days >= 1.0).then(|| Grown {
            polls: polls as f64 / days,
            changes: changes.unwrap_or_default() as f64 / days,
        }))
    }

    /// How far the upkeep has come.
    pub async fn upkeep(&self) -> Result<Upkeep, StoreError> {
        let (horizon, ran_at, removed): (Option<i64>, Option<i64>, i64) =
            sqlx::query_as("SELECT horizon, ran_at, removed FROM upkeep")
                .fetch_one(&self.pool)
                .await?;
        Ok(Upkeep {
            horizon: optional_timestamp(horizon)?,
            ran_at: optional_timestamp(ran_at)?,
            removed: removed.unsigned_abs(),
        })
    }

    /// From when on how it stood can be read back; `None` where nothing was seen yet.
    pub async fn begins(&self) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<i64> = sqlx::query_scalar(
            "SELECT coalesce((SELECT horizon FROM upkeep), (SELECT observed_at FROM polls ORDER BY id LIMIT 1))",
        )
        .fetch_one(&self.pool)
        .await?;
        optional_timestamp(at)
    }

    /// The pages of the file.
    pub async fn room(&self) -> Result<Room, StoreError> {
        let mut view = self.pool.begin().await?;
        let (page, pages, free, vacuum): (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT page_size FROM pragma_page_size), (SELECT page_count FROM pragma_page_count), \
             (SELECT freelist_count FROM pragma_freelist_count), (SELECT auto_vacuum FROM pragma_auto_vacuum)",
        )
        .fetch_one(&mut view)
        .await?;
        Ok(Room {
            page: page.unsigned_abs(),
            pages: pages.unsigned_abs(),
            free: free.unsigned_abs(),
            gives_back: vacuum == 2,
        })
    }

    /// How many rows each table has, by its name.
    pub async fn rows(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let mut view = self.pool.begin().await?;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '_sqlx%' \
             ORDER BY name",
        )
        .fetch_all(&mut view)
        .await?;
        let mut rows = Vec::with_capacity(tables.len());
        for table in tables {
            // The names are the schema's own.
            let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM \"{table}\""));
            rows.push((table, sqlx::query_scalar(count).fetch_one(&mut view).await?));
        }
        Ok(rows)
    }

    /// The time as the polls tell it: `now`, or the newest poll's where the clock is ahead of that. `None` where there is
    /// no poll. A clock that jumped must not make everything old.
    pub async fn last_seen(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let newest: Option<i64> =
            sqlx::query_scalar("SELECT observed_at FROM polls ORDER BY id DESC LIMIT 1")
                .fetch_optional(&self.pool)
                .await?;
        Ok(optional_timestamp(newest)?.map(|newest| newest.min(now)))
    }
}

impl Store {
    /// Gives up to that many free pages back to the disk.
    pub async fn give_back(&self, pages: u64) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({pages})")))
            .execute(tx.conn())
            .await?;
        tx.commit().await
    }

    /// Writes the file anew without what is free in it; from then on free room can be given back while the daemon runs.
    /// Takes as much room again while it does, and holds up every write.
    pub async fn vacuum(&self) -> Result<(), StoreError> {
        self.write_anew().await
    }

    /// Notes that a round came to its end.
    pub async fn note_upkeep(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        sqlx::query("UPDATE upkeep SET ran_at = ?")
            .bind(now.as_millisecond())
            .execute(tx.conn())
            .await?;
        tx.commit().await
    }
}
