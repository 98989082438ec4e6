//! The wording shared by every form of a message.

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::forecast;
use crate::domain::limit;
use crate::domain::limit::Beside;
use crate::domain::limit::Style;
use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Capability;
use crate::domain::message::Message;
use crate::domain::message::PoolRef;
use crate::domain::message::Reason;
use crate::domain::nameless::called;
use crate::domain::pool::Limited;
use crate::domain::stand::ProductEventKind;
use crate::domain::stand::ProductRef;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;
use crate::notify::clean;

/// What a 0 means where stock control may have been switched off.
pub const AMBIGUOUS_ZERO: &str = "shows 0: sold out, or stock control was switched off";
/// What a test message says.
pub const PING: &str = "This is a test: messages of the stock monitor arrive here.";
/// What to do about a report that reached nobody.
pub const OVERDUE_REPORT: &str =
    "See what `deliveries list` says of it, and mend the channel; `report send` sends it anew.";
/// How much of the name of a pool, or of what it holds back, a sentence shows, in characters.
const HELD_NAME: usize = 60;
/// The instance that the environment describes; it needs no name where there is only one shop.
const DEFAULT_INSTANCE: &str = "default";

/// What was lost, as a sentence.
#[must_use]
pub fn lost(capability: Capability) -> &'static str {
    match capability {
        Capability::StockFields => "WHMCS no longer sends stock figures with its products.",
        Capability::Companion => "The companion (GetProductDetails) no longer answers.",
    }
}

/// What to do about it, as a sentence.
#[must_use]
pub fn mend(capability: Capability) -> &'static str {
    match capability {
        Capability::StockFields => {
            "Levels are unknown until the figures are back, and nothing is said about stock. Check whether WHMCS was changed or updated, and that stock control is switched on for the products."
        }
        Capability::Companion => {
            "Levels of options and hidden products may be unknown until it is back. Check that the companion file is still in includes/api on the WHMCS host and that the API role allows GetProductDetails."
        }
    }
}

/// What came back, as a sentence.
#[must_use]
pub fn regained(capability: Capability) -> &'static str {
    match capability {
        Capability::StockFields => "WHMCS sends stock figures again.",
        Capability::Companion => "The companion (GetProductDetails) answers again.",
    }
}

/// The shop in words: `WHMCS`, or `WHMCS eu`. With `several` shops each is named.
#[must_use]
pub fn source(instance: Option<&str>, several: bool) -> String {
    match instance {
        Some(name) if several || name != DEFAULT_INSTANCE => format!("WHMCS {}", clean::line(name, 60)),
        Some(_) | None => "WHMCS".to_owned(),
    }
}

/// What a subject adds to name the shop; "" where there is nothing to tell apart.
#[must_use]
pub fn source_suffix(instance: Option<&str>, several: bool) -> String {
    match instance {
        Some(name) if several || name != DEFAULT_INSTANCE => format!(" · {}", clean::line(name, 60)),
        Some(_) | None => String::new(),
    }
}

/// The shops that a message is about: the one that was looked at; where it is of pools alone, those that draw on them.
#[must_use]
pub fn shops(message: &Message, several: bool) -> Vec<&str> {
    let looked_at: Vec<&str> = message.instance.as_deref().into_iter().collect();
    let Body::Alerts { alerts, .. } = &message.body else {
        return looked_at;
    };
    if !several || alerts.is_empty() || alerts.iter().any(|alert| alert.about_pool().is_none()) {
        return looked_at;
    }
    let mut shops: Vec<&str> = Vec::new();
    for shop in alerts
        .iter()
        .filter_map(Alert::about_pool)
        .flat_map(|pool| &pool.instances)
    {
        if !shops.contains(&shop.as_str()) {
            shops.push(shop);
        }
    }
    shops
}

/// What names the shop in a message: a pool that it lists needs to name the others.
#[must_use]
pub fn beside(message: &Message, several: bool) -> Beside<'_> {
    match *shops(message, several) {
        _ if !several => Beside::OneShop,
        [only] => Beside::Shop(Some(only)),
        _ => Beside::Shop(None),
    }
}

/// The shops that draw on a pool, where the message does not name them already: `us`, `2 shops`.
#[must_use]
pub fn drawing(pool: &PoolRef, beside: Beside<'_>) -> Option<String> {
    match (beside, pool.instances.as_slice()) {
        (Beside::Shop(home), [only]) => (home != Some(only.as_str())).then(|| clean::line(only, 60)),
        (Beside::Shop(_), [_, _, ..]) => Some(format!("{} shops", pool.instances.len())),
        (Beside::Shop(_), []) | (Beside::OneShop | Beside::Limited(_), _) => None,
    }
}

/// The product's name, at most `limit` characters, or its number where it has none.
#[must_use]
pub fn product(product: &ProductRef, limit: usize) -> String {
    clean::line(&called(&product.name, product.id), limit)
}

/// The product or the pool that an alert is about.
#[must_use]
pub fn subject(alert: &Alert, limit: usize) -> String {
    match (&alert.product, &alert.pool) {
        (Some(about), _) => product(about, limit),
        // The word belongs to the name: both together keep to the limit.
        (None, Some(pool)) => clean::line(&format!("pool {}", pool.name), limit),
        (None, None) => String::new(),
    }
}

/// The combination's label, at most `limit` characters, or which orders of a pool; `None` for what is meant as a whole.
#[must_use]
pub fn choice(alert: &Alert, limit: usize) -> Option<String> {
    if let Some(need) = need(alert) {
        return Some(format!("orders that take {need}"));
    }
    let combination = alert.combination.as_ref()?;
    let label = clean::line(&combination.label, limit);
    Some(if label.is_empty() {
        clean::line(&combination.key, limit)
    } else {
        label
    })
}

/// What the alert is about: the product, and the combination in brackets.
#[must_use]
pub fn title(alert: &Alert, limit: usize) -> String {
    let product = subject(alert, limit);
    match choice(alert, limit) {
        Some(choice) => format!("{product} [{choice}]"),
        None => product,
    }
}

/// How many of a pool the orders take that the alert is about.
fn need(alert: &Alert) -> Option<i64> {
    alert.about_pool()?.need
}

/// What is left of what the alert is about; of a pool the pool's own figure, whichever orders it is about.
#[must_use]
pub fn level(alert: &Alert) -> Option<i64> {
    match (need(alert), &alert.pool) {
        (Some(_), Some(pool)) => pool.level,
        (Some(_) | None, _) => alert.level,
    }
}

/// What is left in words; of a pool also how many of those orders that fills.
#[must_use]
pub fn remains(alert: &Alert) -> String {
    let left = left(level(alert));
    match alert.level.filter(|_| need(alert).is_some()) {
        None => left,
        Some(..=0) => format!("{left}, not enough for one"),
        Some(orders) => format!("{left}, enough for {orders}"),
    }
}

/// What was left before, in the same terms.
#[must_use]
pub fn previous(alert: &Alert) -> Option<i64> {
    // Of those orders it is their number that is remembered.
    alert.previous_level.filter(|_| need(alert).is_none())
}

/// `3 left`, `oversold by 2`, or that it is not known.
#[must_use]
pub fn left(level: Option<i64>) -> String {
    match level {
        Some(n) if n < 0 => format!("oversold by {}", n.unsigned_abs()),
        Some(n) => format!("{n} left"),
        None => "level unknown".to_owned(),
    }
}

/// What limits its level: `0 because pool "64 GB DIMM kits" is empty; also holds back DS-128`, `limited by RAM: 64 GB`.
/// `None` where nothing does, and for what is no longer watched.
#[must_use]
pub fn limit(alert: &Alert, names: usize) -> Option<String> {
    let product = alert.product.as_ref()?;
    if alert.reason == Reason::Withdrawn {
        return None;
    }
    let Some(pool) = &alert.pool else {
        let bottleneck = alert.bottleneck.as_deref()?;
        return Some(format!("limited by {}", clean::name(bottleneck)));
    };
    let own = Limited {
        instance: &alert.instance,
        product_id: product.id,
        combination: alert
            .combination
            .as_ref()
            .map(|combination| combination.label.as_str()),
    };
    Some(limit::why(alert.level, pool, &own, style(names)).to_string())
}

/// Whom a pool that an alert is about holds back: `DS-128, DS-256 +3`.
#[must_use]
pub fn held_back(alert: &Alert, beside: Beside<'_>, names: usize) -> Option<String> {
    let pool = alert.about_pool()?;
    let held = limit::held_back(pool, beside, style(names));
    (!held.is_empty() && alert.reason != Reason::Withdrawn).then(|| held.to_string())
}

fn style(names: usize) -> Style {
    Style {
        name: |name| clean::line(name, HELD_NAME),
        names,
    }
}

/// `low ≤ 5, critical ≤ 1 (from rule 2)`
#[must_use]
pub fn thresholds(thresholds: &Thresholds) -> String {
    let Thresholds {
        low,
        critical,
        origin,
        cover: _,
    } = thresholds;
    let split = origin
        .strip_prefix("low: ")
        .and_then(|rest| rest.split_once(", critical: "));
    match split {
        Some((of_low, of_critical)) => format!(
            "low ≤ {low} ({}), critical ≤ {critical} ({})",
            from(of_low),
            from(of_critical)
        ),
        None => format!("low ≤ {low}, critical ≤ {critical} ({})", from(origin)),
    }
}

/// How long what is left lasts, and how long a restock takes where a rule says so; nothing of what is out.
#[must_use]
pub fn cover(alert: &Alert) -> Option<String> {
    if alert.level.is_some_and(|level| level <= 0) {
        return None;
    }
    let lasts = forecast::about(alert.days_of_cover?);
    Some(match alert.thresholds.cover {
        Some(restock) => {
            let takes = forecast::days_in_words(restock.as_secs_f64() / 86_400.0);
            format!("will last {lasts}; a restock takes {takes}")
        }
        None => format!("lasts {lasts} at the present rate"),
    })
}

fn from(origin: &str) -> String {
    if origin == "global" {
        "global".to_owned()
    } else {
        format!("from {}", clean::line(origin, 80))
    }
}

/// The severity as a label.
#[must_use]
pub fn label(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "OK",
        Severity::Low => "LOW",
        Severity::Critical => "CRITICAL",
        Severity::Out => "OUT",
    }
}

/// What happened to a product.
#[must_use]
pub fn event(kind: ProductEventKind) -> &'static str {
    match kind {
        ProductEventKind::New => "new",
        ProductEventKind::Gone => "gone",
        ProductEventKind::Returned => "back",
        ProductEventKind::Renamed => "renamed",
        ProductEventKind::OptionsChanged => "options changed",
        ProductEventKind::ControlOn => "stock control on",
        ProductEventKind::ControlOff => "stock control off",
    }
}

/// `21 Nov 2026, 10:03 CET`
#[must_use]
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%-d %b %Y, %H:%M %Z")
        .to_string()
}

/// `40 s`, `15 min`, `2 h 5 min`, `3 days 4 h`; never negative.
#[must_use]
pub fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).max(SignedDuration::ZERO).as_secs();
    let (minutes, hours, days) = (seconds / 60 % 60, seconds / 3600 % 24, seconds / 86_400);
    let rest = |n: i64, unit: &str| {
        if n == 0 {
            String::new()
        } else {
            format!(" {n} {unit}")
        }
    };
    match (days, hours, seconds / 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, whole) => format!("{whole} min"),
        (0, hours, _) => format!("{hours} h{}", rest(minutes, "min")),
        (1, hours, _) => format!("1 day{}", rest(hours, "h")),
        (days, hours, _) => format!("{days} days{}", rest(hours, "h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_name_where_they_come_from() {
        for (origin, words) in [
            ("global", "low ≤ 5, critical ≤ 1 (global)"),
            ("rule 2", "low ≤ 5, critical ≤ 1 (from rule 2)"),
            (
                "low: rule 2, critical: global",
                "low ≤ 5 (from rule 2), critical ≤ 1 (global)",
            ),
        ] {
            let given = Thresholds {
                low: 5,
                critical: 1,
                origin: origin.to_owned(),
                cover: None,
            };
            assert_eq!(thresholds(&given), words);
        }
    }

    #[test]
    fn spans_are_told_in_two_units_at_most() {
        let at = |seconds| Timestamp::from_second(seconds).expect("in range");
        for (seconds, words) in [
            (-5, "0 s"),
            (59, "59 s"),
            (900, "15 min"),
            (3600, "1 h"),
            (7500, "2 h 5 min"),
            (86_400, "1 day"),
            (273_600, "3 days 4 h"),
        ] {
            assert_eq!(span(at(0), at(seconds)), words);
        }
    }

    #[test]
    fn moments_carry_the_zone_that_holds_then() {
        let zone = TimeZone::get("Europe/Berlin").expect("known");
        let at = |text: &str| text.parse().expect("a time");
        assert_eq!(
            moment(at("2026-11-21T09:03:11Z"), &zone),
            "21 Nov 2026, 10:03 CET"
        );
        assert_eq!(
            moment(at("2026-07-01T22:30:00Z"), &zone),
            "2 Jul 2026, 00:30 CEST"
        );
        assert_eq!(
            moment(at("2026-07-01T22:30:00Z"), &TimeZone::UTC),
            "1 Jul 2026, 22:30 UTC"
        );
    }
}
