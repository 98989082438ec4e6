//! The forms of a webhook's body, by the receiver they are for.

use std::sync::Arc;

use reqwest::Url;

use crate::notify::format::alertmanager;
use crate::notify::format::template::Template;

/// The form of a webhook's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookFormat {
    /// Standard Webhooks (<https://www.standardwebhooks.com>), schema 1 of `docs/webhook.md`.
    Standard,
    /// API v2 of an Alertmanager: `/api/v2/alerts`.
    Alertmanager,
    /// An incoming webhook of Slack.
    Slack,
    /// A channel's webhook of Discord.
    Discord,
    /// A Workflow of Microsoft Teams.
    Teams,
    /// `sendMessage` of Telegram's Bot API.
    Telegram,
    /// A server of ntfy.
    Ntfy,
    /// A body of the operator's own.
    Template(Arc<Template>),
}

impl WebhookFormat {
    /// Whether it is our own: only then messages are named, dated and signed as Standard Webhooks asks.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        match self {
            Self::Standard | Self::Alertmanager | Self::Template(_) => true,
            Self::Slack | Self::Discord | Self::Teams | Self::Telegram | Self::Ntfy => false,
        }
    }

    /// Where its messages are posted, of the URL that is configured.
    #[must_use]
    pub fn endpoint(&self, mut url: Url) -> Url {
        match self {
            Self::Standard | Self::Slack | Self::Teams | Self::Telegram | Self::Ntfy | Self::Template(_) => {}
            Self::Alertmanager => return alertmanager::endpoint(url),
            // Discord answers before it has looked at the message unless it is asked to wait.
            Self::Discord => {
                if !url.query_pairs().any(|(key, _)| key == "wait") {
                    url.query_pairs_mut().append_pair("wait", "true");
                }
            }
        }
        url
    }
}
