//! What is remembered between two looks: of a series, of a product, of a whole shop.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::alerting::rules::Effective;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Companion;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::ProductId;
use crate::domain::catalogue::price::Price;
use crate::domain::draw::Draw;
use crate::domain::forecast::Forecasts;
use crate::domain::message::Capability;
use crate::domain::message::EndedMute;
use crate::domain::pool::Bottleneck;
use crate::domain::source::Cause;
use crate::domain::stand::Severity;
use crate::domain::taking::Taker;

/// What is remembered of one series: a product, or a combination with a figure of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesState {
    /// The series' number within its instance; given once, never reused.
    pub number: u32,
    pub level: Level,
    /// The last figure seen; the level itself while that is known.
    pub last_level: Option<i64>,
    /// When the last figure was last seen, once the level is no longer known.
    pub last_known_at: Option<Timestamp>,
    /// The last known level that differs from `last_level`.
    pub previous_level: Option<i64>,
    /// The confirmed severity; frozen while the level is unknown.
    pub severity: Severity,
    /// Since when `severity` holds.
    pub since: Timestamp,
    /// When the series last left ok; stays when it is ok again, since the last word of an episode names its start.
    pub started_at: Option<Timestamp>,
    /// Since when the level has called for at least low, critical, out, where that is not confirmed yet.
    pub pending: [Option<Timestamp>; 3],
    /// Since when the level is unknown: timers stand still.
    pub frozen_since: Option<Timestamp>,
    /// When it left out, where `hold` has not passed since: until then `better` is not said.
    pub better_since: Option<Timestamp>,
    /// Counts what was said and recorded of the series; never restarts.
    pub transition: u32,
    /// Of the rule that made the severity.
    pub fingerprint: u64,
    /// A level other than 0 was seen: a later 0 is believed.
    pub seen_other_than_zero: bool,
    /// Open when first seen: not reminded of before it was once above low.
    pub born_open: bool,
    /// What few series have; `None` where all of it is as at first.
    pub notes: Option<Box<Notes>>,
    /// What each channel was last told, by channel name; absent means ok.
    pub told: Vec<Told>,
}

/// What a series remembers of mutes, of flapping, and since when somebody should take it on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The mute that last held it back, until a message says that it ended.
    pub mute: Option<Arc<EndedMute>>,
    /// Whether that was in force at the last look.
    pub muted: bool,
    /// Since when it is critical or out without a break.
    pub urgent_since: Option<Timestamp>,
    /// When its severity moved by its level, within a day of the last time; oldest first.
    pub flips: Vec<Timestamp>,
    /// Since when it flaps.
    pub flapping_since: Option<Timestamp>,
}

impl Notes {
    /// Those of a series that has none.
    pub const NONE: &'static Self = &Self {
        mute: None,
        muted: false,
        urgent_since: None,
        flips: Vec::new(),
        flapping_since: None,
    };
}

/// What a channel was last told of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub channel: Arc<str>,
    pub severity: Severity,
    /// When it was last told or reminded.
    pub at: Timestamp,
    /// The worst that it was not told of in its quiet hours; ok where nothing.
    pub missed: Severity,
    /// The worst that it was told since the series flaps; ok while calm.
    pub worst: Severity,
    /// It hears of the series because nobody had taken that on.
    pub escalated: bool,
    /// It is still to be told that an ack is overdue.
    pub overdue: bool,
}

impl Told {
    /// Told that, and nothing else to remember.
    #[must_use]
    pub fn new(channel: Arc<str>, severity: Severity, at: Timestamp) -> Self {
        Self {
            channel,
            severity,
            at,
            missed: Severity::Ok,
            worst: Severity::Ok,
            escalated: false,
            overdue: false,
        }
    }

    /// Whether it says no more than having no entry does.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.severity == Severity::Ok && self.missed == Severity::Ok && self.worst == Severity::Ok
    }
}

impl SeriesState {
    /// What few series have.
    #[must_use]
    pub fn notes(&self) -> &Notes {
        self.notes.as_deref().unwrap_or(Notes::NONE)
    }

    /// Changes what few series have.
    pub fn note(&mut self, change: impl FnOnce(&mut Notes)) {
        let mut notes = self.notes.take().unwrap_or_default();
        change(&mut notes);
        self.notes = (*notes != *Notes::NONE).then_some(notes);
    }

    /// What is remembered of the channel.
    #[must_use]
    pub fn told_entry(&self, channel: &str) -> Option<&Told> {
        self.told.iter().find(|told| &*told.channel == channel)
    }

    /// What the channel was last told; ok where nothing.
    #[must_use]
    pub fn told(&self, channel: &str) -> Severity {
        self.told_entry(channel)
            .map_or(Severity::Ok, |told| told.severity)
    }
}

/// A combination (or a single choice, where a product is followed per choice) with a figure of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Combination {
    pub key: CombinationKey,
    /// `RAM: 32 GB, Disk: 2x NVMe`, for people.
    pub label: Arc<str>,
    /// What limits it, where that is not the product itself.
    pub bottleneck: Option<Bottleneck>,
    pub effective: Arc<Effective>,
    /// No longer derived (options changed, capacity removed); kept for its number and history.
    pub gone: bool,
    pub series: SeriesState,
}

/// How a pool stands, as far as those who draw on it are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    pub level: Level,
    pub severity: Severity,
    /// As [`crate::domain::pool::Pool::definition`].
    pub definition: u64,
    pub read: EverRead,
    /// A hash of how those stand who need more of it than one.
    pub needs: u64,
}

/// Whether a pool ever had a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EverRead {
    Yes,
    /// Not yet: a shop that it concerns is still to be read.
    NotYet,
    /// All its shops were read, and the counts are not there.
    Cannot,
}

/// What a product draws on pools, and under what its levels were derived.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    pub draws: Arc<[Draw]>,
    /// What of it is on offer and takes of pools.
    pub takers: Arc<[Taker]>,
    /// Pools that it may draw on without anybody knowing how much: it is missing, and was not seen under these rules.
    pub unseen: Vec<usize>,
    /// What WHMCS itself says of it.
    pub own: Level,
    /// How each of its pools stood, ascending by the pool's place among the rules.
    pub under: Vec<(usize, Stand)>,
}

/// One product under watch.
#[derive(Debug, Clone)]
pub struct Tracked {
    pub id: ProductId,
    pub name: Name,
    pub group_id: Option<i64>,
    /// The last known name of the group.
    pub group: Option<Name>,
    pub hidden: Option<bool>,
    pub retired: Option<bool>,
    /// What it costs a month, as last read.
    pub price: Option<Arc<Price>>,
    /// Whether stock was controlled when that was last known.
    pub controlled: Option<bool>,
    /// Accepted catalogues in a row in which it was absent.
    pub missing: u32,
    pub gone: bool,
    /// A hash of the ids of the options that make its combinations.
    pub options_key: u64,
    /// More combinations than the limit: followed per choice.
    pub per_choice: bool,
    /// A zero that could not be settled.
    pub ambiguous_zero: bool,
    /// The pool that limits the whole product below what WHMCS says.
    pub bottleneck: Option<Bottleneck>,
    pub series: SeriesState,
    pub effective: Arc<Effective>,
    /// Ascending by key; boxed since most products have none.
    pub combinations: Vec<Combination>,
    /// What it draws on pools; `None` for nearly all. Holds under the rules of `epoch`.
    pub drawn: Option<Arc<Drawn>>,
    /// The product as last seen; `None` after a restart until the first look.
    pub seen: Option<Arc<Product>>,
    /// The rules' epoch under which it was last decided.
    pub epoch: u64,
}

/// A run of suspect answers that agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuspectRun {
    /// A hash of the ids and of the zeros.
    pub signature: u64,
    pub polls: u32,
}

/// What is remembered of the source itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceState {
    /// When the last accepted poll observed the catalogue.
    pub last_accepted_at: Option<Timestamp>,
    /// The size of the last accepted catalogue.
    pub last_accepted_products: usize,
    /// Polls since then that were not accepted, and the time of the first of them.
    pub failures: u32,
    pub failing_since: Option<Timestamp>,
    /// Announced as down, for this cause, since then.
    pub down: Option<(Timestamp, Cause)>,
    /// Capabilities announced as lost, since when.
    pub lost: Vec<(Capability, Timestamp)>,
    /// Whether any product ever carried a stock field, in the last accepted poll that was not degraded.
    pub had_stock_fields: bool,
    /// Who answered GetProductDetails in the last accepted poll that was not degraded.
    pub had_companion: Option<Companion>,
    pub suspect: Option<SuspectRun>,
    /// Channels that had their baseline.
    pub baselined: Vec<Arc<str>>,
    /// Numbers the source's own events; never restarts.
    pub transition: u32,
    /// The next series' number.
    pub next_series: u32,
    /// A hash of the mutes that were in force at the last accepted look at the whole catalogue; 0 where none was, and
    /// after a start.
    pub mutes: u64,
}

impl SourceState {
    /// Since when the shop is not read, where that is long enough to count as down: said so, or held back by a silence.
    /// `patience` is how long it may be so, and how many polls may fail.
    #[must_use]
    pub fn unread_since(&self, patience: (Duration, u32), now: Timestamp) -> Option<Timestamp> {
        let (after, polls) = patience;
        let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
        let long_enough = |since: &Timestamp| now.duration_since(*since) >= after && self.failures >= polls;
        let announced = self.down.map(|(since, _)| since);
        announced.or_else(|| self.failing_since.filter(long_enough))
    }
}

/// Everything remembered of one instance: what a decision is made against, and what pages and metrics show.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub source: SourceState,
    /// Ascending by id; the gone ones too.
    pub products: Vec<Arc<Tracked>>,
    /// How fast the series sold when that was last worked out; derived, never stored.
    pub forecasts: Forecasts,
}

impl Memory {
    /// The product of that id.
    #[must_use]
    pub fn product(&self, id: ProductId) -> Option<&Arc<Tracked>> {
        self.products
            .binary_search_by_key(&id, |tracked| tracked.id)
            .ok()
            .map(|index| &self.products[index])
    }
}
