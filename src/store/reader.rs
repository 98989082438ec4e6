//! The database as a reader sees it: beside a running daemon, without its lock.

use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::Executor;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::sqlite::SqliteSynchronous;

use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::schema;
use crate::store::schema::Fit;
use crate::store::value::InstanceId;
use crate::store::value::POOLS;
use crate::store::watched::Damage;
use crate::store::watched::Pool;

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers at once.
const READERS: u32 = 2;

/// The database, opened for reading; works beside a running daemon and never waits for a write.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) pool: Pool,
}

impl Reader {
    pub(crate) async fn open(path: &Path) -> Result<Self, OpenError> {
        let path = files::existing(path)?;
        let pool = reading_pool(&path, Damage::default());
        let failed = |error| schema::database_error(&path, error);
        let mut conn = options(&path).read_only(true).connect().await.map_err(failed)?;
        match schema::inspect(&mut conn, &path, &schema::embedded()).await? {
            Fit::Current => {}
            Fit::Behind(_) => return Err(OpenError::Older(path)),
            Fit::Empty => return Err(OpenError::Missing(path)),
        }
        conn.close().await.map_err(failed)?;
        Ok(Self { pool })
    }

    /// The shop of that name, where it is known.
    pub async fn instance(&self, name: &str) -> Result<Option<InstanceId>, StoreError> {
        let id: Option<i64> = sqlx::query_scalar("SELECT id FROM instances WHERE name = ?1 AND name <> ?2")
            .bind(name)
            .bind(POOLS)
            .fetch_optional(&self.pool)
            .await?;
        Ok(id.map(InstanceId))
    }

    /// Whether the channel had its reminder of that day.
    pub async fn was_reminded(&self, channel: &str, day: jiff::civil::Date) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM reminders WHERE channel = ? AND day = ?")
            .bind(channel)
            .bind(day.to_string())
            .fetch_optional(&self.pool)
            .await?;
        Ok(found.is_some())
    }

    /// See [`Store::quick_check`].
    pub async fn quick_check(&self) -> Result<(), StoreError> {
        let found = sound(&self.pool, "PRAGMA quick_check(1)").await;
        found.inspect_err(|error| self.pool.damage().note_found(error))
    }

    /// See [`Store::integrity_check`].
    pub async fn integrity_check(&self) -> Result<(), StoreError> {
        let found = self.integrity().await;
        found.inspect_err(|error| self.pool.damage().note_found(error))
    }

    async fn integrity(&self) -> Result<(), StoreError> {
        sound(&self.pool, "PRAGMA integrity_check(1)").await?;
        let dangling = sqlx::query("PRAGMA foreign_key_check")
            .fetch_optional(&self.pool)
            .await?;
        match dangling {
            None => Ok(()),
            Some(_) => Err(StoreError::Damaged(
                "a row refers to one that is not there".to_owned(),
            )),
        }
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

pub(crate) async fn sound<'c>(
    conn: impl Executor<'c, Database = Sqlite>,
    check: &'static str,
) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar(check).fetch_one(conn).await?;
    if found == "ok" {
        Ok(())
    } else {
        Err(StoreError::Damaged(found))
    }
}

pub(crate) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(1000)
        .disable_statement_logging()
}

pub(crate) fn reading_pool(path: &Path, damage: Damage) -> Pool {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
        .connect_lazy_with(options(path).read_only(true));
    Pool::new(pool, damage)
}
