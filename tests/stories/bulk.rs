//! Thresholds as lists: exported, edited, imported, and what the daemon makes of them.

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use serde_json::json;

use crate::daemon::Home;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Shop;
use crate::shop::item;

/// What somebody wrote.
const RULES: &str = "# Ours.\n[[rule]]\nname = \"vps\"  # small\nproducts = [\"VPS *\"]\nlow = 4\n";

fn text(home: &Home, name: &str) -> String {
    fs::read_to_string(home.path(name)).unwrap()
}

/// A home whose database knows three products.
fn watched() -> (Shop, Receivers, Home) {
    let shop = Shop::open(vec![
        item(1, "VPS Größe M", 9),
        item(2, "=VPS \"L\"", 9),
        item(3, "DS-64", 9),
    ]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    home.write("config/monitor.toml", RULES);
    let checked = home.run(&["check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    (shop, receivers, home)
}

#[test]
fn an_edited_export_is_imported_and_holds_after_a_reload() {
    let (_shop, _receivers, home) = watched();
    let exported = home.run(&["config", "export"]);
    insta::assert_snapshot!(exported.out, @r#"
    instance,pid,name,option,low,critical,capacity,channels,origin
    default,1,VPS Größe M,,4,2,,email webhook,"low: rule ""vps""; critical: global; channels: global"
    default,2,"'=VPS ""L""",,5,2,,email webhook,global
    default,3,DS-64,,5,2,,email webhook,global
    "#);
    let mut daemon = home.start();
    let item = daemon.wait_for_item(3, "there", |_| true);
    assert_eq!(
        item["thresholds"],
        json!({"low": 5, "critical": 2, "origin": "global"})
    );
    // As Excel saves it in Germany: semicolons, Windows-1252, \r\n.
    let excel = home.run(&["config", "export", "--excel"]).out;
    assert!(excel.starts_with("\u{feff}instance;pid;"), "{excel}");
    let edited = excel
        .trim_start_matches('\u{feff}')
        .replace("DS-64;;5;2;;email webhook", "DS-64;;8;2;;webhook")
        .replace('\n', "\r\n");
    let windows: Vec<u8> = edited
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    fs::write(home.path("list.csv"), windows).unwrap();
    let dry = home.run(&["config", "import", "list.csv", "--dry-run"]);
    assert_eq!((dry.code, dry.err.as_str()), (0, ""), "{dry:?}");
    insta::assert_snapshot!(dry.out, @r"
    + default/3 (DS-64): low 8, channels webhook
    1 added, 0 changed, 0 removed.
    Nothing was written: this is a dry run.
    ");
    assert_eq!(text(&home, "config/monitor.toml"), RULES);
    fs::set_permissions(home.path("config/monitor.toml"), Permissions::from_mode(0o640)).unwrap();
    let done = home.run(&["config", "import", "list.csv"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{done:?}");
    assert!(done.out.contains("(SIGHUP)"), "{done:?}");
    insta::assert_snapshot!(text(&home, "config/monitor.toml"), @r#"
    # Ours.
    [[rule]]
    name = "vps"  # small
    products = ["VPS *"]
    low = 4

    [[rule]]
    name = "import: default/3"
    instances = ["default"]
    products = [3]
    low = 8
    channels = ["webhook"]
    "#);
    assert_eq!(text(&home, "config/monitor.toml.bak"), RULES);
    let mode = |name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        (mode("config/monitor.toml"), mode("config/monitor.toml.bak")),
        (0o640, 0o640)
    );
    daemon.signal(Signal::HUP);
    let item = daemon.wait_for_item(3, "the new threshold", |item| item["thresholds"]["low"] == 8);
    assert_eq!(
        item["thresholds"]["origin"],
        "low: rule \"import: default/3\", critical: global"
    );
    daemon.stop();
    let again = home.run(&["config", "import", "list.csv"]);
    assert_eq!(
        (again.code, again.out.as_str()),
        (0, "Nothing changes.\n"),
        "{again:?}"
    );
}

#[test]
fn what_is_no_longer_listed_is_removed_and_another_file_can_be_written() {
    let (_shop, _receivers, home) = watched();
    home.write("list.csv", "pid,low,critical\n3,7,1\n2,6,\n");
    assert_eq!(home.run(&["config", "import", "list.csv"]).code, 0);
    let before = text(&home, "config/monitor.toml");
    home.write("list.csv", "pid,low,critical\n3,8,\n");
    let ended = home.run(&["config", "import", "list.csv", "--out", "config/next.toml"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    insta::assert_snapshot!(ended.out, @r#"
    ~ default/3 (DS-64): low 7 → 8, critical 1 → as inherited
    - default/2 (=VPS "L"): low 6
    0 added, 1 changed, 1 removed.
    Written to config/next.toml.
    "#);
    assert_eq!(text(&home, "config/monitor.toml"), before);
    let checked = home.run(&["config", "check", "--config", "config/next.toml"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(checked.out.contains("2 rules"), "{checked:?}");
}

#[test]
fn a_wrong_line_leaves_everything_as_it_is() {
    let (_shop, _receivers, home) = watched();
    home.write("list.csv", "pid,low\n3,7\n2,many\n\n1,-1\n");
    let ended = home.run(&["config", "import", "list.csv"]);
    assert_eq!((ended.code, ended.out.as_str()), (78, ""), "{ended:?}");
    insta::assert_snapshot!(ended.err, @r#"
    list.csv: line 3: low "many" is not a whole number of 0 or more.
    list.csv: line 5: low "-1" is not a whole number of 0 or more.
    2 lines are wrong; nothing was written.
    "#);
    assert_eq!(text(&home, "config/monitor.toml"), RULES);
    assert!(!home.path("config/monitor.toml.bak").exists());
    home.write("list.csv", "pid,lo\n3,7\n");
    let ended = home.run(&["config", "import", "list.csv"]);
    assert!(ended.err.contains("Did you mean low?\n"), "{ended:?}");
    assert_eq!(home.run(&["config", "import", "nowhere.csv"]).code, 64);
    // What is wrong already is told first.
    home.write("config/monitor.toml", "[[rule]]\nlow = \"x\"\n");
    assert_eq!(home.run(&["config", "import", "list.csv"]).code, 78);
}

#[test]
fn without_a_database_or_a_file_a_list_still_becomes_a_configuration() {
    let shop = Shop::open(Vec::new());
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let exported = home.run(&["config", "export"]);
    assert_eq!(exported.code, 0, "{exported:?}");
    assert_eq!(exported.out.lines().count(), 1);
    assert!(exported.err.contains("no products yet"), "{exported:?}");
    home.write("list.csv", "name,option,low,capacity\nDS-64,RAM=64 GB,2,12\n");
    let ended = home.run(&["config", "import", "list.csv"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    insta::assert_snapshot!(text(&home, "config/monitor.toml"), @r#"
    [[rule]]
    name = "import: default/DS-64/RAM=64 GB"
    instances = ["default"]
    products = ["DS-64"]
    options = { RAM = "64 GB" }
    low = 2

    [[capacity]]
    name = "import: default/DS-64/RAM=64 GB"
    instances = ["default"]
    products = ["DS-64"]
    options = { RAM = "64 GB" }
    capacity = 12
    "#);
    assert!(!home.path("data").exists());
}

#[test]
fn what_is_suggested_goes_into_a_file_of_its_own_and_tells_what_whmcs_has() {
    let shop = Shop::open(vec![item(1, "Barebone", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let pool = "[[pool]]\nname = \"kits\"\ncapacity = 0\nuses = [{ product = 1 }]\n";
    home.write("config/monitor.toml", pool);
    let refused = home.run(&["config", "suggest", "--out", "config/monitor.toml"]);
    assert_eq!(refused.code, 73, "{refused:?}");
    assert!(refused.err.contains("add --force"), "{refused:?}");
    let kept = fs::read_to_string(home.path("config/monitor.toml")).unwrap();
    assert_eq!((kept.as_str(), shop.polled()), (pool, 0));
    let written = home.run(&["config", "suggest", "--out", "suggested.toml"]);
    assert_eq!(
        (written.code, written.out.as_str()),
        (0, "Written to suggested.toml.\n"),
        "{written:?}"
    );
    let text = fs::read_to_string(home.path("suggested.toml")).unwrap();
    assert!(text.contains("# === Shop default: 1 product\n"), "{text}");
    assert!(text.contains("# 1 Barebone: 9 left\n"), "{text}");
    let mode = fs::metadata(home.path("suggested.toml")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&mode) & 0o777, 0o600);
    // Beside what is there, as its head says.
    home.write(
        "config/monitor.toml",
        &format!("{pool}{}", text.replace("\n#[", "\n[").replace("\n#p", "\np")),
    );
    assert_eq!(home.run(&["config", "check"]).code, 0);
    let forced = home.run(&["config", "suggest", "--out", "suggested.toml", "--force"]);
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(forced.out.contains("suggested.toml.bak"), "{forced:?}");
}

#[test]
fn what_is_suggested_for_a_shop_passes_the_check_as_it_is_and_in_force() {
    let shop = Shop::open(vec![item(1, "VPS \"M\"", 30), item(2, "VPS L ${HOME}", 0)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let suggested = home.run(&["config", "suggest"]);
    assert_eq!((suggested.code, suggested.err.as_str()), (0, ""), "{suggested:?}");
    assert!(!home.path("data").exists());
    assert_eq!((shop.polled(), receivers.payloads().len()), (1, 0));
    let (head, rest) = suggested.out.split_once("\n\n").unwrap();
    assert!(head.contains("low is a tenth of all there are"), "{head}");
    insta::assert_snapshot!(rest, @r##"
    # === Shop default: 2 products

    # --- Group 1 (its name is known only with the companion)

    # 1 VPS "M": 30 left
    #[[rule]]
    #products = [1]
    #low = 8
    #critical = 2

    # 2 VPS L ${HOME}: shows 0: sold out, or its stock is not controlled. Say which it is
    #[[rule]]
    #products = [2]
    #stock_control = "on"  # or "off"
    "##);
    home.write("config/monitor.toml", &suggested.out);
    let checked = home.run(&["config", "check"]);
    assert!(checked.out.contains("0 rules"), "{checked:?}");
    // As its head says.
    let uncomment = std::process::Command::new("sed")
        .args(["s/^#\\([^ ]\\)/\\1/", "config/monitor.toml"])
        .current_dir(home.path("."))
        .output()
        .unwrap();
    home.write(
        "config/monitor.toml",
        std::str::from_utf8(&uncomment.stdout).unwrap(),
    );
    let checked = home.run(&["config", "check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(!checked.err.contains("rule "), "{checked:?}");
    assert!(checked.out.contains("2 rules"), "{checked:?}");
    let status = home.run(&["check", "--dry-run"]);
    assert_eq!(status.code, 2, "the zero is settled: {status:?}");
    shop.mode(crate::shop::Mode::Plain(503, String::new(), "busy".to_owned()));
    let unread = home.run(&["config", "suggest"]);
    assert_eq!(unread.code, 3, "{unread:?}");
    assert!(
        unread.out.contains("# === Shop default: not read: "),
        "{unread:?}"
    );
    assert_eq!(home.run(&["config", "suggest", "--instance", "mars"]).code, 78);
}
