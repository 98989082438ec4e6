//! Debian's Alertmanager: what is short fires there with its severity, and ends when it is over.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use whmcs_stock_monitor::domain::delivery::SendError;
use whmcs_stock_monitor::domain::message::Alert;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Capability;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::message::Open;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::CombinationRef;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::notify::channel::Channel;
use whmcs_stock_monitor::notify::content::Outgoing;
use whmcs_stock_monitor::notify::content::Receipt;
use whmcs_stock_monitor::notify::webhook::WebhookSettings;
use whmcs_stock_monitor::notify::webhook_format::WebhookFormat;

use crate::alertmanager::Alertmanager;
use crate::daemon::eventually;
use crate::home;
use crate::proxy::Proxy;
use crate::receivers::Receivers;
use crate::samples;
use crate::shop::Shop;
use crate::shop::item;

/// One that sends nothing anywhere.
fn start() -> Option<Alertmanager> {
    Alertmanager::start("route:\n  receiver: none\nreceivers:\n  - name: none\n")
}

fn channel(alertmanager: &Alertmanager) -> Channel {
    samples::webhook(WebhookSettings {
        format: WebhookFormat::Alertmanager,
        ..samples::webhook_settings(&alertmanager.url())
    })
}

/// Sends a message as it would be sent now.
async fn send(channel: &Channel, message: &Message) -> Result<Receipt, SendError> {
    let content = channel.render(message, &TimeZone::UTC, Some("http://127.0.0.1:9717/"));
    let outgoing = Outgoing {
        message_id: message.id,
        content: &content,
        recorded_at: message.at,
        now: message.at,
    };
    channel.send("webhook", &outgoing).await
}

async fn tell(channel: &Channel, body: Body) {
    let mut message = samples::message(body);
    message.at = Timestamp::now();
    let receipt = send(channel, &message).await.unwrap();
    assert!(receipt.answer.starts_with("200"), "{receipt:?}");
}

async fn tell_alerts(channel: &Channel, alerts: &[Alert]) {
    let alerts = alerts.to_vec();
    let open = Open::default();
    tell(channel, Body::Alerts { alerts, open }).await;
}

/// The alert, begun and seen now.
fn now(alert: Alert) -> Alert {
    Alert {
        started_at: Some(Timestamp::now()),
        observed_at: Timestamp::now(),
        ..alert
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_severity_replaces_the_one_before_it_and_a_recovery_ends_them_all() {
    let Some(alertmanager) = start() else {
        return;
    };
    let channel = channel(&alertmanager);
    let told = |reason, severity, level| now(samples::alert(reason, severity, 42, "DS-64", level));
    let with_ram = |alert: Alert| Alert {
        combination: Some(CombinationRef {
            key: "4=11".to_owned(),
            label: "RAM: 64 GB".to_owned(),
        }),
        ..alert
    };
    let product = "product_id=42";
    tell_alerts(&channel, &[told(Reason::First, Severity::Low, 4)]).await;
    assert_eq!(
        alertmanager.lines(),
        [format!("WhmcsStock {product} severity=low whmcs=default")]
    );
    let combination = with_ram(told(Reason::First, Severity::Critical, 1));
    tell_alerts(&channel, &[told(Reason::Worse, Severity::Out, 0), combination]).await;
    assert_eq!(
        alertmanager.lines(),
        [
            format!("WhmcsStock combination=4=11 {product} severity=critical whmcs=default"),
            format!("WhmcsStock {product} severity=out whmcs=default"),
        ]
    );
    tell_alerts(&channel, &[told(Reason::Better, Severity::Low, 3)]).await;
    assert_eq!(alertmanager.lines().len(), 2);
    assert_eq!(
        alertmanager.lines()[1],
        format!("WhmcsStock {product} severity=low whmcs=default")
    );
    let gone = with_ram(told(Reason::Withdrawn, Severity::Ok, 0));
    tell_alerts(&channel, &[told(Reason::Recovered, Severity::Ok, 30), gone]).await;
    assert_eq!(alertmanager.lines(), [""; 0]);
    // A new episode is not held for the end of the last one.
    tell_alerts(&channel, &[told(Reason::First, Severity::Low, 5)]).await;
    assert_eq!(alertmanager.lines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_says_what_it_is_about_and_fires_until_more_is_said() {
    let Some(alertmanager) = start() else {
        return;
    };
    let channel = channel(&alertmanager);
    let short = now(Alert {
        days_of_cover: Some(1.26),
        ..samples::out()
    });
    tell_alerts(&channel, std::slice::from_ref(&short)).await;
    let firing = alertmanager.firing();
    let said = firing[0]["annotations"].as_object().unwrap();
    let said: Vec<String> = said
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap()))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    alert_id: default/42/-
    days_of_cover: 1.3
    description: 0 left, was 3; told before: low; Dedicated · product 42; low ≤ 5, critical ≤ 1 (global)
    group: Dedicated
    level: 0
    previous_level: 3
    previous_severity: low
    product: DS-64
    reason: worse
    summary: OUT: DS-64 (was 3)
    thresholds: low ≤ 5, critical ≤ 1 (global)
    "#);
    assert_eq!(firing[0]["generatorURL"], "http://127.0.0.1:9717/");
    let starts: Timestamp = firing[0]["startsAt"].as_str().unwrap().parse().unwrap();
    // Alertmanager keeps milliseconds.
    assert_eq!(
        Some(starts.as_millisecond()),
        short.started_at.map(Timestamp::as_millisecond)
    );
    let ends: Timestamp = firing[0]["endsAt"].as_str().unwrap().parse().unwrap();
    assert_eq!(ends.duration_since(starts).as_hours() / 24, 365);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_fires_while_it_is_down_and_the_rest_is_news() {
    let Some(alertmanager) = start() else {
        return;
    };
    let channel = channel(&alertmanager);
    let since = samples::ago(600);
    let down = Body::SourceDown {
        cause: Cause::Ip,
        detail: "403".to_owned(),
        since,
        pools: Vec::new(),
    };
    tell(&channel, down).await;
    assert_eq!(
        alertmanager.lines(),
        ["WhmcsSourceDown severity=critical whmcs=default"]
    );
    let cause = Some(Cause::Ip);
    tell(&channel, Body::SourceUp { cause, since }).await;
    assert_eq!(alertmanager.lines(), [""; 0]);
    let lost = Capability::Companion;
    for body in [
        samples::baseline().body,
        samples::products().body,
        Body::SourceDegraded { lost },
        Body::Ping,
    ] {
        tell(&channel, body).await;
    }
    insta::assert_snapshot!(alertmanager.lines().join("\n"), @r#"
    WhmcsProductEvent event=control_off product_id=56 severity=info whmcs=default
    WhmcsProductEvent event=control_on product_id=55 severity=info whmcs=default
    WhmcsProductEvent event=gone product_id=51 severity=info whmcs=default
    WhmcsProductEvent event=new product_id=50 severity=info whmcs=default
    WhmcsProductEvent event=options_changed product_id=54 severity=info whmcs=default
    WhmcsProductEvent event=renamed product_id=53 severity=info whmcs=default
    WhmcsProductEvent event=returned product_id=52 severity=info whmcs=default
    WhmcsSourceDegraded capability=companion severity=warning whmcs=default
    WhmcsStock product_id=11 severity=out whmcs=default
    WhmcsStock product_id=12 severity=low whmcs=default
    WhmcsStockBaseline severity=info whmcs=default
    WhmcsStockTest severity=info whmcs=default
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_forty_and_four_thousand_alerts_of_hostile_names_all_fire_and_all_end() {
    let Some(alertmanager) = start() else {
        return;
    };
    let channel = channel(&alertmanager);
    let names = hostile();
    for count in [1, 40, 4000] {
        let all = |reason, severity, level| -> Vec<Alert> {
            let names = names.iter().cycle();
            let numbered = (1..=count).zip(names);
            numbered
                .map(|(id, name)| now(samples::alert(reason, severity, id, name, level)))
                .collect()
        };
        for part in all(Reason::First, Severity::Out, 0).chunks(100) {
            tell_alerts(&channel, part).await;
        }
        assert_eq!(alertmanager.firing().len(), usize::try_from(count).unwrap());
        for part in all(Reason::Recovered, Severity::Ok, 9).chunks(100) {
            tell_alerts(&channel, part).await;
        }
        assert_eq!(alertmanager.firing().len(), 0);
    }
}

/// What a product may be called, and what breaks the careless.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "DS-64 \"quoted\" \\ {{ .Labels }} ${x}",
        "</td><script>alert(1)</script>",
        "\nBcc: x\r\n\u{0}\u{7}",
        "{{7*7}} {% raw %} `id` =cmd()",
        "\u{202e}desrever \u{200b}\u{feff}",
        "Ünïcödé 🦀 日本語 عربى",
        "",
        " ",
        "\u{e000}\u{fffd}",
    ]
    .map(str::to_owned)
    .into();
    names.push("x".repeat(64 * 1024));
    names.push("🦀".repeat(20_000));
    names
}

#[test]
fn the_daemon_keeps_an_alertmanager_up_to_date() {
    let Some(alertmanager) = start() else {
        return;
    };
    let shop = Shop::open(vec![item(1, "A", 9), item(2, "B", 2)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("WEBHOOK_URL", &alertmanager.url());
    home.set("WEBHOOK_FORMAT", "alertmanager");
    let ended = home.run(&["notify", "test", "webhook"]);
    assert_eq!(
        (ended.code, ended.out.trim()),
        (0, "webhook: accepted: 200"),
        "{ended:?}"
    );
    assert_eq!(alertmanager.lines(), ["WhmcsStockTest severity=info"]);
    let mut daemon = home.start();
    let is = |what: &str, wanted: &[&str]| {
        eventually(what, || {
            let lines = alertmanager.lines();
            let stock: Vec<&String> = lines
                .iter()
                .filter(|line| line.starts_with("WhmcsStock "))
                .collect();
            (stock == wanted).then_some(())
        });
    };
    is(
        "the baseline",
        &["WhmcsStock product_id=2 severity=critical whmcs=default"],
    );
    shop.stock(1, 4);
    is(
        "low",
        &[
            "WhmcsStock product_id=1 severity=low whmcs=default",
            "WhmcsStock product_id=2 severity=critical whmcs=default",
        ],
    );
    shop.stock(1, 30);
    shop.stock(2, 30);
    is("well again", &[]);
    daemon.stop();
}

#[test]
fn a_word_that_comes_late_does_not_wake_what_is_over() {
    let Some(alertmanager) = start() else {
        return;
    };
    let proxy = Proxy::start(alertmanager.address);
    let shop = Shop::open(vec![item(1, "A", 9), item(2, "B", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("WEBHOOK_URL", &format!("http://{}", proxy.address));
    home.set("WEBHOOK_FORMAT", "alertmanager");
    let mut daemon = home.start();
    eventually("the baseline", || (alertmanager.lines().len() == 1).then_some(()));
    proxy.hang_up(1);
    shop.catalogue(vec![item(1, "A", 4), item(2, "B", 1)]);
    eventually("the first attempt failed", || {
        (proxy.hang_ups_left() == 0).then_some(())
    });
    shop.stock(1, 40);
    eventually("its end is told", || {
        let sent = daemon.metric("whmcs_stock_deliveries_total{channel=\"webhook\"}");
        (sent == Some(3.0)).then_some(())
    });
    daemon.wait_for_empty_outbox();
    let lines = alertmanager.lines();
    let stock: Vec<&String> = lines
        .iter()
        .filter(|line| line.starts_with("WhmcsStock "))
        .collect();
    assert_eq!(stock, ["WhmcsStock product_id=2 severity=critical whmcs=default"]);
    daemon.stop();
}
