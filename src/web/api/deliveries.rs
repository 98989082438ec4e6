//! `/api/v1/deliveries`: messages and what became of them, and dead letters sent again.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::delivery::Medium;
use crate::store::deliveries::Delivery;
use crate::store::deliveries::DeliveryFilter;
use crate::store::deliveries::DeliveryState;
use crate::web::answers::paging::Paging;
use crate::web::answers::reply::List;
use crate::web::answers::reply::Reply;
use crate::web::answers::sheet::Row;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::problem::unwritable;
use crate::web::records::page;
use crate::web::state::AppState;

/// A message for one recipient.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryItem {
    id: i64,
    /// The same over all retries, and for all recipients.
    message_id: String,
    r#type: String,
    channel: String,
    medium: &'static str,
    /// A mail address, or the channel's name.
    recipient: String,
    instance: Option<String>,
    headline: String,
    recorded_at: Timestamp,
    /// `pending`, `sent` or `dead`
    state: &'static str,
    attempts: u32,
    next_attempt_at: Option<Timestamp>,
    reason: Option<String>,
    last_error: Option<String>,
    settled_at: Option<Timestamp>,
    /// What the receiver answered.
    receipt: Option<String>,
}

impl Row for DeliveryItem {
    const FILE: &'static str = "deliveries";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "message_id",
        "type",
        "channel",
        "medium",
        "recipient",
        "instance",
        "headline",
        "recorded_at",
        "state",
        "attempts",
        "next_attempt_at",
        "reason",
        "last_error",
        "settled_at",
        "receipt",
    ];
}

/// Messages and what became of them, one item for each message and recipient, newest first.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(
    ("state" = Option<String>, Query, description = "Where they stand; `dead` are those given up."),
    ("channel" = Option<String>, Query, description = "The name of a channel, configured still or not."),
    Paging,
), responses((status = 200, body = List<DeliveryItem>)))]
pub async fn deliveries(
    State(app): State<AppState>,
    params: Params,
    reply: Reply,
) -> Result<Response, Problem> {
    params.only_list(&["state", "channel"])?;
    let filter = DeliveryFilter {
        state: params.chosen("state", "pending, sent or dead", DeliveryState::parse)?,
        channel: params.get("channel"),
    };
    let (before, limit) = (params.cursor()?, params.limit()?);
    let found = app.store.reader().deliveries_of(filter, before, limit + 1).await;
    page(
        &reply,
        found.map_err(unreadable)?,
        limit,
        |delivery| delivery.id,
        delivery_item,
    )
}

/// One delivery.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries", params(
    ("id" = i64, Path, description = "The delivery's number."),
), responses(
    (status = 200, body = DeliveryItem),
    (status = 404, description = "There is no delivery of that number."),
))]
pub async fn delivery(
    State(app): State<AppState>,
    Path(id): Path<String>,
    params: Params,
    reply: Reply,
) -> Result<Response, Problem> {
    params.only(&[])?;
    match found(&app, &id).await? {
        Some(delivery) => reply.one(&delivery_item(delivery)),
        None => Err(nothing()),
    }
}

/// Sends a dead letter again, with all its attempts. Where it is not dead nothing is done.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/replay", tag = "deliveries", params(
    ("id" = i64, Path, description = "The delivery's number."),
), responses(
    (status = 202, description = "It is due again; the delivery as it stands now.", body = DeliveryItem),
    (status = 404, description = "There is no delivery of that number."),
    (status = 409, description = "It is not dead: it still waits, or was sent."),
))]
pub async fn replay(
    State(app): State<AppState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let Some(delivery) = found(&app, &id).await? else {
        return Err(nothing());
    };
    let again = app.store.replay(delivery.id, Timestamp::now()).await;
    if !again.map_err(unwritable)? {
        let detail = format!(
            "It is {}: only a dead letter is sent again.",
            delivery.state.as_str()
        );
        return Err(Problem {
            parameter: Some("id".into()),
            ..Problem::new(StatusCode::CONFLICT, detail)
        });
    }
    app.view.touch();
    let now = found(&app, &id).await?.unwrap_or(delivery);
    Ok((StatusCode::ACCEPTED, Json(delivery_item(now))).into_response())
}

async fn found(app: &AppState, id: &str) -> Result<Option<Delivery>, Problem> {
    match id.parse() {
        Ok(id) => app.store.reader().delivery(id).await.map_err(unreadable),
        Err(_) => Ok(None),
    }
}

fn nothing() -> Problem {
    Problem {
        parameter: Some("id".into()),
        ..Problem::not_found("There is no delivery of that number.")
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
