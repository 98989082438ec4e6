//! The rules of the file and the global thresholds.

use std::hash::Hasher;
use std::time::Duration;

use crate::config::escalation;
use crate::config::escalation::Wanted;
use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys;
use crate::config::keys::Kind;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::section::Section;
use crate::config::values;
use crate::domain::alerting::rules::ChannelPolicy;
use crate::domain::alerting::rules::Repeat;
use crate::domain::alerting::rules::Rule;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::rules::StableHasher;
use crate::domain::alerting::rules::StockControl;
use crate::domain::capacity::Capacities;
use crate::domain::pattern::Pattern;

/// What the rules refer to: the names of all instances and channels, also of those that are broken.
pub struct Names {
    pub instances: Vec<String>,
    pub channels: Vec<String>,
}

/// The global thresholds and all rules.
pub fn read(
    reader: &mut Reader,
    root: &mut Section<'_>,
    names: &Names,
    channels: Vec<ChannelPolicy>,
) -> Option<Rules> {
    let low = reader.setting(&keys::LOW_STOCK, values::count);
    let critical = reader.setting(&keys::CRITICAL_STOCK, values::count);
    let first_run = reader.setting(&keys::FIRST_RUN, first_run);
    let down_after = reader.setting(&keys::SOURCE_DOWN_AFTER, values::duration);
    let down_polls = reader.setting(&keys::SOURCE_DOWN_POLLS, values::positive);
    if let (Given::Is(low), Given::Is(critical)) = (&low, &critical)
        && critical.value > low.value
    {
        // Of two defaults neither is to blame.
        let place = if critical.place == Place::Default {
            &low.place
        } else {
            &critical.place
        };
        warn_of_clash(
            reader,
            keys::CRITICAL_STOCK.name,
            place.clone(),
            critical.value,
            low.value,
        );
    }
    let mut rules = Vec::new();
    let mut escalations = Vec::new();
    for (index, table) in root.tables(reader, "rule").into_iter().enumerate() {
        let mut section = Section::new(format!("rule {}", index + 1), table);
        if let Some(rule) = rule(reader, &mut section, names) {
            escalations.push(Wanted::of(&section));
            rules.push(rule);
        }
        section.finish(reader);
    }
    escalation::check(reader, &rules, &escalations, &channels);
    let mut all = Rules::new(low.good()?.value, critical.good()?.value, rules, channels);
    all.first_run_alerts = first_run.good()?.value;
    all.source_down_after = down_after.good()?.value;
    all.source_down_polls = down_polls.good()?.value;
    all.epoch = epoch(&all);
    Some(all)
}

/// The same for the same rules, another one for others. Quiet hours decide when a channel is told, not whether.
fn epoch(rules: &Rules) -> u64 {
    let mut hasher = StableHasher::default();
    let told: Vec<_> = rules
        .channels
        .iter()
        .map(|channel| (&channel.name, &channel.severities, channel.default))
        .collect();
    hasher.write(format!("{:?}", (rules.low, rules.critical, &rules.rules, told)).as_bytes());
    hasher.finish()
}

/// The rules as they hold together with these capacities: another epoch where either differs.
#[must_use]
pub fn under(mut rules: Rules, capacities: &Capacities) -> Rules {
    let mut hasher = StableHasher::default();
    hasher.write_u64(rules.epoch);
    hasher.write(format!("{capacities:?}").as_bytes());
    rules.epoch = hasher.finish();
    rules
}

fn warn_of_clash(reader: &mut Reader, key: &str, place: Place, critical: i64, low: i64) {
    let problem = format!("is {critical}, above low ({low}); {low} counts for both");
    let wrong = Wrong::new(problem, "Let critical be smaller than low.");
    reader.findings.warn(key, place, wrong);
}

fn first_run(text: &str) -> Result<bool, Wrong> {
    match text.trim() {
        "summary" => Ok(false),
        "alert" => Ok(true),
        _ => Err(Wrong::new(
            "is neither summary nor alert",
            "Write summary or alert.",
        )),
    }
}

/// The label of a rule or capacity: its name where it has one.
pub fn labelled(reader: &mut Reader, section: &mut Section<'_>) -> String {
    let name = section.one(reader, "name", Kind::Plain, |text| match values::text(text)? {
        name if name.is_empty() => Err(Wrong::new("is empty", "Write a name, or leave it out.")),
        name => Ok(name),
    });
    if let Given::Is(Placed { value, .. }) = name
        && let Some((what, _)) = section.label.split_once(' ')
    {
        section.label = format!("{what} {value:?}");
    }
    section.label.clone()
}

fn rule(reader: &mut Reader, section: &mut Section<'_>, names: &Names) -> Option<Rule> {
    let broken_before = reader.findings.problems.len();
    let mut rule = Rule {
        origin: labelled(reader, section),
        ..Rule::default()
    };
    rule.instances = instances(reader, section, &names.instances);
    rule.groups = section.patterns(reader, "groups").good().unwrap_or_default();
    rule.products = section.patterns(reader, "products").good().unwrap_or_default();
    rule.options = section.pairs(reader, "options").good().unwrap_or_default();
    rule.low = one(reader, section, "low", values::count);
    rule.critical = one(reader, section, "critical", values::count);
    rule.confirm = one(reader, section, "for", values::duration);
    rule.confirm_out = one(reader, section, "for_out", values::duration);
    rule.hold = one(reader, section, "hold", values::duration);
    rule.recover_margin = one(reader, section, "recover_margin", values::count);
    rule.repeat = one(reader, section, "repeat", repeat);
    rule.cover = one(reader, section, "cover", values::time_limit);
    rule.stock_control = one(reader, section, "stock_control", stock_control);
    rule.ignore_hidden = one(reader, section, "hidden", hidden);
    rule.channels = channels(reader, section, "channels", &names.channels);
    rule.escalate_after = one(reader, section, "escalate_after", values::duration);
    rule.escalate_to = channels(reader, section, "escalate_to", &names.channels);
    rule.max_combinations = one(reader, section, "max_combinations", values::positive);
    rule.combine = section.patterns(reader, "combine").good();
    if reader.findings.problems.len() > broken_before {
        return None;
    }
    warn(reader, section, &rule);
    Some(rule)
}

/// A key with one value, where it is given and good.
pub fn one<T>(
    reader: &mut Reader,
    section: &mut Section<'_>,
    key: &str,
    parse: impl Fn(&str) -> Result<T, Wrong>,
) -> Option<T> {
    section
        .one(reader, key, Kind::Plain, parse)
        .good()
        .map(|placed| placed.value)
}

/// The patterns of `instances`; one that no instance has is a warning.
pub fn instances(reader: &mut Reader, section: &mut Section<'_>, names: &[String]) -> Vec<Pattern> {
    let patterns = section.names(reader, "instances", |text| match values::text(text)? {
        name if name.is_empty() => Err(Wrong::new("is empty", "Write the name of an instance.")),
        name => Ok(name),
    });
    let patterns = patterns.good().unwrap_or_default();
    for text in &patterns {
        if !names.iter().any(|name| Pattern::text(text).matches_text(name)) {
            let place = reader.line(
                section
                    .table
                    .get("instances")
                    .map_or(section.table.line, |entry| entry.line),
            );
            let problem = format!("names {text:?}, and there is no such instance");
            let mend = format!("There are: {}.", names.join(", "));
            reader
                .findings
                .warn(section.key("instances"), place, Wrong::new(problem, mend));
        }
    }
    patterns.iter().map(|text| Pattern::text(text)).collect()
}

/// The channels that `key` names; one that is not there is an error. `None` where the key is not given.
pub fn channels(
    reader: &mut Reader,
    section: &mut Section<'_>,
    key: &str,
    names: &[String],
) -> Option<Vec<String>> {
    let wanted = section.list(reader, key, values::name).good()?;
    for channel in &wanted {
        if !names.contains(channel) {
            let place = reader.line(
                section
                    .table
                    .get(key)
                    .map_or(section.table.line, |entry| entry.line),
            );
            let mend = match names {
                [] => "There are no channels.".to_owned(),
                names => format!("There are: {}.", names.join(", ")),
            };
            let problem = format!("names {channel:?}, and there is no such channel");
            reader
                .findings
                .wrong(section.key(key), place, Wrong::new(problem, mend));
        }
    }
    Some(wanted)
}

fn repeat(text: &str) -> Result<Repeat, Wrong> {
    let mend = "Write daily, never, or a duration such as 24h.";
    match text.trim() {
        "daily" => Ok(Repeat::Daily),
        "never" => Ok(Repeat::Never),
        other => {
            let every =
                values::duration(other).map_err(|_| Wrong::new("is not a time between reminders", mend))?;
            if every < Duration::from_secs(60) {
                return Err(Wrong::new("is shorter than a minute", mend));
            }
            Ok(Repeat::Every(every))
        }
    }
}

fn stock_control(text: &str) -> Result<StockControl, Wrong> {
    match text.trim() {
        "auto" => Ok(StockControl::Auto),
        "on" | "true" => Ok(StockControl::On),
        "off" | "false" => Ok(StockControl::Off),
        _ => Err(Wrong::new(
            "is none of auto, on and off",
            "Write auto, on or off.",
        )),
    }
}

fn hidden(text: &str) -> Result<bool, Wrong> {
    match text.trim() {
        "alert" => Ok(false),
        "ignore" => Ok(true),
        _ => Err(Wrong::new(
            "is neither alert nor ignore",
            "Write alert or ignore.",
        )),
    }
}

fn warn(reader: &mut Reader, section: &Section<'_>, rule: &Rule) {
    let place = reader.line(section.table.line);
    if sets_nothing(rule) {
        let wrong = Wrong::new(
            "sets nothing",
            "Give it low, critical, channels, …, or remove it.",
        );
        reader.findings.warn(section.label.clone(), place.clone(), wrong);
    }
    warn_of_thresholds(reader, section, rule.low, rule.critical);
}

/// A low below the inherited critical is meant to lower both; only two numbers of one table can clash.
pub fn warn_of_thresholds(
    reader: &mut Reader,
    section: &Section<'_>,
    low: Option<i64>,
    critical: Option<i64>,
) {
    if let (Some(low), Some(critical)) = (low, critical)
        && critical > low
    {
        let line = section
            .table
            .get("critical")
            .map_or(section.table.line, |entry| entry.line);
        let place = reader.line(line);
        warn_of_clash(reader, &section.key("critical"), place, critical, low);
    }
}

fn sets_nothing(rule: &Rule) -> bool {
    let empty = Rule {
        origin: rule.origin.clone(),
        instances: rule.instances.clone(),
        groups: rule.groups.clone(),
        products: rule.products.clone(),
        options: rule.options.clone(),
        ..Rule::default()
    };
    format!("{rule:?}") == format!("{empty:?}")
}
