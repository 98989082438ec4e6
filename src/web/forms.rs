//! The keys of forms: each is good once, for the one it was given to, for some hours, and only while this process lives.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use jiff::SignedDuration;
use jiff::Timestamp;
use sha2::Sha256;

use crate::web::asker::Asker;
use crate::web::problem::Problem;

/// How long a page may lie open before its forms are sent.
const LIFE: SignedDuration = SignedDuration::from_hours(12);
/// A form that was sent is remembered until its key would be too old anyway; more than these is no person.
const REMEMBERED: usize = 100_000;
const NONCE: usize = 16;
const MADE: usize = 8;
const SEAL: usize = 32;

/// The field of a form that holds its key.
pub const FIELD: &str = "form_key";

/// Gives keys to forms and takes each back once.
pub struct Forms {
    key: [u8; 32],
    /// The nonces of forms that were sent, and until when they are remembered.
    sent: Mutex<HashMap<[u8; NONCE], Timestamp>>,
}

impl std::fmt::Debug for Forms {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Forms")
    }
}

impl Forms {
    /// Keys that no other process takes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            key: random(),
            sent: Mutex::default(),
        }
    }

    /// The key of one form for that asker.
    #[must_use]
    pub fn issue(&self, asker: &Asker, now: Timestamp) -> String {
        let nonce: [u8; NONCE] = random();
        let made = now.as_second().to_be_bytes();
        let seal = self.seal(&nonce, made, asker);
        URL_SAFE_NO_PAD.encode([&nonce[..], &made, &seal].concat())
    }

    /// Takes the key of a form that was sent.
    pub fn redeem(&self, asker: &Asker, key: &str, now: Timestamp) -> Result<(), Problem> {
        let refused = |detail: &'static str| Problem::new(StatusCode::FORBIDDEN, detail);
        let stale = || {
            refused(
                "This form is too old, or not of this monitor. Open its page again and send it from there.",
            )
            .called("This form cannot be taken")
        };
        let bytes = URL_SAFE_NO_PAD.decode(key).map_err(|_| stale())?;
        let (nonce, rest) = bytes.split_first_chunk::<NONCE>().ok_or_else(stale)?;
        let (made, seal) = rest.split_first_chunk::<MADE>().ok_or_else(stale)?;
        let seal: &[u8; SEAL] = seal.try_into().map_err(|_| stale())?;
        if !is_same(&self.seal(nonce, *made, asker), seal) {
            return Err(stale());
        }
        let made = Timestamp::from_second(i64::from_be_bytes(*made)).map_err(|_| stale())?;
        let until = made.saturating_add(LIFE).map_err(|_| stale())?;
        if until < now {
            return Err(stale());
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.retain(|_, until| *until >= now);
        if sent.len() >= REMEMBERED {
            return Err(refused("Too many forms were sent today; nothing was changed."));
        }
        match sent.insert(*nonce, until) {
            None => Ok(()),
            Some(_) => {
                let detail = "What it asked for is done, or is being done; it is not done twice. Its page shows what came of it.";
                Err(refused(detail).called("This form was sent already"))
            }
        }
    }

    /// Makes the key of a form good once more: nothing was done by it.
    pub fn give_back(&self, key: &str) {
        let bytes = URL_SAFE_NO_PAD.decode(key).unwrap_or_default();
        if let Some(nonce) = bytes.first_chunk::<NONCE>() {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.remove(nonce);
        }
    }

    fn seal(&self, nonce: &[u8; NONCE], made: [u8; MADE], asker: &Asker) -> [u8; SEAL] {
        seal(&self.key, &[nonce, &made, asker.session.as_bytes()])
    }
}

impl Default for Forms {
    fn default() -> Self {
        Self::new()
    }
}

/// HMAC-SHA256 of these parts, each with its length, so that no two ways of cutting them are alike.
#[must_use]
pub fn seal(key: &[u8; 32], parts: &[&[u8]]) -> [u8; SEAL] {
    // A key of any length is taken: there is no error to have.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return random();
    };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Compares all bytes whatever they are.
#[must_use]
pub fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Bytes that nobody guesses.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    while let Err(error) = getrandom::fill(&mut bytes) {
        // Linux gives them from the first second on; without them nothing here is safe, so it waits.
        tracing::error!(%error, "The system gives no random bytes.");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::asker::Role;
    use std::sync::Arc;

    fn asker(session: &str) -> Asker {
        Asker {
            session: Arc::from(session),
            ..Asker::nobody(Role::Act)
        }
    }

    #[test]
    fn a_form_is_taken_once_from_the_one_it_was_given_to() {
        let (forms, now) = (Forms::new(), Timestamp::UNIX_EPOCH);
        let (anna, ben) = (asker("anna"), asker("ben"));
        let key = forms.issue(&anna, now);
        assert!(forms.redeem(&ben, &key, now).is_err());
        assert!(
            Forms::new().redeem(&anna, &key, now).is_err(),
            "of another process"
        );
        assert!(forms.redeem(&anna, &key, now).is_ok());
        let again = forms.redeem(&anna, &key, now).unwrap_err();
        assert_eq!(again.status, StatusCode::FORBIDDEN);
        assert_eq!(again.heading, Some("This form was sent already"));
        forms.give_back(&key);
        assert!(forms.redeem(&ben, &key, now).is_err(), "still nobody else's");
        assert!(forms.redeem(&anna, &key, now).is_ok(), "nothing was done by it");
        assert!(forms.redeem(&anna, &key, now).is_err());
    }

    #[test]
    fn a_form_that_is_old_or_altered_is_not_taken() {
        let (forms, now) = (Forms::new(), Timestamp::UNIX_EPOCH);
        let anna = asker("anna");
        let key = forms.issue(&anna, now);
        let late = now + LIFE + SignedDuration::from_secs(1);
        assert!(forms.redeem(&anna, &key, late).is_err());
        for place in 0..key.len() {
            let mut altered = key.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(forms.redeem(&anna, &altered, now).is_err(), "{altered}");
        }
        assert!(forms.redeem(&anna, "", now).is_err());
        assert!(forms.redeem(&anna, &key, now + LIFE).is_ok());
    }
}
