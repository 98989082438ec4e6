//! Moments as pages show them: as long ago, or as a date, in UTC until the reader's own browser says its zone.

use std::fmt;

use askama::filters;
use askama::filters::HtmlSafe;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::nameless::called;
use crate::notify::people::Told;
use crate::web::overview::age;

/// How long ago: `5 min ago`, with the moment in UTC on hover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ago {
    pub at: Timestamp,
    pub now: Timestamp,
}

/// A date and time, in UTC where no script of the page puts it into the reader's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At(pub Timestamp);

impl fmt::Display for Ago {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        element(out, "ago", self.at, &age(self.at, self.now))
    }
}

impl fmt::Display for At {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.strftime("%Y-%m-%d %H:%M UTC").to_string();
        element(out, "at", self.0, &text)
    }
}

/// What people did, as safe HTML: their words, and the moment as all moments are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(pub Told);

impl fmt::Display for Words {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { before, at, after } = &self.0;
        write!(out, "<bdi>{}", Escaped(before))?;
        if let Some(at) = at {
            At(*at).fmt(out)?;
        }
        write!(out, "{}</bdi>", Escaped(after))
    }
}

/// Names longer than this take three lines at most, with the whole on hover.
const LONG: usize = 100;

/// A product's name as safe HTML, where it may be empty or endless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    pub name: &'a str,
    pub number: i64,
}

impl Named<'_> {
    /// Whether pages show less than the whole of it.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.name.chars().nth(LONG).is_some()
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = called(self.name, self.number);
        let shown = Escaped(&shown);
        if self.is_long() {
            write!(out, "<bdi class=\"long\" title=\"{shown}\">{shown}</bdi>")
        } else {
            write!(out, "<bdi>{shown}</bdi>")
        }
    }
}

/// A whole number with its thousands apart: `1,739`; all else as it is.
#[must_use]
pub fn grouped(number: impl fmt::Display) -> String {
    let text = number.to_string();
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if digits.len() < 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text;
    }
    let mut said = text[..text.len() - digits.len()].to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

/// A stored text as safe HTML: what it names as `2026-12-12 15:00 UTC` is shown as all moments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated<'a>(pub &'a str);

/// How stored texts write a moment, and how long that is.
const STORED: (&str, usize) = ("%Y-%m-%d %H:%M", 16);

impl fmt::Display for Dated<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.0.split(" UTC").peekable();
        while let Some(part) = parts.next() {
            let zoned = parts.peek().is_some();
            let cut = part.len().checked_sub(STORED.1).filter(|_| zoned);
            let split = cut.and_then(|cut| part.split_at_checked(cut));
            let dated = split.and_then(|(before, date)| Some((before, moment(date)?)));
            match dated {
                Some((before, at)) => write!(out, "{}{}", Escaped(before), At(at))?,
                None => write!(out, "{}{}", Escaped(part), if zoned { " UTC" } else { "" })?,
            }
        }
        Ok(())
    }
}

fn moment(date: &str) -> Option<Timestamp> {
    let date = DateTime::strptime(STORED.0, date).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Text of others within HTML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match filters::escape(self.0, filters::Html) {
            Ok(safe) => safe.fmt(out),
            Err(never) => match never {},
        }
    }
}

// Only digits, letters and our own tags, and text that is escaped.
impl HtmlSafe for Ago {}
impl HtmlSafe for At {}
impl HtmlSafe for Words {}
impl HtmlSafe for Dated<'_> {}
impl HtmlSafe for Named<'_> {}

fn element(out: &mut fmt::Formatter<'_>, class: &str, at: Timestamp, text: &str) -> fmt::Result {
    let utc = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    write!(
        out,
        "<time class=\"{class}\" datetime=\"{whole}\" title=\"{utc}\">{text}</time>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_sees_is_said_by_its_number_and_an_endless_one_is_cut_for_the_eye() {
        let shown = |name| Named { name, number: 13 }.to_string();
        assert_eq!(shown("a <b>"), "<bdi>a &#60;b&#62;</bdi>");
        for blank in ["", " ", "\u{2800}\u{3164}", "\u{a0}\u{200b}"] {
            assert_eq!(shown(blank), "<bdi>(no name) #13</bdi>", "{blank:?}");
        }
        let endless = "\"x".repeat(60);
        let escaped = "&#34;x".repeat(60);
        assert_eq!(
            shown(&endless),
            format!("<bdi class=\"long\" title=\"{escaped}\">{escaped}</bdi>")
        );
    }

    #[test]
    fn thousands_stand_apart() {
        let numbers = [0_i64, 999, 1000, 1739, -1739, 1_234_567, -999];
        let said = ["0", "999", "1,000", "1,739", "-1,739", "1,234,567", "-999"];
        assert_eq!(numbers.map(grouped), said);
        assert_eq!(grouped("–"), "–");
    }

    #[test]
    fn a_moment_in_a_stored_text_is_shown_as_all_moments_are() {
        insta::assert_snapshot!(
            Dated("ops: 20 ordered, due 2026-12-12 23:00 UTC, <PO> é UTC"),
            @r#"ops: 20 ordered, due <time class="at" datetime="2026-12-12T23:00:00Z" title="2026-12-12 23:00:00 UTC">2026-12-12 23:00 UTC</time>, &#60;PO&#62; é UTC"#
        );
        assert_eq!(Dated("ééééééééé UTC").to_string(), "ééééééééé UTC");
        assert_eq!(Dated("2026-13-12 23:00 UTC").to_string(), "2026-13-12 23:00 UTC");
    }

    #[test]
    fn what_people_did_names_its_moment_as_all_moments_are_shown() {
        let told = Told {
            before: "ordered: 20, by ".to_owned(),
            at: Some("2026-12-12T22:59:59Z".parse().unwrap()),
            after: ", <PO> (Ann)".to_owned(),
        };
        insta::assert_snapshot!(
            Words(told),
            @r#"<bdi>ordered: 20, by <time class="at" datetime="2026-12-12T22:59:59Z" title="2026-12-12 22:59:59 UTC">2026-12-12 22:59 UTC</time>, &#60;PO&#62; (Ann)</bdi>"#
        );
    }

    #[test]
    fn a_moment_says_utc_on_hover_and_in_its_machine_form() {
        let at: Timestamp = "2026-11-21T09:03:11.25Z".parse().unwrap();
        let now: Timestamp = "2026-11-21T09:08:00Z".parse().unwrap();
        insta::assert_snapshot!(
            format!("{}\n{}", Ago { at, now }, At(at)),
            @r#"
        <time class="ago" datetime="2026-11-21T09:03:11Z" title="2026-11-21 09:03:11 UTC">5 min ago</time>
        <time class="at" datetime="2026-11-21T09:03:11Z" title="2026-11-21 09:03:11 UTC">2026-11-21 09:03 UTC</time>
        "#
        );
    }
}
