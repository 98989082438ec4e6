//! The rows of `status`, in the page's order and words.

use jiff::Timestamp;

use crate::cli::status::asked::Asked;
use crate::cli::status::glance::Glance;
use crate::cli::status::text;
use crate::domain::nameless::called;
use crate::domain::pool::Pool;
use crate::observe::lines::Line;
use crate::observe::said::Said;
use crate::web::index;
use crate::web::overview::Group;
use crate::web::overview::age;
use crate::web::pools;
use crate::web::pools::Limits;
use crate::web::rows;
use crate::web::rows::Aside;
use crate::web::rows::Pasts;
use crate::web::selection::Selection;
use crate::web::show::Ago;
use crate::web::show::Words;
use crate::web::show::grouped;

/// What one row says, in texts that a terminal can be trusted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub place: Group,
    pub level: String,
    pub name: String,
    /// It belongs to the row above.
    pub is_under: bool,
    pub number: Option<i64>,
    pub shop: String,
    pub low: String,
    pub critical: String,
    /// Where the thresholds come from.
    pub origin: String,
    pub lasts: String,
    /// It will be out soon.
    pub soon: bool,
    pub since: String,
    pub read: String,
    /// Why it is so, and what people said of it; each with whether that is overdue.
    pub notes: Vec<(String, bool)>,
}

impl Row {
    /// A row of which not more is said.
    #[must_use]
    pub fn new(place: Group, level: String, name: String, limits: Option<Limits<'_>>) -> Self {
        let limits = limits.map(|limits| {
            let origin = text::shown(limits.origin);
            (grouped(limits.low), grouped(limits.critical), origin)
        });
        let (low, critical, origin) = limits.unwrap_or_default();
        Self {
            place,
            level,
            name,
            is_under: false,
            number: None,
            shop: String::new(),
            low,
            critical,
            origin,
            lasts: String::new(),
            soon: false,
            since: String::new(),
            read: String::new(),
            notes: Vec::new(),
        }
    }

    /// All notes in one text.
    #[must_use]
    pub fn note(&self) -> String {
        let mut all = String::new();
        for (note, _) in &self.notes {
            if !all.is_empty() {
                all.push_str(if all.ends_with('.') { " " } else { "; " });
            }
            all.push_str(note);
        }
        all
    }

    /// Whether something of it is overdue.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.notes.iter().any(|(_, overdue)| *overdue)
    }
}

/// What rows are made from.
struct Making<'a> {
    glance: &'a Glance,
    aside: Aside<'a>,
    asked: &'a Asked,
}

/// The rows as the page has them: a product with those of its combinations that stand otherwise, a pool with what it
/// limits; made as they are asked for, and how many products and pools there are.
pub fn grouped_rows<'a>(
    glance: &'a Glance,
    asked: &'a Asked,
    selection: &'a Selection<'a>,
    past: &'a Pasts,
    now: Timestamp,
) -> impl Iterator<Item = Vec<Row>> {
    let making = Making::new(glance, asked, past, now);
    selection
        .heads()
        .map(move |head| match rows::row(head, selection, &making.aside) {
            rows::Row::Product(product) => making.product(*product),
            rows::Row::Pool(held) => making.held(*held),
        })
}

/// Each series in a row of its own, and each pool, worst first.
#[must_use]
pub fn single_rows(glance: &Glance, asked: &Asked, past: &Pasts, now: Timestamp) -> Vec<Row> {
    let making = Making::new(glance, asked, past, now);
    let seen = &glance.seen;
    let mut all: Vec<((Group, i64, String, String), Row)> = Vec::new();
    for line in asked.lines(seen) {
        let group = Group::of(&line.entry);
        let of = line.entry.product.group.as_ref();
        let of = of.map_or_else(String::new, |group| group.shown().to_lowercase());
        let row = making.line(&line);
        let key = (
            group,
            index::worst(group, &line.entry),
            of,
            row.name.to_lowercase(),
        );
        all.push((key, row));
    }
    for pool in seen.pools.pools.iter().filter(|pool| asked.takes_pool(pool)) {
        let row = making.pool(pools::said_row(pool, seen, &glance.said, now));
        let left = pool.level.known().unwrap_or_default();
        all.push(((row.place, left, String::new(), row.name.to_lowercase()), row));
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all.into_iter().map(|(_, row)| row).collect()
}

/// The pools that are listed, as JSON has them.
pub fn pools_of<'a>(glance: &'a Glance, asked: &'a Asked) -> impl Iterator<Item = &'a Pool> {
    let pools = glance.seen.pools.pools.iter();
    pools.filter(|pool| asked.takes_pool(pool))
}

impl<'a> Making<'a> {
    fn new(glance: &'a Glance, asked: &'a Asked, past: &'a Pasts, now: Timestamp) -> Self {
        let said: &Said = &glance.said;
        Self {
            glance,
            aside: Aside {
                seen: &glance.seen,
                index: &glance.index,
                said,
                past,
                now,
            },
            asked,
        }
    }

    fn product(&self, product: rows::Product<'_>) -> Vec<Row> {
        let mut notes = Vec::new();
        match product.likewise {
            0 => {}
            1 => notes.push(("1 combination likewise".to_owned(), false)),
            more => notes.push((format!("{} combinations likewise", grouped(more)), false)),
        }
        if product.per_choice {
            notes.push(("too many combinations, followed per choice".to_owned(), false));
        }
        let tags = (product.retired, product.hidden);
        let name = named(product.name.name, product.name.number, tags);
        let mut row = self.stand(product.stand, name);
        row.number = Some(product.number);
        row.shop = self.shop(product.shop);
        row.notes.extend(notes);
        let mut all = vec![row];
        all.extend(product.lines.into_iter().map(|line| self.under(line)));
        more(&mut all, product.more);
        all
    }

    fn held(&self, held: rows::Held<'_>) -> Vec<Row> {
        let mut all = vec![self.pool(held.pool)];
        all.extend(held.lines.into_iter().map(|line| self.under(line)));
        more(&mut all, held.more);
        all
    }

    fn pool(&self, pool: pools::Row<'_>) -> Row {
        let mut notes = Vec::new();
        let held = pool.held_back.to_string();
        if !held.is_empty() {
            notes.push((format!("holds back {}", text::shown(&held)), false));
        }
        notes.extend(pool.why.map(|why| (text::shown(why), false)));
        notes.extend(
            pool.last_known
                .map(|(level, at)| (format!("Last known: {}, {}.", grouped(level), at.age), false)),
        );
        let used = pool
            .used
            .map_or_else(String::new, |used| format!(", {} in use", grouped(used)));
        notes.push((format!("of {}{used}", grouped(pool.capacity)), false));
        notes.extend(self.people(pool.people));
        let name = format!("pool {}", called(&text::shown(pool.name), 0));
        Row {
            lasts: pool.lasts.unwrap_or_default(),
            since: pool.since.map(|when| when.age).unwrap_or_default(),
            notes,
            ..Row::new(pool.group, pool.level, name, pool.limits)
        }
    }

    fn line(&self, line: &Line<'_>) -> Row {
        let product = line.entry.product;
        let tags = (product.retired == Some(true), product.hidden == Some(true));
        let mut name = named(product.name.shown(), product.id, tags);
        if let Some(label) = line.label() {
            name = format!("{name} · {}", text::shown(label));
        }
        let mut row = self.stand(rows::stand(&line.entry, &self.aside), name);
        row.number = Some(product.id);
        row.shop = self.shop(line.entry.instance);
        if line.derived.is_some() {
            row.notes = vec![("as its product".to_owned(), false)];
        }
        if product.missing > 0 {
            row.notes.push(("missing from the catalogue".to_owned(), false));
        }
        row
    }

    fn stand(&self, stand: rows::Stand<'_>, name: String) -> Row {
        let mut notes = Vec::new();
        notes.extend(stand.limit.map(|limit| (text::shown(&limit.to_string()), false)));
        notes.extend(stand.why.map(|why| (why.to_owned(), false)));
        notes.extend(stand.last_known.map(|(level, Ago { at, now })| {
            (format!("Last read: {}, {}.", grouped(level), age(at, now)), false)
        }));
        notes.extend(self.people(stand.people));
        let ago = |ago: Option<Ago>| ago.map_or_else(String::new, |Ago { at, now }| age(at, now));
        Row {
            soon: stand.lasts.as_ref().is_some_and(|lasts| lasts.soon),
            lasts: stand.lasts.map(|lasts| lasts.about).unwrap_or_default(),
            since: ago(stand.since),
            read: ago(stand.read),
            notes,
            ..Row::new(stand.place, stand.level, name, stand.limits)
        }
    }

    fn under(&self, line: rows::Line<'_>) -> Row {
        let name = named_under(&line);
        let limit = line.limit.map(|limit| (text::shown(&limit.to_string()), false));
        let why = line.why.map(|why| (why.to_owned(), false));
        let people = self.people(line.people);
        Row {
            is_under: true,
            notes: limit.into_iter().chain(why).chain(people).collect(),
            ..Row::new(line.place, line.level, name, None)
        }
    }

    fn people(&self, people: Vec<(Words, bool)>) -> Vec<(String, bool)> {
        let words = |(words, overdue): (Words, bool)| {
            (
                text::shown(&words.0.text(&self.asked.zone, self.aside.now)),
                overdue,
            )
        };
        people.into_iter().map(words).collect()
    }

    fn shop(&self, name: &str) -> String {
        if self.glance.several {
            text::shown(name)
        } else {
            String::new()
        }
    }
}

/// The name, and what staff should know of it at once.
fn named(name: &str, number: i64, (retired, hidden): (bool, bool)) -> String {
    let mut shown = called(&text::shown(name), number).into_owned();
    for (tag, holds) in [("retired", retired), ("hidden", hidden)] {
        if holds {
            shown.push_str(&format!(" ({tag})"));
        }
    }
    shown
}

/// What the line under a row is about. Many combinations of a product under its pool are one of another only by their
/// labels: they are counted.
fn named_under(line: &rows::Line<'_>) -> String {
    let count = line.names.len() + line.more;
    let product = line.names.first().and_then(|link| link.product);
    let product = product.map(|name| named(name.name, name.number, (false, false)));
    if let Some(product) = product.as_ref().filter(|_| count > 1) {
        return format!("{product} · {} combinations", grouped(count));
    }
    let labels = line.names.iter().filter_map(|link| link.combination);
    let labels: Vec<String> = labels.map(text::shown).collect();
    let labels = Some(labels.join("; ")).filter(|labels| !labels.is_empty());
    let mut name = [product, labels]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" · ");
    if line.more > 0 {
        name.push_str(&format!(" and {} more", grouped(line.more)));
    }
    name
}

/// At most so many rows under the first; how many there are besides is said.
pub fn shorten(group: &mut Vec<Row>, most: usize) {
    let left = group.len().saturating_sub(1 + most);
    group.truncate(1 + most);
    more(group, left);
}

fn more(rows: &mut [Row], more: usize) {
    if let Some(last) = rows.last_mut().filter(|_| more > 0) {
        last.notes
            .push((format!("and {} more under it", grouped(more)), false));
    }
}
