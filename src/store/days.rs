//! Daily figures of levels: worked out once a day is over, and kept when its single levels are gone.

use std::mem;

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::ProductId;
use crate::domain::daily::DAY;
use crate::domain::daily::Daily;
use crate::domain::daily::Days;
use crate::domain::daily::day_of;
use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::forecast;
use crate::store::history::limit_of;
use crate::store::past_levels::last_poll;
use crate::store::reader::Reader;
use crate::store::rows::insert;
use crate::store::value::InstanceId;
use crate::store::value::POOLS;
use crate::store::value::PollId;
use crate::store::value::Stood;
use crate::store::value::json;
use crate::store::watched::Conn;

/// Rows written at once: a poll waits no longer than that takes.
const ROWS: usize = 1000;
/// After its end a day may still be told of by a poll that began in it.
const LATE: i64 = 2 * 3_600_000;

/// The most days that are read of one series: more than a century.
const MOST: usize = 40_000;

/// Of which series.
type OfSeries = (u32, Daily);

/// The daily figures of one series, from which day until which.
#[derive(Debug, Clone, Copy)]
pub struct DaysQuery<'a> {
    pub instance: InstanceId,
    pub product: ProductId,
    /// `None` for the product itself.
    pub combination: Option<&'a CombinationKey>,
    /// Days since 1970 in UTC; the last of them exclusive.
    pub from: i64,
    pub until: i64,
    pub limit: usize,
}

/// A series' past before single levels begin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DailyPast {
    /// Since when single levels can be read back; `None`: always.
    pub horizon: Option<Timestamp>,
    /// Oldest first; of days without a row it stood as at the end of the one before.
    pub days: Vec<Daily>,
}

impl Reader {
    /// The daily figures of a series, oldest first, beginning with those of the last day before `from` that has any:
    /// until a day that has, it stood as at that one's end. Empty where there are none.
    pub async fn daily(&self, query: &DaysQuery<'_>) -> Result<Vec<Daily>, StoreError> {
        let key = query.combination.map_or_else(String::new, ToString::to_string);
        let text: String = sqlx::query_scalar(
            "SELECT json_group_array(json_array(day, first, state, last, least, most, known_ms, out_ms, falls, rises, \
             changes)) FROM (SELECT d.* FROM series s CROSS JOIN level_days d ON d.instance_id = s.instance_id AND d.series = s.number \
             AND d.day >= coalesce((SELECT max(day) FROM level_days WHERE instance_id = s.instance_id \
             AND series = s.number AND day <= ?4), 0) AND d.day < ?5 \
             WHERE s.instance_id = ?1 AND s.product_id = ?2 AND s.combination = ?3 ORDER BY d.day LIMIT ?6)",
        )
        .bind(query.instance.0)
        .bind(query.product)
        .bind(key)
        .bind(query.from)
        .bind(query.until)
        .bind(limit_of(query.limit))
        .fetch_one(&self.pool)
        .await?;
        let rows: Vec<DayRow> = json(&text)?;
        rows.into_iter().map(DayRow::daily).collect()
    }

    /// The daily figures of a series of the time whose single levels are gone; nothing where `from` is later than that.
    pub async fn daily_past(
        &self,
        (instance, product): (InstanceId, ProductId),
        combination: Option<&CombinationKey>,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<DailyPast, StoreError> {
        let Some(horizon) = self.upkeep().await?.horizon else {
            return Ok(DailyPast::default());
        };
        let until = until.map_or(horizon, |until| until.min(horizon));
        let mut days = Vec::new();
        if from.is_none_or(|from| from < until) {
            let query = DaysQuery {
                instance,
                product,
                combination,
                from: from.map_or(0, |from| day_of(from.as_millisecond())),
                until: day_of(until.as_millisecond().saturating_add(DAY - 1)),
                limit: MOST,
            };
            days = self.daily(&query).await?;
        }
        Ok(DailyPast {
            horizon: Some(horizon),
            days,
        })
    }

    /// The shops, and the pools among them, each with the day until which its figures are worked out.
    pub(crate) async fn days_until(&self) -> Result<Vec<(InstanceId, String, i64)>, StoreError> {
        let rows: Vec<(i64, String, i64)> =
            sqlx::query_as("SELECT id, name, days_until FROM instances ORDER BY id")
                .fetch_all(&self.pool)
                .await?;
        let named = |(id, name, day)| (InstanceId(id), name, day);
        Ok(rows.into_iter().map(named).collect())
    }
}

/// A row of `level_days`, in the order it is selected.
#[derive(Deserialize)]
struct DayRow {
    day: i64,
    first: Option<i64>,
    state: i64,
    last: Option<i64>,
    least: Option<i64>,
    most: Option<i64>,
    known_ms: i64,
    out_ms: i64,
    falls: i64,
    rises: i64,
    changes: i64,
}

impl DayRow {
    fn daily(self) -> Result<Daily, StoreError> {
        Ok(Daily {
            day: self.day,
            first: self.first,
            last: match Stood::from_columns(self.state, self.last)? {
                Stood::At(level) => Some(level),
                Stood::Gone => None,
            },
            least: self.least,
            most: self.most,
            known_ms: self.known_ms,
            out_ms: self.out_ms,
            falls: self.falls,
            rises: self.rises,
            changes: self.changes,
        })
    }
}

impl Store {
    /// Works out the daily figures of all days that are over and not worked out yet; how many rows that made. Done again,
    /// it makes the same rows. Cut short, it goes on the next time.
    pub async fn work_out_days(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut made = 0;
        for (instance, name, done) in self.reader().days_until().await? {
            let mut view = self.reader().pool.begin().await?;
            let newest = newest(&mut view, instance, name == POOLS).await?;
            let over = over(now.as_millisecond(), newest);
            if over <= done {
                continue;
            }
            // What came late for the day before counts, too, as long as all of that day is there.
            let kept_from = horizon(&mut view)
                .await?
                .map_or(0, |at| day_of(at.saturating_add(DAY - 1)));
            let from = (done - 1).max(kept_from).max(0).min(done);
            let since = poll_before(&mut view, instance, name == POOLS, from.saturating_mul(DAY)).await?;
            drop(view);
            made += self.work_out(instance, PollId(since), (from, over)).await?;
            self.note_days(instance, over).await?;
        }
        Ok(made)
    }

    async fn work_out(
        &self,
        instance: InstanceId,
        since: PollId,
        (from, until): (i64, i64),
    ) -> Result<u64, StoreError> {
        let (mut made, mut ready) = (0, Vec::new());
        let mut days = Days::new(from, until);
        let mut after = (0, -1);
        loop {
            // A view of its own for each page: one that lasted would let the write-ahead log grow. The past does not change.
            let mut view = self.reader().pool.begin().await?;
            let rows = forecast::levels(&mut view, instance, since, after).await?;
            drop(view);
            for (series, poll, at, state, level) in &rows {
                if *series != after.0 {
                    let ended = mem::replace(&mut days, Days::new(from, until)).end();
                    ready.extend(ended.into_iter().map(|day| (after.0, day)));
                }
                after = (*series, *poll);
                let stood = Stood::from_columns(*state, *level)?;
                days.stood(
                    *at,
                    match stood {
                        Stood::At(level) => Some(level),
                        Stood::Gone => None,
                    },
                );
            }
            let last = rows.len() < forecast::ROWS;
            if last {
                let ended = mem::replace(&mut days, Days::new(from, until)).end();
                ready.extend(ended.into_iter().map(|day| (after.0, day)));
            }
            made += ready.len() as u64;
            for some in ready.chunks(ROWS) {
                self.record_days(instance, some).await?;
            }
            ready.clear();
            if last {
                return Ok(made);
            }
        }
    }

    async fn record_days(&self, instance: InstanceId, days: &[OfSeries]) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        insert(
            tx.conn(),
            "INSERT OR REPLACE INTO level_days (instance_id, series, day, first, state, last, least, most, known_ms, \
             out_ms, falls, rises, changes) ",
            days,
            |values, (series, day)| {
                let stood = day.last.map_or(Stood::Gone, Stood::At);
                values
                    .push_bind(instance.0)
                    .push_bind(*series)
                    .push_bind(day.day)
                    .push_bind(day.first)
                    .push_bind(stood.code())
                    .push_bind(stood.level())
                    .push_bind(day.least)
                    .push_bind(day.most)
                    .push_bind(day.known_ms)
                    .push_bind(day.out_ms)
                    .push_bind(day.falls)
                    .push_bind(day.rises)
                    .push_bind(day.changes);
            },
        )
        .await?;
        tx.commit().await
    }

    async fn note_days(&self, instance: InstanceId, until: i64) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        sqlx::query("UPDATE instances SET days_until = ? WHERE id = ?")
            .bind(until)
            .bind(instance.0)
            .execute(tx.conn())
            .await?;
        tx.commit().await
    }
}

/// The day before which all are over: as seen from the clock, but none that the polls have not come to (a clock that is
/// wrong must not end days), unless none came for two days.
fn over(now: i64, newest: Option<i64>) -> i64 {
    let by_clock = day_of(now.saturating_sub(LATE));
    let Some(newest) = newest else { return 0 };
    let reached = day_of(newest);
    let ended = now.saturating_sub(newest) > 2 * DAY;
    by_clock.min(if ended { reached + 1 } else { reached }).max(0)
}

/// When the shop was last looked at; for the pools, any.
async fn newest(conn: &mut Conn, instance: InstanceId, pools: bool) -> Result<Option<i64>, StoreError> {
    let newest = sqlx::query_scalar(
        "SELECT observed_at FROM polls WHERE ?2 OR instance_id = ?1 ORDER BY id DESC LIMIT 1",
    );
    Ok(newest.bind(instance.0).bind(pools).fetch_optional(conn).await?)
}

/// From when on instants can be read back, in milliseconds since 1970; `None`: always.
pub(crate) async fn horizon(conn: &mut Conn) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar("SELECT horizon FROM upkeep")
        .fetch_one(conn)
        .await?)
}

/// A poll before which (itself included) everything of the shop was observed before `at`, and after which nothing was; of
/// the pools, which polls of several shops move, one before which everything was.
pub(crate) async fn poll_before(
    conn: &mut Conn,
    instance: InstanceId,
    pools: bool,
    at: i64,
) -> Result<i64, StoreError> {
    let Ok(before) = Timestamp::from_millisecond(at.saturating_sub(1)) else {
        return Ok(0);
    };
    if !pools {
        return last_poll(conn, instance, before).await;
    }
    let shops: Vec<i64> = sqlx::query_scalar("SELECT id FROM instances WHERE name <> ?")
        .bind(POOLS)
        .fetch_all(&mut *conn)
        .await?;
    let mut first: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM polls")
        .fetch_one(&mut *conn)
        .await?;
    for shop in shops {
        let last = last_poll(conn, InstanceId(shop), before).await?;
        let next: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM polls WHERE id > ? AND id < ? AND instance_id = ? ORDER BY id LIMIT 1",
        )
        .bind(last)
        .bind(first)
        .bind(shop)
        .fetch_optional(&mut *conn)
        .await?;
        first = next.unwrap_or(first);
    }
    Ok(first - 1)
}
