//! A report as plain text, readable in a terminal of 80 columns: every word and figure of its HTML.

use crate::notify::report::digest::Digest;
use crate::notify::report::part::Entry;
use crate::notify::report::part::Part;

/// How wide a line is.
const COLUMNS: usize = 80;

/// The text.
#[must_use]
pub fn text(digest: &Digest) -> String {
    let mut page = Page(String::new());
    page.line(0, &digest.title);
    page.line(0, &digest.span);
    page.gap();
    page.line(0, &digest.verdict);
    if !digest.tallies.is_empty() {
        page.gap();
    }
    for tally in &digest.tallies {
        page.line(2, &format!("{:>6} {}", tally.count, tally.label));
    }
    for part in &digest.parts {
        page.part(part);
    }
    page.gap();
    page.0.push_str("-- \n");
    for line in &digest.footer {
        page.line(0, line);
    }
    if let Some(url) = &digest.page_url {
        page.0.push_str(&format!("All levels: {url}\n"));
    }
    page.0
}

struct Page(String);

impl Page {
    fn part(&mut self, part: &Part) {
        self.gap();
        let title = match part.count {
            Some(count) => format!("{} ({count})", part.title),
            None => part.title.to_owned(),
        };
        let rule = "-".repeat(width(&title));
        self.line(0, &title.to_uppercase());
        self.line(0, &rule);
        for line in &part.lead {
            self.line(0, line);
        }
        if part.entries.is_empty() && part.count.is_none() {
            self.line(0, part.none);
        }
        for (place, entry) in part.entries.iter().enumerate() {
            if place > 0 || !part.lead.is_empty() {
                self.gap();
            }
            self.entry(entry);
        }
        if !part.more.is_empty() {
            self.gap();
            self.line(0, &part.more);
        }
        if !part.notes.is_empty() {
            self.gap();
        }
        for note in &part.notes {
            self.line(2, &format!("* {note}"));
        }
    }

    fn entry(&mut self, entry: &Entry) {
        let choice = entry.choice.as_ref().map(|choice| format!(" [{choice}]"));
        let figure = match (entry.figure.as_str(), entry.unit.as_str()) {
            ("", _) => String::new(),
            (figure, "") => format!(", {figure}"),
            (figure, unit) => format!(", {figure} {unit}"),
        };
        let choice = choice.unwrap_or_default();
        self.line(0, &format!("{}: {}{choice}{figure}", entry.label, entry.title));
        if !entry.lead.is_empty() {
            self.line(4, &entry.lead);
        }
        for fact in &entry.facts {
            self.line(4, fact);
        }
        if let Some(picture) = &entry.picture {
            self.line(
                4,
                &format!("{} to {}: {}", picture.from, picture.until, picture.alt),
            );
        }
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }

    /// The text, in as many lines as it takes; beneath a title those after the first stand two columns further in.
    fn line(&mut self, indent: usize, text: &str) {
        let further = if indent == 0 { 0 } else { indent + 2 };
        if text.is_empty() {
            return;
        }
        let mut used = indent;
        let mut begun = false;
        self.0.push_str(&" ".repeat(indent));
        // What stands in front is kept: numbers under each other.
        let ahead = text.len() - text.trim_start().len();
        self.0.push_str(&text[..ahead]);
        used += ahead;
        for word in text.split_whitespace() {
            for piece in pieces(word) {
                let needed = width(&piece);
                let gap = usize::from(begun);
                if begun && used + gap + needed > COLUMNS {
                    self.0.push('\n');
                    self.0.push_str(&" ".repeat(further));
                    used = further;
                } else if begun {
                    self.0.push(' ');
                    used += 1;
                }
                self.0.push_str(&piece);
                used += needed;
                begun = true;
            }
        }
        self.0.push('\n');
    }
}

/// A word, cut where it is longer than a line.
fn pieces(word: &str) -> Vec<String> {
    const LONGEST: usize = COLUMNS - 8;
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for c in word.chars() {
        let needed = columns(c);
        if used + needed > LONGEST {
            pieces.push(String::new());
            used = 0;
        }
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
        used += needed;
    }
    pieces
}

/// How many columns a text takes in a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Two for the wide letters of East Asia and for emoji, none for what is put on the letter before.
fn columns(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x200d | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
