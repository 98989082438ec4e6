//! `/api/v1/events`: everything that is recorded, what people did and what came of it included, newest first.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::stand::Severity;
use crate::store::history::EventFilter;
use crate::store::history::RecordedEvent;
use crate::store::value::POOLS;
use crate::web::answers::paging::Paging;
use crate::web::answers::reply::List;
use crate::web::answers::reply::Reply;
use crate::web::answers::sheet::Row;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::records::page;
use crate::web::records::recorded_instance;
use crate::web::state::AppState;

/// What is recorded, as `kind` names it.
pub const KINDS: [&str; 22] = [
    "severity",
    "new",
    "gone",
    "returned",
    "renamed",
    "options_changed",
    "control_on",
    "control_off",
    "source_down",
    "source_up",
    "source_degraded",
    "source_restored",
    "baseline",
    "suspected",
    "acked",
    "ack_ended",
    "overdue",
    "silenced",
    "silence_ended",
    "escalated",
    "flapping",
    "calm",
];

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventItem {
    id: i64,
    at: Timestamp,
    kind: String,
    /// Null for a silence, and for what happens to a pool between polls.
    instance: Option<String>,
    /// Null for a pool, and where it is about no product.
    product_id: Option<i64>,
    /// A combination's key.
    combination: Option<String>,
    pool: Option<String>,
    severity_from: Option<Severity>,
    severity_to: Option<Severity>,
    reason: Option<String>,
    level: Option<i64>,
    previous_level: Option<i64>,
    detail: Option<String>,
    /// Null between polls.
    poll: Option<i64>,
}

impl Row for EventItem {
    const FILE: &'static str = "events";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "at",
        "kind",
        "instance",
        "product_id",
        "combination",
        "pool",
        "severity_from",
        "severity_to",
        "reason",
        "level",
        "previous_level",
        "detail",
        "poll",
    ];
}

/// Everything that is recorded, newest first, told to somebody or not: what stock did, what people did, and what came
/// of it.
#[utoipa::path(get, path = "/api/v1/events", tag = "history", params(
    ("instance" = Option<String>, Query, description = "The name of a shop that was ever polled."),
    ("product" = Option<i64>, Query, description = "The id of a product; with `instance` of that shop alone."),
    ("kind" = Option<String>, Query, description = "What happened."),
    Paging,
), responses((status = 200, body = List<EventItem>)))]
pub async fn events(State(app): State<AppState>, params: Params, reply: Reply) -> Result<Response, Problem> {
    params.only_list(&["instance", "product", "kind"])?;
    let kind = params.chosen("kind", "a kind of event, as docs/api.md lists them", |kind| {
        KINDS.into_iter().find(|known| *known == kind)
    })?;
    let product = params.number("product", "a product's id")?;
    let instance = recorded_instance(&app, &params).await?;
    let filter = EventFilter {
        instance,
        product,
        kind,
        severity: None,
    };
    let limit = params.limit()?;
    let reader = app.store.reader();
    let found = reader.events(filter, params.cursor()?, limit + 1).await;
    page(&reply, found.map_err(unreadable)?, limit, |event| event.id, item)
}

fn item(event: RecordedEvent) -> EventItem {
    let of_pool = event.pool.is_some();
    EventItem {
        id: event.id,
        at: event.at,
        kind: event.kind,
        instance: Some(event.instance).filter(|name| !name.is_empty() && name != POOLS),
        product_id: event.product_id.filter(|_| !of_pool),
        combination: event.combination,
        pool: event.pool,
        severity_from: event.severity_from,
        severity_to: event.severity_to,
        reason: event.reason,
        level: event.level,
        previous_level: event.previous_level,
        detail: event.detail,
        poll: event.poll.map(|poll| poll.0),
    }
}
