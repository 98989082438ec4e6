//! What promtool and amtool have to say, and that no rule goes without its tests.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::peers::skip;
use crate::prometheus::is_there;
use crate::written::RULES;
use crate::written::alerts;
use crate::written::folder;
use crate::written::metrics;
use crate::written::names;
use crate::written::read;
use crate::written::rules;
use crate::written::yaml;

/// Runs it in that folder; all it said, which is shown where it finds fault.
fn sound(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

#[test]
fn promtool_finds_the_rules_right_and_every_test_of_them_holds() {
    if !is_there("promtool") {
        return;
    }
    let said = sound(
        &folder(),
        "promtool",
        &["check", "rules", "rules/whmcs-stock-monitor.rules.yml"],
    );
    assert!(said.contains(&format!("{} rules found", rules().len())), "{said}");
    let files = names("deploy/prometheus/tests", ".yml");
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        sound(
            &folder(),
            "promtool",
            &["test", "rules", &format!("tests/{file}.yml")],
        );
    }
}

#[test]
fn the_examples_of_a_configuration_are_ones_that_both_programs_take() {
    if !is_there("promtool") {
        return;
    }
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("rules")).unwrap();
    for file in ["prometheus.yml", "rules/whmcs-stock-monitor.rules.yml"] {
        fs::copy(folder().join(file), copy.path().join(file)).unwrap();
    }
    // It looks whether the token's file is there.
    let refused = Command::new("promtool")
        .args(["check", "config", "prometheus.yml"])
        .current_dir(copy.path())
        .output()
        .unwrap();
    assert!(!refused.status.success());
    fs::write(copy.path().join("whmcs-stock-monitor.token"), "a token").unwrap();
    let said = sound(copy.path(), "promtool", &["check", "config", "prometheus.yml"]);
    assert!(said.contains("1 rule files found"), "{said}");
    if Command::new("amtool").arg("--version").output().is_err() {
        skip("no amtool (Debian's package prometheus-alertmanager; scripts/test installs it)");
        return;
    }
    let said = sound(&folder(), "amtool", &["check-config", "alertmanager.yml"]);
    assert!(said.contains("inhibit rules"), "{said}");
}

#[test]
fn every_alert_has_a_severity_texts_and_the_address_of_its_own_runbook() {
    for name in alerts() {
        let rule = &rules()[&name];
        let camel = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(camel, "{name}");
        let severity = rule["labels"]["severity"].as_str();
        assert!(
            ["critical", "warning", "none"].map(Some).contains(&severity),
            "{name}: {severity:?}"
        );
        for text in ["summary", "description"] {
            let text = rule["annotations"][text].as_str().unwrap_or_default();
            assert!(text.len() > 10, "{name}: {text}");
        }
        let runbook = format!("https://whmcs-stock-monitor.example/runbooks/{name}.md");
        assert_eq!(rule["annotations"]["runbook_url"], runbook.as_str(), "{name}");
    }
}

/// The cases of `promtool test rules`: whether they expect something, by the name of the alert or the text of the query.
fn cases() -> Vec<(String, bool)> {
    let files = names("deploy/prometheus/tests", ".yml").into_iter();
    let files: Vec<Value> = files
        .map(|name| yaml(&format!("deploy/prometheus/tests/{name}.yml")))
        .collect();
    let tests = files.iter().flat_map(|file| file["tests"].as_array().unwrap());
    let list = |test: &Value, key: &str| test[key].as_array().cloned().unwrap_or_default();
    let some = |case: &Value, key: &str| !list(case, key).is_empty();
    tests
        .flat_map(|test| {
            let queries = list(test, "promql_expr_test").into_iter();
            let queries = queries.map(|case| {
                (
                    case["expr"].as_str().unwrap().to_owned(),
                    some(&case, "exp_samples"),
                )
            });
            let alerts = list(test, "alert_rule_test").into_iter();
            let alerts = alerts.map(|case| {
                (
                    case["alertname"].as_str().unwrap().to_owned(),
                    some(&case, "exp_alerts"),
                )
            });
            alerts.chain(queries).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_alert_is_tested_as_it_fires_and_as_it_does_not_and_every_record_has_its_value() {
    let cases = cases();
    let all = rules();
    for (name, rule) in &all {
        let of_it = |wanted: bool| {
            let mut cases = cases
                .iter()
                .filter(|(about, some)| *some == wanted && about.contains(name));
            cases.next().is_some()
        };
        assert!(of_it(true), "{name} has no test of what it says");
        // The watchdog never stops.
        let is_alert = rule["alert"].is_string();
        assert!(
            !is_alert || name == "Watchdog" || of_it(false),
            "{name} has no test of its silence"
        );
    }
}

#[test]
fn a_restart_is_tried_with_each_alert_of_the_stock() {
    let file = yaml(RULES);
    let groups = file["groups"].as_array().unwrap();
    let stock = groups.iter().find(|group| group["name"] == "whmcs-stock");
    let rules = stock.unwrap()["rules"].as_array().unwrap();
    let mut alerts: Vec<&str> = rules.iter().filter_map(|rule| rule["alert"].as_str()).collect();
    assert!(alerts.len() >= 8, "{alerts:?}");
    alerts.push("Watchdog");
    alerts.sort_unstable();
    let tests = yaml("deploy/prometheus/tests/stock.yml");
    let tests = tests["tests"].as_array().unwrap();
    let restart = tests.iter().find(|test| {
        let name = test["name"].as_str().unwrap();
        name == "a restart of the monitor ends and begins no alert of the stock"
    });
    for case in restart.unwrap()["promql_expr_test"].as_array().unwrap() {
        let samples = case["exp_samples"].as_array().unwrap().iter();
        let labels = samples.map(|sample| sample["labels"].as_str().unwrap());
        let mut firing: Vec<&str> = labels.filter_map(|labels| labels.split('"').nth(1)).collect();
        firing.sort_unstable();
        assert_eq!(firing, alerts, "{case}");
    }
}

/// What promtool's tests say of other rules than ours.
fn failures(change: impl Fn(&mut Value)) -> String {
    let copy = tempfile::tempdir().unwrap();
    for folder in ["rules", "tests"] {
        fs::create_dir(copy.path().join(folder)).unwrap();
    }
    let tests = names("deploy/prometheus/tests", ".yml");
    let tests: Vec<String> = tests.iter().map(|name| format!("tests/{name}.yml")).collect();
    for file in &tests {
        fs::copy(folder().join(file), copy.path().join(file)).unwrap();
    }
    let mut file = yaml(RULES);
    let groups = file["groups"].as_array_mut().unwrap().iter_mut();
    groups
        .flat_map(|group| group["rules"].as_array_mut().unwrap())
        .filter(|rule| rule["alert"].is_string())
        .for_each(change);
    let rules = copy.path().join("rules/whmcs-stock-monitor.rules.yml");
    fs::write(rules, file.to_string()).unwrap();
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .args(tests)
        .current_dir(copy.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn the_tests_find_out_an_alert_that_never_fires_and_one_that_does_not_wait() {
    if !is_there("promtool") {
        return;
    }
    let silent = failures(|rule| rule["expr"] = "vector(1) < 0".into());
    for name in alerts() {
        assert!(
            silent.contains(&format!("alertname: {name},")),
            "{name}: {silent}"
        );
    }
    let hasty = failures(|rule| {
        if rule["for"].is_string() {
            rule["for"] = "0s".into();
        }
    });
    let waiting = rules().into_iter().filter(|(_, rule)| rule["for"].is_string());
    for (name, rule) in waiting {
        assert!(hasty.contains(&name), "{name} waits for {}: {hasty}", rule["for"]);
    }
}

#[test]
fn the_rules_and_the_inhibitions_name_only_metrics_and_alerts_that_there_are() {
    let documented = metrics(&read("docs/metrics.md"));
    let prefix = ["whmcs_poll_duration_seconds", "whmcs_stock_level"];
    assert!(
        prefix.iter().all(|name| documented.contains(&(*name).to_owned())),
        "{documented:?}"
    );
    for name in metrics(&read(RULES)) {
        assert!(documented.contains(&name), "{name} is not in docs/metrics.md");
    }
    let alertmanager = read("deploy/prometheus/alertmanager.yml");
    let named = alertmanager
        .split("alertname")
        .skip(1)
        .filter_map(|rest| rest.split('"').nth(1));
    let known = alerts();
    let mut count = 0;
    for name in named.flat_map(|names| names.split('|')) {
        assert!(known.iter().any(|alert| alert == name), "{name} is no alert");
        count += 1;
    }
    assert!(count > 15, "{count}");
}
