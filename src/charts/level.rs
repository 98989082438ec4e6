//! A level over time as a picture in SVG: the same for mails and pages, readable without colour, on a ground of its own.

use std::fmt::Write;

use jiff::Timestamp;

use crate::charts::digits;
use crate::domain::report::Chart;

/// The picture's size, in CSS pixels.
pub const WIDTH: u32 = 300;
pub const HEIGHT: u32 = 84;
/// Where the levels are drawn; the numbers stand to the left.
const LEFT: f64 = 34.0;
const RIGHT: f64 = 292.0;
const TOP: f64 = 11.0;
const BOTTOM: f64 = 74.0;
/// How near two numbers may stand.
const APART: f64 = digits::HEIGHT + 2.5;
/// The most marks below the picture: a month of days.
const MARKS: i64 = 40;
const DAY: i64 = 86_400;

/// The picture: the level as steps, `low` dashed, `critical` dotted, hatched where it was not known, a mark for each day.
#[must_use]
pub fn svg(chart: &Chart) -> String {
    let spans = spans(chart);
    let scale = Scale::of(chart, &spans);
    let mut drawn = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\">\
         <defs><pattern id=\"u\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
         <path d=\"M-1 6L6 -1M-1 1L1 -1M4 6L6 4\" stroke=\"#98a2b3\" stroke-width=\".9\"/></pattern></defs>\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\" fill=\"#f4f6f9\"/>"
    );
    drawn.push_str(&hatched(&spans));
    drawn.push_str(&ground(chart, &scale));
    drawn.push_str(&steps(&spans, &scale));
    drawn.push_str(&thresholds(chart, &scale));
    drawn.push_str(&end(&spans, &scale));
    drawn.push_str(&numbers(chart, &scale));
    drawn + "</svg>"
}

/// A level that held for a while, from left to right.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    from: f64,
    until: f64,
    level: Option<i64>,
}

/// The chart cut into spans of one level each; before the first point nothing is known.
fn spans(chart: &Chart) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut add = |from: Timestamp, until: Timestamp, level: Option<i64>| {
        let (from, until) = (across(chart, from), across(chart, until));
        match spans.last_mut() {
            _ if until <= from => {}
            Some(last) if last.level == level => last.until = until,
            Some(_) | None => spans.push(Span { from, until, level }),
        }
    };
    let mut at = chart.from;
    let mut level = None;
    for (time, next) in &chart.points {
        let time = (*time).clamp(at, chart.until.max(at));
        add(at, time, level);
        (at, level) = (time, *next);
    }
    add(at, chart.until.max(at), level);
    spans
}

/// Where a time stands, from left to right.
fn across(chart: &Chart, at: Timestamp) -> f64 {
    let whole = chart.until.duration_since(chart.from).as_secs_f64();
    let part = at.duration_since(chart.from).as_secs_f64();
    let share = if whole > 0.0 {
        (part / whole).clamp(0.0, 1.0)
    } else {
        0.0
    };
    LEFT + share * (RIGHT - LEFT)
}

/// Which level stands how high.
struct Scale {
    lowest: i64,
    highest: i64,
}

impl Scale {
    fn of(chart: &Chart, spans: &[Span]) -> Self {
        let levels = || spans.iter().filter_map(|span| span.level);
        let highest = levels().chain([chart.low, 1]).max().unwrap_or(1);
        let lowest = levels().chain([0]).min().unwrap_or(0);
        Self { lowest, highest }
    }

    #[expect(clippy::cast_precision_loss, reason = "a picture is less precise by far")]
    fn height(&self, level: i64) -> f64 {
        let (lowest, highest) = (self.lowest as f64, self.highest as f64);
        let share = (level as f64 - lowest) / (highest - lowest);
        BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }
}

fn hatched(spans: &[Span]) -> String {
    let mut drawn = String::new();
    for span in spans.iter().filter(|span| span.level.is_none()) {
        let width = (span.until - span.from).max(1.0);
        let _ = write!(
            drawn,
            "<rect x=\"{:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{}\" fill=\"url(#u)\"/>",
            span.from,
            BOTTOM - TOP
        );
    }
    drawn
}

/// The line of zero, and a mark below it for each day; for each week where there are too many.
fn ground(chart: &Chart, scale: &Scale) -> String {
    let zero = scale.height(0);
    let seconds = chart.until.as_second() - chart.from.as_second();
    let each = if seconds / DAY > MARKS { 7 * DAY } else { DAY };
    let mut path = format!("M{LEFT} {zero:.1}H{RIGHT}");
    // A year at the most: what is longer is no period of a report.
    for mark in 0..=(seconds / each).clamp(0, 60) {
        let at = Timestamp::from_second(chart.from.as_second() + mark * each).unwrap_or(chart.until);
        let _ = write!(path, "M{:.1} {BOTTOM}v4", across(chart, at));
    }
    format!("<path d=\"{path}\" fill=\"none\" stroke=\"#aab4c0\" stroke-width=\"1\"/>")
}

fn steps(spans: &[Span], scale: &Scale) -> String {
    let zero = scale.height(0);
    let (mut line, mut area) = (String::new(), String::new());
    let mut joined = false;
    for span in spans {
        let Some(level) = span.level else {
            joined = false;
            continue;
        };
        let height = scale.height(level);
        let (from, until) = (span.from, span.until);
        let _ = if joined {
            write!(line, "V{height:.1}H{until:.1}")
        } else {
            write!(line, "M{from:.1} {height:.1}H{until:.1}")
        };
        let _ = write!(area, "M{from:.1} {zero:.1}V{height:.1}H{until:.1}V{zero:.1}Z");
        joined = true;
    }
    format!(
        "<path d=\"{area}\" fill=\"#2563a8\" fill-opacity=\".14\" shape-rendering=\"crispEdges\"/>\
         <path d=\"{line}\" fill=\"none\" stroke=\"#1d4f8a\" stroke-width=\"1.8\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>"
    )
}

fn thresholds(chart: &Chart, scale: &Scale) -> String {
    let line = |level: i64, colour: &str, dashes: &str| {
        let height = scale.height(level);
        format!(
            "<path d=\"M{LEFT} {height:.1}H{RIGHT}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.2\" \
             stroke-dasharray=\"{dashes}\"/>"
        )
    };
    let mut drawn = String::new();
    if chart.low >= 0 {
        drawn.push_str(&line(chart.low, "#8a6100", "6 3"));
    }
    if chart.critical >= 0 && chart.critical < chart.low {
        drawn.push_str(&line(chart.critical, "#b54708", "1.4 2.6"));
    }
    drawn
}

/// A dot on the level that holds now.
fn end(spans: &[Span], scale: &Scale) -> String {
    let Some((last, level)) = spans.last().and_then(|last| Some((last, last.level?))) else {
        return String::new();
    };
    format!(
        "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.2\" fill=\"#1d4f8a\" stroke=\"#f4f6f9\" stroke-width=\"1.2\"/>",
        last.until,
        scale.height(level)
    )
}

/// The highest level, `low` and zero, as many of them as find room; what matters more comes first.
fn numbers(chart: &Chart, scale: &Scale) -> String {
    let mut taken: Vec<f64> = Vec::new();
    let mut drawn = String::from(
        "<g fill=\"none\" stroke=\"#465260\" stroke-width=\"1.05\" stroke-linecap=\"round\" stroke-linejoin=\"round\">",
    );
    for level in [scale.highest, chart.low, 0, scale.lowest] {
        let height = scale.height(level);
        let has_room = taken.iter().all(|other| (other - height).abs() >= APART);
        if (scale.lowest..=scale.highest).contains(&level) && has_room {
            drawn.push_str(&digits::right_aligned(
                &digits::shortened(level),
                LEFT - 5.0,
                height,
            ));
            taken.push(height);
        }
    }
    drawn + "</g>"
}
