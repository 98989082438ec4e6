//! Messages wait until they are sent, given up, or sent again.

use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use uuid::Uuid;
use whmcs_stock_monitor::domain::delivery::Medium;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::deliveries::DeliveryState;
use whmcs_stock_monitor::store::outbox::Claim;
use whmcs_stock_monitor::store::outbox::Queued;
use whmcs_stock_monitor::store::outbox::Settled;
use whmcs_stock_monitor::store::outbox::Settlement;

use crate::common::Place;
use crate::common::at;

const LEASE: Duration = Duration::from_millis(500);

fn message(channel: &str, recorded: i64, recipients: &[&str]) -> Queued {
    Queued {
        id: Uuid::new_v4(),
        channel: channel.to_owned(),
        kind: "stock.alerts".to_owned(),
        instance: Some("default".to_owned()),
        recorded_at: at(recorded),
        not_before: None,
        headline: format!("recorded at {recorded}"),
        content: format!("{{\"n\":{recorded},\"name\":\"\\u202e\"}}"),
        medium: if channel == "email" {
            Medium::Email
        } else {
            Medium::Webhook
        },
        recipients: recipients
            .iter()
            .map(|recipient| (*recipient).to_owned())
            .collect(),
    }
}

async fn queue(store: &Store, messages: &[Queued]) {
    let mut tx = store.begin_write().await.unwrap();
    tx.enqueue(messages).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(store: &Store, channel: &str, now: i64) -> Vec<Claim> {
    store.claim(channel, at(now), LEASE, 100).await.unwrap()
}

async fn settle(store: &Store, claim: &Claim, settlement: Settlement, now: i64) -> bool {
    let settled = Settled {
        delivery: claim.delivery,
        attempt: claim.attempts,
        settlement,
    };
    store.settle(&[settled], at(now)).await.unwrap() == 1
}

fn sent() -> Settlement {
    Settlement::Sent {
        receipt: "250 queued".to_owned(),
    }
}

fn retry(when: i64) -> Settlement {
    Settlement::Retry {
        at: at(when),
        reason: "timeout".to_owned(),
        error: "no answer".to_owned(),
    }
}

fn dead() -> Settlement {
    Settlement::Dead {
        reason: "smtp_550".to_owned(),
        error: "no such user".to_owned(),
    }
}

#[tokio::test]
async fn each_recipient_has_a_delivery_of_its_own_that_carries_the_message() {
    let place = Place::new();
    let store = place.open().await;
    let queued = message("email", 1000, &["a@example.com", "b@example.com"]);
    queue(&store, std::slice::from_ref(&queued)).await;
    assert_eq!(store.reader().next_due("email").await.unwrap(), Some(at(1000)));
    let claims = claim(&store, "email", 1000).await;
    let recipients: Vec<_> = claims.iter().map(|claim| claim.recipient.as_str()).collect();
    assert_eq!(recipients, ["a@example.com", "b@example.com"]);
    for claim in &claims {
        assert_eq!(claim.message, queued.id);
        assert_eq!(claim.content, queued.content);
        assert_eq!(claim.headline, queued.headline);
        assert_eq!(claim.kind, queued.kind);
        assert_eq!(claim.instance, queued.instance);
        assert_eq!(claim.medium, Medium::Email);
        assert_eq!((claim.recorded_at, claim.queued_at), (at(1000), at(1000)));
        assert_eq!(claim.attempts, 1);
    }
    assert!(settle(&store, &claims[0], dead(), 1100).await);
    assert!(settle(&store, &claims[1], sent(), 1100).await);
    let listed = store.reader().deliveries(None, None, 10).await.unwrap();
    let states: Vec<_> = listed.iter().map(|delivery| delivery.state.as_str()).collect();
    assert_eq!(
        states,
        ["sent", "dead"],
        "one refused recipient does not touch the other"
    );
    assert_eq!(listed[0].receipt.as_deref(), Some("250 queued"));
    assert_eq!(listed[1].reason.as_deref(), Some("smtp_550"));
    assert_eq!(listed[1].settled_at, Some(at(1100)));
    assert_eq!(listed[1].next_attempt_at, None);
    store.close().await;
}

#[tokio::test]
async fn the_same_message_is_not_queued_twice() {
    let place = Place::new();
    let store = place.open().await;
    let queued = message("email", 1, &["a@example.com"]);
    queue(&store, std::slice::from_ref(&queued)).await;
    let mut tx = store.begin_write().await.unwrap();
    tx.enqueue(&[queued]).await.unwrap_err();
    drop(tx);
    assert_eq!(store.reader().deliveries(None, None, 10).await.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_message_that_cannot_be_understood_becomes_a_dead_letter_and_holds_up_nothing() {
    let place = Place::new();
    let store = place.open().await;
    queue(
        &store,
        &[
            message("webhook", 1000, &["webhook"]),
            message("webhook", 2000, &["webhook"]),
        ],
    )
    .await;
    let mut other = SqliteConnectOptions::new()
        .filename(&place.settings.path)
        .connect()
        .await
        .unwrap();
    sqlx::query("UPDATE messages SET id = 'no uuid' WHERE number = 1")
        .execute(&mut other)
        .await
        .unwrap();
    let claims = claim(&store, "webhook", 3000).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].recorded_at, at(2000));
    let dead = store
        .reader()
        .deliveries(Some(DeliveryState::Dead), None, 10)
        .await
        .unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].reason.as_deref(), Some("unreadable"));
}

#[tokio::test]
async fn a_channel_is_claimed_alone_longest_due_first_and_once() {
    let place = Place::new();
    let store = place.open().await;
    let messages: Vec<_> = (1..=5)
        .rev()
        .map(|n| message("webhook", n * 1000, &["webhook"]))
        .chain([message("email", 1, &["a@example.com"])])
        .collect();
    queue(&store, &messages).await;
    let first = store.claim("webhook", at(4000), LEASE, 3).await.unwrap();
    let recorded: Vec<_> = first
        .iter()
        .map(|claim| claim.recorded_at.as_millisecond())
        .collect();
    assert_eq!(recorded, [1000, 2000, 3000]);
    let second = claim(&store, "webhook", 4000).await;
    assert_eq!(second.len(), 1, "what is claimed or not due yet is left");
    assert_eq!(store.reader().next_due("webhook").await.unwrap(), Some(at(4500)));
    assert!(claim(&store, "chat", 9000).await.is_empty());
    assert_eq!(store.reader().next_due("chat").await.unwrap(), None);
    assert_eq!(claim(&store, "email", 4000).await.len(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_failed_attempt_comes_back_when_asked_and_counts_up() {
    let place = Place::new();
    let store = place.open().await;
    queue(&store, &[message("webhook", 0, &["webhook"])]).await;
    let id = claim(&store, "webhook", 0).await[0].message;
    store.void_leases(at(0)).await.unwrap();
    for attempt in 1..5 {
        let now = i64::from(attempt) * 1000;
        let claims = claim(&store, "webhook", now).await;
        assert_eq!((claims[0].message, claims[0].attempts), (id, attempt));
        assert!(settle(&store, &claims[0], retry(now + 1000), now).await);
        assert!(claim(&store, "webhook", now + 999).await.is_empty());
        let listed = store
            .reader()
            .deliveries(Some(DeliveryState::Pending), None, 10)
            .await
            .unwrap();
        assert_eq!(listed[0].next_attempt_at, Some(at(now + 1000)));
        assert_eq!(listed[0].last_error.as_deref(), Some("no answer"));
    }
    store.close().await;
}

#[tokio::test]
async fn a_lease_that_ended_is_given_to_another_and_the_late_word_counts_only_if_it_arrived() {
    let place = Place::new();
    let store = place.open().await;
    queue(&store, &[message("webhook", 0, &["webhook"])]).await;
    let slow = claim(&store, "webhook", 0).await.remove(0);
    assert!(claim(&store, "webhook", 499).await.is_empty());
    let quick = claim(&store, "webhook", 500).await.remove(0);
    assert_eq!((quick.delivery, quick.attempts), (slow.delivery, 2));

    assert!(
        !settle(&store, &slow, retry(9000), 600).await,
        "a failure is not the present attempt's"
    );
    assert!(!settle(&store, &slow, dead(), 600).await);
    assert!(
        settle(&store, &slow, sent(), 600).await,
        "it arrived: nobody need try again"
    );
    assert!(!settle(&store, &quick, retry(9000), 700).await);
    assert!(!settle(&store, &quick, dead(), 700).await);
    let listed = store.reader().deliveries(None, None, 10).await.unwrap();
    assert_eq!(
        (listed[0].state, listed[0].settled_at),
        (DeliveryState::Sent, Some(at(600)))
    );
    assert!(claim(&store, "webhook", 99_000).await.is_empty());
    store.close().await;
}

#[tokio::test]
async fn after_a_crash_what_was_under_way_is_due_at_once_with_the_same_id() {
    let place = Place::new();
    let store = place.open().await;
    queue(
        &store,
        &[
            message("webhook", 0, &["webhook"]),
            message("webhook", 7000, &["webhook"]),
        ],
    )
    .await;
    let before = claim(&store, "webhook", 0).await.remove(0);
    drop(store);
    let store = crate::common::reopen(&place).await;
    assert!(claim(&store, "webhook", 100).await.is_empty());
    assert_eq!(store.void_leases(at(200)).await.unwrap(), 1);
    let after = claim(&store, "webhook", 200).await;
    assert_eq!(after.len(), 1);
    assert_eq!((after[0].message, after[0].attempts), (before.message, 1));
    store.close().await;
}

#[tokio::test]
async fn a_dead_letter_is_replayed_with_the_same_id_and_a_fresh_term() {
    let place = Place::new();
    let store = place.open().await;
    queue(&store, &[message("email", 0, &["a@example.com"])]).await;
    let first = claim(&store, "email", 0).await.remove(0);
    assert!(
        !store.replay(first.delivery, at(1)).await.unwrap(),
        "it is not dead yet"
    );
    assert!(settle(&store, &first, dead(), 2).await);
    assert!(claim(&store, "email", 1000).await.is_empty());
    assert!(store.replay(first.delivery, at(5000)).await.unwrap());
    let again = claim(&store, "email", 5000).await.remove(0);
    assert_eq!((again.message, again.attempts), (first.message, 1));
    assert_eq!((again.recorded_at, again.queued_at), (at(0), at(5000)));
    assert!(settle(&store, &again, sent(), 5001).await);
    assert!(!store.replay(first.delivery, at(6000)).await.unwrap());
    assert!(!store.replay(4711, at(6000)).await.unwrap());
    store.close().await;
}

#[tokio::test]
async fn a_removed_channels_messages_become_dead_letters() {
    let place = Place::new();
    let store = place.open().await;
    let all = ["email", "webhook", "chat"].map(|channel| message(channel, 10, &[channel]));
    queue(&store, &all).await;
    let claims = claim(&store, "chat", 10).await;
    assert_eq!(
        store
            .bury_channels_except(&["email", "webhook"], at(20))
            .await
            .unwrap(),
        1
    );
    assert!(!settle(&store, &claims[0], retry(30), 25).await);
    let dead = store
        .reader()
        .deliveries(Some(DeliveryState::Dead), None, 10)
        .await
        .unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].channel, "chat");
    assert_eq!(dead[0].reason.as_deref(), Some("channel_removed"));
    assert_eq!(store.bury_channels_except(&[], at(30)).await.unwrap(), 2);
    store.close().await;
}

#[tokio::test]
async fn the_outbox_is_counted_by_channel_with_its_oldest() {
    let place = Place::new();
    let store = place.open().await;
    assert!(store.reader().outbox_counts().await.unwrap().is_empty());
    let mut all = vec![message("email", 50, &["a@example.com", "b@example.com"])];
    all.push(message("webhook", 70, &["webhook"]));
    all.push(message("webhook", 60, &["webhook"]));
    queue(&store, &all).await;
    let claims = claim(&store, "email", 100).await;
    settle(&store, &claims[0], dead(), 110).await;
    settle(&store, &claims[1], sent(), 110).await;
    let counts = store.reader().outbox_counts().await.unwrap();
    let plain: Vec<_> = counts
        .iter()
        .map(|count| (count.channel.as_str(), count.pending, count.dead, count.oldest))
        .collect();
    assert_eq!(plain, [("email", 0, 1, None), ("webhook", 2, 0, Some(at(60)))]);
    store.close().await;
}

#[tokio::test]
async fn many_claims_and_settlements_go_together_and_are_listed_in_pages() {
    let place = Place::new();
    let store = place.open().await;
    let all: Vec<_> = (0..1200).map(|n| message("webhook", n, &["webhook"])).collect();
    queue(&store, &all).await;
    let claims = store.claim("webhook", at(5000), LEASE, 1100).await.unwrap();
    assert_eq!(claims.len(), 1100);
    let settled: Vec<_> = claims
        .iter()
        .map(|claim| Settled {
            delivery: claim.delivery,
            attempt: claim.attempts,
            settlement: sent(),
        })
        .collect();
    assert_eq!(store.settle(&settled, at(5100)).await.unwrap(), 1100);
    assert_eq!(store.settle(&settled, at(5200)).await.unwrap(), 0);
    assert_eq!(store.settle(&[], at(5200)).await.unwrap(), 0);
    let page = store
        .reader()
        .deliveries(Some(DeliveryState::Pending), None, 60)
        .await
        .unwrap();
    let rest = store
        .reader()
        .deliveries(Some(DeliveryState::Pending), Some(page[59].id), 60)
        .await
        .unwrap();
    assert_eq!((page.len(), rest.len()), (60, 40));
    assert!(page[0].id > page[59].id && page[59].id > rest[0].id);
    store.close().await;
}
