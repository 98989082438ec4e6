//! The walk of one channel: as far as a message would go, and on request with a test message.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::doctor::finding::Id;
use crate::doctor::finding::Walk;
use crate::doctor::finding::Wrong;
use crate::doctor::mail;
use crate::doctor::mail::Called;
use crate::doctor::placeholder;
use crate::doctor::way;
use crate::domain::delivery::SendError;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::notify::channel::Channel as Way;
use crate::notify::channel::ChannelError;
use crate::notify::channel::ChannelKind;
use crate::notify::channel::ChannelSettings;
use crate::notify::channel::Obstacle;
use crate::notify::content::Outgoing;
use crate::notify::webhook::Unreached;
use crate::notify::webhook::WebhookError;
use crate::notify::webhook_format::WebhookFormat;

/// The longest that a channel's walk may take, without a test message.
const STEP: Duration = Duration::from_secs(10);

/// A channel to walk.
#[derive(Debug, Clone)]
pub struct Channel {
    pub settings: ChannelSettings,
    pub called: Called,
    /// The zone of the test message, where one is to be sent.
    pub test: Option<TimeZone>,
}

/// Walks as far as it gets.
pub async fn walk(channel: Channel, now: Timestamp) -> Walk {
    let mut walk = Walk::new(format!("channel {}", channel.settings.name), None);
    let way = match Way::new(&channel.settings) {
        Ok(way) => way,
        Err(error) => {
            walk.found("reachable", unusable(&channel, &error));
            walk.not_checked(&["test message"], "the channel cannot be used");
            return walk;
        }
    };
    if let ChannelKind::Webhook(settings) = &channel.settings.kind
        && let Some(wrong) = placeholder::webhook(settings, &channel.called)
    {
        walk.found("reachable", wrong);
        walk.not_checked(&["test message"], "the channel is that of an example");
        return walk;
    }
    if let Err(obstacle) = way.probe(STEP).await {
        let wrong = match (&obstacle, &channel.settings.kind) {
            (Obstacle::Email(stuck), ChannelKind::Email(email)) => mail::stuck(email, &channel.called, stuck),
            (Obstacle::Webhook(unreached), ChannelKind::Webhook(_)) => webhook(&channel, unreached),
            // A channel has one kind only.
            (Obstacle::Email(_), ChannelKind::Webhook(_)) | (Obstacle::Webhook(_), ChannelKind::Email(_)) => {
                return walk;
            }
        };
        walk.found("reachable", wrong);
        walk.not_checked(&["test message"], "the channel is not reachable");
        return walk;
    }
    walk.ok(
        "reachable",
        match &channel.settings.kind {
            ChannelKind::Email(email) if email.username.is_some() => {
                "signed in, and mail is taken for each recipient; none was sent"
            }
            ChannelKind::Email(_) => "mail is taken for each recipient; none was sent",
            ChannelKind::Webhook(_) => "connected and secured as configured; nothing was sent",
        },
    );
    match &channel.test {
        Some(zone) => test(&channel, &way, zone, now, &mut walk).await,
        None => walk.not_checked(&["test message"], "not asked for (--send-test)"),
    }
    walk
}

fn unusable(channel: &Channel, error: &ChannelError) -> Wrong {
    if let ChannelError::Webhook {
        error: WebhookError::Address,
        ..
    } = error
    {
        return refused_address(channel);
    }
    Wrong::failure(
        Id::Configuration,
        format!("The channel cannot be used: {error}."),
        "Mend what it names.",
    )
    .about(channel.called.url.clone())
}

fn refused_address(channel: &Channel) -> Wrong {
    Wrong::failure(
        Id::WebhookRefusedAddress,
        "The webhook's address is link-local, unspecified, or a cloud's metadata service: nothing is ever sent there.",
        "Write the receiver's real address. If such a receiver is meant, make it a [[channel]] of the file with \
         allow_link_local = true.",
    )
    .about(channel.called.url.clone())
}

fn webhook(channel: &Channel, unreached: &Unreached) -> Wrong {
    let url = &channel.called.url;
    match unreached {
        Unreached::Address => refused_address(channel),
        Unreached::Connect(detail) => Wrong::failure(
            Id::WebhookConnect,
            format!("The webhook's receiver is not reached: {detail}."),
            format!(
                "Check host and port in {url}, and that the receiver runs and no firewall stands between."
            ),
        )
        .about(url.clone()),
        Unreached::Tls(error) => {
            let what = error.as_ref().map_or_else(
                || "does not agree on a secure connection".to_owned(),
                |error| way::trouble(error).words(),
            );
            Wrong::failure(
                Id::WebhookTls,
                format!("No secure connection to the webhook's receiver can be made: it {what}."),
                format!(
                    "Check that the host in {url} is the name in the receiver's certificate and that the certificate is \
                     valid; a private CA must be trusted by this host (or name its file in SSL_CERT_FILE)."
                ),
            )
            .about(url.clone())
        }
    }
}

async fn test(channel: &Channel, way: &Way, zone: &TimeZone, now: Timestamp, walk: &mut Walk) {
    let message = Message {
        id: Uuid::new_v4(),
        channel: way.name().to_owned(),
        instance: None,
        at: now,
        body: Body::Ping,
    };
    let content = way.render(&message, zone, None);
    let mut answers = Vec::new();
    for recipient in way.recipients() {
        let outgoing = Outgoing {
            message_id: message.id,
            content: &content,
            recorded_at: now,
            now: Timestamp::now(),
        };
        match way.send(&recipient, &outgoing).await {
            Ok(receipt) => answers.push(format!("{recipient}: {}", receipt.answer)),
            Err(error) => {
                walk.found("test message", refused(channel, &recipient, &error));
                return;
            }
        }
    }
    walk.ok("test message", format!("accepted ({})", answers.join("; ")));
}

fn refused(channel: &Channel, recipient: &str, error: &SendError) -> Wrong {
    match &channel.settings.kind {
        ChannelKind::Email(_) => Wrong::failure(
            Id::SmtpRefused,
            format!("The mail server did not take the test mail to {recipient}: {error}."),
            "Sender and recipient were taken, so it is about the mail itself: a spam filter, a limit, a size. Ask the server's \
             operator, or look into its log.",
        )
        .about(channel.called.url.clone()),
        ChannelKind::Webhook(settings) => Wrong::failure(
            Id::WebhookRefused,
            format!("The webhook's receiver did not take the test message: {error}."),
            mend(&settings.format, error, &channel.called),
        )
        .about(channel.called.url.clone()),
    }
}

/// What helps against an answer; where the answer's own words name the mend, they stand in the error already.
fn mend(format: &WebhookFormat, error: &SendError, called: &Called) -> String {
    let (url, proof) = (&called.url, &called.proof);
    let reason = error.reason();
    match (reason, format.is_ours()) {
        ("http_429" | "http_408" | "http_425", _) => {
            "The receiver limits how much it takes. Run it again in some minutes.".to_owned()
        }
        _ if reason.starts_with("http_5") => {
            "This is trouble of the receiver's own, not of your settings. Run it again in \
             some minutes; if it stays so, ask its operator."
                .to_owned()
        }
        ("http_401" | "http_403", true) => format!(
            "Check the token in {url}, and that the receiver knows the secret in {proof}; its own log says which it misses."
        ),
        ("http_401" | "http_403", false) => format!(
            "The address or the token is not valid, or may not write there. Copy it from the receiver into {url} again."
        ),
        ("http_404" | "http_405" | "http_410" | "http_3xx", _) => {
            format!("Check the path in {url}: nothing takes messages there (any more).")
        }
        ("http_400" | "http_413" | "http_415" | "http_422", _) => format!(
            "The receiver does not take messages of this form: check that the channel's format is that of the receiver, \
             and what it is given beside {url}."
        ),
        (_, _) => format!("Check {url}, and the receiver's own log."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_to_a_test_message_has_the_mend_that_fits_it() {
        let called = Called {
            url: "WEBHOOK_URL".to_owned(),
            proof: "WEBHOOK_SECRET".to_owned(),
            from: String::new(),
            to: String::new(),
        };
        for (reason, format, said) in [
            ("http_503", WebhookFormat::Slack, "not of your settings"),
            ("http_500", WebhookFormat::Standard, "not of your settings"),
            ("http_429", WebhookFormat::Discord, "again in some minutes"),
            (
                "http_401",
                WebhookFormat::Standard,
                "the secret in WEBHOOK_SECRET",
            ),
            ("http_401", WebhookFormat::Telegram, "token is not valid"),
            ("http_404", WebhookFormat::Teams, "Check the path in WEBHOOK_URL"),
            (
                "http_400",
                WebhookFormat::Standard,
                "format is that of the receiver",
            ),
            ("timeout", WebhookFormat::Ntfy, "Check WEBHOOK_URL"),
        ] {
            let error = SendError::Transient {
                reason,
                detail: String::new(),
                retry_after: None,
            };
            let mend = mend(&format, &error, &called);
            assert!(mend.contains(said), "{reason}: {mend}");
            let secret = mend.contains("WEBHOOK_SECRET");
            assert!(!secret || format.is_ours(), "{mend}");
        }
    }
}
