//! When to run next, and the one loop that repeats a step until shutdown.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use croner::Cron;
use croner::parser::CronParser;
use croner::parser::Seconds;
use croner::parser::Year;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::scheduler::ticker::NextTime;
use crate::scheduler::ticker::Ticker;

pub mod ticker;

/// When a step runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    Every(Duration),
    Cron(Box<CronSchedule>),
}

/// A cron expression in a time zone; it fires at least once in 100 years.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronSchedule {
    cron: Cron,
    /// Six fields, the first one seconds.
    expression: String,
    zone: TimeZone,
}

/// As people configure it: `every 5m`, `*/15 9-17 * * MON-FRI`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(duration) => write!(f, "every {}", in_units(*duration)),
            Self::Cron(cron) => {
                let expression = cron.expression.as_str();
                f.write_str(expression.strip_prefix("0 ").unwrap_or(expression))
            }
        }
    }
}

/// In the greatest units that leave nothing over: `1h30m`, `250ms`.
fn in_units(duration: Duration) -> String {
    let millis = duration.as_millis();
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, rest) = (millis / 1000 % 60, millis % 1000);
    let parts = [(hours, "h"), (minutes, "m"), (seconds, "s"), (rest, "ms")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, unit)| format!("{count}{unit}")).collect()
}

/// Why a text is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("is neither `every <duration>` nor a cron expression of five or six fields")]
    Unreadable,
    #[error("is shorter than 100 ms")]
    TooShort,
    #[error("is longer than 366 days")]
    TooLong,
    #[error("is not a cron expression: {0}")]
    BadCron(String),
    #[error("is a cron expression that never fires")]
    NeverFires,
}

impl Schedule {
    /// The shortest `every`.
    pub const SHORTEST: Duration = Duration::from_millis(100);
    /// The longest `every`.
    pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

    /// Reads `every 5m`, `5m`, or a cron expression of five fields (six with seconds), which counts in `zone`.
    ///
    /// # Errors
    /// Says what is wrong with it, as the end of a sentence, never quoting the text.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, ScheduleError> {
        let text = text.trim();
        if let Some(duration) = strip_every(text) {
            return Self::every(parse_duration(duration).ok_or(ScheduleError::Unreadable)?);
        }
        if let Some(duration) = parse_duration(text) {
            return Self::every(duration);
        }
        if text.starts_with('@') || text.split_whitespace().count() >= 5 {
            return Ok(Self::Cron(Box::new(CronSchedule::parse(text, zone)?)));
        }
        Err(ScheduleError::Unreadable)
    }

    fn every(duration: Duration) -> Result<Self, ScheduleError> {
        if duration < Self::SHORTEST {
            Err(ScheduleError::TooShort)
        } else if duration > Self::LONGEST {
            Err(ScheduleError::TooLong)
        } else {
            Ok(Self::Every(duration))
        }
    }

    /// The first firing strictly after `after`; none beyond the end of the calendar.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(duration) => after.checked_add(*duration).ok(),
            Self::Cron(cron) => cron.next_after(after),
        }
    }

    /// The gap between the next two firings after `now`.
    #[must_use]
    pub fn typical_interval(&self, now: Timestamp) -> Duration {
        let Self::Cron(cron) = self else {
            return self
                .next_after(now)
                .map_or(Self::LONGEST, |next| until(now, next));
        };
        let first = cron.next_after(now);
        let second = first.and_then(|first| cron.next_after(first));
        match (first, second) {
            (Some(first), Some(second)) => until(first, second),
            (Some(_), None) | (None, _) => Self::LONGEST,
        }
    }

    /// How long to wait after that many failures in a row. `transient` is whether the last one may pass by itself;
    /// `jitter` is a number of 0 to 1 that moves the wait by up to a tenth, within its bounds.
    ///
    /// A first transient failure waits a tenth of the schedule, but 10 s or more, and never longer than the
    /// schedule. The further ones double from the schedule, a permanent one at once, up to 15 minutes above it (5
    /// for transient ones). A schedule below 10 s doubles with each failure.
    #[must_use]
    pub fn stretched(&self, failures: u32, transient: bool, now: Timestamp, jitter: f64) -> Duration {
        let usual = self.typical_interval(now);
        if failures == 0 {
            return usual;
        }
        let short = usual < SOONEST;
        if transient && failures == 1 && !short {
            return jittered((usual / 10).max(SOONEST), jitter, SOONEST, usual);
        }
        let longest = usual.saturating_add(if transient {
            TRANSIENT_STRETCH
        } else {
            PERMANENT_STRETCH
        });
        let doublings = if transient && !short {
            failures - 2
        } else {
            failures
        };
        let wait = usual.saturating_mul(2u32.saturating_pow(doublings.min(31)));
        jittered(wait.min(longest), jitter, usual, longest)
    }
}

/// The soonest a failed step is repeated.
const SOONEST: Duration = Duration::from_secs(10);
/// The most that transient failures add to the schedule.
const TRANSIENT_STRETCH: Duration = Duration::from_secs(5 * 60);
/// The most that other failures add to it.
const PERMANENT_STRETCH: Duration = Duration::from_secs(15 * 60);

fn jittered(wait: Duration, jitter: f64, least: Duration, most: Duration) -> Duration {
    let jitter = if jitter.is_finite() {
        jitter.clamp(0.0, 1.0)
    } else {
        0.5
    };
    wait.mul_f64(0.9 + 0.2 * jitter).clamp(least, most)
}

fn until(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn strip_every(text: &str) -> Option<&str> {
    let (head, tail) = text.split_once(char::is_whitespace)?;
    head.eq_ignore_ascii_case("every").then_some(tail)
}

/// Reads `5m`, `1h30m`, `100ms`, `7d` (a day has 24 hours); nothing negative, no bare number.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.trim().parse().ok()?;
    let whole = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(whole).ok()
}

impl CronSchedule {
    /// Reads a cron expression of five fields (six with seconds), which counts in `zone`.
    ///
    /// # Errors
    /// Says what is wrong with it, as the end of a sentence, never quoting the text.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, ScheduleError> {
        let expression = if text.starts_with('@') || text.split_whitespace().count() != 5 {
            text.to_owned()
        } else {
            format!("0 {text}")
        };
        let cron = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Disallowed)
            .build()
            .parse(&expression)
            .map_err(|error| ScheduleError::BadCron(error.to_string()))?;
        let schedule = Self {
            expression,
            cron,
            zone: zone.clone(),
        };
        // Without a year field what fires once fires again, so any moment will do for the question.
        match schedule.next_after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::NeverFires),
        }
    }

    fn times(&self) -> NextTime {
        let cron = self.clone();
        Box::new(move |after| cron.next_after(after))
    }

    /// The first time after `after`; `None` where there is none in reach.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(next.timestamp())
    }
}

/// Why a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    OnTime,
    /// It was nudged, and its time had not come.
    Nudged,
}

/// What a step says about when it runs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// At the schedule's next time that has not passed.
    OnSchedule,
    /// This long after the step ended, then on schedule again.
    In(Duration),
    /// When it would have run without the nudge, at once where that has passed.
    Unmoved,
}

/// Repeats `step` until `cancel`: `every` at once and then in its rhythm, on a clock that never jumps; cron at its
/// times. It runs, too, whenever what `nudge` makes is ready (a nudge that is there when a time has come is part of
/// that run). A step that has begun finishes, the next never begins before; times that passed meanwhile are skipped.
/// The step is given the time at which it begins.
pub async fn repeat<N, W, S, F>(
    ticker: &Ticker,
    schedule: &Schedule,
    cancel: CancellationToken,
    nudge: N,
    mut step: S,
) where
    N: Fn() -> W,
    W: Future<Output = ()>,
    S: FnMut(Timestamp, Why) -> F,
    F: Future<Output = After>,
{
    let mut rhythm = Rhythm::start(ticker, schedule).await;
    let mut pause: Option<Instant> = None;
    loop {
        let why = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            () = nudge() => if rhythm.has_come(pause) { Why::OnTime } else { Why::Nudged },
            () = rhythm.wait(pause) => Why::OnTime,
        };
        match step(Timestamp::now(), why).await {
            After::Unmoved => {}
            After::OnSchedule => {
                pause = None;
                rhythm.skip_missed();
            }
            After::In(wait) => {
                pause = Some(in_the_future(wait));
                rhythm.skip_missed();
            }
        }
    }
    rhythm.stop().await;
}

/// The instant after that wait; about a century on at the most.
fn in_the_future(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).unwrap_or(now + FOREVER)
}

/// As good as never.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The times of one loop.
enum Rhythm<'a> {
    Every {
        period: Duration,
        next: Instant,
    },
    Cron {
        cron: &'a CronSchedule,
        /// The next time; `None` beyond the end of the calendar.
        due: Option<Timestamp>,
        tick: Arc<Notify>,
        job: Option<(&'a Ticker, Uuid)>,
    },
}

impl<'a> Rhythm<'a> {
    async fn start(ticker: &'a Ticker, schedule: &'a Schedule) -> Self {
        match schedule {
            Schedule::Every(period) => Self::Every {
                period: (*period).max(Duration::from_millis(1)),
                next: Instant::now(),
            },
            Schedule::Cron(cron) => {
                let tick = Arc::new(Notify::new());
                let job = match ticker
                    .arm(&cron.expression, cron.times(), Arc::clone(&tick))
                    .await
                {
                    Ok(job) => Some((ticker, job)),
                    Err(error) => {
                        tracing::warn!(%error, "The cron dispatcher is not available; a timer stands in for it.");
                        None
                    }
                };
                let due = cron.next_after(Timestamp::now());
                Self::Cron { cron, due, tick, job }
            }
        }
    }

    /// Beats that came before or during a run are not made up for.
    fn skip_missed(&mut self) {
        match self {
            Self::Every { period, next } => *next = next_beat(*next, *period, Instant::now()),
            Self::Cron { cron, due, .. } => *due = cron.next_after(Timestamp::now()),
        }
    }

    /// Waits for the next time, or for the end of the pause that takes its place.
    async fn wait(&mut self, pause: Option<Instant>) {
        match (self, pause) {
            (Self::Every { .. } | Self::Cron { .. }, Some(end)) => tokio::time::sleep_until(end).await,
            (Self::Every { next, .. }, None) => tokio::time::sleep_until(*next).await,
            (Self::Cron { cron, due, tick, .. }, None) => wait_for_cron(cron, due, tick).await,
        }
    }

    /// Whether the next time has come.
    fn has_come(&self, pause: Option<Instant>) -> bool {
        match (self, pause) {
            (Self::Every { .. } | Self::Cron { .. }, Some(end)) => end <= Instant::now(),
            (Self::Every { next, .. }, None) => *next <= Instant::now(),
            (Self::Cron { due, .. }, None) => due.is_some_and(|due| due <= Timestamp::now()),
        }
    }

    async fn stop(self) {
        if let Self::Cron {
            job: Some((ticker, job)),
            ..
        } = self
        {
            ticker.disarm(job).await;
        }
    }
}

/// The first beat after `now` of a rhythm that has one at `beat`.
fn next_beat(beat: Instant, period: Duration, now: Instant) -> Instant {
    if beat > now {
        return beat;
    }
    let missed = now.duration_since(beat).as_nanos() / period.as_nanos();
    let ahead = period.saturating_mul(u32::try_from(missed + 1).unwrap_or(u32::MAX));
    beat.checked_add(ahead)
        .filter(|next| *next > now)
        .unwrap_or(now + period)
}

/// How often a wait for a cron time looks at the clock even if nothing wakes it (the clock may have been set).
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// A tick should be there half a second after its time; past this the loop goes without.
const TICK_LATE: Duration = Duration::from_secs(2);

/// Waits for the time of `cron` that is due. A tick is only a hint: it counts once its time has come, so a tick that
/// comes twice, early or not at all makes no run twice, early or never.
async fn wait_for_cron(cron: &CronSchedule, due: &mut Option<Timestamp>, tick: &Notify) {
    loop {
        let now = Timestamp::now();
        let pause = match *due {
            Some(due) if due <= now => return,
            Some(due) => until(now, due).saturating_add(TICK_LATE).min(LOOK_AGAIN),
            None => LOOK_AGAIN,
        };
        tokio::select! {
            () = tick.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
        // A clock set back brings the next time nearer; one set forward must not lose the time that was due.
        let next = cron.next_after(Timestamp::now());
        *due = match (*due, next) {
            (Some(due), Some(next)) => Some(due.min(next)),
            (due, next) => due.or(next),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a known zone")
    }

    fn parse(text: &str) -> Result<Schedule, ScheduleError> {
        Schedule::parse(text, &TimeZone::UTC)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// The next `count` firings after `after`, as local times.
    fn firings(schedule: &Schedule, zone: &TimeZone, after: &str, count: usize) -> Vec<String> {
        let mut now = at(after);
        let mut found = Vec::new();
        while found.len() < count {
            now = schedule.next_after(now).expect("fires again");
            found.push(
                now.to_zoned(zone.clone())
                    .strftime("%m-%d %H:%M:%S %:z")
                    .to_string(),
            );
        }
        found
    }

    #[test]
    fn a_duration_is_a_schedule_with_or_without_every() {
        for (text, millis) in [
            ("every 5m", 300_000),
            ("5m", 300_000),
            ("  Every   1h30m ", 5_400_000),
            ("every 1h 30m", 5_400_000),
            ("100ms", 100),
            ("every 2 minutes", 120_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(
                parse(text),
                Ok(Schedule::Every(Duration::from_millis(millis))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_its_reason() {
        for (text, error) in [
            ("", ScheduleError::Unreadable),
            ("every", ScheduleError::Unreadable),
            ("every day", ScheduleError::Unreadable),
            ("300", ScheduleError::Unreadable),
            ("-5m", ScheduleError::Unreadable),
            ("* * * *", ScheduleError::Unreadable),
            ("99ms", ScheduleError::TooShort),
            ("every 0s", ScheduleError::TooShort),
            ("367d", ScheduleError::TooLong),
            ("0 0 30 2 *", ScheduleError::NeverFires),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
        for text in ["61 * * * *", "* * * * * * 2030", "a b c d e", "@sometimes"] {
            assert!(matches!(parse(text), Err(ScheduleError::BadCron(_))), "{text:?}");
        }
    }

    #[test]
    fn a_cron_expression_may_leave_out_the_seconds() {
        assert_eq!(parse("*/5 * * * *"), parse("0 */5 * * * *"));
        for (text, first) in [
            ("*/5 * * * *", "11-21 10:05:00 +00:00"),
            ("15 */5 * * * *", "11-21 10:00:15 +00:00"),
            ("@daily", "11-22 00:00:00 +00:00"),
            ("0 9 * * MON-FRI", "11-23 09:00:00 +00:00"),
        ] {
            let schedule = parse(text).expect("a schedule");
            assert_eq!(
                firings(&schedule, &TimeZone::UTC, "2026-11-21T10:00:00Z", 1),
                [first],
                "{text}"
            );
        }
    }

    #[test]
    fn a_daily_time_fires_once_on_the_days_the_clocks_change() {
        let berlin = zone("Europe/Berlin");
        let daily = Schedule::parse("30 2 * * *", &berlin).expect("a schedule");
        assert_eq!(
            firings(&daily, &berlin, "2026-03-28T00:00:00Z", 3),
            [
                "03-28 02:30:00 +01:00",
                "03-29 03:00:00 +02:00",
                "03-30 02:30:00 +02:00"
            ]
        );
        assert_eq!(
            firings(&daily, &berlin, "2026-10-24T00:00:00Z", 3),
            [
                "10-24 02:30:00 +02:00",
                "10-25 02:30:00 +02:00",
                "10-26 02:30:00 +01:00"
            ]
        );
        let york = zone("America/New_York");
        let daily = Schedule::parse("30 1 * * *", &york).expect("a schedule");
        assert_eq!(
            firings(&daily, &york, "2026-10-31T04:00:00Z", 3),
            [
                "10-31 01:30:00 -04:00",
                "11-01 01:30:00 -04:00",
                "11-02 01:30:00 -05:00"
            ]
        );
        let daily = Schedule::parse("30 2 * * *", &york).expect("a schedule");
        assert_eq!(
            firings(&daily, &york, "2026-03-07T05:00:00Z", 3),
            [
                "03-07 02:30:00 -05:00",
                "03-08 03:00:00 -04:00",
                "03-09 02:30:00 -04:00"
            ]
        );
    }

    #[test]
    fn a_time_of_day_stays_where_it_is_when_the_offset_changes() {
        let berlin = zone("Europe/Berlin");
        let daily = Schedule::parse("30 9 * * *", &berlin).expect("a schedule");
        assert_eq!(
            firings(&daily, &berlin, "2026-10-24T00:00:00Z", 3),
            [
                "10-24 09:30:00 +02:00",
                "10-25 09:30:00 +01:00",
                "10-26 09:30:00 +01:00"
            ]
        );
    }

    #[test]
    fn every_five_minutes_goes_on_evenly_through_the_repeated_hour() {
        let berlin = zone("Europe/Berlin");
        let often = Schedule::parse("*/5 * * * *", &berlin).expect("a schedule");
        let mut now = at("2026-10-24T23:00:00Z");
        while now < at("2026-10-25T03:00:00Z") {
            let next = often.next_after(now).expect("fires");
            assert_eq!(until(now, next), Duration::from_secs(300), "{now}");
            now = next;
        }
    }

    #[test]
    fn the_typical_interval_is_the_gap_between_the_next_two_firings() {
        let now = at("2026-11-21T10:02:00Z");
        for (text, seconds) in [("every 90s", 90), ("*/5 * * * *", 300), ("0 9 * * *", 86_400)] {
            let schedule = parse(text).expect("a schedule");
            assert_eq!(
                schedule.typical_interval(now),
                Duration::from_secs(seconds),
                "{text}"
            );
        }
    }

    fn stretches(schedule: &str, transient: bool, jitter: f64) -> Vec<u64> {
        let schedule = parse(schedule).expect("a schedule");
        let now = at("2026-11-21T10:02:00Z");
        (0..=6)
            .map(|failures| schedule.stretched(failures, transient, now, jitter).as_secs())
            .collect()
    }

    #[test]
    fn a_first_transient_failure_is_repeated_soon_and_further_ones_double_from_the_schedule() {
        assert_eq!(
            stretches("every 5m", true, 0.5),
            [300, 30, 300, 600, 600, 600, 600]
        );
        assert_eq!(
            stretches("*/5 * * * *", true, 0.5),
            [300, 30, 300, 600, 600, 600, 600]
        );
        assert_eq!(stretches("every 1m", true, 0.5), [60, 10, 60, 120, 240, 360, 360]);
        assert_eq!(stretches("every 10s", true, 0.5), [10, 10, 10, 20, 40, 80, 160]);
    }

    #[test]
    fn a_lasting_failure_doubles_at_once_up_to_fifteen_minutes_more() {
        assert_eq!(
            stretches("every 5m", false, 0.5),
            [300, 600, 1200, 1200, 1200, 1200, 1200]
        );
        assert_eq!(
            stretches("every 1m", false, 0.5),
            [60, 120, 240, 480, 960, 960, 960]
        );
    }

    #[test]
    fn a_short_schedule_doubles() {
        assert_eq!(stretches("every 2s", true, 0.5), [2, 4, 8, 16, 32, 64, 128]);
        assert_eq!(stretches("every 2s", false, 0.5), [2, 4, 8, 16, 32, 64, 128]);
        let tiny = Schedule::Every(Duration::from_millis(100));
        let now = at("2026-11-21T10:00:00Z");
        assert_eq!(
            tiny.stretched(u32::MAX, true, now, 0.5),
            Duration::from_millis(300_100)
        );
    }

    #[test]
    fn jitter_stays_within_a_tenth_and_within_the_bounds() {
        assert_eq!(stretches("every 5m", true, 0.0)[1..4], [27, 300, 540]);
        assert_eq!(stretches("every 5m", true, 1.0)[1..4], [33, 330, 600]);
        assert_eq!(stretches("every 1m", true, 0.0)[1], 10);
        assert_eq!(stretches("every 10s", true, 1.0)[1], 10);
        assert_eq!(stretches("every 5m", true, f64::NAN)[1], 30);
    }

    #[test]
    fn missed_beats_are_skipped() {
        let start = Instant::now();
        let period = Duration::from_secs(10);
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(next_beat(start, period, start), after(10));
        assert_eq!(next_beat(start, period, after(35)), after(40));
        assert_eq!(next_beat(after(40), period, after(35)), after(40));
        let aeon = Duration::from_secs(100 * 365 * 86_400);
        assert!(next_beat(start, Duration::from_nanos(1), start + aeon) > start + aeon);
    }

    /// Runs a schedule until its step was called `runs` times.
    async fn run(schedule: Schedule, runs: usize, nudge: Arc<Notify>, after: After) -> usize {
        let (cancel, count) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let (stop, counter) = (cancel.clone(), Arc::clone(&count));
        let step = move |_, _| {
            if counter.fetch_add(1, Ordering::SeqCst) + 1 == runs {
                stop.cancel();
            }
            std::future::ready(after)
        };
        let ticker = Ticker::default();
        let loops = repeat(&ticker, &schedule, cancel, || nudge.notified(), step);
        tokio::time::timeout(Duration::from_secs(20), loops)
            .await
            .expect("ends");
        count.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn every_begins_at_once_and_stops_when_cancelled() {
        let hourly = Schedule::Every(Duration::from_secs(3600));
        assert_eq!(run(hourly, 1, Arc::default(), After::OnSchedule).await, 1);
        let often = Schedule::Every(Duration::from_millis(5));
        assert_eq!(run(often, 4, Arc::default(), After::OnSchedule).await, 4);
    }

    #[tokio::test]
    async fn a_step_may_move_the_next_one() {
        let hourly = Schedule::Every(Duration::from_secs(3600));
        assert_eq!(
            run(hourly, 3, Arc::default(), After::In(Duration::from_millis(2))).await,
            3
        );
    }

    #[tokio::test]
    async fn a_nudge_runs_a_cron_step_now() {
        let yearly = parse("0 0 29 2 *").expect("a schedule");
        let nudge = Arc::new(Notify::new());
        nudge.notify_one();
        assert_eq!(run(yearly, 1, nudge, After::OnSchedule).await, 1);
    }

    #[tokio::test]
    async fn a_nudge_before_the_start_makes_the_first_run_not_one_more() {
        let (cancel, nudge) = (CancellationToken::new(), Arc::new(Notify::new()));
        nudge.notify_one();
        let schedule = Schedule::Every(Duration::from_secs(3600));
        let (ticker, count) = (Ticker::default(), Arc::new(AtomicUsize::new(0)));
        let (seen, counter) = (Arc::new(Notify::new()), Arc::clone(&count));
        let told = Arc::clone(&seen);
        let step = move |_, _| {
            counter.fetch_add(1, Ordering::SeqCst);
            told.notify_one();
            std::future::ready(After::OnSchedule)
        };
        let again = Arc::clone(&nudge);
        let watch = async {
            seen.notified().await;
            assert_eq!(count.load(Ordering::SeqCst), 1);
            again.notify_one();
            seen.notified().await;
            cancel.cancel();
        };
        let nudged = || nudge.notified();
        tokio::join!(repeat(&ticker, &schedule, cancel.clone(), nudged, step), watch);
        assert_eq!(count.load(Ordering::SeqCst), 2, "the start, and the second nudge");
    }

    /// Runs a schedule with a nudge that is always ready; the step says how long it takes and what comes after, until
    /// it says nothing. Why it ran each time.
    async fn reasons(
        schedule: &Schedule,
        mut step: impl FnMut(Why) -> Option<(Duration, After)>,
    ) -> Vec<Why> {
        let cancel = CancellationToken::new();
        let (seen, stop) = (Mutex::new(Vec::new()), cancel.clone());
        let run = |_, why| {
            seen.lock().expect("not poisoned").push(why);
            let next = step(why);
            if next.is_none() {
                stop.cancel();
            }
            async move {
                let (pause, after) = next.unwrap_or((Duration::ZERO, After::OnSchedule));
                tokio::time::sleep(pause).await;
                after
            }
        };
        repeat(
            &Ticker::default(),
            schedule,
            cancel,
            || std::future::ready(()),
            run,
        )
        .await;
        seen.into_inner().expect("not poisoned")
    }

    #[tokio::test]
    async fn nudges_neither_move_the_schedule_nor_hold_it_up() {
        let often = Schedule::Every(Duration::from_millis(50));
        let started = Instant::now();
        let mut on_time = 0;
        let mut nudged = 0;
        reasons(&often, |why| {
            match why {
                Why::OnTime => on_time += 1,
                Why::Nudged => nudged += 1,
            }
            (on_time < 5).then_some((
                Duration::from_millis(20),
                if why == Why::OnTime {
                    After::OnSchedule
                } else {
                    After::Unmoved
                },
            ))
        })
        .await;
        assert!(started.elapsed() >= Duration::from_millis(200), "{started:?}");
        assert!(nudged >= 4, "{nudged}");
    }

    #[tokio::test]
    async fn a_time_that_comes_during_a_nudged_step_is_not_lost() {
        let secondly = parse("* * * * * *").expect("a schedule");
        for schedule in [secondly, Schedule::Every(Duration::from_secs(1))] {
            let mut nudged = 0;
            let seen = reasons(&schedule, |why| match why {
                Why::Nudged if nudged == 0 => {
                    nudged = 1;
                    Some((Duration::from_millis(1100), After::Unmoved))
                }
                Why::Nudged => None,
                Why::OnTime if nudged == 0 => Some((Duration::ZERO, After::OnSchedule)),
                Why::OnTime => None,
            })
            .await;
            assert_eq!(seen.last(), Some(&Why::OnTime), "{schedule:?} {seen:?}");
        }
    }

    #[tokio::test]
    async fn a_nudge_does_not_end_a_pause() {
        let often = Schedule::Every(Duration::from_millis(10));
        let pause = Duration::from_millis(120);
        let (mut began, mut ended) = (None, None);
        let seen = reasons(&often, |why| match why {
            Why::OnTime if began.is_none() => {
                began = Some(Instant::now());
                Some((Duration::ZERO, After::In(pause)))
            }
            Why::Nudged => Some((Duration::from_millis(5), After::Unmoved)),
            Why::OnTime => {
                ended = Some(Instant::now());
                None
            }
        })
        .await;
        assert!(
            began
                .zip(ended)
                .is_some_and(|(began, ended)| ended - began >= pause)
        );
        assert!(seen.len() > 3, "{seen:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_second_step_never_begins_before_the_first_ended() {
        let (cancel, nudge) = (CancellationToken::new(), Arc::new(Notify::new()));
        let (busy, runs) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stop, poke, count) = (cancel.clone(), Arc::clone(&nudge), Arc::clone(&runs));
        let step = move |_, _| {
            let (stop, poke, busy, count) = (
                stop.clone(),
                Arc::clone(&poke),
                Arc::clone(&busy),
                Arc::clone(&count),
            );
            async move {
                assert!(!busy.swap(true, Ordering::SeqCst), "two steps at once");
                // Beats and nudges pass by meanwhile.
                for _ in 0..5 {
                    poke.notify_one();
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
                busy.store(false, Ordering::SeqCst);
                if count.fetch_add(1, Ordering::SeqCst) + 1 == 5 {
                    stop.cancel();
                }
                After::OnSchedule
            }
        };
        let schedule = Schedule::Every(Duration::from_millis(1));
        repeat(&Ticker::default(), &schedule, cancel, || nudge.notified(), step).await;
        assert_eq!(runs.load(Ordering::SeqCst), 5);
    }

    #[tokio::test]
    async fn a_step_that_has_begun_finishes_when_the_loop_is_cancelled() {
        let cancel = CancellationToken::new();
        let done = Arc::new(AtomicBool::new(false));
        let (stop, finished) = (cancel.clone(), Arc::clone(&done));
        let step = move |_, _| {
            let (stop, finished) = (stop.clone(), Arc::clone(&finished));
            async move {
                stop.cancel();
                tokio::time::sleep(Duration::from_millis(20)).await;
                finished.store(true, Ordering::SeqCst);
                After::OnSchedule
            }
        };
        let schedule = Schedule::Every(Duration::from_secs(1));
        repeat(&Ticker::default(), &schedule, cancel, std::future::pending, step).await;
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_cron_schedule_fires_once_at_each_of_its_times() {
        let cancel = CancellationToken::new();
        let times = Arc::new(Mutex::new(Vec::new()));
        let (stop, seen) = (cancel.clone(), Arc::clone(&times));
        let step = move |now: Timestamp, _| {
            let mut seen = seen.lock().expect("not poisoned");
            seen.push(now);
            if seen.len() == 3 {
                stop.cancel();
            }
            std::future::ready(After::OnSchedule)
        };
        let schedule = parse("* * * * * *").expect("a schedule");
        let ticker = Ticker::default();
        repeat(&ticker, &schedule, cancel, std::future::pending, step).await;
        let times = times.lock().expect("not poisoned");
        let mut seconds: Vec<i64> = times.iter().map(|time| time.as_second()).collect();
        seconds.dedup();
        assert_eq!(seconds.len(), 3, "{times:?}");
        assert_eq!(ticker.jobs(), 0, "the job is removed with its loop");
    }
}
