//! The faults of a real day in a real Prometheus with a real Alertmanager: each raises its alert, it alone, and is
//! forgotten once it is mended.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;
use sqlx::Connection;
use sqlx::SqliteConnection;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::sinks::mail::MailSink;

use crate::alertmanager::Alertmanager;
use crate::alertmanager::line;
use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::disk::Disk;
use crate::prometheus::Prometheus;
use crate::prometheus::is_there;
use crate::written::RULES;
use crate::written::read;

/// What fires all the time: a product that is out, one that is low, and the proof that alerts arrive.
const USUAL: [&str; 3] = [
    "LowStock product_id=3 whmcs=default",
    "OutOfStock product_id=2 whmcs=default",
    "Watchdog",
];

/// The rules with seconds in place of minutes, and nothing else changed: what has to last does so for a second, and what
/// is looked back at, or has to be old, is a few seconds.
fn hurried() -> String {
    let text = read(RULES);
    let mut out = String::new();
    let mut lasting = 0;
    for text in text.lines() {
        if text.trim_start().starts_with("for: ") {
            lasting += 1;
            let indent = &text[..text.len() - text.trim_start().len()];
            out.push_str(&format!("{indent}for: 1s\n"));
        } else {
            out.push_str(&format!("{text}\n"));
        }
    }
    assert!(lasting > 10, "{lasting}");
    for (slow, quick) in [
        ("[5m]", "[5s]"),
        ("[15m]", "[5s]"),
        ("> 900", "> 2"),
        ("+ 120", "+ 4"),
    ] {
        assert!(out.contains(slow), "{slow}");
        out = out.replace(slow, quick);
    }
    out
}

/// The example's routes and inhibitions, with receivers that tell nobody.
fn routes() -> String {
    let text = read("deploy/prometheus/alertmanager.yml");
    let (rules, _) = text.split_once("\nreceivers:").unwrap();
    let names = ["staff", "on-call", "watchdog"];
    let receivers: String = names.map(|name| format!("  - name: {name}\n")).concat();
    format!("{rules}\nreceivers:\n{receivers}")
}

/// The whole watch: a shop, the monitor, a mail server, Prometheus and Alertmanager.
struct Watch {
    runtime: Runtime,
    simulator: Simulator,
    mail: Option<MailSink>,
    home: Home,
    disk: Option<Disk>,
    daemon: Daemon,
    alertmanager: Alertmanager,
    _prometheus: Prometheus,
}

impl Watch {
    fn begin(alertmanager: Alertmanager) -> Self {
        let runtime = Runtime::new().unwrap();
        let product = |pid, name: &str, stock| Product::new(pid, 1, "Servers", name).with_stock(stock);
        let shop = Shop::new(Version::V8_12, Companion::None).with_products([
            product(1, "DS-16", 40),
            product(2, "DS-32", 0),
            product(3, "DS-64", 4),
        ]);
        let simulator = runtime.block_on(Simulator::start(shop)).unwrap();
        let mail = runtime.block_on(MailSink::start()).unwrap();
        let mut home = Home::new(&[
            ("WHMCS_API_URL", &simulator.url()),
            ("WHMCS_API_IDENTIFIER", simulator.identifier()),
            ("WHMCS_API_SECRET", simulator.secret()),
            ("POLL_SCHEDULE", "every 1s"),
            ("SMTP_URL", &mail.url()),
            ("SMTP_FROM", "stock@shop.example"),
            ("ALERT_EMAIL_TO", "sales@shop.example"),
        ]);
        home.write("config/monitor.toml", "[[rule]]\nstock_control = \"on\"\n");
        let disk = Disk::mount(home.path("disk"));
        if disk.is_some() {
            home.set("DATABASE_URL", "sqlite://disk/stock.db");
        }
        // The same port after a restart.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        home.export("HTTP_LISTEN", &port.to_string());
        let daemon = home.start();
        home.write("rules.yml", &hurried());
        // What fired before it had found Alertmanager is told again at once and not after a minute.
        let again = "--rules.alert.resend-delay=1s";
        let prometheus = Prometheus::start_with(&home, &configuration(&daemon, &alertmanager), &[again]);
        let mut watch = Self {
            runtime,
            simulator,
            mail: Some(mail),
            home,
            disk,
            daemon,
            alertmanager,
            _prometheus: prometheus,
        };
        watch.expect("at first", &[], &[]);
        watch
    }

    /// Waits until this fires beside the usual, and no more; and this is held back by it.
    fn expect(&mut self, when: &str, more: &[&str], held_back: &[&str]) {
        let wanted: BTreeSet<String> = USUAL.iter().chain(more).map(|&line| line.to_owned()).collect();
        self.expect_exactly(when, &wanted, held_back);
    }

    fn expect_exactly(&self, when: &str, wanted: &BTreeSet<String>, held_back: &[&str]) {
        let mut last = (BTreeSet::new(), BTreeSet::new());
        let deadline = std::time::Instant::now() + Duration::from_secs(45);
        loop {
            let (active, held) = self.alerts();
            let is_held = |line: &&str| held.contains(*line);
            if active == *wanted && held_back.iter().all(is_held) {
                return;
            }
            if (&active, &held) != (&last.0, &last.1) {
                last = (active, held);
            }
            assert!(
                std::time::Instant::now() < deadline,
                "{when}: wanted {wanted:?}, held back {held_back:?}; there are {last:?}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What people would hear of, and what is held back.
    fn alerts(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let short = |label: &str| ["whmcs", "product_id", "channel"].contains(&label);
        let (mut active, mut held) = (BTreeSet::new(), BTreeSet::new());
        for alert in self.alertmanager.firing() {
            let side = if alert["status"]["state"] == "suppressed" {
                &mut held
            } else {
                &mut active
            };
            side.insert(line(&alert, short));
        }
        (active, held)
    }

    /// What was mended is noticed now and not after the back-off.
    fn look_again(&self) {
        self.daemon.signal(Signal::HUP);
    }
}

/// One target, the hurried rules, a second for everything.
fn configuration(daemon: &Daemon, alertmanager: &Alertmanager) -> String {
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}\n\
         scrape_configs:\n- job_name: whmcs-stock\n  static_configs: [{{targets: ['{}']}}]\n",
        alertmanager.address, daemon.address
    )
}

const STALE: &str = "PollStale whmcs=default";

#[test]
fn each_fault_raises_its_alert_alone_and_is_forgotten_once_mended() {
    if !is_there("prometheus") {
        return;
    }
    let Some(alertmanager) = Alertmanager::start(&routes()) else {
        return;
    };
    let mut watch = Watch::begin(alertmanager);
    every_metric_is_documented(&watch.daemon.metrics());
    the_shop_stops(&mut watch);
    the_credentials_break(&mut watch);
    the_disk_fills(&mut watch);
    the_configuration_breaks(&mut watch);
    the_mail_server_dies(&mut watch);
    the_monitor_dies(&mut watch);
}

fn every_metric_is_documented(text: &str) {
    let documents = read("docs/metrics.md");
    let heads = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: Vec<&str> = heads.filter_map(|head| head.split(' ').next()).collect();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        let shown = [format!("`{name}`"), format!("`{name}{{")];
        assert!(
            shown.iter().any(|shown| documents.contains(shown)),
            "{name} is not in docs/metrics.md"
        );
    }
}

fn the_shop_stops(watch: &mut Watch) {
    watch.runtime.block_on(watch.simulator.go_down());
    watch.expect("without a shop", &["WhmcsUnreachable whmcs=default"], &[STALE]);
    watch.runtime.block_on(watch.simulator.come_up()).unwrap();
    watch.look_again();
    watch.expect("with the shop again", &[], &[]);
}

fn the_credentials_break(watch: &mut Watch) {
    watch
        .simulator
        .fail_always(Fault::Refused(Refusal::AuthenticationFailed));
    watch.expect("refused", &["WhmcsAuthFailing whmcs=default"], &[STALE]);
    watch.simulator.heal();
    watch.look_again();
    watch.expect("with good credentials again", &[], &[]);
}

fn the_disk_fills(watch: &mut Watch) {
    // Without a disk of its own the rest is still worth trying; that it is skipped was said.
    let Some(disk) = &watch.disk else {
        return;
    };
    disk.fill();
    watch.expect("with a full disk", &["DatabaseFailing", "DiskFilling"], &[STALE]);
    if let Some(disk) = &watch.disk {
        disk.free();
    }
    watch.expect("with room again", &[], &[]);
}

fn the_configuration_breaks(watch: &mut Watch) {
    watch.home.set("LOW_STOCK", "many");
    watch.look_again();
    watch.expect("with a broken configuration", &["ConfigReloadFailed"], &[]);
    watch.home.unset("LOW_STOCK");
    watch.look_again();
    watch.expect("with a good configuration again", &[], &[]);
}

fn the_mail_server_dies(watch: &mut Watch) {
    let address = watch.mail.take().unwrap().address();
    watch.simulator.shop().set_qty(1, 0).unwrap();
    let out = "OutOfStock product_id=1 whmcs=default";
    watch.expect("without a mail server", &[out, "OutboxStuck channel=email"], &[]);
    watch.mail = Some(watch.runtime.block_on(MailSink::start_on(address)).unwrap());
    // A mail waits for five minutes before its second try; they pass at once.
    let path = if watch.disk.is_some() {
        "disk/stock.db"
    } else {
        "data/stock.db"
    };
    let url = format!("sqlite://{}", watch.home.path(path).display());
    watch.runtime.block_on(async {
        let mut database = SqliteConnection::connect(&url).await.unwrap();
        let done = sqlx::query("UPDATE outbox SET next_attempt_at = queued_at WHERE state = 'pending'")
            .execute(&mut database)
            .await
            .unwrap();
        assert!(done.rows_affected() > 0);
    });
    watch.look_again();
    watch.expect("with the mail server again", &[out], &[]);
    let mails = watch.mail.as_ref().unwrap().mails();
    assert!(
        mails.iter().any(|mail| mail.subject().contains("DS-16")),
        "{mails:?}"
    );
    watch.simulator.shop().set_qty(1, 40).unwrap();
    watch.expect("with enough again", &[], &[]);
}

fn the_monitor_dies(watch: &mut Watch) {
    watch.daemon.stop();
    let wanted = ["MonitorAbsent", "Watchdog"].map(str::to_owned).into();
    watch.expect_exactly("without a monitor", &wanted, &[]);
    watch.daemon = watch.home.start();
    watch.expect("with the monitor again", &[], &[]);
}
