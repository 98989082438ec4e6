//! Debian's Alertmanager as a process of its own: started on a configuration, asked, killed when dropped.

use std::fs::File;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::ask;
use crate::daemon::eventually;
use crate::peers::skip;

const PROGRAM: &str = "prometheus-alertmanager";

/// An Alertmanager; killed when dropped.
pub struct Alertmanager {
    child: Child,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts one on the text of an `alertmanager.yml`; none where there is none to start.
    pub fn start(configuration: &str) -> Option<Self> {
        if Command::new(PROGRAM).arg("--version").output().is_err() {
            skip(&format!(
                "no {PROGRAM} (Debian's package; scripts/test installs it)"
            ));
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, configuration).expect("writes");
        // The port is free again for the moment that it takes to bind it.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = address.expect("a port");
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log")).expect("a log"))
            .spawn()
            .expect("starts");
        let alertmanager = Self {
            child,
            address,
            _folder: folder,
        };
        eventually("Alertmanager is ready", || {
            let answer = ask(address, "/-/ready", "").ok()?;
            (answer.status == 200).then_some(())
        });
        Some(alertmanager)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What fires.
    pub fn firing(&self) -> Vec<Value> {
        let answer = ask(self.address, "/api/v2/alerts", "").expect("answers");
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).expect("JSON")
    }

    /// What fires, as short lines: `WhmcsStock product_id=42 severity=out whmcs=default`.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.firing().iter().map(|alert| line(alert, |_| true)).collect();
        lines.sort();
        lines
    }
}

/// An alert as a short line: its name, and those of its labels that are wanted.
pub fn line(alert: &Value, wanted: impl Fn(&str) -> bool) -> String {
    let labels = alert["labels"].as_object().expect("labels");
    let others = labels
        .iter()
        .filter(|(name, _)| *name != "alertname" && wanted(name))
        .map(|(name, value)| format!(" {name}={}", value.as_str().expect("text")));
    labels["alertname"].as_str().expect("a name").to_owned() + &others.collect::<String>()
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
