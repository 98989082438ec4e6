//! What all operations have in common, put into the description made from the code: refusals, tags, CSV, fixed words.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Texts that are one of a few words: a property of a schema, or a parameter of an operation.
const WORDS: &[(&str, &[&str])] = &[
    ("Item.state", &["known", "not_controlled", "unknown", "gone"]),
    ("PoolItem.state", &["known", "unknown"]),
    ("LevelPoint.state", &["known", "not_controlled", "unknown"]),
    ("Delivery.state", &["pending", "sent", "dead"]),
    ("Delivery.medium", &["email", "webhook"]),
    ("Poll.outcome", &["accepted", "suspect", "failed"]),
    ("SilenceItem.state", &["waiting", "in_force", "over", "ended"]),
    ("Source.state", &["up", "failing", "down", "waiting"]),
    ("Trust.state", &["full", "partial", "none"]),
    ("Promise.poll", &["now", "later", "with_the_next_poll"]),
    (
        "get /api/v1/stock state",
        &["known", "not_controlled", "unknown", "gone"],
    ),
    ("get /api/v1/stock combinations", &["all", "series"]),
    (
        "get /api/v1/stock sort",
        &["id", "urgency", "name", "level", "cover", "since"],
    ),
    ("get /api/v1/alerts status", &["firing"]),
    ("get /api/v1/polls outcome", &["accepted", "suspect", "failed"]),
    ("get /api/v1/deliveries state", &["pending", "sent", "dead"]),
];

/// Fields that an answer may leave out; all others are always there, null where there is nothing to say.
const OPTIONAL: &[&str] = &[
    "Item.derived",
    "Item.combinations",
    "Thresholds.cover",
    "Problem.parameter",
];

/// Schemas of what is handed in: what they need is said in the code.
const HANDED_IN: &[&str] = &[
    "NewAck",
    "NewSilence",
    "NewMatcher",
    "NameOrId",
    "NewHint",
    "NewHintData",
];

/// The description with what is common to all.
#[must_use]
pub fn tidied(mut document: Value) -> Value {
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for (name, schema) in schemas {
            if !HANDED_IN.contains(&name.as_str()) {
                require(name, schema);
            }
        }
    }
    for (place, words) in WORDS {
        set_words(&mut document, place, words);
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        for item in paths.values_mut().filter_map(Value::as_object_mut) {
            for (method, operation) in item {
                complete(method, operation);
            }
        }
    }
    document
}

/// Every field that is not left out at times.
fn require(name: &str, schema: &mut Value) {
    if let Some(parts) = schema["allOf"].as_array_mut() {
        for part in parts {
            require(name, part);
        }
    }
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let always: Vec<String> = properties
        .keys()
        .filter(|field| !OPTIONAL.contains(&format!("{name}.{field}").as_str()))
        .cloned()
        .collect();
    schema["required"] = json!(always);
}

fn set_words(document: &mut Value, place: &str, words: &[&str]) {
    let schema = match place.split(' ').collect::<Vec<_>>()[..] {
        [method, path, parameter] => parameters(&mut document["paths"][path][method])
            .iter_mut()
            .find(|known| known["name"] == parameter)
            .map(|known| &mut known["schema"]),
        _ => place
            .split_once('.')
            .and_then(|(name, field)| property(&mut document["components"]["schemas"][name], field)),
    };
    if let Some(schema) = schema {
        schema["enum"] = json!(words);
    }
}

fn property<'a>(schema: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    if schema["properties"].get(field).is_some() {
        return schema["properties"].get_mut(field);
    }
    let parts = schema["allOf"].as_array_mut()?;
    parts.iter_mut().find_map(|part| property(part, field))
}

fn parameters(operation: &mut Value) -> &mut [Value] {
    operation["parameters"]
        .as_array_mut()
        .map_or(&mut [], Vec::as_mut_slice)
}

fn complete(method: &str, operation: &mut Value) {
    let mut is_list = false;
    for parameter in parameters(operation) {
        is_list |= parameter["name"] == "format";
        not_null(&mut parameter["schema"]);
        if parameter["name"] == "format" {
            parameter["schema"]["enum"] = json!(["json", "csv"]);
        }
        if parameter["in"] == "query" {
            parameter["allowEmptyValue"] = json!(true);
        }
    }
    let takes_json = operation.get("requestBody").is_some();
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    if method == "get" {
        make_conditional(responses, is_list);
    }
    for (status, why) in refusals(method, is_list, takes_json) {
        responses
            .entry(status)
            .or_insert_with(|| json!({ "description": why }));
    }
    for (status, response) in responses
        .iter_mut()
        .filter(|(status, _)| *status >= &"400".to_owned())
    {
        response["content"] = json!({
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        });
        if status == "401" {
            response["headers"] = json!({
                "WWW-Authenticate": {"required": true, "schema": {"type": "string"}}
            });
        }
    }
}

/// A parameter is there or not; it is never null.
fn not_null(schema: &mut Value) {
    if let Some(kinds) = schema["type"].as_array() {
        let kind = kinds.iter().find(|kind| *kind != "null").cloned();
        schema["type"] = kind.unwrap_or(Value::Null);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let one = choices.iter().find(|choice| choice["type"] != "null").cloned();
        *schema = one.unwrap_or(Value::Null);
    }
}

fn make_conditional(responses: &mut Map<String, Value>, is_list: bool) {
    let text = json!({"schema": {"type": "string"}});
    let tag = json!({"required": true, "description": "Weak. Given back in If-None-Match.", "schema": {"type": "string"}});
    if let Some(good) = responses.get_mut("200") {
        good["headers"] = json!({ "ETag": tag });
        if is_list {
            good["headers"]["Link"] = text;
            good["content"]["text/csv"] = json!({"schema": {"type": "string"}});
        }
        if good["description"] == "" {
            good["description"] = json!("As asked for.");
        }
    }
    let same = json!({"description": "It is what If-None-Match says you have.", "headers": {"ETag": tag}});
    responses.insert("304".to_owned(), same);
}

fn refusals(method: &str, is_list: bool, takes_json: bool) -> Vec<(&'static str, &'static str)> {
    let mut refusals = vec![
        ("400", "A parameter or field is not known, or not understood."),
        ("401", "Who asks is not known here."),
        ("421", "It was asked for under a name that is not this host's."),
        ("500", "The monitor has a fault."),
        ("503", "The database does not answer, or it took too long."),
    ];
    if method == "get" {
        refusals.push(("406", "It cannot be had in any form that `Accept` names."));
    } else {
        refusals.push(("403", "Who asks may look alone, or it was a web page elsewhere."));
        refusals.push(("413", "The body is too large."));
    }
    if takes_json {
        refusals.push(("415", "The body is not said to be JSON."));
    }
    let _ = is_list;
    refusals
}
