//! A file replaced as a whole: readers see the old one or the new one, and the old one is kept beside it.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::io;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use uuid::Uuid;

/// What becomes of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Where the old one is kept, where there was one.
    pub backup: Option<PathBuf>,
}

/// The mode of a file that others may read where the umask lets them.
const COMMON: u32 = 0o666;
/// The mode of a file for its owner alone.
const PRIVATE: u32 = 0o600;

/// Why a file was not replaced; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    #[error("{} was changed by somebody else meanwhile. Nothing was written; try again.", .0.display())]
    Changed(PathBuf),
    #[error("cannot {doing} {}: {source}. The file is as it was.", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

/// Replaces the file, which held `before` when it was last read (`None`: there was none), keeping its mode and owner. A
/// symbolic link stays one; what it leads to is replaced.
///
/// # Errors
/// Something cannot be written, or the file changed; it is then as it was.
pub fn replace(path: &Path, before: Option<&[u8]>, text: &str) -> Result<Replaced, ReplaceError> {
    replace_as(path, before, text, COMMON)
}

/// As [`replace`]; a file that was not there is its owner's alone.
///
/// # Errors
/// As of [`replace`].
pub fn replace_private(path: &Path, before: Option<&[u8]>, text: &str) -> Result<Replaced, ReplaceError> {
    replace_as(path, before, text, PRIVATE)
}

fn replace_as(path: &Path, before: Option<&[u8]>, text: &str, mode: u32) -> Result<Replaced, ReplaceError> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| ReplaceError::File { doing, path, source }
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
    let draft = beside(&path, &format!(".{}.new", Uuid::new_v4().simple()));
    let written = write(&draft, &path, text.as_bytes(), mode).map_err(failed("write", &draft));
    let replaced = written.and_then(|()| {
        let now = read(&path).map_err(failed("read", &path))?;
        if now.as_deref() != before {
            return Err(ReplaceError::Changed(path.clone()));
        }
        let backup = match &now {
            Some(bytes) => Some(keep(&path, bytes).map_err(failed("keep a copy beside", &path))?),
            None => None,
        };
        fs::rename(&draft, &path).map_err(failed("replace", &path))?;
        // The name is on the disk only once its folder is.
        let synced = File::open(&folder).and_then(|folder| folder.sync_all());
        synced.map_err(failed("write", &folder))?;
        Ok(Replaced { backup })
    });
    if replaced.is_err() {
        let _ = fs::remove_file(&draft);
    }
    replaced
}

/// The file's bytes; `None` where there is none.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// As it was, until it is replaced the next time.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let copy = beside(path, &format!(".{}.bak", Uuid::new_v4().simple()));
    let backup = beside(path, ".bak");
    let kept = write(&copy, path, bytes, COMMON).and_then(|()| fs::rename(&copy, &backup));
    if kept.is_err() {
        let _ = fs::remove_file(&copy);
    }
    kept.map(|()| backup)
}

/// A new file with the mode and owner of another one, where that is there, else with that mode; on the disk on return.
fn write(path: &Path, like: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    if let Ok(like) = fs::metadata(like) {
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            // Only root may give a file away; for others the mode alone is kept.
            let _ = std::os::unix::fs::fchown(&file, Some(like.uid()), Some(like.gid()));
        }
        file.set_permissions(Permissions::from_mode(like.mode() & 0o7777))?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_mode_and_the_old_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.toml");
        let made = replace(&path, None, "one").unwrap();
        assert_eq!(made.backup, None);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink("monitor.toml", &link).unwrap();
        let replaced = replace(&link, Some(b"one"), "two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let backup = replaced.backup.unwrap();
        assert_eq!(fs::read(&backup).unwrap(), b"one");
        for file in [&path, &backup] {
            assert_eq!(fs::metadata(file).unwrap().mode() & 0o7777, 0o640, "{file:?}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_private_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("suggested.toml");
        replace_private(&path, None, "one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.toml");
        fs::write(&path, "theirs").unwrap();
        for before in [None, Some(b"ours".as_slice())] {
            let error = replace(&path, before, "new").unwrap_err();
            assert!(matches!(error, ReplaceError::Changed(_)), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
