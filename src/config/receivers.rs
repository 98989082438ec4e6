//! What a webhook's receiver needs to know beside the URL: a chat, a topic, a token.

use reqwest::Url;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde_json::Value;

use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys::Kind;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::section::Section;
use crate::config::values;
use crate::notify::webhook::Addressing;
use crate::notify::webhook_format::WebhookFormat;

/// Where Telegram's bots are spoken to.
const TELEGRAM: &str = "https://api.telegram.org";

/// The settings that only some receivers have.
pub struct Receiver {
    chat_id: Given<Placed<Value>>,
    thread_id: Given<Placed<i64>>,
    topic: Given<Placed<String>>,
    token: Given<Placed<SecretString>>,
}

/// A format by its name.
///
/// # Errors
/// It is none.
pub fn format(text: &str) -> Result<WebhookFormat, Wrong> {
    match text.trim().to_lowercase().as_str() {
        "standard" => Ok(WebhookFormat::Standard),
        "slack" => Ok(WebhookFormat::Slack),
        "discord" => Ok(WebhookFormat::Discord),
        "teams" => Ok(WebhookFormat::Teams),
        "telegram" => Ok(WebhookFormat::Telegram),
        "ntfy" => Ok(WebhookFormat::Ntfy),
        "alertmanager" => Ok(WebhookFormat::Alertmanager),
        "template" => Err(Wrong::new(
            "needs a template, which only a [[channel]] of the file can name",
            "Make it a [[channel]] with format = \"template\" and template = \"config/body.j2\".",
        )),
        _ => Err(Wrong::new(
            "is not a webhook format",
            "Write standard, slack, discord, teams, telegram, ntfy, alertmanager or template.",
        )),
    }
}

impl Receiver {
    /// None of them is set.
    #[must_use]
    pub fn none() -> Self {
        Self {
            chat_id: Given::Absent,
            thread_id: Given::Absent,
            topic: Given::Absent,
            token: Given::Absent,
        }
    }

    /// Those of a table of the file.
    pub fn read(reader: &mut Reader, section: &mut Section<'_>) -> Self {
        Self {
            chat_id: section.one(reader, "chat_id", Kind::Plain, chat_id),
            thread_id: section.one(reader, "thread_id", Kind::Plain, values::positive),
            topic: section.secret(reader, "topic", Kind::Secret, topic),
            token: section.secret(reader, "token", Kind::Secret, token),
        }
    }

    /// The URL that a bot's token makes by itself.
    #[must_use]
    pub fn url(&self, format: &Given<Placed<WebhookFormat>>) -> Given<Placed<Url>> {
        let (Given::Is(format), Given::Is(token)) = (format, &self.token) else {
            return Given::Absent;
        };
        let url = format!("{TELEGRAM}/bot{}/sendMessage", token.value.expose_secret());
        match (&format.value, Url::parse(&url)) {
            (WebhookFormat::Telegram, Ok(value)) => Given::Is(Placed {
                value,
                place: token.place.clone(),
            }),
            _ => Given::Absent,
        }
    }

    /// The URL without what is said elsewhere, and how messages are addressed. `owner` is the key of the URL.
    pub fn addressed(
        self,
        reader: &mut Reader,
        format: &WebhookFormat,
        url: Placed<Url>,
        owner: &str,
    ) -> Option<(Url, Addressing)> {
        self.misplaced(reader, format, owner)?;
        match format {
            WebhookFormat::Standard
            | WebhookFormat::Alertmanager
            | WebhookFormat::Slack
            | WebhookFormat::Discord
            | WebhookFormat::Teams
            | WebhookFormat::Template(_) => Some((url.value, Addressing::default())),
            WebhookFormat::Telegram => self.telegram(reader, url, owner),
            WebhookFormat::Ntfy => self.ntfy(reader, url, owner),
        }
    }

    /// Notes the settings that the format has no use for; `None` where there are some, or some are broken.
    fn misplaced(&self, reader: &mut Reader, format: &WebhookFormat, owner: &str) -> Option<()> {
        let (telegram, ntfy) = (*format == WebhookFormat::Telegram, *format == WebhookFormat::Ntfy);
        let mut good = true;
        for (key, place, wanted, whose) in [
            ("chat_id", place(&self.chat_id), telegram, "telegram"),
            ("thread_id", place(&self.thread_id), telegram, "telegram"),
            ("topic", place(&self.topic), ntfy, "ntfy"),
            ("token", place(&self.token), telegram || ntfy, "telegram or ntfy"),
        ] {
            match place {
                Given::Absent => {}
                Given::Broken => good = false,
                Given::Is(_) if wanted => {}
                Given::Is(place) => {
                    let wrong = Wrong::new(
                        format!("is set, and the format is not {whose}"),
                        "Set the format, or remove it.",
                    );
                    reader.findings.wrong(beside(owner, key), place, wrong);
                    good = false;
                }
            }
        }
        good.then_some(())
    }

    fn telegram(self, reader: &mut Reader, url: Placed<Url>, owner: &str) -> Option<(Url, Addressing)> {
        let Placed { mut value, place } = url;
        if !value.path().ends_with("/sendMessage") || !value.path().contains("/bot") {
            let wrong = Wrong::new(
                "is not where a bot of Telegram posts",
                "Write https://api.telegram.org/bot<token>/sendMessage, or leave the URL out and write token = \"…\".",
            );
            reader.findings.wrong(owner, place, wrong);
            return None;
        }
        let chat = match self.chat_id.good() {
            Some(chat) => chat.value,
            None => match taken(&mut value, "chat_id").map(|text| chat_id(&text)) {
                Some(Ok(chat)) => chat,
                None if !self.token.is_absent() => {
                    let wrong = Wrong::new(
                        "is missing beside the token: the chat to write to",
                        "Write chat_id = \"-1001234567890\" in the channel.",
                    );
                    reader
                        .findings
                        .wrong(beside(owner, "chat_id"), Place::Missing, wrong);
                    return None;
                }
                Some(Err(_)) | None => {
                    let wrong = Wrong::new(
                        "names no chat: neither a number nor a channel's @name",
                        "Write chat_id = \"-1001234567890\" in the channel, or put ?chat_id=-1001234567890 at the end of the URL.",
                    );
                    reader.findings.wrong(owner, place, wrong);
                    return None;
                }
            },
        };
        let in_url = taken(&mut value, "message_thread_id").and_then(|text| text.parse().ok());
        let thread = self.thread_id.good().map(|thread| thread.value).or(in_url);
        let mut fields = vec![("chat_id", chat)];
        fields.extend(thread.map(|thread: i64| ("message_thread_id", Value::from(thread))));
        Some((value, Addressing { fields, token: None }))
    }

    fn ntfy(self, reader: &mut Reader, url: Placed<Url>, owner: &str) -> Option<(Url, Addressing)> {
        let Placed { mut value, place } = url;
        let in_path = value.path().trim_matches('/').to_owned();
        let named = match self.topic.good() {
            Some(named) => Ok(named.value),
            None => topic(&in_path),
        };
        let Ok(named) = named else {
            let wrong = Wrong::new(
                "names no topic: letters, digits, - and _, at most 64 of them",
                "Write https://ntfy.sh/your-topic.",
            );
            reader.findings.wrong(owner, place, wrong);
            return None;
        };
        // JSON is published at the root of the server.
        value.set_path("/");
        let addressing = Addressing {
            fields: vec![("topic", Value::from(named))],
            token: self.token.good().map(|token| token.value),
        };
        Some((value, addressing))
    }
}

/// What looks like a mistake in an address for that format, and is none for sure.
pub fn doubtful(format: &WebhookFormat, url: &Url) -> Option<Wrong> {
    let host = url.host_str().unwrap_or_default();
    let whose = chat_of(url);
    let named = match format {
        WebhookFormat::Standard | WebhookFormat::Alertmanager | WebhookFormat::Template(_) => "",
        WebhookFormat::Slack => "slack",
        WebhookFormat::Discord => "discord",
        WebhookFormat::Teams => "teams",
        WebhookFormat::Telegram => "telegram",
        WebhookFormat::Ntfy => "ntfy",
    };
    match (format, whose) {
        // A body of one's own may be meant for a chat.
        (WebhookFormat::Template(_), _) => None,
        (WebhookFormat::Alertmanager, _) if url.path().trim_end_matches('/').ends_with("/api/v1/alerts") => {
            Some(Wrong::new(
                "ends in /api/v1/alerts, which Alertmanager has not had since version 0.27",
                "Write its address alone, https://alertmanager.example.com, or with /api/v2/alerts.",
            ))
        }
        (_, Some(chat)) if chat != named => Some(Wrong::new(
            format!("leads to {host}, which takes messages of the format {chat} alone"),
            format!("Set the format to {chat}, or write the address of the receiver that is meant."),
        )),
        (_, Some(chat)) if url.scheme() == "http" => Some(Wrong::new(
            format!(
                "sends to {chat} without encryption: whoever is on the way can read the address and write there"
            ),
            "Write https:// before it.",
        )),
        (WebhookFormat::Telegram, _) if !url.path().split('/').any(is_bot) => Some(Wrong::new(
            "holds a bot's token that does not look like one",
            "A token reads 123456789:AA…; copy it from @BotFather again, whole.",
        )),
        (_, Some(_) | None) => None,
    }
}

/// The chat whose public address it is.
fn chat_of(url: &Url) -> Option<&'static str> {
    match url.host_str().unwrap_or_default() {
        "hooks.slack.com" => Some("slack"),
        "discord.com" | "discordapp.com" if url.path().starts_with("/api/webhooks/") => Some("discord"),
        "api.telegram.org" => Some("telegram"),
        "ntfy.sh" => Some("ntfy"),
        _ => None,
    }
}

/// `bot`, digits, a colon, and more.
fn is_bot(part: &str) -> bool {
    let token = part.strip_prefix("bot").and_then(|token| token.split_once(':'));
    token.is_some_and(|(number, rest)| {
        !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) && !rest.is_empty()
    })
}

/// Takes a parameter out of the query.
fn taken(url: &mut Url, name: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let (found, rest): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| key == name);
    url.set_query(None);
    if !rest.is_empty() {
        url.query_pairs_mut().extend_pairs(rest);
    }
    found.into_iter().next().map(|(_, value)| value)
}

/// `channel 2: url` and `chat_id` make `channel 2: chat_id`.
fn beside(owner: &str, key: &str) -> String {
    match owner.rsplit_once(": ") {
        Some((label, _)) => format!("{label}: {key}"),
        None => format!("{owner}: {key}"),
    }
}

fn place<T>(given: &Given<Placed<T>>) -> Given<Place> {
    match given {
        Given::Absent => Given::Absent,
        Given::Broken => Given::Broken,
        Given::Is(placed) => Given::Is(placed.place.clone()),
    }
}

/// A chat's number, or a public channel's `@name`.
fn chat_id(text: &str) -> Result<Value, Wrong> {
    let text = text.trim();
    let named = text
        .strip_prefix('@')
        .is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    match text.parse::<i64>() {
        Ok(number) => Ok(Value::from(number)),
        Err(_) if named => Ok(Value::from(text)),
        Err(_) => Err(Wrong::new(
            "is neither a chat's number nor a channel's @name",
            "Write it as chat_id = \"-1001234567890\".",
        )),
    }
}

fn topic(text: &str) -> Result<String, Wrong> {
    let good = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if good {
        Ok(text.to_owned())
    } else {
        Err(Wrong::new(
            "is not a topic",
            "Write letters, digits, - and _, at most 64 of them.",
        ))
    }
}

fn token(text: &str) -> Result<SecretString, Wrong> {
    let text = text.trim();
    let good = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_'));
    if good {
        Ok(SecretString::from(text))
    } else {
        Err(Wrong::new(
            "is not a token",
            "Copy it as the receiver shows it: letters, digits, : - and _.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_does_not_fit_its_format_is_doubted() {
        for (format, url, said) in [
            (
                WebhookFormat::Slack,
                "https://discord.com/api/webhooks/1/CANARY",
                "the format discord",
            ),
            (
                WebhookFormat::Discord,
                "https://hooks.slack.com/services/T/B/CANARY",
                "the format slack",
            ),
            (
                WebhookFormat::Standard,
                "https://hooks.slack.com/services/T/B/CANARY",
                "the format slack",
            ),
            (
                WebhookFormat::Standard,
                "https://api.telegram.org/bot1:CANARY/sendMessage",
                "the format telegram",
            ),
            (
                WebhookFormat::Slack,
                "http://hooks.slack.com/services/T/B/CANARY",
                "without encryption",
            ),
            (
                WebhookFormat::Telegram,
                "https://api.telegram.org/botCANARY/sendMessage",
                "does not look like one",
            ),
            (
                WebhookFormat::Alertmanager,
                "http://127.0.0.1:9093/api/v1/alerts",
                "/api/v1/alerts",
            ),
            (
                WebhookFormat::Slack,
                "https://hooks.slack.com/services/T/B/CANARY",
                "",
            ),
            (
                WebhookFormat::Slack,
                "http://mattermost.example.com/hooks/CANARY",
                "",
            ),
            (
                WebhookFormat::Telegram,
                "https://api.telegram.org/bot1:CANARY/sendMessage",
                "",
            ),
            (WebhookFormat::Alertmanager, "http://127.0.0.1:9093", ""),
            (WebhookFormat::Ntfy, "https://ntfy.sh/", ""),
        ] {
            let doubt = doubtful(&format, &Url::parse(url).expect("a URL"));
            let told = format!("{doubt:?}");
            assert_eq!(doubt.is_some(), !said.is_empty(), "{url}: {told}");
            assert!(told.contains(said) && !told.contains("CANARY"), "{url}: {told}");
        }
    }
}
