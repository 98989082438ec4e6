//! The fields of a form that a page sends: known ones only, each once, with a key that is good once.

use std::collections::BTreeMap;

use axum::body;
use axum::body::Body;
use axum::extract::FromRequest;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;

use crate::web::asker::Asker;
use crate::web::forms;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// The most bytes of a form.
pub const LARGEST: usize = 16 << 10;
/// The field that says which page to show afterwards.
const BACK: &str = "back";

/// A form that may be done: its sender may act, and its key was taken.
#[derive(Debug)]
pub struct Posted(BTreeMap<String, String>);

impl FromRequest<AppState> for Posted {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let asker = parts.extensions.remove::<Asker>();
        let fields = read(&parts.headers, body).await?;
        let asker = asker.filter(Asker::may_act).ok_or_else(|| {
            Problem::new(
                StatusCode::FORBIDDEN,
                "You may look here, not change anything. Sign in as somebody who may.",
            )
        })?;
        let posted = Self(fields);
        let taken = app.forms.redeem(&asker, posted.key(), Timestamp::now());
        taken.map_err(|problem| problem.back_to(posted.page()))?;
        Ok(posted)
    }
}

/// The fields of a form, each once; whose it is is not looked at.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<BTreeMap<String, String>, Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "This address takes the forms of its pages alone; programs use /api/v1/.",
        ));
    }
    let bytes = body::to_bytes(body, LARGEST)
        .await
        .map_err(|_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "A form has at most 16 KiB."))?;
    let mut fields = BTreeMap::new();
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(&bytes)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "The form cannot be read."))?;
    for (name, value) in pairs {
        if fields.insert(name.clone(), value).is_some() {
            return Err(Problem::parameter(name, "The field was given twice."));
        }
    }
    Ok(fields)
}

impl Posted {
    /// A field without the blanks around it; `None` where it is missing or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// A field that must be there.
    pub fn needed(&self, name: &'static str) -> Result<&str, Problem> {
        self.get(name)
            .ok_or_else(|| Problem::parameter(name, format!("\"{name}\" is missing.")))
    }

    fn key(&self) -> &str {
        self.0.get(forms::FIELD).map_or("", String::as_str)
    }

    /// The page of ours that the form came from.
    fn page(&self) -> Option<&str> {
        self.get(BACK).filter(|page| is_own(page))
    }

    /// The problem for which nothing was done: the form may be sent again as it is, and leads back to its page.
    #[must_use]
    pub fn undone(&self, app: &AppState, problem: Problem) -> Problem {
        app.forms.give_back(self.key());
        problem.back_to(self.page())
    }

    /// Back to the page that the form names, else to that one; `notice` is said there.
    #[must_use]
    pub fn back(&self, otherwise: &str, notice: &str) -> Response {
        let page = self.page().unwrap_or(otherwise);
        let (page, _) = page.split_once('#').unwrap_or((page, ""));
        let joint = if page.contains('?') { '&' } else { '?' };
        let place = HeaderValue::try_from(format!("{page}{joint}notice={notice}"))
            .unwrap_or(HeaderValue::from_static("/"));
        (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
    }
}

/// Whether an address is a page of ours: a path, and nothing that a browser would take for another host.
#[must_use]
pub fn is_own(page: &str) -> bool {
    let plain = page.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    plain && page.starts_with('/') && !page.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_ours_is_gone_back_to() {
        for own in ["/", "/alerts?page=2", "/products/de%20fra/42#alerts"] {
            assert!(is_own(own), "{own}");
        }
        for other in [
            "",
            "//evil.example",
            "/\\evil",
            "https://evil.example",
            "/a b",
            "/\nx",
            "javascript:1",
        ] {
            assert!(!is_own(other), "{other}");
        }
    }
}
