//! The configuration file as a tree of values that know their lines.

use toml::Spanned;
use toml::de::DeString;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::findings::Findings;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys;

/// A value and the line it begins on.
pub struct Entry {
    /// From 1.
    pub line: usize,
    pub value: Value,
}

/// A value of the file.
pub enum Value {
    Text(String),
    Integer(i64),
    /// A number, truth value or date, as it is written.
    Other(String),
    List(Vec<Entry>),
    Table(Table),
}

/// A table: keys with their values, in the order of their names.
#[derive(Default)]
pub struct Table {
    pub line: usize,
    pub entries: Vec<(String, Entry)>,
}

impl Table {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, entry)| entry)
    }

    /// The entries whose keys are wanted, and the others.
    #[must_use]
    pub fn partition(self, wanted: impl Fn(&str) -> bool) -> (Self, Self) {
        let (yes, no) = self.entries.into_iter().partition(|(name, _)| wanted(name));
        let with = |entries| Self {
            line: self.line,
            entries,
        };
        (with(yes), with(no))
    }
}

/// Reads a file's text. What is wrong with its form is noted with line, column and a picture of the line in which
/// everything that may be a secret is masked.
pub fn read(path: &str, text: &str, findings: &mut Findings) -> Option<Table> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::new(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = lines.position(at);
        let picture = lines.picture(at, error.span().map_or(1, |span| span.len()));
        let problem = format!("is not TOML at column {column}: {}", error.message());
        let place = Place::File {
            path: path.to_owned(),
            line,
        };
        findings.wrong(
            "the file",
            place,
            Wrong::new(problem, format!("Texts need quotes, lists brackets.\n{picture}")),
        );
    }
    errors.is_empty().then(|| table(root.get_ref(), 1, &lines))
}

fn table(source: &DeTable<'_>, line: usize, lines: &Lines<'_>) -> Table {
    let entries = source
        .iter()
        .map(|(key, value)| (name(key), entry(key.span().start, value, lines)));
    Table {
        line,
        entries: entries.collect(),
    }
}

fn name(key: &Spanned<DeString<'_>>) -> String {
    key.get_ref().to_string()
}

fn entry(at: usize, source: &Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Entry {
    let line = lines.position(at).0;
    let value = match source.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other(number.to_string()),
        },
        DeValue::Float(number) => Value::Other(number.to_string()),
        DeValue::Boolean(truth) => Value::Other(truth.to_string()),
        DeValue::Datetime(time) => Value::Other(time.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| entry(item.span().start, item, lines))
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(inner, line, lines)),
    };
    Entry { line, value }
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Line and column, both from 1.
    fn position(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line - 1];
        let before = self.text.get(start..at.min(self.text.len())).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// The line, masked, and carets below it.
    fn picture(&self, at: usize, length: usize) -> String {
        let (line, column) = self.position(at);
        let start = self.starts[line - 1];
        let text = self.text[start..].lines().next().unwrap_or_default();
        let room = (text.chars().count() + 1).saturating_sub(column - 1).max(1);
        let carets = "^".repeat(length.clamp(1, room));
        format!("  | {}\n  | {}{carets}", masked(text), " ".repeat(column - 1))
    }
}

/// A line in which only what cannot be a secret is left: known keys, headers, quotes and brackets.
fn masked(line: &str) -> String {
    let bare = line.trim();
    let header = bare.trim_matches(['[', ']']);
    if bare.starts_with('[') && SECTIONS.contains(&header) {
        return line.to_owned();
    }
    let open = line
        .split_once('=')
        .map(|(key, _)| key)
        .filter(|key| is_a_key(key.trim()))
        .map_or(0, |key| key.len() + 1);
    let hide = |c: char| {
        if matches!(c, ' ' | '\t' | '"' | '\'' | '[' | ']' | '{' | '}' | ',') {
            c
        } else {
            '*'
        }
    };
    line[..open]
        .chars()
        .chain(line[open..].chars().map(hide))
        .collect()
}

/// The headers of the file.
const SECTIONS: &[&str] = &[
    "instance",
    "channel",
    "rule",
    "capacity",
    "pool",
    "report",
    "maintenance",
    "metrics",
];

/// Words that stand left of a `=`.
const WORDS: &[&str] = &[
    "name",
    "url",
    "url_file",
    "identifier",
    "identifier_file",
    "secret",
    "secret_file",
    "username",
    "username_file",
    "password",
    "password_file",
    "response_type",
    "access_key",
    "access_key_file",
    "schedule",
    "timeout",
    "ca_file",
    "allow_insecure_tls",
    "max_body",
    "max_requests",
    "details_interval",
    "type",
    "to",
    "from",
    "smtp_url",
    "smtp_url_file",
    "smtp_password",
    "smtp_password_file",
    "format",
    "severities",
    "allow_link_local",
    "chat_id",
    "thread_id",
    "topic",
    "topic_file",
    "token",
    "token_file",
    "template",
    "content_type",
    "list_unsubscribe",
    "default",
    "instances",
    "groups",
    "products",
    "options",
    "low",
    "critical",
    "for",
    "for_out",
    "hold",
    "recover_margin",
    "repeat",
    "cover",
    "stock_control",
    "hidden",
    "channels",
    "quiet",
    "quiet_days",
    "quiet_zone",
    "quiet_pierce",
    "escalate_after",
    "escalate_to",
    "max_combinations",
    "combinations",
    "combine",
    "capacity",
    "uses",
    "every",
    "at",
    "weekday",
    "day",
    "zone",
    "period",
    "audience",
    "sections",
    "lead_time",
    "skip_if_empty",
    "idle_after",
    "charts",
    "lasts",
    "pools",
    "comment",
];

fn is_a_key(word: &str) -> bool {
    WORDS.contains(&word) || keys::is_known(&word.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        let mut findings = Findings::default();
        assert!(read("monitor.toml", text, &mut findings).is_none());
        findings
            .problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect()
    }

    #[test]
    fn an_error_of_form_is_shown_with_its_place_and_a_masked_line() {
        insta::assert_snapshot!(wrong("[[rule]]\nlow = 3\ncritical = \nsecret = \"CANARY\n"), @r#"
        the file (monitor.toml line 3) is not TOML at column 12: string values must be quoted, expected literal string. Texts need quotes, lists brackets.
          | critical = 
          |            ^
        the file (monitor.toml line 4) is not TOML at column 17: invalid basic string, expected `"`. Texts need quotes, lists brackets.
          | secret = "******
          |                 ^
        "#);
    }

    #[test]
    fn a_line_that_cannot_be_read_shows_nothing_that_may_be_a_secret() {
        for text in [
            "secret = \"CANARY",
            "secret = CANARY",
            "secret = \"CANARY\" CANARY",
            "CANARY",
            "CANARY = = 1",
            "secret = { a = \"CANARY\", ",
            "x = \"\"\"\nCANARY\n",
            "secret = 'CANARY\\'\nsecret = 1",
            "secret = \"CANARY\"\nsecret = \"CANARY\"",
            "[CANARY",
            "secret = \"\\CANARY\"",
            "\"CANARY",
        ] {
            let said = wrong(text);
            assert!(!said.contains("CANARY"), "{text:?} gave {said}");
            assert!(said.contains("monitor.toml line "), "{said}");
        }
    }

    #[test]
    fn every_value_knows_its_line() {
        let mut findings = Findings::default();
        let text = "\u{feff}low_stock = 5\r\n\r\n[[rule]]\r\nlow = 1\r\n[[rule]]\r\nlow = 2\r\nproducts = [1,\r\n\"b\"]\r\n";
        let root = read("f", text, &mut findings).expect("well-formed");
        let Some(Value::List(rules)) = root.get("rule").map(|entry| &entry.value) else {
            panic!("no rules")
        };
        let Value::Table(second) = &rules[1].value else {
            panic!("no table")
        };
        let Some(Value::List(products)) = second.get("products").map(|entry| &entry.value) else {
            panic!("no products")
        };
        assert_eq!(rules.iter().map(|rule| rule.line).collect::<Vec<_>>(), [3, 5]);
        assert_eq!(second.get("low").map(|entry| entry.line), Some(6));
        assert_eq!(
            products.iter().map(|entry| entry.line).collect::<Vec<_>>(),
            [7, 8]
        );
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_the_reader_panic(text in "[a-c=\"'\\[\\]{}#,\\\\ü\n\r .0-9]{0,60}") {
            let _ = read("f", &text, &mut Findings::default());
        }
    }
}
