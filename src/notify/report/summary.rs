//! A report in a few lines, for channels that show no more: how it stands, and the worst.

use jiff::tz::TimeZone;

use crate::domain::report::Line;
use crate::domain::report::Report;
use crate::domain::report::Section;
use crate::notify::clean;
use crate::notify::report::digest::standing;
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
        match section {
            Section::ActNow { lines } => name(&mut said, "Act now", lines, |line| {
                format!("{}: {}", title(line), words::left(line.level))
            }),
            Section::RunningOut { lines, .. } => {
                name(&mut said, "Will run out before a restock", lines, |line| {
                    let lasts = line
                        .cover
                        .as_ref()
                        .map(|cover| format!(", lasts {}", say::cover(cover)));
                    format!(
                        "{}: {}{}",
                        title(line),
                        words::left(line.level),
                        lasts.unwrap_or_default()
                    )
                })
            }
            Section::Ordered { lines } => name(&mut said, "Ordered and waiting", lines, |line| {
                let ack = line.ack.as_ref();
                let late = if ack.is_some_and(|ack| ack.overdue) {
                    "overdue, "
                } else {
                    ""
                };
                let ordered = ack
                    .map(|ack| say::ordered(ack, report.made_at, zone))
                    .unwrap_or_default();
                format!("{}: {late}{ordered}", title(line))
            }),
            Section::Changed(changed) => {
                let (moved, events) = (changed.moved_total.max(changed.moved.len()), changed.events_total);
                let events = events.max(changed.events.len());
                if moved + events > 0 {
                    said.push(format!("Changed: {moved} fell or rose, {events} other events"));
                }
            }
            Section::Money(money) if !money.total.is_empty() => {
                let total: Vec<String> = money.total.iter().take(4).map(say::amount).collect();
                said.push(format!(
                    "Estimated lost recurring revenue: about {}",
                    total.join(" and ")
                ));
            }
            Section::Health(health) => {
                if health.failed_polls + health.dead_letters > 0 {
                    said.push(format!(
                        "The monitor itself: {} of {} polls failed, {} dead letters",
                        health.failed_polls, health.polls, health.dead_letters
                    ));
                }
            }
            Section::Idle { .. } | Section::Pools { .. } | Section::Money(_) => {}
        }
    }
    said
}

fn name(said: &mut Vec<String>, what: &str, lines: &[Line], of: impl Fn(&Line) -> String) {
    if lines.is_empty() {
        return;
    }
    said.push(format!("{what} ({}):", lines.len()));
    said.extend(lines.iter().take(NAMED).map(|line| format!("- {}", of(line))));
    let more = lines.len().saturating_sub(NAMED);
    if more > 0 {
        said.push(format!("- +{more} more"));
    }
}

fn title(line: &Line) -> String {
    let product = words::product(&line.product, NAME);
    match &line.combination {
        Some(combination) => format!("{product} [{}]", clean::line(&combination.label, NAME)),
        None => product,
    }
}
