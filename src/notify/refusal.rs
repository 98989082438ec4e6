//! What it means when a mail server does not take a mail: worth another try, or final.

use std::error::Error as _;
use std::io;

use lettre::transport::smtp;

use crate::domain::delivery::SendError;
use crate::notify::clean;

/// How much of the server's words is shown, in characters.
pub(crate) const SHOWN_ANSWER: usize = 160;

/// Where in the dialogue something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Connect,
    StartTls,
    SignIn,
    Sender,
    /// The recipient or the mail itself: here a refusal is meant for good.
    Mail,
}

/// A failure, and whether the server still waits for a command.
pub(crate) struct Failure {
    pub(crate) error: SendError,
    pub(crate) waiting: bool,
    /// The server said so itself.
    pub(crate) answered: bool,
    /// What TLS itself said, where it was that.
    pub(crate) tls: Option<Box<rustls::Error>>,
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self {
            error,
            waiting: false,
            answered: false,
            tls: None,
        }
    }
}

/// A failure worth trying again.
pub(crate) fn transient(reason: &'static str, detail: &str) -> SendError {
    SendError::Transient {
        reason,
        detail: detail.to_owned(),
        retry_after: None,
    }
}

/// What a failure means. Credentials are never part of what is shown: of a refused sign-in only the code is; the words of
/// a server that could not try them are for the caller to look through.
pub(crate) fn judge(step: Step, error: &smtp::Error) -> Failure {
    Failure {
        error: meaning(step, error),
        // After a STARTTLS that failed there is no stream left to say anything on.
        waiting: step != Step::StartTls && error.status().is_some(),
        answered: error.status().is_some(),
        tls: tls_error(error).map(Box::new),
    }
}

/// What an I/O error wraps counts as its source.
fn tls_error(error: &smtp::Error) -> Option<rustls::Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found.clone());
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn meaning(step: Step, error: &smtp::Error) -> SendError {
    let code = error.status().map(u16::from);
    match (step, code) {
        // The credentials were not even looked at (RFC 4954, section 6).
        (Step::SignIn, Some(code)) if code < 500 => transient(reason(code), &said(code, error)),
        (Step::SignIn, Some(code)) => {
            transient("auth", &format!("the mail server refused the sign-in ({code})"))
        }
        (Step::SignIn, None) if error.is_client() => {
            transient("auth", "the mail server offers no way to sign in with a password")
        }
        (Step::StartTls, Some(code)) => transient(
            "tls",
            &format!("{} to STARTTLS; nothing was sent in the clear", said(code, error)),
        ),
        (Step::StartTls, None) => transient(
            "tls",
            "STARTTLS failed (is the certificate valid for this name?); nothing was sent in the clear",
        ),
        (_, Some(code @ (530 | 534 | 535 | 538))) => {
            transient("auth", &format!("the mail server wants a sign-in ({code})"))
        }
        (Step::Mail, Some(code)) if error.is_permanent() => SendError::Permanent {
            reason: reason(code),
            detail: said(code, error),
        },
        (_, Some(code)) => transient(reason(code), &said(code, error)),
        (_, None) => broken(error),
    }
}

/// The server's own words.
fn said(code: u16, error: &smtp::Error) -> String {
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    clean::line(&format!("the mail server answered {code} {words}"), SHOWN_ANSWER)
}

fn broken(error: &smtp::Error) -> SendError {
    let kind = std::iter::successors(error.source(), |&cause| cause.source())
        .find_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    let (reason, detail) = match kind {
        _ if error.is_tls() => (
            "tls",
            "the secure connection to the mail server failed (is the certificate valid for this name?)",
        ),
        _ if error.is_timeout() => ("timeout", "the mail server did not answer in time"),
        _ if error.is_response() => (
            "bad_answer",
            "the mail server broke off, or its answer is not SMTP",
        ),
        Some(io::ErrorKind::FileTooLarge) => ("bad_answer", "the mail server's answers have no end"),
        Some(io::ErrorKind::InvalidData) => (
            "tls",
            "the secure connection to the mail server failed (is the certificate valid, does the port speak TLS?)",
        ),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) => {
            ("reset", "the connection to the mail server broke")
        }
        Some(_) | None => ("connect", "no connection to the mail server could be made"),
    };
    transient(reason, detail)
}

/// The answers with a word of their own in metrics.
const REASONS: [(u16, &str); 19] = [
    (421, "smtp_421"),
    (450, "smtp_450"),
    (451, "smtp_451"),
    (452, "smtp_452"),
    (454, "smtp_454"),
    (500, "smtp_500"),
    (501, "smtp_501"),
    (502, "smtp_502"),
    (503, "smtp_503"),
    (504, "smtp_504"),
    (521, "smtp_521"),
    (541, "smtp_541"),
    (550, "smtp_550"),
    (551, "smtp_551"),
    (552, "smtp_552"),
    (553, "smtp_553"),
    (554, "smtp_554"),
    (555, "smtp_555"),
    (556, "smtp_556"),
];

fn reason(code: u16) -> &'static str {
    let known = REASONS.iter().find(|(known, _)| *known == code);
    match (known, code / 100) {
        (Some((_, reason)), _) => reason,
        (None, 4) => "smtp_4xx",
        (None, 5) => "smtp_5xx",
        (None, _) => "smtp_other",
    }
}
