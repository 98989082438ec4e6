//! Who may look and who may act over HTTP, and under which host names.

use std::net::Ipv6Addr;

use secrecy::SecretString;

use crate::config::findings::Given;
use crate::config::findings::Wrong;
use crate::config::keys;
use crate::config::reader::Reader;
use crate::config::values;

/// The credentials of page, API and metrics, and the names they are reached by.
#[derive(Debug, Clone, Default)]
pub struct AccessConfig {
    /// Looks and acts.
    pub token: Option<SecretString>,
    /// Looks only.
    pub read_token: Option<SecretString>,
    /// Host names that are answered, in lower case, without ports.
    pub allowed_hosts: Vec<String>,
}

impl AccessConfig {
    /// Whether anybody has credentials.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.token.is_some() || self.read_token.is_some()
    }
}

/// `HTTP_TOKEN`, `HTTP_READ_TOKEN`, `HTTP_ALLOWED_HOSTS`; with whether what is given could be read.
pub fn read(reader: &mut Reader) -> (AccessConfig, bool) {
    let token = reader.setting(&keys::HTTP_TOKEN, token);
    let read_token = reader.setting(&keys::HTTP_READ_TOKEN, self::token);
    let hosts = reader.list_setting(&keys::HTTP_ALLOWED_HOSTS, host);
    let sound = ![
        matches!(token, Given::Broken),
        matches!(read_token, Given::Broken),
        matches!(hosts, Given::Broken),
    ]
    .contains(&true);
    let access = AccessConfig {
        token: token.good().map(|token| token.value),
        read_token: read_token.good().map(|token| token.value),
        allowed_hosts: hosts.good().map_or_else(Vec::new, |hosts| hosts.value),
    };
    (access, sound)
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
