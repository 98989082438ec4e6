//! Services of what a pool's uses named and name no more: they are missed, never taken as freed.

use std::fmt;
use std::sync::Arc;

use crate::domain::catalogue::ChoiceId;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::OptionId;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::ProductId;
use crate::domain::offer;

/// A product, or a choice of it, whose services took of a pool when they were last counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub product_id: ProductId,
    pub product: Name,
    /// The choice; `None` for the whole product.
    pub pair: Option<(OptionId, ChoiceId)>,
    /// `RAM: 64 GB`; `None` for the whole product.
    pub label: Option<Arc<str>>,
    pub services: i64,
}

/// What the pool's uses do not match any more, though its product is still sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub holder: Holder,
    pub now: Now,
}

/// What has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Now {
    /// It is called this now.
    Renamed(String),
    /// It is gone.
    Gone,
    /// It is gone, and what is called so now is another choice.
    Anew(ChoiceId),
}

/// `DS-64's "RAM: 64 GB" (9 services), which no use of the pool names any more (it is now "RAM: 64 GB DDR5")`.
impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holder = &self.holder;
        let services = match holder.services {
            1 => "1 service".to_owned(),
            n => format!("{n} services"),
        };
        match &holder.label {
            Some(label) => write!(f, "{}'s \"{label}\" ({services}), ", holder.product.shown())?,
            None => write!(f, "{} ({services}), ", holder.product.shown())?,
        }
        match &self.now {
            Now::Renamed(name) => {
                write!(
                    f,
                    "which no use of the pool names any more (it is now \"{name}\")"
                )
            }
            Now::Gone => f.write_str("which is gone while its product is still sold"),
            Now::Anew(id) => write!(
                f,
                "which is gone: choice {id} has its name now, and its services are missing"
            ),
        }
    }
}

impl Holder {
    fn is_same(&self, other: &Self) -> bool {
        self.product_id == other.product_id && self.pair == other.pair
    }
}

/// A product as the pools find it after a look.
#[derive(Debug, Clone, Copy)]
pub(super) enum There<'a> {
    Gone,
    Seen(&'a Product),
    /// Missing, but not gone yet, and not seen under these rules.
    Unseen,
}

/// Who draws on a pool now.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Those with services.
    pub holders: Vec<Holder>,
    /// Those with none, and those that nobody counted, whose number is below 0.
    pub idle: Vec<Holder>,
}

/// What has become of those who held a pool before.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub holders: Vec<Holder>,
    pub lost: Vec<Lost>,
    /// Those whom nobody can count now, though nothing says that they are lost.
    pub unread: Vec<(ProductId, Name)>,
}

/// Follows those who held the pool, or were missed, when it was last counted under the same uses.
pub(super) fn follow<'a>(
    (last_holders, last_lost): (&[Holder], &[Lost]),
    held: Held,
    there: &dyn Fn(ProductId) -> There<'a>,
) -> Followed {
    let mut followed = Followed {
        holders: held.holders,
        ..Followed::default()
    };
    let missed = last_lost.iter().map(|lost| (&lost.holder, Some(lost)));
    let counted = last_holders.iter().map(|holder| (holder, None));
    for (holder, was_lost) in missed.chain(counted) {
        let is_it = |other: &Holder| other.is_same(holder);
        if followed.holders.iter().any(is_it) {
            continue;
        }
        if let Some(matching) = held.idle.iter().find(|other| is_it(other)) {
            // Counted, there are none; not counted, it is held as before.
            if matching.services != 0 {
                followed.holders.push(holder.clone());
            }
            continue;
        }
        let fate = match there(holder.product_id) {
            There::Gone => Fate::Freed,
            There::Seen(product) => fate(product, holder, &followed.holders, &held.idle),
            There::Unseen => was_lost.map_or(Fate::Unread, |lost| Fate::Lost(lost.clone())),
        };
        match fate {
            Fate::Freed => {}
            Fate::Lost(lost) => followed.lost.push(lost),
            Fate::Unread => match was_lost {
                Some(lost) => followed.lost.push(lost.clone()),
                None => {
                    followed.unread.push((holder.product_id, holder.product.clone()));
                    followed.holders.push(holder.clone());
                }
            },
        }
    }
    followed
}

enum Fate {
    /// Nobody holds it any more.
    Freed,
    Lost(Lost),
    /// The product comes without details.
    Unread,
}

/// What has become of a holder that no use matches, by its product as it is now.
fn fate(product: &Product, holder: &Holder, matching: &[Holder], idle: &[Holder]) -> Fate {
    let Some(details) = &product.details else {
        return Fate::Unread;
    };
    let lost = |services: Option<i64>, now| {
        let mut holder = holder.clone();
        holder.services = services.filter(|n| *n > 0).unwrap_or(holder.services);
        Fate::Lost(Lost { holder, now })
    };
    let Some((option_id, choice_id)) = holder.pair else {
        return match details.in_use {
            Some(0) => Fate::Freed,
            in_use => lost(in_use, Now::Renamed(product.listing.name.shown().to_owned())),
        };
    };
    let option = product.options().iter().find(|option| option.id == option_id);
    let found = option.and_then(|option| {
        if choice_id == 0 {
            let in_use = product.in_use_of(&CombinationKey::new(vec![(option_id, 0)]));
            return Some((in_use, format!("{}: {}", option.name, offer::NO)));
        }
        let choice = option.choices().find(|choice| choice.id == choice_id)?;
        Some((choice.in_use, format!("{}: {}", option.name, choice.name)))
    });
    match found {
        Some((Some(0), _)) => Fate::Freed,
        Some((in_use, name)) => lost(in_use, Now::Renamed(name)),
        None => {
            let namesake = matching
                .iter()
                .chain(idle)
                .find(|other| other.product_id == holder.product_id && other.label == holder.label);
            let anew = namesake.and_then(|other| other.pair);
            lost(None, anew.map_or(Now::Gone, |(_, id)| Now::Anew(id)))
        }
    }
}

/// Those that were not missed yet.
pub(super) fn newly(before: &[Lost], now: &[Lost]) -> Vec<Lost> {
    let fresh = |lost: &&Lost| !before.iter().any(|known| known.holder.is_same(&lost.holder));
    now.iter().filter(fresh).cloned().collect()
}
