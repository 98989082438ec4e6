//! What pages are about: the sample shop, a monitor before it, a mail server and a webhook.

use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::Value;
use serde_json::json;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::daemon::eventually;
use crate::past;
use crate::receivers::Receivers;

/// A shop, the receivers and the monitor between them.
pub struct World {
    site: Simulator,
    receivers: Receivers,
    pub home: Home,
    daemon: Option<Daemon>,
    given: Value,
    /// Receivers that want nothing any more.
    gone: Option<Receivers>,
    // Dropped last: the shop's tasks run in it.
    runtime: Runtime,
}

impl World {
    /// The sample shop.
    pub fn open() -> Self {
        Self::of(Shop::sample(), &[])
    }

    /// The sample shop and some names that try to break pages, polled for so many days before now; a shop that cannot be
    /// read, a channel that gives up, and what people said.
    pub fn with_past(days: i64, hostile: bool) -> Self {
        let gone = Receivers::start();
        gone.hook.always(Reply::Status(410));
        let shop = past::shop(hostile);
        let file = past::file(&shop, gone.hook.address(), hostile);
        let mut world = Self::before(shop, &[("POLL_SCHEDULE", "every 1h")], &file);
        world.gone = Some(gone);
        past::live_through(&world.site, &world.home, &world.runtime, days);
        world.begin();
        past::people(&world.home);
        world
    }

    /// That shop, with these settings besides the usual ones.
    pub fn of(shop: Shop, settings: &[(&str, &str)]) -> Self {
        let mut world = Self::before(shop, settings, "");
        world.begin();
        world
    }

    /// Everything but the daemon.
    fn before(shop: Shop, settings: &[(&str, &str)], file: &str) -> Self {
        let receivers = Receivers::start();
        let runtime = Runtime::new().unwrap();
        let site = runtime.block_on(Simulator::start(shop)).unwrap();
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
        if !file.is_empty() {
            home.write("config/monitor.toml", file);
        }
        Self {
            site,
            receivers,
            home,
            daemon: None,
            given: Value::Null,
            gone: None,
            runtime,
        }
    }

    /// Starts the daemon, and waits until it read the shop.
    fn begin(&mut self) {
        let daemon = self.home.start();
        // It is found at the same place after a restart.
        self.home.export("HTTP_LISTEN", &daemon.address.to_string());
        eventually("the first poll", || (daemon.polls("default") > 0).then_some(()));
        self.daemon = Some(daemon);
    }

    fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("was started")
    }

    /// Tells the walk these things at its start.
    pub fn giving(&mut self, given: Value) -> &mut Self {
        self.given = given;
        self
    }

    /// What the walk is told at its start.
    pub fn given(&self) -> &Value {
        &self.given
    }

    /// Where the pages are.
    pub fn address(&self) -> SocketAddr {
        self.daemon.as_ref().expect("was started").address
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
            "kill" => self.daemon().signal(Signal::KILL),
            "start" => {
                self.daemon().wait();
                self.daemon = Some(self.home.start());
            }
            "pause" => self.daemon().signal(Signal::STOP),
            "resume" => self.daemon().signal(Signal::CONT),
            "break" => self.receivers.hook.always(Reply::Status(410)),
            "mend" => self.receivers.hook.always(Reply::Status(204)),
            "webhooks" => return json!(self.receivers.said()),
            other => panic!("no act {other:?}"),
        }
        Value::Null
    }
}
