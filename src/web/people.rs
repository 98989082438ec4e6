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

use crate::domain::people::Matcher;
use crate::observe::said;
use crate::observe::view::Seen;
use crate::people::draft;
use crate::people::listed::AckItem;
use crate::people::listed::SilenceItem;
use crate::people::when::Day;
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
#[derive(Serialize)]
struct MadeSilence {
    #[serde(flatten)]
    silence: SilenceItem,
    /// The ids of alerts, at most 100.
    matches: Vec<String>,
    matches_total: usize,
}

/// `POST /api/v1/acks`
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

/// `GET /api/v1/acks?instance=&all=&cursor=&limit=`
pub async fn acks(State(app): State<AppState>, params: Params) -> Result<Response, Problem> {
    params.only(&["instance", "all", "cursor", "limit"])?;
    let (all, before, limit) = (all(&params)?, params.cursor()?, params.limit()?);
    let instance = recorded_instance(&app, &params).await?;
    let reader = app.store.reader();
    let found = reader.acks_before(instance, !all, before, limit + 1).await;
    let now = Timestamp::now();
    Ok(page(
        found.map_err(unreadable)?,
        limit,
        |listed| listed.ack.id,
        |listed| AckItem::of(&listed, now),
    ))
}

/// `DELETE /api/v1/acks/{id}`
pub async fn end_ack(State(app): State<AppState>, Path(id): Path<String>) -> Result<Response, Problem> {
    made::end_ack(&app, &id, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /api/v1/silences`
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

/// `GET /api/v1/silences?all=&cursor=&limit=`
pub async fn silences(State(app): State<AppState>, params: Params) -> Result<Response, Problem> {
    params.only(&["all", "cursor", "limit"])?;
    let (all, before, limit) = (all(&params)?, params.cursor()?, params.limit()?);
    let now = Timestamp::now();
    let not_over_at = (!all).then_some(now);
    let reader = app.store.reader();
    let found = reader.silences_before(not_over_at, before, limit + 1).await;
    Ok(page(
        found.map_err(unreadable)?,
        limit,
        |silence| silence.id,
        |silence| SilenceItem::of(&silence, now),
    ))
}

/// `DELETE /api/v1/silences/{id}`
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
