//! Options, capacities and pools on the real program, before a shop with the companion.

use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::json;
use sqlx::Connection;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::daemon::eventually;
use crate::receivers::Receivers;

/// A shop that sells three servers, and the home of a monitor that watches it.
struct World {
    site: Simulator,
    receivers: Receivers,
    home: Home,
    // Dropped last: the shop's tasks run in it.
    runtime: Runtime,
}

fn ram(choices: &[(i64, &str)]) -> ConfigOption {
    ConfigOption::new(4, "RAM", OptionKind::Dropdown, choices)
}

fn server(pid: i64, name: &str) -> Product {
    Product::new(pid, 3, "Dedicated", name)
        .with_stock(20)
        .with_option(ram(&[(11, "32 GB"), (12, "64 GB"), (13, "128 GB")]))
}

impl World {
    fn open(file: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let servers = [server(64, "DS-64"), server(128, "DS-128"), server(256, "DS-256")];
        let shop = Shop::new(Version::V8_12, Companion::Contract1).with_products(servers);
        let site = runtime.block_on(Simulator::start(shop)).unwrap();
        let receivers = Receivers::start();
        let settings = receivers.settings(&site.url());
        let settings: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut home = Home::new(&settings);
        let access = Settings::default().access;
        home.set("WHMCS_API_IDENTIFIER", &access.identifier);
        home.set("WHMCS_API_SECRET", &access.secret);
        home.write("config/monitor.toml", file);
        Self {
            site,
            receivers,
            home,
            runtime,
        }
    }

    /// Sells so many with that choice of RAM.
    fn sell(&self, pid: i64, choice: i64, count: i64) {
        for _ in 0..count {
            self.site.shop().order(pid, &[(4, choice)]).unwrap();
        }
    }

    /// Gives every server these choices instead.
    fn offer(&self, choices: &[(i64, &str)]) {
        for pid in [64, 128, 256] {
            self.site
                .shop()
                .edit(pid, |product| product.options = vec![ram(choices)])
                .unwrap();
        }
    }
}

#[test]
fn check_offers_the_present_name_of_what_a_pool_misses() {
    let world = World::open(
        "[[pool]]\nname = \"kits\"\ncapacity = 9\nuses = [{ option = \"RAM\", choice = \"64 GB\" }]\n",
    );
    world.sell(64, 12, 3);
    let first = world.home.run(&["check"]);
    assert!(!first.out.contains("made anew"), "{first:?}");
    // The others still offer it under its name.
    let renamed = ram(&[(11, "32 GB"), (12, "64 GB DDR5"), (13, "128 GB")]);
    let edited = world
        .site
        .shop()
        .edit(64, |product| product.options = vec![renamed]);
    edited.unwrap();
    for _ in 0..2 {
        let check = world.home.run(&["check"]);
        let offer = "\n\nRenamed or made anew:\npool \"kits\": no choice is called \"64 GB\" any more; choice 12, which \
                     was, is now \"64 GB DDR5\". Write that name, or 12.\n";
        assert!(check.out.ends_with(offer), "{}", check.out);
        assert!(
            check
                .out
                .contains("nobody counts DS-64's \"RAM: 64 GB\" (3 services)"),
            "{}",
            check.out
        );
        assert!(!check.err.contains("recovered"), "{}", check.err);
    }
}

#[test]
fn check_offers_what_was_renamed_or_made_anew() {
    let world = World::open(
        "[[capacity]]\nproducts = [64]\noptions = { \"RAM\" = \"64 GB\" }\ncapacity = 12\n\
         [[capacity]]\nproducts = [64]\noptions = { \"RAM\" = \"128 GB\" }\ncapacity = 9\n\
         [[capacity]]\nname = \"never there\"\noptions = { \"RAM\" = \"65 GB\" }\ncapacity = 9\n",
    );
    let first = world.home.run(&["check"]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(!first.out.contains("made anew"), "{first:?}");
    assert!(
        first
            .err
            .contains("warning: capacity \"never there\" matches no product."),
        "{first:?}"
    );
    world.offer(&[(11, "32 GB"), (12, "64 GB DDR5"), (17, "128 gb")]);
    world.home.write(
        "config/monitor.toml",
        "[[capacity]]\nproducts = [64]\noptions = { \"RAM\" = \"64 GB\" }\ncapacity = 12\n\
         [[pool]]\nname = \"kits\"\ncapacity = 9\nuses = [{ option = \"RAM\", choice = 13 }]\n",
    );
    let second = world.home.run(&["check"]);
    let told = [
        "Renamed or made anew:",
        "capacity 1: no choice is called \"64 GB\" any more; choice 12, which was, is now \"64 GB DDR5\". Write that name, or 12.",
        "use 1 of pool \"kits\": choice 13 (\"128 GB\") is gone; \"128 gb\" is now 17. Write 17, or the name.",
    ]
    .join("\n");
    assert!(second.out.ends_with(&format!("\n\n{told}\n")), "{}", second.out);
    for origin in ["capacity 1", "use 1 of pool \"kits\""] {
        let warning = format!("warning: {origin} matches no product.");
        assert!(second.err.contains(&warning), "{second:?}");
    }
    let offers = world.home.run(&["check", "--json", "--dry-run"]).json()["offers"].clone();
    assert_eq!(
        offers[1],
        json!({
            "origin": "use 1 of pool \"kits\"", "instance": "default", "kind": "choice", "gone": true,
            "id": 13, "name": "128 GB", "now_id": 17, "now_name": "128 gb",
            "text": "use 1 of pool \"kits\": choice 13 (\"128 GB\") is gone; \"128 gb\" is now 17. Write 17, or the name.",
        })
    );
    assert_eq!(offers.as_array().unwrap().len(), 2);
    // The daemon's log names them too.
    let mut daemon = world.home.start();
    daemon.wait_for_log("use 1 of pool \"kits\" matches no product.");
    daemon.stop();
}

#[test]
fn the_history_of_a_pool_is_what_was_left_of_it() {
    let world = World::open(KITS);
    let early = world.home.run(&["history", "--pool", "64 GB DIMM kits"]);
    assert_ne!(early.code, 0, "{early:?}");
    world.sell(64, 12, 3);
    assert_eq!(world.home.run(&["check"]).code, 0);
    world.sell(128, 13, 6);
    assert_eq!(world.home.run(&["check"]).code, 2);
    let json = world
        .home
        .run(&["history", "--pool", "64 gb dimm KITS", "--json"])
        .json();
    assert_eq!(json["pool"], "64 GB DIMM kits");
    assert_eq!(json["capacity"], 18);
    let levels: Vec<_> = json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["level"].clone())
        .collect();
    assert_eq!(levels, [15, 3]);
    let csv = world
        .home
        .run(&["history", "--pool", "64 GB DIMM kits", "--csv"])
        .out;
    let levels: Vec<&str> = csv.lines().map(|line| line.split_once(',').unwrap().1).collect();
    assert_eq!(levels, ["state,level", "known,15", "known,3"]);
    let table = world.home.run(&["history", "--pool", "64 GB DIMM kits"]).out;
    assert!(table.starts_with("pool 64 GB DIMM kits\n"), "{table}");
    let none = world.home.run(&["history", "--pool", "rails"]);
    assert_eq!(none.code, 1, "{none:?}");
    assert_eq!(world.home.run(&["history"]).code, 64);
    assert_eq!(world.home.run(&["history", "64", "--pool", "rails"]).code, 64);
}

/// Makes 2 a day of the only pool have gone for 28 days, the shop looked at each six hours, until now; `left` are left.
async fn emptied_by_two_a_day(database: PathBuf, left: i64) {
    let options = SqliteConnectOptions::new().filename(database);
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let mut work = database.begin().await.unwrap();
    let looks = 28 * 4;
    let first: i64 = sqlx::query_scalar("SELECT max(id) FROM polls")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    let began = Timestamp::now() - SignedDuration::from_hours(28 * 24);
    for look in 0..=looks {
        let at = began + SignedDuration::from_hours(6 * look);
        sqlx::query(
            "INSERT OR REPLACE INTO polls (id, instance_id, observed_at, duration_ms, outcome, changes) \
             SELECT ?, id, ?, 10, 0, 0 FROM instances WHERE name <> '(pools)'",
        )
        .bind(first + look)
        .bind(at.as_millisecond())
        .execute(&mut *work)
        .await
        .unwrap();
        if look % 2 == 0 {
            sqlx::query(
                "INSERT OR REPLACE INTO levels (instance_id, series, poll_id, state, level) \
                 SELECT s.instance_id, s.number, ?, 0, ? FROM series s JOIN instances i ON i.id = s.instance_id \
                 WHERE i.name = '(pools)' AND s.combination = ''",
            )
            .bind(first + look)
            .bind(left + (looks - look) / 2)
            .execute(&mut *work)
            .await
            .unwrap();
        }
    }
    work.commit().await.unwrap();
    database.close().await.unwrap();
}

#[test]
fn how_long_a_pool_lasts_is_told_by_what_went_of_it() {
    let world = World::open(KITS);
    world.sell(64, 12, 3);
    assert_eq!(world.home.run(&["check"]).code, 0);
    let none = world.home.run(&["status", "--json"]).json();
    assert_eq!(none["pools"][0]["days_of_cover"], json!(null), "{none}");
    let database = world.home.path("data/stock.db");
    world.runtime.block_on(emptied_by_two_a_day(database, 15));
    let status = world.home.run(&["status", "--json"]).json();
    let days = status["pools"][0]["days_of_cover"].as_f64().unwrap();
    assert!((7.0..8.0).contains(&days), "15 left, 2 a day: {days}");
    let text = world.home.run(&["status"]).out;
    assert!(text.contains("  about "), "{text}");
}

const KITS: &str = "[[rule]]\nproducts = [64]\noptions = { \"RAM\" = \"64 GB\" }\nlow = 2\ncritical = 1\n\
    [[pool]]\nname = \"64 GB DIMM kits\"\ncapacity = 18\nlow = 3\ncritical = 1\n\
    uses = [{ option = \"RAM\", choice = \"64 GB\" }, { option = \"RAM\", choice = \"128 GB\", need = 2 }]\n";

fn recorded_are_the_pool_and_its_orders(daemon: &Daemon) {
    let recorded = daemon.json("/api/v1/alerts");
    let shown: Vec<_> = recorded["items"].as_array().unwrap()[..2]
        .iter()
        .map(|item| {
            let pool = &item["pool"];
            json!([
                item["alert_id"],
                item["product"],
                pool["name"],
                pool["need"],
                item["severity"]
            ])
        })
        .collect();
    assert_eq!(
        shown,
        [
            // Recorded, though the pool spoke for it.
            json!(["pool:64 GB DIMM kits/2", null, "64 GB DIMM kits", 2, "out"]),
            json!(["pool:64 GB DIMM kits", null, "64 GB DIMM kits", null, "out"]),
        ]
    );
}

#[test]
fn an_empty_pool_speaks_once_and_everything_names_it() {
    let world = World::open(KITS);
    world.sell(64, 12, 3);
    assert_eq!(world.home.run(&["check"]).code, 0);
    // Three of eighteen are taken; six 128 GB and three 64 GB take the rest.
    world.sell(128, 13, 6);
    world.sell(256, 12, 3);
    let why = "0 because pool \"64 GB DIMM kits\" is empty; also holds back";
    let second = world.home.run(&["check", "--json"]);
    assert_eq!(second.code, 2, "{second:?}");
    let json = second.json();
    let pool = &json["pools"][0];
    assert_eq!(
        json!([
            pool["level"],
            pool["used"],
            pool["severity"],
            pool["thresholds"],
            pool["holds_back_total"]
        ]),
        json!([0, 18, "out", {"low": 3, "critical": 1, "origin": "pool \"64 GB DIMM kits\""}, 6])
    );
    let item = json["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["product_id"] == 64 && item["combination"]["key"] == "4=12")
        .unwrap();
    assert_eq!(item["bottleneck"], "pool 64 GB DIMM kits");
    assert_eq!(
        item["pool"],
        json!({
            "name": "64 GB DIMM kits", "level": 0,
            "also_holds_back": ["RAM: 128 GB", "DS-128", "DS-256"], "holds_back_total": 5,
        })
    );
    // One alert, of the pool.
    let alerts = world.receivers.of_type("stock.alerts");
    let told: Vec<_> = alerts
        .iter()
        .flat_map(|message| message["data"]["alerts"].as_array().unwrap())
        .collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["product"], json!(null));
    assert_eq!(told[0]["alert_id"], "pool:64 GB DIMM kits");
    assert_eq!(told[0]["pool"]["holds_back_total"], 6);
    let mail = world.receivers.mail.mails().pop().unwrap();
    assert_eq!(
        mail.subject(),
        "OUT: pool 64 GB DIMM kits, 0 left; holds back DS-64, DS-128 +1"
    );
    let status = world.home.run(&["status"]).out;
    for said in [why, "LEFT", "64 GB DIMM kits", "holds back DS-64, DS-128, DS-256"] {
        assert!(status.contains(said), "{said}: {status}");
    }
    let history = world.home.run(&["history", "DS-64", "--combination", "4=12"]).out;
    assert!(history.contains(&format!("now {why}")), "{history}");
    let history = world
        .home
        .run(&["history", "DS-64", "--combination", "4=12", "--json"])
        .json();
    assert_eq!(
        json!([history["bottleneck"], history["pool"]["holds_back_total"]]),
        json!(["pool 64 GB DIMM kits", 5])
    );
    let mut daemon = world.home.start();
    let stock = daemon.wait_for_item(64, "there", |_| true);
    assert_eq!(stock["pool"], json!(null));
    assert_eq!(daemon.json("/api/v1/pools")["items"][0]["level"], 0);
    assert_eq!(
        daemon.json("/api/v1/alerts?status=firing")["items"][0]["pool"]["name"],
        "64 GB DIMM kits"
    );
    recorded_are_the_pool_and_its_orders(&daemon);
    let metrics = daemon.metrics();
    assert!(
        metrics.contains("whmcs_stock_pool_level{pool=\"64 GB DIMM kits\"} 0\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("whmcs_stock_pool_severity{pool=\"64 GB DIMM kits\"} 3\n"),
        "{metrics}"
    );
    let page = daemon.get("/").body;
    assert!(
        page.contains("1 pool out") && page.contains("<em>pool</em>"),
        "{page}"
    );
    daemon.stop();
}

#[test]
fn who_has_taken_a_pool_on_and_what_silences_it_show_wherever_pools_do() {
    let world = World::open(KITS);
    world.sell(64, 12, 18);
    let mut daemon = world.home.start();
    daemon.wait_for_polls("default", 1);
    let acked = |item: &serde_json::Value| item["ack"]["by"] == "Ann" && item["ack"]["quantity"] == 40;
    let made = world.home.run(&[
        "ack",
        "--pool",
        "64 GB DIMM kits",
        "--by",
        "Ann",
        "--note",
        "PO 9",
        "--quantity",
        "40",
    ]);
    assert_eq!(made.code, 0, "{made:?}");
    let silenced = world.home.run(&[
        "silence",
        "add",
        "--pool",
        "64 GB*",
        "--for",
        "2h",
        "--comment",
        "moving",
        "--by",
        "Ben",
    ]);
    assert_eq!(silenced.code, 0, "{silenced:?}");
    let pool = &daemon.json("/api/v1/pools")["items"][0];
    assert!(acked(pool), "{pool}");
    assert_eq!(
        json!([pool["silenced"]["by"], pool["silenced"]["comment"]]),
        json!(["Ben", "moving"])
    );
    let page = daemon.get("/").body;
    for said in ["ordered: 40, PO 9 (Ann)", "by Ben (moving)"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let status = world.home.run(&["status"]).out;
    let flat = status.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["ordered: 40", "(Ann)", "silenced until"] {
        assert!(flat.contains(said), "{said}: {status}");
    }
    for command in ["status", "check"] {
        let shown = world.home.run(&[command, "--json"]);
        // The daemon holds the database: check looks, and records nothing.
        assert!(acked(&shown.json()["pools"][0]), "{command}: {shown:?}");
    }
    daemon.stop();
}

#[test]
fn two_shops_that_sell_from_one_shelf_are_counted_once() {
    let world = World::open("");
    let second = Shop::new(Version::V8_12, Companion::Contract1).with_products([server(64, "DS-64 US")]);
    let second = world.runtime.block_on(Simulator::start(second)).unwrap();
    let access = Settings::default().access;
    let us = format!(
        "[[instance]]\nname = \"us\"\nurl = \"{}\"\nidentifier = \"{}\"\nsecret = \"{}\"\n{KITS}",
        second.url(),
        access.identifier,
        access.secret
    );
    world.home.write("config/monitor.toml", &us);
    world.sell(64, 12, 3);
    for _ in 0..5 {
        second.shop().order(64, &[(4, 12)]).unwrap();
    }
    let first = world.home.run(&["check", "--json"]);
    assert_eq!(first.json()["pools"][0]["level"], 10, "{first:?}");
    // One of them alone: what the other took is remembered, recorded or not.
    world.sell(64, 12, 8);
    for arguments in [
        ["check", "--json", "--instance", "default", "--dry-run"].as_slice(),
        &["check", "--json", "--instance", "default"],
        &["status", "--json"],
    ] {
        let shown = world.home.run(arguments).json();
        assert_eq!(
            json!([shown["pools"][0]["level"], shown["pools"][0]["severity"]]),
            json!([2, "low"]),
            "{arguments:?}"
        );
    }
    for _ in 0..2 {
        second.shop().order(64, &[(4, 12)]).unwrap();
    }
    let last = world.home.run(&["check", "--json", "--instance", "us"]);
    assert_eq!(last.code, 2, "a pool that is out counts: {last:?}");
    let pool = &last.json()["pools"][0];
    assert_eq!(json!([pool["level"], pool["used"]]), json!([0, 18]));
    let alerts = world.receivers.of_type("stock.alerts");
    let of_pools: Vec<_> = alerts
        .iter()
        .flat_map(|message| message["data"]["alerts"].as_array().unwrap())
        .filter(|alert| alert["product"].is_null())
        .map(|alert| {
            json!([
                alert["alert_id"],
                alert["instance"],
                alert["reason"],
                alert["severity"]
            ])
        })
        .collect();
    assert_eq!(
        of_pools,
        [
            // Two are one order of 128 GB.
            json!(["pool:64 GB DIMM kits/2", "default", "first", "critical"]),
            json!(["pool:64 GB DIMM kits", "default", "first", "low"]),
            json!(["pool:64 GB DIMM kits", "us", "worse", "out"]),
        ]
    );
    let status = world.home.run(&["status"]).out;
    assert!(
        status.contains("holds back DS-64 (default), DS-128 (default), DS-256 (default), "),
        "{status}"
    );
}

/// Servers in the shop "default", whose 64 GB takes kits that the barebones of "us" are built of too: 22 in all, and
/// a pool of disks that concerns "default" alone.
fn two_shops(us: &Simulator) -> String {
    let access = Settings::default().access;
    format!(
        "[[instance]]\nname = \"us\"\nurl = \"{}\"\nidentifier = \"{}\"\nsecret = \"{}\"\nschedule = \"every 1h\"\n\
         [[pool]]\nname = \"kits\"\ncapacity = 22\nlow = 3\ncritical = 1\n\
         uses = [{{ option = \"RAM\", choice = \"64 GB\", instance = \"default\" }}, {{ product = 900, instance = \"us\", need = 2 }}]\n\
         [[pool]]\nname = \"disks\"\ncapacity = 9\nuses = [{{ product = 64, instance = \"default\" }}]\n",
        us.url(),
        access.identifier,
        access.secret
    )
}

/// Nine barebones in WHMCS, of which three are sold.
fn open_us(world: &World) -> Simulator {
    let barebone = Product::new(900, 1, "Barebones", "Barebone")
        .with_stock(9)
        .with_services(&[], 3);
    let us = Shop::new(Version::V8_12, Companion::Contract1).with_products([barebone]);
    world.runtime.block_on(Simulator::start(us)).unwrap()
}

#[test]
fn a_first_run_over_two_shops_starts_with_true_levels_and_each_follows_the_others_pools() {
    let mut world = World::open("");
    let us = open_us(&world);
    world.home.write("config/monitor.toml", &two_shops(&us));
    world.home.set("POLL_SCHEDULE", "every 1s");
    world.sell(64, 12, 2);
    let mut daemon = world.home.start();
    eventually("the first look at us", || (daemon.polls("us") == 1).then_some(()));
    daemon.wait_for_polls("default", 1);
    let levels = || {
        let pool = daemon.json("/api/v1/pools")["items"][0]["level"].clone();
        let barebone = daemon.item(900).map(|item| item["level"].clone());
        let metric = daemon.metric("whmcs_stock_pool_level{pool=\"kits\"}");
        (pool, barebone, metric)
    };
    // 22 less two less three times two: seven more barebones.
    assert_eq!(levels(), (json!(14), Some(json!(7)), Some(14.0)));
    assert!(
        world.receivers.of_type("stock.alerts").is_empty(),
        "a baseline is silent"
    );
    let history = world
        .home
        .run(&["history", "900", "--instance", "us", "--json"])
        .json();
    assert_eq!(history["items"].as_array().map(Vec::len), Some(1), "{history}");

    // "us" is polled once an hour: what follows is seen because "default" was polled.
    world.sell(128, 12, 9);
    eventually("the barebone follows", || {
        (levels() == (json!(5), Some(json!(2)), Some(5.0))).then_some(())
    });
    let told = eventually("its own alert", || {
        let alerts = world.receivers.of_type("stock.alerts");
        let mut alerts = alerts
            .iter()
            .flat_map(|message| message["data"]["alerts"].as_array().unwrap().clone());
        alerts.find(|alert| alert["product"]["id"] == 900)
    });
    assert_eq!(
        json!([
            told["instance"],
            told["severity"],
            told["level"],
            told["previous_level"]
        ]),
        json!(["us", "critical", 2, 7])
    );
    world.sell(128, 12, 5);
    eventually("both are out", || {
        (levels() == (json!(0), Some(json!(0)), Some(0.0))).then_some(())
    });
    let status = world.home.run(&["status", "--json"]).json();
    let items = status["items"].as_array().unwrap();
    let barebone = items.iter().find(|item| item["product_id"] == 900).unwrap();
    assert_eq!(
        json!([barebone["level"], status["pools"][0]["level"]]),
        json!([0, 0]),
        "{status}"
    );
    assert_eq!(daemon.polls("us"), 1);
    daemon.stop();
}

#[test]
fn a_first_check_shows_true_levels_and_the_next_has_nothing_to_say() {
    for dry_first in [false, true] {
        let world = World::open("");
        let us = open_us(&world);
        world.home.write("config/monitor.toml", &two_shops(&us));
        world.sell(64, 12, 2);
        let rounds = [
            ["check", "--json", "--dry-run"].as_slice(),
            &["check", "--json"],
            &["check", "--json"],
        ];
        for arguments in &rounds[usize::from(!dry_first)..] {
            let ended = world.home.run(arguments);
            let shown = ended.json();
            let barebone = shown["items"]
                .as_array()
                .unwrap()
                .iter()
                .find(|item| item["product_id"] == 900);
            assert_eq!(
                json!([shown["pools"][0]["level"], barebone.unwrap()["level"]]),
                json!([14, 7]),
                "{arguments:?}: {ended:?}"
            );
            let unknown = shown["items"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|item| item["state"] == "unknown");
            assert_eq!(unknown.count(), 0, "{ended:?}");
        }
        assert!(world.receivers.of_type("stock.alerts").is_empty());
    }
}

#[test]
fn a_check_waits_once_for_a_shop_that_hangs_and_what_it_read_is_not_old() {
    let mut world = World::open("");
    let us = open_us(&world);
    world.home.write("config/monitor.toml", &two_shops(&us));
    world.home.set("POLL_SCHEDULE", "every 1s");
    world.home.set("WHMCS_API_TIMEOUT", "4s");
    us.fail_always(Fault::Hang);
    for arguments in [["check", "--json", "--dry-run"].as_slice(), &["check", "--json"]] {
        let ended = world.home.run(arguments);
        // One timeout, not three with pauses between them.
        let (least, most) = (Duration::from_secs(4), Duration::from_secs(12));
        assert!(ended.took >= least && ended.took < most, "{ended:?}");
        assert!(ended.err.contains("us: timeout: "), "{ended:?}");
        let pools = ended.json()["pools"].clone();
        assert_eq!(pools[1]["level"], 9, "{pools}");
        assert_eq!(pools[0]["unknown"], "us was never read.", "{pools}");
    }
}
