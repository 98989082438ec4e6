//! A series' past for its page: the picture, the same in words and as a table, and the links to other stretches of time.

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::charts::history::History;
use crate::charts::history::Kind;
use crate::charts::history::Mark;
use crate::charts::history::Size;
use crate::charts::steps::Held;
use crate::charts::steps::LATEST;
use crate::charts::steps::Steps;
use crate::charts::steps::Traced;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::forecast::observed::Observed;
use crate::domain::people::Silence;
use crate::domain::stand::Thresholds;
use crate::notify::report::say;
use crate::store::error::StoreError;
use crate::store::past_levels::Happening;
use crate::store::past_levels::Stretch;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;
use crate::store::value::Stood;
use crate::web::product_events;
use crate::web::show::At;
use crate::web::show::grouped;

/// Into how many slots the time of a picture is cut: more than it has dots.
const SLOTS: i64 = 480;
/// The most events that a picture marks, the newest.
const MARKS: usize = 300;

/// How far back a picture looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Range {
    /// All, the shortest first.
    pub const ALL: [Self; 6] = [
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Quarter,
        Self::Year,
    ];

    /// The name in addresses.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "28d",
            Self::Quarter => "90d",
            Self::Year => "1y",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Hour => "1 hour",
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "28 days",
            Self::Quarter => "90 days",
            Self::Year => "1 year",
        }
    }

    /// The range of that name.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.key() == key)
    }

    fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 28 * 24,
            Self::Quarter => 90 * 24,
            Self::Year => 365 * 24,
        }
    }

    /// When it begins, seen from `now`.
    #[must_use]
    pub fn begin(self, now: Timestamp) -> Timestamp {
        now.checked_sub(SignedDuration::from_hours(self.hours()))
            .unwrap_or(Timestamp::MIN)
    }
}

/// Which series, and how far back.
pub struct Wanted<'a> {
    pub instance: InstanceId,
    pub product: &'a Tracked,
    /// `None` for the product itself.
    pub combination: Option<&'a CombinationKey>,
    /// `None` where the rules are not known.
    pub thresholds: Option<&'a Thresholds>,
    pub range: Range,
    /// Those that were ever made for it.
    pub silences: &'a [Silence],
    pub zone: &'a TimeZone,
    pub now: Timestamp,
}

/// The past as the page shows it.
pub struct Past {
    /// The pictures, ours from the first letter to the last: names are escaped in them.
    pub wide: String,
    pub narrow: String,
    /// What they show, in sentences.
    pub summary: String,
    /// The kinds of signs in it, for the legend.
    pub kinds: Vec<Kind>,
    pub has_blind: bool,
    pub has_unknown: bool,
    pub has_free: bool,
    pub has_restocks: bool,
    pub has_outs: bool,
    /// The latest changes, newest first.
    pub changes: Vec<Change>,
    /// Whether there were more.
    pub more: bool,
    pub from: Timestamp,
}

/// A change of the level.
pub struct Change {
    pub at: At,
    /// The level, or what is there instead of one.
    pub stood: String,
    /// `+20`, `-1`; "" where nothing can be compared.
    pub by: String,
}

/// Reads the past; `None` where there is none.
pub async fn read(reader: &Reader, wanted: &Wanted<'_>) -> Result<Option<Past>, StoreError> {
    let until = wanted.now;
    let stretch = Stretch {
        instance: wanted.instance,
        product: wanted.product.id,
        combination: wanted.combination,
        from: wanted.range.begin(until),
        until,
    };
    let mut steps = Steps::new(stretch.from, until, SLOTS);
    reader
        .each_level(&stretch, |at, stood| steps.add(at, held(stood)))
        .await?;
    let Some(traced) = steps.finish() else {
        return Ok(None);
    };
    let shown = Stretch {
        from: traced.from,
        ..stretch
    };
    let apart = until.duration_since(traced.from).as_millis() / i128::from(SLOTS);
    let apart = i64::try_from(apart).unwrap_or(i64::MAX).max(1);
    let looked = reader.looked_at(&shown, apart).await?;
    let happened = Happening {
        instance: wanted.instance,
        product: wanted.product.id,
        series: Some(wanted.combination),
        since: Some(traced.from),
        before: None,
        limit: MARKS,
    };
    let events = reader.happenings(&happened).await?;
    let mut marks: Vec<Mark> = events.iter().map(product_events::mark).collect();
    let silences = wanted.silences.iter();
    let silences = silences.flat_map(|silence| product_events::silence_marks(silence, wanted.zone, until));
    marks.extend(silences.filter(|mark| (traced.from..=until).contains(&mark.at)));
    marks.sort_by_key(|mark| mark.at);
    let blind = blind(looked, traced.from, until, apart);
    let horizon = reader.upkeep().await?.horizon;
    let history = History {
        blind,
        low: wanted.thresholds.map(|thresholds| thresholds.low),
        critical: wanted.thresholds.map(|thresholds| thresholds.critical),
        marks,
        zone: wanted.zone.clone(),
        traced,
    };
    let daily_until = horizon.filter(|horizon| history.traced.from < *horizon);
    Ok(Some(past(&history, daily_until)))
}

/// `daily_until`: before that there is one figure a day.
fn past(history: &History, daily_until: Option<Timestamp>) -> Past {
    let mut summary = summary(history);
    if let Some(until) = daily_until {
        let until = until.to_zoned(history.zone.clone());
        summary += &format!(
            " Before {} it shows one figure a day.",
            until.strftime("%-d %b %Y")
        );
    }
    let traced = &history.traced;
    let holds = |held: Held| traced.steps.iter().any(|step| step.held == held);
    let mut kinds: Vec<Kind> = history.marks.iter().map(|mark| mark.kind).collect();
    kinds.sort();
    kinds.dedup();
    Past {
        wide: history.svg(Size::WIDE, &summary),
        narrow: history.svg(Size::NARROW, &summary),
        kinds,
        has_blind: !history.blind.is_empty(),
        has_unknown: holds(Held::Unknown),
        has_free: holds(Held::NotControlled),
        has_restocks: traced.tally.rises > 0,
        has_outs: traced.tally.outs > 0,
        changes: changes(traced),
        more: traced.tally.changes >= traced.latest.len() as u64 && traced.latest.len() == LATEST,
        from: traced.from,
        summary,
    }
}

fn held(stood: Stood) -> Held {
    match stood {
        Stood::At(Level::Known(level)) => Held::Known(level),
        Stood::At(Level::Unknown) => Held::Unknown,
        Stood::At(Level::NotControlled) => Held::NotControlled,
        Stood::Gone => Held::Gone,
    }
}

/// The times in which nobody looked; what is too short to be seen is left out. One look tells nothing of how often there
/// should be any.
fn blind(looked: Vec<i64>, from: Timestamp, until: Timestamp, least: i64) -> Vec<(Timestamp, Timestamp)> {
    if looked.len() < 2 {
        return Vec::new();
    }
    let (begin, end) = (from.as_millisecond(), until.as_millisecond());
    let observed = Observed::up_to(until, looked);
    let mut blind = Vec::new();
    let mut at = begin;
    for (from, to) in observed.within(begin, end).chain([(end, end)]) {
        if from - at >= least {
            let moment = |at| Timestamp::from_millisecond(at);
            blind.extend(moment(at).ok().zip(moment(from).ok()));
        }
        at = to;
    }
    blind
}

/// `From 14 Nov 2026, 10:03 to 21 Nov 2026, 10:03: between 0 and 12 left. Out twice, …`
fn summary(history: &History) -> String {
    let Traced {
        from, until, tally, ..
    } = &history.traced;
    let moment = |at: Timestamp| {
        at.to_zoned(history.zone.clone())
            .strftime("%-d %b %Y, %H:%M")
            .to_string()
    };
    let mut said = vec![match (tally.lowest, tally.highest) {
        (Some(lowest), Some(highest)) if lowest == highest => {
            let doubt = history
                .traced
                .steps
                .iter()
                .any(|step| step.held.known().is_none());
            let known = if doubt { " where it was known" } else { "" };
            format!("always {} left{known}", grouped(lowest))
        }
        (Some(lowest), Some(highest)) => format!("between {} and {} left", grouped(lowest), grouped(highest)),
        (None, _) | (_, None) => "no level was known".to_owned(),
    }];
    let hours = |lasted: SignedDuration| say::hours(lasted.as_secs_f64() / 3600.0);
    if tally.outs > 0 {
        said.push(format!(
            "out {}, {} in all",
            times(tally.outs),
            hours(tally.out_for)
        ));
    }
    if tally.fallen > 0 {
        said.push(format!("fell by {}", grouped(tally.fallen)));
    }
    if tally.rises > 0 {
        said.push(format!("rose {} by {}", times(tally.rises), grouped(tally.risen)));
    }
    let blind = history
        .blind
        .iter()
        .fold(SignedDuration::ZERO, |sum, (from, to)| {
            sum.checked_add(to.duration_since(*from))
                .unwrap_or(SignedDuration::MAX)
        });
    if !history.blind.is_empty() {
        said.push(format!(
            "nobody looked {}, {} in all",
            times(history.blind.len() as u64),
            hours(blind)
        ));
    }
    format!(
        "{} to {} ({}): {}.",
        moment(*from),
        moment(*until),
        zone_name(&history.zone),
        said.join("; ")
    )
}

fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{} times", say::grouped(more)),
    }
}

fn changes(traced: &Traced) -> Vec<Change> {
    let before = [None]
        .into_iter()
        .chain(traced.latest.iter().map(|step| step.held.known()));
    let mut changes: Vec<Change> = traced
        .latest
        .iter()
        .zip(before)
        .map(|(step, before)| Change {
            at: At(step.at),
            stood: match step.held {
                Held::Known(level) => grouped(level),
                Held::Unknown => "not known".to_owned(),
                Held::NotControlled => "not counted".to_owned(),
                Held::Gone => "not in the catalogue".to_owned(),
            },
            by: match (before, step.held) {
                (Some(before), Held::Known(level)) => format!("{:+}", level.saturating_sub(before)),
                (None, _) | (Some(_), Held::Unknown | Held::NotControlled | Held::Gone) => String::new(),
            },
        })
        .collect();
    changes.reverse();
    changes
}
