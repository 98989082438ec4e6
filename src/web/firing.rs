//! What is open now: `/api/v1/alerts?status=firing`, in an order that holds while the stock moves.

use std::cmp::Reverse;

use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::message::Alert;
use crate::domain::people::Silenced;
use crate::domain::stand::Severity;
use crate::observe::items::entries;
use crate::observe::pools;
use crate::observe::said::Said;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::answers::cursor;
use crate::web::answers::reply::Reply;
use crate::web::answers::sheet::Row;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::state::AppState;
use crate::web::stock;

/// The columns of alerts, past and open.
pub const COLUMNS: &[&str] = &[
    "alert_id",
    "instance",
    "reason",
    "status",
    "severity",
    "previous_severity",
    "product.id",
    "product.name",
    "product.group",
    "combination.key",
    "combination.label",
    "pool.name",
    "bottleneck",
    "level",
    "previous_level",
    "thresholds.low",
    "thresholds.critical",
    "thresholds.origin",
    "started_at",
    "observed_at",
    "days_of_cover",
    "ack.by",
    "ack.at",
    "ack.note",
    "ack.quantity",
    "ack.arrived",
    "ack.eta",
    "ack.overdue",
    "silenced.kind",
    "silenced.id",
    "silenced.until",
];

/// An open alert, and what keeps it from being told of.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenAlert {
    #[serde(flatten)]
    pub alert: Alert,
    pub silenced: Option<Silenced>,
}

impl Row for OpenAlert {
    const FILE: &'static str = "alerts";
    const COLUMNS: &'static [&'static str] = COLUMNS;
}

/// By what open alerts are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenOrder {
    /// What began last first. When an alert began does not change while it is open, so nothing that stays open slips
    /// past a reader who goes from page to page.
    #[default]
    Started,
    /// Worst first: what gets worse meanwhile moves to a page that was read already.
    Urgency,
}

impl OpenOrder {
    /// The order of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "started" => Some(Self::Started),
            "urgency" => Some(Self::Urgency),
            _ => None,
        }
    }
}

/// Where an open alert stands among the others; among equals by shop and product number, pools after them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenRank {
    first: Reverse<(u8, Option<Timestamp>)>,
    pool: bool,
    shop: String,
    product: Option<i64>,
    alert_id: String,
}

impl OpenAlert {
    /// Where it stands.
    #[must_use]
    pub fn rank(&self, order: OpenOrder) -> OpenRank {
        let alert = &self.alert;
        let severity = match order {
            OpenOrder::Started => 0,
            OpenOrder::Urgency => alert.severity.rank(),
        };
        let product = alert.product_id();
        OpenRank {
            first: Reverse((severity, alert.started_at)),
            pool: product.is_none(),
            shop: alert.instance.clone(),
            product,
            alert_id: alert.alert_id.clone(),
        }
    }
}

/// What is open now, in that order.
pub fn open(
    seen: &Seen,
    said: &Said,
    instance: Option<&Instance>,
    severity: Option<Severity>,
    order: OpenOrder,
) -> Vec<OpenAlert> {
    let mut alerts: Vec<OpenAlert> = stock::shops(seen, instance)
        .flat_map(|shop| entries(&shop.name, &shop.memory))
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
    alerts.sort_by_cached_key(|open| open.rank(order));
    alerts
}

/// The open alerts, in the order and from the place that the parameters say.
pub async fn list(app: &AppState, params: &Params, reply: &mut Reply) -> Result<Response, Problem> {
    let order = params.chosen("sort", "started or urgency", OpenOrder::parse)?;
    let order = order.unwrap_or_default();
    let after = params.get("cursor").map(|given| {
        cursor::opened(given)
            .filter(|(of, _): &(OpenOrder, OpenRank)| *of == order)
            .map(|(_, rank)| rank)
            .ok_or_else(cursor::refused)
    });
    let (after, limit) = (after.transpose()?, params.limit()?);
    let severity = stock::severity(params)?;
    let (moment, seen) = (app.view.moment(), app.view.seen());
    let said = stock::said(app, &seen).await?;
    let instance = params.instance(&seen)?;
    if let Some(same) = reply.same(moment, &said) {
        return Ok(same);
    }
    let mut open = open(&seen, &said, instance, severity, order);
    // By what came last and not by a number of places: what ends between two pages moves all that follow it.
    open.retain(|open| after.as_ref().is_none_or(|after| *after < open.rank(order)));
    let more = open.len() > limit;
    open.truncate(limit);
    let last = open.last().filter(|_| more);
    let cursor = last.map(|last| cursor::sealed(&(order, last.rank(order))));
    reply.list(open, cursor)
}
