//! Who passes the door, and what nobody does without leave: asked over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/memory.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod fixture;
#[path = "support/site.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod harness;
#[path = "access/visitor.rs"]
mod visitor;
#[path = "access/sign_in.rs"]
mod sign_in;
