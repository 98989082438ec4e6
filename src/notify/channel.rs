//! One way out: a closed set of channels behind one `send`.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::delivery::Medium;
use crate::domain::delivery::SendError;
use crate::domain::message::Message;
use crate::notify::content::Content;
use crate::notify::content::Outgoing;
use crate::notify::content::Receipt;
use crate::notify::email;
use crate::notify::email::Draft;
use crate::notify::email::EmailSettings;
use crate::notify::format::alertmanager;
use crate::notify::format::digest::Digest;
use crate::notify::format::discord;
use crate::notify::format::ntfy;
use crate::notify::format::slack;
use crate::notify::format::teams;
use crate::notify::format::telegram;
use crate::notify::late;
use crate::notify::smtp::EmailError;
use crate::notify::smtp::Mailer;
use crate::notify::smtp::Stuck;
use crate::notify::standard;
use crate::notify::subject::subject;
use crate::notify::webhook::Post;
use crate::notify::webhook::Unreached;
use crate::notify::webhook::Webhook;
use crate::notify::webhook::WebhookError;
use crate::notify::webhook::WebhookSettings;
use crate::notify::webhook_format::WebhookFormat;

/// One channel as configured.
#[derive(Debug, Clone)]
pub struct ChannelSettings {
    pub name: String,
    pub kind: ChannelKind,
}

/// What a channel delivers to.
#[derive(Debug, Clone)]
pub enum ChannelKind {
    Email(EmailSettings),
    Webhook(WebhookSettings),
}

/// A channel's settings that cannot be used; names the channel, and quotes no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    #[error("channel {name}: {error}")]
    Email { name: String, error: EmailError },
    #[error("channel {name}: {error}")]
    Webhook { name: String, error: WebhookError },
}

/// What stands between a channel and its receiver.
#[derive(Debug, Clone, PartialEq)]
pub enum Obstacle {
    Email(Stuck),
    Webhook(Unreached),
}

/// One channel, ready to send.
#[derive(Debug)]
pub struct Channel {
    name: String,
    way: Way,
    /// There are several shops: each message says which it is about.
    several: bool,
}

#[derive(Debug)]
enum Way {
    Email(Box<Mailer>),
    Webhook {
        webhook: Box<Webhook>,
        format: WebhookFormat,
    },
}

impl Channel {
    /// Checks the settings and prepares what is needed to send. A rustls crypto provider must be installed.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(settings: &ChannelSettings) -> Result<Self, ChannelError> {
        let name = settings.name.clone();
        let way = match &settings.kind {
            ChannelKind::Email(email) => match Mailer::new(email) {
                Ok(mailer) => Way::Email(Box::new(mailer)),
                Err(error) => return Err(ChannelError::Email { name, error }),
            },
            ChannelKind::Webhook(hook) => match Webhook::new(hook) {
                Ok(webhook) => Way::Webhook {
                    webhook: Box::new(webhook),
                    format: hook.format.clone(),
                },
                Err(error) => return Err(ChannelError::Webhook { name, error }),
            },
        };
        Ok(Self {
            name,
            way,
            several: false,
        })
    }

    /// The channel where there are several shops, or one.
    #[must_use]
    pub fn among(self, several: bool) -> Self {
        Self { several, ..self }
    }

    /// The channel's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it delivers to.
    #[must_use]
    pub fn medium(&self) -> Medium {
        match &self.way {
            Way::Email(_) => Medium::Email,
            Way::Webhook { .. } => Medium::Webhook,
        }
    }

    /// To whom each message goes, one delivery each: the mail addresses, or the channel's own name for a webhook.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        match &self.way {
            Way::Email(mailer) => mailer.recipients(),
            Way::Webhook { .. } => vec![self.name.clone()],
        }
    }

    /// The message in one line, for lists and logs.
    #[must_use]
    pub fn headline(&self, message: &Message) -> String {
        subject(message, self.several)
    }

    /// The form the message takes on this channel. Pure: the same message makes the same content.
    #[must_use]
    pub fn render(&self, message: &Message, zone: &TimeZone, page_url: Option<&str>) -> Content {
        match &self.way {
            Way::Email(_) => email::render(message, zone, page_url, self.several),
            Way::Webhook { format, .. } => {
                let digest = || Digest::of(message, zone, page_url, self.several);
                match format {
                    WebhookFormat::Standard => Content::Http {
                        content_type: "application/json".to_owned(),
                        body: standard::body(message),
                    },
                    WebhookFormat::Alertmanager => Content::Http {
                        content_type: "application/json".to_owned(),
                        body: alertmanager::body(message, zone, page_url, self.several),
                    },
                    WebhookFormat::Template(template) => {
                        template.content(message, zone, page_url, self.several)
                    }
                    WebhookFormat::Slack => chat(slack::body(&digest())),
                    WebhookFormat::Discord => chat(discord::body(&digest())),
                    WebhookFormat::Teams => chat(teams::body(&digest())),
                    WebhookFormat::Telegram => chat(telegram::body(&digest())),
                    WebhookFormat::Ntfy => chat(ntfy::body(&digest())),
                }
            }
        }
    }

    /// Whether the receiver holds for true what it was told last: then nothing old may follow what is newer.
    #[must_use]
    pub fn last_word_counts(&self) -> bool {
        match &self.way {
            Way::Email(_) => false,
            Way::Webhook { format, .. } => match format {
                WebhookFormat::Standard
                | WebhookFormat::Slack
                | WebhookFormat::Discord
                | WebhookFormat::Teams
                | WebhookFormat::Telegram
                | WebhookFormat::Ntfy
                | WebhookFormat::Template(_) => false,
                WebhookFormat::Alertmanager => true,
            },
        }
    }

    /// What is left to say of a content once later ones were taken; `None` where nothing is.
    #[must_use]
    pub fn without_what_is_old(&self, content: Content, later: &[Content]) -> Option<Content> {
        let body_of = |content: &Content| match content {
            Content::Http { body, .. } => Some(body.clone()),
            Content::Mail { .. } | Content::Unrendered { .. } => None,
        };
        let later: Vec<String> = later.iter().filter_map(body_of).collect();
        match content {
            Content::Http { content_type, body } if self.last_word_counts() => Some(Content::Http {
                content_type,
                body: alertmanager::without_what_is_old(&body, &later)?,
            }),
            Content::Http { .. } | Content::Mail { .. } | Content::Unrendered { .. } => Some(content),
        }
    }

    /// The content with word at its head that it comes late, where people read it. What a program takes stays as it was.
    #[must_use]
    pub fn told_late(&self, content: Content, note: &str) -> Content {
        match (&self.way, content) {
            (Way::Email(_), content) => late::mail(content, note),
            (Way::Webhook { format, .. }, Content::Http { content_type, body }) => Content::Http {
                content_type,
                body: late::chat(format, &body, note),
            },
            (Way::Webhook { .. }, content @ (Content::Mail { .. } | Content::Unrendered { .. })) => content,
        }
    }

    /// Whether people read what it delivers.
    #[must_use]
    pub fn is_read_by_people(&self) -> bool {
        match &self.way {
            Way::Email(_) => true,
            Way::Webhook { format, .. } => match format {
                WebhookFormat::Slack
                | WebhookFormat::Discord
                | WebhookFormat::Teams
                | WebhookFormat::Telegram
                | WebhookFormat::Ntfy => true,
                WebhookFormat::Standard | WebhookFormat::Alertmanager | WebhookFormat::Template(_) => false,
            },
        }
    }

    /// Whether both contents may be about the same thing: mails say by their threads, where both have one of their own.
    #[must_use]
    pub fn same_matter(&self, instance: Option<&str>, one: &Content, other: &Content) -> bool {
        match (one, other) {
            (Content::Mail { thread: one, .. }, Content::Mail { thread: other, .. }) => {
                let shop = email::thread_of_shop(instance);
                one == other || *one == shop || *other == shop
            }
            (Content::Http { .. } | Content::Unrendered { .. }, _)
            | (Content::Mail { .. }, Content::Http { .. } | Content::Unrendered { .. }) => true,
        }
    }

    /// Goes as far as a message would, and sends none.
    ///
    /// # Errors
    /// Where it got no further, within the given time.
    pub async fn probe(&self, timeout: Duration) -> Result<(), Obstacle> {
        match &self.way {
            Way::Email(mailer) => mailer.probe(timeout).await.map_err(Obstacle::Email),
            Way::Webhook { webhook, .. } => webhook.probe(timeout).await.map_err(Obstacle::Webhook),
        }
    }

    /// Hands a content over to one recipient, within the channel's time-out.
    ///
    /// # Errors
    /// The receiver did not take it; the error says whether to try again.
    pub async fn send(&self, recipient: &str, outgoing: &Outgoing<'_>) -> Result<Receipt, SendError> {
        let answer = match (&self.way, outgoing.content) {
            (
                Way::Email(mailer),
                Content::Mail {
                    subject,
                    text,
                    html,
                    thread,
                    attachments,
                },
            ) => {
                let draft = Draft {
                    message_id: outgoing.message_id,
                    subject,
                    text,
                    html,
                    thread,
                    attachments,
                    recorded_at: outgoing.recorded_at,
                };
                mailer.send(recipient, &draft).await?
            }
            (Way::Webhook { webhook, .. }, Content::Http { content_type, body }) => {
                post(webhook, outgoing, content_type, body).await?
            }
            (
                Way::Webhook {
                    webhook,
                    format: WebhookFormat::Template(template),
                },
                Content::Unrendered { context },
            ) => match template.again(context).map_err(no_body)? {
                Content::Http { content_type, body } => post(webhook, outgoing, &content_type, &body).await?,
                Content::Mail { .. } | Content::Unrendered { .. } => return Err(of_another_kind()),
            },
            (Way::Email(_), Content::Http { .. } | Content::Unrendered { .. })
            | (Way::Webhook { .. }, Content::Mail { .. } | Content::Unrendered { .. }) => {
                return Err(of_another_kind());
            }
        };
        Ok(Receipt { answer })
    }
}

fn chat(body: String) -> Content {
    Content::Http {
        content_type: "application/json; charset=utf-8".to_owned(),
        body,
    }
}

/// Posts a body; one that a template made empty is not meant to be sent.
async fn post(
    webhook: &Webhook,
    outgoing: &Outgoing<'_>,
    content_type: &str,
    body: &str,
) -> Result<String, SendError> {
    if body.trim().is_empty() {
        return Ok("not sent: the template makes nothing of it".to_owned());
    }
    let post = Post {
        id: outgoing.message_id,
        content_type,
        body,
        now: outgoing.now,
    };
    webhook.post(&post).await
}

fn of_another_kind() -> SendError {
    SendError::Permanent {
        reason: "form",
        detail: "the message was made for a channel of another kind".to_owned(),
    }
}

fn no_body(wrong: String) -> SendError {
    SendError::Permanent {
        reason: "template",
        detail: format!(
            "the template gives this message no body: {wrong}. Mend the template and replay the delivery"
        ),
    }
}
