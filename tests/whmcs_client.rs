//! The client against a server that misbehaves in every way one can, byte by byte.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::source::Failure;
use whmcs_stock_monitor::whmcs::client::ApiSettings;
use whmcs_stock_monitor::whmcs::client::Client;
use whmcs_stock_monitor::whmcs::client::ClientError;
use whmcs_stock_monitor::whmcs::client::Look;
use whmcs_stock_monitor::whmcs::client::Standing;
use whmcs_stock_monitor::whmcs::form::SignIn;
use whmcs_stock_monitor::whmcs::intake::Format;

const SECRET: &str = "canary/secret&value";

/// What came in.
#[derive(Debug, Clone)]
struct Request {
    head: String,
    form: String,
}

impl Request {
    fn param(&self, name: &str) -> Option<&str> {
        self.form
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    fn is(&self, action: &str) -> bool {
        self.param("action") == Some(action)
    }
}

/// What the server does once it has read a request.
enum Act {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Sends these, then closes with a reset.
    Reset(Vec<u8>),
    /// Sends the first, then the second again and again for as long as somebody reads.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends one byte after the other with a pause between them.
    Drip(Vec<u8>, Duration),
    /// Sends these and says no more, without closing.
    Hang(Vec<u8>),
}

#[derive(Clone)]
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    async fn start(script: impl Fn(usize, &Request) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
        };
        let (requests, script) = (Arc::clone(&server.requests), Arc::new(script));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (requests, script) = (Arc::clone(&requests), Arc::clone(&script));
                tokio::spawn(async move {
                    let mut socket = socket;
                    let Some(request) = receive(&mut socket).await else {
                        return;
                    };
                    let act = {
                        let mut requests = requests.lock().unwrap();
                        requests.push(request.clone());
                        script(requests.len() - 1, &request)
                    };
                    if matches!(act, Act::Reset(_)) {
                        // Closing with unread data or with no linger resets the connection.
                        socket.set_zero_linger().unwrap();
                    }
                    perform(&mut socket, act).await;
                });
            }
        });
        server
    }

    /// The same answer to everything; no GetProductDetails.
    async fn always(answer: Vec<u8>) -> Self {
        Self::start(move |_, request| {
            Act::Send(if request.is("GetProducts") {
                answer.clone()
            } else {
                no_such_action()
            })
        })
        .await
    }

    fn url(&self) -> String {
        format!("http://{}/includes/api.php", self.address)
    }

    fn count(&self, action: &str) -> usize {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .filter(|request| request.is(action))
            .count()
    }
}

async fn receive(socket: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let read = socket.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, form)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if form.len() >= length.unwrap_or(0) {
            return Some(Request {
                head: head.to_owned(),
                form: form.to_owned(),
            });
        }
    }
}

async fn perform(socket: &mut (impl AsyncWrite + Unpin), act: Act) {
    // The client may hang up at any time: what cannot be sent is not.
    match act {
        Act::Send(bytes) => {
            let _ = socket.write_all(&bytes).await;
            let _ = socket.shutdown().await;
        }
        Act::Reset(bytes) => {
            let _ = socket.write_all(&bytes).await;
        }
        Act::Endless(first, again) => {
            let mut sent = socket.write_all(&first).await;
            while sent.is_ok() {
                sent = socket.write_all(&again).await;
            }
        }
        Act::Drip(bytes, pause) => {
            for byte in bytes {
                if socket.write_all(&[byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(pause).await;
            }
        }
        Act::Hang(bytes) => {
            let _ = socket.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
    }
}

fn http(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn json(body: &str) -> Vec<u8> {
    http("200 OK", "Content-Type: application/json\r\n", body)
}

fn html(status: &str, body: &str) -> Vec<u8> {
    http(status, "Content-Type: text/html; charset=utf-8\r\n", body)
}

fn no_such_action() -> Vec<u8> {
    http(
        "403 Forbidden",
        "",
        r#"{"result":"error","message":"Invalid Permissions: API action \u0022getproductdetails\u0022 is not allowed"}"#,
    )
}

fn listing(id: i64, quantity: i64) -> String {
    format!(r#"{{"pid":{id},"gid":1,"name":"p{id}","quantity_available":{quantity}}}"#)
}

fn products(elements: &[String]) -> String {
    let (count, list) = (elements.len(), elements.join(","));
    format!(r#"{{"result":"success","totalresults":{count},"products":{{"product":[{list}]}}}}"#)
}

fn catalogue(ids: std::ops::RangeInclusive<i64>) -> String {
    products(&ids.map(|id| listing(id, id * 10)).collect::<Vec<_>>())
}

fn details(ids: &[i64], contract: bool) -> String {
    let list: Vec<_> = ids
        .iter()
        .map(|id| format!(r#"{{"pid":{id},"groupname":"G","stockcontrol":1,"qty":{id},"inuse":2}}"#))
        .collect();
    let contract = if contract { r#""contract":1,"# } else { "" };
    format!(
        r#"{{"result":"success",{contract}"totalresults":{},"products":{{"product":[{}]}}}}"#,
        ids.len(),
        list.join(",")
    )
}

fn asked_ids(request: &Request) -> Vec<i64> {
    let ids = request.param("productid").unwrap_or_default().replace("%2C", ",");
    ids.split(',').map(|id| id.parse().unwrap()).collect()
}

fn settings(url: String) -> ApiSettings {
    ApiSettings {
        url,
        sign_in: SignIn::Credentials {
            identifier: "canary-identifier".into(),
            secret: SECRET.into(),
        },
        access_key: Some("canary-key".into()),
        response_type: Format::Json,
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        allow_insecure_tls: false,
        ca_file: None,
        max_body: 1 << 20,
        details_interval: Duration::from_hours(1),
        max_requests: 2,
        retry_base: Duration::from_millis(1),
    }
}

fn client(server: &Server) -> Client {
    Client::new(settings(server.url())).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

async fn look(client: &Client, seconds: i64) -> Look {
    client
        .look(at(seconds), Duration::from_secs(5), &CancellationToken::new())
        .await
        .expect("not cancelled")
}

async fn see(client: &Client, seconds: i64) -> Snapshot {
    look(client, seconds).await.result.expect("a sound answer")
}

/// The failure of one look, with how often GetProducts was asked. Nothing of it may show a credential.
async fn failure_of(server: &Server, settings: ApiSettings) -> (Failure, usize) {
    let client = Client::new(settings).unwrap();
    let look = look(&client, 0).await;
    let shown = format!("{look:?} {client:?}");
    assert!(!shown.contains("canary"), "{shown}");
    let failure = look.result.expect_err("a failure");
    assert_eq!(
        look.requests.len(),
        look.attempts.len(),
        "each request of a failed look is an attempt"
    );
    assert!(
        look.attempts
            .iter()
            .all(|attempt| attempt.cause == Some(failure.cause)),
        "{:?}",
        look.attempts
    );
    (failure, server.count("GetProducts"))
}

async fn failure(answer: Vec<u8>) -> (Failure, usize) {
    let server = Server::always(answer).await;
    let settings = settings(server.url());
    failure_of(&server, settings).await
}

async fn failure_by(
    script: impl Fn() -> Act + Send + Sync + 'static,
    change: impl Fn(&mut ApiSettings),
) -> (Failure, usize) {
    let server = Server::start(move |_, _| script()).await;
    let mut settings = settings(server.url());
    change(&mut settings);
    failure_of(&server, settings).await
}

async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), future)
        .await
        .expect("in time")
}

fn quantities(products: &[Arc<Product>]) -> Vec<(i64, Figure)> {
    products
        .iter()
        .map(|product| (product.id(), product.listing.quantity))
        .collect()
}

#[tokio::test]
async fn a_catalogue_is_seen_whole_and_in_order_of_ids() {
    let body = products(&[listing(3, 7), listing(1, 0), r#"{"pid":2,"name":"x"}"#.into()]);
    let server = Server::always(json(&body)).await;
    let look = look(&client(&server), 0).await;
    let snapshot = look.result.unwrap();
    let expected = vec![
        (1, Figure::Number(0)),
        (2, Figure::Absent),
        (3, Figure::Number(7)),
    ];
    assert_eq!(quantities(&snapshot.products), expected);
    assert_eq!(
        (snapshot.observed_at, snapshot.companion),
        (at(0), Companion::Absent)
    );
    assert_eq!(look.requests[0].action, "GetProducts");
    assert_eq!(look.requests[0].cause, None);
    assert_eq!(
        look.requests[1].cause,
        Some(Cause::Permission),
        "the question for details"
    );
}

#[tokio::test]
async fn credentials_go_in_the_form_and_nothing_in_the_query() {
    let server = Server::always(json(&catalogue(1..=1))).await;
    see(&client(&server), 0).await;
    let request = server.requests.lock().unwrap()[0].clone();
    assert!(
        request.head.starts_with("POST /includes/api.php HTTP/1.1\r\n"),
        "{}",
        request.head
    );
    assert_eq!(request.param("responsetype"), Some("json"));
    assert_eq!(request.param("identifier"), Some("canary-identifier"));
    assert_eq!(request.param("secret"), Some("canary%2Fsecret%26value"));
    assert_eq!(request.param("accesskey"), Some("canary-key"));
    let head = request.head.to_lowercase();
    let agent = concat!("user-agent: whmcs-stock-monitor/", env!("CARGO_PKG_VERSION"));
    assert!(
        head.contains(agent) && head.contains("accept-encoding: gzip"),
        "{head}"
    );
    assert!(!head.contains("canary"), "{head}");
}

#[tokio::test]
async fn each_refusal_of_whmcs_has_its_cause_and_is_not_tried_again() {
    let cases = [
        ("Authentication Failed", Cause::Credentials),
        ("Invalid or missing credentials", Cause::Credentials),
        ("Administrator Account Disabled", Cause::Credentials),
        ("Invalid IP 192.0.2.4", Cause::Ip),
        ("Invalid IP 2001:db8::4", Cause::Ip),
        ("IP Banned", Cause::Ip),
        (
            r"Invalid Permissions: API action \u0022getproducts\u0022 is not allowed",
            Cause::Permission,
        ),
        ("Access Denied", Cause::Permission),
        (
            r"Invalid API Action: \u0022x\u0022 is not a valid API action",
            Cause::ActionMissing,
        ),
        ("API Function Not Found", Cause::ActionMissing),
        (
            "Error generating JSON encoded response: Malformed UTF-8 characters",
            Cause::Encoding,
        ),
        ("Empty action request", Cause::BadAnswer),
    ];
    for (message, cause) in cases {
        for status in ["403 Forbidden", "200 OK"] {
            let body = format!(r#"{{"result":"error","message":"{message}"}}"#);
            let (failure, tries) = failure(http(status, "", body)).await;
            // What JSON cannot hold is asked for in XML.
            let expected = if cause == Cause::Encoding { 2 } else { 1 };
            assert_eq!((failure.cause, tries), (cause, expected), "{status} {message}");
        }
    }
    let (failure, _) = failure(http(
        "403 Forbidden",
        "",
        r#"{"result":"error","message":"Invalid IP 192.0.2.4"}"#,
    ))
    .await;
    assert_eq!(failure.detail, "HTTP 403: Invalid IP 192.0.2.4");
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_has_its_cause() {
    let cases = [
        (
            html("403 Forbidden", "<html><title>Just a moment...</title>"),
            Cause::Firewall,
            1,
        ),
        (http("403 Forbidden", "", "no"), Cause::Firewall, 1),
        (http("403 Forbidden", "", ""), Cause::Firewall, 1),
        (
            html("200 OK", "<!DOCTYPE html><title>Client Login</title>"),
            Cause::Firewall,
            1,
        ),
        (
            html("200 OK", "<html>We are currently performing maintenance"),
            Cause::Maintenance,
            1,
        ),
        (
            html("503 Unavailable", "<html>down for maintenance"),
            Cause::Maintenance,
            1,
        ),
        (
            html("200 OK", "<html><title>Our shop</title>"),
            Cause::BadAnswer,
            1,
        ),
        (
            html(
                "500 Oops",
                "Laminas EmitterException: Output has been emitted previously",
            ),
            Cause::Server,
            3,
        ),
        (
            http("200 OK", "", "result=error;message=Invalid IP 192.0.2.4"),
            Cause::Ip,
            1,
        ),
        (
            http("200 OK", "", "result=error;message=Authentication Failed"),
            Cause::Credentials,
            1,
        ),
        (
            http("200 OK", "", "<br /><b>Warning</b>: x\n{\"result\":\"success\"}"),
            Cause::BadAnswer,
            1,
        ),
        (json(""), Cause::BadAnswer, 1),
        (json("null"), Cause::BadAnswer, 1),
        (json("[]"), Cause::BadAnswer, 1),
        (json("{}"), Cause::BadAnswer, 1),
        (json("\"success\""), Cause::BadAnswer, 1),
        (json("{\"result\":\"success\"} and more"), Cause::BadAnswer, 1),
        (json("{\"result\":\"success\""), Cause::BadAnswer, 1),
        (json("<?xml version=\"1.0\"?><whmcsapi/>"), Cause::BadAnswer, 1),
        (http("404 Not Found", "", "nothing"), Cause::BadAnswer, 1),
        (http("429 Slow", "", "wait"), Cause::RateLimited, 3),
        (http("500 Oops", "", ""), Cause::Server, 3),
        (http("502 Oops", "", "bad gateway"), Cause::Server, 3),
        (
            http("503 Oops", "", "maintenance downtime or capacity"),
            Cause::Server,
            3,
        ),
        (http("504 Oops", "", "gateway timeout"), Cause::Server, 3),
    ];
    for (answer, cause, tries) in cases {
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (failure, tried) = failure(answer).await;
        assert_eq!(
            (failure.cause, tried),
            (cause, tries),
            "{text}\n{}",
            failure.detail
        );
        assert!(!failure.detail.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn a_success_that_does_not_add_up_says_what_was_seen() {
    let cases = [
        (
            r#"{"result":"success"}"#,
            "success without products, totalresults is missing",
        ),
        (
            r#"{"result":"success","products":{"product":[{"pid":1,"name":"a"}]}}"#,
            "1 products, totalresults is missing",
        ),
        (
            r#"{"result":"success","totalresults":"x","products":""}"#,
            "0 products, totalresults is unreadable",
        ),
        (
            r#"{"result":"success","totalresults":5}"#,
            "success without products, totalresults is 5",
        ),
        (
            r#"{"result":"success","totalresults":"3","products":{"product":[{"pid":1,"name":"a"}]}}"#,
            "1 products, totalresults is 3",
        ),
        (
            r#"{"result":"success","totalresults":2,"products":{"product":[{"pid":1,"name":"a"},{"pid":1,"name":"b"}]}}"#,
            "product 1 is listed twice",
        ),
        (
            r#"{"result":"success","totalresults":2,"products":{"product":[{"pid":1,"name":"a"},{"name":"b"}]}}"#,
            "product 2 of the answer: pid is missing",
        ),
        (
            r#"{"result":"perhaps"}"#,
            "its result is neither success nor error: perhaps",
        ),
        (r#"{"totalresults":0}"#, "the answer has no result"),
    ];
    for (body, detail) in cases {
        let (failure, tries) = failure(json(body)).await;
        assert_eq!(
            (failure.cause, failure.detail.as_str(), tries),
            (Cause::BadAnswer, detail, 1),
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_empty_catalogue_that_says_so_is_a_look() {
    for products in [r#","products":{"product":[]}"#, r#","products":"""#, ""] {
        let server = Server::always(json(&format!(
            r#"{{"result":"success","totalresults":"0"{products}}}"#
        )))
        .await;
        assert!(see(&client(&server), 0).await.products.is_empty(), "{products}");
        assert_eq!(server.count("GetProductDetails"), 0);
    }
}

#[tokio::test]
async fn a_message_is_shown_without_our_credentials() {
    let message = format!("no user {SECRET} with canary-identifier, canary%2Fsecret%26value, canary-key");
    let (failure, _) = failure(json(&format!(r#"{{"result":"error","message":"{message}"}}"#))).await;
    assert_eq!(
        failure.detail,
        "HTTP 200: no user [redacted] with [redacted], [redacted], [redacted]"
    );
    let page = format!("<html><title>echo {SECRET}</title>");
    let (failure, _) = self::failure(html("403 No", &page)).await;
    assert_eq!(failure.detail, "HTTP 403, a web page titled \"echo [redacted]\"");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_reset_and_tried_again() {
    let whole = catalogue(1..=50);
    let half = &whole[..whole.len() / 2];
    let promised = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{half}", whole.len());
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{half}",
        whole.len()
    );
    let open = format!("HTTP/1.1 200 OK\r\n\r\n{half}");
    let packed = gzip(whole.as_bytes());
    let cut = http(
        "200 OK",
        "Content-Encoding: gzip\r\n",
        &packed[..packed.len() / 2],
    );
    for answer in [
        promised.into_bytes(),
        chunked.into_bytes(),
        open.into_bytes(),
        cut,
        Vec::new(),
    ] {
        let (failure, tries) = failure(answer.clone()).await;
        assert_eq!(
            (failure.cause, tries),
            (Cause::Reset, 3),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 9",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
    ] {
        let (failure, tries) = failure_by(|| Act::Reset(bytes.to_vec()), |_| {}).await;
        assert_eq!((failure.cause, tries), (Cause::Reset, 3));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_gzipped_answer_is_read() {
    let server = Server::always(http(
        "200 OK",
        "Content-Encoding: gzip\r\n",
        gzip(catalogue(1..=500).as_bytes()),
    ))
    .await;
    assert_eq!(see(&client(&server), 0).await.products.len(), 500);
}

#[tokio::test]
async fn a_body_that_is_not_encoded_as_it_says_is_a_bad_answer() {
    let (failure, tries) = failure(http("200 OK", "Content-Encoding: gzip\r\n", catalogue(1..=9))).await;
    assert_eq!((failure.cause, tries), (Cause::BadAnswer, 1));
}

#[tokio::test]
async fn a_gzip_bomb_is_stopped_at_the_cap() {
    let packed = gzip(&vec![b' '; 64 << 20]);
    assert!(packed.len() < 2 << 20);
    let (failure, tries) = failure_by(
        move || Act::Send(http("200 OK", "Content-Encoding: gzip\r\n", &packed)),
        |_| {},
    )
    .await;
    assert_eq!((failure.cause, tries), (Cause::TooLarge, 1));
}

#[tokio::test]
async fn an_endless_body_is_stopped_at_the_cap() {
    let start = |body: &str| format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes();
    let cases = [
        (start("{\"x\":["), "1,".repeat(1000)),
        (start("{\"x\":\""), "x".repeat(1000)),
        (start(""), " ".repeat(1000)),
        (start("{\"x\":"), "[".repeat(1000)),
    ];
    for (first, again) in cases {
        let act = move || Act::Endless(first.clone(), again.clone().into_bytes());
        let (failure, tries) = within(20, failure_by(act, |settings| settings.max_body = 8 << 20)).await;
        assert_eq!((failure.cause, tries), (Cause::TooLarge, 1));
        assert_eq!(failure.detail, "the answer is longer than 8388608 bytes");
    }
}

#[tokio::test]
async fn an_endless_element_or_page_is_stopped_long_before_the_cap() {
    let element = || {
        let first = b"HTTP/1.1 200 OK\r\n\r\n{\"products\":{\"product\":[{\"name\":\"".to_vec();
        Act::Endless(first, vec![b'x'; 1000])
    };
    let (failure, tries) = within(20, failure_by(element, |settings| settings.max_body = 1 << 40)).await;
    assert_eq!(
        (failure.cause, failure.detail.as_str(), tries),
        (Cause::TooLarge, "an element is longer than 256 kB", 1)
    );
    let page = || Act::Endless(b"HTTP/1.1 200 OK\r\n\r\n<html>".to_vec(), vec![b'x'; 1000]);
    let (failure, tries) = within(20, failure_by(page, |settings| settings.max_body = 1 << 40)).await;
    assert_eq!((failure.cause, tries), (Cause::BadAnswer, 1));
}

#[tokio::test]
async fn a_slow_or_silent_server_is_a_timeout() {
    let body = json(&catalogue(1..=50));
    let dripping = body.clone();
    let drip = move || Act::Drip(dripping.clone(), Duration::from_millis(20));
    let short = |settings: &mut ApiSettings| settings.timeout = Duration::from_millis(300);
    let (failure, tries) = within(10, failure_by(drip, short)).await;
    assert_eq!(
        (failure.cause, failure.detail.as_str(), tries),
        (Cause::Timeout, "no whole answer within 0.3 s", 3)
    );
    let (failure, tries) = within(10, failure_by(|| Act::Hang(Vec::new()), short)).await;
    assert_eq!((failure.cause, tries), (Cause::Timeout, 3));
    let half = body[..200].to_vec();
    let (failure, tries) = within(10, failure_by(move || Act::Hang(half.clone()), short)).await;
    assert_eq!(
        (failure.cause, failure.detail.as_str(), tries),
        (Cause::Timeout, "the answer stopped: not a byte for 0.1 s", 3)
    );
}

#[tokio::test]
async fn a_closed_port_is_a_failed_connection() {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let look = look(&Client::new(settings(format!("http://{port}/x"))).unwrap(), 0).await;
    assert_eq!(look.requests.len(), 3);
    let failure = look.result.unwrap_err();
    assert_eq!(
        (failure.cause, failure.detail.as_str()),
        (Cause::Connect, "connection refused")
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_apart() {
    let look = look(&Client::new(settings("http://shop.invalid/x".into())).unwrap(), 0).await;
    assert_eq!(look.result.unwrap_err().cause, Cause::Dns);
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_credentials_in_hand() {
    let target = Server::always(json(&catalogue(1..=1))).await;
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let location = format!("Location: {}?token=x\r\n", target.url());
        let (failure, tries) = failure(http(status, &location, "")).await;
        assert_eq!((failure.cause, tries), (Cause::Redirect, 1), "{status}");
        assert_eq!(
            failure.detail,
            format!("HTTP {} to {}", &status[..3], target.url())
        );
    }
    assert!(target.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn retry_after_is_obeyed_within_the_poll_if_short_and_passed_on_if_long() {
    let server = Server::start(|n, request| {
        Act::Send(match n {
            0 => http("429 Slow", "Retry-After: 1\r\n", ""),
            _ if request.is("GetProducts") => json(&catalogue(1..=1)),
            _ => no_such_action(),
        })
    })
    .await;
    let started = Instant::now();
    let look = look(&client(&server), 0).await;
    assert!(look.result.is_ok());
    assert!(started.elapsed() >= Duration::from_secs(1));
    let attempts: Vec<_> = look
        .attempts
        .iter()
        .map(|attempt| (attempt.action.as_str(), attempt.cause))
        .collect();
    assert_eq!(
        attempts,
        [
            ("GetProducts", Some(Cause::RateLimited)),
            ("GetProducts", None),
            ("GetProductDetails", Some(Cause::Permission))
        ]
    );
    for (asked, waits) in [("120", 120), ("999999", 3600)] {
        let (failure, tries) = failure(http("503 Busy", &format!("Retry-After: {asked}\r\n"), "")).await;
        assert_eq!((failure.cause, tries), (Cause::Server, 1));
        assert_eq!(failure.retry_after, Some(Duration::from_secs(waits)));
    }
}

#[tokio::test]
async fn a_transient_failure_is_mended_within_the_poll() {
    let server = Server::start(|n, request| match n {
        0 => Act::Reset(Vec::new()),
        1 => Act::Send(http("502 Bad Gateway", "", "")),
        _ if request.is("GetProducts") => Act::Send(json(&catalogue(1..=3))),
        _ => Act::Send(no_such_action()),
    })
    .await;
    let look = look(&client(&server), 0).await;
    assert_eq!(look.result.unwrap().products.len(), 3);
    let causes: Vec<_> = look.attempts.iter().map(|attempt| attempt.cause).collect();
    assert_eq!(
        causes,
        [
            Some(Cause::Reset),
            Some(Cause::Server),
            None,
            Some(Cause::Permission)
        ]
    );
}

#[tokio::test]
async fn invalid_utf_8_in_a_product_fails_the_look() {
    let mut body = catalogue(1..=3).into_bytes();
    let at = body.windows(2).position(|two| two == b"p2").unwrap();
    body[at] = 0xe9;
    let (failure, tries) = failure(http("200 OK", "", &body)).await;
    // The second try, in XML, gets the same.
    assert_eq!((failure.cause, tries), (Cause::Encoding, 2));
    assert_eq!(
        failure.detail,
        "product 2 of the answer: it holds bytes that are not UTF-8"
    );
}

#[tokio::test]
async fn depth_beside_the_products_is_passed_over() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = catalogue(1..=2).replacen('{', &format!("{{\"x\":{deep},"), 1);
    let server = Server::always(json(&body)).await;
    assert_eq!(see(&client(&server), 0).await.products.len(), 2);
    let body = catalogue(1..=2).replacen("\"gid\"", &format!("\"x\":{deep},\"gid\""), 1);
    let server = Server::always(json(&body)).await;
    assert_eq!(see(&client(&server), 0).await.products.len(), 2);
}

#[tokio::test]
async fn an_unchanged_product_is_the_same_one_in_the_next_look() {
    let server = Server::start(|n, request| {
        Act::Send(match n {
            0 => json(&products(&[listing(2, 5), listing(1, 5)])),
            _ if request.is("GetProducts") => json(&products(&[listing(3, 1), listing(2, 5), listing(1, 4)])),
            _ => no_such_action(),
        })
    })
    .await;
    let client = client(&server);
    let (first, second) = (see(&client, 0).await, see(&client, 60).await);
    let third = see(&client, 120).await;
    assert_eq!(
        quantities(&second.products),
        [
            (1, Figure::Number(4)),
            (2, Figure::Number(5)),
            (3, Figure::Number(1))
        ]
    );
    assert!(Arc::ptr_eq(&first.products[1], &second.products[1]));
    assert!(!Arc::ptr_eq(&first.products[0], &second.products[0]));
    assert!(
        second
            .products
            .iter()
            .zip(&third.products)
            .all(|(a, b)| Arc::ptr_eq(a, b))
    );
}

#[tokio::test]
async fn an_installation_that_pages_is_asked_until_all_are_there() {
    let page = |from: i64, to: i64, total: i64| {
        let list = (from..=to).map(|id| listing(id, 1)).collect::<Vec<_>>().join(",");
        let returned = to - from + 1;
        format!(
            r#"{{"result":"success","totalresults":{total},"numreturned":{returned},"products":{{"product":[{list}]}}}}"#
        )
    };
    let server = Server::start(move |_, request| {
        Act::Send(match (request.is("GetProducts"), request.param("limitstart")) {
            (true, None) => json(&page(1, 4, 10)),
            (true, Some("4")) => json(&page(5, 8, 10)),
            (true, Some("8")) => json(&page(9, 10, 10)),
            _ => no_such_action(),
        })
    })
    .await;
    let client = client(&server);
    for now in [0, 60] {
        assert_eq!(see(&client, now).await.products.len(), 10);
    }
    type Script = fn(i64) -> (i64, i64, i64);
    let cases: [(Script, &str); 4] = [
        (|_| (1, 4, 10), "product 1 is listed on two pages"),
        (
            |start| (start + 1, start + 4, 10),
            "12 products, totalresults is 10",
        ),
        (|start| (start + 1, start, 10), "4 products, totalresults is 10"),
        (
            |start| (start + 1, start + 4, 10 + start),
            "totalresults went from 10 to 14 between pages",
        ),
    ];
    for (script, detail) in cases {
        let server = Server::start(move |_, request| {
            let start = request
                .param("limitstart")
                .map_or(0, |start| start.parse().unwrap());
            let (from, to, total) = if start == 0 { (1, 4, 10) } else { script(start) };
            Act::Send(json(&page(from, to, total)))
        })
        .await;
        let failure = look(&self::client(&server), 0).await.result.unwrap_err();
        assert_eq!(
            (failure.cause, failure.detail.as_str()),
            (Cause::BadAnswer, detail)
        );
    }
}

#[tokio::test]
async fn pages_may_shrink_and_a_shop_that_repeats_its_first_page_is_asked_no_further() {
    let script = |size: fn(i64) -> i64, from: fn(i64) -> i64, total: i64| {
        Server::start(move |_, request| {
            if !request.is("GetProducts") {
                return Act::Send(no_such_action());
            }
            let start = request
                .param("limitstart")
                .map_or(0, |start| start.parse().unwrap());
            let from = from(start);
            let to = (from + size(start)).min(total);
            let list: Vec<String> = (from + 1..=to).map(|id| listing(id, 1)).collect();
            Act::Send(json(&format!(
                r#"{{"result":"success","totalresults":{total},"startnumber":{from},"numreturned":{},"products":{{"product":[{}]}}}}"#,
                list.len(),
                list.join(",")
            )))
        })
    };
    let shrinking = script(|start| if start < 6 { 3 } else { 1 }, |start| start, 11).await;
    assert_eq!(see(&client(&shrinking), 0).await.products.len(), 11);
    assert_eq!(shrinking.count("GetProducts"), 7);
    let repeating = script(|_| 4, |_| 0, 200_000).await;
    let failure = look(&client(&repeating), 0).await.result.unwrap_err();
    assert_eq!(failure.detail, "product 1 is listed on two pages");
    assert_eq!(repeating.count("GetProducts"), 2);
}

#[tokio::test]
async fn cancelling_ends_a_look_at_once() {
    let server = Server::start(|_, _| Act::Hang(Vec::new())).await;
    let waiting = Server::always(http("429 Slow", "Retry-After: 4\r\n", "")).await;
    for server in [server, waiting] {
        let client = Arc::new(client(&server));
        let cancel = CancellationToken::new();
        let look = tokio::spawn({
            let (client, cancel) = (Arc::clone(&client), cancel.clone());
            async move {
                client
                    .look(at(0), Duration::from_secs(1), &cancel)
                    .await
                    .is_none()
            }
        });
        while server.count("GetProducts") == 0 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
        assert!(within(2, look).await.unwrap());
    }
}

#[tokio::test]
async fn our_companion_gives_the_details_of_all_products_in_batches() {
    let server = Server::start(|_, request| {
        Act::Send(json(&if request.is("GetProducts") {
            catalogue(1..=2500)
        } else {
            let known: Vec<i64> = asked_ids(request).into_iter().filter(|id| *id != 77).collect();
            details(&known, true)
        }))
    })
    .await;
    let client = client(&server);
    let first = see(&client, 0).await;
    assert_eq!(
        (first.companion, client.standing()),
        (Companion::Contract1, Standing::Contract1)
    );
    assert_eq!(
        server.count("GetProductDetails"),
        1 + 3,
        "one to see who answers, three batches"
    );
    for product in &first.products {
        let id = product.id();
        let details = product.details.as_ref();
        assert_eq!(
            details.map(|details| details.quantity),
            (id != 77).then_some(Figure::Number(id))
        );
        assert_eq!(product.details_fresh, id != 77);
    }
    let second = see(&client, 60).await;
    assert_eq!(server.count("GetProductDetails"), 1 + 3 + 3);
    assert!(
        first
            .products
            .iter()
            .zip(&second.products)
            .all(|(a, b)| Arc::ptr_eq(a, b))
    );
}

#[tokio::test]
async fn a_batch_that_does_not_add_up_fails_the_look() {
    let answers: [(String, Cause, &str); 4] = [
        (
            details(&[1], true).replace("\"totalresults\":1", "\"totalresults\":2"),
            Cause::BadAnswer,
            "GetProductDetails: 1 products came, totalresults is 2",
        ),
        (
            details(&[1, 1], true),
            Cause::BadAnswer,
            "GetProductDetails: product 1 came twice",
        ),
        (
            details(&[9], true),
            Cause::BadAnswer,
            "GetProductDetails: product 9 came unasked",
        ),
        (
            r#"{"result":"error","message":"Authentication Failed"}"#.into(),
            Cause::Credentials,
            "HTTP 200: Authentication Failed",
        ),
    ];
    for (answer, cause, detail) in answers {
        let server = Server::start(move |n, request| {
            Act::Send(json(&match (request.is("GetProducts"), n) {
                (true, _) => catalogue(1..=3),
                (false, 1) => details(&[1], true),
                (false, _) => answer.clone(),
            }))
        })
        .await;
        let failure = look(&client(&server), 0).await.result.unwrap_err();
        assert_eq!((failure.cause, failure.detail.as_str()), (cause, detail));
    }
}

#[tokio::test]
async fn a_companion_that_vanishes_is_absent_and_asked_again_a_day_later_or_on_demand() {
    let present = Arc::new(Mutex::new(true));
    let server = Server::start({
        let present = Arc::clone(&present);
        move |_, request| {
            Act::Send(match (request.is("GetProducts"), *present.lock().unwrap()) {
                (true, _) => json(&catalogue(1..=2)),
                (false, true) => json(&details(&asked_ids(request), true)),
                (false, false) => http(
                    "200 OK",
                    "",
                    r#"{"result":"error","message":"API Function Not Found"}"#,
                ),
            })
        }
    })
    .await;
    let client = client(&server);
    let asked = || server.count("GetProductDetails");
    see(&client, 0).await;
    *present.lock().unwrap() = false;
    let gone = see(&client, 60).await;
    assert_eq!(gone.companion, Companion::Absent);
    assert_eq!(client.standing(), Standing::Vanished { since: at(60) });
    assert!(
        gone.products
            .iter()
            .all(|product| product.details.is_none() && !product.details_fresh)
    );
    let before = asked();
    see(&client, 120).await;
    see(&client, 60 + 3_599).await;
    assert_eq!(asked(), before, "it is left alone");
    *present.lock().unwrap() = true;
    assert_eq!(see(&client, 60 + 3_600).await.companion, Companion::Contract1);
    *present.lock().unwrap() = false;
    see(&client, 90_000).await;
    *present.lock().unwrap() = true;
    client.forget_companion();
    assert_eq!(see(&client, 90_060).await.companion, Companion::Contract1);
}

#[tokio::test]
async fn a_question_for_details_that_keeps_failing_fails_three_looks_and_then_counts_as_absent() {
    let server = Server::start(|_, request| {
        Act::Send(if request.is("GetProducts") {
            json(&catalogue(1..=2))
        } else {
            http("500 Oops", "", "")
        })
    })
    .await;
    let client = client(&server);
    for _ in 0..2 {
        assert_eq!(look(&client, 0).await.result.unwrap_err().cause, Cause::Server);
    }
    assert_eq!(see(&client, 60).await.companion, Companion::Absent);
    let asked = server.count("GetProductDetails");
    see(&client, 120).await;
    assert_eq!(server.count("GetProductDetails"), asked);
}

#[tokio::test]
async fn another_action_of_that_name_is_asked_product_by_product_when_something_changed() {
    let quantity = Arc::new(Mutex::new(5));
    let server = Server::start({
        let quantity = Arc::clone(&quantity);
        move |_, request| {
            let first = listing(1, *quantity.lock().unwrap());
            Act::Send(json(&match request.is("GetProducts") {
                true => products(&[first, listing(2, 5), listing(3, 5)]),
                false if request.param("productid") == Some("3") => {
                    r#"{"result":"error","message":"Product ID Not Found"}"#.into()
                }
                // The answer itself is the product.
                false if request.param("productid") == Some("2") => {
                    r#"{"result":"success","id":"2","stockcontrol":"1","qty":"9"}"#.into()
                }
                false => details(&asked_ids(request), false),
            }))
        }
    })
    .await;
    let client = client(&server);
    let asked = || {
        let requests = server.requests.lock().unwrap();
        let ids: Vec<_> = requests
            .iter()
            .filter(|r| r.is("GetProductDetails"))
            .flat_map(asked_ids)
            .collect();
        ids
    };
    let first = see(&client, 0).await;
    assert_eq!(first.companion, Companion::Foreign);
    let mut ids = asked().split_off(1);
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
    let known = |snapshot: &Snapshot| {
        let figure = |product: &Arc<Product>| product.details.as_ref().map(|details| details.quantity);
        snapshot
            .products
            .iter()
            .map(|p| (figure(p), p.details_fresh))
            .collect::<Vec<_>>()
    };
    let (one, nine) = (Some(Figure::Number(1)), Some(Figure::Number(9)));
    assert_eq!(known(&first), [(one, true), (nine, true), (None, false)]);
    *quantity.lock().unwrap() = 4;
    let second = see(&client, 60).await;
    assert_eq!(asked().split_off(4), [1], "the one that changed");
    assert_eq!(known(&second), [(one, true), (nine, false), (None, false)]);
    let third = see(&client, 120).await;
    assert_eq!(asked().len(), 5, "nothing changed");
    assert_eq!(known(&third), [(one, false), (nine, false), (None, false)]);
    assert!(Arc::ptr_eq(&second.products[1], &third.products[1]));
    see(&client, 3600).await;
    let mut ids = asked().split_off(5);
    ids.sort_unstable();
    assert_eq!(ids, [2, 3], "an hour has passed since those were asked");
}

#[tokio::test]
async fn single_calls_stay_within_their_budget_and_go_on_in_the_next_look() {
    let silent = Arc::new(Mutex::new(false));
    let server = Server::start({
        let silent = Arc::clone(&silent);
        move |_, request| match request.is("GetProducts") {
            true => Act::Send(json(&catalogue(1..=9))),
            false if *silent.lock().unwrap() => Act::Hang(Vec::new()),
            false => Act::Send(json(&details(&asked_ids(request), false))),
        }
    })
    .await;
    let client = client(&server);
    let budget = |millis| Duration::from_millis(millis);
    let cancel = CancellationToken::new();
    let none = client
        .look(at(0), budget(0), &cancel)
        .await
        .unwrap()
        .result
        .unwrap();
    assert!(none.products.iter().all(|product| product.details.is_none()));
    *silent.lock().unwrap() = true;
    let still = within(5, client.look(at(60), budget(100), &cancel))
        .await
        .unwrap()
        .result
        .unwrap();
    assert!(still.products.iter().all(|product| product.details.is_none()));
    *silent.lock().unwrap() = false;
    let all = client
        .look(at(120), budget(20_000), &cancel)
        .await
        .unwrap()
        .result
        .unwrap();
    assert!(
        all.products
            .iter()
            .all(|product| product.details.is_some() && product.details_fresh)
    );
}

#[tokio::test]
async fn a_single_call_that_fails_leaves_what_was_known() {
    #[derive(Clone, Copy)]
    enum Stage {
        Well,
        Broken,
        Mended,
    }
    let stage = Arc::new(Mutex::new(Stage::Well));
    let server = Server::start({
        let stage = Arc::clone(&stage);
        move |_, request| {
            let stage = *stage.lock().unwrap();
            Act::Send(match (request.is("GetProducts"), stage) {
                (true, Stage::Well) => json(&catalogue(1..=20)),
                (true, Stage::Broken | Stage::Mended) => {
                    json(&catalogue(1..=20).replace("\"gid\":1", "\"gid\":2"))
                }
                (false, Stage::Broken) => http("500 Oops", "", ""),
                (false, Stage::Well | Stage::Mended) => json(&details(&asked_ids(request), false)),
            })
        }
    })
    .await;
    let client = client(&server);
    see(&client, 0).await;
    *stage.lock().unwrap() = Stage::Broken;
    let before = server.count("GetProductDetails");
    let stale = see(&client, 60).await;
    assert!(
        stale
            .products
            .iter()
            .all(|p| p.details.is_some() && !p.details_fresh)
    );
    let asked = server.count("GetProductDetails") - before;
    assert!(asked <= 4, "it gives up for this look after {asked} calls");
    *stage.lock().unwrap() = Stage::Mended;
    let fresh = see(&client, 120).await;
    assert!(fresh.products.iter().all(|product| product.details_fresh));
}

#[tokio::test]
async fn at_most_so_many_requests_are_under_way_at_once() {
    let now = Arc::new(Mutex::new((0_usize, 0_usize)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn({
        let now = Arc::clone(&now);
        async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let now = Arc::clone(&now);
                tokio::spawn(async move {
                    let Some(request) = receive(&mut socket).await else {
                        return;
                    };
                    {
                        let mut now = now.lock().unwrap();
                        now.0 += 1;
                        now.1 = now.1.max(now.0);
                    }
                    // Long enough for others to come in, were they let.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    now.lock().unwrap().0 -= 1;
                    let body = if request.is("GetProducts") {
                        catalogue(1..=3500)
                    } else {
                        details(&asked_ids(&request), true)
                    };
                    perform(&mut socket, Act::Send(json(&body))).await;
                });
            }
        }
    });
    let client = Client::new(settings(format!("http://{address}/includes/api.php"))).unwrap();
    assert_eq!(see(&client, 0).await.products.len(), 3500);
    assert_eq!(now.lock().unwrap().1, 2);
}

/// A TLS server with a certificate for `localhost`, and that certificate as PEM.
async fn tls_server() -> (SocketAddr, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut socket) = acceptor.accept(socket).await else {
                    return;
                };
                let Some(request) = receive(&mut socket).await else {
                    return;
                };
                let answer = if request.is("GetProducts") {
                    json(&catalogue(1..=1))
                } else {
                    no_such_action()
                };
                perform(&mut socket, Act::Send(answer)).await;
            });
        }
    });
    (address, made.cert.pem())
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_a_tls_failure_and_not_tried_again() {
    let (address, pem) = tls_server().await;
    let url = format!("https://localhost:{}/includes/api.php", address.port());
    let refused = look(&Client::new(settings(url.clone())).unwrap(), 0).await;
    assert_eq!(refused.requests.len(), 1);
    let failure = refused.result.unwrap_err();
    assert_eq!(failure.cause, Cause::Tls);
    assert!(failure.detail.contains("certificate"), "{}", failure.detail);

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let trusting = ApiSettings {
        ca_file: Some(file.path().to_owned()),
        ..settings(url.clone())
    };
    assert!(
        look(&Client::new(trusting.clone()).unwrap(), 0)
            .await
            .result
            .is_ok()
    );
    let wrong_host = ApiSettings {
        url: format!("https://{address}/x"),
        ..trusting
    };
    assert_eq!(
        look(&Client::new(wrong_host).unwrap(), 0)
            .await
            .result
            .unwrap_err()
            .cause,
        Cause::Tls
    );
    let careless = ApiSettings {
        allow_insecure_tls: true,
        ..settings(url)
    };
    assert!(look(&Client::new(careless).unwrap(), 0).await.result.is_ok());
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_tls_failure() {
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = plain.accept().await.unwrap();
            perform(
                &mut socket,
                Act::Send(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
            )
            .await;
        }
    });
    let failure = look(&Client::new(settings(format!("https://{address}/x"))).unwrap(), 0)
        .await
        .result
        .unwrap_err();
    assert_eq!(failure.cause, Cause::Tls);
}

#[tokio::test]
async fn bad_settings_are_told_with_their_mend() {
    for url in [
        "shop.example/includes/api.php",
        "ftp://shop.example/x",
        "",
        "http://",
    ] {
        assert!(
            matches!(Client::new(settings(url.into())), Err(ClientError::Url)),
            "{url}"
        );
    }
    let with_ca = |path: &std::path::Path| ApiSettings {
        ca_file: Some(path.to_owned()),
        ..settings("https://shop.example/".into())
    };
    let missing = Client::new(with_ca("/nowhere/ca.pem".as_ref()))
        .unwrap_err()
        .to_string();
    assert!(
        missing.starts_with("the CA file /nowhere/ca.pem cannot be read")
            && missing.contains("WHMCS_CA_FILE"),
        "{missing}"
    );
    let empty = tempfile::NamedTempFile::new().unwrap();
    let error = Client::new(with_ca(empty.path())).unwrap_err();
    assert!(matches!(error, ClientError::NoCertificate(_)), "{error}");
}
