//! Peers of another make, in Python: a WHMCS, a mail server and a receiver that checks signatures.

use std::env;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

/// The Python that has the packages. Where there is none the test is skipped, aloud; in CI it fails.
pub fn python() -> Option<PathBuf> {
    let found = env::var_os("PEERS_PYTHON").map(PathBuf::from).or_else(|| {
        // target/debug/whmcs-stock-monitor is what was built; the peers stand beside the profile's folder.
        let target = PathBuf::from(env!("CARGO_BIN_EXE_whmcs-stock-monitor"));
        Some(target.parent()?.parent()?.join("peers/bin/python"))
    });
    let found = found.filter(|python| python.exists());
    if found.is_none() {
        skip("no Python with the packages of tests/peers/requirements.txt (scripts/test installs it)");
    }
    found
}

/// Says that a test did not run; in CI that is a failure.
pub fn skip(why: &str) {
    assert!(env::var("CI").as_deref() != Ok("true"), "{why}");
    eprintln!("skipped: {why}");
}

/// A program that serves until dropped.
pub struct Peer {
    child: Child,
    /// The ports it printed.
    pub ports: Vec<u16>,
}

impl Peer {
    /// Starts a script of `tests/peers` and waits for its ports.
    pub fn start(python: &Path, script: &str, arguments: &[&str]) -> Self {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/peers")
            .join(script);
        let mut child = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("prints its ports");
        let ports = line
            .split_whitespace()
            .map(|port| port.parse().expect("a port"))
            .collect();
        Self { child, ports }
    }

    /// GET, answered in JSON.
    pub fn get(&self, port: u16, path: &str) -> Value {
        exchange(
            port,
            &format!("GET {path} HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n"),
        )
    }

    /// POST of JSON, answered in JSON.
    pub fn post(&self, port: u16, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let length = body.len();
        exchange(
            port,
            &format!(
                "POST {path} HTTP/1.1\r\nHost: peer\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            ),
        )
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn exchange(port: u16, request: &str) -> Value {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).expect("connects");
    stream.write_all(request.as_bytes()).expect("asks");
    let mut answer = Vec::new();
    // The peer keeps the connection: the length says where the answer ends.
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a head");
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.take(length).read_to_end(&mut answer).expect("a body");
    serde_json::from_slice(&answer).expect("JSON")
}
