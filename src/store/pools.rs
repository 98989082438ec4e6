//! The pools: their series under an instance of their own, and what each shop takes of them.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::domain::alerting::decision::PoolsDecision;
use crate::domain::alerting::lost::Holder;
use crate::domain::alerting::lost::Lost;
use crate::domain::alerting::lost::Now;
use crate::domain::alerting::pools::Part;
use crate::domain::alerting::pools::ShopParts;
use crate::domain::catalogue::Name;
use crate::domain::pool::User;
use crate::store::db::Store;
use crate::store::db::WriteTx;
use crate::store::error::StoreError;
use crate::store::memory::last_accepted;
use crate::store::reader::Reader;
use crate::store::rows::insert;
use crate::store::save::save_series;
use crate::store::save::update_source;
use crate::store::value::InstanceId;
use crate::store::value::POOLS;
use crate::store::value::PollId;
use crate::store::value::json;
use crate::store::value::signed;
use crate::store::value::to_json;
use crate::store::value::unsigned;
use crate::store::watched::Conn;

impl Store {
    /// The instance of the pools' series; made where there is none yet.
    pub async fn pools(&self) -> Result<InstanceId, StoreError> {
        match self.reader().pools().await? {
            Some(known) => Ok(known),
            None => self.make_instance(POOLS).await,
        }
    }
}

impl Reader {
    /// The instance of the pools' series; `None` where there never was a pool.
    pub async fn pools(&self) -> Result<Option<InstanceId>, StoreError> {
        let id: Option<i64> = sqlx::query_scalar("SELECT id FROM instances WHERE name = ?")
            .bind(POOLS)
            .fetch_optional(&self.pool)
            .await?;
        Ok(id.map(InstanceId))
    }

    /// What the shop took of the pools when it was last read, and when that was.
    pub async fn pool_parts(
        &self,
        instance: InstanceId,
        name: &Arc<str>,
        stale_after: Duration,
    ) -> Result<ShopParts, StoreError> {
        let mut view = self.pool.begin().await?;
        let rows: Vec<PartRow> = sqlx::query_as(
            "SELECT pool, fingerprint, used, uncounted, matched, holders, lost, users, by_need FROM pool_parts \
             WHERE instance_id = ? ORDER BY pool",
        )
        .bind(instance.0)
        .fetch_all(&mut view)
        .await?;
        Ok(ShopParts {
            instance: Arc::clone(name),
            stale_after,
            observed_at: last_accepted(&mut view, instance)
                .await?
                .map(|last| last.observed_at),
            parts: rows
                .into_iter()
                .map(|row| part(row, name).map(Arc::new))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl WriteTx {
    /// Records what a poll of the shop changed for the pools, whose series belong to `pools`.
    pub async fn save_pools(
        &mut self,
        pools: InstanceId,
        shop: InstanceId,
        poll: PollId,
        decision: &PoolsDecision,
    ) -> Result<(), StoreError> {
        let conn = self.conn();
        let new_series = save_series(conn, pools, poll, &decision.changes, &decision.events).await?;
        if decision.source_changed || new_series {
            update_source(conn, pools, &decision.next.memory.source).await?;
        }
        for pool in &decision.withdrawn {
            delete(conn, None, pool).await?;
        }
        for pool in &decision.dropped {
            delete(conn, Some(shop), pool).await?;
        }
        write(conn, shop, &decision.written).await
    }
}

/// How many users need as many, and how many products need no more.
#[derive(Serialize, Deserialize)]
struct Need {
    need: i64,
    users: usize,
    products: usize,
}

/// A need of products is also one of users.
fn needs(part: &Part) -> Vec<Need> {
    let products = |need| {
        let found = part.products.iter().find(|(of, _)| *of == need);
        found.map_or(0, |(_, products)| *products)
    };
    let needs = part.by_need.iter();
    needs
        .map(|(need, users)| Need {
            need: *need,
            users: *users,
            products: products(*need),
        })
        .collect()
}

type PartRow = (
    String,
    i64,
    Option<i64>,
    String,
    bool,
    String,
    String,
    String,
    String,
);
/// A [`Holder`] as it is stored.
type Held = (i64, String, Option<(i64, i64)>, Option<String>, i64);

fn part(row: PartRow, instance: &Arc<str>) -> Result<Part, StoreError> {
    let (pool, fingerprint, used, uncounted, matched, holders, lost, users, by_need) = row;
    let holders: Vec<Held> = json(&holders)?;
    let lost: Vec<(Held, Option<String>, Option<i64>)> = json(&lost)?;
    let users: Vec<(i64, String, Option<String>, i64)> = json(&users)?;
    let user = |(product_id, product, choice, need): (i64, String, Option<String>, i64)| User {
        instance: Arc::clone(instance),
        product_id,
        product: Name::new(&product),
        choice: choice.map(Arc::from),
        need,
    };
    let by_need: Vec<Need> = json(&by_need)?;
    Ok(Part {
        pool: pool.into(),
        fingerprint: unsigned(fingerprint),
        used,
        uncounted,
        matched,
        holders: holders.into_iter().map(holder).collect(),
        lost: lost
            .into_iter()
            .map(|(held, name, id)| Lost {
                holder: holder(held),
                now: match (name, id) {
                    (Some(name), _) => Now::Renamed(name),
                    (None, Some(id)) => Now::Anew(id),
                    (None, None) => Now::Gone,
                },
            })
            .collect(),
        users: users.into_iter().map(user).collect(),
        by_need: by_need
            .iter()
            .map(|need| (need.need, need.users))
            .filter(|(_, users)| *users > 0)
            .collect(),
        products: by_need
            .iter()
            .map(|need| (need.need, need.products))
            .filter(|(_, products)| *products > 0)
            .collect(),
    })
}

fn holder((product_id, product, pair, label, services): Held) -> Holder {
    Holder {
        product_id,
        product: Name::new(&product),
        pair,
        label: label.map(Arc::from),
        services,
    }
}

fn held(holder: &Holder) -> Held {
    (
        holder.product_id,
        holder.product.raw().to_owned(),
        holder.pair,
        holder.label.as_ref().map(ToString::to_string),
        holder.services,
    )
}

fn missed(lost: &Lost) -> (Held, Option<&str>, Option<i64>) {
    let (name, id) = match &lost.now {
        Now::Renamed(name) => (Some(name.as_str()), None),
        Now::Anew(id) => (None, Some(*id)),
        Now::Gone => (None, None),
    };
    (held(&lost.holder), name, id)
}

async fn write(conn: &mut Conn, shop: InstanceId, parts: &[Arc<Part>]) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(parts.len());
    for part in parts {
        let users: Vec<_> = part
            .users
            .iter()
            .map(|user| {
                (
                    user.product_id,
                    user.product.raw(),
                    user.choice.as_deref(),
                    user.need,
                )
            })
            .collect();
        let holders: Vec<Held> = part.holders.iter().map(held).collect();
        let lost: Vec<_> = part.lost.iter().map(missed).collect();
        let written = [
            to_json(&holders)?,
            to_json(&lost)?,
            to_json(&users)?,
            to_json(&needs(part))?,
        ];
        rows.push((part, written));
    }
    insert(
        conn,
        "INSERT OR REPLACE INTO pool_parts (instance_id, pool, fingerprint, used, uncounted, matched, holders, \
         lost, users, by_need) ",
        &rows,
        |values, (part, [holders, lost, users, by_need])| {
            values
                .push_bind(shop.0)
                .push_bind(&*part.pool)
                .push_bind(signed(part.fingerprint))
                .push_bind(part.used)
                .push_bind(part.uncounted.as_str())
                .push_bind(part.matched)
                .push_bind(holders.as_str())
                .push_bind(lost.as_str())
                .push_bind(users.as_str())
                .push_bind(by_need.as_str());
        },
    )
    .await?;
    Ok(())
}

/// Of one shop, or of all.
async fn delete(conn: &mut Conn, shop: Option<InstanceId>, pool: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM pool_parts WHERE pool = ?1 AND (?2 IS NULL OR instance_id = ?2)")
        .bind(pool)
        .bind(shop.map(|shop| shop.0))
        .execute(conn)
        .await?;
    Ok(())
}
