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

use crate::web::asker::Asker;
use crate::web::asker::Role;
use crate::web::forms::is_same;
use crate::web::problem::Problem;
use crate::web::state::Settings;

/// Hints, which are signed.
pub const HINTS: &str = "/api/v1/hints";
/// A person asks for a poll.
pub const POLL: &str = "/api/v1/poll";

/// Who has taken alerts on.
pub const ACKS: &str = "/api/v1/acks";
/// What is not to be told of.
pub const SILENCES: &str = "/api/v1/silences";

/// Messages and what became of them.
pub const DELIVERIES: &str = "/api/v1/deliveries";

/// What anybody may read, where the configuration says so.
pub const PUBLIC: &str = "/api/v1/public/stock.json";

/// What the forms of pages are sent to.
pub const FORMS: &str = "/do/";

/// Always open: they say nothing of the stock, but for what the operator shows to all.
const OPEN: [&str; 3] = ["/healthz", "/readyz", PUBLIC];
/// Open, too: what a page of the sign-in needs.
const ASSETS: &str = "/assets/";

const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
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
    /// Only who is on this machine can ask, or who has the token.
    closed: bool,
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
            closed: hosts.is_some() || settings.token.is_some(),
            hosts,
        }
    }

    /// Refuses what may not pass: another method than the path has, a foreign host name, a missing token.
    pub fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Asker, Problem> {
        if uri.path() == HINTS {
            // The signature is the sign-in, whatever name a proxy on the way gave this host.
            check_method(method, HINTS)?;
            return Ok(Asker::nobody(Role::Look));
        }
        self.check_host(uri, headers)?;
        check_method(method, uri.path())?;
        self.check_token(uri.path(), headers)?;
        // A browser asks by OPTIONS whether a page elsewhere may read; nothing is changed by it.
        if !["GET", "HEAD", "OPTIONS"].contains(&method.as_str()) {
            self.check_asker(uri, headers)?;
        }
        let role = if self.closed { Role::Act } else { Role::Look };
        Ok(Asker::nobody(role))
    }

    /// Looking may be free to all; having the shop asked, or alerts muted, is not, and no web page elsewhere does it through a browser
    /// that stands here.
    fn check_asker(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        if !self.closed {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "Open to the network without HTTP_TOKEN, the monitor polls and changes nothing for anybody. Set HTTP_TOKEN and send it.",
            ));
        }
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let own = uri
            .authority()
            .map(|authority| authority.as_str())
            .or(text(header::HOST));
        let origin =
            text(header::ORIGIN).map(|origin| origin.split_once("://").map_or(origin, |(_, host)| host));
        let site = text(HeaderName::from_static("sec-fetch-site"));
        if origin.is_some_and(|origin| Some(origin) != own)
            || site.is_some_and(|site| !["same-origin", "none"].contains(&site))
        {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "A web page elsewhere may not ask for this.",
            ));
        }
        Ok(())
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
        if OPEN.contains(&path) || path.starts_with(ASSETS) || (self.metrics_public && path == "/metrics") {
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

/// The methods that a path answers, as `Allow` has them.
#[must_use]
pub fn allowed(path: &str) -> &'static str {
    let below = |list: &str| path.strip_prefix(list).is_some_and(|rest| rest.starts_with('/'));
    if [HINTS, POLL].contains(&path) || path.starts_with(FORMS) {
        "POST"
    } else if path == PUBLIC {
        "GET, HEAD, OPTIONS"
    } else if [ACKS, SILENCES].contains(&path) {
        "GET, HEAD, POST"
    } else if below(DELIVERIES) && path.ends_with("/replay") {
        "POST"
    } else if below(ACKS) || below(SILENCES) {
        "DELETE"
    } else {
        "GET, HEAD"
    }
}

fn check_method(method: &Method, path: &str) -> Result<(), Problem> {
    let allowed = allowed(path);
    if allowed.split(", ").any(|allowed| allowed == method.as_str()) {
        return Ok(());
    }
    let detail = match allowed {
        "POST" => "Only POST is answered here.",
        "DELETE" => "Only DELETE is answered here.",
        "GET, HEAD, POST" => "Only GET, HEAD and POST are answered here.",
        "GET, HEAD, OPTIONS" => "Only GET, HEAD and OPTIONS are answered here.",
        _ => "Only GET and HEAD are answered here.",
    };
    Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail))
}

/// Sets the headers that every answer carries; `allowed` are the methods of the path.
pub fn harden(status: StatusCode, allowed: &'static str, headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        // What is for all may be loaded by all.
        if name.as_str() != "cross-origin-resource-policy" || !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
    }
    if status == StatusCode::UNAUTHORIZED && !headers.contains_key(header::WWW_AUTHENTICATE) {
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
            Ok(_) => 200,
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

    #[test]
    fn hints_need_neither_a_name_nor_a_token_and_are_posted() {
        let local = access("127.0.0.1:9717", Some("s3cret:token"), false);
        let foreign = [(header::HOST, "stock.proxy.example")];
        assert_eq!(status(&local, Method::POST, HINTS, &foreign), 200);
        assert_eq!(status(&local, Method::GET, HINTS, &foreign), 405);
        assert_eq!(status(&local, Method::POST, "/api/v1/hints/", &foreign), 421);
        assert_eq!((allowed(HINTS), allowed("/")), ("POST", "GET, HEAD"));
    }

    #[test]
    fn a_poll_is_asked_for_by_who_may_and_not_by_a_page_elsewhere() {
        let host = (header::HOST, "localhost:9717");
        let site = |value| (HeaderName::from_static("sec-fetch-site"), value);
        let local = access("127.0.0.1:9717", None, false);
        for (headers, expected) in [
            (vec![host.clone()], 200),
            (vec![host.clone(), (header::ORIGIN, "http://localhost:9717")], 200),
            (vec![host.clone(), (header::ORIGIN, "http://evil.example")], 403),
            (vec![host.clone(), (header::ORIGIN, "null")], 403),
            (vec![host.clone(), site("same-origin")], 200),
            (vec![host.clone(), site("cross-site")], 403),
            (vec![(header::HOST, "evil.example")], 421),
        ] {
            assert_eq!(
                status(&local, Method::POST, POLL, &headers),
                expected,
                "{headers:?}"
            );
        }
        assert_eq!(status(&local, Method::GET, POLL, &[]), 405);
        let token = access("0.0.0.0:9717", Some("s3cret:token"), false);
        assert_eq!(status(&token, Method::POST, POLL, &[]), 401);
        let bearer = [(header::AUTHORIZATION, "Bearer s3cret:token")];
        assert_eq!(status(&token, Method::POST, POLL, &bearer), 200);
        let open = access("0.0.0.0:9717", None, false);
        assert_eq!(status(&open, Method::GET, "/", &[]), 200);
        assert_eq!(status(&open, Method::POST, POLL, &[]), 403);
    }
}
