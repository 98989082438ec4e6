//! `smtp[s]://user:pass@host:port?tls=none`: how to reach a mail server.

use reqwest::Url;
use secrecy::SecretString;

use crate::config::findings::Wrong;
use crate::config::urls;
use crate::config::values;
use crate::notify::email::MailTls;

/// A mail server and how to sign in.
#[derive(Debug, Clone)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    pub username: Option<String>,
    pub password: Option<SecretString>,
}

const FORM: &str = "Write smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465, \
                    with %40 for an @ in the password.";

impl Server {
    /// Reads the URL.
    ///
    /// # Errors
    /// Says what is wrong, quoting nothing.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let url = Url::parse(values::text(text)?.as_str()).map_err(|_| Wrong::new("is not a URL", FORM))?;
        let implicit = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(Wrong::new("is not an smtp or smtps URL", FORM)),
        };
        let host = match url.host_str() {
            Some(host) if !host.is_empty() => urls::bare_host(host).to_owned(),
            Some(_) | None => return Err(Wrong::new("is a URL without a host", FORM)),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            let mend = "In a password write / as %2F, # as %23 and ? as %3F.";
            return Err(Wrong::new("holds something after the host", mend));
        }
        let username = urls::percent_decoded(url.username())?;
        let password = url.password().map(urls::percent_decoded).transpose()?;
        if username.is_empty() && password.is_some() {
            return Err(Wrong::new("holds a password without a user name", FORM));
        }
        Ok(Self {
            host,
            port: url.port().unwrap_or(if implicit { 465 } else { 587 }),
            tls: tls(&url, implicit)?,
            username: (!username.is_empty()).then_some(username),
            password: password.map(SecretString::from),
        })
    }
}

fn tls(url: &Url, implicit: bool) -> Result<MailTls, Wrong> {
    let usual = if implicit {
        MailTls::Implicit
    } else {
        MailTls::StartTls
    };
    let Some(query) = url.query() else {
        return Ok(usual);
    };
    match (query, implicit) {
        ("tls=none", false) => Ok(MailTls::None),
        ("tls=none", true) => Err(Wrong::new(
            "asks for TLS (smtps) and for none",
            "Write smtp://…?tls=none.",
        )),
        (_, true | false) => Err(Wrong::new(
            "holds something after the ? that is not tls=none",
            "In a password write ? as %3F.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_mail_server_is_read_from_its_url() {
        for (url, host, port, tls, user, password) in [
            (
                "smtp://mx.example",
                "mx.example",
                587,
                MailTls::StartTls,
                None,
                None,
            ),
            (
                "smtps://mx.example",
                "mx.example",
                465,
                MailTls::Implicit,
                None,
                None,
            ),
            (
                "smtp://mx.example:2525/?tls=none",
                "mx.example",
                2525,
                MailTls::None,
                None,
                None,
            ),
            (
                "smtp://u:p@mx.example:25",
                "mx.example",
                25,
                MailTls::StartTls,
                Some("u"),
                Some("p"),
            ),
            (
                "smtps://me%40example.com:p%2F%3A%23%25@mx.example",
                "mx.example",
                465,
                MailTls::Implicit,
                Some("me@example.com"),
                Some("p/:#%"),
            ),
            (
                "smtp://u:a@b@mx.example",
                "mx.example",
                587,
                MailTls::StartTls,
                Some("u"),
                Some("a@b"),
            ),
            (
                "smtp://u@mx.example",
                "mx.example",
                587,
                MailTls::StartTls,
                Some("u"),
                None,
            ),
            (
                "smtp://[::1]:2525?tls=none",
                "::1",
                2525,
                MailTls::None,
                None,
                None,
            ),
        ] {
            let server = Server::parse(url).expect(url);
            let found = server.password.as_ref().map(ExposeSecret::expose_secret);
            assert_eq!(
                (
                    server.host.as_str(),
                    server.port,
                    server.tls,
                    server.username.as_deref(),
                    found
                ),
                (host, port, tls, user, password),
                "{url}"
            );
        }
    }

    #[test]
    fn what_is_no_mail_server_is_refused_without_being_quoted() {
        for url in [
            "",
            "CANARY",
            "mx.example:587",
            "http://u:CANARY@mx.example",
            "smtp://",
            "smtp://u:CANARY@",
            "smtp://:CANARY@mx.example",
            "smtp://u:CAN/ARY@mx.example",
            "smtp://u:CANARY@mx.example/CANARY",
            "smtp://u:CANARY%zz@mx.example",
            "smtp://u:CANARY%ff@mx.example",
            "smtp://u:CANARY@mx.example?tls=maybe",
            "smtps://u:CANARY@mx.example?tls=none",
            "smtp://u:CANARY@mx.example#x",
            "smtp://u:CANARY@mx.example:99999",
            "smtp://u:CAN\nARY@mx.example",
        ] {
            let wrong = Server::parse(url).map(|_| ()).expect_err(url);
            let said = format!("{wrong:?}");
            assert!(!said.contains("CAN") && !said.contains("ARY"), "{url}: {said}");
        }
    }
}
