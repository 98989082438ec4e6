use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::civil::Weekday;
use jiff::civil::time;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use crate::config::channels::ChannelConfig;
use crate::config::channels::ChannelKindConfig;
use crate::config::findings::ConfigErrors;
use crate::config::keys;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::alerting::rules::Repeat;
use crate::domain::people::Matcher;
use crate::domain::stand::Severity;
use crate::maintenance::Window;
use crate::notify::email::EmailSettings;
use crate::notify::email::MailTls;
use crate::notify::webhook::WebhookSettings;
use crate::scheduler::Schedule;
use crate::whmcs::client::ApiSettings;
use crate::whmcs::form::SignIn;

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

/// What signs in to a shop, as (who, proof).
fn signs_in(api: &ApiSettings) -> (&str, &str) {
    match &api.sign_in {
        SignIn::Credentials { identifier, secret } => (identifier.expose_secret(), secret.expose_secret()),
        SignIn::Admin {
            username, password, ..
        } => (username.expose_secret(), password.expose_secret()),
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
    assert_eq!(signs_in(&shop.api), ("an-id", "CANARY-secret"));
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
fn with_reports_alone_it_is_said_that_there_are_no_alerts() {
    let mail = "SMTP_URL=smtp://mx.example\nSMTP_FROM=stock@example.com\nREPORT_SCHEDULE=0 8 * * MON\n";
    let config = good(&format!("{mail}REPORT_EMAIL_TO=boss@example.com\n"), "");
    insta::assert_snapshot!(warnings(&config), @"ALERT_EMAIL_TO and WEBHOOK_URL are not set, and the file has no channel: only reports are sent, no alerts. Set one of them to be told at once.");
    let config = good(mail, "");
    insta::assert_snapshot!(warnings(&config), @r"
    REPORT_SCHEDULE (.env line 6) is set without REPORT_EMAIL_TO: no report is sent. Set REPORT_EMAIL_TO too.
    ALERT_EMAIL_TO and WEBHOOK_URL are not set, and the file has no channel: nobody is told anything. Set one of them.
    ");
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

#[test]
fn an_admin_may_sign_in_by_name_and_password() {
    let shop = "WHMCS_API_URL=https://shop.example/includes/api.php\nWHMCS_API_USERNAME=stock-reader\n";
    let eu = "[[instance]]\nname = \"eu\"\nurl = \"https://eu.example/includes/api.php\"\nusername = \"eu-reader\"\npassword = \"CANARY-eu\"\n";
    let config = Place::new()
        .file(".env", &format!("{shop}WHMCS_API_PASSWORD_FILE=password\n"))
        .file("password", "CANARY password\n")
        .file("config/monitor.toml", eu)
        .load()
        .unwrap_or_else(|errors| panic!("{errors}"));
    let [default, eu] = config.instances.as_slice() else {
        panic!("two")
    };
    assert_eq!(signs_in(&default.api), ("stock-reader", "CANARY password"));
    assert_eq!(signs_in(&eu.api), ("eu-reader", "CANARY-eu"));
}

#[test]
fn two_ways_to_sign_in_or_half_of_one_are_errors_that_name_the_settings() {
    let half = Place::new()
        .file(".env", "WHMCS_API_PASSWORD=CANARY\n")
        .load()
        .expect_err("half");
    insta::assert_snapshot!(half, @r"
    WHMCS_API_URL is not set. Set WHMCS_API_URL, WHMCS_API_USERNAME and WHMCS_API_PASSWORD (in .env, for instance).
    WHMCS_API_USERNAME is not set. Set WHMCS_API_URL, WHMCS_API_USERNAME and WHMCS_API_PASSWORD (in .env, for instance).
    ");
    let toml = "[[instance]]\nname = \"eu\"\nurl = \"https://eu.example/includes/api.php\"\nusername = \"x\"\n[[instance]]\nname = \"us\"\n\
        url = \"https://us.example/includes/api.php\"\nidentifier = \"x\"\nsecret = \"CANARY\"\npassword = \"CANARY\"\n";
    insta::assert_snapshot!(errors("WHMCS_API_USERNAME=x\nWHMCS_API_PASSWORD=CANARY\n", toml), @r#"
    WHMCS_API_USERNAME (.env line 4) is a second way to sign in, beside WHMCS_API_IDENTIFIER and WHMCS_API_SECRET. Keep WHMCS_API_IDENTIFIER and WHMCS_API_SECRET, or WHMCS_API_USERNAME and WHMCS_API_PASSWORD, not both.
    instance "eu": password (config/monitor.toml line 1) is missing. An instance needs url, username and password.
    instance "us": password (config/monitor.toml line 10) is a second way to sign in, beside identifier and secret. Keep identifier and secret, or username and password, not both.
    "#);
}

const ENV_EXAMPLE: &str = include_str!("../../../.env.example");
const TOML_EXAMPLE: &str = include_str!("../../../config/monitor.example.toml");
const REFERENCE: &str = include_str!("../../../docs/configuration.md");

/// An example with everything in it that is commented out.
fn uncommented(example: &str) -> String {
    let lines = example.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '[') => rest,
        Some(_) | None => line,
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn with_variables(place: Place) -> Place {
    place
        .env("EU_IDENTIFIER", "CANARY-id")
        .env("EU_SECRET", "CANARY-eu")
        .env("EU_ACCESS_KEY", "CANARY-key")
        .env("EU_HINT_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .env("SALES_SMTP_PASSWORD", "CANARY-smtp")
        .env("TELEGRAM_TOKEN", "123456:CANARY-bot")
        .env("NTFY_TOPIC", "CANARY-topic")
        .env("NTFY_TOKEN", "tk_CANARY")
        .env(
            "WAREHOUSE_WEBHOOK_SECRET",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        )
}

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

#[test]
fn the_examples_are_accepted_as_they_are() {
    let filled = ENV_EXAMPLE
        .replace("WHMCS_API_IDENTIFIER=\n", "WHMCS_API_IDENTIFIER=x\n")
        .replace("WHMCS_API_SECRET=\n", "WHMCS_API_SECRET=x\n");
    let alone = Place::new()
        .file(".env", &filled)
        .load()
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(alone.instances.len(), 1);
    let mail = "SMTP_URL=smtp://mail.example.com\nSMTP_FROM=stock@example.com\n";
    let both = with_variables(
        Place::new()
            .file(".env", &format!("{filled}{mail}"))
            .file("config/monitor.toml", TOML_EXAMPLE),
    );
    let config = both.load().unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(warnings(&config), "");
    assert_eq!(
        (
            config.instances.len(),
            config.channels.len(),
            config.rules.rules.len()
        ),
        (2, 4, 1)
    );
}

/// Two users, each with the same password.
const WEB_USERS: &str = "basic_auth_users:\n  \
    intern: $2y$12$L1QcE97QkIshG6Y51hNYqu5s8S7RMtp1Go0V3fJHeBf4AX3JZZQG6\n  \
    wallboard: $2y$12$o6DQmDpTYZ.T75KsSS5zPudlc7jWos81ZfWPsezzEu/fF4aPeYHcG\n";

#[test]
fn the_examples_are_accepted_with_everything_that_is_commented_out() {
    // Without the identifier and the secret the admin's name and password count.
    let dotenv = uncommented(ENV_EXAMPLE);
    // A secret stands in one place only, and a shop is signed in to in one way.
    let toml: String = uncommented(TOML_EXAMPLE)
        .lines()
        .filter(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            let again = key.ends_with("_file") && key != "ca_file";
            !again && !["username", "password"].contains(&key)
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let place = with_variables(
        Place::new()
            .file(".env", &dotenv)
            .file("config/monitor.toml", &toml),
    )
    .file("config/ca.pem", PEM)
    .file("config/erp.j2", "{\"text\": {{ text }}}")
    .file("config/web.yml", WEB_USERS);
    let config = place.load().unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(warnings(&config), "");
    assert_eq!(config.channels.len(), 7);
    assert_eq!(config.rules.rules[0].origin, "rule \"GPU servers\"");
    assert_eq!(config.capacities.pools[0].uses.len(), 3);
    assert_eq!(
        config.capacities.capacities[0].origin,
        "capacity \"64 GB servers\""
    );
}

#[test]
fn every_secret_of_the_example_may_come_from_a_file() {
    let toml: String = uncommented(TOML_EXAMPLE)
        .replace("/run/secrets/", "secrets/")
        .lines()
        .filter(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            ![
                "identifier",
                "secret",
                "username",
                "username_file",
                "password",
                "password_file",
                "access_key",
                "hint_secret",
                "smtp_url",
                "smtp_password",
                "url",
                "token",
                "topic",
            ]
            .contains(&key)
                || line.contains("eu.example")
                || line.contains("ntfy.example")
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let place = place("SMTP_FROM=a@example.com\nSMTP_URL=smtp://mx.example\n", &toml)
        .file("config/ca.pem", PEM)
        .file("secrets/eu_identifier", "id\n")
        .file("secrets/eu_secret", "CANARY-eu\r\n")
        .file("secrets/eu_access_key", "key")
        .file("secrets/eu_hint_secret", "CANARY of twenty-four bytes\n")
        .file("secrets/smtp_url", "smtp://user@mx.example\n")
        .file("secrets/smtp_password", "CANARY p\n")
        .file("config/erp.j2", "{{ text }}")
        .file("secrets/erp_url", "https://erp.example/CANARY\n")
        .file("secrets/warehouse_url", "https://hooks.example/CANARY\n")
        .file("secrets/telegram_token", "123456:CANARY-bot\n")
        .file("secrets/ntfy_topic", "CANARY-topic\n")
        .file("secrets/ntfy_token", "tk_CANARY\n")
        .file(
            "secrets/warehouse_secret",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        );
    let config = place.load().unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(signs_in(&config.instances[1].api), ("id", "CANARY-eu"));
    let hints = config.instances[1].hint_secret.as_ref();
    assert_eq!(
        hints.map(ExposeSecret::expose_secret),
        Some("CANARY of twenty-four bytes")
    );
    let email = email(&config, "sales");
    assert_eq!(
        email.password.as_ref().map(ExposeSecret::expose_secret),
        Some("CANARY p")
    );
    let webhook = webhook(&config, "warehouse");
    assert_eq!(webhook.url.expose_secret(), "https://hooks.example/CANARY");
}

#[test]
fn every_setting_is_in_the_example_and_in_the_reference() {
    for key in keys::ALL {
        let line = format!("\n{}=", key.name);
        assert!(
            uncommented(ENV_EXAMPLE).contains(&line),
            ".env.example lacks {}",
            key.name
        );
        assert!(
            REFERENCE.contains(&format!("| `{}` |", key.name)),
            "docs/configuration.md lacks {}",
            key.name
        );
        if let Some(default) = key.default {
            assert!(
                REFERENCE.contains(&format!("| `{}` | `{default}`", key.name)),
                "docs/configuration.md lacks the default of {}: {default}",
                key.name
            );
        }
    }
}

/// The keys that the loader names when it is given one that it does not know.
fn known_keys(section: &str, body: &str) -> Vec<String> {
    let said = errors("", &format!("[[{section}]]\n{body}\nzzzzzzzzzz = 1\n"));
    let line = said
        .lines()
        .find(|line| line.contains("zzzzzzzzzz"))
        .expect("the unknown key is named");
    let (_, list) = line.split_once("There are: ").expect("the known ones are listed");
    list.trim_end_matches('.')
        .split(", ")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_key_of_the_file_is_in_the_example_and_in_the_reference() {
    let example = uncommented(TOML_EXAMPLE);
    for (section, body, count) in [
        ("instance", "", 23),
        ("channel", "type = \"email\"", 16),
        ("channel", "type = \"webhook\"", 23),
        ("rule", "", 20),
        ("capacity", "", 6),
        ("pool", "", 6),
        ("report", "", 18),
        ("maintenance", "", 10),
        ("public", "products = [1]\nfields = [\"level\"]", 8),
    ] {
        let keys = known_keys(section, body);
        assert_eq!(keys.len(), count, "{section}: {keys:?}");
        for key in keys {
            let line = |text: &str| text.starts_with(&format!("{key} ="));
            assert!(example.lines().any(line), "the example lacks {key}");
            assert!(
                REFERENCE.contains(&format!("`{key}`")),
                "the reference lacks {key}"
            );
            let masked = errors("", &format!("{key} = = CANARY"));
            assert!(
                masked.contains(&format!("| {key} =")),
                "the picture of a line hides {key}: {masked}"
            );
        }
    }
    for key in ["option", "choice", "need", "instance", "product"] {
        assert!(example.contains(&format!("{key} = ")), "the example lacks {key}");
    }
}

fn email<'a>(config: &'a Config, name: &str) -> &'a EmailSettings {
    match &channel(config, name).kind {
        ChannelKindConfig::Email(email) => email,
        ChannelKindConfig::Webhook(_) => panic!("{name} is a webhook"),
    }
}

fn webhook<'a>(config: &'a Config, name: &str) -> &'a WebhookSettings {
    match &channel(config, name).kind {
        ChannelKindConfig::Webhook(webhook) => webhook,
        ChannelKindConfig::Email(_) => panic!("{name} is a mail channel"),
    }
}

fn channel<'a>(config: &'a Config, name: &str) -> &'a ChannelConfig {
    let channel = config.channels.iter().find(|channel| channel.name == name);
    channel.expect("the channel is there")
}

#[test]
fn the_environment_wins_over_dotenv_and_that_over_the_file() {
    let toml = "low_stock = 7\ncritical_stock = 3\nflap_limit = 9\n";
    let place = place("LOW_STOCK=6\nCRITICAL_STOCK=2\n", toml).env("LOW_STOCK", "4");
    let config = place.load().unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(
        (config.rules.low, config.rules.critical, config.flap_limit),
        (4, 2, 9)
    );
    let origin = |key: &str| {
        let shown = config
            .effective()
            .iter()
            .find(|shown| shown.key == key)
            .expect(key);
        format!("{} from {}", shown.value, shown.origin)
    };
    assert_eq!(origin("LOW_STOCK"), "4 from environment");
    assert_eq!(origin("CRITICAL_STOCK"), "2 from .env line 5");
    assert_eq!(origin("FLAP_LIMIT"), "9 from config/monitor.toml line 3");
    assert_eq!(origin("TIMEZONE"), "UTC from default");
    assert_eq!(origin("WHMCS_API_SECRET"), "*** from .env line 3");
}

#[test]
fn an_empty_variable_counts_as_not_set_and_hides_the_one_of_dotenv() {
    let config = place("LOW_STOCK=9\nTIMEZONE=\n", "")
        .env("LOW_STOCK", "")
        .load()
        .expect("good");
    assert_eq!((config.rules.low, config.timezone_name.as_str()), (5, "UTC"));
}

#[test]
fn a_secret_comes_from_a_file_or_a_credential() {
    let shop = "WHMCS_API_URL=https://shop.example/includes/api.php\nWHMCS_API_IDENTIFIER_FILE=id\n";
    let place = Place::new()
        .file(".env", shop)
        .file("id", "from-file\n")
        .file("credentials/whmcs_api_secret", "CANARY from-credential\n")
        .file("credentials/WEBHOOK_URL", "https://hooks.example/CANARY");
    let dir = place.dir.path().join("credentials");
    let config = place
        .env("CREDENTIALS_DIRECTORY", &dir.to_string_lossy())
        .load()
        .expect("good");
    let api = &config.instances[0].api;
    assert_eq!(signs_in(api), ("from-file", "CANARY from-credential"));
    assert_eq!(
        webhook(&config, "webhook").url.expose_secret(),
        "https://hooks.example/CANARY"
    );
    let shown: Vec<String> = config
        .effective()
        .iter()
        .map(|s| format!("{} = {} ({})", s.key, s.value, s.origin))
        .collect();
    for line in [
        "WHMCS_API_IDENTIFIER = *** (WHMCS_API_IDENTIFIER_FILE)",
        "WHMCS_API_SECRET = *** (credential whmcs_api_secret)",
        "WEBHOOK_URL = https://hooks.example/*** (credential WEBHOOK_URL)",
    ] {
        assert!(
            shown.iter().any(|shown| shown == line),
            "{line} not in {shown:#?}"
        );
    }
}

#[test]
fn a_quoted_value_of_the_environment_loses_its_quotes_with_a_warning() {
    let place = place("", "")
        .env("POLL_SCHEDULE", "\"every 2m\"")
        .env("SMTP_FROM", "");
    let config = place.load().expect("good");
    assert_eq!(
        config.instances[0].schedule,
        Schedule::Every(Duration::from_secs(120))
    );
    assert!(warnings(&config).contains("POLL_SCHEDULE (environment) is quoted in the environment"));
}

#[test]
fn a_dotenv_that_others_can_read_is_a_warning() {
    let place = place("", "");
    let path = place.dir.path().join(".env");
    fs::set_permissions(path, fs::Permissions::from_mode(0o640)).expect("set");
    let config = place.load().expect("good");
    assert!(warnings(&config).contains(".env can be read by others on this machine. Run: chmod 600 .env"));
}

#[test]
fn the_file_is_the_one_named_on_the_command_line_then_in_the_environment() {
    let mut place = place("CONFIG_FILE=b.toml\n", "low_stock = 1\n")
        .file("a.toml", "low_stock = 2\n")
        .file("b.toml", "low_stock = 3\n");
    assert_eq!(place.load().expect("good").rules.low, 3);
    place.sources.config_file = Some(place.dir.path().join("a.toml"));
    assert_eq!(place.load().expect("good").rules.low, 2);
    place.sources.config_file = Some("missing.toml".into());
    let errors = place.load().expect_err("missing").to_string();
    assert_eq!(
        errors,
        "CONFIG_FILE (--config) names a file that cannot be read: missing.toml: entity not found. Check its path and permissions."
    );
}

#[test]
fn mail_and_webhook_of_the_environment_are_channels() {
    let config = good(
        "SMTP_URL=smtps://me%40example.com:CANARY@mx.example\nSMTP_FROM=Stock <stock@example.com>\n\
         ALERT_EMAIL_TO=\"Doe, Jane\" <jane@example.com>, ops@example.com\nREPORT_EMAIL_TO=boss@example.com\nREPORT_SCHEDULE=0 8 * * MON\n\
         WEBHOOK_URL=http://alerts.lan:9093/CANARY?x=1\nWEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        "",
    );
    let mail = email(&config, "email");
    assert_eq!(
        (mail.host.as_str(), mail.port, mail.tls),
        ("mx.example", 465, MailTls::Implicit)
    );
    assert_eq!(mail.username.as_deref(), Some("me@example.com"));
    assert_eq!(mail.from, "Stock <stock@example.com>");
    assert_eq!(mail.to, ["\"Doe, Jane\" <jane@example.com>", "ops@example.com"]);
    let hook = webhook(&config, "webhook");
    assert_eq!(hook.url.expose_secret(), "http://alerts.lan:9093/CANARY?x=1");
    assert!(hook.secret.is_some() && !hook.allow_link_local);
    assert_eq!(
        config
            .rules
            .channels
            .iter()
            .map(|channel| channel.name.as_str())
            .collect::<Vec<_>>(),
        ["email", "webhook"]
    );
    assert_eq!(
        config
            .reports
            .iter()
            .map(|report| (
                report.channels.clone(),
                report.own.as_ref().map(|(_, mail)| mail.to.clone())
            ))
            .collect::<Vec<_>>(),
        [(
            vec!["report:report".to_owned()],
            Some(vec!["boss@example.com".to_owned()])
        )]
    );
    assert_eq!(warnings(&config), "");
}

#[test]
fn a_bot_is_found_by_its_token_and_a_topic_by_the_path_of_the_url() {
    let config = good(
        "",
        "[[channel]]\nname = \"bot\"\ntype = \"webhook\"\nformat = \"telegram\"\ntoken = \"123456:CANARY-bot\"\nchat_id = \"-1001\"\nthread_id = 7\n\
         [[channel]]\nname = \"by-url\"\ntype = \"webhook\"\nformat = \"telegram\"\n\
         url = \"https://api.telegram.org/bot1:CANARY/sendMessage?chat_id=@stock&message_thread_id=8\"\n\
         [[channel]]\nname = \"phone\"\ntype = \"webhook\"\nformat = \"NTFY\"\nurl = \"https://ntfy.sh/CANARY_topic\"\ntoken = \"tk_CANARY\"\n\
         [[channel]]\nname = \"other\"\ntype = \"webhook\"\nformat = \"ntfy\"\nurl = \"https://ntfy.lan?auth=x\"\ntopic = \"CANARY-2\"\n",
    );
    let found = |name: &str| {
        let webhook = webhook(&config, name);
        let fields = webhook.addressing.fields.iter();
        let fields: Vec<String> = fields.map(|(key, value)| format!("{key}={value}")).collect();
        (webhook.url.expose_secret().to_owned(), fields.join(" "))
    };
    for (name, url, fields) in [
        (
            "bot",
            "https://api.telegram.org/bot123456:CANARY-bot/sendMessage",
            "chat_id=-1001 message_thread_id=7",
        ),
        (
            "by-url",
            "https://api.telegram.org/bot1:CANARY/sendMessage",
            "chat_id=\"@stock\" message_thread_id=8",
        ),
        ("phone", "https://ntfy.sh/", "topic=\"CANARY_topic\""),
        ("other", "https://ntfy.lan/?auth=x", "topic=\"CANARY-2\""),
    ] {
        assert_eq!(found(name), (url.to_owned(), fields.to_owned()), "{name}");
    }
    let token = webhook(&config, "phone").addressing.token.as_ref();
    assert_eq!(token.map(ExposeSecret::expose_secret), Some("tk_CANARY"));
    let shown = config.shown.iter().map(|shown| shown.value.as_str());
    assert!(!shown.collect::<Vec<_>>().join("\n").contains("CANARY"));
}

#[test]
fn what_a_receiver_has_no_use_for_is_named() {
    let of = |format: &str, rest: &str| {
        errors(
            "",
            &format!(
                "[[channel]]\nname = \"a\"\ntype = \"webhook\"\nformat = \"{format}\"\nurl = \"https://a.example/CANARY\"\n{rest}\n"
            ),
        )
    };
    for (format, rest, said) in [
        (
            "slack",
            "chat_id = \"-1\"",
            "channel \"a\": chat_id (config/monitor.toml line 6) is set, and the format is not telegram. Set the format, or remove it.",
        ),
        (
            "discord",
            "token = \"CANARY\"",
            "channel \"a\": token (config/monitor.toml line 6) is set, and the format is not telegram or ntfy. Set the format, or remove it.",
        ),
        (
            "telegram",
            "topic = \"CANARY\"",
            "channel \"a\": topic (config/monitor.toml line 6) is set, and the format is not ntfy. Set the format, or remove it.",
        ),
        (
            "telegram",
            "chat_id = \"me\"",
            "channel \"a\": chat_id (config/monitor.toml line 6) is neither a chat's number nor a channel's @name (it says \"me\"). Write it as chat_id = \"-1001234567890\".",
        ),
        (
            "telegram",
            "chat_id = \"-1\"",
            "channel \"a\": url (config/monitor.toml line 5) is not where a bot of Telegram posts. Write https://api.telegram.org/bot<token>/sendMessage, or leave the URL out and write token = \"…\".",
        ),
        (
            "ntfy",
            "topic = \"CANARY topic\"",
            "channel \"a\": topic (config/monitor.toml line 6) is not a topic. Write letters, digits, - and _, at most 64 of them.",
        ),
        (
            "ntfy",
            "topic = \"a\"\ntoken = \"CANARY token\"",
            "channel \"a\": token (config/monitor.toml line 7) is not a token. Copy it as the receiver shows it: letters, digits, : - and _.",
        ),
        (
            "teams",
            "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
            "channel \"a\": secret (config/monitor.toml line 6) is there to sign with, and the format has no signature. Remove it, or set the format to standard.",
        ),
    ] {
        assert_eq!(of(format, rest), said, "{format} {rest}");
    }
}

#[test]
fn a_channel_of_the_file_may_use_the_environments_mail_server() {
    let config = good(
        "SMTP_URL=smtp://u@mx.example\nSMTP_PASSWORD=CANARY\nSMTP_FROM=stock@example.com\n",
        "[[channel]]\nname = \"sales\"\ntype = \"email\"\nto = \"a@example.com\"\nseverities = [\"out\"]\ndefault = false\n",
    );
    let mail = email(&config, "sales");
    assert_eq!(
        mail.password.as_ref().map(ExposeSecret::expose_secret),
        Some("CANARY")
    );
    let policy = &config.rules.channels[0];
    assert_eq!(
        (policy.severities.as_slice(), policy.default),
        ([Severity::Out].as_slice(), false)
    );
}

#[test]
fn the_example_rule_is_read_in_full() {
    let config = good(
        "WEBHOOK_URL=https://hooks.example/x\n",
        "[[rule]]\ninstances = [\"default\"]\ngroups = [\"Dedicated*\"]\nproducts = [42, \"VPS *\"]\noptions = { RAM = \"64 GB\", Disk = 20 }\n\
         low = 3\ncritical = 1\nfor = \"5m\"\nfor_out = \"1m\"\nhold = \"0s\"\nrecover_margin = 2\nrepeat = \"24h\"\ncover = \"7d\"\n\
         stock_control = \"on\"\nhidden = \"ignore\"\nchannels = [\"webhook\"]\nescalate_after = \"30m\"\nescalate_to = [\"pager\"]\nmax_combinations = 16\ncombine = [\"RAM\", 20]\n\
         [[rule]]\nname = \"no reminders\"\nrepeat = \"never\"\n\
         [[channel]]\nname = \"pager\"\ntype = \"webhook\"\nurl = \"https://pager.example/\"\ndefault = false\n",
    );
    let rule = format!("{:?}", config.rules.rules[0]);
    insta::assert_snapshot!(rule, @r#"Rule { origin: "rule 1", instances: [Glob("default")], groups: [Glob("dedicated*")], products: [Id(42), Glob("vps *")], options: [(Glob("disk"), Id(20)), (Glob("ram"), Glob("64 gb"))], low: Some(3), critical: Some(1), confirm: Some(300s), confirm_out: Some(60s), hold: Some(0ns), recover_margin: Some(2), repeat: Some(Every(86400s)), cover: Some(604800s), stock_control: Some(On), ignore_hidden: Some(true), channels: Some(["webhook"]), escalate_after: Some(1800s), escalate_to: Some(["pager"]), max_combinations: Some(16), combine: Some([Glob("ram"), Id(20)]) }"#);
    let shown: Vec<String> = config
        .effective()
        .iter()
        .map(|shown| format!("{} = {}", shown.key, shown.value))
        .collect();
    for line in [
        "rule 1: products = 42, VPS *",
        "rule 1: options.RAM = 64 GB",
        "rule \"no reminders\": repeat = never",
    ] {
        assert!(
            shown.iter().any(|shown| shown == line),
            "{line} not in {shown:#?}"
        );
    }
    assert_eq!(config.rules.rules[1].origin, "rule \"no reminders\"");
    assert_eq!(config.rules.rules[1].repeat, Some(Repeat::Never));
}

#[test]
fn capacities_and_pools_are_read() {
    let config = good(
        "",
        "[[capacity]]\nproducts = [42]\noptions = { RAM = \"64 GB\" }\ncapacity = 0\n\
         [[pool]]\nname = \"kits\"\ncapacity = 40\nuses = [{ option = \"RAM\", choice = \"128 GB\", need = 2 }, { product = \"VPS *\", instance = \"def*\" }]\n",
    );
    let capacities = format!("{:?}", config.capacities);
    insta::assert_snapshot!(capacities, @r#"Capacities { capacities: [CapacityRule { origin: "capacity 1", instances: [], groups: [], products: [Id(42)], options: [(Glob("ram"), Glob("64 gb"))], capacity: 0 }], pools: [PoolRule { name: "kits", capacity: 40, uses: [PoolUse { instance: None, what: Choice { option: Glob("ram"), choice: Glob("128 gb") }, need: 2 }, PoolUse { instance: Some(Glob("def*")), what: Product(Glob("vps *")), need: 1 }], low: None, critical: None, channels: None }] }"#);
}

#[test]
fn a_pool_has_thresholds_and_channels_of_its_own() {
    let toml = "[[channel]]\nname = \"sales\"\ntype = \"webhook\"\nurl = \"https://hook.example/\"\n\
                [[pool]]\nname = \"kits\"\ncapacity = 40\nuses = [{ product = 1 }]\nlow = 8\ncritical = 2\nchannels = [\"sales\"]\n";
    let config = good("", toml);
    let pool = &config.capacities.pools[0];
    assert_eq!((pool.low, pool.critical), (Some(8), Some(2)));
    assert_eq!(pool.channels, Some(vec!["sales".to_owned()]));
    let clash = good("", &toml.replace("critical = 2", "critical = 9"));
    assert!(
        warnings(&clash)
            .contains("critical (config/monitor.toml line 10) is 9, above low (8); 8 counts for both"),
        "{}",
        warnings(&clash)
    );
}

#[test]
fn instances_of_the_file_stand_beside_the_environments_and_share_its_settings() {
    let place = place(
        "WHMCS_API_TIMEOUT=5s\nPOLL_SCHEDULE=*/5 * * * *\nTIMEZONE=Europe/Berlin\n",
        "[[instance]]\nname = \"eu\"\nurl = \"https://eu.example/includes/api.php\"\nidentifier = \"x-${EU_ID}-$${y}\"\nsecret = \"s\"\nschedule = \"1m\"\n",
    );
    let config = place
        .env("EU_ID", "i")
        .load()
        .unwrap_or_else(|errors| panic!("{errors}"));
    let [default, eu] = config.instances.as_slice() else {
        panic!("two")
    };
    assert_eq!((default.name.as_str(), eu.name.as_str()), ("default", "eu"));
    assert_eq!(signs_in(&eu.api), ("x-i-${y}", "s"));
    assert_eq!(
        (eu.api.timeout, eu.api.connect_timeout),
        (Duration::from_secs(5), Duration::from_secs(5))
    );
    assert_eq!(eu.schedule, Schedule::Every(Duration::from_secs(60)));
    let nine = "2026-07-01T07:00:00Z".parse::<Timestamp>().expect("a time");
    assert!(matches!(&default.schedule, Schedule::Cron(_)));
    assert_eq!(
        default
            .schedule
            .next_after(nine)
            .map(|next| next.as_second() - nine.as_second()),
        Some(300)
    );
}

#[test]
fn an_instance_of_the_file_is_enough() {
    let place = Place::new().file("config/monitor.toml", "[[instance]]\nname = \"eu\"\nurl = \"https://eu.example/api.php\"\nidentifier = \"x\"\nsecret = \"s\"\n");
    let config = place.load().unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.instances.len(), 1);
}

#[test]
fn the_database_lies_in_the_state_directory_of_systemd() {
    let path = |place: Place| {
        place
            .load()
            .unwrap_or_else(|errors| panic!("{errors}"))
            .store
            .path
    };
    assert_eq!(
        path(place("", "").env("STATE_DIRECTORY", "/var/lib/stock:/x")),
        Path::new("/var/lib/stock/stock.db")
    );
    assert_eq!(
        path(place("DATABASE_URL=sqlite:///srv/s.db\n", "").env("STATE_DIRECTORY", "/x")),
        Path::new("/srv/s.db")
    );
    let relative = place("DATABASE_URL=sqlite://other/s.db\n", "");
    let expected = relative.dir.path().join("other/s.db");
    assert_eq!(path(relative), expected);
}

#[test]
fn the_log_level_may_come_from_rust_log() {
    let level = |place: Place| place.load().expect("good").log.level;
    assert_eq!(level(place("", "").env("RUST_LOG", "warn")), "warn");
    assert_eq!(
        level(place("LOG_LEVEL=debug,sqlx=warn\n", "").env("RUST_LOG", "warn")),
        "debug,sqlx=warn"
    );
}

#[test]
fn the_same_rules_have_the_same_epoch_and_others_another() {
    let epoch = |dotenv: &str, toml: &str| good(dotenv, toml).rules.epoch;
    assert_eq!(
        epoch("", "[[rule]]\nlow = 3\n"),
        epoch("LOG_LEVEL=debug\n", "[[rule]]\nlow = 3\n")
    );
    assert_ne!(epoch("", "[[rule]]\nlow = 3\n"), epoch("", "[[rule]]\nlow = 4\n"));
    let capacity = |count: i64| {
        epoch(
            "",
            &format!("[[capacity]]\noptions = {{ RAM = \"64 GB\" }}\ncapacity = {count}\n"),
        )
    };
    assert_eq!(capacity(3), capacity(3));
    assert_ne!(
        capacity(3),
        capacity(4),
        "a capacity changed at a reload must be decided anew"
    );
    assert_ne!(epoch("", ""), epoch("LOW_STOCK=6\n", ""));
    assert_ne!(epoch("", ""), epoch("WEBHOOK_URL=https://hooks.example/x\n", ""));
    let pager = "[[channel]]\nname = \"pager\"\ntype = \"webhook\"\nurl = \"https://pager.example/\"\n";
    let quiet = format!("{pager}quiet = \"22:00-07:00\"\n");
    assert_eq!(
        epoch("", pager),
        epoch("", &quiet),
        "quiet hours decide nothing about a product"
    );
}

/// The file of a channel called x with these lines.
fn of_channel(lines: &str) -> String {
    format!("[[channel]]\nname = \"x\"\ntype = \"webhook\"\nurl = \"https://x.example/\"\n{lines}")
}

#[test]
fn quiet_hours_count_in_the_zone_of_all_and_are_pierced_by_out_unless_said_otherwise() {
    let quiet = |lines: &str| {
        let config = good("TIMEZONE=Europe/Berlin\n", &of_channel(lines));
        let policy = config.rules.channels[0].clone();
        assert_eq!(policy.quiet, channel(&config, "x").quiet);
        policy.quiet.expect("quiet hours")
    };
    let plain = quiet("quiet = \"22:00-7:00\"\n");
    assert_eq!((plain.from, plain.until), (time(22, 0, 0, 0), time(7, 0, 0, 0)));
    assert_eq!(plain.zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!((plain.days.len(), plain.pierce), (0, vec![Severity::Out]));
    let own = quiet(
        "quiet = \"00:00–24:00\"\nquiet_days = [\"sat\", \"Sunday\"]\nquiet_zone = \"America/New_York\"\nquiet_pierce = []\n",
    );
    assert_eq!((own.from, own.until), (Time::midnight(), Time::midnight()));
    assert_eq!(own.zone.iana_name(), Some("America/New_York"));
    assert_eq!(own.days, [Weekday::Saturday, Weekday::Sunday]);
    assert_eq!(own.pierce, []);
}

#[test]
fn quiet_hours_that_mean_nothing_are_named_with_their_line() {
    for (lines, said) in [
        (
            "quiet = \"22:00\"",
            "channel \"x\": quiet (config/monitor.toml line 5) is not a span of hours (it says \"22:00\"). Write when it begins and when it ends: 22:00-07:00.",
        ),
        (
            "quiet = \"22:00-25:00\"",
            "channel \"x\": quiet (config/monitor.toml line 5) is not a span of hours (it says \"22:00-25:00\"). Write when it begins and when it ends: 22:00-07:00.",
        ),
        (
            "quiet = \"08:00-08:00\"",
            "channel \"x\": quiet (config/monitor.toml line 5) never ends: it is each whole day. Write other hours, name the days in quiet_days, or remove the channel.",
        ),
        (
            "quiet = \"22:00-07:00\"\nquiet_days = [\"mon\",\n\"noday\"]",
            "channel \"x\": quiet_days (config/monitor.toml line 7) is not a day of the week (it says \"noday\"). Write mon, tue, wed, thu, fri, sat or sun.",
        ),
        (
            "quiet = \"22:00-07:00\"\nquiet_zone = \"Mars\"",
            "channel \"x\": quiet_zone (config/monitor.toml line 6) is not a known time zone (it says \"Mars\"). Write an IANA name such as Europe/Berlin or UTC.",
        ),
        (
            "quiet = \"22:00-07:00\"\nquiet_pierce = \"ok\"",
            "channel \"x\": quiet_pierce (config/monitor.toml line 6) is not a severity (it says \"ok\"). Write low, critical or out.",
        ),
        (
            "quiet_days = \"mon\"",
            "channel \"x\": quiet_days (config/monitor.toml line 5) is set without quiet. Write the hours too: quiet = \"22:00-07:00\".",
        ),
    ] {
        assert_eq!(errors("", &of_channel(lines)), said, "{lines}");
    }
}

#[test]
fn maintenance_windows_are_read_and_begin_in_their_zone() {
    let config = good(
        "TIMEZONE=Europe/Berlin\nWEBHOOK_URL=https://hooks.example/x\n",
        "[[maintenance]]\nname = \"backups\"\nschedule = \"0 2 * * SUN\"\nlasts = \"3h\"\ngroups = [\"Dedicated*\"]\noptions = { RAM = \"64 GB\" }\ncomment = \"recount\"\n\
         [[maintenance]]\nname = \"all\"\nschedule = \"0 2 * * SUN\"\nzone = \"UTC\"\nlasts = \"1h\"\n",
    );
    assert_eq!(warnings(&config), "");
    let [backups, all] = &config.windows[..] else {
        panic!("two windows")
    };
    let until = |window: &Window, now: &str| {
        let until = window.in_force(now.parse().expect("a time"));
        until.map(|until| until.to_string())
    };
    let sunday = "2026-11-22T01:30:00Z";
    assert_eq!(until(backups, sunday).as_deref(), Some("2026-11-22T04:00:00Z"));
    assert_eq!(until(all, sunday), None);
    assert_eq!((&*backups.name, &*backups.comment), ("backups", "recount"));
    insta::assert_debug_snapshot!(backups.matcher, @r#"
    Matcher {
        instances: [],
        groups: [
            Glob(
                "dedicated*",
            ),
        ],
        products: [],
        options: [
            (
                Glob(
                    "ram",
                ),
                Glob(
                    "64 gb",
                ),
            ),
        ],
        pools: [],
    }
    "#);
    assert_eq!(all.matcher, Matcher::default());
}

#[test]
fn a_window_that_cannot_be_meant_is_named_with_its_line() {
    let rest = "schedule = \"0 2 * * SUN\"\nlasts = \"3h\"\n";
    for (toml, said) in [
        (
            format!("[[maintenance]]\n{rest}"),
            "maintenance 1: name (config/monitor.toml line 1) is missing. Give it a name: name = \"backups\".",
        ),
        (
            "[[maintenance]]\nname = \"x\"\nlasts = \"3h\"".to_owned(),
            "maintenance \"x\": schedule (config/monitor.toml line 1) is missing. Write when it begins: schedule = \"0 22 * * SUN\".",
        ),
        (
            "[[maintenance]]\nname = \"x\"\nlasts = \"3h\"\nschedule = \"61 * * * *\"".to_owned(),
            "maintenance \"x\": schedule (config/monitor.toml line 4) is not a cron expression",
        ),
        (
            format!("[[maintenance]]\nname = \"x\"\n{rest}pools = [\"kits\"]\nproducts = [1]"),
            "maintenance \"x\": pools (config/monitor.toml line 5) stands beside groups, products or options, and nothing is both. Make it two windows.",
        ),
        (
            format!("[[maintenance]]\nname = \"x\"\n{rest}[[maintenance]]\nname = \"X\"\n{rest}"),
            "maintenance 2: name (config/monitor.toml line 6) is empty, or the name of another window. Give each window its own name.",
        ),
        (
            format!("[[maintenance]]\nname = \"x\"\n{rest}zone = \"Mars\""),
            "maintenance \"x\": zone (config/monitor.toml line 5) is not a known time zone (it says \"Mars\"). Write an IANA name such as Europe/Berlin or UTC.",
        ),
    ] {
        let found = errors("", &toml);
        assert!(
            found.lines().any(|line| line.starts_with(said)),
            "{toml}\ngave:\n{found}"
        );
    }
    let endless = good(
        "WEBHOOK_URL=https://hooks.example/x\n",
        "[[maintenance]]\nname = \"x\"\nschedule = \"0 2 * * *\"\nlasts = \"24h\"\npools = [\"kits\"]\n",
    );
    assert_eq!(
        warnings(&endless),
        "maintenance \"x\": lasts (config/monitor.toml line 4) is no shorter than the time between two beginnings: the window may never end. Let it last less long.\n\
         maintenance \"x\": pools (config/monitor.toml line 5) names a pool that is not there. Check its spelling.\n"
    );
}

#[test]
fn an_escalation_needs_its_time_and_a_channel_that_is_not_told_anyway() {
    let pager = of_channel("default = false\n");
    for (rules, said) in [
        (
            "[[rule]]\nescalate_to = [\"x\"]",
            "rule 1: escalate_to (config/monitor.toml line 7) is set, and no rule says after how long. Write escalate_after = \"30m\" too.",
        ),
        (
            "[[rule]]\nescalate_after = \"30m\"",
            "rule 1: escalate_after (config/monitor.toml line 7) is set, and no rule says to which channels. Write escalate_to = [\"…\"] too.",
        ),
        (
            "[[rule]]\nescalate_after = \"30m\"\nescalate_to = [\"phone\"]",
            "rule 1: escalate_to (config/monitor.toml line 8) names \"phone\", and there is no such channel. There are: x.",
        ),
    ] {
        let toml = format!("{pager}{rules}");
        assert!(errors("", &toml).contains(said), "{toml}: {}", errors("", &toml));
    }
    let told = "names only channels that are told at once anyway";
    let half = "[[rule]]\nescalate_after = \"30m\"\n[[rule]]\nproducts = [1]\nescalate_to = [\"x\"]\n";
    let warned = |toml: &str| warnings(&good("", toml)).contains(told);
    assert!(!warned(&format!("{pager}{half}")));
    assert!(warned(&format!("{}{half}", of_channel(""))));
    assert!(warned(&format!("{pager}{half}channels = [\"x\"]\n")));
    assert!(!warned(&format!("{}{half}channels = []\n", of_channel(""))));
}

/// Bad settings: lines of `.env`, and what is said of them.
const BAD_SETTINGS: &[(&str, &str)] = &[
    (
        "LOW_STOCK=five",
        "LOW_STOCK (.env line 4) is not a whole number of 0 or more (it says \"five\"). Write a number such as 5.",
    ),
    (
        "LOW_STOCK=-1",
        "LOW_STOCK (.env line 4) is not a whole number of 0 or more (it says \"-1\"). Write a number such as 5.",
    ),
    (
        "POLL_SCHEDULE=every day",
        "POLL_SCHEDULE (.env line 4) is neither `every <duration>` nor a cron expression of five or six fields (it says \"every day\"). Write a duration such as `every 5m`, or a cron expression such as `*/5 * * * *`.",
    ),
    (
        "POLL_SCHEDULE=every 50ms",
        "POLL_SCHEDULE (.env line 4) is shorter than 100 ms (it says \"every 50ms\"). Write `every 30s` or longer.",
    ),
    (
        "WHMCS_API_TIMEOUT=30",
        "WHMCS_API_TIMEOUT (.env line 4) is not a duration (it says \"30\"). Write the unit too: 300s or 5m.",
    ),
    (
        "WHMCS_MAX_BODY=much",
        "WHMCS_MAX_BODY (.env line 4) is not a size (it says \"much\"). Write a number with a unit: 50MB, 512MiB, 1GiB.",
    ),
    (
        "WHMCS_MAX_REQUESTS=0",
        "WHMCS_MAX_REQUESTS (.env line 4) is not a whole number of 1 or more (it says \"0\"). Write a number such as 3.",
    ),
    (
        "WHMCS_ALLOW_INSECURE_TLS=maybe",
        "WHMCS_ALLOW_INSECURE_TLS (.env line 4) is neither true nor false (it says \"maybe\"). Write true or false.",
    ),
    (
        "WHMCS_CA_FILE=missing.pem",
        "WHMCS_CA_FILE (.env line 4) names a file that cannot be read: entity not found. Check its path and permissions.",
    ),
    (
        "WHMCS_CA_FILE=.env",
        "WHMCS_CA_FILE (.env line 4) names a file without a certificate. Give a PEM file (-----BEGIN CERTIFICATE-----).",
    ),
    (
        "TIMEZONE=Mars/Base",
        "TIMEZONE (.env line 4) is not a known time zone (it says \"Mars/Base\"). Write an IANA name such as Europe/Berlin or UTC.",
    ),
    (
        "REMINDER_AT=25:00",
        "REMINDER_AT (.env line 4) is not a time of day (it says \"25:00\"). Write hours and minutes: 09:00.",
    ),
    (
        "FIRST_RUN=loud",
        "FIRST_RUN (.env line 4) is neither summary nor alert (it says \"loud\"). Write summary or alert.",
    ),
    (
        "FLAP_LIMIT=99999999999",
        "FLAP_LIMIT (.env line 4) is too large (it says \"99999999999\"). Write a number such as 6, or 0 for none.",
    ),
    (
        "DATABASE_URL=postgres://u:CANARY@db/x",
        "DATABASE_URL (.env line 4) names a PostgreSQL database, which this version does not support yet. Write sqlite://data/stock.db, or sqlite:///var/lib/stock.db for an absolute path.",
    ),
    (
        "DATABASE_URL=mysql://u:CANARY@db/x",
        "DATABASE_URL (.env line 4) is not the URL of an SQLite database. Write sqlite://data/stock.db, or sqlite:///var/lib/stock.db for an absolute path.",
    ),
    (
        "DATABASE_URL=sqlite://",
        "DATABASE_URL (.env line 4) names no file. Write sqlite://data/stock.db, or sqlite:///var/lib/stock.db for an absolute path.",
    ),
    (
        "DATABASE_URL=sqlite://a.db?mode=ro",
        "DATABASE_URL (.env line 4) holds options after the path. Remove what begins at the ? or #.",
    ),
    (
        "DATABASE_URL=sqlite://.",
        "DATABASE_URL (.env line 4) names a folder. Name the file in it: sqlite://data/stock.db.",
    ),
    (
        "HTTP_LISTEN=9717",
        "HTTP_LISTEN (.env line 4) is not an address with a port (it says \"9717\"). Write 127.0.0.1:9717, or 0.0.0.0:9717 for every address of this machine.",
    ),
    (
        "HTTP_LISTEN=0.0.0.0:9717",
        "HTTP_LISTEN (.env line 4) is open to the network, and no HTTP_TOKEN protects it. Set HTTP_TOKEN (or users: WEB_CONFIG_FILE), listen on 127.0.0.1, or set HTTP_ALLOW_PUBLIC=true if everybody may look.",
    ),
    (
        "HTTP_TOKEN=CANARY",
        "HTTP_TOKEN (.env line 4) is shorter than 8 characters, or holds others than letters, digits and signs. Make one with: openssl rand -hex 24",
    ),
    (
        "LOG_LEVEL=verbose",
        "LOG_LEVEL (.env line 4) is not a log level (it says \"verbose\"). Write error, warn, info, debug or trace.",
    ),
    (
        "LOG_LEVEL=a=b=c",
        "LOG_LEVEL (.env line 4) is not a log level (it says \"a=b=c\"). Write error, warn, info, debug or trace.",
    ),
    (
        "LOG_FORMAT=xml",
        "LOG_FORMAT (.env line 4) is neither text nor json (it says \"xml\"). Write text or json.",
    ),
    (
        "PAGE_URL=stock.example.com",
        "PAGE_URL (.env line 4) is not a URL. Write a whole URL, with https:// before it.",
    ),
    (
        "PAGE_URL=ftp://stock.example.com/",
        "PAGE_URL (.env line 4) is not an http or https URL. Write a whole URL, with https:// before it.",
    ),
    (
        "PAGE_URL=https://ann:CANARY@stock.example.com/",
        "PAGE_URL (.env line 4) holds a user name or password, and would be told in every message. Remove what stands before the @: people sign in when they get there.",
    ),
    (
        "PAGE_URL=https://stock.example.com/?token=CANARY",
        "PAGE_URL (.env line 4) holds a query (`?…`) or fragment (`#…`). Write the address of the page alone: https://stock.example.com/.",
    ),
    (
        "HEARTBEAT_URL=CANARY",
        "HEARTBEAT_URL (.env line 4) is not a URL. Write a whole URL, with https:// before it.",
    ),
    (
        "REPORT_SCHEDULE=every 1d",
        "REPORT_SCHEDULE (.env line 4) is not a cron expression (it says \"every 1d\"). Write one such as 0 8 * * MON (Mondays at 8:00).",
    ),
    (
        "REPORT_SCHEDULE=0 0 30 2 *",
        "REPORT_SCHEDULE (.env line 4) is a cron expression that never fires (it says \"0 0 30 2 *\"). Check the day and the month.",
    ),
    (
        "WEBHOOK_URL=ftp://CANARY",
        "WEBHOOK_URL (.env line 4) is not an http or https URL. Write a whole URL, with https:// before it.",
    ),
    (
        "WEBHOOK_URL=http://169.254.169.254/CANARY",
        "WEBHOOK_URL (.env line 4) names a link-local address (cloud metadata services have such). If it is meant, make it a [[channel]] of the file with allow_link_local = true.",
    ),
    (
        "WEBHOOK_URL=http://[::ffff:169.254.1.1]/CANARY",
        "WEBHOOK_URL (.env line 4) names a link-local address (cloud metadata services have such). If it is meant, make it a [[channel]] of the file with allow_link_local = true.",
    ),
    (
        "WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "WEBHOOK_SECRET (.env line 4) is set without WEBHOOK_URL. Set WEBHOOK_URL too, or remove it.",
    ),
    (
        "WEBHOOK_SECRET=CANARY",
        "WEBHOOK_SECRET (.env line 4) does not begin with whsec_. Make one with: echo \"whsec_$(openssl rand -base64 32)\".",
    ),
    (
        "WEBHOOK_SECRET=whsec_CANARY!",
        "WEBHOOK_SECRET (.env line 4) is not base64 after whsec_. Make one with: echo \"whsec_$(openssl rand -base64 32)\".",
    ),
    (
        "WEBHOOK_SECRET=whsec_CANARY12",
        "WEBHOOK_SECRET (.env line 4) does not hold 24 to 64 bytes. Make one with: echo \"whsec_$(openssl rand -base64 32)\".",
    ),
    (
        "WEBHOOK_URL=https://hooks.example/x\nWEBHOOK_FORMAT=template",
        "WEBHOOK_FORMAT (.env line 5) needs a template, which only a [[channel]] of the file can name (it says \"template\"). Make it a [[channel]] with format = \"template\" and template = \"config/body.j2\".",
    ),
    (
        "WEBHOOK_URL=https://hooks.example/x\nWEBHOOK_FORMAT=irc",
        "WEBHOOK_FORMAT (.env line 5) is not a webhook format (it says \"irc\"). Write standard, slack, discord, teams, telegram, ntfy, alertmanager or template.",
    ),
    (
        "WEBHOOK_URL=https://hooks.slack.com/services/CANARY\nWEBHOOK_FORMAT=slack\nWEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "WEBHOOK_SECRET (.env line 6) is there to sign with, and the format has no signature. Remove it, or set the format to standard.",
    ),
    (
        "WEBHOOK_URL=https://api.telegram.org/bot1:CANARY/sendMessage\nWEBHOOK_FORMAT=telegram",
        "WEBHOOK_URL (.env line 4) names no chat: neither a number nor a channel's @name. Write chat_id = \"-1001234567890\" in the channel, or put ?chat_id=-1001234567890 at the end of the URL.",
    ),
    (
        "WEBHOOK_URL=https://ntfy.sh/\nWEBHOOK_FORMAT=ntfy",
        "WEBHOOK_URL (.env line 4) names no topic: letters, digits, - and _, at most 64 of them. Write https://ntfy.sh/your-topic.",
    ),
    (
        "ALERT_EMAIL_TO=nobody",
        "ALERT_EMAIL_TO (.env line 4) is not a mail address (it says \"nobody\"). Write sales@example.com or Sales <sales@example.com>.",
    ),
    (
        "ALERT_EMAIL_TO=,",
        "ALERT_EMAIL_TO (.env line 4) lists nothing (it says \",\"). Write one or more, with commas between them.",
    ),
    (
        "ALERT_EMAIL_TO=a@example.com b@example.com",
        "ALERT_EMAIL_TO (.env line 4) is not a mail address (it says \"a@example.com b@example.com\"). Write sales@example.com or Sales <sales@example.com>.",
    ),
    (
        "ALERT_EMAIL_TO=a@example.com",
        "SMTP_URL is not set. Mail needs SMTP_URL, SMTP_FROM and ALERT_EMAIL_TO together.",
    ),
    (
        "SMTP_URL=smtp://mx.example",
        "ALERT_EMAIL_TO is not set. Mail needs SMTP_URL, SMTP_FROM and ALERT_EMAIL_TO together.",
    ),
    (
        "SMTP_PASSWORD=CANARY",
        "SMTP_PASSWORD (.env line 4) is set without SMTP_URL. Set SMTP_URL too.",
    ),
    (
        "SMTP_URL=smtp://mx.example\nSMTP_PASSWORD=CANARY",
        "SMTP_PASSWORD (.env line 5) has no user: SMTP_URL names none. Write smtp://user@host.",
    ),
    (
        "SMTP_URL=smtp://u:CANARY@mx.example\nSMTP_PASSWORD=CANARY",
        "SMTP_PASSWORD (.env line 5) is given twice: SMTP_URL holds one too. Keep one of them.",
    ),
    (
        "SMTP_URL=smtp://u@mx.example",
        "SMTP_URL (.env line 4) names a user without a password. Add it after the user's name, or set SMTP_PASSWORD.",
    ),
    (
        "SMTP_URL=http://u:CANARY@mx.example",
        "SMTP_URL (.env line 4) is not an smtp or smtps URL. Write smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465, with %40 for an @ in the password.",
    ),
    (
        "REPORT_EMAIL_TO=a@example.com",
        "SMTP_URL is not set. REPORT_EMAIL_TO needs SMTP_URL and SMTP_FROM.",
    ),
    (
        "WHMCS_API_SECRET_FILE=secret",
        "WHMCS_API_SECRET (WHMCS_API_SECRET_FILE) is given twice: WHMCS_API_SECRET_FILE and .env line 3. Keep one of them.",
    ),
    (
        "HTTP_TOKEN_FILE=missing",
        "HTTP_TOKEN (HTTP_TOKEN_FILE) comes from a file that cannot be read: entity not found. Check its path and permissions.",
    ),
    (
        "HTTP_TOKEN_FILE=empty",
        "HTTP_TOKEN (HTTP_TOKEN_FILE) comes from an empty file. Write the secret into the file.",
    ),
    (
        "HEARTBEAT_URL_FILE=lines",
        "HEARTBEAT_URL (HEARTBEAT_URL_FILE) holds a line break or control character. Remove it.",
    ),
    (
        "WHMCS_API_ACCESS_KEY_FILE=lines",
        "WHMCS_API_ACCESS_KEY (WHMCS_API_ACCESS_KEY_FILE) holds a line break or control character. Give the secret alone, on one line.",
    ),
    (
        "CONFIG_FILE=missing.toml",
        "CONFIG_FILE (.env line 4) names a file that cannot be read: missing.toml: entity not found. Check its path and permissions.",
    ),
    ("CANARY", "a line (.env line 4) has no `=`. Write KEY=value."),
    (
        "HTTP_TOKEN='CANARY",
        "a line (.env line 4) opens a quote that is not closed on the line. Close it, or leave the quotes out: spaces need none.",
    ),
];

#[test]
fn a_bad_setting_is_named_with_its_place_and_its_mend() {
    for (line, said) in BAD_SETTINGS.iter().copied() {
        let place = place(line, "")
            .file("secret", "CANARY\n")
            .file("empty", "\n")
            .file("lines", "CANARY\nCANARY\n");
        let found = place.load().expect_err(line).to_string();
        assert!(
            found.lines().any(|found| found == said),
            "{line} gave:\n{found}\nand not:\n{said}"
        );
        assert!(!found.contains("CANARY"), "{line} gave {found}");
    }
}

#[test]
fn a_bad_address_of_the_shop_is_never_quoted() {
    for (url, said) in [
        ("shop.example/includes/api.php", "is not a URL"),
        (
            "ftp://shop.example/includes/api.php",
            "is not an http or https URL",
        ),
        (
            "https://u:CANARY@shop.example/includes/api.php",
            "holds a user name or password",
        ),
        (
            "https://shop.example/includes/api.php?secret=CANARY",
            "holds a query (`?…`) or fragment (`#…`)",
        ),
        ("https:///", "is not a URL"),
    ] {
        let dotenv = SHOP.replace("https://shop.example/includes/api.php", url);
        let found = Place::new()
            .file(".env", &dotenv)
            .load()
            .expect_err(url)
            .to_string();
        assert!(
            found.starts_with(&format!("WHMCS_API_URL (.env line 1) {said}")),
            "{url} gave {found}"
        );
        assert!(!found.contains("CANARY"), "{found}");
        assert_eq!(found.lines().count(), 1, "one mistake, one problem: {found}");
    }
}

const MAIL: &str =
    "SMTP_URL=smtp://mx.example\nSMTP_FROM=stock@example.com\nALERT_EMAIL_TO=ops@example.com\n";

#[test]
fn reports_of_the_file_have_a_schedule_a_zone_and_an_audience_of_their_own() {
    let config = good(
        &format!(
            "{MAIL}REPORT_SCHEDULE=0 8 * * *\nREPORT_EMAIL_TO=boss@example.com\nTIMEZONE=Europe/Berlin\n"
        ),
        "[[report]]\nname = \"sales\"\nevery = \"week\"\nat = \"07:30\"\nweekday = \"fri\"\nzone = \"America/New_York\"\n\
         channels = [\"email\"]\nto = [\"sales@example.com\"]\naudience = \"sales\"\nskip_if_empty = true\n\
         [[report]]\nname = \"monthly\"\nevery = \"month\"\nday = \"last\"\nchannels = \"email\"\n\
         sections = [\"health\", \"act_now\", \"health\"]\nlead_time = \"14d\"\n\
         [[report]]\nname = \"working-days\"\nschedule = \"0 8 * * MON-FRI\"\nchannels = \"email\"\n",
    );
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
    let shown: Vec<String> = config
        .reports
        .iter()
        .map(|report| {
            let outline = &report.outline;
            let next = report.schedule.next_after(now).expect("a next time");
            format!(
                "{} {:?} {} {} to {:?}: {:?}",
                outline.name,
                outline.period,
                next.to_zoned(report.zone.clone()).strftime("%a %F %H:%M %Z"),
                outline.lead_time.as_secs() / 86_400,
                report.channels,
                outline.topics
            )
        })
        .collect();
    insta::assert_debug_snapshot!(shown, @r#"
    [
        "report Day Sun 2026-11-22 08:00 CET 7 to [\"report:report\"]: [ActNow, RunningOut, Ordered, Changed, Idle, Pools, Money, Health]",
        "sales Week Fri 2026-11-27 07:30 EST 7 to [\"email\", \"report:sales\"]: [Money, ActNow, RunningOut, Changed, Idle]",
        "monthly Month Mon 2026-11-30 08:00 CET 14 to [\"email\"]: [Health, ActNow]",
        "working-days Day Mon 2026-11-23 08:00 CET 7 to [\"email\"]: [ActNow, RunningOut, Ordered, Changed, Idle, Pools, Money, Health]",
    ]
    "#);
    assert_eq!(warnings(&config), "");
}

/// Bad files, and what is said of them.
const BAD_KEYS: &[(&str, &str)] = &[
    (
        "[[report]]\nname = \"a\"\nevery = \"week\"",
        "report \"a\": to and channels (config/monitor.toml line 1) are both missing: nobody gets it. Write to = [\"boss@example.com\"], or channels = [\"sales\"].",
    ),
    (
        "[[report]]\nname = \"a\"\nchannels = \"email\"",
        "report \"a\": schedule (config/monitor.toml line 1) is missing. Write every = \"week\", or schedule = \"0 8 * * MON\".",
    ),
    (
        "[[report]]\nname = \"a\"\nchannels = \"email\"\nschedule = \"* * * * *\"",
        "report \"a\": schedule (config/monitor.toml line 4) makes a report more often than every ten minutes (it says \"* * * * *\"). Write one such as 0 8 * * MON (Mondays at 8:00).",
    ),
    (
        "[[report]]\nname = \"a\"\nchannels = \"email\"\nevery = \"month\"\nday = 31",
        "report \"a\": day (config/monitor.toml line 5) is not a day that every month has (it says \"31\"). Write 1 to 28, or last.",
    ),
    (
        "[[report]]\nname = \"a\"\nchannels = \"email\"\nevery = \"week\"\naudience = \"bosses\"",
        "report \"a\": audience (config/monitor.toml line 5) is no audience (it says \"bosses\"). Write sales, provisioning or datacentre.",
    ),
    (
        "[[report]]\nname = \"a\"\nchannels = \"email\"\nevery = \"week\"\nsections = [\"gossip\"]",
        "report \"a\": sections (config/monitor.toml line 5) is not a section of reports (it says \"gossip\"). There are: act_now, running_out, ordered, changed, idle, pools, money, health.",
    ),
    (
        "low_stok = 3",
        "low_stok (config/monitor.toml line 1) is not a known key. Did you mean low_stock?",
    ),
    (
        "LOW_STOCK = 3",
        "LOW_STOCK (config/monitor.toml line 1) is not a known key. See docs/configuration.md for the keys there are.",
    ),
    (
        "config_file = \"x\"",
        "config_file (config/monitor.toml line 1) is not a known key. See docs/configuration.md for the keys there are.",
    ),
    (
        "low_stock = \"many\"",
        "LOW_STOCK (config/monitor.toml line 1) is not a whole number of 0 or more (it says \"many\"). Write a number such as 5.",
    ),
    (
        "low_stock = 2.5",
        "LOW_STOCK (config/monitor.toml line 1) is not a whole number of 0 or more (it says \"2.5\"). Write a number such as 5.",
    ),
    (
        "rule = 3",
        "rule (config/monitor.toml line 1) is not a table. Write [[rule]].",
    ),
    (
        "[low_stock]\nx = 1",
        "LOW_STOCK (config/monitor.toml line 1) is a table where a value belongs. Write one value.",
    ),
    (
        "\n[[rule]]\nlow = \"x\"",
        "rule 1: low (config/monitor.toml line 3) is not a whole number of 0 or more (it says \"x\"). Write a number such as 5.",
    ),
    (
        "[[rule]]\nlow = -3",
        "rule 1: low (config/monitor.toml line 2) is not a whole number of 0 or more (it says \"-3\"). Write a number such as 5.",
    ),
    (
        "[[rule]]\nlow = 99999999999999999999",
        "rule 1: low (config/monitor.toml line 2) is not a whole number of 0 or more (it says \"99999999999999999999\"). Write a number such as 5.",
    ),
    (
        "[[rule]]\nname = \"GPU\"\nlo = 3",
        "rule \"GPU\": lo (config/monitor.toml line 3) is not a known key. Did you mean low?",
    ),
    (
        "[[rule]]\nfor = 5",
        "rule 1: for (config/monitor.toml line 2) is not a duration (it says \"5\"). Write the unit too: 300s or 5m.",
    ),
    (
        "[[rule]]\nrepeat = \"sometimes\"",
        "rule 1: repeat (config/monitor.toml line 2) is not a time between reminders (it says \"sometimes\"). Write daily, never, or a duration such as 24h.",
    ),
    (
        "[[rule]]\nrepeat = \"1s\"",
        "rule 1: repeat (config/monitor.toml line 2) is shorter than a minute (it says \"1s\"). Write daily, never, or a duration such as 24h.",
    ),
    (
        "[[rule]]\nstock_control = \"x\"",
        "rule 1: stock_control (config/monitor.toml line 2) is none of auto, on and off (it says \"x\"). Write auto, on or off.",
    ),
    (
        "[[rule]]\nhidden = \"x\"",
        "rule 1: hidden (config/monitor.toml line 2) is neither alert nor ignore (it says \"x\"). Write alert or ignore.",
    ),
    (
        "[[rule]]\nlow = 1\nchannels = [\"email\",\n\"sale\"]",
        "rule 1: channels (config/monitor.toml line 3) names \"sale\", and there is no such channel. There are: email.",
    ),
    (
        "[[rule]]\nlow = 1\nproducts = [-1]",
        "rule 1: products (config/monitor.toml line 3) is neither an id nor a name. Write a number (an id), or a name in quotes, in which * stands for anything.",
    ),
    (
        "[[rule]]\nlow = 1\nproducts = [1,\n\" \"]",
        "rule 1: products (config/monitor.toml line 4) is an empty name (it says \" \"). Write a name, or * for any.",
    ),
    (
        "[[rule]]\nlow = 1\noptions = \"RAM\"",
        "rule 1: options (config/monitor.toml line 3) is not a table. Write { \"RAM\" = \"64 GB\" }.",
    ),
    (
        "[[rule]]\nlow = 1\nmax_combinations = 0",
        "rule 1: max_combinations (config/monitor.toml line 3) is not a whole number of 1 or more (it says \"0\"). Write a number such as 3.",
    ),
    (
        "[[instance]]\nname = \"eu\"",
        "instance \"eu\": url (config/monitor.toml line 1) is missing. An instance needs url, identifier and secret.",
    ),
    (
        "[[instance]]",
        "instance 1: name (config/monitor.toml line 1) is missing. Give it a name: name = \"…\".",
    ),
    (
        "[[instance]]\nname = \"\"",
        "instance 1: name (config/monitor.toml line 2) is empty (it says \"\"). Write a name.",
    ),
    (
        "[[instance]]\nname = \"a/b\"",
        "instance 1: name (config/monitor.toml line 2) is not a name (it says \"a/b\"). Use up to 64 letters, digits, dots, dashes and underscores.",
    ),
    (
        "[[instance]]\nname = \"Default\"",
        "instance 1: name (config/monitor.toml line 2) is a name that another one has. Give each its own name.",
    ),
    (
        "[[instance]]\nname = \"eu\"\nsecret = \"${EU_SECRET}\"",
        "instance \"eu\": secret (config/monitor.toml line 3) needs ${EU_SECRET}, which is not set. Set EU_SECRET in the environment, in .env, or as EU_SECRET_FILE.",
    ),
    (
        "[[instance]]\nname = \"eu\"\nsecret = \"${CANARY\"",
        "instance \"eu\": secret (config/monitor.toml line 3) opens `${` and does not close it. Write ${NAME}, or $${ for the signs.",
    ),
    (
        "[[instance]]\nname = \"eu\"\nsecret = \"${CAN ARY}\"",
        "instance \"eu\": secret (config/monitor.toml line 3) names no variable between `${` and `}`. Write ${NAME}.",
    ),
    (
        "[[instance]]\nname = \"eu\"\nsecret = \"CANARY\"\nsecret_file = \"x\"",
        "instance \"eu\": secret (config/monitor.toml line 4) is given twice: secret and secret_file. Keep one of them.",
    ),
    (
        "[[instance]]\nname = \"eu\"\nsecret_file = \"x\"",
        "instance \"eu\": secret (config/monitor.toml line 3) comes from a file that cannot be read: entity not found. Check its path and permissions.",
    ),
    (
        "[[instance]]\nname = \"eu\"\nurl = \"https://u:CANARY@eu\"",
        "instance \"eu\": url (config/monitor.toml line 3) holds a user name or password. Remove what stands before the @: the API takes its credentials elsewhere.",
    ),
    (
        "[[channel]]\nname = \"x\"",
        "channel \"x\": type (config/monitor.toml line 1) is missing. Write type = \"email\" or type = \"webhook\".",
    ),
    (
        "[[channel]]\nname = \"x\"\ntype = \"sms\"",
        "channel \"x\": type (config/monitor.toml line 3) is not a type of channel (it says \"sms\"). Write email or webhook.",
    ),
    (
        "[[channel]]\nname = \"email\"\ntype = \"email\"",
        "channel 1: name (config/monitor.toml line 2) is a name that another one has. Give each its own name.",
    ),
    (
        "[[channel]]\nname = \"x\"\ntype = \"email\"\nto = []",
        "channel \"x\": to (config/monitor.toml line 1) is missing. Write to = [\"sales@example.com\"].",
    ),
    (
        "[[channel]]\nname = \"x\"\ntype = \"email\"\nto = [\"a@example.com\", \"b\"]",
        "channel \"x\": to (config/monitor.toml line 4) is not a mail address (it says \"b\"). Write sales@example.com or Sales <sales@example.com>.",
    ),
    (
        "[[channel]]\nname = \"x\"\ntype = \"email\"\nto = \"a@example.com\"\nseverities = [\"ok\"]",
        "channel \"x\": severities (config/monitor.toml line 5) is not a severity (it says \"ok\"). Write low, critical or out.",
    ),
    (
        "[[channel]]\nname = \"x\"\ntype = \"email\"\nto = \"a@example.com\"\nseverities = []",
        "channel \"x\": severities (config/monitor.toml line 5) is an empty list. Name low, critical or out, or leave the key out: then it takes all.",
    ),
    (
        "[[channel]]\nname = \"x\"\ntype = \"email\"\nurl = \"https://CANARY\"",
        "channel \"x\": url (config/monitor.toml line 4) is not a known key. There are: name, type, severities, default, quiet, quiet_days, quiet_zone, quiet_pierce, timeout, to, from, smtp_url, smtp_url_file, smtp_password, smtp_password_file, list_unsubscribe.",
    ),
    (
        "[[channel]]\nname = \"x\"\ntype = \"webhook\"",
        "channel \"x\": url (config/monitor.toml line 1) is missing. Write url = \"https://…\".",
    ),
    (
        "[[channel]]\nname = \"x\"\ntype = \"webhook\"\nurl = \"CANARY\"",
        "channel \"x\": url (config/monitor.toml line 4) is not a URL. Write a whole URL, with https:// before it.",
    ),
    (
        "[[channel]]\nname = \"x\"\ntype = \"webhook\"\nurl = \"http://[fe80::1]/CANARY\"",
        "channel \"x\": url (config/monitor.toml line 4) names a link-local address (cloud metadata services have such). If it is meant, make it a [[channel]] of the file with allow_link_local = true.",
    ),
    (
        "[[capacity]]\ncapacity = 3",
        "capacity 1: options (config/monitor.toml line 1) is missing. Write whose capacity it is: options = { \"RAM\" = \"64 GB\" }.",
    ),
    (
        "[[capacity]]\noptions = { RAM = \"64 GB\" }",
        "capacity 1: capacity (config/monitor.toml line 1) is missing. Write how many there are in all: capacity = 12.",
    ),
    (
        "[[capacity]]\noptions = { RAM = \"64 GB\" }\ncapacity = -1",
        "capacity 1: capacity (config/monitor.toml line 3) is not a whole number of 0 or more (it says \"-1\"). Write a number such as 5.",
    ),
    (
        "[[pool]]\nname = \"x\"\ncapacity = 3\nuses = [{ product = 1 }, { option = \"RAM\" }]",
        "pool \"x\": uses, number 2 (config/monitor.toml line 4) names no user of the pool. Write option and choice, or product alone.",
    ),
    (
        "[[pool]]\ncapacity = 3\nuses = [{ product = 1 }]",
        "pool 1: name (config/monitor.toml line 1) is missing. Give it a name: name = \"64 GB DIMM kits\".",
    ),
    (
        "[[pool]]\nname = \"x\"\ncapacity = 3",
        "pool \"x\": uses (config/monitor.toml line 1) is missing. Write who draws on it: uses = [{ option = \"RAM\", choice = \"64 GB\" }].",
    ),
    (
        "[[pool]]\nname = \"x\"\ncapacity = 3\nuses = [{ option = \"RAM\" }]",
        "pool \"x\": uses (config/monitor.toml line 4) names no user of the pool. Write option and choice, or product alone.",
    ),
    (
        "[[pool]]\nname = \"x\"\ncapacity = 3\nuses = [{ product = 1, need = 0 }]",
        "pool \"x\": uses: need (config/monitor.toml line 4) is not a whole number of 1 or more (it says \"0\"). Write a number such as 3.",
    ),
    (
        "[[pool]]\nname = \"x\"\ncapacity = 3\nuses = [{ product = 1 }]\nlow = -1",
        "pool \"x\": low (config/monitor.toml line 5) is not a whole number of 0 or more (it says \"-1\"). Write a number such as 5.",
    ),
    (
        "[[pool]]\nname = \"x\"\ncapacity = 3\nuses = [{ product = 1 }]\nchannels = [\"phone\"]",
        "pool \"x\": channels (config/monitor.toml line 5) names \"phone\", and there is no such channel. There are: email.",
    ),
];

#[test]
fn a_report_of_no_section_is_refused() {
    let report = "[[report]]\nname = \"x\"\nevery = \"day\"\nchannels = \"email\"\nsections = []";
    let found = place(MAIL, report).load().expect_err("no section").to_string();
    insta::assert_snapshot!(found, @r#"report "x": sections (config/monitor.toml line 1) names no section. Leave it out for all of them, or name some. There are: act_now, running_out, ordered, changed, idle, pools, money, health."#);
}

#[test]
fn a_bad_key_of_the_file_is_named_with_its_line_and_its_mend() {
    for (toml, said) in BAD_KEYS.iter().copied() {
        let found = place(MAIL, toml).load().expect_err(toml).to_string();
        assert!(
            found.lines().any(|found| found == said),
            "{toml}\ngave:\n{found}\nand not:\n{said}"
        );
        assert!(!found.contains("CANARY"), "{toml} gave {found}");
    }
}

#[test]
fn what_is_risky_is_a_warning_and_no_error() {
    for (dotenv, toml, said) in [
        (
            "POLL_SCHEDULE=10s",
            "",
            "POLL_SCHEDULE (.env line 4) asks WHMCS more often than every 30 s. Every poll is work for the shop.",
        ),
        (
            "POLL_SCHEDULE=*/10 * * * * *",
            "",
            "POLL_SCHEDULE (.env line 4) asks WHMCS more often than every 30 s. Every poll is work for the shop.",
        ),
        (
            "WHMCS_API_URL=http://shop.example/includes/api.php",
            "",
            "WHMCS_API_URL (.env line 4) sends the API credentials over the network unencrypted (http). Use https.",
        ),
        (
            "WHMCS_API_URL=https://shop.example/",
            "",
            "WHMCS_API_URL (.env line 4) does not end in .php. WHMCS's API is at https://…/includes/api.php, below the address of the shop.",
        ),
        (
            "WHMCS_API_URL=https://shop.example/x.php",
            "",
            "WHMCS_API_URL (.env line 4) is set on line 1 already; the last one counts. Remove one of the lines.",
        ),
        (
            "WHMCS_ALLOW_INSECURE_TLS=true",
            "",
            "WHMCS_ALLOW_INSECURE_TLS (.env line 4) turns off the check of the server's certificate: anyone in between can read the API credentials. Give the CA's certificate as WHMCS_CA_FILE (ca_file in the file) instead.",
        ),
        (
            "LOW_STOK=3",
            "",
            "LOW_STOK (.env line 4) is not a setting and does nothing. Did you mean LOW_STOCK?",
        ),
        (
            "LOW_STOCK_FILE=x",
            "",
            "LOW_STOCK_FILE (.env line 4) is not a setting and does nothing. Only secrets can be given as a file: set LOW_STOCK.",
        ),
        (
            "SMTP_HOST=x",
            "",
            "SMTP_HOST (.env line 4) is not a setting and does nothing. See docs/configuration.md for the settings there are.",
        ),
        (
            "LOW_STOCK=2\nCRITICAL_STOCK=3",
            "",
            "CRITICAL_STOCK (.env line 5) is 3, above low (2); 2 counts for both. Let critical be smaller than low.",
        ),
        (
            "LOW_STOCK=0",
            "",
            "CRITICAL_STOCK (.env line 4) is 1, above low (0); 0 counts for both. Let critical be smaller than low.",
        ),
        (
            "SMTP_URL=smtp://mx.example?tls=none\nSMTP_FROM=a@example.com\nALERT_EMAIL_TO=a@example.com",
            "",
            "SMTP_URL (.env line 4) sends mail unencrypted over the network (tls=none). Leave ?tls=none out.",
        ),
        (
            "REPORT_SCHEDULE=0 8 * * *",
            "",
            "REPORT_SCHEDULE (.env line 4) is set without REPORT_EMAIL_TO: no report is sent. Set REPORT_EMAIL_TO too.",
        ),
        (
            "",
            "[[rule]]\nproducts = [1]",
            "rule 1 (config/monitor.toml line 1) sets nothing. Give it low, critical, channels, …, or remove it.",
        ),
        (
            "",
            "[[rule]]\nlow = 3\ncritical = 4",
            "rule 1: critical (config/monitor.toml line 3) is 4, above low (3); 3 counts for both. Let critical be smaller than low.",
        ),
        (
            "",
            "[[rule]]\nlow = 3\ninstances = [\"de*\", \"us\"]",
            "rule 1: instances (config/monitor.toml line 3) names \"us\", and there is no such instance. There are: default.",
        ),
    ] {
        let config = place(&format!("{dotenv}\n"), toml)
            .load()
            .unwrap_or_else(|errors| panic!("{dotenv}{toml}: {errors}"));
        let found = warnings(&config);
        assert!(
            found.lines().any(|found| found == said),
            "{dotenv}{toml}\ngave:\n{found}\nand not:\n{said}"
        );
    }
}

#[test]
fn what_is_fine_makes_no_warning() {
    for (dotenv, toml) in [
        // A low below the inherited critical lowers both, as documented.
        ("", "[[rule]]\nlow = 0"),
        (
            "WHMCS_CA_FILE=\nHTTP_LISTEN=0.0.0.0:9717\nHTTP_TOKEN=CANARY-token",
            "",
        ),
        ("HTTP_LISTEN=[::]:9717\nHTTP_ALLOW_PUBLIC=true", ""),
        ("HTTP_LISTEN=localhost:9000", ""),
        (
            "HTTP_PROXY=http://u:CANARY@proxy\nRUST_LOG=info\nCOMPOSE_PROJECT_NAME=x\nTZ=UTC",
            "",
        ),
        (
            "SMTP_PASSWORD_EU=CANARY-secret",
            "[[instance]]\nname = \"eu\"\nurl = \"http://127.0.0.1:8/api.php\"\nidentifier = \"a\"\nsecret = \"${SMTP_PASSWORD_EU}\"",
        ),
        (
            "",
            "[[channel]]\nname = \"meta\"\ntype = \"webhook\"\nurl = \"http://169.254.1.2/x\"\nallow_link_local = true",
        ),
    ] {
        let place = place(&format!("{MAIL}{dotenv}\n"), toml);
        let config = place
            .load()
            .unwrap_or_else(|errors| panic!("{dotenv}{toml}: {errors}"));
        assert_eq!(warnings(&config), "", "{dotenv}{toml}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let said = errors(
        "LOW_STOCK=x\nTIMEZONE=y\nHTTP_LISTEN=z\nCANARY",
        "flap_limit = \"x\"\n[[rule]]\nlow = \"x\"\nhold = \"y\"\nwhat = 1\n[[instance]]\n[[channel]]\n[[pool]]\n[[capacity]]\n",
    );
    for key in [
        "LOW_STOCK",
        "TIMEZONE",
        "HTTP_LISTEN",
        "a line",
        "FLAP_LIMIT",
        "rule 1: low",
        "rule 1: hold",
        "rule 1: what",
        "instance 1: name",
        "instance 1: url",
        "channel 1: name",
        "channel 1: type",
        "pool 1: name",
        "pool 1: capacity",
        "pool 1: uses",
        "capacity 1: options",
    ] {
        assert!(
            said.lines().any(|line| line.starts_with(key)),
            "{key} is not in\n{said}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_makes_no_further_errors() {
    let place = Place::new().file("config/monitor.toml", "[[instance]\nname = \"eu\"\n");
    let errors = place.load().expect_err("broken");
    assert!(
        errors.problems.iter().all(|problem| problem.key == "the file"),
        "{errors}"
    );
}

/// Every secret in one configuration, everywhere it can stand.
#[test]
fn no_secret_is_in_what_is_shown_debugged_or_warned_of() {
    let toml = "[[instance]]\nname = \"eu\"\nurl = \"http://eu.example/CA/api\"\nidentifier = \"CANARY1\"\nsecret = \"${SECRET_EU}\"\naccess_key = \"CANARY2\"\n\
        [[channel]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"https://u:CANARY@hooks.example/CANARY?CANARY\"\nsecret = \"whsec_CANARYCANARYCANARYCANARYCANARYCANARY\"\n\
        [[channel]]\nname = \"b\"\ntype = \"email\"\nto = \"a@example.com\"\nsmtp_url = \"smtp://user:CANARY@mx.example?tls=none\"\n\
        ";
    let dotenv = "WHMCS_API_ACCESS_KEY=CANARY\nSMTP_URL=smtps://user@mx.example\nSMTP_PASSWORD=CANARY\nSMTP_FROM=s@example.com\nALERT_EMAIL_TO=a@example.com\n\
        WEBHOOK_URL=https://hooks.example/CANARY\nWEBHOOK_SECRET=whsec_CANARYCANARYCANARYCANARYCANARYCANARY\nHTTP_TOKEN=CANARY-token\n\
        HEARTBEAT_URL=https://ping.example/CANARY\nSECRET_EU=CANARY\nWEBHOOK_SECRT=CANARY\n";
    let place = place(dotenv, toml);
    let config = place.load().unwrap_or_else(|errors| panic!("{errors}"));
    let said = format!(
        "{:?}\n{:#?}\n{}\n{:?}",
        config,
        config.effective(),
        warnings(&config),
        place.sources
    );
    assert!(
        !said.contains("CANARY"),
        "{}",
        said.lines()
            .find(|line| line.contains("CANARY"))
            .unwrap_or_default()
    );
    let shown: Vec<String> = config
        .effective()
        .iter()
        .map(|shown| format!("{} = {}", shown.key, shown.value))
        .collect();
    for line in [
        "SMTP_URL = smtps://***@mx.example",
        "WEBHOOK_URL = https://hooks.example/***",
        "HEARTBEAT_URL = https://ping.example/***",
        "channel \"a\": url = https://***@hooks.example/***",
        "channel \"b\": smtp_url = smtp://***@mx.example/***",
        "instance \"eu\": secret = ***",
        "WHMCS_API_URL = https://shop.example/includes/api.php",
    ] {
        assert!(
            shown.iter().any(|shown| shown == line),
            "{line} not in {shown:#?}"
        );
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn any_file_is_a_configuration_or_a_list_of_what_is_wrong(
        lines in proptest::collection::vec("(\\[\\[(rule|pool|channel|instance|capacity)\\]\\]|(low|for|name|to|url|type|uses|options|products|low_stock) = (3|\"x\"|\\[1, \"\"\\]|\\{ a = 1 \\}|\"\\$\\{X\\}\"|true|1.5))", 0..8)
    ) {
        match place("", &lines.join("\n")).load() {
            Ok(_) => {}
            Err(errors) => proptest::prop_assert!(!errors.problems.is_empty()),
        }
    }
}

#[test]
fn hints_have_a_secret_for_all_or_for_one_shop_and_a_distance() {
    let config = good("", "");
    assert!(config.http.hint_secret.is_none());
    assert_eq!(config.instances[0].hint_min_interval, Duration::from_secs(10));
    let file = "[[instance]]\nname = \"eu\"\nurl = \"https://eu.example/includes/api.php\"\nidentifier = \"x\"\n\
                secret = \"y\"\nhint_secret = \"four and twenty blackbirds\"\nhint_min_interval = \"0\"\n";
    let config = good(
        "HINT_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nHINT_MIN_INTERVAL=1m\n",
        file,
    );
    assert!(config.http.hint_secret.is_some() && config.instances[1].hint_secret.is_some());
    let distances = config
        .instances
        .iter()
        .map(|shop| shop.hint_min_interval.as_secs());
    assert_eq!(distances.collect::<Vec<_>>(), [60, 0]);
    let wrong = errors(
        "HINT_SECRET=whsec_CANARY!\nHINT_MIN_INTERVAL=soon\n",
        &file.replace("four and twenty", "CANARY"),
    );
    insta::assert_snapshot!(wrong, @r#"
    HINT_MIN_INTERVAL (.env line 5) is not a duration (it says "soon"). Write a number with a unit: 100ms, 30s, 5m, 1h30m, 7d.
    instance "eu": hint_secret (config/monitor.toml line 6) holds fewer than 24 bytes. Make one with: echo "whsec_$(openssl rand -base64 32)".
    HINT_SECRET (.env line 4) is not base64 after whsec_. Make one with: echo "whsec_$(openssl rand -base64 32)".
    "#);
}

#[test]
fn messages_link_to_the_page_where_its_address_is_given() {
    assert_eq!(good("", "").http.page_url, None);
    assert_eq!(good("PAGE_URL=", "").http.page_url, None);
    let config = good(
        "PAGE_URL=https://stock.example.com",
        "page_url = \"http://other.example/\"\n",
    );
    assert_eq!(
        config.http.page_url.as_deref(),
        Some("https://stock.example.com/"),
        "the environment wins"
    );
    let config = good("", "page_url = \"http://intranet:9717/stock/\"\n");
    assert_eq!(
        config.http.page_url.as_deref(),
        Some("http://intranet:9717/stock/")
    );
    let shown = config.effective().iter().find(|shown| shown.key == "PAGE_URL");
    assert_eq!(
        shown.map(|shown| shown.value.as_str()),
        Some("http://intranet:9717/stock/")
    );
    let long = format!("PAGE_URL=https://stock.example.com/{}", "x".repeat(500));
    insta::assert_snapshot!(errors(&long, ""), @"PAGE_URL (.env line 4) is longer than 500 characters. Give the page a shorter address.");
}

#[test]
fn an_empty_list_is_not_everything_in_any_table() {
    let tables = [
        (
            "[[rule]]\nlow = 3\n",
            &["instances", "groups", "products", "options", "combine"][..],
        ),
        (
            "[[capacity]]\ncapacity = 8\n",
            &["instances", "groups", "products", "options"][..],
        ),
        (
            "[[maintenance]]\nname = \"x\"\nschedule = \"0 2 * * SUN\"\nlasts = \"3h\"\n",
            &["instances", "groups", "products", "options", "pools"][..],
        ),
        (
            "[[metrics]]\n",
            &["instances", "groups", "products", "combinations"][..],
        ),
        (
            "[[report]]\nname = \"x\"\nschedule = \"0 8 * * *\"\n",
            &["instances", "groups"][..],
        ),
        (
            "[public]\nfields = [\"level\"]\n",
            &["instances", "groups", "products"][..],
        ),
    ];
    for (table, keys) in tables {
        let line = table.lines().count() + 1;
        for key in keys {
            let (empty, kind) = match *key {
                "options" => ("{}", "table"),
                _ => ("[]", "list"),
            };
            let found = errors("", &format!("{table}{key} = {empty}\n"));
            let said = format!(
                "{key} (config/monitor.toml line {line}) is an empty {kind}. At least one is needed, or leave the key out: then it is any."
            );
            assert!(found.contains(&said), "{table}{key}\ngave:\n{found}");
        }
    }
    // Whom to tell may be nobody.
    good(
        "WEBHOOK_URL=https://hooks.example/x\n",
        "[[rule]]\nlow = 3\nchannels = []\n",
    );
}
