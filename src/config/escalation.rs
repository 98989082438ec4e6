//! Whether rules that tell further channels of what nobody takes on can ever do so.

use crate::config::findings::Wrong;
use crate::config::reader::Reader;
use crate::config::section::Section;
use crate::domain::alerting::rules::ChannelPolicy;
use crate::domain::alerting::rules::Rule;

/// What a rule wrote of it, and where.
pub struct Wanted {
    label: String,
    after: Option<usize>,
    to: Option<usize>,
}

impl Wanted {
    /// What stands in this rule.
    #[must_use]
    pub fn of(section: &Section<'_>) -> Self {
        let line = |key| section.table.get(key).map(|entry| entry.line);
        Self {
            label: section.label.clone(),
            after: line("escalate_after"),
            to: line("escalate_to"),
        }
    }
}

/// Notes rules of which nothing can come. Each key is inherited by itself, so that half of it may stand in another rule.
pub fn check(reader: &mut Reader, rules: &[Rule], wanted: &[Wanted], channels: &[ChannelPolicy]) {
    let after = rules.iter().any(|rule| rule.escalate_after.is_some());
    let to = rules.iter().any(|rule| rule.escalate_to.is_some());
    for (rule, wanted) in rules.iter().zip(wanted) {
        if let (Some(line), false, false) = (wanted.to, after, names_none(rule)) {
            reader.wrong(
                format!("{}: escalate_to", wanted.label),
                line,
                "is set, and no rule says after how long",
                "Write escalate_after = \"30m\" too.",
            );
        }
        if let (Some(line), false) = (wanted.after, to) {
            reader.wrong(
                format!("{}: escalate_after", wanted.label),
                line,
                "is set, and no rule says to which channels",
                "Write escalate_to = [\"…\"] too.",
            );
        }
        if let Some(line) = wanted.to
            && told_already(rule, rules, channels)
        {
            let place = reader.line(line);
            let wrong = Wrong::new(
                "names only channels that are told at once anyway",
                "Name another channel, with default = false.",
            );
            let key = format!("{}: escalate_to", wanted.label);
            reader.findings.warn(key, place, wrong);
        }
    }
}

fn names_none(rule: &Rule) -> bool {
    rule.escalate_to.as_ref().is_none_or(Vec::is_empty)
}

fn told_already(rule: &Rule, rules: &[Rule], channels: &[ChannelPolicy]) -> bool {
    let Some(further) = rule.escalate_to.as_ref().filter(|names| !names.is_empty()) else {
        return false;
    };
    if let Some(own) = &rule.channels {
        return further.iter().all(|name| own.contains(name));
    }
    // Which channels a rule inherits is not known before it is asked for a product.
    let inherited = rules.iter().any(|rule| rule.channels.is_some());
    let by_default = |name: &String| {
        let mut named = channels.iter().filter(|channel| channel.name == *name);
        named.any(|channel| channel.default)
    };
    !inherited && further.iter().all(by_default)
}
