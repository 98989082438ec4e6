//! What the catalogue lacks, and who tells the stock.

use jiff::SignedDuration;
use whmcs_stock_monitor::doctor::finding::Id;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::case::Case;
use crate::case::capacity;
use crate::case::case;
use crate::world::World;
use crate::world::stocked;

/// All of them.
pub fn all() -> Vec<Case> {
    let mut all = catalogue();
    all.extend(companion());
    all.extend(companion_answers());
    all
}

/// What GetProductDetails alone is answered.
fn details(fault: Fault) -> World {
    let world = World::new();
    world.shop.faults().keep(Some("GetProductDetails"), fault);
    world
}

fn details_body(body: &str) -> World {
    details(Fault::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        body: body.into(),
    })
}

fn companion_answers() -> Vec<Case> {
    vec![
        case("the companion alone is rate-limited", Id::RateLimited, &["GetProductDetails (the companion) is not", "POLL_SCHEDULE"], || {
            details(Fault::RateLimited(Some(60)))
        }),
        case("a firewall answers for the companion alone", Id::FirewallPage, &["GetProductDetails (the companion) is not", "WAF"], || {
            details(Fault::FirewallPage)
        }),
        case("the companion reports a fault", Id::CompanionBroken, &["it reports a fault of its own (HTTP 200: GetProductDetails: no table)"], || {
            details_body(r#"{"result":"error","message":"GetProductDetails: no table"}"#)
        }),
        case("the companion answers an empty list", Id::CompanionIncomplete, &["DS-64 (1), DS-128 (2)", "productid=1"], || {
            details_body(r#"{"result":"success","contract":1,"totalresults":0,"products":{"product":[]}}"#)
        })
        .warning(),
        case("the companion leaves a product out", Id::CompanionIncomplete, &["lists: DS-128 (2)."], || {
            details_body(r#"{"result":"success","contract":1,"totalresults":1,"products":{"product":[{"pid":1,"gid":1,"name":"DS-64","stockcontrol":1,"qty":12}]}}"#)
        })
        .warning(),
        case("the companion knows no quantity of a controlled product", Id::CompanionIncomplete, &["lists: DS-64 (1)."], || {
            details_body(r#"{"result":"success","contract":1,"totalresults":2,"products":{"product":[{"pid":1,"gid":1,"name":"DS-64","stockcontrol":1,"qty":null},{"pid":2,"gid":1,"name":"DS-128","stockcontrol":0,"qty":null}]}}"#)
        })
        .warning(),
    ]
}

fn catalogue() -> Vec<Case> {
    vec![
        case(
            "the catalogue exceeds the limit",
            Id::AnswerUnreadable,
            &["WHMCS_MAX_BODY"],
            || {
                let mut world = World::of(Shop::bulk(2000, 2, 3));
                world.set("WHMCS_MAX_BODY", "1MiB");
                world
            },
        ),
        case(
            "most products vanish",
            Id::AnswerNotCredible,
            &["three polls"],
            || {
                let world = World::of(Shop::bulk(40, 0, 0));
                world.poll();
                for pid in 2..=40 {
                    world.shop.shop().remove(pid).expect("sold");
                }
                world
            },
        )
        .warning(),
        case(
            "WHMCS sells nothing",
            Id::CatalogueEmpty,
            &["right installation"],
            || World::of(Shop::new(Version::V8_12, Companion::Contract1)),
        )
        .warning(),
        case(
            "the clocks differ",
            Id::ClockDiffers,
            &["NTP", "ahead of"],
            || {
                let world = World::new();
                world
                    .shop
                    .shop()
                    .change_habits(|habits| habits.clock_ahead = SignedDuration::from_mins(10));
                world
            },
        )
        .warning(),
        case(
            "WHMCS 8.3 without the companion",
            Id::StockNoFields,
            &[
                "WHMCS 8.3.2",
                "companion export",
                "8.12",
                "the role lacks GetProductDetails",
            ],
            || World::of(stocked(Version::V8_3, Companion::None)),
        )
        .warning(),
    ]
}

fn companion() -> Vec<Case> {
    vec![
        case("a zero on WHMCS 8.12 without the companion", Id::StockAmbiguousZeros, &["DS-256 (7)", "products = [7]", "stock_control = \"on\"", "says the same for both"], || {
            World::of(stocked(Version::V8_12, Companion::None).with_products([Product::new(7, 1, "Servers", "DS-256").with_stock(0)]))
        })
        .warning(),
        case("a zero on WHMCS 9 without the companion", Id::StockAmbiguousZeros, &["DS-256 (7)", "install the companion"], || {
            World::of(stocked(Version::V9_0, Companion::None).with_products([Product::new(7, 1, "Servers", "DS-256").with_stock(0)]))
        })
        .warning(),
        case("a stock that is no number", Id::StockUnreadable, &["DS-64 (1)"], || {
            let world = World::of(stocked(Version::V8_12, Companion::None));
            let body = r#"{"result":"success","totalresults":1,"products":{"product":[{"pid":1,"gid":1,"name":"DS-64","quantity_available":"many"}]}}"#;
            world.shop.faults().keep(
                Some("GetProducts"),
                Fault::Body {
                    status: 200,
                    content_type: "application/json".to_owned(),
                    body: body.into(),
                },
            );
            world
        })
        .warning(),
        case("the companion's file was removed", Id::CompanionMissing, &["includes/api/getproductdetails.php"], || {
            World::of(stocked(Version::V8_12, Companion::FileMissing))
        })
        .warning(),
        case("a capacity without the companion that counts", Id::CompanionMissing, &["capacities and pools", "companion export"], || {
            capacity(Version::V9_0, Companion::None)
        })
        .warning(),
        case("the companion vanished from WHMCS 9", Id::CompanionMissing, &["not available"], || {
            let world = World::of(stocked(Version::V9_0, Companion::Contract1));
            world.poll();
            world.shop.shop().change_habits(|habits| habits.companion = Companion::None);
            world
        })
        .warning(),
        case("a capacity with another action of the companion's name", Id::CompanionOtherAction, &["another custom action"], || {
            capacity(Version::V8_12, Companion::Foreign)
        })
        .warning(),
        case(
            "the companion breaks",
            Id::CompanionBroken,
            &["GetProducts is answered", "PHP's error log"],
            || {
                let world = World::new();
                world.shop.faults().keep(Some("GetProductDetails"), Fault::Status(500, None));
                world
            },
        ),
        case(
            "the companion vanished from WHMCS 8.12, which does not tell why",
            Id::PermissionGetProductDetails,
            &["either its file is gone or the role", "tick GetProductDetails", "files"],
            || {
                let world = World::new();
                world.poll();
                world
                    .shop
                    .shop()
                    .change_habits(|habits| habits.companion = Companion::None);
                world
            },
        )
        .warning(),
    ]
}
