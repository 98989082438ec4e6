//! What a picture says where somebody points at it: times in the reader's set-up zone with UTC beside, levels in words.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::charts::steps::Held;
use crate::charts::steps::Leap;

/// Words of a picture, with times of that zone.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    pub zone: &'a TimeZone,
}

impl Words<'_> {
    /// `2026-11-21 09:03 UTC`
    #[must_use]
    pub fn utc(at: Timestamp) -> String {
        at.strftime("%Y-%m-%d %H:%M UTC").to_string()
    }

    /// `21 Nov 2026, 10:03`
    #[must_use]
    pub fn local(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone())
            .strftime("%-d %b %Y, %H:%M")
            .to_string()
    }

    /// `21 Nov 2026, 10:03 to 10:30 (2026-11-21 09:03 UTC): 3 to 7 left; nobody looked for a part of it`
    #[must_use]
    pub fn column(&self, from: Timestamp, until: Timestamp, held: &[Option<Held>]) -> String {
        let (begin, end) = (
            from.to_zoned(self.zone.clone()),
            until.to_zoned(self.zone.clone()),
        );
        let form = if begin.date() == end.date() {
            "%H:%M"
        } else {
            "%-d %b, %H:%M"
        };
        format!(
            "{} to {} ({}): {}",
            self.local(from),
            end.strftime(form),
            Self::utc(from),
            stood(held)
        )
    }

    /// `21 Nov 2026, 10:03 (2026-11-21 09:03 UTC): from 0 to 20 (+20)`
    #[must_use]
    pub fn rise(&self, leap: &Leap) -> String {
        let by = leap.to.saturating_sub(leap.from);
        self.mark(leap.at, &format!("from {} to {} (+{by})", leap.from, leap.to))
    }

    /// `21 Nov 2026, 10:03 (2026-11-21 09:03 UTC): out`
    #[must_use]
    pub fn mark(&self, at: Timestamp, words: &str) -> String {
        format!("{} ({}): {words}", self.local(at), Self::utc(at))
    }
}

/// `7 left`, `3 to 7 left`, `not known`, `nobody looked`.
fn stood(held: &[Option<Held>]) -> String {
    let levels = || held.iter().filter_map(|held| held.and_then(Held::known));
    let mut said: Vec<String> = Vec::new();
    match (levels().min(), levels().max()) {
        (Some(lowest), Some(highest)) if lowest == highest => said.push(format!("{lowest} left")),
        (Some(lowest), Some(highest)) => said.push(format!("{lowest} to {highest} left")),
        (None, _) | (_, None) => {}
    }
    for (state, words) in [
        (Some(Held::Unknown), "not known"),
        (Some(Held::NotControlled), "not counted by WHMCS"),
        (Some(Held::Gone), "not in the catalogue"),
        (None, "nobody looked"),
    ] {
        if held.contains(&state) {
            said.push(words.to_owned());
        }
    }
    if said.is_empty() {
        "nothing is known".to_owned()
    } else {
        said.join("; ")
    }
}

/// A text as it stands in SVG and HTML.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            other => written.push(other),
        }
    }
    written
}
