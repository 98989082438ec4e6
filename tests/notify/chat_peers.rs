//! Each chat's form is what its receiver publishes: checked by the receivers' own types and validators, from npm.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;
use whmcs_stock_monitor::notify::webhook_format::WebhookFormat;

use crate::chat;
use crate::samples;

/// The folder with the packages of `tests/peers/npm`. Where there is none the test is skipped, aloud; in CI it fails.
fn packages() -> Option<PathBuf> {
    let folder = env::var_os("PEERS_NPM").map(PathBuf::from).or_else(|| {
        // target/debug/deps/notify-… is what runs; the packages stand beside the profile's folder.
        let target = env::current_exe().ok()?;
        Some(target.ancestors().nth(3)?.join("peers-npm"))
    });
    let folder = folder.filter(|folder| folder.join("node_modules/typescript").exists());
    if folder.is_none() {
        let why = "no packages of tests/peers/npm (scripts/test installs them)";
        assert!(env::var("CI").as_deref() != Ok("true"), "{why}");
        eprintln!("skipped: {why}");
    }
    folder
}

/// What is wrong with each message, in words.
fn problems(folder: &PathBuf, messages: &[(WebhookFormat, Value)]) -> Vec<Option<String>> {
    let asked: Vec<Value> = messages
        .iter()
        .map(|(format, body)| json!({ "format": format!("{format:?}").to_lowercase(), "body": body }))
        .collect();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers/npm/check.cjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let mut stdin = node.stdin.take().expect("a pipe");
    stdin
        .write_all(Value::from(asked).to_string().as_bytes())
        .expect("asks");
    drop(stdin);
    let ended = node.wait_with_output().expect("ends");
    assert!(ended.status.success());
    serde_json::from_slice(&ended.stdout).expect("a list")
}

/// The chats whose receivers publish their form on npm; ntfy does not.
const PUBLISHED: [WebhookFormat; 4] = [
    WebhookFormat::Slack,
    WebhookFormat::Discord,
    WebhookFormat::Teams,
    WebhookFormat::Telegram,
];

fn addressed(format: WebhookFormat, mut body: Value) -> (WebhookFormat, Value) {
    if format == WebhookFormat::Telegram {
        body["chat_id"] = json!(-1_001_234);
        body["message_thread_id"] = json!(7);
    }
    (format, body)
}

#[test]
fn every_message_is_of_the_form_that_its_receiver_publishes() {
    let Some(folder) = packages() else { return };
    let published = chat::forms()
        .iter()
        .filter(|(format, _)| PUBLISHED.contains(format));
    let all: Vec<(WebhookFormat, Value)> = published
        .map(|(format, form)| addressed(format.clone(), form.clone()))
        .collect();
    let found = problems(&folder, &all);
    assert_eq!(found.len(), all.len());
    for ((format, body), problem) in all.iter().zip(found) {
        assert_eq!(problem, None, "{format:?}: {body}");
    }
}

#[test]
fn a_form_with_a_fault_is_found() {
    let Some(folder) = packages() else { return };
    let message = samples::mixed();
    let faulty = |format: WebhookFormat, fault: &dyn Fn(&mut Value)| {
        let (format, mut body) = addressed(format.clone(), chat::sent(format.clone(), &message));
        fault(&mut body);
        (format, body)
    };
    let card =
        |body: &mut Value, key: &str, value: Value| body["attachments"][0]["content"]["body"][0][key] = value;
    let all = [
        faulty(WebhookFormat::Slack, &|body| {
            body["blocks"][0]["type"] = json!("heading")
        }),
        faulty(WebhookFormat::Slack, &|body| {
            body["blocks"][1]["text"]["markdown"] = json!(true)
        }),
        faulty(WebhookFormat::Discord, &|body| {
            body["embeds"][0]["colour"] = json!(1)
        }),
        faulty(WebhookFormat::Discord, &|body| {
            body["embeds"][0]["title"] = json!("x".repeat(257))
        }),
        faulty(WebhookFormat::Discord, &|body| {
            body["embeds"][0]["description"] = json!("x".repeat(4097))
        }),
        faulty(WebhookFormat::Teams, &|body| {
            card(body, "type", json!("RichText"))
        }),
        faulty(WebhookFormat::Teams, &|body| card(body, "spacing", json!("wide"))),
        faulty(WebhookFormat::Teams, &|body| card(body, "txet", json!("x"))),
        faulty(WebhookFormat::Telegram, &|body| {
            body["parse_mode"] = json!("html5")
        }),
        faulty(WebhookFormat::Telegram, &|body| body["chat_id"] = json!(null)),
    ];
    let found = problems(&folder, &all);
    assert_eq!(found.len(), all.len());
    for ((format, body), problem) in all.iter().zip(found) {
        assert!(problem.is_some(), "{format:?} takes {body}");
    }
}
