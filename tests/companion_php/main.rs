//! The companion's real files under real PHP, over the database layer that WHMCS uses, on MariaDB and on SQLite.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "../support/daemon.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod daemon;
#[path = "../support/peers.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod peers;
#[path = "../support/receivers.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod receivers;

mod answers;
mod databases;
mod export;
mod front;
mod hints;
mod levels;
mod scale;
mod syntax;
