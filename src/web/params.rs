//! The parameters of a query: known ones only, each once, refused by name where they are not understood.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::http::request::Parts;
use jiff::Timestamp;

use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::problem::Problem;

/// The most items of one answer.
pub const LARGEST_PAGE: usize = 1000;

/// The parameters as they were given, percent-decoded.
#[derive(Debug, Clone, Default)]
pub struct Params(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        check_encoding(parts.uri.query().unwrap_or_default())?;
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) =
            pairs.map_err(|_| Problem::parameter("query", "The query is not of the form name=value&…."))?;
        let mut params = BTreeMap::new();
        for (name, value) in pairs {
            if params.contains_key(&name) {
                return Err(Problem::parameter(name, "The parameter was given twice."));
            }
            params.insert(name, value);
        }
        Ok(Self(params))
    }
}

impl Params {
    /// Refuses any parameter that is not among these: a misspelt filter must not answer with everything.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) if known.is_empty() => {
                Err(Problem::parameter(name.clone(), "There are no parameters here."))
            }
            Some(name) => Err(Problem::parameter(
                name.clone(),
                format!("There is no such parameter here; known are {}.", known.join(", ")),
            )),
        }
    }

    /// The same for a list of the API, which also has `cursor`, `limit` and `format`.
    pub fn only_list(&self, known: &[&str]) -> Result<(), Problem> {
        let known: Vec<&str> = known
            .iter()
            .chain(&["cursor", "limit", "format"])
            .copied()
            .collect();
        self.only(&known)
    }

    /// The parameter, where it was given and is not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The parameter as a `T`; `expected` finishes the sentence "… must be".
    pub fn parsed<T: FromStr>(&self, name: &'static str, expected: &str) -> Result<Option<T>, Problem> {
        self.chosen(name, expected, |value| value.parse().ok())
    }

    /// The parameter as a number as answers write them, not below 0; `expected` finishes the sentence "… must be".
    pub fn number(&self, name: &'static str, expected: &str) -> Result<Option<i64>, Problem> {
        self.chosen(name, expected, |value| {
            let number: u64 = value.parse().ok()?;
            let number = i64::try_from(number).ok()?;
            (number.to_string() == value).then_some(number)
        })
    }

    /// The parameter as `choose` understands it.
    pub fn chosen<T>(
        &self,
        name: &'static str,
        expected: &str,
        choose: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        choose(value)
            .map(Some)
            .ok_or_else(|| Problem::parameter(name, format!("\"{name}\" must be {expected}.")))
    }

    /// `limit`: 1 to [`LARGEST_PAGE`], the most where it is not given.
    pub fn limit(&self) -> Result<usize, Problem> {
        let limit = self.chosen("limit", "a whole number from 1 to 1000", |value| {
            let digits = value.bytes().all(|sign| sign.is_ascii_digit());
            let limit = value.parse().ok().filter(|_| digits);
            limit.filter(|limit| (1..=LARGEST_PAGE).contains(limit))
        })?;
        Ok(limit.unwrap_or(LARGEST_PAGE))
    }

    /// `cursor`, of a list that is ordered by a number: continue below it.
    pub fn cursor(&self) -> Result<Option<i64>, Problem> {
        self.number("cursor", "the cursor of an earlier answer")
    }

    /// `instance`, where given: a configured one.
    pub fn instance<'a>(&self, seen: &'a Seen) -> Result<Option<&'a Instance>, Problem> {
        self.chosen("instance", "the name of a configured instance", |name| {
            seen.instance(name)
        })
    }

    /// A moment in RFC 3339.
    pub fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        self.parsed(
            name,
            "a time such as 2026-11-21T09:03:11Z (with + written as %2B)",
        )
    }
}

/// Refuses what is no text once it is decoded: with its bytes replaced it would be looked for, and not found.
fn check_encoding(query: &str) -> Result<(), Problem> {
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if [name, value].iter().any(|part| !is_text(part)) {
            let name: String = name.chars().take(60).collect();
            return Err(Problem::parameter(
                name,
                "The parameter is not UTF-8, percent-encoded.",
            ));
        }
    }
    Ok(())
}

/// Whether the bytes that it stands for are UTF-8.
fn is_text(encoded: &str) -> bool {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = digit(after.first()).zip(digit(after.get(1)));
        let byte = pair
            .filter(|_| *first == b'%')
            .and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = after.get(byte.map_or(0, |_| 2)..).unwrap_or_default();
    }
    std::str::from_utf8(&bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    async fn params(query: &str) -> Result<Params, Problem> {
        let (mut parts, ()) = Request::builder()
            .uri(format!("/?{query}"))
            .body(())
            .unwrap()
            .into_parts();
        Params::from_request_parts(&mut parts, &()).await
    }

    fn blamed<T: std::fmt::Debug>(outcome: Result<T, Problem>) -> String {
        outcome.unwrap_err().parameter.unwrap().into_owned()
    }

    #[tokio::test]
    async fn a_parameter_that_is_not_understood_is_named() {
        assert_eq!(blamed(params("a=1&a=2").await), "a");
        let given = params("limit=0&severty=out&from=yesterday&cursor=x&instance=mars")
            .await
            .unwrap();
        assert_eq!(blamed(given.limit()), "limit");
        assert_eq!(blamed(given.only(&["limit", "severity"])), "cursor");
        assert_eq!(
            given.only(&[]).unwrap_err().detail,
            "There are no parameters here."
        );
        assert_eq!(blamed(given.time("from")), "from");
        assert_eq!(blamed(given.cursor()), "cursor");
        assert_eq!(blamed(given.instance(&Seen::default()).map(|_| ())), "instance");
    }

    #[tokio::test]
    async fn a_number_is_one_that_an_answer_could_hold() {
        for (text, number) in [("0", 0), ("42", 42), ("9223372036854775807", i64::MAX)] {
            let given = params(&format!("cursor={text}")).await.unwrap();
            assert_eq!(given.cursor().unwrap(), Some(number));
        }
        for text in ["-1", "%2B5", "05", "1.0", "9223372036854775808", "-0", "%205"] {
            let given = params(&format!("cursor={text}&product={text}&limit={text}"))
                .await
                .unwrap();
            assert_eq!(blamed(given.cursor()), "cursor", "{text}");
            assert_eq!(blamed(given.number("product", "an id")), "product", "{text}");
        }
        let signed = params("limit=%2B5").await.unwrap();
        assert_eq!(blamed(signed.limit()), "limit");
    }

    #[tokio::test]
    async fn what_is_no_text_once_decoded_is_refused_by_name() {
        for query in ["q=%FF", "q=a%C3", "q=%ed%a0%80", "x=1&q=%C3%28", "q=%F"] {
            let outcome = params(query).await;
            if query == "q=%F" {
                assert_eq!(outcome.unwrap().get("q"), Some("%F"), "as it stands");
            } else {
                assert_eq!(blamed(outcome), "q", "{query}");
            }
        }
        assert_eq!(blamed(params("%FF=1").await), "%FF");
        for (query, text) in [
            ("q=%C3%BC", "ü"),
            ("q=%EF%BF%BD", "\u{fffd}"),
            ("q=100%", "100%"),
            ("q=a+%2b", "a +"),
        ] {
            assert_eq!(params(query).await.unwrap().get("q"), Some(text));
        }
    }

    #[tokio::test]
    async fn what_is_not_given_is_not_asked_for() {
        let given = params("limit=&q=a%20b").await.unwrap();
        assert_eq!(given.limit().unwrap(), LARGEST_PAGE);
        assert_eq!(given.get("q"), Some("a b"));
        assert_eq!(given.cursor().unwrap(), None);
        assert_eq!(params("limit=7").await.unwrap().limit().unwrap(), 7);
        for limit in ["1001", "-1", "1e3", "0"] {
            assert!(params(&format!("limit={limit}")).await.unwrap().limit().is_err());
        }
    }
}
