//! The shop: products that sell, are restocked, flap, vanish, become unreadable; and the shop's own outages.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::catalogue::options::Options;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::source::Failure;

use crate::random::Random;

pub const PRODUCTS: i64 = 200;
/// Products whose stock goes to and fro.
pub const FLAPPING: i64 = 5;
const DAY: i64 = 24 * 60;

/// What one poll shows.
#[derive(Debug, Clone)]
pub enum Shown {
    /// Each product with its group and its level; `None` where that cannot be read.
    Catalogue(BTreeMap<i64, Figures>),
    /// A catalogue without any product.
    Empty,
    Failed(Cause),
}

#[derive(Debug)]
struct Article {
    group: i64,
    level: i64,
    /// Sold in a thousand days.
    rate: i64,
    lot: i64,
    /// When the next lot comes.
    coming: Option<Timestamp>,
    unreadable_until: Option<Timestamp>,
    absent_until: Option<Timestamp>,
    flaps: bool,
}

/// A product's group, and its level where that can be read.
pub type Figures = (i64, Option<i64>);

/// The shop as it stands.
#[derive(Debug)]
pub struct Shop {
    random: Random,
    articles: BTreeMap<i64, Article>,
    next_id: i64,
    trouble: Option<Trouble>,
    built: BTreeMap<i64, (Figures, Arc<Product>)>,
}

#[derive(Debug, Clone, Copy)]
struct Trouble {
    until: Timestamp,
    cause: Cause,
    /// Polls that still show an empty catalogue before they fail.
    empty: u32,
}

impl Shop {
    pub fn new(mut random: Random) -> Self {
        let mut articles = BTreeMap::new();
        for id in 1..=PRODUCTS {
            articles.insert(id, Article::new(id, id <= FLAPPING, &mut random));
        }
        Self {
            random,
            articles,
            next_id: PRODUCTS + 1,
            trouble: None,
            built: BTreeMap::new(),
        }
    }

    /// What happened in the `minutes` before `now`.
    pub fn pass(&mut self, now: Timestamp, minutes: i64) {
        let random = &mut self.random;
        for article in self.articles.values_mut() {
            article.pass(now, minutes, random);
        }
        let per_day = |times: u64| times * 1_000_000 * minutes.unsigned_abs() / DAY.unsigned_abs();
        if random.chance(per_day(1) / 2) {
            let id = self.next_id;
            self.next_id += 1;
            self.articles.insert(id, Article::new(id, false, random));
        }
        if self.trouble.is_none_or(|trouble| trouble.until <= now) {
            self.trouble = random.chance(per_day(1)).then(|| Trouble {
                until: now + SignedDuration::from_mins(random.within(1, 9) * random.within(1, 25)),
                cause: *random.pick(&[Cause::Timeout, Cause::Connect, Cause::Maintenance, Cause::Server]),
                empty: u32::try_from(random.within(0, 2)).unwrap_or_default(),
            });
        }
    }

    /// What a poll at `now` shows.
    pub fn shown(&mut self, now: Timestamp) -> Shown {
        if let Some(trouble) = self.trouble.as_mut().filter(|trouble| trouble.until > now) {
            if trouble.empty > 0 {
                trouble.empty -= 1;
                return Shown::Empty;
            }
            return Shown::Failed(trouble.cause);
        }
        let there = self
            .articles
            .iter()
            .filter(|(_, article)| article.absent_until.is_none());
        Shown::Catalogue(
            there
                .map(|(id, article)| (*id, (article.group, article.figure())))
                .collect(),
        )
    }

    /// The same as the client gives it; what did not change is the same `Arc`.
    pub fn answer(&mut self, shown: &Shown, now: Timestamp) -> Result<Snapshot, Failure> {
        let products = match shown {
            Shown::Failed(cause) => {
                return Err(Failure {
                    cause: *cause,
                    detail: "as planned".to_owned(),
                    retry_after: None,
                });
            }
            Shown::Empty => Vec::new(),
            Shown::Catalogue(shown) => shown.iter().map(|(id, seen)| self.product(*id, *seen)).collect(),
        };
        Ok(Snapshot {
            observed_at: now,
            products,
            companion: Companion::Absent,
        })
    }

    /// After a restart nothing is the same `Arc` any more.
    pub fn forget_answers(&mut self) {
        self.built.clear();
    }

    fn product(&mut self, id: i64, seen: Figures) -> Arc<Product> {
        if let Some((_, same)) = self.built.get(&id).filter(|(built, _)| *built == seen) {
            return Arc::clone(same);
        }
        let built = Arc::new(Product {
            listing: Arc::new(Listing {
                id,
                group_id: Some(seen.0),
                name: Name::new(&format!("Product {id}")),
                quantity: seen.1.map_or(Figure::Unreadable, Figure::Number),
                price: None,
                options: Options::default(),
                source_hash: 0,
            }),
            details: None,
            details_fresh: false,
        });
        self.built.insert(id, (seen, Arc::clone(&built)));
        built
    }
}

impl Article {
    fn new(id: i64, flaps: bool, random: &mut Random) -> Self {
        Self {
            group: if flaps { 1 } else { 1 + id % 6 },
            level: random.within(-1, 40),
            rate: random.within(50, 3000),
            lot: random.within(3, 60),
            coming: None,
            unreadable_until: None,
            absent_until: None,
            flaps,
        }
    }

    fn figure(&self) -> Option<i64> {
        self.unreadable_until.is_none().then_some(self.level)
    }

    fn pass(&mut self, now: Timestamp, minutes: i64, random: &mut Random) {
        let over = |until: Option<Timestamp>| until.filter(|until| *until > now);
        let often = |per_thousand_days: i64| (per_thousand_days * 1000 * minutes / DAY).unsigned_abs();
        self.unreadable_until = over(self.unreadable_until);
        self.absent_until = over(self.absent_until);
        let in_minutes = |n: i64| Some(now + SignedDuration::from_mins(n));
        if self.unreadable_until.is_none() && random.chance(often(60)) {
            self.unreadable_until = in_minutes(random.within(1, 120));
        }
        if self.absent_until.is_none() && random.chance(often(30)) {
            let longest = *random.pick(&[9, 300, 3 * DAY]);
            self.absent_until = in_minutes(random.within(1, longest));
        }
        if self.flaps && random.chance(often(12_000)) {
            self.level = if self.level > 5 {
                random.within(-1, 4)
            } else {
                random.within(6, 12)
            };
        }
        if self.level > 0 && random.chance(often(self.rate)) {
            self.level -= 1;
        }
        // A bulk order, now and then for more than there is.
        if self.level > 0 && random.chance(often(40)) {
            self.level = (self.level - random.within(2, 30)).max(random.within(-1, 2));
        }
        // A service is cancelled: one more is left.
        if self.level < 10 && random.chance(often(80)) {
            self.level += 1;
        }
        if self.coming.is_some_and(|at| at <= now) {
            self.coming = None;
            self.level += random.within(1, self.lot);
        }
        if self.level <= 6 && self.coming.is_none() && random.chance(often(900)) {
            self.coming = in_minutes(random.within(30, 2 * DAY));
        }
    }
}
