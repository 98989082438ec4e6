//! What the outside shows of combinations: the API over a socket, and the program itself.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::jobs::shop::Shop as Watched;
use whmcs_stock_monitor::observe::counters::Counters;
use whmcs_stock_monitor::observe::view::Instance;
use whmcs_stock_monitor::observe::view::LastPoll;
use whmcs_stock_monitor::observe::view::View;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::web::server;
use whmcs_stock_monitor::web::state::AppState;
use whmcs_stock_monitor::web::state::Settings;

use crate::world::World;
use crate::world::server as dedicated;
use crate::world::shop;

/// Product 1 with a stock of choice 12, product 2 without options.
fn products() -> Vec<Product> {
    let mut first = dedicated();
    first.options[0].choices[1].stock = Some(0);
    vec![first, Product::new(2, 3, "Dedicated", "Plain").with_stock(8)]
}

/// Serves what is remembered; the task ends with the test.
async fn site(world: &World, memory: Arc<Memory>) -> SocketAddr {
    let view = View::new(vec![Instance::new("default", Arc::clone(&memory))], &[]);
    let poll = LastPoll {
        observed_at: world.now,
        outcome: Outcome::Accepted,
        detail: String::new(),
    };
    view.publish("default", memory, poll);
    let state = AppState {
        view: Arc::new(view),
        counters: Arc::new(Counters::new(&["default".to_owned()], &[]).unwrap()),
        scrapes: Arc::default(),
        desk: Arc::default(),
        forms: Arc::default(),
        kept: Arc::default(),
        places: Default::default(),
        beats: Default::default(),
        store: world.store.clone(),
    };
    let settings = Settings::on("127.0.0.1:0".parse().unwrap());
    let bound = server::bind(&settings, state).await.unwrap();
    let address = bound.address().unwrap();
    tokio::spawn(bound.serve(tokio_util::sync::CancellationToken::new()));
    address
}

async fn get(address: SocketAddr, path: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("http://{address}/api/v1{path}"))
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

/// Key (or `-`), level, and whether it is what its product is.
fn shown(answer: &Value) -> Vec<(String, Value, bool)> {
    let items = answer["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            let key = item["combination"]["key"].as_str().unwrap_or("-").to_owned();
            (key, item["level"].clone(), item["derived"] == true)
        })
        .collect()
}

fn keys(answer: &Value) -> Vec<String> {
    shown(answer).into_iter().map(|(key, _, _)| key).collect()
}

#[tokio::test]
async fn the_api_lists_every_combination_when_asked_to() {
    let mut world = World::open(shop(Companion::Contract1, products())).await;
    let checked = world.look().await;
    let address = site(&world, Arc::clone(&checked.memory)).await;
    let (_, series) = get(address, "/stock?product=1").await;
    assert_eq!(keys(&series), ["-", "4=12;5=20", "4=12;5=21"]);
    let (_, all) = get(address, "/stock?product=1&combinations=all").await;
    let expected = [
        ("-", 20, false),
        ("4=11;5=20", 20, true),
        ("4=11;5=21", 20, true),
        ("4=12;5=20", 0, false),
        ("4=12;5=21", 0, false),
    ];
    assert_eq!(
        shown(&all),
        expected.map(|(key, n, derived)| (key.to_owned(), n.into(), derived))
    );
    assert_eq!(all["items"][0]["combinations"], "all");
    assert_eq!(all["items"][1]["combination"]["label"], "RAM: 32 GB, Disk: SATA");
    let (_, found) = get(address, "/stock?combinations=all&q=sata").await;
    assert_eq!(keys(&found), ["4=11;5=20", "4=12;5=20"]);
    let (_, out) = get(address, "/stock?combinations=all&severity=out").await;
    assert_eq!(keys(&out), ["4=12;5=20", "4=12;5=21"]);
    for (path, parameter) in [
        ("/stock?combinations=some", "combinations"),
        ("/stock?product=x", "product"),
    ] {
        let (status, problem) = get(address, path).await;
        assert_eq!((status, &problem["parameter"]), (400, &Value::from(parameter)));
    }
}

#[tokio::test]
async fn pages_of_all_combinations_make_the_whole() {
    let mut world = World::open(shop(Companion::Contract1, products())).await;
    let checked = world.look().await;
    let address = site(&world, Arc::clone(&checked.memory)).await;
    let whole = get(address, "/stock?combinations=all").await.1;
    assert_eq!(keys(&whole).len(), 6);
    for limit in 1..8 {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/stock?combinations=all&limit={limit}&cursor={cursor}");
            let page = get(address, &path).await.1;
            let more = page["items"].as_array().unwrap();
            assert!(more.len() <= limit && !more.is_empty());
            items.extend(more.clone());
            match page["cursor"].as_str() {
                Some(next) => cursor = next.replace('=', "%3D").replace(';', "%3B"),
                None => break,
            }
        }
        assert_eq!(Value::from(items), whole["items"], "limit {limit}");
    }
}

#[tokio::test]
async fn the_history_of_a_combination_without_a_figure_is_its_products() {
    let mut world = World::open(shop(Companion::Contract1, products())).await;
    world.look().await;
    world.site.shop().set_qty(1, 15).unwrap();
    world.edit(1, |product| product.options[1].choices[1].hidden = true);
    let checked = world.look().await;
    let address = site(&world, Arc::clone(&checked.memory)).await;
    let levels = |answer: &Value| -> Vec<Value> {
        let items = answer["items"].as_array().unwrap().iter();
        items.map(|item| item["level"].clone()).collect()
    };
    let path = |key: &str| format!("/products/default/1/history?combination={key}");
    // Offered; and no longer offered since a choice of it was hidden.
    for key in ["4%3D11%3B5%3D20", "4%3D11%3B5%3D21"] {
        let (status, derived) = get(address, &path(key)).await;
        assert_eq!((status, &derived["derived"]), (200, &Value::Bool(true)), "{key}");
        assert_eq!(levels(&derived), [20, 15]);
    }
    let (_, own) = get(address, &path("4%3D12%3B5%3D20")).await;
    assert_eq!(
        (&own["derived"], levels(&own)),
        (&Value::Bool(false), vec![0.into()])
    );
    for key in ["4%3D99%3B5%3D20", "4%3D11", "9%3D1", "4%3D11%3B5%3D20%3B6%3D1"] {
        assert_eq!(get(address, &path(key)).await.0, 404, "{key}");
    }
}

#[tokio::test]
async fn before_the_first_look_after_a_start_the_options_are_not_known() {
    let mut world = World::open(shop(Companion::Contract1, products())).await;
    world.look().await;
    let restarted = Watched::new("default", world.check.shop.id);
    let memory = restarted.memory(&world.store, &world.check.rules).await.unwrap();
    let address = site(&world, memory).await;
    let (_, all) = get(address, "/stock?product=1&combinations=all").await;
    assert_eq!(keys(&all), ["-", "4=12;5=20", "4=12;5=21"]);
    assert_eq!(all["items"][0]["combinations"], "unknown");
    let path = "/products/default/1/history?combination=4%3D11%3B5%3D20";
    let (status, derived) = get(address, path).await;
    assert_eq!((status, &derived["derived"]), (200, &Value::Bool(true)));
    assert_eq!(
        get(address, "/products/default/1/history?combination=4").await.0,
        400
    );
    assert_eq!(
        get(address, "/products/default/7/history?combination=4%3D1")
            .await
            .0,
        404
    );
}

/// Runs the program in a folder of its own against the shop: exit code, output, and what it said besides.
async fn program(folder: &tempfile::TempDir, site: &Simulator, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_whmcs-stock-monitor"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .env("WHMCS_API_URL", site.url())
        .env("WHMCS_API_IDENTIFIER", site.identifier())
        .env("WHMCS_API_SECRET", site.secret());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn the_program_lists_combinations_and_says_what_it_does_not_know() {
    let site = Simulator::start(shop(Companion::Contract1, products()))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (code, out, _) = program(&folder, &site, &["check", "--json", "--combinations"]).await;
    assert_eq!(code, 2, "{out}");
    let all: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(keys(&all).len(), 6);
    assert_eq!(shown(&all)[1], ("4=11;5=20".to_owned(), 20.into(), true));
    let (_, table, _) = program(&folder, &site, &["check", "--dry-run", "--combinations"]).await;
    assert!(table.contains("as its product"), "{table}");
    assert!(table.contains("RAM: 32 GB, Disk: SATA"), "{table}");
    let (code, out, err) = program(&folder, &site, &["status", "--json", "--combinations"]).await;
    assert_eq!(code, 0);
    assert_eq!(
        keys(&serde_json::from_str(&out).unwrap()),
        ["-", "4=12;5=20", "4=12;5=21", "-"]
    );
    assert!(err.contains("options of 2 products are not known"), "{err}");
    let ask = ["history", "1", "--json", "--combination"];
    for (key, derived, level) in [("4=11;5=20", true, 20), ("4=12;5=20", false, 0)] {
        let (code, out, err) = program(&folder, &site, &[&ask[..], &[key]].concat()).await;
        let history: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code}: {err}"));
        assert_eq!(
            (&history["derived"], &history["items"][0]["level"]),
            (&derived.into(), &level.into())
        );
    }
    let (code, _, err) = program(&folder, &site, &[&ask[..], &["RAM=64"]].concat()).await;
    assert_eq!(code, 64, "{err}");
}
