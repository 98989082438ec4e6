//! What is older than the horizon goes, and everything from the horizon on is read back as before.

use std::fmt::Write;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::daily::DAY;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::store::days::DaysQuery;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::history::LevelQuery;
use whmcs_stock_monitor::store::past_levels::Stretch;
use whmcs_stock_monitor::store::save::PollRecord;
use whmcs_stock_monitor::store::trends::Slots;
use whmcs_stock_monitor::store::value::InstanceId;

use crate::catalogue::Look;
use crate::catalogue::apply;
use crate::catalogue::look;
use crate::common::Place;
use crate::common::at;
use crate::common::decision;
use crate::common::placeholder;
use crate::common::record;
use crate::common::text_of;

/// Five hours and a bit: polls fall on every hour of the day, and on midnight.
const STEP: i64 = 5 * 3_600_000 + 1;

/// Two shops; what the first shows, the second shows a poll later. Returns when anything was seen.
async fn played(store: &Store, looks: &[Look]) -> Vec<i64> {
    let mut times = Vec::new();
    let shops = [
        store.instance("default").await.unwrap(),
        store.instance("other").await.unwrap(),
    ];
    let mut memories = [Memory::default(), Memory::default()];
    for (index, look) in looks.iter().enumerate() {
        let begin = DAY + STEP * i64::try_from(index).unwrap();
        // Some polls fall on midnight itself.
        let begin = if index % 7 == 0 {
            begin.div_euclid(DAY) * DAY
        } else {
            begin
        };
        let begin = begin.max(times.last().copied().unwrap_or_default());
        for (place, shop) in shops.iter().enumerate() {
            let shown = if place == 0 {
                Some(look)
            } else {
                index.checked_sub(1).map(|before| &looks[before])
            };
            let Some(shown) = shown else { continue };
            let observed_at = begin + 7 * i64::try_from(place).unwrap();
            see(store, *shop, &mut memories[place], shown, at(observed_at)).await;
            times.push(observed_at);
        }
    }
    times
}

async fn see(store: &Store, shop: InstanceId, memory: &mut Memory, look: &Look, observed_at: Timestamp) {
    let (outcome, part) = match look.outcome {
        0..3 => (Outcome::Accepted, false),
        3 => (Outcome::Accepted, true),
        4 => (Outcome::Suspect, false),
        _ => (Outcome::Failed(Cause::Timeout), false),
    };
    let mut next = memory.clone();
    if outcome == Outcome::Accepted {
        for (id, step) in &look.steps {
            apply(&mut next, *id, step, observed_at);
        }
    }
    let decided = decision(memory, next);
    let poll = PollRecord {
        part,
        ..record(observed_at, outcome, &decided)
    };
    let mut tx = store.begin_write().await.unwrap();
    let poll = tx.poll(shop, &poll).await.unwrap();
    tx.save(shop, poll, &decided).await.unwrap();
    tx.commit().await.unwrap();
    *memory = decided.next;
}

/// All that can be asked of the past, from that time on.
async fn read_back(store: &Store, times: &[i64], from: i64) -> String {
    let reader = store.reader();
    let mut text = String::new();
    let until = at(times.last().unwrap() + DAY);
    for shop in reader.instances().await.unwrap() {
        let id = shop.id;
        let mut memory = reader.memory(id, &placeholder()).await.unwrap();
        // Of a failure that began before the horizon not every poll is kept.
        memory.source.failures = memory.source.failures.min(20);
        let _ = writeln!(text, "{} {}", shop.name, text_of(&memory));
        let asked = times.iter().flat_map(|time| [time - 1, *time]).chain([from]);
        for moment in asked.filter(|moment| *moment >= from) {
            let catalogue = reader.catalogue_at(id, at(moment)).await.unwrap();
            let mut looks = reader.looks_since(id, at(moment), 100_000).await.unwrap();
            looks.retain(|look| look.at.as_millisecond() >= from);
            let read = reader.read_at(id, at(moment), until).await.unwrap();
            let rates = reader.forecasts(id, at(moment)).await.unwrap();
            let slots = Slots {
                from: at(moment),
                length: SignedDuration::from_hours(9),
                count: 6,
            };
            let marks = reader.marks(id, slots).await.unwrap();
            let read_in = [0, 1, 2, 3, 4, 5].map(|slot| marks.is_read(slot));
            let shown = reader.levels_at(&marks, &[0, 1, 2, 3, 4]).await.unwrap();
            let _ = writeln!(
                text,
                "{moment} {catalogue:?} {looks:?} {read:?} {rates:?} {read_in:?} {shown:?}"
            );
            for product in 1..4 {
                text += &of_product(store, id, product, (at(moment), until)).await;
            }
        }
    }
    text
}

async fn of_product(
    store: &Store,
    instance: InstanceId,
    product: i64,
    (from, until): (Timestamp, Timestamp),
) -> String {
    let mut text = String::new();
    let stretch = Stretch {
        instance,
        product,
        combination: None,
        from,
        until,
    };
    let each = |at, stood| {
        let _ = write!(text, "{at} {stood:?}; ");
    };
    let found = store.reader().each_level(&stretch, each).await.unwrap();
    let looked = store.reader().looked_at(&stretch, 1000).await.unwrap();
    let query = LevelQuery {
        instance,
        product,
        combination: None,
        from: Some(from),
        to: None,
        after: None,
        limit: 10_000,
    };
    let points = store.reader().level_history(&query).await.unwrap();
    let _ = writeln!(text, "{found} {looked:?} {points:?}");
    text
}

async fn daily(store: &Store) -> String {
    let mut text = String::new();
    for shop in store.reader().instances().await.unwrap() {
        for product in 1..4 {
            let query = DaysQuery {
                instance: shop.id,
                product,
                combination: None,
                from: 0,
                until: 100_000,
                limit: 100_000,
            };
            let _ = writeln!(text, "{:?}", store.reader().daily(&query).await.unwrap());
        }
    }
    text
}

/// The same database once more.
async fn copied(place: &Place) -> Place {
    let copy = Place::new();
    std::fs::copy(&place.settings.path, &copy.settings.path).unwrap();
    copy
}

/// Takes away what is older, at most so many slices of it; whether all of it is gone.
async fn prune(store: &Store, horizon: Timestamp, slices: usize) -> bool {
    let Some(mut pruning) = store.begin_pruning(horizon).await.unwrap() else {
        return true;
    };
    for _ in 0..slices {
        if pruning.slice(store).await.unwrap().is_none() {
            return true;
        }
    }
    false
}

async fn rows(store: &Store) -> [i64; 4] {
    let counted = store.reader().rows().await.unwrap();
    ["polls", "levels", "product_history", "label_history"]
        .map(|table| counted.iter().find(|(name, _)| name == table).unwrap().1)
}

async fn the_past_from_the_horizon_on_stays(
    looks: &[Look],
    horizon: i64,
    cut_short: usize,
) -> Result<(), TestCaseError> {
    let place = Place::new();
    let store = place.open().await;
    let times = played(&store, looks).await;
    let now = at(times.last().unwrap() + 5 * DAY);
    store.work_out_days(now).await.unwrap();
    store.close().await;
    let copy = copied(&place).await;
    let horizon = horizon * DAY;

    let whole = place.open().await;
    let expected = read_back(&whole, &times, horizon).await;
    let days = daily(&whole).await;
    let pruned = copy.open().await;
    prune(&pruned, at(horizon), cut_short).await;
    prop_assert_eq!(&read_back(&pruned, &times, horizon).await, &expected);
    pruned.close().await;
    let pruned = copy.open().await;
    prop_assert!(prune(&pruned, at(horizon), usize::MAX).await);
    prop_assert_eq!(&read_back(&pruned, &times, horizon).await, &expected);
    prop_assert_eq!(&daily(&pruned).await, &days);
    // Worked out and taken away once more, nothing is different.
    pruned.work_out_days(now).await.unwrap();
    prop_assert!(prune(&pruned, at(horizon), usize::MAX).await);
    prop_assert_eq!(&daily(&pruned).await, &days);
    pruned.integrity_check().await.unwrap();
    let (left, all) = (rows(&pruned).await, rows(&whole).await);
    prop_assert!(
        left.iter().zip(all).all(|(left, all)| *left <= all),
        "{left:?} of {all:?}"
    );
    pruned.close().await;
    whole.close().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_instant_since_the_horizon_is_read_back_as_if_nothing_had_been_taken_away(
        looks in vec(look(), 2..16), horizon in 0i64..5, cut_short in 0usize..30
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(the_past_from_the_horizon_on_stays(&looks, horizon, cut_short))?;
    }
}

/// A shop of some products polled each hour for so many days, each poll with a change.
pub async fn lived(store: &Store, days: i64) -> (InstanceId, Vec<i64>) {
    use whmcs_stock_monitor::domain::catalogue::Level;
    let shop = store.instance("default").await.unwrap();
    let mut memory = Memory::default();
    let mut times = Vec::new();
    for hour in 0..days * 24 {
        let observed_at = DAY + hour * 3_600_000;
        let mut next = memory.clone();
        let level = Level::Known((hour * 7) % 23);
        apply(
            &mut next,
            1 + hour % 3,
            &crate::catalogue::Step::Level(level),
            at(observed_at),
        );
        let decided = decision(&memory, next);
        crate::common::save(store, shop, at(observed_at), &decided)
            .await
            .unwrap();
        memory = decided.next;
        times.push(observed_at);
    }
    (shop, times)
}

#[tokio::test]
async fn what_is_older_goes_and_its_daily_figures_stay() {
    let place = Place::new();
    let store = place.open().await;
    let (_, times) = lived(&store, 10).await;
    let now = at(times.last().unwrap() + 3_600_000);
    assert_eq!(rows(&store).await, [240, 240, 0, 0]);
    // Before the days are worked out nothing goes.
    assert!(prune(&store, at(8 * DAY), usize::MAX).await);
    assert_eq!(rows(&store).await, [240, 240, 0, 0]);
    assert_eq!(store.work_out_days(now).await.unwrap(), 27);
    assert_eq!(store.work_out_days(now).await.unwrap(), 0);
    let days = daily(&store).await;
    assert!(prune(&store, at(8 * DAY + 5), usize::MAX).await);
    let upkeep = store.reader().upkeep().await.unwrap();
    assert_eq!(upkeep.horizon, Some(at(8 * DAY)));
    // From the eighth day on all hours, and how each of the three products stood at its beginning.
    assert_eq!(rows(&store).await, [75, 75, 0, 0]);
    assert_eq!(upkeep.removed, 2 * 165);
    assert_eq!(daily(&store).await, days);
    store.close().await;
}

#[tokio::test]
async fn polls_that_fail_for_ever_do_not_pile_up() {
    let place = Place::new();
    let store = place.open().await;
    let (shop, times) = lived(&store, 1).await;
    let memory = store.reader().memory(shop, &placeholder()).await.unwrap();
    let nothing = decision(&memory, memory.clone());
    let mut last = *times.last().unwrap();
    for _ in 0..100 {
        last += 3_600_000;
        let mut tx = store.begin_write().await.unwrap();
        let failed = record(at(last), Outcome::Failed(Cause::Dns), &nothing);
        tx.poll(shop, &failed).await.unwrap();
        tx.commit().await.unwrap();
    }
    let before = store.reader().memory(shop, &placeholder()).await.unwrap();
    store.work_out_days(at(last + 9 * DAY)).await.unwrap();
    assert!(
        prune(
            &store,
            at(last).saturating_add(SignedDuration::from_hours(48)).unwrap(),
            usize::MAX
        )
        .await
    );
    assert!(rows(&store).await[0] < 30, "{:?}", rows(&store).await);
    let after = store.reader().memory(shop, &placeholder()).await.unwrap();
    assert_eq!(after.source.failing_since, before.source.failing_since);
    assert_eq!(after.source.last_accepted_at, before.source.last_accepted_at);
    store.close().await;
}

#[tokio::test]
async fn a_clock_that_jumped_takes_nothing_away() {
    use tokio_util::sync::CancellationToken;
    use whmcs_stock_monitor::domain::retention::Retention;
    use whmcs_stock_monitor::jobs::keep::Keep;
    let place = Place::new();
    let store = place.open().await;
    lived(&store, 10).await;
    let keep = Keep {
        store: store.clone(),
        retention: Retention {
            changes: Some(Duration::from_secs(12 * 86_400)),
            events: Some(Duration::from_secs(12 * 86_400)),
            messages: Some(Duration::from_secs(12 * 86_400)),
            size: None,
        },
    };
    let in_2106: Timestamp = "2106-01-01T00:00:00Z".parse().unwrap();
    let kept = keep
        .run(in_2106, &CancellationToken::new())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.removed, 0);
    assert_eq!(rows(&store).await, [240, 240, 0, 0]);
    store.close().await;
}
