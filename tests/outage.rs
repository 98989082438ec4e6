//! Receivers that are down, refuse, hang or leave, on a fast clock: the real jobs, store and channels, stepped from
//! one due time to the next.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::app::Generation;
use whmcs_stock_monitor::config::load::Config;
use whmcs_stock_monitor::config::overlay::Sources;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::jobs::check::Check;
use whmcs_stock_monitor::jobs::deliver::Attempted;
use whmcs_stock_monitor::jobs::deliver::Deliver;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::sinks::mail::MailSink;
use whmcs_stock_monitor::sinks::mail_script::Fault;
use whmcs_stock_monitor::sinks::mail_script::Step;
use whmcs_stock_monitor::sinks::webhook::Reply;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::deliveries::Delivery;
use whmcs_stock_monitor::store::deliveries::DeliveryState;

const MAIL: usize = 0;
const HOOK: usize = 1;
const STAFF: [&str; 2] = ["sales@shop.example", "depot@shop.example"];
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// A shop, the daemon's parts without its loops, and both receivers.
struct World {
    folder: TempDir,
    simulator: Simulator,
    mail: Option<MailSink>,
    hook: WebhookSink,
    store: Store,
    check: Check,
    channels: [Deliver; 2],
    /// Seconds since the beginning.
    now: i64,
}

/// An attempt, and when it was made.
#[derive(Debug)]
struct Made {
    at: i64,
    channel: usize,
    attempted: Attempted,
}

fn time(seconds: i64) -> Timestamp {
    let noon: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
    noon + SignedDuration::from_secs(seconds)
}

fn seconds(at: Timestamp) -> i64 {
    at.duration_since(time(0)).as_secs()
}

/// A configuration for the receivers, as the program reads it.
fn configured(folder: &TempDir, simulator: &Simulator, mail: &MailSink, hook: &WebhookSink) -> Config {
    let (shop, to) = (simulator.url(), STAFF.join(","));
    let env = [
        ("WHMCS_API_URL", shop.as_str()),
        ("WHMCS_API_IDENTIFIER", simulator.identifier()),
        ("WHMCS_API_SECRET", simulator.secret()),
        ("LOW_STOCK", "5"),
        ("CRITICAL_STOCK", "2"),
        ("SMTP_URL", &mail.url()),
        ("SMTP_FROM", "stock@shop.example"),
        ("ALERT_EMAIL_TO", &to),
        ("WEBHOOK_URL", &hook.url()),
    ];
    let sources = Sources {
        env: env
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        dir: folder.path().to_owned(),
        config_file: None,
    };
    Config::load(&sources).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The check and the two channels of a fresh start on that store.
async fn started(config: Config, store: &Store) -> (Check, [Deliver; 2]) {
    let generation = Generation::new(config, store, &[]).await.expect("starts");
    assert_eq!(generation.channel_names(), ["email", "webhook"]);
    let deliver = |place| Deliver::new(store.clone(), Arc::clone(&generation.telling), place);
    let check = generation.check(0, store, Duration::from_secs(1));
    (check, [deliver(MAIL), deliver(HOOK)])
}

impl World {
    /// Three products with 20 each, their baseline told to everyone.
    async fn begin() -> Self {
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("config")).expect("a folder");
        // A zero is a zero.
        fs::write(
            folder.path().join("config/monitor.toml"),
            "[[rule]]\nstock_control = \"on\"\n",
        )
        .expect("writes");
        let product = |pid| Product::new(pid, 1, "Servers", &format!("DS-{pid}")).with_stock(20);
        let shop = Shop::new(Version::V8_12, Companion::None).with_products((1..=3).map(product));
        let simulator = Simulator::start(shop).await.expect("a shop");
        let mail = MailSink::start().await.expect("a mail server");
        let hook = WebhookSink::start().await.expect("a receiver");
        let config = configured(&folder, &simulator, &mail, &hook);
        let store = Store::open(&config.store).await.expect("opens").store;
        let (check, channels) = started(config, &store).await;
        let mut world = Self {
            folder,
            simulator,
            mail: Some(mail),
            hook,
            store,
            check,
            channels,
            now: 0,
        };
        world.poll().await;
        let made = world.deliver_due().await;
        assert_eq!(
            made.iter().filter(|made| made.attempted.result.is_ok()).count(),
            3,
            "{made:?}"
        );
        world
    }

    fn mail(&self) -> &MailSink {
        self.mail.as_ref().expect("the mail server is up")
    }

    /// Nobody listens where the mail server was.
    async fn stop_mail(&mut self) -> std::net::SocketAddr {
        let address = self.mail().address();
        self.mail = None;
        // The listener closes with its task.
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        address
    }

    /// The daemon's parts anew, as after a restart; leases are void.
    async fn restart(&mut self) -> u64 {
        let config = configured(&self.folder, &self.simulator, self.mail(), &self.hook);
        (self.check, self.channels) = started(config, &self.store).await;
        self.store.void_leases(time(self.now)).await.expect("voids")
    }

    /// Sets a stock, looks, and says how many messages that led to.
    async fn stock(&mut self, product: i64, level: i64) -> usize {
        self.simulator.shop().set_qty(product, level).expect("a product");
        self.poll().await
    }

    async fn poll(&mut self) -> usize {
        let never = CancellationToken::new();
        let checked = self
            .check
            .run(time(self.now), &never)
            .await
            .expect("records")
            .expect("looks");
        assert_eq!(checked.outcome, Outcome::Accepted);
        checked.headlines.len()
    }

    /// One round of a channel.
    async fn deliver(&self, channel: usize) -> Vec<Made> {
        let (now, never) = (self.now, CancellationToken::new());
        let delivered = self.channels[channel]
            .run(&move || time(now), &|| 0.5, &never)
            .await
            .expect("settles");
        let made = |attempted| Made {
            at: now,
            channel,
            attempted,
        };
        delivered.attempts.into_iter().map(made).collect()
    }

    /// What is due now, on both channels.
    async fn deliver_due(&self) -> Vec<Made> {
        let mut made = self.deliver(MAIL).await;
        made.append(&mut self.deliver(HOOK).await);
        made
    }

    /// Steps from one due time to the next until `end`, exclusive.
    async fn go_on_until(&mut self, end: i64) -> Vec<Made> {
        let mut all = self.deliver_due().await;
        loop {
            let mut due = Vec::new();
            for channel in ["email", "webhook"] {
                due.extend(
                    self.store
                        .reader()
                        .next_due(channel)
                        .await
                        .expect("reads")
                        .map(seconds),
                );
            }
            let next = due.into_iter().filter(|due| *due > self.now).min().unwrap_or(end);
            if next >= end {
                self.now = end;
                return all;
            }
            self.now = next;
            all.append(&mut self.deliver_due().await);
        }
    }

    /// Deliveries in a state, newest first.
    async fn deliveries(&self, state: DeliveryState) -> Vec<Delivery> {
        self.store
            .reader()
            .deliveries(Some(state), None, 100)
            .await
            .expect("reads")
    }

    async fn dead(&self) -> Vec<Delivery> {
        self.deliveries(DeliveryState::Dead).await
    }
}

/// When each delivery was attempted, counted from its first attempt.
fn rhythm(made: &[Made], channel: usize) -> BTreeMap<i64, Vec<i64>> {
    let mut rhythm: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for one in made.iter().filter(|one| one.channel == channel) {
        rhythm.entry(one.attempted.delivery_id).or_default().push(one.at);
    }
    for times in rhythm.values_mut() {
        let first = times[0];
        times.iter_mut().for_each(|at| *at -= first);
    }
    rhythm
}

fn id_of_mail(header: &str) -> String {
    header
        .trim_start_matches('<')
        .split('@')
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn a_mail_server_down_for_an_hour_and_a_webhook_that_answers_500_lose_nothing_and_leave_each_other_alone()
 {
    let mut world = World::begin().await;
    world.now = MINUTE;
    let address = world.stop_mail().await;
    assert_eq!(world.stock(1, 4).await, 2);
    let mut made = world.go_on_until(15 * MINUTE).await;

    // Up again, but it defers everything; the webhook has its own trouble meanwhile.
    world.mail = Some(MailSink::start_on(address).await.expect("the port is free"));
    world.mail().always(Step::Rcpt, Some(Fault::Code(451)));
    world.hook.always(Reply::Status(500));
    assert_eq!(world.stock(2, 0).await, 2);
    made.append(&mut world.go_on_until(20 * MINUTE).await);
    world.hook.always(Reply::Status(204));
    made.append(&mut world.go_on_until(40 * MINUTE).await);
    assert_eq!(world.stock(1, 30).await, 2);
    made.append(&mut world.go_on_until(61 * MINUTE).await);
    assert!(world.mail().mails().is_empty());
    assert_eq!(
        world.deliveries(DeliveryState::Pending).await.len(),
        3 * STAFF.len()
    );
    world.mail().always(Step::Rcpt, None);
    made.append(&mut world.go_on_until(24 * HOUR).await);

    assert!(world.deliveries(DeliveryState::Pending).await.is_empty());
    assert!(world.dead().await.is_empty());
    // To the webhook at once, but for the one message of its own trouble.
    let hooks: Vec<Vec<i64>> = rhythm(&made, HOOK).into_values().collect();
    assert_eq!(hooks, [vec![0], vec![0, 5, 35, 155, 755], vec![0]]);
    let mails: Vec<Vec<i64>> = rhythm(&made, MAIL)
        .into_values()
        .map(|times| times.into_iter().map(|at| at / MINUTE).collect())
        .collect();
    // Recorded after 1, 15 and 40 minutes, each for two; the server takes mail again after 61.
    let (first, second, third) = (
        vec![0, 5, 10, 15, 25, 55, 175],
        vec![0, 5, 10, 15, 25, 55],
        vec![0, 5, 10, 15, 25],
    );
    assert_eq!(
        mails,
        [first.clone(), first, second.clone(), second, third.clone(), third]
    );
    for one in made.iter().filter(|one| one.attempted.result.is_err()) {
        let reason = one.attempted.result.as_ref().err().map(|error| error.reason());
        let expected = match (one.channel, one.at) {
            (HOOK, _) => "http_500",
            (_, ..900) => "connect",
            (_, 900..) => "smtp_451",
        };
        assert_eq!(reason, Some(expected), "{one:?}");
    }

    // Each message came to each of its receivers once, in the end, under the id it always had.
    let mut mails: Vec<(String, String)> = world
        .mail()
        .mails()
        .iter()
        .map(|mail| {
            (
                id_of_mail(&mail.header("message-id").expect("an id")),
                mail.to[0].clone(),
            )
        })
        .collect();
    let mut recorded: Vec<(String, String)> = made
        .iter()
        .filter(|one| one.channel == MAIL && one.attempted.attempt == 1)
        .map(|one| (one.attempted.message_id.clone(), one.attempted.recipient.clone()))
        .collect();
    mails.sort();
    recorded.sort();
    assert_eq!(mails, recorded);
    let requests = world.hook.requests();
    let ids: Vec<&str> = requests
        .iter()
        .filter_map(|request| request.header("webhook-id"))
        .collect();
    // The baseline, low, five times out, recovered.
    assert_eq!(ids.len(), 8);
    assert!(ids[2..7].iter().all(|id| *id == ids[2]), "{ids:?}");
    assert!(
        requests[2..7]
            .iter()
            .all(|request| request.body == requests[2].body)
    );
}

#[tokio::test]
async fn a_channel_that_hangs_holds_up_neither_polls_nor_the_other_and_a_crash_then_repeats_the_same_id() {
    let mut world = World::begin().await;
    world.hook.always(Reply::Hang);
    world.now = MINUTE;
    assert_eq!(world.stock(1, 4).await, 2);
    let hanging = &world.channels[HOOK];
    let mut arrived = world.hook.subscribe();
    let stuck = {
        let (clock, never) = (|| time(MINUTE), CancellationToken::new());
        let round = async { hanging.run(&clock, &|| 0.5, &never).await.map(drop) };
        tokio::pin!(round);
        tokio::select! {
            ended = &mut round => panic!("it did not hang: {ended:?}"),
            heard = arrived.wait_for(|requests| requests.len() == 2) => drop(heard.expect("the receiver is there")),
        }
        // While that round is under way: polls, and the other channel.
        for (minute, level) in [(2, 2), (3, 0), (4, 30)] {
            let others = async {
                world.simulator.shop().set_qty(1, level).expect("a product");
                let (now, never) = (time(minute * MINUTE), CancellationToken::new());
                let checked = world
                    .check
                    .run(now, &never)
                    .await
                    .expect("records")
                    .expect("looks");
                let told = world.channels[MAIL]
                    .run(&|| now, &|| 0.5, &never)
                    .await
                    .expect("settles");
                (
                    checked.headlines.len(),
                    told.attempts.iter().filter(|one| one.result.is_ok()).count(),
                )
            };
            let mails = if minute == 2 { 2 * STAFF.len() } else { STAFF.len() };
            tokio::select! {
                ended = &mut round => panic!("it did not hang: {ended:?}"),
                told = others => assert_eq!(told, (2, mails), "minute {minute}"),
            }
        }
        world.hook.requests()[1]
            .header("webhook-id")
            .expect("an id")
            .to_owned()
        // Here the round is dropped between sending and settling, as by a crash.
    };
    world.hook.always(Reply::Status(204));
    world.now = 5 * MINUTE;
    let made = world.deliver(HOOK).await;
    assert_eq!(made.len(), 3, "what is under a lease is nobody else's: {made:?}");
    assert!(made.iter().all(|one| one.attempted.message_id != stuck));
    assert_eq!(world.restart().await, 1);
    let made = world.deliver(HOOK).await;
    let again: Vec<(&str, bool)> = made
        .iter()
        .map(|one| (one.attempted.message_id.as_str(), one.attempted.result.is_ok()))
        .collect();
    assert_eq!(again, [(stuck.as_str(), true)]);
    assert!(world.deliveries(DeliveryState::Pending).await.is_empty());
}

#[tokio::test]
async fn an_attempt_that_a_crash_cut_off_does_not_lengthen_the_wait_after_the_next() {
    let mut world = World::begin().await;
    world.hook.always(Reply::Hang);
    world.now = MINUTE;
    world.stock(1, 4).await;
    for crash in 1..=20 {
        let mut arrived = world.hook.subscribe();
        tokio::select! {
            ended = world.deliver(HOOK) => panic!("it did not hang: {ended:?}"),
            heard = arrived.wait_for(|requests| requests.len() == 1 + crash) => drop(heard.expect("it is there")),
        }
        assert_eq!(world.restart().await, 1);
    }
    world.hook.always(Reply::Status(500));
    let made = world.go_on_until(MINUTE + 36).await;
    let waits: Vec<Vec<i64>> = rhythm(&made, HOOK).into_values().collect();
    assert_eq!(waits, [[0, 5, 35]]);
}

#[tokio::test]
async fn a_slow_receivers_round_ends_after_half_a_minute_and_the_rest_comes_in_the_next() {
    let mut world = World::begin().await;
    for minute in 1..=6 {
        world.now = minute * MINUTE;
        assert_eq!(world.stock(1, 20 - 16 * (minute % 2)).await, 2);
    }
    // Each look at the clock takes seven seconds, as if the receiver took its time.
    let passed = AtomicI64::new(HOUR);
    let clock = || time(passed.fetch_add(7, Ordering::SeqCst));
    let never = CancellationToken::new();
    let (mut sent, mut rounds) = (0, 0);
    loop {
        let delivered = world.channels[HOOK]
            .run(&clock, &|| 0.5, &never)
            .await
            .expect("settles");
        assert!(
            delivered.attempts.len() <= 3,
            "{} attempts in a round",
            delivered.attempts.len()
        );
        assert!(
            delivered
                .attempts
                .iter()
                .all(|one| one.attempt == 1 && one.result.is_ok())
        );
        sent += delivered.attempts.len();
        rounds += 1;
        if rounds == 1 {
            // Recorded while that round went on.
            world.now = HOUR + 3;
            assert_eq!(world.stock(1, 4).await, 2);
        }
        if !delivered.more {
            break;
        }
        assert!(!delivered.attempts.is_empty(), "a round makes progress");
    }
    assert_eq!(sent, 7);
    assert!(rounds > 1);
    // In the order of recording, over all rounds.
    let reasons: Vec<usize> = world.hook.requests()[1..]
        .iter()
        .map(|request| request.text().matches("recovered").count())
        .collect();
    assert_eq!(reasons, [0, 1, 0, 1, 0, 1, 0]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone_until_the_next_start() {
    let mut world = World::begin().await;
    world.hook.always(Reply::Status(410));
    world.now = MINUTE;
    world.stock(1, 4).await;
    world.deliver_due().await;
    let dead = world.dead().await;
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (dead[0].channel.as_str(), dead[0].reason.as_deref()),
        ("webhook", Some("http_410"))
    );
    world.hook.always(Reply::Status(204));
    assert_eq!(world.stock(2, 0).await, 2);
    world.go_on_until(2 * HOUR).await;
    assert_eq!(
        world.hook.requests().len(),
        2,
        "nothing is sent to where nobody is"
    );
    assert_eq!(world.mail().mails().len(), 3 * STAFF.len(), "mails go on");
    world.restart().await;
    let made = world.deliver(HOOK).await;
    assert!(made.len() == 1 && made[0].attempted.result.is_ok(), "{made:?}");
    assert_eq!(
        world.dead().await.len(),
        1,
        "a dead letter stays one until it is replayed"
    );
}

#[tokio::test]
async fn a_message_refused_for_good_is_kept_and_replayed_under_its_id() {
    for status in [400, 413, 422] {
        let mut world = World::begin().await;
        world.hook.next(Reply::Status(status));
        world.now = MINUTE;
        world.stock(1, 4).await;
        world.deliver_due().await;
        let dead = world.dead().await;
        assert_eq!(dead.len(), 1, "{status}");
        assert_eq!(dead[0].reason.as_deref(), Some(format!("http_{status}").as_str()));
        assert_eq!((dead[0].attempts, dead[0].next_attempt_at), (1, None));
        assert!(world.go_on_until(10 * HOUR).await.is_empty());
        // Others go on meanwhile.
        world.stock(2, 4).await;
        world.deliver_due().await;
        assert_eq!(world.hook.requests().len(), 3);
        assert!(
            world
                .store
                .replay(dead[0].id, time(world.now))
                .await
                .expect("replays")
        );
        let made = world.deliver(HOOK).await;
        assert_eq!(made.len(), 1);
        assert_eq!(
            (&made[0].attempted.message_id, made[0].attempted.result.is_ok()),
            (&dead[0].message, true)
        );
        let requests = world.hook.requests();
        assert_eq!(requests[3].header("webhook-id"), requests[1].header("webhook-id"));
        assert_eq!(requests[3].body, requests[1].body);
        assert!(world.dead().await.is_empty());
    }
}

#[tokio::test]
async fn a_wait_that_the_receiver_asks_for_takes_the_place_of_our_own_within_an_hour() {
    let mut world = World::begin().await;
    for (status, asked) in [
        (429, "7"),
        (503, "90"),
        (429, "0"),
        (429, "-5"),
        (503, "999999999"),
    ] {
        world.hook.next(Reply::RetryAfter(status, asked.to_owned()));
    }
    world.hook.next(Reply::RetryAfter(429, "soon".to_owned()));
    world.now = MINUTE;
    world.stock(1, 4).await;
    let made = world.go_on_until(24 * HOUR).await;
    let waits: Vec<Vec<i64>> = rhythm(&made, HOOK).into_values().collect();
    // The fourth and the sixth say nothing readable: there the wait is our own.
    let ends = [0, 7, 97, 98, 98 + 600, 98 + 600 + HOUR, 98 + 600 + 3 * HOUR];
    assert_eq!(waits, [ends]);
    assert!(world.deliveries(DeliveryState::Pending).await.is_empty());
}

#[tokio::test]
async fn what_nobody_takes_for_five_days_is_given_up_and_kept() {
    let mut world = World::begin().await;
    world.hook.always(Reply::Reset);
    world.mail().always(Step::Mail, Some(Fault::Code(421)));
    world.now = MINUTE;
    world.stock(1, 4).await;
    let made = world.go_on_until(10 * 24 * HOUR).await;
    let hooks: Vec<Vec<i64>> = rhythm(&made, HOOK).into_values().collect();
    let first = [0, 5, 35, 155, 755, 2555, 9755];
    let then = [5, 15, 29, 49, 73, 97].map(|hours| 9755 + hours * HOUR);
    assert_eq!(hooks, [[first.as_slice(), then.as_slice()].concat()]);
    for times in rhythm(&made, MAIL).into_values() {
        assert_eq!(times[..5], [0, 300, 600, 900, 1500], "{times:?}");
        assert!(
            times.iter().all(|at| *at <= 5 * 24 * HOUR) && times.len() == 13,
            "{times:?}"
        );
    }
    let dead = world.dead().await;
    assert_eq!(dead.len(), 1 + STAFF.len());
    for letter in &dead {
        let reason = letter.reason.as_deref().expect("a reason");
        assert_eq!(
            reason,
            if letter.channel == "email" {
                "smtp_421"
            } else {
                "reset"
            },
            "{letter:?}"
        );
        assert!(
            letter.last_error.is_some() && letter.settled_at.is_some(),
            "{letter:?}"
        );
    }
    // A replay begins a term of its own.
    world.hook.always(Reply::Status(204));
    let letter = dead
        .iter()
        .find(|letter| letter.channel == "webhook")
        .expect("one");
    assert!(
        world
            .store
            .replay(letter.id, time(world.now))
            .await
            .expect("replays")
    );
    let made = world.deliver(HOOK).await;
    assert!(
        made[0].attempted.attempt == 1 && made[0].attempted.result.is_ok(),
        "{made:?}"
    );
}

#[tokio::test]
async fn a_recipient_refused_for_good_takes_no_other_along() {
    let mut world = World::begin().await;
    world.mail().next(Step::Rcpt, Fault::Code(550));
    world.now = MINUTE;
    world.stock(1, 4).await;
    let made = world.deliver(MAIL).await;
    let dead = world.dead().await;
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (dead[0].recipient.as_str(), dead[0].reason.as_deref()),
        (STAFF[0], Some("smtp_550"))
    );
    let taken: Vec<&str> = made
        .iter()
        .filter(|one| one.attempted.result.is_ok())
        .map(|one| one.attempted.recipient.as_str())
        .collect();
    assert_eq!(taken, [STAFF[1]]);
    let mails = world.mail().mails();
    assert_eq!(
        mails[2..]
            .iter()
            .map(|mail| mail.to[0].as_str())
            .collect::<Vec<_>>(),
        [STAFF[1]]
    );
    // The next message is tried for both again: an address may be mended.
    world.stock(1, 2).await;
    world.deliver(MAIL).await;
    assert_eq!(world.mail().mails().len(), 2 + 1 + 2);
}

#[tokio::test]
async fn a_mail_whose_acceptance_was_not_heard_comes_again_under_its_id() {
    let mut world = World::begin().await;
    world.mail().next(Step::Body, Fault::Drop);
    world.now = MINUTE;
    world.stock(1, 4).await;
    let made = world.go_on_until(HOUR).await;
    let tries: Vec<Vec<i64>> = rhythm(&made, MAIL).into_values().collect();
    assert_eq!(tries, [vec![0, 300], vec![0]]);
    let ids: Vec<String> = world.mail().mails()[2..]
        .iter()
        .filter(|mail| mail.to == [STAFF[0]])
        .map(|mail| mail.header("message-id").expect("an id"))
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn what_waits_for_a_channel_that_was_removed_is_kept_as_dead_letters() {
    let mut world = World::begin().await;
    world.hook.always(Reply::Status(500));
    world.now = MINUTE;
    world.stock(1, 4).await;
    world.deliver_due().await;
    let buried = world
        .store
        .bury_channels_except(&["email"], time(world.now))
        .await
        .expect("buries");
    assert_eq!(buried, 1);
    let dead = world.dead().await;
    assert_eq!(
        (dead[0].channel.as_str(), dead[0].reason.as_deref()),
        ("webhook", Some("channel_removed"))
    );
    assert!(world.go_on_until(HOUR).await.is_empty());
    // Should the channel come back, they can be sent after all.
    world.hook.always(Reply::Status(204));
    assert!(
        world
            .store
            .replay(dead[0].id, time(world.now))
            .await
            .expect("replays")
    );
    let made = world.deliver(HOOK).await;
    assert!(made.len() == 1 && made[0].attempted.result.is_ok(), "{made:?}");
}

#[tokio::test]
async fn what_is_replayed_in_any_order_arrives_in_the_order_in_which_it_happened() {
    let mut world = World::begin().await;
    world.now = MINUTE;
    for level in [3, 0, 20] {
        world.mail().next(Step::Rcpt, Fault::Code(550));
        world.mail().next(Step::Rcpt, Fault::Code(550));
        world.now += MINUTE;
        world.stock(1, level).await;
        world.now += 6 * MINUTE;
        world.poll().await;
        world.deliver(MAIL).await;
    }
    let told = world.mail().mails().len();
    let dead = world
        .store
        .reader()
        .deliveries(Some(DeliveryState::Dead), None, 100);
    let dead = dead.await.expect("reads");
    let of_one: Vec<_> = dead
        .iter()
        .filter(|delivery| delivery.recipient.contains(STAFF[0]))
        .collect();
    assert!(of_one.len() >= 3, "{dead:?}");
    // The list shows the newest first, and so they are replayed.
    for delivery in &of_one {
        world.now += 1;
        assert!(
            world
                .store
                .replay(delivery.id, time(world.now))
                .await
                .expect("replays")
        );
    }
    world.deliver(MAIL).await;
    let mails = world.mail().mails();
    let subjects: Vec<String> = mails[told..].iter().map(|mail| mail.subject()).collect();
    insta::assert_debug_snapshot!(subjects, @r#"
    [
        "LOW: DS-1, 3 left (was 20)",
        "OUT: DS-1 (was 3)",
        "recovered: DS-1 (20)",
    ]
    "#);
}

#[tokio::test]
async fn what_is_seen_after_the_clock_was_set_back_is_told_at_once() {
    let mut world = World::begin().await;
    // As on a machine that starts without a clock of its own, and is then told the time.
    world.now = 80 * 365 * 24 * HOUR;
    assert_eq!(world.stock(1, 4).await, 2);
    assert_eq!(world.deliver_due().await.len(), 3);
    world.now = MINUTE;
    assert_eq!(world.stock(1, 0).await, 2);
    let made = world.deliver_due().await;
    assert!(
        made.len() == 3 && made.iter().all(|made| made.attempted.result.is_ok()),
        "{made:?}"
    );
    assert!(world.deliveries(DeliveryState::Pending).await.is_empty());
    world.restart().await;
    assert_eq!(world.stock(1, 20).await, 2);
    assert_eq!(world.deliver_due().await.len(), 3);
}

#[tokio::test]
async fn a_mail_that_comes_after_a_newer_one_says_so_and_what_a_program_takes_stays_as_it_was() {
    let mut world = World::begin().await;
    world.now = MINUTE;
    // Greylisted, and the webhook's receiver is away for a moment.
    world.mail().next(Step::Rcpt, Fault::Code(450));
    world.mail().next(Step::Rcpt, Fault::Code(450));
    world.hook.next(Reply::Status(503));
    assert_eq!(world.stock(1, 0).await, 2);
    world.deliver_due().await;
    let told = world.mail().mails().len();
    let posted = world.hook.requests().len();
    world.now = MINUTE + 2;
    world.stock(1, 20).await;
    // Not yet the second time either, so that it is not due when the newer one is.
    world.mail().next(Step::Rcpt, Fault::Code(450));
    world.mail().next(Step::Rcpt, Fault::Code(450));
    world.now = 7 * MINUTE;
    let newer = world.deliver(MAIL).await;
    assert!(
        newer.iter().any(|made| made.attempted.result.is_ok()),
        "{newer:?}"
    );
    world.go_on_until(24 * HOUR).await;
    let mails = world.mail().mails();
    let mails: Vec<_> = mails[told..]
        .iter()
        .filter(|mail| mail.to == [STAFF[0]])
        .collect();
    let subjects: Vec<String> = mails.iter().map(|mail| mail.subject()).collect();
    insta::assert_debug_snapshot!(subjects, @r#"
    [
        "recovered: DS-1 (20)",
        "[late] OUT: DS-1 (was 20)",
    ]
    "#);
    let late = mails.iter().find(|mail| mail.subject().starts_with("[late] OUT"));
    let late = late.expect("the late mail");
    insta::assert_snapshot!(late.text().lines().next().unwrap_or_default(), @"Decided 21 Nov 2026, 12:01 UTC, delivered late: a newer message was delivered 21 Nov 2026, 12:07 UTC (recovered: DS-1 (20)).");
    assert!(
        late.html().contains("delivered late: a newer message"),
        "{}",
        late.html()
    );
    for request in &world.hook.requests()[posted..] {
        assert!(!request.text().contains("delivered late"), "{}", request.text());
    }
}
