//! Mail servers: how far a mail gets, and the mend of what stops it.

use crate::doctor::finding::Id;
use crate::doctor::finding::Wrong;
use crate::doctor::way;
use crate::notify::email::EmailSettings;
use crate::notify::smtp::Hurdle;
use crate::notify::smtp::Stuck;

/// What a channel's settings are called.
#[derive(Debug, Clone)]
pub struct Called {
    /// The server or the address.
    pub url: String,
    /// The password, or the secret.
    pub proof: String,
    /// The sender of mails.
    pub from: String,
    /// Their recipients.
    pub to: String,
}

/// What it means that a mail gets no further.
#[must_use]
pub fn stuck(email: &EmailSettings, called: &Called, stuck: &Stuck) -> Wrong {
    let (host, port) = (email.host.as_str(), email.port);
    let detail = &stuck.detail;
    let Called { url, proof, .. } = called;
    match &stuck.at {
        Hurdle::Connect => Wrong::failure(
            Id::SmtpConnect,
            format!("The mail server {host}, port {port}, is not reached: {detail}."),
            format!(
                "Check host and port in {url} (smtp:// is port 587, smtps:// port 465), and that no firewall or provider \
                 blocks the port."
            ),
        )
        .about(url.clone()),
        Hurdle::NoStartTls => Wrong::failure(
            Id::SmtpStarttlsMissing,
            format!(
                "The mail server {host}, port {port}, does not offer STARTTLS; mail and password are never sent in the \
                 clear."
            ),
            format!(
                "Use the port for submission (587), or smtps:// with port 465, in {url}; or switch STARTTLS on at the \
                 server. Only for a server on this very host, append ?tls=none."
            ),
        )
        .about(url.clone()),
        Hurdle::Tls => {
            let what = match &stuck.tls {
                Some(error) => format!("It {}", way::trouble(error).words()),
                None => format!("In detail: {detail}"),
            };
            Wrong::failure(
                Id::SmtpTls,
                format!("No secure connection to the mail server {host}, port {port}, can be made. {what}."),
                format!(
                    "Check that the host in {url} is the name in the server's certificate and that the certificate is \
                     valid; a private CA must be trusted by this host (or name its file in SSL_CERT_FILE). Port 465 is \
                     smtps://, port 587 smtp://."
                ),
            )
            .about(url.clone())
        }
        Hurdle::ItsTrouble { with_sign_in } => {
            let (id, what) = match with_sign_in {
                true => (Id::SmtpSignIn, "cannot try our sign-in now"),
                false => (Id::SmtpTls, "does not begin a secure connection now"),
            };
            Wrong::failure(
                id,
                format!("The mail server {host}, port {port}, {what}: {detail}."),
                "This is trouble of the server's own, not of your settings. Run it again in some minutes; if it stays so, \
                 ask the server's operator.",
            )
            .about(url.clone())
        }
        Hurdle::SignIn => Wrong::failure(
            Id::SmtpSignIn,
            format!("The mail server {host} does not let us sign in: {detail}."),
            format!(
                "Check the user in {url} and the password in {}. Many providers want a password made for one \
                 application, or have SMTP sign-in switched off.",
                proof
            ),
        )
        .about(proof.clone()),
        Hurdle::Sender => sender(email, called, detail),
        Hurdle::Recipient { address, for_good } => recipient(host, address, *for_good, called, detail),
    }
}

fn sender(email: &EmailSettings, called: &Called, detail: &str) -> Wrong {
    Wrong::failure(
        Id::SmtpSender,
        format!("The mail server {} takes no mail from {}: {detail}.", email.host, email.from),
        format!(
            "Write an address into {} that this account may send from. If the server wants a sign-in, give user and \
             password in {}.",
            called.from, called.url
        ),
    )
    .about(called.from.clone())
}

fn recipient(host: &str, address: &str, for_good: bool, called: &Called, detail: &str) -> Wrong {
    let to = &called.to;
    let (wrong, mend): (fn(Id, String, String) -> Wrong, String) = if for_good {
        (
            Wrong::failure,
            format!(
                "Check the address in {to}. If it is right, the server may relay only for those who sign in: give user and \
                 password in {}.",
                called.url
            ),
        )
    } else {
        (
            Wrong::warning,
            format!(
                "Wait some minutes and run it again: it may be greylisting, which a mail that is tried again gets past. Else \
                 ask the server's operator, or check the address in {to}."
            ),
        )
    };
    let problem = format!("The mail server {host} takes no mail for {address}: {detail}.");
    wrong(Id::SmtpRecipient, problem, mend).about(to.clone())
}
