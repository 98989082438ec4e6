//! What WHMCS, or something in front of it, refuses.

use whmcs_stock_monitor::doctor::finding::Id;
use whmcs_stock_monitor::simulator::faults::Asker;
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
    all.extend(guarded());
    all.extend(spoilt());
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

/// The same body to every request, with or without credentials.
fn body(status: u16, content_type: &str, body: &str) -> Fault {
    Fault::Body {
        status,
        content_type: content_type.to_owned(),
        body: body.into(),
    }
}

/// It happens to signed requests for the products alone.
fn signed(fault: Fault) -> World {
    let world = World::new();
    world
        .shop
        .faults()
        .keep_for(Asker::Signed, Some("GetProducts"), fault);
    world
}

fn guarded() -> Vec<Case> {
    vec![
        case(
            "signed requests alone are redirected",
            Id::UrlRedirects,
            &[
                "HTTP 302 to https://shop.example/login.php",
                "though a request without credentials is not",
            ],
            || {
                signed(Fault::Redirect {
                    status: 302,
                    location: "https://shop.example/login.php?token=canary-webhook-path".to_owned(),
                })
            },
        ),
        case(
            "Cloudflare challenges under 503",
            Id::FirewallPage,
            &["Skip for this address"],
            || {
                failing(body(
                    503,
                    "text/html",
                    "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>",
                ))
            },
        ),
        case(
            "Cloudflare challenges without a page",
            Id::FirewallPage,
            &["Skip for this address"],
            || {
                failing(Fault::Raw(
                b"HTTP/1.1 503 Service Unavailable\r\nServer: cloudflare\r\ncf-mitigated: challenge\r\nContent-Length: 0\r\n\r\n".to_vec(),
            ))
            },
        ),
        case(
            "Imunify360 refuses in JSON under 200",
            Id::FirewallPage,
            &["WAF"],
            || {
                failing(body(
                    200,
                    "application/json",
                    r#"{"message":"Access denied by Imunify360 bot-protection. IPs used for automation should be whitelisted"}"#,
                ))
            },
        ),
        case(
            "Imunify360 refuses in JSON under 415",
            Id::FirewallPage,
            &["WAF"],
            || {
                failing(body(
                    415,
                    "application/json",
                    r#"{"message":"Access denied by Imunify360 bot-protection."}"#,
                ))
            },
        ),
        case(
            "Imunify360 refuses signed requests alone",
            Id::FirewallPage,
            &["WAF"],
            || {
                signed(body(
                    200,
                    "application/json",
                    r#"{"message":"Access denied by Imunify360 bot-protection."}"#,
                ))
            },
        ),
        case(
            "maintenance in JSON",
            Id::Maintenance,
            &["Maintenance Mode"],
            || {
                failing(body(
                    503,
                    "application/json",
                    r#"{"result":"error","message":"Down for Maintenance"}"#,
                ))
            },
        ),
        case(
            "maintenance in JSON under 200",
            Id::Maintenance,
            &["Maintenance Mode"],
            || {
                failing(body(
                    200,
                    "application/json",
                    r#"{"result":"error","message":"Down for Maintenance"}"#,
                ))
            },
        ),
    ]
}

fn spoilt() -> Vec<Case> {
    vec![
        case(
            "a comment stands before the answer",
            Id::PrintedBeforeAnswer,
            &["includes/hooks"],
            || {
                failing(body(
                    200,
                    "text/html",
                    r#"<!-- x -->{"result":"error","message":"Authentication Failed"}"#,
                ))
            },
        ),
        case(
            "a word stands before a refusal under 403",
            Id::PrintedBeforeAnswer,
            &["display_errors"],
            || {
                failing(body(
                    403,
                    "text/html",
                    r#"here1{"result":"error","message":"Invalid or missing credentials"}"#,
                ))
            },
        ),
        case(
            "a notice stands before the products alone",
            Id::PrintedBeforeAnswer,
            &["display_errors"],
            || {
                signed(body(
                    200,
                    "text/html",
                    "Notice: Undefined index in /hooks/a.php on line 3\n{\"result\":\"success\",\"totalresults\":0}",
                ))
            },
        ),
        case(
            "the address is written in IPv6's form of IPv4",
            Id::IpNotListed,
            &["enter 203.0.113.9", "add ::ffff:203.0.113.9"],
            || refusing(Refusal::InvalidIp("::ffff:203.0.113.9".to_owned())),
        ),
        case(
            "a redirect without a target",
            Id::UrlRedirects,
            &["names no target"],
            || {
                failing(Fault::Raw(
                    b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
                ))
            },
        ),
        case(
            "http to a port of https",
            Id::UrlHttp,
            &["Write https://"],
            || {
                failing(body(
                    400,
                    "text/html",
                    "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
                ))
            },
        ),
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
