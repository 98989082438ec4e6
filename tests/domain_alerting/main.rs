//! What the monitor decides, held against the text of docs/alerts.md, sentence by sentence.

#![expect(clippy::expect_used, reason = "a test may fail")]

mod people;
mod people_random;
mod shop;

mod acks;
mod channels;
mod combinations;
mod cover;
mod doubt;
mod escalation;
mod first_sight;
mod flapping;
mod grouping;
mod invariants;
mod model;
mod parts;
mod lost;
mod pool_people;
mod pools;
mod quiet;
mod relinks;
mod reminders;
mod rule_changes;
mod severities;
mod silences;
