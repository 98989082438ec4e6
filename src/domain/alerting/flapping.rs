//! A series that goes to and fro: when it flaps, and when it is calm again.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::alerting::series::Moved;
use crate::domain::alerting::state::SeriesState;
use crate::domain::message::Reason;
use crate::domain::stand::Severity;

/// Flips count for so long.
const COUNTED: SignedDuration = SignedDuration::from_hours(24);
/// Without a flip for so long it is calm.
const CALM: SignedDuration = SignedDuration::from_hours(6);

/// Whether the level moved it, and not a rule or that it is no longer watched.
fn is_flip(moved: Moved) -> bool {
    match moved.reason {
        Reason::First | Reason::Worse | Reason::Better | Reason::Recovered => true,
        Reason::Reminder
        | Reason::RuleChanged
        | Reason::Withdrawn
        | Reason::Escalated
        | Reason::Overdue
        | Reason::Flapping => false,
    }
}

impl SeriesState {
    /// Whether it flaps.
    #[must_use]
    pub fn is_flapping(&self) -> bool {
        self.notes().flapping_since.is_some()
    }

    /// Ends flapping where there was no flip for long enough, or where it is turned off (`limit` 0); whether it did.
    pub(super) fn calm_down(&mut self, limit: u32, now: Timestamp) -> bool {
        let notes = self.notes();
        let Some(since) = notes.flapping_since else {
            return false;
        };
        let last = notes.flips.last().copied().unwrap_or(since);
        if limit > 0 && now.duration_since(last) < CALM {
            return false;
        }
        self.note(|notes| {
            notes.flapping_since = None;
            notes.flips.clear();
        });
        for told in &mut self.told {
            told.worst = Severity::Ok;
        }
        self.told.retain(|told| !told.is_nothing());
        true
    }

    /// Counts a move where it is a flip; whether the series flaps from now on.
    pub(super) fn flip(&mut self, moved: Moved, limit: u32, now: Timestamp) -> bool {
        if limit == 0 || !is_flip(moved) {
            return false;
        }
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut begins = false;
        self.note(|notes| {
            notes.flips.retain(|at| now.duration_since(*at) < COUNTED);
            notes.flips.push(now);
            begins = notes.flapping_since.is_none() && notes.flips.len() > most;
            // More of them would say nothing more.
            let spare = notes.flips.len().saturating_sub(most.saturating_add(1));
            notes.flips.drain(..spare);
            if begins {
                notes.flapping_since = Some(now);
            }
        });
        begins
    }
}
