//! The entries of the configuration file that `config import` keeps: known by their names, changed without touching
//! anything else of the file.

use std::collections::HashMap;
use std::collections::HashSet;

use toml_edit::Array;
use toml_edit::ArrayOfTables;
use toml_edit::DocumentMut;
use toml_edit::InlineTable;
use toml_edit::Item;
use toml_edit::Table;
use toml_edit::Value;

use crate::config::entry::Entry;
use crate::config::entry::Identity;
use crate::config::entry::Target;
use crate::config::entry::Values;
use crate::config::entry::Which;

/// What the names of the import's own rules and capacities begin with.
pub const MARK: &str = "import: ";

/// What differs for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub target: Target,
    pub before: Option<Values>,
    pub after: Option<Values>,
}

/// The file's text, ready to be changed.
#[derive(Debug, Clone)]
pub struct Document {
    doc: DocumentMut,
    mark: bool,
    windows: bool,
}

/// The two kinds of tables that the import writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rule,
    Capacity,
}

impl Kind {
    fn key(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Capacity => "capacity",
        }
    }

    fn has(self, values: &Values) -> bool {
        match self {
            Self::Rule => values.has_rule(),
            Self::Capacity => values.capacity.is_some(),
        }
    }
}

impl Document {
    /// Reads a file that `config check` finds good.
    ///
    /// # Errors
    /// In words: it is not TOML, or writes its rules in a form that cannot be added to.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
        // Its message quotes the line, which may hold a secret.
        let doc: DocumentMut = bare
            .parse()
            .map_err(|_| "The configuration file is not TOML. Run `config check`.".to_owned())?;
        for kind in [Kind::Rule, Kind::Capacity] {
            let item = doc.get(kind.key());
            if item.is_some_and(|item| !item.is_array_of_tables()) {
                let key = kind.key();
                return Err(format!(
                    "The configuration file does not write its {key} entries as [[{key}]] tables; only to those can \
                     others be added."
                ));
            }
        }
        Ok(Self {
            doc,
            mark: bare.len() < text.len(),
            windows: text.contains("\r\n"),
        })
    }

    /// The entries that an import wrote, in the file's order.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut places: HashMap<Identity, usize> = HashMap::new();
        for kind in [Kind::Rule, Kind::Capacity] {
            for table in self.tables(kind) {
                let Some(target) = target(table) else { continue };
                let place = *places.entry(target.identity()).or_insert_with(|| {
                    entries.push(Entry {
                        target,
                        values: Values::default(),
                    });
                    entries.len() - 1
                });
                read_values(kind, table, &mut entries[place].values);
            }
        }
        entries
    }

    /// For each `[[rule]]` whom it is for, where an import wrote it.
    #[must_use]
    pub fn rules(&self) -> Vec<Option<Target>> {
        self.tables(Kind::Rule).map(target).collect()
    }

    /// For each `[[capacity]]` the same.
    #[must_use]
    pub fn capacities(&self) -> Vec<Option<Target>> {
        self.tables(Kind::Capacity).map(target).collect()
    }

    /// Makes the import's entries these and no others, in this order, behind all rules that people wrote. What differs is
    /// returned, removed entries last.
    pub fn apply(&mut self, wanted: &[Entry]) -> Vec<Change> {
        let changes = changes(&self.entries(), wanted);
        if !changes.is_empty() || !self.is_in_order(wanted) {
            for kind in [Kind::Rule, Kind::Capacity] {
                self.apply_kind(kind, wanted);
            }
        }
        changes
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.doc.to_string();
        let text = if self.windows {
            text.replace("\r\n", "\n").replace('\n', "\r\n")
        } else {
            text
        };
        if self.mark {
            format!("\u{feff}{text}")
        } else {
            text
        }
    }

    fn tables(&self, kind: Kind) -> impl Iterator<Item = &Table> {
        let array = self.doc.get(kind.key()).and_then(Item::as_array_of_tables);
        array.into_iter().flat_map(ArrayOfTables::iter)
    }

    /// Whether the entries stand in this order, behind everything else.
    fn is_in_order(&self, wanted: &[Entry]) -> bool {
        [Kind::Rule, Kind::Capacity].into_iter().all(|kind| {
            let wanted = wanted.iter().filter(|entry| kind.has(&entry.values));
            let wanted: Vec<Identity> = wanted.map(|entry| entry.target.identity()).collect();
            let all: Vec<Option<Identity>> = self
                .tables(kind)
                .map(|table| target(table).map(|target| target.identity()))
                .collect();
            let foreign = all.iter().filter(|identity| identity.is_none()).count();
            all[foreign..]
                .iter()
                .eq(wanted.into_iter().map(Some).collect::<Vec<_>>().iter())
        })
    }

    fn apply_kind(&mut self, kind: Kind, wanted: &[Entry]) {
        let by_identity: HashMap<Identity, &Entry> = wanted
            .iter()
            .filter(|entry| kind.has(&entry.values))
            .map(|entry| (entry.target.identity(), entry))
            .collect();
        let old = match self.doc.remove(kind.key()) {
            Some(Item::ArrayOfTables(tables)) => tables,
            Some(_) | None => ArrayOfTables::new(),
        };
        let mut all = ArrayOfTables::new();
        let mut kept: HashMap<Identity, (usize, Table)> = HashMap::new();
        let mut in_order = true;
        for (place, mut table) in old.into_iter().enumerate() {
            let Some(identity) = target(&table).map(|target| target.identity()) else {
                in_order &= kept.is_empty();
                all.push(table);
                continue;
            };
            match by_identity.get(&identity) {
                Some(entry) if !kept.contains_key(&identity) => {
                    write_values(kind, &mut table, &entry.values);
                    kept.insert(identity, (place, table));
                }
                Some(_) | None => self.keep_comment(&table),
            }
        }
        let mut ours: Vec<Table> = Vec::new();
        let mut last = None;
        for entry in wanted.iter().filter(|entry| kind.has(&entry.values)) {
            let (place, table) = match kept.remove(&entry.target.identity()) {
                Some((place, table)) => (place, table),
                None => (usize::MAX, new_table(kind, entry)),
            };
            in_order &= last.is_none_or(|last| last <= place);
            last = Some(place);
            ours.push(table);
        }
        for mut table in ours {
            if !in_order {
                table.set_position(Some(LAST));
            }
            if table.position() == Some(LAST) {
                self.put_after_comments(&mut table);
            }
            all.push(table);
        }
        if !all.is_empty() {
            self.doc.insert(kind.key(), Item::ArrayOfTables(all));
        }
    }

    /// A comment above a table that goes is kept, at the end of the file.
    fn keep_comment(&mut self, table: &Table) {
        let comment = table.decor().prefix().and_then(|prefix| prefix.as_str());
        if let Some(comment) = comment.filter(|comment| comment.contains('#')) {
            let trailing = self.doc.trailing().as_str().unwrap_or_default().to_owned();
            self.doc.set_trailing(trailing + comment);
        }
    }

    /// What stands at the end of the file stays before what is added to it.
    fn put_after_comments(&mut self, table: &mut Table) {
        let trailing = self.doc.trailing().as_str().unwrap_or_default().to_owned();
        self.doc.set_trailing("");
        if trailing.contains('#') {
            let own = table.decor().prefix().and_then(|prefix| prefix.as_str());
            let own = own.unwrap_or("\n").to_owned();
            let gap = if trailing.ends_with('\n') { "" } else { "\n" };
            table.decor_mut().set_prefix(format!("{trailing}{gap}{own}"));
        }
    }
}

/// Behind everything else.
const LAST: isize = isize::MAX;

fn changes(before: &[Entry], wanted: &[Entry]) -> Vec<Change> {
    let old: HashMap<Identity, &Values> = before
        .iter()
        .map(|entry| (entry.target.identity(), &entry.values))
        .collect();
    let new: HashSet<Identity> = wanted.iter().map(|entry| entry.target.identity()).collect();
    let mut changes = Vec::new();
    for entry in wanted {
        let known = old.get(&entry.target.identity());
        if known != Some(&&entry.values) {
            changes.push(Change {
                target: entry.target.clone(),
                before: known.map(|values| (*values).clone()),
                after: Some(entry.values.clone()),
            });
        }
    }
    let removed = before
        .iter()
        .filter(|entry| !new.contains(&entry.target.identity()));
    changes.extend(removed.map(|entry| Change {
        target: entry.target.clone(),
        before: Some(entry.values.clone()),
        after: None,
    }));
    changes
}

/// Whom a table is for, where an import wrote it and nobody made another one of it.
fn target(table: &Table) -> Option<Target> {
    let name = table.get("name")?.as_str()?;
    if !name.starts_with(MARK) || table.contains_key("groups") {
        return None;
    }
    let instance = match table.get("instances") {
        Some(instances) => Some(text(single(instances)?)?),
        None => None,
    };
    let product = match single(table.get("products")?)? {
        Value::Integer(id) => Which::Id(*id.value()),
        name => Which::Name(text(name)?),
    };
    let options = match table.get("options") {
        Some(options) => options
            .as_table_like()?
            .iter()
            .map(|(option, choice)| Some((option.to_owned(), text(choice.as_value()?)?)))
            .collect::<Option<_>>()?,
        None => Vec::new(),
    };
    Some(Target {
        instance,
        product,
        options,
    })
}

/// The one value of a list of one.
fn single(item: &Item) -> Option<&Value> {
    match item.as_value()? {
        Value::Array(array) if array.len() == 1 => array.get(0),
        Value::Array(_) => None,
        value => Some(value),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().replace("$${", "${")),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::InlineTable(_) => None,
    }
}

fn read_values(kind: Kind, table: &Table, values: &mut Values) {
    let number = |key: &str| table.get(key).and_then(Item::as_integer);
    match kind {
        Kind::Rule => {
            values.low = number("low").or(values.low);
            values.critical = number("critical").or(values.critical);
            let channels = table.get("channels").and_then(Item::as_array);
            let names = channels.map(|array| array.iter().filter_map(text).collect());
            values.channels = names.or(values.channels.take());
        }
        Kind::Capacity => values.capacity = number("capacity").or(values.capacity),
    }
}

fn new_table(kind: Kind, entry: &Entry) -> Table {
    let target = &entry.target;
    let mut table = Table::new();
    table.set_position(Some(LAST));
    table.insert("name", literal(&format!("{MARK}{target}")).into());
    if let Some(instance) = &target.instance {
        table.insert("instances", list([literal(instance)]).into());
    }
    let product = match &target.product {
        Which::Id(id) => Value::from(*id),
        Which::Name(name) => literal(name),
    };
    table.insert("products", list([product]).into());
    if !target.options.is_empty() {
        let pairs = target.options.iter().map(|(o, c)| (o.as_str(), literal(c)));
        table.insert("options", Value::from(pairs.collect::<InlineTable>()).into());
    }
    write_values(kind, &mut table, &entry.values);
    table
}

fn write_values(kind: Kind, table: &mut Table, values: &Values) {
    match kind {
        Kind::Rule => {
            set(table, "low", values.low.map(Value::from));
            set(table, "critical", values.critical.map(Value::from));
            let channels = values.channels.as_ref();
            set(
                table,
                "channels",
                channels.map(|names| list(names.iter().map(|name| literal(name)))),
            );
        }
        Kind::Capacity => set(table, "capacity", values.capacity.map(Value::from)),
    }
}

/// Sets or removes a key; a comment behind its value stays.
fn set(table: &mut Table, key: &str, value: Option<Value>) {
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(key, value.into());
        }
    }
}

/// A text in which `${` is no variable.
#[must_use]
pub fn literal(text: &str) -> Value {
    Value::from(text.replace("${", "$${"))
}

fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(values.into_iter().collect::<Array>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(instance: &str, id: i64, option: &str, low: i64) -> Entry {
        let pairs = option.split(';').filter_map(|pair| pair.split_once('='));
        Entry {
            target: Target {
                instance: Some(instance.to_owned()),
                product: Which::Id(id),
                options: pairs.map(|(o, c)| (o.to_owned(), c.to_owned())).collect(),
            },
            values: Values {
                low: Some(low),
                ..Values::default()
            },
        }
    }

    const FILE: &str = "# Ours.\nlow_stock = 5   # for all\n\n# GPU servers sell fast.\n[[rule]]\nname = \"gpu\" # hand\n\
        products = [ \"GPU *\" ]\nlow   =  9\n\n# Shared.\n[[pool]]\nname = \"kits\"\ncapacity = 4\n\
        uses = [{ option = \"RAM\", choice = \"64 GB\" }]\n# The end.\n";

    #[test]
    fn what_people_wrote_stays_as_it_is_and_entries_come_behind_it() {
        let mut document = Document::parse(FILE).expect("TOML");
        let mut both = entry("eu", 42, "RAM=64 GB", 3);
        both.values.capacity = Some(12);
        both.values.channels = Some(vec!["sales".to_owned()]);
        let changes = document.apply(&[entry("eu", 7, "", 2), both]);
        assert_eq!(changes.len(), 2);
        let text = document.text();
        assert!(text.starts_with(FILE), "{text}");
        insta::assert_snapshot!(text[FILE.len()..], @r#"

        [[rule]]
        name = "import: eu/7"
        instances = ["eu"]
        products = [7]
        low = 2

        [[rule]]
        name = "import: eu/42/RAM=64 GB"
        instances = ["eu"]
        products = [42]
        options = { RAM = "64 GB" }
        low = 3
        channels = ["sales"]

        [[capacity]]
        name = "import: eu/42/RAM=64 GB"
        instances = ["eu"]
        products = [42]
        options = { RAM = "64 GB" }
        capacity = 12
        "#);
    }

    #[test]
    fn entries_are_updated_and_removed_and_nothing_else_is_lost() {
        let mut document = Document::parse(FILE).expect("TOML");
        document.apply(&[entry("eu", 7, "", 2), entry("eu", 8, "", 2)]);
        let edited = document
            .text()
            .replace(
                "products = [7]\nlow = 2\n",
                "products = [7]\nlow = 2 # Bob asked for it\nfor = \"5m\"\n",
            )
            .replace(
                "[[rule]]\nname = \"import: eu/8\"",
                "# About 8.\n[[rule]]\nname = \"import: eu/8\"",
            );
        let edited = format!("{edited}\n[[rule]]\ngroups = [1]\nlow = 1\n");
        let mut document = Document::parse(&edited).expect("TOML");
        let changes = document.apply(&[entry("EU", 7, "", 4)]);
        assert_eq!(changes.len(), 2, "{changes:?}");
        let text = document.text();
        let ours = FILE.len() - "# The end.\n".len();
        assert!(text.starts_with(&FILE[..ours]), "{text}");
        insta::assert_snapshot!(text[ours..], @r#"

        [[rule]]
        groups = [1]
        low = 1

        # About 8.
        # The end.

        [[rule]]
        name = "import: eu/7"
        instances = ["eu"]
        products = [7]
        low = 4 # Bob asked for it
        for = "5m"
        "#);
        let changes = document.apply(&[]);
        assert_eq!(changes.len(), 1);
        assert!(document.text().contains("# About 8."), "{}", document.text());
        assert!(document.entries().is_empty());
    }

    #[test]
    fn the_same_entries_again_change_nothing() {
        let windows = format!("\u{feff}{}", FILE.replace('\n', "\r\n"));
        let mut document = Document::parse(&windows).expect("TOML");
        let entries = [entry("eu", 7, "${a}=$${b", 2), entry("*", 7, "", 2)];
        document.apply(&entries);
        let text = document.text();
        assert!(text.starts_with(&windows), "{text:?}");
        assert!(!text.replace("\r\n", "").contains('\n'));
        let mut again = Document::parse(&text).expect("TOML");
        assert_eq!(again.entries(), entries);
        assert_eq!(again.apply(&entries), []);
        assert_eq!(again.text(), text);
    }

    #[test]
    fn a_file_without_tables_and_one_with_other_forms_of_them() {
        let mut document = Document::parse("# Nothing yet.\n").expect("TOML");
        document.apply(&[entry("eu", 7, "", 2)]);
        assert!(
            document.text().starts_with("# Nothing yet.\n\n[[rule]]\n"),
            "{}",
            document.text()
        );
        assert!(Document::parse("rule = [{ low = 1 }]\n").is_err());
        let changed_by_hand = "[[rule]]\nname = \"import: eu/7\"\nproducts = [7, 8]\nlow = 1\n";
        let mut document = Document::parse(changed_by_hand).expect("TOML");
        document.apply(&[entry("eu", 7, "", 2)]);
        assert!(document.text().starts_with(changed_by_hand));
    }
}
