//! What the server is told, and what every answer is made from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Weak;

use axum::http::HeaderName;
use axum::http::HeaderValue;
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::hints::desk::Desk;
use crate::observe::counters::Counters;
use crate::observe::metrics;
use crate::observe::view::Seen;
use crate::observe::view::View;
use crate::store::db::Store;
use crate::web::asker::Role;
use crate::web::forms::Forms;
use crate::web::kept::Kept;
use crate::web::places::Places;

/// Where the server listens and who may do what.
#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    /// Who shows it may act.
    pub token: Option<SecretString>,
    /// Who shows it may look.
    pub read_token: Option<SecretString>,
    pub users: Vec<User>,
    /// `/metrics` is open even where credentials are asked for.
    pub metrics_public: bool,
    /// Host names that are answered, beside this machine's own; beyond loopback any where there are none.
    pub allowed_hosts: Vec<String>,
    /// The host name under which people reach the page.
    pub page_host: Option<String>,
    /// What answers carry beside our own headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Somebody with a password.
#[derive(Debug, Clone)]
pub struct User {
    pub name: Arc<str>,
    pub role: Role,
    /// By bcrypt.
    pub hash: SecretString,
}

impl Settings {
    /// Listening there, without credentials.
    #[must_use]
    pub fn on(listen: SocketAddr) -> Self {
        Self {
            listen,
            token: None,
            read_token: None,
            users: Vec::new(),
            metrics_public: false,
            allowed_hosts: Vec::new(),
            page_host: None,
            headers: Vec::new(),
        }
    }
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
    /// What the overview is made of, while somebody looks at it.
    pub kept: Arc<Kept>,
    /// Places for pages that look on.
    pub places: Places,
}

/// The text of the stock series while somebody still reads it.
#[derive(Debug, Default)]
pub struct Scrapes(Mutex<(Weak<Seen>, Weak<String>)>);

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
