//! An ack or a silence as somebody asks for it, checked before it is made.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::people::Matcher;
use crate::notify::clean;
use crate::store::acks::NewAck;
use crate::store::silences::NewSilence;

/// The longest name of a person, in characters.
const WHO: usize = 100;
/// The longest note or comment, in characters.
const NOTE: usize = 500;
/// The most that can be ordered.
const MOST: i64 = 1_000_000_000;
/// The longest that something can be waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 366 * 86_400);
/// The longest silence: one without an end in sight is a rule.
const LONGEST_SILENCE: Duration = Duration::from_secs(366 * 86_400);

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Fault {
    /// As the API calls it.
    pub field: &'static str,
    /// A sentence.
    pub problem: String,
}

impl Fault {
    /// A fault of that field; `problem` is a sentence.
    #[must_use]
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field,
            problem: problem.into(),
        }
    }
}

/// An ack as it can be made at `now`.
///
/// # Errors
/// What is wrong with it.
pub fn ack(
    by: &str,
    note: &str,
    quantity: Option<i64>,
    eta: Option<Timestamp>,
    now: Timestamp,
) -> Result<NewAck, Fault> {
    if quantity.is_some_and(|quantity| !(1..=MOST).contains(&quantity)) {
        return Err(Fault::new(
            "quantity",
            "The quantity is a whole number from 1 to 1,000,000,000.",
        ));
    }
    if let Some(eta) = eta {
        if eta <= now {
            return Err(Fault::new(
                "eta",
                "The time when it is to be there has passed already.",
            ));
        }
        if is_beyond(now, eta, LONGEST_WAIT) {
            return Err(Fault::new(
                "eta",
                "The time when it is to be there is more than five years away.",
            ));
        }
    }
    Ok(NewAck {
        by: who(by)?,
        note: line("note", note, NOTE)?,
        quantity,
        eta,
    })
}

/// A silence as it can be made at `now`; it starts then where no other start is given.
///
/// # Errors
/// What is wrong with it.
pub fn silence(
    matcher: Matcher,
    starts_at: Option<Timestamp>,
    ends_at: Timestamp,
    by: &str,
    comment: &str,
    now: Timestamp,
) -> Result<NewSilence, Fault> {
    let of_products =
        !matcher.groups.is_empty() || !matcher.products.is_empty() || !matcher.options.is_empty();
    if !matcher.pools.is_empty() && of_products {
        let problem = "Pools stand for themselves: nothing is a pool and of a product. Make two silences.";
        return Err(Fault::new("matcher", problem));
    }
    let starts_at = starts_at.unwrap_or(now);
    if ends_at <= starts_at || ends_at <= now {
        return Err(Fault::new(
            "ends_at",
            "The silence would be over before it begins.",
        ));
    }
    if is_beyond(starts_at.max(now), ends_at, LONGEST_SILENCE) {
        let problem = "A silence lasts at most a year; for longer, write a rule.";
        return Err(Fault::new("ends_at", problem));
    }
    let comment = line("comment", comment, NOTE)?;
    if comment.is_empty() {
        return Err(Fault::new(
            "comment",
            "A silence needs a comment: others will ask why.",
        ));
    }
    Ok(NewSilence {
        matcher,
        starts_at,
        ends_at,
        by: who(by)?,
        comment,
    })
}

fn is_beyond(from: Timestamp, at: Timestamp, longest: Duration) -> bool {
    from.checked_add(longest).is_ok_and(|last| at > last)
}

fn who(by: &str) -> Result<String, Fault> {
    let by = line("by", by, WHO)?;
    if by.is_empty() {
        return Err(Fault::new("by", "It needs a name: who is it?"));
    }
    Ok(by)
}

/// One line without signs that deceive.
fn line(field: &'static str, text: &str, longest: usize) -> Result<String, Fault> {
    let line = clean::line(text, usize::MAX);
    if line.chars().count() > longest {
        let problem = format!("The text is too long: at most {longest} characters.");
        return Err(Fault::new(field, problem));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pattern::Pattern;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn now() -> Timestamp {
        at("2026-11-21T09:00:00Z")
    }

    #[test]
    fn an_ack_that_makes_no_sense_names_its_field() {
        let long = "x".repeat(501);
        for (by, note, quantity, eta, field) in [
            ("", "", None, None, "by"),
            (" \u{202e}\n", "", None, None, "by"),
            ("Ann", long.as_str(), None, None, "note"),
            ("Ann", "", Some(0), None, "quantity"),
            ("Ann", "", Some(-3), None, "quantity"),
            ("Ann", "", None, Some("2026-11-21T09:00:00Z"), "eta"),
            ("Ann", "", None, Some("2036-11-21T09:00:00Z"), "eta"),
        ] {
            let fault = ack(by, note, quantity, eta.map(at), now()).expect_err(field);
            assert_eq!(fault.field, field);
        }
        let good = ack(
            "Ann\n",
            " PO\t881",
            Some(20),
            Some(at("2026-12-12T09:00:00Z")),
            now(),
        );
        let good = good.expect("good");
        assert_eq!((good.by.as_str(), good.note.as_str()), ("Ann", "PO 881"));
    }

    #[test]
    fn a_silence_needs_an_end_to_come_a_comment_and_one_kind_of_thing() {
        let pools = Matcher {
            pools: vec![Pattern::text("kits")],
            products: vec![Pattern::Id(1)],
            ..Matcher::default()
        };
        let all = Matcher::default();
        for (matcher, starts, ends, comment, field) in [
            (&all, None, "2026-11-21T08:59:59Z", "x", "ends_at"),
            (&all, None, "2026-11-21T09:00:00Z", "x", "ends_at"),
            (
                &all,
                Some("2026-11-23T09:00:00Z"),
                "2026-11-22T09:00:00Z",
                "x",
                "ends_at",
            ),
            (&all, None, "2028-11-22T09:00:00Z", "x", "ends_at"),
            (&all, None, "2026-11-22T09:00:00Z", " ", "comment"),
            (&pools, None, "2026-11-22T09:00:00Z", "x", "matcher"),
        ] {
            let made = silence(matcher.clone(), starts.map(at), at(ends), "Ann", comment, now());
            assert_eq!(made.expect_err(field).field, field);
        }
        let good = silence(all, None, at("2026-11-22T09:00:00Z"), "Ann", "new rack", now());
        assert_eq!(good.expect("good").starts_at, now());
    }
}
