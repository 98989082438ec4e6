//! GetProductDetails on the wire: ids, errors, old versions' tables, odd bytes, settings.

use serde_json::Value;
use serde_json::json;

use crate::databases::BOTH;
use crate::databases::Database;
use crate::databases::Kind;
use crate::databases::SHOP;
use crate::databases::ready;
use crate::front::Answer;
use crate::front::Front;

fn shop(kind: Kind) -> Front {
    Front::new(Database::with(kind, &[SHOP]))
}

fn pids(answer: &Answer) -> Vec<i64> {
    let json = answer.json();
    let products = json["products"]["product"].as_array().unwrap();
    let pids: Vec<i64> = products
        .iter()
        .map(|product| product["pid"].as_i64().unwrap())
        .collect();
    assert_eq!(json["totalresults"], pids.len());
    assert_eq!(json["contract"], 1);
    pids
}

#[test]
fn the_answer_is_the_contract_to_the_letter() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = shop(kind);
        let answer = front.details(Some("7"));
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.body, @r#"{"result":"success","contract":1,"totalresults":1,"products":{"product":[{"pid":7,"gid":4,"groupname":"VPS &amp; more","name":"VPS &amp; XL","hidden":0,"retired":1,"stockcontrol":1,"qty":3,"inuse":1,"configoptions":{"configoption":[{"id":8,"name":"Operating system","type":"1","hidden":0,"minqty":0,"maxqty":0,"options":{"option":[{"id":52,"name":"Windows","hidden":0,"inuse":0},{"id":51,"name":"Debian &amp; co","hidden":0,"inuse":1}]}},{"id":9,"name":"Old","type":"1","hidden":1,"minqty":0,"maxqty":0,"options":{"option":[{"id":53,"name":"Gone","hidden":0,"inuse":1}]}}]},"combinations":{"combination":[{"options":"8=51;9=53","inuse":1}]}}]}}"#);
        }
    }
}

#[test]
fn ids_are_one_or_a_list_or_all() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = shop(kind);
        let all: Vec<i64> = (1..=8).collect();
        assert_eq!(pids(&front.details(None)), all);
        assert_eq!(pids(&front.details(Some(""))), all);
        assert_eq!(pids(&front.details(Some("5"))), [5]);
        assert_eq!(pids(&front.details(Some("3, 1,3,0003"))), [1, 3]);
        assert_eq!(pids(&front.details(Some("2,99,-1,0"))), [2]);
        let many: Vec<String> = (2..5000).map(|id| id.to_string()).collect();
        assert_eq!(
            pids(&front.details(Some(&many.join(",")))),
            (2..=8).collect::<Vec<_>>()
        );
        let unknown = many[10..].join(",");
        for none in ["99", "0", "-5", "77,88", "999999999999999999", &unknown] {
            let answer = front.call("GetProductDetails", &[("productid", none)]);
            assert_eq!(
                (answer.status, answer.message().as_str()),
                (200, "Product ID Not Found")
            );
        }
    }
}

#[test]
fn what_is_no_list_of_ids_is_an_error_and_not_everything() {
    if !ready() {
        return;
    }
    let front = shop(Kind::Sqlite);
    let malformed = [
        "abc",
        "1,,2",
        "1,",
        "1;2",
        "1.5",
        "1e3",
        "0x1",
        "1 OR 1=1",
        "9999999999999999999",
        ",",
        "1\n2",
        "'",
        "٣",
    ];
    for asked in malformed {
        let message = front.call("GetProductDetails", &[("productid", asked)]).message();
        assert!(
            message.starts_with("GetProductDetails: productid must be"),
            "{asked}: {message}"
        );
    }
    let message = front.call("GetProductDetails", &[("productid[]", "1")]).message();
    assert!(
        message.starts_with("GetProductDetails: productid must be"),
        "{message}"
    );
}

#[test]
fn the_same_state_is_the_same_bytes_however_often_it_is_included() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let mut front = shop(kind);
        let once = front.details(None).body;
        assert_eq!(front.details(None).body, once);
        front.set("times", json!(3));
        assert_eq!(front.details(None).body, once);
        // Older versions of PHP fetch every number as a string.
        let mut settings = front.database.settings();
        settings["options"] = json!({"17": true});
        front.set("database", settings);
        assert_eq!(front.details(None).body, once);
    }
}

#[test]
fn columns_that_an_older_version_lacks_are_left_out_and_never_zero() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = shop(kind);
        let before = front.details(None);
        for (table, column) in [
            ("tblproducts", "retired"),
            ("tblproducts", "stockcontrol"),
            ("tblproducts", "qty"),
            ("tblproducts", "hidden"),
            ("tblproductconfigoptions", "hidden"),
            ("tblproductconfigoptions", "qtyminimum"),
            ("tblproductconfigoptions", "qtymaximum"),
            ("tblproductconfigoptions", "`order`"),
            ("tblproductconfigoptionssub", "hidden"),
            ("tblproductconfigoptionssub", "sortorder"),
        ] {
            front
                .database
                .load(&format!("ALTER TABLE {table} DROP COLUMN {column};\n"));
        }
        let after = front.details(None);
        assert_eq!(before.header("x-statements"), after.header("x-statements"));
        let product = after.product(1);
        for field in ["retired", "stockcontrol", "qty", "hidden"] {
            assert_eq!(product.get(field), None, "{field}");
        }
        assert_eq!(product["inuse"], before.product(1)["inuse"]);
        assert_eq!(product["combinations"], before.product(1)["combinations"]);
        let option = &product["configoptions"]["configoption"][0];
        assert_eq!(
            option.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["id", "name", "options", "type"]
        );
        let choice = &option["options"]["option"][0];
        assert_eq!(
            choice.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["id", "inuse", "name"]
        );
    }
}

#[test]
fn a_figure_that_is_none_is_left_out() {
    if !ready() {
        return;
    }
    let database = Database::new(Kind::Sqlite);
    // SQLite keeps what is put in, as an old or damaged table may.
    database.load(crate::databases::SCHEMA);
    database.load(SHOP);
    let front = Front::new(database);
    front.database.load(
        "UPDATE tblproducts SET stockcontrol = 'on', qty = 'many', hidden = '', retired = 'off' WHERE id = 1;
UPDATE tblproducts SET qty = '7.5' WHERE id = 2;
UPDATE tblproducts SET qty = '-12', stockcontrol = 2 WHERE id = 3;
",
    );
    let fields = |pid| {
        let product = front.details(None).product(pid);
        ["stockcontrol", "qty", "hidden", "retired"].map(|field| product.get(field).cloned())
    };
    let number = |n: i64| Some(json!(n));
    assert_eq!(fields(1), [number(1), None, None, number(0)]);
    assert_eq!(fields(2), [number(1), None, number(0), number(0)]);
    assert_eq!(fields(3), [number(1), number(-12), number(0), number(0)]);
}

#[test]
fn bytes_that_are_no_utf_8_cost_a_character_and_not_the_answer() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = shop(kind);
        if kind == Kind::MariaDb {
            for (table, column) in [
                ("tblproducts", "name"),
                ("tblproductgroups", "name"),
                ("tblproductconfigoptions", "optionname"),
                ("tblproductconfigoptionssub", "optionname"),
            ] {
                front
                    .database
                    .load(&format!("ALTER TABLE {table} MODIFY {column} BLOB;\n"));
            }
        }
        front.database.load(
            "UPDATE tblproducts SET name = x'566dff53' WHERE id = 1;
UPDATE tblproductgroups SET name = x'e4' WHERE id = 3;
UPDATE tblproductconfigoptions SET optionname = x'5241c34d' WHERE id = 4;
UPDATE tblproductconfigoptionssub SET optionname = x'c3a97cff36' WHERE id = 11;
",
        );
        let product = front.details(None).product(1);
        let option = &product["configoptions"]["configoption"][0];
        let names = [
            &product["name"],
            &product["groupname"],
            &option["name"],
            &option["options"]["option"][0]["name"],
        ];
        assert_eq!(names, ["Vm\u{fffd}S", "\u{fffd}", "RA\u{fffd}M", "\u{fffd}6"]);
    }
}

#[test]
fn a_fault_is_an_answer_without_a_statement_or_a_secret() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let mut front = shop(kind);
        front
            .database
            .load("ALTER TABLE tblhostingconfigoptions RENAME TO elsewhere;\n");
        let message = front.call("GetProductDetails", &[]).message();
        let state = match kind {
            Kind::MariaDb => "42S02",
            Kind::Sqlite => "HY000",
        };
        assert_eq!(
            message,
            format!(
                "GetProductDetails: the database could not be read (SQLSTATE {state}). See the server's error log or \
                 try again."
            )
        );
        let mut settings = front.database.settings();
        settings["database"] = json!("/nowhere/canary-database");
        settings["password"] = json!("canary-password");
        front.set("database", settings);
        let answer = front.call("GetProductDetails", &[]);
        assert!(answer.message().starts_with("GetProductDetails: "), "{answer:?}");
        assert!(!answer.body.contains("canary"), "{answer:?}");
        assert!(!front.log().contains("Warning"), "{}", front.log());
    }
}

#[test]
fn the_statuses_that_hold_hardware_are_a_setting() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = shop(kind);
        let usual = front.details(None).product(1)["inuse"].as_i64().unwrap();
        let active = "SELECT COUNT(*) FROM tblhosting WHERE packageid = 1 AND domainstatus = 'Active'";
        front.settings("<?php return ['holding' => ['Active']];");
        let active = front.database.number(active);
        assert_eq!(front.details(None).product(1)["inuse"], active);
        assert!(active < usual);
        front.settings("<?php return ['url' => 'http://unused.example/'];");
        assert_eq!(front.details(None).product(1)["inuse"], usual);
    }
}

#[test]
fn settings_that_are_wrong_are_an_error_and_print_nothing() {
    if !ready() {
        return;
    }
    let front = shop(Kind::Sqlite);
    for (settings, says) in [
        (
            "<?php return ['holding' => 'Active'];",
            "must be a list of statuses",
        ),
        ("<?php return ['holding' => []];", "must be a list of statuses"),
        ("<?php return ['holding' => [1]];", "must be a list of statuses"),
        ("<?php return [", "returns an array"),
        ("<?php throw new Exception('canary');", "returns an array"),
        ("<?php $x = $missing;", "returns an array"),
        ("\u{feff}nothing of PHP", "returns an array"),
    ] {
        front.settings(settings);
        let answer = front.call("GetProductDetails", &[]);
        assert_eq!(answer.status, 200, "{settings}: {answer:?}");
        let message = answer.message();
        assert!(
            message.starts_with("GetProductDetails: ") && message.contains(says),
            "{settings}: {message}"
        );
        assert!(!message.contains("canary"));
    }
    front.settings("\u{feff}<?php echo 'printed'; $x = $missing; return ['holding' => ['Active']];");
    assert_eq!(front.details(None).status, 200);
}

#[test]
fn it_writes_nothing_and_reads_no_column_of_a_client() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = shop(kind);
        let rows = |front: &Front| {
            let tables = [
                "tblproducts",
                "tblproductgroups",
                "tblproductconfiglinks",
                "tblproductconfigoptions",
                "tblproductconfigoptionssub",
                "tblhosting",
                "tblhostingconfigoptions",
            ];
            tables.map(|table| front.database.number(&format!("SELECT COUNT(*) FROM {table}")))
        };
        let before = rows(&front);
        // A client's data that are not there cannot be read.
        for column in ["userid", "domain", "orderid"] {
            front
                .database
                .load(&format!("ALTER TABLE tblhosting DROP COLUMN {column};\n"));
        }
        assert_eq!(pids(&front.details(None)).len(), 8);
        assert_eq!(rows(&front), before);
    }
}

#[test]
fn an_empty_shop_is_an_empty_list() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let front = Front::new(Database::with(kind, &[]));
        assert_eq!(pids(&front.details(None)), Vec::<i64>::new());
        let one = front.call("GetProductDetails", &[("productid", "1")]);
        assert_eq!(one.message(), "Product ID Not Found");
        assert_eq!(
            front.details(None).json()["products"],
            json!({"product": Value::Array(Vec::new())})
        );
    }
}
