//! When to look because of hints: coalesced for one shop, never more often than configured, never past a back-off.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::catalogue::ProductId;

/// The most products that are named; of more, all are meant.
pub const NAMED: usize = 100;
/// How long after a hint the shop has surely written what the hint was about: WHMCS calls its hooks before that.
const SECOND_LOOK: Duration = Duration::from_secs(5);
/// The longest that further hints put a second look off.
const SECOND_LOOK_AT_LAST: Duration = Duration::from_secs(15);

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    /// At most [`NAMED`], at least one.
    Only(BTreeSet<ProductId>),
}

impl Scope {
    /// These products; all where none is named, or too many.
    pub fn of(products: impl IntoIterator<Item = ProductId>) -> Self {
        let products: BTreeSet<ProductId> = products.into_iter().take(100 * NAMED).collect();
        if products.is_empty() || products.len() > NAMED {
            Self::All
        } else {
            Self::Only(products)
        }
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(some), Self::Only(more)) => Self::of(some.into_iter().chain(more)),
            (Self::All, Self::All | Self::Only(_)) | (Self::Only(_), Self::All) => Self::All,
        }
    }
}

/// When a hint leads to a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// At once; where a poll is under way, after it.
    Now,
    /// After this long, together with what comes until then.
    In(Duration),
    /// Not before the next poll of the schedule: there was none yet, or the last one failed.
    WithTheNextPoll,
}

/// What one shop is wanted to be looked at for.
#[derive(Debug)]
pub struct Wanted {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// Between the beginnings of two looks that hints led to.
    distance: Duration,
    /// The last poll went well: hints may lead to looks of their own.
    ready: bool,
    /// What hints named since the last look.
    hinted: Option<Scope>,
    /// A person asks for all, and means it while the shop fails, too.
    asked: bool,
    again: Option<Again>,
    /// When the last look that hints led to began.
    last: Option<Instant>,
}

/// What is looked at a second time: the first look may have come before the change.
#[derive(Debug, Clone)]
struct Again {
    scope: Scope,
    /// When the first and the last of these were looked at.
    first: Instant,
    last: Instant,
}

impl Again {
    fn due(&self) -> Instant {
        (self.last + SECOND_LOOK).min(self.first + SECOND_LOOK_AT_LAST)
    }
}

impl Wanted {
    /// Nothing is wanted; looks begin at least `distance` after each other.
    #[must_use]
    pub fn new(distance: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                distance,
                ready: false,
                hinted: None,
                asked: false,
                again: None,
                last: None,
            }),
            changed: Notify::new(),
        }
    }

    /// Another distance holds from now on.
    pub fn set_distance(&self, distance: Duration) {
        self.state().distance = distance;
        self.changed.notify_one();
    }

    /// A hint came.
    pub fn hint(&self, scope: Scope, now: Instant) -> Plan {
        let mut state = self.state();
        state.hinted = Some(match state.hinted.take() {
            Some(before) => before.and(scope),
            None => scope,
        });
        self.changed.notify_one();
        state.plan(now)
    }

    /// A person asks for a look at all.
    pub fn ask(&self, now: Instant) -> Plan {
        let mut state = self.state();
        state.asked = true;
        self.changed.notify_one();
        state.plan(now)
    }

    /// Waits until a look is due. Nothing is lost where the wait is given up.
    pub async fn due(&self) {
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let due = self.state().due(now);
            match due {
                Some(due) if due <= now => return,
                Some(due) => tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep_until(due) => return,
                },
                None => changed.await,
            }
        }
    }

    /// What to look at now, where a look is due; it counts as begun.
    pub fn begin(&self, now: Instant) -> Option<Scope> {
        let mut state = self.state();
        if state.due(now).is_none_or(|due| due > now) {
            return None;
        }
        state.last = Some(now);
        let asked = std::mem::take(&mut state.asked);
        let hinted = state.hinted.take();
        let again = state.repeat(hinted.clone(), now);
        let scopes = [asked.then_some(Scope::All), hinted, again];
        scopes.into_iter().flatten().reduce(Scope::and)
    }

    /// A poll of the schedule begins: it sees all that was hinted at.
    pub fn scheduled(&self, now: Instant) {
        let mut state = self.state();
        state.asked = false;
        let hinted = state.hinted.take();
        state.repeat(hinted, now);
    }

    /// A poll ended. While the shop fails, hints wait for the schedule.
    pub fn ended(&self, well: bool) {
        self.state().ready = well;
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When a look may begin, at `now` where nothing holds it up; `None` while nothing is wanted, or it has to wait for
    /// the schedule.
    fn due(&self, now: Instant) -> Option<Instant> {
        let wanted = if self.asked || (self.ready && self.hinted.is_some()) {
            self.last
        } else if self.ready {
            Some(self.again.as_ref()?.due())
        } else {
            return None;
        };
        let free = self.last.map(|last| last + self.distance);
        Some(free.max(wanted).unwrap_or(now))
    }

    fn plan(&self, now: Instant) -> Plan {
        match self.due(now) {
            Some(due) if due > now => Plan::In(due - now),
            Some(_) => Plan::Now,
            None => Plan::WithTheNextPoll,
        }
    }

    /// Notes that `hinted` is looked at now for the first time. What is looked at for the second time now.
    fn repeat(&mut self, hinted: Option<Scope>, now: Instant) -> Option<Scope> {
        let due = self.again.take_if(|again| again.due() <= now);
        let scope = due.as_ref().map(|again| again.scope.clone());
        // Put off too long: what was looked at just now has its second look still before it.
        self.again = self.again.take().or_else(|| {
            let young = due.filter(|again| again.last + SECOND_LOOK > now)?;
            Some(Again { first: now, ..young })
        });
        if let Some(hinted) = hinted {
            self.again = Some(match self.again.take() {
                Some(again) => Again {
                    scope: again.scope.and(hinted),
                    first: again.first,
                    last: now,
                },
                None => Again {
                    scope: hinted,
                    first: now,
                    last: now,
                },
            });
        }
        scope
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn only(products: &[i64]) -> Scope {
        Scope::of(products.iter().copied())
    }

    struct World {
        wanted: Wanted,
        start: Instant,
    }

    impl World {
        fn new(distance: u64) -> Self {
            let world = Self {
                wanted: Wanted::new(Duration::from_secs(distance)),
                start: Instant::now(),
            };
            world.wanted.scheduled(world.start);
            world.wanted.ended(true);
            world
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn hint(&self, seconds: u64, products: &[i64]) -> Plan {
            self.wanted.hint(only(products), self.at(seconds))
        }

        /// The looks that begin from one second to before another.
        fn looks(&self, seconds: std::ops::Range<u64>) -> Vec<(u64, Scope)> {
            let look = |second| Some((second, self.wanted.begin(self.at(second))?));
            seconds.filter_map(look).collect()
        }
    }

    #[test]
    fn the_first_hint_is_followed_at_once_and_looked_at_again_at_the_end_of_the_distance() {
        let world = World::new(10);
        assert_eq!(world.hint(100, &[42]), Plan::Now);
        assert_eq!(world.looks(100..200), [(100, only(&[42])), (110, only(&[42]))]);
    }

    #[test]
    fn what_comes_within_the_distance_leads_to_one_look_at_its_end() {
        let world = World::new(10);
        assert_eq!(world.hint(100, &[1]), Plan::Now);
        assert_eq!(world.looks(100..101), [(100, only(&[1]))]);
        for product in 2..9 {
            assert_eq!(world.hint(103, &[product]), Plan::In(Duration::from_secs(7)));
        }
        assert_eq!(
            world.looks(101..200),
            [
                (110, only(&[1, 2, 3, 4, 5, 6, 7, 8])),
                (120, only(&[2, 3, 4, 5, 6, 7, 8]))
            ]
        );
    }

    #[test]
    fn without_a_distance_each_hint_is_followed_and_looked_at_again_once_it_is_calm() {
        let world = World::new(0);
        let mut looks = Vec::new();
        for second in 100..104 {
            assert_eq!(world.hint(second, &[1]), Plan::Now);
            looks.extend(world.looks(second..second + 1));
        }
        assert_eq!(looks.len(), 4);
        assert_eq!(world.looks(104..200), [(108, only(&[1]))]);
    }

    #[test]
    fn a_stream_of_hints_does_not_put_the_second_look_off_for_ever() {
        let world = World::new(0);
        assert_eq!(world.hint(100, &[7]), Plan::Now);
        let mut seen = Vec::new();
        for second in 100..130 {
            world.hint(second, &[1]);
            seen.extend(world.looks(second..second + 1));
        }
        let of_seven = seen
            .iter()
            .filter(|(_, scope)| matches!(scope, Scope::Only(ids) if ids.contains(&7)));
        let seconds: Vec<u64> = of_seven.map(|(second, _)| *second).collect();
        assert_eq!(seconds[..2], [100, 115]);
    }

    #[test]
    fn while_the_shop_fails_hints_wait_for_the_schedule_and_people_do_not() {
        let world = World::new(10);
        world.wanted.ended(false);
        assert_eq!(world.hint(100, &[1]), Plan::WithTheNextPoll);
        assert_eq!(world.looks(100..200), []);
        assert_eq!(world.wanted.ask(world.at(200)), Plan::Now);
        assert_eq!(world.looks(200..201), [(200, Scope::All)]);
        assert_eq!(world.wanted.ask(world.at(203)), Plan::In(Duration::from_secs(7)));
        world.wanted.scheduled(world.at(205));
        world.wanted.ended(false);
        assert_eq!(world.looks(205..300), []);
        world.wanted.scheduled(world.at(300));
        world.wanted.ended(true);
        assert_eq!(world.looks(300..400), []);
    }

    #[test]
    fn a_poll_of_the_schedule_sees_what_was_hinted_at_and_is_followed_by_the_second_look() {
        let world = World::new(10);
        world.wanted.ended(false);
        world.hint(100, &[1]);
        world.wanted.scheduled(world.at(100));
        world.wanted.ended(true);
        assert_eq!(world.looks(100..200), [(105, only(&[1]))]);
    }

    #[test]
    fn unnamed_products_and_too_many_are_all() {
        let world = World::new(10);
        world.hint(100, &[]);
        assert_eq!(world.looks(100..101), [(100, Scope::All)]);
        for product in 0..=i64::try_from(NAMED).unwrap() {
            world.hint(105, &[product]);
        }
        assert_eq!(world.looks(105..115), [(110, Scope::All)]);
    }

    #[tokio::test]
    async fn a_wait_ends_when_a_look_is_due_and_not_before() {
        let distance = Duration::from_millis(200);
        let wanted = Wanted::new(distance);
        let start = Instant::now();
        wanted.scheduled(start);
        wanted.ended(true);
        let hint = async { wanted.hint(Scope::All, Instant::now()) };
        tokio::join!(wanted.due(), hint);
        let began = Instant::now();
        assert_eq!(wanted.begin(began), Some(Scope::All));
        wanted.hint(only(&[1]), Instant::now());
        wanted.due().await;
        assert!(began.elapsed() >= distance);
        assert_eq!(wanted.begin(Instant::now()), Some(only(&[1])));
    }

    proptest! {
        #[test]
        fn looks_never_come_closer_than_the_distance_and_every_hint_is_followed(
            distance in 0u64..20,
            hints in proptest::collection::vec((0u64..200, proptest::collection::vec(1i64..5, 0..3)), 1..40)
        ) {
            let world = World::new(distance);
            let mut seen: Vec<(u64, Scope)> = Vec::new();
            for second in 0..400 {
                for (_, products) in hints.iter().filter(|(at, _)| *at == second) {
                    world.hint(second, products);
                }
                seen.extend(world.looks(second..second + 1));
            }
            for two in seen.windows(2) {
                prop_assert!(two[1].0 - two[0].0 >= distance.max(1), "{seen:?}");
            }
            for (at, products) in &hints {
                let covers = |scope: &Scope| match scope {
                    Scope::All => true,
                    Scope::Only(ids) => !products.is_empty() && products.iter().all(|id| ids.contains(id)),
                };
                let soon = |since: u64, least: u64, most: u64| {
                    seen.iter().any(|(s, scope)| (since + least..=since + most).contains(s) && covers(scope))
                };
                prop_assert!(soon(*at, 0, distance), "{at} {products:?} {seen:?}");
                prop_assert!(soon(*at, 5, 2 * distance + 20), "again: {at} {products:?} {seen:?}");
            }
        }
    }
}
