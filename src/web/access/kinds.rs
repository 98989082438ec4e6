//! What a change is sent to the API as: JSON, which no form of a web page elsewhere can send.

use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;

use crate::web::asker::Proof;
use crate::web::problem::Problem;

/// Whether the body is said to be JSON.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).into_iter().peekable();
    kinds.peek().is_some()
        && kinds.all(|kind| {
            let kind = kind.to_str().unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json")
        })
}

/// Lets a change pass that is JSON, and one without a body whose sender showed a token or password with it. A browser
/// adds the cookie of a session by itself, also where a page elsewhere makes it ask, but says JSON only after asking
/// whether it may (which it never may).
///
/// # Errors
/// 415: it is not said to be JSON.
pub fn check(headers: &HeaderMap, proof: Proof) -> Result<(), Problem> {
    let needed = match proof {
        Proof::Session => true,
        Proof::Header | Proof::Nothing => headers.contains_key(header::CONTENT_TYPE) || has_body(headers),
    };
    if !needed || is_json(headers) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "What changes something must be JSON, with Content-Type: application/json. Only without a body, and with a token or a password, may the line be missing.",
    ))
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}
