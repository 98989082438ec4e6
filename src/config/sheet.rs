//! A list of thresholds as spreadsheets read and write it: comma-separated values of every dialect, line by line.

use std::fmt;

use csv::ReaderBuilder;
use csv::StringRecord;
use csv::WriterBuilder;
use encoding_rs::Encoding;
use encoding_rs::WINDOWS_1252;

use crate::config::keys;
use crate::notify::clean::FORMULA;
use crate::notify::clean::defused;

/// A line that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLine {
    /// From 1, as an editor counts.
    pub line: u64,
    pub problem: String,
}

impl fmt::Display for WrongLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// A column of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Instance,
    Pid,
    Name,
    Option,
    Low,
    Critical,
    Capacity,
    Channels,
    Origin,
}

impl Column {
    /// All, in the order they are written.
    pub const ALL: [Self; 9] = [
        Self::Instance,
        Self::Pid,
        Self::Name,
        Self::Option,
        Self::Low,
        Self::Critical,
        Self::Capacity,
        Self::Channels,
        Self::Origin,
    ];

    /// What stands in the header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Pid => "pid",
            Self::Name => "name",
            Self::Option => "option",
            Self::Low => "low",
            Self::Critical => "critical",
            Self::Capacity => "capacity",
            Self::Channels => "channels",
            Self::Origin => "origin",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        Self::ALL.into_iter().find(|column| column.as_str() == text)
    }
}

/// One line of the list: the text of each column, "" where it is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    pub line: u64,
    cells: [String; 9],
}

impl Row {
    /// The text of a column.
    #[must_use]
    pub fn get(&self, column: Column) -> &str {
        &self.cells[column as usize]
    }

    /// Writes a column's text.
    pub fn set(&mut self, column: Column, text: impl Into<String>) {
        self.cells[column as usize] = text.into();
    }
}

/// Reads a list. Byte order marks, UTF-16, Windows-1252, `;`, `,` and tabs, quotes and all line ends are understood.
///
/// # Errors
/// Every line that cannot be read, at once.
pub fn read(bytes: &[u8]) -> Result<Vec<Row>, Vec<WrongLine>> {
    let text = decoded(bytes);
    let (hint, skipped) = hinted(&text);
    let list = &text[skipped..];
    let records = records(list, hint).map_err(|error| vec![wrong(1, format!("is not a list: {error}"))])?;
    let mut counted = Counted {
        text: list,
        at: 0,
        line: 1 + u64::from(skipped > 0),
    };
    let mut lines = records
        .iter()
        .map(|record| (counted.line_of(record), record))
        .filter(|(_, record)| record.iter().any(|cell| !cell.trim().is_empty()));
    let Some((line, header)) = lines.next() else {
        return Err(vec![wrong(1, format!("is empty. {HEADER}"))]);
    };
    let columns = columns(line, header)?;
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    for (line, record) in lines {
        match row(line, record, &columns) {
            Ok(row) => rows.push(row),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(rows)
    } else {
        Err(problems)
    }
}

/// Counts the lines of a text up to records that ascend: their own count is off after `\r\n`.
struct Counted<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl Counted<'_> {
    fn line_of(&mut self, record: &StringRecord) -> u64 {
        let begins = record.position().map_or(0, csv::Position::byte);
        let begins = usize::try_from(begins).unwrap_or(usize::MAX).min(self.text.len());
        let bytes = self.text.as_bytes();
        // A record's place may be that of line ends before it.
        let ends = bytes[begins..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let passed = &bytes[self.at..begins + ends];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = begins + ends;
        self.line
    }
}

/// What a header should be.
const HEADER: &str = "The first line names the columns: instance, pid, name, option, low, critical, capacity, channels \
     (pid or name, and what you need of the others).";

fn wrong(line: u64, problem: impl Into<String>) -> WrongLine {
    WrongLine {
        line,
        problem: problem.into(),
    }
}

fn decoded(bytes: &[u8]) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding
            .decode_without_bom_handling(&bytes[mark..])
            .0
            .into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // What Excel saves as "CSV" in the West; it has a meaning for every byte.
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// Excel's own first line `sep=;`, where it is there: the delimiter, and how many bytes it takes.
fn hinted(text: &str) -> (Option<u8>, usize) {
    let end = text.find('\n').map_or(text.len(), |at| at + 1);
    let line = text[..end].trim_end().to_lowercase();
    match line.strip_prefix("sep=").map(str::as_bytes) {
        Some([delimiter]) => (Some(*delimiter), end),
        Some(_) | None => (None, 0),
    }
}

/// Under the delimiter that makes the header out; under a comma where none does.
fn records(text: &str, hint: Option<u8>) -> csv::Result<Vec<StringRecord>> {
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let known = |delimiter: u8| {
        let record = reader(header, delimiter).records().next();
        let cells = record.and_then(Result::ok).unwrap_or_default();
        cells.iter().filter(|cell| Column::parse(cell).is_some()).count()
    };
    let best = [b',', b';', b'\t']
        .into_iter()
        .rev()
        .max_by_key(|delimiter| known(*delimiter));
    reader(text, hint.or(best).unwrap_or(b',')).records().collect()
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}

fn columns(line: u64, header: &StringRecord) -> Result<Vec<Option<Column>>, Vec<WrongLine>> {
    let mut columns = Vec::new();
    let mut problems = Vec::new();
    for name in header {
        let column = Column::parse(name);
        match column {
            Some(known) if columns.contains(&column) => {
                problems.push(wrong(line, format!("the column {} stands twice", known.as_str())));
            }
            Some(_) => {}
            // Spreadsheets leave empty columns at the right.
            None if name.trim().is_empty() => {}
            None => {
                let names = Column::ALL.iter().map(|column| column.as_str());
                let mend = match keys::nearest(&name.trim().to_lowercase(), names) {
                    Some(near) => format!("Did you mean {near}?"),
                    None => HEADER.to_owned(),
                };
                let shown: String = name.trim().chars().take(40).collect();
                problems.push(wrong(line, format!("there is no column {shown:?}. {mend}")));
            }
        }
        columns.push(column);
    }
    let names_products = [Column::Pid, Column::Name].map(Some);
    if problems.is_empty() && !names_products.iter().any(|column| columns.contains(column)) {
        problems.push(wrong(line, format!("names no products. {HEADER}")));
    }
    if problems.is_empty() {
        Ok(columns)
    } else {
        Err(problems)
    }
}

fn row(line: u64, record: &StringRecord, columns: &[Option<Column>]) -> Result<Row, WrongLine> {
    let mut row = Row {
        line,
        ..Row::default()
    };
    for (place, cell) in record.iter().enumerate() {
        let cell = undefused(cell.trim_matches([' ', '\u{a0}', '\r', '\n'])).trim();
        if cell.chars().any(char::is_control) {
            return Err(wrong(
                line,
                "holds a line break or control character within a cell. Is a quote not closed?",
            ));
        }
        match columns.get(place) {
            Some(Some(column)) => row.set(*column, cell),
            Some(None) | None if cell.is_empty() => {}
            Some(None) | None => {
                let problem = format!(
                    "{cell:?} stands in no column of the header. Does a cell hold the delimiter without quotes?"
                );
                return Err(wrong(line, problem));
            }
        }
    }
    Ok(row)
}

/// How the list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// UTF-8, commas.
    Plain,
    /// A byte order mark and semicolons: what Excel opens by a double click where the comma is the decimal sign.
    Excel,
}

/// Writes a list with its header.
#[must_use]
pub fn write(rows: &[Row], dialect: Dialect) -> String {
    let (mark, delimiter) = match dialect {
        Dialect::Plain => ("", b','),
        Dialect::Excel => ("\u{feff}", b';'),
    };
    let mut writer = WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    // Into memory, and each record has as many cells as the first: it cannot fail.
    let _ = writer.write_record(Column::ALL.map(Column::as_str));
    for row in rows {
        let _ = writer.write_record(row.cells.iter().map(|cell| defused(cell)));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    mark.to_owned() + &String::from_utf8_lossy(&bytes)
}

fn undefused(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA) => rest,
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(bytes: &[u8]) -> Vec<(u64, Vec<(&'static str, String)>)> {
        let rows = read(bytes).expect("a good list");
        let filled = |row: &Row| {
            let cells = Column::ALL.map(|column| (column.as_str(), row.get(column).to_owned()));
            cells.into_iter().filter(|(_, text)| !text.is_empty()).collect()
        };
        rows.iter().map(|row| (row.line, filled(row))).collect()
    }

    #[test]
    fn every_dialect_of_spreadsheets_is_read_alike() {
        let plain = "pid,name,low\n42,Größe \"L\",3\n";
        let expected = vec![(
            2,
            vec![
                ("pid", "42".into()),
                ("name", "Größe \"L\"".into()),
                ("low", "3".into()),
            ],
        )];
        assert_eq!(texts(plain.as_bytes()), expected);
        let semicolons = "\u{feff}PID;Name;Low\r\n42;\"Größe \"\"L\"\"\";3\r\n";
        assert_eq!(texts(semicolons.as_bytes()), expected);
        let tabs = "pid\tname\tlow\n42\tGröße \"L\"\t3 \n";
        assert_eq!(texts(tabs.as_bytes()), expected);
        let windows: Vec<u8> = semicolons.chars().skip(1).map(|c| c as u8).collect();
        assert_eq!(texts(&windows), expected);
        let wide: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(tabs.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        assert_eq!(texts(&wide), expected);
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let text = "sep=;\r\npid;name\r\n\r\n1;\"two\r\nlines\"\r\n;;\r\n3;x\r\n";
        let wrong = read(text.as_bytes()).expect_err("a line break in a cell");
        assert_eq!(wrong.iter().map(|wrong| wrong.line).collect::<Vec<_>>(), [4]);
        let lines: Vec<u64> = texts(text.replace("two\r\nlines", "one").as_bytes())
            .iter()
            .map(|(line, _)| *line)
            .collect();
        assert_eq!(lines, [4, 6]);
    }

    #[test]
    fn a_header_that_is_not_understood_is_told_with_what_was_meant() {
        let said = |text: &str| {
            let wrong = read(text.as_bytes()).expect_err("no such list");
            wrong.iter().map(|wrong| format!("{wrong}\n")).collect::<String>()
        };
        insta::assert_snapshot!(said("pid,lo,treshold,low\n1,2\n"), @r#"
        line 1: there is no column "lo". Did you mean low?
        line 1: there is no column "treshold". The first line names the columns: instance, pid, name, option, low, critical, capacity, channels (pid or name, and what you need of the others).
        "#);
        insta::assert_snapshot!(said("low,low\n1,2\n"), @"line 1: the column low stands twice");
        insta::assert_snapshot!(said("low;critical\n1;2\n"), @"line 1: names no products. The first line names the columns: instance, pid, name, option, low, critical, capacity, channels (pid or name, and what you need of the others).");
        assert!(said("\n \n").starts_with("line 1: is empty."));
        insta::assert_snapshot!(said("pid,name,low\n1,a,b,3\n2,a,3\n3,\"x\n4,y,5\n"), @r#"
        line 2: "3" stands in no column of the header. Does a cell hold the delimiter without quotes?
        line 4: holds a line break or control character within a cell. Is a quote not closed?
        "#);
    }

    #[test]
    fn what_looks_like_a_formula_is_defused() {
        let mut row = Row::default();
        row.set(Column::Name, "=cmd|' /C calc'!A0");
        row.set(Column::Option, "-x=1");
        row.set(Column::Origin, "'quoted'");
        let text = write(&[row], Dialect::Plain);
        insta::assert_snapshot!(text, @r"
        instance,pid,name,option,low,critical,capacity,channels,origin
        ,,'=cmd|' /C calc'!A0,'-x=1,,,,,''quoted'
        ");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            cells in prop::collection::vec(prop::collection::vec("[-=+@＝－'a;, \"ü🦀]{0,6}", 9), 1..5),
            excel in any::<bool>(),
        ) {
            let mut rows: Vec<Row> = Vec::new();
            for cells in &cells {
                let mut row = Row::default();
                for (column, cell) in Column::ALL.into_iter().zip(cells) {
                    row.set(column, cell.trim());
                }
                row.set(Column::Pid, "1");
                rows.push(row);
            }
            let dialect = if excel { Dialect::Excel } else { Dialect::Plain };
            let read = read(write(&rows, dialect).as_bytes()).expect("readable");
            let texts = |rows: &[Row]| -> Vec<[String; 9]> { rows.iter().map(|row| row.cells.clone()).collect() };
            prop_assert_eq!(texts(&read), texts(&rows));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
