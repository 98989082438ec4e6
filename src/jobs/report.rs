//! Reports: made when they are due, once each, and queued in the transaction that records it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::ProductId;
use crate::domain::forecast::Forecasts;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::domain::people::People;
use crate::domain::pool::Board;
use crate::domain::report::Amount;
use crate::domain::report::Happened;
use crate::domain::report::Health;
use crate::domain::report::Period;
use crate::domain::report::Report;
use crate::domain::report::Topic;
use crate::domain::reporting::compose;
use crate::domain::reporting::compose::Material;
use crate::domain::reporting::compose::Span;
use crate::domain::reporting::lines::Known;
use crate::domain::reporting::movement::Movement;
use crate::domain::reporting::outline;
use crate::domain::reporting::outline::Outline;
use crate::domain::stand::ProductRef;
use crate::jobs::shop::Shelf;
use crate::jobs::shop::Shop;
use crate::jobs::shop::Telling;
use crate::scheduler::Schedule;
use crate::store::db::Store;
use crate::store::digest::Stretch;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::store::reports::Run;
use crate::store::reports::RunState;
use crate::store::value::InstanceId;

/// A report made so long after it was due is late.
const LATE: SignedDuration = SignedDuration::from_mins(10);

/// A report as configured.
#[derive(Debug, Clone)]
pub struct Plan {
    pub outline: Outline,
    pub schedule: Schedule,
    /// In which its times are told.
    pub zone: TimeZone,
    /// The names of its channels.
    pub channels: Vec<String>,
}

/// Everything reporting needs.
#[derive(Debug)]
pub struct Reporting {
    pub plans: Vec<Plan>,
    pub store: Store,
    pub rules: Arc<Rules>,
    /// Each with the interval of its polls.
    pub shops: Vec<(Arc<Shop>, Schedule)>,
    /// The pools of all shops; `None` where there are none.
    pub pools: Option<Arc<Shelf>>,
    pub telling: Arc<Telling>,
}

/// A shop as a report reads it.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    /// `None` where it was never polled.
    pub id: Option<InstanceId>,
    pub memory: Arc<Memory>,
    /// Between two polls.
    pub interval: Duration,
}

/// What came of looking whether a report is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing is.
    Idle,
    /// Its schedule was seen for the first time: it begins now.
    Begun,
    /// Nothing was to be said.
    Skipped(Timestamp),
    /// One message for each channel: its name and headline.
    Queued(Timestamp, Vec<(String, String)>),
}

impl Reporting {
    /// Makes the report where it is due at `now`: the latest of those that were missed alone, and none that is older
    /// than the period it is about.
    pub async fn step(&self, plan: &Plan, now: Timestamp) -> Result<Step, StoreError> {
        let name = plan.outline.name.as_str();
        let Some(last) = self.store.reader().last_report(name, now).await? else {
            self.record(plan, now, RunState::Begun, now, &[]).await?;
            return Ok(Step::Begun);
        };
        let after = if last.state.is_done() {
            last.scheduled_for
        } else {
            last.scheduled_for
                .checked_sub(SignedDuration::from_millis(1))
                .unwrap_or(Timestamp::MIN)
        };
        let Some(due) = latest(plan, after, now) else {
            return Ok(Step::Idle);
        };
        let report = self.compose(plan, due, now).await?;
        if plan.outline.skip_if_empty && compose::is_empty(&report) {
            self.record(plan, due, RunState::Skipped, now, &[]).await?;
            return Ok(Step::Skipped(due));
        }
        let messages = messages(plan, &report, now);
        let told = self.record(plan, due, RunState::Queued, now, &messages).await?;
        Ok(match told {
            Some(told) => Step::Queued(due, told),
            None => Step::Idle,
        })
    }

    async fn compose(&self, plan: &Plan, due: Timestamp, now: Timestamp) -> Result<Report, StoreError> {
        let mut sources = Vec::with_capacity(self.shops.len());
        for (shop, schedule) in &self.shops {
            sources.push(Source {
                name: shop.name.clone(),
                id: Some(shop.id),
                memory: shop.memory(&self.store, &self.rules).await?,
                interval: schedule.typical_interval(now),
            });
        }
        let mut board = Arc::default();
        if let Some(pools) = &self.pools {
            pools
                .show(&self.store, &self.rules, now, |shown| board = shown)
                .await?;
        }
        let span = Span {
            from: outline::began(plan.outline.period, due, &plan.zone),
            until: due,
            now,
            late: now.duration_since(due) >= LATE,
        };
        made(self.store.reader(), &plan.outline, span, &sources, &board).await
    }

    /// Records the occasion with its messages; `None` where it had been done meanwhile, so that nothing was queued.
    async fn record(
        &self,
        plan: &Plan,
        scheduled_for: Timestamp,
        state: RunState,
        now: Timestamp,
        messages: &[Message],
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        let queued = self.telling.queue_in(messages, &plan.zone)?;
        let run = Run {
            report: plan.outline.name.clone(),
            scheduled_for,
            state,
            made_at: now,
            messages: queued.iter().map(|message| message.id.to_string()).collect(),
            told_at: None,
        };
        let mut tx = self.store.begin_write().await?;
        if !tx.record_report(&run).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        tx.enqueue(&queued).await?;
        tx.commit().await?;
        let told = queued
            .into_iter()
            .map(|message| (message.channel, message.headline));
        Ok(Some(told.collect()))
    }
}

/// The report's messages, one for each channel.
#[must_use]
pub fn messages(plan: &Plan, report: &Report, now: Timestamp) -> Vec<Message> {
    let message = |channel: &String| Message {
        id: Uuid::new_v4(),
        channel: channel.clone(),
        instance: None,
        at: now,
        body: Body::Report(Box::new(report.clone())),
    };
    plan.channels.iter().map(message).collect()
}

/// The last time after `after`, and not after `now`, at which the report was due; none that is longer ago than its
/// period.
#[must_use]
pub fn latest(plan: &Plan, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let oldest = outline::began(plan.outline.period, now, &plan.zone);
    // Looked for close to `now` first, so that not every time of a dense schedule is gone through.
    let near =
        [Period::Day, Period::Week, Period::Month].map(|period| outline::began(period, now, &plan.zone));
    near.into_iter()
        .map(|begin| begin.max(after).max(oldest))
        .find_map(|begin| last_between(&plan.schedule, begin, now))
}

fn last_between(schedule: &Schedule, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let next = |at: &Timestamp| schedule.next_after(*at).filter(|next| *next <= now);
    std::iter::successors(next(&after), next).last()
}

/// The report of that stretch of time, from what the database holds and what is remembered of the shops.
pub async fn made(
    reader: &Reader,
    outline: &Outline,
    span: Span,
    sources: &[Source],
    board: &Board,
) -> Result<Report, StoreError> {
    let mut read = Vec::with_capacity(sources.len());
    let mut events = Vec::new();
    let mut health = Health::default();
    (health.pending, health.dead_letters) = reader.undelivered(span.from).await?;
    for source in sources.iter().filter(|source| outline.concerns(&source.name)) {
        read.push(Looked::read(reader, outline, span, source).await?);
        let Some(instance) = source.id else { continue };
        let stretch = Stretch {
            instance,
            from: span.from,
            until: span.until,
        };
        for happened in reader.product_events(stretch).await? {
            events.extend(source.happened(happened.product).map(|product| Happened {
                at: happened.at,
                kind: happened.kind,
                instance: source.name.clone(),
                product,
            }));
        }
        let seen = Stretch {
            until: span.now,
            ..stretch
        };
        let polls = reader.poll_tally(seen, source.interval.saturating_mul(3)).await?;
        health.polls += polls.polls;
        health.failed_polls += polls.failed;
        let gaps = polls.gaps.into_iter();
        health
            .gaps
            .extend(gaps.map(|(from, until)| (source.name.clone(), from, until)));
        health.unknown_products += source.unknown();
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    let shops: Vec<Known<'_>> = read.iter().map(Looked::known).collect();
    let material = Material {
        shops: &shops,
        board,
        events,
        health,
    };
    Ok(compose::compose(outline, span, material))
}

/// A shop with what was read of its history.
struct Looked<'a> {
    source: &'a Source,
    movements: HashMap<u32, Movement>,
    forecasts: Forecasts,
    prices: HashMap<ProductId, Amount>,
    people: People,
}

impl<'a> Looked<'a> {
    async fn read(
        reader: &Reader,
        outline: &Outline,
        span: Span,
        source: &'a Source,
    ) -> Result<Self, StoreError> {
        let idle = span
            .now
            .checked_sub(SignedDuration::try_from(outline.idle_after).unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MIN);
        let back = if outline.has(Topic::Idle) {
            idle.min(span.from)
        } else {
            span.from
        };
        let movements = match source.id {
            Some(instance) => {
                let stretch = Stretch {
                    instance,
                    from: span.from,
                    until: span.until,
                };
                reader.movements(stretch, back).await?
            }
            None => HashMap::new(),
        };
        Ok(Self {
            source,
            movements,
            forecasts: Forecasts::default(),
            prices: HashMap::new(),
            people: People::default(),
        })
    }

    fn known(&self) -> Known<'_> {
        Known {
            instance: &self.source.name,
            memory: &self.source.memory,
            movements: &self.movements,
            forecasts: &self.forecasts,
            prices: &self.prices,
            people: &self.people,
        }
    }
}

impl Source {
    fn happened(&self, product: ProductId) -> Option<ProductRef> {
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
