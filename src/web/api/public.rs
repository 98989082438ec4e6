//! `/api/v1/public/stock.json`: what anybody may see, where the configuration says so; old figures are unknown.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use bytes::Bytes;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::feed::Feed;
use crate::domain::feed::Field;
use crate::domain::feed::Origins;
use crate::domain::stand::CombinationRef;
use crate::domain::stand::Severity;
use crate::observe::items::Entry;
use crate::observe::items::entries;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::answers::reply::has_tag;
use crate::web::answers::reply::tag;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// How long a browser remembers that it may read.
const PREFLIGHT: &str = "86400";

/// What anybody may see of the stock.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicStock {
    /// When the oldest of the figures was asked for; null where a shop was never read.
    pub observed_at: Option<Timestamp>,
    /// How old it was when this was made, in whole seconds.
    pub age: Option<i64>,
    /// Whether a shop has not been read for so long that its figures are unknown.
    pub stale: bool,
    pub items: Vec<PublicItem>,
}

/// A product or combination; what the configuration does not choose is not there.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct PublicItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Null where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Option<String>>,
    /// Null for the product itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub combination: Option<Option<CombinationRef>>,
    /// `known`, `not_controlled` or `unknown`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// Null unless known; never below 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Option<PublicLevel>>,
    /// `in_stock`, `low`, `out` or `unknown`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<&'static str>,
}

/// How many there are, or, from a certain number on, that there are as many: `10+`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PublicLevel {
    Exactly(i64),
    AtLeast(String),
}

/// What the operator shows to all, for shop pages and resellers; no sign-in is needed. Off unless the rules file has
/// `[public]`.
#[utoipa::path(get, path = "/api/v1/public/stock.json", tag = "public", security(()), responses(
    (status = 200, body = PublicStock),
    (status = 404, description = "The feed is off."),
))]
pub async fn public(
    State(app): State<AppState>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let seen = app.view.seen();
    let feed = seen.public.as_ref().ok_or_else(off)?;
    let now = Timestamp::now();
    let kept = app.scrapes.public(feed, now, || made(&seen, feed, now)).await;
    let has = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|has| has.to_str().ok());
    let mut response = if has.is_some_and(|has| has_tag(has, &kept.tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (json, kept.body.clone()).into_response()
    };
    let max_age = format!("public, max-age={}", feed.max_age.as_secs());
    for (name, value) in [(header::CACHE_CONTROL, max_age), (header::ETAG, kept.tag)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    share(feed, &headers, response.headers_mut());
    Ok(response)
}

/// Whether a web page elsewhere may read the feed, as its visitor's browser asks.
#[utoipa::path(options, path = "/api/v1/public/stock.json", tag = "public", security(()), responses(
    (status = 204, description = "The headers say which pages may."),
    (status = 404, description = "The feed is off."),
))]
pub async fn preflight(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    let seen = app.view.seen();
    let feed = seen.public.as_ref().ok_or_else(off)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    for (name, value) in [
        (header::ALLOW, "GET, HEAD, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "If-None-Match"),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT),
    ] {
        answer.insert(name, HeaderValue::from_static(value));
    }
    share(feed, &headers, answer);
    Ok(response)
}

fn off() -> Problem {
    Problem::not_found("There is no public feed here; [public] of the rules file makes one.")
}

/// Lets the pages read that may.
fn share(feed: &Feed, asked: &HeaderMap, answer: &mut HeaderMap) {
    let asking = asked.get(header::ORIGIN);
    let may = match &feed.origins {
        Origins::Any => Some(HeaderValue::from_static("*")),
        Origins::Only(origins) => {
            answer.append(header::VARY, HeaderValue::from_static("origin"));
            let known = |asking: &&HeaderValue| {
                origins
                    .iter()
                    .any(|origin| origin.as_bytes() == asking.as_bytes())
            };
            asking.filter(known).cloned()
        }
    };
    if let Some(may) = may {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, may);
        answer.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("ETag"),
        );
        answer.insert(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        );
    }
}

fn made(seen: &Seen, feed: &Feed, now: Timestamp) -> (Bytes, String) {
    let mut stock = stock(seen, feed, now);
    let age = stock.age.take();
    let basis = serde_json::to_vec(&stock).unwrap_or_default();
    stock.age = age;
    let body = serde_json::to_vec(&stock).unwrap_or_default();
    (Bytes::from(body), tag(&basis))
}

/// The feed at `now`.
#[must_use]
pub fn stock(seen: &Seen, feed: &Feed, now: Timestamp) -> PublicStock {
    let mut items = Vec::new();
    let mut shops: Vec<&Instance> = Vec::new();
    for shop in &seen.instances {
        let stale = is_stale(shop, feed, now);
        let before = items.len();
        let shown = entries(&shop.name, &shop.memory).filter(|entry| is_shown(entry, feed));
        items.extend(shown.map(|entry| item(&entry, feed, stale)));
        if items.len() > before {
            shops.push(shop);
        }
    }
    let asked: Option<Vec<Timestamp>> = shops.iter().map(|shop| shop.last_success()).collect();
    let observed_at = asked.and_then(|asked| asked.into_iter().min());
    PublicStock {
        observed_at,
        age: observed_at.map(|at| now.duration_since(at).as_secs().max(0)),
        stale: shops.iter().any(|shop| is_stale(shop, feed, now)),
        items,
    }
}

fn is_stale(shop: &Instance, feed: &Feed, now: Timestamp) -> bool {
    let longest = SignedDuration::try_from(feed.stale_after).unwrap_or(SignedDuration::MAX);
    shop.last_success()
        .is_none_or(|at| now.duration_since(at) > longest)
}

/// Chosen, on offer, and of a kind that is told.
fn is_shown(entry: &Entry<'_>, feed: &Feed) -> bool {
    let product = entry.product;
    let hidden = product.hidden == Some(true) || product.retired == Some(true);
    let group = (product.group_id, product.group.as_ref());
    let listed = entry.combination.is_none() || feed.tells(Field::Combination);
    listed && !hidden && !entry.is_gone() && feed.shows(entry.instance, group, product.id, &product.name)
}

fn item(entry: &Entry<'_>, feed: &Feed, stale: bool) -> PublicItem {
    let state = if stale { "unknown" } else { entry.state() };
    let level = entry.level().filter(|_| !stale);
    let mut item = PublicItem::default();
    for field in &feed.fields {
        match field {
            Field::Instance => item.instance = Some(entry.instance.to_owned()),
            Field::ProductId => item.product_id = Some(entry.product.id),
            Field::Product => item.product = Some(entry.product.name.shown().to_owned()),
            Field::Group => {
                let group = entry.product.group.as_ref();
                item.group = Some(group.map(|group| group.shown().to_owned()));
            }
            Field::Combination => item.combination = Some(entry.combination_ref()),
            Field::State => item.state = Some(state),
            Field::Level => item.level = Some(level.map(|level| capped(level, feed.level_cap))),
            Field::Availability => item.availability = Some(availability(entry, state, level)),
        }
    }
    item
}

fn capped(level: i64, cap: Option<i64>) -> PublicLevel {
    match cap {
        Some(cap) if level >= cap => PublicLevel::AtLeast(format!("{cap}+")),
        // How many are owed is nobody's business.
        Some(_) | None => PublicLevel::Exactly(level.max(0)),
    }
}

/// Never out unless it is known to be.
fn availability(entry: &Entry<'_>, state: &str, level: Option<i64>) -> &'static str {
    match (level, entry.series().severity) {
        (None, _) if state == "not_controlled" => "in_stock",
        (None, _) => "unknown",
        (Some(i64::MIN..=0), _) => "out",
        (Some(_), Severity::Ok) => "in_stock",
        (Some(_), Severity::Low | Severity::Critical | Severity::Out) => "low",
    }
}
