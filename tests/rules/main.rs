//! The rules of `deploy/prometheus`: promtool finds them right, each has its tests and its runbook, and in a real
//! Prometheus with a real Alertmanager each fault raises the alert that it should.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "../support/alertmanager.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod alertmanager;
#[path = "../support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod daemon;
#[path = "../support/disk.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod disk;
#[path = "../support/peers.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod peers;
#[path = "../support/prometheus.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod prometheus;

mod checked;
mod faults;
mod runbooks;
mod written;
