//! What is recorded, read from the database: polls, newest first, and the levels of a product.

use axum::extract::Path;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::daily::Daily;
use crate::domain::offer;
use crate::domain::source::Attempt;
use crate::domain::source::Cause;
use crate::store::days::DailyPast;
use crate::store::history::LevelQuery;
use crate::store::history::Point;
use crate::store::history::Poll;
use crate::store::history::PollFilter;
use crate::store::history::PollOutcome;
use crate::store::value::InstanceId;
use crate::store::value::PollId;
use crate::web::answers::paging::Paging;
use crate::web::answers::reply::List;
use crate::web::answers::reply::Reply;
use crate::web::answers::sheet::Row;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::state::AppState;

/// A poll.
#[derive(Serialize, ToSchema)]
#[schema(as = Poll)]
pub struct PollItem {
    id: i64,
    instance: String,
    observed_at: Timestamp,
    duration_ms: u64,
    /// `accepted`, `suspect` or `failed`
    outcome: &'static str,
    /// Only some products were looked at: those that a hint named.
    part: bool,
    cause: Option<Cause>,
    detail: Option<String>,
    products: Option<u64>,
    changes: u64,
    /// Empty where no request failed.
    attempts: Vec<Attempt>,
}

impl Row for PollItem {
    const FILE: &'static str = "polls";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "instance",
        "observed_at",
        "duration_ms",
        "outcome",
        "part",
        "cause",
        "detail",
        "products",
        "changes",
        "attempts",
    ];
}

/// A level, which holds until the next.
#[derive(Serialize, ToSchema)]
#[schema(as = LevelPoint)]
pub struct LevelItem {
    poll: i64,
    observed_at: Timestamp,
    state: &'static str,
    level: Option<i64>,
}

impl Row for LevelItem {
    const FILE: &'static str = "history";
    const COLUMNS: &'static [&'static str] = &["poll", "observed_at", "state", "level"];
}

/// A day in UTC of a series whose single levels are not kept any more.
#[derive(Serialize, ToSchema)]
#[schema(as = DailyFigures)]
pub struct DayItem {
    /// When it began.
    from: Timestamp,
    /// How many were left then; null where that was not known.
    first: Option<i64>,
    /// How it stood at its end.
    state: &'static str,
    level: Option<i64>,
    least: Option<i64>,
    most: Option<i64>,
    /// How long the level was known, and how long it was 0 or less.
    known_seconds: i64,
    out_seconds: i64,
    /// The sums of all falls (sold) and of all rises (restocked).
    falls: i64,
    rises: i64,
    changes: i64,
}

/// The levels of a series, and where the next page begins.
#[derive(Serialize, ToSchema)]
pub struct Levels {
    items: Vec<LevelItem>,
    cursor: Option<String>,
    /// The combination has no figure of its own: these are its product's levels.
    derived: bool,
    /// Since when single levels are kept; null: from the first on.
    levels_since: Option<Timestamp>,
    /// Of the time before that, the days on which something changed; on the first page.
    days: Vec<DayItem>,
}

/// Polls, newest first, with what went wrong.
#[utoipa::path(get, path = "/api/v1/polls", tag = "history", params(
    ("instance" = Option<String>, Query, description = "The name of a shop that was ever polled."),
    ("outcome" = Option<String>, Query, description = "How they ended."),
    Paging,
), responses((status = 200, body = List<PollItem>)))]
pub async fn polls(State(app): State<AppState>, params: Params, reply: Reply) -> Result<Response, Problem> {
    params.only_list(&["instance", "outcome"])?;
    let (before, limit) = (params.cursor()?.map(PollId), params.limit()?);
    let filter = PollFilter {
        outcome: params.chosen("outcome", "accepted, suspect or failed", PollOutcome::parse)?,
        instance: recorded_instance(&app, &params).await?,
    };
    let found = app.store.reader().polls_of(filter, before, limit + 1).await;
    page(
        &reply,
        found.map_err(unreadable)?,
        limit,
        |poll| poll.id.0,
        poll_item,
    )
}

/// Every level that a product or combination ever had, oldest first: each holds until the next. With `from` the list
/// begins with the level in force then.
#[utoipa::path(get, path = "/api/v1/products/{instance}/{pid}/history", tag = "history", params(
    ("instance" = String, Path, description = "The name of a shop that was ever polled."),
    ("pid" = i64, Path, description = "The product's id in WHMCS."),
    ("combination" = Option<String>, Query, description = "A combination's key, such as `4=11;5=20`."),
    ("from" = Option<Timestamp>, Query, description = "RFC 3339."),
    ("to" = Option<Timestamp>, Query, description = "RFC 3339; that moment included."),
    Paging,
), responses(
    (status = 200, body = Levels),
    (status = 404, description = "The shop, the product or the combination was never seen."),
    (status = 422, description = "`from` is after `to`."),
))]
pub async fn history(
    State(app): State<AppState>,
    Path((instance, pid)): Path<(String, String)>,
    params: Params,
    reply: Reply,
) -> Result<Response, Problem> {
    params.only_list(&["combination", "from", "to"])?;
    let product = pid
        .parse()
        .map_err(|_| Problem::parameter("pid", "The product's id must be a whole number."))?;
    let combination: Option<CombinationKey> = params.parsed("combination", "a key such as 4=11;5=20")?;
    let limit = params.limit()?;
    let (from, to) = (params.time("from")?, params.time("to")?);
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Problem {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            ..Problem::parameter("to", "\"to\" is before \"from\": no time lies between them.")
        });
    }
    let after = params.cursor()?.map(PollId);
    let reader = app.store.reader();
    let known = reader.instance(&instance).await.map_err(unreadable)?;
    let Some(known) = known else {
        return Err(Problem::not_found("No instance of that name was ever polled."));
    };
    let query = LevelQuery {
        instance: known,
        product,
        combination: combination.as_ref(),
        from,
        to,
        after,
        limit: limit + 1,
    };
    let past = async |key| match after {
        Some(_) => Ok(DailyPast::default()),
        None => reader.daily_past((known, product), key, from, to).await,
    };
    if let Some(points) = reader.level_history(&query).await.map_err(unreadable)? {
        let past = past(combination.as_ref()).await.map_err(unreadable)?;
        return levels(&reply, points, limit, false, past);
    }
    let whole = LevelQuery {
        combination: None,
        ..query
    };
    match &combination {
        Some(key) if is_offered(&app, &instance, product, key) => {
            match reader.level_history(&whole).await.map_err(unreadable)? {
                Some(points) => {
                    let past = past(None).await.map_err(unreadable)?;
                    levels(&reply, points, limit, true, past)
                }
                None => Err(Problem::not_found("No product of that id was ever seen.")),
            }
        }
        Some(_) => Err(Problem::not_found(
            "The combination never had a level of its own, and the product has no such options.",
        )),
        None => Err(Problem::not_found("No product of that id was ever seen.")),
    }
}

/// Whether the key names choices of the product, offered or hidden by now. Anything may be one of a product whose
/// options are not known.
fn is_offered(app: &AppState, instance: &str, product: i64, key: &CombinationKey) -> bool {
    let seen = app.view.seen();
    let known = seen
        .instance(instance)
        .and_then(|shop| shop.memory.product(product));
    let Some((known, last)) = known.and_then(|known| Some((known, known.seen.as_ref()?))) else {
        return true;
    };
    let effective = &known.effective;
    offer::label_of(last, &effective.combine, effective.max_combinations, key).is_some()
}

fn levels(
    reply: &Reply,
    mut points: Vec<Point>,
    limit: usize,
    derived: bool,
    past: DailyPast,
) -> Result<Response, Problem> {
    let more = points.len() > limit;
    points.truncate(limit);
    let cursor = points.last().filter(|_| more).map(|last| last.poll.0.to_string());
    let levels = Levels {
        items: points.into_iter().map(level_item).collect(),
        cursor,
        derived,
        levels_since: past.horizon,
        days: past.days.iter().filter_map(day_item).collect(),
    };
    reply.page(&levels, &levels.items, levels.cursor.as_deref())
}

/// The parameter `instance`, where given: one that was ever polled, configured still or not.
pub(crate) async fn recorded_instance(
    app: &AppState,
    params: &Params,
) -> Result<Option<InstanceId>, Problem> {
    let Some(name) = params.get("instance") else {
        return Ok(None);
    };
    match app.store.reader().instance(name).await.map_err(unreadable)? {
        Some(known) => Ok(Some(known)),
        None => Err(Problem::parameter(
            "instance",
            "\"instance\" must be the name of an instance that was polled.",
        )),
    }
}

/// A page of what was asked for with one row more than `limit`, which tells whether there is a next one.
pub(crate) fn page<R, T: Serialize + Row>(
    reply: &Reply,
    mut found: Vec<R>,
    limit: usize,
    id: impl Fn(&R) -> i64,
    item: impl FnMut(R) -> T,
) -> Result<Response, Problem> {
    let more = found.len() > limit;
    found.truncate(limit);
    let cursor = found.last().filter(|_| more).map(|last| id(last).to_string());
    reply.list(found.into_iter().map(item).collect(), cursor)
}

fn poll_item(poll: Poll) -> PollItem {
    PollItem {
        id: poll.id.0,
        instance: poll.instance,
        observed_at: poll.observed_at,
        duration_ms: u64::try_from(poll.duration.as_millis()).unwrap_or(u64::MAX),
        outcome: poll.outcome,
        part: poll.part,
        cause: poll.cause,
        detail: Some(poll.detail).filter(|detail| !detail.is_empty()),
        products: poll.products,
        changes: poll.changes,
        attempts: poll.attempts,
    }
}

fn day_item(day: &Daily) -> Option<DayItem> {
    Some(DayItem {
        from: Timestamp::from_millisecond(day.span().0).ok()?,
        first: day.first,
        state: day.last.map_or("gone", Level::state),
        level: day.last.and_then(Level::known),
        least: day.least,
        most: day.most,
        known_seconds: day.known_ms / 1000,
        out_seconds: day.out_ms / 1000,
        falls: day.falls,
        rises: day.rises,
        changes: day.changes,
    })
}

fn level_item(point: Point) -> LevelItem {
    LevelItem {
        poll: point.poll.0,
        observed_at: point.observed_at,
        state: point.stood.state(),
        level: point.stood.level(),
    }
}
