//! The loop that gives proof of life outside.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::alerting::decision::Outcome;
use crate::domain::source::Cause;
use crate::notify::heartbeat::Beat;
use crate::notify::heartbeat::Heartbeat;
use crate::observe::counters::Counters;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::service::beats;

/// The same is said at most this often.
const DISTANCE: Duration = Duration::from_secs(10);
/// For a whole request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any attempt takes.
const SAYING: Duration = Duration::from_secs(5 * 60);

/// What the poll loops have to say of the monitor's own life: the last of it waits to be said.
#[derive(Debug, Default)]
pub struct Pulse {
    waiting: Mutex<Option<Beat>>,
    said: Notify,
}

impl Pulse {
    /// A poll ended so, and is recorded. A shop that is down makes the monitor blind, whichever other one was read, and
    /// whether or not staff want to hear of it; a poll that failed before that says nothing.
    pub fn polled(&self, outcome: Outcome, seen: &Seen, patience: (Duration, u32), now: Timestamp) {
        match blind(seen, patience, now) {
            Some(reason) => self.say(Beat::Blind(reason)),
            None if outcome == Outcome::Accepted => self.say(Beat::Good),
            None => {}
        }
    }

    /// A poll ended, and cannot be recorded.
    pub fn not_recorded(&self) {
        self.say(Beat::Blind("The database cannot be written.".to_owned()));
    }

    fn say(&self, beat: Beat) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(beat);
        self.said.notify_one();
    }

    fn waiting(&self) -> Option<Beat> {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn taken(&self, beat: &Beat) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.as_ref() == Some(beat) {
            *waiting = None;
        }
    }
}

/// Which shops are down, in a line.
fn blind(seen: &Seen, patience: (Duration, u32), now: Timestamp) -> Option<String> {
    let down = |instance: &Instance| {
        let source = &instance.memory.source;
        let since = source.unread_since(patience, now)?;
        let last = instance.last_poll.as_ref().and_then(|poll| poll.outcome.cause());
        let cause = source
            .down
            .map_or(last.unwrap_or(Cause::Suspect), |(_, cause)| cause);
        Some(format!(
            "{} cannot be read since {since:.0}: {}",
            instance.name,
            cause.words()
        ))
    };
    let down: Vec<String> = seen.instances.iter().filter_map(down).collect();
    (!down.is_empty()).then(|| down.join(" "))
}

/// Says what waits, until told to stop. Where nobody hears it, the next poll makes the next attempt.
pub async fn run(
    url: SecretString,
    pulse: Arc<Pulse>,
    counters: Arc<Counters>,
    (alive, cancel): (beats::Beat, CancellationToken),
) {
    counters.heartbeat_is_set();
    let heartbeat = match Heartbeat::new(&url, TIMEOUT) {
        Ok(heartbeat) => heartbeat,
        Err(error) => {
            tracing::error!(%error, "HEARTBEAT_URL cannot be asked: nobody outside hears of the monitor.");
            return alive.waiting(cancel.cancelled()).await;
        }
    };
    let mut voice = Voice {
        heartbeat,
        last: None,
        heard: true,
    };
    while !cancel.is_cancelled() {
        let due = pulse.waiting().map(|beat| (voice.due(&beat), beat));
        match due {
            Some((due, beat)) if due <= Instant::now() => {
                pulse.taken(&beat);
                alive.within(SAYING);
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = voice.say(&beat, &counters) => {}
                }
            }
            Some((due, _)) => tokio::select! {
                () = cancel.cancelled() => {}
                () = pulse.said.notified() => {}
                () = alive.waiting(tokio::time::sleep_until(due)) => {}
            },
            None => tokio::select! {
                () = cancel.cancelled() => {}
                () = alive.waiting(pulse.said.notified()) => {}
            },
        }
    }
}

struct Voice {
    heartbeat: Heartbeat,
    /// What was said last, and when.
    last: Option<(Instant, Beat)>,
    /// Whether that was heard.
    heard: bool,
}

impl Voice {
    /// When it may be said: at once where it is news.
    fn due(&self, beat: &Beat) -> Instant {
        match &self.last {
            Some((at, last)) if (*last == Beat::Good) == (*beat == Beat::Good) => *at + DISTANCE,
            Some(_) | None => Instant::now(),
        }
    }

    async fn say(&mut self, beat: &Beat, counters: &Counters) {
        self.last = Some((Instant::now(), beat.clone()));
        let said = self.heartbeat.say(beat).await;
        counters.heartbeat(said.is_ok().then(Timestamp::now));
        // Once for each run of failures.
        match &said {
            Ok(()) if !self.heard => tracing::info!("HEARTBEAT_URL answers again."),
            Err(error) if self.heard => tracing::warn!(
                %error,
                "HEARTBEAT_URL was not reached; the next poll tries again."
            ),
            Ok(()) | Err(_) => {}
        }
        self.heard = said.is_ok();
    }
}
