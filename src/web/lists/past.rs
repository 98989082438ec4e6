//! What happened to levels, newest first, as the list of alerts shows it.

use jiff::Timestamp;

use crate::domain::catalogue::Name;
use crate::domain::message::Reason;
use crate::domain::nameless::called;
use crate::notify::words;
use crate::observe::view::Seen;
use crate::store::history::RecordedEvent;
use crate::web::addresses;
use crate::web::show::Ago;
use crate::web::together;
use crate::web::together::Together;
use crate::web::together::together;

/// The kind of the events that are alerts.
pub const SEVERITY: &str = "severity";

/// A severity that changed.
pub struct Row {
    pub id: i64,
    pub at: Ago,
    pub name: String,
    pub link: Option<String>,
    pub choice: Option<String>,
    pub instance: Option<String>,
    pub from: &'static str,
    pub to: &'static str,
    /// The class of the severity it came to.
    pub key: &'static str,
    /// "" where each of `each` has one of its own.
    pub level: String,
    pub why: Option<&'static str>,
    /// The combinations of which it is all told at once; none where it is one change.
    pub each: Vec<Each>,
}

/// One of the combinations that changed at once.
pub struct Each {
    pub link: String,
    pub choice: String,
    pub level: String,
}

/// The events as rows, those of one cause in one.
#[must_use]
pub fn rows(events: &[RecordedEvent], seen: &Seen, now: Timestamp) -> Vec<Row> {
    let lines = together(events).into_iter();
    lines
        .map(|line| match line {
            Together::One(event) => row(event, seen, now),
            Together::Many(first, events) => folded(first, events, seen, now),
        })
        .collect()
}

/// The event as its row shows it; names as they are now.
fn row(event: &RecordedEvent, seen: &Seen, now: Timestamp) -> Row {
    let (name, choice) = names(event, seen);
    let is_pool = event.pool.is_some();
    let several = seen.instances.len() > 1;
    let product = event.product_id.filter(|_| !is_pool);
    Row {
        id: event.id,
        at: Ago { at: event.at, now },
        name,
        link: product.map(|id| addresses::product(&event.instance, id, event.combination.as_deref())),
        choice,
        instance: (several && !is_pool).then(|| event.instance.clone()),
        from: if event.is_first_figure() {
            "UNKNOWN"
        } else {
            event.severity_from.map_or("–", words::label)
        },
        to: event.severity_to.map_or("–", words::label),
        key: event.severity_to.map_or("unknown", |to| to.as_str()),
        level: words::left(event.level),
        why: event.reason.as_deref().and_then(why),
        each: Vec::new(),
    }
}

/// What happened to all of these at once.
fn folded(first: &RecordedEvent, events: &[RecordedEvent], seen: &Seen, now: Timestamp) -> Row {
    let product = first.product_id.unwrap_or_default();
    let each: Vec<Each> = events
        .iter()
        .map(|event| Each {
            link: addresses::product(&event.instance, product, event.combination.as_deref()),
            choice: names(event, seen).1.unwrap_or_default(),
            level: words::left(event.level),
        })
        .collect();
    let choices: Vec<&str> = each.iter().map(|each| &*each.choice).collect();
    let alike = events.iter().all(|event| event.level == first.level);
    let row = row(first, seen, now);
    Row {
        link: Some(addresses::product(&first.instance, product, None)),
        choice: Some(together::title(&choices)),
        level: if alike { row.level } else { String::new() },
        each,
        ..row
    }
}

fn names(event: &RecordedEvent, seen: &Seen) -> (String, Option<String>) {
    if let Some(pool) = &event.pool {
        let need = event.combination.as_deref();
        let need = need.and_then(|key| key.strip_prefix("0="));
        let of = need.map(|need| format!("orders that take {need}"));
        return (format!("pool {}", Name::new(pool.as_str()).shown()), of);
    }
    let id = event.product_id.unwrap_or_default();
    let shop = seen.instance(&event.instance);
    let product = shop.and_then(|shop| shop.memory.product(id));
    let name = product.map_or_else(
        || format!("product {id}"),
        |product| called(product.name.shown(), id).into_owned(),
    );
    let label = event.combination.as_ref().map(|key| {
        let known = product.and_then(|product| {
            let mut all = product.combinations.iter();
            all.find(|combination| combination.key.to_string() == *key)
        });
        known.map_or_else(|| key.clone(), |combination| combination.label.to_string())
    });
    (name, label)
}

/// Why, where the levels do not say it themselves.
fn why(reason: &str) -> Option<&'static str> {
    let known = [
        (Reason::RuleChanged, "the rules changed, not the stock"),
        (Reason::Withdrawn, "no longer watched"),
        (Reason::Recovered, "well again"),
    ];
    let found = known.into_iter().find(|(known, _)| known.as_str() == reason);
    found.map(|(_, words)| words)
}
