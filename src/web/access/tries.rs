//! How often a wrong password or token may be tried: each address has tries of its own, which come back with time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use crate::hints::bucket::Bucket;

/// One comes back each ten seconds.
const BACK: f64 = 0.1;
/// An address that was quiet for so long may be forgotten where room is needed.
const FORGOTTEN: Duration = Duration::from_secs(100);
/// Addresses that are remembered; those that were quiet the longest make room.
const REMEMBERED: usize = 4096;

/// The wrong tries of each address.
#[derive(Debug, Default)]
pub struct Tries(Mutex<HashMap<IpAddr, (Bucket, Instant)>>);

impl Tries {
    /// Whether that address may try.
    pub fn may(&self, from: IpAddr, now: Instant) -> bool {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries
            .get_mut(&network(from))
            .is_none_or(|(bucket, _)| bucket.has(now))
    }

    /// That address was wrong; it may be so `most` times at once, or any number of times where that is 0.
    pub fn failed(&self, from: IpAddr, most: u32, now: Instant) {
        if most == 0 {
            return;
        }
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= REMEMBERED {
            tries.retain(|_, (_, last)| now.saturating_duration_since(*last) < FORGOTTEN);
        }
        if tries.len() >= REMEMBERED
            && let Some(quietest) = tries.iter().min_by_key(|(_, (_, last))| *last)
        {
            let quietest = *quietest.0;
            tries.remove(&quietest);
        }
        let entry = tries
            .entry(network(from))
            .or_insert((Bucket::new(f64::from(most), BACK), now));
        entry.0.take(now);
        entry.1 = now;
    }
}

/// Of an IPv6 address the network: whoever tries has all of it.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn who_is_wrong_too_often_waits_and_nobody_else_does() {
        let (tries, start) = (Tries::default(), Instant::now());
        let rude = address(1);
        for n in 0..10 {
            assert!(tries.may(rude, start), "{n}");
            tries.failed(rude, 10, start);
        }
        assert!(!tries.may(rude, start));
        assert!(tries.may(address(2), start));
        assert!(!tries.may(rude, start + Duration::from_secs(9)));
        assert!(tries.may(rude, start + Duration::from_secs(11)));
    }

    #[test]
    fn a_network_of_ipv6_is_one_and_an_ipv4_in_it_is_none() {
        let (tries, now) = (Tries::default(), Instant::now());
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for n in 0..10 {
            tries.failed(ip(&format!("2001:db8::{n}")), 10, now);
            tries.failed(ip("::ffff:192.0.2.1"), 10, now);
        }
        assert!(!tries.may(ip("2001:db8::ffff"), now));
        assert!(tries.may(ip("2001:db8:0:1::1"), now));
        assert!(!tries.may(ip("192.0.2.1"), now));
        assert!(tries.may(ip("::ffff:192.0.2.2"), now));
    }

    #[test]
    fn any_number_of_addresses_takes_bounded_room_and_the_latest_stay() {
        let (tries, start) = (Tries::default(), Instant::now());
        for number in 0..5000 {
            tries.failed(
                address(number),
                10,
                start + Duration::from_millis(u64::from(number)),
            );
        }
        let held = tries.0.lock().unwrap();
        assert_eq!(held.len(), REMEMBERED);
        assert!(held.contains_key(&address(4999)) && !held.contains_key(&address(0)));
    }
}
