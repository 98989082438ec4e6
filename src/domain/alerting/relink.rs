//! What a rule, capacity or pool meant that names something no product offers any more: told from what is remembered.

use std::fmt;

use crate::domain::alerting::attach;
use crate::domain::alerting::lost::Lost;
use crate::domain::alerting::lost::Now;
use crate::domain::alerting::mention;
use crate::domain::alerting::mention::Mention;
use crate::domain::alerting::pools::ShopParts;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::unmatched;
use crate::domain::capacity::Capacities;
use crate::domain::catalogue::ChoiceId;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::OptionId;
use crate::domain::catalogue::ProductId;
use crate::domain::pattern::Pattern;

/// What things were called, beside what a memory holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    pub products: Vec<(ProductId, Name)>,
    /// What combinations were called, by product and key.
    pub labels: Vec<(ProductId, CombinationKey, String)>,
}

/// A shop as it is now, and as it was.
#[derive(Debug, Clone, Copy)]
pub struct Shop<'a> {
    pub instance: &'a str,
    pub memory: &'a Memory,
    pub past: &'a Past,
}

/// An offer: what is written in the configuration, and what most likely is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relink {
    /// `capacity 1`
    pub origin: String,
    pub instance: String,
    pub kind: Kind,
    /// Whether the number is written, and what it named is gone; else the name is, and what was called so has another.
    pub by_id: bool,
    /// What is gone, or what has another name now.
    pub id: i64,
    pub name: String,
    /// What has the name now, or the name that it has now.
    pub now_id: i64,
    pub now_name: String,
}

/// What a configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Product,
    Option,
    Choice,
}

impl Kind {
    /// `product`, `option`, `choice`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Option => "option",
            Self::Choice => "choice",
        }
    }
}

/// `capacity 1: choice 12 ("64 GB") is gone; "64 GB" is now 17. Write 17, or the name.`
impl fmt::Display for Relink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            origin,
            id,
            name,
            now_id,
            now_name,
            ..
        } = self;
        let kind = self.kind.as_str();
        if self.by_id {
            write!(
                f,
                "{origin}: {kind} {id} (\"{name}\") is gone; \"{now_name}\" is now {now_id}. Write {now_id}, or the name."
            )
        } else {
            write!(
                f,
                "{origin}: no {kind} is called \"{name}\" any more; {kind} {id}, which was, is now \"{now_name}\". \
                 Write that name, or {id}."
            )
        }
    }
}

/// Whether anything is named that is no longer there, so that the past is worth reading.
#[must_use]
pub fn is_called_for(rules: &Rules, capacities: &Capacities, shops: &[(&str, &Memory)]) -> bool {
    mention::mentions(rules, capacities).iter().any(|mention| {
        among(mention, shops).into_iter().any(|shops| {
            let mut products = mention.products.iter();
            !unmatched::concerns(mention, shops) || products.any(|pattern| !is_sold(mention, pattern, shops))
        })
    })
}

/// What can be offered for services of the shop that pools miss, since what holds them has another name now. What
/// `offered` has for the same pool already is left out.
#[must_use]
pub fn of_missed(shop: &ShopParts, offered: &[Relink]) -> Vec<Relink> {
    let mut found: Vec<Relink> = Vec::new();
    for part in &shop.parts {
        let origin = format!("pool {:?}", &*part.pool);
        let offers = part
            .lost
            .iter()
            .filter_map(|lost| missed(lost, &shop.instance, &origin));
        for offer in offers {
            let same = |other: &Relink| {
                let alike =
                    (other.kind, other.id, &other.now_name) == (offer.kind, offer.id, &offer.now_name);
                alike && other.instance == offer.instance && other.origin.ends_with(&offer.origin)
            };
            if !offered.iter().chain(&found).any(same) {
                found.push(offer);
            }
        }
    }
    found
}

fn missed(lost: &Lost, instance: &str, origin: &str) -> Option<Relink> {
    let Now::Renamed(now) = &lost.now else { return None };
    let holder = &lost.holder;
    let named = |kind, id, was: &str, now: &str| Relink {
        origin: origin.to_owned(),
        instance: instance.to_owned(),
        kind,
        by_id: false,
        id,
        name: was.to_owned(),
        now_id: id,
        now_name: now.to_owned(),
    };
    let (Some((option_id, choice_id)), Some(label)) = (holder.pair, &holder.label) else {
        return Some(named(
            Kind::Product,
            holder.product_id,
            holder.product.shown(),
            now,
        ));
    };
    let ((option, choice), (now_option, now_choice)) = (label.split_once(": ")?, now.split_once(": ")?);
    if option == now_option {
        return (choice != now_choice).then(|| named(Kind::Choice, choice_id, choice, now_choice));
    }
    Some(named(Kind::Option, option_id, option, now_option))
}

/// The shops that a mention is looked for in: together, or each by itself.
fn among<'a, 'b>(
    mention: &Mention<'_>,
    shops: &'a [(&'b str, &'b Memory)],
) -> Vec<&'a [(&'b str, &'b Memory)]> {
    if mention.each_shop {
        let concerned = shops.chunks(1);
        concerned.filter(|shop| mention.is_in(shop[0].0)).collect()
    } else {
        vec![shops]
    }
}

/// What can be offered, in the order of the configuration, each once.
#[must_use]
pub fn relinks(rules: &Rules, capacities: &Capacities, shops: &[Shop<'_>]) -> Vec<Relink> {
    let plain: Vec<(&str, &Memory)> = shops.iter().map(|shop| (shop.instance, shop.memory)).collect();
    let mut found = Vec::new();
    for mention in mention::mentions(rules, capacities) {
        for (place, shop) in shops.iter().enumerate() {
            if !mention.is_in(shop.instance) {
                continue;
            }
            let beside = if mention.each_shop {
                &plain[place..=place]
            } else {
                &plain[..]
            };
            let lost = mention
                .products
                .iter()
                .filter(|pattern| !is_sold(&mention, pattern, beside));
            let lost: Vec<&Pattern> = lost.copied().collect();
            let idle = !unmatched::concerns(&mention, beside);
            let about = About {
                mention: &mention,
                shop,
            };
            for pattern in &lost {
                found.extend(about.products(pattern));
            }
            if idle
                && shop
                    .memory
                    .products
                    .iter()
                    .all(|product| product.gone || product.seen.is_some())
            {
                for (option, choice) in &mention.options {
                    found.extend(about.choices(option, choice));
                }
            }
        }
    }
    let mut once: Vec<Relink> = Vec::new();
    for relink in found {
        if !once.contains(&relink) {
            once.push(relink);
        }
    }
    once
}

fn is_sold(mention: &Mention<'_>, pattern: &Pattern, shops: &[(&str, &Memory)]) -> bool {
    shops.iter().any(|(instance, memory)| {
        let mut sold = memory.products.iter().filter(|product| !product.gone);
        mention.is_in(instance) && sold.any(|product| mention::is_named(product, pattern))
    })
}

/// A number and the name that it has or had.
#[derive(Debug, Clone, PartialEq)]
struct Called {
    id: i64,
    name: Name,
}

/// An option with one of its choices, as they are or were called.
struct Pair {
    option: Called,
    choice: Called,
}

/// One mention in one shop.
struct About<'a> {
    mention: &'a Mention<'a>,
    shop: &'a Shop<'a>,
}

impl About<'_> {
    fn sold(&self) -> impl Iterator<Item = &Tracked> {
        let products = self.shop.memory.products.iter().map(|product| &**product);
        products.filter(|product| !product.gone)
    }

    /// Offers for a product that is named and not sold.
    fn products(&self, pattern: &Pattern) -> Vec<Relink> {
        let called = |product: &Tracked| Called {
            id: product.id,
            name: product.name.clone(),
        };
        let remembered = self.shop.memory.products.iter().map(|product| called(product));
        let before = self.shop.past.products.iter().map(|(id, name)| Called {
            id: *id,
            name: name.clone(),
        });
        let was: Vec<Called> = remembered.chain(before).collect();
        let now: Vec<Called> = self.sold().map(called).collect();
        self.between(Kind::Product, pattern, &was, &now)
    }

    /// Offers for a choice that is named and not offered, or for its option.
    fn choices(&self, option: &Pattern, choice: &Pattern) -> Vec<Relink> {
        let now = self.pairs_now();
        if now
            .iter()
            .any(|pair| pair.option.is(option) && pair.choice.is(choice))
        {
            return Vec::new();
        }
        let was = self.pairs_then();
        let options = |pairs: &[Pair]| pairs.iter().map(|pair| pair.option.clone()).collect::<Vec<_>>();
        let mut offers = Vec::new();
        let mut within: Vec<OptionId> = now
            .iter()
            .filter(|pair| pair.option.is(option))
            .map(|p| p.option.id)
            .collect();
        if within.is_empty() {
            offers = self.between(Kind::Option, option, &options(&was), &options(&now));
            within = offers.iter().map(|offer| offer.now_id).collect();
        }
        let of = |pairs: &[Pair]| {
            let meant = pairs
                .iter()
                .filter(|pair| within.contains(&pair.option.id) || pair.option.is(option));
            meant.map(|pair| pair.choice.clone()).collect::<Vec<_>>()
        };
        let (was, now) = (of(&was), of(&now));
        if !now.iter().any(|called| called.is(choice)) {
            offers.extend(self.between(Kind::Choice, choice, &was, &now));
        }
        offers
    }

    /// What the products in question offer.
    fn pairs_now(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for product in self.sold().filter(|product| self.mention.is_for(product)) {
            let options = product.seen.iter().flat_map(|seen| seen.options().iter());
            for option in options {
                pairs.extend(mention::choices(option).map(|(id, name)| Pair {
                    option: Called {
                        id: option.id,
                        name: option.name.clone(),
                    },
                    choice: Called { id, name },
                }));
            }
        }
        pairs
    }

    /// What is remembered of what they offered, and of those that are gone: from the labels of their combinations.
    fn pairs_then(&self) -> Vec<Pair> {
        let products = self.shop.memory.products.iter();
        let concerned: Vec<&Tracked> = products
            .map(|product| &**product)
            .filter(|product| self.mention.is_for(product))
            .collect();
        let mut pairs = Vec::new();
        for product in &concerned {
            for combination in &product.combinations {
                pairs.extend(pairs_of(&combination.key, &combination.label));
            }
        }
        for (product, key, label) in &self.shop.past.labels {
            if concerned.iter().any(|concerned| concerned.id == *product) {
                pairs.extend(pairs_of(key, label));
            }
        }
        pairs
    }

    /// What a pattern that names none of `now` must have meant, told from what things were called.
    fn between(&self, kind: Kind, pattern: &Pattern, was: &[Called], now: &[Called]) -> Vec<Relink> {
        let relink = |by_id, then: &Called, now: &Called| Relink {
            origin: self.mention.origin.clone(),
            instance: self.shop.instance.to_owned(),
            kind,
            by_id,
            id: then.id,
            name: then.name.shown().to_owned(),
            now_id: now.id,
            now_name: now.name.shown().to_owned(),
        };
        let mut found = Vec::new();
        for then in was {
            let by_id = *pattern == Pattern::Id(then.id);
            let by_name = pattern.exactness() == 1 && Pattern::matches(pattern, None, Some(&then.name));
            for now in now {
                let same = now.id == then.id;
                if (by_id && !same && alike(&now.name, &then.name)) || (by_name && same && then.id != 0) {
                    found.push(relink(by_id, then, now));
                }
            }
        }
        found
    }
}

impl Called {
    fn is(&self, pattern: &Pattern) -> bool {
        pattern.matches(Some(self.id), Some(&self.name))
    }
}

/// Names are the same in any case.
fn alike(a: &Name, b: &Name) -> bool {
    a.shown().to_lowercase() == b.shown().to_lowercase()
}

fn pairs_of(key: &CombinationKey, label: &str) -> Vec<Pair> {
    let names = attach::named(key, label).unwrap_or_default();
    let pairs = key.pairs().iter().zip(names);
    let pair =
        |(&(option, choice), (option_name, choice_name)): (&(OptionId, ChoiceId), (Name, Name))| Pair {
            option: Called {
                id: option,
                name: option_name,
            },
            choice: Called {
                id: choice,
                name: choice_name,
            },
        };
    pairs.map(pair).collect()
}
