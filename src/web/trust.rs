//! Whether the figures can be trusted, in words: how old they are, which sources fail and why, what is not known.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::message::Capability;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::index::Index;
use crate::web::show::Ago;
use crate::web::show::At;

/// Where nobody knows when the next poll is due: what was read this long ago is old.
const OLD: SignedDuration = SignedDuration::from_hours(25);
/// A poll that has not ended so long after it was due is late.
const LATE: SignedDuration = SignedDuration::from_mins(3);

/// How far the figures can be trusted.
pub struct Trust<'a> {
    pub tone: Tone,
    pub words: &'static str,
    /// When the oldest of the figures were read.
    pub read: Option<Ago>,
    /// How many shops there are.
    pub shops: usize,
    /// When they are from, where they are old although the last poll was only just.
    pub from: Option<At>,
    /// Those that cannot be trusted, and why.
    pub troubles: Vec<Trouble<'a>>,
    /// Series without a known figure, of how many.
    pub unknown: usize,
    pub series: usize,
}

/// How it stands with all figures together, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// All of them are what the shops say now.
    Good,
    /// Nobody can say yet.
    Waiting,
    /// Some are.
    Part,
    /// None is.
    Bad,
}

impl Tone {
    /// The name in the style sheet.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Waiting => "waiting",
            Self::Part => "part",
            Self::Bad => "bad",
        }
    }
}

/// What is wrong with a shop's figures.
pub struct Trouble<'a> {
    pub shop: &'a str,
    /// `Its figures were read 3 h ago.`
    pub read: Option<Ago>,
    pub words: &'static str,
    pub mend: &'static str,
    /// As the shop or the network said it; "" where there is nothing.
    pub detail: &'a str,
    pub since: Option<Ago>,
}

impl<'a> Trust<'a> {
    /// As of now.
    #[must_use]
    pub fn new(seen: &'a Seen, index: &Index, is_recording: bool, now: Timestamp) -> Self {
        let shops = &seen.instances;
        let reads = shops.iter().filter_map(Instance::last_success);
        let (tone, words) = verdict(shops, is_recording, now);
        let is_failing = !is_recording || shops.iter().any(|shop| shop.up() == Some(false));
        let oldest = reads.min();
        Self {
            tone,
            words,
            read: oldest.map(|at| Ago { at, now }),
            from: oldest.filter(|_| is_failing).map(At),
            shops: shops.len(),
            troubles: shops.iter().flat_map(|shop| troubles(shop, now)).collect(),
            unknown: index.shops.iter().map(|shop| shop.unknown).sum(),
            series: index.counts.all(),
        }
    }
}

/// How the figures of a shop stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Current,
    /// Remembered, or nothing at all: not asked since the start.
    NotAsked,
    /// Read, but some of what used to come does not.
    Short,
    /// From an earlier time.
    Old,
    /// There are none, although it was asked.
    None,
}

/// How they stand as of now.
#[must_use]
pub fn standing(shop: &Instance, now: Timestamp) -> Standing {
    match (shop.up(), shop.last_success()) {
        (None, _) => Standing::NotAsked,
        (Some(_), None) => Standing::None,
        (Some(false), Some(_)) => Standing::Old,
        (Some(true), Some(at)) if is_late(shop, at, now) => Standing::Old,
        (Some(true), Some(_)) if !shop.memory.source.lost.is_empty() => Standing::Short,
        (Some(true), Some(_)) => Standing::Current,
    }
}

/// Whether the next poll should have been over by now.
fn is_late(shop: &Instance, read: Timestamp, now: Timestamp) -> bool {
    match shop.next_by {
        Some(due) => now.duration_since(due) > LATE,
        None => now.duration_since(read) > OLD,
    }
}

fn verdict(shops: &[Instance], is_recording: bool, now: Timestamp) -> (Tone, &'static str) {
    let standings: Vec<Standing> = shops.iter().map(|shop| standing(shop, now)).collect();
    let all = |wanted: Standing| standings.iter().all(|standing| *standing == wanted);
    let any = |wanted: Standing| standings.contains(&wanted);
    if shops.is_empty() {
        (Tone::Waiting, "No shop is configured.")
    } else if !is_recording {
        (Tone::Bad, "Nothing is recorded")
    } else if all(Standing::Current) {
        (Tone::Good, "All figures are current")
    } else if shops.iter().all(|shop| shop.last_success().is_none()) {
        let asked = !all(Standing::NotAsked);
        let words = if asked {
            "There are no figures: no shop could be read yet."
        } else {
            "There are no figures yet: the first poll is still to come."
        };
        (if asked { Tone::Bad } else { Tone::Waiting }, words)
    } else if all(Standing::Old) && shops.iter().all(|shop| shop.up() == Some(false)) {
        let one = "The last poll failed";
        (
            Tone::Bad,
            if shops.len() > 1 {
                "The last poll of every shop failed"
            } else {
                one
            },
        )
    } else if all(Standing::Old) {
        (Tone::Bad, "All figures are old")
    } else if all(Standing::NotAsked) {
        (Tone::Waiting, "The figures are those from before the start")
    } else if any(Standing::Old) || any(Standing::None) {
        (Tone::Part, "Some figures are old or missing")
    } else if any(Standing::Short) {
        (Tone::Part, "Some figures no longer come")
    } else {
        (Tone::Waiting, "Some figures are those from before the start")
    }
}

fn troubles(shop: &Instance, now: Timestamp) -> Vec<Trouble<'_>> {
    let source = &shop.memory.source;
    let read = shop.last_success().map(|at| Ago { at, now });
    let poll = shop.last_poll.as_ref();
    let cause = poll.and_then(|poll| poll.outcome.cause());
    // Also one that was announced before the start and was not seen to be over.
    let cause = cause.or(source.down.map(|(_, cause)| cause));
    let failing = cause.filter(|_| shop.up() != Some(true)).map(|cause| Trouble {
        shop: &shop.name,
        read,
        words: cause.words(),
        mend: cause.mend(),
        detail: poll.map_or("", |poll| &poll.detail),
        since: source.failing_since.map(|at| Ago { at, now }),
    });
    let lost = source.lost.iter().map(|(capability, since)| {
        let (words, mend) = lost(*capability);
        Trouble {
            shop: &shop.name,
            read,
            words,
            mend,
            detail: "",
            since: Some(Ago { at: *since, now }),
        }
    });
    failing.into_iter().chain(lost).collect()
}

fn lost(capability: Capability) -> (&'static str, &'static str) {
    match capability {
        Capability::StockFields => (
            "WHMCS no longer sends stock figures.",
            "Check for an update, a hook or an API role that removes them.",
        ),
        Capability::Companion => (
            "GetProductDetails no longer answers.",
            "Check that the companion is still installed and allowed.",
        ),
    }
}
