//! A list as CSV (RFC 4180): one header line, fixed columns, and no text that a spreadsheet would take for a formula.

use csv::WriterBuilder;
use serde::Serialize;
use serde_json::Value;

use crate::notify::clean;

/// The most characters of a text in a cell; what is longer is cut and shows as `…`.
const LONGEST: usize = 4000;

/// An item as a line.
pub trait Row {
    /// The name of the file, without `.csv`.
    const FILE: &'static str;
    /// What stands in the columns, as the fields are called in JSON; a field of a field after a point. A column is
    /// called the same, with `_` for the point.
    const COLUMNS: &'static [&'static str];
}

/// Why a list could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    #[error("an item is no JSON: {0}")]
    Item(#[from] serde_json::Error),
    #[error("a line could not be written: {0}")]
    Line(#[from] csv::Error),
}

/// The items, each on its line. It begins with the mark by which Excel knows UTF-8.
pub fn csv<T: Serialize + Row>(items: &[T]) -> Result<String, Unwritten> {
    let mut writer = WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(T::COLUMNS.iter().map(|column| column.replace('.', "_")))?;
    for item in items {
        let value = serde_json::to_value(item)?;
        writer.write_record(T::COLUMNS.iter().map(|column| cell(field(&value, column))))?;
    }
    let bytes = writer.into_inner().unwrap_or_default();
    Ok(format!("\u{feff}{}", String::from_utf8_lossy(&bytes)))
}

fn field<'a>(item: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(item, |value, name| &value[name])
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => safe(text),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let texts: Vec<String> = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                .collect();
            safe(&texts.join("; "))
        }
        Value::Array(_) | Value::Object(_) => safe(&value.to_string()),
    }
}

fn safe(text: &str) -> String {
    clean::defused(&clean::line(text, LONGEST))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Item(Value);

    impl Row for Item {
        const FILE: &'static str = "items";
        const COLUMNS: &'static [&'static str] = &["name", "level", "of.key", "list"];
    }

    #[test]
    fn a_cell_is_never_a_formula_and_a_missing_figure_is_empty() {
        let items = [
            json!({"name": "=cmd|' /C calc'!A0", "level": -2, "of": {"key": "4=11"}, "list": ["a", 1]}),
            json!({"name": "+1 \"q\", x\ny\u{202e}z", "level": null, "of": null, "list": [{"@": 1}]}),
            json!({"name": "'quoted", "level": 0, "list": ["=x"]}),
            json!({"name": "＝1+1", "list": ["＋1"]}),
            json!({"name": "－1", "list": ["＠SUM(1)"]}),
            json!({"name": "\t=1", "list": ["\r=1"]}),
        ];
        insta::assert_snapshot!(
            csv(&items.map(Item)).unwrap().replace('\r', "").trim_start_matches('\u{feff}'),
            @r#"
        name,level,of_key,list
        '=cmd|' /C calc'!A0,-2,4=11,a; 1
        "'+1 ""q"", x yz",,,"[{""@"":1}]"
        ''quoted,0,,'=x
        '＝1+1,,,'＋1
        '－1,,,'＠SUM(1)
        '=1,,,'=1
        "#
        );
    }
}
