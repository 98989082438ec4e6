//! Every request that may change something, with everything that must keep it from doing so.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::Timestamp;
use whmcs_stock_monitor::web::access::credentials::Known;
use whmcs_stock_monitor::web::access::credentials::Who;
use whmcs_stock_monitor::web::access::paths::CHANGES;
use whmcs_stock_monitor::web::access::paths::HINTS;
use whmcs_stock_monitor::web::access::paths::SIGN_IN;
use whmcs_stock_monitor::web::access::paths::SIGN_OUT;
use whmcs_stock_monitor::web::access::sessions::Session;
use whmcs_stock_monitor::web::access::sessions::Sessions;
use whmcs_stock_monitor::web::asker::Role;
use whmcs_stock_monitor::web::state::Settings;

use crate::visitor::Visitor;
use crate::visitor::key;
use crate::world::Answer;
use crate::world::READ;
use crate::world::TOKEN;
use crate::world::World;
use crate::world::beyond;

/// What a silence is made of, and an ack; other routes take what they know of it, or say what they miss.
const JSON: &str = r#"{"matcher":{"products":[42]},"ends_at":"2h","by":"Ann","comment":"new rack"}"#;
const FIELDS: [(&str, &str); 6] = [
    ("id", "1"),
    ("products", "42"),
    ("ends", "2h"),
    ("by", "Ann"),
    ("comment", "new rack"),
    ("password", TOKEN),
];

/// One route.
#[derive(Debug, Clone, Copy)]
struct Change {
    method: &'static str,
    path: &'static str,
}

impl Change {
    fn is_form(self) -> bool {
        self.path.starts_with("/do/")
    }

    /// The sign-in needs no credentials and no role: its form is its own.
    fn is_sign_in(self) -> bool {
        self.path == SIGN_IN
    }

    /// Sends it as its own page, or a program, would; `headers` come before the usual ones.
    async fn send(self, world: &World, headers: &str, form_key: &str) -> Answer {
        if !self.is_form() {
            return self.send_as(world, headers, Some("application/json"), JSON).await;
        }
        let fields: Vec<(&str, &str)> = [("form_key", form_key)].into_iter().chain(FIELDS).collect();
        let body = serde_urlencoded::to_string(fields).unwrap();
        self.send_as(world, headers, Some("application/x-www-form-urlencoded"), &body)
            .await
    }

    /// The same with a body that is said to be of that kind.
    async fn send_as(self, world: &World, headers: &str, kind: Option<&str>, body: &str) -> Answer {
        let path = self.path.replace("{id}", "1");
        let has = |name: &str| headers.to_lowercase().contains(name);
        let host = if has("host:") {
            ""
        } else {
            "Host: stock.example\r\n"
        };
        let origin = if has("origin:") {
            ""
        } else {
            "Origin: http://stock.example\r\n"
        };
        let kind = kind.map_or_else(String::new, |kind| format!("Content-Type: {kind}\r\n"));
        let head = format!("{} {path} HTTP/1.1\r\n{host}{headers}{origin}{kind}", self.method);
        world.send(&head, body).await
    }
}

fn changes() -> impl Iterator<Item = Change> {
    CHANGES.into_iter().map(|(method, path)| Change { method, path })
}

/// Somebody with a session, and the pages it takes to get keys of forms.
struct Somebody {
    visitor: Visitor,
}

impl Somebody {
    async fn signed_in(world: &World, user: &str, password: &str) -> Self {
        let mut visitor = at_home();
        assert_eq!(visitor.sign_in(world, user, password, "/").await.status, 303);
        Self { visitor }
    }

    async fn key(&mut self, world: &World) -> String {
        key(&self.visitor.open(world, "/").await.body, "/do/logout")
    }

    fn cookie(&self) -> String {
        format!("Cookie: stock-session={}\r\n", self.visitor.session().unwrap())
    }
}

fn at_home() -> Visitor {
    Visitor {
        host: Some("stock.example"),
        origin: Some("http://stock.example"),
        ..Visitor::default()
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// The key of a form that the route would take, with the header lines that go with it.
async fn good(world: &World, change: Change, anna: &mut Somebody) -> (String, String) {
    if change.is_sign_in() {
        let mut visitor = at_home();
        let page = visitor.open(world, "/login").await;
        let cookie = format!("Cookie: stock-sign-in={}\r\n", visitor.cookies["stock-sign-in"]);
        return (cookie, key(&page.body, SIGN_IN));
    }
    (anna.cookie(), anna.key(world).await)
}

/// What must not work, with the statuses that say so.
async fn refusals(
    world: &World,
    settings: &Settings,
    change: Change,
    anna: &mut Somebody,
) -> Vec<(&'static str, Answer, Vec<u16>)> {
    let mut found = Vec::new();
    let (cookie, form_key) = good(world, change, anna).await;
    let foreign = [
        "http://evil.example",
        "null",
        "http://stock.example.evil.example",
        "https://evil.example:443",
    ];
    for origin in foreign {
        let headers = format!("{cookie}Origin: {origin}\r\n");
        found.push((
            "a foreign origin",
            change.send(world, &headers, &form_key).await,
            vec![403],
        ));
    }
    for site in ["cross-site", "same-site"] {
        let headers = format!("{cookie}Sec-Fetch-Site: {site}\r\n");
        found.push((
            "a foreign site",
            change.send(world, &headers, &form_key).await,
            vec![403],
        ));
    }
    for host in ["evil.example", "evil.example:9717", "stock.example.evil.example"] {
        let headers = format!("Host: {host}\r\n{cookie}Origin: http://{host}\r\n");
        found.push((
            "a foreign host",
            change.send(world, &headers, &form_key).await,
            vec![421],
        ));
    }
    if change.is_form() {
        let mut altered = form_key.clone().into_bytes();
        altered[3] = if altered[3] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        found.push((
            "an altered form",
            change.send(world, &cookie, &altered).await,
            vec![403],
        ));
        found.push((
            "a form without its key",
            change.send(world, &cookie, "").await,
            vec![403],
        ));
        let mut other = Somebody::signed_in(world, "", TOKEN).await;
        let of_another = other.key(world).await;
        found.push((
            "a form of another session",
            change.send(world, &cookie, &of_another).await,
            vec![403],
        ));
    }
    if !change.is_sign_in() {
        found.push((
            "no credentials",
            change.send(world, "", &form_key).await,
            vec![401],
        ));
        for cookie in cookies(world, settings, anna).await {
            let cookie = format!("Cookie: stock-session={cookie}\r\n");
            found.push((
                "a cookie that is not good",
                change.send(world, &cookie, &form_key).await,
                vec![401],
            ));
        }
    }
    if !change.is_sign_in() && change.path != SIGN_OUT {
        found.push((
            "a token that looks",
            change.send(world, &bearer(READ), &form_key).await,
            vec![403],
        ));
        let mut ben = Somebody::signed_in(world, "ben", "ben's password").await;
        let own = ben.key(world).await;
        found.push((
            "a user who looks",
            change.send(world, &ben.cookie(), &own).await,
            vec![403],
        ));
    }
    found
}

/// Cookies that were good once, or never.
async fn cookies(world: &World, settings: &Settings, anna: &Somebody) -> Vec<String> {
    let good = anna.visitor.session().unwrap().clone();
    let sessions = Sessions::new(world.store.session_key([0; 32]).await.unwrap(), Vec::new());
    let long_ago = Timestamp::now() - SignedDuration::from_hours(13);
    let known = Known::new(settings);
    let expired = sessions
        .sealed(&Session::begin(Who::User("anna".into()), long_ago), &known)
        .unwrap();
    let now = Session::begin(Who::Token(Role::Act), Timestamp::now());
    let rotated = Settings {
        token: Some("the-token-of-before".into()),
        ..settings.clone()
    };
    vec![
        expired,
        sessions.sealed(&now, &Known::new(&rotated)).unwrap(),
        Sessions::default().sealed(&now, &known).unwrap(),
        good[..good.len() - 1].to_owned(),
        good[..20].to_owned(),
        String::new(),
    ]
}

#[tokio::test]
async fn nothing_is_changed_without_leave() {
    let settings = beyond();
    let world = World::open(settings.clone()).await;
    let mut anna = Somebody::signed_in(&world, "anna", "anna's password").await;
    let made = Change {
        method: "POST",
        path: "/api/v1/silences",
    }
    .send(&world, &bearer(TOKEN), "")
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    let before = world.contents().await;
    let mut tried = 0;
    for change in changes().filter(|change| change.path != HINTS) {
        for (why, answer, statuses) in refusals(&world, &settings, change, &mut anna).await {
            assert!(
                statuses.contains(&answer.status),
                "{change:?} with {why}: {answer:?}"
            );
            tried += 1;
        }
        assert_eq!(world.contents().await, before, "{change:?} changed something");
    }
    assert!(tried > 150, "{tried}");
}

#[tokio::test]
async fn what_a_web_page_elsewhere_could_send_changes_nothing_by_the_api() {
    let world = World::open(beyond()).await;
    let anna = Somebody::signed_in(&world, "anna", "anna's password").await;
    let bearer = bearer(TOKEN);
    let before = world.contents().await;
    let by_api = || changes().filter(|change| !change.is_form() && change.path != HINTS);
    for change in by_api() {
        for headers in [anna.cookie(), bearer.clone()] {
            for kind in [
                Some("text/plain"),
                Some("text/plain; application/json"),
                Some("application/x-www-form-urlencoded"),
                Some("multipart/form-data; boundary=x"),
                Some("text/plain\r\nContent-Type: application/json"),
                Some(""),
                None,
            ] {
                let answer = change.send_as(&world, &headers, kind, JSON).await;
                assert_eq!(answer.status, 415, "{change:?} as {kind:?}: {answer:?}");
            }
            let empty = change
                .send_as(&world, &headers, Some("application/x-www-form-urlencoded"), "")
                .await;
            assert_eq!(empty.status, 415, "{change:?}: {empty:?}");
        }
        let bare = change.send_as(&world, &anna.cookie(), None, "").await;
        assert_eq!(bare.status, 415, "{change:?} by a cookie: {bare:?}");
    }
    assert_eq!(world.contents().await, before);
    assert_eq!(by_api().count(), 6);
    for change in by_api() {
        let bare = change.send_as(&world, &bearer, None, "").await;
        let needs_a_body = ["/api/v1/acks", "/api/v1/silences"].contains(&change.path);
        assert_eq!(
            bare.status == 415,
            needs_a_body,
            "{change:?} by a token: {bare:?}"
        );
    }
}

#[tokio::test]
async fn the_same_requests_with_leave_are_taken_and_a_form_once() {
    let world = World::open(beyond()).await;
    let refused = [401, 403, 405, 415, 421, 429];
    let mut there = BTreeSet::new();
    for change in changes().filter(|change| change.path != HINTS) {
        let mut anna = Somebody::signed_in(&world, "anna", "anna's password").await;
        let (cookie, form_key) = good(&world, change, &mut anna).await;
        let answer = change.send(&world, &cookie, &form_key).await;
        assert!(!refused.contains(&answer.status), "{change:?}: {answer:?}");
        assert!(
            !answer.body.contains("There is nothing here"),
            "{change:?} is no route"
        );
        there.insert(change.path);
        if change.is_form() {
            let before = world.contents().await;
            let again = change.send(&world, &cookie, &form_key).await;
            // After a sign-out there is nobody left to send it.
            let expected = if change.path == SIGN_OUT { 401 } else { 403 };
            assert_eq!(again.status, expected, "{change:?} replayed: {again:?}");
            assert_eq!(
                world.contents().await,
                before,
                "{change:?} replayed changed something"
            );
        }
    }
    let contents = world.contents().await;
    assert!(
        contents.iter().any(|row| row.starts_with("silences: ")),
        "they do change something"
    );
    assert!(there.len() > 10, "{there:?}");
}

#[tokio::test]
async fn open_to_all_everybody_looks_and_nobody_acts() {
    let settings = Settings::on("0.0.0.0:0".parse().unwrap());
    let world = World::open(settings).await;
    let mut visitor = Visitor::default();
    assert_eq!(visitor.open(&world, "/").await.status, 200);
    let before = world.contents().await;
    for change in changes().filter(|change| ![HINTS, SIGN_IN, SIGN_OUT].contains(&change.path)) {
        for headers in ["", &bearer(TOKEN)] {
            let answer = change.send(&world, headers, "").await;
            assert_eq!(answer.status, 403, "{change:?}: {answer:?}");
        }
    }
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn looking_changes_nothing_and_no_other_method_is_answered() {
    let world = World::open(beyond()).await;
    let before = world.contents().await;
    for change in changes() {
        let path = change.path.replace("{id}", "1");
        for method in ["GET", "HEAD", "PUT", "PATCH", "OPTIONS", "DELETE", "POST"] {
            if method == change.method || CHANGES.contains(&(method, change.path)) {
                continue;
            }
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: stock.example\r\n{}",
                bearer(TOKEN)
            );
            let answer = world.send(&head, "").await;
            let is_list = ["GET", "HEAD"].contains(&method)
                && ["/api/v1/acks", "/api/v1/silences"].contains(&change.path);
            assert_eq!(answer.status, if is_list { 200 } else { 405 }, "{method} {path}");
        }
    }
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn a_session_ends_when_its_token_is_changed_while_the_form_lies_open() {
    let settings = beyond();
    let world = World::open(settings.clone()).await;
    let mut somebody = Somebody::signed_in(&world, "", TOKEN).await;
    let form_key = somebody.key(&world).await;
    world.door.change(&Settings {
        token: Some("another-token".into()),
        ..settings
    });
    let silence = Change {
        method: "POST",
        path: "/do/silence",
    };
    let before = world.contents().await;
    assert_eq!(
        silence.send(&world, &somebody.cookie(), &form_key).await.status,
        401
    );
    let api = Change {
        method: "POST",
        path: "/api/v1/silences",
    };
    assert_eq!(api.send(&world, &bearer(TOKEN), "").await.status, 401);
    assert_eq!(world.contents().await, before);
}
