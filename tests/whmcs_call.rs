//! Single calls of any action: what is told of an answer and of a refusal, and that no credential is.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::simulator::api::Access;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::whmcs::call::Called;
use whmcs_stock_monitor::whmcs::call::Uncalled;
use whmcs_stock_monitor::whmcs::client::ApiSettings;
use whmcs_stock_monitor::whmcs::client::Client;
use whmcs_stock_monitor::whmcs::client::Standing;
use whmcs_stock_monitor::whmcs::form::SignIn;
use whmcs_stock_monitor::whmcs::intake::Format;

fn settings(simulator: &Simulator) -> ApiSettings {
    ApiSettings {
        url: simulator.url(),
        sign_in: SignIn::Credentials {
            identifier: simulator.identifier().into(),
            secret: simulator.secret().into(),
        },
        access_key: None,
        response_type: Format::Json,
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        allow_insecure_tls: false,
        ca_file: None,
        max_body: 1 << 30,
        details_interval: Duration::from_hours(1),
        max_requests: 2,
        retry_base: Duration::from_millis(1),
    }
}

fn shop(version: Version) -> Shop {
    Shop::new(version, Companion::None).with_products([Product::new(1, 1, "Servers", "DS-64").with_stock(3)])
}

async fn call(simulator: &Simulator, action: &str, params: &[(&str, &str)]) -> Result<Called, Box<Uncalled>> {
    let client = Client::new(settings(simulator)).unwrap();
    let params: Vec<(String, String)> = params
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    client
        .call(action, &params, Timestamp::now(), &CancellationToken::new())
        .await
        .expect("not cancelled")
}

#[tokio::test]
async fn an_answer_comes_with_its_text_its_status_who_answered_and_the_servers_clock() {
    let mut shop = shop(Version::V8_12);
    shop.change_habits(|habits| habits.clock_ahead = SignedDuration::from_mins(-7));
    let simulator = Simulator::start(shop).await.unwrap();
    let called = call(&simulator, "GetProducts", &[("pid", "1")]).await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&called.body).unwrap();
    assert_eq!(answer["products"]["product"][0]["quantity_available"], 3);
    assert_eq!(called.exchange.status, Some(200));
    assert_eq!(called.exchange.address, Some(simulator.address()));
    let behind = Timestamp::now().duration_since(called.exchange.date.unwrap());
    assert!((415..=430).contains(&behind.as_secs()), "{behind}");
    assert_eq!(simulator.requests()[0].params["pid"], "1");
}

#[tokio::test]
async fn a_key_with_brackets_and_a_value_with_signs_arrive_as_they_are() {
    let simulator = Simulator::start(shop(Version::V8_12)).await.unwrap();
    let odd = [("custom[a b]", "x=y&z;é"), ("empty", "")];
    call(&simulator, "GetProducts", &odd).await.unwrap();
    let params = &simulator.requests()[0].params;
    assert_eq!(params["custom[a b]"], "x=y&z;é");
    assert_eq!(params["empty"], "");
}

#[tokio::test]
async fn a_refusal_has_its_cause_and_its_text_and_is_not_tried_again() {
    let cases = [
        (
            Fault::Refused(Refusal::AuthenticationFailed),
            Cause::Credentials,
            Some(403),
        ),
        (
            Fault::Refused(Refusal::InvalidCredentials),
            Cause::Credentials,
            Some(403),
        ),
        (
            Fault::Refused(Refusal::AccountDisabled),
            Cause::Credentials,
            Some(403),
        ),
        (
            Fault::Refused(Refusal::InvalidIp("192.0.2.7".into())),
            Cause::Ip,
            Some(403),
        ),
        (
            Fault::RefusedPlain(Refusal::InvalidIp("2001:db8::7".into())),
            Cause::Ip,
            Some(403),
        ),
        (
            Fault::Refused(Refusal::NotPermitted),
            Cause::Permission,
            Some(403),
        ),
        (
            Fault::Refused(Refusal::InvalidAction),
            Cause::ActionMissing,
            Some(403),
        ),
        (Fault::FirewallPage, Cause::Firewall, Some(403)),
        (Fault::LoginPage, Cause::Firewall, Some(200)),
        (Fault::MaintenancePage(503), Cause::Maintenance, Some(503)),
        (Fault::OutputAlreadySent, Cause::Server, Some(500)),
        (Fault::EmptyBody, Cause::BadAnswer, Some(200)),
        (Fault::Status(502, None), Cause::Server, Some(502)),
        (Fault::Reset, Cause::Reset, None),
        (Fault::RateLimited(Some(9)), Cause::RateLimited, Some(429)),
    ];
    let simulator = Simulator::start(shop(Version::V8_12)).await.unwrap();
    for (fault, cause, status) in cases {
        simulator.forget();
        simulator.fail_always(fault.clone());
        let refused = call(&simulator, "GetProducts", &[]).await.unwrap_err();
        assert_eq!(
            (refused.failure.cause, refused.exchange.status),
            (cause, status),
            "{fault:?}: {refused:?}"
        );
        assert_eq!(simulator.requests().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_long_answer_is_refused_at_16_mb_and_at_the_limit_that_is_set() {
    let simulator = Simulator::start(shop(Version::V8_12)).await.unwrap();
    simulator.fail_always(Fault::HugeBody {
        bytes: None,
        filler: whmcs_stock_monitor::simulator::faults::Filler::Spaces,
    });
    let refused = call(&simulator, "GetProducts", &[]).await.unwrap_err();
    assert_eq!(refused.failure.cause, Cause::TooLarge);
    assert!(refused.body.len() <= 16 << 20);
    simulator.heal();
    let narrow = ApiSettings {
        max_body: 100,
        ..settings(&simulator)
    };
    let client = Client::new(narrow).unwrap();
    let cancel = CancellationToken::new();
    let answer = client.call("GetProducts", &[], Timestamp::now(), &cancel).await;
    assert_eq!(answer.unwrap().unwrap_err().failure.cause, Cause::TooLarge);
}

#[tokio::test]
async fn what_is_told_of_an_answer_that_quotes_the_request_holds_no_credential() {
    let simulator = Simulator::start(shop(Version::V8_12)).await.unwrap();
    let secret = simulator.secret();
    let quoting = [
        format!(r#"{{"result":"success","you sent":"{secret}"}}"#),
        format!(
            "<html>Your request identifier={}&secret={secret}",
            simulator.identifier()
        ),
        format!(r#"{{"result":"error","message":"no {secret}"}}"#),
    ];
    for body in quoting {
        simulator.fail_next(
            1,
            Fault::Body {
                status: 200,
                content_type: "text/html".into(),
                body: body.clone().into_bytes(),
            },
        );
        let told = format!("{:?}", call(&simulator, "GetProducts", &[]).await);
        assert!(!told.contains(secret) && told.contains("[redacted]"), "{told}");
        assert!(!told.contains(simulator.identifier()), "{told}");
    }
}

#[tokio::test]
async fn the_version_is_told_where_the_role_allows_it_and_else_why_not() {
    for (version, number) in [
        (Version::V8_3, "8.3.2"),
        (Version::V8_12, "8.12.0"),
        (Version::V9_0, "9.0.1"),
    ] {
        let simulator = Simulator::start(shop(version)).await.unwrap();
        let client = Client::new(settings(&simulator)).unwrap();
        let (now, cancel) = (Timestamp::now(), CancellationToken::new());
        let told = client.whmcs_version(now, &cancel).await.unwrap();
        assert_eq!(told.unwrap(), number);
    }
    let mut access = Settings::default();
    access.access.denied.push("WhmcsDetails".into());
    let simulator = Simulator::start_with(shop(Version::V8_12), access).await.unwrap();
    let client = Client::new(settings(&simulator)).unwrap();
    let told = client
        .whmcs_version(Timestamp::now(), &CancellationToken::new())
        .await;
    assert_eq!(told.unwrap().unwrap_err().failure.cause, Cause::Permission);
}

#[tokio::test]
async fn a_cancelled_call_says_nothing() {
    let simulator = Simulator::start(shop(Version::V8_12)).await.unwrap();
    simulator.fail_always(Fault::Hang);
    let client = Client::new(settings(&simulator)).unwrap();
    let cancel = CancellationToken::new();
    let call = client.call("GetProducts", &[], Timestamp::now(), &cancel);
    let (answer, ()) = tokio::join!(call, async { cancel.cancel() });
    assert!(answer.is_none());
}

/// The first look's cause, or "ok"; nothing that is told of it holds a credential.
async fn looked(access: Access, sign_in: SignIn, access_key: Option<&str>) -> String {
    let behaviour = Settings {
        access,
        ..Settings::default()
    };
    let simulator = Simulator::start_with(shop(Version::V8_12), behaviour)
        .await
        .unwrap();
    let client = Client::new(ApiSettings {
        sign_in,
        access_key: access_key.map(Into::into),
        ..settings(&simulator)
    })
    .unwrap();
    let look = client
        .look(
            Timestamp::now(),
            Duration::from_secs(1),
            &CancellationToken::new(),
        )
        .await
        .expect("not cancelled");
    let told = format!("{look:?} {client:?} {:?}", simulator.requests());
    assert!(!told.contains("simulated-") && !told.contains("wrong-"), "{told}");
    match look.result {
        Ok(_) => "ok".to_owned(),
        Err(failure) => failure.cause.as_str().to_owned(),
    }
}

#[tokio::test]
async fn both_ways_of_signing_in_are_taken_and_the_access_key_passes_the_list_of_addresses() {
    let own = Settings::default().access;
    let by_key = |identifier: &str, secret: &str| SignIn::Credentials {
        identifier: identifier.into(),
        secret: secret.into(),
    };
    let by_name = |name: &str, password: &str| SignIn::admin(name.into(), &password.into());
    let good = [
        by_key(&own.identifier, &own.secret),
        by_name(&own.username, &own.password),
    ];
    let wrong = [
        by_key("wrong-identifier", &own.secret),
        by_key(&own.identifier, "wrong-secret"),
        by_name("wrong-name", &own.password),
        by_name(&own.username, "wrong-password"),
    ];
    for sign_in in wrong {
        assert_eq!(looked(own.clone(), sign_in, None).await, "credentials");
    }
    for sign_in in good {
        assert_eq!(looked(own.clone(), sign_in.clone(), None).await, "ok");
        let unlisted = Access {
            access_key: Some("simulated-key".to_owned()),
            ..own.clone()
        };
        assert_eq!(looked(unlisted.clone(), sign_in.clone(), None).await, "ip");
        assert_eq!(
            looked(unlisted.clone(), sign_in.clone(), Some("wrong-key")).await,
            "ip"
        );
        assert_eq!(
            looked(unlisted, sign_in.clone(), Some("simulated-key")).await,
            "ok"
        );
        let left = Access {
            deactivated: true,
            ..own.clone()
        };
        assert_eq!(looked(left, sign_in, None).await, "credentials");
    }
}

#[tokio::test]
async fn a_missing_action_is_told_from_a_missing_permission_where_whmcs_tells_it() {
    // Up to 8.x the words are the same, whether the role lacks the action or there is none of that name.
    let cases = [
        (Version::V8_3, "permission"),
        (Version::V8_12, "permission"),
        (Version::V9_0, "action_missing"),
    ];
    for (version, missing) in cases {
        for (companion, denied, cause) in [
            (Companion::None, false, missing),
            (Companion::None, true, "permission"),
            (Companion::Contract1, true, "permission"),
            (Companion::FileMissing, false, "action_missing"),
        ] {
            let mut behaviour = Settings::default();
            if denied {
                behaviour.access.denied.push("GetProductDetails".to_owned());
            }
            let mut shop = shop(version);
            shop.change_habits(|habits| habits.companion = companion);
            let simulator = Simulator::start_with(shop, behaviour).await.unwrap();
            for response_type in [Format::Json, Format::Xml] {
                let client = Client::new(ApiSettings {
                    response_type,
                    ..settings(&simulator)
                })
                .unwrap();
                let what = format!("{version:?} {companion:?} {denied} {response_type:?}");
                let (now, cancel) = (Timestamp::now(), CancellationToken::new());
                let called = client.call("GetProductDetails", &[], now, &cancel).await;
                let refused = called.unwrap().unwrap_err();
                assert_eq!(refused.failure.cause.as_str(), cause, "{what}");
                assert!(!refused.of_the_request, "{what}");
                // A look goes on without it, and names why.
                let look = client.look(now, Duration::from_secs(5), &cancel).await.unwrap();
                assert_eq!(look.result.unwrap().products.len(), 1, "{what}");
                let attempts: Vec<_> = look.attempts.iter().map(|attempt| attempt.cause).collect();
                assert_eq!(attempts, [Some(refused.failure.cause)], "{what}");
                assert_eq!(client.standing(), Standing::Absent { since: now }, "{what}");
            }
        }
    }
}
