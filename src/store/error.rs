//! What can go wrong with the database, sorted by what to do about it.

use std::io;
use std::path::PathBuf;

/// What a failure of the database means for the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Somebody else holds the database; the same again a little later may succeed.
    Transient,
    /// The disk is full, read-only or failing: nothing can be recorded until that is mended.
    Degraded,
    /// The file is damaged or was taken away: going on would lose or spoil data.
    Fatal,
    /// A mistake of the program, or of the data it was given.
    Other,
}

/// A statement or transaction that failed. Nothing of its transaction was recorded.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite or the way to it failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// An event of that key is recorded already.
    #[error("the event {0:?} is recorded already")]
    Duplicate(String),
    /// What is asked to be recorded is of a series that is not there.
    #[error("the database knows no series {0} of that shop")]
    NoSeries(u32),
    /// The file was deleted or replaced while open, so what is written would be lost.
    #[error("the database {} was deleted or replaced while in use; restart to begin anew, or put it back first", .0.display())]
    Replaced(PathBuf),
    /// A stored value that cannot be understood.
    #[error("the database holds {0}")]
    BadData(String),
    /// `quick_check` or `integrity_check` found something.
    #[error("the database is damaged: {0}")]
    Damaged(String),
}

impl StoreError {
    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Database(error) => kind_of(error),
            Self::Duplicate(_) | Self::NoSeries(_) | Self::BadData(_) => ErrorKind::Other,
            Self::Replaced(_) | Self::Damaged(_) => ErrorKind::Fatal,
        }
    }
}

impl StoreError {
    /// Whether it says that the file's content is spoilt, not only out of reach.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Database(error) => is_damage(error),
            Self::Damaged(_) => true,
            Self::Duplicate(_) | Self::NoSeries(_) | Self::Replaced(_) | Self::BadData(_) => false,
        }
    }
}

/// Whether SQLite says that the file's content is spoilt.
pub(crate) fn is_damage(error: &sqlx::Error) -> bool {
    matches!(sqlite_code(error), Some(11 | 26))
}

/// SQLite's primary result code, where the error is one of SQLite's.
pub(crate) fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

fn kind_of(error: &sqlx::Error) -> ErrorKind {
    match sqlite_code(error) {
        Some(5 | 6) => ErrorKind::Transient,
        // CANTOPEN comes of exhausted file descriptors, NOMEM of memory: both pass.
        Some(7 | 8 | 10 | 13 | 14) => ErrorKind::Degraded,
        Some(11 | 26) => ErrorKind::Fatal,
        Some(_) => ErrorKind::Other,
        None => match error {
            sqlx::Error::PoolTimedOut => ErrorKind::Transient,
            sqlx::Error::Io(_) => ErrorKind::Degraded,
            // The driver's own list is open-ended.
            _ => ErrorKind::Other,
        },
    }
}

/// Why the database cannot be used. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("The database {} is in use by another monitor. Is it already running?", .0.display())]
    InUse(PathBuf),
    #[error(
        "The database {} is damaged: {detail}. Nothing was changed. Keep a copy of it and of the files beside it, \
         then put a backup in its place; or salvage it with `sqlite3 {} .recover | sqlite3 new.db`; \
         or move it (with -wal and -shm) away to begin anew.", path.display(), path.display()
    )]
    Damaged { path: PathBuf, detail: String },
    #[error("{} is a database of another program. Check DATABASE_URL.", .0.display())]
    Foreign(PathBuf),
    #[error(
        "The database {} was written by a newer version (schema {found}, this one knows up to {known}). Nothing was \
         changed. Install that version again, or put the copy from before the upgrade in its place.", path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("The database {} is of an older version; start the daemon once to bring it up to date.", .0.display())]
    Older(PathBuf),
    #[error("There is no database at {}. Start the daemon once, or check DATABASE_URL.", .0.display())]
    Missing(PathBuf),
    #[error("{} is {what}, where the database's file should be. Check DATABASE_URL, or move it away.", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    #[error(
        "Migration {version} of the database {} is not the one this version carries. Install the version that \
         made it, or put a backup in its place.", path.display()
    )]
    Migration { path: PathBuf, version: i64 },
    #[error("SQLite {0} is linked in; before 3.51.3 it can corrupt a database.")]
    Library(String),
    #[error("Cannot {doing} {}: {source}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("The database {} cannot be opened: {source}", path.display())]
    Database { path: PathBuf, source: StoreError },
}

impl OpenError {
    /// The exit code that tells it apart.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::InUse(_) => 75,
            Self::Damaged { .. } | Self::Newer { .. } | Self::Foreign(_) => 65,
            Self::Older(_)
            | Self::Missing(_)
            | Self::NotAFile { .. }
            | Self::Migration { .. }
            | Self::File { .. } => 78,
            Self::Library(_) => 70,
            Self::Database { source, .. } => match source.kind() {
                ErrorKind::Transient => 75,
                ErrorKind::Fatal => 65,
                ErrorKind::Degraded | ErrorKind::Other => 70,
            },
        }
    }
}
