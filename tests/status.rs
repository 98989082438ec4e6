//! `status` on a terminal, on a pipe, and for as long as somebody looks: the real program, and its table at each width.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod daemon;
#[path = "support/shop.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod shop;
#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Command;
use std::process::Stdio;

use proptest::prelude::*;
use rustix::process::Signal;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;
use whmcs_stock_monitor::cli::status::columns::Table;
use whmcs_stock_monitor::cli::status::rows::Row;
use whmcs_stock_monitor::cli::status::screen::drawn;
use whmcs_stock_monitor::cli::status::text;
use whmcs_stock_monitor::cli::status::text::Line;
use whmcs_stock_monitor::web::overview::Group;

use daemon::Home;
use daemon::eventually;
use shop::Item;
use shop::Shop;
use shop::item;
use terminal::Terminal;

/// Names that people gave products, and some that nobody should.
const HOSTILE: [&str; 6] = [
    "專用伺服器 高記憶體 版本 二",
    "GPU 👩‍💻🚀 edition",
    "\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}2J",
    "\u{202e}gnp.exe \u{2066}DS-64 תל אביב",
    "Ze\u{301}\u{301}\u{301}ro\u{200b}width",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
];
/// The terminal is left, with its cursor and its lines that go on.
const LEFT: &str = "\u{1b}[0m\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";

fn row(place: Group, level: &str, name: &str) -> Row {
    Row {
        place,
        level: level.to_owned(),
        name: text::shown(name),
        is_under: false,
        number: Some(64),
        shop: "eu-north".to_owned(),
        low: "5".to_owned(),
        critical: "2".to_owned(),
        origin: "global".to_owned(),
        lasts: "about 10 days".to_owned(),
        soon: false,
        since: "2 days ago".to_owned(),
        read: "3 min ago".to_owned(),
        notes: Vec::new(),
    }
}

fn sample() -> Vec<Row> {
    let mut out = row(Group::Out, "0", "pool 64 GB DIMM kits");
    out.notes = vec![
        ("holds back DS-64, DS-128, DS-256".to_owned(), false),
        (
            "overdue since 12 December: 20 ordered, PO 881 (Ann)".to_owned(),
            true,
        ),
    ];
    let mut under = row(Group::Out, "0", "DS-64 · RAM: 64 GB");
    under.is_under = true;
    let mut all = vec![out, under];
    let places = [
        Group::Critical,
        Group::Low,
        Group::Unknown,
        Group::Ok,
        Group::NotControlled,
        Group::Silent,
    ];
    for (place, name) in places.into_iter().zip(HOSTILE) {
        all.push(row(place, "1,739", name));
    }
    all[4].level = "?".to_owned();
    all
}

fn shown(rows: &[Row], within: Option<usize>) -> String {
    let table = Table::fitted(rows, within);
    let mut lines = vec![table.head()];
    lines.extend(rows.iter().flat_map(|row| table.row(row)));
    let lines: Vec<String> = lines.iter().map(Line::text).collect();
    lines.join("\n")
}

#[test]
fn the_table_fits_each_width_and_drops_what_matters_least_first() {
    let rows = sample();
    insta::assert_snapshot!(shown(&rows, Some(40)), @r"
     LEFT  SEVERITY    PRODUCT
        0  Out         pool 64 GB DIMM kits
                       holds back DS-64,
                       DS-128, DS-256;
                       overdue since 12
                       December: 20 ordered,
                       PO 881 (Ann)
        0  Out         └ DS-64 · RAM: 64 GB
    1,739  Critical    專用伺服器 高記憶體
                       版本 二
    1,739  Low         GPU 👩‍💻🚀 edition
        ?  Unknown     [31mred ]0;title 2J
    1,739  OK          gnp.exe DS-64 תל אביב
    1,739  Not         Zé́́rowidth
           controlled
    1,739  Not         Donaudampfschifffahrt
           alerted     selektrizitätenhauptb
                       etriebswerkbauunterb…
    ");
    insta::assert_snapshot!(shown(&rows, Some(60)), @r"
     LEFT  SEVERITY    PRODUCT                     LASTS
        0  Out         pool 64 GB DIMM kits        about 10 days
                       holds back DS-64, DS-128, DS-256; overdue
                       since 12 December: 20 ordered, PO 881
                       (Ann)
        0  Out         └ DS-64 · RAM: 64 GB        about 10 days
    1,739  Critical    專用伺服器 高記憶體 版本    about 10 days
                       二
    1,739  Low         GPU 👩‍💻🚀 edition            about 10 days
        ?  Unknown     [31mred ]0;title 2J         about 10 days
    1,739  OK          gnp.exe DS-64 תל אביב       about 10 days
    1,739  Not         Zé́́rowidth                   about 10 days
           controlled
    1,739  Not         Donaudampfschifffahrtselek  about 10 days
           alerted     trizitätenhauptbetriebswer
                       kbauunterbeamtengesellsch…
    ");
    insta::assert_snapshot!(shown(&rows, Some(80)), @r"
     LEFT  SEVERITY        PRODUCT                           SHOP      LASTS
        0  Out             pool 64 GB DIMM kits              eu-north  about 10 days
                           holds back DS-64, DS-128, DS-256; overdue since 12
                           December: 20 ordered, PO 881 (Ann)
        0  Out             └ DS-64 · RAM: 64 GB              eu-north  about 10 days
    1,739  Critical        專用伺服器 高記憶體 版本 二       eu-north  about 10 days
    1,739  Low             GPU 👩‍💻🚀 edition                  eu-north  about 10 days
        ?  Unknown         [31mred ]0;title 2J               eu-north  about 10 days
    1,739  OK              gnp.exe DS-64 תל אביב             eu-north  about 10 days
    1,739  Not controlled  Zé́́rowidth                         eu-north  about 10 days
    1,739  Not alerted     Donaudampfschifffahrtselektrizit  eu-north  about 10 days
                           ätenhauptbetriebswerkbauunterbea
                           mtengesellschaft
    ");
    insta::assert_snapshot!(shown(&rows, Some(120)), @r"
     LEFT  SEVERITY        PRODUCT                                    ID  SHOP      LOW  CRITICAL  LASTS          SINCE
        0  Out             pool 64 GB DIMM kits                       64  eu-north    5         2  about 10 days  2 days ago
                           holds back DS-64, DS-128, DS-256; overdue since 12 December: 20 ordered, PO 881 (Ann)
        0  Out             └ DS-64 · RAM: 64 GB                       64  eu-north    5         2  about 10 days  2 days ago
    1,739  Critical        專用伺服器 高記憶體 版本 二                64  eu-north    5         2  about 10 days  2 days ago
    1,739  Low             GPU 👩‍💻🚀 edition                           64  eu-north    5         2  about 10 days  2 days ago
        ?  Unknown         [31mred ]0;title 2J                        64  eu-north    5         2  about 10 days  2 days ago
    1,739  OK              gnp.exe DS-64 תל אביב                      64  eu-north    5         2  about 10 days  2 days ago
    1,739  Not controlled  Zé́́rowidth                                  64  eu-north    5         2  about 10 days  2 days ago
    1,739  Not alerted     Donaudampfschifffahrtselektrizitätenhaupt  64  eu-north    5         2  about 10 days  2 days ago
                           betriebswerkbauunterbeamtengesellschaft
    ");
    insta::assert_snapshot!(shown(&rows, Some(200)), @r"
     LEFT  SEVERITY        PRODUCT                                                                           ID  SHOP      LOW  CRITICAL  FROM    LASTS          SINCE       READ
        0  Out             pool 64 GB DIMM kits                                                              64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
                           holds back DS-64, DS-128, DS-256; overdue since 12 December: 20 ordered, PO 881 (Ann)
        0  Out             └ DS-64 · RAM: 64 GB                                                              64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    1,739  Critical        專用伺服器 高記憶體 版本 二                                                       64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    1,739  Low             GPU 👩‍💻🚀 edition                                                                  64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
        ?  Unknown         [31mred ]0;title 2J                                                               64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    1,739  OK              gnp.exe DS-64 תל אביב                                                             64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    1,739  Not controlled  Zé́́rowidth                                                                         64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    1,739  Not alerted     Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft  64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    ");
    insta::assert_snapshot!(shown(&rows, None), @r"
     LEFT  SEVERITY        PRODUCT                                                                           ID  SHOP      LOW  CRITICAL  FROM    LASTS          SINCE       READ       NOTE
        0  Out             pool 64 GB DIMM kits                                                              64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago  holds back DS-64, DS-128, DS-256; overdue since 12 December: 20 ordered, PO 881 (Ann)
        0  Out             └ DS-64 · RAM: 64 GB                                                              64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    1,739  Critical        專用伺服器 高記憶體 版本 二                                                       64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    1,739  Low             GPU 👩‍💻🚀 edition                                                                  64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
        ?  Unknown         [31mred ]0;title 2J                                                               64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    1,739  OK              gnp.exe DS-64 תל אביב                                                             64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    1,739  Not controlled  Zé́́rowidth                                                                         64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    1,739  Not alerted     Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft  64  eu-north    5         2  global  about 10 days  2 days ago  3 min ago
    ");
}

#[test]
fn names_without_blanks_go_on_where_a_reader_expects_it_before_anything_is_cut() {
    let rows = [
        row(Group::Low, "3", "DE-FRA-EPYC7443P-128GB-NVMe"),
        row(Group::Low, "3", "DE-FRA-EPYC7443P-128GB-SATA"),
        row(Group::Low, "3", "rack 7/row_12/GPU-node/H100/80GB"),
        row(
            Group::Low,
            "3",
            "法蘭克福高記憶體專用伺服器（企業版）第二代、含備份",
        ),
        row(Group::Low, "3", "Server EPYC7443PEPYC7443PEPYC7443P"),
    ];
    insta::assert_snapshot!(shown(&rows, Some(40)), @r"
    LEFT  SEVERITY  PRODUCT
       3  Low       DE-FRA-EPYC7443P-128GB-
                    NVMe
       3  Low       DE-FRA-EPYC7443P-128GB-
                    SATA
       3  Low       rack 7/row_12/GPU-node/
                    H100/80GB
       3  Low       法蘭克福高記憶體專用伺服
                    器（企業版）第二代、含備
                    份
       3  Low       Server
                    EPYC7443PEPYC7443PEPYC74
                    43P
    ");
    assert_eq!(
        text::wrapped("DS-64 or DS-128", 9, 3),
        ["DS-64 or", "DS-128"],
        "no word that fits is broken"
    );
    assert_eq!(
        text::wrapped("aaaaa bbb-cccc ddddd", 10, 3),
        ["aaaaa", "bbb-cccc", "ddddd"]
    );
    assert_eq!(
        text::wrapped("aaaaa bbb-cccc ddddd", 10, 2),
        ["aaaaa bbb-", "cccc ddddd"],
        "before it is cut"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_line_is_wider_than_the_terminal_and_nothing_in_it_is_obeyed(
        names in prop::collection::vec(any::<String>(), 1..8),
        notes in prop::collection::vec(any::<String>(), 0..4),
        within in 40_usize..=300,
    ) {
        let mut rows: Vec<Row> = names.iter().map(|name| row(Group::Low, "12", name)).collect();
        rows[0].notes = notes.iter().map(|note| (text::shown(note), false)).collect();
        rows.extend(HOSTILE.iter().map(|name| row(Group::Out, "0", name)));
        for line in shown(&rows, Some(within)).lines() {
            prop_assert!(line.width() <= within, "{} > {within}: {line:?}", line.width());
            prop_assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
            prop_assert!(!line.contains(['\u{202e}', '\u{202a}', '\u{2066}', '\u{200f}']), "{line:?}");
        }
        let lines: Vec<Line> = names.iter().map(|name| Line::of(text::shown(name), text::Paint::Quiet)).collect();
        let all = terminal::plain(&drawn(&lines, within, 24, true));
        for line in all.split("\r\n") {
            prop_assert!(line.width() <= within, "{line:?}");
        }
    }

    #[test]
    fn nothing_is_cut_that_three_lines_have_room_for(
        name in "[a-zA-Z0-9é漢字（）🚀/_ -]{1,90}",
        limit in 12_usize..80,
    ) {
        let name = text::shown(&name);
        prop_assume!(name.width() <= 3 * (limit - 2));
        let wrapped = text::wrapped(&name, limit, 3);
        prop_assert!(wrapped.len() <= 3);
        prop_assert!(wrapped.iter().all(|line| line.width() <= limit), "{wrapped:?}");
        prop_assert_eq!(wrapped.concat().replace(' ', ""), name.replace(' ', ""));
    }

    #[test]
    fn a_text_that_is_wrapped_loses_no_word_where_there_is_room(
        words in prop::collection::vec("[a-zé漢🚀]{1,9}", 0..20),
        limit in 20_usize..80,
    ) {
        let wrapped = text::wrapped(&words.join(" "), limit, usize::MAX);
        prop_assert_eq!(wrapped.join(" "), words.join(" "));
        prop_assert!(wrapped.iter().all(|line| line.width() <= limit));
    }
}

fn home(shop: &Shop) -> Home {
    Home::new(&[
        ("WHMCS_API_URL", &shop.url()),
        ("WHMCS_API_IDENTIFIER", "i-d"),
        ("WHMCS_API_SECRET", "s-t"),
        ("LOW_STOCK", "5"),
        ("CRITICAL_STOCK", "2"),
        ("POLL_SCHEDULE", "every 1h"),
        ("CONFIG_FILE", "rules.toml"),
    ])
}

fn stocked() -> (Shop, Home) {
    let mut items = vec![item(64, "DS-64", 9), item(65, "DS-128", 3), item(66, "VPS", 40)];
    let hostile = HOSTILE.iter().zip(100..);
    items.extend(hostile.map(|(name, id)| -> Item { item(id, name, 50) }));
    let shop = Shop::open(items);
    let home = home(&shop);
    home.write("rules.toml", "[[rule]]\nstock_control = \"on\"\n");
    assert_ne!(home.run(&["check"]).code, 3);
    (shop, home)
}

fn program(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_whmcs-stock-monitor"));
    command.args(arguments).current_dir(home.path(""));
    command.env("TERM", "xterm-256color");
    command
}

fn on_terminal(home: &Home, arguments: &[&str], size: (u16, u16)) -> Terminal {
    Terminal::start(&mut program(home, arguments), size)
}

#[test]
fn a_watch_shows_what_changes_fits_at_once_and_leaves_the_terminal_as_it_was() {
    let (shop, home) = stocked();
    let mut watch = on_terminal(&home, &["status", "--watch=500ms"], (80, 24));
    let screen = watch.wait_for("1 low");
    assert!(
        screen[0].starts_with("Stock · every 0.5 s · q ends"),
        "{screen:?}"
    );
    assert!(
        screen
            .iter()
            .any(|line| line.starts_with("All figures are current")),
        "{screen:?}"
    );
    assert!(screen.iter().any(|line| line.contains("DS-128")), "{screen:?}");
    shop.stock(64, 0);
    home.run(&["check"]);
    watch.wait_for("1 out, 1 low");
    watch.resize((44, 12));
    let small = watch.wait("it fits the smaller terminal", |screen| {
        screen.len() <= 12 && screen.iter().all(|line| line.width() <= 44)
    });
    assert!(small.join(" ").contains("more; --severity and -q"), "{small:?}");
    watch.resize((200, 50));
    watch.wait("it fits the larger terminal", |screen| {
        screen.join(" ").contains("CRITICAL")
    });
    assert!(!watch.is_as_before(), "keys come one by one");
    watch.press("q");
    assert_eq!(watch.ended(), 0);
    assert!(watch.is_as_before());
    let written = watch.written_up_to(LEFT);
    assert!(written.starts_with("\u{1b}[?1049h\u{1b}[?25l"), "{written:?}");
    for forbidden in [
        "\u{1b}[31mred",
        "\u{1b}]0;",
        "\u{7}",
        "\u{9b}",
        "\u{202e}",
        "\u{2066}",
    ] {
        assert!(!written.contains(forbidden), "{forbidden:?}");
    }
}

#[test]
fn whatever_ends_a_watch_the_terminal_is_given_back() {
    let (_shop, home) = stocked();
    for end in ["\u{3}", "TERM", "HUP", "INT"] {
        let mut watch = on_terminal(&home, &["status", "--watch"], (80, 24));
        watch.wait_for("DS-128");
        match end {
            "TERM" => watch.signal(Signal::TERM),
            "HUP" => watch.signal(Signal::HUP),
            "INT" => watch.signal(Signal::INT),
            key => watch.press(key),
        }
        assert_eq!(watch.ended(), 0, "{end}");
        assert!(watch.is_as_before(), "{end}");
        watch.written_up_to(LEFT);
    }
}

#[test]
fn a_watch_says_that_the_database_is_not_there_and_goes_on_when_it_is() {
    let shop = Shop::open(vec![item(64, "DS-64", 9)]);
    let home = home(&shop);
    home.write("rules.toml", "");
    let mut watch = on_terminal(&home, &["status", "--watch=500ms"], (100, 24));
    watch.wait_for("There is no database at");
    home.run(&["check"]);
    watch.wait_for("Nothing is low");
    let folder = home.path("data");
    let aside = home.path("aside");
    fs::rename(&folder, &aside).unwrap();
    let screen = watch.wait_for("This is what was read before");
    assert!(
        screen.join(" ").contains("DS-64"),
        "what was read stays: {screen:?}"
    );
    watch.wait_for("There is no database at");
    fs::rename(&aside, &folder).unwrap();
    watch.wait("it goes on", |screen| !screen.join(" ").contains("read before"));
    watch.press("q");
    assert_eq!(watch.ended(), 0);
}

#[test]
fn a_watch_on_a_terminal_that_can_only_write_lines_writes_them_again_and_again() {
    let (_shop, home) = stocked();
    let mut command = program(&home, &["status", "--watch=500ms"]);
    command.env("TERM", "dumb");
    let mut watch = Terminal::start(&mut command, (80, 24));
    let written = eventually("it is written twice", || {
        let written = watch.written();
        (written.matches("DS-128").count() >= 2).then_some(written)
    });
    assert!(!written.contains('\u{1b}'), "{written:?}");
    watch.press("\u{3}");
    assert_eq!(watch.ended(), 0);
}

#[test]
fn a_watch_says_what_was_written_over_the_database() {
    let shop = Shop::open(vec![item(64, "DS-64", 9)]);
    let home = home(&shop);
    home.write("rules.toml", "");
    home.run(&["check"]);
    let path = home.path("data/stock.db");
    let before = fs::read(&path).unwrap();
    shop.stock(64, 1);
    home.run(&["check"]);
    let mut watch = on_terminal(&home, &["status", "--watch=500ms"], (100, 24));
    watch.wait_for("1 critical");
    fs::write(&path, &before).unwrap();
    watch.wait_for("Nothing is low");
    fs::write(&path, &before[..100]).unwrap();
    watch.wait_for("is damaged");
    fs::write(&path, &before).unwrap();
    watch.wait("it goes on", |screen| !screen.join(" ").contains("is damaged"));
    fs::write(&path, "").unwrap();
    watch.wait_for("There is no database at");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let screen = watch
        .wait_for("is a folder, where the database's file should be.")
        .join(" ");
    assert!(screen.contains("This is what was read before"), "{screen}");
    assert!(!screen.contains("code") && !screen.contains("unable"), "{screen}");
    watch.press("q");
    assert_eq!(watch.ended(), 0);
}

#[test]
fn a_product_without_a_name_is_called_and_found_alike_by_every_command() {
    let shop = Shop::open(vec![item(11, "\u{200b}", 1), item(12, "", 9), item(13, "#14", 9)]);
    let home = home(&shop);
    home.write("rules.toml", "");
    let checked = home.run(&["check"]).out;
    assert!(checked.contains("(no name) #11"), "{checked}");
    assert!(home.run(&["check", "--dry-run"]).out.contains("(no name) #12"));
    for wanted in ["11", "#11", "(no name) #11"] {
        let history = home.run(&["history", wanted]);
        let first = history.out.lines().next();
        assert_eq!(
            first,
            Some("(no name) #11 (product 11, shop default)"),
            "{history:?}"
        );
        let acked = home.run(&["ack", wanted, "--note", "x", "--by", "Ann"]);
        assert!(
            acked
                .out
                .starts_with("(no name) #11 (default/11/-): taken on by Ann"),
            "{acked:?}"
        );
    }
    let listed = home.run(&["ack", "list"]).out;
    assert!(listed.contains("(no name) #11"), "{listed}");
    let by_name = home.run(&["history", "#14"]).out;
    assert!(by_name.starts_with("#14 (product 13,"), "{by_name}");
    for wanted in ["12", "#12", "(no name) #12"] {
        let arguments = ["silence", "add", "--product", wanted, "--for", "1h"];
        let made = home.run(&[&arguments[..], &["--by", "Ann", "--comment", "x"]].concat());
        let told = "It matches 1 now: (no name) #12 (default/12/-).";
        assert!(made.out.contains(told), "{wanted}: {made:?}");
    }
    let mut daemon = home.start();
    for (q, ids) in [
        ("%2311", vec![11]),
        ("11", vec![11]),
        ("(no%20name)", vec![11, 12]),
        ("%2314", vec![13]),
        ("no%2012", vec![12]),
    ] {
        let found = daemon.json(&format!("/api/v1/stock?q={q}"));
        let found = found["items"].as_array().unwrap().iter();
        let found: Vec<i64> = found.map(|item| item["product_id"].as_i64().unwrap()).collect();
        assert_eq!(found, ids, "{q}");
        let page = daemon.get(&format!("/?q={q}")).body;
        let shown = [11, 12, 13]
            .into_iter()
            .filter(|id| page.contains(&format!("/products/default/{id}\"")));
        assert_eq!(shown.collect::<Vec<i64>>(), ids, "the page for {q}");
    }
    daemon.stop();
}

#[test]
fn a_terminal_gets_colours_unless_it_is_told_not_to_and_a_pipe_none_unless_it_is() {
    let (_shop, mut home) = stocked();
    let colours = |name: &str, value: &str| {
        let mut command = program(&home, &["status"]);
        command.env(name, value);
        let mut terminal = Terminal::start(&mut command, (70, 24));
        assert_eq!(terminal.ended(), 0);
        let written = eventually("it is written", || {
            let written = terminal.written();
            written.contains("DS-128").then_some(written)
        });
        for line in terminal::plain(&written).lines() {
            assert!(line.trim_end().width() <= 70, "{line:?}");
        }
        written.contains("\u{1b}[")
    };
    assert!(colours("LANG", "C.UTF-8"));
    assert!(!colours("NO_COLOR", "1"));
    assert!(!colours("TERM", "dumb"));
    let piped = home.run(&["status"]);
    assert!(!piped.out.contains('\u{1b}'), "{piped:?}");
    let line = piped.out.lines().find(|line| line.contains("DS-128")).unwrap();
    assert!(line.trim_start().starts_with("3  Low"), "{line}");
    home.export("CLICOLOR_FORCE", "1");
    assert!(home.run(&["status"]).out.contains("\u{1b}[33m"));
    home.export("NO_COLOR", "1");
    assert!(!home.run(&["status"]).out.contains('\u{1b}'));
}

#[test]
fn filters_narrow_the_table_and_the_json_alike() {
    let (_shop, home) = stocked();
    let ids = |arguments: &[&str]| -> Vec<i64> {
        let all = [&["status", "--json"], arguments].concat();
        let json = home.run(&all).json();
        let items = json["items"].as_array().unwrap().iter();
        items.map(|item| item["product_id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids(&[]).len(), 9);
    assert_eq!(ids(&["--severity", "low"]), [65]);
    assert_eq!(ids(&["--severity", "ok,low", "-q", "ds"]), [64, 65, 103]);
    assert_eq!(ids(&["-q", "#66"]), [66]);
    assert_eq!(ids(&["-q", "伺服器"]), [100]);
    assert_eq!(ids(&["--limit", "2"]), [64, 65]);
    let text = home.run(&["status", "-q", "VPS"]).out;
    assert!(text.contains("1 left by these filters: \"VPS\""), "{text}");
    assert!(text.contains("VPS") && !text.contains("DS-128"), "{text}");
    let none = home.run(&["status", "--severity", "out"]).out;
    assert!(none.contains("Nothing is left by these filters: out"), "{none}");
    for wrong in [
        ["--severity", "worse"],
        ["--watch", "1ms"],
        ["--watch", "soon"],
        ["--limit", "0"],
    ] {
        let refused = home.run(&[&["status"], &wrong[..]].concat());
        assert!(matches!(refused.code, 2 | 64), "{refused:?}");
        assert!(!refused.err.is_empty());
    }
}

#[test]
fn a_watch_on_a_pipe_writes_again_and_again_and_ends_with_its_reader() {
    let (shop, home) = stocked();
    let start = |arguments: &[&str]| {
        let mut command = program(&home, arguments);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        (child, out)
    };
    let (mut child, mut out) = start(&["status", "--json", "--watch=500ms"]);
    let next = |out: &mut BufReader<_>| -> Value {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    };
    assert_eq!(next(&mut out)["items"][0]["level"], 9);
    shop.stock(64, 1);
    home.run(&["check"]);
    while next(&mut out)["items"][0]["level"] != 1 {}
    drop(out);
    let ended = eventually("it ends with its reader", || child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));

    let (mut child, out) = start(&["status", "--watch=500ms"]);
    let verdicts = out
        .lines()
        .map(Result::unwrap)
        .filter(|line| line == "1 critical, 1 low");
    assert_eq!(verdicts.take(2).count(), 2);
    let ended = eventually("it ends with its reader", || child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
}
