//! The shops: the one of the environment and those of the file.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::Url;
use secrecy::SecretString;

use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys;
use crate::config::keys::Kind;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::section::Section;
use crate::config::sign_in::Ways;
use crate::config::urls;
use crate::config::values;
use crate::scheduler::Schedule;
use crate::whmcs::client::ApiSettings;
use crate::whmcs::form::SignIn;
use crate::whmcs::intake::Format;

/// One shop and when it is asked.
#[derive(Debug, Clone)]
pub struct InstanceConfig {
    pub name: String,
    pub api: ApiSettings,
    pub schedule: Schedule,
    /// What this shop signs its hints with, where it has a secret of its own.
    pub hint_secret: Option<SecretString>,
    /// The least between two polls that hints lead to.
    pub hint_min_interval: Duration,
}

/// The name of the environment's shop.
pub const DEFAULT: &str = "default";
/// The longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Before the second try of a request within a poll; doubles for the third.
const RETRY_BASE: Duration = Duration::from_secs(1);
/// Shops are asked this seldom without a warning.
const OFTEN: Duration = Duration::from_secs(30);

/// What an instance of the file takes over from the environment where it says nothing itself.
struct Shared {
    schedule: Option<Schedule>,
    response_type: Option<Format>,
    timeout: Option<Duration>,
    max_body: Option<u64>,
    max_requests: Option<usize>,
    details_interval: Option<Duration>,
    hint_min_interval: Option<Duration>,
}

/// The shops, and the names of those that are there but broken too.
pub struct Shops {
    pub good: Vec<InstanceConfig>,
    pub names: Vec<String>,
}

/// All shops; `zone` is where cron schedules count, `whole` whether the file could be read.
pub fn read(reader: &mut Reader, root: &mut Section<'_>, zone: &TimeZone, whole: bool) -> Shops {
    let shared = shared(reader, zone);
    let tables = root.tables(reader, "instance");
    let needed = whole && root.table.get("instance").is_none();
    let mut shops = Shops {
        good: Vec::new(),
        names: Vec::new(),
    };
    environment(reader, &shared, needed, &mut shops);
    for (index, table) in tables.into_iter().enumerate() {
        let mut section = Section::new(format!("instance {}", index + 1), table);
        let name = section.one(reader, "name", Kind::Plain, values::name);
        let name = unique(reader, &mut section, name, &mut shops.names);
        let instance = instance(reader, &mut section, name, &shared, zone);
        shops.good.extend(instance);
        section.finish(reader);
    }
    shops
}

/// A name that no other has; the section is called by it from here on.
pub fn unique(
    reader: &mut Reader,
    section: &mut Section<'_>,
    name: Given<Placed<String>>,
    names: &mut Vec<String>,
) -> Option<String> {
    let placed = match name {
        Given::Is(placed) => placed,
        Given::Absent => {
            let place = reader.line(section.table.line);
            let wrong = Wrong::new("is missing", "Give it a name: name = \"…\".");
            reader.findings.wrong(section.key("name"), place, wrong);
            return None;
        }
        Given::Broken => return None,
    };
    if names
        .iter()
        .any(|other| other.eq_ignore_ascii_case(&placed.value))
    {
        let wrong = Wrong::new("is a name that another one has", "Give each its own name.");
        reader.findings.wrong(section.key("name"), placed.place, wrong);
        return None;
    }
    names.push(placed.value.clone());
    if let Some((what, _)) = section.label.split_once(' ') {
        section.label = format!("{what} {:?}", placed.value);
    }
    Some(placed.value)
}

fn shared(reader: &mut Reader, zone: &TimeZone) -> Shared {
    let schedule = reader.setting(&keys::POLL_SCHEDULE, |text| Ok(Schedule::parse(text, zone)?));
    if let Given::Is(placed) = &schedule {
        warn_if_often(reader, keys::POLL_SCHEDULE.name, placed);
    }
    Shared {
        schedule: value(schedule),
        response_type: value(reader.setting(&keys::RESPONSE_TYPE, values::response_type)),
        timeout: value(reader.setting(&keys::API_TIMEOUT, values::time_limit)),
        max_body: value(reader.setting(&keys::MAX_BODY, values::size)),
        max_requests: value(reader.setting(&keys::MAX_REQUESTS, values::positive)),
        details_interval: value(reader.setting(&keys::DETAILS_INTERVAL, values::time_limit)),
        hint_min_interval: value(reader.setting(&keys::HINT_MIN_INTERVAL, values::distance)),
    }
}

fn value<T>(given: Given<Placed<T>>) -> Option<T> {
    given.good().map(|placed| placed.value)
}

/// The environment's shop; `needed` is whether there is no other.
fn environment(reader: &mut Reader, shared: &Shared, needed: bool, shops: &mut Shops) {
    let url = reader.setting(&keys::API_URL, urls::api_url);
    let ways = Ways::of_environment(reader);
    let access_key = reader.setting(&keys::API_ACCESS_KEY, values::secret);
    let insecure = reader.setting(&keys::ALLOW_INSECURE_TLS, values::flag);
    let ca_file = reader.setting(&keys::CA_FILE, values::text);
    let ca_file = certificates(reader, keys::CA_FILE.name, ca_file);
    let there = !url.is_absent() || !ways.is_absent();
    if !there && !needed {
        return;
    }
    let missing = |reader: &mut Reader, key: &str, [who, proof]: [&str; 2]| {
        let mend = format!(
            "Set {}, {who} and {proof} (in .env, for instance).",
            keys::API_URL.name
        );
        reader
            .findings
            .wrong(key, Place::Missing, Wrong::new("is not set", mend));
    };
    if url.is_absent() {
        missing(reader, keys::API_URL.name, ways.names());
    }
    let sign_in = ways.sign_in(reader, missing);
    if there {
        shops.names.push(DEFAULT.to_owned());
    }
    if let Given::Is(url) = &url {
        warn_about_url(reader, keys::API_URL.name, url);
    }
    warn_if_insecure(reader, keys::ALLOW_INSECURE_TLS.name, &insecure);
    let settings = || {
        Some(InstanceConfig {
            name: DEFAULT.to_owned(),
            api: api(Api {
                url: value(url)?,
                sign_in: sign_in?,
                access_key: value(access_key),
                insecure: value(insecure)?,
                ca_file: ca_file?,
                response_type: shared.response_type?,
                timeout: shared.timeout?,
                max_body: shared.max_body?,
                max_requests: shared.max_requests?,
                details_interval: shared.details_interval?,
            }),
            schedule: shared.schedule.clone()?,
            hint_secret: None,
            hint_min_interval: shared.hint_min_interval?,
        })
    };
    shops.good.extend(settings());
}

fn instance(
    reader: &mut Reader,
    section: &mut Section<'_>,
    name: Option<String>,
    shared: &Shared,
    zone: &TimeZone,
) -> Option<InstanceConfig> {
    let url = section.one(reader, "url", Kind::Url, urls::api_url);
    let ways = Ways::of_section(reader, section);
    let access_key = section.secret(reader, "access_key", Kind::Secret, values::secret);
    let insecure = section.one(reader, "allow_insecure_tls", Kind::Plain, values::flag);
    let ca_file = section.one(reader, "ca_file", Kind::Plain, values::text);
    let ca_file = certificates(reader, &section.key("ca_file"), ca_file);
    let response_type = section.one(reader, "response_type", Kind::Plain, values::response_type);
    let timeout = section.one(reader, "timeout", Kind::Plain, values::time_limit);
    let max_body = section.one(reader, "max_body", Kind::Plain, values::size);
    let max_requests = section.one(reader, "max_requests", Kind::Plain, values::positive);
    let details = section.one(reader, "details_interval", Kind::Plain, values::time_limit);
    let schedule = section.one(reader, "schedule", Kind::Plain, |text| {
        Ok(Schedule::parse(text, zone)?)
    });
    let hint_secret = section.secret(reader, "hint_secret", Kind::Secret, values::hint_secret);
    let distance = section.one(reader, "hint_min_interval", Kind::Plain, values::distance);
    if let Given::Is(schedule) = &schedule {
        warn_if_often(reader, &section.key("schedule"), schedule);
    }
    if let Given::Is(url) = &url {
        warn_about_url(reader, &section.key("url"), url);
    }
    warn_if_insecure(reader, &section.key("allow_insecure_tls"), &insecure);
    let place = reader.line(section.table.line);
    let missing = |reader: &mut Reader, key: &str, [who, proof]: [&str; 2]| {
        let mend = format!("An instance needs url, {who} and {proof}.");
        reader
            .findings
            .wrong(key, place.clone(), Wrong::new("is missing", mend));
    };
    if url.is_absent() {
        missing(reader, &section.key("url"), ways.names());
    }
    let sign_in = ways.sign_in(reader, missing);
    let api = api(Api {
        url: value(url)?,
        sign_in: sign_in?,
        access_key: value(access_key),
        insecure: or(insecure, Some(false))?,
        ca_file: ca_file?,
        response_type: or(response_type, shared.response_type)?,
        timeout: or(timeout, shared.timeout)?,
        max_body: or(max_body, shared.max_body)?,
        max_requests: or(max_requests, shared.max_requests)?,
        details_interval: or(details, shared.details_interval)?,
    });
    Some(InstanceConfig {
        name: name?,
        api,
        schedule: or(schedule, shared.schedule.clone())?,
        hint_secret: value(hint_secret),
        hint_min_interval: or(distance, shared.hint_min_interval)?,
    })
}

/// The value, or what is shared where nothing is said.
fn or<T>(given: Given<Placed<T>>, shared: Option<T>) -> Option<T> {
    if given.is_absent() { shared } else { value(given) }
}

struct Api {
    url: Url,
    sign_in: SignIn,
    access_key: Option<SecretString>,
    insecure: bool,
    ca_file: Option<PathBuf>,
    response_type: Format,
    timeout: Duration,
    max_body: u64,
    max_requests: usize,
    details_interval: Duration,
}

fn api(api: Api) -> ApiSettings {
    ApiSettings {
        url: api.url.into(),
        sign_in: api.sign_in,
        access_key: api.access_key,
        response_type: api.response_type,
        timeout: api.timeout,
        connect_timeout: api.timeout.min(CONNECT_TIMEOUT),
        allow_insecure_tls: api.insecure,
        ca_file: api.ca_file,
        max_body: api.max_body,
        details_interval: api.details_interval,
        max_requests: api.max_requests,
        retry_base: RETRY_BASE,
    }
}

/// The path of a file of certificates; `None` where it is no such file.
fn certificates(reader: &mut Reader, key: &str, given: Given<Placed<String>>) -> Option<Option<PathBuf>> {
    let placed = match given {
        Given::Absent => return Some(None),
        Given::Broken => return None,
        Given::Is(placed) => placed,
    };
    let path = reader.overlay.path(&placed.value);
    let wrong = match std::fs::read(&path) {
        Ok(bytes) if String::from_utf8_lossy(&bytes).contains("-----BEGIN CERTIFICATE-----") => {
            return Some(Some(path));
        }
        Ok(_) => Wrong::new(
            "names a file without a certificate",
            "Give a PEM file (-----BEGIN CERTIFICATE-----).",
        ),
        Err(error) => Wrong::new(
            format!("names a file that cannot be read: {}", error.kind()),
            "Check its path and permissions.",
        ),
    };
    reader.findings.wrong(key, placed.place, wrong);
    None
}

fn warn_about_url(reader: &mut Reader, key: &str, url: &Placed<Url>) {
    let mut warn = |problem: &str, mend: &str| {
        reader
            .findings
            .warn(key, url.place.clone(), Wrong::new(problem, mend));
    };
    if url.value.scheme() == "http" && !urls::is_loopback(&url.value) {
        warn(
            "sends the API credentials over the network unencrypted (http)",
            "Use https.",
        );
    }
    if !url.value.path().ends_with(".php") {
        warn(
            "does not end in .php",
            "WHMCS's API is at https://…/includes/api.php, below the address of the shop.",
        );
    }
}

fn warn_if_insecure(reader: &mut Reader, key: &str, insecure: &Given<Placed<bool>>) {
    if let Given::Is(Placed { value: true, place }) = insecure {
        let wrong = Wrong::new(
            "turns off the check of the server's certificate: anyone in between can read the API credentials",
            "Give the CA's certificate as WHMCS_CA_FILE (ca_file in the file) instead.",
        );
        reader.findings.warn(key, place.clone(), wrong);
    }
}

fn warn_if_often(reader: &mut Reader, key: &str, schedule: &Placed<Schedule>) {
    // Any moment will do: a warning may be off by a change of the clocks.
    if schedule.value.typical_interval(Timestamp::UNIX_EPOCH) < OFTEN {
        let wrong = Wrong::new(
            "asks WHMCS more often than every 30 s",
            "Every poll is work for the shop.",
        );
        reader.findings.warn(key, schedule.place.clone(), wrong);
    }
}
