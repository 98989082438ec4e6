//! Debian's Prometheus as a process of its own: started on a configuration, asked, killed when dropped.

use std::fs;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use crate::daemon::Home;
use crate::daemon::ask;
use crate::peers::skip;

/// Whether a program of Debian's package `prometheus` is there. Where it is not the test is skipped, aloud; in CI it
/// fails.
pub fn is_there(program: &str) -> bool {
    let answer = Command::new(program).arg("--version").output();
    if answer.is_err() {
        skip(&format!(
            "no {program} (Debian's package prometheus; scripts/test installs it)"
        ));
    }
    answer.is_ok()
}

/// A Prometheus; killed when dropped.
pub struct Prometheus {
    child: Child,
    pub address: SocketAddr,
}

impl Prometheus {
    /// Starts one on the text of a `prometheus.yml`; its files lie in the home.
    pub fn start(home: &Home, configuration: &str) -> Self {
        Self::start_with(home, configuration, &[])
    }

    /// The same with more arguments.
    pub fn start_with(home: &Home, configuration: &str, arguments: &[&str]) -> Self {
        // The port is free again for the moment that Prometheus takes to bind it.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        home.write("prometheus.yml", configuration);
        let log = fs::File::create(home.path("prometheus.log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", home.path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", home.path("tsdb").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, address }
    }

    /// The answer of a path of its API, parameters encoded: `data`, or what it says is wrong.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let parameters = serde_urlencoded::to_string(parameters).unwrap();
        let answer = ask(self.address, &format!("/api/v1/{path}?{parameters}"), "");
        let answer = answer.map_err(|error| error.to_string())?;
        let body: Value =
            serde_json::from_str(&answer.body).map_err(|error| format!("{error}: {}", answer.body))?;
        match body["status"].as_str() {
            Some("success") => Ok(body["data"].clone()),
            _ => Err(format!("{}: {}", answer.status, body["error"])),
        }
    }

    /// The samples of a query: their labels and values; none while it cannot answer.
    pub fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let answer = self.api("query", &[("query", query)]).unwrap_or_default();
        let samples = answer["result"].as_array().cloned().unwrap_or_default();
        samples
            .iter()
            .map(|sample| {
                (
                    sample["metric"].clone(),
                    sample["value"][1].as_str().unwrap().parse().unwrap(),
                )
            })
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
