//! Rules, capacities and uses of pools that concern nothing a shop sells: most often a misspelt name.

use crate::domain::alerting::mention;
use crate::domain::alerting::mention::Mention;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::capacity::Capacities;

/// What to look for where something matches nothing.
pub const MATCHING: &str =
    "Check the spelling; names of groups are known only with GetProductDetails, their ids always.";

/// The origins of the rules, capacities and uses of pools that match no product of the shops as last seen.
/// Combinations count by the options their products offer; products not seen since the start count as if they offered
/// anything.
#[must_use]
pub fn unmatched(rules: &Rules, capacities: &Capacities, shops: &[(&str, &Memory)]) -> Vec<String> {
    let mentions = mention::mentions(rules, capacities).into_iter();
    let idle = mentions.filter(|mention| !concerns(mention, shops));
    idle.map(|mention| mention.origin).collect()
}

/// Whether it concerns a product of these shops.
#[must_use]
pub fn concerns(mention: &Mention<'_>, shops: &[(&str, &Memory)]) -> bool {
    shops.iter().any(|(instance, memory)| {
        let mut products = memory.products.iter().filter(|product| !product.gone);
        mention.is_in(instance)
            && products.any(|product| mention.is_for(product) && mention.is_met_by(product))
    })
}
