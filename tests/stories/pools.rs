//! Options, capacities and pools on the real program, before a shop with the companion.

use serde_json::json;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::daemon::Home;
use crate::receivers::Receivers;

/// A shop that sells three servers, and the home of a monitor that watches it.
struct World {
    site: Simulator,
    receivers: Receivers,
    home: Home,
    // Dropped last: the shop's tasks run in it.
    _runtime: Runtime,
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
            _runtime: runtime,
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

const KITS: &str = "[[rule]]\nproducts = [64]\noptions = { \"RAM\" = \"64 GB\" }\nlow = 2\ncritical = 1\n\
    [[pool]]\nname = \"64 GB DIMM kits\"\ncapacity = 18\nlow = 3\ncritical = 1\n\
    uses = [{ option = \"RAM\", choice = \"64 GB\" }, { option = \"RAM\", choice = \"128 GB\", need = 2 }]\n";

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
        "OUT: pool 64 GB DIMM kits, 0 left; holds back DS-64, DS-128 +2"
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
    let recorded = daemon.json("/api/v1/alerts");
    assert_eq!(
        json!([
            recorded["items"][0]["alert_id"],
            recorded["items"][0]["product"],
            recorded["items"][0]["pool"]["name"],
            recorded["items"][0]["severity"]
        ]),
        json!(["pool:64 GB DIMM kits", null, "64 GB DIMM kits", "out"])
    );
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
        page.contains("1 pool out") && page.contains("Pools <small>1</small>"),
        "{page}"
    );
    daemon.stop();
}

#[test]
fn two_shops_that_sell_from_one_shelf_are_counted_once() {
    let world = World::open("");
    let second = Shop::new(Version::V8_12, Companion::Contract1).with_products([server(64, "DS-64 US")]);
    let second = world._runtime.block_on(Simulator::start(second)).unwrap();
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
        .map(|alert| json!([alert["instance"], alert["reason"], alert["severity"]]))
        .collect();
    assert_eq!(
        of_pools,
        [json!(["default", "first", "low"]), json!(["us", "worse", "out"])]
    );
}
