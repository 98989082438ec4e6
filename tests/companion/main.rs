//! Levels end to end: a simulated WHMCS, the client, the check and the store, held to what `docs/levels.md` says.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

mod actions;
mod choices;
mod outside;
mod pools;
mod products;
mod story;
mod world;
