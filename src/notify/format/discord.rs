//! Discord: embeds for a channel's webhook.
//!
//! Limits: 2,000 characters of content, 10 embeds, 256 characters a title, 4,096 a description, 2,048 a footer, 6,000 in all embeds
//! together (<https://discord.com/developers/docs/resources/message#embed-object-embed-limits>,
//! <https://discord.com/developers/docs/resources/webhook#execute-webhook>). Discord does not say what a character is:
//! UTF-16 units are counted, of which there are never fewer, and of what is sent, escapes included.

use serde_json::Value;
use serde_json::json;

use crate::notify::cards::Tone;
use crate::notify::clean;
use crate::notify::format::digest::Digest;
use crate::notify::format::entry::Entry;
use crate::notify::format::entry::Group;
use crate::notify::format::entry::sign;

/// UTF-16 units of content.
const CONTENT: usize = 2000;
/// Embeds a message.
const EMBEDS: usize = 10;
/// UTF-16 units a title.
const TITLE: usize = 256;
/// UTF-16 units a description.
const DESCRIPTION: usize = 4096;
/// UTF-16 units a footer.
const FOOTER: usize = 2048;
/// UTF-16 units in all embeds.
const ALL: usize = 6000;

/// One embed, before it is JSON.
struct Embed {
    tone: Tone,
    title: String,
    description: String,
    footer: String,
}

/// The body that says it. It mentions nobody, whatever the names hold.
#[must_use]
pub fn body(digest: &Digest) -> String {
    digest.fitted(|digest| {
        let embeds = embeds(digest);
        let fits = embeds.len() <= EMBEDS
            && embeds.iter().map(Embed::size).sum::<usize>() <= ALL
            && embeds.iter().all(Embed::fits);
        let content = clean::cut(&digest.subject, CONTENT / 2, clean::utf16);
        let message = json!({
            "content": format!("**{}**", escaped(&content)),
            "embeds": embeds.iter().map(Embed::json).collect::<Vec<Value>>(),
            "allowed_mentions": { "parse": [] },
        });
        (message.to_string(), fits)
    })
}

fn embeds(digest: &Digest) -> Vec<Embed> {
    let mut embeds = Vec::new();
    let intro: Vec<String> = digest.intro.iter().map(|line| escaped(line)).collect();
    if !intro.is_empty() {
        embeds.push(Embed::of(digest.tone, intro.join("\n")));
    }
    for group in &digest.groups {
        let roomy = group.entries.iter().any(|entry| !entry.facts.is_empty());
        if roomy {
            embeds.extend(group.entries.iter().map(card));
        } else {
            embeds.push(list(group));
        }
    }
    if embeds.is_empty() {
        embeds.push(Embed::of(digest.tone, String::new()));
    }
    if let Some(last) = embeds.last_mut() {
        if let Some(link) = &digest.link {
            let gap = if last.description.is_empty() { "" } else { "\n\n" };
            last.description = format!("{}{gap}All levels: {link}", last.description);
        }
        last.footer.clone_from(&digest.footer);
    }
    embeds.retain(|embed| embed.size() > 0);
    embeds
}

/// An entry with an embed to itself.
fn card(entry: &Entry) -> Embed {
    let facts = entry.facts.iter().map(|fact| escaped(fact));
    let lines: Vec<String> = std::iter::once(format!("**{}**", escaped(&entry.lead)))
        .chain(facts)
        .collect();
    Embed {
        title: clean::cut(&format!("{}: {}", entry.label, entry.title), TITLE, |title| {
            clean::utf16(&escaped(title))
        }),
        ..Embed::of(entry.tone, lines.join("\n"))
    }
}

fn list(group: &Group) -> Embed {
    let lines = group.entries.iter().map(|entry| {
        let label = if entry.label.is_empty() {
            String::new()
        } else {
            format!("**{}** ", entry.label)
        };
        let (title, lead) = (escaped(&entry.title), escaped(&entry.lead));
        format!("{} {label}{title}: {lead}", sign(entry.tone))
    });
    let lines: Vec<String> = lines.chain(group.more()).collect();
    let worst = group.entries.first().map_or(Tone::Plain, |entry| entry.tone);
    Embed {
        title: clean::cut(&group.heading, TITLE / 2, clean::utf16),
        ..Embed::of(worst, lines.join("\n"))
    }
}

impl Embed {
    fn of(tone: Tone, description: String) -> Self {
        Self {
            tone,
            title: String::new(),
            description,
            footer: String::new(),
        }
    }

    fn size(&self) -> usize {
        clean::utf16(&escaped(&self.title)) + clean::utf16(&self.description) + clean::utf16(&self.footer)
    }

    fn fits(&self) -> bool {
        clean::utf16(&escaped(&self.title)) <= TITLE
            && clean::utf16(&self.description) <= DESCRIPTION
            && clean::utf16(&self.footer) <= FOOTER
    }

    fn json(&self) -> Value {
        let mut embed = json!({ "color": colour(self.tone) });
        if !self.title.is_empty() {
            embed["title"] = Value::String(escaped(&self.title));
        }
        if !self.description.is_empty() {
            embed["description"] = Value::String(self.description.clone());
        }
        if !self.footer.is_empty() {
            embed["footer"] = json!({ "text": self.footer });
        }
        embed
    }
}

fn colour(tone: Tone) -> u32 {
    // The style sheet's colours, all of the form `#rrggbb`.
    u32::from_str_radix(tone.colour().trim_start_matches('#'), 16).unwrap_or(0)
}

/// The text without a meaning of its own: a backslash before each mark of Markdown, and before the `<` of mentions
/// (<https://support.discord.com/hc/en-us/articles/210298617>).
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let everywhere = matches!(
            c,
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '(' | ')'
        );
        let in_front = at == 0 && matches!(c, '#' | '-' | '+');
        if everywhere || in_front {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
