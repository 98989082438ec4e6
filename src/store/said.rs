//! Lines of history about what people said.

use jiff::Timestamp;

use crate::store::error::StoreError;
use crate::store::value::InstanceId;
use crate::store::watched::Conn;

/// What a series is of, for the history.
pub(super) struct OfSeries {
    product_id: i64,
    combination: String,
    last_level: Option<i64>,
    previous_level: Option<i64>,
}

pub(super) async fn about(
    conn: &mut Conn,
    instance: InstanceId,
    series: u32,
) -> Result<Option<OfSeries>, StoreError> {
    let row: Option<(i64, String, Option<i64>, Option<i64>)> = sqlx::query_as(
        "SELECT product_id, combination, last_level, previous_level FROM series INDEXED BY series_number \
         WHERE instance_id = ? AND number = ?",
    )
    .bind(instance.0)
    .bind(series)
    .fetch_optional(conn)
    .await?;
    Ok(
        row.map(|(product_id, combination, last_level, previous_level)| OfSeries {
            product_id,
            combination,
            last_level,
            previous_level,
        }),
    )
}

/// A line of history about what people said.
pub(super) struct Said {
    pub(super) key: String,
    pub(super) kind: &'static str,
    pub(super) reason: Option<&'static str>,
    pub(super) detail: String,
}

impl Said {
    pub(super) async fn of_series(
        self,
        conn: &mut Conn,
        instance: InstanceId,
        about: &OfSeries,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO events (instance_id, key, at, kind, product_id, combination, reason, level, previous_level, \
             detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(instance.0)
        .bind(self.key)
        .bind(now.as_millisecond())
        .bind(self.kind)
        .bind(about.product_id)
        .bind(Some(about.combination.as_str()).filter(|text| !text.is_empty()))
        .bind(self.reason)
        .bind(about.last_level)
        .bind(about.previous_level)
        .bind(Some(self.detail).filter(|text| !text.is_empty()))
        .execute(conn)
        .await?;
        Ok(())
    }

    pub(super) async fn of_nothing(self, conn: &mut Conn, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO events (key, at, kind, reason, detail) VALUES (?, ?, ?, ?, ?)")
            .bind(self.key)
            .bind(now.as_millisecond())
            .bind(self.kind)
            .bind(self.reason)
            .bind(Some(self.detail).filter(|text| !text.is_empty()))
            .execute(conn)
            .await?;
        Ok(())
    }
}

pub(super) fn by_and_what(by: &str, what: &str) -> String {
    match (by, what) {
        (by, "") => by.to_owned(),
        ("", what) => what.to_owned(),
        (by, what) => format!("{by}: {what}"),
    }
}
