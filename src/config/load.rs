//! File plus environment become one checked value, or a list of all that is wrong.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use reqwest::Url;
use secrecy::SecretString;

use crate::config::capacities;
use crate::config::channels;
use crate::config::channels::ChannelConfig;
use crate::config::daemon;
use crate::config::daemon::HttpConfig;
use crate::config::daemon::LogConfig;
use crate::config::file;
use crate::config::file::Table;
use crate::config::findings::ConfigErrors;
use crate::config::findings::Findings;
use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Problem;
use crate::config::findings::Shown;
use crate::config::findings::Wrong;
use crate::config::instances;
use crate::config::instances::InstanceConfig;
use crate::config::keys;
use crate::config::maintenance;
use crate::config::metrics;
use crate::config::overlay::Overlay;
use crate::config::overlay::Sources;
use crate::config::public;
use crate::config::reader::Reader;
use crate::config::reports;
use crate::config::reports::ReportConfig;
use crate::config::retention;
use crate::config::rules;
use crate::config::rules::Names;
use crate::config::section::Section;
use crate::config::urls;
use crate::domain::alerting::rules::Rules;
use crate::domain::capacity::Capacities;
use crate::domain::feed::Feed;
use crate::domain::metrics::CombinationSeries;
use crate::domain::retention::Retention;
use crate::maintenance::Window;
use crate::store::db::StoreSettings;

/// Everything the daemon goes by, checked.
#[derive(Debug)]
pub struct Config {
    /// At least one.
    pub instances: Vec<InstanceConfig>,
    pub channels: Vec<ChannelConfig>,
    /// With the channels' policies, in the order of `channels`. The epoch is a hash of the rules and channels.
    pub rules: Arc<Rules>,
    pub capacities: Arc<Capacities>,
    /// Which combinations have series in the metrics.
    pub combinations: Arc<CombinationSeries>,
    /// Times that come again and again, in which nothing is told of what they match.
    pub windows: Arc<[Window]>,
    /// What anybody may see without a sign-in; nothing where `None`.
    pub public: Option<Arc<Feed>>,
    pub timezone: TimeZone,
    /// Its IANA name.
    pub timezone_name: String,
    /// In `timezone`.
    pub reminder_at: Time,
    /// Flips of a series a day before it counts as flapping; 0 turns that off.
    pub flap_limit: u32,
    pub store: StoreSettings,
    pub retention: Retention,
    pub http: HttpConfig,
    pub log: LogConfig,
    pub reports: Vec<ReportConfig>,
    /// Asked after each good round of polls; secret, since it often holds a token.
    pub heartbeat_url: Option<SecretString>,
    /// What to be wary of; said at every start.
    pub warnings: Vec<Problem>,
    shown: Vec<Shown>,
}

/// What is sound of a configuration, whatever else is wrong: for whoever looks for more mistakes, never to run by.
#[derive(Debug)]
pub struct Sound {
    pub instances: Vec<InstanceConfig>,
    pub channels: Vec<ChannelConfig>,
    pub timezone: TimeZone,
    pub store: Option<StoreSettings>,
    /// None where one of them is wrong.
    pub reports: Vec<ReportConfig>,
    pub heartbeat_url: Option<SecretString>,
    shown: Vec<Shown>,
}

impl Sound {
    /// Whether that key is set, by whatever way.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.shown.iter().any(|shown| shown.key == key)
    }
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// All that is wrong, at once, each with its key, its place and the mend; never a secret.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        Self::read(sources, None)
    }

    /// The same, as if the configuration file held this text.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_as_if(sources: &Sources, text: &str) -> Result<Self, ConfigErrors> {
        Self::read(sources, Some(text))
    }

    /// The same, with the parts that are sound, whatever is wrong with others.
    pub fn salvage(sources: &Sources) -> (Sound, Result<Self, ConfigErrors>) {
        Self::parts(sources, None)
    }

    fn read(sources: &Sources, text: Option<&str>) -> Result<Self, ConfigErrors> {
        Self::parts(sources, text).1
    }

    fn parts(sources: &Sources, text: Option<&str>) -> (Sound, Result<Self, ConfigErrors>) {
        let mut findings = Findings::default();
        let overlay = Overlay::read(sources, &mut findings);
        let (path, table) = open_file(&overlay, sources, text, &mut findings);
        let whole = table.is_some();
        let (settings, rest) = table.unwrap_or_default().partition(is_setting);
        let mut reader = Reader {
            overlay,
            path,
            file: settings,
            findings,
        };
        let (sound, config) = read(&mut reader, &rest, whole);
        look_for_typos(&mut reader);
        let Findings {
            problems,
            warnings,
            shown,
        } = reader.findings;
        let sound = Sound {
            shown: shown.clone(),
            ..sound
        };
        let config = match config {
            Some(config) if problems.is_empty() => Ok(Self {
                warnings,
                shown,
                ..config
            }),
            Some(_) | None => Err(ConfigErrors { problems, warnings }),
        };
        (sound, config)
    }

    /// What holds and where it comes from, secrets hidden.
    #[must_use]
    pub fn effective(&self) -> &[Shown] {
        &self.shown
    }
}

/// Where the configuration file is, or would be: as messages name it, and as the process finds it.
#[must_use]
pub fn file_of(sources: &Sources) -> (PathBuf, PathBuf) {
    let overlay = Overlay::read(sources, &mut Findings::default());
    let (path, _) = named(&overlay, sources);
    let found = overlay.path(&path);
    (path, found)
}

fn named(overlay: &Overlay, sources: &Sources) -> (PathBuf, Place) {
    let key = &keys::CONFIG_FILE;
    let default = key.default.unwrap_or_default();
    match (&sources.config_file, overlay.plain(key.name)) {
        (Some(path), _) => (path.clone(), Place::CommandLine),
        (None, Given::Is(found)) => (PathBuf::from(found.text.trim()), found.place),
        (None, Given::Absent | Given::Broken) => (PathBuf::from(default), Place::Default),
    }
}

/// The file's path as messages name it, and what stands in it (`given`, where that is to count): nothing where there is
/// no file, `None` where it cannot be read.
fn open_file(
    overlay: &Overlay,
    sources: &Sources,
    given: Option<&str>,
    findings: &mut Findings,
) -> (String, Option<Table>) {
    let key = &keys::CONFIG_FILE;
    let (path, place) = named(overlay, sources);
    let name = path.display().to_string();
    if let Some(text) = given {
        findings.show(key.name, &name, &place);
        let table = file::read(&name, text, findings);
        return (name, table);
    }
    let (text, wrong) = match fs::read(overlay.path(&path)).map(String::from_utf8) {
        Ok(Ok(text)) => (text, None),
        Err(error) if error.kind() == io::ErrorKind::NotFound && place == Place::Default => {
            findings.show(key.name, "none", &place);
            return (name, Some(Table::default()));
        }
        Ok(Err(_)) => (
            String::new(),
            Some(Wrong::new(
                "names a file that is not UTF-8 text",
                "Save it as UTF-8.",
            )),
        ),
        Err(error) => {
            let problem = format!("names a file that cannot be read: {name}: {}", error.kind());
            (
                String::new(),
                Some(Wrong::new(problem, "Check its path and permissions.")),
            )
        }
    };
    if let Some(wrong) = wrong {
        findings.wrong(key.name, place, wrong);
        return (name, None);
    }
    findings.show(key.name, &name, &place);
    let table = file::read(&name, &text, findings);
    (name, table)
}

/// Every part, each checked even where another is broken. `whole` is whether the file could be read.
fn read(reader: &mut Reader, root: &Table, whole: bool) -> (Sound, Option<Config>) {
    let mut root = Section::new("", root);
    for key in keys::ALL.iter().filter(|key| **key != &keys::CONFIG_FILE) {
        root.know(&key.name.to_lowercase());
    }
    let zone = daemon::zone(reader);
    // Whether a schedule can be read does not depend on the zone.
    let timezone = zone.as_ref().map_or(TimeZone::UTC, |zone| zone.zone.clone());
    let shops = instances::read(reader, &mut root, &timezone, whole);
    let reminders = daemon::reminders(reader);
    let store = daemon::store(reader);
    let retention = retention::read(reader);
    let report = reports::environment(reader, &timezone);
    let report_tables = root.tables(reader, "report");
    let mails = report.mails() || report_tables.iter().any(|table| reports::mails(table));
    let telling = channels::read(reader, &mut root, &timezone, mails);
    let names = Names {
        instances: shops.names,
        channels: telling.names.clone(),
    };
    let reports = reports::read(reader, report, report_tables, (&telling, &names), &timezone);
    let policies = telling.good.iter().map(ChannelConfig::policy).collect();
    let rules = rules::read(reader, &mut root, &names, policies);
    let capacities = capacities::read(reader, &mut root, &names);
    let windows = maintenance::read(reader, &mut root, &timezone, &names, &capacities);
    let combinations = metrics::read(reader, &mut root, &names);
    let public = public::read(reader, &mut root, &names);
    let http = daemon::http(reader);
    let heartbeat = reader.setting(&keys::HEARTBEAT_URL, heartbeat_url).good();
    let heartbeat_url = heartbeat.map(|url| SecretString::from(String::from(url.value)));
    let log = daemon::log(reader);
    root.finish(reader);
    if names.channels.is_empty() && whole {
        let (problem, mend) = match reports.as_deref().unwrap_or_default() {
            [] => ("nobody is told anything", "Set one of them."),
            [..] => (
                "only reports are sent, no alerts",
                "Set one of them to be told at once.",
            ),
        };
        let problem = format!("are not set, and the file has no channel: {problem}");
        let wrong = Wrong::new(problem, mend);
        reader
            .findings
            .warn("ALERT_EMAIL_TO and WEBHOOK_URL", Place::Missing, wrong);
    }
    let sound = Sound {
        instances: shops.good.clone(),
        channels: telling.good.clone(),
        timezone,
        store: store.clone(),
        reports: reports.clone().unwrap_or_default(),
        heartbeat_url: heartbeat_url.clone(),
        shown: Vec::new(),
    };
    let config = || {
        let zone = zone?;
        let (reminder_at, flap_limit) = reminders?;
        let mut rules = rules::under(rules?, &capacities);
        rules.flap_limit = flap_limit;
        Some(Config {
            instances: shops.good,
            channels: telling.good,
            rules: Arc::new(rules),
            capacities: Arc::new(capacities),
            combinations: Arc::new(combinations?),
            windows,
            public,
            timezone: zone.zone,
            timezone_name: zone.name,
            reminder_at,
            flap_limit,
            store: store?,
            retention: retention?,
            http: http?,
            log: log?,
            reports: reports?,
            heartbeat_url,
            warnings: Vec::new(),
            shown: Vec::new(),
        })
    };
    (sound, config())
}

fn heartbeat_url(text: &str) -> Result<Url, Wrong> {
    let url = urls::web_url(text)?;
    if urls::is_link_local(&url) {
        return Err(Wrong::new(
            "names a link-local address (cloud metadata services have such)",
            "Give the address of the service that is to notice silence.",
        ));
    }
    Ok(url)
}

/// Whether a key at the top of the file is a setting of the environment in lower case.
fn is_setting(key: &str) -> bool {
    let upper = key.to_uppercase();
    key == key.to_lowercase() && upper != keys::CONFIG_FILE.name && keys::is_known(&upper)
}

fn look_for_typos(reader: &mut Reader) {
    let variables: Vec<(String, Place)> = reader
        .overlay
        .names()
        .map(|(name, place)| (name.to_owned(), place))
        .collect();
    for (variable, place) in variables {
        if reader.overlay.was_used(&variable) {
            continue;
        }
        let Some(near) = keys::misspelt(&variable) else {
            continue;
        };
        let mend = match near {
            Some(near) if variable == format!("{near}_FILE") => {
                format!("Only secrets can be given as a file: set {near}.")
            }
            Some(near) => format!("Did you mean {near}?"),
            None => "See docs/configuration.md for the settings there are.".to_owned(),
        };
        reader.findings.warn(
            variable,
            place,
            Wrong::new("is not a setting and does nothing", mend),
        );
    }
}

#[cfg(test)]
mod tests;
