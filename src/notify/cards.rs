//! How one alert or event is shown in a mail: its label, its level, and the facts beneath.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::limit::Beside;
use crate::domain::message::Alert;
use crate::domain::message::PoolRef;
use crate::domain::message::ProductEvent;
use crate::domain::message::Reason;
use crate::domain::stand::ProductEventKind;
use crate::domain::stand::Severity;
use crate::notify::clean;
use crate::notify::people;
use crate::notify::words;

/// Names after a pool's "holds back".
const HELD: usize = 10;
/// Names after "also holds back", beside what a pool limits.
const LIMITED: usize = 5;
/// Shops that are named beside a pool.
const SHOPS: usize = 5;
/// Names in a line of what is still open.
const IN_A_ROW: usize = 2;

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
    /// The combination, where it is not about the whole product.
    pub choice: Option<String>,
    /// The level in large; "" where there is none to show.
    pub figure: String,
    /// What matters most.
    pub lead: String,
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

    /// The class of a heading: a plain one is in the text's own colour.
    #[must_use]
    pub fn heading_class(self) -> &'static str {
        if self == Self::Plain { "i" } else { self.class() }
    }

    /// The colour of a heading on a light ground.
    #[must_use]
    pub fn heading_colour(self) -> &'static str {
        if self == Self::Plain {
            "#1d2530"
        } else {
            self.colour()
        }
    }

    /// The colour of a severity.
    #[must_use]
    pub fn of(severity: Severity) -> Self {
        match severity {
            Severity::Ok => Self::Good,
            Severity::Low => Self::Low,
            Severity::Critical => Self::Critical,
            Severity::Out => Self::Out,
        }
    }
}

/// When, where and about how many shops the message is read.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) at: Timestamp,
    pub(crate) zone: &'a TimeZone,
    pub(crate) several: bool,
    /// What names the shop already.
    pub(crate) beside: Beside<'a>,
}

impl Reading<'_> {
    /// An alert that is announced.
    pub(crate) fn card(&self, alert: &Alert) -> Card {
        Card {
            tone: tone(alert),
            label: label(alert),
            title: words::subject(alert, clean::NAME),
            choice: words::choice(alert, clean::NAME),
            figure: figure(alert),
            lead: lead(alert, self.beside),
            facts: self.facts(alert),
        }
    }

    fn facts(&self, alert: &Alert) -> Vec<String> {
        let mut facts = Vec::new();
        match (explaining(alert, LIMITED), words::limit(alert, LIMITED)) {
            // The lead says it.
            (Some(_), _) => facts.extend(alert.previous_level.map(|was| format!("was {was}"))),
            (None, limit) => facts.extend(limit),
        }
        facts.extend(people::meanwhile(alert).or_else(|| explained(alert)));
        facts.extend(self.taken_on(alert));
        facts.extend(alert.after.as_ref().map(people::ended));
        match (&alert.product, &alert.pool) {
            (Some(product), _) => {
                facts.push(self.place(&alert.instance, product.id, product.group.as_deref()));
            }
            (None, Some(pool)) => facts.push(self.of_pool(pool)),
            (None, None) => {}
        }
        facts.push(words::thresholds(&alert.thresholds));
        if let Some(started) = alert.started_at {
            let span = words::span(started, self.at);
            match alert.reason {
                Reason::Recovered | Reason::Withdrawn => facts.push(format!("was not ok for {span}")),
                Reason::First
                | Reason::Worse
                | Reason::Better
                | Reason::Reminder
                | Reason::RuleChanged
                | Reason::Escalated
                | Reason::Overdue
                | Reason::Flapping => {
                    if self.at.as_second() - started.as_second() >= 60 {
                        facts.push(format!(
                            "not ok since {} ({span})",
                            words::moment(started, self.zone)
                        ));
                    }
                }
            }
        }
        facts.extend(words::cover(alert));
        facts
    }

    /// Who has taken it on, and what was ordered.
    fn taken_on(&self, alert: &Alert) -> Option<String> {
        let ack = alert.ack.as_ref()?;
        Some(people::taken_on(ack, self.zone, self.at))
    }

    /// `pool of 40, drawn on by default, us`
    fn of_pool(&self, pool: &PoolRef) -> String {
        let capacity = format!("pool of {}", pool.capacity);
        if words::drawing(pool, self.beside).is_none() {
            return capacity;
        }
        let names: Vec<String> = pool
            .instances
            .iter()
            .take(SHOPS)
            .map(|shop| clean::name(shop))
            .collect();
        match pool.instances.len() - names.len() {
            0 => format!("{capacity}, drawn on by {}", names.join(", ")),
            more => format!("{capacity}, drawn on by {} +{more}", names.join(", ")),
        }
    }

    /// An alert that is still open.
    pub(crate) fn row(&self, alert: &Alert) -> Row {
        let level = match words::limit(alert, IN_A_ROW) {
            _ if alert.ambiguous_zero => words::AMBIGUOUS_ZERO.to_owned(),
            // It begins with the level where the pool is to blame for a 0.
            Some(limit)
                if alert
                    .level
                    .is_some_and(|level| limit.starts_with(&level.to_string())) =>
            {
                limit
            }
            Some(limit) => format!("{}, {limit}", words::left(alert.level)),
            None => words::remains(alert),
        };
        let held = words::held_back(alert, self.beside, IN_A_ROW).map(|held| format!("holds back {held}"));
        let since = alert
            .started_at
            .map(|at| format!("since {}", words::moment(at, self.zone)));
        let shop = (self.several && alert.product.is_some()).then(|| clean::name(&alert.instance));
        let taken_on = self.taken_on(alert);
        let fact: Vec<String> = [Some(level), held, since, shop, taken_on]
            .into_iter()
            .flatten()
            .collect();
        Row {
            tone: Tone::of(alert.severity),
            label: words::label(alert.severity),
            title: words::title(alert, clean::NAME),
            fact: fact.join(", "),
        }
    }

    /// What happened to a product.
    pub(crate) fn event(&self, event: &ProductEvent) -> Card {
        let severity = event.severity.unwrap_or_default();
        let place = self.place(&event.instance, event.product.id, event.product.group.as_deref());
        Card {
            tone: if severity == Severity::Ok {
                Tone::Plain
            } else {
                Tone::of(severity)
            },
            label: event_label(event.kind),
            title: words::product(&event.product, clean::NAME),
            choice: None,
            figure: event.level.map(|level| level.to_string()).unwrap_or_default(),
            lead: happened(event),
            facts: vec![place],
        }
    }

    fn place(&self, instance: &str, id: i64, group: Option<&str>) -> String {
        let group = group.map(clean::name).filter(|group| !group.is_empty());
        let shop = self.several.then(|| clean::name(instance));
        let place = [group, Some(format!("product {id}")), shop];
        place.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// How long something was away.
    pub(crate) fn gap(&self, since: Timestamp) -> String {
        format!(
            "The gap lasted {}, from {} to {}.",
            words::span(since, self.at),
            words::moment(since, self.zone),
            words::moment(self.at, self.zone)
        )
    }
}

/// The colour of an alert.
pub(crate) fn tone(alert: &Alert) -> Tone {
    match alert.reason {
        Reason::First
        | Reason::Worse
        | Reason::Better
        | Reason::Reminder
        | Reason::RuleChanged
        | Reason::Escalated
        | Reason::Overdue
        | Reason::Flapping => Tone::of(alert.severity),
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
        Reason::Overdue => "OVERDUE",
        Reason::Flapping => "UNSTEADY",
        Reason::Reminder | Reason::Escalated => match alert.severity {
            Severity::Ok => "OK",
            Severity::Low => "STILL LOW",
            Severity::Critical => "STILL CRITICAL",
            Severity::Out => "STILL OUT",
        },
    }
}

/// What limits it, where that begins with the level and so says all: a pool is to blame for a 0.
fn explaining(alert: &Alert, names: usize) -> Option<String> {
    let level = alert.level.filter(|_| !alert.ambiguous_zero)?;
    words::limit(alert, names).filter(|limit| limit.starts_with(&level.to_string()))
}

/// Where the level stands, and where it stood.
fn lead(alert: &Alert, beside: Beside<'_>) -> String {
    if let Some(explained) = explaining(alert, LIMITED) {
        return explained;
    }
    let was = words::previous(alert);
    let left = words::remains(alert);
    let held = words::held_back(alert, beside, HELD).map(|held| format!("; holds back {held}"));
    let held = held.unwrap_or_default();
    match (alert.ambiguous_zero, was) {
        (true, Some(was)) => format!("{} (was {was})", words::AMBIGUOUS_ZERO),
        (true, None) => words::AMBIGUOUS_ZERO.to_owned(),
        (false, Some(was)) => format!("{left}, was {was}{held}"),
        (false, None) => format!("{left}{held}"),
    }
}

fn figure(alert: &Alert) -> String {
    match words::level(alert) {
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
        Reason::Escalated => Some("nobody has taken it on".to_owned()),
        // The ack says it better.
        Reason::Overdue if alert.ack.is_some() => None,
        Reason::Overdue => Some("what was ordered has not come in time".to_owned()),
        Reason::Flapping => Some(
            "it went to and fro: from now on only what is worse is told, until it was calm for 6 hours"
                .to_owned(),
        ),
    }
}

pub(crate) fn event_label(kind: ProductEventKind) -> &'static str {
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
