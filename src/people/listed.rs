//! Acks and silences as the API and the command line list them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::pattern::Pattern;
use crate::domain::people::Matcher;
use crate::domain::people::Silence;
use crate::domain::stand::AckRef;
use crate::notify::clean;
use crate::observe::said::acked_id;
use crate::observe::said::is_of_a_pool;
use crate::store::acks::ListedAck;
use crate::store::error::StoreError;
use crate::store::reader::Reader;

/// An ack of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AckItem {
    pub alert_id: String,
    /// Null for one of a pool.
    pub instance: Option<String>,
    /// Null for one of a pool.
    pub product_id: Option<i64>,
    /// The readable name of the product or pool.
    pub name: String,
    /// The combination in words.
    pub combination: Option<String>,
    #[serde(flatten)]
    pub ack: AckRef,
    pub ended_at: Option<Timestamp>,
    /// `recovered`, `arrived`, `withdrawn`, `replaced`, `ended`; null while in force.
    pub ended_why: Option<&'static str>,
}

impl AckItem {
    /// As it stands at `now`.
    #[must_use]
    pub fn of(listed: &ListedAck, now: Timestamp) -> Self {
        let of_pool = is_of_a_pool(listed);
        let shown = listed.ack.shown(now);
        Self {
            alert_id: acked_id(listed),
            instance: (!of_pool).then(|| listed.instance.clone()),
            product_id: (!of_pool).then_some(listed.product_id),
            name: clean::name(&listed.name),
            combination: listed
                .label
                .as_deref()
                .map(clean::name)
                .filter(|label| !label.is_empty()),
            ack: AckRef {
                overdue: shown.overdue && listed.ended.is_none(),
                ..shown
            },
            ended_at: listed.ended.map(|(at, _)| at),
            ended_why: listed.ended.map(|(_, why)| why.as_str()),
        }
    }
}

/// A silence of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SilenceItem {
    pub id: i64,
    /// `waiting`, `in_force`, `over` or `ended` (before its time).
    pub state: &'static str,
    pub matcher: MatcherItem,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub by: String,
    pub comment: String,
    pub made_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// What a silence is for, as it can be given back; numbers are ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MatcherItem {
    pub instances: Vec<PatternItem>,
    pub groups: Vec<PatternItem>,
    pub products: Vec<PatternItem>,
    pub options: BTreeMap<String, PatternItem>,
    pub pools: Vec<PatternItem>,
}

/// A pattern: a number for an id, a text for a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PatternItem {
    Id(i64),
    Name(String),
}

impl PatternItem {
    fn of(pattern: &Pattern) -> Self {
        match pattern {
            Pattern::Id(id) => Self::Id(*id),
            Pattern::Glob(glob) => Self::Name(glob.clone()),
        }
    }
}

impl SilenceItem {
    /// As it stands at `now`.
    #[must_use]
    pub fn of(silence: &Silence, now: Timestamp) -> Self {
        Self {
            id: silence.id,
            state: state(silence, now),
            matcher: MatcherItem::of(&silence.matcher),
            starts_at: silence.starts_at,
            ends_at: silence.ends_at,
            by: silence.by.to_string(),
            comment: silence.comment.to_string(),
            made_at: silence.made_at,
            ended_at: silence.ended_at,
        }
    }
}

impl SilenceItem {
    /// Whether it is in force, or will be.
    #[must_use]
    pub fn is_to_come(&self) -> bool {
        ["waiting", "in_force"].contains(&self.state)
    }
}

fn state(silence: &Silence, now: Timestamp) -> &'static str {
    if silence.ended_at.is_some() {
        "ended"
    } else if silence.ends_at <= now {
        "over"
    } else if silence.starts_at > now {
        "waiting"
    } else {
        "in_force"
    }
}

impl MatcherItem {
    /// As it can be given back.
    #[must_use]
    pub fn of(matcher: &Matcher) -> Self {
        let all = |patterns: &[Pattern]| patterns.iter().map(PatternItem::of).collect();
        let options = matcher.options.iter();
        Self {
            instances: all(&matcher.instances),
            groups: all(&matcher.groups),
            products: all(&matcher.products),
            options: options
                .map(|(option, choice)| (text(option), PatternItem::of(choice)))
                .collect(),
            pools: all(&matcher.pools),
        }
    }
}

fn text(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Id(id) => id.to_string(),
        Pattern::Glob(glob) => glob.clone(),
    }
}

/// What it is for, in words: `shop eu, group dedicated*, ram: 64 gb`; `everything` where it does not matter.
#[must_use]
pub fn in_words(matcher: &Matcher) -> String {
    let named = |what: &str, patterns: &[Pattern]| {
        let names: Vec<String> = patterns
            .iter()
            .map(|pattern| clean::line(&text(pattern), 60))
            .collect();
        (!names.is_empty()).then(|| format!("{what} {}", names.join(" or ")))
    };
    let options = matcher.options.iter().map(|(option, choice)| {
        let (option, choice) = (text(option), text(choice));
        Some(format!(
            "{}: {}",
            clean::line(&option, 60),
            clean::line(&choice, 60)
        ))
    });
    let parts: Vec<String> = [
        named("shop", &matcher.instances),
        named("group", &matcher.groups),
        named("product", &matcher.products),
        named("pool", &matcher.pools),
    ]
    .into_iter()
    .chain(options)
    .flatten()
    .collect();
    if parts.is_empty() {
        "everything".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The pools as the database remembers them, each with the numbers of its series. Which rules hold for them is not asked.
pub async fn pools(reader: &Reader) -> Result<Memory, StoreError> {
    let Some(id) = reader.pools().await? else {
        return Ok(Memory::default());
    };
    let none = Rules::new(0, 0, Vec::new(), Vec::new());
    reader.memory(id, &Arc::clone(&none.global())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_says_in_words_what_it_is_for() {
        assert_eq!(in_words(&Matcher::default()), "everything");
        let matcher = Matcher {
            instances: vec![Pattern::text("eu")],
            products: vec![Pattern::Id(42), Pattern::text("VPS *")],
            options: vec![(Pattern::text("RAM"), Pattern::text("64 GB"))],
            ..Matcher::default()
        };
        assert_eq!(in_words(&matcher), "shop eu, product 42 or vps *, ram: 64 gb");
    }

    #[test]
    fn a_silence_waits_is_in_force_and_is_over() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let silence = Silence {
            id: 1,
            matcher: Matcher::default(),
            made_at: at("2026-11-21T08:00:00Z"),
            starts_at: at("2026-11-21T09:00:00Z"),
            ends_at: at("2026-11-21T10:00:00Z"),
            by: "Ann".into(),
            comment: "x".into(),
            ended_at: None,
        };
        for (now, expected) in [
            ("2026-11-21T08:59:59Z", "waiting"),
            ("2026-11-21T09:00:00Z", "in_force"),
            ("2026-11-21T10:00:00Z", "over"),
        ] {
            assert_eq!(state(&silence, at(now)), expected);
        }
        let ended = Silence {
            ended_at: Some(at("2026-11-21T09:30:00Z")),
            ..silence
        };
        assert_eq!(state(&ended, at("2026-11-21T09:45:00Z")), "ended");
    }
}
