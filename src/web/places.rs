//! The places of pages that look on, and the word that the server stops.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Pages that look on at once; others look again by themselves.
const PAGES: usize = 128;

/// The places of those who look on.
#[derive(Debug, Clone)]
pub struct Places(pub Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PAGES)))
    }
}

/// Says when the server stops: what has no end by itself ends then.
#[derive(Debug, Clone)]
pub struct Closing(pub CancellationToken);
