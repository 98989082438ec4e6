//! Reads WHMCS's scalars, which come as numbers, as strings of numbers, as booleans, or not at all.

use std::borrow::Cow;

use crate::domain::catalogue::Figure;

/// The raw JSON of a field as a whole number; `Absent` for null and "".
#[must_use]
pub fn figure(raw: Option<&str>) -> Figure {
    let Some(raw) = raw else { return Figure::Absent };
    if raw == "null" {
        return Figure::Absent;
    }
    let text = match text(raw) {
        Some(text) if text.trim().is_empty() => return Figure::Absent,
        Some(text) => text,
        None => Cow::Borrowed(raw),
    };
    whole_number(text.trim()).map_or(Figure::Unreadable, Figure::Number)
}

/// The raw JSON of a field as a switch; `None` where it is neither on nor off.
#[must_use]
pub fn flag(raw: Option<&str>) -> Option<bool> {
    let raw = raw?;
    let text = text(raw).unwrap_or(Cow::Borrowed(raw));
    let text = text.trim();
    match whole_number(text) {
        Some(0) => Some(false),
        Some(1) => Some(true),
        Some(_) => None,
        None if ["true", "on", "yes"]
            .iter()
            .any(|on| text.eq_ignore_ascii_case(on)) =>
        {
            Some(true)
        }
        None if ["false", "off", "no"]
            .iter()
            .any(|off| text.eq_ignore_ascii_case(off)) =>
        {
            Some(false)
        }
        None => None,
    }
}

/// The text of a JSON string; lone surrogates, which no text can hold, become U+FFFD. `None` if it is no string.
#[must_use]
pub fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    if let Ok(text) = serde_json::from_str::<String>(raw) {
        return Some(Cow::Owned(text));
    }
    serde_json::from_str(&without_lone_surrogates(raw))
        .ok()
        .map(Cow::Owned)
}

/// Text of a string, or the digits of a number.
#[must_use]
pub fn text_or_number(raw: &str) -> Option<Cow<'_, str>> {
    text(raw).or_else(|| whole_number(raw).map(|n| Cow::Owned(n.to_string())))
}

/// Integers, and floats without a fraction that a double holds exactly.
fn whole_number(text: &str) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'))
    {
        return None;
    }
    if let Ok(n) = text.parse() {
        return Some(n);
    }
    let float: f64 = text.parse().ok()?;
    // Too small for a double is not zero.
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    if float == 0.0 && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9')) {
        return None;
    }
    let whole = float.fract() == 0.0 && float.abs() <= EXACT;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be whole and within range"
    )]
    whole.then_some(float as i64)
}

/// Replaces each `\ud800`-like escape that is not half of a pair by `\ufffd`.
fn without_lone_surrogates(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (kept, used) = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (&rest[..12], 12),
            (Some(0xd800..=0xdfff), _) => ("\\ufffd", 6),
            (Some(_), _) => (&rest[..6], 6),
            (None, _) => {
                let used = rest.char_indices().nth(2).map_or(rest.len(), |(i, _)| i);
                (&rest[..used], used)
            }
        };
        out.push_str(kept);
        rest = &rest[used..];
    }
    out.push_str(rest);
    out
}

/// The code unit of a `\uXXXX` at the start.
fn unit(text: &str) -> Option<u32> {
    let hex = text.strip_prefix("\\u")?.get(..4)?;
    hex.bytes()
        .all(|b| b.is_ascii_hexdigit())
        .then(|| u32::from_str_radix(hex, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_a_whole_number_or_nothing_is_believed_of_it() {
        let number = Figure::Number;
        let cases = [
            ("7", number(7)),
            ("-3", number(-3)),
            ("\"7\"", number(7)),
            ("\" 7 \"", number(7)),
            ("\"+7\"", number(7)),
            ("7.0", number(7)),
            ("\"7.00\"", number(7)),
            ("7e2", number(700)),
            ("-0", number(0)),
            ("9223372036854775807", number(i64::MAX)),
            ("null", Figure::Absent),
            ("\"\"", Figure::Absent),
            ("\" \"", Figure::Absent),
            ("7.5", Figure::Unreadable),
            ("true", Figure::Unreadable),
            ("false", Figure::Unreadable),
            ("1e400", Figure::Unreadable),
            ("1e-400", Figure::Unreadable),
            ("0e-400", number(0)),
            ("\"0.00\"", number(0)),
            ("99999999999999999999", Figure::Unreadable),
            ("\"abc\"", Figure::Unreadable),
            ("\"inf\"", Figure::Unreadable),
            ("\"NaN\"", Figure::Unreadable),
            ("\"0x10\"", Figure::Unreadable),
            ("\"1 000\"", Figure::Unreadable),
            ("\"1,5\"", Figure::Unreadable),
            ("[]", Figure::Unreadable),
            ("{}", Figure::Unreadable),
        ];
        for (raw, expected) in cases {
            assert_eq!(figure(Some(raw)), expected, "{raw}");
        }
        assert_eq!(figure(None), Figure::Absent);
    }

    #[test]
    fn a_flag_is_on_or_off_or_not_said() {
        for on in ["1", "\"1\"", "true", "\"on\"", "\"On\"", "\"yes\""] {
            assert_eq!(flag(Some(on)), Some(true), "{on}");
        }
        for off in ["0", "\"0\"", "false", "\"off\"", "\"no\""] {
            assert_eq!(flag(Some(off)), Some(false), "{off}");
        }
        for unsaid in ["2", "\"\"", "null", "[]", "{}", "\"maybe\""] {
            assert_eq!(flag(Some(unsaid)), None, "{unsaid}");
        }
        assert_eq!(flag(None), None);
    }

    #[test]
    fn a_lone_surrogate_in_a_text_is_replaced_and_a_pair_is_kept() {
        let cases = [
            (r#""plain""#, "plain"),
            (r#""a\ud800b""#, "a\u{fffd}b"),
            (r#""a\udc00\ud83d\ude00""#, "a\u{fffd}\u{1f600}"),
            (r#""\ud800\ud800\\ud800\n""#, "\u{fffd}\u{fffd}\\ud800\n"),
            (r#""\ud83d\u0041é\ud83d""#, "\u{fffd}Aé\u{fffd}"),
        ];
        for (raw, expected) in cases {
            assert_eq!(text(raw).as_deref(), Some(expected), "{raw}");
        }
        assert_eq!(text("7"), None);
        assert_eq!(text("\""), None);
    }
}
