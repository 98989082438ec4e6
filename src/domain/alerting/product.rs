//! One product over time: new, gone, returned, renamed, control switched, and its series and combinations.

use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::alerting::decision::Change;
use crate::domain::alerting::decision::Event;
use crate::domain::alerting::decision::EventKind;
use crate::domain::alerting::judge::MISSING_POLLS;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::NamedPair;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::rules::StableHasher;
use crate::domain::alerting::rules::Subject;
use crate::domain::alerting::series::Moved;
use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::About;
use crate::domain::alerting::telling::Mode;
use crate::domain::alerting::telling::Telling;
use crate::domain::alerting::telling::product_ref;
use crate::domain::capacity;
use crate::domain::capacity::Capacities;
use crate::domain::capacity::Derived;
use crate::domain::capacity::Owner;
use crate::domain::capacity::ProductLevel;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::Product;
use crate::domain::message::ProductEvent;
use crate::domain::message::ProductEventKind;
use crate::domain::message::Severity;

/// Under which rules a look is judged.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    pub instance: &'a str,
    pub rules: &'a Rules,
    pub capacities: &'a Capacities,
}

/// One product of an accepted catalogue beside what is remembered of it.
pub(super) struct Look<'a> {
    pub product: &'a Arc<Product>,
    pub tracked: Option<&'a Arc<Tracked>>,
    pub level: ProductLevel,
    pub effective: Arc<Effective>,
    /// The same bytes under the same rules as last time.
    pub unchanged: bool,
}

/// The walk over all products of a look, gathering what it leads to.
pub(super) struct Walk<'a> {
    pub policy: Policy<'a>,
    /// The instance's first accepted look: nothing is news.
    pub first_sight: bool,
    /// How many looks in a row this one stands for (suspect ones that agreed).
    pub counted_polls: u32,
    /// When the catalogue was last accepted before.
    pub last_look: Timestamp,
    pub now: Timestamp,
    pub telling: Telling<'a>,
    pub next_series: u32,
    pub changes: Vec<Change>,
    pub events: Vec<Event>,
    pub level_changes: usize,
}

impl Walk<'_> {
    /// A product that is in the catalogue.
    pub(super) fn present(&mut self, look: &Look<'_>) -> Arc<Tracked> {
        match look.tracked {
            None => self.appeared(look),
            Some(known) if known.gone => self.returned(known, look),
            Some(known) => {
                if look.unchanged && known.missing == 0 && !known.is_waiting() {
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
            controlled: look.level.controlled,
            missing: 0,
            gone: false,
            options_key: options_key(product),
            per_choice: false,
            ambiguous_zero: look.level.ambiguous_zero,
            series: SeriesState::first(number, look.level.level, &look.effective, self.now),
            effective: Arc::clone(&look.effective),
            combinations: Vec::new(),
            seen: Some(Arc::clone(product)),
            epoch: self.policy.rules.epoch,
        };
        self.level_changes += 1;
        if !self.first_sight {
            tracked.series.born_open = tracked.series.severity != Severity::Ok;
            self.product_event(&mut tracked, ProductEventKind::New, None);
        }
        // At the instance's first sight a channel's baseline decides whether what is open counts as told.
        let mode = if self.first_sight {
            Mode::Speak { rule_changed: false }
        } else {
            Mode::Settle
        };
        self.tell_product(&mut tracked, mode);
        self.combinations(&mut tracked, product, mode);
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
        tracked.series.settle(look.level.level, &look.effective, self.now);
        tracked.series.born_open = tracked.series.severity != Severity::Ok;
        self.product_event(&mut tracked, ProductEventKind::Returned, None);
        self.tell_product(&mut tracked, Mode::Settle);
        self.combinations(&mut tracked, look.product, Mode::Settle);
        self.changed(Some(known), tracked)
    }

    fn seen_again(&mut self, known: &Arc<Tracked>, look: &Look<'_>) -> Arc<Tracked> {
        let mut tracked = (**known).clone();
        tracked.missing = 0;
        let renamed = self.take_attributes(&mut tracked, look);
        let switched = switched(known, &look.level);
        tracked.controlled = look.level.controlled.or(tracked.controlled);
        self.take_product_level(&mut tracked, look);
        let mut mode = Mode::Speak { rule_changed: false };
        match switched {
            Some(ProductEventKind::ControlOn) => {
                tracked.series.settle(look.level.level, &look.effective, self.now);
                mode = Mode::Settle;
            }
            Some(_) | None => {
                let observed =
                    tracked
                        .series
                        .observe(look.level.level, &look.effective, self.last_look, self.now);
                if let Some(moved) = observed.moved {
                    let event = severity_event(
                        self.policy.instance,
                        &tracked,
                        None,
                        &tracked.series,
                        moved,
                        self.now,
                    );
                    self.events.push(event);
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
        self.tell_product(&mut tracked, mode);
        self.options(&mut tracked, look.product);
        self.combinations(&mut tracked, look.product, Mode::Speak { rule_changed: false });
        self.changed(Some(known), tracked)
    }

    /// A remembered product that is not in the catalogue.
    pub(super) fn absent(&mut self, known: &Arc<Tracked>) -> Arc<Tracked> {
        if known.gone {
            return Arc::clone(known);
        }
        let mut tracked = (**known).clone();
        tracked.missing = tracked.missing.saturating_add(self.counted_polls);
        tracked.seen = None;
        if tracked.missing >= MISSING_POLLS {
            tracked.gone = true;
            self.product_event(&mut tracked, ProductEventKind::Gone, None);
            self.tell_product(&mut tracked, Mode::Withdraw);
            close(&mut tracked.series, self.now);
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
            previous = Some(tracked.name.shown().to_owned());
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
        tracked.seen = Some(Arc::clone(product));
        tracked.epoch = self.policy.rules.epoch;
        tracked.effective = Arc::clone(&look.effective);
        previous
    }

    fn take_product_level(&mut self, tracked: &mut Tracked, look: &Look<'_>) {
        tracked.ambiguous_zero = look.level.ambiguous_zero;
        if tracked.series.level != look.level.level {
            self.level_changes += 1;
        }
    }

    fn tell_product(&mut self, tracked: &mut Tracked, mode: Mode) {
        let mode = if is_silent(tracked) { Mode::Withdraw } else { mode };
        let mut series = tracked.series.clone();
        let about = About {
            product: tracked,
            combination: None,
        };
        self.telling.series(&mut series, &tracked.effective, about, mode);
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

    /// Brings the combinations in line with what is derived now.
    fn combinations(&mut self, tracked: &mut Tracked, product: &Product, mode: Mode) {
        let owner = Owner {
            instance: self.policy.instance,
            group: tracked.group.as_ref(),
            combine: &tracked.effective.combine,
            limit: tracked.effective.max_combinations,
        };
        let derivation =
            capacity::combinations(product, tracked.series.level, self.policy.capacities, &owner);
        tracked.per_choice = derivation.per_choice;
        if derivation.combinations.is_empty() && tracked.combinations.is_empty() {
            return;
        }
        let mut old = std::mem::take(&mut tracked.combinations).into_iter().peekable();
        let mut next = Vec::with_capacity(derivation.combinations.len());
        for derived in derivation.combinations {
            while let Some(left) = old.next_if(|combination| combination.key < derived.key) {
                next.push(self.not_derived(tracked, left, product));
            }
            let known = old.next_if(|combination| combination.key == derived.key);
            next.push(self.combination(tracked, known, derived, product, mode));
        }
        for left in old {
            next.push(self.not_derived(tracked, left, product));
        }
        tracked.combinations = next;
    }

    fn combination(
        &mut self,
        tracked: &Tracked,
        known: Option<Combination>,
        derived: Derived,
        product: &Product,
        mode: Mode,
    ) -> Combination {
        let effective = self.effective_of(tracked, &derived.key, product);
        let level_before = known
            .as_ref()
            .filter(|known| !known.gone)
            .map(|known| known.series.level);
        if level_before != Some(derived.level) {
            self.level_changes += 1;
        }
        let mut rule_changed = false;
        let mut combination = match known {
            Some(mut known) if !known.gone => {
                let observed = known
                    .series
                    .observe(derived.level, &effective, self.last_look, self.now);
                rule_changed = observed.rule_changed;
                if let Some(moved) = observed.moved {
                    let key = Some(&known.key);
                    let event =
                        severity_event(self.policy.instance, tracked, key, &known.series, moved, self.now);
                    self.events.push(event);
                }
                known
            }
            Some(mut known) => {
                known.gone = false;
                known.series.settle(derived.level, &effective, self.now);
                known
            }
            None => Combination {
                key: derived.key.clone(),
                label: Arc::from(""),
                bottleneck: None,
                effective: Arc::clone(&effective),
                gone: false,
                series: SeriesState::first(self.take_number(), derived.level, &effective, self.now),
            },
        };
        if *combination.label != *derived.label {
            combination.label = Arc::from(derived.label);
        }
        if combination.bottleneck.as_deref() != derived.bottleneck.as_deref() {
            combination.bottleneck = derived.bottleneck.map(Arc::from);
        }
        combination.effective = effective;
        let mode = match mode {
            _ if is_silent(tracked) => Mode::Withdraw,
            Mode::Settle => Mode::Settle,
            Mode::Withdraw => Mode::Withdraw,
            Mode::Speak { .. } | Mode::Muted if is_no_worse(&combination.series, tracked) => Mode::Muted,
            Mode::Speak { .. } | Mode::Muted => Mode::Speak { rule_changed },
        };
        self.tell_combination(tracked, &mut combination, mode);
        combination
    }

    /// A remembered combination that is not derived now: unknown while there are no details, else gone.
    fn not_derived(&mut self, tracked: &Tracked, mut left: Combination, product: &Product) -> Combination {
        if left.gone {
            return left;
        }
        if product.details.is_none() {
            if left.series.level != Level::Unknown {
                self.level_changes += 1;
            }
            left.series
                .observe(Level::Unknown, &left.effective, self.last_look, self.now);
            return left;
        }
        self.level_changes += 1;
        self.withdraw(tracked, &mut left);
        left
    }

    fn withdraw(&mut self, tracked: &Tracked, combination: &mut Combination) {
        self.tell_combination(tracked, combination, Mode::Withdraw);
        combination.gone = true;
        close(&mut combination.series, self.now);
    }

    fn tell_combination(&mut self, tracked: &Tracked, combination: &mut Combination, mode: Mode) {
        let about = About {
            product: tracked,
            combination: Some((&combination.key, &combination.label)),
        };
        self.telling
            .series(&mut combination.series, &combination.effective, about, mode);
    }

    fn effective_of(&self, tracked: &Tracked, key: &CombinationKey, product: &Product) -> Arc<Effective> {
        let no = Name::new("No");
        let mut pairs = Vec::with_capacity(key.pairs().len());
        for (option_id, choice_id) in key.pairs() {
            let Some(option) = product.options().iter().find(|option| option.id == *option_id) else {
                continue;
            };
            let choice = option.choices.iter().find(|choice| choice.id == *choice_id);
            pairs.push(NamedPair {
                option_id: *option_id,
                option: &option.name,
                choice_id: *choice_id,
                choice: choice.map_or(&no, |choice| &choice.name),
            });
        }
        self.policy.rules.effective(&Subject {
            instance: self.policy.instance,
            group_id: tracked.group_id,
            group: tracked.group.as_ref(),
            product_id: tracked.id,
            product: &tracked.name,
            pairs: Some(&pairs),
        })
    }

    fn product_event(&mut self, tracked: &mut Tracked, kind: ProductEventKind, previous: Option<String>) {
        tracked.series.transition = tracked.series.transition.saturating_add(1);
        self.events.push(Event {
            key: format!(
                "{}/{}/-/{}/{}",
                self.policy.instance,
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
        let event = ProductEvent {
            kind,
            instance: self.policy.instance.to_owned(),
            product: product_ref(tracked),
            previous,
            state: if tracked.gone {
                "gone"
            } else {
                tracked.series.level.state()
            },
            level: tracked.series.level.known(),
            severity: tracked.series.level.known().map(|_| tracked.series.severity),
        };
        self.telling.product_event(&tracked.effective, &event);
    }

    fn take_number(&mut self) -> u32 {
        let number = self.next_series;
        self.next_series = self.next_series.saturating_add(1);
        number
    }

    fn changed(&mut self, before: Option<&Arc<Tracked>>, tracked: Tracked) -> Arc<Tracked> {
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
    fn is_waiting(&self) -> bool {
        self.series.is_waiting()
            || self
                .combinations
                .iter()
                .any(|combination| combination.series.is_waiting())
    }

    /// Whether nothing that is stored differs.
    fn is_stored_alike(&self, other: &Self) -> bool {
        self.name == other.name
            && self.group_id == other.group_id
            && self.group == other.group
            && self.hidden == other.hidden
            && self.retired == other.retired
            && self.controlled == other.controlled
            && self.missing == other.missing
            && self.gone == other.gone
            && self.options_key == other.options_key
            && self.per_choice == other.per_choice
            && self.ambiguous_zero == other.ambiguous_zero
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
}

/// The group's name, or the last known one while the product is in the same group.
pub(super) fn last_group(product: &Product, tracked: Option<&Tracked>) -> Option<Name> {
    product.group().cloned().or_else(|| {
        let known = tracked?;
        let same = product.group_id().is_none() || product.group_id() == known.group_id;
        if same { known.group.clone() } else { None }
    })
}

/// Stock control switched on or off, as WHMCS itself says.
fn switched(known: &Tracked, level: &ProductLevel) -> Option<ProductEventKind> {
    match (known.controlled, level.controlled) {
        (Some(true), Some(false)) => Some(ProductEventKind::ControlOff),
        (Some(false), Some(true)) => Some(ProductEventKind::ControlOn),
        (Some(true) | None, Some(true) | None) | (None | Some(false), Some(false)) | (Some(false), None) => {
            None
        }
    }
}

/// Retired products never alert; hidden ones not where the rule says so.
pub(super) fn is_silent(tracked: &Tracked) -> bool {
    tracked.retired == Some(true) || (tracked.hidden == Some(true) && tracked.effective.ignore_hidden)
}

/// A combination speaks only while its level is below its product's.
pub(super) fn is_no_worse(combination: &SeriesState, tracked: &Tracked) -> bool {
    match (combination.level.known(), tracked.series.level.known()) {
        (Some(own), Some(product)) => own >= product,
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}

/// What remains of a series that is gone: its figures and its number, nothing open.
fn close(series: &mut SeriesState, now: Timestamp) {
    if series.severity != Severity::Ok {
        series.severity = Severity::Ok;
        series.since = now;
        series.transition = series.transition.saturating_add(1);
    }
    series.started_at = None;
    series.pending = [None; 3];
    series.better_since = None;
    series.born_open = false;
    series.told.clear();
}

fn severity_event(
    instance: &str,
    tracked: &Tracked,
    combination: Option<&CombinationKey>,
    series: &SeriesState,
    moved: Moved,
    now: Timestamp,
) -> Event {
    let name = combination.map_or_else(|| "-".to_owned(), ToString::to_string);
    Event {
        key: format!(
            "{instance}/{}/{name}/{:016x}/{}",
            tracked.id, series.fingerprint, series.transition
        ),
        at: now,
        kind: EventKind::Severity {
            from: moved.from,
            to: moved.to,
            reason: moved.reason,
        },
        product_id: Some(tracked.id),
        combination: combination.cloned(),
        level: series.last_level,
        previous_level: series.previous_level,
    }
}

/// A hash of the ids of options, with a mark for where the list came from: lists of two sources are not compared.
fn options_key(product: &Product) -> u64 {
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
