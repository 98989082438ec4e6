//! Reports as chats get them.

use whmcs_stock_monitor::domain::forecast::Cover;
use whmcs_stock_monitor::domain::forecast::SellRate;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::report::Amount;
use whmcs_stock_monitor::domain::report::Beyond;
use whmcs_stock_monitor::domain::report::Changed;
use whmcs_stock_monitor::domain::report::Happened;
use whmcs_stock_monitor::domain::report::Health;
use whmcs_stock_monitor::domain::report::Line;
use whmcs_stock_monitor::domain::report::Money;
use whmcs_stock_monitor::domain::report::Period;
use whmcs_stock_monitor::domain::report::PoolLine;
use whmcs_stock_monitor::domain::report::Report;
use whmcs_stock_monitor::domain::report::Section;
use whmcs_stock_monitor::domain::report::Topic;
use whmcs_stock_monitor::domain::stand::AckRef;
use whmcs_stock_monitor::domain::stand::Counts;
use whmcs_stock_monitor::domain::stand::ProductEventKind;
use whmcs_stock_monitor::domain::stand::ProductRef;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::samples;

const DAY: i64 = 86_400;

pub fn message(report: Report) -> Message {
    Message {
        instance: None,
        ..samples::message(Body::Report(Box::new(report)))
    }
}

fn ack(overdue: bool) -> AckRef {
    AckRef {
        id: 1,
        by: "Ann".to_owned(),
        at: samples::ago(3 * DAY),
        note: "PO 881".to_owned(),
        quantity: Some(20),
        arrived: 0,
        eta: Some(samples::ago(-20 * DAY)),
        overdue,
    }
}

fn line(id: i64, name: &str, severity: Severity, level: i64) -> Line {
    Line {
        instance: "default".to_owned(),
        product: ProductRef {
            id,
            name: name.to_owned(),
            group: Some("Dedicated".to_owned()),
        },
        combination: None,
        level: Some(level),
        known: true,
        severity,
        since: samples::ago(2 * DAY),
        thresholds: samples::thresholds(5, 1, "global"),
        rate: Some(SellRate {
            per_day: 0.7,
            low: 0.5,
            high: 1.0,
            window_days: 28,
            drops: 12,
            sold: 20,
            observed_days: 27.5,
        }),
        cover: Some(Cover {
            days: 4.2,
            earliest: 3.0,
            latest: Some(6.0),
        }),
        lead_time_days: Some(10.0),
        sold: 5,
        restocked: 10,
        hours_out: 12.0,
        still_since: None,
        ack: Some(ack(false)),
        bottleneck: None,
        lost: Some(Amount {
            currency: "EUR".to_owned(),
            hundredths: 123_456,
        }),
        chart: None,
    }
}

fn report(sections: Vec<Section>) -> Report {
    Report {
        name: "weekly".to_owned(),
        period: Period::Week,
        from: samples::ago(7 * DAY),
        until: samples::now(),
        instances: vec!["default".to_owned()],
        products: Counts {
            ok: 60,
            low: 5,
            out: 2,
            ..Counts::default()
        },
        all_is_well: false,
        sections,
        left_out: vec![(Topic::ActNow, 3)],
        made_at: samples::now(),
        late: false,
        all: Vec::new(),
        beyond: Beyond::default(),
    }
}

/// A line or two in every section.
pub fn small() -> Report {
    let out = || line(42, "DS-64", Severity::Out, 0);
    let low = || line(7, "VPS M", Severity::Low, 3);
    report(vec![
        Section::ActNow { lines: vec![out()] },
        Section::RunningOut {
            lead_time_days: Some(10.0),
            lines: vec![low()],
        },
        Section::Ordered {
            lines: vec![Line {
                ack: Some(ack(true)),
                ..out()
            }],
        },
        Section::Changed(Changed {
            moved: vec![low()],
            moved_total: 4,
            events: vec![Happened {
                at: samples::ago(DAY),
                kind: ProductEventKind::New,
                instance: "default".to_owned(),
                product: low().product,
            }],
            events_total: 1,
        }),
        Section::Idle { lines: Vec::new() },
        Section::Pools {
            lines: vec![PoolLine {
                name: "64 GB DIMM kits".to_owned(),
                capacity: 40,
                level: Some(0),
                severity: Severity::Out,
                cover: None,
                holds_back: 6,
                ack: None,
            }],
        },
        Section::Money(Money {
            lines: vec![out()],
            total: vec![Amount {
                currency: "EUR".to_owned(),
                hundredths: 123_456,
            }],
            assumptions: Vec::new(),
        }),
        Section::Health(Box::new(Health {
            polls: 2016,
            failed_polls: 3,
            suspect_polls: 0,
            never_read: Vec::new(),
            gaps: vec![("eu".to_owned(), samples::ago(DAY), Some(samples::ago(DAY - 5400)))],
            unknown_products: 2,
            pending: 0,
            dead_letters: 1,
            silences_ending: vec![("Ann".to_owned(), "moving racks".to_owned(), samples::ago(-DAY))],
            overdue_reports: vec![("daily".to_owned(), samples::ago(DAY))],
        })),
    ])
}

/// Nothing to say in any section.
pub fn quiet() -> Report {
    Report {
        all_is_well: true,
        products: Counts {
            ok: 84,
            ..Counts::default()
        },
        left_out: Vec::new(),
        ..report(vec![
            Section::ActNow { lines: Vec::new() },
            Section::Changed(Changed::default()),
            Section::Health(Box::default()),
        ])
    }
}

/// As many lines as a section may hold, all of that name, in two shops of that name.
pub fn large(name: &str) -> Report {
    let lines = || -> Vec<Line> {
        let one = |id| Line {
            instance: name.to_owned(),
            combination: samples::combination(name, name),
            ack: Some(AckRef {
                by: name.to_owned(),
                note: name.to_owned(),
                ..ack(true)
            }),
            ..line(id, name, Severity::Critical, 1)
        };
        (1..=50).map(one).collect()
    };
    let health = Health {
        gaps: vec![(name.to_owned(), samples::ago(DAY), None); 50],
        silences_ending: vec![(name.to_owned(), name.to_owned(), samples::now()); 50],
        overdue_reports: vec![(name.to_owned(), samples::now()); 50],
        ..Health::default()
    };
    Report {
        name: name.to_owned(),
        instances: vec![name.to_owned(), "us".to_owned()],
        ..report(vec![
            Section::ActNow { lines: lines() },
            Section::RunningOut {
                lead_time_days: None,
                lines: lines(),
            },
            Section::Ordered { lines: lines() },
            Section::Changed(Changed {
                moved: lines(),
                moved_total: 4000,
                ..Changed::default()
            }),
            Section::Idle { lines: lines() },
            Section::Money(Money {
                lines: lines(),
                total: vec![
                    Amount {
                        currency: name.to_owned(),
                        hundredths: i64::MIN,
                    };
                    3
                ],
                assumptions: Vec::new(),
            }),
            Section::Health(Box::new(health)),
        ])
    }
}
