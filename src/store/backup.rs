//! A copy of the database that was proved sound, made beside a running daemon; and putting one in the database's place.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::SqliteConnection;

use crate::store::error::ErrorKind;
use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::place;
use crate::store::reader::options;
use crate::store::reader::sound;
use crate::store::schema;
use crate::store::schema::Fit;
use crate::store::value::optional_timestamp;

/// What is left free on the disk beside the copy.
const SPARE: u64 = 16 << 20;

/// Why there is no copy, or nothing was put back. The database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} is there already. Choose another name, or say --force to replace it.", .0.display())]
    Exists(PathBuf),
    #[error("{} is the database itself. Choose another name.", .0.display())]
    Itself(PathBuf),
    #[error("There is no file {}.", .0.display())]
    NoBackup(PathBuf),
    #[error("{} is no database of this program: it holds no history.", .0.display())]
    Foreign(PathBuf),
    #[error(
        "There is no room for the copy in {}: it takes {needed} bytes, and {free} are free. Make room, or choose \
         another disk.", folder.display()
    )]
    NoRoom { folder: PathBuf, needed: u64, free: u64 },
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl BackupError {
    /// The exit code that tells it apart.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Exists(_) | Self::NoRoom { .. } => 73,
            Self::Itself(_) | Self::NoBackup(_) => 64,
            Self::Foreign(_) => 65,
            Self::Open(OpenError::File { .. }) => 73,
            Self::Open(OpenError::Database { source, .. }) if source.kind() == ErrorKind::Degraded => 73,
            Self::Open(error) => error.exit_code(),
        }
    }
}

/// What a copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// In bytes.
    pub size: u64,
    /// The newest migration that was applied to it.
    pub schema: i64,
    /// When a shop was last asked before it was made.
    pub last_poll: Option<Timestamp>,
    /// Deliveries that wait in it: they are sent, under their ids, once it is in the database's place.
    pub pending: u64,
}

/// Copies the database to `target` (mode 0600) and proves the copy sound before it gets that name. Works beside a running
/// daemon and holds it up nowhere.
pub async fn back_up(database: &Path, target: &Path, replace: bool) -> Result<Copied, BackupError> {
    let database = files::existing(database)?;
    if fs::canonicalize(target).is_ok_and(|target| target == database) {
        return Err(BackupError::Itself(target.to_owned()));
    }
    if !replace && fs::symlink_metadata(target).is_ok() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let partial = files::beside(target, ".partial");
    let copied = copy(&database, &partial).await;
    let copied = match copied {
        Ok(copied) => put(&partial, target).map(|()| copied),
        Err(error) => Err(error),
    };
    if copied.is_err() {
        let _ = fs::remove_file(&partial);
    }
    copied
}

/// Puts a copy in the database's place, once it was proved sound. The database that was there is kept beside it; its path
/// where there was one. Refused while a daemon holds the lock.
pub async fn restore(
    database: &Path,
    backup: &Path,
    now: Timestamp,
) -> Result<(Copied, Option<PathBuf>), BackupError> {
    if !backup.is_file() {
        return Err(BackupError::NoBackup(backup.to_owned()));
    }
    let (database, _lock) = files::hold(database)?;
    if fs::canonicalize(backup).is_ok_and(|backup| backup == database) {
        return Err(BackupError::Itself(backup.to_owned()));
    }
    let partial = files::beside(&database, ".restoring");
    let copied = copy(backup, &partial).await;
    let replaced = match copied {
        Ok(copied) => replace(&database, &partial, now).await.map(|kept| (copied, kept)),
        Err(error) => Err(error),
    };
    if replaced.is_err() {
        let _ = fs::remove_file(&partial);
    }
    replaced
}

/// Writes a copy, looks through it, and makes it last.
async fn copy(from: &Path, to: &Path) -> Result<Copied, BackupError> {
    let mut conn = open(from).await?;
    inspect(&mut conn, from).await?;
    room(&mut conn, from, to).await?;
    files::create(to)?;
    sqlx::query("VACUUM INTO ?")
        .bind(to.to_string_lossy().into_owned())
        .execute(&mut conn)
        .await
        .map_err(|error| schema::database_error(from, error))?;
    let _ = conn.close().await;
    let copied = prove(to).await?;
    File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(files::file_error("write", to))?;
    Ok(copied)
}

async fn open(path: &Path) -> Result<SqliteConnection, BackupError> {
    let conn = options(path).read_only(true).connect().await;
    Ok(conn.map_err(|error| schema::database_error(path, error))?)
}

/// A database of ours, of this version or an older one.
async fn inspect(conn: &mut SqliteConnection, path: &Path) -> Result<(), BackupError> {
    match schema::inspect(conn, path, &schema::embedded()).await? {
        Fit::Current | Fit::Behind(_) => Ok(()),
        Fit::Empty => Err(BackupError::Foreign(path.to_owned())),
    }
}

async fn room(conn: &mut SqliteConnection, from: &Path, to: &Path) -> Result<(), BackupError> {
    let used: i64 = sqlx::query_scalar(
        "SELECT ((SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)) \
         * (SELECT page_size FROM pragma_page_size)",
    )
    .fetch_one(conn)
    .await
    .map_err(|error| schema::database_error(from, error))?;
    let needed = used.unsigned_abs();
    match place::disk(to) {
        Some(disk) if disk.free < needed.saturating_add(SPARE) => Err(BackupError::NoRoom {
            folder: to.parent().unwrap_or(to).to_owned(),
            needed: needed.saturating_add(SPARE),
            free: disk.free,
        }),
        Some(_) | None => Ok(()),
    }
}

/// Reads all of the copy: every page, every index against its table, every reference.
async fn prove(path: &Path) -> Result<Copied, BackupError> {
    let mut conn = open(path).await?;
    let looked = look_through(&mut conn, path).await;
    let _ = conn.close().await;
    looked.map_err(|error| {
        BackupError::Open(match error {
            StoreError::Damaged(detail) => OpenError::Damaged {
                path: path.to_owned(),
                detail,
            },
            StoreError::Database(error) => schema::database_error(path, error),
            source => OpenError::Database {
                path: path.to_owned(),
                source,
            },
        })
    })
}

async fn look_through(conn: &mut SqliteConnection, path: &Path) -> Result<Copied, StoreError> {
    sound(&mut *conn, "PRAGMA integrity_check(1)").await?;
    let dangling = sqlx::query("PRAGMA foreign_key_check")
        .fetch_optional(&mut *conn)
        .await?;
    if dangling.is_some() {
        return Err(StoreError::Damaged(
            "a row refers to one that is not there".to_owned(),
        ));
    }
    let (schema, last_poll, pending): (i64, Option<i64>, i64) = sqlx::query_as(
        "SELECT (SELECT max(version) FROM _sqlx_migrations), \
         (SELECT observed_at FROM polls ORDER BY id DESC LIMIT 1), \
         (SELECT count(*) FROM outbox WHERE state = 'pending')",
    )
    .fetch_one(&mut *conn)
    .await?;
    Ok(Copied {
        size: fs::metadata(path).map_or(0, |metadata| metadata.len()),
        schema,
        last_poll: optional_timestamp(last_poll)?,
        pending: pending.unsigned_abs(),
    })
}

/// Gives a file its name, so that it lasts.
fn put(partial: &Path, target: &Path) -> Result<(), BackupError> {
    fs::rename(partial, target).map_err(files::file_error("write", target))?;
    files::sync_folder(target);
    Ok(())
}

/// The database goes aside under a name of its own and the copy takes its place: at every moment one of the two is there.
async fn replace(database: &Path, partial: &Path, now: Timestamp) -> Result<Option<PathBuf>, BackupError> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let kept = files::beside(database, &format!(".before-restore-{stamp}"));
    let mut aside = None;
    if fs::symlink_metadata(database).is_ok() {
        merge_log(database).await;
        set_aside(database, &kept)?;
        aside = Some(kept.clone());
    }
    // A log that could not be merged belongs to what was set aside; to the copy it would be poison.
    let log = files::beside(database, "-wal");
    if fs::metadata(&log).is_ok_and(|metadata| metadata.len() > 0) {
        let kept_log = files::beside(&kept, "-wal");
        set_aside(&log, &kept_log)?;
    }
    for suffix in ["-wal", "-shm"] {
        let path = files::beside(database, suffix);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(files::file_error("remove", &path)(error).into());
            }
            Ok(()) | Err(_) => {}
        }
    }
    put(partial, database)?;
    Ok(aside)
}

/// What was committed last may stand in the log alone; where the database cannot be opened any more, it is kept as it is.
async fn merge_log(database: &Path) {
    if let Ok(mut conn) = options(database).connect().await {
        let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut conn)
            .await;
        let _ = conn.close().await;
    }
}

/// A second name for a file; where the disk knows no such thing, another one.
fn set_aside(path: &Path, kept: &Path) -> Result<(), BackupError> {
    if fs::hard_link(path, kept).is_ok() {
        return Ok(());
    }
    fs::rename(path, kept).map_err(files::file_error("set aside", path))?;
    Ok(())
}
