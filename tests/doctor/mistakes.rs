//! The table of mistakes: what is planted, which finding it is, and words of its mend. Each is found alone.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use whmcs_stock_monitor::doctor::finding::Id;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::sinks::mail_script::Fault as MailFault;
use whmcs_stock_monitor::sinks::mail_script::Step;
use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::tls::Made;
use crate::world::World;
use crate::world::ids;
use crate::world::no_secret;
use crate::world::stocked;

/// Cases under way at once.
const AT_ONCE: usize = 4;

struct Case {
    mistake: &'static str,
    plant: fn() -> World,
    id: Id,
    severity: &'static str,
    /// Of the problem, the mend or the setting.
    words: &'static [&'static str],
    arguments: &'static [&'static str],
}

fn case(mistake: &'static str, id: Id, words: &'static [&'static str], plant: fn() -> World) -> Case {
    Case {
        mistake,
        plant,
        id,
        severity: "failure",
        words,
        arguments: &[],
    }
}

impl Case {
    fn warning(self) -> Self {
        Self {
            severity: "warning",
            ..self
        }
    }

    fn with_test(self) -> Self {
        Self {
            arguments: &["--send-test"],
            ..self
        }
    }
}

fn refusing(refusal: Refusal) -> World {
    let world = World::new();
    world.refuse(refusal);
    world
}

fn failing(fault: Fault) -> World {
    let world = World::new();
    world.shop.fail_always(fault);
    world
}

fn set(changes: &[(&str, &str)]) -> World {
    let mut world = World::new();
    for (name, value) in changes {
        world.set(name, value);
    }
    world
}

/// The shop behind TLS; its authority is trusted where `trusted`.
fn secured(made: Made, trusted: bool) -> World {
    let mut world = World::new();
    let (port, ca) = world.behind_tls(world.shop.address(), made);
    world.set(
        "WHMCS_API_URL",
        &format!("https://localhost:{port}/includes/api.php"),
    );
    if trusted {
        world.set("WHMCS_CA_FILE", &ca);
    }
    world
}

fn capacity(version: Version, companion: Companion) -> World {
    use whmcs_stock_monitor::simulator::product::ConfigOption;
    use whmcs_stock_monitor::simulator::product::OptionKind;
    let memory = ConfigOption::new(4, "RAM", OptionKind::Dropdown, &[(11, "32 GB"), (12, "64 GB")]);
    let product = Product::new(1, 1, "Servers", "DS-64")
        .with_stock(12)
        .with_option(memory);
    let world = World::of(Shop::new(version, companion).with_products([product]));
    world.rules("[[capacity]]\noptions = { RAM = \"64 GB\" }\ncapacity = 10\n");
    world
}

fn address() -> Vec<Case> {
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
            "the address redirects",
            Id::UrlRedirects,
            &["https://shop.example/includes/api.php", "HTTP 301"],
            || {
                failing(Fault::Redirect {
                    status: 301,
                    location: "https://shop.example/includes/api.php?token=canary-webhook-path".to_owned(),
                })
            },
        ),
        case("http to another host", Id::UrlHttp, &["https://"], || {
            let mut world = World::with(stocked(Version::V8_12, Companion::Contract1), |settings| {
                settings.listen = ([0, 0, 0, 0], 0).into();
            });
            let port = world.shop.address().port();
            world.set(
                "WHMCS_API_URL",
                &format!("http://0.0.0.0:{port}/includes/api.php"),
            );
            world
        })
        .warning(),
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
        case(
            "the certificate has expired",
            Id::TlsExpired,
            &["has expired", "Renew"],
            || secured(Made::Expired, true),
        ),
        case(
            "the certificate is another host's",
            Id::TlsWrongHost,
            &["another name"],
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

fn refusals() -> Vec<Case> {
    vec![
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
        ),
    ]
}

fn stock() -> Vec<Case> {
    vec![
        case("the catalogue exceeds the limit", Id::AnswerUnreadable, &["WHMCS_MAX_BODY"], || {
            let mut world = World::of(Shop::bulk(2000, 2, 3));
            world.set("WHMCS_MAX_BODY", "1MiB");
            world
        }),
        case("most products vanish", Id::AnswerNotCredible, &["three polls"], || {
            let world = World::of(Shop::bulk(40, 0, 0));
            world.poll();
            for pid in 2..=40 {
                world.shop.shop().remove(pid).expect("sold");
            }
            world
        })
        .warning(),
        case("WHMCS sells nothing", Id::CatalogueEmpty, &["right installation"], || {
            World::of(Shop::new(Version::V8_12, Companion::Contract1))
        })
        .warning(),
        case("the clocks differ", Id::ClockDiffers, &["NTP", "ahead of"], || {
            let world = World::new();
            world.shop.shop().change_habits(|habits| habits.clock_ahead = SignedDuration::from_mins(10));
            world
        })
        .warning(),
        case("WHMCS 8.3 without the companion", Id::StockNoFields, &["WHMCS 8.3.2", "companion export", "8.12", "the role lacks GetProductDetails"], || {
            World::of(stocked(Version::V8_3, Companion::None))
        })
        .warning(),
        case("a zero on WHMCS 8.12 without the companion", Id::StockAmbiguousZeros, &["DS-256 (7)", "products = [7]", "stock_control = \"on\"", "says the same for both"], || {
            World::of(stocked(Version::V8_12, Companion::None).with_products([Product::new(7, 1, "Servers", "DS-256").with_stock(0)]))
        })
        .warning(),
        case("a zero on WHMCS 9 without the companion", Id::StockAmbiguousZeros, &["DS-256 (7)", "install the companion"], || {
            World::of(stocked(Version::V9_0, Companion::None).with_products([Product::new(7, 1, "Servers", "DS-256").with_stock(0)]))
        })
        .warning(),
        case("a stock that is no number", Id::StockUnreadable, &["DS-64 (1)"], || {
            let world = World::of(stocked(Version::V8_12, Companion::None));
            let body = r#"{"result":"success","totalresults":1,"products":{"product":[{"pid":1,"gid":1,"name":"DS-64","quantity_available":"many"}]}}"#;
            world.shop.faults().keep(
                Some("GetProducts"),
                Fault::Body {
                    status: 200,
                    content_type: "application/json".to_owned(),
                    body: body.into(),
                },
            );
            world
        })
        .warning(),
        case("the companion's file was removed", Id::CompanionMissing, &["includes/api/getproductdetails.php"], || {
            World::of(stocked(Version::V8_12, Companion::FileMissing))
        })
        .warning(),
        case("a capacity without the companion that counts", Id::CompanionMissing, &["capacities and pools", "companion export"], || {
            capacity(Version::V9_0, Companion::None)
        })
        .warning(),
        case("the companion vanished from WHMCS 9", Id::CompanionMissing, &["not available"], || {
            let world = World::of(stocked(Version::V9_0, Companion::Contract1));
            world.poll();
            world.shop.shop().change_habits(|habits| habits.companion = Companion::None);
            world
        })
        .warning(),
        case("a capacity with another action of the companion's name", Id::CompanionOtherAction, &["another custom action"], || {
            capacity(Version::V8_12, Companion::Foreign)
        })
        .warning(),
    ]
}

fn settings() -> Vec<Case> {
    vec![
        case(
            "a setting is no number",
            Id::Configuration,
            &["LOW_STOCK", ".env line"],
            || set(&[("LOW_STOCK", "many")]),
        ),
        case(
            "a setting is misspelt",
            Id::Configuration,
            &["LOW_STOK", "Did you mean LOW_STOCK?"],
            || set(&[("LOW_STOK", "3")]),
        )
        .warning(),
        case("there is no channel", Id::NoChannel, &["Set one of them"], || {
            let mut world = World::new();
            for name in [
                "ALERT_EMAIL_TO",
                "SMTP_URL",
                "SMTP_FROM",
                "WEBHOOK_URL",
                "WEBHOOK_SECRET",
            ] {
                world.home.unset(name);
            }
            world
        })
        .warning(),
        case(
            "a rule names no product there is",
            Id::RuleMatchesNothing,
            &["rule 1", "spelling"],
            || {
                let world = World::new();
                world.rules("[[rule]]\nproducts = [\"DS-63\"]\nlow = 3\n");
                world
            },
        )
        .warning(),
        case(
            "a pool names no product there is",
            Id::RuleMatchesNothing,
            &["pool \"Chassis\": use 1"],
            || {
                let world = World::new();
                world
                    .rules("[[pool]]\nname = \"Chassis\"\ncapacity = 10\nuses = [{ product = \"DS-63\" }]\n");
                world
            },
        )
        .warning(),
        case(
            "a threshold that was never exceeded in ten days",
            Id::ThresholdAboveAnythingSeen,
            &["DS-64 (1)", "12 at most", "low at 20", "LOW_STOCK"],
            || {
                let mut world = World::new();
                world.set("LOW_STOCK", "20");
                world.poll();
                world.sql("UPDATE polls SET observed_at = observed_at - 864000000");
                world
            },
        )
        .warning(),
        case(
            "the database is in a file",
            Id::DatabaseFolder,
            &["is no folder", "DATABASE_URL"],
            || {
                let world = set(&[("DATABASE_URL", "sqlite://plain/stock.db")]);
                world.home.write("plain", "x");
                world
            },
        ),
        case(
            "the database is garbage",
            Id::DatabaseDamaged,
            &["backup", ".recover"],
            || {
                let world = World::new();
                world.home.write("data/stock.db", &"no database ".repeat(1000));
                world
            },
        ),
        case(
            "the database is of a newer version",
            Id::DatabaseNewer,
            &["schema 99"],
            || {
                let world = World::new();
                world.poll();
                world.sql("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'later', 1, x'00', 0)");
                world
            },
        ),
        case(
            "the database is another program's",
            Id::DatabaseForeign,
            &["another program"],
            || {
                let world = World::new();
                world.sql("CREATE TABLE theirs (a)");
                world
            },
        ),
    ]
}

fn channels() -> Vec<Case> {
    vec![
        case(
            "the mail server is down",
            Id::SmtpConnect,
            &["SMTP_URL", "port"],
            || {
                let mut world = World::new();
                let port = world.closed_port();
                world.set("SMTP_URL", &format!("smtp://127.0.0.1:{port}?tls=none"));
                world
            },
        ),
        case(
            "the mail server offers no STARTTLS",
            Id::SmtpStarttlsMissing,
            &["STARTTLS", "587"],
            || {
                let mut world = World::new();
                let url = format!("smtp://{}", world.mail.address());
                world.set("SMTP_URL", &url);
                world
            },
        ),
        case(
            "STARTTLS fails",
            Id::SmtpTls,
            &["secure connection", "SMTP_URL"],
            || {
                let mut world = World::new();
                world.mail.offer_starttls();
                let url = format!("smtp://{}", world.mail.address());
                world.set("SMTP_URL", &url);
                world
            },
        ),
        case(
            "the mail server's certificate is another host's",
            Id::SmtpTls,
            &["another name", "SSL_CERT_FILE"],
            || {
                let mut world = World::new();
                let (port, ca) = world.behind_tls(world.mail.address(), Made::ForAnother);
                world.set("SMTP_URL", &format!("smtps://localhost:{port}"));
                let ca = world.home.path(&ca).display().to_string();
                world.home.export("SSL_CERT_FILE", &ca);
                world
            },
        ),
        case(
            "the mail password is wrong",
            Id::SmtpSignIn,
            &["SMTP_PASSWORD", "535"],
            || {
                let mut world = World::new();
                world.mail.always(Step::Auth, Some(MailFault::Code(535)));
                let url = world
                    .mail
                    .url()
                    .replace("smtp://", "smtp://stock:canary-mail-password@");
                world.set("SMTP_URL", &url);
                world
            },
        ),
        case(
            "the recipient is refused",
            Id::SmtpRefused,
            &["sales@shop.example", "SMTP_FROM"],
            || {
                let world = World::new();
                world.mail.always(Step::Rcpt, Some(MailFault::Code(550)));
                world
            },
        )
        .with_test(),
        case(
            "the receiver is down",
            Id::WebhookConnect,
            &["WEBHOOK_URL"],
            || {
                let mut world = World::new();
                let port = world.closed_port();
                world.set(
                    "WEBHOOK_URL",
                    &format!("http://127.0.0.1:{port}/canary-webhook-path"),
                );
                world
            },
        ),
        case(
            "the receiver's certificate comes from a private CA",
            Id::WebhookTls,
            &["no authority known here", "SSL_CERT_FILE"],
            || {
                let mut world = World::new();
                let (port, _) = world.behind_tls(world.hook.address(), Made::Well);
                world.set(
                    "WEBHOOK_URL",
                    &format!("https://localhost:{port}/canary-webhook-path"),
                );
                world
            },
        ),
        case(
            "the webhook is a cloud's metadata service",
            Id::WebhookRefusedAddress,
            &["allow_link_local = true"],
            || set(&[("WEBHOOK_URL", "http://100.100.100.200/canary-webhook-path")]),
        ),
        case(
            "the receiver refuses the token",
            Id::WebhookRefused,
            &["401"],
            || {
                let world = World::new();
                world.hook.always(Reply::Status(401));
                world
            },
        )
        .with_test(),
    ]
}

fn all() -> Vec<Case> {
    let mut all = address();
    all.extend(refusals());
    all.extend(stock());
    all.extend(settings());
    all.extend(channels());
    all
}

/// What is wrong with how a case was found; nothing where all is as it should be.
fn judged(case: &Case) -> Vec<String> {
    let world = (case.plant)();
    let (ended, report) = world.doctor(case.arguments);
    let mut wrong = Vec::new();
    let findings = report["findings"].as_array().expect("findings");
    if findings.len() != 1 || ids(&report) != [case.id.as_str()] {
        wrong.push(format!("found {findings:#?}"));
        return wrong;
    }
    let finding = &findings[0];
    let (code, result) = match case.severity {
        "failure" => (2, "failure"),
        _ => (1, "warning"),
    };
    if ended.code != code || report["result"] != result || finding["severity"] != case.severity {
        wrong.push(format!("ended with {} and {}", ended.code, report["result"]));
    }
    let texts = [&finding["problem"], &finding["mend"], &finding["setting"]];
    let said: Vec<&str> = texts.iter().filter_map(|text| text.as_str()).collect();
    let said = said.join(" ");
    for words in case.words {
        if !said.contains(words) {
            wrong.push(format!("{words:?} is not in {said:?}"));
        }
    }
    if finding["see"] != format!("docs/troubleshooting.md#{}", case.id.as_str()) {
        wrong.push(format!("see {}", finding["see"]));
    }
    let printed = world.home.run(&[&["doctor"], case.arguments].concat());
    no_secret(&printed);
    if printed.code != code || !printed.out.contains(case.id.as_str()) {
        wrong.push(format!("printed {printed:?}"));
    }
    wrong
}

#[test]
fn each_planted_mistake_is_found_alone_and_with_its_mend() {
    let cases = all();
    assert!(cases.len() >= 25, "{}", cases.len());
    let next = AtomicUsize::new(0);
    let wrong: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = catch_unwind(AssertUnwindSafe(|| judged(case)));
                    let found = found.unwrap_or_else(|_| vec!["the test panicked (see above)".to_owned()]);
                    let mut wrong = wrong.lock().expect("nobody panicked");
                    wrong.extend(
                        found
                            .into_iter()
                            .map(|problem| format!("{}: {problem}", case.mistake)),
                    );
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody panicked");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_finding_but_those_that_need_a_broken_disk_is_planted() {
    let planted: BTreeSet<&str> = all().iter().map(|case| case.id.as_str()).collect();
    let missing: Vec<&str> = Id::ALL
        .iter()
        .map(|id| id.as_str())
        .filter(|id| !planted.contains(id))
        .collect();
    assert_eq!(missing, ["database-unreadable", "disk-space-low"]);
}
