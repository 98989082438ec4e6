//! A service manager's end of sd_notify: it listens on a socket of its own and keeps what it heard.

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use crate::daemon::eventually;

/// Hears everything until the end of the process.
pub struct Manager {
    folder: TempDir,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Manager {
    /// Listens.
    pub fn listening() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let hearing = Arc::clone(&heard);
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length) = socket.recv(&mut buffer) {
                let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
                hearing.lock().unwrap_or_else(PoisonError::into_inner).push(said);
            }
        });
        Self { folder, heard }
    }

    /// The `NOTIFY_SOCKET` of it.
    pub fn address(&self) -> String {
        self.folder.path().join("notify").to_string_lossy().into_owned()
    }

    /// Everything it heard, a datagram each.
    pub fn said(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many datagrams began so.
    pub fn count(&self, what: &str) -> usize {
        self.said().iter().filter(|said| said.starts_with(what)).count()
    }

    /// READY, RELOADING and STOPPING in the order they were heard; what is said twice at an end counts once.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self
            .said()
            .iter()
            .filter_map(|said| said.lines().next())
            .filter(|word| ["READY=1", "RELOADING=1", "STOPPING=1"].contains(word))
            .map(str::to_owned)
            .collect();
        words.dedup_by(|a, b| a == b && a == "STOPPING=1");
        words
    }

    /// Waits for a datagram that begins so.
    pub fn wait_for(&self, what: &str) -> String {
        let find = || self.said().into_iter().find(|said| said.starts_with(what));
        eventually(&format!("{what:?} is heard, among {:?}", self.said()), find)
    }

    /// Waits for that many more of them.
    pub fn wait_for_more(&self, what: &str, count: usize) {
        let goal = self.count(what) + count;
        eventually(&format!("{count} more {what:?}"), || {
            (self.count(what) >= goal).then_some(())
        });
    }

    /// Waits until nothing that begins so was heard for that long.
    pub fn wait_for_silence(&self, what: &str, long: Duration) {
        let mut last = (self.count(what), Instant::now());
        eventually(&format!("no more {what:?}"), || {
            let now = self.count(what);
            if now != last.0 {
                last = (now, Instant::now());
            }
            (last.1.elapsed() >= long).then_some(())
        });
    }
}
