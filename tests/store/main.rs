//! Every statement of the store, on real migrated files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
mod catalogue;
mod changes;
mod forecast;
mod keep;
mod opening;
mod outbox;
mod past_levels;
mod people;
mod recording;
