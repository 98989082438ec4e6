//! The rules file as it is written: its alerts, its records, and what Prometheus' own tools read beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

/// Where it all lies.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus")
}

/// The text of a file of the project.
pub fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names within a folder of the project that end so, without that end.
pub fn names(folder: &str, end: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter_map(|name| Some(name.strip_suffix(end)?.to_owned()))
        .collect();
    names.sort();
    names
}

/// A file in YAML.
pub fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text of the rules.
pub const RULES: &str = "deploy/prometheus/rules/whmcs-stock-monitor.rules.yml";

/// Each rule by the name of its alert or record.
pub fn rules() -> BTreeMap<String, Value> {
    let file = yaml(RULES);
    let groups = file["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let named = rules.map(|rule| {
        let name = rule["alert"].as_str().or(rule["record"].as_str());
        (name.unwrap().to_owned(), rule.clone())
    });
    let rules: BTreeMap<String, Value> = named.collect();
    assert!(rules.len() > 20, "{rules:?}");
    rules
}

/// The names of the alerts.
pub fn alerts() -> Vec<String> {
    let rules = rules().into_iter();
    rules
        .filter(|(_, rule)| rule["alert"].is_string())
        .map(|(name, _)| name)
        .collect()
}

/// The names of our metrics in a text; not those of records, which hold colons, nor what is only their beginning.
pub fn metrics(text: &str) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c| !is_word(c));
    let mut found: Vec<String> = words
        .filter(|word| word.starts_with("whmcs_") && !word.contains(':') && !word.ends_with('_'))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}
