//! Old events and delivered messages are taken away, a slice at a time; what is open or not delivered stays.

use jiff::Timestamp;

use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::history::limit_of;
use crate::store::prune::SLICE;
use crate::store::prune::count_removed;
use crate::store::value::to_json;

/// How far a walk through one table has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Walk {
    after: i64,
    done: bool,
}

/// Number, whether it is older than what is kept, and whether it may go.
type Seen = (i64, bool, bool);

impl Walk {
    /// What of the rows may go; the walk is over where none of them was old.
    fn pass(&mut self, rows: &[Seen]) -> Vec<i64> {
        self.after = rows.last().map_or(self.after, |row| row.0);
        self.done = rows.len() < SLICE || !rows.iter().any(|(_, old, _)| *old);
        let gone = rows.iter().filter(|(_, _, gone)| *gone);
        gone.map(|(id, _, _)| *id).collect()
    }
}

impl Store {
    /// Takes events away that happened before then, of what is not open any more; how many of the slice, `None` at the end.
    pub async fn prune_events(
        &self,
        before: Timestamp,
        walk: &mut Walk,
    ) -> Result<Option<usize>, StoreError> {
        let look = "SELECT e.id, e.at < ?2, e.at < ?2 AND NOT CASE WHEN e.product_id IS NULL \
             THEN EXISTS (SELECT 1 FROM instances i WHERE i.id = e.instance_id AND (i.down_since <= e.at OR i.lost <> '[]')) \
             ELSE EXISTS (SELECT 1 FROM series s WHERE s.instance_id = e.instance_id AND s.product_id = e.product_id \
             AND s.combination = coalesce(e.combination, '') AND s.gone = 0 AND s.severity > 0 \
             AND coalesce(s.started_at, s.since) <= e.at) END \
             FROM events e WHERE e.id > ?1 ORDER BY e.id LIMIT ?3";
        let gone = "DELETE FROM events WHERE id IN (SELECT value FROM json_each(?1))";
        self.walk(look, gone, before, walk).await
    }

    /// The same of deliveries that were sent before then. What waits and what was given up stays, and of each report the
    /// last one.
    pub async fn prune_deliveries(
        &self,
        before: Timestamp,
        walk: &mut Walk,
    ) -> Result<Option<usize>, StoreError> {
        let look = "SELECT o.id, o.queued_at < ?2, o.state = 'sent' AND o.leased = 0 AND o.settled_at < ?2 \
             AND o.message NOT IN (SELECT m.number FROM report_runs r, json_each(r.messages) j JOIN messages m ON m.id = j.value \
             WHERE r.scheduled_for = (SELECT max(scheduled_for) FROM report_runs WHERE report = r.report \
             AND messages <> '[]')) FROM outbox o WHERE o.id > ?1 ORDER BY o.id LIMIT ?3";
        let gone = "DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?1))";
        self.walk(look, gone, before, walk).await
    }

    /// The same of messages whose deliveries are all gone.
    pub async fn prune_messages(
        &self,
        before: Timestamp,
        walk: &mut Walk,
    ) -> Result<Option<usize>, StoreError> {
        let look = "SELECT m.number, m.recorded_at < ?2, m.recorded_at < ?2 \
             AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.message = m.number) \
             FROM messages m WHERE m.number > ?1 ORDER BY m.number LIMIT ?3";
        let gone = "DELETE FROM messages WHERE number IN (SELECT value FROM json_each(?1))";
        self.walk(look, gone, before, walk).await
    }

    /// Takes away which days had their reminder, and which reports were made, before then; of each report the last stays.
    pub async fn prune_marks(&self, before: Timestamp) -> Result<(), StoreError> {
        let day = before.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
        let reports = "FROM report_runs WHERE scheduled_for < ?2 AND state <> 'failed' AND scheduled_for < \
             (SELECT max(scheduled_for) FROM report_runs l WHERE l.report = report_runs.report AND l.messages <> '[]')";
        let any: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT EXISTS (SELECT 1 FROM reminders WHERE day < ?1) OR EXISTS (SELECT 1 {reports})"
        )))
        .bind(&day)
        .bind(before.as_millisecond())
        .fetch_one(&self.reader().pool)
        .await?;
        if !any {
            return Ok(());
        }
        let mut tx = self.begin_write().await?;
        let reminders = sqlx::query("DELETE FROM reminders WHERE day < ?").bind(&day);
        let reminders = reminders.execute(tx.conn()).await?.rows_affected();
        let reports = sqlx::query(sqlx::AssertSqlSafe(format!("DELETE {reports}")))
            .bind(&day)
            .bind(before.as_millisecond());
        let reports = reports.execute(tx.conn()).await?.rows_affected();
        count_removed(
            &mut tx,
            usize::try_from(reminders + reports).unwrap_or(usize::MAX),
        )
        .await?;
        tx.commit().await
    }

    async fn walk(
        &self,
        look: &'static str,
        gone: &'static str,
        before: Timestamp,
        walk: &mut Walk,
    ) -> Result<Option<usize>, StoreError> {
        if walk.done {
            return Ok(None);
        }
        let rows: Vec<Seen> = sqlx::query_as(look)
            .bind(walk.after)
            .bind(before.as_millisecond())
            .bind(limit_of(SLICE))
            .fetch_all(&self.reader().pool)
            .await?;
        let ids = walk.pass(&rows);
        if ids.is_empty() {
            return Ok(Some(0));
        }
        let mut tx = self.begin_write().await?;
        sqlx::query(gone).bind(to_json(&ids)?).execute(tx.conn()).await?;
        count_removed(&mut tx, ids.len()).await?;
        tx.commit().await?;
        Ok(Some(ids.len()))
    }
}
