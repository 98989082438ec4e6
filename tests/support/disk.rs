//! A small disk that can be filled: a tmpfs, which only root can mount.

use std::env;
use std::fs;
use std::fs::File;
use std::io::ErrorKind;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// More than the write-ahead log ever holds, so that it is the filler that fills it.
const SIZE: &str = "size=16m";

/// A small disk of its own; unmounted when dropped.
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts it; where that is not allowed there is none, except that root in CI must have one.
    pub fn mount(path: PathBuf) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root can mount a small disk");
            return None;
        }
        fs::create_dir_all(&path).expect("a folder");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(&path);
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(path));
        }
        assert_ne!(
            env::var("CI").as_deref(),
            Ok("true"),
            "no small disk can be mounted"
        );
        println!("skipped: no small disk can be mounted here");
        None
    }

    /// Takes every byte that is left.
    pub fn fill(&self) {
        let mut filler = File::create(self.0.join("filler")).expect("a file");
        for block in [64 * 1024, 4096, 1] {
            let bytes = vec![0; block];
            let full = loop {
                if let Err(error) = filler.write_all(&bytes) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        }
    }

    /// Gives it all back.
    pub fn free(&self) {
        fs::remove_file(self.0.join("filler")).expect("removes");
    }

    /// Takes writing away, or gives it back.
    pub fn read_only(&self, yes: bool) {
        let options = if yes { "remount,ro" } else { "remount,rw" };
        let status = Command::new("mount")
            .args(["-o", options])
            .arg(&self.0)
            .status()
            .expect("runs");
        assert!(status.success(), "{options}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
