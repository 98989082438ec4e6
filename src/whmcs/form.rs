//! The credentials: into a request's body, and out of whatever is shown.

use std::fmt::Write;

use bytes::Bytes;
use md5::Digest;
use md5::Md5;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::domain::catalogue::readable;
use crate::whmcs::intake::Format;

/// A user name is hidden from this many bytes on.
const SHORTEST_NAME: usize = 6;
/// A credential of fewer characters is hidden only where it stands as a value: it is a part of too many words.
const SHORTEST_ANYWHERE: usize = 4;
/// What stands in a credential's place.
const MASK: &str = "[redacted]";
/// Longest text of a foreign answer that is shown, in characters.
const SHOWN: usize = 200;

/// Whether a parameter of that name is ours to send: it signs us in, or says what is asked and how to answer.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    const OURS: [&str; 7] = [
        "action",
        "identifier",
        "secret",
        "username",
        "password",
        "accesskey",
        "responsetype",
    ];
    let name = name.split('[').next().unwrap_or_default().trim();
    OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

/// Who we are to WHMCS.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// API credentials (WHMCS 7.2 and later).
    Credentials {
        identifier: SecretString,
        secret: SecretString,
    },
    /// An admin's user name and password, as before 7.2; still taken by every version.
    Admin {
        username: SecretString,
        password: SecretString,
        /// What is sent in the password's place.
        md5: SecretString,
    },
}

impl SignIn {
    /// By an admin's user name and (plain) password.
    #[must_use]
    pub fn admin(username: SecretString, password: &SecretString) -> Self {
        let digest = Md5::digest(password.expose_secret().as_bytes());
        let mut md5 = String::with_capacity(32);
        for byte in digest {
            let _ = write!(md5, "{byte:02x}");
        }
        Self::Admin {
            username,
            password: password.clone(),
            md5: md5.into(),
        }
    }

    /// Whatever of it must not be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        let secrets = match self {
            Self::Credentials { identifier, secret } => [Some(secret), None, Some(identifier)],
            Self::Admin {
                username,
                password,
                md5,
            } => [
                Some(password),
                Some(md5),
                // "admin" is no secret, and a part of too many words.
                Some(username).filter(|name| name.expose_secret().len() >= SHORTEST_NAME),
            ],
        };
        secrets.into_iter().flatten()
    }

    fn pairs(&self) -> [(&'static str, &str); 2] {
        match self {
            Self::Credentials { identifier, secret } => [
                ("identifier", identifier.expose_secret()),
                ("secret", secret.expose_secret()),
            ],
            Self::Admin { username, md5, .. } => [
                ("username", username.expose_secret()),
                ("password", md5.expose_secret()),
            ],
        }
    }
}

/// What signs us in, and what passes the list of addresses.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub sign_in: SignIn,
    pub access_key: Option<SecretString>,
}

impl Credentials {
    /// A form-encoded request. The memory it stands in is wiped once it was sent.
    #[must_use]
    pub fn form(&self, action: &str, params: &[(&str, &str)], response_type: Format) -> Bytes {
        let [who, proof] = self.sign_in.pairs();
        let mut pairs = vec![
            ("action", action),
            who,
            proof,
            ("responsetype", response_type.as_str()),
        ];
        pairs.extend(
            self.access_key
                .as_ref()
                .map(|key| ("accesskey", key.expose_secret())),
        );
        pairs.extend_from_slice(params);
        // Room for all from the start: a buffer that grows leaves copies behind.
        let room = pairs
            .iter()
            .map(|(key, value)| 3 * (key.len() + value.len()) + 2)
            .sum();
        let mut form = Zeroizing::new(Vec::with_capacity(room));
        for (key, value) in pairs {
            if !form.is_empty() {
                form.push(b'&');
            }
            encode(key, &mut form);
            form.push(b'=');
            encode(value, &mut form);
        }
        Bytes::from_owner(form)
    }

    /// The beginning of a text that came from outside, readable and without any credential in it.
    #[must_use]
    pub fn shown(&self, text: &str) -> String {
        let text = readable(&self.redacted(text.to_owned()));
        match text.char_indices().nth(SHOWN) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text,
        }
    }

    /// A text from outside without any credential in it, however it is written.
    #[must_use]
    pub fn redacted(&self, mut text: String) -> String {
        for secret in self.sign_in.secrets().chain(&self.access_key) {
            let plain = secret.expose_secret();
            let mut encoded = Vec::new();
            encode(plain, &mut encoded);
            let encoded = String::from_utf8_lossy(&encoded);
            for form in [plain, &*encoded, &*html_escape::encode_safe(plain)] {
                if form.is_empty() || !text.contains(form) {
                    continue;
                }
                text = if plain.chars().count() < SHORTEST_ANYWHERE {
                    without_value(&text, form)
                } else {
                    text.replace(form, MASK)
                };
            }
        }
        text
    }
}

/// The text without the value where it stands for itself: behind `=`, `:` or a quote, and not as a part of a word.
fn without_value(text: &str, value: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut kept = 0;
    for (at, _) in text.match_indices(value) {
        let is_value = text[..at].trim_end().ends_with(['=', ':', '"', '\'', '>']);
        let ends = !text[at + value.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_');
        if is_value && ends {
            shown.push_str(&text[kept..at]);
            shown.push_str(MASK);
            kept = at + value.len();
        }
    }
    shown.push_str(&text[kept..]);
    shown
}

fn encode(value: &str, form: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => form.push(byte),
            b' ' => form.push(b'+'),
            _ => {
                form.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            sign_in: SignIn::Credentials {
                identifier: "id&en".into(),
                secret: "se<cret/é".into(),
            },
            access_key: Some("key ring".into()),
        }
    }

    #[test]
    fn a_request_is_form_encoded() {
        let form = credentials().form("GetProducts", &[("pid", "1,2")], Format::Json);
        assert_eq!(
            str::from_utf8(&form).unwrap(),
            "action=GetProducts&identifier=id%26en&secret=se%3Ccret%2F%C3%A9&responsetype=json&accesskey=key+ring&pid=1%2C2"
        );
    }

    #[test]
    fn an_admin_signs_in_with_the_md5_of_the_password_and_neither_is_shown() {
        let credentials = Credentials {
            sign_in: SignIn::admin("stock-reader".into(), &"pass wörd".into()),
            access_key: None,
        };
        let form = credentials.form("GetProducts", &[], Format::Json);
        assert_eq!(
            str::from_utf8(&form).unwrap(),
            "action=GetProducts&username=stock-reader&password=504d29647770fc46e054b810d4725657&responsetype=json"
        );
        let quoting = format!("{} pass wörd pass+w%C3%B6rd", str::from_utf8(&form).unwrap());
        assert_eq!(
            credentials.shown(&quoting),
            "action=GetProducts&username=[redacted]&password=[redacted]&responsetype=json [redacted] [redacted]"
        );
        let short = Credentials {
            sign_in: SignIn::admin("admin".into(), &"pass wörd".into()),
            access_key: None,
        };
        assert_eq!(short.shown("the administrator"), "the administrator");
        assert!(!format!("{credentials:?}").contains("pass w"));
    }

    #[test]
    fn a_very_short_credential_is_hidden_as_a_value_and_mangles_no_word() {
        let credentials = Credentials {
            sign_in: SignIn::Credentials {
                identifier: "i".into(),
                secret: "s&s".into(),
            },
            access_key: None,
        };
        assert_eq!(
            credentials.shown(
                "Authentication failed; is this it? identifier=i&secret=s%26s&x=is {\"identifier\": \"i\"}"
            ),
            "Authentication failed; is this it? identifier=[redacted]&secret=[redacted]&x=is {\"identifier\": \"[redacted]\"}"
        );
    }

    #[test]
    fn what_is_shown_holds_no_credential_and_no_control_character() {
        let credentials = credentials();
        let shown = credentials
            .shown("x\u{0}\n se<cret/é se%3Ccret%2F%C3%A9 se&lt;cret&#x2F;é id&en key ring key+ring end");
        assert_eq!(
            shown,
            "x [redacted] [redacted] [redacted] [redacted] [redacted] [redacted] end"
        );
        assert_eq!(credentials.shown(&"é".repeat(300)).chars().count(), 201);
        let straddling = format!("{}se<cret/é", "x".repeat(197));
        assert!(!credentials.shown(&straddling).contains("se<"));
        assert!(!format!("{credentials:?}").contains("ring"));
    }
}
