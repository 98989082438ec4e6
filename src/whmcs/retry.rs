//! How long to wait between the tries of one request; the only place that knows the backoff crate.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff;
use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// How often a request is made within a poll, at most.
pub const TRIES: usize = 3;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(1);

/// The delays of one request: about `base`, then twice that, each with up to half of jitter.
#[derive(Debug)]
pub struct Delays(ExponentialBackoff);

impl Delays {
    /// Starts anew.
    #[must_use]
    pub fn new(base: Duration) -> Self {
        let delays: ExponentialBackoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(base)
            .with_multiplier(2.0)
            .with_randomization_factor(0.5)
            .with_max_interval(base.saturating_mul(8))
            .with_max_elapsed_time(None)
            .build();
        Self(delays)
    }

    /// How long to wait after the next failure.
    #[must_use]
    pub fn delay(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(SHORTEST)
    }
}

/// What a `Retry-After` header asks for, within a second and an hour; `None` where it is unreadable.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let digits = value.strip_prefix('-').unwrap_or(value);
    let asked = if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        if digits == value {
            Duration::from_secs(value.parse().unwrap_or(u64::MAX))
        } else {
            Duration::ZERO
        }
    } else {
        let at = http_date(value)?;
        let wait: SignedDuration = at.duration_since(now);
        wait.try_into().unwrap_or(Duration::ZERO)
    };
    Some(asked.clamp(SHORTEST, LONGEST))
}

/// The moment that a header like `Date` names.
#[must_use]
pub fn http_date(value: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(value.trim())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_and_vary() {
        for _ in 0..50 {
            let mut delays = Delays::new(Duration::from_secs(1));
            let (first, second) = (delays.delay().as_secs_f64(), delays.delay().as_secs_f64());
            assert!(
                (0.5..=1.5).contains(&first) && (1.0..=3.0).contains(&second),
                "{first} {second}"
            );
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_a_date_and_clamped() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        let cases = [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("0", Some(1)),
            ("-5", Some(1)),
            ("99999999999999999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 07:49:37 GMT", Some(1)),
            ("Sun, 06 Nov 2094 08:49:37 GMT", Some(3600)),
            ("soon", None),
            ("", None),
            ("-", None),
            ("1.5", None),
        ];
        for (value, seconds) in cases {
            assert_eq!(
                retry_after(value, now),
                seconds.map(Duration::from_secs),
                "{value:?}"
            );
        }
    }
}
