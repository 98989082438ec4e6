//! Why a request got no answer: the errors of the network, told apart without ever showing an address.

use std::error::Error;
use std::io;
use std::time::Duration;

use crate::domain::source::Cause;
use crate::domain::source::Failure;

/// The cause of a failed exchange.
#[must_use]
pub fn of(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if error.is_dns() {
        return failure(Cause::Dns, "");
    }
    if let Some(tls) = find::<rustls::Error>(&error) {
        return failure(Cause::Tls, &tls.to_string());
    }
    let kind = find::<io::Error>(&error).map(io::Error::kind);
    if error.is_connect() {
        return match kind {
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => failure(Cause::Reset, ""),
            Some(kind) => failure(Cause::Connect, &kind.to_string()),
            None if error.is_timeout() => failure(Cause::Connect, "no connection in time"),
            None => failure(Cause::Connect, ""),
        };
    }
    if error.is_timeout() {
        return failure(Cause::Timeout, "");
    }
    if matches!(
        kind,
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
    ) {
        return failure(Cause::BadAnswer, "the body is not encoded as its headers say");
    }
    failure(Cause::Reset, "")
}

/// Why no answer came, as the doctor tells it apart.
#[derive(Debug, Clone, PartialEq)]
pub enum Broken {
    Dns,
    /// What the system said: "connection refused".
    Connect(String),
    Timeout,
    Tls(rustls::Error),
    Reset,
}

/// The same as [`of`], with the error of TLS as it is.
#[must_use]
pub fn broken(error: reqwest::Error) -> Broken {
    let timed_out = error.is_timeout();
    if let Some(tls) = find::<rustls::Error>(&error) {
        return Broken::Tls(tls.clone());
    }
    let failure = of(error);
    let slow = timed_out || failure.detail.contains("timed out") || failure.cause == Cause::Timeout;
    if failure.cause == Cause::Dns {
        Broken::Dns
    } else if slow {
        Broken::Timeout
    } else if failure.cause == Cause::Connect {
        Broken::Connect(failure.detail)
    } else {
        Broken::Reset
    }
}

/// The first error of a kind among an error and its sources; what an I/O error wraps counts as its source.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// No whole answer within the time for a request.
#[must_use]
pub fn overdue(timeout: Duration) -> Failure {
    failure(
        Cause::Timeout,
        &format!("no whole answer within {}", in_words(timeout)),
    )
}

/// The body stopped coming.
#[must_use]
pub fn stalled(stall: Duration) -> Failure {
    failure(
        Cause::Timeout,
        &format!("the answer stopped: not a byte for {}", in_words(stall)),
    )
}

fn in_words(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

fn failure(cause: Cause, detail: &str) -> Failure {
    Failure {
        cause,
        detail: detail.to_owned(),
        retry_after: None,
    }
}
