//! `notify test`: what each channel answers, beside a running daemon and without one.

use std::fs;

use serde_json::Value;
use whmcs_stock_monitor::sinks::mail_script::Fault;
use whmcs_stock_monitor::sinks::mail_script::Step;
use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::daemon::Home;
use crate::daemon::eventually;
use crate::home;
use crate::peers::Peer;
use crate::peers::python;
use crate::receivers::Receivers;
use crate::receivers::SECRET;
use crate::shop::Shop;
use crate::shop::item;

/// Everything in the database's folder but what readers themselves touch.
fn database(home: &Home) -> Vec<u8> {
    fs::read(home.path("data/stock.db")).unwrap()
}

#[test]
fn a_test_goes_to_every_recipient_and_the_answers_are_printed() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("ALERT_EMAIL_TO", "sales@shop.example, dc@shop.example");
    let ended = home.run(&["notify", "test"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:?}");
    assert!(
        lines[0].starts_with("email to sales@shop.example: accepted: 250"),
        "{ended:?}"
    );
    assert!(
        lines[1].starts_with("email to dc@shop.example: accepted: 250"),
        "{ended:?}"
    );
    assert!(lines[2].starts_with("webhook: accepted: 20"), "{ended:?}");
    assert_eq!(
        receivers.subjects(),
        [
            "Test message of the stock monitor",
            "Test message of the stock monitor"
        ]
    );
    assert_eq!(receivers.said(), ["test.ping"]);
    assert!(!home.path("data").exists(), "no database was made");
    assert_eq!(shop.polled(), 0);
}

#[test]
fn a_test_goes_to_each_kind_of_chat_and_neither_the_token_nor_the_topic_is_shown() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let at = receivers.hook.address();
    let mut channels = String::new();
    for (format, path) in [
        ("slack", "services/CANARY"),
        ("discord", "api/webhooks/CANARY"),
        ("teams", "workflows/CANARY"),
        ("telegram", "bot123456:CANARY-bot/sendMessage?chat_id=-1001"),
        ("ntfy", "CANARY-topic"),
    ] {
        channels.push_str(&format!(
            "[[channel]]\nname = \"to-{format}\"\ntype = \"webhook\"\nformat = \"{format}\"\nurl = \"http://{at}/{path}\"\n"
        ));
    }
    home.write("config/monitor.toml", &channels);
    for (format, path, holds) in [
        ("slack", "/services/CANARY", "\"blocks\":"),
        ("discord", "/api/webhooks/CANARY?wait=true", "\"embeds\":"),
        ("teams", "/workflows/CANARY", "\"AdaptiveCard\""),
        (
            "telegram",
            "/bot123456:CANARY-bot/sendMessage",
            "\"chat_id\":-1001",
        ),
        ("ntfy", "/", "\"topic\":\"CANARY-topic\""),
    ] {
        let ended = home.run(&["notify", "test", &format!("to-{format}")]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(
            ended.out.starts_with(&format!("to-{format}: accepted: 20")),
            "{ended:?}"
        );
        assert!(!format!("{ended:?}").contains("CANARY"), "{ended:?}");
        let last = receivers.hook.requests().pop().expect("a request");
        assert_eq!(last.path, path);
        assert!(
            last.text().contains(holds) && last.text().contains("This is a test"),
            "{}",
            last.text()
        );
    }
}

#[test]
fn beside_a_daemon_a_test_needs_no_lock_and_leaves_the_database_as_it_is() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("POLL_SCHEDULE", "every 1h");
    let mut daemon = home.start();
    receivers.wait_for(1);
    daemon.wait_for_empty_outbox();
    let before = (database(&home), daemon.json("/api/v1/deliveries"));
    let ended = home.run(&["notify", "test", "webhook"]);
    assert_eq!((ended.code, ended.out.lines().count()), (0, 1), "{ended:?}");
    assert_eq!((database(&home), daemon.json("/api/v1/deliveries")), before);
    daemon.stop();
    assert_eq!(receivers.said(), ["stock.baseline", "test.ping"]);
    assert_eq!(receivers.mail.mails().len(), 1);
}

#[test]
fn a_refusal_is_quoted_and_the_other_recipients_still_get_the_test() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("ALERT_EMAIL_TO", "gone@shop.example, sales@shop.example");
    receivers.mail.next(Step::Rcpt, Fault::Code(550));
    receivers.hook.next(Reply::Status(503));
    let ended = home.run(&["notify", "test"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(
        lines[0].starts_with("email to gone@shop.example: not accepted: smtp_550: "),
        "{ended:?}"
    );
    assert!(lines[0].ends_with("it would be a dead letter."), "{ended:?}");
    assert!(
        lines[1].starts_with("email to sales@shop.example: accepted: "),
        "{ended:?}"
    );
    assert_eq!(
        lines[2],
        "webhook: not accepted: http_503: the receiver answered 503. The daemon would try an alert again, for up to \
         five days."
    );
    assert_eq!(receivers.mail.mails().len(), 1);
}

#[test]
fn a_receiver_that_is_gone_is_told_apart_then_and_after_the_daemon_heard_it() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    receivers.hook.always(Reply::Status(410));
    let ended = home.run(&["notify", "test", "webhook"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.out.contains("http_410") && ended.out.contains("until its next start or reload"),
        "{ended:?}"
    );
    assert_eq!(ended.err, "");
    let mut daemon = home.start();
    eventually("the daemon heard it", || {
        (daemon.metric("whmcs_stock_outbox_messages{channel=\"webhook\",state=\"dead\"}") == Some(1.0))
            .then_some(())
    });
    receivers.hook.always(Reply::Status(204));
    let ended = home.run(&["notify", "test", "webhook"]);
    assert_eq!(
        (ended.code, ended.out.trim()),
        (0, "webhook: accepted: 204"),
        "{ended:?}"
    );
    assert!(
        ended
            .err
            .starts_with("webhook: the last delivery was answered with 410 (gone)."),
        "{ended:?}"
    );
    daemon.stop();
}

#[test]
fn what_cannot_be_tested_is_said_with_the_channels_there_are() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    let ended = home.run(&["notify", "test", "sales"]);
    assert_eq!(ended.code, 64, "{ended:?}");
    assert_eq!(
        ended.err,
        "There is no channel \"sales\". There are: email, webhook.\n"
    );
    home.set("WEBHOOK_SECRET", "no secret");
    let ended = home.run(&["notify", "test"]);
    assert_eq!((ended.code, ended.out.as_str()), (78, ""), "{ended:?}");
    for name in [
        "WEBHOOK_URL",
        "WEBHOOK_SECRET",
        "SMTP_URL",
        "SMTP_FROM",
        "ALERT_EMAIL_TO",
    ] {
        home.unset(name);
    }
    let ended = home.run(&["notify", "test"]);
    assert_eq!(ended.code, 78, "{ended:?}");
    assert!(ended.err.starts_with("There is no channel."), "{ended:?}");
    assert!(receivers.payloads().is_empty() && receivers.mail.mails().is_empty());
}

#[test]
fn receivers_of_another_make_take_the_test_and_find_its_signature_right() {
    let Some(python) = python() else { return };
    let peer = Peer::start(&python, "receive.py", &[SECRET]);
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set(
        "SMTP_URL",
        &format!("smtp://127.0.0.1:{}?tls=none", peer.ports[0]),
    );
    home.set("WEBHOOK_URL", &format!("http://127.0.0.1:{}/hook", peer.ports[1]));
    let ended = home.run(&["notify", "test"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let received = peer.get(peer.ports[1], "/received");
    assert_eq!(received["refused"], Value::Array(Vec::new()), "{received}");
    assert_eq!(received["webhooks"][0]["body"]["type"], "test.ping");
    assert_eq!(received["mails"][0]["to"][0], "sales@shop.example");
    assert_eq!(
        received["mails"][0]["subject"],
        "Test message of the stock monitor"
    );
    assert_eq!(received["mails"].as_array().map(Vec::len), Some(1));
    // Signed with another secret it is refused, and the command says so.
    home.set(
        "WEBHOOK_SECRET",
        "whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhlIHRlc3RzLi4uLg==",
    );
    let ended = home.run(&["notify", "test", "webhook"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.out.starts_with("webhook: not accepted: http_400"),
        "{ended:?}"
    );
}

#[test]
fn while_a_secret_changes_receivers_of_another_make_accept_the_old_one_and_the_new_one() {
    const NEW: &str = "whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhlIHRlc3RzLi4uLg==";
    let Some(python) = python() else { return };
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.write(
        "config/monitor.toml",
        &format!(
            "[[channel]]\nname = \"listed\"\ntype = \"webhook\"\nurl = \"${{LISTED}}\"\nsecret = [\"{NEW}\", \"{SECRET}\"]\n"
        ),
    );
    home.set("WEBHOOK_SECRET", &format!("{NEW} {SECRET}"));
    for knows in [SECRET, NEW] {
        let peer = Peer::start(&python, "receive.py", &[knows]);
        let url = format!("http://127.0.0.1:{}/hook", peer.ports[1]);
        home.set("WEBHOOK_URL", &url);
        home.export("LISTED", &url);
        for channel in ["webhook", "listed"] {
            let ended = home.run(&["notify", "test", channel]);
            assert_eq!(ended.code, 0, "{ended:?}");
        }
        let received = peer.get(peer.ports[1], "/received");
        assert_eq!(received["refused"], Value::Array(Vec::new()), "{received}");
        assert_eq!(
            received["webhooks"].as_array().map(Vec::len),
            Some(2),
            "{received}"
        );
    }
    let shown = home.run(&["config", "show"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(!format!("{shown:?}").contains(&NEW[6..20]), "{shown:?}");
    home.set("WEBHOOK_SECRET", &format!("{NEW},{NEW}"));
    let ended = home.run(&["config", "check"]);
    assert_eq!(ended.code, 78, "{ended:?}");
    assert!(ended.err.contains("holds the same secret twice."), "{ended:?}");
}

#[test]
fn a_report_with_recipients_of_its_own_is_a_channel_to_test() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("REPORT_SCHEDULE", "0 8 * * MON");
    home.set("REPORT_EMAIL_TO", "boss@shop.example");
    let ended = home.run(&["notify", "test", "report:report"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended
            .out
            .starts_with("report:report to boss@shop.example: accepted: 250"),
        "{ended:?}"
    );
    assert_eq!(receivers.mail.mails()[0].to, ["boss@shop.example"]);
    let all = home.run(&["notify", "test"]);
    assert_eq!((all.code, all.out.lines().count()), (0, 3), "{all:?}");
    let unknown = home.run(&["notify", "test", "report:boss"]);
    assert_eq!(unknown.code, 64);
    assert!(
        unknown.err.contains("There are: email, webhook, report:report."),
        "{unknown:?}"
    );
}
