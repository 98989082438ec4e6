//! What is seen is checked before it is believed: absurd catalogues are suspect, vanished capabilities are losses.

use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use crate::domain::alerting::rules::StableHasher;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SourceState;
use crate::domain::alerting::state::SuspectRun;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Companion;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::ProductId;
use crate::domain::catalogue::Snapshot;
use crate::domain::message::Capability;

/// Suspect answers in a row that must agree before they are believed.
pub const AGREEING_POLLS: u32 = 3;
/// Accepted catalogues in a row without a product before it is gone.
pub const MISSING_POLLS: u32 = 3;

/// Why a well-formed catalogue is not believed at once; `None` where it is. `levels` are the levels just derived,
/// ascending by id.
#[must_use]
pub fn suspicion(before: &Memory, levels: &[(ProductId, Level)]) -> Option<String> {
    let now = levels.len();
    let last = before.source.last_accepted_products;
    if now == 0 {
        // Believed once, an empty catalogue that stays empty still agrees.
        let still_empty = before.source.last_accepted_at.is_some() && last == 0;
        return (!still_empty).then(|| "the catalogue is empty".to_owned());
    }
    // 80 % in whole numbers: now / last < 4 / 5.
    if now * 5 < last * 4 && last - now >= 3 {
        return Some(format!("the catalogue shrank from {last} to {now} products"));
    }
    sudden_zeros(&before.products, levels)
}

/// Why a look at some products only is not believed; `None` where it is.
#[must_use]
pub fn suspicion_of_part(before: &Memory, levels: &[(ProductId, Level)]) -> Option<String> {
    let asked = levels.iter().filter_map(|(id, _)| before.product(*id));
    sudden_zeros(asked, levels)
}

/// Whether at least 5 and 30 % of those that were in stock fell to 0 at once, in words. Both ascending by id.
fn sudden_zeros<'a>(
    remembered: impl IntoIterator<Item = &'a Arc<Tracked>>,
    levels: &[(ProductId, Level)],
) -> Option<String> {
    let (mut positive, mut fell) = (0usize, 0usize);
    let mut present = levels.iter().peekable();
    for tracked in remembered.into_iter().filter(|tracked| !tracked.gone) {
        // Levels that were lost come back as they were: all zeros would be as absurd then.
        let last_known = match tracked.own_level() {
            Level::Known(n) => Some(n),
            Level::Unknown => tracked.series.last_level,
            Level::NotControlled => None,
        };
        if last_known.is_none_or(|n| n <= 0) {
            continue;
        }
        positive += 1;
        while present.next_if(|(id, _)| *id < tracked.id).is_some() {}
        if matches!(present.peek(), Some((id, Level::Known(..=0))) if *id == tracked.id) {
            fell += 1;
        }
    }
    (fell >= 5 && fell * 10 >= positive * 3)
        .then(|| format!("{fell} of {positive} products in stock fell to 0 at once"))
}

/// The run after another suspect answer: longer where it agrees with the last one (same ids, same zeros).
#[must_use]
pub fn suspect_run(before: Option<SuspectRun>, levels: &[(ProductId, Level)]) -> SuspectRun {
    let mut hasher = StableHasher::default();
    for (id, level) in levels {
        id.hash(&mut hasher);
        hasher.write(&[u8::from(matches!(level, Level::Known(..=0)))]);
    }
    let signature = hasher.finish();
    let polls = match before {
        Some(run) if run.signature == signature => run.polls.saturating_add(1),
        Some(_) | None => 1,
    };
    SuspectRun { signature, polls }
}

/// What the source can do, as an accepted catalogue shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    pub stock_fields: bool,
    pub companion: Companion,
}

impl Abilities {
    /// Reads them off a catalogue.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let stock_fields = snapshot.products.iter().any(|product| {
            product.listing.quantity.number().is_some()
                || product
                    .details
                    .as_ref()
                    .is_some_and(|details| details.quantity.number().is_some())
        });
        Self {
            stock_fields,
            companion: snapshot.companion,
        }
    }

    /// What was there before and is not there now, where that was not said yet. A companion that takes the stock
    /// fields with it is one loss.
    #[must_use]
    pub fn newly_lost(self, before: &SourceState) -> Option<Capability> {
        let known = |capability| before.lost.iter().any(|(lost, _)| *lost == capability);
        let had_companion = before
            .had_companion
            .is_some_and(|companion| companion != Companion::Absent);
        if had_companion && self.companion == Companion::Absent && !known(Capability::Companion) {
            Some(Capability::Companion)
        } else if before.had_stock_fields && !self.stock_fields && !known(Capability::StockFields) {
            Some(Capability::StockFields)
        } else {
            None
        }
    }

    /// Whether the capability is there.
    #[must_use]
    pub fn has(self, capability: Capability) -> bool {
        match capability {
            Capability::StockFields => self.stock_fields,
            Capability::Companion => self.companion != Companion::Absent,
        }
    }
}
