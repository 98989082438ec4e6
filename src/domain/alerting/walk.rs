//! The walk over all products of an accepted look: what it knows, and what it gathers.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::alerting::about::product_ref;
use crate::domain::alerting::decision::Change;
use crate::domain::alerting::decision::Event;
use crate::domain::alerting::decision::EventKind;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::series::Moved;
use crate::domain::alerting::state::Drawn;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Telling;
use crate::domain::capacity::Capacities;
use crate::domain::capacity::ProductLevel;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Product;
use crate::domain::draw::Uses;
use crate::domain::message::ProductEvent;
use crate::domain::pool::Bottleneck;
use crate::domain::stand::ProductEventKind;

/// One product of an accepted catalogue beside what is remembered of it.
pub(super) struct Look<'a> {
    pub product: &'a Arc<Product>,
    pub tracked: Option<&'a Arc<Tracked>>,
    /// The level is what WHMCS says, until the pools are known: then what they leave of that.
    pub level: ProductLevel,
    /// What WHMCS says of it, whatever its pools leave.
    pub own: Level,
    /// What it draws on pools.
    pub drawn: Option<Arc<Drawn>>,
    /// The pool that limits it.
    pub bottleneck: Option<Bottleneck>,
    pub effective: Arc<Effective>,
    /// Pools that had no figure yet when it was last derived, under the same rules, and have one now.
    pub newly_read: Vec<Bottleneck>,
    /// The same bytes under the same rules as last time.
    pub unchanged: bool,
}

/// The walk over all products of a look, gathering what it leads to.
pub(super) struct Walk<'a> {
    pub instance: &'a str,
    pub rules: &'a Rules,
    pub capacities: &'a Capacities,
    /// The uses of pools that concern the shop.
    pub uses: &'a Uses<'a>,
    /// What is left of each pool, by its place among the rules.
    pub left: Vec<Level>,
    /// The instance's first accepted look: nothing is news.
    pub first_sight: bool,
    /// How many looks in a row this one stands for (suspect ones that agreed).
    pub counted_polls: u32,
    /// Other mutes are in force than at the last look.
    pub mutes_moved: bool,
    /// When the catalogue was last accepted before.
    pub last_look: Timestamp,
    pub now: Timestamp,
    /// The sell rates are not those of the last look.
    pub recast: bool,
    pub telling: Telling<'a>,
    pub next_series: u32,
    pub changes: Vec<Change>,
    pub events: Vec<Event>,
    pub level_changes: usize,
}

impl Walk<'_> {
    /// Whether what is to last so long may stand otherwise, though nothing about it changed.
    pub(super) fn is_recast(&self, tracked: &Tracked) -> bool {
        let lasting = |effective: &Effective| effective.cover.is_some();
        let mut combinations = tracked.combinations.iter();
        self.recast
            && (lasting(&tracked.effective)
                || combinations.any(|combination| lasting(&combination.effective)))
    }

    /// A number for a new series.
    pub(super) fn take_number(&mut self) -> u32 {
        let number = self.next_series;
        self.next_series = self.next_series.saturating_add(1);
        number
    }

    /// Records that a series' severity moved; `series` is as it stands after that.
    pub(super) fn severity_event(
        &mut self,
        tracked: &Tracked,
        combination: Option<&CombinationKey>,
        series: &SeriesState,
        moved: Moved,
    ) {
        let name = combination.map_or_else(|| "-".to_owned(), ToString::to_string);
        self.events.push(Event {
            key: format!(
                "{}/{}/{name}/{:016x}/{}",
                self.instance, tracked.id, series.fingerprint, series.transition
            ),
            at: self.now,
            kind: EventKind::Severity {
                from: moved.from,
                to: moved.to,
                reason: moved.reason,
            },
            product_id: Some(tracked.id),
            combination: combination.cloned(),
            level: series.last_level,
            previous_level: series.previous_level,
        });
    }

    /// Records that something happened to a product, and tells of it; of retired ones only that they are gone.
    pub(super) fn product_event(
        &mut self,
        tracked: &mut Tracked,
        kind: ProductEventKind,
        previous: Option<String>,
    ) {
        tracked.series.transition = tracked.series.transition.saturating_add(1);
        self.events.push(Event {
            key: format!(
                "{}/{}/-/{}/{}",
                self.instance,
                tracked.id,
                kind.as_str(),
                tracked.series.transition
            ),
            at: self.now,
            kind: EventKind::Product(kind),
            product_id: Some(tracked.id),
            combination: None,
            level: tracked.series.last_level,
            previous_level: tracked.series.previous_level,
        });
        if tracked.retired == Some(true) && kind != ProductEventKind::Gone {
            return;
        }
        let level = tracked.series.level.known().filter(|_| !tracked.gone);
        let event = ProductEvent {
            kind,
            instance: self.instance.to_owned(),
            product: product_ref(tracked),
            previous,
            state: if tracked.gone {
                "gone"
            } else {
                tracked.series.level.state()
            },
            level,
            severity: level.map(|_| tracked.series.severity),
        };
        self.telling.product_event(tracked, &tracked.effective, &event);
    }

    /// The product to go on with; a change where something that is stored differs.
    pub(super) fn changed(&mut self, before: Option<&Arc<Tracked>>, tracked: Tracked) -> Arc<Tracked> {
        let after = Arc::new(tracked);
        if before.is_none_or(|before| !before.is_stored_alike(&after)) {
            self.changes.push(Change {
                before: before.cloned(),
                after: Arc::clone(&after),
            });
        }
        after
    }
}

impl Tracked {
    /// Whether nothing that is stored differs.
    pub(super) fn is_stored_alike(&self, other: &Self) -> bool {
        self.name == other.name
            && self.group_id == other.group_id
            && self.group == other.group
            && self.hidden == other.hidden
            && self.retired == other.retired
            && self.price == other.price
            && self.controlled == other.controlled
            && self.missing == other.missing
            && self.gone == other.gone
            && self.options_key == other.options_key
            && self.per_choice == other.per_choice
            && self.ambiguous_zero == other.ambiguous_zero
            && self.bottleneck == other.bottleneck
            && self.series == other.series
            && self.combinations.len() == other.combinations.len()
            && self.combinations.iter().zip(&other.combinations).all(|(a, b)| {
                a.key == b.key
                    && a.label == b.label
                    && a.gone == b.gone
                    && a.bottleneck == b.bottleneck
                    && a.series == b.series
            })
    }

    /// Whether it never alerts: retired, or hidden where the rule says so.
    pub(crate) fn is_silent(&self) -> bool {
        self.retired == Some(true) || (self.hidden == Some(true) && self.effective.ignore_hidden)
    }

    /// Whether a combination of it is no worse than the product itself: it speaks only while its level is below.
    pub(super) fn covers(&self, combination: &SeriesState) -> bool {
        match (combination.level.known(), self.series.level.known()) {
            (Some(own), Some(product)) => own >= product,
            (Some(_) | None, None) | (None, Some(_)) => false,
        }
    }
}
