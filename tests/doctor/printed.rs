//! What is printed: for people and for machines, with several shops, with a broken configuration.

use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;

use crate::world::World;
use crate::world::ids;
use crate::world::no_secret;
use crate::world::stocked;

#[test]
fn people_read_marks_problems_mends_and_where_more_is_told() {
    let world = World::new();
    world.refuse(Refusal::InvalidIp("192.0.2.7".to_owned()));
    let ended = world.home.run(&["doctor"]);
    no_secret(&ended);
    let out = ended.out.replace(&world.shop.address().to_string(), "ADDRESS");
    let folder = world.home.path("").display().to_string();
    let out = out.replace(folder.trim_end_matches('/'), "HOME");
    insta::assert_snapshot!(out, @r"
    configuration
      ✓ settings: sound

    shop default
      ✓ address: http://ADDRESS/includes/api.php
      ✓ connection: WHMCS's API answers
      ✗ sign-in: This host's address, 192.0.2.7, is not on the list of those that may use the API.
        → In WHMCS open Configuration > System Settings > General Settings > Security > API IP Access
          Restriction, Add IP, enter 192.0.2.7, and Save Changes.
          docs/troubleshooting.md#ip-not-listed
      – certificate, clock, version, products, companion, stock: not checked: an earlier step failed

    rules
      – matching: not checked: not every shop's products are known
      – thresholds: not checked: no shop's products are known

    database
      ✓ folder: HOME can be written
      ✓ file: none yet: the daemon makes it at its first start
      – soundness: not checked: there is no database to read yet

    channel email
      ✓ reachable: mail is taken for each recipient; none was sent
      – test message: not checked: not asked for (--send-test)

    channel webhook
      ✓ reachable: connected and secured as configured; nothing was sent
      – test message: not checked: not asked for (--send-test)

    1 failure.
    ");
}

#[test]
fn machines_read_the_result_findings_and_checks() {
    let world = World::of(stocked(Version::V8_3, Companion::None));
    let (_, report) = world.doctor(&[]);
    let keys: Vec<&String> = report.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["at", "checks", "findings", "notes", "result"]);
    let finding = report["findings"][0].as_object().expect("an object");
    let keys: Vec<&String> = finding.keys().collect();
    assert_eq!(
        keys,
        [
            "id", "instance", "mend", "problem", "see", "setting", "severity", "subject"
        ]
    );
    assert_eq!(finding["instance"], "default");
    let check = report["checks"][0].as_object().expect("an object");
    let keys: Vec<&String> = check.keys().collect();
    assert_eq!(keys, ["detail", "instance", "name", "state", "subject"]);
    for check in report["checks"].as_array().expect("checks") {
        assert!(
            ["ok", "finding", "unknown", "not_checked"].contains(&check["state"].as_str().expect("a state")),
            "{check}"
        );
    }
}

/// A second shop in the file.
fn second(world: &World, other: &World) {
    world.rules(&format!(
        "[[instance]]\nname = \"eu\"\nurl = \"{}\"\nidentifier = \"{}\"\nsecret = \"{}\"\n",
        other.shop.url(),
        other.shop.identifier(),
        other.shop.secret()
    ));
}

#[test]
fn each_shop_is_walked_and_one_of_them_on_request() {
    let (world, other) = (World::new(), World::new());
    second(&world, &other);
    other.refuse(Refusal::AuthenticationFailed);
    let (ended, report) = world.doctor(&[]);
    let finding = &report["findings"][0];
    assert_eq!(
        (ended.code, &finding["instance"]),
        (2, &"eu".into()),
        "{report:#}"
    );
    assert_eq!(finding["setting"], "instance \"eu\": secret");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(1));
    assert_eq!(world.doctor(&["--instance", "default"]).0.code, 0);
    assert_eq!(world.doctor(&["--instance", "eu"]).0.code, 2);
    assert_eq!(world.home.run(&["doctor", "--instance", "us"]).code, 78);
}

#[test]
fn what_is_sound_of_a_broken_configuration_is_walked_nevertheless() {
    let (mut world, other) = (World::new(), World::new());
    second(&world, &other);
    world.set("CRITICAL_STOCK", "few");
    world.set("WHMCS_API_URL", "no-url");
    let (ended, report) = world.doctor(&[]);
    assert_eq!(ended.code, 2);
    let findings = report["findings"].as_array().expect("findings");
    let settings: Vec<&str> = findings
        .iter()
        .filter_map(|finding| finding["setting"].as_str())
        .collect();
    assert_eq!(settings, ["WHMCS_API_URL", "CRITICAL_STOCK"], "{report:#}");
    let read = |check: &&serde_json::Value| check["instance"] == "eu" && check["name"] == "products";
    let read = report["checks"].as_array().expect("checks").iter().find(read);
    assert_eq!(
        read.map(|check| &check["state"]),
        Some(&"ok".into()),
        "{report:#}"
    );
}

#[test]
fn an_open_address_is_told_once_beside_another_mistake() {
    let mut world = World::with(stocked(Version::V8_12, Companion::Contract1), |settings| {
        settings.listen = ([0, 0, 0, 0], 0).into();
    });
    let port = world.shop.address().port();
    world.set(
        "WHMCS_API_URL",
        &format!("http://0.0.0.0:{port}/includes/api.php"),
    );
    world.set("CRITICAL_STOCK", "few");
    let (_, report) = world.doctor(&[]);
    assert_eq!(ids(&report), ["configuration", "url-http"]);
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(2), "{report:#}");
}

#[test]
fn a_broken_rules_file_does_not_hide_a_shop_that_refuses() {
    let world = World::new();
    world.refuse(Refusal::AuthenticationFailed);
    world.rules("[[rule]]\nlow = \"few\"\n");
    let (ended, report) = world.doctor(&[]);
    assert_eq!(ended.code, 2);
    assert_eq!(
        ids(&report),
        ["configuration", "credentials-wrong-secret"],
        "{report:#}"
    );
    let unchecked = report["checks"].as_array().expect("checks").iter();
    let unchecked: Vec<&str> = unchecked
        .filter(|check| check["subject"] == "rules" && check["state"] == "not_checked")
        .filter_map(|check| check["name"].as_str())
        .collect();
    assert_eq!(unchecked, ["matching", "thresholds"]);
}
