//! The addresses that the door knows by name: which of them change something, and by which method.

use axum::http::Method;
use axum::http::StatusCode;

use crate::web::problem::Problem;

/// Hints, which are signed.
pub const HINTS: &str = "/api/v1/hints";
/// A person asks for a poll.
pub const POLL: &str = "/api/v1/poll";

/// Who has taken alerts on.
pub const ACKS: &str = "/api/v1/acks";
/// What is not to be told of.
pub const SILENCES: &str = "/api/v1/silences";

/// What anybody may read, where the configuration says so.
pub const PUBLIC: &str = "/api/v1/public/stock.json";

/// What the forms of pages are sent to.
pub const FORMS: &str = "/do/";
/// The page of the sign-in.
pub const SIGN_IN_PAGE: &str = "/login";
/// The form of the sign-in.
pub const SIGN_IN: &str = "/do/login";
/// The form that ends a session.
pub const SIGN_OUT: &str = "/do/logout";

/// Every request that may change something: a path that is not here answers GET and HEAD alone. `{id}` is any one part.
pub const CHANGES: [(&str, &str); 15] = [
    ("POST", HINTS),
    ("POST", POLL),
    ("POST", ACKS),
    ("DELETE", "/api/v1/acks/{id}"),
    ("POST", SILENCES),
    ("DELETE", "/api/v1/silences/{id}"),
    ("POST", "/api/v1/deliveries/{id}/replay"),
    ("POST", SIGN_IN),
    ("POST", SIGN_OUT),
    ("POST", "/do/ack"),
    ("POST", "/do/ack/end"),
    ("POST", "/do/silence"),
    ("POST", "/do/silence/end"),
    ("POST", "/do/replay"),
    ("POST", "/do/poll"),
];
/// Paths that look and change, each by its method.
const BOTH: [&str; 2] = [ACKS, SILENCES];

/// The methods that a path answers, as `Allow` has them.
#[must_use]
pub fn allowed(path: &str) -> &'static str {
    if path == PUBLIC {
        return "GET, HEAD, OPTIONS";
    }
    let change = CHANGES.iter().find(|(_, pattern)| matches(pattern, path));
    match change {
        Some((_, pattern)) if BOTH.contains(pattern) => "GET, HEAD, POST",
        Some((method, _)) => method,
        None => "GET, HEAD",
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once("{id}") {
        None => pattern == path,
        Some((before, after)) => {
            let middle = path
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after));
            middle.is_some_and(|part| !part.is_empty() && !part.contains('/'))
        }
    }
}

/// Lets pass what the path answers.
///
/// # Errors
/// 405: it does not answer that method.
pub fn check_method(method: &Method, path: &str) -> Result<(), Problem> {
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
