//! The head of a product's page: how it stands now, since when, by which rule, and how old that is.

use jiff::Timestamp;

use crate::domain::catalogue::Level;
use crate::domain::limit::Sentence;
use crate::domain::report::Amount;
use crate::domain::stand::Severity;
use crate::notify::people;
use crate::notify::report::say;
use crate::observe::items::Entry;
use crate::observe::said::Said;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::overview::why_unknown;
use crate::web::pools::STYLE;
use crate::web::show::Ago;
use crate::web::show::Named;
use crate::web::show::Words;
use crate::web::show::grouped;

/// How a product or combination stands, in words.
pub struct Head<'a> {
    pub name: Named<'a>,
    pub group: Option<&'a str>,
    pub instance: &'a str,
    pub id: i64,
    /// The class of its tone.
    pub tone: &'static str,
    /// The figure, or a sign where there is none.
    pub level: String,
    /// What that means.
    pub state: String,
    /// Since when it is so.
    pub since: Option<Ago>,
    /// The shop is no longer configured.
    pub past: bool,
    /// `retired`, `hidden`, `too many combinations, followed per choice`
    pub remarks: Vec<&'static str>,
    /// Why it is not known.
    pub why: Option<String>,
    /// The last figure, where there is none now, and when it was read.
    pub last_known: Option<(i64, Option<Ago>)>,
    pub thresholds: Option<Limits<'a>>,
    /// When the figure was read.
    pub read: Option<Ago>,
    /// What is wrong with the shop now.
    pub failing: Option<&'static str>,
    /// How long it lasts, or why that is not known.
    pub cover: Option<String>,
    /// How fast it sells.
    pub rate: Option<String>,
    pub price: Option<String>,
    pub bottleneck: Option<Sentence>,
    pub is_pool: bool,
    /// Who has taken it on, and whether that is overdue.
    pub ack: Option<(Words, bool)>,
    /// A pool tells of it.
    pub spoken_for: bool,
}

/// The thresholds that hold, and where they come from.
pub struct Limits<'a> {
    pub low: i64,
    pub critical: i64,
    pub origin: &'a str,
    /// It is also low while it lasts less long than this.
    pub lead: Option<String>,
}

/// How the series stands.
#[must_use]
pub fn head<'a>(seen: &'a Seen, entry: Entry<'a>, configured: bool, said: &Said, now: Timestamp) -> Head<'a> {
    let product = entry.product;
    let series = entry.series();
    let board = &seen.pools;
    let (tone, state) = stands(&entry);
    let shop = seen.instance(entry.instance);
    let unknown = entry.state() == "unknown";
    let since = if unknown { series.frozen_since } else { None };
    let rated = entry.forecasts.rate(series.number);
    let thresholds = entry.thresholds();
    Head {
        name: Named {
            name: product.name.shown(),
            number: product.id,
        },
        group: product.group.as_ref().map(|group| group.shown()),
        instance: entry.instance,
        id: product.id,
        tone,
        level: figure(&entry),
        state,
        since: since
            .or(entry.severity().map(|_| series.since))
            .map(|at| Ago { at, now }),
        past: !configured,
        remarks: remarks(&entry),
        why: unknown.then(|| why(seen, shop, entry)).flatten(),
        last_known: entry
            .level()
            .is_none()
            .then_some(series.last_level)
            .flatten()
            .map(|level| (level, series.last_known_at.map(|at| Ago { at, now }))),
        thresholds: configured.then(|| Limits {
            low: thresholds.low,
            critical: thresholds.critical,
            origin: &thresholds.origin,
            lead: thresholds
                .cover
                .map(|cover| say::days_of(cover.as_secs_f64() / 86_400.0)),
        }),
        read: entry.observed_at.map(|at| Ago { at, now }),
        failing: shop.and_then(failing),
        cover: cover(&entry, configured),
        rate: rated.filter(|rate| rate.per_day > 0.0).map(say::rate),
        price: product.price.as_ref().map(|price| {
            say::amount(&Amount {
                currency: price.currency.clone(),
                hundredths: price.monthly,
            })
        }),
        bottleneck: entry.why(board, STYLE).filter(|_| configured),
        is_pool: entry.pool(board).is_some(),
        ack: said
            .ack(&entry)
            .map(|ack| (Words(people::taken(&ack)), ack.overdue)),
        spoken_for: entry.is_open() && !entry.is_alert(board),
    }
}

/// The class of its tone, and what it means in words.
fn stands(entry: &Entry<'_>) -> (&'static str, String) {
    if entry.is_gone() {
        return ("not_controlled", "no longer in the catalogue".to_owned());
    }
    let severity = match entry.severity() {
        Some(Severity::Out) => ("out", "out"),
        Some(Severity::Critical) => ("critical", "critical"),
        Some(Severity::Low) => ("low", "low"),
        Some(Severity::Ok) | None => ("ok", "ok"),
    };
    let (tone, words) = match entry.series().level {
        Level::NotControlled => ("not_controlled", "WHMCS does not count it".to_owned()),
        Level::Unknown => ("unknown", unknown(entry)),
        Level::Known(_) => (severity.0, severity.1.to_owned()),
    };
    if entry.is_silent() {
        return ("silent", format!("{words}; nobody is told of it"));
    }
    (tone, words)
}

fn unknown(entry: &Entry<'_>) -> String {
    match entry.severity() {
        Some(severity) if severity > Severity::Ok => format!("not known now, was {}", severity.as_str()),
        Some(_) | None => "not known now".to_owned(),
    }
}

fn figure(entry: &Entry<'_>) -> String {
    match (entry.level(), entry.state()) {
        (Some(level), _) => grouped(level),
        (None, "unknown") => "?".to_owned(),
        (None, _) => "–".to_owned(),
    }
}

fn remarks(entry: &Entry<'_>) -> Vec<&'static str> {
    let product = entry.product;
    let all = [
        (product.retired == Some(true), "retired"),
        (product.hidden == Some(true), "hidden"),
        (
            product.per_choice && entry.combination.is_none(),
            "too many combinations, followed per choice",
        ),
        (entry.series().notes().flapping_since.is_some(), "goes to and fro"),
        (product.missing > 0 && !product.gone, "missing in the last answer"),
    ];
    let said = all.into_iter().filter(|(is_so, _)| *is_so);
    said.map(|(_, words)| words).collect()
}

/// Why it is not known: of what a pool limits, the pool says it.
fn why(seen: &Seen, shop: Option<&Instance>, entry: Entry<'_>) -> Option<String> {
    let pool = entry.bottleneck().and_then(|limit| limit.pool());
    if let Some(pool) = pool.and_then(|name| seen.pools.pool(name))
        && !pool.unknown.is_empty()
    {
        return Some(pool.unknown.clone());
    }
    why_unknown(&entry, &shop?.memory.source).map(str::to_owned)
}

fn failing(shop: &Instance) -> Option<&'static str> {
    let poll = shop.last_poll.as_ref()?;
    poll.outcome.cause().map(|cause| cause.words())
}

/// `about 6 days (4 to 9)`, `not enough history yet`; `None` where there is nothing to say.
fn cover(entry: &Entry<'_>, configured: bool) -> Option<String> {
    let level = entry.level().filter(|level| *level > 0 && configured)?;
    let Some(rate) = entry.forecasts.rate(entry.series().number) else {
        return Some("not enough history yet".to_owned());
    };
    Some(match rate.cover(level) {
        Some(cover) => say::cover(&cover),
        None => "it does not sell now".to_owned(),
    })
}
