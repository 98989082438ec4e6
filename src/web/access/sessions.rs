//! The sessions of people who signed in: a sealed cookie that ends by itself, with its credential, or when they say so.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::header;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use jiff::Timestamp;

use crate::store::db::Store;
use crate::store::sessions::SessionId;
use crate::web::access::credentials::Known;
use crate::web::access::credentials::Who;
use crate::web::asker::Role;
use crate::web::forms::is_same;
use crate::web::forms::random;
use crate::web::forms::seal;

/// A session ends when nothing of it was asked for this long.
const IDLE: SignedDuration = SignedDuration::from_hours(12);
/// A session ends then, whatever is asked.
const WHOLE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The cookie is renewed where it is older.
const RENEWED: SignedDuration = SignedDuration::from_mins(5);
/// The cookie's first byte: how the rest is laid out.
const LAYOUT: u8 = 1;
const ID: usize = 16;
const TIME: usize = 8;
const SEAL: usize = 32;

/// The cookie of a session, and the one that binds the form of the sign-in to a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    Session,
    SignIn,
}

/// One person's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub who: Who,
    began: Timestamp,
    seen: Timestamp,
}

/// Seals sessions and opens them again.
pub struct Sessions {
    key: [u8; 32],
    /// Those that were ended, and until when they are remembered.
    ended: Mutex<HashMap<SessionId, Timestamp>>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Sessions")
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new(random(), Vec::new())
    }
}

impl Session {
    /// A new one.
    #[must_use]
    pub fn begin(who: Who, now: Timestamp) -> Self {
        Self {
            id: random(),
            who,
            began: now,
            seen: now,
        }
    }

    /// When it ends at the latest.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.began.saturating_add(WHOLE).unwrap_or(Timestamp::MAX)
    }

    /// The same, asked for now; `None` where its cookie is still fresh.
    #[must_use]
    pub fn renewed(&self, now: Timestamp) -> Option<Self> {
        (now.duration_since(self.seen) >= RENEWED).then(|| Self {
            seen: now,
            ..self.clone()
        })
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let idle = now.duration_since(self.seen);
        idle > IDLE || now > self.ends()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![LAYOUT];
        bytes.extend(self.id);
        bytes.extend(self.began.as_second().to_be_bytes());
        bytes.extend(self.seen.as_second().to_be_bytes());
        match &self.who {
            Who::Token(Role::Look) => bytes.push(b'r'),
            Who::Token(Role::Act) => bytes.push(b't'),
            Who::User(name) => {
                bytes.push(b'u');
                bytes.extend(name.bytes());
            }
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[LAYOUT])?;
        let (id, rest) = rest.split_first_chunk::<ID>()?;
        let (began, rest) = rest.split_first_chunk::<TIME>()?;
        let (seen, rest) = rest.split_first_chunk::<TIME>()?;
        let who = match rest.split_first()? {
            (b'r', []) => Who::Token(Role::Look),
            (b't', []) => Who::Token(Role::Act),
            (b'u', name) => Who::User(Arc::from(std::str::from_utf8(name).ok()?)),
            _ => return None,
        };
        let time = |bytes: &[u8; TIME]| Timestamp::from_second(i64::from_be_bytes(*bytes)).ok();
        Some(Self {
            id: *id,
            who,
            began: time(began)?,
            seen: time(seen)?,
        })
    }
}

impl Sessions {
    /// Sessions that are sealed with that key, without those that were ended.
    #[must_use]
    pub fn new(key: [u8; 32], ended: Vec<(SessionId, Timestamp)>) -> Self {
        Self {
            key,
            ended: Mutex::new(ended.into_iter().collect()),
        }
    }

    /// Those of the database. Without it people sign in again after each restart.
    pub async fn of(store: &Store, now: Timestamp) -> Self {
        let read = async {
            let key = store.session_key(random()).await?;
            Ok::<_, crate::store::error::StoreError>(Self::new(
                key,
                store.reader().ended_sessions(now).await?,
            ))
        };
        read.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "Sessions cannot be kept: people will have to sign in again after a restart.");
            Self::default()
        })
    }

    /// The text of a session's cookie; `None` where its person is not known.
    #[must_use]
    pub fn sealed(&self, session: &Session, known: &Known) -> Option<String> {
        let mut bytes = session.bytes();
        let seal = self.seal(&bytes, known.trait_of(&session.who)?);
        bytes.extend(seal);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The session of a cookie; `None` where it is not ours, over, or ended.
    #[must_use]
    pub fn open(&self, cookie: &str, known: &Known, now: Timestamp) -> Option<Session> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (bytes, seal) = bytes.split_last_chunk::<SEAL>()?;
        let session = Session::read(bytes)?;
        let own = self.seal(bytes, known.trait_of(&session.who)?);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let good = is_same(&own, seal) && !session.is_over(now) && !ended.contains_key(&session.id);
        good.then_some(session)
    }

    /// From now on that session is over.
    pub async fn end(&self, session: &Session, store: &Store, now: Timestamp) {
        {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.retain(|_, until| *until >= now);
            ended.insert(session.id, session.ends());
        }
        if let Err(error) = store.end_session(session.id, session.ends(), now).await {
            tracing::warn!(%error, "A sign-out could not be recorded: it holds until the next restart.");
        }
    }

    fn seal(&self, bytes: &[u8], credential: [u8; 32]) -> [u8; SEAL] {
        seal(&self.key, &[b"session", &credential, bytes])
    }
}

impl Cookie {
    fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-stock-session",
            (Self::Session, false) => "stock-session",
            (Self::SignIn, true) => "__Host-stock-sign-in",
            (Self::SignIn, false) => "stock-sign-in",
        }
    }

    /// What the request gives; by TLS only what no plain page can have set.
    #[must_use]
    pub fn read(self, headers: &HeaderMap, secure: bool) -> Option<&str> {
        let name = self.name(secure);
        let lines = headers.get_all(header::COOKIE).into_iter();
        let pairs = lines.filter_map(|line| line.to_str().ok());
        let mut pairs = pairs
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|pair| pair.0 == name)?;
        Some(value)
    }

    /// The header that sets it; an empty value takes it away.
    #[must_use]
    pub fn set(self, value: &str, secure: bool) -> Option<HeaderValue> {
        let life = match self {
            _ if value.is_empty() => 0,
            Self::Session => IDLE.as_secs(),
            Self::SignIn => IDLE.as_secs(),
        };
        // A link in a mail leads to a page: it must find the session (Lax). Nothing but a page of ours leads to the
        // answer of the sign-in (Strict).
        let site = match self {
            Self::Session => "Lax",
            Self::SignIn => "Strict",
        };
        let secure_only = if secure { "; Secure" } else { "" };
        let name = self.name(secure);
        let text = format!("{name}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite={site}{secure_only}");
        HeaderValue::try_from(text).ok()
    }
}
