//! `/live`: tells pages that look on of each new moment, and beats in between, so that a page knows when it is cut off.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::response::sse::Event;
use axum::response::sse::Sse;
use futures_util::Stream;
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::web::places::Closing;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// The least time between two moments that a page is told of: polls can be quicker than eyes.
const APART: Duration = Duration::from_millis(500);
/// How long a page hears nothing at most.
const BEAT: Duration = Duration::from_secs(10);

/// One page that looks on.
struct Onlooker {
    moments: watch::Receiver<u64>,
    closing: CancellationToken,
    not_before: Instant,
    _place: OwnedSemaphorePermit,
}

/// `GET /live`
pub async fn live(
    State(app): State<AppState>,
    closing: Option<Extension<Closing>>,
) -> Result<Response, Problem> {
    let place = Arc::clone(&app.places.0).try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many pages look on already; this one looks again by itself.",
        )
    })?;
    let onlooker = Onlooker {
        moments: app.view.moments(),
        closing: closing.map_or_else(CancellationToken::new, |Extension(closing)| closing.0),
        not_before: Instant::now(),
        _place: place,
    };
    Ok(Sse::new(events(onlooker)).into_response())
}

fn events(onlooker: Onlooker) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(onlooker, |mut onlooker| async {
        let event = onlooker.next().await?;
        Some((Ok(event), onlooker))
    })
}

impl Onlooker {
    /// The next thing to say; `None` when the server stops.
    async fn next(&mut self) -> Option<Event> {
        let event = tokio::select! {
            () = self.closing.cancelled() => return None,
            () = sleep_until(Instant::now() + BEAT) => Event::default().event("beat").data(""),
            changed = Self::changed(&mut self.moments, self.not_before) => {
                Event::default().event("moment").data(changed?.to_string())
            }
        };
        self.not_before = Instant::now() + APART;
        Some(event)
    }

    async fn changed(moments: &mut watch::Receiver<u64>, not_before: Instant) -> Option<u64> {
        sleep_until(not_before).await;
        moments.changed().await.ok()?;
        Some(*moments.borrow_and_update())
    }
}
