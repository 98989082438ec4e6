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
    let limits = Limits {
        connections_each: 3,
        ..Limits::default()
    };
    let world = World::open(Settings { limits, ..beyond() }).await;
    let ask = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(stream);
    }
    let mut fourth = TcpStream::connect(world.address).await.unwrap();
    let _ = fourth.write_all(ask.as_bytes()).await;
    assert_eq!(rest(&mut fourth).await, "", "it is closed");
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
