//! What was copied from an example and never filled in: credentials, addresses and keys that everybody knows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use reqwest::Url;
use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::doctor::finding::Id;
use crate::doctor::finding::Wrong;
use crate::doctor::guide::Names;
use crate::doctor::mail::Called;
use crate::notify::webhook::WebhookSettings;
use crate::whmcs::form::SignIn;

/// How texts begin that stand for something else.
const BEGINNINGS: [&str; 9] = [
    "your-",
    "your_",
    "change",
    "example",
    "placeholder",
    "xxx",
    "todo",
    "<",
    "...",
];
/// The names that are kept for examples (RFC 2606).
const EXAMPLES: [&str; 3] = ["example.com", "example.org", "example.net"];
/// Keys of our own examples and of the format's documentation.
const KNOWN_KEYS: [&str; 1] = ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
/// WHMCS makes identifiers and secrets of this many letters and digits.
const GENERATED: usize = 32;

/// Credentials of an example.
#[must_use]
pub fn credentials(sign_in: &SignIn, names: &Names) -> Option<Wrong> {
    // A password of an admin's own choice may begin with anything.
    let SignIn::Credentials { identifier, secret } = sign_in else {
        return None;
    };
    let setting = if stands_for_another(identifier) {
        &names.who
    } else if stands_for_another(secret) {
        &names.proof
    } else {
        return None;
    };
    let wrong = Wrong::failure(
        Id::CredentialsPlaceholder,
        format!("{setting} is that of an example; it was not sent."),
        format!(
            "In WHMCS open Configuration > System Settings > Manage API Credentials, Generate New API Credential, choose \
             an active admin and the monitor's role, and put the identifier into {} and the secret into {}.",
            names.who, names.proof
        ),
    );
    Some(wrong.about(setting.clone()))
}

fn stands_for_another(secret: &SecretString) -> bool {
    let text = secret.expose_secret();
    let generated = text.len() == GENERATED && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let lower = text.to_lowercase();
    !generated && BEGINNINGS.iter().any(|beginning| lower.starts_with(beginning))
}

/// A webhook's address or key of an example.
#[must_use]
pub fn webhook(settings: &WebhookSettings, called: &Called) -> Option<Wrong> {
    let host = Url::parse(settings.url.expose_secret()).ok();
    let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
    if is_example(&host.to_lowercase()) {
        let wrong = Wrong::failure(
            Id::WebhookPlaceholder,
            format!("{} is the address of an example: nobody is there.", called.url),
            "Write the receiver's own address, or take the channel out.",
        );
        return Some(wrong.about(called.url.clone()));
    }
    if settings.keys().into_iter().any(is_known) {
        let wrong = Wrong::failure(
            Id::WebhookPlaceholder,
            format!(
                "{} is the key of an example, which everybody knows: the signatures prove nothing.",
                called.proof
            ),
            "Make one (echo \"whsec_$(openssl rand -base64 32)\") and give it to the receiver, too.",
        );
        return Some(wrong.about(called.proof.clone()));
    }
    None
}

fn is_example(host: &str) -> bool {
    let below = |name: &&str| host.strip_suffix(*name).is_some_and(|rest| rest.ends_with('.'));
    EXAMPLES.iter().any(|name| host == *name || below(name))
}

fn is_known(text: &str) -> bool {
    let key = text.strip_prefix("whsec_").unwrap_or(text).trim_end_matches('=');
    let flat = |key: Vec<u8>| key.windows(2).all(|two| two[0] == two[1]);
    KNOWN_KEYS.contains(&key) || STANDARD_NO_PAD.decode(key).is_ok_and(flat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_whmcs_generates_is_never_taken_for_an_example() {
        for (text, example) in [
            ("your-api-secret", true),
            ("<secret>", true),
            ("CHANGEME", true),
            ("xxxxxxxx", true),
            ("xxx4aB0123456789abcdefABCDEF0123", false),
            ("simulated-secret", false),
        ] {
            assert_eq!(stands_for_another(&text.into()), example, "{text}");
        }
    }

    #[test]
    fn keys_that_everybody_knows_are_known_however_they_are_written() {
        for (text, known) in [
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true),
            ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true),
            ("whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXMgbG9uZw==", false),
        ] {
            assert_eq!(is_known(text), known, "{text}");
        }
        assert!(is_example("hooks.example.com") && is_example("example.org"));
        assert!(!is_example("myexample.com") && !is_example("shop.example"));
    }
}
