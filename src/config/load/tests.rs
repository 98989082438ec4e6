use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use crate::config::channels::ChannelKindConfig;
use crate::config::findings::ConfigErrors;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::message::Severity;
use crate::notify::email::MailTls;

/// A working directory with its files, and an environment.
struct Place {
    dir: TempDir,
    sources: Sources,
}

const SHOP: &str = "WHMCS_API_URL=https://shop.example/includes/api.php\nWHMCS_API_IDENTIFIER=an-id\nWHMCS_API_SECRET=CANARY-secret\n";

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let sources = Sources {
            env: Vec::new(),
            dir: dir.path().to_owned(),
            config_file: None,
        };
        Self { dir, sources }
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.sources)
    }
}

/// A shop, further lines of `.env`, and a configuration file.
fn place(dotenv: &str, toml: &str) -> Place {
    let place = Place::new().file(".env", &format!("{SHOP}{dotenv}"));
    if toml.is_empty() {
        place
    } else {
        place.file("config/monitor.toml", toml)
    }
}

fn good(dotenv: &str, toml: &str) -> Config {
    place(dotenv, toml)
        .load()
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn errors(dotenv: &str, toml: &str) -> String {
    match place(dotenv, toml).load() {
        Ok(_) => panic!("accepted: {dotenv} {toml}"),
        Err(errors) => errors.to_string(),
    }
}

fn warnings(config: &Config) -> String {
    config
        .warnings
        .iter()
        .map(|warning| format!("{warning}\n"))
        .collect()
}

#[test]
fn three_lines_are_a_configuration() {
    let config = good("", "");
    let [shop] = config.instances.as_slice() else {
        panic!("one instance")
    };
    assert_eq!(shop.name, "default");
    assert_eq!(shop.api.url, "https://shop.example/includes/api.php");
    assert_eq!(shop.api.secret.expose_secret(), "CANARY-secret");
    assert_eq!(shop.api.timeout, Duration::from_secs(30));
    assert_eq!(shop.api.connect_timeout, Duration::from_secs(10));
    assert_eq!((shop.api.max_body, shop.api.max_requests), (1 << 30, 2));
    assert_eq!((config.rules.low, config.rules.critical), (5, 1));
    assert!(config.store.path.ends_with("data/stock.db"));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:9717");
    assert_eq!(config.timezone_name, "UTC");
    insta::assert_snapshot!(warnings(&config), @"ALERT_EMAIL_TO and WEBHOOK_URL are not set, and the file has no channel: nobody is told anything. Set one of them.");
}

#[test]
fn nothing_at_all_names_the_three_settings_that_are_needed() {
    let errors = Place::new().load().expect_err("no shop");
    insta::assert_snapshot!(errors, @r"
    WHMCS_API_URL is not set. Set WHMCS_API_URL, WHMCS_API_IDENTIFIER and WHMCS_API_SECRET (in .env, for instance).
    WHMCS_API_IDENTIFIER is not set. Set WHMCS_API_URL, WHMCS_API_IDENTIFIER and WHMCS_API_SECRET (in .env, for instance).
    WHMCS_API_SECRET is not set. Set WHMCS_API_URL, WHMCS_API_IDENTIFIER and WHMCS_API_SECRET (in .env, for instance).
    ");
}
