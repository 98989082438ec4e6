//! Those who need more of a pool than one: a series for each distinct need, so that what is left but does not suffice
//! for them is told once.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::alerting::pooling::Pooling;
use crate::domain::alerting::pools::need_of;
use crate::domain::alerting::series::Observed;
use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Mode;
use crate::domain::alerting::telling::Taken;
use crate::domain::alerting::telling::Telling;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::pool::Pool;

/// The most distinct needs of a pool that are followed, the smallest of them; who needs more speaks for itself.
const FOLLOWED: usize = 20;

/// What is to be said of a need, once the pool itself was told of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// It is there; whether a figure of it is `fresh`.
    Speak { observed: Observed, fresh: bool },
    /// Nobody on offer needs as many any more.
    Withdraw,
    /// It was gone before.
    Nothing,
}

impl Pooling<'_> {
    /// Moves the series of all needs to what is left now; what is then to be said of each, in their order.
    pub(super) fn observe_needs(
        &mut self,
        pool: &mut Tracked,
        figure: &Pool,
        last_look: Timestamp,
    ) -> Vec<Step> {
        let wanted = wanted(figure);
        for need in &wanted {
            self.make_need(pool, *need);
        }
        let known = figure.level.known();
        let mut all = std::mem::take(&mut pool.combinations);
        let mut steps = Vec::with_capacity(all.len());
        for one in &mut all {
            let need = need_of(&one.key);
            // While a shop is not counted, nobody can tell that its orders no longer take as many.
            let there = wanted.contains(&need) || (known.is_none() && !one.gone);
            steps.push(match (there, one.gone) {
                (true, _) => {
                    let left = known.map(|left| left.div_euclid(need.max(1)));
                    self.moved(pool, one, left.map_or(Level::Unknown, Level::Known), last_look)
                }
                (false, false) => Step::Withdraw,
                (false, true) => Step::Nothing,
            });
        }
        pool.combinations = all;
        steps
    }

    /// A series for the need, where there is none.
    fn make_need(&mut self, pool: &mut Tracked, need: i64) {
        let key = CombinationKey::new(vec![(0, need)]);
        if let Err(at) = pool.combinations.binary_search_by(|known| known.key.cmp(&key)) {
            let number = self.take_number();
            let fresh = Combination {
                key,
                label: format!("orders that take {need}").into(),
                bottleneck: None,
                effective: Arc::clone(&pool.effective),
                gone: false,
                series: SeriesState::first(number, Level::Unknown, &pool.effective, self.reading.now),
            };
            pool.combinations.insert(at, fresh);
        }
    }

    fn moved(&mut self, pool: &Tracked, one: &mut Combination, level: Level, last_look: Timestamp) -> Step {
        if one.gone {
            one.gone = false;
            one.series.fingerprint = pool.effective.fingerprint;
        }
        one.effective = Arc::clone(&pool.effective);
        let fresh = one.series.last_level.is_none();
        let now = self.reading.now;
        let observed = one.series.observe(level, &pool.effective, None, last_look, now);
        if let Some(moved) = observed.moved {
            self.series_event(pool, Some(&one.key), &one.series, moved);
        }
        Step::Speak { observed, fresh }
    }

    /// Tells of the needs; the pool speaks for those that are no worse than it is, or than who needs less.
    pub(super) fn tell_needs(
        &mut self,
        pool: &mut Tracked,
        before: Option<&Tracked>,
        steps: Vec<Step>,
        telling: &mut Telling<'_>,
    ) {
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Speak { observed, fresh } => {
                    let introduced = &self.next.memory.source.baselined;
                    let mode = Mode::Speak {
                        rule_changed: observed.rule_changed,
                    };
                    let need = &pool.combinations[at];
                    let known = |known: &&Combination| known.series.number == need.series.number;
                    let before = before.and_then(|before| before.combinations.iter().find(known));
                    let taken = Taken {
                        before: before.map(|before| &before.series),
                        moved: observed.moved,
                    };
                    let series = telling.need(pool, need, mode, taken, fresh, introduced);
                    pool.combinations[at].series = series;
                }
                Step::Withdraw => self.end_need(pool, at, telling),
                Step::Nothing => {}
            }
        }
    }

    /// Takes back what was said of any of them: the pool is no longer there.
    pub(super) fn end_needs(&mut self, pool: &mut Tracked, telling: &mut Telling<'_>) {
        for at in 0..pool.combinations.len() {
            if !pool.combinations[at].gone {
                self.end_need(pool, at, telling);
            }
        }
    }

    fn end_need(&mut self, pool: &mut Tracked, at: usize, telling: &mut Telling<'_>) {
        let mut one = pool.combinations[at].clone();
        one.series = telling.need(pool, &one, Mode::Withdraw, Taken::default(), false, &[]);
        one.gone = true;
        if let Some(moved) = one.series.close(self.reading.now) {
            self.series_event(pool, Some(&one.key), &one.series, moved);
        }
        pool.combinations[at] = one;
    }
}

/// The distinct needs above one that are followed, ascending.
fn wanted(figure: &Pool) -> Vec<i64> {
    let needs = figure.by_need.iter().rev().map(|(need, _)| *need);
    needs.filter(|need| *need > 1).take(FOLLOWED).collect()
}
