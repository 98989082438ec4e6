//! How the monitor itself is: its version, since when it runs, its database and disk. What cannot be told is left out.

use jiff::Timestamp;

use crate::observe::process::Process;
use crate::store::db::Store;
use crate::web::reading::Unread;
use crate::web::reading::read;
use crate::web::show::Ago;

/// Less room than this on the database's disk is worth a word.
const LITTLE: u64 = 1 << 30;

/// The monitor's own health.
pub struct Monitor {
    pub version: &'static str,
    pub started: Option<Ago>,
    pub memory: Option<String>,
    pub database: Option<String>,
    pub free: Option<String>,
    pub is_little: bool,
    /// Why nothing can be recorded.
    pub unwritable: Option<Unread>,
}

/// Looks at the process, at the database's files and their disk.
pub async fn look(store: &Store, now: Timestamp) -> Monitor {
    let process = Process::read();
    let (size, free) = store.space();
    #[expect(clippy::cast_possible_truncation, reason = "a moment of our time")]
    let started = process.start_time_seconds.map(|seconds| seconds as i64);
    let started = started.and_then(|seconds| Timestamp::from_second(seconds).ok());
    Monitor {
        version: env!("CARGO_PKG_VERSION"),
        started: started.map(|at| Ago { at, now }),
        memory: process.resident_bytes.map(bytes),
        database: size.map(bytes),
        is_little: free.is_some_and(|free| free < LITTLE),
        free: free.map(bytes),
        unwritable: read(store.writable()).await.err(),
    }
}

/// `3.2 GiB`
fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} bytes");
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure in words")]
    let mut size = count as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(size < 9.95);
    format!("{size:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_units_that_people_read() {
        for (count, said) in [
            (0, "0 bytes"),
            (1024, "1.0 KiB"),
            (300_000, "293 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(bytes(count), said);
        }
    }
}
