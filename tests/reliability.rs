//! docs/RELIABILITY.md holds every fault there is, each with a trial that exists; and the quick ones of the scripts.

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

/// The faults of the table, numbered from 1.
const FAULTS: u32 = 62;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A line of the table.
struct Row {
    number: u32,
    cells: Vec<String>,
}

impl Row {
    /// What stands in code in the column of trials.
    fn trials(&self) -> Vec<&str> {
        self.cells[3].split('`').skip(1).step_by(2).collect()
    }
}

fn rows() -> Vec<Row> {
    let text = read(&root().join("docs/RELIABILITY.md"));
    let row = |line: &str| {
        let cells: Vec<String> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect();
        let number = cells[0].split(' ').next()?.parse().ok()?;
        Some(Row { number, cells })
    };
    text.lines()
        .filter(|line| line.starts_with('|'))
        .filter_map(row)
        .collect()
}

/// Every file under a folder of that ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.append(&mut files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}

/// Whether a test of that name is in that target.
fn is_test(target: &str, name: &str) -> bool {
    let (folder, alone) = match target {
        "lib" => (root().join("src"), root().join("src/lib.rs")),
        target => (
            root().join("tests").join(target),
            root().join(format!("tests/{target}.rs")),
        ),
    };
    let mut sources = if folder.is_dir() {
        files(&folder, "rs")
    } else {
        Vec::new()
    };
    sources.extend(Some(alone).filter(|alone| alone.exists()));
    let call = format!("fn {name}(");
    sources.iter().any(|path| read(path).contains(&call))
}

/// The rows that a script says it is for, in its first line.
fn rows_of(script: &Path) -> BTreeSet<u32> {
    let text = read(script);
    let first = text.lines().next().unwrap_or_default();
    let about = first.split(':').next().unwrap_or_default();
    let words: Vec<&str> = about.split([' ', ',']).collect();
    let number = |word: &str| {
        word.trim_matches(|c: char| !c.is_ascii_digit())
            .parse::<u32>()
            .ok()
    };
    let mut rows = BTreeSet::new();
    for (place, word) in words.iter().enumerate() {
        let Some(row) = number(word) else { continue };
        let from = match place.checked_sub(2) {
            Some(two) if words[place - 1] == "to" => number(words[two]).unwrap_or(row),
            Some(_) | None => row,
        };
        rows.extend(from..=row);
    }
    rows
}

fn rows_with_a_script() -> BTreeSet<u32> {
    let scripts = files(&root().join("tests/faults"), "py").into_iter();
    let scripts = scripts.filter(|path| read(path).starts_with("\"\"\"Row"));
    scripts.flat_map(|path| rows_of(&path)).collect()
}

/// Why a trial that is named cannot be made.
fn missing(trial: &str, scripted: &BTreeSet<u32>) -> Option<String> {
    let words: Vec<&str> = trial.split(' ').collect();
    let last = words.last().copied().unwrap_or_default();
    if let Some((target, name)) = last.split_once("::") {
        return (!is_test(target, name)).then(|| format!("there is no test {last}"));
    }
    let row = last.parse().ok().filter(|_| words.contains(&"scripts/faults"));
    match row {
        Some(row) if scripted.contains(&row) => None,
        Some(row) => Some(format!("no script is for row {row}")),
        None => Some(format!("{trial} is neither a test nor a script")),
    }
}

#[test]
fn every_fault_stands_in_the_table_with_trials_that_there_are() {
    let (rows, scripted) = (rows(), rows_with_a_script());
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=FAULTS).collect::<Vec<_>>());
    let mut named = BTreeSet::new();
    for row in &rows {
        assert_eq!(row.cells.len(), 7, "row {}", row.number);
        let trials = row.trials();
        assert!(
            !trials.is_empty() || row.cells[2].starts_with("cannot be one"),
            "row {} is neither tried nor explained",
            row.number
        );
        for trial in trials {
            assert_eq!(missing(trial, &scripted), None, "row {}", row.number);
            if trial.contains("scripts/faults") {
                named.extend(
                    trial
                        .split(' ')
                        .next_back()
                        .and_then(|row| row.parse::<u32>().ok()),
                );
            }
        }
    }
    assert_eq!(scripted, named, "a script that no row names");
    assert!(missing("kill::no_such_test", &scripted).is_some());
    assert!(missing("scripts/faults 61", &scripted).is_some());
}

#[test]
fn only_rows_that_are_marked_may_repeat_a_message() {
    for row in rows() {
        let marked = row.cells[0].contains('⚠');
        assert!(
            ["nothing", "–"].contains(&row.cells[5].as_str()),
            "row {}",
            row.number
        );
        assert!(
            marked || ["no", "0", "–"].contains(&row.cells[6].as_str()),
            "row {}: a repeat is to be marked",
            row.number
        );
    }
}

/// Runs one of the scripts, a few times each.
fn script(name: &str) {
    if Command::new("python3").arg("--version").output().is_err() {
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "there is no python3");
        println!("skipped: there is no python3");
        return;
    }
    let output = Command::new("python3")
        .arg(root().join("tests/faults").join(name))
        .arg(env!("CARGO_BIN_EXE_whmcs-stock-monitor"))
        .env("FAULT_RUNS", "3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("RESULT "),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_crash_at_any_of_the_instants_between_claim_send_and_mark_loses_nothing() {
    script("crashes.py");
}

#[test]
fn a_log_that_nobody_takes_ends_nothing() {
    script("streams.py");
}
