//! One product over time: new, gone, returned, renamed, control switched, and its series and combinations.

use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::alerting::about::About;
use crate::domain::alerting::judge::MISSING_POLLS;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::rules::StableHasher;
use crate::domain::alerting::rules::Subject;
use crate::domain::alerting::series::Observed;
use crate::domain::alerting::state::Drawn;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Mode;
use crate::domain::alerting::telling::Taken;
use crate::domain::alerting::walk::Look;
use crate::domain::alerting::walk::Walk;
use crate::domain::capacity::Capacities;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::Product;
use crate::domain::draw::Uses;
use crate::domain::forecast::Forecasts;
use crate::domain::people::People;
use crate::domain::stand::ProductEventKind;
use crate::domain::stand::Severity;

/// Under which rules a look is judged.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    pub instance: &'a str,
    pub rules: &'a Rules,
    pub capacities: &'a Capacities,
    /// What is remembered of the pools; where it is `None` they are left out of account.
    pub pools: Option<&'a Pools>,
    /// What people said that is in force now.
    pub people: &'a People,
    /// How fast the series sell.
    pub forecasts: &'a Forecasts,
}

impl Walk<'_> {
    /// A product that is in the catalogue.
    pub(super) fn present(&mut self, look: &Look<'_>) -> Arc<Tracked> {
        match look.tracked {
            None => self.appeared(look),
            Some(known) if known.gone => self.returned(known, look),
            Some(known) => {
                let waits = || self.telling.is_waiting(known, self.mutes_moved) || self.is_recast(known);
                if look.unchanged && known.missing == 0 && !waits() {
                    return Arc::clone(known);
                }
                self.seen_again(known, look)
            }
        }
    }

    fn appeared(&mut self, look: &Look<'_>) -> Arc<Tracked> {
        let number = self.take_number();
        let product = look.product;
        let mut tracked = Tracked {
            id: product.id(),
            name: product.listing.name.clone(),
            group_id: product.group_id(),
            group: product.group().cloned(),
            hidden: product.details.as_ref().and_then(|details| details.hidden),
            retired: product.details.as_ref().and_then(|details| details.retired),
            price: product.listing.price.clone(),
            controlled: look.level.controlled,
            missing: 0,
            gone: false,
            options_key: options_key(product),
            per_choice: false,
            ambiguous_zero: look.level.ambiguous_zero,
            bottleneck: look.bottleneck.clone(),
            // Nothing is known yet of how a new series sells.
            series: SeriesState::first(number, look.level.level, &look.effective, self.now),
            effective: Arc::clone(&look.effective),
            combinations: Vec::new(),
            drawn: look.drawn.clone(),
            seen: Some(Arc::clone(product)),
            epoch: self.rules.epoch,
        };
        tracked.series.seen_other_than_zero = is_other_than_zero(look.own);
        self.level_changes += 1;
        if !self.first_sight {
            tracked.series.born_open = tracked.series.severity != Severity::Ok;
            self.product_event(&mut tracked, ProductEventKind::New, None);
        }
        // At the instance's first sight a channel's baseline decides whether what is open counts as told.
        let (mode, of_combinations) = if self.first_sight {
            let speak = Mode::Speak { rule_changed: false };
            (speak, speak)
        } else {
            (Mode::Settle, Mode::Announced)
        };
        self.tell_product(&mut tracked, mode, Taken::default());
        self.combinations(&mut tracked, look, of_combinations);
        self.changed(None, tracked)
    }

    fn returned(&mut self, known: &Arc<Tracked>, look: &Look<'_>) -> Arc<Tracked> {
        let mut tracked = (**known).clone();
        tracked.gone = false;
        tracked.missing = 0;
        self.take_attributes(&mut tracked, look);
        tracked.controlled = look.level.controlled.or(tracked.controlled);
        self.take_product_level(&mut tracked, look);
        tracked.options_key = options_key(look.product);
        tracked.settle(look, &self.telling.forecasts, self.now);
        tracked.series.born_open = tracked.series.severity != Severity::Ok;
        self.product_event(&mut tracked, ProductEventKind::Returned, None);
        self.tell_product(&mut tracked, Mode::Settle, Taken::since(known));
        self.combinations(&mut tracked, look, Mode::Announced);
        self.changed(Some(known), tracked)
    }

    fn seen_again(&mut self, known: &Arc<Tracked>, look: &Look<'_>) -> Arc<Tracked> {
        let mut tracked = (**known).clone();
        tracked.missing = 0;
        let renamed = self.take_attributes(&mut tracked, look);
        let is_late = look.is_late(
            &known.series,
            known.bottleneck.as_ref(),
            look.bottleneck.as_ref(),
            look.level.level,
        );
        let switched = switched(known, look);
        let mut taken = Taken::since(known);
        // Switched on, but without a reading yet: that comes with the first one.
        let awaits_reading = known.controlled == Some(false)
            && look.level.controlled == Some(true)
            && look.own.known().is_none();
        if !awaits_reading {
            tracked.controlled = look.level.controlled.or(tracked.controlled);
        }
        self.take_product_level(&mut tracked, look);
        let mut mode = Mode::Speak { rule_changed: false };
        match switched {
            Some(ProductEventKind::ControlOn) => {
                tracked.settle(look, &self.telling.forecasts, self.now);
                mode = Mode::Settle;
            }
            Some(_) | None if is_late => {
                tracked.settle(look, &self.telling.forecasts, self.now);
                mode = Mode::Settle;
            }
            Some(_) | None => {
                let observed = tracked.observe(look, &self.telling.forecasts, self.last_look, self.now);
                taken.moved = observed.moved;
                if let Some(moved) = observed.moved {
                    self.severity_event(&tracked, None, &tracked.series, moved);
                }
                mode = if look.level.level == Level::NotControlled {
                    Mode::Withdraw
                } else if observed.rule_changed {
                    Mode::Speak { rule_changed: true }
                } else {
                    mode
                };
            }
        }
        if let Some(previous) = renamed {
            self.product_event(&mut tracked, ProductEventKind::Renamed, Some(previous));
        }
        if let Some(kind) = switched {
            self.product_event(&mut tracked, kind, None);
        }
        self.tell_product(&mut tracked, mode, taken);
        self.options(&mut tracked, look.product);
        self.combinations(&mut tracked, look, Mode::Speak { rule_changed: false });
        self.changed(Some(known), tracked)
    }

    /// A remembered product that is not in the catalogue.
    pub(super) fn absent(&mut self, known: &Arc<Tracked>) -> Arc<Tracked> {
        if known.gone {
            self.telling.withdraw_acks(known);
            return Arc::clone(known);
        }
        let mut tracked = (**known).clone();
        if tracked.epoch != self.rules.epoch {
            // The channels of other rules mean nothing under these.
            tracked.effective = self.rules.effective(&Subject {
                instance: self.instance,
                group_id: tracked.group_id,
                group: tracked.group.as_ref(),
                product_id: tracked.id,
                product: &tracked.name,
                pairs: None,
            });
            tracked.drawn = drawn_unseen(known, self.uses);
            tracked.epoch = self.rules.epoch;
            self.telling.forget_removed(&mut tracked.series);
            for combination in &mut tracked.combinations {
                self.telling.forget_removed(&mut combination.series);
            }
        }
        tracked.missing = tracked.missing.saturating_add(self.counted_polls);
        tracked.seen = None;
        if tracked.missing >= MISSING_POLLS {
            tracked.gone = true;
            self.product_event(&mut tracked, ProductEventKind::Gone, None);
            self.tell_product(&mut tracked, Mode::Withdraw, Taken::since(known));
            if let Some(moved) = tracked.series.close(self.now) {
                self.severity_event(&tracked, None, &tracked.series, moved);
            }
            for mut combination in std::mem::take(&mut tracked.combinations) {
                if !combination.gone {
                    self.withdraw(&tracked, &mut combination);
                }
                tracked.combinations.push(combination);
            }
        }
        self.changed(Some(known), tracked)
    }

    /// Name, group and flags; what the product was called before where that changed.
    fn take_attributes(&self, tracked: &mut Tracked, look: &Look<'_>) -> Option<String> {
        let product = look.product;
        let mut previous = None;
        if tracked.name != product.listing.name {
            let was = tracked.name.shown();
            // Another spelling of the same readable name is no news.
            previous = (was != product.listing.name.shown()).then(|| was.to_owned());
            tracked.name = product.listing.name.clone();
        }
        let group = last_group(product, Some(tracked));
        if tracked.group_id.is_some()
            && product.group_id().is_some()
            && tracked.group_id != product.group_id()
        {
            let was = tracked.group.as_ref().map_or_else(
                || format!("group {}", tracked.group_id.unwrap_or_default()),
                |name| format!("in {name}"),
            );
            previous = Some(previous.map_or_else(|| was.clone(), |name| format!("{name} ({was})")));
        }
        tracked.group = group;
        tracked.group_id = product.group_id().or(tracked.group_id);
        if let Some(details) = &product.details {
            tracked.hidden = details.hidden.or(tracked.hidden);
            tracked.retired = details.retired.or(tracked.retired);
        }
        tracked.price.clone_from(&product.listing.price);
        tracked.seen = Some(Arc::clone(product));
        tracked.epoch = self.rules.epoch;
        tracked.effective = Arc::clone(&look.effective);
        tracked.drawn.clone_from(&look.drawn);
        tracked.bottleneck.clone_from(&look.bottleneck);
        previous
    }

    fn take_product_level(&mut self, tracked: &mut Tracked, look: &Look<'_>) {
        tracked.ambiguous_zero = look.level.ambiguous_zero;
        if tracked.series.level != look.level.level {
            self.level_changes += 1;
        }
    }

    fn tell_product(&mut self, tracked: &mut Tracked, mode: Mode, taken: Taken<'_>) {
        let mode = if tracked.is_silent() { Mode::Withdraw } else { mode };
        let mut series = tracked.series.clone();
        let about = About::Product(tracked);
        self.telling
            .series(&mut series, &tracked.effective, about, mode, taken);
        tracked.series = series;
    }

    /// An option that came or went changes every key: one event says so.
    fn options(&mut self, tracked: &mut Tracked, product: &Product) {
        let key = options_key(product);
        let comparable = key & 1 == tracked.options_key & 1;
        if comparable && key != tracked.options_key {
            self.product_event(tracked, ProductEventKind::OptionsChanged, None);
        }
        tracked.options_key = key;
    }
}

impl Tracked {
    fn settle(&mut self, look: &Look<'_>, forecasts: &Forecasts, now: Timestamp) {
        let seen = self.series.seen_other_than_zero;
        let rate = forecasts.rate(self.series.number);
        self.series.settle(look.level.level, &look.effective, rate, now);
        self.series.seen_other_than_zero = seen || is_other_than_zero(look.own);
    }

    fn observe(
        &mut self,
        look: &Look<'_>,
        forecasts: &Forecasts,
        last_look: Timestamp,
        now: Timestamp,
    ) -> Observed {
        let seen = self.series.seen_other_than_zero;
        let rate = forecasts.rate(self.series.number);
        let observed = self
            .series
            .observe(look.level.level, &look.effective, rate, last_look, now);
        self.series.seen_other_than_zero = seen || is_other_than_zero(look.own);
        observed
    }
}

/// Whether WHMCS itself shows a figure that is surely a count: what a pool leaves settles no zero.
fn is_other_than_zero(own: Level) -> bool {
    own.known().is_some_and(|n| n != 0)
}

/// What a product that is missing draws on pools: nobody knows where it was not seen under these rules.
pub(super) fn drawn_unseen(tracked: &Tracked, uses: &Uses<'_>) -> Option<Arc<Drawn>> {
    let mut unseen: Vec<usize> = uses.possible(tracked.id, &tracked.name).collect();
    unseen.dedup();
    if unseen.is_empty() {
        return None;
    }
    Some(Arc::new(Drawn {
        draws: Arc::from([]),
        takers: Arc::from([]),
        unseen,
        own: tracked.series.level,
        under: Vec::new(),
    }))
}

/// The group's name, or the last known one while the product is in the same group.
pub(super) fn last_group(product: &Product, tracked: Option<&Tracked>) -> Option<Name> {
    product.group().cloned().or_else(|| {
        let known = tracked?;
        let same = product.group_id().is_none() || product.group_id() == known.group_id;
        if same { known.group.clone() } else { None }
    })
}

/// Stock control switched on or off, as WHMCS itself says; on only with a reading, which the event carries.
fn switched(known: &Tracked, look: &Look<'_>) -> Option<ProductEventKind> {
    match (known.controlled, look.level.controlled) {
        (Some(true), Some(false)) => Some(ProductEventKind::ControlOff),
        (Some(false), Some(true)) => look.own.known().map(|_| ProductEventKind::ControlOn),
        (Some(true) | None, Some(true) | None) | (None | Some(false), Some(false)) | (Some(false), None) => {
            None
        }
    }
}

/// A hash of the ids of options, with a mark for where the list came from: lists of two sources are not compared.
pub(crate) fn options_key(product: &Product) -> u64 {
    let detailed = product
        .details
        .as_ref()
        .is_some_and(|details| !details.options.is_empty());
    let mut ids: Vec<i64> = product
        .options()
        .iter()
        .filter(|option| option.kind.combines() && !option.hidden)
        .map(|option| option.id)
        .collect();
    ids.sort_unstable();
    let mut hasher = StableHasher::default();
    for id in ids {
        id.hash(&mut hasher);
    }
    // SQLite's integers are signed: 62 bits of hash, and the mark.
    ((hasher.finish() >> 2) << 1) | u64::from(detailed)
}
