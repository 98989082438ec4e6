//! The pools of all shops: what is remembered of each, what every shop takes of them, and what that leaves.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::alerting::lost;
use crate::domain::alerting::lost::Held;
use crate::domain::alerting::lost::Holder;
use crate::domain::alerting::lost::Lost;
use crate::domain::alerting::lost::There;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::Rule;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::rules::StableHasher;
use crate::domain::alerting::state::Drawn;
use crate::domain::alerting::state::EverRead;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Stand;
use crate::domain::alerting::state::Tracked;
use crate::domain::capacity::Capacities;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::ProductId;
use crate::domain::draw::Draw;
use crate::domain::draw::Uses;
use crate::domain::nameless::called;
use crate::domain::pattern::Pattern;
use crate::domain::pool::Board;
use crate::domain::pool::Pool;
use crate::domain::pool::PoolRule;
use crate::domain::pool::PoolUser;
use crate::domain::pool::Standing;
use crate::domain::pool::USERS_KEPT;
use crate::domain::pool::User;
use crate::domain::stand::Severity;

/// Everything remembered of the pools.
#[derive(Debug, Clone, Default)]
pub struct Pools {
    /// Each pool as a series, ascending by its number, which is its id; the gone ones too. `group` is the shop whose
    /// poll showed how it stands, `group_id` its capacity; channels that heard of pools stand as `baselined`.
    pub memory: Memory,
    /// All configured shops, in the order of the configuration.
    pub shops: Vec<ShopParts>,
    /// Shops that are no longer configured, of which parts are remembered.
    pub departed: Vec<ShopParts>,
}

/// What is known of one shop's services that draw on pools.
#[derive(Debug, Clone)]
pub struct ShopParts {
    pub instance: Arc<str>,
    /// Counts older than this are not relied on: three of its typical intervals.
    pub stale_after: Duration,
    /// When it was last read; `None` where it never was.
    pub observed_at: Option<Timestamp>,
    /// One for each pool that concerns it, as counted then.
    pub parts: Vec<Arc<Part>>,
}

/// What one shop takes of one pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The pool's name.
    pub pool: Arc<str>,
    /// Of the uses under which it was counted.
    pub fingerprint: u64,
    /// What all its services take; `None` while that is not known.
    pub used: Option<i64>,
    /// Whose services are not counted, by name; "" where all are.
    pub uncounted: String,
    /// Whether a product or choice of the shop ever matched one of these uses.
    pub matched: bool,
    /// Whose services take of it.
    pub holders: Vec<Holder>,
    /// Whose services took of it and are missed.
    pub lost: Vec<Lost>,
    /// Those on offer, the greatest need first; at most [`USERS_KEPT`].
    pub users: Vec<User>,
    /// How many on offer need how many; the greatest need first.
    pub by_need: Vec<(i64, usize)>,
    /// How many products need how many at most; the greatest need first.
    pub products: Vec<(i64, usize)>,
}

impl Pools {
    /// Nothing but the shops.
    #[must_use]
    pub fn of(shops: Vec<ShopParts>) -> Self {
        Self {
            shops,
            ..Self::default()
        }
    }

    /// What is remembered of the pool of that name.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&Arc<Tracked>> {
        self.memory
            .products
            .iter()
            .find(|tracked| tracked.name.raw() == name)
    }

    /// The shop of that name.
    #[must_use]
    pub fn shop(&self, instance: &str) -> Option<&ShopParts> {
        self.shops.iter().find(|shop| &*shop.instance == instance)
    }

    /// Gives each pool of a memory read from the store what holds for it now.
    pub fn attach(&mut self, rules: &Rules, capacities: &Capacities) {
        for tracked in &mut self.memory.products {
            let rule = capacities
                .pools
                .iter()
                .find(|rule| rule.name == tracked.name.raw());
            let effective = rule.map_or_else(|| rules.global(), |rule| rules.of_pool(rule));
            let tracked = Arc::make_mut(tracked);
            for need in &mut tracked.combinations {
                need.effective = Arc::clone(&effective);
            }
            tracked.effective = effective;
            tracked.epoch = rules.epoch;
        }
    }

    /// The pools as they stand at `now`, from what is remembered alone.
    #[must_use]
    pub fn board(&self, capacities: &Capacities, now: Timestamp) -> Board {
        let mut board = self.figures(capacities, now);
        self.stand(&mut board);
        board
    }

    /// What is left of each configured pool at `now`.
    pub(super) fn figures(&self, capacities: &Capacities, now: Timestamp) -> Board {
        let figure = |rule| self.figure(rule, now);
        Board {
            pools: capacities.pools.iter().map(figure).collect(),
        }
    }

    /// The places of the other shops without whose counts a pool of this shop cannot be told at `now`: those that were
    /// not read since the pool is as it is, or too long ago.
    #[must_use]
    pub fn unread_beside(&self, instance: &str, capacities: &Capacities, now: Timestamp) -> Vec<usize> {
        let known = self.shop(instance);
        let own =
            |rule: &&PoolRule| known.map_or_else(|| rule.concerns(instance), |shop| shop.is_concerned(rule));
        let unread = |shop: &ShopParts, rule: &PoolRule| {
            shop.is_concerned(rule) && !(shop.has_read(rule) && shop.is_fresh(now))
        };
        let shops = self.shops.iter().enumerate();
        let unread = shops.filter(|(_, shop)| {
            let mut pools = capacities.pools.iter().filter(own);
            *shop.instance != *instance && pools.any(|rule| unread(shop, rule))
        });
        unread.map(|(place, _)| place).collect()
    }

    /// Whether the pool ever had a figure.
    fn ever_read(&self, rule: &PoolRule) -> EverRead {
        let mut concerned = self.shops.iter().filter(|shop| shop.is_concerned(rule));
        if self
            .pool(&rule.name)
            .is_some_and(|pool| pool.series.last_level.is_some())
        {
            EverRead::Yes
        } else if concerned.any(|shop| !shop.has_read(rule)) {
            EverRead::NotYet
        } else {
            EverRead::Cannot
        }
    }

    /// Adds how each pool stands as a series.
    pub(super) fn stand(&self, board: &mut Board) {
        for pool in &mut board.pools {
            let tracked = self.pool(&pool.name).filter(|tracked| !tracked.gone);
            let level = pool.level.known();
            pool.cover = tracked
                .zip(level)
                .and_then(|(tracked, level)| self.memory.forecasts.cover(tracked.series.number, level));
            pool.standing = tracked.map(|tracked| standing(tracked));
        }
    }

    /// A hash of the pool's capacity, its uses, and the configured shops that they are for.
    fn definition(&self, rule: &PoolRule) -> u64 {
        let mut hasher = StableHasher::default();
        hasher.write_i64(rule.capacity);
        let mut shops: Vec<&str> = self.shops.iter().map(|shop| &*shop.instance).collect();
        shops.sort_unstable();
        for shop in shops.into_iter().filter(|shop| rule.concerns(shop)) {
            hasher.write(shop.as_bytes());
            hasher.write_u64(fingerprint(rule, shop));
        }
        hasher.finish()
    }

    fn figure(&self, rule: &PoolRule, now: Timestamp) -> Pool {
        let mut pool = Pool::new(&rule.name, rule.capacity);
        pool.definition = self.definition(rule);
        let mut used = Some(0i64);
        let mut by_need = ByNeed::new();
        let mut products = ByNeed::new();
        for shop in self.shops.iter().filter(|shop| shop.is_concerned(rule)) {
            pool.observed_at = pool.observed_at.max(shop.observed_at);
            let part = shop.part(rule);
            let taken = shop.taken(part, now);
            if let Err(why) = &taken
                && pool.unknown.is_empty()
            {
                pool.unknown.clone_from(why);
            }
            used = used.zip(taken.ok()).map(|(sum, part)| sum.saturating_add(part));
            if let Some(part) = part {
                pool.users.extend(part.users.iter().cloned());
                add(&mut by_need, &part.by_need);
                add(&mut products, &part.products);
                if part.used != Some(0) || !part.by_need.is_empty() {
                    pool.shops.push(Arc::clone(&shop.instance));
                }
            }
        }
        if let Some(shop) = self.departed.iter().find(|shop| shop.is_missed(rule)) {
            used = None;
            pool.unknown = format!(
                "{} is no longer configured, and its services are not counted. Take it out of the pool's uses.",
                shop.instance
            );
        }
        pool.users.sort_by_key(|user| Reverse(user.need));
        pool.by_need = listed(by_need);
        pool.products = listed(products);
        pool.used = used;
        pool.level = used.map_or(Level::Unknown, |used| {
            Level::Known(rule.capacity.saturating_sub(used))
        });
        pool
    }
}

impl ShopParts {
    /// A shop that was never read.
    #[must_use]
    pub fn new(instance: &str, stale_after: Duration) -> Self {
        Self {
            instance: instance.into(),
            stale_after,
            observed_at: None,
            parts: Vec::new(),
        }
    }

    /// Whether its services count: a use names it, or one for all shops ever matched something of it. Before it was
    /// read under these uses, that may be.
    #[must_use]
    pub fn is_concerned(&self, rule: &PoolRule) -> bool {
        let matched = || self.part(rule).is_none_or(|part| part.matched);
        rule.names(&self.instance) || (rule.concerns(&self.instance) && matched())
    }

    /// Whether it is no longer configured though a use names it and its services took of the pool.
    fn is_missed(&self, rule: &PoolRule) -> bool {
        let took = |part: &Part| part.used != Some(0);
        rule.names(&self.instance) && self.part(rule).is_some_and(took)
    }

    /// Its part of the pool, where it was counted under the same uses.
    pub(super) fn part(&self, rule: &PoolRule) -> Option<&Part> {
        let fingerprint = fingerprint(rule, &self.instance);
        let same = |part: &&Arc<Part>| *part.pool == *rule.name && part.fingerprint == fingerprint;
        self.parts.iter().find(same).map(|part| &**part)
    }

    /// Whether it was read since the pool is as it is, however long ago.
    fn has_read(&self, rule: &PoolRule) -> bool {
        self.observed_at.is_some() && self.part(rule).is_some()
    }

    /// Whether it was read within the time that its counts are relied on.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let limit = SignedDuration::try_from(self.stale_after).unwrap_or(SignedDuration::MAX);
        self.observed_at.is_some_and(|at| now.duration_since(at) <= limit)
    }

    /// What its services take, or why that is not known.
    fn taken(&self, part: Option<&Part>, now: Timestamp) -> Result<i64, String> {
        let shop = &self.instance;
        let Some(observed_at) = self.observed_at else {
            return Err(format!("{shop} was never read."));
        };
        let Some(part) = part else {
            return Err(format!("{shop} was not read since the pool is as it is."));
        };
        if !self.is_fresh(now) {
            return Err(format!(
                "{shop} was last read on {}, more than three of its intervals ago.",
                observed_at.strftime("%Y-%m-%d at %H:%M UTC")
            ));
        }
        if let Some(lost) = part.lost.first() {
            return Err(format!(
                "{shop}: nobody counts {lost}. Change the pool's uses to what is meant."
            ));
        }
        part.used.ok_or_else(|| {
            let whose = &part.uncounted;
            format!("{shop}: the services of {whose} are not counted (the companion counts them).")
        })
    }
}

/// Numbers of users or products by what they need, the greatest need first.
type ByNeed = BTreeMap<Reverse<i64>, usize>;

fn add(sum: &mut ByNeed, part: &[(i64, usize)]) {
    for (need, users) in part {
        *sum.entry(Reverse(*need)).or_default() += users;
    }
}

fn listed(by_need: ByNeed) -> Vec<(i64, usize)> {
    let needs = by_need.into_iter();
    needs.map(|(Reverse(need), users)| (need, users)).collect()
}

/// How a remembered pool stands, as plain values.
fn standing(tracked: &Tracked) -> Standing {
    let needs = tracked.combinations.iter().filter(|need| !need.gone);
    let needs = needs.map(|need| {
        let size = need_of(&need.key);
        let alert_id = format!("{}/{size}", alert_id(tracked));
        (size, standing_of(tracked, &need.series, alert_id))
    });
    Standing {
        needs: needs.collect(),
        ..standing_of(tracked, &tracked.series, alert_id(tracked))
    }
}

fn standing_of(tracked: &Tracked, series: &SeriesState, alert_id: String) -> Standing {
    Standing {
        alert_id,
        instance: shown_by(tracked).to_owned(),
        severity: series.severity,
        since: series.since,
        started_at: series.started_at,
        last_level: series.last_level,
        last_known_at: series.last_known_at,
        previous_level: series.previous_level,
        thresholds: tracked.effective.thresholds.clone(),
        told: series
            .told
            .iter()
            .map(|told| told.severity)
            .max()
            .unwrap_or_default(),
        needs: Vec::new(),
    }
}

/// How many of the pool the orders take that a series of it is about, as its key has it: `0=3`.
pub(super) fn need_of(key: &CombinationKey) -> i64 {
    key.pairs().first().map_or(0, |(_, need)| *need)
}

/// `pool:NAME`; stable over the pool's life.
pub(super) fn alert_id(pool: &Tracked) -> String {
    format!("pool:{}", pool.name.raw())
}

/// The shop whose poll showed how the pool stands.
pub(super) fn shown_by(pool: &Tracked) -> &str {
    pool.group.as_ref().map_or("", Name::raw)
}

/// A product as it draws on pools.
pub(super) struct Drawer<'a> {
    pub id: ProductId,
    pub name: &'a Name,
    pub drawn: &'a Drawn,
    /// Whether it never alerts (retired, or hidden and ignored): it is not held back then, though its services count.
    pub silent: bool,
}

/// What a shop takes of each pool that concerns it.
pub(super) fn parts<'a>(
    rules: &[PoolRule],
    uses: &Uses<'_>,
    instance: &Arc<str>,
    last: Option<&ShopParts>,
    drawers: impl Iterator<Item = Drawer<'a>>,
    there: &dyn Fn(ProductId) -> There<'a>,
) -> Vec<Part> {
    let mut counting: Vec<Counting> = rules.iter().map(|_| Counting::default()).collect();
    for drawer in drawers {
        for pool in &drawer.drawn.unseen {
            counting[*pool].miss(drawer.id, drawer.name);
            counting[*pool].matched = true;
        }
        for draw in drawer.drawn.draws.iter() {
            let counting = &mut counting[draw.pool];
            counting.hold(&drawer, draw);
            match draw.taken() {
                Some(taken) => counting.used = counting.used.saturating_add(taken),
                None => counting.miss(drawer.id, drawer.name),
            }
        }
        if !drawer.silent {
            for taker in drawer.drawn.takers.iter() {
                let counting = &mut counting[taker.pool];
                counting.takes(drawer.id, taker.need);
                counting.users.push(User {
                    instance: Arc::clone(instance),
                    product_id: drawer.id,
                    product: drawer.name.clone(),
                    choice: taker.label.clone(),
                    need: taker.need,
                });
            }
        }
    }
    let concerned = |pool: &usize| uses.of_pool(*pool).next().is_some();
    let counted = rules.iter().zip(counting).enumerate();
    counted
        .filter(|(pool, _)| concerned(pool))
        .map(|(_, (rule, counting))| {
            let last = last.and_then(|last| last.part(rule));
            counting.part(rule, instance, last, there)
        })
        .collect()
}

#[derive(Default)]
struct Counting {
    used: i64,
    uncounted: String,
    matched: bool,
    held: Held,
    users: Vec<User>,
    by_need: ByNeed,
    products: ByNeed,
    /// The last product that takes of it, and the most that one order of it takes.
    last: Option<(ProductId, i64)>,
}

impl Counting {
    /// Products come one after the other.
    fn takes(&mut self, product: ProductId, need: i64) {
        *self.by_need.entry(Reverse(need)).or_default() += 1;
        match &mut self.last {
            Some((last, most)) if *last == product => *most = need.max(*most),
            Some(_) | None => {
                self.close_product();
                self.last = Some((product, need));
            }
        }
    }

    fn close_product(&mut self) {
        if let Some((_, most)) = self.last.take() {
            *self.products.entry(Reverse(most)).or_default() += 1;
        }
    }

    fn miss(&mut self, product: ProductId, name: &Name) {
        if self.uncounted.is_empty() {
            self.uncounted = called(name.shown(), product).into_owned();
        }
    }

    fn hold(&mut self, drawer: &Drawer<'_>, draw: &Draw) {
        self.matched = true;
        let holder = Holder {
            product_id: drawer.id,
            product: drawer.name.clone(),
            pair: draw.pair,
            label: draw.label.clone(),
            services: draw.in_use.unwrap_or(-1),
        };
        if holder.services > 0 {
            self.held.holders.push(holder);
        } else {
            self.held.idle.push(holder);
        }
    }

    fn part<'a>(
        mut self,
        rule: &PoolRule,
        instance: &str,
        last: Option<&Part>,
        there: &dyn Fn(ProductId) -> There<'a>,
    ) -> Part {
        self.close_product();
        let before = last.map_or((&[][..], &[][..]), |last| (&last.holders, &last.lost));
        let followed = lost::follow(before, std::mem::take(&mut self.held), there);
        for (product, name) in &followed.unread {
            self.miss(*product, name);
        }
        let all = self.uncounted.is_empty() && followed.lost.is_empty();
        self.users.sort_by_key(|user| Reverse(user.need));
        self.users.truncate(USERS_KEPT);
        Part {
            pool: rule.name.as_str().into(),
            fingerprint: fingerprint(rule, instance),
            used: all.then_some(self.used),
            matched: self.matched || last.is_some_and(|last| last.matched),
            holders: followed.holders,
            lost: followed.lost,
            uncounted: self.uncounted,
            users: self.users,
            by_need: listed(self.by_need),
            products: listed(self.products),
        }
    }
}

/// Of the pool's uses that concern the shop: what was counted under others is worth nothing.
fn fingerprint(rule: &PoolRule, instance: &str) -> u64 {
    let mut hasher = StableHasher::default();
    let write = |hasher: &mut StableHasher, pattern: &Pattern| match pattern {
        Pattern::Id(id) => {
            hasher.write(b"#");
            hasher.write_i64(*id);
        }
        Pattern::Glob(text) => {
            hasher.write(b"~");
            hasher.write(text.as_bytes());
            hasher.write(&[0]);
        }
    };
    for used in rule.uses.iter().filter(|used| used.concerns(instance)) {
        hasher.write_i64(used.need);
        match &used.what {
            PoolUser::Choice { option, choice } => {
                hasher.write(b"c");
                write(&mut hasher, option);
                write(&mut hasher, choice);
            }
            PoolUser::Product(product) => {
                hasher.write(b"p");
                write(&mut hasher, product);
            }
        }
    }
    hasher.finish()
}

impl Rules {
    /// What holds for a pool: its own thresholds and channels, else the global ones. Rules are for products.
    #[must_use]
    pub fn of_pool(&self, pool: &PoolRule) -> Arc<Effective> {
        self.effective_of_rules(&[&Rule {
            origin: format!("pool \"{}\"", pool.name),
            low: pool.low,
            critical: pool.critical,
            channels: pool.channels.clone(),
            ..Rule::default()
        }])
    }
}

impl Effective {
    /// The same with what pools are among what decides a severity: each as it stands, where the series was last judged
    /// with the rule `judged`, `None` for a new one. A pool that is unknown is added where it was before.
    pub(super) fn under(self: &Arc<Self>, pools: &[Stand], judged: Option<u64>) -> Arc<Self> {
        if pools.is_empty() {
            return Arc::clone(self);
        }
        let mut hasher = StableHasher::default();
        hasher.write_u64(self.fingerprint);
        for pool in pools {
            hasher.write_u64(pool.definition);
        }
        let full = hasher.finish();
        let unknown = pools.iter().any(|pool| pool.level == Level::Unknown);
        if unknown && judged.is_some_and(|judged| judged != full) {
            return Arc::clone(self);
        }
        let mut mixed = (**self).clone();
        mixed.fingerprint = full;
        Arc::new(mixed)
    }
}

impl Tracked {
    /// What WHMCS itself last said of the product, whatever its pools leave.
    pub(super) fn own_level(&self) -> Level {
        match &self.drawn {
            Some(drawn) => drawn.own,
            None => self.series.level,
        }
    }
}

/// How each configured pool stands, by its place among the rules; unknown ones do not speak for anybody. `pools` are
/// what `board` was made of.
pub(crate) fn stands(pools: &Pools, rules: &[PoolRule], board: &Board) -> Vec<Stand> {
    let stand = |(rule, pool): (&PoolRule, &Pool)| Stand {
        read: pools.ever_read(rule),
        level: pool.level,
        definition: pool.definition,
        severity: pool
            .standing
            .as_ref()
            .map_or(Severity::Ok, |standing| standing.severity),
        needs: pool.standing.as_ref().map_or(0, |standing| {
            let mut hasher = StableHasher::default();
            for (need, voice) in &standing.needs {
                hasher.write_i64(*need);
                hasher.write_u8(voice.severity.rank());
            }
            hasher.finish()
        }),
    };
    rules.iter().zip(&board.pools).map(stand).collect()
}
