//! `/alerts`: what is open, what is silenced, and what happened, with the forms that take on and silence.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;

use crate::domain::stand::Severity;
use crate::observe::said::Said;
use crate::observe::view::Seen;
use crate::store::error::StoreError;
use crate::store::history::EventFilter;
use crate::store::history::RecordedEvent;
use crate::store::reader::Reader;
use crate::web::asker::Asker;
use crate::web::fields::SilenceForm;
use crate::web::firing::OpenAlert;
use crate::web::frame;
use crate::web::frame::Frame;
use crate::web::frame::Here;
use crate::web::frame::NOTICE;
use crate::web::lists::mutes;
use crate::web::lists::mutes::SilenceRow;
use crate::web::lists::mutes::WindowRow;
use crate::web::lists::open;
use crate::web::lists::open::Beneath;
use crate::web::lists::open::Care;
use crate::web::lists::open::Wanted;
use crate::web::lists::past;
use crate::web::lists::turning::Address;
use crate::web::lists::turning::ROWS;
use crate::web::lists::turning::Turn;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::reading::Unread;
use crate::web::reading::kept;
use crate::web::reading::read;
use crate::web::show::grouped;
use crate::web::state::AppState;
use crate::web::stock;
use crate::web::together;

const PATH: &str = "/alerts";
/// The filters and places of the page.
const KEPT: [&str; 7] = ["instance", "severity", "care", "q", "page", "silences", "before"];

#[derive(Template)]
#[template(path = "lists/alerts.html")]
struct Page {
    frame: Frame,
    missing: Option<Unread>,
    verdict: String,
    is_calm: bool,
    tiles: Vec<Tile>,
    shops: Vec<(String, bool)>,
    severity: &'static str,
    care: &'static str,
    q: String,
    is_filtered: bool,
    /// How many are open that the filters let pass, and how many in all.
    total: usize,
    open: usize,
    rows: Vec<open::Row>,
    turn: Turn,
    silences: Vec<SilenceRow>,
    silences_turn: Turn,
    windows: Vec<WindowRow>,
    form: SilenceForm,
    past: Vec<past::Row>,
    past_turn: Turn,
    csv: String,
    past_csv: String,
    back: String,
}

/// A count that is a filter.
struct Tile {
    key: &'static str,
    title: &'static str,
    /// `None` where the database does not tell it.
    count: Option<usize>,
    link: String,
    is_chosen: bool,
}

/// What the database tells for the page.
#[derive(Default)]
struct Told {
    said: Said,
    silences: Vec<crate::domain::people::Silence>,
    past: Vec<RecordedEvent>,
}

/// `GET /alerts?instance=&severity=&care=&q=&page=&silences=&before=`
pub async fn page(State(app): State<AppState>, asker: Asker, params: Params) -> Result<Response, Problem> {
    params.only(&[KEPT.as_slice(), &[NOTICE]].concat())?;
    let seen = app.view.seen();
    let wanted = Wanted {
        instance: params.instance(&seen)?,
        severity: stock::severity(&params)?,
        care: params.chosen("care", "nobody, taken, overdue or silenced", Care::parse)?,
        needle: params.get("q").map(str::to_lowercase),
    };
    let page = params.parsed("page", "a whole number from 1")?.unwrap_or(1);
    let below = params.parsed("silences", "the number of a silence")?;
    let before = params.parsed("before", "the number of an event")?;
    let now = Timestamp::now();
    let mut missing = None;
    let told = told(&app, &seen, &wanted, (below, before), now, &mut missing).await;
    let frame = Frame::new(
        &app,
        &seen,
        asker,
        Some(Here::Alerts),
        "Alerts".to_owned(),
        &params,
    );
    let frame = frame.await;
    let address = Address::new(PATH, &params, &KEPT);
    frame::html(&shown(
        frame,
        missing,
        &seen,
        &wanted,
        told,
        (&address, page),
        now,
    ))
}

async fn told(
    app: &AppState,
    seen: &Seen,
    wanted: &Wanted<'_>,
    (below, before): (Option<i64>, Option<i64>),
    now: Timestamp,
    missing: &mut Option<Unread>,
) -> Told {
    let reader = app.store.reader();
    let shops: Vec<&str> = seen.instances.iter().map(|shop| &*shop.name).collect();
    let only = wanted.instance.map(|shop| &*shop.name);
    let (said, silences, past) = tokio::join!(
        read(Said::read(reader, &shops, &seen.windows, now)),
        read(reader.silences_before(Some(now), below, mutes::ROWS + 1)),
        read(happened(reader, only, before)),
    );
    Told {
        said: kept(said, missing),
        silences: kept(silences, missing),
        past: kept(past, missing),
    }
}

/// What happened to levels, of one shop or of all.
async fn happened(
    reader: &Reader,
    shop: Option<&str>,
    before: Option<i64>,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let instance = match shop {
        Some(shop) => match reader.instance(shop).await? {
            Some(known) => Some(known),
            // It was never read.
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    let filter = EventFilter {
        instance,
        product: None,
        kind: Some(past::SEVERITY),
        severity: None,
    };
    reader.events(filter, before, together::READ + 1).await
}

fn shown(
    frame: Frame,
    missing: Option<Unread>,
    seen: &Seen,
    wanted: &Wanted<'_>,
    mut told: Told,
    (address, page): (&Address, usize),
    now: Timestamp,
) -> Page {
    let all = open::all(seen, &told.said, wanted.instance);
    let found: Vec<&OpenAlert> = all.iter().filter(|open| wanted.is_met(open)).collect();
    let (turn, range) = Turn::counted(address, "page", page, found.len());
    let lines = together::first(&told.past, ROWS);
    let past_turn = Turn::newest_first(address, "before", lines, &mut told.past, |event| event.id);
    let silences_turn = Turn::newest_first(address, "silences", mutes::ROWS, &mut told.silences, |silence| {
        silence.id
    });
    let back = address.link();
    let beneath = Beneath {
        seen,
        asker: &frame.asker,
        back: &back,
        now,
    };
    let shops = seen.instances.iter();
    let chosen = wanted.instance.map(|shop| &shop.name);
    let programs = address
        .only(&["instance", "severity"])
        .at("/api/v1/alerts")
        .with("format", Some("csv"));
    let (verdict, is_calm) = verdict(&all, seen);
    Page {
        missing,
        verdict,
        is_calm,
        tiles: tiles(&all, wanted, missing.is_none(), address),
        shops: shops
            .map(|shop| (shop.name.to_string(), chosen == Some(&shop.name)))
            .collect(),
        severity: wanted.severity.map_or("", Severity::as_str),
        care: wanted.care.map_or("", Care::key),
        q: wanted.needle.clone().unwrap_or_default(),
        is_filtered: all.len() != found.len() || chosen.is_some(),
        total: found.len(),
        open: all.len(),
        rows: found[range]
            .iter()
            .map(|open| open::row(open, &beneath))
            .collect(),
        turn,
        silences: mutes::silences(&told.silences, seen, now),
        silences_turn,
        windows: mutes::windows(seen, now),
        form: SilenceForm::new(
            String::new(),
            String::new(),
            &frame.asker,
            &seen.zone(),
            back.clone(),
        ),
        past: past::rows(&told.past, seen, now),
        past_turn,
        csv: programs.with("status", Some("firing")).link(),
        past_csv: programs.with("severity", None).link(),
        frame,
        back,
    }
}

/// The page in a few words; never calmer than what was read allows.
fn verdict(all: &[OpenAlert], seen: &Seen) -> (String, bool) {
    let count = |severity| all.iter().filter(|open| open.alert.severity == severity).count();
    let worst_first = [Severity::Out, Severity::Critical, Severity::Low];
    let said: Vec<String> = worst_first
        .into_iter()
        .map(|severity| (count(severity), severity.as_str()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{} {name}", grouped(count)))
        .collect();
    if !said.is_empty() {
        (said.join(", "), false)
    } else if seen.instances.iter().any(|shop| shop.up() != Some(true)) {
        ("Nothing was open when last read".to_owned(), false)
    } else {
        ("Nothing is open".to_owned(), true)
    }
}

fn tiles(all: &[OpenAlert], wanted: &Wanted<'_>, is_told: bool, address: &Address) -> Vec<Tile> {
    let base = address.with("page", None);
    let tile = |name: &'static str, (key, title), is_chosen: bool, count| Tile {
        key,
        title,
        count,
        link: base.with(name, (!is_chosen).then_some(key)).link(),
        is_chosen,
    };
    let severities = [
        (Severity::Out, "Out"),
        (Severity::Critical, "Critical"),
        (Severity::Low, "Low"),
    ];
    let by_severity = severities.into_iter().map(|(severity, title)| {
        let count = all.iter().filter(|open| open.alert.severity == severity).count();
        let is_chosen = wanted.severity == Some(severity);
        tile("severity", (severity.as_str(), title), is_chosen, Some(count))
    });
    let by_care = Care::ALL.into_iter().map(|care| {
        let count = is_told.then(|| all.iter().filter(|open| care.is_of(open)).count());
        tile(
            "care",
            (care.key(), care.title()),
            wanted.care == Some(care),
            count,
        )
    });
    by_severity.chain(by_care).collect()
}
