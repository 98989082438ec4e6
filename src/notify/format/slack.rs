//! Slack: blocks for an incoming webhook.
//!
//! Limits: 50 blocks a message, 150 characters a header, 3,000 characters a text
//! (<https://docs.slack.dev/reference/block-kit/blocks>), and about 13,000 characters in all blocks together, past which
//! Slack answers `msg_blocks_too_long` (<https://github.com/slackapi/bolt-js/issues/2509>). Slack does not say what a
//! character is: UTF-16 units are counted, of which there are never fewer, and of what is sent, escapes included.

use serde_json::Value;
use serde_json::json;

use crate::notify::clean;
use crate::notify::format::digest::Digest;
use crate::notify::format::entry::Entry;
use crate::notify::format::entry::Group;
use crate::notify::format::entry::sign;

/// Blocks a message.
const BLOCKS: usize = 50;
/// UTF-16 units a text.
const TEXT: usize = 3000;
/// UTF-16 units in a header.
const HEADER: usize = 150;
/// UTF-16 units of JSON in all blocks.
const ALL: usize = 12_000;

/// The body that says it.
#[must_use]
pub fn body(digest: &Digest) -> String {
    digest.fitted(|digest| {
        let blocks = blocks(digest);
        let sizes = blocks.iter().map(size);
        let fits = blocks.len() <= BLOCKS
            && sizes.sum::<usize>() <= ALL
            && blocks.iter().all(|block| longest(block) <= TEXT);
        let message = json!({ "text": escaped(&digest.subject), "blocks": blocks });
        (message.to_string(), fits)
    })
}

fn blocks(digest: &Digest) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !digest.headline.is_empty() {
        let text = clean::cut(&digest.headline, HEADER, |text| clean::utf16(&entities(text)));
        let text = entities(&text);
        blocks.push(
            json!({ "type": "header", "text": { "type": "plain_text", "text": text, "emoji": false } }),
        );
    }
    if !digest.intro.is_empty() {
        let lines: Vec<String> = digest.intro.iter().map(|line| escaped(line)).collect();
        blocks.push(section(&lines.join("\n")));
    }
    for group in &digest.groups {
        blocks.extend(packed(group).iter().map(|text| section(text)));
    }
    let mut footer = Vec::new();
    if !digest.footer.is_empty() {
        footer.push(escaped(&digest.footer));
    }
    if let Some(link) = &digest.link {
        footer.push(format!("<{}|All levels>", target(link)));
    }
    if !footer.is_empty() {
        blocks.push(json!({ "type": "context", "elements": [marked(&footer.join(" · "))] }));
    }
    blocks
}

/// The group's lines in as few texts as hold them.
fn packed(group: &Group) -> Vec<String> {
    let heading = (!group.heading.is_empty()).then(|| format!("*{}*", escaped(&group.heading)));
    let more = group.more().map(|more| format!("_{more}_"));
    let roomy = group.entries.iter().any(|entry| !entry.facts.is_empty());
    let gap = if roomy { "\n\n" } else { "\n" };
    let pieces = heading
        .into_iter()
        .chain(group.entries.iter().map(entry))
        .chain(more);
    let mut texts: Vec<String> = Vec::new();
    for piece in pieces {
        match texts.last_mut() {
            Some(last) if clean::utf16(last) + gap.len() + clean::utf16(&piece) <= TEXT => {
                last.push_str(gap);
                last.push_str(&piece);
            }
            Some(_) | None => texts.push(piece),
        }
    }
    texts
}

fn entry(entry: &Entry) -> String {
    let label = if entry.label.is_empty() {
        String::new()
    } else {
        format!("*{}* ", entry.label)
    };
    let (title, lead) = (escaped(&entry.title), escaped(&entry.lead));
    if entry.facts.is_empty() {
        return format!("{} {label}{title}: {lead}", sign(entry.tone));
    }
    let facts: Vec<String> = entry.facts.iter().map(|fact| escaped(fact)).collect();
    format!(
        "{} {label}{title}\n{lead}\n{}",
        sign(entry.tone),
        facts.join("\n")
    )
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "expand": true, "text": marked(text) })
}

/// `verbatim`: nothing in it becomes a link or a mention by itself.
fn marked(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// The text without a meaning of its own: `&`, `<` and `>` as Slack asks
/// (<https://docs.slack.dev/messaging/formatting-message-text>), so that it can name no user, channel or group. Marks of
/// formatting have no escape: those at the edge of a word, where Slack heeds them, are shown by others that look alike.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let after = letters.peek().copied().unwrap_or(' ');
        let inside = before.is_alphanumeric() && after.is_alphanumeric();
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '`' => out.push('ˋ'),
            '*' if !inside => out.push('∗'),
            '_' if !inside => out.push('＿'),
            '~' if !inside => out.push('∼'),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

/// `&`, `<` and `>` alone, where Slack heeds no marks of formatting.
fn entities(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A URL inside `<…|…>`.
fn target(url: &str) -> String {
    let url = url.replace('|', "%7C").replace(' ', "%20");
    url.replace('&', "&amp;").replace('<', "%3C").replace('>', "%3E")
}

fn size(block: &Value) -> usize {
    clean::utf16(&block.to_string())
}

/// The longest text in a block.
fn longest(value: &Value) -> usize {
    match value {
        Value::String(text) => clean::utf16(text),
        Value::Array(all) => all.iter().map(longest).max().unwrap_or(0),
        Value::Object(fields) => fields.values().map(longest).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
