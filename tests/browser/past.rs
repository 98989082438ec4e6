//! A past for pages to show: the real check and the real deliveries at hours gone by, before a shop whose stock sells.

use std::net::SocketAddr;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::app::Generation;
use whmcs_stock_monitor::config::load::Config;
use whmcs_stock_monitor::config::overlay::Sources;
use whmcs_stock_monitor::jobs::deliver::Deliver;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::samples::KITS;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::store::db::Store;

use crate::daemon::Home;

/// How many of each product are sold in a day, in hundredths.
const DEMAND: [(i64, u64); 14] = [
    (40, 90),
    (41, 120),
    (42, 340),
    (44, 25),
    (46, 60),
    (63, 210),
    (64, 90),
    (65, 130),
    (70, 190),
    (71, 110),
    (72, 95),
    (80, 70),
    (81, 45),
    (82, 30),
];
/// What came in, and how many hours before now.
const DELIVERED: [(i64, i64, i64); 5] = [
    (42, 24, 190),
    (42, 8, 88),
    (72, 12, 120),
    (63, 30, 150),
    (65, 20, 60),
];
/// The shop could not be read from so many hours before now, until.
const OUTAGE: (i64, i64) = (45, 38);

/// Names that would do something where somebody forgot to escape them.
const HOSTILE: [&str; 10] = [
    "\"><img src=x onerror=alert(1)>",
    "</title></td></table><script>alert(2)</script>",
    "' onmouseover='alert(3)' x='",
    "javascript:alert(4)//",
    "<svg/onload=alert(5)>{{7*7}}${7*7}<%= 7 %>",
    "<!-- <style>*{display:none}</style> ]]>",
    "\u{202e}gpj.exe \u{2066}תל אביב\u{2028}next",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
    "&lt;script&gt;alert(6)&lt;/script&gt; &amp;amp; <a href=//evil.example>free</a>",
    "</select></textarea></form><form action=//evil.example><button>go</button>",
];

/// The sample shop; with products, groups, options and choices whose names are hostile, too.
pub fn shop(hostile: bool) -> Shop {
    let named = |(place, name): (usize, &&str)| {
        let id = i64::try_from(place).unwrap();
        let option = ConfigOption::new(
            900 + id,
            name,
            OptionKind::Dropdown,
            &[(9000 + id, name), (9100 + id, "plain")],
        );
        Product::new(900 + id, 90 + id, name, name)
            .with_stock(id)
            .with_option(option)
    };
    let names: &[&str] = if hostile { &HOSTILE } else { &[] };
    Shop::sample().with_products(names.iter().enumerate().map(named))
}

/// The pool of the demo, a channel that nobody answers any more and, where things go wrong, a shop that cannot be read.
pub fn file(shop: &Shop, gone: SocketAddr, wrong: bool) -> String {
    let unread = "[[instance]]\nname = \"fra\"\nurl = \"http://127.0.0.1:9/includes/api.php\"\n\
                  identifier = \"i\"\nsecret = \"s\"\n";
    let unread = if wrong { unread } else { "" };
    format!(
        "[[pool]]\nname = \"128 GB modules\"\ncapacity = {}\nuses = [{{ option = \"RAM\", choice = \"128 GB\" }}]\n\
         {unread}[[channel]]\nname = \"reseller\"\ntype = \"webhook\"\nurl = \"http://{gone}/stock\"\nseverities = [\"out\"]\n",
        shop.in_use_of(KITS) + 3
    )
}

/// Polls the shop every hour for so many days until now, while customers buy.
pub fn live_through(site: &Simulator, home: &Home, runtime: &Runtime, days: i64) {
    let access = Settings::default().access;
    let env = [
        ("WHMCS_API_IDENTIFIER", access.identifier),
        ("WHMCS_API_SECRET", access.secret),
    ];
    let sources = Sources {
        env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        dir: home.path(""),
        config_file: Some(home.path("config/monitor.toml")),
    };
    let config = Config::load(&sources).unwrap_or_else(|errors| panic!("{errors}"));
    runtime.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Store::open(&config.store).await.unwrap().store;
        let generation = Generation::new(config, &store, &[]).await.unwrap();
        let place = generation
            .instance_names()
            .iter()
            .position(|name| name == "default");
        let check = generation.check(
            place.unwrap(),
            &store,
            SignedDuration::from_secs(5).unsigned_abs(),
        );
        let channels: Vec<Deliver> = (0..generation.telling.channels.len())
            .map(|place| Deliver::new(store.clone(), generation.telling.clone(), place))
            .collect();
        let never = CancellationToken::new();
        let end = Timestamp::now() - SignedDuration::from_mins(7);
        for before in (0..days * 24).rev() {
            let now = end - SignedDuration::from_hours(before);
            trade(site, before);
            let read = check.run(now, &never).await.unwrap();
            assert!(read.is_some(), "{before} hours before");
            for channel in &channels {
                channel.run(&|| now, &|| 0.5, &never).await.unwrap();
            }
        }
        store.close().await;
    });
}

/// What happens in the shop in an hour.
fn trade(site: &Simulator, before: i64) {
    if before == OUTAGE.0 {
        site.fail_always(Fault::MaintenancePage(503));
    } else if before == OUTAGE.1 {
        site.heal();
    }
    let mut shop = site.shop();
    for (pid, count, hours) in DELIVERED {
        if hours == before {
            shop.restock(pid, count).unwrap();
        }
    }
    for (pid, hundredths) in DEMAND {
        // By day more is sold than by night, and the same on each run.
        let dice =
            (before.unsigned_abs() * 7919 + pid.unsigned_abs() * 104_729).wrapping_mul(2_654_435_761) >> 7;
        let hour = before.rem_euclid(24);
        let share = if (8..22).contains(&hour) { 3 } else { 1 };
        if dice % 5_300 < hundredths * share {
            // Who comes when nothing is left goes without.
            let _ = shop.order_default(pid, 1);
        }
    }
    if before == 30 {
        for pid in [43, 83, 80] {
            let _ = shop.order(pid, &[KITS]);
        }
    }
}

/// What people said of it.
pub fn people(home: &Home) {
    for arguments in [
        [
            "ack",
            "42",
            "--by",
            "Ayşe",
            "--note",
            "PO 4711, Dell",
            "--quantity",
            "25",
            "--eta",
            "5d",
        ]
        .as_slice(),
        &[
            "silence",
            "add",
            "--instance",
            "default",
            "--product",
            "73",
            "--for",
            "3d",
            "--comment",
            "phased out",
            "--by",
            "Jo",
        ],
    ] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
    }
}
