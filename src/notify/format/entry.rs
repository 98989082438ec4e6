//! What a chat lists, before a receiver's own form is given to it.

use crate::notify::cards::Tone;

/// Entries of one kind.
#[derive(Debug, Clone)]
pub struct Group {
    /// "" for what the message announces.
    pub heading: String,
    pub entries: Vec<Entry>,
    /// How many there are beyond those.
    pub more: usize,
}

/// One alert, event or line.
#[derive(Debug, Clone)]
pub struct Entry {
    pub tone: Tone,
    /// "" where the title says it all.
    pub label: &'static str,
    pub title: String,
    /// What matters most, in one line.
    pub lead: String,
    pub facts: Vec<String>,
}

impl Group {
    /// `+12 more`; nothing where all are listed.
    #[must_use]
    pub fn more(&self) -> Option<String> {
        (self.more > 0).then(|| format!("+{} more", self.more))
    }
}

/// A sign in the tone's colour.
#[must_use]
pub fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Out => "🔴",
        Tone::Critical => "🟠",
        Tone::Low => "🟡",
        Tone::Good => "🟢",
        Tone::Plain => "⚪",
    }
}
