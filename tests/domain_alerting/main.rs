//! What the monitor decides, held against the text of docs/alerts.md, sentence by sentence.

mod shop;

mod channels;
mod doubt;
mod first_sight;
mod rule_changes;
mod severities;
