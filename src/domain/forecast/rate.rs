//! From a series' levels over time to how fast it sells.

use jiff::Timestamp;

use crate::domain::catalogue::Level;
use crate::domain::forecast::SellRate;
use crate::domain::forecast::observed::Observed;

/// The windows that are judged, in days back; the shorter first.
pub const WINDOWS: [u16; 2] = [7, 28];
/// Fewer drops say nothing.
pub const MIN_DROPS: usize = 3;
/// Less time in stock and observed says nothing.
pub const MIN_DAYS: f64 = 5.0;
/// A largest drop of more than so many times the median of the others is a bulk order.
const BULK: f64 = 4.0;
/// Ranges hold nine times in ten: 5 % lie beyond either end, this many standard deviations away.
pub(super) const Z: f64 = 1.645;

const DAY: i64 = 86_400_000;

/// A level, from that time until the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When it was first seen.
    pub at: Timestamp,
    /// `None` where the series was no longer there.
    pub level: Option<Level>,
}

/// How fast a series sells, from its levels (ascending in time) until `now`; `None` without enough history. The long
/// window is used, since it is steadier, unless the short one says otherwise: it differs from the long one by more than
/// it would nine times in ten, had nothing changed.
#[must_use]
pub fn sell_rate(steps: &[Step], observed: &Observed, now: Timestamp) -> Option<SellRate> {
    let [short, long] = WINDOWS.map(|days| window(steps, observed, now, days));
    match (short, long) {
        (Some(short), Some(long)) => {
            let no_older = long.observed_days <= short.observed_days && long.drops <= short.drops;
            let changed = !no_older && has_changed(&short, &long);
            Some(if changed || no_older { short } else { long })
        }
        (Some(rate), None) | (None, Some(rate)) => Some(rate),
        (None, None) => None,
    }
}

/// Whether the short window, which is a part of the long one, differs from it by more than chance.
fn has_changed(short: &SellRate, long: &SellRate) -> bool {
    let parts = (long.observed_days / short.observed_days - 1.0).max(0.0);
    let deviation = long.relative_deviation() * long.per_day * parts.sqrt();
    (short.per_day - long.per_day).abs() > Z * deviation
}

/// The rate over so many days back.
#[must_use]
pub fn window(steps: &[Step], observed: &Observed, now: Timestamp, days: u16) -> Option<SellRate> {
    let now = now.as_millisecond();
    let mut seen = Seen {
        observed,
        from: now.saturating_sub(i64::from(days) * DAY),
        now,
        drops: Vec::new(),
        time: vec![0.0; usize::from(days)],
    };
    seen.walk(steps);
    seen.rate(days)
}

/// What a window shows.
struct Seen<'a> {
    observed: &'a Observed,
    from: i64,
    now: i64,
    drops: Vec<Drop>,
    /// In stock and observed, in days, by days since the window's start.
    time: Vec<f64>,
}

/// The level fell.
#[derive(Debug, Clone, Copy)]
struct Drop {
    size: f64,
    /// The days over which it may have fallen without anybody looking, at least 1.
    over: f64,
    /// The same as it was, 0 where somebody looked.
    blind: f64,
    /// As how many drops of somebody looking it counts, at least 1.
    sales: f64,
    /// The day, counted from the window's start.
    day: usize,
}

impl Seen<'_> {
    fn walk(&mut self, steps: &[Step]) {
        // The last figure, when it was first seen, and until when it held at the longest.
        let mut last: Option<(i64, i64, i64)> = None;
        for (at, step) in steps.iter().enumerate() {
            let starts = step.at.as_millisecond();
            let ends = steps
                .get(at + 1)
                .map_or(self.now, |next| next.at.as_millisecond())
                .min(self.now);
            if starts > self.now {
                break;
            }
            match step.level {
                Some(Level::Known(n)) => {
                    if let Some((before, seen, held_until)) = last {
                        self.fell(before.max(0).saturating_sub(n.max(0)), (seen, held_until), starts);
                    }
                    if n > 0 {
                        self.in_stock(starts, ends);
                    }
                    last = Some((n, starts, ends));
                }
                // What it was before still stands, unseen.
                Some(Level::Unknown) => {}
                // Stock that was not counted, or a series that comes back, begins anew.
                Some(Level::NotControlled) | None => last = None,
            }
        }
    }

    fn in_stock(&mut self, from: i64, to: i64) {
        let observed = self.observed;
        for (from, to) in observed.within(from.max(self.from), to) {
            self.spend(from, to);
        }
    }

    /// Adds time to the days it lies in.
    fn spend(&mut self, mut from: i64, to: i64) {
        while from < to {
            let day = (from - self.from) / DAY;
            let end = (self.from + (day + 1) * DAY).min(to);
            if let Some(time) = usize::try_from(day).ok().and_then(|day| self.time.get_mut(day)) {
                *time += days(end - from);
            }
            from = end;
        }
    }

    /// The level was `by` lower at `at` than when it was `seen`, which held until `held_until` at the longest. Time in which nobody looked counts
    /// where the level fell over it: that is what it tells.
    fn fell(&mut self, by: i64, (seen, held_until): (i64, i64), at: i64) {
        if by <= 0 || at <= self.from {
            return;
        }
        let since = self
            .observed
            .blind_since(at.min(held_until))
            .map_or(held_until, |end| end.max(seen))
            .min(at);
        #[expect(clippy::cast_precision_loss, reason = "levels are far below 2^52")]
        let mut size = by as f64;
        let blind = days(at - since);
        if since < self.from {
            size *= days(at - self.from) / blind;
        }
        self.spend(since.max(self.from), at);
        let last_day = self.time.len().saturating_sub(1);
        self.drops.push(Drop {
            size,
            over: days(at - since.max(self.from)).max(1.0),
            blind: days(at - since.max(self.from)),
            sales: 1.0,
            day: usize::try_from((at - 1 - self.from) / DAY)
                .unwrap_or_default()
                .min(last_day),
        });
    }

    fn rate(mut self, window_days: u16) -> Option<SellRate> {
        let observed_days: f64 = self.time.iter().sum();
        if self.drops.len() < MIN_DROPS || observed_days < MIN_DAYS {
            return None;
        }
        count_sales(&mut self.drops, observed_days);
        cut_bulk(&mut self.drops);
        let sold: f64 = self.drops.iter().map(|drop| drop.size).sum();
        let per_day = sold / observed_days;
        let (low, high) = range(per_day, observed_days, self.spread(per_day));
        #[expect(clippy::cast_possible_truncation, reason = "a sum of differences of levels")]
        let sold = sold.round() as i64;
        Some(SellRate {
            per_day,
            low,
            high,
            window_days,
            drops: u32::try_from(self.drops.len()).unwrap_or(u32::MAX),
            sold,
            observed_days,
        })
    }

    /// The variance of what was sold: of drops that come when they will, or of the days where those differ more.
    fn spread(&self, per_day: f64) -> f64 {
        let of_drops: f64 = self
            .drops
            .iter()
            .map(|drop| drop.size * drop.size / drop.sales)
            .sum();
        let mut by_day = vec![0.0; self.time.len()];
        for drop in &self.drops {
            // What fell unseen over several days is spread over them.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within the window's days"
            )]
            let over = (drop.over.ceil() as usize).clamp(1, drop.day + 1);
            for sold in &mut by_day[drop.day + 1 - over..=drop.day] {
                #[expect(clippy::cast_precision_loss, reason = "at most the window's days")]
                let share = drop.size / over as f64;
                *sold += share;
            }
        }
        let of_days: f64 = by_day
            .iter()
            .zip(&self.time)
            .map(|(sold, time)| (sold - per_day * time).powi(2))
            .sum();
        of_drops.max(of_days)
    }
}

/// A drop that nobody saw falling stands for as many sales as there are otherwise in such a time; where none was seen
/// otherwise, for one a day.
fn count_sales(drops: &mut [Drop], observed_days: f64) {
    let seen = drops.iter().filter(|drop| drop.blind == 0.0).count();
    let looked = observed_days - drops.iter().map(|drop| drop.blind).sum::<f64>();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand drops")]
    let per_day = seen as f64 / looked;
    for drop in drops {
        let usual = if seen > 0 && looked > 0.0 {
            per_day * drop.blind
        } else {
            drop.over
        };
        drop.sales = usual.max(1.0);
    }
}

/// One bulk order counts no more than the next largest drop. What fell unseen is measured by the sales it stands for.
fn cut_bulk(drops: &mut [Drop]) {
    let measure = |drop: &Drop| drop.size / drop.sales;
    drops.sort_by(|a, b| measure(a).total_cmp(&measure(b)));
    let Some((largest, others)) = drops.split_last_mut() else {
        return;
    };
    let (Some(usual), Some(next)) = (others.get(others.len() / 2), others.last()) else {
        return;
    };
    if measure(largest) > BULK * measure(usual) {
        largest.size = measure(next) * largest.sales;
    }
}

/// The range of the rate, as of a count of as many independent sales as the spread speaks of (Wilson and Hilferty).
fn range(per_day: f64, observed_days: f64, variance: f64) -> (f64, f64) {
    let sold = per_day * observed_days;
    if sold <= 0.0 || variance <= 0.0 {
        return (per_day, per_day);
    }
    let unit = variance / sold;
    let n = sold / unit;
    let end = |n: f64, z: f64| n * (1.0 - 1.0 / (9.0 * n) + z / (3.0 * n.sqrt())).max(0.0).powi(3);
    let low = end(n, -Z) * unit / observed_days;
    let high = end(n + 1.0, Z) * unit / observed_days;
    (low.clamp(0.0, per_day), high.max(per_day))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a few weeks")]
fn days(millis: i64) -> f64 {
    millis as f64 / DAY as f64
}
