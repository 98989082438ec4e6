//! Hints to the real program: signed by the companion's rules, followed at once, never more often than configured.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod daemon;
#[path = "support/hints.rs"]
mod hints;
#[path = "support/peers.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod peers;
#[path = "support/receivers.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod receivers;

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use daemon::Daemon;
use daemon::Home;
use daemon::eventually;
use hints::Hint;
use hints::Line;
use jiff::Timestamp;
use receivers::Receivers;
use rustix::process::Signal;
use serde_json::Value;
use serde_json::json;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "another secret of enough bytes";
const HINTS: &str = "/api/v1/hints";

/// Four products with 20 each, polled by the schedule once an hour: what is seen sooner is seen because of hints.
struct World {
    simulator: Simulator,
    receivers: Receivers,
    home: Home,
    // Dropped last: the simulator's tasks run in it.
    _runtime: Runtime,
}

impl World {
    fn new(companion: Companion) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let product = |pid| Product::new(pid, 1, "Servers", &format!("DS-{pid}")).with_stock(20);
        let shop = Shop::new(Version::V8_12, companion).with_products((1..=4).map(product));
        let simulator = runtime.block_on(Simulator::start(shop)).expect("a shop");
        let receivers = Receivers::start();
        let mut home = Home::new(&[]);
        for (name, value) in receivers.settings(&simulator.url()) {
            home.set(name, &value);
        }
        home.set("WHMCS_API_IDENTIFIER", simulator.identifier());
        home.set("WHMCS_API_SECRET", simulator.secret());
        home.set("POLL_SCHEDULE", "every 1h");
        home.set("HINT_SECRET", SECRET);
        home.set("HINT_MIN_INTERVAL", "100ms");
        home.write("config/monitor.toml", "[[rule]]\nstock_control = \"on\"\n");
        Self {
            simulator,
            receivers,
            home,
            _runtime: runtime,
        }
    }

    /// The daemon after its first poll and its baseline.
    fn start(&self) -> Daemon {
        let daemon = self.home.start();
        self.receivers.wait_for(1);
        eventually("the first poll", || (daemon.polls("default") == 1).then_some(()));
        daemon
    }

    fn sells_out(&self, pid: i64) {
        self.simulator.shop().set_qty(pid, 0).expect("is there");
    }

    /// The products that GetProducts was asked for, request by request; "" for all.
    fn asked(&self) -> Vec<String> {
        let requests = self.simulator.requests();
        let listings = requests.iter().filter(|request| request.action == "GetProducts");
        listings
            .map(|request| request.params.get("pid").cloned().unwrap_or_default())
            .collect()
    }

    fn wait_for_asked(&self, count: usize) -> Vec<String> {
        eventually(&format!("{count} requests"), || {
            Some(self.asked()).filter(|asked| asked.len() >= count)
        })
    }
}

fn newest_poll(daemon: &Daemon) -> Value {
    daemon.json("/api/v1/polls?limit=1")["items"][0].clone()
}

fn wait_for_total_polls(daemon: &Daemon, count: u64) {
    eventually(&format!("{count} polls"), || {
        (daemon.polls("default") >= count).then_some(())
    });
}

fn hints_of(daemon: &Daemon, whmcs: &str, result: &str) -> Option<f64> {
    daemon.metric(&format!(
        "whmcs_stock_hints_total{{result=\"{result}\",whmcs=\"{whmcs}\"}}"
    ))
}

#[test]
fn a_hint_leads_to_the_alert_of_what_it_names_and_of_nothing_else() {
    for companion in [Companion::None, Companion::Contract1, Companion::Foreign] {
        let world = World::new(companion);
        let mut daemon = world.start();
        world.sells_out(1);
        world.sells_out(2);
        let said = Line::to(daemon.address).hint(&Hint::of(&[1]), SECRET);
        assert_eq!(
            (said.status, &said.json["poll"]),
            (202, &json!("now")),
            "{said:?}"
        );
        assert_eq!(said.json["products"], json!([1]));
        world.receivers.wait_for(2);
        assert_eq!(
            world.receivers.said(),
            ["stock.baseline", "stock.alerts: 1 first out 0"]
        );
        assert_eq!(
            world.asked()[..2],
            ["".to_owned(), "1".to_owned()],
            "{companion:?}"
        );
        let level = |pid| daemon.item(pid).expect("an item")["level"].clone();
        assert_eq!((level(1), level(2), level(3)), (json!(0), json!(20), json!(20)));
        let poll = newest_poll(&daemon);
        assert_eq!(
            (&poll["part"], &poll["products"], &poll["outcome"]),
            (&json!(true), &json!(1), &json!("accepted"))
        );
        assert_eq!(
            daemon.metric("whmcs_part_polls_total{whmcs=\"default\"}"),
            Some(1.0)
        );
        assert_eq!(hints_of(&daemon, "default", "accepted"), Some(1.0));
        // The change may have been written after the hook: it is looked at once more, and then no more.
        assert_eq!(world.wait_for_asked(3)[2], "1");
        let past = Timestamp::now();
        daemon.stop();
        let history = world
            .home
            .run(&["history", "--at", &past.to_string(), "--json", "1"]);
        assert_eq!(history.json()["items"][0]["level"], 0, "{history:?}");
    }
}

#[test]
fn a_product_that_a_part_does_not_find_is_not_gone_and_a_new_one_is_new() {
    let world = World::new(Companion::Contract1);
    let mut daemon = world.start();
    world.simulator.shop().remove(3).expect("is there");
    let new = Product::new(9, 1, "Servers", "DS-9").with_stock(7);
    world.simulator.shop().add(new);
    let mut line = Line::to(daemon.address);
    assert_eq!(line.hint(&Hint::of(&[3]), SECRET).status, 202);
    wait_for_total_polls(&daemon, 2);
    let poll = newest_poll(&daemon);
    assert_eq!(
        (&poll["products"], &poll["changes"]),
        (&json!(0), &json!(0)),
        "{poll}"
    );
    let kept = daemon.item(3).expect("is still there");
    assert_eq!((&kept["state"], &kept["level"]), (&json!("known"), &json!(20)));
    assert_eq!(line.hint(&Hint::of(&[9]), SECRET).status, 202);
    let item = daemon.wait_for_item(9, "is seen", |_| true);
    assert_eq!(item["level"], 7);
    world.receivers.wait_for(2);
    assert_eq!(world.receivers.said(), ["stock.baseline", "stock.product: 9 new"]);
    daemon.stop();
    // A restart reads what parts left behind, and believes the whole catalogue that comes then.
    let mut daemon = world.home.start();
    wait_for_total_polls(&daemon, 1);
    assert_eq!(newest_poll(&daemon)["outcome"], "accepted");
    daemon.stop();
}

#[test]
fn a_thousand_hints_in_a_second_lead_to_no_more_polls_than_configured() {
    const DISTANCE: u64 = 2;
    let mut world = World::new(Companion::None);
    world.home.set("HINT_MIN_INTERVAL", &format!("{DISTANCE}s"));
    let mut daemon = world.start();
    let address = daemon.address;
    world.sells_out(4);
    let began = Instant::now();
    let senders = (0..4).map(|_| {
        thread::spawn(move || {
            let mut line = Line::to(address);
            (0..250)
                .map(|n| line.hint(&Hint::of(&[1 + n % 4]), SECRET).status)
                .collect::<Vec<_>>()
        })
    });
    let senders: Vec<_> = senders.collect();
    let answers: Vec<u16> = senders
        .into_iter()
        .flat_map(|sender| sender.join().expect("sends"))
        .collect();
    eprintln!("a thousand hints in {:?}", began.elapsed());
    assert_eq!(answers.iter().filter(|status| **status == 202).count(), 1000);
    // The first look, those at the ends of the distance, and the second looks at what was hinted at.
    let parts = || world.asked().len() as u64 - 1;
    while began.elapsed() < Duration::from_secs(5 * DISTANCE) {
        let seen = parts();
        let most = 1 + began.elapsed().as_secs() / DISTANCE;
        assert!(seen <= most, "{seen} and not {most}: {:?}", world.asked());
        thread::sleep(Duration::from_millis(20));
    }
    let asked = world.asked();
    assert!(asked.len() > 2, "{asked:?}");
    assert!(asked.iter().any(|pids| pids.contains('4')), "{asked:?}");
    world.receivers.wait_for(2);
    assert_eq!(
        world.receivers.said(),
        ["stock.baseline", "stock.alerts: 4 first out 0"]
    );
    daemon.stop();
}

#[test]
fn what_is_forged_replayed_late_early_or_no_hint_leads_to_nothing() {
    let mut world = World::new(Companion::None);
    world.home.set("HINT_MIN_INTERVAL", "0");
    let mut daemon = world.start();
    let mut line = Line::to(daemon.address);
    let good = Hint::of(&[1]);
    assert_eq!(line.hint(&good, SECRET).status, 202);
    // The look of the good one, and the second one some seconds later.
    world.wait_for_asked(3);
    let before = world.simulator.request_count();
    let timed = |ahead| Hint {
        ahead,
        ..Hint::of(&[1])
    };
    let saying = |body: &str| Hint {
        body: body.to_owned(),
        ..Hint::of(&[])
    };
    for (what, hint, secret, status) in [
        ("forged", Hint::of(&[1]), OTHER, 401),
        ("replayed", good.clone(), SECRET, 409),
        (
            "sent again later",
            Hint {
                ahead: 3,
                ..good.clone()
            },
            SECRET,
            409,
        ),
        ("late", timed(-310), SECRET, 401),
        ("early", timed(310), SECRET, 401),
        (
            "of a shop that is not here",
            Hint::saying(&json!({"instance": "us"})),
            SECRET,
            404,
        ),
        ("no JSON", saying("no JSON"), SECRET, 400),
        (
            "of another type",
            saying(r#"{"type":"test.ping","data":{}}"#),
            SECRET,
            400,
        ),
        (
            "of no product",
            Hint::saying(&json!({"products": [-1]})),
            SECRET,
            400,
        ),
    ] {
        let said = line.hint(&hint, secret);
        assert_eq!(said.status, status, "{what}: {said:?}");
        assert_eq!(said.json["status"], status, "{what}");
        let text = said.json["detail"].as_str().unwrap_or_default();
        assert!(!text.is_empty() && !text.contains("whsec"), "{what}: {text}");
        let about_clocks = ["late", "early"].contains(&what);
        assert_eq!(text.contains("clocks"), about_clocks, "{what}: {text}");
    }
    let said = line.post(HINTS, "", &good.body);
    assert_eq!(said.status, 401, "unsigned: {said:?}");
    assert!(
        said.head.contains("www-authenticate: StandardWebhooks"),
        "{said:?}"
    );
    let signed = good.signed(SECRET);
    assert_eq!(line.post(HINTS, &signed, &format!("{} ", good.body)).status, 401);
    let huge = saying(&" ".repeat(65 << 10));
    assert_eq!(Line::to(daemon.address).hint(&huge, SECRET).status, 413);
    assert_eq!(daemon.get(HINTS).status, 405);
    for (whmcs, result, count) in [
        ("", "forged", 3.0),
        ("", "stale", 2.0),
        ("default", "replayed", 2.0),
        ("", "malformed", 3.0),
        ("", "wrong_instance", 1.0),
        ("default", "accepted", 1.0),
    ] {
        assert_eq!(hints_of(&daemon, whmcs, result), Some(count), "{result}");
    }
    thread::sleep(Duration::from_millis(300));
    assert_eq!(world.simulator.request_count(), before, "{:?}", world.asked());
    daemon.stop();
}

#[test]
fn a_flood_of_forged_hints_is_held_up_and_does_not_fill_the_log() {
    let world = World::new(Companion::None);
    let mut daemon = world.start();
    let before = world.simulator.request_count();
    let mut line = Line::to(daemon.address);
    let statuses: Vec<u16> = (0..400)
        .map(|_| line.hint(&Hint::of(&[1]), OTHER).status)
        .collect();
    let count = |status| statuses.iter().filter(|seen| **seen == status).count();
    assert!(count(401) >= 100 && count(429) > 0, "{statuses:?}");
    assert_eq!(count(401) + count(429), 400);
    let lines = daemon.log().matches("Hints were refused").count();
    assert_eq!(lines, 1, "{}", daemon.log());
    assert_eq!(world.simulator.request_count(), before);
    daemon.stop();
}

#[test]
fn while_the_shop_fails_hints_wait_and_a_person_may_ask_all_the_same() {
    let world = World::new(Companion::None);
    let mut daemon = world.start();
    let mut line = Line::to(daemon.address);
    world
        .simulator
        .fail_always(Fault::Refused(Refusal::InvalidIp("192.0.2.7".to_owned())));
    assert_eq!(line.hint(&Hint::of(&[1]), SECRET).json["poll"], "now");
    wait_for_total_polls(&daemon, 2);
    let poll = newest_poll(&daemon);
    assert_eq!(
        (&poll["part"], &poll["cause"]),
        (&json!(true), &json!("ip")),
        "{poll}"
    );
    let failed = world.simulator.request_count();
    for _ in 0..20 {
        let said = line.hint(&Hint::of(&[1]), SECRET);
        assert_eq!(
            (said.status, &said.json["poll"]),
            (202, &json!("with_the_next_poll"))
        );
    }
    // Several times the least distance.
    thread::sleep(Duration::from_millis(500));
    assert_eq!(world.simulator.request_count(), failed);
    let asked = line.post("/api/v1/poll", "", "");
    assert_eq!(asked.status, 202, "{asked:?}");
    assert_eq!(asked.json["items"][0]["instance"], "default");
    wait_for_total_polls(&daemon, 3);
    assert_eq!(world.simulator.request_count(), failed + 1);
    world.simulator.heal();
    world.sells_out(1);
    assert_eq!(line.post("/api/v1/poll?instance=default", "", "").status, 202);
    world.receivers.wait_for(2);
    world.sells_out(2);
    assert_eq!(line.hint(&Hint::of(&[2]), SECRET).status, 202);
    world.receivers.wait_for(3);
    assert_eq!(
        world.receivers.said(),
        [
            "stock.baseline",
            "stock.alerts: 1 first out 0",
            "stock.alerts: 2 first out 0"
        ]
    );
    assert_eq!(line.post("/api/v1/poll?instance=us", "", "").status, 400);
    let foreign = line.post("/api/v1/poll", "Origin: http://evil.example\r\n", "");
    assert_eq!(foreign.status, 403, "{foreign:?}");
    daemon.stop();
}

#[test]
fn the_secret_of_a_reload_is_the_one_that_counts() {
    let mut world = World::new(Companion::None);
    world.home.unset("HINT_SECRET");
    let mut daemon = world.start();
    let mut line = Line::to(daemon.address);
    let off = line.hint(&Hint::of(&[1]), SECRET);
    assert_eq!(off.status, 404);
    assert!(
        off.json["detail"]
            .as_str()
            .is_some_and(|text| text.contains("HINT_SECRET"))
    );
    for (number, (secret, other)) in [(SECRET, OTHER), (OTHER, SECRET)].into_iter().enumerate() {
        world.home.set("HINT_SECRET", secret);
        daemon.signal(Signal::HUP);
        eventually("the reload", || {
            let log = daemon.log();
            (log.matches("The new configuration is in force.").count() > number).then_some(())
        });
        let hint = Hint::of(&[1]);
        assert_eq!(line.hint(&hint, other).status, 401);
        assert_eq!(line.hint(&hint, secret).status, 202);
        assert_eq!(line.hint(&hint, secret).status, 409);
    }
    assert!(!daemon.log().contains(OTHER));
    daemon.stop();
}

#[test]
fn a_shop_with_a_secret_of_its_own_speaks_for_itself_alone() {
    let world = World::new(Companion::None);
    let (url, key, secret) = (
        world.simulator.url(),
        world.simulator.identifier().to_owned(),
        world.simulator.secret().to_owned(),
    );
    let shop = |name: &str, hint: &str| {
        format!(
            "[[instance]]\nname = \"{name}\"\nurl = \"{url}\"\nidentifier = \"{key}\"\nsecret = \"{secret}\"\n\
             hint_secret = \"{hint}\"\n"
        )
    };
    let file = shop("eu", "the secret of the eu shop") + &shop("us", "the secret of the us shop");
    world.home.write("config/monitor.toml", &file);
    let mut daemon = world.home.start();
    for shop in ["default", "eu", "us"] {
        eventually("the first poll", || (daemon.polls(shop) == 1).then_some(()));
    }
    let mut line = Line::to(daemon.address);
    let mut send = |instance: Value, secret: &str| {
        let said = line.hint(
            &Hint::saying(&json!({"instance": instance, "products": [1]})),
            secret,
        );
        (
            said.status,
            said.json["instance"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let eu = "the secret of the eu shop";
    assert_eq!(send(json!("eu"), eu), (202, "eu".to_owned()));
    assert_eq!(send(Value::Null, eu), (202, "eu".to_owned()));
    assert_eq!(send(json!("us"), eu), (403, String::new()));
    assert_eq!(send(json!("nowhere"), eu), (403, String::new()));
    assert_eq!(send(json!("us"), SECRET), (202, "us".to_owned()));
    assert_eq!(send(Value::Null, SECRET), (202, "default".to_owned()));
    assert_eq!(send(json!("nowhere"), SECRET), (404, String::new()));
    assert_eq!(hints_of(&daemon, "eu", "accepted"), Some(2.0));
    assert_eq!(hints_of(&daemon, "eu", "wrong_instance"), Some(2.0));
    daemon.stop();
}

#[test]
fn a_hint_needs_no_token_and_a_poll_does() {
    let mut world = World::new(Companion::None);
    world.home.set("HTTP_TOKEN", "a-token-of-some-length");
    let mut daemon = world.start();
    let mut line = Line::to(daemon.address);
    assert_eq!(line.hint(&Hint::of(&[1]), SECRET).status, 202);
    assert_eq!(line.post("/api/v1/poll", "", "").status, 401);
    let bearer = "Authorization: Bearer a-token-of-some-length\r\n";
    assert_eq!(line.post("/api/v1/poll", bearer, "").status, 202);
    daemon.stop();
}

/// Runs a hook of the companion as a page of WHMCS would.
const PAGE: &str = r#"<?php
define('WHMCS', true);
$hooks = [];
function add_hook($name, $priority, $hook) { $GLOBALS['hooks'][$name][] = $hook; }
function logActivity($text) { fwrite(STDERR, "$text\n"); }
include __DIR__ . '/includes/hooks/stock_monitor.php';
foreach ($hooks['ProductEdit'] as $hook) { $hook(['pid' => 1]); }
"#;

#[test]
fn the_companions_hook_leads_to_the_alert() {
    let php = Command::new("php").arg("--version").output();
    if !php.is_ok_and(|output| output.status.success()) {
        return peers::skip("no php (Debian's php-cli)");
    }
    let world = World::new(Companion::None);
    let mut daemon = world.start();
    let hook = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/companion/includes/hooks/stock_monitor.php"
    );
    let hook = fs::read_to_string(hook).expect("the companion");
    world.home.write("shop/includes/hooks/stock_monitor.php", &hook);
    let settings = format!(
        "<?php return ['url' => 'http://{}{HINTS}', 'secret' => '{SECRET}', 'log' => true];",
        daemon.address
    );
    world
        .home
        .write("shop/includes/stock_monitor/settings.php", &settings);
    world.home.write("shop/page.php", PAGE);
    world.sells_out(1);
    world.sells_out(2);
    let page = Command::new("php")
        .arg(world.home.path("shop/page.php"))
        .output()
        .expect("runs");
    assert!(
        page.status.success() && page.stdout.is_empty() && page.stderr.is_empty(),
        "{page:?}"
    );
    world.receivers.wait_for(2);
    assert_eq!(
        world.receivers.said(),
        ["stock.baseline", "stock.alerts: 1 first out 0"]
    );
    assert_eq!(world.asked()[1], "1");
    daemon.stop();
}

#[test]
fn a_hint_signed_by_the_standardwebhooks_package_is_taken() {
    let Some(python) = peers::python() else { return };
    let world = World::new(Companion::None);
    let mut daemon = world.start();
    let hint = Hint::of(&[1]);
    let seconds = Timestamp::now().as_second().to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/hint.py");
    let output = Command::new(python)
        .args([script, SECRET, &hint.id, &seconds, &hint.body])
        .output()
        .expect("runs");
    let signature = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        signature.starts_with("v1,"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let head = |signature: &str| {
        format!(
            "webhook-id: {}\r\nwebhook-timestamp: {seconds}\r\nwebhook-signature: {signature}\r\n",
            hint.id
        )
    };
    let mut line = Line::to(daemon.address);
    assert_eq!(line.post(HINTS, &head("v1,AAAA"), &hint.body).status, 401);
    // Beside one of a key that is on its way out.
    let two = format!("v1,AAAA {}", signature.trim());
    assert_eq!(line.post(HINTS, &head(&two), &hint.body).status, 202);
    daemon.stop();
}
