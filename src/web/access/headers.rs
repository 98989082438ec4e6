//! The headers that every answer carries, and that keep browsers careful.

use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;

const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Without any a browser calls the origin of our own forms "null", which is refused.
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];
/// Said by TLS of our own: a year of nothing else.
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// What is left to a sign-in that was tried too often.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// What decides about an answer's headers beside the answer.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// The methods of the path, as `Allow` has them.
    pub allowed: &'static str,
    /// Came by TLS of our own.
    pub tls: bool,
    /// A person's browser asks for a page: it has the sign-in, and no window of its own for a password.
    pub is_page: bool,
    /// Those of the web configuration file.
    pub own: &'a [(HeaderName, HeaderValue)],
}

/// Sets the headers that every answer carries.
pub fn harden(status: StatusCode, way: Way<'_>, headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if way.tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TLS_ONLY);
    }
    for (name, value) in way.own {
        // Two policies hold both: one of the operator's own narrows ours and does not open it.
        if name == header::CONTENT_SECURITY_POLICY {
            headers.append(name, value.clone());
        } else {
            headers.insert(name, value.clone());
        }
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static(way.allowed));
    }
    if status == StatusCode::TOO_MANY_REQUESTS && !headers.contains_key(header::RETRY_AFTER) {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    if status == StatusCode::UNAUTHORIZED && !headers.contains_key(header::WWW_AUTHENTICATE) {
        let basic = "Basic realm=\"whmcs-stock-monitor\", charset=\"UTF-8\"";
        for scheme in [basic, "Bearer"].into_iter().skip(usize::from(way.is_page)) {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
    }
}
