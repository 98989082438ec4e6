//! A small receiver of webhooks on loopback that keeps what it receives and misbehaves on request: for the demo and
//! the tests.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufStream;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;

/// The largest head and the largest body it reads, in bytes.
const MAX_REQUEST: u64 = 32 * 1024 * 1024;

/// A received request.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// In the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The exact bytes.
    pub body: Vec<u8>,
    pub arrived: Timestamp,
    /// What it was answered; `None` where it got no status.
    pub answered: Option<u16>,
}

impl Request {
    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How the receiver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// This status and an empty body.
    Status(u16),
    /// This status, this `Retry-After`.
    RetryAfter(u16, String),
    /// This status, this header, this body.
    Full {
        status: u16,
        header: (String, String),
        body: String,
    },
    /// This status after a pause.
    Late(u16, Duration),
    /// This status, and then a body of this many bytes.
    Huge(u16, u64),
    /// This status, a part of the body announced, and then silence.
    Stalled(u16),
    /// This status, a part of the body announced, and then a reset.
    Broken(u16),
    /// Not a word; the connection stays.
    Hang,
    /// A reset instead of an answer.
    Reset,
    /// These bytes instead of HTTP.
    Garbage(String),
}

impl Reply {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status)
            | Self::RetryAfter(status, _)
            | Self::Full { status, .. }
            | Self::Late(status, _)
            | Self::Huge(status, _)
            | Self::Stalled(status)
            | Self::Broken(status) => Some(*status),
            Self::Hang | Self::Reset | Self::Garbage(_) => None,
        }
    }
}

/// The receiver. It stops, with all its connections, when dropped.
#[derive(Debug)]
pub struct WebhookSink {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    received: watch::Sender<Vec<Arc<Request>>>,
    script: Mutex<Script>,
}

#[derive(Debug)]
struct Script {
    once: VecDeque<Reply>,
    always: Reply,
}

impl WebhookSink {
    /// Listens on a free port of 127.0.0.1 and answers 204 until told otherwise.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Listens on the address, to come back where a receiver was before.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_on(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            received: watch::Sender::new(Vec::new()),
            script: Mutex::new(Script {
                once: VecDeque::new(),
                always: Reply::Status(204),
            }),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The `WEBHOOK_URL` of it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What was received so far, in the order of arrival, refused requests too.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<Request>> {
        self.shared.received.borrow().clone()
    }

    /// Tells of each arrival.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Vec<Arc<Request>>> {
        self.shared.received.subscribe()
    }

    /// Waits until `count` requests were received.
    ///
    /// # Errors
    /// The time passed first: what was received until then.
    pub async fn wait_for(
        &self,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<Arc<Request>>, Vec<Arc<Request>>> {
        let mut requests = self.subscribe();
        let arrived =
            tokio::time::timeout(timeout, requests.wait_for(|requests| requests.len() >= count)).await;
        match arrived {
            Ok(Ok(requests)) => Ok(requests.clone()),
            Ok(Err(_)) | Err(_) => Err(self.requests()),
        }
    }

    /// Answers the next request so; several wait in line.
    pub fn next(&self, reply: Reply) {
        self.shared.script(|script| script.once.push_back(reply));
    }

    /// Answers every request so from now on, but those of [`Self::next`].
    pub fn always(&self, reply: Reply) {
        self.shared.script(|script| script.always = reply);
    }
}

impl Drop for WebhookSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves the requests of one connection until it closes, breaks, or the script ends it.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufStream::new(stream);
    while let Ok(Some(mut request)) = read(&mut stream).await {
        let reply = shared.script(|script| script.once.pop_front().unwrap_or_else(|| script.always.clone()));
        request.answered = reply.status();
        shared
            .received
            .send_modify(|requests| requests.push(Arc::new(request)));
        if !matches!(answer(&mut stream, reply).await, Ok(true)) {
            return;
        }
    }
}

/// Reads one request; `None` where the client closed the connection.
async fn read(stream: &mut BufStream<TcpStream>) -> io::Result<Option<Request>> {
    let Some(first) = line(stream).await? else {
        return Ok(None);
    };
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    while let Some(line) = line(stream).await?.filter(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body: Vec::new(),
        arrived: Timestamp::now(),
        answered: None,
    };
    request.body = match request.header("content-length").map(str::parse::<u64>) {
        Some(Ok(length)) if length <= MAX_REQUEST => exactly(stream, length).await?,
        Some(_) => return Err(io::ErrorKind::InvalidData.into()),
        None if request.header("transfer-encoding").is_some() => chunks(stream).await?,
        None => Vec::new(),
    };
    Ok(Some(request))
}

async fn line(stream: &mut BufStream<TcpStream>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let read = stream.take(MAX_REQUEST).read_until(b'\n', &mut line).await?;
    Ok((read > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
}

async fn exactly(stream: &mut BufStream<TcpStream>, length: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let read = stream.take(length).read_to_end(&mut body).await?;
    if read as u64 == length {
        Ok(body)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

async fn chunks(stream: &mut BufStream<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(stream).await?.unwrap_or_default();
        let size = u64::from_str_radix(&size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        if body.len() as u64 + size > MAX_REQUEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        body.extend(exactly(stream, size).await?);
        line(stream).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Answers; whether the connection can serve another request.
async fn answer(stream: &mut BufStream<TcpStream>, reply: Reply) -> io::Result<bool> {
    match reply {
        Reply::Status(status) => whole(stream, status, "", "").await?,
        Reply::RetryAfter(status, when) => {
            whole(stream, status, &format!("Retry-After: {when}\r\n"), "").await?;
        }
        Reply::Full { status, header, body } => {
            whole(stream, status, &format!("{}: {}\r\n", header.0, header.1), &body).await?;
        }
        Reply::Late(status, pause) => {
            tokio::time::sleep(pause).await;
            whole(stream, status, "", "").await?;
        }
        Reply::Huge(status, bytes) => {
            head(stream, status, &format!("Content-Length: {bytes}\r\n")).await?;
            let block = [b'x'; 16 * 1024];
            let mut left = bytes;
            while left > 0 {
                let size = usize::try_from(left).unwrap_or(block.len()).min(block.len());
                stream.write_all(&block[..size]).await?;
                left -= size as u64;
            }
            stream.flush().await?;
        }
        Reply::Stalled(status) => {
            partly(stream, status).await?;
            std::future::pending::<()>().await;
        }
        Reply::Broken(status) => {
            partly(stream, status).await?;
            stream.get_ref().set_zero_linger()?;
            return Ok(false);
        }
        Reply::Hang => std::future::pending().await,
        Reply::Reset => {
            stream.get_ref().set_zero_linger()?;
            return Ok(false);
        }
        Reply::Garbage(bytes) => {
            stream.write_all(bytes.as_bytes()).await?;
            stream.flush().await?;
            return Ok(false);
        }
    }
    Ok(true)
}

async fn whole(stream: &mut BufStream<TcpStream>, status: u16, header: &str, body: &str) -> io::Result<()> {
    let length = if status == 204 {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    head(stream, status, &format!("{header}{length}")).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.flush().await
}

async fn partly(stream: &mut BufStream<TcpStream>, status: u16) -> io::Result<()> {
    head(stream, status, "Content-Length: 1000\r\n").await?;
    stream.write_all(b"part").await?;
    stream.flush().await
}

async fn head(stream: &mut BufStream<TcpStream>, status: u16, headers: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} scripted\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    async fn say(sink: &WebhookSink, request: &str) -> String {
        let mut stream = TcpStream::connect(sink.address()).await.expect("connects");
        stream.write_all(request.as_bytes()).await.expect("writes");
        stream.shutdown().await.expect("shuts");
        let mut answer = Vec::new();
        // A reset ends the answer as well as a close.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn requests_are_kept_to_the_byte_and_answered_by_the_script() {
        let sink = WebhookSink::start().await.expect("starts");
        sink.next(Reply::RetryAfter(429, "7".to_owned()));
        let two = "POST /hook?a HTTP/1.1\r\nX-One: 1\r\nContent-Length: 4\r\n\r\n\r\nab\
            POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n";
        let answer = say(&sink, two).await;
        assert!(
            answer.starts_with("HTTP/1.1 429 scripted\r\nRetry-After: 7\r\n"),
            "{answer}"
        );
        assert!(answer.contains("HTTP/1.1 204 "), "{answer}");
        let requests = sink.wait_for(2, LONG).await.expect("two requests");
        assert_eq!(
            (requests[0].path.as_str(), requests[0].body.as_slice()),
            ("/hook?a", &b"\r\nab"[..])
        );
        assert_eq!(requests[0].header("x-one"), Some("1"));
        assert_eq!(
            (requests[1].text().as_str(), requests[1].answered),
            ("xyz", Some(204))
        );
    }

    #[tokio::test]
    async fn a_reset_answers_nothing_but_keeps_the_request() {
        let sink = WebhookSink::start().await.expect("starts");
        sink.next(Reply::Reset);
        assert_eq!(say(&sink, "POST / HTTP/1.1\r\n\r\n").await, "");
        assert_eq!(sink.requests()[0].answered, None);
    }
}
