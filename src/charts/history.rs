//! A series' past as a picture for a page, in SVG: its level as steps, the thresholds, what happened, and what nobody saw.
//! Its colours are classes of the page's style sheet; lines, hatchings and signs tell all of it without them.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::charts::axis;
use crate::charts::digits;
use crate::charts::steps::Held;
use crate::charts::steps::Traced;
use crate::charts::words::Words;
use crate::charts::words::escaped;

/// How large a picture is, in CSS pixels, and its letters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Tells the parts of two pictures of one page apart.
    pub name: &'static str,
    width: f64,
    height: f64,
    letters: f64,
    /// Room for the numbers on the left and the names of thresholds on the right.
    left: f64,
    right: f64,
    /// How many marks of time find room.
    times: i64,
    /// What happened nearer to each other than this shares a sign.
    apart: f64,
}

impl Size {
    /// For a desk.
    pub const WIDE: Self = Self {
        name: "wide",
        width: 980.0,
        height: 330.0,
        letters: 13.0,
        left: 46.0,
        right: 84.0,
        times: 9,
        apart: 15.0,
    };
    /// For a phone.
    pub const NARROW: Self = Self {
        name: "narrow",
        width: 340.0,
        height: 270.0,
        letters: 11.0,
        left: 34.0,
        right: 8.0,
        times: 4,
        apart: 19.0,
    };

    fn end(&self) -> f64 {
        self.width - self.right
    }

    fn bottom(&self) -> f64 {
        self.height - 26.0
    }
}

/// Where the levels begin, below the lane of what happened.
const TOP: f64 = 40.0;
/// Where the signs of what happened stand.
const LANE: f64 = 17.0;
/// The least width of a time at zero: a moment's is seen, too.
const LEAST: f64 = 3.0;
/// Into how many columns a picture is cut that tell what they show.
const COLUMNS: u32 = 96;
/// How many restocks are marked.
const RESTOCKS: usize = 12;

/// What kind of thing happened, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It ran out.
    Out,
    /// It came to be low or critical.
    Worse,
    /// It is well again, or no longer out.
    Better,
    /// Somebody took it on, or that ended.
    People,
    /// Somebody silenced it, or that ended.
    Silence,
    /// Anything else of it.
    Other,
}

impl Kind {
    /// All, the most urgent first.
    pub const ALL: [Self; 6] = [
        Self::Out,
        Self::Worse,
        Self::Better,
        Self::People,
        Self::Silence,
        Self::Other,
    ];

    /// The name in style sheets.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Worse => "worse",
            Self::Better => "better",
            Self::People => "people",
            Self::Silence => "silence",
            Self::Other => "other",
        }
    }

    /// The name in a legend.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Worse => "low or critical",
            Self::Better => "better or recovered",
            Self::People => "taken on, ordered",
            Self::Silence => "silenced",
            Self::Other => "other changes",
        }
    }

    /// The sign, around 0, 0: each of a shape of its own.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Out => "M-4-4L4 4M4-4L-4 4",
            Self::Worse => "M-5-4H5L0 5Z",
            Self::Better => "M-5 0L-1.5 4L5-4",
            Self::People => "M0-5.5L5.5 0L0 5.5L-5.5 0Z",
            Self::Silence => "M-4.5-4.5H4.5V4.5H-4.5Z",
            Self::Other => "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
        }
    }
}

/// Something that happened, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub at: Timestamp,
    pub kind: Kind,
    pub words: String,
}

/// The past of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub traced: Traced,
    /// When nobody looked: nothing is known of these times. Ascending, apart from each other.
    pub blind: Vec<(Timestamp, Timestamp)>,
    pub low: Option<i64>,
    pub critical: Option<i64>,
    /// Ascending by time.
    pub marks: Vec<Mark>,
    pub zone: TimeZone,
}

/// A time in which it stood so; nothing is said of it in a time in which nobody looked.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    from: Timestamp,
    until: Timestamp,
    /// `None`: nobody looked.
    held: Option<Held>,
}

impl History {
    /// The picture, and its text in short as what is read out for it.
    #[must_use]
    pub fn svg(&self, size: Size, label: &str) -> String {
        let spans = self.spans();
        let picture = Picture {
            history: self,
            size,
            scale: self.scale(),
        };
        let Size {
            name,
            width,
            height,
            letters,
            ..
        } = size;
        let mut drawn = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"past {name}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-label=\"{}\" font-size=\"{letters}\">{}",
            escaped(label),
            patterns(name),
        );
        drawn.push_str(&picture.numbers());
        drawn.push_str(&picture.times());
        drawn.push_str(&picture.hatched(&spans));
        drawn.push_str(&picture.steps(&spans));
        drawn.push_str(&picture.outs(&spans));
        drawn.push_str(&picture.thresholds());
        drawn.push_str(&picture.columns(&spans));
        drawn.push_str(&picture.restocks());
        drawn.push_str(&picture.end(&spans));
        drawn.push_str(&picture.marks());
        drawn + "</svg>"
    }

    /// How it stood and when nobody looked, from the beginning to the end without a break.
    fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut blind = self.blind.iter().copied().peekable();
        let ends = self.traced.steps.iter().skip(1).map(|step| step.at);
        let ends = ends.chain([self.traced.until]);
        for (step, until) in self.traced.steps.iter().zip(ends) {
            let mut from = step.at;
            while let Some((begin, end)) = blind.next_if(|(_, end)| *end <= until) {
                push(&mut spans, from, begin, Some(step.held));
                push(&mut spans, begin.max(from), end, None);
                from = from.max(end);
            }
            // One that lasts beyond this step is seen again with the next.
            let seen = blind
                .peek()
                .map_or(until, |(begin, _)| (*begin).clamp(from, until));
            push(&mut spans, from, seen, Some(step.held));
            push(&mut spans, seen, until, None);
        }
        spans
    }

    /// The numbers at the left edge, ascending.
    fn scale(&self) -> Vec<i64> {
        let tally = &self.traced.tally;
        let highest = tally.highest.unwrap_or_default();
        let highest = highest.max(self.low.unwrap_or_default()).max(1);
        axis::numbers(tally.lowest.unwrap_or_default(), highest, 5)
    }
}

fn push(spans: &mut Vec<Span>, from: Timestamp, until: Timestamp, held: Option<Held>) {
    match spans.last_mut() {
        // A level that came and went in the same instant is still one that was there.
        _ if until < from || (until == from && held.is_none()) => {}
        Some(last) if last.held == held && last.until == from => last.until = until,
        Some(_) | None => spans.push(Span { from, until, held }),
    }
}

fn patterns(name: &str) -> String {
    format!(
        "<defs><pattern id=\"blind-{name}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">\
         <path class=\"past-hatch\" d=\"M-2 10L10-2M-2 2L2-2M6 10L10 6\"/></pattern>\
         <pattern id=\"unknown-{name}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">\
         <path class=\"past-hatch unsure\" d=\"M0 0L8 8M8 0L0 8\"/></pattern>\
         <pattern id=\"free-{name}\" width=\"9\" height=\"9\" patternUnits=\"userSpaceOnUse\">\
         <circle class=\"past-dots\" cx=\"4.5\" cy=\"4.5\" r=\"1\"/></pattern></defs>"
    )
}

/// A picture of that size.
struct Picture<'a> {
    history: &'a History,
    size: Size,
    scale: Vec<i64>,
}

impl Picture<'_> {
    fn across(&self, at: Timestamp) -> f64 {
        let Traced { from, until, .. } = self.history.traced;
        let whole = until.duration_since(from).as_secs_f64();
        let part = at.duration_since(from).as_secs_f64();
        let share = if whole > 0.0 { part / whole } else { 1.0 };
        self.size.left + share.clamp(0.0, 1.0) * (self.size.end() - self.size.left)
    }

    #[expect(clippy::cast_precision_loss, reason = "a picture is less precise by far")]
    fn height(&self, level: i64) -> f64 {
        let lowest = self.scale.first().copied().unwrap_or(0) as f64;
        let highest = self.scale.last().copied().unwrap_or(1) as f64;
        let share = (level as f64 - lowest) / (highest - lowest).max(1.0);
        self.size.bottom() - share.clamp(0.0, 1.0) * (self.size.bottom() - TOP)
    }

    fn words(&self) -> Words<'_> {
        Words {
            zone: &self.history.zone,
        }
    }

    fn numbers(&self) -> String {
        let (left, end) = (self.size.left, self.size.end());
        let mut drawn = String::from("<g class=\"grid\">");
        for level in &self.scale {
            let height = self.height(*level);
            let class = if *level == 0 { " class=\"zero\"" } else { "" };
            let _ = write!(
                drawn,
                "<path{class} d=\"M{left} {height:.1}H{end}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 7.0,
                height + self.size.letters * 0.35,
                digits::shortened(*level),
            );
        }
        drawn + "</g>"
    }

    fn times(&self) -> String {
        let Traced { from, until, .. } = self.history.traced;
        let bottom = self.size.bottom();
        let mut drawn = String::from("<g class=\"grid\">");
        let zone = until
            .to_zoned(self.history.zone.clone())
            .strftime("%Z")
            .to_string();
        // Beside the last mark where there is room, else at the beginning, in place of a mark's words.
        let beside = self.size.right > 50.0;
        let (place, side) = if beside {
            (self.size.width, "end")
        } else {
            (0.0, "start")
        };
        let _ = write!(
            drawn,
            "<text class=\"zone\" x=\"{place}\" y=\"{:.1}\" text-anchor=\"{side}\">{}</text>",
            bottom + 6.0 + self.size.letters,
            escaped(&zone),
        );
        for tick in axis::times(from, until, &self.history.zone, self.size.times) {
            let x = self.across(tick.at);
            if !beside && x < self.size.left + self.size.letters {
                let _ = write!(drawn, "<path d=\"M{x:.1} {bottom}v5\"/>");
                continue;
            }
            let anchor = if x > self.size.width - 24.0 {
                "end"
            } else {
                "middle"
            };
            let _ = write!(
                drawn,
                "<path d=\"M{x:.1} {bottom}v5\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}<title>{}</title></text>",
                bottom + 6.0 + self.size.letters,
                escaped(&tick.label),
                Words::utc(tick.at),
            );
        }
        drawn + "</g>"
    }

    fn hatched(&self, spans: &[Span]) -> String {
        let name = self.size.name;
        let mut drawn = String::new();
        for span in spans {
            let pattern = match span.held {
                None => "blind",
                Some(Held::Unknown) => "unknown",
                Some(Held::NotControlled) => "free",
                Some(Held::Known(_) | Held::Gone) => continue,
            };
            let (from, until) = (self.across(span.from), self.across(span.until));
            let _ = write!(
                drawn,
                "<rect x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"url(#{pattern}-{name})\"/>",
                (until - from).max(1.0),
                self.size.bottom() - TOP,
            );
        }
        drawn
    }

    fn steps(&self, spans: &[Span]) -> String {
        let zero = self.height(0);
        let (mut line, mut area) = (String::new(), String::new());
        let mut joined = false;
        for span in spans {
            let Some(level) = span.held.and_then(Held::known) else {
                joined = false;
                continue;
            };
            let height = self.height(level);
            let (from, until) = (self.across(span.from), self.across(span.until));
            let _ = if joined {
                write!(line, "V{height:.1}H{until:.1}")
            } else {
                write!(line, "M{from:.1} {height:.1}H{until:.1}")
            };
            if level != 0 && until - from > 0.05 {
                let _ = write!(area, "M{from:.1} {zero:.1}V{height:.1}H{until:.1}V{zero:.1}Z");
            }
            joined = true;
        }
        format!("<path class=\"area\" d=\"{area}\"/><path class=\"line\" d=\"{line}\"/>")
    }

    /// The times at zero as bars on its line.
    fn outs(&self, spans: &[Span]) -> String {
        let zero = self.height(0);
        let mut path = String::new();
        let mut last: Option<(f64, f64)> = None;
        let mut draw = |bar: Option<(f64, f64)>| {
            if let Some((from, until)) = bar {
                let _ = write!(path, "M{from:.1} {zero:.1}H{until:.1}");
            }
        };
        let out = |span: &&Span| span.held.and_then(Held::known).is_some_and(|level| level <= 0);
        for span in spans.iter().filter(out) {
            let from = self.across(span.from);
            let until = self.across(span.until).max(from + LEAST);
            match &mut last {
                Some((_, end)) if from <= *end + 0.5 => *end = end.max(until),
                Some(_) | None => draw(last.replace((from, until))),
            }
        }
        draw(last);
        format!("<path class=\"past-outs\" d=\"{path}\"/>")
    }

    fn thresholds(&self) -> String {
        let History { low, critical, .. } = *self.history;
        let low = low.filter(|low| *low >= 0);
        let critical = critical.filter(|critical| *critical >= 0 && Some(*critical) < low.or(Some(i64::MAX)));
        let mut drawn = String::new();
        let mut taken: Option<f64> = None;
        for (name, level) in [("low", low), ("critical", critical)] {
            let Some(level) = level else { continue };
            let height = self.height(level);
            let _ = write!(
                drawn,
                "<path class=\"limit {name}\" d=\"M{} {height:.1}H{}\"/>",
                self.size.left,
                self.size.end()
            );
            // Two names that would stand in each other are put apart.
            let middle = taken.map_or(height, |above: f64| height.max(above + self.size.letters));
            taken = Some(middle);
            // Without room beside the picture the names stand on their lines.
            let (x, y, anchor) = if self.size.right > 50.0 {
                (self.size.end() + 7.0, middle + self.size.letters * 0.35, "start")
            } else {
                (self.size.end() - 2.0, height - 3.0, "end")
            };
            let _ = write!(
                drawn,
                "<text class=\"limit {name}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{name} {}</text>",
                digits::shortened(level),
            );
        }
        drawn
    }

    /// Columns that say, where somebody points at them, how it stood then.
    fn columns(&self, spans: &[Span]) -> String {
        let Traced { from, until, .. } = self.history.traced;
        let each = until.duration_since(from) / i32::try_from(COLUMNS).unwrap_or(i32::MAX);
        let mut drawn = String::from("<g class=\"columns\">");
        let mut first = 0;
        for column in 0..COLUMNS {
            let nth = |n: u32| {
                let part = each.checked_mul(i32::try_from(n).unwrap_or(i32::MAX))?;
                from.checked_add(part).ok()
            };
            let (Some(begin), Some(end)) = (nth(column), nth(column + 1)) else {
                break;
            };
            while spans.get(first).is_some_and(|span| span.until < begin) {
                first += 1;
            }
            let within = spans[first..].iter().take_while(|span| span.from <= end);
            let held: Vec<Option<Held>> = within.map(|span| span.held).collect();
            let x = self.across(begin);
            let _ = write!(
                drawn,
                "<rect x=\"{x:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                self.across(end) - x,
                self.size.bottom() - TOP,
                escaped(&self.words().column(begin, end, &held)),
            );
        }
        drawn + "</g>"
    }

    /// The largest rises, each as an arrow at what it rose to.
    fn restocks(&self) -> String {
        let mut rises: Vec<_> = self
            .history
            .traced
            .leaps
            .iter()
            .filter(|leap| leap.to > leap.from)
            .collect();
        rises.sort_by_key(|leap| std::cmp::Reverse(leap.to.abs_diff(leap.from)));
        rises.truncate(RESTOCKS);
        rises.sort_by_key(|leap| leap.at);
        let mut drawn = String::from("<g>");
        let mut last = f64::MIN;
        for rise in rises {
            let (x, y) = (self.across(rise.at), self.height(rise.to));
            if x - last < 7.0 {
                continue;
            }
            last = x;
            let _ = write!(
                drawn,
                "<path class=\"past-rise\" d=\"M{x:.1} {:.1}l-4.5 8h9Z\"><title>{}</title></path>",
                y - 4.0,
                escaped(&self.words().rise(rise)),
            );
        }
        drawn + "</g>"
    }

    /// A dot on the level that holds now.
    fn end(&self, spans: &[Span]) -> String {
        let level = spans.last().and_then(|last| last.held?.known());
        level.map_or_else(String::new, |level| {
            format!(
                "<circle class=\"now\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"/>",
                self.size.end(),
                self.height(level)
            )
        })
    }

    /// What happened, as signs above the levels; what is too near to another shares its sign.
    fn marks(&self) -> String {
        let mut groups: Vec<(f64, Vec<&Mark>)> = Vec::new();
        for mark in &self.history.marks {
            let x = self.across(mark.at);
            match groups.last_mut() {
                Some((first, marks)) if x - *first < self.size.apart => marks.push(mark),
                Some(_) | None => groups.push((x, vec![mark])),
            }
        }
        let mut drawn = String::from("<g class=\"marks\">");
        for (x, marks) in &groups {
            let Some(worst) = marks.iter().map(|mark| mark.kind).min() else {
                continue;
            };
            let said: Vec<String> = marks
                .iter()
                .take(8)
                .map(|mark| self.words().mark(mark.at, &mark.words))
                .collect();
            let more = match marks.len() - said.len() {
                0 => String::new(),
                more => format!("\n+{more}"),
            };
            let _ = write!(
                drawn,
                "<g class=\"sign-{}\"><path class=\"stem\" d=\"M{x:.1} {:.1}V{:.1}\"/><g transform=\"translate({x:.1} {LANE})\">\
                 <rect x=\"-9\" y=\"-12\" width=\"18\" height=\"24\"/><path class=\"past-sign\" d=\"{}\"/>{}\
                 <title>{}{more}</title></g></g>",
                worst.key(),
                LANE + 9.0,
                self.size.bottom(),
                worst.sign(),
                match marks.len() {
                    1 => String::new(),
                    count => format!("<text class=\"count\" x=\"5\" y=\"-5\">{count}</text>"),
                },
                escaped(&said.join("\n")),
            );
        }
        drawn + "</g>"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::steps::Steps;
    use jiff::SignedDuration;

    fn hour(n: i64) -> Timestamp {
        let begin: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        begin + SignedDuration::from_hours(n)
    }

    fn history() -> History {
        let mut steps = Steps::new(hour(0), hour(24), 480);
        for (n, held) in [
            (0, Held::Known(8)),
            (4, Held::Known(0)),
            (5, Held::Known(12)),
            (14, Held::Unknown),
            (16, Held::Known(11)),
            (20, Held::NotControlled),
            (22, Held::Known(3)),
        ] {
            steps.add(hour(n), held);
        }
        History {
            traced: steps.finish().unwrap(),
            blind: vec![(hour(8), hour(12)), (hour(17), hour(18))],
            low: Some(5),
            critical: Some(1),
            marks: vec![
                Mark {
                    at: hour(4),
                    kind: Kind::Out,
                    words: "out <b>\"x\"</b>".to_owned(),
                },
                Mark {
                    at: hour(5),
                    kind: Kind::Better,
                    words: "ok".to_owned(),
                },
            ],
            zone: TimeZone::get("Europe/Berlin").unwrap(),
        }
    }

    fn paths(svg: &str, class: &str) -> String {
        let start = format!("<path class=\"{class}\" d=\"");
        let path = svg.split(&start).nth(1).and_then(|rest| rest.split('"').next());
        path.unwrap_or_default().to_owned()
    }

    #[test]
    fn a_level_is_drawn_as_steps_and_not_where_it_was_not_known_or_nobody_looked() {
        let svg = history().svg(Size::WIDE, "in short");
        insta::assert_snapshot!(paths(&svg, "line"), @"M46.0 163.2H187.7V304.0H223.1V92.8H329.3M471.0 92.8H541.8M612.7 110.4H648.1M683.5 110.4H754.3M825.2 251.2H896.0");
        insta::assert_snapshot!(paths(&svg, "past-outs"), @"M187.7 304.0H223.1");
        let hatched: Vec<&str> = ["blind-wide", "unknown-wide", "free-wide"]
            .into_iter()
            .flat_map(|pattern| {
                let fill = format!("fill=\"url(#{pattern})\"");
                svg.matches(&fill).map(move |_| pattern).collect::<Vec<&str>>()
            })
            .collect();
        assert_eq!(hatched, ["blind-wide", "blind-wide", "unknown-wide", "free-wide"]);
    }

    #[test]
    fn what_somebody_points_at_says_when_in_the_zone_and_in_utc() {
        let svg = history().svg(Size::NARROW, "in short");
        let titles: Vec<&str> = svg
            .split("<title>")
            .skip(1)
            .filter_map(|rest| rest.split("</title>").next())
            .collect();
        let any = |text: &str| titles.iter().any(|title| title.contains(text));
        for said in [
            "20 Nov 2026, 05:00 (2026-11-20 04:00 UTC): out &lt;b&gt;&quot;x&quot;&lt;/b&gt;",
            "20 Nov 2026, 06:00 (2026-11-20 05:00 UTC): from 0 to 12 (+12)",
            "20 Nov 2026, 06:00 (2026-11-20 05:00 UTC): ok",
            "20 Nov 2026, 01:00 to 01:15 (2026-11-20 00:00 UTC): 8 left",
            "20 Nov 2026, 10:00 to 10:15 (2026-11-20 09:00 UTC): nobody looked",
            "20 Nov 2026, 16:00 to 16:15 (2026-11-20 15:00 UTC): not known",
            "20 Nov 2026, 22:00 to 22:15 (2026-11-20 21:00 UTC): not counted by WHMCS",
        ] {
            assert!(any(said), "{said}: {titles:#?}");
        }
        assert!(!svg.contains("<b>") && !svg.contains(" style="), "{svg}");
        assert!(svg.contains("role=\"img\" aria-label=\"in short\""), "{svg}");
    }

    #[test]
    fn a_moment_at_zero_is_as_wide_as_can_be_seen() {
        let mut steps = Steps::new(hour(0), hour(24 * 365), 480);
        for (minute, level) in [(0, 9), (600_000, 0), (600_001, 9)] {
            steps.add(
                hour(0) + SignedDuration::from_mins(minute / 2),
                Held::Known(level),
            );
        }
        let history = History {
            traced: steps.finish().unwrap(),
            blind: Vec::new(),
            ..history()
        };
        for size in [Size::WIDE, Size::NARROW] {
            let bars = paths(&history.svg(size, ""), "past-outs");
            let (from, until) = bars.trim_start_matches('M').split_once('H').unwrap();
            let from: f64 = from.split(' ').next().unwrap().parse().unwrap();
            assert!(until.parse::<f64>().unwrap() - from >= LEAST, "{bars}");
        }
    }

    #[test]
    fn a_picture_of_one_moment_or_of_no_level_is_drawn_too() {
        let mut steps = Steps::new(hour(0), hour(0), 480);
        steps.add(hour(0), Held::Known(i64::MAX));
        let one = History {
            traced: steps.finish().unwrap(),
            marks: Vec::new(),
            blind: Vec::new(),
            low: None,
            critical: None,
            ..history()
        };
        assert!(one.svg(Size::WIDE, "").contains("class=\"now\""));
        let mut steps = Steps::new(hour(0), hour(9), 480);
        steps.add(hour(0), Held::Gone);
        let none = History {
            traced: steps.finish().unwrap(),
            ..one
        };
        let svg = none.svg(Size::NARROW, "");
        assert!(!svg.contains("NaN") && !svg.contains("class=\"now\""), "{svg}");
    }
}
