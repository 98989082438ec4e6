//! A database that gets damaged beneath the server: whichever read meets it, all say so from then on.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sqlx::Connection;
use sqlx::SqliteConnection;

use crate::harness::Answer;
use crate::harness::Site;
use crate::harness::form;
use crate::listed::words;
use crate::listed_alerts::shop;
use crate::listed_alerts::with;

const PAGE: u64 = 4096;

/// Overwrites the first pages of the table and of its indices, as a disk does that forgets.
async fn spoil(path: &Path, table: &str) {
    let url = format!("sqlite://{}", path.display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    let roots: Vec<i64> = sqlx::query_scalar("SELECT rootpage FROM sqlite_master WHERE tbl_name = ?")
        .bind(table)
        .fetch_all(&mut other)
        .await
        .unwrap();
    assert!(!roots.is_empty(), "no table {table}");
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut other)
        .await
        .unwrap();
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    for root in roots.into_iter().filter(|root| *root > 0) {
        let at = (u64::try_from(root).unwrap() - 1) * PAGE;
        file.write_all_at(&[0x5a; PAGE as usize], at).unwrap();
    }
    // What other connections remember of the file is old by this.
    sqlx::query("PRAGMA user_version = 0")
        .execute(&mut other)
        .await
        .unwrap();
}

async fn post(site: &Site, path: &str, body: &str) -> Answer {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = String::from_utf8(site.raw(&request).await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn damage_that_any_read_meets_is_said_everywhere_and_nothing_that_people_say_is_taken_from_then_on() {
    for reading in ["/sources", "/api/v1/polls"] {
        let site = shop().await;
        let forms = site.get("/alerts").await.body;
        spoil(&site.folder.path().join("stock.db"), "polls").await;
        let met = site.get(reading).await;
        assert!(
            met.status == 503 || words(&met.body).contains("is damaged"),
            "{reading}: {}",
            met.body
        );
        for path in ["/", "/alerts", "/sources"] {
            let said = words(&site.get(path).await.body);
            assert!(
                said.contains("The database cannot be written: it is damaged."),
                "{reading}, then {path}: {said}"
            );
            assert!(!said.contains("All figures are current"), "{said}");
        }
        assert_eq!(site.get("/readyz").await.status, 503);
        let metrics = site.get("/metrics").await.body;
        assert!(
            metrics.contains("\nwhmcs_stock_database_writable 0\n"),
            "{metrics}"
        );

        let typed = [
            ("products", "1"),
            ("ends", "2h"),
            ("by", "Ann"),
            ("comment", "new rack"),
        ];
        let fields = with(form(&forms, "/do/silence", "name=\"products\""), &typed);
        let answer = site.send("/do/silence", &fields).await;
        assert_eq!(answer.status, 503, "{} {}", answer.head, answer.body);
        let said = words(&answer.body);
        assert!(
            said.contains("Nothing was recorded: the database is damaged"),
            "{said}"
        );
        let body = r#"{"matcher": {"products": [1]}, "ends_at": "2h", "by": "Ann", "comment": "new rack"}"#;
        let answer = post(&site, "/api/v1/silences", body).await;
        assert_eq!(answer.status, 503, "{} {}", answer.head, answer.body);
        assert!(answer.body.contains("Nothing was recorded"), "{}", answer.body);
    }
}
