//! What outlives a restart of people's sessions: the key that seals them, and which were ended before their time.

use jiff::Timestamp;

use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::reader::Reader;

/// A session's number.
pub type SessionId = [u8; 16];

impl Store {
    /// The key of this database's sessions: `fresh`, where it has none yet.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub async fn session_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let mut tx = self.begin_write().await?;
        let key: Vec<u8> = sqlx::query_scalar(
            "INSERT INTO session_key (id, key) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET key = key RETURNING key",
        )
        .bind(&fresh[..])
        .fetch_one(tx.conn())
        .await?;
        tx.commit().await?;
        // The schema holds its length.
        Ok(key.try_into().unwrap_or(fresh))
    }

    /// Remembers that a session was ended; forgets those that would be over by now anyway.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn end_session(
        &self,
        session: SessionId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        sqlx::query("DELETE FROM ended_sessions WHERE until < ?")
            .bind(now.as_millisecond())
            .execute(tx.conn())
            .await?;
        sqlx::query("INSERT OR IGNORE INTO ended_sessions (session, until) VALUES (?, ?)")
            .bind(&session[..])
            .bind(until.as_millisecond())
            .execute(tx.conn())
            .await?;
        tx.commit().await
    }
}

impl Reader {
    /// The sessions that were ended and would not be over by themselves yet, each with when it would be.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn ended_sessions(&self, now: Timestamp) -> Result<Vec<(SessionId, Timestamp)>, StoreError> {
        let rows: Vec<(Vec<u8>, i64)> =
            sqlx::query_as("SELECT session, until FROM ended_sessions WHERE until >= ?")
                .bind(now.as_millisecond())
                .fetch_all(&self.pool)
                .await?;
        let ended = rows.into_iter().filter_map(|(session, until)| {
            Some((session.try_into().ok()?, Timestamp::from_millisecond(until).ok()?))
        });
        Ok(ended.collect())
    }
}
