//! What the rules, capacities and pools of the configuration name, each with where it holds.

use crate::domain::alerting::rules::Rule;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Tracked;
use crate::domain::capacity::Capacities;
use crate::domain::capacity::CapacityRule;
use crate::domain::catalogue::ChoiceId;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::OptionKind;
use crate::domain::catalogue::options::OptionView;
use crate::domain::offer;
use crate::domain::pattern::Pattern;
use crate::domain::pool::PoolRule;
use crate::domain::pool::PoolUse;
use crate::domain::pool::PoolUser;

/// A rule, a capacity, or one use of a pool.
#[derive(Debug, Clone)]
pub struct Mention<'a> {
    /// How messages name it: `rule 2`, `capacity 1`, `use 2 of pool "kits"`.
    pub origin: String,
    /// Whether it is meant in every shop by itself: what it does not name in one shop is missed there, whatever it names
    /// in others.
    pub each_shop: bool,
    instances: Vec<&'a Pattern>,
    groups: &'a [Pattern],
    pub products: Vec<&'a Pattern>,
    /// Options with their choices.
    pub options: Vec<(&'a Pattern, &'a Pattern)>,
}

/// Everything that names something, in the order of the configuration.
#[must_use]
pub fn mentions<'a>(rules: &'a Rules, capacities: &'a Capacities) -> Vec<Mention<'a>> {
    let rules = rules.rules.iter().map(Mention::of_rule);
    let declared = capacities.capacities.iter().map(Mention::of_capacity);
    let uses = capacities.pools.iter().flat_map(|pool| {
        let uses = pool.uses.iter().enumerate();
        uses.map(move |(index, used)| Mention::of_use(pool, index, used))
    });
    rules.chain(declared).chain(uses).collect()
}

impl<'a> Mention<'a> {
    fn of_rule(rule: &'a Rule) -> Self {
        Self {
            origin: rule.origin.clone(),
            each_shop: false,
            instances: rule.instances.iter().collect(),
            groups: &rule.groups,
            products: rule.products.iter().collect(),
            options: rule
                .options
                .iter()
                .map(|(option, choice)| (option, choice))
                .collect(),
        }
    }

    fn of_capacity(capacity: &'a CapacityRule) -> Self {
        Self {
            origin: capacity.origin.clone(),
            each_shop: false,
            instances: capacity.instances.iter().collect(),
            groups: &capacity.groups,
            products: capacity.products.iter().collect(),
            options: capacity
                .options
                .iter()
                .map(|(option, choice)| (option, choice))
                .collect(),
        }
    }

    fn of_use(pool: &'a PoolRule, index: usize, used: &'a PoolUse) -> Self {
        let (products, options) = match &used.what {
            PoolUser::Choice { option, choice } => (Vec::new(), vec![(option, choice)]),
            PoolUser::Product(product) => (vec![product], Vec::new()),
        };
        Self {
            origin: format!("use {} of pool {:?}", index + 1, pool.name),
            each_shop: true,
            instances: used.instance.iter().collect(),
            groups: &[],
            products,
            options,
        }
    }

    /// Whether it holds in that shop.
    #[must_use]
    pub fn is_in(&self, instance: &str) -> bool {
        self.instances.is_empty()
            || self
                .instances
                .iter()
                .any(|pattern| pattern.matches_text(instance))
    }

    /// Whether it holds for the product, whatever that offers.
    #[must_use]
    pub fn is_for(&self, product: &Tracked) -> bool {
        let group = |pattern: &Pattern| pattern.matches(product.group_id, product.group.as_ref());
        let groups = self.groups.is_empty() || self.groups.iter().any(group);
        groups && (self.products.is_empty() || self.products.iter().any(|pattern| is_named(product, pattern)))
    }

    /// Whether the product offers all that it names. Of a product not seen since the start that is taken for granted.
    #[must_use]
    pub fn is_met_by(&self, product: &Tracked) -> bool {
        let mut options = self.options.iter();
        options.all(|(option, choice)| offers(product, option, choice))
    }
}

/// Whether the pattern names the product.
#[must_use]
pub fn is_named(product: &Tracked, pattern: &Pattern) -> bool {
    pattern.matches(Some(product.id), Some(&product.name))
}

/// Whether the product offers such a choice; taken for granted while its options are not known.
#[must_use]
pub fn offers(product: &Tracked, option: &Pattern, choice: &Pattern) -> bool {
    let Some(seen) = &product.seen else { return true };
    seen.options().iter().any(|offered| {
        let named = option.matches(Some(offered.id), Some(offered.name));
        named && choices(offered).any(|(id, name)| choice.matches(Some(id), Some(&name)))
    })
}

/// The choices of an option; "no" of a yes/no option is one.
pub fn choices(option: OptionView<'_>) -> impl Iterator<Item = (ChoiceId, Name)> {
    let no = (option.kind == OptionKind::YesNo).then(|| (0, Name::new(offer::NO)));
    option
        .choices()
        .map(|choice| (choice.id, choice.name.clone()))
        .chain(no)
}
