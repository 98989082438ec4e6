//! What the page lists: every series in its group, worst first, each with what a reader needs to know of it.

use jiff::Timestamp;

use crate::domain::alerting::state::Memory;
use crate::domain::catalogue::Level;
use crate::domain::message::Capability;
use crate::domain::stand::Severity;
use crate::observe::items::Entry;
use crate::observe::items::entries;
use crate::observe::view::Instance;
use crate::observe::view::Seen;

/// The groups of the page, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Out,
    Critical,
    Low,
    Unknown,
    Ok,
    NotControlled,
    /// Retired products, and hidden ones that a rule leaves out: nobody is told of them.
    Silent,
}

impl Group {
    /// Every group, in the page's order.
    pub const ALL: [Self; 7] = [
        Self::Out,
        Self::Critical,
        Self::Low,
        Self::Unknown,
        Self::Ok,
        Self::NotControlled,
        Self::Silent,
    ];

    /// The name in addresses and style sheets.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Critical => "critical",
            Self::Low => "low",
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::NotControlled => "not_controlled",
            Self::Silent => "silent",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Out => "Out",
            Self::Critical => "Critical",
            Self::Low => "Low",
            Self::Unknown => "Unknown",
            Self::Ok => "OK",
            Self::NotControlled => "Not controlled",
            Self::Silent => "Not alerted",
        }
    }

    /// The group of that key.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.key() == key)
    }

    /// Whether its rows ask for somebody's attention.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::Out | Self::Critical | Self::Low | Self::Unknown)
    }
}

/// A series in its group.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    pub group: Group,
    pub entry: Entry<'a>,
    /// The instance's source, for the words on what is unknown.
    pub memory: &'a Memory,
    /// Combinations that are no better than the product and stand in its row alone.
    pub folded: usize,
}

/// Every series that is there, worst first; combinations that only share their product's trouble are folded into it.
#[must_use]
pub fn placed(seen: &Seen) -> Vec<Placed<'_>> {
    let mut all: Vec<Placed<'_>> = Vec::new();
    for shop in &seen.instances {
        place(shop, &mut all);
    }
    // Stable: what is alike stays in the order of configuration and id.
    all.sort_by_cached_key(|placed| (placed.group, key(placed)));
    all
}

fn place<'a>(shop: &'a Instance, all: &mut Vec<Placed<'a>>) {
    let mut product = None;
    for entry in entries(&shop.name, &shop.memory).filter(|entry| !entry.is_gone()) {
        let placed = Placed {
            group: group(&entry),
            entry,
            memory: &shop.memory,
            folded: 0,
        };
        let own = match product {
            Some(index) if entry.combination.is_some() => {
                let of: &mut Placed<'_> = &mut all[index];
                let shares = placed.group == of.group || (placed.group < Group::Ok && !entry.is_open());
                if shares {
                    of.folded += 1;
                }
                !shares
            }
            _ => true,
        };
        if own {
            if entry.combination.is_none() {
                product = Some(all.len());
            }
            all.push(placed);
        }
    }
}

fn group(entry: &Entry<'_>) -> Group {
    if entry.is_silent() {
        return Group::Silent;
    }
    match entry.series().level {
        Level::NotControlled => Group::NotControlled,
        Level::Unknown => Group::Unknown,
        Level::Known(_) => match entry.series().severity {
            Severity::Out => Group::Out,
            Severity::Critical => Group::Critical,
            Severity::Low => Group::Low,
            Severity::Ok => Group::Ok,
        },
    }
}

/// Within a group: what is unknown now by how bad it was, what is low by how little is left, the rest by name.
fn key(placed: &Placed<'_>) -> (i64, String) {
    let entry = &placed.entry;
    let name = || {
        let group = entry.product.group.as_ref().map_or("", |group| group.shown());
        format!("{group}\u{0}{}", entry.product.name.shown()).to_lowercase()
    };
    match placed.group {
        Group::Out | Group::Critical | Group::Low => (entry.level().unwrap_or_default(), name()),
        Group::Unknown => {
            let severity = entry.severity().unwrap_or_default();
            (-i64::from(severity.rank()), name())
        }
        Group::Ok | Group::NotControlled | Group::Silent => (0, name()),
    }
}

/// Why a level is unknown, and how to settle it; `None` where it is known.
#[must_use]
pub fn why_unknown(placed: &Placed<'_>) -> Option<&'static str> {
    if placed.entry.state() != "unknown" {
        return None;
    }
    let lost = |capability| {
        placed
            .memory
            .source
            .lost
            .iter()
            .any(|(lost, _)| *lost == capability)
    };
    Some(if lost(Capability::StockFields) {
        "WHMCS stopped sending stock figures. Check for an update, a hook or an API role that removes them."
    } else if lost(Capability::Companion) {
        "GetProductDetails stopped answering. Check that the companion is still installed and allowed."
    } else if placed.entry.product.ambiguous_zero {
        "Shows 0: sold out, or not stock-controlled? Install the companion, or say stock_control = \"on\" or \"off\" in a rule."
    } else if placed.entry.combination.is_some() {
        "No figure of this combination could be read."
    } else {
        "WHMCS sends no readable figure. WHMCS 8.12 or later does, or any version with the companion."
    })
}

/// A moment for machines, and how long ago for people.
pub struct When {
    pub iso: String,
    pub age: String,
}

impl When {
    /// The moment as it is seen now.
    #[must_use]
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        Self {
            iso: at.to_string(),
            age: age(at, now),
        }
    }
}

/// How long ago, roughly, as people say it.
#[must_use]
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second());
    let plural = |n: i64, unit: &str| format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" });
    match seconds {
        i64::MIN..45 => "just now".to_owned(),
        45..3570 => format!("{} min ago", (seconds + 30) / 60),
        3570..129_600 => format!("{} h ago", (seconds + 1800) / 3600),
        129_600.. => plural((seconds + 43_200) / 86_400, "day"),
    }
}
