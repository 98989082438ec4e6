//! The monitor itself on a fast clock: the real jobs, store and channels; only the shop's answers are made in memory.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::app::Generation;
use whmcs_stock_monitor::config::load::Config;
use whmcs_stock_monitor::config::overlay::Sources;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::source::Failure;
use whmcs_stock_monitor::jobs::check::Check;
use whmcs_stock_monitor::jobs::deliver::Deliver;
use whmcs_stock_monitor::jobs::remind::Remind;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::whmcs::client::Look;

use crate::model::Said;
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
        }
    }

    /// Forgets everything that is not in the database.
    pub async fn restart(&mut self, setup: &Setup, now: Timestamp) {
        self.starts += 1;
        self.parts = Parts::new(setup, &self.folder, &self.store, self.starts).await;
        self.store.void_leases(now).await.expect("voids");
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

    /// Everything that reached a channel, and the messages it came in: time, channel, kind.
    pub fn heard(&self, setup: &Setup) -> (Vec<Said>, Vec<(Timestamp, &'static str, String)>) {
        let (mut said, mut messages) = (Vec::new(), Vec::new());
        for request in self.hook.requests() {
            let id = request.header("webhook-id").expect("an id");
            let at = self.delivered[id];
            let named = setup
                .channels
                .iter()
                .find(|line| request.path == format!("/{}", line.name));
            let channel = named.expect("a channel").name;
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            let kind = body["type"].as_str().expect("a type").to_owned();
            for text in told(&body) {
                said.push(Said { at, channel, text });
            }
            messages.push((at, channel, kind));
        }
        (said, messages)
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
        );
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

fn configured(setup: &Setup, hook: &WebhookSink) -> String {
    let zone = setup.zone.iana_name().unwrap_or("UTC");
    let mut text = format!(
        "timezone = \"{zone}\"\nreminder_at = \"{}\"\n",
        setup.remind_at.strftime("%H:%M")
    );
    for line in &setup.channels {
        text += &format!(
            "[[channel]]\nname = \"{0}\"\ntype = \"webhook\"\nurl = \"http://{1}/{0}\"\ndefault = {2}\n",
            line.name,
            hook.address(),
            line.default
        );
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
    format!("{id} {reason} {severity} (was {was}), {left} left")
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// So many minutes later.
pub fn later(now: Timestamp, minutes: i64) -> Timestamp {
    now + SignedDuration::from_mins(minutes)
}
