//! What concerns the daemon itself: database, page, log, time zone.

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use secrecy::SecretString;

use crate::config::access;
use crate::config::access::AccessConfig;
use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::urls;
use crate::config::values;
use crate::store::db::StoreSettings;

/// The page, the API and the metrics.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    pub listen: SocketAddr,
    /// For page and API, and for metrics unless `metrics_public`.
    pub access: AccessConfig,
    /// May listen beyond loopback without credentials.
    pub allow_public: bool,
    pub metrics_public: bool,
    /// Where people reach the page; messages and reports link there.
    pub page_url: Option<String>,
    /// What hints are signed with that may be about any shop.
    pub hint_secret: Option<SecretString>,
}

impl HttpConfig {
    /// The host name under which people reach the page.
    #[must_use]
    pub fn page_host(&self) -> Option<String> {
        let url = reqwest::Url::parse(self.page_url.as_deref()?).ok()?;
        url.host_str().map(str::to_lowercase)
    }
}

/// The log on stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// In the syntax of `RUST_LOG`, checked.
    pub level: String,
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// The time zone and what people call it.
#[derive(Debug, Clone)]
pub struct Zone {
    pub zone: TimeZone,
    pub name: String,
}

/// `TIMEZONE`
pub fn zone(reader: &mut Reader) -> Option<Zone> {
    let zone = reader.setting(&keys::TIMEZONE, values::time_zone).good()?.value;
    let name = zone.iana_name().unwrap_or("UTC").to_owned();
    Some(Zone { zone, name })
}

/// `REMINDER_AT` and `FLAP_LIMIT`
pub fn reminders(reader: &mut Reader) -> Option<(Time, u32)> {
    let at = reader.setting(&keys::REMINDER_AT, values::time_of_day);
    let limit = reader.setting(&keys::FLAP_LIMIT, |text| {
        let limit = values::count(text)?;
        u32::try_from(limit)
            .map_err(|_| Wrong::new("is too large", "Write a number such as 6, or 0 for none."))
    });
    Some((at.good()?.value, limit.good()?.value))
}

/// `DATABASE_URL`; under systemd the default lies in the unit's state directory.
pub fn store(reader: &mut Reader) -> Option<StoreSettings> {
    let placed = reader.setting(&keys::DATABASE_URL, database_path).good()?;
    let mut path = PathBuf::from(placed.value);
    if placed.place == Place::Default
        && let Given::Is(dirs) = reader.overlay.plain("STATE_DIRECTORY")
        && let Some(dir) = dirs.text.split(':').find(|dir| !dir.is_empty())
    {
        path = PathBuf::from(dir).join("stock.db");
        if let Some(shown) = reader
            .findings
            .shown
            .iter_mut()
            .find(|shown| shown.key == keys::DATABASE_URL.name)
        {
            shown.value = format!("sqlite://{}", path.display());
        }
    }
    let path = reader.overlay.path(path);
    if path.is_dir() {
        let wrong = Wrong::new("names a folder", "Name the file in it: sqlite://data/stock.db.");
        reader
            .findings
            .wrong(keys::DATABASE_URL.name, placed.place, wrong);
        return None;
    }
    Some(StoreSettings { path })
}

fn database_path(text: &str) -> Result<String, Wrong> {
    let form = "Write sqlite://data/stock.db, or sqlite:///var/lib/stock.db for an absolute path.";
    let text = values::text(text)?;
    let scheme = text.split(':').next().unwrap_or_default().to_lowercase();
    let path = text
        .strip_prefix("sqlite://")
        .or_else(|| text.strip_prefix("sqlite:"));
    match (scheme.as_str(), path) {
        ("sqlite", Some(path)) if path.contains(['?', '#']) => Err(Wrong::new(
            "holds options after the path",
            "Remove what begins at the ? or #.",
        )),
        ("sqlite", Some("" | ":memory:" | "/")) => Err(Wrong::new("names no file", form)),
        ("sqlite", Some(path)) => Ok(path.to_owned()),
        ("postgres" | "postgresql", _) => Err(Wrong::new(
            "names a PostgreSQL database, which this version does not support yet",
            form,
        )),
        _ => Err(Wrong::new("is not the URL of an SQLite database", form)),
    }
}

/// What listens where, and who may look.
pub fn http(reader: &mut Reader) -> Option<HttpConfig> {
    let listen = reader.setting(&keys::HTTP_LISTEN, values::listen);
    let access = access::read(reader);
    let allow_public = reader.setting(&keys::HTTP_ALLOW_PUBLIC, values::flag);
    let metrics_public = reader.setting(&keys::METRICS_PUBLIC, values::flag);
    let page_url = reader.setting(&keys::PAGE_URL, urls::page_url);
    let hint_secret = reader.setting(&keys::HINT_SECRET, values::hint_secret);
    let allowed = matches!(&allow_public, Given::Is(Placed { value: true, .. }));
    if let Given::Is(listen) = &listen
        && !listen.value.ip().is_loopback()
        && access.as_ref().is_some_and(|access| !access.is_closed())
        && !allowed
    {
        let wrong = Wrong::new(
            "is open to the network, and no HTTP_TOKEN protects it",
            "Set HTTP_TOKEN (or users: WEB_CONFIG_FILE), listen on 127.0.0.1, or set HTTP_ALLOW_PUBLIC=true if everybody may look.",
        );
        reader
            .findings
            .wrong(keys::HTTP_LISTEN.name, listen.place.clone(), wrong);
    }
    let hint_secret = match hint_secret {
        Given::Absent => None,
        Given::Is(secret) => Some(secret.value),
        Given::Broken => return None,
    };
    let page_url = match page_url {
        Given::Absent => None,
        Given::Is(url) => Some(url.value.into()),
        Given::Broken => return None,
    };
    Some(HttpConfig {
        listen: listen.good()?.value,
        access: access?,
        allow_public: allow_public.good()?.value,
        metrics_public: metrics_public.good()?.value,
        page_url,
        hint_secret,
    })
}

/// `LOG_LEVEL` (else `RUST_LOG`) and `LOG_FORMAT`
pub fn log(reader: &mut Reader) -> Option<LogConfig> {
    let level = reader.setting(&keys::LOG_LEVEL, values::log_filter);
    let format = reader.setting(&keys::LOG_FORMAT, |text| match text.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Wrong::new("is neither text nor json", "Write text or json.")),
    });
    let mut level = level.good()?;
    if level.place == Place::Default
        && let Given::Is(found) = reader.overlay.plain("RUST_LOG")
    {
        match values::log_filter(&found.text) {
            Ok(value) => {
                reader
                    .findings
                    .shown
                    .retain(|shown| shown.key != keys::LOG_LEVEL.name);
                reader.findings.show(keys::LOG_LEVEL.name, &value, &found.place);
                level.value = value;
            }
            Err(wrong) => reader.findings.warn("RUST_LOG", found.place, wrong),
        }
    }
    Some(LogConfig {
        level: level.value,
        format: format.good()?.value,
    })
}
