//! One answer of the API as it comes in: its elements, or why it cannot be believed.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::domain::catalogue::Figure;
use crate::domain::source::Cause;
use crate::whmcs::envelope::Field;
use crate::whmcs::envelope::ScanError;
use crate::whmcs::form::Credentials;
use crate::whmcs::intake::Format;
use crate::whmcs::intake::Intake;
use crate::whmcs::intern::Interner;
use crate::whmcs::judge::Judge;
use crate::whmcs::judge::Refusal;
use crate::whmcs::judge::Reply;
use crate::whmcs::judge::number;
use crate::whmcs::recall::Recall;
use crate::whmcs::scan::Halt;
use crate::whmcs::wire::Element;
use crate::whmcs::wire::WireError;
use crate::whmcs::wire::source_hash;
use crate::whmcs::xml;

/// How much of a body is kept to tell what it is if it is no answer, in bytes.
const HEAD: usize = 16 * 1024;

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

/// An answer under way.
#[derive(Debug)]
pub struct Answer<T> {
    intake: Intake,
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
            intake: Intake::new(true),
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
        if self.broken.is_none() && self.unread.is_none() {
            let Self {
                intake,
                recall,
                interner,
                items,
                ..
            } = self;
            let fed = intake.feed(chunk, |element, format| {
                let known = recall.due(source_hash(element));
                let item = match known {
                    Some(item) => item,
                    None => recall.unchanged(read(element, format, interner)?),
                };
                items.push(item);
                Ok(())
            });
            match fed {
                Ok(()) => {}
                Err(Halt::Scan(error)) => self.broken = Some(error),
                Err(Halt::Element(error)) => self.unread = Some((self.items.len() + 1, error)),
            }
        }
        match self.broken {
            // The beginning may still tell what this is instead of an answer.
            None => self.unread.is_none() || self.head.len() < HEAD,
            Some(ScanError::ElementTooLarge | ScanError::TooMany) => false,
            Some(_) => self.head.len() < HEAD,
        }
    }

    /// Judges the whole.
    pub fn finish(self, reply: &Reply, credentials: &Credentials) -> Result<Page<T>, Refusal> {
        let Self {
            intake,
            broken,
            unread,
            head,
            length,
            interner,
            items,
            ..
        } = self;
        let head_text = String::from_utf8_lossy(&head);
        let judge = Judge {
            reply,
            credentials,
            head: &head_text,
            length,
        };
        let format = intake.format();
        judge.refused(intake.seen())?;
        if let Some((place, error)) = unread {
            return Err(unreadable(place, &error));
        }
        let envelope = judge.accepted(broken.map_or_else(|| intake.finish(), Err))?;
        let small = envelope.elements == 0 && length <= head.len() as u64;
        let lone = if small {
            read::<T>(&head, format, &interner).ok().map(Arc::new)
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

fn read<T: Element>(element: &[u8], format: Format, interner: &Mutex<Interner>) -> Result<T, WireError> {
    let read = |json: &[u8]| T::read(json, &mut interner.lock().unwrap_or_else(PoisonError::into_inner));
    match format {
        Format::Json => read(element),
        Format::Xml => Ok(read(&xml::to_json(element)?)?.with_source(source_hash(element))),
    }
}

fn unreadable(place: usize, error: &WireError) -> Refusal {
    let cause = match error {
        WireError::Encoding => Cause::Encoding,
        WireError::TooLong(_) => Cause::TooLarge,
        WireError::Missing(_) | WireError::Unreadable(_) | WireError::Json(_) | WireError::Xml(_) => {
            Cause::BadAnswer
        }
    };
    Refusal::new(cause, format!("product {place} of the answer: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::catalogue::Listing;
    use crate::whmcs::form::SignIn;

    fn credentials() -> Credentials {
        Credentials {
            sign_in: SignIn::Credentials {
                identifier: "i".into(),
                secret: "s".into(),
            },
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
