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
use utoipa::ToSchema;

use crate::domain::catalogue::ProductId;
use crate::hints::desk::ACCEPTED;
use crate::hints::desk::Refusal;
use crate::hints::desk::Taken;
use crate::hints::letter::Letter;
use crate::hints::wanted::Plan;
use crate::hints::wanted::Scope;
use crate::web::answers::wanted::NewHint;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// The most bytes of a hint.
pub const LARGEST: usize = 64 << 10;

/// Who sent a request, where that is known.
#[derive(Debug, Clone, Copy)]
pub struct Sender(pub IpAddr);

/// What will be done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Promise<'a> {
    instance: &'a str,
    /// `null` for all.
    #[schema(value_type = Option<Vec<i64>>)]
    products: Option<Vec<ProductId>>,
    /// `now`, `later` (at `at`) or `with_the_next_poll`
    poll: &'static str,
    /// When, where that is known.
    at: Option<Timestamp>,
}

/// What will be done, for each shop.
#[derive(Debug, Serialize, ToSchema)]
pub struct Promises<'a> {
    items: Vec<Promise<'a>>,
}

/// "Look now", from whoever knows of a change: the companion in WHMCS, for one. The signature is that of Standard
/// Webhooks, over the exact bytes of the body.
#[utoipa::path(post, path = "/api/v1/hints", tag = "polls", request_body = NewHint, params(
    ("webhook-id" = Option<String>, Header, description = "Another one for each hint; up to 256 visible signs."),
    ("webhook-timestamp" = Option<String>, Header, description = "Unix seconds, within five minutes."),
    ("webhook-signature" = Option<String>, Header, description = "`v1,…`; several with spaces between them."),
), responses(
    (status = 202, description = "What will be done.", body = Promise),
    (status = 401, description = "It is not signed, or not by anybody known, or too old."),
    (status = 403, description = "The key is another shop's."),
    (status = 404, description = "Hints are off, or there is no such shop."),
    (status = 409, description = "It was sent before."),
    (status = 413, description = "It has more than 64 KiB."),
    (status = 429, description = "Too many; `Retry-After` says when."),
))]
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

/// "Look now", from a person: at all of one shop, or of each.
#[utoipa::path(post, path = "/api/v1/poll", tag = "polls", params(
    ("instance" = Option<String>, Query, description = "The name of a configured shop; all, unless said."),
), responses((status = 202, description = "What will be done.", body = Promises)))]
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
