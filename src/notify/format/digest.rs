//! A message as chats show it: short, in the order that matters, and cut by whole entries where a receiver has a limit.

use jiff::tz::TimeZone;

use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::notify::cards::Card;
use crate::notify::cards::Row;
use crate::notify::cards::Tone;
use crate::notify::clean;
use crate::notify::format::entry::Entry;
use crate::notify::format::entry::Group;
use crate::notify::format::sections;
use crate::notify::view::View;

/// A message, before a receiver's own form is given to it.
#[derive(Debug, Clone)]
pub struct Digest {
    pub tone: Tone,
    /// All of it in one line, for the notification.
    pub subject: String,
    /// What stands above the entries; "" where a single one says it all.
    pub headline: String,
    pub intro: Vec<String>,
    pub groups: Vec<Group>,
    pub footer: String,
    /// The page with all levels.
    pub link: Option<String>,
}

/// How much is told of each entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Full,
    /// Without facts.
    Brief,
    /// Without facts, and with long names cut.
    Short,
}

impl Digest {
    /// The digest of a message, its times in the zone. With `several` shops the one it is about is named.
    #[must_use]
    pub fn of(message: &Message, zone: &TimeZone, page_url: Option<&str>, several: bool) -> Self {
        let view = View::of(message, zone, page_url, several);
        let mut digest = Self {
            tone: view.tone,
            groups: groups(&view),
            subject: view.subject,
            headline: view.headline,
            intro: view.intro,
            footer: view.footer.join(" · "),
            link: view.page_url,
        };
        let tallies: Vec<String> = view
            .tallies
            .iter()
            .map(|tally| format!("{} {}", tally.count, tally.label))
            .collect();
        if !tallies.is_empty() {
            digest.intro.push(tallies.join(" · "));
        }
        if let Body::Report(report) = &message.body {
            digest.intro.push(sections::span(report, zone));
            digest.groups = sections::groups(report, zone);
        }
        digest
    }

    /// The fullest form that fits: everything, or everything in brief, or as many entries as there is room for and how
    /// many more there are. `render` gives the form and says whether the receiver takes it.
    pub fn fitted<T>(&self, render: impl Fn(&Self) -> (T, bool)) -> T {
        for detail in [Detail::Full, Detail::Brief] {
            let (form, fits) = render(&self.told(detail));
            if fits {
                return form;
            }
        }
        let short = self.told(Detail::Short);
        let (mut best, fits) = render(&short.first(0));
        if !fits {
            return render(&short.bare()).0;
        }
        let (mut fitting, mut over) = (0, short.total() + 1);
        while fitting + 1 < over {
            let middle = fitting.midpoint(over);
            let (form, fits) = render(&short.first(middle));
            if fits {
                (best, fitting) = (form, middle);
            } else {
                over = middle;
            }
        }
        best
    }

    /// The headline, or all in one line where there is none.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.headline.is_empty() {
            &self.subject
        } else {
            &self.headline
        }
    }

    fn total(&self) -> usize {
        self.groups.iter().map(|group| group.entries.len()).sum()
    }

    fn told(&self, detail: Detail) -> Self {
        let (title, lead, line) = match detail {
            Detail::Full => (2 * clean::NAME + 10, 4000, 1000),
            Detail::Brief => (2 * clean::NAME + 10, 400, 600),
            Detail::Short => (60, 100, 150),
        };
        let mut told = self.clone();
        for line_of_intro in &mut told.intro {
            *line_of_intro = clean::line(line_of_intro, line);
        }
        told.footer = clean::line(&told.footer, line);
        for entry in told.groups.iter_mut().flat_map(|group| &mut group.entries) {
            entry.title = clean::line(&entry.title, title);
            entry.lead = clean::line(&entry.lead, lead);
            if detail != Detail::Full {
                entry.facts.clear();
            }
        }
        told
    }

    /// The first entries, counted over all groups.
    fn first(&self, count: usize) -> Self {
        let mut first = self.clone();
        let mut left = count;
        for group in &mut first.groups {
            let kept = group.entries.len().min(left);
            group.more += group.entries.len() - kept;
            group.entries.truncate(kept);
            left -= kept;
        }
        first
    }

    /// Only what it is about.
    fn bare(&self) -> Self {
        Self {
            intro: Vec::new(),
            groups: Vec::new(),
            footer: String::new(),
            link: None,
            ..self.clone()
        }
    }
}

fn groups(view: &View) -> Vec<Group> {
    let mut groups = Vec::new();
    if !view.cards.is_empty() {
        groups.push(Group {
            heading: String::new(),
            entries: view.cards.iter().map(announced).collect(),
            more: 0,
        });
    }
    if view.open_total > 0 {
        groups.push(Group {
            heading: format!("Still open ({})", view.open_total),
            entries: view.open.iter().map(open).collect(),
            more: view.open_more(),
        });
    }
    groups
}

fn announced(card: &Card) -> Entry {
    Entry {
        tone: card.tone,
        label: card.label,
        title: match &card.choice {
            Some(choice) => format!("{} [{choice}]", card.title),
            None => card.title.clone(),
        },
        lead: card.lead.clone(),
        facts: card.facts.clone(),
    }
}

fn open(row: &Row) -> Entry {
    Entry {
        tone: row.tone,
        label: row.label,
        title: row.title.clone(),
        lead: row.fact.clone(),
        facts: Vec::new(),
    }
}
