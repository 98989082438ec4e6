//! What is recorded, read from the database: polls, alerts, deliveries and the levels of a product, newest first but
//! for the levels.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;

use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::delivery::Medium;
use crate::domain::message::Reason;
use crate::domain::message::Severity;
use crate::domain::message::Status;
use crate::domain::message::Thresholds;
use crate::domain::source::Attempt;
use crate::observe::view::Seen;
use crate::store::deliveries::Delivery;
use crate::store::deliveries::DeliveryState;
use crate::store::error::StoreError;
use crate::store::history::EventFilter;
use crate::store::history::LevelQuery;
use crate::store::history::Point;
use crate::store::history::Poll;
use crate::store::history::RecordedEvent;
use crate::store::value::InstanceId;
use crate::store::value::PollId;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::state::AppState;
use crate::web::stock;
use crate::web::stock::List;

/// The kind of the events that are alerts.
const SEVERITY: &str = "severity";

#[derive(Serialize)]
struct PollItem {
    id: i64,
    instance: String,
    observed_at: Timestamp,
    duration_ms: u64,
    outcome: &'static str,
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

/// An alert as it was; names and thresholds as they are now, null for what is no longer watched.
#[derive(Serialize)]
struct AlertItem<'a> {
    alert_id: String,
    instance: String,
    reason: Option<String>,
    status: Status,
    severity: Option<Severity>,
    previous_severity: Option<Severity>,
    product: Product<'a>,
    combination: Option<Choices<'a>>,
    level: Option<i64>,
    previous_level: Option<i64>,
    thresholds: Option<&'a Thresholds>,
    started_at: Option<Timestamp>,
    observed_at: Timestamp,
    days_of_cover: Option<f64>,
}

#[derive(Serialize)]
struct Product<'a> {
    id: i64,
    name: Option<&'a str>,
    group: Option<&'a str>,
}

#[derive(Serialize)]
struct Choices<'a> {
    key: String,
    label: Option<&'a str>,
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

/// `GET /api/v1/alerts?instance=&cursor=&limit=` as they were said, newest first; with `status=firing` (and
/// `severity=`) what is open now, worst first.
pub async fn alerts(State(app): State<AppState>, params: Params) -> Result<Response, Problem> {
    params.only(&["instance", "status", "severity", "cursor", "limit"])?;
    let firing = params.chosen("status", "firing", |status| (status == "firing").then_some(()))?;
    let limit = params.limit()?;
    let seen = app.view.seen();
    let severity = stock::severity(&params)?;
    if firing.is_some() {
        let start = params.cursor()?.unwrap_or_default();
        let start = usize::try_from(start).unwrap_or_default();
        let mut open = stock::open(&seen, params.instance(&seen)?, severity);
        let cursor = (open.len() > start + limit).then(|| (start + limit).to_string());
        let items: Vec<_> = open.drain(start.min(open.len())..).take(limit).collect();
        return Ok(Json(List { items, cursor }).into_response());
    }
    if severity.is_some() {
        return Err(Problem::parameter(
            "severity",
            "\"severity\" goes with \"status=firing\" alone.",
        ));
    }
    let filter = EventFilter {
        instance: recorded_instance(&app, &params).await?,
        product: None,
        kind: Some(SEVERITY),
    };
    let found = app
        .store
        .reader()
        .events(filter, params.cursor()?, limit + 1)
        .await;
    Ok(page(
        found.map_err(unreadable)?,
        limit,
        |event| event.id,
        |event| alert_item(event, &seen),
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
    match reader.level_history(&query).await.map_err(unreadable)? {
        Some(points) => Ok(page(points, limit, |point| point.poll.0, level_item)),
        None if combination.is_some() => Err(Problem::not_found(
            "The combination was never seen, or never had a level of its own: then it is what its product is.",
        )),
        None => Err(Problem::not_found("No product of that id was ever seen.")),
    }
}

/// The parameter `instance`, where given: one that was ever polled, configured still or not.
async fn recorded_instance(app: &AppState, params: &Params) -> Result<Option<InstanceId>, Problem> {
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
fn page<R, T: Serialize>(
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

fn unreadable(error: StoreError) -> Problem {
    tracing::error!(%error, "The history could not be read for a request.");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "The database cannot be read now; the log says why.",
    )
}

fn poll_item(poll: Poll) -> PollItem {
    PollItem {
        id: poll.id.0,
        instance: poll.instance,
        observed_at: poll.observed_at,
        duration_ms: u64::try_from(poll.duration.as_millis()).unwrap_or(u64::MAX),
        outcome: poll.outcome,
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

fn alert_item<'a>(event: RecordedEvent, seen: &'a Seen) -> AlertItem<'a> {
    let id = event.product_id.unwrap_or_default();
    let key = event.combination;
    let product: Option<&'a Tracked> = seen
        .instance(&event.instance)
        .and_then(|shop| shop.memory.product(id))
        .map(|product| &**product);
    let combination: Option<&'a Combination> = product.zip(key.as_deref()).and_then(|(product, key)| {
        product
            .combinations
            .iter()
            .find(|combination| combination.key.to_string() == key)
    });
    let series = match key {
        Some(_) => combination.map(|combination| &combination.series),
        None => product.map(|product| &product.series),
    };
    let effective = combination
        .map(|c| &c.effective)
        .or(product.map(|p| &p.effective));
    let over = [Reason::Recovered, Reason::Withdrawn].map(Reason::as_str);
    let resolved = event
        .reason
        .as_deref()
        .is_some_and(|reason| over.contains(&reason));
    let is_first = event.severity_from == Some(Severity::Ok);
    AlertItem {
        alert_id: format!("{}/{id}/{}", event.instance, key.as_deref().unwrap_or("-")),
        instance: event.instance,
        reason: event.reason,
        status: if resolved {
            Status::Resolved
        } else {
            Status::Firing
        },
        severity: event.severity_to,
        previous_severity: event.severity_from,
        product: Product {
            id,
            name: product.map(|product| product.name.shown()),
            group: product
                .and_then(|product| product.group.as_ref())
                .map(|group| group.shown()),
        },
        combination: key.map(|key| Choices {
            key,
            label: combination.map(|combination| &*combination.label),
        }),
        level: event.level,
        previous_level: event.previous_level,
        thresholds: effective.map(|effective| &effective.thresholds),
        started_at: if is_first {
            Some(event.at)
        } else {
            // Of an episode that is over, only its first event tells.
            series
                .and_then(|series| series.started_at)
                .filter(|started| *started <= event.at)
        },
        observed_at: event.at,
        days_of_cover: None,
    }
}
