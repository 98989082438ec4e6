//! Mail: the settings, the text and HTML of a message, and the mail made of them.

use std::time::Duration;
use std::time::SystemTime;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::Address;
use lettre::message::Attachment as Part;
use lettre::message::Mailbox;
use lettre::message::MultiPart;
use lettre::message::SinglePart;
use lettre::message::header::ContentType;
use lettre::message::header::HeaderName;
use lettre::message::header::HeaderValue;
use secrecy::SecretString;
use sha2::Digest;
use sha2::Sha256;
use uuid::Uuid;

use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::domain::message::ProductEvent;
use crate::notify::clean;
use crate::notify::content::Attachment;
use crate::notify::content::Content;
use crate::notify::report::mail::mail;
use crate::notify::view::View;

/// How the connection to the mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// TLS from the first byte (`smtps://`, port 465).
    Implicit,
    /// STARTTLS, required: never falls back to plaintext (`smtp://`, port 587).
    StartTls,
    /// None (`?tls=none`).
    None,
}

/// One mail channel.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// A mailbox, checked.
    pub from: String,
    /// Mailboxes, checked, at least one.
    pub to: Vec<String>,
    /// Where recipients take themselves off the list: a mailto or web URL in ASCII.
    pub unsubscribe: Option<String>,
    /// For the whole dialogue.
    pub timeout: Duration,
}

/// The longest subject, in characters.
const SUBJECT: usize = 150;
/// The longest name of an attachment, in characters.
const ATTACHMENT_NAME: usize = 80;

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    view: &'a View,
}

#[derive(Template)]
#[template(path = "mail.txt")]
struct Text<'a> {
    view: &'a View,
}

/// The mail's form of a message, its times in the zone, with a link to the page where there is one. With `several` shops
/// the one it is about is named.
#[must_use]
pub fn render(message: &Message, zone: &TimeZone, page_url: Option<&str>, several: bool) -> Content {
    if let Body::Report(report) = &message.body {
        let mail = mail(message, report, zone, page_url, several);
        return Content::Mail {
            subject: mail.subject,
            text: mail.text,
            html: mail.html,
            thread: thread(message),
            attachments: mail.attachments,
        };
    }
    let view = View::of(message, zone, page_url, several);
    // Rendering into a string cannot fail.
    Content::Mail {
        text: Text { view: &view }.render().unwrap_or_default(),
        html: Html { view: &view }.render().unwrap_or_default(),
        subject: view.subject,
        thread: thread(message),
        attachments: Vec::new(),
    }
}

/// The thread: of mails about a single product or pool one per episode, from when it left ok until it is ok again; one
/// per failure of a shop, and per report; of the rest one per shop.
fn thread(message: &Message) -> String {
    let product = match &message.body {
        Body::Alerts { alerts, .. } => {
            let about = single(alerts.iter().map(|alert: &Alert| match alert.product_id() {
                Some(id) => id.to_string(),
                None => format!("pool\0{}", alert.name()),
            }));
            let began = alerts.iter().filter_map(|alert| alert.started_at).min();
            match (about, began) {
                (Some(about), Some(began)) => Some(format!("{about}\0{}", began.as_second())),
                (about, _) => about,
            }
        }
        Body::Products { events } => single(
            events
                .iter()
                .map(|event: &ProductEvent| event.product.id.to_string()),
        ),
        Body::SourceDown { since, .. } | Body::SourceUp { since, .. } => {
            Some(format!("source\0{}", since.as_second()))
        }
        Body::Baseline { .. } | Body::SourceDegraded { .. } | Body::SourceRestored { .. } | Body::Ping => {
            None
        }
        Body::Report(report) => Some(format!("report\0{}", report.name)),
        Body::ReportOverdue { report, .. } => Some(format!("report\0{report}")),
    };
    named(message.instance.as_deref(), &product.unwrap_or_default())
}

/// The thread of what is about no single thing of a shop.
pub(crate) fn thread_of_shop(instance: Option<&str>) -> String {
    named(instance, "")
}

fn named(instance: Option<&str>, about: &str) -> String {
    let instance = instance.unwrap_or_default();
    let digest = Sha256::digest(format!("{instance}\0{about}"));
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn single(mut ids: impl Iterator<Item = String>) -> Option<String> {
    let first = ids.next()?;
    ids.all(|id| id == first).then_some(first)
}

/// A mail to one recipient, before it is written out.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    pub message_id: Uuid,
    pub subject: &'a str,
    pub text: &'a str,
    pub html: &'a str,
    pub thread: &'a str,
    pub attachments: &'a [Attachment],
    pub recorded_at: Timestamp,
}

impl Draft<'_> {
    /// The whole mail, headers and all; `None` where it cannot be written.
    #[must_use]
    pub fn written(&self, from: &Mailbox, to: &Address, unsubscribe: Option<&str>) -> Option<Vec<u8>> {
        let host = from.email.domain();
        let root = format!("<thread.{}@{host}>", clean::line(self.thread, 40));
        let mut letter = lettre::Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(clean::line(self.subject, SUBJECT))
            .date(SystemTime::from(self.recorded_at))
            .message_id(Some(format!("<{}@{host}>", self.message_id)))
            .in_reply_to(root.clone())
            .references(root)
            .raw_header(header("Auto-Submitted", "auto-generated".to_owned())?)
            .raw_header(header("X-Auto-Response-Suppress", "All".to_owned())?)
            .raw_header(header(
                "X-Whmcs-Stock-Monitor-Message",
                self.message_id.to_string(),
            )?);
        if let Some(url) = unsubscribe {
            let id = format!("<stock-monitor.{host}>");
            letter = letter
                .raw_header(header("List-Id", id)?)
                .raw_header(header("List-Unsubscribe", format!("<{url}>"))?);
            // RFC 8058: only what is reached securely may be asked to do it at one click.
            if url.starts_with("https:") {
                let click = "List-Unsubscribe=One-Click".to_owned();
                letter = letter.raw_header(header("List-Unsubscribe-Post", click)?);
            }
        }
        Some(letter.multipart(self.body()?).ok()?.formatted())
    }

    /// Text and HTML; the HTML together with its pictures, and files beside both, where there are some.
    fn body(&self) -> Option<MultiPart> {
        let (pictures, files): (Vec<&Attachment>, Vec<&Attachment>) =
            self.attachments.iter().partition(|attachment| attachment.inline);
        let text = SinglePart::plain(self.text.to_owned());
        let html = SinglePart::html(self.html.to_owned());
        let letter = MultiPart::alternative().singlepart(text);
        let letter = match pictures.is_empty() {
            true => letter.singlepart(html),
            false => letter.multipart(with(MultiPart::related().singlepart(html), &pictures)?),
        };
        match files.is_empty() {
            true => Some(letter),
            false => with(MultiPart::mixed().multipart(letter), &files),
        }
    }
}

/// The attachments put behind what is there; `None` where one is damaged.
fn with(mut parts: MultiPart, attachments: &[&Attachment]) -> Option<MultiPart> {
    for attachment in attachments {
        let data = STANDARD.decode(&attachment.data).ok()?;
        let kind = ContentType::parse(&attachment.content_type).ok()?;
        let name = plain_name(&attachment.name);
        let part = match (attachment.inline, name.split_once('@')) {
            (true, Some((file, _))) => Part::new_inline_with_name(name.clone(), file.to_owned()),
            (true, None) => Part::new_inline(name),
            (false, _) => Part::new(name),
        };
        parts = parts.singlepart(part.body(data, kind));
    }
    Some(parts)
}

/// A name that is nothing but one: no path, no quote, no line break.
fn plain_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.@".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(ATTACHMENT_NAME)
        .collect();
    match plain.trim_start_matches('.') {
        "" => "attachment".to_owned(),
        plain => plain.to_owned(),
    }
}

fn header(name: &'static str, value: String) -> Option<HeaderValue> {
    let name = HeaderName::new_from_ascii(name.to_owned()).ok()?;
    Some(HeaderValue::new(name, value))
}
