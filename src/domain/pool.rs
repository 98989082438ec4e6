//! Pools: stock that choices of several products (or whole products) draw on, counted from the services of all shops.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::catalogue::Level;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::ProductId;
use crate::domain::forecast::Cover;
use crate::domain::message::HELD_LISTED;
use crate::domain::message::HeldBack;
use crate::domain::message::PoolRef;
use crate::domain::pattern::Pattern;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;

/// The most users of a pool that are kept by name, those that need most first.
pub const USERS_KEPT: usize = 100;

/// One `[[pool]]`: stock shared by choices of several products, or by whole products.
#[derive(Debug, Clone, Default)]
pub struct PoolRule {
    pub name: String,
    pub capacity: i64,
    pub uses: Vec<PoolUse>,
    /// Thresholds of the pool's own level; the global ones where not given.
    pub low: Option<i64>,
    pub critical: Option<i64>,
    /// The channels it speaks on; the default ones where not given.
    pub channels: Option<Vec<String>>,
}

/// Who draws on a pool, and how many each takes.
#[derive(Debug, Clone)]
pub struct PoolUse {
    /// All shops where not given.
    pub instance: Option<Pattern>,
    pub what: PoolUser,
    pub need: i64,
}

impl PoolUse {
    /// Whether it is about the shop of that name.
    #[must_use]
    pub fn concerns(&self, instance: &str) -> bool {
        self.instance
            .as_ref()
            .is_none_or(|pattern| pattern.matches_text(instance))
    }
}

impl PoolRule {
    /// Whether services of the shop of that name may draw on it.
    #[must_use]
    pub fn concerns(&self, instance: &str) -> bool {
        self.uses.iter().any(|used| used.concerns(instance))
    }
}

impl PoolRule {
    /// Whether a use is for the shop of that name and not simply for all.
    #[must_use]
    pub fn names(&self, instance: &str) -> bool {
        let named = |used: &PoolUse| used.instance.is_some() && used.concerns(instance);
        self.uses.iter().any(named)
    }
}

/// A choice of an option, or a whole product.
#[derive(Debug, Clone)]
pub enum PoolUser {
    Choice { option: Pattern, choice: Pattern },
    Product(Pattern),
}

/// What limits a level below its product, or a product below what WHMCS says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bottleneck {
    /// A choice of the combination: `RAM: 64 GB`.
    Choice(Arc<str>),
    /// A declared capacity, by its origin: `capacity 1`.
    Capacity(Arc<str>),
    /// A pool, by its name.
    Pool(Arc<str>),
}

impl Bottleneck {
    /// The pool's name, if it is one.
    #[must_use]
    pub fn pool(&self) -> Option<&str> {
        match self {
            Self::Pool(name) => Some(name),
            Self::Choice(_) | Self::Capacity(_) => None,
        }
    }

    /// The form in which it is stored; [`Bottleneck::parse`] reads it.
    #[must_use]
    pub fn stored(&self) -> String {
        match self {
            Self::Choice(label) => format!("choice:{label}"),
            Self::Capacity(origin) => format!("capacity:{origin}"),
            Self::Pool(name) => format!("pool:{name}"),
        }
    }

    /// Reads the stored form; a text without a mark is a choice's label.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some(("choice", label)) => Self::Choice(label.into()),
            Some(("capacity", origin)) => Self::Capacity(origin.into()),
            Some(("pool", name)) => Self::Pool(name.into()),
            Some(_) | None => Self::Choice(text.into()),
        }
    }
}

/// `RAM: 64 GB`, `capacity 1`, `pool 64 GB DIMM kits`.
impl fmt::Display for Bottleneck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Choice(text) | Self::Capacity(text) => f.write_str(text),
            Self::Pool(name) => write!(f, "pool {name}"),
        }
    }
}

/// Somebody who draws on a pool: a product, or a choice of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub instance: Arc<str>,
    pub product_id: ProductId,
    pub product: Name,
    /// `RAM: 64 GB`; `None` for the whole product.
    pub choice: Option<Arc<str>>,
    /// How many of the pool one order of it takes.
    pub need: i64,
}

impl User {
    /// As an alert lists it.
    #[must_use]
    pub fn held(&self) -> HeldBack {
        HeldBack {
            instance: self.instance.to_string(),
            product_id: self.product_id,
            product: self.product.shown().to_owned(),
            choice: self.choice.as_ref().map(ToString::to_string),
            need: self.need,
        }
    }
}

/// A product or combination that a pool limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited<'a> {
    pub instance: &'a str,
    pub product_id: ProductId,
    /// The combination's label; `None` for the whole product.
    pub combination: Option<&'a str>,
}

impl Limited<'_> {
    /// Whether an order of it takes what the user takes: the user is its product, or choices of it.
    #[must_use]
    pub fn is(&self, user: &User) -> bool {
        let label = self.combination.unwrap_or_default();
        let takes = |choices: &str| {
            choices
                .split(", ")
                .all(|choice| label.split(", ").any(|own| own == choice))
        };
        let product = *user.instance == *self.instance && user.product_id == self.product_id;
        product && user.choice.as_deref().is_none_or(takes)
    }
}

/// A pool as it stands: what pages, metrics and messages show.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    pub name: Arc<str>,
    pub capacity: i64,
    /// What all services together take of it; `None` while that is not known.
    pub used: Option<i64>,
    /// `Known(capacity - used)`, else `Unknown`.
    pub level: Level,
    /// Why it is not known, in words; "" where it is.
    pub unknown: String,
    /// Those who draw on it and are on offer, the greatest need first; at most [`USERS_KEPT`] a shop.
    pub users: Vec<User>,
    /// How many users (also those not kept by name) need how many; the greatest need first.
    pub by_need: Vec<(i64, usize)>,
    /// How many products need how many at most, as one order of something of theirs; the greatest need first.
    pub products: Vec<(i64, usize)>,
    /// The shops that draw on it.
    pub shops: Vec<Arc<str>>,
    /// Of its capacity, its uses and the shops they are for: a level that moves with it moved by no stock.
    pub definition: u64,
    /// When it was last evaluated.
    pub observed_at: Option<Timestamp>,
    /// How it stands as a series that speaks; `None` before the first decision about it.
    pub standing: Option<Standing>,
    /// How long what is left will last; `None` without enough history.
    pub cover: Option<Cover>,
}

/// How a pool stands as a series that speaks: what is remembered of it, as plain values for those who show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// As its alerts carry them.
    pub alert_id: String,
    pub instance: String,
    /// Confirmed; frozen while the level is unknown.
    pub severity: Severity,
    /// Since when `severity` holds.
    pub since: Timestamp,
    /// When it last left ok.
    pub started_at: Option<Timestamp>,
    /// The last figure seen; the level itself while that is known. `None` where there never was one.
    pub last_level: Option<i64>,
    /// When the last figure was last seen, once the level is no longer known.
    pub last_known_at: Option<Timestamp>,
    /// The last known level that differs from `last_level`.
    pub previous_level: Option<i64>,
    pub thresholds: Thresholds,
    /// The worst that one of its channels was told last.
    pub told: Severity,
    /// The same for those orders that take more than one, by what they take, ascending.
    pub needs: Vec<(i64, Standing)>,
}

impl Standing {
    /// Whether the pool speaks for somebody it limits, who is that bad and whose order takes `need`; where nobody knows
    /// what it takes, all voices of the pool count. `told` is the worst that was told of it: a channel may hear of it
    /// and not of the pool.
    #[must_use]
    pub fn speaks_for(&self, need: Option<i64>, severity: Severity, told: Severity) -> bool {
        let enough =
            |voice: &Self| voice.severity >= severity && (told == Severity::Ok || voice.told >= severity);
        let concerned = self
            .needs
            .iter()
            .filter(|(of, _)| need.is_none_or(|need| *of <= need));
        enough(self) || concerned.into_iter().any(|(_, voice)| enough(voice))
    }

    /// Its open alerts: the pool's own (`None`), and what those orders need that it does not speak for.
    pub fn open(&self) -> impl Iterator<Item = (Option<i64>, &Self)> {
        let own = (self.severity > Severity::Ok).then_some((None, self));
        let needs = self.needs.iter().filter(|(need, standing)| {
            let (severity, told) = (standing.severity, standing.told);
            severity > Severity::Ok && !self.speaks_for(Some(need - 1), severity, told)
        });
        own.into_iter()
            .chain(needs.map(|(need, standing)| (Some(*need), standing)))
    }
}

impl Pool {
    /// A pool that was never evaluated.
    #[must_use]
    pub fn new(name: &str, capacity: i64) -> Self {
        Self {
            name: name.into(),
            capacity,
            used: None,
            level: Level::Unknown,
            unknown: String::new(),
            users: Vec::new(),
            by_need: Vec::new(),
            products: Vec::new(),
            shops: Vec::new(),
            definition: 0,
            observed_at: None,
            standing: None,
            cover: None,
        }
    }

    /// The severity; frozen while the level is unknown; `None` where there never was a figure.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        let standing = self.standing.as_ref()?;
        let ever = self.level.known().or(standing.last_level);
        ever.map(|_| standing.severity)
    }

    /// The pool as its own alerts name it.
    #[must_use]
    pub fn told(&self) -> PoolRef {
        self.told_from(i64::MIN, None)
    }

    /// The pool as the alerts of those orders name it that take `need` or more.
    #[must_use]
    pub fn told_of(&self, need: i64) -> PoolRef {
        self.told_from(need, Some(need))
    }

    fn told_from(&self, least: i64, need: Option<i64>) -> PoolRef {
        let listed = self.holds_back().filter(|user| user.need >= least);
        PoolRef {
            holds_back: listed.take(HELD_LISTED).map(User::held).collect(),
            holds_back_total: self.held(&self.by_need, least),
            holds_back_products: self.held(&self.products, least),
            ..self.named(need)
        }
    }

    /// The pool as it is named beside somebody whom it limits and whose order takes `need`, where that is known: what
    /// else it holds back, the other choices of the same product first.
    #[must_use]
    pub fn told_beside(&self, own: &Limited<'_>, need: Option<i64>) -> PoolRef {
        let known = self.users.iter().filter(|user| own.is(user));
        let need = need.or_else(|| known.clone().map(|user| user.need).max());
        let held = known.filter(|user| self.holds(user.need)).count();
        let same = |user: &User| *user.instance == *own.instance && user.product_id == own.product_id;
        let others = || self.holds_back().filter(|user| !own.is(user));
        let listed = others().filter(|user| same(user));
        let listed = listed.chain(others().filter(|user| !same(user)));
        let is_one = self.holds_back().any(same);
        PoolRef {
            holds_back: listed.take(HELD_LISTED).map(User::held).collect(),
            holds_back_total: self.held_back().saturating_sub(held),
            holds_back_products: self
                .held(&self.products, i64::MIN)
                .saturating_sub(usize::from(is_one)),
            ..self.named(need)
        }
    }

    fn named(&self, need: Option<i64>) -> PoolRef {
        PoolRef {
            name: self.name.to_string(),
            capacity: self.capacity,
            level: self.level.known(),
            need,
            holds_back: Vec::new(),
            holds_back_total: 0,
            holds_back_products: 0,
            instances: self.shops.iter().map(ToString::to_string).collect(),
        }
    }

    /// How many of them cannot be ordered and need `least` or more.
    fn held(&self, by_need: &[(i64, usize)], least: i64) -> usize {
        let held = by_need
            .iter()
            .filter(|(need, _)| *need >= least && self.holds(*need));
        held.map(|(_, users)| users).sum()
    }

    /// Whether one order of that need can no longer be filled.
    #[must_use]
    pub fn holds(&self, need: i64) -> bool {
        self.level.known().is_some_and(|left| left < need)
    }

    /// Those it holds back now: what is left does not suffice for one of them.
    pub fn holds_back(&self) -> impl Iterator<Item = &User> {
        self.users.iter().filter(|user| self.holds(user.need))
    }

    /// How many it holds back, also those not kept by name.
    #[must_use]
    pub fn held_back(&self) -> usize {
        self.held(&self.by_need, i64::MIN)
    }
}

/// All pools as they stand, in the order of the configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Board {
    pub pools: Vec<Pool>,
}

impl Board {
    /// Where the pool of that name stands.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.pools.iter().position(|pool| &*pool.name == name)
    }

    /// The pool of that name.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| &*pool.name == name)
    }
}
