//! Rounds between looks, on a real database: reminders that wait for quiet hours, acks, and silences that end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::civil::time;
use jiff::tz::TimeZone;
use uuid::Uuid;
use whmcs_stock_monitor::domain::alerting::decide::Seen;
use whmcs_stock_monitor::domain::alerting::decide::decide;
use whmcs_stock_monitor::domain::alerting::product::Policy;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::capacity::Capacities;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::catalogue::options::Options;
use whmcs_stock_monitor::domain::forecast::Forecasts;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::people::Matcher;
use whmcs_stock_monitor::domain::people::People;
use whmcs_stock_monitor::domain::people::Quiet;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::jobs::remind::Remind;
use whmcs_stock_monitor::jobs::shop::Shop;
use whmcs_stock_monitor::jobs::shop::Telling;
use whmcs_stock_monitor::notify::channel::Channel;
use whmcs_stock_monitor::notify::channel::ChannelKind;
use whmcs_stock_monitor::notify::channel::ChannelSettings;
use whmcs_stock_monitor::notify::webhook::Addressing;
use whmcs_stock_monitor::notify::webhook::WebhookSettings;
use whmcs_stock_monitor::notify::webhook_format::WebhookFormat;
use whmcs_stock_monitor::store::acks::NewAck;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::store::history::EventFilter;
use whmcs_stock_monitor::store::save::PollRecord;
use whmcs_stock_monitor::store::silences::NewSilence;
use whmcs_stock_monitor::store::value::InstanceId;

fn quiet(from: Time, until: Time) -> Quiet {
    Quiet {
        from,
        until,
        days: Vec::new(),
        zone: TimeZone::UTC,
        pierce: Vec::new(),
    }
}

fn rules(quiet: &Option<Quiet>) -> Rules {
    let hook = ChannelPolicy {
        name: "hook".to_owned(),
        severities: Vec::new(),
        default: true,
        quiet: quiet.clone(),
    };
    Rules::new(5, 1, Vec::new(), vec![hook])
}

/// A channel whose messages are queued and never sent.
fn telling(quiet: Option<Quiet>) -> Telling {
    // A second test in the same process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = ChannelSettings {
        name: "hook".to_owned(),
        kind: ChannelKind::Webhook(WebhookSettings {
            url: "http://127.0.0.1:9/".into(),
            format: WebhookFormat::Standard,
            addressing: Addressing::default(),
            secret: None,
            allow_link_local: false,
            timeout: Duration::from_secs(1),
        }),
    };
    Telling {
        channels: vec![Channel::new(&settings).unwrap()],
        quiet: quiet
            .into_iter()
            .map(|quiet| ("hook".to_owned(), quiet))
            .collect(),
        zone: TimeZone::UTC,
        page_url: None,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A database in which product 1 went out of stock in the afternoon of 21 November 2026, and reminders of it.
struct World {
    store: Store,
    instance: InstanceId,
    remind: Remind,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(reminder_at: Time, quiet: Option<Quiet>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            path: folder.path().join("stock.db"),
        };
        let store = Store::open(&settings).await.unwrap().store;
        let instance = store.instance("default").await.unwrap();
        let rules = Arc::new(rules(&quiet));
        let mut memory = Memory::default();
        for (time, level) in [("2026-11-21T14:00:00Z", 20), ("2026-11-21T15:00:00Z", 0)] {
            memory = look(&store, instance, &rules, &memory, at(time), level).await;
        }
        let remind = Remind::new(
            vec![Arc::new(Shop::new("default", instance))],
            store.clone(),
            rules,
            (Arc::new(Capacities::default()), None),
            Arc::new(telling(quiet)),
            reminder_at,
            TimeZone::UTC,
        );
        Self {
            store,
            instance,
            remind,
            _folder: folder,
        }
    }

    /// What a round at that time says.
    async fn round(&self, now: &str) -> Vec<String> {
        let reminded = self.remind.run(at(now)).await.unwrap();
        let headlines = reminded.headlines.into_iter();
        headlines.map(|(_, headline)| headline).collect()
    }

    async fn events(&self) -> Vec<String> {
        let reader = self.store.reader();
        let mut events = reader.events(EventFilter::default(), None, 100).await.unwrap();
        events.reverse();
        let said = events.into_iter().filter(|event| event.poll.is_none());
        said.map(|event| format!("{} {}", event.at, event.kind)).collect()
    }
}

async fn look(
    store: &Store,
    instance: InstanceId,
    rules: &Rules,
    before: &Memory,
    now: Timestamp,
    level: i64,
) -> Memory {
    let listing = Listing {
        id: 1,
        group_id: None,
        name: Name::new("VPS"),
        quantity: Figure::Number(level),
        price: None,
        options: Options::default(),
        source_hash: 0,
    };
    let snapshot = Snapshot {
        observed_at: now,
        products: vec![Arc::new(Product {
            listing: Arc::new(listing),
            details: None,
            details_fresh: false,
        })],
        companion: Companion::Absent,
    };
    let policy = Policy {
        instance: "default",
        rules,
        capacities: &Capacities::default(),
        pools: None,
        people: &People::default(),
        forecasts: &Forecasts::default(),
    };
    let decision = decide(policy, before, Seen::Catalogue(&snapshot), now, &mut Uuid::new_v4);
    let record = PollRecord {
        observed_at: now,
        duration: Duration::ZERO,
        outcome: decision.outcome,
        part: false,
        detail: String::new(),
        products: Some(1),
        changes: decision.level_changes,
        attempts: Vec::new(),
    };
    let mut tx = store.begin_write().await.unwrap();
    let poll = tx.poll(instance, &record).await.unwrap();
    tx.save(instance, poll, &decision).await.unwrap();
    tx.commit().await.unwrap();
    decision.next
}

#[tokio::test]
async fn todays_reminder_comes_at_the_first_round_after_quiet_hours() {
    let nights = quiet(time(22, 0, 0, 0), time(10, 0, 0, 0));
    let world = World::new(time(9, 0, 0, 0), Some(nights)).await;
    for (now, said) in [
        ("2026-11-22T08:59:00Z", 0),
        ("2026-11-22T09:00:00Z", 0),
        ("2026-11-22T09:59:59Z", 0),
        ("2026-11-22T10:00:00Z", 1),
        ("2026-11-22T10:01:00Z", 0),
        ("2026-11-22T23:00:00Z", 0),
        ("2026-11-23T10:30:00Z", 1),
    ] {
        assert_eq!(world.round(now).await.len(), said, "{now}");
    }
}

#[tokio::test]
async fn a_reminder_that_waits_over_midnight_is_not_lost_and_comes_once() {
    let nights = quiet(time(22, 0, 0, 0), time(6, 0, 0, 0));
    let world = World::new(time(23, 0, 0, 0), Some(nights)).await;
    for (now, said) in [
        ("2026-11-21T23:00:00Z", 0),
        ("2026-11-22T05:59:59Z", 0),
        ("2026-11-22T06:00:00Z", 1),
        ("2026-11-22T06:01:00Z", 0),
        ("2026-11-22T23:30:00Z", 0),
        ("2026-11-23T06:30:00Z", 1),
    ] {
        assert_eq!(world.round(now).await.len(), said, "{now}");
    }
}

#[tokio::test]
async fn without_quiet_hours_yesterdays_reminder_is_not_made_up_for() {
    let world = World::new(time(23, 0, 0, 0), None).await;
    assert!(world.round("2026-11-22T06:00:00Z").await.is_empty());
    assert_eq!(world.round("2026-11-22T23:00:00Z").await.len(), 1);
}

#[tokio::test]
async fn an_ack_made_beside_the_daemon_holds_reminders_back_until_it_is_overdue() {
    let world = World::new(time(9, 0, 0, 0), None).await;
    let new = NewAck {
        by: "ops".to_owned(),
        quantity: Some(20),
        eta: Some(at("2026-11-23T12:00:00Z")),
        ..NewAck::default()
    };
    let made = world
        .store
        .add_ack(world.instance, 0, &new, at("2026-11-22T08:00:00Z"));
    made.await.unwrap();
    assert!(world.round("2026-11-22T09:00:00Z").await.is_empty());
    assert!(world.round("2026-11-23T09:00:00Z").await.is_empty());
    assert_eq!(world.round("2026-11-23T12:00:00Z").await.len(), 1, "overdue");
    assert!(world.round("2026-11-23T12:01:00Z").await.is_empty());
    assert_eq!(
        world.round("2026-11-24T09:00:00Z").await.len(),
        1,
        "reminded again"
    );
    assert_eq!(
        world.events().await,
        ["2026-11-22T08:00:00Z acked", "2026-11-23T12:00:00Z overdue"]
    );
}

#[tokio::test]
async fn what_somebody_ends_while_a_decision_is_made_stays_ended_as_they_said() {
    let world = World::new(time(9, 0, 0, 0), None).await;
    let now = at("2026-11-22T08:00:00Z");
    let new = NewAck::default();
    let ack = world.store.add_ack(world.instance, 0, &new, now).await.unwrap();
    let step = whmcs_stock_monitor::domain::alerting::acks::AckStep {
        ended: Some(whmcs_stock_monitor::domain::people::AckEnd::Recovered),
        ack: ack.clone(),
    };
    assert!(world.store.end_ack(ack.id, now).await.unwrap());
    let mut tx = world.store.begin_write().await.unwrap();
    tx.save_acks(&[step], now).await.unwrap();
    tx.commit().await.unwrap();
    let listed = world.store.reader().acks(None, false).await.unwrap();
    let ended = listed[0].ended.map(|(_, why)| why.as_str());
    assert_eq!(ended, Some("ended"));
    assert_eq!(world.events().await.len(), 2);
}

#[tokio::test]
async fn a_round_notes_in_the_history_that_a_silence_ended() {
    let world = World::new(time(9, 0, 0, 0), None).await;
    let silence = NewSilence {
        matcher: Matcher::default(),
        starts_at: at("2026-11-22T08:00:00Z"),
        ends_at: at("2026-11-22T12:00:00Z"),
        by: "ops".to_owned(),
        comment: String::new(),
    };
    let made = world.store.add_silence(&silence, at("2026-11-22T08:00:00Z"));
    made.await.unwrap();
    assert!(world.round("2026-11-22T09:00:00Z").await.is_empty(), "muted");
    assert!(
        world.round("2026-11-22T12:01:00Z").await.is_empty(),
        "today's was due before"
    );
    assert!(world.round("2026-11-22T12:02:00Z").await.is_empty());
    assert_eq!(
        world.events().await,
        [
            "2026-11-22T08:00:00Z silenced",
            "2026-11-22T12:00:00Z silence_ended"
        ]
    );
    assert_eq!(world.round("2026-11-23T09:00:00Z").await.len(), 1);
}

#[test]
fn what_is_no_alert_is_recorded_at_once_and_leaves_after_quiet_hours() {
    let telling = telling(Some(quiet(time(22, 0, 0, 0), time(6, 0, 0, 0))));
    let message = |now: &str, body: Body| Message {
        id: Uuid::new_v4(),
        channel: "hook".to_owned(),
        instance: Some("default".to_owned()),
        at: at(now),
        body,
    };
    let down = || Body::SourceDown {
        cause: Cause::Timeout,
        detail: String::new(),
        since: at("2026-11-21T20:00:00Z"),
        pools: Vec::new(),
    };
    for (message, not_before) in [
        (
            message("2026-11-21T23:00:00Z", down()),
            Some("2026-11-22T06:00:00Z"),
        ),
        (message("2026-11-22T06:00:00Z", down()), None),
        (message("2026-11-21T23:00:00Z", Body::Ping), None),
    ] {
        let queued = telling.queue(&[message]).unwrap();
        assert_eq!(queued[0].not_before, not_before.map(at));
    }
}
