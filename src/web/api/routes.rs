//! Every address of the API and what answers there, in one list that the description is held against.

use axum::Router;
use axum::routing::MethodRouter;
use axum::routing::delete;
use axum::routing::get;
use axum::routing::post;

use crate::web::access;
use crate::web::alerts;
use crate::web::api::deliveries;
use crate::web::api::openapi;
use crate::web::api::product;
use crate::web::api::public;
use crate::web::api::sources;
use crate::web::api::summary;
use crate::web::api::windows;
use crate::web::events;
use crate::web::hints;
use crate::web::people;
use crate::web::records;
use crate::web::state::AppState;
use crate::web::stock;

/// The addresses with their answers.
#[must_use]
pub fn routes() -> Vec<(&'static str, MethodRouter<AppState>)> {
    vec![
        ("/api/v1/openapi.json", get(openapi::description)),
        ("/api/v1/stock", get(stock::stock)),
        ("/api/v1/pools", get(stock::pools)),
        ("/api/v1/alerts", get(alerts::alerts)),
        ("/api/v1/events", get(events::events)),
        ("/api/v1/polls", get(records::polls)),
        ("/api/v1/deliveries", get(deliveries::deliveries)),
        ("/api/v1/deliveries/{id}", get(deliveries::delivery)),
        ("/api/v1/deliveries/{id}/replay", post(deliveries::replay)),
        (
            access::paths::PUBLIC,
            get(public::public).options(public::preflight),
        ),
        ("/api/v1/summary", get(summary::summary)),
        ("/api/v1/sources", get(sources::sources)),
        ("/api/v1/windows", get(windows::windows)),
        ("/api/v1/products/{instance}/{pid}", get(product::product)),
        ("/api/v1/products/{instance}/{pid}/history", get(records::history)),
        (access::paths::ACKS, get(people::acks).post(people::make_ack)),
        ("/api/v1/acks/{id}", delete(people::end_ack)),
        (
            access::paths::SILENCES,
            get(people::silences).post(people::make_silence),
        ),
        ("/api/v1/silences/{id}", delete(people::end_silence)),
        (access::paths::HINTS, post(hints::hint)),
        (access::paths::POLL, post(hints::poll)),
    ]
}

/// The same as a part of the server.
pub fn router() -> Router<AppState> {
    routes()
        .into_iter()
        .fold(Router::new(), |router, (path, answers)| {
            router.route(path, answers)
        })
}
