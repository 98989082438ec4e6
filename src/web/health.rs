//! `/healthz` and `/readyz`: alive in all its parts, and ready to do its work. Never whether WHMCS is up.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::store::error::ErrorKind;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// A database that does not answer by then is not ready.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(3);

/// `GET /healthz`: the process answers and none of its loops hangs; no database and no WHMCS is asked.
pub async fn alive(State(app): State<AppState>) -> Result<&'static str, Problem> {
    let late = app.beats.late(Instant::now());
    if late.is_empty() {
        return Ok("ok\n");
    }
    let names: Vec<&str> = late.iter().map(|late| &*late.name).collect();
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("A part of the monitor hangs: {}. Restart it.", names.join(", ")),
    ))
}

/// `GET /readyz`: the database can be written, and every instance was asked at least once.
pub async fn ready(State(app): State<AppState>) -> Result<&'static str, Problem> {
    if let Some(reason) = unwritable(&app).await {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason));
    }
    let seen = app.view.seen();
    let waiting: Vec<&str> = seen.not_attempted().map(|instance| &*instance.name).collect();
    if waiting.is_empty() {
        return Ok("ready\n");
    }
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("The first poll has not ended yet: {}.", waiting.join(", ")),
    ))
}

/// Why nothing can be recorded; without particulars, since anybody may ask.
async fn unwritable(app: &AppState) -> Option<&'static str> {
    let Ok(outcome) = timeout(DATABASE_TIMEOUT, app.store.writable()).await else {
        return Some("The database does not answer in time.");
    };
    Some(match outcome.err()?.kind() {
        ErrorKind::Transient => "The database is locked by another process.",
        ErrorKind::Degraded => "The database cannot be written: the disk is full, read-only or failing.",
        ErrorKind::Fatal => "The database is damaged, or its file was deleted or replaced.",
        ErrorKind::Other => "The database cannot be written.",
    })
}
