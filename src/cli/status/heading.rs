//! What stands above the table: the worst in words, whether the figures can be trusted, the counts, what runs out next.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::status::asked::Asked;
use crate::cli::status::glance::Glance;
use crate::cli::status::text;
use crate::cli::status::text::Line;
use crate::cli::status::text::Paint;
use crate::cli::status::text::width;
use crate::cli::status::text::wrapped;
use crate::cli::table;
use crate::domain::nameless::called;
use crate::web::filters::Show;
use crate::web::next::next;
use crate::web::overview::Group;
use crate::web::overview::age;
use crate::web::page;
use crate::web::rows::Aside;
use crate::web::rows::Pasts;
use crate::web::selection::Selection;
use crate::web::show::Ago;
use crate::web::show::At;
use crate::web::show::grouped;
use crate::web::trust;
use crate::web::trust::Standing;
use crate::web::trust::Tone;
use crate::web::trust::Trouble;
use crate::web::trust::Trust;

/// As wide as lines are where nothing bounds them.
const ENDLESS: usize = usize::MAX / 2;
/// The most lines of one trouble.
const TROUBLE: usize = 6;
/// How much of a name is shown of what runs out next.
const NEXT: usize = 40;
/// Between two things in a line.
const DOT: &str = " · ";

/// Lines of at most that width.
#[derive(Debug, Clone, Copy)]
pub struct Heading<'a> {
    pub glance: &'a Glance,
    pub asked: &'a Asked,
    pub within: Option<usize>,
    pub now: Timestamp,
}

impl Heading<'_> {
    /// All of it, but for what runs out next.
    #[must_use]
    pub fn lines(&self, selection: &Selection<'_>) -> Vec<Line> {
        let Glance { seen, index, .. } = self.glance;
        let trust = Trust::new(seen, index, true, self.now);
        let (words, calm) = page::verdict(&index.counts, seen, trust.tone);
        let words = page::empty_shops(index, seen).map_or(words, str::to_owned);
        let worst = Group::ALL.into_iter().find(|group| index.counts.of(*group) > 0);
        let paint = match (calm, worst) {
            (true, _) => Paint::Well,
            (false, Some(worst)) if worst.is_urgent() => Paint::Of(worst),
            (false, Some(_) | None) => Paint::Strong,
        };
        let mut lines = self.paragraph(&words, paint, 0);
        lines.extend(self.paragraph(&trusted(&trust, &self.asked.zone), tone(trust.tone), 0));
        for trouble in &trust.troubles {
            lines.extend(self.trouble(trouble));
        }
        lines.extend(self.late());
        lines.extend(self.dead());
        lines.extend(self.tiles(selection));
        lines
    }

    /// What the rows are narrowed to; nothing where they are not.
    #[must_use]
    pub fn narrowed(&self, total: usize) -> Vec<Line> {
        let words = self.asked.in_words(self.glance);
        if words.is_empty() {
            return Vec::new();
        }
        let left = match total {
            0 => "Nothing is left by these filters".to_owned(),
            total => format!("{} left by these filters", grouped(total)),
        };
        self.paragraph(&format!("{left}: {}", text::shown(&words)), Paint::Quiet, 0)
    }

    /// The few that run out next; nothing where something was chosen, or nothing is known of it.
    #[must_use]
    pub fn next(&self, past: &Pasts) -> Vec<Line> {
        let aside = Aside {
            seen: &self.glance.seen,
            index: &self.glance.index,
            said: &self.glance.said,
            past,
            now: self.now,
        };
        if self.asked.is_narrow() {
            return Vec::new();
        }
        let mut pieces = Vec::new();
        for one in next(&aside) {
            let mut name = called(&text::shown(one.name.name), one.name.number).into_owned();
            if one.link.is_none() {
                name = format!("pool {name}");
            }
            let more = [one.combination, one.shop].into_iter().flatten();
            let more: String = more.map(|more| format!(" {}", text::shown(more))).collect();
            let paint = if one.lasts.soon {
                Paint::Strong
            } else {
                Paint::Plain
            };
            let name = text::cut(&format!("{name}{more}"), NEXT);
            let said = format!("{name} {} ({} left)", one.lasts.about, grouped(one.left));
            pieces.push((said, paint));
        }
        if pieces.is_empty() {
            return Vec::new();
        }
        self.flowing("Out next: ", &pieces)
    }

    fn paragraph(&self, words: &str, paint: Paint, indent: usize) -> Vec<Line> {
        let room = self.within.unwrap_or(ENDLESS).saturating_sub(indent);
        let texts = wrapped(words, room, TROUBLE).into_iter();
        let line = |text| {
            let mut line = Line::of(" ".repeat(indent), Paint::Plain);
            line.add(text, paint);
            line
        };
        texts.map(line).collect()
    }

    fn trouble(&self, trouble: &Trouble<'_>) -> Vec<Line> {
        let ago = |Ago { at, now }: Ago| age(at, now);
        let mut lines = self.paragraph(
            &format!("{}: {}", text::shown(trouble.shop), trouble.words),
            Paint::Wrong,
            2,
        );
        let since = trouble
            .since
            .map(|since| format!("First failure {}. ", ago(since)));
        let read = match trouble.read {
            Some(read) => format!("Its figures were read {}.", ago(read)),
            None => "It was never read.".to_owned(),
        };
        let since = since.unwrap_or_default();
        lines.extend(self.paragraph(&format!("{since}{read}"), Paint::Quiet, 4));
        if !trouble.detail.is_empty() {
            lines.extend(self.paragraph(&text::shown(trouble.detail), Paint::Quiet, 4));
        }
        lines.extend(self.paragraph(trouble.mend, Paint::Plain, 4));
        lines
    }

    /// Shops that were read, but not when they should have been: nobody asks them.
    fn late(&self) -> Vec<Line> {
        let shops = self.glance.seen.instances.iter();
        let late =
            shops.filter(|shop| shop.up() == Some(true) && trust::standing(shop, self.now) == Standing::Old);
        let mut lines = Vec::new();
        for shop in late {
            let due = shop
                .next_by
                .map(|at| format!(" (it was due {})", age(at, self.now)));
            let words = format!(
                "{}: The next poll is overdue{}.",
                text::shown(&shop.name),
                due.unwrap_or_default()
            );
            lines.extend(self.paragraph(&words, Paint::Wrong, 2));
            lines.extend(self.paragraph(
                "Is the monitor running? `whmcs-stock-monitor healthcheck` says so.",
                Paint::Plain,
                4,
            ));
        }
        lines
    }

    fn dead(&self) -> Vec<Line> {
        let were = match self.glance.dead {
            0 => return Vec::new(),
            1 => "1 delivery was".to_owned(),
            dead => format!("{} deliveries were", grouped(dead)),
        };
        let mut lines = self.paragraph(&format!("{were} given up."), Paint::Wrong, 2);
        lines.extend(self.paragraph(
            "Which and why: `whmcs-stock-monitor deliveries list --state dead`; `deliveries replay` sends one again.",
            Paint::Plain,
            4,
        ));
        lines
    }

    /// The counts, with what the search leaves of each, in the page's order.
    fn tiles(&self, selection: &Selection<'_>) -> Vec<Line> {
        let (all, left) = (&self.glance.index.counts, &selection.counts);
        let shows = Group::ALL.into_iter().map(Show::Group);
        let (urgent, calm): (Vec<Show>, Vec<Show>) = shows.partition(|show| match show {
            Show::Group(group) => group.is_urgent(),
            Show::Soon => true,
        });
        let mut pieces = Vec::new();
        for show in urgent.into_iter().chain([Show::Soon]).chain(calm) {
            let (count, paint) = match show {
                Show::Soon => (left.soon, Paint::Strong),
                Show::Group(group @ (Group::Silent | Group::NotControlled)) if all.of(group) == 0 => continue,
                Show::Group(group) => (left.of(group), Paint::Of(group)),
            };
            let paint = if count == 0 { Paint::Quiet } else { paint };
            pieces.push((format!("{} {}", grouped(count), show.title()), paint));
        }
        self.flowing("", &pieces)
    }

    /// The pieces one after the other, in as many lines as they take, those after the first under its first piece; none
    /// is broken.
    fn flowing(&self, lead: &str, pieces: &[(String, Paint)]) -> Vec<Line> {
        let within = self.within.unwrap_or(ENDLESS);
        let room = within.saturating_sub(width(lead));
        let mut lines: Vec<Line> = Vec::new();
        for (piece, paint) in pieces {
            let piece = text::cut(piece, room);
            match lines.last_mut() {
                Some(line) if line.width() + width(DOT) + width(&piece) <= within => {
                    line.add(DOT, Paint::Quiet);
                    line.add(piece, *paint);
                }
                Some(_) | None => {
                    let blanks = " ".repeat(width(lead));
                    let lead = if lines.is_empty() { lead } else { &blanks };
                    let mut line = Line::of(lead, Paint::Quiet);
                    line.add(piece, *paint);
                    lines.push(line);
                }
            }
        }
        lines.into_iter().map(|line| line.within(within)).collect()
    }
}

/// `All figures are current, read 2 min ago · 3 of 400 not known`
fn trusted(trust: &Trust<'_>, zone: &TimeZone) -> String {
    let mut words = trust.words.to_owned();
    let read = trust.read.map(|Ago { at, now }| age(at, now));
    let from = trust.from.map(|At(at)| table::time(at, zone));
    let several = trust.shops > 1;
    let shops = trust.shops;
    let of = match (from, read, several) {
        (Some(from), _, true) => Some(format!("the oldest figures of {shops} shops are from {from}")),
        (Some(from), _, false) => Some(format!("figures are from {from}")),
        (None, Some(read), true) => Some(format!("{shops} shops, the oldest read {read}")),
        (None, Some(read), false) => Some(format!("read {read}")),
        (None, None, _) => None,
    };
    if let Some(of) = of {
        words.push_str(DOT);
        words.push_str(&of);
    }
    if trust.unknown > 0 {
        let (unknown, series) = (grouped(trust.unknown), grouped(trust.series));
        words.push_str(&format!("{DOT}{unknown} of {series} not known"));
    }
    words
}

fn tone(tone: Tone) -> Paint {
    match tone {
        Tone::Good => Paint::Well,
        Tone::Waiting => Paint::Plain,
        Tone::Part | Tone::Bad => Paint::Wrong,
    }
}
