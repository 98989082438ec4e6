//! What an alert is about: a series with its product, how it is named, and which of several comes first.

use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::message::Alert;
use crate::domain::message::ProductRef;

/// What an alert is about, beside its series.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub product: &'a Tracked,
    pub combination: Option<(&'a CombinationKey, &'a str)>,
}

impl Tracked {
    /// Whether WHMCS itself says, as far as was seen last, that its stock is controlled.
    pub(super) fn is_surely_controlled(&self) -> bool {
        match &self.seen {
            Some(product) => product.details.as_ref().and_then(|details| details.controlled) == Some(true),
            None => self.controlled == Some(true),
        }
    }

    /// The product's own series, then its combinations', with what holds for each; not the gone ones.
    pub(super) fn all_series(&self) -> impl Iterator<Item = (&SeriesState, &Effective, About<'_>)> {
        let own = (!self.gone).then_some((
            &self.series,
            &*self.effective,
            About {
                product: self,
                combination: None,
            },
        ));
        let combinations = self
            .combinations
            .iter()
            .filter(|combination| !combination.gone && !self.gone)
            .map(|combination| {
                let about = About {
                    product: self,
                    combination: Some((&combination.key, &*combination.label)),
                };
                (&combination.series, &*combination.effective, about)
            });
        own.into_iter().chain(combinations)
    }
}

/// `instance/product/combination`, `-` for the product itself.
pub(super) fn alert_id(instance: &str, about: About<'_>) -> String {
    match about.combination {
        Some((key, _)) => format!("{instance}/{}/{key}", about.product.id),
        None => format!("{instance}/{}/-", about.product.id),
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

/// Worst first; among equals the lower level, then the name.
pub(super) fn worst_first(alerts: &mut [Alert]) {
    alerts.sort_by(|a, b| {
        (b.severity.cmp(&a.severity))
            .then(b.previous_severity.cmp(&a.previous_severity))
            .then(a.level.cmp(&b.level))
            .then_with(|| a.name().cmp(b.name()))
            .then_with(|| a.alert_id.cmp(&b.alert_id))
    });
}
