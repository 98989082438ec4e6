//! Opening: modes, the lock, and what is refused without being touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::store::error::ErrorKind;
use whmcs_stock_monitor::store::error::OpenError;
use whmcs_stock_monitor::store::error::StoreError;

use crate::common::Place;
use crate::common::fill;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn raw(path: &Path) -> sqlx::SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap()
}

/// A closed database with a few hundred pages of history.
async fn filled() -> Place {
    let place = Place::new();
    let store = place.open().await;
    fill(&store, 3000).await;
    store.close().await;
    place
}

async fn refusal(place: &Place) -> OpenError {
    let before = fs::read(&place.settings.path).unwrap();
    let error = Store::open(&place.settings).await.unwrap_err();
    assert_eq!(
        fs::read(&place.settings.path).unwrap(),
        before,
        "{error} touched the file"
    );
    error
}

#[tokio::test]
async fn the_files_are_readable_by_their_owner_alone() {
    let place = Place::new();
    let settings = StoreSettings {
        path: place.folder.path().join("a/b/stock.db"),
    };
    let opened = Store::open(&settings).await.unwrap();
    fill(&opened.store, 3).await;
    assert!(opened.is_new);
    assert_eq!(opened.warnings, Vec::<String>::new());
    assert_eq!(mode(settings.path.parent().unwrap()), 0o700);
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let file = settings.path.with_file_name(format!("stock.db{suffix}"));
        assert_eq!(mode(&file), 0o600, "{suffix}");
    }
    opened.store.close().await;
    assert!(
        !settings.path.with_file_name("stock.db-wal").exists(),
        "the log is merged"
    );
}

#[tokio::test]
async fn a_second_monitor_is_refused_until_the_first_is_gone() {
    let place = Place::new();
    let store = place.open().await;
    let error = Store::open(&place.settings).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    assert_eq!(error.exit_code(), 75);
    let link = StoreSettings {
        path: place.folder.path().join("link.db"),
    };
    std::os::unix::fs::symlink(&place.settings.path, &link.path).unwrap();
    let error = Store::open(&link).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    fill(&store, 3).await;
    store.close().await;
    let again = Store::open(&place.settings).await.unwrap();
    assert!(!again.is_new);
    again.store.close().await;
}

#[tokio::test]
async fn a_damaged_header_is_refused() {
    let place = filled().await;
    let mut bytes = fs::read(&place.settings.path).unwrap();
    bytes[..16].copy_from_slice(b"sixteen odd byte");
    fs::write(&place.settings.path, bytes).unwrap();
    let error = refusal(&place).await;
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert_eq!(error.exit_code(), 65);
    assert!(error.to_string().contains(".recover"), "{error}");
}

#[tokio::test]
async fn a_damaged_page_anywhere_is_found() {
    let place = filled().await;
    let whole = fs::read(&place.settings.path).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 50, "{pages} pages are too few to choose from");
    for page in [1, pages / 3, pages / 2, pages - 1] {
        let mut bytes = whole.clone();
        bytes[page * 4096..][..64].fill(0x5a);
        fs::write(&place.settings.path, bytes).unwrap();
        let error = refusal(&place).await;
        assert!(matches!(error, OpenError::Damaged { .. }), "page {page}: {error}");
    }
}

#[tokio::test]
async fn a_truncated_database_is_refused() {
    let place = filled().await;
    let whole = fs::read(&place.settings.path).unwrap();
    for length in [
        20,
        100,
        4096,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        fs::write(&place.settings.path, &whole[..length]).unwrap();
        let error = refusal(&place).await;
        assert!(
            matches!(error, OpenError::Damaged { .. }),
            "{length} bytes: {error}"
        );
    }
}

#[tokio::test]
async fn an_empty_file_is_a_new_database_with_a_warning() {
    let place = Place::new();
    fs::write(&place.settings.path, b"").unwrap();
    let opened = Store::open(&place.settings).await.unwrap();
    assert!(opened.is_new);
    assert!(
        opened.warnings.iter().any(|warning| warning.contains("empty")),
        "{:?}",
        opened.warnings
    );
    opened.store.close().await;
}

#[tokio::test]
async fn a_log_whose_database_is_missing_or_empty_is_not_thrown_away() {
    let place = Place::new();
    let wal = place.beside("-wal");
    fs::write(&wal, b"what was not merged yet").unwrap();
    for exists in [false, true] {
        if exists {
            fs::write(&place.settings.path, b"").unwrap();
        }
        let error = Store::open(&place.settings).await.unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(&wal).unwrap(), b"what was not merged yet");
    }
}

#[tokio::test]
async fn a_database_that_others_can_read_is_warned_of() {
    let place = filled().await;
    fs::set_permissions(&place.settings.path, fs::Permissions::from_mode(0o644)).unwrap();
    let opened = Store::open(&place.settings).await.unwrap();
    assert!(
        opened.warnings.iter().any(|warning| warning.contains("644")),
        "{:?}",
        opened.warnings
    );
    opened.store.close().await;
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let place = Place::new();
    let mut conn = raw(&place.settings.path).await;
    sqlx::query("CREATE TABLE theirs (a)")
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let error = refusal(&place).await;
    assert!(matches!(error, OpenError::Foreign(_)), "{error}");
}

#[tokio::test]
async fn a_newer_schema_and_a_changed_migration_are_told_apart() {
    let place = filled().await;
    let mut conn = raw(&place.settings.path).await;
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1")
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let error = refusal(&place).await;
    assert!(
        matches!(error, OpenError::Migration { version: 1, .. }),
        "{error}"
    );
    assert_eq!(error.exit_code(), 78);

    let mut conn = raw(&place.settings.path).await;
    sqlx::query("INSERT INTO _sqlx_migrations VALUES (999, 'later', 0, 1, x'00', 0)")
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let error = refusal(&place).await;
    assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{error}");
    assert_eq!(error.exit_code(), 65);
    let error = Store::open_read_only(&place.settings).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{error}");
}

#[tokio::test]
async fn a_reader_needs_a_database_and_none_is_made_for_it() {
    let place = Place::new();
    let error = Store::open_read_only(&place.settings).await.unwrap_err();
    assert!(matches!(error, OpenError::Missing(_)), "{error}");
    assert!(!place.settings.path.exists());
    fs::write(&place.settings.path, b"this is no database, is it?").unwrap();
    let error = Store::open_read_only(&place.settings).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_reader_works_beside_a_monitor_and_without_one() {
    let place = Place::new();
    let store = place.open().await;
    fill(&store, 3).await;
    let reader = Store::open_read_only(&place.settings).await.unwrap();
    assert_eq!(reader.instances().await.unwrap().len(), 1);
    reader.integrity_check().await.unwrap();
    reader.close().await;
    store.close().await;
    let reader = Store::open_read_only(&place.settings).await.unwrap();
    assert_eq!(reader.polls(None, None, 10).await.unwrap().len(), 1);
    reader.close().await;
}

#[tokio::test]
async fn a_database_deleted_while_in_use_takes_no_more_writes() {
    let place = Place::new();
    let store = place.open().await;
    store.writable().await.unwrap();
    fs::remove_file(&place.settings.path).unwrap();
    let error = store.begin_write().await.unwrap_err();
    assert!(matches!(error, StoreError::Replaced(_)), "{error}");
    assert_eq!(error.kind(), ErrorKind::Fatal);
    store.writable().await.unwrap_err();
    store.close().await;
}

#[tokio::test]
async fn after_a_write_that_failed_readiness_is_proved_by_a_write() {
    let place = Place::new();
    let store = place.open().await;
    let length = || fs::metadata(place.beside("-wal")).map_or(0, |wal| wal.len());
    fill(&store, 1).await;
    let idle = length();
    store.writable().await.unwrap();
    assert_eq!(length(), idle, "nothing is written while all is well");
    drop(store.begin_write().await.unwrap());
    store.writable().await.unwrap();
    let proved = length();
    // The failed write's connection was closed, so the log may have begun anew.
    assert!(proved > 0);
    store.writable().await.unwrap();
    assert_eq!(length(), proved);
    store.close().await;
}

#[tokio::test]
async fn a_write_waits_for_another_process() {
    let place = Place::new();
    let store = place.open().await;
    let mut other = raw(&place.settings.path).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let writing = tokio::spawn({
        let store = store.clone();
        async move { store.instance("default").await }
    });
    tokio::task::yield_now().await;
    assert!(!writing.is_finished());
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    writing.await.unwrap().unwrap();
    other.close().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn what_sqlite_says_is_sorted_by_what_to_do_about_it() {
    let place = Place::new();
    let path = place.folder.path().join("raw.db");
    let mut one = raw(&path).await;
    sqlx::query("CREATE TABLE t (a)").execute(&mut one).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut one).await.unwrap();
    let options = SqliteConnectOptions::new().filename(&path);
    let insert = sqlx::query("INSERT INTO t VALUES (zeroblob(100000))");

    let mut hurried = options
        .clone()
        .busy_timeout(std::time::Duration::ZERO)
        .connect()
        .await
        .unwrap();
    let busy = insert.execute(&mut hurried).await.unwrap_err();
    assert_eq!(StoreError::from(busy).kind(), ErrorKind::Transient);
    sqlx::query("COMMIT").execute(&mut one).await.unwrap();

    sqlx::query("PRAGMA max_page_count = 3")
        .execute(&mut one)
        .await
        .unwrap();
    let insert = sqlx::query("INSERT INTO t VALUES (zeroblob(100000))");
    let full = insert.execute(&mut one).await.unwrap_err();
    assert_eq!(StoreError::from(full).kind(), ErrorKind::Degraded);

    let mut reading = options.read_only(true).connect().await.unwrap();
    let refused = sqlx::query("DELETE FROM t")
        .execute(&mut reading)
        .await
        .unwrap_err();
    assert_eq!(StoreError::from(refused).kind(), ErrorKind::Degraded);

    let junk = place.folder.path().join("junk.db");
    fs::write(&junk, [0x5a; 8192]).unwrap();
    let odd = SqliteConnectOptions::new().filename(&junk).connect().await;
    let mut odd = odd.unwrap();
    let corrupt = sqlx::query("SELECT * FROM sqlite_schema")
        .fetch_all(&mut odd)
        .await
        .unwrap_err();
    assert_eq!(StoreError::from(corrupt).kind(), ErrorKind::Fatal);
}

#[tokio::test]
async fn a_large_database_is_opened_at_once_and_checked_after() {
    let place = filled().await;
    let mut conn = raw(&place.settings.path).await;
    for statement in [
        "CREATE TABLE padding (a)",
        "INSERT INTO padding VALUES (zeroblob(140000000))",
    ] {
        sqlx::query(statement).execute(&mut conn).await.unwrap();
    }
    // Nothing that the opening itself reads.
    let page: i64 = sqlx::query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'label_history'")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let opened = Store::open(&place.settings).await.unwrap();
    assert!(opened.unchecked);
    opened.store.quick_check().await.unwrap();
    opened.store.close().await;

    let mut bytes = fs::read(&place.settings.path).unwrap();
    let page = usize::try_from(page).unwrap() - 1;
    bytes[page * 4096..][..64].fill(0x5a);
    fs::write(&place.settings.path, bytes).unwrap();
    let opened = Store::open(&place.settings).await.unwrap();
    let error = opened.store.quick_check().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fatal, "{error}");
    opened.store.integrity_check().await.unwrap_err();
    opened.store.close().await;
}
