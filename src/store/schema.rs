//! The schema: which migrations there are, whether a database fits them, and bringing it up to date.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use sqlx::SqlSafeStr;
use sqlx::SqliteConnection;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;

use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::error::sqlite_code;
use crate::store::files;

/// Copies from before migrations that are kept.
const COPIES: usize = 3;

/// The migrations of this version, oldest first. Forward only, and what was released never changes.
pub(crate) fn embedded() -> Vec<Migration> {
    vec![
        migration(
            1,
            "history",
            include_str!("../../migrations/sqlite/0001_history.sql"),
        ),
        migration(2, "pools", include_str!("../../migrations/sqlite/0002_pools.sql")),
        migration(3, "parts", include_str!("../../migrations/sqlite/0003_parts.sql")),
        migration(
            4,
            "people",
            include_str!("../../migrations/sqlite/0004_people.sql"),
        ),
        migration(
            5,
            "reports",
            include_str!("../../migrations/sqlite/0005_reports.sql"),
        ),
        migration(
            6,
            "prices",
            include_str!("../../migrations/sqlite/0006_prices.sql"),
        ),
        migration(
            7,
            "lookups",
            include_str!("../../migrations/sqlite/0007_lookups.sql"),
        ),
        migration(
            8,
            "happenings",
            include_str!("../../migrations/sqlite/0008_happenings.sql"),
        ),
        migration(
            9,
            "sessions",
            include_str!("../../migrations/sqlite/0009_sessions.sql"),
        ),
        migration(
            10,
            "kinds",
            include_str!("../../migrations/sqlite/0010_kinds.sql"),
        ),
        migration(11, "days", include_str!("../../migrations/sqlite/0011_days.sql")),
    ]
}

pub(crate) fn migration(version: i64, description: &'static str, sql: &'static str) -> Migration {
    Migration::new(
        version,
        description.into(),
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    )
}

/// How a database stands to the migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Nothing is in it yet.
    Empty,
    /// The migrations from this one on are not applied yet.
    Behind(i64),
    Current,
}

/// Compares without changing anything.
pub(crate) async fn inspect(
    conn: &mut SqliteConnection,
    path: &Path,
    known: &[Migration],
) -> Result<Fit, OpenError> {
    let failed = |error| database_error(path, error);
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .fetch_all(&mut *conn)
        .await
        .map_err(failed)?;
    if !tables.iter().any(|name| name == "_sqlx_migrations") {
        return if tables.is_empty() {
            Ok(Fit::Empty)
        } else {
            Err(OpenError::Foreign(path.to_owned()))
        };
    }
    let applied: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
            .fetch_all(&mut *conn)
            .await
            .map_err(failed)?;
    let newest = known.last().map_or(0, |migration| migration.version);
    if let Some((found, _)) = applied.last().filter(|(found, _)| *found > newest) {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: *found,
            known: newest,
        });
    }
    for (version, checksum) in &applied {
        let same = known
            .iter()
            .any(|migration| migration.version == *version && *migration.checksum == **checksum);
        if !same {
            return Err(OpenError::Migration {
                path: path.to_owned(),
                version: *version,
            });
        }
    }
    let missing = known
        .iter()
        .find(|migration| !applied.iter().any(|(version, _)| *version == migration.version));
    Ok(match missing {
        None => Fit::Current,
        Some(_) if applied.is_empty() => Fit::Empty,
        Some(migration) => Fit::Behind(migration.version),
    })
}

/// Applies what is missing, each migration in a transaction of its own.
pub(crate) async fn migrate(
    conn: &mut SqliteConnection,
    path: &Path,
    known: Vec<Migration>,
) -> Result<(), OpenError> {
    Migrator::with_migrations(known)
        .run_direct(None, conn, false)
        .await
        .map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error)
            | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => database_error(path, error),
            other => database_error(path, sqlx::Error::from(other)),
        })
}

/// Copies the database to `stock.db.before-N` as it was before migration N; a copy that was cut short is never
/// taken for a whole one.
pub(crate) async fn back_up(
    conn: &mut SqliteConnection,
    path: &Path,
    version: i64,
) -> Result<PathBuf, OpenError> {
    let target = files::beside(path, &format!(".before-{version}"));
    let partial = files::beside(path, &format!(".before-{version}.partial"));
    files::create(&partial)?;
    sqlx::query("VACUUM INTO ?")
        .bind(partial.to_string_lossy().into_owned())
        .execute(conn)
        .await
        .map_err(|error| database_error(path, error))?;
    fs::File::open(&partial)
        .and_then(|file| file.sync_all())
        .map_err(files::file_error("write", &partial))?;
    fs::rename(&partial, &target).map_err(files::file_error("write", &target))?;
    files::sync_folder(&target);
    forget_old_copies(path);
    Ok(target)
}

/// Of the copies that were made before migrations, the newest stay. That one cannot be removed harms nothing.
fn forget_old_copies(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let begin = format!("{}.before-", name.to_string_lossy());
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut copies: Vec<(i64, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_string_lossy().strip_prefix(&begin)?.parse();
            Some((version.ok()?, entry.path()))
        })
        .collect();
    copies.sort();
    let old = copies.len().saturating_sub(COPIES);
    for (_, copy) in copies.into_iter().take(old) {
        let _ = fs::remove_file(copy);
    }
}

/// Damage is told apart from what may pass.
pub(crate) fn database_error(path: &Path, error: sqlx::Error) -> OpenError {
    match sqlite_code(&error) {
        Some(11 | 26) => OpenError::Damaged {
            path: path.to_owned(),
            detail: error
                .as_database_error()
                .map_or_else(String::new, |e| e.message().to_owned()),
        },
        _ => OpenError::Database {
            path: path.to_owned(),
            source: StoreError::Database(error),
        },
    }
}
