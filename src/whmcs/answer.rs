//! One answer of the API as it comes in: its elements, or why it cannot be believed.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
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
use crate::whmcs::intern::Interner;
use crate::whmcs::recall::Recall;
use crate::whmcs::refusal;
use crate::whmcs::scan::Halt;
use crate::whmcs::scan::Scanner;
use crate::whmcs::wire::Element;
use crate::whmcs::wire::WireError;
use crate::whmcs::wire::source_hash;

/// How much of a body is kept to tell what it is if it is no answer, in bytes.
const HEAD: usize = 16 * 1024;

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
}

/// What a successful answer held.
#[derive(Debug)]
pub struct Page<T> {
    /// In the order they came.
    pub items: Vec<Arc<T>>,
    pub total: Figure,
    pub returned: Figure,
    /// Whether it speaks our companion's contract.
    pub contract: bool,
    pub has_products: bool,
    /// Where there is no list of products: the answer itself, read as one.
    pub lone: Option<Arc<T>>,
}

/// Why an answer was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub failure: Failure,
    /// The API itself said no, to what was asked for rather than to us: "Product ID Not Found".
    pub of_the_request: bool,
}

/// An answer under way.
#[derive(Debug)]
pub struct Answer<T> {
    scanner: Scanner,
    broken: Option<ScanError>,
    unread: Option<(usize, WireError)>,
    head: Vec<u8>,
    length: u64,
    recall: Recall<T>,
    interner: Arc<Mutex<Interner>>,
    items: Vec<Arc<T>>,
}

impl<T: Element> Answer<T> {
    /// At the start of a body.
    #[must_use]
    pub fn new(recall: Recall<T>, interner: Arc<Mutex<Interner>>) -> Self {
        Self {
            scanner: Scanner::new(),
            broken: None,
            unread: None,
            head: Vec::new(),
            length: 0,
            recall,
            interner,
            items: Vec::new(),
        }
    }

    /// Takes a chunk; false when no more of the body is needed to judge it.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        self.length += chunk.len() as u64;
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if self.broken.is_none() {
            let Self {
                scanner,
                recall,
                interner,
                items,
                ..
            } = self;
            let fed = scanner.feed(chunk, |element| {
                let known = recall.due(source_hash(element));
                let item = match known {
                    Some(item) => item,
                    None => recall.unchanged(read(element, interner)?),
                };
                items.push(item);
                Ok(())
            });
            match fed {
                Ok(()) => {}
                Err(Halt::Scan(error)) => self.broken = Some(error),
                Err(Halt::Element(error)) => {
                    self.unread = Some((self.items.len() + 1, error));
                    return false;
                }
            }
        }
        match self.broken {
            None => true,
            Some(ScanError::ElementTooLarge | ScanError::TooMany) => false,
            Some(_) => self.head.len() < HEAD,
        }
    }

    /// Judges the whole.
    pub fn finish(self, reply: &Reply, credentials: &Credentials) -> Result<Page<T>, Refusal> {
        let Self {
            scanner,
            broken,
            unread,
            head,
            length,
            interner,
            items,
            ..
        } = self;
        let judge = Judge {
            reply,
            credentials,
            head: &String::from_utf8_lossy(&head),
            length,
        };
        let said = said_error(scanner.seen());
        let scanned = broken.map_or_else(|| scanner.finish(), Err);
        if let Some(message) = said.as_deref().or_else(|| refusal::nvp_error(judge.head)) {
            return Err(judge.error(message));
        }
        if !(200..300).contains(&reply.status) {
            return Err(judge.body());
        }
        if let Some((place, error)) = unread {
            return Err(unreadable(place, &error));
        }
        let envelope = scanned.map_err(|error| judge.broken(error))?;
        judge.success(&envelope)?;
        let small = envelope.elements == 0 && length <= head.len() as u64;
        let lone = if small {
            read::<T>(&head, &interner).ok().map(Arc::new)
        } else {
            None
        };
        Ok(Page {
            items,
            total: number(&envelope, Field::TotalResults),
            returned: number(&envelope, Field::NumReturned),
            contract: matches!(
                number(&envelope, Field::Contract),
                Figure::Number(_) | Figure::Unreadable
            ),
            has_products: envelope.has_products,
            lone,
        })
    }
}

fn read<T: Element>(element: &[u8], interner: &Mutex<Interner>) -> Result<T, WireError> {
    T::read(
        element,
        &mut interner.lock().unwrap_or_else(PoisonError::into_inner),
    )
}

fn raw(envelope: &Envelope, field: Field) -> Option<&str> {
    envelope.raw(field).and_then(|raw| str::from_utf8(raw).ok())
}

fn number(envelope: &Envelope, field: Field) -> Figure {
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

fn unreadable(place: usize, error: &WireError) -> Refusal {
    let cause = match error {
        WireError::Encoding => Cause::Encoding,
        WireError::TooLong(_) => Cause::TooLarge,
        WireError::Missing(_) | WireError::Unreadable(_) | WireError::Json(_) => Cause::BadAnswer,
    };
    refusal_of(cause, format!("product {place} of the answer: {error}"))
}

fn refusal_of(cause: Cause, detail: String) -> Refusal {
    Refusal {
        failure: Failure {
            cause,
            detail,
            retry_after: None,
        },
        of_the_request: false,
    }
}

/// What is known of a body when it is judged.
struct Judge<'a> {
    reply: &'a Reply,
    credentials: &'a Credentials,
    head: &'a str,
    length: u64,
}

impl Judge<'_> {
    fn error(&self, message: &str) -> Refusal {
        let cause = refusal::of_error(self.reply.status, message);
        let detail = format!("HTTP {}: {}", self.reply.status, self.credentials.shown(message));
        let mut refusal = self.refuse(cause, detail);
        refusal.of_the_request = cause == Cause::BadAnswer && !message.is_empty();
        refusal
    }

    /// Not an answer of the API.
    fn body(&self) -> Refusal {
        let cause = refusal::of_body(self.reply.status, &self.reply.content_type, self.head);
        if let (Cause::Redirect, Some(location)) = (cause, &self.reply.location) {
            // What follows the path may hold a token.
            let place = location.split(['?', '#']).next().unwrap_or_default();
            let detail = format!("HTTP {} to {}", self.reply.status, self.credentials.shown(place));
            return self.refuse(cause, detail);
        }
        self.refuse(cause, format!("HTTP {}, {}", self.reply.status, self.describe()))
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
            ScanError::Empty | ScanError::NotJson(_) => self.body(),
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
            None => Err(self.refuse(Cause::BadAnswer, "the answer has no result".into())),
        }
    }

    fn refuse(&self, cause: Cause, detail: String) -> Refusal {
        let mut refusal = refusal_of(cause, detail);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::catalogue::Listing;

    fn credentials() -> Credentials {
        Credentials {
            identifier: "i".into(),
            secret: "s".into(),
            access_key: None,
        }
    }

    fn judge(status: u16, body: &[u8], framed: bool) -> Result<Page<Listing>, Refusal> {
        let mut answer = Answer::new(Recall::new(Arc::default()), Arc::default());
        for chunk in body.chunks(7) {
            if !answer.feed(chunk) {
                break;
            }
        }
        answer.finish(
            &Reply {
                status,
                framed,
                ..Reply::default()
            },
            &credentials(),
        )
    }

    const SOUND: &str = r#"{"result":"success","totalresults":"2","numreturned":2,
        "products":{"product":[{"pid":1,"name":"a"},{"pid":2,"name":"b\ud800"}]},"contract":1}"#;

    #[test]
    fn a_sound_answer_is_a_page() {
        let page = judge(200, SOUND.as_bytes(), true).unwrap();
        assert_eq!(
            (page.total, page.returned, page.contract),
            (Figure::Number(2), Figure::Number(2), true)
        );
        assert_eq!(page.items[1].name.raw(), "b\u{fffd}");
        assert_eq!(
            judge(403, SOUND.as_bytes(), true).unwrap_err().failure.cause,
            Cause::Firewall
        );
        assert_eq!(
            judge(500, SOUND.as_bytes(), true).unwrap_err().failure.cause,
            Cause::Server
        );
    }

    #[test]
    fn an_answer_that_ends_early_is_a_reset_unless_its_length_was_promised() {
        let half = &SOUND.as_bytes()[..SOUND.len() / 2];
        assert_eq!(
            judge(200, half, true).unwrap_err().failure.cause,
            Cause::BadAnswer
        );
        assert_eq!(judge(200, half, false).unwrap_err().failure.cause, Cause::Reset);
    }

    #[test]
    fn only_what_the_api_says_of_a_request_is_no_fault_of_ours() {
        let error = |message: &str| {
            judge(
                200,
                format!(r#"{{"result":"error","message":"{message}"}}"#).as_bytes(),
                true,
            )
            .unwrap_err()
        };
        assert!(error("Product ID Not Found").of_the_request);
        assert!(!error("API Function Not Found").of_the_request);
        assert!(!error("Authentication Failed").of_the_request);
        assert!(!judge(200, b"null", true).unwrap_err().of_the_request);
    }

    proptest! {
        #[test]
        fn a_damaged_answer_is_judged_without_a_panic(
            hurts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            end in any::<prop::sample::Index>(),
            status in 100_u16..600,
            framed: bool
        ) {
            let mut body = SOUND.as_bytes().to_vec();
            for (at, byte) in hurts {
                let at = at.index(body.len());
                body[at] = byte;
            }
            body.truncate(end.index(body.len() * 2));
            let _ = judge(status, &body, framed);
        }

        #[test]
        fn whatever_comes_is_judged_without_a_panic(
            body in proptest::collection::vec(any::<u8>(), 0..200), status in 100_u16..600
        ) {
            prop_assert!(judge(status, &body, true).is_err());
        }
    }
}
