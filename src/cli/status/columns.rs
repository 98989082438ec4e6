//! The table of `status`: which columns there is room for, and how rows stand in them.

use crate::cli::status::rows::Row;
use crate::cli::status::text::Line;
use crate::cli::status::text::Paint;
use crate::cli::status::text::width;
use crate::cli::status::text::wrapped;

/// Between two columns.
const GAP: usize = 2;
/// Names take so much where there is no room for all of them, before a column goes.
const NAME: usize = 18;
/// Names under a row get no more than that of their own.
const UNDER: usize = 40;
/// Severities of two words stand in two lines where less than that is there.
const NARROW: usize = 72;
const SEVERITY: usize = 10;
/// Lines that a name, and a note, may take.
const NAME_LINES: usize = 3;
const NOTE_LINES: usize = 6;
/// Notes stand beside where there is so much room, else below.
const NOTE: usize = 44;
/// What goes where there is not enough room, the least first.
const LEAST: [Column; 8] = [
    Column::Origin,
    Column::Read,
    Column::Number,
    Column::Since,
    Column::Critical,
    Column::Low,
    Column::Shop,
    Column::Lasts,
];

/// A column, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Left,
    Severity,
    Name,
    Number,
    Shop,
    Low,
    Critical,
    Origin,
    Lasts,
    Since,
    Read,
    Note,
}

impl Column {
    const ALL: [Self; 12] = [
        Self::Left,
        Self::Severity,
        Self::Name,
        Self::Number,
        Self::Shop,
        Self::Low,
        Self::Critical,
        Self::Origin,
        Self::Lasts,
        Self::Since,
        Self::Read,
        Self::Note,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Left => "LEFT",
            Self::Severity => "SEVERITY",
            Self::Name => "PRODUCT",
            Self::Number => "ID",
            Self::Shop => "SHOP",
            Self::Low => "LOW",
            Self::Critical => "CRITICAL",
            Self::Origin => "FROM",
            Self::Lasts => "LASTS",
            Self::Since => "SINCE",
            Self::Read => "READ",
            Self::Note => "NOTE",
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Left | Self::Number | Self::Low | Self::Critical)
    }

    fn of(self, row: &Row) -> String {
        match self {
            Self::Left => row.level.clone(),
            Self::Severity => row.place.title().to_owned(),
            Self::Name if row.is_under => format!("└ {}", row.name),
            Self::Name => row.name.clone(),
            Self::Number => row.number.map_or_else(String::new, |number| number.to_string()),
            Self::Shop => row.shop.clone(),
            Self::Low => row.low.clone(),
            Self::Critical => row.critical.clone(),
            Self::Origin => row.origin.clone(),
            Self::Lasts => row.lasts.clone(),
            Self::Since => row.since.clone(),
            Self::Read => row.read.clone(),
            Self::Note => row.note(),
        }
    }

    fn paint(self, row: &Row) -> Paint {
        match self {
            Self::Left | Self::Severity => Paint::Of(row.place),
            Self::Lasts if row.soon => Paint::Strong,
            Self::Name if !row.is_under && row.place.is_urgent() => Paint::Strong,
            Self::Name | Self::Lasts | Self::Shop => Paint::Plain,
            Self::Note if row.is_overdue() => Paint::Strong,
            Self::Number
            | Self::Low
            | Self::Critical
            | Self::Origin
            | Self::Since
            | Self::Read
            | Self::Note => Paint::Quiet,
        }
    }
}

/// A table fitted to its rows and to a width.
#[derive(Debug)]
pub struct Table {
    /// Each with how wide it is.
    columns: Vec<(Column, usize)>,
    /// How wide lines may be; `None` where nothing is cut or wrapped.
    within: Option<usize>,
}

impl Table {
    /// Fits the rows; into that width where there is one.
    #[must_use]
    pub fn fitted(rows: &[Row], within: Option<usize>) -> Self {
        let natural = |column: Column| {
            let cells = rows.iter().map(|row| {
                let wide = width(&column.of(row));
                // Names of what stands under a row go on in a further line before others lose their columns.
                let goes_on = within.is_some() && row.is_under && column == Column::Name;
                if goes_on { wide.min(UNDER) } else { wide }
            });
            let widest = cells.max().unwrap_or_default();
            // What no row has is no column.
            (widest > 0).then(|| (column, widest.max(width(column.title()))))
        };
        let columns: Vec<(Column, usize)> = Column::ALL.into_iter().filter_map(natural).collect();
        let mut table = Self { columns, within };
        if let Some(within) = within {
            table.fit(within);
        }
        table
    }

    fn fit(&mut self, within: usize) {
        let wide = |table: &Self, wanted: Column| {
            table
                .columns
                .iter()
                .find(|(column, _)| *column == wanted)
                .map(|(_, width)| *width)
        };
        let whole = wide(self, Column::Name).unwrap_or_default();
        let note = wide(self, Column::Note);
        self.columns.retain(|(column, _)| *column != Column::Note);
        let severity = self
            .columns
            .iter_mut()
            .find(|(column, _)| *column == Column::Severity);
        if let Some((_, width)) = severity.filter(|_| within < NARROW) {
            *width = SEVERITY.min(*width);
        }
        let wanted = whole.min(NAME.max(within / 3));
        for least in LEAST {
            if self.taken(wanted) <= within {
                break;
            }
            self.columns.retain(|(column, _)| *column != least);
        }
        // One threshold without the other says less than it takes.
        if !self.columns.iter().any(|(column, _)| *column == Column::Critical) {
            self.columns.retain(|(column, _)| *column != Column::Low);
        }
        let others = self.taken(0);
        let name = whole.min(within.saturating_sub(others));
        if let Some((_, width)) = self
            .columns
            .iter_mut()
            .find(|(column, _)| *column == Column::Name)
        {
            *width = name;
        }
        let room = within.saturating_sub(others + name + GAP);
        self.columns.extend(
            note.filter(|_| room >= NOTE)
                .map(|note| (Column::Note, note.min(room))),
        );
    }

    /// How wide it is with names that wide.
    fn taken(&self, name: usize) -> usize {
        let widths = self.columns.iter().map(|(column, width)| {
            let is_name = *column == Column::Name;
            if is_name { name } else { *width }
        });
        widths.sum::<usize>() + GAP * self.columns.len().saturating_sub(1)
    }

    /// The line above the rows.
    #[must_use]
    pub fn head(&self) -> Line {
        let cells: Vec<(Column, usize, String, Paint)> = self
            .columns
            .iter()
            .map(|(column, width)| (*column, *width, column.title().to_owned(), Paint::Quiet))
            .collect();
        self.line(cells)
    }

    /// The row, in as many lines as it takes.
    #[must_use]
    pub fn row(&self, row: &Row) -> Vec<Line> {
        let Some(within) = self.within else {
            return vec![self.line(self.cells(row, |column, _| column.of(row)))];
        };
        let mut texts: Vec<Vec<String>> = Vec::new();
        for (column, width) in &self.columns {
            let is_note = *column == Column::Note;
            let lines = if is_note { NOTE_LINES } else { NAME_LINES };
            texts.push(wrapped(&column.of(row), *width, lines));
        }
        let height = texts.iter().map(Vec::len).max().unwrap_or_default().max(1);
        let mut all: Vec<Line> = (0..height)
            .map(|nth| {
                let text = |_: Column, place: usize| texts[place].get(nth).cloned().unwrap_or_default();
                self.line(self.cells(row, text))
            })
            .collect();
        if self.columns.iter().all(|(column, _)| *column != Column::Note) {
            all.extend(self.below(row, within));
        }
        all
    }

    fn cells(
        &self,
        row: &Row,
        text: impl Fn(Column, usize) -> String,
    ) -> Vec<(Column, usize, String, Paint)> {
        let columns = self.columns.iter().enumerate();
        let cells = columns
            .map(|(place, (column, width))| (*column, *width, text(*column, place), column.paint(row)));
        cells.collect()
    }

    fn line(&self, cells: Vec<(Column, usize, String, Paint)>) -> Line {
        let mut line = Line::default();
        let mut to = 0;
        for (column, wide, text, paint) in cells {
            line.fill(to);
            if column.is_number() {
                line.fill(to + wide.saturating_sub(width(&text)));
            }
            line.add(text, paint);
            to += wide + GAP;
        }
        match self.within {
            Some(within) => line.within(within),
            None => line,
        }
    }

    /// The notes under the row, from where names begin.
    fn below(&self, row: &Row, within: usize) -> Vec<Line> {
        let before = self
            .columns
            .iter()
            .take_while(|(column, _)| *column != Column::Name);
        let begins: usize = before.map(|(_, width)| width + GAP).sum();
        let indent = begins.min(within / 2) + if row.is_under { 2 } else { 0 };
        let paint = if row.is_overdue() {
            Paint::Strong
        } else {
            Paint::Quiet
        };
        let texts = wrapped(&row.note(), within.saturating_sub(indent), NOTE_LINES).into_iter();
        let line = |text| {
            let mut line = Line::of(" ".repeat(indent), Paint::Plain);
            line.add(text, paint);
            line.within(within)
        };
        texts.map(line).collect()
    }
}
