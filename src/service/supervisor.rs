//! What the service manager hears of the daemon, by the protocol of systemd's sd_notify; nothing where there is none.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fmt::Write;
use std::future::Future;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::ClockId;
use rustix::time::clock_gettime;
use tokio::time::sleep;

/// A manager that reads nothing holds the daemon up no longer than this.
const PATIENCE: Duration = Duration::from_millis(500);
/// What is asked for each time while something takes long, how often, and how many times at most: an hour in all.
const EXTENSION: Duration = Duration::from_secs(60);
const EXTEND_EVERY: Duration = Duration::from_secs(20);
const EXTENSIONS: u32 = 180;
/// The longest line of state, in bytes.
const LONGEST_STATUS: usize = 400;

/// Tells the service manager how the daemon fares. Clones speak to the same one.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    manager: Option<Arc<Manager>>,
    watchdog: Option<Duration>,
}

#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Supervisor {
    /// As the environment says (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`); `pid` is this process.
    ///
    /// # Errors
    /// There is a socket to notify, and it cannot be used.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>, pid: u32) -> io::Result<Self> {
        let Some(path) = variable("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else {
            return Ok(Self::default());
        };
        let address = address(&path)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        let ours = variable("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(u64::from(pid));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| ours && *usec > 0);
        Ok(Self {
            manager: Some(Arc::new(Manager { socket, address })),
            watchdog: watchdog.map(Duration::from_micros),
        })
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.manager.is_some()
    }

    /// After how much silence the manager takes the daemon for dead; `None` where it does not watch.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The daemon does its work; also after each reload, whether or not anything came of it.
    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// The configuration is read again; [`Supervisor::ready`] follows.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let usec = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"));
    }

    /// The daemon ends, and why.
    pub fn stopping(&self, why: &str) {
        self.say(&format!("STOPPING=1\nSTATUS={}", line(why)));
    }

    /// How it fares, in a line for people.
    pub fn status(&self, words: &str) {
        self.say(&format!("STATUS={}", line(words)));
    }

    /// Every loop is alive.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// Does what may take long, and asks the manager for patience meanwhile.
    pub async fn patiently<F: Future>(&self, doing: &str, work: F) -> F::Output {
        let mut work = pin!(work);
        if !self.is_there() {
            return work.await;
        }
        self.status(doing);
        for _ in 0..EXTENSIONS {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = sleep(EXTEND_EVERY) => {}
            }
            self.say(&format!("EXTEND_TIMEOUT_USEC={}", EXTENSION.as_micros()));
        }
        work.await
    }

    fn say(&self, what: &str) {
        let Some(manager) = &self.manager else { return };
        let sent = manager.socket.send_to_addr(what.as_bytes(), &manager.address);
        if let Err(error) = sent {
            tracing::debug!(%error, "The service manager was not reached.");
        }
    }
}

/// A path, or a name without one after `@`.
fn address(path: &OsStr) -> io::Result<SocketAddr> {
    match path.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(path),
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is neither a path nor a name that begins with @",
        )),
    }
}

/// One line of bounded length: a line break would begin another assignment.
fn line(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for char in words.chars() {
        if out.len() + char.len_utf8() > LONGEST_STATUS {
            out.push('…');
            break;
        }
        let _ = out.write_char(if char.is_control() { ' ' } else { char });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn with(variables: &[(&str, &str)]) -> io::Result<Supervisor> {
        let find = |name: &str| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some(OsString::from(value))
        };
        Supervisor::of(find, 77)
    }

    fn manager(folder: &Path) -> (UnixDatagram, String) {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        (socket, path.to_str().unwrap().to_owned())
    }

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn each_state_is_one_datagram_in_the_words_of_the_protocol() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, path) = manager(folder.path());
        let supervisor = with(&[("NOTIFY_SOCKET", &path)]).unwrap();
        assert!(supervisor.is_there());
        supervisor.ready();
        supervisor.status("two\nlines, and READY=1");
        supervisor.stopping("Told to.");
        supervisor.alive();
        let said: Vec<String> = (0..4).map(|_| heard(&socket)).collect();
        assert_eq!(
            said,
            [
                "READY=1",
                "STATUS=two lines, and READY=1",
                "STOPPING=1\nSTATUS=Told to.",
                "WATCHDOG=1"
            ]
        );
        let before = clock_gettime(ClockId::Monotonic);
        supervisor.reloading();
        let reloading = heard(&socket);
        let usec: i64 = reloading
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .and_then(|usec| usec.parse().ok())
            .unwrap();
        let after = clock_gettime(ClockId::Monotonic);
        assert!(
            (before.tv_sec..=after.tv_sec).contains(&(usec / 1_000_000)),
            "{reloading}"
        );
    }

    #[test]
    fn a_name_without_a_path_is_reached_too() {
        let name = format!("whmcs-stock-monitor-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        with(&[("NOTIFY_SOCKET", &format!("@{name}"))]).unwrap().ready();
        assert_eq!(heard(&socket), "READY=1");
    }

    #[test]
    fn the_watchdog_is_another_process_s_where_it_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let (_socket, path) = manager(folder.path());
        let watchdog = |more: &[(&str, &str)]| {
            let all = [&[("NOTIFY_SOCKET", path.as_str())], more].concat();
            with(&all).unwrap().watchdog()
        };
        let half = Some(Duration::from_millis(500));
        assert_eq!(watchdog(&[]), None);
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "500000")]), half);
        assert_eq!(
            watchdog(&[("WATCHDOG_USEC", "500000"), ("WATCHDOG_PID", "77")]),
            half
        );
        assert_eq!(
            watchdog(&[("WATCHDOG_USEC", "500000"), ("WATCHDOG_PID", "78")]),
            None
        );
        assert_eq!(
            watchdog(&[("WATCHDOG_USEC", "500000"), ("WATCHDOG_PID", "?")]),
            None
        );
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "soon")]), None);
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(with(&[("WATCHDOG_USEC", "500000")]).unwrap().watchdog(), None);
    }

    #[test]
    fn without_a_manager_nothing_is_said_and_a_socket_that_is_none_is_refused() {
        let none = with(&[]).unwrap();
        none.ready();
        assert!(!none.is_there());
        assert!(!with(&[("NOTIFY_SOCKET", "")]).unwrap().is_there());
        assert!(with(&[("NOTIFY_SOCKET", "vsock:2:1234")]).is_err());
        let gone = with(&[("NOTIFY_SOCKET", "/nowhere/notify")]).unwrap();
        gone.ready();
    }

    #[test]
    fn a_line_is_never_longer_than_a_manager_takes() {
        assert_eq!(line(&"ü".repeat(1000)).chars().count(), LONGEST_STATUS / 2 + 1);
        assert_eq!(line("a\r\nb\u{0}c"), "a  b c");
    }
}
