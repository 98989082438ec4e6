//! Chance that is the same on every run: numbers that follow from a seed.

/// A small xorshift generator: the same numbers for the same seed, everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Spreads small seeds over all bits; zero alone would stay zero.
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 up to, not including, `limit`.
    pub fn below(&mut self, limit: u32) -> i64 {
        i64::try_from((self.next() >> 33) % u64::from(limit.max(1))).unwrap_or_default()
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// One of them, all as likely.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let limit = u32::try_from(all.len()).ok()?;
        all.get(usize::try_from(self.below(limit)).ok()?)
    }

    /// One of them, the first ones more likely than the last.
    pub fn early_one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let limit = u32::try_from(all.len()).ok()?;
        let place = self.below(limit).min(self.below(limit));
        all.get(usize::try_from(place).ok()?)
    }
}
