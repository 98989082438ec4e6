//! Any action of the API, asked once: its answer as it came, or why it is none.

use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use reqwest::header::DATE;
use reqwest::tls::TlsInfo;
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::domain::source::Cause;
use crate::domain::source::Failure;
use crate::whmcs::api;
use crate::whmcs::api::Api;
use crate::whmcs::certificate;
use crate::whmcs::fault;
use crate::whmcs::intake::Intake;
use crate::whmcs::judge::Judge;
use crate::whmcs::judge::Refusal;
use crate::whmcs::retry;
use crate::whmcs::scan::Halt;
use crate::whmcs::xml;

/// Such an answer is held whole, so it may be no longer than this many bytes, whatever `max_body` says.
pub const MAX_HELD: u64 = 16 * 1024 * 1024;

/// How an exchange went, beside its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// From the request to the last byte.
    pub duration: Duration,
    /// `None` where no answer came.
    pub status: Option<u16>,
    /// Who answered: WHMCS's host, or a proxy of ours.
    pub address: Option<SocketAddr>,
    /// The server's clock when it answered, to the second, as its `Date` header says.
    pub date: Option<Timestamp>,
    /// Until when the server's certificate is valid, where it showed one.
    pub certificate_ends: Option<Timestamp>,
}

/// An answer that says success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// As it came, without any credential of ours.
    pub body: String,
    pub exchange: Exchange,
}

/// Why there is no such answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncalled {
    pub failure: Failure,
    /// The API itself said no, to what was asked for rather than to us: "Product ID Not Found".
    pub of_the_request: bool,
    /// What came nevertheless, without any credential of ours.
    pub body: String,
    pub exchange: Exchange,
}

impl Api {
    /// Asks once. `None` if it was cancelled first.
    pub async fn call(
        &self,
        action: &str,
        params: &[(&str, &str)],
        now: Timestamp,
        cancel: &CancellationToken,
    ) -> Option<Result<Called, Box<Uncalled>>> {
        let mut heard = Heard::default();
        let result = tokio::select! {
            biased;
            () = cancel.cancelled() => return None,
            result = self.hear(action, params, now, &mut heard) => result,
        };
        let body = self
            .credentials
            .redacted(String::from_utf8_lossy(&heard.body).into_owned());
        let exchange = heard.exchange;
        Some(match result {
            Ok(()) => Ok(Called { body, exchange }),
            Err(refusal) => Err(Box::new(Uncalled {
                failure: refusal.failure,
                of_the_request: refusal.of_the_request,
                body,
                exchange,
            })),
        })
    }

    async fn hear(
        &self,
        action: &str,
        params: &[(&str, &str)],
        now: Timestamp,
        heard: &mut Heard,
    ) -> Result<(), Refusal> {
        // The semaphore is never closed.
        let _turn = self.permits.acquire().await;
        let started = Instant::now();
        let result = match timeout(self.timeout, self.exchanged(action, params, now, heard)).await {
            Ok(result) => result,
            Err(_) => Err(fault::overdue(self.timeout).into()),
        };
        heard.exchange.duration = started.elapsed();
        result
    }

    async fn exchanged(
        &self,
        action: &str,
        params: &[(&str, &str)],
        now: Timestamp,
        heard: &mut Heard,
    ) -> Result<(), Refusal> {
        let response = self.send(action, params, self.response_type()).await?;
        let reply = api::reply(&response, now);
        heard.exchange.status = Some(reply.status);
        heard.exchange.address = response.remote_addr();
        heard.exchange.date = response
            .headers()
            .get(DATE)
            .and_then(|date| retry::http_date(date.to_str().ok()?));
        heard.exchange.certificate_ends = response
            .extensions()
            .get::<TlsInfo>()
            .and_then(|tls| certificate::valid_until(tls.peer_certificate()?));
        let limit = self.max_body.min(MAX_HELD);
        self.receive(response, limit, |chunk| {
            heard.body.extend_from_slice(chunk);
            true
        })
        .await?;
        let mut intake = Intake::new(false);
        let fed = intake.feed(&heard.body, |_, _| Ok::<(), ()>(()));
        let judge = Judge {
            reply: &reply,
            credentials: &self.credentials,
            head: &String::from_utf8_lossy(&heard.body[..heard.body.len().min(HEAD)]),
            length: heard.body.len() as u64,
        };
        judge.refused(intake.seen())?;
        judge.accepted(match fed {
            Err(Halt::Scan(error)) => Err(error),
            Ok(()) | Err(Halt::Element(())) => intake.finish(),
        })?;
        Ok(())
    }
}

/// How much of a body tells what it is if it is no answer, in bytes.
const HEAD: usize = 16 * 1024;

/// What came so far.
#[derive(Debug, Default)]
struct Heard {
    body: Vec<u8>,
    exchange: Exchange,
}

/// The contract that an answer of GetProductDetails says it keeps.
#[must_use]
pub fn contract(body: &str) -> Option<i64> {
    let contract = answer(body)?.get("contract")?.clone();
    match contract {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    }
}

/// An answer in JSON or XML.
fn answer(body: &str) -> Option<Value> {
    let body = body.trim_start_matches('\u{feff}').trim_start();
    let json = match body.starts_with('<') {
        true => xml::to_json(body.as_bytes()).ok()?,
        false => body.as_bytes().to_vec(),
    };
    serde_json::from_slice(&json).ok()
}

/// WHMCS's version, such as "8.12.0", from an answer of WhmcsDetails.
pub fn version(details: Called) -> Result<String, Box<Uncalled>> {
    let version = answer(&details.body)
        .and_then(|answer| Some(answer.get("whmcs")?.get("version")?.as_str()?.to_owned()));
    version.ok_or_else(|| {
        Box::new(Uncalled {
            failure: Failure {
                cause: Cause::BadAnswer,
                detail: "WhmcsDetails tells no version".to_owned(),
                retry_after: None,
            },
            of_the_request: false,
            body: details.body,
            exchange: details.exchange,
        })
    })
}
