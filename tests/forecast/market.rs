//! Simulated shops: a demand nobody is told of, and the history that a monitor has of it.

use jiff::Timestamp;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::forecast::observed::Observed;
use whmcs_stock_monitor::domain::forecast::rate::Step;

pub const HOUR: f64 = 1.0 / 24.0;
/// A poll, in days.
pub const TICK: f64 = HOUR / 4.0;
/// How long a shop is watched before it is forecast.
pub const PAST: f64 = 35.0;
/// After this nobody waits for a product to run out.
const FUTURE: f64 = 400.0;

/// The kinds of shops, each with its own demand and mishaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Steady,
    Slow,
    Weekly,
    Bursts,
    Restocks,
    ShopOutages,
    Unobserved,
    Bulk,
    Doubled,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Steady,
        Self::Slow,
        Self::Weekly,
        Self::Bursts,
        Self::Restocks,
        Self::ShopOutages,
        Self::Unobserved,
        Self::Bulk,
        Self::Doubled,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady, 3 a day",
            Self::Slow => "slow, 2 a week",
            Self::Weekly => "weekly rhythm: 4 a day, weekends 0.5",
            Self::Bursts => "bursts of 6 to 12 within two hours",
            Self::Restocks => "restocks, and days at zero",
            Self::ShopOutages => "outages of the shop: nothing sells",
            Self::Unobserved => "outages of the monitor: sales go on",
            Self::Bulk => "one bulk order of 40 in the last week",
            Self::Doubled => "demand that doubled 10 days ago",
        }
    }

    /// Expected sales a day at that time, bursts and bulk orders apart.
    fn demand(self, day: f64) -> f64 {
        match self {
            Self::Steady | Self::Restocks | Self::ShopOutages | Self::Unobserved => 3.0,
            Self::Slow => 2.0 / 7.0,
            #[expect(clippy::cast_possible_truncation, reason = "a day's number")]
            Self::Weekly => {
                if (day.floor() as i64).rem_euclid(7) >= 5 {
                    0.5
                } else {
                    4.0
                }
            }
            Self::Bursts => 0.8,
            Self::Bulk => 1.5,
            Self::Doubled => {
                if day < PAST - 10.0 {
                    1.5
                } else {
                    3.0
                }
            }
        }
    }
}

/// A repeatable sequence of random numbers (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In 0..1.
    pub fn part(&mut self) -> f64 {
        f64::from(u32::try_from(self.bits() >> 32).expect("32 bits")) / f64::from(u32::MAX)
    }

    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to - from + 1).expect("a span");
        from + i64::try_from(self.bits() % span).expect("small")
    }

    /// How many of an expected number happen (Poisson; the number is small).
    fn happen(&mut self, expected: f64) -> i64 {
        let limit = (-expected).exp();
        let (mut product, mut count) = (self.part(), 0);
        while product > limit {
            product *= self.part();
            count += 1;
        }
        count
    }
}

/// What the monitor knows when it forecasts, and what then happened.
pub struct Story {
    pub steps: Vec<Step>,
    pub observed: Observed,
    pub now: Timestamp,
    pub level: i64,
    /// When it ran out, in days from now.
    pub ran_out_after: f64,
}

pub fn at(day: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a few months")]
    let millis = (day * 86_400_000.0).round() as i64;
    Timestamp::from_millisecond(millis).expect("in range")
}

/// Stretches of time in days.
fn outages(dice: &mut Dice, every: f64, hours: (i64, i64)) -> Vec<(f64, f64)> {
    let mut found = Vec::new();
    let mut day = every * dice.part();
    while day < PAST + FUTURE {
        #[expect(clippy::cast_precision_loss, reason = "hours")]
        let length = dice.between(hours.0, hours.1) as f64 * HOUR;
        found.push((day, day + length));
        day += length + every * (0.5 + dice.part());
    }
    found
}

fn is_within(outages: &[(f64, f64)], day: f64) -> bool {
    outages.iter().any(|(from, to)| (*from..*to).contains(&day))
}

/// One shop of the kind; the same for the same seed.
pub fn story(kind: Kind, seed: u64) -> Story {
    let mut dice = Dice(seed.wrapping_mul(0x0100_0000_01b3) ^ kind.name().len() as u64);
    let down = match kind {
        Kind::ShopOutages => outages(&mut dice, 4.0, (6, 30)),
        _ => Vec::new(),
    };
    let unseen = match kind {
        Kind::Unobserved => outages(&mut dice, 5.0, (12, 48)),
        _ => down.clone(),
    };
    let bulk = PAST - 1.0 - 5.0 * dice.part();
    let mut burst = 4.0 * dice.part();
    let (mut left_of_burst, mut restock) = (0, f64::MAX);
    // Where nothing comes in, it starts with so much that something is left when it is forecast.
    let target = match kind {
        Kind::Slow => dice.between(4, 10),
        _ => dice.between(20, 60),
    };
    let mut level: i64 = if kind == Kind::Restocks { 30 } else { 0 };
    let mut levels = Vec::new();
    let mut day = 0.0;
    while day < PAST {
        let mut wanted = if is_within(&down, day) {
            0
        } else {
            dice.happen(kind.demand(day) * TICK)
        };
        if kind == Kind::Bursts {
            wanted += burst_part(&mut dice, day, &mut burst, &mut left_of_burst);
        }
        if kind == Kind::Bulk && day <= bulk && bulk < day + TICK {
            wanted += 40;
        }
        if kind == Kind::Restocks {
            wanted = wanted.min(level.max(0));
            if level <= 8 && restock > day + 100.0 {
                #[expect(clippy::cast_precision_loss, reason = "days")]
                let takes = dice.between(1, 6) as f64;
                restock = day + takes;
            }
            if day >= restock || (day + 2.0 * TICK > PAST && level < 10) {
                level += dice.between(20, 40);
                restock = f64::MAX;
            }
        }
        level -= wanted;
        levels.push((day, level));
        day += TICK;
    }
    let start = if kind == Kind::Restocks { 0 } else { target - level };
    for (_, shown) in &mut levels {
        *shown += start;
    }
    let level = level + start;
    let mut left = level;
    let mut later = PAST;
    while left > 0 && later < PAST + FUTURE {
        if !is_within(&down, later) {
            left -= dice.happen(kind.demand(later) * TICK);
        }
        if kind == Kind::Bursts {
            left -= burst_part(&mut dice, later, &mut burst, &mut left_of_burst);
        }
        later += TICK;
    }
    let seen: Vec<(f64, i64)> = levels
        .into_iter()
        .filter(|(day, _)| !is_within(&unseen, *day))
        .collect();
    let level = seen.last().map_or(level, |(_, level)| *level);
    Story {
        observed: Observed::from_polls(seen.iter().map(|(day, _)| at(*day).as_millisecond()).collect()),
        steps: changes(&seen),
        now: at(PAST),
        level,
        ran_out_after: later - PAST,
    }
}

/// What a burst sells in this tick: it is over within two hours.
fn burst_part(dice: &mut Dice, day: f64, next: &mut f64, left: &mut i64) -> i64 {
    if day >= *next {
        *left = dice.between(6, 12);
        *next = day + 2.0 + 4.0 * dice.part();
    }
    let sold = (*left).min(dice.between(0, 3));
    *left -= sold;
    sold
}

/// The levels where they changed, as they are recorded.
fn changes(seen: &[(f64, i64)]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (day, level) in seen {
        let level = Some(Level::Known(*level));
        if steps.last().is_none_or(|last| last.level != level) {
            steps.push(Step { at: at(*day), level });
        }
    }
    steps
}
