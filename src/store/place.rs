//! Whether the database's folder and disk are fit for it, without touching either.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

/// What is wrong with the folder that the database is, or would be, in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// Something on the way is no folder.
    NoFolder(PathBuf),
    /// We may not write there: the folder, or the database itself.
    NotWritable(PathBuf),
    /// It cannot be looked at, and why.
    Unreadable(PathBuf, io::ErrorKind),
}

/// The folder the database is in, or the nearest one above that is there; and how many bytes are free on its disk.
///
/// # Errors
/// The database cannot be written there.
pub fn folder(database: &Path) -> Result<(PathBuf, u64), Unfit> {
    let mut folder = match database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    loop {
        match std::fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => break,
            Ok(_) => return Err(Unfit::NoFolder(folder.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match folder.parent() {
                Some(above) if !above.as_os_str().is_empty() => folder = above,
                _ => folder = Path::new("."),
            },
            // A file stands where a folder should.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(Unfit::NoFolder(folder.to_owned()));
            }
            Err(error) => return Err(Unfit::Unreadable(folder.to_owned(), error.kind())),
        }
    }
    let may = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(folder, may).map_err(|_| Unfit::NotWritable(folder.to_owned()))?;
    if database.is_file() && rustix::fs::access(database, rustix::fs::Access::WRITE_OK).is_err() {
        return Err(Unfit::NotWritable(database.to_owned()));
    }
    let free = disk(&folder.join("stock.db")).map_or(u64::MAX, |disk| disk.free);
    Ok((folder.to_owned(), free))
}

/// The disk (file system) that something is on, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// What is left for users other than root.
    pub free: u64,
    pub size: u64,
}

/// The disk that a database's folder is on; `None` where it cannot be asked.
#[must_use]
pub fn disk(database: &Path) -> Option<Disk> {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
    let disk = rustix::fs::statvfs(folder.unwrap_or(Path::new("."))).ok()?;
    Some(Disk {
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
        size: disk.f_blocks.saturating_mul(disk.f_frsize),
    })
}

/// The database's mode, where others on this host may read or write it.
#[must_use]
pub fn open_to_others(database: &Path) -> Option<u32> {
    let mode = std::fs::metadata(database).ok()?.mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_that_is_there_is_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let (found, free) = folder(&home.path().join("a/b/stock.db")).unwrap();
        assert_eq!(found, home.path());
        assert!(free > 0);
        std::fs::write(home.path().join("file"), "x").unwrap();
        let below = folder(&home.path().join("file/stock.db"));
        assert_eq!(below, Err(Unfit::NoFolder(home.path().join("file"))));
        let deeper = folder(&home.path().join("file/data/stock.db"));
        assert!(matches!(deeper, Err(Unfit::NoFolder(_))), "{deeper:?}");
    }
}
