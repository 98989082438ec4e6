//! A walk: a script of `walks/` in Node, which drives the browser and has the test do what happens in the world meanwhile.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use crate::browser::npm_package;
use crate::browser::program;
use crate::world::World;

/// Walks, and gives what the walk says at its end; `None` where a program is missing, which is said aloud.
pub fn walk(name: &str, world: &mut World) -> Option<Value> {
    let playwright = npm_package("playwright-core/package.json")?;
    npm_package("axe-core/axe.min.js")?;
    let packages = playwright.ancestors().nth(3).expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/browser/walks/{name}.mjs"));
    let mut child = Command::new(program("node", "nodejs")?)
        .arg(script)
        .arg(program("chromium", "chromium")?)
        .arg(packages)
        .arg(format!("http://{}", world.address()))
        .arg(world.given().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut answers = child.stdin.take().expect("a pipe");
    let said = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut done = None;
    for line in said.lines().map_while(Result::ok) {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        match line["act"].as_str() {
            Some(act) => writeln!(answers, "{}", world.act(act, &line["with"])).expect("is read"),
            None => done = Some(line["done"].clone()),
        }
    }
    let ended = child.wait().expect("ends");
    assert!(ended.success() && done.is_some(), "the walk {name:?} failed");
    done
}
