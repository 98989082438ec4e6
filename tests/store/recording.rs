//! A poll is recorded whole or not at all, once, and cheaply.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::date;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::decision::Event;
use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::SuspectRun;
use whmcs_stock_monitor::domain::alerting::state::Told;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::delivery::Medium;
use whmcs_stock_monitor::domain::message::Capability;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::source::Attempt;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::ProductEventKind;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::store::error::ErrorKind;
use whmcs_stock_monitor::store::error::StoreError;
use whmcs_stock_monitor::store::history::EventFilter;
use whmcs_stock_monitor::store::outbox::Queued;
use whmcs_stock_monitor::store::save::PollRecord;

use crate::common::Place;
use crate::common::at;
use crate::common::combination;
use crate::common::decision;
use crate::common::fill;
use crate::common::many;
use crate::common::placeholder;
use crate::common::product;
use crate::common::record;
use crate::common::save;
use crate::common::text_of;

fn event(key: &str, kind: EventKind) -> Event {
    Event {
        key: key.to_owned(),
        at: at(5000),
        kind,
        product_id: Some(1),
        combination: None,
        level: Some(0),
        previous_level: Some(3),
    }
}

fn worse() -> EventKind {
    EventKind::Severity {
        from: Severity::Low,
        to: Severity::Out,
        reason: Reason::Worse,
    }
}

fn one_product(level: i64) -> Memory {
    let mut memory = many(1);
    memory.products = vec![Arc::new(product(1, 0, Level::Known(level)))];
    memory
}

fn message() -> Queued {
    Queued {
        id: uuid::Uuid::new_v4(),
        channel: "email".to_owned(),
        kind: "stock.alerts".to_owned(),
        instance: None,
        recorded_at: at(5000),
        not_before: None,
        headline: "1 product is out".to_owned(),
        content: "{}".to_owned(),
        medium: Medium::Email,
        recipients: vec!["a@example.com".to_owned()],
    }
}

/// How many rows there are of everything that a poll records.
async fn rows(store: &Store) -> [usize; 4] {
    let reader = store.reader();
    let instance = store.instance("default").await.unwrap();
    [
        reader.polls(None, None, 100).await.unwrap().len(),
        reader
            .memory(instance, &placeholder())
            .await
            .unwrap()
            .products
            .len(),
        reader
            .events(EventFilter::default(), None, 100)
            .await
            .unwrap()
            .len(),
        reader.deliveries(None, None, 100).await.unwrap().len(),
    ]
}

#[tokio::test]
async fn nothing_of_a_poll_is_recorded_before_its_commit() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let mut decided = decision(&Memory::default(), one_product(0));
    decided.events = vec![event("k", worse())];
    for (commits, expected) in [(false, [0; 4]), (true, [1; 4])] {
        let mut tx = store.begin_write().await.unwrap();
        let poll = tx
            .poll(instance, &record(at(1), Outcome::Accepted, &decided))
            .await
            .unwrap();
        tx.save(instance, poll, &decided).await.unwrap();
        tx.enqueue(&[message()]).await.unwrap();
        assert!(tx.mark_reminded("email", date(2026, 11, 21)).await.unwrap());
        assert_eq!(rows(&store).await, [0; 4], "a reader sees it before the commit");
        if commits {
            tx.commit().await.unwrap();
        } else {
            drop(tx);
        }
        assert_eq!(rows(&store).await, expected);
    }
    store.close().await;
}

#[tokio::test]
async fn an_event_is_recorded_once_and_its_repetition_takes_nothing_with_it() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let mut first = decision(&Memory::default(), one_product(0));
    first.events = vec![event("default/0/1", worse())];
    save(&store, instance, at(1), &first).await.unwrap();

    let mut second = decision(&first.next, one_product(9));
    second.events = vec![event("default/0/2", worse()), event("default/0/1", worse())];
    let error = save(&store, instance, at(2), &second).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Duplicate(key) if key == "default/0/1"),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(rows(&store).await, [1, 1, 1, 0]);
    let memory = store.reader().memory(instance, &placeholder()).await.unwrap();
    assert_eq!(memory.products[0].series.level, Level::Known(0));

    let renamed = store.instance("another").await.unwrap();
    save(&store, renamed, at(3), &first).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn an_unchanged_poll_costs_one_small_row() {
    let place = Place::new();
    let store = place.open().await;
    let instance = fill(&store, 500).await;
    let memory = store.reader().memory(instance, &placeholder()).await.unwrap();
    let unchanged = decision(&memory, memory.clone());
    let wal = place.beside("-wal");
    let before = fs::metadata(&wal).unwrap().len();
    const POLLS: u64 = 300;
    let mut most = 0;
    let mut last = before;
    for poll in 0..POLLS {
        let now = at(2000 + i64::try_from(poll).unwrap());
        save(&store, instance, now, &unchanged).await.unwrap();
        let length = fs::metadata(&wal).unwrap().len();
        most = most.max(length - last);
        last = length;
    }
    assert!(
        (last - before) / POLLS < 5000,
        "{} bytes a poll",
        (last - before) / POLLS
    );
    // A page that is full makes a few more.
    assert!(most < 5 * 4200, "{most} bytes for one poll");
    store.close().await;
}

#[tokio::test]
async fn readers_and_the_next_writer_do_not_disturb_an_open_write() {
    let place = Place::new();
    let store = place.open().await;
    let instance = fill(&store, 10).await;
    let mut tx = store.begin_write().await.unwrap();
    let decided = decision(&Memory::default(), Memory::default());
    tx.poll(instance, &record(at(9000), Outcome::Accepted, &decided))
        .await
        .unwrap();
    let second = tokio::spawn({
        let store = store.clone();
        async move { store.instance("second").await }
    });
    let mut readers = Vec::new();
    for _ in 0..20 {
        let store = store.clone();
        readers.push(tokio::spawn(async move {
            store.reader().polls(None, None, 10).await.unwrap().len()
        }));
    }
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 1);
    }
    assert!(!second.is_finished());
    tx.commit().await.unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(store.reader().polls(None, None, 10).await.unwrap().len(), 2);
    store.close().await;
}

/// What a power cut leaves: the files as they are, without a close.
fn cut(place: &Place) -> Place {
    let left = Place::new();
    for suffix in ["", "-wal"] {
        fs::copy(place.beside(suffix), left.beside(suffix)).unwrap();
    }
    left
}

#[tokio::test]
async fn whatever_was_committed_survives_a_cut_and_nothing_else() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let mut memory = Memory::default();
    for poll in 1..=10 {
        let decided = decision(&memory, one_product(poll));
        save(&store, instance, at(poll), &decided).await.unwrap();
        memory = decided.next;
        let left = cut(&place);
        let after = left.open().await;
        after.integrity_check().await.unwrap();
        assert_eq!(i64::try_from(rows(&after).await[0]).unwrap(), poll);
        let read = after.reader().memory(instance, &placeholder()).await.unwrap();
        assert_eq!(read.products[0].series.level, Level::Known(poll));
        after.close().await;
    }
    // So large that SQLite writes parts of it to the log before the commit.
    let decided = decision(&memory, many(40_000));
    let length = || fs::metadata(place.beside("-wal")).unwrap().len();
    let before = length();
    let mut tx = store.begin_write().await.unwrap();
    let poll = tx
        .poll(instance, &record(at(99), Outcome::Accepted, &decided))
        .await
        .unwrap();
    tx.save(instance, poll, &decided).await.unwrap();
    assert!(length() > before + 100_000);
    let left = cut(&place);
    drop(tx);
    let after = left.open().await;
    after.integrity_check().await.unwrap();
    assert_eq!(rows(&after).await, [10, 1, 0, 0]);
    after.close().await;
    assert_eq!(rows(&store).await, [10, 1, 0, 0]);
    store.close().await;
}

#[tokio::test]
async fn what_is_remembered_of_the_source_comes_back_after_a_start() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let mut memory = one_product(3);
    memory.source.down = Some((at(77), Cause::Firewall));
    memory.source.lost = vec![(Capability::StockFields, at(5)), (Capability::Companion, at(6))];
    memory.source.had_stock_fields = true;
    memory.source.had_companion = Some(Companion::Contract1);
    memory.source.baselined = vec![Arc::from("email"), Arc::from("chat \"ops\"")];
    memory.source.transition = 12;
    memory.source.suspect = Some(SuspectRun {
        signature: 1,
        polls: 2,
    });
    save(
        &store,
        instance,
        at(1000),
        &decision(&Memory::default(), memory.clone()),
    )
    .await
    .unwrap();
    for (millis, outcome) in [(2000, Outcome::Failed(Cause::Dns)), (3000, Outcome::Suspect)] {
        let decided = decision(&memory, memory.clone());
        let mut tx = store.begin_write().await.unwrap();
        let poll = tx
            .poll(instance, &record(at(millis), outcome, &decided))
            .await
            .unwrap();
        tx.save(instance, poll, &decided).await.unwrap();
        tx.commit().await.unwrap();
    }
    store.close().await;
    let store = place.open().await;
    let read = store.reader().memory(instance, &placeholder()).await.unwrap();
    memory.source.suspect = None;
    memory.source.last_accepted_at = Some(at(1000));
    memory.source.last_accepted_products = 1;
    memory.source.failures = 2;
    memory.source.failing_since = Some(at(2000));
    assert_eq!(text_of(&read), text_of(&memory));
    store.close().await;
}

#[tokio::test]
async fn a_series_number_is_stored_even_where_nothing_else_of_the_source_changed() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let mut decided: Decision = decision(&Memory::default(), one_product(3));
    // A number was given and its product vanished within the decision.
    decided.next.source.next_series = 5;
    decided.source_changed = false;
    save(&store, instance, at(1), &decided).await.unwrap();
    let read = store.reader().memory(instance, &placeholder()).await.unwrap();
    assert_eq!(read.source.next_series, 5);
    store.close().await;
}

#[tokio::test]
async fn a_combination_that_is_dropped_keeps_its_number_and_is_gone() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let mut tracked = product(1, 0, Level::Known(3));
    tracked.combinations = vec![combination("4=9", 1, Level::Known(2))];
    let mut before = one_product(3);
    before.products = vec![Arc::new(tracked)];
    before.source.next_series = 2;
    save(
        &store,
        instance,
        at(1),
        &decision(&Memory::default(), before.clone()),
    )
    .await
    .unwrap();
    save(&store, instance, at(2), &decision(&before, one_product(3)))
        .await
        .unwrap();
    let read = store.reader().memory(instance, &placeholder()).await.unwrap();
    assert!(read.products[0].combinations[0].gone);
    assert_eq!(read.source.next_series, 2);
    let stood = store
        .reader()
        .catalogue_at(instance, at(2))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stood.items[1].stood.state(), "gone");
    store.close().await;
}

#[tokio::test]
async fn what_is_told_between_polls_is_kept_without_a_poll() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let before = one_product(0);
    save(
        &store,
        instance,
        at(1),
        &decision(&Memory::default(), before.clone()),
    )
    .await
    .unwrap();
    let mut reminded = (*before.products[0]).clone();
    reminded.series.transition = 4;
    reminded.series.told = vec![Told::new(Arc::from("email"), Severity::Out, at(9000))];
    let mut next = before.clone();
    next.products = vec![Arc::new(reminded)];
    let decided = decision(&before, next);
    let mut tx = store.begin_write().await.unwrap();
    tx.save_between_polls(instance, &decided.changes, &[event("reminded", worse())])
        .await
        .unwrap();
    assert!(tx.mark_reminded("email", date(2026, 11, 21)).await.unwrap());
    assert!(!tx.mark_reminded("email", date(2026, 11, 21)).await.unwrap());
    assert!(tx.mark_reminded("email", date(2026, 11, 22)).await.unwrap());
    tx.commit().await.unwrap();
    let read = store.reader().memory(instance, &placeholder()).await.unwrap();
    assert_eq!(read.products[0].series, decided.next.products[0].series);
    let events = store
        .reader()
        .events(EventFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(events[0].poll, None);
    store.close().await;
}

#[tokio::test]
async fn a_part_is_never_the_last_accepted_catalogue_and_a_failed_one_is_a_failure() {
    let place = Place::new();
    let store = place.open().await;
    let eu = store.instance("eu").await.unwrap();
    let poll = |millis, part, outcome, products| PollRecord {
        part,
        observed_at: at(millis),
        duration: Duration::from_millis(5),
        outcome,
        detail: String::new(),
        products,
        changes: 0,
        attempts: Vec::new(),
    };
    let source = async |polls: &[PollRecord]| {
        let mut tx = store.begin_write().await.unwrap();
        for poll in polls {
            tx.poll(eu, poll).await.unwrap();
        }
        tx.commit().await.unwrap();
        store.reader().memory(eu, &placeholder()).await.unwrap().source
    };
    let quiet = source(&[
        poll(1, false, Outcome::Accepted, Some(84)),
        poll(2, true, Outcome::Accepted, Some(2)),
        poll(3, true, Outcome::Suspect, Some(5)),
    ])
    .await;
    assert_eq!(
        (quiet.last_accepted_at, quiet.last_accepted_products),
        (Some(at(1)), 84)
    );
    assert_eq!((quiet.failures, quiet.failing_since), (0, None));
    let failing = source(&[
        poll(4, true, Outcome::Failed(Cause::Timeout), None),
        poll(5, true, Outcome::Accepted, Some(1)),
        poll(6, false, Outcome::Suspect, Some(3)),
    ])
    .await;
    assert_eq!((failing.failures, failing.failing_since), (2, Some(at(4))));
    assert_eq!(failing.last_accepted_at, Some(at(1)));
    let listed = store.reader().polls(Some(eu), None, 10).await.unwrap();
    let parts: Vec<bool> = listed.iter().map(|poll| poll.part).collect();
    assert_eq!(parts, [false, true, true, true, true, false]);
    store.close().await;
}

#[tokio::test]
async fn polls_are_listed_newest_first_in_pages_with_their_cause() {
    let place = Place::new();
    let store = place.open().await;
    let eu = store.instance("eu").await.unwrap();
    let us = store.instance("us").await.unwrap();
    assert_eq!(store.instance("eu").await.unwrap(), eu);
    let mut tx = store.begin_write().await.unwrap();
    let failed = PollRecord {
        part: false,
        observed_at: at(1),
        duration: Duration::from_millis(30_001),
        outcome: Outcome::Failed(Cause::Timeout),
        detail: "no answer within 30 s".to_owned(),
        products: None,
        changes: 0,
        attempts: vec![
            Attempt {
                action: "GetProducts".to_owned(),
                cause: Some(Cause::Timeout),
            },
            Attempt {
                action: "GetProducts".to_owned(),
                cause: None,
            },
        ],
    };
    tx.poll(eu, &failed).await.unwrap();
    for millis in 2..6 {
        let poll = PollRecord {
            part: false,
            observed_at: at(millis),
            outcome: Outcome::Accepted,
            detail: String::new(),
            attempts: Vec::new(),
            products: Some(84),
            ..failed.clone()
        };
        tx.poll(us, &poll).await.unwrap();
    }
    tx.commit().await.unwrap();
    let reader = store.reader();
    let page = reader.polls(None, None, 3).await.unwrap();
    let millis = |poll: &whmcs_stock_monitor::store::history::Poll| poll.observed_at.as_millisecond();
    assert_eq!(page.iter().map(millis).collect::<Vec<_>>(), [5, 4, 3]);
    let rest = reader.polls(None, Some(page[2].id), 3).await.unwrap();
    assert_eq!(rest.iter().map(millis).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(
        (rest[0].outcome, rest[0].products, rest[0].cause),
        ("accepted", Some(84), None)
    );
    let alone = reader.polls(Some(eu), None, 10).await.unwrap();
    assert_eq!(alone.len(), 1);
    assert_eq!(alone[0].instance, "eu");
    assert_eq!(alone[0].outcome, "failed");
    assert_eq!(alone[0].cause, Some(Cause::Timeout));
    assert_eq!(alone[0].duration, failed.duration);
    assert_eq!(alone[0].detail, failed.detail);
    assert_eq!(alone[0].attempts, failed.attempts);
    let names: Vec<_> = reader
        .instances()
        .await
        .unwrap()
        .into_iter()
        .map(|i| i.name)
        .collect();
    assert_eq!(names, ["eu", "us"]);
    store.close().await;
}

#[tokio::test]
async fn every_kind_of_event_is_listed_as_it_was() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let kinds = [
        (worse(), None),
        (EventKind::Product(ProductEventKind::Renamed), None),
        (EventKind::SourceDown(Cause::Tls), Some("tls")),
        (EventKind::SourceUp, None),
        (EventKind::Degraded(Capability::StockFields), Some("stock_fields")),
        (EventKind::Restored(Capability::Companion), Some("companion")),
        (EventKind::Baseline, None),
        (
            EventKind::Suspected("40 products vanished".to_owned()),
            Some("40 products vanished"),
        ),
    ];
    let mut decided = decision(&Memory::default(), one_product(0));
    for (index, (kind, _)) in kinds.iter().enumerate() {
        let mut event = event(&format!("k{index}"), kind.clone());
        event.product_id = (index < 2).then_some(i64::try_from(index).unwrap());
        event.combination = (index == 0).then(|| "4=11;5=20".parse().unwrap());
        decided.events.push(event);
    }
    let poll = save(&store, instance, at(1), &decided).await.unwrap();
    let reader = store.reader();
    let all = reader.events(EventFilter::default(), None, 100).await.unwrap();
    assert_eq!(all.len(), kinds.len());
    for (recorded, (kind, detail)) in all.iter().rev().zip(&kinds) {
        assert_eq!(recorded.kind, kind.as_str());
        assert_eq!(recorded.detail.as_deref(), *detail);
        assert_eq!(recorded.poll, Some(poll));
    }
    let first = &all[kinds.len() - 1];
    assert_eq!(first.severity_from, Some(Severity::Low));
    assert_eq!(first.severity_to, Some(Severity::Out));
    assert_eq!(first.reason.as_deref(), Some("worse"));
    assert_eq!(first.combination.as_deref(), Some("4=11;5=20"));
    assert_eq!((first.level, first.previous_level), (Some(0), Some(3)));
    let filter = EventFilter {
        instance: Some(instance),
        product: Some(1),
        kind: Some("renamed"),
        severity: None,
    };
    assert_eq!(reader.events(filter, None, 9).await.unwrap().len(), 1);
    let page = reader
        .events(EventFilter::default(), Some(all[1].id), 2)
        .await
        .unwrap();
    assert_eq!(page, all[2..4]);
    store.close().await;
}

#[tokio::test]
async fn ten_thousand_recoveries_at_once_leave_nothing_told() {
    let place = Place::new();
    let store = place.open().await;
    let instance = store.instance("default").await.unwrap();
    let calm = many(10_000);
    let mut alarmed = calm.clone();
    for tracked in &mut alarmed.products {
        let mut told = (**tracked).clone();
        told.series.told = ["email", "webhook"]
            .map(|channel| Told::new(Arc::from(channel), Severity::Low, at(1)))
            .to_vec();
        *tracked = Arc::new(told);
    }
    save(
        &store,
        instance,
        at(1),
        &decision(&Memory::default(), alarmed.clone()),
    )
    .await
    .unwrap();
    let mut read = store.reader().memory(instance, &placeholder()).await.unwrap();
    assert_eq!(
        read.products[9_999].series.told,
        alarmed.products[9_999].series.told
    );
    save(&store, instance, at(2), &decision(&alarmed, calm.clone()))
        .await
        .unwrap();
    read = store.reader().memory(instance, &placeholder()).await.unwrap();
    assert!(read.products.iter().all(|tracked| tracked.series.told.is_empty()));
    store.close().await;
}

#[tokio::test]
async fn two_stores_do_not_share_anything() {
    let (one, two) = (Place::new(), Place::new());
    let settings: [&StoreSettings; 2] = [&one.settings, &two.settings];
    let mut stores = Vec::new();
    for settings in settings {
        stores.push(Store::open(settings).await.unwrap().store);
    }
    fill(&stores[0], 5).await;
    assert!(stores[1].reader().instances().await.unwrap().is_empty());
    for store in stores {
        store.close().await;
    }
}
