//! `/metrics`: written once for all who scrape the same moment, so that a crowd of slow scrapers costs no memory.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use http_body::Frame;
use http_body::SizeHint;
use tokio::time::timeout;

use crate::observe::database;
use crate::observe::metrics;
use crate::observe::openmetrics;
use crate::observe::process::Process;
use crate::observe::view::Seen;
use crate::web::negotiation;
use crate::web::negotiation::Format;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// A scrape goes without what the database does not tell by then.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);

/// `GET /metrics`
pub async fn metrics(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    let seen = app.view.seen();
    let stock = app.scrapes.stock(&seen).await;
    let mut rest = outbox(&app, &seen).await;
    database(&app, &mut rest).await;
    Process::read().write(&mut rest);
    let mut rest = rest.into_bytes();
    app.counters.write(&mut rest).map_err(|error| {
        tracing::error!(%error, "The counters could not be written.");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The counters could not be written.",
        )
    })?;
    let (content_type, rest) = in_format(negotiation::wanted(&headers), rest);
    let body = Body::new(Two([Bytes::from_owner(stock), rest]));
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    Ok((head, body).into_response())
}

/// The content type, and what follows the stock, which reads the same in both formats.
fn in_format(format: Format, rest: Vec<u8>) -> (&'static str, Bytes) {
    match format {
        Format::Text => (metrics::CONTENT_TYPE, rest.into()),
        Format::OpenMetrics => {
            let rest = openmetrics::last_part(&String::from_utf8_lossy(&rest));
            (openmetrics::CONTENT_TYPE, rest.into())
        }
    }
}

/// The outbox series; none where the database does not answer soon.
async fn outbox(app: &AppState, seen: &Seen) -> String {
    match timeout(DATABASE_TIMEOUT, app.store.reader().outbox_counts()).await {
        Ok(Ok(counts)) => metrics::outbox(&seen.channels, &counts),
        Ok(Err(error)) => {
            tracing::warn!(%error, "The outbox could not be read for a scrape.");
            String::new()
        }
        Err(_) => {
            tracing::warn!("The outbox could not be read for a scrape: the database did not answer in time.");
            String::new()
        }
    }
}

/// How the database fares; none where its disk does not answer soon.
async fn database(app: &AppState, out: &mut String) {
    let store = app.store.clone();
    let asked = tokio::task::spawn_blocking(move || store.condition());
    match timeout(DATABASE_TIMEOUT, asked).await {
        Ok(Ok(condition)) => database::write(&condition, out),
        Ok(Err(_)) | Err(_) => {
            tracing::warn!(
                "The database's disk could not be looked at for a scrape: it did not answer in time."
            );
        }
    }
}

/// A body of two parts, the first of them shared.
struct Two([Bytes; 2]);

impl http_body::Body for Two {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let part = self.0.iter_mut().find(|part| !part.is_empty());
        Poll::Ready(part.map(|part| Ok(Frame::data(std::mem::take(part)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|part| part.len() as u64).sum())
    }
}
