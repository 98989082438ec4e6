//! How an answer of the API is written: as JSON or CSV, with a tag by which the asker can tell whether it changed.

use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use xxhash_rust::xxh3::xxh3_64;

use crate::observe::said::Said;
use crate::web::answers::accept;
use crate::web::answers::accept::Form;
use crate::web::answers::sheet;
use crate::web::answers::sheet::Row;
use crate::web::problem::Problem;

/// The parameter that chooses between JSON and CSV, before what `Accept` says.
pub const FORMAT: &str = "format";
/// Kept by the asker alone, and asked for anew each time.
const CACHE: &str = "private, no-cache";

/// A list of the API, and where the next page begins; null on the last.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Given back as the parameter `cursor`, it continues the list; null on the last page.
    pub cursor: Option<String>,
}

/// What the asker wants to have, and has already.
#[derive(Debug)]
pub struct Reply {
    path: String,
    query: Vec<(String, String)>,
    accept: Option<String>,
    /// `If-None-Match`
    has: Option<String>,
    /// Of what the answer is made from, where that is known before the answer.
    tag: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Reply {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        Ok(Self {
            path: parts.uri.path().to_owned(),
            // What cannot be read is refused by `Params`.
            query: query.map_or_else(|_| Vec::new(), |Query(pairs)| pairs),
            accept: joined(&parts.headers, &header::ACCEPT),
            has: joined(&parts.headers, &header::IF_NONE_MATCH),
            tag: None,
        })
    }
}

/// The values of a header as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values = headers.get_all(name).iter();
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

impl Reply {
    /// Whether nothing changed since the asker's answer, which was made from the same moment and the same words of
    /// people: then that is the answer. The moment must be counted before it is looked at.
    pub fn same(&mut self, moment: u64, said: &Said) -> Option<Response> {
        let form = self.accept.as_deref().unwrap_or_default();
        let basis = format!("{moment}|{}|{}|{:?}|{form}", said.mark(), self.path, self.query);
        self.tag = Some(tag(basis.as_bytes()));
        self.unchanged(self.tag.as_deref()?)
    }

    /// One thing, as JSON.
    pub fn one(&self, whole: &impl Serialize) -> Result<Response, Problem> {
        match self.form(&[Form::Json])? {
            Form::Json | Form::Csv => self.json(whole),
        }
    }

    /// A page of a list, as JSON or CSV.
    pub fn list<T: Serialize + Row>(
        &self,
        items: Vec<T>,
        cursor: Option<String>,
    ) -> Result<Response, Problem> {
        let list = List { items, cursor };
        self.page(&list, &list.items, list.cursor.as_deref())
    }

    /// A page of a list with more than its items, which CSV leaves out.
    pub fn page<T: Serialize + Row>(
        &self,
        whole: &impl Serialize,
        items: &[T],
        cursor: Option<&str>,
    ) -> Result<Response, Problem> {
        let mut response = match self.form(&[Form::Json, Form::Csv])? {
            Form::Json => self.json(whole)?,
            Form::Csv => self.csv(items)?,
        };
        if let Some(next) = cursor.and_then(|cursor| self.next(cursor)) {
            response.headers_mut().insert(header::LINK, next);
        }
        Ok(response)
    }

    /// What was asked for, of what there is.
    fn form(&self, offered: &[Form]) -> Result<Form, Problem> {
        let asked = self.query.iter().find(|(name, _)| name == FORMAT);
        if let Some((_, asked)) = asked.filter(|(_, asked)| !asked.is_empty() && offered.len() > 1) {
            let known = Form::parse(asked).filter(|form| offered.contains(form));
            return known.ok_or_else(|| Problem::parameter(FORMAT, "\"format\" must be json or csv."));
        }
        accept::best(self.accept.as_deref(), offered).ok_or_else(|| {
            let names: Vec<&str> = offered.iter().map(|form| form.media()).collect();
            Problem {
                parameter: Some("Accept".into()),
                ..Problem::new(
                    StatusCode::NOT_ACCEPTABLE,
                    format!("The answer can be had as {}.", names.join(" or ")),
                )
            }
        })
    }

    fn json(&self, whole: &impl Serialize) -> Result<Response, Problem> {
        let body = serde_json::to_vec(whole).map_err(|error| unwritten(&error))?;
        Ok(self.tagged(body, HeaderValue::from_static("application/json")))
    }

    fn csv<T: Serialize + Row>(&self, items: &[T]) -> Result<Response, Problem> {
        let body = sheet::csv(items).map_err(|error| unwritten(&error))?;
        let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
        let mut response = self.tagged(body.into_bytes(), kind);
        let name = format!("attachment; filename=\"{}.csv\"", T::FILE);
        if let Ok(name) = HeaderValue::try_from(name)
            && response.status() == StatusCode::OK
        {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
        }
        Ok(response)
    }

    fn tagged(&self, body: Vec<u8>, kind: HeaderValue) -> Response {
        let tag = self.tag.clone().unwrap_or_else(|| tag(&body));
        if let Some(same) = self.unchanged(&tag) {
            return same;
        }
        let mut response = body.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        mark(&mut response, &tag);
        response
    }

    /// 304, where the asker has it.
    fn unchanged(&self, tag: &str) -> Option<Response> {
        let has = self.has.as_deref()?;
        has_tag(has, tag).then(|| {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            mark(&mut response, tag);
            response
        })
    }

    /// The address of the next page, as `Link` has it.
    fn next(&self, cursor: &str) -> Option<HeaderValue> {
        let rest = self.query.iter().filter(|(name, _)| name != "cursor");
        let pairs: Vec<(&str, &str)> = rest
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([("cursor", cursor)])
            .collect();
        let query = serde_urlencoded::to_string(pairs).ok()?;
        HeaderValue::try_from(format!("<{}?{query}>; rel=\"next\"", self.path)).ok()
    }
}

/// Weak: the same bytes packed by gzip have the same one.
#[must_use]
pub fn tag(basis: &[u8]) -> String {
    format!("W/\"{:016x}\"", xxh3_64(basis))
}

/// Whether a list of tags has that one, or is `*`; strong and weak ones are not told apart.
#[must_use]
pub fn has_tag(list: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    list.trim() == "*" || list.split(',').any(|one| opaque(one) == opaque(tag))
}

fn mark(response: &mut Response, tag: &str) {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    headers.append(header::VARY, HeaderValue::from_static("accept"));
}

fn unwritten(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "An answer could not be written.");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The answer could not be written; the log says why.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_among_others_strong_or_weak() {
        let tag = tag(b"x");
        let strong = tag.trim_start_matches("W/");
        for list in [tag.as_str(), strong, "*", &format!("\"a\", {tag} , \"b\"")] {
            assert!(has_tag(list, &tag), "{list}");
        }
        assert!(!has_tag("\"a\", W/\"b\"", &tag) && !has_tag("", &tag));
    }
}
