//! A small mail server on loopback that keeps what it receives and misbehaves on request: for the demo and the tests.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;

use crate::sinks::mail_script::Fault;
use crate::sinks::mail_script::Mail;
use crate::sinks::mail_script::Shared;
use crate::sinks::mail_script::Step;
use crate::sinks::smtp::Session;

/// The server. It stops, with all its connections, when dropped.
#[derive(Debug)]
pub struct MailSink {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl MailSink {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Listens on the address, to come back where a server was before.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_on(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
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

    /// The `SMTP_URL` of it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address)
    }

    /// What was received so far, in the order of arrival.
    #[must_use]
    pub fn mails(&self) -> Vec<Arc<Mail>> {
        self.shared.received.borrow().clone()
    }

    /// Tells of each arrival.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Vec<Arc<Mail>>> {
        self.shared.received.subscribe()
    }

    /// Waits until `count` mails were received.
    ///
    /// # Errors
    /// The time passed first: what was received until then.
    pub async fn wait_for(&self, count: usize, timeout: Duration) -> Result<Vec<Arc<Mail>>, Vec<Arc<Mail>>> {
        let mut mails = self.subscribe();
        let arrived = tokio::time::timeout(timeout, mails.wait_for(|mails| mails.len() >= count)).await;
        match arrived {
            Ok(Ok(mails)) => Ok(mails.clone()),
            Ok(Err(_)) | Err(_) => Err(self.mails()),
        }
    }

    /// Misbehaves the next time the step is reached; several wait in line.
    pub fn next(&self, step: Step, fault: Fault) {
        self.shared
            .script(|script| script.once.entry(step).or_default().push_back(fault));
    }

    /// Misbehaves every time the step is reached, or no longer.
    pub fn always(&self, step: Step, fault: Option<Fault>) {
        self.shared.script(|script| {
            match fault {
                Some(fault) => script.always.insert(step, fault),
                None => script.always.remove(&step),
            };
        });
    }

    /// Offers STARTTLS from now on; the handshake itself fails, since the server holds no certificate.
    pub fn offer_starttls(&self) {
        self.shared.script(|script| script.starttls = true);
    }

    /// Offers no AUTH from now on.
    pub fn offer_no_auth(&self) {
        self.shared.script(|script| script.no_auth = true);
    }

    /// Every line received so far outside of mails, sign-in data left out.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        self.shared.script(|script| script.commands.clone())
    }
}

impl Drop for MailSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let session = Session::new(stream, Arc::clone(&shared));
                connections.spawn(session.serve());
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncBufReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::io::BufStream;
    use tokio::net::TcpStream;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    /// Says the lines one after the other, each after one answer line (three more after EHLO), and returns the codes.
    async fn dialogue(sink: &MailSink, lines: &[&str]) -> Vec<String> {
        let stream = TcpStream::connect(sink.address()).await.expect("connects");
        let mut stream = BufStream::new(stream);
        let mut codes = Vec::new();
        let mut answer = String::new();
        for line in std::iter::once(&"").chain(lines) {
            if !line.is_empty() {
                stream
                    .write_all(format!("{line}\r\n").as_bytes())
                    .await
                    .expect("writes");
                stream.flush().await.expect("flushes");
            }
            loop {
                answer.clear();
                if stream.read_line(&mut answer).await.unwrap_or(0) == 0 {
                    return codes;
                }
                if answer.as_bytes().get(3) != Some(&b'-') {
                    break;
                }
            }
            codes.push(answer.get(..3).unwrap_or_default().to_owned());
        }
        codes
    }

    #[tokio::test]
    async fn a_mail_is_kept_with_its_envelope_and_without_stuffed_dots() {
        let sink = MailSink::start().await.expect("starts");
        let codes = dialogue(
            &sink,
            &[
                "EHLO me.example",
                "AUTH PLAIN AHVzZXIAcGFzcw==",
                "MAIL FROM:<a@b.example> BODY=8BITMIME",
                "RCPT TO:<c@d.example>",
                "DATA",
                "Subject: x\r\n\r\n..one\r\n.",
                "NOOP",
                "QUIT",
            ],
        )
        .await;
        assert_eq!(
            codes,
            ["220", "250", "235", "250", "250", "354", "250", "250", "221"]
        );
        let mails = sink.wait_for(1, LONG).await.expect("one mail");
        let mail = &mails[0];
        assert_eq!(
            (mail.from.as_str(), mail.to.as_slice()),
            ("a@b.example", &["c@d.example".to_owned()][..])
        );
        assert_eq!(mail.raw, b"Subject: x\r\n\r\n.one\r\n");
        assert_eq!(mail.username.as_deref(), Some("user"));
        assert!(
            sink.commands().contains(&"AUTH PLAIN".to_owned()),
            "{:?}",
            sink.commands()
        );
    }

    #[tokio::test]
    async fn a_scripted_refusal_is_said_once_and_keeps_nothing() {
        let sink = MailSink::start().await.expect("starts");
        sink.next(Step::Rcpt, Fault::Code(550));
        let lines = [
            "EHLO x",
            "MAIL FROM:<a@b>",
            "RCPT TO:<c@d>",
            "RCPT TO:<e@f>",
            "RSET",
            "DATA",
        ];
        assert_eq!(
            dialogue(&sink, &lines).await,
            ["220", "250", "250", "550", "250", "250", "503"]
        );
        assert!(sink.mails().is_empty());
    }

    #[tokio::test]
    async fn a_connection_dropped_after_the_dot_keeps_the_mail() {
        let sink = MailSink::start().await.expect("starts");
        sink.next(Step::Body, Fault::Drop);
        let lines = ["HELO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "text\r\n."];
        assert_eq!(dialogue(&sink, &lines).await, ["220", "250", "250", "250", "354"]);
        assert_eq!(sink.mails().len(), 1);
    }
}
