//! The sell rates of a shop's series, worked out from its levels and polls of the last weeks.

use std::collections::HashMap;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::catalogue::ProductId;
use crate::domain::forecast::Forecasts;
use crate::domain::forecast::observed::Observed;
use crate::domain::forecast::rate;
use crate::domain::forecast::rate::Step;
use crate::store::error::StoreError;
use crate::store::history::limit_of;
use crate::store::reader::Reader;
use crate::store::timeline::PastRates;
use crate::store::value::InstanceId;
use crate::store::value::PollId;
use crate::store::value::Stood;
use crate::store::value::json;
use crate::store::value::timestamp;
use crate::store::watched::Conn;

/// A page of polls of one shop, before that one.
const OF_SHOP: &str = "SELECT json_group_array(json_array(id, observed_at, outcome)) FROM (SELECT id, observed_at, outcome \
     FROM polls WHERE instance_id = ? AND id < ? AND part = 0 ORDER BY id DESC LIMIT ?)";
/// The same of all shops that take of a pool.
const OF_POOLS: &str = "SELECT json_group_array(json_array(id, observed_at, outcome)) FROM (SELECT id, observed_at, outcome \
     FROM polls WHERE instance_id <> ?1 AND id < ?2 AND part = 0 \
     AND EXISTS (SELECT 1 FROM pool_parts t WHERE t.instance_id = polls.instance_id) ORDER BY id DESC LIMIT ?3)";
/// Rows read at once.
pub(crate) const ROWS: usize = 4000;
/// Polls closer together than this (milliseconds) tell no more of when the shop was observed.
pub const CLOSE: i64 = 10_000;
const DAY: i64 = 86_400_000;

/// When a shop was looked at, and since which poll.
struct Looked {
    /// The times of the accepted polls, latest first.
    polls: Vec<i64>,
    /// The last poll before the window, or its first.
    since: PollId,
}

impl Reader {
    /// How fast each series of the shop sells, as judged at `now`: from the levels of the last 28 days, read page by
    /// page and one series after the other.
    pub async fn forecasts(&self, instance: InstanceId, now: Timestamp) -> Result<Forecasts, StoreError> {
        self.rates(instance, OF_SHOP, now).await
    }

    /// The same for the pools, whose series are that instance's: they were observed when a shop was that takes of one.
    /// While another of their shops was not read, they are unknown.
    pub async fn pool_forecasts(&self, pools: InstanceId, now: Timestamp) -> Result<Forecasts, StoreError> {
        self.rates(pools, OF_POOLS, now).await
    }

    /// How fast the shop's products sold, as could be told at `since` and each day after that, up to `until`.
    pub async fn daily_rates(
        &self,
        instance: InstanceId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<PastRates>, StoreError> {
        let own: Vec<(u32, ProductId)> = sqlx::query_as(
            "SELECT number, product_id FROM series WHERE instance_id = ? AND combination = ''",
        )
        .bind(instance.0)
        .fetch_all(&self.pool)
        .await?;
        let mut days = Vec::new();
        let mut at = since;
        while at <= until {
            let forecasts = self.forecasts(instance, at).await?;
            let rate = |(series, id): &(u32, ProductId)| Some((*id, *forecasts.rate(*series)?));
            let rates = own.iter().filter_map(rate).collect();
            days.push(PastRates { at, rates });
            let Ok(next) = at.checked_add(SignedDuration::from_hours(24)) else {
                break;
            };
            at = next;
        }
        Ok(days)
    }

    async fn rates(
        &self,
        instance: InstanceId,
        polls: &'static str,
        now: Timestamp,
    ) -> Result<Forecasts, StoreError> {
        let mut view = self.pool.begin().await?;
        let longest = rate::WINDOWS.iter().max().copied().unwrap_or_default();
        let from = now.as_millisecond().saturating_sub(i64::from(longest) * DAY);
        let looked = looked(&mut view, polls, instance, (from, now.as_millisecond())).await?;
        let observed = Observed::from_polls(looked.polls);
        let mut rates = HashMap::new();
        let mut take = |series: u32, steps: &[Step]| {
            if let Some(rate) = rate::sell_rate(steps, &observed, now) {
                rates.insert(series, rate);
            }
        };
        let mut steps: Vec<Step> = Vec::new();
        let mut after = (0, -1);
        loop {
            let rows = levels(&mut view, instance, looked.since, after).await?;
            for (series, poll, at, state, level) in &rows {
                if *series != after.0 {
                    take(after.0, &steps);
                    steps.clear();
                }
                after = (*series, *poll);
                steps.push(step(*at, *state, *level)?);
            }
            if rows.len() < ROWS {
                break;
            }
        }
        take(after.0, &steps);
        rates.shrink_to_fit();
        Ok(Forecasts::new(rates, now))
    }

    /// When the whole shop was read up to `until`, ascending, in milliseconds since 1970: from the last time at or
    /// before `from` on.
    pub async fn read_at(
        &self,
        instance: InstanceId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let mut view = self.pool.begin().await?;
        let within = (from.as_millisecond(), until.as_millisecond());
        let mut polls = looked(&mut view, OF_SHOP, instance, within).await?.polls;
        polls.reverse();
        Ok(polls)
    }
}

/// Series, poll, time, state and level.
pub(crate) type LevelRow = (u32, i64, i64, i64, Option<i64>);

fn step(at: i64, state: i64, level: Option<i64>) -> Result<Step, StoreError> {
    Ok(Step {
        at: timestamp(at)?,
        level: match Stood::from_columns(state, level)? {
            Stood::At(level) => Some(level),
            Stood::Gone => None,
        },
    })
}

/// The accepted looks at all products in that time, latest first.
async fn looked(
    conn: &mut Conn,
    page: &'static str,
    instance: InstanceId,
    (from, until): (i64, i64),
) -> Result<Looked, StoreError> {
    let mut polls: Vec<i64> = Vec::new();
    let mut before = i64::MAX;
    'pages: loop {
        let text: String = sqlx::query_scalar(page)
            .bind(instance.0)
            .bind(before)
            .bind(limit_of(ROWS))
            .fetch_one(&mut *conn)
            .await?;
        let rows: Vec<(i64, i64, i64)> = json(&text)?;
        for (id, at, outcome) in &rows {
            before = *id;
            let close = *at >= from && polls.last().is_some_and(|later| later - at < CLOSE);
            if *outcome == 0 && !close && *at <= until {
                polls.push(*at);
            }
            // A look before the window says how it stood when that began; without one nobody knows.
            if *at <= from && *outcome == 0 {
                break 'pages;
            }
        }
        if rows.len() < ROWS {
            break;
        }
    }
    Ok(Looked {
        polls,
        since: PollId(before),
    })
}

/// A page of levels: of each series the one in force at `since`, and all after that.
pub(crate) async fn levels(
    conn: &mut Conn,
    instance: InstanceId,
    since: PollId,
    after: (u32, i64),
) -> Result<Vec<LevelRow>, StoreError> {
    let text: String = sqlx::query_scalar(
        "WITH RECURSIVE numbers (number) AS (SELECT ?3 UNION ALL SELECT number + 1 FROM numbers \
         WHERE number + 1 < (SELECT next_series FROM instances WHERE id = ?1)) \
         SELECT json_group_array(json_array(series, poll_id, observed_at, state, level)) FROM ( \
         SELECT l.series, l.poll_id, p.observed_at, l.state, l.level FROM numbers n \
         CROSS JOIN levels l ON l.instance_id = ?1 AND l.series = n.number AND l.poll_id >= max(iif(n.number = ?3, \
         ?4 + 1, 0), coalesce((SELECT max(poll_id) FROM levels WHERE instance_id = ?1 AND series = n.number \
         AND poll_id <= ?2), 0)) \
         CROSS JOIN polls p ON p.id = l.poll_id LIMIT ?5)",
    )
    .bind(instance.0)
    .bind(since.0)
    .bind(after.0)
    .bind(after.1)
    .bind(limit_of(ROWS))
    .fetch_one(conn)
    .await?;
    json(&text)
}
