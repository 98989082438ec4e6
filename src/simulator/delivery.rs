//! How an answer goes on the wire: as it should, or with one of the faults.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compress;
use flate2::Compression;
use flate2::Crc;
use flate2::FlushCompress;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::simulator::api;
use crate::simulator::api::Answer;
use crate::simulator::faults::Fault;
use crate::simulator::faults::Filler;
use crate::simulator::faults::Refusal;
use crate::simulator::habits::Version;
use crate::simulator::http;
use crate::simulator::http::Framing;

/// How sound answers are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Plain,
    /// Without a length, in chunks.
    Chunked,
    /// Compressed, in chunks.
    Gzip,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    Keep,
    Close,
}

/// Sends the true answer.
///
/// # Errors
/// The connection broke.
pub async fn send(stream: &mut TcpStream, answer: &Answer, coding: Coding) -> io::Result<Afterwards> {
    match coding {
        Coding::Plain => http::write_plain(stream, answer).await?,
        Coding::Chunked => http::write_chunked(stream, answer).await?,
        Coding::Gzip => http::write_gzip(stream, answer).await?,
    }
    Ok(Afterwards::Keep)
}

/// Sends what the fault makes of the true answer to a request of this action.
///
/// # Errors
/// The connection broke.
pub async fn send_with(
    stream: &mut TcpStream,
    fault: &Fault,
    answer: &Answer,
    action: &str,
    coding: Coding,
) -> io::Result<Afterwards> {
    if let Some(instead) = instead(fault, answer, action) {
        return send(stream, &instead, coding).await;
    }
    match fault {
        Fault::TruncatedBody => truncated(stream, answer).await?,
        Fault::ResetMidBody => {
            truncated(stream, answer).await?;
            stream.set_zero_linger()?;
        }
        Fault::Reset => stream.set_zero_linger()?,
        Fault::Close => {}
        Fault::Hang => until_client_leaves(stream).await?,
        Fault::Raw(bytes) => stream.write_all(bytes).await?,
        Fault::TruncatedGzip => return truncated_gzip(stream, answer).await,
        Fault::GzipBomb { bytes, filler } => return gzip_bomb(stream, *bytes, *filler).await,
        Fault::HugeBody { bytes, filler } => return huge(stream, *bytes, *filler).await,
        Fault::Drip(interval) => {
            stream.write_all(&plain_head(answer)).await?;
            return drip(stream, &answer.joined(), *interval).await;
        }
        Fault::DripFromStart(interval) => {
            let whole = [plain_head(answer).to_vec(), answer.joined()].concat();
            return drip(stream, &whole, *interval).await;
        }
        Fault::Delay(wait) => {
            tokio::time::sleep(*wait).await;
            return send(stream, answer, coding).await;
        }
        // What concerns the catalogue is in the answer already; the rest was sent instead of it.
        Fault::Refused(_)
        | Fault::RefusedPlain(_)
        | Fault::LoginPage
        | Fault::MaintenancePage(_)
        | Fault::FirewallPage
        | Fault::OutputAlreadySent
        | Fault::WarningBeforeJson
        | Fault::EmptyBody
        | Fault::Null
        | Fault::EmptyList
        | Fault::NoProducts
        | Fault::FewerThanTotal(_)
        | Fault::EmptyCatalogue
        | Fault::NoStockFields
        | Fault::RateLimited(_)
        | Fault::Status(..)
        | Fault::Redirect { .. }
        | Fault::InvalidUtf8
        | Fault::DeepNesting(_)
        | Fault::Body { .. } => return send(stream, answer, coding).await,
    }
    Ok(Afterwards::Close)
}

/// The well-formed HTTP answer that a fault puts in the true one's place, where it is of that kind.
fn instead(fault: &Fault, answer: &Answer, action: &str) -> Option<Answer> {
    Some(match fault {
        // What JSON cannot hold, XML can.
        Fault::Refused(Refusal::MalformedUtf8) if answer.is_xml() => return None,
        Fault::Refused(refusal) if answer.is_xml() => {
            api::in_xml(&api::refused(refusal, action), Version::V8_12, action)
        }
        Fault::Refused(refusal) => api::refused(refusal, action),
        Fault::RefusedPlain(refusal) => api::refused_plain(refusal, action),
        Fault::LoginPage => page(200, LOGIN),
        Fault::MaintenancePage(status) => page(*status, MAINTENANCE),
        Fault::FirewallPage => page(403, FIREWALL),
        Fault::OutputAlreadySent => page(500, OUTPUT_ALREADY_SENT),
        Fault::WarningBeforeJson => {
            let mut behind = page(200, WARNING);
            behind.body.extend(answer.body.iter().cloned());
            behind
        }
        Fault::EmptyBody => Answer::json(""),
        Fault::Null => Answer::json("null"),
        Fault::EmptyList => Answer::json("[]"),
        Fault::RateLimited(seconds) => with_retry_after(page(429, "<h1>Too many requests</h1>"), *seconds),
        Fault::Status(status, seconds) => with_retry_after(page(*status, "<h1>Sorry</h1>"), *seconds),
        Fault::Redirect { status, location } => {
            let mut moved = page(*status, "<h1>The document has moved</h1>");
            moved.headers.push(("Location", location.clone()));
            moved
        }
        Fault::InvalidUtf8 => Answer {
            body: vec![with_broken_name(answer.joined()).into()],
            ..answer.clone()
        },
        Fault::DeepNesting(depth) => Answer::json(nested(*depth)),
        Fault::Body {
            status,
            content_type,
            body,
        } => Answer::new(*status, content_type, body.clone()),
        Fault::NoProducts
        | Fault::FewerThanTotal(_)
        | Fault::EmptyCatalogue
        | Fault::NoStockFields
        | Fault::TruncatedBody
        | Fault::TruncatedGzip
        | Fault::GzipBomb { .. }
        | Fault::HugeBody { .. }
        | Fault::Drip(_)
        | Fault::DripFromStart(_)
        | Fault::Delay(_)
        | Fault::ResetMidBody
        | Fault::Reset
        | Fault::Close
        | Fault::Hang
        | Fault::Raw(_) => return None,
    })
}

const LOGIN: &str = "<!DOCTYPE html>\n<html><head><title>Login - Example Hosting</title></head><body>\
    <form method=\"post\" action=\"/admin/dologin.php\"><input name=\"username\"><input type=\"password\" \
    name=\"password\"></form></body></html>\n";
const MAINTENANCE: &str = "<!DOCTYPE html>\n<html><head><title>Down for Maintenance</title></head><body>\
    <h1>We are currently performing maintenance and will be back shortly.</h1></body></html>\n";
const FIREWALL: &str = "<!DOCTYPE html>\n<html><head><title>Access denied</title></head><body>\
    <h1>Sorry, you have been blocked</h1><p>This website is using a security service. Request id 5f1c.</p>\
    </body></html>\n";
const OUTPUT_ALREADY_SENT: &str = "<!DOCTYPE html>\n<html><body><h1>Oops!</h1><pre>\
    Laminas\\HttpHandlerRunner\\Exception\\EmitterException: Output has been emitted previously; cannot emit \
    response</pre></body></html>\n";
const WARNING: &str = "<br />\n<b>Warning</b>:  Undefined variable $stock in <b>includes/hooks/shop.php</b> on \
    line <b>12</b><br />\n";

fn page(status: u16, html: &'static str) -> Answer {
    Answer::new(status, "text/html; charset=utf-8", html)
}

fn with_retry_after(mut answer: Answer, seconds: Option<u64>) -> Answer {
    let header = seconds.map(|seconds| ("Retry-After", seconds.to_string()));
    answer.headers.extend(header);
    answer
}

/// Puts a stray byte, a cut-off sequence and Latin-1 at the start of the first name, or in front of everything.
fn with_broken_name(mut body: Vec<u8>) -> Vec<u8> {
    let after = |mark: &[u8]| {
        let found = body.windows(mark.len()).position(|window| window == mark);
        found.map(|start| start + mark.len())
    };
    let at = after(b"\"name\":\"").or_else(|| after(b"<name>")).unwrap_or(0);
    body.splice(at..at, *b"\xff\xc3\x28 caf\xe9 ");
    body
}

fn nested(depth: usize) -> String {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!(
        "{OPENING}{{\"pid\":1,\"gid\":1,\"name\":\"deep\",\"description\":{open}{close},\
         \"quantity_available\":1}}]}}}}"
    )
}

fn plain_head(answer: &Answer) -> Bytes {
    http::head(
        answer,
        Framing::Length(u64::try_from(answer.len()).unwrap_or(u64::MAX)),
        &[],
    )
}

async fn truncated(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    let body = answer.joined();
    stream.write_all(&plain_head(answer)).await?;
    stream.write_all(&body[..body.len() / 2]).await
}

async fn truncated_gzip(stream: &mut TcpStream, answer: &Answer) -> io::Result<Afterwards> {
    let whole = gzipped(&answer.joined())?;
    let half = &whole[..whole.len() / 2];
    let length = Framing::Length(u64::try_from(half.len()).unwrap_or(u64::MAX));
    stream
        .write_all(&http::head(answer, length, &[("Content-Encoding", "gzip")]))
        .await?;
    stream.write_all(half).await?;
    Ok(Afterwards::Keep)
}

fn gzipped(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
    io::Write::write_all(&mut encoder, body)?;
    encoder.finish()
}

async fn drip(stream: &mut TcpStream, bytes: &[u8], interval: Duration) -> io::Result<Afterwards> {
    for byte in bytes.chunks(1) {
        stream.write_all(byte).await?;
        tokio::time::sleep(interval).await;
    }
    Ok(Afterwards::Keep)
}

async fn until_client_leaves(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

const OPENING: &str = "{\"result\":\"success\",\"totalresults\":1,\"products\":{\"product\":[";
/// The least that is written at once of an oversized body.
const BLOCK: usize = 1 << 20;

/// What an oversized body begins with, repeats, and ends with.
fn parts(filler: Filler) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    const ELEMENT: &str = "{\"pid\":7,\"gid\":1,\"name\":\"More\",\"quantity_available\":9},";
    let name = format!("{OPENING}{{\"pid\":1,\"gid\":1,\"name\":\"");
    let last = format!("{}]}}}}", ELEMENT.trim_end_matches(','));
    match filler {
        Filler::Zeros => (Vec::new(), vec![0; BLOCK], Vec::new()),
        Filler::Spaces => (OPENING.into(), vec![b' '; BLOCK], b"]}}".to_vec()),
        Filler::Products => (
            OPENING.into(),
            ELEMENT.repeat(BLOCK / ELEMENT.len() + 1).into(),
            last.into(),
        ),
        Filler::Name => (name.into(), vec![b'x'; BLOCK], b"\"}]}}".to_vec()),
    }
}

/// How many blocks make at least this many bytes.
fn blocks(bytes: u64, block: &[u8]) -> u64 {
    bytes.div_ceil(u64::try_from(block.len()).unwrap_or(u64::MAX).max(1))
}

async fn huge(stream: &mut TcpStream, bytes: Option<u64>, filler: Filler) -> io::Result<Afterwards> {
    let (first, block, last) = parts(filler);
    stream
        .write_all(&http::head(&Answer::json(""), Framing::Chunked, &[]))
        .await?;
    http::write_chunk(stream, &first).await?;
    for _ in 0..bytes.map_or(u64::MAX, |bytes| blocks(bytes, &block)) {
        http::write_chunk(stream, &block).await?;
    }
    http::write_chunk(stream, &last).await?;
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(Afterwards::Keep)
}

/// Writes one compressed block over and over: it was flushed so that it depends on nothing before it.
async fn gzip_bomb(stream: &mut TcpStream, bytes: u64, filler: Filler) -> io::Result<Afterwards> {
    let (first, block, last) = parts(filler);
    let head = http::head(
        &Answer::json(""),
        Framing::Chunked,
        &[("Content-Encoding", "gzip")],
    );
    stream.write_all(&head).await?;
    http::write_chunk(stream, b"\x1f\x8b\x08\0\0\0\0\0\0\x03").await?;
    http::write_chunk(stream, &deflated(&first)?).await?;
    let (small, mut sum, one) = (deflated(&block)?, checksum(&first), checksum(&block));
    for _ in 0..blocks(bytes, &block) {
        http::write_chunk(stream, &small).await?;
        sum.combine(&one);
    }
    http::write_chunk(stream, &deflated(&last)?).await?;
    sum.combine(&checksum(&last));
    let mut trailer = vec![3, 0];
    trailer.extend(sum.sum().to_le_bytes());
    trailer.extend(sum.amount().to_le_bytes());
    http::write_chunk(stream, &trailer).await?;
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(Afterwards::Keep)
}

fn deflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut small = Vec::with_capacity(bytes.len() + 1024);
    Compress::new(Compression::best(), false)
        .compress_vec(bytes, &mut small, FlushCompress::Full)
        .map_err(io::Error::other)?;
    Ok(small)
}

fn checksum(bytes: &[u8]) -> Crc {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc
}
