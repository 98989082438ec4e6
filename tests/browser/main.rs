//! The pages in a real Chromium, walked as a person would: a shop that the test moves, the daemon as a process before it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "../support/browser.rs"]
#[expect(dead_code, reason = "pages in files are looked at elsewhere")]
mod browser;
#[path = "../support/daemon.rs"]
#[expect(dead_code, reason = "only what walks need")]
mod daemon;
#[path = "../support/receivers.rs"]
#[expect(dead_code, reason = "only what walks need")]
mod receivers;

mod walking;
mod world;

use crate::walking::walk;
use crate::world::World;

#[test]
fn stock_that_changes_in_the_shop_appears_without_a_reload() {
    walk("live", &mut World::open());
}

#[test]
fn a_page_that_is_cut_off_says_so_and_goes_on_when_the_monitor_is_back() {
    walk("lost", &mut World::open());
}
