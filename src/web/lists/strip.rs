//! A day of polls as a strip in SVG: how long each took, what failed, and when nothing was seen; readable without colour.

use std::fmt;
use std::fmt::Write;
use std::time::Duration;

use askama::filters::HtmlSafe;
use jiff::SignedDuration;
use jiff::Timestamp;

use crate::jobs::gaps::Gap;
use crate::notify::words;
use crate::store::history::Look;

/// What a strip tells of.
pub const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The columns of a strip, and the time of each: a quarter of an hour.
const COLUMNS: usize = 96;
const COLUMN_MS: i64 = 15 * 60 * 1000;
const WIDTH: usize = 10;
/// Where the bars stand, and where the marks above them are.
const GROUND: f64 = 60.0;
const TALLEST: f64 = 42.0;
const SHORTEST: f64 = 3.0;
const MARKS: f64 = 9.0;

/// The strip of one shop.
#[derive(Debug, Clone)]
pub struct Strip {
    columns: Vec<Column>,
    longest: Duration,
    /// The same in words.
    pub summary: String,
    until: Timestamp,
    /// Tells its pattern from that of other strips.
    number: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Column {
    accepted: usize,
    suspect: usize,
    failed: usize,
    longest: Duration,
    unseen: bool,
}

impl Strip {
    /// The polls and gaps of the day up to `until`; where those polls are not all of the day's (`is_cut`), it says so.
    #[must_use]
    pub fn new(looks: &[Look], gaps: &[Gap], until: Timestamp, (number, is_cut): (usize, bool)) -> Self {
        let begin = (until - DAY).as_millisecond();
        let mut columns = vec![Column::default(); COLUMNS];
        let place = |at: Timestamp| {
            let column = (at.as_millisecond() - begin).div_euclid(COLUMN_MS);
            usize::try_from(column).ok().map(|column| column.min(COLUMNS - 1))
        };
        for look in looks {
            let Some(column) = place(look.at).map(|place| &mut columns[place]) else {
                continue;
            };
            match look.outcome {
                "accepted" => column.accepted += 1,
                "suspect" => column.suspect += 1,
                _ => column.failed += 1,
            }
            column.longest = column.longest.max(look.duration);
        }
        for (from, to) in gaps {
            let first = place(*from).unwrap_or_default();
            let last = to.map_or(Some(COLUMNS - 1), place);
            let Some(last) = last else { continue };
            columns[first..=last.max(first)]
                .iter_mut()
                .for_each(|column| column.unseen = true);
        }
        Self {
            longest: columns
                .iter()
                .map(|column| column.longest)
                .max()
                .unwrap_or_default(),
            summary: summary(
                &columns,
                gaps,
                looks.first().filter(|_| is_cut).map(|look| look.at),
                until,
            ),
            columns,
            until,
            number,
        }
    }

    /// Whether there was no poll at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.iter().all(|column| *column == Column::default())
    }

    /// How long the longest poll took, in words.
    #[must_use]
    pub fn longest(&self) -> String {
        took(self.longest)
    }

    fn height(&self, column: &Column) -> f64 {
        let share = column.longest.as_secs_f64() / self.longest.as_secs_f64().max(0.001);
        SHORTEST + share.sqrt() * (TALLEST - SHORTEST)
    }

    fn column(&self, out: &mut String, place: usize, column: &Column) -> fmt::Result {
        let left = place * WIDTH;
        write!(out, "<g><title>{}</title>", self.title(place, column))?;
        if column.unseen {
            let number = self.number;
            write!(
                out,
                "<rect class=\"unseen-time\" x=\"{left}\" y=\"16\" width=\"{WIDTH}\" height=\"44\" fill=\"url(#unseen{number})\"/>"
            )?;
        }
        if column.accepted + column.suspect + column.failed > 0 {
            let class = if column.accepted > 0 { "took" } else { "bad" };
            let height = self.height(column);
            write!(
                out,
                "<rect class=\"{class}\" x=\"{}\" y=\"{:.1}\" width=\"{}\" height=\"{height:.1}\"/>",
                left + 2,
                GROUND - height,
                WIDTH - 4,
            )?;
        }
        let (from, to) = (left + 1, left + WIDTH - 1);
        if column.failed > 0 {
            let (top, bottom) = (MARKS - 5.0, MARKS + 5.0);
            write!(
                out,
                "<path class=\"failed\" d=\"M{from} {top}L{to} {bottom}M{from} {bottom}L{to} {top}\"/>"
            )?;
        } else if column.suspect > 0 {
            let middle = left + WIDTH / 2;
            write!(
                out,
                "<path class=\"suspect\" d=\"M{from} {}L{middle} {}L{to} {}Z\"/>",
                MARKS + 5.0,
                MARKS - 5.0,
                MARKS + 5.0
            )?;
        }
        out.write_str("</g>")
    }

    fn title(&self, place: usize, column: &Column) -> String {
        let place = i64::try_from(COLUMNS - place).unwrap_or_default();
        let began = self.until - SignedDuration::from_millis(place * COLUMN_MS);
        let mut parts = Vec::new();
        let counts = [
            (column.accepted, "accepted"),
            (column.suspect, "not believed"),
            (column.failed, "failed"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            parts.push(format!("{count} {what}"));
        }
        if !parts.is_empty() {
            parts.push(format!("{} at most", took(column.longest)));
        }
        if column.unseen {
            parts.push("not observed".to_owned());
        }
        format!("{} ago: {}", words::span(began, self.until), parts.join(", "))
    }
}

/// Only digits, letters and our own elements.
impl HtmlSafe for Strip {}

impl fmt::Display for Strip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, width) = (self.number, COLUMNS * WIDTH);
        let mut drawn = String::new();
        for (place, column) in self.columns.iter().enumerate() {
            if *column != Column::default() {
                self.column(&mut drawn, place, column)?;
            }
        }
        for hour in [0, 6, 12, 18, 24] {
            let x = (hour * 4 * WIDTH).clamp(1, width - 1);
            write!(drawn, "<path class=\"tick\" d=\"M{x} {GROUND}v6\"/>")?;
        }
        write!(
            out,
            "<svg class=\"strip\" viewBox=\"0 0 {width} 68\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">\
             <defs><pattern id=\"unseen{number}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">\
             <path class=\"hatch\" d=\"M-2 10L10 -2M-2 2L2 -2M6 10L10 6\"/></pattern></defs>\
             <path class=\"ground\" d=\"M0 {GROUND}H{width}\"/>{drawn}</svg>",
            self.summary
        )
    }
}

/// What the columns show; only from `since` on, where that is said.
fn summary(columns: &[Column], gaps: &[Gap], since: Option<Timestamp>, until: Timestamp) -> String {
    let whole = || "24 hours".to_owned();
    let told = since
        .filter(|since| *since > until - DAY)
        .map_or_else(whole, |since| words::span(since, until));
    let sum = |count: fn(&Column) -> usize| columns.iter().map(count).sum::<usize>();
    let (accepted, suspect) = (sum(|column| column.accepted), sum(|column| column.suspect));
    let failed = sum(|column| column.failed);
    if accepted + suspect + failed == 0 && gaps.is_empty() {
        return "No polls in the last 24 hours".to_owned();
    }
    let polls = if accepted == 1 { "poll" } else { "polls" };
    let mut said = format!("Last {told}: {accepted} {polls} accepted");
    for (count, what) in [(suspect, "not believed"), (failed, "failed")] {
        if count > 0 {
            let _ = write!(said, ", {count} {what}");
        }
    }
    let unseen: SignedDuration = gaps
        .iter()
        .map(|(from, to)| to.unwrap_or(until).duration_since((*from).max(until - DAY)))
        .sum();
    if !gaps.is_empty() {
        let lasted = words::span(until - unseen.min(DAY), until);
        let _ = write!(said, "; {lasted} not observed");
    }
    said
}

/// `0.4 s`, `12 s`, `3 min`
#[must_use]
pub fn took(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0..950 => format!("{millis} ms"),
        950..9_950 => format!("{:.1} s", duration.as_secs_f64()),
        9_950..119_500 => format!("{:.0} s", duration.as_secs_f64()),
        _ => format!("{:.0} min", duration.as_secs_f64() / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn look(time: &str, outcome: &'static str, millis: u64) -> Look {
        Look {
            at: at(time),
            duration: Duration::from_millis(millis),
            outcome,
            part: false,
        }
    }

    #[test]
    fn a_strip_tells_what_was_accepted_what_failed_and_what_was_not_seen() {
        let until = at("2026-11-21T12:00:00Z");
        let looks = [
            look("2026-11-20T11:00:00Z", "accepted", 9000),
            look("2026-11-21T06:05:00Z", "accepted", 400),
            look("2026-11-21T06:10:00Z", "failed", 1600),
            look("2026-11-21T11:59:00Z", "suspect", 100),
        ];
        let gap = (at("2026-11-21T06:10:00Z"), Some(at("2026-11-21T07:10:00Z")));
        let strip = Strip::new(&looks, &[gap], until, (0, false));
        assert_eq!(
            strip.summary,
            "Last 24 hours: 1 poll accepted, 1 not believed, 1 failed; 1 h not observed"
        );
        let cut = Strip::new(&looks[1..], &[], until, (0, true));
        assert!(
            cut.summary.starts_with("Last 5 h 55 min: 1 poll accepted"),
            "{}",
            cut.summary
        );
        assert_eq!(strip.longest(), "1.6 s", "what was before the day is not drawn");
        let drawn = strip.to_string();
        let titles: Vec<&str> = drawn
            .split("<title>")
            .skip(1)
            .filter_map(|rest| rest.split('<').next())
            .collect();
        assert_eq!(
            titles,
            [
                "6 h ago: 1 accepted, 1 failed, 1.6 s at most, not observed",
                "5 h 45 min ago: not observed",
                "5 h 30 min ago: not observed",
                "5 h 15 min ago: not observed",
                "5 h ago: not observed",
                "15 min ago: 1 not believed, 100 ms at most",
            ]
        );
        assert_eq!(
            (
                drawn.matches("class=\"failed\"").count(),
                drawn.matches("class=\"suspect\"").count()
            ),
            (1, 1)
        );
    }

    #[test]
    fn a_gap_that_began_before_the_day_and_still_lasts_covers_all_of_it() {
        let until = at("2026-11-21T12:00:00Z");
        let strip = Strip::new(&[], &[(at("2026-11-18T12:00:00Z"), None)], until, (0, false));
        assert_eq!(
            strip.summary,
            "Last 24 hours: 0 polls accepted; 1 day not observed"
        );
        assert_eq!(strip.to_string().matches("unseen-time").count(), COLUMNS);
        assert!(Strip::new(&[], &[], until, (0, false)).is_empty());
    }
}
