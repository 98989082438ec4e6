//! `/api/v1/summary`: how it all stands, in a few numbers, and whether they can be trusted.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::source::Cause;
use crate::domain::stand::Counts;
use crate::domain::stand::Severity;
use crate::notify::words;
use crate::observe::items::Entry;
use crate::observe::items::entries;
use crate::observe::pools;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::answers::reply::Reply;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::state::AppState;
use crate::web::trust::Standing;
use crate::web::trust::standing;

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
    /// `full`: what is recorded is what every shop says now, and every figure is known; `partial`: not all of it;
    /// `none`: no shop could be read when it was due, or nothing can be recorded.
    pub state: &'static str,
    /// Why it is not full, in sentences.
    pub why: Vec<String>,
    /// When the oldest of the figures was asked for; null where a shop was never read.
    pub oldest_observed_at: Option<Timestamp>,
    pub sources: usize,
    /// Those that were read, and recorded, when they were due.
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
        ..counted(&seen, app.store.condition().last_write_held, Timestamp::now())
    })
}

fn counted(seen: &Seen, writable: bool, now: Timestamp) -> Summary {
    let mut summary = Summary {
        products: Counts::default(),
        combinations: Counts::default(),
        pools: Counts::default(),
        open: Open::default(),
        trust: trust(seen, writable, now),
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

/// As the overview has it; `writable` is whether the database takes what is learned.
fn trust(seen: &Seen, writable: bool, now: Timestamp) -> Trust {
    let shops = &seen.instances;
    let told =
        |shop: &&Instance| writable && matches!(standing(shop, now), Standing::Current | Standing::Short);
    let up = shops.iter().filter(told).count();
    let database = (!writable).then(|| "The database cannot be written: nothing is recorded.".to_owned());
    let why = shops.iter().filter_map(|shop| why(shop, standing(shop, now)));
    let why: Vec<String> = database.into_iter().chain(why).collect();
    let asked: Option<Vec<Timestamp>> = shops.iter().map(Instance::last_success).collect();
    Trust {
        state: match up {
            0 => "none",
            _ if why.is_empty() => "full",
            _ => "partial",
        },
        why,
        oldest_observed_at: asked.and_then(|asked| asked.into_iter().min()),
        sources: shops.len(),
        sources_up: up,
    }
}

/// Why the shop's figures are not to be trusted, as a sentence.
#[must_use]
pub fn why(shop: &Instance, standing: Standing) -> Option<String> {
    let name = &shop.name;
    match standing {
        Standing::Current => None,
        Standing::NotAsked => Some(format!("{name} was not asked yet since the start.")),
        Standing::Short => {
            let lost = shop.memory.source.lost.iter();
            let lost: Vec<&str> = lost.map(|(capability, _)| words::lost(*capability)).collect();
            Some(format!("{name} tells less than it did: {}", lost.join(" ")))
        }
        Standing::Old | Standing::None if shop.up() == Some(true) => Some(format!(
            "{name} should have been read since: no poll was recorded when it was due."
        )),
        Standing::Old | Standing::None => {
            let cause = shop.last_poll.as_ref().and_then(|poll| poll.outcome.cause());
            let words = cause.map_or("it did not answer as it should.", Cause::words);
            Some(format!("{name} cannot be read: {words}"))
        }
    }
}
