//! What people said that holds for a shop at one moment, and the series that they may speak of.

use jiff::Timestamp;

use crate::domain::catalogue::ProductId;
use crate::domain::people::People;
use crate::domain::people::Silence;
use crate::store::acks::acks_ended;
use crate::store::acks::acks_in_force;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::store::silences::silences_where;
use crate::store::value::InstanceId;
use crate::store::value::POOLS;

/// A series as people name it: what an ack is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesName {
    pub number: u32,
    pub product_id: ProductId,
    pub combination: Option<String>,
    pub label: Option<String>,
    /// No longer there.
    pub gone: bool,
}

impl Reader {
    /// What people said that holds for the shop at `now`, and for the pools. The configuration's maintenance windows are
    /// added by [`People::with_mutes`]. `None` is a shop that was never polled.
    pub async fn people(&self, instance: Option<InstanceId>, now: Timestamp) -> Result<People, StoreError> {
        let mut view = self.pool.begin().await?;
        let pools: Option<i64> = sqlx::query_scalar("SELECT id FROM instances WHERE name = ?")
            .bind(POOLS)
            .fetch_optional(&mut view)
            .await?;
        let mut people = People::default();
        if let Some(instance) = instance {
            people.acks = acks_in_force(&mut view, instance, now).await?;
            people.ended = acks_ended(&mut view, instance).await?;
        }
        if let Some(pools) = pools.map(InstanceId) {
            people.pool_acks = acks_in_force(&mut view, pools, now).await?;
            people.pool_ended = acks_ended(&mut view, pools).await?;
        }
        let silences = silences_where(&mut view, Some(now)).await?;
        Ok(people.with_mutes(silences.iter().map(Silence::mute)))
    }

    /// The series of a product (of a pool by its number), the product's own first; `None` for none.
    pub async fn series_of(
        &self,
        instance: InstanceId,
        product: ProductId,
    ) -> Result<Vec<SeriesName>, StoreError> {
        let rows: Vec<(u32, String, Option<String>, bool)> = sqlx::query_as(
            "SELECT number, combination, label, gone FROM series WHERE instance_id = ? AND product_id = ? \
             ORDER BY combination",
        )
        .bind(instance.0)
        .bind(product)
        .fetch_all(&self.pool)
        .await?;
        let name = |(number, combination, label, gone): (u32, String, Option<String>, bool)| SeriesName {
            number,
            product_id: product,
            combination: Some(combination).filter(|text| !text.is_empty()),
            label,
            gone,
        };
        Ok(rows.into_iter().map(name).collect())
    }
}
