//! Reports: which were made, and whether anybody got them.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::store::db::WriteTx;
use crate::store::error::StoreError;
use crate::store::history::limit_of;
use crate::store::reader::Reader;
use crate::store::value::json;
use crate::store::value::optional_timestamp;
use crate::store::value::timestamp;
use crate::store::value::to_json;

/// How far an occasion of a report has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// No report: the schedule was first seen then.
    Begun,
    Queued,
    /// There was nothing to say.
    Skipped,
    /// It could not be made yet.
    Failed,
}

/// An occasion of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub report: String,
    pub scheduled_for: Timestamp,
    pub state: RunState,
    pub made_at: Timestamp,
    /// The ids of what was queued.
    pub messages: Vec<String>,
    /// When it was told that it reached nobody.
    pub told_at: Option<Timestamp>,
}

impl RunState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Queued => "queued",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }

    fn parse(name: &str) -> Result<Self, StoreError> {
        [Self::Begun, Self::Queued, Self::Skipped, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == name)
            .ok_or_else(|| StoreError::BadData(format!("a report's state {name:?}")))
    }

    /// Whether nothing is left to be made.
    #[must_use]
    pub fn is_done(self) -> bool {
        match self {
            Self::Begun | Self::Queued | Self::Skipped => true,
            Self::Failed => false,
        }
    }
}

/// How far a report that was queued has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Since when each of its channels has somebody who took it.
    pub reached_at: Option<Timestamp>,
    /// Nobody will be tried again on one of its channels.
    pub given_up: bool,
    /// Until when it waits for the quiet hours of a channel, where it does.
    pub held_until: Option<Timestamp>,
    /// Why it was not taken last, in words.
    pub error: Option<String>,
}

impl WriteTx {
    /// Notes that it was told that the occasion reached nobody; `false` where it was told before.
    pub async fn mark_report_told(&mut self, run: &Run, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE report_runs SET told_at = ? WHERE report = ? AND scheduled_for = ? AND told_at IS NULL",
        )
        .bind(now.as_millisecond())
        .bind(run.report.as_str())
        .bind(run.scheduled_for.as_millisecond())
        .execute(self.conn())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Records that an occasion came to its state; `false` where it was done already, and nothing is to be sent.
    pub async fn record_report(&mut self, run: &Run) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO report_runs (report, scheduled_for, state, made_at, messages, told_at) \
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (report, scheduled_for) DO UPDATE SET state = excluded.state, \
             made_at = excluded.made_at, messages = excluded.messages, told_at = coalesce(told_at, excluded.told_at) \
             WHERE state = 'failed'",
        )
        .bind(run.report.as_str())
        .bind(run.scheduled_for.as_millisecond())
        .bind(run.state.as_str())
        .bind(run.made_at.as_millisecond())
        .bind(to_json(&run.messages)?)
        .bind(run.told_at.map(Timestamp::as_millisecond))
        .execute(self.conn())
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Reader {
    /// The report's last occasion at or before `now`; what a clock that went ahead has made since is not among them.
    pub async fn last_report(&self, report: &str, now: Timestamp) -> Result<Option<Run>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM report_runs WHERE report = ? AND scheduled_for <= ? ORDER BY scheduled_for DESC LIMIT 1",
        )
        .bind(report)
        .bind(now.as_millisecond())
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(run).transpose()
    }
}

/// When a message was taken by somebody first, whether somebody is still to be tried, when at the latest whoever was not
/// tried yet, and the last error.
type Taken = (Option<i64>, bool, Option<i64>, Option<String>);

impl Reader {
    /// How far the occasion has come.
    pub async fn report_reach(&self, run: &Run) -> Result<Reach, StoreError> {
        let rows: Vec<Taken> = sqlx::query_as(
            "SELECT min(iif(o.state = 'sent', o.settled_at, NULL)), max(o.state = 'pending'), \
             max(iif(o.state = 'pending' AND o.attempts = 0, o.next_attempt_at, NULL)), max(o.last_error) \
             FROM json_each(?) j JOIN messages m ON m.id = j.value JOIN outbox o ON o.message = m.number \
             GROUP BY m.number",
        )
        .bind(to_json(&run.messages)?)
        .fetch_all(&self.pool)
        .await?;
        let taken = |row: &Taken| row.0;
        let reached_at = if rows.iter().all(|row| taken(row).is_some()) {
            rows.iter().filter_map(taken).max()
        } else {
            None
        };
        let open = || rows.iter().filter(|row| taken(row).is_none());
        Ok(Reach {
            reached_at: optional_timestamp(reached_at)?,
            given_up: open().any(|(_, waits, _, _)| !waits),
            held_until: optional_timestamp(open().filter_map(|(_, _, until, _)| *until).max())?,
            error: open().find_map(|(_, _, _, error)| error.clone()),
        })
    }

    /// The report's occasions, newest first.
    pub async fn report_runs(&self, report: &str, limit: usize) -> Result<Vec<Run>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM report_runs WHERE report = ? ORDER BY scheduled_for DESC LIMIT ?")
                .bind(report)
                .bind(limit_of(limit))
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(run).collect()
    }
}

fn run(row: &SqliteRow) -> Result<Run, StoreError> {
    Ok(Run {
        report: row.try_get("report")?,
        scheduled_for: timestamp(row.try_get("scheduled_for")?)?,
        state: RunState::parse(row.try_get("state")?)?,
        made_at: timestamp(row.try_get("made_at")?)?,
        messages: json(row.try_get("messages")?)?,
        told_at: optional_timestamp(row.try_get("told_at")?)?,
    })
}
