//! What happened to a product, in words.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::charts::history::Kind;
use crate::charts::history::Mark;
use crate::domain::alerting::state::Tracked;
use crate::domain::people::Silence;
use crate::domain::stand::Severity;
use crate::notify::clean;
use crate::notify::people;
use crate::notify::people::Told;
use crate::notify::words;
use crate::store::history::RecordedEvent;
use crate::web::show::Ago;
use crate::web::show::At;
use crate::web::together;
use crate::web::together::Together;
use crate::web::together::together;

/// How much of particulars is shown, in characters.
const DETAIL: usize = 700;

/// A line of what happened.
pub struct Row {
    pub id: i64,
    pub at: At,
    pub ago: Ago,
    pub kind: Kind,
    pub words: String,
    /// Who and why, a name or note of people among it; "" where there is nothing to say.
    pub detail: String,
    /// The combination it is about, as its key and as people call it.
    pub combination: Option<(String, String)>,
    /// Where it happened to several combinations at once: what they are called together, and each with its words.
    pub many: Option<(String, Vec<(String, String)>)>,
}

/// The events as lines, those of one cause in one.
#[must_use]
pub fn rows(events: &[RecordedEvent], product: &Tracked, now: Timestamp) -> Vec<Row> {
    let lines = together(events).into_iter();
    lines
        .map(|line| match line {
            Together::One(event) => row(event, product, now),
            Together::Many(first, events) => folded(first, events, product, now),
        })
        .collect()
}

/// What happened to all of these at once.
fn folded(first: &RecordedEvent, events: &[RecordedEvent], product: &Tracked, now: Timestamp) -> Row {
    let labels = labels(product);
    let each: Vec<(String, String)> = events
        .iter()
        .map(|event| {
            let key = event.combination.clone().unwrap_or_default();
            (labels.get(&key).cloned().unwrap_or(key), said(event).1)
        })
        .collect();
    let names: Vec<&str> = each.iter().map(|(label, _)| &**label).collect();
    let alike = events.iter().all(|event| event.level == first.level);
    let told = RecordedEvent {
        level: first.level.filter(|_| alike),
        ..first.clone()
    };
    Row {
        // The next page begins after all of them.
        id: events.last().map_or(first.id, |last| last.id),
        combination: None,
        many: Some((together::title(&names), each)),
        ..row(&told, product, now)
    }
}

/// What the combinations are called now, by their keys.
fn labels(product: &Tracked) -> HashMap<String, String> {
    let combinations = product.combinations.iter();
    combinations
        .map(|combination| (combination.key.to_string(), combination.label.to_string()))
        .collect()
}

/// The event as a line; the combination is called as the product calls it now.
fn row(event: &RecordedEvent, product: &Tracked, now: Timestamp) -> Row {
    let (kind, words) = said(event);
    Row {
        id: event.id,
        at: At(event.at),
        ago: Ago { at: event.at, now },
        kind,
        words,
        detail: detail(event),
        combination: event.combination.as_ref().map(|key| {
            let known = product.combinations.iter();
            let label = known
                .filter(|combination| combination.key.to_string() == *key)
                .map(|combination| combination.label.to_string())
                .next();
            (key.clone(), label.unwrap_or_else(|| key.clone()))
        }),
        many: None,
    }
}

/// The event as a sign of a picture.
#[must_use]
pub fn mark(event: &RecordedEvent) -> Mark {
    let (kind, words) = said(event);
    let detail = detail(event);
    Mark {
        at: event.at,
        kind,
        words: if detail.is_empty() {
            words
        } else {
            format!("{words}: {}", clean::line(&detail, 160))
        },
    }
}

/// A silence as signs of a picture: when it began, and when somebody ended it.
#[must_use]
pub fn silence_marks(silence: &Silence, zone: &TimeZone, now: Timestamp) -> Vec<Mark> {
    let mark = |at, words| Mark {
        at,
        kind: Kind::Silence,
        words,
    };
    let begun = mark(
        silence.starts_at,
        zoned(&people::muted(&silence.mute().silenced()), zone, now),
    );
    let ended = silence
        .ended_at
        .map(|at| mark(at, "the silence was ended".to_owned()));
    [Some(begun), ended].into_iter().flatten().collect()
}

/// In plain text, where nothing puts a moment into the reader's zone, the zone is said.
fn zoned(told: &Told, zone: &TimeZone, now: Timestamp) -> String {
    let sign = told
        .at
        .map(|at| at.to_zoned(zone.clone()).strftime(" (%Z)").to_string());
    let after = format!("{}{}", sign.unwrap_or_default(), told.after);
    Told {
        after,
        ..told.clone()
    }
    .text(zone, now)
}

fn said(event: &RecordedEvent) -> (Kind, String) {
    let words = |words: &str| (Kind::Other, words.to_owned());
    match event.kind.as_str() {
        "severity" => moved(event),
        "new" => words("first seen in the catalogue"),
        "gone" => words("no longer in the catalogue"),
        "returned" => words("in the catalogue again"),
        "renamed" => words("renamed"),
        "options_changed" => words("its options changed"),
        "control_on" => words("WHMCS counts its stock from now on"),
        "control_off" => words("WHMCS no longer counts its stock"),
        "acked" => (Kind::People, "taken on".to_owned()),
        "ack_ended" => (Kind::People, ended(event.reason.as_deref())),
        "overdue" => (Kind::People, "what was ordered is overdue".to_owned()),
        "escalated" => (Kind::People, "nobody had taken it on: told to more".to_owned()),
        "flapping" => words("goes to and fro too often: only the worst is told"),
        "calm" => words("calm again"),
        other => (Kind::Other, clean::line(&other.replace('_', " "), 60)),
    }
}

/// `out (was low), 0 left`
fn moved(event: &RecordedEvent) -> (Kind, String) {
    let (from, to) = (
        event.severity_from.unwrap_or_default(),
        event.severity_to.unwrap_or_default(),
    );
    let kind = match to {
        Severity::Out => Kind::Out,
        _ if to < from => Kind::Better,
        Severity::Low | Severity::Critical => Kind::Worse,
        Severity::Ok => Kind::Better,
    };
    let left = event
        .level
        .map_or_else(String::new, |level| format!(", {}", words::left(Some(level))));
    let was = if event.is_first_figure() {
        " (was unknown)".to_owned()
    } else if from == to {
        String::new()
    } else {
        format!(" (was {})", from.as_str())
    };
    let why = match event.reason.as_deref() {
        Some("rule_changed") => "; the rules changed, not the stock",
        Some("withdrawn") => "; no longer watched",
        Some(_) | None => "",
    };
    (kind, format!("{}{was}{left}{why}", to.as_str()))
}

fn ended(why: Option<&str>) -> String {
    let why = match why {
        Some("recovered") => "it is well again",
        Some("arrived") => "what was ordered has arrived",
        Some("withdrawn") => "it is gone or no longer watched",
        Some("replaced") => "somebody took it on anew",
        Some("ended") => "somebody ended that",
        Some(_) | None => return "no longer taken on".to_owned(),
    };
    format!("no longer taken on: {why}")
}

fn detail(event: &RecordedEvent) -> String {
    event
        .detail
        .as_deref()
        .map_or_else(String::new, |detail| clean::line(detail, DETAIL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(previous_level: Option<i64>) -> RecordedEvent {
        RecordedEvent {
            id: 1,
            instance: "default".to_owned(),
            pool: None,
            key: "1/-/1".to_owned(),
            poll: None,
            at: Timestamp::UNIX_EPOCH,
            kind: "severity".to_owned(),
            product_id: Some(1),
            combination: None,
            severity_from: Some(Severity::Ok),
            severity_to: Some(Severity::Out),
            reason: Some("first".to_owned()),
            level: Some(0),
            previous_level,
            detail: None,
        }
    }

    #[test]
    fn what_was_never_known_before_was_not_ok() {
        assert_eq!(said(&first(None)).1, "out (was unknown), 0 left");
        assert_eq!(said(&first(Some(7))).1, "out (was ok), 0 left");
    }
}
