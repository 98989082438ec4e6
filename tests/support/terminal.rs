//! The real program in a terminal of its own: how large it is, what stands on it, which keys are pressed.

use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use rustix::pty::OpenptFlags;
use rustix::pty::grantpt;
use rustix::pty::openpt;
use rustix::pty::ptsname;
use rustix::pty::unlockpt;
use rustix::termios::Termios;
use rustix::termios::Winsize;
use rustix::termios::tcgetattr;
use rustix::termios::tcsetwinsize;

use crate::daemon::eventually;

/// Begins and ends what is drawn at once.
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";

/// A terminal with a program on it.
pub struct Terminal {
    ours: File,
    theirs: OwnedFd,
    child: Child,
    written: Arc<Mutex<Vec<u8>>>,
    before: Termios,
}

impl Terminal {
    /// Starts the program on a terminal of that size, as its controlling terminal.
    pub fn start(program: &mut Command, size: (u16, u16)) -> Self {
        let ours =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&ours).expect("is ours");
        unlockpt(&ours).expect("is open");
        let name = ptsname(&ours, Vec::new()).expect("has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).expect("opens");
        let ours = File::from(ours);
        resize(&ours, size);
        let before = tcgetattr(&theirs).expect("has settings");
        // util-linux: a session of its own whose terminal this is.
        let mut command = Command::new("setsid");
        command
            .arg("--ctty")
            .arg(program.get_program())
            .args(program.get_args());
        command.env_clear();
        for (name, value) in program.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if let Some(folder) = program.get_current_dir() {
            command.current_dir(folder);
        }
        let end = || theirs.try_clone().expect("one more");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn();
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut reader = ours.try_clone().expect("one more");
        let into = Arc::clone(&written);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                into.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(&bytes[..read]);
            }
        });
        Self {
            ours,
            theirs,
            child: child.expect("starts (setsid of util-linux)"),
            written,
            before,
        }
    }

    /// All that was written.
    pub fn written(&self) -> String {
        let bytes = self
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The lines of the last screen that was drawn whole, with colours; `None` before the first.
    pub fn painted(&self) -> Option<Vec<String>> {
        let written = self.written();
        let (all, _) = written.rsplit_once(END)?;
        let (_, drawn) = all.rsplit_once(BEGIN)?;
        // The terminal itself puts a \r before each \n, too.
        Some(
            drawn
                .split("\r\n")
                .map(|line| line.trim_end_matches('\r').to_owned())
                .collect(),
        )
    }

    /// The same without colours.
    pub fn screen(&self) -> Option<Vec<String>> {
        Some(self.painted()?.iter().map(|line| plain(line)).collect())
    }

    /// Waits until such a screen is drawn.
    pub fn wait(&self, what: &str, holds: impl Fn(&[String]) -> bool) -> Vec<String> {
        eventually(what, || self.screen().filter(|screen| holds(screen)))
    }

    /// Waits until that stands on the screen.
    pub fn wait_for(&self, text: &str) -> Vec<String> {
        self.wait(text, |screen| screen.join(" ").contains(text))
    }

    pub fn resize(&self, size: (u16, u16)) {
        resize(&self.ours, size);
    }

    pub fn press(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).expect("takes keys");
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), signal).expect("is there");
    }

    /// Waits for the end: its code.
    pub fn ended(&mut self) -> i32 {
        let ended = eventually("it ends", || self.child.try_wait().expect("waits"));
        ended.code().unwrap_or(-1)
    }

    /// Waits until all that was written ends so: the last of it may come after the program's end.
    pub fn written_up_to(&self, end: &str) -> String {
        eventually("its last words", || {
            Some(self.written()).filter(|written| written.ends_with(end))
        })
    }

    /// Whether it takes keys as it did before.
    pub fn is_as_before(&self) -> bool {
        let now = tcgetattr(&self.theirs).expect("has settings");
        let modes = |settings: &Termios| {
            (
                settings.input_modes,
                settings.output_modes,
                settings.control_modes,
                settings.local_modes,
            )
        };
        modes(&now) == modes(&self.before)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(ours: &File, (width, height): (u16, u16)) {
    let size = Winsize {
        ws_row: height,
        ws_col: width,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(ours, size).expect("is resized");
}

/// The text without what moves or colours.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split('\u{1b}');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let after = part.strip_prefix('[').unwrap_or(part);
        let end = after
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(after.len(), |at| at + 1);
        out.push_str(&after[end..]);
    }
    out
}
