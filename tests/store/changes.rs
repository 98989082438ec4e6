//! What a look finds: commits, and files that somebody wrote over.

use std::fs;

use whmcs_stock_monitor::store::changes::Change;
use whmcs_stock_monitor::store::changes::Changes;
use whmcs_stock_monitor::store::error::OpenError;

use crate::common::Place;
use crate::common::fill;

#[tokio::test]
async fn a_look_tells_a_commit_from_a_file_that_was_written_over() {
    let place = Place::new();
    let path = &place.settings.path;
    let store = place.open().await;
    let mut changes = Changes::of(path).await.unwrap();
    assert_eq!(changes.look().await.unwrap(), Change::Committed, "the first look");
    assert_eq!(changes.look().await.unwrap(), Change::None);
    fill(&store, 3).await;
    assert_eq!(changes.look().await.unwrap(), Change::Committed);
    assert_eq!(changes.look().await.unwrap(), Change::None);
    store.close().await;
    drop(changes);

    let mut changes = Changes::of(path).await.unwrap();
    assert_eq!(changes.look().await.unwrap(), Change::Committed);
    let whole = fs::read(path).unwrap();
    for content in [&whole[..], &whole[..100], &[]] {
        fs::write(path, content).unwrap();
        assert_eq!(
            changes.look().await.unwrap(),
            Change::Rewritten,
            "{} bytes",
            content.len()
        );
    }
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_database_is_called_one() {
    let place = Place::new();
    let path = &place.settings.path;
    fs::create_dir_all(path).unwrap();
    let error = Changes::of(path).await.unwrap_err();
    assert!(matches!(error, OpenError::NotAFile { .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.ends_with(
            " is a folder, where the database's file should be. Check DATABASE_URL, or move it away."
        ),
        "{said}"
    );
}
