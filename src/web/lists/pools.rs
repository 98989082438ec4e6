//! `/pools`: what each pool has left, who draws on it and whom it holds back, its last days, and who has taken it on.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::SignedDuration;
use jiff::Timestamp;

use crate::charts::level;
use crate::domain::limit::Part;
use crate::domain::message::HeldBack;
use crate::domain::message::MuteKind;
use crate::domain::pool::Pool;
use crate::domain::report::Chart;
use crate::domain::stand::Severity;
use crate::observe::pools as shown;
use crate::observe::said::Said;
use crate::observe::view::Seen;
use crate::people::listed;
use crate::store::error::StoreError;
use crate::store::history::LevelQuery;
use crate::store::reader::Reader;
use crate::web::addresses;
use crate::web::asker::Asker;
use crate::web::fields::AckForm;
use crate::web::fields::SilenceForm;
use crate::web::frame;
use crate::web::frame::Frame;
use crate::web::frame::Here;
use crate::web::frame::NOTICE;
use crate::web::lists::turning::Address;
use crate::web::lists::turning::Turn;
use crate::web::made::Looked;
use crate::web::params::Params;
use crate::web::pools;
use crate::web::problem::Problem;
use crate::web::reading::Unread;
use crate::web::reading::kept;
use crate::web::reading::read;
use crate::web::state::AppState;

const PATH: &str = "/pools";
/// How far back levels are drawn.
const BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The most points of one drawing; of more only the oldest are read.
const POINTS: usize = 5000;
/// The most users that a pool's list names.
const USERS: usize = 100;

#[derive(Template)]
#[template(path = "lists/pools.html")]
struct Page<'a> {
    frame: Frame,
    missing: Option<Unread>,
    verdict: String,
    is_calm: bool,
    pools: Vec<Card<'a>>,
    several: bool,
    turn: Turn,
    csv: String,
    back: String,
}

/// A pool with all that is known of it.
struct Card<'a> {
    row: pools::Row<'a>,
    /// For the page's own links.
    id: String,
    /// How much of it is in use, of a hundred.
    share: Option<u8>,
    users: Vec<User>,
    users_total: usize,
    holds_back: usize,
    /// Drawn; `None` where no level of it is recorded.
    history: Option<String>,
    ack: Option<i64>,
    silence: Option<String>,
    ack_form: AckForm,
    silence_form: SilenceForm,
}

/// Who draws on a pool.
struct User {
    held: HeldBack,
    link: String,
    is_held_back: bool,
}

/// The levels of pools over the last days, by their names.
type Histories = HashMap<String, Vec<(Timestamp, Option<i64>)>>;

/// `GET /pools?page=`
pub async fn page(State(app): State<AppState>, asker: Asker, params: Params) -> Result<Response, Problem> {
    params.only(&["page", NOTICE])?;
    let page = params.parsed("page", "a whole number from 1")?.unwrap_or(1);
    let seen = app.view.seen();
    let now = Timestamp::now();
    let reader = app.store.reader();
    let address = Address::new(PATH, &params, &["page"]);
    let mut all = shown::worst_first(&seen.pools);
    let (turn, range) = Turn::counted(&address, "page", page, all.len());
    let shops: Vec<&str> = seen.instances.iter().map(|shop| &*shop.name).collect();
    let names: Vec<&str> = all[range.clone()].iter().map(|pool| &*pool.name).collect();
    let (said, past) = tokio::join!(
        read(Said::read(reader, &shops, &seen.windows, now)),
        read(histories(reader, &names, now - BACK)),
    );
    let mut missing = None;
    let (said, past) = (kept(said, &mut missing), kept(past, &mut missing));
    let frame = Frame::new(&app, &seen, asker, Some(Here::Pools), "Pools".to_owned(), &params).await;
    let (verdict, is_calm) = verdict(&seen);
    let back = address.link();
    let mut rows = pools::rows(&seen, &said, now);
    let cards = rows.drain(range.clone()).zip(all.drain(range));
    let cards = cards.map(|(row, pool)| {
        let forms = forms(pool, &seen, &frame.asker, &back);
        card(row, pool, &said, chart(pool, &past, now), forms)
    });
    let pools = cards.collect();
    frame::html(&Page {
        missing,
        verdict,
        is_calm,
        pools,
        several: seen.instances.len() > 1,
        turn,
        csv: "/api/v1/pools?format=csv".to_owned(),
        frame,
        back,
    })
}

fn verdict(seen: &Seen) -> (String, bool) {
    match (pools::verdict(&seen.pools), seen.pools.pools.len()) {
        (Some(worst), _) => (worst, false),
        (None, 0) => ("No pools".to_owned(), false),
        (None, _) => ("All pools suffice".to_owned(), true),
    }
}

fn forms(pool: &Pool, seen: &Seen, asker: &Asker, back: &str) -> (AckForm, SilenceForm) {
    let standing = pool.standing.as_ref();
    let id = standing.map_or_else(
        || format!("pool:{}", pool.name),
        |standing| standing.alert_id.clone(),
    );
    let title = format!("pool {}", pool.name);
    let zone = seen.zone();
    (
        AckForm::new(id.clone(), title.clone(), asker, &zone, back.to_owned()),
        SilenceForm::new(id, title, asker, &zone, back.to_owned()),
    )
}

fn card<'a>(
    row: pools::Row<'a>,
    pool: &'a Pool,
    said: &Said,
    history: Option<String>,
    (ack_form, silence_form): (AckForm, SilenceForm),
) -> Card<'a> {
    let item = said.pool(pool);
    let ack = item.ack.map(|ack| ack.id);
    let users = item.users.into_iter().take(USERS);
    let users = users.map(|user| User {
        link: addresses::product(&user.user.instance, user.user.product_id, None),
        held: user.user,
        is_held_back: user.held_back,
    });
    Card {
        id: addresses::encoded(&pool.name),
        share: share(pool),
        users: users.collect(),
        users_total: item.users_total,
        holds_back: item.holds_back_total,
        history,
        ack_form: ack_form.over(Looked {
            open: pool
                .standing
                .as_ref()
                .is_some_and(|standing| standing.severity > Severity::Ok),
            held: ack,
        }),
        ack,
        silence: item.silenced.and_then(|by| match by.kind {
            MuteKind::Silence => Some(by.id),
            MuteKind::Maintenance => None,
        }),
        silence_form,
        row,
    }
}

fn share(pool: &Pool) -> Option<u8> {
    let used = pool.used.filter(|_| pool.capacity > 0)?;
    let share = used.saturating_mul(100).checked_div(pool.capacity)?;
    u8::try_from(share.clamp(0, 100)).ok()
}

async fn histories(reader: &Reader, names: &[&str], from: Timestamp) -> Result<Histories, StoreError> {
    let mut found = HashMap::new();
    let (Some(instance), false) = (reader.pools().await?, names.is_empty()) else {
        return Ok(found);
    };
    for pool in &listed::pools(reader).await?.products {
        let name = pool.name.shown();
        if !names.contains(&name) {
            continue;
        }
        let query = LevelQuery {
            instance,
            product: pool.id,
            combination: None,
            from: Some(from),
            to: None,
            after: None,
            limit: POINTS,
        };
        let points = reader.level_history(&query).await?.unwrap_or_default();
        let points = points
            .into_iter()
            .map(|point| (point.observed_at, point.stood.level()));
        found.insert(name.to_owned(), points.collect());
    }
    Ok(found)
}

/// The pool's level over the last days, drawn.
fn chart(pool: &Pool, past: &Histories, now: Timestamp) -> Option<String> {
    let points = past.get(&*pool.name).filter(|points| !points.is_empty())?;
    let thresholds = pool.standing.as_ref().map(|standing| &standing.thresholds);
    Some(level::svg(&Chart {
        from: now - BACK,
        until: now,
        points: points.clone(),
        low: thresholds.map_or(0, |thresholds| thresholds.low),
        critical: thresholds.map_or(0, |thresholds| thresholds.critical),
    }))
}
