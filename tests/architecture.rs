//! The map in `src/lib.rs` is the import rule: a file uses only what stands above it, and neighbours do not meet.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Adapters never know each other.
const ADAPTERS: [&str; 3] = ["whmcs", "store", "notify"];
/// Rooms that use nothing of ours: the simulator speaks WHMCS on its own, so that it checks `whmcs` independently.
const ALONE: [&str; 3] = ["scheduler", "simulator", "sinks"];
/// What a job never uses.
const ABOVE_JOBS: [&str; 5] = ["config", "web", "observe", "app", "cli"];
/// What jobs share; none of it is a job itself.
const SHARED_BY_JOBS: [&str; 6] = [
    "jobs::digest",
    "jobs::firsts",
    "jobs::gaps",
    "jobs::past",
    "jobs::shop",
    "jobs::said",
];
/// SQL stands in `store` alone.
const SQL: [&str; 3] = ["SELECT ", "INSERT INTO", "sqlx::"];

/// Every module's path (`domain::catalogue`) with its source, in the declared order.
type Sources = Vec<(String, String)>;

/// Reads the modules a source declares, in order; `read` gives the source of a module that has a file. A file that
/// declares modules of its own stands below them.
fn declared(source: &str, within: &str, read: &dyn Fn(&str) -> Option<String>, found: &mut Sources) {
    let mut path: Vec<String> = within
        .split("::")
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    let outermost = path.len();
    for line in source.lines().map(str::trim) {
        let declaration = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ");
        if let Some(name) = declaration.and_then(|rest| rest.strip_suffix(';')) {
            let module = [path.as_slice(), &[name.to_owned()]].concat().join("::");
            let text = read(&module).unwrap_or_default();
            declared(&text, &module, read, found);
            found.push((module, text));
        } else if let Some(name) = declaration.and_then(|rest| rest.strip_suffix(" {")) {
            path.push(name.to_owned());
        } else if line == "}" && path.len() > outermost {
            path.pop();
        }
    }
}

/// The modules a module's source names with `crate::` or `super::`, each as the longest declared path.
fn used(module: &str, source: &str, ranks: &BTreeMap<&str, usize>) -> Vec<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let mut found = Vec::new();
    for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
        let line = line.replace("super::", &format!("crate::{parent}::"));
        for after in line.split("crate::").skip(1) {
            let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let mut path = after[..end.unwrap_or(after.len())].trim_end_matches(':');
            while !ranks.contains_key(path) {
                let Some((parent, _)) = path.rsplit_once("::") else {
                    break;
                };
                path = parent;
            }
            found.push(path.to_owned());
        }
    }
    found
}

/// Every use that points the wrong way, and every line of SQL in the wrong room.
fn violations(sources: &Sources) -> Vec<String> {
    let ranks: BTreeMap<&str, usize> = sources
        .iter()
        .enumerate()
        .map(|(rank, (module, _))| (module.as_str(), rank))
        .collect();
    let mut found = Vec::new();
    for (module, source) in sources {
        let room = module.split("::").next().unwrap_or_default();
        let production = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for target in used(module, production, &ranks) {
            let target_room = target.split("::").next().unwrap_or_default();
            // A file and the folder of its name are one.
            let parent = module.starts_with(&format!("{target}::"));
            let below = !parent
                && ranks
                    .get(target.as_str())
                    .is_none_or(|rank| *rank > ranks[module.as_str()]);
            let neighbours =
                room != target_room && ADAPTERS.contains(&room) && ADAPTERS.contains(&target_room);
            let shared = SHARED_BY_JOBS.contains(&target.as_str());
            let job_to_job = room == "jobs" && target_room == "jobs" && !shared;
            let alone = ALONE.contains(&room) && target_room != room;
            let above_jobs = room == "jobs" && ABOVE_JOBS.contains(&target_room);
            if below || neighbours || alone || (job_to_job && target != *module) || above_jobs {
                found.push(format!("{module} uses {target}"));
            }
        }
        let code = production
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        if room != "store"
            && code
                .into_iter()
                .any(|line| SQL.iter().any(|sql| line.contains(sql)))
        {
            found.push(format!("{module} holds SQL"));
        }
    }
    found
}

fn sources_of(lib: &str, read: &dyn Fn(&str) -> Option<String>) -> Sources {
    let mut found = Sources::new();
    declared(lib, "", read, &mut found);
    found
}

#[test]
fn every_file_uses_only_what_stands_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |module: &str| fs::read_to_string(root.join(module.replace("::", "/") + ".rs")).ok();
    let lib = fs::read_to_string(root.join("lib.rs")).expect("src/lib.rs");
    let sources = sources_of(&lib, &read);
    assert!(sources.len() > 20, "the map was read: {}", sources.len());
    for (module, source) in &sources {
        assert!(!source.is_empty(), "{module} has no file");
    }
    assert_eq!(violations(&sources), Vec::<String>::new());
}

#[test]
fn every_file_is_on_the_map() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |module: &str| fs::read_to_string(root.join(module.replace("::", "/") + ".rs")).ok();
    let lib = fs::read_to_string(root.join("lib.rs")).expect("src/lib.rs");
    let known: Vec<String> = sources_of(&lib, &read)
        .into_iter()
        .map(|(module, _)| module)
        .collect();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let relative = path.strip_prefix(&root).expect("under src").with_extension("");
            let module = relative.to_string_lossy().replace('/', "::");
            assert!(
                known.contains(&module) || ["lib", "main"].contains(&module.as_str()),
                "{module}"
            );
        }
    }
}

/// A small tree where everything is in its place, and what one planted line makes of it.
fn planted(module: &str, line: &str) -> Vec<String> {
    let lib = "pub mod domain {\n    pub mod a;\n    mod b;\n}\npub mod sinks;\npub mod whmcs {\n    pub mod c;\n}\n\
               pub mod store {\n    pub mod d;\n}\npub mod config;\npub mod jobs {\n    pub mod shop;\n    \
               pub mod e;\n    pub mod f;\n}\npub mod app;\n";
    let read = |name: &str| {
        let own = match name {
            "domain::b" => "use crate::domain::a::A;\n// use crate::app::App;\n",
            "store::d" => "const Q: &str = \"SELECT 1\";\nuse crate::domain::a::A;\n",
            "jobs::e" => "use crate::jobs::shop::Shop;\nuse crate::store::d;\n",
            "app" => "pub mod parts;\npub mod rest;\nuse crate::app::parts::P;\nuse crate::jobs::e;\n",
            _ => "",
        };
        let extra = if name == module { line } else { "" };
        Some(format!(
            "{own}{extra}\n#[cfg(test)]\nmod tests {{\n    use super::*;\n    use crate::app::App;\n}}\n"
        ))
    };
    violations(&sources_of(lib, &read))
}

#[test]
fn a_planted_violation_is_caught() {
    assert_eq!(planted("", ""), Vec::<String>::new(), "all in its place");
    for (module, line, caught) in [
        (
            "domain::a",
            "use crate::domain::b::B;",
            "domain::a uses domain::b",
        ),
        ("domain::b", "use crate::whmcs::c::C;", "domain::b uses whmcs::c"),
        ("domain::a", "fn x(y: crate::app::App) {}", "domain::a uses app"),
        ("store::d", "use crate::whmcs::c::C;", "store::d uses whmcs::c"),
        ("sinks", "use crate::domain::a::A;", "sinks uses domain::a"),
        ("jobs::f", "use crate::jobs::e::E;", "jobs::f uses jobs::e"),
        ("jobs::e", "use crate::config::Config;", "jobs::e uses config"),
        (
            "app::parts",
            "use crate::app::rest::R;",
            "app::parts uses app::rest",
        ),
        ("whmcs::c", "let q = \"INSERT INTO x\";", "whmcs::c holds SQL"),
        ("app", "use sqlx::Row;", "app holds SQL"),
        ("domain::a", "use super::b::B;", "domain::a uses domain::b"),
        ("domain::b", "use crate::nowhere::N;", "domain::b uses nowhere"),
    ] {
        assert_eq!(planted(module, line), [caught]);
    }
}
