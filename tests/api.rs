//! The API against its own description: nothing that is not described, nothing described that is not so.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/memory.rs"]
mod fixture;
#[path = "support/site.rs"]
mod harness;
#[path = "support/peers.rs"]
mod peers;
#[path = "support/receivers.rs"]
mod receivers;
#[path = "support/shop.rs"]
mod shop;

#[path = "api/described.rs"]
mod described;
#[path = "api/forms.rs"]
mod forms;
#[path = "api/public.rs"]
mod public;
#[path = "api/world.rs"]
mod world;
