//! One request of the WHMCS API: sent, retried where that may help, and read as it comes in.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use reqwest::header::CONTENT_ENCODING;
use reqwest::header::CONTENT_LENGTH;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::LOCATION;
use reqwest::header::RETRY_AFTER;
use reqwest::header::TRANSFER_ENCODING;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::domain::source::Attempt;
use crate::domain::source::Cause;
use crate::domain::source::Failure;
use crate::whmcs::answer::Answer;
use crate::whmcs::answer::Page;
use crate::whmcs::fault;
use crate::whmcs::form::Credentials;
use crate::whmcs::intake::Format;
use crate::whmcs::intern::Interner;
use crate::whmcs::judge::Refusal;
use crate::whmcs::judge::Reply;
use crate::whmcs::recall::Recall;
use crate::whmcs::retry;
use crate::whmcs::retry::Delays;
use crate::whmcs::wire::Element;

/// A request that was made, for the metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestStat {
    pub action: &'static str,
    /// `None` where it succeeded.
    pub cause: Option<Cause>,
    pub duration: Duration,
}

/// What was tried within a look.
#[derive(Debug, Default)]
pub struct Journal {
    /// Every request.
    pub requests: Vec<RequestStat>,
    /// Those that failed, and those that succeeded after failures.
    pub attempts: Vec<Attempt>,
}

impl Journal {
    /// Appends another's entries.
    pub fn append(&mut self, mut other: Self) {
        self.requests.append(&mut other.requests);
        self.attempts.append(&mut other.attempts);
    }

    /// The last answer turned out not to be credible.
    pub fn reject(&mut self, cause: Cause) {
        let Some(request) = self.requests.last_mut() else {
            return;
        };
        request.cause = Some(cause);
        match self.attempts.last_mut() {
            Some(last) if last.cause.is_none() && last.action == request.action => last.cause = Some(cause),
            Some(_) | None => {
                self.attempts.push(Attempt {
                    action: request.action.to_owned(),
                    cause: Some(cause),
                });
            }
        }
    }

    fn enter(&mut self, action: &'static str, cause: Option<Cause>, duration: Duration, again: bool) {
        self.requests.push(RequestStat {
            action,
            cause,
            duration,
        });
        if again || cause.is_some() {
            self.attempts.push(Attempt {
                action: action.to_owned(),
                cause,
            });
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    Cancelled,
    Refused(Refusal),
}

/// What to ask.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub action: &'static str,
    pub params: &'a [(&'a str, &'a str)],
    /// How often, at most, where the cause is transient.
    pub tries: usize,
}

/// What all tries of a question have in common.
struct Inquiry<'a, T> {
    question: Question<'a>,
    known: &'a Arc<Vec<Arc<T>>>,
    now: Timestamp,
    cancel: &'a CancellationToken,
    journal: &'a mut Journal,
}

/// The way to one WHMCS.
#[derive(Debug)]
pub struct Api {
    pub http: reqwest::Client,
    pub url: reqwest::Url,
    pub credentials: Credentials,
    pub timeout: Duration,
    pub max_body: u64,
    pub retry_base: Duration,
    /// Whether answers are asked for in XML; once that helped where JSON failed, for good.
    pub in_xml: AtomicBool,
    /// What timed out is not tried again.
    pub hurried: AtomicBool,
    pub permits: Semaphore,
    /// Requests that ended, well or not.
    pub ended: AtomicU64,
    pub interner: Arc<Mutex<Interner>>,
}

impl Api {
    /// Asks until there is an answer, the cause is not transient, or it was tried often enough.
    pub async fn ask<T: Element>(
        &self,
        question: Question<'_>,
        known: &Arc<Vec<Arc<T>>>,
        now: Timestamp,
        cancel: &CancellationToken,
        journal: &mut Journal,
    ) -> Result<Page<T>, Stop> {
        let mut delays = Delays::new(self.retry_base);
        let mut tried = 1;
        loop {
            let format = self.response_type();
            let mut inquiry = Inquiry {
                question,
                known,
                now,
                cancel,
                journal: &mut *journal,
            };
            let refusal = match self.entered(&mut inquiry, format, tried > 1).await? {
                Ok(page) => return Ok(page),
                Err(refusal) if refusal.failure.cause == Cause::Encoding && format == Format::Json => {
                    return self.in_xml_instead(inquiry, refusal).await;
                }
                Err(refusal) => refusal,
            };
            let asked = refusal.failure.retry_after;
            let too_long = asked.is_some_and(|asked| asked > self.timeout / 2);
            let given_up = too_long || self.gives_up_after(&refusal);
            if !refusal.failure.cause.is_transient() || tried >= question.tries || given_up {
                return Err(Stop::Refused(refusal));
            }
            tried += 1;
            let delay = delays.delay().max(asked.unwrap_or_default());
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Stop::Cancelled),
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// Whether there is no time to wait for another timeout.
    #[must_use]
    pub fn gives_up_after(&self, refusal: &Refusal) -> bool {
        refusal.failure.cause == Cause::Timeout && self.hurried.load(Ordering::Relaxed)
    }

    /// One request, entered in the journal; `again` is whether there were others before it.
    async fn entered<T: Element>(
        &self,
        inquiry: &mut Inquiry<'_, T>,
        format: Format,
        again: bool,
    ) -> Result<Result<Page<T>, Refusal>, Stop> {
        let answer = Answer::new(Recall::new(Arc::clone(inquiry.known)), Arc::clone(&self.interner));
        let (result, duration) = tokio::select! {
            biased;
            () = inquiry.cancel.cancelled() => return Err(Stop::Cancelled),
            result = self.once(inquiry.question, answer, format, inquiry.now) => result,
        };
        let cause = result.as_ref().err().map(|refusal| refusal.failure.cause);
        inquiry
            .journal
            .enter(inquiry.question.action, cause, duration, again);
        Ok(result)
    }

    /// A second try in XML, where the shop's data cannot be written as JSON.
    async fn in_xml_instead<T: Element>(
        &self,
        mut inquiry: Inquiry<'_, T>,
        refusal: Refusal,
    ) -> Result<Page<T>, Stop> {
        match self.entered(&mut inquiry, Format::Xml, true).await? {
            Ok(page) => {
                if !self.in_xml.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        host = self.url.host_str().unwrap_or_default(),
                        "WHMCS could not write its answer as JSON (malformed characters in the shop's data), but did as XML: it is asked for XML from now on. WHMCS_RESPONSE_TYPE=xml spares the first try."
                    );
                }
                Ok(page)
            }
            // What it is about is still the text that JSON cannot hold.
            Err(_) => Err(Stop::Refused(refusal)),
        }
    }

    /// How answers are asked for.
    #[must_use]
    pub fn response_type(&self) -> Format {
        if self.in_xml.load(Ordering::Relaxed) {
            Format::Xml
        } else {
            Format::Json
        }
    }

    /// One request, with the time it took once its turn had come.
    async fn once<T: Element>(
        &self,
        question: Question<'_>,
        answer: Answer<T>,
        format: Format,
        now: Timestamp,
    ) -> (Result<Page<T>, Refusal>, Duration) {
        // The semaphore is never closed.
        let _turn = self.permits.acquire().await;
        let started = Instant::now();
        let result = match timeout(self.timeout, self.exchange(question, answer, format, now)).await {
            Ok(result) => result,
            Err(_) => Err(fault::overdue(self.timeout).into()),
        };
        self.ended.fetch_add(1, Ordering::Relaxed);
        (result, started.elapsed())
    }

    async fn exchange<T: Element>(
        &self,
        question: Question<'_>,
        mut answer: Answer<T>,
        format: Format,
        now: Timestamp,
    ) -> Result<Page<T>, Refusal> {
        let response = self.send(question.action, question.params, format).await?;
        let reply = reply(&response, now);
        self.receive(response, self.max_body, |chunk| answer.feed(chunk))
            .await?;
        answer.finish(&reply, &self.credentials)
    }

    /// Sends a request; the body of what comes is still to be read.
    pub async fn send(
        &self,
        action: &str,
        params: &[(&str, &str)],
        format: Format,
    ) -> Result<reqwest::Response, Failure> {
        self.http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.credentials.form(action, params, format))
            .send()
            .await
            .map_err(fault::of)
    }

    /// Reads a body of at most `limit` bytes, or until `take` wants no more of it.
    pub async fn receive(
        &self,
        mut response: reqwest::Response,
        limit: u64,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Failure> {
        let stall = (self.timeout / 3).min(Duration::from_secs(10));
        let mut received: u64 = 0;
        loop {
            let chunk = match timeout(stall, response.chunk()).await {
                Ok(chunk) => chunk.map_err(fault::of)?,
                Err(_) => return Err(fault::stalled(stall)),
            };
            let Some(chunk) = chunk else { return Ok(()) };
            received += chunk.len() as u64;
            if received > limit {
                return Err(too_large(limit));
            }
            if !take(&chunk) {
                return Ok(());
            }
        }
    }
}

fn too_large(limit: u64) -> Failure {
    Failure {
        cause: Cause::TooLarge,
        detail: format!("the answer is longer than {limit} bytes"),
        retry_after: None,
    }
}

/// The head of a response.
#[must_use]
pub fn reply(response: &reqwest::Response, now: Timestamp) -> Reply {
    let headers = response.headers();
    Reply {
        status: response.status().as_u16(),
        content_type: header(headers, &CONTENT_TYPE).unwrap_or_default().to_owned(),
        retry_after: header(headers, &RETRY_AFTER).and_then(|value| retry::retry_after(value, now)),
        location: header(headers, &LOCATION).map(str::to_owned),
        challenged: headers.contains_key("cf-mitigated"),
        framed: [CONTENT_LENGTH, TRANSFER_ENCODING, CONTENT_ENCODING]
            .iter()
            .any(|name| headers.contains_key(name)),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
