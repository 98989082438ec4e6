//! Somebody between us and a receiver: sees every byte, may hang up, may hide that TLS is on offer.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

/// A proxy that lives as long as the test's process.
pub struct Proxy {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
    hang_ups: Arc<AtomicUsize>,
}

impl Proxy {
    /// Hands on what it gets.
    pub fn start(behind: SocketAddr) -> Self {
        Self::with(behind, <[u8]>::to_vec)
    }

    /// Takes the offer of STARTTLS out of what the server says.
    pub fn stripping(behind: SocketAddr) -> Self {
        Self::with(behind, |said| {
            let text = String::from_utf8_lossy(said).into_owned();
            // As long as before, so that it stays one answer.
            text.replace("STARTTLS", "XXXXXXXX").into_bytes()
        })
    }

    fn with(behind: SocketAddr, change: fn(&[u8]) -> Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            hang_ups: Arc::default(),
        };
        let (seen, hang_ups) = (Arc::clone(&proxy.seen), Arc::clone(&proxy.hang_ups));
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let left = |left: usize| left.checked_sub(1);
                if hang_ups
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
                    .is_ok()
                {
                    continue;
                }
                let Ok(server) = TcpStream::connect(behind) else {
                    continue;
                };
                let seen = Arc::clone(&seen);
                let (from_client, to_client) = (client.try_clone().unwrap(), client);
                let (from_server, to_server) = (server.try_clone().unwrap(), server);
                thread::spawn(move || {
                    pump(from_client, to_server, |said| {
                        seen.lock().unwrap().extend_from_slice(said);
                        said.to_vec()
                    });
                });
                thread::spawn(move || pump(from_server, to_client, change));
            }
        });
        proxy
    }

    /// Hangs up on the next so many.
    pub fn hang_up(&self, count: usize) {
        self.hang_ups.store(count, Ordering::SeqCst);
    }

    /// On how many more it will hang up.
    pub fn hang_ups_left(&self) -> usize {
        self.hang_ups.load(Ordering::SeqCst)
    }

    /// Everything that clients said.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, mut change: impl FnMut(&[u8]) -> Vec<u8>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length) = from.read(&mut buffer) {
        if length == 0 || to.write_all(&change(&buffer[..length])).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
