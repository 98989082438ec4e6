//! Tables for the terminal: levels worst first, histories, deliveries.

use std::io::IsTerminal;

use comfy_table::Cell;
use comfy_table::CellAlignment;
use comfy_table::Color;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::presets;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::stand::Severity;
use crate::observe::items::Entry;

/// Columns below which a table is not fitted any more.
const NARROWEST: u16 = 40;

/// Whether to colour: only on a terminal that can, and not where NO_COLOR is set; CLICOLOR_FORCE colours elsewhere too.
#[must_use]
pub fn colours() -> bool {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let is = |name: &str, wanted: &str| variable(name).is_some_and(|value| value == wanted);
    if variable("NO_COLOR").is_some() {
        return false;
    }
    if variable("CLICOLOR_FORCE").is_some() && !is("CLICOLOR_FORCE", "0") {
        return true;
    }
    std::io::stdout().is_terminal() && is_able() && !is("CLICOLOR", "0")
}

/// Whether the terminal does more than write line after line, as far as it says.
#[must_use]
pub fn is_able() -> bool {
    std::env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}

/// An empty table that fits the terminal; plain lines without borders, so that it can be cut and searched.
#[must_use]
pub fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    // A terminal that does not know its width must not break every letter onto a line of its own.
    if table.width().is_some_and(|width| width < NARROWEST) {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.set_header(header.iter().map(Cell::new));
    table
}

/// The severity in words, coloured where colours are wanted.
#[must_use]
pub fn severity(entry: &Entry<'_>, colours: bool) -> Cell {
    severity_of(entry.state(), entry.severity(), colours)
}

/// The severity of that state in words.
#[must_use]
pub fn severity_of(state: &str, severity: Option<Severity>, colours: bool) -> Cell {
    let (words, colour) = match (state, severity) {
        ("known", Some(severity)) => (severity.as_str(), colour_of(severity)),
        (state, _) => (state, Color::DarkGrey),
    };
    let cell = Cell::new(words.replace('_', " "));
    if colours { cell.fg(colour) } else { cell }
}

fn colour_of(severity: Severity) -> Color {
    match severity {
        Severity::Ok => Color::Green,
        Severity::Low => Color::Yellow,
        Severity::Critical => Color::Magenta,
        Severity::Out => Color::Red,
    }
}

/// A number, to the right.
#[must_use]
pub fn number(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A time in the zone, to the second.
#[must_use]
pub fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

/// How long ago, in the largest whole unit: "3 min ago".
#[must_use]
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..=59 => format!("{seconds} s ago"),
        60..=3599 => format!("{} min ago", seconds / 60),
        3600..=172_799 => format!("{} h ago", seconds / 3600),
        172_800.. => format!("{} days ago", seconds / 86_400),
        // Clamped above.
        i64::MIN..=-1 => String::new(),
    }
}
