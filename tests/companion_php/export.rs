//! `companion export` and `companion checksums`: what is written, what is left alone, and what the page says of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::daemon::Home;
use crate::syntax::shipped;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_files_are_written_as_they_are_for_the_web_server_to_read() {
    let home = Home::new(&[]);
    let ended = home.run(&["companion", "export", "out/whmcs"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    for file in shipped() {
        let relative = file.strip_prefix(root().join("companion")).unwrap();
        let written = home.path("out/whmcs").join(relative);
        assert_eq!(fs::read(&written).unwrap(), fs::read(&file).unwrap());
        assert_eq!(
            fs::metadata(&written).unwrap().permissions().mode() & 0o777,
            0o644
        );
    }
    for folder in [
        "out",
        "out/whmcs",
        "out/whmcs/includes",
        "out/whmcs/includes/api",
        "out/whmcs/includes/stock_monitor",
    ] {
        let mode = fs::metadata(home.path(folder)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o755, "{folder}");
    }
    let checksum = |line: &str| line.trim().starts_with("sha256 ");
    assert_eq!(ended.out.lines().filter(|line| checksum(line)).count(), 3);
    let words: Vec<&str> = ended.out.lines().filter(|line| !checksum(line)).collect();
    insta::assert_snapshot!(words.join("\n"), @r#"
    written    out/whmcs/includes/api/getproductdetails.php
    written    out/whmcs/includes/hooks/stock_monitor.php
    written    out/whmcs/includes/stock_monitor/settings.example.php

    There is no settings.php yet: copy settings.example.php for it. It is needed for hints only.

    Next:
     1. Copy the folder includes/ over the one of your WHMCS installation (the folder that holds configuration.php).
     2. WHMCS: Configuration > System Settings > Manage API Credentials > API Roles: edit the monitor's role, tick
        GetProductDetails under "Stock monitor", save.
     3. whmcs-stock-monitor check --dry-run
    docs/companion.md says more: settings, hints, upgrade, removal.
    "#);
}

#[test]
fn the_checksums_are_those_of_the_files_and_of_the_page() {
    let home = Home::new(&[]);
    home.run(&["companion", "export", "."]);
    let sums = home.run(&["companion", "checksums"]).out;
    home.write("SHA256SUMS", &sums);
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(home.path(""))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(sums.lines().count(), 3);
    let page = fs::read_to_string(root().join("docs/companion.md")).unwrap();
    for line in sums.lines() {
        assert!(page.contains(line), "docs/companion.md does not say {line}");
    }
}

#[test]
fn an_upgrade_replaces_the_code_and_never_the_settings() {
    let home = Home::new(&[]);
    let export = || home.run(&["companion", "export", "whmcs"]);
    export();
    let settings = home.path("whmcs/includes/stock_monitor/settings.php");
    fs::write(&settings, "<?php return ['url' => 'mine'];").unwrap();
    let code = home.path("whmcs/includes/api/getproductdetails.php");
    fs::write(&code, "<?php // an older file of whmcs-stock-monitor").unwrap();
    let ended = export();
    let words: Vec<&str> = ended
        .out
        .lines()
        .filter_map(|line| line.split("  ").next().filter(|word| !word.is_empty()))
        .collect();
    assert_eq!(
        words[..4],
        [
            "replaced",
            "unchanged",
            "unchanged",
            "Your settings.php was not touched."
        ]
    );
    assert_eq!(
        fs::read(&code).unwrap(),
        fs::read(root().join("companion/includes/api/getproductdetails.php")).unwrap()
    );
    assert_eq!(
        fs::read_to_string(settings).unwrap(),
        "<?php return ['url' => 'mine'];"
    );
    let left: Vec<_> = fs::read_dir(code.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn another_ones_action_is_not_overwritten_unasked() {
    let home = Home::new(&[]);
    home.write(
        "whmcs/includes/api/getproductdetails.php",
        "<?php // somebody's own",
    );
    let ended = home.run(&["companion", "export", "whmcs"]);
    assert_eq!(ended.code, 73);
    insta::assert_snapshot!(ended.err, @"whmcs/includes/api/getproductdetails.php is there and is not the companion's: another custom action, perhaps. Nothing was written. Export into an empty folder and compare, or give --force to replace it");
    assert!(!home.path("whmcs/includes/hooks").exists(), "nothing was written");
    assert_eq!(home.run(&["companion", "export", "--force", "whmcs"]).code, 0);
    assert_eq!(
        fs::read(home.path("whmcs/includes/api/getproductdetails.php")).unwrap(),
        fs::read(root().join("companion/includes/api/getproductdetails.php")).unwrap()
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let home = Home::new(&[]);
    home.write("taken", "a file");
    let ended = home.run(&["companion", "export", "taken"]);
    assert_eq!(ended.code, 73);
    assert!(ended.err.contains("taken/includes/api"), "{}", ended.err);
}
