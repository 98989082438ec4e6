//! The examples of `docs/webhook.md` have the fields that are really sent, each in its place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::tz::TimeZone;
use serde_json::Value;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Capability;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::notify::content::Content;
use whmcs_stock_monitor::notify::format::template::Template;

use crate::samples;

/// Each key's path, once, with what may stand there; elements of a list count as one.
fn shape(value: &Value, path: &str, found: &mut BTreeMap<String, ()>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                shape(value, &format!("{path}.{key}"), found);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| shape(item, &format!("{path}[]"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            found.insert(path.to_owned(), ());
        }
    }
}

fn sent(message: &Message) -> Value {
    let channel = samples::webhook(samples::webhook_settings("http://127.0.0.1:1/"));
    match channel.render(message, &TimeZone::UTC, None) {
        Content::Http { body, .. } => serde_json::from_str(&body).expect("JSON"),
        Content::Mail { .. } | Content::Unrendered { .. } => panic!("not a webhook"),
    }
}

#[test]
fn the_templates_of_the_documentation_do_for_every_message() {
    let text = fs::read_to_string("docs/templates.md").expect("reads");
    let blocks: Vec<&str> = text
        .split("```jinja\n")
        .skip(1)
        .map(|rest| rest.split_once("```").expect("an end").0)
        .collect();
    assert_eq!(blocks.len(), 2);
    let bodies = blocks.into_iter().map(|block| {
        let template =
            Template::checked(block, "application/json").unwrap_or_else(|wrong| panic!("{wrong}: {block}"));
        let told = samples::alerts(vec![samples::out(), samples::hostile().remove(0)]);
        match template.content(&told, &TimeZone::UTC, None, false) {
            Content::Http { body, .. } => serde_json::from_str(&body).expect("JSON"),
            other => panic!("{other:?}"),
        }
    });
    let bodies: Vec<Value> = bodies.collect();
    assert!(
        bodies[0]["text"]
            .as_str()
            .is_some_and(|text| text.contains("DS-64")),
        "{bodies:?}"
    );
    assert_eq!(bodies[1]["articles"][0]["number"], "WHMCS-42", "{bodies:?}");
    assert_eq!(bodies[1]["articles"][0]["available"], false, "{bodies:?}");
}

/// Without what is null in one and an object in the other, and without what lists leave out.
fn paths(value: &Value) -> Vec<String> {
    let mut found = BTreeMap::new();
    shape(value, "", &mut found);
    let optional = [".combination", ".open[]"];
    found
        .into_keys()
        .filter(|path| !optional.iter().any(|part| path.contains(part)))
        .collect()
}

#[test]
fn every_type_has_an_example_with_the_fields_that_are_sent() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/webhook.md");
    let docs = fs::read_to_string(path).expect("readable");
    let examples: Vec<Value> = docs
        .split("```json\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .map(|example| serde_json::from_str(example).expect("an example is JSON"))
        .collect();
    let since = samples::ago(60);
    let messages = [
        samples::all_kinds(),
        samples::baseline(),
        samples::products(),
        samples::down(),
        samples::message(Body::SourceUp {
            cause: Some(Cause::Dns),
            since,
        }),
        samples::message(Body::SourceDegraded {
            lost: Capability::Companion,
        }),
        samples::message(Body::SourceRestored {
            regained: Capability::Companion,
            since,
        }),
        samples::message(Body::Ping),
    ];
    assert_eq!(examples.len(), messages.len());
    for message in &messages {
        let sent = sent(message);
        let example = examples
            .iter()
            .find(|example| example["type"] == sent["type"])
            .unwrap_or_else(|| panic!("no example of {}", message.body.kind()));
        assert_eq!(paths(example), paths(&sent), "{}", message.body.kind());
    }
}
