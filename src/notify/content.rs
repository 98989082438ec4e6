//! The form a message takes for one channel: made once, when it is recorded, and the same over all retries.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use uuid::Uuid;

/// What is sent, but for names, dates and signatures. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Content {
    Mail {
        /// One line.
        subject: String,
        text: String,
        html: String,
        /// Names the thread the mail belongs to: mails of one thread name the same root.
        thread: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<Attachment>,
    },
    Http {
        content_type: String,
        body: String,
    },
    /// What a template could not render: all that it was given, in JSON.
    Unrendered {
        context: String,
    },
}

/// Something beside a mail's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Shown in the HTML as `cid:NAME` where it is `inline`; else a file of that name.
    pub name: String,
    pub inline: bool,
    pub content_type: String,
    /// In base64, so that it can be stored.
    pub data: String,
}

/// A content on its way to a recipient.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    pub message_id: Uuid,
    pub content: &'a Content,
    /// When the message was recorded: a mail's date.
    pub recorded_at: Timestamp,
    /// The time of this attempt.
    pub now: Timestamp,
}

/// It was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The receiver's own words, for the log: one short line.
    pub answer: String,
}
