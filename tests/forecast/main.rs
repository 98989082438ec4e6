//! Forecasts: what must hold of any history, and how far they were from what then happened.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod backtest;
mod market;
mod rates;
