//! `config import` and `config export`: thresholds as a list for spreadsheets.

use std::path::Path;
use std::path::PathBuf;

use crate::cli::arguments::ExportArguments;
use crate::cli::arguments::ImportArguments;
use crate::cli::check::remembered;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::misconfigured;
use crate::cli::print;
use crate::cli::run::exit_of;
use crate::cli::say;
use crate::config::draft;
use crate::config::entry::Values;
use crate::config::entry::Which;
use crate::config::export;
use crate::config::import;
use crate::config::line::Ground;
use crate::config::load;
use crate::config::load::Config;
use crate::config::managed::Change;
use crate::config::managed::Document;
use crate::config::overlay::Sources;
use crate::config::sheet;
use crate::config::sheet::Dialect;
use crate::config::sheet::Row;
use crate::config::sheet::WrongLine;
use crate::domain::alerting::state::Memory;
use crate::store::error::OpenError;
use crate::store::reader::Reader;

/// The configuration with its file, and what the database knows of each shop.
struct Ready {
    config: Config,
    /// As messages name it, and as it is found.
    path: (PathBuf, PathBuf),
    bytes: Option<Vec<u8>>,
    file: Document,
    memories: Vec<(String, Memory)>,
}

/// Prints the list.
pub async fn export(sources: &Sources, options: &ExportArguments) -> Exit {
    let ready = match ready(sources).await {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    if ready.shops().iter().all(|(_, memory)| memory.products.is_empty()) {
        say("The database knows no products yet: start the daemon, or run `check`, once.");
    }
    let dialect = if options.excel {
        Dialect::Excel
    } else {
        Dialect::Plain
    };
    let rows = export::rows(
        &ready.config.rules,
        &ready.config.capacities.capacities,
        &ready.file,
        &ready.shops(),
    );
    print(&sheet::write(&rows, dialect));
    Exit::Ok
}

/// Takes a list over: all of it, or nothing where a line is wrong.
pub async fn import(sources: &Sources, options: &ImportArguments) -> Exit {
    let list = sources.dir.join(&options.file);
    let rows = match std::fs::read(&list) {
        Ok(bytes) => sheet::read(&bytes),
        Err(error) => {
            return fail(
                Exit::Usage,
                &format!("{} cannot be read: {error}.", options.file.display()),
            );
        }
    };
    let ready = match ready(sources).await {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    let planned = rows.and_then(|rows| planned(&ready, &rows).map(|plan| (rows, plan)));
    let (rows, plan) = match planned {
        Ok(planned) => planned,
        Err(problems) => return refused(&options.file, &problems),
    };
    for warning in &plan.warnings {
        say(&format!("warning: {}: {warning}", options.file.display()));
    }
    let mut file = ready.file.clone();
    let changes = file.apply(&plan.entries);
    let text = file.text();
    let moved = changes.is_empty() && text != ready.file.text();
    if moved {
        print("The entries of the import go behind the rules that were written since; nothing else changes.");
    } else {
        print(&shown(&changes, &ready, &rows));
    }
    if changes.is_empty() && !moved && options.out.is_none() {
        return Exit::Ok;
    }
    // Only a fault of ours could make it bad; then nothing is written.
    if let Err(errors) = Config::load_as_if(sources, &text) {
        return misconfigured(&errors);
    }
    if options.dry_run {
        print("Nothing was written: this is a dry run.");
        return Exit::Ok;
    }
    written(sources, options, &ready, &text)
}

fn planned(ready: &Ready, rows: &[Row]) -> Result<import::Plan, Vec<WrongLine>> {
    let config = &ready.config;
    let ground = Ground {
        instances: config.instances.iter().map(|shop| shop.name.as_str()).collect(),
        channels: config
            .channels
            .iter()
            .map(|channel| channel.name.as_str())
            .collect(),
        rules: &config.rules,
        capacities: &config.capacities.capacities,
        file: &ready.file,
        shops: &ready.shops(),
    };
    import::plan(rows, &ground)
}

fn refused(list: &Path, problems: &[WrongLine]) -> Exit {
    for problem in problems {
        let said = problem.to_string();
        let end = if said.ends_with(['.', '?']) { "" } else { "." };
        say(&format!("{}: {said}{end}", list.display()));
    }
    let noun = if problems.len() == 1 {
        "line is"
    } else {
        "lines are"
    };
    fail(
        Exit::Config,
        &format!("{} {noun} wrong; nothing was written.", problems.len()),
    )
}

fn written(sources: &Sources, options: &ImportArguments, ready: &Ready, text: &str) -> Exit {
    let (shown, path, before) = match &options.out {
        Some(out) => {
            let path = sources.dir.join(out);
            match draft::read(&path) {
                Ok(before) => (out.clone(), path, before),
                Err(error) => {
                    return fail(
                        Exit::CannotCreate,
                        &format!("{} cannot be read: {error}.", out.display()),
                    );
                }
            }
        }
        None => (ready.path.0.clone(), ready.path.1.clone(), ready.bytes.clone()),
    };
    match draft::replace(&path, before.as_deref(), text) {
        Ok(replaced) => {
            let mut said = format!("Written to {}", shown.display());
            if let Some(backup) = replaced.backup {
                said.push_str(&format!("; as it was before, it is in {}", backup.display()));
            }
            said.push('.');
            if options.out.is_none() {
                said.push_str(" A running daemon takes it over when it is told to reload (SIGHUP).");
            }
            print(&said);
            Exit::Ok
        }
        Err(error) => fail(Exit::CannotCreate, &error.to_string()),
    }
}

async fn ready(sources: &Sources) -> Result<Ready, Exit> {
    let config = configured_quietly(sources)?;
    let path = load::file_of(sources);
    let bytes = draft::read(&path.1).map_err(|error| {
        fail(
            Exit::Config,
            &format!("{} cannot be read: {error}.", path.0.display()),
        )
    })?;
    let text = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
    let file = Document::parse(&text).map_err(|problem| fail(Exit::Config, &problem))?;
    let reader = match Reader::open(&config.store.path).await {
        Ok(reader) => Some(reader),
        Err(OpenError::Missing(_)) => None,
        Err(error) => return Err(exit_of(Err(error.into()))),
    };
    let mut memories = Vec::new();
    for instance in &config.instances {
        let memory = remembered(&config, reader.as_ref(), &instance.name)
            .await
            .map_err(|error| exit_of(Err(error.into())))?;
        memories.push((instance.name.clone(), memory));
    }
    if let Some(reader) = reader {
        reader.close().await;
    }
    Ok(Ready {
        config,
        path,
        bytes,
        file,
        memories,
    })
}

impl Ready {
    fn shops(&self) -> Vec<(&str, &Memory)> {
        let shops = self.memories.iter();
        shops.map(|(name, memory)| (name.as_str(), memory)).collect()
    }

    /// What people call the product, where the database or the list knows it.
    fn name(&self, change: &Change, rows: &[Row]) -> Option<String> {
        let Which::Id(id) = change.target.product else {
            return None;
        };
        let instance = change.target.instance.as_deref();
        let known = self
            .memories
            .iter()
            .filter(|(name, _)| instance.is_none_or(|wanted| wanted == name))
            .find_map(|(_, memory)| memory.product(id));
        let written = || {
            let id = id.to_string();
            let of_it = rows.iter().find(|row| row.get(sheet::Column::Pid) == id)?;
            Some(of_it.get(sheet::Column::Name).to_owned())
        };
        known
            .map(|product| product.name.shown().to_owned())
            .or_else(written)
            .filter(|name| !name.is_empty())
    }
}

/// One line for each entry that differs, and how many there are.
fn shown(changes: &[Change], ready: &Ready, rows: &[Row]) -> String {
    if changes.is_empty() {
        return "Nothing changes.".to_owned();
    }
    let mut lines: Vec<String> = Vec::new();
    let mut counts = [0usize; 3];
    for change in changes {
        let (place, sign, what) = match (&change.before, &change.after) {
            (None, Some(after)) => (0, '+', difference(&Values::default(), after)),
            (Some(before), Some(after)) => (1, '~', difference(before, after)),
            (Some(before), None) => (2, '-', difference(&Values::default(), before)),
            (None, None) => continue,
        };
        counts[place] += 1;
        let name = ready.name(change, rows).map(|name| format!(" ({name})"));
        lines.push(format!(
            "{sign} {}{}: {what}",
            change.target,
            name.unwrap_or_default()
        ));
    }
    let [added, changed, removed] = counts;
    lines.push(format!("{added} added, {changed} changed, {removed} removed."));
    lines.join("\n")
}

fn difference(before: &Values, after: &Values) -> String {
    let number = |value: Option<i64>| value.map(|value| value.to_string());
    let channels = |values: &Values| {
        values.channels.as_ref().map(|names| {
            if names.is_empty() {
                export::NO_CHANNELS.to_owned()
            } else {
                names.join(" ")
            }
        })
    };
    let all = [
        ("low", number(before.low), number(after.low)),
        ("critical", number(before.critical), number(after.critical)),
        ("capacity", number(before.capacity), number(after.capacity)),
        ("channels", channels(before), channels(after)),
    ];
    let parts = all.into_iter().filter(|(_, before, after)| before != after);
    let parts = parts.map(|(key, before, after)| match (before, after) {
        (None, Some(after)) => format!("{key} {after}"),
        (Some(before), Some(after)) => format!("{key} {before} → {after}"),
        (Some(before), None) => format!("{key} {before} → as inherited"),
        (None, None) => String::new(),
    });
    parts.collect::<Vec<_>>().join(", ")
}
