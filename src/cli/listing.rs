//! Levels as a table: what is out first.

use std::cmp::Reverse;

use comfy_table::Cell;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::table;
use crate::domain::alerting::state::Memory;
use crate::domain::forecast;
use crate::domain::limit;
use crate::domain::limit::Beside;
use crate::domain::limit::Style;
use crate::domain::nameless::called;
use crate::domain::pool::Board;
use crate::domain::pool::Pool;
use crate::domain::stand::Thresholds;
use crate::notify::clean;
use crate::notify::people;
use crate::observe::items;
use crate::observe::items::Entry;
use crate::observe::lines::Extent;
use crate::observe::lines::Line;
use crate::observe::lines::lines;
use crate::observe::pools;
use crate::observe::said::Said;

/// How much of a name a row shows: a longer one would push the columns beyond it out of sight.
const NAME: usize = 60;

/// How names stand in notes.
pub const STYLE: Style = Style {
    name: |name| clean::line(name, 60),
    names: 3,
};

/// What of the shops is there now: products and the combinations with a figure of their own, or `all` combinations.
#[must_use]
pub fn listed<'a>(shops: &[(&'a str, &'a Memory)], all: bool) -> Vec<Line<'a>> {
    let series = |entry| Line { entry, derived: None };
    let mut listed: Vec<Line<'_>> = Vec::new();
    for (instance, memory) in shops {
        if all {
            let products = memory.products.iter();
            listed.extend(products.flat_map(|product| lines(instance, memory, product)));
        } else {
            listed.extend(items::entries(instance, memory).map(series));
        }
    }
    listed.retain(|line| !line.entry.is_gone());
    listed
}

/// The products whose combinations are not known, in words; `None` where all are.
#[must_use]
pub fn unknown_options(shops: &[(&str, &Memory)]) -> Option<String> {
    let products = shops.iter().flat_map(|(_, memory)| &memory.products);
    let count = products
        .filter(|product| Extent::of(product) == Some(Extent::Unknown))
        .count();
    (count > 0).then(|| {
        format!(
            "The options of {count} products are not known: the database does not hold them. `check --combinations` \
             asks WHMCS."
        )
    })
}

/// The levels, worst first, with thresholds and where those come from.
#[must_use]
pub fn table(
    shops: &[(&str, &Memory)],
    mut entries: Vec<Line<'_>>,
    board: &Board,
    said: &Said,
    zone: &TimeZone,
    now: Timestamp,
) -> String {
    let colours = table::colours();
    let several = shops.len() > 1;
    entries.sort_by_key(|line| (Reverse(urgency(&line.entry)), line.entry.level()));
    let mut header = vec![
        "LEVEL", "SEVERITY", "ID", "PRODUCT", "LOW", "CRITICAL", "FROM", "NOTE",
    ];
    if several {
        header.insert(2, "SHOP");
    }
    let mut listed = table::new(&header);
    for line in &entries {
        let entry = &line.entry;
        let thresholds = entry.thresholds();
        let mut row = vec![table::number(figure(entry)), table::severity(entry, colours)];
        if several {
            row.push(Cell::new(entry.instance));
        }
        row.extend([
            table::number(entry.product.id),
            Cell::new(name(line)),
            table::number(thresholds.low),
            table::number(thresholds.critical),
            Cell::new(&thresholds.origin),
            Cell::new(with_people(note(line, board), line, said, zone, now)),
        ]);
        listed.add_row(row);
    }
    let mut text = if entries.is_empty() {
        "No products.".to_owned()
    } else {
        listed.to_string()
    };
    for (instance, memory) in shops {
        let shop = if several {
            format!("{instance}: ")
        } else {
            String::new()
        };
        match memory.source.last_accepted_at {
            Some(at) => {
                text.push_str(&format!(
                    "\n{shop}as of {} ({})",
                    table::time(at, zone),
                    table::age(at, now)
                ));
            }
            None => text.push_str(&format!("\n{shop}never read yet")),
        }
        if let Some(since) = memory.source.failing_since {
            text.push_str(&format!("; unreadable since {}", table::time(since, zone)));
        }
    }
    text
}

/// The pools, worst first; "" where there are none. With `several` shops each product is named with its own.
#[must_use]
pub fn pools(board: &Board, said: &Said, several: bool, zone: &TimeZone) -> String {
    if board.pools.is_empty() {
        return String::new();
    }
    let colours = table::colours();
    let mut listed = table::new(&[
        "LEFT", "SEVERITY", "POOL", "OF", "USED", "LOW", "CRITICAL", "FROM", "NOTE",
    ]);
    for pool in pools::worst_first(board) {
        let item = pools::item(pool);
        let left = match (item.level, item.last_level) {
            (Some(level), _) => level.to_string(),
            (None, Some(last)) => format!("? (was {last})"),
            (None, None) => "?".to_owned(),
        };
        let threshold =
            |of: fn(&Thresholds) -> i64| item.thresholds.map_or(String::new(), |t| of(t).to_string());
        listed.add_row([
            table::number(left),
            table::severity_of(item.state, item.severity, colours),
            Cell::new((STYLE.name)(item.name)),
            table::number(item.capacity),
            table::number(item.used.map_or_else(|| "?".to_owned(), |used| used.to_string())),
            table::number(threshold(|t| t.low)),
            table::number(threshold(|t| t.critical)),
            Cell::new(item.thresholds.map_or("", |thresholds| &thresholds.origin)),
            Cell::new(pool_note(pool, said, several, zone)),
        ]);
    }
    listed.to_string()
}

/// Whom it holds back and how long what is left lasts, or why that is not known; then what people said of it.
fn pool_note(pool: &Pool, said: &Said, several: bool, zone: &TimeZone) -> String {
    let beside = if several {
        Beside::Shop(None)
    } else {
        Beside::OneShop
    };
    let held = limit::held_back(&pool.told(), beside, STYLE);
    let people = said.text_of_pool(pool, zone).into_iter();
    if pool.level.known().is_none() {
        let unknown = Some(pool.unknown.clone()).filter(|why| !why.is_empty());
        return unknown.into_iter().chain(people).collect::<Vec<_>>().join("; ");
    }
    let held = (!held.is_empty()).then(|| format!("holds back {held}"));
    let left = pool.level.known().is_some_and(|left| left > 0);
    let lasts = pool.cover.filter(|_| left);
    let lasts = lasts.map(|cover| format!("lasts {}", forecast::about(cover.days)));
    let notes = held.into_iter().chain(lasts).chain(people);
    notes.collect::<Vec<_>>().join("; ")
}

/// Out first, then critical and low, then what is unknown, then the rest.
fn urgency(entry: &Entry<'_>) -> u8 {
    match (entry.state(), entry.severity()) {
        ("known", Some(severity)) if severity.rank() > 0 => 2 + severity.rank(),
        ("unknown", _) => 2,
        ("known", _) => 1,
        (_, _) => 0,
    }
}

/// The present figure, else the last known one.
fn figure(entry: &Entry<'_>) -> String {
    match (entry.level(), entry.state(), entry.series().last_level) {
        (Some(level), _, _) => level.to_string(),
        (None, "unknown", Some(last)) => format!("? (was {last})"),
        (None, "unknown", None) => "?".to_owned(),
        (None, _, _) => "–".to_owned(),
    }
}

fn name(line: &Line<'_>) -> String {
    let product = line.entry.product;
    let product = clean::line(&called(product.name.shown(), product.id), NAME);
    match line.label() {
        Some(label) => format!("{product} · {}", clean::line(label, NAME)),
        None => product,
    }
}

/// The note, and what people said of it.
fn with_people(note: String, line: &Line<'_>, said: &Said, zone: &TimeZone, now: Timestamp) -> String {
    if line.derived.is_some() {
        return note;
    }
    let ack = said.ack(&line.entry);
    let ack = ack.map(|ack| people::taken_on(&ack, zone, now));
    let silenced = said.silenced(&line.entry);
    let silenced = silenced.map(|by| people::silenced(&by, zone, now));
    let note = Some(note).filter(|note| !note.is_empty());
    let all: Vec<String> = [note, ack, silenced].into_iter().flatten().collect();
    all.join("; ")
}

fn note(line: &Line<'_>, board: &Board) -> String {
    let entry = &line.entry;
    if line.derived.is_some() {
        return "as its product".to_owned();
    }
    let mut notes = Vec::new();
    if entry.combination.is_none() && entry.product.ambiguous_zero {
        notes.push("shows 0: sold out or not counted; install the companion or set stock_control".to_owned());
    }
    if entry.product.retired == Some(true) {
        notes.push("retired".to_owned());
    }
    if entry.product.hidden == Some(true) {
        notes.push("hidden".to_owned());
    }
    if entry.product.missing > 0 {
        notes.push("missing from the catalogue".to_owned());
    }
    if entry.combination.is_none() && entry.product.per_choice {
        notes.push("too many combinations: followed per choice".to_owned());
    }
    let cover = entry
        .cover()
        .filter(|_| entry.level().is_some_and(|level| level > 0));
    notes.extend(cover.map(|cover| format!("lasts {}", forecast::about(cover.days))));
    notes.extend(entry.why(board, STYLE).map(|why| why.to_string()));
    notes.join("; ")
}
