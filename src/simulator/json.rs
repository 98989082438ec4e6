//! JSON written the way PHP writes it for WHMCS: one line, slashes, quotes and everything beyond ASCII escaped.

use std::fmt::Write;

/// How the sender spells its JSON; installations and versions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spelling {
    /// Numbers come as strings, as in older versions.
    pub string_numbers: bool,
    /// Characters beyond ASCII come as they are (UTF-8) instead of as `\uXXXX`.
    pub raw_unicode: bool,
}

/// Appends JSON to a string; commas come by themselves.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    spelling: Spelling,
}

impl Writer {
    /// An empty text.
    #[must_use]
    pub fn new(spelling: Spelling) -> Self {
        let text = String::new();
        Self { text, spelling }
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }

    /// Opens an object or a list: `{` or `[`.
    pub fn open(&mut self, bracket: char) -> &mut Self {
        self.separate();
        self.text.push(bracket);
        self
    }

    /// Closes it: `}` or `]`.
    pub fn close(&mut self, bracket: char) -> &mut Self {
        self.text.push(bracket);
        self
    }

    /// A member's name; its value follows.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.separate();
        self.quote(name);
        self.text.push(':');
        self
    }

    /// A string.
    pub fn string(&mut self, value: &str) -> &mut Self {
        self.separate();
        self.quote(value);
        self
    }

    /// A whole number, or a string of it where the spelling says so.
    pub fn number(&mut self, value: i64) -> &mut Self {
        self.separate();
        let quote = if self.spelling.string_numbers { "\"" } else { "" };
        let _ = write!(self.text, "{quote}{value}{quote}");
        self
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        self.separate();
        self.text.push_str("null");
        self
    }

    fn separate(&mut self) {
        if !matches!(self.text.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.text.push(',');
        }
    }

    fn quote(&mut self, value: &str) {
        self.text.push('"');
        for c in value.chars() {
            match c {
                '\\' => self.text.push_str("\\\\"),
                '/' => self.text.push_str("\\/"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '"' | '<' | '>' | '&' | '\'' => self.escape_upper(c),
                ' '..='~' => self.text.push(c),
                _ if !c.is_control() && self.spelling.raw_unicode => self.text.push(c),
                _ => self.escape(c),
            }
        }
        self.text.push('"');
    }

    fn escape_upper(&mut self, c: char) {
        let _ = write!(self.text, "\\u{:04X}", u32::from(c));
    }

    fn escape(&mut self, c: char) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(self.text, "\\u{unit:04x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_php_does_and_reads_back_the_same() {
        let hostile = "a\"b\\c/d\u{0}\r\n<b>&amp;'\u{202e}é😀\u{7f}";
        let mut writer = Writer::new(Spelling::default());
        writer.string(hostile);
        let json = writer.finish();
        assert!(json.is_ascii(), "{json}");
        assert!(json.contains("\\u0022") && json.contains("\\ud83d\\ude00") && json.contains("\\/"));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
        let mut writer = Writer::new(Spelling {
            raw_unicode: true,
            ..Spelling::default()
        });
        writer.string(hostile);
        let json = writer.finish();
        assert!(json.contains('😀'));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    #[test]
    fn commas_stand_between_members_only() {
        let mut writer = Writer::new(Spelling {
            string_numbers: true,
            ..Spelling::default()
        });
        writer
            .open('{')
            .key("a")
            .open('[')
            .number(1)
            .number(-2)
            .null()
            .close(']');
        writer
            .key("b")
            .open('{')
            .close('}')
            .key("c")
            .string("")
            .close('}');
        assert_eq!(writer.finish(), r#"{"a":["1","-2",null],"b":{},"c":""}"#);
    }
}
