//! Moments as pages show them: as long ago, or as a date, in UTC until the reader's own browser says its zone.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::Timestamp;

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

// Only digits, letters and our own tags.
impl HtmlSafe for Ago {}
impl HtmlSafe for At {}

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
