//! The body of a webhook in the format `standard`, schema 1: described for receivers in `docs/webhook.md`.

use jiff::Timestamp;
use serde::Serialize;
use serde::Serializer;

use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Capability;
use crate::domain::message::EndedMute;
use crate::domain::message::Message;
use crate::domain::message::Open;
use crate::domain::message::PoolRef;
use crate::domain::message::ProductEvent;
use crate::domain::message::Reason;
use crate::domain::message::Status;
use crate::domain::report::Report;
use crate::domain::source::Cause;
use crate::domain::stand::AckRef;
use crate::domain::stand::CombinationRef;
use crate::domain::stand::Counts;
use crate::domain::stand::ProductEventKind;
use crate::domain::stand::ProductRef;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;
use crate::notify::words;

/// The version of the payload; receivers look at it before anything else.
const SCHEMA: u32 = 1;

/// The body of the message, compact JSON.
#[must_use]
pub fn body(message: &Message) -> String {
    let payload = Payload {
        kind: message.body.kind(),
        timestamp: message.at,
        data: Data {
            schema: SCHEMA,
            instance: message.instance.as_deref(),
            particulars: particulars(message),
        },
    };
    // Cannot fail: there is no map whose keys are not text, and a string takes every byte.
    serde_json::to_string(&payload).unwrap_or_default()
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(serialize_with = "utc")]
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    schema: u32,
    instance: Option<&'a str>,
    #[serde(flatten)]
    particulars: Particulars<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Particulars<'a> {
    Alerts {
        alerts: Vec<AlertJson<'a>>,
        open: Vec<AlertJson<'a>>,
        open_total: usize,
    },
    Baseline {
        products: usize,
        counts: Counts,
        combinations: Counts,
        pools: Counts,
        open: Vec<AlertJson<'a>>,
        open_total: usize,
    },
    Products {
        events: Vec<EventJson<'a>>,
    },
    Down {
        cause: Cause,
        words: &'static str,
        detail: &'a str,
        #[serde(serialize_with = "utc")]
        since: Timestamp,
        what_to_do: &'static str,
        pools: &'a [String],
    },
    Up {
        cause: Option<Cause>,
        #[serde(serialize_with = "utc")]
        since: Timestamp,
        #[serde(serialize_with = "utc")]
        until: Timestamp,
        seconds: i64,
    },
    Degraded {
        cause: Capability,
        words: &'static str,
        #[serde(serialize_with = "utc")]
        since: Timestamp,
        what_to_do: &'static str,
    },
    Restored {
        cause: Capability,
        words: &'static str,
        #[serde(serialize_with = "utc")]
        since: Timestamp,
        #[serde(serialize_with = "utc")]
        until: Timestamp,
        seconds: i64,
    },
    Report(&'a Report),
    Overdue {
        report: &'a str,
        #[serde(serialize_with = "utc")]
        since: Timestamp,
        why: &'a str,
        what_to_do: &'static str,
    },
    Ping {
        text: &'static str,
    },
}

fn particulars(message: &Message) -> Particulars<'_> {
    match &message.body {
        Body::Alerts { alerts, open } => Particulars::Alerts {
            alerts: alerts.iter().map(AlertJson::of).collect(),
            open: listed(open),
            open_total: open.total,
        },
        Body::Baseline {
            products,
            counts,
            combinations,
            pools,
            open,
        } => Particulars::Baseline {
            products: *products,
            counts: *counts,
            combinations: *combinations,
            pools: *pools,
            open: listed(open),
            open_total: open.total,
        },
        Body::Products { events } => Particulars::Products {
            events: events.iter().map(EventJson::of).collect(),
        },
        Body::SourceDown {
            cause,
            detail,
            since,
            pools,
        } => Particulars::Down {
            cause: *cause,
            words: cause.words(),
            detail,
            since: *since,
            what_to_do: cause.mend(),
            pools,
        },
        Body::SourceUp { cause, since } => Particulars::Up {
            cause: *cause,
            since: *since,
            until: message.at,
            seconds: message.at.as_second() - since.as_second(),
        },
        Body::SourceDegraded { lost } => Particulars::Degraded {
            cause: *lost,
            words: words::lost(*lost),
            since: message.at,
            what_to_do: words::mend(*lost),
        },
        Body::SourceRestored { regained, since } => Particulars::Restored {
            cause: *regained,
            words: words::regained(*regained),
            since: *since,
            until: message.at,
            seconds: message.at.as_second() - since.as_second(),
        },
        Body::Report(report) => Particulars::Report(report),
        Body::ReportOverdue { report, since, why } => Particulars::Overdue {
            report,
            since: *since,
            why,
            what_to_do: words::OVERDUE_REPORT,
        },
        Body::Ping => Particulars::Ping { text: words::PING },
    }
}

fn listed(open: &Open) -> Vec<AlertJson<'_>> {
    open.alerts.iter().map(AlertJson::of).collect()
}

/// An alert, in the order of the documentation.
#[derive(Serialize)]
struct AlertJson<'a> {
    alert_id: &'a str,
    reason: Reason,
    status: Status,
    severity: Severity,
    previous_severity: Severity,
    product: Option<&'a ProductRef>,
    combination: Option<&'a CombinationRef>,
    pool: Option<&'a PoolRef>,
    bottleneck: Option<&'a str>,
    level: Option<i64>,
    previous_level: Option<i64>,
    thresholds: &'a Thresholds,
    #[serde(serialize_with = "utc_or_null")]
    started_at: Option<Timestamp>,
    #[serde(serialize_with = "utc")]
    observed_at: Timestamp,
    days_of_cover: Option<f64>,
    instance: &'a str,
    note: Option<&'static str>,
    ack: Option<AckJson<'a>>,
    after: Option<&'a EndedMute>,
    meanwhile: bool,
}

/// Who has taken it on.
#[derive(Serialize)]
struct AckJson<'a> {
    id: i64,
    by: &'a str,
    #[serde(serialize_with = "utc")]
    at: Timestamp,
    note: &'a str,
    quantity: Option<i64>,
    arrived: i64,
    #[serde(serialize_with = "utc_or_null")]
    eta: Option<Timestamp>,
    overdue: bool,
}

impl<'a> AckJson<'a> {
    fn of(ack: &'a AckRef) -> Self {
        Self {
            id: ack.id,
            by: &ack.by,
            at: ack.at,
            note: &ack.note,
            quantity: ack.quantity,
            arrived: ack.arrived,
            eta: ack.eta,
            overdue: ack.overdue,
        }
    }
}

impl<'a> AlertJson<'a> {
    fn of(alert: &'a Alert) -> Self {
        Self {
            alert_id: &alert.alert_id,
            reason: alert.reason,
            status: alert.status,
            severity: alert.severity,
            previous_severity: alert.previous_severity,
            product: alert.product.as_ref(),
            pool: alert.pool.as_ref(),
            bottleneck: alert.bottleneck.as_deref(),
            combination: alert.combination.as_ref(),
            level: alert.level,
            previous_level: alert.previous_level,
            thresholds: &alert.thresholds,
            started_at: alert.started_at,
            observed_at: alert.observed_at,
            days_of_cover: alert.days_of_cover,
            instance: &alert.instance,
            note: alert.ambiguous_zero.then_some(words::AMBIGUOUS_ZERO),
            ack: alert.ack.as_ref().map(AckJson::of),
            after: alert.after.as_ref(),
            meanwhile: alert.meanwhile,
        }
    }
}

/// A product event, in the order of the documentation.
#[derive(Serialize)]
struct EventJson<'a> {
    kind: ProductEventKind,
    product: &'a ProductRef,
    level: Option<i64>,
    severity: Option<Severity>,
    state: &'static str,
    previous: Option<&'a str>,
    instance: &'a str,
}

impl<'a> EventJson<'a> {
    fn of(event: &'a ProductEvent) -> Self {
        Self {
            kind: event.kind,
            product: &event.product,
            level: event.level,
            severity: event.severity,
            state: event.state,
            previous: event.previous.as_deref(),
            instance: &event.instance,
        }
    }
}

/// RFC 3339 in UTC, whole seconds where there is no fraction, else milliseconds.
fn utc<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    if at.subsec_nanosecond() / 1_000_000 == 0 {
        serializer.collect_str(&format_args!("{at:.0}"))
    } else {
        serializer.collect_str(&format_args!("{at:.3}"))
    }
}

fn utc_or_null<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => utc(at, serializer),
        None => serializer.serialize_none(),
    }
}
