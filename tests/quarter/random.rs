//! Random numbers that a seed repeats.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `from` to `to`, both included.
    pub fn within(&mut self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to - from).unwrap_or_default() + 1;
        from + i64::try_from(self.next() % span).unwrap_or_default()
    }

    /// True so many times in a million.
    pub fn chance(&mut self, per_million: u64) -> bool {
        self.next() % 1_000_000 < per_million
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        let count = u64::try_from(among.len()).unwrap_or(1);
        &among[usize::try_from(self.next() % count).unwrap_or_default()]
    }
}
