//! The database's file before SQLite sees it: folder, lock, mode, and whether it can be a database at all.

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

use rustix::fs::FlockOperation;

use crate::store::error::OpenError;

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// A file made ready for SQLite, and ours alone while `lock` lives.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Without symbolic links.
    pub path: PathBuf,
    pub lock: File,
    /// There was no database yet.
    pub is_new: bool,
    /// In words, for the operator.
    pub warnings: Vec<String>,
}

/// Which file a path led to when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The file the path leads to now; `None` where there is none.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// What a write to a file leaves on it, also of somebody who does not write as SQLite does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp([Option<(u64, SystemTime)>; 2]);

impl Stamp {
    /// Of the database and its write-ahead log.
    pub(crate) fn of(path: &Path) -> Self {
        let stamp = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.len(), metadata.modified().ok()?))
        };
        Self([stamp(path), stamp(&beside(path, "-wal"))])
    }
}

/// How many bytes the database takes, its write-ahead log included; `None` where it is not there.
pub(crate) fn bytes(path: &Path) -> Option<u64> {
    let log = fs::metadata(beside(path, "-wal")).map_or(0, |metadata| metadata.len());
    Some(fs::metadata(path).ok()?.len() + log)
}

/// `path` with something appended to its last part (`stock.db-wal`).
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The database's name without symbolic links, and its lock, whatever the file holds; its folder is made where it is
/// missing.
pub(crate) fn hold(path: &Path) -> Result<(PathBuf, File), OpenError> {
    let folder = folder_of(path)?;
    let path = resolve(path, folder)?;
    let lock = lock(&path)?;
    Ok((path, lock))
}

/// What is in the file's folder by now lasts; a disk that cannot promise that does not.
pub(crate) fn sync_folder(path: &Path) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// The folder of a file, made where it is missing.
fn folder_of(path: &Path) -> Result<&Path, OpenError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(file_error("make the folder", folder))?;
    Ok(folder)
}

/// Makes folder and file where they are missing, takes the lock, and looks at the header. SQLite gives its own files
/// the mode of the database's.
pub(crate) fn prepare(path: &Path) -> Result<Prepared, OpenError> {
    let (path, lock) = hold(path)?;
    let mut warnings = Vec::new();
    let is_new = match header(&path)? {
        Header::Missing => {
            refuse_orphaned_wal(&path, "it is missing")?;
            create(&path)?;
            true
        }
        Header::Empty => {
            refuse_orphaned_wal(&path, "it is empty")?;
            warnings.push(format!(
                "The database {} was an empty file: beginning a new one. If there was a history, stop and put a backup in its place.",
                path.display()
            ));
            true
        }
        Header::Database => false,
    };
    warnings.extend(doubts(&path));
    Ok(Prepared {
        path,
        lock,
        is_new,
        warnings,
    })
}

/// The name of a database that is to be read only. Not opened here: closing a handle of a file that this process has
/// open as a database would drop SQLite's locks on it.
pub(crate) fn existing(path: &Path) -> Result<PathBuf, OpenError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(not_a_file(path, &metadata)),
        Ok(metadata) if metadata.len() > 0 => fs::canonicalize(path).map_err(file_error("find", path)),
        Ok(_) => Err(OpenError::Missing(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::Missing(path.to_owned())),
        Err(error) => Err(file_error("read", path)(error)),
    }
}

fn not_a_file(path: &Path, metadata: &fs::Metadata) -> OpenError {
    OpenError::NotAFile {
        path: path.to_owned(),
        what: if metadata.is_dir() {
            "a folder"
        } else {
            "not a file"
        },
    }
}

/// Makes a file for its owner alone, empty if it was there.
pub(crate) fn create(path: &Path) -> Result<File, OpenError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(file_error("create", path))
}

pub(crate) fn file_error<'a>(
    doing: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> OpenError + use<'a> {
    move |source| OpenError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// One name for one file, so that two paths to it meet at one lock.
fn resolve(path: &Path, folder: &Path) -> Result<PathBuf, OpenError> {
    if let Ok(real) = fs::canonicalize(path) {
        return Ok(real);
    }
    let folder = fs::canonicalize(folder).map_err(file_error("find the folder", folder))?;
    match path.file_name() {
        Some(name) => Ok(folder.join(name)),
        None => Err(OpenError::Missing(path.to_owned())),
    }
}

/// A file of its own, since the lock is taken before the database is touched.
fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = beside(path, ".lock");
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(file_error("open the lock file", &lock_path))?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::InUse(path.to_owned())),
        Err(error) => Err(file_error("lock", &lock_path)(error.into())),
    }
}

enum Header {
    Missing,
    Empty,
    Database,
}

fn header(path: &Path) -> Result<Header, OpenError> {
    if let Ok(metadata) = fs::metadata(path)
        && !metadata.is_file()
    {
        return Err(not_a_file(path, &metadata));
    }
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Header::Missing),
        Err(error) => return Err(file_error("read", path)(error)),
    };
    let mut start = Vec::with_capacity(18);
    file.by_ref()
        .take(18)
        .read_to_end(&mut start)
        .map_err(file_error("read", path))?;
    let damaged = |detail: &str| OpenError::Damaged {
        path: path.to_owned(),
        detail: detail.to_owned(),
    };
    let page_size = match start.as_slice() {
        [] => return Ok(Header::Empty),
        [magic @ .., high, low] if magic == MAGIC => match u16::from_be_bytes([*high, *low]) {
            1 => 65536,
            size => u64::from(size),
        },
        _ => return Err(damaged("it does not begin as an SQLite database does")),
    };
    let length = file.metadata().map_err(file_error("read", path))?.len();
    // SQLite would read the missing bytes as zeros. After a crash they can still be in the log.
    if !length.is_multiple_of(page_size) && length_of_wal(path) == 0 {
        return Err(damaged("it ends within a page"));
    }
    Ok(Header::Database)
}

fn length_of_wal(path: &Path) -> u64 {
    fs::metadata(beside(path, "-wal")).map_or(0, |metadata| metadata.len())
}

/// SQLite would silently delete a write-ahead log that has no database, and with it what was not merged yet.
fn refuse_orphaned_wal(path: &Path, what: &str) -> Result<(), OpenError> {
    let wal = beside(path, "-wal");
    if length_of_wal(path) > 0 {
        return Err(OpenError::Damaged {
            path: path.to_owned(),
            detail: format!("{what}, but its write-ahead log {} is not", wal.display()),
        });
    }
    Ok(())
}

/// What is not wrong yet, but will be.
fn doubts(path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Ok(metadata) = fs::metadata(path) {
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            warnings.push(format!(
                "Others on this host can read the database {} (mode {mode:o}): chmod 600 it.",
                path.display()
            ));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            warnings.push(format!(
                "The database {} belongs to another user (uid {}).",
                path.display(),
                metadata.uid()
            ));
        }
    }
    if let Some(kind) = network_file_system(path) {
        warnings.push(format!(
            "The database {} is on {kind}, where SQLite's locks and write-ahead log are not reliable: move it to a local disk.",
            path.display()
        ));
    }
    warnings
}

#[cfg(target_os = "linux")]
fn network_file_system(path: &Path) -> Option<&'static str> {
    // The field's type differs between architectures; the magic numbers have 32 bits.
    match rustix::fs::statfs(path).ok()?.f_type as u32 {
        0x6969 => Some("NFS"),
        0x0102_1997 => Some("9p"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Some("SMB"),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn network_file_system(_path: &Path) -> Option<&'static str> {
    None
}
