//! `/api/v1/sources`: how well each shop can be read, why not, and what to do about it.

use axum::extract::State;
use axum::response::Response;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::alerting::state::SourceState;
use crate::domain::message::Capability;
use crate::domain::source::Cause;
use crate::jobs::gaps;
use crate::notify::words;
use crate::observe::view::Instance;
use crate::web::answers::paging::Paging;
use crate::web::answers::reply::List;
use crate::web::answers::reply::Reply;
use crate::web::answers::sheet::Row;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::state::AppState;
use crate::web::trust::Standing;
use crate::web::trust::standing;

/// How far back gaps are told.
const BACK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A shop as a source of figures.
#[derive(Debug, Serialize, ToSchema)]
pub struct Source {
    pub instance: String,
    /// `up`: the last poll was accepted; `failing`: it was not; `down`: that was told; `waiting`: none ended since the
    /// start; `late`: the next one is overdue; `unrecorded`: the database cannot be written.
    pub state: &'static str,
    /// Since when it cannot be read; where it is `late`, when a poll was due; where it is `unrecorded`, when the last
    /// poll was that is recorded. Null while all is well.
    pub since: Option<Timestamp>,
    /// Why the last poll was not accepted; `late` and `database` where nothing was recorded.
    pub cause: Option<&'static str>,
    /// Particulars, without any secret.
    pub detail: Option<String>,
    /// The cause in words.
    pub words: Option<&'static str>,
    /// What to do about it.
    pub mend: Option<&'static str>,
    /// When it was last asked, since the start.
    pub last_poll_at: Option<Timestamp>,
    /// When the figures that are shown were asked for.
    pub last_accepted_at: Option<Timestamp>,
    /// How many products it had then.
    pub products: usize,
    /// Polls in a row that were not accepted.
    pub failures: u32,
    /// What it no longer tells.
    pub lost: Vec<Lost>,
    /// When it was not read although it should have been, in the last seven days, oldest first; null where that cannot be told.
    pub gaps: Option<Vec<Gap>>,
}

/// Something that a source no longer tells.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lost {
    /// `stock_fields` or `companion`
    pub capability: Capability,
    pub since: Timestamp,
    pub words: &'static str,
    pub mend: &'static str,
}

/// A time without a look at the whole shop.
#[derive(Debug, Serialize, ToSchema)]
pub struct Gap {
    pub from: Timestamp,
    /// Null where it goes on.
    pub until: Option<Timestamp>,
}

impl Row for Source {
    const FILE: &'static str = "sources";
    const COLUMNS: &'static [&'static str] = &[
        "instance",
        "state",
        "since",
        "cause",
        "detail",
        "words",
        "mend",
        "last_poll_at",
        "last_accepted_at",
        "products",
        "failures",
        "lost",
        "gaps",
    ];
}

/// Each configured shop: whether it can be read, why not, and what to do about it.
#[utoipa::path(get, path = "/api/v1/sources", tag = "polls", params(Paging), responses(
    (status = 200, body = List<Source>),
))]
pub async fn sources(State(app): State<AppState>, params: Params, reply: Reply) -> Result<Response, Problem> {
    params.only_list(&[])?;
    let limit = params.limit()?;
    let start = usize::try_from(params.cursor()?.unwrap_or_default()).unwrap_or_default();
    let seen = app.view.seen();
    let now = Timestamp::now();
    let writable = app.store.condition().last_write_held;
    let rest = seen.instances.get(start..).unwrap_or_default();
    let mut items = Vec::new();
    for shop in rest.iter().take(limit) {
        items.push(Source {
            gaps: gaps_of(&app, shop, now).await?,
            ..source(shop, writable, now)
        });
    }
    let cursor = (rest.len() > limit).then(|| start.saturating_add(limit).to_string());
    reply.list(items, cursor)
}

/// The shop without its gaps; `writable` is whether the database takes what is learned.
#[must_use]
pub fn source(shop: &Instance, writable: bool, now: Timestamp) -> Source {
    let state: &SourceState = &shop.memory.source;
    let poll = shop.last_poll.as_ref();
    let lost = state.lost.iter().map(|(capability, since)| Lost {
        capability: *capability,
        since: *since,
        words: words::lost(*capability),
        mend: words::mend(*capability),
    });
    let stands = stands(shop, writable, now);
    Source {
        instance: shop.name.to_string(),
        state: stands.state,
        since: stands.since,
        cause: stands.cause,
        detail: poll
            .map(|poll| poll.detail.clone())
            .filter(|detail| !detail.is_empty()),
        words: stands.words,
        mend: stands.mend,
        last_poll_at: poll.map(|poll| poll.observed_at),
        last_accepted_at: shop.last_success(),
        products: state.last_accepted_products,
        failures: state.failures,
        lost: lost.collect(),
        gaps: None,
    }
}

/// Whether a shop can be read, and why not.
struct Stands {
    state: &'static str,
    since: Option<Timestamp>,
    cause: Option<&'static str>,
    words: Option<&'static str>,
    mend: Option<&'static str>,
}

/// What is not recorded is not known, however well the shop answers.
fn stands(shop: &Instance, writable: bool, now: Timestamp) -> Stands {
    if !writable {
        return Stands {
            state: "unrecorded",
            since: shop
                .last_poll
                .as_ref()
                .map(|poll| poll.observed_at)
                .or(shop.last_success()),
            cause: Some("database"),
            words: Some("The database cannot be written: nothing that the shop says is recorded."),
            mend: Some(
                "Run whmcs-stock-monitor doctor: it tells how the file, its folder and its disk stand.",
            ),
        };
    }
    if shop.up() == Some(true) && standing(shop, now) == Standing::Old {
        return Stands {
            state: "late",
            since: shop.next_by.or(shop.last_success()),
            cause: Some("late"),
            words: Some("No poll was recorded when the next one was due."),
            mend: Some("See what the log of the monitor says of polls."),
        };
    }
    let cause = shop.last_poll.as_ref().and_then(|poll| poll.outcome.cause());
    Stands {
        state: match (shop.up(), shop.memory.source.down) {
            (Some(true), _) => "up",
            (Some(false), Some(_)) => "down",
            (Some(false), None) => "failing",
            (None, _) => "waiting",
        },
        since: shop
            .memory
            .source
            .failing_since
            .filter(|_| shop.up() != Some(true)),
        cause: cause.map(Cause::as_str),
        words: cause.map(Cause::words),
        mend: cause.map(Cause::mend),
    }
}

async fn gaps_of(app: &AppState, shop: &Instance, now: Timestamp) -> Result<Option<Vec<Gap>>, Problem> {
    let Some(schedule) = &shop.schedule else {
        return Ok(None);
    };
    let reader = app.store.reader();
    let Some(id) = reader.instance(&shop.name).await.map_err(unreadable)? else {
        return Ok(None);
    };
    let from = now.checked_sub(BACK).unwrap_or(Timestamp::MIN);
    let read = reader.read_at(id, from, now).await.map_err(unreadable)?;
    let gaps = gaps::gaps(None, &read, schedule, now);
    Ok(Some(
        gaps.into_iter()
            .map(|(from, until)| Gap { from, until })
            .collect(),
    ))
}
