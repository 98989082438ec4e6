//! The combinations of a product on its page: one option against the others as a table, or a list.

use std::collections::HashMap;

use crate::domain::catalogue::ChoiceId;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::OptionId;
use crate::domain::catalogue::Product;
use crate::domain::offer;
use crate::domain::stand::Severity;
use crate::observe::lines::Line;
use crate::web::addresses;

/// Rows of a list, or of a table, on one page.
const ROWS: usize = 60;
/// The most columns of a table: more are no table that anybody reads.
const COLUMNS: usize = 12;

/// What is asked of the combinations.
pub struct Wanted<'a> {
    /// The text in their names; "" for all.
    pub query: &'a str,
    /// From 1.
    pub page: usize,
    /// The one whose history is shown.
    pub chosen: Option<&'a CombinationKey>,
    /// `&range=7d` for the links; "" where it is not said.
    pub range: &'a str,
}

/// The combinations of a product, a page of them.
pub struct Choices {
    /// How many there are, and how many the text is in.
    pub total: usize,
    pub found: usize,
    /// How many have no figure of their own.
    pub derived: usize,
    pub query: String,
    pub shape: Shape,
    pub page: usize,
    pub pages: usize,
    /// The addresses of the pages before and after.
    pub previous: Option<String>,
    pub next: Option<String>,
}

/// How they stand on the page.
pub enum Shape {
    Table(Table),
    List(Vec<Cell>),
}

/// One option against the others.
pub struct Table {
    /// The options' names.
    pub across: String,
    pub down: String,
    pub columns: Vec<String>,
    /// Each with its choice; `None` for what is not offered.
    pub rows: Vec<(String, Vec<Option<Cell>>)>,
}

/// A combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub label: String,
    /// The figure, or a sign where there is none.
    pub level: String,
    /// What that means, in a word.
    pub words: &'static str,
    /// The class of its ground: the less there is, the stronger.
    pub heat: &'static str,
    /// It is what its product is.
    pub derived: bool,
    pub chosen: bool,
    pub address: String,
}

/// The combinations among these lines, as far as they are wanted; `None` where there are none.
#[must_use]
pub fn choices(lines: &[Line<'_>], wanted: &Wanted<'_>) -> Option<Choices> {
    let all: Vec<&Line<'_>> = lines.iter().filter(|line| line.key().is_some()).collect();
    let cell = |line: &&Line<'_>| cell(line, wanted);
    let product = all.first()?.entry.product;
    let table = product
        .seen
        .as_ref()
        .filter(|_| wanted.query.is_empty())
        .and_then(|seen| table(seen, &all, cell));
    let needles: Vec<String> = wanted.query.split_whitespace().map(str::to_lowercase).collect();
    let is_found = |line: &&&Line<'_>| {
        let label = line.label().unwrap_or_default().to_lowercase();
        needles.iter().all(|needle| label.contains(needle))
    };
    let found: Vec<&Line<'_>> = all.iter().filter(is_found).copied().collect();
    let rows = table.as_ref().map_or(found.len(), |table| table.rows.len());
    let pages = rows.div_ceil(ROWS).max(1);
    let page = wanted.page.clamp(1, pages);
    let here = (page - 1) * ROWS..(page * ROWS).min(rows);
    let shape = match table {
        Some(mut table) => {
            table.rows.truncate(here.end);
            table.rows.drain(..here.start);
            Shape::Table(table)
        }
        None => Shape::List(found[here].iter().map(cell).collect()),
    };
    let address = |page: usize| page_address(all.first().copied(), wanted, page);
    Some(Choices {
        total: all.len(),
        found: found.len(),
        derived: all.iter().filter(|line| line.derived.is_some()).count(),
        query: wanted.query.to_owned(),
        shape,
        previous: (page > 1).then(|| address(page - 1)),
        next: (page < pages).then(|| address(page + 1)),
        page,
        pages,
    })
}

fn page_address(any: Option<&Line<'_>>, wanted: &Wanted<'_>, page: usize) -> String {
    let (instance, id) = any.map_or(("", 0), |line| (line.entry.instance, line.entry.product.id));
    let base = addresses::product(instance, id, wanted.chosen.map(ToString::to_string).as_deref());
    let joint = if base.contains('?') { '&' } else { '?' };
    let query = match wanted.query {
        "" => String::new(),
        query => format!("&cq={}", addresses::encoded(query)),
    };
    format!("{base}{joint}cp={page}{query}{}#combinations", wanted.range)
}

fn cell(line: &Line<'_>, wanted: &Wanted<'_>) -> Cell {
    let entry = &line.entry;
    let key = line.key().map(ToString::to_string).unwrap_or_default();
    let state = entry.state();
    let severity = entry.severity();
    let level = entry.level();
    let (heat, words) = match (state, severity) {
        ("gone", _) => ("heat-0", "gone"),
        ("not_controlled", _) => ("heat-0", "not counted"),
        ("unknown", _) => ("heat-unknown", "unknown"),
        (_, Some(Severity::Out)) => ("heat-4", "out"),
        (_, Some(Severity::Critical)) => ("heat-3", "critical"),
        (_, Some(Severity::Low)) => ("heat-2", "low"),
        (_, Some(Severity::Ok) | None) => (plenty(level, entry.thresholds().low), "ok"),
    };
    let mut address = addresses::product(entry.instance, entry.product.id, Some(&key));
    address.push_str(wanted.range);
    address.push_str("#history");
    Cell {
        label: line.label().unwrap_or_default().to_owned(),
        level: match (state, level) {
            (_, Some(level)) => level.to_string(),
            ("unknown", None) => "?".to_owned(),
            (_, None) => "–".to_owned(),
        },
        words,
        heat,
        derived: line.derived.is_some(),
        chosen: wanted.chosen.is_some() && wanted.chosen == line.key(),
        address,
    }
}

/// Whether what is left is near to being low.
fn plenty(level: Option<i64>, low: i64) -> &'static str {
    match level {
        Some(level) if level <= low.saturating_mul(2) => "heat-1",
        Some(_) | None => "heat-0",
    }
}

/// The table of one option against the others; `None` where all have but one, not all have the same, or no option has so
/// few choices that they find room side by side.
fn table(seen: &Product, all: &[&Line<'_>], cell: impl Fn(&&Line<'_>) -> Cell) -> Option<Table> {
    let options: Vec<OptionId> = all
        .first()?
        .key()?
        .pairs()
        .iter()
        .map(|(option, _)| *option)
        .collect();
    let mut choices: Vec<Vec<ChoiceId>> = vec![Vec::new(); options.len()];
    for line in all {
        let pairs = line.key()?.pairs();
        if pairs.len() != options.len() || pairs.iter().zip(&options).any(|((own, _), option)| own != option)
        {
            return None;
        }
        for ((_, choice), known) in pairs.iter().zip(&mut choices) {
            if !known.contains(choice) {
                known.push(*choice);
            }
        }
    }
    let across = across(&choices)?;
    let mut cells: HashMap<(Vec<ChoiceId>, ChoiceId), Cell> = HashMap::new();
    let mut rows: Vec<Vec<ChoiceId>> = Vec::new();
    for line in all {
        let mut row: Vec<ChoiceId> = line.key()?.pairs().iter().map(|(_, choice)| *choice).collect();
        let column = row.remove(across);
        if !rows.contains(&row) {
            rows.push(row.clone());
        }
        cells.insert((row, column), cell(line));
    }
    let columns = &choices[across];
    let mut down = options.clone();
    let across = down.remove(across);
    let named = |row: &[ChoiceId]| row_name(seen, &down, row);
    let mut built = Vec::new();
    for row in rows {
        let name = named(&row)?;
        let line = columns.iter().map(|column| cells.remove(&(row.clone(), *column)));
        built.push((name, line.collect()));
    }
    let down = down.iter().map(|option| option_name(seen, *option));
    Some(Table {
        across: option_name(seen, across)?,
        down: down.collect::<Option<Vec<String>>>()?.join(", "),
        columns: columns
            .iter()
            .map(|column| choice_name(seen, across, *column))
            .collect::<Option<_>>()?,
        rows: built,
    })
}

/// Which option stands across: of two the one with fewer choices, of more the one with the most that find room.
fn across(choices: &[Vec<ChoiceId>]) -> Option<usize> {
    let room = choices
        .iter()
        .enumerate()
        .filter(|(_, choices)| choices.len() <= COLUMNS);
    match choices.len() {
        0 | 1 => None,
        2 => room.min_by_key(|(_, choices)| choices.len()),
        _ => room.max_by_key(|(_, choices)| choices.len()),
    }
    .map(|(place, _)| place)
}

/// `64 GB` of one option, `RAM: 64 GB, RAID: Yes` of several.
fn row_name(seen: &Product, options: &[OptionId], row: &[ChoiceId]) -> Option<String> {
    if let ([option], [choice]) = (options, row) {
        return choice_name(seen, *option, *choice);
    }
    let names = options.iter().zip(row).map(|(option, choice)| {
        let (option, choice) = (option_name(seen, *option)?, choice_name(seen, *option, *choice)?);
        Some(format!("{option}: {choice}"))
    });
    Some(names.collect::<Option<Vec<String>>>()?.join(", "))
}

fn option_name(seen: &Product, id: OptionId) -> Option<String> {
    let option = seen.options().iter().find(|option| option.id == id)?;
    Some(option.name.shown().to_owned())
}

fn choice_name(seen: &Product, option: OptionId, id: ChoiceId) -> Option<String> {
    let option = seen.options().iter().find(|known| known.id == option)?;
    match option.choices().find(|choice| choice.id == id) {
        Some(choice) => Some(choice.name.shown().to_owned()),
        None => (id == 0).then(|| offer::NO.to_owned()),
    }
}
