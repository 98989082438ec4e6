//! What people said of the series of one moment: who has taken one on, and what is not told of.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::alerting::muting;
use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::Memory;
use crate::domain::people::Matcher;
use crate::domain::people::Mute;
use crate::domain::people::People;
use crate::domain::people::Silenced;
use crate::domain::pool::Board;
use crate::domain::pool::Pool;
use crate::domain::stand::AckRef;
use crate::maintenance;
use crate::maintenance::Window;
use crate::notify::people;
use crate::notify::people::Told;
use crate::observe::items::Entry;
use crate::observe::items::Item;
use crate::observe::items::entries;
use crate::observe::lines::Line;
use crate::observe::pools;
use crate::observe::pools::PoolItem;
use crate::store::acks::ListedAck;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::store::value::POOLS;

/// What people said that holds now, of each shop.
#[derive(Debug, Clone, Default)]
pub struct Said {
    shops: Vec<(String, People)>,
    /// Acks of pools, by the id of their alerts.
    pools: Vec<(String, AckRef)>,
    /// Silences and windows in force, the one that ends last first.
    mutes: Vec<Mute>,
    now: Timestamp,
}

impl Said {
    /// Reads what holds at `now` of these shops, beside the windows of the configuration.
    pub async fn read(
        reader: &Reader,
        shops: &[&str],
        windows: &[Window],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut said = Self {
            shops: Vec::new(),
            pools: Vec::new(),
            mutes: Vec::new(),
            now,
        };
        let windows = maintenance::mutes(windows, now);
        for shop in shops {
            let id = reader.instance(shop).await?;
            let people = reader.people(id, now).await?;
            let people = people.with_mutes(windows.iter().cloned());
            if said.mutes.is_empty() {
                said.mutes.clone_from(&people.mutes);
            }
            said.shops.push(((*shop).to_owned(), people));
        }
        if let Some(pools) = reader.pools().await? {
            let acks = reader.acks(Some(pools), true).await?;
            let acks = acks
                .iter()
                .map(|listed| (acked_id(listed), listed.ack.shown(now)));
            said.pools = acks.collect();
        }
        Ok(said)
    }

    /// The same while all of it is the same, another one otherwise.
    #[must_use]
    pub fn mark(&self) -> u64 {
        let acks = self.shops.iter().flat_map(|(_, people)| &people.acks);
        let overdue: Vec<bool> = acks.map(|ack| ack.is_overdue(self.now)).collect();
        let all = format!("{:?}{:?}{:?}{overdue:?}", self.shops, self.pools, self.mutes);
        xxh3_64(all.as_bytes())
    }

    /// Who has taken the series on.
    #[must_use]
    pub fn ack(&self, entry: &Entry<'_>) -> Option<AckRef> {
        let (_, people) = self.shops.iter().find(|(shop, _)| shop == entry.instance)?;
        Some(people.ack(entry.series().number)?.shown(self.now))
    }

    /// What keeps the series from being told of.
    #[must_use]
    pub fn silenced(&self, entry: &Entry<'_>) -> Option<Silenced> {
        let mute = self.mutes.iter().find(|mute| concerns(&mute.matcher, entry))?;
        Some(mute.silenced())
    }

    /// The series' item, with what people said of it.
    #[must_use]
    pub fn beside<'a>(&self, entry: &Entry<'_>, item: Item<'a>) -> Item<'a> {
        Item {
            ack: self.ack(entry),
            silenced: self.silenced(entry),
            ..item
        }
    }

    /// The line's item, with what people said of it.
    #[must_use]
    pub fn item<'a>(&self, line: &Line<'a>, board: &Board) -> Item<'a> {
        self.beside(&line.entry, line.item(board))
    }

    /// The pool's item, with what people said of it.
    #[must_use]
    pub fn pool<'a>(&self, pool: &'a Pool) -> PoolItem<'a> {
        let standing = pool.standing.as_ref();
        PoolItem {
            ack: standing.and_then(|standing| self.pool_ack(&standing.alert_id)),
            silenced: self.silenced_pool(&pool.name, &pool.shops),
            ..pools::item(pool)
        }
    }

    /// What people said of the pool, in words: who has taken it on (or what its orders of several need), and what keeps
    /// it from being told of. Each with whether it is overdue.
    #[must_use]
    pub fn of_pool(&self, pool: &Pool) -> Vec<(Told, bool)> {
        let own = pool.standing.iter().map(|standing| (None, standing));
        let needs = pool.standing.iter().flat_map(|standing| &standing.needs);
        let needs = needs.map(|(need, standing)| (Some(*need), standing));
        let acks = own.chain(needs).filter_map(|(need, standing)| {
            let ack = self.pool_ack(&standing.alert_id)?;
            let words = people::taken(&ack);
            let of = need.map_or_else(String::new, |need| format!("for {need} at once: "));
            Some((words.led_by(&of), ack.overdue))
        });
        let silenced = self.silenced_pool(&pool.name, &pool.shops);
        let silenced = silenced.map(|by| (people::muted(&by), false));
        acks.chain(silenced).collect()
    }

    /// The same as text, with moments in that zone.
    #[must_use]
    pub fn text_of_pool(&self, pool: &Pool, zone: &TimeZone) -> Vec<String> {
        let told = self.of_pool(pool).into_iter();
        told.map(|(told, _)| told.text(zone, self.now)).collect()
    }

    /// What keeps the pool from being told of.
    #[must_use]
    pub fn silenced_pool(&self, name: &str, shops: &[Arc<str>]) -> Option<Silenced> {
        let concerns = |mute: &&Mute| mute.matcher.matches_pool(name, shops);
        self.mutes.iter().find(concerns).map(Mute::silenced)
    }

    /// Who has taken on the pool of that alert.
    #[must_use]
    pub fn pool_ack(&self, alert_id: &str) -> Option<AckRef> {
        let mut acks = self.pools.iter();
        acks.find(|(id, _)| id == alert_id).map(|(_, ack)| ack.clone())
    }
}

/// Whether the ack is one of a pool.
#[must_use]
pub fn is_of_a_pool(listed: &ListedAck) -> bool {
    listed.instance == POOLS
}

/// The id of the alert that the ack is of.
#[must_use]
pub fn acked_id(listed: &ListedAck) -> String {
    let key = listed.combination.as_deref();
    match (is_of_a_pool(listed), key) {
        (true, None) => format!("pool:{}", listed.name),
        (true, Some(key)) => format!("pool:{}/{}", listed.name, key.strip_prefix("0=").unwrap_or(key)),
        (false, key) => format!("{}/{}/{}", listed.instance, listed.product_id, key.unwrap_or("-")),
    }
}

/// Whether the matcher is for the series.
#[must_use]
pub fn concerns(matcher: &Matcher, entry: &Entry<'_>) -> bool {
    let combination = entry.combination;
    let combination = combination.map(|Combination { key, label, .. }| (key, &**label));
    muting::of_series(entry.instance, entry.product, combination, |subject| {
        matcher.matches(subject)
    })
}

/// The series of the shops that the matcher is for now.
pub fn matched<'a>(
    matcher: &'a Matcher,
    shops: &'a [(&'a str, &'a Memory)],
) -> impl Iterator<Item = Entry<'a>> {
    let all = shops
        .iter()
        .flat_map(|(instance, memory)| entries(instance, memory));
    all.filter(|entry| !entry.is_gone() && concerns(matcher, entry))
}
