//! A shop, the monitor that watches it, and the time, which moves only when told to.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::rules::StockControl;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::capacity::Capacities;
use whmcs_stock_monitor::domain::capacity::CapacityRule;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::jobs::check::Check;
use whmcs_stock_monitor::jobs::check::Checked;
use whmcs_stock_monitor::jobs::shop::Shop as Watched;
use whmcs_stock_monitor::jobs::shop::Telling;
use whmcs_stock_monitor::notify::channel::Channel;
use whmcs_stock_monitor::notify::channel::ChannelKind;
use whmcs_stock_monitor::notify::channel::ChannelSettings;
use whmcs_stock_monitor::notify::webhook::Addressing;
use whmcs_stock_monitor::notify::webhook::WebhookSettings;
use whmcs_stock_monitor::notify::webhook_format::WebhookFormat;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::store::history::EventFilter;
use whmcs_stock_monitor::whmcs::client::ApiSettings;
use whmcs_stock_monitor::whmcs::client::Client;
use whmcs_stock_monitor::whmcs::form::SignIn;
use whmcs_stock_monitor::whmcs::intake::Format;

/// Everything of one test.
pub struct World {
    pub site: Simulator,
    pub check: Check,
    pub store: Store,
    pub now: Timestamp,
    _folder: TempDir,
}

/// What the operator declared.
#[derive(Default)]
pub struct Declared {
    pub control: StockControl,
    pub limit: Option<usize>,
    pub capacities: Vec<CapacityRule>,
}

impl World {
    pub async fn open(shop: Shop) -> Self {
        Self::with(shop, Declared::default()).await
    }

    pub async fn with(shop: Shop, declared: Declared) -> Self {
        let site = Simulator::start(shop).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stock.db");
        let store = Store::open(&StoreSettings { path }).await.unwrap().store;
        let id = store.instance("default").await.unwrap();
        let rule = Rule {
            origin: "rule 1".to_owned(),
            stock_control: Some(declared.control),
            max_combinations: declared.limit,
            ..Rule::default()
        };
        let channel = ChannelPolicy {
            name: "hook".to_owned(),
            severities: Vec::new(),
            default: true,
            quiet: None,
        };
        let check = Check {
            shop: Arc::new(Watched::new("default", id)),
            client: Arc::new(client(&site.url())),
            store: store.clone(),
            rules: Arc::new(Rules::new(5, 1, vec![rule], vec![channel])),
            capacities: Arc::new(Capacities {
                capacities: declared.capacities,
                pools: Vec::new(),
            }),
            pools: None,
            windows: Arc::from([]),
            telling: Arc::new(telling()),
            details_budget: Duration::from_secs(60),
        };
        Self {
            site,
            check,
            store,
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
            _folder: folder,
        }
    }

    /// An accepted poll, five minutes after the last one.
    pub async fn look(&mut self) -> Checked {
        self.look_after(5).await
    }

    pub async fn look_after(&mut self, minutes: i64) -> Checked {
        let checked = self.poll_after(minutes).await;
        assert_eq!(checked.outcome, Outcome::Accepted, "{}", checked.detail);
        checked
    }

    /// A poll, however it ends.
    pub async fn poll_after(&mut self, minutes: i64) -> Checked {
        self.now = self.now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        let cancel = CancellationToken::new();
        self.check.run(self.now, &cancel).await.unwrap().unwrap()
    }

    /// Changes a product of the shop.
    pub fn edit(&self, pid: i64, change: impl FnOnce(&mut Product)) {
        self.site.shop().edit(pid, change).unwrap();
    }

    pub fn companion(&self, companion: Companion) {
        self.site
            .shop()
            .change_habits(|habits| habits.companion = companion);
    }

    /// The ids that each GetProductDetails since the last call asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        let requests = self.site.requests();
        self.site.forget();
        let details = requests
            .iter()
            .filter(|request| request.action.eq_ignore_ascii_case("GetProductDetails"));
        let mut ids: Vec<String> = details
            .map(|request| request.params.get("productid").cloned().unwrap_or_default())
            .collect();
        ids.sort();
        ids
    }

    /// How many events of that kind were recorded.
    pub async fn events(&self, kind: &str) -> usize {
        let filter = EventFilter {
            kind: Some(kind),
            ..EventFilter::default()
        };
        self.store
            .reader()
            .events(filter, None, 1000)
            .await
            .unwrap()
            .len()
    }
}

/// A client of the WHMCS at that address, with the simulator's credentials.
pub fn client(url: &str) -> Client {
    Client::new(ApiSettings {
        url: url.to_owned(),
        sign_in: SignIn::Credentials {
            identifier: "simulated-identifier".into(),
            secret: "simulated-secret-0123456789".into(),
        },
        access_key: None,
        response_type: Format::Json,
        timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(5),
        allow_insecure_tls: false,
        ca_file: None,
        max_body: 1 << 30,
        details_interval: Duration::from_secs(3600),
        max_requests: 2,
        retry_base: Duration::from_millis(1),
    })
    .unwrap()
}

/// A channel whose messages are queued and never sent: nobody runs its delivery.
pub fn telling() -> Telling {
    let settings = ChannelSettings {
        name: "hook".to_owned(),
        kind: ChannelKind::Webhook(WebhookSettings {
            url: "http://127.0.0.1:9/".into(),
            format: WebhookFormat::Standard,
            addressing: Addressing::default(),
            secret: None,
            allow_link_local: false,
            timeout: Duration::from_secs(1),
        }),
    };
    Telling {
        channels: vec![Channel::new(&settings).unwrap()],
        quiet: Vec::new(),
        zone: TimeZone::UTC,
        page_url: None,
    }
}

pub fn product(checked: &Checked, pid: i64) -> &Tracked {
    checked.memory.product(pid).unwrap()
}

pub fn level(checked: &Checked, pid: i64) -> Level {
    product(checked, pid).series.level
}

/// The combinations that are there, with their levels.
pub fn combinations(checked: &Checked, pid: i64) -> Vec<(String, Level)> {
    let there = product(checked, pid).combinations.iter().filter(|c| !c.gone);
    there.map(|c| (c.key.to_string(), c.series.level)).collect()
}

/// Keys with known levels, as [`combinations`] gives them.
pub fn known<const N: usize>(expected: [(&str, i64); N]) -> Vec<(String, Level)> {
    let level = |(key, n): (&str, i64)| (key.to_owned(), Level::Known(n));
    expected.into_iter().map(level).collect()
}

/// The subjects of the messages of a poll.
pub fn told(checked: &Checked) -> Vec<&str> {
    checked
        .headlines
        .iter()
        .map(|(_, subject)| subject.as_str())
        .collect()
}

/// A capacity of product 1, by the ids or names of options and choices.
pub fn capacity(pairs: &[(&str, &str)], capacity: i64) -> CapacityRule {
    CapacityRule {
        origin: "capacity 1".to_owned(),
        instances: Vec::new(),
        groups: Vec::new(),
        products: vec![Pattern::Id(1)],
        options: pairs
            .iter()
            .map(|(option, choice)| (Pattern::text(option), Pattern::text(choice)))
            .collect(),
        capacity,
    }
}

pub fn ram() -> ConfigOption {
    ConfigOption::new(4, "RAM", OptionKind::Dropdown, &[(11, "32 GB"), (12, "64 GB")])
}

pub fn disk() -> ConfigOption {
    ConfigOption::new(5, "Disk", OptionKind::Radio, &[(20, "SATA"), (21, "NVMe")])
}

/// Product 1 with RAM and Disk, 20 left.
pub fn server() -> Product {
    Product::new(1, 3, "Dedicated", "DS-64")
        .with_stock(20)
        .with_option(ram())
        .with_option(disk())
}

/// A WHMCS 8.12 with that product, and who answers GetProductDetails.
pub fn shop(companion: Companion, products: impl IntoIterator<Item = Product>) -> Shop {
    Shop::new(Version::V8_12, companion).with_products(products)
}
