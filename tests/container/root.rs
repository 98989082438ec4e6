//! The root of the container in a folder, and programs in it: root read-only, no rights, uid 65532, only the volume writable.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStderr;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::eventually;

const STATE: &str = "/var/lib/whmcs-stock-monitor";

/// The assembled root, and a volume of its own.
pub struct Root {
    folder: TempDir,
    volume: TempDir,
}

impl Root {
    /// As `deploy/container/rootfs` makes it; `None` where bubblewrap cannot run.
    pub fn assembled() -> Option<Self> {
        if let Err(why) = bubblewrap() {
            assert!(std::env::var_os("CI").is_none(), "bubblewrap: {why}");
            eprintln!("skipped: bubblewrap does not run here: {why}");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/container/rootfs");
        let made = Command::new(script)
            .arg(env!("CARGO_BIN_EXE_whmcs-stock-monitor"))
            .arg(folder.path().join("root"))
            .output()
            .expect("runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let volume = tempfile::tempdir().expect("a volume");
        Some(Self { folder, volume })
    }

    /// The root from outside.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// The volume from outside.
    pub fn state(&self) -> &Path {
        self.volume.path()
    }

    /// Runs the program in it, as an engine would: as process 1.
    pub fn run(&self, settings: &[(&str, String)], arguments: &[&str]) -> Running {
        let mut command = Command::new("bwrap");
        command
            .args(["--unshare-all", "--share-net", "--die-with-parent", "--as-pid-1"])
            .args([
                "--uid",
                "65532",
                "--gid",
                "65532",
                "--cap-drop",
                "ALL",
                "--new-session",
            ])
            .arg("--ro-bind")
            .arg(self.folder())
            .arg("/")
            .arg("--bind")
            .arg(self.volume.path())
            .arg(STATE)
            // As engines do.
            .args(["--ro-bind", "/etc/hosts", "/etc/hosts"])
            .args(["--ro-bind", "/etc/resolv.conf", "/etc/resolv.conf"])
            .args([
                "--proc",
                "/proc",
                "--dev",
                "/dev",
                "--chdir",
                STATE,
                "--info-fd",
                "1",
            ])
            .args(["--clearenv", "--setenv", "STATE_DIRECTORY", STATE]);
        for (name, value) in settings {
            command.args(["--setenv", name, value]);
        }
        let mut child = command
            .arg("/usr/bin/whmcs-stock-monitor")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let process = process(&mut out);
        let log = collect(child.stderr.take().expect("a pipe"));
        let said = thread::spawn(move || {
            let mut said = String::new();
            let _ = out.read_to_string(&mut said);
            said
        });
        Running {
            child,
            process,
            log: Some(log),
            said: Some(said),
        }
    }
}

/// A program in the root; killed when dropped.
pub struct Running {
    child: Child,
    /// As the outside knows it.
    process: i32,
    log: Option<JoinHandle<String>>,
    said: Option<JoinHandle<String>>,
}

impl Running {
    /// What `/proc` says of it.
    pub fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.process)).expect("is alive")
    }

    /// SIGTERM, and how long its end takes.
    pub fn terminate(&mut self) -> Duration {
        let began = Instant::now();
        kill_process(Pid::from_raw(self.process).expect("a pid"), Signal::TERM).expect("is alive");
        eventually("it ends", || self.child.try_wait().expect("can be asked"));
        began.elapsed()
    }

    /// How it ended, and all it wrote.
    pub fn wait(mut self) -> (i32, String) {
        let status = eventually("it ends", || self.child.try_wait().expect("can be asked"));
        let said = self.said.take().and_then(|said| said.join().ok());
        let log = self.log.take().and_then(|log| log.join().ok());
        (
            status.code().unwrap_or(-1),
            said.unwrap_or_default() + &log.unwrap_or_default(),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// bubblewrap says on the same pipe which process it started, before that writes anything.
fn process(out: &mut impl BufRead) -> i32 {
    let mut text = String::new();
    loop {
        let read = out.read_line(&mut text).expect("a line");
        if let Ok(said) = serde_json::from_str::<Value>(&text) {
            let pid = said["child-pid"].as_i64().expect("a process");
            return i32::try_from(pid).expect("a process");
        }
        assert!(read > 0, "bubblewrap said: {text}");
    }
}

fn collect(mut from: ChildStderr) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = from.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Whether it may make namespaces here.
fn bubblewrap() -> Result<(), String> {
    let tried = Command::new("bwrap")
        .args(["--unshare-all", "--ro-bind", "/", "/", "/bin/true"])
        .output()
        .map_err(|error| error.to_string())?;
    if tried.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&tried.stderr).trim().to_owned())
}
