//! What people say to the shop of the tests: acks, mutes, quiet hours; rounds between looks; and a stored memory.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use uuid::Uuid;
use whmcs_stock_monitor::domain::alerting::decision::Change;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::remind::Reminders;
use whmcs_stock_monitor::domain::alerting::remind::Shop as Reminded;
use whmcs_stock_monitor::domain::alerting::remind::remind;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::SeriesState;
use whmcs_stock_monitor::domain::message::MuteKind;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::people::Ack;
use whmcs_stock_monitor::domain::people::Matcher;
use whmcs_stock_monitor::domain::people::Mute;
use whmcs_stock_monitor::domain::people::Quiet;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::store::save::PollRecord;

use crate::shop::Shop;
use crate::shop::said;

/// Takes the series on now: so many are ordered, to be there after so many minutes.
pub fn ack(shop: &mut Shop, series: u32, quantity: Option<i64>, eta: Option<u64>) {
    let eta = eta.map(|minutes| {
        let wait = crate::shop::minutes(minutes);
        shop.now.checked_add(wait).expect("in range")
    });
    shop.people.acks.retain(|ack| ack.series != series);
    shop.people.acks.push(Ack {
        id: shop.now.as_millisecond(),
        series,
        made_at: shop.now,
        by: "ops".into(),
        note: "PO 881".into(),
        quantity,
        eta,
        arrived: 0,
        overdue_at: None,
    });
    shop.people.acks.sort_by_key(|ack| ack.series);
}

/// The number of the product's own series.
pub fn series(shop: &Shop, id: i64) -> u32 {
    shop.tracked(id).series.number
}

/// The products of that number or name.
pub fn products(pattern: Pattern) -> Matcher {
    Matcher {
        products: vec![pattern],
        ..Matcher::default()
    }
}

/// From now on, and until [`unmute`] takes it away; a silence where the id is a number, else a window.
pub fn mute(shop: &mut Shop, id: &str, matcher: Matcher) {
    let until = shop.now.checked_add(crate::shop::minutes(60)).expect("in range");
    let people = std::mem::take(&mut shop.people);
    shop.people = people.with_mutes([Mute {
        kind: if id.parse::<i64>().is_ok() {
            MuteKind::Silence
        } else {
            MuteKind::Maintenance
        },
        id: id.into(),
        matcher,
        by: "ops".into(),
        comment: "moving racks".into(),
        until,
    }]);
}

pub fn unmute(shop: &mut Shop, id: &str) {
    shop.people.mutes.retain(|mute| *mute.id != *id);
}

/// Quiet hours of every day, `out` piercing them where `pierce`.
pub fn quiet(from: &str, until: &str, zone: &str, pierce: bool) -> Quiet {
    let time = |text: &str| -> Time { text.parse().expect("a time") };
    Quiet {
        from: time(from),
        until: time(until),
        days: Vec::new(),
        zone: TimeZone::get(zone).expect("a zone"),
        pierce: if pierce { vec![Severity::Out] } else { Vec::new() },
    }
}

/// A round of reminders now; the daily slot is due where `slot` is given.
pub fn round(shop: &mut Shop, slot: Option<Timestamp>) -> Reminders {
    let mut ids = 1u128 << 90;
    let mut new_id = || {
        ids += 1;
        Uuid::from_u128(ids)
    };
    let slots = vec![slot; shop.rules.channels.len()];
    let shops = [Reminded {
        instance: "default",
        memory: &shop.memory,
        people: &shop.people,
    }];
    let reminders = remind(&shop.rules, &shops, None, &slots, shop.now, &mut new_id);
    if let Some(changed) = &reminders.shops[0] {
        shop.memory = changed.memory.clone();
        shop.heed(&changed.acks);
    }
    reminders
}

/// What the channel hears in a round after so many minutes.
pub fn in_round(shop: &mut Shop, minutes: u64, channel: &str) -> Vec<String> {
    shop.wait(crate::shop::minutes(minutes));
    said(&round(shop, None).messages, channel)
}

/// What the channel is reminded of now.
pub fn reminded(shop: &mut Shop, channel: &str) -> Vec<String> {
    let slot = shop.now;
    said(&round(shop, Some(slot)).messages, channel)
}

/// Restarts with the memory as a database file gives it back.
pub fn restart_from_file(shop: &mut Shop) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let before = shop.memory.clone();
    shop.memory = runtime.block_on(stored(shop));
    for (was, is) in before.products.iter().zip(&shop.memory.products) {
        assert_eq!(
            by_channel(&was.series),
            by_channel(&is.series),
            "as it was stored"
        );
        for (was, is) in was.combinations.iter().zip(&is.combinations) {
            assert_eq!(
                by_channel(&was.series),
                by_channel(&is.series),
                "as it was stored"
            );
        }
    }
    shop.restart();
}

/// The series, its channels in order.
fn by_channel(series: &SeriesState) -> SeriesState {
    let mut series = series.clone();
    series.told.sort_by(|a, b| a.channel.cmp(&b.channel));
    series
}

async fn stored(shop: &Shop) -> Memory {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = StoreSettings {
        path: folder.path().join("stock.db"),
    };
    let store = Store::open(&settings).await.expect("a store").store;
    let instance = store.instance("default").await.expect("an instance");
    let next = shop.memory.clone();
    let change = |after: &Arc<_>| Change {
        before: None,
        after: Arc::clone(after),
    };
    let decision = Decision {
        outcome: Outcome::Accepted,
        detail: String::new(),
        changes: next.products.iter().map(change).collect(),
        source_changed: true,
        events: Vec::new(),
        acks: Vec::new(),
        messages: Vec::new(),
        level_changes: 0,
        pools: None,
        next,
    };
    let poll = PollRecord {
        observed_at: decision.next.source.last_accepted_at.expect("a look"),
        duration: std::time::Duration::ZERO,
        outcome: Outcome::Accepted,
        part: false,
        detail: String::new(),
        products: Some(decision.next.products.len()),
        changes: 0,
        attempts: Vec::new(),
    };
    let mut tx = store.begin_write().await.expect("a write");
    let poll = tx.poll(instance, &poll).await.expect("recorded");
    tx.save(instance, poll, &decision).await.expect("recorded");
    tx.commit().await.expect("recorded");
    store.close().await;
    let store = Store::open(&settings).await.expect("a store").store;
    let global = shop.rules.global();
    let mut memory = store.reader().memory(instance, &global).await.expect("read");
    shop.rules.attach("default", &mut memory);
    store.close().await;
    memory
}
