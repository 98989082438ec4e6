//! `doctor` of the real program: planted mistakes, each found alone with its mend, and nothing on a healthy set-up.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "../support/daemon.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod daemon;

mod world;
mod tls;
mod case;
mod planted {
    pub mod address;
    pub mod refusals;
    pub mod stock;
    pub mod settings;
    pub mod channels;
}
mod mistakes;
mod healthy;
mod bounded;
mod recorded;
mod printed;
mod docs;
