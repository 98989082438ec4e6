//! A real daemon before a simulated shop, with something in every list.

use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::sinks::webhook::Reply;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;

use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::daemon::eventually;
use crate::receivers::Receivers;

pub const TOKEN: &str = "a-token-of-the-tests";

/// The shop, who is told, and the daemon.
pub struct World {
    pub daemon: Daemon,
    _home: Home,
    _receivers: Receivers,
    site: Simulator,
    _nowhere: WebhookSink,
    // Dropped last: the shop's tasks run in it.
    runtime: Runtime,
}

fn server(pid: i64, name: &str, stock: i64) -> Product {
    let choices = [(11, "32 GB"), (12, "64 GB"), (13, "128 GB")];
    Product::new(pid, 3, "Dedicated", name)
        .with_stock(stock)
        .with_option(ConfigOption::new(4, "RAM", OptionKind::Dropdown, &choices))
}

/// The rules: a pool, a window, a channel that nobody takes anything from, and the public feed.
fn file(nowhere: &str) -> String {
    format!(
        "[[pool]]\nname = \"kits\"\ncapacity = 9\nuses = [{{ option = \"RAM\", choice = \"64 GB\" }}, \
         {{ option = \"RAM\", choice = \"128 GB\", need = 2 }}]\n\
         [[maintenance]]\nname = \"backups\"\nschedule = \"0 2 * * SUN\"\nlasts = \"3h\"\n\
         [[channel]]\nname = \"nowhere\"\ntype = \"webhook\"\nurl = \"{nowhere}\"\n\
         [public]\nproducts = [\"DS*\"]\nfields = [\"product\", \"level\", \"availability\"]\norigins = [\"*\"]\n"
    )
}

impl World {
    /// Waits until there is an alert, a pool, an ack, a silence, a failed poll, and a message that was given up.
    pub fn open() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Runtime::new().unwrap();
        let products = [
            server(64, "DS-64", 20),
            server(128, "DS-128", 3),
            server(256, "DS <b>256</b>", 0),
        ];
        let shop = Shop::new(Version::V8_12, Companion::Contract1).with_products(products);
        let site = runtime.block_on(Simulator::start(shop)).unwrap();
        let receivers = Receivers::start();
        let settings = receivers.settings(&site.url());
        let settings: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut home = Home::new(&settings);
        let access = Settings::default().access;
        home.set("WHMCS_API_IDENTIFIER", &access.identifier);
        home.set("WHMCS_API_SECRET", &access.secret);
        home.set("HTTP_TOKEN", TOKEN);
        // A client that tries wrong tokens on purpose, hundreds of them.
        home.set("HTTP_MAX_TRIES", "0");
        home.set("HINT_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let nowhere = runtime.block_on(WebhookSink::start()).unwrap();
        nowhere.always(Reply::Status(400));
        home.write("config/monitor.toml", &file(&nowhere.url()));
        let daemon = home.start();
        let world = Self {
            daemon,
            _home: home,
            _receivers: receivers,
            site,
            _nowhere: nowhere,
            runtime,
        };
        world.fill();
        world
    }

    fn fill(&self) {
        self.daemon.wait_for_polls("default", 2);
        for _ in 0..3 {
            self.site.shop().order(64, &[(4, 12)]).unwrap();
        }
        self.site
            .fail_next(1, Fault::Refused(Refusal::InvalidIp("203.0.113.7".into())));
        let ack = json!({"alert_id": "default/256/-", "by": "Ann", "quantity": 20, "eta": "10d"});
        let silence =
            json!({"matcher": {"products": [128]}, "ends_at": "2h", "by": "Ann", "comment": "new rack"});
        eventually("an ack can be made", || {
            (self.post("/api/v1/acks", &ack).0 == 201).then_some(())
        });
        assert_eq!(self.post("/api/v1/silences", &silence).0, 201);
        for path in [
            "/api/v1/alerts?status=firing",
            "/api/v1/alerts",
            "/api/v1/pools",
            "/api/v1/acks",
            "/api/v1/silences",
            "/api/v1/windows",
            "/api/v1/polls?outcome=failed",
            "/api/v1/deliveries?state=dead&channel=nowhere",
            "/api/v1/products/default/64/history",
        ] {
            eventually(&format!("something in {path}"), || {
                let list = self.daemon.json(path);
                (list["items"] != json!([])).then_some(())
            });
        }
    }

    /// Sends JSON with the token: the status, and the answer's body.
    pub fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let (status, _, body) = self.send(Method::POST, path, &[], Some(body));
        (status, body)
    }

    /// Asks with the token and these headers: the status, the headers and the body.
    pub fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (u16, reqwest::header::HeaderMap, String) {
        self.runtime.block_on(async {
            let url = format!("http://{}{path}", self.daemon.address);
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let mut request = client.request(method, url).bearer_auth(TOKEN);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if let Some(body) = body {
                request = request
                    .header("Content-Type", "application/json")
                    .body(body.to_string());
            }
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            (status, headers, answer.text().await.unwrap())
        })
    }
}
