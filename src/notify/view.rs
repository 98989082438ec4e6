//! What a mail shows, in the order it shows it; the templates give it a form and decide nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Capability;
use crate::domain::message::Counts;
use crate::domain::message::Message;
use crate::domain::message::Open;
use crate::domain::message::ProductEvent;
use crate::domain::message::ProductEventKind;
use crate::domain::message::Reason;
use crate::domain::message::Severity;
use crate::domain::source::Cause;
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

/// The colour of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Out,
    Critical,
    Low,
    Good,
    Plain,
}

/// One alert or event.
#[derive(Debug)]
pub struct Card {
    pub tone: Tone,
    pub label: &'static str,
    pub title: String,
    /// The level in large; "" where there is none to show.
    pub figure: String,
    pub facts: Vec<String>,
}

/// One line of what is still open.
#[derive(Debug)]
pub struct Row {
    pub tone: Tone,
    pub label: &'static str,
    pub title: String,
    pub fact: String,
}

/// One number of an overview.
#[derive(Debug)]
pub struct Tally {
    pub tone: Tone,
    pub label: &'static str,
    pub count: usize,
}

impl Tone {
    /// The class in the style sheet.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Out => "o",
            Self::Critical => "c",
            Self::Low => "l",
            Self::Good => "g",
            Self::Plain => "p",
        }
    }

    /// The colour on a light ground.
    #[must_use]
    pub fn colour(self) -> &'static str {
        match self {
            Self::Out => "#b42318",
            Self::Critical => "#b54708",
            Self::Low => "#8a6100",
            Self::Good => "#177245",
            Self::Plain => "#52606d",
        }
    }

    fn of(severity: Severity) -> Self {
        match severity {
            Severity::Ok => Self::Good,
            Severity::Low => Self::Low,
            Severity::Critical => Self::Critical,
            Severity::Out => Self::Out,
        }
    }
}

impl View {
    /// The view of a message, its times in the zone.
    #[must_use]
    pub fn of(message: &Message, zone: &TimeZone, page_url: Option<&str>) -> Self {
        let subject = subject::subject(message);
        let mut view = Self {
            headline: subject.clone(),
            subject,
            tone: Tone::Plain,
            intro: Vec::new(),
            tallies: Vec::new(),
            cards: Vec::new(),
            open: Vec::new(),
            open_total: 0,
            footer: footer(message, zone),
            page_url: page_url.map(|url| clean::line(url, 500)),
        };
        view.fill(message, zone);
        view
    }

    fn fill(&mut self, message: &Message, zone: &TimeZone) {
        let source = words::source(message.instance.as_deref());
        let reading = Reading {
            at: message.at,
            zone,
            several: message.instance.is_none(),
        };
        match &message.body {
            Body::Alerts { alerts, open } => {
                self.tone = alerts.first().map_or(Tone::Plain, tone);
                self.headline = overview(alerts);
                self.cards = alerts.iter().map(|alert| reading.card(alert)).collect();
                self.still_open(open, &reading);
            }
            Body::Baseline {
                products,
                counts,
                open,
            } => {
                self.headline = format!("Now watching {products} products of {source}");
                self.intro = vec![
                    "This is the baseline: what stands below counts as told. From now on you hear of what changes."
                        .to_owned(),
                ];
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
            Body::SourceDown { cause, detail, since } => self.down(*cause, detail, *since, &reading, &source),
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

/// What stands above several alerts; one says it all by itself.
fn overview(alerts: &[Alert]) -> String {
    if alerts.len() == 1 {
        String::new()
    } else {
        subject::counted_line(alerts)
    }
}

/// When, where and about how many shops the message is read.
struct Reading<'a> {
    at: Timestamp,
    zone: &'a TimeZone,
    several: bool,
}

impl Reading<'_> {
    fn card(&self, alert: &Alert) -> Card {
        Card {
            tone: tone(alert),
            label: label(alert),
            title: words::title(alert, clean::NAME),
            figure: figure(alert),
            facts: self.facts(alert),
        }
    }

    fn facts(&self, alert: &Alert) -> Vec<String> {
        let mut facts = Vec::new();
        let was = alert.previous_level.map(|previous| format!("was {previous}"));
        if alert.ambiguous_zero {
            let was = was.map(|was| format!(" ({was})")).unwrap_or_default();
            facts.push(format!("{}{was}", words::AMBIGUOUS_ZERO));
        } else {
            let figures = [Some(words::left(alert.level)), was];
            facts.push(figures.into_iter().flatten().collect::<Vec<_>>().join(", "));
        }
        facts.extend(explained(alert));
        facts.push(self.place(&alert.instance, alert.product.id, alert.product.group.as_deref()));
        facts.push(words::thresholds(&alert.thresholds));
        if let Some(started) = alert.started_at {
            let span = words::span(started, self.at);
            match alert.reason {
                Reason::Recovered | Reason::Withdrawn => facts.push(format!("was not ok for {span}")),
                Reason::First | Reason::Worse | Reason::Better | Reason::Reminder | Reason::RuleChanged => {
                    if self.at.as_second() - started.as_second() >= 60 {
                        facts.push(format!(
                            "not ok since {} ({span})",
                            words::moment(started, self.zone)
                        ));
                    }
                }
            }
        }
        facts.extend(
            alert
                .days_of_cover
                .map(|days| format!("lasts about {days:.1} days at the present rate")),
        );
        facts
    }

    fn row(&self, alert: &Alert) -> Row {
        let level = if alert.ambiguous_zero {
            words::AMBIGUOUS_ZERO.to_owned()
        } else {
            words::left(alert.level)
        };
        let since = alert
            .started_at
            .map(|at| format!("since {}", words::moment(at, self.zone)));
        let shop = self.several.then(|| clean::name(&alert.instance));
        let fact: Vec<String> = [Some(level), since, shop].into_iter().flatten().collect();
        Row {
            tone: Tone::of(alert.severity),
            label: words::label(alert.severity),
            title: words::title(alert, clean::NAME),
            fact: fact.join(", "),
        }
    }

    fn event(&self, event: &ProductEvent) -> Card {
        let severity = event.severity.unwrap_or_default();
        let name = clean::name(&event.product.name);
        let mut facts = Vec::new();
        facts.push(happened(event));
        facts.push(self.place(&event.instance, event.product.id, event.product.group.as_deref()));
        Card {
            tone: if severity == Severity::Ok {
                Tone::Plain
            } else {
                Tone::of(severity)
            },
            label: event_label(event.kind),
            title: if name.is_empty() {
                format!("product {}", event.product.id)
            } else {
                name
            },
            figure: event.level.map(|level| level.to_string()).unwrap_or_default(),
            facts,
        }
    }

    fn place(&self, instance: &str, id: i64, group: Option<&str>) -> String {
        let group = group.map(clean::name).filter(|group| !group.is_empty());
        let shop = self.several.then(|| clean::name(instance));
        let place = [group, Some(format!("product {id}")), shop];
        place.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    fn gap(&self, since: Timestamp) -> String {
        format!(
            "The gap lasted {}, from {} to {}.",
            words::span(since, self.at),
            words::moment(since, self.zone),
            words::moment(self.at, self.zone)
        )
    }
}

fn footer(message: &Message, zone: &TimeZone) -> Vec<String> {
    let moment = words::moment(message.at, zone);
    match &message.instance {
        Some(instance) => vec![format!("Shop {} · {moment}", clean::name(instance))],
        None => vec![moment],
    }
}

fn tone(alert: &Alert) -> Tone {
    match alert.reason {
        Reason::First | Reason::Worse | Reason::Better | Reason::Reminder | Reason::RuleChanged => {
            Tone::of(alert.severity)
        }
        Reason::Recovered => Tone::Good,
        Reason::Withdrawn => Tone::Plain,
    }
}

fn label(alert: &Alert) -> &'static str {
    match alert.reason {
        Reason::First | Reason::Worse if alert.ambiguous_zero => "OUT?",
        Reason::First | Reason::Worse | Reason::RuleChanged => words::label(alert.severity),
        Reason::Better => "BETTER",
        Reason::Recovered => "RECOVERED",
        Reason::Withdrawn => "WITHDRAWN",
        Reason::Reminder => match alert.severity {
            Severity::Ok => "OK",
            Severity::Low => "STILL LOW",
            Severity::Critical => "STILL CRITICAL",
            Severity::Out => "STILL OUT",
        },
    }
}

fn figure(alert: &Alert) -> String {
    match alert.level {
        Some(_) if alert.ambiguous_zero => "0?".to_owned(),
        Some(level) => level.to_string(),
        None => "?".to_owned(),
    }
}

/// What the label alone does not say.
fn explained(alert: &Alert) -> Option<String> {
    match alert.reason {
        Reason::First | Reason::Recovered | Reason::Reminder => None,
        Reason::Worse => Some(format!("told before: {}", alert.previous_severity.as_str())),
        Reason::Better => Some(format!(
            "no longer {}, still {}",
            alert.previous_severity.as_str(),
            alert.severity.as_str()
        )),
        Reason::RuleChanged => Some(format!(
            "the rules changed, not the stock (told before: {})",
            alert.previous_severity.as_str()
        )),
        Reason::Withdrawn => Some("no longer there, or no longer watched".to_owned()),
    }
}

fn event_label(kind: ProductEventKind) -> &'static str {
    match kind {
        ProductEventKind::New => "NEW",
        ProductEventKind::Gone => "GONE",
        ProductEventKind::Returned => "BACK",
        ProductEventKind::Renamed => "RENAMED",
        ProductEventKind::OptionsChanged => "OPTIONS CHANGED",
        ProductEventKind::ControlOn => "STOCK CONTROL ON",
        ProductEventKind::ControlOff => "STOCK CONTROL OFF",
    }
}

/// An event in words.
fn happened(event: &ProductEvent) -> String {
    let stands = match (event.level, event.severity, event.state) {
        (Some(level), Some(severity), _) => format!("{level} left ({})", severity.as_str()),
        (Some(level), None, _) => format!("{level} left"),
        (None, _, "not_controlled") => "stock is not controlled".to_owned(),
        (None, _, _) => "level unknown".to_owned(),
    };
    let previous = event.previous.as_deref().map(clean::name);
    match (event.kind, previous) {
        (ProductEventKind::Gone, _) => "no longer in the catalogue; its history is kept".to_owned(),
        (ProductEventKind::Renamed, Some(previous)) => format!("was called {previous}; {stands}"),
        (ProductEventKind::ControlOff, _) => "WHMCS no longer counts it".to_owned(),
        (
            ProductEventKind::New
            | ProductEventKind::Returned
            | ProductEventKind::Renamed
            | ProductEventKind::OptionsChanged
            | ProductEventKind::ControlOn,
            _,
        ) => stands,
    }
}

fn tallies(counts: Counts) -> Vec<Tally> {
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
