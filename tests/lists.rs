//! Thresholds as lists: what is exported and imported again changes nothing, and what is imported is what then holds.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

#[path = "support/memory.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod fixture;

use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use whmcs_stock_monitor::config::export;
use whmcs_stock_monitor::config::import;
use whmcs_stock_monitor::config::line::Ground;
use whmcs_stock_monitor::config::load::Config;
use whmcs_stock_monitor::config::managed::Change;
use whmcs_stock_monitor::config::managed::Document;
use whmcs_stock_monitor::config::overlay::Sources;
use whmcs_stock_monitor::config::sheet;
use whmcs_stock_monitor::config::sheet::Dialect;
use whmcs_stock_monitor::config::sheet::WrongLine;
use whmcs_stock_monitor::config::suggest;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::Choice;
use whmcs_stock_monitor::domain::catalogue::ConfigOption;
use whmcs_stock_monitor::domain::catalogue::Details;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::OptionKind;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::options::Options;

use crate::fixture::combination;
use crate::fixture::memory;
use crate::fixture::minute;
use crate::fixture::product;
use crate::fixture::series;

/// Two shops, two channels, and nothing else.
const HEAD: &str = r#"webhook_url = "https://hooks.example/a"

[[instance]]
name = "eu"
url = "https://eu.example/includes/api.php"
identifier = "a"
secret = "b"

[[instance]]
name = "us"
url = "https://us.example/includes/api.php"
identifier = "a"
secret = "b"

[[channel]]
name = "sales"
type = "webhook"
url = "https://hooks.example/b"
default = false
"#;

/// A configuration file and what the database knows.
struct Desk {
    text: String,
    shops: Vec<(&'static str, Arc<Memory>)>,
}

impl Desk {
    fn new(rules: &str) -> Self {
        let text = format!("{HEAD}\n{rules}");
        let desk = Self {
            text,
            shops: vec![("eu", memory(products())), ("us", memory(products()))],
        };
        desk.config();
        desk
    }

    fn config(&self) -> Config {
        let sources = Sources {
            env: Vec::new(),
            dir: PathBuf::from("/nonexistent"),
            config_file: Some(PathBuf::from("monitor.toml")),
        };
        Config::load_as_if(&sources, &self.text).unwrap_or_else(|errors| panic!("{errors}\n{}", self.text))
    }

    fn shops(&self) -> Vec<(&str, &Memory)> {
        self.shops
            .iter()
            .map(|(name, memory)| (*name, &**memory))
            .collect()
    }

    fn export(&self) -> String {
        let config = self.config();
        let file = Document::parse(&self.text).unwrap();
        let rows = export::rows(&config.rules, &config.capacities.capacities, &file, &self.shops());
        sheet::write(&rows, Dialect::Plain)
    }

    /// What changed, and what was warned of.
    fn import(&mut self, list: &str) -> Result<(Vec<Change>, Vec<WrongLine>), Vec<WrongLine>> {
        let config = self.config();
        let mut file = Document::parse(&self.text).unwrap();
        let rows = sheet::read(list.as_bytes())?;
        let plan = import::plan(
            &rows,
            &Ground {
                instances: config.instances.iter().map(|shop| shop.name.as_str()).collect(),
                channels: config
                    .channels
                    .iter()
                    .map(|channel| channel.name.as_str())
                    .collect(),
                rules: &config.rules,
                capacities: &config.capacities.capacities,
                file: &file,
                shops: &self.shops(),
            },
        )?;
        let changes = file.apply(&plan.entries);
        self.text = file.text();
        self.config();
        Ok((changes, plan.warnings))
    }

    /// The cells of the exported lines.
    fn lines(&self) -> Vec<Vec<String>> {
        let list = self.export();
        let mut reader = csv::Reader::from_reader(list.as_bytes());
        let records = reader.records().map(|record| record.unwrap());
        records
            .map(|record| record.iter().map(str::to_owned).collect())
            .collect()
    }
}

/// Of every kind: plain ones, one with combinations, one with names that cannot be told apart or written.
fn products() -> Vec<Tracked> {
    let level = || series(Level::Known(9));
    let mut server = product(42, "DS-64", level());
    server.combinations = vec![
        combination("4=11;5=20", "RAM: 32 GB, Disk: 2x NVMe", level()),
        combination("4=12;5=20", "RAM: 64 GB, Disk: 2x NVMe", level()),
        combination("6=0", "Backup: No", level()),
    ];
    let mut odd = product(43, "=odd; \"one\"", level());
    odd.combinations = vec![
        combination("4=11;5=20", "RAM: 32 GB, fast, Disk: 2x NVMe", level()),
        combination("7=1", "CPU: a=b;c", level()),
        combination("8=1", "Same: x", level()),
        combination("8=2", "Same: X", level()),
    ];
    let mut gone = product(44, "Gone", level());
    gone.gone = true;
    vec![
        product(7, "VPS M", level()),
        product(8, "VPS L", level()),
        server,
        odd,
        gone,
    ]
}

#[test]
fn the_list_shows_every_product_and_combination_with_what_holds_and_where_it_comes_from() {
    let mut desk = Desk::new(
        r#"
        [[rule]]
        name = "servers; all"
        groups = ["Dedicated"]
        low = 9
        critical = 3

        [[rule]]
        products = ["VPS *"]
        channels = ["sales"]

        [[capacity]]
        products = [42]
        options = { RAM = "64 GB" }
        capacity = 12
        "#,
    );
    desk.shops.truncate(1);
    desk.import("instance,pid,option,low,capacity\neu,42,RAM=32 GB;Disk=2x NVMe,2,4\neu,99,,1,\n*,8,,6,\n")
        .unwrap();
    insta::assert_snapshot!(desk.export(), @r#"
    instance,pid,name,option,low,critical,capacity,channels,origin
    eu,7,VPS M,,9,3,,sales,"low: rule ""servers, all""; critical: rule ""servers, all""; channels: rule 2"
    eu,8,VPS L,,6,3,,sales,"low: rule ""import: */8""; critical: rule ""servers, all""; channels: rule 2"
    eu,42,DS-64,,9,3,,webhook,"low: rule ""servers, all""; critical: rule ""servers, all""; channels: global"
    eu,42,DS-64,RAM=32 GB;Disk=2x NVMe,2,2,4,webhook,"low: import; critical: rule ""servers, all""; channels: global; capacity: import"
    eu,42,DS-64,RAM=64 GB;Disk=2x NVMe,9,3,,webhook,"low: rule ""servers, all""; critical: rule ""servers, all""; channels: global"
    eu,42,DS-64,Backup=No,9,3,,webhook,"low: rule ""servers, all""; critical: rule ""servers, all""; channels: global"
    eu,42,DS-64,RAM=64 GB,,,12,,capacity 1
    eu,43,"'=odd; ""one""",,9,3,,webhook,"low: rule ""servers, all""; critical: rule ""servers, all""; channels: global"
    eu,43,"'=odd; ""one""",4=11;5=20,9,3,,webhook,"low: rule ""servers, all""; critical: rule ""servers, all""; channels: global"
    eu,43,"'=odd; ""one""",7=1,9,3,,webhook,"low: rule ""servers, all""; critical: rule ""servers, all""; channels: global"
    eu,43,"'=odd; ""one""",8=1,9,3,,webhook,"low: rule ""servers, all""; critical: rule ""servers, all""; channels: global"
    eu,43,"'=odd; ""one""",8=2,9,3,,webhook,"low: rule ""servers, all""; critical: rule ""servers, all""; channels: global"
    *,8,,,6,,,,import
    eu,99,,,1,,,,import
    "#);
}

#[test]
fn of_an_exported_list_only_what_was_edited_becomes_an_entry() {
    let mut desk = Desk::new("");
    let list = desk.export();
    assert_eq!(desk.import(&list).unwrap(), (Vec::new(), Vec::new()));
    assert_eq!(desk.text, format!("{HEAD}\n"));
    let edited = list.replace("eu,8,VPS L,,5,1", "eu,8,VPS L,,7,1").replace(
        "us,42,DS-64,Backup=No,5,1,,webhook,",
        "us,42,DS-64,Backup=No,5,1,3,sales,",
    );
    assert_ne!(edited, list);
    desk.import(&edited).unwrap();
    insta::assert_snapshot!(desk.text[HEAD.len()..], @r#"

    [[rule]]
    name = "import: eu/8"
    instances = ["eu"]
    products = [8]
    low = 7

    [[rule]]
    name = "import: us/42/Backup=No"
    instances = ["us"]
    products = [42]
    options = { Backup = "No" }
    channels = ["sales"]

    [[capacity]]
    name = "import: us/42/Backup=No"
    instances = ["us"]
    products = [42]
    options = { Backup = "No" }
    capacity = 3
    "#);
    // A cell that is emptied is inherited again.
    let cleared = desk.export().replace("eu,8,VPS L,,7,1", "eu,8,VPS L,,,1");
    let (changes, _) = desk.import(&cleared).unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(!desk.text.contains("import: eu/8"), "{}", desk.text);
}

#[test]
fn an_entry_wins_over_a_rule_that_was_written_later_for_the_same_product() {
    let mut desk = Desk::new("");
    desk.import("instance,pid,low\neu,8,7\n").unwrap();
    desk.text.push_str("\n[[rule]]\nproducts = [8]\nlow = 3\n");
    let low = |desk: &Desk| desk.lines()[1][4].clone();
    assert_eq!(low(&desk), "3");
    desk.import("instance,pid,low\neu,8,7\neu,7,7\n").unwrap();
    assert_eq!(low(&desk), "7");
}

#[test]
fn every_wrong_line_is_told_at_once() {
    let mut desk = Desk::new("");
    let before = desk.text.clone();
    let list = "instance;pid;name;option;low;critical;capacity;channels\n\
        eu;42;;;x;-1;;\n\
        mars;42;;;1;;;\n\
        ;42;;;1;;;\n\
        eu;;;;1;;;\n\
        eu;4.2;;;1;;;\n\
        eu;42;;RAM;1;;;\n\
        eu;42;;\"RAM=1;ram=2\";1;;;\n\
        eu;42;;;1;2;;\n\
        eu;42;;;1;;7;\n\
        eu;42;;;1;;;fax sales\n\
        eu;7;;;1;;;\n\
        EU;7;;;2;;;\n";
    let wrong = desk.import(list).unwrap_err();
    let wrong: String = wrong.iter().map(|wrong| format!("{wrong}\n")).collect();
    insta::assert_snapshot!(wrong, @r#"
    line 2: low "x" is not a whole number of 0 or more
    line 2: critical "-1" is not a whole number of 0 or more
    line 3: there is no shop "mars"; there are: eu, us
    line 4: does not say which shop: write an instance (eu, us), or * for all
    line 5: names no product: write its pid, or its name
    line 6: pid "4.2" is not a number
    line 7: option "RAM" is no pair: write RAM=64 GB, several joined by ;
    line 8: names the option "ram" twice
    line 9: critical is 2, above low (1)
    line 10: capacity is for an option: name one, such as RAM=64 GB
    line 11: there is no channel "fax"; there are: webhook, sales (or none)
    line 13: is for eu/7 as line 12 is
    "#);
    assert_eq!(desk.text, before);
}

#[test]
fn a_list_whose_columns_were_sorted_apart_is_doubted() {
    let mut desk = Desk::new("");
    let list = "instance,pid,name,low\neu,42,vps m,1\neu,44,,1\neu,,VPX *,1\neu,,vps *,1\neu,7,,1\n";
    let (changes, warnings) = desk.import(list).unwrap();
    assert_eq!(changes.len(), 5);
    let warnings: String = warnings.iter().map(|wrong| format!("{wrong}\n")).collect();
    insta::assert_snapshot!(warnings, @r#"
    line 2: eu/42 is called "DS-64", not "vps m"; the pid counts. Was a column sorted alone?
    line 3: eu/44 is not in the database, or is gone
    line 4: no product called "VPX *" is in the database
    "#);
}

#[test]
fn a_choice_that_the_product_does_not_offer_is_doubted() {
    let mut desk = Desk::new("");
    desk.shops = vec![("eu", sold())];
    let list =
        "instance,pid,option,capacity\neu,42,RAM=nope,8\neu,42,ram=64 gb,8\neu,43,5=20,1\neu,42,5=20,4\n";
    let (changes, warnings) = desk.import(list).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    assert_eq!(changes.len(), 4);
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "line 2: the product does not offer RAM=nope",
            "line 4: the product does not offer 5=20"
        ]
    );
}

/// A product as WHMCS and the companion describe it.
fn described(id: i64, name: &str, options: Vec<ConfigOption>, in_use: Option<i64>) -> Arc<Product> {
    let options = Options::from(options);
    let details = Details {
        id,
        group_id: Some(3),
        group: None,
        name: None,
        hidden: None,
        retired: None,
        controlled: Some(true),
        quantity: Figure::Absent,
        in_use,
        options: options.clone(),
        combinations: Arc::new([]),
        source_hash: 0,
    };
    Arc::new(Product {
        listing: Arc::new(Listing {
            id,
            group_id: Some(3),
            name: Name::new(name),
            quantity: Figure::Absent,
            price: None,
            options,
            source_hash: 0,
        }),
        details: Some(Arc::new(details)),
        details_fresh: true,
    })
}

fn option(id: i64, name: &str, kind: OptionKind, choices: &[(i64, &str, Option<i64>)]) -> ConfigOption {
    let choice = |(id, name, in_use): &(i64, &str, Option<i64>)| Choice {
        id: *id,
        name: Name::new(name),
        hidden: name.starts_with("old"),
        in_use: *in_use,
        stock: Figure::Absent,
    };
    ConfigOption {
        id,
        name: Name::new(name),
        kind,
        hidden: false,
        choices: choices.iter().map(choice).collect(),
    }
}

/// A shop with products of every kind.
fn sold() -> Arc<Memory> {
    let ram = |id| {
        option(
            id,
            "RAM",
            OptionKind::Dropdown,
            &[(11, "32 GB", Some(12)), (12, "64 GB", Some(9))],
        )
    };
    let mut server = product(42, "DS-64", series(Level::Known(7)));
    let disk = option(
        5,
        "Disk*",
        OptionKind::Radio,
        &[(20, "2x NVMe", Some(3)), (21, "old HDD", Some(1))],
    );
    server.seen = Some(described(42, "DS-64", vec![ram(4), disk], Some(21)));
    let mut other = product(43, "\"${x}\" 'y' \\ # ü", series(Level::Known(40)));
    let backup = option(6, "Backup \"${x}\"", OptionKind::YesNo, &[(30, "Yes", Some(2))]);
    other.seen = Some(described(43, "odd", vec![ram(7), backup], None));
    let mut doubtful = product(44, "DS-128", series(Level::Unknown));
    doubtful.ambiguous_zero = true;
    let mut plain = product(45, "Setup", series(Level::NotControlled));
    (plain.group_id, plain.group, plain.hidden) = (Some(9), None, Some(true));
    let mut unknown = product(46, "Old", series(Level::Unknown));
    (unknown.group_id, unknown.group) = (None, None);
    let cores = option(8, "Cores", OptionKind::Quantity, &[(40, "Core", None)]);
    unknown.seen = Some(described(46, "Old", vec![cores], None));
    memory(vec![server, other, doubtful, plain, unknown])
}

/// The text with every suggestion in force.
fn uncommented(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
        Some(_) | None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn what_is_suggested_says_what_was_seen_and_is_a_good_configuration_with_and_without_its_marks() {
    let sold = sold();
    let shop = |name: &'static str| suggest::Shop {
        name,
        seen: Ok(&sold),
    };
    let text = suggest::file(&[shop("default")], &["default".to_owned()], minute(0));
    insta::assert_snapshot!(text.split_once("\n\n").unwrap().1, @r###"
    # === Shop default: 5 products

    # --- Of no known group

    # 46 Old: no figure is known (the companion would tell it)
    # Option Cores, a quantity: Core

    # --- Group 3, Dedicated

    # 42 DS-64: 7 left, 21 in use
    #[[rule]]
    #products = [42]
    #low = 3
    #critical = 1
    # Option RAM: 32 GB (12 in use), 64 GB (9 in use)
    # Option Disk*: 2x NVMe (3 in use), old HDD (1 in use) (hidden)
    #[[capacity]]
    #products = [42]
    #options = { 5 = 20 }
    #capacity = 10  # 3 in use; write how many there are in all

    # 43 "${x}" 'y' \ # ü: 40 left
    #[[rule]]
    #products = [43]
    #low = 10
    #critical = 3
    # Option RAM: 32 GB (12 in use), 64 GB (9 in use)
    # Option Backup "${x}", yes or no: Yes (2 in use)
    #[[capacity]]
    #products = [43]
    #options = { 'Backup "${x}"' = "Yes" }
    #capacity = 42  # 2 in use; write how many there are in all

    # 44 DS-128: shows 0: sold out, or its stock is not controlled. Say which it is
    #[[rule]]
    #products = [44]
    #stock_control = "on"  # or "off"

    # --- Group 9 (its name is known only with the companion)

    # 45 Setup: its stock is not controlled, hidden

    # --- Choices that several products share

    # RAM: 32 GB: 2 products, 24 in use
    #[[pool]]
    #name = "RAM: 32 GB"
    #capacity = 24  # write how many there are in all
    #uses = [{ option = "RAM", choice = "32 GB", need = 1 }]

    # RAM: 64 GB: 2 products, 18 in use
    #[[pool]]
    #name = "RAM: 64 GB"
    #capacity = 18  # write how many there are in all
    #uses = [{ option = "RAM", choice = "64 GB", need = 1 }]
    "###);
    let unread = suggest::Shop {
        name: "us",
        seen: Err("a host of that name is not known.".to_owned()),
    };
    let several = suggest::file(
        &[shop("eu"), unread],
        &["eu".to_owned(), "us".to_owned()],
        minute(0),
    );
    assert!(several.contains("# === Shop us: not read: a host"), "{several}");
    assert!(several.contains("Configured shops: eu, us\n"), "{several}");
    for text in [text, several, suggest::file(&[], &[], minute(0))] {
        for (text, rules) in [(text.clone(), 0), (uncommented(&text), usize::MAX)] {
            let desk = Desk::new(&text);
            let config = desk.config();
            let expected = rules.min(text.matches("\n[[rule]]").count());
            assert_eq!(config.rules.rules.len(), expected, "{text}");
            assert_eq!(config.capacities.pools.len(), text.matches("\n[[pool]]").count());
            assert!(
                config
                    .warnings
                    .iter()
                    .all(|warning| !warning.key.starts_with("rule")),
                "{:?}",
                config.warnings
            );
        }
    }
}

/// A rule or capacity as people write them; some the import would have written.
fn written() -> impl Strategy<Value = String> {
    let instance = prop_oneof![
        Just(""),
        Just("instances = [\"eu\"]\n"),
        Just("instances = [\"u*\"]\n")
    ];
    let products = prop_oneof![
        Just(""),
        Just("products = [42]\n"),
        Just("products = [\"VPS *\"]\n"),
        Just("products = [43, \"vps m\"]\n"),
        Just("groups = [\"ded*\"]\n"),
    ];
    let options = prop_oneof![
        Just(""),
        Just("options = { RAM = \"32 GB\" }\n"),
        Just("options = { ram = \"*\", 5 = 20 }\n"),
        Just("options = { 4 = 11, 5 = 20 }\n"),
        Just("options = { \"*\" = \"X\" }\n"),
    ];
    let values = (
        prop::option::of(0i64..9),
        prop::option::of(0i64..9),
        prop::option::of(prop_oneof![
            Just("[]"),
            Just("[\"sales\"]"),
            Just("[\"sales\", \"webhook\"]")
        ]),
    );
    (instance, products, options, values, prop::option::of(0i64..20)).prop_map(
        |(instance, products, options, (low, critical, channels), capacity)| {
            let key = |key: &str, value: Option<String>| {
                value
                    .map(|value| format!("{key} = {value}\n"))
                    .unwrap_or_default()
            };
            match capacity.filter(|_| !options.is_empty()) {
                Some(capacity) => {
                    format!("[[capacity]]\n{instance}{products}{options}capacity = {capacity}\n")
                }
                None => {
                    let low = key("low", low.map(|n| n.to_string()));
                    let critical = key("critical", critical.map(|n| n.to_string()));
                    let channels = key("channels", channels.map(str::to_owned));
                    format!("[[rule]]\n{instance}{products}{options}{low}{critical}{channels}")
                }
            }
        },
    )
}

/// A line of a list.
fn listed() -> impl Strategy<Value = String> {
    let instance = prop_oneof![Just("eu"), Just("us"), Just("*")];
    let product = prop_oneof![
        Just("7,"),
        Just("8,"),
        Just("42,"),
        Just("43,"),
        Just("99,"),
        Just(",VPS *"),
        Just(",ds-64"),
        Just(",*")
    ];
    let option = prop_oneof![
        4 => Just(""),
        1 => Just("RAM=32 GB;Disk=2x NVMe"),
        1 => Just("4=11;5=20"),
        1 => Just("Disk=2x NVMe"),
        1 => Just("RAM=64 GB"),
        1 => Just("8=2"),
        1 => Just("Backup=no"),
    ];
    let low = prop_oneof![1 => Just(String::new()), 3 => (0i64..9).prop_map(|n| n.to_string())];
    let channels =
        prop_oneof![3 => Just(""), 1 => Just("none"), 1 => Just("sales"), 1 => Just("webhook sales")];
    (instance, product, option, low, 0i64..9, channels, any::<bool>()).prop_map(
        |(instance, product, option, low, number, channels, flag)| {
            let critical = match low.parse::<i64>() {
                Ok(low) if flag => number.min(low).to_string(),
                Ok(_) | Err(_) => String::new(),
            };
            let capacity = if option.is_empty() || flag {
                String::new()
            } else {
                number.to_string()
            };
            format!("{instance},{product},{option},{low},{critical},{capacity},{channels}")
        },
    )
}

/// Without those for what an earlier line is for.
fn without_repeats(lines: Vec<String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    let target = |line: &String| {
        let target: Vec<&str> = line.splitn(5, ',').take(4).collect();
        target.join(",").to_lowercase()
    };
    let mut kept = lines;
    kept.retain(|line| {
        let target = target(line);
        let fresh = !seen.contains(&target);
        seen.push(target);
        fresh
    });
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn export_import_export_is_a_fixed_point(
        before in prop::collection::vec(written(), 0..5),
        list in prop::collection::vec(listed(), 0..7),
        after in prop::collection::vec(written(), 0..3),
    ) {
        let mut desk = Desk::new(&before.concat());
        let lines = without_repeats(list).join("\n");
        desk.import(&format!("instance,pid,name,option,low,critical,capacity,channels\n{lines}\n")).unwrap();
        // Rules that people added behind those of the import: the first import again moves it behind them.
        desk.text.push_str(&after.concat());
        if !after.is_empty() {
            let again = format!("instance,pid,name,option,low,critical,capacity,channels\n{lines}\nus,1234,,,1,,,\n");
            desk.import(&again).unwrap();
        }
        let first = desk.export();
        let text = desk.text.clone();
        let (changes, _) = desk.import(&first).unwrap();
        prop_assert_eq!(changes, Vec::new(), "{}\n{}", first, text);
        prop_assert_eq!(&desk.text, &text);
        prop_assert_eq!(desk.export(), first);
    }

    #[test]
    fn what_a_list_says_of_a_product_is_what_then_holds(
        before in prop::collection::vec(written(), 0..5),
        low in 0i64..99,
        critical in 0i64..99,
        list in prop::collection::vec(listed(), 0..5),
    ) {
        let mut desk = Desk::new(&before.concat());
        let critical = critical.min(low);
        let mut lines = vec![format!("eu,42,,,{low},{critical},,sales"), format!("us,42,,RAM=32 GB;Disk=2x NVMe,{low},,5,none")];
        lines.extend(list);
        let lines = without_repeats(lines).join("\n");
        desk.import(&format!("instance,pid,name,option,low,critical,capacity,channels\n{lines}\n")).unwrap();
        let found = desk.lines();
        let line = |instance: &str, option: &str| {
            let found = found.iter().find(|line| line[0] == instance && line[1] == "42" && line[3] == option);
            found.unwrap().clone()
        };
        let whole = line("eu", "");
        prop_assert_eq!(&whole[4..6], [low.to_string(), critical.to_string()]);
        prop_assert_eq!(&whole[7], "sales");
        let part = line("us", "RAM=32 GB;Disk=2x NVMe");
        prop_assert_eq!([&part[4], &part[6], &part[7]], [&low.to_string(), "5", "none"]);
    }
}
