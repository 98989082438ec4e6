//! What pages are about: the sample shop, a monitor before it, a mail server and a webhook.

use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::Value;
use serde_json::json;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::receivers::Receivers;

/// A shop, the receivers and the monitor between them.
pub struct World {
    site: Simulator,
    receivers: Receivers,
    pub home: Home,
    daemon: Daemon,
    given: Value,
    // Dropped last: the shop's tasks run in it.
    _runtime: Runtime,
}

impl World {
    /// The sample shop.
    pub fn open() -> Self {
        Self::of(Shop::sample(), &[])
    }

    /// That shop, with these settings besides the usual ones.
    pub fn of(shop: Shop, settings: &[(&str, &str)]) -> Self {
        let runtime = Runtime::new().unwrap();
        let site = runtime.block_on(Simulator::start(shop)).unwrap();
        let receivers = Receivers::start();
        let usual = receivers.settings(&site.url());
        let usual: Vec<(&str, &str)> = usual
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut home = Home::new(&usual);
        let access = Settings::default().access;
        home.set("WHMCS_API_IDENTIFIER", &access.identifier);
        home.set("WHMCS_API_SECRET", &access.secret);
        for (name, value) in settings {
            home.set(name, value);
        }
        let daemon = home.start();
        // It is found at the same place after a restart.
        home.export("HTTP_LISTEN", &daemon.address.to_string());
        daemon.wait_for_polls("default", 1);
        Self {
            site,
            receivers,
            home,
            daemon,
            given: Value::Null,
            _runtime: runtime,
        }
    }

    /// Tells the walk these things at its start.
    pub fn giving(mut self, given: Value) -> Self {
        self.given = given;
        self
    }

    /// What the walk is told at its start.
    pub fn given(&self) -> &Value {
        &self.given
    }

    /// Where the pages are.
    pub fn address(&self) -> SocketAddr {
        self.daemon.address
    }

    /// Does what a walk asks for.
    pub fn act(&mut self, act: &str, with: &Value) -> Value {
        let number = |key: &str| {
            with[key]
                .as_i64()
                .unwrap_or_else(|| panic!("{act}: {key} in {with}"))
        };
        match act {
            "stock" => self
                .site
                .shop()
                .set_qty(number("pid"), number("quantity"))
                .expect("is counted"),
            "kill" => self.daemon.signal(Signal::KILL),
            "start" => {
                self.daemon.wait();
                self.daemon = self.home.start();
            }
            "pause" => self.daemon.signal(Signal::STOP),
            "resume" => self.daemon.signal(Signal::CONT),
            "webhooks" => return json!(self.receivers.said()),
            other => panic!("no act {other:?}"),
        }
        Value::Null
    }
}
