//! What a page tells of one product's past: its levels over a stretch, when its shop was looked at, and what happened to it.

use jiff::Timestamp;

use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::ProductId;
use crate::store::error::StoreError;
use crate::store::history::RecordedEvent;
use crate::store::history::event;
use crate::store::history::limit_of;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;
use crate::store::value::POOLS;
use crate::store::value::Stood;
use crate::store::value::json;
use crate::store::value::timestamp;
use crate::store::watched::Conn;

/// Rows read at once. They come as one JSON text, several times faster than row by row.
const ROWS: usize = 4000;
/// The most changes of one series that are read; the newest count.
pub const MOST: usize = 250_000;

/// Which series, and which stretch of its past.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    pub instance: InstanceId,
    pub product: ProductId,
    /// `None` for the product itself.
    pub combination: Option<&'a CombinationKey>,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Which events of a product.
#[derive(Debug, Clone, Copy)]
pub struct Happening<'a> {
    pub instance: InstanceId,
    pub product: ProductId,
    /// Of that series alone: the product itself where the key is `None`. All of the product's where nothing is said.
    pub series: Option<Option<&'a CombinationKey>>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before the event of that number.
    pub before: Option<i64>,
    pub limit: usize,
}

impl Reader {
    /// The levels of a series over a stretch, oldest first, one call each; of the time before single levels are kept, how
    /// it stood at the end of each day. Of single levels: first the one in force at `from`, where there
    /// was one. Where there were more than [`MOST`] changes, those before are left out. `false` where there is no such series.
    pub async fn each_level(
        &self,
        stretch: &Stretch<'_>,
        mut each: impl FnMut(Timestamp, Stood) + Send,
    ) -> Result<bool, StoreError> {
        let mut view = self.pool.begin().await?;
        let key = stretch.combination.map_or_else(String::new, ToString::to_string);
        let series: Option<i64> = sqlx::query_scalar(
            "SELECT number FROM series WHERE instance_id = ? AND product_id = ? AND combination = ?",
        )
        .bind(stretch.instance.0)
        .bind(stretch.product)
        .bind(key)
        .fetch_optional(&mut view)
        .await?;
        let Some(series) = series else { return Ok(false) };
        daily(&mut view, stretch, series, &mut each).await?;
        let first = last_poll(&mut view, stretch.instance, stretch.from).await?;
        let last = last_poll(&mut view, stretch.instance, stretch.until).await?;
        let mut next = beginning(&mut view, stretch.instance, series, (first, last)).await?;
        loop {
            let rows = levels(&mut view, stretch.instance, series, (next, last)).await?;
            for (_, at, state, level) in &rows {
                each(timestamp(*at)?, Stood::from_columns(*state, *level)?);
            }
            match rows.last() {
                Some((poll, ..)) if rows.len() == ROWS => next = poll + 1,
                Some(_) | None => return Ok(true),
            }
        }
    }

    /// When the whole shop was read over the stretch, ascending, in milliseconds since 1970: the first time in each slot
    /// of `apart` milliseconds, and the last time before the stretch.
    pub async fn looked_at(&self, stretch: &Stretch<'_>, apart: i64) -> Result<Vec<i64>, StoreError> {
        let mut view = self.pool.begin().await?;
        let first = last_poll(&mut view, stretch.instance, stretch.from).await?;
        let last = last_poll(&mut view, stretch.instance, stretch.until).await?;
        let text: String = sqlx::query_scalar(
            "SELECT json_group_array(at) FROM (SELECT min(observed_at) AS at FROM polls WHERE instance_id = ?1 \
             AND id >= ?2 AND id <= ?3 AND outcome = 0 AND part = 0 GROUP BY observed_at / ?4 ORDER BY at)",
        )
        .bind(stretch.instance.0)
        .bind(first)
        .bind(last)
        .bind(apart.max(1))
        .fetch_one(&mut view)
        .await?;
        json(&text)
    }

    /// What happened to a product or one of its combinations, newest first.
    pub async fn happenings(&self, wanted: &Happening<'_>) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.*, i.name AS instance, NULL AS pool FROM events e INDEXED BY events_of_product \
             JOIN instances i ON i.id = e.instance_id AND i.name <> ?8 \
             WHERE e.instance_id = ?1 AND e.product_id = ?2 AND e.id < ?3 AND (?4 OR e.combination IS ?5) AND e.at >= ?6 \
             ORDER BY e.id DESC LIMIT ?7",
        )
        .bind(wanted.instance.0)
        .bind(wanted.product)
        .bind(wanted.before.unwrap_or(i64::MAX))
        .bind(wanted.series.is_none())
        .bind(wanted.series.flatten().map(ToString::to_string))
        .bind(wanted.since.map_or(i64::MIN, Timestamp::as_millisecond))
        .bind(limit_of(wanted.limit))
        .bind(POOLS)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(event).collect()
    }
}

/// How it stood at the end of the days before the oldest single level, from `from` on.
async fn daily(
    conn: &mut Conn,
    stretch: &Stretch<'_>,
    series: i64,
    each: &mut (impl FnMut(Timestamp, Stood) + Send),
) -> Result<(), StoreError> {
    let text: String = sqlx::query_scalar(
        "SELECT json_group_array(json_array((day + 1) * 86400000, state, last)) FROM (SELECT day, state, last FROM level_days d \
         WHERE instance_id = ?1 AND series = ?2 AND ?3 < (SELECT horizon FROM upkeep) \
         AND day >= coalesce((SELECT max(day) FROM level_days WHERE instance_id = ?1 AND series = ?2 \
         AND (day + 1) * 86400000 <= ?3), 0) AND (day + 1) * 86400000 <= min(?4, \
         (SELECT horizon FROM upkeep), coalesce((SELECT p.observed_at FROM levels l CROSS JOIN polls p ON p.id = l.poll_id \
         WHERE l.instance_id = ?1 AND l.series = ?2 ORDER BY l.poll_id LIMIT 1), ?4)) ORDER BY day)",
    )
    .bind(stretch.instance.0)
    .bind(series)
    .bind(stretch.from.as_millisecond())
    .bind(stretch.until.as_millisecond())
    .fetch_one(conn)
    .await?;
    let days: Vec<(i64, i64, Option<i64>)> = json(&text)?;
    for (ended, state, level) in days {
        each(timestamp(ended)?, Stood::from_columns(state, level)?);
    }
    Ok(())
}

/// Poll, when it looked, state and level.
type LevelRow = (i64, i64, i64, Option<i64>);

/// The poll of the first row to read: the one in force after `first`, but at most [`MOST`] rows before the last.
async fn beginning(
    conn: &mut Conn,
    instance: InstanceId,
    series: i64,
    (first, last): (i64, i64),
) -> Result<i64, StoreError> {
    let poll: i64 = sqlx::query_scalar(
        "SELECT max(coalesce((SELECT max(poll_id) FROM levels WHERE instance_id = ?1 AND series = ?2 AND poll_id <= ?3), 0), \
         coalesce((SELECT poll_id FROM levels WHERE instance_id = ?1 AND series = ?2 AND poll_id > ?3 AND poll_id <= ?4 \
         ORDER BY poll_id DESC LIMIT 1 OFFSET ?5), 0))",
    )
    .bind(instance.0)
    .bind(series)
    .bind(first)
    .bind(last)
    .bind(limit_of(MOST))
    .fetch_one(conn)
    .await?;
    Ok(poll)
}

async fn levels(
    conn: &mut Conn,
    instance: InstanceId,
    series: i64,
    (first, last): (i64, i64),
) -> Result<Vec<LevelRow>, StoreError> {
    let text: String = sqlx::query_scalar(
        "SELECT json_group_array(json_array(poll_id, observed_at, state, level)) FROM ( \
         SELECT l.poll_id, p.observed_at, l.state, l.level FROM levels l CROSS JOIN polls p ON p.id = l.poll_id \
         WHERE l.instance_id = ?1 AND l.series = ?2 AND l.poll_id >= ?3 AND l.poll_id <= ?4 ORDER BY l.poll_id LIMIT ?5)",
    )
    .bind(instance.0)
    .bind(series)
    .bind(first)
    .bind(last)
    .bind(limit_of(ROWS))
    .fetch_one(conn)
    .await?;
    json(&text)
}

/// The shop's last poll at or before then; 0 where there was none. Times never go back within a shop, so that halves of all
/// polls are left aside at each step, without an index of times.
pub(crate) async fn last_poll(
    conn: &mut Conn,
    instance: InstanceId,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let mut high: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM polls")
        .fetch_one(&mut *conn)
        .await?;
    let (mut low, mut found) = (1, 0);
    while low <= high {
        let middle = low + (high - low) / 2;
        let next: Option<(i64, i64)> = sqlx::query_as(
            "SELECT id, observed_at FROM polls WHERE id >= ? AND id <= ? AND instance_id = ? ORDER BY id LIMIT 1",
        )
        .bind(middle)
        .bind(high)
        .bind(instance.0)
        .fetch_optional(&mut *conn)
        .await?;
        match next {
            Some((poll, observed_at)) if observed_at <= at.as_millisecond() => {
                (found, low) = (poll, poll + 1)
            }
            Some(_) | None => high = middle - 1,
        }
    }
    Ok(found)
}
