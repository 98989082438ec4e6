//! The receivers themselves, as Debian packages them: what we send is taken, understood, and refused where it must be.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "../support/alertmanager.rs"]
mod alertmanager;
#[path = "../support/daemon.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod daemon;
#[path = "../support/peers.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod peers;
#[path = "../support/receivers.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod receivers;
#[path = "../support/shop.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod shop;
#[path = "../notify/samples.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod samples;

mod alertmanagers;
mod mail;
mod postfix;
mod proxy;

use crate::daemon::Home;
use crate::receivers::Receivers;
use crate::shop::Shop;

/// A home whose daemon watches that shop and tells those receivers.
fn home(shop: &Shop, receivers: &Receivers) -> Home {
    let settings = receivers.settings(&shop.url());
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Home::new(&settings)
}
