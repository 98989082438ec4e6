//! How fast a series sells, and how long what is left will last.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

pub mod observed;
pub mod rate;

/// How fast a series sells, judged from its drops over the time it was in stock and observed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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

impl SellRate {
    /// How long `level` will last; `None` where nothing sells. What is owed (a level below 0) lasts 0 days.
    #[must_use]
    pub fn cover(&self, level: i64) -> Option<Cover> {
        #[expect(clippy::cast_precision_loss, reason = "levels are far below 2^52")]
        let level = level.max(0) as f64;
        (self.per_day > 0.0).then(|| Cover {
            days: level / self.per_day,
            earliest: level / self.high.max(self.per_day),
            latest: (self.low > 0.0).then(|| level / self.low.min(self.per_day)),
        })
    }
}
