//! JSON as people read it: indented, in its own order, its numbers as they came, its texts without escapes.

use std::fmt::Write;

use serde::de::IgnoredAny;

/// The JSON with a member a line; a text that is no JSON as it is. What would drive a terminal is escaped or left out.
#[must_use]
pub fn pretty(text: &str) -> String {
    let json = text.trim_start_matches('\u{feff}').trim();
    if serde_json::from_str::<IgnoredAny>(json).is_err() {
        return text
            .chars()
            .filter(|c| matches!(c, '\n' | '\t') || !drives(*c))
            .collect();
    }
    let mut out = Layout::default();
    let mut rest = json;
    while let Some(c) = rest.chars().next() {
        let length = if c == '"' {
            string_length(rest)
        } else {
            c.len_utf8()
        };
        let (piece, after) = rest.split_at(length);
        out.piece(c, piece, after.trim_start());
        rest = after;
    }
    out.text
}

/// Up to and with the closing quote; the JSON is known to be sound.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Whether a terminal would do something else than show it.
fn drives(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[derive(Default)]
struct Layout {
    text: String,
    depth: usize,
}

impl Layout {
    fn piece(&mut self, first: char, piece: &str, after: &str) {
        match first {
            '{' | '[' => {
                self.text.push(first);
                self.depth += 1;
                if !after.starts_with(['}', ']']) {
                    self.line();
                }
            }
            '}' | ']' => {
                self.depth -= 1;
                if !self.text.ends_with(['{', '[']) {
                    self.line();
                }
                self.text.push(first);
            }
            ',' => {
                self.text.push(',');
                self.line();
            }
            ':' => self.text.push_str(": "),
            '"' => self.string(piece),
            _ if first.is_whitespace() => {}
            _ => self.text.push_str(piece),
        }
    }

    fn line(&mut self) {
        self.text.push('\n');
        // A body nests as deep as its sender likes; nobody reads beyond this.
        for _ in 0..self.depth.min(40) {
            self.text.push_str("  ");
        }
    }

    fn string(&mut self, piece: &str) {
        let plain = serde_json::from_str::<String>(piece).and_then(|text| serde_json::to_string(&text));
        // A lone surrogate is no text: its escape stays.
        let plain = plain.unwrap_or_else(|_| piece.to_owned());
        for c in plain.chars() {
            if drives(c) {
                let _ = write!(self.text, "\\u{:04x}", u32::from(c));
            } else {
                self.text.push(c);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_in_its_own_order_with_its_own_numbers() {
        let json = "\u{feff}{\"z\":1.10,\"a\":[],\"n\":{\"k\":\"D\\u00e9j\\u00e0 \\\"vu\\\" <b>\\/\"}, \"l\":[1,null,{}]}";
        insta::assert_snapshot!(pretty(json), @r#"
        {
          "z": 1.10,
          "a": [],
          "n": {
            "k": "Déjà \"vu\" <b>/"
          },
          "l": [
            1,
            null,
            {}
          ]
        }
        "#);
    }

    #[test]
    fn nothing_that_drives_a_terminal_is_printed() {
        assert_eq!(
            pretty("\"\\u001b[2J\\u009b\\u202eabc\""),
            "\"\\u001b[2J\\u009b\\u202eabc\""
        );
        assert_eq!(pretty("<a>\u{1b}[2J\r\n</a>"), "<a>[2J\n</a>");
        assert_eq!(pretty("\"\\ud800x\""), "\"\\ud800x\"");
    }

    #[test]
    fn a_text_that_is_no_json_stays_as_it_is() {
        assert_eq!(pretty("{\"a\":"), "{\"a\":");
        assert_eq!(pretty(""), "");
    }
}
