//! Each pool over time: counted anew in a look of a shop it concerns, moved as a series, and told of once.

use std::hash::Hasher;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::alerting::decision::Change;
use crate::domain::alerting::decision::Event;
use crate::domain::alerting::decision::EventKind;
use crate::domain::alerting::decision::PoolsDecision;
use crate::domain::alerting::lost;
use crate::domain::alerting::lost::Lost;
use crate::domain::alerting::pools::Part;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::pools::ShopParts;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::rules::StableHasher;
use crate::domain::alerting::series::Moved;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Mode;
use crate::domain::alerting::telling::Spoken;
use crate::domain::alerting::telling::Taken;
use crate::domain::alerting::telling::Telling;
use crate::domain::capacity::Capacities;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Name;
use crate::domain::pool::Pool;
use crate::domain::pool::PoolRule;

/// What a look says of the services of its shop.
pub(super) enum Counts {
    /// All of them, as of the look.
    All(Vec<Part>),
    /// All of them, but only some were looked at now: the shop counts as read when it was read whole.
    Some(Vec<Part>),
    /// Nothing that can be relied on: what was counted before stands.
    Unchanged,
}

/// Who evaluates: the shop that was read, and under what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    pub instance: &'a str,
    pub rules: &'a Rules,
    pub capacities: &'a Capacities,
    pub now: Timestamp,
}

/// Evaluates the pools after a look, tells what is new of those that concern its shop, and lets `telling` know how
/// they stand.
pub(super) fn evaluate(
    reading: Reading<'_>,
    before: &Pools,
    counts: Counts,
    telling: &mut Telling<'_>,
) -> PoolsDecision {
    let mut pooling = Pooling {
        reading,
        last_look: last_look(before),
        next: before.clone(),
        changes: Vec::new(),
        events: Vec::new(),
        lost: Vec::new(),
    };
    let (written, dropped) = pooling.take(counts);
    let mut board = pooling.next.figures(reading.capacities, reading.now);
    telling.set_pools(Spoken {
        board: Arc::new(board.clone()),
        pools: Vec::new(),
    });
    let withdrawn = pooling.withdraw(telling);
    for (rule, pool) in reading.capacities.pools.iter().zip(&mut board.pools) {
        if rule.concerns(reading.instance) {
            pool.observed_at = Some(reading.now);
            pooling.observe(rule, pool, telling);
        }
    }
    let concerned = reading.capacities.pools.iter();
    if concerned.clone().any(|rule| rule.concerns(reading.instance)) {
        pooling.introduce(telling);
    }
    pooling.next.stand(&mut board);
    let board = Arc::new(board);
    let concerned = concerned.filter(|rule| rule.concerns(reading.instance));
    telling.set_pools(Spoken {
        board: Arc::clone(&board),
        pools: concerned
            .filter_map(|rule| pooling.next.pool(&rule.name).cloned())
            .collect(),
    });
    let (was, is) = (&before.memory.source, &pooling.next.memory.source);
    PoolsDecision {
        source_changed: was != is,
        board,
        changes: pooling.changes,
        events: pooling.events,
        acks: Vec::new(),
        lost: pooling.lost,
        next: pooling.next,
        written,
        dropped,
        withdrawn,
    }
}

pub(super) struct Pooling<'a> {
    pub(super) reading: Reading<'a>,
    /// When a shop was last read before this look.
    last_look: Option<Timestamp>,
    pub(super) next: Pools,
    changes: Vec<Change>,
    events: Vec<Event>,
    lost: Vec<(Arc<str>, Lost)>,
}

fn last_look(before: &Pools) -> Option<Timestamp> {
    before.shops.iter().filter_map(|shop| shop.observed_at).max()
}

impl Pooling<'_> {
    /// Takes over what the shop uses now: the parts that differ, and the pools of which it has none any more.
    fn take(&mut self, counts: Counts) -> (Vec<Arc<Part>>, Vec<Arc<str>>) {
        let (fresh, whole) = match counts {
            Counts::All(parts) => (parts, true),
            Counts::Some(parts) => (parts, false),
            Counts::Unchanged => return (Vec::new(), Vec::new()),
        };
        let instance = self.reading.instance;
        if self.next.shop(instance).is_none() {
            let unlisted = ShopParts::new(instance, std::time::Duration::MAX);
            self.next.shops.push(unlisted);
        }
        let own = |shop: &&mut ShopParts| *shop.instance == *instance;
        let Some(shop) = self.next.shops.iter_mut().find(own) else {
            return (Vec::new(), Vec::new());
        };
        if whole {
            shop.observed_at = Some(self.reading.now);
        }
        let before = std::mem::take(&mut shop.parts);
        let mut written = Vec::new();
        for part in fresh {
            let same = before.iter().find(|known| ***known == part);
            let part = same.map_or_else(|| Arc::new(part), Arc::clone);
            if same.is_none() {
                let alike =
                    |known: &&Arc<Part>| known.pool == part.pool && known.fingerprint == part.fingerprint;
                let last = before.iter().find(alike).map_or(&[][..], |known| &known.lost);
                let missed = lost::newly(last, &part.lost).into_iter();
                self.lost
                    .extend(missed.map(|lost| (Arc::clone(&part.pool), lost)));
                written.push(Arc::clone(&part));
            }
            shop.parts.push(part);
        }
        let there = |pool: &Arc<str>| shop.parts.iter().any(|part| part.pool == *pool);
        let dropped = before.iter().map(|part| Arc::clone(&part.pool));
        let dropped = dropped.filter(|pool| !there(pool)).collect();
        (written, dropped)
    }

    /// Ends the pools that are no longer configured; their names.
    fn withdraw(&mut self, telling: &mut Telling<'_>) -> Vec<Arc<str>> {
        let configured = |name: &str| self.reading.capacities.pools.iter().any(|rule| rule.name == name);
        let removed: Vec<Arc<Tracked>> = self
            .next
            .memory
            .products
            .iter()
            .filter(|pool| !pool.gone && !configured(pool.name.raw()))
            .cloned()
            .collect();
        for known in &removed {
            let mut pool = (**known).clone();
            pool.series = telling.pool(&pool, Mode::Withdraw, Taken::since(known), false, &[]);
            self.end_needs(&mut pool, telling);
            pool.gone = true;
            if let Some(moved) = pool.series.close(self.reading.now) {
                self.severity_event(&pool, moved);
            }
            self.put(Some(known), pool);
        }
        removed.iter().map(|pool| pool.name.raw().into()).collect()
    }

    /// Moves the series of a configured pool to what is left of it now.
    fn observe(&mut self, rule: &PoolRule, figure: &Pool, telling: &mut Telling<'_>) {
        let known = self.next.pool(&rule.name).cloned();
        let mut effective = self.reading.rules.of_pool(rule);
        let mut defined = StableHasher::default();
        defined.write_u64(effective.fingerprint);
        defined.write_u64(figure.definition);
        Arc::make_mut(&mut effective).fingerprint = defined.finish();
        let now = self.reading.now;
        let shop = || Some(Name::new(self.reading.instance));
        let mut pool = match &known {
            Some(known) => (**known).clone(),
            None => {
                let number = self.take_number();
                Tracked {
                    id: i64::from(number),
                    name: Name::new(&rule.name),
                    group_id: None,
                    group: shop(),
                    hidden: None,
                    retired: None,
                    price: None,
                    controlled: None,
                    missing: 0,
                    gone: false,
                    options_key: 0,
                    per_choice: false,
                    ambiguous_zero: false,
                    bottleneck: None,
                    series: SeriesState::first(number, Level::Unknown, &effective, now),
                    effective: Arc::clone(&effective),
                    combinations: Vec::new(),
                    drawn: None,
                    seen: None,
                    epoch: 0,
                }
            }
        };
        if pool.gone {
            // Nobody heard of it for a while: neither its figures nor the rule of then count.
            pool.gone = false;
            pool.series.fingerprint = effective.fingerprint;
        }
        let fresh = pool.series.last_level.is_none();
        pool.group_id = Some(rule.capacity);
        pool.effective = effective;
        pool.epoch = self.reading.rules.epoch;
        let last_look = self.last_look.unwrap_or(now);
        let observed = pool
            .series
            .observe(figure.level, &pool.effective, None, last_look, now);
        if let Some(moved) = observed.moved {
            pool.group = shop();
            self.severity_event(&pool, moved);
        }
        let needs = self.observe_needs(&mut pool, figure, last_look);
        let mode = Mode::Speak {
            rule_changed: observed.rule_changed,
        };
        let taken = Taken {
            before: known.as_ref().map(|known| &known.series),
            moved: observed.moved,
        };
        let introduced = &self.next.memory.source.baselined;
        pool.series = telling.pool(&pool, mode, taken, fresh, introduced);
        self.tell_needs(&mut pool, known.as_deref(), needs, telling);
        self.put(known.as_ref(), pool);
    }

    /// From now on every channel has heard of pools.
    fn introduce(&mut self, telling: &Telling<'_>) {
        let source = &mut self.next.memory.source;
        let channels = telling.channel_names();
        source.baselined.retain(|name| channels.contains(name));
        for name in channels {
            if !source.baselined.contains(name) {
                source.baselined.push(Arc::clone(name));
            }
        }
    }

    pub(super) fn take_number(&mut self) -> u32 {
        let source = &mut self.next.memory.source;
        let number = source.next_series;
        source.next_series = number.saturating_add(1);
        number
    }

    fn put(&mut self, known: Option<&Arc<Tracked>>, pool: Tracked) {
        let after = Arc::new(pool);
        let pools = &mut self.next.memory.products;
        match pools.binary_search_by_key(&after.id, |pool| pool.id) {
            Ok(at) => pools[at] = Arc::clone(&after),
            Err(at) => pools.insert(at, Arc::clone(&after)),
        }
        if known.is_none_or(|known| !known.is_stored_alike(&after)) {
            self.changes.push(Change {
                before: known.cloned(),
                after,
            });
        }
    }

    fn severity_event(&mut self, pool: &Tracked, moved: Moved) {
        self.series_event(pool, None, &pool.series, moved);
    }

    /// Of the pool itself, or of the orders that take so much of it.
    pub(super) fn series_event(
        &mut self,
        pool: &Tracked,
        need: Option<&CombinationKey>,
        series: &SeriesState,
        moved: Moved,
    ) {
        let name = need.map_or_else(|| "-".to_owned(), ToString::to_string);
        let Moved { from, to, reason } = moved;
        self.events.push(Event {
            key: format!(
                "pools/{}/{name}/{:016x}/{}",
                pool.id, series.fingerprint, series.transition
            ),
            at: self.reading.now,
            kind: EventKind::Severity { from, to, reason },
            product_id: Some(pool.id),
            combination: need.cloned(),
            level: series.last_level,
            previous_level: series.previous_level,
        });
    }
}
