//! Each chat's form of every message keeps within what its receiver documents, whatever the names hold.
//!
//! The limits are written here once more, from the receivers' own pages, and not taken from what makes the forms.

use std::sync::OnceLock;

use jiff::tz::TimeZone;
use serde_json::Value;
use whmcs_stock_monitor::domain::message::Alert;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Capability;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::message::Open;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::notify::channel::Channel;
use whmcs_stock_monitor::notify::content::Content;
use whmcs_stock_monitor::notify::webhook::WebhookSettings;
use whmcs_stock_monitor::notify::webhook_format::WebhookFormat;

use crate::chat_reports as reports;
use crate::samples;

pub const FORMATS: [WebhookFormat; 5] = [
    WebhookFormat::Slack,
    WebhookFormat::Discord,
    WebhookFormat::Teams,
    WebhookFormat::Telegram,
    WebhookFormat::Ntfy,
];

const PAGE: &str = "https://stock.example.com/?a=1&b=2";

/// A channel of that format that is only rendered for.
pub fn channel(format: WebhookFormat) -> Channel {
    samples::webhook(WebhookSettings {
        format,
        ..samples::webhook_settings("http://127.0.0.1:1/bot1:a/sendMessage")
    })
}

pub fn body(format: WebhookFormat, message: &Message) -> String {
    match channel(format.clone()).render(message, &samples::berlin(), Some(PAGE)) {
        Content::Http { body, .. } => body,
        Content::Mail { .. } | Content::Unrendered { .. } => panic!("not a webhook"),
    }
}

pub fn sent(format: WebhookFormat, message: &Message) -> Value {
    serde_json::from_str(&body(format.clone(), message)).expect("JSON")
}

/// Names that try to be something else, each as it may stand in a catalogue.
pub fn hostile_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "</td><script>alert(1)</script>",
        "@everyone @here",
        "<!channel> <!here> <!subteam^S1> <#C1>",
        "<@U1> <@!123456789> <@&1> <:a:1> <t:1:R>",
        "*_~`[x](javascript:alert(1))`~_*",
        "**bold** __under__ ||spoiler|| ~~gone~~ ```code```",
        "# head",
        "- list",
        "> quote",
        "1. one",
        "&lt;b&gt; &amp; <b>x</b>",
        "<a href=\"tg://user?id=1\">x</a>",
        "{{DATE(2017-02-14T06:00:00Z, SHORT)}} @{triggerBody()} ${x}",
        "\u{202e}txt.exe\u{202c} \u{2066}x\u{2069}",
        "🚀👩‍💻👨‍👩‍👧‍👦🇩🇪 é漢字",
        "line\nbreak\r\nand\u{2028}another",
        "nul\u{0}bell\u{7}esc\u{1b}[31m",
        "\u{301}\u{301}\u{301}",
        "\\",
        "\"}],\"x\":[{\"",
        "",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    for unit in [
        "L",
        "é",
        "漢",
        "🚀",
        "<",
        "&",
        "*",
        "👨‍👩‍👧‍👦",
        "e\u{301}",
        "\u{301}",
        "\"",
        "\\",
        "@",
        "{{",
        "_ ",
    ] {
        names.push(unit.repeat(4000 / unit.len()));
    }
    names
}

fn numbered(count: i64, name: impl Fn(i64) -> String) -> Vec<Alert> {
    let numbered = |id| Alert {
        combination: samples::combination("4=11;5=20", "RAM: 64 GB, Disk: 2x 1.92 TB NVMe"),
        previous_level: Some(3),
        previous_severity: Severity::Low,
        started_at: Some(samples::ago(90_000)),
        ..samples::alert(Reason::Worse, Severity::Out, id, &name(id), 0)
    };
    (1..=count).map(numbered).collect()
}

/// That many alerts, as the messages in which they go out.
fn many(count: i64) -> Vec<Message> {
    numbered(count, |id| format!("Dedicated Server EPYC 7443P number {id}"))
        .chunks(100)
        .map(|alerts| samples::alerts(alerts.to_vec()))
        .collect()
}

/// Alerts whose every text is that name.
fn named(name: &str, count: i64) -> Message {
    let alerts: Vec<Alert> = numbered(count, |_| name.to_owned())
        .into_iter()
        .map(|alert| Alert {
            instance: name.to_owned(),
            combination: samples::combination(name, name),
            bottleneck: Some(name.to_owned()),
            thresholds: samples::thresholds(5, 1, name),
            product: alert
                .product
                .map(|product| whmcs_stock_monitor::domain::stand::ProductRef {
                    group: Some(name.to_owned()),
                    ..product
                }),
            ..alert
        })
        .collect();
    Message {
        instance: Some(name.to_owned()),
        ..samples::message(Body::Alerts {
            open: Open {
                alerts: alerts.iter().take(20).cloned().collect(),
                total: 4000,
            },
            alerts,
        })
    }
}

/// Every kind of message, from the smallest to the largest and the most hostile.
fn messages() -> Vec<Message> {
    let since = samples::ago(5400);
    let mut all = vec![
        samples::mixed(),
        samples::baseline(),
        samples::products(),
        samples::down(),
        samples::pools(),
        samples::hundred(),
        samples::alerts(vec![samples::out()]),
        samples::alerts(vec![samples::hostile_pool()]),
        samples::alerts(Vec::new()),
        samples::message(Body::SourceUp {
            cause: Some(Cause::Timeout),
            since,
        }),
        samples::message(Body::SourceDegraded {
            lost: Capability::StockFields,
        }),
        samples::message(Body::SourceRestored {
            regained: Capability::Companion,
            since,
        }),
        samples::message(Body::ReportOverdue {
            report: "weekly".to_owned(),
            since,
            why: "The mail server refused it.".to_owned(),
        }),
        samples::message(Body::Ping),
        reports::message(reports::small()),
        reports::message(reports::quiet()),
        reports::message(reports::large("Dedicated Server EPYC 7443P")),
    ];
    for count in [1, 40, 100] {
        all.extend(many(count));
    }
    let names = hostile_names();
    all.push(samples::alerts(numbered(100, |id| {
        names[id as usize % names.len()].clone()
    })));
    for (at, name) in names.iter().enumerate() {
        all.push(named(name, 1));
        // The long ones, where it matters how many there are.
        if name.len() > 1000 && at % 2 == 0 {
            all.push(named(name, 100));
            all.push(reports::message(reports::large(name)));
        }
        all.push(samples::message(Body::SourceDown {
            cause: Cause::Firewall,
            detail: name.clone(),
            since,
            pools: vec![name.clone(); 50],
        }));
        all.push(samples::message(Body::ReportOverdue {
            report: name.clone(),
            since,
            why: name.clone(),
        }));
    }
    all
}

/// Every form of every message, those of four thousand alerts too; made once for all tests.
pub fn forms() -> &'static [(WebhookFormat, Value)] {
    static FORMS: OnceLock<Vec<(WebhookFormat, Value)>> = OnceLock::new();
    FORMS.get_or_init(|| {
        let thousands = many(4000);
        assert_eq!(thousands.len(), 40);
        let mut forms = Vec::new();
        for message in messages().iter().chain(&thousands) {
            forms.extend(FORMATS.map(|format| (format.clone(), sent(format.clone(), message))));
        }
        forms
    })
}

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// <https://docs.slack.dev/reference/block-kit/blocks>: 50 blocks, header 150, text 3,000 (never empty), context 10 elements.
fn slack(message: &Value) {
    let blocks = list(&message["blocks"]);
    assert!(
        !blocks.is_empty() && blocks.len() <= 50,
        "{} blocks",
        blocks.len()
    );
    for block in blocks {
        let (kind, texts, limit) = match text(&block["type"]) {
            "header" => ("plain_text", vec![&block["text"]], 150),
            "section" => ("mrkdwn", vec![&block["text"]], 3000),
            "context" => ("mrkdwn", list(&block["elements"]).iter().collect(), 3000),
            other => panic!("a block of type {other}"),
        };
        assert!(!texts.is_empty() && texts.len() <= 10);
        for element in texts {
            assert_eq!(element["type"], kind);
            let said = text(&element["text"]);
            assert!((1..=limit).contains(&utf16(said)), "{} in {kind}", utf16(said));
            only_our_link(said);
        }
    }
    // 13,172 characters of blocks were refused: https://github.com/slackapi/bolt-js/issues/2509
    assert!(message["blocks"].to_string().chars().count() < 13_000);
    assert!((1..=3000).contains(&utf16(text(&message["text"]))));
    only_our_link(text(&message["text"]));
}

/// Nothing in angle brackets but the link to the page: so no mention, no other link.
fn only_our_link(said: &str) {
    let mut rest = said.replace("<https://stock.example.com/?a=1&amp;b=2|All levels>", "");
    assert!(!rest.contains('<') && !rest.contains('>'), "{said}");
    for entity in ["&amp;", "&lt;", "&gt;"] {
        rest = rest.replace(entity, "");
    }
    assert!(!rest.contains('&'), "an entity that is cut: {said}");
}

/// <https://discord.com/developers/docs/resources/message#embed-object-embed-limits> and `#execute-webhook`.
fn discord(message: &Value) {
    assert!((1..=2000).contains(&utf16(text(&message["content"]))));
    assert_eq!(message["allowed_mentions"], serde_json::json!({ "parse": [] }));
    let embeds = list(&message["embeds"]);
    assert!(embeds.len() <= 10, "{} embeds", embeds.len());
    let mut all = 0;
    for embed in embeds {
        let part = |value: &Value, limit: usize| {
            let length = value.as_str().map_or(0, utf16);
            assert!(length <= limit, "{length} of {limit}");
            length
        };
        let length = part(&embed["title"], 256) + part(&embed["description"], 4096);
        all += length + part(&embed["footer"]["text"], 2048);
        assert!(
            length > 0 || !embed["footer"].is_null(),
            "an empty embed: {embed}"
        );
        for markdown in [&embed["title"], &embed["description"]] {
            no_markup(markdown.as_str().unwrap_or_default());
        }
        assert!(embed["color"].as_u64().expect("a number") <= 0xff_ffff);
    }
    assert!(all <= 6000, "{all} characters in all embeds");
    no_markup(text(&message["content"]));
}

/// No mark of Markdown is heeded but the pairs of asterisks around our own labels.
fn no_markup(said: &str) {
    let mut letters = said.chars().peekable();
    let mut plain = String::new();
    while let Some(c) = letters.next() {
        match c {
            '\\' => {
                let escaped = letters.next().expect("a backslash that escapes something");
                assert!(escaped.is_ascii_punctuation(), "\\{escaped}");
            }
            _ => plain.push(c),
        }
    }
    let plain = plain.replace("https://stock.example.com/?a=1&b=2", "");
    assert_eq!(
        plain
            .replace("**", "")
            .find(['*', '_', '~', '`', '|', '<', '>', '[', ']', '(', ')']),
        None,
        "{said}"
    );
    assert_eq!(plain.matches("**").count() % 2, 0, "{said}");
    let marks = ["# ", "- ", "+ ", "> "];
    assert!(
        !plain
            .lines()
            .any(|line| marks.iter().any(|mark| line.starts_with(mark))),
        "{said}"
    );
}

/// <https://learn.microsoft.com/en-us/connectors/teams/#known-issues-and-limitations-with-actions>: 28 KB.
fn teams(message: &Value) {
    let whole = message.to_string();
    assert!(
        whole.len() <= 28 * 1024 && 2 * utf16(&whole) <= 28 * 1024,
        "{} bytes",
        whole.len()
    );
    assert_eq!(message["type"], "message");
    let [attachment] = list(&message["attachments"]) else {
        panic!("one card")
    };
    assert_eq!(
        attachment["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    let card = &attachment["content"];
    assert_eq!(
        (&card["type"], &card["version"]),
        (&"AdaptiveCard".into(), &"1.2".into())
    );
    for block in list(&card["body"]) {
        // Markdown is read in text blocks alone.
        assert_eq!(block["type"], "RichTextBlock");
        assert!(!list(&block["inlines"]).is_empty());
        for run in list(&block["inlines"]) {
            assert_eq!(run["type"], "TextRun");
            let said = text(&run["text"]);
            assert!(!said.is_empty() && !said.contains("{{"), "{said}");
        }
    }
}

/// <https://core.telegram.org/bots/api#sendmessage>: 1 to 4,096 characters after entities parsing; `#html-style`.
fn telegram(message: &Value) {
    assert_eq!(message["parse_mode"], "HTML");
    let (plain, tags) = parsed(text(&message["text"]));
    assert!(!plain.trim().is_empty());
    assert!(utf16(&plain) <= 4096, "{} units", utf16(&plain));
    assert!(tags <= 100, "{tags} entities");
    assert!(!plain.replace("@\u{2060}", "").contains('@'), "{plain}");
}

/// Telegram's HTML, read as it reads it: the plain text, and how many entities; anything else than `<b>` fails.
fn parsed(html: &str) -> (String, usize) {
    let (mut plain, mut tags, mut bold, mut rest) = (String::new(), 0, false, html);
    while let Some(at) = rest.find(['<', '&', '>']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [
            ("<b>", ""),
            ("</b>", ""),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&amp;", "&"),
        ];
        let (mark, meaning) = known
            .into_iter()
            .find(|(mark, _)| rest.starts_with(mark))
            .unwrap_or_else(|| panic!("{rest}"));
        match mark {
            "<b>" => {
                assert!(!bold, "{html}");
                (bold, tags) = (true, tags + 1);
            }
            "</b>" => {
                assert!(bold, "{html}");
                bold = false;
            }
            _ => plain.push_str(meaning),
        }
        rest = &rest[mark.len()..];
    }
    assert!(!bold, "{html}");
    plain.push_str(rest);
    (plain, tags)
}

/// <https://docs.ntfy.sh/publish/#limitations>: 4,096 bytes of message; `#publish-as-json`: priority 1 to 5.
fn ntfy(message: &Value) {
    assert!((1..=4096).contains(&text(&message["message"]).len()));
    assert!((1..=250).contains(&text(&message["title"]).chars().count()));
    assert!(matches!(message["priority"].as_u64(), Some(1..=5)));
    assert!(message["topic"].is_null(), "the topic is a secret");
}

fn within_limits(format: WebhookFormat, message: &Value) {
    match format {
        WebhookFormat::Slack => slack(message),
        WebhookFormat::Discord => discord(message),
        WebhookFormat::Teams => teams(message),
        WebhookFormat::Telegram => telegram(message),
        WebhookFormat::Ntfy => ntfy(message),
        WebhookFormat::Standard | WebhookFormat::Alertmanager | WebhookFormat::Template(_) => {
            panic!("not a chat's")
        }
    }
}

/// Every text in it.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn every_message_keeps_within_what_each_receiver_takes() {
    for (format, form) in forms() {
        within_limits(format.clone(), form);
    }
}

#[test]
fn no_control_character_and_no_half_letter_leaves_in_a_name() {
    for (_, form) in forms() {
        let mut found = Vec::new();
        texts(form, &mut found);
        for text in found {
            let bad = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!text.contains(bad), "{text:?}");
            // A family and an accent are whole or not there.
            assert!(!text.contains("\u{200d}…") && !text.contains("👨…"), "{text:?}");
            assert!(!text.contains("e\u{301}e…"), "{text:?}");
        }
    }
}

/// How many entries a message of a hundred shows, and how many more it says there are.
fn shown(format: WebhookFormat) -> (usize, usize) {
    let sent = sent(format.clone(), &many(100)[0]);
    let mut found = Vec::new();
    texts(&sent, &mut found);
    let all = found.join("\n");
    let more = all
        .split(['+', '_', '\n'])
        .find_map(|part| part.strip_suffix(" more"));
    let listed = all.matches("number ").count();
    let more = more.map_or(0, |number| number.parse().expect("a number"));
    (listed - in_headline(format.clone()), more)
}

/// Two are named in the line for the notification, once more where the headline needs it.
fn in_headline(format: WebhookFormat) -> usize {
    match format {
        WebhookFormat::Telegram => 0,
        WebhookFormat::Slack | WebhookFormat::Discord | WebhookFormat::Teams | WebhookFormat::Ntfy => 2,
        WebhookFormat::Standard | WebhookFormat::Alertmanager | WebhookFormat::Template(_) => {
            panic!("not a chat's")
        }
    }
}

#[test]
fn what_is_cut_is_counted() {
    for format in FORMATS {
        let (listed, more) = shown(format.clone());
        assert_eq!(listed + more, 100, "{format:?}: {listed} shown, {more} more");
        assert!(listed > 25, "{format:?}: {listed} shown, {more} more");
    }
}

#[test]
fn the_plain_message_of_one_alert_is_told_in_full() {
    for format in FORMATS {
        let body = body(format.clone(), &samples::alerts(vec![samples::out()]));
        for said in ["DS-64", "0 left, was 3", "product 42", "21 Nov 2026"] {
            assert!(body.contains(said), "{format:?} lacks {said}: {body}");
        }
    }
}

#[test]
fn times_are_those_of_the_zone_and_the_form_is_the_same_each_time() {
    for format in FORMATS {
        let message = samples::mixed();
        assert_eq!(body(format.clone(), &message), body(format.clone(), &message));
        let Content::Http { body: utc, .. } = channel(format.clone()).render(&message, &TimeZone::UTC, None)
        else {
            panic!("not a webhook")
        };
        assert!(body(format.clone(), &message).contains("10:03 CET"), "{format:?}");
        assert!(
            utc.contains("09:03 UTC") && !utc.contains("stock.example.com"),
            "{format:?}"
        );
    }
}
