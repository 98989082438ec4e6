//! All that a report is about as a list for spreadsheets and programs: one row for each series, pool and event.
//!
//! RFC 4180 in UTF-8, with a byte order mark: it is opened by a double click, and Excel takes what has none for another
//! encoding. Numbers are plain, times RFC 3339 in UTC, and no text is taken for a formula.

use std::collections::HashMap;

use csv::Terminator;
use csv::WriterBuilder;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::forecast::Cover;
use crate::domain::report::Happened;
use crate::domain::report::Line;
use crate::domain::report::Period;
use crate::domain::report::PoolLine;
use crate::domain::report::Report;
use crate::domain::report::Section;
use crate::domain::reporting::outline;
use crate::domain::stand::AckRef;
use crate::notify::clean;

/// The columns, in their order; more may come at the end.
pub const COLUMNS: [&str; 40] = [
    "row",
    "sections",
    "instance",
    "product_id",
    "product",
    "group",
    "combination_key",
    "combination",
    "severity",
    "level",
    "known",
    "since",
    "low",
    "critical",
    "thresholds_from",
    "sells_per_day",
    "sells_per_day_low",
    "sells_per_day_high",
    "cover_days",
    "cover_days_earliest",
    "cover_days_latest",
    "lead_time_days",
    "fell",
    "rose",
    "hours_out",
    "lost",
    "currency",
    "bottleneck",
    "ordered_by",
    "ordered_at",
    "note",
    "quantity",
    "arrived",
    "eta",
    "overdue",
    "capacity",
    "holds_back",
    "event",
    "event_at",
    "name",
];
/// How much of a text a cell holds, in characters: less where the list would be too large to be sent.
const CELL: [usize; 3] = [clean::NAME, 60, 20];
/// The largest list, in bytes.
const LIST: usize = 4_000_000;

/// One row, its cells in the columns' order.
struct Cells {
    cells: Vec<String>,
    /// How much of a text a cell holds.
    limit: usize,
}

/// The file's name: `report-weekly-2026-11-21.csv`, of plain letters and digits.
#[must_use]
pub fn file_name(report: &Report, zone: &TimeZone) -> String {
    let words: Vec<String> = report
        .name
        .to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let plain: String = words.join("-").chars().take(40).collect();
    let plain = plain.trim_matches('-');
    let name = match (plain, report.period) {
        ("", Period::Day) => "day",
        ("", Period::Week) => "week",
        ("", Period::Month) => "month",
        (name, _) => name,
    };
    let day = report
        .until
        .to_zoned(zone.clone())
        .strftime("%Y-%m-%d")
        .to_string();
    format!("report-{name}-{day}.csv")
}

/// The list: every row, the longest names cut.
#[must_use]
pub fn csv(report: &Report) -> String {
    let mut list = written(report, CELL[0]);
    for cell in &CELL[1..] {
        if list.len() > LIST {
            list = written(report, *cell);
        }
    }
    list
}

fn written(report: &Report, cell: usize) -> String {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    // Into memory, and each record has as many cells as the first: it cannot fail.
    let _ = writer.write_record(COLUMNS);
    for (line, sections) in series(report) {
        let _ = writer.write_record(Cells::series(line, &sections, cell).cells);
    }
    for section in &report.sections {
        match section {
            Section::Pools { lines } => {
                for line in lines.iter().chain(&report.beyond.pools) {
                    let _ = writer.write_record(Cells::pool(line, cell).cells);
                }
            }
            Section::Changed(changed) => {
                for event in changed.events.iter().chain(&report.beyond.events) {
                    let _ = writer.write_record(Cells::event(event, cell).cells);
                }
            }
            Section::ActNow { .. }
            | Section::RunningOut { .. }
            | Section::Ordered { .. }
            | Section::Idle { .. }
            | Section::Money(_)
            | Section::Health(_) => {}
        }
    }
    let bytes = writer.into_inner().unwrap_or_default();
    format!("\u{feff}{}", String::from_utf8_lossy(&bytes))
}

/// What tells a series from the others.
type Series<'a> = (&'a str, i64, Option<&'a str>);

fn key(line: &Line) -> Series<'_> {
    let combination = line
        .combination
        .as_ref()
        .map(|combination| combination.key.as_str());
    (&line.instance, line.product.id, combination)
}

/// Every series once, with the sections it stands in: those of `all`, and what stands in a section alone.
fn series(report: &Report) -> Vec<(&Line, String)> {
    let mut found: Vec<(&Line, Vec<&'static str>)> =
        report.all.iter().map(|line| (line, Vec::new())).collect();
    let mut places: HashMap<Series<'_>, usize> = report
        .all
        .iter()
        .enumerate()
        .map(|(place, line)| (key(line), place))
        .collect();
    let beyond = report.beyond.lines.iter();
    let beyond = beyond.map(|(topic, line)| (outline::topic_name(*topic), line));
    let listed = report.sections.iter().filter_map(lines);
    let listed = listed.flat_map(|(topic, lines)| lines.iter().map(move |line| (topic, line)));
    for (topic, line) in listed.chain(beyond) {
        let place = *places.entry(key(line)).or_insert_with(|| {
            found.push((line, Vec::new()));
            found.len() - 1
        });
        found[place].1.push(topic);
        // The section's line knows more: what was lost, for one.
        found[place].0 = fuller(found[place].0, line);
    }
    found
        .into_iter()
        .map(|(line, topics)| (line, topics.join(";")))
        .collect()
}

fn fuller<'a>(one: &'a Line, other: &'a Line) -> &'a Line {
    let known = |line: &Line| {
        [
            line.lost.is_some(),
            line.ack.is_some(),
            line.rate.is_some(),
            line.cover.is_some(),
        ]
        .into_iter()
        .filter(|known| *known)
        .count()
    };
    if known(other) > known(one) { other } else { one }
}

fn lines(section: &Section) -> Option<(&'static str, &[Line])> {
    match section {
        Section::ActNow { lines } => Some(("act_now", lines)),
        Section::RunningOut { lines, .. } => Some(("running_out", lines)),
        Section::Ordered { lines } => Some(("ordered", lines)),
        Section::Changed(changed) => Some(("changed", &changed.moved)),
        Section::Idle { lines } => Some(("idle", lines)),
        Section::Money(money) => Some(("money", &money.lines)),
        Section::Pools { .. } | Section::Health(_) => None,
    }
}

impl Cells {
    fn new(row: &str, limit: usize) -> Self {
        let mut cells = Self {
            cells: vec![String::new(); COLUMNS.len()],
            limit,
        };
        cells.set("row", row.to_owned());
        cells
    }

    fn set(&mut self, column: &str, value: String) {
        if let Some(place) = COLUMNS.iter().position(|name| *name == column) {
            self.cells[place] = value;
        }
    }

    /// A text, on one line, that no spreadsheet takes for a formula.
    fn text(&mut self, column: &str, text: &str) {
        self.set(column, clean::defused(&clean::line(text, self.limit)));
    }

    fn number(&mut self, column: &str, number: Option<f64>) {
        let shown = number.filter(|number| number.is_finite()).map(|number| {
            // Four places are more than any estimate is worth.
            let text = format!("{number:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        });
        self.set(column, shown.unwrap_or_default());
    }

    fn time(&mut self, column: &str, at: Timestamp) {
        self.set(column, format!("{at:.0}"));
    }

    fn series(line: &Line, sections: &str, cell: usize) -> Self {
        let mut cells = Self::new("series", cell);
        cells.set("sections", sections.to_owned());
        cells.product(
            &line.instance,
            line.product.id,
            &line.product.name,
            line.product.group.as_deref(),
        );
        if let Some(combination) = &line.combination {
            cells.text("combination_key", &combination.key);
            cells.text("combination", &combination.label);
        }
        cells.set("severity", line.severity.as_str().to_owned());
        cells.set(
            "level",
            line.level.map(|level| level.to_string()).unwrap_or_default(),
        );
        cells.set("known", line.known.to_string());
        cells.time("since", line.since);
        cells.set("low", line.thresholds.low.to_string());
        cells.set("critical", line.thresholds.critical.to_string());
        cells.text("thresholds_from", &line.thresholds.origin);
        cells.number("sells_per_day", line.rate.map(|rate| rate.per_day));
        cells.number("sells_per_day_low", line.rate.map(|rate| rate.low));
        cells.number("sells_per_day_high", line.rate.map(|rate| rate.high));
        cells.cover(line.cover.as_ref());
        cells.number("lead_time_days", line.lead_time_days);
        cells.set("fell", line.sold.to_string());
        cells.set("rose", line.restocked.to_string());
        cells.number("hours_out", Some(line.hours_out));
        if let Some(lost) = &line.lost {
            let hundredths = lost.hundredths.unsigned_abs();
            let sign = if lost.hundredths < 0 { "-" } else { "" };
            cells.set(
                "lost",
                format!("{sign}{}.{:02}", hundredths / 100, hundredths % 100),
            );
            cells.text("currency", &lost.currency);
        }
        cells.text("bottleneck", line.bottleneck.as_deref().unwrap_or_default());
        cells.ack(line.ack.as_ref());
        cells
    }

    fn pool(line: &PoolLine, cell: usize) -> Self {
        let mut cells = Self::new("pool", cell);
        cells.set("sections", "pools".to_owned());
        cells.text("name", &line.name);
        cells.set("severity", line.severity.as_str().to_owned());
        cells.set(
            "level",
            line.level.map(|level| level.to_string()).unwrap_or_default(),
        );
        cells.set("known", line.level.is_some().to_string());
        cells.cover(line.cover.as_ref());
        cells.set("capacity", line.capacity.to_string());
        cells.set("holds_back", line.holds_back.to_string());
        cells.ack(line.ack.as_ref());
        cells
    }

    fn event(event: &Happened, cell: usize) -> Self {
        let mut cells = Self::new("event", cell);
        cells.set("sections", "changed".to_owned());
        let product = &event.product;
        cells.product(
            &event.instance,
            product.id,
            &product.name,
            product.group.as_deref(),
        );
        cells.set("event", event.kind.as_str().to_owned());
        cells.time("event_at", event.at);
        cells
    }

    fn product(&mut self, instance: &str, id: i64, name: &str, group: Option<&str>) {
        self.text("instance", instance);
        self.set("product_id", id.to_string());
        self.text("product", name);
        self.text("group", group.unwrap_or_default());
    }

    fn cover(&mut self, cover: Option<&Cover>) {
        self.number("cover_days", cover.map(|cover| cover.days));
        self.number("cover_days_earliest", cover.map(|cover| cover.earliest));
        self.number("cover_days_latest", cover.and_then(|cover| cover.latest));
    }

    fn ack(&mut self, ack: Option<&AckRef>) {
        let Some(ack) = ack else { return };
        self.text("ordered_by", &ack.by);
        self.time("ordered_at", ack.at);
        self.text("note", &ack.note);
        self.set(
            "quantity",
            ack.quantity
                .map(|quantity| quantity.to_string())
                .unwrap_or_default(),
        );
        self.set("arrived", ack.arrived.to_string());
        if let Some(eta) = ack.eta {
            self.time("eta", eta);
        }
        self.set("overdue", ack.overdue.to_string());
    }
}
