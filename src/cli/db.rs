//! `db`: what the database holds and how it fares, its check, and giving back the room it does not need.

use std::path::Path;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::json;

use crate::cli::arguments::DbCommand;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::print;
use crate::cli::run::exit_of;
use crate::cli::table;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::store::db::Store;
use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::store::upkeep::Grown;
use crate::store::upkeep::Room;
use crate::store::upkeep::Upkeep;

/// Over so long it is looked how fast the database grows.
const LATELY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Does what is asked.
pub async fn db(sources: &Sources, what: &DbCommand) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match what {
        DbCommand::Stats { json } => stats(&config, *json).await,
        DbCommand::Check => check(&config).await,
        DbCommand::Vacuum => vacuum(&config).await,
    }
}

/// What is known of a database.
struct Stats {
    room: Room,
    upkeep: Upkeep,
    rows: Vec<(String, i64)>,
    /// Its first and its last poll.
    polled: Option<(Timestamp, Timestamp)>,
    begins: Option<Timestamp>,
    grown: Option<Grown>,
    file: Option<u64>,
    log: u64,
}

impl Stats {
    async fn of(reader: &Reader, path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let size = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            std::fs::metadata(name).ok().map(|metadata| metadata.len())
        };
        Ok(Self {
            room: reader.room().await?,
            upkeep: reader.upkeep().await?,
            rows: reader.rows().await?,
            polled: reader.polled().await?,
            begins: reader.begins().await?,
            grown: reader.grown(now, LATELY).await?,
            file: size(""),
            log: size("-wal").unwrap_or_default(),
        })
    }

    fn json(&self) -> String {
        let tables: serde_json::Map<_, _> = self
            .rows
            .iter()
            .map(|(name, rows)| (name.clone(), json!(rows)))
            .collect();
        json!({
            "size_bytes": self.file,
            "wal_bytes": self.log,
            "used_bytes": self.room.used(),
            "free_bytes": self.room.free.saturating_mul(self.room.page),
            "page_bytes": self.room.page,
            "gives_back": self.room.gives_back,
            "rows": tables,
            "first_poll_at": self.polled.map(|(first, _)| first),
            "last_poll_at": self.polled.map(|(_, last)| last),
            "readable_since": self.begins,
            "horizon": self.upkeep.horizon,
            "retention_ran_at": self.upkeep.ran_at,
            "removed_rows": self.upkeep.removed,
            "polls_a_day": self.grown.map(|grown| grown.polls),
            "changes_a_day": self.grown.map(|grown| grown.changes),
        })
        .to_string()
    }

    fn lines(&self, config: &Config) -> String {
        let time = |at: Option<Timestamp>| {
            at.map_or_else(|| "never".to_owned(), |at| table::time(at, &config.timezone))
        };
        let mut listed = table::new(&["WHAT", "FIGURE"]);
        let mut line = |what: &str, figure: String| {
            listed.add_row([what.to_owned(), figure]);
        };
        line("file", self.file.map_or_else(|| "–".to_owned(), bytes));
        line("write-ahead log", bytes(self.log));
        line("in use", bytes(self.room.used()));
        line(
            "free within the file",
            bytes(self.room.free.saturating_mul(self.room.page)),
        );
        line(
            "room goes back to the disk",
            if self.room.gives_back {
                "by itself"
            } else {
                "by `db vacuum`"
            }
            .to_owned(),
        );
        line("last poll", time(self.polled.map(|(_, last)| last)));
        line("single levels since", time(self.begins));
        line("upkeep last ran", time(self.upkeep.ran_at));
        line("rows taken away", self.upkeep.removed.to_string());
        if let Some(grown) = self.grown {
            line("polls a day", format!("{:.0}", grown.polls));
            line("changes a day", format!("{:.0}", grown.changes));
        }
        for (name, rows) in &self.rows {
            line(&format!("rows of {name}"), rows.to_string());
        }
        listed.to_string()
    }
}

async fn stats(config: &Config, json: bool) -> Exit {
    let reader = match Reader::open(&config.store.path).await {
        Ok(reader) => reader,
        Err(error) => return exit_of(Err(error.into())),
    };
    let stats = Stats::of(&reader, &config.store.path, Timestamp::now()).await;
    reader.close().await;
    match stats {
        Ok(stats) if json => print(&stats.json()),
        Ok(stats) => print(&stats.lines(config)),
        Err(error) => return exit_of(Err(error.into())),
    }
    Exit::Ok
}

/// Looks at every page, every index against its table, and every reference; beside a running daemon, too.
async fn check(config: &Config) -> Exit {
    let reader = match Reader::open(&config.store.path).await {
        Ok(reader) => reader,
        Err(error) => return exit_of(Err(error.into())),
    };
    let found = reader.integrity_check().await;
    reader.close().await;
    match found {
        Ok(()) => {
            print(&format!("{} is sound.", config.store.path.display()));
            Exit::Ok
        }
        Err(StoreError::Damaged(detail)) => fail(
            Exit::Database,
            &format!(
                "{} is damaged: {detail}. Stop the daemon and restore a backup: docs/backup.md.",
                config.store.path.display()
            ),
        ),
        Err(error) => exit_of(Err(error.into())),
    }
}

/// Writes the file anew without what is free in it, and so that room goes back by itself from then on.
async fn vacuum(config: &Config) -> Exit {
    // Opening for writing would make a database where there is none.
    match Reader::open(&config.store.path).await {
        Ok(reader) => reader.close().await,
        Err(OpenError::Older(_)) => {}
        Err(error) => return exit_of(Err(error.into())),
    }
    let store = match Store::open(&config.store).await {
        Ok(opened) => opened.store,
        Err(OpenError::InUse(_)) => {
            return fail(
                Exit::InUse,
                "The daemon is running. Stop it first: the file is written anew, and it needs as much room again meanwhile.",
            );
        }
        Err(error) => return exit_of(Err(error.into())),
    };
    let before = store.space().0;
    let done = store.vacuum().await;
    let after = store.space().0;
    store.close().await;
    match done {
        Ok(()) => {
            let size = |size: Option<u64>| size.map_or_else(|| "–".to_owned(), bytes);
            print(&format!(
                "{} took {}, and takes {} now.",
                config.store.path.display(),
                size(before),
                size(after)
            ));
            Exit::Ok
        }
        Err(error) => exit_of(Err(error.into())),
    }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
