//! A shop, its monitor and a mail server; the time moves only when told to.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::rules::StockControl;
use whmcs_stock_monitor::domain::capacity::Capacities;
use whmcs_stock_monitor::domain::report::Period;
use whmcs_stock_monitor::domain::reporting::outline::Outline;
use whmcs_stock_monitor::jobs::check::Check;
use whmcs_stock_monitor::jobs::deliver::Attempted;
use whmcs_stock_monitor::jobs::deliver::Deliver;
use whmcs_stock_monitor::jobs::report::Plan;
use whmcs_stock_monitor::jobs::report::Reporting;
use whmcs_stock_monitor::jobs::report::Step;
use whmcs_stock_monitor::jobs::shop::Shop as Watched;
use whmcs_stock_monitor::jobs::shop::Telling;
use whmcs_stock_monitor::notify::channel::Channel;
use whmcs_stock_monitor::notify::channel::ChannelKind;
use whmcs_stock_monitor::notify::channel::ChannelSettings;
use whmcs_stock_monitor::notify::email::EmailSettings;
use whmcs_stock_monitor::notify::email::MailTls;
use whmcs_stock_monitor::notify::webhook::Addressing;
use whmcs_stock_monitor::notify::webhook::WebhookSettings;
use whmcs_stock_monitor::notify::webhook_format::WebhookFormat;
use whmcs_stock_monitor::scheduler::Schedule;
use whmcs_stock_monitor::sinks::mail::MailSink;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::whmcs::client::ApiSettings;
use whmcs_stock_monitor::whmcs::client::Client;
use whmcs_stock_monitor::whmcs::form::SignIn;
use whmcs_stock_monitor::whmcs::intake::Format;

use crate::shop::Item;
use crate::shop::Shop;

/// Everything of one test.
pub struct World {
    pub shop: Shop,
    pub mail: MailSink,
    /// Of the channels `hook` and `chat`.
    pub hooks: WebhookSink,
    pub folder: TempDir,
    pub running: Running,
}

/// What a start of the daemon makes anew.
pub struct Running {
    pub store: Store,
    pub check: Check,
    pub reporting: Reporting,
}

/// A time in RFC 3339.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A report of that cron expression in that zone to the mail channel.
pub fn plan(cron: &str, zone: &str, period: Period) -> Plan {
    let zone = TimeZone::get(zone).unwrap();
    Plan {
        outline: Outline::new("daily", period),
        schedule: Schedule::parse(cron, &zone).unwrap(),
        zone,
        channels: vec!["mail".to_owned()],
    }
}

impl World {
    /// A shop with these products, which has not been looked at.
    pub async fn open(items: Vec<Item>) -> Self {
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let shop = Shop::open(items);
        let mail = MailSink::start().await.unwrap();
        let hooks = WebhookSink::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let running = Running::start(&folder, &shop, (&mail, &hooks)).await;
        Self {
            shop,
            mail,
            hooks,
            folder,
            running,
        }
    }

    /// Ends the process and starts another.
    pub async fn restart(self) -> Self {
        self.running.store.close().await;
        drop((self.running.check, self.running.reporting));
        let running = Running::start(&self.folder, &self.shop, (&self.mail, &self.hooks)).await;
        Self { running, ..self }
    }

    /// A poll at that time.
    pub async fn poll(&self, now: Timestamp) {
        let cancel = CancellationToken::new();
        let checked = self.running.check.run(now, &cancel).await.unwrap().unwrap();
        assert_eq!(checked.outcome.cause(), None, "{}", checked.detail);
    }

    /// Looks whether the report is due, and delivers what waits.
    pub async fn step(&self, plan: &Plan, now: Timestamp) -> Step {
        let step = self.running.reporting.step(plan, now).await.unwrap();
        for attempted in self.deliver("mail", now).await {
            attempted.result.unwrap();
        }
        step
    }

    /// Delivers what waits for the channel.
    pub async fn deliver(&self, channel: &str, now: Timestamp) -> Vec<Attempted> {
        let telling = Arc::clone(&self.running.reporting.telling);
        let place = telling.channels.iter().position(|known| known.name() == channel);
        let deliver = Deliver::new(self.running.store.clone(), telling, place.unwrap());
        let cancel = CancellationToken::new();
        deliver.run(&|| now, &|| 0.5, &cancel).await.unwrap().attempts
    }

    /// The subjects of the mails that arrived.
    pub fn mails(&self) -> Vec<String> {
        let mails = self.mail.mails();
        mails.iter().map(|mail| mail.subject()).collect()
    }
}

impl Running {
    async fn start(folder: &TempDir, shop: &Shop, (mail, hooks): (&MailSink, &WebhookSink)) -> Self {
        let path = folder.path().join("stock.db");
        let store = Store::open(&StoreSettings { path }).await.unwrap().store;
        let id = store.instance("default").await.unwrap();
        let watched = Arc::new(Watched::new("default", id));
        let rule = Rule {
            stock_control: Some(StockControl::On),
            ..Rule::default()
        };
        let other = ChannelPolicy {
            name: "other".to_owned(),
            severities: Vec::new(),
            default: true,
            quiet: None,
        };
        let rules = Arc::new(Rules::new(5, 1, vec![rule], vec![other]));
        let telling = Arc::new(Telling {
            channels: vec![
                channel("mail", mail),
                channel("other", mail),
                webhook("hook", WebhookFormat::Standard, hooks),
                webhook("chat", WebhookFormat::Slack, hooks),
            ],
            zone: TimeZone::UTC,
            page_url: None,
            quiet: Vec::new(),
        });
        let check = Check {
            shop: Arc::clone(&watched),
            client: Arc::new(client(&shop.url())),
            store: store.clone(),
            rules: Arc::clone(&rules),
            capacities: Arc::new(Capacities::default()),
            pools: None,
            windows: Arc::from([]),
            telling: Arc::clone(&telling),
            details_budget: Duration::from_secs(60),
        };
        let reporting = Reporting {
            plans: Vec::new(),
            store: store.clone(),
            rules,
            shops: vec![(watched, Schedule::parse("every 1h", &TimeZone::UTC).unwrap())],
            pools: None,
            telling,
        };
        Self {
            store,
            check,
            reporting,
        }
    }
}

fn channel(name: &str, mail: &MailSink) -> Channel {
    let address = mail.address();
    Channel::new(&ChannelSettings {
        name: name.to_owned(),
        kind: ChannelKind::Email(EmailSettings {
            host: address.ip().to_string(),
            port: address.port(),
            tls: MailTls::None,
            username: None,
            password: None,
            from: "stock@shop.example".to_owned(),
            to: vec!["boss@shop.example".to_owned()],
            unsubscribe: None,
            timeout: Duration::from_secs(30),
        }),
    })
    .unwrap()
}

fn webhook(name: &str, format: WebhookFormat, hooks: &WebhookSink) -> Channel {
    Channel::new(&ChannelSettings {
        name: name.to_owned(),
        kind: ChannelKind::Webhook(WebhookSettings {
            url: hooks.url().into(),
            format,
            secret: None,
            addressing: Addressing::default(),
            allow_link_local: false,
            timeout: Duration::from_secs(30),
        }),
    })
    .unwrap()
}

fn client(url: &str) -> Client {
    Client::new(ApiSettings {
        url: url.to_owned(),
        sign_in: SignIn::Credentials {
            identifier: "test-identifier".into(),
            secret: "test-secret".into(),
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
        retry_base: Duration::from_millis(10),
    })
    .unwrap()
}
