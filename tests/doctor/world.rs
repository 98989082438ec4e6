//! A whole set-up that is healthy: a simulated WHMCS, a mail server, a receiver of webhooks, and the program's folder.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::sinks::mail::MailSink;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;

use crate::daemon::Ended;
use crate::daemon::Home;
use crate::tls;
use crate::tls::Made;

/// What must never be printed: the proofs of every dependency.
pub const CANARIES: [&str; 5] = [
    "simulated-secret-0123456789",
    "canary-wrong-proof",
    "canary-mail-password",
    "canary-webhook-path",
    "c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXMgbG9uZw==",
];

/// A healthy set-up, to plant something in.
pub struct World {
    pub home: Home,
    pub shop: Simulator,
    pub mail: MailSink,
    pub hook: WebhookSink,
    // Dropped last: the servers' tasks run in it.
    runtime: Runtime,
}

/// Products with stock, so that every level is known with or without the companion.
pub fn stocked(version: Version, companion: Companion) -> Shop {
    Shop::new(version, companion).with_products([
        Product::new(1, 1, "Servers", "DS-64").with_stock(12),
        Product::new(2, 1, "Servers", "DS-128").with_stock(30),
    ])
}

impl World {
    /// WHMCS 8.12 with the companion.
    pub fn new() -> Self {
        Self::of(stocked(Version::V8_12, Companion::Contract1))
    }

    /// That shop.
    pub fn of(shop: Shop) -> Self {
        Self::with(shop, |_| ())
    }

    /// That shop, reached under settings of one's own.
    pub fn with(shop: Shop, change: impl FnOnce(&mut Settings)) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let mut settings = Settings::default();
        change(&mut settings);
        let shop = runtime
            .block_on(Simulator::start_with(shop, settings))
            .expect("a shop");
        let mail = runtime.block_on(MailSink::start()).expect("a mail server");
        let hook = runtime.block_on(WebhookSink::start()).expect("a receiver");
        let home = Home::new(&[
            ("WHMCS_API_URL", &shop.url()),
            ("WHMCS_API_IDENTIFIER", shop.identifier()),
            ("WHMCS_API_SECRET", shop.secret()),
            ("SMTP_URL", &mail.url()),
            ("SMTP_FROM", "stock@shop.example"),
            ("ALERT_EMAIL_TO", "sales@shop.example"),
            (
                "WEBHOOK_URL",
                &format!("http://{}/canary-webhook-path", hook.address()),
            ),
            (
                "WEBHOOK_SECRET",
                "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXMgbG9uZw==",
            ),
        ]);
        Self {
            home,
            shop,
            mail,
            hook,
            runtime,
        }
    }

    /// Sets a line of `.env`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.home.set(name, value);
    }

    /// Writes the rules file.
    pub fn rules(&self, text: &str) {
        self.home.write("config/monitor.toml", text);
    }

    /// WHMCS refuses every request so.
    pub fn refuse(&self, refusal: Refusal) {
        self.shop.fail_always(Fault::Refused(refusal));
    }

    /// Puts TLS before an address of loopback; the port, and the file with the authority's certificate.
    pub fn behind_tls(&self, address: SocketAddr, made: Made) -> (u16, String) {
        let (port, pem) = self.runtime.block_on(tls::front(address, made));
        let path = format!("ca-{port}.pem");
        self.home.write(&path, &pem);
        (port, path)
    }

    /// A port on which nobody listens.
    pub fn closed_port(&self) -> u16 {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.local_addr().expect("an address").port()
    }

    /// Polls and records once.
    pub fn poll(&self) {
        let ended = self.home.run(&["check"]);
        assert!(ended.code < 3, "{ended:?}");
    }

    /// Waits for what runs in this process.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs SQL on the database, made where it is missing.
    pub fn sql(&self, statement: &'static str) {
        let path = self.home.path("data/stock.db");
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("makes the folder");
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        self.runtime.block_on(async {
            let mut conn = options.connect().await.expect("opens");
            sqlx::query(statement).execute(&mut conn).await.expect("runs");
            conn.close().await.expect("closes");
        });
    }

    /// What the doctor says to machines; to people it says the same, and to nobody a secret.
    pub fn doctor(&self, arguments: &[&str]) -> (Ended, Value) {
        let ended = self.home.run(&[&["doctor", "--json"], arguments].concat());
        let report = ended.json();
        no_secret(&ended);
        (ended, report)
    }
}

/// Fails where something of a secret was printed.
pub fn no_secret(ended: &Ended) {
    for canary in CANARIES {
        assert!(
            !ended.out.contains(canary) && !ended.err.contains(canary),
            "{canary}: {ended:?}"
        );
    }
}

/// The ids of the findings, sorted.
pub fn ids(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().expect("findings");
    let ids: BTreeSet<String> = findings
        .iter()
        .map(|finding| finding["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.into_iter().collect()
}
