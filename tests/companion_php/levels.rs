//! Every count and every level against what plain SQL says, and the monitor's own program reading them.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::daemon::Home;
use crate::databases::BOTH;
use crate::databases::Database;
use crate::databases::Kind;
use crate::databases::SHOP;
use crate::databases::ready;
use crate::front::Front;

/// Services that hold hardware.
const HOLDING: &str = "h.domainstatus IN ('Pending', 'Active', 'Suspended')";

/// What the operator declared, of product 1.
const RULES: &str = "
[[rule]]
max_combinations = 100

[[capacity]]
products = [1]
options = { \"RAM\" = \"64 GB\" }
capacity = 90

[[capacity]]
products = [1]
options = { \"RAID\" = \"Yes\" }
capacity = 60

[[capacity]]
products = [1]
options = { \"RAM\" = \"32 GB\", \"Disk\" = \"NVMe\" }
capacity = 70

[[capacity]]
products = [1]
options = { \"IPs\" = \"Address\" }
capacity = 150

[[capacity]]
products = [3]
options = { \"RAM\" = \"32 GB\" }
capacity = 15
";

/// What a service chose of an option: the newest of its rows.
fn chosen(field: &str, option: i64) -> String {
    format!(
        "(SELECT c.{field} FROM tblhostingconfigoptions c WHERE c.relid = h.id AND c.configid = {option} \
         ORDER BY c.id DESC LIMIT 1)"
    )
}

/// The services of a product with RAM, Disk and RAID chosen so; -1 where nothing is, 0 for "no" RAID.
fn combinations(database: &Database, pid: i64) -> BTreeMap<String, i64> {
    let query = format!(
        "SELECT ram, disk, raid, COUNT(*) FROM (SELECT {} AS ram, {} AS disk, CASE WHEN {} > 0 THEN {} ELSE 0 END AS raid \
         FROM tblhosting h WHERE h.packageid = {pid} AND {HOLDING}) services GROUP BY ram, disk, raid",
        chosen("optionid", 4),
        chosen("optionid", 5),
        chosen("qty", 10),
        chosen("optionid", 10)
    );
    let mut found = BTreeMap::new();
    for row in database.numbers(&query) {
        let pairs = [(4, row[0]), (5, row[1])];
        let mut key: Vec<String> = pairs
            .iter()
            .filter(|(_, choice)| *choice > 0)
            .map(|(option, choice)| format!("{option}={choice}"))
            .collect();
        key.push(format!("10={}", row[2]));
        // A service that chose 0 and one without a row are the same.
        *found.entry(key.join(";")).or_insert(0) += row[3];
    }
    found
}

fn in_use(database: &Database, pid: i64, option: i64, choice: i64) -> i64 {
    let counted = match option {
        7 => format!("COALESCE(SUM({}), 0)", chosen("qty", 7)),
        10 => format!(
            "COALESCE(SUM(CASE WHEN {} > 0 THEN 1 ELSE 0 END), 0)",
            chosen("qty", 10)
        ),
        _ => "COUNT(*)".to_owned(),
    };
    database.number(&format!(
        "SELECT {counted} FROM tblhosting h WHERE h.packageid = {pid} AND {HOLDING} AND {} = {choice}",
        chosen("optionid", option)
    ))
}

#[test]
fn every_count_is_what_plain_sql_counts() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = Front::new(Database::with(kind, &[SHOP]));
        let database = &front.database;
        let answer = front.details(None);
        for row in database
            .numbers("SELECT id, gid, hidden, retired, stockcontrol, qty FROM tblproducts ORDER BY id")
        {
            let product = answer.product(row[0]);
            let fields =
                ["pid", "gid", "hidden", "retired", "stockcontrol", "qty"].map(|name| &product[name]);
            assert_eq!(fields.to_vec(), row, "{kind:?}");
            let services = format!(
                "SELECT COUNT(*) FROM tblhosting h WHERE h.packageid = {} AND {HOLDING}",
                row[0]
            );
            assert_eq!(product["inuse"], database.number(&services), "{kind:?} {product}");
        }
        let mut counted = 0;
        for pid in 1..=3 {
            let product = answer.product(pid);
            for option in product["configoptions"]["configoption"].as_array().unwrap() {
                for choice in option["options"]["option"].as_array().unwrap() {
                    let (option, id) = (option["id"].as_i64().unwrap(), choice["id"].as_i64().unwrap());
                    let expected = in_use(database, pid, option, id);
                    assert_eq!(
                        choice["inuse"], expected,
                        "{kind:?}: product {pid}, {option}={id}"
                    );
                    counted += expected;
                }
            }
            let sent: BTreeMap<String, i64> = product["combinations"]["combination"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| {
                    (
                        one["options"].as_str().unwrap().to_owned(),
                        one["inuse"].as_i64().unwrap(),
                    )
                })
                .collect();
            assert_eq!(sent, combinations(database, pid), "{kind:?}: product {pid}");
        }
        assert!(counted > 500, "the shop is not empty: {counted}");
    }
}

/// A home whose one shop is that front.
fn home(front: &Front) -> Home {
    let home = Home::new(&[
        ("WHMCS_API_URL", &front.url()),
        ("WHMCS_API_IDENTIFIER", "test-identifier"),
        ("WHMCS_API_SECRET", "test-secret"),
    ]);
    home.write("config/monitor.toml", RULES);
    home
}

/// What the monitor makes of the shop now: product, and combination or "", to state and level.
fn levels(home: &Home) -> BTreeMap<(i64, String), (String, Option<i64>)> {
    let checked = home.run(&["check", "--json", "--dry-run"]);
    assert!((0..=2).contains(&checked.code), "{checked:?}");
    let json = checked.json();
    let items = json["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| {
            let key = item["combination"]["key"].as_str().unwrap_or_default().to_owned();
            let state = item["state"].as_str().unwrap().to_owned();
            (
                (item["product_id"].as_i64().unwrap(), key),
                (state, item["level"].as_i64()),
            )
        })
        .collect()
}

/// The levels of the products by SQL, and those of product 1's and 3's options by SQL and the declared capacities.
fn expected(database: &Database) -> BTreeMap<(i64, String), (String, Option<i64>)> {
    let known = |level| ("known".to_owned(), Some(level));
    let mut found = BTreeMap::new();
    for row in database.numbers("SELECT id, stockcontrol, qty FROM tblproducts") {
        let level = if row[1] == 1 {
            known(row[2])
        } else {
            ("not_controlled".to_owned(), None)
        };
        found.insert((row[0], String::new()), level);
    }
    let qty = database.number("SELECT qty FROM tblproducts WHERE id = 1");
    let ram = 90 - in_use(database, 1, 4, 12);
    let raid = 60 - in_use(database, 1, 10, 30);
    let pair = 70
        - combinations(database, 1)
            .iter()
            .filter(|(key, _)| key.starts_with("4=11;5=21;"))
            .map(|(_, services)| services)
            .sum::<i64>();
    // The 16 GB are hidden: not offered.
    for (ram_choice, disk) in [(11, 20), (11, 21), (12, 20), (12, 21)] {
        for yes in [0, 30] {
            let limits = [
                (ram_choice == 12).then_some(ram),
                (yes == 30).then_some(raid),
                ((ram_choice, disk) == (11, 21)).then_some(pair),
            ];
            if let Some(least) = limits.into_iter().flatten().min() {
                found.insert(
                    (1, format!("4={ram_choice};5={disk};10={yes}")),
                    known(least.min(qty)),
                );
            }
        }
    }
    let addresses = 150 - in_use(database, 1, 7, 40);
    found.insert((1, "7=40".to_owned()), known(addresses.min(qty)));
    let ram = 15 - in_use(database, 3, 4, 11);
    for disk in [20, 21] {
        for yes in [0, 30] {
            found.insert((3, format!("4=11;5={disk};10={yes}")), known(ram));
        }
    }
    found
}

#[test]
fn every_level_of_the_monitor_is_what_plain_sql_says() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = Front::new(Database::with(kind, &[SHOP]));
        let home = home(&front);
        let levels = levels(&home);
        assert_eq!(levels, expected(&front.database), "{kind:?}");
    }
}

#[test]
fn a_service_with_64_gb_lowers_exactly_what_it_should() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = Front::new(Database::with(kind, &[SHOP]));
        let home = home(&front);
        let before = levels(&home);
        front.database.load(
            "INSERT INTO tblhosting (id, userid, orderid, packageid, domainstatus) VALUES (5000, 1, 1, 1, 'Pending');
INSERT INTO tblhostingconfigoptions (id, relid, configid, optionid, qty) VALUES (50001, 5000, 4, 12, 0), (50002, 5000, 5, 20, 0), (50003, 5000, 10, 30, 0), (50004, 5000, 7, 40, 3);
UPDATE tblproducts SET qty = qty - 1 WHERE id = 1;
",
        );
        let changed = |after: &BTreeMap<(i64, String), (String, Option<i64>)>| -> Vec<String> {
            assert_eq!(
                before.keys().collect::<Vec<_>>(),
                after.keys().collect::<Vec<_>>()
            );
            before
                .iter()
                .filter(|(key, level)| after[key] != **level)
                .map(|((pid, key), (_, level))| {
                    let now = after[&(*pid, key.clone())].1;
                    format!("{pid} {key}: {:+}", now.unwrap() - level.unwrap())
                })
                .collect()
        };
        let ordered = levels(&home);
        insta::allow_duplicates! {
            insta::assert_snapshot!(changed(&ordered).join("\n"), @"
                1 : -1
                1 4=12;5=20;10=0: -1
                1 4=12;5=21;10=0: -1
                1 7=40: -3
                ");
        }
        assert_eq!(ordered, expected(&front.database), "{kind:?}");
        // A cancelled service gives it all back; the product's own level is WHMCS's affair.
        front
            .database
            .load("UPDATE tblhosting SET domainstatus = 'Cancelled' WHERE id = 5000;\n");
        assert_eq!(changed(&levels(&home)), ["1 : -1"]);
    }
}

#[test]
fn without_the_action_the_monitor_knows_what_the_version_tells() {
    if !ready() {
        return;
    }
    let mut front = Front::new(Database::with(Kind::Sqlite, &[SHOP]));
    let states = |front: &Front| -> Vec<String> {
        let levels = levels(&home(front));
        levels.into_values().map(|(state, _)| state).collect()
    };
    let message = |front: &Front| front.call("GetProductDetails", &[]).message();
    // 200, 12, not counted, 0, -2, 4, 3, 7
    let listed = [
        "known", "known", "unknown", "unknown", "known", "known", "known", "known",
    ];
    front.set("role", json!(["getproducts"]));
    assert_eq!(
        message(&front),
        "Invalid Permissions: API action \"getproductdetails\" is not allowed"
    );
    assert_eq!(states(&front), listed);
    std::fs::remove_file(front.file("includes/api/getproductdetails.php")).unwrap();
    front.set("version", json!("9.0"));
    assert_eq!(
        message(&front),
        "Invalid API Action: \"getproductdetails\" is not a valid API action"
    );
    assert_eq!(states(&front), listed);
    front.set("role", json!(["getproducts", "getproductdetails"]));
    assert_eq!(message(&front), "API Function Not Found");
    assert_eq!(states(&front), listed);
    front.set("version", json!("8.3"));
    assert_eq!(states(&front), ["unknown"; 8]);
}

#[test]
fn a_companion_that_fails_fails_the_poll_and_empties_no_shelf() {
    if !ready() {
        return;
    }
    let front = Front::new(Database::with(Kind::Sqlite, &[SHOP]));
    let home = home(&front);
    front
        .database
        .load("ALTER TABLE tblhostingconfigoptions RENAME TO elsewhere;\n");
    let checked = home.run(&["check", "--json", "--dry-run"]);
    assert_eq!(checked.code, 3, "{checked:?}");
    assert!(
        checked
            .err
            .contains("the database could not be read (SQLSTATE HY000)"),
        "{checked:?}"
    );
}

#[test]
fn refused_requests_are_refused_as_whmcs_refuses_them() {
    if !ready() {
        return;
    }
    let mut front = Front::new(Database::with(Kind::Sqlite, &[SHOP]));
    let ask = |front: &Front, form: &[(&str, &str)]| {
        let answer = front.post("/includes/api.php", form);
        (answer.status, answer.message())
    };
    let refused = |text: &str| (403, text.to_owned());
    let identifier = ("identifier", "test-identifier");
    let secret = ("secret", "test-secret");
    let action = ("action", "GetProductDetails");
    assert_eq!(
        ask(&front, &[identifier, action]),
        refused("Authentication Failed")
    );
    assert_eq!(
        ask(&front, &[("identifier", "x"), secret, action]),
        refused("Invalid or missing credentials")
    );
    assert_eq!(
        ask(&front, &[identifier, ("secret", "x"), action]),
        refused("Authentication Failed")
    );
    front.set("ips", Value::Array(Vec::new()));
    assert_eq!(
        ask(&front, &[identifier, secret, action]),
        refused("Invalid IP 127.0.0.1")
    );
}
