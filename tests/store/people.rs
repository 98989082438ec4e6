//! Acks and silences are recorded beside a running daemon, one ack of a series in force, and all of it in the history.

use std::sync::Arc;

use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::people::AckEnd;
use whmcs_stock_monitor::domain::people::Matcher;
use whmcs_stock_monitor::store::acks::NewAck;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::error::OpenError;
use whmcs_stock_monitor::store::error::StoreError;
use whmcs_stock_monitor::store::history::EventFilter;
use whmcs_stock_monitor::store::silences::NewSilence;

use crate::common::Place;
use crate::common::at;
use crate::common::fill;

fn ordered() -> NewAck {
    NewAck {
        by: "ops".to_owned(),
        note: "PO 881".to_owned(),
        quantity: Some(20),
        eta: Some(at(86_400_000)),
    }
}

fn silence(matcher: Matcher, from: i64, until: i64) -> NewSilence {
    NewSilence {
        matcher,
        starts_at: at(from),
        ends_at: at(until),
        by: "ops".to_owned(),
        comment: "moving racks".to_owned(),
    }
}

async fn history(store: &Store) -> Vec<String> {
    let mut events = store
        .reader()
        .events(EventFilter::default(), None, 100)
        .await
        .unwrap();
    events.reverse();
    let line = |event: &whmcs_stock_monitor::store::history::RecordedEvent| {
        let about = event
            .product_id
            .map_or_else(|| "-".to_owned(), |id| id.to_string());
        format!(
            "{} {}/{about} {} {} {}",
            event.at.as_millisecond(),
            event.instance,
            event.kind,
            event.reason.as_deref().unwrap_or("-"),
            event.detail.as_deref().unwrap_or("-"),
        )
    };
    events.iter().map(line).collect()
}

#[tokio::test]
async fn a_new_ack_replaces_the_one_in_force_and_the_history_says_so() {
    let place = Place::new();
    let store = place.open().await;
    let instance = fill(&store, 3).await;
    let first = store.add_ack(instance, 2, &ordered(), at(2000)).await.unwrap();
    let read = store.reader().people(Some(instance), at(2000)).await.unwrap();
    assert_eq!(read.ack(2), Some(&first));
    assert_eq!(read.ack(1), None);

    let plain = NewAck {
        by: "jo".to_owned(),
        ..NewAck::default()
    };
    let second = store.add_ack(instance, 2, &plain, at(3000)).await.unwrap();
    assert!(second.id > first.id);
    let read = store.reader().people(Some(instance), at(4000)).await.unwrap();
    assert_eq!(read.acks, std::slice::from_ref(&second));
    assert_eq!(read.ended, [(2, at(3000))]);

    assert!(store.end_ack(second.id, at(5000)).await.unwrap());
    assert!(
        !store.end_ack(second.id, at(6000)).await.unwrap(),
        "it ended before"
    );
    assert!(!store.end_ack(99, at(6000)).await.unwrap(), "there is none");
    let listed = store.reader().acks(None, false).await.unwrap();
    let ends: Vec<_> = listed.iter().map(|one| (one.ack.id, one.ended)).collect();
    assert_eq!(
        ends,
        [
            (second.id, Some((at(5000), AckEnd::Ended))),
            (first.id, Some((at(3000), AckEnd::Replaced)))
        ]
    );
    assert_eq!(listed[0].product_id, 3);
    assert_eq!((&*listed[0].instance, &*listed[0].name), ("default", "Product 3"));
    assert!(
        store
            .reader()
            .acks(Some(instance), true)
            .await
            .unwrap()
            .is_empty()
    );
    insta::assert_snapshot!(history(&store).await.join("\n"), @r"
    2000 default/3 acked - ops: 20 ordered, due 1970-01-02 00:00 UTC, PO 881
    3000 default/3 ack_ended replaced ops
    3000 default/3 acked - jo
    5000 default/3 ack_ended ended jo
    ");
}

#[tokio::test]
async fn an_ack_of_no_series_is_refused_and_nothing_is_recorded() {
    let place = Place::new();
    let store = place.open().await;
    let instance = fill(&store, 3).await;
    let error = store
        .add_ack(instance, 7, &ordered(), at(2000))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NoSeries(7)), "{error}");
    assert!(store.reader().acks(None, false).await.unwrap().is_empty());
    assert!(history(&store).await.is_empty());
}

#[tokio::test]
async fn an_ack_made_after_a_look_began_is_not_in_force_at_that_look() {
    let place = Place::new();
    let store = place.open().await;
    let instance = fill(&store, 1).await;
    store.add_ack(instance, 0, &ordered(), at(2000)).await.unwrap();
    let reader = store.reader();
    let before = reader.people(Some(instance), at(1999)).await.unwrap();
    assert_eq!(before.ack(0), None);
    let from = reader.people(Some(instance), at(2000)).await.unwrap();
    assert!(from.ack(0).is_some());
}

#[tokio::test]
async fn silences_hold_from_their_start_until_their_end_or_until_somebody_ends_them() {
    let place = Place::new();
    let store = place.open().await;
    let matcher = Matcher {
        instances: vec![Pattern::text("Shop*")],
        groups: vec![Pattern::Id(4)],
        products: vec![Pattern::text("VPS ?"), Pattern::Id(7)],
        options: vec![(Pattern::text("RAM"), Pattern::Id(11))],
        pools: vec![Pattern::text("DIMM")],
    };
    let long = store
        .add_silence(&silence(matcher.clone(), 2000, 9000), at(1000))
        .await
        .unwrap();
    let short = store
        .add_silence(&silence(Matcher::default(), 1000, 3000), at(1000))
        .await
        .unwrap();
    let in_force = async |now: i64| -> Vec<String> {
        let people = store.reader().people(None, at(now)).await.unwrap();
        people.mutes.iter().map(|mute| mute.id.to_string()).collect()
    };
    assert_eq!(in_force(1500).await, ["2"]);
    assert_eq!(in_force(2000).await, ["1", "2"], "the one that ends last first");
    assert_eq!(in_force(3000).await, ["1"]);
    assert_eq!(in_force(9000).await, Vec::<String>::new());
    let all = store.reader().silences(None).await.unwrap();
    assert_eq!(all, [short, long.clone()]);
    assert_eq!(all[1].matcher, matcher, "as it was made");
    assert_eq!(store.reader().silences(Some(at(4000))).await.unwrap(), [long]);

    assert!(store.end_silence(1, at(4000)).await.unwrap());
    assert!(!store.end_silence(1, at(4001)).await.unwrap());
    assert!(!store.end_silence(2, at(4001)).await.unwrap(), "its time is over");
    assert_eq!(in_force(4000).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_history_says_once_that_a_silence_ended() {
    let place = Place::new();
    let store = place.open().await;
    let made = store
        .add_silence(&silence(Matcher::default(), 1000, 3000), at(1000))
        .await
        .unwrap();
    assert!(made.is_in_force(at(2999)) && !made.is_in_force(at(3000)));
    for (now, noted) in [(2999, 0), (3500, 1), (4000, 0)] {
        let due = store.reader().has_unnoted_silences(at(now)).await.unwrap();
        assert_eq!(due, noted == 1, "{now}");
        let mut tx = store.begin_write().await.unwrap();
        assert_eq!(tx.note_ended_silences(at(now)).await.unwrap(), noted, "{now}");
        tx.commit().await.unwrap();
    }
    insta::assert_snapshot!(history(&store).await.join("\n"), @r"
    1000 /- silenced - ops: moving racks
    3000 /- silence_ended - ops: moving racks
    ");
}

#[tokio::test]
async fn people_write_beside_a_running_daemon_and_wait_for_its_write() {
    let place = Place::new();
    let daemon = place.open().await;
    let instance = fill(&daemon, 2).await;
    let beside = Store::open_beside(&place.settings).await.unwrap();
    let writing = daemon.begin_write().await.unwrap();
    let new = ordered();
    let (ack, ()) = tokio::join!(beside.add_ack(instance, 1, &new, at(2000)), async {
        writing.commit().await.unwrap();
    });
    let ack = ack.unwrap();
    let read = daemon.reader().people(Some(instance), at(2000)).await.unwrap();
    assert_eq!(read.acks, [ack]);
    beside.close().await;
    assert!(
        daemon.end_ack(1, at(3000)).await.unwrap(),
        "the daemon goes on writing"
    );
    let error = Store::open(&place.settings).await.unwrap_err();
    assert!(
        matches!(error, OpenError::InUse(_)),
        "its lock is untouched: {error}"
    );
}

#[tokio::test]
async fn beside_a_database_that_is_not_there_nothing_is_made() {
    let place = Place::new();
    let error = Store::open_beside(&place.settings).await.unwrap_err();
    assert!(matches!(error, OpenError::Missing(_)), "{error}");
    assert!(!place.settings.path.exists());
    let store = place.open().await;
    store.close().await;
    let beside = Store::open_beside(&place.settings).await.unwrap();
    let silence = silence(Matcher::default(), 1000, 3000);
    let made = beside.add_silence(&silence, at(1000)).await.unwrap();
    assert_eq!(Arc::from("moving racks"), made.comment);
    beside.close().await;
}
