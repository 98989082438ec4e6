//! What a shop showed over a time, poll by poll: everything the history holds that decisions were made of.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::domain::catalogue::Name;
use crate::domain::catalogue::ProductId;
use crate::domain::forecast::SellRate;
use crate::domain::message::Capability;
use crate::domain::people::Ack;
use crate::domain::people::AckEnd;
use crate::domain::source::Cause;
use crate::store::error::StoreError;
use crate::store::past::PastCatalogue;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;
use crate::store::value::PollId;
use crate::store::value::Stood;
use crate::store::value::capability;
use crate::store::value::cause;
use crate::store::value::optional_timestamp;
use crate::store::value::timestamp;
use crate::store::watched::Conn;

/// A shop over a time.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The catalogue as it stood at the beginning; `None` where nothing was accepted before.
    pub start: Option<PastCatalogue>,
    /// Ascending.
    pub polls: Vec<PastPoll>,
    /// The levels of products that changed, ascending by poll.
    pub levels: Vec<Shift>,
    /// What each product was, ascending by time; the last one is what it is now.
    pub attributes: BTreeMap<ProductId, Vec<Attributes>>,
    /// What the source lost (`true`) and regained, ascending by poll; what was lost at the beginning among it.
    pub capabilities: Vec<(PollId, Capability, bool)>,
    /// The acks of products, in the order they were made.
    pub acks: Vec<PastAck>,
    /// How many combinations have levels of their own: those are not told here.
    pub combinations: usize,
    /// How fast products sold, as could be told at these times, ascending; see [`Reader::daily_rates`].
    pub rates: Vec<PastRates>,
}

/// How fast the products of a shop sold, as could be told then.
#[derive(Debug, Clone, PartialEq)]
pub struct PastRates {
    pub at: Timestamp,
    pub rates: HashMap<ProductId, SellRate>,
}

/// Somebody took a product on.
#[derive(Debug, Clone, PartialEq)]
pub struct PastAck {
    pub product_id: ProductId,
    /// As it was when it was made.
    pub ack: Ack,
    /// When it ended, and whether somebody ended it.
    pub ended: Option<(Timestamp, bool)>,
}

/// A poll, as far as it matters for what was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct PastPoll {
    pub id: PollId,
    pub observed_at: Timestamp,
    pub ended: Ended,
    /// Only some products were looked at.
    pub part: bool,
    /// "" where there are no particulars.
    pub detail: String,
}

/// How a poll ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Accepted,
    Suspect,
    Failed(Cause),
}

/// A level that a poll saw first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    pub poll: PollId,
    pub product_id: ProductId,
    pub stood: Stood,
}

/// What a product was until a poll, exclusive.
#[derive(Debug, Clone, PartialEq)]
pub struct Attributes {
    /// `None`: it is so now.
    pub until: Option<PollId>,
    pub name: Name,
    pub group_id: Option<i64>,
    pub group: Option<Name>,
    pub hidden: Option<bool>,
    pub retired: Option<bool>,
    /// Whether WHMCS ever said if its stock is controlled.
    pub tells_control: bool,
    /// Whether it was in the catalogue.
    pub present: bool,
}

impl Timeline {
    /// What the product was when that poll had been recorded.
    #[must_use]
    pub fn attributes(&self, product: ProductId, poll: PollId) -> Option<&Attributes> {
        let known = self.attributes.get(&product)?;
        known
            .iter()
            .find(|attributes| attributes.until.is_none_or(|until| until > poll))
    }
}

impl Reader {
    /// What the shop showed after `since` up to `until`, and how it stood at `since`.
    pub async fn timeline(
        &self,
        instance: InstanceId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Timeline, StoreError> {
        let start = self.catalogue_at(instance, since).await?;
        let mut view = self.pool.begin().await?;
        let polls = polls(&mut view, instance, since, until).await?;
        let (Some(first), Some(last)) = (
            polls.first().map(|poll| poll.id),
            polls.last().map(|poll| poll.id),
        ) else {
            return Ok(Timeline {
                start,
                ..Timeline::default()
            });
        };
        Ok(Timeline {
            start,
            levels: levels(&mut view, instance, first, last).await?,
            attributes: attributes(&mut view, instance, first).await?,
            capabilities: capabilities(&mut view, instance, last).await?,
            acks: acks(&mut view, instance, until).await?,
            combinations: combinations(&mut view, instance, last).await?,
            rates: Vec::new(),
            polls,
        })
    }
}

async fn polls(
    conn: &mut Conn,
    instance: InstanceId,
    since: Timestamp,
    until: Timestamp,
) -> Result<Vec<PastPoll>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, observed_at, outcome, cause, detail, part FROM polls \
         WHERE instance_id = ? AND observed_at > ? AND observed_at <= ? ORDER BY id",
    )
    .bind(instance.0)
    .bind(since.as_millisecond())
    .bind(until.as_millisecond())
    .fetch_all(conn)
    .await?;
    rows.iter().map(poll).collect()
}

fn poll(row: &SqliteRow) -> Result<PastPoll, StoreError> {
    let named: Option<&str> = row.try_get("cause")?;
    let outcome: i64 = row.try_get("outcome")?;
    let ended = match outcome {
        0 => Ended::Accepted,
        1 => Ended::Suspect,
        2 => Ended::Failed(named.map(cause).transpose()?.unwrap_or(Cause::BadAnswer)),
        other => return Err(StoreError::BadData(format!("a poll's outcome {other}"))),
    };
    let detail: Option<String> = row.try_get("detail")?;
    Ok(PastPoll {
        id: PollId(row.try_get("id")?),
        observed_at: timestamp(row.try_get("observed_at")?)?,
        ended,
        part: row.try_get("part")?,
        detail: detail.unwrap_or_default(),
    })
}

async fn levels(
    conn: &mut Conn,
    instance: InstanceId,
    first: PollId,
    last: PollId,
) -> Result<Vec<Shift>, StoreError> {
    let rows: Vec<(i64, i64, i64, Option<i64>)> = sqlx::query_as(
        "SELECT l.poll_id, s.product_id, l.state, l.level FROM series s CROSS JOIN levels l \
         ON l.instance_id = ?1 AND l.series = s.number AND l.poll_id >= ?2 AND l.poll_id <= ?3 \
         WHERE s.instance_id = ?1 AND s.combination = '' ORDER BY l.poll_id, s.product_id",
    )
    .bind(instance.0)
    .bind(first.0)
    .bind(last.0)
    .fetch_all(conn)
    .await?;
    let shift = |(poll, product_id, state, level)| {
        Ok(Shift {
            poll: PollId(poll),
            product_id,
            stood: Stood::from_columns(state, level)?,
        })
    };
    rows.into_iter().map(shift).collect()
}

/// What products were after the poll `first`, and are.
async fn attributes(
    conn: &mut Conn,
    instance: InstanceId,
    first: PollId,
) -> Result<BTreeMap<ProductId, Vec<Attributes>>, StoreError> {
    let rows = sqlx::query(
        "SELECT h.product_id, h.until_poll, h.name, h.group_id, h.group_name, h.hidden, h.retired, h.present, \
         p.controlled IS NOT NULL AS tells_control FROM product_history h \
         JOIN products p ON p.instance_id = h.instance_id AND p.product_id = h.product_id \
         WHERE h.instance_id = ?1 AND h.until_poll >= ?2 UNION ALL \
         SELECT product_id, NULL, name, group_id, group_name, hidden, retired, missing = 0, \
         controlled IS NOT NULL FROM products WHERE instance_id = ?1 \
         ORDER BY 1, 2 NULLS LAST",
    )
    .bind(instance.0)
    .bind(first.0)
    .fetch_all(conn)
    .await?;
    let mut all: BTreeMap<ProductId, Vec<Attributes>> = BTreeMap::new();
    for row in &rows {
        let until: Option<i64> = row.try_get("until_poll")?;
        let (name, group): (&str, Option<&str>) = (row.try_get("name")?, row.try_get("group_name")?);
        all.entry(row.try_get("product_id")?)
            .or_default()
            .push(Attributes {
                until: until.map(PollId),
                name: Name::new(name),
                group_id: row.try_get("group_id")?,
                group: group.map(Name::new),
                hidden: row.try_get("hidden")?,
                retired: row.try_get("retired")?,
                tells_control: row.try_get("tells_control")?,
                present: row.try_get("present")?,
            });
    }
    Ok(all)
}

async fn capabilities(
    conn: &mut Conn,
    instance: InstanceId,
    last: PollId,
) -> Result<Vec<(PollId, Capability, bool)>, StoreError> {
    let rows: Vec<(i64, String, bool)> = sqlx::query_as(
        "SELECT poll_id, detail, kind = 'source_degraded' FROM events WHERE instance_id = ? \
         AND kind IN ('source_degraded', 'source_restored') AND poll_id <= ? AND detail IS NOT NULL ORDER BY id",
    )
    .bind(instance.0)
    .bind(last.0)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(poll, name, lost)| Ok((PollId(poll), capability(&name)?, lost)))
        .collect()
}

async fn acks(conn: &mut Conn, instance: InstanceId, until: Timestamp) -> Result<Vec<PastAck>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.id, a.series, a.made_at, a.made_by, a.note, a.quantity, a.eta, a.ended_at, a.ended_why, s.product_id \
         FROM acks a JOIN series s INDEXED BY series_number ON s.instance_id = a.instance_id AND s.number = a.series \
         WHERE a.instance_id = ? AND a.made_at <= ? AND s.combination = '' ORDER BY a.made_at, a.id",
    )
    .bind(instance.0)
    .bind(until.as_millisecond())
    .fetch_all(conn)
    .await?;
    rows.iter().map(past_ack).collect()
}

fn past_ack(row: &SqliteRow) -> Result<PastAck, StoreError> {
    let (by, note): (&str, &str) = (row.try_get("made_by")?, row.try_get("note")?);
    let why: Option<&str> = row.try_get("ended_why")?;
    let why = why.and_then(AckEnd::parse);
    let by_somebody = matches!(why, Some(AckEnd::Ended | AckEnd::Replaced));
    let ended = optional_timestamp(row.try_get("ended_at")?)?;
    Ok(PastAck {
        product_id: row.try_get("product_id")?,
        ack: Ack {
            id: row.try_get("id")?,
            series: row.try_get("series")?,
            made_at: timestamp(row.try_get("made_at")?)?,
            by: Arc::from(by),
            note: Arc::from(note),
            quantity: row.try_get("quantity")?,
            eta: optional_timestamp(row.try_get("eta")?)?,
            arrived: 0,
            overdue_at: None,
        },
        ended: ended.map(|at| (at, by_somebody)),
    })
}

/// How many combinations had levels of their own up to that poll.
async fn combinations(conn: &mut Conn, instance: InstanceId, last: PollId) -> Result<usize, StoreError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM series s WHERE instance_id = ?1 AND combination <> '' AND EXISTS \
         (SELECT 1 FROM levels l WHERE l.instance_id = ?1 AND l.series = s.number AND l.poll_id <= ?2)",
    )
    .bind(instance.0)
    .bind(last.0)
    .fetch_one(conn)
    .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}
