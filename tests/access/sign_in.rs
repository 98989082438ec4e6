//! People sign in with a token or a password, stay who they are for a while, and sign out.

use std::sync::Arc;

use whmcs_stock_monitor::web::asker::Role;
use whmcs_stock_monitor::web::state::Settings;
use whmcs_stock_monitor::web::state::User;

use crate::harness::settings;
use crate::harness::site;
use crate::visitor::Visitor;
use crate::visitor::header;
use crate::visitor::key;

const TOKEN: &str = "a-token-that-acts";
const READ: &str = "a-token-that-looks";

fn user(name: &str, password: &str, role: Role) -> User {
    User {
        name: Arc::from(name),
        role,
        hash: bcrypt::hash(password, 4).unwrap().into(),
    }
}

/// Both tokens, Anna who acts and Ben who looks.
fn everybody() -> Settings {
    Settings {
        read_token: Some(READ.into()),
        users: vec![
            user("anna", "anna's password", Role::Act),
            user("ben", "ben's password", Role::Look),
        ],
        ..settings(Some(TOKEN))
    }
}

#[tokio::test]
async fn a_page_leads_to_the_sign_in_and_back() {
    let site = site(everybody(), Vec::new()).await;
    let mut anna = Visitor::default();
    let first = anna.open(&site, "/?show=out&page=2").await;
    assert_eq!(first.status, 303);
    assert_eq!(
        header(&first, "location"),
        ["/login?to=%2F%3Fshow%3Dout%26page%3D2"]
    );
    let page = anna.open(&site, header(&first, "location")[0]).await;
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
    let admitted = anna.submit(&site, "/do/login", &fields).await;
    assert_eq!(
        (admitted.status, header(&admitted, "location")),
        (303, vec!["/?show=out&page=2"])
    );
    let cookie = header(&admitted, "set-cookie")[0];
    for needed in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(needed), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let page = anna.open(&site, "/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<bdi>anna</bdi>") && page.body.contains("Sign out"));
    assert_eq!(header(&anna.open(&site, "/login").await, "location"), ["/"]);
}

#[tokio::test]
async fn each_credential_opens_what_it_may_and_a_wrong_one_nothing() {
    let site = site(everybody(), Vec::new()).await;
    for (user, password, name) in [
        ("", TOKEN, None),
        ("whoever", READ, None),
        ("anna", "anna's password", Some("anna")),
        ("ben", "ben's password", Some("ben")),
    ] {
        let mut visitor = Visitor::default();
        assert_eq!(
            visitor.sign_in(&site, user, password, "/").await.status,
            303,
            "{user}"
        );
        let page = visitor.open(&site, "/").await;
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
        let answer = visitor.sign_in(&site, user, password, "/").await;
        assert_eq!(answer.status, 401, "{user}");
        assert!(answer.body.contains("role=\"alert\""), "{}", answer.body);
        assert!(password.is_empty() || !answer.body.contains(password));
        assert_eq!(visitor.session(), None);
        assert_eq!(
            header(&answer, "www-authenticate"),
            ["Bearer"],
            "no window of the browser's own"
        );
        assert_eq!(visitor.open(&site, "/").await.status, 303);
    }
}

#[tokio::test]
async fn a_sign_out_ends_the_session_everywhere() {
    let site = site(everybody(), Vec::new()).await;
    let mut anna = Visitor::default();
    anna.sign_in(&site, "anna", "anna's password", "/").await;
    let mut copy = anna.clone();
    let page = anna.open(&site, "/").await;
    let key = key(&page.body, "/do/logout");
    let out = anna.submit(&site, "/do/logout", &[("form_key", &key)]).await;
    assert_eq!((out.status, header(&out, "location")), (303, vec!["/login"]));
    assert_eq!(anna.session(), None);
    assert_eq!(
        copy.open(&site, "/").await.status,
        303,
        "a copy of the cookie is worth nothing"
    );
}
