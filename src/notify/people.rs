//! What people did about an alert, in words: who took it on, what was ordered, which silence has ended.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::domain::message::Alert;
use crate::domain::message::EndedMute;
use crate::domain::message::MuteKind;
use crate::domain::message::Reason;
use crate::domain::people::Silenced;
use crate::domain::stand::AckRef;
use crate::domain::stand::Severity;
use crate::notify::clean;

/// How much of a person's name is shown, in characters.
const WHO: usize = 60;
/// How much of a note or comment is shown, in characters.
const NOTE: usize = 200;

/// Where the moment stands while a sentence is made: what people wrote is rid of such signs.
const MOMENT: char = '\u{1}';

/// What people did, in words around the moment that they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub before: String,
    /// `None` where the sentence names none: all of it stands before.
    pub at: Option<Timestamp>,
    pub after: String,
}

impl Told {
    fn new(text: String, at: Option<Timestamp>) -> Self {
        let parts = text.split_once(MOMENT);
        let parts = parts.map(|(before, after)| (before.to_owned(), after.to_owned()));
        let (before, after) = parts.unwrap_or((text, String::new()));
        Self { before, at, after }
    }

    /// As text, with the moment in that zone.
    #[must_use]
    pub fn text(&self, zone: &TimeZone, now: Timestamp) -> String {
        let at = self.at.map_or_else(String::new, |at| day(at, zone, now));
        format!("{}{at}{}", self.before, self.after)
    }

    /// With that before it.
    #[must_use]
    pub fn led_by(self, words: &str) -> Self {
        Self {
            before: format!("{words}{}", self.before),
            ..self
        }
    }
}

/// `ordered: 20, by 12 December, PO 881 (Ann)`, `overdue since 12 December: 20 ordered, PO 881 (Ann)`, `taken on by Ann`.
#[must_use]
pub fn taken_on(ack: &AckRef, zone: &TimeZone, now: Timestamp) -> String {
    taken(ack).text(zone, now)
}

/// The same, for what shows moments in its own way.
#[must_use]
pub fn taken(ack: &AckRef) -> Told {
    Told::new(taken_text(ack), ack.eta)
}

fn taken_text(ack: &AckRef) -> String {
    let who = clean::line(&ack.by, WHO);
    let note = Some(clean::line(&ack.note, NOTE)).filter(|note| !note.is_empty());
    let eta = ack.eta.map(|_| MOMENT);
    let joined = |parts: [Option<String>; 3]| {
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join(", ")
    };
    let came = (ack.arrived > 0).then_some(ack.arrived);
    match (ack.overdue, eta, ack.quantity) {
        (true, Some(eta), quantity) => {
            let ordered = quantity.map(|quantity| format!("{quantity} ordered"));
            let came = came.map(|came| format!("{came} came"));
            let what = joined([ordered, came, note]);
            let colon = if what.is_empty() { "" } else { ": " };
            format!("overdue since {eta}{colon}{what} ({who})")
        }
        (_, eta, Some(quantity)) => {
            let came = came.map_or_else(String::new, |came| format!(" ({came} came)"));
            let what = joined([
                Some(format!("{quantity}{came}")),
                eta.map(|eta| format!("by {eta}")),
                note,
            ]);
            format!("ordered: {what} ({who})")
        }
        (_, Some(eta), None) => {
            let what = joined([Some(format!("expected by {eta}")), note, None]);
            format!("{what} ({who})")
        }
        (_, None, None) => match note {
            Some(note) => format!("taken on by {who}: {note}"),
            None => format!("taken on by {who}"),
        },
    }
}

/// `12 December`, with the year where it is another one; with the time where it is not the end of the day.
#[must_use]
pub fn day(at: Timestamp, zone: &TimeZone, now: Timestamp) -> String {
    let at = at.to_zoned(zone.clone());
    let this_year = at.year() == now.to_zoned(zone.clone()).year();
    let day = at.strftime(if this_year { "%-d %B" } else { "%-d %B %Y" });
    let time = at.time();
    if time.hour() == 23 && time.minute() == 59 && time.second() == 59 {
        day.to_string()
    } else if time == Time::midnight() {
        format!("{day}, 00:00")
    } else {
        format!("{day}, {}", at.strftime("%H:%M"))
    }
}

/// `silenced until 12 December, 15:00 by Ann (new rack)`, `in maintenance "backups" until …`.
#[must_use]
pub fn silenced(by: &Silenced, zone: &TimeZone, now: Timestamp) -> String {
    muted(by).text(zone, now)
}

/// The same, for what shows moments in its own way.
#[must_use]
pub fn muted(by: &Silenced) -> Told {
    let comment = in_brackets(&by.comment);
    let text = match by.kind {
        MuteKind::Silence => format!("silenced until {MOMENT} by {}{comment}", clean::line(&by.by, WHO)),
        MuteKind::Maintenance => {
            let name = clean::line(&by.id, WHO);
            format!("in maintenance \"{name}\" until {MOMENT}{comment}")
        }
    };
    Told::new(text, Some(by.until))
}

fn in_brackets(comment: &str) -> String {
    match clean::line(comment, NOTE) {
        comment if comment.is_empty() => comment,
        comment => format!(" ({comment})"),
    }
}

/// `the silence by Ann has ended (new rack)`, `the maintenance "backups" has ended`.
#[must_use]
pub fn ended(mute: &EndedMute) -> String {
    let comment = in_brackets(&mute.comment);
    match mute.kind {
        MuteKind::Silence => {
            let who = clean::line(&mute.by, WHO);
            let by = if who.is_empty() {
                String::new()
            } else {
                format!(" by {who}")
            };
            format!("the silence{by} has ended{comment}")
        }
        MuteKind::Maintenance => {
            let name = clean::line(&mute.id, WHO);
            format!("the maintenance \"{name}\" has ended{comment}")
        }
    }
}

/// What was over before the channel could be told: `in the quiet hours it was out`.
#[must_use]
pub fn meanwhile(alert: &Alert) -> Option<String> {
    if !alert.meanwhile {
        return None;
    }
    let was = alert.previous_severity.as_str();
    Some(match (alert.reason, alert.severity) {
        (_, Severity::Ok) | (Reason::Recovered, _) => {
            format!("in the quiet hours it was {was}; that is over")
        }
        (_, now) => format!("in the quiet hours it was {was}; now it is {}", now.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn ack(quantity: Option<i64>, eta: Option<&str>, note: &str) -> AckRef {
        AckRef {
            id: 1,
            by: "Ann".to_owned(),
            at: at("2026-11-21T09:00:00Z"),
            note: note.to_owned(),
            quantity,
            arrived: 0,
            eta: eta.map(at),
            overdue: false,
        }
    }

    fn words(ack: &AckRef) -> String {
        let berlin = TimeZone::get("Europe/Berlin").expect("known");
        taken_on(ack, &berlin, at("2026-11-21T09:03:11Z"))
    }

    #[test]
    fn an_ack_says_what_was_ordered_until_when_and_by_whom() {
        let december = Some("2026-12-12T22:59:59Z");
        for (ack, said) in [
            (
                ack(Some(20), december, "PO 881"),
                "ordered: 20, by 12 December, PO 881 (Ann)",
            ),
            (ack(Some(20), None, ""), "ordered: 20 (Ann)"),
            (
                ack(None, december, "PO 881"),
                "expected by 12 December, PO 881 (Ann)",
            ),
            (
                ack(None, Some("2027-01-02T11:30:00Z"), ""),
                "expected by 2 January 2027, 12:30 (Ann)",
            ),
            (
                ack(None, Some("2026-12-12T23:00:00Z"), ""),
                "expected by 13 December, 00:00 (Ann)",
            ),
            (ack(None, None, ""), "taken on by Ann"),
            (ack(None, None, "I am on it"), "taken on by Ann: I am on it"),
        ] {
            assert_eq!(words(&ack), said);
        }
        let partly = AckRef {
            arrived: 5,
            ..ack(Some(20), december, "")
        };
        assert_eq!(words(&partly), "ordered: 20 (5 came), by 12 December (Ann)");
    }

    #[test]
    fn an_overdue_ack_says_since_when() {
        let late = |quantity, note| AckRef {
            overdue: true,
            ..ack(quantity, Some("2026-11-20T22:59:59Z"), note)
        };
        for (ack, said) in [
            (
                late(Some(20), "PO 881"),
                "overdue since 20 November: 20 ordered, PO 881 (Ann)",
            ),
            (late(None, ""), "overdue since 20 November (Ann)"),
        ] {
            assert_eq!(words(&ack), said);
        }
    }

    #[test]
    fn what_people_wrote_stays_on_its_line() {
        let hostile = AckRef {
            by: "Ann\r\nBcc: x".to_owned(),
            ..ack(None, None, "\u{202e}a\u{1b}[31mb")
        };
        assert_eq!(words(&hostile), "taken on by Ann Bcc: x: a [31mb");
    }
}
