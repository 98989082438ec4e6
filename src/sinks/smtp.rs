//! The server's side of one SMTP dialogue.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufStream;
use tokio::net::TcpStream;

use crate::sinks::mail_script::Fault;
use crate::sinks::mail_script::Mail;
use crate::sinks::mail_script::Shared;
use crate::sinks::mail_script::Step;

/// The largest line and the largest mail it reads, in bytes.
const MAX_MAIL: u64 = 32 * 1024 * 1024;

/// The connection is over, by the client's wish, by the script's, or since it broke.
struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// One connection.
pub(crate) struct Session {
    stream: BufStream<TcpStream>,
    shared: Arc<Shared>,
    client: String,
    username: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

impl Session {
    /// Serves that connection.
    pub(crate) fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        Self {
            stream: BufStream::new(stream),
            shared,
            client: String::new(),
            username: None,
            from: None,
            to: Vec::new(),
        }
    }

    /// Until the client leaves, the connection breaks, or the script ends it.
    pub(crate) async fn serve(mut self) {
        // Over says all there is to say: the client sees the connection close.
        let _ = self.converse().await;
    }

    async fn converse(&mut self) -> Result<(), Over> {
        self.answer(Step::Greeting, "220 sink ESMTP").await?;
        loop {
            let line = self.line().await?;
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            let verb = verb.to_ascii_uppercase();
            self.note(&verb, &line);
            match verb.as_str() {
                "EHLO" | "HELO" => self.greet(argument).await?,
                "STARTTLS" => {
                    self.answer(Step::StartTls, "220 go ahead").await?;
                    // There is no certificate to go ahead with: what follows is no TLS.
                    self.say("this is not TLS").await?;
                    return Err(Over);
                }
                "AUTH" => self.sign_in(argument).await?,
                "MAIL" => {
                    if self.answer(Step::Mail, "250 ok").await? {
                        self.from = Some(address(argument));
                        self.to.clear();
                    }
                }
                "RCPT" => {
                    if self.from.is_none() {
                        self.say("503 MAIL first").await?;
                    } else if self.answer(Step::Rcpt, "250 ok").await? {
                        self.to.push(address(argument));
                    }
                }
                "DATA" => self.receive().await?,
                "RSET" => {
                    self.from = None;
                    self.to.clear();
                    self.say("250 ok").await?;
                }
                "NOOP" => self.say("250 ok").await?,
                "QUIT" => {
                    self.answer(Step::Quit, "221 bye").await?;
                    return Err(Over);
                }
                _ => self.say("502 unknown command").await?,
            }
        }
    }

    async fn greet(&mut self, name: &str) -> Result<(), Over> {
        name.clone_into(&mut self.client);
        let (starttls, no_auth) = self.shared.script(|script| (script.starttls, script.no_auth));
        let mut answer = "250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n".to_owned();
        if starttls {
            answer.push_str("250-STARTTLS\r\n");
        }
        if !no_auth {
            answer.push_str("250-AUTH PLAIN LOGIN\r\n");
        }
        answer.push_str("250 SIZE 33554432");
        self.answer(Step::Ehlo, &answer).await?;
        Ok(())
    }

    async fn sign_in(&mut self, argument: &str) -> Result<(), Over> {
        let (mechanism, initial) = argument.split_once(' ').unwrap_or((argument, ""));
        let username = if mechanism.eq_ignore_ascii_case("PLAIN") {
            let plain = self.credential(initial, "334 ").await?;
            plain.split('\0').nth(1).unwrap_or_default().to_owned()
        } else {
            let username = self.credential(initial, "334 VXNlcm5hbWU6").await?;
            self.credential("", "334 UGFzc3dvcmQ6").await?;
            username
        };
        if self.answer(Step::Auth, "235 welcome").await? {
            self.username = Some(username);
        }
        Ok(())
    }

    async fn credential(&mut self, initial: &str, challenge: &str) -> Result<String, Over> {
        let encoded = if initial.is_empty() {
            self.say(challenge).await?;
            self.line().await?
        } else {
            initial.to_owned()
        };
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| Over)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn receive(&mut self) -> Result<(), Over> {
        let (Some(from), false) = (self.from.clone(), self.to.is_empty()) else {
            return self.say("503 RCPT first").await;
        };
        if !self.answer(Step::Data, "354 end with a dot").await? {
            return Ok(());
        }
        let raw = self.body().await?;
        let mail = Mail {
            from,
            to: std::mem::take(&mut self.to),
            raw,
            arrived: Timestamp::now(),
            client: self.client.clone(),
            username: self.username.clone(),
        };
        self.from = None;
        let fault = self.shared.fault(Step::Body);
        let taken = matches!(fault, None | Some(Fault::Drop | Fault::Tarpit(_)));
        if taken {
            self.shared
                .received
                .send_modify(|mails| mails.push(Arc::new(mail)));
        }
        self.respond(fault, "250 kept").await?;
        Ok(())
    }

    /// The lines up to the single dot, without the dots that stuff them.
    async fn body(&mut self) -> Result<Vec<u8>, Over> {
        let mut raw = Vec::new();
        loop {
            let start = raw.len();
            let room = MAX_MAIL.saturating_sub(start as u64);
            let read = (&mut self.stream).take(room).read_until(b'\n', &mut raw).await?;
            if read == 0 || !raw.ends_with(b"\n") {
                return Err(Over);
            }
            if &raw[start..] == b".\r\n" {
                raw.truncate(start);
                return Ok(raw);
            }
            if raw[start] == b'.' {
                raw.remove(start);
            }
        }
    }

    fn note(&self, verb: &str, line: &str) {
        let noted = match verb {
            "AUTH" => line.split(' ').take(2).collect::<Vec<_>>().join(" "),
            _ => line.to_owned(),
        };
        self.shared.script(|script| script.commands.push(noted));
    }

    async fn line(&mut self) -> Result<String, Over> {
        let mut line = Vec::new();
        let read = (&mut self.stream)
            .take(MAX_MAIL)
            .read_until(b'\n', &mut line)
            .await?;
        if read == 0 {
            return Err(Over);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Answers the step as the script wants it, else properly; whether it was a proper answer.
    async fn answer(&mut self, step: Step, proper: &str) -> Result<bool, Over> {
        let fault = self.shared.fault(step);
        self.respond(fault, proper).await
    }

    async fn respond(&mut self, fault: Option<Fault>, proper: &str) -> Result<bool, Over> {
        match fault {
            None => {
                self.say(proper).await?;
                Ok(true)
            }
            Some(Fault::Code(code)) => {
                self.say(&format!("{code} scripted answer {code}")).await?;
                if code == 421 { Err(Over) } else { Ok(false) }
            }
            Some(Fault::Line(line)) => {
                self.say(&line).await?;
                Ok(false)
            }
            Some(Fault::Drop) => Err(Over),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Tarpit(pause)) => {
                for byte in format!("{proper}\r\n").bytes() {
                    tokio::time::sleep(pause).await;
                    self.stream.write_u8(byte).await?;
                    self.stream.flush().await?;
                }
                Ok(true)
            }
            Some(Fault::Endless(bytes)) => {
                self.stream.write_all(&vec![b'x'; bytes]).await?;
                self.stream.flush().await?;
                Ok(false)
            }
        }
    }

    async fn say(&mut self, line: &str) -> Result<(), Over> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.flush().await?;
        Ok(())
    }
}

/// The address between the angle brackets of a MAIL or RCPT command.
fn address(argument: &str) -> String {
    let start = argument.find('<').map_or(0, |at| at + 1);
    let end = argument.rfind('>').unwrap_or(argument.len());
    argument.get(start..end).unwrap_or_default().to_owned()
}
