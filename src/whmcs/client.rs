//! The WHMCS API over HTTP: one look at the catalogue, or the cause why there is none.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// How to reach one WHMCS and within which limits.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// `https://…/includes/api.php`
    pub url: String,
    pub identifier: SecretString,
    pub secret: SecretString,
    pub access_key: Option<SecretString>,
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
}
