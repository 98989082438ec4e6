//! Watches over the loops: feeds the service manager's watchdog while each of them is alive, names the one that is not,
//! and says how the monitor fares.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::app::state_line::state_line;
use crate::observe::view::View;
use crate::service::beats::Beats;
use crate::service::beats::Late;
use crate::service::supervisor::Supervisor;
use crate::store::db::Store;

/// How the monitor fares is said at most so often.
const DISTANCE: Duration = Duration::from_secs(1);

/// Who watches, and what over.
pub struct Watch {
    pub beats: Beats,
    pub supervisor: Supervisor,
    pub view: Arc<View>,
    pub store: Store,
}

/// What was judged and said so far.
struct Said {
    /// When the next judgement is due.
    due: Instant,
    late: BTreeSet<Arc<str>>,
    line: String,
    /// When that was said.
    at: Instant,
}

impl Watch {
    /// Watches until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let beat = self.beats.begin("watch");
        let mut moments = self.view.moments();
        let mut said = Said {
            due: Instant::now(),
            late: BTreeSet::new(),
            line: String::new(),
            at: Instant::now(),
        };
        while !cancel.is_cancelled() {
            let now = Instant::now();
            if said.due <= now {
                self.judge(&mut said, now);
            }
            self.tell(&mut said, now);
            let next = next_word(&mut moments, said.at + DISTANCE, self.supervisor.is_there());
            beat.waiting(async {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = sleep_until(said.due) => {}
                    () = next => {}
                }
            })
            .await;
        }
    }

    /// Twice within the time after which the manager loses patience.
    fn every(&self) -> Duration {
        let half = self.supervisor.watchdog().map(|watchdog| watchdog / 2);
        half.map_or(self.beats.pace(), |half| half.min(self.beats.pace()))
    }

    fn judge(&self, said: &mut Said, now: Instant) {
        // Who was held up itself (a process that was stopped goes on with all its loops late) judges nobody yet.
        let was_held_up = now.duration_since(said.due) > self.every();
        said.due = now + self.every();
        let late = self.beats.late(now);
        if late.is_empty() {
            self.supervisor.alive();
        } else if was_held_up && !late.iter().any(|late| late.fell) {
            said.due = now + self.every() / 4;
            return;
        }
        self.log(said, &late);
    }

    fn log(&self, said: &mut Said, late: &[Late]) {
        for late in late {
            if said.late.insert(Arc::clone(&late.name)) {
                let (name, seconds) = (&*late.name, late.by.as_secs());
                let next = match self.supervisor.watchdog() {
                    Some(_) => "The service manager will restart the monitor.",
                    None => "/healthz says so, too; restart the monitor.",
                };
                tracing::error!(
                    name,
                    overdue_s = seconds,
                    "A loop hangs, which is a fault of ours. {next}"
                );
            }
        }
        let is_late = |name: &Arc<str>| late.iter().any(|late| late.name == *name);
        said.late.retain(|name| {
            let stays = is_late(name);
            if !stays {
                tracing::warn!(name = &**name, "The loop goes on.");
            }
            stays
        });
    }

    fn tell(&self, said: &mut Said, now: Instant) {
        if !self.supervisor.is_there() {
            return;
        }
        let late: Vec<Late> = self
            .beats
            .late(now)
            .into_iter()
            .filter(|late| said.late.contains(&late.name))
            .collect();
        let line = state_line(
            &self.view.seen(),
            self.store.unwritable(),
            &late,
            Timestamp::now(),
        );
        if line != said.line {
            self.supervisor.status(&line);
            said.line = line;
        }
        said.at = now;
    }
}

/// Waits until something else can be said, and may be.
async fn next_word(moments: &mut Receiver<u64>, not_before: Instant, is_heard: bool) {
    if !is_heard || moments.changed().await.is_err() {
        return std::future::pending().await;
    }
    sleep_until(not_before).await;
}
