//! Who may read: the token, the names this host answers to, and the headers that keep browsers careful.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use sha2::Digest;
use sha2::Sha256;

use crate::web::problem::Problem;
use crate::web::state::Settings;

/// Always open: they say nothing of the stock.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The checks in force; replaced as a whole at a reload.
#[derive(Debug, Clone)]
pub struct Door(Arc<RwLock<Arc<Access>>>);

impl Door {
    /// A door with the checks that the settings ask for.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Access::new(settings)))))
    }

    /// The checks in force.
    #[must_use]
    pub fn access(&self) -> Arc<Access> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From the next request on other checks hold: a token that was changed is worth nothing any more.
    pub fn change(&self, settings: &Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Access::new(settings));
    }
}

/// The checks that every request passes first.
#[derive(Debug)]
pub struct Access {
    /// A hash, so that the time of a comparison tells nothing of the token's text or length.
    token: Option<[u8; 32]>,
    metrics_public: bool,
    /// The names a request may be for; any where `None`.
    hosts: Option<Vec<String>>,
}

impl Access {
    /// The checks that the settings ask for.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let own = settings.listen.ip();
        let hosts = own.is_loopback().then(|| {
            let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
            hosts.push(match own {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
            hosts.extend(settings.allowed_hosts.iter().map(|host| host.to_lowercase()));
            hosts
        });
        Self {
            token: settings
                .token
                .as_ref()
                .map(|token| Sha256::digest(token.expose_secret()).into()),
            metrics_public: settings.metrics_public,
            hosts,
        }
    }

    /// Refuses what may not pass: another method than GET and HEAD, a foreign host name, a missing token.
    pub fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        self.check_host(uri, headers)?;
        if method != Method::GET && method != Method::HEAD {
            return Err(Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "Only GET and HEAD are answered here.",
            ));
        }
        self.check_token(uri.path(), headers)
    }

    /// A page elsewhere could point its own name at this host and read what a browser here may read (DNS rebinding).
    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(hosts) = &self.hosts else {
            return Ok(());
        };
        let header = headers.get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
        // No browser leaves the header out.
        let Some(asked) = uri.authority().map(|authority| authority.as_str()).or(header) else {
            return Ok(());
        };
        let name = without_port(asked).to_lowercase();
        if hosts.contains(&name) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "Listening on loopback, this host answers to localhost, 127.0.0.1 and [::1] alone. Behind a proxy, let it send one of these as Host.",
        ))
    }

    fn check_token(&self, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.token else {
            return Ok(());
        };
        if OPEN.contains(&path) || (self.metrics_public && path == "/metrics") {
            return Ok(());
        }
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(presented);
        let given: Option<[u8; 32]> = given.map(|given| Sha256::digest(given).into());
        if given.is_some_and(|given| is_same(&given, token)) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "The token (HTTP_TOKEN) is needed: as a bearer token, or as the password of HTTP Basic.",
        ))
    }
}

/// Sets the headers that every answer carries.
pub fn harden(status: StatusCode, headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    if status == StatusCode::UNAUTHORIZED {
        for scheme in ["Basic realm=\"whmcs-stock-monitor\", charset=\"UTF-8\"", "Bearer"] {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
    }
}

/// The token of an `Authorization` header: the bearer token, or the password of HTTP Basic.
fn presented(authorization: &str) -> Option<Vec<u8>> {
    let (scheme, rest) = authorization.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.as_bytes().to_vec());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = STANDARD.decode(rest).ok()?;
        let colon = pair.iter().position(|byte| *byte == b':')?;
        return Some(pair[colon + 1..].to_vec());
    }
    None
}

/// Compares all bytes whatever they are.
fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(listen: &str, token: Option<&str>, metrics_public: bool) -> Access {
        Access::new(&Settings {
            listen: listen.parse().unwrap(),
            token: token.map(Into::into),
            metrics_public,
            allowed_hosts: vec!["Stock.example".to_owned()],
        })
    }

    fn status(access: &Access, method: Method, path: &str, headers: &[(HeaderName, &str)]) -> u16 {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let uri = path.parse().unwrap();
        match access.check(&method, &uri, &headers) {
            Ok(()) => 200,
            Err(problem) => problem.status.as_u16(),
        }
    }

    #[test]
    fn on_loopback_only_its_own_names_are_answered() {
        let local = access("127.0.0.1:9717", None, false);
        for (host, expected) in [
            ("localhost:9717", 200),
            ("LOCALHOST", 200),
            ("127.0.0.1:80", 200),
            ("[::1]:9717", 200),
            ("[::1]", 200),
            ("stock.example", 200),
            ("evil.example:9717", 421),
            ("127.0.0.1.evil.example", 421),
            ("localhost.evil.example", 421),
            ("", 421),
        ] {
            let got = status(&local, Method::GET, "/healthz", &[(header::HOST, host)]);
            assert_eq!(got, expected, "{host}");
        }
        let second = access("127.0.0.2:9717", None, false);
        assert_eq!(
            status(&second, Method::GET, "/", &[(header::HOST, "127.0.0.2:9717")]),
            200
        );
        let wide = access("0.0.0.0:9717", None, false);
        assert_eq!(
            status(&wide, Method::GET, "/", &[(header::HOST, "any.example")]),
            200
        );
    }

    #[test]
    fn the_token_passes_as_bearer_and_as_password_and_nothing_else_does() {
        let access = access("127.0.0.1:9717", Some("s3cret:token"), false);
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (authorization, expected) in [
            ("Bearer s3cret:token".to_owned(), 200),
            ("bearer  s3cret:token".to_owned(), 200),
            (basic("anyone:s3cret:token"), 200),
            (basic(":s3cret:token"), 200),
            (basic("s3cret:token"), 401),
            (basic("s3cret"), 401),
            ("Basic !!!".to_owned(), 401),
            ("Bearer s3cret:toke".to_owned(), 401),
            ("Bearer ".to_owned(), 401),
            ("s3cret:token".to_owned(), 401),
        ] {
            let headers = [(header::AUTHORIZATION, authorization.as_str())];
            for path in ["/", "/metrics", "/api/v1/stock", "/nothing"] {
                assert_eq!(
                    status(&access, Method::GET, path, &headers),
                    expected,
                    "{authorization} {path}"
                );
            }
        }
        assert_eq!(status(&access, Method::GET, "/metrics", &[]), 401);
        assert_eq!(status(&access, Method::GET, "/healthz", &[]), 200);
        assert_eq!(status(&access, Method::GET, "/readyz", &[]), 200);
    }

    #[test]
    fn metrics_may_be_public_while_the_rest_is_not() {
        let access = access("127.0.0.1:9717", Some("s3cret:token"), true);
        assert_eq!(status(&access, Method::GET, "/metrics", &[]), 200);
        assert_eq!(status(&access, Method::GET, "/metrics/", &[]), 401);
        assert_eq!(status(&access, Method::GET, "/api/v1/stock", &[]), 401);
    }

    #[test]
    fn only_reading_is_allowed() {
        let access = access("127.0.0.1:9717", None, false);
        for method in [
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
        ] {
            assert_eq!(status(&access, method, "/", &[]), 405);
        }
        assert_eq!(status(&access, Method::HEAD, "/", &[]), 200);
    }
}
