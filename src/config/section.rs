//! One table of the file, key by key.

use crate::config::file::Entry;
use crate::config::file::Table;
use crate::config::file::Value;
use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys;
use crate::config::keys::Kind;
use crate::config::overlay::Found;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::domain::pattern::Pattern;

/// What to do about a list that names nothing.
const NAME_SOME: &str = "At least one is needed, or leave the key out: then it is any.";

/// One table of the file while it is read. What was not asked for by the end is unknown.
pub struct Section<'a> {
    /// How messages name it: `rule 2`.
    pub label: String,
    pub table: &'a Table,
    asked: Vec<String>,
}

impl<'a> Section<'a> {
    /// Begins to read a table.
    #[must_use]
    pub fn new(label: impl Into<String>, table: &'a Table) -> Self {
        Self {
            label: label.into(),
            table,
            asked: Vec::new(),
        }
    }

    /// How messages name one of its keys.
    #[must_use]
    pub fn key(&self, key: &str) -> String {
        format!("{}: {key}", self.label)
    }

    /// A key with one value.
    pub fn one<T>(
        &mut self,
        reader: &mut Reader,
        key: &str,
        kind: Kind,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Given<Placed<T>> {
        let label = self.key(key);
        let found = self.find(reader, key, &label);
        reader.parsed(&label, kind, found, &parse)
    }

    /// A secret, which may also stand in the file that `<key>_file` names.
    pub fn secret<T>(
        &mut self,
        reader: &mut Reader,
        key: &str,
        kind: Kind,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Given<Placed<T>> {
        let label = self.key(key);
        let found = self.find_secret(reader, key, &label);
        reader.parsed(&label, kind, found, &parse)
    }

    /// A key's text, before it is parsed.
    pub fn find(&mut self, reader: &mut Reader, key: &str, label: &str) -> Given<Found> {
        self.asked.push(key.to_owned());
        match self.table.get(key) {
            Some(entry) => found(reader, label, entry),
            None => Given::Absent,
        }
    }

    /// A secret's text, before it is parsed.
    pub fn find_secret(&mut self, reader: &mut Reader, key: &str, label: &str) -> Given<Found> {
        let file_key = format!("{key}_file");
        let plain = self.find(reader, key, label);
        let path = self.find(reader, &file_key, label);
        let Some(entry) = self.table.get(&file_key) else {
            return plain.map(|found| Found {
                hidden: true,
                ..found
            });
        };
        if !plain.is_absent() {
            let problem = format!("is given twice: {key} and {file_key}");
            reader.wrong(label.to_owned(), entry.line, &problem, "Keep one of them.");
            return Given::Broken;
        }
        match path {
            Given::Is(path) => {
                let place = reader.line(entry.line);
                reader
                    .overlay
                    .file(label, &path.text, place, &mut reader.findings)
            }
            Given::Absent | Given::Broken => path,
        }
    }

    /// A list; a single value stands for a list of one.
    pub fn list<T>(
        &mut self,
        reader: &mut Reader,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Given<Vec<T>> {
        self.items(reader, key, |reader, label, entry| {
            let found = found(reader, label, entry);
            reader
                .parsed(label, Kind::Plain, found, &parse)
                .good()
                .map(|placed| placed.value)
        })
    }

    /// Products, groups, options and so on: numbers, or names with wildcards.
    pub fn patterns(&mut self, reader: &mut Reader, key: &str) -> Given<Vec<Pattern>> {
        if self.refuse_empty(reader, key, NAME_SOME) {
            return Given::Broken;
        }
        self.items(reader, key, pattern)
    }

    /// The same for names alone.
    pub fn names(
        &mut self,
        reader: &mut Reader,
        key: &str,
        parse: impl Fn(&str) -> Result<String, Wrong>,
    ) -> Given<Vec<String>> {
        if self.refuse_empty(reader, key, NAME_SOME) {
            return Given::Broken;
        }
        self.list(reader, key, parse)
    }

    /// Whether the key names nothing, which is noted: an empty list would be read as no list, and that is everything.
    pub fn refuse_empty(&mut self, reader: &mut Reader, key: &str, mend: &str) -> bool {
        let Some(entry) = self.table.get(key) else {
            return false;
        };
        let problem = match &entry.value {
            Value::List(entries) if entries.is_empty() => "is an empty list",
            Value::Table(table) if table.entries.is_empty() => "is an empty table",
            Value::List(_) | Value::Table(_) | Value::Text(_) | Value::Integer(_) | Value::Other(_) => {
                return false;
            }
        };
        self.know(key);
        reader.wrong(self.key(key), entry.line, problem, mend);
        true
    }

    fn items<T>(
        &mut self,
        reader: &mut Reader,
        key: &str,
        mut item: impl FnMut(&mut Reader, &str, &Entry) -> Option<T>,
    ) -> Given<Vec<T>> {
        self.asked.push(key.to_owned());
        let Some(entry) = self.table.get(key) else {
            return Given::Absent;
        };
        let label = self.key(key);
        let entries = match &entry.value {
            Value::List(entries) => entries.as_slice(),
            Value::Text(_) | Value::Integer(_) | Value::Other(_) | Value::Table(_) => {
                std::slice::from_ref(entry)
            }
        };
        let read: Vec<Option<T>> = entries.iter().map(|entry| item(reader, &label, entry)).collect();
        let wanted = read.len();
        let good: Vec<T> = read.into_iter().flatten().collect();
        if good.len() < wanted {
            Given::Broken
        } else {
            Given::Is(good)
        }
    }

    /// A key with one pattern.
    pub fn pattern(&mut self, reader: &mut Reader, key: &str) -> Given<Pattern> {
        self.asked.push(key.to_owned());
        let Some(entry) = self.table.get(key) else {
            return Given::Absent;
        };
        let label = self.key(key);
        pattern(reader, &label, entry).map_or(Given::Broken, Given::Is)
    }

    /// `{ "RAM" = "64 GB" }`: options with their choices.
    pub fn pairs(&mut self, reader: &mut Reader, key: &str) -> Given<Vec<(Pattern, Pattern)>> {
        if self.refuse_empty(reader, key, NAME_SOME) {
            return Given::Broken;
        }
        self.asked.push(key.to_owned());
        let Some(entry) = self.table.get(key) else {
            return Given::Absent;
        };
        let label = self.key(key);
        let Value::Table(table) = &entry.value else {
            reader.wrong(
                label,
                entry.line,
                "is not a table",
                "Write { \"RAM\" = \"64 GB\" }.",
            );
            return Given::Broken;
        };
        let mut pairs = Vec::new();
        for (option, choice) in &table.entries {
            let label = format!("{label}.{option}");
            if let Some(choice) = pattern(reader, &label, choice) {
                pairs.push((Pattern::text(option), choice));
            }
        }
        if pairs.len() < table.entries.len() {
            Given::Broken
        } else {
            Given::Is(pairs)
        }
    }

    /// The tables of a list of tables, each with the line it begins on.
    pub fn tables(&mut self, reader: &mut Reader, key: &str) -> Vec<&'a Table> {
        self.asked.push(key.to_owned());
        let Some(entry) = self.table.get(key) else {
            return Vec::new();
        };
        let entries = match &entry.value {
            Value::List(entries) => entries.as_slice(),
            Value::Text(_) | Value::Integer(_) | Value::Other(_) | Value::Table(_) => {
                std::slice::from_ref(entry)
            }
        };
        let mut tables = Vec::new();
        for entry in entries {
            match &entry.value {
                Value::Table(table) => tables.push(table),
                Value::Text(_) | Value::Integer(_) | Value::Other(_) | Value::List(_) => {
                    let label = if self.label.is_empty() {
                        key.to_owned()
                    } else {
                        self.key(key)
                    };
                    reader.wrong(label, entry.line, "is not a table", &format!("Write [[{key}]]."));
                }
            }
        }
        tables
    }

    /// Takes a key for known.
    pub fn know(&mut self, key: &str) {
        self.asked.push(key.to_owned());
    }

    /// Takes every key for known, where it cannot be told which are.
    pub fn ignore_the_rest(&mut self) {
        self.asked
            .extend(self.table.entries.iter().map(|(name, _)| name.clone()));
    }

    /// Notes the keys that were never asked for.
    pub fn finish(self, reader: &mut Reader) {
        for (name, entry) in &self.table.entries {
            if self.asked.iter().any(|asked| asked == name) {
                continue;
            }
            let mend = match keys::nearest(name, self.asked.iter().map(String::as_str)) {
                Some(near) => format!("Did you mean {near}?"),
                None if self.label.is_empty() => {
                    "See docs/configuration.md for the keys there are.".to_owned()
                }
                None => format!("There are: {}.", self.asked.join(", ")),
            };
            let known_name =
                name.chars().count() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let name = if known_name { name.as_str() } else { "a key" };
            let label = if self.label.is_empty() {
                name.to_owned()
            } else {
                self.key(name)
            };
            reader.wrong(label, entry.line, "is not a known key", &mend);
        }
    }
}

/// One value as text, variables in it replaced.
fn found(reader: &mut Reader, label: &str, entry: &Entry) -> Given<Found> {
    let place = reader.line(entry.line);
    let text = match &entry.value {
        Value::Text(text) => text,
        Value::Integer(number) => {
            return Given::Is(Found {
                text: number.to_string(),
                place,
                hidden: false,
            });
        }
        Value::Other(text) => {
            return Given::Is(Found {
                text: text.clone(),
                place,
                hidden: false,
            });
        }
        Value::List(items) => return joined(reader, label, items, place),
        Value::Table(_) => {
            reader.wrong(
                label.to_owned(),
                entry.line,
                "is a table where a value belongs",
                "Write one value.",
            );
            return Given::Broken;
        }
    };
    match reader.overlay.expanded(text, &mut reader.findings) {
        Ok(expanded) => Given::Is(Found {
            hidden: expanded.is_some(),
            text: expanded.unwrap_or_else(|| text.clone()),
            place,
        }),
        Err(wrong) => {
            reader.findings.wrong(label, place, wrong);
            Given::Broken
        }
    }
}

/// A list where one text is expected: the comma list of the environment.
fn joined(reader: &mut Reader, label: &str, items: &[Entry], place: Place) -> Given<Found> {
    let mut texts = Vec::new();
    let mut hidden = false;
    for item in items {
        match found(reader, label, item) {
            Given::Is(found) => {
                hidden |= found.hidden;
                texts.push(found.text);
            }
            Given::Absent | Given::Broken => return Given::Broken,
        }
    }
    Given::Is(Found {
        text: texts.join(", "),
        place,
        hidden,
    })
}

fn pattern(reader: &mut Reader, label: &str, entry: &Entry) -> Option<Pattern> {
    let found = match &entry.value {
        Value::Integer(id) if *id >= 0 => {
            let place = reader.line(entry.line);
            reader.findings.show(label, id.to_string(), &place);
            return Some(Pattern::Id(*id));
        }
        Value::Text(_) => found(reader, label, entry),
        Value::Integer(_) | Value::Other(_) | Value::List(_) | Value::Table(_) => {
            let mend = "Write a number (an id), or a name in quotes, in which * stands for anything.";
            reader.wrong(label.to_owned(), entry.line, "is neither an id nor a name", mend);
            return None;
        }
    };
    let parse = |text: &str| match text.trim() {
        "" => Err(Wrong::new("is an empty name", "Write a name, or * for any.")),
        name => Ok(Pattern::text(name)),
    };
    reader
        .parsed(label, Kind::Plain, found, &parse)
        .good()
        .map(|placed| placed.value)
}
