//! The real program as a process in a folder of its own: started, asked over HTTP, signalled, watched, started again.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::fs::Permissions;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;
use tempfile::TempDir;

/// Long enough for a busy machine; nothing waits this long where all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` gives a value, and panics where it never does.
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A working directory: its `.env`, what else is in the environment, the database and the logs.
pub struct Home {
    folder: TempDir,
    settings: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    logs: AtomicU32,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Ended {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Home {
    /// A folder whose `.env` holds these. The daemon's port is a free one.
    pub fn new(settings: &[(&str, &str)]) -> Self {
        let home = Self {
            folder: tempfile::tempdir().expect("a folder"),
            settings: BTreeMap::new(),
            environment: BTreeMap::from([("HTTP_LISTEN".to_owned(), "127.0.0.1:0".to_owned())]),
            logs: AtomicU32::new(0),
        };
        let mut home = home;
        for (name, value) in settings {
            home.set(name, value);
        }
        home
    }

    /// Sets a line of `.env`, for the next start or reload.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
        self.write_settings();
    }

    /// Takes a line out of `.env`.
    pub fn unset(&mut self, name: &str) {
        self.settings.remove(name);
        self.write_settings();
    }

    fn write_settings(&self) {
        let lines: String = self
            .settings
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        self.write(".env", &lines);
    }

    /// Sets a variable of the real environment.
    pub fn export(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// A path within.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file within.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("makes the folder");
        fs::write(&path, text).expect("writes");
        fs::set_permissions(path, Permissions::from_mode(0o600)).expect("is ours");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_whmcs-stock-monitor"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let began = Instant::now();
        let child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let output = child.wait_with_output().expect("ends");
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: began.elapsed(),
        }
    }

    /// Starts the daemon and waits until it listens.
    pub fn start(&self) -> Daemon {
        let mut daemon = self.spawn();
        daemon.address = eventually("the daemon listens", || {
            let log = daemon.log();
            if let Some(code) = daemon.ended() {
                panic!("the daemon ended with {code}:\n{log}");
            }
            listening(&log)
        });
        daemon
    }

    /// Starts the daemon and waits for nothing.
    pub fn spawn(&self) -> Daemon {
        self.begin(&["run"])
    }

    /// Starts a command that goes on by itself; what it prints is in the log, too.
    pub fn begin(&self, arguments: &[&str]) -> Daemon {
        let log = self.path(&format!("stderr-{}", self.logs.fetch_add(1, Ordering::SeqCst)));
        let file = File::create(&log).expect("makes the log");
        let child = self
            .command(arguments)
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("starts");
        Daemon {
            child,
            log,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: self
                .settings
                .get("HTTP_TOKEN")
                .or(self.environment.get("HTTP_TOKEN"))
                .cloned(),
        }
    }
}

/// The address in the line that says that the daemon listens; in text or in JSON.
fn listening(log: &str) -> Option<SocketAddr> {
    let line = log
        .lines()
        .find(|line| line.contains("Listening: page, API and metrics."))?;
    let after = line
        .split_once("address=")
        .or_else(|| line.split_once("\"address\":\""))?
        .1;
    let end = after.find([' ', '"']).unwrap_or(after.len());
    after[..end].parse().ok()
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    pub address: SocketAddr,
    token: Option<String>,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Daemon {
    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until the log holds the text.
    pub fn wait_for_log(&self, text: &str) {
        eventually(&format!("the log says {text:?}"), || {
            self.log().contains(text).then_some(())
        });
    }

    /// Asks with the token of the configuration, where there is one.
    pub fn get(&self, path: &str) -> Answer {
        let authorization = match &self.token {
            Some(token) => format!("Authorization: Bearer {token}\r\n"),
            None => String::new(),
        };
        self.ask(path, &authorization)
            .unwrap_or_else(|error| panic!("GET {path}: {error}\n{}", self.log()))
    }

    /// Asks with these header lines.
    pub fn ask(&self, path: &str, headers: &str) -> std::io::Result<Answer> {
        ask(self.address, path, headers)
    }

    /// The answer's body as JSON.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {answer:?}"))
    }

    /// The present text of `/metrics`.
    pub fn metrics(&self) -> String {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// The value of a series, written as in `/metrics`; `None` where it is not there.
    pub fn metric(&self, series: &str) -> Option<f64> {
        metric(&self.metrics(), series)
    }

    /// Polls that ended since the start.
    pub fn polls(&self, shop: &str) -> u64 {
        let series = format!("whmcs_polls_total{{whmcs=\"{shop}\"}}");
        self.metric(&series).unwrap_or_default() as u64
    }

    /// Waits until that many more polls began and ended.
    pub fn wait_for_polls(&self, shop: &str, count: u64) {
        // The poll that is under way may have begun before what the caller changed.
        let goal = self.polls(shop) + count + 1;
        eventually(&format!("{count} more polls of {shop}"), || {
            (self.polls(shop) >= goal).then_some(())
        });
    }

    /// Waits until no message waits for delivery: as long as there are ever fewer of them.
    pub fn wait_for_empty_outbox(&self) {
        let mut waiting = self.waiting();
        while waiting > 0.0 {
            waiting = eventually("an empty outbox, or an emptier one", || {
                Some(self.waiting()).filter(|left| *left < waiting)
            });
        }
    }

    /// How many deliveries wait.
    fn waiting(&self) -> f64 {
        let metrics = self.metrics();
        let pending = metrics
            .lines()
            .filter(|line| line.starts_with("whmcs_stock_outbox_messages{") && line.contains("pending"));
        pending
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// The item of a product in `/api/v1/stock`.
    pub fn item(&self, product: i64) -> Option<Value> {
        let stock = self.json("/api/v1/stock");
        let items = stock["items"].as_array().expect("items");
        items.iter().find(|item| item["product_id"] == product).cloned()
    }

    /// Waits until a product stands so.
    pub fn wait_for_item(&self, product: i64, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("product {product}: {what}"), || {
            self.item(product).filter(|item| holds(item))
        })
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory that was ever resident, in bytes.
    pub fn peak_resident(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, figure: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("is alive");
        let line = status.lines().find(|line| line.starts_with(figure));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.expect("a figure") * 1024
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("is alive");
    }

    /// The exit code, where it ended; -1 for a signal.
    pub fn ended(&mut self) -> Option<i32> {
        let status = self.child.try_wait().expect("can be asked")?;
        Some(status.code().unwrap_or(-1))
    }

    /// Waits for its end: the exit code and how long that took.
    pub fn wait(&mut self) -> (i32, Duration) {
        let began = Instant::now();
        let code = eventually("the daemon ends", || self.ended());
        (code, began.elapsed())
    }

    /// SIGTERM, and its end: it must be code 0 within ten seconds.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let (code, took) = self.wait();
        assert_eq!(code, 0, "{}", self.log());
        assert!(took < Duration::from_secs(10), "{took:?}\n{}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- the daemon's last lines");
            for line in tail.iter().rev() {
                eprintln!("{}", line.chars().take(600).collect::<String>());
            }
        }
    }
}

/// GET over a connection of its own.
pub fn ask(address: SocketAddr, path: &str, headers: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = if head.to_lowercase().contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    Ok(Answer {
        status: status.expect("a status"),
        head: head.to_owned(),
        body,
    })
}

/// The value of a series in that text.
pub fn metric(text: &str, series: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

fn unchunked(body: &str) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            break;
        }
        out.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
    out
}
