//! Mistakes on the way to WHMCS: address, name, connection, certificate.

use whmcs_stock_monitor::doctor::finding::Id;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::case::Case;
use crate::case::case;
use crate::case::failing;
use crate::case::secured;
use crate::case::set;
use crate::tls::Made;
use crate::world::World;
use crate::world::stocked;

/// All of them.
pub fn all() -> Vec<Case> {
    let mut all = reached();
    all.extend(led_elsewhere());
    all.extend(certificates());
    all.extend(proxies());
    all
}

/// A shop that is reached by a proxy.
fn proxied(variable: &str, proxy: &str, url: &str) -> World {
    let mut world = World::new();
    world.home.export(variable, proxy);
    world.set("WHMCS_API_URL", url);
    world
}

fn proxies() -> Vec<Case> {
    const SHOP: &str = "https://shop.invalid/includes/api.php";
    vec![
        case(
            "the proxy is down",
            Id::Proxy,
            &["HTTPS_PROXY", "127.0.0.1:", "NO_PROXY"],
            || {
                let port = World::new().closed_port();
                proxied(
                    "HTTPS_PROXY",
                    &format!("http://user:canary-wrong-proof@127.0.0.1:{port}"),
                    SHOP,
                )
            },
        ),
        case(
            "the proxy's name is misspelt",
            Id::Proxy,
            &[
                "all_proxy",
                "no-such-proxy.invalid:3128",
                "name cannot be resolved",
            ],
            || {
                proxied(
                    "all_proxy",
                    "http://user:canary-wrong-proof@no-such-proxy.invalid:3128",
                    SHOP,
                )
            },
        ),
        case(
            "the proxy asks for a password",
            Id::Proxy,
            &["HTTP_PROXY", "HTTP 407", "user and password"],
            || {
                let mut world = failing(Fault::Status(407, None));
                let proxy = format!("http://{}", world.shop.address());
                world.home.export("HTTP_PROXY", &proxy);
                world.set("WHMCS_API_URL", "http://shop.invalid/includes/api.php");
                world
            },
        ),
        case(
            "the proxy refuses the way to https",
            Id::Proxy,
            &["HTTPS_PROXY", "fails."],
            || {
                let mut world = failing(Fault::Status(407, None));
                let proxy = format!("http://{}", world.shop.address());
                world.home.export("HTTPS_PROXY", &proxy);
                world.set("WHMCS_API_URL", SHOP);
                world
            },
        ),
        case(
            "the proxy is no address",
            Id::Proxy,
            &["HTTPS_PROXY holds no address of a proxy"],
            || proxied("HTTPS_PROXY", "ftp://user:canary-wrong-proof@proxy.invalid", SHOP),
        ),
        case(
            "a proxy that does not apply is not blamed",
            Id::DnsNotFound,
            &["shop.invalid"],
            || {
                let mut world = proxied("HTTPS_PROXY", "http://127.0.0.1:9", SHOP);
                world.home.export("NO_PROXY", "shop.invalid");
                world
            },
        ),
    ]
}

fn reached() -> Vec<Case> {
    vec![
        case(
            "the name of the file is misspelt",
            Id::UrlNotFound,
            &[
                "It answers at http://127.0.0.1",
                "/includes/api.php",
                "WHMCS_API_URL",
            ],
            || {
                let mut world = World::new();
                let url = world.shop.url().replace("api.php", "apii.php");
                world.set("WHMCS_API_URL", &url);
                world
            },
        ),
        case(
            "the address is the shop's, without /includes/api.php",
            Id::UrlNotFound,
            &["It answers at", "/includes/api.php"],
            || {
                let mut world = World::new();
                let url = world.shop.url().replace("includes/api.php", "");
                world.set("WHMCS_API_URL", &url);
                world
            },
        ),
        case(
            "another web server answers",
            Id::UrlNotFound,
            &["None of the usual places", "billing/includes/api.php"],
            || {
                let mut world = World::new();
                let url = format!("http://{}/includes/api.php", world.hook.address());
                world.set("WHMCS_API_URL", &url);
                world
            },
        ),
        case(
            "the host's name is misspelt",
            Id::DnsNotFound,
            &["no-such-shop.invalid", "spelling"],
            || set(&[("WHMCS_API_URL", "https://no-such-shop.invalid/includes/api.php")]),
        ),
        case(
            "the web server is down",
            Id::ConnectRefused,
            &["web server runs"],
            || {
                let mut world = World::new();
                let port = world.closed_port();
                world.set(
                    "WHMCS_API_URL",
                    &format!("http://127.0.0.1:{port}/includes/api.php"),
                );
                world
            },
        ),
        case(
            "the web server hangs",
            Id::Timeout,
            &["WHMCS_API_TIMEOUT"],
            || {
                let mut world = failing(Fault::Hang);
                world.set("WHMCS_API_TIMEOUT", "1s");
                world
            },
        ),
        case(
            "the web server breaks off",
            Id::ConnectionBroken,
            &["breaks the connection off"],
            || failing(Fault::Reset),
        ),
    ]
}

fn led_elsewhere() -> Vec<Case> {
    vec![
        case(
            "the address redirects",
            Id::UrlRedirects,
            &[
                "https://shop.invalid/includes/api.php",
                "HTTP 301",
                "Nothing there answers",
            ],
            || {
                failing(Fault::Redirect {
                    status: 301,
                    location: "https://shop.invalid/includes/api.php?token=canary-webhook-path".to_owned(),
                })
            },
        ),
        case(
            "the address redirects to where the shop moved",
            Id::UrlRedirects,
            &[
                "WHMCS answers at https://localhost",
                "/includes/api.php",
                "WHMCS_API_URL",
            ],
            || {
                let mut world = World::new();
                let (port, ca) = world.behind_tls(world.shop.address(), Made::Well);
                let to = format!("https://localhost:{port}/includes/api.php");
                world.set("WHMCS_CA_FILE", &ca);
                world.hook.always(Reply::Full {
                    status: 301,
                    header: ("Location".to_owned(), format!("{to}?token=canary-webhook-path")),
                    body: String::new(),
                });
                let url = format!("http://{}/includes/api.php", world.hook.address());
                world.set("WHMCS_API_URL", &url);
                world
            },
        ),
        case(
            "http to another host",
            Id::UrlHttp,
            &["does not answer as WHMCS does: have the web server offer https"],
            || {
                let mut world = World::with(stocked(Version::V8_12, Companion::Contract1), |settings| {
                    settings.listen = ([0, 0, 0, 0], 0).into();
                });
                let port = world.shop.address().port();
                world.set(
                    "WHMCS_API_URL",
                    &format!("http://0.0.0.0:{port}/includes/api.php"),
                );
                world
            },
        )
        .warning(),
    ]
}

fn certificates() -> Vec<Case> {
    vec![
        case(
            "the certificate has expired",
            Id::TlsExpired,
            &["has expired", "Renew"],
            || secured(Made::Expired, true),
        ),
        case(
            "the certificate is not valid yet",
            Id::TlsNotValidYet,
            &["not valid before", "clock of this host"],
            || secured(Made::NotYet, true),
        ),
        case(
            "the certificate ends in three days",
            Id::TlsExpiresSoon,
            &["localhost", "certbot"],
            || secured(Made::EndsSoon, true),
        )
        .warning(),
        case(
            "the certificate is an authority's own",
            Id::TlsCaCertificate,
            &["CA:TRUE", "CA:FALSE", "WHMCS_CA_FILE"],
            || secured(Made::Authority, true),
        ),
        case(
            "the certificate is another host's",
            Id::TlsWrongHost,
            &["another name", "other.example"],
            || secured(Made::ForAnother, true),
        ),
        case(
            "the certificate comes from a private CA",
            Id::TlsUnknownCa,
            &["WHMCS_CA_FILE", "PEM"],
            || secured(Made::Well, false),
        ),
        case(
            "https to a port without TLS",
            Id::TlsOther,
            &["speaks TLS"],
            || {
                let mut world = World::new();
                let url = format!("https://{}/includes/api.php", world.mail.address());
                world.set("WHMCS_API_URL", &url);
                world
            },
        ),
    ]
}
