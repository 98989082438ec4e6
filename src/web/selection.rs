//! What some filters leave of the index, in the order that was asked for.

use std::borrow::Cow;

use crate::domain::nameless;
use crate::observe::view::Seen;
use crate::web::filters::Filters;
use crate::web::filters::Show;
use crate::web::filters::State;
use crate::web::filters::words;
use crate::web::fold::TextId;
use crate::web::fold::folded;
use crate::web::index::Anchor;
use crate::web::index::Head;
use crate::web::index::Index;
use crate::web::index::Unit;
use crate::web::overview::Counts;
use crate::web::overview::Group;
use crate::web::pools;

/// Rows of one page.
pub const ROWS: usize = 50;

/// What is left of an index under some filters.
#[derive(Debug)]
pub struct Selection<'a> {
    index: &'a Index,
    wanted: Wanted,
    /// Rows in the order that was asked for.
    rows: Cow<'a, [u32]>,
    /// What the other filters leave in each tile.
    pub counts: Counts,
}

impl<'a> Selection<'a> {
    /// What the filters leave.
    #[must_use]
    pub fn new(index: &'a Index, seen: &Seen, filters: &Filters) -> Self {
        Self::of(index, seen, filters, filters.show.as_slice())
    }

    /// What the filters leave of any of these tiles; of all where none is named.
    #[must_use]
    pub fn of(index: &'a Index, seen: &Seen, filters: &Filters, shows: &[Show]) -> Self {
        let wanted = Wanted::new(index, seen, filters, shows);
        let order = index.ordered(filters.sort);
        // Most people look at everything, which was counted when the index was made.
        let (rows, counts) = if filters.narrow() || !shows.is_empty() {
            let mut counts = Counts::default();
            let is_left = |number: &u32| wanted.count(index, index.head(*number), &mut counts);
            let rows: Vec<u32> = order.iter().copied().filter(is_left).collect();
            (Cow::Owned(rows), counts)
        } else {
            (Cow::Borrowed(order), index.counts)
        };
        Self {
            index,
            wanted,
            rows,
            counts,
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.rows.len()
    }

    /// How many pages they fill; at least one.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.rows.len().div_ceil(ROWS).max(1)
    }

    /// The rows of that page, the last one where there are fewer.
    pub fn page(&self, page: usize) -> impl Iterator<Item = &'a Head> {
        let start = (page.clamp(1, self.pages()) - 1) * ROWS;
        let rows = self.rows.iter().skip(start).take(ROWS);
        rows.map(|row| self.index.head(*row))
    }

    /// All rows.
    pub fn heads(&self) -> impl Iterator<Item = &'a Head> {
        self.rows.iter().map(|row| self.index.head(*row))
    }

    /// What is left under a row.
    pub fn units(&self, head: &Head) -> impl Iterator<Item = &'a Unit> {
        let units = self.index.units(head).iter();
        units.filter(|unit| self.wanted.takes(self.index, unit))
    }
}

/// The filters, looked up in an index.
#[derive(Debug)]
struct Wanted {
    shows: Vec<Show>,
    shop: Option<u32>,
    /// `Some(None)`: no product is of such a group.
    group: Option<Option<TextId>>,
    state: Option<State>,
    words: Vec<Word>,
    /// What the pools themselves come to, by their places: whether they are taken, but for the tile.
    pools: Vec<(bool, Group, bool)>,
}

/// A word that is searched for.
#[derive(Debug)]
struct Word {
    /// Which texts hold it.
    holding: Vec<bool>,
    id: Option<i64>,
}

impl Wanted {
    fn new(index: &Index, seen: &Seen, filters: &Filters, shows: &[Show]) -> Self {
        let shop = filters.instance.as_deref().and_then(|name| {
            let place = seen.instances.iter().position(|shop| *shop.name == *name)?;
            u32::try_from(place).ok()
        });
        let mut wanted = Self {
            shows: shows.to_vec(),
            shop,
            group: filters.group.as_deref().map(|name| index.group(name)),
            state: filters.state,
            words: words(&filters.q)
                .map(|word| Word {
                    id: nameless::number(&word),
                    holding: index.texts().holding(&word),
                })
                .collect(),
            pools: Vec::new(),
        };
        let pools = seen.pools.pools.iter().map(|pool| {
            let named = |word: &str| folded(&pool.name).contains(word);
            let taken = wanted.group.is_none()
                && filters
                    .instance
                    .as_ref()
                    .is_none_or(|name| pool.shops.iter().any(|shop| **shop == **name))
                && wanted.state.is_none_or(|state| state == State::of(pool.level))
                && words(&filters.q).all(|word| named(&word));
            (taken, pools::group(pool), pools::is_soon(pool))
        });
        wanted.pools = pools.collect();
        wanted
    }

    /// Counts what the row holds, and says whether anything of it is left.
    fn count(&self, index: &Index, head: &Head, counts: &mut Counts) -> bool {
        let mut left = false;
        let own = match head.anchor {
            Anchor::Product { .. } => None,
            Anchor::Pool(place) => self.pools.get(place as usize),
        };
        if let Some((true, group, soon)) = own {
            counts.add(*group, *soon);
            left |= self.is_shown(*group, *soon);
        }
        for unit in index.units(head) {
            if self.takes_any(index, unit) {
                // What a pool speaks for counts with the pool.
                if own.is_none() {
                    counts.add(unit.group, unit.soon);
                }
                left |= self.is_shown(unit.group, unit.soon);
            }
        }
        left
    }

    fn takes(&self, index: &Index, unit: &Unit) -> bool {
        self.is_shown(unit.group, unit.soon) && self.takes_any(index, unit)
    }

    fn is_shown(&self, group: Group, soon: bool) -> bool {
        self.shows.is_empty() || self.shows.iter().any(|show| show.is(group, soon))
    }

    /// Whether it is left, whatever its tile.
    fn takes_any(&self, index: &Index, unit: &Unit) -> bool {
        self.shop.is_none_or(|shop| shop == unit.shop)
            && self.group.is_none_or(|group| group == Some(unit.of()))
            && self.state.is_none_or(|state| state == unit.state)
            && self.words.iter().all(|word| word.is_of(index, unit))
    }
}

impl Word {
    fn is_of(&self, index: &Index, unit: &Unit) -> bool {
        let holds = |text: &TextId| self.holding.get(*text as usize).is_some_and(|holds| *holds);
        unit.names().iter().any(holds) || self.id == Some(unit.id()) || index.folded(unit).iter().any(holds)
    }
}
