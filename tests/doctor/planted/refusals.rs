//! What WHMCS, or something in front of it, refuses.

use whmcs_stock_monitor::doctor::finding::Id;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;

use crate::case::Case;
use crate::case::case;
use crate::case::failing;
use crate::case::refusing;
use crate::case::set;
use crate::world::World;
use crate::world::stocked;

/// All of them.
pub fn all() -> Vec<Case> {
    let mut all = credentials();
    all.extend(answers());
    all
}

fn credentials() -> Vec<Case> {
    vec![
        case(
            "the identifier was never filled in",
            Id::CredentialsPlaceholder,
            &["WHMCS_API_IDENTIFIER", "Generate New API Credential"],
            || set(&[("WHMCS_API_IDENTIFIER", "your-identifier")]),
        ),
        case(
            "the secret is wrong",
            Id::CredentialsWrongSecret,
            &["Manage API Credentials", "WHMCS_API_SECRET"],
            || set(&[("WHMCS_API_SECRET", "canary-wrong-proof")]),
        ),
        case(
            "the identifier is wrong",
            Id::CredentialsWrongIdentifier,
            &["Manage API Credentials", "WHMCS_API_IDENTIFIER"],
            || set(&[("WHMCS_API_IDENTIFIER", "canary-wrong-proof")]),
        ),
        case(
            "the password of an admin is wrong",
            Id::CredentialsWrongSecret,
            &["WHMCS_API_PASSWORD", "md5"],
            || {
                let mut world = set(&[
                    ("WHMCS_API_USERNAME", "simulated-admin"),
                    ("WHMCS_API_PASSWORD", "canary-wrong-proof"),
                ]);
                world.home.unset("WHMCS_API_IDENTIFIER");
                world.home.unset("WHMCS_API_SECRET");
                world
            },
        ),
        case(
            "the admin is deactivated",
            Id::AdminDeactivated,
            &["Administrator Users", "untick Disable"],
            || {
                World::with(stocked(Version::V8_12, Companion::Contract1), |settings| {
                    settings.access.deactivated = true
                })
            },
        ),
        case(
            "the admin's role has no API access",
            Id::ApiAccessDenied,
            &["Administrator Roles", "API Access"],
            || refusing(Refusal::AccessDenied),
        ),
        case(
            "the address is not listed",
            Id::IpNotListed,
            &["API IP Access Restriction", "enter 192.0.2.7"],
            || refusing(Refusal::InvalidIp("192.0.2.7".to_owned())),
        ),
        case(
            "the IPv6 address is not listed",
            Id::IpNotListedIpv6,
            &["enter 2001:db8::7", "IPv4"],
            || refusing(Refusal::InvalidIp("2001:db8::7".to_owned())),
        ),
        case(
            "the address is refused in the old plain format",
            Id::IpNotListed,
            &["enter 192.0.2.7"],
            || failing(Fault::RefusedPlain(Refusal::InvalidIp("192.0.2.7".to_owned()))),
        ),
        case("the address is banned", Id::IpBanned, &["Banned IPs"], || {
            refusing(Refusal::IpBanned)
        }),
        case(
            "the role lacks GetProducts",
            Id::PermissionGetProducts,
            &["API Roles", "tick GetProducts"],
            || {
                World::with(stocked(Version::V8_12, Companion::Contract1), |settings| {
                    settings.access.denied = vec!["GetProducts".to_owned()];
                })
            },
        ),
        case(
            "the role lacks GetProductDetails on WHMCS 9",
            Id::PermissionGetProductDetails,
            &["API Roles", "tick GetProductDetails"],
            || {
                World::with(stocked(Version::V9_0, Companion::Contract1), |settings| {
                    settings.access.denied = vec!["GetProductDetails".to_owned()];
                })
            },
        )
        .warning(),
    ]
}

fn answers() -> Vec<Case> {
    vec![
        case("a firewall answers", Id::FirewallPage, &["WAF"], || {
            failing(Fault::FirewallPage)
        }),
        case("a login page answers", Id::FirewallPage, &["login page"], || {
            failing(Fault::LoginPage)
        }),
        case("maintenance", Id::Maintenance, &["Maintenance Mode"], || {
            failing(Fault::MaintenancePage(503))
        }),
        case("too many requests", Id::RateLimited, &["POLL_SCHEDULE"], || {
            failing(Fault::RateLimited(Some(60)))
        }),
        case(
            "the web server has an error of its own",
            Id::ServerError,
            &["error logs"],
            || failing(Fault::Status(500, None)),
        ),
        case(
            "a hook prints something",
            Id::PrintedBeforeAnswer,
            &["includes/hooks"],
            || failing(Fault::OutputAlreadySent),
        ),
        case(
            "PHP prints a warning before the answer",
            Id::PrintedBeforeAnswer,
            &["display_errors"],
            || failing(Fault::WarningBeforeJson),
        ),
        case(
            "a description holds malformed characters",
            Id::MalformedCharacters,
            &["type that text anew"],
            || {
                let world = World::new();
                world
                    .shop
                    .faults()
                    .keep(Some("GetProducts"), Fault::Refused(Refusal::MalformedUtf8));
                world
            },
        )
        .warning(),
    ]
}
