//! What is described is so: every address, every parameter, every answer.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::env;
use std::process::Command;

use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use whmcs_stock_monitor::web::access;
use whmcs_stock_monitor::web::api::openapi;
use whmcs_stock_monitor::web::api::routes;

use crate::peers;
use crate::world::TOKEN;
use crate::world::World;

/// The methods of each address, as `Allow` has them.
type Methods = BTreeMap<String, BTreeSet<String>>;

fn described() -> Methods {
    let document = openapi::document();
    let paths = document["paths"].as_object().unwrap();
    let methods = |item: &Value| {
        let named = item.as_object().unwrap().keys();
        named.map(|method| method.to_uppercase()).collect()
    };
    paths
        .iter()
        .map(|(path, item)| (path.clone(), methods(item)))
        .collect()
}

#[test]
fn every_address_of_the_api_is_described_with_its_methods_and_nothing_else() {
    let answered: Methods = routes::routes()
        .into_iter()
        .map(|(path, _)| {
            let methods = access::paths::allowed(path).split(", ");
            // HEAD is GET without the body.
            let methods = methods.filter(|method| *method != "HEAD");
            (path.to_owned(), methods.map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(described(), answered);
    let server = include_str!("../../src/web/server.rs");
    assert!(
        !server.contains("\"/api/"),
        "an address of the API beside the list"
    );
}

#[test]
fn every_reference_of_the_description_leads_somewhere_and_every_choice_is_one() {
    let document = openapi::document();
    assert_eq!(document["openapi"], "3.1.0");
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = &part[..part.find('"').unwrap()];
        assert!(schemas.contains_key(name), "{name}");
    }
    for (name, schema) in schemas {
        assert!(!schema.is_null(), "{name}");
        let used = text.contains(&format!("#/components/schemas/{name}\""));
        assert!(used, "nothing uses {name}");
    }
    // What was set by name was there to be set.
    for (place, words) in [
        (
            "/components/schemas/Poll/properties/outcome",
            json!(["accepted", "suspect", "failed"]),
        ),
        (
            "/components/schemas/Source/properties/state",
            json!(["up", "failing", "down", "waiting", "late", "unrecorded"]),
        ),
    ] {
        assert_eq!(document.pointer(place).unwrap()["enum"], words, "{place}");
    }
    for name in ["AckItem", "Problem", "Poll"] {
        assert!(!schemas[name].to_string().contains("null,\"allOf\""), "{name}");
    }
    let times = document
        .pointer("/components/schemas/Poll/properties/observed_at")
        .unwrap();
    assert_eq!(times["format"], "date-time");
}

#[test]
fn every_parameter_that_is_taken_is_described_and_answers_hold_what_is_described() {
    let world = World::open();
    let document: Value = world.daemon.json("/api/v1/openapi.json");
    assert_eq!(document, openapi::document());
    for (path, item) in document["paths"].as_object().unwrap() {
        let asked = path
            .replace("{instance}", "default")
            .replace("{pid}", "64")
            .replace("{id}", "1");
        let Some(operation) = item.get("get").filter(|_| path != access::paths::PUBLIC) else {
            continue;
        };
        let refused = world.daemon.get(&format!("{asked}?nonsense=1"));
        let problem: Value = serde_json::from_str(&refused.body).unwrap();
        assert_eq!(
            (refused.status, &problem["parameter"]),
            (400, &json!("nonsense")),
            "{path}"
        );
        let detail = problem["detail"].as_str().unwrap();
        let known: BTreeSet<&str> = match detail.split_once("known are ") {
            Some((_, known)) => known.trim_end_matches('.').split(", ").collect(),
            None => {
                assert_eq!(detail, "There are no parameters here.", "{path}");
                BTreeSet::new()
            }
        };
        let empty = Vec::new();
        let parameters = operation["parameters"].as_array().unwrap_or(&empty);
        let told = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let told: BTreeSet<&str> = told
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(told, known, "{path}");
        let answer = world.daemon.json(&asked);
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let mut unknown = Vec::new();
        undescribed(&document, schema, &answer, path, &mut unknown);
        assert_eq!(unknown, Vec::<String>::new());
    }
}

/// Fields of an answer that its schema does not name.
fn undescribed(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let fields = fields(document, schema);
    match value {
        Value::Object(object) if !fields.is_empty() => {
            for (name, inner) in object {
                match fields.get(name.as_str()) {
                    Some(schemas) => {
                        for schema in schemas {
                            let mut of_one = Vec::new();
                            undescribed(document, schema, inner, &format!("{at}.{name}"), &mut of_one);
                            if schemas.len() == 1 {
                                found.extend(of_one);
                            }
                        }
                    }
                    None => found.push(format!("{at}.{name}")),
                }
            }
        }
        Value::Array(items) => {
            let of = items_of(document, schema);
            for item in items {
                if let Some(of) = of {
                    undescribed(document, of, item, &format!("{at}[]"), found);
                }
            }
        }
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn parts(schema: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["allOf", "oneOf", "anyOf"].into_iter();
    lists.filter_map(|list| schema[list].as_array()).flatten()
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

fn items_of<'a>(document: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let schema = resolved(document, schema);
    schema
        .get("items")
        .or_else(|| parts(schema).find_map(|part| items_of(document, part)))
}

fn fields<'a>(document: &'a Value, schema: &'a Value) -> BTreeMap<&'a str, Vec<&'a Value>> {
    let schema = resolved(document, schema);
    let mut all: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        all.entry(name).or_default().push(field);
    }
    for part in parts(schema) {
        for (name, more) in fields(document, part) {
            all.entry(name).or_default().extend(more);
        }
    }
    all
}

#[test]
fn a_dead_letter_is_sent_again_and_what_is_not_dead_is_not() {
    let world = World::open();
    let dead = world
        .daemon
        .json("/api/v1/deliveries?state=dead&channel=nowhere&limit=1");
    let id = dead["items"][0]["id"].as_i64().unwrap();
    let one = world.daemon.json(&format!("/api/v1/deliveries/{id}"));
    assert_eq!(one["state"], "dead");
    let (status, body) = world.post(&format!("/api/v1/deliveries/{id}/replay"), &json!(null));
    let again: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &again["id"]), (202, &json!(id)), "{body}");
    let sent = world.daemon.json("/api/v1/deliveries?state=sent&limit=1");
    let sent = sent["items"][0]["id"].as_i64().unwrap();
    for (id, status) in [
        (sent.to_string(), 409),
        ("0".to_owned(), 404),
        ("x".to_owned(), 404),
    ] {
        let (answered, body) = world.post(&format!("/api/v1/deliveries/{id}/replay"), &json!(null));
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (answered, &problem["parameter"]),
            (status, &json!("id")),
            "{body}"
        );
    }
    let (status, headers, _) = world.send(Method::GET, &format!("/api/v1/deliveries/{id}/replay"), &[], None);
    assert_eq!((status, headers["allow"].to_str().unwrap()), (405, "POST"));
}

#[test]
fn a_client_of_another_make_finds_nothing_that_is_not_as_described() {
    let Some(python) = peers::python() else { return };
    let examples = env::var("SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| "50".to_owned());
    let seed = env::var("SCHEMATHESIS_SEED").unwrap_or_else(|_| "1".to_owned());
    let world = World::open();
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("openapi.json");
    std::fs::write(&document, world.daemon.json("/api/v1/openapi.json").to_string()).unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/schemathesis.toml");
    let done = Command::new(python.with_file_name("schemathesis"))
        .args(["--config-file", config, "--no-color", "run"])
        .arg(&document)
        .args(["--url", &format!("http://{}", world.daemon.address)])
        .args(["--checks", "all", "--continue-on-failure", "--seed", &seed])
        .args(["--max-examples", &examples])
        .env("API_TOKEN", TOKEN)
        .env("COLUMNS", "120")
        .current_dir(folder.path())
        .output()
        .expect("schemathesis runs");
    let said = String::from_utf8_lossy(&done.stdout);
    let operations: usize = described().values().map(BTreeSet::len).sum();
    let tested = format!("Tested: {operations}");
    assert!(
        done.status.success() && said.contains(&tested),
        "with seed {seed}:\n{said}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
    // What it did, for who reads along.
    println!("{}", said.split("= SUMMARY =").last().unwrap_or_default());
}
