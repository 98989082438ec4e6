//! The SMTP dialogue that hands a mail over, step by step, so that each refusal is judged by where it came.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::client::TlsParameters;
use lettre::transport::smtp::commands::Data;
use lettre::transport::smtp::commands::Mail;
use lettre::transport::smtp::commands::Rcpt;
use lettre::transport::smtp::commands::Rset;
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::extension::Extension;
use lettre::transport::smtp::extension::MailBodyParameter;
use lettre::transport::smtp::extension::MailParameter;
use secrecy::ExposeSecret;
use tokio::net::TcpStream;

use crate::domain::delivery::SendError;
use crate::notify::clean;
use crate::notify::email::Draft;
use crate::notify::email::EmailSettings;
use crate::notify::email::MailTls;
use crate::notify::limited::Limited;
use crate::notify::refusal::Failure;
use crate::notify::refusal::SHOWN_ANSWER;
use crate::notify::refusal::Step;
use crate::notify::refusal::judge;
use crate::notify::refusal::transient;

/// What is wrong with a mail channel's settings; never quotes a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    #[error("the sender is not a mail address: {0}")]
    From(String),
    #[error("not a mail address: {0}")]
    To(String),
    #[error("no recipient is given")]
    Nobody,
    #[error("TLS cannot be set up; are CA certificates installed on this host?")]
    Tls,
}

/// What stands between us and a mail server that takes a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hurdle {
    /// Its name, the connection, or its greeting.
    Connect,
    NoStartTls,
    Tls,
    /// It answered a command with trouble of its own.
    ItsTrouble {
        with_sign_in: bool,
    },
    SignIn,
    /// It takes no mail from the sender.
    Sender,
    /// It takes no mail for this recipient, for now or for good.
    Recipient {
        address: String,
        for_good: bool,
    },
}

/// Where a probe got no further. Holds no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Stuck {
    pub at: Hurdle,
    /// In words, without an end.
    pub detail: String,
    /// What TLS itself said, where it was that.
    pub tls: Option<Box<rustls::Error>>,
}

fn stuck(at: Hurdle, failure: Failure) -> (Stuck, bool) {
    let for_good = matches!(failure.error, SendError::Permanent { .. });
    let (SendError::Transient { reason, detail, .. }
    | SendError::Permanent { reason, detail }
    | SendError::Gone { reason, detail }) = failure.error;
    let at = match (reason, at) {
        ("tls", _) if failure.answered => Hurdle::ItsTrouble { with_sign_in: false },
        ("tls", _) => Hurdle::Tls,
        ("auth", _) => Hurdle::SignIn,
        (_, Hurdle::SignIn) => Hurdle::ItsTrouble { with_sign_in: true },
        (_, Hurdle::Recipient { address, .. }) => Hurdle::Recipient { address, for_good },
        (_, at) => at,
    };
    let stuck = Stuck {
        at,
        detail,
        tls: failure.tls,
    };
    (stuck, failure.waiting)
}

/// The most that is read from a server, in bytes.
const MAX_ANSWERS: usize = 256 * 1024;
/// How long the server is given to say goodbye once all is said.
const GOODBYE: Duration = Duration::from_secs(1);

/// One mail server, ready to be talked to.
pub struct Mailer {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    /// What no answer to a sign-in may repeat, in lower case.
    telltales: Vec<String>,
    from: Mailbox,
    to: Vec<Address>,
    unsubscribe: Option<String>,
    hello: ClientId,
    timeout: Duration,
}

enum Security {
    Implicit(TlsParameters),
    StartTls(TlsParameters),
    None,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

impl Mailer {
    /// Checks the settings and prepares TLS.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(settings: &EmailSettings) -> Result<Self, EmailError> {
        let from: Mailbox = settings
            .from
            .parse()
            .map_err(|_| EmailError::From(clean::line(&settings.from, 80)))?;
        let mut to = Vec::new();
        for recipient in &settings.to {
            let mailbox: Mailbox = recipient
                .parse()
                .map_err(|_| EmailError::To(clean::line(recipient, 80)))?;
            to.push(mailbox.email);
        }
        if to.is_empty() {
            return Err(EmailError::Nobody);
        }
        let host = settings
            .host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let tls = || TlsParameters::new(host.clone()).map_err(|_| EmailError::Tls);
        let security = match settings.tls {
            MailTls::Implicit => Security::Implicit(tls()?),
            MailTls::StartTls => Security::StartTls(tls()?),
            MailTls::None => Security::None,
        };
        let credentials = settings.username.as_ref().map(|username| {
            let password = settings.password.as_ref().map(ExposeSecret::expose_secret);
            Credentials::new(username.clone(), password.unwrap_or_default().to_owned())
        });
        Ok(Self {
            port: settings.port,
            telltales: telltales(settings),
            security,
            credentials,
            unsubscribe: settings.unsubscribe.clone(),
            hello: hello(&from),
            from,
            to,
            timeout: settings.timeout,
            host,
        })
    }

    /// The addresses that mails go to.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        self.to.iter().map(ToString::to_string).collect()
    }

    /// Hands the mail over for one recipient; returns the server's answer to it.
    ///
    /// # Errors
    /// The server did not take it, or not in time.
    pub async fn send(&self, recipient: &str, draft: &Draft<'_>) -> Result<String, SendError> {
        let permanent = |detail: &str| SendError::Permanent {
            reason: "address",
            detail: detail.to_owned(),
        };
        let to: Address = recipient
            .parse()
            .map_err(|_| permanent("the recipient is not a mail address"))?;
        let mail = draft
            .written(&self.from, &to, self.unsubscribe.as_deref())
            .ok_or_else(|| permanent("the mail could not be written for this recipient"))?;
        let mut connection = None;
        let talk = self.hand_over(&mut connection, &to, &mail);
        let outcome = tokio::time::timeout(self.timeout, talk).await;
        let outcome = outcome
            .unwrap_or_else(|_| Err(transient("timeout", "the mail server did not answer in time").into()));
        let waiting = outcome.as_ref().map_or_else(|failure| failure.waiting, |_| true);
        if let Some(mut connection) = connection.filter(|_| waiting) {
            // The mail's fate is known: how the server takes leave changes nothing.
            let _ = tokio::time::timeout(GOODBYE, connection.abort()).await;
        }
        outcome.map_err(|failure| failure.error)
    }
}

/// User and password, plain and as they are sent, in lower case.
fn telltales(settings: &EmailSettings) -> Vec<String> {
    let user = settings.username.as_deref().unwrap_or_default();
    let password = settings.password.as_ref().map_or("", ExposeSecret::expose_secret);
    let sent = [user, password, &format!("\0{user}\0{password}")].map(|text| STANDARD.encode(text));
    let plain = [user, password].into_iter().map(str::to_owned);
    plain
        .chain(sent)
        .filter(|part| part.len() > 2)
        .map(|part| part.to_lowercase())
        .collect()
}

/// The host's full name, else the sender's domain: servers distrust a bare name.
fn hello(from: &Mailbox) -> ClientId {
    match ClientId::default() {
        ClientId::Domain(name) if !name.contains('.') || !name.is_ascii() => {
            ClientId::Domain(from.email.domain().to_owned())
        }
        good => good,
    }
}

impl Mailer {
    async fn hand_over(
        &self,
        slot: &mut Option<AsyncSmtpConnection>,
        to: &Address,
        mail: &[u8],
    ) -> Result<String, Failure> {
        let connection = slot.insert(self.connect().await?);
        self.secure(connection).await?;
        self.sign_in(connection).await?;
        self.name_sender(connection, to, mail).await?;
        name_recipient(connection, to).await?;
        let refused = |error| judge(Step::Mail, &error);
        connection.command(Data).await.map_err(refused)?;
        let answer = connection.message(mail).await.map_err(refused)?;
        let said: Vec<&str> = answer.message().collect();
        let said = format!("{} {}", answer.code(), said.join(" "));
        Ok(clean::line(&said, SHOWN_ANSWER))
    }

    async fn name_sender(
        &self,
        connection: &mut AsyncSmtpConnection,
        to: &Address,
        mail: &[u8],
    ) -> Result<(), Failure> {
        let parameters = parameters(connection, &self.from.email, to, mail)?;
        connection
            .command(Mail::new(Some(self.from.email.clone()), parameters))
            .await
            .map(drop)
            .map_err(|error| judge(Step::Sender, &error))
    }

    async fn secure(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Failure> {
        let Security::StartTls(tls) = &self.security else {
            return Ok(());
        };
        if !connection.can_starttls() {
            let detail = "the mail server does not offer STARTTLS; nothing was sent in the clear";
            return Err(Failure {
                error: transient("tls", detail),
                waiting: true,
                answered: false,
                tls: None,
            });
        }
        connection
            .starttls(tls.clone(), &self.hello)
            .await
            .map_err(|error| judge(Step::StartTls, &error))
    }

    async fn sign_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Failure> {
        let Some(credentials) = &self.credentials else {
            return Ok(());
        };
        connection
            .auth(DEFAULT_MECHANISMS, credentials)
            .await
            .map(drop)
            .map_err(|error| self.without_telltales(judge(Step::SignIn, &error)))
    }

    /// The failure without the server's words where they repeat what we signed in with.
    fn without_telltales(&self, failure: Failure) -> Failure {
        let said = failure.error.to_string().to_lowercase();
        match failure.error {
            SendError::Transient { reason, .. } if self.telltales.iter().any(|part| said.contains(part)) => {
                Failure {
                    error: transient(reason, "the mail server could not try the sign-in"),
                    ..failure
                }
            }
            SendError::Transient { .. } | SendError::Permanent { .. } | SendError::Gone { .. } => failure,
        }
    }

    /// Goes as far as a mail would, up to where its text would begin, for each recipient; hands none over.
    ///
    /// # Errors
    /// Where it got no further, within the given time.
    pub async fn probe(&self, timeout: Duration) -> Result<(), Stuck> {
        let mut connection = None;
        let walk = self.walk(&mut connection);
        let outcome = tokio::time::timeout(timeout.min(self.timeout), walk).await;
        let waiting = matches!(&outcome, Ok(Ok(()) | Err((_, true))));
        if let Some(mut connection) = connection.filter(|_| waiting) {
            // Whatever came of it, the server need not be told more.
            let _ = tokio::time::timeout(GOODBYE, connection.abort()).await;
        }
        match outcome {
            Ok(walked) => walked.map_err(|(stuck, _)| stuck),
            Err(_) => Err(Stuck {
                at: Hurdle::Connect,
                detail: "the mail server did not answer in time".to_owned(),
                tls: None,
            }),
        }
    }

    /// Where it gets no further, with whether the server still waits for a command.
    async fn walk(&self, slot: &mut Option<AsyncSmtpConnection>) -> Result<(), (Stuck, bool)> {
        let connection = self
            .connect()
            .await
            .map_err(|failure| stuck(Hurdle::Connect, failure))?;
        let connection = slot.insert(connection);
        if matches!(self.security, Security::StartTls(_)) && !connection.can_starttls() {
            let stuck = Stuck {
                at: Hurdle::NoStartTls,
                detail: "the mail server does not offer STARTTLS".to_owned(),
                tls: None,
            };
            return Err((stuck, true));
        }
        self.secure(connection)
            .await
            .map_err(|failure| stuck(Hurdle::Tls, failure))?;
        self.sign_in(connection)
            .await
            .map_err(|failure| stuck(Hurdle::SignIn, failure))?;
        for to in &self.to {
            self.name_sender(connection, to, b"")
                .await
                .map_err(|failure| stuck(Hurdle::Sender, failure))?;
            let (address, for_good) = (to.to_string(), false);
            name_recipient(connection, to)
                .await
                .map_err(|failure| stuck(Hurdle::Recipient { address, for_good }, failure))?;
            connection
                .command(Rset)
                .await
                .map_err(|error| stuck(Hurdle::Sender, judge(Step::Sender, &error)))?;
        }
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
        if addresses.is_empty() {
            return Err(transient("dns", "the mail server's name could not be resolved").into());
        }
        // Leaves time for the next address where one is a black hole.
        let patience = self.timeout / 3;
        let connection = match &self.security {
            Security::Implicit(tls) => {
                let tls = Some(tls.clone());
                AsyncSmtpConnection::connect_tokio1(&addresses[..], Some(patience), &self.hello, tls, None)
                    .await
            }
            Security::StartTls(_) | Security::None => {
                let stream = connect_to_any(&addresses, patience).await?;
                let stream = Limited::new(stream, MAX_ANSWERS);
                AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello).await
            }
        };
        connection.map_err(|error| judge(Step::Connect, &error))
    }
}

async fn name_recipient(connection: &mut AsyncSmtpConnection, to: &Address) -> Result<(), Failure> {
    connection
        .command(Rcpt::new(to.clone(), Vec::new()))
        .await
        .map(drop)
        .map_err(|error| judge(Step::Mail, &error))
}

async fn connect_to_any(addresses: &[SocketAddr], patience: Duration) -> Result<TcpStream, SendError> {
    let mut slow = false;
    for address in addresses {
        match tokio::time::timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(_)) => {}
            Err(_) => slow = true,
        }
    }
    Err(if slow {
        transient("timeout", "the mail server did not answer in time")
    } else {
        transient("connect", "no connection to the mail server could be made")
    })
}

/// What MAIL must announce about addresses and content that are not ASCII.
fn parameters(
    connection: &AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    mail: &[u8],
) -> Result<Vec<MailParameter>, SendError> {
    let server = connection.server_info();
    let mut parameters = Vec::new();
    if [from, to]
        .into_iter()
        .any(|address| !AsRef::<str>::as_ref(address).is_ascii())
    {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(SendError::Permanent {
                reason: "address",
                detail: "the mail server does not take addresses beyond ASCII (SMTPUTF8)".to_owned(),
            });
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !mail.is_ascii() && server.supports_feature(Extension::EightBitMime) {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}
