//! What the server is told, and what every answer is made from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Weak;

use secrecy::SecretString;
use tokio::sync::Mutex;

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

/// The text of the stock series while somebody still reads it.
#[derive(Debug, Default)]
pub struct Scrapes(Mutex<Scraped>);

/// The last moment that was written down.
#[derive(Debug, Default)]
struct Scraped {
    seen: Weak<Seen>,
    text: Weak<String>,
    /// Whether combinations went without series; that is said once.
    without: bool,
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
    /// The stock series of the moment.
    pub async fn stock(&self, seen: &Arc<Seen>) -> Shared {
        let mut last = self.0.lock().await;
        if Weak::as_ptr(&last.seen) == Arc::as_ptr(seen)
            && let Some(text) = last.text.upgrade()
        {
            return Shared(text);
        }
        let (text, omitted) = metrics::scrape(seen);
        last.tell(omitted, seen.combinations.most);
        let text = Arc::new(text);
        last.seen = Arc::downgrade(seen);
        last.text = Arc::downgrade(&text);
        Shared(text)
    }
}

impl Scraped {
    fn tell(&mut self, omitted: usize, most: usize) {
        if omitted > 0 && !self.without {
            tracing::warn!(
                combinations = omitted,
                most,
                "The metrics go without the combinations: there are more than METRICS_MAX_COMBINATIONS. Raise it, or name \
                 those you need (METRICS_COMBINATIONS=listed)."
            );
        }
        self.without = omitted > 0;
    }
}
