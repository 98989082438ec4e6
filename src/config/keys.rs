//! The settings of the environment: their names, their defaults, and what may be shown of them.

/// What may be shown of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everything.
    Plain,
    /// Everything once it is checked; a bad one may hold a password and is not quoted.
    Url,
    /// Nothing.
    Secret,
    /// Scheme and host.
    SecretUrl,
}

impl Kind {
    /// Whether it can be given as `NAME_FILE` or as a systemd credential.
    #[must_use]
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::SecretUrl)
    }
}

/// One setting. In the configuration file it is called the same, in lower case.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    /// As it would be written.
    pub default: Option<&'static str>,
}

const fn key(name: &'static str, kind: Kind, default: Option<&'static str>) -> Key {
    Key { name, kind, default }
}

pub const API_URL: Key = key("WHMCS_API_URL", Kind::Url, None);
pub const API_IDENTIFIER: Key = key("WHMCS_API_IDENTIFIER", Kind::Secret, None);
pub const API_SECRET: Key = key("WHMCS_API_SECRET", Kind::Secret, None);
pub const API_USERNAME: Key = key("WHMCS_API_USERNAME", Kind::Secret, None);
pub const API_PASSWORD: Key = key("WHMCS_API_PASSWORD", Kind::Secret, None);
pub const API_ACCESS_KEY: Key = key("WHMCS_API_ACCESS_KEY", Kind::Secret, None);
pub const RESPONSE_TYPE: Key = key("WHMCS_RESPONSE_TYPE", Kind::Plain, Some("json"));
pub const API_TIMEOUT: Key = key("WHMCS_API_TIMEOUT", Kind::Plain, Some("30s"));
pub const ALLOW_INSECURE_TLS: Key = key("WHMCS_ALLOW_INSECURE_TLS", Kind::Plain, Some("false"));
pub const CA_FILE: Key = key("WHMCS_CA_FILE", Kind::Plain, None);
pub const MAX_BODY: Key = key("WHMCS_MAX_BODY", Kind::Plain, Some("1GiB"));
pub const MAX_REQUESTS: Key = key("WHMCS_MAX_REQUESTS", Kind::Plain, Some("2"));
pub const POLL_SCHEDULE: Key = key("POLL_SCHEDULE", Kind::Plain, Some("every 5m"));
pub const DETAILS_INTERVAL: Key = key("DETAILS_INTERVAL", Kind::Plain, Some("1h"));
pub const SOURCE_DOWN_AFTER: Key = key("SOURCE_DOWN_AFTER", Kind::Plain, Some("15m"));
pub const SOURCE_DOWN_POLLS: Key = key("SOURCE_DOWN_POLLS", Kind::Plain, Some("3"));
pub const REMINDER_AT: Key = key("REMINDER_AT", Kind::Plain, Some("09:00"));
pub const FLAP_LIMIT: Key = key("FLAP_LIMIT", Kind::Plain, Some("6"));
pub const TIMEZONE: Key = key("TIMEZONE", Kind::Plain, Some("UTC"));
pub const DATABASE_URL: Key = key("DATABASE_URL", Kind::Url, Some("sqlite://data/stock.db"));
pub const RETENTION_CHANGES: Key = key("RETENTION_CHANGES", Kind::Plain, Some("400d"));
pub const RETENTION_EVENTS: Key = key("RETENTION_EVENTS", Kind::Plain, Some("800d"));
pub const RETENTION_MESSAGES: Key = key("RETENTION_MESSAGES", Kind::Plain, Some("90d"));
pub const RETENTION_SIZE: Key = key("RETENTION_SIZE", Kind::Plain, None);
pub const LOW_STOCK: Key = key("LOW_STOCK", Kind::Plain, Some("5"));
pub const CRITICAL_STOCK: Key = key("CRITICAL_STOCK", Kind::Plain, Some("1"));
pub const FIRST_RUN: Key = key("FIRST_RUN", Kind::Plain, Some("summary"));
pub const SMTP_URL: Key = key("SMTP_URL", Kind::SecretUrl, None);
pub const SMTP_PASSWORD: Key = key("SMTP_PASSWORD", Kind::Secret, None);
pub const SMTP_FROM: Key = key("SMTP_FROM", Kind::Plain, None);
pub const ALERT_EMAIL_TO: Key = key("ALERT_EMAIL_TO", Kind::Plain, None);
pub const WEBHOOK_URL: Key = key("WEBHOOK_URL", Kind::SecretUrl, None);
pub const WEBHOOK_FORMAT: Key = key("WEBHOOK_FORMAT", Kind::Plain, Some("standard"));
pub const WEBHOOK_SECRET: Key = key("WEBHOOK_SECRET", Kind::Secret, None);
pub const REPORT_SCHEDULE: Key = key("REPORT_SCHEDULE", Kind::Plain, None);
pub const REPORT_PERIOD: Key = key("REPORT_PERIOD", Kind::Plain, None);
pub const REPORT_EMAIL_TO: Key = key("REPORT_EMAIL_TO", Kind::Plain, None);
pub const HTTP_LISTEN: Key = key("HTTP_LISTEN", Kind::Plain, Some("127.0.0.1:9717"));
pub const HTTP_TOKEN: Key = key("HTTP_TOKEN", Kind::Secret, None);
pub const HTTP_READ_TOKEN: Key = key("HTTP_READ_TOKEN", Kind::Secret, None);
pub const HTTP_READ_USERS: Key = key("HTTP_READ_USERS", Kind::Plain, None);
pub const WEB_CONFIG_FILE: Key = key("WEB_CONFIG_FILE", Kind::Plain, None);
pub const HTTP_ALLOWED_HOSTS: Key = key("HTTP_ALLOWED_HOSTS", Kind::Plain, None);
pub const HTTP_TRUSTED_PROXIES: Key = key("HTTP_TRUSTED_PROXIES", Kind::Plain, None);
pub const HTTP_MAX_TRIES: Key = key("HTTP_MAX_TRIES", Kind::Plain, Some("10"));
pub const HTTP_ALLOW_PUBLIC: Key = key("HTTP_ALLOW_PUBLIC", Kind::Plain, Some("false"));
pub const METRICS_PUBLIC: Key = key("METRICS_PUBLIC", Kind::Plain, Some("false"));
pub const METRICS_COMBINATIONS: Key = key("METRICS_COMBINATIONS", Kind::Plain, Some("all"));
pub const METRICS_MAX_COMBINATIONS: Key = key("METRICS_MAX_COMBINATIONS", Kind::Plain, Some("20000"));
pub const PAGE_URL: Key = key("PAGE_URL", Kind::Url, None);
pub const HINT_SECRET: Key = key("HINT_SECRET", Kind::Secret, None);
pub const HINT_MIN_INTERVAL: Key = key("HINT_MIN_INTERVAL", Kind::Plain, Some("10s"));
pub const HEARTBEAT_URL: Key = key("HEARTBEAT_URL", Kind::SecretUrl, None);
pub const LOG_LEVEL: Key = key("LOG_LEVEL", Kind::Plain, Some("info"));
pub const LOG_FORMAT: Key = key("LOG_FORMAT", Kind::Plain, Some("text"));
pub const CONFIG_FILE: Key = key("CONFIG_FILE", Kind::Plain, Some("config/monitor.toml"));

/// Every setting, in the order of the documentation.
pub const ALL: [&Key; 56] = [
    &API_URL,
    &API_IDENTIFIER,
    &API_SECRET,
    &API_USERNAME,
    &API_PASSWORD,
    &API_ACCESS_KEY,
    &RESPONSE_TYPE,
    &API_TIMEOUT,
    &ALLOW_INSECURE_TLS,
    &CA_FILE,
    &MAX_BODY,
    &MAX_REQUESTS,
    &POLL_SCHEDULE,
    &DETAILS_INTERVAL,
    &SOURCE_DOWN_AFTER,
    &SOURCE_DOWN_POLLS,
    &REMINDER_AT,
    &FLAP_LIMIT,
    &TIMEZONE,
    &DATABASE_URL,
    &RETENTION_CHANGES,
    &RETENTION_EVENTS,
    &RETENTION_MESSAGES,
    &RETENTION_SIZE,
    &LOW_STOCK,
    &CRITICAL_STOCK,
    &FIRST_RUN,
    &SMTP_URL,
    &SMTP_PASSWORD,
    &SMTP_FROM,
    &ALERT_EMAIL_TO,
    &WEBHOOK_URL,
    &WEBHOOK_FORMAT,
    &WEBHOOK_SECRET,
    &REPORT_SCHEDULE,
    &REPORT_PERIOD,
    &REPORT_EMAIL_TO,
    &HTTP_LISTEN,
    &HTTP_TOKEN,
    &HTTP_READ_TOKEN,
    &HTTP_READ_USERS,
    &WEB_CONFIG_FILE,
    &HTTP_ALLOWED_HOSTS,
    &HTTP_TRUSTED_PROXIES,
    &HTTP_MAX_TRIES,
    &HTTP_ALLOW_PUBLIC,
    &METRICS_PUBLIC,
    &METRICS_COMBINATIONS,
    &METRICS_MAX_COMBINATIONS,
    &PAGE_URL,
    &HINT_SECRET,
    &HINT_MIN_INTERVAL,
    &HEARTBEAT_URL,
    &LOG_LEVEL,
    &LOG_FORMAT,
    &CONFIG_FILE,
];

/// Whether a variable is a setting, or the `_FILE` of a secret one.
#[must_use]
pub fn is_known(variable: &str) -> bool {
    ALL.iter().any(|key| {
        variable == key.name || (key.kind.is_secret() && variable.strip_suffix("_FILE") == Some(key.name))
    })
}

/// Beginnings of names that are ours alone.
const PREFIXES: [&str; 16] = [
    "WHMCS_",
    "SMTP_",
    "WEBHOOK_",
    "POLL_",
    "ALERT_",
    "REPORT_",
    "SOURCE_DOWN_",
    "LOW_STOCK",
    "CRITICAL_STOCK",
    "REMINDER_",
    "FLAP_",
    "DETAILS_",
    "HEARTBEAT_",
    "HINT_",
    "METRICS_",
    "RETENTION_",
];

/// The setting that a variable was probably meant to be; `Some(None)` where it looks like one of ours, but like none
/// in particular.
#[must_use]
pub fn misspelt(variable: &str) -> Option<Option<&'static str>> {
    if is_known(variable) {
        return None;
    }
    let upper = variable.to_uppercase();
    let base = upper.strip_suffix("_FILE").unwrap_or(&upper);
    let near = nearest(base, ALL.iter().map(|key| key.name));
    let ours = PREFIXES.iter().any(|prefix| upper.starts_with(prefix));
    (near.is_some() || ours).then_some(near)
}

/// The candidate that is a typing mistake away (two for long names), where there is one.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = if word.chars().count() < 8 { 1 } else { 2 };
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_recognised_and_foreign_variables_are_left_alone() {
        for (variable, meant) in [
            ("LOW_STOK", Some(Some("LOW_STOCK"))),
            ("low_stock", Some(Some("LOW_STOCK"))),
            ("TIMEZON", Some(Some("TIMEZONE"))),
            ("WHMCS_API_SECRT_FILE", Some(Some("WHMCS_API_SECRET"))),
            ("LOW_STOCK_FILE", Some(Some("LOW_STOCK"))),
            ("SMTP_HOST", Some(None)),
            ("LOW_STOCK", None),
            ("SMTP_URL_FILE", None),
            ("HTTP_PROXY", None),
            ("PATH", None),
            ("TZ", None),
            ("LOGNAME", None),
            ("EU_SECRET", None),
        ] {
            assert_eq!(misspelt(variable), meant, "{variable}");
        }
    }

    #[test]
    fn no_setting_stands_twice() {
        for (i, key) in ALL.iter().enumerate() {
            assert!(
                ALL[..i].iter().all(|other| other.name != key.name),
                "{}",
                key.name
            );
        }
    }
}
