//! What is open now, as the list of alerts shows it: worst first, with who has taken it on and what keeps it from being told.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::domain::catalogue::Level;
use crate::domain::limit::Beside;
use crate::domain::message::Alert;
use crate::domain::message::MuteKind;
use crate::domain::nameless::called;
use crate::domain::stand::Severity;
use crate::notify::people;
use crate::notify::words;
use crate::observe::said::Said;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::addresses;
use crate::web::asker::Asker;
use crate::web::fields::AckForm;
use crate::web::fields::SilenceForm;
use crate::web::firing;
use crate::web::firing::OpenAlert;
use crate::web::firing::OpenOrder;
use crate::web::made::Looked;
use crate::web::show::Ago;
use crate::web::show::Words;

/// How much of a name is shown, in characters.
const NAME: usize = 200;
/// How many names stand in a sentence.
const NAMES: usize = 5;

/// What people did about an alert, as a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Nobody has taken it on, and it is told of.
    Nobody,
    Taken,
    Overdue,
    Silenced,
}

impl Care {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Nobody, Self::Taken, Self::Overdue, Self::Silenced];

    /// The name in addresses.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Taken => "taken",
            Self::Overdue => "overdue",
            Self::Silenced => "silenced",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Nobody => "Nobody's yet",
            Self::Taken => "Taken on",
            Self::Overdue => "Overdue",
            Self::Silenced => "Silenced",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|care| care.key() == name)
    }

    /// Whether the alert is so.
    #[must_use]
    pub fn is_of(self, open: &OpenAlert) -> bool {
        let ack = open.alert.ack.as_ref();
        match self {
            Self::Nobody => ack.is_none() && open.silenced.is_none(),
            Self::Taken => ack.is_some(),
            Self::Overdue => ack.is_some_and(|ack| ack.overdue),
            Self::Silenced => open.silenced.is_some(),
        }
    }
}

/// What is asked for.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    pub instance: Option<&'a Instance>,
    pub severity: Option<Severity>,
    pub care: Option<Care>,
    /// In lower case.
    pub needle: Option<String>,
}

impl Wanted<'_> {
    /// Whether the alert is meant; of which shop it is was asked before.
    #[must_use]
    pub fn is_met(&self, open: &OpenAlert) -> bool {
        let alert = &open.alert;
        self.severity.is_none_or(|severity| alert.severity == severity)
            && self.care.is_none_or(|care| care.is_of(open))
            && self.needle.as_ref().is_none_or(|needle| is_about(alert, needle))
    }
}

/// Whether the text stands in the name of what the alert is about, or is the product's number.
fn is_about(alert: &Alert, needle: &str) -> bool {
    let holds = |text: &str| text.to_lowercase().contains(needle);
    let product = alert.product.as_ref().is_some_and(|product| {
        holds(&product.name)
            || product.group.as_deref().is_some_and(holds)
            || product.id.to_string() == needle
    });
    let combination = alert.combination.as_ref();
    product
        || combination.is_some_and(|combination| holds(&combination.label))
        || alert.pool.as_ref().is_some_and(|pool| holds(&pool.name))
}

/// All that is open of the shop, or of all: worst first; of what is alike first what is overdue, then what has fewest left.
#[must_use]
pub fn all(seen: &Seen, said: &Said, instance: Option<&Instance>) -> Vec<OpenAlert> {
    let mut open = firing::open(seen, said, instance, None, OpenOrder::Urgency);
    let is_late = |open: &OpenAlert| open.alert.ack.as_ref().is_some_and(|ack| ack.overdue);
    // Stable: else they stay in the order in which programs are given them for urgency.
    open.sort_by_key(|open| {
        let left = open.alert.level.unwrap_or(i64::MAX);
        (Reverse(open.alert.severity), !is_late(open), left)
    });
    open
}

/// An open alert in its row.
pub struct Row {
    /// For the page's own links.
    pub id: String,
    pub key: &'static str,
    pub label: &'static str,
    pub name: String,
    /// The product's page; `None` for a pool.
    pub link: Option<String>,
    pub choice: Option<String>,
    pub instance: Option<String>,
    pub group: Option<String>,
    pub number: Option<i64>,
    pub left: String,
    /// The figure is the last one that was read: what it is now is not known.
    pub is_unknown: bool,
    pub limits: String,
    /// What limits it, whom it holds back, how long it lasts.
    pub facts: Vec<String>,
    pub since: Option<Ago>,
    /// Who has taken it on.
    pub ack: Option<Taken>,
    pub silenced: Option<Words>,
    /// The number of the silence, where it is one and not a window.
    pub silence: Option<String>,
    pub ack_form: AckForm,
    pub silence_form: SilenceForm,
}

/// Who has taken an alert on.
pub struct Taken {
    pub id: i64,
    pub words: Words,
    pub is_overdue: bool,
}

/// What rows are made beside.
pub struct Beneath<'a> {
    pub seen: &'a Seen,
    pub asker: &'a Asker,
    /// The page to come back to.
    pub back: &'a str,
    pub now: Timestamp,
}

/// The alert as its row shows it; `place` tells it from the others of the page.
#[must_use]
pub fn row(open: &OpenAlert, beneath: &Beneath<'_>) -> Row {
    let (alert, zone, now) = (&open.alert, beneath.seen.zone(), beneath.now);
    let product = alert.product.as_ref();
    let key = alert
        .combination
        .as_ref()
        .map(|combination| combination.key.as_str());
    let title = words::title(alert, NAME);
    let back = beneath.back.to_owned();
    let several = beneath.seen.instances.len() > 1;
    let (asker, id) = (beneath.asker, || alert.alert_id.clone());
    Row {
        id: addresses::encoded(&alert.alert_id),
        key: alert.severity.as_str(),
        label: words::label(alert.severity),
        name: product.map_or_else(
            || words::subject(alert, NAME),
            |product| called(&product.name, product.id).into_owned(),
        ),
        link: product.map(|product| addresses::product(&alert.instance, product.id, key)),
        choice: words::choice(alert, NAME),
        instance: (several && product.is_some()).then(|| alert.instance.clone()),
        group: product.and_then(|product| product.group.clone()),
        number: product.map(|product| product.id),
        left: words::remains(alert),
        is_unknown: is_unknown(alert, beneath.seen),
        limits: words::thresholds(&alert.thresholds),
        facts: facts(alert, several),
        since: alert.started_at.map(|at| Ago { at, now }),
        ack: alert.ack.as_ref().map(|ack| Taken {
            id: ack.id,
            words: Words(people::taken(ack)),
            is_overdue: ack.overdue,
        }),
        silenced: open.silenced.as_ref().map(|by| Words(people::muted(by))),
        silence: open.silenced.as_ref().and_then(|by| match by.kind {
            MuteKind::Silence => Some(by.id.clone()),
            MuteKind::Maintenance => None,
        }),
        ack_form: AckForm::new(id(), title.clone(), asker, &zone, back.clone()).over(Looked {
            open: true,
            held: alert.ack.as_ref().map(|ack| ack.id),
        }),
        silence_form: SilenceForm::new(id(), title, asker, &zone, back),
    }
}

fn facts(alert: &Alert, several: bool) -> Vec<String> {
    let beside = if several {
        Beside::Shop(None)
    } else {
        Beside::OneShop
    };
    let held = words::held_back(alert, beside, NAMES).map(|names| format!("holds back {names}"));
    let zero = alert
        .ambiguous_zero
        .then(|| "A zero that may also mean that stock control was switched off.".to_owned());
    let facts = [words::limit(alert, NAMES), held, words::cover(alert), zero];
    facts.into_iter().flatten().collect()
}

/// Whether the level is not known now; the alert stays as it was when it last was.
fn is_unknown(alert: &Alert, seen: &Seen) -> bool {
    let Some(product) = &alert.product else {
        let pool = alert.pool.as_ref().and_then(|pool| seen.pools.pool(&pool.name));
        return pool.is_some_and(|pool| pool.level.known().is_none());
    };
    let shop = seen.instance(&alert.instance);
    let Some(tracked) = shop.and_then(|shop| shop.memory.product(product.id)) else {
        return false;
    };
    let series = match &alert.combination {
        None => Some(&tracked.series),
        Some(of) => tracked
            .combinations
            .iter()
            .find(|combination| combination.key.to_string() == of.key)
            .map(|combination| &combination.series),
    };
    series.is_some_and(|series| series.level == Level::Unknown)
}
