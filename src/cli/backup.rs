//! `backup` and `restore`: a copy of the database that was proved sound, and its way back.

use std::path::Path;

use jiff::Timestamp;

use crate::cli::arguments::BackupArguments;
use crate::cli::arguments::RestoreArguments;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::print;
use crate::cli::say;
use crate::cli::table;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::store::backup;
use crate::store::backup::BackupError;
use crate::store::backup::Copied;
use crate::store::error::OpenError;

/// Copies the database.
pub async fn backup(sources: &Sources, options: &BackupArguments) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match backup::back_up(&config.store.path, &options.file, options.force).await {
        Ok(copied) => {
            print(&format!(
                "{} is a sound copy of {}: {}.",
                options.file.display(),
                config.store.path.display(),
                words(&config, &copied)
            ));
            Exit::Ok
        }
        Err(error) => failed(&error),
    }
}

/// Puts a copy in the database's place.
pub async fn restore(sources: &Sources, options: &RestoreArguments) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let path = config.store.path.as_path();
    match backup::restore(path, &options.file, Timestamp::now()).await {
        Ok((copied, kept)) => {
            print(&restored(&config, path, &copied, kept.as_deref()));
            Exit::Ok
        }
        Err(BackupError::Open(OpenError::InUse(_))) => fail(
            Exit::InUse,
            "The daemon is running. Stop it, restore the backup, and start it again.",
        ),
        Err(error) => failed(&error),
    }
}

fn failed(error: &BackupError) -> Exit {
    say(&error.to_string());
    Exit::from_number(error.exit_code())
}

fn words(config: &Config, copied: &Copied) -> String {
    let last = copied.last_poll.map_or_else(
        || "no poll yet".to_owned(),
        |at| format!("last poll {}", table::time(at, &config.timezone)),
    );
    format!(
        "{} bytes, {last}, {} waiting to be delivered",
        copied.size,
        match copied.pending {
            1 => "1 message".to_owned(),
            pending => format!("{pending} messages"),
        }
    )
}

fn restored(config: &Config, path: &Path, copied: &Copied, kept: Option<&Path>) -> String {
    let mut text = format!(
        "{} is the backup now: {}.\n",
        path.display(),
        words(config, copied)
    );
    if let Some(kept) = kept {
        text += &format!("The database that was there is kept: {}\n", kept.display());
    }
    if copied.pending > 0 {
        text += "What waits in it is sent once the daemon starts, under the ids it always had: what was delivered after the \
                 backup comes a second time, and receivers can tell by the id.\n";
    }
    text += "What happened after the backup is not known any more; the first poll finds how things stand.";
    text
}
