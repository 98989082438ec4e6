//! What a look led to: the new memory, and everything to record and to say, for one transaction.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::alerting::acks::AckStep;
use crate::domain::alerting::lost::Lost;
use crate::domain::alerting::pools::Part;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::ProductId;
use crate::domain::message::Capability;
use crate::domain::message::Message;
use crate::domain::message::Reason;
use crate::domain::pool::Board;
use crate::domain::source::Cause;
use crate::domain::stand::ProductEventKind;
use crate::domain::stand::Severity;

/// How a poll ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    Suspect,
    Failed(Cause),
}

impl Outcome {
    /// `accepted`, `suspect` or `failed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Suspect => "suspect",
            Self::Failed(_) => "failed",
        }
    }

    /// The cause, where there is one.
    #[must_use]
    pub fn cause(self) -> Option<Cause> {
        match self {
            Self::Accepted => None,
            Self::Suspect => Some(Cause::Suspect),
            Self::Failed(cause) => Some(cause),
        }
    }
}

/// Something worth a line in history; recorded exactly once by its key.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Deterministic and unique: instance, series (or `source`), rule fingerprint, transition number.
    pub key: String,
    pub at: Timestamp,
    pub kind: EventKind,
    /// What it is about; `None` for the source.
    pub product_id: Option<ProductId>,
    pub combination: Option<CombinationKey>,
    pub level: Option<i64>,
    pub previous_level: Option<i64>,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// A series' confirmed severity moved, whether or not anybody is told of it.
    Severity {
        from: Severity,
        to: Severity,
        reason: Reason,
    },
    Product(ProductEventKind),
    SourceDown(Cause),
    SourceUp,
    Degraded(Capability),
    Restored(Capability),
    Baseline,
    /// A suspect answer was seen (once per run).
    Suspected(String),
    /// Nobody took a series on: these channels were told, by name.
    Escalated(String),
    /// A series went to and fro too often.
    Flapping,
    /// It no longer does.
    Calm,
}

impl EventKind {
    /// The fixed name in the history.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Severity { .. } => "severity",
            Self::Product(kind) => kind.as_str(),
            Self::SourceDown(_) => "source_down",
            Self::SourceUp => "source_up",
            Self::Degraded(_) => "source_degraded",
            Self::Restored(_) => "source_restored",
            Self::Baseline => "baseline",
            Self::Suspected(_) => "suspected",
            Self::Escalated(_) => "escalated",
            Self::Flapping => "flapping",
            Self::Calm => "calm",
        }
    }
}

/// A product whose memory changed.
#[derive(Debug, Clone)]
pub struct Change {
    /// `None` for one never seen before.
    pub before: Option<Arc<Tracked>>,
    pub after: Arc<Tracked>,
}

/// Everything a look led to. Nothing of it holds until it is committed.
#[derive(Debug, Clone)]
pub struct Decision {
    pub outcome: Outcome,
    /// Particulars of a failure or suspicion, for the log; "" where none.
    pub detail: String,
    /// The memory to go on with, once the rest is committed.
    pub next: Memory,
    /// What differs from the memory before.
    pub changes: Vec<Change>,
    /// Whether `next.source` must be stored (more than its time stamps and counters moved).
    pub source_changed: bool,
    pub events: Vec<Event>,
    /// The acks of the shop that moved.
    pub acks: Vec<AckStep>,
    pub messages: Vec<Message>,
    /// Levels that differ from the last accepted poll.
    pub level_changes: usize,
    /// What it led to for the pools; `None` where there are none, and where nothing was accepted.
    pub pools: Option<PoolsDecision>,
}

/// What a look led to for the pools. Nothing of it holds until it is committed.
#[derive(Debug, Clone)]
pub struct PoolsDecision {
    /// What to remember, once the rest is committed.
    pub next: Pools,
    /// The pools as they stand after it.
    pub board: Arc<Board>,
    /// What differs from the memory before.
    pub changes: Vec<Change>,
    pub events: Vec<Event>,
    /// The acks of pools that moved.
    pub acks: Vec<AckStep>,
    /// Whether `next.memory.source` must be stored.
    pub source_changed: bool,
    /// The parts of the shop that was read which differ from those before.
    pub written: Vec<Arc<Part>>,
    /// What of that shop is missed in a pool from this look on, with the pool's name.
    pub lost: Vec<(Arc<str>, Lost)>,
    /// Pools of which that shop has no part any more, by name.
    pub dropped: Vec<Arc<str>>,
    /// Pools that are no longer configured, by name: no shop has a part of them.
    pub withdrawn: Vec<Arc<str>>,
}

impl Decision {
    /// Whether there is nothing to record and nothing to say.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        let pools = self.pools.as_ref();
        self.changes.is_empty()
            && self.events.is_empty()
            && self.acks.is_empty()
            && self.messages.is_empty()
            && !self.source_changed
            && pools.is_none_or(PoolsDecision::changes_nothing)
    }
}

impl PoolsDecision {
    fn changes_nothing(&self) -> bool {
        self.changes.is_empty()
            && self.events.is_empty()
            && self.acks.is_empty()
            && !self.source_changed
            && self.written.is_empty()
            && self.dropped.is_empty()
            && self.withdrawn.is_empty()
    }
}
