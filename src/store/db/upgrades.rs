//! From every schema there ever was, with rows in every table, to the newest: nothing is lost.

use sqlx::AssertSqlSafe;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::Row;
use sqlx::SqliteConnection;

use crate::store::db::Store;
use crate::store::db::StoreSettings;
use crate::store::error::OpenError;
use crate::store::reader::options;
use crate::store::schema;

/// A table's name, and those of its columns.
type Table = (String, Vec<String>);

async fn tables(conn: &mut SqliteConnection) -> Vec<Table> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '_sqlx%' \
         ORDER BY name NOT IN ('instances', 'messages'), name",
    )
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    let mut tables = Vec::new();
    for name in names {
        let columns = sqlx::query_scalar("SELECT name FROM pragma_table_info(?) ORDER BY cid").bind(&name);
        let columns = columns.fetch_all(&mut *conn).await.unwrap();
        tables.push((name, columns));
    }
    tables
}

/// What may stand in a column, the `n`-th time.
fn value(table: &str, column: &str, kind: &str, n: usize) -> String {
    match (table, column, kind) {
        ("outbox", "state", _) => "'dead'".to_owned(),
        ("report_runs", "state", _) => "'queued'".to_owned(),
        ("session_key", "key", _) => format!("x'{}'", "ab".repeat(32)),
        ("ended_sessions", "session", _) => format!("x'{}'", "cd".repeat(16)),
        // What refers to another row, and what is a key of a single one.
        (_, "instance_id" | "message" | "id", _) => "1".to_owned(),
        (_, "number", _) if table == "messages" => "1".to_owned(),
        (_, _, "INTEGER") => (n + 2).to_string(),
        (_, _, "BLOB") => "x'ef'".to_owned(),
        _ => format!("'[\"{column} of {table}\"]'"),
    }
}

async fn fill(conn: &mut SqliteConnection) {
    for (table, columns) in tables(conn).await {
        let kinds: Vec<String> = sqlx::query_scalar("SELECT type FROM pragma_table_info(?) ORDER BY cid")
            .bind(&table)
            .fetch_all(&mut *conn)
            .await
            .unwrap();
        let values = columns.iter().zip(kinds).enumerate();
        let values: Vec<String> = values
            .map(|(n, (column, kind))| value(&table, column, &kind, n))
            .collect();
        let columns: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
        let insert = format!(
            "INSERT OR REPLACE INTO {table} ({}) VALUES ({})",
            columns.join(", "),
            values.join(", ")
        );
        let inserted = sqlx::query(AssertSqlSafe(insert.clone()))
            .execute(&mut *conn)
            .await;
        assert!(inserted.is_ok(), "{insert}: {inserted:?}");
    }
}

/// All rows of those tables in those columns.
async fn dump(conn: &mut SqliteConnection, tables: &[Table]) -> Vec<String> {
    let mut found = Vec::new();
    for (table, columns) in tables {
        let columns: Vec<String> = columns
            .iter()
            .map(|column| format!("quote(\"{column}\")"))
            .collect();
        let select = format!("SELECT {} FROM {table}", columns.join(" || ', ' || "));
        let rows = sqlx::query(AssertSqlSafe(select))
            .fetch_all(&mut *conn)
            .await
            .unwrap();
        found.extend(
            rows.iter()
                .map(|row| format!("{table}: {}", row.get::<String, _>(0))),
        );
    }
    found
}

#[tokio::test]
async fn every_older_schema_with_rows_in_every_table_is_brought_up_to_date_and_loses_none() {
    let newest = schema::embedded().len();
    for version in 1..newest {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            path: folder.path().join("stock.db"),
        };
        let known: Vec<_> = schema::embedded().into_iter().take(version).collect();
        let old = Store::open_with(&settings, known).await.unwrap().store;
        old.close().await;
        let at = options(&settings.path);
        let mut conn = at.connect().await.unwrap();
        fill(&mut conn).await;
        let before = tables(&mut conn).await;
        let rows = dump(&mut conn, &before).await;
        assert!(rows.len() >= before.len(), "{version}: {rows:?}");
        conn.close().await.unwrap();

        let opened = Store::open(&settings).await.unwrap();
        opened.store.integrity_check().await.unwrap();
        opened.store.close().await;
        let mut conn = at.connect().await.unwrap();
        assert_eq!(dump(&mut conn, &before).await, rows, "from {version}");
        conn.close().await.unwrap();

        let copy = folder.path().join(format!("stock.db.before-{}", version + 1));
        let mut conn = options(&copy).connect().await.unwrap();
        assert_eq!(tables(&mut conn).await, before, "the copy of {version}");
        assert_eq!(dump(&mut conn, &before).await, rows, "the copy of {version}");
        conn.close().await.unwrap();
    }
}

#[tokio::test]
async fn of_the_copies_from_before_migrations_the_three_newest_stay() {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        path: folder.path().join("stock.db"),
    };
    let mut known = schema::embedded();
    Store::open_with(&settings, known.clone())
        .await
        .unwrap()
        .store
        .close()
        .await;
    for version in 998..1003 {
        known.push(schema::migration(
            version,
            "later",
            "UPDATE upkeep SET removed = removed + 1",
        ));
        Store::open_with(&settings, known.clone())
            .await
            .unwrap()
            .store
            .close()
            .await;
    }
    let copies = std::fs::read_dir(folder.path()).unwrap().flatten();
    let mut copies: Vec<_> = copies
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".before-"))
        .collect();
    copies.sort();
    assert_eq!(
        copies,
        [
            "stock.db.before-1000",
            "stock.db.before-1001",
            "stock.db.before-1002"
        ]
    );
    let refused = Store::open(&settings).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { .. }), "{refused}");
}
