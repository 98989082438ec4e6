//! When to run next, and the one loop that repeats a step until shutdown.

use std::time::Duration;

/// When a step runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    Every(Duration),
    /// A cron expression with seconds, in a time zone.
    Cron {
        expression: String,
        zone: jiff::tz::TimeZone,
    },
}
