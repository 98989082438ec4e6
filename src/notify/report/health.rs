//! How the monitor itself was, as a section of a report.

use crate::domain::report::Health;
use crate::notify::report::part::Part;
use crate::notify::report::part::Shown;
use crate::notify::report::say;
use crate::notify::words;

/// How the monitor itself is.
#[must_use]
pub fn part(health: &Health, shown: Shown<'_>) -> Part {
    let (now, zone, rows) = (shown.now, shown.zone, shown.rows);
    let mut lead = vec![polls(health)];
    for shop in health.never_read.iter().take(rows) {
        lead.push(format!("Never read: {}.", say::name(shop, 40)));
    }
    lead.extend(and_more(health.never_read.len(), rows, "shop"));
    for (shop, from, until) in health.gaps.iter().take(rows) {
        let shop = say::name(shop, 40);
        let start = say::moment(*from, now, zone);
        lead.push(match until {
            Some(end) => {
                let (lasted, end) = (words::span(*from, *end), say::moment(*end, now, zone));
                format!("Not read: {shop} for {lasted}, from {start} to {end}.")
            }
            None => format!(
                "Not read: {shop} for {}, since {start}, still.",
                words::span(*from, now)
            ),
        });
    }
    lead.extend(and_more(health.gaps.len(), rows, "gap"));
    lead.extend(counted(
        health.unknown_products,
        "product has",
        "products have",
        "no known level.",
    ));
    lead.extend(outbox(health));
    for (by, comment, ends) in health.silences_ending.iter().take(rows) {
        let (by, comment) = (say::name(by, 40), say::name(comment, 120));
        let ends = say::moment(*ends, now, zone);
        lead.push(match comment.is_empty() {
            true => format!("A silence of {by} ends {ends}."),
            false => format!("A silence of {by} ends {ends}: {comment}"),
        });
    }
    lead.extend(and_more(health.silences_ending.len(), rows, "silence"));
    for (name, since) in health.overdue_reports.iter().take(rows) {
        let (name, since) = (say::name(name, 40), say::moment(*since, now, zone));
        lead.push(format!("The report {name} was due {since} and did not go out."));
    }
    lead.extend(and_more(health.overdue_reports.len(), rows, "overdue report"));
    Part {
        title: "The monitor itself",
        count: None,
        lead,
        entries: Vec::new(),
        compact: true,
        more: String::new(),
        none: "",
        notes: Vec::new(),
    }
}

fn polls(health: &Health) -> String {
    let (polls, failed) = (say::grouped(health.polls), say::grouped(health.failed_polls));
    let suspect = say::grouped(health.suspect_polls);
    let said = match (health.polls, health.failed_polls, health.suspect_polls) {
        (0, _, _) => return "No poll in this time.".to_owned(),
        (1, 0, 0) => return "1 poll, and it was good.".to_owned(),
        (_, 0, 0) => return format!("{polls} polls, all of them good."),
        (_, _, 0) => format!("{failed} of them failed"),
        (_, 0, _) => format!("{suspect} of them not believed"),
        (_, _, _) => format!("{failed} of them failed, {suspect} not believed"),
    };
    let plural = if health.polls == 1 { "" } else { "s" };
    format!("{polls} poll{plural}, {said}.")
}

fn outbox(health: &Health) -> Vec<String> {
    let waiting = counted(
        usize::try_from(health.pending).unwrap_or(usize::MAX),
        "message waits",
        "messages wait",
        "to be delivered.",
    );
    let dead = counted(
        usize::try_from(health.dead_letters).unwrap_or(usize::MAX),
        "message was",
        "messages were",
        "refused for good: whmcs-stock-monitor deliveries list shows them.",
    );
    let mut said: Vec<String> = waiting.into_iter().chain(dead).collect();
    if said.is_empty() {
        said.push("Every message was delivered.".to_owned());
    }
    said
}

fn counted(count: usize, one: &str, several: &str, rest: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one} {rest}")),
        count => Some(format!("{count} {several} {rest}")),
    }
}

fn and_more(total: usize, shown: usize, noun: &str) -> Option<String> {
    let more = total.saturating_sub(shown);
    let plural = if more == 1 { "" } else { "s" };
    (more > 0).then(|| format!("+{more} more {noun}{plural}."))
}
