//! Rules: which thresholds and channels hold for a series, and where each of them comes from.

use std::collections::HashMap;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::catalogue::Name;
use crate::domain::pattern::Pattern;
use crate::domain::people::Quiet;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;

/// How the operator settles an ambiguous zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StockControl {
    /// What WHMCS says, or was seen to do.
    #[default]
    Auto,
    /// The product is stock-controlled: a 0 means sold out.
    On,
    /// It is not: its figure means nothing.
    Off,
}

/// When something still open is said again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Repeat {
    /// Critical and out, daily at `REMINDER_AT`.
    #[default]
    Daily,
    Never,
    /// Any severity, this often; whole days at `REMINDER_AT`.
    Every(Duration),
}

/// One `[[rule]]`: whom it is for, and what it sets. What it does not set is inherited.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// How messages and pages name it: "rule 2".
    pub origin: String,
    pub instances: Vec<Pattern>,
    pub groups: Vec<Pattern>,
    pub products: Vec<Pattern>,
    /// Option and choice; makes it a rule for combinations.
    pub options: Vec<(Pattern, Pattern)>,
    pub low: Option<i64>,
    pub critical: Option<i64>,
    /// Confirmation before `low` or `critical` counts.
    pub confirm: Option<Duration>,
    /// Confirmation before `out` counts.
    pub confirm_out: Option<Duration>,
    /// Wait before `better` is said.
    pub hold: Option<Duration>,
    pub recover_margin: Option<i64>,
    pub repeat: Option<Repeat>,
    /// Alert when the stock lasts less long than this (forecasts).
    pub cover: Option<Duration>,
    pub stock_control: Option<StockControl>,
    /// Hidden products say nothing.
    pub ignore_hidden: Option<bool>,
    pub channels: Option<Vec<String>>,
    /// What nobody has taken on for so long is told to further channels, where it is critical or out.
    pub escalate_after: Option<Duration>,
    pub escalate_to: Option<Vec<String>>,
    /// The most combinations followed per product.
    pub max_combinations: Option<usize>,
    /// The options (by name or id) whose choices make combinations; all where none is named.
    pub combine: Option<Vec<Pattern>>,
}

/// A channel as the decision sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelPolicy {
    pub name: String,
    /// The severities it takes; it sees the others as ok. All where empty.
    pub severities: Vec<Severity>,
    /// Whether a rule that names no channels speaks on it.
    pub default: bool,
    /// Hours in which it is left in peace.
    pub quiet: Option<Quiet>,
}

/// What nobody takes on is told to further channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    pub after: Duration,
    /// Indices into [`Rules::channels`].
    pub channels: Vec<usize>,
}

impl ChannelPolicy {
    /// The severity as this channel sees it.
    #[must_use]
    pub fn view(&self, severity: Severity) -> Severity {
        if self.severities.is_empty() || self.severities.contains(&severity) {
            severity
        } else {
            Severity::Ok
        }
    }

    /// Whether it is left in peace at `now`.
    #[must_use]
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        self.quiet_until(now).is_some()
    }

    /// Until when it is left in peace, where it is.
    #[must_use]
    pub fn quiet_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.quiet.as_ref()?.until(now)
    }

    /// Whether the severity is told even in its quiet hours.
    #[must_use]
    pub fn is_pierced_by(&self, severity: Severity) -> bool {
        self.quiet
            .as_ref()
            .is_some_and(|quiet| quiet.pierce.contains(&severity))
    }
}

/// What holds for one series, each value the most specific one.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    pub thresholds: Thresholds,
    pub confirm: Duration,
    pub confirm_out: Duration,
    pub hold: Duration,
    pub recover_margin: i64,
    pub repeat: Repeat,
    pub cover: Option<Duration>,
    pub stock_control: StockControl,
    pub ignore_hidden: bool,
    /// Indices into [`Rules::channels`].
    pub channels: Vec<usize>,
    pub escalation: Option<Escalation>,
    pub max_combinations: usize,
    pub combine: Vec<Pattern>,
    /// Of what decides a severity (low, critical, for, hold, margin, cover, `stock_control`; not channels, not origin).
    pub fingerprint: u64,
}

impl Effective {
    /// The operator's word on stock control, where given.
    #[must_use]
    pub fn declared_control(&self) -> Option<bool> {
        match self.stock_control {
            StockControl::Auto => None,
            StockControl::On => Some(true),
            StockControl::Off => Some(false),
        }
    }

    /// Whether the operator declared the stock controlled, so that a zero is a zero.
    #[must_use]
    pub fn is_declared_controlled(&self) -> bool {
        self.stock_control == StockControl::On
    }
}

/// Whom rules are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub instance: &'a str,
    pub group_id: Option<i64>,
    /// The last known name of the group.
    pub group: Option<&'a Name>,
    pub product_id: i64,
    pub product: &'a Name,
    /// The combination's pairs with the names of option and choice; `None` for the product itself.
    pub pairs: Option<&'a [NamedPair<'a>]>,
}

/// A pair of a combination with what it is called.
#[derive(Debug, Clone, Copy)]
pub struct NamedPair<'a> {
    pub option_id: i64,
    pub option: &'a Name,
    pub choice_id: i64,
    pub choice: &'a Name,
}

/// The global values and all rules, checked, in the order of the file.
#[derive(Debug)]
pub struct Rules {
    pub low: i64,
    pub critical: i64,
    pub rules: Vec<Rule>,
    pub channels: Vec<ChannelPolicy>,
    /// Alerts per product at first sight instead of only a summary.
    pub first_run_alerts: bool,
    pub source_down_after: Duration,
    pub source_down_polls: u32,
    /// More flips of a series than this in a day count as flapping; 0 turns that off.
    pub flap_limit: u32,
    /// Changes with each loaded configuration, so that what was decided under another one is decided anew.
    pub epoch: u64,
    /// Distinct results are few; sharing them keeps a large catalogue small.
    cache: Mutex<HashMap<u64, Vec<Arc<Effective>>>>,
}

/// Defaults of a rule's values.
pub mod defaults {
    use std::time::Duration;

    /// Before `better` is said.
    pub const HOLD: Duration = Duration::from_secs(300);
    /// Above `low`, exclusive.
    pub const RECOVER_MARGIN: i64 = 1;
    /// Flips of a series in a day.
    pub const FLAP_LIMIT: u32 = 6;
    /// Combinations followed per product.
    pub const MAX_COMBINATIONS: usize = 256;
}

impl Rules {
    /// How long a shop may not be read, and how many polls may fail, before it counts as down.
    #[must_use]
    pub fn patience(&self) -> (Duration, u32) {
        (self.source_down_after, self.source_down_polls)
    }

    /// Rules with the global thresholds `low` and `critical`, telling the given channels.
    #[must_use]
    pub fn new(low: i64, critical: i64, rules: Vec<Rule>, channels: Vec<ChannelPolicy>) -> Self {
        Self {
            low,
            critical,
            rules,
            channels,
            first_run_alerts: false,
            source_down_after: Duration::from_secs(900),
            source_down_polls: 3,
            flap_limit: defaults::FLAP_LIMIT,
            epoch: 0,
            cache: Mutex::default(),
        }
    }

    /// The indices of the rules that match the subject, least specific first.
    #[must_use]
    pub fn matching(&self, subject: &Subject<'_>) -> Vec<usize> {
        let mut found: Vec<((u8, u8), usize)> = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(rank) = specificity(rule, subject) {
                found.push((rank, index));
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, index)| index).collect()
    }

    /// What holds for the subject: each value from the most specific rule that sets it.
    #[must_use]
    pub fn effective(&self, subject: &Subject<'_>) -> Arc<Effective> {
        self.effective_of(&self.matching(subject))
    }

    /// What the matching rules, least specific first, amount to.
    pub(super) fn effective_of(&self, matching: &[usize]) -> Arc<Effective> {
        let matching: Vec<&Rule> = matching.iter().map(|index| &self.rules[*index]).collect();
        self.effective_of_rules(&matching)
    }

    /// What these rules, least specific first, amount to.
    pub(super) fn effective_of_rules(&self, matching: &[&Rule]) -> Arc<Effective> {
        self.shared(self.combine(matching))
    }

    fn combine(&self, matching: &[&Rule]) -> Effective {
        let most_specific = || matching.iter().rev();
        let low = most_specific().find_map(|rule| Some((rule.low?, rule.origin.as_str())));
        let critical = most_specific().find_map(|rule| Some((rule.critical?, rule.origin.as_str())));
        let (low, low_origin) = low.unwrap_or((self.low, "global"));
        let (critical, critical_origin) = critical.unwrap_or((self.critical, "global"));
        let origin = if low_origin == critical_origin {
            low_origin.to_owned()
        } else {
            format!("low: {low_origin}, critical: {critical_origin}")
        };
        let critical = critical.min(low);
        let channels = match most_specific().find_map(|rule| rule.channels.as_ref()) {
            Some(names) => self.channel_indices(|channel| names.contains(&channel.name)),
            None => self.channel_indices(|channel| channel.default),
        };
        let after = most_specific().find_map(|rule| rule.escalate_after);
        let to = most_specific().find_map(|rule| rule.escalate_to.as_ref());
        let escalation = after.zip(to).map(|(after, names)| Escalation {
            after,
            channels: self.channel_indices(|channel| names.contains(&channel.name)),
        });
        let cover = most_specific().find_map(|rule| rule.cover);
        let mut effective = Effective {
            thresholds: Thresholds {
                low,
                critical,
                origin,
                cover,
            },
            confirm: most_specific().find_map(|rule| rule.confirm).unwrap_or_default(),
            confirm_out: most_specific()
                .find_map(|rule| rule.confirm_out)
                .unwrap_or_default(),
            hold: most_specific()
                .find_map(|rule| rule.hold)
                .unwrap_or(defaults::HOLD),
            recover_margin: most_specific()
                .find_map(|rule| rule.recover_margin)
                .unwrap_or(defaults::RECOVER_MARGIN),
            repeat: most_specific().find_map(|rule| rule.repeat).unwrap_or_default(),
            cover,
            stock_control: most_specific()
                .find_map(|rule| rule.stock_control)
                .unwrap_or_default(),
            ignore_hidden: most_specific()
                .find_map(|rule| rule.ignore_hidden)
                .unwrap_or_default(),
            channels,
            escalation,
            max_combinations: most_specific()
                .find_map(|rule| rule.max_combinations)
                .unwrap_or(defaults::MAX_COMBINATIONS),
            combine: most_specific()
                .find_map(|rule| rule.combine.clone())
                .unwrap_or_default(),
            fingerprint: 0,
        };
        effective.fingerprint = fingerprint(&effective);
        effective
    }

    fn channel_indices(&self, wanted: impl Fn(&ChannelPolicy) -> bool) -> Vec<usize> {
        (0..self.channels.len())
            .filter(|index| wanted(&self.channels[*index]))
            .collect()
    }

    fn shared(&self, effective: Effective) -> Arc<Effective> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = cache.entry(effective.fingerprint).or_default();
        if let Some(known) = alike.iter().find(|known| ***known == effective) {
            return Arc::clone(known);
        }
        let fresh = Arc::new(effective);
        alike.push(Arc::clone(&fresh));
        fresh
    }
}

/// The class of a rule (combination 4, product 3, group 2, instance 1, all 0) and how exact its match is, where it
/// matches. Of two alike the later in the file wins.
fn specificity(rule: &Rule, subject: &Subject<'_>) -> Option<(u8, u8)> {
    // First, since numbers are compared quickly: lists of thousands of products are rules for one product each.
    let products = best(&rule.products, |pattern| {
        pattern.matches(Some(subject.product_id), Some(subject.product))
    })?;
    let instances = best(&rule.instances, |pattern| pattern.matches_text(subject.instance))?;
    let groups = best(&rule.groups, |pattern| {
        pattern.matches(subject.group_id, subject.group)
    })?;
    if !rule.options.is_empty() {
        let pairs = subject.pairs?;
        let all = rule.options.iter().all(|(option, choice)| {
            pairs.iter().any(|pair| {
                option.matches(Some(pair.option_id), Some(pair.option))
                    && choice.matches(Some(pair.choice_id), Some(pair.choice))
            })
        });
        if !all {
            return None;
        }
    }
    let (class, exact) = if !rule.options.is_empty() {
        (4, u8::try_from(rule.options.len()).unwrap_or(u8::MAX))
    } else if !rule.products.is_empty() {
        (3, products)
    } else if !rule.groups.is_empty() {
        (2, groups)
    } else if !rule.instances.is_empty() {
        (1, instances)
    } else {
        (0, 0)
    };
    Some((class, exact))
}

/// The exactness of the best matching pattern; an empty list matches everything with 0.
fn best(patterns: &[Pattern], matches: impl Fn(&Pattern) -> bool) -> Option<u8> {
    if patterns.is_empty() {
        return Some(0);
    }
    patterns
        .iter()
        .filter(|pattern| matches(pattern))
        .map(Pattern::exactness)
        .max()
}

/// A 64-bit FNV-1a hash: the same in every build, since it is stored.
pub(crate) struct StableHasher(u64);

impl Default for StableHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for StableHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    // The default writes native-endian bytes.
    fn write_u64(&mut self, n: u64) {
        self.write(&n.to_le_bytes());
    }

    fn write_i64(&mut self, n: i64) {
        self.write(&n.to_le_bytes());
    }
}

fn fingerprint(effective: &Effective) -> u64 {
    let mut hasher = StableHasher::default();
    let control = match effective.stock_control {
        StockControl::Auto => 0u64,
        StockControl::On => 1,
        StockControl::Off => 2,
    };
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    for number in [
        effective.thresholds.low,
        effective.thresholds.critical,
        effective.recover_margin,
    ] {
        number.hash(&mut hasher);
    }
    for number in [
        millis(effective.confirm),
        millis(effective.confirm_out),
        millis(effective.hold),
        effective.cover.map_or(u64::MAX, millis),
        control,
    ] {
        number.hash(&mut hasher);
    }
    hasher.finish()
}
