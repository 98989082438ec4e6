//! The catalogue as it stood at any time.

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::alerting::relink::Past;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::ProductId;
use crate::store::error::StoreError;
use crate::store::history::limit_of;
use crate::store::memory::ROWS;
use crate::store::memory::key;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;
use crate::store::value::PollId;
use crate::store::value::Stood;
use crate::store::value::json;
use crate::store::value::timestamp;
use crate::store::watched::Conn;

/// The most former names that are read, of products and of combinations each; the latest first.
const NAMES: i64 = 100_000;

/// The catalogue as the last accepted poll before some time left it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastCatalogue {
    pub poll: PollId,
    pub observed_at: Timestamp,
    /// Ascending by product; the product itself before its combinations, those ascending by key.
    pub items: Vec<PastItem>,
}

/// A series as it stood.
#[derive(Debug, Clone, PartialEq)]
pub struct PastItem {
    pub product_id: ProductId,
    pub name: Name,
    pub group_id: Option<i64>,
    pub group: Option<Name>,
    pub hidden: Option<bool>,
    pub retired: Option<bool>,
    /// `None` for the product itself.
    pub combination: Option<CombinationKey>,
    /// What the combination was called; "" for the product itself.
    pub label: String,
    pub stood: Stood,
    /// Whether the poll's catalogue held the product; absent products keep their level until they are gone.
    pub present: bool,
}

/// The most that was ever left of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greatest {
    pub product_id: ProductId,
    pub level: i64,
    /// When a level of it was first seen.
    pub since: Timestamp,
}

impl Reader {
    /// What products and combinations were called before.
    pub async fn past_names(&self, instance: InstanceId) -> Result<Past, StoreError> {
        let products: Vec<(i64, String)> = sqlx::query_as(
            "SELECT product_id, name FROM product_history WHERE instance_id = ? \
             GROUP BY product_id, name ORDER BY max(until_poll) DESC LIMIT ?",
        )
        .bind(instance.0)
        .bind(NAMES)
        .fetch_all(&self.pool)
        .await?;
        let labels: Vec<(i64, String, String)> = sqlx::query_as(
            "SELECT s.product_id, s.combination, t.label FROM label_history t \
             JOIN series s ON s.instance_id = t.instance_id AND s.number = t.series WHERE t.instance_id = ? \
             GROUP BY s.product_id, s.combination, t.label ORDER BY max(t.until_poll) DESC LIMIT ?",
        )
        .bind(instance.0)
        .bind(NAMES)
        .fetch_all(&self.pool)
        .await?;
        let products = products.into_iter().map(|(id, name)| (id, Name::new(&name)));
        let labels = labels.into_iter().filter_map(|(id, combination, label)| {
            let key = combination.parse::<CombinationKey>().ok()?;
            Some((id, key, label))
        });
        Ok(Past {
            products: products.collect(),
            labels: labels.collect(),
        })
    }

    /// The greatest level each product (not its combinations) ever had, ascending by id; only of those that had one.
    pub async fn greatest_levels(&self, instance: InstanceId) -> Result<Vec<Greatest>, StoreError> {
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT product_id, max(greatest), min(since) FROM ( \
             SELECT g.product_id, g.greatest, p.observed_at AS since FROM ( \
               SELECT s.product_id, MAX(l.level) AS greatest, MIN(l.poll_id) AS first FROM series s \
               JOIN levels l ON l.instance_id = s.instance_id AND l.series = s.number \
               WHERE s.instance_id = ?1 AND s.combination = '' AND l.state = 0 GROUP BY s.product_id \
             ) g JOIN polls p ON p.id = g.first UNION ALL \
             SELECT s.product_id, max(d.most), min(d.day) * 86400000 FROM series s \
             JOIN level_days d ON d.instance_id = s.instance_id AND d.series = s.number AND d.most IS NOT NULL \
             AND d.day * 86400000 < (SELECT horizon FROM upkeep) \
             WHERE s.instance_id = ?1 AND s.combination = '' GROUP BY s.product_id \
             ) GROUP BY product_id ORDER BY product_id",
        )
        .bind(instance.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|(product_id, level, since)| {
                Ok(Greatest {
                    product_id,
                    level,
                    since: timestamp(since)?,
                })
            })
            .collect()
    }

    /// The catalogue as it stood at `at`: what the last accepted poll observed at or before then left; `None` where
    /// there was none. Failed and suspect polls change nothing.
    pub async fn catalogue_at(
        &self,
        instance: InstanceId,
        at: Timestamp,
    ) -> Result<Option<PastCatalogue>, StoreError> {
        let mut view = self.pool.begin().await?;
        // What is left of the time before is what held at the horizon, not how it stood then.
        let horizon: Option<i64> = sqlx::query_scalar("SELECT horizon FROM upkeep")
            .fetch_one(&mut view)
            .await?;
        if horizon.is_some_and(|horizon| at.as_millisecond() < horizon) {
            return Ok(None);
        }
        let poll: Option<(i64, i64)> = sqlx::query_as(
            "SELECT id, observed_at FROM polls WHERE instance_id = ? AND outcome = 0 AND observed_at <= ? \
             ORDER BY id DESC LIMIT 1",
        )
        .bind(instance.0)
        .bind(at.as_millisecond())
        .fetch_optional(&mut view)
        .await?;
        let Some((poll, observed_at)) = poll else {
            return Ok(None);
        };
        let mut items: Vec<PastItem> = Vec::new();
        let mut after = (i64::MIN, String::new());
        loop {
            let rows = items_at(&mut view, instance, PollId(poll), &after).await?;
            let Some(last) = rows.last() else { break };
            after = (last.product_id, last.combination.clone());
            let whole = rows.len() == ROWS;
            for row in rows {
                items.push(row.item()?);
            }
            if !whole {
                break;
            }
        }
        // The text's order is not the numbers'.
        items.sort_by(|a, b| (a.product_id, &a.combination).cmp(&(b.product_id, &b.combination)));
        Ok(Some(PastCatalogue {
            poll: PollId(poll),
            observed_at: timestamp(observed_at)?,
            items,
        }))
    }
}

/// A series as it stood, in the order it is selected.
#[derive(Deserialize)]
struct ItemRow {
    product_id: i64,
    combination: String,
    name: String,
    group_id: Option<i64>,
    group: Option<String>,
    hidden: Option<u8>,
    retired: Option<u8>,
    present: u8,
    label: Option<String>,
    state: i64,
    level: Option<i64>,
}

impl ItemRow {
    fn item(self) -> Result<PastItem, StoreError> {
        let combination = match self.combination.as_str() {
            "" => None,
            text => Some(key(text)?),
        };
        Ok(PastItem {
            product_id: self.product_id,
            name: Name::new(&self.name),
            group_id: self.group_id,
            group: self.group.as_deref().map(Name::new),
            hidden: self.hidden.map(|flag| flag != 0),
            retired: self.retired.map(|flag| flag != 0),
            combination,
            label: self.label.unwrap_or_default(),
            stood: Stood::from_columns(self.state, self.level)?,
            present: self.present != 0,
        })
    }
}

/// A page of the series that existed at the poll. Each takes its last level up to then; of product and label the first
/// row that holds beyond it, else what is so now. The joins' order is fixed: statistics are not kept.
async fn items_at(
    conn: &mut Conn,
    instance: InstanceId,
    poll: PollId,
    after: &(i64, String),
) -> Result<Vec<ItemRow>, StoreError> {
    let text: String = sqlx::query_scalar(
        "SELECT json_group_array(json_array(product_id, combination, name, group_id, group_name, hidden, retired, \
         present, label, state, level)) FROM ( \
         SELECT s.product_id, s.combination, iif(h.until_poll IS NULL, p.name, h.name) AS name, \
         iif(h.until_poll IS NULL, p.group_id, h.group_id) AS group_id, \
         iif(h.until_poll IS NULL, p.group_name, h.group_name) AS group_name, \
         iif(h.until_poll IS NULL, p.hidden, h.hidden) AS hidden, \
         iif(h.until_poll IS NULL, p.retired, h.retired) AS retired, \
         iif(h.until_poll IS NULL, p.missing = 0, h.present) AS present, \
         coalesce(t.label, s.label) AS label, l.state, l.level \
         FROM series s \
         CROSS JOIN levels l ON l.instance_id = ?1 AND l.series = s.number AND l.poll_id = (SELECT max(poll_id) \
         FROM levels WHERE instance_id = ?1 AND series = s.number AND poll_id <= ?2) \
         CROSS JOIN products p ON p.instance_id = ?1 AND p.product_id = s.product_id \
         LEFT JOIN product_history h ON h.instance_id = ?1 AND h.product_id = s.product_id AND h.until_poll = \
         (SELECT min(until_poll) FROM product_history WHERE instance_id = ?1 AND product_id = s.product_id \
         AND until_poll > ?2) \
         LEFT JOIN label_history t ON t.instance_id = ?1 AND t.series = s.number AND t.until_poll = \
         (SELECT min(until_poll) FROM label_history WHERE instance_id = ?1 AND series = s.number AND until_poll > ?2) \
         WHERE s.instance_id = ?1 AND (s.product_id, s.combination) > (?3, ?4) \
         ORDER BY s.product_id, s.combination LIMIT ?5)",
    )
    .bind(instance.0)
    .bind(poll.0)
    .bind(after.0)
    .bind(after.1.as_str())
    .bind(limit_of(ROWS))
    .fetch_one(conn)
    .await?;
    json(&text)
}
