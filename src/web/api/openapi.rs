//! `/api/v1/openapi.json`: the API described (OpenAPI 3.1), made from the code that answers.

use axum::response::Response;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use utoipa::OpenApi;

use crate::web::alerts;
use crate::web::answers::reply::Reply;
use crate::web::api::deliveries;
use crate::web::api::product;
use crate::web::api::public;
use crate::web::api::sources;
use crate::web::api::summary;
use crate::web::api::tidy;
use crate::web::api::windows;
use crate::web::events;
use crate::web::hints;
use crate::web::params::Params;
use crate::web::people;
use crate::web::problem::Document;
use crate::web::problem::Problem;
use crate::web::records;
use crate::web::stock;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "whmcs-stock-monitor",
        description = "The stock of WHMCS products: how it stands, what happened, who was told, and what people do about it. \
            Times are RFC 3339 in UTC. What is not known is null, never 0.",
        license(name = "MIT", identifier = "MIT"),
    ),
    paths(
        description, summary::summary, stock::stock, stock::pools, product::product, sources::sources, windows::windows, public::public, public::preflight, alerts::alerts, events::events, records::polls, records::history,
        deliveries::deliveries, deliveries::delivery, deliveries::replay, people::acks, people::make_ack,
        people::end_ack, people::silences, people::make_silence, people::end_silence, hints::hint, hints::poll,
    ),
    components(schemas(Document<'static>)),
    tags(
        (name = "stock", description = "How it stands now."),
        (name = "alerts", description = "What is open, and what was."),
        (name = "history", description = "What was recorded."),
        (name = "deliveries", description = "Messages and what became of them."),
        (name = "people", description = "Who takes care of what, and what is not told of for a while."),
        (name = "polls", description = "Having the shop looked at."),
        (name = "public", description = "What the operator shows to all."),
        (name = "about", description = "The API itself."),
    ),
)]
struct Api;

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "about", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object),
))]
pub async fn description(params: Params, reply: Reply) -> Result<Response, Problem> {
    params.only(&[])?;
    reply.one(&document())
}

/// The description as JSON.
#[must_use]
pub fn document() -> Value {
    let made = serde_json::to_value(Api::openapi()).unwrap_or_else(|_| Value::Object(Map::new()));
    let mut document = tidy::tidied(made);
    document["security"] = json!([{"bearer": []}, {"basic": []}, {"session": []}]);
    document["components"]["securitySchemes"] = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "HTTP_TOKEN"},
        "basic": {"type": "http", "scheme": "basic", "description": "A user of the web configuration file; or HTTP_TOKEN as the password of any user."},
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-stock-session", "description": "The cookie of a sign-in on the page; by plain HTTP its name is stock-session."},
    });
    document
}
