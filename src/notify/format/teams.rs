//! Microsoft Teams: an Adaptive Card for a Workflow's webhook.
//!
//! Limit: 28 KB a message (<https://learn.microsoft.com/en-us/connectors/teams/#known-issues-and-limitations-with-actions>,
//! <https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook>), which
//! those who tried found to be counted in UTF-16: it is kept in both. Cards are of version 1.2, the newest that Teams
//! shows on phones; the text stands in rich text blocks, which read no Markdown
//! (<https://learn.microsoft.com/en-us/adaptive-cards/authoring-cards/text-features>).

use serde_json::Value;
use serde_json::json;

use crate::notify::cards::Tone;
use crate::notify::clean;
use crate::notify::format::digest::Digest;
use crate::notify::format::entry::Entry;
use crate::notify::format::entry::Group;

/// Bytes a message, in UTF-8 and in UTF-16.
const MESSAGE: usize = 28_000;

/// The body that says it.
#[must_use]
pub fn body(digest: &Digest) -> String {
    digest.fitted(|digest| {
        let message = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": card(digest),
            }],
        });
        let message = message.to_string();
        let fits = message.len().max(2 * clean::utf16(&message)) <= MESSAGE;
        (message, fits)
    })
}

fn card(digest: &Digest) -> Value {
    let mut body = vec![block(
        vec![run(
            digest.title(),
            &[
                ("weight", "Bolder"),
                ("size", "Medium"),
                ("color", colour(digest.tone)),
            ],
        )],
        "Default",
    )];
    body.extend(
        digest
            .intro
            .iter()
            .map(|line| block(vec![run(line, &[])], "Small")),
    );
    for group in &digest.groups {
        body.extend(listed(group));
    }
    if !digest.footer.is_empty() {
        body.push(block(vec![run(&digest.footer, &[("size", "Small")])], "Medium"));
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "fallbackText": plain(&digest.subject),
        "body": body,
    });
    if let Some(link) = &digest.link {
        card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "All levels", "url": link }]);
    }
    card
}

fn listed(group: &Group) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !group.heading.is_empty() {
        blocks.push(block(
            vec![run(&group.heading, &[("weight", "Bolder")])],
            "Medium",
        ));
    }
    blocks.extend(group.entries.iter().flat_map(entry));
    blocks.extend(group.more().map(|more| block(vec![run(&more, &[])], "Small")));
    blocks
}

/// What it is and how it stands on one line, and its facts beneath.
fn entry(entry: &Entry) -> Vec<Value> {
    let mut runs = Vec::new();
    if !entry.label.is_empty() {
        let label = format!("{} ", entry.label);
        runs.push(run(
            &label,
            &[("weight", "Bolder"), ("color", colour(entry.tone))],
        ));
    }
    runs.push(run(&entry.title, &[("weight", "Bolder")]));
    runs.push(run(&format!(": {}", entry.lead), &[]));
    let mut blocks = vec![block(runs, "Small")];
    if !entry.facts.is_empty() {
        blocks.push(block(
            vec![run(&entry.facts.join(" · "), &[("size", "Small")])],
            "None",
        ));
    }
    blocks
}

fn block(runs: Vec<Value>, spacing: &str) -> Value {
    json!({ "type": "RichTextBlock", "spacing": spacing, "inlines": runs })
}

fn run(text: &str, style: &[(&str, &str)]) -> Value {
    let mut run = json!({ "type": "TextRun", "text": plain(text) });
    for (key, value) in style {
        run[*key] = Value::String((*value).to_owned());
    }
    run
}

/// The text without the dates and times that a card works out: `{{DATE(…)}}`.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '{' && out.ends_with('{') {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

fn colour(tone: Tone) -> &'static str {
    match tone {
        Tone::Out => "Attention",
        Tone::Critical | Tone::Low => "Warning",
        Tone::Good => "Good",
        Tone::Plain => "Default",
    }
}
