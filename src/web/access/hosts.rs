//! For which host a request is, and from which site it comes: what keeps web pages elsewhere out.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::Version;
use axum::http::header;

use crate::web::problem::Problem;
use crate::web::state::Settings;

/// The names that this server answers to.
#[derive(Debug)]
pub struct Hosts {
    /// The names a request may be for; any where `None`.
    answered: Option<Vec<String>>,
    /// Under which names a proxy shows the pages.
    shown: Vec<String>,
}

impl Hosts {
    /// Those of the settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let own = settings.listen.ip();
        let given = settings.allowed_hosts.iter().chain(&settings.page_host);
        let shown: Vec<String> = given.map(|host| host.to_lowercase()).collect();
        let limited = own.is_loopback() || !settings.allowed_hosts.is_empty();
        let answered = limited.then(|| {
            let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
            hosts.push(match own {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
            hosts.extend(shown.iter().cloned());
            hosts
        });
        Self { answered, shown }
    }

    /// A page elsewhere could point its own name at this host and read what a browser here may read (DNS rebinding).
    ///
    /// # Errors
    /// 421: the request is for another host.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(hosts) = &self.answered else {
            return Ok(());
        };
        // By HTTP/1.0 the header may be missing; no browser leaves it out.
        let Some(asked) = asked(uri, headers) else {
            return Ok(());
        };
        let name = without_port(asked).to_lowercase();
        if hosts.contains(&name) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "This server does not answer to that host name: only to localhost, 127.0.0.1, [::1], the host of PAGE_URL and those of HTTP_ALLOWED_HOSTS. Behind a proxy, set HTTP_ALLOWED_HOSTS, or let the proxy send one of these as Host.",
        ))
    }

    /// No web page elsewhere has something changed through a browser that stands here.
    ///
    /// # Errors
    /// 403: it comes from a page that is not ours.
    pub fn check_origin(&self, uri: &Uri, headers: &HeaderMap, secure: bool) -> Result<(), Problem> {
        let origin = text(headers, header::ORIGIN);
        let site = text(headers, HeaderName::from_static("sec-fetch-site"));
        let foreign_origin = origin.is_some_and(|origin| !self.is_own(origin, asked(uri, headers), secure));
        let foreign_site = site.is_some_and(|site| !["same-origin", "none"].contains(&site));
        if foreign_origin || foreign_site {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "A web page elsewhere may not ask for this. If this is your own page behind a proxy, set HTTP_ALLOWED_HOSTS or PAGE_URL to its host name.",
            ));
        }
        Ok(())
    }

    fn is_own(&self, origin: &str, asked: Option<&str>, secure: bool) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else {
            return false;
        };
        let name = without_port(host).to_lowercase();
        let ours = asked == Some(host) || self.shown.contains(&name);
        ours && (!secure || scheme == "https")
    }
}

/// Two names for one request, or none, may be read as one name here and as another by a proxy on the way (RFC 9112, 3.2).
///
/// # Errors
/// 400: there is not one line `Host`. HTTP/1.0 knew none.
pub fn check_line(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let lines = headers.get_all(header::HOST).iter().count();
    if lines == 1 || (lines == 0 && version < Version::HTTP_11) {
        return Ok(());
    }
    let detail = match lines {
        0 => "The request has no line Host, which HTTP/1.1 needs.",
        _ => "The request has more than one line Host.",
    };
    Err(Problem::new(StatusCode::BAD_REQUEST, detail))
}

fn asked<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let authority = uri.authority().map(|authority| authority.as_str());
    authority.or_else(|| text(headers, header::HOST))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => authority,
    }
}
