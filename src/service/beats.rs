//! Whether every loop is alive: each says by when it will be heard of again, and who is late is named.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::sleep;

/// How often a loop that waits says that it does, where nobody asks for more.
const PACE: Duration = Duration::from_secs(10);
/// So many times the pace a loop may be silent while it waits: a busy machine is no fault.
const SILENCE: u32 = 4;

/// The loops of this process, by name. Clones share it.
#[derive(Debug, Clone)]
pub struct Beats {
    inner: Arc<Inner>,
    pace: Duration,
}

#[derive(Debug, Default)]
struct Inner {
    book: Mutex<Book>,
    /// Tells of a loop that panicked.
    fell: Notify,
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    loops: BTreeMap<u64, Mark>,
}

/// What a loop said last.
#[derive(Debug)]
struct Mark {
    name: Arc<str>,
    due: Instant,
    fell: bool,
}

/// A loop that should have been heard of by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    pub name: Arc<str>,
    /// How long ago it should have been.
    pub by: Duration,
    /// It will not be heard of again: it panicked.
    pub fell: bool,
}

/// One loop's mark; dropped with the loop.
#[derive(Debug)]
pub struct Beat {
    beats: Beats,
    id: u64,
}

impl Default for Beats {
    fn default() -> Self {
        Self::paced(PACE)
    }
}

impl Beats {
    /// Loops that wait say so as often as that.
    #[must_use]
    pub fn paced(pace: Duration) -> Self {
        Self {
            inner: Arc::default(),
            pace: pace.clamp(Duration::from_millis(10), PACE),
        }
    }

    /// How often loops that wait say so.
    #[must_use]
    pub fn pace(&self) -> Duration {
        self.pace
    }

    /// A loop begins; its name is for people: `polls of eu`.
    #[must_use]
    pub fn begin(&self, name: &str) -> Beat {
        let mut book = self.book();
        let id = book.next;
        book.next += 1;
        let mark = Mark {
            name: name.into(),
            due: Instant::now() + self.pace * SILENCE,
            fell: false,
        };
        book.loops.insert(id, mark);
        drop(book);
        Beat {
            beats: self.clone(),
            id,
        }
    }

    /// Those that should have been heard of before `now`.
    #[must_use]
    pub fn late(&self, now: Instant) -> Vec<Late> {
        let book = self.book();
        let late = book
            .loops
            .values()
            .filter(|mark| mark.fell || mark.due < now)
            .map(|mark| Late {
                name: Arc::clone(&mark.name),
                by: now.saturating_duration_since(mark.due),
                fell: mark.fell,
            });
        late.collect()
    }

    /// Waits for a loop that panics: its name.
    pub async fn fallen(&self) -> Arc<str> {
        loop {
            let fell = self.inner.fell.notified();
            if let Some(late) = self.late(Instant::now()).into_iter().find(|late| late.fell) {
                return late.name;
            }
            fell.await;
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beat {
    /// The loop works, and says more within `limit`.
    pub fn within(&self, limit: Duration) {
        self.until(Instant::now() + limit);
    }

    /// The loop says more before that.
    pub fn until(&self, due: Instant) {
        if let Some(mark) = self.beats.book().loops.get_mut(&self.id) {
            mark.due = due;
        }
    }

    /// Waits, however long that takes, and says all the while that it does.
    pub async fn waiting<F: Future>(&self, wait: F) -> F::Output {
        let mut wait = pin!(wait);
        loop {
            self.within(self.beats.pace * SILENCE);
            tokio::select! {
                biased;
                done = &mut wait => return done,
                () = sleep(self.beats.pace) => {}
            }
        }
    }

    /// Works for as long as `made` (a count of what was done) goes on, and at most `limit` longer.
    pub async fn moving<F: Future>(&self, limit: Duration, made: impl Fn() -> u64, work: F) -> F::Output {
        let mut work = pin!(work);
        let mut last = made();
        self.within(limit);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = sleep(self.beats.pace) => {}
            }
            let now = made();
            if now != last {
                last = now;
                self.within(limit);
            }
        }
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        let mut book = self.beats.book();
        if !thread::panicking() {
            book.loops.remove(&self.id);
            return;
        }
        if let Some(mark) = book.loops.get_mut(&self.id) {
            mark.fell = true;
        }
        drop(book);
        self.beats.inner.fell.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering;

    const MINUTE: Duration = Duration::from_secs(60);

    fn names(late: &[Late]) -> Vec<&str> {
        late.iter().map(|late| &*late.name).collect()
    }

    #[test]
    fn a_loop_is_late_once_its_own_time_has_passed_and_no_longer_when_it_is_heard_of() {
        let beats = Beats::default();
        let (polls, reports) = (beats.begin("polls of eu"), beats.begin("reports"));
        let start = Instant::now();
        polls.until(start + MINUTE);
        reports.until(start + 10 * MINUTE);
        assert_eq!(names(&beats.late(start + MINUTE)), Vec::<&str>::new());
        let late = beats.late(start + 2 * MINUTE);
        assert_eq!(names(&late), ["polls of eu"]);
        assert_eq!((late[0].by, late[0].fell), (MINUTE, false));
        assert_eq!(
            names(&beats.late(start + 11 * MINUTE)),
            ["polls of eu", "reports"]
        );
        polls.until(start + 20 * MINUTE);
        assert_eq!(names(&beats.late(start + 11 * MINUTE)), ["reports"]);
        drop(reports);
        assert_eq!(names(&beats.late(start + 11 * MINUTE)), Vec::<&str>::new());
    }

    #[tokio::test]
    async fn a_loop_that_waits_is_not_late_however_long_it_waits_and_one_that_no_longer_runs_is() {
        let beats = Beats::paced(Duration::from_millis(20));
        let beat = beats.begin("deliveries of email");
        let silent = Instant::now() + 5 * beats.pace() * SILENCE;
        let wait = async {
            while Instant::now() < silent {
                assert_eq!(names(&beats.late(Instant::now() - MINUTE)), Vec::<&str>::new());
                sleep(Duration::from_millis(5)).await;
            }
        };
        beat.waiting(wait).await;
        assert_eq!(names(&beats.late(silent)), Vec::<&str>::new(), "it was heard of");
        // Whatever its task does now, it does not come back to its wait.
        let long_after = Instant::now() + 2 * beats.pace() * SILENCE;
        assert_eq!(names(&beats.late(long_after)), ["deliveries of email"]);
    }

    #[tokio::test]
    async fn work_may_go_on_for_as_long_as_something_comes_of_it() {
        let beats = Beats::paced(Duration::from_millis(10));
        let beat = beats.begin("polls of eu");
        let limit = MINUTE;
        let made = AtomicU64::new(0);
        let due = |beats: &Beats| beats.book().loops.values().next().map(|mark| mark.due).unwrap();
        let work = async {
            let begun = due(&beats);
            sleep(Duration::from_millis(60)).await;
            assert_eq!(due(&beats), begun, "nothing came of it: its time stays");
            made.store(1, Ordering::Relaxed);
            while due(&beats) == begun {
                sleep(Duration::from_millis(5)).await;
            }
            assert!(due(&beats) > begun, "it gets as long again");
        };
        beat.moving(limit, || made.load(Ordering::Relaxed), work).await;
    }

    #[tokio::test]
    async fn a_loop_that_panics_is_told_of_and_stays_late() {
        let beats = Beats::default();
        let beat = beats.begin("reminders");
        let watched = beats.clone();
        let fallen = tokio::spawn(async move { watched.fallen().await });
        let task = tokio::spawn(async move {
            beat.waiting(tokio::task::yield_now()).await;
            panic!("a mistake of ours");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(&*fallen.await.unwrap(), "reminders");
        let late = beats.late(Instant::now());
        assert_eq!((names(&late), late[0].fell), (vec!["reminders"], true));
        assert_eq!(
            &*beats.fallen().await,
            "reminders",
            "whoever asks later hears it, too"
        );
    }
}
