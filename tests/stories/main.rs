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
#[path = "../support/receivers.rs"]
mod receivers;

mod alerts;
