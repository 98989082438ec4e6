//! The dashboards of `deploy/grafana`: every panel shows data, they keep to Grafana's types and to good custom, and the
//! provisioning leads to them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "../support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod daemon;
#[path = "../support/peers.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod peers;
#[path = "../support/prometheus.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod prometheus;

mod board;
mod conventions;
mod grafana;
mod panels;
mod provisioning;
mod queries;
mod types;
