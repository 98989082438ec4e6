//! Forecasts: what must hold of any history, how far they were from what then happened, and what they propose.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod backtest;
#[path = "../support/memory.rs"]
#[expect(dead_code, reason = "others use the rest")]
mod fixture;
mod market;
mod propose;
mod rates;
