//! Mail: text and HTML of a message, and the SMTP dialogue that hands it over.

use std::time::Duration;

use secrecy::SecretString;

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
