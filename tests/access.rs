//! Who passes the door, and what nobody does without leave: asked over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "access/world.rs"]
mod world;
#[path = "access/visitor.rs"]
mod visitor;
#[path = "access/sign_in.rs"]
mod sign_in;
#[path = "access/changes.rs"]
mod changes;
#[path = "access/limits.rs"]
mod limits;
#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod daemon;
#[path = "access/web_file.rs"]
mod web_file;
