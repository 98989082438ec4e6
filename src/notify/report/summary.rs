//! A report in a few lines, for channels that show no more: how it stands, and the worst.

use jiff::tz::TimeZone;

use crate::domain::report::Health;
use crate::domain::report::Line;
use crate::domain::report::Report;
use crate::domain::report::Section;
use crate::domain::report::Topic;
use crate::notify::report::digest::left_out;
use crate::notify::report::digest::standing;
use crate::notify::report::lines;
use crate::notify::report::say;
use crate::notify::words;

/// The most lines of a section that are named.
const NAMED: usize = 5;
/// How much of a name is shown, in characters.
const NAME: usize = 60;

/// The report's lines, plain text without any markup: its title and how it stands, what it looks back on, then for each
/// section what is worst; at most some thirty.
#[must_use]
pub fn summary_lines(report: &Report, zone: &TimeZone) -> Vec<String> {
    let mut said = vec![
        format!("{}: {}", say::title(report, zone), standing(report)),
        say::looked_back(report, zone),
    ];
    for section in &report.sections {
        said.extend(summed_up(report, section, zone));
    }
    said
}

fn summed_up(report: &Report, section: &Section, zone: &TimeZone) -> Vec<String> {
    let beyond = |topic| left_out(report, topic);
    match section {
        Section::ActNow { lines } => worst("Act now", lines, beyond(Topic::ActNow), |line| {
            words::left(line.level)
        }),
        Section::RunningOut { lines, .. } => {
            let title = "Will run out before a restock";
            worst(title, lines, beyond(Topic::RunningOut), lasting)
        }
        Section::Ordered { lines } => {
            let mut lines = lines.clone();
            lines.sort_by_key(lines::urgency);
            worst("Ordered and waiting", &lines, beyond(Topic::Ordered), |line| {
                ordered(line, report, zone)
            })
        }
        Section::Changed(changed) => {
            let moved = changed.moved_total.max(changed.moved.len());
            match (moved, changed.events_total.max(changed.events.len())) {
                (0, 0) => Vec::new(),
                (moved, 0) => vec![format!("Changed: {moved} fell or rose")],
                (moved, 1) => vec![format!("Changed: {moved} fell or rose, 1 other event")],
                (moved, events) => vec![format!("Changed: {moved} fell or rose, {events} other events")],
            }
        }
        Section::Money(money) => {
            let total: Vec<String> = money.total.iter().take(4).map(say::amount).collect();
            match total.is_empty() {
                true => Vec::new(),
                false => vec![format!(
                    "Estimated lost recurring revenue: about {}",
                    total.join(" and ")
                )],
            }
        }
        Section::Health(health) => troubles(health),
        Section::Idle { .. } | Section::Pools { .. } => Vec::new(),
    }
}

fn worst(title: &str, lines: &[Line], beyond: usize, of: impl Fn(&Line) -> String) -> Vec<String> {
    let total = lines.len() + beyond;
    if total == 0 {
        return Vec::new();
    }
    let mut said = vec![format!("{title} ({total}):")];
    let named = lines.iter().take(NAMED);
    said.extend(named.map(|line| format!("- {}: {}", name(line), of(line))));
    let more = total - lines.len().min(NAMED);
    if more > 0 {
        said.push(format!("- +{more} more"));
    }
    said
}

fn lasting(line: &Line) -> String {
    let left = words::left(line.level);
    match &line.cover {
        Some(cover) => format!("{left}, lasts {}", say::cover(cover)),
        None => left,
    }
}

fn ordered(line: &Line, report: &Report, zone: &TimeZone) -> String {
    let Some(ack) = &line.ack else {
        return "taken on".to_owned();
    };
    let late = if ack.overdue { "overdue: " } else { "" };
    format!("{late}{}", say::ordered(ack, report.made_at, zone))
}

fn troubles(health: &Health) -> Vec<String> {
    let mut said = Vec::new();
    if health.failed_polls > 0 {
        said.push(format!(
            "{} of {} polls failed",
            health.failed_polls, health.polls
        ));
    }
    match health.dead_letters {
        0 => {}
        1 => said.push("1 message was refused for good".to_owned()),
        dead => said.push(format!("{dead} messages were refused for good")),
    }
    match said.is_empty() {
        true => Vec::new(),
        false => vec![format!("The monitor itself: {}", said.join(", "))],
    }
}

fn name(line: &Line) -> String {
    let product = words::product(&line.product, NAME);
    match &line.combination {
        Some(combination) => format!("{product} [{}]", say::name(&combination.label, NAME)),
        None => product,
    }
}
