//! The mail server and the sender that mail channels share.

use std::time::Duration;

use secrecy::SecretString;

use crate::config::findings::Given;
use crate::config::findings::Wrong;
use crate::config::keys;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::smtp::Server;
use crate::config::urls;
use crate::config::values;
use crate::notify::email::EmailSettings;
use crate::notify::email::MailTls;

/// For the whole SMTP dialogue.
pub const EMAIL_TIMEOUT: Duration = Duration::from_secs(60);

/// What mail channels share: the environment's server and sender.
pub struct SharedMail {
    pub server: Given<Server>,
    pub from: Given<String>,
}

impl SharedMail {
    /// The settings of a channel to those recipients, where both are good.
    #[must_use]
    pub fn settings(&self, to: Vec<String>) -> Option<EmailSettings> {
        match (&self.server, &self.from) {
            (Given::Is(server), Given::Is(from)) => {
                Some(email(server.clone(), from.clone(), to, EMAIL_TIMEOUT))
            }
            (Given::Absent | Given::Broken | Given::Is(_), Given::Absent | Given::Broken | Given::Is(_)) => {
                None
            }
        }
    }
}

/// The settings of a channel.
#[must_use]
pub fn email(server: Server, from: String, to: Vec<String>, timeout: Duration) -> EmailSettings {
    EmailSettings {
        host: server.host,
        port: server.port,
        tls: server.tls,
        username: server.username,
        password: server.password,
        from,
        to,
        unsubscribe: None,
        timeout,
    }
}

/// What the environment says.
pub fn shared_mail(reader: &mut Reader) -> SharedMail {
    let server = reader.setting(&keys::SMTP_URL, Server::parse);
    let password = reader.setting(&keys::SMTP_PASSWORD, values::secret);
    let from = reader.setting(&keys::SMTP_FROM, values::mailbox);
    SharedMail {
        server: with_password(
            reader,
            keys::SMTP_URL.name,
            keys::SMTP_PASSWORD.name,
            server,
            password,
        ),
        from: from.map(|placed| placed.value),
    }
}

/// The server with a password that is given apart from its URL.
pub fn with_password(
    reader: &mut Reader,
    url_key: &str,
    password_key: &str,
    server: Given<Placed<Server>>,
    password: Given<Placed<SecretString>>,
) -> Given<Server> {
    let mut placed = match (server, &password) {
        (Given::Is(placed), Given::Absent | Given::Is(_)) => placed,
        (Given::Absent, Given::Is(password)) => {
            let wrong = Wrong::new(format!("is set without {url_key}"), format!("Set {url_key} too."));
            reader.findings.wrong(password_key, password.place.clone(), wrong);
            return Given::Broken;
        }
        (Given::Absent, Given::Absent) => return Given::Absent,
        (Given::Broken, Given::Absent | Given::Broken | Given::Is(_))
        | (Given::Absent | Given::Is(_), Given::Broken) => return Given::Broken,
    };
    if let Given::Is(password) = password {
        let problem = match (&placed.value.username, &placed.value.password) {
            (Some(_), None) => None,
            (Some(_), Some(_)) => Some((
                format!("is given twice: {url_key} holds one too"),
                "Keep one of them.",
            )),
            (None, None | Some(_)) => Some((
                format!("has no user: {url_key} names none"),
                "Write smtp://user@host.",
            )),
        };
        if let Some((problem, mend)) = problem {
            reader
                .findings
                .wrong(password_key, password.place, Wrong::new(problem, mend));
            return Given::Broken;
        }
        placed.value.password = Some(password.value);
    }
    warn_about_server(reader, url_key, &placed);
    if placed.value.username.is_some() && placed.value.password.is_none() {
        let mend = format!("Add it after the user's name, or set {password_key}.");
        reader.findings.wrong(
            url_key,
            placed.place,
            Wrong::new("names a user without a password", mend),
        );
        return Given::Broken;
    }
    Given::Is(placed.value)
}

fn warn_about_server(reader: &mut Reader, key: &str, server: &Placed<Server>) {
    if server.value.tls == MailTls::None && !urls::is_loopback_host(&server.value.host) {
        let wrong = Wrong::new(
            "sends mail unencrypted over the network (tls=none)",
            "Leave ?tls=none out.",
        );
        reader.findings.warn(key, server.place.clone(), wrong);
    }
}
