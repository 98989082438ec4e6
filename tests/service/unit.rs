//! The unit that is shipped, as systemd itself judges it.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd/whmcs-stock-monitor.service")
}

/// What `systemd-analyze` says and how it ends; `None` where it is not installed.
fn analyzed(arguments: &[&str], unit: &Path) -> Option<(bool, String)> {
    let ended = Command::new("systemd-analyze").args(arguments).arg(unit).output();
    let output = match ended {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "systemd-analyze: {error}");
            eprintln!("skipped: systemd-analyze is not here ({error})");
            return None;
        }
    };
    let said = [output.stdout, output.stderr].concat();
    Some((
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

#[test]
fn the_unit_has_next_to_no_rights() {
    let arguments = ["security", "--offline=true", "--threshold=15", "--no-pager"];
    let Some((passed, said)) = analyzed(&arguments, &shipped()) else {
        return;
    };
    assert!(passed, "{said}");
    let verdict = said.lines().last().unwrap_or_default();
    assert!(
        verdict.contains(": 1.1 OK"),
        "docs/install.md says 1.1: {verdict}"
    );
    // One line less is noticed.
    let folder = tempfile::tempdir().unwrap();
    let weaker = folder.path().join("whmcs-stock-monitor.service");
    let text = fs::read_to_string(shipped()).unwrap();
    let without: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("SystemCallFilter="))
        .collect();
    fs::write(&weaker, without.join("\n")).unwrap();
    let (passed, said) = analyzed(&arguments, &weaker).unwrap();
    assert!(!passed, "{said}");
}

#[test]
fn systemd_understands_every_line_of_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("whmcs-stock-monitor.service");
    let text = fs::read_to_string(shipped()).unwrap();
    // It is looked whether the program is there.
    let here = text.replace(
        "/usr/bin/whmcs-stock-monitor ",
        &format!("{} ", env!("CARGO_BIN_EXE_whmcs-stock-monitor")),
    );
    assert_ne!(here, text);
    fs::write(&unit, &here).unwrap();
    let Some((passed, said)) = analyzed(&["verify", "--man=no"], &unit) else {
        return;
    };
    assert!(passed && said.trim().is_empty(), "{said}");
    fs::write(&unit, here.replace("UMask=", "UMusk=")).unwrap();
    let (_, said) = analyzed(&["verify", "--man=no"], &unit).unwrap();
    assert!(said.contains("UMusk"), "{said}");
}

#[test]
fn codes_that_no_restart_mends_are_not_restarted() {
    let text = fs::read_to_string(shipped()).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("RestartPreventExitStatus="))
        .expect("the line");
    use whmcs_stock_monitor::cli::exit::Exit;
    let kept: Vec<u8> = line.split(' ').map(|code| code.parse().unwrap()).collect();
    for exit in [Exit::Usage, Exit::Database, Exit::Config] {
        assert!(kept.contains(&exit.code()), "{exit:?}");
    }
    for exit in [Exit::Internal, Exit::Unavailable, Exit::InUse, Exit::CannotCreate] {
        assert!(!kept.contains(&exit.code()), "{exit:?} may pass");
    }
}
