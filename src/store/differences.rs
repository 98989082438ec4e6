//! What a decision changed, sorted into the rows to write.

use crate::domain::alerting::decision::Change;
use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::pool::Bottleneck;
use crate::store::value::Stood;

/// The rows to write, by table.
#[derive(Default)]
pub(crate) struct Differences<'a> {
    pub products: Vec<&'a Tracked>,
    pub past_products: Vec<&'a Tracked>,
    pub series: Vec<SeriesRow<'a>>,
    pub past_labels: Vec<(u32, &'a str)>,
    pub levels: Vec<(u32, Stood)>,
    pub told: Vec<&'a SeriesState>,
    pub new_series: bool,
}

/// A series as its row is written.
#[derive(Clone, Copy)]
pub(crate) struct SeriesRow<'a> {
    pub tracked: &'a Tracked,
    pub combination: Option<&'a Combination>,
    pub state: &'a SeriesState,
    pub gone: bool,
}

impl<'a> SeriesRow<'a> {
    fn of_product(tracked: &'a Tracked) -> Self {
        Self {
            tracked,
            combination: None,
            state: &tracked.series,
            gone: tracked.gone,
        }
    }

    fn of_combination(tracked: &'a Tracked, combination: &'a Combination) -> Self {
        Self {
            tracked,
            combination: Some(combination),
            state: &combination.series,
            gone: combination.gone,
        }
    }

    fn stood(&self) -> Stood {
        if self.gone {
            Stood::Gone
        } else {
            Stood::At(self.state.level)
        }
    }

    pub fn label(&self) -> Option<&'a str> {
        self.combination.map(|combination| &*combination.label)
    }

    pub fn bottleneck(&self) -> Option<&'a Bottleneck> {
        match self.combination {
            Some(combination) => combination.bottleneck.as_ref(),
            None => self.tracked.bottleneck.as_ref(),
        }
    }

    fn same_row(&self, other: &Self) -> bool {
        self.gone == other.gone
            && self.label() == other.label()
            && self.bottleneck() == other.bottleneck()
            && without_told(self.state) == without_told(other.state)
    }
}

/// What channels were told has a table of its own.
fn without_told(state: &SeriesState) -> SeriesState {
    SeriesState {
        told: Vec::new(),
        notes: state.notes.clone(),
        ..*state
    }
}

impl<'a> Differences<'a> {
    /// The rows that the changes call for.
    pub fn of(changes: &'a [Change]) -> Self {
        let mut differences = Self::default();
        for change in changes {
            differences.product(change);
        }
        differences
    }

    fn product(&mut self, change: &'a Change) {
        let after = &*change.after;
        let before = change.before.as_deref();
        match before {
            None => self.products.push(after),
            Some(before) => {
                if !same_product(before, after) {
                    self.products.push(after);
                }
                if !same_for_history(before, after) {
                    self.past_products.push(before);
                }
            }
        }
        self.series(before.map(SeriesRow::of_product), SeriesRow::of_product(after));
        for combination in &after.combinations {
            let earlier = before.and_then(|before| {
                let known = find(&before.combinations, combination)?;
                Some(SeriesRow::of_combination(before, known))
            });
            self.series(earlier, SeriesRow::of_combination(after, combination));
        }
        for combination in before.map_or(&[][..], |before| &before.combinations) {
            // One that was dropped, not marked as gone: its row and its history stay all the same.
            if find(&after.combinations, combination).is_none() {
                let known = SeriesRow::of_combination(after, combination);
                self.series(Some(known), SeriesRow { gone: true, ..known });
            }
        }
    }

    fn series(&mut self, before: Option<SeriesRow<'a>>, after: SeriesRow<'a>) {
        let number = after.state.number;
        let Some(before) = before else {
            self.new_series = true;
            self.series.push(after);
            self.levels.push((number, after.stood()));
            if !after.state.told.is_empty() {
                self.told.push(after.state);
            }
            return;
        };
        if !before.same_row(&after) {
            self.series.push(after);
        }
        if before.stood() != after.stood() {
            self.levels.push((number, after.stood()));
        }
        if before.state.told != after.state.told {
            self.told.push(after.state);
        }
        if let Some(label) = before.label().filter(|_| before.label() != after.label()) {
            self.past_labels.push((number, label));
        }
    }
}

fn find<'a>(combinations: &'a [Combination], wanted: &Combination) -> Option<&'a Combination> {
    combinations
        .binary_search_by(|combination| combination.key.cmp(&wanted.key))
        .ok()
        .map(|index| &combinations[index])
}

fn same_product(a: &Tracked, b: &Tracked) -> bool {
    same_for_history(a, b)
        && a.price == b.price
        && a.controlled == b.controlled
        && a.missing == b.missing
        && a.options_key == b.options_key
        && a.per_choice == b.per_choice
        && a.ambiguous_zero == b.ambiguous_zero
}

fn same_for_history(a: &Tracked, b: &Tracked) -> bool {
    a.name.raw() == b.name.raw()
        && a.group_id == b.group_id
        && group_name(a) == group_name(b)
        && a.hidden == b.hidden
        && a.retired == b.retired
        && (a.missing == 0) == (b.missing == 0)
}

pub(crate) fn group_name(tracked: &Tracked) -> Option<&str> {
    tracked.group.as_ref().map(|group| group.raw())
}
