//! As much of HTTP/1.1 as a form post and its answer need, by hand, so that it can also be done wrong.

use std::io;
use std::io::IoSlice;
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::simulator::api::Answer;
use crate::simulator::api::Params;

const MAX_HEAD: usize = 16 * 1024;
const MAX_BODY: usize = 4 * 1024 * 1024;
/// Pieces written by one system call.
const BATCH: usize = 512;
/// How much compressed text is gathered before it leaves as a chunk.
const CHUNK: usize = 64 * 1024;

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct HttpRequest {
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// What stood behind the question mark.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// A header's value, empty if it is not there; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether the client takes gzip.
    #[must_use]
    pub fn accepts_gzip(&self) -> bool {
        let codings = self.header("accept-encoding").to_ascii_lowercase();
        codings
            .split(',')
            .any(|coding| coding.trim().split(';').next() == Some("gzip"))
    }

    /// The form's fields.
    #[must_use]
    pub fn form(&self) -> Params {
        let body = String::from_utf8_lossy(&self.body);
        let pairs = body.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(name), decoded(value))
            })
            .collect()
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, behind @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high * 16 + low);
                    rest = behind;
                }
                _ => bytes.push(b'%'),
            },
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Reads the next request of a connection; `None` when the client has left. `buffer` keeps what came early.
///
/// # Errors
/// The connection broke, or what came is no request within the limits.
pub async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<HttpRequest>> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if buffer.len() > MAX_HEAD {
            return Err(invalid("the head is too long"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let mut request = parse_head(&String::from_utf8_lossy(&buffer[..end]))?;
    buffer.drain(..end + 4);
    let length: usize = request.header("content-length").parse().unwrap_or(0);
    if length > MAX_BODY || !request.header("transfer-encoding").is_empty() {
        return Err(invalid("the body is too long, or in chunks"));
    }
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    request.body = buffer.drain(..length).collect();
    Ok(Some(request))
}

fn parse_head(head: &str) -> io::Result<HttpRequest> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or("").split(' ');
    let (Some(method), Some(target)) = (first.next(), first.next()) else {
        return Err(invalid("the request line is incomplete"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(':'));
    Ok(HttpRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// How long a body is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// The status line and headers of an answer, with the empty line.
#[must_use]
pub fn head(answer: &Answer, framing: Framing, more: &[(&str, &str)]) -> Bytes {
    let mut head = format!(
        "HTTP/1.1 {} {}\r\nServer: Apache\r\n",
        answer.status,
        reason(answer.status)
    );
    let own = answer.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let length = match framing {
        Framing::Length(length) => ("Content-Length", length.to_string()),
        Framing::Chunked => ("Transfer-Encoding", "chunked".to_owned()),
    };
    let more = more.iter().copied().chain([(length.0, length.1.as_str())]);
    for (name, value) in own.chain(more) {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.into()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Answer",
    }
}

/// Writes a whole answer with its length.
///
/// # Errors
/// The connection broke.
pub async fn write_plain(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    let length = u64::try_from(answer.len()).unwrap_or(u64::MAX);
    let head = head(answer, Framing::Length(length), &[]);
    let first: Vec<Bytes> = [&head]
        .into_iter()
        .chain(&answer.body)
        .take(BATCH)
        .cloned()
        .collect();
    write_pieces(stream, &first).await?;
    write_pieces(stream, answer.body.get(BATCH - 1..).unwrap_or_default()).await
}

/// Writes a whole answer in chunks, a chunk a few pieces.
///
/// # Errors
/// The connection broke.
pub async fn write_chunked(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    stream.write_all(&head(answer, Framing::Chunked, &[])).await?;
    for pieces in answer.body.chunks(BATCH) {
        let length: usize = pieces.iter().map(Bytes::len).sum();
        if length > 0 {
            stream.write_all(format!("{length:x}\r\n").as_bytes()).await?;
            write_pieces(stream, pieces).await?;
            stream.write_all(b"\r\n").await?;
        }
    }
    stream.write_all(b"0\r\n\r\n").await
}

/// Writes a whole answer compressed, in chunks, as it is being compressed.
///
/// # Errors
/// The connection broke.
pub async fn write_gzip(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    let coding = [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")];
    stream.write_all(&head(answer, Framing::Chunked, &coding)).await?;
    let mut encoder = GzEncoder::new(Vec::with_capacity(CHUNK), Compression::fast());
    for piece in &answer.body {
        encoder.write_all(piece)?;
        if encoder.get_ref().len() >= CHUNK {
            write_chunk(stream, encoder.get_ref()).await?;
            encoder.get_mut().clear();
        }
    }
    write_chunk(stream, &encoder.finish()?).await?;
    stream.write_all(b"0\r\n\r\n").await
}

/// Writes one chunk, unless it is empty.
///
/// # Errors
/// The connection broke.
pub async fn write_chunk(stream: &mut TcpStream, chunk: &[u8]) -> io::Result<()> {
    if chunk.is_empty() {
        return Ok(());
    }
    stream
        .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
        .await?;
    stream.write_all(chunk).await?;
    stream.write_all(b"\r\n").await
}

/// Writes pieces as they are, without joining them in memory.
async fn write_pieces(stream: &mut TcpStream, pieces: &[Bytes]) -> io::Result<()> {
    for batch in pieces.chunks(BATCH) {
        let filled = batch.iter().filter(|piece| !piece.is_empty());
        let mut slices: Vec<IoSlice<'_>> = filled.map(|piece| IoSlice::new(piece)).collect();
        let mut rest = slices.as_mut_slice();
        while !rest.is_empty() {
            let written = stream.write_vectored(rest).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut rest, written);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded() {
        let body = b"action=GetProducts&a=1%2C2+3&name=%C3%A9%F0%9F%98%80&odd=%zz%4&empty=&bare".to_vec();
        let form = HttpRequest {
            body,
            ..HttpRequest::default()
        }
        .form();
        let expected = [
            ("a", "1,2 3"),
            ("action", "GetProducts"),
            ("bare", ""),
            ("empty", ""),
            ("name", "é😀"),
            ("odd", "%zz%4"),
        ];
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(form, expected);
    }

    #[test]
    fn gzip_is_taken_only_where_it_is_named() {
        let accepting = |codings: &str| HttpRequest {
            headers: vec![("accept-encoding".to_owned(), codings.to_owned())],
            ..HttpRequest::default()
        };
        assert!(accepting("br, gzip;q=0.5").accepts_gzip());
        assert!(!accepting("identity").accepts_gzip());
        assert!(!HttpRequest::default().accepts_gzip());
    }
}
