//! How long we keep trying: attempts, back-off, giving up.

use std::time::Duration;

use jiff::Timestamp;

/// Why a message could not be handed over. The text never holds a secret, a URL's path or a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Worth trying again, not before `retry_after` where the receiver asked for it.
    #[error("{reason}: {detail}")]
    Transient {
        reason: &'static str,
        detail: String,
        retry_after: Option<Duration>,
    },
    /// Refused for good: a dead letter at once.
    #[error("{reason}: {detail}")]
    Permanent { reason: &'static str, detail: String },
    /// The receiver is gone (410): a dead letter, and the channel stays off until the next start.
    #[error("{reason}: {detail}")]
    Gone { reason: &'static str, detail: String },
}

impl SendError {
    /// A short fixed word for metrics (`connect`, `timeout`, `tls`, `http_500`, `smtp_550`, `auth` …).
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Transient { reason, .. } | Self::Permanent { reason, .. } | Self::Gone { reason, .. } => {
                reason
            }
        }
    }
}

/// What a channel delivers to; mail waits longer before its second try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    Email,
    Webhook,
}

/// What comes after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    RetryAt(Timestamp),
    GiveUp,
}

/// A message is given up this long after it was recorded.
pub const EXPIRY: Duration = Duration::from_secs(5 * 24 * 3600);

/// Delays before the 1st, 2nd, 3rd … attempt, in seconds.
const DELAYS: [u64; 12] = [
    0,
    5,
    30,
    120,
    600,
    1800,
    2 * 3600,
    5 * 3600,
    10 * 3600,
    14 * 3600,
    20 * 3600,
    24 * 3600,
];
/// The delay before each attempt past the table, until the message expires.
const LAST_DELAY: u64 = 24 * 3600;
/// The least wait between two attempts of a mail, in seconds (greylisting).
const MAIL_DELAY: u64 = 300;

/// Decides after the `attempts`-th attempt (counted from 1) failed with `error` at `now`, for a message recorded
/// at `recorded`. `jitter` is a random number in 0..1; it moves the delay by up to 20 % either way.
#[must_use]
pub fn next(
    medium: Medium,
    attempts: u32,
    error: &SendError,
    recorded: Timestamp,
    now: Timestamp,
    jitter: f64,
) -> Next {
    let SendError::Transient { retry_after, .. } = error else {
        return Next::GiveUp;
    };
    let delay = match retry_after {
        Some(asked) => (*asked).clamp(Duration::from_secs(1), Duration::from_secs(3600)),
        None => {
            let seconds = DELAYS.get(attempts as usize).copied().unwrap_or(LAST_DELAY);
            let delay = Duration::from_secs(seconds).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
            let floor = if medium == Medium::Email { MAIL_DELAY } else { 0 };
            delay.max(Duration::from_secs(floor))
        }
    };
    let at = now.checked_add(delay).unwrap_or(Timestamp::MAX);
    let expires = recorded.checked_add(EXPIRY).unwrap_or(Timestamp::MAX);
    if at > expires {
        Next::GiveUp
    } else {
        Next::RetryAt(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transient(retry_after: Option<u64>) -> SendError {
        SendError::Transient {
            reason: "http_503",
            detail: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    #[test]
    fn the_delays_are_those_of_the_table() {
        let mut now = at(0);
        let mut waits = Vec::new();
        for attempts in 1.. {
            match next(Medium::Webhook, attempts, &transient(None), at(0), now, 0.5) {
                Next::RetryAt(then) => {
                    waits.push(then.as_second() - now.as_second());
                    now = then;
                }
                Next::GiveUp => break,
            }
        }
        assert_eq!(
            waits,
            [
                5, 30, 120, 600, 1800, 7200, 18000, 36000, 50400, 72000, 86400, 86400
            ]
        );
    }

    #[test]
    fn a_mail_waits_five_minutes_at_the_least() {
        for jitter in [0.0, 0.5, 1.0] {
            let Next::RetryAt(then) = next(Medium::Email, 1, &transient(None), at(0), at(0), jitter) else {
                panic!("gave up")
            };
            assert!(then >= at(300), "{then}");
        }
    }

    #[test]
    fn a_receiver_that_asks_to_wait_is_obeyed_within_reason() {
        for (asked, waited) in [(0, 1), (7, 7), (1_000_000, 3600)] {
            assert_eq!(
                next(Medium::Webhook, 1, &transient(Some(asked)), at(0), at(10), 0.0),
                Next::RetryAt(at(10 + waited))
            );
        }
    }

    #[test]
    fn nothing_is_tried_after_five_days_nor_after_a_permanent_refusal() {
        let late = at(5 * 24 * 3600);
        assert_eq!(
            next(Medium::Webhook, 2, &transient(None), at(0), late, 0.5),
            Next::GiveUp
        );
        let refused = SendError::Permanent {
            reason: "smtp_550",
            detail: String::new(),
        };
        assert_eq!(next(Medium::Email, 1, &refused, at(0), at(0), 0.5), Next::GiveUp);
    }
}
