//! A message in one line that says it all on a phone: the subject of a mail.

use jiff::Timestamp;

use crate::domain::limit::Beside;
use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Capability;
use crate::domain::message::Message;
use crate::domain::message::PoolRef;
use crate::domain::message::ProductEvent;
use crate::domain::message::Reason;
use crate::domain::report::Report;
use crate::domain::source::Cause;
use crate::domain::stand::Counts;
use crate::domain::stand::ProductEventKind;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;
use crate::notify::clean;
use crate::notify::words;

/// The longest subject, in characters.
const LIMIT: usize = 150;
/// How much of a name a subject shows, in characters.
const NAME: usize = 60;
/// How many names a subject shows.
const NAMES: usize = 2;

/// The subject: one line, at most 150 characters, worst first. With `several` shops it names the one it is about.
#[must_use]
pub fn subject(message: &Message, several: bool) -> String {
    let source = words::source(message.instance.as_deref(), several);
    let shop = match *words::shops(message, several) {
        [only] => Some(only),
        _ => None,
    };
    let suffix = words::source_suffix(shop, several);
    let text = match &message.body {
        Body::Alerts { alerts, .. } => alerts_line(alerts, words::beside(message, several)) + &suffix,
        Body::Baseline {
            products,
            counts,
            combinations,
            pools,
            ..
        } => {
            let watching = format!("{source} baseline: watching {}", of_kind(*products, "product"));
            baseline_line(watching, *counts, *combinations, *pools)
        }
        Body::Products { events } => events_line(events) + &suffix,
        Body::SourceDown { cause, since, .. } => down_line(&source, *cause, *since, message.at),
        Body::SourceUp { since, .. } => {
            format!(
                "{source} readable again after {}",
                words::span(*since, message.at)
            )
        }
        Body::SourceDegraded { lost } => format!("{source}: {}", lost_line(*lost)),
        Body::SourceRestored { regained, .. } => format!("{source}: {}", regained_line(*regained)),
        Body::Report(report) => report_line(report) + &suffix,
        Body::ReportOverdue { report, .. } => {
            format!("Report {} has reached nobody", clean::line(report, NAME))
        }
        Body::Ping => format!("Test message of the stock monitor{suffix}"),
    };
    clean::line(&text, LIMIT)
}

/// `Report weekly: 2 out, 5 low` or that all is well.
fn report_line(report: &Report) -> String {
    let Counts {
        low, critical, out, ..
    } = report.products;
    let open: Vec<String> = [(out, "out"), (critical, "critical"), (low, "low")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let how = match (report.all_is_well, open.is_empty()) {
        (true, true) => "all is well".to_owned(),
        (true, false) => format!("all is well ({})", open.join(", ")),
        (false, true) => "something to look at".to_owned(),
        (false, false) => open.join(", "),
    };
    format!("Report {}: {how}", clean::line(&report.name, NAME))
}

/// Alerts in one line, without the shop that stands beside it.
#[must_use]
pub fn alerts_line(alerts: &[Alert], beside: Beside<'_>) -> String {
    match alerts {
        [] => "Nothing to report".to_owned(),
        [alert] => one(alert, beside),
        several => many(several, beside),
    }
}

fn one(alert: &Alert, beside: Beside<'_>) -> String {
    let said = plainly(alert);
    if is_low_by_cover(alert)
        && let Some(lasts) = words::cover(alert)
    {
        return format!("{said}, {lasts}");
    }
    if let Some(held) = words::held_back(alert, beside, NAMES) {
        return format!("{said}; holds back {held}");
    }
    match (&alert.product, &alert.pool) {
        (Some(_), Some(pool)) if is_open(alert.reason) => format!("{said}; {}", pool_line(pool)),
        (Some(_) | None, _) => said,
    }
}

/// Whether it is low only since it will not last as long as a restock takes: the level alone would not say why.
fn is_low_by_cover(alert: &Alert) -> bool {
    let Thresholds { low, cover, .. } = &alert.thresholds;
    alert.severity == Severity::Low && cover.is_some() && alert.level.is_some_and(|level| level > *low)
}

/// Whether what limits it still matters.
fn is_open(reason: Reason) -> bool {
    match reason {
        Reason::First
        | Reason::Worse
        | Reason::Better
        | Reason::Reminder
        | Reason::RuleChanged
        | Reason::Escalated
        | Reason::Overdue
        | Reason::Flapping => true,
        Reason::Recovered | Reason::Withdrawn => false,
    }
}

/// `pool 64 GB DIMM kits is empty`
fn pool_line(pool: &PoolRef) -> String {
    let name = clean::line(&pool.name, NAME);
    match pool.level {
        Some(0) => format!("pool {name} is empty"),
        level => format!("pool {name}: {}", words::left(level)),
    }
}

fn plainly(alert: &Alert) -> String {
    let title = words::title(alert, NAME);
    let left = words::left(words::level(alert));
    let was = |text: &str| match words::previous(alert) {
        Some(previous) => format!("{text} (was {previous})"),
        None => text.to_owned(),
    };
    if alert.meanwhile {
        let (was, now) = (alert.previous_severity.as_str(), alert.severity.as_str());
        return format!("meanwhile {was}, now {now}: {title}, {left}");
    }
    match alert.reason {
        Reason::First | Reason::Worse if alert.ambiguous_zero => match alert.previous_level {
            Some(previous) => format!("OUT?: {title} (shows 0, was {previous})"),
            None => format!("OUT?: {title} (shows 0)"),
        },
        Reason::First | Reason::Worse => match alert.severity {
            Severity::Out if alert.product.is_none() => format!("OUT: {title}, {left}"),
            Severity::Out => was(&format!("OUT: {title}")),
            Severity::Ok | Severity::Low | Severity::Critical => {
                was(&format!("{}: {title}, {left}", words::label(alert.severity)))
            }
        },
        Reason::Better => format!("better: {title}, {left}, still {}", alert.severity.as_str()),
        Reason::Recovered => match words::level(alert) {
            Some(level) => format!("recovered: {title} ({level})"),
            None => format!("recovered: {title}"),
        },
        Reason::Reminder => format!("still {}: {title}, {left}", alert.severity.as_str()),
        Reason::RuleChanged => format!(
            "rules changed: {title} is {} now, {left}",
            alert.severity.as_str()
        ),
        Reason::Withdrawn => format!("withdrawn: {title} is no longer watched"),
        Reason::Escalated => {
            format!(
                "nobody on it: {title} is still {}, {left}",
                alert.severity.as_str()
            )
        }
        Reason::Overdue => format!("overdue: {title}, {left}"),
        Reason::Flapping => format!("unsteady: {title}, {left}"),
    }
}

fn many(alerts: &[Alert], beside: Beside<'_>) -> String {
    let title = |alert: &Alert| {
        let title = words::title(alert, NAME);
        let shops = alert.about_pool().and_then(|pool| words::drawing(pool, beside));
        shops.map_or(title.clone(), |shops| format!("{title} ({shops})"))
    };
    format!("{}: {}", counted_line(alerts), names(alerts.iter().map(title)))
}

/// How many alerts there are of each kind, in their order: `2 out, 1 low`.
#[must_use]
pub fn counted_line(alerts: &[Alert]) -> String {
    let all = |reason: Reason| alerts.iter().all(|alert| alert.reason == reason);
    let prefix = if all(Reason::Reminder) {
        "still open: "
    } else if all(Reason::RuleChanged) {
        "rules changed: "
    } else {
        ""
    };
    format!("{prefix}{}", tallied(alerts.iter().map(heading)))
}

fn tallied(kinds: impl Iterator<Item = &'static str>) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for kind in kinds {
        match counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((kind, 1)),
        }
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    counts.join(", ")
}

/// Under which word an alert is counted.
fn heading(alert: &Alert) -> &'static str {
    match alert.reason {
        Reason::First | Reason::Worse | Reason::Reminder | Reason::RuleChanged => alert.severity.as_str(),
        Reason::Better => "better",
        Reason::Recovered => "recovered",
        Reason::Withdrawn => "withdrawn",
        Reason::Escalated => "nobody on it",
        Reason::Overdue => "overdue",
        Reason::Flapping => "unsteady",
    }
}

/// The first names, and how many more there are: `DS-64, VPS M +1`.
fn names(titles: impl ExactSizeIterator<Item = String>) -> String {
    let more = titles.len().saturating_sub(NAMES);
    let shown: Vec<String> = titles.take(NAMES).collect();
    let shown = shown.join(", ");
    if more == 0 {
        shown
    } else {
        format!("{shown} +{more}")
    }
}

/// `watching 84 products, 2 out; 3 pools, 1 out; combinations: 12 out`; without combinations where none is open.
fn baseline_line(watching: String, counts: Counts, combinations: Counts, pools: Counts) -> String {
    let joined = |named: String, counts: Counts| match counted(counts) {
        open if open.is_empty() => named,
        open => format!("{named}, {open}"),
    };
    let mut parts = vec![joined(watching, counts)];
    if pools.total() > 0 {
        parts.push(joined(of_kind(pools.total(), "pool"), pools));
    }
    let open = counted(combinations);
    if !open.is_empty() {
        parts.push(format!("combinations: {open}"));
    }
    parts.join("; ")
}

/// `1 product`, `84 products`
#[must_use]
pub fn of_kind(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// `2 out, 5 low`; "" where nothing is open.
#[must_use]
pub fn counted(counts: Counts) -> String {
    let open = [
        (counts.out, "out"),
        (counts.critical, "critical"),
        (counts.low, "low"),
    ];
    let open: Vec<String> = open
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    open.join(", ")
}

fn events_line(events: &[ProductEvent]) -> String {
    let title = |event: &ProductEvent| words::product(&event.product, NAME);
    match events {
        [] => "Nothing to report".to_owned(),
        [event] => {
            let named = format!("{}: {}", words::event(event.kind), title(event));
            match (event.kind, &event.previous, event.level) {
                (ProductEventKind::Renamed, Some(previous), _) => {
                    format!("{named} (was {})", clean::line(previous, NAME))
                }
                (ProductEventKind::Gone, _, _) | (_, _, None) => named,
                (_, _, Some(level)) => format!("{named} ({level} left)"),
            }
        }
        several => format!(
            "products: {}: {}",
            tallied(several.iter().map(|event| event_heading(event.kind))),
            names(several.iter().map(title))
        ),
    }
}

/// Under which word an event is counted.
fn event_heading(kind: ProductEventKind) -> &'static str {
    match kind {
        ProductEventKind::New => "new",
        ProductEventKind::Gone => "gone",
        ProductEventKind::Returned => "back",
        ProductEventKind::Renamed => "renamed",
        ProductEventKind::OptionsChanged => "with other options",
        ProductEventKind::ControlOn => "with stock control on",
        ProductEventKind::ControlOff => "with stock control off",
    }
}

fn down_line(source: &str, cause: Cause, since: Timestamp, at: Timestamp) -> String {
    format!(
        "{source} unreadable for {}: {}",
        words::span(since, at),
        cause.words().trim_end_matches('.')
    )
}

fn lost_line(capability: Capability) -> &'static str {
    match capability {
        Capability::StockFields => "stock figures are missing, levels unknown",
        Capability::Companion => "the companion no longer answers",
    }
}

fn regained_line(capability: Capability) -> &'static str {
    match capability {
        Capability::StockFields => "stock figures are back",
        Capability::Companion => "the companion answers again",
    }
}
