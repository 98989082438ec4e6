//! `/sources`: how each shop can be read, with the cause and the mend, its last day and its polls; and the monitor itself.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::alerting::decision::Outcome;
use crate::domain::catalogue::Companion;
use crate::hints::wanted::Plan;
use crate::jobs::gaps;
use crate::jobs::gaps::Gap;
use crate::notify::clean;
use crate::notify::words;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::store::error::StoreError;
use crate::store::history::Look;
use crate::store::history::Poll;
use crate::store::reader::Reader;
use crate::store::value::PollId;
use crate::web::asker::Asker;
use crate::web::frame;
use crate::web::frame::Frame;
use crate::web::frame::Here;
use crate::web::frame::NOTICE;
use crate::web::lists::monitor;
use crate::web::lists::monitor::Monitor;
use crate::web::lists::strip;
use crate::web::lists::strip::Strip;
use crate::web::lists::turning::Address;
use crate::web::lists::turning::ROWS;
use crate::web::lists::turning::Turn;
use crate::web::params::Params;
use crate::web::posted::Posted;
use crate::web::problem::Problem;
use crate::web::reading::Unread;
use crate::web::reading::kept;
use crate::web::reading::read;
use crate::web::show::Ago;
use crate::web::show::At;
use crate::web::state::AppState;

const PATH: &str = "/sources";
/// What was usual before the day that is shown tells what is a gap in it.
const BACK: SignedDuration = SignedDuration::from_hours(48);
/// The most polls that a day is drawn from.
const LOOKS: usize = 20_000;
/// How much of a failure's particulars is shown, in characters.
const DETAIL: usize = 600;

#[derive(Template)]
#[template(path = "lists/sources.html")]
struct Page {
    frame: Frame,
    missing: Option<Unread>,
    verdict: String,
    is_calm: bool,
    sources: Vec<Source>,
    chosen: Option<String>,
    polls: Vec<Row>,
    several: bool,
    turn: Turn,
    csv: String,
    back: String,
    monitor: Monitor,
}

/// A shop, as it can be read.
struct Source {
    name: String,
    status: &'static str,
    key: &'static str,
    accepted: Option<Ago>,
    products: usize,
    companion: &'static str,
    schedule: Option<String>,
    next: Option<At>,
    /// The time for the next poll has passed.
    is_late: bool,
    trouble: Option<Trouble>,
    lost: Vec<Lost>,
    strip: Strip,
    gaps: Vec<(At, Option<At>)>,
    polls: String,
    is_chosen: bool,
}

struct Trouble {
    words: &'static str,
    mend: &'static str,
    detail: String,
    since: Option<Ago>,
    failures: u32,
}

struct Lost {
    words: &'static str,
    mend: &'static str,
    since: Ago,
}

/// A poll in its row.
struct Row {
    id: i64,
    at: Ago,
    instance: String,
    key: &'static str,
    outcome: &'static str,
    is_part: bool,
    took: String,
    products: Option<u64>,
    changes: u64,
    cause: Option<&'static str>,
    detail: String,
    /// The requests that failed, or succeeded after failures.
    attempts: Vec<String>,
}

/// `GET /sources?instance=&before=`
pub async fn page(State(app): State<AppState>, asker: Asker, params: Params) -> Result<Response, Problem> {
    params.only(&["instance", "before", NOTICE])?;
    let seen = app.view.seen();
    let chosen = params.instance(&seen)?;
    let before = params.parsed("before", "the number of a poll")?.map(PollId);
    let now = Timestamp::now();
    let reader = app.store.reader();
    let (days, polls, monitor) = tokio::join!(
        read(days(reader, &seen, now)),
        read(polls(reader, chosen.map(|shop| &*shop.name), before)),
        monitor::look(&app.store, now),
    );
    let mut missing = None;
    let days = kept(days, &mut missing);
    let mut polls = kept(polls, &mut missing);
    let address = Address::new(PATH, &params, &["instance", "before"]);
    let turn = Turn::newest_first(&address, "before", ROWS, &mut polls, |poll| poll.id.0);
    let frame = Frame::new(
        &app,
        &seen,
        asker,
        Some(Here::Sources),
        "Sources".to_owned(),
        &params,
    );
    let frame = frame.await;
    let is_recording = frame.is_recording();
    let (verdict, is_calm) = verdict(&seen, is_recording);
    let shops = seen.instances.iter().enumerate();
    let sources = shops.map(|(place, shop)| {
        let looks = days.get(place).map_or(&[][..], Vec::as_slice);
        let is_chosen = chosen.is_some_and(|chosen| chosen.name == shop.name);
        source(shop, looks, (place, is_chosen), is_recording, now)
    });
    frame::html(&Page {
        frame,
        missing,
        verdict,
        is_calm,
        sources: sources.collect(),
        chosen: chosen.map(|shop| shop.name.to_string()),
        polls: polls.into_iter().map(|poll| row(poll, now)).collect(),
        several: seen.instances.len() > 1,
        turn,
        csv: address
            .only(&["instance"])
            .at("/api/v1/polls")
            .with("format", Some("csv"))
            .link(),
        back: address.link(),
        monitor,
    })
}

/// `POST /do/poll`: the shop (`instance`), or each, is asked as soon as may be.
pub async fn poll(State(app): State<AppState>, posted: Posted) -> Result<Response, Problem> {
    let plans = app.desk.ask(posted.get("instance"), Instant::now());
    let plans = plans.ok_or_else(|| {
        let detail = "\"instance\" must be the name of a configured instance.";
        posted.undone(&app, Problem::parameter("instance", detail))
    })?;
    let is_now = plans.iter().all(|(_, plan)| *plan == Plan::Now);
    app.view.touch();
    Ok(posted.back(PATH, if is_now { "polled" } else { "poll_soon" }))
}

/// The last days of each shop, in the order of the configuration.
async fn days(reader: &Reader, seen: &Seen, now: Timestamp) -> Result<Vec<Vec<Look>>, StoreError> {
    let mut days = Vec::with_capacity(seen.instances.len());
    for shop in &seen.instances {
        days.push(match reader.instance(&shop.name).await? {
            Some(id) => reader.looks_since(id, now - BACK, LOOKS).await?,
            None => Vec::new(),
        });
    }
    Ok(days)
}

async fn polls(reader: &Reader, shop: Option<&str>, before: Option<PollId>) -> Result<Vec<Poll>, StoreError> {
    let instance = match shop {
        Some(shop) => match reader.instance(shop).await? {
            Some(known) => Some(known),
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    reader.polls(instance, before, ROWS + 1).await
}

/// The page in a few words.
fn verdict(seen: &Seen, is_recording: bool) -> (String, bool) {
    let (words, is_calm) = reading(seen);
    if is_recording {
        (words, is_calm)
    } else {
        (
            format!("{words} when last recorded: nothing is recorded now"),
            false,
        )
    }
}

fn reading(seen: &Seen) -> (String, bool) {
    let all = seen.instances.len();
    let (up, waiting) = seen
        .instances
        .iter()
        .fold((0, 0), |(up, waiting), shop| match shop.up() {
            Some(true) => (up + 1, waiting),
            Some(false) => (up, waiting),
            None => (up, waiting + 1),
        });
    match (all, up, waiting) {
        (0, ..) => ("No shop is configured".to_owned(), false),
        (1, 1, _) => ("The shop can be read".to_owned(), true),
        (all, up, _) if up == all => (format!("All {all} shops can be read"), true),
        (1, _, 1) => ("The shop was not asked yet".to_owned(), false),
        (1, ..) => ("The shop cannot be read".to_owned(), false),
        (all, up, 0) => (format!("{} of {all} shops cannot be read", all - up), false),
        (all, up, _) => (format!("{up} of {all} shops can be read"), false),
    }
}

fn source(
    shop: &Instance,
    looks: &[Look],
    (place, is_chosen): (usize, bool),
    is_recording: bool,
    now: Timestamp,
) -> Source {
    let remembered = &shop.memory.source;
    let (status, key) = match shop.last_poll.as_ref().map(|poll| poll.outcome) {
        None => ("Not asked yet", "waiting"),
        Some(_) if !is_recording => ("Nothing is recorded", "down"),
        Some(Outcome::Accepted) => ("Reading", "up"),
        Some(Outcome::Suspect) => ("Not believed", "down"),
        Some(Outcome::Failed(_)) => ("Failing", "down"),
    };
    let gaps = gaps_of(shop, looks, now);
    let address = Address::new(PATH, &Params::default(), &[]);
    let products = shop.memory.products.iter();
    let lost = remembered.lost.iter();
    Source {
        name: shop.name.to_string(),
        status,
        key,
        accepted: shop.last_success().map(|at| Ago { at, now }),
        products: products.filter(|product| !product.gone).count(),
        companion: companion(remembered.had_companion),
        schedule: shop.schedule.as_ref().map(ToString::to_string),
        next: shop.next_by.map(At),
        is_late: shop.next_by.is_some_and(|next| next < now),
        trouble: trouble(shop, now),
        lost: lost
            .map(|(capability, since)| Lost {
                words: words::lost(*capability),
                mend: words::mend(*capability),
                since: Ago { at: *since, now },
            })
            .collect(),
        strip: Strip::new(looks, &gaps, now, (place, looks.len() == LOOKS)),
        gaps: gaps
            .into_iter()
            .map(|(from, to)| (At(from), to.map(At)))
            .collect(),
        polls: format!("{}#polls", address.with("instance", Some(&*shop.name)).link()),
        is_chosen,
    }
}

fn companion(companion: Option<Companion>) -> &'static str {
    match companion {
        Some(Companion::Contract1) => "answers: figures of combinations, zeros told apart",
        Some(Companion::Foreign) => "another custom action answers in its place",
        Some(Companion::Absent) => "not installed",
        None => "not known yet",
    }
}

fn trouble(shop: &Instance, now: Timestamp) -> Option<Trouble> {
    let source = &shop.memory.source;
    let cause = shop.last_poll.as_ref().and_then(|poll| poll.outcome.cause());
    let cause = cause.or(source.down.map(|(_, cause)| cause));
    let cause = cause.filter(|_| shop.up() != Some(true))?;
    let detail = shop.last_poll.as_ref().map_or("", |poll| &poll.detail);
    Some(Trouble {
        words: cause.words(),
        mend: cause.mend(),
        detail: clean::line(detail, DETAIL),
        since: source.failing_since.map(|at| Ago { at, now }),
        failures: source.failures,
    })
}

/// The gaps of the last day.
fn gaps_of(shop: &Instance, looks: &[Look], now: Timestamp) -> Vec<Gap> {
    let Some(schedule) = &shop.schedule else {
        return Vec::new();
    };
    let is_read = |look: &&Look| look.outcome == "accepted" && !look.part;
    let read: Vec<i64> = looks
        .iter()
        .filter(is_read)
        .map(|look| look.at.as_millisecond())
        .collect();
    // All of its polls are there, unless there were too many.
    let first = looks.first().filter(|_| looks.len() < LOOKS).map(|look| look.at);
    let day = now - strip::DAY;
    let mut gaps = gaps::gaps(first, &read, schedule, now);
    gaps.retain(|(_, to)| to.is_none_or(|to| to > day));
    gaps
}

fn row(poll: Poll, now: Timestamp) -> Row {
    let attempts = poll.attempts.iter().map(|attempt| {
        let outcome = attempt.cause.map_or("succeeded", |cause| cause.as_str());
        format!("{}: {outcome}", clean::line(&attempt.action, 80))
    });
    Row {
        id: poll.id.0,
        at: Ago {
            at: poll.observed_at,
            now,
        },
        key: poll.outcome,
        outcome: match poll.outcome {
            "accepted" => "Accepted",
            "suspect" => "Not believed",
            _ => "Failed",
        },
        is_part: poll.part,
        took: strip::took(poll.duration),
        products: poll.products,
        changes: poll.changes,
        cause: poll.cause.map(|cause| cause.words()),
        detail: clean::line(&poll.detail, DETAIL),
        attempts: attempts.collect(),
        instance: poll.instance,
    }
}
