//! `.env`, read forgivingly: an unquoted value means what it says.

use dotenvy::from_read_iter;

use crate::config::findings::Wrong;

/// A line of `.env` that sets something.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    /// From 1.
    pub line: usize,
    pub key: String,
    pub value: String,
}

/// Reads the bytes of a `.env`: what it sets, and what is wrong with which line. Nothing of a line is quoted.
///
/// `KEY=value`, `export KEY=value`, comments and empty lines. Without quotes a value goes to the end of the line or
/// to a `#` after white space, and every character means itself. In single quotes everything means itself; in double
/// quotes `\n`, `\"`, `\\` and `\$` are escapes. Nothing is ever substituted. A value stays on its line.
#[must_use]
pub fn read(bytes: &[u8]) -> (Vec<Setting>, Vec<(usize, Wrong)>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut settings, mut wrong) = (Vec::new(), Vec::new());
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        match read_line(line) {
            Ok(Some((key, value))) => settings.push(Setting {
                line: index + 1,
                key,
                value,
            }),
            Ok(None) => {}
            Err(error) => wrong.push((index + 1, error)),
        }
    }
    (settings, wrong)
}

fn read_line(line: &[u8]) -> Result<Option<(String, String)>, Wrong> {
    let line = std::str::from_utf8(line)
        .map_err(|_| Wrong::new("is not UTF-8 text", "Save the file as UTF-8."))?
        .trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let Some((key, value)) = line.split_once('=') else {
        return Err(Wrong::new("has no `=`", "Write KEY=value."));
    };
    let quoted = format!("{}={}", key.trim(), quote(&meaning(value.trim())?));
    let mut found = from_read_iter(quoted.as_bytes());
    match found.next() {
        Some(Ok(pair)) => Ok(Some(pair)),
        // The error quotes the line.
        Some(Err(_)) | None => Err(Wrong::new(
            "does not begin with the name of a setting",
            "A name has letters, digits and underscores: KEY=value.",
        )),
    }
}

/// What the text after `=` means.
fn meaning(text: &str) -> Result<String, Wrong> {
    let quote = match text.chars().next() {
        Some(quote @ ('\'' | '"')) => quote,
        Some(_) | None => return Ok(plain(text).to_owned()),
    };
    let Some((inside, rest)) = split_quoted(&text[1..], quote) else {
        return Err(Wrong::new(
            "opens a quote that is not closed on the line",
            "Close it, or leave the quotes out: spaces need none.",
        ));
    };
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(inside)
    } else {
        // `"Stock monitor" <stock@example.com>`: the quotes belong to the value.
        Ok(plain(text).to_owned())
    }
}

/// An unquoted value without its comment.
fn plain(text: &str) -> &str {
    let mut blank = true;
    for (at, c) in text.char_indices() {
        if c == '#' && blank {
            return text[..at].trim_end();
        }
        blank = c.is_whitespace();
    }
    text
}

/// What stands before the closing quote, without its escapes, and what after.
fn split_quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some((inside, &text[at + 1..]));
        }
        if c != '\\' || quote == '\'' {
            inside.push(c);
            continue;
        }
        match chars.next()?.1 {
            'n' => inside.push('\n'),
            escaped @ ('"' | '\\' | '$' | '\'') => inside.push(escaped),
            other => inside.extend(['\\', other]),
        }
    }
    None
}

/// In quotes, as dotenvy reads it back unchanged.
fn quote(value: &str) -> String {
    let mut quoted = String::from('"');
    for c in value.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '"' | '\\' | '$' => quoted.extend(['\\', c]),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(usize, String, String)> {
        let (settings, wrong) = read(text.as_bytes());
        assert_eq!(wrong, [], "{text:?}");
        settings.into_iter().map(|s| (s.line, s.key, s.value)).collect()
    }

    fn value(line: &str) -> String {
        match values(line).as_slice() {
            [(1, key, value)] if key == "K" => value.clone(),
            other => panic!("{line:?} gave {other:?}"),
        }
    }

    #[test]
    fn an_unquoted_value_means_what_it_says() {
        for (line, meant) in [
            ("K=every 5m", "every 5m"),
            ("K=a$bc${HOME}$$", "a$bc${HOME}$$"),
            ("K=Stock <stock@example.com>", "Stock <stock@example.com>"),
            ("K=pa#ss", "pa#ss"),
            ("K=value # a comment", "value"),
            ("K=value\t# a comment", "value"),
            ("K=  spaced  ", "spaced"),
            ("K=#nothing", ""),
            ("K= # nothing", ""),
            ("K=", ""),
            ("K=a=b==", "a=b=="),
            ("K=it's", "it's"),
            (r"K=C:\dir\new", r"C:\dir\new"),
            ("K = around", "around"),
            ("export K=x", "x"),
            ("  export   K=x", "x"),
            (
                "K=\"Stock monitor\" <stock@example.com>",
                "\"Stock monitor\" <stock@example.com>",
            ),
            ("K=ünï ☂", "ünï ☂"),
        ] {
            assert_eq!(value(line), meant, "{line}");
        }
    }

    #[test]
    fn quotes_keep_what_they_hold() {
        for (line, meant) in [
            ("K='a b'", "a b"),
            ("K='$x \\n \"'", "$x \\n \""),
            ("K='a # b'", "a # b"),
            ("K='a' # b", "a"),
            ("K='a'#b", "a"),
            ("K=\"a b\"", "a b"),
            ("K=\"a$b${C}\"", "a$b${C}"),
            (r#"K="a\"b\\c\$d\ne""#, "a\"b\\c$d\ne"),
            (r#"K="C:\dir""#, "C:\\dir"),
            ("K=''", ""),
            ("K=\"\"", ""),
        ] {
            assert_eq!(value(line), meant, "{line}");
        }
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_do_not_matter() {
        assert_eq!(
            values("\u{feff}A=1\r\n\r\n# x\r\nB='2'\r\n"),
            [(1, "A".into(), "1".into()), (4, "B".into(), "2".into())]
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line_and_never_quoted() {
        let text = b"A=1\nCANARY\nB='CANARY\n9X=CANARY\nC D=CANARY\n=CANARY\nE=\xff\nF=2\nG=\"CANARY\\\"\n";
        let (settings, wrong) = read(text);
        let keys: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
        assert_eq!(keys, ["A", "F"]);
        let lines: Vec<usize> = wrong.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7, 9]);
        assert!(!format!("{wrong:?}").contains("CANARY"), "{wrong:?}");
    }

    proptest::proptest! {
        #[test]
        fn every_value_survives_single_or_double_quotes(value in "[^\r\n\u{0}]{0,40}") {
            let double = format!("K=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
            let expected = vec![(1, "K".to_owned(), value.clone())];
            proptest::prop_assert_eq!(values(&double), expected.clone());
            if !value.contains('\'') {
                proptest::prop_assert_eq!(values(&format!("K='{value}'")), expected);
            }
        }

        #[test]
        fn nothing_makes_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = read(&bytes);
        }
    }
}
