//! The WHMCS API over HTTP: one look at the catalogue, or the cause why there is none.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

mod part;
mod single;

use crate::domain::catalogue::Companion;
use crate::domain::catalogue::Details;
use crate::domain::catalogue::Listing;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::ProductId;
use crate::domain::catalogue::Snapshot;
use crate::domain::source::Attempt;
use crate::domain::source::Failure;
use crate::whmcs::api::Api;
use crate::whmcs::api::Journal;
use crate::whmcs::api::RequestStat;
use crate::whmcs::api::Stop;
use crate::whmcs::details::Foreign;
use crate::whmcs::details::Gathered;
use crate::whmcs::details::Probe;
use crate::whmcs::details::Round;
use crate::whmcs::details::Seen;
use crate::whmcs::details::is_past;
use crate::whmcs::fault::Broken;
use crate::whmcs::form::Credentials;
use crate::whmcs::form::SignIn;
use crate::whmcs::intake::Format;
use crate::whmcs::listings;
use crate::whmcs::probe::Knock;

/// How long an action that was not available is left alone.
const ASK_AGAIN: Duration = Duration::from_hours(24);
/// The same for one that was there before: a role edited for a moment must not cost a day of knowledge.
const ASK_AGAIN_SOON: Duration = Duration::from_hours(1);
/// Looks in a row that fail over GetProductDetails alone; then it counts as absent.
const PROBES: u8 = 3;

/// How to reach one WHMCS and within which limits.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// `https://…/includes/api.php`
    pub url: String,
    pub sign_in: SignIn,
    /// Passes the list of addresses, where `configuration.php` sets one.
    pub access_key: Option<SecretString>,
    /// How answers are asked for; XML too where JSON turns out to be impossible.
    pub response_type: Format,
    /// For the whole request.
    pub timeout: Duration,
    /// At most 10 s, and at most `timeout`.
    pub connect_timeout: Duration,
    pub allow_insecure_tls: bool,
    /// A PEM file of further trusted CAs.
    pub ca_file: Option<PathBuf>,
    /// Decompressed bytes.
    pub max_body: u64,
    /// How often a foreign GetProductDetails is asked for each product.
    pub details_interval: Duration,
    /// Requests under way at once.
    pub max_requests: usize,
    /// The delay before the second try of a request, about; the next is twice that. Usually 1 s.
    pub retry_base: Duration,
}

/// Why no client can be made of the settings, with the mend.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("WHMCS_API_URL is not an http or https address: write https://your-shop/includes/api.php")]
    Url,
    #[error("the CA file {0} cannot be read: {1}. Check WHMCS_CA_FILE and the file's permissions")]
    CaFile(PathBuf, std::io::Error),
    #[error(
        "the CA file {0} holds no PEM certificate: WHMCS_CA_FILE must name one that begins with -----BEGIN CERTIFICATE-----"
    )]
    NoCertificate(PathBuf),
    #[error(
        "TLS cannot be set up: {0}. Install the system's CA certificates (package ca-certificates), or name a file of them in SSL_CERT_FILE"
    )]
    Tls(String),
}

/// One look at a WHMCS: what was seen, or why nothing was.
#[derive(Debug)]
pub struct Look {
    /// When it began.
    pub observed_at: Timestamp,
    pub duration: Duration,
    /// Requests that failed, and those that succeeded after failures.
    pub attempts: Vec<Attempt>,
    /// Every request.
    pub requests: Vec<RequestStat>,
    /// Only some products were looked at; of the others the result says nothing.
    pub part: bool,
    pub result: Result<Snapshot, Failure>,
}

/// What is known of GetProductDetails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not yet; so many looks failed over the question.
    NotAsked {
        failures: u8,
    },
    /// Not available when last asked; asked again a day later.
    Absent {
        since: Timestamp,
    },
    /// It was there and is no longer available; asked again an hour later.
    Vanished {
        since: Timestamp,
    },
    Contract1,
    Foreign,
}

impl Standing {
    fn companion(self) -> Companion {
        match self {
            Self::NotAsked { .. } | Self::Absent { .. } | Self::Vanished { .. } => Companion::Absent,
            Self::Contract1 => Companion::Contract1,
            Self::Foreign => Companion::Foreign,
        }
    }
}

/// A WHMCS to look at. It remembers the last look, so that what did not change is neither read nor built again.
#[derive(Debug)]
pub struct Client {
    api: Arc<Api>,
    at_once: usize,
    details_interval: Duration,
    memory: Mutex<Memory>,
    standing: std::sync::Mutex<Standing>,
}

/// A cache of what answers' bytes mean; replaced by a successful look only.
#[derive(Debug, Default)]
struct Memory {
    /// In the order they came.
    listings: Arc<Vec<Arc<Listing>>>,
    /// Ascending by id.
    products: Vec<Arc<Product>>,
    foreign: Foreign,
    /// Looks in a row that failed over our companion alone.
    companion_failed: u8,
}

impl Client {
    /// Checks the settings. Proxies are taken from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`);
    /// redirects are never followed.
    pub fn new(settings: ApiSettings) -> Result<Self, ClientError> {
        let url = reqwest::Url::parse(&settings.url).map_err(|_| ClientError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(ClientError::Url);
        }
        let http = http_client(&settings)?;
        let at_once = settings.max_requests.max(1);
        let api = Api {
            http,
            url,
            credentials: Credentials {
                sign_in: settings.sign_in,
                access_key: settings.access_key,
            },
            timeout: settings.timeout,
            max_body: settings.max_body,
            retry_base: settings.retry_base,
            in_xml: AtomicBool::new(settings.response_type == Format::Xml),
            hurried: AtomicBool::new(false),
            permits: Semaphore::new(at_once),
            ended: AtomicU64::new(0),
            interner: Arc::default(),
        };
        Ok(Self {
            api: Arc::new(api),
            at_once,
            details_interval: settings.details_interval,
            memory: Mutex::default(),
            standing: std::sync::Mutex::new(Standing::NotAsked { failures: 0 }),
        })
    }

    /// From now on what timed out is not tried again: somebody waits for the answer.
    pub fn hurry(&self) {
        self.api.hurried.store(true, Ordering::Relaxed);
    }

    /// Looks once. `details_budget` bounds the time for single calls of a GetProductDetails that is not ours.
    /// `None` if it was cancelled first. Looks of one client never overlap: a second one waits.
    pub async fn look(
        &self,
        now: Timestamp,
        details_budget: Duration,
        cancel: &CancellationToken,
    ) -> Option<Look> {
        self.look_at(&[], now, details_budget, cancel).await
    }

    /// Looks once at these products, ascending by id; at all where none is named, or where the answer for some does
    /// not add up (the look says which it was). Those that the shop does not list are missing in the result.
    /// `None` if it was cancelled first.
    pub async fn look_at(
        &self,
        ids: &[ProductId],
        now: Timestamp,
        details_budget: Duration,
        cancel: &CancellationToken,
    ) -> Option<Look> {
        let started = Instant::now();
        let mut memory = tokio::select! {
            biased;
            () = cancel.cancelled() => return None,
            memory = self.memory.lock() => memory,
        };
        let round = Round {
            api: Arc::clone(&self.api),
            now,
            cancel: cancel.clone(),
            at_once: self.at_once,
        };
        let mut journal = Journal::default();
        let seen = if ids.is_empty() {
            Ok(None)
        } else {
            self.see_part(&round, ids, &mut memory, details_budget, &mut journal)
                .await
        };
        let part = !matches!(seen, Ok(None));
        let seen = match seen {
            Ok(Some(snapshot)) => Ok(snapshot),
            Ok(None) => self.see(&round, &mut memory, details_budget, &mut journal).await,
            Err(stop) => Err(stop),
        };
        let result = match seen {
            Ok(snapshot) => Ok(snapshot),
            Err(Stop::Refused(refusal)) => Err(refusal.failure),
            Err(Stop::Cancelled) => return None,
        };
        Some(Look {
            observed_at: now,
            duration: started.elapsed(),
            attempts: journal.attempts,
            requests: journal.requests,
            part,
            result,
        })
    }

    /// What is known of GetProductDetails.
    #[must_use]
    pub fn standing(&self) -> Standing {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the next look ask anew whether GetProductDetails is there.
    pub fn forget_companion(&self) {
        self.stand(Standing::NotAsked { failures: 0 });
    }

    /// How many requests ended so far: whether a look that takes long moves on.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.api.ended.load(Ordering::Relaxed)
    }

    /// The API's address.
    #[must_use]
    pub fn url(&self) -> &reqwest::Url {
        &self.api.url
    }

    /// Knocks at an address, without credentials.
    ///
    /// # Errors
    /// No answer came.
    pub async fn knock(&self, url: &reqwest::Url, now: Timestamp) -> Result<Knock, Broken> {
        self.api.knock(url, now).await
    }

    fn stand(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    async fn see(
        &self,
        round: &Round,
        memory: &mut Memory,
        budget: Duration,
        journal: &mut Journal,
    ) -> Result<Snapshot, Stop> {
        let listings = listings::all(round, &memory.listings, journal).await?;
        let sorted = listings::sorted(&listings, journal)?;
        let details = self.details(round, &sorted, memory, budget, journal).await?;
        let products = assemble(sorted, details, &memory.products);
        memory.listings = Arc::new(listings);
        memory.products.clone_from(&products);
        self.api
            .interner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sweep(
                products.iter().map(|product| &*product.listing),
                products.iter().filter_map(|product| product.details.as_deref()),
            );
        Ok(Snapshot {
            observed_at: round.now,
            products,
            companion: self.standing().companion(),
        })
    }

    /// The details of each product, as far as there are any.
    async fn details(
        &self,
        round: &Round,
        listings: &[Arc<Listing>],
        memory: &mut Memory,
        budget: Duration,
        journal: &mut Journal,
    ) -> Result<Vec<Option<Seen>>, Stop> {
        let ids: Vec<ProductId> = listings.iter().map(|listing| listing.id).collect();
        let Some(first) = ids.first().copied() else {
            return Ok(Vec::new());
        };
        let none = || vec![None; ids.len()];
        let mut standing = self.probed(round, first, journal).await?;
        if standing == Standing::Contract1 {
            let gathered = round.contract(&ids, &memory.products, journal).await;
            memory.companion_failed = match &gathered {
                Ok(_) => 0,
                Err(Stop::Refused(_)) => memory.companion_failed.saturating_add(1),
                Err(Stop::Cancelled) => memory.companion_failed,
            };
            standing = match gathered {
                Ok(Gathered::Details(details)) => return Ok(aligned(&ids, &details)),
                Ok(Gathered::Changed) => Standing::Foreign,
                Ok(Gathered::Unavailable) => Standing::Vanished { since: round.now },
                // Broken look after look, while the rest of WHMCS answers: better degraded than blind.
                Err(Stop::Refused(_)) if memory.companion_failed >= PROBES => {
                    memory.companion_failed = 0;
                    Standing::Vanished { since: round.now }
                }
                Err(stop) => return Err(stop),
            };
            self.stand(standing);
        }
        if standing == Standing::Foreign {
            let foreign = &mut memory.foreign;
            match round
                .foreign(listings, foreign, self.details_interval, budget, journal)
                .await?
            {
                Gathered::Details(()) => {}
                // Our companion took its place: the next look asks it for all.
                Gathered::Changed => self.stand(Standing::Contract1),
                Gathered::Unavailable => {
                    *foreign = Foreign::default();
                    self.stand(Standing::Vanished { since: round.now });
                    return Ok(none());
                }
            }
            return Ok(ids.iter().map(|id| foreign.of(*id)).collect());
        }
        Ok(none())
    }

    /// Who answers GetProductDetails, asking where that is not known.
    async fn probed(&self, round: &Round, id: ProductId, journal: &mut Journal) -> Result<Standing, Stop> {
        let before = self.standing();
        let vanished = matches!(before, Standing::Vanished { .. });
        let failures = match before {
            Standing::NotAsked { failures } => failures,
            Standing::Absent { since } if is_past(since, ASK_AGAIN, round.now) => 0,
            Standing::Vanished { since } if is_past(since, ASK_AGAIN_SOON, round.now) => 0,
            known @ (Standing::Absent { .. }
            | Standing::Vanished { .. }
            | Standing::Contract1
            | Standing::Foreign) => return Ok(known),
        };
        let standing = match round.probe(id, journal).await {
            // One that vanished and is still not well leaves the rest of the catalogue readable.
            Ok(Probe::Absent) | Err(Stop::Refused(_)) if vanished => Standing::Vanished { since: round.now },
            Ok(Probe::Absent) => Standing::Absent { since: round.now },
            Ok(Probe::Contract1) => Standing::Contract1,
            Ok(Probe::Foreign) => Standing::Foreign,
            Err(Stop::Refused(_)) if failures + 1 >= PROBES => Standing::Absent { since: round.now },
            Err(stop) => {
                if stop != Stop::Cancelled {
                    self.stand(Standing::NotAsked {
                        failures: failures + 1,
                    });
                }
                return Err(stop);
            }
        };
        self.stand(standing);
        Ok(standing)
    }
}

fn http_client(settings: &ApiSettings) -> Result<reqwest::Client, ClientError> {
    // Whoever was first to install a provider chose well enough: building panics only where there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("whmcs-stock-monitor/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .gzip(true)
        // The doctor looks at how long the certificate still holds.
        .tls_info(true)
        .connect_timeout(settings.connect_timeout.min(settings.timeout))
        .tcp_keepalive(Duration::from_secs(15))
        // Web servers commonly close after 5 s: a connection kept longer is likely to be dead when used.
        .pool_idle_timeout(Duration::from_secs(4))
        .tls_danger_accept_invalid_certs(settings.allow_insecure_tls);
    if let Some(path) = &settings.ca_file {
        let pem = std::fs::read(path).map_err(|error| ClientError::CaFile(path.clone(), error))?;
        let none = || ClientError::NoCertificate(path.clone());
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| none())?;
        if certificates.is_empty() {
            return Err(none());
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder
        .build()
        .map_err(|error| ClientError::Tls(innermost(&error)))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Fresh details, each beside its product; both ascending by id.
fn aligned(ids: &[ProductId], details: &[Arc<Details>]) -> Vec<Option<Seen>> {
    let mut details = details.iter().peekable();
    ids.iter()
        .map(|id| {
            details
                .next_if(|details| details.id == *id)
                .map(|found| (Arc::clone(found), true))
        })
        .collect()
}

/// The products of a look; one of which nothing changed is the very one of the last look.
fn assemble(
    listings: Vec<Arc<Listing>>,
    details: Vec<Option<Seen>>,
    before: &[Arc<Product>],
) -> Vec<Arc<Product>> {
    let mut before = before.iter().peekable();
    let product = |(listing, seen): (Arc<Listing>, Option<Seen>)| {
        while before.next_if(|product| product.id() < listing.id).is_some() {}
        let (details, details_fresh) = seen.map_or((None, false), |(details, fresh)| (Some(details), fresh));
        let product = Product {
            listing,
            details,
            details_fresh,
        };
        match before.peek() {
            Some(last) if is_same(last, &product) => Arc::clone(last),
            Some(_) | None => Arc::new(product),
        }
    };
    listings.into_iter().zip(details).map(product).collect()
}

fn is_same(a: &Product, b: &Product) -> bool {
    let details = match (&a.details, &b.details) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, Some(_)) | (Some(_), None) => false,
    };
    details && Arc::ptr_eq(&a.listing, &b.listing) && a.details_fresh == b.details_fresh
}
