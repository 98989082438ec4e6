//! Which addresses a webhook may be sent to: decided when connecting, so that no name can be bent to another one later.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;

/// The address is one that webhooks are not sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address is link-local, unspecified or a cloud's metadata service")]
pub struct Refused;

/// Where cloud providers hand credentials to whoever asks from the machine, beside 169.254.0.0/16.
const METADATA_V4: [Ipv4Addr; 1] = [Ipv4Addr::new(100, 100, 100, 200)];
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Whether a webhook may go there. Loopback and private addresses may; link-local ones and those of metadata
/// services only with `allow_link_local`; the unspecified ones never.
#[must_use]
pub fn permitted(address: IpAddr, allow_link_local: bool) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => permitted_v4(address, allow_link_local),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => permitted_v4(inner, allow_link_local),
            None => {
                let local = address.is_unicast_link_local() || METADATA_V6.contains(&address);
                !address.is_unspecified() && (allow_link_local || !local)
            }
        },
    }
}

fn permitted_v4(address: Ipv4Addr, allow_link_local: bool) -> bool {
    let local = address.is_link_local() || METADATA_V4.contains(&address);
    address.octets()[0] != 0 && (allow_link_local || !local)
}

/// The IPv4 address that a translated (NAT64) address leads to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        _ => None,
    }
}

/// The system's resolver, with what is not permitted left out of its answers.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    pub allow_link_local: bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            let permitted: Vec<_> = found
                .into_iter()
                .filter(|address| permitted(address.ip(), guard.allow_link_local))
                .collect();
            if permitted.is_empty() {
                return Err(Refused.into());
            }
            let addresses: Addrs = Box::new(permitted.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_and_metadata_addresses_need_leave() {
        for text in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "febf::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fd00:ec2::254",
            "fd20:ce::254",
            "100.100.100.200",
        ] {
            let address: IpAddr = text.parse().expect("an address");
            assert!(!permitted(address, false), "{text}");
            assert!(permitted(address, true), "{text}");
        }
    }

    #[test]
    fn loopback_private_and_public_addresses_are_fine() {
        for text in [
            "127.0.0.1",
            "::1",
            "10.0.0.1",
            "192.168.1.1",
            "fd00::1",
            "100.100.100.201",
            "203.0.113.7",
            "2001:db8::1",
            "64:ff9b::a00:1",
        ] {
            assert!(permitted(text.parse().expect("an address"), false), "{text}");
        }
    }

    #[test]
    fn the_unspecified_addresses_are_never_permitted() {
        for text in ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"] {
            assert!(!permitted(text.parse().expect("an address"), true), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_refused_address_is_refused_when_connecting() {
        let resolve =
            |name: &str, allow_link_local| Guard { allow_link_local }.resolve(name.parse().expect("a name"));
        let error = resolve("169.254.169.254", false).await.err().expect("refused");
        assert_eq!(error.downcast_ref::<Refused>(), Some(&Refused));
        assert!(resolve("169.254.169.254", true).await.is_ok());
        assert!(resolve("localhost", false).await.is_ok());
    }
}
