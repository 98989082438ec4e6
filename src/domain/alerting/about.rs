//! What an alert is about: a series with its product, how it is named, and which of several comes first.

use jiff::Timestamp;

use crate::domain::alerting::decision::Event;
use crate::domain::alerting::decision::EventKind;
use crate::domain::alerting::pools;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::message::Alert;
use crate::domain::pool::Bottleneck;
use crate::domain::stand::ProductRef;

/// What an alert is about, beside its series.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'a> {
    Product(&'a Tracked),
    Combination {
        product: &'a Tracked,
        key: &'a CombinationKey,
        label: &'a str,
        bottleneck: Option<&'a Bottleneck>,
    },
    /// A pool, as [`crate::domain::alerting::pools::Pools`] remembers it.
    Pool(&'a Tracked),
    /// The orders that take that many of a pool.
    Need {
        pool: &'a Tracked,
        need: i64,
    },
}

impl<'a> About<'a> {
    pub(super) fn combination(product: &'a Tracked, combination: &'a Combination) -> Self {
        Self::Combination {
            product,
            key: &combination.key,
            label: &combination.label,
            bottleneck: combination.bottleneck.as_ref(),
        }
    }

    /// Whether it is about a pool, or a need of one.
    pub(super) fn is_pool(&self) -> bool {
        match self {
            Self::Pool(_) | Self::Need { .. } => true,
            Self::Product(_) | Self::Combination { .. } => false,
        }
    }

    /// The product it is about, or that the combination is of.
    pub(super) fn product(&self) -> Option<&'a Tracked> {
        match self {
            Self::Product(product) | Self::Combination { product, .. } => Some(product),
            Self::Pool(_) | Self::Need { .. } => None,
        }
    }

    /// The combination's key, where it is about one.
    pub(super) fn key(&self) -> Option<&'a CombinationKey> {
        match self {
            Self::Combination { key, .. } => Some(key),
            Self::Product(_) | Self::Pool(_) | Self::Need { .. } => None,
        }
    }

    /// What limits its level, where that is not the product itself.
    pub(super) fn bottleneck(&self) -> Option<&'a Bottleneck> {
        match self {
            Self::Product(product) => product.bottleneck.as_ref(),
            Self::Combination { bottleneck, .. } => *bottleneck,
            Self::Pool(_) | Self::Need { .. } => None,
        }
    }
}

impl Tracked {
    /// The series of a pool: its own, and those of its needs; not the gone ones.
    pub(super) fn pool_series(&self) -> impl Iterator<Item = (&SeriesState, &Effective, About<'_>)> {
        let own = std::iter::once((&self.series, About::Pool(self)));
        let needs = self.combinations.iter().filter(|need| !need.gone).map(|need| {
            let about = About::Need {
                pool: self,
                need: pools::need_of(&need.key),
            };
            (&need.series, about)
        });
        own.chain(needs)
            .map(|(series, about)| (series, &*self.effective, about))
    }

    /// Whether WHMCS itself says, as far as was seen last, that its stock is controlled.
    pub(super) fn is_surely_controlled(&self) -> bool {
        match &self.seen {
            Some(product) => product.details.as_ref().and_then(|details| details.controlled) == Some(true),
            None => self.controlled == Some(true),
        }
    }

    /// The product's own series, then its combinations', with what holds for each; not the gone ones.
    pub(super) fn all_series(&self) -> impl Iterator<Item = (&SeriesState, &Effective, About<'_>)> {
        let own = (!self.gone).then_some((&self.series, &*self.effective, About::Product(self)));
        let combinations = self
            .combinations
            .iter()
            .filter(|combination| !combination.gone && !self.gone)
            .map(|combination| {
                let about = About::combination(self, combination);
                (&combination.series, &*combination.effective, about)
            });
        own.into_iter().chain(combinations)
    }
}

/// `instance/product/combination`, `-` for the product itself; `pool:NAME`, `pool:NAME/3`.
pub(super) fn alert_id(instance: &str, about: About<'_>) -> String {
    match about {
        About::Product(product) => format!("{instance}/{}/-", product.id),
        About::Combination { product, key, .. } => format!("{instance}/{}/{key}", product.id),
        About::Pool(pool) => pools::alert_id(pool),
        About::Need { pool, need } => format!("{}/{need}", pools::alert_id(pool)),
    }
}

/// What happened to a series, named by how often it spoke.
pub(super) fn happening(
    instance: &str,
    about: About<'_>,
    series: &SeriesState,
    kind: EventKind,
    now: Timestamp,
) -> Event {
    let (within, product_id, combination) = match about {
        About::Product(product) => (instance, product.id, None),
        About::Combination { product, key, .. } => (instance, product.id, Some(key.clone())),
        About::Pool(pool) => ("pools", pool.id, None),
        About::Need { pool, need } => ("pools", pool.id, Some(CombinationKey::new(vec![(0, need)]))),
    };
    let name = combination
        .as_ref()
        .map_or_else(|| "-".to_owned(), ToString::to_string);
    Event {
        key: format!(
            "{within}/{product_id}/{name}/{}/{}",
            kind.as_str(),
            series.transition
        ),
        at: now,
        kind,
        product_id: Some(product_id),
        combination,
        level: series.last_level,
        previous_level: series.previous_level,
    }
}

/// The product as messages name it.
pub(super) fn product_ref(product: &Tracked) -> ProductRef {
    ProductRef {
        id: product.id,
        name: product.name.shown().to_owned(),
        group: product.group.as_ref().map(|group| group.shown().to_owned()),
    }
}

/// Worst first; among equals the lower level, then the product's number, pools before them.
pub(super) fn worst_first(alerts: &mut [Alert]) {
    alerts.sort_by(|a, b| {
        (b.severity.cmp(&a.severity))
            .then(b.previous_severity.cmp(&a.previous_severity))
            .then(a.level.cmp(&b.level))
            .then_with(|| a.product_id().cmp(&b.product_id()))
            .then_with(|| a.name().cmp(b.name()))
            .then_with(|| a.alert_id.cmp(&b.alert_id))
    });
}
