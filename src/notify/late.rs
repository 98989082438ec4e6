//! A message that comes after a newer one: what people are told of that at its head, when it is sent.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::json;

use crate::notify::clean;
use crate::notify::content::Content;
use crate::notify::format::discord;
use crate::notify::format::telegram;
use crate::notify::webhook_format::WebhookFormat;
use crate::notify::words;

/// The longest that the newer message's headline is repeated, in characters.
const HEADLINE: usize = 120;
/// UTF-16 units of Discord's content.
const DISCORD: usize = 2000;
/// UTF-16 units of Telegram's text: of what is sent, of which there are never fewer than are counted.
const TELEGRAM: usize = 4096;
/// Bytes of ntfy's message.
const NTFY: usize = 4096;
/// Blocks of Slack's message.
const SLACK: usize = 50;
/// Bytes of a message of Teams, in UTF-8 and in UTF-16.
const TEAMS: usize = 28_000;

/// A newer message that the recipient already took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newer {
    pub delivered_at: Timestamp,
    pub headline: String,
}

/// `Decided 21 Nov 2026, 12:10 CET, delivered late: a newer message was delivered 21 Nov 2026, 12:12 CET (OK: DS-64)`
#[must_use]
pub fn note(decided: Timestamp, newer: &Newer, zone: &TimeZone) -> String {
    format!(
        "Decided {}, delivered late: a newer message was delivered {} ({})",
        words::moment(decided, zone),
        words::moment(newer.delivered_at, zone),
        clean::line(&newer.headline, HEADLINE)
    )
}

/// The mail with the note at its head.
#[must_use]
pub fn mail(content: Content, note: &str) -> Content {
    match content {
        Content::Mail {
            subject,
            text,
            html,
            thread,
            attachments,
        } => Content::Mail {
            subject: format!("[late] {subject}"),
            text: format!("{note}.\n\n{text}"),
            html: in_html(&html, note),
            thread,
            attachments,
        },
        Content::Http { .. } | Content::Unrendered { .. } => content,
    }
}

/// The note before all that the page shows.
fn in_html(html: &str, note: &str) -> String {
    let shown = note
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let shown = format!(
        "\n<p class=\"k i\" style=\"margin:0;padding:10px 16px;background:#fff;color:#1d2530;font:15px/1.45 sans-serif\">\
         <b>{shown}.</b></p>"
    );
    let body = html
        .find("<body")
        .and_then(|at| Some(at + html[at..].find('>')? + 1));
    let (head, rest) = html.split_at(body.unwrap_or_default());
    format!("{head}{shown}{rest}")
}

/// A chat's body with the note before its text, within what the receiver takes; as it was for programs.
#[must_use]
pub fn chat(format: &WebhookFormat, body: &str, note: &str) -> String {
    let Ok(mut message) = serde_json::from_str::<Value>(body) else {
        return body.to_owned();
    };
    match format {
        WebhookFormat::Slack => slack(&mut message, note),
        WebhookFormat::Discord => discord(&mut message, note),
        WebhookFormat::Teams => teams(&mut message, note),
        WebhookFormat::Telegram => telegram(&mut message, note),
        WebhookFormat::Ntfy => ntfy(&mut message, note),
        // The body is as it was recorded, and its `timestamp` says when.
        WebhookFormat::Standard | WebhookFormat::Alertmanager | WebhookFormat::Template(_) => {
            return body.to_owned();
        }
    }
    message.to_string()
}

fn slack(message: &mut Value, note: &str) {
    let plain = note
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let text = message["text"].as_str().unwrap_or_default();
    message["text"] = Value::String(format!("[late] {text}"));
    if let Some(blocks) = message["blocks"].as_array_mut() {
        let plain = json!({ "type": "plain_text", "text": plain, "emoji": false });
        blocks.truncate(SLACK - 1);
        blocks.insert(0, json!({ "type": "context", "elements": [plain] }));
    }
}

fn discord(message: &mut Value, note: &str) {
    let note = discord::escaped(note);
    let content = message["content"].as_str().unwrap_or_default();
    let both = format!("{note}\n{content}");
    // The embeds tell what it is about as well.
    let fits = clean::utf16(&both) <= DISCORD;
    message["content"] = Value::String(if fits { both } else { note });
}

fn teams(message: &mut Value, note: &str) {
    let run = json!({ "type": "TextRun", "text": note.replace("{{", "{ {"), "weight": "Bolder" });
    let block = json!({ "type": "RichTextBlock", "spacing": "Default", "inlines": [run] });
    let too_large = |message: &Value| {
        let text = message.to_string();
        text.len().max(2 * clean::utf16(&text)) > TEAMS
    };
    if let Some(blocks) = message["attachments"][0]["content"]["body"].as_array_mut() {
        blocks.insert(0, block);
    }
    while too_large(message) {
        let blocks = message["attachments"][0]["content"]["body"].as_array_mut();
        if blocks.is_none_or(|blocks| blocks.len() <= 2 || blocks.pop().is_none()) {
            return;
        }
    }
}

/// No markup goes over the end of a line, so that whole lines can be left out.
fn telegram(message: &mut Value, note: &str) {
    let text = message["text"].as_str().unwrap_or_default();
    let mut text = format!("{}\n\n{text}", telegram::escaped(note));
    if clean::utf16(&text) > TELEGRAM {
        while clean::utf16(&text) > TELEGRAM - 2
            && let Some((kept, _)) = text.rsplit_once('\n')
        {
            text = kept.to_owned();
        }
        text.push_str("\n…");
    }
    message["text"] = Value::String(text);
}

fn ntfy(message: &mut Value, note: &str) {
    let text = message["message"].as_str().unwrap_or_default();
    message["message"] = Value::String(clean::cut(&format!("{note}\n\n{text}"), NTFY, str::len));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newer() -> Newer {
        Newer {
            delivered_at: Timestamp::UNIX_EPOCH,
            headline: "OK: <b>DS&64".to_owned(),
        }
    }

    #[test]
    fn a_late_mail_says_so_in_its_subject_and_first_in_text_and_html() {
        let note = note(Timestamp::UNIX_EPOCH, &newer(), &TimeZone::UTC);
        let late = mail(
            Content::Mail {
                subject: "OUT: DS-64".to_owned(),
                text: "0 left".to_owned(),
                html: "<html><body class=\"bg\"><p>0 left</p></body></html>".to_owned(),
                thread: String::new(),
                attachments: Vec::new(),
            },
            &note,
        );
        let Content::Mail {
            subject, text, html, ..
        } = late
        else {
            panic!("no mail");
        };
        assert_eq!(subject, "[late] OUT: DS-64");
        assert_eq!(
            text,
            "Decided 1 Jan 1970, 00:00 UTC, delivered late: a newer message was delivered 1 Jan 1970, 00:00 UTC \
             (OK: <b>DS&64).\n\n0 left"
        );
        assert!(
            html.contains("(OK: &lt;b&gt;DS&amp;64).</b></p><p>0 left"),
            "{html}"
        );
        assert!(
            html.starts_with("<html><body class=\"bg\">\n<p class=\"k i\""),
            "{html}"
        );
    }

    #[test]
    fn a_late_chat_message_says_so_first_and_stays_within_its_limits() {
        let note = note(Timestamp::UNIX_EPOCH, &newer(), &TimeZone::UTC);
        let lines = "a line of it\n".repeat(310);
        let body = json!({ "text": format!("<b>OUT</b>\n{lines}") }).to_string();
        let late: Value = serde_json::from_str(&chat(&WebhookFormat::Telegram, &body, &note)).expect("JSON");
        let text = late["text"].as_str().expect("a text");
        assert!(text.starts_with("Decided 1 Jan 1970") && text.contains("\n\n<b>OUT</b>\n"));
        assert!(text.contains("(OK: &lt;b&gt;DS&amp;64)"), "{text}");
        assert!(text.ends_with("a line of it\n…") && clean::utf16(text) <= TELEGRAM);

        let body = json!({ "message": lines }).to_string();
        let late: Value = serde_json::from_str(&chat(&WebhookFormat::Ntfy, &body, &note)).expect("JSON");
        let text = late["message"].as_str().expect("a text");
        assert!(text.starts_with("Decided") && text.len() <= NTFY);

        let full = vec![json!({ "type": "divider" }); SLACK];
        let body = json!({ "text": "OUT", "blocks": full }).to_string();
        let late: Value = serde_json::from_str(&chat(&WebhookFormat::Slack, &body, &note)).expect("JSON");
        assert_eq!(late["text"], "[late] OUT");
        assert_eq!(late["blocks"].as_array().map(Vec::len), Some(SLACK));
        assert!(late["blocks"][0].to_string().contains("(OK: &lt;b&gt;DS&amp;64)"));

        let block =
            json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": "x".repeat(500) }] });
        let card = json!({ "attachments": [{ "content": { "body": vec![block; 24] } }] }).to_string();
        let late = chat(&WebhookFormat::Teams, &card, &note);
        assert!(
            late.contains("Decided 1 Jan") && 2 * late.len() <= TEAMS,
            "{}",
            late.len()
        );

        let body = json!({ "content": "**OUT**" }).to_string();
        let late = chat(&WebhookFormat::Discord, &body, &note);
        assert!(
            late.contains("Decided 1 Jan") && late.contains("\\n**OUT**"),
            "{late}"
        );
        assert_eq!(chat(&WebhookFormat::Standard, &body, &note), body);
    }
}
