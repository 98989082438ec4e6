//! The web configuration file takes effect when it changes, and so do the certificates that it names; without a restart.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderName;
use axum::http::HeaderValue;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::web_file;
use crate::config::web_file::WebFile;
use crate::service::beats::Beat;
use crate::web::access::Access;
use crate::web::access::Door;
use crate::web::asker::Role;
use crate::web::state::Settings;
use crate::web::state::Source;
use crate::web::state::User;

/// How often it is looked whether a file changed.
const LOOK: Duration = Duration::from_secs(1);
/// Longer than reading it takes, wherever it lies.
const READING: Duration = Duration::from_secs(5 * 60);

/// What tells a file from what it was before: its place on the disk, its size, and when it was written.
type Print = Vec<Option<(u64, u64, u64, i64, i64)>>;

/// The settings with what the file says.
#[must_use]
pub fn with_file(settings: Settings, file: &WebFile, read_users: &[String]) -> Settings {
    let users = file.users.iter().map(|(name, hash)| User {
        name: Arc::clone(name),
        role: if read_users.iter().any(|reader| **reader == **name) {
            Role::Look
        } else {
            Role::Act
        },
        hash: hash.clone(),
    });
    let headers = file.headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::try_from(value).ok()?))
    });
    Settings {
        users: users.collect(),
        headers: headers.collect(),
        tls: file.tls.as_ref().map(|tls| Arc::clone(&tls.config)),
        source: Some(Source {
            path: file.path.clone(),
            parts: file.parts(),
            read_users: read_users.to_vec(),
        }),
        ..settings
    }
}

/// Reads the file again whenever it changed, until cancelled. One that cannot be used changes nothing, nor does one that
/// has suddenly nobody to sign in, or no TLS: it may be half written, and would open what is closed.
pub async fn keep(door: Door, beat: Beat, cancel: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<(Source, Print)> = None;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = beat.waiting(looks.tick()) => {}
        }
        beat.within(READING);
        let access = door.access();
        let settings = door.settings();
        let Some(source) = settings.source.clone() else {
            last = None;
            continue;
        };
        let known = last.take().filter(|(known, _)| known.path == source.path);
        let parts = source.parts.clone();
        let Ok(now) = tokio::task::spawn_blocking(move || print(&parts)).await else {
            continue;
        };
        let changed = known.as_ref().is_some_and(|(_, before)| *before != now);
        last = Some((source.clone(), now));
        if changed {
            renew(&door, &access, settings, source).await;
        }
    }
}

async fn renew(door: &Door, before: &Access, settings: Settings, source: Source) {
    let path = source.path.clone();
    let Ok(read) = tokio::task::spawn_blocking(move || web_file::read(&path)).await else {
        return;
    };
    let file = match read {
        Ok(file) => file,
        Err(wrongs) => {
            for wrong in wrongs {
                tracing::error!(
                    "WEB_CONFIG_FILE changed and cannot be used; what it said before stays. It {}. {}",
                    wrong.problem,
                    wrong.mend
                );
            }
            return;
        }
    };
    for warning in &file.warnings {
        tracing::warn!("WEB_CONFIG_FILE {}. {}", warning.problem, warning.mend);
    }
    let lost = [
        ("users", !settings.users.is_empty() && file.users.is_empty()),
        ("TLS", settings.tls.is_some() && file.tls.is_none()),
    ];
    if let Some((what, _)) = lost.iter().find(|(_, lost)| *lost) {
        tracing::error!(
            "WEB_CONFIG_FILE changed and has no {what} any more; what it said before stays. If that is meant, reload the daemon (SIGHUP)."
        );
        return;
    }
    // A reload that came in between has read the file itself.
    if door.renew(before, &with_file(settings, &file, &source.read_users)) {
        tracing::info!("The web configuration file changed and is in force.");
    }
}

fn print(parts: &[PathBuf]) -> Print {
    let one = |path: &PathBuf| {
        let file = fs::metadata(path).ok()?;
        Some((
            file.dev(),
            file.ino(),
            file.len(),
            file.mtime(),
            file.mtime_nsec(),
        ))
    };
    parts.iter().map(one).collect()
}
