//! Remembers which hints were taken, for as long as each could be sent again; no more than a set number.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashSet;

use sha2::Digest;
use sha2::Sha256;

/// The most ids that are remembered at once.
pub const ROOM: usize = 10_000;

/// A short form of an id: sixteen bytes of its hash, so that long ids take no more room.
type Short = [u8; 16];

/// The ids of the hints that were taken.
#[derive(Debug, Default)]
pub struct Replays {
    known: HashSet<Short>,
    /// Until when each is remembered, in seconds since 1970, the soonest first.
    ends: BinaryHeap<Reverse<(i64, Short)>>,
}

/// Whether a hint may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    First,
    Again,
    /// Nothing can be remembered now, so nothing can be taken.
    Full,
}

impl Replays {
    /// Notes the id, which is good until the second `end`, at the second `now`.
    pub fn enter(&mut self, id: &str, end: i64, now: i64) -> Entry {
        while let Some(Reverse((over, short))) = self.ends.peek().copied()
            && over < now
        {
            self.ends.pop();
            self.known.remove(&short);
        }
        let short = short(id);
        if self.known.contains(&short) {
            return Entry::Again;
        }
        if self.known.len() >= ROOM {
            return Entry::Full;
        }
        self.known.insert(short);
        self.ends.push(Reverse((end, short)));
        Entry::First
    }
}

fn short(id: &str) -> Short {
    let mut short = Short::default();
    short.copy_from_slice(&Sha256::digest(id)[..16]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_until_it_could_not_be_sent_again() {
        let mut replays = Replays::default();
        assert_eq!(replays.enter("a", 110, 100), Entry::First);
        assert_eq!(replays.enter("b", 200, 100), Entry::First);
        assert_eq!(replays.enter("a", 110, 110), Entry::Again);
        assert_eq!(replays.enter("a", 130, 111), Entry::First);
        assert_eq!(replays.enter("b", 200, 111), Entry::Again);
    }

    #[test]
    fn a_full_memory_refuses_rather_than_forgets() {
        let mut replays = Replays::default();
        for n in 0..ROOM {
            assert_eq!(replays.enter(&n.to_string(), 300, 0), Entry::First);
        }
        assert_eq!(replays.enter("new", 300, 300), Entry::Full);
        assert_eq!(replays.enter("0", 300, 300), Entry::Again);
        assert_eq!(replays.enter("new", 600, 301), Entry::First);
        assert_eq!((replays.known.len(), replays.ends.len()), (1, 1));
    }
}
