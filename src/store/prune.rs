//! What is older than the horizon is taken away, a slice at a time: no write waits longer than for one slice.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::daily::DAY;
use crate::store::days::poll_before;
use crate::store::db::Store;
use crate::store::db::WriteTx;
use crate::store::error::StoreError;
use crate::store::history::limit_of;
use crate::store::value::InstanceId;
use crate::store::value::POOLS;
use crate::store::value::json;
use crate::store::value::to_json;

/// Rows taken away in one transaction.
pub const SLICE: usize = 2000;
/// So many of the polls that failed last before the horizon stay: how often it failed says when to ask again.
const FAILED: i64 = 20;
/// Series looked through at once.
const SERIES: u32 = 2000;

/// Up to where rows of an instance may go.
#[derive(Debug, Clone, Copy)]
struct Cut {
    instance: InstanceId,
    /// Everything it saw up to this poll was seen before the horizon.
    poll: i64,
    /// Series have numbers below this.
    series: u32,
    /// Its polls are others' (those of the pools).
    borrowed: bool,
}

/// The rows before a horizon, as they are taken away slice by slice. What holds at the horizon stays: the level in force
/// of each series with the poll that saw it, and the last polls.
#[derive(Debug)]
pub struct Pruning {
    horizon: i64,
    cuts: Vec<Cut>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Levels {
        place: usize,
        series: u32,
    },
    Products(usize),
    Labels(usize),
    Polls {
        place: usize,
        after: i64,
        kept: BTreeSet<i64>,
    },
    Done,
}

impl Store {
    /// Records that how it stood before `wanted` cannot be read back any more, and begins to take those rows away. Never
    /// beyond days whose figures are not worked out yet, and never back. `None` where there is nothing to be taken away.
    pub async fn begin_pruning(&self, wanted: Timestamp) -> Result<Option<Pruning>, StoreError> {
        let wanted = wanted.as_millisecond().min(self.worked_out().await?);
        let wanted = wanted.div_euclid(DAY).saturating_mul(DAY);
        let mut view = self.reader().pool.begin().await?;
        let (stands, pruned): (Option<i64>, Option<i64>) =
            sqlx::query_as("SELECT horizon, pruned FROM upkeep")
                .fetch_one(&mut view)
                .await?;
        let first: Option<i64> = sqlx::query_scalar("SELECT observed_at FROM polls ORDER BY id LIMIT 1")
            .fetch_optional(&mut view)
            .await?;
        drop(view);
        // Begun again where it was cut short: what is gone costs only a look.
        let horizon = stands.map_or(wanted, |stands| stands.max(wanted));
        if pruned == Some(horizon) {
            return Ok(None);
        }
        if first.is_none_or(|first| first >= horizon) {
            return Ok(None);
        }
        if stands != Some(horizon) {
            let mut tx = self.begin_write().await?;
            set_horizon(&mut tx, "UPDATE upkeep SET horizon = ?", horizon).await?;
            tx.commit().await?;
        }
        Ok(Some(Pruning {
            horizon,
            cuts: self.cuts(horizon).await?,
            stage: Stage::Levels { place: 0, series: 0 },
        }))
    }

    /// Until when all daily figures are worked out, in milliseconds since 1970.
    async fn worked_out(&self) -> Result<i64, StoreError> {
        let mut view = self.reader().pool.begin().await?;
        let mut least = i64::MAX;
        let rows: Vec<(i64, Option<i64>)> = sqlx::query_as(
            "SELECT days_until, (SELECT observed_at FROM polls WHERE i.name = ?1 OR instance_id = i.id \
             ORDER BY id DESC LIMIT 1) FROM instances i",
        )
        .bind(POOLS)
        .fetch_all(&mut view)
        .await?;
        for (days, newest) in rows {
            let until = days.saturating_mul(DAY);
            // Where the last that was ever seen is worked out, there is nothing more to wait for.
            if newest.is_some_and(|newest| newest >= until) {
                least = least.min(until);
            }
        }
        Ok(least)
    }

    async fn cuts(&self, horizon: i64) -> Result<Vec<Cut>, StoreError> {
        let mut view = self.reader().pool.begin().await?;
        let instances: Vec<(i64, bool, u32)> =
            sqlx::query_as("SELECT id, name = ?, next_series FROM instances ORDER BY id")
                .bind(POOLS)
                .fetch_all(&mut view)
                .await?;
        let mut cuts = Vec::with_capacity(instances.len());
        for (id, borrowed, series) in instances {
            let instance = InstanceId(id);
            let poll = poll_before(&mut view, instance, borrowed, horizon).await?;
            cuts.push(Cut {
                instance,
                poll,
                series,
                borrowed,
            });
        }
        Ok(cuts)
    }

    /// Takes rows away in one transaction.
    pub(crate) async fn take<T: Serialize>(
        &self,
        sql: &'static str,
        instance: InstanceId,
        rows: &[T],
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin_write().await?;
        sqlx::query(sql)
            .bind(instance.0)
            .bind(to_json(&rows)?)
            .execute(tx.conn())
            .await?;
        count_removed(&mut tx, rows.len()).await?;
        tx.commit().await
    }
}

async fn set_horizon(tx: &mut WriteTx, sql: &'static str, horizon: i64) -> Result<(), StoreError> {
    sqlx::query(sql).bind(horizon).execute(tx.conn()).await?;
    Ok(())
}

/// Adds to the count of rows that were ever taken away.
pub(crate) async fn count_removed(tx: &mut WriteTx, rows: usize) -> Result<(), StoreError> {
    sqlx::query("UPDATE upkeep SET removed = removed + ?")
        .bind(limit_of(rows))
        .execute(tx.conn())
        .await?;
    Ok(())
}

impl Pruning {
    /// Takes the next rows away, [`SLICE`] at the most; how many, or `None` where none are left.
    pub async fn slice(&mut self, store: &Store) -> Result<Option<usize>, StoreError> {
        let (taken, next) = match &mut self.stage {
            Stage::Done => return Ok(None),
            Stage::Levels { place, series } => match self.cuts.get(*place) {
                None => (0, Some(Stage::Products(0))),
                Some(cut) if *series >= cut.series => {
                    (*place, *series) = (*place + 1, 0);
                    (0, None)
                }
                Some(cut) => {
                    let (taken, next) = levels(store, cut, *series).await?;
                    *series = next;
                    (taken, None)
                }
            },
            Stage::Products(place) => match self.cuts.get(*place) {
                None => (0, Some(Stage::Labels(0))),
                Some(cut) => {
                    let taken = products(store, cut).await?;
                    *place += usize::from(taken < SLICE);
                    (taken, None)
                }
            },
            Stage::Labels(place) => match self.cuts.get(*place) {
                None => {
                    let kept = referred_to(store, &self.cuts).await?;
                    let first = Stage::Polls {
                        place: 0,
                        after: 0,
                        kept,
                    };
                    (0, Some(first))
                }
                Some(cut) => {
                    let taken = labels(store, cut).await?;
                    *place += usize::from(taken < SLICE);
                    (taken, None)
                }
            },
            Stage::Polls { place, after, kept } => match self.cuts.get(*place) {
                None => (0, Some(Stage::Done)),
                Some(cut) => {
                    let (taken, next) = polls(store, cut, *after, kept).await?;
                    match next {
                        Some(next) => *after = next,
                        None => (*place, *after) = (*place + 1, 0),
                    }
                    (taken, None)
                }
            },
        };
        if let Some(next) = next {
            self.stage = next;
        }
        if matches!(self.stage, Stage::Done) {
            let mut tx = store.begin_write().await?;
            set_horizon(&mut tx, "UPDATE upkeep SET pruned = ?", self.horizon).await?;
            tx.commit().await?;
        }
        Ok(Some(taken))
    }
}

/// Levels that held before the one in force at the cut, of series from `from` on; how many, and where to go on.
async fn levels(store: &Store, cut: &Cut, from: u32) -> Result<(usize, u32), StoreError> {
    let until = cut.series.min(from.saturating_add(SERIES));
    let text: String = sqlx::query_scalar(
        "WITH RECURSIVE n (number) AS (SELECT ?3 UNION ALL SELECT number + 1 FROM n WHERE number + 1 < ?4) \
         SELECT json_group_array(json_array(series, poll_id)) FROM (SELECT l.series, l.poll_id FROM n \
         CROSS JOIN levels l ON l.instance_id = ?1 AND l.series = n.number AND l.poll_id < \
         (SELECT max(poll_id) FROM levels WHERE instance_id = ?1 AND series = n.number AND poll_id <= ?2) LIMIT ?5)",
    )
    .bind(cut.instance.0)
    .bind(cut.poll)
    .bind(from)
    .bind(until)
    .bind(limit_of(SLICE))
    .fetch_one(&store.reader().pool)
    .await?;
    let rows: Vec<(u32, i64)> = json(&text)?;
    let taken = "DELETE FROM levels WHERE instance_id = ?1 AND (series, poll_id) IN \
         (SELECT value ->> 0, value ->> 1 FROM json_each(?2))";
    store.take(taken, cut.instance, &rows).await?;
    let next = match rows.last() {
        Some((series, _)) if rows.len() == SLICE => *series,
        Some(_) | None => until,
    };
    Ok((rows.len(), next))
}

/// How products were until polls that no kept one comes before.
async fn products(store: &Store, cut: &Cut) -> Result<usize, StoreError> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT product_id, until_poll FROM product_history WHERE instance_id = ? AND until_poll <= ? LIMIT ?",
    )
    .bind(cut.instance.0)
    .bind(last_accepted(store, cut).await?)
    .bind(limit_of(SLICE))
    .fetch_all(&store.reader().pool)
    .await?;
    let taken = "DELETE FROM product_history WHERE instance_id = ?1 AND (product_id, until_poll) IN \
         (SELECT value ->> 0, value ->> 1 FROM json_each(?2))";
    store.take(taken, cut.instance, &rows).await?;
    Ok(rows.len())
}

/// The same of what combinations were called.
async fn labels(store: &Store, cut: &Cut) -> Result<usize, StoreError> {
    let rows: Vec<(u32, i64)> = sqlx::query_as(
        "SELECT series, until_poll FROM label_history WHERE instance_id = ? AND until_poll <= ? LIMIT ?",
    )
    .bind(cut.instance.0)
    .bind(last_accepted(store, cut).await?)
    .bind(limit_of(SLICE))
    .fetch_all(&store.reader().pool)
    .await?;
    let taken = "DELETE FROM label_history WHERE instance_id = ?1 AND (series, until_poll) IN \
         (SELECT value ->> 0, value ->> 1 FROM json_each(?2))";
    store.take(taken, cut.instance, &rows).await?;
    Ok(rows.len())
}

/// The last poll up to the cut that was believed: what is asked of the horizon is what it left.
async fn last_accepted(store: &Store, cut: &Cut) -> Result<i64, StoreError> {
    if cut.borrowed {
        return Ok(cut.poll);
    }
    let poll: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM polls WHERE instance_id = ? AND id <= ? AND outcome = 0 ORDER BY id DESC LIMIT 1",
    )
    .bind(cut.instance.0)
    .bind(cut.poll)
    .fetch_optional(&store.reader().pool)
    .await?;
    Ok(poll.unwrap_or_default())
}

/// The polls up to the cuts that are still needed: those that saw a kept level, those that events of pools have their shop
/// from, the last that were believed, and what failed first and last after them.
async fn referred_to(store: &Store, cuts: &[Cut]) -> Result<BTreeSet<i64>, StoreError> {
    let newest = cuts.iter().map(|cut| cut.poll).max().unwrap_or_default();
    let mut kept = BTreeSet::new();
    for cut in cuts {
        for from in (0..cut.series).step_by(SERIES as usize) {
            let polls: Vec<i64> = sqlx::query_scalar(
                "WITH RECURSIVE n (number) AS (SELECT ?3 UNION ALL SELECT number + 1 FROM n WHERE number + 1 < ?4) \
                 SELECT DISTINCT l.poll_id FROM n CROSS JOIN levels l ON l.instance_id = ?1 AND l.series = n.number \
                 AND l.poll_id <= ?2",
            )
            .bind(cut.instance.0)
            .bind(newest)
            .bind(from)
            .bind(cut.series.min(from.saturating_add(SERIES)))
            .fetch_all(&store.reader().pool)
            .await?;
            kept.extend(polls);
        }
        if cut.borrowed {
            let of_events: Vec<i64> = sqlx::query_scalar(
                "SELECT DISTINCT poll_id FROM events WHERE instance_id = ?1 AND poll_id <= ?2",
            )
            .bind(cut.instance.0)
            .bind(newest)
            .fetch_all(&store.reader().pool)
            .await?;
            kept.extend(of_events);
            continue;
        }
        let last: Vec<Option<i64>> = sqlx::query_scalar(
            "WITH whole (id) AS (SELECT max(id) FROM polls WHERE instance_id = ?1 AND id <= ?2 AND outcome = 0 \
             AND part = 0) SELECT id FROM whole UNION \
             SELECT max(id) FROM polls WHERE instance_id = ?1 AND id <= ?2 AND outcome = 0 UNION \
             SELECT min(p.id) FROM polls p, whole w WHERE p.instance_id = ?1 AND p.id > coalesce(w.id, 0) \
             AND p.id <= ?2 AND p.outcome <> 0 AND NOT (p.part = 1 AND p.outcome = 1) UNION \
             SELECT id FROM (SELECT p.id FROM polls p, whole w WHERE p.instance_id = ?1 AND p.id > coalesce(w.id, 0) \
             AND p.id <= ?2 AND p.outcome <> 0 ORDER BY p.id DESC LIMIT ?3)",
        )
        .bind(cut.instance.0)
        .bind(cut.poll)
        .bind(FAILED)
        .fetch_all(&store.reader().pool)
        .await?;
        kept.extend(last.into_iter().flatten());
    }
    Ok(kept)
}

/// Polls of the shop up to the cut that nothing refers to; how many, and after which to go on.
async fn polls(
    store: &Store,
    cut: &Cut,
    after: i64,
    kept: &BTreeSet<i64>,
) -> Result<(usize, Option<i64>), StoreError> {
    if cut.borrowed {
        return Ok((0, None));
    }
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM polls WHERE instance_id = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?",
    )
    .bind(cut.instance.0)
    .bind(after)
    .bind(cut.poll)
    .bind(limit_of(SLICE))
    .fetch_all(&store.reader().pool)
    .await?;
    let next = ids.last().copied().filter(|_| ids.len() == SLICE);
    let gone: Vec<i64> = ids.into_iter().filter(|id| !kept.contains(id)).collect();
    let taken = "DELETE FROM polls WHERE instance_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
    store.take(taken, cut.instance, &gone).await?;
    Ok((gone.len(), next))
}
