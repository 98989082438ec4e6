//! Nobody keeps others out by sending slowly, much, or over many connections.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use whmcs_stock_monitor::web::state::Limits;
use whmcs_stock_monitor::web::state::Settings;

use crate::world::TOKEN;
use crate::world::World;
use crate::world::beyond;
use crate::world::everybody;

/// Nothing waits this long where all is well.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything that comes until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset ends it too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("it is closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hasty() -> Settings {
    let short = Duration::from_millis(300);
    Settings {
        limits: Limits {
            head: short,
            answer: short,
            ..Limits::default()
        },
        ..everybody()
    }
}

#[tokio::test]
async fn a_head_or_body_that_does_not_come_is_not_waited_for() {
    let world = World::open(hasty()).await;
    for begun in [
        "",
        "GET / HTTP/1.1\r\nHost: local",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: y\r\n",
    ] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let said = rest(&mut stream).await;
        assert!(!said.contains("200 OK"), "{begun:?}: {said}");
    }
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let begun = format!(
        "POST /api/v1/silences HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"by\":"
    );
    stream.write_all(begun.as_bytes()).await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    assert_eq!(world.get("/healthz", "").await.status, 200);
}

#[tokio::test]
async fn a_head_that_is_too_long_or_a_body_that_is_too_large_is_refused() {
    let world = World::open(everybody()).await;
    let many: String = (0..80).map(|n| format!("X-{n}: y\r\n")).collect();
    assert_eq!(world.get("/healthz", &many).await.status, 431);
    let long = format!("X-Long: {}\r\n", "y".repeat(40 << 10));
    assert_eq!(world.get("/healthz", &long).await.status, 431);
    let some: String = (0..40).map(|n| format!("X-{n}: y\r\n")).collect();
    assert_eq!(world.get("/healthz", &some).await.status, 200);
    let large = "y".repeat(20 << 10);
    for path in ["/do/silence", "/do/login", "/api/v1/silences"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: {}\r\n",
            if path.starts_with("/do/") {
                "application/x-www-form-urlencoded"
            } else {
                "application/json"
            }
        );
        assert_eq!(world.send(&head, &large).await.status, 413, "{path}");
    }
}

#[tokio::test]
async fn one_address_does_not_take_all_connections() {
    // Loopback stands for any address here: it is the only one that every machine has.
    let limits = Limits {
        connections_proxy: 3,
        ..Limits::default()
    };
    let world = World::open(Settings { limits, ..beyond() }).await;
    let ask = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n")
    };
    // Who was idle for a moment only makes no room yet: asked again until somebody does.
    let answered = async |path: &str| loop {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let _ = stream.write_all(ask(path).as_bytes()).await;
        let mut first = [0; 12];
        if stream.read_exact(&mut first).await.is_ok() {
            assert_eq!(&first, b"HTTP/1.1 200");
            return stream;
        }
    };
    let mut held = Vec::new();
    for path in ["/live", "/healthz", "/live", "/healthz"] {
        held.push(answered(path).await);
    }
    // The only one of the first three by which nothing was asked any more made room.
    assert!(rest(&mut held[1]).await.ends_with("ok\n"));
    held.push(answered("/live").await);
    let mut fourth = TcpStream::connect(world.address).await.unwrap();
    let _ = fourth.write_all(ask("/healthz").as_bytes()).await;
    assert_eq!(rest(&mut fourth).await, "", "all of its connections are busy");
    let other = tokio::net::TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let target = format!("127.0.0.1:{}", world.address.port()).parse().unwrap();
    let mut other = other.connect(target).await.unwrap();
    other
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(&mut other).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn requests_that_do_not_come_whole_keep_nobody_out() {
    let limits = Limits {
        head: Duration::from_secs(3600),
        answer: Duration::from_secs(3600),
        connections: 8,
        ..Limits::default()
    };
    let world = World::open(Settings {
        limits,
        ..everybody()
    })
    .await;
    // A page that looks on is being answered for as long as it stays.
    let mut live = TcpStream::connect(world.address).await.unwrap();
    let ask = format!("GET /live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    live.write_all(ask.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    live.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    // One that was answered and is kept open counts as idle, too.
    let mut kept = TcpStream::connect(world.address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET ")
        .await
        .unwrap();
    kept.read_exact(&mut first).await.unwrap();
    let form = format!(
        "POST /do/poll HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nx"
    );
    let mut held = Vec::new();
    for begun in [form.as_str(), "GET / HTTP/1.1\r\nHost: local"].repeat(20) {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let answer = timeout(PATIENCE, world.get("/healthz", "")).await;
    assert_eq!(answer.expect("it is answered").status, 200);
    // Those that came first have made room, the last are still waited for.
    for stream in &mut held[..30] {
        assert_eq!(rest(stream).await, "");
    }
    assert!(rest(&mut kept).await.ends_with("ok\n"));
    let mut byte = [0; 1];
    let last = held.last_mut().unwrap();
    assert!(
        timeout(Duration::ZERO, last.read(&mut byte)).await.is_err(),
        "it is open"
    );
    world.close().await;
    // The page was never sent away before the server stopped.
    assert!(!rest(&mut live).await.is_empty());
}

#[tokio::test]
async fn a_request_is_for_one_host() {
    let world = World::open(everybody()).await;
    for (head, status) in [
        ("GET /healthz HTTP/1.1\r\n", 400),
        (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n",
            400,
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
            400,
        ),
        ("POST /api/v1/hints HTTP/1.1\r\n", 400),
        ("GET /healthz HTTP/1.0\r\n", 200),
        ("GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400),
        (
            "GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n",
            200,
        ),
    ] {
        let answer = world.send(head, "").await;
        assert_eq!(answer.status, status, "{head}: {}", answer.body);
    }
}
