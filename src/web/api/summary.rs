//! `/api/v1/summary`: how it all stands, in a few numbers, and whether they can be trusted.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::stand::Counts;
use crate::domain::stand::Severity;
use crate::observe::items::Entry;
use crate::observe::items::entries;
use crate::observe::pools;
use crate::observe::view::Seen;
use crate::web::answers::reply::Reply;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::state::AppState;

/// How it all stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    /// Of what is there; what is gone is not counted.
    pub products: Counts,
    /// Of the combinations with a figure of their own.
    pub combinations: Counts,
    pub pools: Counts,
    /// How many alerts are open; what a pool speaks for is counted with the pool.
    pub open: Open,
    pub trust: Trust,
    /// How many messages wait, and how many were given up.
    pub deliveries: Waiting,
}

/// Open alerts by severity.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Open {
    pub low: usize,
    pub critical: usize,
    pub out: usize,
}

/// Whether the figures can be trusted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Trust {
    /// `full`: every shop was read in its last poll and every figure is known; `partial`: not all; `none`: no shop was.
    pub state: &'static str,
    /// Why it is not full, in sentences.
    pub why: Vec<String>,
    /// When the oldest of the figures was asked for; null where a shop was never read.
    pub oldest_observed_at: Option<Timestamp>,
    pub sources: usize,
    pub sources_up: usize,
}

/// Messages that did not arrive.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Waiting {
    pub pending: u64,
    pub dead: u64,
}

/// Counts by severity and state, and whether they can be trusted.
#[utoipa::path(get, path = "/api/v1/summary", tag = "stock", responses((status = 200, body = Summary)))]
pub async fn summary(State(app): State<AppState>, params: Params, reply: Reply) -> Result<Response, Problem> {
    params.only(&[])?;
    let seen = app.view.seen();
    let counts = app.store.reader().outbox_counts().await.map_err(unreadable)?;
    let mut deliveries = Waiting::default();
    for count in counts {
        deliveries.pending += count.pending;
        deliveries.dead += count.dead;
    }
    reply.one(&Summary {
        deliveries,
        ..counted(&seen)
    })
}

fn counted(seen: &Seen) -> Summary {
    let mut summary = Summary {
        products: Counts::default(),
        combinations: Counts::default(),
        pools: Counts::default(),
        open: Open::default(),
        trust: trust(seen),
        deliveries: Waiting::default(),
    };
    let all = seen.instances.iter();
    for entry in all.flat_map(|shop| entries(&shop.name, &shop.memory)) {
        if entry.is_alert(&seen.pools) {
            summary.open.add(entry.series().severity);
        }
        if !entry.is_gone() {
            summary
                .of(&entry)
                .add(entry.series().level, entry.series().severity);
        }
    }
    for severity in pools::open(&seen.pools) {
        summary.open.add(severity);
    }
    for pool in &seen.pools.pools {
        summary.pools.add(pool.level, pool.severity().unwrap_or_default());
    }
    let unknown = summary.products.unknown;
    if unknown > 0 {
        let (products, have) = if unknown == 1 {
            ("product", "has")
        } else {
            ("products", "have")
        };
        summary
            .trust
            .why
            .push(format!("{unknown} {products} {have} no known level."));
    }
    if summary.trust.state == "full" && !summary.trust.why.is_empty() {
        summary.trust.state = "partial";
    }
    summary
}

impl Summary {
    fn of(&mut self, entry: &Entry<'_>) -> &mut Counts {
        match entry.combination {
            None => &mut self.products,
            Some(_) => &mut self.combinations,
        }
    }
}

impl Open {
    fn add(&mut self, severity: Severity) {
        match severity {
            Severity::Ok => {}
            Severity::Low => self.low += 1,
            Severity::Critical => self.critical += 1,
            Severity::Out => self.out += 1,
        }
    }
}

fn trust(seen: &Seen) -> Trust {
    let up = seen
        .instances
        .iter()
        .filter(|shop| shop.up() == Some(true))
        .count();
    let why = seen.instances.iter().filter_map(|shop| match shop.up() {
        Some(true) => None,
        None => Some(format!("{} was not asked yet since the start.", shop.name)),
        Some(false) => {
            let cause = shop.last_poll.as_ref().and_then(|poll| poll.outcome.cause());
            let words = cause.map_or("it did not answer as it should", |cause| cause.words());
            Some(format!("{} cannot be read: {words}", shop.name))
        }
    });
    let asked: Option<Vec<Timestamp>> = seen.instances.iter().map(|shop| shop.last_success()).collect();
    Trust {
        state: match up {
            0 => "none",
            _ if up < seen.instances.len() => "partial",
            _ => "full",
        },
        why: why.collect(),
        oldest_observed_at: asked.and_then(|asked| asked.into_iter().min()),
        sources: seen.instances.len(),
        sources_up: up,
    }
}
