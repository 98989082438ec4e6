//! Healthy set-ups: nothing is found, nothing is sent, nothing is recorded.

use whmcs_stock_monitor::simulator::faults::Asker;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::tls::Made;
use crate::world::World;
use crate::world::stocked;

fn well(world: &World, arguments: &[&str]) -> serde_json::Value {
    let (ended, report) = world.doctor(arguments);
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(0), "{report:#}");
    assert_eq!((ended.code, &report["result"]), (0, &"ok".into()), "{report:#}");
    report
}

#[test]
fn a_shop_with_the_companion_has_no_finding_and_no_note() {
    let world = World::of(Shop::sample());
    let report = well(&world, &[]);
    assert_eq!(report["notes"].as_array().map(Vec::len), Some(0), "{report:#}");
    assert!(world.mail.mails().is_empty() && world.hook.requests().is_empty());
    assert!(!world.home.path("data/stock.db").exists());
}

#[test]
fn a_plain_shop_whose_levels_are_all_known_has_at_most_a_note() {
    for version in [Version::V8_12, Version::V9_0] {
        let world = World::of(stocked(version, Companion::None));
        let report = well(&world, &[]);
        assert_eq!(report["notes"][0]["id"], "companion-missing", "{report:#}");
    }
    let world = World::of(stocked(Version::V8_12, Companion::Foreign));
    assert_eq!(well(&world, &[])["notes"][0]["id"], "companion-other-action");
}

#[test]
fn an_admins_sign_in_without_the_companion_is_no_mistake() {
    let mut world = World::of(stocked(Version::V8_12, Companion::FileMissing));
    world.home.unset("WHMCS_API_IDENTIFIER");
    world.home.unset("WHMCS_API_SECRET");
    world.set("WHMCS_API_USERNAME", "simulated-admin");
    world.set("WHMCS_API_PASSWORD", "simulated-password-0123456789");
    well(&world, &[]);
}

#[test]
fn a_private_authority_that_is_named_is_no_mistake() {
    let mut world = World::new();
    let (port, ca) = world.behind_tls(world.shop.address(), Made::Well);
    world.set(
        "WHMCS_API_URL",
        &format!("https://localhost:{port}/includes/api.php"),
    );
    world.set("WHMCS_CA_FILE", &ca);
    let (hook, authority) = world.behind_tls(world.hook.address(), Made::Well);
    world.set(
        "WEBHOOK_URL",
        &format!("https://localhost:{hook}/canary-webhook-path"),
    );
    let authority = world.home.path(&authority).display().to_string();
    world.home.export("SSL_CERT_FILE", &authority);
    well(&world, &["--send-test"]);
    assert_eq!(world.hook.requests().len(), 1);
}

#[test]
fn a_test_message_is_sent_only_on_request() {
    let world = World::new();
    well(&world, &[]);
    assert!(world.mail.mails().is_empty() && world.hook.requests().is_empty());
    well(&world, &["--send-test"]);
    assert_eq!((world.mail.mails().len(), world.hook.requests().len()), (1, 1));
}

#[test]
fn the_mails_of_reports_are_walked_and_the_service_for_signs_of_life_is_reached_without_one() {
    let mut world = World::new();
    world.set("REPORT_SCHEDULE", "0 8 * * MON");
    world.set("REPORT_EMAIL_TO", "boss@shop.example");
    let url = format!("http://{}/canary-webhook-path", world.hook.address());
    world.set("HEARTBEAT_URL", &url);
    let report = well(&world, &[]);
    let walked = |subject: &str| {
        let checks = report["checks"].as_array().expect("checks");
        let of = |check: &&serde_json::Value| check["subject"] == subject && check["name"] == "reachable";
        checks.iter().find(of).expect("walked")["state"].clone()
    };
    assert_eq!(
        [walked("channel report:report"), walked("heartbeat")],
        ["ok", "ok"]
    );
    assert!(world.hook.requests().is_empty(), "it was not asked");
    assert!(world.mail.mails().is_empty());
}

#[test]
fn it_runs_beside_a_daemon() {
    let mut world = World::new();
    world.set("POLL_SCHEDULE", "every 30s");
    let mut daemon = world.home.start();
    daemon.wait_for_log("Listening");
    let report = well(&world, &[]);
    let soundness = report["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .find(|check| check["name"] == "soundness");
    assert_eq!(
        soundness.map(|check| &check["state"]),
        Some(&"ok".into()),
        "{report:#}"
    );
    daemon.stop();
}

#[test]
fn a_zero_that_is_declared_controlled_is_out_and_no_finding() {
    let shop = |companion| {
        stocked(Version::V8_12, companion)
            .with_products([Product::new(7, 1, "Servers", "DS-256").with_stock(0)])
    };
    let world = World::of(shop(Companion::None));
    let (ended, report) = world.doctor(&[]);
    assert_eq!(
        (ended.code, &report["findings"][0]["id"]),
        (1, &"stock-ambiguous-zeros".into())
    );
    world.rules("[[rule]]\nproducts = [7]\nstock_control = \"on\"\n");
    well(&world, &[]);
    let checked = world.home.run(&["check", "--json", "--dry-run"]).json();
    let item = checked["items"]
        .as_array()
        .expect("items")
        .iter()
        .find(|item| item["product_id"] == 7);
    let item = item.expect("listed");
    assert_eq!(
        (&item["severity"], &item["level"]),
        (&"out".into(), &0.into()),
        "{item}"
    );
    well(&World::of(shop(Companion::Contract1)), &[]);
}

#[test]
fn on_whmcs_9_a_missing_action_is_told_apart_from_a_missing_permission() {
    let detail = |world: &World| {
        let (_, report) = world.doctor(&[]);
        let all = [&report["findings"], &report["notes"]];
        let told = all
            .iter()
            .flat_map(|list| list.as_array().expect("a list"))
            .next();
        told.expect("something is told")["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    let missing = World::of(stocked(Version::V9_0, Companion::None));
    assert_eq!(detail(&missing), "companion-missing");
    let denied = World::with(stocked(Version::V9_0, Companion::Contract1), |settings| {
        settings.access.denied = vec!["GetProductDetails".to_owned()];
    });
    assert_eq!(detail(&denied), "permission-getproductdetails");
}

#[test]
fn the_version_is_optional() {
    let world = World::with(stocked(Version::V8_12, Companion::Contract1), |settings| {
        settings.access.denied = vec!["WhmcsDetails".to_owned()];
    });
    let report = well(&world, &[]);
    let version = report["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .find(|check| check["name"] == "version");
    assert!(
        version.expect("a check")["detail"]
            .as_str()
            .expect("words")
            .contains("lacks WhmcsDetails")
    );
}

#[test]
fn whatever_the_version_is_answered_stops_nothing() {
    let malformed = Fault::Refused(Refusal::MalformedUtf8);
    let denied = Fault::Refused(Refusal::AccessDenied);
    for fault in [
        Fault::Status(500, None),
        Fault::FirewallPage,
        malformed,
        denied,
        Fault::Hang,
    ] {
        let mut world = World::new();
        world.set("WHMCS_API_TIMEOUT", "2s");
        world.shop.faults().keep(Some("WhmcsDetails"), fault.clone());
        let report = well(&world, &[]);
        let mut checks = report["checks"].as_array().expect("checks").iter();
        let version = checks.find(|check| check["name"] == "version").expect("a check");
        assert_eq!(version["state"], "unknown", "{fault:?}: {report:#}");
        let said = version["detail"].as_str().expect("words");
        assert!(said.starts_with("unknown: ") && said.len() > 30, "{said}");
        assert!(world.home.run(&["doctor"]).out.contains("– version: unknown: "));
    }
}

#[test]
fn a_guard_that_stops_strangers_alone_is_no_mistake() {
    for status in [403, 404] {
        let world = World::new();
        let page = Fault::Body {
            status,
            content_type: "text/html".to_owned(),
            body: "<html><title>Not for you</title></html>".into(),
        };
        world.shop.faults().keep_for(Asker::Unsigned, None, page);
        well(&world, &[]);
    }
}

#[test]
fn a_companion_of_a_later_contract_is_noted() {
    let world = World::new();
    let product =
        |id: i64, name: &str| format!(r#"{{"pid":{id},"gid":1,"name":"{name}","stockcontrol":1,"qty":12}}"#);
    let products = format!("{},{}", product(1, "DS-64"), product(2, "DS-128"));
    let details = Fault::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        body: format!(
            r#"{{"result":"success","contract":2,"totalresults":2,"products":{{"product":[{products}]}}}}"#
        )
        .into(),
    };
    world.shop.faults().keep(Some("GetProductDetails"), details);
    let report = well(&world, &[]);
    assert_eq!(report["notes"][0]["id"], "companion-newer", "{report:#}");
    assert!(
        report["notes"][0]["problem"]
            .as_str()
            .expect("words")
            .contains("contract 1 only")
    );
}

#[test]
fn credentials_go_to_the_configured_address_alone() {
    for (path, at_most) in [("/shop/includes/api.php", 1), ("/shop/api.php", 0)] {
        let mut world = World::new();
        let url = format!("http://{}{path}", world.hook.address());
        world.set("WHMCS_API_URL", &url);
        let (_, report) = world.doctor(&[]);
        assert_eq!(report["findings"][0]["id"], "url-not-found");
        let asked = world.hook.requests();
        assert!(asked.len() > 5, "{}", asked.len());
        let (signed, plain): (Vec<_>, Vec<_>) = asked
            .iter()
            .partition(|request| request.text().contains("simulated"));
        assert_eq!(signed.len(), at_most, "{path}");
        assert!(signed.iter().all(|request| request.path == path));
        for request in plain {
            assert_eq!(request.text(), "action=GetProducts&responsetype=json");
        }
    }
}
