//! What is recorded, read from the database: polls and deliveries, newest first, and the levels of a product.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;

use crate::domain::catalogue::CombinationKey;
use crate::domain::delivery::Medium;
use crate::domain::offer;
use crate::domain::source::Attempt;
use crate::store::deliveries::Delivery;
use crate::store::deliveries::DeliveryState;
use crate::store::history::LevelQuery;
use crate::store::history::Point;
use crate::store::history::Poll;
use crate::store::value::InstanceId;
use crate::store::value::PollId;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::state::AppState;
use crate::web::stock::List;

#[derive(Serialize)]
struct PollItem {
    id: i64,
    instance: String,
    observed_at: Timestamp,
    duration_ms: u64,
    outcome: &'static str,
    part: bool,
    cause: Option<&'static str>,
    detail: Option<String>,
    products: Option<u64>,
    changes: u64,
    attempts: Vec<Attempt>,
}

#[derive(Serialize)]
struct DeliveryItem {
    id: i64,
    message_id: String,
    r#type: String,
    channel: String,
    medium: &'static str,
    recipient: String,
    instance: Option<String>,
    headline: String,
    recorded_at: Timestamp,
    state: &'static str,
    attempts: u32,
    next_attempt_at: Option<Timestamp>,
    reason: Option<String>,
    last_error: Option<String>,
    settled_at: Option<Timestamp>,
    receipt: Option<String>,
}

#[derive(Serialize)]
struct LevelItem {
    poll: i64,
    observed_at: Timestamp,
    state: &'static str,
    level: Option<i64>,
}

#[derive(Serialize)]
struct Levels {
    items: Vec<LevelItem>,
    cursor: Option<String>,
    /// The combination has no figure of its own: these are its product's levels.
    derived: bool,
}

/// `GET /api/v1/polls?instance=&cursor=&limit=`
pub async fn polls(State(app): State<AppState>, params: Params) -> Result<Response, Problem> {
    params.only(&["instance", "cursor", "limit"])?;
    let (before, limit) = (params.cursor()?.map(PollId), params.limit()?);
    let instance = recorded_instance(&app, &params).await?;
    let found = app.store.reader().polls(instance, before, limit + 1).await;
    Ok(page(
        found.map_err(unreadable)?,
        limit,
        |poll| poll.id.0,
        poll_item,
    ))
}

/// `GET /api/v1/deliveries?state=&cursor=&limit=`
pub async fn deliveries(State(app): State<AppState>, params: Params) -> Result<Response, Problem> {
    params.only(&["state", "cursor", "limit"])?;
    let state = params.chosen("state", "pending, sent or dead", DeliveryState::parse)?;
    let (before, limit) = (params.cursor()?, params.limit()?);
    let found = app.store.reader().deliveries(state, before, limit + 1).await;
    Ok(page(
        found.map_err(unreadable)?,
        limit,
        |delivery| delivery.id,
        delivery_item,
    ))
}

/// `GET /api/v1/products/{instance}/{pid}/history?combination=&from=&to=&cursor=&limit=`, oldest first: each level
/// holds until the next.
pub async fn history(
    State(app): State<AppState>,
    Path((instance, pid)): Path<(String, String)>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&["combination", "from", "to", "cursor", "limit"])?;
    let product = pid
        .parse()
        .map_err(|_| Problem::parameter("pid", "The product's id must be a whole number."))?;
    let combination: Option<CombinationKey> = params.parsed("combination", "a key such as 4=11;5=20")?;
    let limit = params.limit()?;
    let (from, to) = (params.time("from")?, params.time("to")?);
    let after = params.cursor()?.map(PollId);
    let reader = app.store.reader();
    let known = reader.instance(&instance).await.map_err(unreadable)?;
    let Some(known) = known else {
        return Err(Problem::not_found("No instance of that name was ever polled."));
    };
    let query = LevelQuery {
        instance: known,
        product,
        combination: combination.as_ref(),
        from,
        to,
        after,
        limit: limit + 1,
    };
    if let Some(points) = reader.level_history(&query).await.map_err(unreadable)? {
        return Ok(levels(points, limit, false));
    }
    let whole = LevelQuery {
        combination: None,
        ..query
    };
    match &combination {
        Some(key) if is_offered(&app, &instance, product, key) => {
            match reader.level_history(&whole).await.map_err(unreadable)? {
                Some(points) => Ok(levels(points, limit, true)),
                None => Err(Problem::not_found("No product of that id was ever seen.")),
            }
        }
        Some(_) => Err(Problem::not_found(
            "The combination never had a level of its own, and the product has no such options.",
        )),
        None => Err(Problem::not_found("No product of that id was ever seen.")),
    }
}

/// Whether the key names choices of the product, offered or hidden by now. Anything may be one of a product whose
/// options are not known.
fn is_offered(app: &AppState, instance: &str, product: i64, key: &CombinationKey) -> bool {
    let seen = app.view.seen();
    let known = seen
        .instance(instance)
        .and_then(|shop| shop.memory.product(product));
    let Some((known, last)) = known.and_then(|known| Some((known, known.seen.as_ref()?))) else {
        return true;
    };
    let effective = &known.effective;
    offer::label_of(last, &effective.combine, effective.max_combinations, key).is_some()
}

fn levels(mut points: Vec<Point>, limit: usize, derived: bool) -> Response {
    let more = points.len() > limit;
    points.truncate(limit);
    let cursor = points.last().filter(|_| more).map(|last| last.poll.0.to_string());
    Json(Levels {
        items: points.into_iter().map(level_item).collect(),
        cursor,
        derived,
    })
    .into_response()
}

/// The parameter `instance`, where given: one that was ever polled, configured still or not.
pub(crate) async fn recorded_instance(
    app: &AppState,
    params: &Params,
) -> Result<Option<InstanceId>, Problem> {
    let Some(name) = params.get("instance") else {
        return Ok(None);
    };
    match app.store.reader().instance(name).await.map_err(unreadable)? {
        Some(known) => Ok(Some(known)),
        None => Err(Problem::parameter(
            "instance",
            "\"instance\" must be the name of an instance that was polled.",
        )),
    }
}

/// A page of what was asked for with one row more than `limit`, which tells whether there is a next one.
pub(crate) fn page<R, T: Serialize>(
    mut found: Vec<R>,
    limit: usize,
    id: impl Fn(&R) -> i64,
    item: impl FnMut(R) -> T,
) -> Response {
    let more = found.len() > limit;
    found.truncate(limit);
    let cursor = found.last().filter(|_| more).map(|last| id(last).to_string());
    let items: Vec<T> = found.into_iter().map(item).collect();
    Json(List { items, cursor }).into_response()
}

fn poll_item(poll: Poll) -> PollItem {
    PollItem {
        id: poll.id.0,
        instance: poll.instance,
        observed_at: poll.observed_at,
        duration_ms: u64::try_from(poll.duration.as_millis()).unwrap_or(u64::MAX),
        outcome: poll.outcome,
        part: poll.part,
        cause: poll.cause.map(|cause| cause.as_str()),
        detail: Some(poll.detail).filter(|detail| !detail.is_empty()),
        products: poll.products,
        changes: poll.changes,
        attempts: poll.attempts,
    }
}

fn delivery_item(delivery: Delivery) -> DeliveryItem {
    DeliveryItem {
        id: delivery.id,
        message_id: delivery.message,
        r#type: delivery.kind,
        channel: delivery.channel,
        medium: match delivery.medium {
            Medium::Email => "email",
            Medium::Webhook => "webhook",
        },
        recipient: delivery.recipient,
        instance: delivery.instance,
        headline: delivery.headline,
        recorded_at: delivery.recorded_at,
        state: delivery.state.as_str(),
        attempts: delivery.attempts,
        next_attempt_at: delivery.next_attempt_at,
        reason: delivery.reason,
        last_error: delivery.last_error,
        settled_at: delivery.settled_at,
        receipt: delivery.receipt,
    }
}

fn level_item(point: Point) -> LevelItem {
    LevelItem {
        poll: point.poll.0,
        observed_at: point.observed_at,
        state: point.stood.state(),
        level: point.stood.level(),
    }
}
