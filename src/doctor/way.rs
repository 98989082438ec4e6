//! The way to a server: names, connections and certificates that fail, each with its mend.

use rustls::CertificateError;
use rustls::Error;

use crate::doctor::finding::Id;
use crate::doctor::finding::Wrong;
use crate::doctor::guide;
use crate::whmcs::fault::Broken;
use crate::whmcs::proxy::Proxy;

/// What is wrong with a server's certificate, or with the secure connection as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsTrouble {
    Expired,
    NotValidYet,
    WrongHost,
    UnknownCa,
    /// In the library's words.
    Other(String),
}

/// Tells the troubles apart.
#[must_use]
pub fn trouble(error: &Error) -> TlsTrouble {
    let Error::InvalidCertificate(certificate) = error else {
        return TlsTrouble::Other(error.to_string());
    };
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsTrouble::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsTrouble::NotValidYet
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsTrouble::WrongHost
        }
        CertificateError::UnknownIssuer => TlsTrouble::UnknownCa,
        // A certificate that signs itself.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => TlsTrouble::UnknownCa,
        // The library's own list is open-ended.
        other => TlsTrouble::Other(other.to_string()),
    }
}

impl TlsTrouble {
    /// What it is, as the end of a sentence about a server.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Expired => "shows a certificate that has expired".to_owned(),
            Self::NotValidYet => "shows a certificate that is not valid yet".to_owned(),
            Self::WrongHost => "shows a certificate that was made for another name".to_owned(),
            Self::UnknownCa => "shows a certificate that no authority known here has signed".to_owned(),
            Self::Other(said) => format!("does not agree on a secure connection ({said})"),
        }
    }
}

/// Where a shop's API is, and what its settings are called.
#[derive(Debug, Clone)]
pub struct Place {
    pub url: String,
    pub host: String,
    pub port: u16,
    pub url_setting: String,
    pub ca_setting: String,
    pub timeout_setting: String,
    /// What the environment puts in between.
    pub proxy: Option<Proxy>,
}

/// What no answer from the shop means.
#[must_use]
pub fn unreached(broken: &Broken, place: &Place) -> Wrong {
    let Place { host, port, .. } = place;
    match (&place.proxy, broken) {
        (Some(proxy), Broken::Dns) => {
            return by_proxy(proxy, place, "its name cannot be resolved to an address");
        }
        (Some(proxy), Broken::Connect(said)) => return by_proxy(proxy, place, said),
        (Some(_), Broken::Timeout | Broken::Reset | Broken::Tls(_)) | (None, _) => {}
    }
    let wrong = match broken {
        Broken::Dns => Wrong::failure(
            Id::DnsNotFound,
            format!("The name {host} cannot be resolved to an address."),
            format!(
                "Check the spelling of the host in {}. If it is right, look it up on this host (getent hosts {host}) \
                 and mend its resolver (/etc/resolv.conf) or the domain's DNS.",
                place.url_setting
            ),
        ),
        Broken::Connect(said) => Wrong::failure(
            Id::ConnectRefused,
            format!("No connection to {host}, port {port}, can be made{}.", guide::in_brackets(said)),
            format!(
                "Check host and port in {}, that the web server runs, and that no firewall stands between (curl -v {}).",
                place.url_setting, place.url
            ),
        ),
        Broken::Timeout => Wrong::failure(
            Id::Timeout,
            format!("{host}, port {port}, does not answer in time."),
            format!(
                "Check the load of the WHMCS host and that no firewall drops what this host sends. If it is merely \
                 slow, raise {}.",
                place.timeout_setting
            ),
        )
        .about(place.timeout_setting.clone()),
        Broken::Reset => Wrong::failure(
            Id::ConnectionBroken,
            format!("{host}, port {port}, breaks the connection off before it answers."),
            "Look into the logs of the web server and of proxies in front of it: a crash, a limit, or a firewall that \
             cuts connections of this host.",
        ),
        Broken::Tls(error) => insecure(&trouble(error), place),
    };
    match wrong.setting {
        Some(_) => wrong,
        None => wrong.about(place.url_setting.clone()),
    }
}

/// The way by a proxy of the environment does not lead to the shop: `said` is what was seen, "" for nothing.
#[must_use]
pub fn by_proxy(proxy: &Proxy, place: &Place, said: &str) -> Wrong {
    let (variable, host) = (proxy.variable, &place.host);
    let said = guide::in_brackets(said);
    let direct =
        format!("or, if {host} can be reached without a proxy, unset {variable} or add {host} to NO_PROXY");
    let (problem, mend) = match &proxy.address {
        Some(address) => (
            format!("{variable} sends requests for {host} by the proxy {address}, and that fails{said}."),
            format!(
                "Check host, port, user and password of the proxy in {variable}, and that it lets this host connect to \
                 {host}, port {}; {direct}.",
                place.port
            ),
        ),
        None => (
            format!(
                "{variable} holds no address of a proxy that can be used, so it is ignored, and no direct connection to \
                 {host} can be made{said}."
            ),
            format!("Write {variable}=http://proxy-host:port (https and socks5 will do, too); {direct}."),
        ),
    };
    Wrong::failure(Id::Proxy, problem, mend).about(variable)
}

fn insecure(trouble: &TlsTrouble, place: &Place) -> Wrong {
    let Place { host, port, .. } = place;
    let problem = format!("{host}, port {port}, {}.", trouble.words());
    match trouble {
        TlsTrouble::Expired | TlsTrouble::NotValidYet => Wrong::failure(
            Id::TlsExpired,
            problem,
            "Renew the web server's certificate and have the server load it. If it is valid, the clock of this host is \
             wrong: check it with date.",
        ),
        TlsTrouble::WrongHost => Wrong::failure(
            Id::TlsWrongHost,
            problem,
            format!(
                "Write the name the certificate was made for into {}, or have one made for {host}.",
                place.url_setting
            ),
        ),
        TlsTrouble::UnknownCa => Wrong::failure(
            Id::TlsUnknownCa,
            problem,
            format!(
                "If the shop's certificate comes from a private authority, put that authority's certificate (PEM) into \
                 a file and name it in {}. Otherwise have the web server send the whole chain, with the intermediate \
                 certificate.",
                place.ca_setting
            ),
        )
        .about(place.ca_setting.clone()),
        TlsTrouble::Other(_) => Wrong::failure(
            Id::TlsOther,
            problem,
            format!(
                "Check that port {port} speaks TLS (https) at all, and that the web server offers TLS 1.2 or 1.3 \
                 (openssl s_client -connect {host}:{port} -servername {host})."
            ),
        ),
    }
}
