//! `healthcheck`: asks a running daemon's `/healthz`, for containers.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::print;
use crate::config::overlay::Sources;

/// Long enough for a busy machine, shorter than a container's patience.
const PATIENCE: Duration = Duration::from_secs(4);

/// 0 where the daemon answers, else 1.
pub async fn check(sources: &Sources) -> Exit {
    let listen = match configured_quietly(sources) {
        Ok(config) => config.http.listen,
        Err(exit) => return exit,
    };
    let address = reachable(listen);
    match tokio::time::timeout(PATIENCE, ask(address)).await {
        Ok(Ok(true)) => {
            print("healthy");
            Exit::Ok
        }
        Ok(Ok(false)) => fail(
            Exit::Low,
            &format!("{address} answers, but not as the monitor does."),
        ),
        Ok(Err(error)) => fail(Exit::Low, &format!("{address} does not answer: {error}")),
        Err(_) => fail(Exit::Low, &format!("{address} does not answer in time.")),
    }
}

/// Where "every address" listens, loopback answers.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}
