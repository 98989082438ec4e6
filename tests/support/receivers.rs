//! A mail server and a webhook receiver on loopback, for tests that are not async themselves.

use std::sync::Arc;

use serde_json::Value;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::sinks::mail::MailSink;
use whmcs_stock_monitor::sinks::mail_script::Mail;
use whmcs_stock_monitor::sinks::webhook::Request;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;

use crate::daemon::eventually;

/// The webhook secret of tests that check no signature.
pub const SECRET: &str = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMsIDMyIGJ5dGU=";

/// Both receivers and the runtime they live in.
pub struct Receivers {
    pub mail: MailSink,
    pub hook: WebhookSink,
    // Dropped last: the receivers' tasks run in it.
    _runtime: Runtime,
}

impl Receivers {
    /// Starts both.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let mail = runtime.block_on(MailSink::start()).expect("a mail server");
        let hook = runtime.block_on(WebhookSink::start()).expect("a receiver");
        Self {
            mail,
            hook,
            _runtime: runtime,
        }
    }

    /// The settings that make them the two channels of the environment, and the shop the one of it.
    pub fn settings(&self, url: &str) -> Vec<(&'static str, String)> {
        vec![
            ("WHMCS_API_URL", url.to_owned()),
            ("WHMCS_API_IDENTIFIER", "test-identifier".to_owned()),
            ("WHMCS_API_SECRET", "test-secret".to_owned()),
            ("LOW_STOCK", "5".to_owned()),
            ("CRITICAL_STOCK", "2".to_owned()),
            ("POLL_SCHEDULE", "every 200ms".to_owned()),
            ("SMTP_URL", self.mail.url()),
            ("SMTP_FROM", "stock@shop.example".to_owned()),
            ("ALERT_EMAIL_TO", "sales@shop.example".to_owned()),
            ("WEBHOOK_URL", self.hook.url()),
            ("WEBHOOK_SECRET", SECRET.to_owned()),
        ]
    }

    /// The payloads received so far.
    pub fn payloads(&self) -> Vec<Value> {
        let read = |request: &Arc<Request>| serde_json::from_slice(&request.body).expect("JSON");
        self.hook.requests().iter().map(read).collect()
    }

    /// The payloads received so far of that type.
    pub fn of_type(&self, kind: &str) -> Vec<Value> {
        let mut payloads = self.payloads();
        payloads.retain(|payload| payload["type"] == kind);
        payloads
    }

    /// What was said by webhook, as short lines: the type, and of alerts and events each one.
    pub fn said(&self) -> Vec<String> {
        self.payloads().iter().map(short).collect()
    }

    /// The subjects received by mail.
    pub fn subjects(&self) -> Vec<String> {
        self.mail.mails().iter().map(|mail| mail.subject()).collect()
    }

    /// Waits until that many webhooks and as many mails came.
    pub fn wait_for(&self, count: usize) -> (Vec<Value>, Vec<Arc<Mail>>) {
        eventually(&format!("{count} messages by each channel"), || {
            (self.hook.requests().len() >= count && self.mail.mails().len() >= count).then_some(())
        });
        (self.payloads(), self.mail.mails())
    }
}

/// "stock.alerts: 1 worse out 0; 2 recovered ok 9", "stock.baseline", "stock.product: 3 new", …
pub fn short(payload: &Value) -> String {
    let data = &payload["data"];
    let kind = payload["type"].as_str().unwrap_or_default();
    let list = |key: &str| data[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let alerts = list("alerts").into_iter().map(|alert| {
        let (reason, severity) = (text(&alert["reason"]), text(&alert["severity"]));
        format!(
            "{} {reason} {severity} {}",
            alert["product"]["id"], alert["level"]
        )
    });
    let events = list("events")
        .into_iter()
        .map(|event| format!("{} {}", event["product"]["id"], text(&event["kind"])));
    let parts: Vec<String> = alerts.chain(events).collect();
    if parts.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}: {}", parts.join("; "))
    }
}
