//! What a report looks back on: movements of levels, what happened to products, and how well the monitor saw.

use std::collections::HashMap;
use std::ops::Range;

use jiff::Timestamp;

use crate::domain::catalogue::ProductId;
use crate::domain::forecast::observed::Observed;
use crate::domain::reporting::movement::Following;
use crate::domain::reporting::movement::Movement;
use crate::domain::reporting::movement::Stood;
use crate::domain::stand::ProductEventKind;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;
use crate::store::value::json;
use crate::store::value::optional_timestamp;
use crate::store::value::timestamp;
use crate::store::watched::Conn;

/// Which stretch of a shop's history.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    pub instance: InstanceId,
    pub from: Timestamp,
    /// Exclusive.
    pub until: Timestamp,
}

/// Something that happened to a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProductHappened {
    pub at: Timestamp,
    pub kind: ProductEventKind,
    pub product: ProductId,
}

/// How a shop's polls went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PollTally {
    pub polls: u64,
    pub failed: u64,
    /// Answered, but not believed.
    pub suspect: u64,
    /// When it was first asked at all.
    pub first: Option<Timestamp>,
}

/// Series read at once. Their levels come as one JSON text, several times faster than row by row.
const SERIES: usize = 500;

/// What a report tells of.
const KINDS: [ProductEventKind; 6] = [
    ProductEventKind::New,
    ProductEventKind::Gone,
    ProductEventKind::Returned,
    ProductEventKind::Renamed,
    ProductEventKind::ControlOn,
    ProductEventKind::ControlOff,
];

impl Reader {
    /// What each series did over the stretch, by its number. Levels are followed from `back` on, so that it shows when
    /// one last fell; a series that nothing was ever known of is not among them.
    pub async fn movements(
        &self,
        stretch: Stretch,
        back: Timestamp,
        observed: &Observed,
    ) -> Result<HashMap<u32, Movement>, StoreError> {
        let mut view = self.pool.begin().await?;
        let first = poll_at(&mut view, stretch.instance, back).await?;
        let end: u32 = sqlx::query_scalar("SELECT next_series FROM instances WHERE id = ?")
            .bind(stretch.instance.0)
            .fetch_one(&mut view)
            .await?;
        let mut movements = HashMap::new();
        for begin in (0..end).step_by(SERIES) {
            let numbers = begin..end.min(begin.saturating_add(SERIES as u32));
            let rows = levels(&mut view, stretch.instance, first, numbers).await?;
            for of_one in rows.chunk_by(|a, b| a.0 == b.0) {
                let mut following = Following::new(stretch.from, stretch.until, observed);
                for (_, at, state, level) in of_one {
                    let at = timestamp(*at)?;
                    if at < stretch.until {
                        following.stood(at, stood(*state, *level)?);
                    }
                }
                movements.extend(of_one.first().map(|row| (row.0, following.end())));
            }
        }
        Ok(movements)
    }

    /// What happened to the shop's products, newest first.
    pub async fn product_events(&self, stretch: Stretch) -> Result<Vec<ProductHappened>, StoreError> {
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT at, kind, product_id FROM events WHERE instance_id = ? AND at >= ? AND at < ? \
             AND product_id IS NOT NULL AND combination IS NULL ORDER BY id DESC",
        )
        .bind(stretch.instance.0)
        .bind(stretch.from.as_millisecond())
        .bind(stretch.until.as_millisecond())
        .fetch_all(&self.pool)
        .await?;
        let told = |(at, kind, product): (i64, String, i64)| {
            let kind = KINDS.into_iter().find(|known| known.as_str() == kind)?;
            Some(timestamp(at).map(|at| ProductHappened { at, kind, product }))
        };
        rows.into_iter().filter_map(told).collect()
    }

    /// How the shop's polls went.
    pub async fn poll_tally(&self, stretch: Stretch) -> Result<PollTally, StoreError> {
        let mut view = self.pool.begin().await?;
        let first = poll_at(&mut view, stretch.instance, stretch.from).await?;
        let (polls, failed, suspect): (i64, i64, i64) = sqlx::query_as(
            "SELECT count(*), coalesce(sum(outcome = 2), 0), coalesce(sum(outcome = 1), 0) FROM polls \
             WHERE instance_id = ? AND id >= ? AND observed_at >= ? AND observed_at < ?",
        )
        .bind(stretch.instance.0)
        .bind(first)
        .bind(stretch.from.as_millisecond())
        .bind(stretch.until.as_millisecond())
        .fetch_one(&mut view)
        .await?;
        let first: Option<i64> =
            sqlx::query_scalar("SELECT observed_at FROM polls WHERE instance_id = ? ORDER BY id LIMIT 1")
                .bind(stretch.instance.0)
                .fetch_optional(&mut view)
                .await?;
        Ok(PollTally {
            polls: polls.unsigned_abs(),
            failed: failed.unsigned_abs(),
            suspect: suspect.unsigned_abs(),
            first: optional_timestamp(first)?,
        })
    }

    /// How many deliveries wait that were queued by `queued_by`, and how many were given up from `since` on.
    pub async fn undelivered(
        &self,
        since: Timestamp,
        queued_by: Timestamp,
    ) -> Result<(u64, u64), StoreError> {
        let (pending, dead): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM outbox WHERE state = 'pending' AND queued_at <= ?), \
             (SELECT count(*) FROM outbox WHERE state = 'dead' AND settled_at >= ?)",
        )
        .bind(queued_by.as_millisecond())
        .bind(since.as_millisecond())
        .fetch_one(&self.pool)
        .await?;
        Ok((pending.unsigned_abs(), dead.unsigned_abs()))
    }
}

/// The last poll of the shop at or before then; 0 where there was none. Polls are looked at from the newest on.
async fn poll_at(conn: &mut Conn, instance: InstanceId, at: Timestamp) -> Result<i64, StoreError> {
    let poll: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM polls WHERE instance_id = ? AND observed_at <= ? ORDER BY id DESC LIMIT 1",
    )
    .bind(instance.0)
    .bind(at.as_millisecond())
    .fetch_optional(conn)
    .await?;
    Ok(poll.unwrap_or_default())
}

/// The series' number, when it stood so first, and how (the columns of `levels`).
type LevelRow = (u32, i64, i64, Option<i64>);

/// The levels of some series from the poll on, with what held then; each series' rows together, oldest first.
async fn levels(
    conn: &mut Conn,
    instance: InstanceId,
    first: i64,
    numbers: Range<u32>,
) -> Result<Vec<LevelRow>, StoreError> {
    let text: String = sqlx::query_scalar(
        "WITH RECURSIVE n (number) AS (SELECT ?3 UNION ALL SELECT number + 1 FROM n WHERE number + 1 < ?4) \
         SELECT json_group_array(json_array(number, observed_at, state, level)) FROM ( \
         SELECT n.number, p.observed_at, l.state, l.level FROM n \
         CROSS JOIN levels l ON l.instance_id = ?1 AND l.series = n.number AND l.poll_id >= coalesce( \
         (SELECT max(poll_id) FROM levels WHERE instance_id = ?1 AND series = n.number AND poll_id <= ?2), 0) \
         CROSS JOIN polls p ON p.id = l.poll_id ORDER BY n.number, l.poll_id)",
    )
    .bind(instance.0)
    .bind(first)
    .bind(numbers.start)
    .bind(numbers.end)
    .fetch_one(conn)
    .await?;
    json(&text)
}

fn stood(state: i64, level: Option<i64>) -> Result<Stood, StoreError> {
    match (state, level) {
        (0, Some(level)) => Ok(Stood::Known(level)),
        (2, None) => Ok(Stood::Unknown),
        (1 | 3, None) => Ok(Stood::Away),
        (code, level) => Err(StoreError::BadData(format!("a level {level:?} of state {code}"))),
    }
}
