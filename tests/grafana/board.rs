//! A dashboard as its file says it.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

/// A dashboard of `deploy/grafana/dashboards`.
#[derive(Debug, Clone)]
pub struct Board {
    /// `overview` of `overview.json`.
    pub file: String,
    pub json: Value,
}

/// `deploy/grafana`
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana")
}

/// All of them, by name.
pub fn boards() -> Vec<Board> {
    let entries = fs::read_dir(folder().join("dashboards")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let boards: Vec<Board> = files
        .iter()
        .map(|file| Board {
            file: file.file_stem().unwrap().to_string_lossy().into_owned(),
            json: serde_json::from_slice(&fs::read(file).unwrap()).unwrap(),
        })
        .collect();
    assert_eq!(boards.len(), 3, "{files:?}");
    boards
}

/// The text there, which must be one.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The list there; empty where there is none.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

impl Board {
    /// The panels that show something: rows are left out.
    pub fn panels(&self) -> impl Iterator<Item = &Value> {
        list(&self.json["panels"])
            .iter()
            .filter(|panel| panel["type"] != "row")
    }

    pub fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    pub fn variable(&self, name: &str) -> Option<&Value> {
        self.variables().iter().find(|variable| variable["name"] == name)
    }

    pub fn annotations(&self) -> &[Value] {
        list(&self.json["annotations"]["list"])
    }

    /// Every query of a panel, with whose it is.
    pub fn targets(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.panels()
            .flat_map(|panel| list(&panel["targets"]).iter().map(move |target| (panel, target)))
    }

    /// `overview: Out`
    pub fn named(&self, panel: &Value) -> String {
        format!("{}: {}", self.file, text(&panel["title"]))
    }
}
