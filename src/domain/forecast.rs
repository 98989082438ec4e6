//! How fast a series sells, and how long what is left will last.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub mod money;
pub mod observed;
pub mod rate;

const SECONDS_A_DAY: f64 = 86_400.0;

/// How fast a series sells, judged from its drops over the time it was in stock and observed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct SellRate {
    /// Units a day.
    pub per_day: f64,
    /// The range in which it most probably lies.
    pub low: f64,
    pub high: f64,
    /// Over how many days back it was judged: 7 or 28.
    pub window_days: u16,
    /// How often the level fell.
    pub drops: u32,
    /// By how much in all, one bulk order cut to what is usual.
    pub sold: i64,
    /// Days in stock and observed.
    pub observed_days: f64,
}

/// How long what is left will last, in days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Cover {
    pub days: f64,
    /// If it sells as fast as it may.
    pub earliest: f64,
    /// If it sells as slowly as it may; `None` where that is for ever.
    pub latest: Option<f64>,
}

/// The sell rates of one instance's series, by their numbers; a series that is missing has not enough history. A clone
/// costs nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forecasts {
    pub rates: Arc<HashMap<u32, SellRate>>,
    /// When they were worked out; `None` before that.
    pub at: Option<Timestamp>,
}

impl Forecasts {
    /// The rates as they were worked out at `at`.
    #[must_use]
    pub fn new(rates: HashMap<u32, SellRate>, at: Timestamp) -> Self {
        Self {
            rates: Arc::new(rates),
            at: Some(at),
        }
    }

    /// Whether they are the very ones, worked out once.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rates, &other.rates) || (self.rates.is_empty() && other.rates.is_empty())
    }

    /// The series' rate, where there is enough history.
    #[must_use]
    pub fn rate(&self, series: u32) -> Option<&SellRate> {
        self.rates.get(&series)
    }

    /// How long `level` of the series will last; `None` without enough history, and where nothing sells.
    #[must_use]
    pub fn cover(&self, series: u32, level: i64) -> Option<Cover> {
        self.rate(series)?.cover(level)
    }
}

impl Cover {
    /// In whole seconds.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float's conversion stops at the largest number"
        )]
        let seconds = (self.days * SECONDS_A_DAY).round() as i64;
        seconds
    }

    /// The days as they are shown: in tenths.
    #[must_use]
    pub fn shown_days(&self) -> f64 {
        (self.days * 10.0).round() / 10.0
    }

    /// Whether it is shorter than `wanted`.
    #[must_use]
    pub fn is_below(&self, wanted: Duration) -> bool {
        self.days < wanted.as_secs_f64() / SECONDS_A_DAY
    }
}

/// A number of days that an estimate came to: `about 6 days`, `less than a day`, `more than a year`.
#[must_use]
pub fn about(days: f64) -> String {
    if days < 0.75 {
        "less than a day".to_owned()
    } else if days > 365.0 {
        "more than a year".to_owned()
    } else {
        format!("about {}", days_in_words(days.round().max(1.0)))
    }
}

/// `10 days`, `1 day`, `1.5 days`, `12 hours`.
#[must_use]
pub fn days_in_words(days: f64) -> String {
    let (figure, unit) = if days < 1.0 {
        ((days * 24.0 * 10.0).round() / 10.0, "hour")
    } else {
        ((days * 10.0).round() / 10.0, "day")
    };
    let plural = if (figure - 1.0).abs() < f64::EPSILON {
        ""
    } else {
        "s"
    };
    format!("{figure} {unit}{plural}")
}

impl SellRate {
    /// How long `level` will last; `None` where nothing sells. What is owed (a level below 0) lasts 0 days. Its range
    /// holds nine times in ten, if it goes on as it was: the rate is not known exactly, and sales come when they will.
    #[must_use]
    pub fn cover(&self, level: i64) -> Option<Cover> {
        #[expect(clippy::cast_precision_loss, reason = "levels are far below 2^52")]
        let level = level.max(0) as f64;
        let of_rate = self.relative_deviation().powi(2);
        let at_once = of_rate * self.per_day * self.observed_days;
        let factor = 1.0 + rate::Z * (of_rate + at_once / level.max(1.0)).sqrt();
        let days = level / self.per_day;
        (self.per_day > 0.0).then(|| Cover {
            days,
            earliest: days / factor,
            latest: (self.low > 0.0).then_some(days * factor),
        })
    }

    /// The standard deviation of the rate, as a part of it.
    fn relative_deviation(&self) -> f64 {
        (self.high - self.low).max(0.0) / (2.0 * rate::Z * self.per_day)
    }
}
