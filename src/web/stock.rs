//! `/api/v1/stock` and the open alerts: lists read from the present moment, page by page.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;

use crate::domain::alerting::state::Memory;
use crate::domain::message::Alert;
use crate::domain::message::Severity;
use crate::observe::items::Entry;
use crate::observe::items::of_product;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// A list of the API, and where the next page begins; null on the last.
#[derive(Debug, Serialize)]
pub struct List<T> {
    pub items: Vec<T>,
    pub cursor: Option<String>,
}

/// `GET /api/v1/stock?instance=&severity=&q=&cursor=&limit=`
pub async fn stock(State(app): State<AppState>, params: Params) -> Result<Response, Problem> {
    params.only(&["instance", "severity", "q", "cursor", "limit"])?;
    let seen = app.view.seen();
    let instance = params.instance(&seen)?;
    let severity = severity(&params)?;
    let limit = params.limit()?;
    let needle = params.get("q").map(str::to_lowercase);
    let wanted = |entry: &Entry<'_>| {
        severity.is_none_or(|severity| entry.severity() == Some(severity))
            && needle.as_ref().is_none_or(|needle| entry.matches(needle))
    };
    let mut found = from_cursor(&seen, instance, params.get("cursor"))?.filter(wanted);
    let shown: Vec<Entry<'_>> = found.by_ref().take(limit).collect();
    let more = found.next().is_some();
    let cursor = shown.last().filter(|_| more).map(Entry::alert_id);
    let items: Vec<_> = shown.iter().map(Entry::item).collect();
    Ok(Json(List { items, cursor }).into_response())
}

/// The parameter `severity`, where given.
pub fn severity(params: &Params) -> Result<Option<Severity>, Problem> {
    params.chosen("severity", "ok, low, critical or out", Severity::parse)
}

/// What is open now: worst first, then since when.
pub fn open(seen: &Seen, instance: Option<&Instance>, severity: Option<Severity>) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = shops(seen, instance)
        .flat_map(|shop| crate::observe::items::entries(&shop.name, &shop.memory))
        .filter(|entry| severity.is_none_or(|severity| entry.severity() == Some(severity)))
        .filter_map(|entry| entry.open_alert())
        .collect();
    alerts.sort_by(|a, b| {
        (b.severity, b.started_at, &a.alert_id).cmp(&(a.severity, a.started_at, &b.alert_id))
    });
    alerts
}

fn shops<'a>(seen: &'a Seen, only: Option<&'a Instance>) -> impl Iterator<Item = &'a Instance> {
    seen.instances
        .iter()
        .filter(move |shop| only.is_none_or(|only| only.name == shop.name))
}

/// Every series after the one that the cursor names, in the order of configuration, id and combination.
fn from_cursor<'a>(
    seen: &'a Seen,
    only: Option<&'a Instance>,
    cursor: Option<&str>,
) -> Result<impl Iterator<Item = Entry<'a>>, Problem> {
    let after = cursor.map(|cursor| position(seen, cursor)).transpose()?;
    let start = after.as_ref().map_or(0, |after| after.instance);
    let rest = shops(seen, only).filter(move |shop| {
        let index = seen.instances.iter().position(|other| other.name == shop.name);
        index.is_some_and(|index| index >= start)
    });
    let entries = rest.flat_map(move |shop| {
        let here = after
            .as_ref()
            .filter(|after| seen.instances[after.instance].name == shop.name)
            .cloned();
        let first = here
            .as_ref()
            .map_or(0, |after| first_product(&shop.memory, after.product));
        shop.memory.products[first..]
            .iter()
            .flat_map(|product| of_product(&shop.name, &shop.memory, product))
            .filter(move |entry| here.as_ref().is_none_or(|after| after.is_before(entry)))
    });
    Ok(entries)
}

/// The series that a cursor names.
#[derive(Debug, Clone, PartialEq)]
struct Position {
    instance: usize,
    product: i64,
    combination: Option<crate::domain::catalogue::CombinationKey>,
}

impl Position {
    fn is_before(&self, entry: &Entry<'_>) -> bool {
        let key = entry.combination.map(|combination| &combination.key);
        (self.product, self.combination.as_ref()) < (entry.product.id, key)
    }
}

fn position(seen: &Seen, cursor: &str) -> Result<Position, Problem> {
    let read = || {
        // An instance's name may hold slashes; what follows it may not.
        let mut parts = cursor.rsplitn(3, '/');
        let combination = match parts.next()? {
            "-" => None,
            key => Some(key.parse().ok()?),
        };
        let product = parts.next()?.parse().ok()?;
        let name = parts.next()?;
        let instance = seen.instances.iter().position(|shop| &*shop.name == name)?;
        Some(Position {
            instance,
            product,
            combination,
        })
    };
    read().ok_or_else(|| Problem::parameter("cursor", "\"cursor\" must be the cursor of an earlier answer."))
}

fn first_product(memory: &Memory, id: i64) -> usize {
    memory.products.partition_point(|product| product.id < id)
}
