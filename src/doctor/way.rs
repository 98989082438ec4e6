//! The way to a server: names, connections and certificates that fail, each with its mend.

use jiff::SignedDuration;
use jiff::Timestamp;
use rustls::CertificateError;
use rustls::Error;

use crate::doctor::finding::Id;
use crate::doctor::finding::Wrong;
use crate::doctor::guide;
use crate::whmcs::call::Exchange;
use crate::whmcs::fault::Broken;
use crate::whmcs::proxy::Proxy;

/// A certificate that ends within this time is worth a warning.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What is wrong with a server's certificate, or with the secure connection as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsTrouble {
    /// At that time, where it says so.
    Expired(Option<Timestamp>),
    /// Before that time, where it says so.
    NotValidYet(Option<Timestamp>),
    /// Made for these names, where it says so.
    WrongHost(Vec<String>),
    UnknownCa,
    /// It is an authority's own.
    Authority,
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
        CertificateError::Expired => TlsTrouble::Expired(None),
        CertificateError::ExpiredContext { not_after, .. } => {
            TlsTrouble::Expired(moment(not_after.as_secs()))
        }
        CertificateError::NotValidYet => TlsTrouble::NotValidYet(None),
        CertificateError::NotValidYetContext { not_before, .. } => {
            TlsTrouble::NotValidYet(moment(not_before.as_secs()))
        }
        CertificateError::NotValidForName => TlsTrouble::WrongHost(Vec::new()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            TlsTrouble::WrongHost(presented.iter().map(|name| plain_name(name)).collect())
        }
        CertificateError::UnknownIssuer => TlsTrouble::UnknownCa,
        // As `openssl req -x509` makes them. The verifier's own error type is not ours to name.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => TlsTrouble::Authority,
        // The library's own list is open-ended.
        other => TlsTrouble::Other(other.to_string()),
    }
}

/// `DnsName("a.example")` as people write it.
fn plain_name(presented: &str) -> String {
    let inner = presented
        .split_once('(')
        .map_or(presented, |(_, inner)| inner.trim_end_matches(')'));
    inner.trim_matches('"').to_owned()
}

fn moment(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

impl TlsTrouble {
    /// What it is, as the end of a sentence about a server.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Expired(None) => "shows a certificate that has expired".to_owned(),
            Self::Expired(Some(when)) => format!("shows a certificate that has expired on {when}"),
            Self::NotValidYet(when) => {
                let before = when.map_or_else(|| "yet".to_owned(), |when| format!("before {when}"));
                format!(
                    "shows a certificate that is not valid {before} (most often the clock of this host is wrong)"
                )
            }
            Self::WrongHost(names) if names.is_empty() => {
                "shows a certificate that was made for another name".to_owned()
            }
            Self::WrongHost(names) => {
                format!(
                    "shows a certificate that was made for another name ({})",
                    names.join(", ")
                )
            }
            Self::Authority => {
                "shows a certificate that is an authority's own (CA:TRUE), which no client takes for a \
                                server's"
                    .to_owned()
            }
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
        TlsTrouble::Expired(_) => Wrong::failure(
            Id::TlsExpired,
            problem,
            "Renew the web server's certificate (certbot renew) and have the server load it. If it is valid, the clock \
             of this host is wrong: check it with date.",
        ),
        TlsTrouble::NotValidYet(_) => Wrong::failure(
            Id::TlsNotValidYet,
            problem,
            "Check the clock of this host (date), and set it by NTP (timedatectl set-ntp true). If it is right, look at \
             the certificate's dates on the WHMCS host.",
        ),
        TlsTrouble::Authority => Wrong::failure(
            Id::TlsCaCertificate,
            problem,
            format!(
                "Have that authority sign a certificate for {host} (CA:FALSE; openssl req -x509 makes CA:TRUE unless told \
                 -addext basicConstraints=critical,CA:FALSE), have the web server use it, and name the authority's own \
                 in {}.",
                place.ca_setting
            ),
        ),
        TlsTrouble::WrongHost(_) => Wrong::failure(
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

/// Whether the certificate of a connection that was made holds for long enough; what is to be said of it.
///
/// # Errors
/// It ends soon.
pub fn certificate(exchange: &Exchange, place: &Place, now: Timestamp) -> Result<String, Wrong> {
    if !place.url.starts_with("https:") {
        return Ok("none: the address is http".to_owned());
    }
    let Some(ends) = exchange.certificate_ends else {
        return Ok("accepted".to_owned());
    };
    let left = ends.duration_since(now);
    // Past its end it was accepted only since it need not be checked, which the configuration warns of.
    if left > SOON || left.is_negative() {
        return Ok(format!("valid until {ends}"));
    }
    let wrong = Wrong::warning(
        Id::TlsExpiresSoon,
        format!(
            "The certificate of {} ends on {ends}, in {} days.",
            place.host,
            left.as_hours() / 24
        ),
        "Renew it on the WHMCS host. If that happens by itself (certbot), see why it did not: systemctl list-timers, \
         certbot renew --dry-run.",
    );
    Err(wrong)
}
