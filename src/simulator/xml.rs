//! An answer's JSON written as WHMCS writes XML: lists as repeated elements, texts plain or in CDATA.

use serde_json::Map;
use serde_json::Value;

/// The XML of a JSON answer to a request of this action; `None` if it is no JSON object.
#[must_use]
pub fn from_json(json: &[u8], version: &str, action: &str) -> Option<String> {
    let Ok(Value::Object(members)) = serde_json::from_slice(json) else {
        return None;
    };
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<whmcsapi version=\"{version}\">\n<action>{}</action>\n",
        action.to_ascii_lowercase()
    );
    all(&members, &mut xml);
    xml.push_str("</whmcsapi>");
    Some(xml)
}

fn all(members: &Map<String, Value>, xml: &mut String) {
    let (lists, scalars): (Vec<_>, Vec<_>) = members
        .iter()
        .partition(|(_, value)| value.is_object() || value.is_array());
    for (name, value) in scalars.into_iter().chain(lists) {
        element(name, value, xml);
    }
}

fn element(name: &str, value: &Value, xml: &mut String) {
    let repeated: Vec<&Value> = match value {
        Value::Array(items) if !items.is_empty() => items.iter().collect(),
        Value::Object(members) if is_list(members) => members.values().collect(),
        Value::Array(_)
        | Value::Object(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => {
            vec![value]
        }
    };
    for value in repeated {
        xml.push_str(&format!("<{name}>"));
        match value {
            Value::Object(members) => {
                xml.push('\n');
                all(members, xml);
            }
            Value::String(text) => xml.push_str(&written(text)),
            Value::Number(number) => xml.push_str(&number.to_string()),
            Value::Bool(true) => xml.push('1'),
            // A list within a list has no name of its own: none of ours has one.
            Value::Bool(false) | Value::Null | Value::Array(_) => {}
        }
        xml.push_str(&format!("</{name}>\n"));
    }
}

/// Whether an object is a list with numbered keys.
fn is_list(members: &Map<String, Value>) -> bool {
    !members.is_empty()
        && members
            .keys()
            .all(|key| key.bytes().all(|byte| byte.is_ascii_digit()))
}

fn written(text: &str) -> String {
    if !text.contains(['<', '>', '&']) {
        return text.to_owned();
    }
    // Both ways are met; which one is of no account.
    if text.len().is_multiple_of(2) && !text.contains("]]>") {
        return format!("<![CDATA[{text}]]>");
    }
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_written_in_the_documented_envelope() {
        let json = r#"{"result":"success","totalresults":2,"products":{"product":{"0":{"pid":1,"name":"a & b"},"1":{"pid":2,"none":null,"list":[]}}}}"#;
        insta::assert_snapshot!(from_json(json.as_bytes(), "8.12.0", "GetProducts").unwrap(), @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <whmcsapi version="8.12.0">
        <action>getproducts</action>
        <result>success</result>
        <totalresults>2</totalresults>
        <products>
        <product>
        <name>a &amp; b</name>
        <pid>1</pid>
        </product>
        <product>
        <none></none>
        <pid>2</pid>
        <list></list>
        </product>
        </products>
        </whmcsapi>
        "#);
        assert_eq!(from_json(b"[]", "8.12.0", "GetProducts"), None);
    }
}
