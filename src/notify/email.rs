//! Mail: the settings, the text and HTML of a message, and the mail made of them.

use std::time::Duration;
use std::time::SystemTime;

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::message::MultiPart;
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
    /// For the whole dialogue.
    pub timeout: Duration,
}

/// The longest subject, in characters.
const SUBJECT: usize = 150;

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

/// The thread: one per product or pool for mails about a single one, else one per shop.
fn thread(message: &Message) -> String {
    let product = match &message.body {
        Body::Alerts { alerts, .. } => single(alerts.iter().map(|alert: &Alert| match alert.product_id() {
            Some(id) => id.to_string(),
            None => format!("pool\0{}", alert.name()),
        })),
        Body::Products { events } => single(
            events
                .iter()
                .map(|event: &ProductEvent| event.product.id.to_string()),
        ),
        Body::Baseline { .. }
        | Body::SourceDown { .. }
        | Body::SourceUp { .. }
        | Body::SourceDegraded { .. }
        | Body::SourceRestored { .. }
        | Body::Report(_)
        | Body::ReportOverdue { .. }
        | Body::Ping => None,
    };
    let instance = message.instance.as_deref().unwrap_or_default();
    let product = product.unwrap_or_default();
    let digest = Sha256::digest(format!("{instance}\0{product}"));
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
    pub fn written(&self, from: &Mailbox, to: &Address) -> Option<Vec<u8>> {
        let host = from.email.domain();
        let root = format!("<thread.{}@{host}>", clean::line(self.thread, 40));
        let letter = lettre::Message::builder()
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
            )?)
            .multipart(MultiPart::alternative_plain_html(
                self.text.to_owned(),
                self.html.to_owned(),
            ));
        Some(letter.ok()?.formatted())
    }
}

fn header(name: &'static str, value: String) -> Option<HeaderValue> {
    let name = HeaderName::new_from_ascii(name.to_owned()).ok()?;
    Some(HeaderValue::new(name, value))
}
