//! Pages in a real Chromium: how they fit a phone and a desk, in light and dark, and what axe-core says of them.

use std::env;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

/// A page as one of the screens showed it.
#[derive(Debug, Deserialize)]
pub struct Seen {
    pub page: String,
    pub width: u32,
    pub scheme: String,
    pub scroll_width: u32,
    pub client_width: u32,
    /// The pictures that were not shown.
    pub broken: Vec<String>,
    /// What axe-core found, each with its elements.
    pub violations: Vec<String>,
    /// The text as it is shown.
    pub words: String,
}

/// The pages at 360 and 1200 pixels, light and dark; pictures of them go to the folder that `PAGE_PICTURES` names. `None`
/// where a program is missing, which is said aloud; in CI it fails.
pub fn look(pages: &[PathBuf]) -> Option<Vec<Seen>> {
    let axe = npm_package("axe-core/axe.min.js")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/look.mjs");
    let output = Command::new(program("node", "nodejs")?)
        .arg(script)
        .arg(program("chromium", "chromium")?)
        .arg(axe)
        .arg(env::var_os("PAGE_PICTURES").unwrap_or_default())
        .args(pages)
        .output()
        .expect("starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let seen: Vec<Seen> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a page"))
        .collect();
    assert_eq!(seen.len(), pages.len() * 4, "each on every screen: {said}");
    Some(seen)
}

/// Where a program of Debian's is.
pub fn program(name: &str, package: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        skip(&format!("{name} is not installed (Debian: {package})"));
    }
    found
}

/// A file of the packages that `scripts/test` installs by npm.
pub fn npm_package(file: &str) -> Option<PathBuf> {
    // target/debug/whmcs-stock-monitor is what was built; the packages stand beside the profile's folder.
    let beside = || {
        let built = Path::new(env!("CARGO_BIN_EXE_whmcs-stock-monitor"));
        Some(built.parent()?.parent()?.join("peers-npm"))
    };
    let folder = env::var_os("PEERS_NPM").map(PathBuf::from).or_else(beside)?;
    let found = Some(folder.join("node_modules").join(file)).filter(|file| file.is_file());
    if found.is_none() {
        skip(&format!(
            "no {file} of tests/peers/npm (scripts/test installs it)"
        ));
    }
    found
}

fn skip(why: &str) {
    assert!(env::var("CI").as_deref() != Ok("true"), "{why}");
    eprintln!("skipped: {why}");
}
