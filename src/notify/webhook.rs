//! Webhooks: the settings, the signature, and the POST that hands a body over.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Response;
use reqwest::StatusCode;
use reqwest::Url;
use reqwest::header;
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::ConfigVerifierExt;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use sha2::Sha256;
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use crate::domain::delivery::SendError;
use crate::notify::address;
use crate::notify::address::Guard;
use crate::notify::address::Refused;
use crate::notify::clean;
use crate::notify::format::alertmanager;
use crate::notify::format::template::Template;

/// The form of a webhook's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookFormat {
    /// Standard Webhooks (<https://www.standardwebhooks.com>), schema 1 of `docs/webhook.md`.
    Standard,
    /// API v2 of an Alertmanager: `/api/v2/alerts`.
    Alertmanager,
    /// A body of the operator's own.
    Template(Arc<Template>),
}

/// One webhook channel.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Secret, since many receivers put a token into the path.
    pub url: SecretString,
    pub format: WebhookFormat,
    /// The key as Standard Webhooks writes it: base64, with or without `whsec_` before it; or two while one takes the
    /// other's place, separated by blanks or commas. Unsigned where there is none.
    pub secret: Option<SecretString>,
    pub allow_link_local: bool,
    /// For the whole request.
    pub timeout: Duration,
}

impl WebhookSettings {
    /// Each of the keys, the new one first.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        let text = self.secret.as_ref().map_or("", ExposeSecret::expose_secret);
        text.split([' ', ',']).filter(|key| !key.is_empty()).collect()
    }
}

/// What is wrong with a webhook's settings; never quotes them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("the URL is not an http or https URL with a host")]
    Url,
    #[error(
        "the URL's address is link-local or a cloud's metadata service; allow_link_local = true permits it"
    )]
    Address,
    #[error("the secret is not base64 with whsec_ before it, as Standard Webhooks writes keys")]
    Secret,
    #[error("the HTTPS client cannot be made; are CA certificates installed on this host?")]
    Client,
}

/// Where a probe of a receiver got no further. Holds nothing of the URL.
#[derive(Debug, Clone, PartialEq)]
pub enum Unreached {
    /// Why, in words.
    Connect(String),
    /// Its name leads only to addresses that webhooks are not sent to.
    Address,
    /// What TLS itself said.
    Tls(Option<rustls::Error>),
}

/// How much of an answer is read.
const MAX_ANSWER: usize = 64 * 1024;
/// How much of an answer is shown, in characters.
const SHOWN_ANSWER: usize = 160;
/// How long the rest of an answer is waited for once its status is known.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
/// Parts of the URL this long are kept out of what is shown of an answer.
const TELLTALE: usize = 4;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One webhook, ready to send to.
pub struct Webhook {
    client: reqwest::Client,
    url: Url,
    allow_link_local: bool,
    /// Each makes a signature of its own.
    keys: Vec<Vec<u8>>,
    /// What an answer must not repeat.
    telltales: Vec<String>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

/// A body on its way, with what names and dates it.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    pub id: Uuid,
    pub content_type: &'a str,
    pub body: &'a str,
    /// The time of the attempt.
    pub now: Timestamp,
}

impl Webhook {
    /// Checks the settings and prepares the client. A rustls crypto provider must be installed.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(settings: &WebhookSettings) -> Result<Self, WebhookError> {
        let url = Url::parse(settings.url.expose_secret()).map_err(|_| WebhookError::Url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if !matches!(url.scheme(), "http" | "https") || host.is_empty() {
            return Err(WebhookError::Url);
        }
        let url = match &settings.format {
            WebhookFormat::Standard | WebhookFormat::Template(_) => url,
            WebhookFormat::Alertmanager => alertmanager::endpoint(url),
        };
        // A literal address never reaches the resolver.
        let literal = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        if literal.is_ok_and(|literal| !address::permitted(literal, settings.allow_link_local)) {
            return Err(WebhookError::Address);
        }
        let keys = settings.keys().into_iter().map(key).collect::<Result<_, _>>()?;
        let client = reqwest::Client::builder()
            .user_agent(concat!("whmcs-stock-monitor/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .no_gzip()
            .referer(false)
            // A connection that lies idle between messages is more often dead than useful.
            .pool_max_idle_per_host(0)
            .timeout(settings.timeout)
            .dns_resolver(Arc::new(Guard {
                allow_link_local: settings.allow_link_local,
            }))
            .build()
            .map_err(|_| WebhookError::Client)?;
        let telltales = telltales(&url);
        Ok(Self {
            client,
            url,
            allow_link_local: settings.allow_link_local,
            keys,
            telltales,
        })
    }

    /// Goes as far as a message would, and sends none: the name, the connection, the certificate.
    ///
    /// # Errors
    /// Where it got no further, within the given time.
    pub async fn probe(&self, timeout: Duration) -> Result<(), Unreached> {
        match tokio::time::timeout(timeout, self.walk()).await {
            Ok(walked) => walked,
            Err(_) => Err(Unreached::Connect("it does not answer in time".to_owned())),
        }
    }

    async fn walk(&self) -> Result<(), Unreached> {
        let host = self.url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let port = self.url.port_or_known_default().unwrap_or_default();
        let found = tokio::net::lookup_host((bare, port)).await;
        let found: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
        if found.is_empty() {
            return Err(Unreached::Connect("its name cannot be resolved".to_owned()));
        }
        let may = |address: &SocketAddr| address::permitted(address.ip(), self.allow_link_local);
        let permitted: Vec<SocketAddr> = found.into_iter().filter(may).collect();
        if permitted.is_empty() {
            return Err(Unreached::Address);
        }
        let stream = tokio::net::TcpStream::connect(&permitted[..])
            .await
            .map_err(|error| Unreached::Connect(error.kind().to_string()))?;
        if self.url.scheme() == "https" {
            secured(stream, bare).await?;
        }
        Ok(())
    }

    /// Posts the body; returns a short form of the answer.
    ///
    /// # Errors
    /// The receiver did not take it, or could not be reached in time.
    pub async fn post(&self, post: &Post<'_>) -> Result<String, SendError> {
        let id = post.id.to_string();
        let mut request = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, post.content_type)
            .header("webhook-id", &id)
            .header("webhook-timestamp", post.now.as_second());
        let sign = |key| signature(key, &id, post.now.as_second(), post.body.as_bytes());
        let signatures: Vec<String> = self.keys.iter().map(|key| sign(key)).collect();
        if !signatures.is_empty() {
            request = request.header("webhook-signature", signatures.join(" "));
        }
        let answer = request
            .body(post.body.to_owned())
            .send()
            .await
            .map_err(|error| unsent(&error))?;
        let status = answer.status();
        let retry_after = retry_after(&answer, post.now);
        let said = self.said(answer).await;
        judge(status, retry_after, said)
    }

    /// The beginning of the answer's text; "" where it is none, comes too slowly, or repeats a part of the URL.
    async fn said(&self, answer: Response) -> String {
        let kind = answer.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let readable = kind.starts_with("text/plain") || kind.starts_with("application/json");
        let mut body = Vec::new();
        let reading = tokio::time::timeout(ANSWER_PATIENCE, read(answer, &mut body)).await;
        if !readable || reading.is_err() {
            return String::new();
        }
        let text = String::from_utf8_lossy(&body);
        let lower = text.to_lowercase();
        if self.telltales.iter().any(|part| lower.contains(part)) {
            return String::new();
        }
        clean::line(&text, SHOWN_ANSWER)
    }
}

/// A handshake as that of a message, which trusts what the system trusts.
async fn secured(stream: tokio::net::TcpStream, host: &str) -> Result<(), Unreached> {
    let broken = |error: rustls::Error| Unreached::Tls(Some(error));
    let settings = ClientConfig::with_platform_verifier().map_err(broken)?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Unreached::Tls(None))?;
    let connector = TlsConnector::from(Arc::new(settings));
    match connector.connect(name, stream).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let inner = error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>());
            Err(Unreached::Tls(inner.cloned()))
        }
    }
}

async fn read(mut answer: Response, body: &mut Vec<u8>) {
    // The status has already decided: a body that breaks off is as good as its end.
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = MAX_ANSWER - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            return;
        }
    }
}

fn key(text: &str) -> Result<Vec<u8>, WebhookError> {
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    match BASE64.decode(text) {
        Ok(key) if !key.is_empty() => Ok(key),
        Ok(_) | Err(_) => Err(WebhookError::Secret),
    }
}

fn telltales(url: &Url) -> Vec<String> {
    let credentials = [url.username(), url.password().unwrap_or_default()];
    let parts = url
        .path()
        .split('/')
        .chain(url.query().unwrap_or_default().split(['&', '=']));
    parts
        .chain(credentials)
        .chain(url.host_str())
        .filter(|part| part.len() >= TELLTALE)
        .map(str::to_lowercase)
        .collect()
}

/// `v1,` and the signature of Standard Webhooks over `id.timestamp.body`.
fn signature(key: &[u8], id: &str, seconds: i64, body: &[u8]) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(answer: &Response, now: Timestamp) -> Option<Duration> {
    let value = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn judge(status: StatusCode, retry_after: Option<Duration>, said: String) -> Result<String, SendError> {
    let code = status.as_u16();
    let reason = reason(code);
    let detail = match (status.is_redirection(), said.is_empty()) {
        (true, _) => format!("the receiver answered {code}; redirects are not followed"),
        (false, true) => format!("the receiver answered {code}"),
        (false, false) => format!("the receiver answered {code}: {said}"),
    };
    match code {
        200..=299 if said.is_empty() => Ok(code.to_string()),
        200..=299 => Ok(format!("{code} {said}")),
        410 => Err(SendError::Gone { reason, detail }),
        400 | 413 | 422 => Err(SendError::Permanent { reason, detail }),
        _ => Err(SendError::Transient {
            reason,
            detail,
            retry_after,
        }),
    }
}

/// The answers with a word of their own in metrics.
const REASONS: [(u16, &str); 16] = [
    (400, "http_400"),
    (401, "http_401"),
    (403, "http_403"),
    (404, "http_404"),
    (405, "http_405"),
    (408, "http_408"),
    (410, "http_410"),
    (413, "http_413"),
    (415, "http_415"),
    (422, "http_422"),
    (425, "http_425"),
    (429, "http_429"),
    (500, "http_500"),
    (502, "http_502"),
    (503, "http_503"),
    (504, "http_504"),
];

fn reason(code: u16) -> &'static str {
    let known = REASONS.iter().find(|(known, _)| *known == code);
    match (known, code / 100) {
        (Some((_, reason)), _) => reason,
        (None, 3) => "http_3xx",
        (None, 4) => "http_4xx",
        (None, 5) => "http_5xx",
        (None, _) => "http_other",
    }
}

/// Why no status came. Nothing of the error's own text is used: it holds the URL.
fn unsent(error: &reqwest::Error) -> SendError {
    let (reason, detail) = if chain(error).any(|cause| cause.is::<Refused>()) {
        (
            "address_refused",
            "the receiver's name leads to an address that needs allow_link_local = true",
        )
    } else if error.is_timeout() {
        ("timeout", "the receiver did not answer in time")
    } else if error.is_dns() {
        ("dns", "the receiver's name could not be resolved")
    } else if chain(error).any(is_tls) {
        (
            "tls",
            "the secure connection to the receiver failed (is the certificate valid for this name?)",
        )
    } else if error.is_connect() {
        ("connect", "no connection to the receiver could be made")
    } else {
        ("reset", "the connection broke before the receiver answered")
    };
    SendError::Transient {
        reason,
        detail: detail.to_owned(),
        retry_after: None,
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>() || is_tls_io(inner))
}

/// TLS errors stand inside I/O errors, at times twice.
fn is_tls_io(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inner.is_some_and(|inner| inner.is::<rustls::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        assert_eq!(
            signature(
                &key,
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_key_is_base64_with_or_without_its_prefix() {
        for (text, good) in [
            ("whsec_AAECAw==", true),
            ("AAECAw", true),
            ("whsec_", false),
            ("not a key!", false),
        ] {
            assert_eq!(key(text).is_ok(), good, "{text}");
        }
    }
}
