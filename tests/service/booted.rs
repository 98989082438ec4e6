//! The shipped unit under a real systemd: a Debian of its own, booted by systemd-nspawn, with the program installed in it.
//! Takes a minute and root, so it runs where `NSPAWN=1` asks for it (`scripts/test --all`).

use std::fs;
use std::fs::File;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use crate::daemon::ask;
use crate::daemon::eventually;
use crate::receivers::Receivers;

const UNIT: &str = "whmcs-stock-monitor.service";
const SETTINGS: &str = "etc/whmcs-stock-monitor/whmcs-stock-monitor.env";
const FILE: &str = "etc/whmcs-stock-monitor/monitor.toml";

/// A Debian that has booted; it ends when dropped.
pub struct Debian {
    nspawn: Child,
    /// systemd in it, as the outside knows it.
    init: u32,
    folder: TempDir,
}

/// How a command in it ended.
pub struct Ended {
    pub code: i32,
    pub said: String,
    pub took: Duration,
}

impl Debian {
    /// Boots a copy with the program and its unit; `None`, said, where that is not asked for or cannot be.
    pub fn booted() -> Option<Self> {
        if std::env::var_os("NSPAWN").is_none() {
            eprintln!("skipped: NSPAWN=1 boots a Debian and runs the unit in it");
            return None;
        }
        if let Err(why) = can_boot() {
            assert!(std::env::var_os("CI").is_none(), "systemd-nspawn: {why}");
            eprintln!("skipped: {why}");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root");
        succeeds(Command::new("cp").args(["-a", "--reflink=auto"]).arg(debian()).arg(&root));
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        install(env!("CARGO_BIN_EXE_whmcs-stock-monitor").as_ref(), &root.join("usr/bin/whmcs-stock-monitor"), 0o755);
        let unit = here.join("deploy/systemd").join(UNIT);
        install(&unit, &root.join("usr/lib/systemd/system").join(UNIT), 0o644);
        let console = File::create(folder.path().join("console")).expect("a log");
        let nspawn = Command::new("systemd-nspawn")
            .args(["--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off"])
            .arg("--directory")
            .arg(&root)
            .stdin(Stdio::null())
            .stdout(console.try_clone().expect("a second handle"))
            .stderr(console)
            .spawn()
            .expect("starts");
        let mut debian = Self { nspawn, init: 0, folder };
        debian.init = eventually("systemd starts", || debian.child());
        eventually("it has booted", || {
            let state = debian.run(&["systemctl", "is-system-running"]).said;
            ["running", "degraded"].contains(&state.trim()).then_some(())
        });
        Some(debian)
    }

    /// The one process that nspawn started, once it is systemd.
    fn child(&self) -> Option<u32> {
        let pid = self.nspawn.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let child: u32 = children.split_whitespace().next()?.parse().ok()?;
        let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
        (name.trim() == "systemd").then_some(child)
    }

    /// Runs a command in it.
    pub fn run(&self, command: &[&str]) -> Ended {
        let began = Instant::now();
        let output = Command::new("nsenter")
            .args(["--target", &self.init.to_string(), "--all", "--"])
            .args(command)
            .stdin(Stdio::null())
            .output()
            .expect("runs");
        Ended {
            code: output.status.code().unwrap_or(-1),
            said: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            took: began.elapsed(),
        }
    }

    /// What a command in it prints; it must succeed.
    pub fn says(&self, command: &[&str]) -> String {
        let ended = self.run(command);
        assert_eq!(ended.code, 0, "{command:?}: {}\n{}", ended.said, self.journal());
        ended.said.trim().to_owned()
    }

    /// A property of the unit.
    pub fn shows(&self, property: &str) -> String {
        self.says(&["systemctl", "show", "--value", "-p", property, UNIT])
    }

    /// What the unit wrote.
    pub fn journal(&self) -> String {
        self.run(&["journalctl", "--no-pager", "-o", "cat", "-u", UNIT]).said
    }

    /// Writes a file in it.
    pub fn write(&self, path: &str, text: &str, mode: u32) {
        let path = self.folder.path().join("root").join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes the folder");
        fs::write(&path, text).expect("writes");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("is ours");
    }

    /// Sends a signal to the unit's main process.
    fn signal(&self, signal: &str) {
        self.says(&["systemctl", "kill", "--kill-whom=main", "-s", signal, UNIT]);
    }
}

impl Drop for Debian {
    fn drop(&mut self) {
        let _ = self.run(&["systemctl", "poweroff", "--force", "--force"]);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) && matches!(self.nspawn.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
    }
}

fn succeeds(command: &mut Command) {
    let output = command.output().expect("runs");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn install(from: &Path, to: &Path, mode: u32) {
    fs::create_dir_all(to.parent().expect("a folder")).expect("makes the folder");
    fs::copy(from, to).expect("copies");
    fs::set_permissions(to, Permissions::from_mode(mode)).expect("is ours");
}

/// Where it cannot be, in words.
fn can_boot() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("to boot a Debian takes root".to_owned());
    }
    for (program, argument) in [("systemd-nspawn", "--version"), ("nsenter", "--version"), ("debootstrap", "--version")] {
        let found = Command::new(program).arg(argument).output();
        found.map_err(|error| format!("{program}: {error}"))?;
    }
    Ok(())
}

/// A Debian with systemd: `NSPAWN_ROOT`, or one that is made once beside the build.
fn debian() -> PathBuf {
    if let Some(root) = std::env::var_os("NSPAWN_ROOT") {
        return root.into();
    }
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian");
    if !root.join("usr/lib/systemd/systemd").exists() {
        let _ = fs::remove_dir_all(&root);
        let half = root.with_extension("half");
        let _ = fs::remove_dir_all(&half);
        succeeds(
            Command::new("debootstrap")
                .args(["--variant=minbase", "--include=systemd,systemd-sysv,dbus,ca-certificates", "bookworm"])
                .arg(&half),
        );
        fs::rename(&half, &root).expect("renames");
    }
    root
}

/// The unit's life under the systemd that will run it.
pub fn story(debian: &Debian, url: &str, receivers: &Receivers, port: u16) {
    let smtp = receivers.mail.url();
    debian.write(
        SETTINGS,
        &format!(
            "WHMCS_API_URL={url}\nWHMCS_API_IDENTIFIER=test-identifier\nPOLL_SCHEDULE=\"every 1s\"\nSMTP_URL={smtp}\n\
             SMTP_FROM=stock@shop.example\nALERT_EMAIL_TO=sales@shop.example\nHTTP_LISTEN=127.0.0.1:{port}\n"
        ),
        0o600,
    );
    debian.write("etc/whmcs-stock-monitor/credentials/whmcs_api_secret", "test-secret\n", 0o600);
    debian.write(FILE, "[[rule]]\nstock_control = \"on\"\n", 0o644);
    // The unit's own minute is too long for a test.
    debian.write(
        &format!("etc/systemd/system/{UNIT}.d/test.conf"),
        "[Service]\nWatchdogSec=4\n",
        0o644,
    );
    debian.says(&["systemctl", "daemon-reload"]);
    starts(debian, receivers);
    is_confined(debian);
    reloads(debian, port);
    is_restarted_where_it_hangs(debian, receivers);
    stops(debian);
    stays_down_where_no_restart_helps(debian);
    starts_without_any_credential(debian);
}

fn starts(debian: &Debian, receivers: &Receivers) {
    let started = debian.run(&["systemctl", "start", UNIT]);
    assert_eq!(started.code, 0, "{}\n{}", started.said, debian.journal());
    assert_eq!(debian.shows("ActiveState"), "active");
    println!("started: ready after {:?}", started.took);
    eventually("the first mail", || {
        (!receivers.mail.mails().is_empty()).then_some(())
    });
    let line = eventually("the line of state", || {
        let line = debian.shows("StatusText");
        line.starts_with("1 shop read").then_some(line)
    });
    println!("first poll and first mail; systemctl status says: {line}");
}

fn is_confined(debian: &Debian) {
    let pid = debian.shows("MainPID");
    let status = debian.says(&["cat", &format!("/proc/{pid}/status")]);
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_default().trim().to_owned()
    };
    for nothing in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(of(nothing), "0000000000000000", "{nothing}");
    }
    assert_eq!((of("Seccomp"), of("NoNewPrivs")), ("2".to_owned(), "1".to_owned()));
    assert_ne!(of("Uid").split_whitespace().next(), Some("0"));
    let folder = "/var/lib/private/whmcs-stock-monitor";
    assert_eq!(debian.says(&["stat", "-c", "%a", folder]), "700");
    let files = debian.says(&["sh", "-c", &format!("stat -c '%a %n' {folder}/*")]);
    assert!(files.contains("stock.db"), "{files}");
    assert!(files.lines().all(|line| line.starts_with("600 ")), "{files}");
    let credentials = format!("/run/credentials/{UNIT}");
    let secret = debian.says(&["stat", "-c", "%a", &format!("{credentials}/credentials_whmcs_api_secret")]);
    assert_eq!(secret, "400");
    println!(
        "confined: user {}, no capability, Seccomp 2, {folder} 700, its files 600, the credential {secret}",
        of("Uid").split_whitespace().next().unwrap_or_default()
    );
}

fn reloads(debian: &Debian, port: u16) {
    let low = || {
        let metrics = ask(([127, 0, 0, 1], port).into(), "/metrics", "").expect("answers").body;
        crate::daemon::metric(&metrics, "whmcs_stock_threshold{whmcs=\"default\",product_id=\"1\",severity=\"low\"}")
    };
    assert_eq!(low(), Some(5.0));
    debian.write(FILE, "low_stock = 8\n[[rule]]\nstock_control = \"on\"\n", 0o644);
    debian.says(&["systemctl", "reload", UNIT]);
    eventually("the new threshold", || (low() == Some(8.0)).then_some(()));
    debian.write(FILE, "low_stock = \"many\"\n", 0o644);
    debian.says(&["systemctl", "reload", UNIT]);
    eventually("it says so", || debian.journal().contains("the old one stays").then_some(()));
    eventually("it is active again", || (debian.shows("ActiveState") == "active").then_some(()));
    assert_eq!((low(), debian.shows("NRestarts").as_str()), (Some(8.0), "0"));
    debian.write(FILE, "[[rule]]\nstock_control = \"on\"\n", 0o644);
    println!("reloaded: a new threshold is in force; a broken file is refused and the old one stays");
}

fn is_restarted_where_it_hangs(debian: &Debian, receivers: &Receivers) {
    let (pid, mails) = (debian.shows("MainPID"), receivers.mail.mails().len());
    let began = Instant::now();
    debian.signal("SIGSTOP");
    eventually("systemd restarts it", || (debian.shows("NRestarts") == "1").then_some(()));
    let after = began.elapsed();
    eventually("it is ready again", || (debian.shows("ActiveState") == "active").then_some(()));
    let journal = debian.says(&["journalctl", "--no-pager", "-o", "cat", "-u", UNIT]);
    assert!(journal.contains("Watchdog timeout"), "{journal}");
    assert!(journal.contains("signal=ABRT") || journal.contains("status=6/ABRT"), "{journal}");
    assert_ne!(debian.shows("MainPID"), pid);
    let cores = debian.says(&["sh", "-c", "ls /var/lib/systemd/coredump /var/lib/private/whmcs-stock-monitor"]);
    assert!(!cores.contains("core."), "{cores}");
    eventually("it polls again", || debian.shows("StatusText").starts_with("1 shop read").then_some(()));
    assert_eq!(receivers.mail.mails().len(), mails, "nothing is told twice");
    println!("stopped by SIGSTOP: the watchdog (4 s here, 60 s as shipped) ended it by ABRT, and it was restarted after {after:?}; no core, no mail twice");
}

fn stops(debian: &Debian) {
    let stopped = debian.run(&["systemctl", "stop", UNIT]);
    assert_eq!(stopped.code, 0, "{}", stopped.said);
    assert!(stopped.took < Duration::from_secs(10), "{:?}", stopped.took);
    assert_eq!(debian.shows("Result"), "success");
    println!("stopped: after {:?}, with success", stopped.took);
}

fn stays_down_where_no_restart_helps(debian: &Debian) {
    debian.write(FILE, "low_stock = \"many\"\n", 0o644);
    let started = debian.run(&["systemctl", "start", UNIT]);
    assert_ne!(started.code, 0, "{}", started.said);
    eventually("it has failed", || (debian.shows("ActiveState") == "failed").then_some(()));
    assert_eq!((debian.shows("ExecMainStatus"), debian.shows("Result")), ("78".to_owned(), "exit-code".to_owned()));
    println!("a broken configuration: code 78, and no restart");
    debian.write(FILE, "[[rule]]\nstock_control = \"on\"\n", 0o644);
    debian.says(&["systemctl", "reset-failed", UNIT]);
}

fn starts_without_any_credential(debian: &Debian) {
    debian.says(&["rm", "-r", "/etc/whmcs-stock-monitor/credentials"]);
    debian.says(&["sh", "-c", &format!("echo WHMCS_API_SECRET=test-secret >> /{SETTINGS}")]);
    let started = debian.run(&["systemctl", "start", UNIT]);
    assert_eq!(started.code, 0, "{}\n{}", started.said, debian.journal());
    println!("without any credential, everything in one file: started");
    debian.says(&["systemctl", "stop", UNIT]);
}
