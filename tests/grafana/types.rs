//! The dashboards against the types that Grafana publishes on npm.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::board::Board;
use crate::board::boards;
use crate::peers::skip;

/// The folder with the packages of `tests/peers/npm`. Where there is none the test is skipped, aloud; in CI it fails.
fn packages() -> Option<PathBuf> {
    let folder = env::var_os("PEERS_NPM").map(PathBuf::from).or_else(|| {
        let target = PathBuf::from(env!("CARGO_BIN_EXE_whmcs-stock-monitor"));
        Some(target.ancestors().nth(2)?.join("peers-npm"))
    });
    let folder = folder.filter(|folder| folder.join("node_modules/@grafana/schema").exists());
    if folder.is_none() {
        skip("no packages of tests/peers/npm (scripts/test installs them)");
    }
    folder
}

/// What is wrong with each dashboard, in the compiler's words.
fn problems(folder: &PathBuf, boards: &[Value]) -> Vec<Vec<String>> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers/npm/dashboards.cjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let mut stdin = node.stdin.take().unwrap();
    stdin.write_all(json!(boards).to_string().as_bytes()).unwrap();
    drop(stdin);
    let ended = node.wait_with_output().unwrap();
    assert!(ended.status.success());
    serde_json::from_slice(&ended.stdout).unwrap()
}

#[test]
fn every_dashboard_is_of_the_form_that_grafana_publishes() {
    let Some(folder) = packages() else { return };
    let boards: Vec<Board> = boards();
    let all: Vec<Value> = boards.iter().map(|board| board.json.clone()).collect();
    for (board, problems) in boards.iter().zip(problems(&folder, &all)) {
        assert_eq!(problems, Vec::<String>::new(), "{}", board.file);
    }
}

#[test]
fn a_dashboard_with_a_fault_of_form_is_found() {
    let Some(folder) = packages() else { return };
    let overview = boards()
        .into_iter()
        .find(|board| board.file == "overview")
        .unwrap();
    let at = |kind: &str| {
        let panels = overview.json["panels"].as_array().unwrap();
        let at = panels.iter().position(|panel| panel["type"] == kind);
        format!("/panels/{}", at.unwrap())
    };
    let faults: [(String, Value); 15] = [
        ("/titel".to_owned(), json!("x")),
        ("/refresh".to_owned(), json!(60)),
        ("/templating/list/1/refresh".to_owned(), json!(9)),
        ("/templating/list/1/type".to_owned(), json!("qury")),
        ("/annotations/list/0/iconColour".to_owned(), json!("red")),
        (at("stat") + "/descriptoin", json!("x")),
        (at("stat") + "/options/colorMode", json!("backgrund")),
        (at("stat") + "/fieldConfig/defaults/thresholds/mode", json!("abs")),
        (at("stat") + "/type", json!("stats")),
        (at("stat") + "/targets/0/exp", json!("up")),
        (at("timeseries") + "/fieldConfig/defaults/unti", json!("s")),
        (
            at("timeseries") + "/fieldConfig/defaults/custom/drawStyle",
            json!("lins"),
        ),
        (
            at("timeseries") + "/fieldConfig/defaults/custom/fillOpacty",
            json!(5),
        ),
        (at("table") + "/options/showHeadr", json!(true)),
        (
            at("table") + "/fieldConfig/defaults/custom/cellOptions",
            json!({"type": "colour"}),
        ),
    ];
    let faulty: Vec<Value> = faults
        .iter()
        .map(|(place, value)| {
            let mut board = overview.json.clone();
            let (parent, key) = place.rsplit_once('/').unwrap();
            board.pointer_mut(parent).unwrap()[key] = value.clone();
            board
        })
        .collect();
    for ((place, _), problems) in faults.iter().zip(problems(&folder, &faulty)) {
        assert_eq!(problems.len(), 1, "{place}: {problems:?}");
    }
}
