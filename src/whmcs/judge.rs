//! Judges a body that has ended: an answer of the API that says success, or the cause why it is none.

use std::time::Duration;

use crate::domain::catalogue::Figure;
use crate::domain::source::Cause;
use crate::domain::source::Failure;
use crate::whmcs::envelope::Envelope;
use crate::whmcs::envelope::Field;
use crate::whmcs::envelope::Root;
use crate::whmcs::envelope::ScanError;
use crate::whmcs::figure::figure;
use crate::whmcs::figure::text;
use crate::whmcs::form::Credentials;
use crate::whmcs::refusal;

/// The head of an HTTP response, as far as it matters.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    /// Within a second and an hour.
    pub retry_after: Option<Duration>,
    /// Whether the end of the body was marked: if not, a lost connection looks like its end.
    pub framed: bool,
    /// Where a redirect points.
    pub location: Option<String>,
    /// Whether a guard says that it challenges the caller instead of letting the request pass.
    pub challenged: bool,
}

impl Reply {
    /// The cause where the body, which begins like this, is no answer of the API.
    #[must_use]
    pub fn cause(&self, head: &str) -> Cause {
        if self.challenged {
            return Cause::Firewall;
        }
        refusal::of_body(self.status, &self.content_type, head)
    }
}

/// Why an answer was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub failure: Failure,
    /// The API itself said no, to what was asked for rather than to us: "Product ID Not Found".
    pub of_the_request: bool,
}

impl Refusal {
    /// A failure that we found ourselves.
    #[must_use]
    pub fn new(cause: Cause, detail: String) -> Self {
        Self::from(Failure {
            cause,
            detail,
            retry_after: None,
        })
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            of_the_request: false,
        }
    }
}

/// What is known of a body when it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    pub reply: &'a Reply,
    pub credentials: &'a Credentials,
    /// The beginning of the body.
    pub head: &'a str,
    /// The body's length, in bytes.
    pub length: u64,
}

impl Judge<'_> {
    /// Whether the API, or the server, says no: `seen` is as much of the envelope as was read.
    pub fn refused(&self, seen: &Envelope) -> Result<(), Refusal> {
        let said = said_error(seen);
        if let Some(message) = said.as_deref().or_else(|| refusal::nvp_error(self.head)) {
            return Err(self.error(message));
        }
        if !(200..300).contains(&self.reply.status) {
            return Err(self.body());
        }
        Ok(())
    }

    /// The envelope, if it is that of a whole answer that says success.
    pub fn accepted(&self, scanned: Result<Envelope, ScanError>) -> Result<Envelope, Refusal> {
        let envelope = scanned.map_err(|error| self.broken(error))?;
        self.success(&envelope)?;
        Ok(envelope)
    }

    fn error(&self, message: &str) -> Refusal {
        let cause = refusal::of_error(self.reply.status, message);
        let detail = format!("HTTP {}: {}", self.reply.status, self.credentials.shown(message));
        let mut refusal = self.refuse(cause, detail);
        refusal.of_the_request = cause == Cause::BadAnswer && !message.is_empty();
        refusal
    }

    /// Not an answer of the API.
    fn body(&self) -> Refusal {
        let cause = self.reply.cause(self.head);
        if let (Cause::Redirect, Some(location)) = (cause, &self.reply.location) {
            // What follows the path may hold a token.
            let place = location.split(['?', '#']).next().unwrap_or_default();
            let detail = format!("HTTP {} to {}", self.reply.status, self.credentials.shown(place));
            return self.refuse(cause, detail);
        }
        if cause == Cause::BadAnswer && refusal::is_nvp(self.head) {
            let detail = "the answer came as name=value pairs, not as JSON or XML: something between here and WHMCS takes responsetype out of the request. Let it pass, or try the other WHMCS_RESPONSE_TYPE";
            return self.refuse(cause, detail.into());
        }
        let printed = if cause == Cause::BadAnswer && refusal::is_behind_print(self.head) {
            "something printed before the answer, "
        } else {
            ""
        };
        let described = self.describe();
        self.refuse(cause, format!("HTTP {}, {printed}{described}", self.reply.status))
    }

    fn broken(&self, error: ScanError) -> Refusal {
        match error {
            ScanError::ElementTooLarge | ScanError::TooMany => {
                self.refuse(Cause::TooLarge, format!("{error}"))
            }
            ScanError::Truncated => {
                let cause = if self.reply.framed {
                    Cause::BadAnswer
                } else {
                    Cause::Reset
                };
                self.refuse(cause, format!("{error}, after {} bytes", self.length))
            }
            ScanError::Trailing(_) => self.refuse(Cause::BadAnswer, format!("{error}")),
            ScanError::Empty | ScanError::NotJson(_) | ScanError::NotXml(_) => self.body(),
        }
    }

    /// Whether a whole JSON value is an answer that says success.
    fn success(&self, envelope: &Envelope) -> Result<(), Refusal> {
        if envelope.root != Root::Object {
            return Err(self.body());
        }
        match raw(envelope, Field::Result).and_then(text) {
            Some(result) if result.eq_ignore_ascii_case("success") => Ok(()),
            Some(result) => {
                let detail = format!(
                    "its result is neither success nor error: {}",
                    self.credentials.shown(&result)
                );
                Err(self.refuse(Cause::BadAnswer, detail))
            }
            None if self.reply.cause(self.head) != Cause::BadAnswer => Err(self.body()),
            None => Err(self.refuse(Cause::BadAnswer, "the answer has no result".into())),
        }
    }

    fn refuse(&self, cause: Cause, detail: String) -> Refusal {
        let mut refusal = Refusal::new(cause, detail);
        refusal.failure.retry_after = self.reply.retry_after;
        refusal
    }

    fn describe(&self) -> String {
        if self.head.trim().is_empty() {
            return "an empty body".into();
        }
        if !refusal::is_html(&self.reply.content_type, self.head) {
            return format!("body: {}", self.credentials.shown(self.head));
        }
        match refusal::title(self.head) {
            Some(title) => format!("a web page titled \"{}\"", self.credentials.shown(title)),
            None => format!("a web page: {}", self.credentials.shown(&without_tags(self.head))),
        }
    }
}

fn without_tags(page: &str) -> String {
    let mut words = String::new();
    for part in page.split('<') {
        words.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        words.push(' ');
    }
    words
}

/// The raw JSON of a field.
fn raw(envelope: &Envelope, field: Field) -> Option<&str> {
    envelope.raw(field).and_then(|raw| str::from_utf8(raw).ok())
}

/// A field as a figure.
#[must_use]
pub fn number(envelope: &Envelope, field: Field) -> Figure {
    figure(raw(envelope, field))
}

/// The message of `"result":"error"`.
fn said_error(envelope: &Envelope) -> Option<String> {
    let result = raw(envelope, Field::Result).and_then(text)?;
    let message = || {
        envelope
            .raw(Field::Message)
            .map(String::from_utf8_lossy)
            .unwrap_or_default()
    };
    result.eq_ignore_ascii_case("error").then(|| {
        let message = message();
        text(&message).unwrap_or_default().into_owned()
    })
}
