//! What the lists ask of the database: for no longer than a reader waits, and a failure said in words.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::store::error::ErrorKind;
use crate::store::error::StoreError;

/// What the database does not tell by then is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a part of a page is missing, for everybody to read: without particulars, which the log has.
pub type Unread = &'static str;

/// The answer, or why there is none.
pub async fn read<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, Unread> {
    let Ok(answer) = timeout(PATIENCE, asked).await else {
        return Err("The database does not answer in time.");
    };
    answer.map_err(|error| {
        tracing::error!(%error, "The database could not be read for a page.");
        why(&error)
    })
}

/// What a failure means for a page.
pub fn why(error: &StoreError) -> Unread {
    match error.kind() {
        ErrorKind::Transient => "The database is locked by another process.",
        ErrorKind::Degraded => "The database cannot be read: its disk is failing or full.",
        ErrorKind::Fatal => "The database is damaged, or its file was deleted or replaced.",
        ErrorKind::Other => "The database cannot be read.",
    }
}

/// Keeps the first reason why something is missing, and goes on without it.
pub fn kept<T: Default>(answer: Result<T, Unread>, missing: &mut Option<Unread>) -> T {
    answer.unwrap_or_else(|why| {
        missing.get_or_insert(why);
        T::default()
    })
}
