//! Messages to send, and the channels to send them by.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use uuid::Uuid;
use whmcs_stock_monitor::domain::message::Alert;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::EndedMute;
use whmcs_stock_monitor::domain::message::HELD_LISTED;
use whmcs_stock_monitor::domain::message::HeldBack;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::message::MuteKind;
use whmcs_stock_monitor::domain::message::Open;
use whmcs_stock_monitor::domain::message::PoolRef;
use whmcs_stock_monitor::domain::message::ProductEvent;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::message::Status;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::AckRef;
use whmcs_stock_monitor::domain::stand::CombinationRef;
use whmcs_stock_monitor::domain::stand::Counts;
use whmcs_stock_monitor::domain::stand::ProductEventKind;
use whmcs_stock_monitor::domain::stand::ProductRef;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::domain::stand::Thresholds;
use whmcs_stock_monitor::notify::channel::Channel;
use whmcs_stock_monitor::notify::channel::ChannelKind;
use whmcs_stock_monitor::notify::channel::ChannelSettings;
use whmcs_stock_monitor::notify::content::Content;
use whmcs_stock_monitor::notify::email::EmailSettings;
use whmcs_stock_monitor::notify::email::MailTls;
use whmcs_stock_monitor::notify::webhook::Addressing;
use whmcs_stock_monitor::notify::webhook::WebhookSettings;
use whmcs_stock_monitor::notify::webhook_format::WebhookFormat;
use whmcs_stock_monitor::sinks::mail::MailSink;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;

/// When every sample happens.
pub fn now() -> Timestamp {
    "2026-11-21T09:03:11Z".parse().expect("a time")
}

/// That many seconds before.
pub fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - seconds).expect("in range")
}

pub fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("known")
}

pub fn id() -> Uuid {
    "5c3f1a52-6a3e-4b0a-9f5e-1d2c3b4a5f60".parse().expect("an id")
}

pub fn message(body: Body) -> Message {
    Message {
        id: id(),
        channel: "email".to_owned(),
        instance: Some("default".to_owned()),
        at: now(),
        body,
    }
}

pub fn alerts(alerts: Vec<Alert>) -> Message {
    message(Body::Alerts {
        alerts,
        open: Open::default(),
    })
}

pub fn alert(reason: Reason, severity: Severity, product: i64, name: &str, level: i64) -> Alert {
    Alert {
        alert_id: format!("default/{product}/-"),
        instance: "default".to_owned(),
        reason,
        status: match reason {
            Reason::Recovered | Reason::Withdrawn => Status::Resolved,
            Reason::First
            | Reason::Worse
            | Reason::Better
            | Reason::Reminder
            | Reason::RuleChanged
            | Reason::Escalated
            | Reason::Overdue
            | Reason::Flapping => Status::Firing,
        },
        severity,
        previous_severity: Severity::Ok,
        product: Some(ProductRef {
            id: product,
            name: name.to_owned(),
            group: Some("Dedicated".to_owned()),
        }),
        combination: None,
        pool: None,
        bottleneck: None,
        level: Some(level),
        previous_level: None,
        thresholds: Thresholds {
            low: 5,
            critical: 1,
            origin: "global".to_owned(),
            cover: None,
        },
        started_at: Some(now()),
        observed_at: now(),
        days_of_cover: None,
        ack: None,
        after: None,
        meanwhile: false,
        ambiguous_zero: false,
    }
}

/// DS-64 sold out, 3 before, told as low.
pub fn out() -> Alert {
    Alert {
        previous_severity: Severity::Low,
        previous_level: Some(3),
        started_at: Some(ago(7500)),
        ..alert(Reason::Worse, Severity::Out, 42, "DS-64", 0)
    }
}

/// Ann ordered 20 of it two days ago.
pub fn ack() -> AckRef {
    AckRef {
        id: 4,
        by: "Ann".to_owned(),
        at: ago(176_400),
        note: "PO 881".to_owned(),
        quantity: Some(20),
        arrived: 0,
        eta: Some("2026-12-12T22:59:59Z".parse().expect("a time")),
        overdue: false,
    }
}

/// Ann's silence ended before.
pub fn after() -> EndedMute {
    EndedMute {
        kind: MuteKind::Silence,
        id: "3".to_owned(),
        by: "Ann".to_owned(),
        comment: "new rack".to_owned(),
    }
}

pub fn combination(key: &str, label: &str) -> Option<CombinationRef> {
    Some(CombinationRef {
        key: key.to_owned(),
        label: label.to_owned(),
    })
}

/// Lets TLS be set up; done once for the process.
pub fn crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub fn email_settings(port: u16) -> EmailSettings {
    EmailSettings {
        host: "127.0.0.1".to_owned(),
        port,
        tls: MailTls::None,
        username: None,
        password: None,
        from: "Stock monitor <stock@shop.example>".to_owned(),
        to: vec![
            "Sales <sales@shop.example>".to_owned(),
            "ops@shop.example".to_owned(),
        ],
        unsubscribe: None,
        timeout: Duration::from_secs(10),
    }
}

pub fn webhook_settings(url: &str) -> WebhookSettings {
    WebhookSettings {
        url: SecretString::from(url),
        format: WebhookFormat::Standard,
        addressing: Addressing::default(),
        secret: None,
        allow_link_local: false,
        timeout: Duration::from_secs(10),
    }
}

pub fn email(settings: EmailSettings) -> Channel {
    let settings = ChannelSettings {
        name: "email".to_owned(),
        kind: ChannelKind::Email(settings),
    };
    Channel::new(&settings).expect("a channel")
}

pub fn webhook(settings: WebhookSettings) -> Channel {
    crypto();
    let settings = ChannelSettings {
        name: "webhook".to_owned(),
        kind: ChannelKind::Webhook(settings),
    };
    Channel::new(&settings).expect("a channel")
}

pub fn email_to(sink: &MailSink) -> Channel {
    email(email_settings(sink.address().port()))
}

pub fn webhook_to(sink: &WebhookSink) -> Channel {
    webhook(webhook_settings(&sink.url()))
}

/// A mail channel that is only rendered for.
pub fn paper() -> Channel {
    email(email_settings(1))
}

pub struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// The mail of a message, in Berlin's time.
pub fn letter(message: &Message) -> Letter {
    letter_of(&paper(), message)
}

/// The same in a set-up of several shops.
pub fn letter_among_shops(message: &Message) -> Letter {
    letter_of(&paper().among(true), message)
}

fn letter_of(paper: &Channel, message: &Message) -> Letter {
    match paper.render(message, &berlin(), Some("http://127.0.0.1:9717/")) {
        Content::Mail {
            subject, text, html, ..
        } => Letter { subject, text, html },
        Content::Http { .. } | Content::Unrendered { .. } => panic!("not a mail"),
    }
}

pub fn thresholds(low: i64, critical: i64, origin: &str) -> Thresholds {
    Thresholds {
        low,
        critical,
        origin: origin.to_owned(),
        cover: None,
    }
}

/// Four alerts of different kinds, one of them of a combination, and two more still open of 14.
pub fn mixed() -> Message {
    let alerts = vec![
        out(),
        Alert {
            alert_id: "default/7/4=11;5=20".to_owned(),
            combination: combination("4=11;5=20", "RAM: 64 GB, Disk: 2x NVMe"),
            previous_level: Some(2),
            ..alert(Reason::First, Severity::Critical, 7, "VPS M", 1)
        },
        Alert {
            thresholds: thresholds(8, 2, "rule 2"),
            days_of_cover: Some(3.24),
            ..alert(Reason::First, Severity::Low, 8, "VPS L & XL", 6)
        },
        Alert {
            previous_severity: Severity::Critical,
            previous_level: Some(1),
            started_at: Some(ago(400_000)),
            ..alert(Reason::Recovered, Severity::Ok, 9, "Web S", 200)
        },
    ];
    message(Body::Alerts { alerts, open: open() })
}

fn open() -> Open {
    Open {
        alerts: vec![
            Alert {
                started_at: Some(ago(200_000)),
                ambiguous_zero: true,
                ..alert(Reason::Reminder, Severity::Out, 11, "DS-128", 0)
            },
            Alert {
                started_at: Some(ago(90_000)),
                ..alert(Reason::Reminder, Severity::Low, 12, "Web L", 4)
            },
        ],
        total: 14,
    }
}

pub fn baseline() -> Message {
    message(Body::Baseline {
        products: 84,
        counts: Counts {
            ok: 60,
            low: 5,
            critical: 1,
            out: 2,
            not_controlled: 14,
            unknown: 2,
        },
        combinations: Counts {
            ok: 40,
            out: 12,
            ..Counts::default()
        },
        pools: Counts {
            ok: 2,
            out: 1,
            ..Counts::default()
        },
        open: open(),
    })
}

pub fn products() -> Message {
    let event = |kind, id, name: &str, level: Option<i64>, severity| ProductEvent {
        kind,
        instance: "default".to_owned(),
        product: ProductRef {
            id,
            name: name.to_owned(),
            group: Some("VPS".to_owned()),
        },
        previous: None,
        state: if level.is_some() { "known" } else { "unknown" },
        level,
        severity,
    };
    message(Body::Products {
        events: vec![
            event(ProductEventKind::New, 50, "VPS XXL", Some(0), Some(Severity::Out)),
            event(ProductEventKind::Gone, 51, "VPS 2019", None, None),
            event(
                ProductEventKind::Returned,
                52,
                "VPS 2020",
                Some(12),
                Some(Severity::Ok),
            ),
            ProductEvent {
                previous: Some("VPS Old".to_owned()),
                ..event(
                    ProductEventKind::Renamed,
                    53,
                    "VPS New",
                    Some(7),
                    Some(Severity::Ok),
                )
            },
            event(ProductEventKind::OptionsChanged, 54, "VPS M", None, None),
            event(
                ProductEventKind::ControlOn,
                55,
                "VPS L",
                Some(3),
                Some(Severity::Low),
            ),
            ProductEvent {
                state: "not_controlled",
                ..event(ProductEventKind::ControlOff, 56, "VPS S", None, None)
            },
        ],
    })
}

pub fn down() -> Message {
    Message {
        instance: Some("eu".to_owned()),
        ..message(Body::SourceDown {
            cause: Cause::Firewall,
            detail: "status 403, a page of HTML: \"Just a moment…\"".to_owned(),
            since: ago(960),
            pools: vec!["64 GB DIMM kits".to_owned(), "NVMe".to_owned()],
        })
    }
}

/// Alerts whose product names try to be something else.
pub fn hostile() -> Vec<Alert> {
    let names = [
        "</td><script>alert(1)</script>".to_owned(),
        "x\"\r\nBcc: victim@example.com\r\n\r\nbody".to_owned(),
        "{{7*7}} =cmd() 'quoted' &amp; &lt;b&gt;".to_owned(),
        "🚀👩‍💻 é漢字".to_owned(),
        "\u{202e}txt.exe\u{202c} עברית \u{200f}".to_owned(),
        "tab\tnull\u{0}bell\u{7}esc\u{1b}[31mred".to_owned(),
        "L".repeat(65_536),
    ];
    let mut alerts = Vec::new();
    for (id, name) in (1..).zip(&names) {
        alerts.push(alert(Reason::First, Severity::Out, id, name, 0));
    }
    alerts
}

/// As many alerts as fit into one message, and as many open ones as are listed.
pub fn hundred() -> Message {
    let mut alerts = Vec::new();
    let mut open = Vec::new();
    for id in 1..=100 {
        let name = format!("Dedicated Server EPYC 7443P number {id}");
        alerts.push(Alert {
            combination: combination("4=11;5=20", "RAM: 64 GB, Disk: 2x 1.92 TB NVMe"),
            previous_level: Some(id),
            previous_severity: Severity::Low,
            started_at: Some(ago(90_000)),
            ..alert(Reason::Worse, Severity::Out, id, &name, 0)
        });
    }
    for id in 101..=120 {
        let name = format!("Dedicated Server EPYC 7443P number {id}");
        open.push(alert(Reason::Reminder, Severity::Low, id, &name, 3));
    }
    message(Body::Alerts {
        alerts,
        open: Open {
            alerts: open,
            total: 400,
        },
    })
}

pub fn held(product_id: i64, product: &str, choice: Option<&str>, need: i64) -> HeldBack {
    HeldBack {
        instance: "default".to_owned(),
        product_id,
        product: product.to_owned(),
        choice: choice.map(str::to_owned),
        need,
    }
}

fn of_products(held: &[HeldBack]) -> usize {
    let products: std::collections::BTreeSet<i64> = held.iter().map(|held| held.product_id).collect();
    products.len()
}

pub fn pool_ref(level: Option<i64>, need: Option<i64>, holds_back: Vec<HeldBack>) -> PoolRef {
    PoolRef {
        name: "64 GB DIMM kits".to_owned(),
        capacity: 40,
        level,
        need,
        holds_back_total: holds_back.len(),
        holds_back_products: of_products(&holds_back),
        instances: vec!["default".to_owned()],
        holds_back,
    }
}

/// An alert of a pool by itself.
pub fn pool(reason: Reason, severity: Severity, about: PoolRef) -> Alert {
    Alert {
        alert_id: format!("pool:{}", about.name),
        product: None,
        level: about.level,
        pool: Some(about),
        ..alert(reason, severity, 0, "", 0)
    }
}

/// A product that a pool limits.
pub fn limited(alert: Alert, by: PoolRef) -> Alert {
    Alert {
        bottleneck: Some(format!("pool {}", by.name)),
        pool: Some(by),
        ..alert
    }
}

pub fn empty_pool() -> PoolRef {
    let users = vec![
        held(128, "DS-128", Some("RAM: 128 GB"), 2),
        held(42, "DS-64", Some("RAM: 64 GB"), 1),
        held(128, "DS-128", Some("RAM: 64 GB"), 1),
        held(256, "DS-256", None, 1),
    ];
    PoolRef {
        holds_back_total: 6,
        holds_back_products: 5,
        ..pool_ref(Some(0), None, users)
    }
}

/// An empty pool, two that it limits, a choice that limits a combination; and a pool and a product still open.
pub fn pools() -> Message {
    let others = || {
        vec![
            held(128, "DS-128", Some("RAM: 64 GB"), 1),
            held(256, "DS-256", None, 1),
        ]
    };
    let alerts = vec![
        Alert {
            previous_level: Some(2),
            ..pool(Reason::First, Severity::Out, empty_pool())
        },
        Alert {
            previous_level: Some(2),
            combination: combination("4=11;5=20", "RAM: 64 GB, Disk: 2x NVMe"),
            ..limited(
                alert(Reason::First, Severity::Out, 42, "DS-64", 0),
                pool_ref(Some(0), Some(1), others()),
            )
        },
        Alert {
            combination: combination("4=13", "RAM: 256 GB"),
            ..limited(
                alert(Reason::First, Severity::Out, 77, "DS-77", 0),
                PoolRef {
                    name: "Rails".to_owned(),
                    ..pool_ref(Some(3), Some(4), Vec::new())
                },
            )
        },
        Alert {
            combination: combination("4=14", "RAM: 512 GB"),
            bottleneck: Some("RAM: 512 GB".to_owned()),
            ..alert(Reason::First, Severity::Low, 77, "DS-77", 4)
        },
    ];
    let open = vec![
        pool(
            Reason::Reminder,
            Severity::Low,
            PoolRef {
                name: "IPv4 /29".to_owned(),
                ..pool_ref(Some(4), None, Vec::new())
            },
        ),
        limited(
            alert(Reason::Reminder, Severity::Low, 12, "Web L", 2),
            pool_ref(Some(5), Some(2), Vec::new()),
        ),
        limited(
            alert(Reason::Reminder, Severity::Out, 13, "Web XL", 0),
            pool_ref(Some(0), Some(1), others()),
        ),
    ];
    message(Body::Alerts {
        alerts,
        open: Open {
            alerts: open,
            total: 3,
        },
    })
}

/// A pool whose name, and whose 200 users' names, are as long and as hostile as names get.
pub fn hostile_pool() -> Alert {
    let long = "é🚀漢\u{202e}<b>\"".repeat(50);
    let users = (0..200).map(|id| held(id, &format!("{id}{long}"), Some(&long), 1));
    pool(
        Reason::Worse,
        Severity::Out,
        PoolRef {
            name: long.clone(),
            holds_back_total: 200,
            holds_back_products: 200,
            ..pool_ref(Some(-1), None, users.take(HELD_LISTED).collect())
        },
    )
}

/// Alerts of products, combinations and pools.
pub fn all_kinds() -> Message {
    let (mut all, pools) = (mixed(), pools());
    if let (Body::Alerts { alerts, .. }, Body::Alerts { alerts: more, .. }) = (&mut all.body, pools.body) {
        alerts[0].ack = Some(ack());
        alerts[0].after = Some(after());
        alerts.extend(more);
    }
    all
}
