//! Who may look and who may act over HTTP, and under which host names.

use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;

use ipnet::IpNet;
use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::values;
use crate::config::web_file;
use crate::config::web_file::WebFile;

/// The credentials of page, API and metrics, and the names they are reached by.
#[derive(Debug, Clone, Default)]
pub struct AccessConfig {
    /// Looks and acts.
    pub token: Option<SecretString>,
    /// Looks only.
    pub read_token: Option<SecretString>,
    /// Users, TLS and headers.
    pub web: Option<WebFile>,
    /// Which of the users look only.
    pub read_users: Vec<String>,
    /// Host names that are answered, in lower case, without ports.
    pub allowed_hosts: Vec<String>,
    /// Proxies elsewhere that are believed to ask for whom they say.
    pub trusted_proxies: Vec<IpNet>,
    /// Wrong tokens and passwords that an address may try at once; 0 for any number.
    pub max_tries: u32,
}

impl AccessConfig {
    /// Whether anybody has credentials.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let users = self.web.as_ref().is_some_and(|web| !web.users.is_empty());
        self.token.is_some() || self.read_token.is_some() || users
    }
}

/// `HTTP_TOKEN`, `HTTP_READ_TOKEN`, `HTTP_READ_USERS`, `WEB_CONFIG_FILE`, `HTTP_ALLOWED_HOSTS`,
/// `HTTP_TRUSTED_PROXIES`, `HTTP_MAX_TRIES`; `None` where one is wrong.
pub fn read(reader: &mut Reader) -> Option<AccessConfig> {
    let token = reader.setting(&keys::HTTP_TOKEN, token);
    let read_token = reader.setting(&keys::HTTP_READ_TOKEN, self::token);
    let web = web_file(reader);
    let readers = reader.list_setting(&keys::HTTP_READ_USERS, values::text);
    let hosts = reader.list_setting(&keys::HTTP_ALLOWED_HOSTS, host);
    let proxies = reader.list_setting(&keys::HTTP_TRUSTED_PROXIES, network);
    let tries = reader.setting(&keys::HTTP_MAX_TRIES, |text| {
        u32::try_from(values::count(text)?)
            .map_err(|_| Wrong::new("is too large", "Write a number such as 10, or 0 for no limit."))
    });
    warn_of_the_same(reader, &token, &read_token);
    warn_of_strangers(reader, &readers, &web);
    let access = AccessConfig {
        token: given(token)?,
        read_token: given(read_token)?,
        web: match web {
            Given::Absent => None,
            Given::Is(web) => Some(web),
            Given::Broken => return None,
        },
        read_users: given(readers)?.unwrap_or_default(),
        allowed_hosts: given(hosts)?.unwrap_or_default(),
        trusted_proxies: given(proxies)?.unwrap_or_default(),
        max_tries: given(tries)?.unwrap_or_default(),
    };
    warn_where_nobody_acts(reader, &access);
    Some(access)
}

/// The value, where there is one; `None` where it is broken.
fn given<T>(given: Given<Placed<T>>) -> Option<Option<T>> {
    match given {
        Given::Absent => Some(None),
        Given::Is(placed) => Some(Some(placed.value)),
        Given::Broken => None,
    }
}

fn web_file(reader: &mut Reader) -> Given<WebFile> {
    let key = keys::WEB_CONFIG_FILE.name;
    let path = match reader.setting(&keys::WEB_CONFIG_FILE, values::text) {
        Given::Is(path) => path,
        Given::Absent => return Given::Absent,
        Given::Broken => return Given::Broken,
    };
    match web_file::read(&reader.overlay.path(&path.value)) {
        Ok(file) => {
            for warning in &file.warnings {
                reader.findings.warn(key, path.place.clone(), warning.clone());
            }
            Given::Is(file)
        }
        Err(wrongs) => {
            for wrong in wrongs {
                reader.findings.wrong(key, path.place.clone(), wrong);
            }
            Given::Broken
        }
    }
}

fn warn_of_the_same(
    reader: &mut Reader,
    token: &Given<Placed<SecretString>>,
    read_token: &Given<Placed<SecretString>>,
) {
    if let (Given::Is(token), Given::Is(read)) = (token, read_token)
        && token.value.expose_secret() == read.value.expose_secret()
    {
        let wrong = Wrong::new(
            "is the same as HTTP_TOKEN: whoever is to look acts, too",
            "Make another: openssl rand -hex 24",
        );
        let place = read.place.clone();
        reader.findings.warn(keys::HTTP_READ_TOKEN.name, place, wrong);
    }
}

fn warn_of_strangers(reader: &mut Reader, readers: &Given<Placed<Vec<String>>>, web: &Given<WebFile>) {
    let Given::Is(readers) = readers else { return };
    let users = match web {
        Given::Is(web) => web.users.as_slice(),
        Given::Absent => &[],
        Given::Broken => return,
    };
    for name in &readers.value {
        if !users.iter().any(|user| *user.0 == **name) {
            let wrong = Wrong::new(
                "names somebody who is no user of the WEB_CONFIG_FILE",
                "Check the spelling; upper and lower case count.",
            );
            let place = readers.place.clone();
            reader.findings.warn(keys::HTTP_READ_USERS.name, place, wrong);
        }
    }
}

fn warn_where_nobody_acts(reader: &mut Reader, access: &AccessConfig) {
    let acts = |user: &(Arc<str>, SecretString)| !access.read_users.iter().any(|name| **name == *user.0);
    let somebody =
        access.token.is_some() || access.web.as_ref().is_some_and(|web| web.users.iter().any(acts));
    if access.is_closed() && !somebody {
        let wrong = Wrong::new(
            "is not set, and all who have credentials only look: nobody acknowledges or silences an alert on the pages",
            "Set it, if somebody shall.",
        );
        reader.findings.warn(keys::HTTP_TOKEN.name, Place::Missing, wrong);
    }
}

fn token(text: &str) -> Result<SecretString, Wrong> {
    let good = text.bytes().all(|byte| byte.is_ascii_graphic());
    if good && text.len() >= 8 {
        return Ok(SecretString::from(text));
    }
    Err(Wrong::new(
        "is shorter than 8 characters, or holds others than letters, digits and signs",
        "Make one with: openssl rand -hex 24",
    ))
}

/// A host as a `Host` header names it, without its port.
fn host(text: &str) -> Result<String, Wrong> {
    let text = values::text(text)?.to_lowercase();
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    if let Some(inside) = inside.or(Some(text.as_str()))
        && let Ok(ip) = inside.parse::<Ipv6Addr>()
    {
        return Ok(format!("[{ip}]"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(text);
    }
    Err(Wrong::new(
        "holds something that is no host name",
        "Write names alone, without https://, port or path: stock.example.com, 192.0.2.1.",
    ))
}

/// An address, or a network.
fn network(text: &str) -> Result<IpNet, Wrong> {
    let text = values::text(text)?;
    let address = || {
        text.parse::<IpAddr>()
            .ok()
            .map(|ip| IpNet::from(ip.to_canonical()))
    };
    let network = || text.parse::<IpNet>().ok().map(|net| net.trunc());
    match address().or_else(network) {
        Some(net) if net.prefix_len() == 0 => Err(Wrong::new(
            "holds a network of all addresses: everybody could name any address as their own",
            "Name the proxies alone: 10.1.0.7, 172.18.0.0/16.",
        )),
        Some(net) => Ok(net),
        None => Err(Wrong::new(
            "holds something that is neither an address nor a network",
            "Write addresses or networks, not names: 10.1.0.7, 172.18.0.0/16, 2001:db8::/64.",
        )),
    }
}
