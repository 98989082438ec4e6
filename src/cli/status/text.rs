//! Text for the terminal: how wide it is there, how it is cut and wrapped, and in which colours it stands.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::notify::clean;
use crate::web::overview::Group;

/// The most of a text of others that is shown, in characters.
const LONGEST: usize = 400;

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

/// The text in lines of at most so many columns, broken between words, at most `lines` of them; a word that is wider
/// than a line, and what is left after the last, is cut.
#[must_use]
pub fn wrapped(text: &str, limit: usize, lines: usize) -> Vec<String> {
    let mut done: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut words = text.split(' ').filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.peek() {
        let longer = if line.is_empty() {
            (*word).to_owned()
        } else {
            format!("{line} {word}")
        };
        let is_last = done.len() + 1 >= lines;
        if width(&longer) <= limit {
            line = longer;
            words.next();
        } else if is_last {
            let rest: Vec<&str> = words.by_ref().collect();
            let all = format!("{line} {}", rest.join(" "));
            line = cut(all.trim_start(), limit);
        } else if line.is_empty() {
            line = cut(word, limit);
            words.next();
        } else {
            done.push(std::mem::take(&mut line));
        }
    }
    if !line.is_empty() {
        done.push(line);
    }
    done
}
