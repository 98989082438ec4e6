//! Sums up what is refused, so that a flood of it is a line a minute in the log.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(60);

/// What was refused since the last line.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<&'static str, u64>,
    said: Option<Instant>,
}

impl Tally {
    /// Counts one, by a fixed word. What to log now, where it is time for that.
    pub fn count(&mut self, word: &'static str, now: Instant) -> Option<String> {
        *self.counts.entry(word).or_default() += 1;
        self.due(now)
    }

    /// What to log now: "3 forged, 1 replayed"; `None` where nothing is to be said, or not yet.
    pub fn due(&mut self, now: Instant) -> Option<String> {
        let soon = self
            .said
            .is_some_and(|said| now.saturating_duration_since(said) < PAUSE);
        if soon || self.counts.is_empty() {
            return None;
        }
        self.said = Some(now);
        let counts = std::mem::take(&mut self.counts);
        let parts: Vec<String> = counts
            .into_iter()
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        Some(parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_a_flood_once_a_minute() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut tally = Tally::default();
        assert_eq!(tally.due(at(0)), None);
        assert_eq!(tally.count("forged", at(0)).as_deref(), Some("1 forged"));
        let flood = (0..1000).filter_map(|_| tally.count("forged", at(1)));
        assert_eq!(flood.count(), 0);
        assert_eq!(tally.count("replayed", at(59)), None);
        assert_eq!(tally.due(at(60)).as_deref(), Some("1000 forged, 1 replayed"));
        assert_eq!(tally.due(at(600)), None);
    }
}
