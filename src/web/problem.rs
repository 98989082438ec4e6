//! Errors as RFC 9457 problem documents.

use std::borrow::Cow;

use askama::Template;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::error::ErrorKind;
use crate::store::error::StoreError;
use crate::web::assets;

/// Why a request was not answered. The text may be read by anybody: it holds nothing of the inside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {detail}")]
pub struct Problem {
    pub status: StatusCode,
    /// What is wrong, as a sentence.
    pub detail: Cow<'static, str>,
    /// The query or path parameter that is to blame.
    pub parameter: Option<Cow<'static, str>>,
    /// What a page calls it, where the status says it too coarsely.
    pub heading: Option<&'static str>,
    /// The page of ours that the form came from: there it goes on.
    pub back: Option<String>,
}

/// Why a request was not answered (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document<'a> {
    /// Always `about:blank`: the status says what kind of problem it is.
    r#type: &'static str,
    title: &'static str,
    status: u16,
    /// What is wrong, as a sentence.
    detail: &'a str,
    /// The parameter, field or header that is to blame, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
}

impl Problem {
    /// A problem of that status.
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            detail: detail.into(),
            parameter: None,
            heading: None,
            back: None,
        }
    }

    /// Called that on a page.
    #[must_use]
    pub fn called(self, heading: &'static str) -> Self {
        Self {
            heading: Some(heading),
            ..self
        }
    }

    /// With the way back to that page of ours.
    #[must_use]
    pub fn back_to(self, page: Option<&str>) -> Self {
        Self {
            back: page.map(str::to_owned),
            ..self
        }
    }

    /// 400: a parameter that is not understood.
    pub fn parameter(name: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            parameter: Some(name.into()),
            ..Self::new(StatusCode::BAD_REQUEST, detail)
        }
    }

    /// 404.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }
}

/// Logs the failure and hides it from the one who asked.
pub(crate) fn unreadable(error: StoreError) -> Problem {
    tracing::error!(%error, "The history could not be read for a request.");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "The database cannot be read now; the log says why.",
    )
}

/// The same for what could not be recorded.
pub(crate) fn unwritable(error: StoreError) -> Problem {
    tracing::error!(%error, "What somebody said could not be recorded.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, not_recorded(&error))
}

/// Why nothing was recorded, and what to do.
pub(crate) fn not_recorded(error: &StoreError) -> &'static str {
    match error.kind() {
        ErrorKind::Transient => {
            "Nothing was recorded: the database is busy, another write or another process holds it. Try again in a moment."
        }
        ErrorKind::Degraded => {
            "Nothing was recorded: the disk of the database is full, read-only or failing. Mend that, then try again."
        }
        ErrorKind::Fatal => {
            "Nothing was recorded: the database is damaged, or its file was deleted or replaced. Stop the daemon and restore a backup."
        }
        ErrorKind::Other => "Nothing was recorded; the monitor's log says why.",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            parameter: self.parameter.as_deref(),
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response.extensions_mut().insert(self);
        response
    }
}

/// The same answer as a problem, where it is a refusal of the framework's own, in plain words.
#[must_use]
pub fn whole(response: Response) -> Response {
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    // A page of ours that comes back, a form with what was wrong in it say, says more than a problem would.
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !refused || is_page || response.extensions().get::<Problem>().is_some() {
        return response;
    }
    let problem = match status {
        StatusCode::BAD_REQUEST => Problem::parameter("path", "The address cannot be read."),
        other => Problem::new(other, other.canonical_reason().unwrap_or("It was refused.")),
    };
    problem.into_response()
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Page<'a> {
    title: &'static str,
    detail: &'a str,
    back: Option<&'a str>,
    style: String,
}

/// Whether it is a person's browser that asks for a page: problems are told to it in words alone.
#[must_use]
pub fn is_page(path: &str, headers: &HeaderMap) -> bool {
    let wanted = headers
        .get(header::ACCEPT)
        .and_then(|wanted| wanted.to_str().ok());
    !path.starts_with("/api/") && wanted.is_some_and(|wanted| wanted.contains("text/html"))
}

/// The same answer as a page, where it is a problem.
#[must_use]
pub fn as_page(mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let title = problem.heading.or(problem.status.canonical_reason());
    let page = Page {
        title: title.unwrap_or("Error"),
        detail: &problem.detail,
        back: problem.back.as_deref(),
        style: assets::address("style.css"),
    };
    match page.render() {
        Ok(html) => (problem.status, Html(html)).into_response(),
        Err(_) => response,
    }
}
