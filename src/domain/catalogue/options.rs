//! The configurable options of a product, kept small: a large catalogue holds more choices than anything else.

use std::sync::Arc;

use crate::domain::catalogue::Choice;
use crate::domain::catalogue::ChoiceId;
use crate::domain::catalogue::ConfigOption;
use crate::domain::catalogue::Figure;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::OptionId;
use crate::domain::catalogue::OptionKind;

/// A product's configurable options, in the order WHMCS sent them. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    shape: Shape,
    figures: Figures,
}

/// What the options and choices are, without the figures: the same in both of WHMCS's answers and in all products
/// of an option group, which then share it. In two thirds of the space where the ids fit, as WHMCS's own do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape(Entries);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Entries {
    Small(Arc<[Entry<i32, u16>]>),
    Wide(Arc<[Entry<i64, u32>]>),
}

/// An option, or one of the choices that follow it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Entry<Id, Count> {
    name: Name,
    id: Id,
    what: What<Count>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What<Count> {
    Option {
        kind: OptionKind,
        hidden: bool,
        /// How many of its choices follow.
        choices: Count,
    },
    Choice {
        hidden: bool,
    },
}

/// The figures of all choices, one option after the other; in as little space as they fit.
#[derive(Debug, Clone, PartialEq, Default)]
enum Figures {
    /// None was sent.
    #[default]
    None,
    /// Services in use, where no stock was sent.
    Counts(Arc<[i32]>),
    Small(Arc<[Small]>),
    Wide(Arc<[(Option<i64>, Figure)]>),
}

/// Services in use and stock of a choice; the lowest numbers stand for what is no number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Small(i32, i32);

const ABSENT: i32 = i32::MIN;
const UNREADABLE: i32 = i32::MIN + 1;

/// An option as it is read.
#[derive(Debug, Clone, Copy)]
pub struct OptionView<'a> {
    pub id: OptionId,
    pub name: &'a Name,
    pub kind: OptionKind,
    pub hidden: bool,
    options: &'a Options,
    /// Where the option's choices are in the shape, and where its figures begin.
    place: usize,
    count: usize,
    first: usize,
}

/// A choice as it is read.
#[derive(Debug, Clone, Copy)]
pub struct ChoiceView<'a> {
    pub id: ChoiceId,
    pub name: &'a Name,
    pub hidden: bool,
    /// As [`Choice::in_use`].
    pub in_use: Option<i64>,
    /// As [`Choice::stock`].
    pub stock: Figure,
}

impl Options {
    /// The options, in the order WHMCS sent them.
    pub fn iter(&self) -> impl Iterator<Item = OptionView<'_>> {
        let (mut place, mut first) = (0, 0);
        std::iter::from_fn(move || {
            let (id, name, what) = self.shape.at(place)?;
            let What::Option {
                kind,
                hidden,
                choices,
            } = what
            else {
                return None;
            };
            let count = choices as usize;
            let view = OptionView {
                id,
                name,
                kind,
                hidden,
                options: self,
                place: place + 1,
                count,
                first,
            };
            place += 1 + count;
            first += count;
            Some(view)
        })
    }

    /// How many options there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shape.len() == 0
    }

    /// What the options and choices are, without the figures.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether any figure was sent of a choice.
    #[must_use]
    pub fn has_figures(&self) -> bool {
        self.figures != Figures::None
    }

    /// The same options on another copy of their shape, which must be equal.
    #[must_use]
    pub fn on(self, shape: &Shape) -> Self {
        debug_assert_eq!(self.shape, *shape, "another shape");
        Self {
            shape: shape.clone(),
            figures: self.figures,
        }
    }

    /// The options as they were sent.
    #[must_use]
    pub fn to_vec(&self) -> Vec<ConfigOption> {
        self.iter()
            .map(|option| ConfigOption {
                id: option.id,
                name: option.name.clone(),
                kind: option.kind,
                hidden: option.hidden,
                choices: option.choices().map(ChoiceView::to_choice).collect(),
            })
            .collect()
    }
}

impl Shape {
    /// Options of this shape without figures.
    #[must_use]
    pub fn without_figures(&self) -> Options {
        Options {
            shape: self.clone(),
            figures: Figures::None,
        }
    }

    /// Whether no more than so many hold this very copy.
    #[must_use]
    pub fn is_held_by_at_most(&self, holders: usize) -> bool {
        match &self.0 {
            Entries::Small(entries) => Arc::strong_count(entries) <= holders,
            Entries::Wide(entries) => Arc::strong_count(entries) <= holders,
        }
    }

    /// The names of all options and choices.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        (0..self.len()).filter_map(|place| Some(self.at(place)?.1))
    }

    fn len(&self) -> usize {
        match &self.0 {
            Entries::Small(entries) => entries.len(),
            Entries::Wide(entries) => entries.len(),
        }
    }

    fn at(&self, place: usize) -> Option<(i64, &Name, What<u32>)> {
        match &self.0 {
            Entries::Small(entries) => {
                let entry = entries.get(place)?;
                Some((i64::from(entry.id), &entry.name, entry.what.wide()))
            }
            Entries::Wide(entries) => entries
                .get(place)
                .map(|entry| (entry.id, &entry.name, entry.what)),
        }
    }

    fn of(options: Vec<ConfigOption>) -> Self {
        let fits = options.iter().all(|option| {
            let small = |id: i64| i32::try_from(id).is_ok();
            small(option.id)
                && u16::try_from(option.choices.len()).is_ok()
                && option.choices.iter().all(|choice| small(choice.id))
        });
        Self(if fits {
            let id = |id| i32::try_from(id).unwrap_or_default();
            let count = |count| u16::try_from(count).unwrap_or_default();
            Entries::Small(entries(options, id, count).into())
        } else {
            let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
            Entries::Wide(entries(options, |id| id, count).into())
        })
    }
}

fn entries<Id, Count>(
    options: Vec<ConfigOption>,
    id: impl Fn(i64) -> Id,
    count: impl Fn(usize) -> Count,
) -> Vec<Entry<Id, Count>> {
    let length = options.iter().map(|option| 1 + option.choices.len()).sum();
    let mut entries = Vec::with_capacity(length);
    for option in options {
        entries.push(Entry {
            name: option.name,
            id: id(option.id),
            what: What::Option {
                kind: option.kind,
                hidden: option.hidden,
                choices: count(option.choices.len()),
            },
        });
        entries.extend(option.choices.into_iter().map(|choice| Entry {
            name: choice.name,
            id: id(choice.id),
            what: What::Choice {
                hidden: choice.hidden,
            },
        }));
    }
    entries
}

impl Default for Shape {
    fn default() -> Self {
        Self(Entries::Small(Arc::default()))
    }
}

impl What<u16> {
    fn wide(self) -> What<u32> {
        match self {
            Self::Option {
                kind,
                hidden,
                choices,
            } => What::Option {
                kind,
                hidden,
                choices: u32::from(choices),
            },
            Self::Choice { hidden } => What::Choice { hidden },
        }
    }
}

impl<'a> OptionView<'a> {
    /// The choices, in the order WHMCS sent them.
    pub fn choices(self) -> impl Iterator<Item = ChoiceView<'a>> {
        (0..self.count).filter_map(move |nth| {
            let (id, name, what) = self.options.shape.at(self.place + nth)?;
            let (in_use, stock) = self.options.figures.at(self.first + nth);
            Some(ChoiceView {
                id,
                name,
                hidden: matches!(what, What::Choice { hidden: true }),
                in_use,
                stock,
            })
        })
    }
}

impl ChoiceView<'_> {
    fn to_choice(self) -> Choice {
        Choice {
            id: self.id,
            name: self.name.clone(),
            hidden: self.hidden,
            in_use: self.in_use,
            stock: self.stock,
        }
    }
}

impl From<Vec<ConfigOption>> for Options {
    fn from(options: Vec<ConfigOption>) -> Self {
        let figures = Figures::of(options.iter().flat_map(|option| &option.choices));
        Self {
            shape: Shape::of(options),
            figures,
        }
    }
}

impl FromIterator<ConfigOption> for Options {
    fn from_iter<T: IntoIterator<Item = ConfigOption>>(options: T) -> Self {
        options.into_iter().collect::<Vec<_>>().into()
    }
}

impl Figures {
    fn of<'a>(choices: impl Iterator<Item = &'a Choice> + Clone) -> Self {
        let sent = choices.map(|choice| (choice.in_use, choice.stock));
        let (mut length, mut none, mut counts, mut fit) = (0, true, true, true);
        for (in_use, stock) in sent.clone() {
            length += 1;
            none &= in_use.is_none() && stock == Figure::Absent;
            counts &= stock == Figure::Absent;
            fit &= small(count(in_use)).is_some() && small(stock).is_some();
        }
        let in_use = |in_use| small(count(in_use)).unwrap_or(ABSENT);
        if none {
            Self::None
        } else if counts && fit {
            Self::Counts(exact(length, sent.map(|(n, _)| in_use(n))))
        } else if fit {
            let stock = |stock| small(stock).unwrap_or(ABSENT);
            Self::Small(exact(length, sent.map(|(n, left)| Small(in_use(n), stock(left)))))
        } else {
            Self::Wide(exact(length, sent))
        }
    }

    fn at(&self, at: usize) -> (Option<i64>, Figure) {
        let none = (None, Figure::Absent);
        match self {
            Self::None => none,
            Self::Counts(counts) => counts
                .get(at)
                .map_or(none, |in_use| (figure(*in_use).number(), Figure::Absent)),
            Self::Small(figures) => figures.get(at).map_or(none, |Small(in_use, stock)| {
                (figure(*in_use).number(), figure(*stock))
            }),
            Self::Wide(figures) => figures.get(at).copied().unwrap_or(none),
        }
    }
}

/// Without a detour over buffers that grow, whose holes would cost more than what is kept.
fn exact<T>(length: usize, items: impl Iterator<Item = T>) -> Arc<[T]> {
    let mut kept = Vec::with_capacity(length);
    kept.extend(items);
    kept.into()
}

fn count(in_use: Option<i64>) -> Figure {
    in_use.map_or(Figure::Absent, Figure::Number)
}

/// The figure in half its space; `None` where it does not fit.
fn small(figure: Figure) -> Option<i32> {
    match figure {
        Figure::Absent => Some(ABSENT),
        Figure::Unreadable => Some(UNREADABLE),
        Figure::Number(n) => i32::try_from(n).ok().filter(|n| *n > UNREADABLE),
    }
}

fn figure(small: i32) -> Figure {
    match small {
        ABSENT => Figure::Absent,
        UNREADABLE => Figure::Unreadable,
        n => Figure::Number(i64::from(n)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_figure() -> impl Strategy<Value = i64> {
        let edge = i64::from(i32::MIN);
        prop_oneof![
            4 => -3i64..90,
            1 => (edge - 3)..(edge + 3),
            1 => Just(i64::from(i32::MAX)),
            1 => any::<i64>(),
        ]
    }

    fn some_choice() -> impl Strategy<Value = Choice> {
        let stock = prop_oneof![
            9 => Just(Figure::Absent),
            1 => Just(Figure::Unreadable),
            2 => some_figure().prop_map(Figure::Number),
        ];
        (
            any::<i64>(),
            "[a-c]{0,2}",
            any::<bool>(),
            prop::option::of(some_figure()),
            stock,
        )
            .prop_map(|(id, name, hidden, in_use, stock)| Choice {
                id,
                name: Name::new(&name),
                hidden,
                in_use,
                stock,
            })
    }

    fn some_options() -> impl Strategy<Value = Vec<ConfigOption>> {
        let option = (
            any::<i64>(),
            any::<bool>(),
            prop::collection::vec(some_choice(), 0..4),
        );
        let option = option.prop_map(|(id, hidden, choices)| ConfigOption {
            id,
            name: Name::new(&format!("option {id}")),
            kind: OptionKind::Radio,
            hidden,
            choices: choices.into(),
        });
        prop::collection::vec(option, 0..4)
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_was_sent(options in some_options()) {
            let kept = Options::from(options.clone());
            prop_assert_eq!(kept.to_vec(), options);
        }
    }

    #[test]
    fn a_choice_takes_16_bytes_and_its_count_4() {
        assert!(
            size_of::<Entry<i32, u16>>() <= 16,
            "{}",
            size_of::<Entry<i32, u16>>()
        );
        assert!(size_of::<Small>() <= 8, "{}", size_of::<Small>());
        assert!(size_of::<Options>() <= 48, "{}", size_of::<Options>());
    }

    #[test]
    fn no_options_are_equal_however_they_came_to_be() {
        assert_eq!(Options::from(Vec::new()), Options::default());
    }
}
