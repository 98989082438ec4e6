//! Silences and maintenance windows, in force and to come, as the list of alerts shows them.

use jiff::Timestamp;

use crate::domain::people::Matcher;
use crate::domain::people::Silence;
use crate::maintenance::Window;
use crate::observe::said;
use crate::observe::view::Seen;
use crate::people::listed;
use crate::web::made;
use crate::web::show::At;

/// Silences on one page: what each is for now is counted among all series.
pub const ROWS: usize = 20;

/// A silence that is not over.
pub struct SilenceRow {
    pub id: i64,
    pub of: String,
    /// How many series and pools that is now.
    pub matches: usize,
    pub by: String,
    pub comment: String,
    pub starts: At,
    pub ends: At,
    pub is_in_force: bool,
}

/// A maintenance window.
pub struct WindowRow {
    pub name: String,
    pub of: String,
    pub matches: usize,
    pub comment: String,
    /// When it ends, while it is in force.
    pub until: Option<At>,
    /// When it begins next.
    pub next: Option<At>,
}

/// The silences, in their order.
#[must_use]
pub fn silences(silences: &[Silence], seen: &Seen, now: Timestamp) -> Vec<SilenceRow> {
    let row = |silence: &Silence| SilenceRow {
        id: silence.id,
        of: listed::in_words(&silence.matcher),
        matches: matches(&silence.matcher, seen),
        by: silence.by.to_string(),
        comment: silence.comment.to_string(),
        starts: At(silence.starts_at),
        ends: At(silence.ends_at),
        is_in_force: silence.is_in_force(now),
    };
    silences.iter().map(row).collect()
}

/// The windows, in the order of the configuration.
#[must_use]
pub fn windows(seen: &Seen, now: Timestamp) -> Vec<WindowRow> {
    let row = |window: &Window| WindowRow {
        name: window.name.to_string(),
        of: listed::in_words(&window.matcher),
        matches: matches(&window.matcher, seen),
        comment: window.comment.to_string(),
        until: window.in_force(now).map(At),
        next: window.begins.next_after(now).map(At),
    };
    seen.windows.iter().map(row).collect()
}

fn matches(matcher: &Matcher, seen: &Seen) -> usize {
    let pools = seen.pools.pools.iter();
    let pools = pools.filter(|pool| matcher.matches_pool(&pool.name, &pool.shops));
    said::matched(matcher, &made::shops(seen)).count() + pools.count()
}
