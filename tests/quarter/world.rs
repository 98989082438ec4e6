//! The monitor itself on a fast clock: the real jobs, store and channels; only the shop's answers are made in memory.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::app::Generation;
use whmcs_stock_monitor::config::load::Config;
use whmcs_stock_monitor::config::overlay::Sources;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::people::Matcher;
use whmcs_stock_monitor::domain::source::Failure;
use whmcs_stock_monitor::jobs::check::Check;
use whmcs_stock_monitor::jobs::deliver::Deliver;
use whmcs_stock_monitor::jobs::rehearse::Rehearse;
use whmcs_stock_monitor::jobs::remind::Remind;
use whmcs_stock_monitor::notify::standard;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;
use whmcs_stock_monitor::store::acks::NewAck;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::silences::NewSilence;
use whmcs_stock_monitor::whmcs::client::Look;

use crate::acts::Act;
use crate::acts::Whom;
use crate::model::Said;
use crate::setup::NAMES;
use crate::setup::Setup;

pub struct World {
    folder: TempDir,
    hook: WebhookSink,
    store: Store,
    parts: Parts,
    starts: u64,
    /// When each message was handed over, by its id.
    delivered: BTreeMap<String, Timestamp>,
    /// When something is due next, by the channel's place.
    due: Vec<Option<Timestamp>>,
    acks: usize,
}

/// What reached the channels.
#[derive(Default)]
pub struct Heard {
    /// At the time it was handed over.
    pub said: Vec<Said>,
    /// The same at the time it was decided.
    pub decided: Vec<Said>,
    /// The messages it came in: when it was decided, channel, kind.
    pub messages: Vec<(Timestamp, &'static str, String)>,
}

/// What one start of the daemon makes.
struct Parts {
    check: Check,
    remind: Remind,
    deliver: Vec<Deliver>,
}

impl World {
    pub async fn begin(setup: &Setup) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("config")).expect("a folder");
        let hook = WebhookSink::start().await.expect("a receiver");
        fs::write(
            folder.path().join("config/monitor.toml"),
            configured(setup, &hook),
        )
        .expect("writes");
        let store = Store::open(&loaded(&folder).store).await.expect("opens").store;
        let parts = Parts::new(setup, &folder, &store, 1).await;
        Self {
            folder,
            hook,
            store,
            parts,
            starts: 1,
            delivered: BTreeMap::new(),
            due: vec![None; setup.channels.len()],
            acks: 0,
        }
    }

    /// Forgets everything that is not in the database.
    pub async fn restart(&mut self, setup: &Setup, now: Timestamp) {
        self.starts += 1;
        self.parts = Parts::new(setup, &self.folder, &self.store, self.starts).await;
        self.store.void_leases(now).await.expect("voids");
    }

    /// Somebody does something at `now`.
    pub async fn act(&mut self, act: &Act, now: Timestamp) {
        let reader = self.store.reader();
        let shop = reader.instance("default").await.expect("reads").expect("a shop");
        match act {
            Act::Ack { id, quantity, eta } => {
                self.acks += 1;
                let series = reader.series_of(shop, *id).await.expect("reads");
                let new = NewAck {
                    by: format!("staff {}", self.acks),
                    note: String::new(),
                    quantity: *quantity,
                    eta: *eta,
                };
                let made = self.store.add_ack(shop, series[0].number, &new, now).await;
                made.expect("an ack");
            }
            Act::EndAck { id } => {
                let acks = reader.acks(Some(shop), true).await.expect("reads");
                let ack = acks.iter().find(|ack| ack.product_id == *id).expect("an ack");
                assert!(self.store.end_ack(ack.ack.id, now).await.expect("ends"));
            }
            Act::Silence { whom, from, until } => {
                let new = NewSilence {
                    matcher: matcher(whom),
                    starts_at: *from,
                    ends_at: *until,
                    by: "the desk".to_owned(),
                    comment: String::new(),
                };
                self.store.add_silence(&new, now).await.expect("a silence");
            }
            Act::EndSilence { number } => {
                self.store.end_silence(*number, now).await.expect("ends");
            }
        }
    }

    /// A poll at `now` that shows this.
    pub async fn poll(&mut self, result: Result<Snapshot, Failure>, now: Timestamp) -> Outcome {
        let look = Look {
            observed_at: now,
            duration: Duration::from_millis(40),
            attempts: Vec::new(),
            requests: Vec::new(),
            part: false,
            result,
        };
        let checked = self
            .parts
            .check
            .conclude(look)
            .await
            .expect("records")
            .expect("decides");
        self.nudge(&checked.headlines, now);
        checked.outcome
    }

    pub async fn remind(&mut self, now: Timestamp) {
        let reminded = self.parts.remind.run(now).await.expect("reminds");
        self.nudge(&reminded.headlines, now);
    }

    fn nudge(&mut self, headlines: &[(String, String)], now: Timestamp) {
        for (deliver, due) in self.parts.deliver.iter().zip(&mut self.due) {
            if headlines
                .iter()
                .any(|(channel, _)| channel == deliver.channel().name())
            {
                *due = Some(now);
            }
        }
    }

    /// Sends what is due at `now` on all channels.
    pub async fn deliver(&mut self, now: Timestamp) {
        let never = CancellationToken::new();
        for (channel, due) in self.parts.deliver.iter().zip(&mut self.due) {
            while due.is_some_and(|due| due <= now) {
                let sent = channel.run(&move || now, &|| 0.5, &never).await.expect("settles");
                for attempted in sent.attempts {
                    assert!(attempted.result.is_ok(), "{attempted:?}");
                    let again = self.delivered.insert(attempted.message_id, now);
                    assert_eq!(again, None, "a message is handed over once");
                }
                *due = sent.next_due;
            }
        }
    }

    /// Everything that reached the channels.
    pub fn heard(&self, setup: &Setup) -> Heard {
        let mut heard = Heard::default();
        for request in self.hook.requests() {
            let id = request.header("webhook-id").expect("an id");
            let at = self.delivered[id];
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            let channel = setup.channel(request.path.trim_start_matches('/'));
            let decided: Timestamp = word(&body["timestamp"]).parse().expect("a time");
            heard
                .messages
                .push((decided, channel, word(&body["type"]).to_owned()));
            for text in told(&body) {
                heard.decided.push(Said {
                    at: decided,
                    channel,
                    text: text.clone(),
                });
                heard.said.push(Said { at, channel, text });
            }
        }
        heard
    }

    /// What a rehearsal of the time says that these rules would have said.
    pub async fn rehearsed(&self, setup: &Setup, (since, until): (Timestamp, Timestamp)) -> Vec<Said> {
        let reader = self.store.reader();
        let shop = reader.instance("default").await.expect("reads").expect("a shop");
        let rehearse = Rehearse {
            rules: Arc::new(setup.rules(1)),
            shops: vec![(
                "default".to_owned(),
                reader.timeline(shop, since, until).await.expect("reads"),
            )],
            since,
            until,
            remind_at: setup.remind_at,
            zone: setup.zone.clone(),
            silences: reader.silences(None).await.expect("reads"),
            windows: loaded(&self.folder).windows,
        };
        let rehearsed = rehearse.run();
        println!(
            "rehearsed {} polls, {} of them decided",
            rehearsed.polls, rehearsed.decided
        );
        let mut said = Vec::new();
        for message in &rehearsed.messages {
            let body: Value = serde_json::from_str(&standard::body(message)).expect("JSON");
            let channel = setup.channel(&message.channel);
            said.extend(told(&body).into_iter().map(|text| Said {
                at: message.at,
                channel,
                text,
            }));
        }
        said
    }

    pub async fn close(self) {
        self.store.integrity_check().await.expect("a sound database");
        self.store.close().await;
    }
}

impl Parts {
    async fn new(setup: &Setup, folder: &TempDir, store: &Store, start: u64) -> Self {
        let mut generation = Generation::new(loaded(folder), store, &[]).await.expect("starts");
        generation.rules = Arc::new(setup.rules(start));
        let config = &generation.config;
        let remind = Remind::new(
            generation
                .shops
                .iter()
                .map(|(shop, _)| Arc::clone(shop))
                .collect(),
            store.clone(),
            Arc::clone(&generation.rules),
            (Arc::clone(&generation.capacities), generation.pools.clone()),
            Arc::clone(&generation.telling),
            config.reminder_at,
            config.timezone.clone(),
        )
        .with_windows(&config.windows);
        let channels = 0..generation.telling.channels.len();
        Self {
            check: generation.check(0, store, Duration::from_secs(1)),
            remind,
            deliver: channels
                .map(|place| Deliver::new(store.clone(), Arc::clone(&generation.telling), place))
                .collect(),
        }
    }
}

fn matcher(whom: &Whom) -> Matcher {
    let mut matcher = Matcher::default();
    match whom {
        Whom::All => {}
        Whom::Group(group) => matcher.groups = vec![Pattern::Id(*group)],
        Whom::Products(ids) => matcher.products = ids.iter().map(|id| Pattern::Id(*id)).collect(),
    }
    matcher
}

/// Channels and windows as staff write them.
fn configured(setup: &Setup, hook: &WebhookSink) -> String {
    let named = |zone: &TimeZone| zone.iana_name().unwrap_or("UTC").to_owned();
    let mut text = format!(
        "timezone = \"{}\"\nreminder_at = \"{}\"\n",
        named(&setup.zone),
        setup.remind_at.strftime("%H:%M")
    );
    for line in &setup.channels {
        text += &format!(
            "[[channel]]\nname = \"{0}\"\ntype = \"webhook\"\nurl = \"http://{1}/{0}\"\ndefault = {2}\n",
            line.name,
            hook.address(),
            line.default
        );
        if let Some(quiet) = &line.quiet {
            let (from, until) = (quiet.from.strftime("%H:%M"), quiet.until.strftime("%H:%M"));
            let days: Vec<String> = quiet.days.iter().map(|day| format!("{day:?}")).collect();
            let pierce: Vec<&str> = quiet.pierce.iter().map(|rank| NAMES[*rank]).collect();
            text += &format!("quiet = \"{from}-{until}\"\nquiet_pierce = {pierce:?}\n");
            text += &format!("quiet_zone = \"{}\"\n", named(&quiet.zone));
            if !days.is_empty() {
                text += &format!("quiet_days = {days:?}\n");
            }
        }
    }
    for window in &setup.windows {
        let day = window
            .day
            .map_or_else(|| "*".to_owned(), |day| format!("{day:?}")[..3].to_uppercase());
        text += &format!(
            "[[maintenance]]\nname = \"{}\"\nschedule = \"{} {day}\"\nlasts = \"{}m\"\nzone = \"{}\"\n",
            window.name,
            window.from.strftime("%-M %-H * *"),
            window.minutes,
            named(&window.zone)
        );
        if let Some(group) = window.group {
            text += &format!("groups = [{group}]\n");
        }
    }
    text
}

fn loaded(folder: &TempDir) -> Config {
    let env = [
        // Nothing listens there: the looks are made in memory.
        ("WHMCS_API_URL", "http://127.0.0.1:9/includes/api.php"),
        ("WHMCS_API_IDENTIFIER", "identifier"),
        ("WHMCS_API_SECRET", "secret"),
    ];
    let sources = Sources {
        env: env
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        dir: folder.path().to_owned(),
        config_file: None,
    };
    Config::load(&sources).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What a body says, one line for each series, event or word on the source.
fn told(body: &Value) -> Vec<String> {
    let data = &body["data"];
    let list = |name: &str| data[name].as_array().cloned().unwrap_or_default();
    match body["type"].as_str() {
        Some("stock.alerts") => list("alerts").iter().map(alert).collect(),
        Some("stock.product") => list("events")
            .iter()
            .map(|event| format!("{} {}", event["product"]["id"], word(&event["kind"])))
            .collect(),
        Some("stock.baseline") => {
            let counts = &data["counts"];
            vec![format!(
                "baseline of {}: {} out, {} critical, {} low",
                data["products"], counts["out"], counts["critical"], counts["low"]
            )]
        }
        kind => vec![kind.unwrap_or("?").to_owned()],
    }
}

fn alert(alert: &Value) -> String {
    let (severity, was) = (word(&alert["severity"]), word(&alert["previous_severity"]));
    let (id, reason, left) = (&alert["product"]["id"], word(&alert["reason"]), &alert["level"]);
    assert_eq!(word(&alert["alert_id"]), format!("default/{id}/-"));
    let mut text = format!("{id} {reason} {severity} (was {was}), {left} left");
    let ack = &alert["ack"];
    if ack.is_object() {
        text += &format!(", {} has it, {} came", word(&ack["by"]), ack["arrived"]);
        text += if ack["overdue"] == true { ", overdue" } else { "" };
    }
    let after = &alert["after"];
    if after.is_object() {
        text += &format!(", after {} {}", word(&after["kind"]), word(&after["id"]));
    }
    text + if alert["meanwhile"] == true {
        ", meanwhile"
    } else {
        ""
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// So many minutes later.
pub fn later(now: Timestamp, minutes: i64) -> Timestamp {
    now + SignedDuration::from_mins(minutes)
}
