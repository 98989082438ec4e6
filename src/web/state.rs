//! What the server is told, and what every answer is made from.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use axum::http::HeaderName;
use axum::http::HeaderValue;
use bytes::Bytes;
use ipnet::IpNet;
use jiff::SignedDuration;
use jiff::Timestamp;
use rustls::ServerConfig;
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::domain::feed::Feed;
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
    /// Proxies elsewhere that are believed to ask for whom they say.
    pub trusted_proxies: Vec<IpNet>,
    /// The host name under which people reach the page.
    pub page_host: Option<String>,
    /// What answers carry beside our own headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What TLS is spoken by; plain HTTP where there is none.
    pub tls: Option<Arc<ServerConfig>>,
    /// What users, headers and TLS are from.
    pub source: Option<Source>,
    pub limits: Limits,
}

/// The web configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    /// Itself, and what it names: where one changes, it is read again.
    pub parts: Vec<PathBuf>,
    /// Which of its users look only.
    pub read_users: Vec<String>,
}

/// How long and how many: nobody keeps others out by being slow or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A request's head, and TLS before it, must be whole by then; an idle connection is closed then, too.
    pub head: Duration,
    /// A request must be answered by then, its body read.
    pub answer: Duration,
    /// A connection is closed after this long, however slowly it reads.
    pub connection: Duration,
    /// Connections at once; for one more the one that is idle longest is closed, and where none is it waits.
    pub connections: usize,
    /// Connections at once from one address; for one more the one of them that is idle longest is closed.
    pub connections_each: usize,
    /// The same for loopback and the proxies that are named: they ask for all.
    pub connections_proxy: usize,
    /// Wrong tokens and passwords that an address may try at once; one more each ten seconds. 0 for any number.
    pub tries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(20),
            answer: Duration::from_secs(20),
            connection: Duration::from_secs(300),
            connections: 256,
            connections_each: 96,
            connections_proxy: usize::MAX,
            tries: 10,
        }
    }
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
            trusted_proxies: Vec::new(),
            page_host: None,
            headers: Vec::new(),
            tls: None,
            source: None,
            limits: Limits::default(),
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

/// How long the public feed is not made anew.
const KEPT: SignedDuration = SignedDuration::from_secs(1);

/// The text of the stock series while somebody still reads it.
#[derive(Debug, Default)]
pub struct Scrapes(Mutex<Scraped>, Mutex<Option<Fed>>);

/// The last moment that was written down.
#[derive(Debug, Default)]
struct Scraped {
    seen: Weak<Seen>,
    text: Weak<String>,
    /// Whether combinations went without series; that is said once.
    without: bool,
}

/// The public feed as it was last made.
#[derive(Debug, Clone)]
pub struct Fed {
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
    ) -> Fed {
        let mut last = self.1.lock().await;
        let fresh = last.as_ref().filter(|kept| {
            let age = now.duration_since(kept.made_at);
            Arc::ptr_eq(&kept.feed, feed) && !age.is_negative() && age < KEPT
        });
        if let Some(kept) = fresh {
            return kept.clone();
        }
        let (body, tag) = make();
        let kept = Fed {
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
