//! What the small mail server keeps, and what it can be told to do wrong.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::sinks::mime;

/// A received mail: its envelope, and the bytes after DATA with dots unstuffed.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The address of MAIL FROM.
    pub from: String,
    /// The addresses of RCPT TO that were accepted.
    pub to: Vec<String>,
    pub raw: Vec<u8>,
    pub arrived: Timestamp,
    /// The name given with EHLO.
    pub client: String,
    /// Whom the client signed in as.
    pub username: Option<String>,
}

impl Mail {
    /// The first header of that name, unfolded and decoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        mime::header(&self.raw, name)
    }

    /// The subject, decoded; "" where there is none.
    #[must_use]
    pub fn subject(&self) -> String {
        self.header("subject").unwrap_or_default()
    }

    /// The text/plain part, decoded; "" where there is none.
    #[must_use]
    pub fn text(&self) -> String {
        mime::part(&self.raw, "text/plain").unwrap_or_default()
    }

    /// The text/html part, decoded; "" where there is none.
    #[must_use]
    pub fn html(&self) -> String {
        mime::part(&self.raw, "text/html").unwrap_or_default()
    }
}

/// A point of the dialogue at which the server can be told to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Greeting,
    Ehlo,
    StartTls,
    /// The end of the sign-in.
    Auth,
    Mail,
    Rcpt,
    /// The DATA command.
    Data,
    /// The dot that ends the mail.
    Body,
    Quit,
}

/// What the server does instead of what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Answers this code, with a text that names it.
    Code(u16),
    /// Answers this line as it is (`\r\n` is added).
    Line(String),
    /// Closes the connection without a word. At [`Step::Body`] the mail counts as received: the sender cannot know.
    Drop,
    /// Says nothing more, and keeps the connection.
    Hang,
    /// Says every byte of the proper answer after this pause.
    Tarpit(Duration),
    /// Answers this many bytes that end no line.
    Endless(usize),
}

/// What the server and its connections share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) received: watch::Sender<Vec<Arc<Mail>>>,
    pub(crate) script: Mutex<Script>,
}

/// What the next steps of the dialogue are to do, and what was heard.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) once: HashMap<Step, VecDeque<Fault>>,
    pub(crate) always: HashMap<Step, Fault>,
    pub(crate) starttls: bool,
    pub(crate) no_auth: bool,
    pub(crate) commands: Vec<String>,
}

impl Shared {
    /// Reads or changes the script.
    pub(crate) fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What to do wrong at this step; `None` to do it right.
    pub(crate) fn fault(&self, step: Step) -> Option<Fault> {
        self.script(|script| {
            let once = script.once.get_mut(&step).and_then(VecDeque::pop_front);
            once.or_else(|| script.always.get(&step).cloned())
        })
    }
}
