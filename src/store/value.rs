//! How plain values are written into columns, and read back.

use jiff::Timestamp;

use crate::domain::catalogue::Companion;
use crate::domain::catalogue::Level;
use crate::domain::message::Capability;
use crate::domain::message::MuteKind;
use crate::domain::source::Cause;
use crate::store::error::StoreError;

/// A shop's number in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(pub i64);

/// The name of the instance that the pools' series belong to; no shop can be called so.
pub(crate) const POOLS: &str = "(pools)";

/// A poll's number; the order of all history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PollId(pub i64);

/// How a series stood in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stood {
    At(Level),
    /// It was no longer there.
    Gone,
}

impl Stood {
    /// `known`, `not_controlled`, `unknown` or `gone`: the `state` of the API.
    #[must_use]
    pub fn state(self) -> &'static str {
        match self {
            Self::At(level) => level.state(),
            Self::Gone => "gone",
        }
    }

    /// The figure, where there was one.
    #[must_use]
    pub fn level(self) -> Option<i64> {
        match self {
            Self::At(level) => level.known(),
            Self::Gone => None,
        }
    }

    pub(crate) fn code(self) -> i64 {
        match self {
            Self::At(level) => level_code(level),
            Self::Gone => 3,
        }
    }

    pub(crate) fn from_columns(code: i64, level: Option<i64>) -> Result<Self, StoreError> {
        if code == 3 {
            return Ok(Self::Gone);
        }
        level_from(code, level).map(Self::At)
    }
}

pub(crate) fn level_code(level: Level) -> i64 {
    match level {
        Level::Known(_) => 0,
        Level::NotControlled => 1,
        Level::Unknown => 2,
    }
}

pub(crate) fn level_from(code: i64, level: Option<i64>) -> Result<Level, StoreError> {
    match (code, level) {
        (0, Some(level)) => Ok(Level::Known(level)),
        (1, None) => Ok(Level::NotControlled),
        (2, None) => Ok(Level::Unknown),
        (code, level) => Err(StoreError::BadData(format!("a level {level:?} of state {code}"))),
    }
}

pub(crate) fn timestamp(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis).map_err(|_| StoreError::BadData(format!("a time of {millis} ms")))
}

pub(crate) fn optional_timestamp(millis: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    millis.map(timestamp).transpose()
}

pub(crate) fn cause(name: &str) -> Result<Cause, StoreError> {
    Cause::parse(name).ok_or_else(|| StoreError::BadData(format!("an unknown cause {name:?}")))
}

pub(crate) fn capability(name: &str) -> Result<Capability, StoreError> {
    [Capability::StockFields, Capability::Companion]
        .into_iter()
        .find(|capability| capability.as_str() == name)
        .ok_or_else(|| StoreError::BadData(format!("an unknown capability {name:?}")))
}

pub(crate) fn companion_name(companion: Companion) -> &'static str {
    match companion {
        Companion::Absent => "absent",
        Companion::Contract1 => "contract1",
        Companion::Foreign => "foreign",
    }
}

pub(crate) fn companion(name: &str) -> Result<Companion, StoreError> {
    [Companion::Absent, Companion::Contract1, Companion::Foreign]
        .into_iter()
        .find(|companion| companion_name(*companion) == name)
        .ok_or_else(|| StoreError::BadData(format!("an unknown companion {name:?}")))
}

pub(crate) fn mute_name(kind: MuteKind) -> &'static str {
    match kind {
        MuteKind::Silence => "silence",
        MuteKind::Maintenance => "maintenance",
    }
}

pub(crate) fn mute_kind(name: &str) -> Result<MuteKind, StoreError> {
    [MuteKind::Silence, MuteKind::Maintenance]
        .into_iter()
        .find(|kind| mute_name(*kind) == name)
        .ok_or_else(|| StoreError::BadData(format!("an unknown kind of mute {name:?}")))
}

/// JSON that the store wrote itself.
pub(crate) fn json<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::BadData(format!("JSON that cannot be read: {error}")))
}

/// Writes JSON; values of ours always can be.
pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::BadData(format!("a value that JSON cannot hold: {error}")))
}

/// A hash's 64 bits as SQLite's signed integer.
pub(crate) fn signed(bits: u64) -> i64 {
    i64::from_ne_bytes(bits.to_ne_bytes())
}

/// The inverse of [`signed`].
pub(crate) fn unsigned(integer: i64) -> u64 {
    u64::from_ne_bytes(integer.to_ne_bytes())
}
