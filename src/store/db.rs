//! The database file: open, lock, migrate, begin a write.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::SqliteConnection;
use sqlx::migrate::Migration;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqlitePoolOptions;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::store::error::ErrorKind;
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
use crate::store::watched::Conn;
use crate::store::watched::Damage;
use crate::store::watched::Pool;

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
    writer: Pool,
    file: Arc<OpenFile>,
    /// How long a write waits to begin.
    patience: Duration,
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
    damage: Damage,
    /// Why something was not recorded that should have been; `None` again after the next commit.
    reason: Mutex<Option<ErrorKind>>,
    /// Held for as long as any clone lives; `None` beside whoever holds it.
    _lock: Option<File>,
}

/// Why what is learned cannot be recorded, for everybody to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unwritable {
    pub words: &'static str,
    pub mend: &'static str,
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
    conn: Conn,
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
        let damage = reader.pool.damage().clone();
        Ok(Self {
            reader,
            writer: writing_pool(&path, damage.clone()),
            file: Arc::new(OpenFile {
                identity: Identity::of(&path),
                path,
                doubtful: AtomicBool::new(false),
                failed: AtomicU64::new(0),
                damage,
                reason: Mutex::default(),
                _lock: None,
            }),
            patience: WRITER_TIMEOUT,
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
        let damage = Damage::default();
        let store = Self {
            reader: Reader {
                pool: reading_pool(path, damage.clone()),
            },
            writer: writing_pool(path, damage.clone()),
            file: Arc::new(OpenFile {
                path: path.clone(),
                identity: Identity::of(path),
                doubtful: AtomicBool::new(false),
                failed: AtomicU64::new(0),
                damage,
                reason: Mutex::default(),
                _lock: Some(prepared.lock),
            }),
            patience: WRITER_TIMEOUT,
            replays: Arc::default(),
        };
        Ok(Opened {
            store,
            is_new: prepared.is_new || fit == Fit::Empty,
            unchecked,
            warnings,
        })
    }

    /// The same database for those who would rather hear that it is busy than wait longer than this for a write.
    #[must_use]
    pub fn patient_for(&self, patience: Duration) -> Self {
        Self {
            patience,
            ..self.clone()
        }
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
        let begun = Instant::now();
        let conn = match timeout(self.patience, self.writer.acquire()).await {
            Ok(conn) => conn.inspect_err(|_| self.file.fail())?,
            // A write of our own goes on: nothing has failed.
            Err(_) => return Err(sqlx::Error::PoolTimedOut.into()),
        };
        let mut tx = WriteTx {
            conn,
            file: Arc::clone(&self.file),
            ended: false,
        };
        let left = self.patience.saturating_sub(begun.elapsed()).as_millis();
        sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {left}")))
            .execute(tx.conn())
            .await?;
        sqlx::query("BEGIN IMMEDIATE").execute(tx.conn()).await?;
        Ok(tx)
    }

    /// The same for what a person asks for: who says something hears at once that a damaged file does not keep it.
    pub(crate) async fn begin_said(&self) -> Result<WriteTx, StoreError> {
        self.undamaged()?;
        self.begin_write().await
    }

    fn undamaged(&self) -> Result<(), StoreError> {
        if self.file.damage.is_known() {
            return Err(StoreError::Damaged("it was found so before".to_owned()));
        }
        Ok(())
    }

    /// How many writes failed since the start.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.file.failed.load(Ordering::Relaxed)
    }

    /// Notes that something could not be recorded, whether reading for it or writing it failed; `before` is what
    /// [`Store::failures`] were when it began.
    pub fn not_recorded(&self, error: &StoreError, before: u64) {
        if self.failures() == before {
            self.file.fail();
        }
        *self.file.reason() = Some(error.kind());
    }

    /// Why nothing can be recorded, as far as that is known without trying; `None` where the last that should be
    /// recorded was.
    #[must_use]
    pub fn unwritable(&self) -> Option<Unwritable> {
        let file = &self.file;
        let (words, mend) = if file.damage.is_known() {
            (
                "The database cannot be written: it is damaged.",
                "Stop the daemon and restore a backup.",
            )
        } else if !file.is_in_place() {
            (
                "The database cannot be written: its file was deleted or replaced.",
                "Put it back, or restart to begin anew.",
            )
        } else {
            match (*file.reason())? {
                ErrorKind::Transient => (
                    "The database cannot be written: another process holds it locked.",
                    "End what holds it, such as a backup or a shell of sqlite3.",
                ),
                ErrorKind::Degraded => (
                    "The database cannot be written: the disk is full, read-only or failing.",
                    "Make room, or mend the disk.",
                ),
                ErrorKind::Fatal | ErrorKind::Other => (
                    "The database cannot be written: the last poll could not be recorded.",
                    "The monitor's log says why.",
                ),
            }
        };
        Some(Unwritable { words, mend })
    }

    /// The shop of that name; made where it is not known yet.
    pub async fn instance(&self, name: &str) -> Result<InstanceId, StoreError> {
        if let Some(known) = self.reader.instance(name).await? {
            return Ok(known);
        }
        self.make_instance(name).await
    }

    pub(crate) async fn write_anew(&self) -> Result<(), StoreError> {
        let mut conn = self.writer.acquire().await?;
        sqlx::query("PRAGMA auto_vacuum = INCREMENTAL")
            .execute(&mut conn)
            .await?;
        sqlx::query("VACUUM").execute(&mut conn).await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut conn)
            .await?;
        Ok(())
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
        self.undamaged()?;
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
            last_write_held: file.is_in_place()
                && !file.damage.is_known()
                && !file.doubtful.load(Ordering::Relaxed),
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

    fn reason(&self) -> MutexGuard<'_, Option<ErrorKind>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self) {
        self.doubtful.store(true, Ordering::Relaxed);
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

impl WriteTx {
    pub(crate) fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// Records all of it; on return it is on the disk. After an error nothing is recorded.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        sqlx::query("COMMIT").execute(self.conn()).await?;
        self.ended = true;
        self.file.doubtful.store(false, Ordering::Relaxed);
        *self.file.reason() = None;
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
        sound(&mut *conn, "PRAGMA quick_check(1)")
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
        Fit::Empty => {
            // Only before the first table: what is taken away later can be given back to the disk.
            sqlx::query("PRAGMA auto_vacuum = INCREMENTAL")
                .execute(&mut *conn)
                .await
                .map_err(failed)?;
            None
        }
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

fn writing_pool(path: &Path, damage: Damage) -> Pool {
    let pool = SqlitePoolOptions::new()
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
        );
    Pool::new(pool, damage)
}

#[cfg(test)]
mod upgrades;

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
            include_str!("../../migrations/sqlite/0006_prices.sql"),
            include_str!("../../migrations/sqlite/0011_days.sql")
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
