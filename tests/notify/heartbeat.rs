//! Proof of life: what the outside service is asked, and what is made of its answers.

use std::time::Duration;

use secrecy::SecretString;
use whmcs_stock_monitor::notify::heartbeat::Beat;
use whmcs_stock_monitor::notify::heartbeat::Heartbeat;
use whmcs_stock_monitor::notify::webhook::WebhookError;
use whmcs_stock_monitor::sinks::webhook::Reply;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;

const LONG: Duration = Duration::from_secs(10);
const CANARY: &str = "canary-0123";

fn heartbeat(url: &str, timeout: Duration) -> Result<Heartbeat, WebhookError> {
    rustls::crypto::ring::default_provider().install_default().ok();
    Heartbeat::new(&SecretString::from(url), timeout)
}

fn to(sink: &WebhookSink, path: &str, timeout: Duration) -> Heartbeat {
    heartbeat(&format!("http://{}{path}", sink.address()), timeout).expect("good settings")
}

#[tokio::test]
async fn good_is_a_get_and_blind_a_post_of_the_reason_below_fail() {
    let sink = WebhookSink::start().await.expect("starts");
    let heartbeat = to(&sink, &format!("/{CANARY}/?rid=7"), LONG);
    heartbeat.say(&Beat::Good).await.expect("taken");
    let blind = Beat::Blind("eu cannot be read".to_owned());
    heartbeat.say(&blind).await.expect("taken");
    let requests = sink.wait_for(2, LONG).await.expect("two requests");
    let asked: Vec<(&str, &str, String)> = requests
        .iter()
        .map(|request| (request.method.as_str(), request.path.as_str(), request.text()))
        .collect();
    assert_eq!(
        asked,
        [
            ("GET", "/canary-0123/?rid=7", String::new()),
            ("POST", "/canary-0123/fail?rid=7", "eu cannot be read".to_owned()),
        ]
    );
    assert_eq!(
        requests[1].header("content-type"),
        Some("text/plain; charset=utf-8")
    );
}

#[tokio::test]
async fn what_is_not_taken_says_why_and_nothing_of_the_address() {
    let sink = WebhookSink::start().await.expect("starts");
    let elsewhere = Reply::Full {
        status: 302,
        header: (
            "Location".to_owned(),
            format!("http://{}/elsewhere", sink.address()),
        ),
        body: String::new(),
    };
    for (reply, said) in [
        (Reply::Status(404), "it answered 404"),
        (Reply::Status(500), "it answered 500"),
        (elsewhere, "it answered 302; redirects are not followed"),
        (
            Reply::Reset,
            "reset: the connection broke before the receiver answered",
        ),
        (
            Reply::Garbage("SSH-2.0\r\n".to_owned()),
            "reset: the connection broke before the receiver answered",
        ),
    ] {
        sink.next(reply);
        let error = to(&sink, &format!("/{CANARY}"), LONG).say(&Beat::Good).await;
        let error = error.expect_err("not taken");
        assert_eq!(error.to_string(), said);
    }
    assert_eq!(sink.requests().len(), 5, "a redirect was followed");
    assert!(!format!("{:?}", to(&sink, &format!("/{CANARY}"), LONG)).contains(CANARY));
}

#[tokio::test]
async fn one_that_hangs_is_given_up_in_time() {
    let sink = WebhookSink::start().await.expect("starts");
    sink.next(Reply::Hang);
    let heartbeat = to(&sink, "/", Duration::from_millis(200));
    let error = heartbeat.say(&Beat::Good).await.expect_err("not taken");
    assert_eq!(error.to_string(), "timeout: the receiver did not answer in time");
    heartbeat.say(&Beat::Good).await.expect("the next one is taken");
}

#[test]
fn an_address_of_a_metadata_service_is_refused() {
    for url in ["http://169.254.169.254/latest", "http://[fe80::1]/x"] {
        let refused = heartbeat(url, LONG).expect_err("refused");
        assert_eq!(refused, WebhookError::Address, "{url}");
    }
}
