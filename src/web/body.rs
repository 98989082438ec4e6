//! The JSON of a request: known fields only, each refused by name where it is not understood.

use axum::body;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Map;
use serde_json::Value;

use crate::domain::pattern::Pattern;
use crate::domain::people::Matcher;
use crate::notify::clean;
use crate::people::when;
use crate::people::when::Day;
use crate::people::when::NoTime;
use crate::web::access::kinds;
use crate::web::problem::Problem;

/// The most bytes of it.
pub const LARGEST: usize = 16 << 10;
/// The most patterns of one kind.
const PATTERNS: usize = 100;

/// An object and its fields.
#[derive(Debug)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads an object of these fields; the type must be JSON, which a form of a web page elsewhere cannot send.
    pub async fn read(headers: &HeaderMap, body: Body, known: &[&str]) -> Result<Self, Problem> {
        if !kinds::is_json(headers) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON, with Content-Type: application/json.",
            ));
        }
        let bytes = body::to_bytes(body, LARGEST)
            .await
            .map_err(|_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "The body has at most 16 KiB."))?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "The body is not JSON."))?;
        Self::of(value, "", known)
    }

    fn of(value: Value, within: &str, known: &[&str]) -> Result<Self, Problem> {
        let Value::Object(fields) = value else {
            let detail = format!(
                "{} must be an object.",
                if within.is_empty() { "The body" } else { within }
            );
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        };
        match fields.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(Self(fields)),
            Some(name) => {
                let name: String = name.chars().take(60).collect();
                let detail = format!("There is no such field here; known are {}.", known.join(", "));
                Err(Problem::parameter(name, detail))
            }
        }
    }

    /// A text; `None` where it is missing or null.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Problem::parameter(name, format!("\"{name}\" must be a text.")))
            }
        }
    }

    /// A text that must be there.
    pub fn needed(&self, name: &'static str) -> Result<&str, Problem> {
        self.text(name)?
            .ok_or_else(|| Problem::parameter(name, format!("\"{name}\" is missing.")))
    }

    /// A text of at most so many characters; `None` where it is missing or null.
    pub fn at_most(&self, name: &'static str, most: usize) -> Result<Option<&str>, Problem> {
        match self.text(name)? {
            Some(text) if text.chars().count() > most => {
                let detail = format!("\"{name}\" has at most {most} characters.");
                Err(Problem::parameter(name, detail))
            }
            other => Ok(other),
        }
    }

    /// A text of at most so many characters that must be there, and not blank.
    pub fn short(&self, name: &'static str, most: usize) -> Result<&str, Problem> {
        let text = self
            .at_most(name, most)?
            .filter(|text| !clean::line(text, most).is_empty());
        text.ok_or_else(|| Problem::parameter(name, format!("\"{name}\" is missing.")))
    }

    /// A whole number; `None` where it is missing or null.
    pub fn number(&self, name: &'static str) -> Result<Option<i64>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => whole(value)
                .map(Some)
                .ok_or_else(|| Problem::parameter(name, format!("\"{name}\" must be a whole number."))),
        }
    }

    /// A time to come; `None` where it is missing or null.
    pub fn ahead(
        &self,
        name: &'static str,
        day: Day,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        when::ahead(text, day, zone, now).map(Some).map_err(|why| {
            let (status, detail) = match why {
                NoTime::Unreadable => (
                    StatusCode::BAD_REQUEST,
                    format!("\"{name}\" must be {}.", when::FORMS),
                ),
                NoTime::TooFar => (
                    StatusCode::UNPROCESSABLE_ENTITY,
                    format!("\"{name}\" is too far off."),
                ),
            };
            Problem {
                status,
                ..Problem::parameter(name, detail)
            }
        })
    }

    /// `matcher`, which must be there: `{}` is everything.
    pub fn matcher(&self) -> Result<Matcher, Problem> {
        let given = self.0.get("matcher").cloned();
        let given = given
            .ok_or_else(|| Problem::parameter("matcher", "\"matcher\" is missing; {} is everything."))?;
        let known = ["instances", "groups", "products", "options", "pools"];
        let fields = Self::of(given, "\"matcher\"", &known)
            .map_err(|problem| Problem::parameter("matcher", problem.detail))?;
        Ok(Matcher {
            instances: fields.patterns("instances")?,
            groups: fields.patterns("groups")?,
            products: fields.patterns("products")?,
            options: fields.options()?,
            pools: fields.patterns("pools")?,
        })
    }

    /// Whether the field is there. One that names nothing is refused: read as no field at all it would be everything.
    fn names_some(&self, name: &'static str) -> Result<bool, Problem> {
        let empty = match self.0.get(name) {
            None => return Ok(false),
            Some(Value::Null) => true,
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(pairs)) => pairs.is_empty(),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => false,
        };
        if empty {
            let detail =
                format!("\"{name}\" names nothing. Name at least one, or leave it out: then it is any.");
            return Err(Problem::parameter("matcher", detail));
        }
        Ok(true)
    }

    fn patterns(&self, name: &'static str) -> Result<Vec<Pattern>, Problem> {
        if !self.names_some(name)? {
            return Ok(Vec::new());
        }
        let wrong = || {
            let detail =
                format!("\"{name}\" must be a list of names (texts) or ids (numbers), at most {PATTERNS}.");
            Problem::parameter("matcher", detail)
        };
        match self.0.get(name) {
            Some(Value::Array(items)) if items.len() <= PATTERNS => {
                items.iter().map(|item| pattern(item).ok_or_else(wrong)).collect()
            }
            Some(_) | None => Err(wrong()),
        }
    }

    fn options(&self) -> Result<Vec<(Pattern, Pattern)>, Problem> {
        if !self.names_some("options")? {
            return Ok(Vec::new());
        }
        let wrong = || {
            Problem::parameter(
                "matcher",
                "\"options\" must be an object of options with their choices: {\"RAM\":\"64 GB\"}.",
            )
        };
        match self.0.get("options") {
            Some(Value::Object(pairs)) if pairs.len() <= PATTERNS => pairs
                .iter()
                .map(|(option, choice)| Ok((Pattern::text(option), pattern(choice).ok_or_else(wrong)?)))
                .collect(),
            Some(_) | None => Err(wrong()),
        }
    }
}

/// A whole number, also one that is written as `42.0`.
fn whole(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "within what floats hold exactly")]
    let of_float = |float: f64| (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64);
    value.as_i64().or_else(|| of_float(value.as_f64()?))
}

fn pattern(value: &Value) -> Option<Pattern> {
    match value {
        Value::Number(_) => whole(value).map(Pattern::Id),
        Value::String(text) if !text.trim().is_empty() => Some(Pattern::text(text.trim())),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
