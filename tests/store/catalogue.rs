//! Whatever was recorded poll by poll is read back as it stood at each.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Combination;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::SeriesState;
use whmcs_stock_monitor::domain::alerting::state::Told;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::CombinationKey;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::pool::Bottleneck;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::history::LevelQuery;
use whmcs_stock_monitor::store::history::Point;
use whmcs_stock_monitor::store::past::PastItem;
use whmcs_stock_monitor::store::value::InstanceId;
use whmcs_stock_monitor::store::value::PollId;
use whmcs_stock_monitor::store::value::Stood;

use crate::common::Place;
use crate::common::at;
use crate::common::combination;
use crate::common::decision;
use crate::common::placeholder;
use crate::common::product;
use crate::common::record;
use crate::common::save;
use crate::common::text_of;

/// Something that one poll sees of one product.
#[derive(Debug, Clone)]
pub enum Step {
    Level(Level),
    Rename(String),
    Group(Option<i64>, Option<String>),
    Flags(Option<bool>, Option<bool>, Option<bool>),
    Missing,
    Gone,
    Returned,
    Combination(usize, Level),
    Relabel(usize, String),
    Bottleneck(usize, Option<String>),
    CombinationGone(usize),
    Told(usize, Severity),
    NotTold(usize),
    Timers(i64),
    Options(u64, bool, bool),
}

/// The keys sort differently as texts and as numbers.
const KEYS: [&str; 3] = ["4=9;5=20", "4=11;5=20", "30=0"];
const CHANNELS: [&str; 2] = ["email", "webhook"];

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![
        4 => (-2i64..12).prop_map(Level::Known),
        1 => any::<i64>().prop_map(Level::Known),
        1 => Just(Level::NotControlled),
        1 => Just(Level::Unknown),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-C]{1,2}",
        Just("\"quoted\" \\ &amp; <b>\u{0}\n\u{202e}\u{1f4a9}".to_owned()),
        any::<String>(),
    ]
}

fn severity() -> impl Strategy<Value = Severity> {
    (0i64..4).prop_map(Severity::from_rank)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => level().prop_map(Step::Level),
        4 => name().prop_map(Step::Rename),
        1 => (any::<Option<i64>>(), proptest::option::of(name())).prop_map(|(id, name)| Step::Group(id, name)),
        1 => any::<(Option<bool>, Option<bool>, Option<bool>)>().prop_map(|(a, b, c)| Step::Flags(a, b, c)),
        2 => Just(Step::Missing),
        1 => Just(Step::Gone),
        2 => Just(Step::Returned),
        4 => (0..KEYS.len(), level()).prop_map(|(key, level)| Step::Combination(key, level)),
        5 => (0..KEYS.len(), name()).prop_map(|(key, name)| Step::Relabel(key, name)),
        1 => (0..KEYS.len(), proptest::option::of(name())).prop_map(|(key, name)| Step::Bottleneck(key, name)),
        2 => (0..KEYS.len()).prop_map(Step::CombinationGone),
        2 => (0..CHANNELS.len(), severity()).prop_map(|(channel, severity)| Step::Told(channel, severity)),
        1 => (0..CHANNELS.len()).prop_map(Step::NotTold),
        2 => (0i64..1_000_000).prop_map(Step::Timers),
        1 => any::<(u64, bool, bool)>().prop_map(|(a, b, c)| Step::Options(a, b, c)),
    ]
}

#[derive(Debug, Clone)]
pub struct Look {
    /// 4 suspect, 5 failed, the rest accepted.
    pub outcome: u8,
    /// Product ids with what is seen of them.
    pub steps: Vec<(i64, Step)>,
}

pub fn look() -> impl Strategy<Value = Look> {
    (0u8..6, vec((1i64..4, step()), 0..8)).prop_map(|(outcome, steps)| Look { outcome, steps })
}

fn next_number(memory: &mut Memory) -> u32 {
    let number = memory.source.next_series;
    memory.source.next_series += 1;
    number
}

fn known<'a>(tracked: &'a mut Tracked, key: &str) -> Option<&'a mut Combination> {
    let key: CombinationKey = key.parse().unwrap();
    tracked
        .combinations
        .iter_mut()
        .find(|combination| combination.key == key)
}

fn tell(state: &mut SeriesState, channel: &str, severity: Severity, now: Timestamp) {
    state.told.retain(|told| &*told.channel != channel);
    state.told.push(Told::new(Arc::from(channel), severity, now));
    state.told.sort_by(|a, b| a.channel.cmp(&b.channel));
}

pub fn apply(memory: &mut Memory, id: i64, step: &Step, now: Timestamp) {
    let index = match memory.products.binary_search_by_key(&id, |tracked| tracked.id) {
        Ok(index) => index,
        Err(index) => {
            let number = next_number(memory);
            memory
                .products
                .insert(index, Arc::new(product(id, number, Level::Unknown)));
            index
        }
    };
    let mut tracked = (*memory.products[index]).clone();
    match step {
        Step::Level(level) => {
            tracked.series.previous_level = tracked.series.last_level;
            tracked.series.last_level = level.known().or(tracked.series.last_level);
            tracked.series.level = *level;
        }
        Step::Rename(name) => tracked.name = Name::new(name),
        Step::Group(id, name) => {
            tracked.group_id = *id;
            tracked.group = name.as_deref().map(Name::new);
        }
        Step::Flags(hidden, retired, controlled) => {
            (tracked.hidden, tracked.retired, tracked.controlled) = (*hidden, *retired, *controlled);
        }
        Step::Missing => tracked.missing += 1,
        Step::Gone => tracked.gone = true,
        Step::Returned => (tracked.missing, tracked.gone) = (0, false),
        Step::Combination(key, level) => match known(&mut tracked, KEYS[*key]) {
            Some(combination) => (combination.series.level, combination.gone) = (*level, false),
            None => {
                let number = next_number(memory);
                tracked.combinations.push(combination(KEYS[*key], number, *level));
                tracked.combinations.sort_by(|a, b| a.key.cmp(&b.key));
            }
        },
        Step::Relabel(key, label) => {
            if let Some(combination) = known(&mut tracked, KEYS[*key]) {
                combination.label = Arc::from(label.as_str());
            }
        }
        Step::Bottleneck(key, what) => {
            if let Some(combination) = known(&mut tracked, KEYS[*key]) {
                combination.bottleneck = what.as_deref().map(Bottleneck::parse);
            }
        }
        Step::CombinationGone(key) => {
            if let Some(combination) = known(&mut tracked, KEYS[*key]) {
                combination.gone = true;
            }
        }
        Step::Told(channel, severity) => {
            tell(&mut tracked.series, CHANNELS[*channel], *severity, now);
            if let Some(combination) = tracked.combinations.first_mut() {
                tell(&mut combination.series, CHANNELS[*channel], *severity, now);
            }
        }
        Step::NotTold(channel) => tracked
            .series
            .told
            .retain(|told| &*told.channel != CHANNELS[*channel]),
        Step::Timers(n) => {
            let state = &mut tracked.series;
            let some = |bit: i64| (n & bit != 0).then(|| at(n * bit));
            state.severity = Severity::from_rank(n & 3);
            state.since = at(*n);
            state.started_at = some(4);
            state.pending = [some(8), some(16), some(32)];
            state.frozen_since = some(64);
            state.better_since = some(128);
            state.last_known_at = some(256);
            state.transition += 1;
            state.fingerprint = u64::MAX.wrapping_mul(n.unsigned_abs());
            state.born_open = n & 512 != 0;
            state.seen_other_than_zero = n & 1024 != 0;
        }
        Step::Options(hash, per_choice, ambiguous) => {
            tracked.options_key = *hash;
            tracked.per_choice = *per_choice;
            tracked.ambiguous_zero = *ambiguous;
        }
    }
    memory.products[index] = Arc::new(tracked);
}

/// What the catalogue is, by plain reading.
fn items(memory: &Memory) -> Vec<PastItem> {
    let mut items = Vec::new();
    for tracked in &memory.products {
        let item = |combination: Option<&Combination>, state: &SeriesState, gone: bool| PastItem {
            product_id: tracked.id,
            name: tracked.name.clone(),
            group_id: tracked.group_id,
            group: tracked.group.clone(),
            hidden: tracked.hidden,
            retired: tracked.retired,
            combination: combination.map(|combination| combination.key.clone()),
            label: combination.map_or_else(String::new, |combination| combination.label.to_string()),
            stood: if gone { Stood::Gone } else { Stood::At(state.level) },
            present: tracked.missing == 0,
        };
        items.push(item(None, &tracked.series, tracked.gone));
        for combination in &tracked.combinations {
            items.push(item(Some(combination), &combination.series, combination.gone));
        }
    }
    items
}

async fn everything_is_read_back(looks: &[Look]) -> Result<(), TestCaseError> {
    let place = Place::new();
    let store = place.open().await;
    // Another shop, so that nothing leaks between two.
    let other = store.instance("other").await.unwrap();
    let instance = store.instance("default").await.unwrap();
    let mut memory = Memory::default();
    let mut stood: Vec<(Timestamp, Option<Vec<PastItem>>)> = vec![(at(9_999), None)];
    for (index, look) in looks.iter().enumerate() {
        let observed_at = at(10_000 + 1000 * i64::try_from(index).unwrap());
        let mut next = memory.clone();
        let outcome = match look.outcome {
            0..4 => Outcome::Accepted,
            4 => Outcome::Suspect,
            _ => Outcome::Failed(Cause::Timeout),
        };
        if outcome == Outcome::Accepted {
            for (id, step) in &look.steps {
                apply(&mut next, *id, step, observed_at);
            }
            next.source.last_accepted_at = Some(observed_at);
            next.source.last_accepted_products = next.products.len();
            (next.source.failures, next.source.failing_since) = (0, None);
            stood.push((observed_at, Some(items(&next))));
        } else {
            next.source.failures += 1;
            next.source.failing_since = next.source.failing_since.or(Some(observed_at));
            let before = stood.last().unwrap().1.clone();
            stood.push((observed_at, before));
        }
        let mut decided = decision(&memory, next);
        decided.source_changed = false;
        let mut tx = store.begin_write().await.unwrap();
        let poll = tx
            .poll(instance, &record(observed_at, outcome, &decided))
            .await
            .unwrap();
        tx.save(instance, poll, &decided).await.unwrap();
        tx.poll(other, &record(observed_at, Outcome::Accepted, &decided))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        memory = decided.next;
    }
    for (observed_at, expected) in &stood {
        for later in [0, 999] {
            let when = at(observed_at.as_millisecond() + later);
            if later > 0 && expected.is_none() {
                continue;
            }
            let seen = store.reader().catalogue_at(instance, when).await.unwrap();
            prop_assert_eq!(&seen.map(|catalogue| catalogue.items), expected);
        }
    }
    let nothing = store
        .reader()
        .catalogue_at(other, at(i64::from(u32::MAX)))
        .await
        .unwrap();
    prop_assert_eq!(nothing.map_or(0, |catalogue| catalogue.items.len()), 0);
    store.integrity_check().await.unwrap();
    store.close().await;
    let store = place.open().await;
    let read = store.reader().memory(instance, &placeholder()).await.unwrap();
    prop_assert_eq!(text_of(&read), text_of(&memory));
    store.close().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_catalogue_of_every_poll_and_the_memory_are_read_back_exactly(looks in vec(look(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(everything_is_read_back(&looks))?;
    }
}

async fn points(
    store: &Store,
    instance: InstanceId,
    key: Option<&str>,
    (from, to): (Option<i64>, Option<i64>),
    (after, limit): (Option<PollId>, usize),
) -> Option<Vec<Point>> {
    let key: Option<CombinationKey> = key.map(|key| key.parse().unwrap());
    let query = LevelQuery {
        instance,
        product: 7,
        combination: key.as_ref(),
        from: from.map(at),
        to: to.map(at),
        after,
        limit,
    };
    store.reader().level_history(&query).await.unwrap()
}

#[tokio::test]
async fn a_series_history_begins_with_the_level_in_force_and_is_read_in_pages() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let mut memory = Memory::default();
    for (index, level) in [9, 9, 4, 4, 0, 12].into_iter().enumerate() {
        let mut next = memory.clone();
        let mut tracked = product(7, 0, Level::Known(level));
        tracked
            .combinations
            .push(combination("4=9", 1, Level::Known(level / 2)));
        tracked.combinations[0].gone = level == 12;
        next.products = vec![Arc::new(tracked)];
        let observed_at = at(1000 * i64::try_from(index).unwrap());
        let decided = decision(&memory, next);
        save(&store, instance, observed_at, &decided).await.unwrap();
        memory = decided.next;
    }
    let all = points(&store, instance, None, (None, None), (None, 100))
        .await
        .unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|point| (point.observed_at.as_millisecond(), point.stood.level()))
        .collect();
    assert_eq!(
        told,
        [(0, Some(9)), (2000, Some(4)), (4000, Some(0)), (5000, Some(12))]
    );

    let some = points(&store, instance, None, (Some(3000), Some(4000)), (None, 100)).await;
    assert_eq!(some.unwrap(), all[1..3]);
    let page = points(&store, instance, None, (None, None), (Some(all[1].poll), 1)).await;
    assert_eq!(page.unwrap(), all[2..3]);

    let combination = points(&store, instance, Some("4=9"), (None, None), (None, 100)).await;
    let states: Vec<_> = combination
        .unwrap()
        .iter()
        .map(|point| point.stood.state())
        .collect();
    assert_eq!(states, ["known", "known", "known", "gone"]);
    assert_eq!(
        points(&store, instance, Some("4=10"), (None, None), (None, 9)).await,
        None
    );
    store.close().await;
}

#[tokio::test]
async fn what_products_and_combinations_were_called_is_read_back_once_the_latest_first() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let other = store.instance("other").await.unwrap();
    let look = |name: &str, label: &str| {
        let mut tracked = product(7, 1, Level::Known(9));
        tracked.name = Name::new(name);
        let mut own = combination("4=12", 2, Level::Known(3));
        own.label = Arc::from(label);
        tracked.combinations = vec![own];
        let mut memory = Memory::default();
        memory.source.next_series = 3;
        memory.products = vec![Arc::new(tracked)];
        memory
    };
    let names = [
        ("A &amp; B", "RAM: 64 GB"),
        ("C", "RAM: 64 GB"),
        ("A &amp; B", "RAM: 96 GB"),
        ("D", "RAM: 128 GB"),
    ];
    let mut memory = Memory::default();
    for (second, (name, label)) in (1i64..).zip(names) {
        let decided = decision(&memory, look(name, label));
        save(&store, instance, at(second * 1000), &decided).await.unwrap();
        memory = decided.next;
    }
    let past = store.reader().past_names(instance).await.unwrap();
    assert_eq!(past.products, [(7, Name::new("A &amp; B")), (7, Name::new("C"))]);
    let key: CombinationKey = "4=12".parse().unwrap();
    assert_eq!(
        past.labels,
        [
            (7, key.clone(), "RAM: 96 GB".to_owned()),
            (7, key, "RAM: 64 GB".to_owned())
        ]
    );
    let nothing = store.reader().past_names(other).await.unwrap();
    assert!(nothing.products.is_empty() && nothing.labels.is_empty());
    store.close().await;
}
