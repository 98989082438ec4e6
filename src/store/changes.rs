//! Whether the database changed since it was last looked at, for who looks often.

use std::path::Path;
use std::path::PathBuf;

use sqlx::ConnectOptions;
use sqlx::SqliteConnection;

use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::files::Identity;
use crate::store::reader::options;
use crate::store::schema;

/// A connection that only asks whether others wrote: a look costs no reading of tables.
#[derive(Debug)]
pub struct Changes {
    conn: SqliteConnection,
    path: PathBuf,
    file: Option<Identity>,
    /// SQLite's count of what other connections committed, as of the last look.
    seen: Option<i64>,
}

impl Changes {
    /// Of the database there; the first look finds it changed.
    pub async fn of(path: &Path) -> Result<Self, OpenError> {
        let path = files::existing(path)?;
        let file = Identity::of(&path);
        let conn = options(&path).read_only(true).connect().await;
        let conn = conn.map_err(|error| schema::database_error(&path, error))?;
        Ok(Self {
            conn,
            path,
            file,
            seen: None,
        })
    }

    /// Whether anything was committed since the last look.
    ///
    /// # Errors
    /// Also where another file stands at its path by now, or none.
    pub async fn look(&mut self) -> Result<bool, StoreError> {
        if Identity::of(&self.path) != self.file {
            return Err(StoreError::Replaced(self.path.clone()));
        }
        let now: i64 = sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut self.conn)
            .await?;
        Ok(self.seen.replace(now) != Some(now))
    }
}
