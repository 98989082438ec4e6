//! What the monitor decides, held against the text of docs/alerts.md, sentence by sentence.

#![expect(clippy::expect_used, reason = "a test may fail")]

mod shop;

mod channels;
mod combinations;
mod cover;
mod doubt;
mod first_sight;
mod grouping;
mod invariants;
mod model;
mod parts;
mod lost;
mod pools;
mod relinks;
mod reminders;
mod rule_changes;
mod severities;
