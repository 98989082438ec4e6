//! A browser as far as the door sees it: it keeps cookies, follows nothing by itself, and fills forms.

use std::collections::BTreeMap;

use crate::harness::Answer;
use crate::harness::Site;

/// Sends that request, its body's length added.
pub async fn send(site: &Site, head: &str, body: &str) -> Answer {
    let length = format!(
        "Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let bytes = site.raw(&format!("{head}{length}")).await;
    let text = String::from_utf8(bytes).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// The values of a header, in their own letters.
pub fn header<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    let named = lines.filter(|line| line.0.eq_ignore_ascii_case(name));
    named.map(|line| line.1).collect()
}

/// The key of the first form of a page that is sent to `action`.
pub fn key(page: &str, action: &str) -> String {
    let form = page.split(&format!("action=\"{action}\"")).nth(1);
    let form = form.unwrap_or_else(|| panic!("no form for {action}: {page}"));
    let value = form.split("name=\"form_key\" value=\"").nth(1).expect("a key");
    value.split('"').next().expect("an end").to_owned()
}

/// One browser.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    pub cookies: BTreeMap<String, String>,
    /// Header lines of every request.
    pub headers: String,
}

impl Visitor {
    /// Opens a page.
    pub async fn open(&mut self, site: &Site, path: &str) -> Answer {
        let head = format!(
            "GET {path} HTTP/1.1\r\nAccept: text/html,*/*;q=0.8\r\n{}",
            self.lines()
        );
        let answer = send(site, &head, "").await;
        self.keep(&answer);
        answer
    }

    /// Sends a form from one of our pages.
    pub async fn submit(&mut self, site: &Site, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nAccept: text/html,*/*;q=0.8\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n{}",
            self.lines()
        );
        let answer = send(site, &head, &body).await;
        self.keep(&answer);
        answer
    }

    /// Signs in by the page, and back to `to`.
    pub async fn sign_in(&mut self, site: &Site, user: &str, password: &str, to: &str) -> Answer {
        let page = self.open(site, "/login").await;
        let key = key(&page.body, "/do/login");
        let fields = [
            ("form_key", key.as_str()),
            ("user", user),
            ("password", password),
            ("to", to),
        ];
        self.submit(site, "/do/login", &fields).await
    }

    /// The cookie of its session.
    pub fn session(&self) -> Option<&String> {
        self.cookies
            .iter()
            .find(|(name, _)| name.ends_with("stock-session"))
            .map(|(_, value)| value)
    }

    fn lines(&self) -> String {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let cookies = match pairs.as_slice() {
            [] => String::new(),
            _ => format!("Cookie: {}\r\n", pairs.join("; ")),
        };
        format!("Host: localhost\r\n{cookies}{}", self.headers)
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in header(answer, "set-cookie") {
            let (pair, _) = cookie.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
