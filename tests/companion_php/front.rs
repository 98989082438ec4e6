//! A WHMCS of PHP: `php -S` with the tests' front, the companion exported into a folder, and a database of a test.

use std::fs;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::daemon::Home;
use crate::daemon::PATIENCE;
use crate::daemon::eventually;
use crate::databases::Database;
use crate::databases::tests_php;

/// A WHMCS.
pub struct Front {
    pub database: Database,
    pub config: Value,
    address: SocketAddr,
    folder: TempDir,
    // The shell around PHP reads this pipe, and stops PHP when it closes.
    alive: Option<ChildStdin>,
    shell: Child,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
    /// From the request to the first byte of the body, and to its end.
    pub first: Duration,
    pub whole: Duration,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header's value, as a number.
    pub fn header(&self, name: &str) -> f64 {
        let line = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        line.and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// The product's entry in the answer.
    pub fn product(&self, pid: i64) -> Value {
        let json = self.json();
        let products = json["products"]["product"].as_array().unwrap();
        products
            .iter()
            .find(|product| product["pid"] == pid)
            .unwrap_or_else(|| panic!("no product {pid}: {json}"))
            .clone()
    }

    pub fn message(&self) -> String {
        let json = self.json();
        assert_eq!(json["result"], "error", "{json}");
        json["message"].as_str().unwrap().to_owned()
    }
}

impl Front {
    /// Exports the companion and serves it, as WHMCS 8.12.
    pub fn new(database: Database) -> Self {
        Self::with(database, &[])
    }

    /// The same with options of PHP, such as `-d disable_functions=…`.
    pub fn with(database: Database, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("whmcs");
        let exported = Home::new(&[]).run(&["companion", "export", &root.display().to_string()]);
        assert_eq!(exported.code, 0, "{exported:?}");
        let config = json!({
            "database": database.settings(), "root": root, "version": "8.12", "identifier": "test-identifier",
            "secret": "test-secret", "ips": ["127.0.0.1"], "role": ["getproducts", "getproductdetails"],
            "activity": folder.path().join("activity.log"),
        });
        fs::write(folder.path().join("front.json"), config.to_string()).unwrap();
        let log = folder.path().join("php.log");
        let (address, alive, shell) = loop {
            // A port that was free a moment ago; another test may take it first.
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut shell = Command::new("sh")
                .args(["-c", "\"$@\" & server=$!; read -r _; kill $server", "sh", "php"])
                .args(["-d", "display_errors=1", "-d", "memory_limit=256M"])
                .args(["-d", "opcache.enable_cli=1", "-d", "opcache.revalidate_freq=0"])
                .args(options)
                .args(["-S", &address.to_string()])
                .arg(tests_php("front.php"))
                .env("FRONT_CONFIG", folder.path().join("front.json"))
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(fs::File::create(&log).unwrap())
                .spawn()
                .unwrap();
            let alive = shell.stdin.take().unwrap();
            let started = eventually("PHP listens or cannot", || {
                let said = fs::read_to_string(&log).unwrap();
                let started = said.contains(") started");
                (started || said.contains("Failed to listen")).then_some(started)
            });
            if started {
                break (address, alive, shell);
            }
            drop(alive);
            shell.wait().unwrap();
        };
        Self {
            database,
            config,
            address,
            folder,
            alive: Some(alive),
            shell,
        }
    }

    /// Changes the installation, for the next request.
    pub fn set(&mut self, key: &str, value: Value) {
        self.config[key] = value;
        fs::write(self.folder.path().join("front.json"), self.config.to_string()).unwrap();
    }

    /// A path within the WHMCS installation.
    pub fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join("whmcs").join(path)
    }

    /// Writes `settings.php`.
    pub fn settings(&self, php: &str) {
        fs::write(self.file("includes/stock_monitor/settings.php"), php).unwrap();
    }

    /// What the companion wrote into the activity log.
    pub fn activity(&self) -> String {
        fs::read_to_string(self.folder.path().join("activity.log")).unwrap_or_default()
    }

    /// What PHP wrote to its own log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("php.log")).unwrap()
    }

    /// The `WHMCS_API_URL`.
    pub fn url(&self) -> String {
        format!("http://{}/includes/api.php", self.address)
    }

    /// Calls an action with the right credentials.
    pub fn call(&self, action: &str, params: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("identifier", "test-identifier"),
            ("secret", "test-secret"),
            ("responsetype", "json"),
            ("action", action),
        ];
        form.extend(params);
        self.post("/includes/api.php", &form)
    }

    /// GetProductDetails, which must succeed.
    pub fn details(&self, ids: Option<&str>) -> Answer {
        let params: Vec<(&str, &str)> = ids.map(|ids| ("productid", ids)).into_iter().collect();
        let answer = self.call("GetProductDetails", &params);
        assert_eq!(
            (answer.status, &answer.json()["result"]),
            (200, &json!("success")),
            "{answer:?}"
        );
        answer
    }

    /// Runs hooks on a page of the shop.
    pub fn hooks(&self, run: &Value) -> Answer {
        let answer = self.post("/hooks", &[("run", &run.to_string())]);
        assert_eq!(answer.status, 200, "{answer:?}\n{}", self.log());
        answer
    }

    /// A POST on a connection of its own, read to its end.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let form = reqwest::Url::parse_with_params("form:", form).unwrap();
        let form = form.query().unwrap_or_default();
        let began = Instant::now();
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{form}",
            form.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let mut first = None;
        let mut chunk = vec![0; 1 << 16];
        loop {
            let read = match stream.read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.unwrap(),
            };
            if read == 0 {
                break;
            }
            bytes.extend_from_slice(&chunk[..read]);
            if first.is_none() && bytes.windows(4).any(|four| four == b"\r\n\r\n") {
                first = Some(began.elapsed());
            }
        }
        let whole = began.elapsed();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Answer {
            status: status.unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
            first: first.unwrap_or(whole),
            whole,
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.alive.take());
        let _ = self.shell.wait();
    }
}
