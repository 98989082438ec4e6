//! The combinations of one product over time: which have a figure of their own now, and when they speak.

use std::sync::Arc;

use crate::domain::alerting::about::About;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::NamedPair;
use crate::domain::alerting::rules::Subject;
use crate::domain::alerting::series::Observed;
use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Stand;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Mode;
use crate::domain::alerting::telling::Taken;
use crate::domain::alerting::walk::Look;
use crate::domain::alerting::walk::Walk;
use crate::domain::capacity;
use crate::domain::capacity::Derived;
use crate::domain::capacity::Owner;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::Product;
use crate::domain::draw::Pooled;
use crate::domain::offer;
use crate::domain::stand::Severity;

impl Walk<'_> {
    /// Brings the combinations in line with what is derived now.
    pub(super) fn combinations(&mut self, tracked: &mut Tracked, look: &Look<'_>, mode: Mode) {
        let product = look.product;
        let owner = Owner {
            instance: self.instance,
            group: tracked.group.as_ref(),
            combine: &tracked.effective.combine,
            limit: tracked.effective.max_combinations,
            pooled: Pooled {
                rules: &self.capacities.pools,
                left: &self.left,
                draws: tracked.drawn.as_ref().map_or(&[], |drawn| &drawn.draws),
            },
        };
        let derivation = capacity::combinations(product, tracked.series.level, self.capacities, &owner);
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
            next.push(self.derived(tracked, known, derived, look, mode));
        }
        for left in old {
            next.push(self.not_derived(tracked, left, product));
        }
        tracked.combinations = next;
    }

    fn derived(
        &mut self,
        tracked: &Tracked,
        known: Option<Combination>,
        derived: Derived,
        look: &Look<'_>,
        mode: Mode,
    ) -> Combination {
        let mut effective = self.effective_of(tracked, &derived.key, look.product);
        if let Some(drawn) = &tracked.drawn {
            let pools: Vec<Stand> = drawn.of_key(&derived.key).collect();
            let judged = known.as_ref().map(|known| known.series.fingerprint);
            effective = effective.under(&pools, judged);
        }
        let mut combination = known.unwrap_or_else(|| Combination {
            key: derived.key,
            label: Arc::from(""),
            bottleneck: None,
            effective: Arc::clone(&effective),
            gone: true,
            series: SeriesState::first(self.take_number(), Level::Unknown, &effective, self.now),
        });
        if combination.gone || combination.series.level != derived.level {
            self.level_changes += 1;
        }
        let is_late = !combination.gone
            && look.is_late(
                &combination.series,
                combination.bottleneck.as_ref(),
                derived.bottleneck.as_ref(),
                derived.level,
            );
        let mode = if is_late { Mode::Settle } else { mode };
        if *combination.label != *derived.label {
            combination.label = Arc::from(derived.label);
        }
        if combination.bottleneck != derived.bottleneck {
            combination.bottleneck = derived.bottleneck;
        }
        combination.effective = effective;
        let before = combination.series.clone();
        let Observed { moved, rule_changed } =
            self.take_level(tracked, &mut combination, derived.level, mode);
        let mode = if tracked.is_silent() {
            Mode::Withdraw
        } else if tracked.covers(&combination.series) {
            Mode::Covered { rule_changed }
        } else if matches!(mode, Mode::Settle | Mode::Announced) {
            mode
        } else {
            Mode::Speak { rule_changed }
        };
        let taken = Taken {
            before: Some(&before),
            moved,
        };
        self.tell_combination(tracked, &mut combination, mode, taken);
        combination
    }

    /// Moves the series. One that was not there before begins at ok, unless its product
    /// is new as well.
    fn take_level(
        &mut self,
        tracked: &Tracked,
        combination: &mut Combination,
        level: Level,
        mode: Mode,
    ) -> Observed {
        let fresh = std::mem::take(&mut combination.gone);
        let effective = &combination.effective;
        let series = &mut combination.series;
        let rate = self.telling.forecasts.rate(series.number);
        if matches!(mode, Mode::Settle | Mode::Announced) || (fresh && self.first_sight) {
            series.settle(level, effective, rate, self.now);
            series.born_open = fresh && !self.first_sight && series.severity != Severity::Ok;
            return Observed::default();
        }
        if fresh {
            series.fingerprint = effective.fingerprint;
        }
        let observed = series.observe(level, effective, rate, self.last_look, self.now);
        if let Some(moved) = observed.moved {
            self.severity_event(tracked, Some(&combination.key), series, moved);
        }
        observed
    }

    /// A remembered combination that is not derived now: unknown while there are no details, else gone.
    fn not_derived(&mut self, tracked: &Tracked, mut left: Combination, product: &Product) -> Combination {
        if left.gone {
            return left;
        }
        if product.details.is_some() {
            self.level_changes += 1;
            self.withdraw(tracked, &mut left);
            return left;
        }
        if left.series.level != Level::Unknown {
            self.level_changes += 1;
        }
        left.series
            .observe(Level::Unknown, &left.effective, None, self.last_look, self.now);
        let mode = if tracked.is_silent() {
            Mode::Withdraw
        } else {
            Mode::Covered { rule_changed: false }
        };
        self.tell_combination(tracked, &mut left, mode, Taken::default());
        left
    }

    /// Takes back what was said of a combination that is no longer there.
    pub(super) fn withdraw(&mut self, tracked: &Tracked, combination: &mut Combination) {
        self.tell_combination(tracked, combination, Mode::Withdraw, Taken::default());
        combination.gone = true;
        if let Some(moved) = combination.series.close(self.now) {
            self.severity_event(tracked, Some(&combination.key), &combination.series, moved);
        }
    }

    fn tell_combination(
        &mut self,
        tracked: &Tracked,
        combination: &mut Combination,
        mode: Mode,
        taken: Taken<'_>,
    ) {
        let about = About::Combination {
            product: tracked,
            key: &combination.key,
            label: &combination.label,
            bottleneck: combination.bottleneck.as_ref(),
        };
        self.telling.series(
            &mut combination.series,
            &combination.effective,
            about,
            mode,
            taken,
        );
    }

    fn effective_of(&self, tracked: &Tracked, key: &CombinationKey, product: &Product) -> Arc<Effective> {
        let no = Name::new(offer::NO);
        let mut pairs = Vec::with_capacity(key.pairs().len());
        for (option_id, choice_id) in key.pairs() {
            let Some(option) = product.options().iter().find(|option| option.id == *option_id) else {
                continue;
            };
            let choice = option.choices().find(|choice| choice.id == *choice_id);
            pairs.push(NamedPair {
                option_id: *option_id,
                option: option.name,
                choice_id: *choice_id,
                choice: choice.map_or(&no, |choice| choice.name),
            });
        }
        self.rules.effective(&Subject {
            instance: self.instance,
            group_id: tracked.group_id,
            group: tracked.group.as_ref(),
            product_id: tracked.id,
            product: &tracked.name,
            pairs: Some(&pairs),
        })
    }
}
