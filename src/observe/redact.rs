//! The second line of defence: registered secrets never reach a log line, in whatever form they are written.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

/// Shorter secrets are not searched for: they would hide ordinary words.
pub const SHORTEST: usize = 6;
const MASK: &[u8] = b"***";

/// The secrets to hide, shared by all who write; replaced as a whole at a reload.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Secrets>>);

/// Longest first.
type Secrets = Arc<[Box<[u8]>]>;

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets().len())
    }
}

impl Redactor {
    /// Hides these from now on, and no others. Secrets below [`SHORTEST`] bytes are left out.
    pub fn set<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) {
        let mut all: Vec<Box<[u8]>> = secrets
            .into_iter()
            .filter(|secret| secret.len() >= SHORTEST)
            .map(|secret| secret.as_bytes().into())
            .collect();
        // The longest first: a secret may be part of another.
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = all.into();
    }

    /// The line with each secret replaced by `***`: as it is, percent-encoded, form-encoded, or escaped as in JSON.
    #[must_use]
    pub fn redact<'a>(&self, line: &'a [u8]) -> Cow<'a, [u8]> {
        let secrets = self.secrets();
        let mut out: Vec<u8> = Vec::new();
        let mut kept = 0;
        let mut at = 0;
        while at < line.len() {
            let rest = &line[at..];
            match secrets.iter().find_map(|secret| written(rest, secret)) {
                Some(length) => {
                    out.extend_from_slice(&line[kept..at]);
                    out.extend_from_slice(MASK);
                    at += length;
                    kept = at;
                }
                None => at += 1,
            }
        }
        if kept == 0 {
            return Cow::Borrowed(line);
        }
        out.extend_from_slice(&line[kept..]);
        Cow::Owned(out)
    }

    fn secrets(&self) -> Secrets {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How many bytes at the start of `line` write the whole secret; each byte of it may be encoded or not.
fn written(line: &[u8], secret: &[u8]) -> Option<usize> {
    let Some((byte, secret)) = secret.split_first() else {
        return Some(0);
    };
    let encoded = encoded_length(line, *byte).into_iter();
    let plain = (line.first() == Some(byte)).then_some(1);
    encoded
        .chain(plain)
        .find_map(|length| written(&line[length..], secret).map(|rest| length + rest))
}

/// The length of the encoded form of `byte` at the start of `line`.
fn encoded_length(line: &[u8], byte: u8) -> Option<usize> {
    match line {
        [b'%', high, low, ..] => {
            let digit = |c: u8| char::from(c).to_digit(16);
            let value = digit(*high)? * 16 + digit(*low)?;
            (value == u32::from(byte)).then_some(3)
        }
        [b'+', ..] => (byte == b' ').then_some(1),
        [b'\\', escape, ..] => {
            let value = match escape {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => *other,
            };
            (value == byte).then_some(2)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(secrets: &[&str], line: &str) -> String {
        let redactor = Redactor::default();
        redactor.set(secrets.iter().copied());
        String::from_utf8(redactor.redact(line.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn a_secret_is_hidden_in_every_form_it_may_be_written_in() {
        let secret = "p@ss \"w\\rd%";
        for form in [
            secret.to_owned(),
            "p%40ss%20%22w%5Crd%25".to_owned(),
            "p%40ss+%22w%5crd%25".to_owned(),
            "p@ss%20%22w\\rd%25".to_owned(),
            serde_json::to_string(secret)
                .unwrap()
                .trim_matches('"')
                .to_owned(),
            format!("{secret:?}").trim_matches('"').to_owned(),
        ] {
            assert_eq!(
                redacted(&[secret], &format!("a {form} b {form}")),
                "a *** b ***",
                "{form}"
            );
        }
    }

    #[test]
    fn a_secret_that_holds_another_is_hidden_whole() {
        assert_eq!(
            redacted(&["secret", "secret-and-more"], "x=secret-and-more;y=secret"),
            "x=***;y=***"
        );
    }

    #[test]
    fn short_secrets_and_other_text_are_left_as_they_are() {
        assert_eq!(
            redacted(&["", "five5", "%25%25%25"], "five5 %25 \\ +"),
            "five5 %25 \\ +"
        );
        assert_eq!(redacted(&["%25%25"], "%25%25 %2525%2525"), "*** ***");
        assert_eq!(
            redacted(&["ünïcode"], "é ünïcode é %C3%BCn%c3%afcode"),
            "é *** é ***"
        );
    }

    #[test]
    fn a_reload_replaces_the_secrets() {
        let redactor = Redactor::default();
        let shared = redactor.clone();
        redactor.set(["old-secret"]);
        shared.set(["new-secret"]);
        assert_eq!(&*redactor.redact(b"old-secret new-secret"), b"old-secret ***");
        assert_eq!(format!("{redactor:?}"), "Redactor(1 secrets)");
    }
}
