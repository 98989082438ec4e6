//! What a product offers: the choices a customer can take, and the combinations they make.

use crate::domain::catalogue::ChoiceId;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::OptionId;
use crate::domain::catalogue::OptionKind;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::options::ChoiceView;
use crate::domain::catalogue::options::OptionView;
use crate::domain::pattern::Pattern;

/// How "no" of a yes/no option is called.
pub const NO: &str = "No";

/// One choice that a customer can take.
#[derive(Debug, Clone, Copy)]
pub struct Pick<'a> {
    pub option: OptionView<'a>,
    /// 0 for "no" of a yes/no option.
    pub id: ChoiceId,
    pub name: &'a str,
    /// `None` for "no".
    pub choice: Option<ChoiceView<'a>>,
}

/// The choices a product offers.
#[derive(Debug, Clone)]
pub struct Offer<'a> {
    /// Those that make combinations, by option, ascending; no option without choices.
    pub combining: Vec<Vec<Pick<'a>>>,
    /// Those of other options.
    pub counted: Vec<Pick<'a>>,
    /// There are more combinations than the limit: each choice is followed by itself.
    pub per_choice: bool,
}

/// A combination that is offered, or a single choice where a product is followed per choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    pub key: CombinationKey,
    /// `RAM: 32 GB, Disk: 2x NVMe`
    pub label: String,
}

impl Pick<'_> {
    /// Option and choice.
    #[must_use]
    pub fn pair(&self) -> (OptionId, ChoiceId) {
        (self.option.id, self.id)
    }

    /// `RAM: 32 GB`
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}: {}", self.option.name, self.name)
    }
}

impl<'a> Offer<'a> {
    /// What the product offers. `combine` names the options that make combinations (all where empty), `limit` is the
    /// most of them that are followed.
    #[must_use]
    pub fn of(product: &'a Product, combine: &[Pattern], limit: usize) -> Self {
        let mut combining = Vec::new();
        let mut counted = Vec::new();
        for option in product.options().iter().filter(|option| !option.hidden) {
            let picks = picks(option);
            if !makes_combinations(&option, combine) {
                counted.extend(picks);
            } else if !picks.is_empty() {
                combining.push(picks);
            }
        }
        combining.sort_by_key(|picks| picks[0].option.id);
        let count = combining
            .iter()
            .try_fold(1usize, |n, picks| n.checked_mul(picks.len()));
        Self {
            per_choice: count.is_none_or(|n| n > limit),
            combining,
            counted,
        }
    }

    /// Every offered combination, or every combining choice where there are too many; ascending by key.
    #[must_use]
    pub fn combinations(&self) -> Vec<Offered> {
        let offered = |picks: &[&Pick<'_>]| Offered {
            key: key(picks),
            label: label(picks),
        };
        let mut found: Vec<Offered> = if self.per_choice {
            let single = self.combining.iter().flatten();
            single.map(|pick| offered(&[pick])).collect()
        } else if self.combining.is_empty() {
            Vec::new()
        } else {
            every_way(&self.combining).map(|picks| offered(&picks)).collect()
        };
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found.dedup_by(|a, b| a.key == b.key);
        found
    }
}

/// What the combination of that key is called, if its options and choices are the product's: offered, or no longer
/// offered because something of it was hidden. `None` for any other key.
#[must_use]
pub fn label_of(
    product: &Product,
    combine: &[Pattern],
    limit: usize,
    wanted: &CombinationKey,
) -> Option<String> {
    let offer = Offer::of(product, combine, limit);
    let mut labels = Vec::with_capacity(wanted.pairs().len());
    let mut combining = true;
    for (option_id, choice_id) in wanted.pairs() {
        let option = product.options().iter().find(|option| option.id == *option_id)?;
        let no = option.kind == OptionKind::YesNo && *choice_id == 0;
        let choice = option.choices().find(|choice| choice.id == *choice_id);
        let name = choice.map_or(no.then_some(NO), |choice| Some(choice.name.shown()))?;
        labels.push(format!("{}: {name}", option.name));
        combining &= makes_combinations(&option, combine);
    }
    let whole = combining
        && offer.combining.iter().all(|picks| {
            let pairs = wanted.pairs().iter();
            picks.is_empty() || pairs.clone().any(|(option, _)| *option == picks[0].option.id)
        });
    let single = wanted.pairs().len() == 1 && (offer.per_choice || !combining);
    (whole || single).then(|| labels.join(", "))
}

/// The key of these choices.
#[must_use]
pub fn key(picks: &[&Pick<'_>]) -> CombinationKey {
    CombinationKey::new(picks.iter().map(|pick| pick.pair()).collect())
}

/// `RAM: 32 GB, Disk: 2x NVMe`
#[must_use]
pub fn label(picks: &[&Pick<'_>]) -> String {
    let labels: Vec<String> = picks.iter().map(|pick| pick.label()).collect();
    labels.join(", ")
}

/// Every way to take one of each list; none of the lists is empty.
pub fn every_way<T>(lists: &[Vec<T>]) -> impl Iterator<Item = Vec<&T>> {
    let mut next = (lists.iter().all(|list| !list.is_empty())).then(|| vec![0usize; lists.len()]);
    std::iter::from_fn(move || {
        let at = next.as_mut()?;
        let way = at.iter().zip(lists).map(|(i, list)| &list[*i]).collect();
        match (0..at.len()).rev().find(|i| at[*i] + 1 < lists[*i].len()) {
            Some(wheel) => {
                at[wheel] += 1;
                at[wheel + 1..].fill(0);
            }
            None => next = None,
        }
        Some(way)
    })
}

fn makes_combinations(option: &OptionView<'_>, combine: &[Pattern]) -> bool {
    let named = combine.is_empty()
        || combine
            .iter()
            .any(|pattern| pattern.matches(Some(option.id), Some(option.name)));
    option.kind.combines() && named
}

/// The choices of an option a customer can take; "no" of a yes/no option is one.
fn picks(option: OptionView<'_>) -> Vec<Pick<'_>> {
    let mut picks: Vec<Pick<'_>> = option
        .choices()
        .filter(|choice| !choice.hidden)
        .map(|choice| Pick {
            option,
            id: choice.id,
            name: choice.name.shown(),
            choice: Some(choice),
        })
        .collect();
    if option.kind == OptionKind::YesNo && !picks.is_empty() {
        picks.truncate(1);
        picks.push(Pick {
            option,
            id: 0,
            name: NO,
            choice: None,
        });
    }
    picks
}
