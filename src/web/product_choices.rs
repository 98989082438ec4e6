//! The combinations of a product on its page: two options as a table of one against the other, anything else as a list.

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

/// One option against the other.
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
    /// The class of its tone, and how strong that is: 0 to 3.
    pub tone: &'static str,
    pub heat: u8,
    /// It is what its product is.
    pub derived: bool,
    pub chosen: bool,
    pub address: String,
}

/// The combinations among these lines, as far as they are wanted; `None` where there are none.
#[must_use]
pub fn choices(lines: &[Line<'_>], wanted: &Wanted<'_>) -> Option<Choices> {
    let all: Vec<&Line<'_>> = lines.iter().filter(|line| line.key().is_some()).collect();
    let most = all
        .iter()
        .filter_map(|line| line.entry.level())
        .max()
        .unwrap_or(1);
    let cell = |line: &&Line<'_>| cell(line, wanted, most);
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

fn cell(line: &Line<'_>, wanted: &Wanted<'_>, most: i64) -> Cell {
    let entry = &line.entry;
    let key = line.key().map(ToString::to_string).unwrap_or_default();
    let state = entry.state();
    let severity = entry.severity();
    let level = entry.level();
    let (tone, words) = match (state, severity) {
        ("gone", _) => ("not_controlled", "gone"),
        ("not_controlled", _) => ("not_controlled", "not counted"),
        ("unknown", _) => ("unknown", "unknown"),
        (_, Some(Severity::Out)) => ("out", "out"),
        (_, Some(Severity::Critical)) => ("critical", "critical"),
        (_, Some(Severity::Low)) => ("low", "low"),
        (_, Some(Severity::Ok) | None) => ("ok", "ok"),
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
        tone,
        heat: match (tone, level) {
            ("ok", Some(level)) => heat(level, most),
            (_, Some(_)) => 3,
            (_, None) => 0,
        },
        derived: line.derived.is_some(),
        chosen: wanted.chosen.is_some() && wanted.chosen == line.key(),
        address,
    }
}

/// How much there is, beside the one of which there is most.
fn heat(level: i64, most: i64) -> u8 {
    let share = i128::from(level.max(0)) * 3 / i128::from(most.max(1));
    u8::try_from(share.clamp(0, 2)).unwrap_or(2) + 1
}

/// The table of two options; `None` where there are not exactly two, or too many choices of both.
fn table(seen: &Product, all: &[&Line<'_>], cell: impl Fn(&&Line<'_>) -> Cell) -> Option<Table> {
    let pairs = |line: &Line<'_>| match line.key()?.pairs() {
        [first, second] => Some((*first, *second)),
        _ => None,
    };
    let ((one, _), (other, _)) = pairs(all.first()?)?;
    let mut cells: HashMap<(ChoiceId, ChoiceId), Cell> = HashMap::new();
    let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
    for line in all {
        let ((first, a), (second, b)) = pairs(line)?;
        if (first, second) != (one, other) {
            return None;
        }
        if !of_one.contains(&a) {
            of_one.push(a);
        }
        if !of_other.contains(&b) {
            of_other.push(b);
        }
        cells.insert((a, b), cell(line));
    }
    // What has fewer choices stands across.
    let turned = of_one.len() < of_other.len();
    let (across, down) = if turned { (one, other) } else { (other, one) };
    let (columns, rows) = if turned {
        (of_one, of_other)
    } else {
        (of_other, of_one)
    };
    if columns.len() > COLUMNS || rows.len() < 2 {
        return None;
    }
    let at = |column: ChoiceId, row: ChoiceId| if turned { (column, row) } else { (row, column) };
    let mut built = Vec::new();
    for row in &rows {
        let line = columns.iter().map(|column| cells.remove(&at(*column, *row)));
        built.push((choice_name(seen, down, *row)?, line.collect()));
    }
    Some(Table {
        across: option_name(seen, across)?,
        down: option_name(seen, down)?,
        columns: columns
            .iter()
            .map(|column| choice_name(seen, across, *column))
            .collect::<Option<_>>()?,
        rows: built,
    })
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
