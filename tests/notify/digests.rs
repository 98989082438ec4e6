//! Reports that tests give a form to: one of every section, an empty one, and a huge one of hostile names.

use jiff::Timestamp;
use whmcs_stock_monitor::domain::forecast::SellRate;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::report::Amount;
use whmcs_stock_monitor::domain::report::Beyond;
use whmcs_stock_monitor::domain::report::Changed;
use whmcs_stock_monitor::domain::report::Chart;
use whmcs_stock_monitor::domain::report::Happened;
use whmcs_stock_monitor::domain::report::Health;
use whmcs_stock_monitor::domain::report::Line;
use whmcs_stock_monitor::domain::report::Money;
use whmcs_stock_monitor::domain::report::Period;
use whmcs_stock_monitor::domain::report::PoolLine;
use whmcs_stock_monitor::domain::report::Report;
use whmcs_stock_monitor::domain::report::Section;
use whmcs_stock_monitor::domain::stand::AckRef;
use whmcs_stock_monitor::domain::stand::Counts;
use whmcs_stock_monitor::domain::stand::ProductEventKind;
use whmcs_stock_monitor::domain::stand::ProductRef;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::samples;

/// Names as an attacker or a tired shop owner would choose them.
pub const HOSTILE: [&str; 6] = [
    "\u{202e}=cmd|' /C calc'!A0",
    "</td><script>alert(1)</script>\"'&<b>",
    "شبكة خادم مخصص \u{2067}عربي",
    "👩‍👩‍👧‍👦 服务器 ★ VPS",
    "a\r\nBcc: victim@example.com\r\n\r\n",
    "VERYLONGNAMEWITHOUTANYSPACEVERYLONGNAMEWITHOUTANYSPACEVERYLONGNAMEWITHOUTANYSPACEVERYLONGNAMEWITHOUTANYSPACEVERYLONGNAMEWITHOUTANYSPACE",
];

/// That time, in the week of the reports: it ends on Monday, 23 November, at midnight in Berlin.
pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn from() -> Timestamp {
    at("2026-11-15T23:00:00Z")
}

fn until() -> Timestamp {
    at("2026-11-22T23:00:00Z")
}

/// A level that changes by the hours since the week began.
pub fn chart(low: i64, critical: i64, points: &[(i64, Option<i64>)]) -> Chart {
    let hour = |hour: i64| Timestamp::from_second(from().as_second() + hour * 3600).expect("in range");
    Chart {
        from: from(),
        until: until(),
        points: points.iter().map(|(at, level)| (hour(*at), *level)).collect(),
        low,
        critical,
    }
}

/// A product in stock, of which nothing is known but its level.
pub fn line(id: i64, name: &str, level: i64, severity: Severity) -> Line {
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
        since: at("2026-11-19T13:20:00Z"),
        thresholds: samples::thresholds(5, 1, "global"),
        rate: None,
        cover: None,
        lead_time_days: None,
        sold: 0,
        restocked: 0,
        hours_out: 0.0,
        still_since: None,
        ack: None,
        bottleneck: None,
        lost: None,
        chart: None,
    }
}

fn selling(per_day: f64, line: Line) -> Line {
    let rate = SellRate {
        per_day,
        low: per_day * 0.7,
        high: per_day * 1.4,
        window_days: 7,
        drops: 9,
        sold: 17,
        observed_days: 7.0,
    };
    Line {
        cover: line.level.and_then(|level| rate.cover(level)),
        rate: Some(rate),
        ..line
    }
}

fn ordered(overdue: bool, eta: &str) -> Option<AckRef> {
    Some(AckRef {
        id: 7,
        by: "Ann Example".to_owned(),
        at: at("2026-11-17T09:00:00Z"),
        note: "PO 881, two pallets".to_owned(),
        quantity: Some(20),
        arrived: if overdue { 12 } else { 0 },
        eta: Some(at(eta)),
        overdue,
    })
}

/// Twenty ordered: on their way, or overdue.
pub fn acked(overdue: bool) -> Option<AckRef> {
    ordered(
        overdue,
        if overdue {
            "2026-11-18T11:00:00Z"
        } else {
            "2026-12-12T11:00:00Z"
        },
    )
}

fn euro(hundredths: i64) -> Amount {
    Amount {
        currency: "EUR".to_owned(),
        hundredths,
    }
}

fn sold_out() -> Line {
    let line = Line {
        sold: 17,
        restocked: 6,
        hours_out: 81.7,
        bottleneck: Some("pool 64 GB DIMM kits".to_owned()),
        chart: Some(chart(
            5,
            1,
            &[
                (-30, Some(11)),
                (9, Some(9)),
                (20, Some(6)),
                (34, Some(12)),
                (50, Some(9)),
                (61, None),
                (70, Some(4)),
                (80, Some(1)),
                (86, Some(0)),
            ],
        )),
        ..selling(1.44, line(42, "DS-64", 0, Severity::Out))
    };
    Line {
        combination: samples::combination("4=11;5=20", "RAM: 64 GB, Disk: 2x NVMe"),
        ..line
    }
}

fn critical() -> Line {
    Line {
        sold: 4,
        chart: Some(chart(
            5,
            1,
            &[(0, Some(5)), (31, Some(3)), (90, Some(2)), (140, Some(1))],
        )),
        ..selling(0.6, line(43, "DS-128 AMD EPYC", 1, Severity::Critical))
    }
}

fn running_out() -> Line {
    Line {
        lead_time_days: Some(10.0),
        sold: 14,
        chart: Some(chart(
            5,
            1,
            &[
                (0, Some(26)),
                (20, Some(24)),
                (50, Some(20)),
                (70, Some(18)),
                (100, Some(15)),
                (160, Some(12)),
            ],
        )),
        ..selling(2.0, line(44, "VPS L", 12, Severity::Ok))
    }
}

fn changed() -> Section {
    Section::Changed(Changed {
        moved: vec![
            sold_out(),
            running_out(),
            Line {
                restocked: 40,
                ..line(47, "Web S", 140, Severity::Ok)
            },
        ],
        moved_total: 3,
        events: vec![
            Happened {
                at: at("2026-11-17T09:30:00Z"),
                kind: ProductEventKind::New,
                instance: "default".to_owned(),
                product: line(48, "VPS XXL", 3, Severity::Low).product,
            },
            Happened {
                at: at("2026-11-20T22:30:00Z"),
                kind: ProductEventKind::Gone,
                instance: "default".to_owned(),
                product: line(49, "VPS 2019", 3, Severity::Low).product,
            },
        ],
        events_total: 2,
    })
}

fn health() -> Section {
    Section::Health(Box::new(Health {
        polls: 2016,
        failed_polls: 3,
        suspect_polls: 0,
        never_read: Vec::new(),
        gaps: vec![(
            "default".to_owned(),
            at("2026-11-18T12:00:00Z"),
            Some(at("2026-11-18T21:05:00Z")),
        )],
        unknown_products: 2,
        pending: 0,
        dead_letters: 1,
        silences_ending: vec![(
            "Bob".to_owned(),
            "rack 12 moves".to_owned(),
            at("2026-11-25T17:00:00Z"),
        )],
        overdue_reports: Vec::new(),
    }))
}

/// The report of a shop in which everything happened.
pub fn full() -> Report {
    let lost = Line {
        lost: Some(euro(1_234_567)),
        ..sold_out()
    };
    let sections = vec![
        Section::ActNow {
            lines: vec![sold_out(), critical()],
        },
        Section::RunningOut {
            lead_time_days: Some(10.0),
            lines: vec![running_out()],
        },
        Section::Ordered {
            lines: vec![
                Line {
                    ack: ordered(false, "2026-12-12T11:00:00Z"),
                    ..line(45, "VPS XL", 2, Severity::Low)
                },
                Line {
                    ack: ordered(true, "2026-11-18T11:00:00Z"),
                    chart: Some(chart(
                        8,
                        2,
                        &[(0, Some(0)), (60, Some(12)), (100, Some(4)), (130, Some(0))],
                    )),
                    ..selling(3.0, line(46, "GPU-1", 0, Severity::Out))
                },
            ],
        },
        changed(),
        Section::Idle {
            lines: vec![Line {
                still_since: Some(at("2026-09-03T05:00:00Z")),
                ..line(50, "Reseller Gold", 25, Severity::Ok)
            }],
        },
        Section::Pools {
            lines: vec![PoolLine {
                name: "64 GB DIMM kits".to_owned(),
                capacity: 40,
                level: Some(0),
                severity: Severity::Out,
                cover: None,
                holds_back: 3,
                ack: None,
            }],
        },
        Section::Money(Money {
            lines: vec![lost],
            total: vec![euro(1_234_567)],
            assumptions: vec![
                "Price: the monthly price in the catalogue, without discounts.".to_owned(),
                "Sales at the rate of the last 28 days, for every hour at zero.".to_owned(),
            ],
        }),
        health(),
    ];
    Report {
        products: Counts {
            ok: 70,
            low: 5,
            critical: 1,
            out: 2,
            not_controlled: 14,
            unknown: 2,
        },
        all_is_well: false,
        ..report(sections)
    }
}

/// The report of a week in which nothing happened.
pub fn calm() -> Report {
    report(vec![
        Section::ActNow { lines: Vec::new() },
        Section::RunningOut {
            lead_time_days: None,
            lines: Vec::new(),
        },
        Section::Ordered { lines: Vec::new() },
        Section::Changed(Changed::default()),
        Section::Idle { lines: Vec::new() },
        Section::Pools { lines: Vec::new() },
        Section::Money(Money::default()),
        Section::Health(Box::new(Health {
            polls: 2016,
            ..Health::default()
        })),
    ])
}

/// Ten thousand products in every section, with the longest of hostile names.
pub fn huge() -> Report {
    let lines: Vec<Line> = (0..10_000)
        .map(|id| {
            let name = HOSTILE[usize::try_from(id).expect("small") % HOSTILE.len()].repeat(8);
            Line {
                instance: name.clone(),
                product: ProductRef {
                    id,
                    name: name.clone(),
                    group: Some(name.clone()),
                },
                combination: samples::combination(&name, &name),
                bottleneck: Some(name.clone()),
                ack: ordered(id % 2 == 0, "2026-12-12T11:00:00Z").map(|ack| AckRef {
                    by: name.clone(),
                    note: name.clone(),
                    ..ack
                }),
                lost: Some(Amount {
                    currency: name.clone(),
                    hundredths: id,
                }),
                sold: 3,
                restocked: 4,
                lead_time_days: Some(10.0),
                chart: (id < 40).then(|| chart(5, 1, &[(0, Some(20)), (99, Some(3))])),
                ..selling(1.0, line(id, &name, 3, Severity::Critical))
            }
        })
        .collect();
    let some = || lines[..50].to_vec();
    let pool = |line: &Line| PoolLine {
        name: line.product.name.clone(),
        capacity: 40,
        level: Some(3),
        severity: Severity::Low,
        cover: line.cover,
        holds_back: 4,
        ack: line.ack.clone(),
    };
    let event = |line: &Line| Happened {
        at: until(),
        kind: ProductEventKind::Renamed,
        instance: line.instance.clone(),
        product: line.product.clone(),
    };
    let name = || HOSTILE[1].repeat(8);
    let sections = vec![
        Section::ActNow { lines: some() },
        Section::RunningOut {
            lead_time_days: Some(10.0),
            lines: some(),
        },
        Section::Ordered { lines: some() },
        Section::Changed(Changed {
            moved: some(),
            moved_total: 10_000,
            events: lines[..50].iter().map(event).collect(),
            events_total: 400,
        }),
        Section::Idle { lines: some() },
        Section::Pools {
            lines: lines[..50].iter().map(pool).collect(),
        },
        Section::Money(Money {
            lines: some(),
            total: lines[..50].iter().filter_map(|line| line.lost.clone()).collect(),
            assumptions: vec![name(); 50],
        }),
        Section::Health(Box::new(Health {
            polls: u64::MAX,
            failed_polls: u64::MAX,
            suspect_polls: 0,
            never_read: Vec::new(),
            gaps: vec![(name(), from(), None); 500],
            unknown_products: 10_000,
            pending: 10_000,
            dead_letters: 10_000,
            silences_ending: vec![(name(), name(), until()); 500],
            overdue_reports: vec![(name(), until()); 500],
        })),
    ];
    Report {
        name: name(),
        instances: vec![name(); 100],
        all: lines,
        all_is_well: false,
        ..report(sections)
    }
}

fn report(sections: Vec<Section>) -> Report {
    Report {
        name: "weekly".to_owned(),
        period: Period::Week,
        from: from(),
        until: until(),
        instances: vec!["default".to_owned()],
        products: Counts {
            ok: 84,
            ..Counts::default()
        },
        all_is_well: true,
        sections,
        left_out: Vec::new(),
        made_at: at("2026-11-23T06:00:04Z"),
        late: false,
        all: Vec::new(),
        beyond: Beyond::default(),
    }
}

/// The message that carries a report, on Monday at seven.
pub fn message(report: Report) -> Message {
    Message {
        at: at("2026-11-23T06:00:04Z"),
        instance: None,
        ..samples::message(Body::Report(Box::new(report)))
    }
}
