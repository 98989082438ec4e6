//! The back-test: predicted days until a product is out against what then happened, beside plain straight lines.

use std::fmt::Write;
use std::fs;

use jiff::Timestamp;
use whmcs_stock_monitor::domain::forecast::rate::Step;
use whmcs_stock_monitor::domain::forecast::rate::sell_rate;

use crate::market::Kind;
use crate::market::Story;
use crate::market::story;

/// Shops of each kind.
const SHOPS: u64 = 200;
/// The straight line goes through the last so many changes of the level.
const POINTS: usize = 10;

/// Where the demand changed for good, whoever looks at the last days alone knows it sooner: the documentation says so.
const UNLIKE_BEFORE: Kind = Kind::Doubled;

/// How far predictions of one kind of shop were from the truth, as parts of it; the median.
struct Errors {
    kind: Kind,
    ours: f64,
    last_points: f64,
    seven_days: f64,
    /// The share of shops that ran out within our range.
    within: f64,
    /// The share of shops of which we say nothing.
    silent: f64,
}

/// Days until the straight line through these points (least squares) is at 0; `None` where it does not fall.
fn line(points: &[(f64, f64)], now: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a few points")]
    let n = points.len() as f64;
    let (mean_x, mean_y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (x, y) in points {
        covariance += (x - mean_x) * (y - mean_y);
        variance += (x - mean_x).powi(2);
    }
    let slope = covariance / variance;
    (slope < 0.0).then(|| (mean_x - mean_y / slope - now).max(0.0))
}

fn day(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64() / 86_400.0
}

fn points(steps: &[Step]) -> Vec<(f64, f64)> {
    #[expect(clippy::cast_precision_loss, reason = "levels")]
    let point = |step: &Step| Some((day(step.at), step.level?.known()? as f64));
    steps.iter().filter_map(point).collect()
}

/// As Prometheus' `predict_linear(level[7d])` on hourly samples.
fn over_seven_days(story: &Story) -> Option<f64> {
    let (points, now) = (points(&story.steps), day(story.now));
    let sampled: Vec<(f64, f64)> = (0..=168)
        .map(|hour| now - f64::from(hour) / 24.0)
        .filter_map(|at| {
            let (_, level) = points.iter().rev().find(|(then, _)| *then <= at)?;
            Some((at, *level))
        })
        .collect();
    line(&sampled, now)
}

/// The error as a part of the truth; a prediction of "never" is as wrong as one of ten times the truth.
fn error(predicted: Option<f64>, truth: f64) -> f64 {
    predicted.map_or(9.0, |days| ((days - truth).abs() / truth).min(9.0))
}

fn median(mut errors: Vec<f64>) -> f64 {
    errors.sort_by(f64::total_cmp);
    errors.get(errors.len() / 2).copied().unwrap_or(f64::NAN)
}

fn share(part: usize, of: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few shops")]
    let share = part as f64 / of as f64;
    share
}

fn measured(kind: Kind) -> Errors {
    let (mut ours, mut last_points, mut seven_days) = (Vec::new(), Vec::new(), Vec::new());
    let (mut within, mut silent) = (0, 0);
    for seed in 0..SHOPS {
        let story = story(kind, seed);
        let truth = story.ran_out_after;
        let cover =
            sell_rate(&story.steps, &story.observed, story.now).and_then(|rate| rate.cover(story.level));
        let Some(cover) = cover else {
            silent += 1;
            continue;
        };
        ours.push(error(Some(cover.days), truth));
        let latest = cover.latest.unwrap_or(f64::INFINITY);
        within += usize::from((cover.earliest..=latest).contains(&truth));
        let all = points(&story.steps);
        let last = &all[all.len().saturating_sub(POINTS)..];
        last_points.push(error(line(last, day(story.now)), truth));
        seven_days.push(error(over_seven_days(&story), truth));
    }
    let spoken = ours.len();
    Errors {
        kind,
        ours: median(ours),
        last_points: median(last_points),
        seven_days: median(seven_days),
        within: share(within, spoken),
        silent: share(silent, usize::try_from(SHOPS).expect("small")),
    }
}

fn table(all: &[Errors]) -> String {
    let mut text = String::from(
        "| shop | ours | line through the last 10 changes | line over 7 days | ran out within our range | not enough history |\n\
         |---|---|---|---|---|---|\n",
    );
    let percent = |part: f64| format!("{:.0} %", part * 100.0);
    for errors in all {
        let cells = [
            errors.ours,
            errors.last_points,
            errors.seven_days,
            errors.within,
            errors.silent,
        ]
        .map(percent);
        writeln!(text, "| {} | {} |", errors.kind.name(), cells.join(" | ")).expect("memory");
    }
    text
}

#[test]
fn the_forecast_is_nearer_to_what_happens_than_straight_lines_and_the_documentation_says_by_how_much() {
    let all: Vec<Errors> = Kind::ALL.into_iter().map(measured).collect();
    let table = table(&all);
    println!("{table}");
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/forecast.md"))
        .expect("docs/forecast.md");
    for errors in &all {
        let name = errors.kind.name();
        assert!(
            errors.ours < errors.last_points,
            "{name}: the last points are better\n{table}"
        );
        let better = errors.ours < errors.seven_days;
        assert_eq!(
            better,
            errors.kind != UNLIKE_BEFORE,
            "{name}: against seven days\n{table}"
        );
    }
    assert!(
        docs.contains(&table),
        "docs/forecast.md shows another table than:\n{table}"
    );
}
