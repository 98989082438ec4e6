//! The level of a product: stock control, older details, zeros that may mean either, hidden and retired ones.

use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use whmcs_stock_monitor::domain::alerting::rules::StockControl;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::world::Declared;
use crate::world::World;
use crate::world::client;
use crate::world::level;
use crate::world::product;
use crate::world::shop;
use crate::world::told;

fn plain(pid: i64) -> Product {
    Product::new(pid, 1, "VPS", &format!("VPS {pid}"))
}

#[tokio::test]
async fn the_companion_says_whether_stock_is_counted() {
    let products = [
        plain(1).with_stock(7),
        plain(2).with_stock(0),
        plain(3).with_stock(-2),
        plain(4),
        Product { qty: 9, ..plain(5) },
    ];
    let mut world = World::open(shop(Companion::Contract1, products)).await;
    let checked = world.look().await;
    let levels = [1, 2, 3, 4, 5].map(|pid| level(&checked, pid));
    let uncounted = Level::NotControlled;
    assert_eq!(
        levels,
        [
            Level::Known(7),
            Level::Known(0),
            Level::Known(-2),
            uncounted,
            uncounted
        ]
    );
}

#[tokio::test]
async fn a_version_without_stock_fields_is_read_through_the_companion() {
    let site = Shop::new(Version::V8_3, Companion::Contract1).with_products([plain(1).with_stock(7)]);
    let mut world = World::open(site).await;
    assert_eq!(level(&world.look().await, 1), Level::Known(7));
    let site = Shop::new(Version::V8_3, Companion::None).with_products([plain(1).with_stock(7)]);
    let mut world = World::open(site).await;
    let checked = world.look().await;
    assert_eq!(level(&checked, 1), Level::Unknown);
    assert!(!product(&checked, 1).ambiguous_zero);
}

#[tokio::test]
async fn a_zero_that_nothing_settles_is_unknown_until_another_level_was_seen() {
    let mut world = World::open(shop(Companion::None, [plain(1).with_stock(0)])).await;
    let checked = world.look().await;
    assert_eq!(level(&checked, 1), Level::Unknown);
    assert!(product(&checked, 1).ambiguous_zero);
    world.site.shop().set_qty(1, 3).unwrap();
    let checked = world.look().await;
    assert_eq!(level(&checked, 1), Level::Known(3));
    assert!(!product(&checked, 1).ambiguous_zero);
    world.site.shop().set_qty(1, 0).unwrap();
    let checked = world.look().await;
    assert_eq!(level(&checked, 1), Level::Known(0));
    assert_eq!(product(&checked, 1).series.severity, Severity::Out);
}

#[tokio::test]
async fn the_operators_word_settles_a_zero() {
    for (control, zero, seven) in [
        (StockControl::Auto, Level::Unknown, Level::Known(7)),
        (StockControl::On, Level::Known(0), Level::Known(7)),
        (StockControl::Off, Level::NotControlled, Level::NotControlled),
    ] {
        let declared = Declared {
            control,
            ..Declared::default()
        };
        let products = [plain(1).with_stock(0), plain(2).with_stock(7)];
        let mut world = World::with(shop(Companion::None, products), declared).await;
        let checked = world.look().await;
        assert_eq!(
            (level(&checked, 1), level(&checked, 2)),
            (zero, seven),
            "{control:?}"
        );
    }
}

#[tokio::test]
async fn the_companion_outweighs_the_operators_word() {
    let declared = Declared {
        control: StockControl::On,
        ..Declared::default()
    };
    let mut world = World::with(shop(Companion::Contract1, [plain(1)]), declared).await;
    assert_eq!(level(&world.look().await, 1), Level::NotControlled);
}

#[tokio::test]
async fn older_details_only_settle_whether_stock_is_counted() {
    let products = [plain(1).with_stock(5), plain(2)];
    let mut world = World::open(shop(Companion::Foreign, products)).await;
    let checked = world.look().await;
    assert_eq!(level(&checked, 1), Level::Known(5));
    assert_eq!(level(&checked, 2), Level::NotControlled);
    world.asked();
    // A poll in which the details cannot be asked again: what GetProducts shows now is the level.
    world.site.faults().keep(Some("GetProductDetails"), Fault::Reset);
    for qty in [3, 0] {
        world.site.shop().set_qty(1, qty).unwrap();
        let checked = world.look().await;
        assert_eq!(level(&checked, 1), Level::Known(qty));
        assert!(!product(&checked, 1).ambiguous_zero);
        assert_eq!(level(&checked, 2), Level::NotControlled);
    }
}

#[tokio::test]
async fn details_of_an_earlier_poll_are_older_even_while_the_clock_stands_still() {
    let mut world = World::open(shop(Companion::Foreign, [plain(1).with_stock(5)])).await;
    assert_eq!(level(&world.look().await, 1), Level::Known(5));
    world.site.faults().keep(Some("GetProductDetails"), Fault::Reset);
    world.site.shop().set_qty(1, 3).unwrap();
    assert_eq!(level(&world.look_after(0).await, 1), Level::Known(3));
}

#[tokio::test]
async fn fresh_details_win_over_what_is_listed() {
    let listed = r#"{"result":"success","totalresults":1,"products":{"product":[
        {"pid":1,"name":"VPS 1","quantity_available":5}]}}"#;
    let detailed = r#"{"result":"success","contract":1,"totalresults":1,"products":{"product":[
        {"pid":1,"name":"VPS 1","stockcontrol":1,"qty":3}]}}"#;
    let mut world = World::open(shop(Companion::None, [])).await;
    world.check.client = Arc::new(client(&scripted(listed, detailed).await));
    assert_eq!(level(&world.look().await, 1), Level::Known(3));
}

/// A WHMCS that always gives these two answers; its address.
async fn scripted(listed: &'static str, detailed: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = String::new();
            let mut buffer = [0; 4096];
            while !request.contains("action=") || !request.contains("responsetype=") {
                let read = socket.read(&mut buffer).await.unwrap();
                request.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            let details = request.contains("action=GetProductDetails");
            let body = if details { detailed } else { listed };
            let head = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            socket.write_all((head + body).as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}/includes/api.php")
}

#[tokio::test]
async fn hidden_products_speak_and_retired_ones_do_not() {
    let products = [
        plain(1).with_stock(9).hidden(),
        plain(2).with_stock(9).retired(),
        plain(3).with_stock(9),
    ];
    let mut world = World::open(shop(Companion::Contract1, products)).await;
    let checked = world.look().await;
    assert_eq!(product(&checked, 1).hidden, Some(true));
    assert_eq!(product(&checked, 2).retired, Some(true));
    for pid in [1, 2] {
        world.site.shop().set_qty(pid, 0).unwrap();
    }
    let checked = world.look().await;
    assert_eq!(
        (level(&checked, 1), level(&checked, 2)),
        (Level::Known(0), Level::Known(0))
    );
    let [one] = told(&checked)[..] else {
        panic!("{:?}", checked.headlines)
    };
    assert!(one.contains("VPS 1"), "{one}");
}

#[tokio::test]
async fn stock_control_that_is_switched_is_an_event_and_no_alert() {
    let mut world = World::open(shop(Companion::Contract1, [plain(1).with_stock(9), plain(2)])).await;
    world.look().await;
    world.site.shop().set_stock_control(1, false).unwrap();
    let checked = world.look().await;
    assert_eq!(level(&checked, 1), Level::NotControlled);
    assert_eq!(world.events("control_off").await, 1);
    world.site.shop().set_stock_control(1, true).unwrap();
    world.site.shop().set_qty(1, 0).unwrap();
    let checked = world.look().await;
    assert_eq!(level(&checked, 1), Level::Known(0));
    assert_eq!(
        (world.events("control_on").await, world.events("severity").await),
        (1, 0)
    );
}
