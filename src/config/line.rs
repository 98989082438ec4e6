//! A line of a list, checked by itself.

use std::collections::HashMap;

use crate::config::entry::Target;
use crate::config::entry::Values;
use crate::config::entry::Which;
use crate::config::export::EVERY_SHOP;
use crate::config::export::IMPORT;
use crate::config::export::NO_CHANNELS;
use crate::config::export::Stated;
use crate::config::managed::Document;
use crate::config::sheet::Column;
use crate::config::sheet::Row;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::capacity::CapacityRule;

/// What a list is read against.
pub struct Ground<'a> {
    /// The names of the configured shops.
    pub instances: Vec<&'a str>,
    /// The names of the configured channels, in their order.
    pub channels: Vec<&'a str>,
    pub rules: &'a Rules,
    pub capacities: &'a [CapacityRule],
    pub file: &'a Document,
    /// What the database knows; empty where there is none.
    pub shops: &'a [(&'a str, &'a Memory)],
}

/// Who made each value of a line, as the line says; everything is its own where it does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origins(HashMap<&'static str, bool>);

/// A line that is good in itself.
pub struct Line<'a> {
    pub row: &'a Row,
    pub target: Target,
    pub values: Values,
    origins: Origins,
}

/// Reads a line.
///
/// # Errors
/// Everything that is wrong with it.
pub fn line<'a>(row: &'a Row, ground: &Ground<'_>) -> Result<Line<'a>, Vec<String>> {
    let mut wrong = Vec::new();
    let mut note = |problem: String| wrong.push(problem);
    let product = product(row).map_err(&mut note).ok();
    let instance = instance(row, ground).map_err(&mut note).ok();
    let options = options(row.get(Column::Option)).map_err(&mut note).ok();
    let mut number = |column: Column| match count(column, row.get(column)) {
        Ok(number) => number,
        Err(problem) => {
            note(problem);
            None
        }
    };
    let (low, critical) = (number(Column::Low), number(Column::Critical));
    let capacity = number(Column::Capacity);
    if let (Some(low), Some(critical)) = (low, critical)
        && critical > low
    {
        note(format!("critical is {critical}, above low ({low})"));
    }
    if capacity.is_some() && row.get(Column::Option).is_empty() {
        note("capacity is for an option: name one, such as RAM=64 GB".to_owned());
    }
    let channels = channels(row.get(Column::Channels), ground)
        .map_err(&mut note)
        .ok();
    match (product, instance, options, channels) {
        (Some(product), Some(instance), Some(options), Some(channels)) if wrong.is_empty() => Ok(Line {
            row,
            target: Target {
                instance,
                product,
                options,
            },
            values: Values {
                low,
                critical,
                channels,
                capacity,
            },
            origins: Origins::parse(row.get(Column::Origin)),
        }),
        _ => Err(wrong),
    }
}

fn product(row: &Row) -> Result<Which, String> {
    match (row.get(Column::Pid), row.get(Column::Name)) {
        ("", "") => Err("names no product: write its pid, or its name".to_owned()),
        ("", name) => Ok(Which::Name(name.to_owned())),
        (pid, _) => match pid.parse::<i64>() {
            Ok(id) if id >= 0 => Ok(Which::Id(id)),
            Ok(_) | Err(_) => Err(format!("pid {pid:?} is not a number")),
        },
    }
}

fn instance(row: &Row, ground: &Ground<'_>) -> Result<Option<String>, String> {
    let names = &ground.instances;
    match (row.get(Column::Instance), names.as_slice()) {
        (EVERY_SHOP, _) => Ok(None),
        ("", [only]) => Ok(Some((*only).to_owned())),
        ("", _) => Err(format!(
            "does not say which shop: write an instance ({}), or * for all",
            names.join(", ")
        )),
        (name, _) => match names.iter().find(|known| known.eq_ignore_ascii_case(name)) {
            Some(known) => Ok(Some((*known).to_owned())),
            None => Err(format!(
                "there is no shop {name:?}; there are: {}",
                names.join(", ")
            )),
        },
    }
}

fn options(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut options: Vec<(String, String)> = Vec::new();
    for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (option, choice) = pair.split_once('=').unwrap_or((pair, ""));
        let (option, choice) = (option.trim(), choice.trim());
        if option.is_empty() || choice.is_empty() {
            return Err(format!(
                "option {pair:?} is no pair: write RAM=64 GB, several joined by ;"
            ));
        }
        let known = |(other, _): &(String, String)| other.to_lowercase() == option.to_lowercase();
        if options.iter().any(known) {
            return Err(format!("names the option {option:?} twice"));
        }
        options.push((option.to_owned(), choice.to_owned()));
    }
    Ok(options)
}

fn count(column: Column, text: &str) -> Result<Option<i64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(number) if number >= 0 => Ok(Some(number)),
        Ok(_) | Err(_) => Err(format!(
            "{} {text:?} is not a whole number of 0 or more",
            column.as_str()
        )),
    }
}

/// In the order of the configuration, each once.
fn channels(text: &str, ground: &Ground<'_>) -> Result<Option<Vec<String>>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'))
        .filter(|name| !name.is_empty())
        .collect();
    let known = &ground.channels;
    if names == [NO_CHANNELS] && !known.contains(&NO_CHANNELS) {
        return Ok(Some(Vec::new()));
    }
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(format!(
            "there is no channel {unknown:?}; there are: {} (or {NO_CHANNELS})",
            known.join(", ")
        ));
    }
    let wanted = known.iter().filter(|name| names.contains(name));
    Ok(Some(wanted.map(|name| (*name).to_owned()).collect()))
}

impl Line<'_> {
    /// Takes back each value that another rule is said to have set, and that holds without this line.
    pub fn inherit(&mut self, base: &Stated<'_>, is_choice: bool) {
        let others = |column| !self.origins.is_own(column);
        if let Some(capacity) = &base.capacity
            && others(Column::Capacity)
            && self.values.capacity == Some(capacity.value)
        {
            self.values.capacity = None;
        }
        if is_choice {
            return;
        }
        let low = self.values.low.unwrap_or(base.low.value);
        if others(Column::Critical) && self.values.critical == Some(base.critical.value.min(low)) {
            self.values.critical = None;
        }
        if others(Column::Low) && self.values.low == Some(base.low.value) {
            self.values.low = None;
        }
        if others(Column::Channels) && self.values.channels.as_ref() == Some(&base.channels.value) {
            self.values.channels = None;
        }
    }
}

impl Origins {
    fn parse(text: &str) -> Self {
        let columns = [Column::Low, Column::Critical, Column::Channels, Column::Capacity].map(Column::as_str);
        let is_own = |words: &str| words.is_empty() || words == IMPORT;
        let mut found = HashMap::new();
        for part in text.split(';').map(str::trim) {
            let named = part.split_once(": ").and_then(|(column, words)| {
                let column = columns.into_iter().find(|known| *known == column)?;
                Some((column, is_own(words.trim())))
            });
            match named {
                Some((column, own)) => {
                    found.insert(column, own);
                }
                None => {
                    for column in columns {
                        found.entry(column).or_insert(is_own(part));
                    }
                }
            }
        }
        Self(found)
    }

    fn is_own(&self, column: Column) -> bool {
        self.0.get(column.as_str()).copied().unwrap_or(true)
    }
}
