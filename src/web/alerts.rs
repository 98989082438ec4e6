//! `/api/v1/alerts`: what was said of each series, newest first, or what is open now.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Name;
use crate::domain::message::Reason;
use crate::domain::message::Status;
use crate::domain::people::Ack;
use crate::domain::stand::AckRef;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;
use crate::observe::view::Seen;
use crate::store::history::EventFilter;
use crate::store::history::RecordedEvent;
use crate::web::answers::paging::Paging;
use crate::web::answers::reply::List;
use crate::web::answers::reply::Reply;
use crate::web::answers::sheet::Row;
use crate::web::firing;
use crate::web::firing::COLUMNS;
use crate::web::firing::OpenAlert;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::records::page;
use crate::web::records::recorded_instance;
use crate::web::state::AppState;
use crate::web::stock;

/// The kind of the events that are alerts.
const SEVERITY: &str = "severity";

/// An alert as it was; names and thresholds as they are now, null for what is no longer watched.
#[derive(Serialize, ToSchema)]
#[schema(as = PastAlert)]
pub struct AlertItem<'a> {
    alert_id: String,
    instance: String,
    reason: Option<String>,
    status: Status,
    severity: Option<Severity>,
    previous_severity: Option<Severity>,
    /// Null for a pool.
    product: Option<Product<'a>>,
    combination: Option<Choices<'a>>,
    pool: Option<PoolThen>,
    /// What limited it then is not recorded.
    bottleneck: Option<&'static str>,
    level: Option<i64>,
    previous_level: Option<i64>,
    thresholds: Option<&'a Thresholds>,
    started_at: Option<Timestamp>,
    observed_at: Timestamp,
    days_of_cover: Option<f64>,
    /// Who had taken it on then.
    ack: Option<AckRef>,
}

impl Row for AlertItem<'_> {
    const FILE: &'static str = "alerts";
    const COLUMNS: &'static [&'static str] = COLUMNS;
}

/// An alert as it was, or, of those that are open, as it is.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum AnyAlert<'a> {
    Open(Box<OpenAlert>),
    Past(Box<AlertItem<'a>>),
}

/// The product of an alert.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertProduct)]
pub struct Product<'a> {
    id: i64,
    name: Option<&'a str>,
    group: Option<&'a str>,
}

/// A pool by name; what it held back then is not recorded.
#[derive(Serialize, ToSchema)]
pub struct PoolThen {
    name: String,
    /// As configured now.
    capacity: Option<i64>,
    /// How many of it the orders took that it was about; null for the pool itself.
    need: Option<i64>,
}

/// The combination of an alert.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertCombination)]
pub struct Choices<'a> {
    key: String,
    label: Option<&'a str>,
}

/// Alerts as they were recorded, newest first; with `status=firing` what is open now, by default what began last first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(
    ("instance" = Option<String>, Query, description = "The name of a shop; pools are of none."),
    ("status" = Option<String>, Query, description = "`firing`: what is open now."),
    ("severity" = Option<Severity>, Query, description = "What it is, or became."),
    ("sort" = Option<String>, Query, description = "With `status=firing`: `started` (what began last first) unless said, or `urgency` (worst first)."),
    Paging,
), responses(
    (status = 200, body = List<AnyAlert>),
    (status = 422, description = "`sort` without `status`: the past is in the order of recording."),
))]
pub async fn alerts(
    State(app): State<AppState>,
    params: Params,
    mut reply: Reply,
) -> Result<Response, Problem> {
    params.only_list(&["instance", "status", "severity", "sort"])?;
    let firing = params.chosen("status", "firing", |status| (status == "firing").then_some(()))?;
    if firing.is_some() {
        return firing::list(&app, &params, &mut reply).await;
    }
    if params.get("sort").is_some() {
        let detail = "Only what is open now can be sorted: with status=firing.";
        return Err(Problem {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            ..Problem::parameter("sort", detail)
        });
    }
    let limit = params.limit()?;
    let seen = app.view.seen();
    let severity = stock::severity(&params)?;
    let filter = EventFilter {
        instance: recorded_instance(&app, &params).await?,
        product: None,
        kind: Some(SEVERITY),
        severity,
    };
    let found = app
        .store
        .reader()
        .events(filter, params.cursor()?, limit + 1)
        .await;
    let found = found.map_err(unreadable)?;
    let acks = acks_then(&app, &found).await?;
    page(
        &reply,
        found,
        limit,
        |event| event.id,
        |event| AlertItem {
            ack: acks.get(&event.id).map(|ack| then(ack, event.at)),
            ..alert_item(event, &seen)
        },
    )
}

/// The ack as it stood at that time, but for what has come since.
fn then(ack: &Ack, at: Timestamp) -> AckRef {
    AckRef {
        overdue: ack.eta.is_some_and(|eta| eta <= at),
        ..ack.shown(at)
    }
}

/// Who had taken the series of these events on, by the events' ids.
async fn acks_then(app: &AppState, found: &[RecordedEvent]) -> Result<HashMap<i64, Ack>, Problem> {
    // The newest first.
    let (Some(newest), Some(oldest)) = (found.first(), found.last()) else {
        return Ok(HashMap::new());
    };
    let acks = app.store.reader().acks_then(oldest.id, newest.id).await;
    // Of two the later one stays: it took the other's place.
    Ok(acks.map_err(unreadable)?.into_iter().collect())
}

fn alert_item<'a>(event: RecordedEvent, seen: &'a Seen) -> AlertItem<'a> {
    match event.pool.clone() {
        Some(pool) => pool_item(event, &pool, seen),
        None => product_item(event, seen),
    }
}

/// The alert of a pool as it was.
fn pool_item<'a>(event: RecordedEvent, name: &str, seen: &'a Seen) -> AlertItem<'a> {
    let pool = seen.pools.pool(name);
    let need = event
        .combination
        .as_deref()
        .and_then(|key| key.strip_prefix("0="));
    let alert_id = need.map_or_else(|| format!("pool:{name}"), |need| format!("pool:{name}/{need}"));
    let need = need.and_then(|need| need.parse::<i64>().ok());
    let standing = pool.and_then(|pool| pool.standing.as_ref());
    let standing = standing.and_then(|own| match need {
        Some(need) => own
            .needs
            .iter()
            .find(|(of, _)| *of == need)
            .map(|(_, voice)| voice),
        None => Some(own),
    });
    AlertItem {
        pool: Some(PoolThen {
            name: Name::new(name).shown().to_owned(),
            capacity: pool.map(|pool| pool.capacity),
            need,
        }),
        thresholds: standing.map(|standing| &standing.thresholds),
        started_at: started_at(&event, standing.and_then(|standing| standing.started_at)),
        ..plain(alert_id, event)
    }
}

/// The alert of a product or combination as it was.
fn product_item<'a>(mut event: RecordedEvent, seen: &'a Seen) -> AlertItem<'a> {
    let id = event.product_id.unwrap_or_default();
    let key = event.combination.take();
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
    let alert_id = format!("{}/{id}/{}", event.instance, key.as_deref().unwrap_or("-"));
    AlertItem {
        product: Some(Product {
            id,
            name: product.map(|product| product.name.shown()),
            group: product
                .and_then(|product| product.group.as_ref())
                .map(|group| group.shown()),
        }),
        combination: key.map(|key| Choices {
            key,
            label: combination.map(|combination| &*combination.label),
        }),
        thresholds: effective.map(|effective| &effective.thresholds),
        started_at: started_at(&event, series.and_then(|series| series.started_at)),
        ..plain(alert_id, event)
    }
}

/// What the record itself tells.
fn plain(alert_id: String, event: RecordedEvent) -> AlertItem<'static> {
    let over = [Reason::Recovered, Reason::Withdrawn].map(Reason::as_str);
    let resolved = event
        .reason
        .as_deref()
        .is_some_and(|reason| over.contains(&reason));
    AlertItem {
        alert_id,
        instance: event.instance,
        reason: event.reason,
        status: if resolved {
            Status::Resolved
        } else {
            Status::Firing
        },
        severity: event.severity_to,
        previous_severity: event.severity_from,
        product: None,
        combination: None,
        pool: None,
        bottleneck: None,
        level: event.level,
        previous_level: event.previous_level,
        thresholds: None,
        started_at: None,
        observed_at: event.at,
        days_of_cover: None,
        ack: None,
    }
}

/// When the episode began: of one that is over only its first event tells, of the present one what is remembered.
fn started_at(event: &RecordedEvent, remembered: Option<Timestamp>) -> Option<Timestamp> {
    if event.severity_from == Some(Severity::Ok) {
        Some(event.at)
    } else {
        remembered.filter(|started| *started <= event.at)
    }
}
