//! No secret comes out anywhere: not in logs at the most talkative level, pages, commands, errors or the database.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::Value;
use whmcs_stock_monitor::sinks::mail_script::Fault;
use whmcs_stock_monitor::sinks::mail_script::Step;
use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::daemon::eventually;
use crate::receivers::Receivers;
use crate::shop::Mode;
use crate::shop::Shop;
use crate::shop::item;

const IDENTIFIER: &str = "Canary1Identifier+/x";
const SECRET: &str = "Canary2Secret&=%/ y";
const ACCESS_KEY: &str = "Canary3AccessKey?#z";
const PASSWORD: &str = "Canary4SmtpPassword+/!";
const PATH: &str = "Canary5HookPath";
const QUERY: &str = "Canary6HookQuery";
const KEY: &str = "Canary7WebhookKey-of-32-bytes-or";
const TOKEN: &str = "Canary8HttpToken-long-enough-to-be-one";
const READ_TOKEN: &str = "CanaryAReadToken-long-enough-to-be-one";
/// A user's password and the salt and hash of it, as the web configuration file has it.
const USER_PASSWORD: &str = "CanaryBPasswordOfAUser";
const USER_HASH: &str = "$2y$04$CanaryHashSaltAaaaaaaunpovp2wHkfNQ9kbv4z/kIntGnSEmE3G";
/// An admin's password; what is sent is its md5.
const EU_SECRET: &str = "Canary9SecretOfTheFile";
const EU_MD5: &str = "95aab7c32d089d9857173b54d2ff1589";
/// Everything a library could be made to say.
const TALKATIVE: &str = "trace,tokio_cron_scheduler=trace,sqlx=trace,hyper=trace,hyper_util=trace,rustls=trace,reqwest=trace,tower_http=trace,tower=trace,axum=trace,mio=trace,lettre=trace,log=trace";

/// Each way in which a secret could be written, with the secret's name.
fn forms() -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    for secret in [
        IDENTIFIER,
        SECRET,
        ACCESS_KEY,
        PASSWORD,
        PATH,
        QUERY,
        KEY,
        TOKEN,
        READ_TOKEN,
        USER_PASSWORD,
        USER_HASH,
        EU_SECRET,
        EU_MD5,
    ] {
        let percent: String = secret
            .bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect();
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let list = format!("{:?}", secret.as_bytes());
        let mut texts = vec![
            secret.to_owned(),
            percent.clone(),
            percent.to_lowercase(),
            percent.replace("%20", "+"),
            hex,
            list.trim_matches(['[', ']']).to_owned(),
        ];
        // Within a longer text, base64 has three ways to begin; what depends on the neighbours is cut off.
        for shift in 0..3 {
            let shifted = [&b"\0\0"[..shift], secret.as_bytes()].concat();
            for engine in [&STANDARD, &URL_SAFE] {
                let text = engine.encode(&shifted);
                let (first, last) = (if shift == 0 { 0 } else { 4 }, shifted.len() / 3 * 4);
                texts.push(text[first..last].to_owned());
            }
        }
        texts.sort();
        texts.dedup();
        forms.extend(
            texts
                .into_iter()
                .map(|text| (secret.chars().take(7).collect(), text.into_bytes())),
        );
    }
    forms
}

/// The first secret that the text holds, with what stands around it.
fn leak(text: &[u8]) -> Option<String> {
    forms().into_iter().find_map(|(name, form)| {
        let at = memchr::memmem::find(text, &form)?;
        let around = &text[at.saturating_sub(300)..(at + form.len() + 60).min(text.len())];
        Some(format!("{name}…: …{}…", String::from_utf8_lossy(around)))
    })
}

fn assert_silent(place: &str, text: impl AsRef<[u8]>) {
    if let Some(leak) = leak(text.as_ref()) {
        panic!("{place} holds {leak}");
    }
}

#[test]
fn a_secret_would_be_found_in_whatever_form_it_came_out() {
    for written in [
        format!("password={PASSWORD};"),
        format!("AUTH PLAIN {}", STANDARD.encode(format!("\0stock\0{PASSWORD}"))),
        format!("Basic {}", URL_SAFE.encode(format!("a:{TOKEN}"))),
        "identifier=Canary1Identifier%2B%2Fx&secret=Canary2Secret%26%3D%25%2F+y".to_owned(),
        format!("body {:?}", KEY.as_bytes()),
    ] {
        assert!(leak(written.as_bytes()).is_some(), "{written}");
    }
    assert_eq!(leak(b"Canary of another kind"), None);
}

/// Looks into everything that the daemon and the commands show, and into the files.
fn assert_all_silent(scene: &str, home: &Home, daemon: &Daemon) {
    for path in [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/stock",
        "/api/v1/alerts",
        "/api/v1/polls",
        "/api/v1/deliveries",
        "/api/v1/nothing",
    ] {
        let answer = daemon.get(path);
        assert_silent(&format!("{scene}: {path}"), answer.head + &answer.body);
        let refused = daemon.ask(path, "Authorization: Bearer wrong\r\n").unwrap();
        assert_silent(&format!("{scene}: {path} refused"), refused.head + &refused.body);
    }
    for arguments in [
        &["config", "show"][..],
        &["config", "check"],
        &["check"],
        &["status", "--json"],
        &["deliveries"],
        &["deliveries", "list", "--json"],
        &["history", "1"],
        &["doctor"],
        &["doctor", "--json"],
    ] {
        let ended = home.run(arguments);
        assert_silent(&format!("{scene}: {arguments:?}"), ended.out + &ended.err);
    }
    for entry in fs::read_dir(home.path("data")).unwrap() {
        let path = entry.unwrap().path();
        // SQLite removes its own files when it likes.
        assert_silent(
            &format!("{scene}: {}", path.display()),
            fs::read(&path).unwrap_or_default(),
        );
    }
    assert_silent(&format!("{scene}: log"), daemon.log());
}

/// A home with every secret there is, each a canary.
fn home(url: &str, smtp: &str, hook: &str) -> Home {
    let percent = |text: &str| {
        text.replace('%', "%25")
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('!', "%21")
    };
    let home = Home::new(&[
        ("WHMCS_API_URL", url),
        ("WHMCS_API_IDENTIFIER", IDENTIFIER),
        ("WHMCS_API_SECRET", &format!("\"{SECRET}\"")),
        ("WHMCS_API_ACCESS_KEY", &format!("\"{ACCESS_KEY}\"")),
        ("POLL_SCHEDULE", "every 300ms"),
        (
            "SMTP_URL",
            &smtp.replace("://", &format!("://stock:{}@", percent(PASSWORD))),
        ),
        ("SMTP_FROM", "stock@shop.example"),
        ("ALERT_EMAIL_TO", "sales@shop.example"),
        ("WEBHOOK_URL", &format!("{hook}/{PATH}/hook?token={QUERY}")),
        ("WEBHOOK_SECRET", &format!("whsec_{}", STANDARD.encode(KEY))),
        ("HTTP_TOKEN", TOKEN),
        ("HTTP_READ_TOKEN", READ_TOKEN),
        ("WEB_CONFIG_FILE", "config/web.yml"),
        ("LOG_LEVEL", TALKATIVE),
    ]);
    home.write(
        "config/monitor.toml",
        &format!("[[instance]]\nname = \"eu\"\nurl = \"{url}\"\nusername = \"eu-{IDENTIFIER}\"\npassword = \"{EU_SECRET}\"\n"),
    );
    home.write(
        "config/web.yml",
        &format!("basic_auth_users:\n  anna: {USER_HASH}\n"),
    );
    home
}

/// Signs in by every credential, rightly and wrongly, and gives the session's cookies.
fn sign_ins(daemon: &Daemon) -> Vec<String> {
    let basic = |pair: &str| format!("Authorization: Basic {}\r\n", STANDARD.encode(pair));
    for (headers, status) in [
        (format!("Authorization: Bearer {READ_TOKEN}\r\n"), 200),
        (basic(&format!("anna:{USER_PASSWORD}")), 200),
        (basic(&format!("anna:{USER_PASSWORD}{READ_TOKEN}")), 401),
        (basic(&format!("{READ_TOKEN}:{USER_HASH}")), 401),
    ] {
        let answer = daemon.ask("/api/v1/stock", &headers).unwrap();
        assert_eq!(answer.status, status, "{answer:?}");
        assert_silent("a sign-in", answer.head + &answer.body);
    }
    [
        ("", TOKEN),
        ("anna", USER_PASSWORD),
        ("anna", READ_TOKEN),
        ("anna", USER_HASH),
    ]
    .iter()
    .filter_map(|(user, password)| sign_in(daemon, user, password))
    .collect()
}

/// By the page; the cookie of the session, where there is one.
fn sign_in(daemon: &Daemon, user: &str, password: &str) -> Option<String> {
    let page = daemon.ask("/login", "Accept: text/html\r\n").unwrap();
    let value = |text: &str, before: &str, end: char| {
        let rest = text.split(before).nth(1)?;
        Some(rest.split(end).next()?.to_owned())
    };
    let cookie = value(&page.head, "stock-sign-in=", ';').expect("a cookie");
    let key = value(&page.body, "name=\"form_key\" value=\"", '"').expect("a key");
    let body =
        serde_urlencoded::to_string([("form_key", key.as_str()), ("user", user), ("password", password)])
            .unwrap();
    let mut stream = TcpStream::connect(daemon.address).unwrap();
    let head = format!(
        "POST /do/login HTTP/1.1\r\nHost: localhost\r\nCookie: stock-sign-in={cookie}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_silent("the sign-in", &answer);
    value(&answer, "stock-session=", ';')
}

/// Waits until each delivery was tried.
fn wait_for_attempts(home: &Home) {
    eventually("each delivery was tried", || {
        let listed = home.run(&["deliveries", "list", "--json"]).json();
        let items = listed["items"].as_array().unwrap().clone();
        (items.len() >= 2
            && items.iter().all(|item| {
                item["attempts"] != 0 && (item["state"] == "sent" || item["last_error"] != Value::Null)
            }))
        .then_some(())
    });
}

#[test]
fn where_all_goes_well_no_secret_comes_out() {
    for format in ["text", "json"] {
        let shop = Shop::open(vec![item(1, "A", 4)]);
        let receivers = Receivers::start();
        let mut home = home(&shop.url(), &receivers.mail.url(), &receivers.hook.url());
        home.set("LOG_FORMAT", format);
        let mut daemon = home.start();
        // Two shops, each with a baseline.
        receivers.wait_for(2);
        // The log talks, libraries too, and the secrets did travel.
        let log = daemon.log();
        assert!(log.contains("TRACE") && log.contains("hyper"), "{log}");
        let asked = shop.asked();
        assert!(
            asked.iter().any(|asked| asked.form.contains("Canary2Secret")),
            "{asked:?}"
        );
        assert!(
            asked.iter().all(|asked| !asked.head.contains("Canary")),
            "{asked:?}"
        );
        assert!(receivers.hook.requests()[0].path.contains(QUERY));
        assert_eq!(receivers.mail.mails()[0].username.as_deref(), Some("stock"));
        for payload in receivers.payloads() {
            assert_silent("webhook", payload.to_string());
        }
        assert_silent("mail", &receivers.mail.mails()[0].raw);
        let sessions = sign_ins(&daemon);
        assert_eq!(sessions.len(), 3, "{sessions:?}");
        assert_all_silent(format, &home, &daemon);
        daemon.stop();
        let log = daemon.log();
        assert_silent("log after the stop", &log);
        assert!(
            sessions.iter().all(|session| !log.contains(session)),
            "a session in the log"
        );
        let is_json = |line: &str| serde_json::from_str::<Value>(line).is_ok();
        assert!(format == "text" || log.lines().all(is_json), "{log}");
    }
}

#[test]
fn where_whmcs_refuses_and_quotes_the_request_no_secret_comes_out() {
    let shop = Shop::open(vec![item(1, "A", 4)]);
    let receivers = Receivers::start();
    let elsewhere = format!("Location: http://127.0.0.1:9/?secret={EU_SECRET}&password={EU_MD5}\r\n");
    let scenes = [
        ("a page that quotes the request", shop.url(), Mode::Echo),
        ("a refusal that quotes the secret", shop.url(), Mode::EchoRefusal),
        (
            "a redirect",
            shop.url(),
            Mode::Plain(302, elsewhere, String::new()),
        ),
        (
            "not a certificate",
            shop.url().replace("http:", "https:"),
            Mode::Catalogue,
        ),
        (
            "nobody there",
            "http://127.0.0.1:9/includes/api.php".to_owned(),
            Mode::Catalogue,
        ),
    ];
    for (place, (scene, url, mode)) in scenes.into_iter().enumerate() {
        shop.mode(mode);
        let mut home = home(&url, &receivers.mail.url(), &receivers.hook.url());
        home.set("SOURCE_DOWN_AFTER", "1s");
        home.set("SOURCE_DOWN_POLLS", "1");
        home.set("LOG_FORMAT", if place % 2 == 0 { "text" } else { "json" });
        let mut daemon = home.start();
        let told = receivers.of_type("source.down").len();
        eventually(scene, || {
            (receivers.of_type("source.down").len() >= told + 2).then_some(())
        });
        eventually("the mails", || {
            (receivers.mail.mails().len() == receivers.payloads().len()).then_some(())
        });
        assert_all_silent(scene, &home, &daemon);
        daemon.stop();
    }
    for payload in receivers.payloads() {
        assert_silent("webhook", payload.to_string());
    }
    for mail in receivers.mail.mails() {
        assert_silent("mail", &mail.raw);
        assert_silent("mail", mail.text() + &mail.html());
    }
}

#[test]
fn where_channels_fail_no_secret_comes_out() {
    let shop = Shop::open(vec![item(1, "A", 4)]);
    let receivers = Receivers::start();
    let (mail, hook) = (receivers.mail.url(), receivers.hook.url().replace("/hook", ""));
    let refused = Fault::Line(format!("535 5.7.8 Wrong password: {PASSWORD}"));
    let page = Reply::Full {
        status: 401,
        header: ("X-Path".to_owned(), PATH.to_owned()),
        body: format!("no such hook: /{PATH}/hook?token={QUERY}"),
    };
    let redirect = Reply::Full {
        status: 302,
        header: ("Location".to_owned(), format!("/{PATH}/hook?token={QUERY}")),
        body: String::new(),
    };
    let plain = mail.replace("?tls=none", "");
    let scenes = [
        ("refused", mail.clone(), hook.clone(), Some(refused), page),
        (
            "redirected, and no STARTTLS",
            plain.clone(),
            hook.clone(),
            None,
            redirect,
        ),
        (
            "not a certificate",
            plain.replace("smtp:", "smtps:"),
            format!("https://{}", shop.address()),
            None,
            Reply::Status(204),
        ),
        (
            "nobody there",
            "smtp://127.0.0.1:9?tls=none".to_owned(),
            "http://127.0.0.1:9".to_owned(),
            None,
            Reply::Status(204),
        ),
        (
            "no such name",
            "smtp://mx.invalid?tls=none".to_owned(),
            "http://hooks.invalid".to_owned(),
            None,
            Reply::Status(204),
        ),
    ];
    for (place, (scene, mail, hook, fault, reply)) in scenes.into_iter().enumerate() {
        receivers.mail.always(Step::Auth, fault);
        receivers.hook.always(reply);
        let mut home = home(&shop.url(), &mail, &hook);
        home.set("LOG_FORMAT", if place % 2 == 0 { "json" } else { "text" });
        let mut daemon = home.start();
        wait_for_attempts(&home);
        assert_all_silent(scene, &home, &daemon);
        daemon.stop();
    }
}

#[test]
fn a_configuration_that_is_wrong_in_its_secrets_does_not_quote_them() {
    let home = home(
        "http://nobody:Canary2Secret&=%/ y@shop.example/includes/api.php",
        "smtp://127.0.0.1:9",
        "ftp://hooks.example",
    );
    for arguments in [
        &["run"][..],
        &["config", "check"],
        &["config", "show"],
        &["check"],
    ] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, 78, "{ended:?}");
        assert!(
            ended.err.contains("WEBHOOK_URL") && ended.err.contains("WHMCS_API_URL"),
            "{ended:?}"
        );
        assert_silent("errors", ended.out + &ended.err);
    }
    for arguments in [&["doctor"][..], &["doctor", "--json"]] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(
            ended.out.contains("WEBHOOK_URL") && ended.out.contains("WHMCS_API_URL"),
            "{ended:?}"
        );
        assert_silent("what the doctor says", ended.out + &ended.err);
    }
}
