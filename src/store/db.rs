//! The database file: open, lock, migrate, begin a write.

use std::path::PathBuf;

/// Where the history lives.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The SQLite file; made with mode 0600 where it is missing, its folder too (0700).
    pub path: PathBuf,
}
