//! What is remembered of a shop, read back after a start.

use std::collections::HashMap;
use std::collections::HashSet;
use std::iter::Peekable;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use sqlx::Row;

use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Notes;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::SourceState;
use crate::domain::alerting::state::Told;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::price::Price;
use crate::domain::forecast::Forecasts;
use crate::domain::message::EndedMute;
use crate::domain::pool::Bottleneck;
use crate::domain::stand::Severity;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;
use crate::store::value::capability;
use crate::store::value::cause;
use crate::store::value::companion;
use crate::store::value::json;
use crate::store::value::level_from;
use crate::store::value::mute_kind;
use crate::store::value::optional_timestamp;
use crate::store::value::timestamp;
use crate::store::value::unsigned;
use crate::store::watched::Conn;

/// Rows read at once. They come as one JSON text, several times faster than row by row.
pub(crate) const ROWS: usize = 2000;

impl Reader {
    /// Everything remembered of the shop, as of the last commit. What the database does not hold is left for the first
    /// decision: `seen` is `None`, `epoch` 0, every `effective` is `placeholder`, and a run of suspect answers is
    /// forgotten.
    pub async fn memory(
        &self,
        instance: InstanceId,
        placeholder: &Arc<Effective>,
    ) -> Result<Memory, StoreError> {
        let mut view = self.pool.begin().await?;
        let mut source = source(&mut view, instance).await?;
        let mut told = told(&mut view, instance).await?;
        let products = products(&mut view, instance).await?;
        let mut building = Building {
            placeholder,
            told: &mut told,
            waiting: products.into_iter().peekable(),
            prices: HashSet::new(),
            built: Vec::new(),
            next_series: source.next_series,
        };
        let mut after = (i64::MIN, String::new());
        loop {
            let rows = series(&mut view, instance, &after).await?;
            let Some(last) = rows.last() else { break };
            after = (last.product_id, last.combination.clone());
            let whole = rows.len() == ROWS;
            for row in rows {
                building.add(row)?;
            }
            if !whole {
                break;
            }
        }
        source.next_series = building.next_series;
        Ok(Memory {
            source,
            products: building.finish(),
            forecasts: Forecasts::default(),
        })
    }
}

/// A row of `products`, in the order it is selected.
#[derive(Deserialize)]
struct ProductRow {
    id: i64,
    name: String,
    group_id: Option<i64>,
    group: Option<String>,
    hidden: Option<u8>,
    retired: Option<u8>,
    controlled: Option<u8>,
    missing: u32,
    options_key: i64,
    per_choice: u8,
    ambiguous_zero: u8,
    currency: Option<String>,
    monthly: Option<i64>,
}

/// A row of `series`, in the order it is selected.
#[derive(Deserialize)]
struct SeriesRow {
    product_id: i64,
    combination: String,
    number: u32,
    label: Option<String>,
    bottleneck: Option<String>,
    gone: u8,
    state: i64,
    level: Option<i64>,
    last_level: Option<i64>,
    last_known_at: Option<i64>,
    previous_level: Option<i64>,
    severity: i64,
    since: i64,
    started_at: Option<i64>,
    pending: [Option<i64>; 3],
    frozen_since: Option<i64>,
    better_since: Option<i64>,
    transition: u32,
    fingerprint: i64,
    other_than_zero: u8,
    born_open: u8,
    mute: Option<(String, String, String, String)>,
    muted: u8,
    urgent_since: Option<i64>,
    flips: Option<Vec<i64>>,
    flapping_since: Option<i64>,
}

async fn products(conn: &mut Conn, instance: InstanceId) -> Result<Vec<ProductRow>, StoreError> {
    let mut all: Vec<ProductRow> = Vec::new();
    loop {
        let after = all.last().map_or(i64::MIN, |row| row.id);
        let text: String = sqlx::query_scalar(
            "SELECT json_group_array(json_array(product_id, name, group_id, group_name, hidden, retired, controlled, \
             missing, options_key, per_choice, ambiguous_zero, currency, monthly)) FROM (SELECT * FROM products \
             WHERE instance_id = ? AND product_id > ? ORDER BY product_id LIMIT ?)",
        )
        .bind(instance.0)
        .bind(after)
        .bind(ROWS as i64)
        .fetch_one(&mut *conn)
        .await?;
        let rows: Vec<ProductRow> = json(&text)?;
        let whole = rows.len() == ROWS;
        all.extend(rows);
        if !whole {
            return Ok(all);
        }
    }
}

async fn series(
    conn: &mut Conn,
    instance: InstanceId,
    after: &(i64, String),
) -> Result<Vec<SeriesRow>, StoreError> {
    let text: String = sqlx::query_scalar(
        "SELECT json_group_array(json_array(product_id, combination, number, label, bottleneck, gone, state, level, \
         last_level, last_known_at, previous_level, severity, since, started_at, \
         json_array(pending_low, pending_critical, pending_out), frozen_since, better_since, transition, fingerprint, \
         other_than_zero, born_open, json(mute), muted, urgent_since, json(flips), flapping_since)) FROM (SELECT * FROM series WHERE instance_id = ? \
         AND (product_id, combination) > (?, ?) ORDER BY product_id, combination LIMIT ?)",
    )
    .bind(instance.0)
    .bind(after.0)
    .bind(after.1.as_str())
    .bind(ROWS as i64)
    .fetch_one(conn)
    .await?;
    json(&text)
}

/// A row of `told`, in the order it is selected.
type ToldRow = (u32, String, i64, i64, i64, i64, bool, bool);

/// What channels were told, by the series' number.
async fn told(conn: &mut Conn, instance: InstanceId) -> Result<HashMap<u32, Vec<Told>>, StoreError> {
    let rows: Vec<ToldRow> = sqlx::query_as(
        "SELECT series, channel, severity, at, missed, worst, escalated, overdue FROM told WHERE instance_id = ? \
         ORDER BY series, channel",
    )
    .bind(instance.0)
    .fetch_all(conn)
    .await?;
    let mut channels: HashMap<String, Arc<str>> = HashMap::new();
    let mut told: HashMap<u32, Vec<Told>> = HashMap::new();
    for (series, channel, severity, at, missed, worst, escalated, overdue) in rows {
        let channel = channels
            .entry(channel)
            .or_insert_with_key(|name| Arc::from(name.as_str()));
        told.entry(series).or_default().push(Told {
            channel: Arc::clone(channel),
            severity: Severity::from_rank(severity),
            at: timestamp(at)?,
            missed: Severity::from_rank(missed),
            worst: Severity::from_rank(worst),
            escalated,
            overdue,
        });
    }
    Ok(told)
}

async fn source(conn: &mut Conn, instance: InstanceId) -> Result<SourceState, StoreError> {
    let row = sqlx::query(
        "SELECT down_since, down_cause, lost, had_stock_fields, had_companion, baselined, transition, next_series \
         FROM instances WHERE id = ?",
    )
    .bind(instance.0)
    .fetch_one(&mut *conn)
    .await?;
    let down_since = optional_timestamp(row.try_get("down_since")?)?;
    let down_cause: Option<String> = row.try_get("down_cause")?;
    let lost: Vec<(String, i64)> = json(row.try_get("lost")?)?;
    let had_companion: Option<String> = row.try_get("had_companion")?;
    let mut source = SourceState {
        down: down_since.zip(down_cause.as_deref().map(cause).transpose()?),
        lost: lost
            .iter()
            .map(|(name, since)| Ok((capability(name)?, timestamp(*since)?)))
            .collect::<Result<_, StoreError>>()?,
        had_stock_fields: row.try_get("had_stock_fields")?,
        had_companion: had_companion.as_deref().map(companion).transpose()?,
        baselined: json(row.try_get("baselined")?)?,
        transition: row.try_get("transition")?,
        next_series: row.try_get("next_series")?,
        ..SourceState::default()
    };
    since_the_last_accepted(conn, instance, &mut source).await?;
    Ok(source)
}

/// The last poll that looked at the whole catalogue and was believed.
pub(crate) struct LastAccepted {
    pub id: i64,
    pub observed_at: Timestamp,
    /// The size of the catalogue.
    pub products: usize,
}

pub(crate) async fn last_accepted(
    conn: &mut Conn,
    instance: InstanceId,
) -> Result<Option<LastAccepted>, StoreError> {
    let row: Option<(i64, i64, Option<i64>)> = sqlx::query_as(
        "SELECT id, observed_at, products FROM polls WHERE instance_id = ? AND outcome = 0 AND part = 0 \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(instance.0)
    .fetch_optional(conn)
    .await?;
    let last = |(id, at, products): (i64, i64, Option<i64>)| {
        Ok(LastAccepted {
            id,
            observed_at: timestamp(at)?,
            products: usize::try_from(products.unwrap_or_default()).unwrap_or_default(),
        })
    };
    row.map(last).transpose()
}

/// The tail of the polls says when the whole catalogue was last believed, and what failed since.
async fn since_the_last_accepted(
    conn: &mut Conn,
    instance: InstanceId,
    source: &mut SourceState,
) -> Result<(), StoreError> {
    let accepted = last_accepted(conn, instance).await?;
    let last = accepted.as_ref().map_or(0, |poll| poll.id);
    source.last_accepted_at = accepted.as_ref().map(|poll| poll.observed_at);
    source.last_accepted_products = accepted.map_or(0, |poll| poll.products);
    // A part that is not credible says nothing of the source; one that failed does.
    // A bare column beside min() is that of the row with the least id.
    let (failures, _, first): (u32, Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT count(*), min(id), observed_at FROM polls WHERE instance_id = ? AND id > ? AND outcome <> 0 \
         AND NOT (part = 1 AND outcome = 1)",
    )
    .bind(instance.0)
    .bind(last)
    .fetch_one(conn)
    .await?;
    source.failures = failures;
    source.failing_since = optional_timestamp(first)?;
    Ok(())
}

/// Puts products and their series together; both come in ascending order of the product.
struct Building<'a, I: Iterator<Item = ProductRow>> {
    placeholder: &'a Arc<Effective>,
    told: &'a mut HashMap<u32, Vec<Told>>,
    waiting: Peekable<I>,
    prices: HashSet<Arc<Price>>,
    built: Vec<Tracked>,
    next_series: u32,
}

impl<I: Iterator<Item = ProductRow>> Building<'_, I> {
    fn add(&mut self, row: SeriesRow) -> Result<(), StoreError> {
        // Numbers are never given twice, whatever the counter says.
        self.next_series = self.next_series.max(row.number.saturating_add(1));
        let series = self.state(&row)?;
        if row.combination.is_empty() {
            return self.product(&row, series);
        }
        let combination = Combination {
            key: key(&row.combination)?,
            label: Arc::from(row.label.unwrap_or_default()),
            bottleneck: row.bottleneck.as_deref().map(Bottleneck::parse),
            effective: Arc::clone(self.placeholder),
            gone: row.gone != 0,
            series,
        };
        match self.built.last_mut() {
            Some(tracked) if tracked.id == row.product_id => tracked.combinations.push(combination),
            Some(_) | None => return Err(orphan(row.product_id)),
        }
        Ok(())
    }

    fn product(&mut self, row: &SeriesRow, series: SeriesState) -> Result<(), StoreError> {
        let product = self
            .waiting
            .next_if(|product| product.id == row.product_id)
            .ok_or_else(|| orphan(row.product_id))?;
        let price = self.price(product.currency, product.monthly);
        self.built.push(Tracked {
            id: product.id,
            name: Name::new(&product.name),
            group_id: product.group_id,
            group: product.group.as_deref().map(Name::new),
            hidden: product.hidden.map(|flag| flag != 0),
            retired: product.retired.map(|flag| flag != 0),
            price,
            controlled: product.controlled.map(|flag| flag != 0),
            missing: product.missing,
            gone: row.gone != 0,
            options_key: unsigned(product.options_key),
            per_choice: product.per_choice != 0,
            ambiguous_zero: product.ambiguous_zero != 0,
            bottleneck: row.bottleneck.as_deref().map(Bottleneck::parse),
            series,
            effective: Arc::clone(self.placeholder),
            combinations: Vec::new(),
            drawn: None,
            seen: None,
            epoch: 0,
        });
        Ok(())
    }

    /// Catalogues repeat their prices: each is kept once.
    fn price(&mut self, currency: Option<String>, monthly: Option<i64>) -> Option<Arc<Price>> {
        let price = Price {
            currency: currency?,
            monthly: monthly?,
        };
        if let Some(known) = self.prices.get(&price) {
            return Some(Arc::clone(known));
        }
        let price = Arc::new(price);
        self.prices.insert(Arc::clone(&price));
        Some(price)
    }

    fn state(&mut self, row: &SeriesRow) -> Result<SeriesState, StoreError> {
        let [low, critical, out] = row.pending;
        Ok(SeriesState {
            number: row.number,
            level: level_from(row.state, row.level)?,
            last_level: row.last_level,
            last_known_at: optional_timestamp(row.last_known_at)?,
            previous_level: row.previous_level,
            severity: Severity::from_rank(row.severity),
            since: timestamp(row.since)?,
            started_at: optional_timestamp(row.started_at)?,
            pending: [
                optional_timestamp(low)?,
                optional_timestamp(critical)?,
                optional_timestamp(out)?,
            ],
            frozen_since: optional_timestamp(row.frozen_since)?,
            better_since: optional_timestamp(row.better_since)?,
            transition: row.transition,
            fingerprint: unsigned(row.fingerprint),
            seen_other_than_zero: row.other_than_zero != 0,
            born_open: row.born_open != 0,
            notes: notes(row)?,
            told: self.told.remove(&row.number).unwrap_or_default(),
        })
    }

    fn finish(self) -> Vec<Arc<Tracked>> {
        let finish = |mut tracked: Tracked| {
            // The text's order is not the numbers'.
            tracked.combinations.sort_by(|a, b| a.key.cmp(&b.key));
            tracked.combinations.shrink_to_fit();
            Arc::new(tracked)
        };
        self.built.into_iter().map(finish).collect()
    }
}

fn notes(row: &SeriesRow) -> Result<Option<Box<Notes>>, StoreError> {
    let mute = row.mute.as_ref().map(|(kind, id, by, comment)| {
        Ok::<_, StoreError>(Arc::new(EndedMute {
            kind: mute_kind(kind)?,
            id: id.clone(),
            by: by.clone(),
            comment: comment.clone(),
        }))
    });
    let flips = row.flips.iter().flatten();
    let notes = Notes {
        mute: mute.transpose()?,
        muted: row.muted != 0,
        urgent_since: optional_timestamp(row.urgent_since)?,
        flips: flips.map(|at| timestamp(*at)).collect::<Result<_, _>>()?,
        flapping_since: optional_timestamp(row.flapping_since)?,
    };
    Ok((notes != *Notes::NONE).then(|| Box::new(notes)))
}

pub(crate) fn key(text: &str) -> Result<CombinationKey, StoreError> {
    text.parse()
        .map_err(|_| StoreError::BadData(format!("a combination {text:?}")))
}

fn orphan(product: i64) -> StoreError {
    StoreError::BadData(format!("a series without its product {product}"))
}
