//! What was: polls, events, the levels of a series over time, and the catalogue as it stood.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::QueryBuilder;
use sqlx::Row;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteRow;

use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::ProductId;
use crate::domain::message::Reason;
use crate::domain::source::Attempt;
use crate::domain::source::Cause;
use crate::domain::stand::Severity;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;
use crate::store::value::POOLS;
use crate::store::value::PollId;
use crate::store::value::Stood;
use crate::store::value::cause;
use crate::store::value::json;
use crate::store::value::timestamp;

/// The kind of events of which there are many.
const SEVERITY: &str = "severity";

/// A shop that was ever polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub id: InstanceId,
    pub name: String,
}

/// A poll, as it is listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    pub id: PollId,
    /// The shop's name.
    pub instance: String,
    pub observed_at: Timestamp,
    pub duration: Duration,
    /// `accepted`, `suspect` or `failed`.
    pub outcome: &'static str,
    /// Only some products were looked at.
    pub part: bool,
    pub cause: Option<Cause>,
    /// "" where there are no particulars.
    pub detail: String,
    pub products: Option<u64>,
    pub changes: u64,
    /// Empty where no request failed.
    pub attempts: Vec<Attempt>,
}

/// How a poll went, without particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub at: Timestamp,
    pub duration: Duration,
    /// `accepted`, `suspect` or `failed`.
    pub outcome: &'static str,
    /// Only some products were looked at.
    pub part: bool,
}

/// Which polls; what is `None` does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct PollFilter {
    pub instance: Option<InstanceId>,
    pub outcome: Option<PollOutcome>,
}

/// How a poll ended, without the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollOutcome {
    Accepted,
    Suspect,
    Failed,
}

impl PollOutcome {
    /// All of them, as they are numbered in the database.
    const ALL: [Self; 3] = [Self::Accepted, Self::Suspect, Self::Failed];

    /// `accepted`, `suspect` or `failed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Suspect => "suspect",
            Self::Failed => "failed",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }

    fn number(self) -> i64 {
        match self {
            Self::Accepted => 0,
            Self::Suspect => 1,
            Self::Failed => 2,
        }
    }
}

/// Which events; what is `None` does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventFilter<'a> {
    pub instance: Option<InstanceId>,
    pub product: Option<ProductId>,
    /// As in [`crate::domain::alerting::decision::EventKind::as_str`].
    pub kind: Option<&'a str>,
    /// What it became, of those of kind `severity`.
    pub severity: Option<Severity>,
}

/// An event, as it is listed.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    pub id: i64,
    /// The shop's name; of a pool's event the shop whose poll showed it. "" where it is about none (a silence).
    pub instance: String,
    /// The pool's name, where it is about one; `product_id` is then its number.
    pub pool: Option<String>,
    pub key: String,
    /// `None` between polls.
    pub poll: Option<PollId>,
    pub at: Timestamp,
    pub kind: String,
    pub product_id: Option<ProductId>,
    pub combination: Option<String>,
    pub severity_from: Option<Severity>,
    pub severity_to: Option<Severity>,
    pub reason: Option<String>,
    pub level: Option<i64>,
    pub previous_level: Option<i64>,
    /// A cause, a capability, or particulars in words.
    pub detail: Option<String>,
}

impl RecordedEvent {
    /// Whether it tells of the first figure that was ever known of its series: before it was no severity to speak of.
    #[must_use]
    pub fn is_first_figure(&self) -> bool {
        self.reason.as_deref() == Some(Reason::First.as_str())
            && self.level.is_some()
            && self.previous_level.is_none()
            && self.severity_from == Some(Severity::Ok)
    }
}

/// Which levels of which series.
#[derive(Debug, Clone, Copy)]
pub struct LevelQuery<'a> {
    pub instance: InstanceId,
    pub product: ProductId,
    /// `None` for the product itself.
    pub combination: Option<&'a CombinationKey>,
    /// From the level in force at that time on.
    pub from: Option<Timestamp>,
    /// Up to and with that time.
    pub to: Option<Timestamp>,
    /// Only what polls after this one saw: the last point of the page before.
    pub after: Option<PollId>,
    pub limit: usize,
}

/// A level, from the poll that saw it first until the next point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub poll: PollId,
    pub observed_at: Timestamp,
    pub stood: Stood,
}

impl Reader {
    /// The shops, by name.
    pub async fn instances(&self) -> Result<Vec<Instance>, StoreError> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT id, name FROM instances WHERE name <> ? ORDER BY name")
                .bind(POOLS)
                .fetch_all(&self.pool)
                .await?;
        let instance = |(id, name)| Instance {
            id: InstanceId(id),
            name,
        };
        Ok(rows.into_iter().map(instance).collect())
    }

    /// Polls, newest first, of one shop or of all, before the one given.
    pub async fn polls(
        &self,
        instance: Option<InstanceId>,
        before: Option<PollId>,
        limit: usize,
    ) -> Result<Vec<Poll>, StoreError> {
        let filter = PollFilter {
            instance,
            ..PollFilter::default()
        };
        self.polls_of(filter, before, limit).await
    }

    /// Polls, newest first, before the one given.
    pub async fn polls_of(
        &self,
        filter: PollFilter,
        before: Option<PollId>,
        limit: usize,
    ) -> Result<Vec<Poll>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.*, i.name AS instance FROM polls p JOIN instances i ON i.id = p.instance_id \
             WHERE p.id < ?1 AND (?2 IS NULL OR p.instance_id = ?2) AND (?4 IS NULL OR p.outcome = ?4) \
             ORDER BY p.id DESC LIMIT ?3",
        )
        .bind(before.map_or(i64::MAX, |poll| poll.0))
        .bind(filter.instance.map(|instance| instance.0))
        .bind(limit_of(limit))
        .bind(filter.outcome.map(PollOutcome::number))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(poll).collect()
    }

    /// How the shop's polls went, oldest first, from the last accepted look at all its products before `since` on (from
    /// the first poll on where there was none); of more than `limit` the newest.
    pub async fn looks_since(
        &self,
        instance: InstanceId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Look>, StoreError> {
        let rows: Vec<(i64, i64, i64, bool)> = sqlx::query_as(
            "SELECT observed_at, duration_ms, outcome, part FROM polls WHERE instance_id = ?1 AND id >= coalesce( \
             (SELECT id FROM polls WHERE instance_id = ?1 AND outcome = 0 AND part = 0 AND observed_at <= ?2 \
             ORDER BY id DESC LIMIT 1), 0) ORDER BY id DESC LIMIT ?3",
        )
        .bind(instance.0)
        .bind(since.as_millisecond())
        .bind(limit_of(limit))
        .fetch_all(&self.pool)
        .await?;
        let look = |(at, duration, how, part): (i64, i64, i64, bool)| {
            Ok(Look {
                at: timestamp(at)?,
                duration: Duration::from_millis(duration.unsigned_abs()),
                outcome: outcome(how)?,
                part,
            })
        };
        rows.into_iter().rev().map(look).collect()
    }

    /// Events, newest first, before the one given; those of pools where no shop is asked for.
    pub async fn events(
        &self,
        filter: EventFilter<'_>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let mut query = chosen_events(filter, before);
        query
            .push(" ORDER BY e.id DESC LIMIT ")
            .push_bind(limit_of(limit));
        let rows = query.build().persistent(false).fetch_all(&self.pool).await?;
        rows.iter().map(event).collect()
    }

    /// What people did about a series (of a pool by its number), and what came of it, oldest first.
    pub async fn people_events(
        &self,
        instance: InstanceId,
        product: ProductId,
        combination: Option<&CombinationKey>,
        from: Option<Timestamp>,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.*, i.name AS instance, NULL AS pool FROM events e JOIN instances i ON i.id = e.instance_id \
             WHERE e.instance_id = ?1 AND e.product_id = ?2 AND e.combination IS ?3 AND e.at >= ?4 \
             AND e.kind IN ('acked', 'ack_ended', 'overdue', 'escalated', 'flapping', 'calm') ORDER BY e.id",
        )
        .bind(instance.0)
        .bind(product)
        .bind(combination.map(ToString::to_string))
        .bind(from.map_or(i64::MIN, Timestamp::as_millisecond))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(event).collect()
    }

    /// The levels of a series, oldest first; `None` where there is no such series.
    pub async fn level_history(&self, query: &LevelQuery<'_>) -> Result<Option<Vec<Point>>, StoreError> {
        let mut view = self.pool.begin().await?;
        let key = query.combination.map_or_else(String::new, |key| key.to_string());
        let series: Option<i64> = sqlx::query_scalar(
            "SELECT number FROM series WHERE instance_id = ? AND product_id = ? AND combination = ?",
        )
        .bind(query.instance.0)
        .bind(query.product)
        .bind(key)
        .fetch_optional(&mut view)
        .await?;
        let Some(series) = series else { return Ok(None) };
        let rows: Vec<(i64, i64, i64, Option<i64>)> = sqlx::query_as(
            "SELECT l.poll_id, p.observed_at, l.state, l.level FROM levels l CROSS JOIN polls p ON p.id = l.poll_id \
             WHERE l.instance_id = ?1 AND l.series = ?2 AND l.poll_id > ?3 AND p.observed_at <= ?4 \
             AND l.poll_id >= coalesce((SELECT m.poll_id FROM levels m CROSS JOIN polls q ON q.id = m.poll_id \
             WHERE m.instance_id = ?1 AND m.series = ?2 AND q.observed_at <= ?5 ORDER BY m.poll_id DESC LIMIT 1), 0) \
             ORDER BY l.poll_id LIMIT ?6",
        )
        .bind(query.instance.0)
        .bind(series)
        .bind(query.after.map_or(0, |poll| poll.0))
        .bind(query.to.map_or(i64::MAX, Timestamp::as_millisecond))
        .bind(query.from.map_or(i64::MIN, Timestamp::as_millisecond))
        .bind(limit_of(query.limit))
        .fetch_all(&mut view)
        .await?;
        let point = |(poll, at, state, level)| {
            Ok(Point {
                poll: PollId(poll),
                observed_at: timestamp(at)?,
                stood: Stood::from_columns(state, level)?,
            })
        };
        rows.into_iter().map(point).collect::<Result<_, _>>().map(Some)
    }
}

fn poll(row: &SqliteRow) -> Result<Poll, StoreError> {
    let duration: i64 = row.try_get("duration_ms")?;
    let products: Option<i64> = row.try_get("products")?;
    let changes: i64 = row.try_get("changes")?;
    let named: Option<&str> = row.try_get("cause")?;
    let attempts: Option<&str> = row.try_get("attempts")?;
    let detail: Option<String> = row.try_get("detail")?;
    Ok(Poll {
        id: PollId(row.try_get("id")?),
        instance: row.try_get("instance")?,
        observed_at: timestamp(row.try_get("observed_at")?)?,
        duration: Duration::from_millis(duration.unsigned_abs()),
        outcome: outcome(row.try_get("outcome")?)?,
        part: row.try_get("part")?,
        cause: named.map(cause).transpose()?,
        detail: detail.unwrap_or_default(),
        products: products.map(i64::unsigned_abs),
        changes: changes.unsigned_abs(),
        attempts: attempts.map(json).transpose()?.unwrap_or_default(),
    })
}

fn outcome(code: i64) -> Result<&'static str, StoreError> {
    match code {
        0 => Ok("accepted"),
        1 => Ok("suspect"),
        2 => Ok("failed"),
        other => Err(StoreError::BadData(format!("a poll's outcome {other}"))),
    }
}

/// The events that the filter lets pass. Only what is asked for is named, so that each question finds its own index.
fn chosen_events(filter: EventFilter<'_>, before: Option<i64>) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT e.*, CASE i.name WHEN ");
    query.push_bind(POOLS).push(
        " THEN coalesce((SELECT s.name FROM polls p JOIN instances s ON s.id = p.instance_id WHERE p.id = e.poll_id), \
         i.name) ELSE i.name END AS instance, CASE i.name WHEN ",
    );
    query.push_bind(POOLS).push(
        " THEN (SELECT name FROM products p WHERE p.instance_id = e.instance_id AND p.product_id = e.product_id) END \
         AS pool FROM events e LEFT JOIN instances i ON i.id = e.instance_id WHERE e.id < ",
    );
    query.push_bind(before.unwrap_or(i64::MAX));
    match (filter.instance, filter.product) {
        (Some(instance), _) => {
            query.push(" AND e.instance_id = ").push_bind(instance.0);
        }
        // The index begins with the shop: of each one, then.
        (None, Some(_)) => {
            query.push(" AND e.instance_id IN (SELECT id FROM instances)");
        }
        (None, None) => {}
    }
    if let Some(product) = filter.product {
        query.push(" AND e.product_id = ").push_bind(product);
    }
    if let Some(kind) = filter.kind {
        // Said literally, so that the few of a rare kind are found by their own index.
        let rare = if kind == SEVERITY {
            ""
        } else {
            " AND e.kind <> 'severity'"
        };
        query.push(rare).push(" AND e.kind = ").push_bind(kind);
    }
    if let Some(severity) = filter.severity {
        query.push(" AND e.severity_to = ").push_bind(severity.rank());
    }
    query
}

pub(super) fn event(row: &SqliteRow) -> Result<RecordedEvent, StoreError> {
    let severity = |column| -> Result<Option<Severity>, StoreError> {
        let rank: Option<i64> = row.try_get(column)?;
        Ok(rank.map(Severity::from_rank))
    };
    let poll: Option<i64> = row.try_get("poll_id")?;
    Ok(RecordedEvent {
        id: row.try_get("id")?,
        instance: row.try_get::<Option<String>, _>("instance")?.unwrap_or_default(),
        pool: row.try_get("pool")?,
        key: row.try_get("key")?,
        poll: poll.map(PollId),
        at: timestamp(row.try_get("at")?)?,
        kind: row.try_get("kind")?,
        product_id: row.try_get("product_id")?,
        combination: row.try_get("combination")?,
        severity_from: severity("severity_from")?,
        severity_to: severity("severity_to")?,
        reason: row.try_get("reason")?,
        level: row.try_get("level")?,
        previous_level: row.try_get("previous_level")?,
        detail: row.try_get("detail")?,
    })
}

pub(crate) fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::db::Store;
    use crate::store::db::StoreSettings;
    use sqlx::AssertSqlSafe;

    /// How SQLite would go about it, a line for each step.
    async fn plan(reader: &Reader, filter: EventFilter<'_>, before: Option<i64>) -> Vec<String> {
        let sql = chosen_events(filter, before).into_sql();
        let asked = format!("EXPLAIN QUERY PLAN {} ORDER BY e.id DESC LIMIT 9", sql.as_str());
        let rows = sqlx::query(AssertSqlSafe(asked)).fetch_all(&reader.pool).await;
        let steps = rows.unwrap();
        steps.iter().map(|row| row.get("detail")).collect()
    }

    #[tokio::test]
    async fn what_is_asked_of_the_past_is_found_by_an_index_and_not_by_walking_through_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = StoreSettings {
            path: folder.path().join("stock.db"),
        };
        let store = Store::open(&place).await.unwrap().store;
        let instance = Some(store.instance("default").await.unwrap());
        let reader = store.reader();
        let of = |instance, product, kind| EventFilter {
            instance,
            product,
            kind,
            severity: None,
        };
        for (filter, index) in [
            (of(instance, Some(1), None), "events_of_product"),
            (of(None, Some(1), None), "events_of_product"),
            (of(instance, Some(1), Some(SEVERITY)), "events_of_product"),
            (of(None, None, Some("renamed")), "events_of_kind"),
            (of(instance, None, Some("baseline")), "events_of_kind"),
            // Most are of this kind, and the newest come first.
            (of(None, None, Some(SEVERITY)), "INTEGER PRIMARY KEY"),
            (of(None, None, None), "INTEGER PRIMARY KEY"),
        ] {
            for before in [None, Some(7)] {
                let steps = plan(reader, filter, before).await;
                let found = |step: &String| step.starts_with("SEARCH e ") && step.contains(index);
                assert!(steps.iter().any(found), "{filter:?}: {steps:?}");
            }
        }
        store.close().await;
    }
}
