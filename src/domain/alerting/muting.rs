//! Which series a mute keeps from being told of.

use std::hash::Hasher;
use std::sync::Arc;

use crate::domain::alerting::about::About;
use crate::domain::alerting::attach::pairs_of;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::rules::StableHasher;
use crate::domain::alerting::rules::Subject;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Name;
use crate::domain::message::EndedMute;
use crate::domain::offer;
use crate::domain::pattern::Pattern;
use crate::domain::people::Matcher;
use crate::domain::people::Mute;
use crate::domain::pool::PoolRule;

impl Matcher {
    /// Whether it is for the product or combination.
    #[must_use]
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.pools.is_empty()
            && self.is_in(subject.instance)
            && any(&self.products, |pattern| {
                pattern.matches(Some(subject.product_id), Some(subject.product))
            })
            && any(&self.groups, |pattern| {
                pattern.matches(subject.group_id, subject.group)
            })
            && self.options.iter().all(|(option, choice)| {
                let mut pairs = subject.pairs.unwrap_or_default().iter();
                pairs.any(|pair| {
                    option.matches(Some(pair.option_id), Some(pair.option))
                        && choice.matches(Some(pair.choice_id), Some(pair.choice))
                })
            })
    }

    /// Whether it is for the pool: it names it, or it is for all that concerns the pool's shops.
    #[must_use]
    pub fn matches_pool(&self, name: &str, shops: &[Arc<str>]) -> bool {
        let of_products = !self.products.is_empty() || !self.groups.is_empty() || !self.options.is_empty();
        !of_products
            && any(&self.pools, |pattern| pattern.matches_text(name))
            && (self.instances.is_empty() || (!shops.is_empty() && shops.iter().all(|shop| self.is_in(shop))))
    }

    /// Whether it is for all of that shop, and so for the source itself.
    #[must_use]
    pub fn matches_source(&self, instance: &str) -> bool {
        self.products.is_empty()
            && self.groups.is_empty()
            && self.options.is_empty()
            && self.pools.is_empty()
            && self.is_in(instance)
    }

    fn is_in(&self, instance: &str) -> bool {
        any(&self.instances, |pattern| pattern.matches_text(instance))
    }
}

/// Whether one of the patterns matches; where there are none it does not matter.
fn any(patterns: &[Pattern], matches: impl Fn(&Pattern) -> bool) -> bool {
    patterns.is_empty() || patterns.iter().any(matches)
}

impl Mute {
    /// As an alert names it once it ended.
    #[must_use]
    pub fn ended(&self) -> EndedMute {
        EndedMute {
            kind: self.kind,
            id: self.id.to_string(),
            by: self.by.to_string(),
            comment: self.comment.to_string(),
        }
    }
}

/// The mutes in force, as a shop's decision asks for them.
#[derive(Debug, Clone, Default)]
pub(super) struct Mutes {
    /// The one that ends last first.
    all: Vec<Mute>,
    /// Of each pool the shops that it concerns.
    shops: Vec<(String, Vec<Arc<str>>)>,
}

impl Mutes {
    /// Those of them that may concern the shop or the pools.
    pub(super) fn new(mutes: &[Mute], pools: Option<(&Pools, &[PoolRule])>) -> Self {
        if mutes.is_empty() {
            return Self::default();
        }
        let concerned = |(pools, rules): (&Pools, &[PoolRule])| {
            let shops = |rule: &PoolRule| {
                let shops = pools.shops.iter().filter(|shop| shop.is_concerned(rule));
                shops.map(|shop| Arc::clone(&shop.instance)).collect()
            };
            let named = rules.iter().map(|rule| (rule.name.clone(), shops(rule)));
            named.collect()
        };
        Self {
            all: mutes.to_vec(),
            shops: pools.map(concerned).unwrap_or_default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A hash of which they are; 0 where there are none.
    pub(super) fn signature(&self) -> u64 {
        if self.all.is_empty() {
            return 0;
        }
        let mut hasher = StableHasher::default();
        for mute in &self.all {
            hasher.write(mute.id.as_bytes());
            hasher.write(&[0, mute.kind as u8]);
        }
        hasher.finish().max(1)
    }

    /// The mute of the series, where it has one.
    pub(super) fn of(&self, instance: &str, about: About<'_>) -> Option<&Mute> {
        if self.all.is_empty() {
            return None;
        }
        match about {
            About::Product(product) => of_series(instance, product, None, |subject| self.of_subject(subject)),
            About::Combination {
                product, key, label, ..
            } => of_series(instance, product, Some((key, label)), |subject| {
                self.of_subject(subject)
            }),
            About::Pool(pool) | About::Need { pool, .. } => {
                let name = pool.name.raw();
                let shops = self.shops.iter().find(|(known, _)| known == name);
                let shops = shops.map_or(&[][..], |(_, shops)| shops);
                self.all
                    .iter()
                    .find(|mute| mute.matcher.matches_pool(name, shops))
            }
        }
    }

    fn of_subject(&self, subject: &Subject<'_>) -> Option<&Mute> {
        self.all.iter().find(|mute| mute.matcher.matches(subject))
    }
}

/// Asks a question about the product, or about that combination of it (by its key and its label).
pub fn of_series<T>(
    instance: &str,
    product: &Tracked,
    combination: Option<(&CombinationKey, &str)>,
    ask: impl FnOnce(&Subject<'_>) -> T,
) -> T {
    let names = combination.map(|(key, label)| (key, pair_names(product, key, label)));
    let pairs = names.as_ref().map(|(key, names)| pairs_of(key, names));
    ask(&Subject {
        instance,
        group_id: product.group_id,
        group: product.group.as_ref(),
        product_id: product.id,
        product: &product.name,
        pairs: pairs.as_deref(),
    })
}

/// What option and choice of each pair are called: as last seen, else as the label has them.
fn pair_names(product: &Tracked, key: &CombinationKey, label: &str) -> Vec<(Name, Name)> {
    let mut labelled = label.split(", ").map(|part| {
        let (option, choice) = part.split_once(": ").unwrap_or((part, ""));
        (Name::new(option), Name::new(choice))
    });
    let seen = product.seen.as_ref().map(|seen| seen.options());
    let mut name = |(option_id, choice_id): &(i64, i64)| {
        let said = labelled.next();
        let option = seen.and_then(|seen| seen.iter().find(|option| option.id == *option_id));
        let Some(option) = option else {
            return said.unwrap_or_else(|| (Name::new(""), Name::new("")));
        };
        let choice = option.choices().find(|choice| choice.id == *choice_id);
        let choice = choice.map_or_else(|| Name::new(offer::NO), |choice| choice.name.clone());
        (option.name.clone(), choice)
    };
    key.pairs().iter().map(&mut name).collect()
}
