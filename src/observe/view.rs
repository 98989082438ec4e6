//! What the outside may see: the last committed state of every instance, swapped as a whole.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::domain::alerting::decision::Outcome;
use crate::domain::alerting::state::Memory;
use crate::domain::feed::Feed;
use crate::domain::metrics::CombinationSeries;
use crate::domain::pool::Board;
use crate::maintenance::Window;
use crate::scheduler::Schedule;

/// The state that pages, API and metrics are made from. A reader clones one `Arc` and never waits for a poll.
#[derive(Debug, Default)]
pub struct View {
    seen: RwLock<Arc<Seen>>,
    /// Counts the moments; who looks on is told of each.
    moments: watch::Sender<u64>,
}

/// One consistent moment of everything under watch.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// In the order of the configuration.
    pub instances: Vec<Instance>,
    /// The names of the configured channels.
    pub channels: Vec<Arc<str>>,
    /// The pools as they stand since the last evaluation.
    pub pools: Arc<Board>,
    /// The maintenance windows of the configuration.
    pub windows: Arc<[Window]>,
    /// What anybody may see without a sign-in.
    pub public: Option<Arc<Feed>>,
    /// `TIMEZONE`; UTC where it was not said.
    pub zone: Option<TimeZone>,
    /// Which combinations have series in the metrics.
    pub combinations: Arc<CombinationSeries>,
}

/// What is known of one instance.
#[derive(Debug, Clone)]
pub struct Instance {
    pub name: Arc<str>,
    /// As of the last commit.
    pub memory: Arc<Memory>,
    /// The last poll since the start; `None` before the first one ended.
    pub last_poll: Option<LastPoll>,
    /// When it is to be asked; `None` where that was not said.
    pub schedule: Option<Schedule>,
    /// When the next poll of all its products begins at the latest; `None` before the first one ended.
    pub next_by: Option<Timestamp>,
}

/// How the last poll ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastPoll {
    /// When GetProducts was asked.
    pub observed_at: Timestamp,
    pub outcome: Outcome,
    /// Particulars of a failure, without any secret; "" where none.
    pub detail: String,
}

impl Instance {
    /// An instance that was not asked yet since the start, with what is remembered of it.
    #[must_use]
    pub fn new(name: &str, memory: Arc<Memory>) -> Self {
        Self {
            name: Arc::from(name),
            memory,
            last_poll: None,
            schedule: None,
            next_by: None,
        }
    }

    /// The same with the schedule by which it is asked.
    #[must_use]
    pub fn asked(mut self, schedule: &Schedule) -> Self {
        self.schedule = Some(schedule.clone());
        self
    }

    /// Whether the last poll was accepted; `None` before the first one ended.
    #[must_use]
    pub fn up(&self) -> Option<bool> {
        self.last_poll
            .as_ref()
            .map(|poll| poll.outcome == Outcome::Accepted)
    }

    /// When the last accepted poll observed the catalogue, also before the start.
    #[must_use]
    pub fn last_success(&self) -> Option<Timestamp> {
        self.memory.source.last_accepted_at
    }
}

impl View {
    /// A view of the instances and channels of the configuration.
    #[must_use]
    pub fn new(instances: Vec<Instance>, channels: &[String]) -> Self {
        let channels = channels.iter().map(|name| Arc::from(name.as_str())).collect();
        Self {
            seen: RwLock::new(Arc::new(Seen {
                instances,
                channels,
                pools: Arc::default(),
                windows: Arc::from([]),
                public: None,
                zone: None,
                combinations: Arc::default(),
            })),
            // No moment of an earlier run has the number of one of this run.
            moments: watch::Sender::new(Timestamp::now().as_microsecond().unsigned_abs()),
        }
    }

    /// The number of the present moment; it is another one after each change, also of what people said.
    #[must_use]
    pub fn moment(&self) -> u64 {
        *self.moments.borrow()
    }

    /// Hears of each new moment: what is shown then, or what people said, differs from before.
    #[must_use]
    pub fn moments(&self) -> watch::Receiver<u64> {
        self.moments.subscribe()
    }

    /// Something changed that is read afresh by who shows it: an ack, a silence, a delivery.
    pub fn touch(&self) {
        self.moments
            .send_modify(|moment| *moment = moment.wrapping_add(1));
    }

    /// The present moment; it does not change while it is held.
    #[must_use]
    pub fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows a poll that ended and, once it is committed, what is remembered after it. A poll of an instance that is
    /// no longer configured is ignored.
    pub fn publish(&self, instance: &str, memory: Arc<Memory>, poll: LastPoll) {
        self.change(|seen| {
            if let Some(shown) = seen.instances.iter_mut().find(|known| &*known.name == instance) {
                shown.memory = memory;
                shown.last_poll = Some(poll);
            }
        });
    }

    /// The next poll of the instance begins then at the latest; told before the poll that ended is shown, and with it.
    pub fn expect(&self, instance: &str, next_by: Option<Timestamp>) {
        self.swap(|seen| {
            if let Some(shown) = seen.instances.iter_mut().find(|known| &*known.name == instance) {
                shown.next_by = next_by;
            }
        });
    }

    /// Shows a memory that changed between polls (what was reminded of).
    pub fn remember(&self, instance: &str, memory: Arc<Memory>) {
        self.change(|seen| {
            if let Some(shown) = seen.instances.iter_mut().find(|known| &*known.name == instance) {
                shown.memory = memory;
            }
        });
    }

    /// Shows the pools as they were evaluated last.
    pub fn show_pools(&self, pools: Arc<Board>) {
        self.change(|seen| seen.pools = pools);
    }

    /// From now on these maintenance windows and this time zone hold.
    pub fn configure(&self, windows: Arc<[Window]>, zone: TimeZone) {
        self.change(|seen| {
            seen.windows = windows;
            seen.zone = Some(zone);
        });
    }

    /// From now on these combinations have series in the metrics.
    pub fn limit_combinations(&self, combinations: Arc<CombinationSeries>) {
        self.change(|seen| seen.combinations = combinations);
    }

    /// From now on this is what anybody may see without a sign-in.
    pub fn open_to_all(&self, public: Option<Arc<Feed>>) {
        self.change(|seen| seen.public = public);
    }

    /// Shows other instances and channels after a reload. An instance that stays keeps what is known of it;
    /// `instances` are all configured ones, in order.
    pub fn reconfigure(&self, instances: Vec<Instance>, channels: &[String]) {
        self.change(|seen| {
            let before = std::mem::take(&mut seen.instances);
            seen.instances = instances
                .into_iter()
                .map(|fresh| {
                    let kept = before.iter().find(|known| known.name == fresh.name);
                    match kept {
                        Some(kept) => Instance {
                            schedule: fresh.schedule,
                            ..kept.clone()
                        },
                        None => fresh,
                    }
                })
                .collect();
            seen.channels = channels.iter().map(|name| Arc::from(name.as_str())).collect();
        });
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        self.swap(change);
        self.touch();
    }

    fn swap(&self, change: impl FnOnce(&mut Seen)) {
        let mut guard = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Seen::clone(&guard);
        change(&mut next);
        *guard = Arc::new(next);
    }
}

impl Seen {
    /// The time zone of the configuration.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        self.zone.clone().unwrap_or(TimeZone::UTC)
    }

    /// The instance of that name.
    #[must_use]
    pub fn instance(&self, name: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| &*instance.name == name)
    }

    /// The instances that no poll has ended for since the start.
    pub fn not_attempted(&self) -> impl Iterator<Item = &Instance> {
        self.instances
            .iter()
            .filter(|instance| instance.last_poll.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::source::Cause;

    fn poll(outcome: Outcome) -> LastPoll {
        LastPoll {
            observed_at: Timestamp::UNIX_EPOCH,
            outcome,
            detail: String::new(),
        }
    }

    #[test]
    fn a_reader_keeps_its_moment_while_another_is_published() {
        let view = View::new(vec![Instance::new("default", Arc::default())], &[]);
        let before = view.seen();
        view.publish("default", Arc::default(), poll(Outcome::Accepted));
        assert_eq!(before.instances[0].up(), None);
        assert_eq!(view.seen().instances[0].up(), Some(true));
        view.publish("default", Arc::default(), poll(Outcome::Failed(Cause::Dns)));
        assert_eq!(view.seen().instances[0].up(), Some(false));
    }

    #[test]
    fn a_reload_keeps_what_is_known_of_an_instance_that_stays() {
        let view = View::new(
            vec![
                Instance::new("a", Arc::default()),
                Instance::new("b", Arc::default()),
            ],
            &[],
        );
        view.publish("b", Arc::default(), poll(Outcome::Accepted));
        let fresh = ["c", "b"].map(|name| Instance::new(name, Arc::default()));
        view.reconfigure(fresh.into(), &["email".to_owned()]);
        let seen = view.seen();
        let names: Vec<&str> = seen.instances.iter().map(|i| &*i.name).collect();
        assert_eq!(names, ["c", "b"]);
        assert_eq!(seen.instances[1].up(), Some(true));
        let waiting: Vec<&str> = seen.not_attempted().map(|i| &*i.name).collect();
        assert_eq!(waiting, ["c"]);
        view.publish("gone", Arc::default(), poll(Outcome::Accepted));
        assert!(view.seen().instance("gone").is_none());
    }
}
