//! What a poll learned, written as differences: changed levels, states, events, and that it happened.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::alerting::decision::Change;
use crate::domain::alerting::decision::Decision;
use crate::domain::alerting::decision::Event;
use crate::domain::alerting::decision::EventKind;
use crate::domain::alerting::decision::Outcome;
use crate::domain::alerting::state::SourceState;
use crate::domain::source::Attempt;
use crate::store::db::WriteTx;
use crate::store::differences::Differences;
use crate::store::error::StoreError;
use crate::store::rows::insert;
use crate::store::rows::insert_levels;
use crate::store::rows::insert_past_labels;
use crate::store::rows::insert_past_products;
use crate::store::rows::insert_products;
use crate::store::rows::insert_series;
use crate::store::rows::millis;
use crate::store::rows::rank;
use crate::store::rows::replace_told;
use crate::store::value::InstanceId;
use crate::store::value::PollId;
use crate::store::value::companion_name;
use crate::store::value::to_json;
use crate::store::watched::Conn;

/// That a poll happened, and how.
#[derive(Debug, Clone)]
pub struct PollRecord {
    /// When GetProducts was asked.
    pub observed_at: Timestamp,
    pub duration: Duration,
    pub outcome: Outcome,
    /// Only some products were looked at.
    pub part: bool,
    /// Particulars of a failure or suspicion, without any secret; "" where none.
    pub detail: String,
    /// The size of the catalogue (of the part that was looked at), where one was read.
    pub products: Option<usize>,
    /// Levels that differ from the last accepted poll.
    pub changes: usize,
    /// The requests, where any of them failed; else empty.
    pub attempts: Vec<Attempt>,
}

impl WriteTx {
    /// Records that a poll happened: one row.
    pub async fn poll(&mut self, instance: InstanceId, poll: &PollRecord) -> Result<PollId, StoreError> {
        let attempts = match poll.attempts.as_slice() {
            [] => None,
            attempts => Some(to_json(&attempts)?),
        };
        let done = sqlx::query(
            "INSERT INTO polls (instance_id, observed_at, duration_ms, outcome, cause, detail, products, changes, \
             attempts, part) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(instance.0)
        .bind(poll.observed_at.as_millisecond())
        .bind(i64::try_from(poll.duration.as_millis()).unwrap_or(i64::MAX))
        .bind(outcome_code(poll.outcome))
        .bind(poll.outcome.cause().map(|cause| cause.as_str()))
        .bind(Some(poll.detail.as_str()).filter(|detail| !detail.is_empty()))
        .bind(poll.products.map(count))
        .bind(count(poll.changes))
        .bind(attempts)
        .bind(poll.part)
        .execute(self.conn())
        .await?;
        Ok(PollId(done.last_insert_rowid()))
    }

    /// Records what the poll's decision changed: levels, products, states, what was told, events and the source. The
    /// messages go through [`WriteTx::enqueue`], what became of acks through [`WriteTx::save_acks`].
    pub async fn save(
        &mut self,
        instance: InstanceId,
        poll: PollId,
        decision: &Decision,
    ) -> Result<(), StoreError> {
        let conn = self.conn();
        let new_series = save_series(conn, instance, poll, &decision.changes, &decision.events).await?;
        let source_spoke = decision.events.iter().any(|event| event.product_id.is_none());
        if decision.source_changed || source_spoke || new_series {
            update_source(conn, instance, &decision.next.source).await?;
        }
        Ok(())
    }

    /// Records what changed between polls: states, what was told, and events. Levels and products do not change then.
    pub async fn save_between_polls(
        &mut self,
        instance: InstanceId,
        changes: &[Change],
        events: &[Event],
    ) -> Result<(), StoreError> {
        let differences = Differences::of(changes);
        let conn = self.conn();
        insert_series(conn, instance, &differences.series).await?;
        replace_told(conn, instance, &differences.told).await?;
        insert_events(conn, instance, None, events).await
    }

    /// Marks that the channel had its reminder of that day; `false` where it had it already.
    pub async fn mark_reminded(&mut self, channel: &str, day: jiff::civil::Date) -> Result<bool, StoreError> {
        let done = sqlx::query("INSERT INTO reminders (channel, day) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(channel)
            .bind(day.to_string())
            .execute(self.conn())
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

/// Records products, series, levels, what was told, and events; whether there is a new series among them.
pub(crate) async fn save_series(
    conn: &mut Conn,
    instance: InstanceId,
    poll: PollId,
    changes: &[Change],
    events: &[Event],
) -> Result<bool, StoreError> {
    let differences = Differences::of(changes);
    insert_products(conn, instance, &differences.products).await?;
    insert_past_products(conn, instance, poll, &differences.past_products).await?;
    insert_series(conn, instance, &differences.series).await?;
    insert_past_labels(conn, instance, poll, &differences.past_labels).await?;
    insert_levels(conn, instance, poll, &differences.levels).await?;
    replace_told(conn, instance, &differences.told).await?;
    insert_events(conn, instance, Some(poll), events).await?;
    Ok(differences.new_series)
}

fn outcome_code(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Accepted => 0,
        Outcome::Suspect => 1,
        Outcome::Failed(_) => 2,
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

async fn insert_events(
    conn: &mut Conn,
    instance: InstanceId,
    poll: Option<PollId>,
    events: &[Event],
) -> Result<(), StoreError> {
    let inserted = insert(
        conn,
        "INSERT INTO events (instance_id, key, poll_id, at, kind, product_id, combination, severity_from, severity_to, \
         reason, level, previous_level, detail) ",
        events,
        |values, event| {
            let (from, to, reason) = severities(&event.kind);
            values
                .push_bind(instance.0)
                .push_bind(event.key.as_str())
                .push_bind(poll.map(|poll| poll.0))
                .push_bind(event.at.as_millisecond())
                .push_bind(event.kind.as_str())
                .push_bind(event.product_id)
                .push_bind(event.combination.as_ref().map(|key| key.to_string()))
                .push_bind(from)
                .push_bind(to)
                .push_bind(reason)
                .push_bind(event.level)
                .push_bind(event.previous_level)
                .push_bind(particulars(&event.kind));
        },
    )
    .await;
    match inserted {
        Err(error) if error.as_database_error().is_some_and(|e| e.is_unique_violation()) => {
            Err(StoreError::Duplicate(repeated(conn, instance, events).await?))
        }
        other => Ok(other?),
    }
}

/// The first key that is recorded already, or stands twice among the events.
async fn repeated(conn: &mut Conn, instance: InstanceId, events: &[Event]) -> Result<String, sqlx::Error> {
    for (index, event) in events.iter().enumerate() {
        let known: Option<i64> =
            sqlx::query_scalar("SELECT id FROM events WHERE instance_id = ? AND key = ?")
                .bind(instance.0)
                .bind(event.key.as_str())
                .fetch_optional(&mut *conn)
                .await?;
        if known.is_some() || events[..index].iter().any(|earlier| earlier.key == event.key) {
            return Ok(event.key.clone());
        }
    }
    Ok(String::new())
}

fn severities(kind: &EventKind) -> (Option<i64>, Option<i64>, Option<&'static str>) {
    match kind {
        EventKind::Severity { from, to, reason } => {
            (Some(rank(*from)), Some(rank(*to)), Some(reason.as_str()))
        }
        EventKind::Product(_)
        | EventKind::SourceDown(_)
        | EventKind::SourceUp
        | EventKind::Degraded(_)
        | EventKind::Restored(_)
        | EventKind::Baseline
        | EventKind::Suspected(_)
        | EventKind::Escalated(_)
        | EventKind::Flapping
        | EventKind::Calm => (None, None, None),
    }
}

fn particulars(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::SourceDown(cause) => Some(cause.as_str()),
        EventKind::Degraded(capability) | EventKind::Restored(capability) => Some(capability.as_str()),
        EventKind::Suspected(why) => Some(why),
        EventKind::Escalated(channels) => Some(channels),
        EventKind::Severity { .. }
        | EventKind::Product(_)
        | EventKind::SourceUp
        | EventKind::Baseline
        | EventKind::Flapping
        | EventKind::Calm => None,
    }
}

pub(crate) async fn update_source(
    conn: &mut Conn,
    instance: InstanceId,
    source: &SourceState,
) -> Result<(), StoreError> {
    let lost: Vec<_> = source
        .lost
        .iter()
        .map(|(capability, since)| (capability.as_str(), since.as_millisecond()))
        .collect();
    sqlx::query(
        "UPDATE instances SET down_since = ?, down_cause = ?, lost = ?, had_stock_fields = ?, had_companion = ?, \
         baselined = ?, transition = ?, next_series = ? WHERE id = ?",
    )
    .bind(millis(source.down.map(|(since, _)| since)))
    .bind(source.down.map(|(_, cause)| cause.as_str()))
    .bind(to_json(&lost)?)
    .bind(source.had_stock_fields)
    .bind(source.had_companion.map(companion_name))
    .bind(to_json(&source.baselined)?)
    .bind(source.transition)
    .bind(source.next_series)
    .bind(instance.0)
    .execute(conn)
    .await?;
    Ok(())
}
