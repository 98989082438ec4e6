//! Mails as they arrive: taken apart by a parser of another make, and opened in a real browser.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use lettre::Address;
use lettre::message::Mailbox;
use serde_json::Value;
use whmcs_stock_monitor::domain::message::Alert;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::notify::content::Attachment;
use whmcs_stock_monitor::notify::content::Content;
use whmcs_stock_monitor::notify::email::Draft;

use crate::browser;
use crate::browser::Seen;
use crate::digests;
use crate::samples;

/// The mail as it is sent.
fn written(message: &Message) -> Vec<u8> {
    let content = samples::paper().render(message, &samples::berlin(), Some("http://127.0.0.1:9717/"));
    let Content::Mail {
        subject,
        text,
        html,
        thread,
        attachments,
    } = content
    else {
        panic!("not a mail");
    };
    bytes(&Draft {
        message_id: message.id,
        subject: &subject,
        text: &text,
        html: &html,
        thread: &thread,
        attachments: &attachments,
        recorded_at: message.at,
    })
}

fn bytes(draft: &Draft<'_>) -> Vec<u8> {
    let from: Mailbox = "Stock monitor <stock@shop.example>".parse().expect("a mailbox");
    let to: Address = "sales@shop.example".parse().expect("an address");
    draft.written(&from, &to, None).expect("a mail")
}

/// What Python's parser makes of a mail; its page and pictures are in the folder then.
fn apart(mail: &[u8], folder: &Path) -> Option<Value> {
    fs::create_dir_all(folder).expect("a folder");
    let mut python = Command::new(browser::program("python3", "python3")?)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/parts.py"))
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    python
        .stdin
        .take()
        .expect("a pipe")
        .write_all(mail)
        .expect("reads");
    let output = python.wait_with_output().expect("ends");
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn flawless(seen: &[Seen]) {
    for seen in seen {
        let screen = format!("{} at {} pixels, {}", seen.page, seen.width, seen.scheme);
        assert!(
            seen.scroll_width <= seen.client_width,
            "{screen}: {} wide",
            seen.scroll_width
        );
        assert_eq!(seen.broken, Vec::<String>::new(), "{screen}: pictures");
        assert_eq!(seen.violations, Vec::<String>::new(), "{screen}: axe-core");
    }
}

fn look_at(mails: &[(&str, Message)]) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut pages: Vec<PathBuf> = Vec::new();
    for (name, message) in mails {
        let folder = folder.path().join(name);
        if apart(&written(message), &folder).is_none() {
            return;
        }
        pages.push(folder.join("page.html"));
    }
    let Some(seen) = browser::look(&pages) else { return };
    flawless(&seen);
}

#[test]
fn a_report_fits_a_phone_and_a_desk_in_light_and_dark_and_is_accessible() {
    look_at(&[
        ("report", digests::message(digests::full())),
        ("calm", digests::message(digests::calm())),
        ("huge", digests::message(digests::huge())),
    ]);
}

#[test]
fn alerts_fit_a_phone_and_a_desk_in_light_and_dark_and_are_accessible() {
    look_at(&[
        ("mixed", samples::mixed()),
        ("reasons", reasons()),
        ("hostile", samples::alerts(samples::hostile())),
        ("baseline", samples::baseline()),
        ("products", samples::products()),
    ]);
}

/// An alert of every reason.
fn reasons() -> Message {
    let all = [
        (Reason::Escalated, Severity::Out, 0),
        (Reason::Overdue, Severity::Critical, 1),
        (Reason::Flapping, Severity::Out, 0),
        (Reason::Better, Severity::Low, 3),
        (Reason::RuleChanged, Severity::Low, 4),
        (Reason::Withdrawn, Severity::Ok, 4),
        (Reason::Recovered, Severity::Ok, 40),
    ];
    let alerts = all
        .into_iter()
        .zip(1..)
        .map(|((reason, severity, level), id)| Alert {
            previous_severity: Severity::Out,
            previous_level: Some(2),
            ack: (reason == Reason::Overdue)
                .then(|| digests::acked(true))
                .flatten(),
            days_of_cover: Some(3.2),
            meanwhile: reason == Reason::Recovered,
            ..samples::alert(reason, severity, id, &format!("DS-{id}"), level)
        });
    samples::alerts(alerts.collect())
}

#[test]
fn the_browser_sees_what_is_wrong_with_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("wrong.html");
    fs::write(
        &page,
        "<title>x</title><img src=none.png><p style='width:2000px;color:#ccc;background:#fff'>pale</p>",
    )
    .expect("written");
    let Some(seen) = browser::look(&[page]) else {
        return;
    };
    for seen in seen {
        assert!(seen.scroll_width > seen.client_width);
        assert_eq!(seen.broken.len(), 1);
        let found = seen.violations.join("\n");
        for rule in ["image-alt", "color-contrast", "html-has-lang"] {
            assert!(found.contains(rule), "{rule}: {found}");
        }
        assert_eq!(seen.words, "pale");
    }
}

#[test]
fn another_parser_finds_every_part_of_a_report_and_every_picture_that_its_page_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(parts) = apart(&written(&digests::message(digests::full())), folder.path()) else {
        return;
    };
    insta::assert_snapshot!(parts["tree"], @r#"["multipart/mixed",["multipart/alternative","text/plain",["multipart/related","text/html","image/png","image/png","image/png","image/png"]],"text/csv"]"#);
    assert_eq!(parts["defects"], serde_json::json!([]));
    assert_eq!(parts["cids"], parts["referenced"]);
    assert_eq!(parts["files"][0]["name"], "report-weekly-2026-11-23.csv");
    assert_eq!(parts["files"][0]["type"], "text/csv");
    for place in 0..parts["cids"].as_array().expect("a list").len() {
        let picture = fs::read(folder.path().join(format!("picture-{place}.png"))).expect("a picture");
        let size = resvg::tiny_skia::Pixmap::decode_png(&picture).expect("a PNG");
        assert_eq!((size.width(), size.height()), (600, 168));
    }
}

#[test]
fn an_alert_is_text_and_html_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(parts) = apart(&written(&samples::mixed()), folder.path()) else {
        return;
    };
    assert_eq!(
        parts["tree"],
        serde_json::json!(["multipart/alternative", "text/plain", "text/html"])
    );
}

#[test]
fn the_name_of_an_attachment_is_a_name_and_nothing_more() {
    let evil = |inline| Attachment {
        name: "../..\\x\"; filename=evil.exe\r\nBcc: victim@shop.example\r\n\r\n".to_owned(),
        inline,
        content_type: "text/csv".to_owned(),
        data: "YQ==".to_owned(),
    };
    let attachments = [evil(false), evil(true)];
    let mail = bytes(&Draft {
        message_id: samples::id(),
        subject: "x",
        text: "x",
        html: "x",
        thread: "x",
        attachments: &attachments,
        recorded_at: samples::now(),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let Some(parts) = apart(&mail, folder.path()) else {
        return;
    };
    assert_eq!(parts["defects"], serde_json::json!([]));
    let headers = parts["headers"].to_string().to_lowercase();
    assert!(!headers.contains("bcc"), "{headers}");
    let name = parts["files"][0]["name"].as_str().expect("a name");
    assert_eq!(name, "-..-x---filename-evil.exe--Bcc--victim@shop.example----");
}
