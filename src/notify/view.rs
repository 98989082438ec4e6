//! What a mail shows, in the order it shows it; the templates give it a form and decide nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Capability;
use crate::domain::message::Message;
use crate::domain::message::Open;
use crate::domain::source::Cause;
use crate::domain::stand::Counts;
use crate::notify::cards;
use crate::notify::cards::Card;
use crate::notify::cards::Reading;
use crate::notify::cards::Row;
use crate::notify::cards::Tone;
use crate::notify::clean;
use crate::notify::subject;
use crate::notify::words;

/// A whole mail.
#[derive(Debug)]
pub struct View {
    pub subject: String,
    /// "" where a single card says it all.
    pub headline: String,
    pub tone: Tone,
    pub intro: Vec<String>,
    pub tallies: Vec<Tally>,
    /// What the message announces, worst first.
    pub cards: Vec<Card>,
    /// What else is open, worst first.
    pub open: Vec<Row>,
    pub open_total: usize,
    pub footer: Vec<String>,
    pub page_url: Option<String>,
}

/// One number of an overview.
#[derive(Debug)]
pub struct Tally {
    pub tone: Tone,
    pub label: &'static str,
    pub count: usize,
}

impl View {
    /// The view of a message, its times in the zone. With `several` shops the one it is about is named.
    #[must_use]
    pub fn of(message: &Message, zone: &TimeZone, page_url: Option<&str>, several: bool) -> Self {
        let subject = subject::subject(message, several);
        let mut view = Self {
            headline: subject.clone(),
            subject,
            tone: Tone::Plain,
            intro: Vec::new(),
            tallies: Vec::new(),
            cards: Vec::new(),
            open: Vec::new(),
            open_total: 0,
            footer: footer(message, zone, several),
            page_url: page_url.map(|url| clean::line(url, 500)),
        };
        view.fill(message, zone, several);
        view
    }

    fn fill(&mut self, message: &Message, zone: &TimeZone, several: bool) {
        let source = words::source(message.instance.as_deref(), several);
        let reading = Reading {
            at: message.at,
            zone,
            several: message.instance.is_none(),
            beside: words::beside(message, several),
        };
        match &message.body {
            Body::Alerts { alerts, open } => {
                self.tone = alerts.first().map_or(Tone::Plain, cards::tone);
                self.headline = overview(alerts);
                self.cards = alerts.iter().map(|alert| reading.card(alert)).collect();
                self.still_open(open, &reading);
            }
            Body::Baseline {
                products,
                counts,
                combinations,
                pools,
                open,
            } => {
                self.headline = watching(*products, *pools, &source);
                self.intro = vec![
                    "This is the baseline: what stands below counts as told. From now on you hear of what changes."
                        .to_owned(),
                ];
                self.intro
                    .extend(beside("Combinations of options", *combinations));
                self.intro.extend(beside("Pools", *pools));
                self.tallies = tallies(*counts);
                self.still_open(open, &reading);
            }
            Body::Products { events } => {
                self.headline = if events.len() == 1 {
                    String::new()
                } else {
                    format!("{} products changed", events.len())
                };
                self.cards = events.iter().map(|event| reading.event(event)).collect();
            }
            Body::SourceDown {
                cause,
                detail,
                since,
                pools,
            } => {
                self.down(*cause, detail, *since, &reading, &source);
                self.intro.extend(blinded(pools));
            }
            Body::SourceUp { cause, since } => {
                self.tone = Tone::Good;
                self.headline = format!("{source} is readable again");
                self.intro = vec![reading.gap(*since)];
                self.intro
                    .extend(cause.map(|cause| format!("It had been: {}", cause.words())));
                self.intro
                    .push("What changed meanwhile is announced on its own.".to_owned());
            }
            Body::SourceDegraded { lost } => self.degraded(*lost, &source),
            Body::SourceRestored { regained, since } => {
                self.tone = Tone::Good;
                self.headline = format!("{source} is whole again");
                self.intro = vec![words::regained(*regained).to_owned(), reading.gap(*since)];
            }
            Body::Report(report) => {
                self.tone = if report.all_is_well {
                    Tone::Good
                } else {
                    Tone::Plain
                };
            }
            Body::ReportOverdue { report, since, why } => {
                self.tone = Tone::Critical;
                self.headline = format!("The report {} has reached nobody", clean::name(report));
                self.intro = vec![
                    format!(
                        "It was due {}. {}",
                        words::moment(*since, reading.zone),
                        clean::line(why, 500)
                    ),
                    format!("What to do: {}", words::OVERDUE_REPORT),
                ];
            }
            Body::Ping => {
                self.tone = Tone::Good;
                self.headline = "It works".to_owned();
                self.intro = vec![words::PING.to_owned()];
            }
        }
    }

    fn down(&mut self, cause: Cause, detail: &str, since: Timestamp, reading: &Reading<'_>, source: &str) {
        self.tone = Tone::Out;
        let (span, from) = (words::span(since, reading.at), words::moment(since, reading.zone));
        self.headline = format!("{source} has been unreadable for {span}");
        self.intro = vec![format!("{} Since {from}.", cause.words())];
        let detail = clean::line(detail, 500);
        if !detail.is_empty() {
            self.intro.push(format!("Seen: {detail}"));
        }
        self.intro.push(format!("What to do: {}", cause.mend()));
        self.intro.push(
            "Until it is readable again its products are silent: levels may be out of date.".to_owned(),
        );
    }

    fn degraded(&mut self, lost: Capability, source: &str) {
        self.tone = Tone::Critical;
        self.headline = format!("{source} tells less than before");
        self.intro = vec![
            words::lost(lost).to_owned(),
            format!("What to do: {}", words::mend(lost)),
        ];
    }

    fn still_open(&mut self, open: &Open, reading: &Reading<'_>) {
        self.open = open.alerts.iter().map(|alert| reading.row(alert)).collect();
        self.open_total = open.total.max(open.alerts.len());
    }

    /// How many are open beyond those listed.
    #[must_use]
    pub fn open_more(&self) -> usize {
        self.open_total - self.open.len()
    }
}

/// Which pools are unknown while a shop cannot be read; nothing where there are none.
fn blinded(pools: &[String]) -> Option<String> {
    if pools.is_empty() {
        return None;
    }
    let named: Vec<String> = pools.iter().map(|pool| clean::line(pool, 100)).collect();
    Some(format!(
        "Pools that count its services become unknown with it, in every shop: {}.",
        named.join(", ")
    ))
}

/// What stands above several alerts; one says it all by itself.
fn overview(alerts: &[Alert]) -> String {
    if alerts.len() == 1 {
        String::new()
    } else {
        capitalised(&subject::counted_line(alerts))
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn footer(message: &Message, zone: &TimeZone, several: bool) -> Vec<String> {
    let moment = words::moment(message.at, zone);
    match *words::shops(message, several) {
        [] => vec![moment],
        [only] => vec![format!("Shop {} · {moment}", clean::name(only))],
        [one, other] => vec![format!(
            "Shops {}, {} · {moment}",
            clean::name(one),
            clean::name(other)
        )],
        ref more => vec![format!("{} shops · {moment}", more.len())],
    }
}

fn watching(products: usize, pools: Counts, source: &str) -> String {
    let products = subject::of_kind(products, "product");
    match pools.total() {
        0 => format!("Now watching {products} of {source}"),
        pools => format!(
            "Now watching {products} of {source}, and {}",
            subject::of_kind(pools, "pool")
        ),
    }
}

/// `Pools: 1 out.`; nothing where none is open.
fn beside(what: &str, counts: Counts) -> Option<String> {
    let open = subject::counted(counts);
    (!open.is_empty()).then(|| format!("{what}: {open}."))
}

/// How many stand where, without those of which there are none.
pub(crate) fn tallies(counts: Counts) -> Vec<Tally> {
    let all = [
        (Tone::Out, "out", counts.out),
        (Tone::Critical, "critical", counts.critical),
        (Tone::Low, "low", counts.low),
        (Tone::Good, "ok", counts.ok),
        (Tone::Plain, "not controlled", counts.not_controlled),
        (Tone::Plain, "unknown", counts.unknown),
    ];
    all.into_iter()
        .filter(|(_, _, count)| *count > 0)
        .map(|(tone, label, count)| Tally { tone, label, count })
        .collect()
}
