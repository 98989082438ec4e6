//! The runbooks: each alert has one and each one an alert, and what they tell people to type is there to be typed.

use std::collections::BTreeSet;
use std::process::Command;

use crate::written::alerts;
use crate::written::metrics;
use crate::written::names;
use crate::written::read;

const PARTS: [&str; 4] = ["## Meaning", "## Look", "## Mend", "## Silence"];

fn runbook(alert: &str) -> String {
    read(&format!("docs/runbooks/{alert}.md"))
}

#[test]
fn every_alert_has_a_runbook_of_four_parts_and_every_runbook_its_alert() {
    assert_eq!(names("docs/runbooks", ".md"), alerts());
    for name in alerts() {
        let text = runbook(&name);
        assert!(text.starts_with(&format!("# {name}\n")), "{name}");
        let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, PARTS, "{name}");
        for part in text.split("\n## ").skip(1) {
            let (heading, words) = part.split_once('\n').unwrap();
            assert!(words.trim().len() > 5, "{name}: {heading}");
        }
    }
}

#[test]
fn the_table_of_alerts_in_the_documents_holds_each_of_them_with_a_link_to_its_runbook() {
    let text = read("docs/prometheus.md");
    for name in alerts() {
        assert!(
            text.contains(&format!("| [{name}](runbooks/{name}.md) |")),
            "{name}"
        );
    }
}

#[test]
fn every_metric_that_a_runbook_names_is_documented_and_each_names_one() {
    let documented = metrics(&read("docs/metrics.md"));
    // The parts of a histogram.
    let family = |name: &str| {
        let ends = ["_sum", "_count"];
        let end = ends.iter().find_map(|end| name.strip_suffix(end));
        end.unwrap_or(name).to_owned()
    };
    let texts = alerts().into_iter().map(|name| (runbook(&name), name));
    for (text, name) in texts.chain([(read("docs/prometheus.md"), "prometheus.md".to_owned())]) {
        let named = metrics(&text);
        assert!(!named.is_empty(), "{name} names no metric");
        for metric in named {
            assert!(
                documented.contains(&family(&metric)),
                "{name}: {metric} is not in docs/metrics.md"
            );
        }
    }
}

/// What is said to be typed: our commands, up to where a comment or the end of the words in code comes.
fn commands(text: &str) -> Vec<String> {
    let rest = text.split("whmcs-stock-monitor ").skip(1);
    let ends = |c: char| ['\n', '`', '#', '|'].contains(&c);
    let typed = rest.map(|rest| rest.split(ends).next().unwrap_or_default().trim().to_owned());
    // Of systemd's commands the name is an argument.
    typed.filter(|typed| !typed.starts_with('-')).collect()
}

/// The words of a command: what stands in quotes is one.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, part) in command.split('"').enumerate() {
        if place % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// What the program says of a command's use.
fn help(words: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_whmcs-stock-monitor"))
        .args(words)
        .arg("--help")
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_command_that_a_runbook_names_is_one_of_the_program_with_its_options() {
    let mut tried = BTreeSet::new();
    for name in alerts() {
        for command in commands(&runbook(&name)) {
            let words = words(&command);
            let said: Vec<&str> = words
                .iter()
                .map(String::as_str)
                .take_while(|w| !w.starts_with('-'))
                .collect();
            // `deliveries list` is a command of two words, `ack 42` one with an argument.
            let of_two = said.get(..2).and_then(help);
            let of_two =
                of_two.filter(|help| help.contains(&format!("whmcs-stock-monitor {} {} ", said[0], said[1])));
            let help = of_two.or_else(|| said.get(..1).and_then(help));
            let help = help.unwrap_or_else(|| panic!("{name}: {command} is no command"));
            for option in words.iter().filter(|word| word.starts_with("--")) {
                assert!(
                    help.contains(&format!("{option} ")),
                    "{name}: {command}: {option} is not in\n{help}"
                );
            }
            tried.insert(said[0].to_owned());
        }
    }
    assert!(tried.len() > 6, "{tried:?}");
    assert!(help(&["frobnicate"]).is_none());
}
