//! `notify test`: a test message by each channel, and what the other side answered.

use std::io::IsTerminal;

use jiff::Timestamp;
use uuid::Uuid;

use crate::app::settings::all_channels;
use crate::cli::arguments::NotifyCommand;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::print;
use crate::cli::say;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::delivery::SendError;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::notify::channel::Channel;
use crate::notify::channel::ChannelSettings;
use crate::notify::content::Outgoing;
use crate::store::deliveries::Delivery;
use crate::store::reader::Reader;

/// The reason of a delivery whose receiver said that it is gone.
const GONE: &str = "http_410";
/// How far back the outbox is looked through for a channel that was switched off.
const LOOKED_AT: usize = 1000;

/// Sends the test, as the daemon would. Needs no lock and writes nothing to the database.
pub async fn notify(sources: &Sources, what: &NotifyCommand) -> Exit {
    let NotifyCommand::Test { channel: wanted } = what;
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let chosen = match chosen(&config, wanted.as_deref()) {
        Ok(chosen) => chosen,
        Err(exit) => return exit,
    };
    let gone = switched_off(&config).await;
    let mut exit = Exit::Ok;
    for settings in chosen {
        let channel = match Channel::new(&settings) {
            Ok(channel) => channel,
            Err(error) => return fail(Exit::Config, &error.to_string()),
        };
        if gone.contains(&settings.name) {
            say(&format!(
                "{}: the last delivery was answered with 410 (gone). A daemon that heard that sends nothing more there \
                 until its next start or reload.",
                settings.name
            ));
        }
        if !test(&channel, &config).await {
            exit = Exit::Low;
        }
    }
    exit
}

/// The named channel, or all of them, those that reports have of their own last.
fn chosen(config: &Config, wanted: Option<&str>) -> Result<Vec<ChannelSettings>, Exit> {
    let mut channels = all_channels(&config.channels, &config.reports);
    if channels.is_empty() {
        return Err(fail(
            Exit::Config,
            "There is no channel. Set ALERT_EMAIL_TO or WEBHOOK_URL, or write a [[channel]].",
        ));
    }
    let Some(wanted) = wanted else {
        return Ok(channels);
    };
    let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
    let unknown = format!("There is no channel {wanted:?}. There are: {}.", names.join(", "));
    channels.retain(|channel| channel.name == wanted);
    if channels.is_empty() {
        return Err(fail(Exit::Usage, &unknown));
    }
    Ok(channels)
}

/// Sends to each recipient and prints the answers; whether all took it.
async fn test(channel: &Channel, config: &Config) -> bool {
    let message = Message {
        id: Uuid::new_v4(),
        channel: channel.name().to_owned(),
        instance: None,
        at: Timestamp::now(),
        body: Body::Ping,
    };
    let content = channel.render(&message, &config.timezone, config.http.page_url.as_deref());
    let mut all = true;
    for recipient in channel.recipients() {
        let to = if recipient == channel.name() {
            recipient.clone()
        } else {
            format!("{} to {recipient}", channel.name())
        };
        if std::io::stderr().is_terminal() {
            say(&format!("Sending: {to} …"));
        }
        let outgoing = Outgoing {
            message_id: message.id,
            content: &content,
            recorded_at: message.at,
            now: Timestamp::now(),
        };
        match channel.send(&recipient, &outgoing).await {
            Ok(receipt) => print(&format!("{to}: accepted: {}", receipt.answer)),
            Err(error) => {
                all = false;
                print(&format!("{to}: not accepted: {error}. {}", afterwards(&error)));
            }
        }
    }
    all
}

/// What the daemon would make of it.
fn afterwards(error: &SendError) -> &'static str {
    match error {
        SendError::Transient { .. } => "The daemon would try an alert again, for up to five days.",
        SendError::Permanent { .. } => "The daemon would not try an alert again: it would be a dead letter.",
        SendError::Gone { .. } => {
            "The daemon would send nothing more by this channel until its next start or reload."
        }
    }
}

/// The channels whose last delivery that ended was answered with 410.
async fn switched_off(config: &Config) -> Vec<String> {
    let Ok(reader) = Reader::open(&config.store.path).await else {
        return Vec::new();
    };
    let found = reader.deliveries(None, None, LOOKED_AT).await;
    reader.close().await;
    let deliveries = found.unwrap_or_default();
    let is_gone = |name: &String| {
        let ended = deliveries.iter().filter(|delivery| delivery.channel == *name);
        let last = ended.max_by_key(|delivery: &&Delivery| delivery.settled_at);
        last.is_some_and(|delivery| delivery.reason.as_deref() == Some(GONE))
    };
    let channels = all_channels(&config.channels, &config.reports).into_iter();
    channels.map(|channel| channel.name).filter(is_gone).collect()
}
