//! The walk of the database: its folder and disk, the file, and whether it is sound; beside a running daemon, too.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;

use crate::doctor::finding::Id;
use crate::doctor::finding::Walk;
use crate::doctor::finding::Wrong;
use crate::store::error::ErrorKind;
use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::place;
use crate::store::place::Unfit;
use crate::store::reader::Reader;

/// Less free than this is worth a warning, in bytes.
const ROOM: u64 = 256 << 20;
/// The longest that a step may take.
pub const STEP: Duration = Duration::from_secs(10);
/// The setting it is all about.
const SETTING: &str = "DATABASE_URL";

/// Walks as far as it gets, looking for damage for at most `patience`; the database where it can be read.
pub async fn walk(path: &Path, patience: Duration) -> (Walk, Option<Reader>) {
    let mut walk = Walk::new("database", None);
    match folder(path).await {
        Ok((folder, free)) => match cramped(&folder, free) {
            Some(wrong) => walk.found("folder", wrong),
            None => walk.ok("folder", format!("{} can be written", folder.display())),
        },
        Err(unfit) => {
            walk.found("folder", unfit);
            walk.not_checked(&["file", "soundness"], "the folder comes first");
            return (walk, None);
        }
    }
    let reader = match timeout(STEP, Reader::open(path)).await {
        Ok(Ok(reader)) => reader,
        Err(_) => {
            walk.found("file", slow());
            walk.not_checked(&["soundness"], "the file comes first");
            return (walk, None);
        }
        Ok(Err(error)) => {
            match unopened(path, &error) {
                Ok(detail) => walk.ok("file", detail),
                Err(wrong) => walk.found("file", wrong),
            }
            walk.not_checked(&["soundness"], "there is no database to read yet");
            return (walk, None);
        }
    };
    match place::open_to_others(path) {
        Some(mode) => walk.found("file", open_to_others(path, mode)),
        None => walk.ok("file", path.display().to_string()),
    }
    match timeout(patience, reader.quick_check()).await {
        Err(_) => {
            let why = format!(
                "too large to be looked through within {} s",
                patience.as_secs_f64()
            );
            walk.not_checked(&["soundness"], &why);
            (walk, Some(reader))
        }
        Ok(Ok(())) => {
            walk.ok("soundness", "no damage found");
            (walk, Some(reader))
        }
        Ok(Err(error)) => {
            walk.found("soundness", unsound(path, &error));
            close(reader).await;
            (walk, None)
        }
    }
}

/// Closes it, where that does not take too long: what still reads is left to the end of the process.
pub async fn close(reader: Reader) {
    let _ = timeout(Duration::from_secs(1), reader.close()).await;
}

/// The folder, and what is free there.
async fn folder(path: &Path) -> Result<(PathBuf, u64), Wrong> {
    let looked_at = path.to_owned();
    let look = tokio::task::spawn_blocking(move || place::folder(&looked_at));
    match timeout(STEP, look).await {
        Ok(Ok(found)) => found.map_err(|unfit| misplaced(&unfit)),
        Ok(Err(_)) | Err(_) => Err(slow()),
    }
}

/// The disk does not answer.
#[must_use]
pub fn slow() -> Wrong {
    Wrong::failure(
        Id::DatabaseUnreadable,
        format!("The database cannot be read within {} s.", STEP.as_secs()),
        "Check its disk: a network disk that is gone, or one that is overloaded, holds the monitor up as well.",
    )
    .about(SETTING)
}

/// No walk: where the database is meant to be is not known.
#[must_use]
pub fn unknown() -> Walk {
    let mut walk = Walk::new("database", None);
    walk.not_checked(&["folder", "file", "soundness"], "DATABASE_URL is not sound");
    walk
}

fn cramped(folder: &Path, free: u64) -> Option<Wrong> {
    (free < ROOM).then(|| {
        Wrong::warning(
            Id::DiskSpaceLow,
            format!("Only {} MiB are free where {} is.", free >> 20, folder.display()),
            "Make room, or move the database to a larger disk: once the disk is full nothing can be recorded.",
        )
        .about(SETTING)
    })
}

fn misplaced(unfit: &Unfit) -> Wrong {
    let problem = match unfit {
        Unfit::NoFolder(path) => format!("{} is no folder, so no database can be in it.", path.display()),
        Unfit::NotWritable(path) => {
            format!("{} cannot be written by the user that runs this.", path.display())
        }
        Unfit::Unreadable(path, kind) => {
            format!("The folder {} cannot be looked at: {kind}.", path.display())
        }
    };
    let mend = "Name a file in a folder that belongs to the user the monitor runs as (chown, or another path), such as \
                sqlite://data/stock.db.";
    Wrong::failure(Id::DatabaseFolder, problem, mend).about(SETTING)
}

/// Where no database is a reason to wait, and where it is a finding.
fn unopened(path: &Path, error: &OpenError) -> Result<String, Wrong> {
    let shown = path.display();
    let wrong = match error {
        OpenError::Missing(_) => return Ok("none yet: the daemon makes it at its first start".to_owned()),
        OpenError::Older(_) => {
            return Ok("of an older version: the daemon brings it up to date at its start".to_owned());
        }
        OpenError::Damaged { detail, .. } => damaged(path, detail),
        OpenError::Newer { found, known, .. } => Wrong::failure(
            Id::DatabaseNewer,
            format!(
                "The database {shown} was written by a newer version (schema {found}; this one knows up to {known})."
            ),
            "Install that version again, or put the copy from before the upgrade (stock.db.before-…) in its place.",
        ),
        OpenError::Migration { version, .. } => Wrong::failure(
            Id::DatabaseMigration,
            format!(
                "The database {shown} was made by another version: its migration {version} is not the one known here."
            ),
            "Install the version that made it, or put a backup in its place.",
        ),
        OpenError::Foreign(_) => Wrong::failure(
            Id::DatabaseForeign,
            format!("{shown} is a database of another program."),
            format!("Name another file in {SETTING}."),
        ),
        OpenError::NotAFile { what, .. } => Wrong::failure(
            Id::DatabaseUnreadable,
            format!("{shown} is {what}, where the database's file should be."),
            format!("Name another file in {SETTING}, or move it away."),
        ),
        OpenError::InUse(_) | OpenError::Library(_) | OpenError::File { .. } | OpenError::Database { .. } => {
            Wrong::failure(
                Id::DatabaseUnreadable,
                error.to_string(),
                "Check the permissions of the file and of those beside it (-wal, -shm), and the disk.",
            )
        }
    };
    Err(wrong.about(SETTING))
}

fn open_to_others(path: &Path, mode: u32) -> Wrong {
    let shown = path.display();
    Wrong::warning(
        Id::DatabaseOpenToOthers,
        format!("Others on this host can read the database {shown} (mode {mode:o}): it holds mails and webhooks to be sent."),
        format!("Run chmod 600 {shown}, and the same for the files beside it (-wal, -shm)."),
    )
    .about(SETTING)
}

fn damaged(path: &Path, detail: &str) -> Wrong {
    let shown = path.display();
    Wrong::failure(
        Id::DatabaseDamaged,
        format!("The database {shown} is damaged: {detail}."),
        format!(
            "Stop the daemon and keep a copy of {shown} and of the files beside it. Then put a backup in its place; or \
             salvage it with sqlite3 {shown} .recover | sqlite3 new.db; or move it (with -wal and -shm) away to begin anew."
        ),
    )
    .about(SETTING)
}

fn unsound(path: &Path, error: &StoreError) -> Wrong {
    match error.kind() {
        ErrorKind::Fatal => damaged(path, &error.to_string()),
        ErrorKind::Transient | ErrorKind::Degraded | ErrorKind::Other => unreadable(error),
    }
}

/// What a statement that failed means.
#[must_use]
pub fn unreadable(error: &StoreError) -> Wrong {
    Wrong::failure(
        Id::DatabaseUnreadable,
        format!("The database cannot be read through: {error}."),
        "Check the disk and the permissions of the file and of those beside it (-wal, -shm).",
    )
    .about(SETTING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_a_warning_that_names_the_folder() {
        let wrong = cramped(Path::new("/var/lib/stock"), 100 << 20).expect("cramped");
        assert_eq!(
            (wrong.id, wrong.problem.as_str()),
            (Id::DiskSpaceLow, "Only 100 MiB are free where /var/lib/stock is.")
        );
        assert_eq!(cramped(Path::new("/var/lib/stock"), 1 << 30), None);
    }
}
