//! `/healthz` and `/readyz`: alive, and ready to do its work. Never whether WHMCS is up.

use axum::extract::State;
use axum::http::StatusCode;

use crate::web::problem::Problem;
use crate::web::state::AppState;

/// `GET /healthz`: the process answers; nothing else is touched.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: every instance was asked at least once.
pub async fn ready(State(app): State<AppState>) -> Result<&'static str, Problem> {
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
