//! Every series of one moment in the order of the overview, made once for all who look at that moment.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::OnceLock;

use jiff::Timestamp;

use crate::domain::catalogue::Level;
use crate::domain::nameless;
use crate::domain::pool::Bottleneck;
use crate::domain::pool::Pool;
use crate::observe::items::Entry;
use crate::observe::items::entries;
use crate::observe::items::of_product;
use crate::observe::pools::open_alerts;
use crate::observe::view::Seen;
use crate::web::filters::Sort;
use crate::web::filters::State;
use crate::web::fold::Collecting;
use crate::web::fold::TextId;
use crate::web::fold::Texts;
use crate::web::overview::Counts;
use crate::web::overview::Group;
use crate::web::overview::is_soon;
use crate::web::pools;

/// Not there: no combination, no name.
const NONE: u32 = u32::MAX;

/// Everything there is to list, worst first. It holds places in the [`Seen`] it was made of and nothing of it: an old
/// moment's memory goes when that does.
#[derive(Debug, Default)]
pub struct Index {
    /// Worst first.
    heads: Vec<Head>,
    units: Vec<Unit>,
    /// The labels of combinations that stand in their product's row.
    folded: Vec<TextId>,
    texts: Texts,
    /// The product groups, by name.
    groups: Vec<(Box<str>, TextId)>,
    /// How many series, and pools, stand where; what a pool speaks for counts with the pool.
    pub counts: Counts,
    /// How many alerts are open, as the page of alerts lists them.
    pub alerts: usize,
    /// Per instance.
    pub shops: Vec<Shop>,
    /// The heads in other orders, once somebody asked for them.
    orders: [OnceLock<Box<[u32]>>; Sort::ALL.len()],
}

/// What the index knows of an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shop {
    pub products: usize,
    /// Products and combinations with a figure of their own that is not known.
    pub unknown: usize,
}

/// A row of the overview: a product with its combinations, or a pool with what it speaks for.
#[derive(Debug)]
pub struct Head {
    pub anchor: Anchor,
    /// The worst of what stands under it.
    pub group: Group,
    units: Range<u32>,
    keys: Keys,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The place of its shop, and its own among the shop's products.
    Product { shop: u32, product: u32 },
    /// Its place on the board.
    Pool(u32),
}

/// What rows are sorted by.
#[derive(Debug, Clone, Copy)]
struct Keys {
    /// Within a group.
    worst: i64,
    level: i64,
    cover: f32,
    since: Option<Timestamp>,
    change: i64,
    /// Of product group and name.
    name: (TextId, TextId),
}

/// A series of its own: a product, or a combination that stands otherwise than its product.
#[derive(Debug, Clone)]
pub struct Unit {
    pub shop: u32,
    pub product: u32,
    /// Its place among the product's, or [`NONE`].
    combination: u32,
    id: i64,
    pub group: Group,
    pub state: State,
    /// It will be out soon.
    pub soon: bool,
    of: TextId,
    name: TextId,
    label: TextId,
    /// Of a product: the combinations that stand in its row.
    folded: Range<u32>,
}

impl Index {
    /// The index of that moment.
    #[must_use]
    pub fn new(seen: &Seen) -> Self {
        let mut making = Making {
            texts: Collecting::default(),
            index: Self::default(),
            spoken: vec![Vec::new(); seen.pools.pools.len()],
            groups: Vec::new(),
            seen,
        };
        for shop in 0..seen.instances.len() {
            making.shop(shop);
        }
        for pool in 0..seen.pools.pools.len() {
            making.pool(pool);
        }
        making.index.alerts = alerts(seen);
        making.done()
    }

    /// The rows in that order.
    #[must_use]
    pub fn ordered(&self, sort: Sort) -> &[u32] {
        self.orders[sort.place()].get_or_init(|| {
            let mut order: Vec<u32> = (0..place(self.heads.len())).collect();
            let keys = |head: &u32| self.heads[*head as usize].keys;
            match sort {
                Sort::Worst => {}
                Sort::Level => order.sort_by_key(|head| keys(head).level),
                Sort::Cover => order.sort_by(|one, other| keys(one).cover.total_cmp(&keys(other).cover)),
                Sort::Name => order.sort_by_cached_key(|head| self.name(&keys(head))),
                Sort::Since => order.sort_by_key(|head| Reverse(keys(head).since)),
                Sort::Change => order.sort_by_key(|head| keys(head).change),
            }
            order.into()
        })
    }

    fn name(&self, keys: &Keys) -> (&str, &str) {
        (self.texts.get(keys.name.1), self.texts.get(keys.name.0))
    }

    /// The row of that number.
    #[must_use]
    pub fn head(&self, head: u32) -> &Head {
        &self.heads[head as usize]
    }

    /// What stands under the row, worst first; the product itself before its combinations.
    #[must_use]
    pub fn units(&self, head: &Head) -> &[Unit] {
        &self.units[head.units.start as usize..head.units.end as usize]
    }

    /// The folded texts.
    #[must_use]
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The labels of the combinations that stand in the product's row.
    #[must_use]
    pub fn folded(&self, unit: &Unit) -> &[TextId] {
        &self.folded[unit.folded.start as usize..unit.folded.end as usize]
    }

    /// The names of the product groups, in their order.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|(name, _)| &**name)
    }

    /// The number of that product group's name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<TextId> {
        let mut groups = self.groups.iter();
        groups.find(|(known, _)| **known == *name).map(|(_, id)| *id)
    }
}

impl Head {
    /// How long it lasts, in days; infinite where that is not known.
    #[must_use]
    pub fn cover(&self) -> f32 {
        self.keys.cover
    }

    /// The number of the name of what the row is about.
    #[must_use]
    pub fn name(&self) -> TextId {
        self.keys.name.0
    }
}

impl Unit {
    /// The series in the moment that the index was made of.
    #[must_use]
    pub fn entry<'a>(&self, seen: &'a Seen) -> Entry<'a> {
        let shop = &seen.instances[self.shop as usize];
        let product = &shop.memory.products[self.product as usize];
        Entry {
            instance: &shop.name,
            forecasts: &shop.memory.forecasts,
            observed_at: shop.memory.source.last_accepted_at,
            product,
            combination: self
                .is_combination()
                .then(|| &product.combinations[self.combination as usize]),
        }
    }

    /// Whether it is a combination.
    #[must_use]
    pub fn is_combination(&self) -> bool {
        self.combination != NONE
    }

    /// The product's id.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The number of the product group's name.
    #[must_use]
    pub fn of(&self) -> TextId {
        self.of
    }

    /// The numbers of the names it is found by; what has none has a number that is no text's.
    #[must_use]
    pub fn names(&self) -> [TextId; 3] {
        [self.name, self.of, self.label]
    }
}

/// An index while it is made.
struct Making<'a> {
    texts: Collecting<'a>,
    index: Index,
    /// What each pool speaks for.
    spoken: Vec<Vec<(Unit, Keys)>>,
    groups: Vec<(&'a str, TextId)>,
    seen: &'a Seen,
}

impl<'a> Making<'a> {
    fn shop(&mut self, shop: usize) {
        let instance = &self.seen.instances[shop];
        let mut counts = Shop::default();
        let there = instance.memory.products.iter().enumerate();
        for (product, tracked) in there.filter(|(_, tracked)| !tracked.gone) {
            counts.products += 1;
            let entries = of_product(&instance.name, &instance.memory, tracked);
            self.product((place(shop), place(product)), entries, &mut counts);
        }
        self.index.shops.push(counts);
    }

    fn product(&mut self, at: (u32, u32), entries: impl Iterator<Item = Entry<'a>>, counts: &mut Shop) {
        let mut own: Vec<(Unit, Keys)> = Vec::new();
        let mut of_product = None;
        let folded = place(self.index.folded.len());
        // A combination's place is its place behind the product itself.
        for (nth, entry) in entries.enumerate().filter(|(_, entry)| !entry.is_gone()) {
            counts.unknown += usize::from(entry.state() == "unknown");
            let (unit, keys) = self.unit(at, nth, &entry);
            match of_product {
                None => of_product = Some(unit.group),
                // No better than its product: it stands in that one's row.
                Some(group) if unit.group == group || (unit.group < Group::Ok && !entry.is_open()) => {
                    self.index.folded.push(unit.label);
                    continue;
                }
                Some(_) => {}
            }
            match self.speaker(&entry) {
                Some(pool) => self.spoken[pool].push((unit, keys)),
                None => own.push((unit, keys)),
            }
        }
        let folded = folded..place(self.index.folded.len());
        if let Some((unit, _)) = own.first_mut().filter(|(unit, _)| !unit.is_combination()) {
            unit.folded = folded;
        }
        for (unit, _) in &own {
            self.index.counts.add(unit.group, unit.soon);
        }
        let (shop, product) = at;
        self.head(Anchor::Product { shop, product }, own, None);
    }

    fn unit(&mut self, (shop, product): (u32, u32), nth: usize, entry: &Entry<'a>) -> (Unit, Keys) {
        let group = Group::of(entry);
        let name = self.texts.add(nameless::searched(entry.product.name.shown()));
        let of = entry.product.group.as_ref().map(|group| group.shown());
        let of = of.map_or(NONE, |of| self.product_group(of));
        let cover = entry
            .cover()
            .filter(|_| entry.level().is_some_and(|level| level > 0));
        let series = entry.series();
        let unit = Unit {
            shop,
            product,
            combination: nth.checked_sub(1).map_or(NONE, place),
            id: entry.product.id,
            group,
            state: State::of(series.level),
            soon: !entry.is_silent() && is_soon(cover, entry.thresholds().cover),
            of,
            name,
            label: entry
                .combination
                .map_or(NONE, |combination| self.texts.add(&combination.label)),
            folded: 0..0,
        };
        let keys = Keys {
            worst: worst(group, entry),
            level: entry.level().unwrap_or(i64::MAX),
            cover: days(cover.map(|cover| cover.days)),
            since: entry.severity().map(|_| series.since),
            change: change(series.level, series.previous_level),
            name: (name, of),
        };
        (unit, keys)
    }

    fn product_group(&mut self, name: &'a str) -> TextId {
        let id = self.texts.add(name);
        // Products of a group mostly stand together.
        if self.groups.last().is_none_or(|(_, last)| *last != id) {
            self.groups.push((name, id));
        }
        id
    }

    /// The pool that speaks for the series.
    fn speaker(&self, entry: &Entry<'_>) -> Option<usize> {
        let board = &self.seen.pools;
        let pool = entry.bottleneck().and_then(Bottleneck::pool)?;
        (entry.is_open() && !entry.is_alert(board)).then(|| board.place(pool))?
    }

    fn pool(&mut self, place_on_board: usize) {
        let pool = &self.seen.pools.pools[place_on_board];
        let name = self.texts.add(&pool.name);
        let group = pools::group(pool);
        self.index.counts.add(group, pools::is_soon(pool));
        let units = std::mem::take(&mut self.spoken[place_on_board]);
        self.head(
            Anchor::Pool(place(place_on_board)),
            units,
            Some((group, pool_keys(pool, name))),
        );
    }

    /// Adds a row; `own` is of the anchor itself, where that is no unit.
    fn head(&mut self, anchor: Anchor, mut units: Vec<(Unit, Keys)>, own: Option<(Group, Keys)>) {
        units.sort_by_key(|(unit, keys)| (unit.is_combination() && own.is_none(), unit.group, keys.worst));
        let all = units.iter().map(|(unit, keys)| (unit.group, *keys)).chain(own);
        // A pool stands where it stands itself, a product where the worst of its series does.
        let worst = own.or_else(|| all.clone().min_by_key(|(group, keys)| (*group, keys.worst)));
        let Some((group, keys)) = worst else { return };
        let start = place(self.index.units.len());
        let head = Head {
            anchor,
            group,
            units: start..start + place(units.len()),
            keys: Keys {
                level: all.clone().map(|(_, keys)| keys.level).min().unwrap_or(i64::MAX),
                cover: all
                    .clone()
                    .map(|(_, keys)| keys.cover)
                    .fold(f32::INFINITY, f32::min),
                change: all.map(|(_, keys)| keys.change).min().unwrap_or_default(),
                ..keys
            },
        };
        self.index.heads.push(head);
        self.index.units.extend(units.into_iter().map(|(unit, _)| unit));
    }

    fn done(mut self) -> Index {
        self.groups.sort_unstable();
        self.groups.dedup();
        let groups = self.groups.into_iter();
        self.index.groups = groups.map(|(name, id)| (Box::from(name), id)).collect();
        let texts = self.texts.done();
        let name = |keys: &Keys| (texts.get(keys.name.1), texts.get(keys.name.0));
        // Stable: what is alike stays in the order of configuration and id.
        self.index.heads.sort_by(|one, other| {
            let key = |head: &Head| (head.group, head.keys.worst);
            key(one)
                .cmp(&key(other))
                .then_with(|| name(&one.keys).cmp(&name(&other.keys)))
        });
        self.index.texts = texts;
        self.index.heads.shrink_to_fit();
        self.index.units.shrink_to_fit();
        self.index.folded.shrink_to_fit();
        self.index
    }
}

fn pool_keys(pool: &Pool, name: TextId) -> Keys {
    let standing = pool.standing.as_ref();
    let left = pool.level.known();
    Keys {
        worst: left.unwrap_or_default(),
        level: left.unwrap_or(i64::MAX),
        cover: days(
            pool.cover
                .filter(|_| left.is_some_and(|left| left > 0))
                .map(|cover| cover.days),
        ),
        since: standing
            .filter(|_| pool.severity().is_some())
            .map(|standing| standing.since),
        change: change(pool.level, standing.and_then(|standing| standing.previous_level)),
        name: (name, NONE),
    }
}

/// The order within a group: what is unknown now by how bad it was, what is low by how little is left, the rest by
/// name.
#[must_use]
pub fn worst(group: Group, entry: &Entry<'_>) -> i64 {
    match group {
        Group::Out | Group::Critical | Group::Low => entry.level().unwrap_or_default(),
        Group::Unknown => -i64::from(entry.severity().unwrap_or_default().rank()),
        Group::Ok | Group::NotControlled | Group::Silent => 0,
    }
}

/// By how much the level moved last; the greatest fall first.
fn change(level: Level, previous: Option<i64>) -> i64 {
    level
        .known()
        .zip(previous)
        .map_or(0, |(level, previous)| level.saturating_sub(previous))
}

fn days(days: Option<f64>) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "only an order is made of it")]
    days.map_or(f32::INFINITY, |days| days as f32)
}

/// A place in a list. Nothing has four thousand million of anything.
fn place(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE)
}
/// The open alerts of products, combinations and pools; what a pool speaks for is one with it.
fn alerts(seen: &Seen) -> usize {
    let entries = seen
        .instances
        .iter()
        .flat_map(|shop| entries(&shop.name, &shop.memory));
    let of_shops = entries.filter(|entry| entry.is_alert(&seen.pools)).count();
    of_shops + seen.pools.pools.iter().flat_map(open_alerts).count()
}
