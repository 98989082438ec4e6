//! What a report is made of, read from the database and from what is remembered of the shops.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::ProductId;
use crate::domain::forecast::Forecasts;
use crate::domain::forecast::observed::Observed;
use crate::domain::people::People;
use crate::domain::pool::Board;
use crate::domain::report::Chart;
use crate::domain::report::Happened;
use crate::domain::report::Health;
use crate::domain::report::Line;
use crate::domain::report::Report;
use crate::domain::report::Section;
use crate::domain::report::Topic;
use crate::domain::reporting::compose;
use crate::domain::reporting::compose::Material;
use crate::domain::reporting::compose::Span;
use crate::domain::reporting::lines::Known;
use crate::domain::reporting::movement::Movement;
use crate::domain::reporting::outline;
use crate::domain::reporting::outline::Outline;
use crate::domain::stand::AckRef;
use crate::domain::stand::ProductRef;
use crate::jobs::gaps;
use crate::scheduler::Schedule;
use crate::store::digest::Stretch;
use crate::store::error::StoreError;
use crate::store::history::LevelQuery;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;

/// What was queued so shortly before is under way: another report of the same hour, say.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(1);
/// The most pictures in a report.
const CHARTS: usize = 12;
/// The most points read for one, and drawn in it.
const POINTS_READ: usize = 5000;
const POINTS: usize = 300;
/// A picture shows at least so many hours.
const CHART_HOURS: i64 = 7 * 24;

/// A shop as a report reads it.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    /// `None` where it was never polled.
    pub id: Option<InstanceId>,
    pub memory: Arc<Memory>,
    /// When it is polled.
    pub schedule: Schedule,
}

/// What a report is made from beside its outline.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub reader: &'a Reader,
    pub sources: &'a [Source],
    pub board: &'a Board,
    /// Reports that were due and reached nobody: name, since when.
    pub overdue: &'a [(String, Timestamp)],
}

/// The report of that stretch of time.
pub async fn made(outline: &Outline, span: Span, ground: Ground<'_>) -> Result<Report, StoreError> {
    let mut read = Vec::with_capacity(ground.sources.len());
    let mut events = Vec::new();
    let mut health = health(outline, span, ground).await?;
    for source in concerned(outline, ground) {
        let looked = Looked::read(ground.reader, outline, span, source).await?;
        events.extend(looked.events(ground.reader, span).await?);
        looked.tally(ground.reader, span, &mut health).await?;
        read.push(looked);
    }
    events.sort_by_key(|event| Reverse(event.at));
    let shops: Vec<Known<'_>> = read.iter().map(Looked::known).collect();
    let material = Material {
        shops: &shops,
        board: ground.board,
        pool_acks: pool_acks(ground.reader, span.now).await?,
        events,
        health,
    };
    let mut report = compose::compose(outline, span, material);
    if outline.charts {
        draw(&mut report, ground).await?;
    }
    Ok(report)
}

fn concerned<'a>(outline: &Outline, ground: Ground<'a>) -> impl Iterator<Item = &'a Source> {
    let sources = ground.sources.iter();
    sources.filter(|source| outline.concerns(&source.name))
}

/// What does not concern a single shop.
async fn health(outline: &Outline, span: Span, ground: Ground<'_>) -> Result<Health, StoreError> {
    let queued_by = span.now.checked_sub(UNDER_WAY).unwrap_or(span.now);
    let (pending, dead_letters) = ground.reader.undelivered(span.from, queued_by).await?;
    let soon = outline::ends(outline.period, span.now);
    let silences = ground.reader.silences(Some(span.now)).await?.into_iter();
    let ending = silences.filter(|silence| silence.ends_at <= soon);
    Ok(Health {
        pending,
        dead_letters,
        silences_ending: ending
            .map(|silence| {
                (
                    silence.by.to_string(),
                    silence.comment.to_string(),
                    silence.ends_at,
                )
            })
            .collect(),
        overdue_reports: ground.overdue.to_vec(),
        ..Health::default()
    })
}

/// Who has taken a pool on, by the pool's name.
async fn pool_acks(reader: &Reader, now: Timestamp) -> Result<HashMap<String, AckRef>, StoreError> {
    let Some(pools) = reader.pools().await? else {
        return Ok(HashMap::new());
    };
    let acks = reader.acks(Some(pools), true).await?.into_iter();
    // Those of what a pool does not suffice for are about orders, not the pool.
    let own = acks.filter(|listed| listed.combination.is_none());
    Ok(own.map(|listed| (listed.name, listed.ack.shown(now))).collect())
}

/// A shop with what was read of its history.
struct Looked<'a> {
    source: &'a Source,
    movements: HashMap<u32, Movement>,
    forecasts: Forecasts,
    people: People,
}

impl<'a> Looked<'a> {
    async fn read(
        reader: &Reader,
        outline: &Outline,
        span: Span,
        source: &'a Source,
    ) -> Result<Self, StoreError> {
        let mut looked = Self {
            source,
            movements: HashMap::new(),
            forecasts: Forecasts::default(),
            people: People::default(),
        };
        if let Some(stretch) = looked.stretch(span.from, span.until) {
            let observed = observed(reader, stretch.instance, (span.from, span.now)).await?;
            let back = back(outline, span);
            looked.movements = reader.movements(stretch, back, &observed).await?;
            looked.forecasts = reader.forecasts(stretch.instance, span.now).await?;
            looked.people = reader.people(Some(stretch.instance), span.now).await?;
        }
        Ok(looked)
    }

    fn stretch(&self, from: Timestamp, until: Timestamp) -> Option<Stretch> {
        let instance = self.source.id?;
        Some(Stretch {
            instance,
            from,
            until,
        })
    }

    async fn events(&self, reader: &Reader, span: Span) -> Result<Vec<Happened>, StoreError> {
        let Some(stretch) = self.stretch(span.from, span.until) else {
            return Ok(Vec::new());
        };
        let happened = reader.product_events(stretch).await?.into_iter();
        let named = happened.filter_map(|happened| {
            Some(Happened {
                at: happened.at,
                kind: happened.kind,
                instance: self.source.name.clone(),
                product: self.source.product(happened.product)?,
            })
        });
        Ok(named.collect())
    }

    /// Adds how well the shop was seen, up to now.
    async fn tally(&self, reader: &Reader, span: Span, health: &mut Health) -> Result<(), StoreError> {
        health.unknown_products += self.source.unknown();
        // With what was seen in this very moment.
        let moment = SignedDuration::from_millis(1);
        let until = span.now.checked_add(moment).unwrap_or(span.now);
        let Some(stretch) = self.stretch(span.from, until) else {
            health.never_read.push(self.source.name.clone());
            return Ok(());
        };
        let polls = reader.poll_tally(stretch).await?;
        health.polls += polls.polls;
        health.failed_polls += polls.failed;
        health.suspect_polls += polls.suspect;
        let read = reader.read_at(stretch.instance, span.from, span.now).await?;
        if read.is_empty() {
            health.never_read.push(self.source.name.clone());
        }
        // What was read before the period has no beginning to look for.
        let begin = span.from.as_millisecond();
        let first = polls.first.filter(|_| read.first() > Some(&begin));
        let gaps = gaps::gaps(first, &read, &self.source.schedule, span.now).into_iter();
        health
            .gaps
            .extend(gaps.map(|(from, until)| (self.source.name.clone(), from, until)));
        Ok(())
    }

    fn known(&self) -> Known<'_> {
        Known {
            instance: &self.source.name,
            memory: &self.source.memory,
            movements: &self.movements,
            forecasts: &self.forecasts,
            people: &self.people,
        }
    }
}

/// When the shop was observed between these times, as the forecast has it.
async fn observed(
    reader: &Reader,
    instance: InstanceId,
    (from, until): (Timestamp, Timestamp),
) -> Result<Observed, StoreError> {
    let read = reader.read_at(instance, from, until).await?;
    Ok(Observed::up_to(until, read))
}

/// From when on levels are followed: for what is idle, from as long ago as that takes.
fn back(outline: &Outline, span: Span) -> Timestamp {
    let idle_after = SignedDuration::try_from(outline.idle_after).unwrap_or(SignedDuration::MAX);
    let idle = span.now.checked_sub(idle_after).unwrap_or(Timestamp::MIN);
    if outline.has(Topic::Idle) {
        idle.min(span.from)
    } else {
        span.from
    }
}

impl Source {
    fn product(&self, product: ProductId) -> Option<ProductRef> {
        let tracked = self.memory.product(product)?;
        Some(ProductRef {
            id: tracked.id,
            name: tracked.name.shown().to_owned(),
            group: tracked.group.as_ref().map(|group| group.shown().to_owned()),
        })
    }

    fn unknown(&self) -> usize {
        let unknown = |product: &&Arc<Tracked>| !product.gone && product.series.level == Level::Unknown;
        self.memory.products.iter().filter(unknown).count()
    }
}

/// Gives the worst lines a picture of their levels, each series once.
async fn draw(report: &mut Report, ground: Ground<'_>) -> Result<(), StoreError> {
    let until = report.made_at;
    let week_ago = until.checked_sub(SignedDuration::from_hours(CHART_HOURS));
    let from = report.from.min(week_ago.unwrap_or(until));
    let mut seen: HashMap<InstanceId, Observed> = HashMap::new();
    let mut drawn = HashSet::new();
    let mut sections: Vec<&mut Section> = report.sections.iter_mut().collect();
    // What will run out matters most: there is still time.
    sections.sort_by_key(|section| !matches!(section, Section::RunningOut { .. }));
    for line in sections.into_iter().flat_map(pictured) {
        let combination = line
            .combination
            .as_ref()
            .map(|combination| combination.key.clone());
        let source = ground.sources.iter().find(|source| source.name == line.instance);
        let Some(instance) = source.and_then(|source| source.id) else {
            continue;
        };
        let series = (instance, line.product.id, combination);
        if drawn.len() == CHARTS || drawn.contains(&series) {
            continue;
        }
        if let Entry::Vacant(place) = seen.entry(instance) {
            place.insert(observed(ground.reader, instance, (from, until)).await?);
        }
        line.chart = chart(ground.reader, (instance, &seen[&instance]), line, (from, until)).await?;
        if line.chart.is_some() {
            drawn.insert(series);
        }
    }
    Ok(())
}

/// The lines of a section that are worth a picture, of those that a mail shows.
fn pictured(section: &mut Section) -> impl Iterator<Item = &mut Line> {
    let lines: &mut [Line] = match section {
        Section::ActNow { lines } | Section::RunningOut { lines, .. } | Section::Ordered { lines } => lines,
        Section::Changed(_)
        | Section::Idle { .. }
        | Section::Pools { .. }
        | Section::Money(_)
        | Section::Health(_) => &mut [],
    };
    lines.iter_mut().take(CHARTS)
}

/// Whether the level did anything that a picture would show.
fn moves(points: &[(Timestamp, Option<i64>)]) -> bool {
    let mut known = points.iter().filter_map(|(_, level)| *level);
    let first = known.next();
    known.any(|level| Some(level) != first)
}

async fn chart(
    reader: &Reader,
    (instance, observed): (InstanceId, &Observed),
    line: &Line,
    (from, until): (Timestamp, Timestamp),
) -> Result<Option<Chart>, StoreError> {
    let key: Option<CombinationKey> = match &line.combination {
        Some(combination) => match combination.key.parse() {
            Ok(key) => Some(key),
            Err(_) => return Ok(None),
        },
        None => None,
    };
    let query = LevelQuery {
        instance,
        product: line.product.id,
        combination: key.as_ref(),
        from: Some(from),
        to: Some(until),
        after: None,
        limit: POINTS_READ,
    };
    let points = reader.level_history(&query).await?.unwrap_or_default();
    let points: Vec<_> = points
        .into_iter()
        .map(|point| (point.observed_at.max(from), point.stood.level()))
        .collect();
    let points = watched(&thinned(&points), observed, until);
    Ok(moves(&points).then_some(Chart {
        from,
        until,
        points,
        low: line.thresholds.low,
        critical: line.thresholds.critical,
    }))
}

/// The levels while somebody looked; in between nobody knows.
fn watched(
    points: &[(Timestamp, Option<i64>)],
    observed: &Observed,
    until: Timestamp,
) -> Vec<(Timestamp, Option<i64>)> {
    let mut watched: Vec<(Timestamp, Option<i64>)> = Vec::new();
    for (place, (at, level)) in points.iter().enumerate() {
        let end = points.get(place + 1).map_or(until, |(next, _)| *next);
        let mut known_to = *at;
        if level.is_some() {
            for (from, to) in observed.within(at.as_millisecond(), end.as_millisecond()) {
                let moments = Timestamp::from_millisecond(from)
                    .and_then(|from| Ok((from, Timestamp::from_millisecond(to)?)));
                let Ok((from, to)) = moments else { continue };
                if known_to < from {
                    watched.push((known_to, None));
                }
                watched.push((from, *level));
                known_to = to;
            }
        }
        if known_to < end {
            watched.push((known_to, None));
        }
    }
    watched
}

/// At most [`POINTS`] of them: of those that stand close together the lowest, and the last of all.
fn thinned(points: &[(Timestamp, Option<i64>)]) -> Vec<(Timestamp, Option<i64>)> {
    let together = points.len().div_ceil(POINTS).max(1);
    let lowest = points
        .chunks(together)
        .filter_map(|chunk| chunk.iter().min_by_key(|(_, level)| level.unwrap_or(i64::MAX)));
    let mut thinned: Vec<_> = lowest.copied().collect();
    if let (Some(last), Some(kept)) = (points.last(), thinned.last_mut()) {
        *kept = *last;
    }
    thinned
}
