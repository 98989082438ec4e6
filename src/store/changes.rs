//! Whether the database changed since it was last looked at, for who looks often.

use std::path::Path;
use std::path::PathBuf;

use sqlx::ConnectOptions;
use sqlx::SqliteConnection;

use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::files::Identity;
use crate::store::files::Stamp;
use crate::store::reader::options;
use crate::store::schema;

/// What became of the database since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    None,
    /// Something was committed.
    Committed,
    /// Its files changed although nothing was committed: somebody wrote over them, or the log was merged. What
    /// connections keep in memory is worth nothing then.
    Rewritten,
}

/// A connection that only asks whether others wrote: a look costs no reading of tables.
#[derive(Debug)]
pub struct Changes {
    conn: SqliteConnection,
    path: PathBuf,
    file: Option<Identity>,
    /// SQLite's count of what other connections committed, as of the last look.
    seen: Option<i64>,
    stamp: Stamp,
}

impl Changes {
    /// Of the database there; the first look finds it changed.
    pub async fn of(path: &Path) -> Result<Self, OpenError> {
        let path = files::existing(path)?;
        let (file, stamp) = (Identity::of(&path), Stamp::of(&path));
        let conn = options(&path).read_only(true).connect().await;
        let conn = conn.map_err(|error| schema::database_error(&path, error))?;
        Ok(Self {
            conn,
            path,
            file,
            seen: None,
            stamp,
        })
    }

    /// What happened since the last look.
    ///
    /// # Errors
    /// Also where another file stands at its path by now, or none.
    pub async fn look(&mut self) -> Result<Change, StoreError> {
        if Identity::of(&self.path) != self.file {
            return Err(StoreError::Replaced(self.path.clone()));
        }
        // First: what is committed in between is seen once more, not overlooked.
        let stamp = Stamp::of(&self.path);
        let now: i64 = sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut self.conn)
            .await?;
        let is_committed = self.seen.replace(now) != Some(now);
        let is_rewritten = std::mem::replace(&mut self.stamp, stamp.clone()) != stamp;
        Ok(match (is_committed, is_rewritten) {
            (true, _) => Change::Committed,
            (false, true) => Change::Rewritten,
            (false, false) => Change::None,
        })
    }
}
