//! Who sends hints: signs them as the companion does and posts them, over a connection that stays.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

/// A hint on its way.
#[derive(Debug, Clone)]
pub struct Hint {
    pub id: String,
    /// From now, in seconds.
    pub ahead: i64,
    pub body: String,
}

impl Hint {
    /// A fresh one of the only shop.
    pub fn of(products: &[i64]) -> Self {
        Self::saying(&json!({"hook": "AcceptOrder", "products": products}))
    }

    /// A fresh one with that as its data.
    pub fn saying(data: &Value) -> Self {
        let body = json!({"type": "stock.hint", "timestamp": Timestamp::now().to_string(), "data": data});
        Self {
            id: Uuid::new_v4().to_string(),
            ahead: 0,
            body: body.to_string(),
        }
    }

    /// Its header lines, signed.
    pub fn signed(&self, secret: &str) -> String {
        let seconds = Timestamp::now().as_second() + self.ahead;
        let key = match secret.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).expect("base64"),
            None => secret.as_bytes().to_vec(),
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
        mac.update(format!("{}.{seconds}.{}", self.id, self.body).as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        format!(
            "webhook-id: {}\r\nwebhook-timestamp: {seconds}\r\nwebhook-signature: v1,{signature}\r\n",
            self.id
        )
    }
}

/// An answer in JSON.
#[derive(Debug)]
pub struct Said {
    pub status: u16,
    pub head: String,
    pub json: Value,
}

/// A connection to the daemon.
pub struct Line(BufReader<TcpStream>, SocketAddr);

impl Line {
    /// Connects.
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connects");
        stream.set_nodelay(true).expect("can be set");
        Self(BufReader::new(stream), address)
    }

    /// Posts a hint.
    pub fn hint(&mut self, hint: &Hint, secret: &str) -> Said {
        self.post("/api/v1/hints", &hint.signed(secret), &hint.body)
    }

    /// Posts that with these header lines.
    pub fn post(&mut self, path: &str, headers: &str, body: &str) -> Said {
        let (host, length) = (self.1, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes()).expect("is sent");
        let mut head = String::new();
        let mut length = 0;
        loop {
            let start = head.len();
            assert!(
                self.0.read_line(&mut head).expect("an answer") > 0,
                "closed: {head}"
            );
            let line = head[start..].trim_end().to_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        Said {
            status: head
                .split(' ')
                .nth(1)
                .and_then(|code| code.parse().ok())
                .expect("a status"),
            head,
            json: serde_json::from_slice(&body).expect("JSON"),
        }
    }
}
