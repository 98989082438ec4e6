//! How much is let through: token buckets, one for all and one for each of a fixed number of groups of senders.

use std::hash::BuildHasher;
use std::hash::RandomState;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Lets `burst` through at once, and `each_second` in the long run.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    burst: f64,
    each_second: f64,
    left: f64,
    since: Option<Instant>,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub const fn new(burst: f64, each_second: f64) -> Self {
        Self {
            burst,
            each_second,
            left: burst,
            since: None,
        }
    }

    /// Takes one out, where there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let there = self.has(now);
        if there {
            self.left -= 1.0;
        }
        there
    }

    /// Whether there is one in it.
    pub fn has(&mut self, now: Instant) -> bool {
        let passed = self
            .since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.since = Some(now);
        self.left = (self.left + passed.as_secs_f64() * self.each_second).min(self.burst);
        self.left >= 1.0
    }
}

/// Groups of senders; two addresses share one by chance, differently in every process.
const GROUPS: usize = 256;

/// A bucket for each group of senders: who sends rubbish is held up, and hardly anybody else.
#[derive(Debug)]
pub struct Senders {
    hasher: RandomState,
    buckets: Vec<Bucket>,
}

impl Senders {
    /// Full buckets.
    #[must_use]
    pub fn new(bucket: Bucket) -> Self {
        Self {
            hasher: RandomState::new(),
            buckets: vec![bucket; GROUPS],
        }
    }

    /// The bucket of who sends from there. Of an IPv6 address the network counts: a sender has all of it.
    pub fn of(&mut self, from: IpAddr) -> &mut Bucket {
        let part = match from.to_canonical() {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        };
        let hash = self.hasher.hash_one(part);
        let at = usize::try_from(hash % GROUPS as u64).unwrap_or_default();
        &mut self.buckets[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3.0, 2.0);
        let mut taken = |millis| {
            let at = start + Duration::from_millis(millis);
            (0..10).filter(|_| bucket.take(at)).count()
        };
        assert_eq!([taken(0), taken(400), taken(500), taken(60_000)], [3, 0, 1, 3]);
    }

    #[test]
    fn one_sender_does_not_hold_up_the_others() {
        let now = Instant::now();
        let mut senders = Senders::new(Bucket::new(1.0, 0.0));
        let rude: IpAddr = "2001:db8::1".parse().expect("an address");
        assert!(senders.of(rude).take(now));
        let neighbour = "2001:db8::2".parse().expect("an address");
        assert!(!senders.of(neighbour).has(now), "the same network");
        let others = (0..200u8).filter(|n| senders.of(IpAddr::from([192, 0, 2, *n])).has(now));
        assert!(others.count() > 180);
    }
}
