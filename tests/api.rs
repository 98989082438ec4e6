//! The API against its own description: nothing that is not described, nothing described that is not so.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[expect(dead_code, reason = "shared with other tests")]
#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/memory.rs"]
mod fixture;
#[expect(dead_code, reason = "shared with other tests")]
#[path = "support/site.rs"]
mod harness;
#[expect(dead_code, reason = "shared with other tests")]
#[path = "support/peers.rs"]
mod peers;
#[expect(dead_code, reason = "shared with other tests")]
#[path = "support/receivers.rs"]
mod receivers;
#[expect(dead_code, reason = "shared with other tests")]
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
