//! Who signed a hint: Standard Webhooks signatures, checked before anything of the body is read.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use sha2::Sha256;

/// The fewest bytes of a key.
const LEAST: usize = 24;
/// Signatures of one hint that are looked at: a sender that changes its key sends two.
const SIGNATURES: usize = 8;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key that hints are signed with, ready to check signatures. A text without `whsec_` may be meant as it is, or as
/// base64, as Standard Webhooks' libraries take it: then it is two.
#[derive(Clone)]
pub struct Key(Vec<Hmac<Sha256>>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// Why a text is no key, as the end of a sentence; never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("is not base64 after whsec_")]
    Base64,
    #[error("holds fewer than 24 bytes")]
    Short,
}

impl Key {
    /// Reads a secret: `whsec_` and base64, or a text of enough bytes.
    ///
    /// # Errors
    /// It is too short, or no base64.
    pub fn new(secret: &SecretString) -> Result<Self, KeyError> {
        let text = secret.expose_secret().trim();
        let readings = match text.strip_prefix("whsec_") {
            Some(encoded) => vec![BASE64.decode(encoded).map_err(|_| KeyError::Base64)?],
            None => [Some(text.as_bytes().to_vec()), BASE64.decode(text).ok()]
                .into_iter()
                .flatten()
                .collect(),
        };
        let long = readings.into_iter().filter(|bytes| bytes.len() >= LEAST);
        // HMAC takes a key of any length.
        let macs: Vec<_> = long
            .filter_map(|bytes| Hmac::new_from_slice(&bytes).ok())
            .collect();
        if macs.is_empty() {
            return Err(KeyError::Short);
        }
        Ok(Self(macs))
    }

    /// Whether one of the signatures is ours over `id.timestamp.body`. What does not match takes as long as what
    /// does.
    #[must_use]
    pub fn signed(&self, signed: &Signed<'_>) -> bool {
        let given: Vec<Vec<u8>> = signed
            .signatures
            .split_ascii_whitespace()
            .take(SIGNATURES)
            .filter_map(|signature| BASE64.decode(signature.strip_prefix("v1,")?).ok())
            .collect();
        self.0.iter().fold(false, |found, mac| {
            let mut mac = mac.clone();
            for part in [signed.id.as_bytes(), b".", signed.timestamp.as_bytes(), b"."] {
                mac.update(part);
            }
            mac.update(signed.body);
            given.iter().fold(found, |found, given| {
                mac.clone().verify_slice(given).is_ok() | found
            })
        })
    }
}

/// What a signature is over, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub id: &'a str,
    /// Seconds since 1970, in digits.
    pub timestamp: &'a str,
    pub body: &'a [u8],
    /// `v1,…`, several with spaces between them.
    pub signatures: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: Signed<'_> = Signed {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        body: br#"{"test": 2432232314}"#,
        signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };

    fn key(text: &str) -> Result<Key, KeyError> {
        Key::new(&SecretString::from(text))
    }

    #[test]
    fn the_published_example_is_signed_and_nothing_like_it_is() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        assert!(key.signed(&SIGNED));
        let others = "v1a,abc v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert!(key.signed(&Signed {
            signatures: others,
            ..SIGNED
        }));
        for forged in [
            Signed {
                id: "msg_p5jXN8AQM9LWM0D4loKWxJel",
                ..SIGNED
            },
            Signed {
                timestamp: "1614265331",
                ..SIGNED
            },
            Signed { body: b"", ..SIGNED },
            Signed {
                signatures: "",
                ..SIGNED
            },
            Signed {
                signatures: "v1,",
                ..SIGNED
            },
            Signed {
                signatures: "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                ..SIGNED
            },
            Signed {
                signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1O",
                ..SIGNED
            },
        ] {
            assert!(!key.signed(&forged), "{forged:?}");
        }
    }

    #[test]
    fn a_key_is_base64_after_its_prefix_or_the_text_itself_or_base64_without_it() {
        let signature = |key: &[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
            mac.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
            format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
        };
        let signs = |secret: &str, bytes: &[u8]| {
            let signatures = &signature(bytes);
            key(secret)
                .expect(secret)
                .signed(&Signed { signatures, ..SIGNED })
        };
        let (raw, encoded) = ("0123456789abcdef01234567", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3");
        let prefixed = format!("whsec_{encoded}");
        assert!(signs(raw, raw.as_bytes()) && signs(&prefixed, raw.as_bytes()));
        assert!(signs(encoded, raw.as_bytes()) && signs(encoded, encoded.as_bytes()));
        assert!(!signs(&prefixed, encoded.as_bytes()) && !signs(&prefixed, prefixed.as_bytes()));
        // What it would be as base64 is too short for a key, and an attacker might guess it.
        assert!(!signs(raw, &BASE64.decode(raw).expect("base64")));
        assert_eq!(key("0123456789abcdef0123456").unwrap_err(), KeyError::Short);
        assert_eq!(key("whsec_AAECAw==").unwrap_err(), KeyError::Short);
        assert_eq!(
            key("whsec_no base64 at all, though long").unwrap_err(),
            KeyError::Base64
        );
        assert_eq!(format!("{:?}", key(raw).expect("a key")), "Key");
    }
}
