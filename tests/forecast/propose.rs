//! What `config suggest --thresholds` proposes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use whmcs_stock_monitor::config::propose;
use whmcs_stock_monitor::config::propose::Shop;
use whmcs_stock_monitor::domain::alerting::rules::Effective;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::SeriesState;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::forecast::Forecasts;
use whmcs_stock_monitor::domain::forecast::SellRate;

use crate::fixture;
use crate::fixture::minute;
use crate::fixture::product;

const DAY: Duration = Duration::from_secs(86_400);

fn numbered(number: u32, level: i64) -> SeriesState {
    SeriesState {
        number,
        ..fixture::series(Level::Known(level))
    }
}

/// A product that sells two a day, one whose rule asks for 20 days, and one without enough history.
fn shop() -> Memory {
    let rate = SellRate {
        per_day: 2.0,
        low: 1.4,
        high: 2.75,
        window_days: 28,
        drops: 49,
        sold: 56,
        observed_days: 27.6,
    };
    let mut slow_to_come = product(7, "VPS # M\u{e9}", numbered(1, 9));
    slow_to_come.effective = Arc::new(Effective {
        cover: Some(20 * DAY),
        ..(*fixture::effective()).clone()
    });
    let products = vec![
        product(42, "DS-64", numbered(0, 12)),
        slow_to_come,
        product(9, "Web S", numbered(2, 200)),
    ];
    let mut memory = (*fixture::memory(products)).clone();
    memory.forecasts = Forecasts::new(HashMap::from([(0, rate), (1, rate)]), minute(0));
    memory
}

#[test]
fn what_sells_while_a_restock_comes_is_low_and_nothing_is_invented() {
    let memory = shop();
    let shops = [Shop {
        name: "default",
        memory: &memory,
    }];
    let names = ["default".to_owned()];
    let text = propose::file(&shops, &names, Some(10 * DAY), minute(0));
    let (_, body) = text.split_once("\n\n").expect("a head");
    insta::assert_snapshot!(body, @r"
    # === Shop default: 3 products

    # 7 VPS # Mé: 9 left
    # sells 2.00 a day (1.40 to 2.75; 49 drops in 28 days in stock, of the last 28)
    # a restock takes 20 days (the cover of its rule); now low is 5 and critical 1 (global)
    #[[rule]]
    #products = [7]
    #low = 55
    #critical = 14

    # 42 DS-64: 12 left
    # sells 2.00 a day (1.40 to 2.75; 49 drops in 28 days in stock, of the last 28)
    # a restock takes 10 days (--lead-time); now low is 5 and critical 1 (global)
    #[[rule]]
    #products = [42]
    #low = 28
    #critical = 7

    # --- Not enough history for a sell rate (3 sales and 5 days in stock): 1
    # 9 Web S
    ");
    let without = propose::file(&shops, &names, None, minute(0));
    assert!(
        without.contains("Nobody says how long a restock takes"),
        "{without}"
    );
    assert!(without.contains("# 42 DS-64\n"), "{without}");
    assert_eq!(without.matches("#[[rule]]").count(), 1, "{without}");
}

#[test]
fn of_several_shops_each_rule_names_its_own() {
    let memory = shop();
    let shops = [Shop {
        name: "eu",
        memory: &memory,
    }];
    let text = propose::file(&shops, &["eu".to_owned(), "us".to_owned()], Some(DAY), minute(0));
    assert_eq!(text.matches("#instances = [\"eu\"]").count(), 2, "{text}");
}
