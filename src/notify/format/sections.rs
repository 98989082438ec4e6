//! A report's sections as chats show them: a heading, and a line for each series.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::report::Amount;
use crate::domain::report::Changed;
use crate::domain::report::Happened;
use crate::domain::report::Health;
use crate::domain::report::Line;
use crate::domain::report::Money;
use crate::domain::report::PoolLine;
use crate::domain::report::Report;
use crate::domain::report::Section;
use crate::domain::report::Topic;
use crate::domain::stand::AckRef;
use crate::notify::cards::Tone;
use crate::notify::clean;
use crate::notify::format::entry::Entry;
use crate::notify::format::entry::Group;
use crate::notify::words;

/// What the report looks back on.
#[must_use]
pub fn span(report: &Report, zone: &TimeZone) -> String {
    let (from, until) = (
        words::moment(report.from, zone),
        words::moment(report.until, zone),
    );
    format!("From {from} to {until}.")
}

/// The sections in their order; an empty one says so.
#[must_use]
pub fn groups(report: &Report, zone: &TimeZone) -> Vec<Group> {
    let telling = Telling {
        zone,
        several: report.instances.len() > 1,
    };
    let mut groups = Vec::new();
    for section in &report.sections {
        let mut told = telling.section(section);
        let left_out = report.left_out.iter().find(|(topic, _)| *topic == of(section));
        if let (Some((_, lacking)), Some(group)) = (left_out, told.first_mut()) {
            group.more = group.more.max(*lacking);
        }
        groups.extend(told);
    }
    groups
}

fn of(section: &Section) -> Topic {
    match section {
        Section::ActNow { .. } => Topic::ActNow,
        Section::RunningOut { .. } => Topic::RunningOut,
        Section::Ordered { .. } => Topic::Ordered,
        Section::Changed(_) => Topic::Changed,
        Section::Idle { .. } => Topic::Idle,
        Section::Pools { .. } => Topic::Pools,
        Section::Money(_) => Topic::Money,
        Section::Health(_) => Topic::Health,
    }
}

struct Telling<'a> {
    zone: &'a TimeZone,
    several: bool,
}

impl Telling<'_> {
    fn section(&self, section: &Section) -> Vec<Group> {
        match section {
            Section::ActNow { lines } => vec![self.lines("Act now", lines, |_| Vec::new())],
            Section::RunningOut {
                lead_time_days,
                lines,
            } => {
                let heading = match lead_time_days {
                    Some(days) => format!("Will run out before a restock comes ({days:.0} days)"),
                    None => "Will run out before a restock comes".to_owned(),
                };
                vec![self.lines(&heading, lines, selling)]
            }
            Section::Ordered { lines } => {
                vec![self.lines("Ordered and waiting", lines, |line| {
                    self.ordered(line.ack.as_ref())
                })]
            }
            Section::Changed(changed) => self.changed(changed),
            Section::Idle { lines } => vec![self.lines("In stock and not selling", lines, |_| Vec::new())],
            Section::Pools { lines } => vec![listed("Pools", lines.iter().map(pool).collect(), 0)],
            Section::Money(money) => vec![self.money(money)],
            Section::Health(health) => vec![self.health(health)],
        }
    }

    fn lines(&self, heading: &str, lines: &[Line], beside: impl Fn(&Line) -> Vec<String>) -> Group {
        let entries = lines.iter().map(|line| self.line(line, beside(line))).collect();
        listed(heading, entries, 0)
    }

    fn line(&self, line: &Line, beside: Vec<String>) -> Entry {
        let mut lead = vec![if line.known {
            words::left(line.level)
        } else {
            match line.level {
                Some(_) => format!("level unknown, last {}", words::left(line.level)),
                None => words::left(None),
            }
        }];
        lead.extend(beside);
        if self.several {
            lead.push(clean::name(&line.instance));
        }
        let product = words::product(&line.product, clean::NAME);
        Entry {
            tone: Tone::of(line.severity),
            label: words::label(line.severity),
            title: match &line.combination {
                Some(combination) => format!("{product} [{}]", clean::name(&combination.label)),
                None => product,
            },
            lead: lead.join(", "),
            facts: Vec::new(),
        }
    }

    fn ordered(&self, ack: Option<&AckRef>) -> Vec<String> {
        let Some(ack) = ack else { return Vec::new() };
        let mut told = vec![match ack.quantity {
            Some(quantity) => format!("{quantity} ordered by {}", clean::line(&ack.by, 60)),
            None => format!("taken on by {}", clean::line(&ack.by, 60)),
        }];
        if let Some(eta) = ack.eta {
            let due = if ack.overdue { "overdue since" } else { "due" };
            told.push(format!("{due} {}", words::moment(eta, self.zone)));
        }
        let note = clean::line(&ack.note, 100);
        if !note.is_empty() {
            told.push(note);
        }
        told
    }

    fn changed(&self, changed: &Changed) -> Vec<Group> {
        let moved: Vec<Entry> = changed
            .moved
            .iter()
            .map(|line| self.line(line, moves(line)))
            .collect();
        let events: Vec<Entry> = changed.events.iter().map(|event| self.event(event)).collect();
        let (more_moved, more_events) = (
            changed.moved_total.saturating_sub(moved.len()),
            changed.events_total.saturating_sub(events.len()),
        );
        let mut groups = vec![listed("Sold and restocked", moved, more_moved)];
        if !events.is_empty() || more_events > 0 {
            groups.push(listed("What else changed", events, more_events));
        }
        groups
    }

    fn event(&self, event: &Happened) -> Entry {
        let mut lead = vec![
            words::event(event.kind).to_owned(),
            words::moment(event.at, self.zone),
        ];
        if self.several {
            lead.push(clean::name(&event.instance));
        }
        Entry {
            tone: Tone::Plain,
            label: "",
            title: words::product(&event.product, clean::NAME),
            lead: lead.join(", "),
            facts: Vec::new(),
        }
    }

    fn money(&self, money: &Money) -> Group {
        let total: Vec<String> = money.total.iter().map(amount).collect();
        let heading = if total.is_empty() {
            "Probably not earned".to_owned()
        } else {
            format!("Probably not earned: {}", total.join(", "))
        };
        self.lines(&heading, &money.lines, |line| {
            let out = (line.hours_out > 0.0).then(|| format!("{:.0} hours at zero", line.hours_out));
            out.into_iter().chain(line.lost.as_ref().map(amount)).collect()
        })
    }

    fn health(&self, health: &Health) -> Group {
        let mut entries = vec![plain(
            if health.failed_polls + health.suspect_polls == 0 && health.never_read.is_empty() {
                Tone::Good
            } else {
                Tone::Low
            },
            "Polls",
            format!("{}, {} of them failed", health.polls, health.failed_polls),
        )];
        let counted = |tone, title, count: u64| (count > 0).then(|| plain(tone, title, count.to_string()));
        entries.extend(counted(
            Tone::Low,
            "Products whose level is unknown",
            health.unknown_products as u64,
        ));
        entries.extend(counted(Tone::Plain, "Messages that wait", health.pending));
        entries.extend(counted(
            Tone::Critical,
            "Messages that could not be delivered",
            health.dead_letters,
        ));
        for shop in &health.never_read {
            let title = format!("{} was never read", clean::name(shop));
            entries.push(plain(Tone::Critical, &title, String::new()));
        }
        entries.extend(counted(
            Tone::Low,
            "Polls that were not believed",
            health.suspect_polls,
        ));
        for (shop, from, until) in &health.gaps {
            entries.push(plain(
                Tone::Critical,
                &format!("{} was not read", clean::name(shop)),
                self.gap(*from, *until),
            ));
        }
        for (by, comment, end) in &health.silences_ending {
            let end = words::moment(*end, self.zone);
            let lead = format!("by {}: {}", clean::line(by, 60), clean::line(comment, 100));
            entries.push(plain(Tone::Plain, &format!("A silence ends {end}"), lead));
        }
        for (name, since) in &health.overdue_reports {
            let lead = format!("since {}", words::moment(*since, self.zone));
            entries.push(plain(
                Tone::Critical,
                &format!("Report {} is overdue", clean::name(name)),
                lead,
            ));
        }
        listed("The monitor itself", entries, 0)
    }

    fn gap(&self, from: Timestamp, until: Option<Timestamp>) -> String {
        let from_words = words::moment(from, self.zone);
        match until {
            Some(until) => format!("from {from_words}, for {}", words::span(from, until)),
            None => format!("since {from_words}"),
        }
    }
}

fn listed(heading: &str, entries: Vec<Entry>, more: usize) -> Group {
    let heading = if entries.is_empty() && more == 0 {
        format!("{heading}: none")
    } else {
        heading.to_owned()
    };
    Group {
        heading,
        entries,
        more,
    }
}

fn plain(tone: Tone, title: &str, lead: String) -> Entry {
    Entry {
        tone,
        label: "",
        title: title.to_owned(),
        lead,
        facts: Vec::new(),
    }
}

fn selling(line: &Line) -> Vec<String> {
    let lasts = line
        .cover
        .map(|cover| format!("lasts about {:.1} days", cover.days));
    let sells = line.rate.map(|rate| format!("sells {:.1} a day", rate.per_day));
    lasts.into_iter().chain(sells).collect()
}

fn moves(line: &Line) -> Vec<String> {
    let sold = (line.sold > 0).then(|| format!("{} sold", line.sold));
    let restocked = (line.restocked > 0).then(|| format!("{} restocked", line.restocked));
    sold.into_iter().chain(restocked).collect()
}

fn pool(line: &PoolLine) -> Entry {
    let held = (line.holds_back > 0).then(|| format!("holds back {}", line.holds_back));
    let lasts = line
        .cover
        .map(|cover| format!("lasts about {:.1} days", cover.days));
    let lead = format!("{} of {}", words::left(line.level), line.capacity);
    let lead: Vec<String> = [Some(lead), lasts, held].into_iter().flatten().collect();
    Entry {
        tone: Tone::of(line.severity),
        label: words::label(line.severity),
        title: clean::name(&line.name),
        lead: lead.join(", "),
        facts: Vec::new(),
    }
}

/// `EUR 12.34`
fn amount(amount: &Amount) -> String {
    let sign = if amount.hundredths < 0 { "-" } else { "" };
    let hundredths = amount.hundredths.unsigned_abs();
    let currency = clean::line(&amount.currency, 10);
    format!("{currency} {sign}{}.{:02}", hundredths / 100, hundredths % 100)
}
