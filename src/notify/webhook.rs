//! Webhooks: the settings, the signature, and the POST that hands a body over.

use std::borrow::Cow;
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
use reqwest::Url;
use reqwest::header;
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::ConfigVerifierExt;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde_json::Value;
use sha2::Sha256;
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use crate::domain::delivery::SendError;
use crate::notify::address;
use crate::notify::address::Guard;
use crate::notify::address::Refused;
use crate::notify::clean;
use crate::notify::verdict;
use crate::notify::verdict::Answer;
use crate::notify::webhook_format::WebhookFormat;

/// One webhook channel.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Secret, since many receivers put a token into the path.
    pub url: SecretString,
    pub format: WebhookFormat,
    /// The key as Standard Webhooks writes it: base64, with or without `whsec_` before it; or two while one takes the
    /// other's place, separated by blanks or commas. Unsigned where there is none.
    pub secret: Option<SecretString>,
    pub addressing: Addressing,
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

/// What a receiver needs to know beside the URL. It is added when a message is sent, and never stored with it.
#[derive(Debug, Clone, Default)]
pub struct Addressing {
    /// Fields of the JSON: the chat, the topic.
    pub fields: Vec<(&'static str, Value)>,
    /// `Authorization: Bearer`.
    pub token: Option<SecretString>,
}

impl Addressing {
    /// What names a topic: whoever knows it can read along.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        let topics = self.fields.iter().filter(|(key, _)| *key == "topic");
        topics
            .filter_map(|(_, value)| value.as_str().map(str::to_owned))
            .collect()
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
const SHOWN_ANSWER: usize = 200;
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
    format: WebhookFormat,
    addressing: Addressing,
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
        let url = settings.format.endpoint(url);
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
        let telltales = telltales(&url, &settings.addressing);
        Ok(Self {
            client,
            url,
            format: settings.format.clone(),
            addressing: settings.addressing.clone(),
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
        reach(&self.url, self.allow_link_local, timeout).await
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
            .header(header::CONTENT_TYPE, post.content_type);
        if let Some(token) = &self.addressing.token {
            request = request.bearer_auth(token.expose_secret());
        }
        if self.format.is_ours() {
            request = request
                .header("webhook-id", &id)
                .header("webhook-timestamp", post.now.as_second());
        }
        let sign = |key: &Vec<u8>| signature(key, &id, post.now.as_second(), post.body.as_bytes());
        let signatures: Vec<String> = self.keys.iter().map(sign).collect();
        if !signatures.is_empty() && self.format.is_ours() {
            request = request.header("webhook-signature", signatures.join(" "));
        }
        let answer = request
            .body(self.addressed(post.body).into_owned())
            .send()
            .await
            .map_err(|error| unsent(&error))?;
        let status = answer.status().as_u16();
        let retry_after = retry_after(&answer, post.now);
        let (text, shown) = self.said(answer).await;
        let answer = Answer {
            status,
            retry_after,
            text,
            shown,
        };
        verdict::judge(&self.format, answer)
    }

    /// The body with what says where it goes.
    fn addressed<'a>(&self, body: &'a str) -> Cow<'a, str> {
        if self.addressing.fields.is_empty() {
            return Cow::Borrowed(body);
        }
        let Ok(Value::Object(mut object)) = serde_json::from_str(body) else {
            return Cow::Borrowed(body);
        };
        for (key, value) in &self.addressing.fields {
            object.insert((*key).to_owned(), value.clone());
        }
        Cow::Owned(Value::Object(object).to_string())
    }

    /// The answer's text, and what may be shown of it: the receiver's own words, else its beginning. "" where it is none,
    /// comes too slowly, or repeats a part of the URL.
    async fn said(&self, answer: Response) -> (String, String) {
        let kind = answer.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let readable = kind.starts_with("text/plain") || kind.starts_with("application/json");
        let mut body = Vec::new();
        let reading = tokio::time::timeout(ANSWER_PATIENCE, read(answer, &mut body)).await;
        let text = String::from_utf8_lossy(&body).into_owned();
        let words = match verdict::words(&self.format, &text) {
            Some(words) => words,
            None if readable && reading.is_ok() => text.clone(),
            None => String::new(),
        };
        // Looked for in the whole: a cut could leave half of a secret.
        let lower = words.to_lowercase();
        let tells = self.telltales.iter().any(|part| lower.contains(part));
        let shown = if tells {
            String::new()
        } else {
            clean::line(&words, SHOWN_ANSWER)
        };
        (text, shown)
    }
}

/// Goes as far as a request to that address would, and makes none: the name, the connection, the certificate.
///
/// # Errors
/// Where it got no further, within the given time.
pub async fn reach(url: &Url, allow_link_local: bool, timeout: Duration) -> Result<(), Unreached> {
    match tokio::time::timeout(timeout, walk(url, allow_link_local)).await {
        Ok(walked) => walked,
        Err(_) => Err(Unreached::Connect("it does not answer in time".to_owned())),
    }
}

async fn walk(url: &Url, allow_link_local: bool) -> Result<(), Unreached> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or_default();
    let found = tokio::net::lookup_host((bare, port)).await;
    let found: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
    if found.is_empty() {
        return Err(Unreached::Connect("its name cannot be resolved".to_owned()));
    }
    let may = |address: &SocketAddr| address::permitted(address.ip(), allow_link_local);
    let permitted: Vec<SocketAddr> = found.into_iter().filter(may).collect();
    if permitted.is_empty() {
        return Err(Unreached::Address);
    }
    let stream = tokio::net::TcpStream::connect(&permitted[..])
        .await
        .map_err(|error| Unreached::Connect(error.kind().to_string()))?;
    if url.scheme() == "https" {
        secured(stream, bare).await?;
    }
    Ok(())
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

fn telltales(url: &Url, addressing: &Addressing) -> Vec<String> {
    let credentials = [url.username(), url.password().unwrap_or_default()];
    // A bot's token is `bot`, a public number, a colon, and the secret.
    let parts = url.path().split(['/', ':']);
    let topics = addressing.fields.iter().filter_map(|(_, value)| value.as_str());
    let token = addressing.token.as_ref().map(ExposeSecret::expose_secret);
    parts
        .chain(url.query().unwrap_or_default().split(['&', '=']))
        .chain(credentials)
        .chain(url.host_str())
        .chain(topics)
        .chain(token)
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

/// Why no status came. Nothing of the error's own text is used: it holds the URL.
pub(super) fn unsent(error: &reqwest::Error) -> SendError {
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
