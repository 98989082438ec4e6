//! What all operations have in common, put into the description made from the code: refusals, tags, CSV, fixed words.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::web::events;

/// Texts that are one of a few words: a property of a schema, or a parameter of an operation.
const WORDS: &[(&str, &[&str])] = &[
    ("Item.state", &["known", "not_controlled", "unknown", "gone"]),
    ("PoolItem.state", &["known", "unknown"]),
    ("LevelPoint.state", &["known", "not_controlled", "unknown"]),
    ("Delivery.state", &["pending", "sent", "dead"]),
    ("Delivery.medium", &["email", "webhook"]),
    ("Poll.outcome", &["accepted", "suspect", "failed"]),
    ("SilenceItem.state", &["waiting", "in_force", "over", "ended"]),
    (
        "Source.state",
        &["up", "failing", "down", "waiting", "late", "unrecorded"],
    ),
    ("PublicItem.state", &["known", "not_controlled", "unknown"]),
    ("PublicItem.availability", &["in_stock", "low", "out", "unknown"]),
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
    ("get /api/v1/alerts sort", &["started", "urgency"]),
    ("get /api/v1/polls outcome", &["accepted", "suspect", "failed"]),
    ("get /api/v1/deliveries state", &["pending", "sent", "dead"]),
];

/// Fields that an answer may leave out; all others are always there, null where there is nothing to say.
const OPTIONAL: &[&str] = &[
    "Item.derived",
    "Item.combinations",
    "Thresholds.cover",
    "Problem.parameter",
    "PublicItem.instance",
    "PublicItem.product_id",
    "PublicItem.product",
    "PublicItem.group",
    "PublicItem.combination",
    "PublicItem.state",
    "PublicItem.level",
    "PublicItem.availability",
    "LastKnown.last_level",
    "LastKnown.last_known_at",
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

/// At least one sign that can be seen: no blank, no control sign, none that only reorders others.
const VISIBLE: &str = "[^\\u0000-\\u0020\\u007f-\\u00a0\\u061c\\u1680\\u2000-\\u200b\\u200e\\u200f\\u2028-\\u202f\\u205f-\\u2069\\u3000\\ufeff\\ufff9-\\ufffb]";
/// At least one sign that is no blank.
const NOT_BLANK: &str =
    "[^\\u0009-\\u000d\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

/// What texts that are handed in have to be like.
fn texts() -> Vec<(&'static str, Value)> {
    let ahead = json!({"anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "date"},
        {"type": "string", "pattern": "^[1-9][0-9]{0,2}(m|h|d)$"},
        {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
    ]});
    let or_null = |choices: &Value| {
        let mut choices = choices.clone();
        if let Some(list) = choices["anyOf"].as_array_mut() {
            list.push(json!({"type": "null"}));
        }
        choices
    };
    vec![
        (
            "NewAck.by",
            json!({"minLength": 1, "maxLength": 100, "pattern": VISIBLE}),
        ),
        ("NewAck.note", json!({"maxLength": 500})),
        ("NewAck.quantity", json!({"maximum": 1_000_000_000})),
        ("NewAck.eta", or_null(&ahead)),
        (
            "NewSilence.by",
            json!({"minLength": 1, "maxLength": 100, "pattern": VISIBLE}),
        ),
        (
            "NewSilence.comment",
            json!({"minLength": 1, "maxLength": 500, "pattern": VISIBLE}),
        ),
        ("NewSilence.starts_at", or_null(&ahead)),
        ("NewSilence.ends_at", ahead),
        (
            "NewMatcher.options",
            json!({"minProperties": 1, "maxProperties": 100}),
        ),
        ("NewHint.type", json!({"enum": ["stock.hint"]})),
    ]
}

/// The description with what is common to all.
#[must_use]
pub fn tidied(mut document: Value) -> Value {
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for (name, schema) in schemas {
            // A list names what it lists instead of repeating it.
            if let Some(listed) = name.strip_prefix("List_") {
                schema["properties"]["items"]["items"] = reference(listed);
            }
            if !HANDED_IN.contains(&name.as_str()) {
                require(name, schema);
            }
        }
    }
    for (place, words) in WORDS {
        set(&mut document, place, &json!({ "enum": words }));
    }
    set(
        &mut document,
        "get /api/v1/events kind",
        &json!({ "enum": events::KINDS }),
    );
    for (place, rest) in texts() {
        set(&mut document, place, &rest);
    }
    // What `anyOf` says stands for the type, too.
    for place in ["NewAck.eta", "NewSilence.starts_at", "NewSilence.ends_at"] {
        forget_type(&mut document, place);
    }
    // An open alert may be an alert as it was, too.
    let alerts = &mut document["components"]["schemas"]["AnyAlert"];
    alerts["anyOf"] = alerts["oneOf"].take();
    if let Some(alerts) = alerts.as_object_mut() {
        alerts.remove("oneOf");
    }
    document["components"]["schemas"]["NameOrId"] = json!({
        "description": "A name with wildcards, not blank; or an id.",
        "anyOf": [{"type": "integer", "format": "int64"}, {"type": "string", "pattern": NOT_BLANK}],
    });
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                complete(path, method, operation);
            }
        }
    }
    document
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn forget_type(document: &mut Value, place: &str) {
    let found = place
        .split_once('.')
        .and_then(|(name, field)| property(&mut document["components"]["schemas"][name], field));
    if let Some(schema) = found.and_then(Value::as_object_mut) {
        schema.remove("type");
    }
}

/// Every field that is not left out at times.
fn require(name: &str, schema: &mut Value) {
    for part in parts(schema) {
        // A part that is there at times is a part all the same: its fields are left out then.
        if let Some(one) = part
            .get("oneOf")
            .and_then(Value::as_array)
            .and_then(|choices| only(choices))
        {
            *part = one;
        }
        require(name, part);
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let always: Vec<String> = properties
        .keys()
        .filter(|field| !OPTIONAL.contains(&format!("{name}.{field}").as_str()))
        .cloned()
        .collect();
    schema["required"] = json!(always);
}

fn set(document: &mut Value, place: &str, more: &Value) {
    let mut schema = match place.split(' ').collect::<Vec<_>>()[..] {
        [method, path, parameter] => parameters(&mut document["paths"][path][method])
            .iter_mut()
            .find(|known| known["name"] == parameter)
            .map(|known| &mut known["schema"]),
        _ => place
            .split_once('.')
            .and_then(|(name, field)| property(&mut document["components"]["schemas"][name], field)),
    };
    for (key, value) in more.as_object().into_iter().flatten() {
        if let Some(schema) = schema.as_mut().and_then(|schema| schema.as_object_mut()) {
            schema.insert(key.clone(), value.clone());
        }
    }
}

fn property<'a>(schema: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    let own = schema
        .get("properties")
        .is_some_and(|own| own.get(field).is_some());
    if own {
        return schema.get_mut("properties")?.get_mut(field);
    }
    parts(schema).iter_mut().find_map(|part| property(part, field))
}

/// The schemas that a schema is put together of.
fn parts(schema: &mut Value) -> &mut [Value] {
    list(schema, "allOf")
}

fn parameters(operation: &mut Value) -> &mut [Value] {
    list(operation, "parameters")
}

fn list<'a>(of: &'a mut Value, name: &str) -> &'a mut [Value] {
    of.get_mut(name)
        .and_then(Value::as_array_mut)
        .map_or(&mut [], Vec::as_mut_slice)
}

/// The choice that is not null.
fn only(choices: &[Value]) -> Option<Value> {
    choices.iter().find(|choice| choice["type"] != "null").cloned()
}

fn complete(path: &str, method: &str, operation: &mut Value) {
    let mut is_list = false;
    for parameter in parameters(operation) {
        is_list |= parameter["name"] == "format";
        not_null(&mut parameter["schema"]);
        if parameter["name"] == "cursor" && !["/api/v1/stock", "/api/v1/alerts"].contains(&path) {
            parameter["schema"]["pattern"] = json!("^(0|[1-9][0-9]{0,17})?$");
        }
        if parameter["name"] == "product" {
            parameter["schema"]["minimum"] = json!(0);
        }
        if parameter["name"] == "combination" {
            parameter["schema"]["pattern"] = json!("^[0-9]{1,18}=[0-9]{1,18}(;[0-9]{1,18}=[0-9]{1,18})*$");
        }
        if parameter["name"] == "format" {
            parameter["schema"]["enum"] = json!(["json", "csv"]);
        }
        if parameter["in"] == "query" {
            parameter["allowEmptyValue"] = json!(true);
        }
    }
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    if method == "get" {
        make_conditional(responses, is_list);
    }
    for (status, why) in refusals(method) {
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
    let kinds = schema.get("type").and_then(Value::as_array);
    if let Some(kind) = kinds.and_then(|kinds| kinds.iter().find(|kind| *kind != "null").cloned()) {
        schema["type"] = kind;
    }
    let choices = schema.get("oneOf").and_then(Value::as_array);
    if let Some(one) = choices.and_then(|choices| only(choices)) {
        *schema = one;
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
        if good["description"].as_str().unwrap_or_default().is_empty() {
            good["description"] = json!("As asked for.");
        }
    }
    let same = json!({"description": "It is what If-None-Match says you have.", "headers": {"ETag": tag}});
    responses.insert("304".to_owned(), same);
}

fn refusals(method: &str) -> Vec<(&'static str, &'static str)> {
    let mut refusals = vec![
        ("400", "A parameter or field is not known, or not understood."),
        ("401", "Who asks is not known here."),
        (
            "429",
            "Wrong tokens or passwords came from this address too often.",
        ),
        ("421", "It was asked for under a name that is not this host's."),
        ("500", "The monitor has a fault."),
        ("503", "The database does not answer, or it took too long."),
    ];
    if method == "get" {
        refusals.push(("406", "It cannot be had in any form that `Accept` names."));
    } else {
        refusals.push(("403", "Who asks may look alone, or it was a web page elsewhere."));
        refusals.push(("413", "The body is too large."));
        refusals.push((
            "415",
            "There is a body, or a session's cookie, and it is not said to be JSON.",
        ));
    }
    refusals
}
