//! What a body says of stock, found in another way than the client does.

use std::sync::Arc;

use serde_json::Value;
use whmcs_stock_monitor::domain::catalogue::Details;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::whmcs::answer::Page;
use whmcs_stock_monitor::whmcs::scan::MAX_ELEMENTS;
use whmcs_stock_monitor::whmcs::wire::MAX_NAME;

/// Holds each listing against the body; how many zeros there were.
pub fn check_listings(body: &[u8], page: &Page<Listing>) -> usize {
    let said: Vec<(i64, Figure)> = page.items.iter().map(|item| (item.id, item.quantity)).collect();
    assert!(page.items.len() <= MAX_ELEMENTS);
    assert!(page.items.iter().all(|item| item.name.raw().len() <= MAX_NAME));
    check(body, &said, &["quantity_available"])
}

/// The same of details.
pub fn check_details(body: &[u8], page: &Page<Details>) -> usize {
    let items: Vec<&Arc<Details>> = page.items.iter().chain(&page.lone).collect();
    let said: Vec<(i64, Figure)> = items.iter().map(|item| (item.id, item.quantity)).collect();
    check(body, &said, &["qty", "stocklevel"])
}

fn check(body: &[u8], said: &[(i64, Figure)], keys: &[&str]) -> usize {
    let text = String::from_utf8_lossy(body);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let zeros = said
        .iter()
        .filter(|(_, figure)| *figure == Figure::Number(0))
        .count();
    if start.starts_with('<') {
        let written = keys.iter().map(|key| in_xml(start, key)).sum::<usize>();
        assert!(zeros <= written, "{zeros} zeros from {written}: {text}");
        return zeros;
    }
    let Ok(whole) = serde_json::from_str::<Value>(start) else {
        // The client passes over what it needs not; a zero must still be written somewhere.
        assert!(zeros == 0 || start.contains('0'), "{text}");
        return zeros;
    };
    let mut written = Vec::new();
    collect(&whole, keys, &mut written);
    for (id, figure) in said {
        let agrees = |value: &&Value| means(value, *figure);
        let silent = *figure == Figure::Absent;
        assert!(
            silent || written.iter().any(agrees),
            "product {id} has {figure:?}, nowhere in {text}"
        );
    }
    zeros
}

/// Every value under one of these keys, wherever.
fn collect<'a>(value: &'a Value, keys: &[&str], found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if keys.contains(&key.as_str()) {
                    found.push(value);
                }
                collect(value, keys, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a value says that, and nothing else.
fn means(value: &Value, figure: Figure) -> bool {
    let written = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    match figure {
        Figure::Number(0) => is_zero(&written),
        Figure::Number(n) => {
            written.parse() == Ok(n)
                || written
                    .parse::<f64>()
                    .is_ok_and(|float| format!("{float:.0}") == n.to_string())
        }
        Figure::Absent => value.is_null() || value.is_string() && written.is_empty(),
        Figure::Unreadable => true,
    }
}

/// Zero as people write it: nothing but zeros before any exponent.
fn is_zero(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    mantissa.contains('0')
        && mantissa
            .bytes()
            .all(|byte| matches!(byte, b'0' | b'.' | b'+' | b'-'))
}

/// How often something like a zero stands in such an element; a text may be written in many ways.
fn in_xml(text: &str, key: &str) -> usize {
    let holds_zero = |rest: &&str| {
        let end = rest.find("</").unwrap_or(rest.len());
        rest[..end].contains('0') || rest[..end].contains("&#")
    };
    text.split(&format!("<{key}")).skip(1).filter(holds_zero).count()
}
