//! What the server is told, and what every answer is made from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Weak;

use bytes::Bytes;
use jiff::SignedDuration;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::domain::feed::Feed;
use crate::hints::desk::Desk;
use crate::observe::counters::Counters;
use crate::observe::metrics;
use crate::observe::view::Seen;
use crate::observe::view::View;
use crate::store::db::Store;
use crate::web::forms::Forms;
use crate::web::places::Places;

/// Where the server listens and who may read.
#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    /// Asked of everybody where there is one, except for health.
    pub token: Option<SecretString>,
    /// `/metrics` is open even with a token.
    pub metrics_public: bool,
    /// Host names that are answered too when listening on loopback (those of a proxy).
    pub allowed_hosts: Vec<String>,
}

/// What every answer is made from.
#[derive(Debug, Clone)]
pub struct AppState {
    pub view: Arc<View>,
    pub counters: Arc<Counters>,
    pub scrapes: Arc<Scrapes>,
    pub store: Store,
    /// Where hints come in.
    pub desk: Arc<Desk>,
    /// The keys of forms.
    pub forms: Arc<Forms>,
    /// Places for pages that look on.
    pub places: Places,
}

/// How long the public feed is not made anew.
const KEPT: SignedDuration = SignedDuration::from_secs(1);

/// The text of the stock series while somebody still reads it.
#[derive(Debug, Default)]
pub struct Scrapes(Mutex<(Weak<Seen>, Weak<String>)>, Mutex<Option<Kept>>);

/// The public feed as it was last made.
#[derive(Debug, Clone)]
pub struct Kept {
    pub made_at: Timestamp,
    /// By what configuration.
    pub feed: Arc<Feed>,
    pub body: Bytes,
    /// Of what it says, but for its age.
    pub tag: String,
}

/// A text that all its readers share.
#[derive(Debug)]
pub struct Shared(Arc<String>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Scrapes {
    /// The public feed, made anew at most once a second however many ask.
    pub async fn public(
        &self,
        feed: &Arc<Feed>,
        now: Timestamp,
        make: impl FnOnce() -> (Bytes, String),
    ) -> Kept {
        let mut last = self.1.lock().await;
        let fresh = last.as_ref().filter(|kept| {
            let age = now.duration_since(kept.made_at);
            Arc::ptr_eq(&kept.feed, feed) && !age.is_negative() && age < KEPT
        });
        if let Some(kept) = fresh {
            return kept.clone();
        }
        let (body, tag) = make();
        let kept = Kept {
            made_at: now,
            feed: Arc::clone(feed),
            body,
            tag,
        };
        *last = Some(kept.clone());
        kept
    }

    /// The stock series of the moment.
    pub async fn stock(&self, seen: &Arc<Seen>) -> Shared {
        let mut last = self.0.lock().await;
        if Weak::as_ptr(&last.0) == Arc::as_ptr(seen)
            && let Some(text) = last.1.upgrade()
        {
            return Shared(text);
        }
        let text = Arc::new(metrics::stock(seen));
        *last = (Arc::downgrade(seen), Arc::downgrade(&text));
        Shared(text)
    }
}
