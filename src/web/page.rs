//! The first page: what is out, what will be out, whether the figures can be trusted, and every product, worst first.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::domain::limit::Part;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::asker::Asker;
use crate::web::filters;
use crate::web::filters::Filters;
use crate::web::filters::Show;
use crate::web::filters::Sort;
use crate::web::filters::State;
use crate::web::frame;
use crate::web::frame::Frame;
use crate::web::frame::Here;
use crate::web::frame::NOTICE;
use crate::web::index::Index;
use crate::web::next::Next;
use crate::web::next::next;
use crate::web::overview::Counts;
use crate::web::overview::Group;
use crate::web::params::Params;
use crate::web::pools;
use crate::web::problem::Problem;
use crate::web::rows;
use crate::web::rows::Aside;
use crate::web::rows::Pasts;
use crate::web::rows::Row;
use crate::web::selection::Selection;
use crate::web::show::grouped;
use crate::web::state::AppState;
use crate::web::stock::said;
use crate::web::trend::present;
use crate::web::trust::Tone;
use crate::web::trust::Trust;

/// The page goes without the last days where the database does not tell them by then.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    frame: Frame,
    /// In words, for the top of the page.
    verdict: String,
    calm: bool,
    trust: Trust<'a>,
    /// Deliveries that were given up.
    dead: u64,
    tiles: Vec<Tile>,
    /// What runs out next; where nothing was chosen.
    next: Option<Vec<Next<'a>>>,
    form: Form<'a>,
    chips: Vec<Chip>,
    heads: Vec<Column>,
    rows: Vec<Row<'a>>,
    total: usize,
    has_pools: bool,
    nothing_yet: bool,
    /// Shops answered and show no product.
    empty_shops: Option<&'static str>,
    several: bool,
    page: usize,
    pages: usize,
    previous: Option<String>,
    following: Option<String>,
}

struct Tile {
    key: &'static str,
    title: &'static str,
    count: usize,
    selected: bool,
    address: String,
}

/// The filters as a form: what is chosen, and what can be.
struct Form<'a> {
    filters: Filters,
    shops: Vec<&'a str>,
    groups: Vec<&'a str>,
}

/// A filter that can be taken away.
struct Chip {
    what: &'static str,
    value: String,
    without: String,
}

struct Column {
    title: &'static str,
    class: &'static str,
    /// Its order, and whether that is the present one.
    sort: Option<(String, bool)>,
}

/// `GET /?q=&show=&instance=&group=&state=&sort=&page=`
pub async fn page(Shared(app): Shared<AppState>, asker: Asker, params: Params) -> Result<Response, Problem> {
    let mut known = filters::KNOWN.to_vec();
    known.push(NOTICE);
    params.only(&known)?;
    let seen = app.view.seen();
    let filters = Filters::read(&params, &seen)?;
    let index = app.kept.index(&seen).await;
    // Levels matter more: a database that cannot be read takes nothing else off the page.
    let read = async { said(&app, &seen).await.map(Arc::new) };
    let said = app
        .kept
        .said
        .get(app.view.moment(), read)
        .await
        .unwrap_or_default();
    let frame = Frame::new(&app, &seen, asker, Some(Here::Overview), String::new(), &params).await;
    let selection = Selection::new(&index, &seen, &filters);
    let now = Timestamp::now();
    let aside = Aside {
        past: &past(&app, &seen, &selection, filters.page, now).await,
        seen: &seen,
        index: &index,
        said: &said,
        now,
    };
    render(frame, &aside, &selection, filters)
}

/// How the products of the page stood in the last days; what the database does not tell soon is left out.
async fn past(app: &AppState, seen: &Seen, selection: &Selection<'_>, page: usize, now: Timestamp) -> Pasts {
    let mut pasts = Pasts::new();
    let wanted = rows::series_of(selection.page(page), seen);
    for (place, (series, shop)) in wanted.into_iter().zip(&seen.instances).enumerate() {
        let asked = app
            .kept
            .past(app.store.reader(), &shop.name, &series, present(now));
        let told = match timeout(DATABASE_TIMEOUT, asked).await {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => {
                tracing::warn!(%error, "The last days could not be read for the page.");
                return pasts;
            }
            Err(_) => return pasts,
        };
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let told = series.into_iter().zip(told);
        pasts.extend(told.map(|(number, levels)| ((place, number), levels)));
    }
    pasts
}

fn render(
    mut frame: Frame,
    aside: &Aside<'_>,
    selection: &Selection<'_>,
    filters: Filters,
) -> Result<Response, Problem> {
    let Aside { seen, index, now, .. } = *aside;
    let page = filters.page.min(selection.pages());
    let at = |page: usize| {
        Filters {
            page,
            ..filters.clone()
        }
        .address()
    };
    let trust = Trust::new(seen, index, frame.is_recording(), now);
    let (mut verdict, calm) = verdict(&index.counts, seen, trust.tone);
    if let Some(empty) = empty_shops(index, seen) {
        empty.clone_into(&mut verdict);
    }
    frame.title.clone_from(&verdict);
    let deliveries = frame
        .links
        .iter()
        .find(|link| link.path == Here::Deliveries.path());
    frame::html(&Page {
        dead: deliveries.map_or(0, |link| link.waiting),
        frame,
        verdict,
        calm,
        trust,
        tiles: tiles(&filters, &selection.counts, &index.counts),
        next: (!filters.narrow() && page == 1).then(|| next(aside)),
        rows: selection
            .page(page)
            .map(|head| rows::row(head, selection, aside))
            .collect(),
        total: selection.total(),
        has_pools: !seen.pools.pools.is_empty(),
        nothing_yet: index.counts.all() == 0,
        empty_shops: empty_shops(index, seen),
        several: seen.instances.len() > 1,
        page,
        pages: selection.pages(),
        previous: (page > 1).then(|| at(page - 1)),
        following: (page < selection.pages()).then(|| at(page + 1)),
        chips: chips(&filters),
        heads: columns(&filters),
        form: Form {
            shops: seen.instances.iter().map(|shop| &*shop.name).collect(),
            groups: index.groups().collect(),
            filters,
        },
    })
}

/// Where each shop was read and none showed a product: waiting for a poll does not change that.
#[must_use]
pub fn empty_shops(index: &Index, seen: &Seen) -> Option<&'static str> {
    let read = |shop: &Instance| shop.last_success().is_some();
    let is_empty = index.counts.all() == 0 && !seen.instances.is_empty() && seen.instances.iter().all(read);
    is_empty.then_some(if seen.instances.len() > 1 {
        "The shops answer and show no product"
    } else {
        "The shop answers and shows no product"
    })
}

/// The page in a few words, and whether it is calm; never calmer than what was read allows.
#[must_use]
pub fn verdict(counts: &Counts, seen: &Seen, tone: Tone) -> (String, bool) {
    let pools_in = |group| {
        seen.pools
            .pools
            .iter()
            .filter(|pool| pools::group(pool) == group)
            .count()
    };
    let urgent = Group::ALL.into_iter().filter(|group| group.is_urgent());
    let mut said: Vec<String> = urgent
        .map(|group| (counts.of(group) - pools_in(group), group))
        .filter(|(count, _)| *count > 0)
        .map(|(count, group)| format!("{} {}", grouped(count), group.key()))
        .collect();
    said.extend(pools::verdict(&seen.pools));
    if !said.is_empty() {
        (said.join(", "), false)
    } else if counts.all() == 0 {
        ("Nothing is known yet".to_owned(), false)
    } else if tone == Tone::Good {
        ("Nothing is low".to_owned(), true)
    } else {
        ("Nothing was low when last read".to_owned(), false)
    }
}

/// A tile for each severity that is there, with what the other filters leave of it.
fn tiles(filters: &Filters, left: &Counts, all: &Counts) -> Vec<Tile> {
    let shows = Group::ALL.into_iter().map(Show::Group);
    let (urgent, calm): (Vec<Show>, Vec<Show>) = shows.partition(|show| match show {
        Show::Group(group) => group.is_urgent(),
        Show::Soon => true,
    });
    let shows = urgent.into_iter().chain([Show::Soon]).chain(calm);
    let count = |counts: &Counts, show| match show {
        Show::Group(group) => counts.of(group),
        Show::Soon => counts.soon,
    };
    // Nobody misses a tile for what few set-ups have.
    let there = |show: &Show| match show {
        Show::Group(group @ (Group::Silent | Group::NotControlled)) => all.of(*group) > 0,
        Show::Group(_) | Show::Soon => true,
    };
    shows
        .filter(there)
        .map(|show| {
            let selected = filters.show == Some(show);
            Tile {
                key: show.key(),
                title: show.title(),
                count: count(left, show),
                selected,
                address: filters
                    .but(|other| other.show = Some(show).filter(|_| !selected))
                    .address(),
            }
        })
        .collect()
}

fn chips(filters: &Filters) -> Vec<Chip> {
    let chip = |what, value: Option<&str>, without: fn(&mut Filters)| {
        value.map(|value| Chip {
            what,
            value: value.to_owned(),
            without: filters.but(without).address(),
        })
    };
    let chips = [
        chip("Search", Some(&*filters.q).filter(|q| !q.is_empty()), |other| {
            other.q.clear()
        }),
        chip("Only", filters.show.map(Show::title), |other| other.show = None),
        chip("Shop", filters.instance.as_deref(), |other| other.instance = None),
        chip("Group", filters.group.as_deref(), |other| other.group = None),
        chip("Figure", filters.state.map(State::title), |other| {
            other.state = None
        }),
    ];
    chips.into_iter().flatten().collect()
}

fn columns(filters: &Filters) -> Vec<Column> {
    let column = |title, class, sort: Option<Sort>| Column {
        title,
        class,
        sort: sort.map(|sort| {
            let address = filters.but(|other| other.sort = sort).address();
            (address, filters.sort == sort)
        }),
    };
    vec![
        column("Product", "what", Some(Sort::Name)),
        column("Left", "left", Some(Sort::Level)),
        column("Last 7 days", "week", Some(Sort::Change)),
        column("Lasts", "lasts", Some(Sort::Cover)),
        column("State since", "since", Some(Sort::Since)),
    ]
}
