//! ntfy: a message published as JSON.
//!
//! Limit: 4,096 bytes of message, past which a server makes a file of it or refuses it
//! (<https://docs.ntfy.sh/publish/#limitations>, <https://docs.ntfy.sh/config/#message-limits>). The topic, which is as
//! good as a password, is not part of the body: it is added when the message is sent.

use serde_json::json;

use crate::notify::cards::Tone;
use crate::notify::format::digest::Digest;
use crate::notify::format::entry::Entry;
use crate::notify::format::entry::Group;
use crate::notify::format::entry::sign;

/// Bytes a message.
const MESSAGE: usize = 4096;

/// The body that says it.
#[must_use]
pub fn body(digest: &Digest) -> String {
    digest.fitted(|digest| {
        let message = text(digest);
        let fits = message.len() <= MESSAGE;
        let mut body = json!({
            "title": digest.subject,
            "message": message,
            "priority": priority(digest.tone),
            "tags": [tag(digest.tone)],
        });
        if let Some(link) = &digest.link {
            body["click"] = json!(link);
        }
        (body.to_string(), fits)
    })
}

fn text(digest: &Digest) -> String {
    let mut text = digest.intro.join("\n");
    for group in &digest.groups {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&listed(group));
    }
    if !digest.footer.is_empty() {
        text.push_str(if text.is_empty() { "" } else { "\n\n" });
        text.push_str(&digest.footer);
    }
    // A message without a text would say "triggered".
    if text.is_empty() {
        digest.subject.clone()
    } else {
        text
    }
}

fn listed(group: &Group) -> String {
    let roomy = group.entries.iter().any(|entry| !entry.facts.is_empty());
    let heading = (!group.heading.is_empty()).then(|| group.heading.clone());
    let pieces = heading
        .into_iter()
        .chain(group.entries.iter().map(entry))
        .chain(group.more());
    pieces.collect::<Vec<_>>().join(if roomy { "\n\n" } else { "\n" })
}

fn entry(entry: &Entry) -> String {
    let label = if entry.label.is_empty() {
        String::new()
    } else {
        format!("{} ", entry.label)
    };
    let head = format!("{} {label}{}", sign(entry.tone), entry.title);
    if entry.facts.is_empty() {
        return format!("{head}: {}", entry.lead);
    }
    format!("{head}\n{}\n{}", entry.lead, entry.facts.join("\n"))
}

/// How loudly a phone tells it: 5 is the loudest, 3 is usual (<https://docs.ntfy.sh/publish/#message-priority>).
fn priority(tone: Tone) -> u8 {
    match tone {
        Tone::Out => 5,
        Tone::Critical => 4,
        Tone::Low | Tone::Good | Tone::Plain => 3,
    }
}

/// The sign beside the title (<https://docs.ntfy.sh/emojis/>).
fn tag(tone: Tone) -> &'static str {
    match tone {
        Tone::Out => "red_circle",
        Tone::Critical => "orange_circle",
        Tone::Low => "yellow_circle",
        Tone::Good => "green_circle",
        Tone::Plain => "white_circle",
    }
}
