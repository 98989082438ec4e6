//! How long what was seen and said is kept.

use std::time::Duration;

const DAY: u64 = 86_400;

/// Sell rates look back on 28 days, a report on a month and on the rate as it was before it; a little more, so that what
/// is read at its edge is there.
pub const LEAST_CHANGES: Duration = Duration::from_secs(62 * DAY);
/// A rehearsal of that time asks what happened in it.
pub const LEAST_EVENTS: Duration = LEAST_CHANGES;
/// Messages are tried for five days, and what came later is compared with them.
pub const LEAST_MESSAGES: Duration = Duration::from_secs(7 * DAY);

/// How long each kind of record is kept; `None` for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Single levels, polls, and what products and combinations were called.
    pub changes: Option<Duration>,
    /// What happened, of what is not open.
    pub events: Option<Duration>,
    /// Messages that were delivered.
    pub messages: Option<Duration>,
    /// What the database may hold, in bytes; beyond it the oldest single levels go early.
    pub size: Option<u64>,
}
