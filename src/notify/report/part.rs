//! What a report's mail is made of: sections, their lines, and pictures.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::notify::cards::Tone;

/// A section.
#[derive(Debug)]
pub struct Part {
    pub title: &'static str,
    /// How many there are; `None` where that is no question.
    pub count: Option<usize>,
    /// What holds for all of it.
    pub lead: Vec<String>,
    pub entries: Vec<Entry>,
    /// Each takes as little room as it can.
    pub compact: bool,
    /// `+12 more, in the CSV`; "" where all are shown.
    pub more: String,
    /// What is said where there is nothing.
    pub none: &'static str,
    /// What it rests on.
    pub notes: Vec<String>,
}

/// How a report is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub now: Timestamp,
    pub zone: &'a TimeZone,
    pub page_url: Option<&'a str>,
    /// There are several shops: each line says which it is about.
    pub several: bool,
    /// How many lines of a section are shown.
    pub rows: usize,
}

/// One line.
#[derive(Debug)]
pub struct Entry {
    pub tone: Tone,
    pub label: &'static str,
    pub title: String,
    /// The combination, where it is not about the whole product.
    pub choice: Option<String>,
    /// What matters most, in large; "" where there is none.
    pub figure: String,
    /// What the figure counts.
    pub unit: String,
    pub lead: String,
    pub facts: Vec<String>,
    pub picture: Option<Picture>,
}

/// A picture and what it shows.
#[derive(Debug)]
pub struct Picture {
    /// The attachment's name: `cid:` and this is its address.
    pub cid: String,
    pub alt: String,
    /// The days at its left and right end.
    pub from: String,
    pub until: String,
}

/// `+12 more, in the CSV`
#[must_use]
pub fn more(total: usize, shown: usize) -> String {
    match total.saturating_sub(shown) {
        0 => String::new(),
        more => format!("+{more} more, in the CSV"),
    }
}
