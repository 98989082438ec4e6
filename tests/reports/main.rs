//! Reports: made once for each time of their schedule, whatever the clock and the process do.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helpers fail as the test does"
)]

#[path = "../support/shop.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod shop;

mod world;
mod once;
mod overdue;
mod content;
mod forms;
