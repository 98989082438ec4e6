//! URLs: what they may be, and what may be shown of them.

use std::net::IpAddr;
use std::net::Ipv6Addr;

use reqwest::Url;

use crate::config::findings::Wrong;
use crate::config::values;

/// An http or https URL with a host.
///
/// # Errors
/// It is none.
pub fn web_url(text: &str) -> Result<Url, Wrong> {
    let mend = "Write a whole URL, with https:// before it.";
    let text = values::text(text)?;
    let url = Url::parse(&text).map_err(|_| Wrong::new("is not a URL", mend))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Wrong::new("is not an http or https URL", mend));
    }
    match url.host_str() {
        Some(host) if !host.is_empty() => Ok(url),
        Some(_) | None => Err(Wrong::new("is a URL without a host", mend)),
    }
}

/// The URL of a WHMCS API: nothing in it but scheme, host, port and path.
///
/// # Errors
/// It is none.
pub fn api_url(text: &str) -> Result<Url, Wrong> {
    let url = web_url(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::new(
            "holds a user name or password",
            "Remove what stands before the @: the API takes its credentials elsewhere.",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Wrong::new(
            "holds a query (`?…`) or fragment (`#…`)",
            "End the URL with /includes/api.php.",
        ));
    }
    Ok(url)
}

/// The longest address of the page; messages cut longer ones.
const LONGEST_PAGE_URL: usize = 500;

/// Where people reach the page. It stands in every message, so it may hold nothing that is secret.
///
/// # Errors
/// It is not a web URL, or holds a user name, password, query or fragment.
pub fn page_url(text: &str) -> Result<Url, Wrong> {
    let url = web_url(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::new(
            "holds a user name or password, and would be told in every message",
            "Remove what stands before the @: people sign in when they get there.",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Wrong::new(
            "holds a query (`?…`) or fragment (`#…`)",
            "Write the address of the page alone: https://stock.example.com/.",
        ));
    }
    if url.as_str().len() > LONGEST_PAGE_URL {
        return Err(Wrong::new(
            "is longer than 500 characters",
            "Give the page a shorter address.",
        ));
    }
    Ok(url)
}

/// Where somebody takes himself off a list: `mailto:…` or a web URL; in ASCII.
///
/// # Errors
/// It is neither.
pub fn unsubscribe(text: &str) -> Result<String, Wrong> {
    let mend = "Write mailto:list@example.com?subject=unsubscribe or a whole https URL.";
    let text = values::text(text)?;
    let url = Url::parse(&text).map_err(|_| Wrong::new("is not a URL", mend))?;
    let good = match url.scheme() {
        "mailto" => url.path().contains('@'),
        "http" | "https" => url.host_str().is_some_and(|host| !host.is_empty()),
        _ => false,
    };
    let plain = url
        .as_str()
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"<>,".contains(&b));
    match good && plain {
        true => Ok(url.into()),
        false => Err(Wrong::new("is neither a mailto nor a web URL", mend)),
    }
}

/// Whether a URL's host is this machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback_host)
}

/// Whether a host's name is this machine's.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let bare = bare_host(host);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A host without the brackets of an IPv6 address.
#[must_use]
pub fn bare_host(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// Whether a URL's host is a link-local address (as those of cloud metadata services are).
#[must_use]
pub fn is_link_local(url: &Url) -> bool {
    let v6 = |address: Ipv6Addr| match address.to_ipv4_mapped() {
        Some(v4) => v4.is_link_local(),
        None => address.is_unicast_link_local(),
    };
    match url.host_str().map(|host| bare_host(host).parse::<IpAddr>()) {
        Some(Ok(IpAddr::V4(address))) => address.is_link_local(),
        Some(Ok(IpAddr::V6(address))) => v6(address),
        Some(Err(_)) | None => false,
    }
}

/// Scheme and host of a URL, the rest hidden.
#[must_use]
pub fn redacted(text: &str) -> String {
    let Ok(url) = Url::parse(text.trim()) else {
        return "***".to_owned();
    };
    let user = if url.username().is_empty() && url.password().is_none() {
        ""
    } else {
        "***@"
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = if matches!(url.path(), "" | "/") && url.query().is_none() {
        ""
    } else {
        "/***"
    };
    format!("{}://{user}{host}{port}{path}", url.scheme())
}

/// Undoes `%40`.
///
/// # Errors
/// A `%` is not followed by two hexadecimal digits, or the result is not UTF-8.
pub fn percent_decoded(text: &str) -> Result<String, Wrong> {
    let wrong = || Wrong::new("holds a % that encodes nothing", "Write a % itself as %25.");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let digits = tail
            .get(..2)
            .filter(|two| two.iter().all(u8::is_ascii_hexdigit))
            .ok_or_else(wrong)?;
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}
