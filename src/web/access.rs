//! The door: who passes, as whom, and what for; before every answer.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::Request;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::time::Instant;

pub mod paths;
pub mod kinds;
pub mod passwords;
pub mod credentials;
pub mod sessions;
pub mod tries;
pub mod hosts;
pub mod proxies;
pub mod headers;

use crate::web::access::credentials::Known;
use crate::web::access::credentials::Shown;
use crate::web::access::credentials::Who;
use crate::web::access::hosts::Hosts;
use crate::web::access::passwords::Passwords;
use crate::web::access::paths::FORMS;
use crate::web::access::paths::HINTS;
use crate::web::access::paths::PUBLIC;
use crate::web::access::paths::SIGN_IN;
use crate::web::access::paths::SIGN_IN_PAGE;
use crate::web::access::paths::SIGN_OUT;
use crate::web::access::paths::check_method;
use crate::web::access::proxies::Proxies;
use crate::web::access::sessions::Cookie;
use crate::web::access::sessions::Session;
use crate::web::access::sessions::Sessions;
use crate::web::access::tries::Tries;
use crate::web::asker::Asker;
use crate::web::asker::Peer;
use crate::web::asker::Proof;
use crate::web::asker::Role;
use crate::web::problem::Problem;
use crate::web::state::Limits;
use crate::web::state::Settings;

/// Always open: they say nothing of the stock, but for what the operator shows to all.
const OPEN: [&str; 3] = ["/healthz", "/readyz", PUBLIC];
/// Open, too: what a page of the sign-in needs.
const ASSETS: &str = "/assets/";
/// What programs ask.
const API: &str = "/api/";

/// A request as the door sees it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    pub headers: &'a HeaderMap,
    pub peer: Peer,
}

impl<'a> Asked<'a> {
    /// A request that came by a connection.
    #[must_use]
    pub fn of<B>(request: &'a Request<B>) -> Self {
        let peer = request.extensions().get::<Peer>().copied();
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            peer: peer.unwrap_or(Peer::over(IpAddr::V4(Ipv4Addr::UNSPECIFIED), false)),
        }
    }

    /// Whether it looks only. By OPTIONS a browser asks whether a page elsewhere may read; nothing is changed by it.
    #[must_use]
    pub fn is_look(&self) -> bool {
        ["GET", "HEAD", "OPTIONS"].contains(&self.method.as_str())
    }
}

/// Somebody who passed.
#[derive(Debug)]
pub struct Passed {
    pub asker: Asker,
    /// Their session's cookie, where it is to be renewed.
    pub cookie: Option<HeaderValue>,
}

impl Passed {
    fn as_asker(asker: Asker) -> Self {
        Self { asker, cookie: None }
    }
}

/// The checks in force; replaced as a whole at a reload. What is remembered of people stays.
#[derive(Debug, Clone)]
pub struct Door(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    access: RwLock<(Settings, Arc<Access>)>,
    sessions: Sessions,
    tries: Tries,
    passwords: Passwords,
}

impl Door {
    /// A door with the checks that the settings ask for.
    #[must_use]
    pub fn new(settings: &Settings, sessions: Sessions) -> Self {
        Self(Arc::new(Inside {
            access: RwLock::new((settings.clone(), Arc::new(Access::new(settings)))),
            sessions,
            tries: Tries::default(),
            passwords: Passwords::default(),
        }))
    }

    /// The checks in force.
    #[must_use]
    pub fn access(&self) -> Arc<Access> {
        let access = self.0.access.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&access.1)
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let access = self.0.access.read().unwrap_or_else(PoisonError::into_inner);
        access.0.clone()
    }

    /// How long and how many.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let access = self.0.access.read().unwrap_or_else(PoisonError::into_inner);
        access.0.limits
    }

    /// From the next request on other checks hold: a token that was changed is worth nothing any more.
    pub fn change(&self, settings: &Settings) {
        let fresh = Arc::new(Access::new(settings));
        *self.0.access.write().unwrap_or_else(PoisonError::into_inner) = (settings.clone(), fresh);
    }

    /// The same, where `before` is still in force.
    pub fn renew(&self, before: &Access, settings: &Settings) -> bool {
        let fresh = Arc::new(Access::new(settings));
        let mut access = self.0.access.write().unwrap_or_else(PoisonError::into_inner);
        let same = std::ptr::eq(Arc::as_ptr(&access.1), before);
        if same {
            *access = (settings.clone(), fresh);
        }
        same
    }

    /// The sessions of people.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Lets a request pass, as somebody, or refuses it: another method than the path has, a foreign host or origin,
    /// missing or wrong credentials, a change by who only looks, or one that a web page elsewhere could have sent.
    ///
    /// # Errors
    /// Why it does not pass.
    pub async fn pass(&self, asked: Asked<'_>, now: Timestamp) -> Result<Passed, Problem> {
        let (access, path) = (self.access(), asked.uri.path());
        if path == HINTS {
            // The signature is the sign-in, whatever name a proxy on the way gave this host.
            check_method(asked.method, HINTS)?;
            return Ok(Passed::as_asker(Asker::nobody(Role::Look)));
        }
        access.hosts.check(asked.uri, asked.headers)?;
        check_method(asked.method, path)?;
        if !asked.is_look() {
            let secure = asked.peer.secure;
            access.hosts.check_origin(asked.uri, asked.headers, secure)?;
        }
        let passed = if access.is_open_to_all(path) {
            Passed::as_asker(Asker::nobody(Role::Look))
        } else {
            self.recognise(&access, asked, now).await?
        };
        if !asked.is_look() && ![SIGN_IN, SIGN_OUT].contains(&path) && !passed.asker.may_act() {
            return Err(Problem::new(StatusCode::FORBIDDEN, access.only_looking()));
        }
        if !asked.is_look() && path.starts_with(API) {
            kinds::check(asked.headers, passed.asker.proof)?;
        }
        Ok(passed)
    }

    /// Whoever shows that, at the sign-in.
    ///
    /// # Errors
    /// 429: tried too often.
    pub async fn sign_in(&self, asked: Asked<'_>, shown: Shown) -> Result<Option<Who>, Problem> {
        self.look_at(&self.access(), asked, shown).await
    }

    async fn recognise(&self, access: &Access, asked: Asked<'_>, now: Timestamp) -> Result<Passed, Problem> {
        if access.known.is_empty() {
            let role = if access.local { Role::Act } else { Role::Look };
            return Ok(Passed::as_asker(Asker::nobody(role)));
        }
        if let Some(authorization) = asked.headers.get(header::AUTHORIZATION) {
            let shown = authorization.to_str().ok().and_then(Shown::read);
            let shown = shown.ok_or_else(|| access.not_signed_in(asked))?;
            let who = self.look_at(access, asked, shown).await?;
            let asker = who.and_then(|who| access.asker(&who, None));
            let asker = asker.ok_or_else(|| access.not_signed_in(asked))?;
            return Ok(Passed::as_asker(asker));
        }
        let session = self.session(access, asked, now);
        session.ok_or_else(|| access.not_signed_in(asked))
    }

    fn session(&self, access: &Access, asked: Asked<'_>, now: Timestamp) -> Option<Passed> {
        let secure = asked.peer.secure;
        let cookie = Cookie::Session.read(asked.headers, secure)?;
        let session = self.0.sessions.open(cookie, &access.known, now)?;
        let renewed = session.renewed(now);
        let renewed = renewed.and_then(|session| self.0.sessions.sealed(&session, &access.known));
        Some(Passed {
            asker: access.asker(&session.who, Some(&session))?,
            cookie: renewed.and_then(|text| Cookie::Session.set(&text, secure)),
        })
    }

    async fn look_at(&self, access: &Access, asked: Asked<'_>, shown: Shown) -> Result<Option<Who>, Problem> {
        let from = asked.peer.address;
        if !self.0.tries.may(from, Instant::now()) {
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong passwords or tokens came from your address. Wait a minute, then try again.",
            ));
        }
        let who = access.known.recognise(shown, &self.0.passwords).await?;
        if who.is_none() {
            self.0.tries.failed(from, self.limits().tries, Instant::now());
        }
        Ok(who)
    }
}

/// The checks that every request passes first.
#[derive(Debug)]
pub struct Access {
    known: Known,
    hosts: Hosts,
    proxies: Proxies,
    metrics_public: bool,
    /// Only who is on this machine can ask, where there are no credentials.
    local: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
    tls: Option<Arc<ServerConfig>>,
}

impl Access {
    fn new(settings: &Settings) -> Self {
        Self {
            known: Known::new(settings),
            hosts: Hosts::new(settings),
            proxies: Proxies::new(&settings.trusted_proxies),
            metrics_public: settings.metrics_public,
            local: settings.listen.ip().is_loopback(),
            headers: settings.headers.clone(),
            tls: settings.tls.clone(),
        }
    }

    /// What TLS is spoken by.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.clone()
    }

    /// All who are known.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The proxies that are believed.
    #[must_use]
    pub fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// The headers of the web configuration file.
    #[must_use]
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    fn is_open_to_all(&self, path: &str) -> bool {
        OPEN.contains(&path)
            || path.starts_with(ASSETS)
            || [SIGN_IN_PAGE, SIGN_IN].contains(&path)
            || (self.metrics_public && path == "/metrics")
    }

    fn asker(&self, who: &Who, session: Option<&Session>) -> Option<Asker> {
        let name = match who {
            Who::Token(_) => None,
            Who::User(name) => Some(Arc::clone(name)),
        };
        Some(Asker {
            role: self.known.role(who)?,
            proof: session.map_or(Proof::Header, |_| Proof::Session),
            session: match session {
                Some(session) => Arc::from(URL_SAFE_NO_PAD.encode(session.id)),
                None => Arc::from(format!("header {}", name.as_deref().unwrap_or_default())),
            },
            name,
        })
    }

    fn not_signed_in(&self, asked: Asked<'_>) -> Problem {
        let detail = if !asked.is_look() && asked.uri.path().starts_with(FORMS) {
            "You are not signed in any more. Nothing was changed, and what you typed is not kept. The overview leads to the sign-in."
        } else if self.known.has_users() {
            "Sign in: a user's name and password by HTTP Basic, or the token (HTTP_TOKEN) as a bearer token."
        } else {
            "The token (HTTP_TOKEN) is needed: as a bearer token, or as the password of HTTP Basic."
        };
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    }

    fn only_looking(&self) -> &'static str {
        if self.known.is_empty() {
            "Open to the network without HTTP_TOKEN, the monitor polls and changes nothing for anybody. Set HTTP_TOKEN and send it."
        } else {
            "You may look here, not change anything. Sign in as somebody who may."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    use crate::web::access::paths::POLL;
    use crate::web::access::paths::allowed;

    fn door(listen: &str, token: Option<&str>, metrics_public: bool) -> Door {
        let settings = Settings {
            token: token.map(Into::into),
            metrics_public,
            page_host: Some("Stock.example".to_owned()),
            ..Settings::on(listen.parse().unwrap())
        };
        Door::new(&settings, Sessions::default())
    }

    async fn status(door: &Door, method: Method, path: &str, headers: &[(HeaderName, &str)]) -> u16 {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let uri = path.parse().unwrap();
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        let asked = Asked::of(&request);
        match door.pass(asked, Timestamp::UNIX_EPOCH).await {
            Ok(_) => 200,
            Err(problem) => problem.status.as_u16(),
        }
    }

    #[tokio::test]
    async fn on_loopback_only_its_own_names_are_answered() {
        let local = door("127.0.0.1:9717", None, false);
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
            let got = status(&local, Method::GET, "/healthz", &[(header::HOST, host)]).await;
            assert_eq!(got, expected, "{host}");
        }
        let second = door("127.0.0.2:9717", None, false);
        assert_eq!(
            status(&second, Method::GET, "/", &[(header::HOST, "127.0.0.2:9717")]).await,
            200
        );
        let wide = door("0.0.0.0:9717", None, false);
        assert_eq!(
            status(&wide, Method::GET, "/", &[(header::HOST, "any.example")]).await,
            200
        );
    }

    #[tokio::test]
    async fn the_token_passes_as_bearer_and_as_password_and_nothing_else_does() {
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
            // Each at a door of its own: who is wrong too often waits.
            let door = door("127.0.0.1:9717", Some("s3cret:token"), false);
            let headers = [(header::AUTHORIZATION, authorization.as_str())];
            for path in ["/", "/metrics", "/api/v1/stock", "/nothing"] {
                assert_eq!(
                    status(&door, Method::GET, path, &headers).await,
                    expected,
                    "{authorization} {path}"
                );
            }
        }
        let door = door("127.0.0.1:9717", Some("s3cret:token"), false);
        assert_eq!(status(&door, Method::GET, "/metrics", &[]).await, 401);
        assert_eq!(status(&door, Method::GET, "/healthz", &[]).await, 200);
        assert_eq!(status(&door, Method::GET, "/readyz", &[]).await, 200);
    }

    #[tokio::test]
    async fn metrics_may_be_public_while_the_rest_is_not() {
        let door = door("127.0.0.1:9717", Some("s3cret:token"), true);
        assert_eq!(status(&door, Method::GET, "/metrics", &[]).await, 200);
        assert_eq!(status(&door, Method::GET, "/metrics/", &[]).await, 401);
        assert_eq!(status(&door, Method::GET, "/api/v1/stock", &[]).await, 401);
    }

    #[tokio::test]
    async fn only_reading_is_allowed() {
        let door = door("127.0.0.1:9717", None, false);
        for method in [
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
        ] {
            assert_eq!(status(&door, method, "/", &[]).await, 405);
        }
        assert_eq!(status(&door, Method::HEAD, "/", &[]).await, 200);
    }

    #[tokio::test]
    async fn hints_need_neither_a_name_nor_a_token_and_are_posted() {
        let local = door("127.0.0.1:9717", Some("s3cret:token"), false);
        let foreign = [(header::HOST, "stock.proxy.example")];
        assert_eq!(status(&local, Method::POST, HINTS, &foreign).await, 200);
        assert_eq!(status(&local, Method::GET, HINTS, &foreign).await, 405);
        assert_eq!(
            status(&local, Method::POST, "/api/v1/hints/", &foreign).await,
            421
        );
        assert_eq!((allowed(HINTS), allowed("/")), ("POST", "GET, HEAD"));
    }

    #[tokio::test]
    async fn a_poll_is_asked_for_by_who_may_and_not_by_a_page_elsewhere() {
        let host = (header::HOST, "localhost:9717");
        let site = |value| (HeaderName::from_static("sec-fetch-site"), value);
        let local = door("127.0.0.1:9717", None, false);
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
                status(&local, Method::POST, POLL, &headers).await,
                expected,
                "{headers:?}"
            );
        }
        assert_eq!(status(&local, Method::GET, POLL, &[]).await, 405);
        let token = door("0.0.0.0:9717", Some("s3cret:token"), false);
        assert_eq!(status(&token, Method::POST, POLL, &[]).await, 401);
        let bearer = [(header::AUTHORIZATION, "Bearer s3cret:token")];
        assert_eq!(status(&token, Method::POST, POLL, &bearer).await, 200);
        let open = door("0.0.0.0:9717", None, false);
        assert_eq!(status(&open, Method::GET, "/", &[]).await, 200);
        assert_eq!(status(&open, Method::POST, POLL, &[]).await, 403);
    }
}
