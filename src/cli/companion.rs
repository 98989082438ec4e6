//! `companion`: writes the files that go onto the WHMCS host, and tells their checksums.

use std::fs;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;

use crate::cli::arguments::CompanionCommand;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::print;

/// A file of the companion.
struct Shipped {
    /// Its place within the WHMCS installation.
    path: &'static str,
    text: &'static str,
}

const FILES: [Shipped; 3] = [
    Shipped {
        path: "includes/api/getproductdetails.php",
        text: include_str!("../../companion/includes/api/getproductdetails.php"),
    },
    Shipped {
        path: "includes/hooks/stock_monitor.php",
        text: include_str!("../../companion/includes/hooks/stock_monitor.php"),
    },
    Shipped {
        path: "includes/stock_monitor/settings.example.php",
        text: include_str!("../../companion/includes/stock_monitor/settings.example.php"),
    },
];

/// What each file of ours says of itself, so that nobody else's is overwritten.
const MARK: &str = "whmcs-stock-monitor";

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(
        "{0} is there and is not the companion's: another custom action, perhaps. Nothing was written. Export into an \
         empty folder and compare, or give --force to replace it"
    )]
    Foreign(PathBuf),
    #[error("{0} cannot be written: {1}. Check that the folder is yours and not full")]
    Write(PathBuf, io::Error),
    #[error("{0} cannot be read: {1}")]
    Read(PathBuf, io::Error),
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Written,
    Replaced,
    Unchanged,
}

impl Done {
    fn word(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Replaced => "replaced",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Writes the files, or prints their checksums.
#[must_use]
pub fn companion(what: &CompanionCommand) -> Exit {
    match what {
        CompanionCommand::Checksums => {
            let lines: String = FILES
                .iter()
                .map(|file| format!("{}  {}\n", checksum(file.text), file.path))
                .collect();
            print(&lines);
            Exit::Ok
        }
        CompanionCommand::Export { folder, force } => match export(folder, *force) {
            Ok(done) => {
                print(&report(folder, &done));
                Exit::Ok
            }
            Err(error) => fail(Exit::CannotCreate, &error.to_string()),
        },
    }
}

/// Looks at every file first: all are written or, where one is not ours, none.
fn export(folder: &Path, force: bool) -> Result<Vec<(&'static Shipped, Done)>, ExportError> {
    let plan = FILES
        .iter()
        .map(|file| Ok((file, planned(file, &folder.join(file.path), force)?)))
        .collect::<Result<Vec<_>, ExportError>>()?;
    for (file, done) in &plan {
        let path = folder.join(file.path);
        match done {
            Done::Unchanged => {}
            Done::Written | Done::Replaced => {
                write(&path, file.text).map_err(|error| ExportError::Write(path, error))?;
            }
        }
    }
    Ok(plan)
}

fn planned(file: &Shipped, path: &Path, force: bool) -> Result<Done, ExportError> {
    match fs::read(path) {
        Ok(there) if there == file.text.as_bytes() => Ok(Done::Unchanged),
        Ok(there) if force || is_ours(&there) => Ok(Done::Replaced),
        Ok(_) => Err(ExportError::Foreign(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Done::Written),
        Err(error) => Err(ExportError::Read(path.to_owned(), error)),
    }
}

fn is_ours(there: &[u8]) -> bool {
    String::from_utf8_lossy(there).contains(MARK)
}

/// A reader never sees half a file: WHMCS may be serving pages from this folder.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make(folder)?;
    let fresh = path.with_extension("php.new");
    fs::write(&fresh, text)?;
    let placed =
        fs::set_permissions(&fresh, Permissions::from_mode(0o644)).and_then(|()| fs::rename(&fresh, path));
    if placed.is_err() {
        // What could not be put in place is of no use; that it cannot be removed is told by the same error.
        let _ = fs::remove_file(&fresh);
    }
    placed
}

/// Makes a folder, and those above it, for the web server to read: this program's own mask is for its secrets.
fn make(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make(above)?;
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o755))
}

fn report(folder: &Path, done: &[(&Shipped, Done)]) -> String {
    let mut text = String::new();
    for (file, done) in done {
        let path = folder.join(file.path);
        text += &format!(
            "{:<9}  {}\n           sha256 {}\n",
            done.word(),
            path.display(),
            checksum(file.text)
        );
    }
    let settings = folder.join("includes/stock_monitor/settings.php");
    let settings = if settings.exists() {
        "Your settings.php was not touched."
    } else {
        "There is no settings.php yet: copy settings.example.php for it. It is needed for hints only."
    };
    text + "\n" + settings + NEXT
}

const NEXT: &str = "

Next:
 1. Copy the folder includes/ over the one of your WHMCS installation (the folder that holds configuration.php).
 2. WHMCS: Configuration > System Settings > Manage API Credentials > API Roles: edit the monitor's role, tick
    GetProductDetails under \"Stock monitor\", save.
 3. whmcs-stock-monitor check --dry-run
docs/companion.md says more: settings, hints, upgrade, removal.
";

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
