//! Telegram: `sendMessage` of the Bot API, in its HTML.
//!
//! Limits: 4,096 characters after the entities are parsed, counted in UTF-16 units as the offsets of entities are; past
//! 100 entities formatting is left out (<https://core.telegram.org/bots/api#sendmessage>,
//! <https://core.telegram.org/bots/api#messageentity>, <https://limits.tginfo.me>). The chat is not part of the body: it
//! is added when the message is sent.

use serde_json::json;

use crate::notify::clean;
use crate::notify::format::digest::Digest;
use crate::notify::format::entry::Entry;
use crate::notify::format::entry::Group;
use crate::notify::format::entry::sign;

/// UTF-16 units of the text, its markup taken away.
const TEXT: usize = 4096;
/// Entities a message.
const ENTITIES: usize = 100;

/// A text with its markup, and how long it is without.
#[derive(Default)]
struct Text {
    html: String,
    units: usize,
    entities: usize,
}

/// The body that says it.
#[must_use]
pub fn body(digest: &Digest) -> String {
    digest.fitted(|digest| {
        let text = text(digest);
        let message = json!({
            "text": text.html,
            "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true },
        });
        (
            message.to_string(),
            text.units <= TEXT && text.entities <= ENTITIES,
        )
    })
}

fn text(digest: &Digest) -> Text {
    let mut text = Text::default();
    if !digest.headline.is_empty() || digest.groups.is_empty() {
        text.bold(digest.title());
        text.plain("\n");
    }
    for line in &digest.intro {
        text.plain(line);
        text.plain("\n");
    }
    for group in &digest.groups {
        text.group(group);
    }
    if !digest.footer.is_empty() {
        text.plain("\n");
        text.plain(&digest.footer);
    }
    if let Some(link) = &digest.link {
        text.plain("\n");
        text.plain(&format!("All levels: {link}"));
    }
    text
}

impl Text {
    fn group(&mut self, group: &Group) {
        if !self.html.is_empty() {
            self.plain("\n");
        }
        if !group.heading.is_empty() {
            self.bold(&group.heading);
            self.plain("\n");
        }
        for (at, entry) in group.entries.iter().enumerate() {
            if at > 0 && !entry.facts.is_empty() {
                self.plain("\n");
            }
            self.entry(entry);
        }
        if let Some(more) = group.more() {
            self.plain(&more);
            self.plain("\n");
        }
    }

    fn entry(&mut self, entry: &Entry) {
        self.plain(sign(entry.tone));
        self.plain(" ");
        if !entry.label.is_empty() {
            self.bold(entry.label);
            self.plain(" ");
        }
        self.plain(&entry.title);
        self.plain(if entry.facts.is_empty() { ": " } else { "\n" });
        self.plain(&entry.lead);
        self.plain("\n");
        for fact in &entry.facts {
            self.plain(fact);
            self.plain("\n");
        }
    }

    fn bold(&mut self, text: &str) {
        self.html.push_str("<b>");
        self.plain(text);
        self.html.push_str("</b>");
        self.entities += 1;
    }

    /// The text without a meaning of its own: neither a tag, nor a name that somebody is called by.
    fn plain(&mut self, text: &str) {
        self.units += clean::utf16(&uncalled(text));
        self.html.push_str(&escaped(text));
    }
}

/// A word joiner is not seen, and ends what would be taken for a user's name.
fn uncalled(text: &str) -> String {
    text.replace('@', "@\u{2060}")
}

/// The text as it stands in the HTML.
pub(crate) fn escaped(text: &str) -> String {
    let text = uncalled(text).replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}
