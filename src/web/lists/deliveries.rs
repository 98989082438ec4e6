//! `/deliveries`: what each channel has in the outbox, what was given up with why and what to do, and sending it again.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::Path;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::SignedDuration;
use jiff::Timestamp;

use crate::notify::clean;
use crate::observe::view::Seen;
use crate::store::deliveries::Delivery;
use crate::store::deliveries::DeliveryFilter;
use crate::store::deliveries::DeliveryState;
use crate::store::deliveries::OutboxCount;
use crate::store::deliveries::SentCount;
use crate::store::error::StoreError;
use crate::web::asker::Asker;
use crate::web::frame;
use crate::web::frame::Frame;
use crate::web::frame::Here;
use crate::web::frame::NOTICE;
use crate::web::lists::reasons;
use crate::web::lists::turning::Address;
use crate::web::lists::turning::ROWS;
use crate::web::lists::turning::Turn;
use crate::web::params::Params;
use crate::web::posted::Posted;
use crate::web::problem;
use crate::web::problem::Problem;
use crate::web::reading::Unread;
use crate::web::reading::kept;
use crate::web::reading::read;
use crate::web::show::Ago;
use crate::web::show::At;
use crate::web::show::grouped;
use crate::web::state::AppState;

const PATH: &str = "/deliveries";
/// What counts as lately.
const LATELY: SignedDuration = SignedDuration::from_hours(24);
/// How much of what a receiver said is shown, in characters.
const SAID: usize = 600;

#[derive(Template)]
#[template(path = "lists/deliveries.html")]
struct Page {
    frame: Frame,
    missing: Option<Unread>,
    verdict: String,
    channels: Vec<Channel>,
    state: &'static str,
    /// What is asked for, where no channel of that name is known.
    other: Option<String>,
    rows: Vec<Row>,
    is_filtered: bool,
    turn: Turn,
    csv: String,
    back: String,
}

#[derive(Template)]
#[template(path = "lists/delivery.html")]
struct One {
    frame: Frame,
    headline: String,
    kind: String,
    instance: Option<String>,
    recorded: At,
    message: String,
    rows: Vec<Row>,
    back: String,
}

/// A channel and what it has in the outbox.
struct Channel {
    name: String,
    is_configured: bool,
    waiting: u64,
    oldest: Option<Ago>,
    sent: u64,
    last: Option<Ago>,
    dead: u64,
    is_chosen: bool,
    /// Its deliveries, all and those in each state.
    all: String,
    pending: String,
    given_up: String,
}

/// A delivery in its row.
struct Row {
    id: i64,
    headline: String,
    kind: String,
    instance: Option<String>,
    channel: String,
    recipient: String,
    recorded: Ago,
    state: DeliveryState,
    stand: Stand,
    attempts: u32,
    /// What was said last, by the receiver or of it.
    said: Option<String>,
    mend: Option<&'static str>,
    receipt: Option<String>,
    is_configured: bool,
}

/// Where it stands, in words.
enum Stand {
    Sent(Option<Ago>),
    GivenUp(Option<Ago>),
    UnderWay,
    HeldBack(At),
    Due,
    Again(At),
}

impl Row {
    fn key(&self) -> &'static str {
        self.state.as_str()
    }
}

/// `GET /deliveries?state=&channel=&before=`
pub async fn page(State(app): State<AppState>, asker: Asker, params: Params) -> Result<Response, Problem> {
    params.only(&["state", "channel", "before", NOTICE])?;
    let state = params.chosen("state", "pending, sent or dead", DeliveryState::parse)?;
    let before = params.parsed("before", "the number of a delivery")?;
    let channel = params.get("channel");
    let now = Timestamp::now();
    let seen = app.view.seen();
    let reader = app.store.reader();
    let filter = DeliveryFilter { state, channel };
    let (counts, sent, listed) = tokio::join!(
        read(reader.outbox_counts()),
        read(reader.sent_since(now - LATELY)),
        read(reader.deliveries_of(filter, before, ROWS + 1)),
    );
    let mut missing = None;
    let counts = kept(counts, &mut missing);
    let sent = kept(sent, &mut missing);
    let mut listed = kept(listed, &mut missing);
    let address = Address::new(PATH, &params, &["state", "channel", "before"]);
    let turn = Turn::newest_first(&address, "before", ROWS, &mut listed, |delivery| delivery.id);
    let frame = Frame::new(
        &app,
        &seen,
        asker,
        Some(Here::Deliveries),
        "Deliveries".to_owned(),
        &params,
    );
    let channels = channels(&seen, &counts, &sent, channel, now);
    let other = channel.filter(|_| !channels.iter().any(|channel| channel.is_chosen));
    frame::html(&Page {
        frame: frame.await,
        missing,
        verdict: verdict(&counts, missing.is_some()),
        other: other.map(str::to_owned),
        channels,
        state: state.map_or("", DeliveryState::as_str),
        rows: listed.into_iter().map(|one| row(one, &seen, now)).collect(),
        is_filtered: state.is_some() || channel.is_some() || before.is_some(),
        turn,
        csv: address
            .with("before", None)
            .at("/api/v1/deliveries")
            .with("format", Some("csv"))
            .link(),
        back: address.link(),
    })
}

/// `GET /deliveries/{id}`: the message of that delivery, with all who were to have it.
pub async fn one(
    State(app): State<AppState>,
    Path(id): Path<String>,
    asker: Asker,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[NOTICE])?;
    let id: i64 = id.parse().map_err(|_| no_such())?;
    let found = read(app.store.reader().deliveries_beside(id)).await;
    let found = found.map_err(|why| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why))?;
    let Some(first) = found.first().cloned() else {
        return Err(no_such());
    };
    let now = Timestamp::now();
    let seen = app.view.seen();
    let headline = clean::line(&first.headline, SAID);
    let frame = Frame::new(
        &app,
        &seen,
        asker,
        Some(Here::Deliveries),
        headline.clone(),
        &params,
    );
    frame::html(&One {
        frame: frame.await,
        headline,
        kind: reasons::kind(&first.kind).to_owned(),
        instance: first.instance,
        recorded: At(first.recorded_at),
        message: first.message,
        rows: found.into_iter().map(|one| row(one, &seen, now)).collect(),
        back: format!("{PATH}/{id}"),
    })
}

/// `POST /do/replay`: one dead letter (`id`), or all of a `channel`, are sent again now.
pub async fn replay(State(app): State<AppState>, posted: Posted) -> Result<Response, Problem> {
    let again = send_again(&app, &posted, Timestamp::now()).await;
    let notice = again.map_err(|problem| posted.undone(&app, problem))?;
    app.view.touch();
    Ok(posted.back(PATH, notice))
}

/// What came of it, as a notice.
async fn send_again(app: &AppState, posted: &Posted, now: Timestamp) -> Result<&'static str, Problem> {
    match (posted.get("id"), posted.get("channel")) {
        (Some(id), None) => {
            let id = id
                .parse()
                .map_err(|_| Problem::parameter("id", "\"id\" must be the number of a delivery."))?;
            let again = app.store.replay(id, now).await.map_err(not_recorded)?;
            Ok(if again { "replayed" } else { "not_dead" })
        }
        (None, Some(channel)) => {
            let count = app.store.replay_channel(channel, now).await;
            Ok(match count.map_err(not_recorded)? {
                0 => "not_dead",
                _ => "replayed_all",
            })
        }
        (Some(_), Some(_)) | (None, None) => Err(Problem::parameter(
            "id",
            "Either \"id\" or \"channel\" says what is to be sent again.",
        )),
    }
}

fn not_recorded(error: StoreError) -> Problem {
    tracing::error!(%error, "Dead letters could not be made due again.");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("Nothing is sent again. {}", problem::not_recorded(&error)),
    )
}

fn no_such() -> Problem {
    Problem::not_found("There is no such delivery. Deliveries lists those that there are.")
}

/// The page in a few words.
fn verdict(counts: &[OutboxCount], is_missing: bool) -> String {
    let dead: u64 = counts.iter().map(|count| count.dead).sum();
    let waiting: u64 = counts.iter().map(|count| count.pending).sum();
    match (is_missing, dead, waiting) {
        (true, ..) => "Deliveries cannot be read now".to_owned(),
        (false, 0, 0) => "All was delivered".to_owned(),
        (false, 0, waiting) => format!("{} waiting, none given up", grouped(waiting)),
        (false, dead, 0) => format!("{} given up", grouped(dead)),
        (false, dead, waiting) => format!("{} given up, {} waiting", grouped(dead), grouped(waiting)),
    }
}

fn channels(
    seen: &Seen,
    counts: &[OutboxCount],
    sent: &[SentCount],
    chosen: Option<&str>,
    now: Timestamp,
) -> Vec<Channel> {
    let configured = seen.channels.iter().map(|name| &**name);
    let mut names: Vec<&str> = configured.collect();
    let known = counts.iter().map(|count| count.channel.as_str());
    let known: BTreeSet<&str> = known
        .chain(sent.iter().map(|count| count.channel.as_str()))
        .collect();
    let more: Vec<&str> = known.into_iter().filter(|name| !names.contains(name)).collect();
    names.extend(more);
    let one = |name: &str| {
        let count = counts.iter().find(|count| count.channel == name);
        let sent = sent.iter().find(|count| count.channel == name);
        let address = Address::new(PATH, &Params::default(), &[]).with("channel", Some(name));
        let in_state = |state: DeliveryState| address.with("state", Some(state.as_str())).link();
        Channel {
            name: name.to_owned(),
            is_configured: is_configured(seen, name),
            waiting: count.map_or(0, |count| count.pending),
            oldest: count.and_then(|count| count.oldest).map(|at| Ago { at, now }),
            sent: sent.map_or(0, |count| count.sent),
            last: sent.map(|count| Ago { at: count.last, now }),
            dead: count.map_or(0, |count| count.dead),
            is_chosen: chosen == Some(name),
            all: address.link(),
            pending: in_state(DeliveryState::Pending),
            given_up: in_state(DeliveryState::Dead),
        }
    };
    names.into_iter().map(one).collect()
}

fn is_configured(seen: &Seen, channel: &str) -> bool {
    seen.channels.iter().any(|name| **name == *channel)
}

fn row(delivery: Delivery, seen: &Seen, now: Timestamp) -> Row {
    let stand = stand(&delivery, now);
    let mend = match delivery.state {
        DeliveryState::Sent => None,
        DeliveryState::Pending | DeliveryState::Dead => delivery.reason.as_deref().map(reasons::mend),
    };
    let shown = |text: String| Some(clean::line(&text, SAID)).filter(|text| !text.is_empty());
    Row {
        id: delivery.id,
        headline: clean::line(&delivery.headline, SAID),
        kind: reasons::kind(&delivery.kind).to_owned(),
        instance: delivery.instance,
        is_configured: is_configured(seen, &delivery.channel),
        channel: delivery.channel,
        recipient: delivery.recipient,
        recorded: Ago {
            at: delivery.recorded_at,
            now,
        },
        state: delivery.state,
        stand,
        attempts: delivery.attempts,
        said: delivery.last_error.and_then(shown),
        mend,
        receipt: delivery.receipt.and_then(shown),
    }
}

fn stand(delivery: &Delivery, now: Timestamp) -> Stand {
    let settled = delivery.settled_at.map(|at| Ago { at, now });
    match (delivery.state, delivery.next_attempt_at) {
        (DeliveryState::Sent, _) => Stand::Sent(settled),
        (DeliveryState::Dead, _) => Stand::GivenUp(settled),
        (DeliveryState::Pending, _) if delivery.under_way => Stand::UnderWay,
        (DeliveryState::Pending, Some(at)) if at > now && delivery.attempts == 0 => Stand::HeldBack(At(at)),
        (DeliveryState::Pending, Some(at)) if at > now => Stand::Again(At(at)),
        (DeliveryState::Pending, Some(_) | None) => Stand::Due,
    }
}
