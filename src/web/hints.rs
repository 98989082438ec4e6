//! "Look now": hints of the companion, which sign themselves in, and what people ask for.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use axum::Json;
use axum::body;
use axum::body::Body;
use axum::extract::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::domain::catalogue::ProductId;
use crate::hints::desk::ACCEPTED;
use crate::hints::desk::Refusal;
use crate::hints::desk::Taken;
use crate::hints::letter::Letter;
use crate::hints::wanted::Plan;
use crate::hints::wanted::Scope;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// The most bytes of a hint.
pub const LARGEST: usize = 64 << 10;

/// Who sent a request, where that is known.
#[derive(Debug, Clone, Copy)]
pub struct Sender(pub IpAddr);

/// What will be done.
#[derive(Debug, Serialize)]
struct Promise<'a> {
    instance: &'a str,
    /// `null` for all.
    products: Option<Vec<ProductId>>,
    poll: &'static str,
    /// When, where that is known.
    at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Promises<'a> {
    items: Vec<Promise<'a>>,
}

/// `POST /api/v1/hints`: a hint, signed as our webhooks are.
pub async fn hint(
    State(app): State<AppState>,
    sender: Option<Extension<Sender>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let from = sender.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(sender)| sender.0);
    match taken(&app, from, &headers, body).await {
        Ok(taken) => {
            app.counters.hint(&taken.shop, ACCEPTED);
            tracing::debug!(shop = taken.shop, hook = taken.hook, plan = ?taken.plan, "A hint to look now.");
            let promise = Promise::new(&taken.shop, &taken.scope, taken.plan);
            (StatusCode::ACCEPTED, Json(promise)).into_response()
        }
        Err((refusal, shop)) => {
            app.counters
                .hint(shop.as_deref().unwrap_or_default(), refusal.word());
            if let Some(refused) = app.desk.refused(refusal, Instant::now()) {
                log(&refused);
            }
            refused(refusal)
        }
    }
}

/// `POST /api/v1/poll?instance=`: a person asks for a look at all of one shop, or of each.
pub async fn poll(State(app): State<AppState>, params: Params) -> Result<Response, Problem> {
    params.only(&["instance"])?;
    let plans = app.desk.ask(params.get("instance"), Instant::now());
    let plans = plans.ok_or_else(|| {
        Problem::parameter(
            "instance",
            "\"instance\" must be the name of a configured instance.",
        )
    })?;
    let items = plans
        .iter()
        .map(|(shop, plan)| Promise::new(shop, &Scope::All, *plan))
        .collect();
    Ok((StatusCode::ACCEPTED, Json(Promises { items })).into_response())
}

/// Says what was refused since the last such line.
pub fn log(refused: &str) {
    tracing::warn!(
        refused,
        "Hints were refused (POST /api/v1/hints; more are told once a minute). Forged ones mean that the companion's \
         secret is not HINT_SECRET or hint_secret, or that somebody tries."
    );
}

async fn taken(
    app: &AppState,
    from: IpAddr,
    headers: &HeaderMap,
    body: Body,
) -> Result<Taken, (Refusal, Option<String>)> {
    app.desk
        .admit(from, Instant::now())
        .map_err(|refusal| (refusal, None))?;
    let body = body::to_bytes(body, LARGEST)
        .await
        .map_err(|_| (Refusal::TooLarge, None))?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let letter = Letter {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        body: &body,
        from,
    };
    app.desk.take(&letter, Timestamp::now(), Instant::now())
}

fn refused(refusal: Refusal) -> Response {
    let status = match refusal {
        Refusal::Off | Refusal::UnknownShop => StatusCode::NOT_FOUND,
        Refusal::Busy => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Unsigned | Refusal::Forged | Refusal::Untimely(_) => StatusCode::UNAUTHORIZED,
        Refusal::Replayed => StatusCode::CONFLICT,
        Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
        Refusal::ForeignShop => StatusCode::FORBIDDEN,
    };
    let mut response = Problem::new(status, refusal.to_string()).into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        let soon = HeaderValue::from_static("10");
        response.headers_mut().insert(header::RETRY_AFTER, soon);
    }
    if status == StatusCode::UNAUTHORIZED {
        let way = HeaderValue::from_static("StandardWebhooks");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, way);
    }
    response
}

impl<'a> Promise<'a> {
    fn new(instance: &'a str, scope: &Scope, plan: Plan) -> Self {
        let now = Timestamp::now();
        let (poll, at) = match plan {
            Plan::Now => ("now", Some(now)),
            Plan::In(wait) => ("later", now.checked_add(wait).ok()),
            Plan::WithTheNextPoll => ("with_the_next_poll", None),
        };
        Self {
            instance,
            products: match scope {
                Scope::All => None,
                Scope::Only(ids) => Some(ids.iter().copied().collect()),
            },
            poll,
            // Nobody waits for nanoseconds.
            at: at.and_then(|at| Timestamp::from_millisecond(at.as_millisecond()).ok()),
        }
    }
}
