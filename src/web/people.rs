//! Acks and silences over HTTP: made, listed, ended.

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::people::Matcher;
use crate::observe::said;
use crate::observe::view::Seen;
use crate::people::draft;
use crate::people::listed::AckItem;
use crate::people::listed::SilenceItem;
use crate::people::when::Day;
use crate::web::answers::paging::Paging;
use crate::web::answers::reply::List;
use crate::web::answers::reply::Reply;
use crate::web::answers::sheet::Row;
use crate::web::answers::wanted::NewAck;
use crate::web::answers::wanted::NewSilence;
use crate::web::body::Fields;
use crate::web::made;
use crate::web::made::faulty;
use crate::web::made::shops;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::records::page;
use crate::web::records::recorded_instance;
use crate::web::state::AppState;

/// How many series are named of those that a silence matches.
const NAMED: usize = 100;

/// A silence that was made, and what it is for now.
#[derive(Serialize, ToSchema)]
pub struct MadeSilence {
    #[serde(flatten)]
    silence: SilenceItem,
    /// The ids of alerts, at most 100.
    matches: Vec<String>,
    matches_total: usize,
}

impl Row for AckItem {
    const FILE: &'static str = "acks";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "alert_id",
        "instance",
        "product_id",
        "name",
        "combination",
        "by",
        "at",
        "note",
        "quantity",
        "arrived",
        "eta",
        "overdue",
        "ended_at",
        "ended_why",
    ];
}

impl Row for SilenceItem {
    const FILE: &'static str = "silences";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "state",
        "matcher.instances",
        "matcher.groups",
        "matcher.products",
        "matcher.options",
        "matcher.pools",
        "starts_at",
        "ends_at",
        "by",
        "comment",
        "made_at",
        "ended_at",
    ];
}

/// Takes an alert on, in place of whoever had: its reminders stop until it recovers, or what was ordered is overdue.
#[utoipa::path(post, path = "/api/v1/acks", tag = "people", request_body = NewAck, responses(
    (status = 201, description = "The ack.", body = AckItem),
    (status = 404, description = "Nothing, or more than one thing, has that name."),
))]
pub async fn make_ack(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let known = ["alert_id", "by", "note", "quantity", "eta"];
    let fields = Fields::read(&headers, body, &known).await?;
    let now = Timestamp::now();
    let seen = app.view.seen();
    let new = draft::ack(
        fields.needed("by")?,
        fields.text("note")?.unwrap_or_default(),
        fields.number("quantity")?,
        fields.ahead("eta", Day::End, &seen.zone(), now)?,
        now,
    );
    let new = new.map_err(faulty)?;
    let made::MadeAck { id, instance } = made::ack(&app, fields.needed("alert_id")?, &new, now).await?;
    let reader = app.store.reader();
    let made = reader
        .acks_before(Some(instance), false, id.checked_add(1), 1)
        .await;
    let made = made.map_err(unreadable)?;
    let made = made.first().map(|listed| AckItem::of(listed, now));
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Who has taken which alert on, newest first.
#[utoipa::path(get, path = "/api/v1/acks", tag = "people", params(
    ("instance" = Option<String>, Query, description = "The name of a shop that was ever polled."),
    ("all" = Option<bool>, Query, description = "Those that ended, too."),
    Paging,
), responses((status = 200, body = List<AckItem>)))]
pub async fn acks(State(app): State<AppState>, params: Params, reply: Reply) -> Result<Response, Problem> {
    params.only_list(&["instance", "all"])?;
    let (all, before, limit) = (all(&params)?, params.cursor()?, params.limit()?);
    let instance = recorded_instance(&app, &params).await?;
    let reader = app.store.reader();
    let found = reader.acks_before(instance, !all, before, limit + 1).await;
    let now = Timestamp::now();
    page(
        &reply,
        found.map_err(unreadable)?,
        limit,
        |listed| listed.ack.id,
        |listed| AckItem::of(&listed, now),
    )
}

/// Ends an ack: reminders come again.
#[utoipa::path(delete, path = "/api/v1/acks/{id}", tag = "people", params(
    ("id" = i64, Path, description = "The ack's number."),
), responses(
    (status = 204, description = "It is over."),
    (status = 404, description = "There is no ack of that number in force."),
))]
pub async fn end_ack(State(app): State<AppState>, Path(id): Path<String>) -> Result<Response, Problem> {
    made::end_ack(&app, &id, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Keeps what the matcher is for from being told of for a while.
#[utoipa::path(post, path = "/api/v1/silences", tag = "people", request_body = NewSilence, responses(
    (status = 201, description = "The silence, and what it is for now.", body = MadeSilence),
))]
pub async fn make_silence(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let known = ["matcher", "starts_at", "ends_at", "by", "comment"];
    let fields = Fields::read(&headers, body, &known).await?;
    let now = Timestamp::now();
    let seen = app.view.seen();
    let zone = seen.zone();
    fields.needed("ends_at")?;
    let ends_at = fields.ahead("ends_at", Day::End, &zone, now)?.unwrap_or(now);
    let new = draft::silence(
        fields.matcher()?,
        fields.ahead("starts_at", Day::Begin, &zone, now)?,
        ends_at,
        fields.needed("by")?,
        fields.needed("comment")?,
        now,
    );
    let made = made::silence(&app, &new.map_err(faulty)?, now).await?;
    let mut matches = matched(&seen, &made.matcher);
    let matches_total = matches.len();
    matches.truncate(NAMED);
    let made = MadeSilence {
        silence: SilenceItem::of(&made, now),
        matches,
        matches_total,
    };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// What is not told of for a while, newest first.
#[utoipa::path(get, path = "/api/v1/silences", tag = "people", params(
    ("all" = Option<bool>, Query, description = "Those that are over, too."),
    Paging,
), responses((status = 200, body = List<SilenceItem>)))]
pub async fn silences(
    State(app): State<AppState>,
    params: Params,
    reply: Reply,
) -> Result<Response, Problem> {
    params.only_list(&["all"])?;
    let (all, before, limit) = (all(&params)?, params.cursor()?, params.limit()?);
    let now = Timestamp::now();
    let not_over_at = (!all).then_some(now);
    let reader = app.store.reader();
    let found = reader.silences_before(not_over_at, before, limit + 1).await;
    page(
        &reply,
        found.map_err(unreadable)?,
        limit,
        |silence| silence.id,
        |silence| SilenceItem::of(&silence, now),
    )
}

/// Ends a silence.
#[utoipa::path(delete, path = "/api/v1/silences/{id}", tag = "people", params(
    ("id" = i64, Path, description = "The silence's number."),
), responses(
    (status = 204, description = "It is over."),
    (status = 404, description = "There is no silence of that number that could be ended."),
))]
pub async fn end_silence(State(app): State<AppState>, Path(id): Path<String>) -> Result<Response, Problem> {
    made::end_silence(&app, &id, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn all(params: &Params) -> Result<bool, Problem> {
    let all = params.chosen("all", "true or false", |text| text.parse().ok())?;
    Ok(all.unwrap_or_default())
}

/// The ids of the alerts that it is for now.
fn matched(seen: &Seen, matcher: &Matcher) -> Vec<String> {
    let shops = shops(seen);
    let series = said::matched(matcher, &shops).map(|entry| entry.alert_id());
    let pools = seen.pools.pools.iter();
    let pools = pools.filter(|pool| matcher.matches_pool(&pool.name, &pool.shops));
    series
        .chain(pools.map(|pool| format!("pool:{}", pool.name)))
        .collect()
}
