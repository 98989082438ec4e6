//! Mail through a real Postfix: each recipient by itself, nothing in the clear, threads and headers as they arrive.

use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::daemon::eventually;
use crate::home;
use crate::postfix::PASSWORD;
use crate::postfix::Postfix;
use crate::postfix::USER_IN_URL;
use crate::proxy::Proxy;
use crate::receivers::Receivers;
use crate::shop::Shop;
use crate::shop::item;

const ALL: &str = "Sales <sales@shop.example>, ops@shop.example, gone@shop.example";

/// A set-up that sends by that Postfix, reached at that port.
fn set_up(shop: &Shop, receivers: &Receivers, postfix: &Postfix, port: u16) -> Home {
    receivers.hook.always(Reply::Status(204));
    let mut home = home(shop, receivers);
    home.set(
        "SMTP_URL",
        &format!("smtp://{USER_IN_URL}:{PASSWORD}@localhost:{port}"),
    );
    home.set("SMTP_FROM", "Stock monitor <stock@shop.example>");
    home.set("ALERT_EMAIL_TO", ALL);
    home.unset("WEBHOOK_URL");
    home.unset("WEBHOOK_SECRET");
    home.export("SSL_CERT_FILE", &postfix.authority());
    home
}

fn outbox(daemon: &Daemon, state: &str) -> Option<f64> {
    daemon.metric(&format!(
        "whmcs_stock_outbox_messages{{channel=\"email\",state=\"{state}\"}}"
    ))
}

#[test]
fn of_three_recipients_one_is_refused_until_he_is_allowed_and_one_is_greylisted() {
    let Some(postfix) = Postfix::start("") else { return };
    let greylisted = "450 4.2.0 greylisted, try again later";
    postfix.answer(&[
        ("gone@shop.example", "550 5.1.1 nobody of that name here"),
        ("ops@shop.example", greylisted),
    ]);
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = set_up(&shop, &receivers, &postfix, postfix.address.port());
    let mut daemon = home.start();
    let first = postfix.wait_for(1);
    assert_eq!(
        (first[0].to.as_str(), first[0].from.as_str()),
        ("sales@shop.example", "<stock@shop.example>")
    );
    eventually("the refused one is a dead letter", || {
        (outbox(&daemon, "dead") == Some(1.0)).then_some(())
    });
    eventually("the greylisted one waits", || {
        (outbox(&daemon, "pending") == Some(1.0)).then_some(())
    });
    let listed = daemon.json("/api/v1/deliveries");
    let of = |to: &str| {
        let items = listed["items"].as_array().unwrap();
        items.iter().find(|item| item["recipient"] == to).unwrap().clone()
    };
    assert_eq!(of("sales@shop.example")["state"], "sent", "{listed}");
    let waiting = of("ops@shop.example");
    assert_eq!(
        (&waiting["state"], &waiting["reason"]),
        (&"pending".into(), &"smtp_450".into()),
        "{listed}"
    );
    let dead = of("gone@shop.example");
    assert_eq!(
        (&dead["state"], &dead["reason"]),
        (&"dead".into(), &"smtp_550".into()),
        "{listed}"
    );
    let error = dead["last_error"].as_str().unwrap();
    assert!(
        error.contains("550 5.1.1") && error.contains("nobody of that name here"),
        "{error}"
    );
    let page = daemon.get("/").body;
    assert!(
        page.contains("gone@shop.example") || page.contains("dead letter"),
        "{page}"
    );
    daemon.stop();
    let shown = home.run(&["deliveries", "list"]);
    assert!(
        shown.out.contains("gone@shop.example") && shown.out.contains("dead"),
        "{shown:?}"
    );
    // Allowed at last, he gets the very same mail; the greylisted one is let in when it is tried again.
    postfix.answer(&[]);
    let replayed = home.run(&["deliveries", "replay", &dead["id"].to_string()]);
    assert_eq!(replayed.code, 0, "{replayed:?}");
    let mut daemon = home.start();
    let two = postfix.wait_for(2);
    assert_eq!(two[0].to, "gone@shop.example");
    assert_eq!(two[0].header("Message-ID"), two[1].header("Message-ID"));
    assert_eq!(outbox(&daemon, "dead"), Some(0.0));
    daemon.stop();
    let late = home.run(&["deliveries", "replay", &waiting["id"].to_string()]);
    assert_ne!(late.code, 0, "it waits by itself: {late:?}");
}

#[test]
fn where_starttls_is_stripped_nothing_is_sent_in_the_clear_and_doctor_says_so() {
    let Some(postfix) = Postfix::start("") else { return };
    let proxy = Proxy::stripping(postfix.address);
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = set_up(&shop, &receivers, &postfix, proxy.address.port());
    let mut daemon = home.start();
    eventually("the attempts failed", || {
        let failed = daemon.metric("whmcs_stock_delivery_failures_total{channel=\"email\",reason=\"tls\"}");
        (failed == Some(3.0)).then_some(())
    });
    assert_eq!(outbox(&daemon, "pending"), Some(3.0));
    let log = daemon.log();
    assert!(
        log.contains("the mail server does not offer STARTTLS; nothing was sent in the clear"),
        "{log}"
    );
    daemon.stop();
    let tested = home.run(&["notify", "test", "email"]);
    assert_eq!(tested.code, 1, "{tested:?}");
    assert!(tested.out.contains("nothing was sent in the clear"), "{tested:?}");
    let doctor = home.run(&["doctor", "--json"]);
    let findings = doctor.json().to_string();
    assert!(findings.contains("smtp-starttls-missing"), "{findings}");
    assert!(findings.contains("never sent in the clear"), "{findings}");
    let seen = proxy.seen();
    assert!(seen.contains("EHLO "), "{seen}");
    for secret in [
        PASSWORD,
        "AUTH",
        "MAIL FROM",
        "RCPT TO",
        "sales@",
        "Subject",
        "baseline",
    ] {
        assert!(!seen.contains(secret), "{secret} in: {seen}");
    }
    assert_eq!(postfix.stored().len(), 0);
    // The same way without the thief: what waited was not lost.
    assert_eq!(
        home.run(&["deliveries", "list"]).out.matches("pending").count(),
        3
    );
}

#[test]
fn a_mail_server_whose_certificate_nobody_signed_gets_nothing() {
    let Some(postfix) = Postfix::start("") else { return };
    let proxy = Proxy::start(postfix.address);
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = set_up(&shop, &receivers, &postfix, proxy.address.port());
    let trusted = home.run(&["notify", "test", "email"]);
    assert_eq!(trusted.code, 0, "{trusted:?}");
    postfix.wait_for(3);
    let other = Postfix::start("").unwrap();
    home.export("SSL_CERT_FILE", &other.authority());
    let ended = home.run(&["notify", "test", "email"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("STARTTLS failed"), "{ended:?}");
    let seen = proxy.seen();
    assert!(!seen.contains(PASSWORD) && !seen.contains("MAIL FROM"), "{seen}");
    assert_eq!(postfix.stored().len(), 3);
}

#[test]
fn a_wrong_password_and_an_address_beyond_ascii_are_told_in_words() {
    let Some(postfix) = Postfix::start("smtputf8_enable = no") else {
        return;
    };
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = set_up(&shop, &receivers, &postfix, postfix.address.port());
    home.set(
        "ALERT_EMAIL_TO",
        "Jürgen Größe <juergen@shop.example>, jürgen@shop.example",
    );
    let ended = home.run(&["notify", "test", "email"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.out.contains("email to juergen@shop.example: accepted: 250"),
        "{ended:?}"
    );
    assert!(
        ended
            .out
            .contains("the mail server does not take addresses beyond ASCII (SMTPUTF8)"),
        "{ended:?}"
    );
    postfix.wait_for(1);
    let url = format!("smtp://{USER_IN_URL}:wrong@localhost:{}", postfix.address.port());
    home.set("SMTP_URL", &url);
    let ended = home.run(&["notify", "test", "email"]);
    assert!(
        ended.out.contains("the mail server refused the sign-in (535)"),
        "{ended:?}"
    );
    let doctor = home.run(&["doctor", "--json"]);
    assert!(doctor.json().to_string().contains("smtp-sign-in"), "{doctor:?}");
}
