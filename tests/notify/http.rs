//! Handing webhooks over: what a receiver gets, and how each of its answers is judged.

use std::time::Duration;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use sha2::Sha256;
use whmcs_stock_monitor::domain::delivery::SendError;
use whmcs_stock_monitor::notify::channel::Channel;
use whmcs_stock_monitor::notify::channel::ChannelKind;
use whmcs_stock_monitor::notify::channel::ChannelSettings;
use whmcs_stock_monitor::notify::content::Outgoing;
use whmcs_stock_monitor::notify::content::Receipt;
use whmcs_stock_monitor::notify::webhook::WebhookSettings;
use whmcs_stock_monitor::sinks::mail::MailSink;
use whmcs_stock_monitor::sinks::webhook::Reply;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;

use crate::samples;

const LONG: Duration = Duration::from_secs(10);

async fn send(channel: &Channel, now: Timestamp) -> Result<Receipt, SendError> {
    let content = channel.render(&samples::alerts(vec![samples::out()]), &TimeZone::UTC, None);
    let outgoing = Outgoing {
        message_id: samples::id(),
        content: &content,
        recorded_at: samples::now(),
        now,
    };
    channel.send("webhook", &outgoing).await
}

#[tokio::test]
async fn a_webhook_carries_its_id_its_time_and_the_json() {
    let sink = WebhookSink::start().await.expect("starts");
    let receipt = send(&samples::webhook_to(&sink), samples::now())
        .await
        .expect("sent");
    assert_eq!(receipt.answer, "204");
    let requests = sink.wait_for(1, LONG).await.expect("one request");
    let request = &requests[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/hook")
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(
        request.header("webhook-id"),
        Some(samples::id().to_string().as_str())
    );
    assert_eq!(request.header("webhook-timestamp"), Some("1795251791"));
    assert_eq!(request.header("webhook-signature"), None);
    insta::assert_snapshot!(request.text(), @r#"{"type":"stock.alerts","timestamp":"2026-11-21T09:03:11Z","data":{"schema":1,"instance":"default","alerts":[{"alert_id":"default/42/-","reason":"worse","status":"firing","severity":"out","previous_severity":"low","product":{"id":42,"name":"DS-64","group":"Dedicated"},"combination":null,"pool":null,"bottleneck":null,"level":0,"previous_level":3,"thresholds":{"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-21T06:58:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false}],"open":[],"open_total":0}}"#);
}

const CANARY: &str = "canary-token";

/// A webhook whose URL holds secrets everywhere.
fn canary(sink: &WebhookSink) -> WebhookSettings {
    let url = format!(
        "http://{CANARY}-user:{CANARY}-pass@{}/{CANARY}-path?key={CANARY}-key",
        sink.address()
    );
    samples::webhook_settings(&url)
}

async fn error_of(reply: Reply) -> SendError {
    let sink = WebhookSink::start().await.expect("starts");
    sink.next(reply);
    let error = send(&samples::webhook(canary(&sink)), samples::now())
        .await
        .expect_err("refused");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(CANARY) && !shown.contains("127.0.0.1"), "{shown}");
    assert_eq!(sink.requests().len(), 1);
    error
}

#[tokio::test]
async fn each_status_has_its_judgement() {
    for (status, reason, judgement) in [
        (301, "http_3xx", "transient"),
        (304, "http_3xx", "transient"),
        (400, "http_400", "permanent"),
        (401, "http_401", "transient"),
        (403, "http_403", "transient"),
        (404, "http_404", "transient"),
        (405, "http_405", "transient"),
        (408, "http_408", "transient"),
        (409, "http_4xx", "transient"),
        (410, "http_410", "gone"),
        (413, "http_413", "permanent"),
        (422, "http_422", "permanent"),
        (425, "http_425", "transient"),
        (429, "http_429", "transient"),
        (500, "http_500", "transient"),
        (503, "http_503", "transient"),
        (507, "http_5xx", "transient"),
        (799, "http_other", "transient"),
    ] {
        let error = error_of(Reply::Status(status)).await;
        let judged = match error {
            SendError::Transient { .. } => "transient",
            SendError::Permanent { .. } => "permanent",
            SendError::Gone { .. } => "gone",
        };
        assert_eq!((error.reason(), judged), (reason, judgement), "{status}");
    }
}

#[tokio::test]
async fn every_2xx_is_success_whatever_follows_the_status() {
    for reply in [
        Reply::Status(200),
        Reply::Status(204),
        Reply::Status(299),
        Reply::Huge(200, 100_000_000),
        Reply::Stalled(202),
        Reply::Broken(200),
    ] {
        let sink = WebhookSink::start().await.expect("starts");
        sink.next(reply.clone());
        let receipt = send(&samples::webhook(canary(&sink)), samples::now())
            .await
            .expect("taken");
        assert!(
            receipt.answer.starts_with('2') && receipt.answer.len() < 200,
            "{}",
            receipt.answer
        );
    }
}

#[tokio::test]
async fn retry_after_is_read_as_seconds_and_as_a_date() {
    for (value, seconds) in [
        ("120", Some(120)),
        ("0", Some(0)),
        ("Sat, 21 Nov 2026 09:05:11 GMT", Some(120)),
        ("Sat, 21 Nov 2026 08:00:00 GMT", Some(0)),
        ("soon", None),
        ("-5", None),
        ("99999999999999999999999", None),
    ] {
        for status in [429, 503] {
            let error = error_of(Reply::RetryAfter(status, value.to_owned())).await;
            let SendError::Transient { retry_after, .. } = error else {
                panic!("{error}")
            };
            assert_eq!(retry_after, seconds.map(Duration::from_secs), "{value}");
        }
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = WebhookSink::start().await.expect("starts");
    for status in [301, 302, 307, 308] {
        let error = error_of(Reply::Full {
            status,
            header: ("Location".to_owned(), elsewhere.url()),
            body: String::new(),
        })
        .await;
        assert_eq!(error.reason(), "http_3xx");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn connections_that_fail_are_tried_again() {
    assert_eq!(error_of(Reply::Reset).await.reason(), "reset");
    assert_eq!(
        error_of(Reply::Garbage("SSH-2.0-x\r\n".to_owned()))
            .await
            .reason(),
        "reset"
    );
    let unreachable = |url: &str| samples::webhook(samples::webhook_settings(url));
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    for (url, reason) in [
        (format!("http://127.0.0.1:{port}/{CANARY}"), "connect"),
        (format!("http://nowhere.invalid/{CANARY}"), "dns"),
    ] {
        let error = send(&unreachable(&url), samples::now())
            .await
            .expect_err("unreachable");
        assert_eq!(error.reason(), reason);
        assert!(!format!("{error:?}").contains(CANARY));
    }
}

#[tokio::test]
async fn a_receiver_that_speaks_no_tls_is_told_apart() {
    // A mail server: it speaks first, and in the clear.
    let sink = MailSink::start().await.expect("starts");
    let url = format!("https://{}/{CANARY}", sink.address());
    let error = send(&samples::webhook(samples::webhook_settings(&url)), samples::now())
        .await
        .expect_err("no TLS");
    assert_eq!(error.reason(), "tls", "{error}");
}

#[tokio::test]
async fn silence_and_slowness_end_at_the_time_out() {
    for reply in [Reply::Hang, Reply::Late(200, Duration::from_secs(60))] {
        let sink = WebhookSink::start().await.expect("starts");
        sink.next(reply);
        let mut settings = canary(&sink);
        settings.timeout = Duration::from_millis(300);
        let began = Instant::now();
        let error = send(&samples::webhook(settings), samples::now())
            .await
            .expect_err("too slow");
        assert_eq!(error.reason(), "timeout", "{error}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(!format!("{error:?}").contains(CANARY));
    }
}

#[tokio::test]
async fn the_answer_is_shown_unless_it_repeats_the_url() {
    let answer = |kind: &str, body: &str| Reply::Full {
        status: 400,
        header: ("Content-Type".to_owned(), kind.to_owned()),
        body: body.to_owned(),
    };
    for (reply, detail) in [
        (
            answer("text/plain", "invalid\r\npayload\u{1b}"),
            "the receiver answered 400: invalid payload",
        ),
        (
            answer("application/json; charset=utf-8", "{\"e\":1}"),
            "the receiver answered 400: {\"e\":1}",
        ),
        (
            answer("text/plain", "no route /CANARY-token-path"),
            "the receiver answered 400",
        ),
        (answer("text/html", "<b>oops</b>"), "the receiver answered 400"),
    ] {
        let SendError::Permanent { detail: shown, .. } = error_of(reply).await else {
            panic!("not permanent")
        };
        assert_eq!(shown, detail);
    }
}

#[tokio::test]
async fn each_attempt_is_signed_anew_under_the_same_id() {
    let sink = WebhookSink::start().await.expect("starts");
    sink.next(Reply::Status(500));
    let mut settings = samples::webhook_settings(&sink.url());
    settings.secret = Some(SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let channel = samples::webhook(settings);
    send(&channel, samples::now()).await.expect_err("refused");
    send(&channel, samples::ago(-600)).await.expect("taken");
    let requests = sink.wait_for(2, LONG).await.expect("both");
    let key = STANDARD
        .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .expect("a key");
    for (request, seconds) in requests.iter().zip(["1795251791", "1795252391"]) {
        let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
        assert_eq!(header("webhook-id"), samples::id().to_string());
        assert_eq!(header("webhook-timestamp"), seconds);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
        mac.update(format!("{}.{seconds}.", samples::id()).as_bytes());
        mac.update(&request.body);
        let signature = header("webhook-signature");
        let given = signature.strip_prefix("v1,").expect("version 1");
        mac.verify_slice(&STANDARD.decode(given).expect("base64"))
            .expect("valid");
    }
    assert_eq!(requests[0].body, requests[1].body);
}

#[test]
fn settings_that_cannot_work_are_refused_without_their_secrets() {
    samples::crypto();
    let with = |url: &str, secret: Option<&str>, allow_link_local| {
        let mut settings = samples::webhook_settings(url);
        settings.secret = secret.map(SecretString::from);
        settings.allow_link_local = allow_link_local;
        let settings = ChannelSettings {
            name: "ops".to_owned(),
            kind: ChannelKind::Webhook(settings),
        };
        let shown = format!("{settings:?} {:?}", Channel::new(&settings));
        assert!(!shown.contains(CANARY), "{shown}");
        Channel::new(&settings)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let url = "channel ops: the URL is not an http or https URL with a host";
    let address = "channel ops: the URL's address is link-local or a cloud's metadata service; allow_link_local = true permits it";
    let key = "channel ops: the secret is not base64 with whsec_ before it, as Standard Webhooks writes keys";
    for (given, secret, allowed, error) in [
        ("canary-token", None, false, Some(url)),
        ("ftp://x.example/canary-token", None, false, Some(url)),
        ("http://169.254.169.254/canary-token", None, false, Some(address)),
        ("http://169.254.169.254/canary-token", None, true, None),
        ("http://2852039166/canary-token", None, false, Some(address)),
        ("http://0xa9.0xfe.0xa9.0xfe/", None, false, Some(address)),
        ("http://[fe80::1]/", None, false, Some(address)),
        ("http://[::ffff:169.254.169.254]/", None, false, Some(address)),
        ("http://[fd00:ec2::254]/", None, false, Some(address)),
        ("http://0.0.0.0/", None, true, Some(address)),
        ("http://[::1]/canary-token", None, false, None),
        ("http://10.1.2.3/canary-token", None, false, None),
        (
            "https://x.example/canary-token",
            Some("canary-token!"),
            false,
            Some(key),
        ),
        (
            "https://x.example/canary-token",
            Some("whsec_Y2FuYXJ5"),
            false,
            None,
        ),
    ] {
        assert_eq!(
            with(given, secret, allowed),
            error.map_or(Ok(()), |error| Err(error.to_owned())),
            "{given}"
        );
    }
}
