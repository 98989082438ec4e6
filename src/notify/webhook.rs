//! Webhooks: the body of a message, its signature, and the POST that hands it over.

use std::time::Duration;

use secrecy::SecretString;

/// The form of a webhook's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFormat {
    /// Standard Webhooks (<https://www.standardwebhooks.com>), schema 1 of `docs/webhook.md`.
    Standard,
}

/// One webhook channel.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Secret, since many receivers put a token into the path.
    pub url: SecretString,
    pub format: WebhookFormat,
    /// The key's bytes, decoded from `whsec_…`; unsigned where there is none.
    pub secret: Option<SecretString>,
    pub allow_link_local: bool,
    /// For the whole request.
    pub timeout: Duration,
}
