//! The documents for users: no key is explained twice in a table, and every link within them leads somewhere.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents() -> Vec<PathBuf> {
    let entries =
        ["docs", "docs/runbooks"].map(|folder| fs::read_dir(root().join(folder)).expect("a folder"));
    let entries = entries.into_iter().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    found.extend(["README.md", "CHANGELOG.md"].map(|name| root().join(name)));
    assert!(found.len() > 10, "{found:?}");
    found
}

/// The lines outside of code blocks.
fn prose(text: &str) -> Vec<&str> {
    let mut code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            lines.push(line);
        }
    }
    lines
}

/// The keys of a row's first cell, each with what stands before them: `webhook: url`.
fn keys(row: &str) -> Vec<String> {
    let cell = row.trim_start_matches('|').split('|').next().unwrap_or_default();
    let (about, names) = cell.split_once(": ").unwrap_or(("", cell));
    let names = names.split('`').skip(1).step_by(2);
    names
        .map(|name| format!("{} {name}", about.trim()).trim().to_owned())
        .collect()
}

/// The keys that stand twice under one heading.
fn twice(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for line in prose(text) {
        if line.starts_with('#') {
            seen.clear();
        } else if line.starts_with('|') {
            found.extend(keys(line).into_iter().filter(|key| !seen.insert(key.clone())));
        }
    }
    found
}

#[test]
fn no_key_is_explained_twice_in_the_tables_of_the_configuration() {
    let text = read(&root().join("docs/configuration.md"));
    assert!(
        text.contains("\n| `WEBHOOK_FORMAT` |"),
        "the tables are not found"
    );
    assert_eq!(twice(&text), [""; 0]);
    assert_eq!(
        twice("# a\n| `x`, `y` | 1 |\n| email: `x` | 1 |\n| `y` | 2 |\n# b\n| `x` | 3 |"),
        ["y"]
    );
}

/// A heading as a link names it.
fn slug(heading: &str) -> String {
    let letters = heading.trim().chars().flat_map(char::to_lowercase);
    letters
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn headings(text: &str) -> BTreeSet<String> {
    let lines = prose(text).into_iter();
    lines
        .filter(|line| line.starts_with('#'))
        .map(|line| slug(line.trim_start_matches('#')))
        .collect()
}

/// What links in a text lead to, those within the project alone.
fn links(text: &str) -> Vec<String> {
    let text = prose(text).join("\n");
    let ends = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    ends.filter(|link| !link.contains(':') && !link.contains(' '))
        .map(str::to_owned)
        .collect()
}

/// Why a link of that document leads nowhere.
fn broken(document: &Path, link: &str) -> Option<String> {
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => document.to_owned(),
        path => document.parent().unwrap_or(document).join(path),
    };
    let said = |what: &str| Some(format!("{}: {link}: {what}", document.display()));
    if !target.exists() {
        return said("no such file");
    }
    if !heading.is_empty() && !headings(&read(&target)).contains(heading) {
        return said("no such heading");
    }
    None
}

#[test]
fn every_link_within_the_documents_leads_to_a_file_and_a_heading() {
    let mut looked = 0;
    let mut found = Vec::new();
    for document in documents() {
        for link in links(&read(&document)) {
            looked += 1;
            found.extend(broken(&document, &link));
        }
    }
    assert!(looked > 50, "only {looked} links were found");
    assert_eq!(found, [""; 0]);
    let readme = root().join("README.md");
    assert!(broken(&readme, "docs/nothing.md").is_some());
    assert!(broken(&readme, "docs/mail.md#nothing").is_some());
}
