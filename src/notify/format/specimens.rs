//! A message of every kind: what templates are tried with before anything real is sent.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Capability;
use crate::domain::message::Message;
use crate::domain::message::Open;
use crate::domain::message::PoolRef;
use crate::domain::message::ProductEvent;
use crate::domain::message::Reason;
use crate::domain::message::Status;
use crate::domain::report::Beyond;
use crate::domain::report::Period;
use crate::domain::report::Report;
use crate::domain::source::Cause;
use crate::domain::stand::AckRef;
use crate::domain::stand::CombinationRef;
use crate::domain::stand::Counts;
use crate::domain::stand::ProductEventKind;
use crate::domain::stand::ProductRef;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;

/// When they all happen: a second of 2026.
const AT: Timestamp = Timestamp::constant(1_795_251_791, 0);
/// A name that breaks what is not escaped.
const NAME: &str = "A \"quoted\" \\ <b> & {{ 7 * 7 }}";

/// Of each kind at least one; of alerts those with everything and those with as little as there can be.
#[must_use]
pub fn every_kind() -> Vec<Message> {
    let open = Open {
        alerts: vec![full(), bare()],
        total: 2,
    };
    let baseline = Body::Baseline {
        products: 3,
        counts: Counts::default(),
        combinations: Counts::default(),
        pools: Counts::default(),
        open: open.clone(),
    };
    let since = AT;
    let mut bodies = vec![
        Body::Alerts {
            alerts: vec![full(), bare(), pool()],
            open,
        },
        alone(full()),
        alone(bare()),
        alone(pool()),
        baseline,
        events(),
        Body::Report(Box::new(report())),
        Body::ReportOverdue {
            report: "weekly".to_owned(),
            since,
            why: "the mail server does not answer".to_owned(),
        },
        Body::Ping,
    ];
    for cause in [None, Some(Cause::Ip)] {
        bodies.push(Body::SourceUp { cause, since });
    }
    for pools in [Vec::new(), vec![NAME.to_owned()]] {
        bodies.push(Body::SourceDown {
            cause: Cause::Ip,
            detail: String::new(),
            since,
            pools,
        });
    }
    for lost in [Capability::Companion, Capability::StockFields] {
        bodies.push(Body::SourceDegraded { lost });
        bodies.push(Body::SourceRestored {
            regained: lost,
            since,
        });
    }
    bodies.into_iter().map(message).collect()
}

/// One alert, of a product whose name breaks what is not escaped.
#[must_use]
pub fn hostile() -> Message {
    message(alone(full()))
}

fn message(body: Body) -> Message {
    Message {
        id: Uuid::nil(),
        channel: "specimen".to_owned(),
        instance: Some("default".to_owned()),
        at: AT,
        body,
    }
}

fn alone(alert: Alert) -> Body {
    Body::Alerts {
        alerts: vec![alert],
        open: Open::default(),
    }
}

fn product(group: Option<&str>) -> ProductRef {
    ProductRef {
        id: 42,
        name: NAME.to_owned(),
        group: group.map(str::to_owned),
    }
}

fn full() -> Alert {
    Alert {
        severity: Severity::Out,
        previous_severity: Severity::Low,
        status: Status::Firing,
        reason: Reason::Worse,
        product: Some(product(Some("Dedicated"))),
        combination: Some(CombinationRef {
            key: "4=11".to_owned(),
            label: "RAM: 64 GB".to_owned(),
        }),
        pool: Some(pool_ref(Some(0))),
        bottleneck: Some("pool DIMM".to_owned()),
        level: Some(0),
        previous_level: Some(3),
        started_at: Some(AT),
        days_of_cover: Some(1.5),
        ack: Some(AckRef {
            id: 1,
            by: "ann".to_owned(),
            at: AT,
            note: "ordered".to_owned(),
            quantity: Some(20),
            arrived: 0,
            eta: Some(AT),
            overdue: false,
        }),
        ambiguous_zero: true,
        ..bare()
    }
}

fn bare() -> Alert {
    Alert {
        alert_id: "default/42/-".to_owned(),
        instance: "default".to_owned(),
        reason: Reason::Recovered,
        status: Status::Resolved,
        severity: Severity::Ok,
        previous_severity: Severity::Out,
        product: Some(product(None)),
        combination: None,
        pool: None,
        bottleneck: None,
        level: None,
        previous_level: None,
        thresholds: Thresholds {
            low: 5,
            critical: 1,
            origin: "global".to_owned(),
            cover: None,
        },
        started_at: None,
        observed_at: AT,
        days_of_cover: None,
        ack: None,
        after: None,
        meanwhile: false,
        ambiguous_zero: false,
    }
}

fn pool() -> Alert {
    Alert {
        alert_id: "pool:DIMM".to_owned(),
        product: None,
        pool: Some(pool_ref(None)),
        ..bare()
    }
}

fn pool_ref(level: Option<i64>) -> PoolRef {
    PoolRef {
        name: "DIMM".to_owned(),
        capacity: 40,
        level,
        need: None,
        holds_back: Vec::new(),
        holds_back_total: 0,
        holds_back_products: 0,
        instances: vec!["default".to_owned()],
    }
}

fn events() -> Body {
    let event = |kind, level: Option<i64>| ProductEvent {
        kind,
        instance: "default".to_owned(),
        product: product(None),
        previous: level.map(|_| "before".to_owned()),
        state: "known",
        level,
        severity: level.map(|_| Severity::Out),
    };
    Body::Products {
        events: vec![
            event(ProductEventKind::New, Some(0)),
            event(ProductEventKind::Gone, None),
        ],
    }
}

fn report() -> Report {
    Report {
        name: "weekly".to_owned(),
        period: Period::Week,
        from: AT,
        until: AT,
        instances: vec!["default".to_owned()],
        products: Counts::default(),
        all_is_well: true,
        sections: Vec::new(),
        left_out: Vec::new(),
        made_at: AT,
        late: false,
        all: Vec::new(),
        beyond: Beyond::default(),
    }
}
