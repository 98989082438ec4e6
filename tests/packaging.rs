//! What is shipped beside the program: manual pages, completions, the Debian package's parts, the scripts of a release,
//! the workflows.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use clap_mangen::roff::Roff;
use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;
use whmcs_stock_monitor::cli::markdown;
use whmcs_stock_monitor::config::keys;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn program(arguments: &[&str]) -> String {
    let ended = Command::new(env!("CARGO_BIN_EXE_whmcs-stock-monitor"))
        .args(arguments)
        .output()
        .expect("starts");
    assert!(ended.status.success(), "{arguments:?}: {ended:?}");
    String::from_utf8(ended.stdout).expect("text")
}

/// Whether that program is there. Where it is not the test is skipped, aloud; in CI it fails.
fn has(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).any(|folder| folder.join(name).exists());
    if !found {
        assert!(env::var("CI").as_deref() != Ok("true"), "{name} is not installed");
        eprintln!("skipped: {name} is not installed (scripts/test installs it)");
    }
    found
}

fn ran(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn manual() -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("made/here");
    program(&["man", "--out", out.to_str().expect("a path")]);
    let entries = fs::read_dir(out).expect("pages");
    let mut pages: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    pages.sort();
    (folder, pages)
}

/// What man has to say of a page, as Debian's lintian asks it.
fn warnings(page: &Path) -> String {
    let asked = ran(Command::new("man")
        .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
        .arg(page)
        .env("LC_ALL", "C.UTF-8")
        .env("MANROFFSEQ", "")
        .env("MANWIDTH", "80"));
    text(&asked.stderr)
}

#[test]
fn every_command_has_a_manual_page_and_man_warns_of_none() {
    let (folder, pages) = manual();
    let names: Vec<String> = pages
        .iter()
        .filter_map(|page| Some(page.file_name()?.to_str()?.to_owned()))
        .collect();
    for name in [
        "whmcs-stock-monitor.8",
        "whmcs-stock-monitor-run.8",
        "whmcs-stock-monitor-config-import.8",
        "whmcs-stock-monitor-man.8",
        "whmcs-stock-monitor.env.5",
        "whmcs-stock-monitor.toml.5",
    ] {
        assert!(names.iter().any(|found| found == name), "{name} not in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("-help")), "{names:?}");
    if !has("man") {
        return;
    }
    for page in &pages {
        assert_eq!(warnings(page), "", "{}", page.display());
    }
    let bad = folder.path().join("bad.8");
    fs::write(&bad, ".TH A 8\n.SH NAME\na \\- b\n.SH\n.nonsense\n\\fZ\n").expect("writes");
    assert_ne!(warnings(&bad), "");
}

#[test]
fn the_manual_tells_of_every_setting_and_every_key_of_the_file() {
    let (_folder, pages) = manual();
    let page = |name: &str| {
        let page = pages.iter().find(|page| page.ends_with(name)).expect("a page");
        fs::read_to_string(page).expect("text").replace("\\-", "-")
    };
    let settings = page("whmcs-stock-monitor.env.5");
    for key in keys::ALL {
        assert!(
            settings.contains(&format!("\n\\fB{}\\fR", key.name)),
            "{}",
            key.name
        );
    }
    let file = page("whmcs-stock-monitor.toml.5");
    let example = read("config/monitor.example.toml");
    let tables = example.lines().map(|line| line.trim_start_matches('#'));
    let (mut within, mut looked) = (false, 0);
    for line in tables {
        within |= line.starts_with('[');
        let Some((key, _)) = line.split_once(" = ") else {
            continue;
        };
        if within && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            looked += 1;
            assert!(file.contains(&format!("\\fB{key}\\fR")), "{key}");
        }
    }
    assert!(looked > 80, "only {looked} keys were found");
}

#[test]
fn tables_of_the_documents_become_definitions_and_links_words() {
    let text = "# Title\n\nA *sentence* of\n**two** lines, [here](other.md#x).\n\n## Settings\n\
        | name | default | meaning |\n|---|---|---|\n| `LOW_STOCK` | `5` | low \\ from |\n\
        | `A`, `B` | – | see [us](https://e.example/), `[[x]]` |\n| email: `to` | needed | a \"list\" |\n\n\
        1. first\n   goes on\n2. second\n\n```toml\n.dot = 'x'\n\n[[y]]\n```\n### `[[rule]]`: what\n";
    let mut page = Roff::new();
    markdown::append(&mut page, text);
    assert_snapshot!(page.to_roff(), @r#"
    .PP
    A *sentence* of \fBtwo\fR lines, here.
    .SH SETTINGS
    .TP
    \fBLOW_STOCK\fR (default: 5)
    low \\ from
    .TP
    \fBA\fR, \fBB\fR
    see us <https://e.example/>, \fB[[x]]\fR
    .TP
    email: \fBto\fR (needed)
    a "list"
    .IP 1. 4
    first goes on
    .IP 2. 4
    second
    .PP
    .RS 4
    .nf
    \&.dot = 'x'

    [[y]]
    .fi
    .RE
    .SS "[[rule]]: what"
    "#);
}

#[test]
fn the_programs_own_page_lists_its_commands_and_exit_codes() {
    let page = program(&["man"]);
    for words in [
        ".TH whmcs-stock-monitor 8",
        "whmcs\\-stock\\-monitor\\-doctor(8)",
        ".SH \"EXIT STATUS\"",
        "\\fB78\\fR",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn bash_completes_commands_and_their_options() {
    if !has("bash") {
        return;
    }
    let script = program(&["completions", "bash"]);
    // As the shell calls what is registered: the command, the word, the word before it.
    let ask = "made=$(complete -p whmcs-stock-monitor); made=${made#* -F }; made=${made%% *}\n\
        ask() { COMP_WORDS=(whmcs-stock-monitor \"$@\"); COMP_CWORD=$#; COMPREPLY=()\n\
        $made whmcs-stock-monitor \"${@: -1}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; echo \"${COMPREPLY[@]}\"; }\n\
        ask ch; ask check --d; ask config im; ask completions z\n";
    let ended = ran(Command::new("bash").args(["--norc", "-c", &format!("{script}\n{ask}")]));
    assert_eq!(text(&ended.stderr), "");
    assert_eq!(text(&ended.stdout), "check\n--dry-run\nimport\nzsh\n");
}

#[test]
fn fish_and_zsh_take_their_completions() {
    let folder = tempfile::tempdir().expect("a folder");
    if has("fish") {
        let script = folder.path().join("whmcs-stock-monitor.fish");
        fs::write(&script, program(&["completions", "fish"])).expect("writes");
        let ask = format!(
            "source {}; complete -C 'whmcs-stock-monitor che'",
            script.display()
        );
        let ended = ran(Command::new("fish")
            .args(["--no-config", "-c", &ask])
            .env("HOME", folder.path()));
        assert!(text(&ended.stdout).starts_with("check\t"), "{ended:?}");
    }
    if has("zsh") {
        fs::write(
            folder.path().join("_whmcs-stock-monitor"),
            program(&["completions", "zsh"]),
        )
        .expect("writes");
        let ask = format!(
            "fpath=({} $fpath); autoload -Uz compinit && compinit -u -D && echo ${{_comps[whmcs-stock-monitor]}} \
             && autoload +X _whmcs-stock-monitor && echo loaded",
            folder.path().display()
        );
        let ended = ran(Command::new("zsh").args(["-fc", &ask]));
        assert_eq!(
            (text(&ended.stdout), text(&ended.stderr)),
            ("_whmcs-stock-monitor\nloaded\n".to_owned(), String::new())
        );
    }
}

#[test]
fn the_package_is_made_of_files_that_are_there() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    let assets = deb["assets"].as_array().expect("a list");
    assert!(assets.len() > 20);
    for asset in assets {
        let source = asset[0].as_str().expect("a path");
        if source.starts_with("target/") {
            continue;
        }
        let folder = source
            .strip_suffix("/*")
            .or_else(|| Some(source.rsplit_once("/*.")?.0));
        assert!(root().join(folder.unwrap_or(source)).exists(), "{source}");
    }
    // Grafana's, Prometheus' and the companion's files: none is forgotten.
    for folder in [
        "deploy/grafana/dashboards",
        "deploy/prometheus/rules",
        "companion/includes/hooks",
    ] {
        let taken = assets
            .iter()
            .any(|asset| asset[0].as_str() == Some(&format!("{folder}/*")));
        assert!(taken, "{folder}");
    }
}

#[test]
fn the_unit_finds_what_the_package_brings() {
    let unit = read("deploy/systemd/whmcs-stock-monitor.service");
    let manifest = read("Cargo.toml");
    let postinst = read("deploy/debian/postinst");
    let value = |key: &str| {
        let lines = unit
            .lines()
            .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        lines
            .map(|value| value.trim_start_matches('-').to_owned())
            .collect::<Vec<_>>()
    };
    let settings = value("EnvironmentFile");
    assert_eq!(settings, ["/etc/whmcs-stock-monitor/whmcs-stock-monitor.env"]);
    assert!(manifest.contains(&format!("\"{}\"", settings[0])), "a conffile");
    assert_eq!(value("User"), ["whmcs-stock-monitor"]);
    assert!(read("deploy/debian/sysusers.conf").contains("\nu     whmcs-stock-monitor "));
    assert!(value("ExecStart")[0].starts_with("/usr/bin/whmcs-stock-monitor run"));
    for credential in value("LoadCredential") {
        let (_, path) = credential.split_once(':').expect("a name and a path");
        // What is missing would keep the service from starting.
        let made = path.replace("/etc/whmcs-stock-monitor", "install -d -m 0700 \"$config") + "\"";
        assert!(
            postinst.contains(&made),
            "{path} is not made by the package: {made}"
        );
    }
}

#[test]
fn the_maintainers_scripts_are_shell() {
    for script in ["postinst", "prerm", "postrm"] {
        let path = root().join("deploy/debian").join(script);
        let ended = ran(Command::new("sh").arg("-n").arg(&path));
        assert!(ended.status.success(), "{ended:?}");
        assert!(
            read(&format!("deploy/debian/{script}")).contains("\nset -e\n"),
            "{script}"
        );
    }
}

fn script(name: &str, arguments: &[&str]) -> (i32, String) {
    let ended = ran(Command::new(root().join("scripts").join(name)).args(arguments));
    (ended.status.code().unwrap_or(-1), text(&ended.stdout))
}

#[test]
fn a_release_needs_a_version_as_semver_has_it_and_the_tag_of_that_version() {
    for (version, tag, code) in [
        ("1.2.3", "v1.2.3", 0),
        ("0.1.0-rc.1+build.5", "v0.1.0-rc.1+build.5", 0),
        ("1.2.3", "v1.2.4", 65),
        ("1.2.3", "1.2.3", 65),
        ("1.2", "v1.2", 65),
        ("01.2.3", "v01.2.3", 65),
        ("1.2.3-01", "v1.2.3-01", 65),
        ("1.2.3-", "v1.2.3-", 65),
    ] {
        assert_eq!(
            script("release-check", &[version, tag]).0,
            code,
            "{version} {tag}"
        );
    }
    assert_eq!(script("version", &[]).1.trim(), env!("CARGO_PKG_VERSION"));
    assert_eq!(script("release-check", &[env!("CARGO_PKG_VERSION")]).0, 0);
}

#[test]
fn the_notes_of_a_release_are_its_section_of_the_changelog() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("changelog");
    let changelog = "# Changelog\n\n## [Unreleased]\n\n## [1.10.0] - 2026-11-21\n\n### Added\n- Ten.\n\n\
        ## [1.1.0] - 2026-10-01\n- One.\n## [1.0.0]\n- No date.\n[1.1.0]: https://example.com\n";
    fs::write(&path, changelog).expect("writes");
    let path = path.to_str().expect("a path");
    let section = |version: &str| script("changelog-section", &[version, path]);
    assert_eq!(section("1.10.0"), (0, "### Added\n- Ten.\n\n".to_owned()));
    assert_eq!(section("1.1.0"), (0, "- One.\n".to_owned()));
    for version in ["Unreleased", "1.0.0", "1.1", "2.0.0"] {
        assert_eq!(section(version), (1, String::new()), "{version}");
    }
    assert_eq!(
        script("changelog-section", &["Unreleased"]).0,
        0,
        "the changelog itself"
    );
}

/// What a workflow uses or runs: the values of every such key.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                match value.as_str() {
                    Some(text) if name == key => found.push(text),
                    Some(_) | None => all(value, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| all(item, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn pinned(action: &str) -> bool {
    let commit = action.rsplit_once('@').map_or("", |(_, commit)| commit);
    commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn workflows_are_yaml_pin_their_actions_and_run_scripts_that_are_there() {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(root().join(".github/workflows")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let workflow: Value = serde_saphyr::from_str(&fs::read_to_string(&path).expect("text"))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(workflow["permissions"]["contents"], "read", "{}", path.display());
        for (name, job) in workflow["jobs"].as_object().expect("jobs") {
            assert!(
                job["timeout-minutes"].is_number() && job["steps"].is_array(),
                "{name}"
            );
        }
        let (mut uses, mut runs) = (Vec::new(), Vec::new());
        all(&workflow, "uses", &mut uses);
        all(&workflow, "run", &mut runs);
        assert!(!uses.is_empty() && !runs.is_empty());
        for action in uses {
            assert!(pinned(action), "{}: {action}", path.display());
        }
        let words = runs.iter().flat_map(|run| run.split_whitespace());
        for word in words.map(|word| word.trim_start_matches("./")) {
            if word.starts_with("scripts/") || word.starts_with(".ci/") {
                assert!(root().join(word).exists(), "{}: {word}", path.display());
            }
        }
        names.insert(path.file_name().expect("a name").to_string_lossy().into_owned());
    }
    let wanted = ["audit.yml", "ci.yml", "release.yml"].map(str::to_owned);
    assert!(wanted.iter().all(|name| names.contains(name)), "{names:?}");
    assert!(!pinned("actions/checkout@v4"));
}

#[test]
fn the_live_advisories_are_looked_at_every_week() {
    let workflow: Value = serde_saphyr::from_str(&read(".github/workflows/audit.yml")).expect("YAML");
    assert_eq!(workflow["on"]["schedule"][0]["cron"], "17 5 * * 1");
    let mut runs = Vec::new();
    all(&workflow, "run", &mut runs);
    assert!(
        runs.iter().any(|run| run.ends_with("check advisories")),
        "{runs:?}"
    );
}
