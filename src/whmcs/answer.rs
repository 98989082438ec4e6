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
