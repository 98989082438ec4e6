//! Whole stories on the real program: a shop, the daemon as a process, a mail server, a receiver of webhooks.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "../support/daemon.rs"]
mod daemon;
#[path = "../support/shop.rs"]
mod shop;
#[path = "../support/peers.rs"]
mod peers;
#[path = "../support/prometheus.rs"]
mod prometheus;
#[path = "../support/receivers.rs"]
mod receivers;

mod alerts;
mod call;
mod life;
mod channels;
mod notify;
mod templates;
mod bulk;
mod pools;
mod shops;
mod names;
mod commands;
mod secrets;
mod scraped;
mod heartbeat;
mod people;
mod held;
mod demo;
mod reports;
mod forecast;
mod backup;

use crate::daemon::Home;
use crate::receivers::Receivers;
use crate::shop::Shop;

/// Without the companion a first zero is ambiguous; this settles it.
pub const CONTROLLED: &str = "[[rule]]\nstock_control = \"on\"\n";

/// A home whose daemon watches that shop and tells those receivers.
pub fn home(shop: &Shop, receivers: &Receivers) -> Home {
    let settings = receivers.settings(&shop.url());
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Home::new(&settings)
}
