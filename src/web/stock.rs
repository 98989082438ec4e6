//! `/api/v1/stock` and the open alerts: lists read from the present moment, page by page.

use std::cmp::Reverse;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;

use crate::domain::alerting::state::Memory;
use crate::domain::catalogue::CombinationKey;
use crate::domain::message::Alert;
use crate::domain::people::Silenced;
use crate::domain::stand::Severity;
use crate::observe::items::Entry;
use crate::observe::items::Item;
use crate::observe::items::of_product;
use crate::observe::lines::Line;
use crate::observe::lines::lines;
use crate::observe::pools;
use crate::observe::pools::PoolItem;
use crate::observe::said::Said;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::state::AppState;

/// Products whose combinations are worked out before other requests get their turn.
const PRODUCTS_AT_ONCE: usize = 64;

/// A list of the API, and where the next page begins; null on the last.
#[derive(Debug, Serialize)]
pub struct List<T> {
    pub items: Vec<T>,
    pub cursor: Option<String>,
}

/// What is asked of the stock.
struct Wanted<'a> {
    instance: Option<&'a Instance>,
    product: Option<i64>,
    severity: Option<Severity>,
    /// In lower case.
    needle: Option<String>,
    limit: usize,
}

/// `GET /api/v1/stock?instance=&product=&severity=&q=&combinations=&cursor=&limit=`
pub async fn stock(State(app): State<AppState>, params: Params) -> Result<Response, Problem> {
    params.only(&[
        "instance",
        "product",
        "severity",
        "q",
        "combinations",
        "cursor",
        "limit",
    ])?;
    let seen = app.view.seen();
    let wanted = Wanted {
        instance: params.instance(&seen)?,
        product: params.parsed("product", "the id of a product")?,
        severity: severity(&params)?,
        needle: params.get("q").map(str::to_lowercase),
        limit: params.limit()?,
    };
    let cursor = params.get("cursor");
    let all = params.chosen("combinations", "all or series", |value| match value {
        "all" => Some(true),
        "series" => Some(false),
        _ => None,
    })?;
    if all == Some(true) {
        let said = said(&app, &seen).await?;
        return Ok(Json(everything(&seen, &said, &wanted, cursor).await?).into_response());
    }
    let mut found = from_cursor(&seen, wanted.instance, cursor)?.filter(|entry| {
        wanted.product.is_none_or(|id| entry.product.id == id)
            && wanted.has_severity(entry)
            && wanted.needle.as_ref().is_none_or(|needle| entry.matches(needle))
    });
    let shown: Vec<Entry<'_>> = found.by_ref().take(wanted.limit).collect();
    let more = found.next().is_some();
    let cursor = shown.last().filter(|_| more).map(Entry::alert_id);
    let said = said(&app, &seen).await?;
    let items: Vec<_> = shown
        .iter()
        .map(|entry| said.beside(entry, entry.item(&seen.pools)))
        .collect();
    Ok(Json(List { items, cursor }).into_response())
}

/// `GET /api/v1/pools?cursor=&limit=`, in the order of the configuration
pub async fn pools(State(app): State<AppState>, params: Params) -> Result<Response, Problem> {
    params.only(&["cursor", "limit"])?;
    let limit = params.limit()?;
    let start = usize::try_from(params.cursor()?.unwrap_or_default()).unwrap_or_default();
    let seen = app.view.seen();
    let rest = seen.pools.pools.get(start..).unwrap_or_default();
    let said = said(&app, &seen).await?;
    let items: Vec<PoolItem<'_>> = rest.iter().take(limit).map(|pool| said.pool(pool)).collect();
    let cursor = (rest.len() > limit).then(|| (start + limit).to_string());
    Ok(Json(List { items, cursor }).into_response())
}

/// Every combination that is offered too. There can be hundreds for each product: others get their turn in between.
async fn everything<'a>(
    seen: &'a Seen,
    said: &Said,
    wanted: &Wanted<'a>,
    cursor: Option<&str>,
) -> Result<List<Item<'a>>, Problem> {
    let after = cursor.map(|cursor| position(seen, cursor)).transpose()?;
    let mut items: Vec<Item<'a>> = Vec::new();
    let mut last = None;
    for (place, shop) in seen.instances.iter().enumerate() {
        let here = after.as_ref().filter(|after| after.instance == place);
        let passed = after.as_ref().is_some_and(|after| place < after.instance);
        if passed || wanted.instance.is_some_and(|only| only.name != shop.name) {
            continue;
        }
        let first = here.map_or(0, |after| first_product(&shop.memory, after.product));
        for (nth, product) in shop.memory.products[first..].iter().enumerate() {
            if nth % PRODUCTS_AT_ONCE == PRODUCTS_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            if wanted.product.is_some_and(|id| id != product.id) {
                continue;
            }
            for line in lines(&shop.name, &shop.memory, product) {
                let told = here.is_some_and(|after| !after.is_before(product.id, line.key()));
                if told || !wanted.is_line(&line) {
                    continue;
                }
                if items.len() == wanted.limit {
                    return Ok(List { items, cursor: last });
                }
                items.push(said.item(&line, &seen.pools));
                if items.len() == wanted.limit {
                    last = Some(line.id());
                }
            }
        }
    }
    Ok(List { items, cursor: None })
}

impl Wanted<'_> {
    fn has_severity(&self, entry: &Entry<'_>) -> bool {
        self.severity
            .is_none_or(|severity| entry.severity() == Some(severity))
    }

    fn is_line(&self, line: &Line<'_>) -> bool {
        let named = self.needle.as_ref().is_none_or(|needle| line.matches(needle));
        named && self.has_severity(&line.entry)
    }
}

/// What people said that holds now.
pub async fn said(app: &AppState, seen: &Seen) -> Result<Said, Problem> {
    let shops: Vec<&str> = seen.instances.iter().map(|shop| &*shop.name).collect();
    let said = Said::read(app.store.reader(), &shops, &seen.windows, Timestamp::now()).await;
    said.map_err(unreadable)
}

/// An open alert, and what keeps it from being told of.
#[derive(Debug, Serialize)]
pub struct OpenAlert {
    #[serde(flatten)]
    pub alert: Alert,
    pub silenced: Option<Silenced>,
}

/// The parameter `severity`, where given.
pub fn severity(params: &Params) -> Result<Option<Severity>, Problem> {
    params.chosen("severity", "ok, low, critical or out", Severity::parse)
}

/// What is open now: worst first, then since when.
pub fn open(
    seen: &Seen,
    said: &Said,
    instance: Option<&Instance>,
    severity: Option<Severity>,
) -> Vec<OpenAlert> {
    let mut alerts: Vec<OpenAlert> = shops(seen, instance)
        .flat_map(|shop| crate::observe::items::entries(&shop.name, &shop.memory))
        .filter(|entry| severity.is_none_or(|severity| entry.severity() == Some(severity)))
        .filter_map(|entry| {
            let alert = entry.open_alert(&seen.pools)?;
            Some(OpenAlert {
                alert: Alert {
                    ack: said.ack(&entry),
                    ..alert
                },
                silenced: said.silenced(&entry),
            })
        })
        .collect();
    // A pool is of no shop: who asks for one shop does not ask for it.
    let pools = seen.pools.pools.iter().filter(|_| instance.is_none());
    let pools = pools.flat_map(|pool| {
        let silenced = said.silenced_pool(&pool.name, &pool.shops);
        pools::open_alerts(pool).map(move |alert| OpenAlert {
            alert: Alert {
                ack: said.pool_ack(&alert.alert_id),
                ..alert
            },
            silenced: silenced.clone(),
        })
    });
    alerts.extend(pools.filter(|open| severity.is_none_or(|severity| open.alert.severity == severity)));
    // Among equals by shop and product number, pools after them.
    alerts.sort_by_cached_key(|OpenAlert { alert, .. }| {
        let (id, shop) = (alert.product_id(), alert.instance.clone());
        let worst = Reverse((alert.severity, alert.started_at));
        (worst, id.is_none(), shop, id, alert.alert_id.clone())
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
            .filter(move |entry| {
                let key = entry.combination.map(|combination| &combination.key);
                here.as_ref()
                    .is_none_or(|after| after.is_before(entry.product.id, key))
            })
    });
    Ok(entries)
}

/// The series that a cursor names.
#[derive(Debug, Clone, PartialEq)]
struct Position {
    instance: usize,
    product: i64,
    combination: Option<CombinationKey>,
}

impl Position {
    fn is_before(&self, product: i64, combination: Option<&CombinationKey>) -> bool {
        (self.product, self.combination.as_ref()) < (product, combination)
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
