//! A browser as far as the door sees it: it keeps cookies, follows nothing by itself, and fills forms.

use std::collections::BTreeMap;

use crate::world::Answer;
use crate::world::World;

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
    /// Where its forms come from, if not from `http://localhost`.
    pub origin: Option<&'static str>,
    /// The host it asks, if not `localhost`.
    pub host: Option<&'static str>,
}

impl Visitor {
    /// Opens a page.
    pub async fn open(&mut self, world: &World, path: &str) -> Answer {
        let head = format!(
            "GET {path} HTTP/1.1\r\nAccept: text/html,*/*;q=0.8\r\n{}",
            self.lines()
        );
        let answer = world.send(&head, "").await;
        self.keep(&answer);
        answer
    }

    /// Sends a form from one of our pages.
    pub async fn submit(&mut self, world: &World, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nAccept: text/html,*/*;q=0.8\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Origin: {}\r\nSec-Fetch-Site: same-origin\r\n{}",
            self.origin.unwrap_or("http://localhost"),
            self.lines()
        );
        let answer = world.send(&head, &body).await;
        self.keep(&answer);
        answer
    }

    /// Signs in by the page, and back to `to`.
    pub async fn sign_in(&mut self, world: &World, user: &str, password: &str, to: &str) -> Answer {
        let page = self.open(world, "/login").await;
        let key = key(&page.body, "/do/login");
        let fields = [
            ("form_key", key.as_str()),
            ("user", user),
            ("password", password),
            ("to", to),
        ];
        self.submit(world, "/do/login", &fields).await
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
        let host = self.host.unwrap_or("localhost");
        format!("Host: {host}\r\n{cookies}{}", self.headers)
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in answer.header("set-cookie") {
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
