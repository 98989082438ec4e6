//! The web configuration file of Prometheus' exporters (exporter-toolkit): users with passwords, TLS, headers.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::Map;
use serde_json::Value;

use crate::config::findings::Wrong;
use crate::config::server_tls;
use crate::config::server_tls::ClientAuth;
use crate::config::server_tls::ServerTls;
use crate::config::server_tls::TlsFiles;

/// The most bytes of the file.
const LARGEST: u64 = 1 << 20;
/// The longest name of a user.
const LONGEST_NAME: usize = 128;
/// Beyond this cost a sign-in takes seconds, and many take the machine.
const SLOWEST: u32 = 15;
/// Below this one, guessing is quick.
const QUICKEST: u32 = 10;
/// The headers that the form knows, and what they may say where that is limited.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// What such a file says, checked.
#[derive(Debug, Clone, Default)]
pub struct WebFile {
    pub path: PathBuf,
    pub tls: Option<ServerTls>,
    pub headers: Vec<(&'static str, String)>,
    /// Names, each with its bcrypt hash.
    pub users: Vec<(Arc<str>, SecretString)>,
    /// What to be wary of.
    pub warnings: Vec<Wrong>,
}

impl WebFile {
    /// The files that it is made of: where one changes, it is to be read again.
    #[must_use]
    pub fn parts(&self) -> Vec<PathBuf> {
        let mut parts = vec![self.path.clone()];
        parts.extend(self.tls.iter().flat_map(|tls| tls.files.paths()));
        parts
    }
}

/// Reads the file, and the certificates that it names.
///
/// # Errors
/// All that is wrong with it; quotes nothing of passwords.
pub fn read(path: &Path) -> Result<WebFile, Vec<Wrong>> {
    let text = text(path).map_err(|wrong| vec![wrong])?;
    let mut reading = Reading {
        file: WebFile {
            path: path.to_owned(),
            ..WebFile::default()
        },
        folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        wrong: Vec::new(),
    };
    match parse(&text) {
        Ok(top) => reading.top(&top),
        Err(wrong) => reading.wrong.push(wrong),
    }
    if reading.wrong.is_empty() {
        Ok(reading.file)
    } else {
        Err(reading.wrong)
    }
}

fn text(path: &Path) -> Result<String, Wrong> {
    let unreadable = |error: std::io::Error| {
        Wrong::new(
            format!("names a file that cannot be read: {}", error.kind()),
            "Check its path and permissions.",
        )
    };
    if fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err(Wrong::new(
            "names a file of more than 1 MiB",
            "Name the web configuration file (YAML).",
        ));
    }
    fs::read_to_string(path).map_err(unreadable)
}

fn parse(text: &str) -> Result<Map<String, Value>, Wrong> {
    let form = "Write it as docs/access.md shows; `promtool check web-config FILE` says more.";
    // Its own words would quote the file, which holds hashes of passwords.
    let read: Result<Option<Value>, _> = serde_saphyr::from_str(text);
    match read {
        Ok(None | Some(Value::Null)) => Ok(Map::new()),
        Ok(Some(Value::Object(top))) => Ok(top),
        Ok(Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_))) => {
            Err(Wrong::new("names a file that holds no sections", form))
        }
        Err(error) => {
            let line = error.location().map(|at| format!(" (line {})", at.line()));
            let problem = format!(
                "names a file that is not YAML, or has a key twice{}",
                line.unwrap_or_default()
            );
            Err(Wrong::new(problem, form))
        }
    }
}

struct Reading {
    file: WebFile,
    folder: PathBuf,
    wrong: Vec<Wrong>,
}

impl Reading {
    fn top(&mut self, top: &Map<String, Value>) {
        for (key, value) in top {
            let Some(section) = self.section(key, value) else {
                continue;
            };
            match key.as_str() {
                "tls_server_config" => self.tls(&section),
                "http_server_config" => self.http(&section),
                "basic_auth_users" => self.users(&section),
                _ => self.refuse(
                    key,
                    "is not a section that is known here",
                    "Remove it: known are tls_server_config, http_server_config, basic_auth_users.",
                ),
            }
        }
    }

    fn section(&mut self, key: &str, value: &Value) -> Option<Map<String, Value>> {
        match value {
            Value::Object(section) => Some(section.clone()),
            Value::Null => Some(Map::new()),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                self.refuse(
                    key,
                    "is no section",
                    "Write its keys below it, each on a line, indented.",
                );
                None
            }
        }
    }

    fn refuse(&mut self, key: &str, problem: &str, mend: &str) {
        let key: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
        self.wrong
            .push(Wrong::new(format!("names a file in which {key} {problem}"), mend));
    }

    fn warn(&mut self, key: &str, problem: &str, mend: &str) {
        let warning = Wrong::new(format!("names a file in which {key} {problem}"), mend);
        self.file.warnings.push(warning);
    }

    fn tls(&mut self, section: &Map<String, Value>) {
        let before = self.wrong.len();
        let mut files = TlsFiles::default();
        for (key, value) in section {
            let text = value.as_str().unwrap_or_default();
            match (key.as_str(), text) {
                ("cert_file", path) if !path.is_empty() => files.cert = self.folder.join(path),
                ("key_file", path) if !path.is_empty() => files.key = self.folder.join(path),
                ("client_ca_file", path) if !path.is_empty() => files.client_ca = Some(self.folder.join(path)),
                ("client_auth_type", "" | "NoClientCert") => files.client_auth = ClientAuth::None,
                ("client_auth_type", "VerifyClientCertIfGiven") => files.client_auth = ClientAuth::IfGiven,
                ("client_auth_type", "RequireAndVerifyClientCert") => files.client_auth = ClientAuth::Required,
                ("client_auth_type", _) => self.refuse(
                    key,
                    "is none that verifies certificates",
                    "Write NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert.",
                ),
                ("min_version", "TLS12") | ("max_version", "TLS13") => {}
                ("min_version", "TLS13") => files.newest_only = true,
                ("max_version", "TLS12") => files.oldest_only = true,
                ("min_version" | "max_version", _) => {
                    self.refuse(key, "is neither TLS12 nor TLS13", "Older ones are not safe: write TLS12 or TLS13.");
                }
                ("cert_file" | "key_file" | "client_ca_file", _) => {
                    self.refuse(key, "is empty", "Write a path; it begins in the folder of that file.");
                }
                _ => self.refuse(
                    key,
                    "is not supported",
                    "Remove it: known are cert_file, key_file, client_ca_file, client_auth_type, min_version, max_version.",
                ),
            }
        }
        if self.wrong.len() > before || section.is_empty() {
            return;
        }
        match server_tls::load(files) {
            Ok((tls, warning)) => {
                self.file.warnings.extend(warning);
                self.file.tls = Some(tls);
            }
            Err(wrong) => self.wrong.push(wrong),
        }
    }

    fn http(&mut self, section: &Map<String, Value>) {
        for (key, value) in section {
            match (key.as_str(), value) {
                ("http2", Value::Bool(false)) => {}
                ("http2", _) => self.warn(
                    key,
                    "has no effect: pages are served by HTTP/1.1",
                    "Remove it, or write http2: false.",
                ),
                ("headers", value) => {
                    if let Some(headers) = self.section(key, value) {
                        headers.iter().for_each(|(name, value)| self.header(name, value));
                    }
                }
                _ => self.refuse(key, "is not supported", "Remove it: known are http2 and headers."),
            }
        }
    }

    fn header(&mut self, name: &str, value: &Value) {
        let known = HEADERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((known, values)) = known else {
            let mend = "Remove it: known are Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection.";
            return self.refuse(name, "is a header that cannot be set", mend);
        };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
        };
        let plain = !text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !plain || !(values.is_empty() || values.contains(&text.to_lowercase().as_str())) {
            let mend = match values {
                [] => "Write its value as text.".to_owned(),
                values => format!("Write {}.", values.join(" or ")),
            };
            return self.refuse(name, "has a value that it cannot have", &mend);
        }
        self.file.headers.push((known, text));
    }

    fn users(&mut self, section: &Map<String, Value>) {
        for (name, hash) in section {
            let named = !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(':');
            if !named || name.chars().any(char::is_control) {
                self.refuse(
                    "basic_auth_users",
                    "has a name that is empty, too long, or holds a colon",
                    "Write a name of up to 128 letters without a colon.",
                );
                continue;
            }
            let hash = hash.as_str().unwrap_or_default();
            let key = format!("basic_auth_users: {name}");
            match cost(hash) {
                None => self.refuse(
                    &key,
                    "is no bcrypt hash",
                    "Make one: htpasswd -nBC 12 '' | tr -d ':\\n'",
                ),
                Some(cost) if cost > SLOWEST => self.refuse(
                    &key,
                    "has a cost above 15: each sign-in would take many seconds",
                    "Make a hash of cost 12: htpasswd -nBC 12 '' | tr -d ':\\n'",
                ),
                Some(cost) => {
                    if cost < QUICKEST {
                        self.warn(
                            &key,
                            "has a cost below 10: who gets the file guesses it quickly",
                            "Make a hash of cost 12: htpasswd -nBC 12 '' | tr -d ':\\n'",
                        );
                    }
                    self.file
                        .users
                        .push((Arc::from(name.as_str()), SecretString::from(hash)));
                }
            }
        }
    }
}

fn cost(hash: &str) -> Option<u32> {
    let cost = hash.parse::<bcrypt::HashParts>().ok()?.get_cost();
    (4..=31).contains(&cost).then_some(cost)
}
