//! The database file: open, lock, migrate, begin a write.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::Sqlite;
use sqlx::SqliteConnection;
use sqlx::SqlitePool;
use sqlx::migrate::Migration;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqlitePoolOptions;

use tokio::sync::watch;

use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::files::Identity;
use crate::store::place;
use crate::store::place::Disk;
use crate::store::reader::Reader;
use crate::store::reader::options;
use crate::store::reader::reading_pool;
use crate::store::reader::sound;
use crate::store::schema;
use crate::store::schema::Fit;
use crate::store::value::InstanceId;

/// The oldest SQLite without the bug that corrupts a database when its write-ahead log is reset.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);
/// How long a write waits for the one before it, of this process or of another; the first poll of a large catalogue
/// takes seconds.
const WRITER_TIMEOUT: Duration = Duration::from_secs(30);
/// Larger files are checked after the start, by [`Store::quick_check`]: a start must not take seconds.
const CHECKED_AT_START: u64 = 128 << 20;

/// Where the history lives.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The SQLite file; made with mode 0600 where it is missing, its folder too (0700).
    pub path: PathBuf,
}

/// A database that was opened, and what the operator should know of it.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    /// There was no history: the next poll is a first sight.
    pub is_new: bool,
    /// The file was too large to be checked within the start: run [`Store::quick_check`] beside the work.
    pub unchecked: bool,
    /// In words, worth a log line each.
    pub warnings: Vec<String>,
}

/// The database, opened for writing by this process alone. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    reader: Reader,
    writer: SqlitePool,
    file: Arc<OpenFile>,
    /// Counts the times that dead letters were made due again here.
    replays: Arc<watch::Sender<u64>>,
}

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    identity: Option<Identity>,
    /// The last write did not end in a commit.
    doubtful: AtomicBool,
    /// Writes that could not begin, or did not end in a commit, since it was opened.
    failed: AtomicU64,
    /// Held for as long as any clone lives; `None` beside whoever holds it.
    _lock: Option<File>,
}

/// How the database fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The last write ended in a commit, and the file is where it was opened.
    pub last_write_held: bool,
    /// Writes since the start that could not begin, or did not end in a commit.
    pub failed_writes: u64,
    /// The file with its write-ahead log; `None` where it is not there.
    pub bytes: Option<u64>,
    /// The disk it is on; `None` where that cannot be asked.
    pub disk: Option<Disk>,
}

/// A write transaction: all of it is recorded by [`WriteTx::commit`], or nothing.
#[derive(Debug)]
pub struct WriteTx {
    conn: PoolConnection<Sqlite>,
    file: Arc<OpenFile>,
    ended: bool,
}

impl Store {
    /// Takes the lock, opens the database (made where it is missing), checks it and brings it up to date.
    pub async fn open(settings: &StoreSettings) -> Result<Opened, OpenError> {
        Self::open_with(settings, schema::embedded()).await
    }

    /// Opens an existing database for reading only: beside a running daemon, without its lock.
    pub async fn open_read_only(settings: &StoreSettings) -> Result<Reader, OpenError> {
        Reader::open(&settings.path).await
    }

    /// Opens an existing, current database beside a running daemon, without its lock: to record what people say (acks and
    /// silences), to queue a report and to send dead letters again, which no daemon holds in memory. Nothing else may be
    /// written through it.
    pub async fn open_beside(settings: &StoreSettings) -> Result<Self, OpenError> {
        let reader = Reader::open(&settings.path).await?;
        let path = files::existing(&settings.path)?;
        Ok(Self {
            reader,
            writer: writing_pool(&path),
            file: Arc::new(OpenFile {
                identity: Identity::of(&path),
                path,
                doubtful: AtomicBool::new(false),
                failed: AtomicU64::new(0),
                _lock: None,
            }),
            replays: Arc::default(),
        })
    }

    async fn open_with(settings: &StoreSettings, known: Vec<Migration>) -> Result<Opened, OpenError> {
        let prepared = files::prepare(&settings.path)?;
        let path = &prepared.path;
        let mut warnings = prepared.warnings;
        let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let unchecked = size > CHECKED_AT_START;
        let mut conn = options(path)
            .connect()
            .await
            .map_err(|error| schema::database_error(path, error))?;
        let (fit, copied) = make_fit(&mut conn, path, known, !unchecked).await?;
        close(conn, path).await?;
        if let Some(copy) = copied {
            warnings.push(format!(
                "The database was brought up to date; as it was before, it is kept in {}.",
                copy.display()
            ));
        }
        let store = Self {
            reader: Reader {
                pool: reading_pool(path),
            },
            writer: writing_pool(path),
            file: Arc::new(OpenFile {
                path: path.clone(),
                identity: Identity::of(path),
                doubtful: AtomicBool::new(false),
                failed: AtomicU64::new(0),
                _lock: Some(prepared.lock),
            }),
            replays: Arc::default(),
        };
        Ok(Opened {
            store,
            is_new: prepared.is_new || fit == Fit::Empty,
            unchecked,
            warnings,
        })
    }

    /// What can be asked without waiting for a write.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Hears of dead letters that were made due again through this store (of what other processes do it hears nothing).
    #[must_use]
    pub fn replays(&self) -> watch::Receiver<u64> {
        self.replays.subscribe()
    }

    pub(crate) fn tell_of_replays(&self, count: u64) {
        if count > 0 {
            self.replays
                .send_modify(|replays| *replays = replays.wrapping_add(1));
        }
    }

    /// The size of the database's files together, in bytes, and what is free on their disk; each where it can be told.
    #[must_use]
    pub fn space(&self) -> (Option<u64>, Option<u64>) {
        let Condition { bytes, disk, .. } = self.condition();
        (bytes, disk.map(|disk| disk.free))
    }

    /// Waits for the write before, then for the database's write lock. Dropped without a commit, nothing is recorded.
    pub async fn begin_write(&self) -> Result<WriteTx, StoreError> {
        if !self.file.is_in_place() {
            self.file.fail();
            return Err(StoreError::Replaced(self.file.path.clone()));
        }
        let conn = self.writer.acquire().await.inspect_err(|_| self.file.fail())?;
        let mut tx = WriteTx {
            conn,
            file: Arc::clone(&self.file),
            ended: false,
        };
        sqlx::query("BEGIN IMMEDIATE").execute(tx.conn()).await?;
        Ok(tx)
    }

    /// The shop of that name; made where it is not known yet.
    pub async fn instance(&self, name: &str) -> Result<InstanceId, StoreError> {
        if let Some(known) = self.reader.instance(name).await? {
            return Ok(known);
        }
        self.make_instance(name).await
    }

    pub(crate) async fn make_instance(&self, name: &str) -> Result<InstanceId, StoreError> {
        let mut tx = self.begin_write().await?;
        let id = sqlx::query_scalar(
            "INSERT INTO instances (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id",
        )
        .bind(name)
        .fetch_one(tx.conn())
        .await?;
        tx.commit().await?;
        Ok(InstanceId(id))
    }

    /// Whether what is learned can be recorded. Writes only where the last write failed, to see whether it is mended.
    pub async fn writable(&self) -> Result<(), StoreError> {
        if !self.file.is_in_place() {
            return Err(StoreError::Replaced(self.file.path.clone()));
        }
        if !self.file.doubtful.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut tx = self.begin_write().await?;
        // Unused by us; setting it writes a page.
        sqlx::query("PRAGMA user_version = 0").execute(tx.conn()).await?;
        tx.commit().await
    }

    /// How writing goes, and what there is room for; read without writing or waiting for anybody.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let file = &self.file;
        Condition {
            last_write_held: file.is_in_place() && !file.doubtful.load(Ordering::Relaxed),
            failed_writes: file.failed.load(Ordering::Relaxed),
            bytes: files::bytes(&file.path),
            disk: place::disk(&file.path),
        }
    }

    /// Looks for damage, quickly: order and structure of every page, not the indices against their tables.
    pub async fn quick_check(&self) -> Result<(), StoreError> {
        self.reader.quick_check().await
    }

    /// Looks for damage, thoroughly, references between tables included.
    pub async fn integrity_check(&self) -> Result<(), StoreError> {
        self.reader.integrity_check().await
    }

    /// Closes readers first and the writer last, which merges the write-ahead log into the file. Waits for what is
    /// under way.
    pub async fn close(self) {
        self.reader.pool.close().await;
        self.writer.close().await;
    }
}

impl OpenFile {
    /// Whether the path leads to the file that was opened.
    fn is_in_place(&self) -> bool {
        Identity::of(&self.path) == self.identity
    }

    fn fail(&self) {
        self.doubtful.store(true, Ordering::Relaxed);
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

impl WriteTx {
    pub(crate) fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.conn
    }

    /// Records all of it; on return it is on the disk. After an error nothing is recorded.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        sqlx::query("COMMIT").execute(self.conn()).await?;
        self.ended = true;
        self.file.doubtful.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Gives it up.
    pub async fn rollback(mut self) -> Result<(), StoreError> {
        sqlx::query("ROLLBACK").execute(self.conn()).await?;
        self.ended = true;
        Ok(())
    }
}

impl Drop for WriteTx {
    fn drop(&mut self) {
        if !self.ended {
            // After a failed write, above all a failed fsync, the connection's view is not to be trusted. Closing it
            // rolls back; the next write gets a fresh one.
            self.conn.close_on_drop();
            self.file.fail();
        }
    }
}

/// Checks version, fit and damage, and migrates: how it was before, and the path of the copy where one was made.
async fn make_fit(
    conn: &mut SqliteConnection,
    path: &Path,
    known: Vec<Migration>,
    check: bool,
) -> Result<(Fit, Option<PathBuf>), OpenError> {
    let failed = |error| schema::database_error(path, error);
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(&mut *conn)
        .await
        .map_err(failed)?;
    if !new_enough(&version) {
        return Err(OpenError::Library(version));
    }
    let fit = schema::inspect(conn, path, &known).await?;
    if check {
        sound(conn, "PRAGMA quick_check(1)")
            .await
            .map_err(|error| match error {
                StoreError::Damaged(detail) => OpenError::Damaged {
                    path: path.to_owned(),
                    detail,
                },
                StoreError::Database(error) => schema::database_error(path, error),
                source => OpenError::Database {
                    path: path.to_owned(),
                    source,
                },
            })?;
    }
    let copied = match fit {
        Fit::Current => return Ok((fit, None)),
        Fit::Empty => None,
        Fit::Behind(version) => Some(schema::back_up(conn, path, version).await?),
    };
    sqlx::query("PRAGMA journal_mode = WAL")
        .execute(&mut *conn)
        .await
        .map_err(failed)?;
    schema::migrate(conn, path, known).await?;
    Ok((fit, copied))
}

async fn close(conn: SqliteConnection, path: &Path) -> Result<(), OpenError> {
    conn.close()
        .await
        .map_err(|error| schema::database_error(path, error))
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= OLDEST_SQLITE
}

fn writing_pool(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(WRITER_TIMEOUT)
        .test_before_acquire(false)
        .connect_lazy_with(
            options(path)
                .busy_timeout(WRITER_TIMEOUT)
                .journal_mode(SqliteJournalMode::Wal)
                // After a first poll the log would stay as large as that was.
                .pragma("journal_size_limit", "16777216"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_second(sql: &'static str) -> Vec<Migration> {
        let mut known = schema::embedded();
        known.push(schema::migration(1000, "second", sql));
        known
    }

    async fn names(store: &Store) -> Vec<String> {
        sqlx::query_scalar("SELECT name FROM instances ORDER BY name")
            .fetch_all(&store.reader().pool)
            .await
            .unwrap()
    }

    async fn with_one_instance(settings: &StoreSettings) {
        let opened = Store::open(settings).await.unwrap();
        opened.store.instance("default").await.unwrap();
        opened.store.close().await;
    }

    #[tokio::test]
    async fn an_older_database_is_copied_then_migrated_and_the_older_program_refuses_it_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            path: folder.path().join("stock.db"),
        };
        with_one_instance(&settings).await;
        let second = "UPDATE instances SET name = 'migrated'; CREATE TABLE later (a INTEGER) STRICT;";
        let opened = Store::open_with(&settings, with_second(second)).await.unwrap();
        assert!(!opened.is_new);
        assert!(
            opened
                .warnings
                .iter()
                .any(|warning| warning.contains("before-1000")),
            "{:?}",
            opened.warnings
        );
        assert_eq!(names(&opened.store).await, ["migrated"]);
        opened.store.close().await;

        let bytes = std::fs::read(&settings.path).unwrap();
        let error = Store::open(&settings).await.unwrap_err();
        assert!(matches!(error, OpenError::Newer { found: 1000, .. }), "{error}");
        assert_eq!(std::fs::read(&settings.path).unwrap(), bytes);

        let copy = StoreSettings {
            path: folder.path().join("stock.db.before-1000"),
        };
        let opened = Store::open(&copy).await.unwrap();
        assert_eq!(names(&opened.store).await, ["default"]);
        assert_eq!(
            opened.warnings,
            Vec::<String>::new(),
            "the copy is as private as the original"
        );
        opened.store.close().await;
    }

    #[tokio::test]
    async fn a_migration_that_fails_leaves_the_database_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            path: folder.path().join("stock.db"),
        };
        with_one_instance(&settings).await;
        let second = "UPDATE instances SET name = 'half'; INSERT INTO nowhere VALUES (1);";
        Store::open_with(&settings, with_second(second))
            .await
            .unwrap_err();
        let opened = Store::open(&settings).await.unwrap();
        assert_eq!(names(&opened.store).await, ["default"]);
        opened.store.close().await;
    }

    #[tokio::test]
    async fn a_reader_does_not_read_what_was_never_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stock.db");
        let mut conn = options(&path).create_if_missing(true).connect().await.unwrap();
        schema::migrate(&mut conn, &path, Vec::new()).await.unwrap();
        conn.close().await.unwrap();
        let error = Store::open_read_only(&StoreSettings { path }).await.unwrap_err();
        assert!(matches!(error, OpenError::Missing(_)), "{error}");
    }

    #[test]
    fn versions_of_sqlite_are_compared_as_numbers() {
        for (version, enough) in [
            ("3.51.3", true),
            ("3.100.0", true),
            ("4", true),
            ("3.51.2", false),
            ("3.9.9", false),
        ] {
            assert_eq!(new_enough(version), enough, "{version}");
        }
    }

    #[test]
    fn every_column_of_the_schema_says_what_it_holds() {
        let sql = concat!(
            include_str!("../../migrations/sqlite/0001_history.sql"),
            include_str!("../../migrations/sqlite/0002_pools.sql"),
            include_str!("../../migrations/sqlite/0004_people.sql"),
            include_str!("../../migrations/sqlite/0005_reports.sql"),
            include_str!("../../migrations/sqlite/0006_prices.sql")
        );
        let is_column = |line: &&str| {
            let rest = line.strip_prefix("    ").unwrap_or_default();
            rest.starts_with(|c: char| c.is_ascii_lowercase())
        };
        let columns: Vec<_> = sql.lines().filter(is_column).collect();
        assert!(columns.len() > 80, "{}", columns.len());
        for column in columns {
            let comment = column.split_once("-- ").map_or("", |(_, comment)| comment.trim());
            assert!(!comment.is_empty(), "{column}");
        }
    }
}
