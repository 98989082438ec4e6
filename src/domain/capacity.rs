//! What an option has left: declared capacities, pools, and the level of each product and combination.

use crate::domain::pattern::Pattern;

/// One `[[capacity]]`: how many of a choice (one pair) or of a combination (several pairs) there are in all.
#[derive(Debug, Clone)]
pub struct CapacityRule {
    /// How messages name it: "capacity 1".
    pub origin: String,
    pub instances: Vec<Pattern>,
    pub groups: Vec<Pattern>,
    pub products: Vec<Pattern>,
    /// Option and choice.
    pub options: Vec<(Pattern, Pattern)>,
    pub capacity: i64,
}

/// One `[[pool]]`: stock shared by choices of several products, or by whole products.
#[derive(Debug, Clone)]
pub struct PoolRule {
    pub name: String,
    pub capacity: i64,
    pub uses: Vec<PoolUse>,
}

/// Who draws on a pool, and how many each takes.
#[derive(Debug, Clone)]
pub struct PoolUse {
    pub instance: Option<Pattern>,
    pub what: PoolUser,
    pub need: i64,
}

/// A choice of an option, or a whole product.
#[derive(Debug, Clone)]
pub enum PoolUser {
    Choice { option: Pattern, choice: Pattern },
    Product(Pattern),
}

/// All declared capacities and pools.
#[derive(Debug, Clone, Default)]
pub struct Capacities {
    pub capacities: Vec<CapacityRule>,
    pub pools: Vec<PoolRule>,
}
