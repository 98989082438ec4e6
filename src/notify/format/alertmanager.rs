//! What an Alertmanager is posted (API v2): each alert with its labels, firing or resolved.
//!
//! `severity` is a label, since routes ask for it, and so a part of an alert's identity: whoever is told of one severity
//! is told with it that the other two are over. Alertmanager ends what it hears no more of; ours say themselves when they
//! end, long after the next word is due, for a stock that nobody refilled must not be taken for well.

use std::collections::BTreeMap;
use std::slice;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::Url;
use serde::Serialize;
use serde_json::Value;

use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::domain::message::ProductEvent;
use crate::domain::message::Status;
use crate::domain::stand::Severity;
use crate::notify::cards::Reading;
use crate::notify::clean;
use crate::notify::subject;
use crate::notify::words;

/// Where API v2 takes alerts, below the address of an Alertmanager.
const PATH: &str = "/api/v2/alerts";
/// How long an alert fires where nothing more is said of it.
const LASTING: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How long something that merely happened is shown.
const NEWS: SignedDuration = SignedDuration::from_hours(24);
/// How long a test fires.
const TEST: SignedDuration = SignedDuration::from_mins(1);
/// The severity of what merely happened.
const INFO: &str = "info";
/// The longest value of a label that is text, in characters.
const LABEL: usize = 200;

/// One alert of API v2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<String>,
}

/// Where alerts are posted: the address with the path of API v2, unless it ends with that already.
#[must_use]
pub fn endpoint(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}{PATH}"));
    }
    url
}

/// The alerts of a message, as a JSON array.
#[must_use]
pub fn body(message: &Message, zone: &TimeZone, page_url: Option<&str>, several: bool) -> String {
    let telling = Telling {
        message,
        reading: Reading {
            at: message.at,
            zone,
            several: message.instance.is_none(),
            beside: words::beside(message, several),
        },
        page_url,
        several,
    };
    // Cannot fail: every key is text.
    serde_json::to_string(&telling.posted()).unwrap_or_default()
}

/// What is left to post of a body once later ones have been taken: what those speak of is old news. `None` where
/// nothing is.
#[must_use]
pub fn without_what_is_old(body: &str, later: &[String]) -> Option<String> {
    let read = |body: &str| serde_json::from_str::<Vec<Value>>(body).unwrap_or_default();
    let spoken: Vec<Value> = later.iter().flat_map(|body| read(body)).collect();
    let mut posted = read(body);
    let whole = posted.len();
    posted.retain(|alert| !spoken.iter().any(|later| later["labels"] == alert["labels"]));
    match (posted.len(), whole) {
        (left, whole) if left == whole => Some(body.to_owned()),
        (0, _) => None,
        (_, _) => Some(Value::Array(posted).to_string()),
    }
}

/// A message on its way into alerts.
struct Telling<'a> {
    message: &'a Message,
    reading: Reading<'a>,
    page_url: Option<&'a str>,
    several: bool,
}

impl Telling<'_> {
    fn posted(&self) -> Vec<Posted> {
        match &self.message.body {
            Body::Alerts { alerts, .. } => alerts.iter().flat_map(|alert| self.alert(alert)).collect(),
            Body::Baseline { open, .. } => {
                let news = self.news("WhmcsStockBaseline", NEWS);
                let open = open.alerts.iter().flat_map(|alert| self.alert(alert));
                open.chain([news]).collect()
            }
            Body::Products { events } => events.iter().map(|event| self.event(event)).collect(),
            Body::SourceDown {
                cause, detail, since, ..
            } => {
                let mut down = self.source("WhmcsSourceDown", "critical", *since, None);
                down.note("description", &format!("{} {}", cause.words(), cause.mend()));
                down.note("cause", cause.as_str());
                down.note("detail", detail);
                vec![down]
            }
            Body::SourceUp { cause, since } => {
                let mut up = self.source("WhmcsSourceDown", "critical", *since, Some(self.message.at));
                up.note("cause", cause.map(|cause| cause.as_str()).unwrap_or_default());
                vec![up]
            }
            Body::SourceDegraded { lost } => {
                let mut lost_one = self.source("WhmcsSourceDegraded", "warning", self.message.at, None);
                lost_one.labels.insert("capability", lost.as_str().to_owned());
                lost_one.note(
                    "description",
                    &format!("{} {}", words::lost(*lost), words::mend(*lost)),
                );
                vec![lost_one]
            }
            Body::SourceRestored { regained, since } => {
                let end = Some(self.message.at);
                let mut back = self.source("WhmcsSourceDegraded", "warning", *since, end);
                back.labels.insert("capability", regained.as_str().to_owned());
                back.note("description", words::regained(*regained));
                vec![back]
            }
            Body::Report(report) => {
                let mut news = self.news("WhmcsStockReport", NEWS);
                news.label("report", &report.name);
                vec![news]
            }
            Body::ReportOverdue { report, why, .. } => {
                let mut news = self.news("WhmcsStockReportOverdue", NEWS);
                news.labels.insert("severity", "warning".to_owned());
                news.label("report", report);
                news.note("description", why);
                vec![news]
            }
            Body::Ping => vec![self.news("WhmcsStockTest", TEST)],
        }
    }

    /// The alert in each severity: firing in its own, over in the others.
    fn alert(&self, alert: &Alert) -> Vec<Posted> {
        let started = alert.started_at.unwrap_or(alert.observed_at).min(self.message.at);
        let one = |severity: Severity| {
            let fires = alert.status == Status::Firing && alert.severity == severity;
            let mut posted = self.begun("WhmcsStock", severity.as_str(), started);
            identify(&mut posted, alert);
            self.describe(&mut posted, alert);
            if !fires {
                posted.ends_at = self.message.at;
            }
            posted
        };
        [Severity::Out, Severity::Critical, Severity::Low].map(one).into()
    }

    fn describe(&self, posted: &mut Posted, alert: &Alert) {
        let card = self.reading.card(alert);
        let facts = std::iter::once(card.lead).chain(card.facts);
        let facts: Vec<String> = facts.filter(|fact| !fact.is_empty()).collect();
        let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        posted.note(
            "summary",
            &subject::alerts_line(slice::from_ref(alert), self.reading.beside),
        );
        posted.note("description", &facts.join("; "));
        posted.note("alert_id", &alert.alert_id);
        posted.note("reason", alert.reason.as_str());
        posted.note("product", &words::subject(alert, clean::NAME));
        posted.note("choice", &words::choice(alert, clean::NAME).unwrap_or_default());
        posted.note("level", &number(words::level(alert)));
        posted.note("previous_level", &number(words::previous(alert)));
        posted.note("previous_severity", alert.previous_severity.as_str());
        posted.note("thresholds", &words::thresholds(&alert.thresholds));
        let days = alert.days_of_cover.map(|days| format!("{days:.1}"));
        posted.note("days_of_cover", &days.unwrap_or_default());
        posted.note("ordered", &ordered(alert));
        let group = alert
            .product
            .as_ref()
            .and_then(|product| product.group.as_deref());
        posted.note("group", group.unwrap_or_default());
    }

    fn event(&self, event: &ProductEvent) -> Posted {
        let mut posted = self.begun("WhmcsProductEvent", INFO, self.message.at);
        posted.ends_at = after(self.message.at, NEWS);
        posted.label("whmcs", &event.instance);
        posted.label("product_id", &event.product.id.to_string());
        posted.label("event", event.kind.as_str());
        let card = self.reading.event(event);
        let facts: Vec<String> = std::iter::once(card.lead).chain(card.facts).collect();
        let what = format!(
            "{}: {}",
            words::event(event.kind),
            words::product(&event.product, clean::NAME)
        );
        posted.note("summary", &what);
        posted.note("description", &facts.join("; "));
        let level = event.level.map(|level| level.to_string());
        posted.note("level", &level.unwrap_or_default());
        posted
    }

    fn source(
        &self,
        name: &'static str,
        severity: &'static str,
        since: Timestamp,
        end: Option<Timestamp>,
    ) -> Posted {
        let mut posted = self.begun(name, severity, since.min(self.message.at));
        posted.label("whmcs", self.message.instance.as_deref().unwrap_or_default());
        posted.note("summary", &subject::subject(self.message, self.several));
        posted.ends_at = end.unwrap_or(posted.ends_at);
        posted
    }

    /// Something that merely happened.
    fn news(&self, name: &'static str, shown: SignedDuration) -> Posted {
        let mut posted = self.begun(name, INFO, self.message.at);
        posted.ends_at = after(self.message.at, shown);
        posted.label("whmcs", self.message.instance.as_deref().unwrap_or_default());
        posted.note("summary", &subject::subject(self.message, self.several));
        posted
    }

    fn begun(&self, name: &'static str, severity: &str, starts_at: Timestamp) -> Posted {
        Posted {
            labels: BTreeMap::from([("alertname", name.to_owned()), ("severity", severity.to_owned())]),
            annotations: BTreeMap::new(),
            starts_at,
            ends_at: after(self.message.at, LASTING),
            generator_url: self.page_url.map(|url| clean::line(url, 500)),
        }
    }
}

impl Posted {
    /// Sets a label; none where there is nothing to say.
    fn label(&mut self, name: &'static str, text: &str) {
        let text = clean::line(text, LABEL);
        if !text.is_empty() {
            self.labels.insert(name, text);
        }
    }

    /// Sets an annotation; none where there is nothing to say.
    fn note(&mut self, name: &'static str, text: &str) {
        if !text.is_empty() {
            self.annotations.insert(name, text.to_owned());
        }
    }
}

/// What tells it from every other alert, and never changes while it lasts: no names that can be changed in WHMCS.
fn identify(posted: &mut Posted, alert: &Alert) {
    match (alert.product_id(), &alert.pool) {
        (Some(id), _) => {
            posted.label("whmcs", &alert.instance);
            posted.label("product_id", &id.to_string());
            let key = alert.combination.as_ref().map(|combination| &combination.key);
            posted.label("combination", key.map(String::as_str).unwrap_or_default());
        }
        // Several shops may draw on a pool.
        (None, Some(pool)) => {
            posted.label("pool", &pool.name);
            let need = pool.need.map(|need| need.to_string());
            posted.label("orders_of", &need.unwrap_or_default());
        }
        (None, None) => posted.label("alert_id", &alert.alert_id),
    }
}

/// `20, due 2026-12-12, overdue`; "" where nothing was.
fn ordered(alert: &Alert) -> String {
    let Some(ack) = &alert.ack else {
        return String::new();
    };
    let Some(quantity) = ack.quantity else {
        return String::new();
    };
    let due = ack.eta.map(|eta| format!(", due {eta:.0}")).unwrap_or_default();
    let late = if ack.overdue { ", overdue" } else { "" };
    format!("{quantity}{due}{late}")
}

fn after(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_added_where_it_is_missing() {
        for (given, posted_to) in [
            ("http://am:9093", "http://am:9093/api/v2/alerts"),
            ("http://am:9093/", "http://am:9093/api/v2/alerts"),
            ("https://mon.example/am/", "https://mon.example/am/api/v2/alerts"),
            ("http://am:9093/api/v2/alerts", "http://am:9093/api/v2/alerts"),
            ("http://u:p@am/x?k=v", "http://u:p@am/x/api/v2/alerts?k=v"),
        ] {
            let url = endpoint(given.parse().expect("a URL"));
            assert_eq!(url.as_str(), posted_to);
        }
    }

    #[test]
    fn what_a_later_body_speaks_of_is_left_out() {
        let one = |label: &str, end: &str| format!(r#"{{"endsAt":"{end}","labels":{{"a":"{label}"}}}}"#);
        let two = format!("[{},{}]", one("1", "x"), one("2", "x"));
        let later = |label: &str| vec![format!("[{}]", one(label, "y"))];
        assert_eq!(without_what_is_old(&two, &[]), Some(two.clone()));
        assert_eq!(without_what_is_old(&two, &later("3")), Some(two.clone()));
        assert_eq!(
            without_what_is_old(&two, &later("1")),
            Some(format!("[{}]", one("2", "x")))
        );
        assert_eq!(without_what_is_old(&two, slice::from_ref(&two)), None);
        assert_eq!(without_what_is_old("[]", &later("1")), Some("[]".to_owned()));
    }
}
