//! The first page: what is out, critical, low and unknown, how the sources are, then all the rest.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::domain::alerting::decision::Outcome;
use crate::domain::forecast;
use crate::domain::limit::Part;
use crate::domain::limit::Sentence;
use crate::domain::pool::Board;
use crate::notify::people;
use crate::observe::said::Said;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::asker::Asker;
use crate::web::frame;
use crate::web::frame::Frame;
use crate::web::frame::Here;
use crate::web::frame::NOTICE;
use crate::web::overview::Group;
use crate::web::overview::Placed;
use crate::web::overview::When;
use crate::web::overview::placed;
use crate::web::overview::why_unknown;
use crate::web::params::Params;
use crate::web::pools;
use crate::web::problem::Problem;
use crate::web::state::AppState;
use crate::web::stock::said;

/// The page goes without what the database does not tell by then.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);
/// Series on one page.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    frame: Frame,
    sources: Vec<Source<'a>>,
    /// Deliveries that were given up.
    dead: u64,
    tiles: Vec<Tile>,
    sections: Vec<Section<'a>>,
    /// Worst first; on the first page alone.
    pools: Vec<pools::Row<'a>>,
    /// Whether one of them asks for attention: they then stand before the products.
    pools_first: bool,
    /// In words, for the top of the page.
    verdict: String,
    calm: bool,
    nothing_yet: bool,
    several: bool,
    shown: Option<Group>,
    page: usize,
    pages: usize,
    previous: Option<String>,
    next: Option<String>,
}

struct Tile {
    key: &'static str,
    title: &'static str,
    count: usize,
    selected: bool,
}

struct Section<'a> {
    group: Group,
    total: usize,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    instance: &'a str,
    product: &'a str,
    group: Option<&'a str>,
    id: i64,
    combination: Option<&'a str>,
    folded: usize,
    /// What limits its level.
    limit: Option<Sentence>,
    hidden: bool,
    retired: bool,
    per_choice: bool,
    level: String,
    low: i64,
    critical: i64,
    origin: &'a str,
    /// How long what is left lasts, in words.
    lasts: Option<String>,
    /// Of the severity, or of not knowing.
    since: Option<When>,
    why: Option<&'static str>,
    /// Who has taken it on.
    ack: Option<Acked>,
    /// What keeps it from being told of.
    silenced: Option<String>,
    /// The last figure of an unknown level, and when it was read.
    last_known: Option<(i64, When)>,
}

struct Acked {
    words: String,
    overdue: bool,
}

struct Source<'a> {
    name: &'a str,
    products: usize,
    status: &'static str,
    key: &'static str,
    accepted: Option<When>,
    trouble: Option<Trouble<'a>>,
    lost: Vec<&'static str>,
}

struct Trouble<'a> {
    words: &'static str,
    mend: &'static str,
    detail: &'a str,
    since: Option<When>,
}

/// `GET /?show=&page=`
pub async fn page(State(app): State<AppState>, asker: Asker, params: Params) -> Result<Response, Problem> {
    params.only(&["show", "page", NOTICE])?;
    let show = params.chosen(
        "show",
        "out, critical, low, unknown, ok, not_controlled or silent",
        Group::parse,
    )?;
    let page = params.chosen("page", "a whole number from 1", |page| {
        page.parse().ok().filter(|page| *page >= 1)
    })?;
    let dead = dead_letters(&app).await;
    let seen = app.view.seen();
    // Levels matter more: a database that cannot be read takes nothing else off the page.
    let said = said(&app, &seen).await.unwrap_or_default();
    let frame = Frame::new(&app, &seen, asker, Some(Here::Overview), String::new(), &params).await;
    render(
        frame,
        &seen,
        &said,
        dead,
        show,
        page.unwrap_or(1),
        Timestamp::now(),
    )
}

/// How many deliveries were given up; 0 where the database does not say so soon, which metrics and logs tell.
async fn dead_letters(app: &AppState) -> u64 {
    match timeout(DATABASE_TIMEOUT, app.store.reader().outbox_counts()).await {
        Ok(Ok(counts)) => counts.iter().map(|count| count.dead).sum(),
        Ok(Err(_)) | Err(_) => 0,
    }
}

fn render(
    mut frame: Frame,
    seen: &Seen,
    said: &Said,
    dead: u64,
    show: Option<Group>,
    page: usize,
    now: Timestamp,
) -> Result<Response, Problem> {
    let all = placed(seen);
    let count = |group| all.iter().filter(|placed| placed.group == group).count();
    let tiles: Vec<Tile> = Group::ALL
        .into_iter()
        .map(|group| Tile {
            key: group.key(),
            title: group.title(),
            count: count(group),
            selected: show == Some(group),
        })
        .filter(|tile| tile.count > 0 || tile.key != Group::Silent.key())
        .collect();
    let listed: Vec<&Placed<'_>> = all
        .iter()
        .filter(|placed| show.is_none_or(|show| placed.group == show))
        .collect();
    let pages = listed.len().div_ceil(ROWS).max(1);
    let page = page.min(pages);
    let rows = &listed[(page - 1) * ROWS..(page * ROWS).min(listed.len())];
    let address = |page: usize| match show {
        Some(show) => format!("/?show={}&page={page}", show.key()),
        None => format!("/?page={page}"),
    };
    let (verdict, calm) = verdict(&tiles, seen);
    let pools = if show.is_none() && page == 1 {
        pools::rows(seen, said, now)
    } else {
        Vec::new()
    };
    frame.title.clone_from(&verdict);
    frame::html(&Page {
        frame,
        dead,
        pools_first: pools.iter().any(|pool| pool.group.is_urgent()),
        pools,
        sources: seen.instances.iter().map(|shop| source(shop, now)).collect(),
        sections: sections(rows, &tiles, &Aside { seen, said, now }),
        verdict,
        calm,
        nothing_yet: all.is_empty(),
        several: seen.instances.len() > 1,
        tiles,
        shown: show,
        page,
        pages,
        previous: (page > 1).then(|| address(page - 1)),
        next: (page < pages).then(|| address(page + 1)),
    })
}

fn is_urgent(tile: &Tile) -> bool {
    Group::parse(tile.key).is_some_and(Group::is_urgent)
}

/// The page in a few words; never calmer than what was read allows.
fn verdict(tiles: &[Tile], seen: &Seen) -> (String, bool) {
    let mut said: Vec<String> = tiles
        .iter()
        .filter(|tile| tile.count > 0 && is_urgent(tile))
        .map(|tile| format!("{} {}", tile.count, tile.key))
        .collect();
    said.extend(pools::verdict(&seen.pools));
    if !said.is_empty() {
        (said.join(", "), false)
    } else if tiles.iter().all(|tile| tile.count == 0) {
        ("Nothing is known yet".to_owned(), false)
    } else if seen.instances.iter().any(|shop| shop.up() != Some(true)) {
        ("Nothing was low when last read".to_owned(), false)
    } else {
        ("Nothing is low".to_owned(), true)
    }
}

/// What stands beside the levels.
struct Aside<'b> {
    seen: &'b Seen,
    said: &'b Said,
    now: Timestamp,
}

fn sections<'a>(rows: &[&Placed<'a>], tiles: &[Tile], aside: &Aside<'_>) -> Vec<Section<'a>> {
    Group::ALL
        .into_iter()
        .filter_map(|group| {
            let rows: Vec<Row<'a>> = rows
                .iter()
                .filter(|placed| placed.group == group)
                .map(|placed| row(placed, aside))
                .collect();
            let tile = tiles.iter().find(|tile| tile.key == group.key());
            (!rows.is_empty()).then(|| Section {
                group,
                total: tile.map_or(0, |tile| tile.count),
                rows,
            })
        })
        .collect()
}

fn row<'a>(placed: &Placed<'a>, aside: &Aside<'_>) -> Row<'a> {
    let entry = placed.entry;
    let Aside { seen, said, now } = *aside;
    let board: &Board = &seen.pools;
    let zone = seen.zone();
    let item = entry.item(board);
    let product = entry.product;
    Row {
        instance: entry.instance,
        product: product.name.shown(),
        group: item.group,
        id: product.id,
        combination: entry.combination.map(|combination| &*combination.label),
        folded: placed.folded,
        limit: entry.why(board, pools::STYLE),
        hidden: product.hidden == Some(true),
        retired: product.retired == Some(true),
        per_choice: product.per_choice && entry.combination.is_none(),
        level: match (item.level, item.last) {
            (Some(level), _) => level.to_string(),
            (None, Some(_)) => "?".to_owned(),
            (None, None) => "–".to_owned(),
        },
        low: item.thresholds.low,
        critical: item.thresholds.critical,
        origin: &item.thresholds.origin,
        lasts: entry
            .cover()
            .filter(|_| item.level.is_some_and(|level| level > 0))
            .map(|cover| forecast::about(cover.days)),
        since: entry
            .series()
            .frozen_since
            .or(item.since)
            .map(|since| When::new(since, now)),
        // A pool says for itself why it is not known.
        why: why_unknown(placed).filter(|_| item.pool.is_none()),
        ack: said.ack(&entry).map(|ack| Acked {
            words: people::taken_on(&ack, &zone, now),
            overdue: ack.overdue,
        }),
        silenced: said.silenced(&entry).map(|by| people::silenced(&by, &zone, now)),
        last_known: item
            .last
            .and_then(|last| Some((last.last_level?, When::new(last.last_known_at?, now)))),
    }
}

fn source(shop: &Instance, now: Timestamp) -> Source<'_> {
    let source = &shop.memory.source;
    let cause = shop.last_poll.as_ref().and_then(|poll| poll.outcome.cause());
    let cause = cause.or(source.down.map(|(_, cause)| cause));
    let (status, key) = match shop.last_poll.as_ref().map(|poll| poll.outcome) {
        None => ("Not asked yet", "waiting"),
        Some(Outcome::Accepted) => ("Reading", "up"),
        Some(Outcome::Suspect) => ("Not believed", "down"),
        Some(Outcome::Failed(_)) => ("Failing", "down"),
    };
    let up = shop.up() == Some(true);
    Source {
        name: &shop.name,
        products: shop
            .memory
            .products
            .iter()
            .filter(|product| !product.gone)
            .count(),
        status,
        key,
        accepted: shop.last_success().map(|at| When::new(at, now)),
        trouble: cause.filter(|_| !up).map(|cause| Trouble {
            words: cause.words(),
            mend: cause.mend(),
            detail: shop.last_poll.as_ref().map_or("", |poll| &poll.detail),
            since: source.failing_since.map(|since| When::new(since, now)),
        }),
        lost: source
            .lost
            .iter()
            .map(|(capability, _)| match capability {
                crate::domain::message::Capability::StockFields => "WHMCS no longer sends stock figures.",
                crate::domain::message::Capability::Companion => "GetProductDetails no longer answers.",
            })
            .collect(),
    }
}
