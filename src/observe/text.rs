//! The text format of Prometheus: heads of families and escaped label values.

/// Appends the `HELP` and `TYPE` lines of a family. `help` must not hold backslashes or newlines.
pub fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"] {
        out.push_str(part);
    }
}

/// Appends a label's value: backslashes, quotes and newlines escaped.
pub fn push_escaped(out: &mut String, value: &str) {
    let mut rest = value;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'\\' => "\\\\",
            b'"' => "\\\"",
            _ => "\\n",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// A label's value, escaped.
#[must_use]
pub fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    push_escaped(&mut out, value);
    out
}

/// Appends a whole number; faster than the formatting machinery, which dominates a scrape of many series.
pub fn push_number(out: &mut String, number: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push('-');
    }
    out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_and_newlines_are_escaped_and_nothing_else() {
        assert_eq!(
            escaped("a\"b\\c\nd é 🦀 \u{202e}"),
            "a\\\"b\\\\c\\nd é 🦀 \u{202e}"
        );
        assert_eq!(escaped(""), "");
        assert_eq!(escaped("\\\\\""), "\\\\\\\\\\\"");
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for number in [0, 7, -1, 10, 99, 100, i64::MAX, i64::MIN] {
            let mut out = String::new();
            push_number(&mut out, number);
            assert_eq!(out, number.to_string());
        }
    }
}
