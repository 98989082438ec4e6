//! The channels: the two of the environment and those of the file.

use std::time::Duration;

use jiff::tz::TimeZone;
use reqwest::Url;
use secrecy::SecretString;

use crate::config::file::Table;
use crate::config::file::Value;
use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::instances::unique;
use crate::config::keys;
use crate::config::keys::Kind;
use crate::config::quiet;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::receivers;
use crate::config::receivers::Receiver;
use crate::config::section::Section;
use crate::config::sender;
use crate::config::sender::EMAIL_TIMEOUT;
use crate::config::sender::SharedMail;
use crate::config::sender::email;
use crate::config::sender::with_password;
use crate::config::smtp::Server;
use crate::config::templates;
use crate::config::urls;
use crate::config::values;
use crate::domain::alerting::rules::ChannelPolicy;
use crate::domain::people::Quiet;
use crate::domain::stand::Severity;
use crate::notify::email::EmailSettings;
use crate::notify::webhook::WebhookSettings;
use crate::notify::webhook_format::WebhookFormat;

/// One channel.
#[derive(Debug, Clone)]
pub struct ChannelConfig {
    pub name: String,
    /// The severities it takes; all where empty.
    pub severities: Vec<Severity>,
    /// Whether a rule that names no channels speaks on it.
    pub default: bool,
    /// Hours in which it is left in peace.
    pub quiet: Option<Quiet>,
    pub kind: ChannelKindConfig,
}

/// What a channel sends.
#[derive(Debug, Clone)]
pub enum ChannelKindConfig {
    Email(EmailSettings),
    Webhook(WebhookSettings),
}

impl ChannelConfig {
    /// The channel as the decision sees it.
    #[must_use]
    pub fn policy(&self) -> ChannelPolicy {
        ChannelPolicy {
            name: self.name.clone(),
            severities: self.severities.clone(),
            default: self.default,
            quiet: self.quiet.clone(),
        }
    }
}

/// The channels, and the names of those that are there but broken.
pub struct Channels {
    pub good: Vec<ChannelConfig>,
    /// The name of every channel, the broken ones too.
    pub names: Vec<String>,
    /// The sender and server of the environment, for reports.
    pub mail: Option<EmailSettings>,
    /// Whether they are not even set.
    pub server_absent: bool,
    pub from_absent: bool,
}

/// For the whole request.
const TAKE_SOME: &str = "Name low, critical or out, or leave the key out: then it takes all.";
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(15);

/// All channels. `reports` is whether somebody gets reports by mail; quiet hours count in `zone` unless they name their own.
pub fn read(reader: &mut Reader, root: &mut Section<'_>, zone: &TimeZone, reports: bool) -> Channels {
    let tables = root.tables(reader, "channel");
    let file_mails = tables.iter().any(|table| section_type(table) == Some("email"));
    let mail = sender::shared_mail(reader);
    let mut found = Channels {
        good: Vec::new(),
        names: Vec::new(),
        mail: mail.settings(Vec::new()),
        server_absent: mail.server.is_absent(),
        from_absent: mail.from.is_absent(),
    };
    environment_email(reader, &mail, file_mails || reports, &mut found);
    environment_webhook(reader, &mut found);
    for (index, table) in tables.into_iter().enumerate() {
        let mut section = Section::new(format!("channel {}", index + 1), table);
        let name = section.one(reader, "name", Kind::Plain, values::name);
        let name = unique(reader, &mut section, name, &mut found.names);
        let channel = channel(reader, &mut section, name, &mail, zone);
        found.good.extend(channel);
        section.finish(reader);
    }
    found
}

fn environment_email(reader: &mut Reader, mail: &SharedMail, used_elsewhere: bool, found: &mut Channels) {
    let to = reader.list_setting(&keys::ALERT_EMAIL_TO, values::mailbox);
    let wanted = !to.is_absent();
    if wanted {
        found.names.push("email".to_owned());
    }
    let some = !mail.server.is_absent() || !mail.from.is_absent();
    // Channels of the file name what they miss themselves.
    if !wanted && (used_elsewhere || !some) {
        return;
    }
    for (key, absent) in [
        (&keys::SMTP_URL, mail.server.is_absent()),
        (&keys::SMTP_FROM, mail.from.is_absent()),
        (&keys::ALERT_EMAIL_TO, !wanted),
    ] {
        if absent {
            let mend = "Mail needs SMTP_URL, SMTP_FROM and ALERT_EMAIL_TO together.";
            reader
                .findings
                .wrong(key.name, Place::Missing, Wrong::new("is not set", mend));
        }
    }
    let Given::Is(to) = to else { return };
    let settings = mail.settings(to.value);
    found.good.extend(settings.map(|settings| ChannelConfig {
        name: "email".to_owned(),
        severities: Vec::new(),
        default: true,
        quiet: None,
        kind: ChannelKindConfig::Email(settings),
    }));
}

fn environment_webhook(reader: &mut Reader, found: &mut Channels) {
    let url = reader.setting(&keys::WEBHOOK_URL, urls::web_url);
    let format = reader.setting(&keys::WEBHOOK_FORMAT, receivers::format);
    let secret = reader.setting(&keys::WEBHOOK_SECRET, values::webhook_secrets);
    match &url {
        Given::Absent => {
            if let Given::Is(secret) = secret {
                let wrong = Wrong::new("is set without WEBHOOK_URL", "Set WEBHOOK_URL too, or remove it.");
                reader
                    .findings
                    .wrong(keys::WEBHOOK_SECRET.name, secret.place, wrong);
            }
            return;
        }
        Given::Broken | Given::Is(_) => found.names.push("webhook".to_owned()),
    }
    let settings = webhook(
        reader,
        keys::WEBHOOK_URL.name,
        Webhook {
            url,
            format,
            secret,
            secret_key: keys::WEBHOOK_SECRET.name.to_owned(),
            receiver: Receiver::none(),
            link_local: false,
        },
    );
    found.good.extend(settings.map(|settings| ChannelConfig {
        name: "webhook".to_owned(),
        severities: Vec::new(),
        default: true,
        quiet: None,
        kind: ChannelKindConfig::Webhook(settings),
    }));
}

struct Webhook {
    url: Given<Placed<Url>>,
    format: Given<Placed<WebhookFormat>>,
    secret: Given<Placed<SecretString>>,
    secret_key: String,
    receiver: Receiver,
    link_local: bool,
}

fn webhook(reader: &mut Reader, key: &str, webhook: Webhook) -> Option<WebhookSettings> {
    let url = webhook.url.good()?;
    if urls::is_link_local(&url.value) && !webhook.link_local {
        let wrong = Wrong::new(
            "names a link-local address (cloud metadata services have such)",
            "If it is meant, make it a [[channel]] of the file with allow_link_local = true.",
        );
        reader.findings.wrong(key, url.place, wrong);
        return None;
    }
    let format = match webhook.format {
        Given::Absent => WebhookFormat::Standard,
        Given::Is(format) => format.value,
        Given::Broken => return None,
    };
    let secret = match webhook.secret {
        Given::Absent => None,
        Given::Is(secret) if !format.is_ours() => {
            let wrong = Wrong::new(
                "is there to sign with, and the format has no signature",
                "Remove it, or set the format to standard.",
            );
            reader.findings.wrong(webhook.secret_key, secret.place, wrong);
            return None;
        }
        Given::Is(secret) => Some(secret.value),
        Given::Broken => return None,
    };
    let place = url.place.clone();
    let (url, addressing) = webhook.receiver.addressed(reader, &format, url, key)?;
    if let Some(doubt) = receivers::doubtful(&format, &url) {
        reader.findings.warn(key, place, doubt);
    }
    Some(WebhookSettings {
        url: SecretString::from(String::from(url)),
        format,
        secret,
        addressing,
        allow_link_local: webhook.link_local,
        timeout: WEBHOOK_TIMEOUT,
    })
}

fn section_type(table: &Table) -> Option<&str> {
    match &table.get("type")?.value {
        Value::Text(text) => Some(text.trim()),
        Value::Integer(_) | Value::Other(_) | Value::List(_) | Value::Table(_) => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Email,
    Webhook,
}

fn channel_type(text: &str) -> Result<Type, Wrong> {
    match text.trim() {
        "email" => Ok(Type::Email),
        "webhook" => Ok(Type::Webhook),
        _ => Err(Wrong::new("is not a type of channel", "Write email or webhook.")),
    }
}

fn channel(
    reader: &mut Reader,
    section: &mut Section<'_>,
    name: Option<String>,
    mail: &SharedMail,
    zone: &TimeZone,
) -> Option<ChannelConfig> {
    let kind = section.one(reader, "type", Kind::Plain, channel_type);
    if kind.is_absent() {
        let place = reader.line(section.table.line);
        let wrong = Wrong::new("is missing", "Write type = \"email\" or type = \"webhook\".");
        reader.findings.wrong(section.key("type"), place, wrong);
    }
    let severities = match section.refuse_empty(reader, "severities", TAKE_SOME) {
        true => Given::Broken,
        false => section.list(reader, "severities", values::severity),
    };
    let default = section.one(reader, "default", Kind::Plain, values::flag);
    let quiet = quiet::read(reader, section, zone);
    let timeout = section.one(reader, "timeout", Kind::Plain, values::time_limit);
    let timeout = match timeout {
        Given::Absent => Some(None),
        Given::Is(timeout) => Some(Some(timeout.value)),
        Given::Broken => None,
    };
    let kind = match kind.good() {
        Some(Placed {
            value: Type::Email, ..
        }) => email_channel(reader, section, mail, timeout?),
        Some(Placed {
            value: Type::Webhook, ..
        }) => webhook_channel(reader, section, timeout?),
        None => {
            section.ignore_the_rest();
            None
        }
    };
    Some(ChannelConfig {
        name: name?,
        severities: match severities {
            Given::Absent => Vec::new(),
            Given::Is(severities) => severities,
            Given::Broken => return None,
        },
        default: match default {
            Given::Absent => true,
            Given::Is(default) => default.value,
            Given::Broken => return None,
        },
        quiet: match quiet {
            Given::Absent => None,
            Given::Is(quiet) => Some(quiet),
            Given::Broken => return None,
        },
        kind: kind?,
    })
}

fn email_channel(
    reader: &mut Reader,
    section: &mut Section<'_>,
    mail: &SharedMail,
    timeout: Option<Duration>,
) -> Option<ChannelKindConfig> {
    let to = section.list(reader, "to", values::mailbox);
    let from = section
        .one(reader, "from", Kind::Plain, values::mailbox)
        .map(|from| from.value);
    let server = section.secret(reader, "smtp_url", Kind::SecretUrl, Server::parse);
    let password = section.secret(reader, "smtp_password", Kind::Secret, values::secret);
    let unsubscribe = section.one(reader, "list_unsubscribe", Kind::Plain, urls::unsubscribe);
    let (url_key, password_key) = (section.key("smtp_url"), section.key("smtp_password"));
    let server = with_password(reader, &url_key, &password_key, server, password);
    let no_recipient = matches!(&to, Given::Is(to) if to.is_empty()) || to.is_absent();
    let server = server.or_else(|| mail.server.clone());
    let from = from.or_else(|| mail.from.clone());
    let place = reader.line(section.table.line);
    for (key, missing, mend) in [
        ("to", no_recipient, "Write to = [\"sales@example.com\"]."),
        (
            "smtp_url",
            server.is_absent(),
            "Set SMTP_URL, or smtp_url for this channel.",
        ),
        (
            "from",
            from.is_absent(),
            "Set SMTP_FROM, or from for this channel.",
        ),
    ] {
        if missing {
            let wrong = Wrong::new("is missing", mend);
            reader.findings.wrong(section.key(key), place.clone(), wrong);
        }
    }
    let to = to.good().filter(|to| !to.is_empty())?;
    let mut settings = email(server.good()?, from.good()?, to, timeout.unwrap_or(EMAIL_TIMEOUT));
    settings.unsubscribe = match unsubscribe {
        Given::Absent => None,
        Given::Is(unsubscribe) => Some(unsubscribe.value),
        Given::Broken => return None,
    };
    Some(ChannelKindConfig::Email(settings))
}

fn webhook_channel(
    reader: &mut Reader,
    section: &mut Section<'_>,
    timeout: Option<Duration>,
) -> Option<ChannelKindConfig> {
    let url = section.secret(reader, "url", Kind::SecretUrl, urls::web_url);
    let format = templates::format(reader, section);
    let secret = section.secret(reader, "secret", Kind::Secret, values::webhook_secrets);
    let receiver = Receiver::read(reader, section);
    let link_local = section.one(reader, "allow_link_local", Kind::Plain, values::flag);
    let url = if url.is_absent() {
        receiver.url(&format)
    } else {
        url
    };
    if url.is_absent() {
        let place = reader.line(section.table.line);
        let wrong = Wrong::new("is missing", "Write url = \"https://…\".");
        reader.findings.wrong(section.key("url"), place, wrong);
    }
    let link_local = match link_local {
        Given::Absent => false,
        Given::Is(flag) => flag.value,
        Given::Broken => return None,
    };
    let key = section.key("url");
    let mut settings = webhook(
        reader,
        &key,
        Webhook {
            url,
            format,
            secret,
            secret_key: section.key("secret"),
            receiver,
            link_local,
        },
    )?;
    settings.timeout = timeout.unwrap_or(WEBHOOK_TIMEOUT);
    Some(ChannelKindConfig::Webhook(settings))
}
