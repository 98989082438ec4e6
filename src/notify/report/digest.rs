//! What a report's mail shows, in the order it shows it: its HTML and its text are made of the same words and figures.

use jiff::tz::TimeZone;

use crate::domain::message::Message;
use crate::domain::report::Changed;
use crate::domain::report::Line;
use crate::domain::report::Money;
use crate::domain::report::Report;
use crate::domain::report::Section;
use crate::domain::report::Topic;
use crate::notify::cards::Tone;
use crate::notify::clean;
use crate::notify::content::Attachment;
use crate::notify::report::health;
use crate::notify::report::lines;
use crate::notify::report::lines::Lines;
use crate::notify::report::part::Entry;
use crate::notify::report::part::Part;
use crate::notify::report::part::Shown;
use crate::notify::report::part::more;
use crate::notify::report::say;
use crate::notify::subject;
use crate::notify::view::Tally;
use crate::notify::view::tallies;

/// The most shops that are named.
const SHOPS: usize = 4;
/// The most pictures beside what merely changed.
const MOVED_PICTURES: usize = 4;

/// A whole report.
#[derive(Debug)]
pub struct Digest {
    pub subject: String,
    pub title: String,
    /// What it looks back on.
    pub span: String,
    pub tone: Tone,
    /// How it stands, in a sentence.
    pub verdict: String,
    pub tallies: Vec<Tally>,
    pub parts: Vec<Part>,
    pub footer: Vec<String>,
    pub page_url: Option<String>,
}

impl Digest {
    /// What the mail of a report shows, and its pictures.
    #[must_use]
    pub fn of(message: &Message, report: &Report, shown: Shown<'_>) -> (Self, Vec<Attachment>) {
        let title = say::title(report, shown.zone);
        let standing = standing(report);
        let suffix = match (shown.several, report.instances.as_slice()) {
            (true, [only]) => format!(" · {}", clean::line(only, 40)),
            (true | false, _) => String::new(),
        };
        let mut lines = Lines::new(shown);
        let digest = Self {
            subject: clean::line(&format!("{title}: {standing}{suffix}"), 150),
            title,
            span: format!(
                "{}{}",
                say::looked_back(report, shown.zone),
                zone_name(shown.zone)
            ),
            tone: worst(report),
            verdict: verdict(report),
            tallies: tallies(report.products),
            parts: report
                .sections
                .iter()
                .map(|section| part(report, section, &mut lines))
                .collect(),
            footer: footer(message, report, shown),
            page_url: shown.page_url.map(|url| clean::line(url, 500)),
        };
        (digest, lines.attachments)
    }
}

/// The tone of the worst there is.
fn worst(report: &Report) -> Tone {
    let products = report.products;
    match (products.out, products.critical, products.low) {
        _ if report.all_is_well => Tone::Good,
        (0, 0, 0) => Tone::Plain,
        (0, 0, _) => Tone::Low,
        (0, _, _) => Tone::Critical,
        (_, _, _) => Tone::Out,
    }
}

fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name()
        .map(|name| format!(" · {name}"))
        .unwrap_or_default()
}

/// `2 out, 5 low, 3 ordered, 1 of them overdue`, or that all is well.
#[must_use]
pub fn standing(report: &Report) -> String {
    let mut said: Vec<String> = Vec::new();
    if report.all_is_well {
        said.push("all is well".to_owned());
    }
    let open = subject::counted(report.products);
    if !open.is_empty() {
        said.push(open);
    }
    let (ordered, overdue) = counted_in(report, Topic::Ordered);
    if ordered > 0 {
        said.push(format!("{ordered} ordered"));
    }
    if overdue > 0 {
        said.push(format!("{overdue} overdue"));
    }
    if said.is_empty() {
        said.push("something to look at".to_owned());
    }
    said.join(", ")
}

/// How many stand in a section, and how many of them wait longer than they should.
fn counted_in(report: &Report, topic: Topic) -> (usize, usize) {
    let found = report.sections.iter().find_map(|section| match section {
        Section::ActNow { lines } => (topic == Topic::ActNow).then_some(lines),
        Section::RunningOut { lines, .. } => (topic == Topic::RunningOut).then_some(lines),
        Section::Ordered { lines } => (topic == Topic::Ordered).then_some(lines),
        Section::Idle { lines } => (topic == Topic::Idle).then_some(lines),
        Section::Changed(_) | Section::Pools { .. } | Section::Money(_) | Section::Health(_) => None,
    });
    let Some(lines) = found else { return (0, 0) };
    let late = |line: &&Line| line.ack.as_ref().is_some_and(|ack| ack.overdue);
    (
        lines.len() + left_out(report, topic),
        lines.iter().filter(late).count(),
    )
}

/// What is to be done, in a sentence.
fn verdict(report: &Report) -> String {
    if report.all_is_well {
        return "All is well: nothing to act on, nothing running out, nothing overdue, and the monitor itself is well."
            .to_owned();
    }
    let (act_now, _) = counted_in(report, Topic::ActNow);
    let (running_out, _) = counted_in(report, Topic::RunningOut);
    let (waiting, overdue) = counted_in(report, Topic::Ordered);
    let said: Vec<String> = [
        (act_now, format!("{act_now} to act on now")),
        (
            running_out,
            format!("{running_out} will run out before a restock"),
        ),
        (overdue, format!("{overdue} of {waiting} orders overdue")),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(_, words)| words)
    .collect();
    if said.is_empty() {
        let standing = standing(report);
        let mut letters = standing.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        return format!("{first}{}.", letters.as_str());
    }
    format!("{}.", said.join(", "))
}

/// How many lines the report itself lacks in a section.
#[must_use]
pub fn left_out(report: &Report, topic: Topic) -> usize {
    report
        .left_out
        .iter()
        .filter(|(of, _)| *of == topic)
        .map(|(_, count)| count)
        .sum()
}

fn footer(message: &Message, report: &Report, shown: Shown<'_>) -> Vec<String> {
    let mut footer = Vec::new();
    let named: Vec<String> = report
        .instances
        .iter()
        .take(SHOPS)
        .map(|name| say::name(name, 40))
        .collect();
    let more = report.instances.len().saturating_sub(SHOPS);
    if shown.several && !named.is_empty() {
        let noun = if report.instances.len() == 1 {
            "Shop"
        } else {
            "Shops"
        };
        let more = if more > 0 {
            format!(" +{more}")
        } else {
            String::new()
        };
        footer.push(format!("{noun} {}{more}", named.join(", ")));
    }
    let made = say::moment(report.made_at, message.at, shown.zone);
    footer.push(if report.late {
        format!("Made {made}, later than it was due: until then nobody could make it.")
    } else {
        format!("Made {made}.")
    });
    footer.push("Every product, pool and event is in the CSV attached.".to_owned());
    footer
}

fn part(report: &Report, section: &Section, lines: &mut Lines<'_>) -> Part {
    let beyond = |topic| left_out(report, topic);
    match section {
        Section::ActNow { lines: all } => Part {
            none: "None: nothing is out or critical that nobody has taken on.",
            ..listed("Act now", all, beyond(Topic::ActNow), lines, Lines::act_now)
        },
        Section::RunningOut {
            lead_time_days,
            lines: all,
        } => Part {
            lead: lead_time_days
                .map(|days| {
                    format!(
                        "What will not last the {} that a restock takes.",
                        say::days_of(days)
                    )
                })
                .into_iter()
                .collect(),
            none: "None: nothing is known to run out before it can be restocked.",
            ..listed(
                "Will run out before a restock",
                all,
                beyond(Topic::RunningOut),
                lines,
                Lines::running_out,
            )
        },
        Section::Ordered { lines: all } => {
            let mut all: Vec<&Line> = all.iter().collect();
            all.sort_by_key(|line| lines::urgency(line));
            Part {
                none: "None: nothing is on order.",
                ..listed(
                    "Ordered and waiting",
                    &all,
                    beyond(Topic::Ordered),
                    lines,
                    |lines, line| lines.ordered(line),
                )
            }
        }
        Section::Changed(changed) => changed_part(lines, changed, beyond(Topic::Changed)),
        Section::Idle { lines: all } => Part {
            compact: true,
            none: "None: nothing in stock is known to have stood that long without a sale.",
            ..listed(
                "In stock and not selling",
                all,
                beyond(Topic::Idle),
                lines,
                Lines::idle,
            )
        },
        Section::Pools { lines: all } => Part {
            compact: true,
            none: "None: no pools are configured.",
            ..listed("Pools", all, beyond(Topic::Pools), lines, Lines::pool)
        },
        Section::Money(money) => money_part(lines, money, beyond(Topic::Money)),
        Section::Health(health) => health::part(health, lines.shown),
    }
}

/// What was sold, restocked, and what else happened.
fn changed_part(lines: &mut Lines<'_>, changed: &Changed, beyond: usize) -> Part {
    let rows = lines.shown.rows;
    let mut entries: Vec<Entry> = Vec::new();
    for (place, line) in changed.moved.iter().take(rows).enumerate() {
        entries.push(lines.moved(line, place < MOVED_PICTURES));
    }
    entries.extend(
        changed
            .events
            .iter()
            .take(rows)
            .map(|event| lines.happened(event)),
    );
    let moved = changed.moved_total.max(changed.moved.len());
    let events = changed.events_total.max(changed.events.len());
    let listed = changed.moved.len() + changed.events.len() + beyond;
    let total = moved.saturating_add(events).max(listed);
    Part {
        title: "What changed",
        count: (total > 0).then_some(total),
        lead: Vec::new(),
        more: more(total, entries.len()),
        entries,
        compact: true,
        none: "None: nothing was sold or restocked, and nothing came or went.",
        notes: Vec::new(),
    }
}

/// What was probably not earned.
fn money_part(lines: &mut Lines<'_>, money: &Money, beyond: usize) -> Part {
    let total: Vec<String> = money.total.iter().take(8).map(say::amount).collect();
    let lead = (!total.is_empty()).then(|| format!("About {} in all.", total.join(" and ")));
    let notes = money.assumptions.iter().take(8).map(|note| say::name(note, 240));
    Part {
        lead: lead.into_iter().collect(),
        compact: true,
        none: "None: nothing with a price was sold out.",
        notes: notes.collect(),
        ..listed(
            "Estimated lost recurring revenue",
            &money.lines,
            beyond,
            lines,
            Lines::lost,
        )
    }
}

/// The part of a list: as many of it as are shown, and how many more there are.
fn listed<'a, T>(
    title: &'static str,
    all: &[T],
    beyond: usize,
    lines: &mut Lines<'a>,
    entry: impl Fn(&mut Lines<'a>, &T) -> Entry,
) -> Part {
    let rows = lines.shown.rows;
    let entries: Vec<Entry> = all.iter().take(rows).map(|line| entry(lines, line)).collect();
    let total = all.len() + beyond;
    Part {
        title,
        count: (total > 0).then_some(total),
        lead: Vec::new(),
        more: more(total, entries.len()),
        entries,
        compact: false,
        none: "None.",
        notes: Vec::new(),
    }
}
