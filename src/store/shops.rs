//! The shops as the database knows them: listed, and renamed with all their history.

use jiff::Timestamp;

use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;
use crate::store::value::optional_timestamp;

/// A shop with a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownShop {
    pub name: String,
    /// Those that are not gone.
    pub products: u64,
    /// When it was first and last asked; `None` where it never was.
    pub first_poll: Option<Timestamp>,
    pub last_poll: Option<Timestamp>,
}

/// What became of a renaming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renamed {
    Done,
    /// There is no shop of the old name.
    Unknown,
    /// The new name has a history of its own.
    Taken,
}

impl Reader {
    /// The names of all shops there ever were.
    pub async fn shop_names(&self) -> Result<Vec<String>, StoreError> {
        let names = sqlx::query_scalar("SELECT name FROM instances ORDER BY name");
        Ok(names.fetch_all(&self.pool).await?)
    }

    /// Whether anything of the shop is open, told as such, or taken on by somebody.
    pub async fn has_open(&self, instance: InstanceId) -> Result<bool, StoreError> {
        let open = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM told WHERE instance_id = ?1 AND severity > 0) \
             OR EXISTS (SELECT 1 FROM series WHERE instance_id = ?1 AND gone = 0 AND severity > 0) \
             OR EXISTS (SELECT 1 FROM acks WHERE instance_id = ?1 AND ended_at IS NULL)",
        );
        Ok(open.bind(instance.0).fetch_one(&self.pool).await?)
    }

    /// Every shop there ever was, by name.
    pub async fn shops(&self) -> Result<Vec<KnownShop>, StoreError> {
        let rows: Vec<(String, i64, Option<i64>, Option<i64>)> = sqlx::query_as(
            "SELECT name, (SELECT count(*) FROM series WHERE instance_id = i.id AND combination = '' AND gone = 0), \
             (SELECT observed_at FROM polls WHERE instance_id = i.id ORDER BY id LIMIT 1), \
             (SELECT observed_at FROM polls WHERE instance_id = i.id ORDER BY id DESC LIMIT 1) \
             FROM instances i ORDER BY name",
        )
        .fetch_all(&self.pool)
        .await?;
        let shop = |(name, products, first, last): (String, i64, Option<i64>, Option<i64>)| {
            Ok(KnownShop {
                name,
                products: products.unsigned_abs(),
                first_poll: optional_timestamp(first)?,
                last_poll: optional_timestamp(last)?,
            })
        };
        rows.into_iter().map(shop).collect()
    }
}

impl Store {
    /// Gives a shop another name; its history, and what was told of it, stay its own. A new name that was configured but
    /// never asked is free. Messages keep the name they were written with.
    pub async fn rename_shop(&self, old: &str, new: &str) -> Result<Renamed, StoreError> {
        let mut tx = self.begin_write().await?;
        let known: Option<i64> = sqlx::query_scalar("SELECT id FROM instances WHERE name = ?")
            .bind(old)
            .fetch_optional(tx.conn())
            .await?;
        let Some(id) = known else {
            tx.rollback().await?;
            return Ok(Renamed::Unknown);
        };
        sqlx::query(
            "DELETE FROM instances WHERE name = ?1 AND id <> ?2 \
             AND NOT EXISTS (SELECT 1 FROM polls WHERE instance_id = instances.id) \
             AND NOT EXISTS (SELECT 1 FROM events WHERE instance_id = instances.id) \
             AND NOT EXISTS (SELECT 1 FROM products WHERE instance_id = instances.id)",
        )
        .bind(new)
        .bind(id)
        .execute(tx.conn())
        .await?;
        let renamed = sqlx::query(
            "UPDATE instances SET name = ?1 WHERE id = ?2 \
             AND NOT EXISTS (SELECT 1 FROM instances WHERE name = ?1 AND id <> ?2)",
        )
        .bind(new)
        .bind(id)
        .execute(tx.conn())
        .await?;
        if renamed.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(Renamed::Taken);
        }
        tx.commit().await?;
        Ok(Renamed::Done)
    }
}
