//! A knock at an address, without credentials: whether anybody answers there, and whether like WHMCS.

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::time::timeout;

use crate::domain::source::Cause;
use crate::whmcs::api;
use crate::whmcs::api::Api;
use crate::whmcs::fault;
use crate::whmcs::fault::Broken;
use crate::whmcs::judge::Reply;
use crate::whmcs::refusal;

/// Where WHMCS's API often stands, below the host or a folder of it.
pub const NEIGHBOURS: [&str; 5] = [
    "includes/api.php",
    "api.php",
    "whmcs/includes/api.php",
    "billing/includes/api.php",
    "admin/includes/api.php",
];
/// As much of an answer as tells what it is, in bytes.
const HEAD: u64 = 64 * 1024;
/// The most neighbours that are tried.
const TRIED: usize = 20;

/// What a knock was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knock {
    /// A refusal, or even an answer, in WHMCS's words.
    LikeWhmcs,
    /// Elsewhere, as it was written; without its query, which may hold a token.
    Redirect { status: u16, to: String },
    /// Something that is not the API.
    Other {
        status: u16,
        cause: Cause,
        /// The beginning of the body.
        head: String,
    },
}

impl Api {
    /// Asks for nothing in particular, as nobody.
    ///
    /// # Errors
    /// No answer came.
    pub async fn knock(&self, url: &Url, now: Timestamp) -> Result<Knock, Broken> {
        match timeout(self.timeout, self.knocked(url, now)).await {
            Ok(knock) => knock,
            Err(_) => Err(Broken::Timeout),
        }
    }

    async fn knocked(&self, url: &Url, now: Timestamp) -> Result<Knock, Broken> {
        let response = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("action=GetProducts&responsetype=json")
            .send()
            .await
            .map_err(fault::broken)?;
        let reply = api::reply(&response, now);
        let mut body: Vec<u8> = Vec::new();
        let read = self.receive(response, u64::MAX, |chunk| {
            body.extend_from_slice(chunk);
            (body.len() as u64) < HEAD
        });
        // What came until it broke tells enough, as a rule.
        let _ = read.await;
        Ok(judge(&reply, &String::from_utf8_lossy(&body)))
    }
}

fn judge(reply: &Reply, head: &str) -> Knock {
    let status = reply.status;
    if (300..400).contains(&status) {
        let to = reply.location.as_deref().unwrap_or_default();
        let to = to.split(['?', '#']).next().unwrap_or_default().to_owned();
        return Knock::Redirect { status, to };
    }
    if is_like_whmcs(head) {
        return Knock::LikeWhmcs;
    }
    Knock::Other {
        status,
        cause: reply.cause(head),
        head: head.chars().take(16 * 1024).collect(),
    }
}

fn is_like_whmcs(head: &str) -> bool {
    let text = head.trim_start_matches('\u{feff}').trim();
    let json = || {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        value.get("result").is_some_and(Value::is_string)
    };
    json()
        || refusal::nvp_error(text).is_some()
        || text.starts_with("result=success")
        || text.contains("<whmcsapi")
        || text.starts_with("Error generating JSON encoded response")
}

/// Where else the API of that URL's host may be: beside it and in the folders above, the nearest first.
#[must_use]
pub fn neighbours(url: &Url) -> Vec<Url> {
    let path = url.path().trim_end_matches('/');
    let mut folders: Vec<&str> = vec![path];
    let mut rest = path;
    while let Some((above, _)) = rest.rsplit_once('/') {
        folders.push(above);
        rest = above;
    }
    let mut found: Vec<Url> = Vec::new();
    for folder in folders {
        for neighbour in NEIGHBOURS {
            let mut other = url.clone();
            other.set_path(&format!("{folder}/{neighbour}"));
            if other != *url && !found.contains(&other) {
                found.push(other);
            }
        }
    }
    // The host's own are the likeliest, whatever was written.
    found.sort_by_key(|other| other.path().matches('/').count());
    found.truncate(TRIED);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_places_are_tried_at_the_host_and_in_the_folders_above() {
        let url = Url::parse("https://shop.example/billing/includes/api.phpp").unwrap();
        let found: Vec<String> = neighbours(&url).iter().map(|url| url.path().to_owned()).collect();
        for path in [
            "/api.php",
            "/includes/api.php",
            "/whmcs/includes/api.php",
            "/billing/includes/api.php",
            "/billing/api.php",
            "/billing/includes/includes/api.php",
        ] {
            assert!(found.iter().any(|known| known == path), "{path}: {found:?}");
        }
        let bare = Url::parse("https://shop.example").unwrap();
        assert_eq!(neighbours(&bare).len(), NEIGHBOURS.len());
        assert!(!neighbours(&bare).contains(&bare));
    }

    #[test]
    fn whmcs_is_known_by_its_refusals() {
        for head in [
            r#"{"result":"error","message":"Authentication Failed"}"#,
            "\u{feff}\r\n{\"result\":\"error\",\"message\":\"Invalid IP 192.0.2.1\"}",
            "result=error;message=Authentication Failed",
            "<?xml version=\"1.0\"?><whmcsapi version=\"8.13.1\"><result>error</result>",
        ] {
            assert!(is_like_whmcs(head), "{head}");
        }
        for head in ["", "<html>", "{}", "null", r#"{"error":"not found"}"#] {
            assert!(!is_like_whmcs(head), "{head}");
        }
    }
}
