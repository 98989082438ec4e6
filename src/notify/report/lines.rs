//! How one line of a report is shown: its label, its figure, the facts beneath, and the picture beside.

use std::cmp::Reverse;
use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::charts::level;
use crate::charts::png;
use crate::domain::report::Chart;
use crate::domain::report::Happened;
use crate::domain::report::Line;
use crate::domain::report::PoolLine;
use crate::domain::stand::ProductRef;
use crate::domain::stand::Severity;
use crate::notify::cards;
use crate::notify::cards::Tone;
use crate::notify::clean;
use crate::notify::content::Attachment;
use crate::notify::report::part::Entry;
use crate::notify::report::part::Picture;
use crate::notify::report::part::Shown;
use crate::notify::report::say;
use crate::notify::words;

/// How much of a name is shown, in characters.
const NAME: usize = 90;
const GROUP: usize = 50;
/// The most pictures in a mail.
pub const PICTURES: usize = 12;

/// Makes the lines of a report, and draws their pictures.
pub struct Lines<'a> {
    pub shown: Shown<'a>,
    drawn: HashSet<(String, i64, String)>,
    pub attachments: Vec<Attachment>,
}

/// In which order what was ordered stands: overdue first, then what is expected soonest.
#[must_use]
pub fn urgency(line: &Line) -> (Reverse<bool>, bool, Option<Timestamp>) {
    let ack = line.ack.as_ref();
    let eta = ack.and_then(|ack| ack.eta);
    (Reverse(ack.is_some_and(|ack| ack.overdue)), eta.is_none(), eta)
}

impl<'a> Lines<'a> {
    /// Nothing drawn yet.
    #[must_use]
    pub fn new(shown: Shown<'a>) -> Self {
        Self {
            shown,
            drawn: HashSet::new(),
            attachments: Vec::new(),
        }
    }

    /// Out or critical, and nobody on it.
    pub fn act_now(&mut self, line: &Line) -> Entry {
        let mut facts: Vec<String> = sells(line).into_iter().collect();
        facts.extend(moved(line));
        facts.extend(bottleneck(line));
        facts.push(words::thresholds(&line.thresholds));
        facts.push(self.place(line));
        Entry {
            lead: self.since(line),
            facts,
            picture: self.picture(line),
            ..stands(line)
        }
    }

    /// It will not last until it can be restocked.
    pub fn running_out(&mut self, line: &Line) -> Entry {
        let mut facts: Vec<String> = line.rate.as_ref().map(say::rate).into_iter().collect();
        facts.extend(moved(line));
        facts.extend(bottleneck(line));
        facts.push(self.place(line));
        let lasts = line
            .cover
            .as_ref()
            .map(|cover| format!("lasts {}", say::cover(cover)));
        let restock = line
            .lead_time_days
            .map(|days| format!("a restock takes {}", say::days_of(days)));
        let lead: Vec<String> = [Some(words::left(line.level)), lasts, restock]
            .into_iter()
            .flatten()
            .collect();
        let figure = line.cover.as_ref().map(say::cover_figure).unwrap_or_default();
        let stands = stands(line);
        let (tone, label) = match line.severity {
            Severity::Ok => (Tone::Low, "RUNS OUT"),
            Severity::Low | Severity::Critical | Severity::Out => (stands.tone, stands.label),
        };
        Entry {
            tone,
            label,
            unit: unit_of_days(&figure),
            figure,
            lead: lead.join("; "),
            facts,
            picture: self.picture(line),
            ..stands
        }
    }

    /// Taken on.
    pub fn ordered(&mut self, line: &Line) -> Entry {
        let (now, zone) = (self.shown.now, self.shown.zone);
        let mut facts = Vec::new();
        let overdue = line.ack.as_ref().is_some_and(|ack| ack.overdue);
        let lead = match &line.ack {
            Some(ack) => {
                facts.push(say::ordered_by(ack, now, zone));
                say::ordered(ack, now, zone)
            }
            None => "taken on".to_owned(),
        };
        facts.push(self.since(line));
        facts.extend(sells(line));
        facts.push(self.place(line));
        let label = match (&line.ack, overdue) {
            (_, true) => "OVERDUE",
            (Some(ack), false) if ack.quantity.is_some() => "ORDERED",
            (Some(_) | None, false) => "TAKEN ON",
        };
        let stands = stands(line);
        Entry {
            tone: if overdue { Tone::Out } else { Tone::Plain },
            label,
            lead,
            facts,
            picture: self.picture(line),
            ..stands
        }
    }

    /// In stock and not selling.
    pub fn idle(&mut self, line: &Line) -> Entry {
        let rate = line.rate.as_ref().map(say::rate);
        let mut lead = match line.still_since {
            Some(since) => {
                let long = say::days(say::days_between(since, self.shown.now));
                let rate = rate.map(|rate| format!("; before that it {rate}"));
                format!("nothing sold for {long}{}", rate.unwrap_or_default())
            }
            None => rate.unwrap_or_else(|| "nothing sold".to_owned()),
        };
        if line.restocked > 0 {
            lead = format!("{lead}; {} restocked", line.restocked);
        }
        Entry {
            tone: Tone::Plain,
            label: "IDLE",
            lead,
            facts: vec![self.place(line)],
            ..stands(line)
        }
    }

    /// A pool.
    pub fn pool(&mut self, line: &PoolLine) -> Entry {
        let (now, zone) = (self.shown.now, self.shown.zone);
        let lasts = line
            .cover
            .as_ref()
            .map(|cover| format!("lasts {}", say::cover(cover)));
        let held = match line.holds_back {
            0 => None,
            1 => Some("holds back 1 product".to_owned()),
            held => Some(format!("holds back {held} products")),
        };
        let said: Vec<String> = [lasts, held].into_iter().flatten().collect();
        let ack = line.ack.as_ref();
        Entry {
            tone: Tone::of(line.severity),
            label: words::label(line.severity),
            title: named(clean::line(&line.name, NAME), "unnamed pool"),
            choice: None,
            figure: line.level.map_or("?".to_owned(), |level| level.to_string()),
            unit: format!("of {}", line.capacity),
            lead: said.join("; "),
            facts: ack
                .map(|ack| {
                    format!(
                        "{}, {}",
                        say::ordered(ack, now, zone),
                        say::ordered_by(ack, now, zone)
                    )
                })
                .into_iter()
                .collect(),
            picture: None,
        }
    }

    /// It fell or rose; with a picture, where it may have one.
    pub fn moved(&mut self, line: &Line, pictured: bool) -> Entry {
        let (label, figure) = if line.sold > 0 {
            ("FELL", format!("\u{2212}{}", line.sold))
        } else {
            ("ROSE", format!("+{}", line.restocked))
        };
        let both = (line.sold > 0 && line.restocked > 0).then(|| format!("rose by {}", line.restocked));
        let now = match (line.level, line.known) {
            (Some(level), true) => format!("{level} left, {}", line.severity.as_str()),
            (Some(level), false) => format!("not known now, last {level}"),
            (None, _) => "level unknown".to_owned(),
        };
        let said: Vec<String> = both.into_iter().chain([now]).collect();
        Entry {
            tone: if line.severity == Severity::Ok {
                Tone::Plain
            } else {
                Tone::of(line.severity)
            },
            label,
            figure,
            unit: String::new(),
            picture: if pictured { self.picture(line) } else { None },
            lead: said.join("; "),
            facts: vec![self.place(line)],
            ..stands(line)
        }
    }

    /// Something happened to it.
    pub fn happened(&self, event: &Happened) -> Entry {
        let (now, zone) = (self.shown.now, self.shown.zone);
        Entry {
            tone: Tone::Plain,
            label: cards::event_label(event.kind),
            title: words::product(&event.product, NAME),
            choice: None,
            figure: String::new(),
            unit: String::new(),
            lead: say::moment(event.at, now, zone),
            facts: vec![self.place_of(&event.instance, &event.product)],
            picture: None,
        }
    }

    /// What it probably did not earn.
    pub fn lost(&mut self, line: &Line) -> Entry {
        let rate = line.rate.as_ref().map(say::rate);
        let said: Vec<String> = [Some(format!("{} at zero", say::hours(line.hours_out))), rate]
            .into_iter()
            .flatten()
            .collect();
        Entry {
            label: "LOST",
            tone: Tone::Plain,
            figure: line.lost.as_ref().map(say::amount).unwrap_or_default(),
            unit: String::new(),
            lead: said.join("; "),
            facts: vec![self.place(line)],
            ..stands(line)
        }
    }

    fn since(&self, line: &Line) -> String {
        let (now, zone) = (self.shown.now, self.shown.zone);
        let since = say::date(line.since, now, zone);
        let lasted = match say::days_between(line.since, now) {
            0 => "less than a day".to_owned(),
            days => say::days(days),
        };
        let severity = line.severity.as_str();
        let held = format!("{severity} since {since} ({lasted})");
        if line.known {
            held
        } else {
            format!("{held}; not known now, this is the last known level")
        }
    }

    fn place(&self, line: &Line) -> String {
        self.place_of(&line.instance, &line.product)
    }

    fn place_of(&self, instance: &str, product: &ProductRef) -> String {
        let group = product.group.as_deref().map(|group| say::name(group, GROUP));
        let shop = self.shown.several.then(|| say::name(instance, 40));
        let place = [
            group.filter(|group| !group.is_empty()),
            Some(format!("product {}", product.id)),
            shop,
        ];
        place.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// The picture of a line, once in a mail, as long as there is room for one.
    fn picture(&mut self, line: &Line) -> Option<Picture> {
        let chart = line.chart.as_ref()?;
        let combination = line.combination.as_ref();
        let series = (
            line.instance.clone(),
            line.product.id,
            combination.map(|c| c.key.clone()).unwrap_or_default(),
        );
        if self.attachments.len() >= PICTURES || self.drawn.contains(&series) {
            return None;
        }
        let bytes = png::png(&level::svg(chart))?;
        self.drawn.insert(series);
        let cid = format!("level-{}@stock-monitor.png", self.attachments.len() + 1);
        self.attachments.push(Attachment {
            name: cid.clone(),
            inline: true,
            content_type: "image/png".to_owned(),
            data: STANDARD.encode(bytes),
        });
        let (now, zone) = (self.shown.now, self.shown.zone);
        Some(Picture {
            cid,
            alt: in_words(line, chart),
            from: say::date(chart.from, now, zone),
            until: say::last_date(chart.until, now, zone),
        })
    }
}

/// What a picture shows: `DS-64: from 20 to 3 in 7 days, low at 5`.
#[must_use]
pub fn in_words(line: &Line, chart: &Chart) -> String {
    let name = words::product(&line.product, NAME);
    let choice = choice(line)
        .map(|choice| format!(" [{choice}]"))
        .unwrap_or_default();
    let mut known = chart.points.iter().filter_map(|(_, level)| *level);
    let first = known.next();
    let last = known.next_back().or(first);
    let days = say::days(say::days_between(chart.from, chart.until).max(1));
    let went = match (first, last) {
        (Some(first), Some(last)) if first != last => format!("from {first} to {last} in {days}"),
        (Some(first), Some(_)) => match between(first, chart) {
            went if went.is_empty() => format!("{first} throughout {days}"),
            went => format!("{first} at both ends of {days}{went}"),
        },
        (_, None) | (None, _) => format!("not known in {days}"),
    };
    let unknown = chart.points.iter().any(|(_, level)| level.is_none()) && first.is_some();
    let unknown = if unknown { ", at times not known" } else { "" };
    format!("{name}{choice}: {went}{unknown}, low at {}", chart.low)
}

/// `, 12 at the most` where it went up meanwhile; else how far it fell.
fn between(ends: i64, chart: &Chart) -> String {
    let known = || chart.points.iter().filter_map(|(_, level)| *level);
    match (known().max(), known().min()) {
        (Some(most), _) if most > ends => format!(", {most} at the most"),
        (_, Some(least)) if least < ends => format!(", {least} at the least"),
        (_, _) => String::new(),
    }
}

/// The line's name, label and level, without what is said of it.
fn stands(line: &Line) -> Entry {
    Entry {
        tone: Tone::of(line.severity),
        label: words::label(line.severity),
        title: words::product(&line.product, NAME),
        choice: choice(line),
        figure: match (line.level, line.known) {
            (Some(level), true) => level.to_string(),
            (Some(level), false) => format!("{level}?"),
            (None, _) => "?".to_owned(),
        },
        unit: "left".to_owned(),
        lead: String::new(),
        facts: Vec::new(),
        picture: None,
    }
}

fn choice(line: &Line) -> Option<String> {
    let combination = line.combination.as_ref()?;
    let label = clean::line(&combination.label, NAME);
    Some(if label.is_empty() {
        clean::line(&combination.key, NAME)
    } else {
        label
    })
}

fn named(name: String, otherwise: &str) -> String {
    if name.is_empty() {
        otherwise.to_owned()
    } else {
        name
    }
}

/// `sells 1.4 a day; lasts about 2 days (1 to 3)`
fn sells(line: &Line) -> Option<String> {
    let rate = say::rate(line.rate.as_ref()?);
    let level = line.level.unwrap_or_default();
    Some(match &line.cover {
        Some(cover) if level > 0 => format!("{rate}; lasts {}", say::cover(cover)),
        Some(_) | None => rate,
    })
}

/// `fell by 17, rose by 20 in this time`
fn moved(line: &Line) -> Option<String> {
    match (line.sold, line.restocked) {
        (0, 0) => None,
        (sold, 0) => Some(format!("fell by {sold} in this time")),
        (0, restocked) => Some(format!("rose by {restocked} in this time")),
        (sold, restocked) => Some(format!("fell by {sold}, rose by {restocked} in this time")),
    }
}

fn bottleneck(line: &Line) -> Option<String> {
    let bottleneck = say::name(line.bottleneck.as_deref()?, NAME);
    Some(format!("limited by {bottleneck}"))
}

fn unit_of_days(figure: &str) -> String {
    match figure {
        "" => "",
        "1" | "<1" => "day",
        _ => "days",
    }
    .to_owned()
}
