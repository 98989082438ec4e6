//! In whose name a proxy asks: those of this machine and those of the configuration are believed, nobody else is.

use std::net::IpAddr;
use std::net::SocketAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::web::asker::Peer;

/// The proxies that are believed, beside those on this machine.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

/// One station of a request: who was heard there, where that is said, and whether by TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hop {
    heard: Option<IpAddr>,
    secure: bool,
}

impl Proxies {
    /// Those of the configuration.
    #[must_use]
    pub fn new(given: &[IpNet]) -> Self {
        Self(given.to_vec())
    }

    /// Whether the configuration names it.
    #[must_use]
    pub fn names(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|net| net.contains(&ip))
    }

    fn believes(&self, ip: IpAddr) -> bool {
        ip.to_canonical().is_loopback() || self.names(ip)
    }

    /// Who asks by that connection, and by what way.
    #[must_use]
    pub fn behind(&self, peer: Peer, headers: &HeaderMap) -> Peer {
        if !self.believes(peer.address) {
            return peer;
        }
        let (plain, standard) = (plain(headers), standard(headers));
        let last_secure = standard.last().is_some_and(|hop| hop.secure);
        Peer {
            address: self.client(peer.address, &plain, &standard),
            secure: peer.secure || last_secure || says_https(headers),
            ..peer
        }
    }

    /// A proxy writes one of the two headers and passes the other on as it came: where they differ, one was invented
    /// by the client, and neither is believed.
    fn client(&self, peer: IpAddr, plain: &[Hop], standard: &[Hop]) -> IpAddr {
        match (plain.is_empty(), standard.is_empty()) {
            (true, true) => peer,
            (false, true) => self.nearest(peer, plain),
            (true, false) => self.nearest(peer, standard),
            (false, false) => {
                let client = self.nearest(peer, plain);
                if client == self.nearest(peer, standard) {
                    client
                } else {
                    peer
                }
            }
        }
    }

    /// The nearest that is no proxy of ours. Each adds at the end whom it heard: what stands before may be invented.
    fn nearest(&self, peer: IpAddr, hops: &[Hop]) -> IpAddr {
        let mut nearest = peer;
        for hop in hops.iter().rev() {
            let Some(heard) = hop.heard else { break };
            nearest = heard;
            if !self.believes(heard) {
                break;
            }
        }
        nearest
    }
}

/// The last one that `X-Forwarded-Proto` names is what the nearest proxy was asked by.
fn says_https(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all("x-forwarded-proto").into_iter();
    let last = lines.next_back().and_then(|line| line.to_str().ok());
    let last = last.and_then(|list| list.rsplit(',').next()).map(str::trim);
    last.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// The stations that `X-Forwarded-For` names.
fn plain(headers: &HeaderMap) -> Vec<Hop> {
    let lines = headers.get_all("x-forwarded-for").into_iter();
    let texts = lines.flat_map(|line| line.to_str().unwrap_or("?").split(','));
    texts
        .map(|text| Hop {
            heard: node(text.trim()),
            secure: false,
        })
        .collect()
}

/// The stations that `Forwarded` names (RFC 7239); what cannot be read is a station that says nothing.
fn standard(headers: &HeaderMap) -> Vec<Hop> {
    let unreadable = || {
        vec![Hop {
            heard: None,
            secure: false,
        }]
    };
    let lines = headers.get_all("forwarded").into_iter();
    lines
        .flat_map(|line| {
            let read = line.to_str().ok().and_then(elements);
            read.unwrap_or_else(unreadable)
        })
        .collect()
}

/// The elements of one line; `None` where it is not of the form.
fn elements(line: &str) -> Option<Vec<Hop>> {
    split(line, ',')?
        .into_iter()
        .map(|element| {
            let mut hop = Hop {
                heard: None,
                secure: false,
            };
            for pair in split(element, ';')? {
                let (name, value) = pair.split_once('=')?;
                let value = unquoted(value.trim())?;
                match name.trim().to_ascii_lowercase().as_str() {
                    "for" => hop.heard = node(value),
                    "proto" => hop.secure = value.eq_ignore_ascii_case("https"),
                    _ => {}
                }
            }
            Some(hop)
        })
        .collect()
}

/// Splits outside of quotes; `None` where a quote does not end.
fn split(text: &str, at: char) -> Option<Vec<&str>> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(|sign: char| {
        let literal = std::mem::take(&mut escaped);
        match sign {
            '"' if !literal => quoted = !quoted,
            '\\' if quoted && !literal => escaped = true,
            _ => {}
        }
        !quoted && sign == at
    });
    let parts: Vec<&str> = parts.map(str::trim).filter(|part| !part.is_empty()).collect();
    (!quoted).then_some(parts)
}

/// A value without the quotes around it; `None` where there are any inside.
fn unquoted(value: &str) -> Option<&str> {
    let inside = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!inside.contains('"')).then_some(inside)
}

/// An address, in brackets or not, with a port or not.
fn node(text: &str) -> Option<IpAddr> {
    let plain = || text.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|both| both.ip());
    plain().or_else(with_port).map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn behind(given: &[&str], peer: &str, lines: &[(&str, &str)]) -> (IpAddr, bool) {
        let given: Vec<IpNet> = given.iter().map(|net| net.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let found = Proxies::new(&given).behind(Peer::over(ip(peer), false), &headers);
        (found.address, found.secure)
    }

    const LIST: &str = "x-forwarded-for";

    #[test]
    fn a_proxy_on_this_machine_says_in_whose_name_it_asks_and_nobody_else_does() {
        for (peer, list, expected) in [
            ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
            ("::1", "10.0.0.1, 203.0.113.9", "203.0.113.9"),
            ("::ffff:127.0.0.1", "2001:db8::1", "2001:db8::1"),
            ("127.0.0.1", "[2001:db8::1]", "2001:db8::1"),
            ("127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
            ("127.0.0.1", "203.0.113.9:5123", "203.0.113.9"),
            ("127.0.0.1", "unknown", "127.0.0.1"),
            ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ] {
            assert_eq!(
                behind(&[], peer, &[(LIST, list)]),
                (ip(expected), false),
                "{peer} {list}"
            );
        }
        assert_eq!(behind(&[], "127.0.0.1", &[]), (ip("127.0.0.1"), false));
    }

    #[test]
    fn the_client_is_the_nearest_that_is_no_proxy_of_ours() {
        let ours = ["10.1.0.0/16", "2001:db8:1::7/128"];
        for (peer, list, expected) in [
            ("10.1.0.2", "203.0.113.9", "203.0.113.9"),
            ("10.1.0.2", "192.0.2.1, 203.0.113.9, 10.1.9.9", "203.0.113.9"),
            ("2001:db8:1::7", "192.0.2.1, 203.0.113.9, 10.1.9.9", "203.0.113.9"),
            // What stands before something unreadable may be invented.
            ("10.1.0.2", "192.0.2.1, unknown, 10.1.9.9", "10.1.9.9"),
            ("10.1.0.2", "192.0.2.1, ", "10.1.0.2"),
            ("10.1.0.2", "10.1.0.8, 10.1.0.9", "10.1.0.8"),
            ("10.2.0.2", "203.0.113.9", "10.2.0.2"),
            ("2001:db8:1::8", "203.0.113.9", "2001:db8:1::8"),
        ] {
            assert_eq!(
                behind(&ours, peer, &[(LIST, list)]).0,
                ip(expected),
                "{peer} {list}"
            );
        }
        let lines = [(LIST, "192.0.2.1"), (LIST, "203.0.113.9")];
        assert_eq!(behind(&ours, "10.1.0.2", &lines).0, ip("203.0.113.9"));
    }

    #[test]
    fn the_standard_header_says_the_same_and_cannot_be_bent_by_quotes() {
        for (value, expected, secure) in [
            ("for=203.0.113.9;proto=https;by=10.1.0.2", "203.0.113.9", true),
            ("for=192.0.2.1, FOR=203.0.113.9; Proto=http", "203.0.113.9", false),
            ("for=\"[2001:db8::1]:4711\";proto=https", "2001:db8::1", true),
            ("for=203.0.113.9;host=\"a, for=192.0.2.1\"", "203.0.113.9", false),
            ("for=203.0.113.9;host=\"a\\\", for=192.0.2.1\"", "10.1.0.2", false),
            ("for=\"x, for=203.0.113.9", "10.1.0.2", false),
            ("for=_hidden", "10.1.0.2", false),
            ("for=203.0.113.9, proto=https", "10.1.0.2", true),
            ("203.0.113.9", "10.1.0.2", false),
        ] {
            assert_eq!(
                behind(&["10.1.0.2/32"], "10.1.0.2", &[("forwarded", value)]),
                (ip(expected), secure),
                "{value}"
            );
        }
        assert_eq!(
            behind(&[], "10.1.0.2", &[("forwarded", "for=203.0.113.9;proto=https")]),
            (ip("10.1.0.2"), false)
        );
    }

    #[test]
    fn of_two_headers_that_differ_neither_is_believed() {
        for (list, standard, expected) in [
            ("203.0.113.9", "for=203.0.113.9", "203.0.113.9"),
            ("203.0.113.9", "for=192.0.2.1", "127.0.0.1"),
            ("203.0.113.9", "for=\"", "127.0.0.1"),
        ] {
            let lines = [(LIST, list), ("forwarded", standard)];
            assert_eq!(behind(&[], "127.0.0.1", &lines).0, ip(expected), "{standard}");
        }
    }

    #[test]
    fn only_who_is_believed_says_that_the_browser_came_by_tls() {
        let said = |peer, value| behind(&["10.1.0.0/16"], peer, &[("x-forwarded-proto", value)]).1;
        assert!(said("10.1.0.2", "https") && said("127.0.0.1", "http, HTTPS"));
        assert!(!said("10.1.0.2", "https, http") && !said("203.0.113.9", "https"));
    }
}
