//! Rules and capacities that concern nothing a shop sells: most often a misspelt name.

use crate::domain::alerting::rules::Rule;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::capacity::Capacities;
use crate::domain::pattern::Pattern;
use crate::domain::pool::PoolUser;

/// What to look for where a rule matches nothing.
pub const MATCHING: &str =
    "Check the spelling; names of groups are known only with GetProductDetails, their ids always.";

/// The origins of the rules that match no product of the shops as last seen. Combinations count by the options their
/// products offer; products not seen since the start count as if they offered anything.
#[must_use]
pub fn unmatched<'a>(rules: &'a Rules, shops: &[(&str, &Memory)]) -> Vec<&'a str> {
    let concerns = |rule: &Rule| {
        shops.iter().any(|(instance, memory)| {
            let shop = rule.instances.is_empty() || rule.instances.iter().any(|p| p.matches_text(instance));
            shop && memory
                .products
                .iter()
                .any(|product| !product.gone && is_for(rule, product))
        })
    };
    rules
        .rules
        .iter()
        .filter(|rule| !concerns(rule))
        .map(|rule| rule.origin.as_str())
        .collect()
}

/// What to call the capacities, and the uses of pools, that concern nothing of the shops as last seen.
#[must_use]
pub fn unmatched_capacities(capacities: &Capacities, shops: &[(&str, &Memory)]) -> Vec<String> {
    let any = |concerns: &dyn Fn(&str, &Tracked) -> bool| {
        shops.iter().any(|(instance, memory)| {
            let mut sold = memory.products.iter().filter(|product| !product.gone);
            sold.any(|product| concerns(instance, product))
        })
    };
    let mut nothing = Vec::new();
    for rule in &capacities.capacities {
        let concerns = |instance: &str, product: &Tracked| {
            let shop = rule.instances.is_empty() || rule.instances.iter().any(|p| p.matches_text(instance));
            shop && is_of(&rule.groups, &rule.products, product)
                && rule
                    .options
                    .iter()
                    .all(|(option, choice)| offers(product, option, choice))
        };
        if !any(&concerns) {
            nothing.push(rule.origin.clone());
        }
    }
    for pool in &capacities.pools {
        for (place, used) in pool.uses.iter().enumerate() {
            let concerns = |instance: &str, product: &Tracked| {
                used.concerns(instance)
                    && match &used.what {
                        PoolUser::Product(pattern) => pattern.matches(Some(product.id), Some(&product.name)),
                        PoolUser::Choice { option, choice } => offers(product, option, choice),
                    }
            };
            if !any(&concerns) {
                nothing.push(format!("pool {:?}: use {}", pool.name, place + 1));
            }
        }
    }
    nothing
}

fn is_for(rule: &Rule, product: &Tracked) -> bool {
    is_of(&rule.groups, &rule.products, product)
        && rule
            .options
            .iter()
            .all(|(option, choice)| offers(product, option, choice))
}

fn is_of(groups: &[Pattern], products: &[Pattern], product: &Tracked) -> bool {
    let any = |patterns: &[Pattern], matches: &dyn Fn(&Pattern) -> bool| {
        patterns.is_empty() || patterns.iter().any(matches)
    };
    any(groups, &|pattern| {
        pattern.matches(product.group_id, product.group.as_ref())
    }) && any(products, &|pattern| {
        pattern.matches(Some(product.id), Some(&product.name))
    })
}

fn offers(product: &Tracked, option: &Pattern, choice: &Pattern) -> bool {
    let Some(seen) = &product.seen else { return true };
    seen.options().iter().any(|offered| {
        option.matches(Some(offered.id), Some(offered.name))
            && offered
                .choices()
                .any(|c| choice.matches(Some(c.id), Some(c.name)))
    })
}
