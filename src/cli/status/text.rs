//! Text for the terminal: how wide it is there, how it is cut and wrapped, and in which colours it stands.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::notify::clean;
use crate::web::overview::Group;

/// The most of a text of others that is shown, in characters.
const LONGEST: usize = 400;
/// No line ends with these, and none begins with those.
const OPENING: &str = "([{（［｛「『【《〈〔";
const CLOSING: &str = ")]},.:;!?%-/_…、。，．：；！？）］｝」』】》〉〕・ーゝ々";

/// How a piece of text stands out. All of it is said in words too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paint {
    #[default]
    Plain,
    Strong,
    Quiet,
    /// As rows of that group are.
    Of(Group),
    /// What goes wrong.
    Wrong,
    /// What is well.
    Well,
}

impl Paint {
    /// The colours of ECMA-48 that each terminal has, in the reader's own shades.
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Quiet | Self::Of(Group::NotControlled | Group::Silent) => "2",
            Self::Of(Group::Out) | Self::Wrong => "1;31",
            Self::Of(Group::Critical) => "35",
            Self::Of(Group::Low) => "33",
            Self::Of(Group::Unknown) => "36",
            Self::Of(Group::Ok) | Self::Well => "32",
        }
    }
}

/// A line of the screen, in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line(Vec<(String, Paint)>);

impl Line {
    /// A line of one piece.
    #[must_use]
    pub fn of(text: impl Into<String>, paint: Paint) -> Self {
        Self(vec![(text.into(), paint)])
    }

    /// One more piece at its end.
    pub fn add(&mut self, text: impl Into<String>, paint: Paint) {
        self.0.push((text.into(), paint));
    }

    /// Blanks up to that column.
    pub fn fill(&mut self, to: usize) {
        let blanks = to.saturating_sub(width(&self.raw()));
        self.add(" ".repeat(blanks), Paint::Plain);
    }

    /// How many columns it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        width(&self.text())
    }

    /// Its text without colours and without blanks at its end.
    #[must_use]
    pub fn text(&self) -> String {
        let text: String = self.0.iter().map(|(text, _)| text.as_str()).collect();
        text.trim_end().to_owned()
    }

    /// At most so wide: what is beyond is cut off.
    #[must_use]
    pub fn within(self, limit: usize) -> Self {
        if self.width() <= limit {
            return self;
        }
        let mut kept = Self::default();
        for (text, paint) in self.0 {
            let room = limit.saturating_sub(width(&kept.raw()));
            if width(&text) >= room {
                kept.add(cut(&text, room), paint);
                break;
            }
            kept.add(text, paint);
        }
        kept
    }

    fn raw(&self) -> String {
        self.0.iter().map(|(text, _)| text.as_str()).collect()
    }

    /// As it goes to the terminal.
    #[must_use]
    pub fn painted(&self, colours: bool) -> String {
        if !colours {
            return self.text();
        }
        let mut out = String::new();
        let blanks = self.0.iter().rev();
        let blanks = blanks.take_while(|(text, _)| text.trim_end().is_empty()).count();
        for (text, paint) in self.0.iter().take(self.0.len() - blanks) {
            match paint.code() {
                "" => out.push_str(text),
                code => out.push_str(&format!("\u{1b}[{code}m{text}\u{1b}[0m")),
            }
        }
        out
    }
}

/// How many columns it takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// A text of others on one line, without anything that a terminal obeys.
#[must_use]
pub fn shown(text: &str) -> String {
    clean::line(text, LONGEST)
}

/// The text in at most so many columns; a cut shows as `…`.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(1);
    let ends = text.grapheme_indices(true).map(|(at, letter)| at + letter.len());
    let end = ends.take_while(|end| width(&text[..*end]) <= room).last();
    let kept = text[..end.unwrap_or_default()].trim_end();
    if limit == 0 {
        String::new()
    } else {
        format!("{kept}…")
    }
}

/// Where a line may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaks {
    /// Between words; within one only where it is wider than a line.
    Words,
    /// Also within words, where a reader expects it.
    Pieces,
    /// After each letter, too.
    Letters,
}

/// The text in lines of at most so many columns, at most `lines` of them: broken between words, else wherever that
/// keeps all of it; what is left after the last is cut.
#[must_use]
pub fn wrapped(text: &str, limit: usize, lines: usize) -> Vec<String> {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let text = words.join(" ");
    if text.is_empty() || limit == 0 {
        return Vec::new();
    }
    let mut ways = [Breaks::Words, Breaks::Pieces, Breaks::Letters].into_iter();
    let whole = ways.find_map(|breaks| {
        let found = broken(&text, limit, breaks);
        (found.len() <= lines).then_some(found)
    });
    let mut found = whole.unwrap_or_else(|| broken(&text, limit, Breaks::Pieces));
    if found.len() > lines {
        found.truncate(lines);
        if let Some(last) = found.last_mut() {
            last.end = text.len();
        }
    }
    found.into_iter().map(|line| cut(&text[line], limit)).collect()
}

/// The lines as ranges of the text. Only a single sign can be wider than the limit.
fn broken(text: &str, limit: usize, breaks: Breaks) -> Vec<Range<usize>> {
    let fits = |part: &Range<usize>| width(&text[part.clone()]) <= limit;
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut put = |part: Range<usize>, is_apart: bool| match lines.last_mut() {
        Some(line) if !is_apart && fits(&(line.start..part.end)) => line.end = part.end,
        Some(_) | None => lines.push(part),
    };
    let mut at = 0;
    for word in text.split(' ') {
        let whole = at..at + word.len();
        at = whole.end + 1;
        if breaks == Breaks::Words && fits(&whole) {
            put(whole, false);
            continue;
        }
        for piece in pieces(word) {
            let piece = whole.start + piece.start..whole.start + piece.end;
            if breaks != Breaks::Letters && fits(&piece) {
                put(piece, false);
                continue;
            }
            // What is broken within reads better from the begin of a line.
            let mut is_apart = breaks != Breaks::Letters;
            for (from, letter) in text[piece.clone()].grapheme_indices(true) {
                let from = piece.start + from;
                put(from..from + letter.len(), is_apart);
                is_apart = false;
            }
        }
    }
    lines
}

/// The parts of a word between which a line may end: after `-`, `/` and `_`, and beside signs as wide as two, of which
/// words are written without blanks; but no line begins with what closes, or ends with what opens.
fn pieces(word: &str) -> Vec<Range<usize>> {
    const JOINTS: [&str; 3] = ["-", "/", "_"];
    let letters: Vec<(usize, &str)> = word.grapheme_indices(true).collect();
    let mut found = Vec::new();
    let mut start = 0;
    for pair in letters.windows(2) {
        let [(_, before), (at, after)] = *pair else {
            continue;
        };
        let is_joint = JOINTS.contains(&before) && !JOINTS.contains(&after);
        let is_wide = (width(before) == 2 || width(after) == 2)
            && !OPENING.contains(before)
            && !CLOSING.contains(after);
        if is_joint || is_wide {
            found.push(start..at);
            start = at;
        }
    }
    found.push(start..word.len());
    found
}
