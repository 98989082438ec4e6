//! A large shop: the same number of statements as for a small one, and every figure counted.

use serde_json::Value;

use crate::databases::BOTH;
use crate::databases::Database;
use crate::databases::LARGE;
use crate::databases::SHOP;
use crate::databases::ready;
use crate::front::Front;

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Of all products: services, uses of choices, and services in combinations.
fn sums(json: &Value) -> (i64, i64, i64) {
    let in_use = |of: &[Value]| of.iter().map(|one| one["inuse"].as_i64().unwrap()).sum::<i64>();
    let products = list(&json["products"]["product"]);
    let choices = products
        .iter()
        .flat_map(|product| list(&product["configoptions"]["configoption"]))
        .map(|option| in_use(list(&option["options"]["option"])));
    let combinations = products
        .iter()
        .map(|product| in_use(list(&product["combinations"]["combination"])));
    (in_use(products), choices.sum(), combinations.sum())
}

#[test]
fn ten_thousand_products_take_no_more_statements_than_three() {
    if !ready() {
        return;
    }
    for kind in BOTH {
        let small = Front::new(Database::with(kind, &[SHOP]));
        let statements = small.details(Some("1,2,3")).header("x-statements");
        assert!((1.0..=10.0).contains(&statements), "{statements}");
        let large = Front::new(Database::with(kind, &[LARGE]));
        let batch: Vec<String> = (1..=100).map(|id| id.to_string()).collect();
        for ids in [None, Some("1,2,3"), Some("10000"), Some(batch.join(",").as_str())] {
            let answer = large.details(ids);
            assert_eq!(answer.header("x-statements"), statements, "{kind:?} {ids:?}");
            println!(
                "{kind:?}: {} products of 10,000 with 50,000 services: {} s, {statements} statements, {:.0} MB of PHP, \
                 {:.1} MB of JSON",
                answer.json()["totalresults"],
                answer.header("x-seconds"),
                answer.header("x-memory") / 1e6,
                answer.body.len() as f64 / 1e6
            );
        }
        let all = large.details(None).json();
        let choices = large.database.number(
            "SELECT SUM(CASE o.optiontype WHEN '3' THEN CASE WHEN c.qty > 0 THEN 1 ELSE 0 END WHEN '4' THEN c.qty \
             ELSE 1 END) FROM tblhostingconfigoptions c JOIN tblproductconfigoptions o ON o.id = c.configid",
        );
        assert_eq!(sums(&all), (50_000, choices, 50_000));
        // Asked for in parts, it is the same.
        let few = large.details(Some("4,9999")).product(9999);
        let products = list(&all["products"]["product"]);
        assert_eq!(products.iter().find(|product| product["pid"] == 9999), Some(&few));
    }
}
