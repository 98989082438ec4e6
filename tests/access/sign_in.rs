//! People sign in with a token or a password, stay who they are for a while, and sign out.

use jiff::SignedDuration;
use jiff::Timestamp;
use whmcs_stock_monitor::web::access::credentials::Known;
use whmcs_stock_monitor::web::access::credentials::Who;
use whmcs_stock_monitor::web::access::sessions::Session;
use whmcs_stock_monitor::web::access::sessions::Sessions;
use whmcs_stock_monitor::web::asker::Role;
use whmcs_stock_monitor::web::state::Settings;

use crate::visitor::Visitor;
use crate::visitor::key;
use crate::world::READ;
use crate::world::TOKEN;
use crate::world::World;
use crate::world::everybody;

#[tokio::test]
async fn a_page_leads_to_the_sign_in_and_back() {
    let world = World::open(everybody()).await;
    let mut anna = Visitor::default();
    let first = anna.open(&world, "/?show=out&page=2").await;
    assert_eq!(first.status, 303);
    assert_eq!(
        first.header("location"),
        ["/login?to=%2F%3Fshow%3Dout%26page%3D2"]
    );
    let page = anna.open(&world, first.header("location")[0]).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("name=\"to\" value=\"/?show=out&#38;page=2\""),
        "{}",
        page.body
    );
    let key = key(&page.body, "/do/login");
    let fields = [
        ("form_key", key.as_str()),
        ("user", "anna"),
        ("password", "anna's password"),
        ("to", "/?show=out&page=2"),
    ];
    let admitted = anna.submit(&world, "/do/login", &fields).await;
    assert_eq!(
        (admitted.status, admitted.header("location")),
        (303, vec!["/?show=out&page=2"])
    );
    let cookie = admitted.header("set-cookie")[0];
    for needed in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(needed), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let page = anna.open(&world, "/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<bdi>anna</bdi>") && page.body.contains("Sign out"));
    assert_eq!(anna.open(&world, "/login").await.header("location"), ["/"]);
}

#[tokio::test]
async fn each_credential_opens_what_it_may_and_a_wrong_one_nothing() {
    let world = World::open(everybody()).await;
    for (user, password, name) in [
        ("", TOKEN, None),
        ("whoever", READ, None),
        ("anna", "anna's password", Some("anna")),
        ("ben", "ben's password", Some("ben")),
    ] {
        let mut visitor = Visitor::default();
        assert_eq!(
            visitor.sign_in(&world, user, password, "/").await.status,
            303,
            "{user}"
        );
        let page = visitor.open(&world, "/").await;
        assert_eq!(page.status, 200, "{user}");
        assert_eq!(
            name.is_some_and(|name| page.body.contains(&format!("<bdi>{name}</bdi>"))),
            name.is_some()
        );
    }
    for (user, password) in [
        ("", ""),
        ("anna", "ben's password"),
        ("nobody", "anna's password"),
        ("", "anna's password"),
    ] {
        let mut visitor = Visitor::default();
        let answer = visitor.sign_in(&world, user, password, "/").await;
        assert_eq!(answer.status, 401, "{user}");
        assert!(answer.body.contains("role=\"alert\""), "{}", answer.body);
        assert!(password.is_empty() || !answer.body.contains(password));
        assert_eq!(visitor.session(), None);
        assert_eq!(
            answer.header("www-authenticate"),
            ["Bearer"],
            "no window of the browser's own"
        );
        assert_eq!(visitor.open(&world, "/").await.status, 303);
    }
}

#[tokio::test]
async fn a_sign_out_ends_the_session_everywhere() {
    let world = World::open(everybody()).await;
    let mut anna = Visitor::default();
    anna.sign_in(&world, "anna", "anna's password", "/").await;
    let mut copy = anna.clone();
    let page = anna.open(&world, "/").await;
    let key = key(&page.body, "/do/logout");
    let out = anna.submit(&world, "/do/logout", &[("form_key", &key)]).await;
    assert_eq!((out.status, out.header("location")), (303, vec!["/login"]));
    assert_eq!(anna.session(), None);
    assert_eq!(
        copy.open(&world, "/").await.status,
        303,
        "a copy of the cookie is worth nothing"
    );
}

/// A cookie as this server would have made it at that time.
async fn made(world: &World, settings: &Settings, who: Who, at: Timestamp) -> String {
    let key = world.store.session_key([0; 32]).await.unwrap();
    assert_ne!(key, [0; 32], "the server made one");
    let sessions = Sessions::new(key, Vec::new());
    sessions
        .sealed(&Session::begin(who, at), &Known::new(settings))
        .unwrap()
}

fn with(cookie: &str) -> Visitor {
    let mut visitor = Visitor::default();
    visitor
        .cookies
        .insert("stock-session".to_owned(), cookie.to_owned());
    visitor
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_after_a_week_and_not_before() {
    let settings = everybody();
    let world = World::open(settings.clone()).await;
    let now = Timestamp::now();
    let who = Who::Token(Role::Act);
    for (age, status) in [(11, 200), (13, 303), (24 * 8, 303)] {
        let at = now - SignedDuration::from_hours(age);
        let mut visitor = with(&made(&world, &settings, who.clone(), at).await);
        let answer = visitor.open(&world, "/").await;
        assert_eq!(answer.status, status, "{age} h");
        assert_eq!(
            !answer.header("set-cookie").is_empty(),
            status == 200,
            "it is renewed by use"
        );
        if status == 200 {
            assert!(
                visitor.open(&world, "/").await.header("set-cookie").is_empty(),
                "and not each time"
            );
        }
    }
}

#[tokio::test]
async fn a_cookie_that_was_altered_cut_or_made_elsewhere_is_nobodys() {
    let settings = everybody();
    let world = World::open(settings.clone()).await;
    let cookie = made(&world, &settings, Who::User("ben".into()), Timestamp::now()).await;
    assert_eq!(with(&cookie).open(&world, "/").await.status, 200);
    let mut others = vec![
        String::new(),
        "x".to_owned(),
        cookie[..cookie.len() - 4].to_owned(),
        format!("{cookie}AAAA"),
    ];
    for place in (0..cookie.len()).step_by(3) {
        let mut altered = cookie.clone().into_bytes();
        altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
        others.push(String::from_utf8(altered).unwrap());
    }
    let elsewhere = Sessions::default();
    let session = Session::begin(Who::Token(Role::Act), Timestamp::now());
    others.push(elsewhere.sealed(&session, &Known::new(&settings)).unwrap());
    for other in others {
        assert_eq!(with(&other).open(&world, "/").await.status, 303, "{other}");
    }
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_ends_with_its_credential() {
    let settings = everybody();
    let world = World::open(settings.clone()).await;
    let [mut anna, mut token, mut left] = [Visitor::default(), Visitor::default(), Visitor::default()];
    anna.sign_in(&world, "anna", "anna's password", "/").await;
    token.sign_in(&world, "", TOKEN, "/").await;
    left.sign_in(&world, "", TOKEN, "/").await;
    let mut copy = left.clone();
    let page = left.open(&world, "/").await;
    left.submit(
        &world,
        "/do/logout",
        &[("form_key", &key(&page.body, "/do/logout"))],
    )
    .await;

    let world = World::over(settings.clone(), world.close().await).await;
    assert_eq!(anna.open(&world, "/").await.status, 200);
    assert_eq!(token.open(&world, "/").await.status, 200);
    assert_eq!(
        copy.open(&world, "/").await.status,
        303,
        "signed out before the restart"
    );

    let other = Settings {
        token: Some("another-token".into()),
        users: settings
            .users
            .iter()
            .filter(|user| &*user.name != "anna")
            .cloned()
            .collect(),
        ..settings.clone()
    };
    world.door.change(&other);
    assert_eq!(token.open(&world, "/").await.status, 303, "the token was changed");
    assert_eq!(anna.open(&world, "/").await.status, 303, "the user is gone");
    world.door.change(&settings);
    let reader = Settings {
        users: settings
            .users
            .iter()
            .cloned()
            .map(|user| whmcs_stock_monitor::web::state::User {
                role: Role::Look,
                ..user
            })
            .collect(),
        ..settings
    };
    world.door.change(&reader);
    assert!(
        anna.open(&world, "/").await.body.contains("may look"),
        "the role is that of now"
    );
}

#[tokio::test]
async fn behind_a_proxy_with_tls_the_cookie_is_for_this_host_and_tls_alone() {
    let world = World::open(everybody()).await;
    let mut visitor = Visitor {
        headers: "X-Forwarded-Proto: https\r\n".to_owned(),
        ..Visitor::default()
    };
    visitor.origin = Some("https://localhost");
    let answer = visitor.sign_in(&world, "", TOKEN, "/").await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let cookie = answer.header("set-cookie")[0];
    assert!(
        cookie.starts_with("__Host-stock-session=") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    assert_eq!(visitor.open(&world, "/").await.status, 200);
    // One that a page without TLS could have set is not taken.
    let value = visitor.session().unwrap().clone();
    let mut planted = with(&value);
    planted.headers = visitor.headers.clone();
    assert_eq!(planted.open(&world, "/").await.status, 303);
    let mut plain = Visitor {
        headers: visitor.headers.clone(),
        ..Visitor::default()
    };
    assert_eq!(
        plain.sign_in(&world, "", TOKEN, "/").await.status,
        403,
        "from a page without TLS"
    );
}

#[tokio::test]
async fn the_form_of_the_sign_in_is_good_for_the_browser_it_was_given_to() {
    let world = World::open(everybody()).await;
    let mut attacker = Visitor::default();
    let page = attacker.open(&world, "/login").await;
    let key = key(&page.body, "/do/login");
    let fields = [
        ("form_key", key.as_str()),
        ("user", ""),
        ("password", TOKEN),
        ("to", "/"),
    ];
    let mut victim = Visitor::default();
    assert_eq!(
        victim.submit(&world, "/do/login", &fields).await.status,
        403,
        "no cookie"
    );
    victim.open(&world, "/login").await;
    assert_eq!(
        victim.submit(&world, "/do/login", &fields).await.status,
        403,
        "another's cookie"
    );
    assert_eq!(victim.session(), None);
    assert_eq!(attacker.submit(&world, "/do/login", &fields).await.status, 303);
    assert_eq!(
        attacker.submit(&world, "/do/login", &fields).await.status,
        403,
        "again"
    );
}

#[tokio::test]
async fn nobody_is_led_elsewhere_after_the_sign_in() {
    let world = World::open(everybody()).await;
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/do/logout",
        "/login?to=/login",
        "javascript:1",
        "",
    ] {
        let answer = Visitor::default().sign_in(&world, "", TOKEN, to).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, vec!["/"]),
            "{to}"
        );
    }
}

#[tokio::test]
async fn who_guesses_waits_and_others_do_not() {
    let world = World::open(everybody()).await;
    let from = |address: &str| format!("X-Forwarded-For: {address}\r\nAuthorization: Bearer wrong\r\n");
    for _ in 0..10 {
        assert_eq!(world.get("/api/v1/stock", &from("203.0.113.5")).await.status, 401);
    }
    let held = world.get("/api/v1/stock", &from("203.0.113.5")).await;
    assert_eq!((held.status, held.header("retry-after")), (429, vec!["10"]));
    let right = format!("X-Forwarded-For: 203.0.113.5\r\nAuthorization: Bearer {TOKEN}\r\n");
    assert_eq!(
        world.get("/api/v1/stock", &right).await.status,
        429,
        "not even the right one, which would tell"
    );
    assert_eq!(world.get("/api/v1/stock", &from("203.0.113.6")).await.status, 401);
    let other = format!("X-Forwarded-For: 203.0.113.6\r\nAuthorization: Bearer {TOKEN}\r\n");
    assert_eq!(world.get("/api/v1/stock", &other).await.status, 200);
    let mut anna = Visitor {
        headers: "X-Forwarded-For: 203.0.113.7\r\n".to_owned(),
        ..Visitor::default()
    };
    anna.sign_in(&world, "anna", "anna's password", "/").await;
    for _ in 0..10 {
        world.get("/api/v1/stock", &from("203.0.113.7")).await;
    }
    assert_eq!(anna.open(&world, "/").await.status, 200, "a session goes on");
}

#[tokio::test]
async fn behind_proxies_that_are_named_each_client_has_tries_of_its_own() {
    let world = World::open(Settings {
        trusted_proxies: vec!["10.1.0.0/16".parse().unwrap()],
        ..everybody()
    })
    .await;
    let guess = async |list: &str| {
        let headers = format!("X-Forwarded-For: {list}\r\nAuthorization: Bearer wrong\r\n");
        world.get("/api/v1/stock", &headers).await.status
    };
    for n in 0..10 {
        // Whatever it claims to be asked for.
        let list = format!("192.0.2.{n}, 203.0.113.5, 10.1.0.2");
        assert_eq!(guess(&list).await, 401, "{n}");
    }
    assert_eq!(guess("203.0.113.5, 10.1.0.3").await, 429);
    assert_eq!(guess("203.0.113.6, 10.1.0.2").await, 401);
    // Behind somebody who is not named, it is that one who guesses.
    for _ in 0..9 {
        guess("203.0.113.7, 10.2.0.2").await;
    }
    assert_eq!(guess("203.0.113.8, 10.2.0.2").await, 401);
    assert_eq!(guess("203.0.113.9, 10.2.0.2").await, 429);
}

#[tokio::test]
async fn machines_are_told_what_is_missing_and_people_are_led() {
    let world = World::open(everybody()).await;
    for path in ["/", "/metrics", "/api/v1/stock"] {
        let answer = world.get(path, "").await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.header("www-authenticate").len(), 2, "{path}");
    }
    assert_eq!(
        world.get("/api/v1/stock", "Accept: text/html\r\n").await.status,
        401
    );
    let basic = |pair: &str| {
        use base64::Engine;
        format!(
            "Authorization: Basic {}\r\n",
            base64::engine::general_purpose::STANDARD.encode(pair)
        )
    };
    for (pair, status) in [
        ("anna:anna's password", 200),
        ("ben:ben's password", 200),
        (&format!("x:{READ}"), 200),
        ("anna:ben's password", 401),
        ("carla:anna's password", 401),
    ] {
        assert_eq!(
            world.get("/api/v1/stock", &basic(pair)).await.status,
            status,
            "{pair}"
        );
    }
    for path in ["/healthz", "/login", "/assets/style.css"] {
        assert_eq!(world.get(path, "").await.status, 200, "{path}");
    }
}
